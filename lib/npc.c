/*
 * The library facade: the entry points of npc/npc.h but for options (options.c) and writing
 * (output.c). Each guards itself against exhausted memory and turns bool into a status. No work is
 * done here, and nothing here knows a syntax or a format.
 */
#include "lib/context.h"

#include <stdlib.h>
#include <string.h>

static const char oom_text[] = "npc: error: out of memory\n";
static const char oom_json[] =
    "{\"version\":1,\"diagnostics\":[{\"severity\":\"error\",\"message\":\"out of memory\"}]}\n";

static _Noreturn void land(void *arg)
{
    struct npc *n = arg;
    n->out_of_memory = true;
    longjmp(n->landing, 1);
}

/* Ports that stay open to a host unless --failsafe says otherwise: SSH, so that nobody is locked
 * out of a machine by a policy that forgot it. */
static const struct named_port failsafe_default = {.proto = PROTO_TCP, .number = 22};

static bool init(struct npc *n)
{
    if (setjmp(n->landing) != 0) {
        return false;
    }
    ctx_init(&n->ctx, land, n);
    program_init(&n->program, &n->ctx);
    n->emit.failsafe = &failsafe_default;
    n->emit.nfailsafe = 1;
    return true;
}

struct npc *npc_new(void)
{
    struct npc *n = calloc(1, sizeof *n);
    if (n != NULL && !init(n)) {
        npc_free(n);
        return NULL;
    }
    return n;
}

void npc_free(struct npc *n)
{
    if (n != NULL) {
        ctx_free(&n->ctx);
        free(n);
    }
}

const char *npc_version(void)
{
    return NPC_VERSION;
}

enum npc_status failure_status(const struct npc *n, size_t first)
{
    for (size_t i = first; i < n->ctx.diags.list.n; i++) {
        const struct diag *d = n->ctx.diags.list.v[i];
        if (d->severity == SEV_ERROR && d->id == DIAG_NPC001) {
            return NPC_FAULT;
        }
    }
    return NPC_BAD;
}

enum npc_status npc_set(struct npc *n, const char *option, const char *value)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    return option_set(n, str_of(option), value) ? NPC_OK : failure_status(n, first);
}

enum npc_status npc_add_path(struct npc *n, const char *path)
{
    GUARD(n);
    const struct input in = {.path = str_dup(&n->ctx.arena, str_of(path))};
    vec_push(&n->ctx.arena, &n->inputs, in);
    return NPC_OK;
}

enum npc_status npc_lend_text(struct npc *n, const char *name, const char *text, size_t size)
{
    GUARD(n);
    const struct input in = {
        .path = str_dup(&n->ctx.arena, str_of(name)), .in_memory = true, .text = {text, size}};
    vec_push(&n->ctx.arena, &n->inputs, in);
    return NPC_OK;
}

enum npc_status npc_add_text(struct npc *n, const char *name, const char *text, size_t size)
{
    GUARD(n);
    return npc_lend_text(n, name, arena_copy(&n->ctx.arena, text, size), size);
}

static void tell_progress(void *arg, const struct progress *p)
{
    const struct npc *n = arg;
    const struct npc_progress shown = {.phase = p->phase,
                                       .file = p->file,
                                       .file_bytes = p->file_bytes,
                                       .file_size = p->file_size,
                                       .bytes = p->bytes,
                                       .objects = p->objects};
    n->progress(n->progress_arg, &shown);
}

static void tell_tick(void *arg)
{
    const struct progress *p = arg;
    if (p->phase != NULL) { /* some work has begun */
        progress_tell(p);
    }
}

void npc_set_progress(struct npc *n, npc_progress_fn fn, void *arg)
{
    n->progress = fn;
    n->progress_arg = arg;
    n->ctx.progress.tell = fn != NULL ? tell_progress : NULL;
    n->ctx.progress.arg = n;
    n->ctx.arena.tick = fn != NULL ? tell_tick : NULL;
    n->ctx.arena.tick_arg = &n->ctx.progress;
}

