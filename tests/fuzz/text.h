/* Text in pieces and the shape that is made of it, for the readers of outputs (reread*.c). */
#ifndef NPC_TESTS_FUZZ_TEXT_H
#define NPC_TESTS_FUZZ_TEXT_H

#include "tests/fuzz/fuzz.h"

struct shape {
    char *text;
    size_t size;
    FILE *out;
};

static inline void shape_begin(struct shape *s)
{
    s->out = open_memstream(&s->text, &s->size);
    FUZZ_CHECK(s->out != NULL, "no memory");
}

static inline char *shape_end(struct shape *s)
{
    FUZZ_CHECK(fclose(s->out) == 0, "no memory");
    return s->text;
}

struct piece { /* of a text */
    const char *p;
    size_t n;
};

static inline bool is(struct piece s, const char *word)
{
    return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

static inline bool begins(struct piece s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* Whether npc has made a name of a hash. */
static inline bool is_hashed(struct piece s)
{
    enum { SLUG = 7, HASH = 16 };
    return (begins(s, "npc_is_") && s.n == 7 + HASH) ||
           (begins(s, "NPC-") && s.n == 4 + SLUG + 1 + HASH && s.p[4 + SLUG] == '-');
}

#endif
