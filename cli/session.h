/* One run of the library as the commands use it: options, INPUTs, progress, diagnostics. */
#ifndef NPC_CLI_SESSION_H
#define NPC_CLI_SESSION_H

#include "cli/options.h"
#include "cli/progress.h"
#include "npc/npc.h"

struct session {
    const struct call *call;
    struct npc *npc;
    struct progress progress;
    const char *said; /* the diagnostics as session_rehearse() found them, or NULL */
    size_t said_size;
    bool more;     /* diagnostics may come after session_rehearse() although nothing fails */
    bool answered; /* the diagnostics are part of the answer: session_end() does not repeat them */
};

/* Makes a context and sets its options. NPC_OK, or what session_end() is to be given. */
enum npc_status session_begin(struct session *s, const struct call *call);
/* Adds the call's operands as INPUTs and loads them, with progress on a terminal. */
enum npc_status session_load(struct session *s);
/* The same with other INPUTs than the call's operands. */
enum npc_status session_load_paths(struct session *s, const char *const *paths, size_t n);
/* Shows what is done from now on, if progress is wanted and there is a terminal. */
void session_show_progress(struct session *s);
/* Makes the text of the diagnostics ahead, so that nothing that needs memory is left to do once an
 * output is written: a run that ends with status 3 has written nothing. */
enum npc_status session_rehearse(struct session *s);
/* Whether what goes to a descriptor is to be coloured. */
bool session_colour(const struct call *call, int fd);
/* The rest of a command that answers: if it was loaded (`status`), ask() gives a text and NPC_OK or
 * NPC_NO; the text is printed. Ends the session and returns the exit status. */
typedef enum npc_status (*answer_fn)(struct npc *n, const void *options, const char **text,
                                     size_t *size);
int session_answer(struct session *s, enum npc_status status, answer_fn ask, const void *options);
/* Prints all diagnostics, frees everything, and returns the exit status for `status`. */
int session_end(struct session *s, enum npc_status status);

/* Erases progress and writes text to standard output: NPC_OK, or NPC_FAULT with a message (none for
 * a closed pipe). */
enum npc_status print_text(const char *text, size_t size);

#endif
