/*
 * The npc backend: any program as source of the language, without loss. What it prints is formatted
 * and parses to the same program. It prints policies, tiers, tests and what the language can say of
 * an inventory if it was said in the language; objects of a cluster stay where they are.
 */
#include "backends/backend.h"
#include "backends/npc_phrases.h"

struct printer {
    struct emit *e;
    struct npc_writer w;
    struct str block;                 /* the namespace whose block is open, or empty */
    bool is_first;                    /* of the blocks of that namespace */
    struct strmap entered;            /* namespaces that had a block */
    struct strmap workloads;          /* of a namespace: the first that the language gave it */
    struct workload *const *homeless; /* the first that it gave no namespace, or NULL */
};

/* ---- statements of a policy ---- */

static void print_labels(struct npc_writer *w, const char *keyword, const struct label *labels,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        npc_put(w, keyword);
        npc_put(w, " ");
        npc_word(w, labels[i].key);
        npc_put(w, " = ");
        npc_word(w, labels[i].value);
        npc_end(w);
    }
}

/* `desc` is an annotation that stands first. */
static void print_annotations(struct npc_writer *w, const struct policy *p)
{
    const struct labels *a = &p->annotations;
    bool described = a->n > 0 && str_is(a->v[0].key, "kubernetes.io/description");
    if (described) {
        npc_put(w, "desc ");
        npc_string(w, a->v[0].value);
        npc_end(w);
    }
    print_labels(w, "label", p->labels.v, p->labels.n);
    if (a->n > described) {
        print_labels(w, "annotation", a->v + described, a->n - described);
    }
}

/* A raw text has no escapes, and its end is three quotes. */
static bool print_raw(struct printer *p, const struct raw *raw)
{
    bool ends = raw->text.n > 0 && raw->text.p[raw->text.n - 1] == '"';
    for (size_t i = 0; i + 2 < raw->text.n; i++) {
        const char *at = raw->text.p + i;
        ends = ends || (at[0] == '"' && at[1] == '"' && at[2] == '"');
    }
    if (ends) {
        diag_error(&p->e->ctx->diags, NPC406, raw->at,
                   "the npc backend cannot say raw text that holds three quotes or ends in one");
        return false;
    }
    npc_put(&p->w, "raw ");
    npc_word(&p->w, raw->backend);
    npc_put(&p->w, " \"\"\"");
    npc_put_str(&p->w, raw->text);
    npc_put(&p->w, "\"\"\"");
    npc_end(&p->w);
    return true;
}

static void print_default(struct npc_writer *w, const char *verb, const bool *of)
{
    if (!of[DIR_INGRESS] && !of[DIR_EGRESS]) {
        return;
    }
    npc_put(w, "default ");
    npc_put(w, verb);
    npc_put(w, " ");
    if (of[DIR_INGRESS] && of[DIR_EGRESS]) {
        npc_open(w);
        npc_put(w, "ingress");
        npc_next(w);
        npc_put(w, "egress");
        npc_close(w);
    } else {
        npc_put(w, direction_name(of[DIR_INGRESS] ? DIR_INGRESS : DIR_EGRESS));
    }
    npc_end(w);
}

/* Rules isolate their direction; `default` says where that is not so, or where there are none. */
static void print_isolation(struct npc_writer *w, const struct policy *p)
{
    bool deny[DIRECTIONS] = {false}, allow[DIRECTIONS] = {false};
    for (size_t d = 0; d < DIRECTIONS; d++) {
        deny[d] = p->isolates[d] && p->nrules[d] == 0;
        allow[d] = !p->isolates[d] && p->nrules[d] > 0;
    }
    print_default(w, "deny", deny);
    print_default(w, "allow", allow);
}

