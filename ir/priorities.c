/*
 * NPC401 equal-priority: cluster policies of one priority in a tier, and tiers of one order. What
 * npc does then (ir/tiers.h) is nobody's promise; whether it matters is decided here, without an
 * inventory: whether there can be a packet about which two policies say different things.
 */
#include "ir/priorities.h"

#include "ir/cover.h"
#include "ir/tiers.h"

/* Comparisons of rules, peers and nets; where no more may be made, two policies are taken to clash.
 */
enum { BUDGET = 1 << 22 };
#define TIDY_BYTES ((size_t)1 << 20)

struct rival {
    const struct policy *policy;
    const struct npolicy *normal; /* made when first asked */
    uint32_t order;               /* of its tier */
    unsigned actions;             /* bits by enum action: what its rules do */
    size_t place;
};

struct judge {
    struct ctx *c;
    struct str default_ns;
    struct arena *scratch;
    struct rival *v; /* by order, tier, priority, place */
    size_t n, budget;
};

static int rival_cmp(const void *x, const void *y)
{
    const struct rival *a = x, *b = y;
    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    int by_tier = str_cmp(a->policy->tier, b->policy->tier);
    if (by_tier != 0) {
        return by_tier;
    }
    if (a->policy->priority != b->policy->priority) {
        return a->policy->priority < b->policy->priority ? -1 : 1;
    }
    return (a->place > b->place) - (a->place < b->place);
}

static unsigned actions_of(const struct policy *p)
{
    unsigned actions = 0;
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        for (size_t i = 0; i < p->nrules[d]; i++) {
            actions |= 1u << p->rules[d][i].action;
        }
    }
    return actions;
}

static bool spend(struct judge *j, size_t n)
{
    bool enough = n <= j->budget;
    j->budget = enough ? j->budget - n : 0;
    return enough;
}

/* ---- whether two rules can match one packet ---- */

static bool nets_meet(struct judge *j, const struct nrule *a, const struct nrule *b)
{
    return ipset_intersect(j->scratch, a->nets[FAM_IP4], b->nets[FAM_IP4]).n > 0 ||
           ipset_intersect(j->scratch, a->nets[FAM_IP6], b->nets[FAM_IP6]).n > 0;
}

static size_t count_nets(const struct nrule *r)
{
    return r->nets[FAM_IP4].n + r->nets[FAM_IP6].n;
}

static bool clauses_meet(const struct nclause *a, const struct nclause *b)
{
    if (a->kind != b->kind) {
        return a->kind != PEER_PODS && b->kind != PEER_PODS; /* a domain may be a node's address */
    }
    switch (a->kind) {
    case PEER_PODS:
        return selectors_meet(a->ns, b->ns) && selectors_meet(a->pods, b->pods);
    case PEER_NODES:
        return selectors_meet(a->nodes, b->nodes);
    case PEER_DOMAIN:
    case PEER_CIDR:
        return true;
    }
    return true;
}

/* Whether some peer can be meant by both rules. Addresses are those of pods, too. */
static bool peers_meet(struct judge *j, const struct nrule *a, const struct nrule *b)
{
    const size_t na = count_nets(a), nb = count_nets(b);
    if (a->any_peer || b->any_peer || (na > 0 && b->nclauses > 0) || (nb > 0 && a->nclauses > 0) ||
        !spend(j, na + nb) || nets_meet(j, a, b)) {
        return true;
    }
    for (size_t i = 0; i < a->nclauses; i++) {
        for (size_t k = 0; k < b->nclauses; k++) {
            if (!spend(j, 1)) {
                return true;
            }
            if (clauses_meet(&a->clauses[i], &b->clauses[k])) {
                return true;
            }
        }
    }
    return false;
}

static bool ports_meet(struct judge *j, const struct nrule *a, const struct nrule *b)
{
    return a->any_port || b->any_port || a->nnames > 0 || b->nnames > 0 ||
           !portset_is_empty(portset_intersect(j->scratch, a->ports, b->ports));
}

/* ---- whether it matters which of two policies is asked first ---- */

static const struct npolicy *normal_of(struct judge *j, struct rival *r)
{
    if (r->normal == NULL) {
        r->normal = policy_normalize(j->c, r->policy, j->default_ns);
    }
    return r->normal;
}

/* Between tiers a pass says nothing: it goes on to the other one. */
static bool actions_differ(enum action x, enum action y, bool one_tier)
{
    return x != y && (one_tier || (x != ACT_PASS && y != ACT_PASS));
}

static bool rules_clash(struct judge *j, const struct npolicy *a, const struct npolicy *b,
                        enum direction d, bool one_tier)
{
    for (size_t i = 0; i < a->nrules[d]; i++) {
        for (size_t k = 0; k < b->nrules[d]; k++) {
            const struct nrule *x = &a->rules[d][i], *y = &b->rules[d][k];
            bool differ = actions_differ(x->action, y->action, one_tier);
            if (!spend(j, 1) || (differ && ports_meet(j, x, y) && peers_meet(j, x, y))) {
                return true;
            }
        }
    }
    return false;
}

