/* Several address sets at once, as one sorted list of the places where they begin and end. */
#include "ir/sweep.h"

struct sweep_edge {
    struct ip at;
    uint32_t set;
    bool begins;
};

static int compare_edges(const void *x, const void *y)
{
    const struct sweep_edge *a = x, *b = y;
    return ip_cmp(a->at, b->at); /* those of one address are passed together */
}

/* Passes the edges at the low end of the range, and ends the range before the next ones. */
static void enter_range(struct sweep *s)
{
    while (s->next < s->n && ip_cmp(s->edges[s->next].at, s->range.first) == 0) {
        struct sweep_edge e = s->edges[s->next++];
        if (e.begins) {
            s->place[e.set] = (uint32_t)s->active.n;
            vec_push(s->arena, &s->active, e.set);
        } else {
            uint32_t moved = s->active.v[--s->active.n];
            s->active.v[s->place[e.set]] = moved;
            s->place[moved] = s->place[e.set];
        }
    }
    s->range.last = s->next < s->n ? ip_prev(s->edges[s->next].at) : ip_max(s->family);
    s->list = ID_NONE;
}

void sweep_start(struct sweep *s, struct arena *a, enum family f, const struct ipset *sets,
                 size_t n)
{
    VEC(struct sweep_edge) edges = {0};
    for (uint32_t set = 0; set < n; set++) {
        for (size_t i = 0; i < sets[set].n; i++) {
            struct ip_range r = sets[set].v[i];
            vec_push(a, &edges, (struct sweep_edge){r.first, set, true});
            if (ip_cmp(r.last, ip_max(f)) != 0) {
                vec_push(a, &edges, (struct sweep_edge){ip_next(r.last), set, false});
            }
        }
    }
    array_sort(edges.v, edges.n, sizeof *edges.v, compare_edges);
    *s = (struct sweep){.arena = a, .family = f, .edges = edges.v, .n = edges.n};
    s->place = ARENA_NEW_ARRAY(a, n, uint32_t);
    intern_init(&s->lists, a);
    enter_range(s);
}

bool sweep_next(struct sweep *s)
{
    if (ip_cmp(s->range.last, ip_max(s->family)) == 0) {
        return false;
    }
    s->range.first = ip_next(s->range.last);
    enter_range(s);
    return true;
}

uint32_t sweep_sets(struct sweep *s)
{
    if (s->list == ID_NONE) {
        uint32_t *copy = ARENA_NEW_ARRAY(s->arena, s->active.n, uint32_t);
        for (size_t i = 0; i < s->active.n; i++) {
            copy[i] = s->active.v[i];
        }
        s->list = intern_ids(&s->lists, copy, ids_sort(copy, s->active.n));
    }
    return s->list;
}
