/* The sweep over address sets against asking each set, and interned lists. */
#include "ir/sweep.h"
#include "rng.h"
#include "unit.h"

enum { SETS = 9, SPACE = 64 };

/* Sets of up to four ranges near the bottom or the top of a family. */
static struct ipset random_set(struct arena *a, struct rng *rng, enum family f)
{
    struct ip_range r[4];
    size_t n = rng_below(rng, 5);
    for (size_t i = 0; i < n; i++) {
        uint64_t first = rng_below(rng, SPACE), last = first + rng_below(rng, SPACE - first);
        r[i] = (struct ip_range){{0, first}, {0, last}};
        if (rng_below(rng, 3) == 0) { /* up to the last address */
            r[i] = (struct ip_range){ip_max(f), ip_max(f)};
            r[i].first.lo -= first;
        }
    }
    return ipset_of_ranges(a, r, n);
}

static bool list_is_right(struct sweep *s, const struct ipset *sets, struct ip at)
{
    struct id_list l = intern_list(&s->lists, sweep_sets(s));
    size_t next = 0;
    for (uint32_t i = 0; i < SETS; i++) {
        if (ipset_has(sets[i], at)) {
            if (next == l.n || l.v[next++] != i) {
                return false;
            }
        }
    }
    return next == l.n;
}

static void sweep_agrees_with_sets(void)
{
    struct rng rng = rng_new();
    for (size_t round = rng_rounds(500); round > 0; round--) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        enum family f = round % 2 == 0 ? FAM_IP4 : FAM_IP6;
        struct ipset sets[SETS];
        for (size_t i = 0; i < SETS; i++) {
            sets[i] = random_set(&c.arena, &rng, f);
        }
        struct sweep s;
        sweep_start(&s, &c.arena, f, sets, SETS);
        CU_ASSERT(ip_cmp(s.range.first, (struct ip){0, 0}) == 0);
        struct ip last;
        size_t wrong = 0;
        do {
            last = s.range.last;
            wrong += ip_cmp(s.range.first, s.range.last) > 0;
            wrong += !list_is_right(&s, sets, s.range.first);
            wrong += !list_is_right(&s, sets, s.range.last);
        } while (sweep_next(&s) && ip_cmp(s.range.first, ip_next(last)) == 0);
        CU_ASSERT(ip_cmp(s.range.last, ip_max(f)) == 0);
        CU_ASSERT_EQUAL(wrong, 0);
        ctx_free(&c);
    }
}

static void no_sets_is_one_range(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct sweep s;
    sweep_start(&s, &c.arena, FAM_IP4, NULL, 0);
    CU_ASSERT(ip_cmp(s.range.last, ip_max(FAM_IP4)) == 0);
    CU_ASSERT_EQUAL(intern_list(&s.lists, sweep_sets(&s)).n, 0);
    CU_ASSERT_FALSE(sweep_next(&s));
    ctx_free(&c);
}

static void intern_numbers_in_order(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct intern t;
    intern_init(&t, &c.arena);
    CU_ASSERT_EQUAL(intern_find(&t, STR("x")), ID_NONE);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            CU_ASSERT_EQUAL(intern_ids(&t, (uint32_t[]){i, 7}, 2), i);
        }
    }
    CU_ASSERT_EQUAL(intern_add(&t, (struct str){NULL, 0}), 1000);
    CU_ASSERT_EQUAL(intern_list(&t, 999).v[0], 999);
    CU_ASSERT_EQUAL(intern_list(&t, 1000).n, 0);
    ctx_free(&c);
}

static void ids_are_sorted_once(void)
{
    uint32_t v[] = {5, 1, 5, UINT32_MAX, 0, 1};
    CU_ASSERT_EQUAL(ids_sort(v, 6), 4);
    CU_ASSERT(v[0] == 0 && v[1] == 1 && v[2] == 5 && v[3] == UINT32_MAX);
    CU_ASSERT_EQUAL(ids_sort(NULL, 0), 0);
}

UNIT_MAIN("sweep", TEST(sweep_agrees_with_sets), TEST(no_sets_is_one_range),
          TEST(intern_numbers_in_order), TEST(ids_are_sorted_once))
