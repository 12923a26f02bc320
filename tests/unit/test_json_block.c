/*
 * What is left out of JSON before the parser sees it: which lines, and that nobody can tell (each
 * text is also read event by event, and all else must be the same).
 */
#include "frontend/json_block.h"
#include "hurry_texts.h"

/* ---- which lines ---- */

static struct json_rest rest_of(const char *text, const struct json_block *block)
{
    char *exact = calloc(1, strlen(text) + JSON_BEHIND); /* nothing behind may be read */
    CU_ASSERT_FATAL(exact != NULL);
    memcpy(exact, text, strlen(text));
    struct json_rest rest = json_block_rest(exact, block);
    free(exact);
    return rest;
}

#define MAP                                                                                        \
    {                                                                                              \
        false, 10                                                                                  \
    }
#define LIST                                                                                       \
    {                                                                                              \
        true, 10                                                                                   \
    }

static void which_lines(void)
{
    static const struct {
        const char *text;
        struct json_block block;
        struct {
            size_t bytes, lines, values;
        } rest;
    } cases[] = {
        /* up to the end of the block, whatever stands behind it */
        {"\"a\": 1,\n    \"b\": 2\n  },\nx", MAP, {19, 2, 4}},
        {"\"a\": 1\n}\n", MAP, {7, 1, 2}},
        {"1,\n2\n],\n", LIST, {5, 2, 2}},
        {"}\n", MAP, {0, 0, 0}},
        /* what is inside */
        {"\"a\": {\n\"b\": [\n{\n\"c\": \"d\"\n},\n[\n],\n{},\n[]\n],\n\"e\": {}\n},\n\"f\": "
         "[]\n}\n",
         MAP,
         {62, 13, 14}},
        /* without its end only whole items, with their commas */
        {"\"a\": 1,\n\"b\": 2,\n\"c\": 3", MAP, {16, 2, 4}},
        {"\"a\": 1,\n\"b\": 2\n", MAP, {8, 1, 2}},
        {"\"a\": 1\n  ", MAP, {0, 0, 0}},
        {"\"a\": 1,\n\"b\": [\n1,\n2,\n", MAP, {8, 1, 2}},
        {"\"a\": [\n1\n],\n\"b\"", MAP, {12, 3, 3}},
        /* so, too, before anything that is out of the ordinary */
        {"1,\n2,\n3.5,\n4\n]\n", LIST, {6, 2, 2}},
        {"1,\n\n2\n]\n", LIST, {0, 0, 0}},
        {"1,\nx\n]\n", LIST, {0, 0, 0}},
        {"1,\n2 ,\n3\n]\n", LIST, {3, 1, 1}},
        {"1,\n[\n2,\n\t3\n],\n4\n]\n", LIST, {3, 1, 1}},
        /* and what is wrong */
        {"1,\n2\n3\n]\n", LIST, {3, 1, 1}},
        {"1,\n2,\n]\n", LIST, {3, 1, 1}},
        {"1,\n2,,\n3\n]\n", LIST, {3, 1, 1}},
        {"1,\n2\n}\n", LIST, {3, 1, 1}},
        {"1,\n[\n},\n2\n]\n", LIST, {3, 1, 1}},
        {"1,\n[\n1,\n],\n2\n]\n", LIST, {3, 1, 1}},
        {"1,\n\"a\": 2\n]\n", LIST, {3, 1, 1}},
        {"\"a\": 1,\n2\n}\n", MAP, {0, 0, 0}},
        {"\"a\": 1\n]\n", MAP, {0, 0, 0}},
        {",\n1\n]\n", LIST, {0, 0, 0}},
        /* no deeper than allowed */
        {"1,\n[\n2\n]\n]\n", {true, 1}, {9, 4, 3}},
        {"1,\n[\n2\n]\n]\n", {true, 0}, {3, 1, 1}},
        {"1,\n{}\n]\n", {true, 1}, {6, 2, 2}},
        {"1,\n{}\n]\n", {true, 0}, {3, 1, 1}},
        {"1,\n[\n[]\n]\n]\n", {true, 1}, {3, 1, 1}},
        {"1,\n[\n[\n]\n]\n]\n", {true, 1}, {3, 1, 1}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_rest got = rest_of(cases[i].text, &cases[i].block);
        bool same = got.bytes == cases[i].rest.bytes && got.lines == cases[i].rest.lines &&
                    got.values == cases[i].rest.values;
        CU_ASSERT(same);
        if (!same) {
            printf("\n%s  got %zu bytes, %zu lines, %zu values\n", cases[i].text, got.bytes,
                   got.lines, got.values);
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
        {"\"k\": \"v\"", true},
        {"\"\": \"\"", true},
        {"\"f:k\": \"~ :,[]{}'\"", true},
        {"\"k:{\\\"type\\\":\\\"Ready\\\"}\": {}", true},
        {"\"k\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", true},
        {"\"k\": 0", true},
        {"\"k\": -0", true},
        {"\"k\": -12", true},
        {"\"k\": 1234567890123456789012", true},
        {"\"k\": true", true},
        {"\"k\": false", true},
        {"\"k\": null", true},
        {"\"k\": []", true},
        {"\"k\": {}", true},
        {"\"k\": \"\\u0041\"", false},
        {"\"k\": \"\\x\"", false},
        {"\"k\": \"v", false},
        {"\"k\": \"v\\\"", false},
        {"\"k\": \"v\"w", false},
        {"\"k\": \"\xc3\xa9\"", false},
        {"\"k\": \"\t\"", false},
        {"\"k\": \"\x7f\"", false},
        {"\"k\": 01", false},
        {"\"k\": -", false},
        {"\"k\": +1", false},
        {"\"k\": 1.5", false},
        {"\"k\": 1e3", false},
        {"\"k\": True", false},
        {"\"k\": nul", false},
        {"\"k\": nulls", false},
        {"\"k\": NaN", false},
        {"\"k\":\"v\"", false},
        {"\"k\":  \"v\"", false},
        {"\"k\" : \"v\"", false},
        {"\"k\": \"v\" ", false},
        {"\"k\": \"v\"\r", false},
        {"\"k\": \"v\",", false},
        {"\"k\": [1]", false},
        {"\"k\": [}", false},
        {"\"k\": {]", false},
        {"\"k\": [ ]", false},
        {"\"k\": ", false},
        {"\"k\":", false},
        {"\"k\"", false},
        {"k: 1", false},
        {"'k': 1", false},
        {"\"\\u0041\": 1", false},
        {"/* c */", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[120];
        const struct json_block block = MAP;
        snprintf(text, sizeof text, "  \"a\": 1,\n  %s\n}\n", cases[i].line);
        size_t lines = rest_of(text, &block).lines,
               want = cases[i].fine ? 2 : *cases[i].line == '"';
        CU_ASSERT(lines == want);
        snprintf(text, sizeof text, "[\n {\n  \"a\": 1,\n  %s\n }\n]\n", cases[i].line);
        const char *difference = hurry_difference_of(K8S_JSON, str_of(text));
        CU_ASSERT(difference == NULL);
        if (difference != NULL || lines != want) {
            printf("\n  %s: %s, %zu lines\n", cases[i].line, difference != NULL ? difference : "",
                   lines);
        }
    }
}

/* So many lists in each other, all of which may be open: up to 63 are followed. */
static void very_deep(void)
{
    for (size_t n = 60; n < 70; n++) {
        const struct json_block block = {true, 100};
        char text[300] = "1,\n";
        for (size_t i = 0; i < n; i++) {
            memcpy(text + strlen("1,\n") + 2 * i, "[\n", 2);
            memcpy(text + strlen("1,\n") + 2 * (n + i), "]\n", 2);
        }
        strcat(text, "]\n");
        CU_ASSERT(rest_of(text, &block).lines == (n < 64 ? 1 + 2 * n : 1));
    }
}

/* What is looked at: up to the line that ends it. */
static void looks(void)
{
    static const struct json_block list = LIST;
    CU_ASSERT(rest_of("1,\n2\n],\n3\n", &list).looked == strlen("1,\n2\n],"));
    CU_ASSERT(rest_of("1,\n2.5,\n3\n", &list).looked == strlen("1,\n2.5,"));
    CU_ASSERT(rest_of("1,\n[\n  \"a", &list).looked == strlen("1,\n[\n  \"a"));
}

static void blanks(void)
{
    for (size_t n = 0; n < 40; n++) {
        char text[60] = {0};
        memset(text, ' ', n);
        CU_ASSERT(json_blanks(text) == n);
        memcpy(text + n, "x  ", 3);
        CU_ASSERT(json_blanks(text) == n);
    }
}

/* ---- nobody can tell ---- */

static void end_line(struct hurry_writer *w, size_t column)
{
    static const char *const odd[] = {"\r\n", " \n", "\n\n", "", "\n\t", "\nx", "\n}", "\n],"};
    buf_puts(w->b, hurry_is_odd(w) ? HURRY_PICK(w, odd) : "\n");
    size_t most = hurry_is_odd(w) ? rng_below(w->r, column + 4) : column;
    for (size_t i = 0; i < most; i++) {
        buf_puts(w->b, " ");
    }
}

static void write_scalar(struct hurry_writer *w)
{
    static const char *const usual[] = {"\"x\"", "\"\"", "1",  "0",  "-7",         "true",
                                        "false", "null", "{}", "[]", "\"a\\\"b\"", "\"{\""};
    static const char *const odd[] = {"1.5",
                                      "1e9",
                                      "01",
                                      "-",
                                      "tru",
                                      "\"\\u00e9\"",
                                      "\"\\ud83d\\ude00\"",
                                      "\"\\ud83d\"",
                                      "\"\xc3\xa9\"",
                                      "\"x",
                                      "x\"",
                                      "[1, 2]",
                                      "{\"a\": 1}",
                                      "\"\\q\"",
                                      "[",
                                      "{",
                                      "}",
                                      "]",
                                      "",
                                      ",",
                                      "\"a\nb\""};
    buf_puts(w->b, hurry_is_odd(w) ? HURRY_PICK(w, odd) : HURRY_PICK(w, usual));
}

static void write_block(struct hurry_writer *w, size_t column, size_t depth);

static void write_value(struct hurry_writer *w, size_t column, size_t depth)
{
    if (depth > 0 && rng_below(w->r, 3) > 0) {
        write_block(w, column, depth - 1);
    } else {
        write_scalar(w);
    }
}

static void write_block(struct hurry_writer *w, size_t column, size_t depth)
{
    static const char *const usual[] = {
        "\"name\": ", "\"f:spec\": ", "\".\": ", "\"\": ", "\"k:{\\\"type\\\":\\\"Ready\\\"}\": "};
    static const char *const odd[] = {"\"a\":", "\"a\" : ", "a: ",      "\"a\", ",
                                      "1: ",    "",         "\"a\n\": "};
    const bool is_list = rng_below(w->r, 2) == 0;
    buf_puts(w->b, is_list ? "[" : "{");
    end_line(w, column + 4);
    for (size_t n = rng_below(w->r, 4) + (hurry_is_odd(w) ? 0 : 1); n > 0; n--) {
        if (!is_list) {
            buf_puts(w->b, hurry_is_odd(w) ? HURRY_PICK(w, odd) : HURRY_PICK(w, usual));
        }
        write_value(w, column + 4, depth);
        bool has_comma = (n > 1) != hurry_is_odd(w);
        buf_puts(w->b, has_comma ? "," : "");
        end_line(w, n > 1 ? column + 4 : column);
    }
    buf_puts(w->b, is_list != hurry_is_odd(w) ? "]" : "}");
}

static void write_short(struct hurry_writer *w)
{
    w->odd = rng_below(w->r, 2) * 40;
    for (size_t n = rng_below(w->r, 3) + 1; n > 0; n--) {
        write_block(w, 0, 5);
        buf_puts(w->b, "\n");
    }
}

/* More than is looked at at a time, and blocks longer than that. */
static void write_long(struct hurry_writer *w)
{
    w->odd = rng_below(w->r, 2) * 20000;
    size_t most = rng_below(w->r, 5) > 0 ? 10 : 1000;
    buf_puts(w->b, "[\n");
    while (w->b->n < 150000) {
        buf_puts(w->b, "    [\n        ");
        for (size_t n = rng_below(w->r, most); n > 0; n--) {
            write_value(w, 8, 3);
            buf_puts(w->b, ",\n        ");
        }
        buf_puts(w->b, "0\n    ],\n");
    }
    buf_puts(w->b, "    0\n]\n");
}

static void random_texts(void)
{
    hurry_random_texts(K8S_JSON, rng_rounds(6000), 1, write_short);
    hurry_random_texts(K8S_JSON, rng_rounds(100), 3000, write_long);
}

/* ---- limits count what is left out ---- */

#define HEAD                                                                                       \
    "{\n\"kind\": \"Pod\",\n\"apiVersion\": \"v1\",\n\"metadata\": {\n\"name\": \"a\",\n"          \
    "\"managedFields\": [\n"
#define ITEM "{\n\"a\": 12345\n},\n"
#define END  "0\n]\n},\n\"spec\": {}\n}\n"

static void limits(void)
{
    static const struct hurry_pod pod = {K8S_JSON, HEAD, ITEM, END};
    const size_t nodes = 14 + 3 * HURRY_ITEMS,
                 bytes = strlen(HEAD) + HURRY_ITEMS * strlen(ITEM) + strlen(END) - 1;
    CU_ASSERT(hurry_limit_errors(&pod, nodes, SIZE_MAX) == 0);
    CU_ASSERT(hurry_limit_errors(&pod, nodes - 1, SIZE_MAX) == 1);
    CU_ASSERT(hurry_limit_errors(&pod, SIZE_MAX, bytes) == 0);
    CU_ASSERT(hurry_limit_errors(&pod, SIZE_MAX, bytes - 1) == 1);
    CU_ASSERT(hurry_limit_errors(&pod, SIZE_MAX, 1000) == 1);
}

UNIT_MAIN("json_block", TEST(which_lines), TEST(which_values), TEST(very_deep), TEST(looks),
          TEST(blanks), TEST(random_texts), TEST(limits))
