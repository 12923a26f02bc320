/* Diagnostics as people and programs see them, compared with texts written by hand. */
#include "base/ctx.h"
#include "base/utf8.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ctx ctx;

static void start(void)
{
    ctx_init(&ctx, unit_oom, NULL);
}

static uint32_t add_source(const char *path, struct str text)
{
    uint32_t file = sources_add(&ctx.sources, str_of(path));
    sources_get(&ctx.sources, file)->text = text;
    return file;
}

static struct str show(struct diag_style style)
{
    struct buf *out = buf_new(&ctx.arena);
    diags_show(&ctx.diags, &style, out);
    return str_dup(&ctx.arena, buf_text(out)); /* ends in a NUL, for strstr */
}

/* Compares what is shown with `want`, and prints both if they differ. */
static void check_shown(struct diag_style style, const char *want)
{
    struct str got = show(style);
    if (!str_is(got, want)) {
        fprintf(stderr, "\n--- wanted\n%s--- got\n" STR_FMT "---\n", want, STR_ARG(got));
        CU_FAIL("shown differently");
    } else {
        CU_PASS("as written");
    }
}

static struct span at(uint32_t file, uint32_t line, uint32_t col, uint32_t len)
{
    return (struct span){file, line, col, len};
}

static const struct diag_style plain = {.colour = false};

/* ---- the text form ---- */

static void text_with_hint_and_note(void)
{
    start();
    uint32_t f = add_source("a.npc", STR("let a = 1\nlet a = 2\n"));
    struct diag *rec = diag_error(&ctx.diags, NPC031, at(f, 2, 5, 1), "'%s' is defined twice", "a");
    diag_hint(&ctx.diags, rec, "rename one of %d", 2);
    diag_also(&ctx.diags, rec, at(f, 1, 5, 1), "first defined %s", "here");
    diag_also(&ctx.diags, rec, (struct span){0}, "and known to npc");
    check_shown(plain, "a.npc:2:5: error: 'a' is defined twice [NPC031]\n"
                       "let a = 2\n"
                       "    ^\n"
                       "  hint: rename one of 2\n"
                       "  a.npc:1:5: note: first defined here\n"
                       "  npc: note: and known to npc\n");
    CU_ASSERT_EQUAL(ctx.diags.errors, 1);
    ctx_free(&ctx);
}

static void places_as_far_as_known(void)
{
    start();
    uint32_t f = sources_add(&ctx.sources, STR("gone.yaml"));
    diag_error(&ctx.diags, NPC901, (struct span){0}, "no INPUT");
    diag_error(&ctx.diags, NPC001, at(f, 0, 0, 0), "cannot be read");
    diag_warning(&ctx.diags, NPC313, at(f, 3, 0, 0), "somewhere in this line");
    diag_warning(&ctx.diags, NPC313, at(f, 3, 4, 0), "here");
    check_shown(plain, "gone.yaml: error: cannot be read [NPC001]\n"
                       "gone.yaml:3: warning: somewhere in this line [NPC313]\n"
                       "gone.yaml:3:4: warning: here [NPC313]\n"
                       "npc: error: no INPUT [NPC901]\n");
    ctx_free(&ctx);
}

