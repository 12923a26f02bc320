/* Selectors against a naive matcher: four keys, four values, every combination by number. */
#include "ir/policy.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <string.h>

#define KEYS   4
#define VALUES 4
static const struct str keys[KEYS] = {STR_INIT("app"), STR_INIT("apps"), STR_INIT("a"),
                                      STR_INIT(LABEL_NS_NAME)};
static const struct str values[VALUES] = {STR_INIT(""), STR_INIT("web"), STR_INIT("we"),
                                          STR_INIT("WEB")};

/* A label set by numbers: what[k] is the value of key k, or -1. */
struct object {
    int what[KEYS];
};

static struct labels labels_of(const struct object *o, struct label room[KEYS])
{
    struct labels l = {.v = room};
    for (size_t k = 0; k < KEYS; k++) {
        if (o->what[k] >= 0) {
            room[l.n++] = (struct label){.key = keys[k], .value = values[o->what[k]]};
        }
    }
    return l;
}

/* A requirement by numbers: the values are a set of bits. */
struct requirement {
    enum sel_op op;
    size_t key;
    unsigned values;
};

/* The text of the API: "In: the value is one of; NotIn: none of, or the key is absent". */
static bool naive_holds(struct requirement q, const struct object *o)
{
    int value = o->what[q.key];
    unsigned bit = value < 0 ? 0 : 1u << value;
    bool table[] = {
        [SEL_EQ] = (bit & q.values) != 0,
        [SEL_IN] = (bit & q.values) != 0,
        [SEL_NOTIN] = (bit & q.values) == 0,
        [SEL_EXISTS] = value >= 0,
        [SEL_ABSENT] = value < 0,
    };
    return table[q.op];
}

static struct sel_req req_of(struct requirement q, struct str room[VALUES])
{
    struct sel_req req = {.op = q.op, .key = keys[q.key], .values = room};
    for (size_t v = 0; v < VALUES; v++) {
        if ((q.values >> v & 1) != 0) {
            room[req.nvalues++] = values[v];
        }
    }
    return req;
}

static struct requirement random_requirement(struct rng *r)
{
    struct requirement q = {.op = (enum sel_op)rng_below(r, 5), .key = rng_below(r, KEYS)};
    if (q.op == SEL_EQ) {
        q.values = 1u << rng_below(r, VALUES);
    } else if (q.op == SEL_IN || q.op == SEL_NOTIN) {
        q.values = 1 + (unsigned)rng_below(r, (1u << VALUES) - 1);
    }
    return q;
}

static void selectors_match(void)
{
    struct rng r = rng_new();
    size_t matched = 0, rounds = rng_rounds(20000);
    for (size_t i = 0; i < rounds; i++) {
        struct object o;
        for (size_t k = 0; k < KEYS; k++) {
            o.what[k] = (int)rng_below(&r, VALUES + 1) - 1;
        }
        struct label label_room[KEYS];
        struct labels l = labels_of(&o, label_room);
        struct requirement q[3];
        struct sel_req reqs[3];
        struct str rooms[3][VALUES];
        struct selector s = {.v = reqs, .n = rng_below(&r, 4)};
        bool want = true;
        for (size_t k = 0; k < s.n; k++) {
            q[k] = random_requirement(&r);
            reqs[k] = req_of(q[k], rooms[k]);
            want = want && naive_holds(q[k], &o);
        }
        CU_ASSERT_EQUAL(selector_matches(&s, &l), want);
        matched += want;
    }
    CU_ASSERT(matched > rounds / 10 && matched < rounds * 9 / 10);
}

