/* Answering a question: who is at each end, what each pair of them may do, and which pair to show.
 * Ends are found as a listing finds its focus. */
#include "analysis/query.h"
#include "analysis/listing_priv.h"
#include "analysis/world_priv.h"

struct asked { /* a class of which some members, or addresses, are at an end */
    uint32_t class_id;
    bool has[FAMILIES];
    VEC(const struct endpoint_member *) members;
    struct ip_range example; /* EP_RANGE: some of the addresses that are meant */
};

struct asked_end {
    VEC(struct asked) classes; /* rising */
};

struct asking {
    const struct world *w;
    struct arena *arena;
    struct lister *l;
    struct asked_end from, to;
    struct query_answer *answer;
};

/* ---- who is at an end ---- */

static struct asked *asked_class(struct asking *x, struct asked_end *end, uint32_t class_id)
{
    if (end->classes.n == 0 || end->classes.v[end->classes.n - 1].class_id != class_id) {
        vec_push(x->arena, &end->classes, (struct asked){.class_id = class_id});
    }
    return &end->classes.v[end->classes.n - 1];
}

/* Of an address, only its family is meant. */
static void mean_families(const struct asking *x, const struct focus_end *f, struct asked *a)
{
    const struct endpoint_class *c = &x->w->classes[a->class_id];
    for (size_t i = 0; i < FAMILIES; i++) {
        a->has[i] = c->has[i] && (f->kind != END_ADDRESS || f->family == (enum family)i);
    }
}

static void add_range(struct asking *x, const struct focus_end *f, const struct endpoint_class *c,
                      struct asked_end *out)
{
    for (size_t i = 0; i < c->ranges.n && c->family == f->family; i++) {
        struct ip_range asked, example;
        if (ip_range_common(c->ranges.v[i], f->range, &asked) &&
            nets_external_part(&x->w->parts->nets[c->family], asked, &example)) {
            struct asked *a = asked_class(x, out, c->id);
            a->example = example;
            mean_families(x, f, a);
            return;
        }
    }
}

static void find_end(struct asking *x, const struct focus_end *f, unsigned char flag,
                     struct asked_end *out)
{
    for (uint32_t c = 0; c < x->w->nclasses; c++) {
        const struct id_vec *ends = &x->l->of_class[c];
        for (size_t i = 0; i < ends->n; i++) {
            if ((x->l->flags.v[ends->v[i]] & flag) != 0) {
                struct asked *a = asked_class(x, out, c);
                vec_push(x->arena, &a->members, x->l->ends.v[ends->v[i]].inside[0]);
                mean_families(x, f, a);
            }
        }
        if (x->w->classes[c].kind == EP_RANGE && f->kind == END_ADDRESS) {
            add_range(x, f, &x->w->classes[c], out);
        }
    }
}

/* The first service with an address that is asked for, or NULL. A whole family is meant to hold
 * everything. */
static const struct service *service_at(const struct asking *x, const struct focus_end *f)
{
    const struct inventory *inv = &x->w->program->inv;
    const struct ipset asked = {.v = (struct ip_range[]){f->range}, .n = 1};
    if (f->kind != END_ADDRESS || ipset_is_all(asked, f->family)) {
        return NULL;
    }
    for (size_t i = 0; i < inv->services.n; i++) {
        const struct service *s = inv->services.v[i];
        for (size_t k = 0; k < s->naddrs; k++) {
            if (s->addrs[k].family == f->family && ipset_has(asked, s->addrs[k].ip)) {
                return s;
            }
        }
    }
    return NULL;
}

/* Policy sees the pod behind a service instead: what is answered about the address of the service
 * is true of no connection. */
static void warn_service(const struct asking *x, const struct focus_end *f)
{
    const struct inventory *inv = &x->w->program->inv;
    const struct service *s = service_at(x, f);
    struct diags *diags = &x->w->ctx->diags;
    if (s == NULL) {
        return;
    }
    const bool alone = ip_cmp(f->range.first, f->range.last) == 0;
    struct diag *d =
        diag_warning(diags, NPC309, (struct span){0},
                     STR_FMT " %s the address of Service " STR_FMT "/" STR_FMT
                             ", which is replaced by that of a pod before policy is applied",
                     STR_ARG(f->text), alone ? "is" : "holds", STR_ARG(s->ns), STR_ARG(s->name));
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        if (service_selects(s, w) && !w->finished && !w->host_network) {
            diag_hint(diags, d, "ask for its pods, such as " STR_FMT "/" STR_FMT, STR_ARG(w->ns),
                      STR_ARG(w->name));
            return;
        }
    }
}

