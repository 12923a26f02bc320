/*
 * From the faithful form of a policy to its normalized form: one spelling for one meaning. It must
 * not look at the inventory: that is binding's work.
 */
#include "ir/normal.h"

#include <stdlib.h>

/* ---- selectors ---- */

static const struct selector everything; /* {}: no requirement */

static int value_cmp(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int req_cmp(const struct sel_req *a, const struct sel_req *b)
{
    int order = str_cmp(a->key, b->key);
    if (order != 0) {
        return order;
    }
    if (a->op != b->op) {
        return a->op < b->op ? -1 : 1;
    }
    for (size_t i = 0; i < a->nvalues && i < b->nvalues; i++) {
        order = str_cmp(a->values[i], b->values[i]);
        if (order != 0) {
            return order;
        }
    }
    return (a->nvalues > b->nvalues) - (a->nvalues < b->nvalues);
}

static int req_order(const void *a, const void *b)
{
    return req_cmp(a, b);
}

int selector_cmp(const struct selector *a, const struct selector *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        int order = req_cmp(&a->v[i], &b->v[i]);
        if (order != 0) {
            return order;
        }
    }
    return (a->n > b->n) - (a->n < b->n);
}

/* The requirement with its values sorted and unique; `k in {v}` becomes `k = v`. */
static struct sel_req req_normalize(struct arena *a, const struct sel_req *req)
{
    struct sel_req out = *req;
    if (req->nvalues == 0) {
        return out;
    }
    out.values = ARENA_NEW_ARRAY(a, req->nvalues, struct str);
    for (size_t i = 0; i < req->nvalues; i++) {
        out.values[i] = req->values[i];
    }
    array_sort(out.values, out.nvalues, sizeof out.values[0], value_cmp);
    size_t n = 1;
    for (size_t i = 1; i < out.nvalues; i++) {
        if (!str_eq(out.values[i], out.values[n - 1])) {
            out.values[n++] = out.values[i];
        }
    }
    out.nvalues = n;
    if (out.op == SEL_IN && n == 1) {
        out.op = SEL_EQ;
    }
    return out;
}

const struct selector *selector_normalize(struct arena *a, const struct selector *s)
{
    if (s == NULL || s->n == 0) {
        return &everything;
    }
    struct selector *out = ARENA_NEW(a, struct selector);
    out->at = s->at;
    out->v = ARENA_NEW_ARRAY(a, s->n, struct sel_req);
    for (size_t i = 0; i < s->n; i++) {
        out->v[i] = req_normalize(a, &s->v[i]);
    }
    array_sort(out->v, s->n, sizeof out->v[0], req_order);
    out->n = 1;
    for (size_t i = 1; i < s->n; i++) {
        if (req_cmp(&out->v[i], &out->v[out->n - 1]) != 0) {
            out->v[out->n++] = out->v[i];
        }
    }
    return out;
}

/* Whether the values, which are sorted, hold this one. */
static bool req_names(const struct sel_req *req, struct str value)
{
    return bsearch(&value, req->values, req->nvalues, sizeof value, value_cmp) != NULL;
}

/* Whether a label of this value satisfies a requirement on its key. */
static bool req_takes(const struct sel_req *req, struct str value)
{
    switch (req->op) {
    case SEL_EQ:
    case SEL_IN:
        return req_names(req, value);
    case SEL_NOTIN:
        return !req_names(req, value);
    case SEL_EXISTS:
        return true;
    case SEL_ABSENT:
        return false;
    }
    return false;
}

static bool some_value_fits(const struct sel_req *list, const struct sel_req *all, size_t n)
{
    for (size_t i = 0; i < list->nvalues; i++) {
        size_t taken = 0;
        while (taken < n && req_takes(&all[taken], list->values[i])) {
            taken++;
        }
        if (taken == n) {
            return true;
        }
    }
    return false;
}

/* Whether all requirements on one key can hold together. Where none of them lists the values that
 * it takes, there is always one more value than `notin` excludes. */
static bool key_satisfiable(const struct sel_req *all, size_t n)
{
    bool exists = false, absent = false;
    for (size_t i = 0; i < n; i++) {
        if (all[i].op == SEL_EQ || all[i].op == SEL_IN) {
            return some_value_fits(&all[i], all, n);
        }
        exists |= all[i].op == SEL_EXISTS;
        absent |= all[i].op == SEL_ABSENT;
    }
    return !(exists && absent);
}

bool selector_satisfiable(const struct selector *s)
{
    for (size_t i = 0, end; i < s->n; i = end) {
        end = i + 1;
        while (end < s->n && str_eq(s->v[end].key, s->v[i].key)) {
            end++;
        }
        if (!key_satisfiable(&s->v[i], end - i)) {
            return false;
        }
    }
    return true;
}

