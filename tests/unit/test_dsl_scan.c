/*
 * Bytes, words and strings of npc source (threats 14 to 18, 36, 42): what
 * may stand in it, what it is read as, and where.
 */
#include "dsl.h"

#include "frontend/dsl_parse.h"

static bool reads(const char *text, size_t n)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_read(&d, (struct str){text, n});
    CU_ASSERT(fine == (d.c.diags.errors == 0));
    dsl_close(&d);
    return fine;
}

#define READS(literal) reads(literal, sizeof(literal) - 1)

/* Reads a text that must be refused, and compares id and place. */
static void refuses(const char *text, size_t n, enum diag_id id, unsigned line, unsigned col)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_read(&d, (struct str){text, n});
    const struct diag *rec = dsl_diag(&d, id);
    bool placed = rec != NULL && rec->at.line == line && rec->at.col == col;
    if (fine || !placed) {
        struct str shown = dsl_shown(&d);
        printf("\n%.*s", (int)shown.n, shown.p);
    }
    unit_case(!fine, "was taken", text);
    unit_case(placed, "not with this id at this place", text);
    dsl_close(&d);
}

#define REFUSES(literal, id, line, col) refuses(literal, sizeof(literal) - 1, id, line, col)

/* A string in a place where any may stand: the value read, or NULL. */
static struct str string_value(struct dsl *d, const char *literal)
{
    struct str text =
        str_printf(&d->c.arena, "policy p for all pods { default deny ingress desc %s }", literal);
    text = (struct str){str_dup(&d->c.arena, text).p, text.n};
    if (!dsl_run(d, text.p) || d->p.policies.n != 1) {
        return (struct str){0};
    }
    return d->p.policies.v[0]->annotations.v[0].value;
}

static void reads_as(const char *literal, const char *value, size_t n)
{
    struct dsl d;
    dsl_open(&d);
    struct str is = string_value(&d, literal);
    unit_case(str_eq(is, (struct str){value, n}), "is read as something else", literal);
    dsl_close(&d);
}

#define READS_AS(literal, value) reads_as(literal, value, sizeof(value) - 1)

/* Every byte alone, in a comment and in a string: no crash, no output, and only text is taken. */
static void T42_every_byte(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char alone[1] = {(char)byte};
        char comment[] = {'#', (char)byte, '\n'};
        char string[] = {'t', 'e', 's', 't', ' ', '"', (char)byte, '"', '{', '}'};
        bool space = byte == ' ' || byte == '\t' || byte == '\n';
        bool control = byte < 0x20 || byte >= 0x7f; /* or half of a character */
        CU_ASSERT(reads(alone, 1) == (space || byte == '#'));
        bool ends = byte == '\n' || byte == '\r'; /* the line: with the LF that follows */
        CU_ASSERT(reads(comment, sizeof comment) == (!control || byte == '\t' || ends));
        bool breaks = byte == '"' || byte == '\\' || byte == '\n';
        CU_ASSERT(reads(string, sizeof string) == ((!control && !breaks) || byte == '\t'));
    }
    char nul[] = {'\0'};
    CU_ASSERT(!reads(nul, 1));
    CU_ASSERT(!READS("\r"));
    CU_ASSERT(READS("\r\n"));
    CU_ASSERT(READS(""));
}

