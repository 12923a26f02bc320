/*
 * When a chain per target class is written in which form, to the last rule, address and network
 * that a threshold allows; and what stands in it in which order. That all forms mean the same is
 * test_nft_layouts.c's.
 */
#include "nft_shop.h"

/* ---- which form ---- */

struct row {
    const char *policies;
    size_t rules, addrs, nets, open; /* thresholds; rules are those of a host, too */
    const char *want[3], *never[2];
};

static void check_rows(const struct row *rows, size_t n, bool host)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        struct nft_tuning t = plain;
        t.direct[0] = (struct nft_direct){r->rules, r->addrs};
        t.host_rules = r->rules;
        t.plain_nets = r->nets;
        t.plain_open = r->open;
        struct output o;
        emit_shop(&o, r->policies, &t, host, 0);
        CU_ASSERT(o.ok);
        for (size_t k = 0; k < 3 && r->want[k] != NULL; k++) {
            check_holds(&o, r->want[k], true);
        }
        for (size_t k = 0; k < 2 && r->never[k] != NULL; k++) {
            check_holds(&o, r->never[k], false);
        }
        output_free(&o);
    }
}

#define WEB(rules) "policy a for pods app=web {\n" rules "}\n"
#define DB_80      "allow from pods app=db on tcp/80\n" /* three addresses in two classes … */
#define ONES_81    "allow from pods n=1 on tcp/81\n"    /* … two in the first */
#define TWO_80     "allow from pods n=2 on tcp/80\n"    /* one */
#define TWO_82     "allow from pods n=2 on tcp/82\n"
#define NET_80     "allow from cidr 10.1.0.0/24 on tcp/80\n"
#define ANY(ports) "allow from anywhere on " ports "\n"
#define PODS       "meta priority set ip saddr map @i_pod goto i10.0.0.1_v\n"
#define NETS       "meta priority set ip saddr . meta l4proto map @i_net goto i10.0.0.1_v\n"

