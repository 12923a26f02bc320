/*
 * What binding makes of cluster policies, grant by grant, beside what was worked out by hand. That
 * it is right is shown by random worlds (test_bind.c); here it is shown to be what one would write.
 */
#include "compile.h"
#include "memory.h"

#define POD(name, ns, last)                                                                        \
    "namespace " ns " { workload " name " { addr 10.0.0." last " label app=" name " } }\n"

static const char inventory[] = POD("web", "shop", "1") POD("db", "shop", "2")
    POD("monitor", "tools", "3") POD("other", "lab", "4") "node n1 { addr 192.168.0.1 }\n";

/* ---- the bound form as text ---- */

static void put_ports(struct buf *b, enum family f, struct portset s)
{
    if (bind_ports_are_all(f, s)) {
        buf_puts(b, " all");
        return;
    }
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        for (size_t i = 0; i < s.keys[p].n; i++) {
            struct port_range r = s.keys[p].v[i];
            if (port_ranges_are_all(s.keys[p])) {
                buf_printf(b, " %s/*", proto_name(p));
            } else if (r.first == r.last) {
                buf_printf(b, " %s/%u", proto_name(p), r.first);
            } else {
                buf_printf(b, " %s/%u-%u", proto_name(p), r.first, r.last);
            }
        }
    }
    buf_puts(b, s.other ? " other" : "");
}

static void put_range(struct buf *b, enum family f, struct ip_range r)
{
    buf_putc(b, ' ');
    ip_print(b, f, r.first);
    if (ip_cmp(r.first, r.last) != 0) {
        buf_putc(b, '-');
        ip_print(b, f, r.last);
    }
}

/* "metrics[0]: 10.0.0.3 on tcp/9090": addresses of classes in braces, and nets. */
static void put_grant(struct buf *b, const struct bound_side *side, const struct grant *g)
{
    buf_str(b, g->policy->origin->name);
    if (g->rule->index == GRANT_BY_DEFAULT) {
        buf_puts(b, " default:");
    } else {
        buf_printf(b, "[%zu]:", g->rule->index);
    }
    buf_puts(b, g->any_peer ? " any" : "");
    for (size_t i = 0; i < g->classes.n; i++) {
        const struct addr_list *l = &side->peers[g->classes.v[i] - 1].addrs;
        buf_puts(b, " {");
        for (size_t k = 0; k < l->n; k++) {
            put_range(b, FAM_IP4, (struct ip_range){l->v[k], l->v[k]});
        }
        buf_puts(b, " }");
    }
    for (size_t i = 0; i < g->nets.n; i++) {
        put_range(b, FAM_IP4, g->nets.v[i]);
    }
    buf_puts(b, " on");
    put_ports(b, FAM_IP4, g->ports);
    buf_putc(b, '\n');
}

static void put_target(struct buf *b, const struct bound_side *side, const struct target_class *t)
{
    ip_print(b, FAM_IP4, t->addrs.v[0]);
    for (size_t i = 0; i < t->npolicies; i++) {
        buf_puts(b, i == 0 ? " by " : ", ");
        buf_str(b, t->policies[i]->origin->name);
    }
    buf_putc(b, '\n');
    for (size_t i = 0; i < t->ngrants; i++) {
        buf_puts(b, "  ");
        put_grant(b, side, t->grants[i]);
    }
}

/* The policies, bound to the inventory above; NULL if they were refused. */
static const struct bound *bind_text(struct compiled *c, struct arena *scratch,
                                     const char *policies)
{
    static const struct bind_options options = {.scope = BIND_ALL};
    arena_init(scratch, unit_oom, NULL);
    struct buf *text = buf_new(scratch);
    buf_printf(text, "npc 1\n%s%s", inventory, policies);
    compile_load(c, "t.npc", buf_text(text));
    return c->loaded ? bind_program(&c->ctx, &c->program, &options) : NULL;
}

