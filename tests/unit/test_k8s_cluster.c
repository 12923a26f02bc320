/* ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy. */
#include "read.h"

#define CNP                                                                                        \
    "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"                  \
    "metadata: {name: p}\n"
#define ANP                                                                                        \
    "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n"                    \
    "metadata: {name: p}\n"
#define BANP                                                                                       \
    "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"            \
    "metadata: {name: default}\n"
#define SPEC "spec: {tier: Admin, priority: 10, subject: {namespaces: {}}, "

static const struct policy *only_policy(const struct reading *r)
{
    CU_ASSERT_FATAL(r->ok);
    CU_ASSERT_FATAL(r->program.policies.n == 1);
    return r->program.policies.v[0];
}

static void cluster_policy(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               CNP "spec:\n"
                   "  tier: Baseline\n"
                   "  priority: 7\n"
                   "  subject: {pods: {podSelector: {matchLabels: {a: b}}}}\n"
                   "  ingress:\n"
                   "  - {name: first one, action: Accept, from: [{namespaces: {}}, {pods: "
                   "{podSelector: {}}}],\n"
                   "     protocols: [{tcp: {destinationPort: {number: 80}}},\n"
                   "                 {udp: {destinationPort: {range: {start: 1, end: 65535}}}},\n"
                   "                 {destinationNamedPort: http}]}\n"
                   "  - {action: Pass, from: [{namespaces: {matchLabels: {c: d}}}]}\n"
                   "  egress:\n"
                   "  - action: Deny\n"
                   "    to:\n"
                   "    - networks: [10.0.0.0/8, '::/0']\n"
                   "    - nodes: {matchLabels: {e: f}}\n"
                   "    - domainNames: ['*.example.com', example.com.]\n");
    const struct policy *p = only_policy(&r);
    CU_ASSERT(p->api == API_CLUSTER_POLICY && policy_is_cluster(p));
    CU_ASSERT(str_is(p->tier, "baseline") && p->priority == 7);
    CU_ASSERT(p->target_pods->n == 1);
    CU_ASSERT(p->target_ns != NULL && p->target_ns->n == 0); /* absent: every namespace */
    CU_ASSERT(!p->isolates[DIR_INGRESS] && !p->isolates[DIR_EGRESS]);

    CU_ASSERT_FATAL(p->nrules[DIR_INGRESS] == 2 && p->nrules[DIR_EGRESS] == 1);
    const struct rule *in = p->rules[DIR_INGRESS];
    CU_ASSERT(in[0].action == ACT_ALLOW && str_is(in[0].name, "first one") && !in[0].any_port);
    CU_ASSERT_FATAL(in[0].npeers == 2 && in[0].nports == 3);
    CU_ASSERT(in[0].peers[0].ns->n == 0 && in[0].peers[0].pods == NULL);
    CU_ASSERT(in[0].peers[1].ns->n == 0 && in[0].peers[1].pods->n == 0);
    CU_ASSERT(in[0].ports[0].form == PORT_ONE && in[0].ports[0].proto == PROTO_TCP);
    CU_ASSERT(in[0].ports[1].form == PORT_RANGE && in[0].ports[1].proto == PROTO_UDP &&
              in[0].ports[1].last == 65535);
    CU_ASSERT(in[0].ports[2].form == PORT_NAMED && in[0].ports[2].proto == PROTO_ANY);
    CU_ASSERT(in[1].action == ACT_PASS && in[1].any_port && !in[1].any_peer);

    const struct rule *out = p->rules[DIR_EGRESS];
    CU_ASSERT(out->action == ACT_DENY);
    CU_ASSERT_FATAL(out->npeers == 5); /* each network and each domain is a peer */
    CU_ASSERT(str_is(cidr_text(&r.ctx.arena, out->peers[0].cidr), "10.0.0.0/8"));
    CU_ASSERT(str_is(cidr_text(&r.ctx.arena, out->peers[1].cidr), "::/0"));
    CU_ASSERT(out->peers[2].kind == PEER_NODES && out->peers[2].nodes->n == 1);
    CU_ASSERT(out->peers[3].kind == PEER_DOMAIN && str_is(out->peers[3].domain, "*.example.com"));
    CU_ASSERT(str_is(out->peers[4].domain, "example.com."));
    reading_free(&r);
}

