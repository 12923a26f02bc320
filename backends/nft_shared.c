/*
 * Targets that share the chain in which the peer's class decides, and its sets. A chain and sets
 * for each target (nft_class.c) is shortest, but the kernel's cost of a transaction is quadratic in
 * its sets. So the target goes into the register, too, beside the peer's class:
 *
 *     chain i10.0.0.7 {
 *         meta priority set ip saddr map @i_pod meta priority set meta priority | 3a0:0 goto i_all
 *     chain i_all {
 *         meta priority . tcp dport @i_all_tcp accept
 *
 * The keys are as short as those of a target's own sets, and a pod that is like others of the node
 * changes nothing but the map that leads to its chain.
 *
 * The kernel looks at each element of a map for each chain that asks it. Where that would be too
 * many, one chain asks for all:
 *
 *     chain i10.0.0.7 {
 *         jump i_pod_class
 *         meta priority != 0:0 meta priority set meta priority | 3a0:0 goto i_all
 *
 * Ports that any peer may use are few rules in the target's chain, or elements of a set of all
 * targets, which the last chain asks, by the target's address:
 *
 *     chain i_open {
 *         ip daddr . tcp dport @i_open_tcp accept
 *
 * Where keys are very many, their ports are bits (nft_masks.c). And where the register is too small
 * for targets and classes, the target's address is in the key beside it.
 */
#include "backends/nft_priv.h"

unsigned nft_shared_bits(const struct nft_part *p)
{
    unsigned least = 1, most = NFT_CLASS_BITS - 2, half = NFT_CLASS_BITS / 2;
    while (least < NFT_CLASS_BITS && (uint64_t)1 << least < 2 * p->values.n) {
        least++; /* twice as many values as classes: few of them want the same */
    }
    while (most > 0 && (uint64_t)1 << (NFT_CLASS_BITS - most) < 2 * p->side->ntargets + 2) {
        most--; /* likewise; the first and the last value are no target */
    }
    if (least > most || p->side->ntargets > p->tuning->register_targets) {
        return NFT_CLASS_BITS;
    }
    /* Half for each, so that values stay, unless one of them needs more. */
    return least > half ? least : most < half ? most : half;
}

static void decider_init(struct nft_decider *d, struct arena *a)
{
    *d = (struct nft_decider){0};
    intern_init(&d->rules, a);
}

void nft_shared_init(struct nft_shared *s, struct nft_part *p)
{
    *s = (struct nft_shared){.part = p, .by_address = p->class_bits == NFT_CLASS_BITS};
    intern_init(&s->policies, p->arena);
    decider_init(&s->classes, p->arena);
    decider_init(&s->open, p->arena);
}

struct str nft_shared_name(const struct nft_part *p)
{
    return nft_part_name(p, "all");
}

/* ---- the targets ---- */

static void take_part(struct nft_shared *s, const struct target_class *t)
{
    s->first = s->first == NULL ? t->policies[0] : s->first;
    for (size_t i = 0; i < t->npolicies; i++) {
        intern_add(&s->policies,
                   (struct str){(const char *)&t->policies[i], sizeof t->policies[i]});
    }
}

static void add_origins(struct arena *a, struct nft_decider *d, const struct nft_origins *origins)
{
    for (size_t i = 0; i < origins->n; i++) {
        const struct nrule *rule = origins->v[i]->rule;
        uint32_t id = intern_add(&d->rules, (struct str){(const char *)&rule, sizeof rule});
        vec_push(a, &d->origins, (struct nft_shared_origin){id, origins->v[i]});
    }
}

bool nft_shared_add(struct nft_shared *s, const struct target_class *t,
                    const struct nft_origins *origins, const struct nft_keyed *entries, size_t n)
{
    struct arena *a = s->part->arena;
    size_t times = s->by_address ? t->addrs.n : 1;
    take_part(s, t);
    add_origins(a, &s->classes, origins);
    if (s->classes.entries.n + times * n > s->part->max_elements) {
        return nft_part_reserve(s->part, s->classes.entries.n + times * n,
                                t->policies[0]->origin->at);
    }
    for (size_t k = 0; k < times; k++) {
        struct str ip = ip_text(a, s->part->family, t->addrs.v[k]);
        for (size_t i = 0; i < n; i++) {
            struct nft_keyed e = entries[i];
            e.key = s->by_address
                        ? str_printf(a, STR_FMT " . " STR_FMT, STR_ARG(ip), STR_ARG(e.key))
                        : e.key;
            vec_push(a, &s->classes.entries, e);
        }
    }
    return true;
}

void nft_shared_open(struct nft_shared *s, const struct target_class *t,
                     const struct nft_origins *origins, uint32_t ports)
{
    struct nft_part *p = s->part;
    take_part(s, t);
    add_origins(p->arena, &s->open, origins);
    for (size_t i = 0; i < t->addrs.n; i++) {
        struct str key = ip_text(p->arena, p->family, t->addrs.v[i]);
        vec_push(p->arena, &s->open.entries, (struct nft_keyed){key, ports});
    }
}

/* ---- their chains ---- */

