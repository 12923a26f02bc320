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

struct hurry_how {
    enum k8s_syntax syntax;
    size_t step;   /* bytes of a read, 0: any */
    size_t choice; /* one in so many values inside of another is passed over */
    const struct limits *limits;
};

struct hurry_run {
    struct ctx ctx;
    struct memory_stream in;
    VEC(struct hurry_event) events;
    size_t hurried; /* values that no event told of */
    bool ok;        /* read to the end */
};

/* Whether a value inside of another is passed over: by its place. */
static inline bool hurry_passes(const struct event *ev, size_t depth, size_t choice)
{
    bool is_open = ev->kind == EVENT_MAP_START || ev->kind == EVENT_SEQ_START;
    return is_open && depth > 1 && (ev->at.line * 31 + ev->at.col) % choice == 0;
}

static inline bool hurry_next(struct hurry_run *run, struct event_reader *r, struct event *ev)
{
    run->ok = event_next(r, ev);
    if (run->ok && ev->kind == EVENT_DOC_START) {
        event_begin_object(r, ev);
    }
    run->ok = run->ok && event_check(r, ev);
    return run->ok;
}

static inline void hurry_read(struct hurry_run *run, const struct hurry_how *how, struct str text,
                              bool hurry)
{
    struct event ev;
    ctx_init(&run->ctx, unit_oom, NULL);
    run->ctx.limits = *how->limits;
    run->in = (struct memory_stream){text, how->step};
    struct byte_stream in = {memory_read, &run->in};
    uint32_t file = sources_add(&run->ctx.sources, STR("in"));
    struct event_reader *r = how->syntax == K8S_JSON
                                 ? json_reader_open(&run->ctx, &run->ctx.arena, file, in)
                                 : yaml_reader_open(&run->ctx, &run->ctx.arena, file, in, false);
    while (hurry_next(run, r, &ev)) {
        struct hurry_event seen = {ev, r->depth, r->values,
                                   hurry_passes(&ev, r->depth, how->choice)};
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
static inline const char *hurry_compare(const struct hurry_how *how, struct str text,
                                        size_t *hurried)
{
    struct hurry_run slow = {0}, fast = {0};
    hurry_read(&slow, how, text, false);
    hurry_read(&fast, how, text, true);
    const char *difference = hurry_difference(&slow, &fast);
    if (hurried != NULL) {
        *hurried += fast.hurried;
    }
    ctx_free(&slow.ctx);
    ctx_free(&fast.ctx);
    return difference;
}

static inline bool hurry_reads(const struct hurry_how *how, struct str text)
{
    struct hurry_run run = {0};
    hurry_read(&run, how, text, false);
    ctx_free(&run.ctx);
    return run.ok;
}

/* The same in several ways, for any text. Tight limits only where nothing else is wrong: which of
 * two errors is found first depends on how far is read ahead. */
static inline const char *hurry_compare_ways(enum k8s_syntax syntax, struct str text)
{
    struct limits tight = limits_default;
    tight.depth = 5;
    tight.object_nodes = 30;
    tight.object_bytes = text.n / 2 + 1;
    const struct hurry_how ways[] = {{syntax, 0, 1, &limits_default},
                                     {syntax, 0, 2, &limits_default},
                                     {syntax, 50, 3, &limits_default},
                                     {syntax, 0, 1, &tight}};
    const size_t n = hurry_reads(&ways[0], text) ? COUNT(ways) : COUNT(ways) - 1;
    const char *difference = NULL;
    for (size_t i = 0; difference == NULL && i < n; i++) {
        difference = hurry_compare(&ways[i], text, NULL);
    }
    return difference;
}

#endif
