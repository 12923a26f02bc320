/*
 * Finds the files of a run and hands each to its reader. Decides what is read, once each and in
 * which order; knows nothing of what policies look like.
 *
 * Every path inside an INPUT (found in a directory, included, imported) is relative to the INPUT's
 * root directory and opened below it without following links. Only the INPUT itself, which the
 * caller named, may be a link or a pipe.
 */
#include "base/file.h"
#include "frontend/feed.h"
#include "frontend/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct node {  /* one file that was loaded */
    bool open; /* on the include stack: meeting it again is a cycle */
};

struct frame { /* one file on the include stack, and how far its imports are done */
    struct node *node;
    struct str name;
    const struct ast_import *imports;
    size_t n, next;
};

struct loader {
    struct ctx *c;
    const struct load_options *o;
    struct program *p;
    bool ok;             /* no error so far */
    bool holes;          /* npc source is missing or did not parse: static rules would mislead */
    struct strmap nodes; /* by device and inode */
    VEC(struct ast_file *) files;
    VEC(struct frame) stack;
    size_t dsl_bytes;
    uint64_t bytes; /* of all files done */
    struct k8s_counts counts;
    struct str root; /* directory of the current INPUT as shown: "" or with a slash at its end */
    /* Held while in use and released by loader_release(), also when memory is exhausted. */
    int root_fd, file_fd;
};

/* What is to be loaded: an open file, or text. */
struct item {
    int fd; /* taken over; -1: text */
    struct str text;
    struct str shown; /* for people */
    struct str name;  /* below the root */
    enum syntax syntax;
    bool reopen; /* `shown` opens it again */
};

static void close_fd(int *fd)
{
    if (*fd > STDERR_FILENO) {
        close(*fd);
    }
    *fd = -1;
}

static void loader_release(void *arg)
{
    struct loader *l = arg;
    close_fd(&l->root_fd);
    close_fd(&l->file_fd);
}

static struct arena *arena(const struct loader *l)
{
    return &l->c->arena;
}

static struct diags *diags(const struct loader *l)
{
    return &l->c->diags;
}

/* An error about a file as a whole. */
#define FILE_ERROR(l, id, file, ...)                                                               \
    ((l)->ok = false, diag_error(diags(l), id, (struct span){.file = (file)}, __VA_ARGS__))

/* ---- progress ---- */

/* Notes what has been read: whole files, and so much of one more. */
static void count(const struct loader *l, uint64_t of_file)
{
    const struct inventory *inv = &l->p->inv;
    struct progress *p = &l->c->progress;
    p->file_bytes = of_file;
    p->bytes = l->bytes + of_file;
    p->objects =
        l->p->policies.n + inv->workloads.n + inv->namespaces.n + inv->nodes.n + inv->services.n;
}

static void tell(void *arg, const struct feed *f)
{
    const struct loader *l = arg;
    count(l, f->total);
    progress_tell(&l->c->progress);
}

