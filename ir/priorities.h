/* Cluster policies of which nothing says who is asked first. */
#ifndef NPC_IR_PRIORITIES_H
#define NPC_IR_PRIORITIES_H

#include "ir/program.h"

/* Reports NPC401: policies of one priority in a tier, as a warning if one packet can match rules of
 * both that do different things, else as an info; and as a warning policies of tiers of one order
 * of which one allows what the other denies. The policies are in the order of their places. */
void priorities_check(struct ctx *c, const struct program *p);

#endif
