/*
 * Which workloads binding says a pair of selectors matches, against asking each workload by itself,
 * as docs/semantics.md says it (sentence 4). Keys and values are short and of few letters, so that
 * two lists of them are often one text: what tells lists apart is where their parts end.
 */
#include "ir/bind_priv.h"
#include "ir/normal.h"
#include "rng.h"
#include "unit.h"

enum { WORKLOADS = 24, POLICIES = 30, ROUNDS = 150 };

static const char *const texts[] = {"", "a", "b", "ab", "ba", "aa", "aba"};

static struct str text(struct rng *rng, size_t first)
{
    const char *p = texts[first + rng_below(rng, 7 - first)];
    return (struct str){p, strlen(p)};
}

/* Up to three labels, and room for one; keys once each. */
static struct labels random_labels(struct arena *a, struct rng *rng)
{
    struct labels l = {ARENA_NEW_ARRAY(a, 4, struct label), 0};
    for (size_t tries = rng_below(rng, 4); tries > 0; tries--) {
        struct label one = {.key = text(rng, 1), .value = text(rng, 0)};
        size_t at = 0;
        while (at < l.n && str_cmp(l.v[at].key, one.key) < 0) {
            at++;
        }
        if (at == l.n || !str_eq(l.v[at].key, one.key)) {
            memmove(&l.v[at + 1], &l.v[at], (l.n++ - at) * sizeof one);
            l.v[at] = one;
        }
    }
    return l;
}

/* Up to two requirements, at times of so many values that their pairs are too many for anchors;
 * `by_name` of four are about the name of a namespace. */
static const struct selector *random_selector(struct arena *a, struct rng *rng, size_t by_name)
{
    struct selector *s = ARENA_NEW(a, struct selector);
    s->v = ARENA_NEW_ARRAY(a, 2, struct sel_req);
    for (size_t tries = rng_below(rng, 3); tries > 0; tries--) {
        struct sel_req r = {.op = (enum sel_op)rng_below(rng, 5), .key = text(rng, 1)};
        if (rng_below(rng, 4) < by_name) {
            r.key = STR(LABEL_NS_NAME);
        }
        r.nvalues = r.op == SEL_EQ                        ? 1
                    : r.op == SEL_IN || r.op == SEL_NOTIN ? 1 + rng_below(rng, 9)
                                                          : 0;
        r.values = ARENA_NEW_ARRAY(a, r.nvalues, struct str);
        for (size_t i = 0; i < r.nvalues; i++) {
            r.values[i] = text(rng, 0);
        }
        s->v[s->n++] = r;
    }
    return selector_normalize(a, s);
}

/* ---- the meaning, by itself ---- */

static bool fulfils(const struct labels *l, const struct sel_req *r)
{
    bool present = false, listed = false;
    for (size_t i = 0; i < l->n; i++) {
        if (!str_eq(l->v[i].key, r->key)) {
            continue;
        }
        present = true;
        for (size_t k = 0; k < r->nvalues; k++) {
            listed |= str_eq(l->v[i].value, r->values[k]);
        }
    }
    return r->op == SEL_EXISTS   ? present
           : r->op == SEL_ABSENT ? !present
           : r->op == SEL_NOTIN  ? !listed
                                 : listed;
}

static bool matches(const struct selector *s, const struct labels *l)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!fulfils(l, &s->v[i])) {
            return false;
        }
    }
    return true;
}

/* ---- binding ---- */

/* The first three are in the inventory, with labels of their own; the last has that of its name
 * only. */
static const struct str namespaces[] = {{"a", 1}, {"aa", 2}, {"ab", 2}, {"b", 1}};
enum { NAMESPACES = 4, LISTED = 3 };

struct world {
    struct ctx ctx;
    struct arena scratch;
    struct program program;
    struct labels ns_labels[NAMESPACES];
    struct workload workloads[WORKLOADS];
    const struct npolicy *policies[POLICIES];
    struct binding b;
};

static void name_namespaces(struct world *w, struct rng *rng)
{
    for (size_t i = 0; i < NAMESPACES; i++) {
        struct labels l = i < LISTED ? random_labels(&w->scratch, rng)
                                     : (struct labels){ARENA_NEW(&w->scratch, struct label), 0};
        l.v[l.n++] = (struct label){.key = STR(LABEL_NS_NAME), .value = namespaces[i]};
        w->ns_labels[i] = l;
        if (i < LISTED) {
            inventory_ns(&w->program.inv, &w->ctx.arena, namespaces[i])->labels = l;
        }
    }
}

static size_t namespace_of(size_t workload)
{
    return workload * NAMESPACES / WORKLOADS;
}

static const struct str port_names[] = {{"p", 1}, {"q", 1}, {"pq", 2}, {"r", 1}};

