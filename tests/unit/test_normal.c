/*
 * The normalized form means what the faithful form means. The judge is an evaluator written here,
 * from the Kubernetes API text, over the faithful form; it shares no code with ir/normal.c.
 */
#include "ir/normal.h"
#include "unit.h"

#include <string.h>

static struct ctx ctx;
static uint64_t random_state;

static void setup(uint64_t seed)
{
    ctx_init(&ctx, unit_oom, NULL);
    random_state = seed;
}

/* xorshift64: the same numbers everywhere */
static uint32_t pick(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

/* ---- selectors ---- */

enum { KEYS = 3, VALUES = 5 }; /* the last value is in no selector */
static const char *const keys[KEYS] = {"a", "b", "example.com/c"};
static const char *const values[VALUES] = {"", "x", "y", "z", "other"};

struct label_set { /* the index of each key's value, or -1: the key is absent */
    int value[KEYS];
};

static bool req_holds(const struct sel_req *req, const struct label_set *l)
{
    int have = -1;
    for (int k = 0; k < KEYS; k++) {
        have = str_is(req->key, keys[k]) ? l->value[k] : have;
    }
    bool listed = false;
    for (size_t i = 0; i < req->nvalues; i++) {
        listed = listed || (have >= 0 && str_is(req->values[i], values[have]));
    }
    switch (req->op) {
    case SEL_EQ:
    case SEL_IN:
        return listed;
    case SEL_NOTIN:
        return !listed;
    case SEL_EXISTS:
        return have >= 0;
    case SEL_ABSENT:
        return have < 0;
    }
    return false;
}

static bool holds(const struct selector *s, const struct label_set *l)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!req_holds(&s->v[i], l)) {
            return false;
        }
    }
    return true;
}

/* Steps through all label sets; false after the last. */
static bool next_set(struct label_set *l)
{
    for (int k = 0; k < KEYS; k++) {
        if (++l->value[k] < VALUES) {
            return true;
        }
        l->value[k] = -1;
    }
    return false;
}

static struct selector *random_selector(void)
{
    struct selector *s = ARENA_NEW(&ctx.arena, struct selector);
    s->n = pick(6);
    s->v = ARENA_NEW_ARRAY(&ctx.arena, s->n, struct sel_req);
    for (size_t i = 0; i < s->n; i++) {
        struct sel_req *req = &s->v[i];
        req->op = (enum sel_op)pick(5);
        req->key = str_of(keys[pick(KEYS)]);
        bool lists = req->op == SEL_IN || req->op == SEL_NOTIN;
        req->nvalues = req->op == SEL_EQ ? 1 : lists ? 1 + pick(4) : 0;
        req->values = ARENA_NEW_ARRAY(&ctx.arena, req->nvalues, struct str);
        for (size_t j = 0; j < req->nvalues; j++) {
            req->values[j] = str_of(values[pick(VALUES - 1)]);
        }
    }
    return s;
}

static struct selector *shuffled(const struct selector *s)
{
    struct selector *out = ARENA_NEW(&ctx.arena, struct selector);
    out->n = s->n;
    out->v = ARENA_NEW_ARRAY(&ctx.arena, s->n, struct sel_req);
    for (size_t i = 0; i < s->n; i++) {
        size_t j = pick((uint32_t)i + 1);
        out->v[i] = out->v[j];
        out->v[j] = s->v[i];
    }
    for (size_t i = 0; i < s->n; i++) {
        struct sel_req *req = &out->v[i];
        struct str *v = ARENA_NEW_ARRAY(&ctx.arena, req->nvalues, struct str);
        for (size_t j = 0; j < req->nvalues; j++) {
            v[j] = req->values[req->nvalues - 1 - j];
        }
        req->values = v;
    }
    return out;
}