/* A file begins. */
static void tell_file(const struct loader *l, const struct item *it)
{
    struct stat st;
    struct progress *p = &l->c->progress;
    uint64_t size = 0;
    if (p->tell != NULL && it->fd >= 0 && fstat(it->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        size = (uint64_t)st.st_size;
    }
    count(l, 0);
    progress_file(p, "reading", it->shown.p, size);
}

/* ---- one file ---- */

/* The node of an open file, and whether it is new. What is no regular file is always new. */
static struct node *find_node(struct loader *l, int fd, bool *is_new)
{
    struct stat st;
    *is_new = true;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ARENA_NEW(arena(l), struct node);
    }
    struct str key = str_printf(arena(l), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    struct node *node = strmap_get(&l->nodes, key);
    if (node != NULL) {
        *is_new = false;
        return node;
    }
    node = ARENA_NEW(arena(l), struct node);
    strmap_put(&l->nodes, key, node);
    return node;
}

static bool read_failed(struct loader *l, const struct feed *f, uint32_t file)
{
    if (f->error != 0) {
        FILE_ERROR(l, NPC001, file, "cannot be read: %s", strerror(f->error));
    }
    return f->error != 0;
}

/* Reads npc source whole; false if that cannot be. */
static bool read_npc(struct loader *l, struct feed *f, uint32_t file, struct buf *text)
{
    const struct limits *most = &l->c->limits;
    bool whole = feed_read_all(f, most->dsl_file, text);
    if (read_failed(l, f, file)) {
        return false;
    }
    if (!whole) {
        FILE_ERROR(l, NPC003, file, "an npc file of more than %zu bytes, which is the limit",
                   most->dsl_file);
        return false;
    }
    l->dsl_bytes += text->n;
    if (l->dsl_bytes > most->dsl_total) {
        FILE_ERROR(l, NPC003, file,
                   "with this file npc source is more than %zu bytes in all, which is the limit",
                   most->dsl_total);
        return false;
    }
    return true;
}

/* Parses npc source and puts it on the include stack. */
static void load_npc(struct loader *l, struct feed *f, const struct item *it, uint32_t file,
                     struct node *node)
{
    struct buf *text = buf_new(arena(l));
    if (!read_npc(l, f, file, text)) {
        l->holes = true;
        return;
    }
    sources_get(&l->c->sources, file)->text = buf_text(text);
    sources_get(&l->c->sources, file)->is_npc = true;
    bool parsed;
    struct ast_file *ast = dsl_parse(l->c, file, buf_text(text), &parsed);
    if (parsed) {
        dsl_remarks(l->c, ast);
    } else {
        l->ok = false;
        l->holes = true;
    }
    vec_push(arena(l), &l->files, ast);
    struct frame top = {.node = node, .name = it->name};
    top.n = dsl_imports(ast, &top.imports);
    node->open = true;
    vec_push(arena(l), &l->stack, top);
}

/* How long ago, in the largest unit that makes at least two. */
static struct str age_text(struct arena *a, uint64_t seconds)
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
    size_t i = 0;
    while (seconds < 2 * units[i].seconds && units[i].seconds > 1) {
        i++;
    }
    return str_printf(a, "%" PRIu64 " %s", seconds / units[i].seconds, units[i].name);
}

/* Warns of pods and nodes in a file (workloads and nodes from these numbers on) that may be other
 * ones by now. A pipe has no age; templates and `workload`s are written by people, and stay true.
 */
static void check_age(struct loader *l, int fd, uint32_t file, size_t workloads, size_t nodes)
{
    const struct inventory *inv = &l->p->inv;
    struct stat st;
    struct timespec now;
    bool has_state = nodes < inv->nodes.n;
    for (size_t i = workloads; i < inv->workloads.n && !has_state; i++) {
        has_state = inv->workloads.v[i]->kind == WL_POD;
    }
    if (l->o->max_age == 0 || !has_state || fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < st.st_mtim.tv_sec) {
        return;
    }
    uint64_t age = (uint64_t)(now.tv_sec - st.st_mtim.tv_sec);
    if (age > l->o->max_age) {
        struct diag *d = diag_warning(diags(l), NPC607, (struct span){.file = file},
                                      "what runs was written down " STR_FMT " ago, and may have "
                                      "changed since",
                                      STR_ARG(age_text(arena(l), age)));
        diag_hint(diags(l), d, "write it anew: kubectl get namespaces,nodes,pods -A -o yaml");
    }
}

static void load_objects(struct loader *l, struct feed *f, enum syntax syntax, uint32_t file,
                         bool reopen)
{
    if (!reopen) {
        f->kept = buf_new(arena(l));
    }
    sources_get(&l->c->sources, file)->reopen = reopen;
    struct k8s_counts counts = {0};
    size_t errors = diags(l)->errors;
    size_t workloads = l->p->inv.workloads.n, nodes = l->p->inv.nodes.n;
    l->ok &= k8s_read(l->c, l->o, file, syntax == SYNTAX_JSON ? K8S_JSON : K8S_YAML, feed_stream(f),
                      l->p, &counts);
    if (diags(l)->errors == errors) {
        read_failed(l, f, file);
    }
    check_age(l, l->file_fd, file, workloads, nodes);
    l->counts.skipped += counts.skipped;
    l->counts.kept_at = l->counts.not_skipped > 0 ? l->counts.kept_at : counts.kept_at;
    l->counts.not_skipped += counts.not_skipped;
    if (!reopen) {
        sources_get(&l->c->sources, file)->text = buf_text(f->kept);
    }
}

