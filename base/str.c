/* Byte strings: comparison, classes, numbers, formatting, the nearest spelling. No locale. */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct str str_of(const char *cstr)
{
    return cstr ? (struct str){cstr, strlen(cstr)} : (struct str){NULL, 0};
}

struct str str_dup(struct arena *a, struct str s)
{
    return (struct str){arena_copy(a, s.p, s.n), s.n};
}

bool str_is(struct str a, const char *cstr)
{
    return str_eq(a, str_of(cstr));
}

int str_cmp(struct str a, struct str b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common > 0 ? memcmp(a.p, b.p, common) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (ch_lower((unsigned char)a.p[i]) != ch_lower((unsigned char)b.p[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts(struct str s, const char *prefix)
{
    struct str p = str_of(prefix);
    return s.n >= p.n && str_eq((struct str){s.p, p.n}, p);
}

bool str_ends(struct str s, const char *suffix)
{
    struct str p = str_of(suffix);
    return p.n == 0 || (s.n >= p.n && str_eq((struct str){s.p + (s.n - p.n), p.n}, p));
}

/* Multiplication by 2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4),
 * eight bytes at a time. It mixes upwards only, so the upper half is folded into the lower one. */
uint64_t str_hash(struct str s)
{
    static const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = golden ^ s.n, word;
    size_t i = 0;
    for (; s.n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        h = (h ^ word) * golden;
        h ^= h >> 32;
    }
    for (; i < s.n; i++) {
        h = (h ^ (unsigned char)s.p[i]) * golden;
    }
    h *= golden;
    return h ^ h >> 32;
}

bool ch_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

bool ch_is_alpha(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ch_is_alnum(unsigned char c)
{
    return ch_is_digit(c) || ch_is_alpha(c);
}

unsigned char ch_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool str_to_u32(struct str s, uint32_t max, uint32_t *out)
{
    if (s.n == 0 || (s.n > 1 && s.p[0] == '0')) {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!ch_is_digit((unsigned char)s.p[i])) {
            return false;
        }
        uint32_t digit = (uint32_t)(s.p[i] - '0');
        if (value > (UINT32_MAX - digit) / 10 || value * 10 + digit > max) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

struct str str_path(struct arena *a, struct str left, struct str right)
{
    size_t n = left.n + 1 + right.n;
    char *p = arena_alloc(a, n + 1);
    if (left.n > 0) {
        memcpy(p, left.p, left.n);
    }
    p[left.n] = '/';
    if (right.n > 0) {
        memcpy(p + left.n + 1, right.p, right.n);
    }
    return (struct str){p, n};
}

struct str str_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) { /* more than INT_MAX bytes */
        arena_fail(a);
    }
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    return (struct str){p, (size_t)n};
}

struct str str_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str s = str_vprintf(a, fmt, args);
    va_end(args);
    return s;
}

/* ---- the nearest spelling ---- */

/* Longer words are not compared: nobody mistypes them into a keyword, and the rows stay small. */
#define NEAR_MAX 64

/* The edit distance with insertion, deletion, replacement, and swap of neighbours (optimal string
 * alignment). Both words have at most NEAR_MAX bytes. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t rows[3][NEAR_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++) {
        before[j] = last[j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (last[j] + 1 < best) {
                best = last[j] + 1;
            }
            if (row[j - 1] + 1 < best) {
                best = row[j - 1] + 1;
            }
            bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (swapped && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            row[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b.n];
}

struct str str_nearest(struct str word, const struct str *candidates, size_t n)
{
    size_t allowed = word.n <= 4 ? 1 : 2;
    size_t nearest = allowed + 1;
    struct str found = {NULL, 0};
    for (size_t i = 0; i < n; i++) {
        struct str c = candidates[i];
        if (str_eq_nocase(word, c)) {
            return c;
        }
        size_t gap = word.n > c.n ? word.n - c.n : c.n - word.n;
        if (gap > allowed || word.n > NEAR_MAX || c.n > NEAR_MAX) {
            continue;
        }
        size_t distance = edit_distance(word, c);
        if (distance < nearest) {
            nearest = distance;
            found = c;
        }
    }
    return found;
}
