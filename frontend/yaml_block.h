/*
 * Lines of block YAML that can be left out before a parser sees them, because nobody asks what
 * stands in them and nothing can be wrong with them. Not a parser: whatever is out of the ordinary
 * ends what can be left out. Knows nothing of libyaml.
 */
#ifndef NPC_FRONTEND_YAML_BLOCK_H
#define NPC_FRONTEND_YAML_BLOCK_H

#include "base/str.h"

struct yaml_block { /* a list or map in block style that a parser has just seen the beginning of */
    size_t column;  /* of its first item or key, from 0 */
    bool is_list;
    size_t depth; /* how many more lists and maps may be open inside */
};

struct yaml_rest {
    size_t bytes, lines;
    size_t values; /* keys, scalars, and beginnings of lists and maps */
    bool is_cut;   /* the text ended before the block did: more of it may say more */
};

/*
 * How many of the lines behind the first `seen` bytes (whole lines) can be left out of the value of
 * a key, which is a block and begins with the first line of the text. Without them (or with empty
 * lines in their place) a YAML 1.1 parser finds the block shorter by `values`, and no other
 * difference in anything: what is left out is well formed, has no comments, anchors, aliases or
 * tags, and ends where an item of the block or what follows it begins.
 */
struct yaml_rest yaml_block_rest(struct str text, size_t seen, const struct yaml_block *block);

#endif