/* Compares the IPv4 targets of one direction. */
static void check_bound(const char *policies, enum direction d, const char *want)
{
    struct arena scratch;
    struct compiled c;
    const struct bound *b = bind_text(&c, &scratch, policies);
    CU_ASSERT_PTR_NOT_NULL(b);
    struct buf *got = buf_new(&c.ctx.arena);
    for (size_t i = 0; b != NULL && i < b->side[FAM_IP4][d].ntargets; i++) {
        put_target(got, &b->side[FAM_IP4][d], &b->side[FAM_IP4][d].targets[i]);
    }
    bool equal = str_is(buf_text(got), want);
    CU_ASSERT(equal);
    if (!equal) {
        printf("\n" STR_FMT "wanted:\n%s\ngot:\n" STR_FMT "\n", STR_ARG(compile_messages(&c)), want,
               STR_ARG(buf_text(got)));
    }
    compile_free(&c);
    arena_free(&scratch);
}

#define CLUSTER(name, tier, priority, target, body)                                                \
    "cluster policy " name " in tier " tier " priority " priority " for " target " { " body " }\n"

/* ---- what decides ---- */

static void deny_leaves_a_hole(void)
{
    check_bound(CLUSTER("a", "admin", "1", "namespaces kubernetes.io/metadata.name=shop",
                        "deny to cidr 169.254.169.254/32 on all ports"),
                DIR_EGRESS,
                "10.0.0.1 by a\n"
                "  a default: 0.0.0.0-169.254.169.253 169.254.169.255-255.255.255.255 on all\n");
}

/* What holds for every peer is granted to any: no hole is cut at the other ports. */
static void deny_of_ports(void)
{
    check_bound(CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                        "deny from pods app=other in all namespaces on tcp/22"),
                DIR_INGRESS,
                "10.0.0.1 by a\n"
                "  a default: any on tcp/0-21 tcp/23-65535 udp/* sctp/* icmp/* other\n"
                "  a default: 0.0.0.0-10.0.0.3 10.0.0.5-255.255.255.255 on tcp/22\n");
}

static void pass_goes_to_the_policies_of_the_namespace(void)
{
    check_bound(
        CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                "pass from pods app=monitor in all namespaces on all ports "
                "deny from all pods in all namespaces on all ports")
            CLUSTER(
                "b", "baseline", "1", "all namespaces",
                "deny from anywhere on all ports") "namespace shop { policy web for pods app=web { "
                                                   "allow from anywhere on tcp/80 } }\n",
        DIR_INGRESS,
        "10.0.0.1 by a, web\n"
        "  web[0]: { 10.0.0.3 } 0.0.0.0-10.0.0.0 10.0.0.3 10.0.0.5-255.255.255.255 on tcp/80\n"
        "10.0.0.2 by b\n");
}

static void lower_priority_first_port_by_port(void)
{
    check_bound(CLUSTER("b", "admin", "2", "pods app=web in all namespaces",
                        "deny from all nodes on tcp/1-100")
                    CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                            "allow from all nodes on tcp/90-110")
                        CLUSTER("c", "baseline", "1", "pods app=web in all namespaces",
                                "deny from anywhere on all ports"),
                DIR_INGRESS,
                "10.0.0.1 by a, b, c\n"
                "  a[0]: 192.168.0.1 on tcp/90-110\n");
}

static void declared_tiers(void)
{
    check_bound(
        "tier gold order 5\ntier lead order 2000000\n" CLUSTER("l", "lead", "1", "all namespaces",
                                                               "allow from all nodes on all ports "
                                                               "deny from anywhere on all ports")
            CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                    "allow from all nodes on tcp/22")
                CLUSTER("g", "gold", "9", "pods app=web in all namespaces",
                        "deny from all nodes on tcp/22") "namespace shop { policy db for pods "
                                                         "app=db { default deny ingress } }\n",
        DIR_INGRESS,
        "10.0.0.1 by g, a, l\n"
        "  l[0]: 192.168.0.1 on tcp/0-21 tcp/23-65535 udp/* sctp/* icmp/* other\n"
        "10.0.0.2 by db\n"
        "10.0.0.3 by l\n"
        "  l[0]: 192.168.0.1 on all\n");
}

