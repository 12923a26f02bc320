/* Silencing findings by comments of the input: `# npc:allow NPC102 reason`. */
#ifndef NPC_LIB_CHECK_H
#define NPC_LIB_CHECK_H

#include "base/ctx.h"

/* Silences what comments allow, on the line after them; reports comments without reason or with an
 * id that does not exist (NPC514), and those that silence nothing (NPC515). Returns how many
 * findings are silenced. suppress.c */
size_t suppress(struct ctx *c);

#endif
