/* The part of reading events that all syntaxes share: the limit on nesting. */
#include "frontend/event.h"

void event_locate(struct event_reader *r, struct event *ev)
{
    if (r->locate != NULL) {
        r->locate(r, ev);
    }
}

bool event_pass(struct event_reader *r, struct event *ev)
{
    if (!r->read(r, ev)) {
        return false;
    }
    if (ev->kind == EVENT_MAP_END || ev->kind == EVENT_SEQ_END) {
        r->depth--;
    } else if (ev->kind == EVENT_MAP_START || ev->kind == EVENT_SEQ_START) {
        /* Here and at once, because libyaml knows no limit and takes quadratic time. */
        if (r->depth == r->ctx->limits.depth) {
            event_locate(r, ev);
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

bool event_next(struct event_reader *r, struct event *ev)
{
    if (!event_pass(r, ev)) {
        return false;
    }
    event_locate(r, ev);
    return true;
}
