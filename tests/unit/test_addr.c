/*
 * Addresses against the C library's inet_pton and inet_ntop; address sets against bitmaps.
 */
#include "ir/addr.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <string.h>

static struct arena arena;

__extension__ typedef unsigned __int128 u128;

static u128 number_of(struct ip a)
{
    return (u128)a.hi << 64 | a.lo;
}

static struct ip ip_of(u128 n)
{
    return (struct ip){(uint64_t)(n >> 64), (uint64_t)n};
}

static struct ip ip_of_bytes(const unsigned char *bytes, size_t n)
{
    u128 number = 0;
    for (size_t i = 0; i < n; i++) {
        number = number << 8 | bytes[i];
    }
    return ip_of(number);
}

/* An IPv6 number in which zero groups, equal groups and edges are frequent. */
static u128 random_ip6(struct rng *r)
{
    u128 n = 0;
    for (int i = 0; i < 8; i++) {
        static const unsigned common[] = {0, 0, 0, 1, 0xFFFF, 0xa00, 0x10};
        size_t pick = rng_below(r, 10);
        n = n << 16 | (pick < 7 ? common[pick] : rng_below(r, 65536));
    }
    return n;
}

/* ---- numbers ---- */

static void numbers_of_128_bits(void)
{
    struct rng r = rng_new();
    for (size_t i = 0; i < rng_rounds(50000); i++) {
        u128 a = random_ip6(&r), b = rng_below(&r, 3) == 0 ? a + rng_below(&r, 3) : random_ip6(&r);
        int order = ip_cmp(ip_of(a), ip_of(b));
        CU_ASSERT_EQUAL((order > 0) - (order < 0), (a > b) - (a < b));
        CU_ASSERT(number_of(ip_next(ip_of(a))) == (u128)(a + 1));
        CU_ASSERT(number_of(ip_prev(ip_of(a))) == (u128)(a - 1));
        unsigned char bytes[16];
        ip_bytes(FAM_IP6, ip_of(a), bytes);
        CU_ASSERT(number_of(ip_of_bytes(bytes, 16)) == a);
        ip_bytes(FAM_IP4, ip_of((uint32_t)a), bytes);
        CU_ASSERT(number_of(ip_of_bytes(bytes, 4)) == (uint32_t)a);
    }
    u128 top = ~(u128)0;
    CU_ASSERT(number_of(ip_max(FAM_IP6)) == top);
    CU_ASSERT(number_of(ip_next(ip_of(top))) == 0);
    CU_ASSERT(number_of(ip_prev(ip_of(0))) == top);
    CU_ASSERT(number_of(ip_max(FAM_IP4)) == UINT32_MAX);
}

/* The text in a piece of memory that ends where it does. */
static struct str cut_out(const char *text)
{
    size_t n = strlen(text);
    char *p = arena_alloc(&arena, n);
    memcpy(p, text, n);
    return (struct str){p, n};
}

/* ---- one address ---- */

static bool pton(enum family f, const char *text, struct ip *out)
{
    unsigned char bytes[16];
    if (inet_pton(f == FAM_IP4 ? AF_INET : AF_INET6, text, bytes) != 1) {
        return false;
    }
    *out = ip_of_bytes(bytes, f == FAM_IP4 ? 4 : 16);
    return true;
}

/* glibc prints ::/96 with a dotted quad; RFC 5952, section 5, only recommends it for known
 * prefixes, and Kubernetes prints hexadecimal. */
static bool is_compatible(u128 n)
{
    return n >> 32 == 0 && n > 0xFFFF;
}

