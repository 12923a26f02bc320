/* For tests of backends: text in, the output of one backend or its diagnostics out. */
#ifndef NPC_TESTS_COMPILE_H
#define NPC_TESTS_COMPILE_H

#include "backends/backend.h"
#include "frontend/frontend.h"
#include "unit.h"

#include <string.h>

struct compiled {
    struct ctx ctx;
    struct program program;
    bool loaded, ok;
    struct buf *out;
};

/* Loads `text` as if it were the file `name` (.npc or .yaml), with --allow-raw. */
static inline void compile_load(struct compiled *c, const char *name, struct str text)
{
    ctx_init(&c->ctx, unit_oom, NULL);
    program_init(&c->program, &c->ctx);
    struct load_options options = {.allow_raw = true};
    struct input in = {.path = str_of(name), .in_memory = true, .text = text};
    c->loaded = load_inputs(&c->ctx, &options, &in, 1, &c->program);
    c->ok = false;
    c->out = buf_new(&c->ctx.arena);
}

static inline void compile_run(struct compiled *c, const char *backend)
{
    static const struct emit_options options = {.allow_raw = true};
    struct emit e = {.ctx = &c->ctx, .program = &c->program, .options = &options, .out = c->out};
    const struct backend *b = backend_find(str_of(backend));
    c->ok = c->loaded && b != NULL && backend_run(b, &e);
}

/* What a backend gets of `text`: bound for all pods, or for the machine that is `host` in namespace
 * shop, which tcp/22 always reaches. */
static inline struct emit compile_bind(struct compiled *c, struct str text, struct str host,
                                       size_t max_elements)
{
    static const struct named_port ssh = {{NULL, 0}, PROTO_TCP, 22};
    compile_load(c, "t.npc", text);
    CU_ASSERT(c->loaded);
    struct emit_options *options = ARENA_NEW(&c->ctx.arena, struct emit_options);
    options->failsafe = &ssh;
    options->nfailsafe = 1;
    options->bind = (struct bind_options){.scope = host.n > 0 ? BIND_HOST : BIND_ALL,
                                          .host_ns = STR("shop"),
                                          .host = host,
                                          .max_elements = max_elements};
    struct emit e = {.ctx = &c->ctx, .program = &c->program, .options = options, .out = c->out};
    e.bound = c->loaded ? bind_program(&c->ctx, &c->program, &options->bind) : NULL;
    return e;
}

static inline void compile_free(struct compiled *c)
{
    ctx_free(&c->ctx);
}

/* The diagnostics, as people see them. */
static inline struct str compile_messages(struct compiled *c)
{
    static const struct diag_style style = {.info = false};
    struct buf *b = buf_new(&c->ctx.arena);
    diags_show(&c->ctx.diags, &style, b);
    return buf_text(b);
}

static inline bool str_holds(struct str s, const char *part)
{
    return s.n >= strlen(part) && memmem(s.p, s.n, part, strlen(part)) != NULL;
}

static inline size_t count_diags(const struct compiled *c, enum diag_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < c->ctx.diags.list.n; i++) {
        n += c->ctx.diags.list.v[i]->id == id;
    }
    return n;
}

/* Compiles and compares the whole output. */
static inline void check_output(const char *backend, const char *name, const char *text,
                                const char *want)
{
    struct compiled c;
    compile_load(&c, name, str_of(text));
    compile_run(&c, backend);
    bool equal = c.ok && str_eq(buf_text(c.out), str_of(want));
    CU_ASSERT(equal);
    if (!equal) {
        printf("\n" STR_FMT "wanted:\n%s\ngot:\n" STR_FMT "\n", STR_ARG(compile_messages(&c)), want,
               STR_ARG(buf_text(c.out)));
    }
    compile_free(&c);
}

/* Compiles, and wants a refusal with this diagnostic, whose text holds `part`. */
static inline void check_refused(const char *backend, const char *name, struct str text,
                                 enum diag_id id, const char *part)
{
    struct compiled c;
    compile_load(&c, name, text);
    compile_run(&c, backend);
    struct str messages = compile_messages(&c);
    bool refused = c.loaded && !c.ok && count_diags(&c, id) > 0 && str_holds(messages, part);
    CU_ASSERT(refused);
    if (!refused) {
        printf("\nwanted NPC%03u '%s', got:\n" STR_FMT STR_FMT "\n", diag_number(id), part,
               STR_ARG(messages), STR_ARG(buf_text(c.out)));
    }
    compile_free(&c);
}

static inline void check_accepted(const char *backend, const char *name, struct str text)
{
    struct compiled c;
    compile_load(&c, name, text);
    compile_run(&c, backend);
    CU_ASSERT(c.ok);
    if (!c.ok) {
        printf("\n" STR_FMT "\n", STR_ARG(compile_messages(&c)));
    }
    compile_free(&c);
}

#endif
