/* JSON events: yajl's pushes as a queue, with places that yajl does not know. */
#include "read.h"

static void events(void)
{
    static const struct event_case cases[] = {
        {"{}", "D {@1:1+1 } d ."},
        {"{\"a\": [1, -2.5e3, true, null, \"x\"]}",
         "D {@1:1+1 'a'@1:2+3 [@1:7+1 1@1:8+1 -2.5e3@1:11+6 true@1:19+4 null@1:25+4 'x'@1:31+3 ] } "
         "d ."},
        {"{\"a\"\n:\n\"b\"}", "D {@1:1+1 'a'@1:2+3 'b'@3:1+3 } d ."}, /* libyaml refuses this */
        {"{}[]\n{}", "D {@1:1+1 } d D [@1:3+1 ] d D {@2:1+1 } d ."},
        {"  7 ", "D 7@1:3+1 d ."},
        {"7", "D 7@1:1+1 d ."},
        {"\"x\" \"y\"", "D 'x'@1:1+3 d D 'y'@1:5+3 d ."},
        /* columns are code points, of the text and not of what escapes stand for */
        {"{\"é\":\"\\u00e9\\n\",\"z\":1}",
         "D {@1:1+1 'é'@1:2+3 'é\n'@1:6+10 'z'@1:17+3 1@1:21+1 } d ."},
        {"[\"\\ud83d\\ude00\", \"\\\\ud800\"]",
         "D [@1:1+1 '\xf0\x9f\x98\x80'@1:2+14 '\\ud800'@1:18+9 ] d ."},
        {"\xef\xbb\xbf{}\r\n{}", "D {@1:1+1 } d D {@2:1+1 } d ."},
        {"\"\xe2\x80\xa8\"", "D '\xe2\x80\xa8'@1:1+3 d ."}, /* JSON has one line end */
        {"123456789012345678901234567890", "D 123456789012345678901234567890@1:1+30 d ."},
    };
    check_events(K8S_JSON, cases, COUNT(cases));
}

static void refusals(void)
{
    static const struct refusal_case cases[] = {
        {STR_INIT(""), DIAG_NPC051, 1, 1, "premature EOF"},
        {STR_INIT("{\"a\": 1"), DIAG_NPC051, 1, 8, "premature EOF"},
        {STR_INIT("{} \""), DIAG_NPC051, 1, 5, "does not end"},
        {STR_INIT("{}\n\"a\\"), DIAG_NPC051, 2, 4, "not JSON"},
        {STR_INIT("[1] tru"), DIAG_NPC051, 1, 8, "not JSON"},
        {STR_INIT("[1] 1."), DIAG_NPC051, 1, 7, "not JSON"},
        {STR_INIT("{} x"), DIAG_NPC051, 1, 4, "not JSON"},
        {STR_INIT("{}}"), DIAG_NPC051, 1, 3, "not JSON"},
        {STR_INIT("{\"a\":1,}"), DIAG_NPC051, 1, 8, "object key"},
        {STR_INIT("[1,]"), DIAG_NPC051, 1, 4, "not JSON"},
        {STR_INIT("{'a':1}"), DIAG_NPC051, 1, 2, "not JSON"},
        {STR_INIT("{a:1}"), DIAG_NPC051, 1, 2, "not JSON"},
        {STR_INIT("// x\n{}"), DIAG_NPC051, 1, 1, "not JSON"},
        {STR_INIT("{}/* x */"), DIAG_NPC051, 1, 3, "not JSON"},
        {STR_INIT("[012]"), DIAG_NPC051, 1, 3, "not JSON"},
        {STR_INIT("[0x50]"), DIAG_NPC051, 1, 3, "not JSON"},
        {STR_INIT("[+80]"), DIAG_NPC051, 1, 2, "not JSON"},
        {STR_INIT("[NaN]"), DIAG_NPC051, 1, 2, "not JSON"},
        {STR_INIT("[\"\\q\"]"), DIAG_NPC051, 1, 2, "not JSON"},
        {STR_INIT("[\"\n\"]"), DIAG_NPC051, 1, 2, "not JSON"},
        {STR_INIT("[\n   \"a\n   b\"]"), DIAG_NPC051, 2, 4, "not JSON"},
        {STR_INIT("[\"\\ud800\"]"), DIAG_NPC051, 1, 9, "surrogate"},
        {STR_INIT("[\"\\ud800\\n\"]"), DIAG_NPC051, 1, 10, "surrogate"},
        {STR_INIT("[\"\\ud800\\u0041\"]"), DIAG_NPC051, 1, 14, "surrogate"},
        {STR_INIT("[\"\\udc00\"]"), DIAG_NPC051, 1, 8, "surrogate"},
        {STR_INIT("{\"é\":\"\xff\"}"), DIAG_NPC002, 1, 7, "not valid UTF-8"},
        {STR_INIT("{\"\0\":1}"), DIAG_NPC002, 1, 3, "NUL"},
        {STR_INIT("{\"\x7f\":1}"), DIAG_NPC002, 1, 3, "control"},
        {STR_INIT("{}\n\xef\xbb\xbf"), DIAG_NPC002, 2, 1, "byte order mark"},
        {STR_INIT("\xfe\xff\0{"), DIAG_NPC002, 1, 1, ""},
    };
    check_refusals(K8S_JSON, cases, COUNT(cases));
}

