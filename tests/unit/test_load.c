/*
 * What is said when a file or directory cannot be read: each system call of the loader and of the
 * walk fails once. A directory of which a part is missing must not pass for the whole.
 *
 * The calls of frontend/load.c, walk.c and feed.c are interposed here: the program's own
 * definitions come before those of the C library.
 */
#undef _FORTIFY_SOURCE

#include "compile.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- faults ---- */

enum call { NONE, OPEN, OPENAT, FDOPENDIR, READDIR, FSTAT, FSTATAT, READ, REALPATH };

struct fault {
    enum call call;
    const char *path; /* its argument, or NULL: any */
    int error;
    int nth;      /* which of them fails, from 1 on; 0: none */
    bool untyped; /* directories do not say what their entries are */
};

static struct fault fault;

static bool fails(enum call call, const char *path)
{
    bool same = fault.nth > 0 && fault.call == call &&
                (fault.path == NULL || (path != NULL && strcmp(fault.path, path) == 0));
    if (!same || --fault.nth > 0) {
        return false;
    }
    errno = fault.error;
    return true;
}

/* The C library's own function, as a pointer that *function holds. */
static void find_real(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(function, &found, sizeof found);
}

static int open_at(int dir, const char *path, int flags, unsigned mode)
{
    int (*real)(int, const char *, int, ...);
    find_real(&real, "openat");
    return real(dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return fails(OPEN, path) ? -1 : open_at(AT_FDCWD, path, flags, mode);
}

/* What fortified code calls. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return fails(OPENAT, path) ? -1 : open_at(dir, path, flags, mode);
}

DIR *fdopendir(int fd)
{
    DIR *(*real)(int);
    find_real(&real, "fdopendir");
    return fails(FDOPENDIR, NULL) ? NULL : real(fd);
}

struct dirent *readdir(DIR *stream)
{
    struct dirent *(*real)(DIR *);
    find_real(&real, "readdir");
    if (fails(READDIR, NULL)) {
        return NULL;
    }
    struct dirent *entry = real(stream);
    if (entry != NULL && fault.untyped) {
        entry->d_type = DT_UNKNOWN;
    }
    return entry;
}

int fstat(int fd, struct stat *st)
{
    int (*real)(int, struct stat *);
    find_real(&real, "fstat");
    return fails(FSTAT, NULL) ? -1 : real(fd, st);
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
    int (*real)(int, const char *, struct stat *, int);
    find_real(&real, "fstatat");
    return fails(FSTATAT, path) ? -1 : real(dir, path, st, flags);
}

ssize_t read(int fd, void *bytes, size_t n)
{
    ssize_t (*real)(int, void *, size_t);
    find_real(&real, "read");
    return fails(READ, NULL) ? -1 : real(fd, bytes, n);
}

char *realpath(const char *path, char *resolved)
{
    char *(*real)(const char *, char *);
    find_real(&real, "realpath");
    return fails(REALPATH, path) ? NULL : real(path, resolved);
}

char *__realpath_chk(const char *path, char *resolved, size_t size);
char *__realpath_chk(const char *path, char *resolved, size_t size)
{
    (void)size;
    return realpath(path, resolved);
}

/* ---- files ---- */

/* What is made before the tests begin. */
static void must(bool made, const char *path)
{
    if (!made) {
        perror(path);
        abort();
    }
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    must(f != NULL, path);
    must(fputs(text, f) >= 0 && fclose(f) == 0, path);
}

static void put_socket(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(to.sun_path, path, strlen(path) + 1);
    must(fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof to) == 0, path);
    close(fd);
}

#define POLICY(name) "policy " name " for all pods { default deny ingress }\n"