static void T14_T18_characters(void)
{
    REFUSES("\n a\rb", DIAG_NPC002, 2, 3);
    REFUSES("# \x07", DIAG_NPC002, 1, 3);
    REFUSES("# \x7f", DIAG_NPC002, 1, 3);
    REFUSES("#\0", DIAG_NPC002, 1, 2);
    REFUSES("# \xc2\x85", DIAG_NPC002, 1, 3);
    REFUSES("# \xe2\x80\xa8", DIAG_NPC002, 1, 3);
    REFUSES("# \xe2\x80\xae", DIAG_NPC002, 1, 3);
    REFUSES("# \xe2\x81\xa9", DIAG_NPC002, 1, 3);
    REFUSES("test \"\xe2\x80\xaa\" { }", DIAG_NPC002, 1, 7);
    CU_ASSERT(READS("# \u2027 \u202f \u2070 \ufe0f \u00a0 \U000e1000")); /* beside those */
    static const char *const hidden[] = {"\u200b",     "\u200c",    "\u200d", "\u200e", "\u200f",
                                         "\u061c",     "\u2060",    "\u206f", "\u00ad", "\u034f",
                                         "\u180e",     "\u3164",    "\ufff9", "\ufe00", "\xc2\x9b",
                                         "\U000e0041", "\U000e0100"};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        char comment[16], string[32];
        snprintf(comment, sizeof comment, "# %s", hidden[i]);
        snprintf(string, sizeof string, "test \"%s\" {}", hidden[i]);
        refuses(comment, strlen(comment), DIAG_NPC002, 1, 3);
        refuses(string, strlen(string), DIAG_NPC002, 1, 7);
    }
    /* The byte order mark: at the start only. */
    CU_ASSERT(READS("\xef\xbb\xbfnpc 1"));
    REFUSES("\xef\xbb\xbf\xef\xbb\xbfnpc 1", DIAG_NPC002, 1, 1);
    REFUSES("npc 1 \xef\xbb\xbf", DIAG_NPC002, 1, 7);
    REFUSES("n\0p\0c\0", DIAG_NPC002, 1, 2);
    REFUSES("\xff\xfen\0", DIAG_NPC002, 1, 1);
    /* Invalid UTF-8: stray, cut, overlong, surrogate, too large. */
    REFUSES("# \x80", DIAG_NPC002, 1, 3);
    REFUSES("# \xc3", DIAG_NPC002, 1, 3);
    REFUSES("# \xc0\x80", DIAG_NPC002, 1, 3);
    REFUSES("# \xed\xa0\x80", DIAG_NPC002, 1, 3);
    REFUSES("# \xf4\x90\x80\x80", DIAG_NPC002, 1, 3);
    /* Columns are code points. */
    REFUSES("# \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x07", DIAG_NPC002, 1, 6);
}

/* Every single byte of a good text replaced or cut: an answer, never a crash. */
static void T16_damages(void)
{
    static const char good[] =
        "let w = {tcp/80, udp/53} # \xc3\xa4\n"
        "policy p for pods a=b { allow from cidr ::1/128 on w desc \"x\" }\n";
    char text[sizeof good];
    CU_ASSERT(READS(good));
    for (size_t i = 0; i + 1 < sizeof good; i++) {
        static const char bytes[] = {'\0', '\x80', '\xff', '"', '{', '}', '\n', '#', '\x1b'};
        reads(good, i);
        for (size_t b = 0; b < sizeof bytes; b++) {
            memcpy(text, good, sizeof good);
            text[i] = bytes[b];
            bool fine = reads(text, sizeof good - 1);
            bool refused = bytes[b] == '\0' || bytes[b] == '\xff' || bytes[b] == '\x1b';
            CU_ASSERT(!(fine && refused));
        }
    }
}

static void test_strings(void)
{
    READS_AS("\"\"", "");
    READS_AS("\"a b\"", "a b");
    READS_AS("\"\\\"\\\\\\n\\t\\r\"", "\"\\\n\t\r");
    READS_AS("\"\\u{41}\\u{e4}\\u{20ac}\\u{1f600}\\u{10FFFF}\\u{00041}\"",
             "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"
             "A");
    READS_AS("\"\\u{202e}\\u{7}\"", "\xe2\x80\xae\x07");
    READS_AS("\"# no comment {\"", "# no comment {");
    /* The places of bad escapes. */
    REFUSES("test \"\xc3\xa4\\q\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u41\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{g}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{41\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{0000041}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{d800}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{110000}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\\xc3\xa4\" {}", DIAG_NPC022, 1, 8);
    /* Where a string without end begins. */
    REFUSES("test \"abc\n{}", DIAG_NPC022, 1, 6);
    REFUSES("test \"abc\\\"\n{}", DIAG_NPC022, 1, 6);
    REFUSES("test \"abc\\\n{}", DIAG_NPC022, 1, 6);
    REFUSES("\n  raw k8s \"\"\"abc\n\"\"\n", DIAG_NPC022, 2, 11);
}

