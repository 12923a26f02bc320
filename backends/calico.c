/*
 * The Calico backend: projectcalico.org/v3 NetworkPolicy, as Calico itself converts a Kubernetes
 * NetworkPolicy after the API server's defaulting. Keys are in alphabetical order, as calicoctl
 * prints them. Unlike Calico's, labels and annotations are copied; rules of an inert direction are,
 * too.
 */
#include "backends/k8s.h"

/* Limits of the Calico API. */
enum { MOST_SELECTOR_BYTES = 1024, MOST_PORTS = 50, MOST_NETS = 256, MOST_ICMP_TYPE = 254 };

#define ORDER 1000 /* of every converted policy, so that they are all equal */

static bool check_most(struct emit *e, struct span at, size_t n, size_t most, const char *what)
{
    if (n <= most) {
        return true;
    }
    struct diag *d =
        diag_error(&e->ctx->diags, NPC404, at, "%zu %s, but Calico allows %zu", n, what, most);
    diag_hint(&e->ctx->diags, d, "split the rule or the policy");
    return false;
}

/* ---- selectors ---- */

static int by_key(const void *a, const void *b)
{
    const struct sel_req *const *x = a, *const *y = b;
    return str_cmp((*x)->key, (*y)->key);
}

static void put_values(struct buf *b, const struct sel_req *req)
{
    buf_puts(b, "{ ");
    for (size_t i = 0; i < req->nvalues; i++) {
        buf_puts(b, i > 0 ? ", '" : "'");
        buf_str(b, req->values[i]);
        buf_putc(b, '\'');
    }
    buf_puts(b, " }");
}

/* Names and values are words of the label alphabet: nothing in them can end a quote. */
static void put_req(struct buf *b, const struct sel_req *req)
{
    buf_puts(b, buf_text(b).n > 0 ? " && " : "");
    switch (req->op) {
    case SEL_EQ:
        buf_str(b, req->key);
        buf_puts(b, " == '");
        buf_str(b, req->values[0]);
        buf_putc(b, '\'');
        break;
    case SEL_IN:
        buf_str(b, req->key);
        buf_puts(b, " in ");
        put_values(b, req);
        break;
    case SEL_NOTIN:
        buf_str(b, req->key);
        buf_puts(b, " not in ");
        put_values(b, req);
        break;
    case SEL_EXISTS:
        buf_puts(b, "has(");
        buf_str(b, req->key);
        buf_putc(b, ')');
        break;
    case SEL_ABSENT:
        buf_puts(b, "! has(");
        buf_str(b, req->key);
        buf_putc(b, ')');
        break;
    }
}

/* matchLabels by key, then matchExpressions in their order, after what the text begins with. */
static struct str selector_text(struct arena *a, const struct selector *s, const char *begin)
{
    const struct sel_req **labels = ARENA_NEW_ARRAY(a, s->n, const struct sel_req *);
    size_t nlabels = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].op == SEL_EQ) {
            labels[nlabels++] = &s->v[i];
        }
    }
    array_sort(labels, nlabels, sizeof labels[0], by_key);
    struct buf *b = buf_new(a);
    buf_puts(b, begin);
    for (size_t i = 0; i < nlabels; i++) {
        put_req(b, labels[i]);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].op != SEL_EQ) {
            put_req(b, &s->v[i]);
        }
    }
    return buf_text(b);
}

/* Selects the pods of Kubernetes, and not Calico's host endpoints. */
static struct str pods_text(struct arena *a, const struct selector *pods)
{
    static const struct selector all;
    return selector_text(a, pods != NULL ? pods : &all, "projectcalico.org/orchestrator == 'k8s'");
}

static struct str namespaces_text(struct arena *a, const struct selector *ns)
{
    return ns->n > 0 ? selector_text(a, ns, "") : STR("all()");
}

