/*
 * Binding against a naive evaluator: random small worlds, every pair of addresses, every protocol,
 * every port at which anything could change. The evaluator works on the faithful policies, address
 * by address, straight from the text of the Kubernetes API (types.go of networking/v1) and the
 * decided readings of docs/semantics.md; it shares nothing with binding but the data structures.
 */
#include "ir/bind.h"
#include "rng.h"
#include "unit.h"

enum { MOST = 12, ADDRS = 40, KEYS = 48 };

/* ---- a world ---- */

struct world {
    struct ctx ctx;
    struct program program;
    struct rng *rng;
    struct bind_options options;
};

static size_t pick(struct world *w, size_t n)
{
    return rng_below(w->rng, n);
}

static bool chance(struct world *w, size_t percent)
{
    return pick(w, 100) < percent;
}

#define PICK(w, table) (table)[pick((w), sizeof(table) / sizeof *(table))]

static const struct str ns_names[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
static const struct str keys[] = {STR_INIT("app"), STR_INIT("tier"), STR_INIT("x")};
static const struct str values[] = {STR_INIT("p"), STR_INIT("q"), STR_INIT("")};
static const struct str port_names[] = {STR_INIT("http"), STR_INIT("dns")};
static const struct str nodes[] = {STR_INIT("n1"), STR_INIT("n2")};
static const enum proto ported[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP};

static struct labels random_labels(struct world *w)
{
    struct labels l = {ARENA_NEW_ARRAY(&w->ctx.arena, 4, struct label), 0};
    for (size_t i = 0; i < 3; i++) {
        if (chance(w, 50)) {
            l.v[l.n++] = (struct label){.key = keys[i], .value = PICK(w, values)};
        }
    }
    return l;
}

/* A small corner of each family, so that CIDRs meet pods. */
static struct address address_at(enum family f, unsigned low)
{
    struct ip ip = {0, 0x0a000000u + low};
    if (f == FAM_IP6) {
        ip = (struct ip){0xfd00000000000000u, low};
    }
    return (struct address){f, ip};
}

static void add_workload(struct world *w, unsigned number, unsigned *low)
{
    struct arena *a = &w->ctx.arena;
    struct workload *p = ARENA_NEW(a, struct workload);
    p->kind = chance(w, 85) ? WL_POD : WL_TEMPLATE;
    p->ns = PICK(w, ns_names);
    p->name = str_printf(a, "p%02u", number);
    p->labels = random_labels(w);
    p->node = PICK(w, nodes);
    p->host_network = chance(w, 10);
    p->finished = chance(w, 10);
    p->addrs = ARENA_NEW_ARRAY(a, 4, struct address);
    size_t naddrs = p->kind == WL_TEMPLATE || chance(w, 5) ? 0 : 1 + pick(w, 3);
    for (size_t i = 0; i < naddrs; i++) {
        *low += 1 + (unsigned)pick(w, 2);
        p->addrs[p->naddrs++] = address_at(chance(w, 60) ? FAM_IP4 : FAM_IP6, *low);
    }
    p->ports = ARENA_NEW_ARRAY(a, 3, struct named_port);
    for (size_t i = pick(w, 4); i > 0; i--) {
        struct named_port port = {PICK(w, port_names), PICK(w, ported),
                                  (uint16_t)(80 + pick(w, 4))};
        p->ports[p->nports++] = port;
    }
    vec_push(a, &w->program.inv.workloads, p);
}

static int compare_workloads(const void *x, const void *y)
{
    const struct workload *a = *(struct workload *const *)x, *b = *(struct workload *const *)y;
    int c = str_cmp(a->ns, b->ns);
    return c != 0 ? c : str_cmp(a->name, b->name);
}

static void fill_inventory(struct world *w)
{
    struct arena *a = &w->ctx.arena;
    struct inventory *inv = &w->program.inv;
    for (size_t i = 0; i < 3; i++) {
        struct ns_object *ns = inventory_ns(inv, a, ns_names[i]);
        struct labels l = random_labels(w);
        l.v[l.n++] = (struct label){.key = STR(LABEL_NS_NAME), .value = ns_names[i]};
        if (chance(w, 80)) { /* else the namespace has its name only */
            ns->labels = l;
        }
    }
    unsigned low = (unsigned)pick(w, 3);
    for (unsigned i = (unsigned)pick(w, 9); i > 0; i--) {
        add_workload(w, i, &low);
    }
    if (inv->workloads.n > 1) {
        qsort(inv->workloads.v, inv->workloads.n, sizeof *inv->workloads.v, compare_workloads);
    }
    for (size_t i = 0; i < 2; i++) {
        struct node_object *node = ARENA_NEW(a, struct node_object);
        node->name = nodes[i];
        node->addrs = ARENA_NEW(a, struct address);
        node->addrs[0] = address_at(i == 0 ? FAM_IP4 : FAM_IP6, ++low);
        node->naddrs = 1;
        vec_push(a, &inv->nodes, node);
    }
    if (!inventory_finish(&w->ctx, inv)) {
        abort();
    }
}

static const struct selector *random_selector(struct world *w, bool of_ns)
{
    struct arena *a = &w->ctx.arena;
    struct selector *s = ARENA_NEW(a, struct selector);
    s->v = ARENA_NEW_ARRAY(a, 3, struct sel_req);
    for (size_t n = pick(w, 3); n > 0; n--) {
        bool by_name = of_ns && chance(w, 40);
        struct sel_req r = {.op = (enum sel_op)pick(w, 5), .key = PICK(w, keys)};
        if (by_name) {
            r.key = STR(LABEL_NS_NAME);
        }
        r.nvalues = r.op == SEL_EQ ? 1 : r.op == SEL_IN || r.op == SEL_NOTIN ? 1 + pick(w, 3) : 0;
        r.values = ARENA_NEW_ARRAY(a, 3, struct str);
        for (size_t i = 0; i < r.nvalues; i++) {
            r.values[i] = by_name ? PICK(w, ns_names) : PICK(w, values);
        }
        s->v[s->n++] = r;
    }
    return s;
}

/* Clears the bits behind the length. */
static struct cidr cidr_at(enum family f, struct ip ip, unsigned len)
{
    struct cidr c = {f, ip, (uint8_t)len};
    struct ip host = cidr_last((struct cidr){f, {0, 0}, (uint8_t)len});
    c.first.hi &= ~host.hi;
    c.first.lo &= ~host.lo;
    return c;
}

static void random_cidr(struct world *w, struct peer *p)
{
    enum family f = chance(w, 60) ? FAM_IP4 : FAM_IP6;
    unsigned top = f == FAM_IP4 ? 32 : 128;
    unsigned len = chance(w, 15) ? 0 : top - (unsigned)pick(w, 6);
    p->kind = PEER_CIDR;
    p->cidr = cidr_at(f, address_at(f, (unsigned)pick(w, 24)).ip, len);
    p->except = ARENA_NEW_ARRAY(&w->ctx.arena, 3, struct cidr);
    p->except_at = ARENA_NEW_ARRAY(&w->ctx.arena, 3, struct span);
    for (size_t n = pick(w, 3); n > 0; n--) {
        unsigned inner = top - (unsigned)pick(w, 5);
        struct ip ip = {p->cidr.first.hi, p->cidr.first.lo + pick(w, 32)};
        if (len == 0) {
            ip = address_at(f, (unsigned)pick(w, 24)).ip;
        }
        struct cidr e = cidr_at(f, ip, inner);
        if (inner > len && cidr_contains(p->cidr, e)) {
            p->except[p->nexcept++] = e;
        }
    }
}

static void random_peer(struct world *w, struct peer *p)
{
    size_t form = pick(w, 5);
    if (form >= 3) {
        random_cidr(w, p);
        return;
    }
    p->kind = PEER_PODS;
    p->ns = form == 0 ? NULL : random_selector(w, true);
    p->pods = form == 1 ? NULL : random_selector(w, false);
}

static void random_port(struct world *w, struct port *p)
{
    p->proto = PICK(w, ported);
    p->form = (enum port_form)pick(w, 4);
    p->first = (uint16_t)(79 + pick(w, 6));
    p->last = p->form == PORT_RANGE ? (uint16_t)(p->first + pick(w, 40)) : p->first;
    if (p->form == PORT_NAMED) {
        p->name = PICK(w, port_names);
        p->proto = chance(w, 25) ? PROTO_ANY : p->proto;
    }
    if (p->form != PORT_NAMED && chance(w, 15)) {
        p->proto = chance(w, 50) ? PROTO_ICMP : PROTO_ICMP6;
        p->first = p->last = (uint16_t)(8 << 8);
        if (p->form == PORT_RANGE) {
            p->last = p->first | 255;
        }
    }
}

static void random_rule(struct world *w, struct rule *r, enum direction d)
{
    struct arena *a = &w->ctx.arena;
    r->action = ACT_ALLOW;
    r->direction = d;
    r->npeers = pick(w, 4);
    r->any_peer = r->npeers == 0;
    r->peers = ARENA_NEW_ARRAY(a, 4, struct peer);
    for (size_t i = 0; i < r->npeers; i++) {
        random_peer(w, &r->peers[i]);
    }
    r->nports = pick(w, 4);
    r->any_port = r->nports == 0;
    r->ports = ARENA_NEW_ARRAY(a, 4, struct port);
    for (size_t i = 0; i < r->nports; i++) {
        random_port(w, &r->ports[i]);
    }
}

static void add_policy(struct world *w, unsigned number)
{
    struct arena *a = &w->ctx.arena;
    struct policy *p = ARENA_NEW(a, struct policy);
    p->ns = PICK(w, ns_names);
    p->name = str_printf(a, "policy%u", number);
    p->target_pods = random_selector(w, false);
    for (size_t d = 0; d < DIRECTIONS; d++) {
        p->isolates[d] = chance(w, 70);
        p->rules[d] = ARENA_NEW_ARRAY(a, 3, struct rule);
        p->nrules[d] = pick(w, 4);
        for (size_t i = 0; i < p->nrules[d]; i++) {
            random_rule(w, &p->rules[d][i], (enum direction)d);
        }
    }
    vec_push(a, &w->program.policies, p);
}

static void world_init(struct world *w, struct rng *rng)
{
    *w = (struct world){.rng = rng};
    ctx_init(&w->ctx, unit_oom, NULL);
    program_init(&w->program, &w->ctx);
    fill_inventory(w);
    for (unsigned i = (unsigned)pick(w, 5); i > 0; i--) {
        add_policy(w, i);
    }
    w->options.ipblock_external = chance(w, 30);
    w->options.scope = chance(w, 70) ? BIND_ALL : BIND_NODE;
    w->options.node = nodes[0];
}

/* ---- the naive evaluator ---- */

static bool is_pod(const struct workload *w)
{
    return w->kind != WL_TEMPLATE && !w->finished && !w->host_network;
}

static bool has_address(const struct address *v, size_t n, struct address at)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].family == at.family && ip_cmp(v[i].ip, at.ip) == 0) {
            return true;
        }
    }
    return false;
}

