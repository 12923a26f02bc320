/* A table from byte strings to small numbers: open addressing, at most half full. */
#include "ir/intern.h"

#include <stdlib.h>

void intern_init(struct intern *t, struct arena *a)
{
    *t = (struct intern){.arena = a};
}

/* The slot that holds the bytes, or the free slot where they belong. */
static size_t find_slot(const struct intern *t, struct str bytes, uint64_t hash)
{
    size_t i = hash & (t->nslots - 1);
    while (t->slots[i] != 0) {
        const struct intern_key *k = &t->keys.v[t->slots[i] - 1];
        if (k->hash == hash && str_eq((struct str){k->p, k->n}, bytes)) {
            break;
        }
        i = (i + 1) & (t->nslots - 1);
    }
    return i;
}

static void grow(struct intern *t)
{
    t->nslots = t->nslots == 0 ? 64 : t->nslots * 2;
    t->slots = ARENA_NEW_ARRAY(t->arena, t->nslots, uint32_t);
    for (size_t id = 0; id < t->keys.n; id++) {
        size_t i = t->keys.v[id].hash & (t->nslots - 1);
        while (t->slots[i] != 0) {
            i = (i + 1) & (t->nslots - 1);
        }
        t->slots[i] = (uint32_t)id + 1;
    }
}

uint32_t intern_find(const struct intern *t, struct str bytes)
{
    if (t->nslots == 0) {
        return ID_NONE;
    }
    uint32_t found = t->slots[find_slot(t, bytes, str_hash(bytes))];
    return found == 0 ? ID_NONE : found - 1;
}

uint32_t intern_add(struct intern *t, struct str bytes)
{
    if ((t->keys.n + 1) * 2 > t->nslots) {
        grow(t);
    }
    uint64_t hash = str_hash(bytes);
    size_t i = find_slot(t, bytes, hash);
    if (t->slots[i] == 0) {
        struct intern_key key = {arena_copy(t->arena, bytes.p, bytes.n), bytes.n, hash};
        vec_push(t->arena, &t->keys, key);
        t->slots[i] = (uint32_t)t->keys.n;
    }
    return t->slots[i] - 1;
}

uint32_t intern_ids(struct intern *t, const uint32_t *v, size_t n)
{
    return intern_add(t, (struct str){(const char *)v, n * sizeof *v});
}

struct id_list intern_list(const struct intern *t, uint32_t id)
{
    const struct intern_key *k = &t->keys.v[id];
    return (struct id_list){(uint32_t *)(void *)k->p, k->n / sizeof(uint32_t)};
}

static int compare_ids(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

size_t ids_sort(uint32_t *v, size_t n)
{
    array_sort(v, n, sizeof *v, compare_ids);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || v[kept - 1] != v[i]) {
            v[kept++] = v[i];
        }
    }
    return kept;
}
