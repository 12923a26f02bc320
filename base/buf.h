/*
 * A growing output buffer. Everything npc prints is built whole in memory, checked, and only then
 * written (threats.md I1).
 */
#ifndef NPC_BASE_BUF_H
#define NPC_BASE_BUF_H

#include "base/str.h"

struct buf {
    struct arena *arena; /* owns the malloc'd bytes through a deferred release */
    char *p;
    size_t n, cap;
};

/* Makes an empty buffer whose memory goes with the arena. The struct itself must live as long as
 * the arena (allocate it there, or beside it). */
struct buf *buf_new(struct arena *a);
void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *cstr);
void buf_str(struct buf *b, struct str s);
void buf_u64(struct buf *b, uint64_t v);
void buf_spaces(struct buf *b, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The content; valid until the next write. Its pointer is never NULL. */
struct str buf_text(const struct buf *b);
/* Shortens to n bytes. */
void buf_cut(struct buf *b, size_t n);
/* Appends s as it may be shown: control characters, invalid UTF-8 and characters that reorder text
 * or cannot be seen become \x1b or \u{202e}. */
void buf_shown(struct buf *out, struct str s);
/* The same for the code point, or invalid byte, at s.p alone; returns its length in s. */
size_t buf_shown_char(struct buf *out, struct str s);
/* Appends s as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
void buf_json_string(struct buf *b, struct str s);

#endif
