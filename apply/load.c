/* Rules into the kernel: rehearsed, switched, read back. */
#include "apply/rehearse.h"
#include "apply/work.h"

bool load_report(struct apply *a, const struct rehearsal *r)
{
    if (!r->possible) {
        tell(a, NPC_ERROR, 701, "--no-rehearsal relies on the loader's own check", STR_FMT,
             STR_ARG(r->why));
    } else if (!r->ok) {
        tell(a, NPC_ERROR, 701, NULL, "the rules do not load: " STR_FMT, STR_ARG(r->why));
    }
    return r->ok;
}

bool load_spares_rehearsal(struct apply *a, const struct rehearsal *r)
{
    if (r->possible) {
        return false;
    }
    tell(a, NPC_WARNING, 701, NULL, "the confirmed rules are loaded without a rehearsal: " STR_FMT,
         STR_ARG(r->why));
    return true;
}

static bool read_back(struct apply *a, const struct place *p, const struct ruleset *expected,
                      struct ruleset *got)
{
    struct str why;
    if (!ruleset_read(&p->kernel, p->target, got, &why)) {
        tell(a, NPC_ERROR, 701, NULL, "the rules were not loaded: " STR_FMT, STR_ARG(why));
        return false;
    }
    for (size_t i = 0; expected != NULL && i < PARTS; i++) {
        if (!str_eq(got->part[i], expected->part[i])) {
            tell(a, NPC_ERROR, 703, NULL, "%s read back otherwise than in the rehearsal",
                 part_phrases[i]);
            return false;
        }
    }
    return true;
}

/* Sets are the same to both variants: they go with the last rules that use them. */
static bool share_sets(const struct place *p, const struct places *others)
{
    return p->target == TARGET_IPTABLES && others->n > 0 &&
           others->list[others->n - 1].target == TARGET_IPTABLES;
}

/* What is left there: nothing, but the sets that rules elsewhere use. */
static struct ruleset leftover(const struct place *p, const struct ruleset *wanted, bool last)
{
    struct ruleset r = ruleset_nothing(p->target);
    if (p->target == TARGET_IPTABLES) {
        r.part[PART_SETS] = last ? wanted->part[PART_SETS] : p->live.part[PART_SETS];
    }
    return r;
}

static bool clear(struct apply *a, const struct places *others, const struct ruleset *wanted)
{
    for (size_t i = 0; i < others->n; i++) {
        const struct place *p = &others->list[i];
        const struct ruleset left = leftover(p, wanted, i + 1 == others->n);
        struct str why;
        if (!ruleset_switch(&p->kernel, p->target, &p->live, &left, &why)) {
            tell(a, NPC_ERROR, 701, NULL, "the old rules cannot be taken away: " STR_FMT,
                 STR_ARG(why));
            return false;
        }
    }
    return true;
}

bool load_alone(struct apply *a, const struct place *p, const struct ruleset *wanted,
                const struct places *others, const struct ruleset *expected, struct ruleset *got)
{
    struct ruleset first = *wanted;
    struct str why;
    if (share_sets(p, others)) {
        first.part[PART_SETS] =
            str_printf(&a->arena, STR_FMT STR_FMT, STR_ARG(wanted->part[PART_SETS]),
                       STR_ARG(p->live.part[PART_SETS]));
    }
    if (!ruleset_switch(&p->kernel, p->target, &p->live, &first, &why)) {
        tell(a, NPC_ERROR, 701, NULL, "the rules were not loaded: " STR_FMT, STR_ARG(why));
        return false;
    }
    return clear(a, others, wanted) && read_back(a, p, expected, got);
}

/* *expected is what is to be read back, NULL if that is not known. False: they do not load. */
static bool try_bundle(struct apply *a, const struct loaded *l, struct rehearsal *r,
                       const struct ruleset **expected)
{
    *expected = NULL;
    if (l->unrehearsed) {
        return true;
    }
    *r = rehearse(&l->kernel, l->target, NULL, &l->rules);
    if (load_spares_rehearsal(a, r)) {
        return true;
    }
    *expected = &r->expected;
    return load_report(a, r);
}

bool load_bundle(struct apply *a, const struct bundle *b)
{
    struct loaded l;
    struct place here;
    struct places others;
    struct ruleset got;
    struct str why;
    if (!loaded_of(a, b, &l)) {
        tell(a, NPC_ERROR, 709, NULL, "the rules are for no loader that npc knows");
        return false;
    }
    here = (struct place){.target = l.target, .kernel = l.kernel};
    if (!ruleset_read(&l.kernel, l.target, &here.live, &why)) {
        tell(a, NPC_ERROR, 701, NULL, STR_FMT, STR_ARG(why));
        return false;
    }
    places_find(&a->kernel, &here, &others);
    struct rehearsal r;
    const struct ruleset *expected;
    if (!try_bundle(a, &l, &r, &expected) ||
        !load_alone(a, &here, &l.rules, &others, expected, &got)) {
        return false;
    }
    /* Another kernel or loader may list the same rules otherwise than when they were confirmed. */
    loaded_put_hashes(a, &l.bundle, l.target, &got);
    return store_write(a, a->run_dir, FILE_LOADED, bundle_write(&a->arena, &l.bundle));
}
