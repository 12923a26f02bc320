/*
 * Which sets and rules become of ports: when a range becomes ports, a rule or an interval, to the
 * last one that a threshold allows; and which rules a comment names. That all of them mean the same
 * is test_nft_layouts.c's.
 */
#include "nft_shop.h"

struct row {
    const char *policies;
    struct nft_tuning tuning; /* of ranges; all else is looked up at once */
    const char *want[2], *never;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        struct nft_tuning t = r->tuning;
        t.plain_nets = t.part_sets = MANY;
        struct output o;
        emit_shop(&o, r->policies, &t, false, 0);
        CU_ASSERT(o.ok);
        for (size_t k = 0; k < 2 && r->want[k] != NULL; k++) {
            check_holds(&o, r->want[k], true);
        }
        if (r->never != NULL) {
            check_holds(&o, r->never, false);
        }
        output_free(&o);
    }
}

#define WEB(rules) "policy a for pods app=web {\n" rules "}\n"
#define ANY(ports) "allow from anywhere on " ports "\n"
#define DB(ports)  "allow from pods app=db on " ports "\n"

#define FOUR ANY("tcp/80-83")
#define AS_PORTS                                                                                   \
    {                                                                                              \
        "\t\t\t80, 81, 82, 83\n", "\t\ttcp dport @i10.0.0.1_tcp accept"                            \
    }
#define AS_RULE                                                                                    \
    {                                                                                              \
        "\t\ttcp dport 80-83 accept"                                                               \
    }
#define AS_SET                                                                                     \
    {                                                                                              \
        "\t\t\t80-83\n", "\t\ttcp dport @i10.0.0.1_tcp_ranges accept"                              \
    }
/* expand_most, expand_elements, small_range */
#define EXPAND(most, elements, small)                                                              \
    .expand_most = (most), .expand_elements = (elements), .small_range = (small)
/* plain_ranges, range_elements, most_ranges */
#define RANGES(plain, elements, most)                                                              \
    .plain_ranges = (plain), .range_elements = (elements), .most_ranges = (most)

