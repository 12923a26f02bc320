/*
 * Rules that ask for a port and a peer, word for word: when the protocol is asked once for all of
 * them, and what stands in which chain then. That it means the same is test_nft_layouts.c's.
 */
#include "nft_shop.h"

#define CHECK(policies, ...) CHECK_WITH(plain, policies, true, __VA_ARGS__)

#define WEB(rules) "policy a for pods app=web {\n" rules "}\n"
#define TWO(ports) "allow from pods n=2 on " ports "\n" /* 10.0.0.3 */
#define NET(ports) "allow from cidr 10.1.0.0/24 on " ports "\n"
#define ANY(ports) "allow from anywhere on " ports "\n"

/* Verdicts of the first rules, and of the end of a chain. */
#define ACCEPT_0 "accept comment \"shop/a ingress[0] t.npc:8\"\n"
#define ACCEPT_1 "accept comment \"shop/a ingress[1] t.npc:9\"\n"
#define ACCEPT_2 "accept comment \"shop/a ingress[2] t.npc:10\"\n"
#define ISOLATES "npc_deny comment \"shop/a isolates ingress t.npc:7\"\n"
#define CHAIN    "\tchain i10.0.0.1 {\n"
#define OTHER    "\t}\n\n\tchain i10.0.0.1_other {\n"

/* Three ports of a protocol are enough, whosever they are; what is denied anyway needs no chain. */
static void a_protocol_is_asked_once(void)
{
    CHECK(WEB(TWO("tcp/7000-7002") ANY("tcp/22") NET("tcp/90")),
          CHAIN "\t\tmeta l4proto != 6 goto " ISOLATES "\t\tth dport 22 " ACCEPT_1
                "\t\tth dport 7000-7002 ip saddr 10.0.0.3 " ACCEPT_0
                "\t\tth dport 90 ip saddr 10.1.0.0/24 " ACCEPT_2 "\t\tgoto " ISOLATES "\t}\n}\n");
    CHECK(WEB(TWO("{udp/53, udp/80, udp/90}")),
          CHAIN "\t\tmeta l4proto != 17 goto " ISOLATES "\t\tth dport 53 ");
    CHECK(WEB(TWO("{sctp/5, sctp/7, sctp/9}")),
          CHAIN "\t\tmeta l4proto != 132 goto " ISOLATES "\t\tth dport 5 ");
    CHECK_WITH(plain, WEB(TWO("{udp/53, udp/80, udp/90}")), false, "_other");
    /* Two of each, and what is all of a protocol. */
    CHECK(WEB(TWO("{tcp/80, tcp/90, udp/80, udp/90, sctp/80, sctp/90}")),
          CHAIN "\t\ttcp dport 80 ip saddr 10.0.0.3 " ACCEPT_0,
          "\t\tudp dport 80 ip saddr 10.0.0.3 " ACCEPT_0,
          "\t\tsctp dport 90 ip saddr 10.0.0.3 " ACCEPT_0 "\t\tgoto " ISOLATES);
    CHECK(WEB(TWO("{tcp/80, tcp/90}") NET("tcp/*")), CHAIN "\t\ttcp dport 80 ip saddr 10.0.0.3 ");
    /* Where everything may come in, nothing is asked. */
    CHECK(WEB(ANY("all ports") ANY("{tcp/80, tcp/90, tcp/99}")),
          CHAIN "\t\taccept comment \"shop/a ingress[0] t.npc:8\"\n"
                "\t\ttcp dport 80 " ACCEPT_1 "\t\ttcp dport 90 " ACCEPT_1
                "\t\ttcp dport 99 " ACCEPT_1 "\t}\n");
}

/* What another protocol may have stands apart, and what every protocol may stands twice. */
static void others_have_a_chain(void)
{
    CHECK(WEB(TWO("{tcp/80, udp/53, tcp/90}") "allow from pods n=1 on all ports\n" NET(
              "{sctp/*, tcp/*, tcp/7, icmp/8}") ANY("tcp/22")),
          CHAIN
          "\t\tmeta l4proto != 6 goto i10.0.0.1_other\n"
          "\t\tth dport 22 accept comment \"shop/a ingress[3] t.npc:11\"\n"
          "\t\tth dport 80 ip saddr 10.0.0.3 " ACCEPT_0
          "\t\tth dport 90 ip saddr 10.0.0.3 " ACCEPT_0 "\t\tip saddr @i10.0.0.1_addrs " ACCEPT_1
          "\t\tmeta l4proto 6 ip saddr 10.1.0.0/24 " ACCEPT_2 "\t\tgoto " ISOLATES OTHER
          "\t\tudp dport 53 ip saddr 10.0.0.3 " ACCEPT_0 "\t\tip saddr @i10.0.0.1_addrs " ACCEPT_1
          "\t\tmeta l4proto 132 ip saddr 10.1.0.0/24 " ACCEPT_2
          "\t\ticmp type 8 ip saddr 10.1.0.0/24 " ACCEPT_2 "\t\tgoto " ISOLATES "\t}\n}\n");
    /* The protocol with most rules, and of those that have as many the first. */
    CHECK(WEB(TWO("{tcp/80, tcp/90, tcp/99, udp/53, udp/80, udp/90, udp/99}")),
          CHAIN "\t\tmeta l4proto != 17 goto i10.0.0.1_other\n\t\tth dport 53 ",
          OTHER "\t\ttcp dport 80 ");
    CHECK(WEB(TWO("{tcp/80, tcp/90, tcp/99, udp/53, udp/80, udp/90}")),
          CHAIN "\t\tmeta l4proto != 6 goto i10.0.0.1_other\n\t\tth dport 80 ",
          OTHER "\t\tudp dport 53 ");
}

