/*
 * What a backend is. A new one: copy null.c, fill the struct, add one line to backends.def.
 * The driver (registry.c) compares what the program needs with what the backend can say, and
 * refuses (NPC406) at the place of the first use; emit() may rely on that.
 */
#ifndef NPC_BACKENDS_BACKEND_H
#define NPC_BACKENDS_BACKEND_H

#include "base/file.h"
#include "ir/bind.h"

/* Constructs that not every backend can say. features.def names each and gives its text. */
enum feature {
#define FEATURE(id, bit, text) FEAT_##id = 1u << (bit),
#include "backends/features.def"
#undef FEATURE
};

struct emit_options {
    struct bind_options bind;
    const struct named_port *failsafe; /* ports kept open to a host, default tcp/22 */
    size_t nfailsafe;
    bool allow_raw;
    struct str from, from_name; /* BACKEND_FROM: an earlier output, and what it is called */
    bool log;                   /* log packets that are dropped */
    uint32_t log_rate;          /* lines a second of each class; 0: LOG_RATE */
};

enum { LOG_RATE = 5 };

struct emit { /* what emit() is given */
    struct ctx *ctx;
    const struct program *program;
    const struct bound *bound; /* only if the backend asked for it, else NULL */
    const struct emit_options *options;
    struct buf *out; /* the main output */
    VEC(struct out_file)
    files; /* BACKEND_DIRECTORY: all files; else side files, such as NAME.map:
              path is then a suffix to the -o path */
};

enum backend_flags {
    BACKEND_BINDS = 1,            /* works on the bound IR */
    BACKEND_DIRECTORY = 2,        /* writes several files: -o names a directory and is demanded */
    BACKEND_RAW = 4,              /* takes `raw NAME """…"""` of its own name, and checks it */
    BACKEND_ONE_CLUSTER_KIND = 8, /* writes the cluster policies of all APIs as one kind */
    BACKEND_FROM = 16,            /* can write what leads from an earlier output to the new one */
    BACKEND_SOURCE = 32,          /* writes npc source, of which no file may be too large */
};

#define FEATURES_ALL (~0u) /* for a backend that can say everything, new constructs too */

/* What binding turns into addresses and numbers: all but names that only a resolver knows. */
#define FEATURES_BOUND                                                                             \
    (FEAT_CLUSTER | FEAT_CLUSTER_TIER | FEAT_CLUSTER_ANYWHERE | FEAT_CLUSTER_INGRESS_NET |         \
     FEAT_CLUSTER_EXCEPT | FEAT_CLUSTER_ICMP | FEAT_CLUSTER_NAMED_PROTO |                          \
     FEAT_CLUSTER_NAMED_NO_POD | FEAT_ICMP | FEAT_NODES | FEAT_NAMED_ANY)

struct backend {
    const char *name;             /* as in -t NAME */
    const char *extension;        /* of golden files and of -o by convention: "yaml" */
    const char *summary;          /* one line for help */
    unsigned flags;               /* enum backend_flags */
    unsigned features;            /* enum feature: what it can say */
    bool (*emit)(struct emit *e); /* false: errors were reported, nothing is written */
};

/* Each line of backends.def names a constant that backends/<name>.c defines. */
#define BACKEND(name) extern const struct backend backend_##name;
#include "backends/backends.def"
#undef BACKEND

/* Lines a second, 0 without --log. */
uint32_t emit_log_rate(const struct emit_options *o);

/* All backends, in the order of backends.def; NULL ends the list. */
const struct backend *const *backends_all(void);
const struct backend *backend_find(struct str name);

/* Whether the backend can say all of the program: what backend_run() checks before it binds. False
 * if an error was reported. */
bool backend_check(const struct backend *b, const struct emit *e);
/* Checks features, binds if needed, emits. False if an error was reported. e->ctx, program,
 * options and out are set by the caller. */
bool backend_run(const struct backend *b, struct emit *e);

/* The constructs that a policy, or all of them, need: calls found() with each use, its place and
 * its rule (NULL: of the policy itself), in source order. features.c */
typedef void (*feature_fn)(void *arg, enum feature f, struct span at, const struct rule *r);
void policy_features(const struct policy *p, feature_fn found, void *arg);
void program_features(const struct program *p, feature_fn found, void *arg);
const char *feature_text(enum feature f);

#endif