static bool usage_error(struct npc *n, const char *text)
{
    diag_error(&n->ctx.diags, NPC901, (struct span){0}, "%s", text);
    return false;
}

static bool load(struct npc *n)
{
    if (n->loaded) {
        return usage_error(n, "the inputs of a context are loaded once");
    }
    n->loaded = true;
    if (n->inputs.n == 0) {
        return usage_error(n, "no INPUT was given");
    }
    n->load.skip_kinds = n->skip_kinds.v;
    n->load.nskip_kinds = n->skip_kinds.n;
    n->usable = load_inputs(&n->ctx, &n->load, n->inputs.v, n->inputs.n, &n->program);
    return n->usable;
}

enum npc_status npc_load(struct npc *n)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    return load(n) ? NPC_OK : failure_status(n, first);
}

static const struct backend *find_backend(struct npc *n, struct str name)
{
    const struct backend *b = backend_find(name);
    if (b != NULL) {
        return b;
    }
    struct diag *d = diag_error(&n->ctx.diags, NPC901, (struct span){0},
                                "no backend is called '" STR_FMT "'", STR_ARG(name));
    VEC(struct str) names = {0};
    for (const struct backend *const *all = backends_all(); *all != NULL; all++) {
        vec_push(&n->ctx.arena, &names, str_of((*all)->name));
    }
    struct str near = str_nearest(name, names.v, names.n);
    if (near.n > 0) {
        diag_hint(&n->ctx.diags, d, "did you mean '" STR_FMT "'?", STR_ARG(near));
    }
    return NULL;
}

static void hand_out(struct npc *n, const struct backend *b, const struct emit *e,
                     struct npc_output *out)
{
    struct npc_file *files = ARENA_NEW_ARRAY(&n->ctx.arena, e->files.n, struct npc_file);
    for (size_t i = 0; i < e->files.n; i++) {
        struct str text = buf_text(e->files.v[i].text);
        files[i].path = str_dup(&n->ctx.arena, e->files.v[i].path).p;
        files[i].text = text.p;
        files[i].size = text.n;
    }
    struct str text = buf_text(e->out);
    *out = (struct npc_output){.text = text.p,
                               .size = text.n,
                               .files = files,
                               .nfiles = e->files.n,
                               .directory = (b->flags & BACKEND_DIRECTORY) != 0,
                               .internal = e};
}

static void warn_of_size(struct npc *n, const struct backend *b, size_t size)
{
    const size_t most = n->ctx.limits.dsl_file;
    if ((b->flags & BACKEND_SOURCE) != 0 && size > most) {
        struct diag *d = diag_warning(&n->ctx.diags, NPC003, (struct span){0},
                                      "the output has %zu bytes, and npc will not read it: of an "
                                      "npc file at most %zu",
                                      size, most);
        diag_hint(&n->ctx.diags, d, "compile parts of the input to files of their own");
    }
}

static bool compile(struct npc *n, struct str backend, struct npc_output *out)
{
    if (!n->usable) {
        return usage_error(n, "there is no loaded program to compile");
    }
    const struct backend *b = find_backend(n, backend);
    if (b == NULL) {
        return false;
    }
    if (n->emit.from.p != NULL && (b->flags & BACKEND_FROM) == 0) {
        return usage_error(n, "--from has no effect with this backend");
    }
    n->emit.allow_raw = n->load.allow_raw;
    struct emit *e = ARENA_NEW(&n->ctx.arena, struct emit);
    e->ctx = &n->ctx;
    e->program = &n->program;
    e->options = &n->emit;
    e->out = buf_new(&n->ctx.arena);
    if (!backend_run(b, e)) {
        return false;
    }
    if (n->program.policies.n == 0) {
        diag_warning(&n->ctx.diags, NPC004, (struct span){0}, "the input holds no policy");
    }
    hand_out(n, b, e, out);
    warn_of_size(n, b, out->size);
    return true;
}

