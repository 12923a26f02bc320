/* Interned strings: open addressing with linear probing, at most half full. */
#include "base/str.h"

#define STRTAB_FIRST 64

void strtab_init(struct strtab *t, struct arena *a)
{
    *t = (struct strtab){.arena = a};
}

/* The slot that holds s, or the free one where it belongs. An empty slot has a NULL pointer; the
 * table's own strings never do. */
static struct str *slot_of(struct str *slots, size_t cap, struct str s)
{
    size_t i = (size_t)str_hash(s) & (cap - 1);
    while (slots[i].p && !str_eq(slots[i], s)) {
        i = (i + 1) & (cap - 1);
    }
    return &slots[i];
}

static void grow(struct strtab *t)
{
    size_t cap = t->cap ? t->cap * 2 : STRTAB_FIRST;
    struct str *slots = ARENA_NEW_ARRAY(t->arena, cap, struct str);
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i].p) {
            *slot_of(slots, cap, t->slots[i]) = t->slots[i];
        }
    }
    t->slots = slots;
    t->cap = cap;
}

struct str strtab_intern(struct strtab *t, struct str s)
{
    if (2 * (t->n + 1) > t->cap) {
        grow(t);
    }
    struct str *slot = slot_of(t->slots, t->cap, s);
    if (!slot->p) {
        *slot = str_dup(t->arena, s);
        t->n++;
    }
    return *slot;
}
