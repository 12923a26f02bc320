/*
 * The JSON backend: the IR as it is, faithful and normalized, for other programs to read. The
 * format is documented in docs/ir-json.md; it does not change without a version.
 *
 * Memory: a json_t is hung into its parent the moment it exists, and the parent's root is deferred
 * on the arena, so nothing leaks when memory runs out in between. One tree at a time is built, one
 * for each element of the top-level lists, and printed before the next.
 */
#include "backends/backend.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    struct ctx *ctx;
    const struct program *program;
    struct buf *out;
    json_t *root; /* of the element at hand; released with the arena */
    char *text;   /* its text; likewise */
};

/* ---- jansson, made to fail like the rest of npc ---- */

static void release_writer(void *resource)
{
    struct writer *w = resource;
    json_decref(w->root);
    free(w->text);
    w->root = NULL;
    w->text = NULL;
}

static json_t *add(struct writer *w, json_t *object, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new(object, key, value) != 0) {
        arena_fail(&w->ctx->arena);
    }
    return value;
}

static json_t *append(struct writer *w, json_t *array, json_t *value)
{
    if (value == NULL || json_array_append_new(array, value) != 0) {
        arena_fail(&w->ctx->arena);
    }
    return value;
}

/* jansson takes UTF-8 only. Input is that; the name of a file may be anything. */
static struct str valid_utf8(struct writer *w, struct str s)
{
    if (utf8_check(s) == s.n) {
        return s;
    }
    struct buf *b = buf_new(&w->ctx->arena);
    while (s.n > 0) {
        uint32_t c;
        size_t n = utf8_decode(s, &c);
        if (n == 0) {
            buf_puts(b, "\xef\xbf\xbd");
            n = 1;
        } else {
            buf_put(b, s.p, n);
        }
        s.p += n;
        s.n -= n;
    }
    return buf_text(b);
}

static json_t *string(struct writer *w, struct str s)
{
    struct str text = valid_utf8(w, s);
    return json_stringn(text.n > 0 ? text.p : "", text.n);
}

static void add_str(struct writer *w, json_t *object, const char *key, struct str s)
{
    struct str text = valid_utf8(w, s);
    add(w, object, key, json_stringn(text.n > 0 ? text.p : "", text.n));
}

static void add_cstr(struct writer *w, json_t *object, const char *key, const char *s)
{
    add(w, object, key, json_string(s));
}

static void add_int(struct writer *w, json_t *object, const char *key, uint64_t v)
{
    add(w, object, key, json_integer((json_int_t)v));
}

static void add_bool(struct writer *w, json_t *object, const char *key, bool v)
{
    add(w, object, key, json_boolean(v));
}

/* ---- places, labels, selectors ---- */

static void add_place(struct writer *w, json_t *object, struct span at)
{
    if (at.file == 0) {
        add(w, object, "at", json_null());
        return;
    }
    json_t *place = add(w, object, "at", json_object());
    add_str(w, place, "file", sources_get(&w->ctx->sources, at.file)->name);
    add_int(w, place, "line", at.line);
    add_int(w, place, "column", at.col);
}

static void add_labels(struct writer *w, json_t *object, const char *name, const struct labels *l)
{
    json_t *map = add(w, object, name, json_object());
    for (size_t i = 0; i < l->n; i++) {
        struct str key = valid_utf8(w, l->v[i].key);
        json_t *value = string(w, l->v[i].value);
        if (value == NULL || json_object_setn_new(map, key.p, key.n, value) != 0) {
            arena_fail(&w->ctx->arena);
        }
    }
}

static const char *operator_name(enum sel_op op)
{
    switch (op) {
    case SEL_EQ:
        return "=";
    case SEL_IN:
        return "in";
    case SEL_NOTIN:
        return "notin";
    case SEL_EXISTS:
        return "exists";
    case SEL_ABSENT:
        return "!exists";
    }
    return "";
}

/* null: absent; []: it was there, and empty. */
static void add_selector(struct writer *w, json_t *object, const char *key,
                         const struct selector *s)
{
    if (s == NULL) {
        add(w, object, key, json_null());
        return;
    }
    json_t *list = add(w, object, key, json_array());
    for (size_t i = 0; i < s->n; i++) {
        json_t *req = append(w, list, json_object());
        add_str(w, req, "key", s->v[i].key);
        add_cstr(w, req, "operator", operator_name(s->v[i].op));
        if (s->v[i].nvalues > 0) {
            json_t *values = add(w, req, "values", json_array());
            for (size_t j = 0; j < s->v[i].nvalues; j++) {
                append(w, values, string(w, s->v[i].values[j]));
            }
        }
    }
}

/* ---- peers and ports, as written ---- */

