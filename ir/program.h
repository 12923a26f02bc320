/*
 * A program: all policies, tiers, tests and the inventory of one run. Frontends add to it, then
 * program_finish() checks what only the whole can show, and from then on it is const.
 */
#ifndef NPC_IR_PROGRAM_H
#define NPC_IR_PROGRAM_H

#include "ir/inventory.h"

/* One end of an expectation: pods, addresses, or one named workload. */
struct test_end {
    bool any;           /* anywhere */
    struct peer *peers; /* resolved: a PEER_PODS here always has ns set */
    size_t npeers;
    struct str workload_ns, workload; /* `workload NAME`; else empty */
    struct span at;
};

struct expectation {
    bool allow;
    struct test_end from, to;
    bool any_port;
    struct port *ports;
    size_t nports;
    struct span at;
};

struct test {
    struct str name, ns;
    struct expectation *v;
    size_t n;
    struct span at;
};

struct unused {       /* a name that was defined and that nothing uses */
    const char *what; /* "let" or "rules" */
    struct str name;
    struct span at;
};

struct program {
    VEC(struct policy *) policies; /* files in byte order of their paths, then as written */
    VEC(struct tier) tiers;
    VEC(struct test) tests;
    VEC(struct raw) raws; /* top-level `raw BACKEND """…"""` */
    VEC(struct unused) unused;
    struct inventory inv;
    bool has_default_ns;
    struct str default_ns; /* --namespace; binding uses "default" if it was not given */
};

void program_init(struct program *p, struct ctx *c);

/* Whether there are more policies or objects than the limits allow. program_finish() will refuse
 * the program then, and a reader stops: a stream of objects may have no end. */
bool program_is_full(const struct ctx *c, const struct program *p);

/* Orders policies by place; reports duplicate names (NPC502: an error if different, info and one
 * dropped if equal), equal priorities in a tier (NPC401), policies without namespace (NPC501),
 * domain names that are denied (NPC064), limits; finishes the inventory. False if an error was
 * reported. */
bool program_finish(struct ctx *c, struct program *p);

/* Whether two policies mean the same by the faithful form: spans aside, order of labels and
 * annotations aside. Which namespace each is in is the caller's to compare: one that has none may
 * land where the other is. */
bool policy_equal(const struct policy *a, const struct policy *b);

#endif
