/*
 * The YAML writer: layout, and strings that come back as they went in. The judge of the strings is
 * libyaml; that plain ones are strings to every reader is checked through the program, with PyYAML.
 */
#include "backends/yaml_writer.h"
#include "base/utf8.h"
#include "unit.h"

#include <string.h>
#include <yaml.h>

static struct ctx ctx;
static struct yaml y;
static struct buf *out;

static void setup(void)
{
    ctx_init(&ctx, unit_oom, NULL);
    out = buf_new(&ctx.arena);
    yaml_init(&y, out);
}

static void check_text(const char *want)
{
    bool equal = str_eq(buf_text(out), str_of(want));
    CU_ASSERT(equal);
    if (!equal) {
        printf("\nwanted:\n%s\ngot:\n%.*s\n", want, STR_ARG(buf_text(out)));
    }
    ctx_free(&ctx);
}

/* ---- layout ---- */

static void test_maps_and_lists(void)
{
    setup();
    yaml_document(&y);
    yaml_map(&y);
    yaml_key(&y, "list");
    yaml_seq(&y);
    yaml_cstr(&y, "a");
    yaml_map(&y);
    yaml_key(&y, "b");
    yaml_u64(&y, 1);
    yaml_key(&y, "c");
    yaml_seq(&y);
    yaml_cstr(&y, "d");
    yaml_end(&y);
    yaml_key(&y, "e");
    yaml_map(&y);
    yaml_key(&y, "f");
    yaml_verbatim(&y, STR("true"));
    yaml_end(&y);
    yaml_end(&y);
    yaml_end(&y);
    yaml_key(&y, "end");
    yaml_cstr(&y, "");
    yaml_end(&y);
    check_text("list:\n"
               "- a\n"
               "- b: 1\n"
               "  c:\n"
               "  - d\n"
               "  e:\n"
               "    f: true\n"
               "end: ''\n");
}

static void test_empty_ones(void)
{
    setup();
    yaml_document(&y);
    yaml_map(&y);
    yaml_key(&y, "m");
    yaml_map(&y);
    yaml_end(&y);
    yaml_key(&y, "s");
    yaml_seq(&y);
    yaml_end(&y);
    yaml_key(&y, "l");
    yaml_seq(&y);
    yaml_map(&y);
    yaml_end(&y);
    yaml_seq(&y);
    yaml_end(&y);
    yaml_end(&y);
    yaml_end(&y);
    yaml_document(&y);
    yaml_map(&y);
    yaml_end(&y);
    check_text("m: {}\ns: []\nl:\n- {}\n- []\n---\n{}\n");
}

static void test_lists_in_lists(void)
{
    setup();
    yaml_seq(&y);
    yaml_seq(&y);
    yaml_u64(&y, 1);
    yaml_seq(&y);
    yaml_u64(&y, 2);
    yaml_end(&y);
    yaml_end(&y);
    yaml_u64(&y, 3);
    yaml_end(&y);
    check_text("- - 1\n  - - 2\n- 3\n");
}

/* ---- strings ---- */

static void check_string(const char *text, const char *want)
{
    setup();
    yaml_cstr(&y, text);
    bool equal =
        buf_text(out).n == strlen(want) + 1 && memcmp(buf_text(out).p, want, strlen(want)) == 0;
    CU_ASSERT(equal);
    if (!equal) {
        printf("\nwanted: %s\ngot: %.*s", want, STR_ARG(buf_text(out)));
    }
    ctx_free(&ctx);
}

static void test_plain_strings(void)
{
    static const char *const plain[] = {
        "web",
        "kubernetes.io/metadata.name",
        "10.0.0.0/8",
        "::/0",
        "2001:db8::/32",
        "Only the web tier talks to the cart.",
        "Nothing from dev; monitoring always; the rest is up to the teams.",
        "projectcalico.org/orchestrator == 'k8s' && role == 'db'",
        "a,b [c] {d}",
        "1.2.3",
        "x:y",
        "a#b",
        "na\xc3\xafve",
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        check_string(plain[i], plain[i]);
    }
}

