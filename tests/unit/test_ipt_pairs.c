/*
 * Pairs of peer and target: which grants become pairs, to the last one that a threshold allows, and
 * the rows that they make, word for word.
 */
#include "backends/ipt_pairs.h"
#include "ipt_bench.h"

/* ---- the plan ---- */

static const struct ipt_tuning all_pairs = {.name_bits = KERNEL_NAME_BITS, .pairs_most = 1000};

/* What is all of a family, or ports of TCP alone, is paired; ICMP and what has no ports is not. */
static void ports_that_fit(void)
{
    enum { TCP = 1, ICMP = 2, ICMP6 = 4, OTHER = 8, ALL = 16 };
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    static struct ip peer[] = {{0, 1}}, target[] = {{0, 2}};
    static struct peer_class peers[] = {{1, {peer, 1}}};
    static uint32_t one[] = {1};
    for (enum family f = 0; f < FAMILIES; f++) {
        for (unsigned bits = 1; bits <= ALL; bits++) {
            struct grant g = {.classes = {one, 1}};
            struct port_range key = {8 << 8, 8 << 8 | 255};
            g.ports.keys[PROTO_TCP] = (struct port_ranges){&key, (bits & TCP) != 0};
            g.ports.keys[PROTO_ICMP] = (struct port_ranges){&key, (bits & ICMP) != 0};
            g.ports.keys[PROTO_ICMP6] = (struct port_ranges){&key, (bits & ICMP6) != 0};
            g.ports.other = (bits & OTHER) != 0;
            g.ports = bits == ALL ? portset_all(&c.arena) : g.ports;
            const struct grant *grants[] = {&g};
            struct target_class t = {.id = 1, .addrs = {target, 1}, .grants = grants, .ngrants = 1};
            const struct bound_side bound = {
                .targets = &t, .ntargets = 1, .peers = peers, .npeers = 1};
            struct ipt_table table = {.ctx = &c, .family = f};
            struct ipt_side s = {.ctx = &c, .tuning = &all_pairs, .table = &table, .bound = &bound};
            ipt_side_init(&s);
            bool want = bits == TCP || bits == ALL;
            CU_ASSERT_EQUAL(ipt_pairs_plan(&s), want);
            CU_ASSERT_EQUAL(ipt_peers(&s, &g)->paired, want);
        }
    }
    ctx_free(&c);
}

/* Rules about one, two and three classes of pods, to two addresses that are no prefix; one about
 * one, to another; one of ICMP. */
#define WIDTHS                                                                                     \
    "npc 1\nnamespace shop {\n"                                                                    \
    "workload web { addr 10.0.0.1 addr 10.0.0.5 label app=web }\n"                                 \
    "workload api { addr 10.0.0.3 label app=api }\n"                                               \
    "workload p1 { addr 10.0.1.1 label x=1 label y=1 label z=1 }\n"                                \
    "workload p2 { addr 10.0.1.3 label y=1 label z=1 }\n"                                          \
    "workload p3 { addr 10.0.1.5 label z=1 }\n"                                                    \
    "policy a for pods app=web {\nallow from pods x=1 on tcp/80\nallow from pods y=1 on tcp/81\n"  \
    "allow from pods z=1 on tcp/82\nallow from pods z=1 on icmp/8\n}\n"                            \
    "policy b for pods app=api { allow from pods x=1 on tcp/80 }\n}\n"

/* How wide the widest grant is that is paired. */
static size_t widest_pair(size_t crowd, size_t pairs_most)
{
    const struct ipt_tuning tuning = {
        .name_bits = KERNEL_NAME_BITS, .crowd = crowd, .pairs_most = pairs_most};
    struct bench b;
    bench_init(&b, WIDTHS, &tuning, 0);
    CU_ASSERT_EQUAL_FATAL(b.side.bound->npeers, 3);
    bool planned = ipt_pairs_plan(&b.side);
    size_t widest = 0;
    for (size_t i = 0; i < b.side.bound->ntargets; i++) {
        const struct target_class *t = &b.side.bound->targets[i];
        for (size_t k = 0; k < t->ngrants; k++) {
            const struct ipt_peers *p = ipt_peers(&b.side, t->grants[k]);
            widest = p->paired && p->pods->classes.n > widest ? p->pods->classes.n : widest;
        }
    }
    CU_ASSERT_EQUAL(planned, widest > 0);
    compile_free(&b.c);
    return widest;
}

