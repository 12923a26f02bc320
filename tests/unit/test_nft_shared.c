/*
 * The chain that targets share, word for word: who stands in which set, in which order, what the
 * comments say, what is not written because nobody needs it, and when targets share at all. That it
 * means the same as a chain for each is test_nft_layouts.c's.
 */
#include "nft_shop.h"

/* With so few sets allowed that all targets share one chain. */
static struct nft_tuning one_chain(void)
{
    struct nft_tuning t = plain;
    t.part_sets = 0;
    return t;
}

#define CHECK(policies, want, ...) CHECK_WITH(one_chain(), policies, want, __VA_ARGS__)

/* Classes whose addresses interleave, peers in another order than their classes. */
#define ALL                                                                                        \
    "policy a for pods app=web {\n"                                                                \
    "allow from pods n=2 on tcp/80\nallow from pods n=1 on tcp/81\n}\n"                            \
    "policy b for pods n=1 { allow from anywhere on tcp/22 }\n"                                    \
    "policy c for pods n=2 {\n"                                                                    \
    "allow from anywhere on all ports\nallow from pods app=web on tcp/1\n}\n"                      \
    "policy d for pods app=web { allow from cidr 10.1.0.0/24 on tcp/90 }\n"

static void all_targets_in_one_chain(void)
{
    CHECK(ALL, true,
          "10.0.0.1 : goto i10.0.0.1, 10.0.0.2 : goto i10.0.0.2, 10.0.0.3 : goto i10.0.0.3, "
          "10.0.0.4 : goto i10.0.0.2\n",
          "\t\t\t10.0.0.1 : 0:82a0, 10.0.0.2 : 0:8158, 10.0.0.3 : 0:8010, 10.0.0.4 : 0:8158\n",
          "\tset i_all_tcp {\n\t\ttype classid . inet_service\n\t\tsize 12\n\t\telements = {\n"
          "\t\t\t82a0:8158 . 81, 82a0:8010 . 80\n\t\t}\n\t}\n",
          "\tchain i10.0.0.1 {\n"
          "\t\tmeta priority set ip saddr map @i_pod "
          "meta priority set meta priority | 82a0:0 goto i_all\n"
          "\t\ttcp dport 90 ip saddr 10.1.0.0/24 accept comment \"shop/d ingress[0] t.npc:16\"\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +1\"\n",
          "\tchain i10.0.0.2 {\n\t\ttcp dport 22 accept comment \"shop/b ingress[0] t.npc:11\"\n",
          "\tchain i10.0.0.3 {\n\t\taccept comment \"shop/c ingress[0] t.npc:13\"\n\t}\n",
          "\t# ingress of all targets\n\tchain i_all {\n"
          "\t\tmeta priority . tcp dport @i_all_tcp meta priority set none accept "
          "comment \"shop/a ingress[0] t.npc:8 +1\"\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +1\"\n\t}\n}\n");
}

/* Networks that are too many for rules are classes, numbered as peers are. */
static void networks_are_classes(void)
{
    struct nft_tuning t = one_chain();
    t.plain_nets = 0;
    CHECK_WITH(t, ALL, true, "10.1.0.0/24 . 0-255 : 0:",
               "\t\tmeta priority set ip saddr . meta l4proto map @i_net "
               "meta priority set meta priority | 82a0:0 goto i_all\n",
               " . 90\n");
}

/* Chains, maps and elements that nothing would come to. */
static void what_nobody_needs(void)
{
    CHECK("policy a for pods app=web { allow from anywhere on tcp/80 }\n", false, "i_all", "i_pod",
          "i_net", " +");
    CHECK("policy a for pods app=web { allow from pods n=2 on tcp/80 }\n", false, "i_net", " +");
    CHECK("policy a for pods app=web { allow from cidr 10.1.0.0/24 on tcp/80 }\n", false, "i_pod",
          "i_all");
}

/* Many ports for any peer stand in sets of all targets, behind what classes may do; not where a
 * target allows everything. */
