/* The Kubernetes backend where the examples of the language do not go: limits of the cluster policy
 * API, spellings that the API has no word for, raw text. */
#include "compile.h"

/* ---- cluster policies ---- */

#define CLUSTER(body)                                                                              \
    "cluster policy p in tier admin priority 1 for all pods in all namespaces {\n" body "}\n"
#define CLUSTER_HEAD                                                                               \
    "apiVersion: policy.networking.k8s.io/v1alpha2\n"                                              \
    "kind: ClusterNetworkPolicy\n"                                                                 \
    "metadata:\n"                                                                                  \
    "  name: p\n"                                                                                  \
    "spec:\n"                                                                                      \
    "  tier: Admin\n"                                                                              \
    "  priority: 1\n"                                                                              \
    "  subject:\n"                                                                                 \
    "    pods:\n"                                                                                  \
    "      podSelector: {}\n"                                                                      \
    "      namespaceSelector: {}\n"

static void test_cluster_ports(void)
{
    check_output("k8s", "p.npc",
                 CLUSTER("deny from all namespaces on {tcp/*, udp/80-80, sctp/7-9, any/web}\n"),
                 CLUSTER_HEAD "  ingress:\n"
                              "  - action: Deny\n"
                              "    from:\n"
                              "    - namespaces: {}\n"
                              "    protocols:\n"
                              "    - tcp:\n"
                              "        destinationPort:\n"
                              "          range:\n"
                              "            start: 1\n"
                              "            end: 65535\n"
                              "    - udp:\n"
                              "        destinationPort:\n"
                              "          number: 80\n"
                              "    - sctp:\n"
                              "        destinationPort:\n"
                              "          range:\n"
                              "            start: 7\n"
                              "            end: 9\n"
                              "    - destinationNamedPort: web\n");
}

static void test_neighbours_share_a_list(void)
{
    check_output(
        "k8s", "p.npc",
        CLUSTER("deny to {cidr 10.0.0.0/8, cidr ::/0, cidr 10.0.0.0/8, namespace x,\n"
                "  cidr 10.1.0.0/16, domain \"a.example.com\", domain \"*.b.example.com\",\n"
                "  nodes role=gpu, pods a=b in namespace x} on all ports\n"),
        CLUSTER_HEAD "  egress:\n"
                     "  - action: Deny\n"
                     "    to:\n"
                     "    - networks:\n"
                     "      - 10.0.0.0/8\n"
                     "      - ::/0\n"
                     "    - networks:\n" /* a list is a set: the repeat begins the next */
                     "      - 10.0.0.0/8\n"
                     "    - namespaces:\n"
                     "        matchLabels:\n"
                     "          kubernetes.io/metadata.name: x\n"
                     "    - networks:\n"
                     "      - 10.1.0.0/16\n"
                     "    - domainNames:\n"
                     "      - a.example.com\n"
                     "      - '*.b.example.com'\n"
                     "    - nodes:\n"
                     "        matchLabels:\n"
                     "          role: gpu\n"
                     "    - pods:\n"
                     "        podSelector:\n"
                     "          matchLabels:\n"
                     "            a: b\n"
                     "        namespaceSelector:\n"
                     "          matchLabels:\n"
                     "            kubernetes.io/metadata.name: x\n");
}

/* n copies of a text, each with its number where %u stands, between a beginning and an end */
static struct str repeated(struct arena *a, const char *begin, const char *what, unsigned n,
                           const char *end)
{
    struct buf *b = buf_new(a);
    buf_puts(b, begin);
    for (unsigned i = 0; i < n; i++) {
        const char *mark = strstr(what, "%u");
        buf_put(b, what, mark != NULL ? (size_t)(mark - what) : strlen(what));
        if (mark != NULL) {
            buf_u64(b, i);
            buf_puts(b, mark + 2);
        }
    }
    buf_puts(b, end);
    return buf_text(b);
}

/* Accepted n times, refused n + 1 times. */
static void check_limit(const char *begin, const char *what, unsigned n, const char *end,
                        const char *message)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    check_accepted("k8s", "p.npc", repeated(&c.arena, begin, what, n, end));
    check_refused("k8s", "p.npc", repeated(&c.arena, begin, what, n + 1, end), DIAG_NPC404,
                  message);
    ctx_free(&c);
}

