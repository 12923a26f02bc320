/* The kernel's table of connections. */
#ifndef NPC_APPLY_CONNTRACK_H
#define NPC_APPLY_CONNTRACK_H

#include "base/str.h"

#include <stdint.h>

/* Deletes every entry that has one of the addresses (a line each) at either end, before or after
 * translation, so that its next packet meets the rules as a new connection. False and errno if the
 * kernel refused; *deleted counts. */
bool conntrack_delete(struct arena *a, struct str addresses, size_t *deleted);

struct tcp_end {
    const char *address;
    uint16_t port;
};
/* Whether a TCP connection of this machine is in the table and has been answered, so that rules
 * take its packets for what they are, in both directions. False also if that cannot be known. */
bool conntrack_knows(struct arena *a, const struct tcp_end *here, const struct tcp_end *there);
/* Whether the table takes up connections in their middle (nf_conntrack_tcp_loose). */
bool conntrack_is_loose(void);

#endif
