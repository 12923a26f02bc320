/*
 * The bytes of a YAML or JSON input, checked before any parser sees them: clean UTF-8, no control
 * characters, no byte order mark but one at the start, no line break that some readers see and
 * others do not. Streams; knows nothing of what the text means.
 */
#ifndef NPC_FRONTEND_CLEAN_H
#define NPC_FRONTEND_CLEAN_H

#include "base/ctx.h"
#include "frontend/frontend.h"

struct clean {
    struct ctx *ctx;
    struct byte_stream in;
    uint32_t file;
    enum k8s_syntax syntax;
    uint32_t line, col;    /* of the first byte that was not handed out yet: kept by who reads */
    unsigned char held[4]; /* the beginning of a character whose rest is not read yet */
    size_t nheld;
    bool ascii;  /* the bytes handed out last are: each is a column, but for line ends */
    bool begun;  /* the first character has been seen */
    bool failed; /* and reported */
};

void clean_init(struct clean *s, struct ctx *c, uint32_t file, enum k8s_syntax syntax,
                struct byte_stream in);
/* Gives 1 to n bytes (n is at least 8) that end with a whole character, over which the caller then
 * moves line and col; 0 at the end of the input; -1 if reading failed or the bytes are not clean,
 * which has been reported. */
long clean_read(struct clean *s, unsigned char *buf, size_t n);

/* Code points in n bytes of clean text. */
uint32_t clean_count(const unsigned char *text, size_t n);
/* Moves a place over n bytes of clean text: LF ends a line, a column is a code point. */
void clean_advance(uint32_t *line, uint32_t *col, const unsigned char *text, size_t n);

#endif
