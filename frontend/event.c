/* The part of reading events that all syntaxes share: the limits. */
#include "frontend/event.h"

static bool is_end(const struct event *ev)
{
    return ev->kind == EVENT_MAP_END || ev->kind == EVENT_SEQ_END;
}

bool event_next(struct event_reader *r, struct event *ev)
{
    if (!r->read(r, ev)) {
        return false;
    }
    if (is_end(ev)) {
        r->depth--;
        return true;
    }
    r->values++;
    if (ev->kind == EVENT_MAP_START || ev->kind == EVENT_SEQ_START) {
        /* Here and at once, because libyaml knows no limit and takes quadratic time. */
        if (r->depth == r->ctx->limits.depth) {
            struct diag *d =
                diag_error(&r->ctx->diags, NPC003, ev->at,
                           "mappings and lists are nested more than %zu deep", r->depth);
            diag_hint(&r->ctx->diags, d, "no Kubernetes object comes near this depth");
            return false;
        }
        r->depth++;
    }
    return true;
}

void event_hurry(struct event_reader *r, size_t depth)
{
    if (r->hurry != NULL) {
        r->hurry(r, depth);
    }
}

void event_begin_object(struct event_reader *r, const struct event *ev)
{
    r->before = is_end(ev) ? r->values : r->values - 1;
    r->from = ev->begin;
}

bool event_check(struct event_reader *r, const struct event *ev)
{
    const struct limits *most = &r->ctx->limits;
    if (r->values - r->before > most->object_nodes) {
        diag_error(&r->ctx->diags, NPC003, ev->at, "one object has more than %zu values",
                   most->object_nodes);
        return false;
    }
    if (ev->end - r->from > most->object_bytes) {
        diag_error(&r->ctx->diags, NPC003, ev->at, "one object is longer than %zu bytes",
                   most->object_bytes);
        return false;
    }
    return true;
}
