/* Signals that end the program: Ctrl-C, and what a terminal or an administrator sends. */
#ifndef NPC_CLI_SIGNALS_H
#define NPC_CLI_SIGNALS_H

#include "apply/apply.h"

/* From now on such a signal takes away what is drawn or half written, and then ends the program as
 * if nobody had looked. One that the parent ignores (nohup, a background job) stays ignored. */
void signals_catch(void);

/* What may have files under temporary names; NULL: nothing, which must be said before it is freed.
 */
void signals_guard(struct npc *n);
void signals_guard_apply(struct apply *a);

#endif
