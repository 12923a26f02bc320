/* The chains of an address tree, run rule by rule: every address gets to its own entry, and every
 * other to the rest. */
#include "backends/ipt_walk.h"
#include "unit.h"

static const struct ipt_chain *find_chain(const struct ipt_table *t, struct str name)
{
    for (size_t i = 0; i < t->chains.n; i++) {
        if (str_eq(t->chains.v[i].name, name)) {
            return &t->chains.v[i];
        }
    }
    return NULL;
}

/* Where the rules of a chain send an address: "-s PREFIX -g CHAIN" or "REST", a line each. */
static struct str target_in(struct str rules, struct ip ip)
{
    while (rules.n > 0) {
        const char *end = memchr(rules.p, '\n', rules.n);
        struct str line = {rules.p, (size_t)(end - rules.p)};
        rules = (struct str){end + 1, rules.n - line.n - 1};
        const char *go = memmem(line.p, line.n, " -g ", 4);
        if (go == NULL) {
            return line;
        }
        struct cidr at;
        CU_ASSERT_FATAL(memcmp(line.p, "-s ", 3) == 0);
        struct str prefix = {line.p + 3, (size_t)(go - line.p) - 3};
        CU_ASSERT_EQUAL_FATAL(cidr_parse(prefix, &at, NULL), IP_OK);
        if (cidr_has(at, FAM_IP4, ip)) {
            return (struct str){go + 4, (size_t)(end - go) - 4};
        }
    }
    return STR("nothing");
}

/* The name of the entry that an address gets to, or the rest. */
static struct str walk(const struct ipt_table *t, struct str root, struct ip ip)
{
    struct str at = root;
    for (size_t steps = 0; steps < 10; steps++) {
        const struct ipt_chain *chain = find_chain(t, at);
        if (chain == NULL) {
            return at;
        }
        at = target_in(buf_text(chain->body), ip);
    }
    return STR("a loop");
}

enum { ENTRIES = 60, STEP = 3 };

static void check_tree(struct tree_shape shape)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct arena *a = &c.arena;
    struct kernel_names names;
    kernel_names_init(&names, &c, KERNEL_NAME_BITS);
    struct ipt_table t;
    ipt_table_init(&t, &c, &names, FAM_IP4);
    struct tree_entry entries[ENTRIES];
    for (size_t i = 0; i < ENTRIES; i++) { /* from the last to the first */
        struct str *name = ARENA_NEW(a, struct str);
        *name = str_printf(a, "E%zu", ENTRIES - 1 - i);
        struct ip ip = {0, 0x0a000000 + STEP * (ENTRIES - 1 - i)};
        entries[i] = (struct tree_entry){ipt_host(FAM_IP4, ip), name};
    }
    ipt_walk_sort(entries, ENTRIES);
    const struct tree tree = tree_build(a, entries, ENTRIES, &shape);
    const struct ipt_walk w = {.table = &t,
                               .end = IPT_SOURCE,
                               .root = STR("ROOT"),
                               .slug = "s",
                               .put_entry = ipt_walk_goto,
                               .rest = "REST\n"};
    CU_ASSERT(ipt_walk_tree(&w, &tree, buf_new(a)));
    for (size_t i = 0; i < STEP * ENTRIES + 2; i++) {
        struct str got = walk(&t, STR("ROOT"), (struct ip){0, 0x0a000000 + i});
        struct str want =
            i % STEP == 0 && i < STEP * ENTRIES ? str_printf(a, "E%zu", i / STEP) : STR("REST");
        CU_ASSERT(str_eq(got, want));
    }
    for (size_t i = 1; i < tree.nnodes; i++) { /* named after the root and their prefixes */
        const struct str parts[] = {STR("tree"), STR("ROOT"), cidr_text(a, tree.nodes[i].prefix)};
        struct str name;
        CU_ASSERT(kernel_name(&names, STR("s"), parts, 3, (struct span){0}, &name));
        CU_ASSERT((find_chain(&t, name) == NULL) == tree_is_entry(&tree.nodes[i]));
    }
    for (size_t i = 0; i < t.chains.n; i++) { /* each chain has a name of its own */
        CU_ASSERT_PTR_EQUAL(find_chain(&t, t.chains.v[i].name), &t.chains.v[i]);
    }
    ctx_free(&c);
}

static void every_address_finds_its_entry(void)
{
    check_tree((struct tree_shape){.levels = 1, .leaf = 8});
    check_tree((struct tree_shape){.levels = 2, .leaf = 2});
    check_tree((struct tree_shape){.levels = 5, .leaf = 1});
    check_tree((struct tree_shape){.levels = 5, .leaf = ENTRIES});
}

/* With names of no bits two chains of one tree would be called the same: that is refused. */
static void names_that_collide(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names names;
    kernel_names_init(&names, &c, 1);
    struct ipt_table t;
    ipt_table_init(&t, &c, &names, FAM_IP4);
    struct tree_entry entries[ENTRIES];
    static const struct str leaf = STR_INIT("E");
    for (size_t i = 0; i < ENTRIES; i++) {
        entries[i] = (struct tree_entry){ipt_host(FAM_IP4, (struct ip){0, 0x0a000000 + i}), &leaf};
    }
    const struct tree_shape shape = {.levels = 5, .leaf = 1};
    const struct tree tree = tree_build(&c.arena, entries, ENTRIES, &shape);
    const struct ipt_walk w = {
        .table = &t, .root = STR("ROOT"), .slug = "s", .put_entry = ipt_walk_goto, .rest = ""};
    CU_ASSERT(!ipt_walk_tree(&w, &tree, buf_new(&c.arena)));
    CU_ASSERT_EQUAL(c.diags.errors, 1);
    ctx_free(&c);
}

UNIT_MAIN("ipt_walk", TEST(every_address_finds_its_entry), TEST(names_that_collide))
