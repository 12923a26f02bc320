/*
 * The directories of npc apply: the lock, and bundles written whole. /run/npc goes with a reboot,
 * as the kernel's rules do; /var/lib/npc holds what is loaded again after one.
 */
#include "apply/work.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_BUNDLE  ((size_t)1 << 32)
#define LOCK_POLL_MS 50

void tell(struct apply *a, enum npc_severity severity, unsigned number, const char *hint,
          const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    npc_report(a->npc, severity, number, text, hint);
}

static const char *path_of(struct apply *a, const char *dir, const char *file)
{
    return str_printf(&a->arena, "%s/%s", dir, file).p;
}

static bool failed(struct apply *a, const char *what, const char *path)
{
    tell(a, NPC_ERROR, 1, NULL, "cannot %s '%s': %s", what, path, strerror(errno));
    return false;
}

bool store_directory(struct apply *a, const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST || failed(a, "make the directory", path);
}

/* ---- clock ---- */

uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

struct str clock_text(struct arena *a)
{
    char text[sizeof "2000-01-01T00:00:00Z"];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return (struct str){arena_copy(a, text, n), n};
}

/* ---- lock ---- */

static bool lock_open(struct apply *a)
{
    const char *path = path_of(a, a->run_dir, "lock");
    a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return a->lock >= 0 || failed(a, "open", path);
}

/* Who holds it, for the next one who wants it. */
static void lock_sign(struct apply *a)
{
    /* Always as long as before, so that nobody reads half of it. */
    const struct str text = str_printf(&a->arena, "process %-10ld\n", (long)getpid());
    if (pwrite(a->lock, text.p, text.n, 0) < 0) {
        /* It is held all the same; only a message is poorer. */
        return;
    }
}

static void lock_busy(struct apply *a)
{
    char who[64];
    ssize_t n = pread(a->lock, who, sizeof who - 1, 0);
    while (n > 0 && (who[n - 1] == '\n' || who[n - 1] == ' ')) {
        n--;
    }
    who[n > 0 ? n : 0] = '\0';
    tell(a, NPC_ERROR, 702, "--wait SECONDS waits for it", "%s is at work on the rules",
         who[0] != '\0' ? who : "another process");
}

enum npc_status store_lock(struct apply *a, uint32_t seconds)
{
    const uint64_t until = now_ms() + (uint64_t)seconds * 1000;
    if (!lock_open(a)) {
        return NPC_FAULT;
    }
    while (flock(a->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) {
            continue;
        }
        if (errno != EWOULDBLOCK) {
            failed(a, "lock", a->run_dir);
            store_unlock(a);
            return NPC_FAULT;
        }
        if (now_ms() >= until) {
            lock_busy(a);
            store_unlock(a);
            return NPC_NO;
        }
        sleep_ms(LOCK_POLL_MS);
    }
    lock_sign(a);
    return NPC_OK;
}

bool store_lock_patiently(struct apply *a)
{
    if (!lock_open(a)) {
        return false;
    }
    while (flock(a->lock, LOCK_EX) != 0) {
        if (errno != EINTR) {
            store_unlock(a);
            return false;
        }
    }
    lock_sign(a);
    return true;
}

void store_unlock(struct apply *a)
{
    if (a->lock >= 0) {
        close(a->lock);
        a->lock = -1;
    }
}

/* ---- bundles ---- */

/* STORE_DAMAGED, and errno, if it cannot be read. */
static enum store_result read_bytes(struct apply *a, const char *path, struct str *bytes)
{
    *bytes = STR("");
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? STORE_NONE : STORE_DAMAGED;
    }
    struct buf *b = buf_new(&a->arena);
    const bool whole = fd_read_all(fd, MOST_BUNDLE, b);
    const int error = errno;
    close(fd);
    errno = error;
    *bytes = buf_text(b);
    return whole ? STORE_OK : STORE_DAMAGED;
}

enum store_result store_read(struct apply *a, const char *dir, const char *file, struct bundle *b)
{
    const char *path = path_of(a, dir, file);
    struct str bytes;
    *b = (struct bundle){0};
    const enum store_result r = read_bytes(a, path, &bytes);
    if (r == STORE_DAMAGED) {
        tell(a, NPC_WARNING, 1, NULL, "cannot read '%s': %s", path, strerror(errno));
    }
    return r == STORE_OK && !bundle_read(&a->arena, bytes, b) ? STORE_DAMAGED : r;
}

bool store_get(struct apply *a, const char *dir, const char *file, struct str *bytes)
{
    const char *path = path_of(a, dir, file);
    const enum store_result r = read_bytes(a, path, bytes);
    if (r == STORE_OK && bytes->n == 0) {
        *bytes = STR("\n"); /* cut short is something else than none: a boot closes what it can */
    }
    return r != STORE_DAMAGED || failed(a, "read", path);
}

bool store_write(struct apply *a, const char *dir, const char *file, struct str bytes)
{
    const char *path = path_of(a, dir, file);
    return file_write_atomic(&a->temps, path, bytes, 0600) || failed(a, "write", path);
}

bool store_remove(struct apply *a, const char *dir, const char *file)
{
    const char *path = path_of(a, dir, file);
    return unlink(path) == 0 || errno == ENOENT || failed(a, "remove", path);
}

bool store_put(struct apply *a, const char *dir, const char *file, struct str bytes)
{
    struct str there;
    const enum store_result r = read_bytes(a, path_of(a, dir, file), &there);
    if (r == STORE_NONE ? bytes.n == 0 : r == STORE_OK && str_eq(there, bytes)) {
        return true;
    }
    return bytes.n > 0 ? store_write(a, dir, file, bytes) : store_remove(a, dir, file);
}
