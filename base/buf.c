/*
 * Growing buffers. Their bytes are malloc'd, not arena memory: a buffer of megabytes that doubles
 * must give its old halves back.
 */
#include "base/buf.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256

static void buf_release(void *resource)
{
    struct buf *b = resource;
    free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
}

struct buf *buf_new(struct arena *a)
{
    struct buf *b = ARENA_NEW(a, struct buf);
    b->arena = a;
    arena_defer(a, buf_release, b);
    return b;
}

/* Makes room for n more bytes and returns where they go. */
static char *buf_room(struct buf *b, size_t n)
{
    size_t need;
    if (__builtin_add_overflow(b->n, n, &need)) {
        arena_fail(b->arena);
    }
    if (need > b->cap) {
        size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;
        while (cap < need) {
            if (__builtin_mul_overflow(cap, (size_t)2, &cap)) {
                cap = need;
            }
        }
        char *grown = realloc(b->p, cap);
        if (!grown) {
            arena_fail(b->arena);
        }
        b->p = grown;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
    if (n > 0) {
        memcpy(buf_room(b, n), bytes, n);
        b->n += n;
    }
}

void buf_putc(struct buf *b, char c)
{
    *buf_room(b, 1) = c;
    b->n++;
}

void buf_puts(struct buf *b, const char *cstr)
{
    buf_put(b, cstr, strlen(cstr));
}

void buf_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_u64(struct buf *b, uint64_t v)
{
    char digits[20]; /* 2^64 has 20 */
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_put(b, digits + at, sizeof digits - at);
}

void buf_spaces(struct buf *b, size_t n)
{
    if (n > 0) {
        memset(buf_room(b, n), ' ', n);
        b->n += n;
    }
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) { /* more than INT_MAX bytes */
        va_end(again);
        arena_fail(b->arena);
    }
    vsnprintf(buf_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    b->n += (size_t)n;
}

struct str buf_text(const struct buf *b)
{
    return b->n == 0 ? STR("") : (struct str){b->p, b->n};
}

void buf_cut(struct buf *b, size_t n)
{
    if (n < b->n) {
        b->n = n;
    }
}

/* The short escape of a byte in JSON (RFC 8259, section 7), or 0. */
static char json_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    }
    return 0;
}

/* As JSON counts, in UTF-16. */
static void put_code(struct buf *b, uint32_t c)
{
    if (c > 0xFFFF) {
        c -= 0x10000;
        buf_printf(b, "\\u%04x\\u%04x", 0xD800 | c >> 10, 0xDC00 | (c & 0x3FF));
    } else {
        buf_printf(b, "\\u%04x", c);
    }
}

/* C0 must be written as a code. What else is hidden is, so that JSON on a terminal is as harmless
 * as text; to a JSON reader it is the same string. */
void buf_json_string(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    for (size_t at = 0; at < s.n;) {
        unsigned char c = (unsigned char)s.p[at];
        uint32_t code_point;
        size_t len = utf8_decode((struct str){s.p + at, s.n - at}, &code_point);
        char escape = json_escape(c);
        if (len == 0) {
            buf_puts(b, "\xEF\xBF\xBD"); /* U+FFFD */
            len = 1;
        } else if (escape) {
            buf_putc(b, '\\');
            buf_putc(b, escape);
        } else if (utf8_is_hidden(code_point)) {
            put_code(b, code_point);
        } else {
            buf_put(b, s.p + at, len);
        }
        at += len;
    }
    buf_putc(b, '"');
}
