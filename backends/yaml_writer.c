/*
 * The YAML writer: layout by a small stack of levels, strings by a closed rule. It knows no
 * Kubernetes.
 */
#include "backends/yaml_writer.h"

#include "base/utf8.h"
#include "ir/yamlscalar.h"

#include <assert.h>
#include <string.h>

/* ---- strings ---- */

static bool needs_escapes(struct str s)
{
    while (s.n > 0) {
        uint32_t c;
        size_t n = utf8_decode(s, &c);
        assert(n > 0); /* frontends let no other bytes pass */
        if (n == 0 || utf8_is_hidden(c)) {
            return true;
        }
        s.p += n;
        s.n -= n;
    }
    return false;
}

/* Whether YAML syntax, 1.1 or 1.2, lets the text stand without quotes in block style. Narrower than
 * the standard: no indicator may come first, but for a colon before something (as in ::/0), and
 * nothing that begins like a number without a digit: readers differ on +_8 and on a lone dot. */
static bool fits_plain_syntax(struct str s)
{
    if (s.n == 0 || s.p[0] == ' ' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == ':') {
        return false;
    }
    static const char indicators[] = "-?,[]{}#&*!|>'\"%@`=<+.";
    if (memchr(indicators, s.p[0], sizeof indicators - 1) != NULL) {
        return false;
    }
    for (size_t i = 0; i + 1 < s.n; i++) {
        if ((s.p[i] == ':' && s.p[i + 1] == ' ') || (s.p[i] == ' ' && s.p[i + 1] == '#')) {
            return false;
        }
    }
    return true;
}

/* Words that the standards know in three spellings each (no, No, NO), and some readers in all. */
static bool is_word(struct str s)
{
    static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(s, str_of(words[i]))) {
            return true;
        }
    }
    return false;
}

enum yaml_style yaml_style_of(struct str s)
{
    if (needs_escapes(s)) {
        return YAML_DOUBLE;
    }
    bool plain = fits_plain_syntax(s) && !is_word(s) && yaml_plain_is_string(s);
    return plain ? YAML_PLAIN : YAML_SINGLE;
}

static void put_single(struct buf *out, struct str s)
{
    buf_putc(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        buf_puts(out, s.p[i] == '\'' ? "'" : "");
        buf_putc(out, s.p[i]);
    }
    buf_putc(out, '\'');
}

static void put_escape(struct buf *out, uint32_t c)
{
    switch (c) {
    case '\n':
        buf_puts(out, "\\n");
        return;
    case '\t':
        buf_puts(out, "\\t");
        return;
    case '\r':
        buf_puts(out, "\\r");
        return;
    }
    int digits = c <= 0xff ? 2 : c <= 0xffff ? 4 : 8;
    buf_puts(out, digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U");
    buf_printf(out, "%0*X", digits, (unsigned)c);
}

static void put_double(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    while (s.n > 0) {
        uint32_t c = 0;
        size_t n = utf8_decode(s, &c);
        if (n == 0) {
            break;
        }
        if (utf8_is_hidden(c)) {
            put_escape(out, c);
        } else {
            buf_puts(out, c == '"' || c == '\\' ? "\\" : "");
            buf_put(out, s.p, n);
        }
        s.p += n;
        s.n -= n;
    }
    buf_putc(out, '"');
}

static void put_string(struct buf *out, struct str s)
{
    switch (yaml_style_of(s)) {
    case YAML_PLAIN:
        buf_str(out, s);
        break;
    case YAML_SINGLE:
        put_single(out, s);
        break;
    case YAML_DOUBLE:
        put_double(out, s);
        break;
    }
}

/* ---- layout ---- */

void yaml_init(struct yaml *y, struct buf *out)
{
    *y = (struct yaml){.out = out};
}

void yaml_document(struct yaml *y)
{
    assert(y->depth == 0);
    if (buf_text(y->out).n > 0) {
        buf_puts(y->out, "---\n");
    }
}

static struct yaml_level *top(struct yaml *y)
{
    return y->depth > 0 ? &y->levels[y->depth - 1] : NULL;
}

/* Goes to where a key or a dash of the level may stand. */
static void begin_entry(struct yaml *y, struct yaml_level *level)
{
    level->is_empty = false;
    switch (y->place) {
    case YAML_AFTER_DASH:
        return;
    case YAML_AFTER_KEY:
        buf_putc(y->out, '\n');
        break;
    case YAML_LINE_START:
        break;
    }
    buf_spaces(y->out, level->indent);
}

/* Goes to where a value may stand: behind its key, or behind the dash that this writes. */
static void begin_value(struct yaml *y)
{
    struct yaml_level *level = top(y);
    if (level != NULL && level->is_seq) {
        begin_entry(y, level);
        buf_puts(y->out, "- ");
        y->place = YAML_AFTER_DASH;
    }
}

static void open_level(struct yaml *y, bool is_seq)
{
    begin_value(y);
    assert(y->depth < YAML_MOST_DEPTH);
    const struct yaml_level *outer = top(y);
    size_t indent = 0;
    if (outer != NULL) {
        bool list_under_key = is_seq && !outer->is_seq; /* those are not indented */
        indent = outer->indent + (list_under_key ? 0 : 2);
    }
    y->levels[y->depth++] = (struct yaml_level){is_seq, true, indent};
}

static void end_line(struct yaml *y)
{
    buf_putc(y->out, '\n');
    y->place = YAML_LINE_START;
}

static void begin_scalar(struct yaml *y)
{
    begin_value(y);
    buf_puts(y->out, y->place == YAML_AFTER_KEY ? " " : "");
}

void yaml_map(struct yaml *y)
{
    open_level(y, false);
}

void yaml_seq(struct yaml *y)
{
    open_level(y, true);
}

void yaml_end(struct yaml *y)
{
    const struct yaml_level *level = top(y);
    assert(level != NULL);
    y->depth--;
    if (level->is_empty) {
        buf_puts(y->out, y->place == YAML_AFTER_KEY ? " " : "");
        buf_puts(y->out, level->is_seq ? "[]" : "{}");
        end_line(y);
    }
}

void yaml_key_str(struct yaml *y, struct str key)
{
    struct yaml_level *level = top(y);
    assert(level != NULL && !level->is_seq);
    assert(level->is_empty || y->place == YAML_LINE_START); /* every key has its value */
    begin_entry(y, level);
    put_string(y->out, key);
    buf_putc(y->out, ':');
    y->place = YAML_AFTER_KEY;
}

void yaml_key(struct yaml *y, const char *key)
{
    yaml_key_str(y, str_of(key));
}

void yaml_str(struct yaml *y, struct str s)
{
    begin_scalar(y);
    put_string(y->out, s);
    end_line(y);
}

void yaml_cstr(struct yaml *y, const char *s)
{
    yaml_str(y, str_of(s));
}

void yaml_u64(struct yaml *y, uint64_t v)
{
    begin_scalar(y);
    buf_u64(y->out, v);
    end_line(y);
}

void yaml_verbatim(struct yaml *y, struct str s)
{
    begin_scalar(y);
    buf_str(y->out, s);
    end_line(y);
}