static void caret_lines(void)
{
    static const struct {
        struct str text;
        uint32_t line, col, len;
        const char *shown;
    } cases[] = {
        {STR_INIT("abc def"), 1, 5, 3, "abc def\n    ^~~\n"},
        {STR_INIT("abc def"), 1, 5, 0, "abc def\n    ^\n"},
        {STR_INIT("abc def"), 1, 5, 99, "abc def\n    ^~~\n"}, /* no further than the line */
        {STR_INIT("abc"), 1, 4, 1, "abc\n   ^\n"},             /* just behind the end */
        {STR_INIT("abc"), 1, 40, 1, "abc\n   ^\n"},            /* a place that is not there */
        {STR_INIT("x\nabc\ny"), 2, 1, 3, "abc\n^~~\n"},
        {STR_INIT("x\r\nabc\r\ny"), 2, 3, 9, "abc\n  ^\n"}, /* CR LF is one line end */
        {STR_INIT("x\nabc"), 2, 1, 1, "abc\n^\n"},          /* no line end at the end */
        {STR_INIT("\ta\tb"), 1, 4, 1, " a b\n   ^\n"},      /* a tab is one blank */
        {STR_INIT("\xC3\xBC\xF0\x9F\x98\x80=x"), 1, 4, 1,
         "\xC3\xBC\xF0\x9F\x98\x80=x\n   ^\n"}, /* columns are code points */
        {STR_INIT("a\x1B[31mb"), 1, 7, 1, "a\\x1b[31mb\n         ^\n"},
        {STR_INIT("a\x1B"
                  "b"),
         1, 2, 2,
         "a\\x1b"
         "b\n ^~~~~\n"},
        {STR_INIT("\xE2\x80\xAEx"), 1, 1, 1, "\\u{202e}x\n^~~~~~~~\n"},
        {STR_INIT("\xFFx"), 1, 2, 1, "\\xffx\n    ^\n"},
        {STR_INIT("a\0b"), 1, 3, 1, "a\\x00b\n     ^\n"},
        {STR_INIT("x\n\ny"), 2, 1, 1, ""}, /* nothing to see in an empty line */
        {STR_INIT("x"), 2, 1, 1, ""},
        {STR_INIT(""), 1, 1, 1, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start();
        uint32_t f = add_source("f", cases[i].text);
        diag_error(&ctx.diags, NPC020, at(f, cases[i].line, cases[i].col, cases[i].len), "bad");
        char want[400];
        snprintf(want, sizeof want, "f:%u:%u: error: bad [NPC020]\n%s", cases[i].line, cases[i].col,
                 cases[i].shown);
        check_shown(plain, want);
        ctx_free(&ctx);
    }
}

/* Of a long line, what is around the place: never more than 160 columns and the dots. */
static void long_lines_are_cut(void)
{
    static char line[20000];
    for (size_t i = 0; i < sizeof line; i++) {
        line[i] = (char)('a' + i % 26);
    }
    static const uint32_t columns[] = {1,    2,    60,   61,    62,    100,   159,
                                       160,  161,  511,  512,   513,   514,   600,
                                       4000, 4096, 4097, 10000, 19900, 19999, 20000};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        uint32_t col = columns[i];
        start();
        uint32_t f = add_source("f", (struct str){line, sizeof line});
        diag_error(&ctx.diags, NPC051, at(f, 1, col, 1), "bad");
        struct str shown = show(plain);
        const char *source = strchr(shown.p, '\n') + 1;
        const char *caret = strchr(source, '\n') + 1;
        size_t width = (size_t)(caret - 1 - source);
        CU_ASSERT(width <= 160 + 6);
        CU_ASSERT(width >= 60);
        const char *mark = memchr(caret, '^', (size_t)(shown.p + shown.n - caret));
        CU_ASSERT_PTR_NOT_NULL_FATAL(mark);
        CU_ASSERT_EQUAL(source[mark - caret], line[col - 1]);
        CU_ASSERT_EQUAL(strncmp(source, "...", 3) == 0, col > 61);
        CU_ASSERT_EQUAL(strncmp(caret - 4, "...", 3) == 0, col <= 19900);
        ctx_free(&ctx);
    }
    start(); /* exactly as long as is shown whole */
    uint32_t f = add_source("f", (struct str){line, 160});
    diag_error(&ctx.diags, NPC051, at(f, 1, 160, 1), "bad");
    CU_ASSERT(str_is(
        show(plain),
        str_printf(&ctx.arena, "f:1:160: error: bad [NPC051]\n%.160s\n%160s\n", line, "^").p));
    ctx_free(&ctx);
}

static void colours(void)
{
    start();
    uint32_t f = add_source("f", STR("x"));
    diag_warning(&ctx.diags, NPC104, at(f, 1, 1, 1), "bad");
    check_shown((struct diag_style){.colour = true},
                "\x1b[1mf:1:1: \x1b[0m\x1b[1;35mwarning: \x1b[0mbad [NPC104]\n"
                "x\n\x1b[1;32m^\x1b[0m\n");
    ctx_free(&ctx);
}

/* T36: whatever is in names, paths, texts and lines, the terminal gets nothing but printable text.
 */