/* The pod at an address, or NULL. */
static const struct workload *naive_pod(const struct program *p, struct address at)
{
    for (size_t i = 0; i < p->inv.workloads.n; i++) {
        const struct workload *w = p->inv.workloads.v[i];
        if (is_pod(w) && has_address(w->addrs, w->naddrs, at)) {
            return w;
        }
    }
    return NULL;
}

static bool naive_in_inventory(const struct program *p, struct address at)
{
    for (size_t i = 0; i < p->inv.workloads.n; i++) {
        const struct workload *w = p->inv.workloads.v[i];
        if (w->kind != WL_TEMPLATE && !w->finished && has_address(w->addrs, w->naddrs, at)) {
            return true;
        }
    }
    for (size_t i = 0; i < p->inv.nodes.n; i++) {
        if (has_address(p->inv.nodes.v[i]->addrs, p->inv.nodes.v[i]->naddrs, at)) {
            return true;
        }
    }
    return false;
}

static bool naive_req(const struct sel_req *r, const struct labels *l)
{
    const struct str *value = NULL;
    for (size_t i = 0; i < l->n; i++) {
        value = str_eq(l->v[i].key, r->key) ? &l->v[i].value : value;
    }
    bool in = false;
    for (size_t i = 0; i < r->nvalues && value != NULL; i++) {
        in = in || str_eq(*value, r->values[i]);
    }
    switch (r->op) {
    case SEL_EQ:
    case SEL_IN:
        return in;
    case SEL_NOTIN:
        return !in;
    case SEL_EXISTS:
        return value != NULL;
    case SEL_ABSENT:
        return value == NULL;
    }
    return false;
}

