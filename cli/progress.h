/* One line on a terminal that says how far long work has come; erased at the end. */
#ifndef NPC_CLI_PROGRESS_H
#define NPC_CLI_PROGRESS_H

#include <stdint.h>

struct progress;

/* NULL if standard error is no terminal (or a dumb one): then nothing is ever shown. */
struct progress *progress_new(void);
/* An npc_progress_fn. The first line appears after half a second. */
void progress_tell(void *arg, uint64_t bytes, uint64_t objects, const char *phase);
/* Erases the line. NULL is fine. */
void progress_free(struct progress *p);

#endif