#define CLUSTER_BEGIN "cluster policy p in tier admin priority 1 for all pods in all namespaces {\n"

static void test_cluster_limits(void)
{
    check_limit(CLUSTER_BEGIN, "deny from all namespaces on all ports\n", 25, "}",
                "26 ingress rules, but ClusterNetworkPolicy allows 25");
    check_limit(CLUSTER_BEGIN, "deny to all namespaces on all ports\n", 25, "}",
                "26 egress rules, but");
    check_limit(CLUSTER_BEGIN "deny from {", "namespace n%u,", 25, "} on all ports }",
                "26 peers in a rule, but");
    check_limit(CLUSTER_BEGIN "deny from all namespaces on {", "tcp/1%u,", 25, "} }",
                "26 protocols in a rule, but");
    check_limit(CLUSTER_BEGIN "deny to {", "domain \"d%u.example.com\",", 25 * 25,
                "} on all ports }", "26 peers in a rule, but");
    check_limit(CLUSTER_BEGIN "deny from all namespaces on all ports as \"", "\\u{e9}", 100, "\" }",
                "101 characters in the name of a rule, but");
}

static void test_network_policy(void)
{
    check_output(
        "k8s", "p.npc",
        "policy p for pods a=b & c in {d, e} & f exists & g !exists & h notin {i} {\n"
        "  default allow egress\n"
        "  allow from {cidr 10.0.0.0/8 except {10.1.0.0/16}, pods a=b in all namespaces} on "
        "tcp/80-80\n"
        "  allow to anywhere on all ports\n"
        "}\n",
        "apiVersion: networking.k8s.io/v1\n"
        "kind: NetworkPolicy\n"
        "metadata:\n"
        "  name: p\n"
        "spec:\n"
        "  podSelector:\n"
        "    matchLabels:\n"
        "      a: b\n"
        "    matchExpressions:\n"
        "    - key: c\n"
        "      operator: In\n"
        "      values:\n"
        "      - d\n"
        "      - e\n"
        "    - key: f\n"
        "      operator: Exists\n"
        "    - key: g\n"
        "      operator: DoesNotExist\n"
        "    - key: h\n"
        "      operator: NotIn\n"
        "      values:\n"
        "      - i\n"
        "  policyTypes:\n"
        "  - Ingress\n"
        "  ingress:\n"
        "  - from:\n"
        "    - ipBlock:\n"
        "        cidr: 10.0.0.0/8\n"
        "        except:\n"
        "        - 10.1.0.0/16\n"
        "    - podSelector:\n"
        "        matchLabels:\n"
        "          a: b\n"
        "      namespaceSelector: {}\n"
        "    ports:\n"
        "    - protocol: TCP\n"
        "      port: 80\n"
        "      endPort: 80\n"
        "  egress:\n"
        "  - {}\n");
}

static void test_baseline(void)
{
    check_output("k8s", "p.npc",
                 "cluster policy p in tier baseline priority 1000 for namespace x { }\n",
                 "apiVersion: policy.networking.k8s.io/v1alpha2\n"
                 "kind: ClusterNetworkPolicy\n"
                 "metadata:\n"
                 "  name: p\n"
                 "spec:\n"
                 "  tier: Baseline\n"
                 "  priority: 1000\n"
                 "  subject:\n"
                 "    namespaces:\n"
                 "      matchLabels:\n"
                 "        kubernetes.io/metadata.name: x\n");
}

static void test_nothing_in_nothing_out(void)
{
    check_output("k8s", "p.npc", "workload w { addr 10.0.0.1 }\n", "");
}

/* ---- raw text (threats.md 37) ---- */

#define POLICY_HEAD                                                                                \
    "apiVersion: networking.k8s.io/v1\n"                                                           \
    "kind: NetworkPolicy\n"                                                                        \
    "metadata:\n"                                                                                  \
    "  name: p\n"
#define POLICY_SPEC                                                                                \
    "spec:\n"                                                                                      \
    "  podSelector: {}\n"                                                                          \
    "  policyTypes:\n"                                                                             \
    "  - Ingress\n"

static struct str policy_with_raw(struct arena *a, const char *raw)
{
    return str_printf(a,
                      "policy p for all pods {\n  raw k8s \"\"\"%s\"\"\"\n  default deny "
                      "ingress\n}\n",
                      raw);
}

