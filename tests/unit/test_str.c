/* Strings, interned strings, maps, and the buffers that they are printed to. */
#include "base/buf.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static struct arena arena;

static void classes_are_ascii(void)
{
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz",
                      upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int i = 0; i < 256; i++) {
        unsigned char c = (unsigned char)i;
        const char *u = c ? strchr(upper, c) : NULL;
        bool alpha = u || (c && strchr(lower, c));
        bool digit = c && strchr("0123456789", c);
        CU_ASSERT_EQUAL(ch_is_alpha(c), alpha);
        CU_ASSERT_EQUAL(ch_is_digit(c), digit);
        CU_ASSERT_EQUAL(ch_is_alnum(c), alpha || digit);
        CU_ASSERT_EQUAL(ch_lower(c), u ? (unsigned char)lower[u - upper] : c);
    }
}

static void comparison(void)
{
    struct str rising[] = {STR(""),     STR("\0"),   STR("\0a"),      STR("A"),
                           STR("a"),    STR("a "),   STR("aa"),       STR("b"),
                           STR("\x7F"), STR("\x80"), STR("\xC3\xBC"), STR("\xFF")};
    size_t n = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            int order = str_cmp(rising[i], rising[k]);
            CU_ASSERT_EQUAL((order > 0) - (order < 0), (i > k) - (i < k));
            CU_ASSERT_EQUAL(str_eq(rising[i], rising[k]), i == k);
        }
    }
    struct str nothing = {NULL, 0};
    CU_ASSERT(str_eq(nothing, STR("")));
    CU_ASSERT_EQUAL(str_cmp(nothing, STR("")), 0);
    CU_ASSERT(str_is(nothing, ""));
    CU_ASSERT(str_is(STR("ab"), "ab"));
    CU_ASSERT_FALSE(str_is(STR("a\0b"), "a")); /* a NUL ends nothing */
    CU_ASSERT_EQUAL(str_of(NULL).n, 0);
    CU_ASSERT(str_eq_nocase(STR("NetworkPolicy"), STR("networkpolicY")));
    CU_ASSERT_FALSE(str_eq_nocase(STR("a@"), STR("a`"))); /* differ in the case bit alone */
    CU_ASSERT_FALSE(str_eq_nocase(STR("a["), STR("a{")));
    CU_ASSERT_FALSE(str_eq_nocase(STR("ab"), STR("abc")));
    CU_ASSERT(str_starts(STR("abc"), "ab") && str_starts(STR("ab"), "ab") &&
              str_starts(nothing, ""));
    CU_ASSERT_FALSE(str_starts(STR("a"), "ab") || str_starts(STR("xab"), "ab"));
    CU_ASSERT(str_ends(STR("a.npc"), ".npc") && str_ends(STR(".npc"), ".npc") &&
              str_ends(nothing, ""));
    CU_ASSERT_FALSE(str_ends(STR("npc"), ".npc") || str_ends(STR("a.npcx"), ".npc"));
}

static void T08_only_canonical_decimal(void)
{
    static const struct str bad[] = {
        STR_INIT(""),
        STR_INIT("080"),
        STR_INIT("08"),
        STR_INIT("010"),
        STR_INIT("0x50"),
        STR_INIT("0o17"),
        STR_INIT("1_000"),
        STR_INIT("80.0"),
        STR_INIT("8e1"),
        STR_INIT("+80"),
        STR_INIT("-80"),
        STR_INIT("22:22"),
        STR_INIT(" 80"),
        STR_INIT("80 "),
        STR_INIT("00"),
        STR_INIT("80\n"),
        STR_INIT("8\0"
                 "0"),
        STR_INIT("\xD9\xA8"), /* an Arabic-Indic digit */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t value = 77;
        CU_ASSERT_FALSE(str_to_u32(bad[i], UINT32_MAX, &value));
        CU_ASSERT_EQUAL(value, 77);
    }
}

