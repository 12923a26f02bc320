/* Numbers of sets of ports: operations on numbers are those on the sets, and what the families can
 * have in common. */
#include "analysis/traffic.h"
#include "rng.h"
#include "unit.h"

static struct portset random_ports(struct arena *a, struct rng *rng)
{
    static const enum proto protos[] = {PROTO_TCP, PROTO_UDP, PROTO_ICMP};
    struct portset s = portset_none;
    for (size_t i = rng_below(rng, 4); i > 0; i--) {
        uint16_t first = (uint16_t)rng_below(rng, 4);
        s = portset_union(a, s,
                          portset_of(a, protos[rng_below(rng, 3)], first,
                                     rng_below(rng, 8) == 0 ? UINT16_MAX : first));
    }
    s.other = rng_below(rng, 2) == 0;
    return s;
}

static void numbers_are_sets(void)
{
    struct rng rng = rng_new();
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct traffic_table t;
    traffic_init(&t, &a);
    for (size_t i = 0; i < 2000; i++) {
        struct portset x = random_ports(&a, &rng), y = random_ports(&a, &rng);
        uint32_t nx = traffic_id(&t, FAM_IP4, x), ny = traffic_id(&t, FAM_IP4, y);
        CU_ASSERT_EQUAL(nx == ny, portset_eq(x, y));
        CU_ASSERT(portset_eq(traffic_ports(&t, FAM_IP4, nx), x));
        CU_ASSERT_EQUAL(traffic_union(&t, nx, ny),
                        traffic_id(&t, FAM_IP4, portset_union(&a, x, y)));
        CU_ASSERT_EQUAL(traffic_intersect(&t, nx, ny),
                        traffic_id(&t, FAM_IP4, portset_intersect(&a, x, y)));
        CU_ASSERT_EQUAL(traffic_subtract(&t, nx, ny),
                        traffic_id(&t, FAM_IP4, portset_subtract(&a, x, y)));
        CU_ASSERT_EQUAL(traffic_union(&t, nx, TRAFFIC_ALL), TRAFFIC_ALL);
        CU_ASSERT_EQUAL(traffic_intersect(&t, nx, TRAFFIC_ALL), nx);
        CU_ASSERT_EQUAL(traffic_subtract(&t, nx, nx), TRAFFIC_NONE);
    }
    arena_free(&a);
}

/* ICMP is that of the family at hand. */
static void families(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct traffic_table t;
    traffic_init(&t, &a);
    struct portset echo4 = portset_of(&a, PROTO_ICMP, 8 << 8, 8 << 8 | 255);
    struct portset echo6 = portset_of(&a, PROTO_ICMP6, 8 << 8, 8 << 8 | 255);
    struct portset web = portset_of(&a, PROTO_TCP, 80, 80);
    uint32_t icmp = traffic_id(&t, FAM_IP4, echo4), tcp = traffic_id(&t, FAM_IP4, web);
    uint32_t whole = traffic_id(&t, FAM_IP4, portset_of(&a, PROTO_ICMP, 0, UINT16_MAX));
    CU_ASSERT_EQUAL(traffic_id(&t, FAM_IP6, echo6), icmp);
    CU_ASSERT_EQUAL(traffic_id(&t, FAM_IP6, echo4), TRAFFIC_NONE);
    CU_ASSERT_EQUAL(traffic_id(&t, FAM_IP6, portset_all(&a)), TRAFFIC_ALL);
    CU_ASSERT(portset_eq(traffic_ports(&t, FAM_IP4, icmp), echo4));
    CU_ASSERT(portset_eq(traffic_ports(&t, FAM_IP6, icmp), echo6));

    const struct {
        uint32_t ip4, ip6;
        bool differs, none;
    } rows[] = {
        {tcp, tcp, false, false},
        {tcp, whole, true, false},
        {icmp, icmp, true, false}, /* type 8 is another thing there */
        {whole, whole, false, false},
        {TRAFFIC_NONE, TRAFFIC_NONE, false, true},
        {TRAFFIC_NONE, tcp, true, false},
        {TRAFFIC_ABSENT, tcp, false, false},
        {icmp, TRAFFIC_ABSENT, false, false},
        {TRAFFIC_ABSENT, TRAFFIC_NONE, false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct traffic x = {{rows[i].ip4, rows[i].ip6}};
        CU_ASSERT_EQUAL(traffic_differs_by_family(&t, x), rows[i].differs);
        CU_ASSERT_EQUAL(traffic_is_none(x), rows[i].none);
    }
    arena_free(&a);
}

UNIT_MAIN("traffic", TEST(numbers_are_sets), TEST(families))
