/*
 * Between the parts of resolve: what turns the syntax tree of all files into policies, tests and
 * inventory. Private to the npc language.
 *
 *   dsl_resolve.c    collects declarations, then runs the passes
 *   dsl_phrases.c    words to names, selectors, addresses, ports
 *   dsl_order.c      what needs what, in an order that works, and cycles
 *   dsl_groups.c     `let`: scopes, kinds, sizes
 *   dsl_peers.c      sets of peers and ports, with their groups expanded
 *   dsl_rules.c      single rules, and `rules` with their uses
 *   dsl_policy.c     policies and cluster policies
 *   dsl_flows.c      `flows`
 *   dsl_tests.c      `test`
 *   dsl_inventory.c  workloads, nodes, namespace labels, tiers
 */
#ifndef NPC_FRONTEND_DSL_RESOLVE_H
#define NPC_FRONTEND_DSL_RESOLVE_H

#include "frontend/ast.h"

/* One declaration in one namespace: a block for {a, b} declares everything twice. */
struct decl {
    const struct ast_item *item;
    struct str ns; /* empty: top level */
    bool copy;     /* for the second and later names of a block */
    bool prelude;
};

struct dep;
struct deps {
    VEC(struct dep *) list;
};

struct resolver {
    struct ctx *c;
    struct arena *a;
    const struct load_options *o;
    struct program *p;
    bool ok;
    VEC(struct decl) decls;
    struct strmap groups; /* struct group by qualified name */
    struct strmap rules;  /* struct ruleset by qualified name */
    struct strmap tiers;  /* ast_item */
    struct deps group_list, ruleset_list;
    size_t expanded;  /* elements that stand in the program more often than in the text */
    bool exploded;    /* that was reported */
    uint32_t prelude; /* its file */
    size_t guesses;   /* names that may still be searched for a near one */
};

/* Reports an error; an expression of type struct diag *. */
#define FAIL(r, id, at, ...) ((r)->ok = false, diag_error(&(r)->c->diags, id, (at), __VA_ARGS__))
#define HINT(r, d, ...)      diag_hint(&(r)->c->diags, (d), __VA_ARGS__)
#define ALSO(r, d, at, ...)  diag_also(&(r)->c->diags, (d), (at), __VA_ARGS__)

/* Counts n more elements than were written; false, with NPC605 the first time, if that is too much.
 */
bool charge(struct resolver *r, size_t n, struct span at);
/* "ns/name", or "name" without namespace. */
struct str qualify(struct resolver *r, struct str ns, struct str name);
/* Whether a declaration is of this kind. */
#define EACH_DECL(r, d, wanted)                                                                    \
    (const struct decl *d = (r)->decls.v; d < (r)->decls.v + (r)->decls.n;                         \
     d++) if (d->item->kind == (wanted))

/* ---- phrases ---- */

/* Checks a word by one of the rules of ir/policy.h; `what` names it in the message. */
bool check_name(struct resolver *r, const struct ast_word *w, const char *what,
                const char *(*rule)(struct str));
/* Checks a name of the language's own (groups, rules). */
bool check_own_name(struct resolver *r, const struct ast_word *w, const char *what);
bool parse_number(struct resolver *r, const struct ast_word *w, const char *what, uint32_t max,
                  uint32_t *out);
/* The selector of a phrase, made once; NULL after an error. */
const struct selector *selector_of(struct resolver *r, struct ast_selector *s);
/* The namespaces of a scope that is not SCOPE_THIS; NULL after an error. */
const struct selector *scope_of(struct resolver *r, struct ast_scope *scope);
/* {kubernetes.io/metadata.name: ns} */
const struct selector *selector_for_ns(struct resolver *r, struct str ns, struct span at);
extern const struct selector selector_all;
bool parse_cidr(struct resolver *r, const struct ast_word *w, struct cidr *out);
bool parse_cidr_peer(struct resolver *r, const struct ast_elem *e, struct peer *out);
bool parse_address(struct resolver *r, const struct ast_word *w, struct address *out);
bool parse_port(struct resolver *r, const struct ast_word *w, struct port *out);
/* The same, or a port name in quotes. */
bool parse_port_element(struct resolver *r, const struct ast_elem *e, struct port *out);
/* Adds `label k = v` or `annotation k = v`; false after an error, such as a repeated key. */
struct label_list {
    VEC(struct label) list;
    struct strmap seen;
};
bool add_label(struct resolver *r, struct label_list *to, const struct ast_item *item,
               bool is_annotation);
bool add_label_value(struct resolver *r, struct label_list *to, struct label label);
struct labels labels_of(const struct label_list *from);

/* ---- order ---- */

/* Something declared that may need other things of its kind. */
struct dep {
    const struct decl *decl;
    struct str name, full; /* full: qualified */
    bool done, bad, used;
    size_t waits; /* needs that are not done */
    VEC(struct dep *) needs, users;
    size_t walk; /* while looking for cycles */
};

void dep_need(struct resolver *r, struct dep *user, struct dep *needed);
/* Visits all, each after what it needs; reports cycles, whose members are bad. */
void deps_visit(struct resolver *r, struct deps *list, const char *what,
                void (*visit)(struct resolver *r, struct dep *d));
/* What a name means where `ns` is the namespace: its own first, then the top level's. */
struct dep *dep_lookup(struct resolver *r, const struct strmap *in, struct str ns, struct str name);
/* Enters a declaration under its qualified name; false after reporting a second one. */
bool dep_declare(struct resolver *r, struct strmap *in, struct deps *list, struct dep *d,
                 const struct decl *decl);
