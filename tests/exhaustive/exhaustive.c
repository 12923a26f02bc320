/*
 * Bounded exhaustive enumeration: every policy of a space (space.h) is bound by npc, and every
 * packet between its pods and all addresses is judged by npc and by an evaluator that knows nothing
 * of npc (naive.c). It stands between the two: it makes npc's structures out of numbers, and must
 * not know what they mean.
 *
 *     exhaustive [--large] [--every N] [SPACE...]   a line for each space: ok, or FAIL with the
 * policy exhaustive --print SPACE NUMBER               one program, and what is allowed in it
 *     exhaustive --universe                         namespaces and pods
 *     exhaustive --sizes                            how many programs each space has
 */
#include "analysis/verdict.h"
#include "analysis/world.h"
#include "frontend/frontend.h"
#include "space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void *arg)
{
    (void)arg;
    fputs("out of memory\n", stderr);
    abort();
}

/* ---- a program of npc out of numbers ---- */

static const struct str keys[KEYS] = {STR_INIT("a"), STR_INIT("b"), STR_INIT(LABEL_NS_NAME)};
static const struct str label_values[KEYS][2] = {{STR_INIT("x"), STR_INIT("")},
                                                 {STR_INIT("x"), STR_INIT("")},
                                                 {STR_INIT("one"), STR_INIT("two")}};
static const struct str namespaces[NAMESPACES] = {STR_INIT("one"), STR_INIT("two")};
static const struct str port_names[NAMES] = {STR_INIT("web"), STR_INIT("dns")};

static const struct selector *make_selector(struct arena *a, const struct selection *s)
{
    static const enum sel_op ops[] = {[OP_EQUAL] = SEL_EQ,
                                      [OP_IN] = SEL_IN,
                                      [OP_NOT_IN] = SEL_NOTIN,
                                      [OP_EXISTS] = SEL_EXISTS,
                                      [OP_DOES_NOT_EXIST] = SEL_ABSENT};
    struct selector *out = ARENA_NEW(a, struct selector);
    out->v = ARENA_NEW_ARRAY(a, s->n, struct sel_req);
    out->n = s->n;
    for (size_t i = 0; i < s->n; i++) {
        const struct requirement *r = &s->v[i];
        out->v[i] = (struct sel_req){.op = ops[r->op], .key = keys[r->key]};
        out->v[i].values = ARENA_NEW_ARRAY(a, 2, struct str);
        for (size_t k = 0; k < 2; k++) {
            if (r->values >> k & 1) {
                out->v[i].values[out->v[i].nvalues++] = label_values[r->key][k];
            }
        }
    }
    return out;
}

static struct ip address_at(size_t version, int offset)
{
    if (version == IPV4) {
        return (struct ip){0, 0x0a000000u + (uint64_t)offset};
    }
    return offset < 0 ? (struct ip){0xfcffffffffffffffu, UINT64_MAX} /* the one below */
                      : (struct ip){0xfd00000000000000u, (uint64_t)offset};
}

static struct cidr make_cidr(const struct prefix *x)
{
    const uint8_t length = x->version == IPV4 ? 32 : 128;
    if (x->size == 0) {
        return (struct cidr){.family = (enum family)x->version};
    }
    const uint8_t host_bits = x->size == 4 ? 2 : x->size == 2 ? 1 : 0;
    return (struct cidr){(enum family)x->version, address_at(x->version, x->first),
                         (uint8_t)(length - host_bits)};
}

static struct peer make_peer(struct arena *a, const struct peer_spec *x)
{
    if (x->kind != BY_BLOCK) {
        return (struct peer){.kind = PEER_PODS,
                             .ns = x->kind == BY_POD ? NULL : make_selector(a, &x->ns),
                             .pods = x->kind == BY_NAMESPACE ? NULL : make_selector(a, &x->pods)};
    }
    struct peer p = {.kind = PEER_CIDR, .cidr = make_cidr(&x->block), .nexcept = x->nexcept};
    p.except = ARENA_NEW_ARRAY(a, x->nexcept, struct cidr);
    p.except_at = ARENA_NEW_ARRAY(a, x->nexcept, struct span);
    for (size_t i = 0; i < x->nexcept; i++) {
        p.except[i] = make_cidr(&x->except[i]);
    }
    return p;
}