static void T17_escaped_nul(void)
{
    REFUSES("test \"a\\u{0}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\u{000000}\" {}", DIAG_NPC022, 1, 8);
    REFUSES("test \"a\\0\" {}", DIAG_NPC022, 1, 8);
}

static void test_long_strings(void)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"raw x \"\"\"\"\"\"", ""},
        {"raw x \"\"\"a \"b\" \"\"c\"\" \\n\n#\"\"\"", "a \"b\" \"\"c\"\" \\n\n#"},
        {"raw x \"\"\"a\r\nb\r\n\"\"\"", "a\nb\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dsl d;
        dsl_open(&d);
        d.o.allow_raw = true;
        unit_case(dsl_run(&d, cases[i].text) && d.p.raws.n == 1, "was refused", cases[i].text);
        unit_case(d.p.raws.n == 1 && str_is(d.p.raws.v[0].text, cases[i].value),
                  "is read as something else", cases[i].text);
        dsl_close(&d);
    }
}

/* Words may be quoted where any may stand, and then hold anything that the rules of names allow. */
static void test_words(void)
{
    CU_ASSERT(READS("policy \"p\" for pods \"tcp/x\"=\"\" & a.b/c_d=e.f-g & \"0\"=1 {}"));
    CU_ASSERT(READS("let a={tcp/1,cidr 10.0.0.0/8}flows f{a->b on tcp/1}"));
    CU_ASSERT(READS("policy p for pods a!exists{}"));
    CU_ASSERT(
        READS("let x = cidr 2001:db8::/32 let y = cidr ::/0 let z = cidr ::ffff:1.2.3.4/128"));
    REFUSES("policy p for pods tcp/x=a {}", DIAG_NPC020, 1, 19);
    REFUSES("policy -rf for all pods {}", DIAG_NPC021, 1, 8);
    REFUSES("policy a. for all pods {}", DIAG_NPC021, 1, 9);
    REFUSES("policy \xc3\xa4 for all pods {}", DIAG_NPC021, 1, 8);
    REFUSES("let a = tcp/80;", DIAG_NPC021, 1, 15);
    REFUSES("tier t order +80", DIAG_NPC026, 1, 14);
    REFUSES("tier t order -1", DIAG_NPC026, 1, 14);
    REFUSES("let a = cidr fe80::1%eth0/64", DIAG_NPC021, 1, 21);
    REFUSES("// x", DIAG_NPC021, 1, 1);
    REFUSES("policy p for pods app: web {}", DIAG_NPC021, 1, 22);
}

/* Control bytes in what is quoted from the input are shown, never sent. */
static void T36_shown_bytes(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT(!dsl_read(&d, STR("policy \x1b[31m for")));
    struct str shown = dsl_shown(&d);
    CU_ASSERT(memchr(shown.p, '\x1b', shown.n) == NULL);
    CU_ASSERT(has_text(shown, "in.npc:1:8: error:"));
    dsl_close(&d);
}

/* ---- limits: at the limit, and one more ---- */

static bool reads_within(struct str text, const struct limits *limits)
{
    struct dsl d;
    dsl_open(&d);
    d.c.limits = *limits;
    bool fine = dsl_read(&d, text);
    CU_ASSERT(fine || dsl_diag(&d, DIAG_NPC003) != NULL);
    dsl_close(&d);
    return fine;
}

