/*
 * What runs: namespaces, nodes, pods and other workloads, services. Objects are kept compactly:
 * names, labels, addresses and ports only, strings interned.
 */
#ifndef NPC_IR_INVENTORY_H
#define NPC_IR_INVENTORY_H

#include "ir/policy.h"

struct named_port {  /* a port that a workload declares */
    struct str name; /* may be empty */
    enum proto proto;
    uint16_t number;
};

struct address {
    enum family family;
    struct ip ip;
};

enum workload_kind {
    WL_POD,      /* v1 Pod */
    WL_WORKLOAD, /* `workload` of the language: a VM, or a pod with addresses */
    WL_TEMPLATE  /* the pod template of a Deployment, StatefulSet, …: no addresses */
};

struct workload {
    enum workload_kind kind;
    struct str ns, name;
    struct str owner; /* "Deployment/web" of a template; controller "Kind/name" of a pod, or "" */
    struct labels labels; /* by key */
    struct address *addrs;
    size_t naddrs;
    struct named_port *ports;
    size_t nports;
    struct str node;   /* spec.nodeName, or "" */
    bool host_network; /* no target, matched by no pod selector: its traffic is its node's */
    bool homeless;     /* no namespace was named: `ns` is that of policies without one */
    bool finished;     /* phase Succeeded or Failed: ignored */
    struct span at;
};

struct ns_object {
    struct str name;
    struct labels labels; /* by key; always has LABEL_NS_NAME */
    bool declared; /* a Namespace object or `label` lines were given; else only the name is known */
    struct span at;
};

struct node_object {
    struct str name;
    struct labels labels;
    struct address *addrs;
    size_t naddrs;
    struct span at;
};

struct service_port {
    struct str name;
    enum proto proto;
    uint16_t port;
    uint16_t target; /* 0: by name */
    struct str target_name;
};

struct service {
    struct str ns, name;
    struct labels selector; /* empty: none */
    struct address *addrs;  /* cluster IPs */
    size_t naddrs;
    bool headless; /* clusterIP: None; without it and addresses, the server has yet to give some */
    struct service_port *ports;
    size_t nports;
    struct span at;
};

struct inventory {
    VEC(struct ns_object *) namespaces; /* by name once the program is finished */
    VEC(struct workload *) workloads;   /* by namespace, name, kind */
    VEC(struct node_object *) nodes;    /* by name */
    VEC(struct service *) services;     /* by namespace, name */
    struct strmap ns_by_name;
};

void inventory_init(struct inventory *inv, struct arena *a);
/* The namespace of that name; made with only LABEL_NS_NAME if it is not there. */
struct ns_object *inventory_ns(struct inventory *inv, struct arena *a, struct str name);
/* Sorts everything; reports NPC068 for an object given twice with different content and drops equal
 * repeats. Addresses are checked by binding (NPC602), not here. */
bool inventory_finish(struct ctx *c, struct inventory *inv);
/* The controller above a workload's own one, as far as names tell: the Deployment of a ReplicaSet
 * (its revision is the label pod-template-hash), the CronJob that a Job may be of (NAME-NUMBER).
 * "Kind/name", in the arena; empty if there is none. */
struct str workload_grand_owner(struct arena *a, const struct workload *w);
const struct ns_object *inventory_find_ns(const struct inventory *inv, struct str name);
const struct node_object *inventory_find_node(const struct inventory *inv, struct str name);
const struct workload *inventory_find_workload(const struct inventory *inv, struct str ns,
                                               struct str name);
/* Whether a service sends traffic to a workload, if that is ready. */
bool service_selects(const struct service *s, const struct workload *w);

#endif
