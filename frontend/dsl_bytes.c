/*
 * Which bytes npc source may hold (npc-language(5)). Looks at bytes only, before the scanner
 * sees them, so that nothing behind this check meets a NUL, a hidden line end or a character that
 * makes the text look other than it is.
 */
#include "base/utf8.h"
#include "frontend/dsl_parse.h"

/* A file that is no text has a fault in every other byte: show where it starts. */
enum { FAULTS_SHOWN = 20 };

struct cursor {
    struct ctx *c;
    struct span at;
    size_t faults;
};

/* What is wrong with a character, or NULL. */
static const char *refusal(uint32_t code_point)
{
    if (!utf8_is_hidden(code_point) || code_point == '\t' || code_point == '\n' ||
        code_point == '\r') {
        return NULL;
    }
    if (utf8_is_bidi_control(code_point)) {
        return "a character that reorders text";
    }
    switch (code_point) {
    case 0:
        return "a NUL byte";
    /* Line ends for some readers and none for others: they would hide lines from a reviewer. */
    case 0x85:
        return "a line end that is not LF (NEL)";
    case 0x2028:
    case 0x2029:
        return "a line end that is not LF";
    case 0xfeff:
        return "a byte order mark behind the start of the file";
    default:
        return code_point < 0xa0 ? "a control character" : "a character that is not seen";
    }
}

static void report_character(struct cursor *cur, uint32_t code_point, const char *what)
{
    cur->faults++;
    struct diag *d = diag_error(&cur->c->diags, NPC002, cur->at, "%s, U+%04X, in npc source", what,
                                (unsigned)code_point);
    if (code_point != 0) {
        diag_hint(&cur->c->diags, d, "in a string, write \\u{%x}", (unsigned)code_point);
    }
}

static void report_invalid(struct cursor *cur, unsigned char byte)
{
    cur->faults++;
    struct diag *d = diag_error(&cur->c->diags, NPC002, cur->at,
                                "the byte 0x%02x is not valid UTF-8 here", byte);
    diag_hint(&cur->c->diags, d, "npc source is UTF-8");
}

/* Checks the character at `rest` and moves the place behind it; returns its length. */
static size_t check_character(struct cursor *cur, struct str rest)
{
    uint32_t code_point;
    size_t n = utf8_decode(rest, &code_point);
    if (n == 0) {
        report_invalid(cur, (unsigned char)rest.p[0]);
        cur->at.col++;
        return 1;
    }
    const char *what = refusal(code_point);
    if (what != NULL) {
        report_character(cur, code_point, what);
    } else if (code_point == '\r' && (rest.n < 2 || rest.p[1] != '\n')) {
        cur->faults++;
        diag_error(&cur->c->diags, NPC002, cur->at, "a carriage return without a line feed");
    }
    cur->at.col++;
    if (code_point == '\n') {
        cur->at.line++;
        cur->at.col = 1;
    }
    return n;
}

bool bytes_check(struct ctx *c, uint32_t file, struct str text)
{
    struct cursor cur = {.c = c, .at = {.file = file, .line = 1, .col = 1, .len = 1}};
    if (text.n > c->limits.dsl_file) {
        diag_error(&c->diags, NPC003, (struct span){.file = file},
                   "an npc file of %zu bytes is larger than the limit of %zu bytes", text.n,
                   c->limits.dsl_file);
        return false;
    }
    size_t at = str_starts(text, "\xef\xbb\xbf") ? 3 : 0;
    while (at < text.n && cur.faults < FAULTS_SHOWN) {
        at += check_character(&cur, (struct str){text.p + at, text.n - at});
    }
    return cur.faults == 0;
}
