/* Growth of the arrays of vec.h. */
#include "base/vec.h"

#include "base/fence.h"

#include <stdlib.h>

#define VEC_FIRST 8

void *vec_grow(struct arena *a, void *items, size_t *cap, size_t item_size)
{
    size_t want = VEC_FIRST, bytes;
    if (FENCE != 0 && *cap < VEC_FIRST) { /* a short array is full: what reads beyond it is seen */
        want = *cap + 1;
    } else if (*cap > 0 && __builtin_mul_overflow(*cap, (size_t)2, &want)) {
        arena_fail(a);
    }
    if (__builtin_mul_overflow(want, item_size, &bytes)) {
        arena_fail(a);
    }
    size_t had = *cap * item_size;
    void *grown = arena_extend(a, items, had, bytes - had);
    *cap = want;
    return grown;
}

void array_sort(void *items, size_t n, size_t item_size,
                int (*compare)(const void *x, const void *y))
{
    const char *p = items;
    size_t sorted = 1;
    while (sorted < n && compare(p + (sorted - 1) * item_size, p + sorted * item_size) <= 0) {
        sorted++;
    }
    if (sorted < n) {
        qsort(items, n, item_size, compare);
    }
}
