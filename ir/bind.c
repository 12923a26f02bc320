/*
 * Binding: the steps in their order, who is in scope, and what is wrong with addresses. The work is
 * done in the parts that bind_priv.h lists; nothing here knows how selectors or ports are matched.
 */
#include "ir/bind_priv.h"

#include <string.h>

struct id_list ids_copy(struct arena *a, const uint32_t *v, size_t n)
{
    struct id_list l = {ARENA_NEW_ARRAY(a, n, uint32_t), n};
    if (n > 0) {
        memcpy(l.v, v, n * sizeof *v);
    }
    return l;
}

bool bind_explodes(struct binding *b, struct span at, size_t count)
{
    struct diags *d = &b->ctx->diags;
    struct diag *rec =
        diag_error(d, NPC605, at, "the policies expand to %zu elements or more; the limit is %zu",
                   count, b->max_elements);
    diag_hint(d, rec, "split the inventory by node, or raise --max-elements");
    return false;
}

/* ---- scope ---- */

static bool is_live(const struct workload *w)
{
    return w->kind != WL_TEMPLATE && !w->finished;
}

static bool is_local(const struct bind_options *o, const struct workload *w)
{
    switch (o->scope) {
    case BIND_ALL:
        return true;
    case BIND_NODE:
        return str_eq(w->node, o->node);
    case BIND_HOST:
        return str_eq(w->ns, o->host_ns) && str_eq(w->name, o->host);
    }
    return false;
}

static void collect_live(struct binding *b)
{
    const struct inventory *inv = &b->program->inv;
    b->live = ARENA_NEW_ARRAY(b->scratch, inv->workloads.n, struct live);
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        if (is_live(w) && !w->host_network) {
            b->live[b->nlive++] = (struct live){.w = w, .local = is_local(b->options, w)};
        }
    }
}

static bool check_node(const struct binding *b)
{
    const struct inventory *inv = &b->program->inv;
    if (inventory_find_node(inv, b->options->node) != NULL) {
        return true;
    }
    struct str *names = ARENA_NEW_ARRAY(b->scratch, inv->nodes.n + inv->workloads.n, struct str);
    size_t n = 0;
    for (size_t i = 0; i < inv->nodes.n; i++) {
        names[n++] = inv->nodes.v[i]->name;
    }
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        if (!is_live(w)) {
            continue;
        }
        if (str_eq(w->node, b->options->node)) {
            return true;
        }
        names[n++] = w->node;
    }
    struct diags *d = &b->ctx->diags;
    struct diag *rec = diag_error(d, NPC902, (struct span){0},
                                  "no node and no pod of a node " STR_FMT " is in the inventory",
                                  STR_ARG(b->options->node));
    struct str near = str_nearest(b->options->node, names, n);
    if (near.n > 0) {
        diag_hint(d, rec, "did you mean " STR_FMT "?", STR_ARG(near));
    }
    return false;
}

/* Why a workload cannot be the host. */
static const char *host_fault(const struct workload *w)
{
    if (w->kind == WL_TEMPLATE) {
        return "is a pod template, not a machine";
    }
    if (w->finished) {
        return "is finished";
    }
    return "is on its node's network, where no policy applies to it";
}

static void report_no_host(struct ctx *c, const struct inventory *inv, struct str ns,
                           struct str name, const struct workload *unfit)
{
    struct diags *d = &c->diags;
    if (unfit != NULL) {
        diag_error(d, NPC902, unfit->at, "host " STR_FMT "/" STR_FMT " %s", STR_ARG(ns),
                   STR_ARG(name), host_fault(unfit));
        return;
    }
    struct diag *rec = diag_error(d, NPC902, (struct span){0},
                                  "no workload " STR_FMT "/" STR_FMT " is in the inventory",
                                  STR_ARG(ns), STR_ARG(name));
    struct arena *a = &c->arena;
    struct str *names = ARENA_NEW_ARRAY(a, inv->workloads.n, struct str);
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        names[i] = str_path(a, w->ns, w->name);
    }
    struct str near = str_nearest(str_path(a, ns, name), names, inv->workloads.n);
    if (near.n > 0) {
        diag_hint(d, rec, "did you mean " STR_FMT "?", STR_ARG(near));
    }
}

const struct workload *bind_find_host(struct ctx *c, const struct inventory *inv, struct str ns,
                                      struct str name)
{
    const struct workload *first = inventory_find_workload(inv, ns, name);
    if (first != NULL && is_live(first) && !first->host_network) {
        return first;
    }
    report_no_host(c, inv, ns, name, first);
    return NULL;
}

