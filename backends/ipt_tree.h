/*
 * The address tree of the iptables backend: which chain looks at which addresses, so that finding
 * one of n addresses costs a few prefix compares and not n. Knows addresses only, no rules.
 *
 * A node covers a prefix. It is a leaf (a few entries, compared one by one) or has 16 branches,
 * more where the tree would be too deep; a branch with one entry needs no chain of its own. A
 * 16-way split by nibbles would be unbalanced where addresses share bits, and as deep as the
 * address is long: here a node is cut into the 16 parts that balance best, by cutting the largest
 * part in two until there are 16.
 */
#ifndef NPC_BACKENDS_IPT_TREE_H
#define NPC_BACKENDS_IPT_TREE_H

#include "ir/addr.h"

enum { TREE_FANOUT = 16 }; /* branches of a node, at least */

struct tree_shape {
    unsigned levels; /* no path has more nodes that are chains; a leaf of the last may be larger */
    size_t leaf;     /* entries of a leaf */
};

struct tree_entry {
    struct cidr at;
    const void *value;
};

struct tree_node {
    struct cidr prefix; /* covers all entries */
    size_t first, n;    /* entries[first .. first + n) */
    size_t kids, nkids; /* nodes[kids .. kids + nkids), rising; a leaf has none */
    unsigned level;     /* the root has 0 */
};

struct tree {
    const struct tree_entry *entries;
    struct tree_node *nodes; /* the root first, parents before children; none without entries */
    size_t nnodes;
};

/* Builds the tree of at least one entry: rising, disjoint, of one family. */
struct tree tree_build(struct arena *a, const struct tree_entry *entries, size_t n,
                       const struct tree_shape *shape);

/* Whether the node is only its one entry, which its parent compares itself. */
bool tree_is_entry(const struct tree_node *node);

#endif
