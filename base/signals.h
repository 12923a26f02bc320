/* Signals that end the process, and the few places in which they must wait. */
#ifndef NPC_BASE_SIGNALS_H
#define NPC_BASE_SIGNALS_H

#include <signal.h>

/* From here on SIGHUP, SIGINT, SIGQUIT and SIGTERM wait. Others do not, so that a fault is still a
 * fault. Not for what may take long. */
void signals_hold(sigset_t *before);
/* Those that came end the process now, if they ended it before. */
void signals_restore(const sigset_t *before);

#endif
