/*
 * Memory that is given back all at once.
 *
 * Everything npc builds lives in an arena. Two rules make that simple:
 *  - an allocation never returns NULL: when memory is exhausted the arena calls its `oom` handler,
 *    which must not return (the library's entry points longjmp back to themselves and report
 *    NPC_FAULT, see lib/npc.c);
 *  - whatever is not plain memory (a libyaml parser, a file descriptor, a malloc'd buffer) is
 *    handed to arena_defer() the moment it exists, so that it is released on every way out.
 */
#ifndef NPC_BASE_ARENA_H
#define NPC_BASE_ARENA_H

#include <stddef.h>

/* Called when memory is exhausted. Must not return. */
typedef void (*arena_oom_fn)(void *arg);
/* Called when memory is taken from malloc, a chunk at a time: a sign that work goes on, whatever
 * the work is. Must not use the arena. */
typedef void (*arena_tick_fn)(void *arg);
/* Releases one resource that is not arena memory. */
typedef void (*arena_release_fn)(void *resource);

struct arena {
    struct arena_chunk *chunks; /* newest first */
    struct arena_defer *defers; /* newest first */
    char *next, *end;           /* free space of the newest chunk */
    size_t total;               /* bytes obtained from malloc, for limits and tests */
    arena_oom_fn oom;
    void *oom_arg;
    arena_tick_fn tick; /* or NULL */
    void *tick_arg;
};

/* Makes an empty arena; takes no memory yet. */
void arena_init(struct arena *a, arena_oom_fn oom, void *oom_arg);

/* Makes an empty arena that shares the handlers of `parent`, for scratch memory. The caller frees
 * it; if the scratch outlives a longjmp it must be deferred on the parent: that is done here, so
 * arena_free(child) twice is harmless. */
void arena_init_scratch(struct arena *child, struct arena *parent);

/* Such an arena that lives in its parent, so that it is there when the parent is freed, whatever
 * stack is left by then. */
struct arena *arena_new_scratch(struct arena *parent) __attribute__((returns_nonnull));

/* Runs the deferred releases, newest first, then frees all memory. The arena is empty afterwards
 * and may be used again. */
void arena_free(struct arena *a);

/* The same, but some memory is kept for what comes next: for an arena that is often emptied. */
void arena_reset(struct arena *a);

/* Zeroed memory of `size` bytes (size 0 gives a valid pointer), aligned for any type. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));

/* Zeroed array of n items; n * size is checked, an overflow is treated as memory exhausted. */
void *arena_array(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));

/* A piece of `size` bytes with `more` behind them, which are not zeroed. It may have moved: the old
 * piece (NULL if size is 0) is gone. A large one is not copied where the system can move pages. */
void *arena_extend(struct arena *a, void *piece, size_t size, size_t more)
    __attribute__((returns_nonnull));

/* A copy of `n` bytes, followed by a NUL that is not counted. */
char *arena_copy(struct arena *a, const void *bytes, size_t n) __attribute__((returns_nonnull));

/* Runs release(resource) when the arena is freed; at once, if there is no memory to remember it. */
void arena_defer(struct arena *a, arena_release_fn release, void *resource);

/* Calls the oom handler: for failures of malloc outside the arena. Does not return. */
_Noreturn void arena_fail(struct arena *a);

#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_NEW_ARRAY(a, n, type) ((type *)arena_array((a), (n), sizeof(type)))

#endif
