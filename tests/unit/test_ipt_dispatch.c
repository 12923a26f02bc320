/*
 * From a packet's address to its class, and from a denied packet to its end: how large the trees
 * are, what the chains are called, and that nothing is written in part. That they lead to the right
 * verdicts is test_ipt_layouts.c's, too.
 */
#include "backends/ipt_dispatch.h"
#include "ipt_bench.h"

/* ---- shapes ---- */

/* NFT_JUMP_STACK_SIZE: the built-in chain, two of the administrator's, NPC-FORWARD, the trees, a
 * class and an atom; a tree more is a table that the kernel refuses, one less room not used. */
static void trees_are_as_deep_as_the_kernel_lets_them(void)
{
    static const struct ipt_shapes *const all[] = {&ipt_shapes_plain, &ipt_shapes_paired};
    for (size_t i = 0; i < 2; i++) {
        const struct ipt_shapes *s = all[i];
        unsigned trees = s->peers.levels + s->pairs.levels + s->dispatch.levels + s->self.levels;
        CU_ASSERT_EQUAL(1 + 2 + 1 + trees + 1 + 1, IPT_DEPTH);
    }
}

/* Chains below the root of a tree, by the slug of their names, where `n` pods are isolated that do
 * not share a prefix. */
static size_t chains_called(const char *slug, size_t n, const struct ipt_tuning *tuning)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *text = buf_new(&scratch);
    buf_puts(text, "npc 1\nnamespace shop {\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(text, "workload w%zu { addr 10.0.0.%zu label a=b }\n", i, 2 * i + 1);
    }
    buf_puts(text, "policy p for all pods { allow from pods a=b on tcp/80 }\n}\n");
    struct compiled c;
    struct emit e = compile_bind(&c, buf_text(text), STR(""), 0);
    arena_free(&scratch);
    CU_ASSERT_FATAL(e.bound != NULL && ipt_emit(&e, tuning));
    size_t found = 0;
    for (size_t i = 0; i < e.files.n; i++) {
        struct str rest =
            str_is(e.files.v[i].path, "rules.v4") ? buf_text(e.files.v[i].text) : STR("");
        while (rest.n > 0) {
            struct str line = ipt_sim_line(&rest);
            found += str_starts(line, slug);
        }
    }
    compile_free(&c);
    return found;
}