/* docs/semantics.md 4, by name. */
static void absent_keys(void)
{
    struct labels none = {NULL, 0};
    struct label empty_value = {.key = STR("k"), .value = STR("")};
    struct labels empty = {&empty_value, 1};
    struct str value = STR("");
    struct sel_req req = {.key = STR("k"), .values = &value, .nvalues = 1};
    struct selector s = {.v = &req, .n = 1};
    static const struct {
        enum sel_op op;
        bool absent, empty; /* matches an object without the key; with the key and an empty value */
    } cases[] = {
        {SEL_EQ, false, true},     {SEL_IN, false, true},     {SEL_NOTIN, true, false},
        {SEL_EXISTS, false, true}, {SEL_ABSENT, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        req.op = cases[i].op;
        CU_ASSERT_EQUAL(selector_matches(&s, &none), cases[i].absent);
        CU_ASSERT_EQUAL(selector_matches(&s, &empty), cases[i].empty);
    }
    struct selector everything = {.n = 0};
    CU_ASSERT(selector_matches(&everything, &none) && selector_matches(&everything, &empty));
}

static void labels_find_and_sort(void)
{
    struct label room[] = {{.key = STR("b"), .value = STR("1")},
                           {.key = STR("a.b/c"), .value = STR("2")},
                           {.key = STR("B"), .value = STR("3")},
                           {.key = STR("a"), .value = STR("4")}};
    struct labels l = {room, 4}, none = {NULL, 0};
    CU_ASSERT_PTR_EQUAL(labels_find(&l, STR("B")), &room[2]);
    CU_ASSERT_PTR_NULL(labels_find(&l, STR("")));
    CU_ASSERT_PTR_NULL(labels_find(&l, STR("aa")));
    CU_ASSERT_PTR_NULL(labels_find(&none, STR("a")));
    labels_sort(&l);
    labels_sort(&none);
    static const char *const order[] = {"3", "4", "2", "1"};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT(str_is(l.v[i].value, order[i]));
    }
}

static void ns_names(void)
{
    struct str names[] = {STR_INIT("a"), STR_INIT("b")};
    struct sel_req reqs[] = {
        {.op = SEL_IN, .key = STR(LABEL_NS_NAME), .values = names, .nvalues = 2},
        {.op = SEL_EXISTS, .key = STR("x")}};
    struct selector s = {.v = reqs, .n = 1};
    for (int op = SEL_EQ; op <= SEL_ABSENT; op++) {
        reqs[0].op = (enum sel_op)op;
        bool named = op == SEL_EQ || op == SEL_IN;
        CU_ASSERT_PTR_EQUAL(selector_ns_names(&s), named ? reqs : NULL);
    }
    reqs[0].op = SEL_IN;
    s.n = 2;
    CU_ASSERT_PTR_NULL(selector_ns_names(&s));
    s.n = 0;
    CU_ASSERT_PTR_NULL(selector_ns_names(&s));
    CU_ASSERT_PTR_NULL(selector_ns_names(NULL));
    s.n = 1;
    reqs[0].key = STR("name");
    CU_ASSERT_PTR_NULL(selector_ns_names(&s));
}

static void words(void)
{
    CU_ASSERT_STRING_EQUAL(direction_name(DIR_INGRESS), "ingress");
    CU_ASSERT_STRING_EQUAL(direction_name(DIR_EGRESS), "egress");
    CU_ASSERT_STRING_EQUAL(action_name(ACT_ALLOW), "allow");
    CU_ASSERT_STRING_EQUAL(action_name(ACT_DENY), "deny");
    CU_ASSERT_STRING_EQUAL(action_name(ACT_PASS), "pass");
    struct policy p = {.api = API_NETWORK_POLICY};
    CU_ASSERT_FALSE(policy_is_cluster(&p));
    static const enum policy_api cluster[] = {API_CLUSTER_POLICY, API_ADMIN_POLICY,
                                              API_BASELINE_POLICY};
    for (size_t i = 0; i < 3; i++) {
        p.api = cluster[i];
        CU_ASSERT(policy_is_cluster(&p));
    }
}

UNIT_MAIN("selector", TEST(selectors_match), TEST(absent_keys), TEST(labels_find_and_sort),
          TEST(ns_names), TEST(words))
