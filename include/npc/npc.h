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

#ifdef __GNUC__
#define NPC_API __attribute__((visibility("default")))
#else
#define NPC_API
#endif

struct npc; /* one run: options, inputs, program, diagnostics */

enum npc_status {
    NPC_OK = 0,   /* done / yes / equal / clean */
    NPC_NO = 1,   /* no / different / findings */
    NPC_BAD = 2,  /* the input or the call is wrong: see the diagnostics */
    NPC_FAULT = 3 /* out of memory or an I/O fault */
};

/* A new context, or NULL if there is no memory. */
NPC_API struct npc *npc_new(void);
/* Frees everything that the context handed out. NULL is fine. */
NPC_API void npc_free(struct npc *n);

/* The version of the library, "MAJOR.MINOR.PATCH". */
NPC_API const char *npc_version(void);

/* Sets an option by its command-line name without dashes: "namespace", "root", "allow-raw",
 * "allow-aliases", "lenient", "skip-kind" (repeatable), "expect-count", "max-age", "node", "host",
 * "ipblock", "failsafe", "max-elements", "from", "log", "log-rate". `value` is NULL for flags.
 * NPC_BAD: no such option or a bad value. */
NPC_API enum npc_status npc_set(struct npc *n, const char *option, const char *value);

/* Adds an INPUT: a file, a directory, or "-" for standard input. */
NPC_API enum npc_status npc_add_path(struct npc *n, const char *path);
/* Adds text in memory under a name; the extension of the name says what it is (.npc .yaml .json).
 * The text is copied. */
NPC_API enum npc_status npc_add_text(struct npc *n, const char *name, const char *text,
                                     size_t size);
/* The same without a copy: the text must stay as it is until npc_free(). */
NPC_API enum npc_status npc_lend_text(struct npc *n, const char *name, const char *text,
                                      size_t size);

struct npc_progress {               /* how far the work has come */
    const char *phase;              /* "reading", "checking", "binding", "writing", … */
    const char *file;               /* that the phase is about, as it was given, or NULL */
    uint64_t file_bytes, file_size; /* of it: done, and all (0: not known) */
    uint64_t bytes, objects;        /* read so far, of all INPUTs */
};
/* Called often while there is work: at least for each 64 KiB that are read and when a phase begins,
 * and between as memory is taken. It must be quick and call nothing of this library; what it is
 * given lives until it returns. It has no influence on what comes out. */
typedef void (*npc_progress_fn)(void *arg, const struct npc_progress *progress);
/* NULL: nobody wants to know. */
NPC_API void npc_set_progress(struct npc *n, npc_progress_fn fn, void *arg);

/* Reads all INPUTs as one program and checks it. Once per context. */
NPC_API enum npc_status npc_load(struct npc *n);

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
    bool directory;       /* the backend writes a directory: everything is in files */
    const void *internal; /* the library's */
};

/* Compiles the loaded program with one backend ("k8s", "calico", …). On NPC_OK *out is set. */
NPC_API enum npc_status npc_compile(struct npc *n, const char *backend, struct npc_output *out);

enum npc_list_level {
    NPC_LIST_WORKLOADS, /* the pods of one owner are one endpoint, if no policy tells them apart */
    NPC_LIST_PODS,      /* every pod is one */
    NPC_LIST_CLASSES    /* all that no policy can tell apart is one */
};

struct npc_list_options {
    const char *format; /* "text", "json", "csv", "md", "dot" */
    enum npc_list_level level;
    /* Only these connections: ends as NAMESPACE, NAMESPACE/NAME, node:NAME, address or CIDR; with
     * an end in a namespace; with this traffic ("tcp/80"). NULL: all. */
    const char *from, *to, *ns, *port;
    bool exposure; /* also pods that are not in the input but that policies name */
    bool nodes;    /* nodes are endpoints, too */
};

