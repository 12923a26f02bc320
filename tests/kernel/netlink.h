/*
 * The few rtnetlink requests that a laboratory of namespaces needs: veth pairs, addresses, routes.
 * Everything acts in the network namespace that the calling thread is in.
 */
#ifndef NPC_TESTS_NETLINK_H
#define NPC_TESTS_NETLINK_H

#include <stdbool.h>

struct lab_addr { /* one address, with the length of its prefix */
    int family;   /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
    unsigned prefix;
};

/* Opens a routing socket in the current namespace; -1 and errno on failure. */
int netlink_open(void);

/* Each of these returns false with errno set on failure. */

/* Makes a veth pair: `name` here, `peer` in the namespace behind the descriptor `peer_ns`. */
bool netlink_veth(int nl, const char *name, const char *peer, int peer_ns);
/* Makes a bridge. */
bool netlink_bridge(int nl, const char *name);
/* Puts a link under a bridge. */
bool netlink_enslave(int nl, const char *name, const char *bridge);
bool netlink_up(int nl, const char *name);
/* Adds an address, without duplicate address detection. */
bool netlink_address(int nl, const char *name, struct lab_addr a);
/* Adds a route to `to` out of `name`; `via` may be NULL (on link). */
bool netlink_route(int nl, const char *name, struct lab_addr to, const struct lab_addr *via);

#endif