static struct port make_port(const struct port_spec *x)
{
    static const enum proto protocols[] = {
        [TCP] = PROTO_TCP, [UDP] = PROTO_UDP, [SCTP] = PROTO_SCTP, [NO_PROTOCOL] = PROTO_TCP};
    static const enum port_form forms[] = {[PORT_ABSENT] = PORT_WHOLE,
                                           [PORT_NUMBER] = PORT_ONE,
                                           [PORT_NAME] = PORT_NAMED,
                                           [PORT_SPAN] = PORT_RANGE};
    struct port p = {.proto = protocols[x->protocol],
                     .form = forms[x->kind],
                     .implied = x->protocol == NO_PROTOCOL};
    if (x->kind == PORT_NAME) {
        p.name = port_names[x->name];
    } else if (x->kind != PORT_ABSENT) {
        p.first = x->first;
        p.last = x->kind == PORT_SPAN ? x->last : x->first;
    }
    return p;
}

static void make_rule(struct arena *a, const struct rule_spec *x, size_t way, struct rule *r)
{
    r->direction = (enum direction)way;
    r->any_peer = x->npeers == 0;
    r->any_port = x->nports == 0;
    r->peers = ARENA_NEW_ARRAY(a, x->npeers, struct peer);
    r->npeers = x->npeers;
    for (size_t i = 0; i < x->npeers; i++) {
        r->peers[i] = make_peer(a, &x->peers[i]);
    }
    r->ports = ARENA_NEW_ARRAY(a, x->nports, struct port);
    r->nports = x->nports;
    for (size_t i = 0; i < x->nports; i++) {
        r->ports[i] = make_port(&x->ports[i]);
    }
}

static struct policy *make_policy(struct arena *a, const struct policy_spec *x, size_t number)
{
    static const struct str names[POLICIES] = {STR_INIT("policy-1"), STR_INIT("policy-2")};
    struct policy *p = ARENA_NEW(a, struct policy);
    p->ns = namespaces[x->ns];
    p->name = names[number];
    p->target_pods = make_selector(a, &x->target);
    for (size_t way = 0; way < WAYS; way++) {
        const size_t count = x->form[way] == LIST ? x->count[way] : 0;
        p->isolates[way] = x->types >> way & 1;
        p->rules[way] = ARENA_NEW_ARRAY(a, count, struct rule);
        p->nrules[way] = count;
        for (size_t i = 0; i < count; i++) {
            make_rule(a, &x->rules[way][i], way, &p->rules[way][i]);
        }
    }
    return p;
}

/* ---- a program of npc out of text ---- */

enum { ROOM = 1 << 14 };

static bool load(struct ctx *c, const char *text, size_t n, struct program *p)
{
    static const struct load_options options = {.lenient = false};
    const struct input in = {.path = STR("policy.yaml"), .in_memory = true, .text = {text, n}};
    program_init(p, c);
    return load_inputs(c, &options, &in, 1, p);
}

/* ---- comparing ---- */

struct checker {
    struct ctx universe_ctx;
    struct program universe;
    const struct workload *pods[PODS];
    char text[ROOM];
    uint64_t packets, allowed;
};

static struct bound_packet packet_of(const struct probe *x, size_t way, size_t version,
                                     struct ip pod, struct ip peer)
{
    static const enum proto protocols[] = {
        [TCP] = PROTO_TCP, [UDP] = PROTO_UDP, [SCTP] = PROTO_SCTP, [OTHER] = PROTO_OTHER};
    struct bound_packet p = {.family = (enum family)version,
                             .source = way == INGRESS ? peer : pod,
                             .destination = way == INGRESS ? pod : peer,
                             .source_port = 40000,
                             .key = x->port};
    if (x->protocol == ICMP) {
        p.proto = version == IPV4 ? PROTO_ICMP : PROTO_ICMP6;
        p.key = (version == IPV4 ? 8 : 128) << 8; /* echo request */
    } else {
        p.proto = protocols[x->protocol];
    }
    return p;
}

/* What the rules that are bound let through. */
static uint32_t bound_allowed(const struct bound *b, size_t way, size_t pod, size_t version,
                              int peer)
{
    uint32_t set = 0;
    for (size_t i = 0; i < PROBES; i++) {
        const struct bound_packet packet = packet_of(
            &probes[i], way, version, address_at(version, (int)pod), address_at(version, peer));
        const struct bound_verdict v = bound_verdict(b, (enum direction)way, NULL, 0, &packet);
        set |= v.answer != BOUND_DENIED ? 1u << i : 0;
    }
    return set;
}

