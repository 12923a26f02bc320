/* What only the whole program shows: order, names, priorities, limits, objects given twice. */
#include "read.h"

#define POLICY(meta, spec)                                                                         \
    "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {" meta                 \
    "}\nspec: {" spec "}\n"
#define CLUSTER(name, spec)                                                                        \
    "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"             \
    "metadata: {name: " name "}\nspec: {" spec "}\n"
#define OBJECT(api, kind, rest) "---\n{apiVersion: " api ", kind: " kind ", " rest "}\n"

static size_t count(const struct reading *r, enum diag_id id, enum severity sev)
{
    size_t n = 0;
    for (size_t i = 0; i < r->ctx.diags.list.n; i++) {
        n += r->ctx.diags.list.v[i]->id == id && r->ctx.diags.list.v[i]->severity == sev;
    }
    return n;
}

/* ---- order ---- */

static void add_file(struct reading *r, const char *path, const char *text)
{
    uint32_t file = sources_add(&r->ctx.sources, str_of(path));
    r->ok &= k8s_read(&r->ctx, &r->options, file, K8S_YAML, reading_stream(r, str_of(text), 0),
                      &r->program, &r->counts);
}

/* By bytes of the path, then by place: whatever the order of reading. */
static void order_of_files(void)
{
    static const char *const want[] = {"c", "d", "a", "b", "e"};
    struct reading r;
    reading_init(&r);
    add_file(&r, "b", POLICY("name: a", "") POLICY("name: b", ""));
    add_file(&r, "ba", POLICY("name: e", ""));
    add_file(&r, "B", POLICY("name: c", "") POLICY("name: d", ""));
    CU_ASSERT(program_finish(&r.ctx, &r.program) && r.ok);
    CU_ASSERT_FATAL(r.program.policies.n == COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        CU_ASSERT(str_is(r.program.policies.v[i]->name, want[i]));
    }
    reading_free(&r);
}

/* One statement may make several policies: they stay in the order they were made in. */
static void order_within_a_place(void)
{
    struct reading r;
    reading_init(&r);
    for (size_t i = 0; i < 100; i++) {
        struct policy *p = ARENA_NEW(&r.ctx.arena, struct policy);
        *p = (struct policy){.name = STR("p"),
                             .ns = str_printf(&r.ctx.arena, "n%zu", 99 - i),
                             .at = {.file = 1, .line = 1, .col = 1, .len = 1}};
        vec_push(&r.ctx.arena, &r.program.policies, p);
    }
    sources_add(&r.ctx.sources, STR("in"));
    CU_ASSERT(program_finish(&r.ctx, &r.program));
    for (size_t i = 0; i < 100; i++) {
        struct str want = str_printf(&r.ctx.arena, "n%zu", 99 - i);
        CU_ASSERT(str_eq(r.program.policies.v[i]->ns, want));
    }
    reading_free(&r);
}

/* ---- names (NPC502, NPC501) ---- */

static void same_name_twice(void)
{
    static const struct {
        const char *text;
        bool ok;
        size_t policies, infos, errors;
    } cases[] = {
        {POLICY("name: a", "") POLICY("name: a", ""), true, 1, 1, 0},
        {POLICY("name: a", "") POLICY("name: a", "podSelector: {}"), true, 1, 1, 0},
        {POLICY("name: a", "") POLICY("name: a", "policyTypes: [Egress]"), false, 1, 0, 1},
        {POLICY("name: a", "") POLICY("name: a, labels: {b: c}", ""), false, 1, 0, 1},
        {POLICY("name: a, labels: {b: c, d: e}", "") POLICY("name: a, labels: {d: e, b: c}", ""),
         true, 1, 1, 0},
        {POLICY("name: a, namespace: ns", "") POLICY("name: a, namespace: nt", "ingress: [{}]"),
         true, 2, 0, 0},
        {POLICY("name: a, namespace: default", "") POLICY("name: a", "ingress: [{}]"), true, 2, 0,
         0},
        {POLICY("name: a", "") CLUSTER("a", "tier: Admin, priority: 1, subject: {namespaces: {}}"),
         true, 2, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_of(&r, K8S_YAML, cases[i].text);
        CU_ASSERT(r.ok == cases[i].ok);
        CU_ASSERT(r.program.policies.n == cases[i].policies);
        CU_ASSERT(count(&r, DIAG_NPC502, SEV_INFO) == cases[i].infos);
        CU_ASSERT(count(&r, DIAG_NPC502, SEV_ERROR) == cases[i].errors);
        reading_free(&r);
    }
}

static void second_names_the_first(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML, POLICY("name: a", "") POLICY("name: a", "ingress: [{}]"));
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC502, 9, 18, "defined twice"));
    const struct diag *d = find_diag(&r.ctx, DIAG_NPC502);
    CU_ASSERT_FATAL(d->notes.n == 1);
    CU_ASSERT(d->notes.v[0].at.line == 4 && d->notes.v[0].at.col == 18);
    reading_free(&r);
}

