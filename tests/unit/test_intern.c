/* Numbers of byte strings, against an array that is searched from its beginning; sorted numbers. */
#include "ir/intern.h"
#include "rng.h"
#include "unit.h"

#include <string.h>

static void nothing_is_found_in_an_empty_table(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct intern t;
    memset(&t, 0xff, sizeof t);
    intern_init(&t, &a);
    CU_ASSERT_EQUAL(intern_find(&t, STR("")), ID_NONE);
    CU_ASSERT_EQUAL(intern_find(&t, STR("a")), ID_NONE);
    CU_ASSERT_EQUAL(t.keys.n, 0);
    arena_free(&a);
}

/* Strings in which what tells them apart is the length, the first or the last byte, or a zero. */
static void numbers_rise_by_first_appearance(void)
{
    static const struct {
        struct str bytes;
        uint32_t id;
    } rows[] = {
        {{"", 0}, 0},         {{"a", 1}, 1},     {{"ab", 2}, 2},   {{"a", 1}, 1},
        {{"b", 1}, 3},        {{"a\0", 2}, 4},   {{"a\0b", 3}, 5}, {{"a\0c", 3}, 6},
        {{"\0", 1}, 7},       {{"\0\0", 2}, 8},  {{"", 0}, 0},     {{"a\0b", 3}, 5},
        {{"\xff\xff", 2}, 9}, {{"\xff", 1}, 10}, {{"b", 1}, 3},
    };
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct intern t;
    intern_init(&t, &a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(intern_add(&t, rows[i].bytes), rows[i].id);
        CU_ASSERT_EQUAL(intern_find(&t, rows[i].bytes), rows[i].id);
    }
    CU_ASSERT_EQUAL(intern_find(&t, STR("c")), ID_NONE);
    CU_ASSERT_EQUAL(t.keys.n, 11);
    arena_free(&a);
}

/* At every size of the table, whatever else is in it: also at those where it grows. */
static void many_keep_their_numbers(void)
{
    enum { MANY = 1500 };
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct intern t;
    intern_init(&t, &a);
    for (uint32_t n = 0; n < MANY; n++) {
        uint32_t key[2] = {n / 3, n * 7919};
        struct str bytes = {(const char *)key, sizeof key};
        CU_ASSERT_EQUAL(intern_find(&t, bytes), ID_NONE);
        CU_ASSERT_EQUAL(intern_ids(&t, key, 2), n);
        memset(key, 0, sizeof key); /* a copy was taken */
        CU_ASSERT(t.nslots >= 2 * t.keys.n && (t.nslots & (t.nslots - 1)) == 0);
        CU_ASSERT(t.nslots <= 64 || t.nslots <= 4 * t.keys.n);
    }
    for (uint32_t n = 0; n < MANY; n++) {
        uint32_t key[2] = {n / 3, n * 7919};
        CU_ASSERT_EQUAL(intern_find(&t, (struct str){(const char *)key, sizeof key}), n);
        CU_ASSERT_EQUAL(intern_ids(&t, key, 2), n);
    }
    CU_ASSERT_EQUAL(t.keys.n, MANY);
    arena_free(&a);
}

static void lists_come_back(void)
{
    static const uint32_t numbers[] = {7, 0, ID_NONE, 7, 1};
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct intern t;
    intern_init(&t, &a);
    for (uint32_t n = 0; n <= 5; n++) {
        CU_ASSERT_EQUAL(intern_ids(&t, numbers, n), n);
    }
    for (uint32_t n = 0; n <= 5; n++) {
        struct id_list l = intern_list(&t, n);
        CU_ASSERT_EQUAL(l.n, n);
        CU_ASSERT(n == 0 || memcmp(l.v, numbers, n * sizeof *numbers) == 0);
    }
    arena_free(&a);
}

/* Sorted: what counting by hand gives, a bit for each number. */
static void sorted_once_each(void)
{
    struct rng r = rng_new();
    for (int round = 0; round < 300; round++) {
        uint32_t v[12], seen = 0, last = 0;
        size_t n = rng_below(&r, 13);
        for (size_t i = 0; i < n; i++) {
            v[i] = (uint32_t)rng_below(&r, 16);
            seen |= 1u << v[i];
            v[i] = v[i] < 8 ? v[i] : v[i] + 0xfffffff0 - 8; /* numbers above INT32_MAX, too */
        }
        size_t kept = ids_sort(v, n);
        size_t expected = 0;
        for (uint32_t bit = 0; bit < 16; bit++) {
            if (seen >> bit & 1) {
                uint32_t number = bit < 8 ? bit : bit + 0xfffffff0 - 8;
                CU_ASSERT(expected < kept && v[expected] == number);
                CU_ASSERT(expected == 0 || number > last);
                last = number;
                expected++;
            }
        }
        CU_ASSERT_EQUAL(kept, expected);
    }
}

UNIT_MAIN("intern", TEST(nothing_is_found_in_an_empty_table),
          TEST(numbers_rise_by_first_appearance), TEST(many_keep_their_numbers),
          TEST(lists_come_back), TEST(sorted_once_each))
