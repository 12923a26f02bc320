/*
 * Random small worlds for tests, and what a packet's fate is in them: a naive evaluator that works
 * on the faithful policies, address by address, straight from the text of the Kubernetes API
 * (types.go of networking/v1) and the decided readings of docs/semantics.md. It shares nothing with
 * binding and the backends but the data structures.
 */
#ifndef NPC_TESTS_WORLD_H
#define NPC_TESTS_WORLD_H

#include "ir/bind.h"
#include "rng.h"
#include "unit.h"

/* ---- a world ---- */

/* Arrays have no room to spare, so that AddressSanitizer sees where they end. */

struct random_world {
    struct ctx ctx;
    struct program program;
    struct rng *rng;
    struct bind_options options;
};

static inline size_t pick(struct random_world *w, size_t n)
{
    return rng_below(w->rng, n);
}

static inline bool chance(struct random_world *w, size_t percent)
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

static inline struct labels random_labels(struct random_world *w)
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
static inline struct address address_at(enum family f, unsigned low)
{
    struct ip ip = {0, 0x0a000000u + low};
    if (f == FAM_IP6) {
        ip = (struct ip){0xfd00000000000000u, low};
    }
    return (struct address){f, ip};
}

static inline void add_workload(struct random_world *w, unsigned number, unsigned *low)
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
    size_t naddrs = p->kind == WL_TEMPLATE || chance(w, 5) ? 0 : 1 + pick(w, 3);
    p->addrs = ARENA_NEW_ARRAY(a, naddrs, struct address);
    for (size_t i = 0; i < naddrs; i++) {
        *low += 1 + (unsigned)pick(w, 2);
        p->addrs[p->naddrs++] = address_at(chance(w, 60) ? FAM_IP4 : FAM_IP6, *low);
    }
    size_t nports = pick(w, 4);
    p->ports = ARENA_NEW_ARRAY(a, nports, struct named_port);
    for (size_t i = nports; i > 0; i--) {
        struct named_port port = {PICK(w, port_names), PICK(w, ported),
                                  (uint16_t)(80 + pick(w, 4))};
        p->ports[p->nports++] = port;
    }
    vec_push(a, &w->program.inv.workloads, p);
}

static inline int compare_workloads(const void *x, const void *y)
{
    const struct workload *a = *(struct workload *const *)x, *b = *(struct workload *const *)y;
    int c = str_cmp(a->ns, b->ns);
    return c != 0 ? c : str_cmp(a->name, b->name);
}

static inline void fill_inventory(struct random_world *w)
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
        node->labels = random_labels(w);
        node->addrs = ARENA_NEW(a, struct address);
        node->addrs[0] = address_at(i == 0 ? FAM_IP4 : FAM_IP6, ++low);
        node->naddrs = 1;
        vec_push(a, &inv->nodes, node);
    }
    if (!inventory_finish(&w->ctx, inv)) {
        abort();
    }
}

static const struct selector *random_selector(struct random_world *w, bool of_ns)
{
    struct arena *a = &w->ctx.arena;
    struct selector *s = ARENA_NEW(a, struct selector);
    size_t n = pick(w, 3);
    s->v = ARENA_NEW_ARRAY(a, n, struct sel_req);
    while (s->n < n) {
        bool by_name = of_ns && chance(w, 40);
        struct sel_req r = {.op = (enum sel_op)pick(w, 5), .key = PICK(w, keys)};
        if (by_name) {
            r.key = STR(LABEL_NS_NAME);
        }
        r.nvalues = r.op == SEL_EQ ? 1 : r.op == SEL_IN || r.op == SEL_NOTIN ? 1 + pick(w, 3) : 0;
        r.values = ARENA_NEW_ARRAY(a, r.nvalues, struct str);
        for (size_t i = 0; i < r.nvalues; i++) {
            r.values[i] = by_name ? PICK(w, ns_names) : PICK(w, values);
        }
        s->v[s->n++] = r;
    }
    return s;
}

