/*
 * Making a listing: the steps, and the connections of the levels that list pairs. What flows is the
 * world's to know, how it is printed the formats'.
 */
#include "analysis/listing_priv.h"

#include <string.h>

/* ---- connections ---- */

static void too_many(struct lister *l)
{
    struct diags *diags = &l->w->ctx->diags;
    if (!l->too_many) {
        struct diag *d =
            diag_error(diags, NPC605, (struct span){0},
                       "more than %zu connections, which is the limit", l->w->ctx->limits.elements);
        diag_hint(diags, d,
                  "--classes lists what no policy can tell apart once; --from, --to and "
                  "--namespace list less");
    }
    l->too_many = true;
}

static bool is_open(const struct lister *l, uint32_t end)
{
    return l->ends.v[end].kind == EP_OPEN;
}

void list_connect(struct lister *l, uint32_t from, uint32_t to, struct traffic t)
{
    if (!focus_keeps(l, from, to)) {
        return;
    }
    uint32_t shown = list_shown(l, t);
    const struct shown s = l->shown.v[shown];
    for (int f = LIST_BOTH; f <= LIST_IPV6; f++) {
        const struct list_connection c = {from, to, s.by_family[f], (enum list_family)f};
        if (c.ports == ID_NONE) {
            continue;
        }
        if (l->connections.n + l->exposure.n >= l->w->ctx->limits.elements) {
            too_many(l);
            return;
        }
        if (is_open(l, from) || is_open(l, to)) {
            vec_push(l->arena, &l->exposure, c);
        } else {
            vec_push(l->arena, &l->connections, c);
        }
    }
}

/* Whether policy says nothing about two endpoints: one workload, or a pod and its node. (All
 * members of an endpoint are alike in that.) */
static bool is_free(const struct lister *l, uint32_t from, uint32_t to)
{
    const struct list_endpoint *a = &l->ends.v[from], *b = &l->ends.v[to];
    return a->inside != NULL && b->inside != NULL &&
           world_is_free(l->w, a->inside[0], b->inside[0]);
}

/* Traffic between two classes, each the endpoints that it is in this listing. */
static bool add_pair(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    struct lister *l = arg;
    if (l->w->classes[from].kind == EP_RANGE) {
        ranges_add(l, DIR_INGRESS, to, from, t);
        return true;
    }
    if (l->w->classes[to].kind == EP_RANGE) {
        ranges_add(l, DIR_EGRESS, from, to, t);
        return true;
    }
    const struct id_vec *sources = &l->of_class[from], *targets = &l->of_class[to];
    for (size_t i = 0; i < sources->n; i++) {
        for (size_t k = 0; k < targets->n; k++) {
            uint32_t source = sources->v[i], target = targets->v[k];
            if (source != target && !is_free(l, source, target)) {
                list_connect(l, source, target, t);
            }
        }
    }
    return !l->too_many;
}

/* A pod and its node, in both directions, in the families that both have. */
static void add_node_pair(struct lister *l, uint32_t pod, uint32_t node)
{
    const struct endpoint_class *p = &l->w->classes[l->ends.v[pod].class_id],
                                *n = &l->w->classes[l->ends.v[node].class_id];
    struct traffic t;
    for (size_t f = 0; f < FAMILIES; f++) {
        t.of[f] = p->has[f] && n->has[f] ? TRAFFIC_ALL : TRAFFIC_ABSENT;
    }
    list_connect(l, pod, node, t);
    list_connect(l, node, pod, t);
}

static void add_node_pairs(struct lister *l)
{
    struct strmap nodes; /* the endpoints of each: an id_vec */
    strmap_init(&nodes, l->arena);
    for (uint32_t i = 0; i < l->fixed; i++) {
        if (l->ends.v[i].kind == EP_NODE) {
            struct str name = l->ends.v[i].inside[0]->node->name;
            struct id_vec *of = strmap_get(&nodes, name);
            if (of == NULL) {
                of = ARENA_NEW(l->arena, struct id_vec);
                strmap_put(&nodes, name, of);
            }
            vec_push(l->arena, of, i);
        }
    }
    for (uint32_t i = 0; i < l->fixed; i++) {
        bool is_workload = l->ends.v[i].kind == EP_WORKLOAD;
        const struct id_vec *of =
            is_workload ? strmap_get(&nodes, world_home(l->w, l->ends.v[i].inside[0]->workload))
                        : NULL;
        for (size_t k = 0; of != NULL && k < of->n; k++) {
            add_node_pair(l, i, of->v[k]);
        }
    }
}

