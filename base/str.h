/*
 * Byte strings with a length. Input may contain NUL, so nothing in npc relies on a terminator.
 * No function here depends on the locale.
 */
#ifndef NPC_BASE_STR_H
#define NPC_BASE_STR_H

#include "base/arena.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    } /* for static tables */

/* The string of a NUL-terminated C string (NULL gives the empty string). */
struct str str_of(const char *cstr);
/* A NUL-terminated copy in the arena. */
struct str str_dup(struct arena *a, struct str s);
/* "left/right", NUL-terminated: how objects are named everywhere. */
struct str str_path(struct arena *a, struct str left, struct str right);
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || (*a.p == *b.p && memcmp(a.p, b.p, a.n) == 0));
}
bool str_is(struct str a, const char *cstr);
/* Order by unsigned bytes, then length: a total order, the same everywhere. */
int str_cmp(struct str a, struct str b);
/* Equality that ignores ASCII case. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* For hash tables, which take the low bits: never for output, since it depends on the machine. */
uint64_t str_hash(struct str s);

/* ASCII character classes, independent of the locale. */
bool ch_is_digit(unsigned char c);
bool ch_is_alpha(unsigned char c);
bool ch_is_alnum(unsigned char c);
unsigned char ch_lower(unsigned char c);

/* Reads a canonical decimal number (digits only, no leading zero but "0" itself, no sign) of at
 * most `max`. Returns false, leaving *out alone, for anything else. */
bool str_to_u32(struct str s, uint32_t max, uint32_t *out);

/* Text made as by printf, in the arena. `%.*s` with STR_ARG prints a str. */
struct str str_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str str_vprintf(struct arena *a, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

/* The candidate that the writer of `word` most likely meant: equal but for case, or within an edit
 * distance (insert, delete, replace, swap neighbours) of 1 for up to 4 bytes, 2 for longer ones.
 * The first of equally near candidates wins. Returns an empty string if none is near. */
struct str str_nearest(struct str word, const struct str *candidates, size_t n);

/* Interned strings: equal strings share one copy for the life of the table. */
struct strtab {
    struct arena *arena;
    struct str *slots;
    size_t n, cap;
};
void strtab_init(struct strtab *t, struct arena *a);
struct str strtab_intern(struct strtab *t, struct str s);

/* A hash map from strings to pointers; the keys are not copied. Lookup only: output code never
 * iterates a map, it sorts a vector. */
struct strmap {
    struct arena *arena;
    struct strmap_slot *slots;
    size_t n, cap;
};
void strmap_init(struct strmap *m, struct arena *a);
void *strmap_get(const struct strmap *m, struct str key);
/* Sets key to value (not NULL); returns the value that was there before, or NULL. */
void *strmap_put(struct strmap *m, struct str key, void *value);

#endif