static void node_forms(void)
{
    static const struct row rows[] = {
        /* As many rules, addresses and networks as may be; one less of each. */
        {WEB(DB_80 ONES_81 NET_80),
         2,
         5,
         1,
         0,
         {"\t\tth dport 80 ip saddr @i10.0.0.1_addrs accept",
          "\t\t\t10.0.0.2, 10.0.0.3, 10.0.0.4\n", "\t\tth dport 80 ip saddr 10.1.0.0/24 accept"},
         {"i_pod", "i_net"}},
        {WEB(DB_80 ONES_81 NET_80),
         1,
         5,
         1,
         0,
         {PODS, "10.1.0.0/24 accept", "\t}\n\n\tchain i10.0.0.1_v {\n"},
         {"_addrs", NETS}},
        {WEB(DB_80 ONES_81 NET_80), 2, 4, 1, 0, {PODS, "10.1.0.0/24 accept"}, {"_addrs", NETS}},
        {WEB(DB_80 ONES_81 NET_80), 2, 5, 0, 0, {PODS, NETS}, {"_addrs", "10.1.0.0/24 accept"}},
        /* One rule for a port, whoever grants it, where the first of them stands. */
        {WEB(TWO_82 TWO_80 ONES_81 "allow from pods n=1 on tcp/80\n"),
         3,
         6,
         0,
         0,
         {"\tchain i10.0.0.1 {\n"
          "\t\tmeta l4proto != 6 goto npc_deny comment \"shop/a isolates ingress t.npc:7\"\n"
          "\t\tth dport 82 ip saddr 10.0.0.3 accept comment \"shop/a ingress[0] t.npc:8\"\n"
          "\t\tth dport 80 ip saddr @i10.0.0.1_addrs accept comment \"shop/a ingress[1] t.npc:9 "
          "+1\"\n"
          "\t\tth dport 81 ip saddr @i10.0.0.1_addrs_2 accept comment \"shop/a ingress[2] "
          "t.npc:10\"\n",
          "\t\t\t10.0.0.2, 10.0.0.3, 10.0.0.4\n", "\t\t\t10.0.0.2, 10.0.0.4\n"},
         {PODS}},
        {WEB(TWO_82 TWO_80 ONES_81 "allow from pods n=1 on tcp/80\n"),
         3,
         5,
         0,
         0,
         {PODS},
         {"_addrs"}},
        {WEB(TWO_82 TWO_80 ONES_81 "allow from pods n=1 on tcp/80\n"),
         2,
         6,
         0,
         0,
         {PODS},
         {"_addrs"}},
        /* Ports of the same grants share their set, and it counts once. */
        {WEB("allow from pods app=db on {tcp/80, udp/53}\n"
             "allow from pods n=1 on {tcp/80, udp/53}\n"),
         2,
         5,
         0,
         0,
         {"\t\ttcp dport 80 ip saddr @i10.0.0.1_addrs accept comment \"shop/a ingress[0] t.npc:8 "
          "+1\"\n"
          "\t\tudp dport 53 ip saddr @i10.0.0.1_addrs accept comment "},
         {PODS, "10.0.0.4, 10.0.0.4"}},
        {WEB("allow from pods app=db on {tcp/80, udp/53}\n"
             "allow from pods n=1 on {tcp/80, udp/53}\n"),
         2,
         4,
         0,
         0,
         {PODS},
         {0}},
        /* … also where another rule stands between them. */
        {WEB("allow from pods app=db on {tcp/80, tcp/82, tcp/84}\n"
             "allow from pods n=1 on {tcp/80, tcp/84}\n"
             "allow from pods n=2 on tcp/82\n"),
         3,
         9,
         0,
         0,
         {"\t\tth dport 80 ip saddr @i10.0.0.1_addrs accept comment \"shop/a ingress[0] t.npc:8 "
          "+1\"\n"
          "\t\tth dport 82 ip saddr @i10.0.0.1_addrs accept comment \"shop/a ingress[0] t.npc:8 "
          "+1\"\n"
          "\t\tth dport 84 ip saddr @i10.0.0.1_addrs accept comment \"shop/a ingress[0] t.npc:8 "
          "+1\"\n"},
         {PODS}},
        /* All that is counted may be too much at once, or as the rest of it is. */
        {WEB(DB_80), 1, 2, 0, 0, {PODS}, {"_addrs"}},
        {WEB(DB_80 ONES_81), 2, 3, 0, 0, {PODS}, {"_addrs"}},
        /* Ports of CIDRs alone are no rules over addresses. */
        {WEB(DB_80 "allow from cidr 10.1.0.0/24 on tcp/90\n"), 1, 3, 1, 0, {"_addrs"}, {PODS}},
        /* What the CIDRs of a grant cover anyway is in no set. */
        {WEB("allow from {pods app=db, cidr 10.0.0.4/32} on tcp/80\n"),
         1,
         2,
         1,
         0,
         {"\t\t\t10.0.0.2, 10.0.0.3\n"},
         {PODS}},
        /* … nor does its grant make a rule, or stand in the comment of one. */
        {WEB("allow from {pods n=1, cidr 10.0.0.0/24} on {tcp/80, tcp/90}\n" TWO_80),
         1,
         1,
         2,
         0,
         {"\t\tth dport 80 ip saddr 10.0.0.3 accept comment \"shop/a ingress[1] t.npc:9\"\n"},
         {PODS}},
        {WEB("allow from {pods n=1, cidr 10.0.0.0/24} on tcp/80\n"),
         0,
         0,
         1,
         0,
         {"10.0.0.0/24"},
         {PODS}},
        /* Classes that several grants name, in any order. */
        {WEB(TWO_80 DB_80 TWO_80 "allow from pods n=1 on tcp/80\n" DB_80 ONES_81 TWO_80),
         2,
         MANY,
         0,
         0,
         {"\t\t\t10.0.0.2, 10.0.0.3, 10.0.0.4\n", "\t\t\t10.0.0.2, 10.0.0.4\n"},
         {PODS}},
        /* One address is a rule, too, but needs no set. */
        {WEB(TWO_80 TWO_82), 2, 2, 0, 0, {"\t\ttcp dport 80 ip saddr 10.0.0.3 accept"}, {PODS}},
        {WEB(TWO_80 TWO_82), 1, 2, 0, 0, {PODS}, {"10.0.0.3 accept"}},
        /* What any peer may do stands before, and tells nothing about the others. */
        {WEB(ANY("tcp/22") DB_80 ONES_81), 1, MANY, 0, 9, {"\t\ttcp dport 22 accept", PODS}, {0}},
        {WEB(NET_80 DB_80), 0, MANY, 0, 0, {PODS, NETS}, {0}},
        {WEB(NET_80),
         0,
         MANY,
         0,
         0,
         {NETS, "\tmap i_net {\n\t\ttype ipv4_addr . inet_proto : classid\n\t\tsize 12\n"
                "\t\tflags interval\n\t\telements = {\n\t\t\t10.1.0.0/24 . 0-255 : a01:0\n"},
         {"i_pod"}},
        /* Whoever may do everything needs no other rule. */
        {WEB(ANY("all ports") ANY("tcp/80") DB_80 NET_80),
         0,
         0,
         MANY,
         9,
         {"\t\taccept comment"},
         {"isolates", "10.1.0.0"}},
        {WEB(ANY("tcp/80") ANY("tcp/90")),
         0,
         0,
         0,
         1,
         {"\t\ttcp dport @i10.0.0.1_tcp accept"},
         {0}},
        {WEB(ANY("tcp/80") ANY("tcp/90")), 0, 0, 0, 2, {"\t\ttcp dport 90 accept"}, {"_tcp"}},
        /* Comments name the rules that the entries come from. */
        {WEB(NET_80 DB_80),
         0,
         0,
         MANY,
         0,
         {"@i10.0.0.1_tcp meta priority set none accept comment \"shop/a ingress[1] t.npc:9\"\n"},
         {0}},
    };
    check_rows(rows, sizeof rows / sizeof *rows, false);
}