static bool find_host(struct binding *b, struct bound *out)
{
    const struct bind_options *o = b->options;
    out->host = bind_find_host(b->ctx, &b->program->inv, o->host_ns, o->host);
    for (uint32_t i = 0; i < b->nlive; i++) {
        b->host = b->live[i].w == out->host ? i : b->host;
    }
    return out->host != NULL;
}

static bool check_scope(struct binding *b, struct bound *out)
{
    switch (b->options->scope) {
    case BIND_ALL:
        return true;
    case BIND_NODE:
        return check_node(b);
    case BIND_HOST:
        return find_host(b, out);
    }
    return false;
}

/* ---- addresses ---- */

static int compare_endpoints(const void *x, const void *y)
{
    const struct endpoint *a = x, *b = y;
    int c = ip_cmp(a->ip, b->ip);
    return c != 0 ? c : (a->live > b->live) - (a->live < b->live);
}

static bool report_shared(const struct binding *b, enum family f, const struct endpoint *e)
{
    const struct workload *first = b->live[e[0].live].w, *second = b->live[e[1].live].w;
    struct diags *d = &b->ctx->diags;
    struct str ip = ip_text(b->scratch, f, e->ip);
    struct diag *rec = diag_error(
        d, NPC602, second->at,
        STR_FMT " is " STR_FMT "/" STR_FMT " and " STR_FMT "/" STR_FMT
                ": their policies would mix; expected one live workload for each address",
        STR_ARG(ip), STR_ARG(first->ns), STR_ARG(first->name), STR_ARG(second->ns),
        STR_ARG(second->name));
    diag_also(d, rec, first->at, STR_FMT "/" STR_FMT " is here", STR_ARG(first->ns),
              STR_ARG(first->name));
    return false;
}

bool bind_endpoints(struct binding *b, enum family f)
{
    for (uint32_t i = 0; i < b->nlive; i++) {
        const struct workload *w = b->live[i].w;
        for (size_t k = 0; k < w->naddrs; k++) {
            if (w->addrs[k].family == f) {
                vec_push(b->scratch, &b->endpoints[f], (struct endpoint){w->addrs[k].ip, i});
            }
        }
    }
    struct endpoint *v = b->endpoints[f].v;
    size_t n = b->endpoints[f].n, kept = 0;
    array_sort(v, n, sizeof *v, compare_endpoints);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        bool repeated = i > 0 && ip_cmp(v[i - 1].ip, v[i].ip) == 0;
        if (repeated && v[i - 1].live != v[i].live) {
            ok = report_shared(b, f, &v[i - 1]);
        }
        if (!repeated || v[i - 1].live != v[i].live) {
            v[kept++] = v[i];
        }
    }
    b->endpoints[f].n = kept;
    return ok;
}

static struct addr_list local_addresses(const struct binding *b, enum family f)
{
    struct addr_list l = {ARENA_NEW_ARRAY(b->arena, b->endpoints[f].n, struct ip), 0};
    for (size_t i = 0; i < b->endpoints[f].n; i++) {
        const struct endpoint *e = &b->endpoints[f].v[i];
        if (b->live[e->live].local) {
            l.v[l.n++] = e->ip;
        }
    }
    return l;
}

static int compare_pairs(const void *x, const void *y)
{
    const struct addr_pair *a = x, *b = y;
    int c = ip_cmp(a->source, b->source);
    return c != 0 ? c : ip_cmp(a->destination, b->destination);
}

/* Pairs are the square of a workload's addresses: they are counted before they are made. */
static bool count_pairs(struct binding *b, enum family f)
{
    size_t count = 0;
    for (uint32_t i = 0; i < b->nlive; i++) {
        const struct workload *w = b->live[i].w;
        size_t n = 0;
        for (size_t k = 0; b->live[i].local && k < w->naddrs; k++) {
            n += w->addrs[k].family == f;
        }
        count += n * n;
        if (count > b->max_elements) {
            return bind_explodes(b, w->at, count);
        }
    }
    return true;
}

/* A pod may reach itself through a Service, from any of its addresses at any of them. */
static void pair_addresses(const struct binding *b, enum family f, struct bound *out)
{
    VEC(struct addr_pair) pairs = {0};
    for (size_t i = 0; i < b->endpoints[f].n; i++) {
        const struct endpoint *e = &b->endpoints[f].v[i];
        const struct workload *w = b->live[e->live].w;
        for (size_t k = 0; b->live[e->live].local && k < w->naddrs; k++) {
            if (w->addrs[k].family == f) {
                vec_push(b->arena, &pairs, (struct addr_pair){e->ip, w->addrs[k].ip});
            }
        }
    }
    array_sort(pairs.v, pairs.n, sizeof *pairs.v, compare_pairs);
    for (size_t i = 0; i < pairs.n; i++) {
        if (i == 0 || compare_pairs(&pairs.v[i - 1], &pairs.v[i]) != 0) {
            pairs.v[out->nself[f]++] = pairs.v[i];
        }
    }
    out->self[f] = pairs.v;
}