static void test_selectors_mean_the_same(void)
{
    setup(88172645463325252u);
    for (int round = 0; round < 5000; round++) {
        const struct selector *s = random_selector();
        const struct selector *n = selector_normalize(&ctx.arena, s);
        bool any = false, equal = true;
        struct label_set l = {{-1, -1, -1}};
        do {
            any = any || holds(s, &l);
            equal = equal && holds(s, &l) == holds(n, &l);
        } while (next_set(&l));
        CU_ASSERT(equal);
        CU_ASSERT_EQUAL(selector_satisfiable(n), any);
        CU_ASSERT_EQUAL(selector_cmp(n, selector_normalize(&ctx.arena, n)), 0);
        CU_ASSERT_EQUAL(selector_cmp(n, selector_normalize(&ctx.arena, shuffled(s))), 0);
        for (size_t i = 0; i < n->n; i++) {
            CU_ASSERT(n->v[i].op != SEL_IN || n->v[i].nvalues > 1);
        }
    }
    ctx_free(&ctx);
}

static void test_selector_order_is_total(void)
{
    setup(7);
    enum { N = 60 };
    const struct selector *s[N];
    for (int i = 0; i < N; i++) {
        s[i] = selector_normalize(&ctx.arena, random_selector());
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            CU_ASSERT_EQUAL(selector_cmp(s[i], s[j]), -selector_cmp(s[j], s[i]));
            for (int k = 0; k < N; k++) {
                bool chain = selector_cmp(s[i], s[j]) <= 0 && selector_cmp(s[j], s[k]) <= 0;
                CU_ASSERT(!chain || selector_cmp(s[i], s[k]) <= 0);
            }
        }
    }
    ctx_free(&ctx);
}

