/*
 * One chain for all target classes. A chain and a few sets per class is fastest, but the kernel's
 * cost of a transaction is quadratic in its sets: with very many classes the target's address goes
 * into the key instead, and the number of sets is constant.
 */
#include "backends/nft_priv.h"

#include <string.h>

struct target_ports { /* what one target class allows */
    uint32_t open;    /* to any peer: port set or ID_NONE */
    bool open_all;
    struct nft_keyed *peers; /* by peer class: key is the class */
    size_t npeers;
};

struct place { /* one target address */
    struct ip ip;
    size_t target;
};

struct global {
    struct nft_part *part;
    struct nft_portsets ports;
    struct nft_nets nets;
    uint32_t *union_of; /* by class */
    struct target_ports *of;
    struct place *places; /* rising */
    size_t nplaces;
    struct intern rules, policies;     /* grants and policies that take part, by object */
    struct nft_origins open, to_peers; /* each grant once */
};

static int compare_places(const void *x, const void *y)
{
    return ip_cmp(((const struct place *)x)->ip, ((const struct place *)y)->ip);
}

static void collect_places(struct global *g)
{
    const struct bound_side *side = g->part->side;
    VEC(struct place) all = {0};
    for (size_t i = 0; i < side->ntargets; i++) {
        for (size_t k = 0; k < side->targets[i].addrs.n; k++) {
            vec_push(g->part->arena, &all, (struct place){side->targets[i].addrs.v[k], i});
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_places);
    g->places = all.v;
    g->nplaces = all.n;
}

static void collect_nets(struct global *g)
{
    const struct bound_side *side = g->part->side;
    for (size_t i = 0; i < side->ntargets; i++) {
        for (size_t k = 0; k < side->targets[i].ngrants; k++) {
            const struct grant *grant = side->targets[i].grants[k];
            if (!grant->any_peer && grant->nets.n > 0) {
                nft_nets_add(&g->nets, grant->nets);
            }
        }
    }
}

static void count_sources(struct global *g, const struct target_class *t)
{
    for (size_t i = 0; i < t->npolicies; i++) {
        intern_add(&g->policies,
                   (struct str){(const char *)&t->policies[i], sizeof t->policies[i]});
    }
    for (size_t i = 0; i < t->ngrants; i++) {
        const struct grant *grant = t->grants[i];
        size_t known = g->rules.keys.n;
        if (intern_add(&g->rules, (struct str){(const char *)&grant, sizeof grant}) == known) {
            vec_push(g->part->arena, grant->any_peer ? &g->open : &g->to_peers, grant);
        }
    }
}

static void unite(struct global *g, struct id_vec *touched, struct id_list classes, uint32_t ports)
{
    for (size_t i = 0; i < classes.n; i++) {
        uint32_t *of = &g->union_of[classes.v[i]];
        if (*of == ID_NONE) {
            vec_push(g->part->arena, touched, classes.v[i]);
        }
        *of = nft_portsets_union(&g->ports, *of, ports);
    }
}

static void unite_target(struct global *g, const struct target_class *t, struct target_ports *out)
{
    struct arena *a = g->part->arena;
    struct id_vec touched = {0};
    out->open = ID_NONE;
    for (size_t i = 0; i < t->ngrants; i++) {
        const struct grant *grant = t->grants[i];
        uint32_t ports = nft_portsets_add(&g->ports, grant->ports);
        if (grant->any_peer) {
            out->open = nft_portsets_union(&g->ports, out->open, ports);
            continue;
        }
        unite(g, &touched, grant->classes, ports);
        if (grant->nets.n > 0) {
            unite(g, &touched, nft_nets_classes(&g->nets, grant->nets), ports);
        }
    }
    touched.n = ids_sort(touched.v, touched.n);
    out->open_all =
        out->open != ID_NONE && bind_ports_are_all(g->part->family, g->ports.sets.v[out->open]);
    out->npeers = out->open_all ? 0 : touched.n;
    out->peers = ARENA_NEW_ARRAY(a, touched.n, struct nft_keyed);
    for (size_t i = 0; i < touched.n; i++) {
        out->peers[i].key = nft_class_text(g->part, touched.v[i]);
        out->peers[i].ports = g->union_of[touched.v[i]];
        g->union_of[touched.v[i]] = ID_NONE;
    }
}

/* ---- rules ---- */

static void deny_rule(struct global *g)
{
    const struct nft_part *p = g->part;
    const struct npolicy *first = p->side->targets[0].policies[0];
    nft_deny_end(g->part, NULL,
                 kernel_comment_isolation(p->ctx, p->arena, first, p->direction,
                                          g->policies.keys.n - 1, KERNEL_COMMENT_NFT));
}

static bool open_rules(struct global *g)
{
    struct nft_part *p = g->part;
    VEC(struct nft_keyed) entries = {0};
    for (size_t i = 0; i < g->nplaces; i++) {
        const struct target_ports *of = &g->of[g->places[i].target];
        if (of->open != ID_NONE) {
            struct str key = ip_text(p->arena, p->family, g->places[i].ip);
            vec_push(p->arena, &entries, (struct nft_keyed){key, of->open});
        }
    }
    struct nft_key key = {.expr = p->local, .type = p->addr_type};
    return nft_union(p, &g->ports, key, entries.v, entries.n, p->allow, &g->open, (struct span){0});
}

static bool peer_rules(struct global *g)
{
    struct nft_part *p = g->part;
    size_t n = 0;
    for (size_t i = 0; i < g->nplaces; i++) {
        n += g->of[g->places[i].target].npeers;
    }
    if (n > p->max_elements) {
        return nft_part_reserve(p, n, (struct span){0});
    }
    struct nft_keyed *entries = ARENA_NEW_ARRAY(p->arena, n, struct nft_keyed);
    n = 0;
    for (size_t i = 0; i < g->nplaces; i++) {
        const struct target_ports *of = &g->of[g->places[i].target];
        struct str ip = ip_text(p->arena, p->family, g->places[i].ip);
        for (size_t k = 0; k < of->npeers; k++) {
            entries[n++] = (struct nft_keyed){
                str_printf(p->arena, STR_FMT " . " STR_FMT, STR_ARG(ip), STR_ARG(of->peers[k].key)),
                of->peers[k].ports};
        }
    }
    struct nft_key key = {.expr = str_printf(p->arena, "%s . meta priority", p->local).p,
                          .type = str_printf(p->arena, "%s . classid", p->addr_type).p,
                          .host_endian = true};
    const char *allow = str_printf(p->arena, "meta priority set none %s", p->allow).p;
    return nft_union(p, &g->ports, key, entries, n, allow, &g->to_peers, (struct span){0});
}

static void map_rule(struct nft_part *p, const char *more_key, const char *map)
{
    struct buf *b = nft_rule(p);
    buf_printf(b, "meta priority set %s%s map @%s_%s goto %s_all_v", p->peer, more_key, p->prefix,
               map, p->prefix);
    nft_rule_end(p, "", (struct str){NULL, 0});
}

static void dispatch_set(struct global *g)
{
    struct nft_part *p = g->part;
    struct nft_set *s = nft_set_new(p, p->addr_type);
    for (size_t i = 0; i < g->nplaces; i++) {
        ip_print(nft_set_element(s), p->family, g->places[i].ip);
    }
    nft_set_named(p, s, nft_dispatch_name(p));
}

static bool write_maps(struct global *g, bool *has_nets)
{
    struct nft_part *p = g->part;
    collect_nets(g);
    *has_nets = g->nets.sets.n > 0;
    return nft_part_reserve(p, g->nplaces, (struct span){0}) &&
           (p->side->npeers == 0 || nft_pod_map(p, str_printf(p->arena, "%s_pod", p->prefix))) &&
           (!*has_nets || nft_nets_build(&g->nets, str_printf(p->arena, "%s_net", p->prefix)));
}

static bool write_chains(struct global *g, bool has_nets)
{
    struct nft_part *p = g->part;
    nft_chain_begin(p, str_printf(p->arena, "%s_all", p->prefix), NULL,
                    str_printf(p->arena, "%s of all targets", direction_name(p->direction)));
    bool ok = open_rules(g);
    if (p->side->npeers > 0) {
        map_rule(p, "", "pod");
    }
    if (has_nets) {
        map_rule(p, " . meta l4proto", "net");
    }
    deny_rule(g);
    nft_chain_end(p);
    if (ok && (p->side->npeers > 0 || has_nets)) {
        nft_chain_begin(p, str_printf(p->arena, "%s_all_v", p->prefix), NULL,
                        (struct str){NULL, 0});
        ok = peer_rules(g);
        deny_rule(g);
        nft_chain_end(p);
    }
    return ok;
}

bool nft_global(struct nft_part *p)
{
    struct global g = {.part = p};
    nft_portsets_init(&g.ports, p);
    nft_nets_init(&g.nets, p);
    intern_init(&g.rules, p->arena);
    intern_init(&g.policies, p->arena);
    collect_places(&g);
    dispatch_set(&g);
    bool has_nets;
    if (!write_maps(&g, &has_nets)) {
        return false;
    }
    size_t n = p->side->npeers + g.nets.nclasses + 1;
    g.union_of = ARENA_NEW_ARRAY(p->arena, n, uint32_t);
    memset(g.union_of, 0xff, n * sizeof *g.union_of); /* ID_NONE */
    g.of = ARENA_NEW_ARRAY(p->arena, p->side->ntargets, struct target_ports);
    for (size_t i = 0; i < p->side->ntargets; i++) {
        count_sources(&g, &p->side->targets[i]);
        unite_target(&g, &p->side->targets[i], &g.of[i]);
    }
    return write_chains(&g, has_nets);
}
