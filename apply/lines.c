/* Cuts texts into lines and words. */
#include "apply/lines.h"

#include <string.h>

bool line_next(struct str *rest, struct str *line)
{
    if (rest->n == 0) {
        return false;
    }
    const char *end = memchr(rest->p, '\n', rest->n);
    const size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
    const size_t used = end != NULL ? n + 1 : n;
    *line = (struct str){rest->p, n};
    *rest = (struct str){rest->p + used, rest->n - used};
    return true;
}

bool word_next(struct str *rest, struct str *word)
{
    size_t from = 0;
    while (from < rest->n && rest->p[from] == ' ') {
        from++;
    }
    size_t to = from;
    while (to < rest->n && rest->p[to] != ' ') {
        to++;
    }
    *word = (struct str){rest->p + from, to - from};
    *rest = (struct str){rest->p + to, rest->n - to};
    return word->n > 0;
}

struct str line_word(struct str line, size_t n)
{
    struct str word = STR("");
    for (size_t i = 0; i <= n; i++) {
        if (!word_next(&line, &word)) {
            return STR("");
        }
    }
    return word;
}

bool read_u64(struct str digits, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (!ch_is_digit((unsigned char)digits.p[i]) || value > UINT64_MAX / 10 - 1) {
            return false;
        }
        value = value * 10 + (uint64_t)(digits.p[i] - '0');
    }
    if (digits.n == 0) {
        return false;
    }
    *out = value;
    return true;
}