/* A rule for what an earlier one has allowed adds nothing; one that adds something grants the rest
 * of its ports again, so that its peers need not be told apart. */
static void allowances_overlap(void)
{
    check_bound(
        CLUSTER(
            "a", "admin", "1", "pods app=web in all namespaces",
            "allow from pods app=monitor in all namespaces on all ports") "namespace shop { policy "
                                                                          "web for pods app=web { "
                                                                          "allow from anywhere on "
                                                                          "tcp/80 allow from pods "
                                                                          "app=monitor in all "
                                                                          "namespaces on tcp/9090 "
                                                                          "} }\n",
        DIR_INGRESS,
        "10.0.0.1 by a, web\n"
        "  a[0]: { 10.0.0.3 } on all\n"
        "  web[0]: any on tcp/80\n");
}

/* ---- what is no target ---- */

static void open_pods_are_no_targets(void)
{
    check_bound(
        CLUSTER("a", "admin", "1", "all namespaces", "allow from anywhere on all ports")
            CLUSTER("b", "baseline", "1", "all namespaces",
                    "deny from anywhere on all ports") "namespace shop { policy web for pods "
                                                       "app=web { default deny ingress } }\n",
        DIR_INGRESS, "");
    check_bound(CLUSTER("a", "admin", "1", "all namespaces",
                        "pass from anywhere on all ports deny from anywhere on all ports"),
                DIR_INGRESS, "");
    check_bound(CLUSTER("a", "admin", "1", "all namespaces", "deny to anywhere on all ports"),
                DIR_INGRESS, "");
}

/* ---- limits ---- */

/* Claims and cells count as elements do: one port more in each of two policies. */
static void T45_npc605_cells(void)
{
    struct compiled c;
    compile_load(&c, "t.npc",
                 STR(POD("web", "shop", "1") POD("db", "shop", "2")
                         CLUSTER("a", "admin", "1", "all namespaces",
                                 "deny from pods app=web in all namespaces on tcp/1 "
                                 "deny from pods app=db in all namespaces on tcp/2 "
                                 "deny from anywhere on tcp/3")));
    CU_ASSERT(c.loaded);
    struct bind_options options = {.max_elements = 5};
    CU_ASSERT_PTR_NULL(bind_program(&c.ctx, &c.program, &options));
    CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC605), 1);
    options.max_elements = 1000;
    CU_ASSERT_PTR_NOT_NULL(bind_program(&c.ctx, &c.program, &options));
    compile_free(&c);
}

/* The fewest elements that a policy can be bound with. */
static size_t least_elements(const char *text)
{
    struct compiled c;
    compile_load(&c, "t.npc", str_of(text));
    CU_ASSERT_FATAL(c.loaded);
    struct bind_options options = {.max_elements = 1};
    while (options.max_elements < 1000 && bind_program(&c.ctx, &c.program, &options) == NULL) {
        options.max_elements++;
    }
    compile_free(&c);
    return options.max_elements;
}

/* A port that the target has no name for is nothing to decide about. */
static void names_that_are_none(void)
{
#define NAMELESS(more)                                                                             \
    POD("web", "shop", "1")                                                                        \
    POD("db", "shop", "2")                                                                         \
    CLUSTER("a", "admin", "1", "all namespaces",                                                   \
            "deny from pods app=web in all namespaces on tcp/1 "                                   \
            "deny from pods app=db in all namespaces on tcp/2 " more)
    size_t least = least_elements(NAMELESS(""));
    CU_ASSERT(least > 1 && least < 1000);
    CU_ASSERT_EQUAL(least_elements(NAMELESS("deny from anywhere on tcp/none")), least);
}