/* --namespace says where a policy without namespace is. */
static void default_namespace(void)
{
    const char *text = POLICY("name: a, namespace: ns", "") POLICY("name: a", "ingress: [{}]");
    for (size_t given = 0; given <= 1; given++) {
        struct reading r;
        reading_init(&r);
        r.program.has_default_ns = given == 1;
        r.program.default_ns = given == 1 ? STR("ns") : STR("");
        reading_add(&r, K8S_YAML, str_of(text), 0);
        bool ok = program_finish(&r.ctx, &r.program);
        CU_ASSERT(ok == (given == 0));
        CU_ASSERT(count(&r, DIAG_NPC501, SEV_INFO) == (given == 1 ? 0 : 1));
        CU_ASSERT(str_is(r.program.default_ns, given == 1 ? "ns" : "default"));
        reading_free(&r);
    }
}

/* Every change of a policy makes it another; the oracle is the list itself: all are different. */
static void policy_equal_sees_everything(void)
{
    static const char *const specs[] = {
        "",
        "podSelector: {matchLabels: {a: b}}",
        "podSelector: {matchLabels: {a: c}}",
        "podSelector: {matchLabels: {d: b}}",
        "podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}",
        "podSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}",
        "podSelector: {matchExpressions: [{key: a, operator: In, values: [b, b]}]}",
        "podSelector: {matchExpressions: [{key: a, operator: Exists}]}",
        "policyTypes: [Egress]",
        "policyTypes: [Ingress, Egress]",
        "ingress: [{}]",
        "ingress: [{}, {}]",
        "egress: [{}], policyTypes: [Ingress]",
        "ingress: [{from: [{podSelector: {}}]}]",
        "ingress: [{from: [{namespaceSelector: {}}]}]",
        "ingress: [{from: [{podSelector: {}, namespaceSelector: {}}]}]",
        "ingress: [{from: [{podSelector: {}}, {podSelector: {}}]}]",
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]",
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/9}}]}]",
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9]}}]}]",
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/10]}}]}]",
        "ingress: [{from: [{ipBlock: {cidr: \"fd00::/8\"}}]}]",
        "ingress: [{ports: [{}]}]",
        "ingress: [{ports: [{protocol: UDP}]}]",
        "ingress: [{ports: [{port: 80}]}]",
        "ingress: [{ports: [{port: 81}]}]",
        "ingress: [{ports: [{port: 80, endPort: 80}]}]",
        "ingress: [{ports: [{port: 80, endPort: 81}]}]",
        "ingress: [{ports: [{port: http}]}]",
        "ingress: [{ports: [{port: https}]}]",
        "ingress: [{ports: [{port: 80}, {port: 80}]}]",
    };
    struct reading r;
    reading_init(&r);
    const struct policy *all[COUNT(specs)];
    for (size_t i = 0; i < COUNT(specs); i++) {
        struct str text = str_printf(&r.ctx.arena, POLICY("name: a", "%s"), specs[i]);
        reading_add(&r, K8S_YAML, text, 0);
        CU_ASSERT_FATAL(r.ok && r.program.policies.n == i + 1);
        all[i] = r.program.policies.v[i];
    }
    for (size_t i = 0; i < COUNT(specs); i++) {
        for (size_t j = 0; j < COUNT(specs); j++) {
            CU_ASSERT(policy_equal(all[i], all[j]) == (i == j));
        }
    }
    reading_free(&r);
}