static void ranges(void)
{
    static const struct row rows[] = {
        {WEB(FOUR), {EXPAND(4, 4, 1), RANGES(9, 9, 9)}, AS_PORTS, "80-83"},
        {WEB(FOUR), {EXPAND(3, 4, 1), RANGES(9, 9, 9)}, AS_RULE, "@i10"},
        {WEB(FOUR), {EXPAND(4, 3, 3), RANGES(9, 9, 9)}, AS_RULE, "@i10"},
        {WEB(FOUR), {EXPAND(4, 3, 4), RANGES(9, 9, 9)}, AS_PORTS, "80-83"},
        {WEB(FOUR), {EXPAND(4, 3, 1), RANGES(1, 9, 9)}, AS_RULE, "@i10"},
        /* One after the other; ICMP is none of them. */
        {WEB(ANY("tcp/90-99") FOUR),
         {EXPAND(1, 0, 1), RANGES(2, 9, 9)},
         {"\t\ttcp dport 80-83 accept comment \"shop/a ingress[1] t.npc:9\"\n"
          "\t\ttcp dport 90-99 accept"},
         "@i10"},
        {WEB(FOUR ANY("icmp/8")), {EXPAND(0, 0, 0), RANGES(1, 9, 9)}, AS_RULE, "@i10"},
        /* Too many for rules: then ports, however many they are; if they may not be, intervals. */
        {WEB(FOUR), {EXPAND(4, 3, 1), RANGES(0, 9, 9)}, AS_PORTS, "80-83"},
        {WEB(FOUR), {EXPAND(3, 3, 1), RANGES(0, 9, 9)}, AS_SET, NULL},
        {WEB(FOUR), {EXPAND(3, 3, 1), RANGES(1, 9, 0)}, AS_RULE, "@i10"},
        /* … of so many elements; else not before there are very many. */
        {WEB(FOUR), {EXPAND(3, 3, 1), RANGES(0, 1, 1)}, AS_SET, NULL},
        {WEB(FOUR), {EXPAND(3, 3, 1), RANGES(0, 0, 1)}, AS_RULE, "@i10"},
        {WEB(FOUR), {EXPAND(3, 3, 1), RANGES(9, 0, 0)}, AS_SET, NULL},
        /* Some become ports, the others are counted. */
        {WEB(FOUR ANY("tcp/90-99") ANY("udp/90-99")),
         {EXPAND(4, 9, 1), RANGES(2, 2, 0)},
         {"\t\t\t80, 81, 82, 83\n", "\t\ttcp dport 90-99 accept"},
         "_ranges"},
        {WEB(FOUR ANY("tcp/90-99") ANY("udp/90-99")),
         {EXPAND(4, 9, 1), RANGES(1, 2, 9)},
         {"\t\ttcp dport @i10.0.0.1_tcp_ranges", "\t\tudp dport @i10.0.0.1_tcp_ranges"},
         NULL},
        {WEB(ANY("sctp/90-99")),
         {EXPAND(4, 9, 1), RANGES(0, 2, 9)},
         {"\t\tsctp dport @i10.0.0.1_sctp_ranges"},
         NULL},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

/* Two classes of pods that may use a range, of equal ports and of others: two entries. */
static void ranges_of_classes(void)
{
#define ALIKE  WEB(DB("tcp/80-83") "allow from pods n=1 on tcp/80-83\n")
#define UNLIKE WEB(DB("tcp/80-83") "allow from pods n=1 on udp/9\n")
#define THREE                                                                                      \
    WEB(DB("tcp/80-83") "allow from pods n=1 on udp/9\nallow from pods app=web on tcp/80-83\n")
#define CLASSED "meta priority . tcp dport @i10.0.0.1_tcp "
#define BY_RANGE                                                                                   \
    "\t\ttcp dport 80-83 meta priority @i10.0.0.1_tcp_80-83 meta priority set none accept"
    static const struct row rows[] = {
        {UNLIKE, {EXPAND(4, 8, 1), RANGES(9, 9, 9)}, {CLASSED, "a00:3 . 83"}, "80-83"},
        {UNLIKE, {EXPAND(4, 7, 1), RANGES(9, 9, 9)}, {BY_RANGE}, NULL},
        {UNLIKE,
         {EXPAND(1, 0, 1), RANGES(0, 2, 9)},
         {"add element ip npc i10.0.0.1_tcp_ranges {\n\t\t\ta00:2 . 80-83, a00:3 . 80-83\n",
          "meta priority . tcp dport @i10.0.0.1_tcp_ranges "},
         NULL},
        {UNLIKE, {EXPAND(1, 0, 1), RANGES(0, 1, 9)}, {BY_RANGE}, "_ranges"},
        /* Of three entries two are alike. */
        {THREE, {EXPAND(4, 12, 1), RANGES(9, 9, 9)}, {CLASSED, "a00:3 . 83"}, "80-83"},
        {THREE, {EXPAND(4, 11, 1), RANGES(9, 9, 9)}, {BY_RANGE}, NULL},
        /* Whoever may use everything says nothing about the others. */
        {WEB("allow from pods n=1 on all ports\n" DB("tcp/80-83")),
         {EXPAND(4, 4, 1), RANGES(9, 9, 9)},
         {"a00:3 . 83", "\t\tmeta priority a00:2 meta priority set none accept"},
         "80-83"},
        {WEB(DB("{tcp/*, udp/*, sctp/*, icmp/*}") "allow from pods n=1 on all ports\n"),
         {EXPAND(4, 4, 1), RANGES(9, 9, 9)},
         {"a00:3 . 17", "\t\tmeta priority a00:2 meta priority set none accept"},
         NULL},
        {WEB(DB("tcp/80")),
         {EXPAND(1, 0, 1), RANGES(9, 9, 9)},
         {"\t\ttype classid . inet_service\n"},
         "add element"},
        /* One class alone is compared. */
        {WEB(DB("tcp/80-83")),
         {EXPAND(1, 0, 1), RANGES(9, 9, 9)},
         {"\t\ttcp dport 80-83 meta priority a00:2 meta priority set none accept"},
         "_80-83"},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

/* ---- comments ---- */

#define SAYS(first, more) " accept comment \"shop/a ingress[" #first "] t.npc:" more "\"\n"

static void comments_name_the_rules(void)
{
    static const struct nft_tuning plain_ranges = {EXPAND(1, 0, 1), RANGES(9, 9, 9)};
    struct {
        const char *policies, *want[5];
    } rows[] = {
        /* A set of ports: the rules with ports of that protocol. */
        {WEB(ANY("tcp/80") ANY("udp/80") ANY("tcp/90")),
         {"tcp dport @i10.0.0.1_tcp" SAYS(0, "8 +1"), "udp dport @i10.0.0.1_udp" SAYS(1, "9")}},
        /* A range that grew together: the rules that have a part of it, to its ends. */
        {WEB(ANY("tcp/70") ANY("tcp/80") ANY("tcp/81-94") ANY("tcp/95") ANY("tcp/97-99")
                 ANY("udp/80-95")),
         {"tcp dport 80-95" SAYS(1, "9 +2"), "tcp dport 97-99" SAYS(4, "12"),
          "udp dport 80-95" SAYS(5, "13"), "tcp dport @i10.0.0.1_tcp" SAYS(0, "8 +4")}},
#define SELF(ports) "allow from pods app=web on " ports "\n"
        /* Of other pods, what has a part of it as well. */
        {WEB(DB("tcp/80-85") SELF("tcp/83-90")),
         {"tcp dport 80-85 meta priority a00:2 meta priority set none" SAYS(0, "8 +1"),
          "tcp dport 83-90 meta priority a00:1 meta priority set none" SAYS(0, "8 +1")}},
        {WEB(DB("{icmp/8, icmp/9}") SELF("{icmp/9, icmp/10}")),
         {"icmp type 8-9 meta priority a00:2 meta priority set none" SAYS(0, "8 +1"),
          "icmp type 9-10 meta priority a00:1 meta priority set none" SAYS(0, "8 +1")}},
        {WEB(DB("{icmp/3.1, icmp/3.2}") SELF("{icmp/3.2, icmp/3.3}")),
         {"icmp type 3 icmp code 1-2 meta priority a00:2 meta priority set none" SAYS(0, "8 +1"),
          "icmp type 3 icmp code 2-3 meta priority a00:1 meta priority set none" SAYS(0, "8 +1")}},
        /* But not whole protocols, for single ports of them. */
        {WEB(DB("tcp/80") SELF("tcp/*")),
         {"meta priority . tcp dport @i10.0.0.1_tcp meta priority set none" SAYS(0, "8")}},
        {WEB(ANY("{udp/1, udp/3, udp/5, udp/7, udp/9, udp/11, udp/13, udp/15}") ANY("tcp/80")),
         {"tcp dport @i10.0.0.1_tcp" SAYS(1, "9")}},
        /* A rule once, though it is more for some peers than for others. */
        {WEB(DB("{tcp/80, tcp/82}")) "}\n"
                                     "cluster policy c in tier admin priority 1 for pods app=web "
                                     "in all namespaces {\n"
                                     "deny from pods n=1 in all namespaces on tcp/80\n}\nnamespace "
                                     "other {\n",
         {"meta priority . tcp dport @i10.0.0.1_tcp meta priority set none" SAYS(0, "8")}},
        /* Whole protocols. */
        {WEB(ANY("tcp/*") ANY("udp/*") ANY("sctp/80")),
         {"meta l4proto @i10.0.0.1_protos" SAYS(0, "8 +1"),
          "sctp dport @i10.0.0.1_sctp" SAYS(2, "10")}},
        /* ICMP: by types and codes. */
        {WEB(ANY("icmp/8") ANY("icmp/3.1") ANY("icmp/3.3") ANY("icmp/9") ANY("icmp/5.0")),
         {"icmp type 8-9" SAYS(0, "8 +1"), "icmp type 3 icmp code 1" SAYS(1, "9"),
          "icmp type 3 icmp code 3" SAYS(2, "10"), "icmp type 5 icmp code 0" SAYS(4, "12")}},
        {WEB(ANY("icmp/3") ANY("icmp/3.1") ANY("tcp/80-99")),
         {"icmp type 3" SAYS(0, "8 +1"), "tcp dport 80-99" SAYS(2, "10")}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < 5 && rows[i].want[k] != NULL; k++) {
            struct row one = {rows[i].policies, plain_ranges, {rows[i].want[k]}, NULL};
            check_rows(&one, 1);
        }
    }
}

/* ---- the limit ---- */

/* A map of targets, a map of three pods, and four ports of a class: the range is one item, and
 * three more. Behind them come the four selves. */
static void T45_ports_of_a_range_count(void)
{
    static const struct nft_tuning t = {
        .part_sets = MANY, .plain_nets = MANY, EXPAND(4, 4, 1), RANGES(9, 9, 9)};
    check_limit(WEB(DB("tcp/80-83")), &t, false, 12, 7, 7);
    check_limit(WEB(DB("tcp/80-83")), &t, false, 12, 8, 0);
    static const struct nft_tuning unexpanded = {
        .part_sets = MANY, .plain_nets = MANY, EXPAND(1, 4, 1), RANGES(9, 9, 9)};
    check_limit(WEB(DB("tcp/80-83")), &unexpanded, false, 9, 4, 7);
    check_limit(WEB(DB("tcp/80-83")), &unexpanded, false, 9, 5, 0);
}

UNIT_MAIN("nft_union", TEST(ranges), TEST(ranges_of_classes), TEST(comments_name_the_rules),
          TEST(T45_ports_of_a_range_count))
