/*
 * Several address sets of one family at once: walks through all addresses in rising order, in
 * ranges within which no set begins or ends, and says which sets hold each range.
 *
 *     sweep_start(&s, …);
 *     do { … s.range, sweep_sets(&s) … } while (sweep_next(&s));
 */
#ifndef NPC_IR_SWEEP_H
#define NPC_IR_SWEEP_H

#include "ir/addr.h"
#include "ir/intern.h"

struct sweep {
    struct ip_range range; /* where it is */
    struct intern lists;   /* lists of sets by number; sweep_sets() */
    struct arena *arena;
    enum family family;
    struct sweep_edge *edges; /* where sets begin and end, rising */
    size_t n, next;
    struct id_vec active; /* sets that hold the range, in no order */
    uint32_t *place;      /* by set: where it is in active */
    uint32_t list;        /* of the range, once asked for */
};

/* Begins at the lowest address. */
void sweep_start(struct sweep *s, struct arena *a, enum family f, const struct ipset *sets,
                 size_t n);
/* Goes to the next range; false at the top of the family. */
bool sweep_next(struct sweep *s);
/* The number of the list of sets that hold the range; intern_list(&s->lists, …) is the list. */
uint32_t sweep_sets(struct sweep *s);

#endif
