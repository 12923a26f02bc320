/* A call from its beginning to its end, and the short verbs: confirm, rollback, boot. */
#include "apply/guard.h"
#include "apply/job.h"
#include "apply/session.h"
#include "apply/work.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RUN      "/run/npc"
#define DEFAULT_FAILSAFE "tcp/22"
#define DEFAULT_UNITS    "/etc/systemd/system"

/* Nothing can be kept consistent without memory. The guard restores what had been begun. */
static _Noreturn void out_of_memory(void *arg)
{
    static const char text[] = "npc: error: out of memory\n";
    (void)arg;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) {
        _exit(NPC_FAULT);
    }
    _exit(NPC_FAULT);
}

static _Noreturn void give_up(void *arg)
{
    longjmp(*(jmp_buf *)arg, 1);
}

bool apply_step(struct apply *a, void (*step)(struct apply *a, void *arg), void *arg)
{
    const arena_oom_fn oom = a->arena.oom;
    void *const oom_arg = a->arena.oom_arg;
    bool done = false;
    jmp_buf exhausted;
    if (setjmp(exhausted) == 0) {
        a->arena.oom = give_up;
        a->arena.oom_arg = &exhausted;
        step(a, arg);
        done = true;
    }
    a->arena.oom = oom;
    a->arena.oom_arg = oom_arg;
    return done;
}

/* Whatever is opened from now on is none of the standard streams, which are handed to others. */
static void occupy_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

enum npc_status apply_open(struct npc *n, const struct apply_places *places, struct apply **out)
{
    struct apply *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)npc_report(n, NPC_ERROR, 1, "out of memory", NULL);
        return NPC_FAULT;
    }
    occupy_streams();
    arena_init(&a->arena, out_of_memory, NULL);
    a->npc = n;
    a->lock = -1;
    a->kernel.loaders = (struct loaders){&a->arena, places->loader_dir};
    a->state_dir = places->state_dir != NULL ? places->state_dir : DEFAULT_STATE;
    a->run_dir = places->run_dir != NULL ? places->run_dir : DEFAULT_RUN;
    a->unit_dir = places->unit_dir != NULL ? places->unit_dir : DEFAULT_UNITS;
    a->failsafe = places->failsafe != NULL ? places->failsafe : DEFAULT_FAILSAFE;
    a->names_units = places->unit_dir != NULL;
    *out = a;
    return NPC_OK;
}

void apply_close(struct apply *a)
{
    if (a != NULL) {
        store_unlock(a);
        arena_free(&a->arena);
        free(a);
    }
}

void apply_abandon(const struct apply *a)
{
    temps_remove(&a->temps);
}

enum npc_status apply_lock(struct apply *a, const char *wait)
{
    uint32_t seconds = 0;
    if (wait != NULL && !seconds_read(a, "wait", wait, &seconds)) {
        return NPC_BAD;
    }
    if (!store_directory(a, a->state_dir) || !store_directory(a, a->run_dir)) {
        return NPC_FAULT;
    }
    return store_lock(a, seconds);
}

/* ---- confirm ---- */

/* Established connections outlive any rules, so only a new one proves that one can be made. */
static bool is_new_connection(struct apply *a, const struct pending *p)
{
    const struct session s = session_find(&a->arena);
    if (p->session.n == 0 || !s.found) {
        return true; /* somebody sits at the machine itself */
    }
    if (!str_eq(s.text, p->session) && s.since >= p->since) {
        return true;
    }
    tell(a, NPC_ERROR, 604, "open another one and type npc confirm there",
         "this connection is older than the rules: it does not prove that they let one in");
    return false;
}

/* What was put in their place, or taken away, would be kept without anybody having tried it. */
static enum npc_status check_in_force(struct apply *a, const struct pending *p)
{
    struct bundle b;
    struct loaded l;
    struct ruleset live;
    struct str why;
    if (!bundle_read(&a->arena, p->applied, &b) || !loaded_of(a, &b, &l)) {
        tell(a, NPC_ERROR, 709, NULL, "%s/" FILE_PENDING " is damaged", a->run_dir);
        return NPC_FAULT;
    }
    if (!ruleset_read(&l.kernel, l.target, &live, &why)) {
        tell(a, NPC_ERROR, 701, NULL, "the rules cannot be read: " STR_FMT, STR_ARG(why));
        return NPC_FAULT;
    }
    if (loaded_drift(a, &l, &live) == 0) {
        return NPC_OK;
    }
    loaded_tell_drift(a, &l, &live);
    tell(a, NPC_ERROR, 708, "npc rollback brings the old ones back now",
         "the rules that wait are not in force as they were loaded: the deadline stands");
    return NPC_NO;
}

enum npc_status apply_confirm(struct apply *a)
{
    struct pending p;
    switch (pending_read(a, &p)) {
    case STORE_NONE:
        tell(a, NPC_ERROR, 710, NULL, "no rules wait for a confirmation");
        return NPC_NO;
    case STORE_DAMAGED:
        tell(a, NPC_ERROR, 709, NULL, "%s/" FILE_PENDING " is damaged", a->run_dir);
        return NPC_FAULT;
    case STORE_OK:
        break;
    }
    if (!guard_lives(a)) {
        tell(a, NPC_ERROR, 707, "npc rollback undoes what it did", "npc apply was interrupted");
        return NPC_NO;
    }
    if (p.deadline == 0 || now_ms() >= p.deadline) {
        tell(a, NPC_ERROR, 707, NULL, "too late: the rules are being rolled back");
        return NPC_NO;
    }
    if (!is_new_connection(a, &p)) {
        return NPC_NO;
    }
    const enum npc_status status = check_in_force(a, &p);
    if (status != NPC_OK) {
        return status;
    }
    return pending_commit(a, &p) ? NPC_OK : NPC_FAULT;
}

/* ---- rollback ---- */

enum npc_status apply_rollback(struct apply *a, bool allow_lockout)
{
    struct pending p;
    struct bundle previous;
    switch (pending_read(a, &p)) {
    case STORE_OK:
        pending_hurry(a, &p);
        return pending_go_back(a, &p) ? NPC_OK : NPC_FAULT;
    case STORE_DAMAGED:
        tell(a, NPC_ERROR, 709, NULL, "%s/" FILE_PENDING " is damaged", a->run_dir);
        return NPC_FAULT;
    case STORE_NONE:
        break;
    }
    switch (store_read(a, a->state_dir, FILE_PREVIOUS, &previous)) {
    case STORE_OK:
        return job_restore(a, &previous, allow_lockout);
    case STORE_DAMAGED:
        tell(a, NPC_ERROR, 709, NULL, "%s/" FILE_PREVIOUS " is damaged", a->state_dir);
        return NPC_FAULT;
    case STORE_NONE:
        break;
    }
    tell(a, NPC_ERROR, 710, NULL, "nothing was confirmed before the rules that are in force");
    return NPC_NO;
}