static void fill_peer(struct writer *w, json_t *o, const struct peer *peer)
{
    struct arena *a = &w->ctx->arena;
    switch (peer->kind) {
    case PEER_PODS:
        add_cstr(w, o, "kind", "pods");
        add_selector(w, o, "namespaces", peer->ns);
        add_selector(w, o, "pods", peer->pods);
        break;
    case PEER_CIDR: {
        add_cstr(w, o, "kind", "cidr");
        add_str(w, o, "cidr", cidr_text(a, peer->cidr));
        json_t *except = add(w, o, "except", json_array());
        for (size_t i = 0; i < peer->nexcept; i++) {
            append(w, except, string(w, cidr_text(a, peer->except[i])));
        }
        break;
    }
    case PEER_NODES:
        add_cstr(w, o, "kind", "nodes");
        add_selector(w, o, "nodes", peer->nodes);
        break;
    case PEER_DOMAIN:
        add_cstr(w, o, "kind", "domain");
        add_str(w, o, "domain", peer->domain);
        break;
    }
    add_place(w, o, peer->at);
}

static void add_peers(struct writer *w, json_t *o, bool any, const struct peer *peers, size_t n)
{
    if (any) {
        add_cstr(w, o, "peers", "any");
        return;
    }
    json_t *list = add(w, o, "peers", json_array());
    for (size_t i = 0; i < n; i++) {
        fill_peer(w, append(w, list, json_object()), &peers[i]);
    }
}

static void fill_icmp(struct writer *w, json_t *o, const struct port *port)
{
    add_int(w, o, "type", port->first >> 8);
    if (port->form == PORT_ONE) {
        add_int(w, o, "code", port->first & 0xff);
    }
}

static void fill_port(struct writer *w, json_t *o, const struct port *port)
{
    add_cstr(w, o, "protocol", proto_name(port->proto));
    bool icmp = port->proto == PROTO_ICMP || port->proto == PROTO_ICMP6;
    switch (port->form) {
    case PORT_ONE:
    case PORT_RANGE:
        if (icmp) {
            fill_icmp(w, o, port);
            break;
        }
        add_int(w, o, "port", port->first);
        if (port->form == PORT_RANGE) {
            add_int(w, o, "endPort", port->last);
        }
        break;
    case PORT_NAMED:
        add_str(w, o, "name", port->name);
        break;
    case PORT_WHOLE:
        break;
    }
    add_place(w, o, port->at);
}

static void add_ports(struct writer *w, json_t *o, bool any, const struct port *ports, size_t n)
{
    if (any) {
        add_cstr(w, o, "ports", "any");
        return;
    }
    json_t *list = add(w, o, "ports", json_array());
    for (size_t i = 0; i < n; i++) {
        fill_port(w, append(w, list, json_object()), &ports[i]);
    }
}

/* ---- the normalized form ---- */

static void add_clauses(struct writer *w, json_t *o, const struct nrule *r)
{
    json_t *list = add(w, o, "clauses", json_array());
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        json_t *clause = append(w, list, json_object());
        if (c->kind == PEER_PODS) {
            add_selector(w, clause, "namespaces", c->ns);
            add_selector(w, clause, "pods", c->pods);
        } else if (c->kind == PEER_NODES) {
            add_selector(w, clause, "nodes", c->nodes);
        } else {
            add_str(w, clause, "domain", c->domain);
        }
    }
}

static void add_nets(struct writer *w, json_t *o, const struct nrule *r)
{
    static const char *const keys[FAMILIES] = {[FAM_IP4] = "ipv4", [FAM_IP6] = "ipv6"};
    struct arena *a = &w->ctx->arena;
    for (size_t f = 0; f < FAMILIES; f++) {
        json_t *list = add(w, o, keys[f], json_array());
        for (size_t i = 0; i < r->nets[f].n; i++) {
            struct buf *text = buf_new(a);
            ip_print(text, (enum family)f, r->nets[f].v[i].first);
            buf_putc(text, '-');
            ip_print(text, (enum family)f, r->nets[f].v[i].last);
            append(w, list, string(w, buf_text(text)));
        }
    }
}

static void add_portset(struct writer *w, json_t *rule, const struct nrule *r)
{
    if (r->any_port) {
        add_cstr(w, rule, "ports", "any");
        return;
    }
    json_t *o = add(w, rule, "ports", json_object());
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        if (r->ports.keys[p].n == 0) {
            continue;
        }
        json_t *list = add(w, o, proto_name((enum proto)p), json_array());
        for (size_t i = 0; i < r->ports.keys[p].n; i++) {
            json_t *pair = append(w, list, json_array());
            append(w, pair, json_integer(r->ports.keys[p].v[i].first));
            append(w, pair, json_integer(r->ports.keys[p].v[i].last));
        }
    }
    json_t *names = add(w, o, "names", json_array());
    for (size_t i = 0; i < r->nnames; i++) {
        json_t *name = append(w, names, json_object());
        add_cstr(w, name, "protocol", proto_name(r->names[i].proto));
        add_str(w, name, "name", r->names[i].name);
    }
}