static void as_many_pairs_as_may_be(void)
{
    /* Of one class 2 + 1 pairs, of two 4, of three 6. */
    static const size_t rows[][2] = {{0, 0}, {2, 0},  {3, 1},  {6, 1},
                                     {7, 2}, {12, 2}, {13, 3}, {14, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(widest_pair(0, rows[i][0]), rows[i][1]);
    }
}

static void pairs_for_crowds_only(void)
{
    CU_ASSERT_EQUAL(widest_pair(2, 1000), 3);
    CU_ASSERT_EQUAL(widest_pair(3, 1000), 0); /* web has three: that of ICMP does not count */
}

/* ---- rows ---- */

/* p1 and p4 may the same, but for ICMP, which is no pair; p2 and p3 something else each. */
#define ROWS                                                                                       \
    "npc 1\nnamespace shop {\n"                                                                    \
    "workload web { addr 10.0.0.1 addr 10.0.0.5 label app=web }\n"                                 \
    "workload api { addr 10.0.0.3 label app=api }\n"                                               \
    "workload p1 { addr 10.0.1.1 addr 10.0.1.9 label p=1 }\n"                                      \
    "workload p2 { addr 10.0.1.3 label p=2 }\nworkload p3 { addr 10.0.1.5 label p=3 }\n"           \
    "workload p4 { addr 10.0.1.7 label p=4 }\n"                                                    \
    "policy a for pods app=web {\n"                                                                \
    "allow from {pods p=1, pods p=2, pods p=3, pods p=4} on tcp/80\n"                              \
    "allow from pods p=2 on tcp/90\nallow from pods p=3 on udp/99\nallow from pods p=4 on "        \
    "icmp/8\n}\n"                                                                                  \
    "policy b for pods app=api { allow from {pods p=1, pods p=4} on all ports }\n}\n"

static void check_chain(struct bench *b, const char *id, const char *want)
{
    struct str got = bench_chain(b, STR("peer"), "row", str_of(id));
    CU_ASSERT(str_is(got, want));
    if (!str_is(got, want)) {
        printf("\nwanted:\n%s\ngot:\n" STR_FMT "\n", want, STR_ARG(got));
    }
}

static void rows_of_peers(void)
{
    struct bench b;
    bench_init(&b, ROWS, &all_pairs, 0);
    CU_ASSERT_EQUAL(b.side.bound->npeers, 4);
    CU_ASSERT_FATAL(ipt_pairs_plan(&b.side));
    CU_ASSERT_FATAL(ipt_pairs(&b.side, &ipt_shapes_paired, "ROOT", "BEHIND"));
    CU_ASSERT_EQUAL(b.table.chains.n, 3 + 1);
    check_chain(&b, "10.0.1.1",
                "-d 10.0.0.1/32 -p tcp --dport 80 -j RETURN\n-d 10.0.0.3/32 -j RETURN\n"
                "-d 10.0.0.5/32 -p tcp --dport 80 -j RETURN\n-g BEHIND\n");
    check_chain(&b, "10.0.1.3",
                "-d 10.0.0.1/32 -p tcp -m multiport --dports 80,90 -j RETURN\n"
                "-d 10.0.0.5/32 -p tcp -m multiport --dports 80,90 -j RETURN\n-g BEHIND\n");
    check_chain(&b, "10.0.1.5",
                "-d 10.0.0.1/32 -p tcp --dport 80 -j RETURN\n"
                "-d 10.0.0.1/32 -p udp --dport 99 -j RETURN\n"
                "-d 10.0.0.5/32 -p tcp --dport 80 -j RETURN\n"
                "-d 10.0.0.5/32 -p udp --dport 99 -j RETURN\n-g BEHIND\n");
    static const char *const map[] = {
        "\"peers\": 1,\n         \"pairs\": [[\"10.0.0.1\", 0, 1], [\"10.0.0.5\", 0, 1]]}",
        "\"peers\": 1,\n         \"pairs\": [[\"10.0.0.1\", 0, 2], [\"10.0.0.5\", 0, 2]]}",
        ("\"peers\": 3,\n         \"pairs\": [[\"10.0.0.1\", 0], [\"10.0.0.5\", 0], "
         "[\"10.0.0.3\", 3]]}")};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT(str_holds(buf_text(b.map.chains), map[i]));
    }
    /* From every peer to its row, in the order of addresses. */
    struct str root = bench_text(&b);
    static const char *const sources[] = {"-s 10.0.1.1/32 -g ", "-s 10.0.1.3/32 -g ",
                                          "-s 10.0.1.5/32 -g ", "-s 10.0.1.7/32 -g ",
                                          "-s 10.0.1.9/32 -g ", "-A ROOT -g BEHIND\n"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        CU_ASSERT(str_holds(root, sources[i]));
        sim_cut(&root, sources[i]);
    }
    compile_free(&b.c);
}

/* Where all names of rows are others' already, that is said once. */
static void T31_names_of_rows(void)
{
    struct bench b;
    bench_init(&b, ROWS, &all_pairs, 0);
    CU_ASSERT_FATAL(ipt_pairs_plan(&b.side));
    size_t before = bench_take_names(&b, STR("peer"));
    CU_ASSERT(!ipt_pairs(&b.side, &ipt_shapes_paired, "ROOT", "BEHIND"));
    CU_ASSERT_EQUAL(b.c.ctx.diags.errors, before + 1);
    compile_free(&b.c);
}

UNIT_MAIN("ipt_pairs", TEST(ports_that_fit), TEST(as_many_pairs_as_may_be),
          TEST(pairs_for_crowds_only), TEST(rows_of_peers), TEST(T31_names_of_rows))
