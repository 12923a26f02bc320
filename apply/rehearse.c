/* Rules are rehearsed by the same functions that load them (ruleset.h). */
#include "apply/rehearse.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Built-in chains are empty there, so a jump cannot stand where it stands here. */
static struct ruleset without_jumps(struct arena *a, const struct ruleset *r)
{
    struct ruleset out = *r;
    out.part[PART_V4] = ruleset_without_jumps(a, r->part[PART_V4]);
    out.part[PART_V6] = ruleset_without_jumps(a, r->part[PART_V6]);
    return out;
}

static bool load(const struct kernel *k, enum target t, const struct ruleset *wanted,
                 struct ruleset *got, struct str *why)
{
    struct ruleset now;
    return ruleset_read(k, t, &now, why) && ruleset_switch(k, t, &now, wanted, why) &&
           ruleset_read(k, t, got, why);
}

static void rehearse_back(const struct kernel *k, enum target t, const struct ruleset *live,
                          struct rehearsal *r)
{
    const struct ruleset wanted =
        t == TARGET_IPTABLES ? without_jumps(k->loaders.arena, live) : *live;
    struct ruleset got;
    r->back = load(k, t, &wanted, &got, &r->back_why);
    for (size_t i = 0; r->back && i < PARTS; i++) {
        if (!str_eq(got.part[i], wanted.part[i])) {
            r->back = false;
            r->back_why = str_printf(k->loaders.arena, "%s read back otherwise", part_phrases[i]);
        }
    }
}

/* Back to the namespace that it came from; also where memory is exhausted on the way. */
static void go_home(void *resource)
{
    int *home = resource;
    if (*home < 0) {
        return;
    }
    bool left = false;
    for (int tries = 0; tries < 2 && !left; tries++) { /* at boot it is rules or none at all */
        left = setns(*home, CLONE_NEWNET) == 0;
    }
    if (!left) {
        dprintf(STDERR_FILENO, "npc: error: the rehearsal cannot be left: %s\n", strerror(errno));
        _exit(3); /* anything that is loaded from here would be loaded nowhere */
    }
    close(*home);
    *home = -1;
}

struct rehearsal rehearse(const struct kernel *k, enum target t, const struct ruleset *live,
                          const struct ruleset *wanted)
{
    struct rehearsal r = {.back = true};
    int *home = ARENA_NEW(k->loaders.arena, int);
    *home = -1;
    arena_defer(k->loaders.arena, go_home, home);
    const int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || unshare(CLONE_NEWNET) != 0) {
        r.why =
            str_printf(k->loaders.arena, "no network namespace can be made: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return r;
    }
    *home = fd;
    r.possible = true;
    if (live != NULL) {
        rehearse_back(k, t, live, &r);
    }
    r.ok = load(k, t, wanted, &r.expected, &r.why);
    go_home(home);
    return r;
}
