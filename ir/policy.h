/*
 * The policy IR in its faithful form: what was written, in the order and spelling it was written
 * in, with every place. Built by a frontend, `const` for everyone else.
 *
 * Three things that look alike are kept apart everywhere:
 *   absent  the field was not there (a NULL selector)
 *   empty   it was there and held nothing (a selector with n == 0: it matches everything)
 *   any     no restriction (rule.any_peer, rule.any_port)
 */
#ifndef NPC_IR_POLICY_H
#define NPC_IR_POLICY_H

#include "base/ctx.h"
#include "ir/addr.h"
#include "ir/ports.h"

/* ---- labels and selectors ---- */

struct label {
    struct str key, value;
    struct span at;
};

struct labels { /* keys are unique */
    struct label *v;
    size_t n;
};

enum sel_op {
    SEL_EQ,     /* matchLabels; key=value */
    SEL_IN,     /* In */
    SEL_NOTIN,  /* NotIn: also matches an absent key */
    SEL_EXISTS, /* Exists */
    SEL_ABSENT  /* DoesNotExist */
};

struct sel_req {
    enum sel_op op;
    struct str key;
    struct str *values; /* one for SEL_EQ, at least one for IN and NOTIN, else none */
    size_t nvalues;
    struct span at;
};

struct selector { /* all requirements must hold; at most one SEL_EQ for each key */
    struct sel_req *v;
    size_t n;
    struct span at;
};

#define LABEL_NS_NAME "kubernetes.io/metadata.name" /* set on every namespace by the API server */

/* Finds a label by key, or NULL. */
const struct label *labels_find(const struct labels *l, struct str key);
/* Whether both have the same keys with the same values, in whatever order. */
bool labels_equal(const struct labels *a, const struct labels *b);
/* Sorts by key. */
void labels_sort(struct labels *l);
/* Whether an object with these labels matches. A NULL selector is the caller's to interpret. */
bool selector_matches(const struct selector *s, const struct labels *l);
/* Appends a selector for people, as the npc language writes it: `app=web & env in {a, b} & tier
 * exists`; nothing for the empty one. Of a list of values at most `most` are shown; 0: all. */
void selector_print(struct buf *b, const struct selector *s, size_t most);
/* The values of a requirement, with commas. */
void selector_print_values(struct buf *b, const struct sel_req *r, size_t most);
/* If s is exactly one requirement on LABEL_NS_NAME, EQ or IN, that requirement; else NULL. */
const struct sel_req *selector_ns_names(const struct selector *s);

/* ---- peers, ports, rules ---- */

enum direction { DIR_INGRESS, DIR_EGRESS };
#define DIRECTIONS 2
const char *direction_name(enum direction d); /* "ingress", "egress" */

enum peer_kind {
    PEER_PODS,  /* selectors; see below */
    PEER_CIDR,  /* ipBlock, or one entry of a cluster policy's `networks` */
    PEER_NODES, /* nodes by label (cluster policies) */
    PEER_DOMAIN /* a domain name (cluster policies, Calico) */
};

/*
 * PEER_PODS, in a namespaced policy:
 *   ns NULL,  pods set   pods of the policy's own namespace       {podSelector: P}
 *   ns set,   pods NULL  everything in those namespaces           {namespaceSelector: N}
 *   ns set,   pods set   those pods in those namespaces (AND)     both
 * In a cluster policy ns is never NULL: pods NULL is {namespaces: N}, else {pods: {…}}.
 */
struct peer {
    enum peer_kind kind;
    const struct selector *ns;
    const struct selector *pods;
    struct cidr cidr;    /* PEER_CIDR */
    struct cidr *except; /* each strictly inside cidr */
    struct span *except_at;
    size_t nexcept;
    const struct selector *nodes; /* PEER_NODES */
    struct str domain;            /* PEER_DOMAIN */
    struct span at;
};

