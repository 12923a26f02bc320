/* Draws progress. Knows nothing of what is being done. */
#include "cli/progress.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_MS 500 /* quicker work shows nothing */
#define EVERY_MS       100
#define PERCENT_FROM                                                                               \
    ((uint64_t)8 << 20) /* bytes: below, a file is read before it could be read                    \
                         */
#define DEFAULT_COLUMNS 80
#define ERASE           "\r\x1b[K"

/* Static, since a handler of signals must find it. */
static volatile sig_atomic_t shown;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t columns(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) {
        return DEFAULT_COLUMNS;
    }
    return w.ws_col;
}

static void put(char line[PROGRESS_MOST], const char *separator, const char *text)
{
    size_t n = strlen(line);
    snprintf(line + n, PROGRESS_MOST - n, "%s%s", separator, text);
}

/* Bytes of one file where it is large and its size is known, else of all so far. */
static void put_bytes(char line[PROGRESS_MOST], const struct npc_progress *p)
{
    char text[64];
    if (p->file_size >= PERCENT_FROM && p->file_bytes <= p->file_size) {
        snprintf(text, sizeof text, "%.0f%% of %.1f MB",
                 100.0 * (double)p->file_bytes / (double)p->file_size, (double)p->file_size / 1e6);
    } else {
        snprintf(text, sizeof text, "%.1f MB", (double)p->bytes / 1e6);
    }
    put(line, ": ", text);
}

void progress_text(const struct npc_progress *p, size_t most, char line[PROGRESS_MOST])
{
    char objects[64];
    line[0] = '\0';
    put(line, "npc: ", p->phase);
    put_bytes(line, p);
    snprintf(objects, sizeof objects, "%llu objects", (unsigned long long)p->objects);
    put(line, ", ", objects);
    if (p->file != NULL) {
        put(line, " ", p->file); /* last: what a narrow terminal cuts off */
    }
    for (char *c = line; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
    if (strlen(line) > most) {
        line[most] = '\0';
    }
}

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        return; /* a terminal that is gone misses nothing */
    }
}

static void draw(void *arg, const struct npc_progress *p)
{
    struct progress *drawn = arg;
    int64_t now = now_ms();
    if (now < drawn->due) {
        return;
    }
    drawn->due = now + EVERY_MS;
    char line[PROGRESS_MOST];
    progress_text(p, columns() - 1, line); /* the last column would wrap on some terminals */
    shown = true;
    say(ERASE);
    say(line);
}

npc_progress_fn progress_begin(struct progress *p)
{
    const char *term = getenv("TERM");
    if (!isatty(STDERR_FILENO) || term == NULL || strcmp(term, "dumb") == 0) {
        return NULL;
    }
    p->due = now_ms() + FIRST_AFTER_MS;
    return draw;
}

void progress_hide(void)
{
    if (shown) {
        shown = false;
        say(ERASE);
    }
}
