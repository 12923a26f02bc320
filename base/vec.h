/*
 * Growable arrays in an arena: `VEC(struct peer) peers;` then `vec_push(a, &v, item)`.
 * Items move when the array grows: keep indexes, not pointers, while pushing.
 */
#ifndef NPC_BASE_VEC_H
#define NPC_BASE_VEC_H

#include "base/arena.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *v;                                                                                   \
        size_t n, cap;                                                                             \
    }

/* Appends one item. */
#define vec_push(a, vec, ...)                                                                      \
    do {                                                                                           \
        if ((vec)->n == (vec)->cap) {                                                              \
            (vec)->v = vec_grow((a), (vec)->v, &(vec)->cap, sizeof *(vec)->v);                     \
        }                                                                                          \
        (vec)->v[(vec)->n++] = __VA_ARGS__;                                                        \
    } while (0)

/* An array of *cap items, made larger; sets *cap. The old array is gone (arena_extend()). */
void *vec_grow(struct arena *a, void *items, size_t *cap, size_t item_size)
    __attribute__((returns_nonnull));

/* Sorts n items, like qsort; an array of none may be NULL, which qsort may not be given (C17,
 * 7.22.5). One that is sorted, as what kubectl prints mostly is, costs n - 1 comparisons. */
void array_sort(void *items, size_t n, size_t item_size,
                int (*compare)(const void *x, const void *y));

#endif