/* Hints at the declared name that `word` may have meant; false if there is none. */
bool dep_suggest(struct resolver *r, struct diag *d, const struct deps *among, struct str ns,
                 struct str word);

/* ---- groups ---- */

enum group_kind { GROUP_BAD, GROUP_PEERS, GROUP_PORTS, GROUP_SERVICE };

struct ports_of {
    bool any;
    struct port *v;
    size_t n;
};

struct peers_of {
    bool any;
    struct peer *v;
    size_t n;
    const struct group *service; /* a service among them, whose ports hold; or NULL */
};

struct group {
    struct dep dep; /* first */
    const struct ast_item *let;
    enum group_kind kind;
    const struct group *root; /* the group that this only renames, or itself */
    bool any;                 /* it is `anywhere` */
    bool local;               /* holds pods of its own or another block's namespace */
    bool any_named;           /* holds any/NAME, as a port or behind `on` */
    size_t count;             /* peers, or ports */
    struct ports_of ports;    /* of a service; of a ports group once it was used */
    bool ports_made;
    struct peers_of peers; /* as last used */
    bool peers_made;
    struct str peers_ns;
    bool peers_always;
};

/* Declares all groups, checks each, and finds cycles. */
void groups_resolve(struct resolver *r);
/* If the group is just one phrase for pods or namespaces, that phrase and the namespace of its
 * block. */
const struct ast_elem *group_phrase(const struct group *g, struct str *ns);
/* The group that a word means where `ns` is the namespace, or NULL. */
struct group *group_lookup(struct resolver *r, struct str ns, struct str name);
/* The same, but reports a word that names none, which may stand where ports do. */
struct group *group_find(struct resolver *r, struct str ns, const struct ast_word *w,
                         bool among_ports);

/* ---- sets ---- */

/* Where a phrase stands. */
struct home {
    struct str ns; /* names are looked up from here */
    bool fixed;    /* "this namespace" is ns (if empty: there is none); else it is the user's */
};

/* Who uses it. */
struct usage {
    enum { USE_POLICY, USE_CLUSTER, USE_TEST, USE_NONE /* only checked */ } kind;
    struct str ns;             /* "this namespace"; empty: none is known */
    bool copy;                 /* a second instance of the text */
    const struct ast_item *by; /* the statement that brings a rule in from its `rules`, or NULL */
};

/* Adds to the report of a fault in `rules` who uses them. */
void used_here(struct resolver *r, struct diag *d, const struct usage *use);

/* A peer from a phrase that is not a word; false after reporting. */
bool peer_literal(struct resolver *r, const struct ast_elem *e, const struct home *home,
                  const struct usage *use, struct peer *out);
/* Peers and ports of a set with its groups expanded; false after reporting. */
bool peers_resolve(struct resolver *r, const struct ast_set *set, const struct home *home,
                   const struct usage *use, struct peers_of *out);
bool ports_resolve(struct resolver *r, const struct ast_set *set, const struct home *home,
                   const struct usage *use, struct ports_of *out);
/* The ports of a rule: those after `on`, or those of the service. */
bool rule_ports(struct resolver *r, const struct ast_item *item, const struct peers_of *peers,
                const struct home *home, const struct usage *use, struct ports_of *out);
/* Whether two lists hold the same ports, in whatever order. */
bool ports_same(struct resolver *r, const struct ports_of *x, const struct ports_of *y);
/* Whether a word in a place for ports is a port of no protocol. */
bool is_any_named(struct str word);
/* Whether who uses a port may be one that understands any/NAME, and the report of one who is not,
 * by the name under which the port is used. */
bool allows_any_named(const struct usage *use);
struct diag *refuse_any_named(struct resolver *r, struct span at, struct str name,
                              const struct usage *use);

/* ---- passes ---- */

struct ruleset {
    struct dep dep; /* first */
    size_t visits;  /* statements that using it once goes through */
};

void rulesets_resolve(struct resolver *r);
void policies_resolve(struct resolver *r);
void flows_resolve(struct resolver *r);
void tests_resolve(struct resolver *r);
void tiers_resolve(struct resolver *r);
void inventory_resolve(struct resolver *r);

/* Builds a rule (ITEM_RULE); false after reporting. */
bool rule_resolve(struct resolver *r, const struct ast_item *item, const struct home *home,
                  const struct usage *use, struct rule *out);
/* Calls each for a statement, or, if that is `use`, for the rules of the set and of those it uses.
 */
bool rules_expand(struct resolver *r, const struct ast_item *item, const struct home *home,
                  void *arg,
                  bool (*each)(void *arg, const struct ast_item *rule, const struct home *home));

/* A policy that is being written. */
struct draft {
    struct policy *policy;
    VEC(struct rule) rules[DIRECTIONS];
};
struct draft draft_new(struct resolver *r, struct str ns, struct str name, struct span at);
void draft_add(struct resolver *r, struct draft *d, struct rule rule);
/* Adds the policy to the program, within the limit on their number. */
void draft_finish(struct resolver *r, struct draft *d);

/* The ports of `left -> right`: those after `on`, or those of the service on the right. */
bool arrow_ports(struct resolver *r, const struct ast_item *item, const struct peers_of *left,
                 const struct peers_of *right, const struct home *home, const struct usage *use,
                 struct ports_of *out);
/* The namespace of what stands outside all namespace blocks. */
struct str default_ns(const struct resolver *r);
/* `raw`: whether it is allowed. */
bool raw_resolve(struct resolver *r, const struct ast_item *item, struct raw *out);

#endif
