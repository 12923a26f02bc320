/*
 * The way back. Before rules are touched, what the kernel holds is written down (FILE_PENDING) and
 * a process of its own, the guard, is there to restore it:
 *   - at once, if npc ends before it said that the rules are loaded;
 *   - at the deadline, if there is one and nobody confirmed.
 * What ends the danger is that FILE_PENDING goes away, under the lock: then the guard does nothing.
 * Should it be damaged, the guard goes back by what it knew before.
 */
#ifndef NPC_APPLY_GUARD_H
#define NPC_APPLY_GUARD_H

#include "apply/work.h"

/* One target's rules as they were before, and how to get at them. */
struct way_back {
    enum target target;
    const char *variant;
    struct ruleset rules; /* what is loaded to be there again */
    /* Of what the kernel held (ruleset_digest), less sets that other rules use, too. */
    struct str digest;
};
#define MOST_WAYS PLACES /* where rules are loaded now, and where they are taken away */

struct pending {
    struct str id; /* no other has the same */
    struct way_back ways[MOST_WAYS];
    size_t nways;
    struct str loaded;              /* FILE_LOADED as it was; empty: there was none */
    struct str confirmed, previous; /* and the files of the other directory */
    struct str applied;             /* the new FILE_LOADED, once it is loaded */
    struct str session;             /* SSH_CONNECTION that npc apply ran in, or empty */
    struct str kill;   /* addresses whose connections end when it is confirmed, a line each */
    uint64_t since;    /* clock ticks since boot when the rules had been loaded; 0: not yet */
    uint64_t deadline; /* ms since boot; 0: none, or over */
};

bool pending_write(struct apply *a, const struct pending *p);
enum store_result pending_read(struct apply *a, struct pending *p);
/* Writes that the deadline is over: from now on it cannot be confirmed, and the guard goes back if
 * the caller, who is about to, does not get there. */
void pending_hurry(struct apply *a, const struct pending *p);

/* Restores what is written down, in the kernel and in both directories, and removes FILE_PENDING.
 * The lock must be held. Reports what fails. */
bool pending_go_back(struct apply *a, const struct pending *p);

/* Opens FILE_PENDING, for pending_was_kept(); reports failure: -1. */
int pending_open(struct apply *a);
/* When the file that was opened is gone: whether that was pending_commit(). */
bool pending_was_kept(int fd);

/* Keeps the rules for good: they are what a boot loads, and FILE_PENDING goes. The lock must be
 * held. Reports what fails; a boot then loads what it did. */
bool pending_commit(struct apply *a, const struct pending *p);

struct guard {
    int fd; /* to the guard; -1: it has ended */
    int pid;
};
/* Starts the guard for a FILE_PENDING that has been written. It has left terminal and session when
 * this returns. */
bool guard_arm(struct apply *a, const struct pending *p, struct guard *g);
/* Tells it that the rules are loaded: from now on only the deadline counts. */
void guard_loaded(struct guard *g);
/* Waits until it has ended: FILE_PENDING is gone by then. */
void guard_wait(struct guard *g);
/* Lets go of it, and of the lock: it goes back at once if FILE_PENDING is still there. */
void guard_dismiss(struct apply *a, struct guard *g);
/* Whether a guard watches over FILE_PENDING. */
bool guard_lives(struct apply *a);

#endif
