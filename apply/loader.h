/* Runs the programs that load rules: by absolute path, without environment, without a shell. */
#ifndef NPC_APPLY_LOADER_H
#define NPC_APPLY_LOADER_H

#include "base/str.h"

struct loaders {
    struct arena *arena;
    const char *dir; /* where they are; NULL: the directories of the system */
};

struct loader_run {
    bool ok;        /* it ran and its exit status was 0 */
    struct str out; /* what it said on stdout */
    struct str why; /* one line: what it said on stderr, or why it did not run; unless ok */
};

/* Whether the program is there. */
bool loader_exists(const struct loaders *l, const char *name);

/* Runs `name` with arguments (ended by NULL, the name not among them), `input` on its stdin. It is
 * killed if this process ends. */
struct loader_run loader_run(const struct loaders *l, const char *name, const char *const *args,
                             struct str input);

#endif