/* Every connection that the loaded program allows, as text of one format. On NPC_OK *text and *size
 * are set. With the option "host" only those of that workload, to which the "failsafe" ports are
 * open. */
NPC_API enum npc_status npc_list(struct npc *n, const struct npc_list_options *options,
                                 const char **text, size_t *size);

struct npc_query_options {
    /* Ends as in npc_list_options. `port` NULL: anything at all. */
    const char *from, *to, *port;
    bool any;     /* NPC_OK also if only some of the pairs may; the answer says so */
    bool explain; /* with the reason */
    bool json;    /* else text */
};

/* Whether `from` reaches `to`. NPC_OK: yes; NPC_NO: no, or not always; then *text and *size are
 * set. */
NPC_API enum npc_status npc_query(struct npc *n, const struct npc_query_options *options,
                                  const char **text, size_t *size);

/* Which policies drop the packet of a line that the kernel logged, and why, as text. NPC_OK: they
 * drop it, or on some of the ports that the line leaves open; NPC_NO: they do not; NPC_BAD: that is
 * no such line, or nobody of the program is an end. */
NPC_API enum npc_status npc_why(struct npc *n, const char *line, const char **text, size_t *size);

/* What the program of `now` allows and that of `old` does not, and the reverse, as text of one
 * format ("text", "json", "md"). Both are loaded, with equal options. With "host" or "node", which
 * may differ: what the rules of that machine would let pass, "failsafe" included, whatever policies
 * decide elsewhere. NPC_OK: nothing; NPC_NO: something, and *gained and *lost say what. The text is
 * `now`'s; a diagnostic is of the context that it is about. */
NPC_API enum npc_status npc_diff(struct npc *old, struct npc *now, const char *format,
                                 const char **text, size_t *size, bool *gained, bool *lost);

struct npc_check_options {
    const char *format; /* "text", "json", "sarif" */
    bool info;          /* show infos, too */
    bool colour;        /* in text */
    bool strict;        /* warnings are findings, too */
    bool require_desc;  /* every policy must have a description (NPC503) */
    const char *target; /* the backend that the policies are for; NULL: a cluster */
    const char *cni;    /* the network plugin that enforces them, or NULL */
};

/* Looks for everything in the loaded program that is legal but most likely not meant, and checks
 * its `test` blocks. Once per context. NPC_OK: nothing that counts; NPC_NO: findings. Either way
 * *text and *size hold all diagnostics in that format: npc_diagnostics() would say the same. */
NPC_API enum npc_status npc_check(struct npc *n, const struct npc_check_options *options,
                                  const char **text, size_t *size);

/* Reads one file ("-": standard input) that npc_format() will take: at most the size it allows. */
NPC_API enum npc_status npc_read_file(struct npc *n, const char *path, const char **text,
                                      size_t *size);

/* Formats one npc source text. On NPC_OK *out_text, *out_size are set. A text that would become
 * larger than npc reads is refused. */
NPC_API enum npc_status npc_format(struct npc *n, const char *name, const char *text, size_t size,
                                   const char **out_text, size_t *out_size);

/* The candidate that the writer of `word` most likely meant, or NULL if none is near. */
NPC_API const char *npc_nearest(const char *word, const char *const *candidates, size_t n);

/* The source of the prelude. */
NPC_API const char *npc_prelude(void);

struct npc_backend_info {
    const char *name, *extension, *summary;
    bool directory; /* writes several files */
    bool binds;     /* needs the inventory; "node", "host", "ipblock" and so on matter to it */
};
/* The i-th backend; false past the last. */
NPC_API bool npc_backend(size_t i, struct npc_backend_info *info);

struct npc_finding_info {
    unsigned number;  /* 406, as in [NPC406] */
    const char *slug; /* "not-expressible" */
    const char *summary;
};
/* The i-th kind of diagnostic, by number; false past the last. */
NPC_API bool npc_finding(size_t i, struct npc_finding_info *info);