static void check_raw(const char *raw, const char *want)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct str text = policy_with_raw(&c.arena, raw);
    struct str all = str_printf(&c.arena, POLICY_HEAD "%s" POLICY_SPEC, want);
    check_output("k8s", "p.npc", text.p, all.p);
    ctx_free(&c);
}

static void check_raw_refused(const char *raw, const char *message)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    check_refused("k8s", "p.npc", policy_with_raw(&c.arena, raw), DIAG_NPC042, message);
    ctx_free(&c);
}

static void test_T37_raw_metadata(void)
{
    check_raw("\nmetadata:\n  finalizers: [example.com/guard]\n",
              "  finalizers:\n  - example.com/guard\n");
    check_raw("{\"metadata\": {\"generateName\": \"on\", x: {a: [1, [true, null], {}, [], -1.5]}}}",
              "  generateName: 'on'\n"
              "  x:\n"
              "    a:\n"
              "    - 1\n"
              "    - - true\n"
              "      - null\n"
              "    - {}\n"
              "    - []\n"
              "    - -1.5\n");
    check_raw("metadata: {a: [0, 10, -7, 0.25, false]}",
              "  a:\n  - 0\n  - 10\n  - -7\n  - 0.25\n  - false\n");
    check_raw("metadata: {}", "");
    check_raw("metadata:\t{a:\tb}", "  a: b\n");
}

static void test_T37_raw_key_length(void)
{
    char raw[320], want[320], key[252];
    memset(key, 'k', sizeof key);
    snprintf(raw, sizeof raw, "metadata: {%.250s: v}", key);
    snprintf(want, sizeof want, "  %.250s: v\n", key);
    check_raw(raw, want);
    snprintf(raw, sizeof raw, "metadata: {%.251s: v}", key);
    check_raw_refused(raw, "a key has more than 250 bytes");
}