static void print_rule(struct npc_writer *w, const struct rule *r)
{
    npc_put(w, action_name(r->action));
    npc_put(w, r->direction == DIR_INGRESS ? " from " : " to ");
    npc_put_peers(w, r->any_peer, r->peers, r->npeers);
    npc_put_ports(w, r->any_port, r->ports, r->nports);
    if (r->name.n > 0) {
        npc_put(w, " as ");
        npc_string(w, r->name);
    }
    npc_end(w);
}

static void print_head(struct npc_writer *w, const struct policy *p)
{
    bool cluster = policy_is_cluster(p);
    npc_put(w, cluster ? "cluster policy " : "policy ");
    npc_word(w, p->name);
    if (cluster) {
        npc_put(w, " in tier ");
        npc_word(w, p->tier);
        npc_put(w, " priority ");
        npc_put_u64(w, p->priority);
    }
    npc_put(w, " for ");
    if (p->target_pods != NULL) {
        npc_put_pods(w, p->target_pods);
    }
    if (cluster) {
        npc_put(w, p->target_pods != NULL ? " in " : "");
        npc_put_namespaces(w, p->target_ns);
    }
    npc_block(w);
}

static bool print_policy(struct printer *pr, const struct policy *p)
{
    struct npc_writer *w = &pr->w;
    bool ok = true;
    npc_item(w);
    print_head(w, p);
    print_annotations(w, p);
    for (size_t i = 0; i < p->nraws; i++) {
        ok = print_raw(pr, &p->raws[i]) && ok;
    }
    if (!policy_is_cluster(p)) {
        print_isolation(w, p);
    }
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < p->nrules[d]; i++) {
            print_rule(w, &p->rules[d][i]);
        }
    }
    npc_block_end(w);
    return ok;
}

/* ---- inventory ---- */

/* Whether a thing was said in the language, and not by an object of a cluster. */
static bool is_source(const struct printer *p, struct span at)
{
    return at.file != 0 && sources_get(&p->e->ctx->sources, at.file)->is_npc;
}

static void put_addresses(struct npc_writer *w, const struct address *addrs, size_t n)
{
    struct arena *a = w->line->arena;
    npc_put(w, "addr ");
    if (n == 1) {
        npc_put_str(w, ip_text(a, addrs->family, addrs->ip));
        return;
    }
    npc_open(w);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            npc_next(w);
        }
        npc_put_str(w, ip_text(a, addrs[i].family, addrs[i].ip));
    }
    npc_close(w);
}

static void put_named_port(struct npc_writer *w, const struct named_port *port)
{
    npc_put(w, "port ");
    npc_word(w, port->name);
    npc_put(w, " = ");
    npc_put(w, proto_name(port->proto));
    npc_put(w, "/");
    npc_put_u64(w, port->number);
}

struct thing { /* a node or workload */
    const char *keyword;
    struct str name;
    const struct address *addrs;
    const struct named_port *ports;
    const struct labels *labels;
    size_t naddrs, nports;
};

/* Ends one property: in a line of its own, or with a blank. */
static void end_property(struct npc_writer *w, bool in_line)
{
    if (in_line) {
        npc_put(w, " ");
    } else {
        npc_end(w);
    }
}

static void put_properties(struct npc_writer *w, const struct thing *t, bool in_line)
{
    if (t->naddrs > 0) {
        put_addresses(w, t->addrs, t->naddrs);
        end_property(w, in_line);
    }
    for (size_t i = 0; i < t->labels->n; i++) {
        npc_put(w, "label ");
        npc_word(w, t->labels->v[i].key);
        npc_put(w, "=");
        npc_word(w, t->labels->v[i].value);
        end_property(w, in_line);
    }
    for (size_t i = 0; i < t->nports; i++) {
        put_named_port(w, &t->ports[i]);
        end_property(w, in_line);
    }
}

static void put_thing(struct npc_writer *w, const struct thing *t)
{
    npc_put(w, t->keyword);
    npc_put(w, " ");
    npc_word(w, t->name);
}