/* The file on the include stack whose node this is was met again at `at`. */
static void report_cycle(struct loader *l, const struct node *node, struct str name, struct span at)
{
    l->ok = false;
    struct diag *d =
        diag_error(diags(l), NPC005, at, "'" STR_FMT "' includes itself", STR_ARG(name));
    for (size_t i = l->stack.n - 1; i > 0 && l->stack.v[i].node != node; i--) {
        const struct frame *by = &l->stack.v[i - 1];
        diag_also(diags(l), d, by->imports[by->next - 1].at, "by way of this include");
    }
}

/* Loads one file unless it was loaded before. `at`: the statement that named it, or no place.
 * npc source is left on the include stack. */
static void load_item(struct loader *l, const struct item *it, struct span at)
{
    l->file_fd = it->fd;
    bool is_new;
    struct node *node = find_node(l, it->fd, &is_new);
    if (!is_new) {
        close_fd(&l->file_fd);
        if (node->open) {
            report_cycle(l, node, it->name, at);
        }
        return;
    }
    uint32_t file = sources_add(&l->c->sources, it->shown);
    sources_get(&l->c->sources, file)->name = it->name;
    struct feed feed;
    feed_init(&feed, arena(l), it->fd, it->text);
    feed.progress = tell;
    feed.progress_arg = l;
    tell_file(l, it);
    enum syntax syntax = it->syntax == SYNTAX_UNKNOWN ? feed_sniff(&feed) : it->syntax;
    if (syntax == SYNTAX_NPC) {
        load_npc(l, &feed, it, file, node);
    } else {
        load_objects(l, &feed, syntax, file, it->reopen);
    }
    l->bytes += feed.total;
    close_fd(&l->file_fd);
}

/* ---- include and import ---- */

/* What is wrong with the name; NULL: nothing, but the machine failed. */
static const char *open_failure(int error)
{
    switch (error) {
    case EINVAL:
    case ENAMETOOLONG:
        return strerror(error);
    case ENOENT:
        return "there is no such file";
    case ELOOP:
        return "a symbolic link is on the way to it, and links are not followed";
    case ENOTDIR:
        return "a part of its path is no directory";
    case EISDIR:
        return "it is a directory, not a file";
    case ENXIO:
        return "it is a device or socket, not a file";
    default:
        return NULL;
    }
}

static struct diag *import_error(struct loader *l, const struct ast_import *im, const char *text)
{
    l->ok = false;
    l->holes |= !im->is_import;
    return diag_error(diags(l), NPC005, im->at, "cannot %s '" STR_FMT "': %s",
                      im->is_import ? "import" : "include", STR_ARG(im->path), text);
}

static void import_fault(struct loader *l, const struct ast_import *im, int error)
{
    const char *text = open_failure(error);
    if (text != NULL) {
        import_error(l, im, text);
        return;
    }
    l->ok = false;
    l->holes |= !im->is_import;
    diag_error(diags(l), NPC001, im->at, "'" STR_FMT "' cannot be opened: %s", STR_ARG(im->path),
               strerror(error));
}

/* Whether the file's kind suits the statement. */
static bool check_kind(struct loader *l, const struct ast_import *im, enum syntax syntax)
{
    bool objects = syntax == SYNTAX_YAML || syntax == SYNTAX_JSON;
    if (im->is_import ? objects : syntax == SYNTAX_NPC) {
        return true;
    }
    struct diag *d = import_error(l, im,
                                  im->is_import ? "import is for Kubernetes objects, in a file "
                                                  "named .yaml, .yml or .json"
                                                : "include is for npc source, in a file named "
                                                  ".npc");
    if (syntax != SYNTAX_UNKNOWN) {
        diag_hint(diags(l), d, "write %s \"" STR_FMT "\"", im->is_import ? "include" : "import",
                  STR_ARG(im->path));
    }
    return false;
}

