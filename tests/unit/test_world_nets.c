/* Whose an address is, by ranges that cross every border: of the owners, and of 64 bits. And which
 * networks hold whom, in programs small enough to say by hand. */
#include "world_text.h"

/* Addresses in a row: the last of 64 bits, and the first beyond. */
enum { ADDRESSES = 9 };

static struct ip address(int i)
{
    return i < 4 ? (struct ip){5, UINT64_MAX - 3 + (uint64_t)i} : (struct ip){6, (uint64_t)i - 4};
}

/* Every set of owners, every range. */
static void ranges_have_owners(void)
{
    static const struct node_object node = {.name = STR_INIT("n")};
    for (unsigned owned = 0; owned < 1u << ADDRESSES; owned++) {
        struct owner *owners = calloc(ADDRESSES, sizeof *owners);
        struct nets n = {.owners = owners};
        for (int i = 0; i < ADDRESSES; i++) {
            if (owned >> i & 1) {
                owners[n.nowners++] = (struct owner){address(i), i % 2 ? &node : NULL};
            }
        }
        for (int i = 0; i < ADDRESSES; i++) {
            const struct owner *o = nets_owner(&n, address(i));
            CU_ASSERT_EQUAL(o != NULL, owned >> i & 1);
            CU_ASSERT(o == NULL || (ip_cmp(o->ip, address(i)) == 0 && !o->node == !(i % 2)));
            for (int k = i; k < ADDRESSES; k++) {
                unsigned all = (1u << (k - i + 1)) - 1, inside = owned >> i & all;
                struct ip_range r = {address(i), address(k)};
                CU_ASSERT_EQUAL(nets_has_owner(&n, r), inside != 0);
                CU_ASSERT_EQUAL(nets_has_external(&n, r), inside != all);
                struct ip_range part = {address(8), address(0)};
                CU_ASSERT_EQUAL(nets_external_part(&n, r, &part), inside != all);
                int first = i;
                while (owned >> first & 1) {
                    first++;
                }
                if (inside != all) {
                    CU_ASSERT(ip_cmp(part.first, address(first)) == 0);
                    CU_ASSERT(ip_cmp(part.last, address(inside == 0 ? k : first)) == 0);
                    int last = k;
                    while (owned >> last & 1) {
                        last--;
                    }
                    struct ip_range trimmed = nets_trim(&n, r);
                    CU_ASSERT(ip_cmp(trimmed.first, address(first)) == 0);
                    CU_ASSERT(ip_cmp(trimmed.last, address(last)) == 0);
                }
            }
        }
        free(owners);
    }
}

/* Ranges as wide as families are: as many owners as the lower half of the width says. */
static void wide_ranges_have_strangers(void)
{
    struct owner owners[] = {{{0, 0}, NULL}, {{0, 1}, NULL}, {{7, 3}, NULL}};
    struct nets n = {.owners = owners, .nowners = 3};
    static const struct ip_range wide[] = {
        {{0, 0}, {1, 0}},
        {{0, 0}, {1, 1}},
        {{0, 1}, {7, 3}},
        {{0, 3}, {7, 3}},
        {{0, 0}, {UINT64_MAX, UINT64_MAX}},
        {{7, 2}, {8, 1}},
    };
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        CU_ASSERT(nets_has_external(&n, wide[i]));
    }
}

static void atoms_hold_their_addresses(void)
{
    struct atom atoms[] = {
        {{{0, 0}, {5, UINT64_MAX - 1}}, 0},
        {{{5, UINT64_MAX}, {5, UINT64_MAX}}, 1},
        {{{6, 0}, {6, 2}}, 2},
        {{{6, 3}, {UINT64_MAX, UINT64_MAX}}, 3},
    };
    for (size_t count = 1; count <= 4; count++) {
        struct atom some[8] = {0};
        memcpy(some, atoms, count * sizeof *atoms);
        struct nets n = {.atoms = {some, count, 8}};
        for (int i = 0; i < ADDRESSES; i++) {
            size_t want = i < 3 ? 0 : i < 4 ? 1 : i < 7 ? 2 : 3;
            if (want < count) {
                CU_ASSERT_PTR_EQUAL(nets_atom(&n, address(i)), &some[want]);
            }
        }
    }
}

/* ---- in a program ---- */

