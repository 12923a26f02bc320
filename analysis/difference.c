/*
 * Comparing two worlds: ends that are alike in both, and every pair of them whose traffic differs.
 * Nothing here knows a format.
 */
#include "analysis/difference_priv.h"

#include <stdlib.h>

/* ---- changes ---- */

/* Everything is asked of families that the pair has; in others nothing flows. A class may have more
 * of them than an end, of which the other world tells addresses apart. */
static struct traffic traffic_at(const struct diffing *x, enum world_age age, uint32_t from,
                                 uint32_t to)
{
    uint32_t source = x->ends.v[from].class_of[age], target = x->ends.v[to].class_of[age];
    if (source == ID_NONE || target == ID_NONE) {
        return (struct traffic){{TRAFFIC_ABSENT, TRAFFIC_ABSENT}};
    }
    struct traffic t = world_traffic(x->out->world[age], source, target);
    for (size_t f = 0; f < FAMILIES; f++) {
        bool has = x->ends.v[from].has[f] && x->ends.v[to].has[f];
        t.of[f] = has ? t.of[f] : TRAFFIC_ABSENT;
    }
    return t;
}

/* External ends that change alike with one other end are one change. */
static void push_range_change(struct diffing *x, struct diff_change c)
{
    bool from = x->ends.v[c.from].external;
    uint32_t other = from ? c.to : c.from, range = from ? c.from : c.to;
    uint32_t key[] = {other,
                      from,
                      x->ends.v[range].family,
                      c.gained.of[FAM_IP4],
                      c.gained.of[FAM_IP6],
                      c.lost.of[FAM_IP4],
                      c.lost.of[FAM_IP6]};
    uint32_t id = intern_ids(&x->range_ids, key, sizeof key / sizeof *key);
    if (id == x->changes.n) {
        vec_push(x->arena, &x->changes, c);
        vec_push(x->arena, &x->changed, (struct id_vec){0});
    }
    vec_push(x->arena, &x->changed.v[id], range);
}

