/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef NPC_BASE_UTF8_H
#define NPC_BASE_UTF8_H

#include "base/str.h"

/* Decodes one code point at s.p. Returns its length in bytes (1-4), or 0 if s is empty or the bytes
 * are not valid UTF-8. */
size_t utf8_decode(struct str s, uint32_t *code_point);
/* Encodes into out[4]; returns the length, or 0 if code_point is a surrogate or too large. */
size_t utf8_encode(uint32_t code_point, char out[4]);
/* The offset of the first invalid byte, or s.n. */
size_t utf8_check(struct str s);
/* Code points in s; an invalid byte counts as one. */
size_t utf8_length(struct str s);
/* U+202A-202E, U+2066-2069: characters that reorder text ("Trojan Source"). */
bool utf8_is_bidi_control(uint32_t code_point);

#endif
