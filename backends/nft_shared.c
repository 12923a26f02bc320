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
 */
#include "backends/nft_priv.h"

unsigned nft_shared_bits(const struct nft_part *p)
{
    unsigned bits = 4;
    while (bits < NFT_CLASS_BITS && (uint64_t)1 << bits < 2 * p->values.n) {
        bits++; /* twice as many values as classes: few of them want the same */
    }
    uint64_t targets = (uint64_t)1 << (NFT_CLASS_BITS - bits);
    return p->side->ntargets + 2 <= targets ? bits : 0; /* the first and the last are no target */
}

void nft_shared_init(struct nft_shared *s, struct nft_part *p)
{
    *s = (struct nft_shared){.part = p};
    intern_init(&s->rules, p->arena);
    intern_init(&s->policies, p->arena);
}

struct str nft_shared_name(const struct nft_part *p)
{
    return str_printf(p->arena, "%s_all", p->prefix);
}

bool nft_shared_add(struct nft_shared *s, const struct target_class *t,
                    const struct nft_origins *origins, const struct nft_keyed *entries, size_t n)
{
    struct arena *a = s->part->arena;
    for (size_t i = 0; i < t->npolicies; i++) {
        intern_add(&s->policies,
                   (struct str){(const char *)&t->policies[i], sizeof t->policies[i]});
    }
    for (size_t i = 0; i < origins->n; i++) {
        size_t known = s->rules.keys.n;
        if (intern_add(&s->rules,
                       (struct str){(const char *)&origins->v[i], sizeof origins->v[i]}) == known) {
            vec_push(a, &s->origins, origins->v[i]);
        }
    }
    s->first = s->first == NULL ? t->policies[0] : s->first;
    if (s->entries.n + n > s->part->max_elements) {
        return nft_part_reserve(s->part, s->entries.n + n, t->policies[0]->origin->at);
    }
    for (size_t i = 0; i < n; i++) {
        vec_push(a, &s->entries, entries[i]);
    }
    return true;
}

bool nft_shared_end(struct nft_shared *s, struct nft_portsets *ports)
{
    struct nft_part *p = s->part;
    if (s->first == NULL) {
        return true;
    }
    p->owner = nft_shared_name(p);
    nft_chain_begin(p, p->owner, NULL,
                    str_printf(p->arena, "%s of all targets", direction_name(p->direction)));
    bool ok = nft_union(p, ports, nft_class_key, s->entries.v, s->entries.n, nft_class_allow(p),
                        &s->origins, (struct span){0});
    nft_deny_end(p, NULL,
                 kernel_comment_isolation(p->ctx, p->arena, s->first, p->direction,
                                          s->policies.keys.n - 1, KERNEL_COMMENT_NFT));
    nft_chain_end(p);
    return ok;
}
