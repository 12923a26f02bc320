/*
 * The loops that every byte of an input goes through, which look at blocks, beside loops that look
 * at one byte at a time: places, characters that are refused, and comments, in pieces of any size.
 */
#include "base/utf8.h"
#include "frontend/clean.h"
#include "frontend/remark.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { MOST = 300 };

/* ---- places ---- */

struct place {
    uint32_t line, col;
};

static struct place count_naively(const char *text, size_t n)
{
    struct place p = {1, 1};
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            p = (struct place){p.line + 1, 1};
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            p.col++;
        }
    }
    return p;
}

/* n bytes of lines, with characters of one to three bytes. */
static size_t make_text(struct rng *r, char *text, size_t n)
{
    static const char *const pieces[] = {"a",          "b: ",
                                         "\n",         " ",
                                         "#",          "# npc:allow NPC102 x",
                                         "\xC3\xBC",   "\xE2\x82\xAC",
                                         "\t",         "aaaaaaaaaaaaaaaaaaaaaaaa",
                                         "# npc: \r\n"};
    size_t used = 0;
    for (;;) {
        const char *piece = pieces[rng_below(r, sizeof pieces / sizeof *pieces)];
        if (used + strlen(piece) > n) {
            return used;
        }
        memcpy(text + used, piece, strlen(piece));
        used += strlen(piece);
    }
}

static void places_rise_as_counted(void)
{
    struct rng r = rng_new();
    for (size_t round = rng_rounds(2000); round > 0; round--) {
        char text[MOST];
        size_t n = make_text(&r, text, rng_below(&r, MOST) + 1);
        size_t cut = rng_below(&r, n + 1);
        struct place p = {1, 1}, want = count_naively(text, n);
        clean_advance(&p.line, &p.col, (const unsigned char *)text, cut);
        clean_advance(&p.line, &p.col, (const unsigned char *)text + cut, n - cut);
        CU_ASSERT_EQUAL(p.line, want.line);
        CU_ASSERT_EQUAL(p.col, want.col);
    }
}

/* ---- what is refused ---- */

struct pieces { /* a stream that gives `step` bytes at most */
    const char *text;
    size_t n, used, step;
};

static long read_piece(void *arg, void *buf, size_t n)
{
    struct pieces *p = arg;
    size_t left = p->n - p->used;
    size_t give = left < n ? left : n;
    give = give < p->step ? give : p->step;
    memcpy(buf, p->text + p->used, give);
    p->used += give;
    return (long)give;
}

/* The column at which the text, one line, is refused; 0: it is clean. */
static uint32_t refused_at(enum k8s_syntax syntax, const char *text, size_t n, size_t step)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct pieces p = {.text = text, .n = n, .step = step};
    struct clean s;
    clean_init(&s, &c, sources_add(&c.sources, STR("x")), syntax,
               (struct byte_stream){.read = read_piece, .arg = &p});
    unsigned char buf[MOST + 8];
    size_t given = 0;
    long got;
    while ((got = clean_read(&s, buf, sizeof buf)) > 0) {
        CU_ASSERT(memcmp(buf, text + given, (size_t)got) == 0);
        clean_advance(&s.line, &s.col, buf, (size_t)got);
        given += (size_t)got;
    }
    CU_ASSERT_EQUAL(c.diags.errors, got < 0 ? 1 : 0);
    CU_ASSERT_EQUAL(clean_read(&s, buf, sizeof buf), got); /* the end is the end */
    CU_ASSERT_EQUAL(c.diags.errors, got < 0 ? 1 : 0);
    CU_ASSERT(got < 0 || given == n);
    uint32_t col = got < 0 ? c.diags.list.v[0]->at.col : 0;
    ctx_free(&c);
    return col;
}

