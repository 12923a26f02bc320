/*
 * The sequence: snapshot, rehearsal, guard, load, read back, confirmation. docs/apply.md tells why
 * it is in this order. Knows no policy: the rules come as texts.
 */
#include "apply/job.h"

#include "apply/conntrack.h"
#include "apply/privilege.h"
#include "apply/rehearse.h"
#include "base/signals.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool seconds_read(struct apply *a, const char *option, const char *text, uint32_t *out)
{
    const uint32_t day = 86400;
    if (str_to_u32(str_of(text), day, out)) {
        return true;
    }
    tell(a, NPC_ERROR, 901, NULL, "--%s cannot be '%s': it is a number of seconds, at most %u",
         option, text, day);
    return false;
}

/* ---- what is there ---- */

/* Whether npc has a record of what it loaded there. */
static bool is_recorded(const struct job *j, const struct place *p)
{
    return j->has_old && kernel_is_same(&p->kernel, p->target, &j->old.kernel, j->old.target);
}

/* Whether both are rules for a host, or both for pods behind a node. */
static bool same_kind(const struct loaded *x, const struct loaded *y)
{
    return str_starts(bundle_get(&x->bundle, "scope"), "host ") ==
           str_starts(bundle_get(&y->bundle, "scope"), "host ");
}

enum npc_status job_find_old(struct job *j)
{
    struct apply *a = j->a;
    struct str bytes;
    struct bundle b;
    if (!store_get(a, a->run_dir, FILE_LOADED, &bytes)) {
        return NPC_FAULT; /* another loader's rules would stay beside these */
    }
    if (!bundle_read(&a->arena, bytes, &b) || !loaded_of(a, &b, &j->old)) {
        return NPC_OK; /* none, or none that can be trusted: the kernel is asked */
    }
    j->has_old = true;
    j->moves = !loaded_same_loader(&j->old, &j->now);
    if (!j->o->replace && (j->moves || !same_kind(&j->old, &j->now))) {
        const struct str scope = bundle_get(&b, "scope");
        tell(a, NPC_ERROR, 706, "--replace takes them away",
             "rules for " STR_FMT " (%s) are in force, which these would replace", STR_ARG(scope),
             target_names[j->old.target]);
        return NPC_NO;
    }
    return NPC_OK;
}

static void tell_unrecorded(const struct job *j)
{
    for (size_t i = 0; i < j->others.n; i++) {
        const struct place *p = &j->others.list[i];
        if (!is_recorded(j, p)) {
            tell(j->a, NPC_WARNING, 708, NULL,
                 "rules of npc's by %s are in force of which it has no record: the new ones "
                 "replace them",
                 place_name(p));
        }
    }
}

static bool read_live(struct job *j)
{
    struct str why;
    if (!ruleset_read(&j->now.kernel, j->now.target, &j->live, &why) ||
        (j->moves && !ruleset_read(&j->old.kernel, j->old.target, &j->old_live, &why))) {
        tell(j->a, NPC_ERROR, 701, NULL, "the rules cannot be read: " STR_FMT, STR_ARG(why));
        return false;
    }
    const struct place here = {j->now.target, j->now.kernel, j->live};
    places_find(&j->a->kernel, &here, &j->others);
    tell_unrecorded(j);
    if (j->has_old) {
        loaded_tell_drift(j->a, &j->old, j->moves ? &j->old_live : &j->live);
    }
    return true;
}

/* ---- the way back ---- */

static void add_way(struct job *j, enum target t, const char *variant, const struct ruleset *rules,
                    const struct ruleset *live)
{
    j->pending.ways[j->pending.nways++] =
        (struct way_back){t, variant, *rules, ruleset_digest(&j->a->arena, live)};
}

/* To rules of another loader. Going back, they come first: sets of the new rules are still used. */
static void add_way_to(struct job *j, const struct place *p)
{
    struct ruleset rules = p->live, live = p->live;
    if (is_recorded(j, p) && loaded_drift(j->a, &j->old, &p->live) == 0) {
        rules = j->old.rules;
    }
    if (p->target == TARGET_IPTABLES && j->now.target == TARGET_IPTABLES) {
        rules.part[PART_SETS] =
            str_printf(&j->a->arena, STR_FMT STR_FMT, STR_ARG(p->live.part[PART_SETS]),
                       STR_ARG(j->now.rules.part[PART_SETS]));
        live.part[PART_SETS] = STR("");
    }
    add_way(j, p->target, p->kernel.variant, &rules, &live);
}

