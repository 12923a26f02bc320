/*
 * Files: what is opened, what is refused, and that output appears whole or not at all, with every
 * system call failing in turn and with the process killed before every one (T38, T39).
 *
 * The system calls of base/file*.c are interposed here: the program's own definitions come before
 * those of the C library. Fortified, they would be inline functions of its headers.
 */
#undef _FORTIFY_SOURCE

#include "base/file.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena arena;
static struct temps temps;

/* ---- faults ---- */

static struct {
    bool armed;
    long left;        /* calls that still succeed */
    int error;        /* what the next one fails with; 0: the process is killed instead */
    bool ends;        /* … or it is told to end, and the call is made */
    size_t most;      /* bytes that one write takes, 0: all */
    bool interrupts;  /* every other write, read and getrandom is interrupted */
    bool interrupted; /* the last one was */
    bool full;        /* a write takes nothing and says so with 0 */
    int taken;        /* random names that are still the same one */
    bool no_exchange; /* the file system cannot exchange names */
} faults;

/* Whether this call is the one to fail. */
static bool fails(void)
{
    if (!faults.armed || faults.left-- != 0) {
        return false;
    }
    if (faults.ends) {
        raise(SIGTERM);
        return false;
    }
    if (faults.error == 0) {
        kill(getpid(), SIGKILL);
    }
    errno = faults.error;
    return true;
}

static bool interrupted(void)
{
    faults.interrupted = faults.interrupts && !faults.interrupted;
    errno = EINTR;
    return faults.interrupted;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    size_t most = faults.most > 0 && faults.most < n ? faults.most : n;
    if (faults.full) {
        return 0;
    }
    return interrupted() || fails() ? -1 : syscall(SYS_write, fd, bytes, most);
}

ssize_t read(int fd, void *bytes, size_t n)
{
    size_t most = faults.most > 0 && faults.most < n ? faults.most : n;
    return interrupted() || fails() ? -1 : syscall(SYS_read, fd, bytes, most);
}

ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
    if (faults.taken > 0) {
        faults.taken--;
        memset(bytes, 0, n);
        return (ssize_t)n;
    }
    return interrupted() || fails() ? -1 : syscall(SYS_getrandom, bytes, n, flags);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return fails() ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return fails() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fsync(int fd)
{
    return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
    return fails() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    return fails() ? -1 : (int)syscall(SYS_mkdirat, dir, path, mode);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return fails() ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0u);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (faults.no_exchange) {
        errno = EINVAL;
        return -1;
    }
    return fails() ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int close(int fd) /* closes in any case, as Linux does */
{
    bool fault = fails();
    int error = errno;
    int status = (int)syscall(SYS_close, fd);
    errno = fault ? error : errno;
    return fault ? -1 : status;
}

/* ---- a directory to work in ---- */

static char work[300];

static void work_enter(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(work, sizeof work, "%s/npc-unit-XXXXXX", tmp ? tmp : "/tmp");
    CU_ASSERT_FATAL(mkdtemp(work) != NULL && chdir(work) == 0);
}

