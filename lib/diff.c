/* Comparing two loaded programs. What differs is worked out by analysis/, and nothing here knows a
 * format. */
#include "analysis/difference.h"
#include "lib/context.h"

static const struct diff_format *find_format(struct npc *n, struct str name)
{
    for (const struct diff_format *f = diff_formats; f->name != NULL; f++) {
        if (str_is(name, f->name)) {
            return f;
        }
    }
    diag_error(&n->ctx.diags, NPC901, (struct span){0},
               "no format of diff is called '" STR_FMT "'; expected text, json or md",
               STR_ARG(name));
    return NULL;
}

/* With --host or --node: what the rules of that machine let pass. */
static const struct world *world_of(struct npc *n, struct traffic_table *traffic)
{
    struct world_options options;
    if (!answer_world_options(n, &options)) {
        return NULL;
    }
    options.one_machine = n->emit.bind.scope != BIND_ALL;
    options.node = n->emit.bind.node;
    return world_new(&n->ctx, &n->program, &options, traffic);
}

static const struct difference *compare(struct npc *old, struct npc *now)
{
    if (!old->usable || !now->usable) {
        diag_error(&now->ctx.diags, NPC901, (struct span){0},
                   "there are no two loaded programs to compare");
        return NULL;
    }
    struct traffic_table *traffic = ARENA_NEW(&now->ctx.arena, struct traffic_table);
    traffic_init(traffic, &now->ctx.arena);
    const struct world *a = world_of(old, traffic), *b = world_of(now, traffic);
    return a != NULL && b != NULL ? difference_new(a, b) : NULL;
}

/* Then there is no difference, whatever the policies say. */
static void warn_of_nobody(struct npc *old, struct npc *now)
{
    if (old->program.inv.workloads.n == 0 && now->program.inv.workloads.n == 0) {
        diag_warning(&now->ctx.diags, NPC004, (struct span){0},
                     "neither input holds a pod or a workload: there is nobody whose connections "
                     "could differ");
    }
}

static enum npc_status diff(struct npc *old, struct npc *now, const char *format_name,
                            const char **text, size_t *size, bool *gained, bool *lost)
{
    size_t first = now->ctx.diags.list.n;
    const struct diff_format *format = find_format(now, str_of(format_name));
    const struct difference *d = format != NULL ? compare(old, now) : NULL;
    if (d == NULL) {
        return failure_status(now, first);
    }
    warn_of_nobody(old, now);
    struct buf *out = buf_new(&now->ctx.arena);
    format->emit(d, out);
    *text = buf_text(out).p;
    *size = buf_text(out).n;
    *gained = difference_gains(d);
    *lost = difference_loses(d);
    return *gained || *lost ? NPC_NO : NPC_OK;
}

enum npc_status npc_diff(struct npc *old, struct npc *now, const char *format, const char **text,
                         size_t *size, bool *gained, bool *lost)
{
    GUARD(now);
    GUARD(old); /* its memory grows, too */
    return diff(old, now, format, text, size, gained, lost);
}