static void every_byte_is_looked_at(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_clean =
            (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\n' || byte == '\r';
        for (size_t at = 1; at < 140; at += at < 60 || at > 70 ? 23 : 1) {
            char text[MOST];
            memset(text, 'a', sizeof text);
            text[at] = (char)byte;
            size_t n = at + 1 + byte % 80;
            CU_ASSERT_EQUAL(refused_at(K8S_JSON, text, n, n), is_clean ? 0 : at + 1);
            CU_ASSERT_EQUAL(refused_at(K8S_JSON, text, n, 7), is_clean ? 0 : at + 1);
        }
    }
}

/* c-printable of YAML 1.2 (5.1), without the line ends and the mark that readers disagree on; JSON
 * (RFC 8259) knows control characters only. */
static bool is_allowed(enum k8s_syntax syntax, uint32_t c)
{
    bool printable = (c >= 0x20 && c <= 0x7e) || c == 0x85 || (c >= 0xa0 && c <= 0xd7ff) ||
                     (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
    bool disputed = c == 0x85 || c == 0x2028 || c == 0x2029;
    bool blank = c == '\t' || c == '\n';
    return c != 0xfeff && (syntax == K8S_YAML ? (printable && !disputed) || blank
                                              : (c >= 0x20 && c != 0x7f) || blank || c == '\r');
}

static void every_character_is_looked_at(void)
{
    static const enum k8s_syntax syntaxes[] = {K8S_YAML, K8S_JSON};
    for (uint32_t c = 0; c <= 0x10ffff; c += c > 0x10000 && (c & 0xffff) < 0xfff0 ? 0x5ff : 1) {
        char text[6] = "a";
        size_t n = utf8_encode(c, text + 1);
        for (size_t i = 0; i < 2 && n > 0; i++) {
            uint32_t want = is_allowed(syntaxes[i], c) ? 0 : 2;
            CU_ASSERT_EQUAL(refused_at(syntaxes[i], text, 1 + n, 8), want);
        }
    }
}

/* Bytes that are no character, at the beginning, where they might be a mark. */
static void no_characters(void)
{
    static const char *const texts[] = {"\xff\xfe", "\xfe\xff", "\xff\xff",
                                        "\xfe\xfe", "\xff",     "\xc2"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CU_ASSERT_EQUAL(refused_at(K8S_YAML, texts[i], strlen(texts[i]), 8), 1);
    }
}

/* ---- comments ---- */

/* Whether the line [begin, end) is a comment that npc reads, and from which column on. */
static bool is_remark(const char *begin, const char *end, uint32_t *col)
{
    const char *p = begin;
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    *col = (uint32_t)(p - begin) + 1;
    if (p == end || *p != '#') {
        return false;
    }
    bool is_ascii = true;
    for (const char *q = p; q < end; q++) {
        is_ascii &= (unsigned char)*q < 0x80;
    }
    while (p < end && (*p == '#' || *p == ' ' || *p == '\t')) {
        p++;
    }
    return !is_ascii || (end - p >= 4 && memcmp(p, "npc:", 4) == 0);
}

static void expect_remarks(const struct sources *s, const char *text, size_t n)
{
    size_t found = 0;
    uint32_t line = 1;
    for (const char *p = text, *lf; (lf = memchr(p, '\n', n - (size_t)(p - text))); p = lf + 1) {
        uint32_t col;
        if (is_remark(p, lf, &col)) {
            CU_ASSERT_FATAL(found < s->remarks.n);
            const struct remark *r = &s->remarks.v[found++];
            CU_ASSERT_EQUAL(r->at.line, line);
            CU_ASSERT_EQUAL(r->at.col, col);
            const char *end = lf;
            while (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r') {
                end--;
            }
            CU_ASSERT(str_eq(r->text, (struct str){p + col - 1, (size_t)(end - p) - (col - 1)}));
        }
        line++;
    }
    CU_ASSERT_EQUAL(found, s->remarks.n);
}

static void comments_are_found_in_pieces(void)
{
    struct rng r = rng_new();
    for (size_t round = rng_rounds(2000); round > 0; round--) {
        char text[MOST];
        size_t n = make_text(&r, text, rng_below(&r, MOST) + 1);
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        struct remark_scan s;
        remark_scan_init(&s, &c, sources_add(&c.sources, STR("x")));
        for (size_t i = 0, step; i < n; i += step) {
            step = rng_below(&r, n - i) + 1;
            remark_scan(&s, (const unsigned char *)text + i, step);
        }
        expect_remarks(&c.sources, text, n);
        ctx_free(&c);
    }
}

static void scan(struct ctx *c, uint32_t file, const char *text)
{
    struct remark_scan s;
    remark_scan_init(&s, c, file);
    remark_scan(&s, (const unsigned char *)text, strlen(text));
}

/* A comment is cut; its place is not. */
static void long_comments_are_cut(void)
{
    for (size_t n = 1022; n < 1030; n++) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        char text[2000] = "# npc:";
        memset(text + 6, 'x', n - 6);
        text[n] = '\n';
        scan(&c, 1, text);
        CU_ASSERT_FATAL(c.sources.remarks.n == 1);
        CU_ASSERT_EQUAL(c.sources.remarks.v[0].text.n, n < 1024 ? n : 1024);
        CU_ASSERT_EQUAL(c.sources.remarks.v[0].at.len, n);
        ctx_free(&c);
    }
}