/* The same for what is not in the spec of a NetworkPolicy: one change each. */
static void policy_equal_sees_every_field(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               CLUSTER("a, labels: {k: v}, annotations: {k: v}",
                       "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {k: v}}}, "
                       "ingress: [{name: rule, action: Deny, from: [{namespaces: {}}]}]"));
    CU_ASSERT_FATAL(r.ok && r.program.policies.n == 1);
    const struct policy *base = r.program.policies.v[0];
    static const struct selector everything;
    struct label other_key = {.key = STR("x"), .value = STR("v")};
    struct label other_value = {.key = STR("k"), .value = STR("x")};
    struct label two[] = {base->labels.v[0], other_key};
    struct raw raws[] = {{.backend = STR("k8s"), .text = STR("a: b")},
                         {.backend = STR("npc"), .text = STR("a: b")},
                         {.backend = STR("k8s"), .text = STR("a: c")}};
    struct rule allow = base->rules[DIR_INGRESS][0], renamed = allow;
    allow.action = ACT_ALLOW;
    renamed.name = STR("m");
    struct policy p[16];
    for (size_t i = 0; i < COUNT(p); i++) {
        p[i] = *base;
    }
    p[0].api = API_ADMIN_POLICY;
    p[1].name = STR("b");
    p[2].tier = STR("baseline");
    p[3].priority = 2;
    p[4].labels = (struct labels){&other_key, 1};
    p[5].labels = (struct labels){&other_value, 1};
    p[6].labels = (struct labels){two, 2};
    p[7].labels = (struct labels){NULL, 0};
    p[8].annotations = (struct labels){&other_value, 1};
    p[9].target_ns = &everything;
    p[10].rules[DIR_INGRESS] = &allow;
    p[11].rules[DIR_INGRESS] = &renamed;
    p[12].nrules[DIR_INGRESS] = 0;
    for (size_t i = 0; i < COUNT(raws); i++) {
        p[13 + i].raws = &raws[i];
        p[13 + i].nraws = 1;
    }
    for (size_t i = 0; i < COUNT(p); i++) {
        CU_ASSERT(!policy_equal(base, &p[i]) && !policy_equal(&p[i], base));
        for (size_t k = 0; k < COUNT(p); k++) {
            CU_ASSERT(policy_equal(&p[i], &p[k]) == (i == k));
        }
    }
    reading_free(&r);
}

static void equal_whatever_the_place(void)
{
    struct reading r;
    reading_init(&r);
    reading_add(&r, K8S_YAML,
                STR(POLICY("name: a, labels: {x: z}", "ingress: [{from: [{podSelector: {}}]}]")),
                0);
    reading_add(&r, K8S_YAML,
                STR("\n\n" POLICY("labels: {x: z}, name: a",
                                  "podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [], "
                                  "from: [{podSelector: {matchLabels: {}}}]}]")),
                0);
    CU_ASSERT_FATAL(r.program.policies.n == 2);
    CU_ASSERT(policy_equal(r.program.policies.v[0], r.program.policies.v[1]));
    reading_free(&r);
}

/* ---- priorities (NPC401) ---- */

#define SUBJECT      "subject: {namespaces: {}}"
#define RULE(action) "ingress: [{action: " action ", from: [{namespaces: {}}]}]"
#define RULE_ON(action, port)                                                                      \
    "ingress: [{action: " action ", from: [{namespaces: {}}], "                                    \
    "protocols: [{tcp: {destinationPort: {number: " port "}}}]}]"

