/* The process that goes back. What it knows it reads from FILE_PENDING when the time has come. */
#include "apply/guard.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS    100
#define TRIES      10
#define TRY_MS     1000
#define SAY_ARMED  'a'
#define SAY_LOADED 'l'

static int open_own_lock(struct apply *a)
{
    const char *path = str_printf(&a->arena, "%s/guard", a->run_dir).p;
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool guard_lives(struct apply *a)
{
    const int fd = open_own_lock(a);
    const bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) {
        close(fd);
    }
    return held;
}

/* ---- in the guard ---- */

struct watch {
    struct apply *apply;
    struct str id; /* of the FILE_PENDING that it watches over */
    /* The file as it was looked at last, to read it again only when it is another. An inode may be
     * used again at once, the time of its last change is not. */
    ino_t inode;
    struct timespec changed;
};

/* Whether FILE_PENDING is there, and still the same way back. */
static bool is_mine(struct watch *w)
{
    struct stat st;
    struct pending p;
    const char *path = str_printf(&w->apply->arena, "%s/" FILE_PENDING, w->apply->run_dir).p;
    if (stat(path, &st) != 0) {
        return false;
    }
    if (st.st_ino == w->inode && st.st_ctim.tv_sec == w->changed.tv_sec &&
        st.st_ctim.tv_nsec == w->changed.tv_nsec) {
        return true;
    }
    if (pending_read(w->apply, &p) != STORE_OK || !str_eq(p.id, w->id)) {
        return false;
    }
    w->inode = st.st_ino;
    w->changed = st.st_ctim;
    return true;
}

/* Gives up terminal, session, standard streams (an ssh client waits for those) and npc's lock. */
static bool leave(struct apply *a)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGHUP);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int own = open_own_lock(a);
    store_unlock(a);
    for (int i = 0; i < 3; i++) {
        if (dup2(null, i) < 0) {
            return false;
        }
    }
    /* Somebody who only asks whether a guard lives holds it for a moment. */
    for (int i = 0; own >= 0 && i < TRIES; i++) {
        if (flock(own, LOCK_EX | LOCK_NB) == 0) {
            /* `own` stays open for life. No chdir(): the directories may be relative. */
            return setsid() >= 0;
        }
        sleep_ms(POLL_MS);
    }
    return false;
}

/* Waits for a signal that ends processes, for a while; true if one came. */
static bool told_to_end(unsigned ms)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    return sigtimedwait(&ending, NULL, &t) == SIGTERM;
}

/* Goes back, unless that is no longer called for. */
static void go_back(struct watch *w)
{
    for (int i = 0; i < TRIES && is_mine(w) && store_lock_patiently(w->apply); i++) {
        struct pending p;
        const bool done = pending_read(w->apply, &p) != STORE_OK || !str_eq(p.id, w->id) ||
                          pending_go_back(w->apply, &p);
        store_unlock(w->apply);
        if (done) {
            return;
        }
        sleep_ms(TRY_MS);
    }
}

/* What npc says before it closes its end: 0 if it says nothing. */
static char listen_to(int fd)
{
    char word = 0;
    ssize_t got;
    do {
        got = read(fd, &word, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? word : 0;
}

static _Noreturn void guard_main(struct watch *w, int fd)
{
    const char armed = SAY_ARMED;
    struct pending p;
    if (!leave(w->apply) || write(fd, &armed, 1) != 1) {
        _exit(1);
    }
    /* While rules are being loaded: npc has one end of `fd`, and so has every loader that it runs.
     * The end of all of them without a word is the end of an npc that was killed. */
    if (listen_to(fd) == SAY_LOADED) {
        uint64_t until = 0;
        if (is_mine(w) && pending_read(w->apply, &p) == STORE_OK) {
            until = p.deadline;
        }
        while (is_mine(w) && now_ms() < until && !told_to_end(POLL_MS)) {
        }
    }
    go_back(w);
    _exit(0);
}

/* ---- in npc ---- */

bool guard_arm(struct apply *a, const struct pending *p, struct guard *g)
{
    struct watch watch = {.apply = a, .id = p->id};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        tell(a, NPC_ERROR, 1, NULL, "the rollback cannot be armed: no socket");
        return false;
    }
    /* Our end is for the loaders, too; the guard's is not for its own. */
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    g->fd = ends[0];
    g->pid = fork();
    if (g->pid == 0) {
        close(ends[0]);
        guard_main(&watch, ends[1]);
    }
    close(ends[1]);
    char word = 0;
    if (g->pid < 0 || read(g->fd, &word, 1) != 1 || word != SAY_ARMED) {
        tell(a, NPC_ERROR, 1, NULL, "the rollback cannot be armed: no process for it");
        close(g->fd);
        return false;
    }
    return true;
}

void guard_loaded(struct guard *g)
{
    const char word = SAY_LOADED;
    if (write(g->fd, &word, 1) != 1) {
        return; /* it is dead: FILE_PENDING stays, and says so to the next npc */
    }
}

void guard_wait(struct guard *g)
{
    char word;
    while (read(g->fd, &word, 1) < 0 && errno == EINTR) {
    }
    waitpid(g->pid, NULL, 0);
    close(g->fd);
    g->fd = -1;
}

void guard_dismiss(struct apply *a, struct guard *g)
{
    store_unlock(a); /* the guard may need it */
    if (g->fd >= 0) {
        guard_loaded(g);
        guard_wait(g);
    }
}
