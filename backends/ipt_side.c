/* Finds whom a grant allows, in the addresses of one family. Knows no rules. */
#include "backends/ipt_side.h"

#include "backends/kernel_comment.h"

const struct ipt_tuning ipt_tuning_default = {
    .name_bits = KERNEL_NAME_BITS,
    .inline_pods = 4,
    .inline_pods_atom = 32,
    .inline_nets_atom = 64,
    .sets_atom = 8,
    .union_elements = 1000000,
    .crowd = 8,
    .pairs_most = 400000,
};

void ipt_side_init(struct ipt_side *s)
{
    strmap_init(&s->peers, &s->ctx->arena);
    strmap_init(&s->pods, &s->ctx->arena);
    strmap_init(&s->nets, &s->ctx->arena);
    s->atoms = 0;
}

enum ipt_end ipt_peer_end(const struct ipt_side *s)
{
    return s->direction == DIR_INGRESS ? IPT_SOURCE : IPT_DEST;
}

enum ipt_end ipt_local_end(const struct ipt_side *s)
{
    return s->direction == DIR_INGRESS ? IPT_DEST : IPT_SOURCE;
}

/* ---- addresses ---- */

static int ip_order(const void *x, const void *y)
{
    return ip_cmp(*(const struct ip *)x, *(const struct ip *)y);
}

void ipt_addrs_sort(struct addr_list *list)
{
    if (list->n == 0) {
        return;
    }
    array_sort(list->v, list->n, sizeof *list->v, ip_order);
    size_t n = 1;
    for (size_t i = 1; i < list->n; i++) {
        if (ip_cmp(list->v[i], list->v[n - 1]) != 0) {
            list->v[n++] = list->v[i];
        }
    }
    list->n = n;
}

struct cidrs ipt_addrs_cidrs(struct arena *a, enum family f, struct addr_list addrs)
{
    struct ip_range *ranges = ARENA_NEW_ARRAY(a, addrs.n, struct ip_range);
    for (size_t i = 0; i < addrs.n; i++) {
        ranges[i] = (struct ip_range){addrs.v[i], addrs.v[i]};
    }
    return ipset_cidrs(a, ipset_of_ranges(a, ranges, addrs.n), f);
}

struct addr_list ipt_class_addrs(struct arena *a, const struct bound_side *side,
                                 struct id_list classes)
{
    struct addr_list list = {NULL, 0};
    for (size_t i = 0; i < classes.n; i++) {
        list.n += side->peers[classes.v[i] - 1].addrs.n;
    }
    list.v = ARENA_NEW_ARRAY(a, list.n, struct ip);
    size_t at = 0;
    for (size_t i = 0; i < classes.n; i++) {
        const struct addr_list *class = &side->peers[classes.v[i] - 1].addrs;
        for (size_t k = 0; k < class->n; k++) {
            list.v[at++] = class->v[k];
        }
    }
    ipt_addrs_sort(&list);
    return list;
}

struct addr_list ipt_selection_addrs(struct ipt_side *s, struct ipt_selection *x)
{
    if (x->addrs.n == 0) {
        x->addrs = ipt_class_addrs(&s->ctx->arena, s->bound, x->classes);
    }
    return x->addrs;
}

/* ---- selections ---- */

static bool nets_have(struct ipset nets, struct addr_list addrs)
{
    for (size_t i = 0; i < addrs.n; i++) {
        if (!ipset_has(nets, addrs.v[i])) {
            return false;
        }
    }
    return true;
}

/* The selection of that key, new if there was none. */
static struct ipt_selection *selection_of(struct ipt_side *s, struct strmap *map, struct str key,
                                          bool *is_new)
{
    struct ipt_selection *x = strmap_get(map, key);
    *is_new = x == NULL;
    if (x == NULL) {
        x = ARENA_NEW(&s->ctx->arena, struct ipt_selection);
        strmap_put(map, str_dup(&s->ctx->arena, key), x);
    }
    return x;
}

/* Pods that the grant names and its networks do not cover anyway. */
static struct ipt_selection *grant_pods(struct ipt_side *s, const struct grant *g)
{
    struct id_list ids = {ARENA_NEW_ARRAY(&s->ctx->arena, g->classes.n, uint32_t), 0};
    for (size_t i = 0; i < g->classes.n; i++) {
        if (!nets_have(g->nets, s->bound->peers[g->classes.v[i] - 1].addrs)) {
            ids.v[ids.n++] = g->classes.v[i];
        }
    }
    if (ids.n == 0) {
        return NULL;
    }
    bool is_new;
    struct str key = {(const char *)ids.v, ids.n * sizeof *ids.v};
    struct ipt_selection *x = selection_of(s, &s->pods, key, &is_new);
    if (is_new) {
        x->classes = ids;
    }
    return x;
}

static struct ipt_selection *grant_nets(struct ipt_side *s, const struct grant *g)
{
    if (g->nets.n == 0) {
        return NULL;
    }
    bool is_new;
    struct str key = {(const char *)g->nets.v, g->nets.n * sizeof *g->nets.v};
    struct ipt_selection *x = selection_of(s, &s->nets, key, &is_new);
    if (is_new) {
        x->nets = g->nets;
        x->cidrs = ipset_cidrs(&s->ctx->arena, g->nets, s->table->family);
    }
    return x;
}

struct ipt_peers *ipt_peers(struct ipt_side *s, const struct grant *g)
{
    struct str key = {(const char *)&g, sizeof g};
    struct ipt_peers *p = strmap_get(&s->peers, key);
    if (p == NULL) {
        p = ARENA_NEW(&s->ctx->arena, struct ipt_peers);
        p->any = g->any_peer || ipset_is_all(g->nets, s->table->family);
        p->pods = p->any ? NULL : grant_pods(s, g);
        p->nets = p->any ? NULL : grant_nets(s, g);
        strmap_put(&s->peers, str_dup(&s->ctx->arena, key), p);
    }
    return p;
}

void ipt_put_source(const struct ipt_side *s, struct buf *body, const struct grant *g, size_t more)
{
    ipt_put_comment(body, kernel_comment_rule(s->ctx, &s->ctx->arena, g->policy, g->rule, more,
                                              KERNEL_COMMENT_IPTABLES));
}