/* Not in a character. */
static void long_comments_are_cut_between_characters(void)
{
    static const char *const characters[] = {"\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        size_t length = strlen(characters[i]);
        for (size_t at = 1018; at < 1026; at++) {
            struct ctx c;
            ctx_init(&c, unit_oom, NULL);
            char text[2000] = "# npc:";
            memset(text + 6, 'x', at - 6);
            memcpy(text + at, characters[i], length);
            memcpy(text + at + length, "xxxxxxxxxx\n", 11);
            scan(&c, 1, text);
            CU_ASSERT_FATAL(c.sources.remarks.n == 1);
            bool is_cut = at < 1024 && at + length > 1024;
            CU_ASSERT_EQUAL(c.sources.remarks.v[0].text.n, is_cut ? at : 1024);
            CU_ASSERT_EQUAL(c.sources.remarks.v[0].at.len, at + 11);
            ctx_free(&c);
        }
    }
}

/* The text of a scalar of one file says nothing of the comments of another. */
static void drops_are_of_one_file(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    scan(&c, 1, "a\n# npc: one\n");
    scan(&c, 2, "# npc: two\na\n# npc: three\n# npc: four\n");
    remark_drop(&c, (struct span){.file = 2, .line = 1, .col = 20},
                (struct span){.file = 2, .line = 4, .col = 1});
    static const char *const left[] = {"# npc: one", "# npc: two", "# npc: four"};
    CU_ASSERT_EQUAL_FATAL(c.sources.remarks.n, 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT(str_is(c.sources.remarks.v[i].text, left[i]));
    }
    remark_drop(&c, (struct span){.file = 2, .line = 1, .col = 0},
                (struct span){.file = 2, .line = 9, .col = 1});
    CU_ASSERT_EQUAL_FATAL(c.sources.remarks.n, 1);
    CU_ASSERT(str_is(c.sources.remarks.v[0].text, left[0]));
    ctx_free(&c);
}

static void comments_are_bounded(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    for (uint32_t i = 0; i < 100005; i++) {
        const struct remark r = {.at = {.file = 1, .line = i + 1, .col = 1}, .text = STR("# npc:")};
        CU_ASSERT(remark_add(&c, r) == (i < 100000));
    }
    CU_ASSERT_EQUAL(c.sources.remarks.n, 100000);
    ctx_free(&c);
}

UNIT_MAIN("clean", TEST(places_rise_as_counted), TEST(every_byte_is_looked_at),
          TEST(every_character_is_looked_at), TEST(no_characters),
          TEST(comments_are_found_in_pieces), TEST(long_comments_are_cut),
          TEST(long_comments_are_cut_between_characters), TEST(drops_are_of_one_file),
          TEST(comments_are_bounded))
