/* The context: one of each thing that every layer is handed. */
#include "base/ctx.h"

const struct limits limits_default = {
    .dsl_file = (size_t)4 << 20,
    .dsl_total = (size_t)64 << 20,
    .word = (size_t)4 << 10,
    .string = (size_t)256 << 10,
    .depth = 64,
    .object_bytes = (size_t)4 << 20,
    .object_nodes = 200000,
    .include_depth = 16,
    .policies = 100000,
    .per_rule = 10000,
    .expansion = 1000000,
    .workloads = 1000000,
    .comparisons = 200000000,
    .elements = 16000000,
};

void ctx_init(struct ctx *c, arena_oom_fn oom, void *oom_arg)
{
    arena_init(&c->arena, oom, oom_arg);
    strtab_init(&c->strings, &c->arena);
    sources_init(&c->sources, &c->arena);
    diags_init(&c->diags, &c->arena, &c->sources);
    c->limits = limits_default;
    c->progress = (struct progress){0};
}

void ctx_free(struct ctx *c)
{
    arena_free(&c->arena);
}
