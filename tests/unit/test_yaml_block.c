/*
 * What is left out of YAML before the parser sees it: which lines, and that nobody can tell (each
 * text is also read event by event, and all else must be the same).
 */
#include "frontend/yaml_block.h"
#include "hurry_texts.h"

/* ---- which lines ---- */

struct block_case {
    const char *text;
    size_t seen; /* lines */
    struct yaml_block block;
    struct yaml_rest rest;
};

#define MAP(column)                                                                                \
    {                                                                                              \
        (column), false, 10                                                                        \
    }
#define LIST(column)                                                                               \
    {                                                                                              \
        (column), true, 10                                                                         \
    }

static size_t bytes_of_lines(const char *text, size_t lines)
{
    const char *p = text;
    while (lines-- > 0) {
        p = strchr(p, '\n') + 1;
    }
    return (size_t)(p - text);
}

static void which_lines(void)
{
    static const struct block_case cases[] = {
        /* the block ends where less is indented, or at a key in the column of a list */
        {"  a: 1\n  b: 2\n  c:\nd: 4\n", 1, MAP(2), {12, 2, 4, false}},
        {"  a: 1\n  b: 2\n  c: 3\nd: 4\n", 2, MAP(2), {7, 1, 2, false}},
        {"  a: 1\n  b: 2\n  c: 3\nd: 4\n", 3, MAP(2), {0}},
        {"- a\n- b\n- c\nd: 4\n", 1, LIST(0), {8, 2, 2, false}},
        {"- a: 1\n  b: 2\n- c\nd: 4\n", 1, LIST(0), {11, 2, 3, false}},
        {"  - a\n  - b\nd: 4\n", 1, LIST(2), {6, 1, 1, false}},
        /* what is inside: maps, lists in the column of their key or deeper, empty values */
        {"  a:\n    b:\n    - c: {}\n      d: []\n    - e\n    f:\n      - \"g\"\n    h:\n  i: "
         "'x'\nj: 1\n",
         1,
         MAP(2),
         {74, 8, 15, false}},
        /* without its end only what stands before the last key or item of the block */
        {"  a: 1\n  b: 2\n  c: 3\n", 1, MAP(2), {7, 1, 2, true}},
        {"  a: 1\n  b: 2\n  c: 3\nd: 4", 1, MAP(2), {7, 1, 2, true}},
        {"  a: 1\n  b:\n    c: 3\n", 1, MAP(2), {0, 0, 0, true}},
        /* so, too, before anything that is out of the ordinary */
        {"  a: 1\n  b: 2\n  c: |\n    x\nd: 4\n", 1, MAP(2), {7, 1, 2, false}},
        {"  a: 1\n  b: 2\n  c: &x 1\nd: 4\n", 1, MAP(2), {7, 1, 2, false}},
        {"  a: 1\n  b: 2\n# c\nd: 4\n", 1, MAP(2), {0}},
        {"  a: 1\n  b: 2\n  c: 3 # d\nd: 4\n", 1, MAP(2), {7, 1, 2, false}},
        {"  a: 1\n  b: 2\n\nd: 4\n", 1, MAP(2), {0}},
        {"  a: 1\n  b: 2\n   c: 3\nd: 4\n", 1, MAP(2), {0}},
        {"  a: 1\n  b: 2\n    c\nd: 4\n", 1, MAP(2), {0}},
        {"  a: 1\n  b: 2\n - c\nd: 4\n", 1, MAP(2), {7, 1, 2, false}},
        {"  a: 1\n  b: 2\n  - c\nd: 4\n", 1, MAP(2), {0}},
        {"  a: 1\n  b:\n  - c\nd: 4\n", 1, MAP(2), {11, 2, 3, false}},
        /* and nothing if the block does not begin with its first line */
        {"- a: 1\n  b: 2\n  c: 3\nd: 4\n", 1, MAP(2), {0}},
        {"  a: [\n  b: 2\n  c: 3\nd: 4\n", 1, MAP(2), {0}},
        {"...: 1\na: 2\nb: 3\n", 1, MAP(0), {0}},
        /* no deeper than allowed */
        {"  a:\n  b:\n  c:\n  d: 1\ne: 1\n", 1, {2, false, 0}, {17, 3, 6, false}},
        {"  a: 1\n  b:\n    c: 1\n  d: 1\ne: 1\n", 1, {2, false, 1}, {21, 3, 6, false}},
        {"  a: 1\n  b:\n    c: 1\n  d: 1\ne: 1\n", 1, {2, false, 0}, {0}},
        {"  a: 1\n  b: {}\n  d: 1\ne: 1\n", 1, {2, false, 1}, {15, 2, 4, false}},
        {"  a: 1\n  b: {}\n  d: 1\ne: 1\n", 1, {2, false, 0}, {0}},
        {"- a\n- b: 1\nc: 1\n", 1, {0, true, 0}, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct block_case *c = &cases[i];
        struct yaml_rest got =
            yaml_block_rest(str_of(c->text), bytes_of_lines(c->text, c->seen), &c->block);
        bool same = got.bytes == c->rest.bytes && got.lines == c->rest.lines &&
                    got.values == c->rest.values && got.is_cut == c->rest.is_cut;
        CU_ASSERT(same);
        if (!same) {
            printf("\n%s  got %zu bytes, %zu lines, %zu values%s\n", c->text, got.bytes, got.lines,
                   got.values, got.is_cut ? ", cut" : "");
        }
    }
}

/* What a line may look like: yes or no. */
static void which_values(void)
{
    static const struct {
        const char *line;
        bool fine;
    } cases[] = {
        {"k: v", true},
        {"f:k: v", true},
        {"k:{\"a\":\"b\"}: v", true},
        {".: {}", true},
        {"k: -1", true},
        {"k: --x", true},
        {"k: a~b", true},
        {"k: ~", true},
        {"k: a:b", true},
        {"k: a#b", true},
        {"k: a 'b' \"c\"", true},
        {"k: \"a: b # c\"", true},
        {"k: \"\\\"\\\\\\n\"", true},
        {"k: 'it''s'", true},
        {"k: ''", true},
        {"k: []", true},
        {"k:", true},
        {"k: \"\\x41\"", false},
        {"k: \"a", false},
        {"k: 'a", false},
        {"k: 'a''", false},
        {"k: \"a\" b", false},
        {"k: \"a\\", false},
        {"k: a: b", false},
        {"k: a:", false},
        {"k: - a", false},
        {"k: -", false},
        {"k : v", false},
        {"k:  v", false},
        {"k: ", false},
        {"k: v ", false},
        {"k: v #", false},
        {"k: \tv", false},
        {"k: v\tw", false},
        {"k: \xc3\xa9", false},
        {"\"k\": v", false},
        {"'k': v", false},
        {"? k", false},
        {"-k: v", true},
        {"k: {a: b}", false},
        {"k: [a]", false},
        {"k: {", false},
        {"k: |", false},
        {"k: >-", false},
        {"k: *a", false},
        {"k: &a b", false},
        {"k: !a b", false},
        {"k: @a", false},
        {"k: `a", false},
        {"k: %a", false},
        {"k: ?a", false},
        {"k: :a", false},
        {"k: ,a", false},
        {"k: a\r", false},
        {"%k: v", false},
        {"k", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[100];
        snprintf(text, sizeof text, "  a: 1\n  %s\nb: 1\n", cases[i].line);
        struct yaml_block block = MAP(2);
        struct yaml_rest rest = yaml_block_rest(str_of(text), strlen("  a: 1\n"), &block);
        CU_ASSERT(rest.lines == (cases[i].fine ? 1 : 0));
        snprintf(text, sizeof text, "z:\n  a: 1\n  %s\nb: 1\n", cases[i].line);
        const char *difference = hurry_difference_of(K8S_YAML, str_of(text));
        CU_ASSERT(difference == NULL);
        if (difference != NULL || rest.lines != (cases[i].fine ? 1 : 0)) {
            printf("\n  %s: %s, %zu lines\n", cases[i].line, difference != NULL ? difference : "",
                   rest.lines);
        }
    }
}

static void long_keys(void)
{
    for (size_t n = 990; n < 1030; n++) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        struct buf *b = buf_new(&c.arena);
        buf_puts(b, "z:\n  a: 1\n  ");
        for (size_t i = 0; i < n; i++) {
            buf_puts(b, "k");
        }
        buf_puts(b, ": 1\nb: 1\n");
        CU_ASSERT(hurry_difference_of(K8S_YAML, buf_text(b)) == NULL);
        ctx_free(&c);
    }
}

/* ---- nobody can tell ---- */

/* Writes a text in which ~ stands for the indentation of a line. */
static void write_text(struct hurry_writer *w, const char *text, size_t column)
{
    for (; *text != '\0'; text++) {
        for (size_t i = 0; *text == '~' && i < column; i++) {
            buf_puts(w->b, " ");
        }
        buf_str(w->b, (struct str){text, *text != '~'});
    }
}

static void write_scalar(struct hurry_writer *w, size_t column)
{
    static const char *const usual[] = {
        "x", "web-1", "a:b",      "\"5d4f\"", "'it''s'", "{}",   "[]",      "--flag",
        "1", "a b c", "10.0.0.1", "null",     "\"\"",    "true", "\"\\n\"", "k:{\"a\":}"};
    static const char *const odd[] = {"|\n~x: y\n~# z",
                                      ">-\n~x\n\n~y",
                                      "x\n~y\n~z",
                                      "\"x\n~y:\n~z\"",
                                      "'x\n~- y\n~z'",
                                      "{a: b}",
                                      "[a,\n~b, ~]",
                                      "&a x",
                                      "*a",
                                      "!!str x",
                                      "x # y",
                                      "\xc3\xa9",
                                      "x ",
                                      "x: y",
                                      "x\r",
                                      "\"x",
                                      "'x",
                                      "- x",
                                      "\tx",
                                      "%x",
                                      "@x",
                                      "? x",
                                      "",
                                      "\"\\x41\"",
                                      "\n~x"};
    const bool is_strange = hurry_is_odd(w);
    write_text(w, is_strange ? HURRY_PICK(w, odd) : HURRY_PICK(w, usual),
               column + (is_strange ? rng_below(w->r, 4) : 0));
}

static void write_block(struct hurry_writer *w, size_t key_column, size_t depth);

/* What stands behind a key, and the end of the line. */
static void write_value(struct hurry_writer *w, size_t column, size_t depth)
{
    if (depth > 0 && rng_below(w->r, 3) > 0) {
        buf_puts(w->b, "\n");
        write_block(w, column, depth - 1);
        return;
    }
    if (rng_below(w->r, 8) > 0) {
        buf_puts(w->b, " ");
        write_scalar(w, column);
    }
    buf_puts(w->b, "\n");
}

static void write_indent(struct hurry_writer *w, size_t column)
{
    static const char *const odd[] = {"\n",    "# c\n", "~# npc:allow NPC102 x\n", "~\n", "---\n",
                                      "...\n", "\t\n"};
    if (hurry_is_odd(w)) {
        write_text(w, HURRY_PICK(w, odd), column);
    }
    size_t most = hurry_is_odd(w) ? rng_below(w->r, column + 4) : column;
    write_text(w, "~", most);
}

/* A key with its value, of which the indentation is written. */
static void write_entry(struct hurry_writer *w, size_t column, size_t depth)
{
    static const char *const usual[] = {"name", "f:spec", ".", "k:{\"type\":\"Ready\"}", "a/b"};
    static const char *const odd[] = {"\"q\"", "? k\n~", "] ", ", ",  "}",   "[a]", "&a k",
                                      "*a ",   "!t k",   "%k", "|",   "\'k", "@",   "k ",
                                      "- k",   "<<",     "-k", "x y", "..."};
    write_text(w, hurry_is_odd(w) ? HURRY_PICK(w, odd) : HURRY_PICK(w, usual), column);
    buf_puts(w->b, ":");
    write_value(w, column, depth);
}

/* A map or list behind a key. */
static void write_block(struct hurry_writer *w, size_t key_column, size_t depth)
{
    const bool is_list = rng_below(w->r, 2) == 0;
    const size_t column = key_column + (is_list ? rng_below(w->r, 2) * 2 : 2);
    for (size_t n = rng_below(w->r, 4) + 1; n > 0; n--) {
        write_indent(w, column);
        if (!is_list) {
            write_entry(w, column, depth);
            continue;
        }
        buf_puts(w->b, hurry_is_odd(w) ? "-   " : "- ");
        if (rng_below(w->r, 2) == 0) {
            write_entry(w, column + 2, depth);
        } else {
            write_scalar(w, column);
            buf_puts(w->b, "\n");
        }
    }
}

static void write_short(struct hurry_writer *w)
{
    w->odd = rng_below(w->r, 2) * 20;
    for (size_t n = rng_below(w->r, 4); n > 0; n--) {
        buf_puts(w->b, "key:\n");
        write_block(w, 0, 4);
    }
}

/* More than is looked at at a time, and blocks longer than that. */
static void write_long(struct hurry_writer *w)
{
    w->odd = rng_below(w->r, 2) * 20000;
    size_t most = rng_below(w->r, 5) > 0 ? 10 : 1000;
    while (w->b->n < 150000) {
        buf_puts(w->b, "key:\n");
        for (size_t n = rng_below(w->r, most); n > 0; n--) {
            buf_puts(w->b, "- x:\n");
            write_block(w, 2, 2);
        }
    }
}

static void random_texts(void)
{
    hurry_random_texts(K8S_YAML, rng_rounds(6000), 1, write_short);
    hurry_random_texts(K8S_YAML, rng_rounds(100), 3000, write_long);
}

/* ---- limits count what is left out ---- */

#define HEAD "kind: Pod\napiVersion: v1\nmetadata:\n  name: a\n  managedFields:\n"
#define ITEM "  - a: 123456789\n"
#define END  "spec: {}\n"

static void limits(void)
{
    static const struct hurry_pod pod = {K8S_YAML, HEAD, ITEM, END};
    const size_t nodes = 13 + 3 * HURRY_ITEMS,
                 bytes = strlen(HEAD) + HURRY_ITEMS * strlen(ITEM) + strlen(END);
    CU_ASSERT(hurry_limit_errors(&pod, nodes, SIZE_MAX) == 0);
    CU_ASSERT(hurry_limit_errors(&pod, nodes - 1, SIZE_MAX) == 1);
    CU_ASSERT(hurry_limit_errors(&pod, SIZE_MAX, bytes) == 0);
    CU_ASSERT(hurry_limit_errors(&pod, SIZE_MAX, bytes - 10) == 1);
    CU_ASSERT(hurry_limit_errors(&pod, SIZE_MAX, 1000) == 1);
}

UNIT_MAIN("yaml_block", TEST(which_lines), TEST(which_values), TEST(long_keys), TEST(random_texts),
          TEST(limits))
