/* Bundles: what is written is read again; what was cut or changed is not. */
#include "unit.h"

#include "apply/bundle.h"
#include "apply/lines.h"

struct fixture {
    struct arena arena;
    struct bundle bundle;
    struct str bytes;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, unit_oom, NULL);
    bundle_put(&f->arena, &f->bundle, "target", STR("nft"));
    bundle_put(&f->arena, &f->bundle, "empty", STR(""));
    bundle_put(&f->arena, &f->bundle, "rules", STR("a 3\nsha256 64\n\0\xff\n"));
    f->bytes = bundle_write(&f->arena, &f->bundle);
}

static void test_round_trip(void)
{
    struct fixture f;
    struct bundle b;
    begin(&f);
    CU_ASSERT_TRUE_FATAL(bundle_read(&f.arena, f.bytes, &b));
    CU_ASSERT_EQUAL(b.list.n, 3);
    CU_ASSERT_TRUE(str_is(bundle_get(&b, "target"), "nft"));
    CU_ASSERT_TRUE(bundle_has(&b, "empty") && bundle_get(&b, "empty").n == 0);
    CU_ASSERT_TRUE(str_eq(bundle_get(&b, "rules"), STR("a 3\nsha256 64\n\0\xff\n")));
    CU_ASSERT_FALSE(bundle_has(&b, "sha256"));
    bundle_set(&f.arena, &b, "target", STR("iptables"));
    CU_ASSERT_EQUAL(b.list.n, 3);
    CU_ASSERT_TRUE(str_is(bundle_get(&b, "target"), "iptables"));
    arena_free(&f.arena);
}

/* The hash is SHA-256: of "abc", from FIPS 180-2. */
static void test_digest(void)
{
    struct fixture f;
    begin(&f);
    CU_ASSERT_TRUE(str_is(digest_text(&f.arena, STR("abc")),
                          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    arena_free(&f.arena);
}

static void test_T60_cut_anywhere(void)
{
    struct fixture f;
    struct bundle b;
    begin(&f);
    for (size_t n = 0; n < f.bytes.n; n++) {
        const struct str cut = {arena_copy(&f.arena, f.bytes.p, n), n};
        CU_ASSERT_FALSE(bundle_read(&f.arena, cut, &b));
    }
    arena_free(&f.arena);
}

static void test_T60_changed_anywhere(void)
{
    struct fixture f;
    struct bundle b;
    begin(&f);
    for (size_t n = 0; n < f.bytes.n; n++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char *changed = arena_copy(&f.arena, f.bytes.p, f.bytes.n);
            changed[n] = (char)(changed[n] ^ (1 << bit));
            CU_ASSERT_FALSE(bundle_read(&f.arena, (struct str){changed, f.bytes.n}, &b));
        }
    }
    char *longer = arena_copy(&f.arena, f.bytes.p, f.bytes.n + 1);
    longer[f.bytes.n] = '\n';
    CU_ASSERT_FALSE(bundle_read(&f.arena, (struct str){longer, f.bytes.n + 1}, &b));
    arena_free(&f.arena);
}

static void test_lines(void)
{
    struct str rest = STR("a b\n\n  c  dd\nend"), line;
    CU_ASSERT_TRUE(line_next(&rest, &line) && str_is(line, "a b"));
    CU_ASSERT_TRUE(str_is(line_word(line, 1), "b") && line_word(line, 2).n == 0);
    CU_ASSERT_TRUE(line_next(&rest, &line) && line.n == 0);
    CU_ASSERT_TRUE(line_next(&rest, &line) && str_is(line_word(line, 1), "dd"));
    CU_ASSERT_TRUE(line_next(&rest, &line) && str_is(line, "end"));
    CU_ASSERT_FALSE(line_next(&rest, &line));
}

static void test_numbers(void)
{
    uint64_t n = 7;
    CU_ASSERT_TRUE(read_u64(STR("0"), &n) && n == 0);
    CU_ASSERT_TRUE(read_u64(STR("1700000000000"), &n) && n == 1700000000000);
    static const struct str bad[] = {STR_INIT(""), STR_INIT("-1"), STR_INIT("1 "), STR_INIT("0x1"),
                                     STR_INIT("99999999999999999999")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_FALSE(read_u64(bad[i], &n));
        CU_ASSERT_EQUAL(n, 1700000000000);
    }
}

UNIT_MAIN("bundle", TEST(test_round_trip), TEST(test_digest), TEST(test_T60_cut_anywhere),
          TEST(test_T60_changed_anywhere), TEST(test_lines), TEST(test_numbers))
