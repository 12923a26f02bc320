/*
 * Writing: whole or not at all (threats.md 38, 39). New content is built under a temporary name in
 * the same directory, synced, and then renamed, so that every moment shows the old or the new.
 */
#include "base/file.h"

#include "base/signals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name that is taken is no fault, but somebody who takes each of them is. */
#define TEMP_TRIES 100

bool fd_write_all(int fd, struct str text)
{
    for (size_t at = 0; at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n > 0) {
            at += (size_t)n;
        } else if (n == 0) { /* not for a regular file or pipe; but no endless loop either */
            errno = EIO;
            return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Closes a descriptor and keeps errno. */
static void close_quietly(int fd)
{
    int fault = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = fault;
}

/* ---- the directory that a path lies in ---- */

struct place {
    int dir;          /* descriptor of the directory */
    const char *name; /* in it; points into `text` */
    char text[PATH_MAX];
};

/* Opens the directory of `path`, without trailing slashes. False and errno: no such directory, or a
 * path that names no entry of one ("/", "..", "x/."). */
static bool place_open(struct place *p, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    if (n >= sizeof p->text) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(p->text, path, n);
    p->text[n] = '\0';
    char *slash = strrchr(p->text, '/');
    p->name = slash ? slash + 1 : p->text;
    if (p->name[0] == '\0' || strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0) {
        errno = n == 0 ? ENOENT : EINVAL;
        return false;
    }
    const char *dir = ".";
    if (slash == p->text) {
        dir = "/";
    } else if (slash) {
        *slash = '\0';
        dir = p->text;
    }
    p->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return p->dir >= 0;
}

/* fsync that goes on after a signal. */
static bool fd_sync(int fd)
{
    while (fsync(fd) != 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Makes the rename last. It has happened, so a fault here is none of the caller's: "the old file
 * stays" would no longer be true. */
static void place_sync(const struct place *p)
{
    int fault = errno;
    (void)fd_sync(p->dir);
    errno = fault;
}

/* ---- temporary names ---- */

static bool temp_name(char name[TEMP_NAME])
{
    unsigned char noise[8];
    ssize_t n;
    do {
        n = getrandom(noise, sizeof noise, 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof noise) {
        return false;
    }
    unsigned long long number = 0;
    for (size_t i = 0; i < sizeof noise; i++) {
        number = number << 8 | noise[i];
    }
    snprintf(name, TEMP_NAME, ".npc-%016llx", number);
    return true;
}

/* Announces a new temporary name before there is anything of that name, so that there is no moment
 * in which a file exists that a handler of signals does not know of. */
static bool temp_begin(struct temp *t, int dir)
{
    if (!temp_name(t->name)) {
        return false;
    }
    t->dir = dir;
    atomic_signal_fence(memory_order_seq_cst);
    t->there = true;
    return true;
}

/* Sets the mode of a new file or directory to 0600 or 0700 and tells which one the umask (or the
 * directory's default ACL) gave it. There is no other way to ask for the umask that is safe beside
 * other threads. */
static bool mode_hide(int fd, mode_t hidden, mode_t *final)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return false;
    }
    *final = st.st_mode & 07777;
    return fchmod(fd, hidden) == 0;
}

/* ---- one file ---- */

/* Creates `name` in `dir` (it must not exist), writes and syncs it. Removes it on failure. */
static bool file_create(int dir, const char *name, struct str text, unsigned mode)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return false;
    }
    mode_t final;
    bool done = mode_hide(fd, 0600, &final) && fd_write_all(fd, text) && fchmod(fd, final) == 0 &&
                fd_sync(fd);
    int fault = errno;
    if (close(fd) != 0 && done) { /* where delayed writes of a network file system fail */
        fault = errno;
        done = false;
    }
    if (!done) {
        unlinkat(dir, name, 0);
        errno = fault;
    }
    return done;
}

/* The same under a temporary name. */
static bool file_create_temp(struct temp *t, int dir, struct str text, unsigned mode)
{
    t->is_directory = false;
    for (int tries = 0; tries < TEMP_TRIES; tries++) {
        if (!temp_begin(t, dir)) {
            return false;
        }
        if (file_create(dir, t->name, text, mode)) {
            return true;
        }
        t->there = false;
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}

/* Paths that stand for a descriptor of this process. As links they lead to whatever the descriptor
 * is, even to a regular file, and must never be replaced. */
static bool is_descriptor_path(const char *path)
{
    static const char *const paths[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (str_starts(str_of(path), paths[i])) {
            return true;
        }
    }
    return false;
}

bool path_is_stream(const char *path)
{
    struct stat st;
    return is_descriptor_path(path) ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

/* Writes to a device, FIFO, socket or descriptor as it is: there is nothing to replace. */
static bool file_write_through(const char *path, struct str text)
{
    /* O_APPEND: a descriptor on a regular file may stand anywhere in it. */
    int fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool done = fd_write_all(fd, text);
    int fault = errno;
    if (close(fd) != 0 && done) {
        return false;
    }
    errno = fault;
    return done;
}

/* A file on its way: written and synced under a temporary name, then renamed. */
struct staged {
    const char *path;
    struct str text;
    bool exact;   /* the mode is not for the umask to change */
    bool through; /* there is no file to replace: it is written to */
    struct place place;
    struct temp *temp;
    enum { UNDO_NOTHING, UNDO_NEW, UNDO_SWAP } undo; /* swap: the old one has the temporary name */
};

/* Writes and syncs the temporary file. */
static bool stage(struct staged *s, unsigned mode)
{
    struct stat st;
    bool exists = stat(s->path, &st) == 0;
    size_t n = strlen(s->path);
    if ((exists && S_ISDIR(st.st_mode)) || (n > 0 && s->path[n - 1] == '/')) {
        errno = EISDIR;
        return false;
    }
    s->through = path_is_stream(s->path);
    if (s->through) {
        return true;
    }
    if (!s->exact && lstat(s->path, &st) == 0 && S_ISREG(st.st_mode)) {
        mode &= st.st_mode; /* who could not read the old one need not read the new one */
    }
    return place_open(&s->place, s->path) &&
           file_create_temp(s->temp, s->place.dir, s->text, mode) &&
           (!s->exact || fchmodat(s->place.dir, s->temp->name, (mode_t)mode, 0) == 0);
}

/* Puts the file in its place. A link with this name is replaced; what it leads to stays. If another
 * one comes after it, the old one is kept for as long. */
static bool unstage(struct staged *s, bool last)
{
    const int dir = s->place.dir;
    if (!last && renameat2(dir, s->temp->name, dir, s->place.name, RENAME_EXCHANGE) == 0) {
        s->undo = UNDO_SWAP;
        return true;
    }
    /* There is no old one (ENOENT), or the file system cannot exchange. */
    if (!last && errno != ENOENT && errno != ENOSYS && errno != EINVAL) {
        return false;
    }
    const bool was_there = last || errno != ENOENT;
    if (renameat(dir, s->temp->name, dir, s->place.name) != 0) {
        return false;
    }
    s->temp->there = false;
    s->undo = was_there ? UNDO_NOTHING : UNDO_NEW; /* what is gone cannot come back */
    return true;
}

/* Undoes that, as far as it can be. Nothing: it was not put there, or the old one is gone. */
static void restage(struct staged *s)
{
    const int dir = s->place.dir;
    int fault = errno;
    switch (s->undo) {
    case UNDO_NOTHING:
        break;
    case UNDO_NEW:
        unlinkat(dir, s->place.name, 0);
        break;
    case UNDO_SWAP:
        renameat2(dir, s->temp->name, dir, s->place.name, RENAME_EXCHANGE);
        break;
    }
    errno = fault;
}

/* All of them; in their places with no signal in between. On failure *failed is whose it is. */
static bool unstage_all(struct staged *files, size_t n, size_t *failed)
{
    bool done = true;
    for (size_t i = 0; i < n && done; i++) {
        *failed = i;
        done = !files[i].through || file_write_through(files[i].path, files[i].text);
    }
    sigset_t before;
    signals_hold(&before);
    for (size_t i = 0; i < n && done; i++) {
        *failed = i;
        done = files[i].through || unstage(&files[i], i + 1 == n);
    }
    for (size_t i = 0; i < n && !done; i++) {
        restage(&files[i]);
    }
    signals_restore(&before);
    for (size_t i = 0; i < n; i++) {
        if (done && !files[i].through) {
            place_sync(&files[i].place);
        }
    }
    return done;
}

static void staged_drop(struct staged *s)
{
    int fault = errno;
    if (s->temp->there) {
        unlinkat(s->place.dir, s->temp->name, 0);
        s->temp->there = false;
    }
    errno = fault;
    close_quietly(s->place.dir);
}

static bool write_staged(struct staged *files, size_t n, unsigned mode, size_t *failed)
{
    bool done = true;
    for (size_t i = 0; i < n && done; i++) {
        *failed = i;
        done = stage(&files[i], mode);
    }
    done = done && unstage_all(files, n, failed);
    for (size_t i = 0; i < n; i++) {
        staged_drop(&files[i]);
    }
    return done;
}

bool file_write_atomic(struct temps *t, const char *path, struct str text, unsigned mode)
{
    struct staged file = {.path = path, .text = text, .place = {.dir = -1}, .temp = t->v};
    return write_staged(&file, 1, mode, &(size_t){0});
}

bool file_rewrite_atomic(struct temps *t, const char *path, struct str text, unsigned mode)
{
    struct staged file = {
        .path = path, .text = text, .exact = true, .place = {.dir = -1}, .temp = t->v};
    return write_staged(&file, 1, mode, &(size_t){0});
}

bool files_write_atomic(struct temps *t, const struct out_file *files, size_t n, unsigned mode,
                        size_t *failed)
{
    struct staged staged[FILES_WRITE_MOST];
    *failed = 0;
    if (n > FILES_WRITE_MOST) {
        errno = EINVAL;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        staged[i] = (struct staged){.path = files[i].path.p,
                                    .text = buf_text(files[i].text),
                                    .place = {.dir = -1},
                                    .temp = &t->v[i]};
    }
    return write_staged(staged, n, mode, failed);
}

/* ---- a directory of files ---- */

struct file_set {
    const struct out_file *v;
    size_t n;
};

/* Whether each path is a plain name that a directory can hold. */
static bool names_are_plain(struct file_set files)
{
    for (size_t i = 0; i < files.n; i++) {
        struct str name = files.v[i].path;
        if (name.n == 0 || name.n > NAME_MAX || memchr(name.p, '/', name.n) ||
            memchr(name.p, '\0', name.n) || str_is(name, ".") || str_is(name, "..")) {
            errno = EINVAL;
            return false;
        }
    }
    return true;
}

static void name_copy(char out[NAME_MAX + 1], struct str name)
{
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
}

static bool file_set_has(struct file_set files, const char *name)
{
    for (size_t i = 0; i < files.n; i++) {
        if (str_is(files.v[i].path, name)) {
            return true;
        }
    }
    return false;
}

static int dir_open(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether the directory holds nothing but regular files named in `files`; else errno is EEXIST (or
 * why it cannot be read). */
static bool dir_holds_only(int parent, const char *name, struct file_set files)
{
    int fd = dir_open(parent, name);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!stream) {
        close_quietly(fd);
        return false;
    }
    int fault = 0;
    while (fault == 0) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            fault = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        struct stat st;
        if (!file_set_has(files, entry->d_name)) {
            fault = EEXIST;
        } else if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            fault = errno;
        } else {
            fault = S_ISREG(st.st_mode) ? 0 : EEXIST;
        }
    }
    closedir(stream); /* and fd */
    errno = fault;
    return fault == 0;
}

/* Removes the files of the set from a directory. */
static void dir_empty(int fd, struct file_set files)
{
    int fault = errno;
    for (size_t i = 0; i < files.n; i++) {
        char file[NAME_MAX + 1];
        name_copy(file, files.v[i].path);
        unlinkat(fd, file, 0);
    }
    errno = fault;
}

/* The same, and then the directory if it is empty. */
static void dir_remove(int parent, const char *name, struct file_set files)
{
    int fault = errno;
    int fd = dir_open(parent, name);
    if (fd >= 0) {
        dir_empty(fd, files);
        close_quietly(fd);
    }
    unlinkat(parent, name, AT_REMOVEDIR);
    errno = fault;
}

/* Fills the new, empty directory and syncs it. */
static bool dir_fill(int parent, const char *name, struct file_set files, unsigned mode)
{
    int fd = dir_open(parent, name);
    if (fd < 0) {
        return false;
    }
    mode_t final;
    bool done = mode_hide(fd, 0700, &final);
    for (size_t i = 0; i < files.n && done; i++) {
        char file[NAME_MAX + 1];
        name_copy(file, files.v[i].path);
        done = file_create(fd, file, buf_text(files.v[i].text), mode);
    }
    done = done && fchmod(fd, final) == 0 && fd_sync(fd);
    if (!done) { /* as long as there is a descriptor: another one may not be had */
        dir_empty(fd, files);
    }
    close_quietly(fd);
    return done;
}

/* Takes away what has a temporary name. */
static void temp_remove(const struct temp *t)
{
    if (t->is_directory) {
        dir_remove(t->dir, t->name, (struct file_set){t->files, t->n});
    } else {
        unlinkat(t->dir, t->name, 0);
    }
}

void temps_remove(const struct temps *t)
{
    for (size_t i = 0; i < FILES_WRITE_MOST; i++) {
        if (t->v[i].there) {
            temp_remove(&t->v[i]);
        }
    }
}

/* Makes a filled directory under a temporary name. */
static bool dir_create_temp(struct temp *t, int parent, struct file_set files, unsigned mode,
                            mode_t most)
{
    mode_t search = (mode_t)(mode & 0444) >> 2; /* who may read files may enter */
    int made = -1;
    t->is_directory = true;
    t->files = files.v;
    t->n = files.n;
    for (int tries = 0; tries < TEMP_TRIES && made != 0; tries++) {
        if (!temp_begin(t, parent)) {
            return false;
        }
        made = mkdirat(parent, t->name, ((mode_t)mode | search) & most);
        if (made != 0) {
            t->there = false;
            if (errno != EEXIST) {
                return false;
            }
        }
    }
    return made == 0 && dir_fill(parent, t->name, files, mode);
}

/* The exchange in two steps, the first of which is undone if the second fails. */
static bool dir_exchange_slowly(struct temp *t, int parent, const char *name)
{
    char aside[TEMP_NAME];
    if (!temp_name(aside) || renameat(parent, name, parent, aside) != 0) {
        return false;
    }
    if (renameat(parent, t->name, parent, name) != 0) {
        int fault = errno;
        renameat(parent, aside, parent, name);
        errno = fault;
        return false;
    }
    memcpy(t->name, aside, TEMP_NAME);
    return true;
}

/* Puts the temporary directory in the place of the old one, which then has the temporary name. Some
 * file systems cannot exchange (ENOSYS, EINVAL: NFS, for example). */
static bool dir_exchange(struct temp *t, int parent, const char *name)
{
    if (renameat2(parent, t->name, parent, name, RENAME_EXCHANGE) == 0) {
        return true;
    }
    if (errno != ENOSYS && errno != EINVAL) {
        return false;
    }
    sigset_t before;
    signals_hold(&before);
    bool done = dir_exchange_slowly(t, parent, name);
    signals_restore(&before);
    return done;
}

/* Replaces or makes the directory of that place. */
static bool dir_replace(struct temp *t, const struct place *p, struct file_set files, unsigned mode)
{
    struct stat st;
    bool exists = fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && errno != ENOENT) {
        return false;
    }
    if (exists && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    if (exists && !dir_holds_only(p->dir, p->name, files)) {
        return false;
    }
    bool done = dir_create_temp(t, p->dir, files, mode, exists ? st.st_mode : 0777) &&
                (exists ? dir_exchange(t, p->dir, p->name)
                        : renameat(p->dir, t->name, p->dir, p->name) == 0);
    if (done) {
        place_sync(p);
    }
    if (t->there && (!done || exists)) { /* the temporary name now holds what is not wanted */
        int fault = errno;
        temp_remove(t);
        errno = fault;
    }
    t->there = false;
    return done;
}

bool dir_write_atomic(struct temps *t, const char *dir, const struct out_file *files, size_t n,
                      unsigned mode)
{
    struct file_set set = {files, n};
    struct place place;
    if (!names_are_plain(set) || !place_open(&place, dir)) {
        return false;
    }
    bool done = dir_replace(t->v, &place, set, mode);
    close_quietly(place.dir);
    return done;
}
