/* For tests of the Kubernetes reader: text in memory, fed in steps of any size. */
#ifndef NPC_TESTS_READ_H
#define NPC_TESTS_READ_H

#include "base/utf8.h"
#include "frontend/event.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

struct memory_stream {
    struct str left;
    size_t step; /* most bytes for one read, 0: any */
};

static inline long memory_read(void *arg, void *buf, size_t n)
{
    struct memory_stream *s = arg;
    size_t most = s->step > 0 && s->step < n ? s->step : n;
    size_t got = s->left.n < most ? s->left.n : most;
    if (got > 0) {
        memcpy(buf, s->left.p, got);
    }
    s->left.p += got;
    s->left.n -= got;
    return (long)got;
}

struct reading {
    struct ctx ctx;
    struct program program;
    struct load_options options;
    struct k8s_counts counts;
    struct memory_stream stream;
    bool ok;
};

static inline void reading_init(struct reading *r)
{
    memset(r, 0, sizeof *r);
    ctx_init(&r->ctx, unit_oom, NULL);
    program_init(&r->program, &r->ctx);
    r->ok = true;
}

static inline void reading_free(struct reading *r)
{
    ctx_free(&r->ctx);
}

static inline struct byte_stream reading_stream(struct reading *r, struct str text, size_t step)
{
    r->stream = (struct memory_stream){text, step};
    return (struct byte_stream){memory_read, &r->stream};
}

static inline void reading_add(struct reading *r, enum k8s_syntax syntax, struct str text,
                               size_t step)
{
    uint32_t file = sources_add(&r->ctx.sources, STR("in"));
    r->ok &= k8s_read(&r->ctx, &r->options, file, syntax, reading_stream(r, text, step),
                      &r->program, &r->counts);
}

/* Reads one text as the whole program. */
static inline void reading_of(struct reading *r, enum k8s_syntax syntax, const char *text)
{
    reading_init(r);
    reading_add(r, syntax, str_of(text), 0);
    r->ok &= program_finish(&r->ctx, &r->program);
}

/* The first diagnostic of an id, or NULL. */
static inline const struct diag *find_diag(const struct ctx *c, enum diag_id id)
{
    for (size_t i = 0; i < c->diags.list.n; i++) {
        if (c->diags.list.v[i]->id == id) {
            return c->diags.list.v[i];
        }
    }
    return NULL;
}

static inline bool text_holds(struct str s, const char *part)
{
    return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

/* Whether there is a diagnostic of an id and severity at a place whose text holds `part`. If not,
 * says what there is. */
static inline bool has_diag(const struct ctx *c, enum severity sev, enum diag_id id, uint32_t line,
                            uint32_t col, const char *part)
{
    for (size_t i = 0; i < c->diags.list.n; i++) {
        const struct diag *d = c->diags.list.v[i];
        if (d->id == id && d->severity == sev && d->at.line == line && d->at.col == col &&
            text_holds(d->text, part)) {
            return true;
        }
    }
    printf("\n  no NPC%03u at %u:%u with \"%s\"; there are:\n", diag_number(id), line, col, part);
    for (size_t i = 0; i < c->diags.list.n; i++) {
        const struct diag *d = c->diags.list.v[i];
        printf("    NPC%03u %u:%u " STR_FMT "\n", diag_number(d->id), d->at.line, d->at.col,
               STR_ARG(d->text));
    }
    return false;
}

/* ---- events as text ---- */

/* "{ k:plain 'quoted' [ ] }" with the place of each event behind it; D and d around documents. */
static inline void print_event(struct buf *b, const struct event *ev)
{
    static const char *const marks[] = {
        [EVENT_DOC_START] = "D", [EVENT_DOC_END] = "d",   [EVENT_MAP_START] = "{",
        [EVENT_MAP_END] = "}",   [EVENT_SEQ_START] = "[", [EVENT_SEQ_END] = "]",
        [EVENT_SCALAR] = "",     [EVENT_ALIAS] = "*",     [EVENT_END] = ".",
    };
    buf_puts(b, b->n > 0 ? " " : "");
    if (ev->anchor.n > 0) {
        buf_printf(b, "&" STR_FMT " ", STR_ARG(ev->anchor));
    }
    buf_puts(b, marks[ev->kind]);
    if (ev->kind == EVENT_SCALAR) {
        buf_puts(b, ev->plain ? "" : "'");
        buf_str(b, ev->text);
        buf_puts(b, ev->plain ? "" : "'");
    } else if (ev->kind == EVENT_ALIAS) {
        buf_str(b, ev->text);
    }
    bool has_place = ev->kind == EVENT_SCALAR || ev->kind == EVENT_MAP_START ||
                     ev->kind == EVENT_SEQ_START || ev->kind == EVENT_ALIAS;
    if (has_place) {
        buf_printf(b, "@%u:%u+%u", (unsigned)ev->at.line, (unsigned)ev->at.col,
                   (unsigned)ev->at.len);
    }
}

/* All events of a text; ends with "!" if reading failed. */
static inline struct str events_of(struct ctx *c, enum k8s_syntax syntax, struct str text,
                                   size_t step, bool aliases)
{
    struct memory_stream s = {text, step};
    struct byte_stream in = {memory_read, &s};
    uint32_t file = sources_add(&c->sources, STR("in"));
    struct event_reader *r = syntax == K8S_YAML ? yaml_reader_open(c, &c->arena, file, in, aliases)
                                                : json_reader_open(c, &c->arena, file, in);
    struct buf *b = buf_new(&c->arena);
    struct event ev;
    do {
        if (!event_next(r, &ev)) {
            buf_puts(b, " !");
            break;
        }
        print_event(b, &ev);
    } while (ev.kind != EVENT_END);
    return buf_text(b);
}

struct event_case {
    const char *text, *events;
};

/* Each text gives its events, however it is cut into reads. */
static inline void check_events(enum k8s_syntax syntax, const struct event_case *cases, size_t n)
{
    static const size_t steps[] = {0, 1, 2, 3, 7};
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
            struct ctx c;
            ctx_init(&c, unit_oom, NULL);
            struct str got = events_of(&c, syntax, str_of(cases[i].text), steps[s], false);
            bool same = str_is(got, cases[i].events);
            CU_ASSERT(same);
            if (!same) {
                printf("\n  %s (step %zu)\n  got  " STR_FMT "\n  want %s\n", cases[i].text,
                       steps[s], STR_ARG(got), cases[i].events);
            }
            ctx_free(&c);
        }
    }
}

struct refusal_case {
    struct str text;
    enum diag_id id;
    uint32_t line, col;
    const char *part;
};

/* Each text is refused with one error, however it is cut into reads. */
static inline void check_refusals(enum k8s_syntax syntax, const struct refusal_case *cases,
                                  size_t n)
{
    static const size_t steps[] = {0, 1, 2, 5};
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
            struct ctx c;
            ctx_init(&c, unit_oom, NULL);
            struct str got = events_of(&c, syntax, cases[i].text, steps[s], false);
            CU_ASSERT(str_ends(got, " !"));
            CU_ASSERT(c.diags.errors == 1);
            CU_ASSERT(
                has_diag(&c, SEV_ERROR, cases[i].id, cases[i].line, cases[i].col, cases[i].part));
            ctx_free(&c);
        }
    }
}

#endif