/* Rules that are as npc loaded them are restored from the text that made them; others from what the
 * kernel lists, if the rehearsal showed that this can be loaded. */
static bool find_way_back(struct job *j, const struct rehearsal *r)
{
    const bool known = j->has_old && !j->moves;
    const struct ruleset *rules = &j->live;
    if (known && loaded_drift(j->a, &j->old, &j->live) == 0) {
        rules = &j->old.rules;
    } else if (!r->back && known) {
        tell(j->a, NPC_WARNING, 708, NULL,
             "a rollback restores the rules as npc loaded them, without what was changed since: "
             "" STR_FMT,
             STR_ARG(r->back_why));
        rules = &j->old.rules;
    } else if (!r->back) {
        tell(j->a, NPC_ERROR, 708, "take npc's tables, or chains, away by hand first",
             "npc did not load the rules that are there, and cannot restore them: " STR_FMT,
             STR_ARG(r->back_why));
        return false;
    }
    add_way(j, j->now.target, j->now.kernel.variant, rules, &j->live);
    for (size_t i = 0; i < j->others.n; i++) {
        add_way_to(j, &j->others.list[i]);
    }
    return true;
}

static bool check_without_rehearsal(struct job *j)
{
    struct str why;
    if (ruleset_check(&j->now.kernel, j->now.target, &j->live, &j->now.rules, &why)) {
        return true;
    }
    tell(j->a, NPC_ERROR, 701, NULL, "the rules do not load: " STR_FMT, STR_ARG(why));
    return false;
}

static bool try_rules(struct job *j, struct rehearsal *r)
{
    if (j->now.unrehearsed) {
        return check_without_rehearsal(j);
    }
    *r = rehearse(&j->now.kernel, j->now.target, &j->live, &j->now.rules);
    if (j->restores && load_spares_rehearsal(j->a, r)) {
        return check_without_rehearsal(j);
    }
    j->expected = r->expected;
    j->rehearsed = true;
    return load_report(j->a, r);
}

enum npc_status job_prepare(struct job *j)
{
    struct rehearsal r = {.back = true};
    if (!read_live(j)) {
        return NPC_FAULT;
    }
    if (j->o->dry_run) {
        store_unlock(j->a); /* all is read, and who reads the answer may be slow */
    }
    if (!try_rules(j, &r)) {
        return NPC_FAULT;
    }
    bool raw = j->now.target == TARGET_IPTABLES;
    for (size_t i = 0; i < j->others.n; i++) {
        raw = raw || j->others.list[i].target == TARGET_IPTABLES;
    }
    if (!privilege_drop(raw)) {
        tell(j->a, NPC_ERROR, 1, NULL, "privileges cannot be given up: %s", strerror(errno));
        return NPC_FAULT;
    }
    return find_way_back(j, &r) ? NPC_OK : NPC_FAULT;
}

/* ---- loading ---- */

static bool put_in_force(struct job *j)
{
    struct apply *a = j->a;
    const struct place here = {j->now.target, j->now.kernel, j->live};
    struct ruleset got;
    if (!load_alone(a, &here, &j->now.rules, &j->others, j->rehearsed ? &j->expected : NULL,
                    &got)) {
        return false;
    }
    loaded_put_hashes(a, &j->bundle, j->now.target, &got);
    j->pending.applied = bundle_write(&a->arena, &j->bundle);
    return store_write(a, a->run_dir, FILE_LOADED, j->pending.applied);
}

static void say(const struct job *j, const char *line)
{
    if (j->o->say != NULL) {
        j->o->say(line);
    }
}

