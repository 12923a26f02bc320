/*
 * Between the parts of lint:
 *   lints.def         the findings
 *   lint.c            the walk over policies, rules, peers and ports
 *   lint_tools.c      what rows share
 *   lint_inventory.c  workloads in groups that no selector tells apart, and who matches a selector
 *   lint_demand.c     selectors by a label that they demand
 *   lint_target.c     policies by what their targets demand
 *   lint_dns.c        NPC101-103
 *   lint_isolation.c  NPC104, 106-110
 *   lint_flows.c      NPC111
 *   lint_labels.c     NPC201, 204, 206, 210, 211: selectors by themselves
 *   lint_matches.c    NPC205, 207, 208, 212: selectors and the inventory
 *   lint_overlap.c    NPC203, 314
 *   lint_except.c     NPC310
 *   lint_ports.c      NPC301, 302, 305-308, 316
 *   lint_nets.c       NPC303, 304, 309, 311, 312
 *   lint_cluster.c    NPC401-403, 405, 407, 408
 *   lint_hygiene.c    NPC202, 213, 503-505, 513
 *   lint_mojibake.c   NPC512
 */
#ifndef NPC_ANALYSIS_LINT_PRIV_H
#define NPC_ANALYSIS_LINT_PRIV_H

#include "analysis/lint.h"
#include "analysis/phrase.h"
#include "ir/cover.h"

struct demands { /* pairs of selectors by a label that they demand (lint_demand.c) */
    struct arena *arena;
    struct strmap by_label; /* struct id_vec */
    struct id_vec wide;     /* those that demand no label */
};

struct wgroup { /* workloads that no selector of the program tells apart, with equal ports */
    const struct workload *example;
    uint32_t space;
    size_t n;
    bool host_network;
    struct id_vec services; /* that lead to them, by index; made when first asked */
};

struct wspace { /* a namespace: policies, workloads, or an object of it are in the input */
    struct str name;
    const struct labels *labels;
    bool declared;         /* its labels are in the input */
    bool exists;           /* it, or workloads or Services of it, are in the input */
    struct id_vec groups;  /* of workloads */
    struct id_vec targets; /* of its policies */
    struct demands by_demand;
};

struct target { /* policies of one namespace that have equal targets */
    const struct selector *selector;
    struct id_vec policies;
    unsigned dns;                       /* what they let pass to the DNS: enum dns_way */
    struct net_index *nets[DIRECTIONS]; /* of lint_except.c; made when first asked */
};

enum lint_holder { HOLDER_POD, HOLDER_SERVICE };
#define LINT_HOLDERS 2

struct lint_inside { /* an address of a pod or of a Service */
    struct ip ip;
    struct str ns, name;
    struct span at;
};

enum dns_way { DNS_UDP = 1, DNS_TCP = 2, DNS_BOTH = 3 };

struct lint {
    struct ctx *c;
    struct arena *keep; /* for what lasts */
    struct arena *a;    /* for the row at hand */
    const struct program *p;
    const struct world *w;
    const struct lint_options *o;
    const struct npolicy *const *policies; /* in program order */
    size_t npolicies;

    VEC(struct wspace) spaces; /* in order of first appearance */
    struct intern space_ids;
    VEC(struct target) targets;
    struct id_vec clusters;                   /* cluster policies, by index */
    const struct selector *dns_ns, *dns_pods; /* where CoreDNS is */
    struct ipset dns_at[FAMILIES];            /* its addresses … */
    bool has_dns_at;                          /* … if the input has them */
    uint32_t *target_of;                      /* by policy; ID_NONE for cluster policies */
    VEC(struct wgroup) groups;
    struct buf *key;           /* for building keys; reused */
    struct strmap matches;     /* struct match, by the two selectors */
    struct strmap groups_with; /* struct id_vec, by key and value of a label */
    VEC(struct lint_inside) inside[LINT_HOLDERS][FAMILIES]; /* rising; made when first asked */
    bool inside_made, services_indexed;
    uint32_t *class_of;        /* of the world, by group; made when first asked */
    bool has_workloads;        /* the input says what runs */
    bool has_namespaces;       /* it says what labels some namespace has */
    bool is_whole;             /* it is evidently all there is, and no part of a cluster */
    bool has_family[FAMILIES]; /* of the workloads' addresses */
    size_t budget;             /* comparisons that may still be made */
    bool out_of_budget;        /* and that was reported */
};

/* What a row looks at. */
struct lint_at {
    uint32_t index; /* of the policy */
    const struct npolicy *np;
    const struct policy *policy;
    const struct rule *rule;   /* as written; NULL for rows about policies */
    const struct nrule *nrule; /* normalized, or NULL: inert, or nothing can match it */
    const struct peer *peer;   /* NULL but for rows about peers */
    const struct port *port;   /* NULL but for rows about ports */
    struct span place;         /* of what it looks at, in somebody's source */
};