static void host_forms(void)
{
    static const struct row rows[] = {
        {WEB(DB_80 ONES_81), 2, 0, 0, 0, {"tcp dport 80 ip saddr @i_addrs accept"}, {"_tcp"}},
        {WEB(DB_80 ONES_81), 1, 0, 0, 0, {"ip saddr . tcp dport @i_tcp"}, {"_addrs"}},
        {WEB(DB_80 "allow from pods n=1 on udp/81\n"),
         0,
         0,
         0,
         0,
         {"\t\t\t10.0.0.2 . 80, 10.0.0.3 . 80, 10.0.0.4 . 80\n"},
         {0}},
        {WEB(NET_80 DB_80),
         0,
         0,
         MANY,
         0,
         {"ip saddr . tcp dport @i_tcp accept comment \"shop/a ingress[1] t.npc:9\"\n"},
         {"i_nets"}},
        {WEB("allow from cidr 10.1.0.0/24 on {tcp/1, tcp/3, tcp/5, tcp/7, tcp/9, udp/1, udp/3, "
             "udp/5}\n"),
         0,
         0,
         0,
         0,
         {"\t\tudp dport 5 ip saddr @i_nets accept comment \"shop/a ingress[0] t.npc:8\"\n"
          "\t\tgoto npc_deny_in"},
         {0}},
        /* Sets of networks: by ports, each once; none for everywhere. */
        {WEB("allow from cidr 0.0.0.0/0 on tcp/90\n"
             "allow from {cidr 10.3.0.0/24, cidr 10.1.0.0/24} on tcp/80\n"
             "allow from cidr 10.5.0.0/24 on tcp/80\n"),
         0,
         0,
         0,
         0,
         {"\t\ttcp dport 80 ip saddr @i_nets accept comment \"shop/a ingress[1] t.npc:9 +1\"\n"
          "\t\ttcp dport 90 accept comment \"shop/a ingress[0] t.npc:8\"\n",
          "\t\t\t10.1.0.0/24, 10.3.0.0/24, 10.5.0.0/24\n"},
         {"0.0.0.0"}},
    };
    check_rows(rows, sizeof rows / sizeof *rows, true);
}

/* Addresses that are more than the second limit, for each class that a set of classes would have.
 */
static void addresses_of_classes(void)
{
    static const struct {
        const char *policies;
        size_t addrs, spread;
        bool direct;
    } rows[] = {
        {WEB(DB_80), 2, 1, false}, /* three of one class */
        {WEB(DB_80), 2, 2, true},
        {WEB(ONES_81), 1, 1, false}, /* one more than there are classes */
        {WEB(DB_80), 3, 1, true},
        {WEB(DB_80 ONES_81), 4, 1, false}, /* five of two and one */
        {WEB(DB_80 ONES_81), 5, 1, true},
        {WEB("allow from pods app=db on {tcp/80, tcp/90, udp/53}\n"), 2, 1,
         true}, /* of one, thrice */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nft_tuning t = plain;
        t.direct[1].addrs = rows[i].addrs;
        t.direct_spread = rows[i].spread;
        struct output o;
        emit_shop(&o, rows[i].policies, &t, false, 0);
        CU_ASSERT(o.ok);
        check_holds(&o, "i_pod", !rows[i].direct);
        output_free(&o);
    }
}

/* The map of targets and three sets of addresses; with one fewer, also the map of pods and a set of
 * ports, and with still fewer what targets share. */
static void fewer_rules_where_sets_are_too_many(void)
{
    static const char policies[] = WEB(
        DB_80 ONES_81 "allow from {pods n=2, pods app=web} on tcp/82\n") "policy b for pods n=2 { "
                                                                         "default deny ingress }\n";
    for (size_t sets = 2; sets <= 4; sets++) {
        struct nft_tuning t = plain;
        t.direct[1].rules = 2;
        t.part_sets = sets;
        struct output o;
        emit_shop(&o, policies, &t, false, 0);
        CU_ASSERT(o.ok);
        check_holds(&o, "@i10.0.0.1_addrs_3 accept", sets == 4);
        check_holds(&o, PODS, sets == 3);
        check_holds(&o, "goto i_all\n", sets == 2);
        output_free(&o);
    }
}

