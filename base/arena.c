/*
 * The arena: chunks from calloc, cut into aligned pieces, given back together.
 * Knows nothing of what is kept in it.
 */
#include "base/arena.h"

#include "base/fence.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A chunk is large enough that its header is lost in it, small enough for a run on one tiny file.
 * Where each piece is to be an allocation of its own (tests/faults) it is told to be tiny. */
#ifndef ARENA_CHUNK_SIZE
#define ARENA_CHUNK_SIZE 65536
#endif
#define CHUNK_SIZE ((size_t)ARENA_CHUNK_SIZE)
/* A request above this gets a chunk of its own, so that the rest of the current one is not lost. */
#define LARGE_SIZE (CHUNK_SIZE / 4)
#define ALIGNMENT  (alignof(max_align_t))

struct arena_chunk {
    alignas(ALIGNMENT) struct arena_chunk *older;
};

struct arena_defer {
    struct arena_defer *older;
    arena_release_fn release;
    void *resource;
};

void arena_init(struct arena *a, arena_oom_fn oom, void *oom_arg)
{
    *a = (struct arena){.oom = oom, .oom_arg = oom_arg};
}

static void release_child(void *child)
{
    arena_free(child);
}

void arena_init_scratch(struct arena *child, struct arena *parent)
{
    arena_init(child, parent->oom, parent->oom_arg);
    child->tick = parent->tick;
    child->tick_arg = parent->tick_arg;
    arena_defer(parent, release_child, child);
}

struct arena *arena_new_scratch(struct arena *parent)
{
    struct arena *child = ARENA_NEW(parent, struct arena);
    arena_init_scratch(child, parent);
    return child;
}

static char *chunk_payload(struct arena_chunk *chunk)
{
    return (char *)chunk + sizeof *chunk;
}

static void release_all(struct arena *a)
{
    /* A release may itself defer or allocate: take the newest record until there is none. */
    while (a->defers) {
        struct arena_defer *d = a->defers;
        a->defers = d->older;
        d->release(d->resource);
    }
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

void arena_free(struct arena *a)
{
    release_all(a);
    free_chunks(a->chunks);
    a->chunks = NULL;
    a->next = a->end = NULL;
    a->total = 0;
}

void arena_reset(struct arena *a)
{
    release_all(a);
    if (!a->next) { /* no chunk but those for large requests */
        arena_free(a);
        return;
    }
    struct arena_chunk *kept = a->chunks;
    free_chunks(kept->older);
    kept->older = NULL;
    size_t used = (size_t)(a->next - chunk_payload(kept));
    LET_IN(chunk_payload(kept), used);
    memset(chunk_payload(kept), 0, used);
    FENCE_OFF(chunk_payload(kept), used);
    a->next = chunk_payload(kept);
    a->total = CHUNK_SIZE;
}

_Noreturn void arena_fail(struct arena *a)
{
    if (a->oom) {
        a->oom(a->oom_arg);
    }
    abort(); /* no handler, or one that broke its promise not to return */
}

/* A zeroed chunk with `payload` free bytes after its header, or NULL. */
static struct arena_chunk *chunk_new(struct arena *a, size_t payload)
{
    size_t size;
    if (__builtin_add_overflow(payload, sizeof(struct arena_chunk), &size)) {
        return NULL;
    }
    struct arena_chunk *chunk = calloc(1, size);
    if (!chunk) {
        return NULL;
    }
    FENCE_OFF(chunk_payload(chunk), payload);
    a->total += size;
    if (a->tick) {
        a->tick(a->tick_arg);
    }
    return chunk;
}

/* Room for a piece of `rounded` bytes, or NULL if there is no memory. */
static inline char *try_room(struct arena *a, size_t rounded)
{
    if (rounded <= (size_t)(a->end - a->next) && a->next) {
        char *p = a->next;
        a->next += rounded;
        return p;
    }
    if (rounded > LARGE_SIZE) { /* the current chunk stays current */
        struct arena_chunk *chunk = chunk_new(a, rounded);
        if (!chunk) {
            return NULL;
        }
        if (a->chunks) {
            chunk->older = a->chunks->older;
            a->chunks->older = chunk;
        } else {
            a->chunks = chunk;
        }
        return chunk_payload(chunk);
    }
    struct arena_chunk *chunk = chunk_new(a, CHUNK_SIZE - sizeof *chunk);
    if (!chunk) {
        return NULL;
    }
    chunk->older = a->chunks;
    a->chunks = chunk;
    a->next = chunk_payload(chunk) + rounded;
    a->end = (char *)chunk + CHUNK_SIZE;
    return chunk_payload(chunk);
}

/* What a piece takes of a chunk: behind each at least a FENCE is left that may not be touched.
 * Returns whether a size_t can say it. */
static inline bool round_up(size_t size, size_t *rounded)
{
    if (__builtin_add_overflow(size, FENCE + ALIGNMENT - 1, rounded)) {
        return false;
    }
    *rounded &= ~(ALIGNMENT - 1);
    return true;
}

/* As arena_alloc(), but NULL if there is no memory. */
static inline void *try_alloc(struct arena *a, size_t size)
{
    size_t rounded;
    char *p = round_up(size, &rounded) ? try_room(a, rounded) : NULL;
    if (p) {
        LET_IN(p, size);
    }
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *p = try_alloc(a, size);
    if (!p) {
        arena_fail(a);
    }
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        arena_fail(a);
    }
    return arena_alloc(a, bytes);
}

/* Where the list of chunks names the one that a piece of `rounded` bytes has for itself; NULL if it
 * has none, or in another arena. */
static struct arena_chunk **find_own_chunk(struct arena *a, const void *piece, size_t rounded)
{
    if (rounded <= CHUNK_SIZE) {
        return NULL;
    }
    struct arena_chunk **at = &a->chunks;
    while (*at && chunk_payload(*at) != piece) {
        at = &(*at)->older;
    }
    return *at ? at : NULL;
}

void *arena_extend(struct arena *a, void *piece, size_t size, size_t more)
{
    size_t old, larger, rounded, whole;
    if (!round_up(size, &old) || __builtin_add_overflow(size, more, &larger) ||
        !round_up(larger, &rounded) ||
        __builtin_add_overflow(rounded, sizeof(struct arena_chunk), &whole)) {
        arena_fail(a);
    }
    struct arena_chunk **own = find_own_chunk(a, piece, old);
    if (!own) {
        void *copy = arena_alloc(a, larger);
        if (size > 0) {
            memcpy(copy, piece, size);
            FENCE_OFF(piece, size);
        }
        return copy;
    }
    struct arena_chunk *chunk = realloc(*own, whole);
    if (!chunk) {
        arena_fail(a);
    }
    *own = chunk;
    a->total += rounded - old;
    FENCE_OFF(chunk_payload(chunk), rounded);
    LET_IN(chunk_payload(chunk), larger);
    return chunk_payload(chunk);
}

char *arena_copy(struct arena *a, const void *bytes, size_t n)
{
    size_t size;
    if (__builtin_add_overflow(n, 1, &size)) {
        arena_fail(a);
    }
    char *copy = arena_alloc(a, size);
    if (n > 0) {
        memcpy(copy, bytes, n);
    }
    return copy;
}

void arena_defer(struct arena *a, arena_release_fn release, void *resource)
{
    struct arena_defer *d = try_alloc(a, sizeof *d);
    if (!d) {
        release(resource);
        arena_fail(a);
    }
    *d = (struct arena_defer){.older = a->defers, .release = release, .resource = resource};
    a->defers = d;
}
