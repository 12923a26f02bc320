/* What people call workloads: by themselves, or by the controller that made them. */
#ifndef NPC_ANALYSIS_NAMING_H
#define NPC_ANALYSIS_NAMING_H

#include "analysis/world.h"

struct naming {
    struct arena *arena;
    struct strmap shared;        /* names "NAMESPACE/name" that objects of several kinds have */
    const struct workload *last; /* whose owner was asked for last … */
    struct str last_owner;       /* … and what it is */
};

void naming_init(struct naming *n, struct arena *a);
/* Finds the names that several objects of one inventory have, whether or not policies are about all
 * of them: who knows the inventory would take one for the other. `owners`: owners are objects, too,
 * also those of which only their pods tell. */
void naming_add(struct naming *n, const struct inventory *inv, bool owners);
/* What a workload itself is: "Pod", "workload", or the kind of a template's owner. */
struct str workload_type(const struct workload *w);
/* The kind before the slash of "Deployment/web". */
struct str owner_kind(struct str owner);
/* The name after it. */
struct str owner_name(struct str owner);
/* Who a pod is listed as, if it is like its siblings: "Deployment/web" for one that a Deployment's
 * ReplicaSet made, as its labels show, else its owner; empty if as itself. */
struct str naming_owner(struct naming *n, const struct workload *w);
/* The name, told apart by type, "shop/web[Deployment]", if several objects are `claimed`. */
struct str naming_unique(const struct naming *n, struct str claimed, struct str name,
                         struct str type);
/* The same of a member of a class: member_name(), of a workload told apart by its type. */
struct str naming_member(const struct naming *n, const struct endpoint_member *m);

#endif
