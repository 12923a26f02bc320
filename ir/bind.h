/*
 * The policies bound to the inventory: labels become addresses, names become port numbers. This is
 * what the kernel backends lay out.
 *
 * Everything is per family and direction, and works on classes of addresses, so that cost grows
 * with classes and policies and not with pods squared:
 *   target class  local addresses about which the same policies have a say in the direction
 *   peer class    addresses (pods anywhere) that are matched by the same peers of the direction
 * A connection to a target class is allowed if some grant allows it, else denied: what cluster
 * policies deny and pass has been worked in. Addresses that are in no target class may do anything
 * in that direction.
 */
#ifndef NPC_IR_BIND_H
#define NPC_IR_BIND_H

#include "ir/intern.h"
#include "ir/normal.h"

enum bind_scope {
    BIND_ALL,  /* every pod is a target: one node that sees all, or a simulation */
    BIND_NODE, /* targets are the pods of one node */
    BIND_HOST  /* the target is one workload, and the machine is that workload */
};

struct bind_options {
    enum bind_scope scope;
    struct str node;          /* BIND_NODE */
    struct str host_ns, host; /* BIND_HOST */
    bool ipblock_external;    /* ipBlock never matches an address of the inventory */
    size_t max_elements;      /* 0: limits.elements */
};

struct addr_list { /* rising */
    struct ip *v;
    size_t n;
};

/* The index of the rule of a grant that no rule made: cluster policies allow what they do not
 * decide. Its policy is the first of them that is asked. */
#define GRANT_BY_DEFAULT SIZE_MAX

/* One allowance, from one rule of one policy. Peers are OR; `ports` holds for all of them. A rule
 * whose named port is different numbers on different peers is several grants; so is one that rules
 * of cluster policies override for some peers. */
struct grant {
    const struct npolicy *policy;
    const struct nrule *rule;
    bool any_peer;
    struct id_list classes; /* peer classes, by id; a pod's address in `nets` is here too */
    struct ipset nets;      /* by CIDR and of nodes. May hold pods' addresses, but those that are in
                               a peer class only if the class is listed */
    struct portset ports;   /* numbers only; never empty; icmp only in FAM_IP4, icmp6 in FAM_IP6 */
};

struct target_class {
    uint32_t id;                 /* from 1, in order of the lowest address; BIND_HOST: 1 */
    struct addr_list addrs;      /* local addresses; BIND_HOST: as known, may be empty */
    const struct grant **grants; /* in order of policy, rule */
    size_t ngrants;
    const struct npolicy **policies; /* all that have a say, in the order in which they are asked */
    size_t npolicies;
    const struct workload *example; /* the first member, for comments */
};

struct peer_class {
    uint32_t id;            /* from 1, in order of the lowest address */
    struct addr_list addrs; /* at least one */
};

struct bound_side {
    struct target_class *targets;
    size_t ntargets;
    struct peer_class *peers; /* peers.v[id - 1]; only addresses that a rule of the targets names */
    size_t npeers;
};

struct peer_address { /* of a peer class, by id */
    struct ip ip;
    uint32_t class;
};

struct peer_addresses { /* rising */
    struct peer_address *v;
    size_t n;
};

/* The addresses of all peer classes of a side. */
struct peer_addresses bound_peer_addresses(struct arena *a, const struct bound_side *side);

struct addr_pair {
    struct ip source, destination;
};

struct bound {
    const struct bind_options *options;
    struct bound_side side[FAMILIES][DIRECTIONS];
    struct addr_list local[FAMILIES]; /* every local pod address, isolated or not */
    struct addr_pair *self[FAMILIES]; /* of each local pod, all its addresses with each other and */
    size_t nself[FAMILIES];           /* themselves, rising: traffic that is never filtered */
    const struct workload *host;      /* BIND_HOST */
    const struct npolicy **policies;  /* normalized, in program order */
    size_t npolicies;
};

/* The workload that a machine with rules of its own is. NULL: NPC902 was reported, since there is
 * none of that name, or policies do not apply to it. */
const struct workload *bind_find_host(struct ctx *c, const struct inventory *inv, struct str ns,
                                      struct str name);

/* Whether ports are all traffic of a family (the other family's ICMP cannot come). */
bool bind_ports_are_all(enum family f, struct portset s);

/* Binds. Reports NPC205, NPC601, NPC602, NPC603, NPC605, NPC606, NPC902; NULL if an error was
 * reported. Domain names as peers must have been refused before: they have no addresses. */
const struct bound *bind_program(struct ctx *c, const struct program *p,
                                 const struct bind_options *options);

#endif