static bool find_ends(struct asking *x, const struct query *q)
{
    struct list_options options = {
        .level = LIST_PODS, .nodes = true, .from = q->from, .to = q->to, .port = q->port};
    x->l = ARENA_NEW(x->arena, struct lister);
    lister_init(x->l, x->w, &options);
    if (!focus_read(x->l)) {
        return false;
    }
    const struct focus_end host = {.kind = END_WORKLOAD, .workload = x->w->options.host};
    if (q->from_host) {
        x->l->focus.from = host;
    }
    if (q->to_host) {
        x->l->focus.to = host;
    }
    for (size_t f = 0; q->ports != NULL && f < FAMILIES; f++) {
        x->l->focus.has_port = true;
        x->l->focus.port[f] = traffic_id(x->w->traffic, (enum family)f, *q->ports);
    }
    ranges_prepare(x->l);
    list_ends(x->l);
    focus_flags(x->l, 0);
    if (!focus_check(x->l)) {
        return false;
    }
    warn_service(x, &x->l->focus.from);
    warn_service(x, &x->l->focus.to);
    find_end(x, &x->l->focus.from, FOCUS_FROM, &x->from);
    find_end(x, &x->l->focus.to, FOCUS_TO, &x->to);
    bool ok = true;
    const struct asked_end *ends[] = {&x->from, &x->to};
    for (size_t i = 0; i < 2; i++) {
        if (ends[i]->classes.n == 0) {
            struct str text = i == 0 ? q->from : q->to;
            diag_error(&x->w->ctx->diags, NPC902, (struct span){0},
                       "nobody with connections of its own is '" STR_FMT "'", STR_ARG(text));
            ok = false;
        }
    }
    return ok;
}

/* ---- pairs ---- */

static struct str name_of(const struct asking *x, const struct asked *a,
                          const struct endpoint_member *m, enum family f)
{
    return m != NULL ? naming_member(&x->l->naming, m) : addresses_text(x->arena, f, a->example);
}

static struct explain_end end_of(const struct asked *a, const struct endpoint_member *m,
                                 struct str name)
{
    return (struct explain_end){.class_id = a->class_id,
                                .member = m,
                                .range = m == NULL ? &a->example : NULL,
                                .name = name};
}

/* A pair of members whose traffic policies decide about; a range has none. */
static bool find_members(const struct world *w, const struct asked *a, const struct asked *b,
                         const struct endpoint_member **m, const struct endpoint_member **n)
{
    *m = a->members.n > 0 ? a->members.v[0] : NULL;
    *n = b->members.n > 0 ? b->members.v[0] : NULL;
    for (size_t i = 0; i < a->members.n; i++) {
        for (size_t k = 0; k < b->members.n; k++) {
            *m = a->members.v[i];
            *n = b->members.v[k];
            if (!world_is_free(w, *m, *n)) {
                return true;
            }
        }
    }
    return a->members.n == 0 || b->members.n == 0;
}

/* Pairs of members that policies decide about; counted one by one only within a class or between
 * pods and nodes, where some are free. */
static size_t count_pairs(const struct asking *x, const struct asked *a, const struct asked *b,
                          size_t *free)
{
    size_t na = a->members.n > 0 ? a->members.n : 1, nb = b->members.n > 0 ? b->members.n : 1;
    enum endpoint_kind ka = x->w->classes[a->class_id].kind, kb = x->w->classes[b->class_id].kind;
    bool some_free = a->class_id == b->class_id || ka == EP_NODE || kb == EP_NODE;
    size_t found = 0;
    for (size_t i = 0; some_free && i < a->members.n; i++) {
        for (size_t k = 0; k < b->members.n; k++) {
            found += world_is_free(x->w, a->members.v[i], b->members.v[k]);
        }
    }
    *free += found;
    return na * nb - found;
}

/* A pair that may do nothing shows more than one that may do some of it. */
static bool misses_more(const struct query_pair *a, const struct query_pair *b)
{
    return b == NULL || (a->allowed == TRAFFIC_NONE && b->allowed != TRAFFIC_NONE);
}

static void show_pair(struct asking *x, const struct query_pair *pair, bool whole)
{
    struct query_pair **slot = whole ? &x->answer->shown : &x->answer->counter;
    if (whole ? *slot == NULL : misses_more(pair, *slot)) {
        *slot = ARENA_NEW(x->arena, struct query_pair);
        **slot = *pair;
    }
}

/* One family of a pair. What always passes counts where all that was asked for passes: what is
 * asked about more, such as all of ICMP, is a question about policies. */
static struct query_pair ask_family(const struct asking *x, enum family f, uint32_t port,
                                    struct traffic policies, struct traffic passes)
{
    struct traffic_table *table = x->w->traffic;
    struct query_pair out = {.family = f,
                             .allowed = traffic_intersect(table, policies.of[f], port)};
    out.denied = traffic_subtract(table, port, passes.of[f]);
    if (out.denied == TRAFFIC_NONE) {
        out.kept = out.allowed == TRAFFIC_NONE;
        out.allowed = port;
    }
    return out;
}

static bool has_all(const struct asking *x, const struct query_pair *p)
{
    return x->answer->any_traffic ? p->allowed != TRAFFIC_NONE : p->denied == TRAFFIC_NONE;
}

static uint32_t port_of(const struct asking *x, enum family f)
{
    return x->l->focus.has_port ? x->l->focus.port[f] : TRAFFIC_ALL;
}

/* Whether there can be such a connection at all. */
static bool can_connect(const struct asking *x, const struct asked *a, const struct asked *b,
                        enum family f)
{
    return a->has[f] && b->has[f] && port_of(x, f) != TRAFFIC_NONE;
}

