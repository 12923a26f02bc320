/* One line on the terminal that says how far long work has come, and goes away before anything else
 * is said. There is one terminal, so there is one line: to hide it takes no handle. */
#ifndef NPC_CLI_PROGRESS_H
#define NPC_CLI_PROGRESS_H

#include "npc/npc.h"

#include <stddef.h>

struct progress {
    int64_t due; /* ms: time of the next line */
};
/* An npc_progress_fn for standard error, whose argument is `p`, or NULL where none is to be shown:
 * it is no terminal, or one that cannot erase (TERM=dumb). The first line appears half a second
 * after this call. */
npc_progress_fn progress_begin(struct progress *p);
/* Erases the line; the next report draws it again. May be called in a signal's handler, and if
 * there is none. */
void progress_hide(void);

/* The text of a report in at most `most` columns, into `line`, printable ASCII: what a path has
 * beside is shown as '?'. */
#define PROGRESS_MOST 200
void progress_text(const struct npc_progress *p, size_t most, char line[PROGRESS_MOST]);

#endif
