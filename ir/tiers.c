/* Tiers: the decision for one target and one peer, and the order of cluster policies. It must not
 * know who the two are. */
#include "ir/tiers.h"

/* ---- one target and one peer ---- */

void tier_cell_begin(struct tier_cell *c, struct arena *a, struct portset traffic)
{
    *c = (struct tier_cell){.arena = a, .open = traffic};
}

void tier_cell_step(struct tier_cell *c, enum action action, struct portset ports)
{
    struct portset taken = portset_intersect(c->arena, c->open, ports);
    if (portset_is_empty(taken)) {
        return;
    }
    c->open = portset_subtract(c->arena, c->open, taken);
    switch (action) {
    case ACT_ALLOW:
        c->allowed = portset_union(c->arena, c->allowed, taken);
        break;
    case ACT_PASS:
        c->passed = portset_union(c->arena, c->passed, taken);
        break;
    case ACT_DENY:
        break;
    }
}

void tier_cell_end_tier(struct tier_cell *c)
{
    c->open = portset_union(c->arena, c->open, c->passed);
    c->passed = portset_none;
}

void tier_cell_namespaced(struct tier_cell *c, struct portset allowed)
{
    tier_cell_step(c, ACT_ALLOW, allowed);
    c->open = portset_none;
}

bool tier_cell_is_decided(const struct tier_cell *c)
{
    return portset_is_empty(c->open) && portset_is_empty(c->passed);
}

struct portset tier_cell_finish(const struct tier_cell *c)
{
    return portset_union(c->arena, c->allowed, c->open);
}

/* ---- order ---- */

struct slot { /* one policy, with what it is sorted by */
    const struct npolicy *policy;
    uint32_t index, order, leniency;
};

uint32_t tier_order_of(const struct program *p, struct str tier)
{
    for (size_t i = 0; i < p->tiers.n; i++) {
        if (str_eq(p->tiers.v[i].name, tier)) {
            return p->tiers.v[i].order;
        }
    }
    return str_is(tier, "baseline") ? TIER_ORDER_BASELINE : TIER_ORDER_ADMIN;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_tiers(const struct slot *a, const struct slot *b)
{
    int by_order = compare_numbers(a->order, b->order);
    return by_order != 0 ? by_order : str_cmp(a->policy->origin->tier, b->policy->origin->tier);
}

/* Whether all rules of a policy do the same. */
static bool does_only(const struct npolicy *p, enum action action)
{
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        for (size_t i = 0; i < p->nrules[d]; i++) {
            if (p->rules[d][i].action != action) {
                return false;
            }
        }
    }
    return true;
}

/* Among policies of one priority: those that only deny, those that only allow last. */
static uint32_t leniency(const struct npolicy *p)
{
    return does_only(p, ACT_DENY) ? 0 : does_only(p, ACT_ALLOW) ? 2 : 1;
}

static int compare_slots(const void *x, const void *y)
{
    const struct slot *a = x, *b = y;
    const struct policy *pa = a->policy->origin, *pb = b->policy->origin;
    int order = compare_tiers(a, b);
    order = order != 0 ? order : compare_numbers(pa->priority, pb->priority);
    order = order != 0 ? order : compare_numbers(a->leniency, b->leniency);
    order = order != 0 ? order : str_cmp(pa->name, pb->name);
    return order != 0 ? order : compare_numbers(pa->api, pb->api);
}

struct tier_order tier_order(struct arena *a, const struct program *p,
                             const struct npolicy *const *policies, size_t n)
{
    VEC(struct slot) slots = {0};
    for (uint32_t i = 0; i < n; i++) {
        const struct policy *origin = policies[i]->origin;
        if (policy_is_cluster(origin)) {
            struct slot slot = {policies[i], i, tier_order_of(p, origin->tier),
                                leniency(policies[i])};
            vec_push(a, &slots, slot);
        }
    }
    array_sort(slots.v, slots.n, sizeof *slots.v, compare_slots);
    struct tier_order out = {ARENA_NEW_ARRAY(a, slots.n, struct tier_place), slots.n};
    uint32_t tier = 0;
    for (size_t i = 0; i < slots.n; i++) {
        tier += i > 0 && compare_tiers(&slots.v[i - 1], &slots.v[i]) != 0;
        out.v[i] = (struct tier_place){.policy = slots.v[i].index,
                                       .tier = tier,
                                       .after = slots.v[i].order >= TIER_ORDER_NAMESPACED};
    }
    return out;
}