static void test_T37_raw_refused(void)
{
    static const struct {
        const char *raw, *message;
    } cases[] = {
        {"metadata:\n  name: other\n",
         "line 2 of the raw text: the policy itself says this: 'name'"},
        {"metadata: {namespace: x}", "'namespace'"},
        {"metadata: {labels: {a: b}}", "'labels'"},
        {"metadata: {annotations: {a: b}}", "'annotations'"},
        {"spec: {podSelector: {}}", "'metadata:'"},
        {"metadata: {a: b}\nspec: {}", "'metadata:'"},
        {"metadata: []", "'metadata:'"},
        {"metadata: {a: b}\n---\nmetadata: {c: d}\n", "'metadata:'"},
        {"- metadata", "a document must be a mapping"},
        {"", "'metadata:'"},
        {"# nothing\n", "'metadata:'"},
        {"metadata: {a: b, a: c}", "twice in one mapping: 'a'"},
        {"metadata: {a: &x b}", "anchors, aliases, tags"},
        {"metadata: {a: *x}", "anchors, aliases, tags"},
        {"metadata: {a: !!str b}", "anchors, aliases, tags"},
        {"metadata: &x {a: b}", "anchors, aliases, tags"},
        {"metadata: {a: !x [b]}", "anchors, aliases, tags"},
        {"metadata: {a: &x [b]}", "anchors, aliases, tags"},
        {"metadata: {a: !x {b: c}}", "anchors, aliases, tags"},
        {"metadata: {a: 1.}", "'1.'"},
        {"%YAML 1.1\n---\nmetadata: {a: b}", "anchors, aliases, tags"},
        {"%TAG ! tag:x,2000:\n---\nmetadata: {a: b}", "anchors, aliases, tags"},
        {"metadata: {? [a] : b}", "a key must be a scalar"},
        {"metadata: {on: b}", "'on'"},
        {"metadata: {a: yes}", "'yes'"},
        {"metadata: {a: 012}", "'012'"},
        {"metadata: {a: 1:20}", "'1:20'"},
        {"metadata: {a: 1e5}", "'1e5'"},
        {"metadata: {a: 1.5e+3}", "'1.5e+3'"},
        {"metadata: {a: .5}", "'.5'"},
        {"metadata: {a: 00}", "'00'"},
        {"metadata: {\"\": b}", "a key must be a string"},
        {"metadata: {a: }", "write null"},
        {"metadata: {<<: {a: b}}", "'<<'"},
        {"metadata: {5: b}", "'5'"},
        {"metadata: {a: \"x\\0y\"}", "NUL"},
        {"metadata: {a: b", "this is not YAML"},
        {"metadata: {a: b}\n...\ngarbage", "this is not YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_raw_refused(cases[i].raw, cases[i].message);
    }
}

static void test_T37_raw_depth(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    /* 62 lists below `metadata: {a:` make 64 levels */
    struct str deep =
        repeated(&c.arena, "policy p for all pods { raw k8s \"\"\"metadata: {a: ", "[", 62, "1");
    struct buf *b = buf_new(&c.arena);
    buf_str(b, deep);
    buf_str(b, repeated(&c.arena, "", "]", 62, "}\"\"\" default deny ingress }"));
    check_accepted("k8s", "p.npc", buf_text(b));
    check_refused("k8s", "p.npc",
                  repeated(&c.arena, "policy p for all pods { raw k8s \"\"\"metadata: {a: ", "[",
                           63, "\"\"\" default deny ingress }"),
                  DIAG_NPC042, "nested too deeply");
    check_refused("k8s", "p.npc", /* libyaml alone would take a minute for this */
                  repeated(&c.arena, "policy p for all pods { raw k8s \"\"\"metadata: {a: ", "[",
                           200000, "\"\"\" default deny ingress }"),
                  DIAG_NPC042, "nested too deeply");
    ctx_free(&c);
}

static void test_T37_raw_depth_of_the_context(void)
{
    struct compiled c;
    for (size_t depth = 3; depth <= 4; depth++) {
        compile_load(&c, "p.npc",
                     STR("policy p for all pods { raw k8s \"\"\"metadata: {a: [[1]]}\"\"\" default "
                         "deny ingress }"));
        c.ctx.limits.depth = depth;
        compile_run(&c, "k8s");
        CU_ASSERT_EQUAL(c.ok, depth == 4);
        compile_free(&c);
    }
}

static void test_T37_raw_twice(void)
{
    check_output("k8s", "p.npc",
                 "policy p for all pods {\n"
                 "  raw k8s \"\"\"metadata: {a: b}\"\"\"\n"
                 "  raw nft \"\"\"x\"\"\"\n"
                 "  raw k8s \"\"\"metadata: {c: d}\"\"\"\n"
                 "  default deny ingress\n"
                 "}\n",
                 POLICY_HEAD "  a: b\n  c: d\n" POLICY_SPEC);
    check_refused("k8s", "p.npc",
                  STR("policy p for all pods {\n"
                      "  raw k8s \"\"\"metadata: {a: b}\"\"\"\n"
                      "  raw k8s \"\"\"metadata: {a: b}\"\"\"\n"
                      "  default deny ingress\n"
                      "}\n"),
                  DIAG_NPC042, "another raw text of the policy: 'a'");
}

static void test_T37_raw_documents(void)
{
    check_output("k8s", "p.npc",
                 "raw k8s \"\"\"\n"
                 "kind: ConfigMap\n"
                 "data: {a: \"x: y\"}\n"
                 "---\n"
                 "kind: Secret\n"
                 "\"\"\"\n"
                 "policy p for all pods { default deny ingress }\n",
                 POLICY_HEAD POLICY_SPEC "---\n"
                                         "kind: ConfigMap\n"
                                         "data:\n"
                                         "  a: 'x: y'\n"
                                         "---\n"
                                         "kind: Secret\n");
    check_refused("k8s", "p.npc", STR("raw k8s \"\"\"# nothing\"\"\"\n"), DIAG_NPC042,
                  "there is no document");
    check_refused("k8s", "p.npc", STR("raw k8s \"\"\"a: &b c\"\"\"\n"), DIAG_NPC042,
                  "anchors, aliases");
}

UNIT_MAIN("backend_k8s", TEST(test_cluster_ports), TEST(test_neighbours_share_a_list),
          TEST(test_cluster_limits), TEST(test_network_policy), TEST(test_baseline),
          TEST(test_nothing_in_nothing_out), TEST(test_T37_raw_metadata),
          TEST(test_T37_raw_refused), TEST(test_T37_raw_depth),
          TEST(test_T37_raw_depth_of_the_context), TEST(test_T37_raw_key_length),
          TEST(test_T37_raw_twice), TEST(test_T37_raw_documents))
