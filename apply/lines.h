/* Texts, line by line and word by word, as loaders print them. */
#ifndef NPC_APPLY_LINES_H
#define NPC_APPLY_LINES_H

#include "base/str.h"

/* Takes the next line, without its end, off the front of *rest; false at the end. */
bool line_next(struct str *rest, struct str *line);
/* Takes the next word, without blanks, off the front of *rest; false if there is none. */
bool word_next(struct str *rest, struct str *word);
/* The n-th word of a line, from 0; empty if there are not as many. */
struct str line_word(struct str line, size_t n);

/* Reads decimal digits; false, leaving *out alone, if there is anything else, or too many. */
bool read_u64(struct str digits, uint64_t *out);

#endif
