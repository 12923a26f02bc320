/*
 * Ports as bits, word for word: which ports are an atom, which bit it has, who stands in which map,
 * what is left to sets, and when bits are used at all. That they mean the same as keys with ports
 * is test_nft_layouts.c's.
 */
#include "nft_shop.h"

/* All targets share one chain, whose ports are bits. */
static struct nft_tuning masked(void)
{
    struct nft_tuning t = plain;
    t.part_sets = t.mask_saves = 0;
    return t;
}

#define CHECK(policies, want, ...) CHECK_WITH(masked(), policies, want, __VA_ARGS__)

/* The peers' classes: 8010 is n=2, 82a0 web; the targets' values are the same. */
static void a_key_is_one_element(void)
{
    CHECK("policy a for pods app=web {\nallow from pods n=2 on {tcp/80, udp/53}\n"
          "allow from pods n=1 on tcp/443\n}\n"
          "policy b for pods n=1 { allow from pods n=2 on {tcp/80, sctp/7} }\n",
          true,
          "\tmap i_all_bits {\n\t\ttype classid : classid\n\t\tsize 12\n\t\telements = {\n"
          "\t\t\t82a0:8158 : 0:2, 82a0:8010 : 0:5, 8158:8010 : 0:9\n\t\t}\n\t}\n",
          "\tmap i_all_tcp_ports {\n\t\ttype inet_service : verdict\n\t\tsize 12\n"
          "\t\telements = {\n\t\t\t80 : goto i_all_tcp_80, 443 : goto i_all_tcp_443\n",
          "\t\t\t53 : goto i_all_udp_53\n", "\t\t\t7 : goto i_all_sctp_7\n",
          "\t# ingress of all targets\n\tchain i_all {\n"
          "\t\ttcp dport vmap @i_all_tcp_ports\n\t\tudp dport vmap @i_all_udp_ports\n"
          "\t\tsctp dport vmap @i_all_sctp_ports\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +1\"\n\t}\n\n"
          "\tchain i_all_tcp_80 {\n"
          "\t\tmeta priority set meta priority map @i_all_bits "
          "meta priority & 0:1 == 0:1 meta priority set none accept "
          "comment \"shop/a ingress[0] t.npc:8 +1\"\n"
          "\t\tgoto i_denied\n\t}\n\n"
          "\tchain i_all_tcp_443 {\n"
          "\t\tmeta priority set meta priority map @i_all_bits "
          "meta priority & 0:2 == 0:2 meta priority set none accept "
          "comment \"shop/a ingress[1] t.npc:9\"\n"
          "\t\tgoto i_denied\n\t}\n\n"
          "\tchain i_all_udp_53 {\n",
          "meta priority & 0:8 == 0:8 meta priority set none accept "
          "comment \"shop/b ingress[0] t.npc:11\"\n"
          "\t\tgoto i_denied\n\t}\n\n"
          "\tchain i_denied {\n"
          "\t\tgoto npc_deny comment \"shop/a isolates ingress t.npc:7 +1\"\n\t}\n}\n");
}

/* Ranges that overlap are cut where one of them begins or ends; what nobody may use is no atom. */
static void ranges_are_cut(void)
{
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80-99\n"
          "allow from pods n=1 on {tcp/90, tcp/98-101, tcp/1, tcp/65535}\n}\n",
          true, "82a0:8158 : 0:75, 82a0:8010 : 0:1e\n", "80 : goto i_all_tcp_80-89,",
          "89 : goto i_all_tcp_80-89,", "90 : goto i_all_tcp_90,", "91 : goto i_all_tcp_91-97,",
          "97 : goto i_all_tcp_91-97,", "98 : goto i_all_tcp_98-99,", "99 : goto i_all_tcp_98-99,",
          "100 : goto i_all_tcp_100-101,",
          "\t\t\t1 : goto i_all_tcp_1, 80 :", "65535 : goto i_all_tcp_65535\n");
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80-81\n"
          "allow from pods n=1 on tcp/90\n}\n",
          false, "82 : goto", "79 : goto", "89 : goto", "91 : goto", "i_all_udp", "i_open");
}