/* ---- what is said about targets and peers ---- */

/* The first policy that selects each group, or NULL. */
static const struct npolicy **selecting_policies(const struct binding *b)
{
    const struct npolicy **of_matcher =
        ARENA_NEW_ARRAY(b->scratch, b->matchers.n, const struct npolicy *);
    for (size_t i = b->npolicies; i-- > 0;) {
        of_matcher[b->policies[i].target] = b->policies[i].policy;
    }
    const struct npolicy **of_group =
        ARENA_NEW_ARRAY(b->scratch, b->groups.n, const struct npolicy *);
    for (size_t i = 0; i < b->groups.n; i++) {
        const struct group *g = &b->groups.v[i];
        for (size_t k = 0; k < g->matchers.n && of_group[i] == NULL; k++) {
            of_group[i] = of_matcher[g->matchers.v[k]];
        }
    }
    return of_group;
}

/* A pod gets its address later; a machine that is written down without one never will. */
static bool check_target_addresses(const struct binding *b)
{
    if (b->options->scope == BIND_HOST) {
        return true; /* the hook is the match */
    }
    const struct npolicy **selecting = selecting_policies(b);
    struct diags *d = &b->ctx->diags;
    bool ok = true;
    for (size_t i = 0; i < b->nlive; i++) {
        const struct workload *w = b->live[i].w;
        const struct npolicy *p = selecting[b->live[i].group];
        if (w->naddrs > 0 || p == NULL || !b->live[i].local) {
            continue;
        }
        if (w->kind == WL_POD) {
            diag_info(d, NPC601, w->at,
                      "pod " STR_FMT "/" STR_FMT " has no address yet: it gets no rules",
                      STR_ARG(w->ns), STR_ARG(w->name));
            continue;
        }
        struct diag *rec =
            diag_error(d, NPC601, w->at,
                       "workload " STR_FMT "/" STR_FMT " is selected by policy " STR_FMT
                       " and has no address; expected `addr` with at least one",
                       STR_ARG(w->ns), STR_ARG(w->name), STR_ARG(p->origin->name));
        diag_also(d, rec, p->origin->at, "policy " STR_FMT " is here", STR_ARG(p->origin->name));
        ok = false;
    }
    return ok;
}

static bool clause_reaches(struct binding *b, const struct nclause *c, uint32_t matcher)
{
    if (c->kind == PEER_PODS) {
        return b->matchers.v[matcher].reaches;
    }
    return bind_node_addresses(b, c->nodes, FAM_IP4).n > 0 ||
           bind_node_addresses(b, c->nodes, FAM_IP6).n > 0;
}

static void warn_empty_peers(struct binding *b, const struct brule *r)
{
    static const char *const does[] = {
        [ACT_ALLOW] = "allows", [ACT_DENY] = "denies", [ACT_PASS] = "passes"};
    for (size_t i = 0; i < r->matchers.n; i++) {
        const struct nclause *c = &r->rule->clauses[i];
        if (!clause_reaches(b, c, r->matchers.v[i])) {
            diag_warning(&b->ctx->diags, NPC603, c->origin->at,
                         "this peer matches no address of the inventory: it %s nothing now",
                         does[r->rule->action]);
        }
    }
}

/* A rule for nobody allows nobody, and a policy for nobody does nothing: say so. */
static void warn_empty(struct binding *b)
{
    struct diags *d = &b->ctx->diags;
    if (b->nlive == 0 && b->npolicies > 0) {
        diag_warning(d, NPC205, (struct span){0},
                     "the inventory holds no pod or workload that a policy could select: "
                     "nothing is filtered");
        return;
    }
    for (size_t i = 0; i < b->npolicies; i++) {
        const struct policy *p = b->policies[i].policy->origin;
        if (!b->matchers.v[b->policies[i].target].selects) {
            diag_warning(d, NPC205, p->at,
                         "policy " STR_FMT " selects no pod or workload of the inventory",
                         STR_ARG(p->name));
        }
    }
    for (size_t i = 0; i < DIRECTIONS; i++) {
        for (size_t k = 0; k < b->rules[i].n; k++) {
            warn_empty_peers(b, &b->rules[i].v[k]);
        }
    }
}

