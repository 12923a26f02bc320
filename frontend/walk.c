/*
 * Walks a directory tree. Reads names, never files. Not by fts(3): that takes a directory that
 * cannot be read to its end for one that ends there, and policies would be missing without a word.
 */
#include "frontend/walk.h"
#include "frontend/feed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    struct arena *arena;
    struct str root;         /* with a slash at its end */
    VEC(struct str) pending; /* directories to read: "" or "sub/", relative to the root */
    DIR *stream;             /* the one that is being read, or NULL */
    struct file_names *names;
    walk_fault_fn fault;
    void *fault_arg;
    bool ok;
};

static void walk_release(void *arg)
{
    struct walk *w = arg;
    if (w->stream != NULL) {
        closedir(w->stream);
        w->stream = NULL;
    }
}

static struct str path_of(const struct walk *w, struct str relative)
{
    return str_printf(w->arena, STR_FMT STR_FMT, STR_ARG(w->root), STR_ARG(relative));
}

static void walk_fail(struct walk *w, struct str relative, int error)
{
    if (error == ENOMEM) {
        arena_fail(w->arena);
    }
    struct str path = path_of(w, relative);
    path.n -= path.n > 1 && path.p[path.n - 1] == '/';
    w->ok = false;
    w->fault(w->fault_arg, path, error);
}

/* Opens a directory as w->stream; false and errno. Only the root may be a link. */
static bool walk_open(struct walk *w, struct str relative)
{
    const int link = relative.n > 0 ? O_NOFOLLOW : 0;
    int fd = open(path_of(w, relative).p, O_RDONLY | O_DIRECTORY | O_CLOEXEC | link);
    if (fd < 0) {
        return false;
    }
    w->stream = fdopendir(fd);
    if (w->stream == NULL) {
        int fault = errno;
        close(fd);
        errno = fault;
    }
    return w->stream != NULL;
}

/* The kind of an entry: DT_REG, DT_DIR, or any other. DT_UNKNOWN: it cannot be told, and errno. */
static unsigned char kind_of(const struct walk *w, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type;
    }
    if (fstatat(dirfd(w->stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return DT_UNKNOWN;
    }
    return IFTODT(st.st_mode);
}

static void walk_entry(struct walk *w, struct str in, const struct dirent *entry)
{
    if (entry->d_name[0] == '.') {
        return;
    }
    struct str name = str_printf(w->arena, STR_FMT "%s", STR_ARG(in), entry->d_name);
    switch (kind_of(w, entry)) {
    case DT_REG:
        if (syntax_of_name(name) != SYNTAX_UNKNOWN) {
            vec_push(w->arena, &w->names->list, name);
        }
        return;
    case DT_DIR:
        vec_push(w->arena, &w->pending, str_printf(w->arena, STR_FMT "/", STR_ARG(name)));
        return;
    case DT_UNKNOWN:
        walk_fail(w, name, errno);
        return;
    default: /* links, devices */
        return;
    }
}

static void walk_one(struct walk *w, struct str relative)
{
    if (!walk_open(w, relative)) {
        walk_fail(w, relative, errno);
        return;
    }
    const struct dirent *entry;
    while ((errno = 0, entry = readdir(w->stream)) != NULL) {
        walk_entry(w, relative, entry);
    }
    if (errno != 0) {
        walk_fail(w, relative, errno);
    }
    walk_release(w);
}

static int name_cmp(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

bool walk_directory(struct ctx *c, struct str directory, struct file_names *names,
                    walk_fault_fn fault, void *arg)
{
    struct walk *w = ARENA_NEW(&c->arena, struct walk);
    *w = (struct walk){
        .arena = &c->arena, .names = names, .fault = fault, .fault_arg = arg, .ok = true};
    arena_defer(&c->arena, walk_release, w);
    while (directory.n > 0 && directory.p[directory.n - 1] == '/') {
        directory.n--;
    }
    w->root = str_printf(&c->arena, STR_FMT "/", STR_ARG(directory));
    vec_push(w->arena, &w->pending, (struct str){"", 0});
    while (w->pending.n > 0) {
        walk_one(w, w->pending.v[--w->pending.n]);
    }
    array_sort(names->list.v, names->list.n, sizeof names->list.v[0], name_cmp);
    return w->ok;
}