/* ---- order ---- */

struct ranked { /* an endpoint of a range */
    const struct list_endpoint *end;
    uint32_t old;
};

static int range_order(const void *pa, const void *pb)
{
    const struct list_endpoint *a = ((const struct ranked *)pa)->end,
                               *b = ((const struct ranked *)pb)->end;
    int order = (int)a->family - (int)b->family;
    order = order != 0 ? order : ip_cmp(a->range.first, b->range.first);
    return order != 0 ? order : ip_cmp(a->range.last, b->range.last);
}

/* Puts the endpoints of ranges in order; the result is the new number of each endpoint. */
static const uint32_t *sort_ranges(struct lister *l)
{
    size_t n = l->ends.n - l->fixed;
    uint32_t *renumber = ARENA_NEW_ARRAY(l->arena, l->ends.n, uint32_t);
    struct ranked *ranked = ARENA_NEW_ARRAY(l->arena, n, struct ranked);
    struct list_endpoint *copy = ARENA_NEW_ARRAY(l->arena, n, struct list_endpoint);
    for (uint32_t i = 0; i < l->fixed; i++) {
        renumber[i] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        copy[i] = l->ends.v[l->fixed + i];
        ranked[i] = (struct ranked){&copy[i], (uint32_t)l->fixed + i};
    }
    array_sort(ranked, n, sizeof *ranked, range_order);
    for (uint32_t i = 0; i < n; i++) {
        renumber[ranked[i].old] = (uint32_t)l->fixed + i;
        l->ends.v[l->fixed + i] = *ranked[i].end;
    }
    return renumber;
}

static int connection_order(const void *pa, const void *pb)
{
    const struct list_connection *a = pa, *b = pb;
    if (a->from != b->from) {
        return a->from < b->from ? -1 : 1;
    }
    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    return (int)a->family - (int)b->family;
}

static void sort_connections(struct list_connection *v, size_t n, const uint32_t *renumber)
{
    for (size_t i = 0; i < n; i++) {
        v[i].from = renumber[v[i].from];
        v[i].to = renumber[v[i].to];
    }
    array_sort(v, n, sizeof *v, connection_order);
}

/* ---- the steps ---- */

static bool connect_all(struct lister *l, struct listing *out)
{
    if (l->options.level == LIST_CLASSES) {
        list_blocks(l, out);
    } else {
        world_flows(l->w, add_pair, l);
        ranges_connect(l);
        add_node_pairs(l);
    }
    if (l->too_many) {
        return false;
    }
    const uint32_t *renumber = sort_ranges(l);
    sort_connections(l->connections.v, l->connections.n, renumber);
    sort_connections(l->exposure.v, l->exposure.n, renumber);
    return true;
}

void lister_init(struct lister *l, const struct world *w, const struct list_options *o)
{
    *l = (struct lister){.w = w, .options = *o, .arena = &w->ctx->arena};
    naming_init(&l->naming, l->arena);
    intern_init(&l->traffic_ids, l->arena);
    intern_init(&l->shown_ids, l->arena);
    intern_init(&l->port_ids, l->arena);
}

const struct listing *listing_new(const struct world *w, const struct list_options *o)
{
    struct arena *a = &w->ctx->arena;
    struct lister *l = ARENA_NEW(a, struct lister);
    struct listing *out = ARENA_NEW(a, struct listing);
    lister_init(l, w, o);
    if (!focus_read(l)) {
        return NULL;
    }
    ranges_prepare(l);
    list_ends(l);
    focus_flags(l, 0);
    if (!focus_check(l) || !connect_all(l, out)) {
        return NULL;
    }
    out->world = w;
    out->options = l->options;
    out->endpoints = l->ends.v;
    out->nendpoints = l->ends.n;
    out->ports = l->ports.v;
    out->nports = l->ports.n;
    out->connections = l->connections.v;
    out->nconnections = l->connections.n;
    out->exposure = l->exposure.v;
    out->nexposure = l->exposure.n;
    return out;
}