static bool write_selector(struct emit *e, struct yaml *y, const char *key, struct str text,
                           struct span at)
{
    yaml_key(y, key);
    yaml_str(y, text);
    return check_most(e, at, text.n, MOST_SELECTOR_BYTES, "bytes of selector");
}

/* ---- ports ---- */

/* What one rule of Kubernetes becomes for one protocol, or for one message of ICMP. */
struct variant {
    const char *protocol;      /* NULL: all traffic */
    const struct port **ports; /* of TCP, UDP, SCTP; none: every port */
    size_t nports;
    const struct port *icmp; /* a type, or a type and a code; NULL: every message */
    int ip_version;          /* of ICMP; 0: both */
};

struct variants {
    struct variant *v;
    size_t n;
};

/* The entries of one protocol; none if one of them is the whole protocol. */
static const struct port **ports_of(struct arena *a, const struct rule *r, enum proto p, size_t *n,
                                    bool *used)
{
    const struct port **list = ARENA_NEW_ARRAY(a, r->nports, const struct port *);
    bool whole = false;
    *n = 0;
    for (size_t i = 0; i < r->nports; i++) {
        if (r->ports[i].proto == p) {
            list[(*n)++] = &r->ports[i];
            whole = whole || r->ports[i].form == PORT_WHOLE;
        }
    }
    *used = *n > 0;
    *n = whole ? 0 : *n;
    return list;
}

static struct variants variants_of(struct arena *a, const struct rule *r)
{
    static const struct {
        enum proto proto;
        const char *name;
        int icmp_version;
    } by_name[] = {{PROTO_ICMP, "ICMP", 4},
                   {PROTO_ICMP6, "ICMPv6", 6},
                   {PROTO_SCTP, "SCTP", 0},
                   {PROTO_TCP, "TCP", 0},
                   {PROTO_UDP, "UDP", 0}};
    enum { PROTOS = sizeof by_name / sizeof by_name[0] };
    struct variants out = {ARENA_NEW_ARRAY(a, r->nports + 1, struct variant), 0};
    if (r->any_port) {
        out.v[out.n++] = (struct variant){0};
        return out;
    }
    for (size_t i = 0; i < PROTOS; i++) {
        struct variant v = {.protocol = by_name[i].name, .ip_version = by_name[i].icmp_version};
        size_t n;
        bool used;
        const struct port **ports = ports_of(a, r, by_name[i].proto, &n, &used);
        if (!used) {
            continue;
        }
        if (v.ip_version == 0) {
            v.ports = ports;
            v.nports = n;
        }
        if (v.ip_version == 0 || n == 0) {
            out.v[out.n++] = v;
            continue;
        }
        for (size_t j = 0; j < n; j++) { /* Calico's rule names one message */
            v.icmp = ports[j];
            out.v[out.n++] = v;
        }
    }
    return out;
}

static void write_port_range(struct yaml *y, struct port_range r)
{
    if (r.first == r.last) {
        yaml_u64(y, r.first);
    } else { /* in quotes: 22:59 is a base-60 number to a reader of YAML 1.1 */
        yaml_verbatim(y, str_printf(y->out->arena, "\"%u:%u\"", r.first, r.last));
    }
}

static int by_first(const void *a, const void *b)
{
    const struct port_range *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1)
                                : (x->last > y->last) - (x->last < y->last);
}

/* Sorts, and joins what overlaps or is adjacent; returns how many are left. */
static size_t merge_ranges(struct port_range *v, size_t n)
{
    array_sort(v, n, sizeof v[0], by_first);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && v[i].first <= (uint32_t)v[kept - 1].last + 1) {
            v[kept - 1].last = v[i].last > v[kept - 1].last ? v[i].last : v[kept - 1].last;
        } else {
            v[kept++] = v[i];
        }
    }
    return kept;
}