#define WARN(l, id, at, ...) diag_warning(&(l)->c->diags, id, (at), __VA_ARGS__)
#define INFO(l, id, at, ...) diag_info(&(l)->c->diags, id, (at), __VA_ARGS__)
#define ERR(l, id, at, ...)  diag_error(&(l)->c->diags, id, (at), __VA_ARGS__)
#define HINT(l, d, ...)      diag_hint(&(l)->c->diags, (d), __VA_ARGS__)
#define ALSO(l, d, at, ...)  diag_also(&(l)->c->diags, (d), (at), __VA_ARGS__)

/* Every row of lints.def: `at` is NULL for rows about the program. */
#define LINT(id, scope, needs, function)                                                           \
    void lint_##function(struct lint *l, const struct lint_at *at);
#include "analysis/lints.def"
#undef LINT

/* ---- lint_tools.c ---- */

/* Whether n more comparisons may be made. If not, that is reported once (NPC517): what was not
 * looked at must not pass for clean. */
bool lint_spend(struct lint *l, size_t n);
/* Frees what the rows so far have made in `a`, if it is much. */
void lint_tidy(struct lint *l);
/* A place, unless it is in the prelude, which nobody can change: then the place of what uses it. */
struct span lint_place(const struct lint *l, struct span at, struct span user);
/* Whether a place is in source of the language. */
bool lint_is_npc(const struct lint *l, struct span at);
/* The peer's clause in normal form; PEER_PODS only. */
struct nclause lint_clause(struct lint *l, const struct lint_at *at);
/* The addresses of a peer of kind PEER_CIDR, less what it excepts. */
struct ipset lint_net(struct lint *l, const struct peer *p);
/* Whether the rule lets something pass: it allows, and is not inert. */
bool lint_allows(const struct lint_at *at);
/* The pods of a policy, for messages: "pods app=web of namespace shop". */
struct str lint_target_phrase(struct lint *l, const struct npolicy *np);

/* ---- lint_inventory.c ---- */

/* Fills spaces and groups. */
void lint_inventory(struct lint *l);
/* The namespace of that name; made if it is new. */
uint32_t lint_space(struct lint *l, struct str name);
/* The groups that two selectors in normal form match, by index, rising. */
struct id_list lint_match(struct lint *l, const struct selector *ns, const struct selector *pods);
/* The same for the target of a policy, and for the peers of a rule (all groups if they are not
 * restricted; a CIDR has none). Without those on a host's network. */
struct id_list lint_targets(struct lint *l, const struct npolicy *np);
struct id_list lint_peers(struct lint *l, const struct lint_at *at);
/* Whether the input has workloads in some namespace that the selector matches, and, if it may be a
 * part of a cluster, in all that the selector may match. */
bool lint_knows(struct lint *l, const struct selector *ns);
/* "shop/web": the name of one of its workloads. */
struct str lint_group_name(struct lint *l, uint32_t group);
/* The bytes of a selector in normal form: equal for equal selectors only. */
void selector_key(struct buf *b, const struct selector *s);

/* ---- lint_demand.c ---- */

/* A requirement that demands one value of a label, or NULL. */
const struct sel_req *selector_demand(const struct selector *s);
void demands_init(struct demands *d, struct arena *a);
/* Adds a pair of selectors in normal form under a number. */
void demands_add(struct lint *l, struct demands *d, const struct selector *ns,
                 const struct selector *pods, uint32_t id);
/* Calls each() for the numbers among which all pairs are that cover this one, until it returns
 * false or the budget is spent. */
typedef bool (*demand_fn)(void *arg, uint32_t id);
void demands_visit(struct lint *l, const struct demands *d, const struct selector *ns,
                   const struct selector *pods, demand_fn each, void *arg);

/* ---- lint_target.c ---- */

/* Fills targets. */
void lint_targets_init(struct lint *l);
/* Calls each() for the targets of the policy's namespace that cover its own (which is one of them),
 * until it returns false. */
typedef bool (*target_fn)(void *arg, struct target *covering);
void lint_covering(struct lint *l, const struct lint_at *at, target_fn each, void *arg);

/* ---- lint_overlap.c ---- */

/* Whether the ports of `outer` hold what the named port is, whatever pods declare. */
bool lint_name_covered(const struct nrule *outer, const struct port_name *name);
/* Whether every packet that the ports of `inner` let pass, those of `outer` let pass. */
bool lint_ports_cover(const struct nrule *outer, const struct nrule *inner);

/* ---- lint_dns.c ---- */

/* Fills dns_at. */
void lint_dns_init(struct lint *l);
/* What an egress rule of a policy lets pass to the DNS: enum dns_way. */
unsigned lint_dns_of(struct lint *l, const struct lint_at *at);

#endif
