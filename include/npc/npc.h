/*
 * libnpc: a compiler for network policy.
 *
 *     struct npc *n = npc_new();
 *     npc_add_path(n, "policies/");
 *     if (npc_load(n) == NPC_OK && npc_compile(n, "k8s", &out) == NPC_OK)
 *         fwrite(out.text, 1, out.size, stdout);
 *     npc_diagnostics(n, NPC_DIAG_TEXT, &text, &size);
 *     npc_free(n);
 *
 * One context belongs to one thread at a time; contexts are independent of each other. All strings
 * are bytes with a length; those handed out belong to the context and live until npc_free().
 */
#ifndef NPC_NPC_H
#define NPC_NPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct npc; /* one run: options, inputs, program, diagnostics */

enum npc_status {
    NPC_OK = 0,   /* done / yes / equal / clean */
    NPC_NO = 1,   /* no / different / findings */
    NPC_BAD = 2,  /* the input or the call is wrong: see the diagnostics */
    NPC_FAULT = 3 /* out of memory or an I/O fault */
};

/* A new context, or NULL if there is no memory. */
struct npc *npc_new(void);
/* Frees everything that the context handed out. NULL is fine. */
void npc_free(struct npc *n);

/* The version of the library, "MAJOR.MINOR.PATCH". */
const char *npc_version(void);

/* Sets an option by its command-line name without dashes: "namespace", "root", "allow-raw",
 * "allow-aliases", "lenient", "skip-kind" (repeatable), "expect-count", "node", "host", "ipblock",
 * "failsafe", "max-elements". `value` is NULL for flags. NPC_BAD: no such option or a bad value. */
enum npc_status npc_set(struct npc *n, const char *option, const char *value);

/* Adds an INPUT: a file, a directory, or "-" for standard input. */
enum npc_status npc_add_path(struct npc *n, const char *path);
/* Adds text in memory under a name; the extension of the name says what it is (.npc .yaml .json).
 * The text is copied. */
enum npc_status npc_add_text(struct npc *n, const char *name, const char *text, size_t size);

/* Called now and then while loading: bytes read, objects seen, the phase. */
typedef void (*npc_progress_fn)(void *arg, uint64_t bytes, uint64_t objects, const char *phase);
void npc_set_progress(struct npc *n, npc_progress_fn fn, void *arg);

/* Reads all INPUTs as one program and checks it. Once per context. */
enum npc_status npc_load(struct npc *n);

struct npc_file {
    const char *path; /* BACKEND_DIRECTORY outputs: name in the directory; side files: a suffix */
    const char *text;
    size_t size;
};

struct npc_output {
    const char *text; /* the main output */
    size_t size;
    const struct npc_file *files; /* further files, see the backend */
    size_t nfiles;
    bool directory; /* the backend writes a directory: everything is in files */
};

/* Compiles the loaded program with one backend ("k8s", "calico", …). On NPC_OK *out is set. */
enum npc_status npc_compile(struct npc *n, const char *backend, struct npc_output *out);

/* Formats one npc source text. On NPC_OK *out_text, *out_size are set. */
enum npc_status npc_format(struct npc *n, const char *name, const char *text, size_t size,
                           const char **out_text, size_t *out_size);

/* The source of the prelude. */
const char *npc_prelude(void);

struct npc_backend_info {
    const char *name, *extension, *summary;
    bool directory; /* writes several files */
};
/* The i-th backend; false past the last. */
bool npc_backend(size_t i, struct npc_backend_info *info);

enum npc_diag_format { NPC_DIAG_TEXT, NPC_DIAG_COLOUR, NPC_DIAG_JSON };
/* All diagnostics so far, sorted, as text for people or machines. `info` also shows infos. */
enum npc_status npc_diagnostics(struct npc *n, enum npc_diag_format format, bool info,
                                const char **text, size_t *size);

/* Writes an output: to a descriptor, to a file (atomically, with side files), or to a directory. */
enum npc_status npc_write_fd(struct npc *n, int fd, const struct npc_output *out);
enum npc_status npc_write_path(struct npc *n, const char *path, const struct npc_output *out);
/* Replaces one file atomically (npc fmt -w). */
enum npc_status npc_write_file(struct npc *n, const char *path, const char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