static bool naive_selects(const struct selector *s, const struct labels *l)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!naive_req(&s->v[i], l)) {
            return false;
        }
    }
    return true;
}

static bool naive_peer(const struct world *w, const struct policy *policy, const struct peer *peer,
                       struct address at)
{
    if (peer->kind == PEER_CIDR) {
        bool in = cidr_has(peer->cidr, at.family, at.ip);
        for (size_t i = 0; i < peer->nexcept; i++) {
            in = in && !cidr_has(peer->except[i], at.family, at.ip);
        }
        return in && !(w->options.ipblock_external && naive_in_inventory(&w->program, at));
    }
    const struct workload *pod = naive_pod(&w->program, at);
    if (pod == NULL) {
        return false;
    }
    const struct ns_object *ns = inventory_find_ns(&w->program.inv, pod->ns);
    bool in_ns =
        peer->ns == NULL ? str_eq(pod->ns, policy->ns) : naive_selects(peer->ns, &ns->labels);
    return in_ns && (peer->pods == NULL || naive_selects(peer->pods, &pod->labels));
}

struct packet {
    enum proto proto;
    uint16_t key;
};

static bool naive_port(const struct port *port, struct packet pk,
                       const struct workload *destination)
{
    bool proto = port->proto == PROTO_ANY || port->proto == pk.proto;
    if (!proto) {
        return false;
    }
    switch (port->form) {
    case PORT_WHOLE:
        return true;
    case PORT_ONE:
    case PORT_RANGE:
        return port->first <= pk.key && pk.key <= port->last;
    case PORT_NAMED:
        break;
    }
    for (size_t i = 0; destination != NULL && i < destination->nports; i++) {
        const struct named_port *p = &destination->ports[i];
        if (str_eq(p->name, port->name) && p->proto == pk.proto && p->number == pk.key) {
            return true;
        }
    }
    return false;
}