static void fill_nrule(struct writer *w, json_t *o, const struct nrule *r)
{
    add_cstr(w, o, "direction", direction_name(r->direction));
    add_cstr(w, o, "action", action_name(r->action));
    add_int(w, o, "rule", r->index);
    if (r->any_peer) {
        add_cstr(w, o, "peers", "any");
    } else {
        json_t *peers = add(w, o, "peers", json_object());
        add_clauses(w, peers, r);
        add_nets(w, peers, r);
    }
    add_portset(w, o, r);
}

static void add_normalized(struct writer *w, json_t *policy, const struct policy *p)
{
    const struct program *program = w->program;
    struct str ns = program->has_default_ns ? program->default_ns : STR("default");
    const struct npolicy *n = policy_normalize(w->ctx, p, ns);
    json_t *o = add(w, policy, "normalized", json_object());
    json_t *target = add(w, o, "target", json_object());
    add_selector(w, target, "namespaces", n->target_ns);
    add_selector(w, target, "pods", n->target_pods);
    json_t *rules = add(w, o, "rules", json_array());
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < n->nrules[d]; i++) {
            fill_nrule(w, append(w, rules, json_object()), &n->rules[d][i]);
        }
    }
}

/* ---- elements of the top-level lists ---- */

static void fill_raw(struct writer *w, json_t *o, const struct raw *raw)
{
    add_str(w, o, "backend", raw->backend);
    add_str(w, o, "text", raw->text);
    add_place(w, o, raw->at);
}

static void fill_rule(struct writer *w, json_t *o, const struct rule *r)
{
    add_cstr(w, o, "direction", direction_name(r->direction));
    add_cstr(w, o, "action", action_name(r->action));
    if (r->name.n > 0) {
        add_str(w, o, "name", r->name);
    }
    add_peers(w, o, r->any_peer, r->peers, r->npeers);
    add_ports(w, o, r->any_port, r->ports, r->nports);
    add_place(w, o, r->at);
}

static const char *api_name(enum policy_api api)
{
    switch (api) {
    case API_NETWORK_POLICY:
        return "NetworkPolicy";
    case API_CLUSTER_POLICY:
        return "ClusterNetworkPolicy";
    case API_ADMIN_POLICY:
        return "AdminNetworkPolicy";
    case API_BASELINE_POLICY:
        return "BaselineAdminNetworkPolicy";
    }
    return "";
}

static void add_isolation(struct writer *w, json_t *o, const struct policy *p)
{
    json_t *list = add(w, o, "isolates", json_array());
    for (size_t d = 0; d < DIRECTIONS; d++) {
        if (p->isolates[d]) {
            append(w, list, json_string(direction_name((enum direction)d)));
        }
    }
}

static void fill_policy(struct writer *w, json_t *o, size_t i)
{
    const struct policy *p = w->program->policies.v[i];
    add_cstr(w, o, "kind", api_name(p->api));
    if (p->ns.n > 0) {
        add_str(w, o, "namespace", p->ns);
    }
    add_str(w, o, "name", p->name);
    if (policy_is_cluster(p)) {
        add_str(w, o, "tier", p->tier);
        add_int(w, o, "priority", p->priority);
    }
    add_labels(w, o, "labels", &p->labels);
    add_labels(w, o, "annotations", &p->annotations);
    json_t *target = add(w, o, "target", json_object());
    add_selector(w, target, "namespaces", p->target_ns);
    add_selector(w, target, "pods", p->target_pods);
    if (!policy_is_cluster(p)) {
        add_isolation(w, o, p);
    }
    json_t *rules = add(w, o, "rules", json_array());
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t j = 0; j < p->nrules[d]; j++) {
            fill_rule(w, append(w, rules, json_object()), &p->rules[d][j]);
        }
    }
    if (p->nraws > 0) {
        json_t *raws = add(w, o, "raw", json_array());
        for (size_t j = 0; j < p->nraws; j++) {
            fill_raw(w, append(w, raws, json_object()), &p->raws[j]);
        }
    }
    add_place(w, o, p->at);
    add_normalized(w, o, p);
}

static void fill_tier(struct writer *w, json_t *o, size_t i)
{
    const struct tier *t = &w->program->tiers.v[i];
    add_str(w, o, "name", t->name);
    add_int(w, o, "order", t->order);
    add_place(w, o, t->at);
}

static void add_end(struct writer *w, json_t *o, const char *key, const struct test_end *end)
{
    json_t *side = add(w, o, key, json_object());
    if (end->workload.n > 0) {
        json_t *workload = add(w, side, "workload", json_object());
        add_str(w, workload, "namespace", end->workload_ns);
        add_str(w, workload, "name", end->workload);
    } else {
        add_peers(w, side, end->any, end->peers, end->npeers);
    }
}