/* An atom of more ports than that has a rule in their place. */
static void wide_atoms_have_a_rule(void)
{
    struct nft_tuning t = masked();
    t.mask_ports = 3;
    CHECK_WITH(
        t, "policy a for pods app=web { allow from pods n=2 on {tcp/1-3, tcp/11-14, udp/1-4} }\n",
        true, "\t\t\t1 : goto i_all_tcp_1-3, 2 : goto i_all_tcp_1-3, 3 : goto i_all_tcp_1-3\n",
        "\t\ttcp dport vmap @i_all_tcp_ports\n"
        "\t\ttcp dport 11-14 goto i_all_tcp_11-14\n"
        "\t\tudp dport 1-4 goto i_all_udp_1-4\n\t\tgoto npc_deny",
        "\tchain i_all_udp_1-4 {\n\t\tmeta priority set meta priority map @i_all_bits "
        "meta priority & 0:4 == 0:4 ");
    t.most_ranges = 1; /* but not so many */
    CHECK_WITH(t, "policy a for pods app=web { allow from pods n=2 on {tcp/11-14, udp/1-4} }\n",
               false, "i_all_bits");
    t.most_ranges = 2;
    CHECK_WITH(t, "policy a for pods app=web { allow from pods n=2 on {tcp/11-14, udp/1-4} }\n",
               true, "i_all_bits");
}

/* Two targets and three ports are six visits. */
static void most_visits(void)
{
    for (size_t most = 5; most <= 6; most++) {
        struct nft_tuning t = masked();
        struct output o;
        t.mask_visits = most;
        emit_shop(&o,
                  "policy a for pods app=web { allow from pods n=2 on {tcp/1, tcp/3, tcp/5} }\n"
                  "policy b for pods n=1 { allow from pods n=2 on tcp/1 }\n",
                  &t, false, 0);
        CU_ASSERT(o.ok);
        check_holds(&o, "i_all_bits", most == 6);
        output_free(&o);
    }
}

/* What has no port is looked up first, as without bits; a key may have both. */
static void the_rest(void)
{
    CHECK("policy a for pods app=web {\nallow from pods n=2 on {tcp/80, udp/*, icmp/8}\n"
          "allow from pods n=1 on all ports\n}\n"
          "policy b for pods n=1 { allow from pods n=2 on tcp/80 }\n",
          true, "\t\t\t82a0:8010 . 17\n", "\t\t\t82a0:8010 : 0:1, 8158:8010 : 0:1\n",
          "\tchain i_all {\n"
          "\t\tmeta priority . meta l4proto @i_all_protos meta priority set none accept comment",
          "\t\tmeta priority 82a0:8158 meta priority set none accept comment",
          "\t\ticmp type 8 meta priority 82a0:8010 meta priority set none accept comment \"shop/a "
          "ingress[0] t.npc:8\"\n\t\ttcp dport vmap @i_all_tcp_ports\n\t\tgoto npc_deny");
    /* none at all with ports: no bits */
    CHECK("policy a for pods app=web { allow from pods n=2 on {udp/*, icmp/8} }\n", false, "bits",
          "i_denied", "vmap @i_all");
}

/* 31 bits a map: the port says which one is asked. */
static void several_maps(void)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *text = buf_new(&scratch);
    buf_puts(text, "policy a for pods app=web {\nallow from pods n=2 on {tcp/1");
    for (unsigned port = 3; port < 63; port += 2) { /* 1 and 30 more */
        buf_printf(text, ", tcp/%u", port);
    }
    buf_puts(text, "}\nallow from pods n=1 on {tcp/61, tcp/63, tcp/65}\n}\n");
    buf_putc(text, '\0');
    static const char *const parts[] = {
        "\tmap i_all_bits {\n\t\ttype classid : classid\n\t\tsize 12\n\t\telements = {\n"
        "\t\t\t82a0:8158 : 4000:0, 82a0:8010 : 7fff:ffff\n",
        "\tmap i_all_bits_2 {\n\t\ttype classid : classid\n\t\tsize 12\n\t\telements = {\n"
        "\t\t\t82a0:8158 : 0:3\n",
        "\tchain i_all_tcp_61 {\n\t\tmeta priority set meta priority map @i_all_bits "
        "meta priority & 4000:0 == 4000:0 ",
        "\tchain i_all_tcp_63 {\n\t\tmeta priority set meta priority map @i_all_bits_2 "
        "meta priority & 0:1 == 0:1 ",
        "\tchain i_all_tcp_65 {\n\t\tmeta priority set meta priority map @i_all_bits_2 "
        "meta priority & 0:2 == 0:2 "};
    const struct nft_tuning t = masked();
    check_parts(&t, buf_text(text).p, parts, COUNT(parts), true);
    buf_cut(text, text->n - strlen("}\nallow from pods n=1 on {tcp/61, tcp/63, tcp/65}\n}\n") - 1);
    buf_puts(text, "}\n}\n");
    buf_putc(text, '\0');
    static const char *const full = "\t\t\t82a0:8010 : 7fff:ffff\n", *const second = "i_all_bits_2";
    check_parts(&t, buf_text(text).p, &full, 1, true);
    check_parts(&t, buf_text(text).p, &second, 1, false);
    arena_free(&scratch);
}

