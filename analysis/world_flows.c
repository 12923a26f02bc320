/* Pairs of classes: one, and all between which something flows. */
#include "analysis/verdict.h"
#include "analysis/world_priv.h"

struct traffic world_side(const struct world *w, enum direction d, uint32_t target, uint32_t peer)
{
    struct traffic t;
    for (size_t f = 0; f < FAMILIES; f++) {
        bool both = w->classes[target].has[f] && w->classes[peer].has[f];
        uint32_t profile = w->parts->facts.v[target].profile[d];
        t.of[f] =
            both ? row_traffic(world_row(w, (enum family)f, d, profile), peer) : TRAFFIC_ABSENT;
    }
    return t;
}

static struct traffic in_both(const struct world *w, struct traffic out, struct traffic in)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        if (out.of[f] != TRAFFIC_ABSENT) {
            out.of[f] = traffic_intersect(w->traffic, out.of[f], in.of[f]);
        }
    }
    return out;
}

struct traffic world_traffic(const struct world *w, uint32_t from, uint32_t to)
{
    return in_both(w, world_side(w, DIR_EGRESS, from, to), world_side(w, DIR_INGRESS, to, from));
}

uint32_t world_kept(const struct world *w, enum family f, uint32_t class_id)
{
    bool host = w->parts->facts.v[class_id].host;
    uint32_t *kept = &w->parts->kept[f][host];
    if (*kept == TRAFFIC_NONE) {
        *kept = traffic_id(w->traffic, f, ports_kept(&w->ctx->arena, host));
    }
    return *kept;
}

/* One direction, with what always passes. */
static struct traffic side_passes(const struct world *w, enum direction d, uint32_t target,
                                  uint32_t peer)
{
    struct traffic t = world_side(w, d, target, peer);
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        if (t.of[f] != TRAFFIC_ABSENT) {
            t.of[f] = traffic_union(w->traffic, t.of[f], world_kept(w, f, target));
        }
    }
    return t;
}

struct traffic world_passes(const struct world *w, uint32_t from, uint32_t to)
{
    return in_both(w, side_passes(w, DIR_EGRESS, from, to), side_passes(w, DIR_INGRESS, to, from));
}

/*
 * All pairs, without trying all: most classes of a cluster are isolated, and then the row of one
 * end names the few others. For a source whose egress is open to the unnamed, the destinations are
 * those whose ingress is open to the unnamed, and those whose ingress row names the source. For
 * any other source its own row names them.
 */
struct flows {
    const struct world *w;
    struct arena *arena;
    struct id_vec open[FAMILIES];  /* classes whose ingress is open to classes without entry */
    struct id_vec *into[FAMILIES]; /* by source class: closed ingress profiles that name it */
    unsigned char *mark;           /* by class: a destination to try */
    struct id_vec found;           /* those that are marked */
};

static void index_ingress(struct flows *x, enum family f)
{
    const struct world *w = x->w;
    struct world_parts *parts = w->parts;
    struct arena *a = x->arena;
    x->into[f] = ARENA_NEW_ARRAY(a, w->nclasses, struct id_vec);
    for (uint32_t p = 0; p < parts->profiles[DIR_INGRESS].n; p++) {
        const struct id_list classes = parts->profiles[DIR_INGRESS].v[p].classes;
        if (classes.n == 0) {
            continue;
        }
        const struct row *row = world_row(w, f, DIR_INGRESS, p);
        for (size_t i = 0; i < classes.n && row->other != TRAFFIC_NONE; i++) {
            vec_push(a, &x->open[f], classes.v[i]);
        }
        for (size_t i = 0; i < row->n && row->other == TRAFFIC_NONE; i++) {
            vec_push(a, &x->into[f][row->v[i].class_id], p);
        }
    }
}

static void find(struct flows *x, uint32_t to)
{
    if (!x->mark[to]) {
        x->mark[to] = 1;
        vec_push(x->arena, &x->found, to);
    }
}

static void find_destinations(struct flows *x, enum family f, uint32_t from)
{
    const struct world_parts *parts = x->w->parts;
    const struct row *out =
        world_row(x->w, f, DIR_EGRESS, parts->facts.v[from].profile[DIR_EGRESS]);
    for (size_t i = 0; i < out->n; i++) {
        find(x, out->v[i].class_id);
    }
    if (out->other == TRAFFIC_NONE) {
        return;
    }
    for (size_t i = 0; i < x->open[f].n; i++) {
        find(x, x->open[f].v[i]);
    }
    for (size_t i = 0; i < x->into[f][from].n; i++) {
        struct id_list classes = parts->profiles[DIR_INGRESS].v[x->into[f][from].v[i]].classes;
        for (size_t k = 0; k < classes.n; k++) {
            find(x, classes.v[k]);
        }
    }
}

/* Sorts what was found: few by sorting, many by walking through the marks. */
static void sort_found(struct flows *x)
{
    if (x->found.n < x->w->nclasses / 16) {
        x->found.n = ids_sort(x->found.v, x->found.n);
    } else {
        size_t n = 0;
        for (uint32_t c = 0; c < x->w->nclasses; c++) {
            if (x->mark[c]) {
                x->found.v[n++] = c;
            }
        }
    }
    for (size_t i = 0; i < x->found.n; i++) {
        x->mark[x->found.v[i]] = 0;
    }
}

static bool flows_from(struct flows *x, uint32_t from, flow_fn each, void *arg)
{
    const struct world *w = x->w;
    x->found.n = 0;
    for (size_t f = 0; f < FAMILIES; f++) {
        if (w->classes[from].has[f]) {
            find_destinations(x, (enum family)f, from);
        }
    }
    sort_found(x);
    for (size_t i = 0; i < x->found.n; i++) {
        uint32_t to = x->found.v[i];
        if (w->classes[from].kind != EP_WORKLOAD && w->classes[to].kind != EP_WORKLOAD) {
            continue;
        }
        struct traffic t = world_traffic(w, from, to);
        if (!traffic_is_none(t) && !each(arg, from, to, t)) {
            return false;
        }
    }
    return true;
}

void world_flows(const struct world *w, flow_fn each, void *arg)
{
    struct flows *x = ARENA_NEW(&w->ctx->arena, struct flows);
    x->w = w;
    x->arena = arena_new_scratch(&w->ctx->arena);
    for (size_t f = 0; f < FAMILIES; f++) {
        index_ingress(x, (enum family)f);
    }
    x->mark = ARENA_NEW_ARRAY(x->arena, w->nclasses, unsigned char);
    for (uint32_t from = 0; from < w->nclasses; from++) {
        if (!flows_from(x, from, each, arg)) {
            break;
        }
    }
    arena_free(x->arena);
}
