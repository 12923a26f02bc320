/* YAML events: what libyaml and the checks around it make of a text (threats.md 1, 2, 14-19). */
#include "read.h"

static void events(void)
{
    static const struct event_case cases[] = {
        {"", "."},
        {"# only a comment\n", "."},
        {"a: b\n", "D {@1:1+1 a@1:1+1 b@1:4+1 } d ."},
        {"a: 'b'\n\"c\": |\n  d\n", "D {@1:1+1 a@1:1+1 'b'@1:4+3 'c'@2:1+3 'd\n'@2:6+1 } d ."},
        {"- 1\n- [x, {}]\n", "D [@1:1+1 1@1:3+1 [@2:3+1 x@2:4+1 {@2:7+1 } ] ] d ."},
        {"a: 1\n---\nb: 2\n...\n", "D {@1:1+1 a@1:1+1 1@1:4+1 } d D {@3:1+1 b@3:1+1 2@3:4+1 } d ."},
        {"---\n---\n", "D @2:1+1 d D @3:1+1 d ."}, /* two documents of nothing */
        {"%YAML 1.2\n---\na: 1\n", "D {@3:1+1 a@3:1+1 1@3:4+1 } d ."},
        /* columns are code points; CR LF is one line end; a mark at the start is skipped */
        {"\xef\xbb\xbf"
         "é: ü\r\n\xf0\x9f\x98\x80x: y\r\n",
         "D {@1:1+1 é@1:1+1 ü@1:4+1 \xf0\x9f\x98\x80x@2:1+2 y@2:5+1 } d ."},
        {"a: \"\\N\\L\\P\"\n", "D {@1:1+1 a@1:1+1 '\xc2\x85\xe2\x80\xa8\xe2\x80\xa9'@1:4+8 } d ."},
    };
    check_events(K8S_YAML, cases, COUNT(cases));
}

/* threats.md 14-17: bytes that no parser should see */
static void bytes(void)
{
    static const struct refusal_case cases[] = {
        {STR_INIT("a: \xff\n"), DIAG_NPC002, 1, 4, "not valid UTF-8"},
        {STR_INIT("a: \xc0\xaf\n"), DIAG_NPC002, 1, 4, "not valid UTF-8"},     /* overlong */
        {STR_INIT("a: \xed\xa0\x80\n"), DIAG_NPC002, 1, 4, "not valid UTF-8"}, /* surrogate */
        {STR_INIT("a: \xf4\x90\x80\x80\n"), DIAG_NPC002, 1, 4, "not valid UTF-8"},
        {STR_INIT("é: é\xc3"), DIAG_NPC002, 1, 5, "not valid UTF-8"}, /* cut off */
        {STR_INIT("a: b\nc: \0\n"), DIAG_NPC002, 2, 4, "NUL"},
        {STR_INIT("a: \x1b[31m\n"), DIAG_NPC002, 1, 4, "control character"},
        {STR_INIT("a: \x7f\n"), DIAG_NPC002, 1, 4, "control character"},
        {STR_INIT("a: \xc2\x9b\n"), DIAG_NPC002, 1, 4, "control character"},
        {STR_INIT("a: b\rc: d\n"), DIAG_NPC002, 1, 5, "carriage return"},
        {STR_INIT("a: b\r"), DIAG_NPC002, 1, 5, "carriage return"},
        {STR_INIT("a: b\xc2\x85 c: d\n"), DIAG_NPC002, 1, 5, "line separator"},
        {STR_INIT("# x\xe2\x80\xa8 a: b\n"), DIAG_NPC002, 1, 4, "line separator"},
        {STR_INIT("# x\xe2\x80\xa9 a: b\n"), DIAG_NPC002, 1, 4, "line separator"},
        {STR_INIT("a: b\n\xef\xbb\xbf"), DIAG_NPC002, 2, 1, "byte order mark"},
        {STR_INIT("\xef\xbb\xbf\xef\xbb\xbf"), DIAG_NPC002, 1, 1, "byte order mark"},
        {STR_INIT("\xff\xfe"
                  "a\0"),
         DIAG_NPC002, 1, 1, ""},
        {STR_INIT("\xfe\xff\0a"), DIAG_NPC002, 1, 1, ""},
    };
    check_refusals(K8S_YAML, cases, COUNT(cases));
}

static void utf16(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    events_of(&c, K8S_YAML, STR("\xff\xfe"), 0, false);
    CU_ASSERT(has_diag(&c, SEV_ERROR, DIAG_NPC002, 1, 1, "UTF-16"));
    ctx_free(&c);
}

