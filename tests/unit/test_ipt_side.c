/* Whom a grant allows, as the iptables backend keeps it: addresses once and rising, equal
 * selections once, pods only where networks do not hold them anyway. */
#include "backends/ipt_side.h"
#include "rng.h"
#include "unit.h"

static void addresses_once_and_rising(void)
{
    struct rng rng = rng_new();
    for (size_t round = 0; round < 300; round++) {
        struct ip v[8];
        bool there[6] = {false};
        struct addr_list list = {v, rng_below(&rng, 9)};
        size_t want = 0;
        for (size_t i = 0; i < list.n; i++) {
            size_t low = rng_below(&rng, 6);
            v[i] = (struct ip){low / 3, low};
            want += !there[low];
            there[low] = true;
        }
        ipt_addrs_sort(&list);
        CU_ASSERT_EQUAL(list.n, want);
        for (size_t i = 0; i < list.n; i++) {
            CU_ASSERT(there[list.v[i].lo]);
            CU_ASSERT(i == 0 || ip_cmp(list.v[i - 1], list.v[i]) < 0);
        }
    }
    struct addr_list none = {NULL, 0};
    ipt_addrs_sort(&none);
    CU_ASSERT_EQUAL(none.n, 0);
}

/* Four classes: 1 and 4, 2, 9, 11. */
static struct ip class1[] = {{0, 1}, {0, 4}}, class2[] = {{0, 2}}, class3[] = {{0, 9}};
static struct ip class4[] = {{0, 11}};
static struct peer_class peers[] = {
    {1, {class1, 2}}, {2, {class2, 1}}, {3, {class3, 1}}, {4, {class4, 1}}};
static const struct bound_side bound = {.peers = peers, .npeers = 4};

static void addresses_of_classes(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    uint32_t both[] = {1, 2};
    struct addr_list list = ipt_class_addrs(&a, &bound, (struct id_list){both, 2});
    CU_ASSERT_EQUAL_FATAL(list.n, 3);
    CU_ASSERT(list.v[0].lo == 1 && list.v[1].lo == 2 && list.v[2].lo == 4);
    CU_ASSERT_EQUAL(ipt_class_addrs(&a, &bound, (struct id_list){both, 0}).n, 0);
    arena_free(&a);
}

static void selections(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct ipt_table table = {.ctx = &c, .family = FAM_IP4};
    struct ipt_side s = {.ctx = &c, .table = &table, .bound = &bound};
    ipt_side_init(&s);
    uint32_t one_two[] = {1, 2}, one_three[] = {1, 3}, again[] = {1, 2};
    struct ip_range low[] = {{{0, 0}, {0, 5}}, {{0, 7}, {0, 8}}},
                    other[] = {low[0], {{0, 7}, {0, 9}}};
    struct ip_range same[] = {low[0], low[1]}, apart[] = {{{0, 1}, {0, 1}}, {{0, 3}, {0, 4}}};
    const struct grant grants[] = {
        {.classes = {one_two, 2}},
        {.classes = {one_three, 2}},
        {.classes = {again, 2}},
        {.classes = {one_two, 2}, .nets = {low, 2}},     /* which hold both classes */
        {.classes = {one_three, 2}, .nets = {other, 2}}, /* both, too */
        {.classes = {one_three, 2}, .nets = {same, 2}},  /* the first only */
        {.classes = {one_two, 2}, .nets = {apart, 2}},   /* the first only */
        {.any_peer = true},
    };
    struct ipt_peers *p[8];
    for (size_t i = 0; i < 8; i++) {
        p[i] = ipt_peers(&s, &grants[i]);
        CU_ASSERT_PTR_EQUAL(ipt_peers(&s, &grants[i]), p[i]);
        CU_ASSERT_EQUAL(p[i]->any, i == 7);
        CU_ASSERT_EQUAL(p[i]->pods != NULL, i < 3 || i == 5 || i == 6);
        CU_ASSERT_EQUAL(p[i]->nets != NULL, i >= 3 && i < 7);
    }
    CU_ASSERT_PTR_EQUAL(p[0]->pods, p[2]->pods);
    CU_ASSERT_PTR_NOT_EQUAL(p[0]->pods, p[1]->pods);
    CU_ASSERT_PTR_EQUAL(p[3]->nets, p[5]->nets);
    CU_ASSERT_PTR_NOT_EQUAL(p[3]->nets, p[4]->nets);
    CU_ASSERT_EQUAL(p[5]->pods->classes.n, 1);
    CU_ASSERT_EQUAL(p[5]->pods->classes.v[0], 3);
    CU_ASSERT_EQUAL(ipt_selection_addrs(&s, p[6]->pods).n, 1);
    CU_ASSERT_EQUAL(ipt_selection_addrs(&s, p[0]->pods).n, 3);
    /* Lists that begin alike. */
    uint32_t three[] = {1, 2, 3}, four[] = {1, 2, 4};
    const struct grant long_ones[] = {{.classes = {three, 3}}, {.classes = {four, 3}}};
    CU_ASSERT_PTR_NOT_EQUAL(ipt_peers(&s, &long_ones[0])->pods, ipt_peers(&s, &long_ones[1])->pods);
    ctx_free(&c);
}

UNIT_MAIN("ipt_side", TEST(addresses_once_and_rising), TEST(addresses_of_classes), TEST(selections))
