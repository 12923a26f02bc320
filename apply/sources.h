/* What rules were made of, kept beside them: so that later ones can be compared by meaning. */
#ifndef NPC_APPLY_SOURCES_H
#define NPC_APPLY_SOURCES_H

#include "apply/job.h"

/* Adds the loaded program to the new bundle: a record of its policies, its inventory, and the
 * options that change what is allowed. */
enum npc_status sources_put(struct job *j);

/* The program of a new bundle that was kept once, as it was compiled then; NULL: it cannot be read
 * again. */
struct npc *sources_open(struct job *j);

/* What the rules let pass and those in force do not, and the reverse, as text: without a record of
 * old rules everything was allowed. NPC_BAD, NPC_FAULT: it cannot be told, which has been reported.
 */
enum npc_status sources_difference(struct job *j, const char **text, size_t *size);

/* The addresses that the new rules allow something else than the old ones, a line each: those whose
 * connections --kill-states ends. `out` is the new program, compiled. */
struct str sources_touched(struct job *j, const struct npc_output *out,
                           const struct npc_scope *scope);

#endif
