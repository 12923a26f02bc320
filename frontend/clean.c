/* Checks bytes before any parser sees them (see clean.h). */
#include "frontend/clean.h"

#include "base/utf8.h"

#include <errno.h>
#include <string.h>

void clean_init(struct clean *s, struct ctx *c, uint32_t file, enum k8s_syntax syntax,
                struct byte_stream in)
{
    *s = (struct clean){.ctx = c, .in = in, .file = file, .syntax = syntax, .line = 1, .col = 1};
}

/* Every byte of a dump goes through the loops of this file. They look at blocks of a fixed size,
 * without a branch inside, because compilers turn such loops into vector instructions. */
enum { BLOCK = 16, BLOCKS = 8 * BLOCK };

/* Bytes b with (b & mask) == value. */
static inline size_t count_bytes(const unsigned char *text, size_t n, unsigned char mask,
                                 unsigned char value)
{
    size_t count = 0, i = 0;
    while (n - i >= BLOCK) {
        unsigned char found[BLOCK] = {0}; /* in each column of the next blocks, 255 at most */
        for (size_t left = 255; left > 0 && n - i >= BLOCK; left--, i += BLOCK) {
            for (size_t k = 0; k < BLOCK; k++) {
                found[k] = (unsigned char)(found[k] + ((text[i + k] & mask) == value));
            }
        }
        for (size_t k = 0; k < BLOCK; k++) {
            count += found[k];
        }
    }
    for (; i < n; i++) {
        count += (text[i] & mask) == value;
    }
    return count;
}

uint32_t clean_count(const unsigned char *text, size_t n)
{
    return (uint32_t)(n - count_bytes(text, n, 0xc0, 0x80));
}

void clean_advance(uint32_t *line, uint32_t *col, const unsigned char *text, size_t n)
{
    const unsigned char *last = memrchr(text, '\n', n);
    if (last != NULL) {
        size_t whole = (size_t)(last + 1 - text);
        *line += (uint32_t)count_bytes(text, whole, 0xff, '\n');
        *col = 1;
        text += whole;
        n -= whole;
    }
    *col += clean_count(text, n);
}

