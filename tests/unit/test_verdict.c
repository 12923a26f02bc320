/*
 * The verdict of one packet against the naive evaluator (world.h): random small worlds, every pair
 * of addresses, at the forward hook and on a host. And what is open whatever policies say.
 */
#include "analysis/verdict.h"
#include "world.h"

static const struct named_port ssh = {.proto = PROTO_TCP, .number = 22};

static bool passes(struct bound_verdict v)
{
    return v.answer != BOUND_DENIED;
}

/* ICMP of the other family cannot come. */
static bool is_foreign(struct packet pk, enum family f)
{
    return pk.proto == (f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP);
}

/* What is kept open passes, so those packets say nothing about policies. */
static bool is_free(struct packet pk)
{
    return pk.proto == PROTO_ICMP || pk.proto == PROTO_ICMP6;
}

static struct bound_packet packet_of(struct address from, struct address to, struct packet pk)
{
    return (struct bound_packet){.family = from.family,
                                 .source = from.ip,
                                 .destination = to.ip,
                                 .proto = pk.proto,
                                 .source_port = 40000,
                                 .key = pk.key};
}

static size_t compare(const struct random_world *w, const struct bound *b, const struct probes *p,
                      const struct workload *host)
{
    size_t wrong = 0;
    for (size_t i = 0; i < p->naddrs * p->naddrs * p->npackets; i++) {
        const struct address here = p->addrs[i % p->naddrs];
        const struct address there = p->addrs[i / p->naddrs % p->naddrs];
        const struct packet pk = p->packets[i / p->naddrs / p->naddrs];
        const struct workload *local = host != NULL ? host : naive_pod(&w->program, here);
        if (here.family != there.family || local == NULL || is_foreign(pk, here.family) ||
            is_free(pk) || (host == NULL && !in_scope(w, local)) ||
            naive_pod(&w->program, there) == local) {
            continue;
        }
        const struct bound_packet in = packet_of(there, here, pk), out = packet_of(here, there, pk);
        wrong += passes(bound_verdict(b, DIR_INGRESS, NULL, 0, &in)) !=
                 naive_allows(w, DIR_INGRESS, local, there, pk);
        wrong += passes(bound_verdict(b, DIR_EGRESS, NULL, 0, &out)) !=
                 naive_allows(w, DIR_EGRESS, local, there, pk);
    }
    return wrong;
}

static const struct workload *some_pod(const struct random_world *w)
{
    for (size_t i = 0; i < w->program.inv.workloads.n; i++) {
        if (is_pod(w->program.inv.workloads.v[i])) {
            return w->program.inv.workloads.v[i];
        }
    }
    return NULL;
}

static void random_worlds(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    for (size_t i = rng_rounds(150); i > 0; i--) {
        struct random_world w;
        world_init(&w, &rng);
        const struct workload *host = i % 2 == 0 ? some_pod(&w) : NULL;
        if (host != NULL) {
            w.options = (struct bind_options){.scope = BIND_HOST,
                                              .host_ns = host->ns,
                                              .host = host->name,
                                              .ipblock_external = w.options.ipblock_external};
        }
        const struct bound *b = bind_program(&w.ctx, &w.program, &w.options);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT_EQUAL(compare(&w, b, p, host), 0);
        ctx_free(&w.ctx);
    }
    free(p);
}

/* ---- what is kept ---- */