static bool naive_rule(const struct world *w, const struct policy *policy, const struct rule *r,
                       struct address peer, struct packet pk, const struct workload *destination)
{
    bool peers = r->npeers == 0, ports = r->nports == 0;
    for (size_t i = 0; i < r->npeers; i++) {
        peers = peers || naive_peer(w, policy, &r->peers[i], peer);
    }
    for (size_t i = 0; i < r->nports; i++) {
        ports = ports || naive_port(&r->ports[i], pk, destination);
    }
    return peers && ports;
}

static bool naive_allows(const struct world *w, enum direction d, const struct workload *pod,
                         struct address peer, struct packet pk)
{
    bool isolated = false;
    const struct workload *destination = d == DIR_INGRESS ? pod : naive_pod(&w->program, peer);
    for (size_t i = 0; i < w->program.policies.n; i++) {
        const struct policy *p = w->program.policies.v[i];
        bool selected = str_eq(p->ns, pod->ns) && naive_selects(p->target_pods, &pod->labels);
        if (!selected || !p->isolates[d]) {
            continue;
        }
        isolated = true;
        for (size_t k = 0; k < p->nrules[d]; k++) {
            if (naive_rule(w, p, &p->rules[d][k], peer, pk, destination)) {
                return true;
            }
        }
    }
    return !isolated;
}

/* ---- the verdict of the bound form ---- */

