/*
 * What is gained and lost between two worlds: connections of workloads, and the policy lines that
 * made the difference.
 *
 * Ends are matched by name, at the level of `list`: the pods of one owner are one end if they are
 * alike in both worlds, else each pod is one. An owner and a workload of the same namespace and
 * name are the same end whatever their kinds (a Deployment that became a machine), unless the name
 * is ambiguous. A node is an end by itself. External addresses are those that are external in both.
 * An end that is in one world only gains, or loses, all its connections. Of worlds that are one
 * machine's, connections are compared that have an end there; and since its rules know others by
 * their addresses, those of others that are not in both worlds are ends by themselves: what is
 * somebody's in one world is, in the other, whose it is there, or external.
 */
#ifndef NPC_ANALYSIS_DIFFERENCE_H
#define NPC_ANALYSIS_DIFFERENCE_H

#include "analysis/explain.h"

enum world_age { OLD, NEW };
#define AGES 2

/* Ends that are alike in both worlds. */
struct diff_end {
    bool external, nodes;
    bool has[FAMILIES];      /* of whose addresses it is: a part of a workload, of its own */
    uint32_t class_of[AGES]; /* class, or ID_NONE: it is not there */
    struct str *names;       /* workloads or nodes ("node:NAME"), sorted */
    struct str *homes; /* of each: the node that all of a workload run on, in both worlds, or "" */
    size_t nnames;
    struct ipset ranges; /* external */
    enum family family;
};

struct diff_reason {
    enum world_age age; /* the world whose policy it is */
    const struct npolicy *policy;
    const struct nrule *rule; /* NULL: that the policy isolates at all */
};

struct diff_reasons { /* why it was so; why it is so now. Each once. */
    VEC(struct diff_reason) of[AGES];
};

/* One change: everybody of `from` to everybody of `to`, but nobody to itself, nor to the node that
 * it runs on, nor that node to it. */
struct diff_change {
    uint32_t from, to; /* ends */
    /* External addresses whose traffic with the other end changes alike: the union of the ranges of
     * all such ends, neighbours merged; n == 0: neither end is external. */
    struct ipset ranges;
    struct traffic gained, lost;
    struct diff_reasons because;
    struct diff_reasons *of_range; /* the same of each of the ranges alone */
};

struct difference {
    const struct world *world[AGES];
    struct traffic_table *traffic;
    struct diff_end *ends;
    size_t nends;
    struct diff_change *changes; /* by name of from, name of to */
    size_t nchanges;
};

/* Compares. Both worlds have the same traffic table; memory is the context's of the new one. */
const struct difference *difference_new(const struct world *old, const struct world *now);

/* How many pairs of names, or of a name and a range of addresses, a change is about. */
size_t difference_pairs(const struct difference *d, const struct diff_change *c);
/* Whether it is not about the i-th name of `from` and the k-th of `to`, since nothing between them
 * is ever filtered (world_is_free()). */
bool difference_is_free(const struct difference *d, const struct diff_change *c, size_t i,
                        size_t k);

/* ---- formats ---- */

/* In which direction something changed. */
bool difference_gains(const struct difference *d);
bool difference_loses(const struct difference *d);

typedef void (*diff_emit_fn)(const struct difference *d, struct buf *out);
struct diff_format {
    const char *name;
    diff_emit_fn emit;
};
extern const struct diff_format diff_formats[]; /* ends with a row without name */

#endif
