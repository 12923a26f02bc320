/* Port sets against bitmaps: one bit for each protocol and key. */
#include "ir/ports.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <string.h>

#define KEYS 65536

static struct arena arena;

struct bits {
    bool keys[PROTO_KEYED][KEYS];
    bool other;
};

static bool ranges_are_normal(struct port_ranges r)
{
    for (size_t i = 0; i < r.n; i++) {
        if (r.v[i].first > r.v[i].last || (i > 0 && r.v[i].first - r.v[i - 1].last < 2)) {
            return false;
        }
    }
    return true;
}

static bool is_exactly(struct portset s, const struct bits *bits)
{
    static bool seen[KEYS];
    for (int p = 0; p < PROTO_KEYED; p++) {
        memset(seen, 0, sizeof seen);
        uint32_t count = 0;
        for (size_t i = 0; i < s.keys[p].n; i++) {
            for (uint32_t k = s.keys[p].v[i].first; k <= s.keys[p].v[i].last; k++) {
                seen[k] = true;
                count++;
            }
        }
        if (!ranges_are_normal(s.keys[p]) || memcmp(seen, bits->keys[p], sizeof seen) != 0 ||
            port_ranges_count(s.keys[p]) != count ||
            port_ranges_are_all(s.keys[p]) != (count == KEYS)) {
            return false;
        }
    }
    return s.other == bits->other;
}

/* A key near an edge, or anywhere. */
static uint16_t random_key(struct rng *r)
{
    static const uint16_t edges[] = {0, 1, 80, 81, 82, 65533, 65534, 65535};
    return rng_below(r, 3) ? edges[rng_below(r, 8)] : (uint16_t)rng_below(r, KEYS);
}

/* Built by union of single ranges, which is thereby tested with many operands. */
static struct portset random_set(struct rng *r, struct bits *bits)
{
    memset(bits, 0, sizeof *bits);
    struct portset s = portset_none;
    for (size_t n = rng_below(r, 7); n > 0; n--) {
        enum proto p = (enum proto)rng_below(r, PROTO_KEYED + 1);
        uint16_t a = random_key(r), b = random_key(r);
        uint16_t first = a < b ? a : b, last = a < b ? b : a;
        s = portset_union(&arena, s, portset_of(&arena, p, first, last));
        if (p == PROTO_OTHER) {
            bits->other = true;
        } else {
            memset(&bits->keys[p][first], 1, (size_t)last - first + 1);
        }
    }
    return s;
}

static bool keeps(char op, bool x, bool y)
{
    return op == '|' ? x || y : op == '&' ? x && y : x && !y;
}

static const struct bits *combine(char op, const struct bits *x, const struct bits *y)
{
    static struct bits result;
    for (int p = 0; p < PROTO_KEYED; p++) {
        for (size_t k = 0; k < KEYS; k++) {
            result.keys[p][k] = keeps(op, x->keys[p][k], y->keys[p][k]);
        }
    }
    result.other = keeps(op, x->other, y->other);
    return &result;
}

static void sets_as_bitmaps(void)
{
    static struct bits bx, by, none;
    struct rng r = rng_new();
    for (size_t round = 0; round < rng_rounds(600); round++) {
        struct portset x = random_set(&r, &bx), y = random_set(&r, &by);
        if (rng_below(&r, 4) == 0) {
            y = portset_union(&arena, portset_none, x);
            by = bx;
        } else if (rng_below(&r, 3) == 0) { /* x and one key */
            enum proto p = (enum proto)rng_below(&r, PROTO_KEYED);
            uint16_t key = random_key(&r);
            y = portset_union(&arena, x, portset_of(&arena, p, key, key));
            by = bx;
            by.keys[p][key] = true;
        }
        bool equal = memcmp(&bx, &by, sizeof bx) == 0;
        bool fine = is_exactly(x, &bx) &&
                    is_exactly(portset_union(&arena, x, y), combine('|', &bx, &by)) &&
                    is_exactly(portset_intersect(&arena, x, y), combine('&', &bx, &by)) &&
                    is_exactly(portset_subtract(&arena, x, y), combine('-', &bx, &by)) &&
                    portset_eq(x, y) == equal && (portset_cmp(x, y) == 0) == equal &&
                    (portset_cmp(x, y) > 0) == (portset_cmp(y, x) < 0) &&
                    portset_is_empty(x) == (memcmp(&bx, &none, sizeof bx) == 0);
        for (size_t i = 0; i < 50; i++) {
            enum proto p = (enum proto)rng_below(&r, PROTO_KEYED);
            uint16_t key = random_key(&r);
            fine = fine && portset_has(x, p, key) == bx.keys[p][key];
        }
        if (!fine || portset_has(x, PROTO_OTHER, random_key(&r)) != bx.other ||
            portset_has(x, PROTO_ANY, 0)) {
            CU_FAIL_FATAL("a set is wrong");
        }
        arena_free(&arena);
    }
}

