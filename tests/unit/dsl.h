/* Reads npc source for the tests of the language: bytes in, program and diagnostics out. */
#ifndef NPC_TESTS_DSL_H
#define NPC_TESTS_DSL_H

#include "base/utf8.h"
#include "frontend/frontend.h"
#include "unit.h"

#include <string.h>

struct dsl {
    struct ctx c;
    struct program p;
    struct load_options o;
    struct ast_file *ast;
    bool parsed, resolved;
};

static inline void dsl_open(struct dsl *d)
{
    memset(d, 0, sizeof *d);
    ctx_init(&d->c, unit_oom, NULL);
    program_init(&d->p, &d->c);
}

static inline void dsl_close(struct dsl *d)
{
    ctx_free(&d->c);
}

/* Parses; the text is copied, so that reading beyond its end is seen. */
static inline bool dsl_read(struct dsl *d, struct str text)
{
    struct str copy = {arena_copy(&d->c.arena, text.p, text.n), text.n};
    uint32_t file = sources_add(&d->c.sources, STR("in.npc"));
    sources_get(&d->c.sources, file)->text = copy;
    d->ast = dsl_parse(&d->c, file, copy, &d->parsed);
    return d->parsed;
}

/* Parses and applies the static rules. */
static inline bool dsl_run(struct dsl *d, const char *text)
{
    if (dsl_read(d, str_of(text))) {
        d->resolved = dsl_resolve(&d->c, &d->o, &d->ast, 1, &d->p);
        d->resolved &= program_finish(&d->c, &d->p);
    }
    return d->resolved;
}

/* The first diagnostic of an id, or NULL. */
static inline const struct diag *dsl_diag(const struct dsl *d, enum diag_id id)
{
    for (size_t i = 0; i < d->c.diags.list.n; i++) {
        if (d->c.diags.list.v[i]->id == id) {
            return d->c.diags.list.v[i];
        }
    }
    return NULL;
}

static inline bool has_text(struct str s, const char *part)
{
    return s.n >= strlen(part) && memmem(s.p, s.n, part, strlen(part)) != NULL;
}

/* All diagnostics as the program shows them. */
static inline struct str dsl_shown(struct dsl *d)
{
    struct buf *out = buf_new(&d->c.arena);
    const struct diag_style style = {.info = true, .most = 1000};
    diags_show(&d->c.diags, &style, out);
    return buf_text(out);
}

/* A condition of one case of a table: prints which case when it does not hold. */
static inline void unit_case(bool holds, const char *what, const char *name)
{
    if (!holds) {
        printf("\n    %s: %s\n", name, what);
    }
    CU_ASSERT(holds);
}

#endif
