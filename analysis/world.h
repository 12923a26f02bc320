/*
 * Who may reach whom: the exact answer for a whole program, by classes of endpoints.
 *
 *     const struct world *w = world_new(ctx, program, &options);
 *     world_flows(w, each, arg);                       every pair of classes between which
 * something flows world_traffic(w, from, to)                       one pair explain (explain.h) why
 *
 * Endpoints are the live workloads that are not on a host's network (pods, workloads of the
 * language, and pod templates none of whose pods is there), the nodes, every address that nobody
 * of the inventory has, and, if asked for, pods that are not there but that some selector names
 * (open world). Endpoints that no policy can tell apart are one class, and all work is done by
 * class: cost grows with classes, policies and what flows, and not with pods squared.
 *
 * Semantics are those of docs/semantics.md. In particular:
 *  - an endpoint without known address (a template, a pending pod) takes part in both families; a
 *    CIDR matches it only if it covers its whole family: then it does whatever address comes;
 *  - two addresses of one workload and family that policies tell apart make two endpoints, each
 *    with its addresses;
 *  - traffic of a workload to itself, and between a node and its own pods, is never filtered:
 *    classes cannot say that, so whoever goes from classes to members asks world_is_free();
 *  - replies are not here, nor is, but in world_passes(), what always passes: neighbour discovery
 *    and path-MTU messages.
 */
#ifndef NPC_ANALYSIS_WORLD_H
#define NPC_ANALYSIS_WORLD_H

#include "analysis/traffic.h"
#include "ir/normal.h"

struct world_options {
    bool ipblock_external; /* ipBlock never matches an address of the inventory */
    bool open;             /* also pods that are not there but that some selector names */
    /* Rules about domains are about nobody of the inventory, and are left out: good for questions
     * about workloads, and for no others. Else they are an error (NPC406). */
    bool without_domains;
    /* A machine with rules of its own, or NULL: a class by itself, in both families whichever
     * addresses of it are known, to which some ports are open whatever its policies say. */
    const struct workload *host;
    struct portset failsafe;
    /* What the rules of one machine know: policies decide about `host` alone, or without one about
     * the pods of `node`. All others may do anything. */
    bool one_machine;
    struct str node;
};

enum endpoint_kind {
    EP_WORKLOAD, /* members are `const struct workload *` */
    EP_NODE,     /* members are `const struct node_object *` */
    EP_RANGE,    /* external addresses of one family: `ranges` */
    EP_OPEN      /* one pod that is not there: `text` names it */
};

struct endpoint_member {
    const struct workload *workload; /* EP_WORKLOAD */
    const struct node_object *node;  /* EP_NODE */
    /* The addresses of the member that are in this class, if another class has others; else n == 0:
     * all of them. */
    struct address *addrs;
    size_t naddrs;
};

struct endpoint_class {
    uint32_t id; /* index in world.classes */
    enum endpoint_kind kind;
    bool has[FAMILIES];              /* families in which its members can be reached */
    struct endpoint_member *members; /* EP_WORKLOAD, EP_NODE: at least one, in inventory order */
    size_t nmembers;
    struct ipset ranges; /* EP_RANGE: all that the same CIDRs hold. An address in them
                            that the inventory has is not meant. Not merged: cut where
                            some policy tells neighbours apart */
    enum family family;  /* EP_RANGE */
    struct str text;     /* EP_OPEN: "pods app=x in namespaces team=y", … */
    /* Policies that decide about the class as a target, in program order (cluster policies in
     * order of evaluation, after them). Empty: not isolated. */
    const struct npolicy **policies[DIRECTIONS];
    size_t npolicies[DIRECTIONS];
};

struct world {
    struct ctx *ctx;
    const struct program *program;
    struct world_options options;
    struct traffic_table *traffic;
    /* What runs, in inventory order: neither pods that have finished nor templates for which
     * something else of the input stands, but those on a host's network. */
    const struct workload **present;
    size_t npresent;
    struct endpoint_class *classes; /* workloads by first member, then open, nodes, IPv4 ranges
                                       rising, IPv6 ranges rising */
    size_t nclasses;
    const struct npolicy **policies; /* normalized, in program order; one_machine: those that
                                        select somebody there */
    size_t npolicies;
    struct world_parts *parts; /* private: world_priv.h */
};

/* Builds the world. NULL if an error was reported (two live pods with one address: NPC602; a policy
 * without namespace beside another of its name: NPC502). Memory is the context's. `traffic` may be
 * the table of another world that is to be compared, else NULL. */
const struct world *world_new(struct ctx *c, const struct program *p, const struct world_options *o,
                              struct traffic_table *traffic);

/* What members of one class may send to (other) members of another: egress of the source and
 * ingress of the destination. */
struct traffic world_traffic(const struct world *w, uint32_t from, uint32_t to);
/* The same with what always passes, whatever the policies say (ports_kept()). */
struct traffic world_passes(const struct world *w, uint32_t from, uint32_t to);
/* One direction alone: what the policies of `target` let pass from or to `peer`. */
struct traffic world_side(const struct world *w, enum direction d, uint32_t target, uint32_t peer);

/* Calls `each` for every pair of classes, at least one of them workloads or open, between which
 * something may flow, in order of (from, to). A class may be paired with itself; a class of one
 * member then means nothing. Return false to stop. */
typedef bool (*flow_fn)(void *arg, uint32_t from, uint32_t to, struct traffic t);
void world_flows(const struct world *w, flow_fn each, void *arg);

/* The node from and to which nothing of a workload is filtered, by name: the one that it runs on;
 * empty if there is none. The rules of a machine are its own, wherever it runs. */
struct str world_home(const struct world *w, const struct workload *wl);
/* Whether traffic between two members is never filtered: a workload and itself, a pod and its home.
 */
bool world_is_free(const struct world *w, const struct endpoint_member *a,
                   const struct endpoint_member *b);

/* ---- places in the world ---- */

struct place { /* a member of a class */
    uint32_t class_id, member;
};
struct places { /* rising */
    struct place *v;
    size_t n;
};
/* Where a workload is: several places if policies tell its addresses apart; none if it is finished,
 * on a host's network, or a template whose pods are there. */
struct places world_find_workload(const struct world *w, struct arena *a,
                                  const struct workload *wl);
struct places world_find_node(const struct world *w, struct arena *a, const struct node_object *n);
/* The class of an address: of the workload or node that has it, else of the range it is in. */
uint32_t world_find_address(const struct world *w, enum family f, struct ip ip);

struct addresses {
    const struct address *v;
    size_t n;
};
/* The addresses of a member that are in its class; none of nobody. */
struct addresses member_addresses(const struct endpoint_member *m);
/* "namespace/name" of a workload's member, with its addresses in brackets if only some of them are
 * in the class; "node:NAME"; see also range_text(). */
struct str member_name(struct arena *a, const struct endpoint_member *m);
/* "first-last", as `list` prints ranges; one address stands alone with itself: "a-a". */
struct str range_text(struct arena *a, enum family f, struct ip_range r);
/* The same, but one address stands alone: "a". */
struct str addresses_text(struct arena *a, enum family f, struct ip_range r);

#endif
