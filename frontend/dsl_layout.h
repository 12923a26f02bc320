/*
 * Lays out one statement: text with sets in it, each set on one line if that fits, else one element
 * per line. Knows nothing of what the text says.
 */
#ifndef NPC_FRONTEND_DSL_LAYOUT_H
#define NPC_FRONTEND_DSL_LAYOUT_H

#include "base/buf.h"
#include "base/vec.h"

#define LAYOUT_COLUMNS 80
#define LAYOUT_INDENT  2

enum piece_kind {
    PIECE_TEXT,
    PIECE_OPEN,  /* { of a set */
    PIECE_NEXT,  /* between elements */
    PIECE_CLOSE, /* } */
    PIECE_LEAD,  /* a comment on a line of its own, before an element or the end of a set */
    PIECE_TRAIL  /* a comment behind an element, or behind the { */
};

struct piece {
    enum piece_kind kind;
    uint32_t width; /* code points; PIECE_TEXT */
    struct str text;
};

struct layout {
    struct arena *arena;
    struct buf *scratch; /* text being put together */
    VEC(struct piece) v;
};

void layout_init(struct layout *l, struct arena *a);
void layout_clear(struct layout *l);
void layout_text(struct layout *l, struct str text);
void layout_puts(struct layout *l, const char *text);
void layout_mark(struct layout *l, enum piece_kind kind); /* OPEN, NEXT, CLOSE */
/* Inserts a comment before piece `at`. */
void layout_comment(struct layout *l, size_t at, enum piece_kind kind, struct str text);
/* The columns it takes on one line; anything above LAYOUT_COLUMNS if it holds comments. */
size_t layout_width(const struct layout *l);
/* Prints it, at `indent` columns. */
void layout_print(const struct layout *l, size_t indent, struct buf *out);

#endif