static bool list_has(const struct addr_list *l, struct ip ip)
{
    for (size_t i = 0; i < l->n; i++) {
        if (ip_cmp(l->v[i], ip) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t peer_class(const struct bound_side *s, struct ip ip)
{
    for (size_t i = 0; i < s->npeers; i++) {
        if (list_has(&s->peers[i].addrs, ip)) {
            return s->peers[i].id;
        }
    }
    return 0;
}

static bool grant_has_class(const struct grant *g, uint32_t class)
{
    for (size_t i = 0; i < g->classes.n; i++) {
        if (g->classes.v[i] == class) {
            return true;
        }
    }
    return false;
}

static bool grants_allow(const struct bound_side *s, const struct target_class *t, struct ip peer,
                         struct packet pk)
{
    uint32_t class = peer_class(s, peer);
    for (size_t i = 0; i < t->ngrants; i++) {
        const struct grant *g = t->grants[i];
        bool peers = g->any_peer || grant_has_class(g, class) || ipset_has(g->nets, peer);
        if (peers && portset_has(g->ports, pk.proto, pk.key)) {
            return true;
        }
    }
    return false;
}

static bool bound_allows(const struct bound *b, enum direction d, struct address pod,
                         struct address peer, struct packet pk)
{
    const struct bound_side *s = &b->side[pod.family][d];
    for (size_t i = 0; i < s->ntargets; i++) {
        if (list_has(&s->targets[i].addrs, pod.ip)) {
            return grants_allow(s, &s->targets[i], peer.ip, pk);
        }
    }
    return true;
}

/* The layouts of kernel backends: an address that is in a class never gets to the networks. */
static bool classes_suffice(const struct bound_side *s, const struct target_class *t,
                            struct ip peer)
{
    uint32_t class = peer_class(s, peer);
    for (size_t i = 0; class != 0 && i < t->ngrants; i++) {
        const struct grant *g = t->grants[i];
        if (!g->any_peer && ipset_has(g->nets, peer) && !grant_has_class(g, class)) {
            return false;
        }
    }
    return true;
}

/* ---- comparing ---- */

struct probes {
    struct address addrs[2 * ADDRS];
    size_t naddrs;
    struct packet packets[KEYS * 6];
    size_t npackets;
};

static void fill_probes(struct probes *p)
{
    *p = (struct probes){.naddrs = 0};
    for (unsigned i = 0; i < 32; i++) {
        p->addrs[p->naddrs++] = address_at(FAM_IP4, i);
        p->addrs[p->naddrs++] = address_at(FAM_IP6, i);
    }
    p->addrs[p->naddrs++] = (struct address){FAM_IP4, {0, 0}};
    p->addrs[p->naddrs++] = (struct address){FAM_IP4, ip_max(FAM_IP4)};
    p->addrs[p->naddrs++] = (struct address){FAM_IP6, {0, 0}};
    p->addrs[p->naddrs++] = (struct address){FAM_IP6, ip_max(FAM_IP6)};
    static const uint16_t ports[] = {0,  78, 79,  80,  81,  82,  83,  84,   85,
                                     86, 90, 100, 119, 123, 124, 125, 65535};
    static const uint16_t icmp[] = {0, 7 << 8 | 255, 8 << 8, 8 << 8 | 1, 8 << 8 | 255, 9 << 8};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof ports / sizeof *ports; k++) {
            p->packets[p->npackets++] = (struct packet){ported[i], ports[k]};
        }
    }
    for (size_t k = 0; k < sizeof icmp / sizeof *icmp; k++) {
        p->packets[p->npackets++] = (struct packet){PROTO_ICMP, icmp[k]};
        p->packets[p->npackets++] = (struct packet){PROTO_ICMP6, icmp[k]};
    }
    p->packets[p->npackets++] = (struct packet){PROTO_OTHER, 0};
}

static bool foreign(struct packet pk, enum family f)
{
    return pk.proto == (f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP);
}

/* Compares all packets between two addresses. Returns the number of wrong verdicts. */
static size_t compare_pair(const struct world *w, const struct bound *b, const struct probes *p,
                           struct address pod, struct address peer)
{
    size_t wrong = 0;
    const struct workload *local = naive_pod(&w->program, pod);
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < p->npackets; i++) {
            struct packet pk = p->packets[i];
            if (!foreign(pk, pod.family)) {
                bool want = naive_allows(w, (enum direction)d, local, peer, pk);
                wrong += bound_allows(b, (enum direction)d, pod, peer, pk) != want;
            }
        }
        const struct bound_side *s = &b->side[pod.family][d];
        for (size_t i = 0; i < s->ntargets; i++) {
            wrong += !classes_suffice(s, &s->targets[i], peer.ip);
        }
    }
    return wrong;
}

static bool in_scope(const struct world *w, const struct workload *p)
{
    return w->options.scope == BIND_ALL || str_eq(p->node, w->options.node);
}

static size_t compare_world(const struct world *w, const struct bound *b, const struct probes *p)
{
    size_t wrong = 0;
    for (size_t i = 0; i < p->naddrs; i++) {
        const struct workload *local = naive_pod(&w->program, p->addrs[i]);
        if (local == NULL || !in_scope(w, local)) {
            continue;
        }
        for (size_t k = 0; k < p->naddrs; k++) {
            if (p->addrs[k].family == p->addrs[i].family) {
                wrong += compare_pair(w, b, p, p->addrs[i], p->addrs[k]);
            }
        }
    }
    return wrong;
}