/* As many addresses as a leaf has are compared in one chain, one more is a tree. */
static void leaves_are_as_large_as_pays(void)
{
    static const struct ipt_tuning pairs = {KERNEL_NAME_BITS, 4, 32, 64, 8, 9999, 0, 9999};
    static const struct {
        const struct ipt_tuning *tuning;
        const char *slug;
        size_t leaf;
    } rows[] = {
        {&ipt_tuning_default, ":NPC-ingress-", 8},
        {&ipt_tuning_default, ":NPC-self___-", 8},
        {&pairs, ":NPC-ingress-", 8},
        {&pairs, ":NPC-self___-", 8},
        {&pairs, ":NPC-peers__-", 32},
        {&pairs, ":NPC-local__-", 32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(chains_called(rows[i].slug, rows[i].leaf, rows[i].tuning), 0);
        CU_ASSERT(chains_called(rows[i].slug, rows[i].leaf + 1, rows[i].tuning) > 0);
    }
}

/* ---- a denied packet ---- */

static struct sim_packet tcp80(uint64_t from, uint64_t to)
{
    return (struct sim_packet){
        .source = {0, from}, .destination = {0, to}, .proto = 6, .dport = 80};
}

/* Two pods, of two addresses and of one. */
static void a_pod_reaches_itself(void)
{
    static const struct addr_pair pairs[] = {
        {{0, 1}, {0, 1}}, {{0, 1}, {0, 2}}, {{0, 2}, {0, 1}}, {{0, 2}, {0, 2}}, {{0, 5}, {0, 5}}};
    enum { N = sizeof pairs / sizeof *pairs };
    struct bench b;
    bench_init(&b, "npc 1\n", &ipt_tuning_default, 0);
    struct arena *a = &b.c.ctx.arena;
    struct bound bound = {.self = {[FAM_IP4] = ARENA_NEW_ARRAY(a, N, struct addr_pair)},
                          .nself = {[FAM_IP4] = N}};
    memcpy(bound.self[FAM_IP4], pairs, sizeof pairs);
    struct addr_list addrs = {ARENA_NEW_ARRAY(a, 3, struct ip), 3};
    addrs.v[0].lo = 1;
    addrs.v[1].lo = 2;
    addrs.v[2].lo = 5;
    const struct tree_shape shape = {.levels = 1, .leaf = 8};
    const struct ipt_deny deny = {STR("DENY"), "-p icmp -j RETURN\n", "-j DROP\n", &shape};
    CU_ASSERT(ipt_self(&b.table, &bound, addrs, &deny));
    const struct ipt_sim rules = bench_rules(&b);
    for (uint64_t from = 0; from < 7; from++) {
        for (uint64_t to = 0; to < 7; to++) {
            bool want = false;
            for (size_t i = 0; i < N; i++) {
                want = want || (pairs[i].source.lo == from && pairs[i].destination.lo == to);
            }
            struct sim_packet ping = {.source = {0, from}, .destination = {0, to}, .proto = 1};
            CU_ASSERT_EQUAL(ipt_sim_passes(&rules, "DENY", tcp80(from, to)), want);
            CU_ASSERT(ipt_sim_passes(&rules, "DENY", ping));
        }
    }
    compile_free(&b.c);
}

/* ---- classes ---- */

#define HEAD   "npc 1\nnamespace shop { label n=shop\n"
#define CLOSED "workload web { addr 10.0.0.1 }\npolicy p for all pods { default deny ingress }\n}\n"
#define TWO                                                                                        \
    HEAD CLOSED "namespace test {\nworkload web { addr 10.0.0.9 }\n"                               \
                "policy p for all pods { allow from namespaces n=shop on tcp/80 }\n}\n"

/* Pods of one name in two namespaces: each its own chain, called after what it is. */
static void classes_are_told_apart(void)
{
    for (uint32_t log = 0; log < 2; log++) {
        static const char *const members[] = {"\"shop/web\"", "\"test/web\""};
        struct bench b;
        bench_init(&b, TWO, &ipt_tuning_default, log);
        struct cidr gate;
        CU_ASSERT_FATAL(ipt_dispatch(&b.side, &ipt_shapes_plain, "ROOT", &gate));
        CU_ASSERT(gate.len == 28 && gate.first.lo == 0x0a000000);
        for (size_t i = 0; i < 2; i++) {
            const struct target_class *class = &b.side.bound->targets[i];
            struct str id = kernel_log_class(&b.c.ctx.arena, FAM_IP4, class);
            CU_ASSERT(bench_chain(&b, STR("web"), "class", ipt_class_key(&b.side, class)).n > 0);
            struct str prefix = kernel_log_prefix(&b.c.ctx.arena, DIR_INGRESS, id);
            const char *quoted = str_printf(&b.c.ctx.arena, "\"" STR_FMT "\"", STR_ARG(prefix)).p;
            CU_ASSERT_EQUAL(str_holds(bench_chain(&b, STR("web"), "deny", id), quoted), log > 0);
            CU_ASSERT(str_holds(buf_text(b.map.chains), members[i]));
        }
        struct buf *end = buf_new(&b.c.ctx.arena);
        buf_puts(end, "-j DROP\n");
        ipt_chain_add(&b.table, STR("DENY"), end);
        const struct ipt_sim rules = bench_rules(&b);
        CU_ASSERT(!ipt_sim_passes(&rules, "ROOT", tcp80(0x0a000009, 0x0a000001)));
        CU_ASSERT(ipt_sim_passes(&rules, "ROOT", tcp80(0x0a000001, 0x0a000009)));
        CU_ASSERT(!ipt_sim_passes(&rules, "ROOT", tcp80(0x0a000005, 0x0a000009)));
        compile_free(&b.c);
    }
}

/* Where all names of a pod are others' already, that is said once, and nothing is written. */
static void T31_names_that_are_taken(void)
{
    for (uint32_t log = 0; log < 2; log++) {
        struct bench b;
        bench_init(&b, TWO, &ipt_tuning_default, log);
        size_t before = bench_take_names(&b, STR("web"));
        struct cidr gate;
        CU_ASSERT(!ipt_dispatch(&b.side, &ipt_shapes_plain, "ROOT", &gate));
        CU_ASSERT_EQUAL(b.c.ctx.diags.errors, before + 1);
        compile_free(&b.c);
    }
}

UNIT_MAIN("ipt_dispatch", TEST(trees_are_as_deep_as_the_kernel_lets_them),
          TEST(leaves_are_as_large_as_pays), TEST(a_pod_reaches_itself),
          TEST(classes_are_told_apart), TEST(T31_names_that_are_taken))
