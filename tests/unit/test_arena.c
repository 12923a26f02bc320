/* The arena: alignment, zeroing, no overlap, deferred releases, memory exhausted. */
#include "base/buf.h"
#include "base/str.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <setjmp.h>
#include <stdalign.h>
#include <string.h>

static void alloc_keeps_pieces_apart(void)
{
    enum { N = 4000 };
    static unsigned char *pieces[N];
    static size_t sizes[N];
    struct rng r = rng_new();
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    CU_ASSERT_EQUAL(a.total, 0);
    for (size_t i = 0; i < N; i++) {
        sizes[i] = rng_below(&r, i % 100 == 0 ? 200000 : 300);
        pieces[i] = arena_alloc(&a, sizes[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(pieces[i]);
        CU_ASSERT_EQUAL((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < sizes[i]; k++) {
            if (pieces[i][k] != 0) {
                CU_FAIL_FATAL("memory is not zeroed");
            }
        }
        memset(pieces[i], (int)(i % 255 + 1), sizes[i]);
    }
    size_t asked = 0;
    for (size_t i = 0; i < N; i++) {
        asked += sizes[i];
        for (size_t k = 0; k < sizes[i]; k++) {
            if (pieces[i][k] != i % 255 + 1) {
                CU_FAIL_FATAL("pieces overlap");
            }
        }
    }
    CU_ASSERT(a.total >= asked);
    CU_ASSERT(a.total < 2 * asked); /* I5: little is lost */
    arena_free(&a);
    CU_ASSERT_EQUAL(a.total, 0);
}

static void large_piece_leaves_chunk_in_use(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    char *before = arena_alloc(&a, 16);
    arena_alloc(&a, (size_t)1 << 20);
    char *after = arena_alloc(&a, 16);
    CU_ASSERT(after > before && after <= before + 32); /* 16, but for a sanitizer's fence */
    arena_free(&a);
    /* A large piece may also be the very first. */
    char *first = arena_alloc(&a, (size_t)1 << 20);
    memset(first, 1, (size_t)1 << 20);
    memset(arena_alloc(&a, 100), 2, 100);
    CU_ASSERT_EQUAL(first[((size_t)1 << 20) - 1], 1);
    arena_free(&a);
}

static void copy_ends_in_nul(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    const char bytes[] = {'a', '\0', 'b', 'x'};
    char *copy = arena_copy(&a, bytes, 3);
    CU_ASSERT_EQUAL(memcmp(copy, "a\0b", 4), 0);
    CU_ASSERT_EQUAL(arena_copy(&a, NULL, 0)[0], '\0');
    arena_free(&a);
}

/* ---- deferred releases ---- */

struct event {
    char *log;
    char letter;
    struct arena *again; /* defers `next` on it while being released */
    struct event *next;
};

static void note(void *resource)
{
    struct event *e = resource;
    e->log[strlen(e->log)] = e->letter;
    if (e->again) {
        arena_defer(e->again, note, e->next);
    }
}

static void defers_run_newest_first(void)
{
    char log[8] = "";
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct event last = {.log = log, .letter = 'z'};
    struct event events[] = {{.log = log, .letter = 'a'},
                             {.log = log, .letter = 'b', .again = &a, .next = &last},
                             {.log = log, .letter = 'c'}};
    for (size_t i = 0; i < 3; i++) {
        arena_defer(&a, note, &events[i]);
    }
    arena_free(&a);
    CU_ASSERT_STRING_EQUAL(log, "cbza");
    arena_free(&a); /* nothing runs twice */
    CU_ASSERT_STRING_EQUAL(log, "cbza");
    memset(arena_alloc(&a, 10), 1, 10); /* may be used again */
    arena_free(&a);
}

/* What a reset arena gives is as new, and it takes no more memory than once. */
static void reset_is_like_new(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    arena_reset(&a);
    CU_ASSERT_EQUAL(a.total, 0);
    size_t most = 0;
    for (size_t round = 0; round < 50; round++) {
        char log[2] = "";
        struct event gone = {.log = log, .letter = 'x'};
        for (size_t i = 0; i < 3000; i++) {
            unsigned char *p = arena_alloc(&a, 1 + i % 100);
            for (size_t k = 0; k <= i % 100; k++) {
                if (p[k] != 0) {
                    CU_FAIL_FATAL("memory is not zeroed");
                }
            }
            memset(p, 0xff, 1 + i % 100);
        }
        memset(arena_alloc(&a, 100000), 0xff, 100000);
        arena_defer(&a, note, &gone);
        most = round == 0 ? a.total : most;
        CU_ASSERT_EQUAL(a.total, most);
        arena_reset(&a);
        CU_ASSERT_STRING_EQUAL(log, "x");
        CU_ASSERT(a.total > 0 && a.total < 100000);
    }
    arena_free(&a);
    CU_ASSERT_EQUAL(a.total, 0);
    arena_alloc(&a, 100000); /* nothing but a large one */
    arena_reset(&a);
    CU_ASSERT_EQUAL(a.total, 0);
}

static void scratch_goes_with_its_parent(void)
{
    char log[8] = "";
    struct event e = {.log = log, .letter = 's'};
    struct arena parent, child;
    arena_init(&parent, unit_oom, NULL);
    arena_init_scratch(&child, &parent);
    arena_defer(&child, note, &e);
    arena_alloc(&child, 100);
    arena_free(&parent); /* as after a longjmp over the child's owner */
    CU_ASSERT_STRING_EQUAL(log, "s");
    CU_ASSERT_EQUAL(child.total, 0);

    arena_init_scratch(&child, &parent);
    arena_defer(&child, note, &e);
    arena_free(&child);
    arena_free(&parent);
    CU_ASSERT_STRING_EQUAL(log, "ss");
}

/* ---- memory exhausted ---- */

static void jump(void *arg)
{
    longjmp(*(jmp_buf *)arg, 1);
}

/* Under AddressSanitizer an absurd request is NULL too, as malloc has it, and not the end. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Kept out of the optimizer's sight, which knows that such sizes are absurd. */
static volatile size_t huge = SIZE_MAX;

static void ask_alloc(struct arena *a)
{
    arena_alloc(a, huge / 4);
}
static void ask_alloc_max(struct arena *a)
{
    arena_alloc(a, huge);
}
static void ask_alloc_header(struct arena *a) /* fits, but not with the chunk's header */
{
    arena_alloc(a, huge - 31);
}
static void ask_array(struct arena *a)
{
    arena_array(a, huge / 2, 3);
}
static void ask_array_small_product(struct arena *a) /* 2^63 * 2 wraps to 0 */
{
    arena_array(a, huge / 2 + 1, 2);
}
static void ask_copy(struct arena *a)
{
    arena_copy(a, "", huge);
}
static void ask_vec(struct arena *a)
{
    size_t cap = huge / 2 + 1;
    vec_grow(a, NULL, &cap, 1);
}
static void ask_extend(struct arena *a)
{
    arena_extend(a, arena_alloc(a, 100000), 100000, huge / 4);
}
static void ask_extend_sum(struct arena *a)
{
    arena_extend(a, arena_alloc(a, 100000), 100000, huge);
}
static void ask_fail(struct arena *a)
{
    arena_fail(a);
}
/* printf() fails as it does for more than INT_MAX bytes, at once: no such character in this locale.
 */
static void ask_text(struct arena *a)
{
    str_printf(a, "%ls", L"\u20ac");
}
static void ask_buf_text(struct arena *a)
{
    buf_printf(buf_new(a), "%ls", L"\u20ac");
}

static void T40_exhausted_memory_jumps(void)
{
    void (*const asks[])(struct arena *) = {
        ask_alloc, ask_alloc_max, ask_alloc_header, ask_array,      ask_array_small_product,
        ask_copy,  ask_vec,       ask_extend,       ask_extend_sum, ask_fail,
        ask_text,  ask_buf_text,
    };
    for (volatile size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        char log[8] = "";
        struct event e = {.log = log, .letter = 'r'};
        struct arena a;
        jmp_buf back;
        arena_init(&a, jump, &back);
        arena_defer(&a, note, &e);
        if (setjmp(back) == 0) {
            asks[i](&a);
            CU_FAIL("an impossible request returned");
        }
        memset(arena_alloc(&a, 1000), 1, 1000); /* still usable */
        arena_free(&a);
        CU_ASSERT_STRING_EQUAL(log, "r");
    }
}

static void T40_scratch_shares_the_handler(void)
{
    struct arena parent, child;
    jmp_buf back;
    arena_init(&parent, jump, &back);
    arena_init_scratch(&child, &parent);
    if (setjmp(back) == 0) {
        ask_alloc(&child);
        CU_FAIL("an impossible request returned");
    }
    arena_free(&parent);
}

/* ---- vectors ---- */

static void vec_keeps_items(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    VEC(uint32_t) v = {0};
    for (uint32_t i = 0; i < 10000; i++) {
        vec_push(&a, &v, i * 7);
    }
    CU_ASSERT_EQUAL_FATAL(v.n, 10000);
    for (uint32_t i = 0; i < 10000; i++) {
        if (v.v[i] != i * 7) {
            CU_FAIL_FATAL("an item was lost");
        }
    }
    CU_ASSERT(v.cap < 4 * v.n);
    arena_free(&a);
}

static bool is_all(const unsigned char *p, size_t n, unsigned char byte)
{
    size_t same = 0;
    while (same < n && p[same] == byte) {
        same++;
    }
    return same == n;
}

/* Pieces of all sizes grow in turns, beside each other and beside small ones. */
static void extend_keeps_pieces_apart(void)
{
    enum { PIECES = 5, ROUNDS = 8 };
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    unsigned char *pieces[PIECES] = {NULL};
    size_t sizes[PIECES] = {0};
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            size_t more = sizes[i] > 0 ? sizes[i] : (size_t)1000 << 2 * i;
            pieces[i] = arena_extend(&a, pieces[i], sizes[i], more);
            memset(pieces[i] + sizes[i], (int)i + 1, more);
            sizes[i] += more;
            memset(arena_alloc(&a, 100), 0xff, 100);
        }
    }
    for (size_t i = 0; i < PIECES; i++) {
        CU_ASSERT_EQUAL(sizes[i], ((size_t)1000 << 2 * i) << (ROUNDS - 1));
        CU_ASSERT(is_all(pieces[i], sizes[i], (unsigned char)(i + 1)));
    }
    arena_reset(&a);
    CU_ASSERT(is_all(arena_alloc(&a, 50000), 50000, 0));
    arena_free(&a);
}

/* The first piece of a chunk that others share is larger than most, and no chunk of its own. */
static void extend_leaves_shared_chunks(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    arena_alloc(&a, 10);
    arena_reset(&a);
    unsigned char *first = memset(arena_alloc(&a, 50000), 1, 50000);
    unsigned char *second = memset(arena_alloc(&a, 1000), 2, 1000);
    first = arena_extend(&a, first, 50000, 1000000);
    memset(first + 50000, 1, 1000000);
    CU_ASSERT(is_all(first, 1050000, 1));
    CU_ASSERT(is_all(second, 1000, 2));
    arena_free(&a);
}

/* A piece of another arena, whatever its size, is copied, and goes with that arena. */
static void extend_knows_its_own(void)
{
    struct arena a, b;
    arena_init(&a, unit_oom, NULL);
    arena_init(&b, unit_oom, NULL);
    unsigned char *there = memset(arena_alloc(&a, 1000000), 1, 1000000);
    unsigned char *here = arena_extend(&b, there, 1000000, 1);
    CU_ASSERT_PTR_NOT_EQUAL(here, there);
    arena_free(&a);
    CU_ASSERT(is_all(here, 1000000, 1));
    arena_free(&b);
}

/* What grows to megabytes does not leave its halves behind. */
static void extend_gives_back(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    VEC(uint64_t) v = {0};
    for (uint64_t i = 0; i < 1000000; i++) {
        vec_push(&a, &v, i);
    }
    CU_ASSERT(a.total < v.cap * sizeof *v.v + 300000);
    arena_free(&a);
}

UNIT_MAIN("arena", TEST(alloc_keeps_pieces_apart), TEST(large_piece_leaves_chunk_in_use),
          TEST(copy_ends_in_nul), TEST(defers_run_newest_first), TEST(reset_is_like_new),
          TEST(scratch_goes_with_its_parent), TEST(T40_exhausted_memory_jumps),
          TEST(T40_scratch_shares_the_handler), TEST(vec_keeps_items),
          TEST(extend_keeps_pieces_apart), TEST(extend_leaves_shared_chunks),
          TEST(extend_knows_its_own), TEST(extend_gives_back))
