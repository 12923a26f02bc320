/*
 * The allocation functions of the program and of every library in it, the C library's own calls
 * included: symbols of the executable come first. Under AddressSanitizer its functions are behind
 * them, so that everything that was allocated is watched as ever.
 */
#include "faults.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif

#ifdef ASAN
#define REAL(name) __interceptor_##name
void __sanitizer_print_stack_trace(void);
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *old, size_t size);
#ifdef ASAN
int REAL(posix_memalign)(void **out, size_t alignment, size_t size);
#else
void *REAL(memalign)(size_t alignment, size_t size);
#endif

/* Seen by the shared libraries. */
#pragma GCC visibility push(default)

/* Whether this allocation is to fail. The dynamic loader allocates before the sanitizer is ready.
 */
__attribute__((no_sanitize("address"))) static bool fails(void)
{
    struct fault_state *s = fault_state;
    if (s == NULL) {
        return false;
    }
    uint32_t n = atomic_fetch_add(&s->allocs, 1) + 1;
    if (!fault_due(FAULT_ALLOC, n)) {
        return false;
    }
#ifdef ASAN
    if (s->plan.show) {
        fault_state = NULL;
        __sanitizer_print_stack_trace();
        fault_state = s;
    }
#endif
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : REAL(calloc)(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : REAL(realloc)(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (fails()) {
        return ENOMEM;
    }
#ifdef ASAN
    return REAL(posix_memalign)(out, alignment, size);
#else
    *out = REAL(memalign)(alignment, size);
    return *out != NULL ? 0 : ENOMEM;
#endif
}

void *aligned_alloc(size_t alignment, size_t size)
{
    void *p;
    errno = posix_memalign(&p, alignment, size);
    return errno == 0 ? p : NULL;
}

/* Those of the sanitizer allocate past malloc(). */
char *strndup(const char *text, size_t most)
{
    size_t n = strnlen(text, most);
    char *copy = malloc(n + 1);
    if (copy != NULL) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

char *strdup(const char *text)
{
    return strndup(text, strlen(text));
}

#pragma GCC visibility pop