static void random_ports(struct arena *a, struct rng *rng, struct workload *w)
{
    w->nports = rng_below(rng, 3);
    w->ports = ARENA_NEW_ARRAY(a, w->nports, struct named_port);
    for (size_t i = 0; i < w->nports; i++) {
        w->ports[i] = (struct named_port){.name = port_names[rng_below(rng, 4)],
                                          .proto = rng_below(rng, 2) ? PROTO_TCP : PROTO_UDP,
                                          .number = (uint16_t)(80 + rng_below(rng, 2))};
    }
}

/* The labels and ports of another, the ports from the last to the first. */
static void copy_workload(struct arena *a, struct workload *w, const struct workload *from)
{
    w->labels = from->labels;
    w->nports = from->nports;
    w->ports = ARENA_NEW_ARRAY(a, w->nports, struct named_port);
    for (size_t i = 0; i < w->nports; i++) {
        w->ports[i] = from->ports[w->nports - 1 - i];
    }
}

/* A rule that names three of the four ports. */
static void name_ports(struct arena *a, struct npolicy *p)
{
    struct nrule *r = ARENA_NEW(a, struct nrule);
    r->names = ARENA_NEW_ARRAY(a, 3, struct port_name);
    r->nnames = 3;
    for (size_t i = 0; i < 3; i++) {
        r->names[i] = (struct port_name){PROTO_TCP, port_names[i]};
    }
    p->rules[DIR_INGRESS] = r;
    p->nrules[DIR_INGRESS] = 1;
}

static void build(struct world *w, struct rng *rng)
{
    memset(w, 0, sizeof *w);
    ctx_init(&w->ctx, unit_oom, NULL);
    arena_init_scratch(&w->scratch, &w->ctx.arena);
    program_init(&w->program, &w->ctx);
    struct arena *a = &w->scratch;
    name_namespaces(w, rng);
    bind_init(&w->b, &w->ctx, &w->program, a);
    w->b.live = ARENA_NEW_ARRAY(a, WORKLOADS, struct live);
    w->b.nlive = WORKLOADS;
    for (size_t i = 0; i < WORKLOADS; i++) { /* sorted by namespace */
        w->workloads[i] = (struct workload){.ns = namespaces[namespace_of(i)],
                                            .labels = random_labels(a, rng),
                                            .naddrs = rng_below(rng, 3)};
        if (rng_below(rng, 4) == 0) { /* those of some namespace, but for its name */
            const struct labels *l = &w->ns_labels[rng_below(rng, NAMESPACES)];
            w->workloads[i].labels = (struct labels){l->v, l->n - 1};
        }
        random_ports(a, rng, &w->workloads[i]);
        if (i > 0 && rng_below(rng, 2) == 0) {
            copy_workload(a, &w->workloads[i], &w->workloads[rng_below(rng, i)]);
        }
        w->b.live[i].w = &w->workloads[i];
    }
    struct policy *origin = ARENA_NEW(a, struct policy);
    size_t by_name = 3 * rng_below(rng, 2); /* none: namespaces may be told apart by no label */
    for (size_t i = 0; i < POLICIES; i++) {
        struct npolicy *p = ARENA_NEW(a, struct npolicy);
        *p = (struct npolicy){.origin = origin,
                              .target_ns = random_selector(a, rng, by_name),
                              .target_pods = random_selector(a, rng, 0)};
        name_ports(a, p);
        w->policies[i] = p;
    }
}

/* ---- groups ---- */

static bool same_port(const struct named_port *x, const struct named_port *y)
{
    return x->proto == y->proto && x->number == y->number && str_eq(x->name, y->name);
}

/* Whether what is called `name` on one of them is called so on the other. */
static bool named_alike(const struct workload *x, const struct workload *y, struct str name)
{
    for (size_t i = 0; i < x->nports; i++) {
        bool found = !str_eq(x->ports[i].name, name);
        for (size_t k = 0; k < y->nports; k++) {
            found |= same_port(&x->ports[i], &y->ports[k]);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool same_labels(const struct labels *x, const struct labels *y)
{
    for (size_t i = 0; x->n == y->n && i < x->n; i++) {
        if (!str_eq(x->v[i].key, y->v[i].key) || !str_eq(x->v[i].value, y->v[i].value)) {
            return false;
        }
    }
    return x->n == y->n;
}

static void check_groups(const struct world *w)
{
    for (size_t i = 0; i < WORKLOADS; i++) {
        for (size_t k = 0; k < WORKLOADS; k++) {
            const struct workload *x = &w->workloads[i], *y = &w->workloads[k];
            bool alike = true; /* by the names that rules use: "p", "q" and "pq" */
            for (size_t n = 0; n < 3; n++) {
                alike =
                    alike && named_alike(x, y, port_names[n]) && named_alike(y, x, port_names[n]);
            }
            bool one_group = w->b.live[i].group == w->b.live[k].group;
            CU_ASSERT(alike || !one_group);
            bool equal = alike && str_eq(x->ns, y->ns) && same_labels(&x->labels, &y->labels);
            CU_ASSERT(one_group || !equal);
        }
    }
}

/* Equal selectors are one matcher. */
static void check_matchers(const struct world *w)
{
    for (size_t i = 0; i < w->b.matchers.n; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct matcher *x = &w->b.matchers.v[i], *y = &w->b.matchers.v[k];
            CU_ASSERT(selector_cmp(x->ns, y->ns) != 0 || selector_cmp(x->pods, y->pods) != 0);
        }
    }
}

static bool has(const struct id_list *l, uint32_t id)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i] == id) {
            return true;
        }
    }
    return false;
}

