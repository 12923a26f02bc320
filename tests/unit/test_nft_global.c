/*
 * One chain for all target classes, word for word: who stands in which set, in which order, what
 * the comments say, and what is not written because nobody needs it. That it means the same as a
 * chain for each is test_nft_layouts.c's.
 */
#include "nft_shop.h"

/* With so few sets allowed that no class has a chain. */
static struct nft_tuning one_chain(void)
{
    struct nft_tuning t = plain;
    t.part_sets = t.most_sets = 0;
    return t;
}

static void check_text(const char *policies, const char *const *parts, size_t n, bool want)
{
    const struct nft_tuning t = one_chain();
    struct output o;
    emit_shop(&o, policies, &t, false, 0);
    CU_ASSERT(o.ok);
    for (size_t i = 0; i < n; i++) {
        check_holds(&o, parts[i], want);
    }
    output_free(&o);
}

#define CHECK(policies, want, ...)                                                                 \
    do {                                                                                           \
        static const char *const parts[] = {__VA_ARGS__};                                          \
        check_text(policies, parts, sizeof parts / sizeof *parts, want);                           \
    } while (0)

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
    CHECK(ALL, true, "\t\t\t10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4\n",
          "\tset i_tcp {\n\t\ttype ipv4_addr . inet_service\n\t\tsize 16\n\t\telements = {\n"
          "\t\t\t10.0.0.2 . 22, 10.0.0.4 . 22\n\t\t}\n\t}\n",
          "\tset i_tcp_2 {\n\t\ttype ipv4_addr . classid . inet_service\n\t\tsize 16\n"
          "\t\telements = {\n\t\t\t10.0.0.1 . a00:2 . 81, 10.0.0.1 . a00:3 . 80, "
          "10.0.0.1 . a01:0 . 90\n\t\t}\n\t}\n",
          "\tchain i_all {\n"
          "\t\tip daddr . tcp dport @i_tcp accept comment \"shop/b ingress[0] t.npc:11\"\n"
          "\t\tip daddr 10.0.0.3 accept comment \"shop/c ingress[0] t.npc:13\"\n"
          "\t\tmeta priority set ip saddr map @i_pod goto i_all_v\n"
          "\t\tmeta priority set ip saddr . meta l4proto map @i_net goto i_all_v\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +3\"\n\t}\n\n"
          "\tchain i_all_v {\n"
          "\t\tip daddr . meta priority . tcp dport @i_tcp_2 meta priority set none accept "
          "comment \"shop/a ingress[0] t.npc:8 +3\"\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +3\"\n\t}\n}\n");
}

/* Chains, maps and elements that nothing would come to. */
static void what_nobody_needs(void)
{
    CHECK("policy a for pods app=web { allow from anywhere on tcp/80 }\n", false, "i_all_v",
          "i_pod", "i_net", " +");
    CHECK("policy a for pods app=web { allow from pods n=2 on tcp/80 }\n", false, "i_net", " +");
    CHECK("policy a for pods app=web { allow from pods n=2 on tcp/80 }\n", true,
          "map @i_pod goto i_all_v\n", "\tchain i_all_v {\n");
    CHECK("policy a for pods app=web { allow from cidr 10.1.0.0/24 on tcp/80 }\n", false, "i_pod");
    CHECK("policy a for pods app=web { allow from cidr 10.1.0.0/24 on tcp/80 }\n", true,
          "map @i_net goto i_all_v\n", "\tchain i_all_v {\n");
}

/* Ports of two rules that are one range, which neither has: both may have made it. A set is of the
 * rules that have what is in it. */
static void whose_rules_these_are(void)
{
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80\n"
          "allow from pods n=2 on tcp/81\n}\n",
          true,
          "tcp dport 80-81 ip daddr . meta priority @i_tcp_80-81 meta priority set none accept "
          "comment \"shop/a ingress[0] t.npc:8 +1\"\n");
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80\n"
          "allow from pods n=2 on icmp/0.0\n}\n",
          true, "comment \"shop/a ingress[0] t.npc:8\"\n",
          "comment \"shop/a ingress[1] t.npc:9\"\n");
}

/* Types that are all of ICMP together, half of them from each of two rules. */
static void halves_that_are_a_protocol(void)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *text = buf_new(&scratch);
    buf_puts(text, "policy a for pods app=web {\nallow from pods n=2 on {icmp/0");
    for (unsigned type = 1; type < 256; type++) {
        buf_printf(text, type == 128 ? "}\nallow from pods n=2 on {icmp/%u" : ", icmp/%u", type);
    }
    buf_puts(text, "}\n}\n");
    static const char *const rule = "\t\tip daddr . meta priority . meta l4proto @i_protos "
                                    "meta priority set none accept "
                                    "comment \"shop/a ingress[0] t.npc:8 +1\"\n";
    buf_putc(text, '\0');
    check_text(buf_text(text).p, &rule, 1, true);
    arena_free(&scratch);
}

/* nft takes ranges of a key with a class only in a command of their own. */
static void ranges_stand_behind(void)
{
    struct nft_tuning t = one_chain();
    t.plain_ranges = t.range_elements = t.most_ranges = 0;
    struct output o;
    emit_shop(&o, "policy a for pods app=web { allow from pods n=2 on tcp/80-99 }\n", &t, false, 0);
    CU_ASSERT(o.ok);
    check_holds(&o, "}\nadd element ip npc i_tcp_ranges {\n\t\t\t10.0.0.1 . a00:3 . 80-99\n}\n",
                true);
    output_free(&o);
}

/* Three targets and four peers: 3 + 4 elements say who they are, 12 who may do what on each of two
 * protocols, and 7 that a pod may reach itself. Where the 9 pairs of a target and a class of peers
 * are too many, that is said before they are made. */
static void limits(void)
{
    static const char policies[] =
        "workload x { addr 10.0.0.11 label app=web }\nworkload y { addr 10.0.0.12 label app=web }\n"
        "workload z { addr 10.0.0.13 label z=1 }\n"
        "policy a for pods app=web {\nallow from pods n=1 on tcp/80\n"
        "allow from pods n=2 on udp/80\nallow from pods z=1 on {udp/81, tcp/81}\n}\n";
    static const struct {
        size_t limit;
        const char *said; /* NULL: enough */
    } rows[] = {{26, NULL},
                {25, "expand to 26 set elements or more; the limit is 25"},
                {9, "expand to 19 set elements or more; the limit is 9"},
                {8, "expand to 16 set elements or more; the limit is 8"},
                {7, "expand to 16 set elements or more; the limit is 7"}};
    const struct nft_tuning t = one_chain();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct output o;
        emit_shop(&o, policies, &t, false, rows[i].limit);
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
    /* What any peer may do does not fit already. */
    check_limit("policy a for all pods {\nallow from anywhere on tcp/80\n"
                "allow from pods n=2 on tcp/81\n}\n",
                &t, false, 17, 8, 0);
    /* Nor who the targets and their peers are. */
    check_limit("policy a for all pods { allow from {pods app=web, pods app=db} on tcp/80 }\n", &t,
                false, 99, 7, 0);
}

UNIT_MAIN("nft_global", TEST(all_targets_in_one_chain), TEST(what_nobody_needs),
          TEST(whose_rules_these_are), TEST(halves_that_are_a_protocol), TEST(ranges_stand_behind),
          TEST(limits))
