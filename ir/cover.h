/*
 * Which of two selectors is the wider one: exact answers about all label sets that there could be,
 * without an inventory. A selector is a conjunction of requirements on single keys, so that each
 * key can be decided by itself: by its absence, by every value that some requirement names, and by
 * one value that none of them names.
 */
#ifndef NPC_IR_COVER_H
#define NPC_IR_COVER_H

#include "ir/normal.h"

/* Whether every label set that matches `inner` matches `outer`. Both in normal form. */
bool selector_covers(const struct selector *outer, const struct selector *inner);
/* Whether some label set matches both. Both in normal form. */
bool selectors_meet(const struct selector *a, const struct selector *b);
/* Whether every value of `key` that `s` takes, or its absence, is taken by a requirement. */
bool selector_implies(const struct selector *s, const struct sel_req *req);

/* The same for the pods of two clauses of kind PEER_PODS, each ns and pods. */
bool clause_covers(const struct nclause *outer, const struct nclause *inner);

/* Whether `outer` holds every packet of `inner`. */
bool portset_covers(struct portset outer, struct portset inner);

#endif