static void test_absent_selector_is_everything(void)
{
    setup(1);
    const struct selector *n = selector_normalize(&ctx.arena, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    CU_ASSERT_EQUAL(n->n, 0);
    CU_ASSERT(selector_satisfiable(n));
    ctx_free(&ctx);
}

static struct selector *one_req(const char *key, enum sel_op op, const char *value,
                                const char *more)
{
    struct selector *s = ARENA_NEW(&ctx.arena, struct selector);
    s->n = 1;
    s->v = ARENA_NEW(&ctx.arena, struct sel_req);
    s->v[0] = (struct sel_req){.op = op, .key = str_of(key)};
    s->v[0].values = ARENA_NEW_ARRAY(&ctx.arena, 2, struct str);
    const char *const texts[] = {value, more};
    for (size_t i = 0; i < 2 && texts[i] != NULL; i++) {
        s->v[0].values[s->v[0].nvalues++] = str_of(texts[i]);
    }
    return s;
}

static struct selector *one_label(const char *key, const char *value)
{
    return one_req(key, SEL_EQ, value, NULL);
}

static void test_selectors_in_their_order(void)
{
    setup(1);
    const struct selector *const rising[] = {
        one_label("a", "x"),
        one_req("a", SEL_IN, "x", "y"),
        one_req("a", SEL_IN, "x", "z"),
        one_req("a", SEL_IN, "y", "z"),
        one_req("a", SEL_NOTIN, "x", NULL),
        one_req("a", SEL_EXISTS, NULL, NULL),
        one_req("a", SEL_ABSENT, NULL, NULL),
        one_label("b", "x"),
    };
    for (size_t i = 1; i < sizeof rising / sizeof *rising; i++) {
        CU_ASSERT(selector_cmp(rising[i - 1], rising[i]) < 0);
    }
    ctx_free(&ctx);
}

/* What the policy says stays as it was written. */
static void test_written_selector_stays(void)
{
    setup(1);
    struct selector *s = one_req("a", SEL_IN, "y", "x");
    s->at.line = 3;
    const struct selector *n = selector_normalize(&ctx.arena, s);
    CU_ASSERT(str_is(s->v[0].values[0], "y") && str_is(s->v[0].values[1], "x"));
    CU_ASSERT(str_is(n->v[0].values[0], "x") && str_is(n->v[0].values[1], "y"));
    CU_ASSERT_EQUAL(n->at.line, 3);
    ctx_free(&ctx);
}

/* ---- policies to normalize ---- */

static struct policy *new_policy(enum direction d, size_t nrules)
{
    struct policy *p = ARENA_NEW(&ctx.arena, struct policy);
    p->api = API_NETWORK_POLICY;
    p->name = STR("p");
    p->target_pods = ARENA_NEW(&ctx.arena, struct selector);
    p->isolates[d] = true;
    p->nrules[d] = nrules;
    p->rules[d] = ARENA_NEW_ARRAY(&ctx.arena, nrules, struct rule);
    for (size_t i = 0; i < nrules; i++) {
        p->rules[d][i].direction = d;
    }
    return p;
}

static const struct npolicy *normal(const struct policy *p)
{
    return policy_normalize(&ctx, p, STR("home"));
}

/* ---- ports ---- */

static struct port random_port(void)
{
    static const char *const names[] = {"http", "dns", "web"};
    struct port port = {.proto = (enum proto)pick(PROTO_KEYED), .form = (enum port_form)pick(4)};
    if (port.form == PORT_NAMED) {
        static const enum proto named[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ANY};
        port.proto = named[pick(4)];
        port.name = str_of(names[pick(3)]);
    } else if (port.form != PORT_WHOLE) {
        port.first = (uint16_t)(pick(4) == 0 ? pick(65536) : 60 + pick(12));
        port.last = port.first;
        if (port.form == PORT_RANGE) {
            port.last = (uint16_t)(port.first + pick(65536u - port.first > 8 ? 8 : 1));
        }
    }
    return port;
}

/* Whether the rule, as written, takes a packet to a pod that calls the port `name`. */
static bool takes(const struct rule *r, enum proto p, uint16_t key, struct str name)
{
    for (size_t i = 0; i < r->nports; i++) {
        const struct port *x = &r->ports[i];
        bool proto = x->proto == p || (x->proto == PROTO_ANY && p <= PROTO_SCTP);
        bool key_fits =
            x->form == PORT_WHOLE ||
            (x->form == PORT_NAMED ? str_eq(x->name, name) : x->first <= key && key <= x->last);
        if (proto && key_fits) {
            return true;
        }
    }
    return r->any_port;
}

static bool ntakes(const struct nrule *r, enum proto p, uint16_t key, struct str name)
{
    for (size_t i = 0; i < r->nnames; i++) {
        bool proto = r->names[i].proto == p || (r->names[i].proto == PROTO_ANY && p <= PROTO_SCTP);
        if (proto && str_eq(r->names[i].name, name)) {
            return true;
        }
    }
    return r->any_port || portset_has(r->ports, p, key);
}

static bool same_ports_at(const struct rule *r, const struct nrule *n, uint16_t key)
{
    static const char *const names[] = {"", "http", "dns", "web"};
    for (int p = 0; p < PROTO_KEYED; p++) {
        for (int i = 0; i < (p <= PROTO_SCTP ? 4 : 1); i++) {
            struct str name = str_of(names[i]);
            if (takes(r, (enum proto)p, key, name) != ntakes(n, (enum proto)p, key, name)) {
                return false;
            }
        }
    }
    return true;
}

static void test_ports_mean_the_same(void)
{
    setup(424242);
    for (int round = 0; round < 3000; round++) {
        struct policy *p = new_policy(DIR_INGRESS, 1);
        struct rule *r = &p->rules[DIR_INGRESS][0];
        r->any_peer = true;
        r->nports = 1 + pick(9);
        r->ports = ARENA_NEW_ARRAY(&ctx.arena, r->nports, struct port);
        for (size_t i = 0; i < r->nports; i++) {
            r->ports[i] = random_port();
        }
        const struct npolicy *n = normal(p);
        CU_ASSERT_EQUAL_FATAL(n->nrules[DIR_INGRESS], 1);
        const struct nrule *nr = &n->rules[DIR_INGRESS][0];
        bool same = same_ports_at(r, nr, 0) && same_ports_at(r, nr, 65535);
        for (size_t i = 0; i < r->nports; i++) {
            for (int d = -1; d <= 1; d++) {
                same = same && same_ports_at(r, nr, (uint16_t)(r->ports[i].first + d)) &&
                       same_ports_at(r, nr, (uint16_t)(r->ports[i].last + d));
            }
        }
        CU_ASSERT(same);
        for (size_t i = 1; i < nr->nnames; i++) {
            bool rises = nr->names[i - 1].proto < nr->names[i].proto ||
                         (nr->names[i - 1].proto == nr->names[i].proto &&
                          str_cmp(nr->names[i - 1].name, nr->names[i].name) < 0);
            CU_ASSERT(rises);
        }
    }
    ctx_free(&ctx);
}

static void test_whole_protocol_drops_its_names(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 1);
    struct port ports[] = {{.proto = PROTO_TCP, .form = PORT_NAMED, .name = STR("http")},
                           {.proto = PROTO_TCP, .form = PORT_WHOLE},
                           {.proto = PROTO_UDP, .form = PORT_NAMED, .name = STR("dns")}};
    p->rules[DIR_INGRESS][0] =
        (struct rule){.any_peer = true, .ports = ports, .nports = sizeof ports / sizeof ports[0]};
    const struct nrule *n = &normal(p)->rules[DIR_INGRESS][0];
    CU_ASSERT_EQUAL_FATAL(n->nnames, 1);
    CU_ASSERT(str_is(n->names[0].name, "dns"));
    ctx_free(&ctx);
}