/* On one line if it fits there. */
static void print_thing(struct npc_writer *w, const struct thing *t)
{
    put_thing(w, t);
    npc_put(w, " { ");
    put_properties(w, t, true);
    npc_put(w, "}");
    bool any = t->naddrs + t->labels->n + t->nports > 0;
    if (any && npc_fits(w)) {
        npc_end(w);
        return;
    }
    npc_drop(w);
    put_thing(w, t);
    npc_block(w);
    put_properties(w, t, false);
    npc_block_end(w);
}

static void print_node(struct npc_writer *w, const struct node_object *n)
{
    const struct thing t = {
        .keyword = "node",
        .name = n->name,
        .addrs = n->addrs,
        .naddrs = n->naddrs,
        .labels = &n->labels,
    };
    print_thing(w, &t);
}

static void print_workload(struct npc_writer *w, const struct workload *l)
{
    const struct thing t = {
        .keyword = "workload",
        .name = l->name,
        .addrs = l->addrs,
        .naddrs = l->naddrs,
        .labels = &l->labels,
        .ports = l->ports,
        .nports = l->nports,
    };
    print_thing(w, &t);
}

/* ---- tests ---- */

/* Whether the selector is what `in this namespace` means inside the block of ns. */
static bool is_this(const struct selector *s, struct str ns)
{
    const struct sel_req *req = s != NULL ? selector_ns_names(s) : NULL;
    return req != NULL && req->op == SEL_EQ && str_eq(req->values[0], ns);
}

/* In a test every phrase is resolved; those of its own namespace need not name it. */
static void put_end(struct npc_writer *w, const struct test *t, const struct test_end *end)
{
    if (end->workload.n > 0) {
        npc_put(w, "workload ");
        npc_word(w, end->workload);
        return;
    }
    struct peer *peers = ARENA_NEW_ARRAY(w->line->arena, end->npeers, struct peer);
    for (size_t i = 0; i < end->npeers; i++) {
        peers[i] = end->peers[i];
        if (peers[i].pods != NULL && is_this(peers[i].ns, t->ns)) {
            peers[i].ns = NULL;
        }
    }
    npc_put_peers(w, end->any, peers, end->npeers);
}

static void print_test(struct npc_writer *w, const struct test *t)
{
    npc_item(w);
    npc_put(w, "test ");
    npc_string(w, t->name);
    npc_block(w);
    for (size_t i = 0; i < t->n; i++) {
        const struct expectation *x = &t->v[i];
        npc_put(w, x->allow ? "expect allow " : "expect deny ");
        put_end(w, t, &x->from);
        npc_put(w, " -> ");
        put_end(w, t, &x->to);
        npc_put_ports(w, x->any_port, x->ports, x->nports);
        npc_end(w);
    }
    npc_block_end(w);
}

/* ---- the program ---- */

/* The `label` lines of a namespace. */
static void print_namespace_labels(struct printer *p, struct str name)
{
    const struct ns_object *ns = inventory_find_ns(&p->e->program->inv, name);
    for (size_t i = 0; ns != NULL && i < ns->labels.n; i++) {
        if (is_source(p, ns->labels.v[i].at)) {
            print_labels(&p->w, "label", &ns->labels.v[i], 1);
        }
    }
}

/* Those of a namespace from the first on, or all that were given none. */
static void print_workloads(struct printer *p, struct workload *const *first, bool homeless)
{
    const struct inventory *inv = &p->e->program->inv;
    struct workload *const *end = inv->workloads.v + inv->workloads.n;
    npc_item(&p->w);
    for (struct workload *const *l = first; l < end; l++) {
        if (!homeless && !str_eq((*l)->ns, (*first)->ns)) {
            break;
        }
        if ((*l)->kind == WL_WORKLOAD && (*l)->homeless == homeless) {
            print_workload(&p->w, *l);
        }
    }
}

/* Goes into the block of a namespace, or out of all if ns is empty. The first block of a namespace
 * begins with its labels and ends with its workloads. */