static void put_files(void)
{
    static const char *const directories[] = {"in", "in/sub", "indeed", "other", "other/longer"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        must(mkdir(directories[i], 0700) == 0, directories[i]);
    }
    put_file("in/a.npc", POLICY("a"));
    put_file("in/sub/b.npc", POLICY("b"));
    put_file("in/c.yaml", "kind: Secret\napiVersion: v1\n");
    put_file("indeed/d.npc", POLICY("d"));
    put_file("other/longer/e.npc", POLICY("e"));
    put_file("includes.npc", "include \"in/a.npc\"\n" POLICY("i"));
    put_file("socket-included.npc", "include \"socket.npc\"\n");
    put_file("ends-in-file.npc", "include \"in/a.npc/b.npc\"\n");
    put_socket("socket.npc");
}

/* ---- cases ---- */

struct loading {
    const char *name, *input, *root;
    size_t policies;
    const char *says; /* the one error; "": none; NULL: memory is exhausted */
    enum call call;   /* what fails, see struct fault */
    const char *path;
    int error, nth;
    bool untyped;
};

#define NOTHING NONE, NULL, 0, 0, false

static const struct loading cases[] = {
    {"nothing fails", "in", "", 2, "", NOTHING},
    {"entries of no known kind", "in", "", 2, "", NONE, NULL, 0, 0, true},
    {"reading is interrupted", "in", "", 2, "", READ, NULL, EINTR, 1, false},
    /* the walk */
    {"a directory below", "in", "", 0,
     "in/sub: error: cannot be opened: Permission denied [NPC001]", OPEN, "in/sub/", EACCES, 1,
     false},
    {"the directory, again", "in/", "", 0,
     "in: error: cannot be opened: Permission denied [NPC001]", OPEN, "in/", EACCES, 2, false},
    {"no more descriptors", "in", "", 0,
     "in: error: cannot be opened: Too many open files [NPC001]", FDOPENDIR, NULL, EMFILE, 1,
     false},
    {"the root of all", "/", "", 0, "/: error: cannot be opened: Too many open files [NPC001]",
     FDOPENDIR, NULL, EMFILE, 1, false},
    {"no memory", "in", "", 0, NULL, FDOPENDIR, NULL, ENOMEM, 1, false},
    {"a directory that ends early", "in", "", 0,
     "in: error: cannot be opened: Input/output error [NPC001]", READDIR, NULL, EIO, 2, false},
    {"entries of no known kind at all", "in", "", 0,
     "in/sub: error: cannot be opened: Permission denied [NPC001]", FSTATAT, "sub", EACCES, 1,
     true},
    /* the directory that files are opened in */
    {"the root of a directory", "in", "", 0,
     "in: error: cannot be opened: Permission denied [NPC001]", OPEN, "in", EACCES, 2, false},
    {"the root of a file", "in/a.npc", "", 0,
     "in/: error: cannot be opened: Permission denied [NPC001]", OPEN, "in/", EACCES, 1, false},
    {"the root of standard input", "-", "", 0,
     ".: error: cannot be opened: Permission denied [NPC001]", OPEN, ".", EACCES, 1, false},
    {"below the root", "in/sub/b.npc", "in", 1, "", NOTHING},
    {"the root itself", "in/a.npc", "in", 1, "", NOTHING},
    {"the root, resolved", "in/a.npc", "in", 0,
     "in/: error: cannot be opened: Permission denied [NPC001]", REALPATH, "in", EACCES, 1, false},
    {"the directory, resolved", "in/a.npc", "in", 0,
     "in/: error: cannot be opened: Permission denied [NPC001]", REALPATH, "in/", EACCES, 1, false},
    {"a root whose name goes on", "indeed/d.npc", "in", 0,
     "npc: error: the INPUT directory 'indeed/' is not below --root 'in' [NPC005]", NOTHING},
    {"another root", "other/longer/e.npc", "in", 0,
     "npc: error: the INPUT directory 'other/longer/' is not below --root 'in' [NPC005]", NOTHING},
    /* files */
    {"a file's kind", "in/a.npc", "", 0,
     "in/a.npc: error: cannot be opened: Input/output error [NPC001]", FSTAT, NULL, EIO, 1, false},
    {"whether it opens again", "in/a.npc", "", 1, "", FSTAT, NULL, EIO, 2, false},
    {"whether it is another", "in/a.npc", "", 1, "", FSTAT, NULL, EIO, 3, false},
    {"npc source", "in/a.npc", "", 0,
     "in/a.npc: error: cannot be read: Input/output error [NPC001]", READ, NULL, EIO, 1, false},
    {"objects", "in/c.yaml", "", 0,
     "in/c.yaml:1:1: error: reading failed: Input/output error [NPC001]", READ, NULL, EIO, 1,
     false},
    {"one of a directory", "in", "", 0,
     "in/a.npc: error: cannot be opened: Permission denied [NPC001]", OPENAT, "a.npc", EACCES, 1,
     false},
    {"a file for a directory", "in/a.npc/b.npc", "", 0,
     "in/a.npc/b.npc: error: there is no such file or directory [NPC004]", NOTHING},
    {"a socket", "socket.npc", "", 0,
     "socket.npc: error: a socket cannot be read as INPUT [NPC004]", NOTHING},
    /* include */
    {"what is included", "includes.npc", "", 2, "", NOTHING},
    {"what cannot be included", "includes.npc", "", 0,
     "includes.npc:1:9: error: 'in/a.npc' cannot be opened: Permission denied [NPC001]", OPENAT,
     "a.npc", EACCES, 1, false},
    {"a socket, included", "socket-included.npc", "", 0,
     "socket-included.npc:1:9: error: cannot include 'socket.npc': it is a device or socket, not a "
     "file [NPC005]",
     NOTHING},
    {"a file for a directory, included", "ends-in-file.npc", "", 0,
     "ends-in-file.npc:1:9: error: cannot include 'in/a.npc/b.npc': a part of its path is no "
     "directory [NPC005]",
     NOTHING},
    {"a name too long for this system", "includes.npc", "", 0,
     "includes.npc:1:9: error: cannot include 'in/a.npc': File name too long [NPC005]", OPENAT,
     "in", ENAMETOOLONG, 1, false},
    {"a name of no file of this system", "includes.npc", "", 0,
     "includes.npc:1:9: error: cannot include 'in/a.npc': Invalid argument [NPC005]", OPENAT, "in",
     EINVAL, 1, false},
};

