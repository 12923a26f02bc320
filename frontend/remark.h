/*
 * Comments that npc itself reads: those that silence a finding (`# npc:allow NPC102 reason`), and
 * those with other characters than ASCII, whose encoding is looked at. Of YAML only comments on
 * lines of their own count; each is about the line behind it. The readers find them,
 * ctx.sources.remarks holds them, and what they mean is for others to say.
 */
#ifndef NPC_FRONTEND_REMARK_H
#define NPC_FRONTEND_REMARK_H

#include "base/ctx.h"

/* Keeps a comment if it is one that npc reads, or says that it is none. The text is copied. */
bool remark_add(struct ctx *c, struct remark r);

/* What a comment (from # on) says. */
struct str remark_words(struct str comment);

/* Finds the lines of a YAML stream that look like comments, in pieces of clean text. */
struct remark_scan {
    struct ctx *ctx;
    uint32_t file, line, col; /* of the next character */
    uint32_t begin;           /* column of the # */
    enum { SCAN_INDENT, SCAN_COMMENT, SCAN_OTHER } state;
    char text[1024]; /* a longer comment is cut */
    size_t n;
};
void remark_scan_init(struct remark_scan *s, struct ctx *c, uint32_t file);
void remark_scan(struct remark_scan *s, const unsigned char *text, size_t n);

/* Forgets what was found between two places of the file that is being read: it was the text of a
 * scalar. */
void remark_drop(struct ctx *c, struct span begin, struct span end);

#endif
