/* The process that goes back. What is to be done it reads from FILE_PENDING when the time has come.
 */
#include "apply/guard.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
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

/* ---- words between npc and the guard ---- */

static bool say_word(int fd, char word)
{
    ssize_t put;
    do {
        put = write(fd, &word, 1);
    } while (put < 0 && errno == EINTR);
    return put == 1;
}

/* What the other end says before it closes: 0 if it says nothing. */
static char listen_to(int fd)
{
    char word = 0;
    ssize_t got;
    do {
        got = read(fd, &word, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? word : 0;
}

/* ---- in the guard ---- */

struct watch {
    struct apply *apply;
    struct str id;    /* of the FILE_PENDING that it watches over */
    const char *path; /* of that file */
    /* The file as it was looked at last, to read it again only when it is another. An inode may be
     * used again at once, the time of its last change is not. */
    ino_t inode;
    struct timespec changed;
    struct pending pending; /* as it was read last; at first, as it was written */
    unsigned unclear;       /* so often it could not be read */
};

enum sight {
    SIGHT_GONE,    /* no FILE_PENDING, or another way back */
    SIGHT_MINE,    /* w->pending is what it says */
    SIGHT_DAMAGED, /* it is there, so nobody confirmed, but it cannot be read */
    SIGHT_UNCLEAR, /* whether it is there is not known, now */
};

static enum sight look(struct watch *w)
{
    struct stat st;
    if (stat(w->path, &st) != 0) {
        return errno == ENOENT ? SIGHT_GONE : SIGHT_UNCLEAR;
    }
    if (st.st_ino == w->inode && st.st_ctim.tv_sec == w->changed.tv_sec &&
        st.st_ctim.tv_nsec == w->changed.tv_nsec) {
        return SIGHT_MINE;
    }
    struct pending p;
    switch (pending_read(w->apply, &p)) {
    case STORE_NONE:
        return SIGHT_GONE;
    case STORE_DAMAGED:
        return SIGHT_DAMAGED;
    case STORE_OK:
        break;
    }
    if (!str_eq(p.id, w->id)) {
        return SIGHT_GONE;
    }
    w->pending = p;
    w->inode = st.st_ino;
    w->changed = st.st_ctim;
    return SIGHT_MINE;
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

/* Where memory is exhausted, what was begun is given up, and tried again. */

struct sighting {
    struct watch *watch;
    enum sight sight;
};

static void look_step(struct apply *a, void *arg)
{
    (void)a;
    struct sighting *s = arg;
    s->sight = look(s->watch);
}

static enum sight look_safely(struct watch *w)
{
    struct sighting s = {w, SIGHT_UNCLEAR};
    return apply_step(w->apply, look_step, &s) ? s.sight : SIGHT_UNCLEAR;
}

/* Whether there is something to wait for: the deadline, or for a while that the file can be read.
 */
static bool must_wait(struct watch *w)
{
    const enum sight s = look_safely(w);
    if (s != SIGHT_GONE && s != SIGHT_MINE && w->unclear < TRIES) {
        w->unclear++;
        return true;
    }
    return s != SIGHT_GONE && now_ms() < w->pending.deadline;
}

struct attempt {
    struct watch *watch;
    bool done;
};

/* Goes back, unless that is no longer called for. */
static void back_step(struct apply *a, void *arg)
{
    struct attempt *t = arg;
    struct watch *w = t->watch;
    if (look(w) == SIGHT_GONE) {
        t->done = true; /* the lock may be in somebody's hands for long */
        return;
    }
    if (store_lock_patiently(a)) {
        const enum sight s = look(w);
        t->done = s == SIGHT_GONE || (s != SIGHT_UNCLEAR && pending_go_back(a, &w->pending));
    }
}

/* False: it has to be tried again. */
static bool try_back(struct watch *w)
{
    struct attempt t = {w, false};
    const bool ended = apply_step(w->apply, back_step, &t);
    store_unlock(w->apply);
    return ended && t.done;
}

static void go_back(struct watch *w)
{
    for (int i = 0; i < TRIES && !try_back(w); i++) {
        sleep_ms(TRY_MS);
    }
}

static _Noreturn void guard_main(struct watch *w, int fd)
{
    /* Until it is armed, npc takes FILE_PENDING away again if the guard ends. */
    w->path = str_printf(&w->apply->arena, "%s/" FILE_PENDING, w->apply->run_dir).p;
    if (!leave(w->apply) || !say_word(fd, SAY_ARMED)) {
        _exit(1);
    }
    /* While rules are being loaded: npc has one end of `fd`, and so has every loader that it runs.
     * The end of all of them without a word is the end of an npc that was killed. */
    if (listen_to(fd) == SAY_LOADED) {
        while (must_wait(w) && !told_to_end(POLL_MS)) {
        }
    }
    go_back(w);
    _exit(0);
}

/* ---- in npc ---- */

bool guard_arm(struct apply *a, const struct pending *p, struct guard *g)
{
    struct watch watch = {.apply = a, .id = p->id, .pending = *p};
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
    if (g->pid < 0 || listen_to(g->fd) != SAY_ARMED) {
        tell(a, NPC_ERROR, 1, NULL, "the rollback cannot be armed: no process for it");
        close(g->fd);
        return false;
    }
    return true;
}

void guard_loaded(struct guard *g)
{
    if (!say_word(g->fd, SAY_LOADED)) {
        return; /* it is dead, and FILE_PENDING says so to the next npc; or it goes back */
    }
}

void guard_wait(struct guard *g)
{
    shutdown(g->fd, SHUT_WR); /* should it still wait for a word: none comes */
    listen_to(g->fd);
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
