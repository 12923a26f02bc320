/*
 * From a packet's address to the chain of its class, and from a denied packet to its end. Two
 * shapes of rules over one address tree:
 *
 *   dispatch   -s or -d one local address -g CLASS; an address that is not found is not isolated
 *   self       a local address to itself -j RETURN; anything else -j DROP
 */
#ifndef NPC_BACKENDS_IPT_DISPATCH_H
#define NPC_BACKENDS_IPT_DISPATCH_H

#include "backends/ipt_class.h"
#include "ir/program.h"

/* How deep chains may be nested. The kernel allows 16 (NFT_JUMP_STACK_SIZE; gotos count), of which
 * the longest path takes: a built-in chain, two chains of the administrator's own, NPC-FORWARD, the
 * dispatch tree, a class, an atom, and the self tree. */
enum { DISPATCH_LEVELS = 5, SELF_LEVELS = 5 };

/* Adds the chain `root` that finds a class for each address of the side, with all chains below, and
 * gives the prefix that covers those addresses. There is at least one class, each with addresses.
 */
bool ipt_dispatch(struct ipt_side *s, const char *root, struct cidr *gate);

/* Adds the chain `root` that ends denied packets: `body` first, then the self tree over `addrs`
 * (may be none). Every address that a workload has counts as its own. */
bool ipt_self(struct ipt_table *t, const struct inventory *inv, struct addr_list addrs,
              const char *root, struct buf *body);

#endif