static void test_three_whole_protocols_drop_names_of_any(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 1);
    struct port ports[] = {{.proto = PROTO_ANY, .form = PORT_NAMED, .name = STR("http")},
                           {.proto = PROTO_TCP, .form = PORT_WHOLE},
                           {.proto = PROTO_UDP, .form = PORT_WHOLE},
                           {.proto = PROTO_SCTP, .form = PORT_WHOLE}};
    struct rule *r = &p->rules[DIR_INGRESS][0];
    *r = (struct rule){.any_peer = true, .ports = ports, .nports = 4};
    CU_ASSERT_EQUAL(normal(p)->rules[DIR_INGRESS][0].nnames, 0);
    r->nports = 3;
    CU_ASSERT_EQUAL(normal(p)->rules[DIR_INGRESS][0].nnames, 1);
    ctx_free(&ctx);
}

/* ---- addresses ---- */

/* A prefix with random bits near the start of a few small ranges, so that they meet often. */
static struct cidr random_cidr(const struct cidr *inside)
{
    enum family f = inside != NULL ? inside->family : (enum family)pick(FAMILIES);
    unsigned bits = f == FAM_IP4 ? 32 : 128;
    unsigned least = inside != NULL ? inside->len + 1u : f == FAM_IP4 ? 24 : 120;
    struct cidr c = {.family = f};
    c.len = (uint8_t)(least > bits ? bits : least + pick(bits - least + 1));
    struct ip base = inside != NULL ? inside->first : ip_max(f);
    unsigned host = bits - c.len; /* at most 8: the low byte is all that varies */
    c.first = base;
    c.first.lo = (inside != NULL ? base.lo | pick(256) % (1u << (bits - inside->len))
                                 : (base.lo & ~0xffull) | pick(256));
    c.first.lo &= ~((1ull << host) - 1);
    return c;
}

static bool has(const struct cidr *c, enum family f, struct ip ip)
{
    unsigned host = (c->family == FAM_IP4 ? 32u : 128u) - c->len;
    return c->family == f && c->first.hi == ip.hi && (c->first.lo >> host) == (ip.lo >> host);
}

static bool reaches(const struct rule *r, enum family f, struct ip ip)
{
    for (size_t i = 0; i < r->npeers; i++) {
        const struct peer *peer = &r->peers[i];
        bool in = has(&peer->cidr, f, ip);
        for (size_t j = 0; j < peer->nexcept; j++) {
            in = in && !has(&peer->except[j], f, ip);
        }
        if (in) {
            return true;
        }
    }
    return false;
}

static bool sorted_and_apart(struct ipset s)
{
    for (size_t i = 1; i < s.n; i++) {
        struct ip after = ip_next(s.v[i - 1].last);
        if (ip_cmp(after, s.v[i].first) >= 0) {
            return false;
        }
    }
    return true;
}