static int str_order(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t count_at_home(const struct diff_end *a, const struct diff_end *nodes)
{
    size_t n = 0;
    for (size_t i = 0; nodes->nodes && i < a->nnames; i++) {
        n += a->homes[i].n > 0 && bsearch(&a->homes[i], nodes->names, nodes->nnames,
                                          sizeof *nodes->names, str_order) != NULL;
    }
    return n;
}

/* Pairs of names between which nothing is filtered. */
static size_t count_free(const struct diff_end *a, const struct diff_end *b)
{
    return a == b ? a->nnames : count_at_home(a, b) + count_at_home(b, a);
}

/* Whether an end is somebody about whom policies decide, if any select it. */
static bool is_subject(const struct diffing *x, uint32_t end)
{
    for (size_t age = 0; age < AGES; age++) {
        const struct world *w = x->out->world[age];
        uint32_t c = x->ends.v[end].class_of[age];
        if (c != ID_NONE && w->classes[c].kind == EP_WORKLOAD && !w->parts->facts.v[c].bystander) {
            return true;
        }
    }
    return false;
}

static void compare(struct diffing *x, uint32_t from, uint32_t to)
{
    if (!is_subject(x, from) && !is_subject(x, to)) {
        return;
    }
    const struct diff_end *a = &x->ends.v[from], *b = &x->ends.v[to];
    struct traffic old = traffic_at(x, OLD, from, to), now = traffic_at(x, NEW, from, to);
    struct diff_change c = {.from = from,
                            .to = to,
                            .gained = traffic_less(x->out->traffic, now, old),
                            .lost = traffic_less(x->out->traffic, old, now)};
    if (traffic_is_none(c.gained) && traffic_is_none(c.lost)) {
        return;
    }
    if (a->external || b->external) {
        push_range_change(x, c);
    } else if (count_free(a, b) < a->nnames * b->nnames) {
        vec_push(x->arena, &x->others, c);
    }
}

struct walk {
    struct diffing *x;
    enum world_age age;
};

/* Pairs between which something flows now, and those between which it only did. */
static bool compare_flow(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    struct walk *w = arg;
    struct diffing *x = w->x;
    (void)t;
    const struct id_vec *sources = &x->of_class[w->age][from], *targets = &x->of_class[w->age][to];
    for (size_t i = 0; i < sources->n; i++) {
        for (size_t k = 0; k < targets->n; k++) {
            uint32_t a = sources->v[i], b = targets->v[k];
            if (w->age == NEW || traffic_is_none(traffic_at(x, NEW, a, b))) {
                compare(x, a, b);
            }
        }
    }
    return true;
}

/* Whether nobody's address is between two ranges: what somebody has in either inventory does not
 * separate them. */
static bool are_apart(const struct nets *known, struct ip_range a, struct ip_range b)
{
    return nets_has_external(known, (struct ip_range){ip_next(a.last), ip_prev(b.first)});
}

/* The addresses of external ends of one family. */
static struct ipset ranges_of(struct diffing *x, const struct id_vec *ends)
{
    const struct nets *known = &x->known[x->ends.v[ends->v[0]].family];
    VEC(struct ip_range) all = {0};
    for (size_t i = 0; i < ends->n; i++) {
        const struct ipset *s = &x->ends.v[ends->v[i]].ranges;
        for (size_t k = 0; k < s->n; k++) {
            vec_push(x->arena, &all, s->v[k]);
        }
    }
    struct ipset out = ipset_of_ranges(x->arena, all.v, all.n);
    size_t n = 0;
    for (size_t i = 0; i < out.n; i++) {
        if (n == 0 || are_apart(known, out.v[n - 1], out.v[i])) {
            out.v[n++] = out.v[i];
        } else {
            out.v[n - 1].last = out.v[i].last;
        }
    }
    out.n = n;
    return out;
}

static void compare_all(struct diffing *x)
{
    for (size_t age = 0; age < AGES; age++) {
        struct walk w = {x, (enum world_age)age};
        world_flows(x->out->world[age], compare_flow, &w);
    }
    for (size_t i = 0; i < x->changes.n; i++) {
        x->changes.v[i].ranges = ranges_of(x, &x->changed.v[i]);
        difference_explain_ranges(x, &x->changes.v[i], &x->changed.v[i]);
    }
    for (size_t i = 0; i < x->others.n; i++) {
        difference_explain(x, &x->others.v[i]);
        vec_push(x->arena, &x->changes, x->others.v[i]);
    }
}

/* ---- all together ---- */

/* Qsort has no argument: what changes are ordered by is put beside them. */
struct ordered {
    struct str from, to; /* empty: external addresses, which stand last */
    bool external[2];
    struct ip first;
    struct diff_change change;
};

static int compare_end(struct str a, bool a_external, struct str b, bool b_external)
{
    return a_external != b_external ? (int)a_external - (int)b_external : str_cmp(a, b);
}

static int change_order(const void *pa, const void *pb)
{
    const struct ordered *a = pa, *b = pb;
    int order = compare_end(a->from, a->external[0], b->from, b->external[0]);
    order = order != 0 ? order : compare_end(a->to, a->external[1], b->to, b->external[1]);
    order = order != 0 ? order : ip_cmp(a->first, b->first);
    for (size_t f = 0; f < FAMILIES && order == 0; f++) { /* IPv4 before IPv6 */
        order = (int)(a->change.gained.of[f] == TRAFFIC_ABSENT) -
                (int)(b->change.gained.of[f] == TRAFFIC_ABSENT);
    }
    return order;
}

static void sort_changes(struct diffing *x)
{
    struct ordered *v = ARENA_NEW_ARRAY(x->arena, x->changes.n, struct ordered);
    for (size_t i = 0; i < x->changes.n; i++) {
        const struct diff_change *c = &x->changes.v[i];
        const struct diff_end *a = &x->ends.v[c->from], *b = &x->ends.v[c->to];
        v[i] = (struct ordered){.external = {a->external, b->external}, .change = *c};
        v[i].from = a->nnames > 0 ? a->names[0] : STR("");
        v[i].to = b->nnames > 0 ? b->names[0] : STR("");
        v[i].first = c->ranges.n > 0 ? c->ranges.v[0].first : (struct ip){0, 0};
    }
    array_sort(v, x->changes.n, sizeof *v, change_order);
    for (size_t i = 0; i < x->changes.n; i++) {
        x->changes.v[i] = v[i].change;
    }
}

const struct difference *difference_new(const struct world *old, const struct world *now)
{
    struct arena *a = &now->ctx->arena;
    struct diffing *x = ARENA_NEW(a, struct diffing);
    x->arena = a;
    x->scratch = arena_new_scratch(a);
    x->out = ARENA_NEW(a, struct difference);
    *x->out = (struct difference){.world = {old, now}, .traffic = now->traffic};
    intern_init(&x->range_ids, a);
    difference_policies(x);
    difference_ends(x);
    compare_all(x);
    sort_changes(x);
    x->out->ends = x->ends.v;
    x->out->nends = x->ends.n;
    x->out->changes = x->changes.v;
    x->out->nchanges = x->changes.n;
    return x->out;
}

size_t difference_pairs(const struct difference *d, const struct diff_change *c)
{
    const struct diff_end *a = &d->ends[c->from], *b = &d->ends[c->to];
    size_t from = a->external ? c->ranges.n : a->nnames;
    size_t to = b->external ? c->ranges.n : b->nnames;
    return from * to - (a->external || b->external ? 0 : count_free(a, b));
}

bool difference_is_free(const struct difference *d, const struct diff_change *c, size_t i, size_t k)
{
    const struct diff_end *a = &d->ends[c->from], *b = &d->ends[c->to];
    return a == b ? i == k
                  : (b->nodes && str_eq(a->homes[i], b->names[k])) ||
                        (a->nodes && str_eq(b->homes[k], a->names[i]));
}

bool difference_gains(const struct difference *d)
{
    for (size_t i = 0; i < d->nchanges; i++) {
        if (!traffic_is_none(d->changes[i].gained)) {
            return true;
        }
    }
    return false;
}

bool difference_loses(const struct difference *d)
{
    for (size_t i = 0; i < d->nchanges; i++) {
        if (!traffic_is_none(d->changes[i].lost)) {
            return true;
        }
    }
    return false;
}
