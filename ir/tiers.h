/*
 * How cluster policies and NetworkPolicies decide together: the order in which cluster policies are
 * asked, and what is allowed of the traffic between one target and one peer once all were asked.
 * Which rules match the two is the caller's to know; nothing here looks at selectors or addresses.
 *
 *     tier_cell_begin(&c, a, all traffic);
 *     for each tier before NetworkPolicies:
 *         for each of its rules that match, in order: tier_cell_step(&c, action, ports);
 *         tier_cell_end_tier(&c);
 *     if NetworkPolicies isolate the target: tier_cell_namespaced(&c, what they allow);
 *     the tiers after them, likewise;
 *     allowed = tier_cell_finish(&c);
 */
#ifndef NPC_IR_TIERS_H
#define NPC_IR_TIERS_H

#include "ir/normal.h"

/* Between one target and one peer: traffic that is allowed for good, that no rule has decided, and
 * that a rule has sent on to the next tier. All other traffic is denied. */
struct tier_cell {
    struct arena *arena;
    struct portset allowed, open, passed;
};

/* Begins before the first tier. `traffic` is all that there can be; results live in the arena. */
void tier_cell_begin(struct tier_cell *c, struct arena *a, struct portset traffic);
/* The next rule of the tier that matches: the first to match decides. */
void tier_cell_step(struct tier_cell *c, enum action action, struct portset ports);
/* After the last rule of a tier: what it did not decide goes on to the next. */
void tier_cell_end_tier(struct tier_cell *c);
/* Between the tiers, if a NetworkPolicy isolates the target: the union of what they allow. Nothing
 * is left for the tiers after them. */
void tier_cell_namespaced(struct tier_cell *c, struct portset allowed);
/* Whether later rules can still change something. */
bool tier_cell_is_decided(const struct tier_cell *c);
/* What is allowed in the end: traffic that nobody decided is. */
struct portset tier_cell_finish(const struct tier_cell *c);

/*
 * Where a tier stands, lower first. A declared tier has the order that it gives (`tier NAME order
 * N`); the others have Calico's: admin 1000, baseline 10000000, and NetworkPolicies, which are the
 * tier between them, 1000000. Tiers of one order stand by name, but NetworkPolicies before all of
 * theirs.
 */
#define TIER_ORDER_ADMIN      1000u
#define TIER_ORDER_NAMESPACED 1000000u
#define TIER_ORDER_BASELINE   10000000u

/* The order of a tier by its name. */
uint32_t tier_order_of(const struct program *p, struct str tier);

struct tier_place {
    uint32_t policy; /* index in the list that was given */
    uint32_t tier;   /* from 0, rising; equal for the policies of one tier */
    bool after;      /* its tier comes after NetworkPolicies */
};

struct tier_order {
    struct tier_place *v;
    size_t n;
};

/* The cluster policies among these in the order in which they are asked: by tier, then by priority,
 * lower first. Which of one priority comes first is undefined in the API (NPC401); here those that
 * only deny, last those that only allow, and otherwise by name: where they are written never
 * counts. */
struct tier_order tier_order(struct arena *a, const struct program *p,
                             const struct npolicy *const *policies, size_t n);

#endif
