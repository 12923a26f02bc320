/* For tests of what a piece of work gives back: how much memory there was at once. */
#ifndef NPC_TESTS_MEMORY_H
#define NPC_TESTS_MEMORY_H

#include "unit.h"

#include <malloc.h>
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define SEEN_WRITTEN(p, n) __msan_unpoison(p, n)
#endif
#endif
#ifndef SEEN_WRITTEN
#define SEEN_WRITTEN(p, n) ((void)(p), (void)(n))
#endif

enum { MEMORY_CHUNK = 65536 }; /* that an arena takes at least */

struct memory {
    size_t before, most;
};

/* Bytes that malloc has given out; of a sanitizer's malloc nothing is known, and this stays. */
static inline size_t memory_held(void)
{
    struct mallinfo2 m = mallinfo2();
    SEEN_WRITTEN(&m, sizeof m); /* MemorySanitizer knows the older mallinfo() only */
    return m.uordblks + m.hblkhd;
}

static inline void memory_note(void *arg)
{
    struct memory *m = arg;
    const size_t now = memory_held();
    m->most = now > m->most ? now : m->most;
}

/* From now on, whenever an arena or one that works for it takes memory. */
static inline void memory_watch(struct memory *m, struct arena *a)
{
    m->before = m->most = memory_held();
    a->tick = memory_note;
    a->tick_arg = m;
}

/* Work that was done `times` times, each with memory of its own, did not keep it. */
static inline void memory_check(const struct memory *m, size_t times)
{
    CU_ASSERT(m->most - m->before < times * MEMORY_CHUNK / 2);
}

#endif
