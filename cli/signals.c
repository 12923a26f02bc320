/* The handler of signals that end the program, and what it must know. */
#include "cli/signals.h"

#include "cli/progress.h"

#include <signal.h>
#include <stddef.h>

/* Static, since a handler is told nothing but the number of its signal. */
static struct npc *volatile guarded;
static struct apply *volatile guarded_apply;

/* At any moment, so nothing is called here but what may be (signal-safety(7)). A second signal ends
 * the program at once, should this wait for a disk. */
static void on_signal(int number)
{
    progress_hide();
    if (guarded != NULL) {
        npc_abandon(guarded);
    }
    if (guarded_apply != NULL) {
        apply_abandon(guarded_apply);
    }
    raise(number); /* by default now (SA_RESETHAND), and so when this returns */
}

void signals_catch(void)
{
    static const int ending[] = {SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction before;
        if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
            sigaction(ending[i], &action, NULL);
        }
    }
}

void signals_guard(struct npc *n)
{
    guarded = n;
}

void signals_guard_apply(struct apply *a)
{
    guarded_apply = a;
}