/* ---- what bind.h promises about the form ---- */

static bool rising(const struct addr_list *l)
{
    for (size_t i = 1; i < l->n; i++) {
        if (ip_cmp(l->v[i - 1], l->v[i]) >= 0) {
            return false;
        }
    }
    return true;
}

static bool side_is_well_formed(const struct bound_side *s, enum family f)
{
    bool ok = true;
    for (size_t i = 0; i < s->ntargets; i++) {
        const struct target_class *t = &s->targets[i];
        ok = ok && t->id == i + 1 && t->addrs.n > 0 && rising(&t->addrs) && t->npolicies > 0;
        ok = ok && t->example != NULL;
        ok = ok && (i == 0 || ip_cmp(s->targets[i - 1].addrs.v[0], t->addrs.v[0]) < 0);
        for (size_t k = 0; k < t->ngrants; k++) {
            const struct grant *g = t->grants[k];
            bool someone = g->any_peer || g->classes.n > 0 || g->nets.n > 0;
            ok = ok && someone && !portset_is_empty(g->ports);
            ok = ok && g->ports.keys[f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP].n == 0;
            for (size_t c = 0; c < g->classes.n; c++) {
                ok = ok && g->classes.v[c] >= 1 && g->classes.v[c] <= s->npeers;
                ok = ok && (c == 0 || g->classes.v[c - 1] < g->classes.v[c]);
            }
        }
    }
    for (size_t i = 0; i < s->npeers; i++) {
        const struct peer_class *c = &s->peers[i];
        ok = ok && c->id == i + 1 && c->addrs.n > 0 && rising(&c->addrs);
        ok = ok && (i == 0 || ip_cmp(s->peers[i - 1].addrs.v[0], c->addrs.v[0]) < 0);
    }
    return ok;
}

static void random_worlds(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    size_t targets = 0;
    for (size_t i = rng_rounds(600); i > 0; i--) {
        struct world w;
        world_init(&w, &rng);
        const struct bound *b = bind_program(&w.ctx, &w.program, &w.options);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        size_t wrong = compare_world(&w, b, p);
        CU_ASSERT_EQUAL(wrong, 0);
        for (size_t f = 0; f < FAMILIES; f++) {
            for (size_t d = 0; d < DIRECTIONS; d++) {
                CU_ASSERT(side_is_well_formed(&b->side[f][d], (enum family)f));
                targets += b->side[f][d].ntargets;
            }
        }
        ctx_free(&w.ctx);
    }
    CU_ASSERT(targets > 0);
    free(p);
}

/* The machine of --host is a target without asking for its address, in both families. */
static void random_hosts(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    for (size_t i = rng_rounds(300); i > 0; i--) {
        struct world w;
        world_init(&w, &rng);
        const struct workload *host = NULL;
        for (size_t k = 0; k < w.program.inv.workloads.n; k++) {
            host = is_pod(w.program.inv.workloads.v[k]) ? w.program.inv.workloads.v[k] : host;
        }
        if (host != NULL) {
            w.options.scope = BIND_HOST;
            w.options.host_ns = host->ns;
            w.options.host = host->name;
            const struct bound *b = bind_program(&w.ctx, &w.program, &w.options);
            CU_ASSERT_PTR_NOT_NULL_FATAL(b);
            CU_ASSERT_PTR_EQUAL(b->host, host);
            size_t wrong = 0;
            for (size_t k = 0; k < p->naddrs; k++) {
                for (size_t j = 0; j < DIRECTIONS * p->npackets; j++) {
                    enum direction d = (enum direction)(j % DIRECTIONS);
                    struct packet pk = p->packets[j / DIRECTIONS];
                    const struct bound_side *s = &b->side[p->addrs[k].family][d];
                    bool got =
                        s->ntargets == 0 || grants_allow(s, &s->targets[0], p->addrs[k].ip, pk);
                    wrong += !foreign(pk, p->addrs[k].family) &&
                             got != naive_allows(&w, d, host, p->addrs[k], pk);
                }
            }
            CU_ASSERT_EQUAL(wrong, 0);
            CU_ASSERT_EQUAL(b->side[0][0].ntargets, b->side[1][0].ntargets);
            CU_ASSERT_EQUAL(b->side[0][1].ntargets, b->side[1][1].ntargets);
        }
        ctx_free(&w.ctx);
    }
    free(p);
}