static jmp_buf exhausted;

static void jump(void *arg)
{
    (void)arg;
    longjmp(exhausted, 1);
}

/* Whether there is this one error, or none if it is empty. Shows what there is if not. */
static bool says_only(struct ctx *c, const char *wanted)
{
    struct buf *out = buf_new(&c->arena);
    diags_show(&c->diags, &(const struct diag_style){.most = 100}, out);
    struct str line = buf_text(out);
    const char *end = line.n > 0 ? memchr(line.p, '\n', line.n) : NULL;
    line.n = end != NULL ? (size_t)(end - line.p) : line.n;
    bool same = str_is(line, wanted) && c->diags.errors == (*wanted != '\0');
    if (!same) {
        printf("\n    wanted %s\n" STR_FMT, wanted, STR_ARG(buf_text(out)));
    }
    return same;
}

static bool load(struct ctx *c, struct program *p, const struct loading *t)
{
    const struct load_options options = {.root = str_of(t->root)};
    const struct input in = {.path = str_of(t->input)};
    fault = (struct fault){t->call, t->path, t->error, t->nth, t->untyped};
    return load_inputs(c, &options, &in, 1, p);
}

static void check(const struct loading *t)
{
    struct ctx c;
    struct program p;
    ctx_init(&c, jump, NULL);
    program_init(&p, &c);
    if (setjmp(exhausted) == 0) {
        bool fine = load(&c, &p, t);
        CU_ASSERT(t->says != NULL && says_only(&c, t->says));
        CU_ASSERT_EQUAL(fine, t->says != NULL && *t->says == '\0');
        CU_ASSERT_EQUAL(p.policies.n, t->policies);
    } else {
        CU_ASSERT(t->says == NULL);
    }
    CU_ASSERT(fault.call == NONE || fault.nth == 0); /* it did fail */
    fault = (struct fault){0};
    ctx_free(&c);
}

