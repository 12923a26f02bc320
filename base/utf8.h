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
/* Characters that reorder text ("Trojan Source"): embeddings, overrides, isolates and marks. */
bool utf8_is_bidi_control(uint32_t code_point);
/* Whether text that holds the character looks other than it is: it steers a terminal, ends a line
 * for some readers, reorders text or is not seen at all. That is every control and every character
 * that Unicode lets a reader show as nothing, but for the two that choose between the two looks of
 * a sign (U+FE0E, U+FE0F). Such characters are in no npc source, and where input is printed they
 * are escaped. */
bool utf8_is_hidden(uint32_t code_point);

#endif