static void equal_priorities(void)
{
    static const struct {
        const char *text;
        size_t warnings, infos;
    } cases[] = {
        {CLUSTER("a", "tier: Admin, priority: 1, " SUBJECT ", " RULE("Deny"))
             CLUSTER("b", "tier: Admin, priority: 1, " SUBJECT ", " RULE("Accept")),
         1, 0},
        {CLUSTER("a", "tier: Admin, priority: 1, " SUBJECT ", " RULE("Deny"))
             CLUSTER("b", "tier: Admin, priority: 1, " SUBJECT ", " RULE("Deny")),
         0, 1},
        {CLUSTER("a", "tier: Admin, priority: 1, " SUBJECT ", " RULE("Deny"))
             CLUSTER("b", "tier: Baseline, priority: 1, " SUBJECT ", " RULE("Accept")),
         0, 0},
        {CLUSTER("a", "tier: Admin, priority: 1, " SUBJECT ", " RULE("Deny"))
             CLUSTER("b", "tier: Admin, priority: 2, " SUBJECT ", " RULE("Accept")),
         0, 0},
        {POLICY("name: a", "") POLICY("name: b", ""), 0, 0},
        /* of three, the two that can differ about a packet */
        {CLUSTER("a", "tier: Admin, priority: 1, " SUBJECT ", " RULE_ON("Accept", "80"))
             CLUSTER("b", "tier: Admin, priority: 1, " SUBJECT ", " RULE_ON("Deny", "81"))
                 CLUSTER("c", "tier: Admin, priority: 1, " SUBJECT ", " RULE_ON("Pass", "81")),
         1, 1},
        {CLUSTER("a",
                 "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: b}}}, " RULE(
                     "Accept"))
             CLUSTER(
                 "b",
                 "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: c}}}, " RULE(
                     "Deny")),
         0, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_of(&r, K8S_YAML, cases[i].text);
        CU_ASSERT(r.ok);
        CU_ASSERT(count(&r, DIAG_NPC401, SEV_WARNING) == cases[i].warnings);
        CU_ASSERT(count(&r, DIAG_NPC401, SEV_INFO) == cases[i].infos);
        reading_free(&r);
    }
}

/* Where it is too much to compare all rules, the warning stands. */
static void too_much_to_compare(void)
{
    static const size_t sizes[] = {100, 2100};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct reading r;
        reading_init(&r);
        for (enum action action = ACT_ALLOW; action <= ACT_DENY; action++) {
            struct policy *p = ARENA_NEW(&r.ctx.arena, struct policy);
            *p = (struct policy){.api = API_CLUSTER_POLICY,
                                 .name = action == ACT_ALLOW ? STR("a") : STR("b"),
                                 .tier = STR("admin"),
                                 .nrules[DIR_EGRESS] = sizes[i]};
            p->rules[DIR_EGRESS] = ARENA_NEW_ARRAY(&r.ctx.arena, sizes[i], struct rule);
            for (size_t k = 0; k < sizes[i]; k++) {
                struct port *port = ARENA_NEW(&r.ctx.arena, struct port);
                *port = (struct port){.proto = action == ACT_ALLOW ? PROTO_TCP : PROTO_UDP,
                                      .form = PORT_WHOLE};
                p->rules[DIR_EGRESS][k] = (struct rule){.action = action,
                                                        .direction = DIR_EGRESS,
                                                        .any_peer = true,
                                                        .ports = port,
                                                        .nports = 1};
            }
            vec_push(&r.ctx.arena, &r.program.policies, p);
        }
        CU_ASSERT(program_finish(&r.ctx, &r.program));
        CU_ASSERT_EQUAL(count(&r, DIAG_NPC401, SEV_WARNING), i);
        CU_ASSERT_EQUAL(count(&r, DIAG_NPC401, SEV_INFO), 1 - i);
        reading_free(&r);
    }
}

/* ---- domain names ---- */

