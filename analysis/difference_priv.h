/*
 * What the files of a comparison share. For difference*.c only.
 */
#ifndef NPC_ANALYSIS_DIFFERENCE_PRIV_H
#define NPC_ANALYSIS_DIFFERENCE_PRIV_H

#include "analysis/difference.h"
#include "analysis/naming.h"
#include "analysis/world_priv.h"

struct named {
    struct str name, home; /* as in struct diff_end */
};

struct diffing {
    struct difference *out;
    struct arena *arena, *scratch; /* the latter for one pair of ends */
    struct naming naming;          /* of both worlds */
    struct intern end_ids;         /* by classes */
    struct nets known[FAMILIES];   /* only whose addresses are somebody's, in either world */
    VEC(struct diff_end) ends;
    VEC(VEC(struct named)) names; /* by end */
    VEC(VEC(struct ip_range)) ranges;
    struct id_vec *of_class[AGES];   /* ends */
    VEC(struct diff_change) changes; /* of external ends; in the end, of all */
    struct intern range_ids;         /* … by what they are alike in */
    VEC(struct id_vec) changed;      /* … and the external ends */
    VEC(struct diff_change) others;  /* of ends that all are in the inventory */
    struct strmap policies[AGES];    /* by policy_key() */
};

/* difference_ends.c: finds the ends of both worlds, and which are alike. */
void difference_ends(struct diffing *x);

/* difference_why.c: looks up the policies of both worlds, before any change is explained. */
void difference_policies(struct diffing *x);
/* Fills in the reasons of a change between ends of the inventory. */
void difference_explain(struct diffing *x, struct diff_change *c);
/* The same for external ends that change alike with one other end, and for each of `ranges`. */
void difference_explain_ranges(struct diffing *x, struct diff_change *c, const struct id_vec *ends);
/* What flows in one and not in the other. */
struct traffic traffic_less(struct traffic_table *t, struct traffic a, struct traffic b);

#endif