/* What the world of classes says, which list, query, diff and check go by. */
static uint32_t world_allowed(const struct world *w, const struct workload *target, size_t way,
                              size_t pod, size_t version, int peer)
{
    const struct places at = world_find_workload(w, &w->ctx->arena, target);
    const uint32_t there = world_find_address(w, (enum family)version, address_at(version, peer));
    uint32_t set = 0;
    for (size_t i = 0; i < at.n; i++) {
        const struct endpoint_member *m = &w->classes[at.v[i].class_id].members[at.v[i].member];
        bool here = m->naddrs == 0;
        for (size_t k = 0; k < m->naddrs; k++) {
            here = here || (m->addrs[k].family == (enum family)version &&
                            ip_cmp(m->addrs[k].ip, address_at(version, (int)pod)) == 0);
        }
        const struct traffic t = world_side(w, (enum direction)way, at.v[i].class_id, there);
        const uint32_t id = t.of[version];
        for (size_t k = 0; k < PROBES && here && id != TRAFFIC_ABSENT; k++) {
            const struct bound_packet p =
                packet_of(&probes[k], way, version, (struct ip){0, 0}, (struct ip){0, 0});
            const struct portset ports = traffic_ports(w->traffic, (enum family)version, id);
            set |= portset_has(ports, p.proto, p.key) ? 1u << k : 0;
        }
    }
    return set;
}

struct difference {
    const char *who;
    size_t way, pod, version;
    int peer;
    uint32_t want, got;
};

/* Compares everything. True: all is equal. */
static bool compare(struct checker *k, const struct program_spec *x, const struct bound *b,
                    const struct world *w, struct difference *d)
{
    for (size_t i = 0; i < WAYS * PODS * VERSIONS; i++) {
        *d = (struct difference){
            .way = i % WAYS, .pod = i / WAYS % PODS, .version = i / WAYS / PODS};
        for (int peer = LOWEST; pod_has_address(d->pod, d->version) && peer <= HIGHEST; peer++) {
            d->peer = peer;
            d->want = naive_allowed(x, d->way, d->pod, d->version, peer);
            d->got = bound_allowed(b, d->way, d->pod, d->version, peer);
            d->who = "binding";
            k->packets += PROBES;
            k->allowed += (uint64_t)__builtin_popcount(d->got);
            if (d->got != d->want) {
                return false;
            }
            if (w == NULL || naive_owner(d->version, peer) == d->pod) {
                continue; /* classes say nothing about a pod and itself */
            }
            d->got = world_allowed(w, k->pods[d->pod], d->way, d->pod, d->version, peer);
            d->who = "the world of classes";
            if (d->got != d->want) {
                return false;
            }
        }
    }
    return true;
}

/* One program of a space, by all ways to look at it. */
static bool check_program(struct checker *k, const struct space *s, uint64_t number,
                          struct difference *d)
{
    struct program_spec x;
    space_get(s, number, &x);
    struct ctx c;
    ctx_init(&c, out_of_memory, NULL);
    struct program p;
    program_init(&p, &c);
    bool ok = true;
    if (s->as_text) {
        ok = load(&c, k->text, program_yaml(&x, k->text, ROOM), &p);
    }
    for (size_t i = 0; i < x.n && !s->as_text; i++) {
        vec_push(&c.arena, &p.policies, make_policy(&c.arena, &x.v[i], i));
    }
    p.inv = k->universe.inv;
    *d = (struct difference){.who = "the frontend, which refuses it,"};
    if (ok) {
        const struct bind_options options = {.ipblock_external = x.external};
        const struct bound *b = bind_program(&c, &p, &options);
        const struct world_options view = {.ipblock_external = x.external};
        const struct world *w = world_new(&c, &p, &view, NULL);
        d->who = "binding, which refuses it,";
        ok = b != NULL && w != NULL && compare(k, &x, b, w, d);
    }
    ctx_free(&c);
    return ok;
}

/* ---- reporting ---- */

static void print_set(uint32_t set)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp", "icmp", "other"};
    for (size_t i = 0; i < PROBES; i++) {
        if (set >> i & 1) {
            printf(" %s/%u", protocols[probes[i].protocol], probes[i].port);
        }
    }
    puts("");
}