static void test_addresses_mean_the_same(void)
{
    setup(99);
    for (int round = 0; round < 2000; round++) {
        struct policy *p = new_policy(DIR_EGRESS, 1);
        struct rule *r = &p->rules[DIR_EGRESS][0];
        r->any_port = true;
        r->npeers = 1 + pick(5);
        r->peers = ARENA_NEW_ARRAY(&ctx.arena, r->npeers, struct peer);
        for (size_t i = 0; i < r->npeers; i++) {
            struct peer *peer = &r->peers[i];
            peer->kind = PEER_CIDR;
            peer->cidr = random_cidr(NULL);
            bool narrow = peer->cidr.len == (peer->cidr.family == FAM_IP4 ? 32 : 128);
            peer->nexcept = narrow ? 0 : pick(4);
            peer->except = ARENA_NEW_ARRAY(&ctx.arena, peer->nexcept, struct cidr);
            for (size_t j = 0; j < peer->nexcept; j++) {
                peer->except[j] = random_cidr(&peer->cidr);
            }
        }
        const struct npolicy *n = normal(p);
        static const struct nrule none;
        const struct nrule *nr = n->nrules[DIR_EGRESS] > 0 ? &n->rules[DIR_EGRESS][0] : &none;
        bool same = true;
        for (int f = 0; f < FAMILIES; f++) {
            for (uint64_t low = 0; low < 256; low++) { /* all that the prefixes hold */
                struct ip ip = ip_max((enum family)f);
                ip.lo = (ip.lo & ~0xffull) | low;
                same = same && reaches(r, (enum family)f, ip) == ipset_has(nr->nets[f], ip);
            }
            CU_ASSERT(sorted_and_apart(nr->nets[f]));
        }
        CU_ASSERT(same);
    }
    ctx_free(&ctx);
}

/* ---- clauses, rules, policies ---- */

static bool is_ns(const struct selector *s, const char *name)
{
    return s->n == 1 && s->v[0].op == SEL_EQ && str_is(s->v[0].key, LABEL_NS_NAME) &&
           str_is(s->v[0].values[0], name);
}

static void test_own_namespace(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 1);
    struct peer peer = {.kind = PEER_PODS, .pods = one_label("app", "web")};
    p->rules[DIR_INGRESS][0] = (struct rule){.any_port = true, .peers = &peer, .npeers = 1};
    const struct npolicy *n = normal(p);
    CU_ASSERT(is_ns(n->target_ns, "home"));
    CU_ASSERT(is_ns(n->rules[DIR_INGRESS][0].clauses[0].ns, "home"));
    p->ns = STR("shop");
    n = normal(p);
    CU_ASSERT(is_ns(n->target_ns, "shop"));
    CU_ASSERT(is_ns(n->rules[DIR_INGRESS][0].clauses[0].ns, "shop"));
    CU_ASSERT_EQUAL(n->target_pods->n, 0);
    ctx_free(&ctx);
}

static void test_equal_clauses_once(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 1);
    p->ns = STR("shop");
    struct peer peers[] = {
        {.kind = PEER_PODS, .pods = one_label("b", "1")},
        {.kind = PEER_PODS, .pods = one_label("a", "1")},
        {.kind = PEER_PODS, .pods = one_label("b", "1"), .ns = one_label(LABEL_NS_NAME, "shop")},
    };
    p->rules[DIR_INGRESS][0] = (struct rule){.any_port = true, .peers = peers, .npeers = 3};
    const struct nrule *n = &normal(p)->rules[DIR_INGRESS][0];
    CU_ASSERT_EQUAL_FATAL(n->nclauses, 2);
    CU_ASSERT_PTR_EQUAL(n->clauses[0].origin, &peers[1]);
    CU_ASSERT_PTR_EQUAL(n->clauses[1].origin, &peers[0]);
    ctx_free(&ctx);
}

static void test_clauses_in_their_order(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 1);
    struct peer peers[] = {
        {.kind = PEER_NODES, .nodes = one_label("k", "1")},
        {.kind = PEER_DOMAIN, .domain = STR("b.example")},
        {.kind = PEER_PODS, .ns = one_label("k", "z")},
        {.kind = PEER_NODES, .nodes = one_label("k", "0")},
        {.kind = PEER_DOMAIN, .domain = STR("a.example")},
        {.kind = PEER_PODS, .ns = one_label("k", "y")},
        {.kind = PEER_NODES, .nodes = one_label("k", "1")},
        {.kind = PEER_PODS, .ns = one_label("k", "z")},
    };
    static const size_t want[] = {5, 2, 3, 0, 4, 1};
    p->rules[DIR_INGRESS][0] = (struct rule){.any_port = true, .peers = peers, .npeers = 8};
    const struct nrule *n = &normal(p)->rules[DIR_INGRESS][0];
    CU_ASSERT_EQUAL_FATAL(n->nclauses, 6);
    for (size_t i = 0; i < 6; i++) {
        CU_ASSERT_PTR_EQUAL(n->clauses[i].origin, &peers[want[i]]);
    }
    ctx_free(&ctx);
}

