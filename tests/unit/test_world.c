/*
 * The world of endpoint classes against the naive evaluator (world.h): random small worlds, every
 * pair of addresses, both directions together, every protocol, every port at which anything could
 * change. And what world.h promises about its form.
 */
#include "analysis/explain.h"
#include "world.h"

/* What the world says of one packet. */
static bool world_allows(const struct world *w, struct address from, struct address to,
                         struct packet pk)
{
    uint32_t source = world_find_address(w, from.family, from.ip);
    uint32_t destination = world_find_address(w, to.family, to.ip);
    struct traffic t = world_traffic(w, source, destination);
    return portset_has(traffic_ports(w->traffic, from.family, t.of[from.family]), pk.proto, pk.key);
}

static bool naive_passes(const struct random_world *r, struct address from, struct address to,
                         struct packet pk)
{
    const struct workload *source = naive_pod(&r->program, from);
    const struct workload *destination = naive_pod(&r->program, to);
    return (source == NULL || naive_allows(r, DIR_EGRESS, source, to, pk)) &&
           (destination == NULL || naive_allows(r, DIR_INGRESS, destination, from, pk));
}

/* An address that only a pod on the host's network has is no endpoint: nobody asks about it. */
static bool is_endpoint(const struct world *w, struct address at)
{
    return world_find_address(w, at.family, at.ip) != ID_NONE;
}

static size_t compare_pair(const struct random_world *r, const struct world *w,
                           const struct probes *p, struct address from, struct address to)
{
    size_t wrong = 0;
    for (size_t i = 0; i < p->npackets; i++) {
        if (!foreign(p->packets[i], from.family)) {
            wrong += world_allows(w, from, to, p->packets[i]) !=
                     naive_passes(r, from, to, p->packets[i]);
        }
    }
    return wrong;
}

static size_t compare_world(const struct random_world *r, const struct world *w,
                            const struct probes *p)
{
    size_t wrong = 0;
    for (size_t i = 0; i < p->naddrs; i++) {
        for (size_t k = 0; k < p->naddrs; k++) {
            struct address from = p->addrs[i], to = p->addrs[k];
            bool pod = naive_pod(&r->program, from) != NULL || naive_pod(&r->program, to) != NULL;
            if (pod && from.family == to.family && is_endpoint(w, from) && is_endpoint(w, to)) {
                wrong += compare_pair(r, w, p, from, to);
            }
        }
    }
    return wrong;
}

/* ---- flows ---- */

struct seen {
    const struct world *w;
    size_t flows, wrong;
    uint32_t from, to; /* of the last one */
};

static bool see(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    struct seen *s = arg;
    bool rising = s->flows == 0 || from > s->from || (from == s->from && to > s->to);
    struct traffic again = world_traffic(s->w, from, to);
    bool same = again.of[FAM_IP4] == t.of[FAM_IP4] && again.of[FAM_IP6] == t.of[FAM_IP6];
    s->wrong += !rising || !same || traffic_is_none(t);
    s->flows++;
    s->from = from;
    s->to = to;
    return true;
}

/* world_flows() names exactly the pairs that world_traffic() allows. */
static size_t check_flows(const struct world *w)
{
    struct seen s = {.w = w};
    world_flows(w, see, &s);
    size_t pairs = 0;
    for (uint32_t a = 0; a < w->nclasses; a++) {
        for (uint32_t b = 0; b < w->nclasses; b++) {
            bool real = w->classes[a].kind == EP_WORKLOAD || w->classes[b].kind == EP_WORKLOAD;
            pairs += real && !traffic_is_none(world_traffic(w, a, b));
        }
    }
    return s.wrong + (pairs != s.flows);
}

/* Every endpoint is where it is said to be, once. */
static size_t check_places(const struct random_world *r, const struct world *w)
{
    size_t wrong = 0;
    for (size_t i = 0; i < r->program.inv.workloads.n; i++) {
        const struct workload *wl = r->program.inv.workloads.v[i];
        struct places at = world_find_workload(w, &w->ctx->arena, wl);
        bool there = !wl->finished && !wl->host_network;
        wrong += there != (at.n > 0);
        for (size_t k = 0; k < at.n; k++) {
            wrong += w->classes[at.v[k].class_id].members[at.v[k].member].workload != wl;
        }
    }
    return wrong;
}

/* What the rules of a side say together is what the side allows: all that some rule allows, and
 * what no rule decided, unless a NetworkPolicy isolates. */
static bool side_adds_up(const struct world *w, const struct explained_side *s, enum family f)
{
    bool isolated = false;
    for (size_t i = 0; i < s->npolicies; i++) {
        isolated = isolated || !policy_is_cluster(s->policies[i]->origin);
    }
    uint32_t allowed = TRAFFIC_NONE, decided = TRAFFIC_NONE;
    for (size_t i = 0; i < s->nrules; i++) {
        const struct explained_rule *r = &s->rules[i];
        uint32_t decides = r->decides.of[f];
        if (decides != TRAFFIC_ABSENT && r->peer_matches[f] != (r->miss[f].count == 0)) {
            return false;
        }
        if (r->rule->action == ACT_ALLOW) {
            allowed = traffic_union(w->traffic, allowed, decides);
        }
        if (r->rule->action != ACT_PASS) {
            decided = traffic_union(w->traffic, decided, decides);
        }
    }
    uint32_t left = isolated ? TRAFFIC_NONE : traffic_subtract(w->traffic, TRAFFIC_ALL, decided);
    return traffic_union(w->traffic, allowed, left) == s->allowed.of[f];
}

static size_t check_explanations(const struct world *w)
{
    size_t wrong = 0;
    for (uint32_t a = 0; a < w->nclasses; a++) {
        for (uint32_t b = 0; b < w->nclasses; b++) {
            const struct explanation *e =
                world_explain(w, &w->ctx->arena, (struct explain_end){.class_id = a},
                              (struct explain_end){.class_id = b});
            for (size_t f = 0; f < FAMILIES; f++) {
                for (size_t d = 0; d < DIRECTIONS; d++) {
                    const struct explained_side *s = &e->side[d];
                    bool there = s->allowed.of[f] != TRAFFIC_ABSENT;
                    wrong += there && !side_adds_up(w, s, (enum family)f);
                }
            }
        }
    }
    return wrong;
}

static void random_worlds(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    size_t classes = 0;
    for (size_t i = rng_rounds(400); i > 0; i--) {
        struct random_world r;
        world_init(&r, &rng);
        struct world_options o = {.ipblock_external = r.options.ipblock_external,
                                  .open = chance(&r, 30)};
        const struct world *w = world_new(&r.ctx, &r.program, &o, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(w);
        CU_ASSERT_EQUAL(compare_world(&r, w, p), 0);
        CU_ASSERT_EQUAL(check_flows(w), 0);
        CU_ASSERT_EQUAL(check_places(&r, w), 0);
        CU_ASSERT_EQUAL(check_explanations(w), 0);
        classes += w->nclasses;
        ctx_free(&r.ctx);
    }
    CU_ASSERT(classes > 0);
    free(p);
}

UNIT_MAIN("world", TEST(random_worlds))