/* Rules before a map or a set are not the end of a chain, those behind it are. */
static void beside_look_ups(void)
{
    struct nft_tuning t = plain;
    t.direct[0].rules = 0;
    CHECK_WITH(
        t, WEB(ANY("{tcp/80, tcp/90, tcp/99}") NET("{tcp/7, tcp/9, tcp/11}") TWO("tcp/22")), true,
        CHAIN "\t\ttcp dport 80 " ACCEPT_0 "\t\ttcp dport 90 " ACCEPT_0 "\t\ttcp dport 99 " ACCEPT_0
              "\t\tmeta priority set ip saddr map @i_pod goto i10.0.0.1_v\n"
              "\t\tmeta l4proto != 6 goto " ISOLATES
              "\t\tth dport 7 ip saddr 10.1.0.0/24 " ACCEPT_1);
    t.plain_nets = 0;
    CHECK_WITH(t, WEB(ANY("{tcp/80, tcp/90, tcp/99}") NET("{tcp/7, tcp/9}")), true,
               CHAIN "\t\ttcp dport 80 " ACCEPT_0 "\t\ttcp dport 90 " ACCEPT_0
                     "\t\ttcp dport 99 " ACCEPT_0
                     "\t\tmeta priority set ip saddr . meta l4proto map @i_net goto "
                     "i10.0.0.1_v\n\t\tgoto " ISOLATES);
    /* Ports for any peer that targets share. */
    t = plain;
    t.part_sets = 0;
    t.plain_open = 1;
    CHECK_WITH(t, WEB(ANY("{tcp/80, tcp/90}") NET("{tcp/7, tcp/9, tcp/11}")), true,
               CHAIN "\t\ttcp dport 7 ip saddr 10.1.0.0/24 " ACCEPT_1
                     "\t\ttcp dport 9 ip saddr 10.1.0.0/24 " ACCEPT_1
                     "\t\ttcp dport 11 ip saddr 10.1.0.0/24 " ACCEPT_1 "\t\tgoto i_open\n");
}

static void check_host(const char *policies, const struct nft_tuning *t, const char *part)
{
    struct output o;
    emit_shop(&o, policies, t, true, 0);
    CU_ASSERT(o.ok);
    check_holds(&o, part, true);
    output_free(&o);
}

static void hosts(void)
{
    check_host(WEB(TWO("{tcp/80, udp/53, tcp/90}") NET("tcp/7")), &plain,
               "\t\tmeta l4proto != 6 goto npc_input_other\n\t\tth dport 80 ip saddr 10.0.0.3 ");
    check_host(WEB(TWO("{tcp/80, udp/53, tcp/90}") NET("tcp/7")), &plain,
               "\tchain npc_input_other {\n\t\tudp dport 53 ip saddr 10.0.0.3 " ACCEPT_0
               "\t\tgoto npc_deny_in comment \"shop/a isolates ingress t.npc:7\"\n\t}\n");
    /* Before the sets that hosts have of many stands what there is. */
    struct nft_tuning t = plain;
    t.host_rules = t.plain_nets = 0;
    check_host(WEB(ANY("{tcp/80, tcp/90, tcp/99}") TWO("tcp/22") NET("tcp/7")), &t,
               "\t\ttcp dport 80 " ACCEPT_0 "\t\ttcp dport 90 " ACCEPT_0
               "\t\ttcp dport 99 " ACCEPT_0 "\t\tip saddr . tcp dport @i_tcp " ACCEPT_1
               "\t\ttcp dport 7 ip saddr @i_nets " ACCEPT_2 "\t\tgoto npc_deny_in ");
}

/* The end of a chain that logs is more than a rule. */
static void logs_need_a_chain(void)
{
    struct output o;
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct str source = str_printf(&scratch, "%s%s}\n", head, WEB(TWO("{tcp/80, tcp/90, tcp/99}")));
    struct emit e = compile_bind(&o.c, source, STR(""), 0);
    arena_free(&scratch);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e.bound);
    struct emit_options options = *e.options;
    options.log = true;
    options.log_rate = 1;
    e.options = &options;
    CU_ASSERT(nft_emit(&e, &plain));
    o.text = buf_text(o.c.out);
    check_holds(&o, CHAIN "\t\tmeta l4proto != 6 goto i10.0.0.1_other\n\t\tth dport 80 ", true);
    check_holds(&o, "_other {\n\t\tjump " ISOLATES "\t\tlimit rate 1/second ", true);
    output_free(&o);
}

/* The limit is asked where a set is written, in either chain. */
static void T45_elements_of_rules(void)
{
    /* map of targets, a set of two addresses, then one of three, which is too much; four selves */
    check_limit(
        WEB("allow from pods n=1 on {tcp/80, tcp/90, tcp/99}\nallow from pods app=db on udp/53\n"),
        &plain, false, 10, 5, 9);
}

UNIT_MAIN("nft_rules", TEST(a_protocol_is_asked_once), TEST(others_have_a_chain),
          TEST(beside_look_ups), TEST(hosts), TEST(logs_need_a_chain), TEST(T45_elements_of_rules))