static void domains_that_are_denied(void)
{
    static const struct {
        const char *action;
        size_t warnings;
    } cases[] = {{"Accept", 0}, {"Deny", 1}, {"Pass", 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        char text[512];
        snprintf(text, sizeof text,
                 CLUSTER("a", "tier: Admin, priority: 1, " SUBJECT ", egress: [{action: %s, to: "
                              "[{namespaces: {}}, {domainNames: [a.example.com]}]}]"),
                 cases[i].action);
        reading_of(&r, K8S_YAML, text);
        CU_ASSERT(r.ok);
        CU_ASSERT_EQUAL(count(&r, DIAG_NPC064, SEV_WARNING), cases[i].warnings);
        reading_free(&r);
    }
}

/* ---- limits ---- */

static void limits(void)
{
    for (size_t over = 0; over <= 1; over++) {
        struct reading r;
        reading_init(&r);
        r.ctx.limits.policies = 3 - over;
        reading_add(&r, K8S_YAML,
                    STR(POLICY("name: a", "") POLICY("name: b", "") POLICY("name: c", "")), 0);
        CU_ASSERT(program_finish(&r.ctx, &r.program) == (over == 0));
        CU_ASSERT(over == 0 ||
                  has_diag(&r.ctx, SEV_ERROR, DIAG_NPC003, 14, 18, "more than 2 policies"));
        reading_free(&r);

        reading_init(&r);
        r.ctx.limits.per_rule = 3 - over;
        reading_add(&r, K8S_YAML,
                    STR(POLICY("name: a", "ingress: [{ports: [{}, {}, {}]}], egress: [{}]")
                            POLICY("name: b", "egress: [{to: [{podSelector: {}}, {podSelector: "
                                              "{}}, {podSelector: {}}]}]")),
                    0);
        CU_ASSERT(program_finish(&r.ctx, &r.program) == (over == 0));
        CU_ASSERT(over == 0 || has_diag(&r.ctx, SEV_ERROR, DIAG_NPC003, 5, 18, "3 ports"));
        CU_ASSERT(over == 0 || has_diag(&r.ctx, SEV_ERROR, DIAG_NPC003, 10, 17, "3 peers"));
        reading_free(&r);

        reading_init(&r);
        r.ctx.limits.workloads = 2 - over;
        reading_add(&r, K8S_YAML,
                    STR(OBJECT("v1", "Pod", "metadata: {name: a}, spec: {}")
                            OBJECT("v1", "Pod", "metadata: {name: b}, spec: {}")),
                    0);
        CU_ASSERT(program_finish(&r.ctx, &r.program) == (over == 0));
        reading_free(&r);
    }
}

/* One object too many, of each kind: seen while reading, and reported. */
static void full_of_objects(void)
{
    static const char *const kinds[] = {"Namespace", "Node", "Service", "Pod"};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        for (size_t over = 0; over <= 1; over++) {
            struct reading r;
            reading_init(&r);
            r.ctx.limits.workloads = 3 - over;
            struct buf *text = buf_new(&r.ctx.arena);
            for (char name = 'a'; name <= 'c'; name++) {
                buf_printf(text, OBJECT("v1", "%s", "metadata: {name: %c1}, spec: {}"), kinds[i],
                           name);
            }
            reading_add(&r, K8S_YAML, buf_text(text), 0);
            CU_ASSERT(program_is_full(&r.ctx, &r.program) == (over == 1));
            CU_ASSERT(program_finish(&r.ctx, &r.program) == (over == 0));
            CU_ASSERT(count(&r, DIAG_NPC003, SEV_ERROR) == over);
            reading_free(&r);
        }
    }
}

/* ---- the inventory ---- */

#define POD(name, rest) OBJECT("v1", "Pod", "metadata: {name: " name "}, " rest)

#define PORTED(name, port) POD(name, "spec: {containers: [{ports: [{" port "}]}]}")

#define SERVICE(name, ports)                                                                       \
    OBJECT("v1", "Service", "metadata: {name: " name "}, spec: {ports: [" ports "]}")

