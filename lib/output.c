/*
 * Files of the library's caller: reading one source whole, writing what was compiled. What is
 * written has been built and checked before the first byte goes out.
 */
#include "lib/context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MODE 0666 /* less the umask, as for any compiler */

static bool io_error(struct npc *n, const char *what, const char *path, int error)
{
    diag_error(&n->ctx.diags, NPC001, (struct span){0}, "cannot %s '%s': %s", what, path,
               strerror(error));
    return false;
}

/* ---- in ---- */

static void close_deferred(void *p)
{
    int *fd = p;
    if (*fd > STDIN_FILENO) {
        close(*fd);
    }
    *fd = -1;
}

bool file_read(struct npc *n, const char *path, size_t most, struct str *text)
{
    int *fd = ARENA_NEW(&n->ctx.arena, int);
    arena_defer(&n->ctx.arena, close_deferred, fd);
    *fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0 && errno == ENOENT) {
        diag_error(&n->ctx.diags, NPC004, (struct span){0}, "there is no file '%s'", path);
        return false;
    }
    struct stat st;
    if (*fd < 0 || fstat(*fd, &st) != 0) {
        return io_error(n, "open", path, errno);
    }
    if (S_ISDIR(st.st_mode)) {
        diag_error(&n->ctx.diags, NPC004, (struct span){0}, "'%s' is a directory, not a file",
                   path);
        return false;
    }
    struct buf *b = buf_new(&n->ctx.arena);
    if (!fd_read_all(*fd, most, b)) {
        if (errno != EFBIG) {
            return io_error(n, "read", path, errno);
        }
        diag_error(&n->ctx.diags, NPC003, (struct span){0},
                   "'%s' has more than %zu bytes, which is the limit for such a file", path, most);
        return false;
    }
    close_deferred(fd);
    *text = buf_text(b);
    return true;
}

enum npc_status npc_read_file(struct npc *n, const char *path, const char **text, size_t *size)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    struct str s;
    if (!file_read(n, path, n->ctx.limits.dsl_file, &s)) {
        return failure_status(n, first);
    }
    *text = s.p;
    *size = s.n;
    return NPC_OK;
}

/* ---- out ---- */

static enum npc_status write_fd(struct npc *n, int fd, const struct npc_output *out)
{
    if (out->directory) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0},
                   "this backend writes a directory and needs a path");
        return NPC_BAD;
    }
    if (fd_write_all(fd, (struct str){out->text, out->size})) {
        return NPC_OK;
    }
    /* A reader that had enough (`| head`) wants no message; the status tells. */
    if (errno != EPIPE) {
        io_error(n, "write", "standard output", errno);
    }
    return NPC_FAULT;
}

enum npc_status npc_write_fd(struct npc *n, int fd, const struct npc_output *out)
{
    GUARD(n);
    return write_fd(n, fd, out);
}

static bool write_directory(struct npc *n, const char *path, const struct emit *e)
{
    if (dir_write_atomic(&n->temps, path, e->files.v, e->files.n, OUTPUT_MODE)) {
        return true;
    }
    if (errno == EEXIST) {
        struct diag *d =
            diag_error(&n->ctx.diags, NPC001, (struct span){0},
                       "cannot replace the directory '%s': it holds other files", path);
        diag_hint(&n->ctx.diags, d, "name a directory that is new, or that npc wrote");
        return false;
    }
    return io_error(n, "write", path, errno);
}

/* The main file and its side files, whose paths are suffixes to its own. Side files come first: the
 * main file is what others wait for. A pipe or device has none, as standard output has none. */
static bool write_files(struct npc *n, const char *path, const struct emit *e)
{
    struct arena *a = &n->ctx.arena;
    size_t beside = path_is_stream(path) ? 0 : e->files.n;
    struct out_file *files = ARENA_NEW_ARRAY(a, beside + 1, struct out_file);
    for (size_t i = 0; i < beside; i++) {
        files[i].path = str_printf(a, "%s" STR_FMT, path, STR_ARG(e->files.v[i].path));
        files[i].text = e->files.v[i].text;
    }
    files[beside] = (struct out_file){str_dup(a, str_of(path)), e->out};
    size_t failed;
    return files_write_atomic(&n->temps, files, beside + 1, OUTPUT_MODE, &failed) ||
           io_error(n, "write", files[failed].path.p, errno);
}

enum npc_status npc_write_path(struct npc *n, const char *path, const struct npc_output *out)
{
    GUARD(n);
    const struct emit *e = out->internal;
    progress_phase(&n->ctx.progress, "writing", path);
    bool ok = out->directory ? write_directory(n, path, e) : write_files(n, path, e);
    return ok ? NPC_OK : NPC_FAULT;
}

/* A source that is rewritten keeps its mode, and a link to it stays a link. */
static bool rewrite_file(struct npc *n, const char *path, struct str text)
{
    struct stat st;
    char target[PATH_MAX];
    bool exists = stat(path, &st) == 0;
    if ((!exists && errno != ENOENT) || (exists && realpath(path, target) == NULL)) {
        return io_error(n, "find", path, errno);
    }
    bool done = exists && S_ISREG(st.st_mode)
                    ? file_rewrite_atomic(&n->temps, target, text, st.st_mode & 0777)
                    : file_write_atomic(&n->temps, path, text, OUTPUT_MODE);
    return done || io_error(n, "write", path, errno);
}

void npc_abandon(const struct npc *n)
{
    temps_remove(&n->temps);
}

enum npc_status npc_write_file(struct npc *n, const char *path, const char *text, size_t size)
{
    const struct str whole = {text, size};
    GUARD(n);
    return rewrite_file(n, path, whole) ? NPC_OK : NPC_FAULT;
}
