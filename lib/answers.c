/* Answers about a loaded program: list. What flows is worked out by analysis/, and nothing here
 * knows a format. */
#include "analysis/expect.h"
#include "analysis/lint.h"
#include "analysis/listing.h"
#include "lib/check.h"
#include "lib/context.h"

static bool answer_usage(struct npc *n, const char *text)
{
    diag_error(&n->ctx.diags, NPC901, (struct span){0}, "%s", text);
    return false;
}

static const struct list_format *find_format(struct npc *n, struct str name)
{
    VEC(struct str) names = {0};
    for (const struct list_format *f = list_formats; f->name != NULL; f++) {
        if (str_is(name, f->name)) {
            return f;
        }
        vec_push(&n->ctx.arena, &names, str_of(f->name));
    }
    struct diag *d = diag_error(&n->ctx.diags, NPC901, (struct span){0},
                                "no format of list is called '" STR_FMT "'", STR_ARG(name));
    struct str near = str_nearest(name, names.v, names.n);
    if (near.n > 0) {
        diag_hint(&n->ctx.diags, d, "did you mean '" STR_FMT "'?", STR_ARG(near));
    }
    return NULL;
}

/* The listing can do without policy, but not without anybody who could reach or be reached. */
static void warn_of_nothing(struct npc *n)
{
    if (n->program.inv.workloads.n == 0) {
        diag_warning(&n->ctx.diags, NPC004, (struct span){0},
                     "the input holds no pod and no workload: there is nothing to list");
    }
    if (n->program.policies.n == 0) {
        diag_warning(&n->ctx.diags, NPC004, (struct span){0}, "the input holds no policy");
    }
}

/* Prints a listing with what `check` finds. The diagnostics of `list` itself stay what they are. */
static bool emit_with_findings(struct npc *n, const struct list_format *format,
                               const struct listing *l, struct buf *out)
{
    struct diags *diags = &n->ctx.diags;
    struct diags before = *diags; /* check may raise, silence and drop what is there */
    struct diag *records = ARENA_NEW_ARRAY(&n->ctx.arena, before.list.n, struct diag);
    before.list.v = ARENA_NEW_ARRAY(&n->ctx.arena, before.list.n, struct diag *);
    before.list.cap = before.list.n;
    for (size_t i = 0; i < before.list.n; i++) {
        records[i] = *diags->list.v[i];
        before.list.v[i] = &records[i];
    }
    const struct lint_options options = {.target = LINT_KUBERNETES};
    const struct world *w = l->world;
    if (w->options.open || w->options.host != NULL) { /* findings are about what is in the input */
        const struct world_options closed = {.ipblock_external = w->options.ipblock_external};
        w = world_new(&n->ctx, &n->program, &closed, NULL);
    }
    if (w == NULL) {
        return false;
    }
    struct lint_open open = {0};
    lint_program(&n->ctx, w, &options, &open);
    expectations_check(&n->ctx, w);
    suppress(&n->ctx, &open);
    format->emit(l, out);
    *diags = before;
    return true;
}

struct portset failsafe_ports(struct arena *a, const struct emit_options *o)
{
    struct portset out = {0};
    for (size_t i = 0; i < o->nfailsafe; i++) {
        const struct named_port *p = &o->failsafe[i];
        out = portset_union(a, out, portset_of(a, p->proto, p->number, p->number));
    }
    return out;
}

bool answer_world_options(struct npc *n, struct world_options *out)
{
    const struct bind_options *bind = &n->emit.bind;
    *out = (struct world_options){.ipblock_external = bind->ipblock_external};
    if (bind->scope == BIND_HOST) {
        out->host = bind_find_host(&n->ctx, &n->program.inv, bind->host_ns, bind->host);
        out->failsafe = failsafe_ports(&n->ctx.arena, &n->emit);
        return out->host != NULL;
    }
    return true;
}

static bool list(struct npc *n, const struct npc_list_options *o, const char **text, size_t *size)
{
    static const enum list_level levels[] = {[NPC_LIST_WORKLOADS] = LIST_WORKLOADS,
                                             [NPC_LIST_PODS] = LIST_PODS,
                                             [NPC_LIST_CLASSES] = LIST_CLASSES};
    if (!n->usable) {
        return answer_usage(n, "there is no loaded program to list");
    }
    const struct list_format *format = find_format(n, str_of(o->format));
    if (format == NULL) {
        return false;
    }
    if (o->level == NPC_LIST_CLASSES && !format->classes) {
        return answer_usage(n,
                            str_printf(&n->ctx.arena, "-o %s cannot list classes", format->name).p);
    }
    if (o->level == NPC_LIST_PODS && format->classes_only) {
        return answer_usage(
            n, str_printf(&n->ctx.arena,
                          "-o %s shows classes with their members: --pods does not go with it",
                          format->name)
                   .p);
    }
    struct world_options world_options;
    if (!answer_world_options(n, &world_options)) {
        return false;
    }
    world_options.open = o->exposure;
    const struct list_options options = {.level =
                                             format->classes_only ? LIST_CLASSES : levels[o->level],
                                         .nodes = o->nodes,
                                         .exposure = o->exposure,
                                         .from = str_of(o->from),
                                         .to = str_of(o->to),
                                         .ns = str_of(o->ns),
                                         .host = world_options.host,
                                         .port = str_of(o->port)};
    const struct world *w = world_new(&n->ctx, &n->program, &world_options, NULL);
    const struct listing *l = w != NULL ? listing_new(w, &options) : NULL;
    if (l == NULL) {
        return false;
    }
    warn_of_nothing(n);
    struct buf *out = buf_new(&n->ctx.arena);
    if (!format->findings) {
        format->emit(l, out);
    } else if (!emit_with_findings(n, format, l, out)) {
        return false;
    }
    *text = buf_text(out).p;
    *size = buf_text(out).n;
    return true;
}

enum npc_status npc_list(struct npc *n, const struct npc_list_options *options, const char **text,
                         size_t *size)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    return list(n, options, text, size) ? NPC_OK : failure_status(n, first);
}