/* before, n times `c`, behind. */
static struct str filled(struct arena *a, const char *before, char c, size_t n, const char *behind)
{
    struct buf *b = buf_new(a);
    buf_puts(b, before);
    for (size_t i = 0; i < n; i++) {
        buf_putc(b, c);
    }
    buf_puts(b, behind);
    return buf_text(b);
}

static void test_limits(void)
{
    struct dsl d;
    dsl_open(&d);
    struct arena *a = &d.c.arena;
    const struct limits *l = &limits_default;
    CU_ASSERT(reads_within(filled(a, "let ", 'a', l->word, " = tcp/1"), l));
    CU_ASSERT(!reads_within(filled(a, "let ", 'a', l->word + 1, " = tcp/1"), l));
    CU_ASSERT(reads_within(filled(a, "let a = tcp/", '1', l->word - 4, ""), l));
    CU_ASSERT(!reads_within(filled(a, "let a = tcp/", '1', l->word - 3, ""), l));
    CU_ASSERT(reads_within(filled(a, "test \"", 'a', l->string, "\" {}"), l));
    CU_ASSERT(!reads_within(filled(a, "test \"", 'a', l->string + 1, "\" {}"), l));
    CU_ASSERT(reads_within(filled(a, "raw x \"\"\"", 'a', l->string, "\"\"\""), l));
    CU_ASSERT(!reads_within(filled(a, "raw x \"\"\"", 'a', l->string + 1, "\"\"\""), l));
    CU_ASSERT(reads_within(filled(a, "", ' ', l->dsl_file, ""), l));
    CU_ASSERT(!reads_within(filled(a, "", ' ', l->dsl_file + 1, ""), l));
    dsl_close(&d);
}

/* Places of what follows strings over several lines, wide characters and tabs. */
static void test_places(void)
{
    REFUSES("raw x \"\"\"a\nb\n\"\"\" nonsense", DIAG_NPC020, 3, 5);
    REFUSES("test \"\xf0\x9f\x98\x80\" nonsense", DIAG_NPC020, 1, 10);
    REFUSES("\t\tnonsense", DIAG_NPC020, 1, 3);
    REFUSES("npc 1\r\n\r\n nonsense", DIAG_NPC020, 3, 2);
    REFUSES("\xef\xbb\xbfnonsense", DIAG_NPC020, 1, 1);
}

/* What fmt writes for a string. A byte that is no UTF-8, which source never holds, is not lost. */
static void test_printed(void)
{
    static const struct {
        struct str text;
        const char *printed;
    } cases[] = {
        {STR_INIT(""), "\"\""},
        {STR_INIT("a \u00e9 \U0001f600"), "\"a \u00e9 \U0001f600\""},
        {STR_INIT("\"\\\n\t\r"), "\"\\\"\\\\\\n\\t\\r\""},
        {STR_INIT("\x1f\x7f\xc2\x9f\u00a0"), "\"\\u{1f}\\u{7f}\\u{9f}\u00a0\""},
        {STR_INIT("\u2027\u2028\u2029\u202a\ufeff"),
         "\"\u2027\\u{2028}\\u{2029}\\u{202a}\\u{feff}\""},
        {STR_INIT("\u200b\u00ad\U000e0041\ufe0f"), "\"\\u{200b}\\u{ad}\\u{e0041}\ufe0f\""},
        {STR_INIT("\xff\x01\xe2\x80"), "\"\xff\\u{1}\xe2\x80\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        struct buf *out = buf_new(&a);
        string_print(out, cases[i].text);
        unit_case(str_is(buf_text(out), cases[i].printed), buf_text(out).p, cases[i].printed);
        arena_free(&a);
    }
}

UNIT_MAIN("dsl_scan", TEST(T42_every_byte), TEST(T14_T18_characters), TEST(T16_damages),
          TEST(test_strings), TEST(T17_escaped_nul), TEST(test_long_strings), TEST(test_words),
          TEST(T36_shown_bytes), TEST(test_limits), TEST(test_places), TEST(test_printed))
