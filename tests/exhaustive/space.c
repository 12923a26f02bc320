/* The universe, and the spaces of policies about it, each a complete product of choices. */
#include "space.h"

#include <string.h>

const uint8_t namespace_labels[NAMESPACES][KEYS] = {
    {FIRST, ABSENT, FIRST},  /* one: a=x */
    {ABSENT, SECOND, SECOND} /* two: b="" */
};
const uint8_t pod_labels[PODS][KEYS] = {
    {FIRST, ABSENT, ABSENT},  /* a=x */
    {SECOND, FIRST, ABSENT},  /* a="", b=x */
    {ABSENT, SECOND, ABSENT}, /* b="" */
};
const uint8_t pod_namespace[PODS] = {0, 0, 1};

bool pod_has_address(size_t pod, size_t version)
{
    return version == IPV4 || pod != 1;
}

const struct declared_port declared[DECLARED] = {
    {0, WEB, TCP, 80}, {1, WEB, TCP, 81}, {1, DNS, UDP, 80}, {2, WEB, UDP, 81}};

const struct probe probes[PROBES] = {{TCP, 79},  {TCP, 80},    {TCP, 81}, {TCP, 82},
                                     {TCP, 0},   {TCP, 65535}, {UDP, 80}, {UDP, 81},
                                     {SCTP, 80}, {ICMP, 0},    {OTHER, 0}};

/* ---- choices ---- */

struct choice {
    uint64_t *number, *size;
};

/* The next choice of the number: one of n. */
static size_t take(const struct choice *c, size_t n)
{
    const size_t digit = (size_t)(*c->number % n);
    *c->number /= n;
    *c->size *= n;
    return digit;
}

/* ---- selectors ---- */

/* Every requirement on one key: values are sets, so In and NotIn have three. */
enum { OF_KEY = 10, OF_POD = 2 * OF_KEY, OF_NAMESPACE = 3 * OF_KEY };

static struct requirement requirement_of(size_t i)
{
    static const struct {
        enum op op;
        uint8_t values;
    } forms[OF_KEY] = {{OP_EQUAL, 1},  {OP_EQUAL, 2},         {OP_IN, 1},     {OP_IN, 2},
                       {OP_IN, 3},     {OP_NOT_IN, 1},        {OP_NOT_IN, 2}, {OP_NOT_IN, 3},
                       {OP_EXISTS, 0}, {OP_DOES_NOT_EXIST, 0}};
    return (struct requirement){forms[i % OF_KEY].op, (uint8_t)(i / OF_KEY),
                                forms[i % OF_KEY].values};
}

/* {} and every selector of one requirement. */
static struct selection take_small(const struct choice *c, size_t requirements)
{
    const size_t i = take(c, 1 + requirements);
    return i == 0 ? (struct selection){.n = 0} : (struct selection){1, {requirement_of(i - 1)}};
}

/* {}, every selector of one requirement, and of two. Two matchLabels of one key cannot be written:
 * one of them is left. */
static struct selection take_selection(const struct choice *c, size_t requirements)
{
    struct selection s = {.n = 0};
    for (size_t k = 0; k < REQUIREMENTS; k++) {
        const size_t i = take(c, 1 + requirements);
        if (i > 0) {
            s.v[s.n++] = requirement_of(i - 1);
        }
    }
    if (s.n == 2 && s.v[0].op == OP_EQUAL && s.v[1].op == OP_EQUAL && s.v[0].key == s.v[1].key) {
        s.n = 1;
    }
    return s;
}

/* ---- peers ---- */

static struct prefix prefix_of(size_t version, size_t i)
{
    static const uint8_t firsts[] = {0, 0, 0, 2, 0, 1, 2, 3}, sizes[] = {0, 4, 2, 2, 1, 1, 1, 1};
    return (struct prefix){(uint8_t)version, firsts[i], sizes[i]};
}

enum { PREFIXES = 8 };

static bool prefix_inside(const struct prefix *in, const struct prefix *of)
{
    return of->size == 0 ? in->size > 0
                         : in->size > 0 && in->size < of->size && in->first >= of->first &&
                               in->first < of->first + of->size;
}

/* A prefix of the four addresses, or all of the version, less none, one or two smaller ones. What
 * cannot be excepted, because it is not inside, is left out. */