/* ---- peers ---- */

struct pass { /* over one policy */
    struct arena *arena;
    const struct selector *own_ns;
};

static int optional_cmp(const struct selector *a, const struct selector *b)
{
    return a == NULL || b == NULL ? (a != NULL) - (b != NULL) : selector_cmp(a, b);
}

static int clause_cmp(const struct nclause *a, const struct nclause *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int order = optional_cmp(a->ns, b->ns);
    if (order == 0) {
        order = optional_cmp(a->pods, b->pods);
    }
    if (order == 0) {
        order = optional_cmp(a->nodes, b->nodes);
    }
    return order != 0 ? order : str_cmp(a->domain, b->domain);
}

/* Equal clauses stand in the order of their peers, so that the first to say it remains. */
static int clause_order(const void *a, const void *b)
{
    const struct nclause *x = a, *y = b;
    int order = clause_cmp(x, y);
    return order != 0 ? order : (x->origin > y->origin) - (x->origin < y->origin);
}

static struct nclause clause_of(const struct pass *pass, const struct peer *peer)
{
    struct nclause clause = {.kind = peer->kind, .domain = peer->domain, .origin = peer};
    if (peer->kind == PEER_PODS) {
        clause.ns = peer->ns != NULL ? selector_normalize(pass->arena, peer->ns) : pass->own_ns;
        clause.pods = selector_normalize(pass->arena, peer->pods);
    } else if (peer->kind == PEER_NODES) {
        clause.nodes = selector_normalize(pass->arena, peer->nodes);
    }
    return clause;
}

static void normalize_clauses(const struct pass *pass, const struct rule *r, struct nrule *out)
{
    out->clauses = ARENA_NEW_ARRAY(pass->arena, r->npeers, struct nclause);
    size_t n = 0;
    for (size_t i = 0; i < r->npeers; i++) {
        if (r->peers[i].kind != PEER_CIDR) {
            out->clauses[n++] = clause_of(pass, &r->peers[i]);
        }
    }
    array_sort(out->clauses, n, sizeof out->clauses[0], clause_order);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || clause_cmp(&out->clauses[i], &out->clauses[out->nclauses - 1]) != 0) {
            out->clauses[out->nclauses++] = out->clauses[i];
        }
    }
}

/* The addresses of one peer: its prefix less what it excepts. */
static struct ipset net_of(struct arena *a, const struct peer *peer)
{
    struct ip_range *holes = ARENA_NEW_ARRAY(a, peer->nexcept, struct ip_range);
    for (size_t i = 0; i < peer->nexcept; i++) {
        holes[i] = (struct ip_range){peer->except[i].first, cidr_last(peer->except[i])};
    }
    return ipset_subtract(a, ipset_of_cidr(a, peer->cidr),
                          ipset_of_ranges(a, holes, peer->nexcept));
}

static void normalize_nets(const struct pass *pass, const struct rule *r, struct nrule *out)
{
    VEC(struct ip_range) ranges[FAMILIES] = {{0}};
    for (size_t i = 0; i < r->npeers; i++) {
        if (r->peers[i].kind != PEER_CIDR) {
            continue;
        }
        struct ipset net = net_of(pass->arena, &r->peers[i]);
        for (size_t j = 0; j < net.n; j++) {
            vec_push(pass->arena, &ranges[r->peers[i].cidr.family], net.v[j]);
        }
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        out->nets[f] = ipset_of_ranges(pass->arena, ranges[f].v, ranges[f].n);
    }
}

/* ---- ports ---- */

/* The union of n sets, in place: neighbours are joined until one is left, which costs n log n. */
static struct portset union_all(struct arena *a, struct portset *sets, size_t n)
{
    if (n == 0) {
        return portset_none;
    }
    while (n > 1) {
        size_t half = 0;
        for (size_t i = 0; i < n; i += 2) {
            sets[half++] = i + 1 < n ? portset_union(a, sets[i], sets[i + 1]) : sets[i];
        }
        n = half;
    }
    return sets[0];
}

static int name_order(const void *a, const void *b)
{
    const struct port_name *x = a, *y = b;
    return x->proto != y->proto ? (x->proto < y->proto ? -1 : 1) : str_cmp(x->name, y->name);
}

/* Whether the numbers already hold whatever the name may stand for. */
static bool name_is_covered(const struct portset *ports, enum proto p)
{
    if (p == PROTO_ANY) {
        return port_ranges_are_all(ports->keys[PROTO_TCP]) &&
               port_ranges_are_all(ports->keys[PROTO_UDP]) &&
               port_ranges_are_all(ports->keys[PROTO_SCTP]);
    }
    return p < PROTO_KEYED && port_ranges_are_all(ports->keys[p]);
}

