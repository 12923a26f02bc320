/*
 * npc with faults: the program as it is, linked with allocation functions and a system call filter
 * that fail when they are told to. Shared by the files of this folder.
 */
#ifndef NPC_TESTS_FAULTS_H
#define NPC_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_ALLOC, /* an allocation gives NULL */
    FAULT_CALL,  /* a system call fails */
    FAULT_KINDS
};

/* What a system call does instead of what was asked, beside the errnos, which are positive. */
enum { ACTION_SHORT = -1, ACTION_KILL = -2 };

/* Which of the allocations, or calls, fails. */
struct fault_plan {
    enum fault_kind kind;
    uint32_t first; /* counted from 1 */
    uint32_t last;
    uint32_t step;
    int action; /* an errno, or ACTION_… */
    bool show;  /* a stack trace of the place (sanitizer builds) */
};

#define MOST_CALLS 65536

struct fault_call {
    int32_t number;
    int32_t fd; /* the first argument */
};

/* In memory that the processes of one run share: npc forks, too. */
struct fault_state {
    struct fault_plan plan;
    atomic_uint allocs, calls; /* so many were made */
    atomic_uint hits;          /* so many failed */
    atomic_ulong slept;        /* ms that sleeps would have taken */
    struct fault_call first;   /* the first call that failed */
    struct fault_call log[MOST_CALLS];
};

/* NULL while nothing is counted. */
extern struct fault_state *fault_state;

/* Whether number n of that kind is to fail. */
bool fault_due(enum fault_kind kind, uint32_t n);

/* From now on system calls made by the C library are counted, and fail as planned. False and errno
 * if there is no filter to be had. inject_calls.c */
bool calls_watch(void);

#endif