static struct peer_spec take_block(const struct choice *c)
{
    struct peer_spec p = {.kind = BY_BLOCK};
    const size_t version = take(c, VERSIONS);
    p.block = prefix_of(version, take(c, PREFIXES));
    for (size_t k = 0; k < EXCEPTS; k++) {
        const struct prefix e = prefix_of(version, take(c, PREFIXES));
        if (prefix_inside(&e, &p.block)) {
            p.except[p.nexcept++] = e;
        }
    }
    return p;
}

/* Every shape, with selectors of at most one requirement, and ipBlocks. */
static struct peer_spec take_peer(const struct choice *c)
{
    struct peer_spec p = {.kind = (enum peer_kind_spec)take(c, 3)};
    p.pods = take_small(c, OF_POD);
    p.ns = take_small(c, OF_NAMESPACE);
    return p;
}

/* Two dozen that differ from each other in what they match. */
static struct peer_spec take_typical_peer(const struct choice *c)
{
    static const struct {
        enum peer_kind_spec kind;
        uint8_t ns, pods; /* 1 + the number of a requirement */
    } selected[] = {{BY_POD, 0, 0},       {BY_POD, 0, 1},        {BY_POD, 0, 6},
                    {BY_POD, 0, 20},      {BY_NAMESPACE, 0, 0},  {BY_NAMESPACE, 1, 0},
                    {BY_NAMESPACE, 6, 0}, {BY_NAMESPACE, 20, 0}, {BY_NAMESPACE, 22, 0},
                    {BY_BOTH, 0, 0},      {BY_BOTH, 22, 6},      {BY_BOTH, 10, 19}};
    static const struct {
        uint8_t block, nexcept, except[EXCEPTS];
    } blocks[] = {{0, 0, {0}}, {0, 1, {1}}, {1, 2, {4, 7}}, {1, 1, {3}}, {2, 0, {0}}, {5, 0, {0}}};
    enum { SELECTED = sizeof selected / sizeof *selected, BLOCKS = sizeof blocks / sizeof *blocks };
    const size_t i = take(c, SELECTED + VERSIONS * BLOCKS);
    struct peer_spec p = {.kind = BY_BLOCK};
    if (i < SELECTED) {
        p.kind = selected[i].kind;
        p.ns.n = selected[i].ns > 0;
        p.pods.n = selected[i].pods > 0;
        p.ns.v[0] = requirement_of(p.ns.n > 0 ? selected[i].ns - 1u : 0);
        p.pods.v[0] = requirement_of(p.pods.n > 0 ? selected[i].pods - 1u : 0);
        return p;
    }
    const size_t version = (i - SELECTED) % VERSIONS, k = (i - SELECTED) / VERSIONS;
    p.block = prefix_of(version, blocks[k].block);
    p.nexcept = blocks[k].nexcept;
    for (size_t n = 0; n < p.nexcept; n++) {
        p.except[n] = prefix_of(version, blocks[k].except[n]);
    }
    return p;
}

/* ---- ports ---- */

/* Every protocol and none, every form. */
static struct port_spec take_port(const struct choice *c)
{
    static const struct port_spec forms[] = {{.kind = PORT_ABSENT},
                                             {.kind = PORT_NUMBER, .first = 80},
                                             {.kind = PORT_NUMBER, .first = 81},
                                             {.kind = PORT_NAME, .name = WEB},
                                             {.kind = PORT_NAME, .name = DNS},
                                             {.kind = PORT_SPAN, .first = 80, .last = 80},
                                             {.kind = PORT_SPAN, .first = 80, .last = 81},
                                             {.kind = PORT_SPAN, .first = 81, .last = 65535},
                                             {.kind = PORT_SPAN, .first = 1, .last = 79}};
    static const uint8_t protocols[] = {NO_PROTOCOL, TCP, UDP, SCTP};
    struct port_spec p = forms[take(c, sizeof forms / sizeof *forms)];
    p.protocol = protocols[take(c, sizeof protocols)];
    return p;
}

/* No list, or the n ports that are taken. */
static void take_ports(const struct choice *c, struct rule_spec *r, size_t n)
{
    r->nports = (uint8_t)take(c, n + 1);
    for (size_t i = 0; i < n; i++) {
        r->ports[i] = take_port(c);
    }
}

static const struct port_spec tcp_80 = {TCP, PORT_NUMBER, 80, 80, 0};

/* None, a number, a name. */
static void take_typical_ports(const struct choice *c, struct rule_spec *r)
{
    static const struct port_spec ports[] = {{TCP, PORT_NUMBER, 80, 80, 0},
                                             {NO_PROTOCOL, PORT_NAME, 0, 0, WEB}};
    const size_t i = take(c, 3);
    r->nports = i > 0;
    r->ports[0] = ports[i > 0 ? i - 1 : 0];
}

