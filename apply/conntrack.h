/* The kernel's table of connections. */
#ifndef NPC_APPLY_CONNTRACK_H
#define NPC_APPLY_CONNTRACK_H

#include "base/str.h"

/* Deletes every entry that has one of the addresses (a line each) at either end, before or after
 * translation, so that its next packet meets the rules as a new connection. False and errno if the
 * kernel refused; *deleted counts. */
bool conntrack_delete(struct arena *a, struct str addresses, size_t *deleted);

#endif
