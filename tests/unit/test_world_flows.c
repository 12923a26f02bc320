/* Flows are the pairs of classes between which world_traffic() lets something pass, in their order:
 * in random worlds, pair by pair, and until the caller has enough. */
#include "analysis/world.h"
#include "memory.h"
#include "world.h"

struct pairs { /* what is expected, and how much of it came */
    const struct world *w;
    uint32_t (*v)[2];
    size_t n, seen, most;
};

static bool is_workload(const struct world *w, uint32_t id)
{
    return w->classes[id].kind == EP_WORKLOAD;
}

static bool compare(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    struct pairs *p = arg;
    CU_ASSERT_FATAL(p->seen < p->most && p->seen < p->n);
    CU_ASSERT(p->v[p->seen][0] == from && p->v[p->seen][1] == to);
    struct traffic want = world_traffic(p->w, from, to);
    CU_ASSERT(t.of[FAM_IP4] == want.of[FAM_IP4] && t.of[FAM_IP6] == want.of[FAM_IP6]);
    return ++p->seen < p->most;
}

static bool stop(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    (void)arg, (void)from, (void)to, (void)t;
    return false;
}

static void check_flows(const struct world *w, struct arena *a)
{
    struct pairs p = {.w = w, .v = arena_array(a, w->nclasses * w->nclasses, sizeof *p.v)};
    for (uint32_t from = 0; from < w->nclasses; from++) {
        for (uint32_t to = 0; to < w->nclasses; to++) {
            bool asked = is_workload(w, from) || is_workload(w, to);
            if (asked && !traffic_is_none(world_traffic(w, from, to))) {
                p.v[p.n][0] = from;
                p.v[p.n++][1] = to;
            }
        }
    }
    for (size_t most = 1; most < 4; most++) {
        p.most = most;
        p.seen = 0;
        world_flows(w, compare, &p);
        CU_ASSERT_EQUAL(p.seen, p.n < most ? p.n : most);
    }
    p.most = SIZE_MAX;
    p.seen = 0;
    world_flows(w, compare, &p);
    CU_ASSERT_EQUAL(p.seen, p.n);
}

static void flows_of_random_worlds(void)
{
    struct rng rng = rng_new();
    for (size_t i = rng_rounds(200); i > 0; i--) {
        struct random_world r;
        world_init(&r, &rng);
        const struct world_options options = {.ipblock_external = r.options.ipblock_external};
        const struct world *w = world_new(&r.ctx, &r.program, &options, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(w);
        check_flows(w, &r.ctx.arena);
        ctx_free(&r.ctx);
    }
}

/* So many classes that few destinations are sorted by themselves: one that takes from anybody, and
 * stands behind one that takes from some. */
static void flows_among_many_classes(void)
{
    enum { PODS = 63 }; /* and 64 profiles, which fill their array */
    struct random_world r = {.rng = NULL};
    ctx_init(&r.ctx, unit_oom, NULL);
    program_init(&r.program, &r.ctx);
    struct arena *a = &r.ctx.arena;
    inventory_ns(&r.program.inv, a, ns_names[0]);
    for (unsigned i = 0; i < PODS; i++) {
        struct workload *pod = ARENA_NEW(a, struct workload);
        struct label *l = ARENA_NEW(a, struct label);
        *l = (struct label){.key = STR("n"), .value = str_printf(a, "%02u", i)};
        struct address *at = ARENA_NEW(a, struct address);
        *at = address_at(FAM_IP4, i);
        *pod = (struct workload){.kind = WL_POD,
                                 .ns = ns_names[0],
                                 .name = l->value,
                                 .labels = {l, 1},
                                 .addrs = at,
                                 .naddrs = 1};
        vec_push(a, &r.program.inv.workloads, pod);

        /* Each takes from nobody, but the second from the first, and the last from anybody. */
        struct sel_req *req = ARENA_NEW(a, struct sel_req);
        *req = (struct sel_req){.op = SEL_EQ, .key = l->key, .values = &l->value, .nvalues = 1};
        struct selector *s = ARENA_NEW(a, struct selector);
        *s = (struct selector){.v = req, .n = 1};
        struct policy *p = ARENA_NEW(a, struct policy);
        *p = (struct policy){.ns = ns_names[0], .name = l->value, .target_pods = s};
        p->isolates[DIR_INGRESS] = true;
        if (i == 1 || i == PODS - 1) {
            static struct str first = STR_INIT("00");
            static struct sel_req one = {
                .op = SEL_EQ, .key = STR_INIT("n"), .values = &first, .nvalues = 1};
            static const struct selector is_first = {.v = &one, .n = 1};
            static struct peer peer = {.kind = PEER_PODS, .pods = &is_first};
            struct rule *rule = ARENA_NEW(a, struct rule);
            *rule = (struct rule){.any_port = true, .any_peer = i != 1, .peers = &peer};
            rule->npeers = i == 1;
            p->rules[DIR_INGRESS] = rule;
            p->nrules[DIR_INGRESS] = 1;
        }
        vec_push(a, &r.program.policies, p);
    }
    CU_ASSERT_FATAL(inventory_finish(&r.ctx, &r.program.inv));
    static const struct world_options options;
    const struct world *w = world_new(&r.ctx, &r.program, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CU_ASSERT(w->nclasses >= PODS);
    check_flows(w, a);
    enum { TIMES = 20 }; /* each with memory of its own, that is given back */
    struct memory m;
    memory_watch(&m, a);
    for (size_t i = 0; i < TIMES; i++) {
        world_flows(w, stop, NULL);
    }
    memory_check(&m, TIMES);
    ctx_free(&r.ctx);
}

UNIT_MAIN("world_flows", TEST(flows_of_random_worlds), TEST(flows_among_many_classes))