/* ---- what is reported ---- */

static size_t count_diags(const struct ctx *c, enum diag_id id, enum severity severity)
{
    size_t n = 0;
    for (size_t i = 0; i < c->diags.list.n; i++) {
        const struct diag *d = c->diags.list.v[i];
        n += d->id == id && d->severity == severity;
    }
    return n;
}

/* A world of one namespace, one policy and the workloads that the test adds. */
static void small_world(struct world *w, struct rng *rng)
{
    *w = (struct world){.rng = rng};
    ctx_init(&w->ctx, unit_oom, NULL);
    program_init(&w->program, &w->ctx);
    inventory_ns(&w->program.inv, &w->ctx.arena, ns_names[0]);
}

static struct workload *small_workload(struct world *w, const char *name, enum workload_kind kind,
                                       int low)
{
    struct arena *a = &w->ctx.arena;
    struct workload *p = ARENA_NEW(a, struct workload);
    *p = (struct workload){.kind = kind, .ns = ns_names[0], .name = str_of(name)};
    p->addrs = ARENA_NEW(a, struct address);
    if (low >= 0) {
        p->addrs[p->naddrs++] = address_at(FAM_IP4, (unsigned)low);
    }
    vec_push(a, &w->program.inv.workloads, p);
    return p;
}

/* Selects all pods of the namespace for ingress; one rule with one peer: pods app=p. */
static struct policy *small_policy(struct world *w)
{
    static const struct selector all;
    static struct str value[] = {STR_INIT("p")};
    static struct sel_req req[] = {
        {.op = SEL_EQ, .key = STR_INIT("app"), .values = value, .nvalues = 1}};
    static const struct selector app_p = {req, 1, {0}};
    struct arena *a = &w->ctx.arena;
    struct policy *p = ARENA_NEW(a, struct policy);
    struct rule *r = ARENA_NEW(a, struct rule);
    struct peer *peer = ARENA_NEW(a, struct peer);
    *peer = (struct peer){.kind = PEER_PODS, .pods = &app_p};
    *r = (struct rule){.action = ACT_ALLOW, .any_port = true, .peers = peer, .npeers = 1};
    *p = (struct policy){.ns = ns_names[0], .name = STR("p"), .target_pods = &all};
    p->isolates[DIR_INGRESS] = true;
    p->rules[DIR_INGRESS] = r;
    p->nrules[DIR_INGRESS] = 1;
    vec_push(a, &w->program.policies, p);
    return p;
}

static const struct bound *small_bind(struct world *w)
{
    CU_ASSERT(inventory_finish(&w->ctx, &w->program.inv));
    return bind_program(&w->ctx, &w->program, &w->options);
}

static void npc601_no_address(void)
{
    struct world w;
    small_world(&w, NULL);
    small_policy(&w);
    small_workload(&w, "vm", WL_WORKLOAD, -1);
    CU_ASSERT_PTR_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC601, SEV_ERROR), 1);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* a pod will get one */
    small_policy(&w);
    small_workload(&w, "pod", WL_POD, -1);
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC601, SEV_INFO), 1);
    CU_ASSERT_EQUAL(w.ctx.diags.errors, 0);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* no policy selects it: nothing is missing */
    small_workload(&w, "vm", WL_WORKLOAD, -1);
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(w.ctx.diags.list.n, 0);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* the machine is the match */
    small_policy(&w);
    small_workload(&w, "vm", WL_WORKLOAD, -1);
    w.options =
        (struct bind_options){.scope = BIND_HOST, .host_ns = ns_names[0], .host = STR("vm")};
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC606, SEV_INFO), 2);
    ctx_free(&w.ctx);
}

static void npc602_shared_address(void)
{
    struct world w;
    small_world(&w, NULL);
    small_workload(&w, "one", WL_POD, 1);
    small_workload(&w, "two", WL_POD, 1);
    CU_ASSERT_PTR_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC602, SEV_ERROR), 1);
    CU_ASSERT_EQUAL(w.ctx.diags.list.v[0]->notes.n, 1);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* finished and host-network pods share addresses all the time */
    small_workload(&w, "one", WL_POD, 1);
    small_workload(&w, "two", WL_POD, 1)->finished = true;
    small_workload(&w, "three", WL_POD, 1)->host_network = true;
    small_workload(&w, "four", WL_POD, 1)->host_network = true;
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    ctx_free(&w.ctx);
}