/* Which address an end lacks for a connection with the other; empty if it lacks none. */
static struct str lack_of(const struct asking *x, const struct asked *a, const struct asked *other,
                          const struct focus_end *end)
{
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        bool only = port_of(x, f == FAM_IP4 ? FAM_IP6 : FAM_IP4) == TRAFFIC_NONE;
        if (!a->has[f] && port_of(x, f) != TRAFFIC_NONE && (other->has[f] || only)) {
            const bool named = end->kind != END_ADDRESS; /* what is asked of it is its own */
            const struct str name = named ? name_of(x, a, a->members.v[0], f) : end->text;
            return str_printf(x->arena, STR_FMT " has no %s address", STR_ARG(name),
                              family_name(f));
        }
    }
    return STR("");
}

/* Says so of the first pair: of an end that is no address, if there is one. */
static void note_lack(struct asking *x, const struct asked *a, const struct asked *b)
{
    const struct focus *f = &x->l->focus;
    if (x->answer->lacks.n > 0) {
        return;
    }
    const struct str from = lack_of(x, a, b, &f->from), to = lack_of(x, b, a, &f->to);
    const bool to_first = f->from.kind == END_ADDRESS && f->to.kind != END_ADDRESS;
    x->answer->lacks = from.n == 0 || (to_first && to.n > 0) ? to : from;
}

static void ask_pair(struct asking *x, const struct asked *a, const struct asked *b)
{
    struct query_answer *out = x->answer;
    const struct endpoint_member *m, *n;
    if (!can_connect(x, a, b, FAM_IP4) && !can_connect(x, a, b, FAM_IP6)) {
        note_lack(x, a, b);
        return;
    }
    size_t pairs = count_pairs(x, a, b, &out->free);
    if (pairs == 0 || !find_members(x->w, a, b, &m, &n)) {
        return;
    }
    struct traffic t = world_traffic(x->w, a->class_id, b->class_id);
    struct traffic passes = out->any_traffic ? t : world_passes(x->w, a->class_id, b->class_id);
    struct query_pair found[FAMILIES];
    size_t nfound = 0;
    bool all = true, none = true;
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        if (!can_connect(x, a, b, f)) {
            continue;
        }
        struct query_pair *p = &found[nfound++];
        *p = ask_family(x, f, port_of(x, f), t, passes);
        p->from = name_of(x, a, m, f);
        p->to = name_of(x, b, n, f);
        p->source = end_of(a, m, p->from);
        p->target = end_of(b, n, p->to);
        all = all && has_all(x, p);
        none = none && p->allowed == TRAFFIC_NONE;
    }
    for (size_t i = 0; i < nfound; i++) {
        found[i].by_family = nfound > 1 && found[0].allowed != found[1].allowed;
        show_pair(x, &found[i], has_all(x, &found[i]));
    }
    out->pairs += pairs;
    out->whole += all ? pairs : 0;
    out->nothing += none ? pairs : 0;
}

/* Whether policies decide about the pair, and about the host if that is asked. */
static bool is_meant(const struct world *w, uint32_t from, uint32_t to)
{
    const struct class_facts *facts = w->parts->facts.v;
    if (w->options.host != NULL && !facts[from].host && !facts[to].host) {
        return false;
    }
    return w->classes[from].kind == EP_WORKLOAD || w->classes[to].kind == EP_WORKLOAD;
}

const struct query_answer *query_ask(const struct world *w, const struct query *q)
{
    struct asking x = {.w = w, .arena = &w->ctx->arena};
    x.answer = ARENA_NEW(x.arena, struct query_answer);
    *x.answer =
        (struct query_answer){.world = w, .any_traffic = q->port.n == 0 && q->ports == NULL};
    if (!find_ends(&x, q)) {
        return NULL;
    }
    for (size_t i = 0; i < x.from.classes.n; i++) {
        for (size_t k = 0; k < x.to.classes.n; k++) {
            const struct asked *from = &x.from.classes.v[i], *to = &x.to.classes.v[k];
            if (is_meant(w, from->class_id, to->class_id)) {
                ask_pair(&x, from, to);
            }
        }
    }
    struct query_answer *out = x.answer;
    if (out->pairs == 0 && out->free == 0 && out->lacks.n == 0) {
        struct diag *d =
            diag_error(&w->ctx->diags, NPC902, (struct span){0},
                       "no policy decides about traffic from '" STR_FMT "' to '" STR_FMT "'",
                       STR_ARG(q->from), STR_ARG(q->to));
        diag_hint(&w->ctx->diags, d, "one end must be %s",
                  w->options.host != NULL ? "the host" : "a workload");
        return NULL;
    }
    if (out->pairs > 0 || out->free > 0) {
        out->lacks = STR("");
    }
    out->verdict = out->lacks.n > 0             ? QUERY_NO
                   : out->whole == out->pairs   ? QUERY_YES
                   : out->nothing == out->pairs ? QUERY_NO
                                                : QUERY_PARTLY;
    return out;
}