/* threats.md 7, 8 and 35 */
static void test_T35_quoted_strings(void)
{
    static const char *const quoted[] = {
        "on",   "off",  "y",     "N",    "yes",   "No",   "tRUE",  "null",       "~",   "1",
        "1.0",  "1e5",  "007",   "0x1f", "1_000", "1:20", ".5",    "2026-01-31", "- a", "? a",
        "a: b", "a #b", "a:",    "#a",   "&a",    "*a",   "!a",    "@a",         "`a",  "%a",
        "[a]",  "{a}",  "\"a\"", "|",    ">",     " a",   "a ",    "",           "=",   "<<",
        "---",  "...",  "-",     "+1",   ".inf",  ".nan", "22:59", "!!binary a", ",a",  "190:20:30",
    };
    for (size_t i = 0; i < sizeof quoted / sizeof quoted[0]; i++) {
        char want[64];
        snprintf(want, sizeof want, "'%s'", quoted[i]);
        check_string(quoted[i], want);
    }
    check_string("'on'", "'''on'''");
    check_string("SEC-1234: see \"threat model\"", "'SEC-1234: see \"threat model\"'");
}

static void test_escaped_strings(void)
{
    check_string("a\nb", "\"a\\nb\"");
    check_string("a\tb\r\"\\", "\"a\\tb\\r\\\"\\\\\"");
    check_string("\x1b[31m\x7f", "\"\\x1B[31m\\x7F\"");
    check_string("\xc2\x85", "\"\\x85\"");
    check_string("a\xe2\x80\xa8\xe2\x80\xa9", "\"a\\u2028\\u2029\"");
    check_string("\xef\xbb\xbf", "\"\\uFEFF\"");
    check_string("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f", "\"\\u202E\\u2066\\u200F\"");
    check_string("\xf3\xa0\x81\x81", "\"\\U000E0041\"");
}

/* ---- random strings, through libyaml ---- */

static uint64_t random_state = 20240229;

static uint32_t pick(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

static struct str random_string(void)
{
    static const char *const parts[] = {
        "a",
        "b",
        "0",
        "1",
        ":",
        "-",
        "#",
        " ",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "?",
        "\n",
        "\t",
        "\r",
        ".",
        "=",
        "<",
        "~",
        "_",
        "\xc2\x85",
        "\xc3\xa9",
        "\x7f",
        ": ",
        " #",
        "on",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\xf0\x9f\x98\x80",
    };
    struct buf *b = buf_new(&ctx.arena);
    for (uint32_t n = pick(8); n > 0; n--) {
        buf_puts(b, parts[pick(sizeof parts / sizeof parts[0])]);
    }
    return buf_text(b);
}

/* Reads the document [{KEY: VALUE}, …] and compares every key and value. */
static bool comes_back(const struct str *strings, size_t n)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser)) {
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)buf_text(out).p, buf_text(out).n);
    bool same = true, more = true;
    size_t scalars = 0;
    while (more && yaml_parser_parse(&parser, &event)) {
        if (event.type == YAML_SCALAR_EVENT) {
            struct str got = {(const char *)event.data.scalar.value, event.data.scalar.length};
            same = same && scalars / 2 < n && str_eq(got, strings[scalars / 2]);
            scalars++;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return same && !more && scalars == 2 * n;
}

static void test_T35_random_strings(void)
{
    setup();
    enum { N = 5000 };
    static struct str strings[N];
    yaml_seq(&y);
    for (size_t i = 0; i < N; i++) {
        strings[i] = random_string();
        yaml_map(&y);
        yaml_key_str(&y, strings[i]);
        yaml_str(&y, strings[i]);
        yaml_end(&y);
    }
    yaml_end(&y);
    CU_ASSERT(comes_back(strings, N));
    ctx_free(&ctx);
}

UNIT_MAIN("backend_yaml", TEST(test_maps_and_lists), TEST(test_empty_ones),
          TEST(test_lists_in_lists), TEST(test_plain_strings), TEST(test_T35_quoted_strings),
          TEST(test_escaped_strings), TEST(test_T35_random_strings))