static const struct kept {
    enum family family;
    enum direction direction;
    enum proto proto;
    uint16_t source_port, key;
    bool host, node; /* open on a host, at the forward hook */
} kept[] = {
    {FAM_IP4, DIR_INGRESS, PROTO_TCP, 40000, 22, true, false},
    {FAM_IP6, DIR_INGRESS, PROTO_TCP, 40000, 22, true, false},
    {FAM_IP4, DIR_EGRESS, PROTO_TCP, 40000, 22, false, false},
    {FAM_IP4, DIR_INGRESS, PROTO_UDP, 40000, 22, false, false},
    {FAM_IP4, DIR_INGRESS, PROTO_UDP, 67, 68, true, false},
    {FAM_IP4, DIR_INGRESS, PROTO_UDP, 68, 67, false, false},
    {FAM_IP4, DIR_EGRESS, PROTO_UDP, 68, 67, true, false},
    {FAM_IP6, DIR_INGRESS, PROTO_UDP, 547, 546, true, false},
    {FAM_IP6, DIR_EGRESS, PROTO_UDP, 546, 547, true, false},
    {FAM_IP6, DIR_EGRESS, PROTO_UDP, 547, 546, false, false},
    {FAM_IP4, DIR_INGRESS, PROTO_ICMP, 0, 3 << 8 | 4, true, true},
    {FAM_IP4, DIR_INGRESS, PROTO_ICMP, 0, 3 << 8 | 3, false, false},
    {FAM_IP4, DIR_INGRESS, PROTO_ICMP, 0, 8 << 8, false, false},
    {FAM_IP6, DIR_INGRESS, PROTO_ICMP6, 0, 2 << 8, true, true},
    {FAM_IP6, DIR_EGRESS, PROTO_ICMP6, 0, 135 << 8, true, true},
    {FAM_IP6, DIR_INGRESS, PROTO_ICMP6, 0, 136 << 8, true, true},
    {FAM_IP6, DIR_INGRESS, PROTO_ICMP6, 0, 134 << 8, true, false},
    {FAM_IP6, DIR_EGRESS, PROTO_ICMP6, 0, 143 << 8, true, false},
    {FAM_IP6, DIR_INGRESS, PROTO_ICMP6, 0, 128 << 8, false, false},
    {FAM_IP6, DIR_INGRESS, PROTO_ICMP6, 0, 1 << 8, false, false},
    {FAM_IP4, DIR_INGRESS, PROTO_OTHER, 0, 0, false, false},
};

/* A target of both directions and families that nothing is allowed to. */
static void kept_open(void)
{
    static struct ip at[] = {{0, 1}};
    struct target_class closed = {.id = 1, .addrs = {at, 1}};
    struct bound_side side = {.targets = &closed, .ntargets = 1};
    struct workload machine = {.kind = WL_WORKLOAD};
    struct bound b = {.side = {{side, side}, {side, side}}};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct kept *k = &kept[i];
        const struct bound_packet p = {
            .family = k->family,
            .source = k->direction == DIR_EGRESS ? at[0] : (struct ip){0, 9},
            .destination = k->direction == DIR_EGRESS ? (struct ip){0, 9} : at[0],
            .proto = k->proto,
            .source_port = k->source_port,
            .key = k->key};
        b.host = &machine;
        CU_ASSERT_EQUAL(bound_verdict(&b, k->direction, &ssh, 1, &p).answer,
                        k->host ? BOUND_KEPT : BOUND_DENIED);
        b.host = NULL;
        CU_ASSERT_EQUAL(bound_verdict(&b, k->direction, &ssh, 1, &p).answer,
                        k->node ? BOUND_KEPT : BOUND_DENIED);
    }
}

static void self_is_kept(void)
{
    static struct ip at[] = {{0, 1}};
    struct addr_pair pair = {at[0], at[0]};
    struct target_class closed = {.id = 1, .addrs = {at, 1}};
    struct bound_side side = {.targets = &closed, .ntargets = 1};
    struct bound b = {.side = {{side, side}, {side, side}}, .self = {&pair}, .nself = {1}};
    struct bound_packet p = {.source = at[0], .destination = at[0], .proto = PROTO_TCP, .key = 80};
    CU_ASSERT_EQUAL(bound_verdict(&b, DIR_INGRESS, NULL, 0, &p).answer, BOUND_KEPT);
    p.source = (struct ip){0, 2};
    CU_ASSERT_EQUAL(bound_verdict(&b, DIR_INGRESS, NULL, 0, &p).answer, BOUND_DENIED);
    p.destination = (struct ip){0, 3};
    CU_ASSERT_EQUAL(bound_verdict(&b, DIR_INGRESS, NULL, 0, &p).answer, BOUND_NOT_ISOLATED);
}

UNIT_MAIN("verdict", TEST(random_worlds), TEST(kept_open), TEST(self_is_kept))