/* With two numbers or more: names first, then the numbers, merged. Else the list as it is. */
static size_t write_port_list(struct yaml *y, const struct port **ports, size_t n)
{
    struct port_range *numbers = ARENA_NEW_ARRAY(y->out->arena, n, struct port_range);
    size_t nnumbers = 0, written = 0;
    for (size_t i = 0; i < n; i++) {
        if (ports[i]->form != PORT_NAMED) {
            numbers[nnumbers++] = (struct port_range){ports[i]->first, ports[i]->last};
        }
    }
    bool simplify = nnumbers > 1;
    for (size_t i = 0; i < n; i++) {
        if (ports[i]->form == PORT_NAMED) {
            yaml_str(y, ports[i]->name);
            written++;
        } else if (!simplify) {
            write_port_range(y, numbers[0]);
            written++;
        }
    }
    if (simplify) {
        nnumbers = merge_ranges(numbers, nnumbers);
        for (size_t i = 0; i < nnumbers; i++, written++) {
            write_port_range(y, numbers[i]);
        }
    }
    return written;
}

static bool write_ports(struct emit *e, struct yaml *y, const struct rule *r,
                        const struct variant *v)
{
    if (v->nports == 0) {
        return true;
    }
    yaml_key(y, "ports");
    yaml_seq(y);
    size_t n = write_port_list(y, v->ports, v->nports);
    yaml_end(y);
    return check_most(e, r->at, n, MOST_PORTS, "ports of one protocol in a rule");
}

/* ---- rules ---- */

static void write_nets(struct yaml *y, const struct peer *peer)
{
    struct arena *a = y->out->arena;
    yaml_key(y, "nets");
    yaml_seq(y);
    yaml_str(y, cidr_text(a, peer->cidr));
    yaml_end(y);
    if (peer->nexcept > 0) {
        yaml_key(y, "notNets");
        yaml_seq(y);
        for (size_t i = 0; i < peer->nexcept; i++) {
            yaml_str(y, cidr_text(a, peer->except[i]));
        }
        yaml_end(y);
    }
}

/* `source` or `destination`: the peer, if this is its side (else NULL), and the ports. */
static bool write_entity(struct emit *e, struct yaml *y, const char *key, const struct rule *r,
                         const struct peer *peer, const struct variant *ports)
{
    struct arena *a = y->out->arena;
    bool ok = true;
    yaml_key(y, key);
    yaml_map(y);
    if (peer != NULL && peer->kind == PEER_PODS && peer->ns != NULL) {
        ok = write_selector(e, y, "namespaceSelector", namespaces_text(a, peer->ns), peer->at);
    }
    if (peer != NULL && peer->kind == PEER_CIDR) {
        write_nets(y, peer);
        ok = check_most(e, peer->at, peer->nexcept, MOST_NETS, "excepted networks of a peer");
    }
    if (ports != NULL) {
        ok = write_ports(e, y, r, ports) && ok;
    }
    if (peer != NULL && peer->kind == PEER_PODS) {
        ok = write_selector(e, y, "selector", pods_text(a, peer->pods), peer->at) && ok;
    }
    yaml_end(y);
    return ok;
}

static bool write_icmp(struct emit *e, struct yaml *y, const struct port *port)
{
    unsigned type = port->first >> 8, code = port->first & 0xff;
    yaml_key(y, "icmp");
    yaml_map(y);
    if (port->form == PORT_ONE) {
        yaml_key(y, "code");
        yaml_u64(y, code);
    }
    yaml_key(y, "type");
    yaml_u64(y, type);
    yaml_end(y);
    if (type > MOST_ICMP_TYPE) {
        diag_error(&e->ctx->diags, NPC404, port->at,
                   "ICMP type %u, but Calico knows types up to %d", type, MOST_ICMP_TYPE);
        return false;
    }
    return true;
}

