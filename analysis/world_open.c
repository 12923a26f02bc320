/*
 * The open world: for every pair of selectors that some rule names as its peer, one pod that is not
 * there but that it would match, and one pod that nothing names. Such a pod has as few labels as
 * its selectors allow, no address, and no ports. A selector that lists namespaces by name gets one
 * pod in each: what policies they have is not the same.
 */
#include "analysis/world_priv.h"

#include <assert.h>

/* ---- labels that match a selector ---- */

static bool value_fits(const struct selector *s, struct str key, struct str value)
{
    struct label label = {.key = key, .value = value};
    struct labels one = {&label, 1};
    for (size_t i = 0; i < s->n; i++) {
        struct selector alone = {.v = &s->v[i], .n = 1};
        if (str_eq(s->v[i].key, key) && !selector_matches(&alone, &one)) {
            return false;
        }
    }
    return true;
}

/* A value for the key of a requirement that asks for one; some other one if no value would do.
 * Selectors are in normal form: those that list values for a key stand before its `exists`. */
static struct str find_value(struct arena *a, const struct selector *s, const struct sel_req *r)
{
    for (size_t i = 0; i < r->nvalues; i++) {
        if (value_fits(s, r->key, r->values[i])) {
            return r->values[i];
        }
    }
    /* Of n + 1 different values, n of which somebody forbids, one is free. */
    size_t most = 0;
    for (size_t i = 0; i < s->n; i++) {
        most += s->v[i].nvalues;
    }
    struct str value = STR("any0");
    for (size_t i = 1; i <= most && !value_fits(s, r->key, value); i++) {
        value = str_printf(a, "any%zu", i);
    }
    return value;
}

/* Completes a label set so that it matches; false if that cannot be. */
static bool satisfy(struct arena *a, const struct selector *s, struct labels *l)
{
    VEC(struct label) all = {0};
    for (size_t i = 0; i < l->n; i++) {
        vec_push(a, &all, l->v[i]);
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct sel_req *r = &s->v[i];
        struct labels so_far = {all.v, all.n};
        bool wants = r->op != SEL_NOTIN && r->op != SEL_ABSENT;
        if (wants && labels_find(&so_far, r->key) == NULL) {
            vec_push(a, &all, (struct label){.key = r->key, .value = find_value(a, s, r)});
        }
    }
    *l = (struct labels){all.v, all.n};
    labels_sort(l);
    return selector_matches(s, l);
}

/* ---- pods that are not there ---- */

struct opening {
    struct world *world;
    struct arena *arena;
    struct inventory *inv; /* a copy that may grow */
    VEC(struct live) live;
    VEC(struct open_pod) open;
    struct intern seen; /* clauses by what they say */
};

static void copy_inventory(struct opening *o, const struct inventory *inv)
{
    inventory_init(o->inv, o->arena);
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        vec_push(o->arena, &o->inv->namespaces, inv->namespaces.v[i]);
        strmap_put(&o->inv->ns_by_name, inv->namespaces.v[i]->name, inv->namespaces.v[i]);
    }
}

/* The requirement that lists namespaces by name, or NULL. */
static const struct sel_req *find_names(const struct selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        bool lists = s->v[i].op == SEL_EQ || s->v[i].op == SEL_IN;
        if (lists && str_is(s->v[i].key, LABEL_NS_NAME)) {
            return &s->v[i];
        }
    }
    return NULL;
}

/* A namespace that is not there, with labels that match; NULL if none can. In the inventory it has
 * a name that the API does not allow, so it is nobody else's. */
static const struct ns_object *new_namespace(struct opening *o, const struct selector *s)
{
    struct str name = str_printf(o->arena, "*%zu", o->inv->namespaces.n);
    const struct sel_req *named = find_names(s);
    struct label *label = ARENA_NEW(o->arena, struct label);
    *label =
        (struct label){.key = STR(LABEL_NS_NAME), .value = named != NULL ? named->values[0] : name};
    struct labels labels = {label, 1};
    if (!satisfy(o->arena, s, &labels)) {
        return NULL;
    }
    struct ns_object *ns = ARENA_NEW(o->arena, struct ns_object);
    *ns = (struct ns_object){.name = name, .labels = labels};
    vec_push(o->arena, &o->inv->namespaces, ns);
    strmap_put(&o->inv->ns_by_name, name, ns);
    return ns;
}

/* The namespace of the pods of a clause that names at most one; NULL if there can be none. One that
 * is there is as it is. */
