/*
 * Sizes: every limit at the limit and one above, long chains, and sets that would explode
 * (threats 3, 41, 45).
 */
#include "dsl.h"

/* Runs a text under lowered limits; true if it was taken, else it was refused by `id`. */
static bool runs(struct str text, const struct limits *limits, enum diag_id id)
{
    struct dsl d;
    dsl_open(&d);
    d.c.limits = *limits;
    bool fine = dsl_run(&d, text.p);
    const struct diag *rec = dsl_diag(&d, id);
    CU_ASSERT(fine == (rec == NULL));
    if (!fine && rec == NULL) {
        struct str shown = dsl_shown(&d);
        printf("\n%.*s", (int)shown.n, shown.p);
    }
    dsl_close(&d);
    return fine;
}

/* before, then `item` with each number from 0 to n - 1 for its %zu, then behind. */
static struct str listed(struct arena *a, const char *before, const char *item, size_t n,
                         const char *behind)
{
    struct buf *b = buf_new(a);
    const char *hole = strstr(item, "%zu");
    buf_puts(b, before);
    for (size_t i = 0; i < n; i++) {
        if (hole == NULL) {
            buf_puts(b, item);
            continue;
        }
        buf_put(b, item, (size_t)(hole - item));
        buf_u64(b, i);
        buf_puts(b, hole + 3);
    }
    buf_puts(b, behind);
    buf_putc(b, '\0');
    return buf_text(b);
}

static void test_per_rule(void)
{
    struct dsl d;
    dsl_open(&d);
    struct arena *a = &d.c.arena;
    const struct limits *l = &limits_default;
    const char *peers = "policy p for all pods { allow to {", *end = "} on all ports }";
    CU_ASSERT(runs(listed(a, peers, "namespace n%zu,", l->per_rule, end), l, DIAG_NPC003));
    CU_ASSERT(!runs(listed(a, peers, "namespace n%zu,", l->per_rule + 1, end), l, DIAG_NPC003));
    const char *ports = "policy p for all pods { allow to anywhere on {";
    CU_ASSERT(runs(listed(a, ports, "tcp/n%zu,", l->per_rule, "} }"), l, DIAG_NPC003));
    CU_ASSERT(!runs(listed(a, ports, "tcp/n%zu,", l->per_rule + 1, "} }"), l, DIAG_NPC003));
    dsl_close(&d);
}

/* The API counts keys and values of all annotations of an object: 256 KiB. */
static void test_annotations(void)
{
    enum { MOST = 256 * 1024, KEY = 1 };
    struct dsl d;
    dsl_open(&d);
    struct arena *a = &d.c.arena;
    const struct limits *l = &limits_default;
    const char *before = "policy p for all pods { default deny ingress annotation a = \"";
    CU_ASSERT(runs(listed(a, before, "x", MOST - KEY, "\" }"), l, DIAG_NPC065));
    CU_ASSERT(!runs(listed(a, before, "x", MOST - KEY + 1, "\" }"), l, DIAG_NPC065));
    CU_ASSERT(
        !runs(listed(a, before, "x", MOST - KEY - 1, "\" annotation b = c }"), l, DIAG_NPC065));
    dsl_close(&d);
}

