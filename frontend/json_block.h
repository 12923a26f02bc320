/*
 * Lines of JSON that can be left out before a parser sees them, because nobody asks what stands in
 * them and nothing can be wrong with them. Not a parser: whatever is out of the ordinary ends what
 * can be left out. Knows nothing of yajl.
 */
#ifndef NPC_FRONTEND_JSON_BLOCK_H
#define NPC_FRONTEND_JSON_BLOCK_H

#include "base/str.h"

enum { JSON_BEHIND = 8 }; /* NUL bytes that have to stand behind a text */

/* A list or map that a parser has just seen the beginning of, and nothing more. */
struct json_block {
    bool is_list;
    size_t depth; /* how many more lists and maps may be open inside */
};

struct json_rest {
    size_t bytes, lines;
    size_t values; /* keys, scalars, and beginnings of lists and maps */
    size_t looked; /* bytes that this took to find out */
};

/*
 * How many lines of the text, which begins with the first line of a block, can be left out. Without
 * them a JSON parser (RFC 8259) finds the block shorter by `values`, and no other difference in
 * anything: what is left out is well formed, printable ASCII, and whole items of the block, behind
 * which another begins; or all of it, and its end follows. The text ends with JSON_BEHIND NULs.
 */
struct json_rest json_block_rest(const char *text, const struct json_block *block);

/* The blanks that the text, which ends likewise, begins with. */
size_t json_blanks(const char *text);

#endif