/* threats.md 19, and text that is no YAML */
static void refusals(void)
{
    static const struct refusal_case cases[] = {
        {STR_INIT("a: !!str b\n"), DIAG_NPC052, 1, 4, "tag"},
        {STR_INIT("a: ! b\n"), DIAG_NPC052, 1, 4, "tag"},
        {STR_INIT("!x {a: b}\n"), DIAG_NPC052, 1, 1, "tag"},
        {STR_INIT("a: !!binary |\n  aGk=\n"), DIAG_NPC052, 1, 4, "tag"},
        {STR_INIT("%TAG ! tag:x,2000:\n---\na: b\n"), DIAG_NPC052, 1, 1, "%TAG"},
        {STR_INIT("%YAML 2.0\n---\na: b\n"), DIAG_NPC052, 1, 1, "%YAML"},
        {STR_INIT("a: &x b\n"), DIAG_NPC052, 1, 4, "anchor"},
        {STR_INIT("a: *x\n"), DIAG_NPC052, 1, 4, "alias"},
        {STR_INIT("a: b\n\tc: d\n"), DIAG_NPC050, 2, 1, "tab"},
        {STR_INIT("a: [\n"), DIAG_NPC050, 2, 1, "not YAML"},
        {STR_INIT("a: b: c\n"), DIAG_NPC050, 1, 5, "mapping values"},
    };
    check_refusals(K8S_YAML, cases, COUNT(cases));
}

static void aliases_allowed(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct str got = events_of(&c, K8S_YAML, STR("a: &x [1]\nb: *x\n"), 0, true);
    CU_ASSERT(str_is(got, "D {@1:1+1 a@1:1+1 &x [@1:4+1 1@1:8+1 ] b@2:1+1 *x@2:4+2 } d ."));
    ctx_free(&c);
}

static struct str repeat(struct ctx *c, const char *part, size_t n)
{
    struct buf *b = buf_new(&c->arena);
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, part);
    }
    return buf_text(b);
}

/* threats.md 2: libyaml takes quadratic time, so the reader must stop at once */
static void depth(void)
{
    static const struct {
        const char *open;
        size_t col_of_65th;
    } cases[] = {{"[", 65}, {"{a: ", 257}, {"- ", 129}, {"? ", 129}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        struct str got = events_of(&c, K8S_YAML, repeat(&c, cases[i].open, 1000000), 0, false);
        CU_ASSERT(str_ends(got, " !"));
        CU_ASSERT(has_diag(&c, SEV_ERROR, DIAG_NPC003, 1, (uint32_t)cases[i].col_of_65th,
                           "more than 64 deep"));
        ctx_free(&c);
    }
}

static void depth_at_limit(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct buf *b = buf_new(&c.arena);
    buf_str(b, repeat(&c, "[", 64));
    buf_str(b, repeat(&c, "]", 64));
    CU_ASSERT(str_ends(events_of(&c, K8S_YAML, buf_text(b), 0, false), "."));
    CU_ASSERT(c.diags.errors == 0);
    ctx_free(&c);
}

/* threats.md 21: one endless scalar must not pile up */
static void scalar_too_long(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    c.limits.object_bytes = 100000;
    struct str got = events_of(&c, K8S_YAML, repeat(&c, "x", 1000000), 0, false);
    CU_ASSERT(str_ends(got, "!"));
    CU_ASSERT(find_diag(&c, DIAG_NPC003) != NULL);
    CU_ASSERT(c.diags.errors == 1);
    ctx_free(&c);
}

static long failing_read(void *arg, void *buf, size_t n)
{
    (void)arg;
    (void)buf;
    (void)n;
    errno = EIO;
    return -1;
}

static void read_fails(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct byte_stream in = {failing_read, NULL};
    struct event_reader *r = yaml_reader_open(&c, &c.arena, 1, in, false);
    struct event ev;
    CU_ASSERT(!event_next(r, &ev));
    CU_ASSERT(find_diag(&c, DIAG_NPC001) != NULL);
    CU_ASSERT(c.diags.errors == 1);
    ctx_free(&c);
}

UNIT_MAIN("yaml", TEST(events), TEST(bytes), TEST(utf16), TEST(refusals), TEST(aliases_allowed),
          TEST(depth), TEST(depth_at_limit), TEST(scalar_too_long), TEST(read_fails))
