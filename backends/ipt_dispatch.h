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
#include "backends/ipt_tree.h"
#include "ir/program.h"

/* The kernel allows 16 chains on a path (NFT_JUMP_STACK_SIZE; gotos count). The longest takes: a
 * built-in chain, two chains of the administrator's own, NPC-FORWARD, the trees, a class and an
 * atom.
 *
 * A chain costs iptables-nft-restore a look through all names for each of its rules, so where there
 * are very many trees, leaves are large: 32 compares of an address take about 30 ns.
 */
struct ipt_shapes {
    struct tree_shape peers, pairs; /* ipt_pairs.h; none */
    struct tree_shape dispatch, self;
};
extern const struct ipt_shapes ipt_shapes_plain, ipt_shapes_paired;

/* Adds the chain `root` that finds a class for each address of the side, with all chains below, and
 * gives the prefix that covers those addresses. There is at least one class, each with addresses.
 */
bool ipt_dispatch(struct ipt_side *s, const struct ipt_shapes *shapes, const char *root,
                  struct cidr *gate);

/* The chain that ends denied packets. */
struct ipt_deny {
    struct str root;   /* its name */
    const char *keeps; /* rules for what is never denied */
    const char *end;   /* rules for the rest */
    const struct tree_shape *shape;
};

/* Adds it: `keeps`, then a tree over `addrs` (local, rising, at least one) for what they send to
 * their own pod's addresses, then `end`. */
bool ipt_self(struct ipt_table *t, const struct bound *b, struct addr_list addrs,
              const struct ipt_deny *deny);

#endif
