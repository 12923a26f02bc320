/*
 * Loading rules into the kernel of this machine, so that nobody is locked out: the layer above the
 * library and below the command line. docs/apply.md tells the sequence and why it is so.
 *
 * A call is apply_open(), one of the verbs, apply_close(). Where the lock is not said to be taken
 * by the verb, apply_lock() comes before it. Verbs report what is wrong to the npc context and
 * return a status: NPC_OK done; NPC_NO refused, rolled back, drifted or nothing there; NPC_BAD the
 * call or the input is wrong; NPC_FAULT a loader or a file failed. When memory is exhausted the
 * process ends with NPC_FAULT: whatever it had begun is rolled back (guard.h).
 */
#ifndef NPC_APPLY_APPLY_H
#define NPC_APPLY_APPLY_H

#include "npc/npc.h"

struct apply;

struct apply_places {       /* directories; NULL: the usual one */
    const char *state_dir;  /* what outlives a reboot: /var/lib/npc */
    const char *run_dir;    /* what does not: /run/npc */
    const char *loader_dir; /* nft, iptables-restore and so on: /usr/sbin and its like */
    const char *failsafe; /* as for npc_set(): what apply_boot() keeps open in need; NULL: tcp/22 */
    const char *unit_dir; /* of systemd; not NULL: a unit is enabled even if systemd does not run */
};

/* Makes and locks nothing. NPC_OK: *out is to be closed, by apply_close() only. */
enum npc_status apply_open(struct npc *n, const struct apply_places *places, struct apply **out);
/* Makes the directories and takes the lock, or reports who holds it. `wait`: seconds to wait for
 * it, a decimal number, or NULL. */
enum npc_status apply_lock(struct apply *a, const char *wait);
/* Releases the lock and all memory. NULL is fine. */
void apply_close(struct apply *a);
/* As npc_abandon(): for a signal's handler that ends the process. The guard does the rest. */
void apply_abandon(const struct apply *a);

struct apply_setting {
    const char *option, *value; /* as for npc_set() */
};

struct apply_options {
    const char *target;      /* "nft" or "iptables" */
    const char *variant;     /* of iptables: "nft", "legacy", or NULL for what is installed */
    const char *confirm;     /* seconds, a decimal number, or NULL: without confirmation */
    const char *wait;        /* for the lock, as for apply_lock() */
    const char *const *keep; /* each an ADDR:PORT that must stay reachable */
    size_t nkeep;
    bool dry_run, allow_lockout, replace, kill_states, no_rehearsal;
    bool terminal;             /* a person sits in front of it */
    const char *const *inputs; /* as given, for status */
    size_t ninputs;
    const struct apply_setting *settings; /* that change what policies mean */
    size_t nsettings;
    /* Told what a person should know at once, a line without its end; may be NULL. */
    void (*say)(const char *line);
    /* Called when nothing is left to do but to show the difference, or to load the rules: whatever
     * may still fail in the caller should do so now. False: nothing is done. May be NULL. */
    bool (*ready)(void *arg);
    void *ready_arg;
    /* Given the difference to what is in force (dry_run); false: it could not be shown, and that
     * has been told. May be NULL. */
    bool (*show)(const char *text, size_t size);
};

/* Compiles the loaded program and puts its rules in force, or leaves everything as it is. Takes the
 * lock when it has compiled: input may come slowly, and a rollback must not wait for it. */
enum npc_status apply_run(struct apply *a, const struct apply_options *o);
/* Keeps the rules that wait for it. */
enum npc_status apply_confirm(struct apply *a);
/* Goes back to what the rules that wait replaced, as the deadline would; if none wait, to what was
 * confirmed before, unless that would cut the SSH session. */
enum npc_status apply_rollback(struct apply *a, bool allow_lockout);
/* What is in force, as text or JSON; the memory goes with `a`. NPC_NO: drifted, or nothing. Needs
 * no lock. */
enum npc_status apply_status(struct apply *a, bool json, const char **text, size_t *size);
/* Loads what was confirmed last; if that is damaged, what lets an administrator in. */
enum npc_status apply_boot(struct apply *a);

#endif