static void work_leave(void)
{
    char command[320];
    CU_ASSERT(chdir("/") == 0);
    snprintf(command, sizeof command, "rm -rf %s", work);
    CU_ASSERT(system(command) == 0);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void put_snapshot(struct buf *out, const char *path, const char *prefix)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    CU_ASSERT_FATAL(n >= 0);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char full[600];
        struct stat st;
        snprintf(full, sizeof full, "%s/%s", path, name);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && lstat(full, &st) == 0) {
            buf_printf(out, "%s%s %06o", prefix, name, (unsigned)st.st_mode);
            if (S_ISDIR(st.st_mode)) {
                buf_puts(out, "\n");
                char deeper[300];
                snprintf(deeper, sizeof deeper, "%s%s/", prefix, name);
                put_snapshot(out, full, deeper); /* our own tree, two levels */
            } else if (S_ISREG(st.st_mode)) {
                FILE *f = fopen(full, "r");
                char text[200] = "";
                size_t got = f ? fread(text, 1, sizeof text - 1, f) : 0;
                buf_printf(out, " %.*s\n", (int)got, text);
                if (f) {
                    fclose(f);
                }
            } else {
                char target[100];
                ssize_t got = readlink(full, target, sizeof target);
                buf_printf(out, " %.*s\n", got > 0 ? (int)got : 0, target);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

/* Names, modes and contents of everything in the working directory. */
static const char *snapshot(void)
{
    struct buf *out = buf_new(&arena);
    put_snapshot(out, ".", "");
    buf_putc(out, '\0');
    return out->p;
}

/* ---- reading ---- */

static void read_all_stops_at_the_limit(void)
{
    work_enter();
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    put("f", text);
    for (size_t max = 99998; max <= 100000; max++) {
        int fd = open("f", O_RDONLY);
        struct buf *out = buf_new(&arena);
        buf_puts(out, "before");
        bool done = fd_read_all(fd, max, out);
        CU_ASSERT_EQUAL(done, max >= 99999);
        CU_ASSERT(done || errno == EFBIG);
        CU_ASSERT_EQUAL(out->n, 6 + (done ? 99999u : 0u));
        close(fd);
    }
    faults.interrupts = true;
    faults.most = 7;
    int fd = open("f", O_RDONLY);
    struct buf *out = buf_new(&arena);
    CU_ASSERT(fd_read_all(fd, SIZE_MAX, out));
    CU_ASSERT(str_is(buf_text(out), text));
    faults.interrupts = false;
    faults.most = 0;
    close(fd);
    CU_ASSERT_FALSE(fd_read_all(fd, 10, out));
    CU_ASSERT_EQUAL(errno, EBADF);
    fd = open("/dev/zero", O_RDONLY); /* T21 */
    CU_ASSERT_FALSE(fd_read_all(fd, 1 << 20, out));
    CU_ASSERT_EQUAL(errno, EFBIG);
    close(fd);
    work_leave();
}

static void T25_open_beneath(void)
{
    work_enter();
    CU_ASSERT(mkdir("root", 0755) == 0 && mkdir("root/d", 0755) == 0 && mkdir("out", 0755) == 0);
    put("secret", "secret");
    put("root/f", "text");
    put("root/d/f", "deep");
    CU_ASSERT(symlink("f", "root/link") == 0);
    CU_ASSERT(symlink("d", "root/dlink") == 0);
    CU_ASSERT(symlink("../secret", "root/escape") == 0);
    CU_ASSERT(symlink("nowhere", "root/dangling") == 0);
    CU_ASSERT(mkfifo("root/fifo", 0600) == 0);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "root/socket"};
    CU_ASSERT(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    static char longest[400];
    memset(longest, 'n', 256); /* NAME_MAX is 255 */

    int root = open("root", O_PATH | O_DIRECTORY), dev = open("/dev", O_PATH | O_DIRECTORY);
    const struct {
        int root;
        const char *path, *text;
        int error;
    } cases[] = {
        {root, "f", "text", 0},
        {root, "d/f", "deep", 0},
        {root, "link", NULL, ELOOP},
        {root, "dangling", NULL, ELOOP},
        {root, "escape", NULL, ELOOP},
        {root, "dlink/f", NULL, ELOOP},
        {root, "d", NULL, EISDIR},
        {root, "f/f", NULL, ENOTDIR},
        {root, "none", NULL, ENOENT},
        {root, "none/f", NULL, ENOENT},
        {root, "socket", NULL, ENXIO},
        {dev, "null", NULL, ENXIO},
        {dev, "zero", NULL, ENXIO},
        {root, "../secret", NULL, EINVAL},
        {root, "d/../f", NULL, EINVAL},
        {root, "d/..", NULL, EINVAL},
        {root, ".", NULL, EINVAL},
        {root, "./f", NULL, EINVAL},
        {root, "", NULL, EINVAL},
        {root, "/etc/passwd", NULL, EINVAL},
        {root, "d//f", NULL, EINVAL},
        {root, longest, NULL, ENAMETOOLONG},
        {root, longest + 1, NULL, ENOENT},
        {-1, "f", NULL, EBADF},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        int fd = open_beneath(cases[i].root, cases[i].path);
        int error = errno;
        CU_ASSERT_EQUAL(fd >= 0, cases[i].text != NULL);
        CU_ASSERT(fd >= 0 || error == cases[i].error);
        if (fd >= 0) {
            struct buf *out = buf_new(&arena);
            CU_ASSERT(fd_read_all(fd, 100, out) && str_is(buf_text(out), cases[i].text));
            close(fd);
        }
    }
    /* A FIFO is read: it waits for its writer. */
    pid_t child = fork();
    if (child == 0) {
        int fd = open("root/fifo", O_WRONLY);
        _exit(write(fd, "piped", 5) == 5 ? 0 : 1);
    }
    int fd = open_beneath(root, "fifo");
    struct buf *out = buf_new(&arena);
    CU_ASSERT(fd >= 0 && fd_read_all(fd, 100, out) && str_is(buf_text(out), "piped"));
    close(fd);
    waitpid(child, NULL, 0);
    /* No descriptor is left open, whatever fails. */
    int next = dup(0);
    close(next);
    for (long k = 0; k < 12; k++) {
        faults.armed = true;
        faults.left = k;
        faults.error = EIO;
        fd = open_beneath(root, "d/f");
        faults.armed = false;
        if (fd >= 0) {
            close(fd);
        }
        int now = dup(0);
        CU_ASSERT_EQUAL(now, next);
        close(now);
    }
    close(root);
    close(dev);
    close(listener);
    work_leave();
}

static void T25_path_resolve(void)
{
    static const struct {
        const char *from, *rel, *want;
    } cases[] = {
        {"main.npc", "a.npc", "a.npc"},
        {"d/main.npc", "a.npc", "d/a.npc"},
        {"d/e/main.npc", "../a.npc", "d/a.npc"},
        {"d/main.npc", "../a.npc", "a.npc"},
        {"d/main.npc", "./../x/./a.npc", "x/a.npc"},
        {"d/main.npc", "x//a.npc", "d/x/a.npc"},
        {"d/main.npc", "x/../a.npc", "d/a.npc"},
        {"d/main.npc", "x/", "d/x"},
        {"d/main.npc", ".", "d"},
        {"dd/ee/main.npc", "../../a", "a"},
        {"d/main.npc", "...", "d/..."},
        {"d/main.npc", "..a", "d/..a"},
        {"", "a", "a"},
        {"d/", "a", "d/a"},
        {"./d/main.npc", "a", "d/a"},
        /* out of the root, or nothing */
        {"main.npc", "../a.npc", ""},
        {"d/main.npc", "../../a.npc", ""},
        {"d/main.npc", "../../d/a.npc", ""}, /* not even to come back */
        {"main.npc", "d/../../a", ""},
        {"d/main.npc", "..", ""}, /* the root itself is no file */
        {"main.npc", ".", ""},
        {"main.npc", "", ""},
        {"main.npc", "/etc/passwd", ""},
        {"/main.npc", "a", ""},
        {"../main.npc", "a", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str got = path_resolve(&arena, str_of(cases[i].from), str_of(cases[i].rel));
        if (!str_is(got, cases[i].want)) {
            fprintf(stderr, "%s + %s: " STR_FMT "\n", cases[i].from, cases[i].rel, STR_ARG(got));
            CU_FAIL("resolved differently");
        }
        CU_ASSERT(got.n == 0 || got.p[got.n] == '\0');
    }
    CU_ASSERT_EQUAL(path_resolve(&arena, STR("m"), STR("a\0b")).n, 0); /* T17 */
}

/* ---- one file ---- */

static void file_modes_and_links(void)
{
    work_enter();
    mode_t mask = umask(027);
    CU_ASSERT(file_write_atomic(&temps, "new", STR("text"), 0666));
    CU_ASSERT_STRING_EQUAL(snapshot(), "new 100640 text\n");
    umask(022);
    CU_ASSERT(file_write_atomic(&temps, "new", STR("more"), 0644));
    CU_ASSERT_STRING_EQUAL(snapshot(), "new 100640 more\n"); /* as private as it was */
    CU_ASSERT(file_write_atomic(&temps, "new", (struct str){NULL, 0}, 0600));
    CU_ASSERT_STRING_EQUAL(snapshot(), "new 100600 \n");
    /* A link is replaced, what it leads to stays. */
    CU_ASSERT(symlink("new", "link") == 0 && symlink("none", "dangling") == 0);
    CU_ASSERT(file_write_atomic(&temps, "link", STR("l"), 0644));
    CU_ASSERT(file_write_atomic(&temps, "dangling", STR("d"), 0644));
    CU_ASSERT_STRING_EQUAL(snapshot(), "dangling 100644 d\nlink 100644 l\nnew 100600 \n");
    CU_ASSERT(mkdir("d", 0755) == 0);
    char absolute[320];
    snprintf(absolute, sizeof absolute, "%s/d/abs", work);
    CU_ASSERT(file_write_atomic(&temps, absolute, STR("a"), 0644));
    CU_ASSERT(file_write_atomic(&temps, "d//rel", STR("r"), 0644));
    CU_ASSERT_STRING_EQUAL(snapshot(), "d 040755\nd/abs 100644 a\nd/rel 100644 r\n"
                                       "dangling 100644 d\nlink 100644 l\nnew 100600 \n");
    umask(mask);
    work_leave();
}

static void file_refused(void)
{
    work_enter();
    CU_ASSERT(mkdir("d", 0755) == 0 && symlink("d", "dlink") == 0);
    put("f", "old");
    static char longest[5000];
    memset(longest, 'n', 300);
    static char deepest[5000];
    for (size_t i = 0; i < 4998; i++) {
        deepest[i] = i % 2 ? '/' : '.';
    }
    deepest[4998] = 'f';
    const char *before = snapshot();
    const struct {
        const char *path;
        int error;
    } cases[] = {
        {"d", EISDIR},    {"d/", EISDIR}, {"dlink", EISDIR},       {".", EISDIR},
        {"/", EISDIR},    {"..", EISDIR}, {"new/", EISDIR},        {"none/f", ENOENT},
        {"f/f", ENOTDIR}, {"", ENOENT},   {longest, ENAMETOOLONG}, {deepest, ENAMETOOLONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        bool done = file_write_atomic(&temps, cases[i].path, STR("new"), 0644);
        if (done || errno != cases[i].error) {
            fprintf(stderr, "%.40s: errno %d\n", cases[i].path, errno);
            CU_FAIL("not refused as it should");
        }
        CU_ASSERT_STRING_EQUAL(snapshot(), before);
    }
    work_leave();
}

static void file_in_readonly_directory(void)
{
    work_enter();
    if (geteuid() == 0) {
        work_leave();
        return; /* root of a user namespace may write anywhere: nothing to see */
    }
    CU_ASSERT(mkdir("d", 0755) == 0);
    put("d/f", "old");
    CU_ASSERT(chmod("d", 0555) == 0 && chmod(".", 0755) == 0);
    const char *before = snapshot();
    errno = 0;
    CU_ASSERT(!file_write_atomic(&temps, "d/f", STR("new"), 0644) && errno == EACCES);
    struct out_file file = {.path = STR("f"), .text = buf_new(&arena)};
    CU_ASSERT(!dir_write_atomic(&temps, "d/new", &file, 1, 0644) && errno == EACCES);
    CU_ASSERT_STRING_EQUAL(snapshot(), before);
    CU_ASSERT(chmod("d", 0755) == 0);
    work_leave();
}

/* What is no regular file is written to, never replaced. */
static void file_written_through(void)
{
    work_enter();
    CU_ASSERT(mkfifo("fifo", 0600) == 0);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    CU_ASSERT(file_write_atomic(&temps, "fifo", STR("piped"), 0644));
    char got[10] = "";
    CU_ASSERT(read(reader, got, sizeof got) == 5 && strcmp(got, "piped") == 0);
    close(reader);
    CU_ASSERT(symlink("fifo", "link") == 0);
    reader = open("fifo", O_RDONLY | O_NONBLOCK);
    CU_ASSERT(file_write_atomic(&temps, "link", STR("again"), 0644));
    CU_ASSERT(read(reader, got, sizeof got) == 5 && strcmp(got, "again") == 0);
    close(reader);
    CU_ASSERT(file_write_atomic(&temps, "/dev/null", STR("gone"), 0644));
    struct stat st;
    CU_ASSERT(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    CU_ASSERT(!file_write_atomic(&temps, "/dev/full", STR("gone"), 0644) && errno == ENOSPC);

    /* /dev/stdout is a link, and may lead to a regular file: still nothing is replaced. */
    put("log", "one\n");
    fflush(stdout);
    int saved = dup(1), log = open("log", O_WRONLY | O_APPEND);
    CU_ASSERT(dup2(log, 1) == 1);
    bool done = file_write_atomic(&temps, "/dev/stdout", STR("two\n"), 0644) &&
                file_write_atomic(&temps, "/dev/fd/1", STR("three\n"), 0644);
    dup2(saved, 1);
    close(saved);
    close(log);
    CU_ASSERT(done);
    CU_ASSERT(lstat("/dev/stdout", &st) == 0 && S_ISLNK(st.st_mode));
    CU_ASSERT_PTR_NOT_NULL(strstr(snapshot(), " one\ntwo\nthree\n"));
    work_leave();
}

static bool replace_file(void)
{
    return file_write_atomic(&temps, "f", STR("the new text"), 0644);
}

static bool replace_dir(void)
{
    struct out_file files[] = {{.path = STR("a"), .text = buf_new(&arena)},
                               {.path = STR("b"), .text = buf_new(&arena)}};
    buf_puts(files[0].text, "new a");
    buf_puts(files[1].text, "new b");
    return dir_write_atomic(&temps, "d", files, 2, 0644);
}

static void put_old(bool with_dir)
{
    put("f", "old");
    if (with_dir) {
        CU_ASSERT(mkdir("d", 0755) == 0);
        put("d/a", "old a");
    }
}

static const struct {
    bool (*write)(void);
    bool old_dir, no_exchange;
} operations[] = {
    {replace_file, true, false},
    {replace_dir, true, false},
    {replace_dir, true, true},
    {replace_dir, false, false},
};
#define OPERATIONS (sizeof operations / sizeof *operations)

/* Every call fails in turn: either all is new, or all is as it was, and nothing else lies about. */
static void T39_every_call_fails(void)
{
    static const int errors[] = {EIO, ENOSPC, EROFS, EPERM};
    mode_t mask = umask(022);
    for (size_t o = 0; o < OPERATIONS; o++) {
        work_enter();
        put_old(operations[o].old_dir);
        const char *before = snapshot();
        faults.no_exchange = operations[o].no_exchange;
        int next = dup(0);
        close(next);
        long failed = 0;
        for (long n = 0;; n++) {
            for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
                faults.armed = true;
                faults.left = n;
                faults.error = errors[e];
                errno = 0;
                bool done = operations[o].write();
                int error = errno;
                bool reached = faults.left < 0;
                faults.armed = false;
                const char *after = snapshot();
                int now = dup(0); /* no descriptor is left open */
                CU_ASSERT_EQUAL(now, next);
                close(now);
                if (!done) {
                    failed++;
                    CU_ASSERT_EQUAL(error, errors[e]);
                    CU_ASSERT_STRING_EQUAL(after, before);
                    continue;
                }
                CU_ASSERT_STRING_NOT_EQUAL(after, before);
                /* Only when the one fault hits the removal of the old directory, which is past
                 * undoing, may something be left, under a temporary name. */
                bool removal =
                    reached && operations[o].write == replace_dir && operations[o].old_dir;
                CU_ASSERT(removal || !strstr(after, ".npc-"));
                work_leave(); /* begin anew with the old state */
                work_enter();
                put_old(operations[o].old_dir);
                if (!reached) { /* fewer calls than n: all have had their turn */
                    n = -2;
                    break;
                }
            }
            if (n < 0) {
                break;
            }
        }
        CU_ASSERT(failed > 4 * 6);
        faults.no_exchange = false;
        work_leave();
    }
    umask(mask);
}

/* Killed before every call: the target is old or new, whole; only temporary names may be left. */
static void T39_killed_at_every_call(void)
{
    for (size_t o = 0; o < OPERATIONS - 1; o++) {
        if (operations[o].no_exchange) {
            continue; /* without an exchange there is a moment without the directory */
        }
        bool killed = true;
        for (long n = 0; killed; n++) {
            work_enter();
            put_old(true);
            pid_t child = fork();
            if (child == 0) {
                faults.armed = true;
                faults.left = n;
                faults.error = 0;
                _exit(operations[o].write() ? 0 : 1);
            }
            int status;
            CU_ASSERT(waitpid(child, &status, 0) == child);
            killed = WIFSIGNALED(status);
            CU_ASSERT(killed || WEXITSTATUS(status) == 0);
            const char *after = snapshot();
            bool old_f = strstr(after, "\nf 100") && strstr(after, " old\n");
            bool new_f = strstr(after, "\nf 100") && strstr(after, " the new text\n");
            bool old_d = strstr(after, "\nd/a 100") && !strstr(after, "\nd/b 100");
            bool new_d = strstr(after, "\nd/a 100") && strstr(after, "\nd/b 100");
            old_d = old_d || strncmp(after, "d 04", 4) == 0;
            bool whole =
                operations[o].write == replace_file ? old_f || new_f : (old_d || new_d) && old_f;
            if (operations[o].write == replace_dir && strstr(after, "\nd/b 100")) {
                whole = whole && strstr(after, " new a\n") && strstr(after, " new b\n");
            }
            CU_ASSERT(whole);
            work_leave();
        }
    }
}

static void tidy_up(int number)
{
    (void)number;
    temps_remove(&temps);
    _exit(33);
}

/* Told to end at every call, with a handler that tidies up: all is old or all is new, and nothing
 * else lies about. */
static void T39_told_to_end_at_every_call(void)
{
    for (size_t o = 0; o < OPERATIONS; o++) {
        const char *results[2] = {NULL, NULL}; /* before, and after */
        bool ended = true;
        for (long n = -1; ended; n++) {
            work_enter();
            put_old(operations[o].old_dir);
            results[0] = snapshot();
            pid_t child = fork();
            if (child == 0) {
                signal(SIGTERM, tidy_up);
                faults.no_exchange = operations[o].no_exchange;
                faults.armed = faults.ends = n >= 0;
                faults.left = n;
                _exit(operations[o].write() ? 0 : 1);
            }
            int status;
            CU_ASSERT(waitpid(child, &status, 0) == child && WIFEXITED(status));
            const char *after = snapshot();
            if (n < 0) { /* undisturbed */
                results[1] = after;
            } else {
                ended = WEXITSTATUS(status) == 33;
                CU_ASSERT(n > 8 || ended); /* a file takes ten calls */
            }
            CU_ASSERT(strcmp(after, results[0]) == 0 || strcmp(after, results[1]) == 0);
            CU_ASSERT_PTR_NULL(strstr(after, ".npc-"));
            work_leave();
        }
    }
}

static void T39_short_and_interrupted_writes(void)
{
    work_enter();
    faults.most = 1;
    faults.interrupts = true;
    bool done = replace_file() && replace_dir();
    faults.most = 0;
    faults.interrupts = false;
    CU_ASSERT(done);
    const char *after = snapshot();
    CU_ASSERT_PTR_NOT_NULL(strstr(after, " the new text\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(after, " new a\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(after, " new b\n"));
    faults.full = true;
    errno = 0;
    done = fd_write_all(1, STR("x"));
    faults.full = false;
    CU_ASSERT(!done && errno == EIO);
    /* EPIPE is an error like others where SIGPIPE is ignored. */
    int ends[2];
    CU_ASSERT(pipe(ends) == 0);
    close(ends[0]);
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    errno = 0;
    CU_ASSERT(!fd_write_all(ends[1], STR("x")) && errno == EPIPE);
    CU_ASSERT(fd_write_all(ends[1], STR("")));
    signal(SIGPIPE, old);
    close(ends[1]);
    work_leave();
}

/* Somebody else has the temporary name: another is taken; but if each is gone, nothing happens. */
static void T39_temporary_names_are_never_reused(void)
{
    work_enter();
    put_old(true);
    put(".npc-0000000000000000", "not ours");
    const char *before = snapshot();
    for (size_t o = 0; o < 2; o++) {
        faults.taken = 1000;
        errno = 0;
        bool done = operations[o].write();
        CU_ASSERT(!done && errno == EEXIST);
        CU_ASSERT(faults.taken > 0); /* it gives up */
        CU_ASSERT_STRING_EQUAL(snapshot(), before);
        faults.taken = 3;
        CU_ASSERT(operations[o].write());
        CU_ASSERT_EQUAL(faults.taken, 0);
        before = snapshot();
        CU_ASSERT_PTR_NOT_NULL(strstr(before, ".npc-0000000000000000 100"));
        CU_ASSERT_PTR_NOT_NULL(strstr(before, " not ours\n"));
    }
    work_leave();
}

/* ---- a directory of files ---- */

static void dir_made_and_replaced(void)
{
    work_enter();
    mode_t mask = umask(027);
    CU_ASSERT(replace_dir());
    CU_ASSERT_STRING_EQUAL(snapshot(), "d 040750\nd/a 100640 new a\nd/b 100640 new b\n");
    put("d/a", "old");
    struct out_file one = {.path = STR("a"), .text = buf_new(&arena)};
    buf_puts(one.text, "only");
    /* b would be lost: it is not among the files. */
    errno = 0;
    CU_ASSERT(!dir_write_atomic(&temps, "d", &one, 1, 0644) && errno == EEXIST);
    CU_ASSERT_STRING_EQUAL(snapshot(), "d 040750\nd/a 100640 old\nd/b 100640 new b\n");
    CU_ASSERT(unlink("d/b") == 0);
    umask(022);
    CU_ASSERT(dir_write_atomic(&temps, "d/", &one, 1, 0644));
    CU_ASSERT_STRING_EQUAL(snapshot(), "d 040750\nd/a 100644 only\n"); /* as private as it was */
    CU_ASSERT(unlink("d/a") == 0); /* an empty directory is fine */
    CU_ASSERT(dir_write_atomic(&temps, "./d", &one, 1, 0600));
    CU_ASSERT_STRING_EQUAL(snapshot(), "d 040700\nd/a 100600 only\n");
    CU_ASSERT(dir_write_atomic(&temps, "d", NULL, 0, 0644) == false && errno == EEXIST);
    CU_ASSERT(dir_write_atomic(&temps, "e", NULL, 0, 0644));
    CU_ASSERT_STRING_EQUAL(snapshot(), "d 040700\nd/a 100600 only\ne 040755\n");
    umask(mask);
    work_leave();
}

static void dir_refused(void)
{
    work_enter();
    CU_ASSERT(mkdir("d", 0755) == 0 && mkdir("d/a", 0755) == 0); /* a is no file */
    CU_ASSERT(mkdir("links", 0755) == 0 && symlink("x", "links/a") == 0);
    CU_ASSERT(mkdir("dots", 0755) == 0);
    put("dots/.git", "");
    put("f", "old");
    CU_ASSERT(mkdir("good", 0755) == 0 && symlink("good", "dlink") == 0);
    const char *before = snapshot();
    struct buf *text = buf_new(&arena);
    buf_puts(text, "new");
    static char longest[300];
    memset(longest, 'n', 256);
    const struct {
        const char *dir;
        struct str name;
        int error;
    } cases[] = {
        {"d", STR("a"), EEXIST},       {"links", STR("a"), EEXIST},
        {"dots", STR("a"), EEXIST},    {"f", STR("a"), ENOTDIR},
        {"dlink", STR("a"), ENOTDIR},  {"none/new", STR("a"), ENOENT},
        {".", STR("a"), EINVAL},       {"..", STR("a"), EINVAL},
        {"good/.", STR("a"), EINVAL},  {"/", STR("a"), EINVAL},
        {"", STR("a"), ENOENT},        {"good", STR(""), EINVAL},
        {"good", STR("."), EINVAL},    {"good", STR(".."), EINVAL},
        {"good", STR("../x"), EINVAL}, {"good", STR("sub/x"), EINVAL},
        {"good", STR("a\0b"), EINVAL}, {"good", {longest, 256}, EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* T38: the good file beside the bad one is not written either. */
        struct out_file files[] = {{STR("fine"), text}, {cases[i].name, text}};
        errno = 0;
        bool done = dir_write_atomic(&temps, cases[i].dir, files, 2, 0644);
        if (done || errno != cases[i].error) {
            fprintf(stderr, "%s, " STR_FMT ": errno %d\n", cases[i].dir, STR_ARG(cases[i].name),
                    errno);
            CU_FAIL("not refused as it should");
        }
        CU_ASSERT_STRING_EQUAL(snapshot(), before);
    }
    struct out_file twice[] = {{STR("a"), text}, {STR("a"), text}};
    CU_ASSERT(!dir_write_atomic(&temps, "new", twice, 2, 0644) && errno == EEXIST);
    CU_ASSERT_STRING_EQUAL(snapshot(), before);
    work_leave();
}

/* These tests write to /dev/null and /dev/stdout: if the code were wrong and replaced them, root
 * would lose them for the whole machine. So root is given up for good before anything is run. */
static void root_give_up(void)
{
    uid_t nobody = 65534;
    if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(nobody, nobody, nobody) == 0 &&
        setresuid(nobody, nobody, nobody) == 0) {
        prctl(PR_SET_DUMPABLE, 1); /* else /proc/self/fd stays root's */
    }
}

int main(void)
{
    root_give_up();
    if (access("/dev", W_OK) == 0) {
        puts("SKIP files: anybody may write to /dev here, and a fault would replace a device");
        return EXIT_SUCCESS;
    }
    arena_init(&arena, unit_oom, NULL);
    CU_TestInfo tests[] = {TEST(read_all_stops_at_the_limit),
                           TEST(T25_open_beneath),
                           TEST(T25_path_resolve),
                           TEST(file_modes_and_links),
                           TEST(file_refused),
                           TEST(file_in_readonly_directory),
                           TEST(file_written_through),
                           TEST(T39_every_call_fails),
                           TEST(T39_killed_at_every_call),
                           TEST(T39_told_to_end_at_every_call),
                           TEST(T39_temporary_names_are_never_reused),
                           TEST(T39_short_and_interrupted_writes),
                           TEST(dir_made_and_replaced),
                           TEST(dir_refused),
                           CU_TEST_INFO_NULL};
    int status = unit_run("file", tests);
    arena_free(&arena);
    return status;
}
