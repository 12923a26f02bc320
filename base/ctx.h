/* What every layer is handed: memory, strings, sources, diagnostics, limits, progress. No other
 * state. */
#ifndef NPC_BASE_CTX_H
#define NPC_BASE_CTX_H

#include "base/diag.h"
#include "base/progress.h"

/* Limits of threats.md section 1. Tests lower them; users do not. */
struct limits {
    size_t dsl_file, dsl_total; /* bytes: 4 MiB, 64 MiB */
    size_t word, string;        /* bytes: 4 KiB, 256 KiB */
    size_t depth;               /* YAML and JSON nesting: 64 */
    size_t object_bytes;        /* one YAML or JSON object: 4 MiB */
    size_t object_nodes;        /* 200,000 */
    size_t include_depth;       /* 16 */
    size_t policies;            /* 100,000 */
    size_t per_rule;            /* peers, or ports, of one rule: 10,000 */
    size_t expansion;           /* elements that groups expand to: 1,000,000 */
    size_t workloads;           /* 1,000,000 */
    size_t comparisons;         /* of rules and endpoints with each other, in check: 200,000,000 */
    size_t elements;            /* rules or set elements of a kernel backend: 16,000,000 */
};
extern const struct limits limits_default;

struct ctx {
    struct arena arena;
    struct strtab strings;
    struct sources sources;
    struct diags diags;
    struct limits limits;
    struct progress progress;
};

/* Makes a context with default limits; `oom` as in arena.h. */
void ctx_init(struct ctx *c, arena_oom_fn oom, void *oom_arg);
void ctx_free(struct ctx *c);

#endif
