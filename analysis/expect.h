/*
 * The `test` blocks of a program: whether each expectation holds, for every pair of endpoints,
 * every address and every port that it speaks of. As an end of an expectation, `anywhere` is every
 * address outside of the inventory: who is inside has a name there (`all namespaces`, `all nodes`).
 */
#ifndef NPC_ANALYSIS_EXPECT_H
#define NPC_ANALYSIS_EXPECT_H

#include "analysis/world.h"

/* Checks all expectations and reports those that do not hold (NPC516), with one pair that shows it
 * and the rules responsible, and those that say nothing (NPC510). */
void expectations_check(struct ctx *c, const struct world *w);

#endif