/* ---- policies ---- */

/* A policy for every pod of a namespace that affects one direction only, and its one rule there. */
static struct rule_spec *one_way(const struct choice *c, struct program_spec *p)
{
    struct policy_spec *policy = &p->v[p->n++];
    policy->ns = (uint8_t)take(c, NAMESPACES);
    const size_t way = take(c, WAYS);
    policy->types = (uint8_t)(1u << way);
    policy->form[way] = LIST;
    policy->count[way] = 1;
    return &policy->rules[way][0];
}

/* Nothing, [] or [{}], the latter also with the empty lists written. */
static void take_form(const struct choice *c, struct policy_spec *policy, size_t way)
{
    const size_t i = take(c, 4);
    policy->form[way] = (uint8_t)(i < LIST ? i : LIST);
    policy->count[way] = 1;
    policy->rules[way][0].empty = i > LIST;
}

static void build_types(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct policy_spec *policy = &p->v[p->n++];
    policy->ns = (uint8_t)take(&c, NAMESPACES);
    policy->types = (uint8_t)take(&c, 4);
    take_form(&c, policy, INGRESS);
    take_form(&c, policy, EGRESS);
    policy->target = take_small(&c, OF_POD);
}

static void build_targets(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct policy_spec *policy = &p->v[p->n++];
    policy->ns = (uint8_t)take(&c, NAMESPACES);
    policy->types = (uint8_t)(1 + take(&c, 3));
    policy->target = take_selection(&c, OF_POD);
}

static void build_pods(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    r->npeers = 1;
    r->peers[0] = (struct peer_spec){.kind = BY_POD, .pods = take_selection(&c, OF_POD)};
}

static void build_namespaces(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    r->npeers = 1;
    r->peers[0] = (struct peer_spec){.kind = BY_NAMESPACE, .ns = take_selection(&c, OF_NAMESPACE)};
}

static void build_both(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    r->npeers = 1;
    r->peers[0] = (struct peer_spec){.kind = BY_BOTH};
    r->peers[0].pods = take_small(&c, OF_POD);
    r->peers[0].ns = take_small(&c, OF_NAMESPACE);
}

static void build_both_large(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    r->npeers = 1;
    r->peers[0] = (struct peer_spec){.kind = BY_BOTH};
    r->peers[0].pods = take_selection(&c, OF_POD);
    r->peers[0].ns = take_selection(&c, OF_NAMESPACE);
}

static void build_blocks(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    p->external = take(&c, 2) == 1;
    struct rule_spec *r = one_way(&c, p);
    take_typical_ports(&c, r);
    r->npeers = 1;
    r->peers[0] = take_block(&c);
}

static void build_block_pairs(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    r->npeers = 2;
    r->peers[0] = take_block(&c);
    r->peers[1] = take_block(&c);
}

static void build_ports(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    r->npeers = (uint8_t)take(&c, 2);
    r->peers[0] = (struct peer_spec){.kind = BY_NAMESPACE};
    take_ports(&c, r, 2);
}

static void build_peers(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    p->external = take(&c, 2) == 1;
    struct rule_spec *r = one_way(&c, p);
    r->npeers = 2;
    r->peers[0] = take_typical_peer(&c);
    r->peers[1] = take_typical_peer(&c);
    take_typical_ports(&c, r);
}

static void build_rules(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *r = one_way(&c, p);
    struct policy_spec *policy = &p->v[0];
    policy->target = take_small(&c, OF_POD);
    r->npeers = 1;
    r->peers[0] = take_peer(&c);
    take_ports(&c, r, 1);
}

/* One rule each, and two rules of one policy must be what two policies are: their union. */
static void build_two_rules(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct rule_spec *first = one_way(&c, p);
    struct policy_spec *policy = &p->v[0];
    const size_t way = policy->types - 1;
    policy->count[way] = RULES;
    struct rule_spec *second = &policy->rules[way][1];
    first->npeers = 1;
    second->npeers = 1;
    first->peers[0] = take_typical_peer(&c);
    second->peers[0] = take_typical_peer(&c);
    take_typical_ports(&c, first);
    take_typical_ports(&c, second);
}

