/* The way back as a bundle, and going it. */
#include "apply/guard.h"

#include "apply/conntrack.h"
#include "apply/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const way_names[MOST_WAYS][3 + PARTS] = {
    {"target-0", "variant-0", "digest-0", "nft-0", "sets-0", "v4-0", "v6-0"},
    {"target-1", "variant-1", "digest-1", "nft-1", "sets-1", "v4-1", "v6-1"},
    {"target-2", "variant-2", "digest-2", "nft-2", "sets-2", "v4-2", "v6-2"},
};

static struct str number(struct apply *a, uint64_t n)
{
    return str_printf(&a->arena, "%llu", (unsigned long long)n);
}

static struct str pending_bytes(struct apply *a, const struct pending *p)
{
    struct arena *m = &a->arena;
    struct bundle b = {0};
    for (size_t w = 0; w < p->nways; w++) {
        const struct way_back *way = &p->ways[w];
        bundle_put(m, &b, way_names[w][0], str_of(target_names[way->target]));
        bundle_put(m, &b, way_names[w][1], str_of(way->variant));
        bundle_put(m, &b, way_names[w][2], way->digest);
        for (size_t i = 0; i < PARTS; i++) {
            bundle_put(m, &b, way_names[w][3 + i], way->rules.part[i]);
        }
    }
    bundle_put(m, &b, "id", p->id);
    bundle_put(m, &b, "loaded", p->loaded);
    bundle_put(m, &b, "confirmed", p->confirmed);
    bundle_put(m, &b, "previous", p->previous);
    bundle_put(m, &b, "applied", p->applied);
    bundle_put(m, &b, "session", p->session);
    bundle_put(m, &b, "kill", p->kill);
    bundle_put(m, &b, "since", number(a, p->since));
    bundle_put(m, &b, "deadline", number(a, p->deadline));
    return bundle_write(m, &b);
}

bool pending_write(struct apply *a, const struct pending *p)
{
    return store_write(a, a->run_dir, FILE_PENDING, pending_bytes(a, p));
}

void pending_hurry(struct apply *a, const struct pending *p)
{
    struct pending due = *p;
    due.deadline = 0;
    const char *path = str_printf(&a->arena, "%s/" FILE_PENDING, a->run_dir).p;
    if (!file_write_atomic(&a->temps, path, pending_bytes(a, &due), 0600)) {
        return; /* the caller goes back all the same */
    }
}

static bool read_way(struct apply *a, const struct bundle *b, const char *const *names,
                     struct way_back *way)
{
    const struct str variant = bundle_get(b, names[1]);
    *way = (struct way_back){.variant = variant.n > 0 ? str_dup(&a->arena, variant).p : NULL,
                             .digest = bundle_get(b, names[2])};
    for (size_t i = 0; i < PARTS; i++) {
        way->rules.part[i] = bundle_get(b, names[3 + i]);
    }
    return target_find(bundle_get(b, names[0]), &way->target);
}

enum store_result pending_read(struct apply *a, struct pending *p)
{
    struct bundle b;
    *p = (struct pending){0};
    const enum store_result r = store_read(a, a->run_dir, FILE_PENDING, &b);
    if (r != STORE_OK) {
        return r;
    }
    while (p->nways < MOST_WAYS && bundle_has(&b, way_names[p->nways][0])) {
        if (!read_way(a, &b, way_names[p->nways], &p->ways[p->nways])) {
            return STORE_DAMAGED;
        }
        p->nways++;
    }
    p->id = bundle_get(&b, "id");
    p->loaded = bundle_get(&b, "loaded");
    p->confirmed = bundle_get(&b, "confirmed");
    p->previous = bundle_get(&b, "previous");
    p->applied = bundle_get(&b, "applied");
    p->session = bundle_get(&b, "session");
    p->kill = bundle_get(&b, "kill");
    return bundle_has(&b, "previous") && read_u64(bundle_get(&b, "since"), &p->since) &&
                   read_u64(bundle_get(&b, "deadline"), &p->deadline)
               ? STORE_OK
               : STORE_DAMAGED;
}

/* ---- going back ---- */

static bool is_there(const struct kernel *k, const struct way_back *w, struct ruleset *live,
                     struct str *why)
{
    *why = STR("the kernel reads back other rules");
    if (!ruleset_read(k, w->target, live, why)) {
        return false;
    }
    struct ruleset rules = *live;
    const bool all = str_eq(ruleset_digest(k->loaders.arena, &rules), w->digest);
    rules.part[PART_SETS] = STR(""); /* which the digest is without if other rules share them */
    return all || str_eq(ruleset_digest(k->loaders.arena, &rules), w->digest);
}

