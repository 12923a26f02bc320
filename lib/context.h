/* What is behind `struct npc`: one run of the library. Private to lib/. */
#ifndef NPC_LIB_CONTEXT_H
#define NPC_LIB_CONTEXT_H

#include "backends/backend.h"
#include "base/file.h"
#include "frontend/frontend.h"
#include "npc/npc.h"

#include <setjmp.h>

struct npc {
    struct ctx ctx;
    jmp_buf landing;    /* where the current entry point lands when memory is exhausted */
    bool out_of_memory; /* from then on the context only says so */
    bool loaded;        /* npc_load() was called */
    bool usable;        /* … and found no error */
    VEC(struct input) inputs;
    VEC(struct str) skip_kinds;
    struct load_options load;
    struct emit_options emit;
    struct program program;
    struct temps temps;
    npc_progress_fn progress;
    void *progress_arg;
};

/* First line of every entry point that allocates: when the arena runs out of memory, control comes
 * back here, in the frame of the entry point, and the call ends with NPC_FAULT. Nothing above that
 * frame needs cleaning up: memory and resources all hang on the arena (base/arena.h). */
#define GUARD(n)                                                                                   \
    do {                                                                                           \
        if ((n)->out_of_memory || setjmp((n)->landing) != 0) {                                     \
            return NPC_FAULT;                                                                      \
        }                                                                                          \
    } while (0)

/* NPC_FAULT if one of the diagnostics from number `first` on is an I/O error, else NPC_BAD. */
enum npc_status failure_status(const struct npc *n, size_t first);

/* What the options say about a world: whose answers, and how ipBlock is read; false if the
 * diagnostic has been reported. answers.c */
struct world_options;
bool answer_world_options(struct npc *n, struct world_options *out);

/* The ports that stay open to a host. answers.c */
struct portset failsafe_ports(struct arena *a, const struct emit_options *o);

/* Reads a file ("-": standard input) of at most so many bytes; false if the diagnostic has been
 * reported. output.c */
bool file_read(struct npc *n, const char *path, size_t most, struct str *text);

/* Sets one option; false if the diagnostic has been reported. options.c */
bool option_set(struct npc *n, struct str option, const char *value);

#endif
