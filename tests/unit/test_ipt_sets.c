/* Names and content of ipsets, and the prefixes with exceptions of hash:net. */
#include "tests/unit/unit.h"

#include "backends/ipt_nets.h"
#include "backends/ipt_sets.h"

#include <string.h>

static uint64_t next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- names ---- */

struct bench {
    struct ctx ctx;
    struct kernel_names names;
    struct ipt_sets sets;
};

static void bench_init(struct bench *b, size_t most)
{
    ctx_init(&b->ctx, unit_oom, NULL);
    kernel_names_init(&b->names, &b->ctx, KERNEL_NAME_BITS);
    ipt_sets_init(&b->sets, &b->ctx, &b->names, most);
}

static struct str addrs_name(struct bench *b, enum family f, uint64_t first, size_t n)
{
    struct addr_list list = {ARENA_NEW_ARRAY(&b->ctx.arena, n, struct ip), n};
    for (size_t i = 0; i < n; i++) {
        list.v[i] = (struct ip){0, first + i};
    }
    struct str name = {NULL, 0};
    CU_ASSERT_FATAL(ipt_set_addrs(&b->sets, f, list, (struct span){0}, &name));
    return name;
}

static void names_follow_content(void)
{
    struct bench b, again;
    bench_init(&b, 1000);
    bench_init(&again, 1000);
    struct str a = addrs_name(&b, FAM_IP4, 0x0a000001, 3);
    CU_ASSERT(str_eq(a, addrs_name(&b, FAM_IP4, 0x0a000001, 3)));
    CU_ASSERT(str_eq(a, addrs_name(&again, FAM_IP4, 0x0a000001, 3)));
    CU_ASSERT(!str_eq(a, addrs_name(&b, FAM_IP4, 0x0a000002, 3))); /* content */
    CU_ASSERT(!str_eq(a, addrs_name(&b, FAM_IP4, 0x0a000001, 4))); /* size */
    CU_ASSERT(!str_eq(a, addrs_name(&b, FAM_IP6, 0x0a000001, 3))); /* family */
    struct str net;
    struct ip_range range = {{0, 0x0a000001}, {0, 0x0a000001}};
    CU_ASSERT(ipt_set_nets(&b.sets, FAM_IP4, (struct ipset){&range, 1}, (struct span){0}, &net));
    CU_ASSERT(!str_eq(net, addrs_name(&b, FAM_IP4, 0x0a000001, 1))); /* type */
    CU_ASSERT(a.n <= 31);
    ctx_free(&b.ctx);
    ctx_free(&again.ctx);
}

static size_t count_lines(struct str text, const char *prefix)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        CU_ASSERT_FATAL(end != NULL);
        n += str_starts((struct str){text.p + at, (size_t)(end - text.p) - at}, prefix);
        at = (size_t)(end - text.p) + 1;
    }
    return n;
}

static void equal_sets_are_one(void)
{
    struct bench b;
    bench_init(&b, 5);
    addrs_name(&b, FAM_IP4, 1, 3);
    addrs_name(&b, FAM_IP4, 1, 3);
    struct str text = buf_text(b.sets.out);
    CU_ASSERT_EQUAL(count_lines(text, "add "), 3);
    CU_ASSERT_EQUAL(count_lines(text, "create "), 2);
    CU_ASSERT_EQUAL(count_lines(text, "flush "), 1);
    CU_ASSERT_EQUAL(count_lines(text, "swap "), 1);
    CU_ASSERT_EQUAL(count_lines(text, "destroy "), 1);
    CU_ASSERT_EQUAL(b.sets.elements, 3);
    ctx_free(&b.ctx);
}

static void counts_elements(void)
{
    struct bench b;
    struct ip ips[] = {{0, 1}, {0, 2}};
    struct str name;
    bench_init(&b, 5);
    addrs_name(&b, FAM_IP4, 1, 3);
    addrs_name(&b, FAM_IP4, 2, 2); /* at the limit */
    CU_ASSERT_EQUAL(b.ctx.diags.errors, 0);
    CU_ASSERT(
        !ipt_set_addrs(&b.sets, FAM_IP4, (struct addr_list){ips, 1}, (struct span){0}, &name));
    CU_ASSERT_EQUAL_FATAL(b.ctx.diags.list.n, 1);
    CU_ASSERT_EQUAL(b.ctx.diags.list.v[0]->id, DIAG_NPC605);
    ctx_free(&b.ctx);
}

/* ---- prefixes with exceptions ---- */

/* As the kernel's hash:net: the longest prefix that has the address decides. */
static bool lookup(const struct net_entries *entries, enum family f, struct ip ip)
{
    const struct net_entry *best = NULL;
    for (size_t i = 0; i < entries->n; i++) {
        const struct net_entry *e = &entries->v[i];
        if (cidr_has(e->at, f, ip) && (best == NULL || e->at.len > best->at.len)) {
            best = e;
        }
    }
    return best != NULL && !best->nomatch;
}

