/*
 * The list of backends and the driver that runs one: it refuses what the backend cannot say, binds
 * if the backend asks for it, and calls emit(). It must not know any backend but by its struct.
 */
#include "backends/backend.h"

static const struct backend *const registry[] = {
#define BACKEND(name) &backend_##name,
#include "backends/backends.def"
#undef BACKEND
    NULL};

const struct backend *const *backends_all(void)
{
    return registry;
}

const struct backend *backend_find(struct str name)
{
    for (const struct backend *const *b = registry; *b != NULL; b++) {
        if (str_is(name, (*b)->name)) {
            return *b;
        }
    }
    return NULL;
}

/* The names of the backends that pass the test, as "k8s, nft"; "none" if there are none. */
static struct str backends_that(struct ctx *c,
                                bool (*passes)(const struct backend *b, unsigned arg), unsigned arg)
{
    struct buf *names = buf_new(&c->arena);
    for (const struct backend *const *b = registry; *b != NULL; b++) {
        if (passes(*b, arg)) {
            buf_puts(names, buf_text(names).n > 0 ? ", " : "");
            buf_puts(names, (*b)->name);
        }
    }
    return buf_text(names).n > 0 ? buf_text(names) : STR("none");
}

static bool has_feature(const struct backend *b, unsigned feature)
{
    return (b->features & feature) != 0;
}

static bool has_flag(const struct backend *b, unsigned flag)
{
    return (b->flags & flag) != 0;
}

struct refusal { /* of one policy: a kind of construct is refused once, at its first use */
    const struct backend *backend;
    struct ctx *ctx;
    unsigned refused, told;
};

/* Whether a place is in the rule's own text, and not in that of a group. */
static bool rule_holds(const struct rule *r, struct span at)
{
    bool begun = at.line > r->at.line || (at.line == r->at.line && at.col >= r->at.col);
    bool ended = at.line > r->end_line || (at.line == r->end_line && at.col >= r->end_col);
    return r->end_line == 0 || (at.file == r->at.file && begun && !ended);
}

/* Reports at the policy's own statement: what that gets from a group or from `rules` may be used by
 * others, or be the prelude's. */
static void report_feature(struct refusal *r, enum severity sev, enum feature f, struct span at,
                           const struct rule *rule, const char *more)
{
    struct span place = at;
    if (rule != NULL && (rule->used_at.file != 0 || !rule_holds(rule, at))) {
        place = rule->used_at.file != 0 ? rule->used_at : rule->at;
    }
    struct diag *d =
        diag_report(&r->ctx->diags, sev, DIAG_NPC406, place, "the %s backend cannot say %s%s",
                    r->backend->name, feature_text(f), more);
    diag_hint(&r->ctx->diags, d, "backends that can: " STR_FMT,
              STR_ARG(backends_that(r->ctx, has_feature, f)));
    if (span_cmp(&r->ctx->sources, place, at) != 0) {
        diag_also(&r->ctx->diags, d, at, "written here");
    }
}

static void refuse_feature(void *arg, enum feature f, struct span at, const struct rule *rule)
{
    struct refusal *r = arg;
    bool whole_policy = (r->refused & FEAT_CLUSTER) != 0; /* then its details say nothing new */
    if (has_feature(r->backend, f) || (r->refused & f) != 0 || whole_policy) {
        return;
    }
    if (f != FEAT_RULE_NAME) {
        r->refused |= f;
        report_feature(r, SEV_ERROR, f, at, rule, "");
    } else if ((r->told & f) == 0 && !has_flag(r->backend, BACKEND_BINDS)) {
        /* What no packet depends on. Of rules for a kernel nobody expects more than packets. */
        r->told |= f;
        report_feature(r, SEV_INFO, f, at, rule, ", and leaves it out");
    }
}

static bool check_features(const struct backend *b, const struct emit *e)
{
    bool ok = true;
    for (size_t i = 0; i < e->program->policies.n; i++) {
        struct refusal r = {.backend = b, .ctx = e->ctx};
        policy_features(e->program->policies.v[i], refuse_feature, &r);
        ok = ok && r.refused == 0;
    }
    return ok;
}

/* In a cluster an AdminNetworkPolicy and a BaselineAdminNetworkPolicy may share a name; written as
 * one kind the second would replace the first. */
static bool check_cluster_names(const struct backend *b, const struct emit *e)
{
    bool ok = true;
    struct strmap by_name;
    strmap_init(&by_name, &e->ctx->arena);
    for (size_t i = 0; i < e->program->policies.n && has_flag(b, BACKEND_ONE_CLUSTER_KIND); i++) {
        struct policy *p = e->program->policies.v[i];
        const struct policy *first = policy_is_cluster(p) ? strmap_put(&by_name, p->name, p) : NULL;
        if (first == NULL) {
            continue;
        }
        ok = false;
        struct diag *d = diag_error(&e->ctx->diags, NPC406, p->at,
                                    "the %s backend cannot say two cluster policies of one name, "
                                    "'" STR_FMT "': it writes every API as the same kind",
                                    b->name, STR_ARG(p->name));
        diag_also(&e->ctx->diags, d, first->at, "the other one is here");
        diag_hint(&e->ctx->diags, d, "give one of them another name");
    }
    return ok;
}

/* Raw text goes into the output of the backend that it names, and of no other; a name that takes
 * none is a mistake whatever the target is. */
static bool check_raw(const struct emit *e, const struct raw *raw)
{
    const struct backend *named = backend_find(raw->backend);
    if (named != NULL && has_flag(named, BACKEND_RAW)) {
        return true;
    }
    struct diag *d = diag_error(&e->ctx->diags, NPC042, raw->at,
                                named != NULL ? "the " STR_FMT " backend takes no raw text"
                                              : "'" STR_FMT "' is no backend that takes raw text",
                                STR_ARG(raw->backend));
    diag_hint(&e->ctx->diags, d, "backends that take raw text: " STR_FMT,
              STR_ARG(backends_that(e->ctx, has_flag, BACKEND_RAW)));
    return false;
}

static bool check_raws(const struct emit *e)
{
    const struct program *p = e->program;
    bool ok = true;
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        for (size_t j = 0; j < policy->nraws; j++) {
            ok = check_raw(e, &policy->raws[j]) && ok;
        }
    }
    for (size_t i = 0; i < p->raws.n; i++) {
        ok = check_raw(e, &p->raws.v[i]) && ok;
    }
    return ok;
}

bool backend_check(const struct backend *b, const struct emit *e)
{
    bool sayable = check_features(b, e);
    sayable = check_cluster_names(b, e) && sayable;
    return check_raws(e) && sayable;
}

bool backend_run(const struct backend *b, struct emit *e)
{
    if (!backend_check(b, e)) {
        return false;
    }
    e->bound = NULL;
    if (has_flag(b, BACKEND_BINDS)) {
        progress_phase(&e->ctx->progress, "binding", NULL);
        e->bound = bind_program(e->ctx, e->program, &e->options->bind);
        if (e->bound == NULL) {
            return false;
        }
    }
    progress_phase(&e->ctx->progress, "compiling", NULL);
    return b->emit(e);
}

uint32_t emit_log_rate(const struct emit_options *o)
{
    return !o->log ? 0 : o->log_rate > 0 ? o->log_rate : LOG_RATE;
}
