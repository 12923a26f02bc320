/* Containment of selectors against all label sets of a small universe, and of port sets against
 * each port. */
#include "ir/cover.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#define KEYS   2
#define VALUES 3 /* the last one is in no selector: it stands for all others */
static const struct str keys[KEYS] = {STR_INIT("app"), STR_INIT("tier")};
static const struct str values[VALUES] = {STR_INIT("x"), STR_INIT("y"), STR_INIT("other")};

/* The label set of a number: for each key absent, or one of the values. */
#define SETS 16
static struct labels label_set(size_t number, struct label room[KEYS])
{
    struct labels l = {.v = room};
    for (size_t k = 0; k < KEYS; k++, number /= VALUES + 1) {
        size_t value = number % (VALUES + 1);
        if (value > 0) {
            room[l.n++] = (struct label){.key = keys[k], .value = values[value - 1]};
        }
    }
    return l;
}

/* Up to three requirements on the keys, with the values that selectors have. */
static const struct selector *random_selector(struct rng *r, struct arena *a)
{
    struct selector *s = ARENA_NEW(a, struct selector);
    s->n = rng_below(r, 4);
    s->v = ARENA_NEW_ARRAY(a, s->n, struct sel_req);
    for (size_t i = 0; i < s->n; i++) {
        struct sel_req *req = &s->v[i];
        *req =
            (struct sel_req){.op = (enum sel_op)rng_below(r, 5), .key = keys[rng_below(r, KEYS)]};
        bool has_values = req->op != SEL_EXISTS && req->op != SEL_ABSENT;
        req->nvalues = !has_values ? 0 : req->op == SEL_EQ ? 1 : 1 + rng_below(r, 2);
        req->values = ARENA_NEW_ARRAY(a, req->nvalues, struct str);
        for (size_t v = 0; v < req->nvalues; v++) {
            req->values[v] = values[rng_below(r, VALUES - 1)];
        }
    }
    return selector_normalize(a, s);
}

static void selectors(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct rng r = rng_new();
    size_t covered = 0, apart = 0;
    for (size_t round = 0; round < rng_rounds(20000); round++) {
        const struct selector *outer = random_selector(&r, &a), *inner = random_selector(&r, &a);
        bool covers = true, meet = false;
        for (size_t i = 0; i < SETS; i++) {
            struct label room[KEYS];
            const struct labels l = label_set(i, room);
            bool in = selector_matches(inner, &l), out = selector_matches(outer, &l);
            covers = covers && (!in || out);
            meet = meet || (in && out);
        }
        CU_ASSERT_EQUAL(selector_covers(outer, inner), covers);
        CU_ASSERT_EQUAL(selectors_meet(outer, inner), meet);
        CU_ASSERT_EQUAL(selectors_meet(inner, outer), meet);
        covered += covers;
        apart += !meet;
    }
    CU_ASSERT(covered > 1000 / 20 && apart > 1000 / 20); /* both were seen */
    arena_free(&a);
}

/* A clause is a pair of selectors, and nothing is in one of which either half is impossible. */
static void clauses(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct rng r = rng_new();
    for (size_t round = 0; round < rng_rounds(3000); round++) {
        const struct nclause outer = {.ns = random_selector(&r, &a),
                                      .pods = random_selector(&r, &a)};
        const struct nclause inner = {.ns = random_selector(&r, &a),
                                      .pods = random_selector(&r, &a)};
        bool covers = true;
        for (size_t i = 0; i < (size_t)SETS * SETS; i++) {
            struct label room[2][KEYS];
            const struct labels ns = label_set(i / SETS, room[0]);
            const struct labels pod = label_set(i % SETS, room[1]);
            bool in = selector_matches(inner.ns, &ns) && selector_matches(inner.pods, &pod);
            bool out = selector_matches(outer.ns, &ns) && selector_matches(outer.pods, &pod);
            covers = covers && (!in || out);
        }
        CU_ASSERT_EQUAL(clause_covers(&outer, &inner), covers);
    }
    arena_free(&a);
}

static struct portset random_ports(struct rng *r, struct arena *a)
{
    struct portset s = portset_none;
    for (size_t n = rng_below(r, 4); n > 0; n--) {
        uint16_t first = (uint16_t)rng_below(r, 12);
        uint16_t last = (uint16_t)(first + rng_below(r, 6));
        s = portset_union(a, s, portset_of(a, (enum proto)rng_below(r, 2), first, last));
    }
    s.other = rng_below(r, 4) == 0;
    return s;
}

static void ports(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct rng r = rng_new();
    for (size_t round = 0; round < rng_rounds(20000); round++) {
        struct portset outer = random_ports(&r, &a), inner = random_ports(&r, &a);
        bool covers = outer.other || !inner.other;
        for (uint16_t key = 0; key < 20; key++) {
            for (size_t p = 0; p < 2; p++) {
                covers = covers && (!portset_has(inner, (enum proto)p, key) ||
                                    portset_has(outer, (enum proto)p, key));
            }
        }
        CU_ASSERT_EQUAL(portset_covers(outer, inner), covers);
    }
    arena_free(&a);
}

UNIT_MAIN("cover", TEST(selectors), TEST(clauses), TEST(ports))