static const struct world *world_of_text(struct compiled *c, const char *name, const char *text,
                                         bool outside)
{
    const struct world_options options = {.ipblock_external = outside};
    const struct world *w = world_of(c, name, text, &options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    return w;
}

static bool passes(const struct world *w, uint32_t from, const char *to, uint16_t port)
{
    struct traffic t = world_traffic(w, from, class_at(w, to));
    return t.of[FAM_IP4] != TRAFFIC_ABSENT &&
           portset_has(traffic_ports(w->traffic, FAM_IP4, t.of[FAM_IP4]), PROTO_TCP, port);
}

#define WEB "10.0.0.1"
#define SHOP(rules)                                                                                \
    "namespace shop { workload web { addr " WEB " label app=web }\n"                               \
    "workload db { addr 10.0.0.2 label app=db } workload vm { }\n"                                 \
    "policy a for pods app=web {\n" rules "} }\n"

static void networks_hold_pods_where_blocks_do_not(void)
{
    struct compiled c;
    const struct world *w = world_of_text(
        &c, "t.npc",
        SHOP("allow from cidr 10.0.0.0/24 on tcp/80\n") "cluster policy b in tier admin "
                                                        "priority 1 for all namespaces"
                                                        " { allow from cidr 10.0.0.0/24 "
                                                        "on tcp/22 }\n",
        true);
    CU_ASSERT(!passes(w, class_at(w, "10.0.0.2"), WEB, 80));
    CU_ASSERT(passes(w, class_at(w, "10.0.0.2"), WEB, 22));
    CU_ASSERT(passes(w, class_at(w, "10.0.0.9"), WEB, 80));
    CU_ASSERT(passes(w, class_at(w, "10.0.0.9"), WEB, 22));
    compile_free(&c);
}

static void sets_that_begin_alike(void)
{
    struct compiled c;
    const struct world *w =
        world_of_text(&c, "t.npc",
                      SHOP("allow from {cidr 10.1.0.0/24, cidr 10.3.0.0/24} on tcp/80\n"
                           "allow from {cidr 10.1.0.0/24, cidr 10.5.0.0/24} on tcp/81\n"),
                      false);
    for (uint16_t port = 80; port <= 81; port++) {
        CU_ASSERT(passes(w, class_at(w, "10.1.0.1"), WEB, port));
        CU_ASSERT_EQUAL(passes(w, class_at(w, "10.3.0.1"), WEB, port), port == 80);
        CU_ASSERT_EQUAL(passes(w, class_at(w, "10.5.0.1"), WEB, port), port == 81);
    }
    compile_free(&c);
}

/* Whoever has no address yet is in what holds every address, unless that means the outside. */
static void unknown_addresses(void)
{
    for (int outside = 0; outside < 2; outside++) {
        struct compiled c;
        const struct world *w = world_of_text(&c, "t.npc",
                                              SHOP("allow from cidr 0.0.0.0/0 on tcp/80\n"
                                                   "allow from cidr 10.0.0.0/8 on tcp/81\n"
                                                   "allow from cidr 0.0.0.0/1 on tcp/82\n"),
                                              outside == 1);
        const struct inventory *inv = &c.program.inv;
        for (size_t i = 0; i < inv->workloads.n; i++) {
            if (inv->workloads.v[i]->naddrs == 0) {
                struct places p = world_find_workload(w, &c.ctx.arena, inv->workloads.v[i]);
                CU_ASSERT_EQUAL_FATAL(p.n, 1);
                CU_ASSERT_EQUAL(passes(w, p.v[0].class_id, WEB, 80), outside == 0);
                CU_ASSERT(!passes(w, p.v[0].class_id, WEB, 81));
                CU_ASSERT(!passes(w, p.v[0].class_id, WEB, 82));
            }
        }
        compile_free(&c);
    }
}

/* A node's address is also that of the pods on its network: it is the node's. */
static void addresses_of_nodes(void)
{
    static const char text[] =
        "{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: "
        "[{type: InternalIP, address: 192.168.0.1}, {type: InternalIP, address: 192.168.0.7}]}}\n"
        "---\n{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: "
        "[{type: InternalIP, address: 192.168.0.3}]}}\n"
        "---\n{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a}, spec: {hostNetwork: "
        "true, nodeName: n1, containers: [{name: c}]}, status: {phase: Running, podIP: "
        "192.168.0.1}}\n"
        "---\n{apiVersion: v1, kind: Pod, metadata: {name: q, namespace: a}, spec: {hostNetwork: "
        "true, nodeName: n2, containers: [{name: c}]}, status: {phase: Running, podIP: "
        "192.168.0.3}}\n"
        "---\n{apiVersion: v1, kind: Pod, metadata: {name: r, namespace: a}, spec: {nodeName: n2, "
        "containers: [{name: c}]}, status: {phase: Running, podIP: 192.168.0.2}}\n";
    struct compiled c;
    const struct world *w = world_of_text(&c, "t.yaml", text, false);
    static const char *const of_nodes[] = {"192.168.0.1", "192.168.0.3", "192.168.0.7"};
    for (size_t i = 0; i < 3; i++) {
        uint32_t id = class_at(w, of_nodes[i]);
        CU_ASSERT_FATAL(id < w->nclasses);
        CU_ASSERT_EQUAL(w->classes[id].kind, EP_NODE);
    }
    CU_ASSERT_EQUAL(w->classes[class_at(w, "192.168.0.2")].kind, EP_WORKLOAD);
    CU_ASSERT_EQUAL(w->classes[class_at(w, "192.168.0.4")].kind, EP_RANGE);
    CU_ASSERT_EQUAL(w->parts->nets[FAM_IP4].nowners, 4);
    compile_free(&c);
}

#define HOST_POD(phase, name, ip)                                                                  \
    "---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", namespace: a}, spec: "            \
    "{hostNetwork: true, containers: [{name: c}]}, status: {phase: " phase ", podIPs: [{ip: " ip   \
    "}, {ip: 'fd00::9'}]}}\n"