/* Clears the bits behind the length. */
static inline struct cidr cidr_at(enum family f, struct ip ip, unsigned len)
{
    struct cidr c = {f, ip, (uint8_t)len};
    struct ip host = cidr_last((struct cidr){f, {0, 0}, (uint8_t)len});
    c.first.hi &= ~host.hi;
    c.first.lo &= ~host.lo;
    return c;
}

static inline void random_cidr(struct random_world *w, struct peer *p)
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

static inline void random_peer(struct random_world *w, struct peer *p, bool of_cluster)
{
    size_t form = pick(w, 6);
    if (form == 5) {
        p->kind = PEER_NODES;
        p->nodes = random_selector(w, false);
        return;
    }
    if (form >= 3) {
        random_cidr(w, p);
        return;
    }
    p->kind = PEER_PODS;
    p->ns = form == 0 && !of_cluster ? NULL : random_selector(w, true);
    p->pods = form == 1 ? NULL : random_selector(w, false);
}

static inline void random_port(struct random_world *w, struct port *p)
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

static inline void random_rule(struct random_world *w, struct rule *r, enum direction d,
                               bool of_cluster)
{
    struct arena *a = &w->ctx.arena;
    r->action = of_cluster ? (enum action)pick(w, 3) : ACT_ALLOW;
    r->direction = d;
    r->npeers = pick(w, 4);
    r->any_peer = r->npeers == 0;
    r->peers = ARENA_NEW_ARRAY(a, r->npeers, struct peer);
    for (size_t i = 0; i < r->npeers; i++) {
        random_peer(w, &r->peers[i], of_cluster);
    }
    r->nports = pick(w, 4);
    r->any_port = r->nports == 0;
    r->ports = ARENA_NEW_ARRAY(a, r->nports, struct port);
    for (size_t i = 0; i < r->nports; i++) {
        random_port(w, &r->ports[i]);
    }
}

/* In the order in which they are asked, by the text of the API and docs/npc-language.5. */
static const struct tier tiers[] = {
    {STR_INIT("early"), 999, {0}},    {STR_INIT("admin"), 1000, {0}},
    {STR_INIT("middle"), 2000, {0}},  {STR_INIT(""), 1000000, {0}}, /* NetworkPolicies */
    {STR_INIT("late"), 2000000, {0}}, {STR_INIT("baseline"), 10000000, {0}},
};
enum { TIERS = sizeof tiers / sizeof *tiers, NAMESPACED_TIER = 3, PRIORITIES = 3 };

static inline void add_tiers(struct random_world *w)
{
    static const size_t declared[] = {4, 0, 2};
    for (size_t i = 0; i < 3; i++) {
        vec_push(&w->ctx.arena, &w->program.tiers, tiers[declared[i]]);
    }
}

static inline void make_cluster(struct random_world *w, struct policy *p)
{
    static const size_t places[] = {0, 1, 1, 1, 2, 4, 5, 5, 5};
    p->api = API_CLUSTER_POLICY;
    p->ns = STR("");
    p->tier = tiers[PICK(w, places)].name;
    p->priority = (uint32_t)pick(w, PRIORITIES);
    p->target_ns = random_selector(w, true);
    p->target_pods = chance(w, 50) ? NULL : p->target_pods;
}

static inline void add_policy(struct random_world *w, unsigned number, bool of_cluster)
{
    struct arena *a = &w->ctx.arena;
    struct policy *p = ARENA_NEW(a, struct policy);
    p->ns = PICK(w, ns_names);
    p->name = str_printf(a, "policy%u", number);
    p->target_pods = random_selector(w, false);
    if (of_cluster) {
        make_cluster(w, p);
    }
    for (size_t d = 0; d < DIRECTIONS; d++) {
        p->isolates[d] = !of_cluster && chance(w, 70);
        p->nrules[d] = pick(w, 4);
        p->rules[d] = ARENA_NEW_ARRAY(a, p->nrules[d], struct rule);
        for (size_t i = 0; i < p->nrules[d]; i++) {
            random_rule(w, &p->rules[d][i], (enum direction)d, of_cluster);
        }
    }
    vec_push(a, &w->program.policies, p);
}

