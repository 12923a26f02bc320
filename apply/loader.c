/*
 * Runs one program and keeps what it says. Input and both outputs are files in memory: no pipe can
 * fill up, so nothing needs to be read while it runs. Knows nothing of rules.
 */
#include "apply/loader.h"

#include "apply/privilege.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGS   16
#define MOST_OUTPUT ((size_t)1 << 30) /* a listing: 16 million elements are half of that */

/* Debian has them in /usr/sbin; others in /usr/bin; /sbin where /usr is not merged. */
static const char *const system_dirs[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};

static const char *find(const struct loaders *l, const char *name)
{
    if (l->dir != NULL) {
        const char *path = str_printf(l->arena, "%s/%s", l->dir, name).p;
        return access(path, X_OK) == 0 ? path : NULL;
    }
    for (size_t i = 0; i < sizeof system_dirs / sizeof *system_dirs; i++) {
        const char *path = str_printf(l->arena, "%s/%s", system_dirs[i], name).p;
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

bool loader_exists(const struct loaders *l, const char *name)
{
    return find(l, name) != NULL;
}

struct streams { /* stdin, stdout, stderr of the program */
    int fd[3];
};

static void streams_close(struct streams *s)
{
    for (size_t i = 0; i < 3; i++) {
        if (s->fd[i] >= 0) {
            close(s->fd[i]);
        }
    }
}

static bool streams_open(struct streams *s, struct str input)
{
    bool ok = true;
    for (size_t i = 0; i < 3; i++) {
        s->fd[i] = memfd_create("npc", MFD_CLOEXEC);
        ok = ok && s->fd[i] >= 0;
    }
    return ok && fd_write_all(s->fd[0], input) && lseek(s->fd[0], 0, SEEK_SET) == 0;
}

static _Noreturn void child(const char *name, const char *path, char *const *argv,
                            const struct streams *s, pid_t parent)
{
    static char *const empty[] = {NULL};
    for (int i = 0; i < 3; i++) {
        if (dup2(s->fd[i], i) < 0) {
            _exit(127);
        }
    }
    /* iptables and ipset open raw sockets, nft does not. */
    if (!privilege_drop(strcmp(name, "nft") != 0)) {
        _exit(127);
    }
    /* A loader outlives no npc: the guard (guard.h) goes back once both are gone. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(127);
    }
    execve(path, argv, empty);
    _exit(127);
}

static bool read_back(const struct loaders *l, int fd, struct str *text)
{
    struct buf *b = buf_new(l->arena);
    const bool ok = lseek(fd, 0, SEEK_SET) == 0 && fd_read_all(fd, MOST_OUTPUT, b);
    *text = buf_text(b);
    return ok;
}

/* What it said, as one line without blanks at its ends; at most 400 bytes. */
static struct str one_line(const struct loaders *l, struct str said)
{
    struct buf *b = buf_new(l->arena);
    for (size_t i = 0; i < said.n && b->n < 400; i++) {
        bool blank = said.p[i] == '\n' || said.p[i] == '\t' || said.p[i] == ' ';
        if (!blank) {
            buf_putc(b, said.p[i]);
        } else if (b->n > 0 && b->p[b->n - 1] != ' ') {
            buf_putc(b, ' ');
        }
    }
    while (b->n > 0 && b->p[b->n - 1] == ' ') {
        buf_cut(b, b->n - 1);
    }
    return buf_text(b);
}

static int wait_for(pid_t pid)
{
    int status;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    return got == pid ? status : -1;
}

static struct loader_run failed(const struct loaders *l, const char *name, const char *what)
{
    return (struct loader_run){
        .why = str_printf(l->arena, "%s cannot be %s: %s", name, what, strerror(errno))};
}

static struct loader_run run_with(const struct loaders *l, const char *name, const char *path,
                                  char *const *argv, const struct streams *s)
{
    const pid_t self = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        return failed(l, name, "run");
    }
    if (pid == 0) {
        child(name, path, argv, s, self);
    }
    const int status = wait_for(pid);
    if (status < 0) {
        return failed(l, name, "waited for");
    }
    struct loader_run r = {.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0};
    if (!read_back(l, s->fd[1], &r.out)) {
        return failed(l, name, "heard"); /* and never taken for one that listed nothing */
    }
    if (r.ok) {
        return r;
    }
    struct str said;
    if (read_back(l, s->fd[2], &said) && (said = one_line(l, said)).n > 0) {
        r.why = str_printf(l->arena, "%s: " STR_FMT, name, STR_ARG(said));
    } else if (WIFSIGNALED(status)) {
        r.why = str_printf(l->arena, "%s was killed by signal %d", name, WTERMSIG(status));
    } else {
        r.why = str_printf(l->arena, "%s failed without a word", name);
    }
    return r;
}

struct loader_run loader_run(const struct loaders *l, const char *name, const char *const *args,
                             struct str input)
{
    const char *path = find(l, name);
    if (path == NULL) {
        return (struct loader_run){.why = str_printf(l->arena, "%s is not installed", name)};
    }
    char *argv[MOST_ARGS + 2] = {arena_copy(l->arena, path, strlen(path))};
    for (size_t i = 0; i < MOST_ARGS && args[i] != NULL; i++) {
        argv[i + 1] = arena_copy(l->arena, args[i], strlen(args[i]));
    }
    struct streams s;
    struct loader_run r =
        streams_open(&s, input) ? run_with(l, name, path, argv, &s) : failed(l, name, "run");
    streams_close(&s);
    return r;
}
