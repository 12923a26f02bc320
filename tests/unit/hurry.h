/*
 * A text read twice: event by event, and so that of some blocks what can be left out is left out
 * (event_hurry()). Outside of these blocks both must give the same events with the same places,
 * the same counts and the same errors. It shares no code with what decides on lines, which is what
 * it tests.
 */
#ifndef NPC_TESTS_HURRY_H
#define NPC_TESTS_HURRY_H

#include "tests/unit/read.h"
#include "tests/unit/rng.h"

struct hurry_event {
    struct event ev; /* its text in the arena of the context */
    size_t depth, values;
    bool is_skipped; /* the beginning of a value that may be passed over */
};

struct hurry_run {
    struct ctx ctx;
    struct memory_stream in;
    VEC(struct hurry_event) events;
    size_t hurried; /* values that no event told of */
    bool ok;        /* read to the end */
};

/* Whether a value inside of another is passed over: by its place and the choice of the run (0: no).
 */
static inline bool hurry_passes(const struct event *ev, size_t depth, size_t choice)
{
    bool is_open = ev->kind == EVENT_MAP_START || ev->kind == EVENT_SEQ_START;
    return is_open && depth > 1 && (ev->at.line * 31 + ev->at.col) % choice == 0;
}

static inline bool hurry_next(struct hurry_run *run, struct event_reader *r, struct event *ev)
{
    run->ok = event_next(r, ev);
    return run->ok;
}

/* Reads the text in steps of some bytes (0: any). */
static inline void hurry_read(struct hurry_run *run, enum k8s_syntax syntax, struct str text,
                              size_t step, size_t choice, bool hurry)
{
    struct event ev;
    ctx_init(&run->ctx, unit_oom, NULL);
    run->in = (struct memory_stream){text, step};
    struct byte_stream in = {memory_read, &run->in};
    uint32_t file = sources_add(&run->ctx.sources, STR("in"));
    struct event_reader *r = syntax == K8S_JSON
                                 ? json_reader_open(&run->ctx, &run->ctx.arena, file, in)
                                 : yaml_reader_open(&run->ctx, &run->ctx.arena, file, in, false);
    while (hurry_next(run, r, &ev)) {
        struct hurry_event seen = {ev, r->depth, r->values, hurry_passes(&ev, r->depth, choice)};
        seen.ev.text = str_dup(&run->ctx.arena, ev.text);
        vec_push(&run->ctx.arena, &run->events, seen);
        for (size_t inside = r->depth; seen.is_skipped && r->depth >= inside;) {
            size_t values = r->values;
            if (hurry) {
                event_hurry(r, inside);
            }
            run->hurried += r->values - values;
            if (!hurry_next(run, r, &ev)) {
                return;
            }
        }
        if (ev.kind == EVENT_END) {
            return;
        }
    }
}

static inline bool hurry_same_events(const struct hurry_event *a, const struct hurry_event *b)
{
    return a->ev.kind == b->ev.kind && a->ev.plain == b->ev.plain &&
           str_eq(a->ev.text, b->ev.text) && memcmp(&a->ev.at, &b->ev.at, sizeof a->ev.at) == 0 &&
           a->ev.begin == b->ev.begin && a->ev.end == b->ev.end && a->depth == b->depth &&
           a->values == b->values;
}

static inline bool hurry_same_diags(const struct diag *a, const struct diag *b)
{
    for (size_t i = 0; i < a->notes.n && i < b->notes.n; i++) {
        if (memcmp(&a->notes.v[i].at, &b->notes.v[i].at, sizeof a->at) != 0) {
            return false;
        }
    }
    return a->id == b->id && str_eq(a->text, b->text) && a->notes.n == b->notes.n &&
           memcmp(&a->at, &b->at, sizeof a->at) == 0;
}

/* What differs between the runs, or NULL. */
static inline const char *hurry_difference(const struct hurry_run *a, const struct hurry_run *b)
{
    const struct diags *x = &a->ctx.diags, *y = &b->ctx.diags;
    const struct sources *s = &a->ctx.sources, *t = &b->ctx.sources;
    for (size_t i = 0; i < x->list.n && i < y->list.n; i++) {
        if (!hurry_same_diags(x->list.v[i], y->list.v[i])) {
            return "another diagnostic";
        }
    }
    if (a->ok != b->ok || x->list.n != y->list.n) {
        return "only one is refused";
    }
    for (size_t i = 0; i < a->events.n && i < b->events.n; i++) {
        if (!hurry_same_events(&a->events.v[i], &b->events.v[i])) {
            return "another event";
        }
    }
    if (a->events.n != b->events.n) {
        return "more events";
    }
    return s->remarks.n != t->remarks.n ? "other remarks" : NULL;
}

/* Compares both ways to read a text. *hurried, if not NULL, is increased by the values left out.
 * NULL: there is no difference. */
static inline const char *hurry_compare(enum k8s_syntax syntax, struct str text, size_t step,
                                        size_t choice, size_t *hurried)
{
    struct hurry_run slow = {0}, fast = {0};
    hurry_read(&slow, syntax, text, step, choice, false);
    hurry_read(&fast, syntax, text, step, choice, true);
    const char *difference = hurry_difference(&slow, &fast);
    if (hurried != NULL) {
        *hurried += fast.hurried;
    }
    ctx_free(&slow.ctx);
    ctx_free(&fast.ctx);
    return difference;
}

#endif
