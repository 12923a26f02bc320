/*
 * The endpoints of a listing and their names: pods, owners whose pods are alike, nodes, classes.
 * Nothing here knows what flows.
 */
#include "analysis/listing_priv.h"

/* ---- what an endpoint is made of ---- */

struct group { /* pods of one owner */
    struct str ns, owner;
    uint32_t class_id; /* of the first; ID_NONE: none yet */
    struct str node;   /* of the first */
    bool alike;      /* all in one class, each as a whole, and, if nodes are listed, on one node */
    uint32_t number; /* in its class, of those that are alike; ID_NONE: not counted yet */
};

struct namer {
    struct lister *l;
    struct strmap groups; /* by "NAMESPACE/Kind/name" */
    struct group *last;   /* that was looked for */
};

static struct str in_namespace(struct arena *a, const struct workload *w, struct str name)
{
    return str_path(a, w->ns, name);
}

/* The group of the pods that are listed as one owner's, which may not be there yet. Pods mostly
 * come beside their siblings. */
static struct group *group_named(struct namer *n, const struct workload *w, struct str owner)
{
    if (n->last == NULL || !str_eq(n->last->owner, owner) || !str_eq(n->last->ns, w->ns)) {
        struct str key = in_namespace(n->l->arena, w, owner);
        n->last = strmap_get(&n->groups, key);
        if (n->last == NULL) {
            n->last = ARENA_NEW(n->l->arena, struct group);
            *n->last = (struct group){w->ns, owner, ID_NONE, STR(""), true, ID_NONE};
            strmap_put(&n->groups, key, n->last);
        }
    }
    return n->last;
}

static void note_member(struct namer *n, uint32_t class_id, const struct endpoint_member *m)
{
    struct lister *l = n->l;
    const struct workload *w = m->workload;
    struct str owner = naming_owner(&l->naming, w);
    if (owner.n == 0) {
        return;
    }
    struct group *g = group_named(n, w, owner);
    if (g->class_id == ID_NONE) {
        g->class_id = class_id;
        g->node = w->node;
    }
    bool apart = l->options.nodes && !str_eq(g->node, w->node);
    g->alike = g->alike && g->class_id == class_id && m->naddrs == 0 && !apart;
}

/* ---- endpoints ---- */

static uint32_t add_end(struct lister *l, const struct endpoint_class *c, struct str name,
                        struct str type)
{
    struct list_endpoint e = {.name = name, .type = type, .kind = c->kind, .class_id = c->id};
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < c->npolicies[d]; i++) {
            e.isolated[d] = e.isolated[d] || c->policies[d][i]->isolates[d];
        }
    }
    vec_push(l->arena, &l->ends, e);
    return (uint32_t)l->ends.n - 1;
}

static void keep_common_labels(struct list_endpoint *e, const struct labels *other)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->labels.n; i++) {
        const struct label *same = labels_find(other, e->labels.v[i].key);
        if (same != NULL && str_eq(same->value, e->labels.v[i].value)) {
            e->labels.v[kept++] = e->labels.v[i];
        }
    }
    e->labels.n = kept;
}

/* Gives the endpoint `n` members of its class: those numbered in `which`, or all. */
static void set_members(struct lister *l, uint32_t end, const struct endpoint_class *c,
                        const uint32_t *which, size_t n)
{
    struct list_endpoint *e = &l->ends.v[end];
    e->members = ARENA_NEW_ARRAY(l->arena, n, struct str);
    e->inside = ARENA_NEW_ARRAY(l->arena, n, const struct endpoint_member *);
    e->nmembers = n;
    for (size_t i = 0; i < n; i++) {
        const struct endpoint_member *m = &c->members[which != NULL ? which[i] : i];
        const struct labels *labels = m->workload != NULL ? &m->workload->labels : &m->node->labels;
        struct str ns = m->workload != NULL ? m->workload->ns : STR("");
        e->inside[i] = m;
        e->members[i] = naming_member(&l->naming, m);
        if (i == 0) {
            e->ns = ns;
            e->labels.n = labels->n;
            e->labels.v = ARENA_NEW_ARRAY(l->arena, labels->n, struct label);
            for (size_t k = 0; k < labels->n; k++) {
                e->labels.v[k] = labels->v[k];
            }
        } else {
            e->ns = str_eq(ns, e->ns) ? ns : STR("");
            keep_common_labels(e, labels);
        }
    }
}

static void add_workload(struct lister *l, const struct endpoint_class *c, uint32_t member)
{
    const struct endpoint_member *m = &c->members[member];
    struct str name = naming_member(&l->naming, m);
    set_members(l, add_end(l, c, name, workload_type(m->workload)), c, &member, 1);
}

static void add_node(struct lister *l, const struct endpoint_class *c, uint32_t member)
{
    struct str name = member_name(l->arena, &c->members[member]);
    set_members(l, add_end(l, c, name, STR("Node")), c, &member, 1);
}

static void add_group(struct namer *n, const struct group *g, const struct endpoint_class *c,
                      const struct id_vec *which)
{
    const struct workload *first = c->members[which->v[0]].workload;
    struct str type = owner_kind(g->owner);
    struct str name = in_namespace(n->l->arena, first, owner_name(g->owner));
    uint32_t end = add_end(n->l, c, naming_unique(&n->l->naming, name, name, type), type);
    set_members(n->l, end, c, which->v, which->n);
}