/* Of a host's network, without a Node object: an external address, but none of an ipBlock that
 * means the outside. A finished one has none. If a pod has a node's address, it is the node's. */
static void addresses_of_host_pods(void)
{
    static const char text[] =
        HOST_POD("Running", "p", "192.168.0.1") HOST_POD("Running", "q", "192.168.0.5")
            HOST_POD("Failed", "r",
                     "192.168.0.9") "---\n"
                                    "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: "
                                    "a}, spec: {containers: "
                                    "[{name: c}]}, status: {phase: Running, podIP: " WEB "}}\n"
                                    "---\n{apiVersion: v1, kind: Pod, metadata: {name: x, "
                                    "namespace: a}, spec: {containers: "
                                    "[{name: c}]}, status: {phase: Running, podIP: 192.168.0.3}}\n"
                                    "---\n{apiVersion: v1, kind: Node, metadata: {name: n1}, "
                                    "status: {addresses: [{type: "
                                    "InternalIP, address: 192.168.0.3}]}}\n"
                                    "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, "
                                    "metadata: {name: d, "
                                    "namespace: a}, spec: {podSelector: {}, ingress: [{from: "
                                    "[{ipBlock: {cidr: "
                                    "192.168.0.0/24}}]}]}}\n";
    for (int outside = 0; outside < 2; outside++) {
        struct compiled c;
        const struct world *w = world_of_text(&c, "t.yaml", text, outside == 1);
        static const char *const hosts[] = {"192.168.0.1", "192.168.0.5"};
        for (size_t i = 0; i < 2; i++) {
            uint32_t id = class_at(w, hosts[i]);
            CU_ASSERT_FATAL(id < w->nclasses);
            CU_ASSERT_EQUAL(w->classes[id].kind, EP_RANGE);
            CU_ASSERT_EQUAL(passes(w, id, WEB, 80), outside == 0);
        }
        CU_ASSERT(passes(w, class_at(w, "192.168.0.9"), WEB, 80));
        CU_ASSERT(passes(w, class_at(w, "192.168.0.10"), WEB, 80));
        CU_ASSERT_EQUAL(w->classes[class_at(w, "192.168.0.3")].kind, EP_NODE);
        compile_free(&c);
    }
}

UNIT_MAIN("world_nets", TEST(ranges_have_owners), TEST(wide_ranges_have_strangers),
          TEST(atoms_hold_their_addresses), TEST(networks_hold_pods_where_blocks_do_not),
          TEST(sets_that_begin_alike), TEST(unknown_addresses), TEST(addresses_of_nodes),
          TEST(addresses_of_host_pods))
