/*
 * The decompiler: what it prints is formatted, parses to the same program, and prints the same
 * again. The judge of sameness is policy_equal(), and what the Kubernetes backend says of both.
 */
#include "compile.h"

#include <jansson.h>

/* ---- there and back ---- */

static void check_formatted(struct str text)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    bool ok;
    uint32_t file = sources_add(&c.sources, STR("again.npc"));
    const struct ast_file *ast = dsl_parse(&c, file, text, &ok);
    struct buf *formatted = buf_new(&c.arena);
    if (ok) {
        dsl_format(ast, formatted);
    }
    bool same = ok && str_eq(buf_text(formatted), text);
    CU_ASSERT(same);
    if (!same) {
        printf("\ndecompiled:\n" STR_FMT "\nformatted:\n" STR_FMT "\n", STR_ARG(text),
               STR_ARG(buf_text(formatted)));
    }
    ctx_free(&c);
}

static void check_same_policies(const struct program *a, const struct program *b)
{
    CU_ASSERT_EQUAL_FATAL(a->policies.n, b->policies.n);
    for (size_t i = 0; i < a->policies.n; i++) {
        CU_ASSERT(policy_equal(a->policies.v[i], b->policies.v[i]));
    }
}

static void check_same_output(struct compiled *a, struct compiled *b, const char *backend)
{
    buf_cut(a->out, 0);
    buf_cut(b->out, 0);
    compile_run(a, backend);
    compile_run(b, backend);
    CU_ASSERT_EQUAL(a->ok, b->ok);
    CU_ASSERT(!a->ok || str_eq(buf_text(a->out), buf_text(b->out)));
}

/* Takes the places out of the JSON form. */
static void drop_places(json_t *v)
{
    const char *key;
    json_t *child;
    size_t i;
    if (json_is_object(v)) {
        json_object_del(v, "at");
        json_object_foreach(v, key, child)
        {
            drop_places(child);
        }
    }
    json_array_foreach(v, i, child)
    {
        drop_places(child);
    }
}