enum port_form {
    PORT_ONE,   /* tcp/80; icmp/TYPE.CODE */
    PORT_RANGE, /* tcp/80-90 (80-80 is another spelling than 80); icmp/TYPE is a range too */
    PORT_NAMED, /* tcp/http; any/http */
    PORT_WHOLE  /* "tcp/" and "*": every port of the protocol */
};

struct port {
    enum proto proto; /* never PROTO_OTHER; PROTO_ANY only with PORT_NAMED */
    enum port_form form;
    uint16_t first, last; /* keys as in ports.h; equal for PORT_ONE */
    struct str name;      /* PORT_NAMED */
    bool implied;         /* the text named no protocol: the API's default */
    struct span at;
};

enum action { ACT_ALLOW, ACT_DENY, ACT_PASS };
const char *action_name(enum action a); /* "allow", … */

struct rule {
    enum action action;
    enum direction direction;
    bool any_peer;      /* no restriction; then npeers == 0 */
    bool any_port;      /* all traffic of every protocol; then nports == 0 */
    struct peer *peers; /* OR */
    size_t npeers;
    struct port *ports; /* OR */
    size_t nports;
    struct str name; /* rule name of a cluster policy, or empty */
    struct span at;
    /* Of a rule of the language: where its text ends, and the statement that brings it into its
     * policy, if it is not written there. Its peers and ports may be written in groups. */
    uint32_t end_line, end_col;
    struct span used_at;
};

/* ---- policies ---- */

enum policy_api {
    API_NETWORK_POLICY, /* networking.k8s.io/v1 NetworkPolicy */
    API_CLUSTER_POLICY, /* ClusterNetworkPolicy v1alpha2; the two below are read into it */
    API_ADMIN_POLICY,   /* AdminNetworkPolicy v1alpha1, tier admin */
    API_BASELINE_POLICY /* BaselineAdminNetworkPolicy v1alpha1, tier baseline, priority 0 */
};

struct raw { /* text for one backend, inserted as it is (--allow-raw) */
    struct str backend, text;
    struct span at;
};

struct policy {
    enum policy_api api;
    struct str ns; /* empty: none given, and for cluster policies */
    struct str name;
    struct labels labels;      /* in written order (npc) or by key (Kubernetes) */
    struct labels annotations; /* likewise; kubernetes.io/description stands first if present */
    struct raw *raws;
    size_t nraws;
    /* Target. Namespaced: target_ns NULL, target_pods set ({} is all pods of the namespace).
     * Cluster: target_ns set; target_pods NULL for `subject.namespaces`. */
    const struct selector *target_ns;
    const struct selector *target_pods;
    bool isolates[DIRECTIONS]; /* policyTypes after defaulting; cluster policies: unused, false */
    bool ingress_implied;      /* neither policyTypes nor ingress was there: it is isolated by the
                                  API's default alone */
    struct rule *rules[DIRECTIONS];
    size_t nrules[DIRECTIONS];
    struct str tier;   /* "admin", "baseline" or a declared one; cluster policies only */
    uint32_t priority; /* 0-1000, lower first */
    struct span at;    /* of the name */
    bool from_flows;   /* written by a `flows` statement */
};

bool policy_is_cluster(const struct policy *p);

struct tier { /* `tier NAME order N` */
    struct str name;
    uint32_t order;
    struct span at;
};

/* ---- API name rules (apimachinery util/validation) ---- */

/* Each returns NULL if the text is fine, else what is wrong, as a phrase after "must". They look at
 * bytes and lengths, never at a pattern with an anchor (threats.md 47). */
const char *name_check_subdomain(struct str s); /* RFC 1123 subdomain, at most 253 */
const char *name_check_dns_label(struct str s); /* RFC 1123 label, at most 63 */
const char *name_check_label_key(struct str s); /* [prefix/]name */
/* A label key whose upper-case letters count as lower case (ValidateAnnotations). */
const char *name_check_annotation_key(struct str s);
const char *name_check_label_value(struct str s); /* at most 63, may be empty */
const char *name_check_port(struct str s);        /* IANA_SVC_NAME, 1-15 */
const char *name_check_domain(struct str s);      /* domainNames of a cluster policy */

#endif
