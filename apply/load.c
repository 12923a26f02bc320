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

bool load_switch(struct apply *a, const struct kernel *k, enum target t, const struct ruleset *live,
                 const struct ruleset *wanted, const struct ruleset *expected, struct ruleset *got)
{
    struct str why;
    if (!ruleset_switch(k, t, live, wanted, &why) || !ruleset_read(k, t, got, &why)) {
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
    struct ruleset live, got;
    struct str why;
    if (!loaded_of(a, b, &l)) {
        tell(a, NPC_ERROR, 709, NULL, "the rules are for no loader that npc knows");
        return false;
    }
    if (!ruleset_read(&l.kernel, l.target, &live, &why)) {
        tell(a, NPC_ERROR, 701, NULL, STR_FMT, STR_ARG(why));
        return false;
    }
    struct rehearsal r;
    const struct ruleset *expected;
    if (!try_bundle(a, &l, &r, &expected) ||
        !load_switch(a, &l.kernel, l.target, &live, &l.rules, expected, &got)) {
        return false;
    }
    /* Another kernel or loader may list the same rules otherwise than when they were confirmed. */
    loaded_put_hashes(a, &l.bundle, l.target, &got);
    return store_write(a, a->run_dir, FILE_LOADED, bundle_write(&a->arena, &l.bundle));
}
