/*
 * Who is an endpoint of a world and where: templates whose pods are there, workloads that policies
 * tell apart by their addresses, nodes; what is refused, and what is never filtered.
 */
#include "world_text.h"

static const struct world_options plain;

/* ---- templates ---- */

struct controlled {
    const char *name, *owner, *hash;
    enum workload_kind kind;
    bool there; /* of a template */
};

static void check_templates(const struct controlled *rows, size_t n)
{
    struct ctx ctx;
    struct program program;
    ctx_init(&ctx, unit_oom, NULL);
    program_init(&program, &ctx);
    struct arena *a = &ctx.arena;
    struct workload **made = ARENA_NEW_ARRAY(a, n, struct workload *);
    for (size_t i = 0; i < n; i++) {
        struct label *hash = ARENA_NEW(a, struct label);
        *hash = (struct label){.key = STR("pod-template-hash"), .value = str_of(rows[i].hash)};
        made[i] = ARENA_NEW(a, struct workload);
        *made[i] = (struct workload){.kind = rows[i].kind,
                                     .ns = {rows[i].name, 1},
                                     .name = str_of(rows[i].name),
                                     .owner = str_of(rows[i].owner),
                                     .labels = {hash, rows[i].hash[0] != '\0'}};
        vec_push(a, &program.inv.workloads, made[i]);
    }
    CU_ASSERT_FATAL(inventory_finish(&ctx, &program.inv));
    const struct world *w = world_new(&ctx, &program, &plain, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(world_find_workload(w, a, made[i]).n, rows[i].there);
        if ((world_find_workload(w, a, made[i]).n > 0) != rows[i].there) {
            printf("\n%s\n", rows[i].name);
        }
    }
    ctx_free(&ctx);
}

/* The first letter of a name is that of its namespace. A template is there unless its pods are, or
 * the template that it was made from. */
static void templates(void)
{
    static const struct controlled rows[] = {
        {"a-a-web", "Deployment/web", "", WL_TEMPLATE, true}, /* the first of all */
        {"a-web-5d9", "ReplicaSet/web-5d9", "5d9", WL_TEMPLATE, false},
        {"a-lone-77", "ReplicaSet/lone-77", "77", WL_TEMPLATE, true},
        {"a-api", "Deployment/api", "", WL_TEMPLATE, false},
        {"a-api-8c", "ReplicaSet/api-8c", "8c", WL_TEMPLATE, false},
        {"a-pod", "ReplicaSet/api-8c", "8c", WL_POD, true},
        {"a-set", "StatefulSet/db", "", WL_TEMPLATE, false},
        {"a-set-0", "StatefulSet/db", "", WL_POD, true},
        {"a-naked", "", "", WL_POD, true},
        {"b-api", "Deployment/api", "", WL_TEMPLATE, true},
        {"b-api-8c", "ReplicaSet/api-8c", "8c", WL_TEMPLATE, false},
        {"b-set", "StatefulSet/db", "", WL_TEMPLATE, true},
    };
    check_templates(rows, sizeof rows / sizeof *rows);
    static const struct controlled one[] = {
        {"a-aaa", "ReplicaSet/api-8c", "8c", WL_POD, true}, /* the first of all */
        {"a-api", "Deployment/api", "", WL_TEMPLATE, false},
    };
    check_templates(one, 2);
}

/* ---- places ---- */

static const struct workload *find(const struct compiled *c, const char *name)
{
    for (size_t i = 0; i < c->program.inv.workloads.n; i++) {
        if (str_is(c->program.inv.workloads.v[i]->name, name)) {
            return c->program.inv.workloads.v[i];
        }
    }
    return NULL;
}

static const char apart[] = "namespace shop {\n"
                            "workload db { addr 10.0.0.9 addr fd00::9 label app=db }\n"
                            "workload web { addr 10.0.0.1 addr 10.9.0.1 addr 10.9.0.2 addr fd00::1 "
                            "label app=web }\n"
                            "policy a for pods app=db { allow from cidr 10.9.0.0/16 on tcp/80 }\n"
                            "}\n"
                            "node n1 { addr 192.168.0.1 }\nnode n2 { addr 10.9.0.7 }\n";