static void open_ports(void)
{
    struct nft_tuning t = one_chain();
    t.plain_open = 1;
    CHECK_WITH(
        t,
        "policy a for pods n=1 { allow from anywhere on {tcp/80, tcp/90, udp/53} }\n"
        "policy b for pods n=1 {\nallow from pods app=web on tcp/5\n}\n"
        "policy c for pods app=web { allow from pods n=2 on tcp/80 }\n"
        "policy d for pods n=2 { allow from anywhere on tcp/7\nallow from anywhere on all "
        "ports }\n",
        true,
        "\tset i_open_tcp {\n\t\ttype ipv4_addr . inet_service\n\t\tsize 12\n\t\telements = {\n"
        "\t\t\t10.0.0.2 . 80, 10.0.0.2 . 90, 10.0.0.4 . 80, 10.0.0.4 . 90\n",
        "\tchain i10.0.0.2 {\n"
        "\t\tmeta priority set ip saddr map @i_pod "
        "meta priority set meta priority | 8158:0 goto i_all\n"
        "\t\tgoto i_open\n\t}\n",
        "\tchain i10.0.0.1 {\n"
        "\t\tmeta priority set ip saddr map @i_pod "
        "meta priority set meta priority | 82a0:0 goto i_all\n"
        "\t\tgoto npc_deny comment \"shop/c isolates ingress t.npc:11\"\n",
        "\tchain i10.0.0.3 {\n\t\taccept comment",
        "@i_all_tcp meta priority set none accept comment \"shop/c ingress[0] t.npc:11 +1\"\n"
        "\t\tgoto i_open\n\t}\n",
        "\tchain i_open {\n"
        "\t\tip daddr . tcp dport @i_open_tcp meta priority set none accept "
        "comment \"shop/a ingress[0] t.npc:7\"\n",
        "\t\tgoto npc_deny comment \"shop/c isolates ingress t.npc:11 +2\"\n\t}\n}\n");
}

/* Ports for any peer of one target are not the next one's. */
static void open_ports_of_one(void)
{
    struct nft_tuning t = one_chain();
    t.plain_open = 1;
    CHECK_WITH(t,
               "policy a for pods app=web {\nallow from anywhere on {tcp/80, tcp/90}\n"
               "allow from pods n=2 on tcp/5\n}\n"
               "policy b for pods n=1 { allow from pods n=2 on tcp/6 }\n",
               true, "82a0:0 goto i_all\n\t\tgoto i_open\n\t}\n",
               "8158:0 goto i_all\n\t\tgoto npc_deny comment");
}

/* One chain asks for all, where the kernel would have to look at too many elements: of the maps of
 * peers, for each chain that asks. */
static void one_chain_asks(void)
{
    for (size_t most = 1; most <= 2; most++) { /* one peer, two targets that ask */
        struct nft_tuning t = one_chain();
        t.map_checks = most;
        struct output o;
        emit_shop(&o,
                  "policy a for pods app=web { allow from pods n=2 on tcp/80 }\n"
                  "policy b for pods n=1 { allow from pods n=2 on tcp/81 }\n"
                  "policy c for pods n=2 { allow from anywhere on tcp/82 }\n",
                  &t, false, 0);
        CU_ASSERT(o.ok);
        check_holds(&o,
                    "\tchain i10.0.0.1 {\n\t\tjump i_pod_class\n"
                    "\t\tmeta priority != 0:0 meta priority set meta priority | 82a0:0 goto i_all\n"
                    "\t\tgoto npc_deny",
                    most == 1);
        check_holds(&o,
                    "\t}\n\n\tchain i_pod_class {\n\t\tmeta priority set none\n"
                    "\t\tmeta priority set ip saddr map @i_pod\n\t}\n",
                    most == 1);
        check_holds(&o, "ip saddr map @i_pod meta priority set meta priority", most == 2);
        check_holds(&o, "i_net", false);
        output_free(&o);
    }
    struct nft_tuning t = one_chain();
    t.map_checks = t.plain_nets = 0;
    struct output o;
    emit_shop(&o, ALL, &t, false, 0);
    CU_ASSERT(o.ok);
    check_holds(&o,
                "\tchain i_net_class {\n\t\tmeta priority set none\n"
                "\t\tmeta priority set ip saddr . meta l4proto map @i_net\n\t}\n",
                true);
    check_holds(&o, "\t\tjump i_net_class\n\t\tmeta priority != 0:0 ", true);
    output_free(&o);
    for (size_t most = 3; most <= 4; most++) { /* two networks, two targets that ask for them */
        t.map_checks = most;
        emit_shop(&o,
                  "policy a for pods app=web { allow from cidr 10.1.0.0/24 on tcp/80 }\n"
                  "policy b for pods n=1 { allow from cidr 10.2.0.0/24 on tcp/81 }\n",
                  &t, false, 0);
        CU_ASSERT(o.ok);
        check_holds(&o, "\t\tjump i_net_class\n", most == 3);
        check_holds(&o, "i_pod", false);
        output_free(&o);
    }
}