static inline void world_init(struct random_world *w, struct rng *rng)
{
    *w = (struct random_world){.rng = rng};
    ctx_init(&w->ctx, unit_oom, NULL);
    program_init(&w->program, &w->ctx);
    fill_inventory(w);
    add_tiers(w);
    bool with_tiers = chance(w, 50);
    for (unsigned i = (unsigned)pick(w, with_tiers ? 7 : 5); i > 0; i--) {
        add_policy(w, i, with_tiers && chance(w, 60));
    }
    w->options.ipblock_external = chance(w, 30);
    w->options.scope = chance(w, 70) ? BIND_ALL : BIND_NODE;
    w->options.node = nodes[0];
}

/* ---- the naive evaluator ---- */

static inline bool is_pod(const struct workload *w)
{
    return w->kind != WL_TEMPLATE && !w->finished && !w->host_network;
}

static inline bool has_address(const struct address *v, size_t n, struct address at)
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

static inline bool naive_in_inventory(const struct program *p, struct address at)
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

static inline bool naive_req(const struct sel_req *r, const struct labels *l)
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

static inline bool naive_selects(const struct selector *s, const struct labels *l)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!naive_req(&s->v[i], l)) {
            return false;
        }
    }
    return true;
}

static inline bool naive_node(const struct random_world *w, const struct peer *peer,
                              struct address at)
{
    for (size_t i = 0; i < w->program.inv.nodes.n; i++) {
        const struct node_object *node = w->program.inv.nodes.v[i];
        if (naive_selects(peer->nodes, &node->labels) &&
            has_address(node->addrs, node->naddrs, at)) {
            return true;
        }
    }
    return false;
}