/* A target, policyTypes, and in each direction nothing, everything, or one typical rule. */
static void take_typical_policy(const struct choice *c, struct policy_spec *policy)
{
    static const uint8_t targets[] = {0, 1, 6, 20}; /* {}, a=x, a not in {x}, b absent */
    policy->ns = (uint8_t)take(c, NAMESPACES);
    const size_t target = targets[take(c, sizeof targets)];
    policy->target.n = target > 0;
    policy->target.v[0] = requirement_of(target > 0 ? target - 1 : 0);
    policy->types = (uint8_t)(1 + take(c, 3));
    const size_t kind = take(c, 4);
    for (size_t way = 0; way < WAYS; way++) {
        struct rule_spec *r = &policy->rules[way][0];
        policy->form[way] = kind == 0 ? EMPTY : LIST;
        policy->count[way] = 1;
        r->npeers = kind >= 2;
        r->nports = kind >= 2;
        r->ports[0] = kind == 2 ? tcp_80 : (struct port_spec){NO_PROTOCOL, PORT_NAME, 0, 0, WEB};
        r->peers[0] = (struct peer_spec){.kind = kind == 2 ? BY_NAMESPACE : BY_BLOCK};
        r->peers[0].block = prefix_of(IPV4, 0);
        r->peers[0].except[0] = prefix_of(IPV4, 5);
        r->peers[0].nexcept = 1;
    }
}

static void build_two_policies(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    take_typical_policy(&c, &p->v[p->n++]);
    take_typical_policy(&c, &p->v[p->n++]);
}

/* Each direction is decided by itself: every pair of typical rules for the two. */
static void build_two_ways(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    struct policy_spec *policy = &p->v[p->n++];
    policy->ns = (uint8_t)take(&c, NAMESPACES);
    policy->types = (uint8_t)(1 + take(&c, 3));
    for (size_t way = 0; way < WAYS; way++) {
        policy->form[way] = LIST;
        policy->count[way] = 1;
        policy->rules[way][0].npeers = 1;
        policy->rules[way][0].peers[0] = take_typical_peer(&c);
        take_typical_ports(&c, &policy->rules[way][0]);
    }
}

/* The two policies of one pair, with every peer and port that is typical, for the same pods. */
static void build_unions(struct program_spec *p, uint64_t *number, uint64_t *size)
{
    const struct choice c = {number, size};
    const size_t ns = take(&c, NAMESPACES), way = take(&c, WAYS);
    for (size_t i = 0; i < POLICIES; i++) {
        struct policy_spec *policy = &p->v[p->n++];
        policy->ns = (uint8_t)ns;
        policy->types = (uint8_t)(1u << way);
        policy->form[way] = LIST;
        policy->count[way] = 1;
        policy->rules[way][0].npeers = 1;
        policy->rules[way][0].peers[0] = take_typical_peer(&c);
        take_typical_ports(&c, &policy->rules[way][0]);
    }
    p->v[1].target = take_small(&c, OF_POD);
}

const struct space spaces[] = {
    {"types", "policyTypes and each list absent, empty and [{}], every target of one requirement",
     false, true, build_types},
    {"targets", "every target of two requirements", false, false, build_targets},
    {"pods", "every podSelector of two requirements", false, false, build_pods},
    {"namespaces", "every namespaceSelector of two requirements", false, false, build_namespaces},
    {"both", "both selectors, every one of one requirement", false, false, build_both},
    {"blocks", "every ipBlock with two exceptions, both readings", false, false, build_blocks},
    {"ports", "every list of two ports", false, false, build_ports},
    {"peers", "pairs of peers in one rule", false, false, build_peers},
    {"two-rules", "pairs of rules in one policy", false, false, build_two_rules},
    {"two-ways", "pairs of rules in both directions", false, false, build_two_ways},
    {"two-policies", "pairs of policies", false, false, build_two_policies},
    {"both-large", "both selectors, every one of two requirements", true, false, build_both_large},
    {"block-pairs", "pairs of ipBlocks in one rule", true, false, build_block_pairs},
    {"rules", "target, peer and port of every form", true, false, build_rules},
    {"unions", "pairs of policies of typical rules, every target", true, false, build_unions},
};
const size_t nspaces = sizeof spaces / sizeof *spaces;

uint64_t space_size(const struct space *s)
{
    struct program_spec p = {.n = 0};
    uint64_t number = 0, size = 1;
    s->build(&p, &number, &size);
    return size;
}

void space_get(const struct space *s, uint64_t number, struct program_spec *p)
{
    uint64_t size = 1;
    memset(p, 0, sizeof *p);
    s->build(p, &number, &size);
}