/* A chain for each atom: not for more than that. */
static void most_atoms(void)
{
    for (unsigned n = 1024; n <= 1025; n++) {
        struct arena scratch;
        arena_init(&scratch, unit_oom, NULL);
        struct buf *text = buf_new(&scratch);
        buf_puts(text, "policy a for pods app=web {\nallow from pods n=1 on tcp/1\n"
                       "allow from pods n=2 on {tcp/1");
        for (unsigned i = 1; i < n; i++) {
            buf_printf(text, ", tcp/%u", 2 * i + 1);
        }
        buf_puts(text, "}\n}\n");
        buf_putc(text, '\0');
        static const char *const parts[] = {
            "\tmap i_all_bits {\n\t\ttype classid : classid\n\t\tsize 12\n\t\telements = {\n"
            "\t\t\t82a0:8158 : 0:1, 82a0:8010 : 7fff:ffff\n",
            "\tmap i_all_bits_2 {\n\t\ttype classid : classid\n\t\tsize 12\n\t\telements = {\n"
            "\t\t\t82a0:8010 : 7fff:ffff\n",
            "\tmap i_all_bits_34 {\n\t\ttype classid : classid\n\t\tsize 12\n\t\telements = {\n"
            "\t\t\t82a0:8010 : 0:1\n"};
        const struct nft_tuning t = masked();
        check_parts(&t, buf_text(text).p, parts, COUNT(parts), n == 1024);
        arena_free(&scratch);
    }
}

/* Only if so many elements are saved. */
static void when_they_pay(void)
{
    static const char policies[] =
        "policy a for pods app=web { allow from pods app=db on {tcp/1, tcp/3, udp/5} }\n"
        "policy b for pods n=1 {\nallow from pods n=2 on {tcp/1, tcp/3, udp/5, sctp/*}\n}\n";
    static const char *const part = "i_all_bits";
    struct nft_tuning t = masked();
    /* 3 keys of 3 ports and a protocol are 10 elements; as bits 3, 3 ports and the protocol 7 */
    t.mask_saves = 3;
    check_parts(&t, policies, &part, 1, true);
    t.mask_saves = 4;
    check_parts(&t, policies, &part, 1, false);
    t.mask_saves = 10; /* all that there are, and one more */
    check_parts(&t, policies, &part, 1, false);
    t.mask_saves = 11;
    check_parts(&t, policies, &part, 1, false);
}

/* Each element counts, and that there are too many is said where the first policy is. */
static void T45_bits_and_ports_count(void)
{
    struct nft_tuning t = masked();
    static const char policies[] =
        "policy a for pods app=web {\nallow from pods n=2 on tcp/1-10\n}\n"
        "policy b for pods n=1 { allow from pods n=2 on {tcp/20, tcp/30} }\n";
    /* maps of 3 targets and of 1 peer; 2 keys, 12 ports; 4 pods that may reach themselves */
    check_limit(policies, &t, false, 22, 21, 0);
    check_limit(policies, &t, false, 22, 17, 7);
    t.mask_ports = 1; /* the range is a rule */
    check_limit(policies, &t, false, 12, 11, 0);
}

