/*
 * Random numbers for tests: the same every time, unless TEST_SEED says otherwise. The seed is
 * printed, so that what failed can be run again.
 */
#ifndef NPC_TESTS_RNG_H
#define NPC_TESTS_RNG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rng {
    uint64_t state;
};

static inline struct rng rng_new(void)
{
    const char *text = getenv("TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20240229;
    fprintf(stderr, "# seed %llu\n", (unsigned long long)seed); /* CUnit writes to stdout */
    return (struct rng){seed};
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
    return (size_t)(rng_next(r) % n);
}

/* `full` cases, or fewer where the same test runs with several builds. */
static inline size_t rng_rounds(size_t full)
{
    const char *effort = getenv("TEST_EFFORT");
    return effort && strcmp(effort, "short") == 0 ? full / 10 + 1 : full;
}

#endif