/* The bytes of a byte order mark at the start of the input. */
static size_t mark_length(const struct clean *s, const unsigned char *buf, size_t n)
{
    return !s->begun && n >= 3 && memcmp(buf, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Reports what stands at buf[at], and gives up. */
static long refuse(struct clean *s, const unsigned char *buf, size_t at, const char *what,
                   const char *hint)
{
    size_t mark = mark_length(s, buf, at);
    clean_advance(&s->line, &s->col, buf + mark, at - mark);
    struct span place = {.file = s->file, .line = s->line, .col = s->col, .len = 1};
    struct diag *d = diag_error(&s->ctx->diags, NPC002, place, "%s", what);
    if (hint != NULL) {
        diag_hint(&s->ctx->diags, d, "%s", hint);
    }
    s->failed = true;
    return -1;
}

/* ---- characters ---- */

/* No short circuits, so that it can be asked of a block at once. */
static inline bool is_harmless(unsigned char c)
{
    return ((c >= 0x20) & (c < 0x7f)) | (c == '\n') | (c == '\t');
}

/* How many bytes at the beginning of the text need no closer look. There are few others, so that
 * it is asked of several blocks at once. */
static size_t count_harmless(const unsigned char *text, size_t n)
{
    size_t i = 0;
    for (unsigned char harm = 0; n - i >= BLOCKS; i += BLOCKS) {
        for (size_t k = 0; k < BLOCKS; k++) {
            harm |= !is_harmless(text[i + k]);
        }
        if (harm != 0) {
            break;
        }
    }
    while (i < n && is_harmless(text[i])) {
        i++;
    }
    return i;
}

struct verdict {
    const char *what; /* NULL: fine */
    const char *hint;
};

/* Judges what is not ASCII. */
static struct verdict judge_yaml(uint32_t c)
{
    if (c == 0x85 || c == 0x2028 || c == 0x2029) {
        return (struct verdict){
            "a Unicode line separator (U+0085, U+2028 or U+2029): YAML readers disagree on "
            "whether it ends a line",
            "in a double-quoted string write \\N, \\L or \\P"};
    }
    if (c < 0xa0 || c == 0xfffe || c == 0xffff) {
        return (struct verdict){"a control character, which YAML does not allow", NULL};
    }
    return (struct verdict){NULL, NULL};
}

/* Judges one decoded character; `next` is the byte after it (-1: none). */
static struct verdict judge(const struct clean *s, uint32_t c, int next)
{
    if (c == '\r') {
        bool is_lone = s->syntax == K8S_YAML && next != '\n';
        return (struct verdict){is_lone ? "a carriage return without a line feed: readers disagree "
                                          "on whether it ends a line"
                                        : NULL,
                                is_lone ? "end lines with LF" : NULL};
    }
    if (c == 0) {
        return (struct verdict){"a NUL byte", "the input must be UTF-8 text"};
    }
    if (c < 0x20 || c == 0x7f) {
        return (struct verdict){"a control character", "write it as an escape in a quoted string"};
    }
    if (c == 0xfeff) {
        return (struct verdict){"a byte order mark that is not at the start of the input", NULL};
    }
    return s->syntax == K8S_YAML ? judge_yaml(c) : (struct verdict){NULL, NULL};
}

/* ---- the stream ---- */

/* Whether more bytes may make a character of buf[i..n), which is none as it stands. */
static bool may_continue(const unsigned char *buf, size_t i, size_t n)
{
    unsigned char lead = buf[i];
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    for (size_t k = i + 1; k < n; k++) {
        if ((buf[k] & 0xc0) != 0x80) {
            return false;
        }
    }
    return lead <= 0xf4 && n - i < want;
}

static bool is_utf16_mark(const unsigned char *buf, size_t n)
{
    return n >= 2 && ((buf[0] == 0xfe && buf[1] == 0xff) || (buf[0] == 0xff && buf[1] == 0xfe));
}

static long refuse_encoding(struct clean *s, const unsigned char *buf, size_t i, size_t n)
{
    if (!s->begun && i == 0 && is_utf16_mark(buf, n)) {
        return refuse(s, buf, i, "the input is UTF-16", "convert it to UTF-8");
    }
    return refuse(s, buf, i, "a byte that is not valid UTF-8", "the input must be UTF-8 text");
}

static void hold_back(struct clean *s, const unsigned char *from, size_t n)
{
    memcpy(s->held, from, n);
    s->nheld = n;
}

/* Checks buf[0..n) and returns how many bytes of it can be handed out; -1 as clean_read(). What
 * only the next bytes can decide is held back. */
static long check(struct clean *s, const unsigned char *buf, size_t n, bool at_end)
{
    size_t i = count_harmless(buf, n);
    s->ascii = i == n;
    for (; i < n; i += count_harmless(buf + i, n - i)) {
        uint32_t c;
        size_t len = utf8_decode((struct str){(const char *)buf + i, n - i}, &c);
        if (len == 0) {
            if (at_end || !may_continue(buf, i, n)) {
                return refuse_encoding(s, buf, i, n);
            }
            hold_back(s, buf + i, n - i);
            break;
        }
        if (c == '\r' && i + 1 == n && !at_end) {
            hold_back(s, buf + i, 1);
            break;
        }
        bool is_mark = c == 0xfeff && i == 0 && !s->begun;
        struct verdict v = judge(s, c, i + len < n ? buf[i + len] : -1);
        if (v.what != NULL && !is_mark) {
            return refuse(s, buf, i, v.what, v.hint);
        }
        i += len;
    }
    return (long)i;
}

static long fail_reading(struct clean *s)
{
    struct span place = {.file = s->file, .line = s->line, .col = s->col, .len = 1};
    diag_error(&s->ctx->diags, NPC001, place, "reading failed: %s", strerror(errno));
    s->failed = true;
    return -1;
}

long clean_read(struct clean *s, unsigned char *buf, size_t n)
{
    for (;;) {
        if (s->failed) {
            return -1;
        }
        size_t have = s->nheld;
        memcpy(buf, s->held, have);
        s->nheld = 0;
        long got = s->in.read(s->in.arg, buf + have, n - have);
        if (got < 0) {
            return fail_reading(s);
        }
        long good = check(s, buf, have + (size_t)got, got == 0);
        if (good <= 0) {
            if (good < 0 || got == 0) {
                return good;
            }
            continue;
        }
        size_t mark = mark_length(s, buf, (size_t)good);
        s->begun = true;
        memmove(buf, buf + mark, (size_t)good - mark);
        if ((size_t)good > mark) {
            return good - (long)mark;
        }
    }
}
