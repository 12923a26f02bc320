/*
 * The algebra of address sets and of port sets, complete: eight neighbouring blocks of 2^s
 * addresses at every interesting place, all sets of them, against sets of bits. Prefixes must be
 * aligned and as few as can be.
 */
#include "ir/addr.h"
#include "ir/ports.h"
#include "unit.h"

#include <string.h>

enum { BLOCKS = 8, SETS = 1 << BLOCKS };

/* Blocks of 2^size addresses; the first begins at block `base`. */
static const struct place {
    enum family family;
    unsigned size;
    uint64_t base;
} places[] = {
    {FAM_IP4, 0, 0},          {FAM_IP4, 0, 0x0a000000},
    {FAM_IP4, 0, 0xfffffff8}, {FAM_IP4, 13, 8},
    {FAM_IP4, 29, 0},                                           /* all of IPv4 */
    {FAM_IP6, 0, 0},          {FAM_IP6, 0, 0xfffffffffffffff8}, /* the last of the low half */
    {FAM_IP6, 61, 0},         {FAM_IP6, 62, 8},
    {FAM_IP6, 63, 16},        {FAM_IP6, 64, 0xfd00000000000000},
    {FAM_IP6, 65, 0},         {FAM_IP6, 66, 24},
    {FAM_IP6, 100, 8},        {FAM_IP6, 125, 0}, /* all of IPv6 */
};

/* n << size, as 128 bits. */
static struct ip shifted(uint64_t n, unsigned size)
{
    if (size >= 64) {
        return (struct ip){n << (size - 64), 0};
    }
    return (struct ip){size > 0 ? n >> (64 - size) : 0, n << size};
}

static struct ip_range block(const struct place *p, unsigned i)
{
    struct ip first = shifted(p->base + i, p->size);
    struct ip ones = p->size >= 64 ? (struct ip){(UINT64_C(1) << (p->size - 64)) - 1, UINT64_MAX}
                                   : (struct ip){0, (UINT64_C(1) << p->size) - 1};
    return (struct ip_range){first, {first.hi | ones.hi, first.lo | ones.lo}};
}

static struct ipset set_of(struct arena *a, const struct place *p, unsigned bits)
{
    struct ip_range ranges[BLOCKS];
    size_t n = 0;
    for (unsigned i = BLOCKS; i-- > 0;) { /* falling, so that they must be sorted */
        if (bits >> i & 1) {
            ranges[n++] = block(p, i);
        }
    }
    return ipset_of_ranges(a, ranges, n);
}

/* Whether a set is exactly these blocks: it ends where they end, and holds their ends. */
static bool is_set(struct ipset s, const struct place *p, unsigned bits)
{
    size_t runs = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct ip_range r = block(p, i);
        bool in = bits >> i & 1, before = i > 0 && (bits >> (i - 1) & 1);
        if (ipset_has(s, r.first) != in || ipset_has(s, r.last) != in) {
            return false;
        }
        if (in && !before) {
            runs++;
        }
    }
    bool inside = s.n == 0 || (ip_cmp(s.v[0].first, block(p, 0).first) >= 0 &&
                               ip_cmp(s.v[s.n - 1].last, block(p, BLOCKS - 1).last) <= 0);
    return s.n == runs && inside;
}

/* How few prefixes can be exactly these blocks, of which there are `n`, a power of two. */
static size_t fewest(unsigned bits, unsigned n)
{
    size_t count = 0;
    for (unsigned width = n; width > 0; width /= 2) {
        for (unsigned at = 0; at < n; at += width) {
            unsigned full = ((1u << width) - 1) << at;
            if ((bits & full) == full) {
                count++;
                bits &= ~full;
            }
        }
    }
    return count;
}

static void check_prefixes(struct arena *a, const struct place *p, struct ipset s, unsigned bits)
{
    struct cidrs list = ipset_cidrs(a, s, p->family);
    struct ip_range ranges[BLOCKS];
    bool aligned = list.n <= BLOCKS;
    for (size_t i = 0; i < list.n && aligned; i++) {
        struct cidr host = {p->family, {0, 0}, list.v[i].len};
        struct ip mask = cidr_last(host);
        aligned =
            aligned && (list.v[i].first.hi & mask.hi) == 0 && (list.v[i].first.lo & mask.lo) == 0;
        ranges[i] = (struct ip_range){list.v[i].first, cidr_last(list.v[i])};
    }
    CU_ASSERT(aligned);
    CU_ASSERT_EQUAL(list.n, fewest(bits, BLOCKS));
    CU_ASSERT(aligned && ipset_eq(ipset_of_ranges(a, ranges, list.n), s));
}