static void objects_twice(void)
{
    static const struct {
        const char *text;
        bool ok;
        size_t workloads, namespaces, nodes, services;
    } cases[] = {
        {POD("a", "spec: {}") POD("a", "spec: {}"), true, 1, 1, 0, 0},
        {POD("a", "spec: {}") POD("a", "spec: {nodeName: n1}"), false, 1, 1, 0, 0},
        {POD("a", "spec: {}") POD("a", "spec: {}, status: {podIP: 10.0.0.1}"), false, 1, 1, 0, 0},
        {POD("a", "spec: {}, status: {podIP: 10.0.0.2}")
             POD("a", "spec: {}, status: {podIP: 10.0.0.1}"),
         false, 1, 1, 0, 0},
        {POD("a", "spec: {containers: [{ports: [{containerPort: 2}]}]}")
             POD("a", "spec: {containers: [{ports: [{containerPort: 1}]}]}"),
         false, 1, 1, 0, 0},
        {POD("a", "spec: {}") POD("a", "spec: {containers: [{ports: [{containerPort: 1}]}]}"),
         false, 1, 1, 0, 0},
        {POD("a, labels: {b: c}", "spec: {}") POD("a, labels: {b: d}", "spec: {}"), false, 1, 1, 0,
         0},
        {POD("a, labels: {b: c}", "spec: {}") POD("a, labels: {d: c}", "spec: {}"), false, 1, 1, 0,
         0},
        {POD("a, ownerReferences: [{kind: Job, name: x, controller: true}]", "spec: {}")
             POD("a", "spec: {}"),
         false, 1, 1, 0, 0},
        {POD("a", "spec: {}") POD("a", "spec: {hostNetwork: true}"), false, 1, 1, 0, 0},
        {POD("a", "spec: {}") POD("a", "spec: {}, status: {phase: Failed}"), false, 1, 1, 0, 0},
        {POD("a", "spec: {}, status: {podIPs: [{ip: 10.0.0.1}]}")
             POD("a", "spec: {}, status: {podIPs: [{ip: \"fd00::1\"}]}"),
         false, 1, 1, 0, 0},
        {PORTED("a", "name: p, containerPort: 1") PORTED("a", "name: p, containerPort: 1"), true, 1,
         1, 0, 0},
        {PORTED("a", "name: p, containerPort: 1") PORTED("a", "name: q, containerPort: 1"), false,
         1, 1, 0, 0},
        {PORTED("a", "name: p, containerPort: 1")
             PORTED("a", "name: p, containerPort: 1, protocol: UDP"),
         false, 1, 1, 0, 0},
        {PORTED("a", "name: p, containerPort: 1") PORTED("a", "name: p, containerPort: 2"), false,
         1, 1, 0, 0},
        {OBJECT("apps/v1", "Deployment", "metadata: {name: a}, spec: {template: {}}")
             OBJECT("apps/v1", "StatefulSet", "metadata: {name: a}, spec: {template: {}}")
                 POD("a", "spec: {}"),
         true, 3, 1, 0, 0},
        {OBJECT("v1", "Namespace", "metadata: {name: a, labels: {b: c}}")
             OBJECT("v1", "Namespace", "metadata: {name: a, labels: {b: c}}"),
         true, 0, 1, 0, 0},
        {OBJECT("v1", "Namespace", "metadata: {name: a, labels: {b: c}}")
             OBJECT("v1", "Namespace", "metadata: {name: a}"),
         false, 0, 1, 0, 0},
        {OBJECT("v1", "Namespace", "metadata: {name: a, labels: {b: c}}")
             OBJECT("v1", "Namespace", "metadata: {name: a, labels: {d: c}}"),
         false, 0, 1, 0, 0},
        {OBJECT("v1", "Node", "metadata: {name: a}")
             OBJECT("v1", "Node",
                    "metadata: {name: a}, status: {addresses: [{type: InternalIP, address: "
                    "10.0.0.1}]}"),
         false, 0, 0, 1, 0},
        {OBJECT("v1", "Service", "metadata: {name: a}, spec: {selector: {a: b}}")
             OBJECT("v1", "Service", "metadata: {name: a}, spec: {selector: {a: c}}"),
         false, 0, 1, 0, 1},
        {OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: 10.0.0.1}")
             OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: 10.0.0.2}"),
         false, 0, 1, 0, 1},
        {OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: None}")
             OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: 10.0.0.2}"),
         false, 0, 1, 0, 1},
        {OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: None}")
             OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIPs: [None]}"),
         true, 0, 1, 0, 1},
        {OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: 10.0.0.1}")
             OBJECT("v1", "Service", "metadata: {name: a}, spec: {}")
                 OBJECT("v1", "Service", "metadata: {name: a}, spec: {clusterIP: 10.0.0.2}"),
         false, 0, 1, 0, 1},
        {OBJECT("v1", "Node", "metadata: {name: a}") OBJECT("v1", "Node", "metadata: {name: a}"),
         true, 0, 0, 1, 0},
        {OBJECT("v1", "Node", "metadata: {name: a}")
             OBJECT("v1", "Node", "metadata: {name: a, labels: {b: c}}"),
         false, 0, 0, 1, 0},
        {SERVICE("a", "{port: 1}") SERVICE("a", "{port: 1, targetPort: 1}"), true, 0, 1, 0, 1},
        {SERVICE("a", "{port: 1}") SERVICE("a", "{port: 2, targetPort: 1}"), false, 0, 1, 0, 1},
        {SERVICE("a", "{port: 1}") SERVICE("a", "{port: 1, targetPort: 2}"), false, 0, 1, 0, 1},
        {SERVICE("a", "{port: 1}") SERVICE("a", "{port: 1, name: x}"), false, 0, 1, 0, 1},
        {SERVICE("a", "{port: 1}") SERVICE("a", "{port: 1, protocol: UDP}"), false, 0, 1, 0, 1},
        {SERVICE("a", "{port: 1}") SERVICE("a", ""), false, 0, 1, 0, 1},
        {SERVICE("a", "{port: 1, targetPort: x}") SERVICE("a", "{port: 1, targetPort: z}"), false,
         0, 1, 0, 1},
        {SERVICE("a, namespace: ns", "") SERVICE("a, namespace: nt", "{port: 1}"), true, 0, 2, 0,
         2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_of(&r, K8S_YAML, cases[i].text);
        const struct inventory *inv = &r.program.inv;
        CU_ASSERT(r.ok == cases[i].ok);
        CU_ASSERT(count(&r, DIAG_NPC068, SEV_ERROR) == (cases[i].ok ? 0 : 1));
        CU_ASSERT(inv->workloads.n == cases[i].workloads &&
                  inv->namespaces.n == cases[i].namespaces && inv->nodes.n == cases[i].nodes &&
                  inv->services.n == cases[i].services);
        reading_free(&r);
    }
}