static void T40_each_call_fails(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&cases[i]);
    }
}

/* Inputs come in the order of their names; a file before text of the same name, and texts in the
 * order of their bytes. */
static void order_of_inputs(void)
{
    static const struct input inputs[] = {
        {STR_INIT("in/a.npc"), true, STR_INIT(POLICY("n"))},
        {STR_INIT("in/sub/b.npc"), false, {NULL, 0}},
        {STR_INIT("in/a.npc"), true, STR_INIT(POLICY("m"))},
        {STR_INIT("in/a.npc"), false, {NULL, 0}},
    };
    enum { INPUTS = sizeof inputs / sizeof *inputs };
    static const char *const order[INPUTS] = {"a", "m", "n", "b"};
    for (size_t turn = 0; turn < INPUTS; turn++) { /* whatever order they are given in */
        struct ctx c;
        struct program p;
        struct input turned[INPUTS];
        const struct load_options options = {0};
        for (size_t i = 0; i < INPUTS; i++) {
            turned[i] = inputs[(i + turn) % INPUTS];
        }
        ctx_init(&c, unit_oom, NULL);
        program_init(&p, &c);
        CU_ASSERT(load_inputs(&c, &options, turned, INPUTS, &p));
        CU_ASSERT_EQUAL_FATAL(p.policies.n, INPUTS);
        for (size_t i = 0; i < INPUTS; i++) {
            CU_ASSERT(str_is(p.policies.v[i]->name, order[i]));
        }
        ctx_free(&c);
    }
}

/* Text in memory may include what lies below the root that is given. */
static void text_in_memory(void)
{
    static const struct {
        const char *root;
        struct fault fault;
        const char *says;
        size_t policies;
    } texts[] = {
        {".", {0}, "", 2},
        {"",
         {0},
         "text:1:9: error: cannot include 'in/a.npc': text in memory has no directory to look in "
         "[NPC005]",
         0},
        {"in",
         {OPEN, "in", EACCES, 1, false},
         "in: error: cannot be opened: Permission denied [NPC001]",
         0},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ctx c;
        struct program p;
        const struct load_options options = {.root = str_of(texts[i].root)};
        const struct input in = {STR_INIT("text"), true,
                                 STR_INIT("include \"in/a.npc\"\n" POLICY("m"))};
        ctx_init(&c, unit_oom, NULL);
        program_init(&p, &c);
        fault = texts[i].fault;
        bool fine = load_inputs(&c, &options, &in, 1, &p);
        CU_ASSERT(says_only(&c, texts[i].says));
        CU_ASSERT_EQUAL(fine, *texts[i].says == '\0');
        CU_ASSERT_EQUAL(p.policies.n, texts[i].policies);
        ctx_free(&c);
    }
    fault = (struct fault){0};
}

static void no_inputs(void)
{
    struct ctx c;
    struct program p;
    const struct load_options options = {0};
    ctx_init(&c, unit_oom, NULL);
    program_init(&p, &c);
    CU_ASSERT(load_inputs(&c, &options, NULL, 0, &p));
    CU_ASSERT_EQUAL(p.policies.n, 0);
    ctx_free(&c);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int main(void)
{
    char dir[] = "/tmp/npc-load-XXXXXX";
    if (mkdtemp(dir) == NULL || chdir(dir) != 0) {
        perror(dir);
        return 1;
    }
    put_files();
    CU_TestInfo tests[] = {TEST(T40_each_call_fails), TEST(order_of_inputs), TEST(text_in_memory),
                           TEST(no_inputs), CU_TEST_INFO_NULL};
    int status = unit_run("load", tests);
    if (chdir("/") != 0 || nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0) {
        perror(dir);
        return 1;
    }
    return status;
}
