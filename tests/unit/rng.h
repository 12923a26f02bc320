/*
 * Random numbers for tests: the same every time, unless TEST_SEED says otherwise. The seed is
 * printed, so that what failed can be run again. Or the choices of a fuzzer, byte by byte.
 */
#ifndef NPC_TESTS_RNG_H
#define NPC_TESTS_RNG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rng {
    uint64_t state;
    const unsigned char *bytes; /* where rng_below() takes its choices from, if not NULL … */
    size_t n;                   /* … and how many are left; at their end it chooses 0 */
};

static inline struct rng rng_new(void)
{
    const char *text = getenv("TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20240229;
    fprintf(stderr, "# seed %llu\n", (unsigned long long)seed); /* CUnit writes to stdout */
    return (struct rng){.state = seed};
}

/* Choices made by a fuzzer. */
static inline struct rng rng_of_bytes(const unsigned char *bytes, size_t n)
{
    return (struct rng){.bytes = bytes, .n = n};
}

static inline size_t rng_byte(struct rng *r)
{
    if (r->n == 0) {
        return 0;
    }
    r->n--;
    return *r->bytes++;
}

/* SplitMix64. */
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* A number below n. */
static inline size_t rng_below(struct rng *r, size_t n)
{
    if (r->bytes != NULL) {
        size_t value = rng_byte(r);
        return (n > 256 ? value << 8 | rng_byte(r) : value) % n;
    }
    return (size_t)(rng_next(r) % n);
}

/* `full` cases, or fewer where the same test runs with several builds. */
static inline size_t rng_rounds(size_t full)
{
    const char *effort = getenv("TEST_EFFORT");
    return effort && strcmp(effort, "short") == 0 ? full / 10 + 1 : full;
}

#endif
