/* The registry and the driver: every backend is complete, and what one cannot say is refused once,
 * at the first place. */
#include "compile.h"

static void test_every_backend_is_complete(void)
{
    static const char *const names[] = {
#define BACKEND(name) #name,
#include "backends/backends.def"
#undef BACKEND
    };
    const struct backend *const *all = backends_all();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct backend *b = all[i];
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT_STRING_EQUAL(b->name, names[i]);
        CU_ASSERT(b->extension != NULL && b->summary != NULL && b->emit != NULL);
        CU_ASSERT_PTR_EQUAL(backend_find(str_of(names[i])), b);
    }
    CU_ASSERT_PTR_NULL(all[sizeof names / sizeof names[0]]);
    CU_ASSERT_PTR_NULL(backend_find(STR("K8s")));
    CU_ASSERT_PTR_NULL(backend_find(STR("k8s2")));
    CU_ASSERT_PTR_NULL(backend_find(STR("")));
}

static void test_every_feature_has_a_text(void)
{
    unsigned seen = 0;
#define FEATURE(id, bit, text)                                                                     \
    CU_ASSERT((seen & FEAT_##id) == 0);                                                            \
    seen |= FEAT_##id;                                                                             \
    CU_ASSERT_STRING_EQUAL(feature_text(FEAT_##id), text);
#include "backends/features.def"
#undef FEATURE
    CU_ASSERT_NOT_EQUAL(seen, 0);
}

/* threats.md 34: each construct that a backend cannot say, where it stands */
static void test_T34_refused_at_first_use(void)
{
    static const struct {
        const char *backend, *text, *message;
    } cases[] = {
        {"k8s", "policy p for all pods {\n  allow from anywhere on {tcp/1, icmp/8}\n}\n",
         "p.npc:2:34: error: the k8s backend cannot say ICMP in a namespaced policy"},
        {"k8s", "policy p for all pods {\n  allow from anywhere on icmp6/1\n}\n",
         "p.npc:2:26: error: the k8s backend cannot say ICMP in a namespaced policy"},
        {"k8s", "policy p for all pods {\n  allow to nodes a=b on tcp/1\n}\n",
         "p.npc:2:12: error: the k8s backend cannot say nodes as peers of a namespaced policy"},
        {"calico", "policy p for all pods {\n  allow to domain \"x.example.com\" on tcp/1\n}\n",
         "p.npc:2:12: error: the calico backend cannot say domain names as peers"},
        {"calico",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny from anywhere on icmp/*\n}\n",
         "p.npc:1:16: error: the calico backend cannot say cluster policies"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to anywhere on tcp/1\n}\n",
         "p.npc:2:3: error: the k8s backend cannot say 'anywhere' as a peer of a cluster policy"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny from cidr 10.0.0.0/8 on tcp/1\n}\n",
         "p.npc:2:13: error: the k8s backend cannot say addresses, nodes or domains as ingress"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to cidr 10.0.0.0/8 except {10.1.0.0/16} on tcp/1\n}\n",
         "p.npc:2:35: error: the k8s backend cannot say 'except' in a cluster policy"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to all namespaces on icmp/8\n}\n",
         "p.npc:2:29: error: the k8s backend cannot say ICMP in a cluster policy"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to all namespaces on tcp/web\n}\n",
         "p.npc:2:29: error: the k8s backend cannot say a named port with a protocol in a cluster"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to {all namespaces, cidr 10.0.0.0/8} on any/web\n"
         "  deny to {all namespaces, nodes a=b} on {tcp/1, any/web}\n}\n",
         "p.npc:3:50: error: the k8s backend cannot say a named port beside nodes or domain names"},
        {"k8s",
         "cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to domain \"a.example.com\" on any/web\n}\n",
         "p.npc:2:37: error: the k8s backend cannot say a named port beside nodes or domain names"},
        {"k8s",
         "tier gold order 5\n"
         "cluster policy p in tier gold priority 1 for all namespaces {\n"
         "  deny to all namespaces on tcp/1\n}\n",
         "p.npc:2:16: error: the k8s backend cannot say tiers other than admin and baseline"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(cases[i].backend, "p.npc", str_of(cases[i].text), DIAG_NPC406,
                      cases[i].message);
    }
}

/* What comes from a group or from rules is refused where the policy uses it; a second place says
 * where it is written. */
static void test_place_of_use(void)
{
    static const struct {
        const char *text, *messages[3];
    } cases[] = {
        {"cluster policy p in tier admin priority 1 for all namespaces {\n"
         "  deny to internet on tcp/1\n}\n"
         "cluster policy q in tier admin priority 2 for all namespaces {\n"
         "  pass to internet on tcp/1\n}\n",
         {"p.npc:2:3: error: the k8s backend cannot say 'except'",
          "p.npc:5:3: error: the k8s backend cannot say 'except'", "note: written here"}},
        {"let ping = {icmp/8, icmp6/128}\n"
         "policy p for all pods {\n  allow from anywhere on\n    ping }\n"
         "policy q for all pods { allow from anywhere on ping }\n",
         {"p.npc:3:3: error: the k8s backend cannot say ICMP",
          "p.npc:5:25: error: the k8s backend cannot say ICMP", "p.npc:1:13: note: written here"}},
        {"rules r { allow from anywhere on icmp/8 }\n"
         "policy p for all pods { use r }\npolicy q for all pods { use r }\n",
         {"p.npc:2:25: error: the k8s backend cannot say ICMP",
          "p.npc:3:25: error: the k8s backend cannot say ICMP", "p.npc:1:34: note: written here"}},
        {"let ping = icmp/8 namespace n { let w = pods a=b flows f {\n  w -> w on ping\n"
         "  w -> w on ping } }\n",
         {"p.npc:2:3: error: the k8s backend cannot say ICMP", "p.npc:1:12: note: written here",
          ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct compiled c;
        compile_load(&c, "p.npc", str_of(cases[i].text));
        compile_run(&c, "k8s");
        struct str messages = compile_messages(&c);
        CU_ASSERT(c.loaded && !c.ok);
        for (size_t k = 0; k < 3; k++) {
            CU_ASSERT(str_holds(messages, cases[i].messages[k]));
        }
        compile_free(&c);
    }
}

static void test_once_for_each_kind_and_policy(void)
{
    struct compiled c;
    compile_load(&c, "p.npc",
                 STR("policy a for all pods {\n"
                     "  allow to nodes x=y on icmp/8\n"
                     "  allow from anywhere on icmp/0\n"
                     "}\n"
                     "policy b for all pods { allow from anywhere on {icmp/8, icmp6/1} }\n"));
    compile_run(&c, "k8s");
    CU_ASSERT(c.loaded && !c.ok);
    CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC406), 3);
    struct str messages = compile_messages(&c);
    CU_ASSERT(str_holds(messages, "p.npc:2:12: error: the k8s backend cannot say nodes"));
    CU_ASSERT(str_holds(messages, "p.npc:2:25: error: the k8s backend cannot say ICMP"));
    CU_ASSERT(str_holds(messages, "p.npc:5:49: error: the k8s backend cannot say ICMP"));
    CU_ASSERT(str_holds(messages, "backends that can: "));
    CU_ASSERT_EQUAL(buf_text(c.out).n, 0);
    compile_free(&c);
    /* what is wrong inside a cluster policy says nothing new to a backend that takes none */
    compile_load(&c, "p.npc",
                 STR("cluster policy p in tier admin priority 1 for all namespaces {\n"
                     "  deny from anywhere on icmp/8\n"
                     "}\n"));
    compile_run(&c, "calico");
    CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC406), 1);
    compile_free(&c);
}

/* The name of a rule decides about no packet: it is left out where it cannot be said, and told. */
static void test_names_of_rules_are_left_out(void)
{
    static const struct {
        const char *backend;
        size_t told;
    } cases[] = {
        {"k8s", 2},
        {"calico", 2},
        {"npc", 0},
        {"json", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct compiled c;
        compile_load(&c, "p.npc",
                     STR("namespace n { policy a for pods x=y {\n"
                         "  allow from anywhere on tcp/1\n"
                         "  allow from anywhere on tcp/2 as \"two\"\n"
                         "  allow from anywhere on tcp/3 as \"three\"\n"
                         "}\n"
                         "let g = pods x=y\n"
                         "flows f { g -> cidr 10.0.0.0/8 on tcp/1 as \"flow\" } }\n"));
        compile_run(&c, cases[i].backend);
        CU_ASSERT(c.loaded && c.ok);
        CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC406), cases[i].told);
        compile_free(&c);
    }
    struct compiled c;
    compile_load(&c, "p.npc",
                 STR("namespace n { policy a for pods x=y {\n"
                     "  allow from anywhere on tcp/2 as \"two\"\n} }\n"));
    compile_run(&c, "k8s");
    CU_ASSERT_EQUAL_FATAL(c.ctx.diags.list.n, 1);
    CU_ASSERT(c.ctx.diags.list.v[0]->severity == SEV_INFO && c.ctx.diags.list.v[0]->at.line == 2);
    compile_free(&c);
}

struct found {
    size_t n;
    uint32_t lines[8], cols[8];
};

static void collect(void *arg, enum feature f, struct span at, const struct rule *r)
{
    CU_ASSERT(r->at.line == at.line && r->at.col < at.col);
    struct found *found = arg;
    CU_ASSERT_EQUAL(f, FEAT_ICMP);
    found->lines[found->n] = at.line;
    found->cols[found->n++] = at.col;
}

static void test_features_in_source_order(void)
{
    struct compiled c;
    compile_load(&c, "p.npc",
                 STR("policy a for all pods {\n"
                     "  allow to anywhere on icmp/8\n"
                     "  allow from anywhere on icmp/8\n"
                     "  allow to anywhere on icmp/0\n"
                     "  allow from anywhere on icmp/0\n"
                     "}\n"
                     "policy b for all pods {"
                     " allow to anywhere on icmp/8 allow from anywhere on icmp/8"
                     " allow to anywhere on icmp/0 }"));
    CU_ASSERT_FATAL(c.loaded);
    struct found found = {0};
    program_features(&c.program, collect, &found);
    CU_ASSERT_EQUAL_FATAL(found.n, 7);
    CU_ASSERT(found.cols[4] < found.cols[5] && found.cols[5] < found.cols[6]);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(found.lines[i], i + 2);
    }
    compile_free(&c);
}

static void test_T37_raw_for_nobody(void)
{
    static const char *const texts[] = {
        "policy p for all pods {\n  raw calico \"\"\"x\"\"\"\n  default deny ingress\n}\n",
        "raw ipchains \"\"\"x\"\"\"\npolicy p for all pods { default deny ingress }\n",
    };
    check_refused("null", "p.npc", str_of(texts[0]), DIAG_NPC042,
                  "the calico backend takes no raw text");
    check_refused("null", "p.npc", str_of(texts[1]), DIAG_NPC042,
                  "'ipchains' is no backend that takes raw text");
    check_refused("null", "p.npc", str_of(texts[1]), DIAG_NPC042,
                  "backends that take raw text: k8s, nft");
}

/* What the details of features.c must not refuse. */
static void test_what_k8s_can_say(void)
{
    check_accepted("k8s", "p.npc",
                   STR("cluster policy a in tier baseline priority 1 for all namespaces {\n"
                       "  allow from all namespaces on {tcp/1, any/web}\n"
                       "  deny to {cidr 10.0.0.0/8, nodes a=b, domain \"x.example.com\"} on tcp/1\n"
                       "}\n"
                       "policy b for all pods {\n"
                       "  allow from {anywhere_but_not} on {tcp/web}\n"
                       "  allow to anywhere on all ports\n"
                       "}\n"
                       "let anywhere_but_not = cidr 10.0.0.0/8 except {10.1.0.0/16}\n"));
}

static void test_null(void)
{
    check_output("null", "p.npc",
                 "policy a for all pods {\n"
                 "  allow to anywhere on tcp/1\n"
                 "  allow from anywhere on tcp/1\n"
                 "  allow to anywhere on all ports\n"
                 "}\n"
                 "namespace n { policy b for all pods { default deny ingress } }\n",
                 "a: 1 ingress rules, 2 egress rules\n"
                 "n/b: 0 ingress rules, 0 egress rules\n");
    check_refused("null", "p.npc", STR("policy p for all pods { allow from anywhere on icmp/8 }"),
                  DIAG_NPC406, "backends that can: calico, npc, json, nft, iptables");
}

/* An AdminNetworkPolicy and the BaselineAdminNetworkPolicy are two objects, whatever their names;
 * as ClusterNetworkPolicies the second would replace the first. */
static void test_cluster_policies_of_one_name(void)
{
    static const struct {
        const char *backend;
        bool ok;
    } cases[] = {{"k8s", false}, {"npc", false}, {"json", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct compiled c;
        compile_load(&c, "p.yaml",
                     STR("apiVersion: policy.networking.k8s.io/v1alpha1\n"
                         "kind: BaselineAdminNetworkPolicy\n"
                         "metadata: {name: default}\n"
                         "spec: {subject: {namespaces: {}}}\n"
                         "---\n"
                         "apiVersion: policy.networking.k8s.io/v1alpha1\n"
                         "kind: AdminNetworkPolicy\n"
                         "metadata: {name: default}\n"
                         "spec: {priority: 1, subject: {namespaces: {}}}\n"
                         "---\n"
                         "apiVersion: networking.k8s.io/v1\n"
                         "kind: NetworkPolicy\n"
                         "metadata: {name: default, namespace: a}\n"
                         "---\n"
                         "apiVersion: networking.k8s.io/v1\n"
                         "kind: NetworkPolicy\n"
                         "metadata: {name: default, namespace: b}\n"));
        compile_run(&c, cases[i].backend);
        CU_ASSERT(c.loaded && c.ok == cases[i].ok);
        CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC406), cases[i].ok ? 0 : 1);
        CU_ASSERT_EQUAL(
            str_holds(compile_messages(&c), "p.yaml:8:18: error: the ") &&
                str_holds(compile_messages(&c), "two cluster policies of one name, 'default'"),
            !cases[i].ok);
        compile_free(&c);
    }
}

UNIT_MAIN("backend_registry", TEST(test_every_backend_is_complete),
          TEST(test_every_feature_has_a_text), TEST(test_T34_refused_at_first_use),
          TEST(test_place_of_use), TEST(test_once_for_each_kind_and_policy),
          TEST(test_names_of_rules_are_left_out), TEST(test_features_in_source_order),
          TEST(test_T37_raw_for_nobody), TEST(test_what_k8s_can_say), TEST(test_null),
          TEST(test_cluster_policies_of_one_name))