/* After the guard has ended: whether the new rules stayed. */
static enum npc_status ending(struct job *j)
{
    struct apply *a = j->a;
    struct pending p;
    struct str loaded;
    if (!store_lock_patiently(a)) {
        return NPC_FAULT;
    }
    if (pending_was_kept(j->pending_fd)) {
        return NPC_OK;
    }
    const enum store_result there = pending_read(a, &p);
    /* The guard was killed, or failed: it is our turn. */
    const bool turn = there == STORE_OK && str_eq(p.id, j->pending.id);
    if ((turn && !pending_go_back(a, &p)) || !store_get(a, a->run_dir, FILE_LOADED, &loaded)) {
        return NPC_FAULT;
    }
    if (there == STORE_DAMAGED || (str_eq(loaded, j->pending.applied) &&
                                   !str_eq(loaded, j->pending.loaded))) { /* or taken away */
        tell(a, NPC_ERROR, 707, NULL,
             "%s/" FILE_PENDING " is lost: rules that nobody confirmed are in force", a->run_dir);
        return NPC_FAULT;
    }
    tell(a, NPC_ERROR, 707, NULL, "nobody confirmed: the rules that were there before came back");
    return NPC_NO;
}

static enum npc_status wait_for_confirmation(struct job *j)
{
    struct apply *a = j->a;
    guard_loaded(&j->guard);
    store_unlock(a);
    say(j, str_printf(&a->arena,
                      "The rules are in force. Unless npc confirm is typed in a new connection "
                      "within %u s, the old ones come back.",
                      j->confirm)
               .p);
    guard_wait(&j->guard);
    const enum npc_status status = ending(j);
    close(j->pending_fd);
    return status;
}

static enum npc_status load_guarded(struct job *j)
{
    struct apply *a = j->a;
    if (!put_in_force(j)) {
        pending_go_back(a, &j->pending);
        return NPC_FAULT;
    }
    /* From here on whoever goes back must also take the new rules from what a boot loads. */
    j->pending.since = now_ms() * (uint64_t)sysconf(_SC_CLK_TCK) / 1000;
    j->pending.deadline = j->confirm > 0 ? now_ms() + (uint64_t)j->confirm * 1000 : 0;
    const bool written = pending_write(a, &j->pending);
    if (written && j->confirm > 0) {
        j->pending_fd = pending_open(a);
        if (j->pending_fd >= 0) {
            return wait_for_confirmation(j);
        }
    } else if (written && pending_commit(a, &j->pending)) {
        return NPC_OK;
    }
    pending_go_back(a, &j->pending);
    return NPC_FAULT;
}

/* FILE_PENDING and the guard come together, or not at all: signals wait. */
static bool arm(struct job *j)
{
    struct apply *a = j->a;
    sigset_t before;
    signals_hold(&before);
    bool armed = pending_write(a, &j->pending);
    if (armed && !guard_arm(a, &j->pending, &j->guard)) {
        store_remove(a, a->run_dir, FILE_PENDING);
        armed = false;
    }
    signals_restore(&before);
    return armed;
}

enum npc_status job_load(struct job *j)
{
    struct apply *a = j->a;
    j->pending.id = str_printf(&a->arena, "%ld-%llu", (long)getpid(), (unsigned long long)now_ms());
    if (!store_get(a, a->run_dir, FILE_LOADED, &j->pending.loaded) ||
        !store_get(a, a->state_dir, FILE_CONFIRMED, &j->pending.confirmed) ||
        !store_get(a, a->state_dir, FILE_PREVIOUS, &j->pending.previous) || !arm(j)) {
        return NPC_FAULT;
    }
    const enum npc_status status = load_guarded(j);
    guard_dismiss(a, &j->guard);
    return status;
}

enum npc_status job_restore(struct apply *a, const struct bundle *b, bool allow_lockout)
{
    const struct apply_options o = {.replace = true, .allow_lockout = allow_lockout};
    struct job j = {.a = a, .o = &o, .bundle = *b, .restores = true};
    if (!loaded_of(a, b, &j.now)) {
        tell(a, NPC_ERROR, 709, NULL, "the rules are for no loader that npc knows");
        return NPC_FAULT;
    }
    j.session = session_find(&a->arena);
    enum npc_status status = job_check_session(&j);
    if (status == NPC_OK) {
        status = job_find_old(&j);
    }
    if (status == NPC_OK) {
        status = job_prepare(&j);
    }
    return status == NPC_OK ? job_load(&j) : status;
}
