/* The address tree: every address reaches its own entry, once, and no other address any. */
#include "tests/unit/unit.h"

#include "backends/ipt_tree.h"

struct random_world {
    struct arena arena;
    uint64_t seed;
    struct tree_entry *entries;
    size_t n;
    struct tree tree;
    struct tree_shape shape;
};

static uint64_t next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct ip random_ip(struct random_world *w, enum family f, unsigned spread)
{
    struct ip ip = {0, next(&w->seed)};
    if (f == FAM_IP4) {
        ip.lo = (ip.lo & 0xffffffffu) >> (spread % 24) | 0x0a000000u;
        return ip;
    }
    ip.hi = 0x20010db800000000u | (spread % 2 != 0 ? next(&w->seed) & 0xffff : 0);
    ip.lo >>= spread % 56;
    return ip;
}

static int by_address(const void *x, const void *y)
{
    const struct tree_entry *a = x, *b = y;
    return ip_cmp(a->at.first, b->at.first);
}

/* Random addresses, some of them prefixes, disjoint. */
static void fill(struct random_world *w, enum family f, size_t n, unsigned spread)
{
    struct ip_range *ranges = ARENA_NEW_ARRAY(&w->arena, n, struct ip_range);
    for (size_t i = 0; i < n; i++) {
        ranges[i].first = ranges[i].last = random_ip(w, f, spread);
    }
    struct ipset set = ipset_of_ranges(&w->arena, ranges, n);
    struct cidrs cidrs = ipset_cidrs(&w->arena, set, f);
    w->entries = ARENA_NEW_ARRAY(&w->arena, cidrs.n, struct tree_entry);
    w->n = cidrs.n;
    for (size_t i = 0; i < cidrs.n; i++) {
        w->entries[i] = (struct tree_entry){cidrs.v[i], NULL};
    }
    qsort(w->entries, w->n, sizeof *w->entries, by_address);
}

/* The rules of a node, as the backend writes them: the first that fits decides. Counts entries that
 * match on the way; a goto is never undone. */
static const struct tree_entry *walk(const struct random_world *w, enum family f, struct ip ip,
                                     unsigned *depth, unsigned *compares)
{
    const struct tree_node *node = &w->tree.nodes[0];
    const struct tree_entry *found = NULL;
    *depth = 1;
    while (found == NULL) {
        const struct tree_node *into = NULL;
        for (size_t i = 0; i < node->n && node->nkids == 0 && found == NULL; i++) {
            const struct tree_entry *e = &w->entries[node->first + i];
            ++*compares;
            found = cidr_has(e->at, f, ip) ? e : NULL;
        }
        for (size_t i = 0; i < node->nkids && into == NULL; i++) {
            const struct tree_node *kid = &w->tree.nodes[node->kids + i];
            ++*compares;
            into = cidr_has(kid->prefix, f, ip) ? kid : NULL;
        }
        if (found != NULL || into == NULL) {
            return found;
        }
        if (tree_is_entry(into)) {
            return &w->entries[into->first];
        }
        node = into;
        ++*depth;
    }
    return found;
}

static void check_shape(const struct random_world *w)
{
    size_t covered = 0;
    for (size_t i = 0; i < w->tree.nnodes; i++) {
        const struct tree_node *node = &w->tree.nodes[i];
        CU_ASSERT(node->level < w->shape.levels ||
                  (node->level == w->shape.levels && tree_is_entry(node)));
        CU_ASSERT(node->nkids != 0 || node->n <= w->shape.leaf ||
                  node->level + 1 >= w->shape.levels);
        CU_ASSERT_EQUAL(tree_is_entry(node), i > 0 && node->n == 1);
        struct cidr masked = cidr_shorten(node->prefix, node->prefix.len);
        CU_ASSERT_EQUAL(cidr_cmp(masked, node->prefix), 0);
        covered += node->nkids == 0 ? node->n : 0;
        for (size_t k = 0; k < node->n; k++) {
            CU_ASSERT(cidr_contains(node->prefix, w->entries[node->first + k].at));
        }
    }
    CU_ASSERT_EQUAL(covered, w->n); /* every entry in one leaf */
}

static void check_addresses(struct random_world *w, enum family f, unsigned spread)
{
    unsigned depth, compares = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct tree_entry *e = &w->entries[i];
        CU_ASSERT_PTR_EQUAL(walk(w, f, e->at.first, &depth, &compares), e);
        CU_ASSERT(depth <= w->shape.levels);
        CU_ASSERT_PTR_EQUAL(walk(w, f, cidr_last(e->at), &depth, &compares), e);
    }
    for (unsigned i = 0; i < 500; i++) {
        struct ip ip = random_ip(w, f, spread);
        const struct tree_entry *wanted = NULL;
        for (size_t k = 0; k < w->n; k++) {
            wanted = cidr_has(w->entries[k].at, f, ip) ? &w->entries[k] : wanted;
        }
        CU_ASSERT_PTR_EQUAL(walk(w, f, ip, &depth, &compares), wanted);
    }
}