static void test_inert_rules_are_dropped(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_EGRESS, 1);
    p->rules[DIR_EGRESS][0].any_peer = p->rules[DIR_EGRESS][0].any_port = true;
    CU_ASSERT_EQUAL(normal(p)->nrules[DIR_EGRESS], 1);
    p->isolates[DIR_EGRESS] = false;
    p->isolates[DIR_INGRESS] = true;
    CU_ASSERT_EQUAL(normal(p)->nrules[DIR_EGRESS], 0);
    p->api = API_CLUSTER_POLICY; /* there is no isolation to speak of */
    p->target_ns = p->target_pods;
    CU_ASSERT_EQUAL(normal(p)->nrules[DIR_EGRESS], 1);
    ctx_free(&ctx);
}

static void test_rules_that_match_nothing_are_dropped(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 2);
    struct selector *never = one_label("a", "1");
    struct sel_req both[] = {never->v[0], {.op = SEL_ABSENT, .key = STR("a")}};
    never->v = both;
    never->n = 2;
    struct peer nobody = {.kind = PEER_PODS, .pods = never};
    struct peer nowhere = {.kind = PEER_PODS, .ns = never};
    struct peer somebody = {.kind = PEER_PODS, .pods = one_label("a", "1")};
    p->rules[DIR_INGRESS][0] = (struct rule){.any_port = true, .peers = &nobody, .npeers = 1};
    p->rules[DIR_INGRESS][1] = (struct rule){.any_port = true, .peers = &somebody, .npeers = 1};
    const struct npolicy *n = normal(p);
    CU_ASSERT_EQUAL_FATAL(n->nrules[DIR_INGRESS], 1);
    CU_ASSERT_EQUAL(n->rules[DIR_INGRESS][0].index, 1);
    CU_ASSERT_PTR_EQUAL(n->rules[DIR_INGRESS][0].origin, &p->rules[DIR_INGRESS][1]);
    p->rules[DIR_INGRESS][0].peers = &nowhere;
    CU_ASSERT_EQUAL(normal(p)->nrules[DIR_INGRESS], 1);
    p->rules[DIR_INGRESS][1].any_port = false; /* and no port */
    CU_ASSERT_EQUAL(normal(p)->nrules[DIR_INGRESS], 0);
    ctx_free(&ctx);
}

static void test_many_ports_stay_cheap(void)
{
    setup(1);
    struct policy *p = new_policy(DIR_INGRESS, 1);
    struct rule *r = &p->rules[DIR_INGRESS][0];
    enum { N = 10000 };
    r->any_peer = true;
    r->ports = ARENA_NEW_ARRAY(&ctx.arena, N, struct port);
    r->nports = N;
    for (size_t i = 0; i < N; i++) {
        uint16_t port = (uint16_t)(1 + 2 * i);
        r->ports[i] = (struct port){.proto = PROTO_TCP, .first = port, .last = port};
    }
    size_t before = ctx.arena.total;
    CU_ASSERT_EQUAL(normal(p)->rules[DIR_INGRESS][0].ports.keys[PROTO_TCP].n, N);
    CU_ASSERT(ctx.arena.total - before < 32u << 20); /* a union at a time would take gigabytes */
    ctx_free(&ctx);
}

UNIT_MAIN("normal", TEST(test_selectors_mean_the_same), TEST(test_selector_order_is_total),
          TEST(test_absent_selector_is_everything), TEST(test_selectors_in_their_order),
          TEST(test_written_selector_stays), TEST(test_three_whole_protocols_drop_names_of_any),
          TEST(test_clauses_in_their_order), TEST(test_ports_mean_the_same),
          TEST(test_whole_protocol_drops_its_names), TEST(test_addresses_mean_the_same),
          TEST(test_own_namespace), TEST(test_equal_clauses_once),
          TEST(test_inert_rules_are_dropped), TEST(test_rules_that_match_nothing_are_dropped),
          TEST(test_many_ports_stay_cheap))