static json_t *json_of(struct compiled *c)
{
    buf_cut(c->out, 0);
    compile_run(c, "json");
    json_t *v = json_loadb(buf_text(c->out).p, buf_text(c->out).n, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    drop_places(v);
    return v;
}

/* All of the program that -t npc prints: policies, tiers, tests, raw text, counts of the rest. */
static void check_same_json(struct compiled *a, struct compiled *b)
{
    json_t *x = json_of(a), *y = json_of(b);
    CU_ASSERT(json_equal(x, y));
    json_decref(x);
    json_decref(y);
}

static void check_round_trip(const char *name, struct str text)
{
    struct compiled a, b;
    compile_load(&a, name, text);
    compile_run(&a, "npc");
    struct str once = str_dup(&a.ctx.arena, buf_text(a.out));
    compile_load(&b, "again.npc", once);
    compile_run(&b, "npc");
    bool same = a.ok && b.ok && str_eq(buf_text(b.out), once);
    CU_ASSERT(same);
    if (!same) {
        printf("\n" STR_FMT STR_FMT "once:\n" STR_FMT "\ntwice:\n" STR_FMT "\n",
               STR_ARG(compile_messages(&a)), STR_ARG(compile_messages(&b)), STR_ARG(once),
               STR_ARG(buf_text(b.out)));
    } else {
        check_formatted(once);
        check_same_policies(&a.program, &b.program);
        check_same_output(&a, &b, "k8s");
        check_same_output(&a, &b, "calico");
        check_same_json(&a, &b);
    }
    compile_free(&a);
    compile_free(&b);
}

static void test_round_trip_of_source(void)
{
    static const char *const texts[] = {
        "",
        "policy p for all pods { default deny {ingress, egress} }",
        "policy p for pods a=b & c in {d} & e notin {f, g} & h exists & i !exists & j=\"\" {\n"
        "  default deny egress\n"
        "  default allow ingress\n"
        "  allow from anywhere on all ports\n"
        "}",
        "namespace n { policy p for all pods {\n"
        "  desc \"say \\\"hi\\\"\\n\\u{202e}\\\\\" label b = c label a = \"\"\n"
        "  annotation x/y = \"two words\" annotation z = word\n"
        "  raw k8s \"\"\"metadata: {finalizers: [a.b/c]}\"\"\"\n"
        "  allow from {pods a=b, all pods in this namespace, all namespaces, namespace x,\n"
        "    namespace {x}, namespace {x, y, x}, namespaces z=w, pods a=b in namespace x,\n"
        "    all pods in namespaces z exists, pods a=b in all namespaces,\n"
        "    cidr 10.0.0.0/8 except {10.0.0.0/24, 10.1.0.0/16}, cidr ::/0}\n"
        "  on {tcp/80, tcp/80-80, tcp/80-90, udp/*, sctp/a-b, tcp/80a}\n"
        "  allow to nodes a=b on icmp/8\n"
        "  allow to {all nodes, domain \"*.example.com\"} on {icmp/8.0, icmp6/*, icmp6/128}\n"
        "} }",
        "tier gold order 12\n"
        "cluster policy c in tier gold priority 7 for pods a=b in namespaces c=d {\n"
        "  desc \"x\"\n"
        "  pass to {cidr 10.0.0.0/8, domain \"a.example.com\"} on any/web as \"a \\\"name\\\"\"\n"
        "  deny from anywhere on all ports\n"
        "  allow from all pods in all namespaces on tcp/1\n"
        "}\n"
        "cluster policy d in tier baseline priority 0 for all namespaces { }\n"
        "cluster policy e in tier admin priority 0 for all pods in namespace x { }\n",
        /* words that are keywords, and words that are none */
        "namespace all { policy for for pods in in {in, to} & tier=tier & pods exists\n"
        "  & \"tcp/x\"=80 { allow from pods \"udp/y\" notin {this} in namespace in on tcp/1 } }",
        "namespace a { policy p for all pods { default deny ingress } }\n"
        "namespace b { policy p for all pods { default deny ingress } }\n"
        "policy p for all pods { default deny ingress }\n"
        "namespace a { policy q for all pods { default deny ingress } }\n",
        "node n1 { addr {10.0.0.1, fd00::1} label role = gpu }\n"
        "namespace shop {\n"
        "  label env = prod\n"
        "  workload db { addr 10.0.0.7 label tier = db port pg = tcp/5432 }\n"
        "  workload bare { }\n"
        "  policy p for all pods { default deny ingress }\n"
        "  test \"a \\\"b\\\"\" {\n"
        "    expect allow {pods a=b, cidr 10.0.0.0/8} -> workload db on {tcp/1, udp/*}\n"
        "    expect deny anywhere -> all pods in this namespace on all ports\n"
        "  }\n"
        "}\n"
        "namespace other { label x = y }\n"
        "namespace shop { test \"in\" {\n"
        "  expect deny pods a=b in namespace {shop} -> all pods in namespace shop on tcp/1\n"
        "  expect deny pods a=b in namespace {shop, x} -> all namespaces on tcp/1\n"
        "} }\n"
        "test \"top\" { expect deny anywhere -> all namespaces on tcp/1 }\n"
        "raw k8s \"\"\"kind: X\n\"\"\"\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_round_trip("p.npc", str_of(texts[i]));
    }
}

/* Sets at every length around the end of the line. */
static void test_round_trip_around_80_columns(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    for (int n = 0; n < 60; n++) {
        struct str text = str_printf(
            &c.arena,
            "namespace n { policy p for pods a in {b, x%.*s} {\n"
            "  allow from {pods a=b, pods c=x%.*s} on {tcp/80, tcp/443}\n"
            "  allow from pods c=x%.*s on {tcp/80, tcp/443, tcp/8000-8080, udp/53}\n"
            "  allow from {pods a in {b, x%.*s}, pods c=d} on tcp/80\n"
            "  allow from pods a in {b, x%.*s} & c notin {d, e} in namespace {f, g} on {tcp/1, "
            "udp/1}\n"
            "  allow to {cidr 10.0.0.0/8 except {10.0.0.0/24, 10.1.0.0/16}, pods a=x%.*s} on "
            "{tcp/1, "
            "tcp/2}\n"
            "  allow to anywhere on {tcp/1, tcp/2, tcp/3, tcp/4, tcp/5, udp/1, udp/2, udp/x%.*s}\n"
            "} }\n",
            n, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", n,
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", n,
            "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", n,
            "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", n,
            "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", n,
            "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", n > 13 ? 13 : n,
            "ttttttttttttttttttttt");
        check_round_trip("p.npc", text);
    }
    ctx_free(&c);
}

static void test_round_trip_of_objects(void)
{
    static const char *const texts[] = {
        "apiVersion: networking.k8s.io/v1\n"
        "kind: NetworkPolicy\n"
        "metadata:\n"
        "  name: p\n"
        "  namespace: ns\n"
        "  finalizers: [example.com/guard]\n"
        "  labels: {b: '1', a: ''}\n"
        "  annotations:\n"
        "    a.example.com/x: \"tab\\t nel\\x85 bell\\x07 \\u202e \\\"\\\"\\\"\"\n"
        "    kubernetes.io/description: \"\"\n"
        "spec:\n"
        "  podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}\n"
        "  policyTypes: [Ingress]\n"
        "  ingress:\n"
        "  - {}\n"
        "  - from:\n"
        "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: No_Name}}\n"
        "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: name, b: c}}\n"
        "    - namespaceSelector:\n"
        "        matchExpressions:\n"
        "        - {key: kubernetes.io/metadata.name, operator: In, values: [a, 'B']}\n"
        "    - namespaceSelector:\n"
        "        matchExpressions:\n"
        "        - {key: kubernetes.io/metadata.name, operator: NotIn, values: [a]}\n"
        "    - podSelector: {}\n"
        "      namespaceSelector: {}\n"
        "    ports: [{}, {port: 80}, {port: 80, endPort: 80}, {protocol: UDP}, {port: a80}]\n"
        "  egress:\n"
        "  - to: [{ipBlock: {cidr: '::/0', except: ['fe80::/10']}}]\n",
        "apiVersion: networking.k8s.io/v1\n"
        "kind: NetworkPolicy\n"
        "metadata: {name: p, annotations: {a.example.com/only: one}}\n"
        "spec: {podSelector: {}}\n",
        "apiVersion: policy.networking.k8s.io/v1alpha2\n"
        "kind: ClusterNetworkPolicy\n"
        "metadata: {name: c}\n"
        "spec:\n"
        "  tier: Baseline\n"
        "  priority: 1000\n"
        "  subject: {pods: {podSelector: {matchLabels: {a: b}}}}\n"
        "  ingress:\n"
        "  - action: Pass\n"
        "    from: [{namespaces: {}}, {pods: {podSelector: {}}}]\n"
        "  egress:\n"
        "  - name: 'all of it'\n"
        "    action: Accept\n"
        "    to: [{networks: [10.0.0.0/8, '::/0']}]\n"
        "    protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_round_trip("p.yaml", str_of(texts[i]));
    }
}

/* ---- what is printed, and how ---- */

static void test_layout(void)
{
    check_output("npc", "p.yaml",
                 "apiVersion: networking.k8s.io/v1\n"
                 "kind: NetworkPolicy\n"
                 "metadata:\n"
                 "  name: p\n"
                 "  namespace: ns\n"
                 "  annotations: {kubernetes.io/description: Two words., a: b}\n"
                 "  labels: {x: z}\n"
                 "spec:\n"
                 "  podSelector: {}\n"
                 "  policyTypes: [Ingress, Egress]\n"
                 "  ingress:\n"
                 "  - from:\n"
                 "    - podSelector: {matchLabels: {app: web}}\n"
                 "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: m}}\n"
                 "      podSelector: {}\n"
                 "    ports: [{port: 80}, {port: web, protocol: UDP}]\n",
                 "namespace ns {\n"
                 "  policy p for all pods {\n"
                 "    desc \"Two words.\"\n"
                 "    label x = z\n"
                 "    annotation a = b\n"
                 "    default deny egress\n"
                 "    allow from {pods app=web, all pods in namespace m} on {tcp/80, udp/web}\n"
                 "  }\n"
                 "}\n");
}

/* The first block of a namespace holds its labels and workloads; tests come last. The name of the
 * text does not say that it is source. */
static void test_inventory_of_the_language(void)
{
    check_output(
        "npc", "no-extension",
        "namespace b { workload w { addr 10.0.0.2 } label x = z }\n"
        "namespace a {\n"
        "  test \"t\" { expect deny pods x=z -> {all pods in this namespace, namespace a} on "
        "tcp/1 }\n"
        "  policy p for all pods { default deny ingress }\n"
        "  workload long { addr {fd00:1111:1111:1111::1, fd00:1111:1111:1111::2} label x=z }\n"
        "  workload db { addr 10.0.0.1 label x=z port pg = tcp/5432 }\n"
        "  workload bare {}\n"
        "}\n"
        "node n { addr 10.0.0.9 label r=s }\n",
        "node n { addr 10.0.0.9 label r=s }\n"
        "\n"
        "namespace a {\n"
        "  policy p for all pods {\n"
        "    default deny ingress\n"
        "  }\n"
        "\n"
        "  workload bare {}\n"
        "  workload db { addr 10.0.0.1 label x=z port pg = tcp/5432 }\n"
        "  workload long {\n"
        "    addr {fd00:1111:1111:1111::1, fd00:1111:1111:1111::2}\n"
        "    label x=z\n"
        "  }\n"
        "}\n"
        "\n"
        "namespace b {\n"
        "  label x = z\n"
        "\n"
        "  workload w { addr 10.0.0.2 }\n"
        "}\n"
        "\n"
        "namespace a {\n"
        "  test \"t\" {\n"
        "    expect deny pods x=z -> {all pods in this namespace, namespace a} on tcp/1\n"
        "  }\n"
        "}\n");
}

static void test_cluster_inventory_stays_away(void)
{
    check_output("npc", "p.yaml",
                 "apiVersion: v1\n"
                 "kind: Namespace\n"
                 "metadata: {name: ns, labels: {a: b}}\n"
                 "---\n"
                 "apiVersion: v1\n"
                 "kind: Node\n"
                 "metadata: {name: n1, labels: {a: b}}\n"
                 "---\n"
                 "apiVersion: v1\n"
                 "kind: Pod\n"
                 "metadata: {name: w, namespace: ns, labels: {a: b}}\n"
                 "spec: {containers: []}\n"
                 "status: {podIP: 10.0.0.1}\n",
                 "");
}

static void test_raw_that_cannot_be_said(void)
{
    struct compiled c;
    static const char *const texts[] = {"a: b\"", "a: '\"\"\"'", "\"\"\"", "\""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        compile_load(&c, "p.npc", STR("raw k8s \"\"\"a: b\"\"\"\n"));
        CU_ASSERT_EQUAL_FATAL(c.program.raws.n, 1);
        c.program.raws.v[0].text = str_of(texts[i]);
        compile_run(&c, "npc");
        CU_ASSERT(!c.ok);
        CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC406), 1);
        compile_free(&c);
    }
    check_round_trip("p.npc", STR("raw k8s \"\"\"a: \"\"b\"\"\"\n"));
}