/* A workload whose addresses some policy tells apart is in a class for each sort, by family. */
static void addresses_told_apart(void)
{
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc", apart, &plain);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    struct places p = world_find_workload(w, &c.ctx.arena, find(&c, "web"));
    CU_ASSERT_EQUAL_FATAL(p.n, 3);
    static const struct {
        const char *at;
        size_t naddrs;
        bool has[FAMILIES];
    } rows[] = {
        {"10.0.0.1", 1, {true, false}},
        {"10.9.0.1", 2, {true, false}},
        {"10.9.0.2", 2, {true, false}},
        {"fd00::1", 1, {false, true}},
    };
    for (size_t i = 0; i < 4; i++) {
        uint32_t id = class_at(w, rows[i].at);
        CU_ASSERT_FATAL(id < w->nclasses);
        const struct endpoint_class *class = &w->classes[id];
        CU_ASSERT(class->kind == EP_WORKLOAD && class->nmembers == 1);
        CU_ASSERT_EQUAL(class->members[0].naddrs, rows[i].naddrs);
        CU_ASSERT(class->has[0] == rows[i].has[0] && class->has[1] == rows[i].has[1]);
        size_t places = 0;
        for (size_t k = 0; k < p.n; k++) {
            places += p.v[k].class_id == id && p.v[k].member == 0;
        }
        CU_ASSERT_EQUAL(places, 1);
    }
    p = world_find_workload(w, &c.ctx.arena, find(&c, "db"));
    CU_ASSERT_EQUAL_FATAL(p.n, 1);
    CU_ASSERT(class_at(w, "10.0.0.9") == p.v[0].class_id &&
              class_at(w, "fd00::9") == p.v[0].class_id);
    CU_ASSERT_EQUAL(w->classes[p.v[0].class_id].members[0].naddrs, 0);
    compile_free(&c);
}

static void nodes_have_places(void)
{
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc", apart, &plain);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    static const char *const at[] = {"192.168.0.1", "10.9.0.7"};
    for (size_t i = 0; i < 2; i++) {
        const struct node_object *n = c.program.inv.nodes.v[i];
        struct places p = world_find_node(w, &c.ctx.arena, n);
        CU_ASSERT_EQUAL_FATAL(p.n, 1);
        CU_ASSERT_EQUAL(class_at(w, at[i]), p.v[0].class_id);
        CU_ASSERT_PTR_EQUAL(w->classes[p.v[0].class_id].members[p.v[0].member].node, n);
    }
    static const struct node_object stranger = {.name = STR_INIT("n1")};
    CU_ASSERT_EQUAL(world_find_node(w, &c.ctx.arena, &stranger).n, 0);
    compile_free(&c);
}

/* What tells them apart are the networks of a cluster policy; a block means the outside. */
static void addresses_told_apart_by_networks(void)
{
    static const struct world_options outside = {.ipblock_external = true};
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc",
                                     "namespace shop {\n"
                                     "workload web { addr 10.0.0.1 addr 10.9.0.1 label app=web }\n"
                                     "policy a for pods app=web {"
                                     " allow from cidr 10.9.0.0/24 on tcp/80 }\n}\n"
                                     "cluster policy b in tier admin priority 1 for all namespaces"
                                     " { allow from cidr 10.9.0.0/16 on tcp/22 }\n",
                                     &outside);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    static const char *const at[] = {"10.0.0.1", "10.9.0.1"};
    for (size_t i = 0; i < 2; i++) {
        uint32_t id = class_at(w, at[i]);
        CU_ASSERT_FATAL(id < w->nclasses);
        CU_ASSERT_EQUAL(w->classes[id].members[0].naddrs, 1);
    }
    compile_free(&c);
}

/* Ranges of either family, and none where all addresses are somebody's. */
static void ranges_are_of_strangers(void)
{
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc",
                                     "namespace shop {\n"
                                     "workload web { addr 10.0.0.1 addr fd00::1 label app=web }\n"
                                     "policy a for pods app=web {"
                                     " allow from cidr 10.0.0.1/32 on tcp/80"
                                     " allow from cidr fd00::/64 on tcp/81 }\n}\n",
                                     &plain);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    size_t ranges = 0;
    for (size_t i = 0; i < w->nclasses; i++) {
        ranges += w->classes[i].kind == EP_RANGE;
    }
    CU_ASSERT_EQUAL(ranges, 3);
    CU_ASSERT_EQUAL(w->classes[class_at(w, "10.0.0.2")].family, FAM_IP4);
    CU_ASSERT_EQUAL(w->classes[class_at(w, "fd00::2")].family, FAM_IP6);
    CU_ASSERT_EQUAL(w->classes[class_at(w, "fd01::2")].family, FAM_IP6);
    compile_free(&c);
}

/* ---- what is refused ---- */

static void refused(void)
{
    static const struct {
        const char *text;
        enum diag_id id;
    } rows[] = {
        {"namespace a { workload x { addr 10.0.0.1 } workload y { addr 10.0.0.1 } }\n",
         DIAG_NPC602},
        {"namespace a { workload x { addr fd00::1 } workload y { addr fd00::1 } }\n", DIAG_NPC602},
        {"cluster policy c in tier admin priority 1 for all namespaces {\n"
         "allow to domain \"example.com\" on tcp/443 }\n",
         DIAG_NPC406},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct compiled c;
        CU_ASSERT_PTR_NULL(world_of(&c, "t.npc", rows[i].text, &plain));
        CU_ASSERT_EQUAL(count_diags(&c, rows[i].id), 1);
        compile_free(&c);
    }
}