static inline bool naive_peer(const struct random_world *w, const struct policy *policy,
                              const struct peer *peer, struct address at)
{
    if (peer->kind == PEER_NODES) {
        return naive_node(w, peer, at);
    }
    if (peer->kind == PEER_CIDR) {
        bool in = cidr_has(peer->cidr, at.family, at.ip);
        for (size_t i = 0; i < peer->nexcept; i++) {
            in = in && !cidr_has(peer->except[i], at.family, at.ip);
        }
        bool outside_only = w->options.ipblock_external && policy->tier.n == 0;
        return in && !(outside_only && naive_in_inventory(&w->program, at));
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

static inline bool naive_port(const struct port *port, struct packet pk,
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

static inline bool naive_rule(const struct random_world *w, const struct policy *policy,
                              const struct rule *r, struct address peer, struct packet pk,
                              const struct workload *destination)
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

enum fate { FATE_ALLOWED, FATE_DENIED, FATE_UNDECIDED };

static inline enum fate naive_networkpolicies(const struct random_world *w, enum direction d,
                                              const struct workload *pod, struct address peer,
                                              struct packet pk)
{
    enum fate fate = FATE_UNDECIDED;
    const struct workload *destination = d == DIR_INGRESS ? pod : naive_pod(&w->program, peer);
    for (size_t i = 0; i < w->program.policies.n; i++) {
        const struct policy *p = w->program.policies.v[i];
        bool selected = str_eq(p->ns, pod->ns) && naive_selects(p->target_pods, &pod->labels);
        if (!selected || !p->isolates[d]) {
            continue;
        }
        fate = FATE_DENIED;
        for (size_t k = 0; k < p->nrules[d]; k++) {
            if (naive_rule(w, p, &p->rules[d][k], peer, pk, destination)) {
                return FATE_ALLOWED;
            }
        }
    }
    return fate;
}

static inline bool naive_targets(const struct random_world *w, const struct policy *p,
                                 const struct workload *pod)
{
    const struct labels *ns = &inventory_find_ns(&w->program.inv, pod->ns)->labels;
    return naive_selects(p->target_ns, ns) &&
           (p->target_pods == NULL || naive_selects(p->target_pods, &pod->labels));
}

static inline enum fate fate_of(enum action action)
{
    static const enum fate fates[] = {
        [ACT_ALLOW] = FATE_ALLOWED, [ACT_DENY] = FATE_DENIED, [ACT_PASS] = FATE_UNDECIDED};
    return fates[action];
}

/* 0: the policy only denies, 2: it only allows. */
static inline int naive_leniency(const struct policy *p)
{
    size_t n = 0, denied = 0, allowed = 0;
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t k = 0; k < p->nrules[d]; k++, n++) {
            denied += p->rules[d][k].action == ACT_DENY;
            allowed += p->rules[d][k].action == ACT_ALLOW;
        }
    }
    return denied == n ? 0 : allowed == n ? 2 : 1;
}

/* Whether a policy of the same tier is asked before another. */
static inline bool naive_is_before(const struct policy *a, const struct policy *b)
{
    int la = naive_leniency(a), lb = naive_leniency(b), by_name = str_cmp(a->name, b->name);
    return a->priority != b->priority ? a->priority < b->priority
           : la != lb                 ? la < lb
           : by_name != 0             ? by_name < 0
                                      : a->api < b->api;
}

/* The policy's first rule that matches, or NULL. */
static inline const struct rule *naive_first_rule(const struct random_world *w,
                                                  const struct policy *p, enum direction d,
                                                  const struct workload *pod, struct address peer,
                                                  struct packet pk)
{
    const struct workload *destination = d == DIR_INGRESS ? pod : naive_pod(&w->program, peer);
    for (size_t k = 0; k < p->nrules[d]; k++) {
        if (naive_rule(w, p, &p->rules[d][k], peer, pk, destination) && naive_targets(w, p, pod)) {
            return &p->rules[d][k];
        }
    }
    return NULL;
}

/* What the first policy of the tier says of which a rule matches. */
static inline enum fate naive_tier(const struct random_world *w, struct str tier, enum direction d,
                                   const struct workload *pod, struct address peer,
                                   struct packet pk)
{
    const struct policy *first = NULL;
    const struct rule *rule = NULL;
    for (size_t i = 0; i < w->program.policies.n; i++) {
        const struct policy *p = w->program.policies.v[i];
        bool asked = p->tier.n > 0 && str_eq(p->tier, tier);
        if (asked && (first == NULL || naive_is_before(p, first))) {
            const struct rule *found = naive_first_rule(w, p, d, pod, peer, pk);
            first = found != NULL ? p : first;
            rule = found != NULL ? found : rule;
        }
    }
    return rule != NULL ? fate_of(rule->action) : FATE_UNDECIDED;
}

static inline bool naive_allows(const struct random_world *w, enum direction d,
                                const struct workload *pod, struct address peer, struct packet pk)
{
    for (size_t i = 0; i < TIERS; i++) {
        enum fate fate = i == NAMESPACED_TIER ? naive_networkpolicies(w, d, pod, peer, pk)
                                              : naive_tier(w, tiers[i].name, d, pod, peer, pk);
        if (fate != FATE_UNDECIDED) {
            return fate == FATE_ALLOWED;
        }
    }
    return true;
}

/* ---- packets ---- */

enum { ADDRS = 80, PACKETS = 96 };

struct probes {
    struct address addrs[ADDRS];
    size_t naddrs;
    struct packet packets[PACKETS];
    size_t npackets;
};

static inline void fill_probes(struct probes *p)
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

static inline bool foreign(struct packet pk, enum family f)
{
    return pk.proto == (f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP);
}

static inline bool in_scope(const struct random_world *w, const struct workload *p)
{
    return w->options.scope == BIND_ALL || str_eq(p->node, w->options.node);
}

#endif