static void report(struct checker *k, const struct space *s, uint64_t number,
                   const struct difference *d)
{
    struct program_spec x;
    space_get(s, number, &x);
    printf("FAIL exhaustive-%s: number %llu: %s says otherwise\n", s->name,
           (unsigned long long)number, d->who);
    printf("# p%zu, IPv%d, %s, peer at %d\n# wanted:", d->pod + 1, d->version == IPV4 ? 4 : 6,
           d->way == INGRESS ? "from" : "to", d->peer);
    print_set(d->want);
    printf("# got:");
    print_set(d->got);
    const size_t n = program_yaml(&x, k->text, ROOM);
    printf("%.*s", (int)n, k->text);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool check_space(struct checker *k, const struct space *s, uint64_t every)
{
    const uint64_t size = space_size(s);
    while (common_divisor(every, size) > 1) { /* else some choice would always be the same */
        every++;
    }
    const uint64_t packets = k->packets, allowed = k->allowed;
    uint64_t count = 0;
    for (uint64_t number = 0; number < size; number += every) {
        struct difference d;
        count++;
        if (!check_program(k, s, number, &d)) {
            report(k, s, number, &d);
            return false;
        }
    }
    printf("# %s: %s: %llu of %llu, %llu packets, %llu allowed\n", s->name, s->text,
           (unsigned long long)count, (unsigned long long)size,
           (unsigned long long)(k->packets - packets), (unsigned long long)(k->allowed - allowed));
    if (k->allowed == allowed || k->allowed - allowed == k->packets - packets) {
        printf("FAIL exhaustive-%s: all verdicts are the same\n", s->name);
        return false;
    }
    printf("ok exhaustive-%s\n", s->name);
    return true;
}

/* The size of each space, for those who pick numbers. */
static void print_sizes(void)
{
    for (size_t i = 0; i < nspaces; i++) {
        printf("%s %llu %s\n", spaces[i].name, (unsigned long long)space_size(&spaces[i]),
               spaces[i].large ? "large" : "small");
    }
}

/* The text of one program, and a line "= SET…" of what is allowed: for both ways, all pods, both
 * versions that the pod has, and all peers. */
static void print_program(struct checker *k, const struct space *s, uint64_t number)
{
    struct program_spec x;
    space_get(s, number, &x);
    const size_t n = program_yaml(&x, k->text, ROOM);
    printf("%.*s=%s", (int)n, k->text, x.external ? " external" : " any");
    for (size_t i = 0; i < WAYS * PODS * VERSIONS; i++) {
        const size_t way = i % WAYS, pod = i / WAYS % PODS, version = i / WAYS / PODS;
        for (int peer = LOWEST; pod_has_address(pod, version) && peer <= HIGHEST; peer++) {
            printf(" %x", naive_allowed(&x, way, pod, version, peer));
        }
    }
    puts("");
}

/* ---- the program ---- */

static const struct space *find_space(const char *name)
{
    for (size_t i = 0; i < nspaces; i++) {
        if (strcmp(spaces[i].name, name) == 0) {
            return &spaces[i];
        }
    }
    fprintf(stderr, "no space %s\n", name);
    exit(2);
}

static void open_universe(struct checker *k)
{
    ctx_init(&k->universe_ctx, out_of_memory, NULL);
    if (!load(&k->universe_ctx, k->text, universe_yaml(k->text, ROOM), &k->universe) ||
        k->universe.inv.workloads.n != PODS) {
        fputs("the universe cannot be read\n", stderr);
        exit(2);
    }
    for (size_t i = 0; i < PODS; i++) { /* p1, p2, p3 are in order */
        k->pods[i] = k->universe.inv.workloads.v[i];
    }
}

static bool check_all(struct checker *k, bool large, uint64_t every)
{
    bool ok = true;
    for (size_t i = 0; i < nspaces; i++) {
        if (large || !spaces[i].large) {
            ok = check_space(k, &spaces[i], every) && ok;
        }
    }
    return ok;
}

static struct checker checker;

int main(int argc, char **argv)
{
    struct checker *k = &checker;
    bool large = false, ok = true, some = false;
    uint64_t every = 1;
    open_universe(k);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--sizes") == 0) {
            print_sizes();
            some = true;
        } else if (strcmp(argv[i], "--universe") == 0) {
            printf("%.*s", (int)universe_yaml(k->text, ROOM), k->text);
            some = true;
        } else if (strcmp(argv[i], "--large") == 0) {
            large = true;
        } else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc) {
            every = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--print") == 0 && i + 2 < argc) {
            print_program(k, find_space(argv[i + 1]), strtoull(argv[i + 2], NULL, 10));
            i += 2;
            some = true;
        } else {
            ok = check_space(k, find_space(argv[i]), every) && ok;
            some = true;
        }
    }
    ok = (some || check_all(k, large, every)) && ok;
    ctx_free(&k->universe_ctx);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
