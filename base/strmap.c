/* A map from strings to pointers: open addressing with linear probing, at most half full. */
#include "base/str.h"

#define STRMAP_FIRST 16

struct strmap_slot {
    struct str key;
    void *value; /* NULL: free */
};

void strmap_init(struct strmap *m, struct arena *a)
{
    *m = (struct strmap){.arena = a};
}

/* The slot that holds the key, or the free one where it belongs. */
static struct strmap_slot *slot_of(struct strmap_slot *slots, size_t cap, struct str key)
{
    size_t i = (size_t)str_hash(key) & (cap - 1);
    while (slots[i].value && !str_eq(slots[i].key, key)) {
        i = (i + 1) & (cap - 1);
    }
    return &slots[i];
}

static void grow(struct strmap *m)
{
    size_t cap = m->cap ? m->cap * 2 : STRMAP_FIRST;
    struct strmap_slot *slots = ARENA_NEW_ARRAY(m->arena, cap, struct strmap_slot);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value) {
            *slot_of(slots, cap, m->slots[i].key) = m->slots[i];
        }
    }
    m->slots = slots;
    m->cap = cap;
}

void *strmap_get(const struct strmap *m, struct str key)
{
    return m->cap > 0 ? slot_of(m->slots, m->cap, key)->value : NULL;
}

void *strmap_put(struct strmap *m, struct str key, void *value)
{
    if (2 * (m->n + 1) > m->cap) {
        grow(m);
    }
    struct strmap_slot *slot = slot_of(m->slots, m->cap, key);
    void *before = slot->value;
    if (!before) {
        m->n++;
        slot->key = key;
    }
    slot->value = value;
    return before;
}