static void test_policies_and_workloads(void)
{
    struct dsl d;
    dsl_open(&d);
    struct arena *a = &d.c.arena;
    struct limits l = limits_default;
    l.policies = 5;
    l.workloads = 5;
    const char *policy = "policy p%zu for all pods { default deny ingress }\n";
    CU_ASSERT(runs(listed(a, "", policy, 5, ""), &l, DIAG_NPC003));
    CU_ASSERT(!runs(listed(a, "", policy, 6, ""), &l, DIAG_NPC003));
    const char *end = "} { policy p for all pods { default deny ingress } }";
    CU_ASSERT(runs(listed(a, "namespace {", "n%zu,", 5, end), &l, DIAG_NPC003));
    CU_ASSERT(!runs(listed(a, "namespace {", "n%zu,", 6, end), &l, DIAG_NPC003));
    CU_ASSERT(runs(listed(a, "", "workload w%zu { }\n", 5, ""), &l, DIAG_NPC003));
    CU_ASSERT(!runs(listed(a, "", "workload w%zu { }\n", 6, ""), &l, DIAG_NPC003));
    const char *flows = " flows f { anywhere -> {";
    struct str text = listed(a, "namespace n {", "let w%zu = pods a=b\n", 6, flows);
    text = listed(a, text.p, "w%zu,", 5, "} on tcp/1 } }");
    CU_ASSERT(runs(text, &l, DIAG_NPC003));
    text = listed(a, "namespace n {", "let w%zu = pods a=b\n", 6, flows);
    text = listed(a, text.p, "w%zu,", 6, "} on tcp/1 } }");
    CU_ASSERT(!runs(text, &l, DIAG_NPC003));
    dsl_close(&d);
}

static void test_expansion(void)
{
    struct dsl d;
    dsl_open(&d);
    struct arena *a = &d.c.arena;
    struct limits l = limits_default;
    l.expansion = 6;
    /* The size of one group. */
    CU_ASSERT(runs(listed(a, "let g = {", "namespace n%zu,", 6, "}"), &l, DIAG_NPC605));
    CU_ASSERT(!runs(listed(a, "let g = {", "namespace n%zu,", 7, "}"), &l, DIAG_NPC605));
    /* What rules get out of groups, beyond what is written. */
    const char *use = "policy p for all pods { allow to {g, namespace x} on tcp/1 allow to {g, "
                      "namespace x} on tcp/2 }";
    struct str text = listed(a, "let g = {", "namespace n%zu,", 3, "}\n");
    CU_ASSERT(runs(listed(a, text.p, "", 0, use), &l, DIAG_NPC605));
    text = listed(a, "let g = {", "namespace n%zu,", 4, "}\n");
    CU_ASSERT(!runs(listed(a, text.p, "", 0, use), &l, DIAG_NPC605));
    /* What a group means is built once for all who see it alike. */
    text = listed(a, "let g = {", "namespace n%zu,", 6, "}\n");
    CU_ASSERT(runs(listed(a, text.p, "policy p%zu for all pods { allow to g on tcp/1 }\n", 9, ""),
                   &l, DIAG_NPC605));
    /* Statements of rules that are used. */
    text = listed(a, "rules r {", "allow to anywhere on tcp/1%zu\n", 3, "}");
    CU_ASSERT(
        runs(listed(a, text.p, "policy p%zu for all pods { use r }\n", 2, ""), &l, DIAG_NPC605));
    CU_ASSERT(
        !runs(listed(a, text.p, "policy p%zu for all pods { use r }\n", 3, ""), &l, DIAG_NPC605));
    /* Declarations of a block, for each further name. */
    const char *block = "} { policy p for all pods { default deny ingress } }";
    CU_ASSERT(runs(listed(a, "namespace {", "n%zu,", 4, block), &l, DIAG_NPC605));
    CU_ASSERT(!runs(listed(a, "namespace {", "n%zu,", 5, block), &l, DIAG_NPC605));
    dsl_close(&d);
}

/* let a1 = {a0, a0} and so on: the sizes are counted, and nothing is built. */
static void T45_doubling(void)
{
    struct dsl d;
    dsl_open(&d);
    struct arena *a = &d.c.arena;
    static const char *const firsts[] = {"let a0 = tcp/1\n", "let a0 = namespace x\n",
                                         "rules a0 { }\n"};
    for (size_t f = 0; f < 3; f++) {
        struct buf *b = buf_new(a);
        buf_puts(b, firsts[f]);
        for (unsigned i = 1; i <= 200; i++) {
            buf_printf(b, f < 2 ? "let a%u = {a%u, a%u}\n" : "rules a%u { use a%u use a%u }\n", i,
                       i - 1, i - 1);
        }
        buf_putc(b, '\0');
        struct dsl one;
        dsl_open(&one);
        CU_ASSERT(!dsl_run(&one, buf_text(b).p));
        CU_ASSERT(one.c.diags.errors == 1); /* at the first that is too large; not at its users */
        const struct diag *rec = dsl_diag(&one, DIAG_NPC605);
        CU_ASSERT_FATAL(rec != NULL);
        if (f < 2) { /* 2 ** 20 is the first product above a million */
            CU_ASSERT(rec->at.line == 21 && has_text(rec->text, "1048576"));
        }
        CU_ASSERT(one.c.arena.total < (size_t)4 << 20);
        dsl_close(&one);
    }
    dsl_close(&d);
}