static void print_as_inet_ntop(void)
{
    struct rng r = rng_new();
    for (size_t i = 0; i < rng_rounds(100000); i++) {
        enum family f = i % 4 == 0 ? FAM_IP4 : FAM_IP6;
        u128 n = f == FAM_IP4 ? (uint32_t)rng_next(&r) : random_ip6(&r);
        if (f == FAM_IP6 && is_compatible(n)) {
            continue;
        }
        unsigned char bytes[16];
        char want[INET6_ADDRSTRLEN];
        ip_bytes(f, ip_of(n), bytes);
        inet_ntop(f == FAM_IP4 ? AF_INET : AF_INET6, bytes, want, sizeof want);
        struct buf *b = buf_new(&arena);
        ip_print(b, f, ip_of(n));
        struct str text = ip_text(&arena, f, ip_of(n));
        if (!str_is(buf_text(b), want) || !str_is(text, want)) {
            fprintf(stderr, "%s printed as " STR_FMT "\n", want, STR_ARG(text));
            CU_FAIL_FATAL("printed differently");
        }
        enum family got;
        struct ip back;
        enum ip_parse how = ip_parse(text, &got, &back);
        bool mapped = f == FAM_IP6 && n >> 32 == 0xFFFF;
        CU_ASSERT_EQUAL(how, mapped ? IP_MAPPED : IP_OK);
        CU_ASSERT(got == f && number_of(back) == n);
    }
    CU_ASSERT(str_is(ip_text(&arena, FAM_IP6, ip_of(0x0a000001)), "::a00:1"));
}

/* The text without leading zeros of its numbers: what inet_pton, which is strict about them, must
 * take if we take the original. */
static void strip_zeros(const char *text, char *out)
{
    bool in_number = false;
    for (const char *c = text; *c; c++) {
        bool digit = strchr("0123456789abcdefABCDEF", *c) != NULL;
        bool next_digit = c[1] && strchr("0123456789abcdefABCDEF", c[1]);
        if (digit && !in_number && *c == '0' && next_digit) {
            continue;
        }
        in_number = digit;
        *out++ = *c;
    }
    *out = '\0';
}

/* Text that is nearly an address. */
static void random_text(struct rng *r, char *text, size_t room)
{
    bool dots = rng_below(r, 3) == 0;
    bool quad = rng_below(r, 4) == 0; /* the last three joints are dots */
    size_t n = 0, groups = dots ? 4 : quad ? 8 + rng_below(r, 2) : 8;
    if (rng_below(r, 3) == 0) {
        groups = 1 + rng_below(r, 9);
    }
    for (size_t i = 0; i < groups && n + 12 < room; i++) {
        const char *joint = i == 0 ? "" : dots || (quad && i + 4 > groups) ? "." : ":";
        const char *extra = rng_below(r, 24) == 0 ? ":" : "";
        const char *zeros = rng_below(r, 6) ? "" : &"000"[rng_below(r, 3)];
        size_t value = rng_below(r, rng_below(r, 8) ? 256 : 70000);
        char number[24];
        snprintf(number, sizeof number,
                 dots || quad      ? "%s%zu"
                 : rng_below(r, 9) ? "%s%zx"
                                   : "%s%zX",
                 zeros, value);
        n += (size_t)snprintf(text + n, room - n, "%s%s%s", joint, extra,
                              rng_below(r, 80) ? number : "");
    }
    if (rng_below(r, 10) == 0) { /* one damage */
        text[rng_below(r, n + 1)] = ":./ g%x-+0\n"[rng_below(r, 11)];
        text[n + 1] = '\0';
    }
    if (rng_below(r, 8) == 0) {
        memmove(text + 2, text, strlen(text) + 1);
        memcpy(text, "::", 2);
    }
}

static void parse_as_inet_pton(void)
{
    struct rng r = rng_new();
    size_t taken = 0, rounds = rng_rounds(400000);
    for (size_t i = 0; i < rounds; i++) {
        char text[160] = "", plain[160];
        random_text(&r, text, 120);
        strip_zeros(text, plain);
        struct ip want = {7, 7}, got = {7, 7};
        enum family f = FAM_IP4, got_family = FAM_IP4;
        bool fine = pton(FAM_IP4, plain, &want);
        if (!fine) {
            fine = pton(FAM_IP6, plain, &want);
            f = FAM_IP6;
        }
        enum ip_parse how = ip_parse(cut_out(text), &got_family, &got);
        if (fine != (how != IP_BAD) || ip_cmp(got, want) != 0 || (fine && got_family != f)) {
            fprintf(stderr, "\"%s\" read as %d\n", text, (int)how);
            CU_FAIL_FATAL("read differently");
        }
        taken += fine;
        if (!fine || how == IP_MAPPED) {
            continue;
        }
        /* OK says that the text is how we print it, and nothing else is. */
        bool same = str_is(ip_text(&arena, f, got), text);
        enum ip_parse fault = f == FAM_IP4 ? IP_LEADING_ZERO : IP_NOT_CANONICAL;
        CU_ASSERT_EQUAL(how, same ? IP_OK : fault);
    }
    CU_ASSERT(taken > rounds / 20 && taken < rounds * 19 / 20); /* the texts are worth reading */
}