/* Rules whose ports have grown together are both named; a rule with several grants once. */
static void whose_atoms_these_are(void)
{
    CHECK("policy a for pods app=web {\nallow from pods n=2 on {tcp/80, udp/*}\n"
          "allow from pods n=2 on tcp/81-82\nallow from pods n=2 on tcp/90\n}\n",
          true, "\tchain i_all_tcp_80-82 {\n",
          "meta priority & 0:1 == 0:1 meta priority set none accept "
          "comment \"shop/a ingress[0] t.npc:8 +1\"\n",
          "meta priority & 0:2 == 0:2 meta priority set none accept "
          "comment \"shop/a ingress[2] t.npc:10\"\n");
    CHECK("workload a1 { addr 10.0.1.1 label a=1 port p=tcp/81 }\n"
          "workload a2 { addr 10.0.1.2 label a=1 port p=tcp/81 port q=tcp/82 }\n"
          "policy a for pods a=1 {\nallow from pods app=web on {tcp/p, tcp/q}\n}\n",
          false, " +");
    CHECK("policy a for pods app=web {\nallow from pods n=2 on tcp/80\n}\n", true,
          "comment \"shop/a ingress[0] t.npc:8\"\n\t\tgoto i_denied\n");
}

/* The side file says which chains ask a map. */
static void maps_know_their_chains(void)
{
    struct output o;
    const struct nft_tuning t = masked();
    emit_shop(&o, "policy a for pods app=web { allow from pods n=2 on {tcp/80, udp/53} }\n", &t,
              false, 0);
    CU_ASSERT(o.ok);
    CU_ASSERT(str_holds(o.map,
                        "\"name\": \"i_all_bits\", \"type\": \"classid : classid\", "
                        "\"elements\": 1, \"chains\": [\"i_all_tcp_80\", \"i_all_udp_53\"]"));
    CU_ASSERT(str_holds(o.map,
                        "\"name\": \"i_all_tcp_ports\", \"type\": \"inet_service : verdict\", "
                        "\"elements\": 1, \"chains\": [\"i_all\"]"));
    output_free(&o);
}

/* Ports for any peer stand behind: the key is not there any more. */
static void open_ports_behind(void)
{
    struct nft_tuning t = masked();
    t.plain_open = 0;
    CHECK_WITH(t,
               "policy a for pods app=web {\nallow from pods n=2 on tcp/80\n"
               "allow from anywhere on tcp/90\n}\n",
               true, "\t\ttcp dport vmap @i_all_tcp_ports\n\t\tgoto i_open\n\t}\n",
               "meta priority & 0:1 == 0:1 meta priority set none accept "
               "comment \"shop/a ingress[0] t.npc:8\"\n\t\tgoto i_open\n\t}\n\n",
               "\tchain i_open {\n\t\tip daddr . tcp dport @i_open_tcp ");
    CHECK_WITH(t,
               "policy a for pods app=web {\nallow from pods n=2 on tcp/80\n"
               "allow from anywhere on tcp/90\n}\n",
               false, "i_denied");
}

/* Egress comes back to the hook, by goto all the way; a key may have an address. */
static void other_keys(void)
{
    CHECK("policy a for pods app=web { allow to pods n=2 on tcp/80 }\n", true,
          "\tchain e_all_tcp_80 {\n\t\tmeta priority set meta priority map @e_all_bits "
          "meta priority & 0:1 == 0:1 meta priority set none return comment",
          "\t\tgoto e_denied\n");
    struct nft_tuning t = masked();
    t.register_targets = 0;
    CHECK_WITH(t, "policy a for pods n=1 { allow from pods n=2 on tcp/80 }\n", true,
               "\t\ttype ipv4_addr . classid : classid\n\t\tsize 12\n\t\telements = {\n"
               "\t\t\t10.0.0.2 . a00:3 : 0:1, 10.0.0.4 . a00:3 : 0:1\n",
               "\t\tmeta priority set ip daddr . meta priority map @i_all_bits "
               "meta priority & 0:1 == 0:1 meta priority set none accept ");
}

UNIT_MAIN("nft_masks", TEST(a_key_is_one_element), TEST(ranges_are_cut),
          TEST(wide_atoms_have_a_rule), TEST(most_visits), TEST(the_rest), TEST(several_maps),
          TEST(most_atoms), TEST(when_they_pay), TEST(T45_bits_and_ports_count),
          TEST(whose_atoms_these_are), TEST(maps_know_their_chains), TEST(open_ports_behind),
          TEST(other_keys))