static void note_family_gaps(const struct binding *b, const struct bound *out)
{
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        if (out->host != NULL && out->local[f].n == 0) {
            diag_info(&b->ctx->diags, NPC606, out->host->at,
                      STR_FMT "/" STR_FMT
                              " has no known %s address: the host rules close both families",
                      STR_ARG(out->host->ns), STR_ARG(out->host->name), family_name(f));
        }
    }
}

/* ---- the steps ---- */

static bool bind_side(struct binding *b, enum family f, enum direction d, struct bound_side *side)
{
    const struct id_list *policies = bind_targets(b, f, d, side);
    const struct peer_rule *peers = bind_peers(b, f, d, side);
    return peers != NULL && bind_grants(b, f, d, peers, policies, side);
}

static bool bind_all(struct binding *b, struct bound *out)
{
    bool ok = check_scope(b, out);
    for (size_t f = 0; f < FAMILIES; f++) {
        ok = bind_endpoints(b, (enum family)f) && ok;
    }
    bind_match(b, out->policies, out->npolicies);
    bind_order(b);
    ok = check_target_addresses(b) && ok;
    warn_empty(b);
    for (size_t f = 0; f < FAMILIES && ok; f++) {
        out->local[f] = local_addresses(b, (enum family)f);
        ok = count_pairs(b, (enum family)f);
        if (ok) {
            pair_addresses(b, (enum family)f, out);
        }
        for (size_t d = 0; d < DIRECTIONS && ok; d++) {
            ok = bind_side(b, (enum family)f, (enum direction)d, &out->side[f][d]);
        }
    }
    if (ok) {
        note_family_gaps(b, out);
    }
    return ok;
}

static void normalize_all(struct ctx *c, const struct program *p, struct str ns, struct bound *out)
{
    out->npolicies = p->policies.n;
    out->policies = ARENA_NEW_ARRAY(&c->arena, p->policies.n, const struct npolicy *);
    for (size_t i = 0; i < p->policies.n; i++) {
        out->policies[i] = policy_normalize(c, p->policies.v[i], ns);
    }
}

/* A policy without namespace lands in the default one, where another may have its name. As
 * objects they can be told apart until kubectl says where they go; as rules they cannot, and the
 * union of both would open more than the one that the cluster keeps. */
bool bind_check_homeless(struct ctx *c, const struct program *p, struct str default_ns)
{
    bool ok = true;
    struct strmap at_home;
    strmap_init(&at_home, &c->arena);
    for (size_t i = 0; i < p->policies.n; i++) {
        struct policy *policy = p->policies.v[i];
        if (!policy_is_cluster(policy) && str_eq(policy->ns, default_ns)) {
            strmap_put(&at_home, policy->name, policy);
        }
    }
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        const struct policy *other = NULL;
        if (!policy_is_cluster(policy) && policy->ns.n == 0) {
            other = strmap_get(&at_home, policy->name);
        }
        if (other != NULL && !policy_equal(policy, other)) {
            struct diag *d =
                diag_error(&c->diags, NPC502, policy->at,
                           "policy " STR_FMT " has no namespace, and namespace " STR_FMT
                           ", where it belongs then, has another one of that name",
                           STR_ARG(policy->name), STR_ARG(default_ns));
            diag_also(&c->diags, d, other->at, "the other one is here");
            diag_hint(&c->diags, d, "say where it belongs: in its metadata, or by --namespace");
            ok = false;
        }
    }
    return ok;
}

void bind_init(struct binding *b, struct ctx *c, const struct program *p, struct arena *scratch)
{
    *b = (struct binding){
        .ctx = c, .program = p, .scratch = scratch, .arena = &c->arena, .key = buf_new(scratch)};
    intern_init(&b->matcher_ids, scratch);
    intern_init(&b->port_names, scratch);
    intern_init(&b->portsets, scratch);
}

const struct bound *bind_program(struct ctx *c, const struct program *p,
                                 const struct bind_options *options)
{
    struct str default_ns = p->has_default_ns ? p->default_ns : STR("default");
    if (!bind_check_homeless(c, p, default_ns)) {
        return NULL;
    }
    struct arena *scratch = arena_new_scratch(&c->arena);
    struct binding b;
    bind_init(&b, c, p, scratch);
    b.options = options;
    b.max_elements = options->max_elements > 0 ? options->max_elements : c->limits.elements;

    struct bound *out = ARENA_NEW(&c->arena, struct bound);
    out->options = options;
    normalize_all(c, p, default_ns, out);
    collect_live(&b);
    bool ok = bind_all(&b, out);
    arena_free(scratch);
    return ok ? out : NULL;
}