static void parse_table(void)
{
    static const struct {
        const char *text;
        enum ip_parse how;
        const char *printed; /* canonical; NULL if bad */
    } cases[] = {
        {"10.0.0.1", IP_OK, "10.0.0.1"},
        {"0.0.0.0", IP_OK, "0.0.0.0"},
        {"255.255.255.255", IP_OK, "255.255.255.255"},
        {"::", IP_OK, "::"},
        {"::1", IP_OK, "::1"},
        {"fd00::1", IP_OK, "fd00::1"},
        {"2001:db8::8:800:200c:417a", IP_OK, "2001:db8::8:800:200c:417a"},
        {"1:0:0:2::", IP_OK, "1:0:0:2::"},
        /* RFC 5952, sections 4.1-4.3 */
        {"2001:0db8::0001", IP_NOT_CANONICAL, "2001:db8::1"},
        {"2001:db8:0:0:0:0:2:1", IP_NOT_CANONICAL, "2001:db8::2:1"},
        {"2001:db8::1:1:1:1:1", IP_NOT_CANONICAL, "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1::1", IP_OK, "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", IP_NOT_CANONICAL, "2001:db8::1:0:0:1"},
        {"2001:DB8::1", IP_NOT_CANONICAL, "2001:db8::1"},
        {"FD00:0::", IP_NOT_CANONICAL, "fd00::"},
        {"::10.0.0.1", IP_NOT_CANONICAL, "::a00:1"},
        {"64:ff9b::10.0.0.1", IP_NOT_CANONICAL, "64:ff9b::a00:1"},
        {"1:2:3:4:5:6:7::", IP_NOT_CANONICAL, "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", IP_NOT_CANONICAL, "0:2:3:4:5:6:7:8"},
        {"0:0:0:0:000000:0:0:1", IP_NOT_CANONICAL, "::1"}, /* Go's legacy parser takes it */
        /* Threats 11: leading zeros are decimal, as in Kubernetes, never octal */
        {"010.0.0.1", IP_LEADING_ZERO, "10.0.0.1"},
        {"10.01.0.00", IP_LEADING_ZERO, "10.1.0.0"},
        {"0000000000010.0.0.1", IP_LEADING_ZERO, "10.0.0.1"},
        {"099.0.0.1", IP_LEADING_ZERO, "99.0.0.1"},
        {"0x0a.0.0.1", IP_BAD, NULL},
        {"10.1", IP_BAD, NULL},
        {"167772161", IP_BAD, NULL},
        {"256.0.0.1", IP_BAD, NULL},
        {"4294967297.0.0.1", IP_BAD, NULL},
        {"1.2.3.4.5", IP_BAD, NULL},
        {"1.2.3.", IP_BAD, NULL},
        {"1..3.4", IP_BAD, NULL},
        {".1.2.3.4", IP_BAD, NULL},
        {"-1.2.3.4", IP_BAD, NULL},
        {"+1.2.3.4", IP_BAD, NULL},
        {" 1.2.3.4", IP_BAD, NULL},
        {"1.2.3.4 ", IP_BAD, NULL},
        {"1.2.3.4\n", IP_BAD, NULL},
        {"", IP_BAD, NULL},
        {".", IP_BAD, NULL},
        {":", IP_BAD, NULL},
        {":::", IP_BAD, NULL},
        {"localhost", IP_BAD, NULL}, /* threats 24 */
        {"1:2:3:4:5:6:7", IP_BAD, NULL},
        {"1:2:3:4:5:6:7:8:", IP_BAD, NULL},
        {"1:2:3:4:5:6:7:8::", IP_BAD, NULL},
        {"1:2:3:4:5:6:7:8:9", IP_BAD, NULL},
        {"1:2:3:4::5:6:7:8", IP_BAD, NULL},
        {"1::2::3", IP_BAD, NULL},
        {":1::2", IP_BAD, NULL},
        {"1::2:", IP_BAD, NULL},
        {"10000::", IP_BAD, NULL},
        {"g::", IP_BAD, NULL},
        {"::1.2.3", IP_BAD, NULL},
        {"::1.2.3.4:5", IP_BAD, NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", IP_BAD, NULL},
        {"1:2:3:1.2.3.4", IP_BAD, NULL},
        {"1.2.3.4::", IP_BAD, NULL},
        {"::1:2:3:4:5:1.2.3.4", IP_NOT_CANONICAL, "0:1:2:3:4:5:102:304"},
        {"::1:2:3:4:5:6:1.2.3.4", IP_BAD, NULL},
        {"::1:2:3:4:5:6:7:1.2.3.4", IP_BAD, NULL},
        /* Threats 12 */
        {"::ffff:10.0.0.1", IP_MAPPED, "::ffff:10.0.0.1"},
        {"::FFFF:a00:1", IP_MAPPED, "::ffff:10.0.0.1"},
        {"0:0:0:0:0:ffff:010.0.0.1", IP_MAPPED, "::ffff:10.0.0.1"},
        {"fe80::1%eth0", IP_BAD, NULL},
        {"fe80::1%", IP_BAD, NULL},
        {"[::1]", IP_BAD, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum family f = FAM_IP4;
        struct ip a = {9, 9};
        enum ip_parse how = ip_parse(cut_out(cases[i].text), &f, &a);
        struct str printed = ip_text(&arena, f, a);
        bool same = cases[i].printed ? str_is(printed, cases[i].printed) : a.hi == 9;
        if (how != cases[i].how || !same) {
            fprintf(stderr, "%s: %d, " STR_FMT "\n", cases[i].text, (int)how, STR_ARG(printed));
            CU_FAIL("misread");
        }
    }
    enum family f;
    struct ip a;
    CU_ASSERT_EQUAL(ip_parse(STR("1.2.3.4\0"), &f, &a), IP_BAD); /* threats 17 */
    CU_ASSERT_EQUAL(ip_parse((struct str){NULL, 0}, &f, &a), IP_BAD);
}

/* ---- prefixes ---- */

static void T10_T11_T12_prefixes(void)
{
    static const struct {
        const char *text;
        enum ip_parse how;
        bool host_bits;
        const char *printed;
    } cases[] = {
        {"10.0.0.0/8", IP_OK, false, "10.0.0.0/8"},
        {"0.0.0.0/0", IP_OK, false, "0.0.0.0/0"},
        {"::/0", IP_OK, false, "::/0"},
        {"10.9.8.7/32", IP_OK, false, "10.9.8.7/32"},
        {"fd00:192:168::/48", IP_OK, false, "fd00:192:168::/48"},
        {"fd00::1/128", IP_OK, false, "fd00::1/128"},
        {"10.1.2.3/24", IP_HOST_BITS, true, "10.1.2.0/24"},
        {"10.224.4.221/4", IP_HOST_BITS, true, "0.0.0.0/4"},
        {"1.2.3.4/0", IP_HOST_BITS, true, "0.0.0.0/0"},
        {"fd00::1/64", IP_HOST_BITS, true, "fd00::/64"},
        {"fd00:0:0:1::/63", IP_HOST_BITS, true, "fd00::/63"},
        {"::1/0", IP_HOST_BITS, true, "::/0"},
        {"010.000.001.000/24", IP_LEADING_ZERO, false, "10.0.1.0/24"},
        {"10.0.0.0/08", IP_LEADING_ZERO, false, "10.0.0.0/8"},
        {"10.0.0.0/00008", IP_LEADING_ZERO, false, "10.0.0.0/8"},
        {"10.0.0.0/00", IP_LEADING_ZERO, true, "0.0.0.0/0"},
        {"010.0.0.1/8", IP_LEADING_ZERO, true, "10.0.0.0/8"},
        {"fd00::/064", IP_LEADING_ZERO, false, "fd00::/64"},
        {"fd00::1/064", IP_LEADING_ZERO, true, "fd00::/64"},
        {"FD00:0::/16", IP_NOT_CANONICAL, false, "fd00::/16"},
        {"FD00::1/016", IP_NOT_CANONICAL, true, "fd00::/16"},
        {"::ffff:10.0.0.0/104", IP_MAPPED, false, "::ffff:10.0.0.0/104"},
        {"::ffff:10.0.0.1/104", IP_MAPPED, true, "::ffff:10.0.0.0/104"},
        {"::ffff:0:0/96", IP_MAPPED, false, "::ffff:0.0.0.0/96"},
        {"::ffff:0:0/96", IP_MAPPED, false, "::ffff:0.0.0.0/96"},
        {"::FFFF:10.0.0.1/0128", IP_MAPPED, false, "::ffff:10.0.0.1/128"},
        {"::ffff:0:0/95", IP_NOT_CANONICAL, true, "::fffe:0:0/95"}, /* holds others, too */
        {"::fffe:0:0/95", IP_OK, false, "::fffe:0:0/95"},
        {"::/96", IP_OK, false, "::/96"},
        {"10.0.0.0", IP_BAD, false, NULL},
        {"::1", IP_BAD, false, NULL},
        {"10.0.0.0/", IP_BAD, false, NULL},
        {"10.0.0.0/33", IP_BAD, false, NULL},
        {"::/129", IP_BAD, false, NULL},
        {"10.0.0.0/256", IP_BAD, false, NULL},
        {"10.0.0.0/264", IP_BAD, false, NULL}, /* 256 + 8 */
        {"10.0.0.0/4294967304", IP_BAD, false, NULL},
        {"10.0.0.0/-1", IP_BAD, false, NULL},
        {"10.0.0.0/+8", IP_BAD, false, NULL},
        {"10.0.0.0/8 ", IP_BAD, false, NULL},
        {" 10.0.0.0/8", IP_BAD, false, NULL},
        {"10.0.0.0/ 8", IP_BAD, false, NULL},
        {"10.0.0.0/0x8", IP_BAD, false, NULL},
        {"10.0.0.0/8/8", IP_BAD, false, NULL},
        {"10.0.0.0/8\n", IP_BAD, false, NULL},
        {"10.0.0.0/255.0.0.0", IP_BAD, false, NULL},
        {"10.0.0/8", IP_BAD, false, NULL},
        {"10.0.0.256/8", IP_BAD, false, NULL},
        {"/8", IP_BAD, false, NULL},
        {"", IP_BAD, false, NULL},
        {"fe80::1%eth0/64", IP_BAD, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cidr c = {.len = 99};
        bool host_bits = false;
        enum ip_parse how = cidr_parse(cut_out(cases[i].text), &c, &host_bits);
        CU_ASSERT_EQUAL(cidr_parse(str_of(cases[i].text), &c, NULL), how);
        bool same = cases[i].printed ? str_is(cidr_text(&arena, c), cases[i].printed) : c.len == 99;
        if (how != cases[i].how || host_bits != cases[i].host_bits || !same) {
            fprintf(stderr, "%s: %d\n", cases[i].text, (int)how);
            CU_FAIL("misread");
        }
    }
}

static struct cidr random_cidr(struct rng *r)
{
    struct cidr c = {.family = rng_below(r, 2) ? FAM_IP4 : FAM_IP6};
    unsigned width = c.family == FAM_IP4 ? 32 : 128;
    c.len = (uint8_t)rng_below(r, width + 1);
    u128 n = c.family == FAM_IP4 ? (u128)(rng_next(r) & 0x81818181u) : random_ip6(r);
    for (unsigned bit = 0; bit < width - c.len; bit++) {
        n &= ~((u128)1 << bit);
    }
    c.first = ip_of(n);
    return c;
}

static void prefixes_by_their_bits(void)
{
    struct rng r = rng_new();
    for (size_t i = 0; i < rng_rounds(100000); i++) {
        struct cidr c = random_cidr(&r), d = random_cidr(&r);
        unsigned width = c.family == FAM_IP4 ? 32 : 128;
        if (rng_below(&r, 2)) { /* a relative of c */
            d = c;
            d.len = (uint8_t)rng_below(&r, width + 1);
            u128 low = rng_next(&r);
            low = width - d.len >= 64 ? low : low % ((u128)1 << (width - d.len));
            d.first =
                ip_of((number_of(c.first) | low) & (d.len == 0 ? 0 : ~(u128)0 << (width - d.len)));
            if (c.family == FAM_IP4) {
                d.first = ip_of((uint32_t)d.first.lo);
            }
        }
        u128 last = number_of(c.first);
        for (unsigned bit = 0; bit < width - c.len; bit++) {
            last |= (u128)1 << bit;
        }
        CU_ASSERT(number_of(cidr_last(c)) == last);
        /* d is in c if its length is no shorter and the first c.len bits are c's. */
        bool equal_bits = c.family == d.family;
        for (unsigned k = 0; k < c.len && equal_bits; k++) {
            unsigned shift = width - 1 - k;
            equal_bits = (number_of(c.first) >> shift & 1) == (number_of(d.first) >> shift & 1);
        }
        CU_ASSERT_EQUAL(cidr_contains(c, d), equal_bits && d.len >= c.len);
        CU_ASSERT_EQUAL(cidr_has(c, d.family, d.first), equal_bits);
        struct cidr back;
        enum ip_parse how = cidr_parse(cidr_text(&arena, c), &back, NULL);
        CU_ASSERT_EQUAL(how, cidr_is_mapped(c) ? IP_MAPPED : IP_OK);
        CU_ASSERT_EQUAL(cidr_cmp(back, c), 0);
        int order = (c.family > d.family) - (c.family < d.family);
        order = order != 0 ? order : ip_cmp(c.first, d.first);
        order = order != 0 ? order : (c.len > d.len) - (c.len < d.len);
        CU_ASSERT_EQUAL(cidr_cmp(c, d), order);
        unsigned len = (unsigned)rng_below(&r, c.len + 1u);
        struct cidr shorter = cidr_shorten(c, (uint8_t)len);
        CU_ASSERT(shorter.family == c.family && shorter.len == len);
        CU_ASSERT(number_of(shorter.first) ==
                  (len == 0 ? 0 : number_of(c.first) >> (width - len) << (width - len)));
    }
    struct cidr four = {FAM_IP4, {0, 0}, 0}, six = {FAM_IP6, {0, 0}, 0},
                half = {FAM_IP4, {0, 0}, 1};
    CU_ASSERT(cidr_cmp(four, six) < 0);
    CU_ASSERT(cidr_cmp(four, half) < 0); /* the shorter prefix first */
    CU_ASSERT_FALSE(cidr_contains(four, six));
}

/* ---- sets, against bitmaps over 256 addresses ---- */

#define UNIVERSE 256

struct bits {
    bool v[UNIVERSE];
};

/* Where the 256 addresses begin. */
static const struct base {
    enum family family;
    struct ip first;
    bool aligned; /* they are one prefix */
} bases[] = {
    {FAM_IP4, {0, 0x0A010200}, true},
    {FAM_IP4, {0, 0}, true},
    {FAM_IP4, {0, 0xFFFFFF00}, true},
    {FAM_IP6, {0, 0}, true},
    {FAM_IP6, {0xFD00000000000000, 0xFFFFFFFFFFFFFF00}, true},
    {FAM_IP6, {UINT64_MAX, UINT64_MAX - 255}, true},
    {FAM_IP6, {1, UINT64_MAX - 100}, false}, /* across the two halves of an address */
    {FAM_IP4, {0, 0x0A0102F3}, false},
};

static struct ip address_at(const struct base *base, size_t i)
{
    return ip_of(number_of(base->first) + i);
}

static bool is_normal(struct ipset s)
{
    for (size_t i = 0; i < s.n; i++) {
        u128 first = number_of(s.v[i].first);
        if (first > number_of(s.v[i].last)) {
            return false;
        }
        if (i > 0 && first - number_of(s.v[i - 1].last) < 2) {
            return false;
        }
    }
    return true;
}

/* Whether the set is in normal form and is exactly the bits. */
static bool is_exactly(const struct base *base, struct ipset s, const struct bits *bits)
{
    u128 first = number_of(base->first);
    for (size_t i = 0; i < s.n; i++) {
        if (number_of(s.v[i].first) < first || number_of(s.v[i].last) > first + (UNIVERSE - 1)) {
            return false;
        }
    }
    for (size_t i = 0; i < UNIVERSE; i++) {
        if (ipset_has(s, address_at(base, i)) != bits->v[i]) {
            return false;
        }
    }
    return is_normal(s);
}

static struct ipset random_set(struct rng *r, const struct base *base, struct bits *bits)
{
    struct ip_range ranges[12];
    size_t n = rng_below(r, 12);
    *bits = (struct bits){0};
    for (size_t i = 0; i < n; i++) {
        size_t first = rng_below(r, UNIVERSE);
        size_t last = first + rng_below(r, 1 + rng_below(r, UNIVERSE - first));
        ranges[i] = (struct ip_range){address_at(base, first), address_at(base, last)};
        if (first < last && rng_below(r, 10) == 0) { /* turned round: holds nothing */
            ranges[i] = (struct ip_range){address_at(base, last), address_at(base, first)};
            continue;
        }
        for (size_t k = first; k <= last; k++) {
            bits->v[k] = true;
        }
    }
    return ipset_of_ranges(&arena, ranges, n);
}

/* The number of prefixes that cover the bits exactly: whole aligned blocks of the binary tree. */
static size_t fewest_prefixes(const struct bits *bits, size_t first, size_t n)
{
    size_t set = 0;
    for (size_t i = first; i < first + n; i++) {
        set += bits->v[i];
    }
    if (set == 0 || set == n) {
        return set > 0;
    }
    return fewest_prefixes(bits, first, n / 2) + fewest_prefixes(bits, first + n / 2, n / 2);
}

static void check_prefixes(const struct base *base, struct ipset s, const struct bits *bits)
{
    struct cidrs list = ipset_cidrs(&arena, s, base->family);
    struct bits seen = {0};
    for (size_t i = 0; i < list.n; i++) {
        struct cidr c = list.v[i];
        CU_ASSERT_EQUAL(c.family, base->family);
        CU_ASSERT(i == 0 || ip_cmp(list.v[i - 1].first, c.first) < 0);
        for (size_t k = 0; k < UNIVERSE; k++) {
            if (cidr_has(c, base->family, address_at(base, k))) {
                CU_ASSERT_FALSE(seen.v[k]); /* disjoint */
                seen.v[k] = true;
            }
        }
    }
    CU_ASSERT_EQUAL(memcmp(&seen, bits, sizeof seen), 0);
    if (base->aligned) {
        CU_ASSERT_EQUAL(list.n, fewest_prefixes(bits, 0, UNIVERSE));
    }
}

static void T13_sets_as_bitmaps(void)
{
    struct rng r = rng_new();
    size_t rounds = rng_rounds(20000);
    for (size_t round = 0; round < rounds; round++) {
        const struct base *base = &bases[rng_below(&r, sizeof bases / sizeof *bases)];
        struct bits bx, by, both, either, only_x;
        struct ipset x = random_set(&r, base, &bx), y = random_set(&r, base, &by);
        if (rng_below(&r, 4) == 0) { /* something that shares much with x */
            y = ipset_subtract(&arena, x, y);
            for (size_t i = 0; i < UNIVERSE; i++) {
                by.v[i] = bx.v[i] && !by.v[i];
            }
        }
        bool equal = true, covers = true;
        for (size_t i = 0; i < UNIVERSE; i++) {
            both.v[i] = bx.v[i] && by.v[i];
            either.v[i] = bx.v[i] || by.v[i];
            only_x.v[i] = bx.v[i] && !by.v[i];
            equal = equal && bx.v[i] == by.v[i];
            covers = covers && (bx.v[i] || !by.v[i]);
        }
        bool fine = is_exactly(base, x, &bx) && is_exactly(base, y, &by) &&
                    is_exactly(base, ipset_intersect(&arena, x, y), &both) &&
                    is_exactly(base, ipset_union(&arena, x, y), &either) &&
                    is_exactly(base, ipset_subtract(&arena, x, y), &only_x) &&
                    ipset_eq(x, y) == equal && ipset_covers(x, y) == covers;
        if (!fine) {
            CU_FAIL_FATAL("a set is wrong");
        }
        check_prefixes(base, x, &bx);
        arena_free(&arena);
    }
}

static void whole_families(void)
{
    for (int i = 0; i < FAMILIES; i++) {
        enum family f = (enum family)i;
        struct ipset all = ipset_all(&arena, f), none = {NULL, 0};
        struct cidr zero = {.family = f};
        CU_ASSERT(ipset_is_all(all, f));
        CU_ASSERT(ipset_eq(all, ipset_of_cidr(&arena, zero)));
        CU_ASSERT_FALSE(ipset_is_all(none, f));
        CU_ASSERT(ipset_has(all, ip_max(f)) && ipset_has(all, (struct ip){0, 0}));
        CU_ASSERT_FALSE(ipset_has(none, (struct ip){0, 0}));
        struct cidrs whole = ipset_cidrs(&arena, all, f);
        CU_ASSERT(whole.n == 1 && whole.v[0].len == 0);
        CU_ASSERT_EQUAL(ipset_cidrs(&arena, none, f).n, 0);
        CU_ASSERT_EQUAL(ipset_subtract(&arena, all, all).n, 0);
        CU_ASSERT(ipset_covers(all, none) && ipset_covers(none, none) && !ipset_covers(none, all));
        /* All but one address needs a prefix for every bit. */
        struct ip_range one = {ip_of(0x01020304), ip_of(0x01020304)};
        struct ipset hole = ipset_subtract(&arena, all, ipset_of_ranges(&arena, &one, 1));
        CU_ASSERT_EQUAL(hole.n, 2);
        CU_ASSERT_FALSE(ipset_is_all(hole, f) || ipset_has(hole, one.first));
        CU_ASSERT_EQUAL(ipset_cidrs(&arena, hole, f).n, f == FAM_IP4 ? 32 : 128);
        CU_ASSERT(ipset_is_all(ipset_union(&arena, hole, ipset_of_ranges(&arena, &one, 1)), f));
    }
    /* The longest list of one range: all but the first and the last address. */
    struct ip_range inner = {ip_of(1), ip_prev(ip_max(FAM_IP6))};
    struct ipset s = ipset_of_ranges(&arena, &inner, 1);
    CU_ASSERT_EQUAL(ipset_cidrs(&arena, s, FAM_IP6).n, 254);
    CU_ASSERT_FALSE(ipset_is_all(ipset_all(&arena, FAM_IP4), FAM_IP6));
}

/* T46: a hundred thousand ranges are a matter of moments; squared they would be minutes. */
static void T46_sets_are_linear(void)
{
    enum { N = 200000 };
    struct ip_range *even = ARENA_NEW_ARRAY(&arena, N, struct ip_range);
    struct ip_range *odd = ARENA_NEW_ARRAY(&arena, N, struct ip_range);
    for (size_t i = 0; i < N; i++) { /* falling, so that they must be sorted */
        u128 at = (N - i) * 4;
        even[i] = (struct ip_range){ip_of(at), ip_of(at + 1)};
        odd[i] = (struct ip_range){ip_of(at + 2), ip_of(at + 3)};
    }
    struct ipset x = ipset_of_ranges(&arena, even, N), y = ipset_of_ranges(&arena, odd, N);
    CU_ASSERT_EQUAL(x.n, N);
    CU_ASSERT_EQUAL(ipset_union(&arena, x, y).n, 1);
    CU_ASSERT_EQUAL(ipset_intersect(&arena, x, y).n, 0);
    CU_ASSERT(ipset_eq(ipset_subtract(&arena, x, y), x));
    CU_ASSERT_FALSE(ipset_covers(x, y));
}

int main(void)
{
    arena_init(&arena, unit_oom, NULL);
    CU_TestInfo tests[] = {TEST(numbers_of_128_bits),  TEST(print_as_inet_ntop),
                           TEST(parse_as_inet_pton),   TEST(parse_table),
                           TEST(T10_T11_T12_prefixes), TEST(prefixes_by_their_bits),
                           TEST(T13_sets_as_bitmaps),  TEST(whole_families),
                           TEST(T46_sets_are_linear),  CU_TEST_INFO_NULL};
    int status = unit_run("addr", tests);
    arena_free(&arena);
    return status;
}
