/*
 * AddressSanitizer knows what malloc gave, not how it was cut: it is told which bytes may be
 * touched. In other builds FENCE is 0, and the rest is nothing.
 */
#ifndef NPC_BASE_FENCE_H
#define NPC_BASE_FENCE_H

#if defined(__SANITIZE_ADDRESS__) /* gcc */
#define FENCED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) /* clang */
#define FENCED
#endif
#endif
#ifdef FENCED
#include <sanitizer/asan_interface.h>
enum { FENCE = 1 };
#define FENCE_OFF(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define LET_IN(p, n)    ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { FENCE = 0 };
#define FENCE_OFF(p, n) ((void)(p), (void)(n))
#define LET_IN(p, n)    ((void)(p), (void)(n))
#endif

#endif
