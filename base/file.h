/*
 * Files in and out. Input is opened without following links out of a root; output appears whole or
 * not at all.
 */
#ifndef NPC_BASE_FILE_H
#define NPC_BASE_FILE_H

#include "base/buf.h"

#include <signal.h>

/* One file to be written: path relative to the output directory, or the -o path itself. */
struct out_file {
    struct str path;
    struct buf *text;
};

/* Whether a path is a device, FIFO, socket or descriptor: it is written to as it is, and no file
 * can stand beside it. */
bool path_is_stream(const char *path);

/* What is on disk under a temporary name while something is being written, so that a handler of
 * signals can take it away. One for each thread that writes; zeroed at first. */
#define FILES_WRITE_MOST 4
#define TEMP_NAME        sizeof ".npc-0123456789abcdef"
struct temp {
    volatile sig_atomic_t there; /* else the rest means nothing */
    int dir;                     /* where it lies */
    char name[TEMP_NAME];
    bool is_directory;
    const struct out_file *files; /* in the directory */
    size_t n;
};
struct temps {
    struct temp v[FILES_WRITE_MOST];
};

/* Removes it. May be called in a signal's handler if the process then ends: whatever is in the
 * place of a file then is the old one or the new one. */
void temps_remove(const struct temps *t);

/* Writes one file: a temporary file beside it (O_EXCL, mode 0600, then `mode` less the umask and
 * less what nobody may do with the file that it replaces), fsync, rename, fsync of the directory.
 * Interrupted and short writes are continued. On failure the old file stays, the temporary one is
 * removed, errno is set and false returned. */
bool file_write_atomic(struct temps *t, const char *path, struct str text, unsigned mode);

/* The same with exactly that mode, whatever the umask is. */
bool file_rewrite_atomic(struct temps *t, const char *path, struct str text, unsigned mode);

/* The same as the first for a file and the few that go with it, at paths of their own (with a NUL
 * after them): all are written and synced before the first is renamed, so that a full disk changes
 * none; while they are renamed signals wait, and if one cannot be, those before it are put back, so
 * that these change all or none. On failure *failed is the one that cannot be written. */
bool files_write_atomic(struct temps *t, const struct out_file *files, size_t n, unsigned mode,
                        size_t *failed);

/* Writes several files as the directory `dir`: a new temporary directory beside it, every file
 * synced, then one exchange (renameat2 RENAME_EXCHANGE) or rename; the old directory, whose mode
 * bounds that of the new one, is removed afterwards. Refuses (errno EEXIST) to replace a directory
 * that holds anything but files named in `files`. false and errno on failure, with the old
 * directory in place. */
bool dir_write_atomic(struct temps *t, const char *dir, const struct out_file *files, size_t n,
                      unsigned mode);

/* Writes all of text to a descriptor; false and errno on failure. */
bool fd_write_all(int fd, struct str text);

/* Opens `path` (relative, already normalized, without "..") below the directory descriptor `root`
 * for reading; every component is opened with O_NOFOLLOW, so no link is followed. Returns a
 * descriptor of a regular file, FIFO or pipe, or -1 and errno (ELOOP: a link; EISDIR; ENXIO: a
 * device). */
int open_beneath(int root, const char *path);

/* Lexically resolves `rel` against the directory of `from` (both relative to one root); "." and
 * ".." are folded. Returns an empty string if the result would leave the root or rel is absolute.
 */
struct str path_resolve(struct arena *a, struct str from, struct str rel);

/* Reads a descriptor to its end, at most `max` bytes. False with errno (EFBIG: longer). */
bool fd_read_all(int fd, size_t max, struct buf *out);

#endif
