/*
 * Writes source of the npc language in its one canonical layout: words quoted only where they must
 * be, two blanks of indentation, a statement on one line if that has at most 80 columns, else its
 * sets with one element on each line.
 */
#ifndef NPC_BACKENDS_NPC_WRITER_H
#define NPC_BACKENDS_NPC_WRITER_H

#include "base/buf.h"
#include "base/vec.h"

struct npc_writer {
    struct buf *out;
    size_t indent;
    bool first; /* nothing stands yet in the file or block at hand */
    /* The statement at hand, flat, and where its sets open, go on and close in it. */
    struct buf *line;
    VEC(struct npc_mark) marks;
};

struct npc_mark {
    enum npc_mark_kind { NPC_OPEN, NPC_NEXT, NPC_CLOSE } kind;
    size_t at;     /* offset in the line */
    size_t column; /* code points before it */
};

void npc_writer_init(struct npc_writer *w, struct arena *a, struct buf *out);

/* Parts of a statement. Blanks between them are the caller's. */
void npc_put(struct npc_writer *w, const char *text);
void npc_put_str(struct npc_writer *w, struct str text);
void npc_put_u64(struct npc_writer *w, uint64_t v);
/* A name, key or value. */
void npc_word(struct npc_writer *w, struct str word);
/* Text in quotes, whatever it is. */
void npc_string(struct npc_writer *w, struct str text);
/* A set: open, element, next, element, …, close. */
void npc_open(struct npc_writer *w);
void npc_next(struct npc_writer *w);
void npc_close(struct npc_writer *w);

/* Ends the statement and lays it out. */
void npc_end(struct npc_writer *w);
/* Whether the statement, as it is, fits on one line; and drops it instead of ending it. */
bool npc_fits(const struct npc_writer *w);
void npc_drop(struct npc_writer *w);
/* Ends the statement with "{"; what follows is inside, until npc_block_end(). An empty block is
 * closed on the line where it opened. */
void npc_block(struct npc_writer *w);
void npc_block_end(struct npc_writer *w);
/* Before an item that stands apart: an empty line, but not at the top of a file or block. */
void npc_item(struct npc_writer *w);

#endif
