/* The input files in a directory. */
#ifndef NPC_FRONTEND_WALK_H
#define NPC_FRONTEND_WALK_H

#include "base/ctx.h"

struct file_names {
    VEC(struct str) list;
};

/* Lists the regular files below `directory` whose names promise input (feed.h), in byte order,
 * relative to it. Names that begin with a dot and links are passed over; only the directory itself
 * may be a link. What cannot be read is reported by fault(); false then. */
typedef void (*walk_fault_fn)(void *arg, struct str path, int error);
bool walk_directory(struct ctx *c, struct str directory, struct file_names *names,
                    walk_fault_fn fault, void *arg);

#endif