/* Words and strings that come back as they were, whatever is in them. */
static void test_words(void)
{
    static const char *const words[] = {
        "word",
        "a-",
        "-a",
        "a_",
        "_",
        "tcp/80",
        "icmp6/x",
        "icmp/8.0",
        "icmp7/x",
        "sctp/",
        "any/x",
        "a b",
        "10.0.0.0/8",
        "::1",
        "a:b",
        "\xc3\xa9",
        "\x7f",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\xe2\x80\xae",
        "a\tb",
        "a\nb",
        "a\rb",
        "\"\"\"",
        "\\u{41}",
        "#",
        "{",
        "raw",
        "",
        "a/",
        ".a",
        "\x1b[31m",
    };
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    enum { N = sizeof words / sizeof words[0], LONG = 5000 };
    char *longest = memset(arena_alloc(&c.arena, LONG), 'w', LONG);
    for (size_t i = 0; i <= N; i++) {
        struct compiled x;
        compile_load(&x, "p.npc",
                     STR("policy p for all pods { annotation a = b default deny ingress }"));
        CU_ASSERT_FATAL(x.loaded);
        struct str word = i < N ? str_of(words[i]) : (struct str){longest, LONG};
        x.program.policies.v[0]->annotations.v[0].value = word;
        compile_run(&x, "npc");
        CU_ASSERT_FATAL(x.ok);
        struct compiled again;
        compile_load(&again, "again.npc", buf_text(x.out));
        CU_ASSERT_FATAL(again.loaded);
        CU_ASSERT(str_eq(again.program.policies.v[0]->annotations.v[0].value, word));
        check_formatted(buf_text(x.out));
        compile_free(&again);
        compile_free(&x);
    }
    ctx_free(&c);
}

