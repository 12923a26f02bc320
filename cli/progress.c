/* Progress on a terminal. Knows nothing of what is being done. */
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_MS 500 /* quicker work shows nothing */
#define EVERY_MS       100

struct progress {
    int64_t due; /* time of the next line */
    bool shown;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct progress *progress_new(void)
{
    const char *term = getenv("TERM");
    if (!isatty(STDERR_FILENO) || term == NULL || strcmp(term, "dumb") == 0) {
        return NULL;
    }
    struct progress *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->due = now_ms() + FIRST_AFTER_MS;
    }
    return p;
}

void progress_tell(void *arg, uint64_t bytes, uint64_t objects, const char *phase)
{
    struct progress *p = arg;
    int64_t now = now_ms();
    if (now < p->due) {
        return;
    }
    p->due = now + EVERY_MS;
    p->shown = true;
    fprintf(stderr, "\r\x1b[Knpc: %s: %.1f MB, %llu objects", phase, (double)bytes / 1e6,
            (unsigned long long)objects);
    fflush(stderr);
}

void progress_free(struct progress *p)
{
    if (p != NULL && p->shown) {
        fputs("\r\x1b[K", stderr);
        fflush(stderr);
    }
    free(p);
}
