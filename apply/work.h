/* What one call of npc apply works with. Private to apply/. */
#ifndef NPC_APPLY_WORK_H
#define NPC_APPLY_WORK_H

#include "apply/apply.h"
#include "apply/bundle.h"
#include "apply/ruleset.h"
#include "base/file.h"

struct apply {
    struct arena arena; /* memory exhausted: the process ends */
    struct npc *npc;    /* where findings go */
    struct kernel kernel;
    const char *state_dir, *run_dir, *unit_dir, *failsafe;
    bool names_units; /* unit_dir was given: a unit is enabled even if systemd does not run */
    int lock;         /* held while >= 0 */
    struct temps temps;
};

/* Files of the two directories. */
#define FILE_LOADED    "loaded"    /* run: what npc put in force last */
#define FILE_PENDING   "pending"   /* run: the way back, while it may be needed (guard.h) */
#define FILE_CONFIRMED "confirmed" /* state: what a boot loads */
#define FILE_PREVIOUS  "previous"  /* state: what was confirmed before that */

/* Reports an error, a warning or an info; `hint` may be NULL. */
void tell(struct apply *a, enum npc_severity severity, unsigned number, const char *hint,
          const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Takes a step on whose way memory may be exhausted and the process goes on. False if it was: then
 * the step did not come to its end. */
bool apply_step(struct apply *a, void (*step)(struct apply *a, void *arg), void *arg);

/* ---- store.c ---- */

/* Makes a directory (mode 0700) unless it is there. */
bool store_directory(struct apply *a, const char *path);
/* Takes the lock, waiting up to `seconds`. NPC_NO: it reported who holds it. */
enum npc_status store_lock(struct apply *a, uint32_t seconds);
/* The same without a word, waiting as long as it takes. */
bool store_lock_patiently(struct apply *a);
void store_unlock(struct apply *a);

enum store_result { STORE_OK, STORE_NONE, STORE_DAMAGED };
/* Reads a bundle. STORE_DAMAGED: not as it was written, or unreadable. */
enum store_result store_read(struct apply *a, const char *dir, const char *file, struct bundle *b);
/* Writes it, whole or not at all; reports failure. */
bool store_write(struct apply *a, const char *dir, const char *file, struct str bytes);
bool store_remove(struct apply *a, const char *dir, const char *file);
/* The bytes of a file, whole or not; empty if there is none. Reports failure. */
bool store_get(struct apply *a, const char *dir, const char *file, struct str *bytes);
/* Makes them the file's; none: removes it. Does nothing where it is so. */
bool store_put(struct apply *a, const char *dir, const char *file, struct str bytes);

#define DEFAULT_STATE "/var/lib/npc"
/* Makes systemd, where it runs, load the confirmed rules at boot; warns if a boot will not. unit.c
 */
void unit_enable(struct apply *a);

/* ---- clock ---- */

/* Milliseconds since boot, the time of suspension too: the same for all processes. */
uint64_t now_ms(void);
void sleep_ms(unsigned ms);
/* The time of day, as ISO 8601 in UTC: for people. */
struct str clock_text(struct arena *a);

/* ---- loaded.c: what npc has put in force, as a bundle ---- */

/* The rules that a bundle holds, and how they are loaded. */
struct loaded {
    struct bundle bundle;
    enum target target;
    struct kernel kernel; /* with the variant of iptables that loaded them */
    bool unrehearsed;     /* because somebody said so */
    struct ruleset rules;
};
/* False: the bundle is none of npc apply's. */
bool loaded_of(struct apply *a, const struct bundle *b, struct loaded *out);
/* Whether both are loaded by the same programs, and whether they are the same rules, too, whenever
 * and from whatever they were made. */
bool loaded_same_loader(const struct loaded *x, const struct loaded *y);
bool loaded_same_rules(const struct loaded *x, const struct loaded *y);
/* Sets the hashes of what the kernel held right after loading. */
void loaded_put_hashes(struct apply *a, struct bundle *b, enum target t, const struct ruleset *r);
/* Which parts differ from those hashes: a set of bits by enum part. */
unsigned loaded_drift(struct apply *a, const struct loaded *l, const struct ruleset *live);
/* Warns of each part that has drifted. */
void loaded_tell_drift(struct apply *a, const struct loaded *l, const struct ruleset *live);

/* ---- load.c: rules go into the kernel ---- */

struct rehearsal;
/* Reports why a rehearsal failed; true if it did not. */
bool load_report(struct apply *a, const struct rehearsal *r);
/* For rules that were confirmed once: whether they go in without a rehearsal, as none can be had
 * here; reports it. They were in force before, and closing everything helps nobody. */
bool load_spares_rehearsal(struct apply *a, const struct rehearsal *r);
/* From what is live at a place to `wanted`; what npc holds at other places is taken away once the
 * new rules are there. What is read back must be `expected` (NULL: not compared). On failure the
 * kernel may hold either: the caller goes back. *got is what was read back. */
bool load_alone(struct apply *a, const struct place *p, const struct ruleset *wanted,
                const struct places *others, const struct ruleset *expected, struct ruleset *got);
/* Puts the rules of a bundle in force, whatever is there, and writes FILE_LOADED. */
bool load_bundle(struct apply *a, const struct bundle *b);

#endif