static void admin_policy(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               ANP
               "spec:\n"
               "  priority: 1000\n"
               "  subject: {pods: {podSelector: {}, namespaceSelector: {matchLabels: {a: b}}}}\n"
               "  ingress:\n"
               "  - action: Allow\n"
               "    from: [{namespaces: {}}]\n"
               "    ports:\n"
               "    - portNumber: {port: 80}\n"
               "    - portRange: {protocol: SCTP, start: 5, end: 5}\n"
               "    - portRange: {start: 90, end: 80}\n"
               "    - namedPort: web\n"
               "  - action: Deny\n"
               "    from: [{namespaces: {}}]\n"
               "    ports: [{portRange: {start: 90, end: 80}}]\n");
    const struct policy *p = only_policy(&r);
    CU_ASSERT(p->api == API_ADMIN_POLICY && str_is(p->tier, "admin") && p->priority == 1000);
    CU_ASSERT(p->target_ns->n == 1 && p->target_pods->n == 0);
    /* what matches nothing is left out; a rule without ports must not become one for all */
    CU_ASSERT_FATAL(p->nrules[DIR_INGRESS] == 1);
    const struct rule *rule = p->rules[DIR_INGRESS];
    CU_ASSERT_FATAL(rule->nports == 3 && !rule->any_port);
    CU_ASSERT(rule->ports[0].proto == PROTO_TCP && rule->ports[0].first == 80);
    CU_ASSERT(rule->ports[1].form == PORT_ONE && rule->ports[1].proto == PROTO_SCTP);
    CU_ASSERT(rule->ports[2].form == PORT_NAMED);
    CU_ASSERT(r.ctx.diags.warnings == 2);
    CU_ASSERT(has_diag(&r.ctx, SEV_WARNING, DIAG_NPC062, 13, 18, "matches nothing"));
    CU_ASSERT(find_diag(&r.ctx, DIAG_NPC508)->severity == SEV_INFO);
    reading_free(&r);
}

static void baseline_policy(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               BANP "spec: {subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: "
                    "[0.0.0.0/0]}]}]}\n");
    const struct policy *p = only_policy(&r);
    CU_ASSERT(p->api == API_BASELINE_POLICY && str_is(p->tier, "baseline") && p->priority == 0);
    CU_ASSERT(p->target_pods == NULL);
    reading_free(&r);
}

