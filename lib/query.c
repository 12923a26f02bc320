/* One question to a loaded program. What the answer is is worked out by analysis/, and nothing here
 * knows a format. */
#include "analysis/query.h"
#include "lib/context.h"

static const struct query_answer *ask(struct npc *n, const struct npc_query_options *o)
{
    if (!n->usable) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0}, "there is no loaded program to ask");
        return NULL;
    }
    struct world_options options;
    if (!answer_world_options(n, &options)) {
        return NULL;
    }
    const struct query q = {.from = str_of(o->from), .to = str_of(o->to), .port = str_of(o->port)};
    const struct world *w = world_new(&n->ctx, &n->program, &options, NULL);
    return w != NULL ? query_ask(w, &q) : NULL;
}

static enum npc_status query(struct npc *n, const struct npc_query_options *o, const char **text,
                             size_t *size)
{
    size_t first = n->ctx.diags.list.n;
    const struct query_answer *a = ask(n, o);
    if (a == NULL) {
        return failure_status(n, first);
    }
    struct buf *out = buf_new(&n->ctx.arena);
    if (o->json) {
        query_json(a, o->explain, out);
    } else {
        query_text(a, o->explain, out);
    }
    *text = buf_text(out).p;
    *size = buf_text(out).n;
    bool yes = a->verdict == QUERY_YES || (o->any && a->verdict == QUERY_PARTLY);
    return yes ? NPC_OK : NPC_NO;
}

enum npc_status npc_query(struct npc *n, const struct npc_query_options *options, const char **text,
                          size_t *size)
{
    GUARD(n);
    return query(n, options, text, size);
}
