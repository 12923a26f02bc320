/* Growth of the arrays of vec.h. */
#include "base/vec.h"

#include "base/fence.h"

#include <stdlib.h>
#include <string.h>

#define VEC_FIRST 8

void *vec_grow(struct arena *a, const void *items, size_t n, size_t *cap, size_t item_size)
{
    size_t want = VEC_FIRST;
    if (FENCE != 0 && *cap < VEC_FIRST) { /* a short array is full: what reads beyond it is seen */
        want = *cap + 1;
    } else if (*cap > 0 && __builtin_mul_overflow(*cap, (size_t)2, &want)) {
        arena_fail(a);
    }
    void *grown = arena_array(a, want, item_size);
    if (n > 0) {
        memcpy(grown, items, n * item_size);
    }
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