static bool switch_to(const struct kernel *k, const struct way_back *w, const struct ruleset *rules,
                      struct str *why)
{
    struct ruleset live;
    return is_there(k, w, &live, why) ||
           (ruleset_switch(k, w->target, &live, rules, why) && is_there(k, w, &live, why));
}

/* Others may have taken rules away since: then the place of a jump among them is no more. */
static bool switch_back(const struct kernel *k, const struct way_back *w, struct str *why)
{
    if (switch_to(k, w, &w->rules, why)) {
        return true;
    }
    if (w->target != TARGET_IPTABLES) {
        return false;
    }
    struct arena *m = k->loaders.arena;
    struct ruleset live, first = w->rules;
    first.part[PART_V4] = ruleset_jumps_first(m, first.part[PART_V4]);
    first.part[PART_V6] = ruleset_jumps_first(m, first.part[PART_V6]);
    return ruleset_read(k, w->target, &live, why) &&
           ruleset_switch(k, w->target, &live, &first, why);
}

/* What a boot loads, and what was confirmed before. */
static bool restore_confirmed(struct apply *a, const struct pending *p)
{
    return store_put(a, a->state_dir, FILE_CONFIRMED, p->confirmed) &&
           store_put(a, a->state_dir, FILE_PREVIOUS, p->previous);
}

bool pending_go_back(struct apply *a, const struct pending *p)
{
    bool ok = true;
    for (size_t i = p->nways; i-- > 0;) { /* the old rules stand before the new ones go */
        struct kernel k = a->kernel;
        struct str why;
        k.variant = p->ways[i].variant;
        if (!switch_back(&k, &p->ways[i], &why)) {
            tell(a, NPC_ERROR, 701, "npc rollback tries again",
                 "the rules that were there cannot be restored: " STR_FMT, STR_ARG(why));
            ok = false;
        }
    }
    return ok && restore_confirmed(a, p) && store_put(a, a->run_dir, FILE_LOADED, p->loaded) &&
           store_remove(a, a->run_dir, FILE_PENDING);
}

/* ---- keeping ---- */

static bool kill_connections(struct apply *a, const struct pending *p)
{
    size_t deleted;
    if (p->kill.n == 0 || conntrack_delete(&a->arena, p->kill, &deleted)) {
        return true;
    }
    tell(a, NPC_ERROR, 701, NULL, "connections cannot be ended: %s", strerror(errno));
    return false;
}

/* What is damaged is no way back. */
static bool keep_previous(struct apply *a, const struct pending *p)
{
    struct bundle before, now;
    struct loaded x, y;
    const bool whole = p->confirmed.n > 0 && bundle_read(&a->arena, p->confirmed, &before);
    if (whole && loaded_of(a, &before, &x) && bundle_read(&a->arena, p->applied, &now) &&
        loaded_of(a, &now, &y) && loaded_same_rules(&x, &y)) {
        return true; /* what was before them is the way back from these, too */
    }
    return store_put(a, a->state_dir, FILE_PREVIOUS, whole ? p->confirmed : STR(""));
}

int pending_open(struct apply *a)
{
    const char *path = str_printf(&a->arena, "%s/" FILE_PENDING, a->run_dir).p;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        tell(a, NPC_ERROR, 1, NULL, "cannot open '%s': %s", path, strerror(errno));
    }
    return fd;
}

/* The file has no name any more, but who has it open can ask for its mode: 0600 before. */
#define MODE_KEPT S_IRUSR

static void mark_as_kept(int fd)
{
    if (fchmod(fd, MODE_KEPT) != 0) {
        return; /* its own file, so it may; else npc apply knows less than there is to know */
    }
}

bool pending_was_kept(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & 07777) == MODE_KEPT;
}

struct commit {
    const struct pending *pending;
    bool done;
};

static void commit_step(struct apply *a, void *arg)
{
    struct commit *c = arg;
    c->done = keep_previous(a, c->pending) &&
              store_put(a, a->state_dir, FILE_CONFIRMED, c->pending->applied) &&
              kill_connections(a, c->pending) && store_remove(a, a->run_dir, FILE_PENDING);
}

bool pending_commit(struct apply *a, const struct pending *p)
{
    struct commit c = {.pending = p};
    const int file = pending_open(a);
    if (file >= 0 && !apply_step(a, commit_step, &c)) {
        tell(a, NPC_ERROR, 1, NULL, "out of memory");
    }
    if (file >= 0) {
        if (c.done) {
            mark_as_kept(file);
        }
        close(file);
    }
    if (!c.done) {
        restore_confirmed(a, p);
        return false;
    }
    if (p->confirmed.n == 0) {
        unit_enable(a);
    }
    return true;
}