/* Nobody is matched: what that means depends on the action. */
static void npc603_says_what_is_not_done(void)
{
    struct compiled c;
    compile_load(
        &c, "t.npc",
        STR(POD("web", "shop", "1") CLUSTER("a", "admin", "1", "all namespaces",
                                            "deny from all nodes on tcp/1 "
                                            "pass from pods app=none in all namespaces on tcp/2")));
    static const struct bind_options options = {.scope = BIND_ALL};
    CU_ASSERT_PTR_NOT_NULL(bind_program(&c.ctx, &c.program, &options));
    CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC603), 2);
    CU_ASSERT(str_holds(compile_messages(&c), "it denies nothing now"));
    CU_ASSERT(str_holds(compile_messages(&c), "it passes nothing now"));
    compile_free(&c);
}

/* ---- shares ---- */

#define SHOP_DB "pods app=db in all namespaces"

/* Pods that an earlier rule denies are no part of networks: at their ends, and in each of them. */
static void holes_in_networks(void)
{
    check_bound(CLUSTER("a", "admin", "1", SHOP_DB,
                        "deny from {pods app=web in all namespaces, pods app=other in all "
                        "namespaces} on tcp/80 "
                        "allow from {cidr 10.0.0.0/31, cidr 10.0.0.4/30} on tcp/80 "
                        "deny from anywhere on all ports"),
                DIR_INGRESS,
                "10.0.0.2 by a\n"
                "  a[1]: 10.0.0.0 10.0.0.5-10.0.0.7 on tcp/80\n");
    check_bound(CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                        "deny from " SHOP_DB " on tcp/80 "
                        "deny from pods app=other in all namespaces on all ports "
                        "allow from cidr 10.0.0.0/24 on tcp/80 "
                        "allow from cidr 10.0.0.0/24 on tcp/81 "
                        "deny from anywhere on all ports"),
                DIR_INGRESS,
                "10.0.0.1 by a\n"
                "  a[2]: { 10.0.0.1 10.0.0.3 } 10.0.0.0-10.0.0.1 10.0.0.3 10.0.0.5-10.0.0.255"
                " on tcp/80\n"
                "  a[3]: { 10.0.0.1 10.0.0.3 } { 10.0.0.2 } 10.0.0.0-10.0.0.3 10.0.0.5-10.0.0.255"
                " on tcp/81\n");
    check_bound(CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                        "deny from " SHOP_DB " on tcp/80 "
                        "allow from cidr 10.0.0.2/32 on tcp/80 "
                        "deny from anywhere on all ports"),
                DIR_INGRESS, "10.0.0.1 by a\n");
}

/* What was allowed before joins, so that networks stay whole. */
static void allowed_before_joins(void)
{
    check_bound(CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                        "allow from " SHOP_DB " on tcp/80 "
                        "allow from cidr 10.0.0.0/24 on tcp/80 "
                        "deny from anywhere on all ports"),
                DIR_INGRESS,
                "10.0.0.1 by a\n"
                "  a[0]: { 10.0.0.2 } on tcp/80\n"
                "  a[1]: { 10.0.0.1 10.0.0.3 10.0.0.4 } { 10.0.0.2 } 10.0.0.0-10.0.0.255"
                " on tcp/80\n");
    check_bound(CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                        "allow from cidr 0.0.0.0/0 on tcp/80 deny from anywhere on all ports"),
                DIR_INGRESS,
                "10.0.0.1 by a\n"
                "  a[0]: any on tcp/80\n");
}

/* A policy that says nothing in a direction is not asked there, and says nothing by default. */
static void asked_in_its_directions(void)
{
    check_bound("namespace shop { policy n for pods app=web { default deny ingress } }\n" CLUSTER(
                    "a", "admin", "1", "pods app=web in all namespaces",
                    "deny to cidr 10.9.0.0/16 on all ports")
                    CLUSTER("b", "admin", "2", "pods app=web in all namespaces",
                            "allow from " SHOP_DB " on tcp/80"),
                DIR_EGRESS,
                "10.0.0.1 by a\n"
                "  a default: 0.0.0.0-10.8.255.255 10.10.0.0-255.255.255.255 on all\n");
    check_bound("namespace shop { policy n for pods app=web { default deny ingress } }\n" CLUSTER(
                    "a", "admin", "1", "pods app=web in all namespaces",
                    "deny to cidr 10.9.0.0/16 on all ports")
                    CLUSTER("b", "admin", "2", "pods app=web in all namespaces",
                            "allow from " SHOP_DB " on tcp/80"),
                DIR_INGRESS,
                "10.0.0.1 by b, n\n"
                "  b[0]: { 10.0.0.2 } on tcp/80\n");
}

