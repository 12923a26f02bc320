/*
 * One question to a world: whether somebody reaches somebody, with a proof: the pair that shows it,
 * or the pair that shows the contrary.
 */
#ifndef NPC_ANALYSIS_QUERY_H
#define NPC_ANALYSIS_QUERY_H

#include "analysis/explain.h"

struct query {
    /* NAMESPACE, NAMESPACE/NAME (of a pod, a workload or an owner), node:NAME, address or CIDR. */
    struct str from, to;
    struct str port;             /* "tcp/80", "udp/8000-8080", "icmp/8"; empty: anything at all */
    const struct portset *ports; /* the same as a set; NULL: see port */
    bool from_host, to_host;     /* that end is the world's host, whatever its address is */
};

enum query_verdict {
    QUERY_YES,    /* every pair, all that was asked for (without a port: something) */
    QUERY_PARTLY, /* some of it */
    QUERY_NO      /* nothing; or no two ends have a family of addresses in common */
};

struct query_pair { /* two members, or addresses, of one family */
    struct str from, to;
    struct explain_end source, target;
    enum family family;
    bool by_family;   /* the other family has another answer */
    bool kept;        /* no policy allows it, but it always passes */
    uint32_t allowed; /* traffic, of what was asked for */
    uint32_t denied;
};

struct query_answer {
    const struct world *world;
    enum query_verdict verdict;
    bool any_traffic;                   /* no port was asked for */
    size_t pairs, whole, nothing, free; /* of endpoints; free: never filtered, not in the others */
    struct query_pair *shown;           /* a pair that has it all, or NULL */
    struct query_pair *counter;         /* a pair that has not, the one that misses most; or NULL */
    struct str lacks; /* empty, or why there is no pair: "shop/db has no IPv6 address" */
};

/* Answers; in a world with a host only about pairs with it. NULL if an error was reported: an end
 * that is not there (NPC902) or is no end (NPC901). Memory is the context's of the world. */
const struct query_answer *query_ask(const struct world *w, const struct query *q);

/* Prints the answer in a sentence, and with `explain` the reason as a chain: the policies that
 * select each end, the rule that allows it, or what each rule misses. */
void query_text(const struct query_answer *a, bool explain, struct buf *out);
void query_json(const struct query_answer *a, bool explain, struct buf *out);

#endif