/* What the server adds to a Service is no difference, and is known afterwards. */
static void service_with_address_wins(void)
{
    static const char written[] = OBJECT("v1", "Service",
                                         "metadata: {name: a}, spec: {selector: {a: b}, ports: "
                                         "[{port: 80}]}");
    static const char running[] = OBJECT("v1", "Service",
                                         "metadata: {name: a}, spec: {selector: {a: b}, "
                                         "clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ports: "
                                         "[{port: 80, targetPort: 80, protocol: TCP, nodePort: "
                                         "30000}]}, status: {loadBalancer: {}}");
    for (size_t i = 0; i < 2; i++) {
        struct reading r;
        reading_init(&r);
        reading_add(&r, K8S_YAML, str_of(i == 0 ? written : running), 0);
        reading_add(&r, K8S_YAML, str_of(i == 0 ? running : written), 0);
        CU_ASSERT(r.ok && program_finish(&r.ctx, &r.program));
        CU_ASSERT(r.program.inv.services.n == 1 && r.program.inv.services.v[0]->naddrs == 1);
        reading_free(&r);
    }
}

/* A Namespace object tells more than a name that others mention. */
static void declared_namespace_wins(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               OBJECT("v1", "Pod", "metadata: {name: p, namespace: a}, spec: {}")
                   POLICY("name: a, namespace: b", "") POLICY("name: c", "")
                       OBJECT("v1", "Namespace", "metadata: {name: a, labels: {x: z}}"));
    CU_ASSERT(r.ok);
    CU_ASSERT_FATAL(r.program.inv.namespaces.n == 3);
    const struct ns_object *a = inventory_find_ns(&r.program.inv, STR("a"));
    CU_ASSERT_FATAL(a != NULL && a == r.program.inv.namespaces.v[0]);
    CU_ASSERT(a->declared && a->labels.n == 2);
    const struct ns_object *b = inventory_find_ns(&r.program.inv, STR("b"));
    CU_ASSERT_FATAL(b != NULL);
    CU_ASSERT(!b->declared && b->labels.n == 1 && str_is(b->labels.v[0].key, LABEL_NS_NAME) &&
              str_is(b->labels.v[0].value, "b"));
    CU_ASSERT(inventory_find_ns(&r.program.inv, STR("default")) != NULL);
    CU_ASSERT(inventory_find_ns(&r.program.inv, STR("d")) == NULL);
    reading_free(&r);
}

