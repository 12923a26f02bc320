/*
 * Peers, in programs small enough to say by hand: what counts as the outside, who is in a class at
 * all, what rules share, and what the limit counts. Verdicts of all sorts are test_bind.c's.
 */
#include "shop.h"

/* ---- the outside ---- */

static const struct bind_options outside = {.ipblock_external = true};

static void nodes_are_inside(void)
{
    struct compiled c;
    const struct bound *b = bind_shop(&c,
                                      "policy a for pods app=web {"
                                      "  allow from cidr 0.0.0.0/0 on tcp/80 }\n",
                                      "", outside);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT(!is_open(b, DIR_INGRESS, "10.0.0.1", "192.168.0.1", 80));
    CU_ASSERT(is_open(b, DIR_INGRESS, "10.0.0.1", "192.168.0.2", 80));
    CU_ASSERT(!is_open(b, DIR_INGRESS, "10.0.0.1", "192.168.0.3", 80));
    CU_ASSERT(is_open(b, DIR_INGRESS, "10.0.0.1", "0.0.0.0", 80));
    compile_free(&c);
}

/* The same block, once of ipBlock, which means the outside, and once of `networks`. */
static void networks_hold_pods_where_blocks_do_not(void)
{
    struct compiled c;
    const struct bound *b = bind_shop(&c,
                                      "policy a for pods app=web {"
                                      "  allow from cidr 10.0.0.0/24 on tcp/80 }\n",
                                      "cluster policy b in tier admin priority 1 for all namespaces"
                                      " { allow from cidr 10.0.0.0/24 on tcp/22 }\n",
                                      outside);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT(!is_open(b, DIR_INGRESS, "10.0.0.1", "10.0.0.2", 80));
    CU_ASSERT(is_open(b, DIR_INGRESS, "10.0.0.1", "10.0.0.2", 22));
    CU_ASSERT(is_open(b, DIR_INGRESS, "10.0.0.1", "10.0.0.9", 80));
    CU_ASSERT(is_open(b, DIR_INGRESS, "10.0.0.1", "10.0.0.9", 22));
    compile_free(&c);
}

/* ---- who is in a class ---- */

static void only_those_that_a_rule_can_mean(void)
{
    static const struct {
        const char *policies;
        enum direction direction;
        size_t of_family[FAMILIES]; /* classes */
    } rows[] = {
        /* Pods with a port of that name, the others not. */
        {"policy a for pods app=web { allow to all pods in this namespace on tcp/http }\n",
         DIR_EGRESS,
         {1, 1}},
        {"policy a for pods app=web { allow to anywhere on tcp/http }\n", DIR_EGRESS, {1, 1}},
        /* ICMPv6 is no traffic of IPv4. */
        {"policy a for pods app=web { allow from pods app=db on icmp6/128 }\n",
         DIR_INGRESS,
         {0, 1}},
        /* What a policy says that has no pod is no matter. */
        {"policy a for pods app=web { default deny ingress }\n"
         "policy b for pods app=nobody { allow from pods app=db on tcp/80 }\n",
         DIR_INGRESS,
         {0, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct compiled c;
        const struct bound *b = bind_shop(&c, rows[i].policies, "", (struct bind_options){0});
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        for (size_t f = 0; f < FAMILIES; f++) {
            const struct bound_side *s = &b->side[f][rows[i].direction];
            CU_ASSERT_EQUAL(s->ntargets, 1);
            CU_ASSERT_EQUAL(s->npeers, rows[i].of_family[f]);
        }
        compile_free(&c);
    }
}

static void addresses_of_all_classes_rise(void)
{
    struct compiled c;
    const struct bound *b = bind_shop(&c,
                                      "workload more { addr 10.0.0.3 label app=web }\n"
                                      "policy a for all pods {"
                                      "  allow from pods app=web on tcp/80\n"
                                      "  allow from pods app=db on tcp/80 }\n",
                                      "", (struct bind_options){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    struct peer_addresses all = bound_peer_addresses(&c.ctx.arena, &b->side[FAM_IP4][DIR_INGRESS]);
    CU_ASSERT_EQUAL_FATAL(all.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(all.v[i].ip.lo, at("10.0.0.1").ip.lo + i);
        CU_ASSERT_EQUAL(all.v[i].class, i == 1 ? 2 : 1);
    }
    compile_free(&c);
}

/* ---- what rules share, and the limit ---- */

#define BLOCKS "{cidr 10.1.0.0/24, cidr 10.3.0.0/24, cidr 10.5.0.0/24}"

/* No pod has such an address, so rules that only name ports of them allow nothing at all. */
static void T45_equal_blocks_count_once(void)
{
    check_limit("policy a for pods app=web {\n"
                "  allow to " BLOCKS " on tcp/http\n"
                "  allow to " BLOCKS " on udp/dns\n"
                "  allow to " BLOCKS " on tcp/dns\n}\n",
                "", (struct bind_options){0}, 3, 10);
}

/* The first pod is in one set of peers, the second in two. No pod has a port of that name. */
static void T45_memberships_count(void)
{
    check_limit("policy a for pods app=web {\n"
                "  allow from all pods in this namespace on tcp/none\n"
                "  allow from pods app=db on tcp/none\n}\n",
                "", (struct bind_options){0}, 3, 0);
}

/* A name of the same peers is one set of numbers for all rules, whatever their blocks mean: what is
 * too much is what the rules claim with it, at their place. */
static void T45_equal_names_count_once(void)
{
    check_limit("policy a for pods app=web {\n"
                "  allow to pods app=db on tcp/http\n"
                "  allow to all pods in this namespace on tcp/http\n}\n",
                "cluster policy b in tier admin priority 1"
                " for pods app=web in all namespaces {\n"
                "  deny to pods app=db in namespace shop on tcp/http\n"
                "  deny to namespace shop on tcp/http\n}\n",
                outside, 4, 14);
}

UNIT_MAIN("bind_peers", TEST(nodes_are_inside), TEST(networks_hold_pods_where_blocks_do_not),
          TEST(only_those_that_a_rule_can_mean), TEST(addresses_of_all_classes_rise),
          TEST(T45_equal_blocks_count_once), TEST(T45_memberships_count),
          TEST(T45_equal_names_count_once))