static void T36_terminal_gets_plain_text(void)
{
    static char all[256 * 8];
    size_t n = 0;
    for (int c = 1; c < 256; c++) {
        if (c != '\n') {
            all[n++] = (char)c;
        }
    }
    static const uint32_t steering[] = {0x80,   0x9B,   0x9F,   0x61C,  0x200B, 0x200E, 0x200F,
                                        0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069, 0xFEFF};
    for (size_t i = 0; i < sizeof steering / sizeof *steering; i++) {
        n += utf8_encode(steering[i], all + n);
    }
    start();
    struct str hostile = {all, n};
    uint32_t f = sources_add(&ctx.sources, hostile);
    sources_get(&ctx.sources, f)->text = hostile;
    struct diag *rec =
        diag_error(&ctx.diags, NPC025, at(f, 1, 3, 200), "'" STR_FMT "'", STR_ARG(hostile));
    diag_hint(&ctx.diags, rec, STR_FMT, STR_ARG(hostile));
    diag_also(&ctx.diags, rec, at(f, 1, 1, 1), STR_FMT, STR_ARG(hostile));
    struct str shown = show(plain);
    CU_ASSERT_EQUAL(utf8_check(shown), shown.n);
    for (size_t i = 0; i < shown.n;) {
        uint32_t c;
        i += utf8_decode((struct str){shown.p + i, shown.n - i}, &c);
        bool harmless = c == '\n' || (c >= 0x20 && c < 0x7F) || (c >= 0xA0 && c < 0x600);
        CU_ASSERT(harmless);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(shown.p, "\\x1b"));
    CU_ASSERT_PTR_NOT_NULL(strstr(shown.p, "\\u{202e}"));
    ctx_free(&ctx);
}

static void long_texts_lose_their_middle(void)
{
    start();
    static char word[300001];
    memset(word, 'w', sizeof word - 1);
    for (size_t i = 0; i + 2 < sizeof word; i += 2) { /* cut between code points: U+00FC */
        memcpy(word + i, "\xC3\xBC", 2);
    }
    const struct diag *rec =
        diag_error(&ctx.diags, NPC025, (struct span){0}, "'%s' must be short", word);
    CU_ASSERT(rec->text.n <= 1010);
    CU_ASSERT(str_ends(rec->text, "' must be short"));
    CU_ASSERT(str_starts(rec->text, "'\xC3\xBC\xC3\xBC"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rec->text.p, "\xC3\xBC ... \xC3\xBC"));
    CU_ASSERT_EQUAL(utf8_check(rec->text), rec->text.n);
    CU_ASSERT(ctx.arena.total < 100000); /* the monster is not kept */
    word[1000] = '\0';
    CU_ASSERT_EQUAL(diag_error(&ctx.diags, NPC025, (struct span){0}, "%s", word)->text.n, 1000);
    ctx_free(&ctx);
}

/* ---- order, repeats, limits ---- */

static void sorted_and_once(void)
{
    start();
    uint32_t b = add_source("b", STR("")), a = add_source("a", STR(""));
    const struct {
        enum diag_id id;
        struct span at;
        const char *text;
    } findings[] = {
        {DIAG_NPC020, at(b, 1, 1, 1), "six"},   {DIAG_NPC021, at(a, 2, 10, 1), "five"},
        {DIAG_NPC020, at(a, 2, 10, 1), "four"}, {DIAG_NPC901, {0}, "last"},
        {DIAG_NPC020, at(a, 2, 9, 1), "three"}, {DIAG_NPC020, at(a, 1, 11, 1), "two"},
        {DIAG_NPC020, at(a, 1, 11, 1), "One"},  {DIAG_NPC020, at(a, 1, 11, 1), "two"},
        {DIAG_NPC020, at(a, 2, 9, 7), "three"},
    };
    const char *want = "a:1:11: error: One [NPC020]\n"
                       "a:1:11: error: two [NPC020]\n"
                       "a:2:9: error: three [NPC020]\n"
                       "a:2:10: error: four [NPC020]\n"
                       "a:2:10: error: five [NPC021]\n"
                       "b:1:1: error: six [NPC020]\n"
                       "npc: error: last [NPC901]\n";
    size_t n = sizeof findings / sizeof *findings;
    for (size_t turn = 0; turn < n; turn++) { /* in whatever order they come */
        ctx.diags.list.n = 0;
        for (size_t i = 0; i < n; i++) {
            size_t k = (i * 4 + turn) % n;
            diag_report(&ctx.diags, SEV_ERROR, findings[k].id, findings[k].at, "%s",
                        findings[k].text);
        }
        check_shown(plain, want);
    }
    ctx_free(&ctx);
}

static size_t lines_of(struct str s)
{
    size_t lines = 0;
    for (size_t i = 0; i < s.n; i++) {
        lines += s.p[i] == '\n';
    }
    return lines;
}