static const struct ns_object *find_namespace(struct opening *o, const struct selector *s)
{
    const struct sel_req *named = find_names(s);
    const struct ns_object *ns =
        named != NULL ? strmap_get(&o->inv->ns_by_name, named->values[0]) : NULL;
    if (ns == NULL) {
        return new_namespace(o, s);
    }
    return selector_matches(s, &ns->labels) ? ns : NULL;
}

static void add_pod(struct opening *o, const struct ns_object *ns, const struct selector *pods,
                    struct str text)
{
    struct labels labels = {NULL, 0};
    if (!satisfy(o->arena, pods, &labels)) {
        return;
    }
    struct workload *w = ARENA_NEW(o->arena, struct workload);
    *w = (struct workload){.kind = WL_TEMPLATE, .ns = ns->name, .name = text, .labels = labels};
    vec_push(o->arena, &o->live, (struct live){.w = w});
    const struct label *name = labels_find(&ns->labels, STR(LABEL_NS_NAME));
    const struct open_pod pod = {text, name != NULL ? name->value : ns->name};
    vec_push(o->arena, &o->open, pod);
}

static struct str clause_text(struct arena *a, const struct selector *ns,
                              const struct selector *pods)
{
    struct buf *b = buf_new(a);
    buf_puts(b, pods->n > 0 ? "pods " : "all pods");
    selector_print(b, pods, 0);
    const struct sel_req *named = selector_ns_names(ns);
    if (named != NULL && named->nvalues == 1) {
        buf_puts(b, " in namespace ");
        buf_str(b, named->values[0]);
    } else if (ns->n > 0) {
        buf_puts(b, " in namespaces ");
        selector_print(b, ns, 0);
    } else {
        buf_puts(b, " in all namespaces");
    }
    return buf_text(b);
}

static void add_one(struct opening *o, const struct selector *ns, const struct selector *pods)
{
    struct str text = clause_text(o->arena, ns, pods);
    size_t before = o->seen.keys.n;
    if (intern_add(&o->seen, text) < before) {
        return;
    }
    const struct ns_object *where = find_namespace(o, ns);
    if (where != NULL) {
        add_pod(o, where, pods, text);
    }
}

/* The selector with one of the names that a requirement of it lists. */
static struct selector with_name(struct arena *a, const struct selector *s,
                                 const struct sel_req *named, size_t i)
{
    struct selector one = *s;
    one.v = ARENA_NEW_ARRAY(a, s->n, struct sel_req);
    for (size_t k = 0; k < s->n; k++) {
        one.v[k] = s->v[k];
    }
    struct sel_req *name = &one.v[named - s->v];
    name->op = SEL_EQ;
    name->values = &named->values[i];
    name->nvalues = 1;
    return one;
}

static void add_clause(struct opening *o, const struct nclause *c)
{
    const struct sel_req *named = find_names(c->ns);
    if (named == NULL) {
        add_one(o, c->ns, c->pods);
    }
    for (size_t i = 0; named != NULL && i < named->nvalues; i++) {
        struct selector one = with_name(o->arena, c->ns, named, i);
        add_one(o, &one, c->pods);
    }
}

static void add_clauses(struct opening *o)
{
    const struct world *w = o->world;
    intern_init(&o->seen, o->arena);
    for (size_t i = 0; i < w->npolicies; i++) {
        for (size_t d = 0; d < DIRECTIONS; d++) {
            for (size_t r = 0; r < w->policies[i]->nrules[d]; r++) {
                const struct nrule *rule = &w->policies[i]->rules[d][r];
                for (size_t k = 0; k < rule->nclauses; k++) {
                    const struct nclause *c = &rule->clauses[k];
                    if (c->kind == PEER_PODS) {
                        add_clause(o, c);
                    }
                }
            }
        }
    }
}

const struct program *world_open(struct world *w)
{
    struct binding *b = &w->parts->match;
    struct opening o = {.world = w, .arena = b->scratch};
    struct program *view = ARENA_NEW(o.arena, struct program);
    *view = *w->program;
    o.inv = &view->inv;
    copy_inventory(&o, &w->program->inv);
    for (size_t i = 0; i < b->nlive; i++) {
        vec_push(o.arena, &o.live, b->live[i]);
    }
    static const struct selector everything;
    const struct ns_object *elsewhere = new_namespace(&o, &everything);
    assert(elsewhere != NULL); /* there are labels that match everything: none */
    add_pod(&o, elsewhere, &everything, STR("any other pod"));
    add_clauses(&o);
    b->live = o.live.v;
    b->nlive = o.live.n;
    w->parts->open = o.open.v;
    return view;
}