static void normalize_ports(const struct pass *pass, const struct rule *r, struct nrule *out)
{
    struct portset *sets = ARENA_NEW_ARRAY(pass->arena, r->nports, struct portset);
    out->names = ARENA_NEW_ARRAY(pass->arena, r->nports, struct port_name);
    size_t nsets = 0, nnames = 0;
    for (size_t i = 0; i < r->nports; i++) {
        const struct port *port = &r->ports[i];
        if (port->form == PORT_NAMED) {
            out->names[nnames++] = (struct port_name){port->proto, port->name};
            continue;
        }
        bool whole = port->form == PORT_WHOLE;
        sets[nsets++] = portset_of(pass->arena, port->proto, whole ? 0 : port->first,
                                   whole ? UINT16_MAX : port->last);
    }
    out->ports = union_all(pass->arena, sets, nsets);
    array_sort(out->names, nnames, sizeof out->names[0], name_order);
    for (size_t i = 0; i < nnames; i++) {
        bool repeats =
            out->nnames > 0 && name_order(&out->names[i], &out->names[out->nnames - 1]) == 0;
        if (!repeats && !name_is_covered(&out->ports, out->names[i].proto)) {
            out->names[out->nnames++] = out->names[i];
        }
    }
}

/* ---- rules and policies ---- */

static bool clause_satisfiable(const struct nclause *c)
{
    return (c->ns == NULL || selector_satisfiable(c->ns)) &&
           (c->pods == NULL || selector_satisfiable(c->pods)) &&
           (c->nodes == NULL || selector_satisfiable(c->nodes));
}

/* Whether some packet can match. What selectors select in an inventory is not asked. */
static bool rule_satisfiable(const struct nrule *r)
{
    if (!r->any_port && r->nnames == 0 && portset_is_empty(r->ports)) {
        return false;
    }
    bool peers = r->any_peer || r->nets[FAM_IP4].n > 0 || r->nets[FAM_IP6].n > 0;
    for (size_t i = 0; i < r->nclauses && !peers; i++) {
        peers = clause_satisfiable(&r->clauses[i]);
    }
    return peers;
}

static struct nrule rule_normalize(const struct pass *pass, const struct rule *r, size_t index)
{
    struct nrule out = {
        .action = r->action,
        .direction = r->direction,
        .any_peer = r->any_peer,
        .any_port = r->any_port,
        .origin = r,
        .index = index,
    };
    if (!r->any_peer) {
        normalize_clauses(pass, r, &out);
        normalize_nets(pass, r, &out);
    }
    if (!r->any_port) {
        normalize_ports(pass, r, &out);
    }
    return out;
}

static void normalize_direction(const struct pass *pass, const struct policy *p, enum direction d,
                                struct npolicy *out)
{
    bool inert = !policy_is_cluster(p) && !p->isolates[d];
    if (inert) {
        return;
    }
    out->rules[d] = ARENA_NEW_ARRAY(pass->arena, p->nrules[d], struct nrule);
    for (size_t i = 0; i < p->nrules[d]; i++) {
        struct nrule rule = rule_normalize(pass, &p->rules[d][i], i);
        if (rule_satisfiable(&rule)) {
            out->rules[d][out->nrules[d]++] = rule;
        }
    }
}

/* The namespace of that name, as a selector. */
static const struct selector *named_ns(struct arena *a, struct str name, struct span at)
{
    struct sel_req *req = ARENA_NEW(a, struct sel_req);
    struct selector *s = ARENA_NEW(a, struct selector);
    *req = (struct sel_req){.op = SEL_EQ, .key = STR(LABEL_NS_NAME), .nvalues = 1, .at = at};
    req->values = ARENA_NEW(a, struct str);
    req->values[0] = name;
    *s = (struct selector){.v = req, .n = 1, .at = at};
    return s;
}

struct npolicy *policy_normalize(struct ctx *c, const struct policy *p, struct str default_ns)
{
    struct arena *a = &c->arena;
    struct npolicy *out = ARENA_NEW(a, struct npolicy);
    out->origin = p;
    out->target_pods = selector_normalize(a, p->target_pods);
    struct pass pass = {.arena = a};
    if (policy_is_cluster(p)) {
        out->target_ns = selector_normalize(a, p->target_ns);
    } else {
        pass.own_ns = named_ns(a, p->ns.n > 0 ? p->ns : default_ns, p->at);
        out->target_ns = pass.own_ns;
    }
    for (size_t d = 0; d < DIRECTIONS; d++) {
        out->isolates[d] = p->isolates[d];
        normalize_direction(&pass, p, (enum direction)d, out);
    }
    return out;
}
