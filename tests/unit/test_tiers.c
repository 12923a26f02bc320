/* Tiers: one cell packet by packet against the text of the API, and the order of policies. */
#include "ir/tiers.h"
#include "rng.h"
#include "unit.h"

/* ---- a cell ---- */

enum { KEYS = 12, STEPS = 24 };

struct step { /* what a random program does to a cell */
    enum { RULE, END_TIER, NAMESPACED } kind;
    enum action action;
    uint16_t first, last; /* keys of TCP */
};

/* "Rules are taken in order and the first that matches decides; Pass skips the rest of the tier;
 * NetworkPolicies deny what they do not allow; the end allows." One packet at a time. */
static bool naive_allows(const struct step *steps, size_t n, uint16_t key)
{
    bool skip = false;
    for (size_t i = 0; i < n; i++) {
        bool match = steps[i].first <= key && key <= steps[i].last;
        if (steps[i].kind == END_TIER) {
            skip = false;
        } else if (steps[i].kind == NAMESPACED) {
            return match;
        } else if (match && !skip) {
            if (steps[i].action != ACT_PASS) {
                return steps[i].action == ACT_ALLOW;
            }
            skip = true;
        }
    }
    return true;
}

static size_t random_steps(struct rng *rng, struct step *steps)
{
    size_t n = rng_below(rng, STEPS - 2), at = 0;
    bool was_namespaced = false;
    for (size_t i = 0; i < n && at < STEPS - 2; i++) {
        size_t kind = rng_below(rng, 10);
        uint16_t first = (uint16_t)rng_below(rng, KEYS);
        struct step s = {.first = first, .last = (uint16_t)(first + rng_below(rng, 5))};
        s.kind = kind < 7 ? RULE : END_TIER;
        s.action = (enum action)rng_below(rng, 3);
        steps[at++] = s;
        if (kind == 9 && !was_namespaced) { /* always between tiers */
            s.kind = NAMESPACED;
            steps[at++] = s;
            was_namespaced = true;
        }
    }
    steps[at++] = (struct step){.kind = END_TIER};
    return at;
}

static void apply_steps(struct tier_cell *c, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct portset ports = portset_of(c->arena, PROTO_TCP, steps[i].first, steps[i].last);
        switch (steps[i].kind) {
        case RULE:
            tier_cell_step(c, steps[i].action, ports);
            break;
        case END_TIER:
            tier_cell_end_tier(c);
            break;
        case NAMESPACED:
            tier_cell_namespaced(c, ports);
            break;
        }
    }
}

static void random_cells(void)
{
    struct rng rng = rng_new();
    for (size_t round = rng_rounds(3000); round > 0; round--) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        struct step steps[STEPS];
        size_t n = random_steps(&rng, steps);
        struct tier_cell cell;
        tier_cell_begin(&cell, &a, portset_all(&a));
        apply_steps(&cell, steps, n);
        struct portset allowed = tier_cell_finish(&cell);
        size_t wrong = 0;
        for (uint16_t key = 0; key < KEYS + 6; key++) {
            wrong += portset_has(allowed, PROTO_TCP, key) != naive_allows(steps, n, key);
        }
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT(!tier_cell_is_decided(&cell) || portset_eq(allowed, cell.allowed));
        arena_free(&a);
    }
}

/* Traffic that there is not cannot be allowed. */
static void bounded_by_traffic(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct tier_cell cell;
    tier_cell_begin(&cell, &a, portset_of(&a, PROTO_UDP, 0, 9));
    tier_cell_step(&cell, ACT_ALLOW, portset_all(&a));
    CU_ASSERT(tier_cell_is_decided(&cell));
    CU_ASSERT(portset_eq(tier_cell_finish(&cell), portset_of(&a, PROTO_UDP, 0, 9)));
    arena_free(&a);
}

/* ---- order ---- */

static const struct npolicy *cluster_policy(struct ctx *c, const char *tier, uint32_t priority)
{
    struct policy *p = ARENA_NEW(&c->arena, struct policy);
    struct npolicy *n = ARENA_NEW(&c->arena, struct npolicy);
    p->api = tier == NULL ? API_NETWORK_POLICY : API_CLUSTER_POLICY;
    p->tier = tier == NULL ? STR("") : str_of(tier);
    p->priority = priority;
    n->origin = p;
    return n;
}

