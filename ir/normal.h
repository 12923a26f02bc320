/*
 * The normalized form of a policy: the same meaning, one spelling. Derived from the faithful form;
 * binding and analysis start here, and -t json prints it beside the faithful one.
 *
 * Normal form:
 *  - selectors: requirements sorted by key, operator, values; values sorted, unique; `k in {v}` is
 *    `k = v`; repeated requirements once. A selector that nothing can match is kept as it is.
 *  - all CIDR peers of a rule are one address set per family (cidr less except, then merged);
 *    any_peer swallows the rest; equal clauses once; clauses sorted.
 *  - ports: one portset of numbers, and named ports sorted and unique; any_port swallows the rest.
 *    A named port whose protocol is whole in the set is dropped.
 *  - rules of a namespaced policy that isolate nothing (inert) are dropped; a rule that can match
 *    nothing is dropped.
 */
#ifndef NPC_IR_NORMAL_H
#define NPC_IR_NORMAL_H

#include "ir/program.h"

struct port_name {
    enum proto proto; /* PROTO_ANY: whatever the pod declares */
    struct str name;
};

struct nclause {                 /* one AND-clause over pods or nodes, or a domain */
    enum peer_kind kind;         /* never PEER_CIDR */
    const struct selector *ns;   /* PEER_PODS: never NULL (own namespace: by LABEL_NS_NAME);
                                    without a namespace: the default namespace */
    const struct selector *pods; /* PEER_PODS: never NULL ({} is all pods) */
    const struct selector *nodes;
    struct str domain;
    const struct peer *origin; /* the first peer that said this */
};

struct nrule {
    enum action action;
    enum direction direction;
    bool any_peer;
    struct nclause *clauses;
    size_t nclauses;
    struct ipset nets[FAMILIES];
    bool any_port;
    struct portset ports;
    struct port_name *names;
    size_t nnames;
    const struct rule *origin;
    size_t index; /* of the origin in its policy and direction */
};

struct npolicy {
    const struct policy *origin;
    const struct selector *target_ns;   /* never NULL */
    const struct selector *target_pods; /* never NULL */
    bool isolates[DIRECTIONS];
    struct nrule *rules[DIRECTIONS];
    size_t nrules[DIRECTIONS];
};

/* Normalizes one policy. `default_ns` is the namespace of a policy that has none. */
struct npolicy *policy_normalize(struct ctx *c, const struct policy *p, struct str default_ns);
/* The normal form of a selector; NULL is taken as {}. */
const struct selector *selector_normalize(struct arena *a, const struct selector *s);
/* Total order on normal selectors. */
int selector_cmp(const struct selector *a, const struct selector *b);
/* Whether some label set matches a selector in normal form (exact). */
bool selector_satisfiable(const struct selector *s);

#endif