static void fill_test(struct writer *w, json_t *o, size_t i)
{
    const struct test *t = &w->program->tests.v[i];
    if (t->ns.n > 0) {
        add_str(w, o, "namespace", t->ns);
    }
    add_str(w, o, "name", t->name);
    json_t *list = add(w, o, "expect", json_array());
    for (size_t j = 0; j < t->n; j++) {
        json_t *x = append(w, list, json_object());
        add_bool(w, x, "allow", t->v[j].allow);
        add_end(w, x, "from", &t->v[j].from);
        add_end(w, x, "to", &t->v[j].to);
        add_ports(w, x, t->v[j].any_port, t->v[j].ports, t->v[j].nports);
        add_place(w, x, t->v[j].at);
    }
    add_place(w, o, t->at);
}

static void fill_top_raw(struct writer *w, json_t *o, size_t i)
{
    fill_raw(w, o, &w->program->raws.v[i]);
}

/* How much of each there is; the objects themselves are in the inputs. */
static void fill_inventory(struct writer *w, json_t *o, size_t unused)
{
    (void)unused;
    const struct inventory *inv = &w->program->inv;
    size_t kinds[] = {[WL_POD] = 0, [WL_WORKLOAD] = 0, [WL_TEMPLATE] = 0};
    for (size_t i = 0; i < inv->workloads.n; i++) {
        kinds[inv->workloads.v[i]->kind]++;
    }
    add_int(w, o, "namespaces", inv->namespaces.n);
    add_int(w, o, "pods", kinds[WL_POD]);
    add_int(w, o, "workloads", kinds[WL_WORKLOAD]);
    add_int(w, o, "templates", kinds[WL_TEMPLATE]);
    add_int(w, o, "nodes", inv->nodes.n);
    add_int(w, o, "services", inv->services.n);
}

/* ---- the document ---- */

typedef void (*fill_fn)(struct writer *w, json_t *object, size_t i);

/* Puts the text of w->root into w->text. Not by json_dumps(), which when memory runs out can leave
 * a key out and succeed all the same (jansson 2.14); json_dumpb() needs none for what it writes. */
static void dump(struct writer *w)
{
    const size_t flags = JSON_INDENT(2) | JSON_ENSURE_ASCII;
    size_t size = json_dumpb(w->root, NULL, 0, flags);
    w->text = size > 0 ? calloc(1, size + 1) : NULL;
    if (w->text == NULL || json_dumpb(w->root, w->text, size, flags) != size) {
        arena_fail(&w->ctx->arena);
    }
}

/* Builds one object, prints it `indent` blanks in, and lets go of it. No string of JSON holds a
 * line end, so that every one of the text begins a line of layout. */
static void write_object(struct writer *w, fill_fn fill, size_t i, size_t indent)
{
    w->root = json_object();
    if (w->root == NULL) {
        arena_fail(&w->ctx->arena);
    }
    fill(w, w->root, i);
    dump(w);
    for (const char *line = w->text; line != NULL;) {
        const char *end = strchr(line, '\n');
        buf_put(w->out, line, end != NULL ? (size_t)(end - line) : strlen(line));
        if (end != NULL) {
            buf_putc(w->out, '\n');
            buf_spaces(w->out, indent);
        }
        line = end != NULL ? end + 1 : NULL;
    }
    release_writer(w);
}

static void write_list(struct writer *w, const char *key, size_t n, fill_fn fill)
{
    buf_printf(w->out, ",\n  \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        buf_puts(w->out, i > 0 ? ",\n    " : "\n    ");
        write_object(w, fill, i, 4);
    }
    buf_puts(w->out, n > 0 ? "\n  ]" : "]");
}

static bool emit_json(struct emit *e)
{
    const struct program *p = e->program;
    struct writer *w = ARENA_NEW(&e->ctx->arena, struct writer);
    *w = (struct writer){.ctx = e->ctx, .program = p, .out = e->out};
    arena_defer(&e->ctx->arena, release_writer, w);
    buf_puts(w->out, "{\n  \"version\": 1");
    write_list(w, "policies", p->policies.n, fill_policy);
    write_list(w, "tiers", p->tiers.n, fill_tier);
    write_list(w, "tests", p->tests.n, fill_test);
    write_list(w, "raw", p->raws.n, fill_top_raw);
    buf_puts(w->out, ",\n  \"inventory\": ");
    write_object(w, fill_inventory, 0, 2);
    buf_puts(w->out, "\n}\n");
    return true;
}

const struct backend backend_json = {
    .name = "json",
    .extension = "json",
    .summary = "the IR itself, faithful and normalized (docs/ir-json.md)",
    .features = FEATURES_ALL,
    .emit = emit_json,
};