/* NetworkPolicies that allow everything leave nothing to decide. */
static void open_by_network_policies(void)
{
    check_bound("namespace shop { policy n for pods app=web { allow from anywhere on all ports } "
                "}\n" CLUSTER("a", "admin", "1", "pods app=web in all namespaces",
                              "pass from " SHOP_DB " on tcp/80"),
                DIR_INGRESS, "");
}

/* What is equal is one grant, although a target without tiers, whose ports have another key, was
 * bound between the two. */
static void equal_grants_are_one(void)
{
    static const char policies[] =
        "cluster policy deny in tier admin priority 9 for pods app in {web, monitor} in all "
        "namespaces"
        " { deny from anywhere on all ports }\n"
        "cluster policy both in tier admin priority 1 for pods app in {web, monitor} in all "
        "namespaces"
        " { allow from pods app=other in all namespaces on tcp/80 }\n"
        "cluster policy one in tier admin priority 2 for pods app=web in all namespaces"
        " { allow from pods app=other in all namespaces on udp/53 }\n"
        "namespace shop { policy db for pods app=db { allow from anywhere on udp/53 } }\n";
    struct arena scratch;
    struct compiled c;
    const struct bound *b = bind_text(&c, &scratch, policies);
    CU_ASSERT_FATAL(c.loaded);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    const struct bound_side *side = &b->side[FAM_IP4][DIR_INGRESS];
    CU_ASSERT_EQUAL_FATAL(side->ntargets, 3);
    const struct target_class *web = &side->targets[0], *monitor = &side->targets[2];
    CU_ASSERT_EQUAL_FATAL(web->ngrants, 2);
    CU_ASSERT_EQUAL_FATAL(monitor->ngrants, 1);
    CU_ASSERT(web->grants[0] == monitor->grants[0] || web->grants[1] == monitor->grants[0]);
    compile_free(&c);
    arena_free(&scratch);
}

/* What it takes to decide about a target is given back before the next one. */
static void targets_one_by_one(void)
{
    enum { TARGETS = 40 };
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *text = buf_new(&scratch);
    buf_puts(text, "namespace shop {\n");
    for (size_t i = 0; i < TARGETS; i++) {
        buf_printf(text, "workload w%zu { addr 10.0.0.%zu label n=%zu }\n", i, i + 1, i);
    }
    buf_puts(text, "}\n");
    for (size_t i = 0; i < TARGETS; i++) {
        buf_printf(
            text,
            "cluster policy p%zu in tier admin priority %zu for pods n=%zu in all namespaces "
            "{ deny from pods n=0 in all namespaces on tcp/80 }\n",
            i, i, i);
    }
    struct compiled c;
    compile_load(&c, "t.npc", buf_text(text));
    CU_ASSERT_FATAL(c.loaded);
    static const struct bind_options options = {.scope = BIND_ALL};
    struct memory m;
    memory_watch(&m, &c.ctx.arena);
    const struct bound *b = bind_program(&c.ctx, &c.program, &options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, TARGETS);
    memory_check(&m, TARGETS);
    compile_free(&c);
    arena_free(&scratch);
}

UNIT_MAIN("bind tiers", TEST(deny_leaves_a_hole), TEST(deny_of_ports),
          TEST(pass_goes_to_the_policies_of_the_namespace), TEST(lower_priority_first_port_by_port),
          TEST(declared_tiers), TEST(allowances_overlap), TEST(open_pods_are_no_targets),
          TEST(T45_npc605_cells), TEST(npc603_says_what_is_not_done), TEST(holes_in_networks),
          TEST(allowed_before_joins), TEST(asked_in_its_directions), TEST(open_by_network_policies),
          TEST(equal_grants_are_one), TEST(targets_one_by_one), TEST(names_that_are_none))
