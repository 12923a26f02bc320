/* What npc has put in force, as a bundle: its rules, and hashes of what the kernel made of them. */
#include "apply/work.h"

static const char *const hash_names[PARTS] = {"hash-nft", "hash-sets", "hash-v4", "hash-v6"};

bool loaded_of(struct apply *a, const struct bundle *b, struct loaded *out)
{
    *out = (struct loaded){.bundle = *b, .kernel = a->kernel};
    for (size_t i = 0; i < PARTS; i++) {
        out->rules.part[i] = bundle_get(b, part_names[i]);
    }
    const struct str variant = bundle_get(b, "variant");
    out->kernel.variant = variant.n > 0 ? str_dup(&a->arena, variant).p : NULL;
    out->unrehearsed = bundle_has(b, "unrehearsed");
    return target_find(bundle_get(b, "target"), &out->target);
}

bool loaded_same_loader(const struct loaded *x, const struct loaded *y)
{
    return kernel_is_same(&x->kernel, x->target, &y->kernel, y->target);
}

bool loaded_same_rules(const struct loaded *x, const struct loaded *y)
{
    bool same = loaded_same_loader(x, y);
    for (size_t i = 0; i < PARTS; i++) {
        same = same && str_eq(x->rules.part[i], y->rules.part[i]);
    }
    return same;
}

void loaded_put_hashes(struct apply *a, struct bundle *b, enum target t, const struct ruleset *r)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (part_is_of((enum part)i, t)) {
            bundle_set(&a->arena, b, hash_names[i], digest_text(&a->arena, r->part[i]));
        }
    }
}

unsigned loaded_drift(struct apply *a, const struct loaded *l, const struct ruleset *live)
{
    unsigned drift = 0;
    for (size_t i = 0; i < PARTS; i++) {
        const struct str hash = digest_text(&a->arena, live->part[i]);
        if (part_is_of((enum part)i, l->target) &&
            !str_eq(hash, bundle_get(&l->bundle, hash_names[i]))) {
            drift |= 1u << i;
        }
    }
    return drift;
}

void loaded_tell_drift(struct apply *a, const struct loaded *l, const struct ruleset *live)
{
    const unsigned drift = loaded_drift(a, l, live);
    for (size_t i = 0; i < PARTS; i++) {
        if ((drift >> i & 1) != 0) {
            tell(a, NPC_WARNING, 708, NULL, "somebody changed %s since npc loaded them",
                 part_phrases[i]);
        }
    }
}
