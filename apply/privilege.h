/* What this process may do, and its children. */
#ifndef NPC_APPLY_PRIVILEGE_H
#define NPC_APPLY_PRIVILEGE_H

#include <stdbool.h>

/*
 * Drops every capability but CAP_NET_ADMIN, and with `raw` CAP_NET_RAW, for this process and all
 * that it will run, for good. iptables opens a raw socket (its own interface to the kernel, and to
 * ask for the version of ipset), so it needs the second. False and errno if that cannot be.
 */
bool privilege_drop(bool raw);

#endif