/* Where they are left out, a domain is nobody that is there: neither what is allowed to it nor what
 * is denied to it is about another pod. */
static void domains_left_out(void)
{
    static const struct world_options options = {.without_domains = true};
    static const char text[] =
        "namespace a { workload x { addr 10.0.0.1 } workload y { addr 10.0.0.2 } }\n"
        "cluster policy c in tier admin priority 1 for all namespaces {\n"
        "allow to domain \"a.example\" on tcp/443\n"
        "deny to domain \"b.example\" on tcp/80\n"
        "deny to all namespaces on tcp/443 }\n";
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc", text, &options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    struct traffic t = world_traffic(w, class_at(w, "10.0.0.1"), class_at(w, "10.0.0.2"));
    struct portset ports = traffic_ports(w->traffic, FAM_IP4, t.of[FAM_IP4]);
    CU_ASSERT(!portset_has(ports, PROTO_TCP, 443));
    CU_ASSERT(portset_has(ports, PROTO_TCP, 80));
    CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC406), 0);
    compile_free(&c);
}

/* ---- one machine ---- */

/* The others keep out of its class, and out of each other's where policies tell them apart,
 * whatever the numbers of their groups. Nobody has an address, so that only their groups tell them
 * apart. */
static void machine_is_alone(void)
{
    static const char text[] =
        "namespace a {\n"
        "workload a { label app=a } workload b { label app=b } workload c { label app=c }\n"
        "workload m { label app=m }\n"
        "policy p for all pods { allow from pods app=a on tcp/1 allow from pods app=b on tcp/2"
        " allow from pods app=c on tcp/3 }\n}\n";
    static const char *const names[] = {"a", "b", "c", "m"};
    for (size_t host = 0; host < 4; host++) {
        struct compiled c;
        compile_load(&c, "t.npc", str_of(text));
        CU_ASSERT_FATAL(c.loaded);
        const struct world_options options = {.host = find(&c, names[host]), .one_machine = true};
        const struct world *w = world_new(&c.ctx, &c.program, &options, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(w);
        uint32_t ids[4];
        for (size_t i = 0; i < 4; i++) {
            struct places at = world_find_workload(w, &c.ctx.arena, find(&c, names[i]));
            CU_ASSERT_EQUAL_FATAL(at.n, 1);
            ids[i] = at.v[0].class_id;
            for (size_t k = 0; k < i; k++) {
                CU_ASSERT_NOT_EQUAL(ids[i], ids[k]);
            }
        }
        compile_free(&c);
    }
}

/* ---- what is never filtered ---- */

static void free_with_itself_and_its_node(void)
{
    static const struct workload x = {.node = STR_INIT("n1")}, y = {.node = STR_INIT("n2")};
    static const struct node_object n1 = {.name = STR_INIT("n1")}, n2 = {.name = STR_INIT("n2")};
    const struct endpoint_member all[] = {
        {.workload = &x}, {.workload = &y}, {.node = &n1}, {.node = &n2}};
    /* The second time the first is a machine: its rules are about what its node sends, too. */
    static const char *const want[][4] = {{"1010", "0101", "1000", "0100"},
                                          {"1000", "0101", "0000", "0100"}};
    for (size_t host = 0; host < 2; host++) {
        const struct world w = {.options = {.host = host == 1 ? &x : NULL}};
        for (size_t i = 0; i < 4; i++) {
            for (size_t k = 0; k < 4; k++) {
                CU_ASSERT_EQUAL(world_is_free(&w, &all[i], &all[k]), want[host][i][k] == '1');
            }
        }
    }
}

/* ---- whose addresses ---- */

static void addresses_of_members(void)
{
    static struct address some[] = {{.family = FAM_IP4}, {.family = FAM_IP6}};
    static struct address part = {.family = FAM_IP6};
    static const struct workload w = {.addrs = some, .naddrs = 2};
    static const struct node_object n = {.addrs = some, .naddrs = 1};
    const struct endpoint_member rows[] = {{.workload = &w},
                                           {.node = &n},
                                           {.workload = &w, .addrs = &part, .naddrs = 1},
                                           {.node = NULL}};
    const struct addresses want[] = {{some, 2}, {some, 1}, {&part, 1}, {NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct addresses got = member_addresses(&rows[i]);
        CU_ASSERT_PTR_EQUAL(got.v, want[i].v);
        CU_ASSERT_EQUAL(got.n, want[i].n);
    }
}

UNIT_MAIN("world_places", TEST(templates), TEST(addresses_told_apart), TEST(nodes_have_places),
          TEST(addresses_told_apart_by_networks), TEST(ranges_are_of_strangers), TEST(refused),
          TEST(domains_left_out), TEST(machine_is_alone), TEST(free_with_itself_and_its_node),
          TEST(addresses_of_members))