enum npc_status npc_compile(struct npc *n, const char *backend, struct npc_output *out)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    return compile(n, str_of(backend), out) ? NPC_OK : failure_status(n, first);
}

static enum npc_status format(struct npc *n, const char *name, struct str text,
                              const char **out_text, size_t *out_size)
{
    uint32_t file = sources_add(&n->ctx.sources, str_of(name));
    if (text.n > n->ctx.limits.dsl_file) {
        diag_error(&n->ctx.diags, NPC003, (struct span){.file = file},
                   "an npc file of %zu bytes; at most %zu are read", text.n,
                   n->ctx.limits.dsl_file);
        return NPC_BAD;
    }
    struct str kept = str_dup(&n->ctx.arena, text);
    sources_get(&n->ctx.sources, file)->text = kept;
    bool ok;
    const struct ast_file *ast = dsl_parse(&n->ctx, file, kept, &ok);
    if (!ok) {
        return NPC_BAD;
    }
    struct buf *formatted = buf_new(&n->ctx.arena);
    dsl_format(ast, formatted);
    struct str result = buf_text(formatted);
    if (result.n > n->ctx.limits.dsl_file) { /* nobody could read it again */
        struct diag *d = diag_error(&n->ctx.diags, NPC003, (struct span){.file = file},
                                    "formatted, this is an npc file of %zu bytes; at most %zu are "
                                    "read",
                                    result.n, n->ctx.limits.dsl_file);
        diag_hint(&n->ctx.diags, d, "move a part of it to another file, and include that");
        return NPC_BAD;
    }
    *out_text = result.p;
    *out_size = result.n;
    return NPC_OK;
}

enum npc_status npc_format(struct npc *n, const char *name, const char *text, size_t size,
                           const char **out_text, size_t *out_size)
{
    const struct str whole = {text, size};
    GUARD(n);
    return format(n, name, whole, out_text, out_size);
}

const char *npc_nearest(const char *word, const char *const *candidates, size_t n)
{
    struct str *list = calloc(n + 1, sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = str_of(candidates[i]);
    }
    struct str near = str_nearest(str_of(word), list, n);
    free(list);
    return near.n > 0 ? near.p : NULL;
}

const char *npc_prelude(void)
{
    return dsl_prelude().p;
}

bool npc_backend(size_t i, struct npc_backend_info *info)
{
    const struct backend *const *all = backends_all();
    for (size_t k = 0; all[k] != NULL; k++) {
        const struct backend *b = all[k];
        if (k == i) {
            *info = (struct npc_backend_info){
                .name = b->name,
                .extension = b->extension,
                .summary = b->summary,
                .directory = (b->flags & BACKEND_DIRECTORY) != 0,
                .binds = (b->flags & BACKEND_BINDS) != 0,
            };
            return true;
        }
    }
    return false;
}

bool npc_finding(size_t i, struct npc_finding_info *info)
{
    if (i >= DIAG_COUNT) {
        return false;
    }
    enum diag_id id = (enum diag_id)i;
    *info = (struct npc_finding_info){diag_number(id), diag_slug(id), diag_summary(id)};
    return true;
}

static void show(struct npc *n, enum npc_diag_format format, bool info, const char **text,
                 size_t *size)
{
    const struct diag_style style = {
        .colour = format == NPC_DIAG_COLOUR, .json = format == NPC_DIAG_JSON, .info = info};
    struct buf *b = buf_new(&n->ctx.arena);
    diags_show(&n->ctx.diags, &style, b);
    struct str shown = buf_text(b);
    *text = shown.p;
    *size = shown.n;
}

/* After exhausted memory this needs none: the texts are constants. */
enum npc_status npc_diagnostics(struct npc *n, enum npc_diag_format format, bool info,
                                const char **text, size_t *size)
{
    if (!n->out_of_memory && setjmp(n->landing) == 0) {
        show(n, format, info, text, size);
        return NPC_OK;
    }
    *text = format == NPC_DIAG_JSON ? oom_json : oom_text;
    *size = strlen(*text);
    return NPC_FAULT;
}