static int compare_origins(const void *x, const void *y)
{
    const struct nft_shared_origin *a = x, *b = y;
    return (a->rule > b->rule) - (a->rule < b->rule); /* nobody tells grants of a rule apart */
}

static struct str about(const struct nft_part *p)
{
    return str_printf(p->arena, "%s of all targets", direction_name(p->direction));
}

static struct nft_origins origins_of(struct arena *a, struct nft_decider *d)
{
    struct nft_origins origins = {0};
    array_sort(d->origins.v, d->origins.n, sizeof *d->origins.v, compare_origins);
    for (size_t i = 0; i < d->origins.n; i++) {
        vec_push(a, &origins, d->origins.v[i].grant);
    }
    return origins;
}

static void begin(struct nft_part *p, struct str name)
{
    p->owner = name;
    nft_chain_begin(p, name, NULL, about(p));
}

static void deny(struct nft_shared *s)
{
    struct nft_part *p = s->part;
    nft_deny_end(p, NULL,
                 kernel_comment_isolation(p->ctx, p->arena, s->first, p->direction,
                                          s->policies.keys.n - 1, KERNEL_COMMENT_NFT));
}

static struct nft_key class_key(const struct nft_shared *s)
{
    const struct nft_part *p = s->part;
    struct nft_key key = nft_class_key;
    if (s->by_address) {
        key.expr = str_printf(p->arena, "%s . %s", p->local, key.expr).p;
        key.type = str_printf(p->arena, "%s . %s", p->addr_type, key.type).p;
    }
    return key;
}

/* The chain that looks for the class of a peer, and leaves none where there is none. */
static void asking_chain(struct nft_part *p, enum nft_map map)
{
    nft_chain_begin(p, nft_shared_asking(p, map), NULL, (struct str){NULL, 0});
    nft_rule(p);
    nft_rule_end(p, "meta priority set none", (struct str){NULL, 0});
    nft_map_look_up(nft_rule(p), p, map);
    nft_rule_end(p, "", (struct str){NULL, 0});
    nft_chain_end(p);
}

struct str nft_shared_asking(const struct nft_part *p, enum nft_map map)
{
    return str_printf(p->arena, "%s_%s_class", p->prefix, nft_map_names[map]);
}

static struct str open_name(const struct nft_part *p)
{
    return nft_part_name(p, "open");
}

void nft_shared_goto_open(const struct nft_shared *s)
{
    struct nft_part *p = s->part;
    buf_printf(nft_rule(p), "goto " STR_FMT, STR_ARG(open_name(p)));
    nft_rule_end(p, "", (struct str){NULL, 0});
}

/* The chain that decides by class, and those that its ports lead to. */
static bool classes_chain(struct nft_shared *s, struct nft_portsets *ports)
{
    struct nft_part *p = s->part;
    const struct nft_keyed *entries = s->classes.entries.v;
    const size_t n = s->classes.entries.n;
    const struct nft_origins origins = origins_of(p->arena, &s->classes);
    const struct span at = s->first->origin->at;
    struct str name = nft_shared_name(p);
    struct nft_masks masks;
    bool masked = nft_masks_plan(&masks, p, ports, entries, n);
    begin(p, name);
    bool ok = masked
                  ? nft_masks_rules(&masks, name, class_key(s), nft_class_allow(p), &origins, at)
                  : nft_union(p, ports, class_key(s), entries, n, nft_class_allow(p), &origins, at);
    if (s->open.entries.n > 0) {
        nft_shared_goto_open(s);
    } else {
        deny(s);
    }
    nft_chain_end(p);
    if (!masked || !ok) {
        return ok;
    }
    if (s->open.entries.n > 0) {
        nft_masks_chains(&masks, open_name(p));
        return true;
    }
    struct str denied = nft_part_name(p, "denied");
    nft_masks_chains(&masks, denied);
    nft_chain_begin(p, denied, NULL, (struct str){NULL, 0});
    deny(s);
    nft_chain_end(p);
    return true;
}

/* The chain of ports for any peer. */
static bool open_chain(struct nft_shared *s, struct nft_portsets *ports)
{
    struct nft_part *p = s->part;
    const struct nft_key key = {.expr = p->local, .type = p->addr_type};
    const struct nft_origins origins = origins_of(p->arena, &s->open);
    begin(p, open_name(p));
    bool ok = nft_union(p, ports, key, s->open.entries.v, s->open.entries.n, nft_class_allow(p),
                        &origins, s->first->origin->at);
    deny(s);
    nft_chain_end(p);
    return ok;
}

bool nft_shared_end(struct nft_shared *s, struct nft_portsets *ports)
{
    struct nft_part *p = s->part;
    bool has_classes = false;
    for (enum nft_map m = 0; m < NFT_MAPS; m++) {
        has_classes |= s->map[m].is_asked;
        if (s->map[m].is_asked && s->map[m].by_one) {
            asking_chain(p, m);
        }
    }
    return (!has_classes || classes_chain(s, ports)) &&
           (s->open.entries.n == 0 || open_chain(s, ports));
}
