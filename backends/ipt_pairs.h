/*
 * Which pods may reach which local addresses, decided before the rules of the classes: by far the
 * cheapest way where classes have many grants, for it looks at neither ports nor sets that have
 * nothing to do with the packet.
 *
 *   ROOT       a tree over the addresses of peers: -s POD -g ROW … else -g BEHIND
 *   row chain  a tree over local addresses: -d LOCAL -p tcp --dport 80 -j RETURN … else -g BEHIND
 *
 * Peers that may reach the same addresses on the same ports share a row. Rows only allow: what they
 * do not find is looked for by the rules of the class (networks, wide selections, every peer), so
 * that any grant may be here or there.
 */
#ifndef NPC_BACKENDS_IPT_PAIRS_H
#define NPC_BACKENDS_IPT_PAIRS_H

#include "backends/ipt_dispatch.h"

/* Chooses which grants become pairs and marks their peers as paired. False: none, and there is no
 * need for ipt_pairs(). */
bool ipt_pairs_plan(struct ipt_side *s);

/* Adds the chain `root` and all below. False: an error was reported. */
bool ipt_pairs(struct ipt_side *s, const struct ipt_shapes *shapes, const char *root,
               const char *behind);

#endif
