/*
 * Targets and what they are granted, in programs small enough to say by hand: who is a target and
 * with whom, which grants it has, what the limit counts and where it says so.
 */
#include "shop.h"

static const struct bind_options all = {.scope = BIND_ALL};

#define OTHER_WEB "  workload web2 { addr 10.0.0.3 label app=web port http=tcp/80 }\n"

/* ---- targets ---- */

/* Two pods that call other ports by a name are one target, if only a policy of others says it. */
static void told_apart_by_names_of_their_own_policies(void)
{
    struct compiled c;
    const struct bound *b =
        bind_shop(&c,
                  OTHER_WEB "policy a for pods app=db { allow from anywhere on tcp/http }\n"
                            "policy b for pods app=web { default deny ingress }\n",
                  "", all);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 2);
    compile_free(&c);
    b = bind_shop(&c,
                  OTHER_WEB "policy a for pods app=db { allow from anywhere on tcp/http }\n"
                            "policy b for pods app=web { allow from anywhere on tcp/http }\n",
                  "", all);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 3);
    compile_free(&c);
}

/* A policy that has a pod in one family only is no matter in the other. */
static void active_in_its_families_only(void)
{
    struct compiled c;
    const struct bound *b =
        bind_shop(&c,
                  "workload old { addr 10.0.0.3 label app=old }\n"
                  "policy a for pods app=old { allow from pods app=web on tcp/80 }\n"
                  "policy b for pods app=db { default deny ingress }\n",
                  "", all);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 2);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].npeers, 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP6][DIR_INGRESS].ntargets, 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP6][DIR_INGRESS].npeers, 0);
    compile_free(&c);
}

static void host_has_its_addresses(void)
{
    static const struct bind_options host = {
        .scope = BIND_HOST, .host_ns = STR_INIT("shop"), .host = STR_INIT("db")};
    struct compiled c;
    const struct bound *b =
        bind_shop(&c, "policy a for pods app=db { default deny ingress }\n", "", host);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    for (size_t f = 0; f < FAMILIES; f++) {
        CU_ASSERT_EQUAL_FATAL(b->side[f][DIR_INGRESS].ntargets, 1);
        CU_ASSERT_EQUAL(b->side[f][DIR_INGRESS].targets[0].addrs.n, 1);
    }
    compile_free(&c);
}

/* ---- grants ---- */

static void wholly_open_is_no_target(void)
{
    struct compiled c;
    const struct bound *b =
        bind_shop(&c, "",
                  "cluster policy a in tier admin priority 1 for all namespaces {\n"
                  "  allow from pods app=db in namespace shop on tcp/80\n}\n",
                  all);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    for (size_t f = 0; f < FAMILIES; f++) {
        CU_ASSERT_EQUAL(b->side[f][DIR_INGRESS].ntargets, 0);
        CU_ASSERT_EQUAL(b->side[f][DIR_INGRESS].npeers, 0);
    }
    compile_free(&c);
}

/* On egress all targets of a rule have the same grants, once. */
static void targets_of_one_rule_have_its_grants_once(void)
{
    struct compiled c;
    const struct bound *b = bind_shop(&c,
                                      "policy a for all pods { allow to pods app=db on tcp/80 }\n"
                                      "policy b for pods app=db { default deny egress }\n",
                                      "", all);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    const struct bound_side *s = &b->side[FAM_IP4][DIR_EGRESS];
    CU_ASSERT_EQUAL_FATAL(s->ntargets, 2);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(s->targets[i].ngrants, 1);
        CU_ASSERT_PTR_EQUAL(s->targets[i].grants[0], s->targets[0].grants[0]);
    }
    compile_free(&c);
}

/* ---- the limit ---- */

/* Each peer with each range of ports, and the place is that of the first rule that has most. */
static void T45_what_counts_and_where(void)
{
    check_limit("policy a for pods app=web {\n"
                "  allow from {pods app=db, cidr 10.1.0.0/24, cidr 10.3.0.0/24} on tcp/80\n}\n",
                "", all, 3, 10);
    check_limit("policy a for pods app=web {\n"
                "  allow from anywhere on tcp/79\n"
                "  allow from anywhere on {tcp/80, tcp/90}\n"
                "  allow from anywhere on {udp/80, udp/90}\n"
                "  allow from anywhere on udp/79\n}\n",
                "", all, 6, 11);
}

UNIT_MAIN("bind_targets", TEST(told_apart_by_names_of_their_own_policies),
          TEST(active_in_its_families_only), TEST(host_has_its_addresses),
          TEST(wholly_open_is_no_target), TEST(targets_of_one_rule_have_its_grants_once),
          TEST(T45_what_counts_and_where))