static void T09_numbers_do_not_wrap(void)
{
    static const struct {
        const char *text;
        uint32_t max;
        bool fine;
        uint32_t value;
    } cases[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"65545", 65535, false, 0},
        {"655360", 65535, false, 0},
        {"4294967295", UINT32_MAX, true, UINT32_MAX},
        {"4294967296", UINT32_MAX, false, 0},
        {"4294967376", 65535, false, 0}, /* 2^32 + 80 */
        {"4294967376", UINT32_MAX, false, 0},
        {"42949672950", UINT32_MAX, false, 0},
        {"99999999999999999999", UINT32_MAX, false, 0},
        {"18446744073709551617", UINT32_MAX, false, 0}, /* 2^64 + 1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t value = 77;
        CU_ASSERT_EQUAL(str_to_u32(str_of(cases[i].text), cases[i].max, &value), cases[i].fine);
        CU_ASSERT_EQUAL(value, cases[i].fine ? cases[i].value : 77);
    }
    struct rng r = rng_new();
    for (size_t i = 0; i < rng_rounds(100000); i++) {
        uint64_t number = rng_next(&r) >> rng_below(&r, 64);
        uint32_t max = (uint32_t)(rng_next(&r) >> (32 + rng_below(&r, 32)));
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        uint32_t value = 0;
        bool fine = str_to_u32(str_of(text), max, &value);
        if (fine != (number <= max) || (fine && value != number)) {
            CU_FAIL_FATAL("a number was misread");
        }
    }
}

static void printf_any_length(void)
{
    struct str s = str_printf(&arena, STR_FMT "/%d", STR_ARG(STR("abcdef")), 42);
    CU_ASSERT(str_eq(s, STR("abcdef/42")));
    CU_ASSERT_EQUAL(s.p[s.n], '\0');
    struct str nothing = {NULL, 0};
    CU_ASSERT(str_eq(str_printf(&arena, "<" STR_FMT ">", STR_ARG(nothing)), STR("<>")));
    CU_ASSERT(str_eq(str_path(&arena, STR("ns"), STR("a/b")), STR("ns/a/b")));
    s = str_path(&arena, nothing, nothing);
    CU_ASSERT(str_eq(s, STR("/")) && s.p[1] == '\0');
    s = str_printf(&arena, "%100000d", 7);
    CU_ASSERT_EQUAL(s.n, 100000);
    CU_ASSERT_EQUAL(s.p[99999], '7');
}

/* ---- the nearest spelling ---- */

static void nearest_table(void)
{
    static const struct str words[] = {STR_INIT("podSelector"), STR_INIT("namespaceSelector"),
                                       STR_INIT("ipBlock"),     STR_INIT("port"),
                                       STR_INIT("ports"),       STR_INIT("to")};
    static const struct {
        const char *word, *found;
    } cases[] = {
        {"podselector", "podSelector"},
        {"podSelectors", "podSelector"},
        {"pdoSelector", "podSelector"},
        {"podSelect", "podSelector"},
        {"podSelec", ""},
        {"pzzt", ""},
        {"pzzts", "ports"}, /* two edits, but only of five bytes on */

        {"ipblok", "ipBlock"}, /* case, and one letter */
        {"prot", "port"},
        {"PORTS", "ports"},
        {"porta", "port"}, /* port and ports are both 1 away: the first */
        {"t", "to"},
        {"xy", ""},
        {"from", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str got = str_nearest(str_of(cases[i].word), words, sizeof words / sizeof *words);
        if (!str_is(got, cases[i].found)) {
            fprintf(stderr, "%s: %.*s, not %s\n", cases[i].word, STR_ARG(got), cases[i].found);
            CU_FAIL("not the nearest");
        }
    }
    /* Equal but for case wins over an earlier neighbour. */
    static const struct str pair[] = {STR_INIT("abcdex"), STR_INIT("ABCDEF")};
    CU_ASSERT(str_is(str_nearest(STR("abcdef"), pair, 2), "ABCDEF"));
}

/* One random edit; `kind` 3 swaps neighbours. */
static size_t edit(struct rng *r, char *word, size_t n, size_t kind)
{
    size_t at = rng_below(r, n);
    char letter = (char)('p' + rng_below(r, 10)); /* words are of a-o */
    if (kind == 0) {
        memmove(word + at + 1, word + at, n - at);
        word[at] = letter;
        return n + 1;
    }
    if (kind == 1) {
        memmove(word + at, word + at + 1, n - at - 1);
        return n - 1;
    }
    if (kind == 2) {
        word[at] = letter;
    } else if (at + 1 < n) {
        char c = word[at];
        word[at] = word[at + 1];
        word[at + 1] = c;
    }
    return n;
}

static void nearest_finds_edited_words(void)
{
    struct rng r = rng_new();
    for (size_t round = 0; round < rng_rounds(20000); round++) {
        char original[32], word[40];
        size_t n = 6 + rng_below(&r, 20);
        for (size_t i = 0; i < n; i++) {
            original[i] = word[i] = (char)('a' + rng_below(&r, 15));
        }
        struct str candidate = {original, n};
        size_t kind = rng_below(&r, 4);
        size_t m = edit(&r, word, n, kind);
        if (str_nearest((struct str){word, m}, &candidate, 1).n != n) {
            CU_FAIL_FATAL("one edit was not found");
        }
        m = edit(&r, word, m, rng_below(&r, 3));
        /* An edit between swapped letters makes the distance 3: swaps are left out here. */
        if (kind != 3 && m > 4 && str_nearest((struct str){word, m}, &candidate, 1).n != n) {
            CU_FAIL_FATAL("two edits were not found");
        }
        /* Three new letters more: at least three edits away from every word of a-o. */
        memcpy(word, original, n);
        memcpy(word + n, "xyz", 3);
        if (str_nearest((struct str){word, n + 3}, &candidate, 1).n != 0) {
            CU_FAIL_FATAL("three edits were found");
        }
        word[n / 2] = 'q';
        word[n / 2 + 1] = 'r';
        word[n / 2 - 1] = 's';
        if (str_nearest((struct str){word, n}, &candidate, 1).n != 0) {
            CU_FAIL_FATAL("three replacements were found");
        }
    }
    char monster[5000];
    memset(monster, 'a', sizeof monster);
    struct str candidate = {monster, 4999};
    CU_ASSERT_EQUAL(str_nearest((struct str){monster, 5000}, &candidate, 1).n, 0);
    candidate.n = 63; /* the longest words that are compared have 64 bytes */
    CU_ASSERT_EQUAL(str_nearest((struct str){monster, 64}, &candidate, 1).n, 63);
    CU_ASSERT_EQUAL(str_nearest((struct str){monster, 65}, &candidate, 1).n, 0);
    candidate.n = 65;
    CU_ASSERT_EQUAL(str_nearest((struct str){monster, 64}, &candidate, 1).n, 0);
}

/* ---- tables ---- */

static struct str random_word(struct rng *r, char word[8])
{
    size_t n = rng_below(r, 4); /* short: many repeats */
    for (size_t i = 0; i < n; i++) {
        word[i] = "ab\0\xFF"[rng_below(r, 4)];
    }
    return (struct str){word, n};
}

/* Nothing but the bytes counts, wherever they lie, and each of them does, as does their number. */
static void hash_is_of_all_bytes(void)
{
    for (uint32_t id = 0; id < 20; id++) {
        uint32_t ids[2] = {id};
        uint64_t one = str_hash((struct str){(const char *)ids, sizeof ids[0]});
        CU_ASSERT_NOT_EQUAL(one, str_hash((struct str){NULL, 0}));
        CU_ASSERT_NOT_EQUAL(one, str_hash((struct str){(const char *)ids, sizeof ids}));
    }
    char bytes[80], moved[81];
    for (size_t n = 0; n < sizeof bytes; n++) {
        memset(bytes, 'x', sizeof bytes);
        memset(moved, 'y', sizeof moved);
        memcpy(moved + 1, bytes, n);
        uint64_t whole = str_hash((struct str){bytes, n});
        CU_ASSERT_EQUAL(whole, str_hash((struct str){moved + 1, n}));
        CU_ASSERT_NOT_EQUAL(whole, str_hash((struct str){bytes, n + 1}));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            moved[1 + bit / 8] ^= (char)(1 << bit % 8);
            CU_ASSERT_NOT_EQUAL(whole, str_hash((struct str){moved + 1, n}));
            moved[1 + bit / 8] ^= (char)(1 << bit % 8);
        }
    }
}

/* The nth key of the sorts that tables hold: names, addresses, words, lists of numbers. */
static struct str nth_key(size_t sort, uint32_t n)
{
    switch (sort) {
    case 0:
        return str_printf(&arena, "%" PRIu32, n);
    case 1:
        return str_printf(&arena, "app%" PRIu32 "-5d4f8c7b9-x", n);
    case 2:
        return str_printf(&arena, "10.%" PRIu32 ".%" PRIu32 ".1", n >> 8, n & 255);
    case 3:
        return str_dup(&arena, (struct str){(const char *)&n, sizeof n});
    default: {
        uint32_t ids[4] = {0};
        ids[sort - 4] = n;
        return str_dup(&arena, (struct str){(const char *)ids, sizeof ids});
    }
    }
}

/* As many keys as half of the slots are spread as by chance, which is to say over 39.3 % of them
 * (1 - e^-1/2), within three hundredths. */
static void hash_spreads_keys(void)
{
    enum { SORTS = 8, SLOTS = 65536 };
    for (size_t sort = 0; sort < SORTS; sort++) {
        static bool taken[SLOTS];
        size_t count = 0;
        memset(taken, 0, sizeof taken);
        for (uint32_t n = 0; n < SLOTS / 2; n++) {
            bool *slot = &taken[str_hash(nth_key(sort, n)) % SLOTS];
            count += !*slot;
            *slot = true;
        }
        CU_ASSERT(count > SLOTS / 100 * 36);
    }
}

static void strtab_shares_equal_strings(void)
{
    struct strtab t;
    strtab_init(&t, &arena);
    enum { MOST = 5000 };
    static struct str seen[MOST];
    size_t n = 0;
    struct rng r = rng_new();
    for (size_t i = 0; i < MOST; i++) {
        char word[8], number[16];
        struct str s = random_word(&r, word);
        if (i % 2 == 0) {
            s = (struct str){number, (size_t)snprintf(number, sizeof number, "%zu", i / 4)};
        }
        struct str got = strtab_intern(&t, s);
        CU_ASSERT(str_eq(got, s));
        CU_ASSERT_PTR_NOT_EQUAL(got.p, s.p);
        size_t k = 0;
        while (k < n && !str_eq(seen[k], s)) {
            k++;
        }
        if (k == n) {
            seen[n++] = got;
        }
        CU_ASSERT_PTR_EQUAL(got.p, seen[k].p);
    }
    CU_ASSERT_EQUAL(t.n, n);
    CU_ASSERT_PTR_NOT_NULL(strtab_intern(&t, (struct str){NULL, 0}).p);
}

static void strmap_is_a_map(void)
{
    struct strmap m;
    strmap_init(&m, &arena);
    CU_ASSERT_PTR_NULL(strmap_get(&m, STR("a")));
    enum { MOST = 3000 };
    static struct str keys[MOST];
    static void *values[MOST];
    static char things[MOST];
    size_t n = 0;
    struct rng r = rng_new();
    for (size_t i = 0; i < MOST; i++) {
        char word[8];
        struct str key = i % 3 == 0 ? str_printf(&arena, "%zu", rng_below(&r, MOST))
                                    : str_dup(&arena, random_word(&r, word));
        size_t k = 0;
        while (k < n && !str_eq(keys[k], key)) {
            k++;
        }
        CU_ASSERT_PTR_EQUAL(strmap_get(&m, key), k < n ? values[k] : NULL);
        CU_ASSERT_PTR_EQUAL(strmap_put(&m, key, &things[i]), k < n ? values[k] : NULL);
        keys[k] = key;
        values[k] = &things[i];
        n += k == n;
    }
    CU_ASSERT_EQUAL(m.n, n);
    for (size_t k = 0; k < n; k++) {
        CU_ASSERT_PTR_EQUAL(strmap_get(&m, keys[k]), values[k]);
    }
}

/* ---- buffers ---- */

static void buf_grows(void)
{
    struct buf *b = buf_new(&arena);
    CU_ASSERT_EQUAL(buf_text(b).n, 0);
    static char want[300000];
    size_t n = 0;
    struct rng r = rng_new();
    while (n < sizeof want - 1000) {
        size_t piece = rng_below(&r, 900);
        memset(want + n, (int)('a' + piece % 26), piece);
        buf_put(b, want + n, piece);
        n += piece;
        want[n++] = '!';
        buf_putc(b, '!');
    }
    CU_ASSERT(str_eq(buf_text(b), (struct str){want, n}));
    buf_cut(b, n + 1);
    CU_ASSERT_EQUAL(buf_text(b).n, n);
    buf_cut(b, 3);
    CU_ASSERT(str_eq(buf_text(b), (struct str){want, 3}));
    buf_put(b, NULL, 0);
    buf_cut(b, 0);
    buf_u64(b, 0);
    buf_putc(b, ' ');
    buf_u64(b, UINT64_MAX);
    buf_spaces(b, 3);
    buf_spaces(b, 0);
    buf_printf(b, "%s-%d", "x", -5);
    buf_str(b, STR("\0y"));
    CU_ASSERT(str_eq(buf_text(b), STR("0 18446744073709551615   x--5\0y")));
    buf_cut(b, 0);
    buf_printf(b, "%70000d", 1);
    CU_ASSERT_EQUAL(buf_text(b).n, 70000);
    for (int k = 1; k < 600; k++) { /* room for printf's NUL, too, at every capacity */
        struct buf *fresh = buf_new(&arena);
        buf_printf(fresh, "%*d", k, 7);
        CU_ASSERT(fresh->n == (size_t)k && fresh->p[k - 1] == '7');
    }
}

static void T36_json_strings(void)
{
    static const struct {
        struct str in, out;
    } cases[] = {
        {STR_INIT(""), STR_INIT("\"\"")},
        {STR_INIT("a\"b\\c/d"), STR_INIT("\"a\\\"b\\\\c/d\"")},
        {STR_INIT("\b\f\n\r\t\0\x1B\x7F"), STR_INIT("\"\\b\\f\\n\\r\\t\\u0000\\u001b\\u007f\"")},
        {STR_INIT("\xC3\xBC\xF0\x9F\x98\x80"), STR_INIT("\"\xC3\xBC\xF0\x9F\x98\x80\"")},
        {STR_INIT("a\xFFz\xC3"), STR_INIT("\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"")},
        {STR_INIT("\xED\xA0\x80"), STR_INIT("\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"")},
        {STR_INIT("\xC2\x9B\xE2\x80\xAE\xE2\x80\xA8"), STR_INIT("\"\\u009b\\u202e\\u2028\"")},
        {STR_INIT("\u200b\U000e0041"), STR_INIT("\"\\u200b\\udb40\\udc41\"")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf *b = buf_new(&arena);
        buf_json_string(b, cases[i].in);
        CU_ASSERT(str_eq(buf_text(b), cases[i].out));
    }
    /* Every code point comes back from another JSON reader as it was. */
    for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 251) {
        char raw[4];
        size_t n = c < 0x80 ? 1 : 0;
        raw[0] = (char)c;
        if (c >= 0x80 && (c < 0xD800 || c > 0xDFFF)) {
            char text[40]; /* jansson encodes it for us, from \u escapes */
            uint32_t high = 0xD7C0 + (c >> 10), low = 0xDC00 + (c & 0x3FF);
            snprintf(text, sizeof text, c > 0xFFFF ? "[\"\\u%04x\\u%04x\"]" : "[\"\\u%04x\"]",
                     c > 0xFFFF ? high : c, low);
            json_t *list = json_loads(text, JSON_ALLOW_NUL, NULL);
            n = json_string_length(json_array_get(list, 0));
            memcpy(raw, json_string_value(json_array_get(list, 0)), n);
            json_decref(list);
        }
        struct buf *b = buf_new(&arena);
        buf_json_string(b, (struct str){raw, n});
        json_t *back = json_loadb(b->p, b->n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (!back || json_string_length(back) != n ||
            memcmp(json_string_value(back), raw, n) != 0) {
            CU_FAIL_FATAL("a JSON string did not come back");
        }
        json_decref(back);
        for (size_t i = 0; i < b->n; i++) {
            CU_ASSERT((unsigned char)b->p[i] >= 0x20 && b->p[i] != 0x7F);
        }
    }
}

int main(void)
{
    arena_init(&arena, unit_oom, NULL);
    CU_TestInfo tests[] = {TEST(classes_are_ascii),
                           TEST(comparison),
                           TEST(T08_only_canonical_decimal),
                           TEST(T09_numbers_do_not_wrap),
                           TEST(printf_any_length),
                           TEST(nearest_table),
                           TEST(nearest_finds_edited_words),
                           TEST(hash_is_of_all_bytes),
                           TEST(hash_spreads_keys),
                           TEST(strtab_shares_equal_strings),
                           TEST(strmap_is_a_map),
                           TEST(buf_grows),
                           TEST(T36_json_strings),
                           CU_TEST_INFO_NULL};
    int status = unit_run("str", tests);
    arena_free(&arena);
    return status;
}