static void many(enum severity sev, uint32_t file, uint32_t from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        diag_report(&ctx.diags, sev, DIAG_NPC020, at(file, from + i, 1, 1), "finding");
    }
}

static void fifty_are_shown(void)
{
    static const struct {
        uint32_t errors, warnings, infos;
        size_t lines;
        const char *last;
    } cases[] = {
        {50, 0, 0, 50, ""},
        {51, 0, 0, 51, "1 more error not shown\n"},
        {60, 1, 0, 51, "10 more errors and 1 warning not shown\n"},
        {50, 12, 0, 51, "12 more warnings not shown\n"},
        {0, 51, 0, 51, "1 more warning not shown\n"},
        {1, 60, 0, 51, "11 more warnings not shown\n"},
        {1, 49, 9, 50, ""}, /* infos that do not fit are not worth a line */
        {1, 1, 9, 11, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start();
        uint32_t f = sources_add(&ctx.sources, STR("f"));
        /* The least important first: nothing may push an error out. */
        many(SEV_INFO, f, 1, cases[i].infos);
        many(SEV_WARNING, f, 1000, cases[i].warnings);
        many(SEV_ERROR, f, 2000, cases[i].errors);
        struct str shown = show((struct diag_style){.info = true});
        CU_ASSERT_EQUAL(lines_of(shown), cases[i].lines);
        CU_ASSERT(str_ends(shown, cases[i].last));
        CU_ASSERT_EQUAL(strstr(shown.p, "not shown") != NULL, cases[i].last[0] != '\0');
        CU_ASSERT_EQUAL(strstr(shown.p, "error: finding") != NULL, cases[i].errors > 0);
        ctx_free(&ctx);
    }
    start();
    many(SEV_ERROR, sources_add(&ctx.sources, STR("f")), 1, 9);
    CU_ASSERT(str_is(show((struct diag_style){.most = 1}), "f:1:1: error: finding [NPC020]\n"
                                                           "8 more errors not shown\n"));
    ctx_free(&ctx);
}

static void infos_only_when_wanted(void)
{
    start();
    diag_info(&ctx.diags, NPC006, (struct span){0}, "3 objects skipped");
    check_shown(plain, "");
    check_shown((struct diag_style){.info = true}, "npc: info: 3 objects skipped [NPC006]\n");
    CU_ASSERT(ctx.diags.errors == 0 && ctx.diags.warnings == 0);
    ctx_free(&ctx);
}

static void I5_memory_is_bounded(void)
{
    start();
    ctx.diags.kept = 20;
    uint32_t f = sources_add(&ctx.sources, STR("f"));
    many(SEV_INFO, f, 1, 100);
    many(SEV_WARNING, f, 1, 5000);
    size_t before = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        struct diag *rec = diag_error(&ctx.diags, NPC020, at(f, i + 1, 1, 1), "finding");
        CU_ASSERT_PTR_NOT_NULL_FATAL(rec);
        diag_hint(&ctx.diags, rec, "a hint");
        diag_also(&ctx.diags, rec, at(f, 1, 1, 1), "a note");
        before = i == 1000 ? ctx.arena.total : before;
    }
    CU_ASSERT_EQUAL(ctx.arena.total, before);
    CU_ASSERT_EQUAL(ctx.diags.errors, 100000);
    CU_ASSERT_EQUAL(ctx.diags.list.n, 60); /* warnings leave room for errors */
    struct str shown = show((struct diag_style){.most = 30});
    CU_ASSERT(str_ends(shown, "99980 more errors and 4990 warnings not shown\n"));
    ctx_free(&ctx);
}

/* ---- lines from files ---- */

