/* Loading rules for trial, in a network namespace that nobody uses. */
#ifndef NPC_APPLY_REHEARSE_H
#define NPC_APPLY_REHEARSE_H

#include "apply/ruleset.h"

struct rehearsal {
    bool possible;            /* a namespace could be made */
    bool back;                /* `live` was loaded and read back equal: it can be restored */
    bool ok;                  /* `wanted` was loaded over it */
    struct ruleset expected;  /* what the kernel makes of `wanted`: what is to be read back */
    struct str why, back_why; /* unless ok, unless back */
};

/*
 * Loads `live` (or NULL), then `wanted` over it. The loaders, the kernel and the way from one to
 * the other are the real ones; only the packets are missing. Ends the process if it cannot come
 * back from the namespace.
 */
struct rehearsal rehearse(const struct kernel *k, enum target t, const struct ruleset *live,
                          const struct ruleset *wanted);

#endif
