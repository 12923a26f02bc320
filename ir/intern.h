/*
 * Equal byte strings get equal small numbers, rising from 0 in order of first appearance: for what
 * is compared by content, such as label sets and lists of numbers. Lookup only.
 */
#ifndef NPC_IR_INTERN_H
#define NPC_IR_INTERN_H

#include "base/str.h"
#include "base/vec.h"

#define ID_NONE UINT32_MAX

struct id_list { /* rising */
    uint32_t *v;
    size_t n;
};

struct id_vec { /* a growing list; vec_push() takes it */
    uint32_t *v;
    size_t n, cap;
};

struct intern_key {
    char *p; /* a copy, aligned for any type */
    size_t n;
    uint64_t hash;
};

struct intern {
    struct arena *arena;
    VEC(struct intern_key) keys; /* by id */
    uint32_t *slots;             /* id + 1; 0 is free */
    size_t nslots;               /* a power of two, or 0 */
};

/* Makes an empty table whose memory is in the arena. */
void intern_init(struct intern *t, struct arena *a);
/* The number of these bytes, or ID_NONE if they were never given. */
uint32_t intern_find(const struct intern *t, struct str bytes);
/* The number of these bytes; new ones are copied and get the next number. */
uint32_t intern_add(struct intern *t, struct str bytes);
/* The same for a list of numbers. */
uint32_t intern_ids(struct intern *t, const uint32_t *v, size_t n);

/* The list of numbers that was given as number `id`. */
struct id_list intern_list(const struct intern *t, uint32_t id);

/* Sorts numbers in place, keeps each once, and returns how many are left. */
size_t ids_sort(uint32_t *v, size_t n);

#endif