/* One rule of Calico: one protocol, one peer (NULL: everybody). */
static bool write_one(struct emit *e, struct yaml *y, const struct rule *r, const struct variant *v,
                      const struct peer *peer)
{
    bool ingress = r->direction == DIR_INGRESS;
    yaml_map(y);
    yaml_key(y, "action");
    yaml_cstr(y, "Allow");
    bool ok = write_entity(e, y, "destination", r, ingress ? NULL : peer, v);
    if (v->icmp != NULL) {
        ok = write_icmp(e, y, v->icmp) && ok;
    }
    if (v->ip_version != 0) {
        yaml_key(y, "ipVersion");
        yaml_u64(y, (uint64_t)v->ip_version);
    }
    if (v->protocol != NULL) {
        yaml_key(y, "protocol");
        yaml_cstr(y, v->protocol);
    }
    ok = write_entity(e, y, "source", r, ingress ? peer : NULL, NULL) && ok;
    yaml_end(y);
    return ok;
}

/* Calico refuses a rule of one IP version with networks of the other; no packet would match it. */
static bool families_fit(const struct variant *v, const struct peer *peer)
{
    return v->ip_version == 0 || peer == NULL || peer->kind != PEER_CIDR ||
           v->ip_version == (peer->cidr.family == FAM_IP4 ? 4 : 6);
}

static bool write_rule(struct emit *e, struct yaml *y, const struct rule *r)
{
    struct variants variants = variants_of(y->out->arena, r);
    for (size_t i = 0; i < variants.n; i++) {
        bool ok = true;
        for (size_t j = 0; j < (r->any_peer ? 1 : r->npeers); j++) {
            const struct peer *peer = r->any_peer ? NULL : &r->peers[j];
            if (families_fit(&variants.v[i], peer)) {
                ok = write_one(e, y, r, &variants.v[i], peer) && ok;
            }
        }
        if (!ok) { /* what is too long for one protocol is so for the next */
            return false;
        }
    }
    return true;
}

static bool write_direction(struct emit *e, struct yaml *y, const struct policy *p,
                            enum direction d)
{
    if (p->nrules[d] == 0) {
        return true;
    }
    bool ok = true;
    yaml_key(y, direction_name(d));
    yaml_seq(y);
    for (size_t i = 0; i < p->nrules[d]; i++) {
        ok = write_rule(e, y, &p->rules[d][i]) && ok;
    }
    yaml_end(y);
    return ok;
}

/* ---- policies ---- */

static void write_metadata(struct yaml *y, const struct policy *p)
{
    yaml_key(y, "metadata");
    yaml_map(y);
    k8s_put_labels(y, "annotations", &p->annotations);
    k8s_put_labels(y, "labels", &p->labels);
    k8s_put_name(y, p);
    yaml_end(y);
}

static bool write_policy(struct emit *e, struct yaml *y, const struct policy *p)
{
    yaml_map(y);
    yaml_key(y, "apiVersion");
    yaml_cstr(y, "projectcalico.org/v3");
    yaml_key(y, "kind");
    yaml_cstr(y, "NetworkPolicy");
    write_metadata(y, p);
    yaml_key(y, "spec");
    yaml_map(y);
    bool ok = write_direction(e, y, p, DIR_EGRESS);
    ok = write_direction(e, y, p, DIR_INGRESS) && ok;
    yaml_key(y, "order");
    yaml_u64(y, ORDER);
    ok = write_selector(e, y, "selector", pods_text(y->out->arena, p->target_pods), p->at) && ok;
    k8s_put_types(y, "types", p);
    yaml_end(y);
    yaml_end(y);
    return ok;
}

static bool emit_calico(struct emit *e)
{
    struct yaml y;
    yaml_init(&y, e->out);
    bool ok = true;
    for (size_t i = 0; i < e->program->policies.n; i++) {
        yaml_document(&y);
        ok = write_policy(e, &y, e->program->policies.v[i]) && ok;
    }
    return ok;
}

const struct backend backend_calico = {
    .name = "calico",
    .extension = "yaml",
    .summary = "Calico NetworkPolicy (projectcalico.org/v3)",
    .features = FEAT_ICMP,
    .emit = emit_calico,
};