/* The owner that a pod is listed as, or NULL. */
static struct group *group_of(struct namer *n, const struct workload *w)
{
    bool grouped = n->l->options.level == LIST_WORKLOADS;
    struct str owner = grouped ? naming_owner(&n->l->naming, w) : STR("");
    struct group *g = owner.n > 0 ? group_named(n, w, owner) : NULL;
    return g != NULL && g->alike ? g : NULL;
}

/* Endpoints of one class of workloads; on LIST_PODS there are no groups. */
static void add_workloads(struct namer *n, const struct endpoint_class *c)
{
    struct lister *l = n->l;
    VEC(struct group *) groups = {0};
    VEC(struct id_vec) members = {0};
    for (uint32_t i = 0; i < c->nmembers; i++) {
        struct group *g = group_of(n, c->members[i].workload);
        if (g == NULL) {
            add_workload(l, c, i);
            continue;
        }
        if (g->number == ID_NONE) {
            g->number = (uint32_t)groups.n;
            vec_push(l->arena, &groups, g);
            vec_push(l->arena, &members, (struct id_vec){0});
        }
        vec_push(l->arena, &members.v[g->number], i);
    }
    for (size_t i = 0; i < groups.n; i++) {
        add_group(n, groups.v[i], c, &members.v[i]);
    }
}

/* ---- classes as endpoints ---- */

static void set_range_members(struct lister *l, uint32_t end, const struct endpoint_class *c)
{
    struct ipset merged = ranges_of_class(l, c);
    struct list_endpoint *e = &l->ends.v[end];
    e->family = c->family;
    e->nmembers = merged.n;
    e->members = ARENA_NEW_ARRAY(l->arena, merged.n, struct str);
    for (size_t i = 0; i < merged.n; i++) {
        e->members[i] = range_text(l->arena, c->family, merged.v[i]);
    }
}

static void add_class(struct lister *l, const struct endpoint_class *c)
{
    struct str name = str_printf(l->arena, "class %zu", l->ends.n + 1);
    uint32_t end = add_end(l, c, name, STR("class"));
    if (c->kind == EP_RANGE) {
        set_range_members(l, end, c);
    } else {
        set_members(l, end, c, NULL, c->nmembers);
    }
}

/* ---- all of them ---- */

static void add_open(struct lister *l, const struct endpoint_class *c)
{
    uint32_t end = add_end(l, c, c->text, STR("open"));
    struct list_endpoint *e = &l->ends.v[end];
    e->members = ARENA_NEW(l->arena, struct str);
    e->members[0] = c->text;
    e->nmembers = 1;
}

static void add_ends(struct namer *n, const struct endpoint_class *c)
{
    struct lister *l = n->l;
    enum list_level level = l->options.level;
    switch (c->kind) {
    case EP_WORKLOAD:
        if (level == LIST_CLASSES) {
            add_class(l, c);
        } else {
            add_workloads(n, c);
        }
        return;
    case EP_NODE:
        if (level == LIST_CLASSES && l->options.nodes) {
            add_class(l, c);
        }
        for (uint32_t i = 0; level != LIST_CLASSES && l->options.nodes && i < c->nmembers; i++) {
            add_node(l, c, i);
        }
        return;
    case EP_RANGE: /* on the other levels each connection makes its own */
        if (level == LIST_CLASSES) {
            add_class(l, c);
        }
        return;
    case EP_OPEN:
        if (l->options.exposure) {
            add_open(l, c);
        }
        return;
    }
}

static int end_order(const void *pa, const void *pb)
{
    const struct list_endpoint *a = pa, *b = pb;
    if (a->kind != b->kind) {
        static const int rank[] = {[EP_WORKLOAD] = 0, [EP_OPEN] = 1, [EP_NODE] = 2, [EP_RANGE] = 3};
        return rank[a->kind] - rank[b->kind];
    }
    return str_cmp(a->name, b->name);
}

void list_ends(struct lister *l)
{
    struct namer n = {.l = l};
    strmap_init(&n.groups, l->arena);
    const struct world *w = l->w;
    enum list_level level = l->options.level;
    naming_add(&l->naming, &w->program->inv, level == LIST_WORKLOADS);
    for (uint32_t i = 0; i < w->nclasses && level == LIST_WORKLOADS; i++) {
        for (size_t k = 0; k < w->classes[i].nmembers; k++) {
            if (w->classes[i].kind == EP_WORKLOAD) {
                note_member(&n, i, &w->classes[i].members[k]);
            }
        }
    }
    for (size_t i = 0; i < w->nclasses; i++) {
        add_ends(&n, &w->classes[i]);
    }
    if (level != LIST_CLASSES && l->ends.n > 0) {
        array_sort(l->ends.v, l->ends.n, sizeof *l->ends.v, end_order);
    }
    l->of_class = ARENA_NEW_ARRAY(l->arena, w->nclasses, struct id_vec);
    for (uint32_t i = 0; i < l->ends.n; i++) {
        vec_push(l->arena, &l->of_class[l->ends.v[i].class_id], i);
    }
    l->fixed = l->ends.n;
}
