/*
 * What may flow between two endpoints, as small numbers: equal sets of ports have equal numbers, so
 * that rows of a whole cluster can be compared, united and intersected without looking inside.
 *
 * ICMP of a family is no traffic of the other: a number stands for the same set in both, but for
 * ICMP, which is that of the family at hand. So TRAFFIC_ALL is everything in both.
 */
#ifndef NPC_ANALYSIS_TRAFFIC_H
#define NPC_ANALYSIS_TRAFFIC_H

#include "ir/intern.h"
#include "ir/policy.h"

#define TRAFFIC_NONE 0u
#define TRAFFIC_ALL  1u
/* The two endpoints have no addresses of one family in common: there is nothing to decide. */
#define TRAFFIC_ABSENT UINT32_MAX

struct traffic_table {
    struct arena *arena;
    struct intern ids;        /* sets by content */
    VEC(struct portset) sets; /* by number; ICMP of either family stands under PROTO_ICMP */
    struct intern done;       /* operations by operator and operands … */
    struct id_vec results;    /* … and what came of them */
    struct buf *key;          /* reused */
};

/* What one endpoint may send to another, by family: numbers of a table, or TRAFFIC_ABSENT. */
struct traffic {
    uint32_t of[FAMILIES];
};

/* Makes a table that knows TRAFFIC_NONE and TRAFFIC_ALL; its memory is in the arena. */
void traffic_init(struct traffic_table *t, struct arena *a);
/* The number of a set, as packets of a family can have it. */
uint32_t traffic_id(struct traffic_table *t, enum family f, struct portset s);
/* The set of a number, with ICMP of the family. */
struct portset traffic_ports(const struct traffic_table *t, enum family f, uint32_t id);
uint32_t traffic_union(struct traffic_table *t, uint32_t x, uint32_t y);
uint32_t traffic_intersect(struct traffic_table *t, uint32_t x, uint32_t y);
uint32_t traffic_subtract(struct traffic_table *t, uint32_t x, uint32_t y);

/* Whether nothing flows, in any family. */
bool traffic_is_none(struct traffic t);
/* Whether both families are there and allow different things. Some types of ICMP and the same
 * numbers of ICMPv6 are different things. */
bool traffic_differs_by_family(const struct traffic_table *t, struct traffic x);

#endif