/* The file that a statement names, below the root; an empty string if an error was reported. */
static struct str resolve_import(struct loader *l, const struct frame *from,
                                 const struct ast_import *im)
{
    const struct str none = {NULL, 0};
    if (l->root_fd < 0) {
        diag_hint(diags(l), import_error(l, im, "text in memory has no directory to look in"),
                  "set the option root");
        return none;
    }
    if (l->stack.n > l->c->limits.include_depth) {
        l->ok = false;
        l->holes = true;
        diag_error(diags(l), NPC003, im->at, "include nests deeper than %zu files, the limit",
                   l->c->limits.include_depth);
        return none;
    }
    if (im->path.n == 0 || memchr(im->path.p, '\0', im->path.n) != NULL) {
        import_error(l, im, "this is no file name");
        return none;
    }
    struct str name = path_resolve(arena(l), from->name, im->path);
    if (name.n == 0) {
        diag_hint(diags(l), import_error(l, im, "it is outside of the root directory"),
                  "paths are relative to this file; the root is the directory of the INPUT, or "
                  "--root");
    }
    return name;
}

static void load_import(struct loader *l, const struct frame *from, const struct ast_import *im)
{
    struct item it = {.syntax = syntax_of_name(im->path), .reopen = true};
    if (!check_kind(l, im, it.syntax)) {
        return;
    }
    it.name = str_dup(arena(l), resolve_import(l, from, im));
    if (it.name.n == 0) {
        return;
    }
    it.shown = str_printf(arena(l), STR_FMT STR_FMT, STR_ARG(l->root), STR_ARG(it.name));
    it.fd = open_beneath(l->root_fd, it.name.p);
    if (it.fd < 0) {
        import_fault(l, im, errno);
        return;
    }
    load_item(l, &it, im->at);
}

/* Loads a file and, depth first and in written order, all that it includes and imports. */
static void load_tree(struct loader *l, const struct item *it)
{
    load_item(l, it, (struct span){0});
    while (l->stack.n > 0) {
        struct frame *top = &l->stack.v[l->stack.n - 1];
        if (top->next < top->n) {
            const struct frame from = *top; /* the stack may move */
            top->next++;
            load_import(l, &from, &from.imports[from.next]);
        } else {
            top->node->open = false;
            l->stack.n--;
        }
    }
}

/* ---- INPUTs ---- */

/* An error about an INPUT that could not even be opened. */
static void input_error(struct loader *l, struct str path, int error)
{
    uint32_t file = sources_add(&l->c->sources, path);
    l->holes = true; /* for all we know, it is npc source that others refer to */
    if (error == ENOENT || error == ENOTDIR) {
        FILE_ERROR(l, NPC004, file, "there is no such file or directory");
    } else if (error == ENXIO) {
        FILE_ERROR(l, NPC004, file, "a socket cannot be read as INPUT");
    } else {
        FILE_ERROR(l, NPC001, file, "cannot be opened: %s", strerror(error));
    }
}

/* The directory part of a path as it is written, with its slash: "" for a bare name. */
static struct str directory_of(struct str path)
{
    while (path.n > 0 && path.p[path.n - 1] != '/') {
        path.n--;
    }
    return path;
}