static void check_cover(struct arena *a, enum family f, struct ipset set, uint64_t seed)
{
    const struct net_entries entries = nets_cover(a, f, set);
    const struct cidrs plain = ipset_cidrs(a, set, f);
    CU_ASSERT(entries.n <= plain.n + 1); /* + 1: /0 is two entries */
    for (size_t i = 0; i < entries.n; i++) {
        CU_ASSERT(entries.v[i].at.len > 0);
    }
    for (size_t i = 0; i < set.n; i++) {
        const struct ip edges[] = {ip_prev(set.v[i].first), set.v[i].first, set.v[i].last,
                                   ip_next(set.v[i].last)};
        for (size_t k = 0; k < sizeof edges / sizeof *edges; k++) {
            if (ip_cmp(edges[k], ip_max(f)) <= 0) {
                CU_ASSERT_EQUAL(lookup(&entries, f, edges[k]), ipset_has(set, edges[k]));
            }
        }
    }
    for (unsigned i = 0; i < 200; i++) {
        struct ip ip = {f == FAM_IP4 ? 0 : next(&seed), next(&seed)};
        ip.lo &= f == FAM_IP4 ? 0xffffffffu : ~(uint64_t)0;
        CU_ASSERT_EQUAL(lookup(&entries, f, ip), ipset_has(set, ip));
    }
}

static struct ipset random_set(struct arena *a, enum family f, uint64_t *seed)
{
    struct ip_range ranges[12];
    size_t n = next(seed) % 12 + 1;
    for (size_t i = 0; i < n; i++) {
        struct ip x = {f == FAM_IP4 ? 0 : next(seed), next(seed)};
        struct ip y = {f == FAM_IP4 ? 0 : next(seed), next(seed)};
        unsigned narrow = (unsigned)(next(seed) % 24);
        if (f == FAM_IP4) {
            x.lo &= 0xffffffffu;
            y.lo = (x.lo + ((y.lo & 0xffffffffu) >> narrow)) & 0xffffffffu;
        } else if (narrow % 2 == 0) {
            y = (struct ip){x.hi, x.lo | 0xffff};
        }
        bool rising = ip_cmp(x, y) <= 0;
        ranges[i] = (struct ip_range){rising ? x : y, rising ? y : x};
    }
    struct ipset set = ipset_of_ranges(a, ranges, n);
    return next(seed) % 2 == 0 ? set : ipset_subtract(a, ipset_all(a, f), set);
}

static void covers_are_exact(void)
{
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct arena a;
        uint64_t state = seed;
        arena_init(&a, unit_oom, NULL);
        enum family f = seed % 2 == 0 ? FAM_IP4 : FAM_IP6;
        check_cover(&a, f, random_set(&a, f, &state), seed);
        arena_free(&a);
    }
}

/* Everything but one address: two halves and an exception, not 32 prefixes. */
static void an_exception_is_one_entry(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct cidr one = {FAM_IP4, {0, 0x0a000005}, 32};
    struct ipset set = ipset_subtract(&a, ipset_all(&a, FAM_IP4), ipset_of_cidr(&a, one));
    const struct net_entries entries = nets_cover(&a, FAM_IP4, set);
    CU_ASSERT_EQUAL_FATAL(entries.n, 3);
    CU_ASSERT(entries.v[0].at.len == 1 && !entries.v[0].nomatch);
    CU_ASSERT(cidr_cmp(entries.v[1].at, one) == 0 && entries.v[1].nomatch);
    CU_ASSERT(entries.v[2].at.len == 1 && !entries.v[2].nomatch);
    struct ip_range seven = {{0, 0x0a000000},
                             {0, 0x0a000006}}; /* three prefixes, or one but for 7 */
    CU_ASSERT_EQUAL(nets_cover(&a, FAM_IP4, (struct ipset){&seven, 1}).n, 2);
    const struct net_entries all = nets_cover(&a, FAM_IP6, ipset_all(&a, FAM_IP6));
    CU_ASSERT_EQUAL(all.n, 2);
    arena_free(&a);
}

/* Nested exceptions: each prefix of the list is one entry, "no" and "yes" in turn. */
static void nested_prefixes_are_one_entry_each(void)
{
    static const char *const nested[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32"};
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct ipset set = {NULL, 0};
    for (size_t n = 1; n <= sizeof nested / sizeof *nested; n++) {
        struct cidr c;
        CU_ASSERT_EQUAL_FATAL(cidr_parse(str_of(nested[n - 1]), &c, NULL), IP_OK);
        set = n % 2 == 1 ? ipset_union(&a, set, ipset_of_cidr(&a, c))
                         : ipset_subtract(&a, set, ipset_of_cidr(&a, c));
        const struct net_entries entries = nets_cover(&a, FAM_IP4, set);
        CU_ASSERT_EQUAL_FATAL(entries.n, n);
        CU_ASSERT(cidr_cmp(entries.v[n - 1].at, c) == 0);
        CU_ASSERT_EQUAL(entries.v[n - 1].nomatch, n % 2 == 0);
    }
    arena_free(&a);
}

UNIT_MAIN("ipt_sets", TEST(names_follow_content), TEST(equal_sets_are_one), TEST(counts_elements),
          TEST(covers_are_exact), TEST(an_exception_is_one_entry),
          TEST(nested_prefixes_are_one_entry_each))
