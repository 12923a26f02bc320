/*
 * What is open to and from a target that nothing is allowed for, for every type and code of ICMP
 * and ICMPv6: docs/semantics.md, sentence 9 and "What a host keeps open".
 */
#include "analysis/verdict.h"
#include "unit.h"

static bool is_among(unsigned type, const unsigned *types, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

static bool should_be_kept(enum family f, unsigned type, unsigned code, bool host)
{
    static const unsigned node[] = {2, 135, 136}, machine[] = {130, 131, 132, 133, 134, 143};
    if (f == FAM_IP4) {
        return type == 3 && code == 4;
    }
    return is_among(type, node, 3) || (host && is_among(type, machine, 6));
}

static void every_type(void)
{
    static struct ip at[] = {{0, 1}};
    struct target_class closed = {.id = 1, .addrs = {at, 1}};
    struct bound_side side = {.targets = &closed, .ntargets = 1};
    struct workload machine = {.kind = WL_WORKLOAD};
    struct bound b = {.side = {{side, side}, {side, side}}};
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    const struct portset sets[] = {ports_kept(&a, false), ports_kept(&a, true)};
    for (unsigned i = 0; i < 2 * 2 * 2 * 65536; i++) {
        const bool host = i & 1;
        const enum direction d = (enum direction)(i >> 1 & 1);
        const enum family f = (enum family)(i >> 2 & 1);
        const unsigned key = i >> 3;
        const struct ip other = {0, 9};
        const struct bound_packet p = {.family = f,
                                       .source = d == DIR_EGRESS ? at[0] : other,
                                       .destination = d == DIR_EGRESS ? other : at[0],
                                       .proto = f == FAM_IP4 ? PROTO_ICMP : PROTO_ICMP6,
                                       .key = (uint16_t)key};
        b.host = host ? &machine : NULL;
        const bool kept = should_be_kept(f, key >> 8, key & 255, host);
        CU_ASSERT_EQUAL(bound_verdict(&b, d, NULL, 0, &p).answer, kept ? BOUND_KEPT : BOUND_DENIED);
        CU_ASSERT_EQUAL(portset_has(sets[host], p.proto, p.key), kept);
    }
    arena_free(&a);
}

/* From each of a pod's addresses to each, and from no other, nor to one. */
static void to_itself(void)
{
    static struct ip at[] = {{0, 1}, {0, 2}};
    static struct addr_pair self[] = {
        {{0, 1}, {0, 1}}, {{0, 1}, {0, 2}}, {{0, 2}, {0, 1}}, {{0, 2}, {0, 2}}};
    struct target_class closed = {.id = 1, .addrs = {at, 2}};
    struct bound_side side = {.targets = &closed, .ntargets = 1};
    struct bound b = {.side = {{side, side}}, .self = {self}, .nself = {4}};
    for (uint64_t from = 1; from <= 3; from++) {
        for (uint64_t to = 1; to <= 2; to++) {
            const struct bound_packet p = {.source = {0, from}, .destination = {0, to}, .key = 80};
            CU_ASSERT_EQUAL(bound_verdict(&b, DIR_INGRESS, NULL, 0, &p).answer,
                            from <= 2 ? BOUND_KEPT : BOUND_DENIED);
        }
    }
}

/* What a machine sends to itself, by loopback's addresses or its own, of which the rules know. */
static void over_loopback(void)
{
    enum { OWN = 0x0a000001, OTHER = 0x0a000002, LOOPBACK = 0x7f000001, LAST = 0x7fffffff };
    static const struct {
        enum family family;
        uint64_t source, destination;
        bool kept;
    } cases[] = {
        {FAM_IP4, LOOPBACK, LOOPBACK, true}, {FAM_IP4, LAST, OWN, true},
        {FAM_IP4, OWN, OWN, true},           {FAM_IP4, OTHER, OWN, false},
        {FAM_IP4, OWN, OTHER, false},        {FAM_IP4, 0x7e000001, LOOPBACK, false},
        {FAM_IP4, 0x80000001, OWN, false},   {FAM_IP6, 1, 1, true},
        {FAM_IP6, LOOPBACK, 1, false},       {FAM_IP6, OWN, OWN, false},
    };
    struct address own = {.family = FAM_IP4, .ip = {0, OWN}};
    struct target_class closed = {.id = 1};
    struct bound_side side = {.targets = &closed, .ntargets = 1};
    struct workload machine = {.kind = WL_WORKLOAD, .addrs = &own, .naddrs = 1};
    struct bound b = {.side = {{side, side}, {side, side}}, .host = &machine};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bound_packet p = {.family = cases[i].family,
                                       .source = {0, cases[i].source},
                                       .destination = {0, cases[i].destination},
                                       .proto = PROTO_TCP,
                                       .key = 80};
        for (enum direction d = 0; d < DIRECTIONS; d++) {
            CU_ASSERT_EQUAL(bound_verdict(&b, d, NULL, 0, &p).answer,
                            cases[i].kept ? BOUND_KEPT : BOUND_DENIED);
        }
    }
}

UNIT_MAIN("verdict_kept", TEST(every_type), TEST(to_itself), TEST(over_loopback))