static void check_pair(struct arena *a, const struct place *p, unsigned x, unsigned y)
{
    struct ipset sx = set_of(a, p, x), sy = set_of(a, p, y);
    CU_ASSERT(is_set(ipset_union(a, sx, sy), p, x | y));
    CU_ASSERT(is_set(ipset_intersect(a, sx, sy), p, x & y));
    CU_ASSERT(is_set(ipset_subtract(a, sx, sy), p, x & ~y));
    CU_ASSERT_EQUAL(ipset_covers(sx, sy), (y & ~x) == 0);
    CU_ASSERT_EQUAL(ipset_eq(sx, sy), x == y);
}

static void addresses(void)
{
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        const struct place *p = &places[k];
        bool whole = p->size == (p->family == FAM_IP4 ? 29 : 125);
        for (unsigned x = 0; x < SETS; x++) {
            struct ipset s = set_of(&a, p, x);
            CU_ASSERT(is_set(s, p, x));
            CU_ASSERT_EQUAL(ipset_is_all(s, p->family), whole && x == SETS - 1);
            check_prefixes(&a, p, s, x);
            for (unsigned y = x % 3; y < SETS; y += 3) {
                check_pair(&a, p, x, y);
            }
        }
        arena_free(&a);
    }
}

/* Every length of a prefix of ones and zeros in turn: what is left of the bits. */
static void prefixes(void)
{
    for (unsigned f = 0; f < FAMILIES; f++) {
        uint8_t most = f == FAM_IP4 ? 32 : 128;
        struct ip bits = f == FAM_IP4 ? (struct ip){0, 0xaaaaaaaa}
                                      : (struct ip){0xaaaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa};
        for (unsigned len = 0; len <= most; len++) {
            unsigned char want[16] = {0}, got[16] = {0};
            ip_bytes((enum family)f, bits, want);
            for (unsigned bit = len; bit < most; bit++) {
                want[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
            }
            struct cidr c = cidr_shorten((struct cidr){(enum family)f, bits, most}, (uint8_t)len);
            ip_bytes((enum family)f, c.first, got);
            CU_ASSERT_EQUAL(memcmp(want, got, sizeof want), 0);
            CU_ASSERT(c.len == len && c.family == (enum family)f);
        }
    }
}

/* ---- ports ---- */

/* Bits 0 to 4: tcp/0, 1, 32768, 65534, 65535; 5: udp/0; 6: icmp6/65535; 7: other protocols. */
static struct portset ports_of(struct arena *a, unsigned bits)
{
    static const struct {
        enum proto proto;
        uint16_t key;
    } keys[BLOCKS - 1] = {{PROTO_TCP, 0},      {PROTO_TCP, 1},     {PROTO_TCP, 32768},
                          {PROTO_TCP, 65534},  {PROTO_TCP, 65535}, {PROTO_UDP, 0},
                          {PROTO_ICMP6, 65535}};
    struct portset s = portset_none;
    for (size_t i = 0; i < BLOCKS - 1; i++) {
        if (bits >> i & 1) {
            s = portset_union(a, s, portset_of(a, keys[i].proto, keys[i].key, keys[i].key));
        }
    }
    if (bits >> (BLOCKS - 1) & 1) {
        s = portset_union(a, s, portset_of(a, PROTO_OTHER, 0, 0));
    }
    return s;
}

static bool same_key(struct arena *a, struct portset x, struct portset y)
{
    struct buf *bx = buf_new(a), *by = buf_new(a);
    portset_key(bx, x);
    portset_key(by, y);
    return str_eq(buf_text(bx), buf_text(by));
}

static void ports(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    for (unsigned x = 0; x < SETS; x++) {
        for (unsigned y = 0; y < SETS; y++) {
            struct portset sx = ports_of(&a, x), sy = ports_of(&a, y);
            CU_ASSERT(portset_eq(portset_union(&a, sx, sy), ports_of(&a, x | y)));
            CU_ASSERT(portset_eq(portset_intersect(&a, sx, sy), ports_of(&a, x & y)));
            CU_ASSERT(portset_eq(portset_subtract(&a, sx, sy), ports_of(&a, x & ~y)));
            CU_ASSERT_EQUAL(portset_eq(sx, sy), x == y);
            CU_ASSERT_EQUAL(portset_cmp(sx, sy) == 0, x == y);
            CU_ASSERT_EQUAL(portset_cmp(sx, sy) < 0, portset_cmp(sy, sx) > 0);
            CU_ASSERT_EQUAL(same_key(&a, sx, sy), x == y);
        }
    }
    arena_free(&a);
}

UNIT_MAIN("sets_all", TEST(addresses), TEST(prefixes), TEST(ports))