static void lines_are_read_again(void)
{
    char path[300];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/npc-unit-XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    FILE *file = fdopen(fd, "w");
    for (int i = 1; i <= 20000; i++) {
        fprintf(file, "line %d%s", i, i % 2 ? "\r\n" : "\n");
    }
    fclose(file);
    start();
    uint32_t f = sources_add(&ctx.sources, str_of(path));
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 1, 1, 1), &ctx.arena).n,
                    0); /* not asked for */
    sources_get(&ctx.sources, f)->reopen = true;
    for (uint32_t i = 1; i <= 20000; i += 2499) {
        char want[32];
        snprintf(want, sizeof want, "line %u", i);
        CU_ASSERT(str_is(sources_line(&ctx.sources, at(f, i, 1, 1), &ctx.arena), want));
    }
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 20001, 1, 1), &ctx.arena).n, 0);
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(0, 1, 1, 1), &ctx.arena).n, 0);
    unlink(path);
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 1, 1, 1), &ctx.arena).n, 0);
    /* A directory, and a FIFO that nobody writes to, have no lines, and nobody waits for them. */
    CU_ASSERT(mkdir(path, 0700) == 0);
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 1, 1, 1), &ctx.arena).n, 0);
    rmdir(path);
    CU_ASSERT(mkfifo(path, 0600) == 0);
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 1, 1, 1), &ctx.arena).n, 0);
    unlink(path);
    sources_get(&ctx.sources, f)->path = STR("/dev/zero");
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 1, 1, 1), &ctx.arena).n, 0);
    ctx_free(&ctx);
}

static void excerpts(void)
{
    static char text[10002];
    for (size_t i = 0; i < 5000; i++) { /* 5000 code points of two bytes */
        memcpy(text + 2 * i, "\xC3\xBC", 2);
    }
    memcpy(text + 10000, "\nx", 2);
    start();
    uint32_t f = add_source("f", (struct str){text, sizeof text});
    CU_ASSERT_EQUAL(sources_line(&ctx.sources, at(f, 1, 4000, 1), &ctx.arena).n, 4096);
    uint32_t first_col = 0;
    struct source_mark mark = {0};
    struct str s = sources_excerpt(&ctx.sources, at(f, 1, 4000, 1), &mark, &ctx.arena, &first_col);
    CU_ASSERT(first_col > 1 && first_col < 4000);
    CU_ASSERT_EQUAL(s.n, 2 * (5000 - (first_col - 1)));
    CU_ASSERT_EQUAL(utf8_check(s), s.n);
    s = sources_excerpt(&ctx.sources, at(f, 2, 1, 1), &mark, &ctx.arena, &first_col);
    CU_ASSERT(str_is(s, "x") && first_col == 1);
    ctx_free(&ctx);
}