/* A workload goes on one line as long as that has at most 80 columns, blanks before it included. */
static void test_properties_around_80_columns(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    static const char name[] = "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww";
    for (int n = 30; n < 60; n++) {
        check_round_trip("p.npc",
                         str_printf(&c.arena,
                                    "namespace ns { workload %.*s { addr {10.0.0.1, 10.0.0.2} "
                                    "label a=b } }\n"
                                    "node %.*s { addr {10.0.0.1, 10.0.0.2} label a=b }\n",
                                    n, name, n, name));
    }
    ctx_free(&c);
}

static void test_pods_of_the_cluster_stay_away(void)
{
    struct compiled c;
    compile_load(&c, "p.npc",
                 STR("namespace ns { workload a { addr 10.0.0.1 } workload b { addr 10.0.0.2 } }"));
    CU_ASSERT_FATAL(c.loaded);
    c.program.inv.workloads.v[1]->kind = WL_POD;
    compile_run(&c, "npc");
    CU_ASSERT(c.ok && str_is(buf_text(c.out), "namespace ns {\n"
                                              "  workload a { addr 10.0.0.1 }\n"
                                              "}\n"));
    compile_free(&c);
}

/* Every name of a port that the API takes is said, or refused: never printed as something else. */
static void test_port_names(void)
{
    static const struct {
        const char *name;
        bool quoted;
    } names[] = {
        {"http", false},   {"80a", false},  {"8080a", false}, {"1-2a", false}, {"80-90a", false},
        {"e1", false},     {"1e", false},   {"0x", false},    {"0xg", false},  {"x50", false},
        {"0oa", false},    {"0bf", false},  {"0b2", true},    {"0o9", true},   {"0x50", true},
        {"0xabc", true},   {"1e3", true},   {"0e0", true},    {"0b1", true},   {"1e3-4", true},
        {"80-0x51", true}, {"4-1e5", true}, {"1-2-a", false}, {"a-1", false},  {"1e3e", false},
        {"0x5-a", false},
    };
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct str text =
            str_printf(&c.arena,
                       "apiVersion: networking.k8s.io/v1\n"
                       "kind: NetworkPolicy\n"
                       "metadata: {name: p}\n"
                       "spec: {podSelector: {}, ingress: [{ports: [{port: '%s'}]}]}\n",
                       names[i].name);
        check_round_trip("p.yaml", text);
        struct compiled out;
        compile_load(&out, "p.yaml", text);
        compile_run(&out, "npc");
        struct str quoted = str_printf(&c.arena, "\"tcp/%s\"", names[i].name);
        struct str source = buf_text(out.out);
        CU_ASSERT_EQUAL(memmem(source.p, source.n, quoted.p, quoted.n) != NULL, names[i].quoted);
        compile_free(&out);
    }
    check_round_trip("p.npc", STR("cluster policy c in tier admin priority 0 for all namespaces {\n"
                                  "  deny to all namespaces on {any/0x50, any/1e3}\n"
                                  "}\n"));
    ctx_free(&c);
}

UNIT_MAIN("backend_npc", TEST(test_words), TEST(test_properties_around_80_columns),
          TEST(test_pods_of_the_cluster_stay_away), TEST(test_port_names),
          TEST(test_round_trip_of_source), TEST(test_round_trip_around_80_columns),
          TEST(test_round_trip_of_objects), TEST(test_layout), TEST(test_inventory_of_the_language),
          TEST(test_cluster_inventory_stays_away), TEST(test_raw_that_cannot_be_said))
