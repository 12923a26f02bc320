/*
 * Between the parts of binding (bind.h says what it computes):
 *   bind.c          the order of the steps, the scope, what is reported about addresses
 *   bind_match.c    which workloads match which pairs of selectors, by groups of equal workloads
 *   bind_targets.c  target classes
 *   bind_peers.c    peer classes
 *   bind_grants.c   what each target class allows
 *   bind_tiers.c    the same where cluster policies select it
 * Everything here is in scratch memory but what goes into struct bound.
 */
#ifndef NPC_IR_BIND_PRIV_H
#define NPC_IR_BIND_PRIV_H

#include "ir/bind.h"
#include "ir/tiers.h"

/* A live workload that is not on the host's network. */
struct live {
    const struct workload *w;
    uint32_t group;
    bool local; /* in scope as a target */
};

struct endpoint { /* one address of one live workload */
    struct ip ip;
    uint32_t live;
};

/* A pair of selectors that some policy uses, as its target or in a clause; equal pairs once. */
struct matcher {
    const struct selector *ns, *pods;
    bool selects; /* some live workload */
    bool reaches; /* some address of one */
};

/* Live workloads that no matcher and no named port can tell apart. */
struct group {
    const struct workload *example;
    const struct labels *ns;
    bool has_address;
    struct id_list matchers; /* that match its members */
};

struct brule { /* one rule of one policy */
    uint32_t policy;
    const struct nrule *rule;
    struct id_list matchers; /* by clause */
};

struct bpolicy {
    const struct npolicy *policy;
    uint32_t target; /* matcher */
    uint32_t first_rule[DIRECTIONS], nrules[DIRECTIONS];
    uint32_t block; /* of evaluation: a tier, or all NetworkPolicies; rising, see bind_order() */
    uint32_t place; /* within the block */
    bool active;    /* has a target class on the side at hand */
};

struct binding {
    struct ctx *ctx;
    const struct program *program;
    const struct bind_options *options;
    struct arena *scratch;
    struct arena *arena; /* of the result */
    struct buf *key;     /* for building keys; reused */
    size_t max_elements;

    struct bpolicy *policies;
    size_t npolicies;
    uint32_t namespaced; /* the block of NetworkPolicies */
    VEC(struct brule) rules[DIRECTIONS];
    VEC(struct matcher) matchers;
    struct intern matcher_ids;
    uint32_t matcher_all;     /* every pod of every namespace, for "any peer" with a named port */
    struct intern port_names; /* names that some rule uses */

    struct live *live;
    size_t nlive;
    uint32_t host;                            /* BIND_HOST: index in live */
    VEC(struct endpoint) endpoints[FAMILIES]; /* rising */
    VEC(struct group) groups;

    struct intern portsets;
};

struct id_list ids_copy(struct arena *a, const uint32_t *v, size_t n);

/* bind.c: an empty binding, whose scope and live workloads are the caller's to fill in. */
void bind_init(struct binding *b, struct ctx *c, const struct program *p, struct arena *scratch);
/* Fills the endpoints of a family from the live workloads: sorted, those that a workload names
 * twice once. False: two workloads share an address, and NPC602 was reported. */
bool bind_endpoints(struct binding *b, enum family f);
/* False: a policy without namespace meets one of its name in the default namespace (NPC502). */
bool bind_check_homeless(struct ctx *c, const struct program *p, struct str default_ns);

/* bind_match.c: fills rules, matchers and groups. */
void bind_match(struct binding *b, const struct npolicy *const *policies, size_t n);
/* The labels of a namespace; one that is not in the inventory has its name only. */
const struct labels *bind_ns_labels(struct binding *b, struct str name);

/* A set of numeric ports by number; equal sets have equal numbers. */
uint32_t bind_portset_id(struct binding *b, struct portset s);
/* The ports that packets of a family can have: the other family's ICMP is no traffic of it. */
struct portset bind_family_ports(enum family f, struct portset s);
/* What the named ports of a rule are on this workload. */
struct portset bind_resolve(struct binding *b, const struct nrule *r, const struct workload *w);

/* bind_targets.c: fills targets of one side but for their grants, and says which policies are
 * active on it. Returns the policies of each class by their index. */
const struct id_list *bind_targets(struct binding *b, enum family f, enum direction d,
                                   struct bound_side *side);

/* What bind_peers() finds out for bind_grants(), by the rule's index in b->rules; rules of policies
 * that are not active have nothing. */
struct peer_named { /* peers on which a rule's named ports are these numbers */
    struct portset ports;
    struct id_list classes;
};
struct peer_rule {
    struct id_list classes; /* peer classes that it matches */
    struct ipset nets;      /* its CIDRs, without the inventory if so demanded, and its nodes */
    struct peer_named *named;
    size_t nnamed;
};

/* bind_peers.c: fills peers of one side. NULL: NPC605 was reported. */
struct peer_rule *bind_peers(struct binding *b, enum family f, enum direction d,
                             struct bound_side *side);

/* The addresses of the nodes that a selector matches. */
struct ipset bind_node_addresses(struct binding *b, const struct selector *nodes, enum family f);

/* bind_grants.c: fills the grants of the targets, and drops targets that cluster policies leave
 * wholly open. False: NPC605 was reported. */
bool bind_grants(struct binding *b, enum family f, enum direction d, const struct peer_rule *peers,
                 const struct id_list *policies, struct bound_side *side);

struct grants { /* a growing list */
    const struct grant **v;
    size_t n, cap;
};

/* The work on one side. */
struct granting {
    struct binding *b;
    enum family family;
    enum direction direction;
    const struct peer_rule *peers;
    const struct bound_side *side;
    struct grants *of_rule; /* egress: the same for every target */
    bool *made;             /* whether they are there */
    struct intern ids;      /* ingress: rule and resolved ports; the number is an index in by_id */
    struct grants by_id;
    struct flattening *flattening; /* bind_tiers.c's */
    size_t elements;               /* that all targets together expand to */
    size_t most;                   /* by one grant of one target … */
    const struct nrule *most_of;   /* … which came from this rule */
};

/* The ports of a rule that need no peer to be known: numbers, and on ingress what its named ports
 * are on the target. */
struct portset bind_rule_ports(const struct granting *g, const struct nrule *r,
                               const struct workload *target);

/* bind_tiers.c: puts the policies into their order of evaluation. */
void bind_order(struct binding *b);
/* Whether a policy has a say about its pods in that direction. */
bool bind_decides(const struct npolicy *p, enum direction d);
/* Whether cluster policies are among these. */
bool bind_has_tiers(const struct binding *b, const struct id_list *policies);
/* The grants of a target of such policies; its policies are put into their order. *open: all
 * traffic is allowed. False: NPC605 was reported. */
bool bind_flatten(struct granting *g, struct target_class *target, const struct id_list *policies,
                  struct grants *out, bool *open);

/* Reports NPC605; `at` is what expands most, or no place. False, always. */
bool bind_explodes(struct binding *b, struct span at, size_t count);

#endif