/* Where the register is too small for targets and classes, the key has the target's addresses. */
static void by_address(void)
{
    struct nft_tuning t = one_chain();
    t.register_targets = t.plain_open = 1;
    CHECK_WITH(t,
               "policy a for pods app=web { allow from pods n=2 on tcp/80 }\n"
               "policy b for pods n=1 {\nallow from pods n=2 on tcp/81\n"
               "allow from anywhere on {tcp/90, tcp/92}\n}\n",
               true,
               "\tset i_all_tcp {\n\t\ttype ipv4_addr . classid . inet_service\n\t\tsize 12\n"
               "\t\telements = {\n\t\t\t10.0.0.1 . a00:3 . 80, 10.0.0.2 . a00:3 . 81, "
               "10.0.0.4 . a00:3 . 81\n",
               "\t\tmeta priority set ip saddr map @i_pod goto i_all\n",
               "\t\tip daddr . meta priority . tcp dport @i_all_tcp meta priority set none accept ",
               "\t\t\t10.0.0.2 . 90, 10.0.0.2 . 92, 10.0.0.4 . 90, 10.0.0.4 . 92\n",
               "\t\tmeta priority set ip saddr map @i_pod goto i_all\n\t\tgoto i_open\n\t}\n",
               "+1\"\n\t\tgoto i_open\n\t}\n",
               "\t\tip daddr . tcp dport @i_open_tcp meta priority set none accept ");
    t.register_targets = 2; /* as many as there are */
    CHECK_WITH(t,
               "policy a for pods app=web { allow from pods n=2 on tcp/80 }\n"
               "policy b for pods n=1 { allow from pods n=2 on tcp/81 }\n",
               true, "\t\tmeta priority . tcp dport @i_all_tcp");
}

/* A rule whose named port has other numbers on other pods is one rule. */
static void a_rule_with_several_grants(void)
{
    CHECK("workload a1 { addr 10.0.1.1 label a=1 port p=tcp/81 }\n"
          "workload a2 { addr 10.0.1.2 label a=1 port p=tcp/83 }\n"
          "policy a for pods a=1 {\nallow from pods app=web on tcp/p\n"
          "allow from pods n=2 on tcp/85\n}\n",
          true,
          "@i_all_tcp meta priority set none accept comment \"shop/a ingress[0] t.npc:10 +1\"\n");
}

/* Two rules that are of both targets, and the policies of both, are counted once. */
static void rules_of_several_targets(void)
{
    CHECK("policy a for pods app=db {\nallow from pods app=web on tcp/80\n}\n"
          "policy b for pods n=1 {\nallow from pods app=web on tcp/81\n}\n",
          true,
          "meta priority set none accept comment \"shop/a ingress[0] t.npc:8 +1\"\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +1\"\n\t}\n}\n");
}

/* Egress comes back to where it was called from. */
static void egress_returns(void)
{
    CHECK("policy a for pods app=web { allow to pods n=2 on tcp/80 }\n", true,
          "10.0.0.1 : jump e10.0.0.1\n", " meta priority | 82a0:0 goto e_all\n",
          "@e_all_tcp meta priority set none return comment");
}

/* The map of targets, that of pods, and a set of ports each: with so many sets each target has its
 * own chain, with one fewer they share one. */
static void when_targets_share(void)
{
    static const char policies[] = "policy a for pods app=web { allow from pods n=2 on tcp/80 }\n"
                                   "policy b for pods n=1 { allow from pods n=2 on tcp/81 }\n";
    for (size_t sets = 3; sets <= 4; sets++) {
        struct nft_tuning t = plain;
        t.direct[0].rules = t.direct[1].rules = 0;
        t.part_sets = sets;
        struct output o;
        emit_shop(&o, policies, &t, false, 0);
        CU_ASSERT(o.ok);
        check_holds(&o, "chain i10.0.0.2_v {", sets == 4);
        check_holds(&o, "chain i_all {", sets == 3);
        output_free(&o);
    }
}

/* How the bits are shared out: half for each, unless classes or targets need more, to be at most
 * half of the values. */
static void bits(void)
{
    static const struct {
        size_t classes, targets;
        unsigned bits;
    } rows[] = {{0, 1, 16},         {32767, 1, 16},        {32768, 1, 17},
                {65535, 1, 17},     {65536, 1, 18},        {7, 32767, 16},
                {7, 32768, 15},     {7, 65535, 15},        {7, 65536, 14},
                {150000, 4095, 19}, {150000, 4096, 32},    {524287, 2047, 20},
                {524287, 2048, 32}, {524288, 1023, 21},    {1 << 28, 1, 30},
                {1 << 28, 2, 32},   {1 << 29, 1, 32},      {7, (1 << 27) - 1, 4},
                {7, 1 << 27, 32},   {0, (1 << 30) - 1, 1}, {0, 1 << 30, 32}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct bound_side side = {.ntargets = rows[i].targets};
        struct nft_part p = {.side = &side, .tuning = &nft_tuning_default};
        p.values.n = rows[i].classes + 1;
        unsigned got = nft_shared_bits(&p);
        CU_ASSERT_EQUAL(got, rows[i].bits);
        if (got != rows[i].bits) {
            printf("\n%zu classes, %zu targets: %u\n", rows[i].classes, rows[i].targets, got);
        }
    }
}