static void refusals(void)
{
    enum { AT = sizeof SPEC };
    static const struct {
        const char *text;
        enum diag_id id;
        uint32_t line, col;
        const char *part;
    } cases[] = {
        {CNP, DIAG_NPC061, 1, 1, "spec: Required value"},
        {CNP "spec: {}\n", DIAG_NPC061, 4, 7, "spec.tier: Required value"},
        {CNP "spec: {tier: admin}\n", DIAG_NPC063, 4, 14, "supported values: \"Admin\", \"Base"},
        {CNP "spec: {priority: \"10\"}\n", DIAG_NPC060, 4, 18,
         "spec.priority: Invalid value: \"10\""},
        {CNP "spec: {priority: 010}\n", DIAG_NPC062, 4, 18, "plain decimal"},
        {CNP "spec: {priority: 1001}\n", DIAG_NPC062, 4, 18, "between 0 and 1000"},
        {CNP "spec: {subject: {}}\n", DIAG_NPC061, 4, 17, "exactly one of: namespaces, pods"},
        {CNP "spec: {subject: {namespaces: {}, pods: {podSelector: {}}}}\n", DIAG_NPC064, 4, 17,
         "spec.subject: Too many: 2"},
        {CNP "spec: {subject: {podSelector: {}}}\n", DIAG_NPC507, 4, 18, "unknown field"},
        {CNP SPEC "ingress: [{action: Allow, from: [{namespaces: {}}]}]}\n", DIAG_NPC063, 4,
         AT + 19, "supported values: \"Accept\", \"Deny\", \"Pass\""},
        {CNP SPEC "ingress: [{action: Deny, from: [{networks: [10.0.0.0/8]}]}]}\n", DIAG_NPC507, 4,
         AT + 33, "spec.ingress[0].from[0].networks: unknown field"},
        {CNP SPEC "ingress: [{action: Deny, from: []}]}\n", DIAG_NPC062, 4, AT + 31,
         "spec.ingress[0].from: Invalid value: []"},
        {CNP SPEC "egress: [{action: Deny, to: [{networks: [10.0.0.1]}]}]}\n", DIAG_NPC062, 4,
         AT + 41, "networks[0]: Invalid value: \"10.0.0.1\": Invalid CIDR format provided"},
        {CNP SPEC "egress: [{action: Deny, to: [{networks: [010.0.0.0/8]}]}]}\n", DIAG_NPC062, 4,
         AT + 41, "Invalid CIDR format provided"}, /* CEL refuses what the core API reads */
        {CNP SPEC "egress: [{action: Deny, to: [{networks: [10.0.0.0/8, 10.0.0.0/8]}]}]}\n",
         DIAG_NPC066, 4, AT + 53, "networks[1]: Duplicate value"},
        {CNP SPEC "egress: [{action: Deny, to: [{domainNames: [a.b], nodes: {}}]}]}\n", DIAG_NPC064,
         4, AT + 29, "to[0]: Too many: 2"},
        {CNP SPEC "egress: [{action: Deny, to: [{nodes: {}}], protocols: "
                  "[{destinationNamedPort: web}]}]}\n",
         DIAG_NPC064, 4, AT + 9, "spec.egress[0]: Invalid value"},
        {CNP SPEC "egress: [{action: Deny, to: [{nodes: {}}], protocols: [{tcp: {}}]}]}\n",
         DIAG_NPC061, 4, AT + 61, "protocols[0].tcp: Invalid value: {}"},
        {CNP SPEC "egress: [{action: Deny, to: [{nodes: {}}], ports: []}]}\n", DIAG_NPC507, 4,
         AT + 43, "spec.egress[0].ports: unknown field"},
        {CNP SPEC "egress: [{name: \"a\\0\", action: Deny, to: [{nodes: {}}]}]}\n", DIAG_NPC002, 4,
         AT + 16, "NUL"},
        {ANP "spec: {priority: 1, subject: {pods: {podSelector: {}}}}\n", DIAG_NPC061, 4, 37,
         "spec.subject.pods.namespaceSelector: Required value"},
        {ANP "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}\n", DIAG_NPC507, 4, 8,
         "spec.tier: unknown field"},
        {BANP "spec: {priority: 1, subject: {namespaces: {}}}\n", DIAG_NPC507, 4, 8,
         "spec.priority: unknown field"},
        {BANP "spec: {subject: {namespaces: {}}, egress: [{action: Pass, to: [{nodes: {}}]}]}\n",
         DIAG_NPC063, 4, 53, "supported values: \"Allow\", \"Deny\""},
        {BANP "spec: {subject: {namespaces: {}}, egress: [{action: Deny, to: [{domainNames: "
              "[a.b]}]}]}\n",
         DIAG_NPC507, 4, 65, "domainNames: unknown field"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_of(&r, K8S_YAML, cases[i].text);
        CU_ASSERT(!r.ok);
        CU_ASSERT(r.program.policies.n == 0);
        CU_ASSERT(
            has_diag(&r.ctx, SEV_ERROR, cases[i].id, cases[i].line, cases[i].col, cases[i].part));
        reading_free(&r);
    }
}

static void is_not_namespaced(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
               "metadata: {name: p, namespace: q}\n" SPEC "}\n");
    CU_ASSERT(!r.ok);
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC064, 3, 32, "metadata.namespace: Forbidden"));
    reading_free(&r);
}

static void baseline_has_one_name(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"
               "metadata: {name: other}\nspec: {subject: {namespaces: {}}}\n");
    CU_ASSERT(!r.ok);
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC062, 3, 18, "Only one baseline"));
    reading_free(&r);
}