static void order_is_total(void)
{
    enum { N = 40 };
    static struct bits bits;
    struct portset sets[N];
    struct rng r = rng_new();
    for (size_t i = 0; i < N; i++) {
        sets[i] = random_set(&r, &bits);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            for (size_t k = 0; k < N; k++) {
                bool chain =
                    portset_cmp(sets[i], sets[j]) <= 0 && portset_cmp(sets[j], sets[k]) <= 0;
                CU_ASSERT(!chain || portset_cmp(sets[i], sets[k]) <= 0);
            }
        }
    }
    arena_free(&arena);
}

static void whole_sets(void)
{
    struct portset all = portset_all(&arena);
    CU_ASSERT(portset_is_all(all));
    CU_ASSERT_FALSE(portset_is_empty(all));
    CU_ASSERT(portset_is_empty(portset_none));
    CU_ASSERT_FALSE(portset_is_all(portset_none));
    CU_ASSERT(portset_is_empty(portset_subtract(&arena, all, all)));
    CU_ASSERT_EQUAL(port_ranges_count(all.keys[PROTO_UDP]), 65536);
    CU_ASSERT_EQUAL(port_ranges_count(portset_none.keys[PROTO_UDP]), 0);
    CU_ASSERT_FALSE(port_ranges_are_all(portset_none.keys[PROTO_UDP]));
    CU_ASSERT(portset_has(all, PROTO_OTHER, 0));
    /* One key of one protocol less is no longer all, and nor is all without the others. */
    for (int p = 0; p < PROTO_KEYED; p++) {
        struct portset one = portset_of(&arena, (enum proto)p, 65535, 65535);
        CU_ASSERT_FALSE(portset_is_all(portset_subtract(&arena, all, one)));
        CU_ASSERT_FALSE(portset_is_empty(one));
        CU_ASSERT(portset_is_empty(portset_of(&arena, (enum proto)p, 2, 1)));
    }
    struct portset other = portset_of(&arena, PROTO_OTHER, 0, 65535);
    CU_ASSERT_FALSE(portset_is_empty(other));
    CU_ASSERT_FALSE(portset_is_all(portset_subtract(&arena, all, other)));
    arena_free(&arena);
}

static void protocols(void)
{
    static const struct {
        enum proto proto;
        const char *name, *upper;
        int number; /* as the C library knows it */
    } cases[] = {
        {PROTO_TCP, "tcp", "TCP", IPPROTO_TCP},
        {PROTO_UDP, "udp", "UDP", IPPROTO_UDP},
        {PROTO_SCTP, "sctp", "SCTP", IPPROTO_SCTP},
        {PROTO_ICMP, "icmp", "ICMP", IPPROTO_ICMP},
        {PROTO_ICMP6, "icmp6", "ICMP6", IPPROTO_ICMPV6},
        {PROTO_OTHER, "other", "OTHER", -1},
        {PROTO_ANY, "any", "ANY", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum proto p;
        CU_ASSERT_STRING_EQUAL(proto_name(cases[i].proto), cases[i].name);
        CU_ASSERT_STRING_EQUAL(proto_upper(cases[i].proto), cases[i].upper);
        CU_ASSERT_EQUAL(proto_number(cases[i].proto), cases[i].number);
        CU_ASSERT(proto_of_name(str_of(cases[i].name), &p) && p == cases[i].proto);
    }
    static const struct str none[] = {STR_INIT("TCP"), STR_INIT("tc"),    STR_INIT("tcpx"),
                                      STR_INIT(""),    STR_INIT("tcp\0"), STR_INIT("6")};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        enum proto p = PROTO_SCTP;
        CU_ASSERT_FALSE(proto_of_name(none[i], &p));
        CU_ASSERT_EQUAL(p, PROTO_SCTP);
    }
}

int main(void)
{
    arena_init(&arena, unit_oom, NULL);
    CU_TestInfo tests[] = {TEST(sets_as_bitmaps), TEST(order_is_total), TEST(whole_sets),
                           TEST(protocols), CU_TEST_INFO_NULL};
    int status = unit_run("ports", tests);
    arena_free(&arena);
    return status;
}