static void random_tree(uint64_t seed, enum family f, size_t n, unsigned spread,
                        struct tree_shape shape)
{
    struct random_world w = {.seed = seed, .shape = shape};
    arena_init(&w.arena, unit_oom, NULL);
    fill(&w, f, n, spread);
    w.tree = tree_build(&w.arena, w.entries, w.n, &w.shape);
    check_shape(&w);
    check_addresses(&w, f, spread);
    arena_free(&w.arena);
}

static void finds_every_address(void)
{
    static const size_t sizes[] = {1, 2, 8, 9, 16, 17, 100, 400};
    for (enum family f = 0; f < FAMILIES; f++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            for (unsigned spread = 0; spread < 24; spread++) {
                random_tree(spread * 100 + i, f, sizes[i], spread, (struct tree_shape){5, 8});
                random_tree(spread * 100 + i, f, sizes[i], spread, (struct tree_shape){2, 32});
            }
        }
    }
}

static void keeps_to_the_levels(void)
{
    for (unsigned levels = 1; levels < 5; levels++) {
        random_tree(levels, FAM_IP4, 300, 8, (struct tree_shape){levels, 8});
    }
}

/* Addresses that share ever longer prefixes: a split by nibbles would be 31 levels deep. */
static void survives_a_comb(void)
{
    struct random_world w = {.seed = 1, .shape = {5, 8}};
    arena_init(&w.arena, unit_oom, NULL);
    w.entries = ARENA_NEW_ARRAY(&w.arena, 128, struct tree_entry);
    for (unsigned bit = 0; bit < 128; bit++) {
        struct ip ip = bit < 64 ? (struct ip){0, (uint64_t)1 << bit}
                                : (struct ip){(uint64_t)1 << (bit - 64), 0};
        w.entries[w.n++] = (struct tree_entry){{FAM_IP6, ip, 128}, NULL};
    }
    w.tree = tree_build(&w.arena, w.entries, w.n, &w.shape);
    check_shape(&w);
    check_addresses(&w, FAM_IP6, 3);
    arena_free(&w.arena);
}

/* A thousand pods cost tens of compares. */
static void is_shallow(void)
{
    struct random_world w = {.seed = 7, .shape = {5, 8}};
    arena_init(&w.arena, unit_oom, NULL);
    fill(&w, FAM_IP4, 1000, 8);
    w.tree = tree_build(&w.arena, w.entries, w.n, &w.shape);
    unsigned depth, compares = 0;
    for (size_t i = 0; i < w.n; i++) {
        walk(&w, FAM_IP4, w.entries[i].at.first, &depth, &compares);
        CU_ASSERT(depth <= 4);
    }
    CU_ASSERT(compares / w.n <= 24);
    arena_free(&w.arena);
}

/* Few levels are wide, not long: a thousand entries in two levels of leaves of eight. */
static void widens_where_levels_are_few(void)
{
    struct random_world w = {.seed = 7, .shape = {2, 8}};
    arena_init(&w.arena, unit_oom, NULL);
    fill(&w, FAM_IP4, 1000, 8);
    w.tree = tree_build(&w.arena, w.entries, w.n, &w.shape);
    check_shape(&w);
    CU_ASSERT(w.tree.nodes[0].nkids >= 1000 / 8);
    arena_free(&w.arena);
}

/* Of `n` addresses from 10.0.0.0 on, and one far before them. */
static void tree_of_a_row(struct random_world *w, size_t n, struct tree_shape shape)
{
    *w = (struct random_world){.shape = shape};
    arena_init(&w->arena, unit_oom, NULL);
    w->entries = ARENA_NEW_ARRAY(&w->arena, n + 1, struct tree_entry);
    for (size_t i = 0; i <= n; i++) {
        struct ip ip = {0, i == 0 ? 1 : 0x0a000000 + i - 1};
        w->entries[w->n++] = (struct tree_entry){{FAM_IP4, ip, 32}, NULL};
    }
    w->tree = tree_build(&w->arena, w->entries, w->n, &w->shape);
    check_shape(w);
}

/* Cut is the largest part, wherever it stands, and the first of equally large ones. */
static void cuts_what_is_largest(void)
{
    struct random_world w;
    tree_of_a_row(&w, 100, (struct tree_shape){2, 8});
    for (size_t i = 1; i < w.tree.nnodes; i++) {
        CU_ASSERT(w.tree.nodes[i].n <= 8);
    }
    arena_free(&w.arena);
    tree_of_a_row(&w, 24, (struct tree_shape){3, 1});
    CU_ASSERT_EQUAL_FATAL(w.tree.nodes[0].nkids, 16);
    for (size_t i = 0; i < 16; i++) { /* the one, 6 of what were pairs, 9 pairs */
        CU_ASSERT_EQUAL(w.tree.nodes[w.tree.nodes[0].kids + i].n, i < 7 ? 1 : 2);
    }
    arena_free(&w.arena);
}

UNIT_MAIN("ipt_tree", TEST(finds_every_address), TEST(keeps_to_the_levels), TEST(survives_a_comb),
          TEST(is_shallow), TEST(widens_where_levels_are_few), TEST(cuts_what_is_largest))
