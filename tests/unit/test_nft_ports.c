/* Ports as items of nft: together they hold exactly what the set does, each once, in their order.
 */
#include "backends/nft_ports.h"
#include "unit.h"

static const uint8_t codes[] = {0, 1, 254, 255};
enum { TYPES = 4, KEYS = TYPES * 4 };

static uint16_t key_of(size_t i)
{
    return (uint16_t)((i / 4) << 8 | codes[i % 4]);
}

static bool holds(const struct nft_item *item, uint16_t key)
{
    uint8_t type = (uint8_t)(key >> 8), code = (uint8_t)key;
    return item->type[0] <= type && type <= item->type[1] && item->code[0] <= code &&
           code <= item->code[1];
}

/* Every range between types and codes of each end. */
static void icmp_exactly(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    for (size_t first = 0; first < KEYS; first++) {
        for (size_t last = first; last < KEYS; last++) {
            struct portset s = portset_of(&a, PROTO_ICMP, key_of(first), key_of(last));
            struct nft_items items = nft_items_of(&a, FAM_IP4, s);
            CU_ASSERT(items.n > 0 && items.n <= 3);
            for (size_t i = 0; i < KEYS; i++) {
                size_t n = 0;
                for (size_t k = 0; k < items.n; k++) {
                    CU_ASSERT(items.v[k].kind == NFT_ICMP && items.v[k].proto == PROTO_ICMP);
                    CU_ASSERT(items.v[k].type[0] <= items.v[k].type[1]);
                    n += holds(&items.v[k], key_of(i));
                }
                CU_ASSERT_EQUAL(n, first <= i && i <= last);
            }
            CU_ASSERT_EQUAL(nft_items_of(&a, FAM_IP6, s).n, 0);
        }
    }
    arena_free(&a);
}

static void in_their_order(void)
{
    static const struct nft_item rising[] = {
        {.kind = NFT_ALL},
        {.kind = NFT_PORT, .proto = PROTO_TCP, .first = 80, .last = 80},
        {.kind = NFT_PORT, .proto = PROTO_UDP, .first = 79, .last = 79},
        {.kind = NFT_RANGE, .proto = PROTO_TCP, .first = 80, .last = 81},
        {.kind = NFT_RANGE, .proto = PROTO_TCP, .first = 80, .last = 82},
        {.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {3, 3}, .code = {1, 2}},
        {.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {3, 3}, .code = {1, 3}},
        {.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {3, 3}, .code = {2, 2}},
        {.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {3, 4}, .code = {1, 2}},
        {.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {4, 4}, .code = {1, 2}},
        {.kind = NFT_OTHER},
    };
    enum { N = sizeof rising / sizeof *rising };
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++) {
            int order = nft_item_cmp(rising[i], rising[k]);
            CU_ASSERT((order < 0) == (i < k) && (order > 0) == (i > k));
        }
    }
}

/* All traffic stands alone, and whole protocols are one item each. */
static void whole_ones(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    for (int f = 0; f < FAMILIES; f++) {
        struct portset all = portset_all(&a);
        struct nft_items items = nft_items_of(&a, (enum family)f, all);
        CU_ASSERT(items.n == 1 && items.v[0].kind == NFT_ALL);
        all.other = false;
        items = nft_items_of(&a, (enum family)f, all);
        CU_ASSERT_EQUAL(items.n, 4);
        for (size_t i = 0; i < items.n; i++) {
            CU_ASSERT_EQUAL(items.v[i].kind, NFT_PROTO);
            CU_ASSERT(items.v[i].proto != (f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP));
        }
        items = nft_items_of(&a, (enum family)f, portset_none);
        CU_ASSERT_EQUAL(items.n, 0);
    }
    arena_free(&a);
}

UNIT_MAIN("nft_ports", TEST(icmp_exactly), TEST(in_their_order), TEST(whole_ones))
