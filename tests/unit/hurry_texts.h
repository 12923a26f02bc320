/*
 * What holds for blocks of YAML and of JSON that are left out: nobody can tell, of texts made at
 * random, and limits count what is left out.
 */
#ifndef NPC_TESTS_HURRY_TEXTS_H
#define NPC_TESTS_HURRY_TEXTS_H

#include "tests/unit/hurry.h"

/* Writes values as kubectl prints them, in which something unusual stands at times. */
struct hurry_writer {
    struct buf *b;
    struct rng *r;
    size_t odd; /* one of so many is unusual, 0: none */
};

static inline bool hurry_is_odd(struct hurry_writer *w)
{
    return w->odd > 0 && rng_below(w->r, w->odd) == 0;
}

#define HURRY_PICK(w, list) ((list)[rng_below((w)->r, COUNT(list))])

/* Limits that the text may be beyond. */
static inline struct limits hurry_limits(struct str text, struct rng *r)
{
    struct limits l = limits_default;
    switch (rng_below(r, 8)) {
    case 0:
        l.depth = rng_below(r, 8) + 1;
        break;
    case 1:
        l.object_nodes = rng_below(r, text.n / 8 + 1) + 1;
        break;
    case 2:
        l.object_bytes = rng_below(r, text.n + 1) + 1;
        break;
    default:
        break;
    }
    return l;
}

/* Compares, and says with what it failed. */
static inline bool hurry_nobody_can_tell(enum k8s_syntax syntax, struct str text, struct rng *r,
                                         size_t *hurried)
{
    static const size_t steps[] = {0, 0, 0, 17, 1000};
    const struct limits limits = hurry_limits(text, r);
    const struct hurry_how how = {syntax, steps[rng_below(r, COUNT(steps))], rng_below(r, 3) + 1,
                                  &limits};
    const char *difference = hurry_compare(&how, text, hurried);
    if (difference != NULL) {
        printf("\n  step %zu, choice %zu, at most %zu deep, %zu values, %zu bytes: %s\n" STR_FMT
               "\n",
               how.step, how.choice, limits.depth, limits.object_nodes, limits.object_bytes,
               difference, STR_ARG(text));
    }
    return difference == NULL;
}

/* What differs if all that can be left out is. */
static inline const char *hurry_difference_of(enum k8s_syntax syntax, struct str text)
{
    const struct hurry_how how = {syntax, 0, 1, &limits_default};
    return hurry_compare(&how, text, NULL);
}

/* So many texts, up to the first that differs. Of each, in the mean, more than least values must be
 * left out: it has been tried. */
static inline void hurry_random_texts(enum k8s_syntax syntax, size_t rounds, size_t least,
                                      void (*write)(struct hurry_writer *w))
{
    struct rng r = rng_new();
    size_t hurried = 0;
    bool same = true;
    for (size_t i = 0; same && i < rounds; i++) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        struct hurry_writer w = {buf_new(&c.arena), &r, 0};
        write(&w);
        same = hurry_nobody_can_tell(syntax, buf_text(w.b), &r, &hurried);
        CU_ASSERT(same);
        ctx_free(&c);
    }
    CU_ASSERT(hurried > rounds * least);
}

enum { HURRY_ITEMS = 40000 };

struct hurry_pod { /* a text: head, so many times the item, end */
    enum k8s_syntax syntax;
    const char *head, *item, *end;
};

/* How many errors it has where an object may have so many values and bytes. */
static inline size_t hurry_limit_errors(const struct hurry_pod *pod, size_t nodes, size_t bytes)
{
    struct reading r;
    reading_init(&r);
    struct buf *b = buf_new(&r.ctx.arena);
    buf_puts(b, pod->head);
    for (size_t i = 0; i < HURRY_ITEMS; i++) {
        buf_puts(b, pod->item);
    }
    buf_puts(b, pod->end);
    r.ctx.limits.object_nodes = nodes;
    r.ctx.limits.object_bytes = bytes;
    reading_add(&r, pod->syntax, buf_text(b), 0);
    size_t errors = r.ctx.diags.errors;
    CU_ASSERT(r.ok == (errors == 0));
    CU_ASSERT(errors == 0 || find_diag(&r.ctx, DIAG_NPC003) != NULL);
    reading_free(&r);
    return errors;
}

#endif