enum npc_diag_format { NPC_DIAG_TEXT, NPC_DIAG_COLOUR, NPC_DIAG_JSON };
/* All diagnostics so far, sorted, as text for people or machines. `info` also shows infos. */
NPC_API enum npc_status npc_diagnostics(struct npc *n, enum npc_diag_format format, bool info,
                                        const char **text, size_t *size);

/* Writes an output: to a descriptor, to a file (atomically, with side files), or to a directory. */
NPC_API enum npc_status npc_write_fd(struct npc *n, int fd, const struct npc_output *out);
NPC_API enum npc_status npc_write_path(struct npc *n, const char *path,
                                       const struct npc_output *out);
/* Replaces one file atomically (npc fmt -w). */
NPC_API enum npc_status npc_write_file(struct npc *n, const char *path, const char *text,
                                       size_t size);

/* For a signal's handler that ends the process, and nothing else: takes away what the functions
 * above may have on disk under a temporary name. What is in the place of an output then is the old
 * one or the new one, whole. Calls nothing but what a handler may call. */
NPC_API void npc_abandon(const struct npc *n);

/* ---- for a program that loads the rules ---- */

enum npc_severity { NPC_INFO, NPC_WARNING, NPC_ERROR };
/* Adds a finding of the caller's own to the diagnostics, by its number as in npc_finding(). `hint`
 * says what to do, or is NULL. NPC_BAD: there is no such number. */
NPC_API enum npc_status npc_report(struct npc *n, enum npc_severity severity, unsigned number,
                                   const char *text, const char *hint);

/* The functions below take an output of a backend that binds; for others they return NPC_BAD. */

struct npc_scope {
    enum npc_scope_kind {
        NPC_SCOPE_ALL,  /* every pod of the inventory */
        NPC_SCOPE_NODE, /* the pods of one node */
        NPC_SCOPE_HOST  /* the machine itself */
    } kind;
    const char *name;             /* the node, or NAMESPACE/NAME of the host; else "" */
    const char *const *addresses; /* of the local pods, or of the host */
    size_t naddresses;
};
/* Whose rules an output is. */
NPC_API enum npc_status npc_scope_of(struct npc *n, const struct npc_output *out,
                                     struct npc_scope *scope);

struct npc_flow {                     /* a new connection */
    const char *source, *destination; /* addresses of one family */
    const char *protocol;             /* "tcp", … */
    uint16_t port;                    /* destination */
    bool inbound;                     /* host rules: to this machine, and not from it */
};
/* Whether the rules let it pass: NPC_OK, or NPC_NO with the names of the policies that isolate. */
NPC_API enum npc_status npc_admits(struct npc *n, const struct npc_output *out,
                                   const struct npc_flow *flow, const char **policies);

/* The addresses that the new rules allow anything else than the old ones; of a machine that is
 * touched, all that the inventories know, of either family. The outputs may be of two contexts; the
 * memory is that of `n`. */
NPC_API enum npc_status npc_touched(struct npc *n, const struct npc_output *old,
                                    const struct npc_output *now, const char *const **addresses,
                                    size_t *naddresses);

/* The namespaces, nodes, pods and workloads of the loaded program as one JSON list of Kubernetes
 * objects: an INPUT that means the same to rules. */
NPC_API enum npc_status npc_inventory(struct npc *n, const char **text, size_t *size);

/* The policies of the loaded program in the npc language, as far as rules are made of them: without
 * raw text and tests, and with another name where cluster policies of two APIs have the same. */
NPC_API enum npc_status npc_record(struct npc *n, const char **text, size_t *size);
/* Adds such a text as an INPUT, as npc_add_text() does, of whatever size: what people write is
 * limited. Its name ends in .npc. */
NPC_API enum npc_status npc_add_record(struct npc *n, const char *name, const char *text,
                                       size_t size);

#ifdef __cplusplus
}
#endif

#endif