static void order_of_policies(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct program p;
    program_init(&p, &c);
    static const struct tier tiers[] = {
        {STR_INIT("zeta"), 1000, {0}},       {STR_INIT("first"), 0, {0}},
        {STR_INIT("late"), 1000000, {0}},    {STR_INIT("middle"), 999999, {0}},
        {STR_INIT("last"), UINT32_MAX, {0}}, {STR_INIT("alpha"), 1000, {0}},
    };
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        vec_push(&c.arena, &p.tiers, tiers[i]);
    }
    const struct npolicy *policies[] = {
        cluster_policy(&c, "baseline", 3), cluster_policy(&c, "admin", 7),
        cluster_policy(&c, NULL, 0),       cluster_policy(&c, "admin", 2),
        cluster_policy(&c, "last", 0),     cluster_policy(&c, "late", 0),
        cluster_policy(&c, "first", 1000), cluster_policy(&c, "middle", 0),
        cluster_policy(&c, "zeta", 1),     cluster_policy(&c, "alpha", 9),
        cluster_policy(&c, "admin", 7),
    };
    static const struct tier_place want[] = {
        {6, 0, false}, {3, 1, false}, {1, 1, false}, {10, 1, false}, {9, 2, false},
        {8, 3, false}, {7, 4, false}, {5, 5, true},  {0, 6, true},   {4, 7, true},
    };
    struct tier_order got = tier_order(&c.arena, &p, policies, 11);
    CU_ASSERT_EQUAL_FATAL(got.n, sizeof want / sizeof *want);
    for (size_t i = 0; i < got.n; i++) {
        CU_ASSERT_EQUAL(got.v[i].policy, want[i].policy);
        CU_ASSERT_EQUAL(got.v[i].tier, want[i].tier);
        CU_ASSERT_EQUAL(got.v[i].after, want[i].after);
    }
    ctx_free(&c);
}

/* One policy of each pair of actions, of its ingress and its egress rule, in any order of the list.
 */
static void order_of_one_priority(void)
{
    static const struct {
        const char *name;
        enum policy_api api;
        enum action in, out;
    } rising[] = {
        {"e", API_CLUSTER_POLICY, ACT_DENY, ACT_DENY},
        {"a", API_CLUSTER_POLICY, ACT_DENY, ACT_ALLOW},
        {"b", API_CLUSTER_POLICY, ACT_ALLOW, ACT_DENY},
        {"c", API_CLUSTER_POLICY, ACT_PASS, ACT_PASS},
        {"c", API_ADMIN_POLICY, ACT_ALLOW, ACT_PASS},
        {"d", API_CLUSTER_POLICY, ACT_DENY, ACT_PASS},
        {"a", API_ADMIN_POLICY, ACT_ALLOW, ACT_ALLOW},
        {"b", API_ADMIN_POLICY, ACT_ALLOW, ACT_ALLOW},
    };
    enum { N = sizeof rising / sizeof *rising };
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct program program;
    program_init(&program, &c);
    for (size_t turn = 0; turn < N; turn++) {
        const struct npolicy *policies[N];
        for (size_t i = 0; i < N; i++) {
            size_t at = turn % 2 == 0 ? (i + turn) % N : (2 * N - i - turn) % N;
            struct policy *p = ARENA_NEW(&c.arena, struct policy);
            struct npolicy *n = ARENA_NEW(&c.arena, struct npolicy);
            *p = (struct policy){
                .api = rising[i].api, .name = str_of(rising[i].name), .tier = STR("admin")};
            *n = (struct npolicy){.origin = p};
            for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
                n->rules[d] = ARENA_NEW(&c.arena, struct nrule);
                n->rules[d]->action = d == DIR_INGRESS ? rising[i].in : rising[i].out;
                n->nrules[d] = 1;
            }
            policies[at] = n;
        }
        struct tier_order got = tier_order(&c.arena, &program, policies, N);
        CU_ASSERT_EQUAL_FATAL(got.n, N);
        for (size_t i = 0; i < N; i++) {
            const struct policy *p = policies[got.v[i].policy]->origin;
            CU_ASSERT(str_is(p->name, rising[i].name) && p->api == rising[i].api);
        }
    }
    ctx_free(&c);
}

UNIT_MAIN("tiers", TEST(random_cells), TEST(bounded_by_traffic), TEST(order_of_policies),
          TEST(order_of_one_priority))
