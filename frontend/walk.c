/* Walks a directory tree. Reads names, never files. */
#include "frontend/walk.h"
#include "frontend/feed.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    struct arena *arena;
    FTS *fts;
    size_t prefix; /* bytes of the directory in every path */
    struct file_names *names;
    walk_fault_fn fault;
    void *fault_arg;
    bool ok;
};

static void walk_release(void *arg)
{
    struct walk *w = arg;
    if (w->fts != NULL) {
        fts_close(w->fts);
        w->fts = NULL;
    }
}

static void walk_fail(struct walk *w, struct str path, int error)
{
    w->ok = false;
    w->fault(w->fault_arg, path, error);
}

static void walk_file(struct walk *w, const FTSENT *e)
{
    if (syntax_of_name(str_of(e->fts_name)) == SYNTAX_UNKNOWN) {
        return;
    }
    const char *name = e->fts_path + w->prefix;
    name += strspn(name, "/");
    vec_push(w->arena, &w->names->list, str_dup(w->arena, str_of(name)));
}

static void walk_entry(struct walk *w, FTSENT *e)
{
    if (e->fts_level > 0 && e->fts_name[0] == '.') {
        fts_set(w->fts, e, FTS_SKIP);
        return;
    }
    switch (e->fts_info) {
    case FTS_F:
        walk_file(w, e);
        return;
    case FTS_DNR: /* a directory that cannot be read */
    case FTS_ERR:
    case FTS_NS: /* no stat */
        walk_fail(w, str_dup(w->arena, str_of(e->fts_path)), e->fts_errno);
        return;
    default: /* directories on the way in and out; links, devices */
        return;
    }
}

static int name_cmp(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

bool walk_directory(struct ctx *c, struct str directory, struct file_names *names,
                    walk_fault_fn fault, void *arg)
{
    struct str trimmed = directory;
    while (trimmed.n > 0 && trimmed.p[trimmed.n - 1] == '/') {
        trimmed.n--;
    }
    struct walk *w = ARENA_NEW(&c->arena, struct walk);
    *w = (struct walk){.arena = &c->arena,
                       .prefix = trimmed.n,
                       .names = names,
                       .fault = fault,
                       .fault_arg = arg,
                       .ok = true};
    arena_defer(&c->arena, walk_release, w);
    struct str start = trimmed.n > 0 ? trimmed : STR("/");
    char *const roots[] = {arena_copy(&c->arena, start.p, start.n), NULL};
    w->fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    if (w->fts == NULL) {
        arena_fail(&c->arena);
    }
    FTSENT *e;
    while ((errno = 0, e = fts_read(w->fts)) != NULL) {
        walk_entry(w, e);
    }
    if (errno != 0) {
        walk_fail(w, directory, errno);
    }
    walk_release(w);
    if (names->list.n > 0) {
        qsort(names->list.v, names->list.n, sizeof names->list.v[0], name_cmp);
    }
    return w->ok;
}