static struct event_reader *open_text(struct ctx *c, struct buf *b)
{
    struct memory_stream *s = ARENA_NEW(&c->arena, struct memory_stream);
    *s = (struct memory_stream){buf_text(b), 0};
    return json_reader_open(c, &c->arena, 1, (struct byte_stream){memory_read, s});
}

/* More than one chunk: places must hold across their borders. */
static void many_chunks(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct buf *b = buf_new(&c.arena);
    buf_puts(b, "[\n");
    for (unsigned i = 0; i < 20000; i++) {
        buf_printf(b, " \"é%u\\t\",\n", i);
    }
    buf_puts(b, "0]");
    struct event_reader *r = open_text(&c, b);
    struct event ev;
    CU_ASSERT(event_next(r, &ev) && ev.kind == EVENT_DOC_START);
    CU_ASSERT(event_next(r, &ev) && ev.kind == EVENT_SEQ_START);
    size_t wrong = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct str want = str_printf(&c.arena, "é%u\t", i);
        bool ok = event_next(r, &ev) && str_eq(ev.text, want) && ev.at.line == i + 2 &&
                  ev.at.col == 2 && ev.at.len == utf8_length(want) + 3;
        wrong += !ok;
    }
    CU_ASSERT(wrong == 0);
    CU_ASSERT(event_next(r, &ev) && ev.at.line == 20002 && ev.at.col == 1);
    CU_ASSERT(ev.begin + 2 == buf_text(b).n);
    ctx_free(&c);
}

/* Indentation of any depth, on either side of the borders of chunks, and over whole ones. */
static void indentation(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct buf *b = buf_new(&c.arena);
    buf_puts(b, "[\r\n");
    for (unsigned i = 0; i < 10000; i++) {
        buf_printf(b, "%*s%u%s", (int)(i * 7 % 101), "", i, i % 3 == 0 ? ",\r\n" : " ,\n\n");
    }
    buf_printf(b, "\t  %40000s\"\xc3\xa9\"\n%70000s]\n    \"  \n\"", "", "");
    struct event_reader *r = open_text(&c, b);
    struct event ev;
    CU_ASSERT(event_next(r, &ev) && ev.kind == EVENT_DOC_START);
    CU_ASSERT(event_next(r, &ev) && ev.kind == EVENT_SEQ_START);
    size_t wrong = 0, offset = 3;
    uint32_t line = 2;
    for (unsigned i = 0; i < 10000; i++) {
        size_t indent = i * 7 % 101, digits = str_printf(&c.arena, "%u", i).n;
        bool ok = event_next(r, &ev) && ev.at.line == line && ev.at.col == indent + 1 &&
                  ev.at.len == digits && ev.begin == offset + indent && ev.end == ev.begin + digits;
        wrong += !ok;
        line += i % 3 == 0 ? 1 : 2;
        offset += indent + digits + (i % 3 == 0 ? 3 : 4);
    }
    CU_ASSERT(wrong == 0);
    CU_ASSERT(event_next(r, &ev) && ev.at.line == line && ev.at.col == 40004 && ev.at.len == 3);
    CU_ASSERT(event_next(r, &ev) && ev.kind == EVENT_SEQ_END);
    CU_ASSERT(ev.at.line == line + 1 && ev.at.col == 70001);
    CU_ASSERT(event_next(r, &ev) && ev.kind == EVENT_DOC_END);
    CU_ASSERT(!event_next(r, &ev));
    CU_ASSERT(has_diag(&c, SEV_ERROR, DIAG_NPC051, line + 2, 5, "not JSON"));
    ctx_free(&c);
}

static struct str nested(struct ctx *c, size_t n)
{
    struct buf *b = buf_new(&c->arena);
    for (size_t i = 0; i < n; i++) {
        buf_putc(b, '[');
    }
    for (size_t i = 0; i < n; i++) {
        buf_putc(b, ']');
    }
    return buf_text(b);
}

static void depth(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    CU_ASSERT(str_ends(events_of(&c, K8S_JSON, nested(&c, 64), 0, false), "."));
    CU_ASSERT(c.diags.errors == 0);
    CU_ASSERT(str_ends(events_of(&c, K8S_JSON, nested(&c, 1000000), 0, false), "!"));
    CU_ASSERT(has_diag(&c, SEV_ERROR, DIAG_NPC003, 1, 65, "more than 64 deep"));
    ctx_free(&c);
}

static void scalar_too_long(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    c.limits.object_bytes = 100000;
    struct buf *b = buf_new(&c.arena);
    buf_puts(b, "[\"");
    for (size_t i = 0; i < 300000; i++) {
        buf_putc(b, 'x');
    }
    CU_ASSERT(str_ends(events_of(&c, K8S_JSON, buf_text(b), 0, false), "!"));
    CU_ASSERT(has_diag(&c, SEV_ERROR, DIAG_NPC003, 1, 2, "longer than 100000 bytes"));
    ctx_free(&c);
}

UNIT_MAIN("json", TEST(events), TEST(refusals), TEST(many_chunks), TEST(indentation), TEST(depth),
          TEST(scalar_too_long))