static void places_have_an_order(void)
{
    start();
    uint32_t b = add_source("b", STR("")), a = add_source("a", STR("")),
             a2 = add_source("a", STR(""));
    const struct span rising[] = {at(a, 1, 1, 9),          at(a, 1, 2, 1), at(a, 2, 1, 1),
                                  at(a, UINT32_MAX, 1, 1), at(b, 1, 1, 1), {0}};
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 6; k++) {
            int order = span_cmp(&ctx.sources, rising[i], rising[k]);
            CU_ASSERT_EQUAL((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
    CU_ASSERT_EQUAL(span_cmp(&ctx.sources, at(a, 1, 1, 1), at(a2, 1, 1, 5)), 0);
    CU_ASSERT(str_is(sources_get(&ctx.sources, a)->path, "a"));
    CU_ASSERT_EQUAL(sources_get(&ctx.sources, 99)->path.n, 0);
    ctx_free(&ctx);
}

/* ---- JSON ---- */

static void json_as_another_reader_sees_it(void)
{
    start();
    uint32_t f = add_source("d/a.npc", STR("x y"));
    struct diag *rec =
        diag_error(&ctx.diags, NPC031, at(f, 1, 3, 1), "say \"%s\"", "\x1b\n\xE2\x80\xAE");
    diag_hint(&ctx.diags, rec, "do");
    diag_also(&ctx.diags, rec, at(f, 1, 1, 2), "first");
    diag_also(&ctx.diags, rec, (struct span){0}, "nowhere");
    diag_warning(&ctx.diags, NPC901, (struct span){0}, "w\xFF");
    struct str shown = show((struct diag_style){.json = true, .colour = true});
    json_error_t error;
    json_t *root = json_loadb(shown.p, shown.n, JSON_REJECT_DUPLICATES, &error);
    json_t *want = json_pack(
        "{s:i, s:[{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:s,s:s,s:[{s:s,s:s,s:i,s:i,s:i},{s:s}]},"
        "{s:s,s:s,s:s,s:s,s:[]}]}",
        "version", 1, "diagnostics", "id", "NPC031", "name", "redefined", "severity", "error",
        "file", "d/a.npc", "line", 1, "column", 3, "length", 1, "message",
        "say \"\x1b\n\xE2\x80\xAE\"", "hint", "do", "notes", "message", "first", "file", "d/a.npc",
        "line", 1, "column", 1, "length", 2, "message", "nowhere", "id", "NPC901", "name", "usage",
        "severity", "warning", "message", "w\xEF\xBF\xBD", "notes");
    CU_ASSERT_PTR_NOT_NULL_FATAL(want);
    CU_ASSERT(root && json_equal(root, want));
    for (size_t i = 0; i < shown.n; i++) { /* and a terminal is as safe as with text */
        CU_ASSERT((unsigned char)shown.p[i] >= 0x20 || shown.p[i] == '\n');
    }
    CU_ASSERT_PTR_NULL(strstr(shown.p, "\xE2\x80\xAE"));
    json_decref(root);
    json_decref(want);
    ctx_free(&ctx);
}

static void json_places_as_far_as_known(void)
{
    start();
    uint32_t f = sources_add(&ctx.sources, STR("f"));
    diag_error(&ctx.diags, NPC001, at(f, 0, 0, 0), "file");
    diag_error(&ctx.diags, NPC001, at(f, 7, 0, 0), "line");
    diag_error(&ctx.diags, NPC001, at(f, 7, 8, 0), "column");
    check_shown((struct diag_style){.json = true},
                "{\"version\":1,\"diagnostics\":[\n"
                "{\"id\":\"NPC001\",\"name\":\"io\",\"severity\":\"error\",\"file\":\"f\","
                "\"message\":\"file\",\"notes\":[]},\n"
                "{\"id\":\"NPC001\",\"name\":\"io\",\"severity\":\"error\",\"file\":\"f\","
                "\"line\":7,\"message\":\"line\",\"notes\":[]},\n"
                "{\"id\":\"NPC001\",\"name\":\"io\",\"severity\":\"error\",\"file\":\"f\","
                "\"line\":7,\"column\":8,\"length\":1,\"message\":\"column\",\"notes\":[]}\n]}\n");
    ctx_free(&ctx);
}

static void json_has_them_all(void)
{
    start();
    check_shown((struct diag_style){.json = true}, "{\"version\":1,\"diagnostics\":[]}\n");
    many(SEV_ERROR, sources_add(&ctx.sources, STR("f")), 1, 300);
    struct str shown = show((struct diag_style){.json = true});
    json_t *root = json_loadb(shown.p, shown.n, 0, NULL);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "diagnostics")), 300);
    CU_ASSERT_PTR_NULL(json_object_get(root, "notShown"));
    json_decref(root);
    shown = show((struct diag_style){.json = true, .most = 10});
    root = json_loadb(shown.p, shown.n, 0, NULL);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "diagnostics")), 10);
    json_t *hidden = json_object_get(root, "notShown");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(hidden, "errors")), 290);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(hidden, "warnings")), 0);
    json_decref(root);
    ctx_free(&ctx);
}

static void the_table(void)
{
    CU_ASSERT_EQUAL(diag_number(DIAG_NPC001), 1);
    CU_ASSERT_EQUAL(diag_number(DIAG_NPC406), 406);
    CU_ASSERT_STRING_EQUAL(diag_slug(DIAG_NPC406), "not-expressible");
    CU_ASSERT(strlen(diag_summary(DIAG_NPC406)) > 10);
    for (int i = 0; i < DIAG_COUNT; i++) {
        enum diag_id id = (enum diag_id)i;
        CU_ASSERT(i == 0 || diag_number((enum diag_id)(i - 1)) < diag_number(id));
        for (const char *c = diag_slug(id); *c; c++) {
            CU_ASSERT((*c >= 'a' && *c <= 'z') || *c == '-');
        }
        for (int k = 0; k < i; k++) {
            CU_ASSERT_STRING_NOT_EQUAL(diag_slug((enum diag_id)k), diag_slug(id));
        }
    }
}

UNIT_MAIN("diag", TEST(text_with_hint_and_note), TEST(places_as_far_as_known), TEST(caret_lines),
          TEST(long_lines_are_cut), TEST(colours), TEST(T36_terminal_gets_plain_text),
          TEST(long_texts_lose_their_middle), TEST(sorted_and_once), TEST(fifty_are_shown),
          TEST(infos_only_when_wanted), TEST(I5_memory_is_bounded), TEST(lines_are_read_again),
          TEST(excerpts), TEST(places_have_an_order), TEST(json_as_another_reader_sees_it),
          TEST(json_places_as_far_as_known), TEST(json_has_them_all), TEST(the_table))