static bool policies_clash(struct judge *j, struct rival *one, struct rival *other, bool one_tier)
{
    if (!spend(j, 1)) {
        return true;
    }
    if (j->scratch->total > TIDY_BYTES) {
        arena_reset(j->scratch);
    }
    const struct npolicy *a = normal_of(j, one), *b = normal_of(j, other);
    return selectors_meet(a->target_ns, b->target_ns) &&
           selectors_meet(a->target_pods, b->target_pods) &&
           (rules_clash(j, a, b, DIR_INGRESS, one_tier) ||
            rules_clash(j, a, b, DIR_EGRESS, one_tier));
}

/* ---- reporting ---- */

static void report_priority(struct judge *j, const struct policy *a, const struct policy *b,
                            bool clash)
{
    struct diag *d =
        diag_report(&j->c->diags, clash ? SEV_WARNING : SEV_INFO, DIAG_NPC401, b->at,
                    "cluster policies " STR_FMT " and " STR_FMT
                    " have the same priority %u in tier " STR_FMT ": which one wins is undefined",
                    STR_ARG(a->name), STR_ARG(b->name), (unsigned)b->priority, STR_ARG(b->tier));
    diag_also(&j->c->diags, d, a->at, "the other one is here");
    diag_hint(&j->c->diags, d, "give them distinct priorities");
}

static void report_order(struct judge *j, const struct rival *one, const struct rival *other)
{
    const struct policy *a = one->place < other->place ? one->policy : other->policy;
    const struct policy *b = a == one->policy ? other->policy : one->policy;
    struct diag *d = diag_warning(&j->c->diags, NPC401, b->at,
                                  "cluster policies " STR_FMT " and " STR_FMT
                                  " are in tiers of the same order %u, " STR_FMT " and " STR_FMT
                                  ": which one wins is undefined",
                                  STR_ARG(a->name), STR_ARG(b->name), (unsigned)one->order,
                                  STR_ARG(a->tier), STR_ARG(b->tier));
    diag_also(&j->c->diags, d, a->at, "the other one is here");
    diag_hint(&j->c->diags, d, "give the tiers distinct orders");
}

/* ---- the pass ---- */

/* Policy i against those of its priority before it; `actions` is what all of these do. */
static void check_priority(struct judge *j, size_t from, size_t i, unsigned actions)
{
    const bool mixed = (actions & (actions - 1)) != 0;
    size_t other = from;
    bool clash = false;
    for (size_t k = i; mixed && k > from && !clash; k--) {
        clash = policies_clash(j, &j->v[k - 1], &j->v[i], true);
        other = clash ? k - 1 : from;
    }
    if (i > from) {
        report_priority(j, j->v[other].policy, j->v[i].policy, clash);
    }
}

/* Policy i against those of the other tiers before its own that have the same order. */
static void check_order(struct judge *j, size_t from, size_t to, size_t i, unsigned actions)
{
    const unsigned own = j->v[i].actions, allow = 1u << ACT_ALLOW, deny = 1u << ACT_DENY;
    const bool mixed = ((own & allow) != 0 && (actions & deny) != 0) ||
                       ((own & deny) != 0 && (actions & allow) != 0);
    for (size_t k = from; mixed && k < to; k++) {
        if (policies_clash(j, &j->v[k], &j->v[i], false)) {
            report_order(j, &j->v[k], &j->v[i]);
            return;
        }
    }
}

static void check_rivals(struct judge *j)
{
    size_t order = 0, tier = 0, priority = 0; /* where those of the same begin … */
    unsigned of_priority = 0, of_tier = 0;    /* … what they do so far … */
    unsigned before = 0;                      /* … and what other tiers of the same order do */
    for (size_t i = 0; i < j->n; i++) {
        const struct rival *r = &j->v[i];
        if (r->order != j->v[order].order) {
            order = tier = priority = i;
            before = of_tier = of_priority = 0;
        } else if (!str_eq(r->policy->tier, j->v[tier].policy->tier)) {
            tier = priority = i;
            before |= of_tier;
            of_tier = of_priority = 0;
        } else if (r->policy->priority != j->v[priority].policy->priority) {
            priority = i;
            of_priority = 0;
        }
        of_tier |= r->actions;
        of_priority |= r->actions;
        check_priority(j, priority, i, of_priority);
        check_order(j, order, tier, i, before);
    }
}

void priorities_check(struct ctx *c, const struct program *p)
{
    VEC(struct rival) rivals = {0};
    struct arena *scratch = arena_new_scratch(&c->arena);
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        if (policy_is_cluster(policy)) {
            struct rival r = {policy, NULL, tier_order_of(p, policy->tier), actions_of(policy), i};
            vec_push(&c->arena, &rivals, r);
        }
    }
    array_sort(rivals.v, rivals.n, sizeof *rivals.v, rival_cmp);
    struct judge j = {.c = c,
                      .default_ns = p->default_ns,
                      .scratch = scratch,
                      .v = rivals.v,
                      .n = rivals.n,
                      .budget = BUDGET};
    check_rivals(&j);
    arena_free(scratch);
}
