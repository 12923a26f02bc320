/* Putting one set of rules in force, from the checks to the confirmation. */
#ifndef NPC_APPLY_JOB_H
#define NPC_APPLY_JOB_H

#include "apply/guard.h"
#include "apply/session.h"
#include "apply/work.h"

struct job {
    struct apply *a;
    const struct apply_options *o;
    uint32_t confirm; /* seconds; 0: at once */
    struct session session;

    struct bundle bundle; /* the new rules, as they will be kept */
    struct loaded now;    /* the same, taken apart */
    struct ruleset live;  /* what the kernel holds for their target */
    struct ruleset expected;

    bool rehearsed; /* … what is to be read back */
    bool restores;  /* rules that were confirmed before */

    bool has_old; /* npc has put rules in force before */
    bool moves;   /* … with another loader */
    struct loaded old;
    struct ruleset old_live; /* if it moves */
    struct places others;    /* what npc's rules are in force by other loaders, recorded or not */

    struct pending pending;
    int pending_fd; /* FILE_PENDING, while it waits for a confirmation */
    struct guard guard;
};

/* Reads what npc put in force before; refuses to replace another kind without --replace. */
enum npc_status job_find_old(struct job *j);
/* Reads the kernel, rehearses, gives up all privileges that loading does not need. */
enum npc_status job_prepare(struct job *j);
/* Loads, and confirms or waits for it. */
enum npc_status job_load(struct job *j);

/* All of that for a bundle that was confirmed before. */
enum npc_status job_restore(struct apply *a, const struct bundle *b, bool allow_lockout);
/* Refuses rules of a kept bundle that would cut the SSH session, as apply_run() does. run.c */
enum npc_status job_check_session(struct job *j);

/* A decimal number of seconds, up to a day; else an error is reported. */
bool seconds_read(struct apply *a, const char *option, const char *text, uint32_t *out);

#endif