/* 25 rules, peers, protocols and networks for ClusterNetworkPolicy, 100 for the older ones. */
static void counts(void)
{
    static const struct {
        const char *head, *item, *tail;
        size_t most;
        const char *part;
    } cases[] = {
        {CNP SPEC "ingress: [", "{action: Deny, from: [{namespaces: {}}]}", "]}\n", 25,
         "spec.ingress: Too many: 26: must have at most 25 items"},
        {CNP SPEC "ingress: [{action: Deny, from: [", "{namespaces: {}}", "]}]}\n", 25,
         "spec.ingress[0].from: Too many: 26"},
        {CNP SPEC "ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [",
         "{tcp: {destinationPort: {number: 1}}}", "]}]}\n", 25,
         "spec.ingress[0].protocols: Too many: 26"},
        {ANP "spec: {priority: 1, subject: {namespaces: {}}, egress: [",
         "{action: Deny, to: [{nodes: {}}]}", "]}\n", 100, "spec.egress: Too many: 101"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t over = 0; over <= 1; over++) {
            struct reading r;
            reading_init(&r);
            struct buf *b = buf_new(&r.ctx.arena);
            buf_puts(b, cases[i].head);
            for (size_t n = 0; n < cases[i].most + over; n++) {
                buf_puts(b, n > 0 ? ", " : "");
                buf_puts(b, cases[i].item);
            }
            buf_puts(b, cases[i].tail);
            reading_add(&r, K8S_YAML, buf_text(b), 0);
            CU_ASSERT(r.ok == (over == 0));
            if (over == 1) {
                const struct diag *d = find_diag(&r.ctx, DIAG_NPC404);
                CU_ASSERT_FATAL(d != NULL);
                CU_ASSERT(text_holds(d->text, cases[i].part));
            }
            reading_free(&r);
        }
    }
}

/* A rule name has at most 100 characters, not bytes. */
static void rule_names(void)
{
    for (size_t over = 0; over <= 1; over++) {
        struct reading r;
        reading_init(&r);
        struct buf *b = buf_new(&r.ctx.arena);
        buf_puts(b, CNP SPEC "egress: [{action: Deny, to: [{nodes: {}}], name: \"");
        for (size_t i = 0; i < 100 + over; i++) {
            buf_puts(b, "é");
        }
        buf_puts(b, "\"}]}\n");
        reading_add(&r, K8S_YAML, buf_text(b), 0);
        CU_ASSERT(r.ok == (over == 0));
        CU_ASSERT((find_diag(&r.ctx, DIAG_NPC065) != NULL) == (over == 1));
        reading_free(&r);
    }
}

static void network_text_has_a_limit(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               CNP SPEC "egress: [{action: Deny, to: [{networks: "
                        "['0000:0000:0000:0000:0000:0000:0000:0000/128x']}]}]}\n");
    CU_ASSERT(find_diag(&r.ctx, DIAG_NPC065) != NULL);
    reading_free(&r);
    reading_of(&r, K8S_YAML,
               CNP SPEC "egress: [{action: Deny, to: [{networks: "
                        "['2001:0000:0000:0000:0000:0000:0000:0000/128']}]}]}\n");
    CU_ASSERT(r.ok && find_diag(&r.ctx, DIAG_NPC313) != NULL);
    reading_free(&r);
}

static void unsupported_words_have_hints(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML, CNP "spec: {tier: admin}\n");
    CU_ASSERT(str_is(find_diag(&r.ctx, DIAG_NPC063)->hint, "did you mean Admin?"));
    reading_free(&r);
    reading_of(&r, K8S_YAML, CNP "spec: {tier: Calico}\n");
    CU_ASSERT(find_diag(&r.ctx, DIAG_NPC063)->hint.n == 0);
    reading_free(&r);
}

UNIT_MAIN("k8s_cluster", TEST(rule_names), TEST(network_text_has_a_limit),
          TEST(unsupported_words_have_hints), TEST(cluster_policy), TEST(admin_policy),
          TEST(baseline_policy), TEST(refusals), TEST(is_not_namespaced),
          TEST(baseline_has_one_name), TEST(counts))
