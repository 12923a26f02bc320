/*
 * Why something flows between two classes of endpoints, or does not: which policies decide about
 * each end, and what each of their rules has to say, with its place in the source.
 */
#ifndef NPC_ANALYSIS_EXPLAIN_H
#define NPC_ANALYSIS_EXPLAIN_H

#include "analysis/world.h"

/* Why a rule is not about the other end: "pod shop/web has app=web, not app=api". Of several peers
 * the one that misses least. */
struct explained_miss {
    struct str text;
    unsigned count; /* requirements that do not hold; 0 if the rule is about it */
};

/* One rule of a policy that decides about an end. */
struct explained_rule {
    const struct npolicy *policy;
    const struct nrule *rule;
    struct span at;
    bool peer_matches[FAMILIES]; /* it is about the other end */
    struct traffic ports; /* of the rule, with the named ones of the destination; if it matches */
    /* Traffic between the two that this rule decides by its action (nothing before it has):
     * TRAFFIC_NONE if its peers or ports do not match or an earlier rule of a cluster policy has
     * decided it all; TRAFFIC_ABSENT. */
    struct traffic decides;
    struct explained_miss miss[FAMILIES];
};

/* One direction: egress of the source, or ingress of the destination. */
struct explained_side {
    enum direction direction;
    uint32_t target, peer;           /* classes */
    const struct npolicy **policies; /* that decide, as in endpoint_class; n == 0: not isolated */
    size_t npolicies;
    struct explained_rule *rules; /* all of theirs, in the order in which they are asked */
    size_t nrules;
    struct traffic failsafe; /* to a host, whatever its policies say */
    struct traffic allowed;
};

struct explanation {
    struct explained_side side[DIRECTIONS]; /* DIR_EGRESS: of the source; DIR_INGRESS */
    struct traffic allowed;
};

/* A class, and who of it is named where a rule misses. */
struct explain_end {
    uint32_t class_id;
    const struct endpoint_member *member; /* NULL: the first of the class */
    const struct ip_range *range;         /* EP_RANGE; NULL: the first of the class */
    struct str name;                      /* what it is called; empty: as it calls itself */
};

/* Explains traffic from one class to another. Memory is `a`'s. */
const struct explanation *world_explain(const struct world *w, struct arena *a,
                                        struct explain_end from, struct explain_end to);

/* One direction alone, without saying what the rules that do not match miss: for many pairs. */
const struct explained_side *world_explain_side(const struct world *w, struct arena *a,
                                                enum direction d, uint32_t target, uint32_t peer);

/* Who decides about some traffic of a side. */
struct decider {
    const struct explained_rule *rule; /* allows or denies it; NULL: no rule does … */
    const struct npolicy *isolates;    /* … but this policy isolates; NULL: nobody decides */
};

/* Who lets the ports pass in a family (is_open), or does not. */
struct decider side_decider(const struct world *w, struct arena *a, const struct explained_side *s,
                            enum family f, struct portset ports, bool is_open);
/* Adds the place of that to a report, if somebody decides. */
void decider_note(const struct world *w, struct diag *d, enum direction dir, struct decider by);

/* The namespace of a namespaced policy: its own, or the one that stands in for it. */
struct str policy_home(const struct npolicy *p);
/* Prints "NAMESPACE/NAME ingress[0] FILE:LINE" of a rule, FILE as shown to people; "NAME egress[1]"
 * with the rule's own name, if it has one, of a cluster policy. */
void rule_print(struct buf *b, const struct world *w, const struct npolicy *p,
                const struct nrule *r);
/* "NAMESPACE/NAME FILE:LINE" of a policy. */
void policy_print(struct buf *b, const struct world *w, const struct npolicy *p);

#endif
