/* INPUTs that can be read only once, standard input and pipes, kept for those who read again. */
#ifndef NPC_CLI_ONCE_H
#define NPC_CLI_ONCE_H

#include "npc/npc.h"

#include <stdbool.h>
#include <stddef.h>

struct once {
    const char *name; /* as it is shown */
    char *text;       /* to be freed */
    size_t size;
};

/* Whether another reader would find nothing, or something else. */
bool is_read_once(const char *path);
/* Whether two INPUTs are the same standard input or pipe. */
bool are_one_stream(const char *a, const char *b);
/* Reads it whole. Unless NPC_OK is returned, it has said why: NPC_BAD for more than 1 GiB. */
enum npc_status once_read(struct once *o, const char *path);

#endif