static void matched_as_asked_one_by_one(void)
{
    struct rng rng = rng_new();
    for (int round = 0; round < ROUNDS; round++) {
        struct world w;
        build(&w, &rng);
        bind_match(&w.b, w.policies, POLICIES);
        check_groups(&w);
        check_matchers(&w);
        for (size_t p = 0; p < POLICIES; p++) {
            uint32_t target = w.b.policies[p].target;
            bool selects = false, reaches = false;
            for (size_t i = 0; i < WORKLOADS; i++) {
                const struct workload *workload = &w.workloads[i];
                bool expected = matches(w.policies[p]->target_ns, &w.ns_labels[namespace_of(i)]) &&
                                matches(w.policies[p]->target_pods, &workload->labels);
                const struct group *g = &w.b.groups.v[w.b.live[i].group];
                CU_ASSERT_EQUAL(has(&g->matchers, target), expected);
                CU_ASSERT(has(&g->matchers, w.b.matcher_all));
                selects |= expected;
                reaches |= expected && workload->naddrs > 0;
            }
            CU_ASSERT_EQUAL(w.b.matchers.v[target].selects, selects);
            CU_ASSERT_EQUAL(w.b.matchers.v[target].reaches, reaches);
        }
        arena_free(&w.scratch);
        ctx_free(&w.ctx);
    }
}

/* Whatever was asked before: the key is built in a buffer that all share. */
static void equal_ports_have_one_number(void)
{
    struct world w;
    struct rng rng = rng_new();
    build(&w, &rng);
    uint32_t ids[9];
    for (uint16_t i = 0; i < 9; i++) {
        struct portset s = portset_of(&w.scratch, i % 3 == 2 ? PROTO_UDP : PROTO_TCP, i % 3, 9);
        ids[i] = bind_portset_id(&w.b, s);
        CU_ASSERT(i < 3 || ids[i] == ids[i - 3]);
        CU_ASSERT(i == 0 || ids[i] != ids[i - 1]);
    }
    arena_free(&w.scratch);
    ctx_free(&w.ctx);
}

static bool is_named(const struct nrule *r, const struct workload *w, enum proto p, uint16_t number)
{
    for (size_t i = 0; i < r->nnames; i++) {
        for (size_t k = 0; k < w->nports; k++) {
            const struct named_port *port = &w->ports[k];
            bool takes = r->names[i].proto == PROTO_ANY || r->names[i].proto == p;
            if (takes && port->proto == p && port->number == number &&
                str_eq(port->name, r->names[i].name)) {
                return true;
            }
        }
    }
    return false;
}

static void names_stand_for_the_ports_of_a_workload(void)
{
    static const enum proto protos[] = {PROTO_TCP, PROTO_UDP, PROTO_ANY};
    struct world w;
    struct rng rng = rng_new();
    build(&w, &rng);
    for (size_t i = 0; i < WORKLOADS; i++) {
        struct nrule r = {.nnames = rng_below(&rng, 3)};
        r.names = ARENA_NEW_ARRAY(&w.scratch, r.nnames, struct port_name);
        for (size_t k = 0; k < r.nnames; k++) {
            r.names[k] =
                (struct port_name){protos[rng_below(&rng, 3)], port_names[rng_below(&rng, 4)]};
        }
        struct portset got = bind_resolve(&w.b, &r, &w.workloads[i]);
        for (uint16_t port = 79; port < 83; port++) {
            for (size_t p = 0; p < 2; p++) {
                CU_ASSERT_EQUAL(portset_has(got, protos[p], port),
                                is_named(&r, &w.workloads[i], protos[p], port));
            }
        }
    }
    arena_free(&w.scratch);
    ctx_free(&w.ctx);
}

/* Whose array may be NULL, which memcpy() may not be given (C17, 7.24.1). */
static void lists_of_none_are_copied(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    CU_ASSERT_EQUAL(ids_copy(&a, NULL, 0).n, 0);
    arena_free(&a);
}

UNIT_MAIN("bind_match", TEST(lists_of_none_are_copied),
          TEST(names_stand_for_the_ports_of_a_workload), TEST(equal_ports_have_one_number),
          TEST(matched_as_asked_one_by_one))
