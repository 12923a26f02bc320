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

static const struct {
    uint32_t first, last;
    const char *what;
} refused[] = {
    {0x00, 0x00, "a NUL byte"},
    {0x01, 0x08, "a control character"},
    {0x0b, 0x0c, "a control character"},
    {0x0e, 0x1f, "a control character"},
    {0x7f, 0x7f, "a control character"},
    /* Line ends for some readers and none for others: they would hide lines from a reviewer. */
    {0x85, 0x85, "a line end that is not LF (NEL)"},
    {0x2028, 0x2029, "a line end that is not LF"},
    {0x202a, 0x202e, "a character that reorders text"},
    {0x2066, 0x2069, "a character that reorders text"},
    {0xfeff, 0xfeff, "a byte order mark behind the start of the file"},
};

static const char *refusal(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (code_point >= refused[i].first && code_point <= refused[i].last) {
            return refused[i].what;
        }
    }
    return NULL;
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
