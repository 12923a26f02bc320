/*
 * What the frontends offer to the library facade. Two readers turn bytes into parts of a program:
 *   dsl    npc source   -> AST (dsl_parse) -> program (dsl_resolve, once for all files)
 *   k8s    YAML or JSON -> objects         -> program (k8s_read, file by file)
 * load.c finds the files, decides which reader takes each, and follows include and import.
 */
#ifndef NPC_FRONTEND_FRONTEND_H
#define NPC_FRONTEND_FRONTEND_H

#include "ir/program.h"

struct load_options {
    struct str root;       /* --root, or empty: the directory of the INPUT */
    struct str default_ns; /* --namespace */
    bool has_default_ns;
    bool allow_aliases;           /* --allow-aliases: YAML anchors, within a budget */
    bool allow_raw;               /* --allow-raw */
    bool lenient;                 /* --lenient: unknown fields are warnings, kept nowhere */
    const struct str *skip_kinds; /* --skip-kind */
    size_t nskip_kinds;
    bool has_expect_count; /* --expect-count N: policies that must have been read */
    size_t expect_count;
    uint64_t max_age; /* --max-age: seconds since a file with pods or nodes was written; 0: any */
};

struct input {       /* one INPUT argument, or text in memory */
    struct str path; /* file, directory, "-", or the name shown for `text` */
    bool in_memory;
    struct str text;
};

/* Loads all INPUTs into `p` and finishes it. Inputs are taken in byte order of their paths, every
 * file once. False if an error was reported (all files are read all the same, so that every error
 * is seen at once). load.c */
bool load_inputs(struct ctx *c, const struct load_options *o, const struct input *in, size_t n,
                 struct program *p);

/* ---- npc source (dsl) ---- */

struct ast_file; /* frontend/ast.h */

/* Checks the bytes, scans and parses one file. Never NULL; *ok says whether errors were reported.
 * `text` must live as long as the context. */
struct ast_file *dsl_parse(struct ctx *c, uint32_t file, struct str text, bool *ok);

/* Includes and imports of a parsed file, in order. */
struct ast_import {
    bool is_import; /* Kubernetes objects, not npc source */
    struct str path;
    struct span at;
};
size_t dsl_imports(const struct ast_file *f, const struct ast_import **list);

/* Hands the comments of a file to remark_add(), each with what it is about: the statement or the
 * element of a set that the formatter would put it before, so that formatting changes nothing. The
 * file must have parsed without error. */
void dsl_remarks(struct ctx *c, const struct ast_file *f);

/* Applies the static rules of the language to all files together and adds policies, tiers,
 * tests and inventory to p. The prelude is always there. */
bool dsl_resolve(struct ctx *c, const struct load_options *o, struct ast_file *const *files,
                 size_t n, struct program *p);

/* The file in the one canonical layout, comments kept. The file must have parsed without error. */
void dsl_format(const struct ast_file *f, struct buf *out);

/* The source of the prelude. */
struct str dsl_prelude(void);

/* ---- Kubernetes objects ---- */

struct byte_stream { /* pulls bytes; read returns 0 at the end, -1 and errno on failure */
    long (*read)(void *arg, void *buf, size_t n);
    void *arg;
};

enum k8s_syntax { K8S_YAML, K8S_JSON };

struct k8s_counts {
    size_t skipped;      /* objects of unknown kinds */
    size_t not_skipped;  /* objects that --skip-kind names, and that are read all the same … */
    struct span kept_at; /* … and where the first of them is */
};

/* Reads all documents of a stream into p. Errors are reported and reading goes on where it can. */
bool k8s_read(struct ctx *c, const struct load_options *o, uint32_t file, enum k8s_syntax syntax,
              struct byte_stream in, struct program *p, struct k8s_counts *counts);

#endif