static void look_ups(void)
{
    struct reading r;
    reading_init(&r);
    for (size_t i = 0; i < 50; i++) {
        /* in no order, and two namespaces */
        struct str text = str_printf(
            &r.ctx.arena,
            "{apiVersion: v1, kind: Pod, metadata: {name: p%zu, namespace: ns%zu}, spec: {}}\n---\n"
            "{apiVersion: v1, kind: Node, metadata: {name: n%zu}}\n",
            i * 37 % 50, i % 2, i * 37 % 50);
        reading_add(&r, K8S_YAML, text, 0);
    }
    CU_ASSERT(program_finish(&r.ctx, &r.program));
    for (size_t i = 0; i < 50; i++) {
        struct str name = str_printf(&r.ctx.arena, "p%zu", i * 37 % 50);
        struct str ns = str_printf(&r.ctx.arena, "ns%zu", i % 2);
        struct str other = str_printf(&r.ctx.arena, "ns%zu", (i + 1) % 2);
        const struct workload *w = inventory_find_workload(&r.program.inv, ns, name);
        CU_ASSERT(w != NULL && str_eq(w->name, name) && str_eq(w->ns, ns));
        CU_ASSERT(inventory_find_workload(&r.program.inv, other, name) == NULL);
        struct str node = str_printf(&r.ctx.arena, "n%zu", i);
        const struct node_object *n = inventory_find_node(&r.program.inv, node);
        CU_ASSERT(n != NULL && str_eq(n->name, node));
    }
    CU_ASSERT(inventory_find_node(&r.program.inv, STR("")) == NULL);
    CU_ASSERT(inventory_find_node(&r.program.inv, STR("z")) == NULL);
    CU_ASSERT(inventory_find_workload(&r.program.inv, STR("z"), STR("z")) == NULL);
    reading_free(&r);
}

/* A pod comes before what it could be a template of. */
static void pod_before_template(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               OBJECT("apps/v1", "Deployment", "metadata: {name: a}, spec: {template: {}}")
                   POD("a", "spec: {}"));
    CU_ASSERT(r.ok);
    const struct workload *w = inventory_find_workload(&r.program.inv, STR("default"), STR("a"));
    CU_ASSERT(w != NULL && w->kind == WL_POD);
    reading_free(&r);
}

/* A template's own owner, by the names that its controllers make. */
static void grand_owners(void)
{
    static const struct {
        const char *owner, *hash, *want;
    } cases[] = {
        {"ReplicaSet/web-5d4f", "5d4f", "Deployment/web"},
        {"ReplicaSet/a-b-5d4f", "5d4f", "Deployment/a-b"},
        {"ReplicaSet/web-5d4f", "5d4e", ""},
        {"ReplicaSet/web-5d4f", NULL, ""},
        {"ReplicaSet/web", "web", ""},
        {"ReplicaSet/-x", "x", ""},
        {"ReplicaSets/a-x", "x", ""},
        {"Job/backup-28456789", NULL, "CronJob/backup"},
        {"Job/backup-x1", NULL, ""},
        {"Job/backup-", NULL, ""},
        {"Job/backup", NULL, ""},
        {"Jobs/backup-1", NULL, ""},
        {"StatefulSet/db-0", NULL, ""},
        {"-", NULL, ""},
        {"", NULL, ""},
    };
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct label hash = {.key = STR("pod-template-hash"),
                             .value = str_of(cases[i].hash != NULL ? cases[i].hash : "")};
        struct workload w = {.owner = str_of(cases[i].owner),
                             .labels = {&hash, cases[i].hash != NULL}};
        CU_ASSERT(str_is(workload_grand_owner(&a, &w), cases[i].want));
    }
    arena_free(&a);
}

static void empty_program(void)
{
    struct reading r;
    reading_init(&r);
    CU_ASSERT(program_finish(&r.ctx, &r.program));
    CU_ASSERT(r.program.policies.n == 0 && r.program.inv.namespaces.n == 0);
    CU_ASSERT(inventory_find_workload(&r.program.inv, STR("a"), STR("b")) == NULL);
    reading_free(&r);
}

UNIT_MAIN("program", TEST(order_of_files), TEST(order_within_a_place), TEST(same_name_twice),
          TEST(second_names_the_first), TEST(default_namespace), TEST(policy_equal_sees_everything),
          TEST(policy_equal_sees_every_field), TEST(equal_whatever_the_place),
          TEST(equal_priorities), TEST(too_much_to_compare), TEST(domains_that_are_denied),
          TEST(limits), TEST(full_of_objects), TEST(objects_twice), TEST(service_with_address_wins),
          TEST(declared_namespace_wins), TEST(look_ups), TEST(pod_before_template),
          TEST(grand_owners), TEST(empty_program))
