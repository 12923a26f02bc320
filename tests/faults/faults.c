/*
 * The server that npc with faults is while NPC_FAULTS names two descriptors, "IN,OUT". It stands
 * before main() and takes lines from IN:
 *
 *     DIRECTORY KIND FIRST LAST STEP ACTION FLAGS
 *
 * For each it forks a process that goes on to main() in DIRECTORY/work, with its standard streams
 * in DIRECTORY/{in,out,err} and DIRECTORY/pipe (if there is one) in a pipe as descriptor 9, and
 * with every STEPth allocation or system call from number FIRST to number LAST failing. Flags: t
 * adds the calls that were made to the answer, p puts standard input into a pipe, s shows where.
 * The answer, to OUT, is a line:
 *
 *     WAIT-STATUS ALLOCATIONS CALLS HITS NUMBER FD PEAK-KIB CPU-MS [NUMBER:FD...]
 *
 * where CPU-MS is the processor time of the server and all its children so far.
 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_LIMIT 60 /* seconds: many times what a run takes on a busy machine */
#define PIPE_FD    9
#define PIPE_SIZE  (1 << 20)

struct fault_state *fault_state;

bool fault_due(enum fault_kind kind, uint32_t n)
{
    struct fault_state *s = fault_state;
    const struct fault_plan *p = &s->plan;
    if (p->kind != kind || n < p->first || n > p->last || (n - p->first) % p->step != 0) {
        return false;
    }
    atomic_fetch_add(&s->hits, 1);
    return true;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "npc_faults: %s: %s\n", what, strerror(errno));
    _exit(125);
}

/* Opens a file as that descriptor. */
static void place(int dir, const char *name, int flags, int as)
{
    int fd = openat(dir, name, flags, 0600);
    if (fd < 0 || (fd != as && (dup2(fd, as) < 0 || close(fd) != 0))) {
        die(name);
    }
}

/* Puts the bytes of a file into a pipe, of which `as` is the reading end. Nobody writes any more.
 */
static void place_in_pipe(int dir, const char *name, int as)
{
    int ends[2], fd = openat(dir, name, O_RDONLY);
    if (fd < 0 && errno == ENOENT) {
        return;
    }
    static char bytes[PIPE_SIZE];
    ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (n < 0 || n == sizeof bytes || pipe(ends) != 0 ||
        fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE) < 0 || write(ends[1], bytes, (size_t)n) != n ||
        dup2(ends[0], as) < 0) {
        die(name);
    }
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

/* Of the sanitizer's runtime, if it is there. */
void __lsan_do_leak_check(void) __attribute__((weak));

static void look_for_leaks(void)
{
    fault_state = NULL; /* it allocates, and waits by system calls */
    if (__lsan_do_leak_check != NULL) {
        __lsan_do_leak_check();
    }
}

/* In the child: everything as npc expects it; main() comes next. */
static void become_npc(const char *dir, const char *flags, struct fault_state *state)
{
    int at = open(dir, O_RDONLY | O_DIRECTORY);
    if (at < 0 || fchdir(at) != 0 || chdir("work") != 0) {
        die(dir);
    }
    if (strchr(flags, 'p') != NULL) {
        place_in_pipe(at, "in", STDIN_FILENO);
    } else {
        place(at, "in", O_RDONLY, STDIN_FILENO);
    }
    place(at, "out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, STDOUT_FILENO);
    place(at, "err", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, STDERR_FILENO);
    place_in_pipe(at, "pipe", PIPE_FD);
    close(at);
    if (strchr(flags, 'l') != NULL && atexit(look_for_leaks) != 0) {
        die("atexit");
    }
    const struct itimerval limit = {.it_value.tv_sec = TIME_LIMIT};
    unsetenv("NPC_FAULTS");
    if (setitimer(ITIMER_REAL, &limit, NULL) != 0 || !calls_watch()) {
        die("no filter");
    }
    fault_state = state;
}

/* Milliseconds of the processor. */
static long cpu_used(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static void answer(FILE *f, const struct fault_state *s, int status, long peak, bool trace)
{
    fprintf(f, "%d %u %u %u %d %d %ld %ld", status, s->allocs, s->calls, s->hits, s->first.number,
            s->first.fd, peak, cpu_used(RUSAGE_SELF) + cpu_used(RUSAGE_CHILDREN));
    for (unsigned i = 0; trace && i < s->calls && i < MOST_CALLS; i++) {
        fprintf(f, " %d:%d", s->log[i].number, s->log[i].fd);
    }
    fputc('\n', f);
    fflush(f);
}

/* Reads a plan; the directory and the flags go to where the caller says. */
static bool plan_read(const char *line, char dir[256], char flags[8], struct fault_plan *p)
{
    unsigned kind;
    if (sscanf(line, "%255s %u %u %u %u %d %7s", dir, &kind, &p->first, &p->last, &p->step,
               &p->action, flags) != 7 ||
        kind >= FAULT_KINDS || p->step == 0) {
        return false;
    }
    p->kind = (enum fault_kind)kind;
    p->show = strchr(flags, 's') != NULL;
    return true;
}

/* Waits for npc, and for whatever it left behind. */
static int wait_for_all(pid_t npc, long *peak)
{
    int status = 0, one;
    struct rusage usage;
    for (pid_t pid; (pid = wait4(-1, &one, 0, &usage)) > 0 || errno == EINTR;) {
        if (pid == npc) {
            status = one;
            *peak = usage.ru_maxrss;
        }
    }
    return status;
}

/* Returns in the child only. */
static void serve(FILE *in, FILE *out, struct fault_state *state)
{
    char line[512], dir[256], flags[8];
    while (fgets(line, sizeof line, in) != NULL) {
        struct fault_plan plan;
        if (!plan_read(line, dir, flags, &plan)) {
            die(line);
        }
        memset(state, 0, offsetof(struct fault_state, log));
        state->plan = plan;
        pid_t pid = fork();
        if (pid < 0) {
            die("fork");
        }
        if (pid == 0) {
            close(fileno(out)); /* and not fclose(), which would move what the parent reads */
            close(fileno(in));
            become_npc(dir, flags, state);
            return;
        }
        long peak = 0;
        int status = wait_for_all(pid, &peak);
        answer(out, state, status, peak, strchr(flags, 't') != NULL);
    }
    _exit(0);
}

__attribute__((constructor)) static void before_main(void)
{
    const char *where = getenv("NPC_FAULTS");
    int in, out;
    if (where == NULL || sscanf(where, "%d,%d", &in, &out) != 2) {
        return;
    }
    FILE *lines = fdopen(in, "r"), *answers = fdopen(out, "w");
    struct fault_state *state =
        mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lines == NULL || answers == NULL || state == MAP_FAILED ||
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        die("cannot serve");
    }
    serve(lines, answers, state);
}