/* Each kind of declaration in a chain as long as a file: no recursion, and no walk for each use. */
static void T03_long_chains(void)
{
    enum { LINKS = 100000 };
    static const struct {
        const char *first, *link[3], *last; /* a link: link[0] N link[1] N-1 link[2] */
    } chains[] = {
        {"let a0 = tcp/1\n",
         {"let a", " = a", "\n"},
         "policy p for all pods { allow to anywhere on a100000 allow from anywhere on a99999 }"},
        {"let a0 = dns\n",
         {"let a", " = {a", "}\n"},
         "policy p for all pods { allow to a100000 allow from {a99999, a5} }"},
        {"rules a0 { allow from anywhere on tcp/1 }\n",
         {"rules a", " { use a", " }\n"},
         "policy p for all pods { use a100000 use a99999 }"},
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            struct dsl d;
            dsl_open(&d);
            struct buf *b = buf_new(&d.c.arena);
            buf_puts(b, chains[i].first);
            for (unsigned k = 1; k <= LINKS; k++) {
                unsigned n = backwards ? LINKS + 1 - k : k;
                buf_puts(b, chains[i].link[0]);
                buf_u64(b, n);
                buf_puts(b, chains[i].link[1]);
                buf_u64(b, n - 1);
                buf_puts(b, chains[i].link[2]);
            }
            buf_puts(b, chains[i].last);
            buf_putc(b, '\0');
            CU_ASSERT(dsl_run(&d, buf_text(b).p));
            CU_ASSERT(d.p.policies.n == 1);
            dsl_close(&d);
        }
    }
}

/* A cycle through 100,000 groups is one finding. */
static void test_long_cycle(void)
{
    struct dsl d;
    dsl_open(&d);
    struct buf *b = buf_new(&d.c.arena);
    for (unsigned i = 0; i < 100000; i++) {
        buf_printf(b, "let a%u = a%u\n", i, (i + 1) % 100000);
    }
    buf_puts(b, "let user = {a7, tcp/1}");
    buf_putc(b, '\0');
    CU_ASSERT(!dsl_run(&d, buf_text(b).p));
    CU_ASSERT(d.c.diags.errors == 1 && dsl_diag(&d, DIAG_NPC032) != NULL);
    dsl_close(&d);
}

/* Memory must not grow with the square of the labels: this took 380 MB. */
static void test_labels_of_a_namespace(void)
{
    enum { LABELS = 4000, MOST = 32 * 1024 * 1024 };
    struct dsl d;
    dsl_open(&d);
    struct str text =
        listed(&d.c.arena, "namespace a {\n", "label k%zu = v\n", LABELS, "label a = b }");
    CU_ASSERT(dsl_run(&d, text.p));
    const struct ns_object *ns = inventory_find_ns(&d.p.inv, STR("a"));
    CU_ASSERT_FATAL(ns != NULL && ns->labels.n == LABELS + 2);
    for (size_t i = 1; i < ns->labels.n; i++) {
        CU_ASSERT(str_cmp(ns->labels.v[i - 1].key, ns->labels.v[i].key) < 0);
    }
    CU_ASSERT(d.c.arena.total < MOST);
    dsl_close(&d);
}

UNIT_MAIN("dsl_limits", TEST(test_per_rule), TEST(test_annotations),
          TEST(test_policies_and_workloads), TEST(test_expansion), TEST(T45_doubling),
          TEST(T03_long_chains), TEST(test_long_cycle), TEST(test_labels_of_a_namespace))