static struct str without_slashes(struct str path)
{
    while (path.n > 0 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    return path;
}

/* A directory as the beginning of the paths in it: "" for ".", else with one slash at its end. */
static struct str as_prefix(struct arena *a, struct str directory)
{
    if (str_is(directory, ".") || str_is(directory, "./") || directory.n == 0) {
        return (struct str){"", 0};
    }
    return str_printf(a, STR_FMT "/", STR_ARG(without_slashes(directory)));
}

static const char *or_dot(struct arena *a, struct str directory)
{
    return directory.n == 0 ? "." : str_dup(a, directory).p;
}

/* Where directory `inner` lies below directory `outer`, with a slash at its end: "" if they are
 * the same. False if it is not below: then errno is 0, or says why that cannot be told. Links are
 * resolved on both sides. */
static bool path_below(struct arena *a, const char *outer, const char *inner, struct str *below)
{
    char resolved[2][PATH_MAX];
    if (realpath(outer, resolved[0]) == NULL || realpath(inner, resolved[1]) == NULL) {
        return false;
    }
    struct str o = without_slashes(str_of(resolved[0]));
    struct str i = without_slashes(str_of(resolved[1]));
    if (i.n < o.n || !str_eq((struct str){i.p, o.n}, o) || (i.n > o.n && i.p[o.n] != '/')) {
        errno = 0;
        return false;
    }
    if (i.n == o.n) {
        *below = (struct str){"", 0};
    } else {
        *below = str_printf(a, STR_FMT "/", STR_ARG(((struct str){i.p + o.n + 1, i.n - o.n - 1})));
    }
    return true;
}

/* Opens the root for an INPUT in `directory` ("" is the working directory) and sets *below to
 * where the INPUT's files lie in it. */
static bool open_root(struct loader *l, struct str directory, struct str *below)
{
    close_fd(&l->root_fd);
    *below = (struct str){"", 0};
    struct str root = l->o->root.n > 0 ? l->o->root : directory;
    const char *path = or_dot(arena(l), root);
    l->root = as_prefix(arena(l), root);
    l->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (l->root_fd < 0) {
        input_error(l, str_of(path), errno);
        return false;
    }
    const char *inner = or_dot(arena(l), directory);
    if (l->o->root.n > 0 && !path_below(arena(l), path, inner, below)) {
        if (errno != 0) {
            input_error(l, str_of(inner), errno);
            return false;
        }
        l->ok = false;
        diag_error(diags(l), NPC005, (struct span){0},
                   "the INPUT directory '%s' is not below "
                   "--root '%s'",
                   inner, path);
        return false;
    }
    return true;
}

static void walk_fault(void *arg, struct str path, int error)
{
    input_error(arg, path, error);
}

static void load_directory(struct loader *l, struct str path)
{
    struct file_names names = {0};
    struct str below;
    if (!walk_directory(l->c, path, &names, walk_fault, l) || !open_root(l, path, &below)) {
        return;
    }
    if (names.list.n == 0) {
        uint32_t file = sources_add(&l->c->sources, path);
        FILE_ERROR(l, NPC004, file,
                   "the directory holds no input: no file named .npc, .yaml, .yml or .json");
    }
    struct str prefix = as_prefix(arena(l), path);
    for (size_t i = 0; i < names.list.n; i++) {
        struct str name = names.list.v[i];
        struct item it = {.syntax = syntax_of_name(name), .reopen = true};
        it.shown = str_printf(arena(l), STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(name));
        it.name = str_printf(arena(l), STR_FMT STR_FMT, STR_ARG(below), STR_ARG(name));
        it.fd = open_beneath(l->root_fd, it.name.p);
        if (it.fd < 0) {
            input_error(l, it.shown, errno);
            continue;
        }
        load_tree(l, &it);
    }
}

static void load_file(struct loader *l, struct str path, int fd)
{
    struct str directory = directory_of(path), below;
    if (!open_root(l, directory, &below)) {
        return;
    }
    struct str base = {path.p + directory.n, path.n - directory.n};
    struct item it = {.fd = fd, .shown = path, .syntax = syntax_of_name(base), .reopen = true};
    it.name = str_printf(arena(l), STR_FMT STR_FMT, STR_ARG(below), STR_ARG(base));
    struct stat st;
    it.reopen = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    load_tree(l, &it);
}

static void load_path(struct loader *l, struct str path)
{
    l->file_fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (l->file_fd < 0 || fstat(l->file_fd, &st) != 0) {
        input_error(l, path, errno);
    } else if (S_ISDIR(st.st_mode)) {
        close_fd(&l->file_fd);
        load_directory(l, path);
    } else {
        load_file(l, path, l->file_fd);
    }
    close_fd(&l->file_fd);
}

static void load_stdin(struct loader *l)
{
    struct str below;
    if (open_root(l, (struct str){"", 0}, &below)) {
        const struct item it = {.fd = STDIN_FILENO,
                                .shown = STR("<stdin>"),
                                .name = STR("stdin"),
                                .syntax = SYNTAX_UNKNOWN};
        load_tree(l, &it);
    }
}

static void load_text(struct loader *l, const struct input *in)
{
    struct str below;
    close_fd(&l->root_fd);
    if (l->o->root.n > 0 && !open_root(l, l->o->root, &below)) {
        return;
    }
    const struct item it = {.fd = -1,
                            .text = in->text,
                            .shown = in->path,
                            .name = in->path,
                            .syntax = syntax_of_name(in->path)};
    load_tree(l, &it);
}

static void load_input(struct loader *l, const struct input *in)
{
    if (in->in_memory) {
        load_text(l, in);
    } else if (str_is(in->path, "-")) {
        load_stdin(l);
    } else {
        load_path(l, in->path);
    }
}

static int input_cmp(const void *x, const void *y)
{
    const struct input *a = x, *b = y;
    int order = str_cmp(a->path, b->path);
    if (order != 0) {
        return order;
    }
    return a->in_memory != b->in_memory ? (a->in_memory ? 1 : -1) : str_cmp(a->text, b->text);
}

/* ---- the whole ---- */

static void report_counts(struct loader *l)
{
    if (l->counts.skipped > 0) {
        diag_info(diags(l), NPC006, (struct span){0},
                  "%zu object%s of kinds that npc does not know %s "
                  "skipped",
                  l->counts.skipped, l->counts.skipped == 1 ? "" : "s",
                  l->counts.skipped == 1 ? "was" : "were");
    }
    if (l->counts.not_skipped > 0) {
        struct diag *d = diag_warning(diags(l), NPC009, l->counts.kept_at,
                                      "%zu object%s that --skip-kind names %s read all the same",
                                      l->counts.not_skipped, l->counts.not_skipped == 1 ? "" : "s",
                                      l->counts.not_skipped == 1 ? "is" : "are");
        diag_hint(diags(l), d,
                  "it skips only what npc does not read; if a kind of another group is meant: "
                  "--skip-kind KIND.GROUP");
    }
}

static void check_count(struct loader *l)
{
    if (l->ok && l->o->has_expect_count && l->p->policies.n != l->o->expect_count) {
        l->ok = false;
        diag_error(diags(l), NPC008, (struct span){0},
                   "the input holds %zu policies; --expect-count says %zu", l->p->policies.n,
                   l->o->expect_count);
    }
}

bool load_inputs(struct ctx *c, const struct load_options *o, const struct input *in, size_t n,
                 struct program *p)
{
    struct loader *l = ARENA_NEW(&c->arena, struct loader);
    *l = (struct loader){.c = c, .o = o, .p = p, .ok = true, .root_fd = -1, .file_fd = -1};
    arena_defer(&c->arena, loader_release, l);
    strmap_init(&l->nodes, &c->arena);
    p->has_default_ns = o->has_default_ns;
    p->default_ns = o->default_ns;

    struct input *sorted = ARENA_NEW_ARRAY(&c->arena, n, struct input);
    if (n > 0) {
        memcpy(sorted, in, n * sizeof *in);
        array_sort(sorted, n, sizeof *sorted, input_cmp);
    }
    for (size_t i = 0; i < n; i++) {
        load_input(l, &sorted[i]);
    }
    loader_release(l);
    count(l, 0);
    progress_phase(&c->progress, "checking", NULL);
    if (!l->holes && l->files.n > 0) {
        l->ok &= dsl_resolve(c, o, l->files.v, l->files.n, p);
    }
    l->ok &= program_finish(c, p);
    report_counts(l);
    check_count(l);
    return l->ok;
}
