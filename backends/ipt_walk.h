/* Lays an address tree out as chains of rules. Knows nothing of what the entries mean. */
#ifndef NPC_BACKENDS_IPT_WALK_H
#define NPC_BACKENDS_IPT_WALK_H

#include "backends/ipt_chains.h"
#include "backends/ipt_tree.h"

struct ipt_walk;
typedef void (*ipt_entry_fn)(const struct ipt_walk *w, const struct tree_entry *entry,
                             struct buf *body);

/* What distinguishes one kind of tree from another. */
struct ipt_walk {
    struct ipt_table *table;
    enum ipt_end end; /* which address the tree looks at */
    struct str root;  /* its chain: the root of the tree; no other tree has it */
    const char *slug; /* of the chains below */
    struct span at;   /* where to report a collision of names */
    ipt_entry_fn put_entry;
    const char *rest; /* the rule for packets that a chain does not find, or "" */
};

/* Sorts entries as tree_build() wants them. */
void ipt_walk_sort(struct tree_entry *entries, size_t n);

/* Adds the chains of the tree; the root's rules stand behind what is in `body`. False: an error was
 * reported. */
bool ipt_walk_tree(const struct ipt_walk *w, const struct tree *tree, struct buf *body);

/* An entry whose value is the name of a chain (struct str): goes to it. */
void ipt_walk_goto(const struct ipt_walk *w, const struct tree_entry *entry, struct buf *body);

#endif