static void enter(struct printer *p, struct str ns)
{
    if (str_eq(p->block, ns)) {
        return;
    }
    if (p->block.n > 0) {
        struct workload *const *first = strmap_get(&p->workloads, p->block);
        if (p->is_first && first != NULL) {
            print_workloads(p, first, false);
        }
        npc_block_end(&p->w);
    }
    p->block = ns;
    if (ns.n > 0) {
        p->is_first = strmap_put(&p->entered, ns, p) == NULL;
        npc_item(&p->w);
        npc_put(&p->w, "namespace ");
        npc_word(&p->w, ns);
        npc_block(&p->w);
        if (p->is_first) {
            print_namespace_labels(p, ns);
        }
    }
}

/* The namespaces that the language said something of, and that have no policy. */
static void print_other_namespaces(struct printer *p)
{
    const struct inventory *inv = &p->e->program->inv;
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        const struct ns_object *ns = inv->namespaces.v[i];
        bool said = strmap_get(&p->workloads, ns->name) != NULL;
        for (size_t j = 0; j < ns->labels.n && !said; j++) {
            said = is_source(p, ns->labels.v[j].at);
        }
        if (said && strmap_get(&p->entered, ns->name) == NULL) {
            enter(p, ns->name);
        }
    }
}

/* Where the workloads of each namespace begin, and those without one; they are sorted by namespace.
 */
static void index_workloads(struct printer *p)
{
    const struct inventory *inv = &p->e->program->inv;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *l = inv->workloads.v[i];
        if (l->kind != WL_WORKLOAD) {
            continue;
        }
        if (l->homeless) {
            p->homeless = p->homeless != NULL ? p->homeless : &inv->workloads.v[i];
        } else if (strmap_get(&p->workloads, l->ns) == NULL) {
            strmap_put(&p->workloads, l->ns, &inv->workloads.v[i]);
        }
    }
}

static void print_top(struct printer *p)
{
    const struct program *program = p->e->program;
    for (size_t i = 0; i < program->tiers.n; i++) {
        npc_put(&p->w, "tier ");
        npc_word(&p->w, program->tiers.v[i].name);
        npc_put(&p->w, " order ");
        npc_put_u64(&p->w, program->tiers.v[i].order);
        npc_end(&p->w);
    }
    bool begun = false;
    for (size_t i = 0; i < program->inv.nodes.n; i++) {
        if (!is_source(p, program->inv.nodes.v[i]->at)) {
            continue;
        }
        if (!begun) {
            npc_item(&p->w);
            begun = true;
        }
        print_node(&p->w, program->inv.nodes.v[i]);
    }
    if (p->homeless != NULL) {
        print_workloads(p, p->homeless, true);
    }
}

static bool emit_npc(struct emit *e)
{
    const struct program *program = e->program;
    struct printer p = {.e = e};
    npc_writer_init(&p.w, &e->ctx->arena, e->out);
    strmap_init(&p.entered, &e->ctx->arena);
    strmap_init(&p.workloads, &e->ctx->arena);
    index_workloads(&p);
    bool ok = true;
    print_top(&p);
    for (size_t i = 0; i < program->policies.n; i++) {
        enter(&p, program->policies.v[i]->ns);
        ok = print_policy(&p, program->policies.v[i]) && ok;
    }
    print_other_namespaces(&p);
    for (size_t i = 0; i < program->tests.n; i++) {
        enter(&p, program->tests.v[i].ns);
        print_test(&p.w, &program->tests.v[i]);
    }
    enter(&p, STR(""));
    for (size_t i = 0; i < program->raws.n; i++) {
        npc_item(&p.w);
        ok = print_raw(&p, &program->raws.v[i]) && ok;
    }
    return ok;
}

const struct backend backend_npc = {
    .name = "npc",
    .extension = "npc",
    .summary = "the npc language: decompiles anything, without loss",
    .flags = BACKEND_ONE_CLUSTER_KIND | BACKEND_SOURCE,
    .features = FEATURES_ALL,
    .emit = emit_npc,
};