/* Four targets that 40 pods reach, and another pod each: 164 addresses are more than a class. */
static void classes_where_addresses_do_not_fit(void)
{
    struct nft_tuning t = plain;
    t.direct[1].rules = 0;
    for (size_t limit = 150; limit <= 350; limit += 200) {
        struct compiled c;
        struct arena scratch;
        arena_init(&scratch, unit_oom, NULL);
        struct buf *b = buf_new(&scratch);
        buf_puts(b, "npc 1\nnamespace shop {\n");
        for (unsigned i = 1; i <= 40; i++) {
            buf_printf(b, "workload a%u { addr 10.1.0.%u label app=a }\n", i, i);
        }
        for (unsigned i = 1; i <= 4; i++) {
            buf_printf(
                b,
                "workload t%u { addr 10.2.0.%u label t=%u }\n"
                "workload x%u { addr 10.3.0.%u label x=%u }\n"
                "policy p%u for pods t=%u { allow from {pods app=a, pods x=%u} on tcp/80 }\n",
                i, i, i, i, i, i, i, i, i);
        }
        buf_puts(b, "}\n");
        struct emit e = compile_bind(&c, buf_text(b), STR(""), limit);
        arena_free(&scratch);
        CU_ASSERT_FATAL(e.bound != NULL);
        CU_ASSERT(nft_emit(&e, &t));
        CU_ASSERT_EQUAL(str_holds(buf_text(c.out), "i_pod"), limit == 150);
        CU_ASSERT_EQUAL(str_holds(buf_text(c.out), "_addrs"), limit == 350);
        CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC605), 0);
        compile_free(&c);
    }
}

/* ---- what stands where ---- */

static void chains_say_whose_they_are(void)
{
    static const struct row rows[] = {
        {"policy a for pods n=1 { default deny ingress }\n"
         "policy b for pods app=db { default deny ingress }\n"
         "policy c for pods app=web { default deny egress }\n",
         0,
         0,
         0,
         0,
         {"\tmap ing {\n\t\ttype ipv4_addr : verdict\n\t\tsize 12\n\t\telements = {\n"
          "\t\t\t10.0.0.2 : goto i10.0.0.2, 10.0.0.3 : goto i10.0.0.3, 10.0.0.4 : goto i10.0.0.2\n",
          "\t# ingress to shop/db1 and 1 more address\n\tchain i10.0.0.2 {\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +1\"\n",
          "\t# egress from shop/web\n\tchain e10.0.0.1 {\n"
          "\t\tgoto npc_deny comment \"shop/c isolates egress t.npc:9\"\n"},
         {0}},
        {"policy b for pods app=db { default deny ingress }\n",
         0,
         0,
         0,
         0,
         {"\t# ingress to shop/db1 and 2 more addresses\n"},
         {0}},
    };
    check_rows(rows, sizeof rows / sizeof *rows, false);
}

/* ---- the limit ---- */

static void T45_elements_of_each_form(void)
{
    struct nft_tuning t =
        plain; /* map of targets, sets of three addresses and of two, four selves */
    check_limit(WEB(DB_80 ONES_81), &t, false, 10, 5, 9);
    /* ports of the same grants have one set */
    check_limit(WEB("allow from pods app=db on {tcp/80, udp/53}\n"), &t, false, 8, 7, 0);
    t.direct[0].rules = t.direct[1].rules =
        0; /* maps of targets and of pods, a class with two ports, four selves */
    check_limit(WEB(DB_80 "allow from pods app=db on tcp/82\n"), &t, false, 10, 5, 7);
    t.plain_nets = 0; /* map of four targets, a network and its class, a port of it, four selves */
    check_limit("policy a for all pods {\n" NET_80 "}\n", &t, false, 11, 5, 0);
    check_limit("policy a for all pods {\n" NET_80 "}\n", &t, false, 11, 6, 7);
    /* Of a host three addresses, and two sets of networks. */
    check_limit(WEB(DB_80 NET_80 "allow from cidr 10.7.0.0/24 on tcp/90\n"), &t, true, 5, 4, 7);
}

UNIT_MAIN("nft_class", TEST(node_forms), TEST(host_forms), TEST(addresses_of_classes),
          TEST(fewer_rules_where_sets_are_too_many), TEST(classes_where_addresses_do_not_fit),
          TEST(chains_say_whose_they_are), TEST(T45_elements_of_each_form))
