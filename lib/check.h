/* Silencing findings by comments of the input: `# npc:allow NPC102 reason`. */
#ifndef NPC_LIB_CHECK_H
#define NPC_LIB_CHECK_H

#include "analysis/lint.h"

/* Silences what comments allow, on the line after them; reports comments without reason or with an
 * id that does not exist (NPC514), and those that silence nothing (NPC515), but for kinds that are
 * open: another run may need the comment. Returns how many findings are silenced. suppress.c */
size_t suppress(struct ctx *c, const struct lint_open *open);

#endif