/* Ports of two rules that are one range, which neither has: both may have made it. A set is of the
 * rules that have what is in it. */
static void whose_rules_these_are(void)
{
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80\n"
          "allow from pods n=2 on tcp/81\n}\n",
          true,
          "tcp dport 80-81 meta priority 82a0:8010 meta priority set none accept "
          "comment \"shop/a ingress[0] t.npc:8 +1\"\n");
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80\n"
          "allow from pods n=2 on icmp/0.0\n}\n",
          true, "comment \"shop/a ingress[0] t.npc:8\"\n",
          "comment \"shop/a ingress[1] t.npc:9\"\n");
}

/* Types that are all of ICMP together, half of them from each of two rules, which are of two
 * targets. */
static void halves_that_are_a_protocol(void)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *text = buf_new(&scratch);
    buf_puts(text, "policy a for pods app=db {\nallow from pods app=web on {icmp/0");
    for (unsigned type = 1; type < 256; type++) {
        buf_printf(text, type == 128 ? "}\nallow from pods app=web on {icmp/%u" : ", icmp/%u",
                   type);
    }
    buf_puts(text, "}\n}\n");
    static const char *const rule = "\t\tmeta priority . meta l4proto @i_all_protos "
                                    "meta priority set none accept "
                                    "comment \"shop/a ingress[0] t.npc:8 +1\"\n";
    buf_putc(text, '\0');
    const struct nft_tuning t = one_chain();
    check_parts(&t, buf_text(text).p, &rule, 1, true);
    arena_free(&scratch);
}

/* nft takes ranges of a key with a class only in a command of their own. */
static void ranges_stand_behind(void)
{
    struct nft_tuning t = one_chain();
    t.plain_ranges = t.range_elements = t.most_ranges = 0;
    CHECK_WITH(t, "policy a for pods app=web { allow from pods n=2 on tcp/80-99 }\n", true,
               "}\nadd element ip npc i_all_tcp_ranges {\n\t\t\t82a0:8010 . 80-99\n}\n");
}

/* Eight targets, and networks of three classes: 8 + 10 elements say who they are, 50 who may do
 * what, and 12 that a pod may reach itself. Where the 24 pairs of a target and a class are too
 * many, that is said before they are made. */
static void limits(void)
{
    static const struct {
        size_t limit;
        const char *said; /* NULL: enough */
    } rows[] = {
        {80, NULL},
        {79, "expand to 80 set elements or more; the limit is 79"},
        {24, "expand to 68 set elements or more; the limit is 24"},
        {23, "t.npc:22:8: error: the rules expand to 42 set elements or more; the limit is 23"},
        {18, "expand to 39 set elements or more; the limit is 18"}};
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *policies = buf_new(&scratch);
    for (unsigned i = 0; i < 8; i++) {
        buf_printf(policies,
                   "workload w%u { addr 10.0.1.%u label t=%u label w=1 }\n"
                   "policy p%u for pods t=%u { default deny ingress }\n",
                   i, i, i, i, i);
    }
    buf_puts(policies, "policy a for pods w=1 { allow from cidr 10.64.0.0/10 on {tcp/9, udp/9} }\n"
                       "policy b for pods t=1 { allow from cidr 10.64.0.0/24 on tcp/1\n"
                       "allow from cidr 10.65.0.0/24 on tcp/2 }\n");
    buf_putc(policies, '\0');
    struct nft_tuning t = one_chain();
    t.plain_nets = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct output o;
        emit_shop(&o, buf_text(policies).p, &t, false, rows[i].limit);
        CU_ASSERT_EQUAL(o.ok, rows[i].said == NULL);
        CU_ASSERT_EQUAL(count_diags(&o.c, DIAG_NPC605), rows[i].said != NULL);
        if (rows[i].said != NULL) {
            struct str messages = compile_messages(&o.c);
            CU_ASSERT(str_holds(messages, rows[i].said));
            if (!str_holds(messages, rows[i].said)) {
                printf("\nlimit %zu: " STR_FMT "\n", rows[i].limit, STR_ARG(messages));
            }
        }
        output_free(&o);
    }
    arena_free(&scratch);
}

UNIT_MAIN("nft_shared", TEST(all_targets_in_one_chain), TEST(networks_are_classes),
          TEST(what_nobody_needs), TEST(rules_of_several_targets), TEST(egress_returns),
          TEST(open_ports), TEST(open_ports_of_one), TEST(one_chain_asks), TEST(by_address),
          TEST(a_rule_with_several_grants), TEST(when_targets_share), TEST(bits),
          TEST(whose_rules_these_are), TEST(halves_that_are_a_protocol), TEST(ranges_stand_behind),
          TEST(limits))
