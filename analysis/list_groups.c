/* Connections by destination, for people. Knows names and numbers of a listing, and no format. */
#include "analysis/list_groups.h"

/* ---- texts ---- */

struct str range_for_people(struct arena *a, enum family f, struct ip_range r)
{
    if (ip_cmp(r.first, r.last) == 0) {
        return ip_text(a, f, r.first);
    }
    struct cidrs c = ipset_cidrs(a, (struct ipset){&r, 1}, f);
    return c.n == 1 ? cidr_text(a, c.v[0]) : range_text(a, f, r);
}

struct str end_text(const struct listing *l, const struct list_endpoint *e)
{
    bool range = e->kind == EP_RANGE && l->options.level != LIST_CLASSES;
    return range ? range_for_people(&l->world->ctx->arena, e->family, e->range) : e->name;
}

struct str traffic_text(const struct listing *l, uint32_t ports, enum list_family family)
{
    struct buf *b = buf_new(&l->world->ctx->arena);
    list_ports_print(b, l, ports);
    if (family != LIST_BOTH) {
        buf_printf(b, " (%s)", list_family_name(family));
    }
    return buf_text(b);
}

/* ---- who is whose ---- */

struct census { /* how many workloads there are */
    const struct listing *l;
    size_t *of_ns; /* by endpoint: workloads of its namespace; they are neighbours */
    size_t all;
    bool one_ns;
};

static bool same_ns(const struct listing *l, uint32_t a, uint32_t b)
{
    const struct list_endpoint *x = &l->endpoints[a], *y = &l->endpoints[b];
    return x->kind == EP_WORKLOAD && y->kind == EP_WORKLOAD && str_eq(x->ns, y->ns);
}

static struct census count(const struct listing *l)
{
    struct census c = {.l = l};
    c.of_ns = ARENA_NEW_ARRAY(&l->world->ctx->arena, l->nendpoints, size_t);
    while (c.all < l->nendpoints && l->endpoints[c.all].kind == EP_WORKLOAD) {
        c.all++;
    }
    for (uint32_t first = 0; first < c.all;) {
        uint32_t end = first;
        while (end < c.all && same_ns(l, first, end)) {
            end++;
        }
        c.one_ns = first == 0 && end == c.all;
        for (uint32_t i = first; i < end; i++) {
            c.of_ns[i] = end - first;
        }
        first = end;
    }
    return c;
}

/* ---- groups ---- */

static int group_order(const void *pa, const void *pb)
{
    const struct list_connection *a = pa, *b = pb;
    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    if (a->ports != b->ports) {
        return a->ports < b->ports ? -1 : 1;
    }
    if (a->family != b->family) {
        return (int)a->family - (int)b->family;
    }
    return a->from < b->from ? -1 : a->from > b->from;
}

static bool same_group(const struct list_connection *a, const struct list_connection *b)
{
    return a->to == b->to && a->ports == b->ports && a->family == b->family;
}

static struct sender source_of(const struct census *c, const struct list_connection *v, size_t n,
                               size_t *used)
{
    const struct listing *l = c->l;
    struct arena *a = &l->world->ctx->arena;
    const struct list_endpoint *e = &l->endpoints[v[0].from];
    struct sender s = {.kind = SOURCE_END, .end = v[0].from, .text = end_text(l, e)};
    *used = 1;
    if (e->kind != EP_WORKLOAD) {
        return s;
    }
    size_t in_ns = 0;
    while (in_ns < n && same_ns(l, v[0].from, v[in_ns].from)) {
        in_ns++;
    }
    size_t others = c->of_ns[v[0].from] - (same_ns(l, v[0].from, v[0].to) ? 1 : 0);
    if (in_ns == others && others >= 2 && e->ns.n > 0) { /* a class may span namespaces */
        s.kind = SOURCE_NAMESPACE;
        s.ns = e->ns;
        s.text = str_printf(a, STR_FMT "/*", STR_ARG(e->ns));
        *used = in_ns;
    }
    return s;
}

/* Whether a group begins with every workload but the destination. */
static bool is_everybody(const struct census *c, const struct list_connection *v, size_t n)
{
    size_t workloads = 0;
    while (workloads < n && c->l->endpoints[v[workloads].from].kind == EP_WORKLOAD) {
        workloads++;
    }
    size_t others = c->all - (c->l->endpoints[v[0].to].kind == EP_WORKLOAD ? 1 : 0);
    return workloads == others && others >= 2;
}

static struct source_group make_group(const struct census *c, const struct list_connection *v,
                                      size_t n)
{
    struct arena *a = &c->l->world->ctx->arena;
    VEC(struct sender) sources = {0};
    size_t i = 0;
    if (is_everybody(c, v, n)) {
        vec_push(
            a, &sources,
            (struct sender){.kind = SOURCE_ALL, .end = v[0].from, .text = STR("every workload")});
        i = c->all - (c->l->endpoints[v[0].to].kind == EP_WORKLOAD ? 1 : 0);
    }
    while (i < n) {
        size_t used;
        struct sender s = source_of(c, v + i, n - i, &used);
        vec_push(a, &sources, s);
        i += used;
    }
    return (struct source_group){v[0].to, v[0].ports, v[0].family, sources.v, sources.n};
}

static int source_order(const void *pa, const void *pb)
{
    const struct source_group *a = pa, *b = pb;
    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    if (a->v[0].end != b->v[0].end) {
        return a->v[0].end < b->v[0].end ? -1 : 1;
    }
    return (int)a->family - (int)b->family;
}

struct source_groups list_groups(const struct listing *l, const struct list_connection *v, size_t n)
{
    struct arena *a = &l->world->ctx->arena;
    struct census c = count(l);
    struct list_connection *sorted = ARENA_NEW_ARRAY(a, n, struct list_connection);
    VEC(struct source_group) groups = {0};
    for (size_t i = 0; i < n; i++) {
        sorted[i] = v[i];
    }
    array_sort(sorted, n, sizeof *sorted, group_order);
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && same_group(&sorted[i], &sorted[end])) {
            end++;
        }
        vec_push(a, &groups, make_group(&c, sorted + i, end - i));
        i = end;
    }
    array_sort(groups.v, groups.n, sizeof *groups.v, source_order);
    return (struct source_groups){groups.v, groups.n};
}