/* Threats 33: nobody is let in, and the target stays isolated. */
static void t33_npc603_empty_peer(void)
{
    struct world w;
    small_world(&w, NULL);
    small_policy(&w);
    small_workload(&w, "one", WL_POD, 1);
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC603, SEV_WARNING), 1);
    CU_ASSERT_EQUAL_FATAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].targets[0].ngrants, 0);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_EGRESS].ntargets, 0);
    ctx_free(&w.ctx);
}

static void t33_npc205_empty_target(void)
{
    struct world w;
    small_world(&w, NULL);
    small_policy(&w)->ns = ns_names[1];
    small_workload(&w, "one", WL_POD, 1);
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC205, SEV_WARNING), 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 0);
    ctx_free(&w.ctx);
}

/* The limit counts what the rules expand to: one class of pods, any peer, a hundred ports. */
static void t45_npc605_explosion(void)
{
    struct world w;
    small_world(&w, NULL);
    struct policy *p = small_policy(&w);
    struct arena *a = &w.ctx.arena;
    struct rule *r = &p->rules[DIR_INGRESS][0];
    r->any_port = false;
    r->ports = ARENA_NEW_ARRAY(a, 100, struct port);
    for (uint16_t i = 0; i < 100; i++) {
        r->ports[i] = (struct port){.proto = PROTO_TCP, .first = (uint16_t)(2 * i + 1)};
        r->ports[i].last = r->ports[i].first;
    }
    r->nports = 100;
    r->npeers = 0;
    r->any_peer = true;
    for (int i = 0; i < 3; i++) {
        small_workload(&w, str_printf(a, "pod%d", i).p, WL_POD, i);
    }
    w.options.max_elements = 100;
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    w.options.max_elements = 99;
    CU_ASSERT_PTR_NULL(bind_program(&w.ctx, &w.program, &w.options));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC605, SEV_ERROR), 1);
    ctx_free(&w.ctx);
}

static void npc902_scope(void)
{
    static const struct bind_options wrong[] = {
        {.scope = BIND_NODE, .node = STR_INIT("n9")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("nobody")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("shared")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("done")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("template")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct world w;
        small_world(&w, NULL);
        small_workload(&w, "one", WL_POD, 1)->node = nodes[0];
        small_workload(&w, "shared", WL_POD, 2)->host_network = true;
        small_workload(&w, "done", WL_POD, 3)->finished = true;
        small_workload(&w, "template", WL_TEMPLATE, -1);
        w.options = wrong[i];
        CU_ASSERT_PTR_NULL(small_bind(&w));
        CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC902, SEV_ERROR), 1);
        ctx_free(&w.ctx);
    }
}

/* A pod reaches each of its addresses from each of them. */
static void self_pairs(void)
{
    struct world w;
    small_world(&w, NULL);
    struct workload *p = small_workload(&w, "one", WL_POD, 1);
    p->addrs = ARENA_NEW_ARRAY(&w.ctx.arena, 3, struct address);
    p->addrs[0] = address_at(FAM_IP4, 7);
    p->addrs[1] = address_at(FAM_IP4, 3);
    p->addrs[2] = address_at(FAM_IP6, 3);
    p->naddrs = 3;
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->nself[FAM_IP4], 4);
    CU_ASSERT_EQUAL(b->nself[FAM_IP6], 1);
    CU_ASSERT(ip_cmp(b->self[FAM_IP4][1].source, address_at(FAM_IP4, 3).ip) == 0);
    CU_ASSERT(ip_cmp(b->self[FAM_IP4][1].destination, address_at(FAM_IP4, 7).ip) == 0);
    ctx_free(&w.ctx);
}

UNIT_MAIN("bind", TEST(random_worlds), TEST(random_hosts), TEST(npc601_no_address),
          TEST(npc602_shared_address), TEST(t33_npc603_empty_peer), TEST(t33_npc205_empty_target),
          TEST(t45_npc605_explosion), TEST(npc902_scope), TEST(self_pairs))
