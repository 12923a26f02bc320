/* npc_check(): findings, tests, what is silenced, and all of it as text, JSON or SARIF. */
#include "lib/check.h"

#include "analysis/expect.h"
#include "analysis/lint.h"
#include "lib/context.h"

struct formats {
    const char *name;
    void (*show)(struct npc *n, const struct npc_check_options *o, struct buf *out);
};

static void show_text(struct npc *n, const struct npc_check_options *o, struct buf *out)
{
    const struct diag_style style = {.colour = o->colour, .info = o->info};
    diags_show(&n->ctx.diags, &style, out);
}

static void show_json(struct npc *n, const struct npc_check_options *o, struct buf *out)
{
    const struct diag_style style = {.json = true, .info = o->info};
    diags_show(&n->ctx.diags, &style, out);
}

static void show_sarif(struct npc *n, const struct npc_check_options *o, struct buf *out)
{
    diags_sarif(&n->ctx.diags, o->info, true, NPC_VERSION, out);
}

static const struct formats formats[] = {
    {"text", show_text}, {"json", show_json}, {"sarif", show_sarif}, {NULL, NULL}};

static bool check_usage(struct npc *n, const char *what, const char *name)
{
    diag_error(&n->ctx.diags, NPC901, (struct span){0}, "no %s is called '%s'", what, name);
    return false;
}

static const struct formats *find_format(struct npc *n, const char *name)
{
    for (const struct formats *f = formats; f->name != NULL; f++) {
        if (str_is(str_of(name), f->name)) {
            return f;
        }
    }
    check_usage(n, "format of check", name);
    return NULL;
}

/* Who enforces the policies, by the name of a backend. What the backend cannot say is an error. */
static bool find_target(struct npc *n, const char *name, enum lint_target *target)
{
    *target = LINT_KUBERNETES;
    if (name == NULL) {
        return true;
    }
    const struct backend *b = backend_find(str_of(name));
    if (b == NULL) {
        return check_usage(n, "backend", name);
    }
    *target = (b->flags & BACKEND_BINDS) != 0  ? LINT_KERNEL
              : str_is(str_of(name), "calico") ? LINT_CALICO
                                               : LINT_KUBERNETES;
    struct emit e = {.ctx = &n->ctx, .program = &n->program, .options = &n->emit};
    return backend_check(b, &e);
}

static void put_count(struct buf *b, size_t n, const char *what)
{
    buf_printf(b, "%s%zu %s%s", b->n > 0 ? ", " : "", n, what, n == 1 ? "" : "s");
}

/* "2 errors, 1 warning in 14 policies (1 silenced)" */
static void put_summary(struct npc *n, const struct npc_check_options *o, size_t silenced,
                        struct buf *out)
{
    const struct diags *d = &n->ctx.diags;
    struct buf *counts = buf_new(&n->ctx.arena);
    if (d->errors > 0) {
        put_count(counts, d->errors, "error");
    }
    if (d->warnings > 0) {
        put_count(counts, d->warnings, "warning");
    }
    if (counts->n == 0) {
        buf_puts(counts, "no errors or warnings");
    }
    if (o->info && d->infos > 0) {
        put_count(counts, d->infos, "info");
    }
    size_t policies = n->program.policies.n;
    buf_str(out, buf_text(counts));
    buf_printf(out, " in %zu polic%s", policies, policies == 1 ? "y" : "ies");
    if (n->program.tests.n > 0) {
        buf_printf(out, " and %zu test%s", n->program.tests.n, n->program.tests.n == 1 ? "" : "s");
    }
    if (silenced > 0) {
        buf_printf(out, "; %zu silenced", silenced);
    }
    if (!o->info && d->infos > 0) {
        buf_printf(out, "; -v shows %zu info%s", d->infos, d->infos == 1 ? "" : "s");
    }
    buf_putc(out, '\n');
}

static bool check(struct npc *n, const struct npc_check_options *o, const char **text, size_t *size)
{
    struct lint_options options = {.cni = str_of(o->cni), .want_desc = o->require_desc};
    const struct formats *format = find_format(n, o->format);
    if (!n->usable) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0}, "there is no loaded program to check");
        return false;
    }
    if (format == NULL || !find_target(n, o->target, &options.target)) {
        return false;
    }
    /* No finding is about who has an address outside; a test may be. */
    const struct world_options world_options = {.ipblock_external = n->emit.bind.ipblock_external,
                                                .without_domains = n->program.tests.n == 0};
    const struct world *w = world_new(&n->ctx, &n->program, &world_options, NULL);
    if (w == NULL) {
        return false;
    }
    struct lint_open open = {0};
    lint_program(&n->ctx, w, &options, &open);
    expectations_check(&n->ctx, w);
    size_t silenced = suppress(&n->ctx, &open);
    if (n->program.policies.n == 0) {
        diag_warning(&n->ctx.diags, NPC004, (struct span){0}, "the input holds no policy");
    }
    struct buf *out = buf_new(&n->ctx.arena);
    format->show(n, o, out);
    if (format == formats) {
        put_summary(n, o, silenced, out);
    }
    *text = buf_text(out).p;
    *size = buf_text(out).n;
    return true;
}

enum npc_status npc_check(struct npc *n, const struct npc_check_options *options, const char **text,
                          size_t *size)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    if (!check(n, options, text, size)) {
        return failure_status(n, first);
    }
    const struct diags *d = &n->ctx.diags;
    return d->errors > 0 || (options->strict && d->warnings > 0) ? NPC_NO : NPC_OK;
}
