/*
 * Reading descriptors, opening files below a root, resolving paths. Writing is in file_write.c.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool fd_read_all(int fd, size_t max, struct buf *out)
{
    size_t before = out->n, got = 0;
    char piece[16 * 1024];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0) {
            return true;
        }
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        if ((size_t)n > max - got) {
            errno = EFBIG;
            break;
        }
        buf_put(out, piece, (size_t)n);
        got += (size_t)n;
    }
    buf_cut(out, before);
    return false;
}

/* ---- opening below a root ---- */

/* Copies the first component of *path and moves *path behind it and its slash. False and errno if
 * it is none: empty, "." or "..", or too long. */
static bool component_take(const char **path, char name[NAME_MAX + 1])
{
    size_t n = strcspn(*path, "/");
    if (n > NAME_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(name, *path, n);
    name[n] = '\0';
    if (n == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        errno = EINVAL;
        return false;
    }
    *path += n + ((*path)[n] == '/');
    return true;
}

/* What the kind of a file means to someone who wants to read its bytes: 0, or an errno. */
static int kind_fault(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFIFO:
        return 0;
    case S_IFLNK:
        return ELOOP;
    case S_IFDIR:
        return EISDIR;
    }
    return ENXIO; /* devices and sockets */
}

/* Opens one name in a directory without opening what it is: O_PATH touches no device. */
static int peek(int dir, const char *name, struct stat *st)
{
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, st) != 0) {
        int fault = errno;
        close(fd);
        errno = fault;
        return -1;
    }
    return fd;
}

/* Opens the directory `name` in `dir`. */
static int enter(int dir, const char *name)
{
    struct stat st;
    int fd = peek(dir, name, &st);
    if (fd >= 0 && !S_ISDIR(st.st_mode)) {
        close(fd);
        errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
        return -1;
    }
    return fd;
}

/* Opens the file `name` in `dir` for reading. */
static int open_plain(int dir, const char *name)
{
    struct stat seen, st;
    int fd = peek(dir, name, &seen);
    if (fd < 0) {
        return -1;
    }
    close(fd);
    int fault = kind_fault(seen.st_mode);
    if (fault != 0) {
        errno = fault;
        return -1;
    }
    do { /* a FIFO waits here for its writer */
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return -1;
    }
    /* It may have been replaced in between. */
    fault = fstat(fd, &st) != 0 ? errno : kind_fault(st.st_mode);
    if (fault != 0) {
        close(fd);
        errno = fault;
        return -1;
    }
    return fd;
}

int open_beneath(int root, const char *path)
{
    char name[NAME_MAX + 1];
    int dir = root;
    int fd = -1;
    while (component_take(&path, name)) {
        bool last = *path == '\0';
        fd = last ? open_plain(dir, name) : enter(dir, name);
        if (last || fd < 0) {
            break;
        }
        if (dir != root) {
            close(dir);
        }
        dir = fd;
        fd = -1;
    }
    int fault = errno;
    if (dir != root) {
        close(dir);
    }
    errno = fault;
    return fd;
}

/* ---- paths ---- */

/* Applies the components of `path` to the folded path in `folded`, which has room. False if one
 * leads out of the root. */
static bool path_fold(struct str path, char *folded, size_t *n)
{
    for (size_t at = 0; at < path.n;) {
        size_t end = at;
        while (end < path.n && path.p[end] != '/') {
            end++;
        }
        struct str part = {path.p + at, end - at};
        at = end + 1;
        if (part.n == 0 || str_is(part, ".")) {
            continue;
        }
        if (str_is(part, "..")) {
            if (*n == 0) {
                return false;
            }
            while (*n > 0 && folded[--*n] != '/') {
            }
            continue;
        }
        if (*n > 0) {
            folded[(*n)++] = '/';
        }
        memcpy(folded + *n, part.p, part.n);
        *n += part.n;
    }
    return true;
}

struct str path_resolve(struct arena *a, struct str from, struct str rel)
{
    struct str none = {NULL, 0};
    bool has_nul = rel.n > 0 && memchr(rel.p, '\0', rel.n);
    if (rel.n == 0 || has_nul || str_starts(rel, "/") || str_starts(from, "/")) {
        return none;
    }
    struct str dir = from;
    while (dir.n > 0 && dir.p[dir.n - 1] != '/') {
        dir.n--;
    }
    char *folded = arena_array(a, dir.n + rel.n + 2, 1);
    size_t n = 0;
    if (!path_fold(dir, folded, &n) || !path_fold(rel, folded, &n) || n == 0) {
        return none;
    }
    folded[n] = '\0';
    return (struct str){folded, n};
}
