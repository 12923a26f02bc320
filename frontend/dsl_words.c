/*
 * Strings of npc source, both ways: from quotes and escapes to bytes, and back. What is printed
 * here the scanner reads back as the same bytes.
 */
#include "base/utf8.h"
#include "frontend/dsl_parse.h"

/* ---- reading ---- */

struct decoding {
    struct parser *p;
    struct ast_loc loc; /* of the token */
    struct str raw;     /* between the quotes */
    size_t at;
    char *out;
    size_t n;
};

/* A fault of the escape that starts at byte `from`; the token is on one line. */
static void bad_escape(struct decoding *d, size_t from, const char *what)
{
    struct span at = d->loc.at;
    at.col += 1 + (uint32_t)utf8_length((struct str){d->raw.p, from});
    at.len = (uint32_t)utf8_length((struct str){d->raw.p + from, d->at - from});
    d->p->ok = false;
    struct diag *rec = diag_error(&d->p->c->diags, NPC022, at, "%s in a string", what);
    diag_hint(&d->p->c->diags, rec, "the escapes are \\\" \\\\ \\n \\t \\r and \\u{hex}");
}

static int hex_value(char c)
{
    unsigned char low = ch_lower((unsigned char)c);
    if (ch_is_digit(low)) {
        return low - '0';
    }
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Reads "{hex}" behind \u; false if it is not that. */
static bool read_code_point(struct decoding *d, uint32_t *code_point)
{
    const size_t end = d->raw.n;
    if (d->at == end || d->raw.p[d->at] != '{') {
        return false;
    }
    d->at++;
    *code_point = 0;
    size_t digits = 0;
    for (; d->at < end && hex_value(d->raw.p[d->at]) >= 0; d->at++, digits++) {
        if (digits == 6) {
            return false;
        }
        *code_point = *code_point * 16 + (uint32_t)hex_value(d->raw.p[d->at]);
    }
    if (digits == 0 || d->at == end || d->raw.p[d->at] != '}') {
        return false;
    }
    d->at++;
    return true;
}

static void decode_unicode(struct decoding *d, size_t from)
{
    uint32_t code_point;
    if (!read_code_point(d, &code_point)) {
        bad_escape(d, from, "\\u without a code point in braces");
        return;
    }
    size_t n = utf8_encode(code_point, d->out + d->n);
    if (n == 0) {
        bad_escape(d, from, "an escape that is no Unicode character");
    } else if (code_point == 0) { /* an escaped NUL cuts the text in every C program behind us */
        bad_escape(d, from, "an escaped NUL");
    }
    d->n += n;
}

static void decode_escape(struct decoding *d)
{
    static const char from[] = "\"\\ntr", to[] = "\"\\\n\t\r";
    size_t start = d->at++;
    char c = d->raw.p[d->at++]; /* the scanner saw to it that something follows a backslash */
    if (c == 'u') {
        decode_unicode(d, start);
        return;
    }
    for (size_t i = 0; i < sizeof from - 1; i++) {
        if (c == from[i]) {
            d->out[d->n++] = to[i];
            return;
        }
    }
    while (d->at < d->raw.n && ((unsigned char)d->raw.p[d->at] & 0xc0) == 0x80) {
        d->at++; /* the rest of an escaped character */
    }
    bad_escape(d, start, "an unknown escape");
}

static void check_length(struct parser *p, const struct ast_loc *loc, size_t n)
{
    if (n > p->c->limits.string) {
        p->ok = false;
        diag_error(&p->c->diags, NPC003, loc->at,
                   "a string of %zu bytes is longer than the limit of %zu bytes", n,
                   p->c->limits.string);
    }
}

struct ast_word parser_string(struct parser *p, const struct ast_loc *loc, size_t n)
{
    struct str text = parser_text(p, n);
    struct decoding d = {.p = p, .loc = *loc, .raw = {text.p + 1, text.n - 2}};
    d.out = arena_alloc(&p->c->arena, d.raw.n + 1); /* an escape is never shorter than its value */
    while (d.at < d.raw.n) {
        if (d.raw.p[d.at] == '\\') {
            decode_escape(&d);
        } else {
            d.out[d.n++] = d.raw.p[d.at++];
        }
    }
    check_length(p, loc, d.n);
    return (struct ast_word){.text = {d.out, d.n}, .loc = *loc};
}

struct ast_word parser_long_string(struct parser *p, const struct ast_loc *loc, size_t n)
{
    struct str raw = parser_text(p, n);
    raw = (struct str){raw.p + 3, raw.n - 6};
    char *out = arena_alloc(&p->c->arena, raw.n + 1);
    size_t length = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] != '\r') { /* CR LF counts as LF, and there is no lone CR */
            out[length++] = raw.p[i];
        }
    }
    check_length(p, loc, length);
    return (struct ast_word){.text = {out, length}, .loc = *loc};
}

/* ---- printing ---- */

static bool is_word_byte(unsigned char c, bool outer)
{
    return ch_is_alnum(c) || c == '_' || (!outer && (c == '.' || c == '/' || c == '-'));
}

static bool lexes_as_port(struct str s)
{
    static const char *const prefixes[] = {"tcp/", "udp/", "sctp/", "icmp/", "icmp6/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (str_starts(s, prefixes[i])) {
            return true;
        }
    }
    return false;
}

bool word_is_bare(struct str s)
{
    if (s.n == 0 || s.n > limits_default.word || lexes_as_port(s)) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!is_word_byte((unsigned char)s.p[i], i == 0 || i == s.n - 1)) {
            return false;
        }
    }
    return true;
}

static void character_print(struct buf *out, uint32_t code_point, struct str bytes)
{
    switch (code_point) {
    case '"':
        buf_puts(out, "\\\"");
        break;
    case '\\':
        buf_puts(out, "\\\\");
        break;
    case '\n':
        buf_puts(out, "\\n");
        break;
    case '\t':
        buf_puts(out, "\\t");
        break;
    case '\r':
        buf_puts(out, "\\r");
        break;
    default:
        if (utf8_is_hidden(code_point)) {
            buf_printf(out, "\\u{%x}", (unsigned)code_point);
        } else {
            buf_str(out, bytes);
        }
    }
}

void string_print(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (size_t at = 0; at < text.n;) {
        uint32_t code_point = UINT32_MAX;
        struct str rest = {text.p + at, text.n - at};
        size_t n = utf8_decode(rest, &code_point);
        rest.n = n > 0 ? n : 1; /* source is valid UTF-8; any other byte would stay as it is */
        character_print(out, code_point, rest);
        at += rest.n;
    }
    buf_putc(out, '"');
}
