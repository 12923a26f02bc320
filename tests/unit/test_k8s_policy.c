/* NetworkPolicy: decoding, defaulting and validation (threats.md 5-13, docs/semantics.md). */
#include "read.h"

#include <sys/resource.h>

#define HEAD "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
#define META "metadata: {name: p, namespace: ns}\n"

/* ---- faithful ---- */

static const struct policy *only_policy(const struct reading *r)
{
    CU_ASSERT_FATAL(r->program.policies.n == 1);
    return r->program.policies.v[0];
}

static void keeps_order_and_spelling(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               HEAD META "spec:\n"
                         "  podSelector:\n"
                         "    matchExpressions:\n"
                         "    - {key: z, operator: NotIn, values: [b, a, b]}\n"
                         "    - {key: e, operator: Exists}\n"
                         "    - {key: d, operator: DoesNotExist}\n"
                         "    - {key: x, operator: In, values: [a]}\n"
                         "    matchLabels: {yy: \"1\", x: a}\n"
                         "  policyTypes: [Egress, Ingress]\n"
                         "  ingress:\n"
                         "  - from:\n"
                         "    - podSelector: {matchLabels: {a: b}}\n"
                         "    - namespaceSelector: {}\n"
                         "    - {podSelector: {}, namespaceSelector: {matchLabels: {c: d}}}\n"
                         "    - ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/16, 10.1.0.0/16]}\n"
                         "    ports:\n"
                         "    - port: 80\n"
                         "    - {port: 80, endPort: 80}\n"
                         "    - {protocol: UDP, port: 1, endPort: 65535}\n"
                         "    - {protocol: SCTP}\n"
                         "    - {port: http, protocol: TCP}\n"
                         "    - {}\n"
                         "  - {}\n");
    CU_ASSERT(r.ok);
    CU_ASSERT(r.ctx.diags.warnings == 0);
    const struct policy *p = only_policy(&r);
    CU_ASSERT(p->at.line == 3 && p->at.col == 18);
    CU_ASSERT(str_is(p->ns, "ns") && str_is(p->name, "p") && p->api == API_NETWORK_POLICY);
    CU_ASSERT(p->target_ns == NULL);

    const struct selector *t = p->target_pods;
    CU_ASSERT_FATAL(t->n == 6);
    CU_ASSERT(t->v[0].op == SEL_EQ && str_is(t->v[0].key, "x") && str_is(t->v[0].values[0], "a"));
    CU_ASSERT(t->v[1].op == SEL_EQ && str_is(t->v[1].key, "yy") && str_is(t->v[1].values[0], "1"));
    CU_ASSERT(t->v[2].op == SEL_NOTIN && t->v[2].nvalues == 3 && str_is(t->v[2].values[0], "b") &&
              str_is(t->v[2].values[1], "a") && str_is(t->v[2].values[2], "b"));
    CU_ASSERT(t->v[3].op == SEL_EXISTS && t->v[4].op == SEL_ABSENT);
    CU_ASSERT(t->v[5].op == SEL_IN && t->v[5].nvalues == 1);

    CU_ASSERT(p->isolates[DIR_INGRESS] && p->isolates[DIR_EGRESS]);
    CU_ASSERT_FATAL(p->nrules[DIR_INGRESS] == 2 && p->nrules[DIR_EGRESS] == 0);
    const struct rule *rule = &p->rules[DIR_INGRESS][0];
    CU_ASSERT_FATAL(rule->npeers == 4 && rule->nports == 6 && !rule->any_peer && !rule->any_port);
    CU_ASSERT(rule->peers[0].ns == NULL && rule->peers[0].pods->n == 1);
    CU_ASSERT(rule->peers[1].ns->n == 0 && rule->peers[1].pods == NULL);
    CU_ASSERT(rule->peers[2].ns->n == 1 && rule->peers[2].pods->n == 0);
    CU_ASSERT(rule->peers[3].kind == PEER_CIDR && rule->peers[3].nexcept == 2);
    CU_ASSERT(str_is(cidr_text(&r.ctx.arena, rule->peers[3].except[0]), "10.2.0.0/16"));
    const struct port *ports = rule->ports;
    CU_ASSERT(ports[0].form == PORT_ONE && ports[0].proto == PROTO_TCP && ports[0].first == 80);
    CU_ASSERT(ports[1].form == PORT_RANGE && ports[1].first == 80 && ports[1].last == 80);
    CU_ASSERT(ports[2].form == PORT_RANGE && ports[2].proto == PROTO_UDP && ports[2].last == 65535);
    CU_ASSERT(ports[3].form == PORT_WHOLE && ports[3].proto == PROTO_SCTP);
    CU_ASSERT(ports[4].form == PORT_NAMED && str_is(ports[4].name, "http"));
    CU_ASSERT(ports[5].form == PORT_WHOLE && ports[5].proto == PROTO_TCP);
    CU_ASSERT(p->rules[DIR_INGRESS][1].any_peer && p->rules[DIR_INGRESS][1].any_port);
    reading_free(&r);
}

static void metadata(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               HEAD "metadata:\n"
                    "  name: p\n"
                    "  uid: 7d3\n"
                    "  creationTimestamp: null\n"
                    "  labels: {b: x, a: \"\"}\n"
                    "  annotations:\n"
                    "    a/z: \"on\"\n"
                    "    kubectl.kubernetes.io/last-applied-configuration: '{}'\n"
                    "    kubernetes.io/description: Why.\n"
                    "    Example.com/A: ''\n"
                    "  generateName: \"1e3\"\n"
                    "  ownerReferences:\n"
                    "  - {uid: \"007\", name: o, kind: K, apiVersion: a/v1, controller: True}\n"
                    "  finalizers: [b.c/d, a.b/c, 1a]\n"
                    "status: {}\n"
                    "spec: {}\n");
    CU_ASSERT(r.ok);
    const struct policy *p = only_policy(&r);
    CU_ASSERT(p->ns.n == 0);
    CU_ASSERT(p->labels.n == 2 && str_is(p->labels.v[0].key, "a"));
    CU_ASSERT_FATAL(p->annotations.n == 3);
    CU_ASSERT(str_is(p->annotations.v[0].key, "kubernetes.io/description"));
    CU_ASSERT(str_is(p->annotations.v[1].key, "Example.com/A"));
    CU_ASSERT(str_is(p->annotations.v[2].value, "on"));
    CU_ASSERT_FATAL(p->nraws == 1);
    CU_ASSERT(str_is(p->raws[0].backend, "k8s"));
    CU_ASSERT(str_is(p->raws[0].text, "metadata:\n"
                                      "  finalizers:\n"
                                      "  - b.c/d\n"
                                      "  - a.b/c\n"
                                      "  - \"1a\"\n"
                                      "  generateName: \"1e3\"\n"
                                      "  ownerReferences:\n"
                                      "  - apiVersion: a/v1\n"
                                      "    controller: true\n"
                                      "    kind: K\n"
                                      "    name: o\n"
                                      "    uid: \"007\"\n"));
    CU_ASSERT(find_diag(&r.ctx, DIAG_NPC511) != NULL);
    reading_free(&r);
}

/* A null creationTimestamp, as generators write it, is nothing that the server wrote. */
static void null_is_absent(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               HEAD "metadata: {name: p, creationTimestamp: null, labels: null}\n"
                    "spec: {podSelector: null, policyTypes: null, ingress: [{from: null, ports: "
                    "[{port: null, protocol: ~}]}]}\n"
                    "status:\n");
    CU_ASSERT(r.ok);
    const struct policy *p = only_policy(&r);
    CU_ASSERT(p->target_pods != NULL && p->target_pods->n == 0);
    CU_ASSERT(p->rules[DIR_INGRESS][0].any_peer);
    CU_ASSERT(p->rules[DIR_INGRESS][0].ports[0].form == PORT_WHOLE);
    CU_ASSERT(find_diag(&r.ctx, DIAG_NPC511) == NULL);
    reading_free(&r);
}

/* ---- defaults (docs/semantics.md 1) ---- */

static void default_types(void)
{
    static const struct {
        const char *spec;
        bool ingress, egress, implied;
    } cases[] = {
        {"{podSelector: {}}", true, false, true},
        {"{podSelector: {}, ingress: []}", true, false, true},
        {"{podSelector: {}, egress: []}", true, false, true},
        {"{podSelector: {}, egress: [{}]}", true, true, true},
        {"{podSelector: {}, policyTypes: [], egress: [{}]}", true, true, true},
        {"{podSelector: {}, policyTypes: [Egress]}", false, true, false},
        {"{podSelector: {}, policyTypes: [Egress, Egress]}", false, true, false},
        {"{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", true, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        char text[400];
        snprintf(text, sizeof text, HEAD META "spec: %s\n", cases[i].spec);
        reading_of(&r, K8S_YAML, text);
        const struct policy *p = only_policy(&r);
        CU_ASSERT(p->isolates[DIR_INGRESS] == cases[i].ingress);
        CU_ASSERT(p->isolates[DIR_EGRESS] == cases[i].egress);
        CU_ASSERT((find_diag(&r.ctx, DIAG_NPC105) != NULL) == cases[i].implied);
        CU_ASSERT(find_diag(&r.ctx, DIAG_NPC209) != NULL);
        reading_free(&r);
    }
}

static void inert_rules(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               HEAD META "spec:\n  podSelector: {matchLabels: {a: b}}\n  policyTypes: [Ingress]\n"
                         "  egress:\n  - {}\n");
    CU_ASSERT(r.ok);
    CU_ASSERT(has_diag(&r.ctx, SEV_INFO, DIAG_NPC104, 8, 5, "egress rules have no effect"));
    CU_ASSERT(find_diag(&r.ctx, DIAG_NPC209) == NULL);
    reading_free(&r);
}

/* ---- refusals ---- */

struct spec_case {
    const char *spec; /* on line 4; the column counts in this text */
    enum diag_id id;
    uint32_t col;
    const char *part;
};

static void check_specs(const struct spec_case *cases, size_t n)
{
    enum { BEFORE = sizeof "spec: " - 1 };
    for (size_t i = 0; i < n; i++) {
        struct reading r;
        char text[600];
        snprintf(text, sizeof text, HEAD META "spec: %s\n", cases[i].spec);
        reading_of(&r, K8S_YAML, text);
        CU_ASSERT(!r.ok);
        CU_ASSERT(r.program.policies.n == 0);
        CU_ASSERT(
            has_diag(&r.ctx, SEV_ERROR, cases[i].id, 4, cases[i].col + BEFORE, cases[i].part));
        if (r.ok) {
            printf("  %s\n", cases[i].spec);
        }
        reading_free(&r);
    }
}

/* threats.md 5 */
static void unknown_fields(void)
{
    static const struct spec_case cases[] = {
        {"{podselector: {}}", DIAG_NPC507, 2,
         "spec.podselector: unknown field (did you mean podSel"},
        {"{podSelector: {}, ingres: []}", DIAG_NPC507, 19,
         "spec.ingres: unknown field (did you me"},
        {"{podSelector: {}, foo: 1}", DIAG_NPC507, 19, "spec.foo: unknown field"},
        {"{ingress: [{port: 80}]}", DIAG_NPC317, 13,
         "\"port\" under ingress[0]: did you mean ports: [{port: …}]?"},
        {"{egress: [{}, {Protocol: TCP}]}", DIAG_NPC317, 16, "\"Protocol\" under egress[1]"},
        {"{ingress: [{from: [{podSelector: {}, ports: []}]}]}", DIAG_NPC317, 38,
         "spec.ingress[0].from[0].ports: unknown field: \"ports\" under a peer"},
        {"{podSelector: {}, ports: []}", DIAG_NPC317, 19, "\"ports\" under spec"},
        {"{ingress: [{to: []}]}", DIAG_NPC507, 13, "spec.ingress[0].to: unknown field"},
        {"{ingress: [{Ports: []}]}", DIAG_NPC507, 13, "(did you mean ports?)"},
        {"{podSelector: {matchlabels: {}}}", DIAG_NPC507, 16, "(did you mean matchLabels?)"},
        {"{podSelector: {app: web}}", DIAG_NPC507, 16, "spec.podSelector.app: unknown field"},
        {"{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, Except: []}}]}]}", DIAG_NPC507, 49,
         "(did you mean except?)"},
    };
    check_specs(cases, COUNT(cases));
}

static void misplaced_fields_have_hints(void)
{
    static const struct {
        const char *spec, *hint;
    } cases[] = {
        {"{ingress: [{podSelector: {}}]}", "podSelector belongs under from: [{podSelector: …}]"},
        {"{ingress: [{from: [{cidr: 10.0.0.0/8}]}]}", "cidr belongs under ipBlock: {cidr: …}"},
        {"{ingress: [{from: [{from: []}]}]}", "from belongs one level up"},
        {"{ingress: [{egress: []}]}", "egress belongs one level up, not under spec.ingress[0]"},
        {"{matchLabels: {a: b}}", "matchLabels belongs under podSelector: {matchLabels: …}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        char text[400];
        snprintf(text, sizeof text, HEAD META "spec: %s\n", cases[i].spec);
        reading_of(&r, K8S_YAML, text);
        const struct diag *d = find_diag(&r.ctx, DIAG_NPC507);
        CU_ASSERT_FATAL(d != NULL);
        CU_ASSERT(text_holds(d->hint, cases[i].hint));
        reading_free(&r);
    }
}

static void lenient(void)
{
    struct reading r;
    reading_init(&r);
    r.options.lenient = true;
    reading_add(&r, K8S_YAML, STR(HEAD META "spec: {podSelector: {}, foo: {bar: [1]}}\n"), 0);
    CU_ASSERT(r.ok);
    CU_ASSERT(r.program.policies.n == 1);
    CU_ASSERT(has_diag(&r.ctx, SEV_WARNING, DIAG_NPC507, 4, 25, "spec.foo"));
    reading_free(&r);
}

/* threats.md 6 and 7 */
static void wrong_types(void)
{
    static const struct spec_case cases[] = {
        {"[]", DIAG_NPC060, 1, "spec: Invalid value: […]: must be a mapping, but is a list"},
        {"{podSelector: x}", DIAG_NPC060, 15, "must be a mapping, but is a string"},
        {"{ingress: {}}", DIAG_NPC060, 11, "spec.ingress: Invalid value: {…}: must be a list"},
        {"{ingress: [null]}", DIAG_NPC060, 12, "spec.ingress[0]: Invalid value: null"},
        {"{ingress: [{from: [~]}]}", DIAG_NPC060, 20, "spec.ingress[0].from[0]"},
        {"{ingress: [{ports: [80]}]}", DIAG_NPC060, 21, "must be a mapping, but is an integer"},
        {"{policyTypes: Ingress}", DIAG_NPC060, 15, "spec.policyTypes"},
        {"{policyTypes: [null]}", DIAG_NPC054, 16, "spec.policyTypes[0]"},
        {"{podSelector: {matchLabels: {a: 1}}}", DIAG_NPC054, 33, "take this for an integer"},
        {"{podSelector: {matchLabels: {a: yes}}}", DIAG_NPC054, 33, "take this for a boolean"},
        {"{podSelector: {matchLabels: {a: 1.0}}}", DIAG_NPC054, 33, "floating-point"},
        {"{podSelector: {matchLabels: {a: ~}}}", DIAG_NPC054, 33, "take this for null"},
        {"{podSelector: {matchLabels: {a: }}}", DIAG_NPC054, 33, "take this for null"},
        {"{podSelector: {matchLabels: {a: 2024-01-01}}}", DIAG_NPC054, 33, "a date"},
        {"{podSelector: {matchLabels: {a: 22:22}}}", DIAG_NPC054, 33, "an integer"},
        {"{podSelector: {matchLabels: {a: [x]}}}", DIAG_NPC060, 33, "must be a string"},
        {"{podSelector: {matchLabels: {on: x}}}", DIAG_NPC054, 30, "the key on for a boolean"},
        {"{podSelector: {matchLabels: {1.0: x}}}", DIAG_NPC054, 30, "the key 1.0"},
        {"{podSelector: {matchExpressions: [{key: a, operator: In, values: [x, no]}]}}",
         DIAG_NPC054, 70, "spec.podSelector.matchExpressions[0].values[1]"},
        {"{podSelector: {matchExpressions: [{key: y, operator: Exists}]}}", DIAG_NPC054, 41,
         "matchExpressions[0].key"},
    };
    check_specs(cases, COUNT(cases));
}

/* threats.md 8 and 9 */
static void ports(void)
{
#define PORT "{ingress: [{ports: [{port: "
#define END  "}]}]}"
    enum { AT = sizeof PORT };
    static const struct spec_case cases[] = {
        {PORT "080" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "08" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "010" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "0x50" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "0o17" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "1_000" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "+80" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "22:22" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "-0" END, DIAG_NPC062, AT, "plain decimal"},
        {PORT "80.0" END, DIAG_NPC060, AT, "must be an integer"},
        {PORT "8e1" END, DIAG_NPC060, AT, "must be an integer"},
        {PORT "\"80\"" END, DIAG_NPC315, AT, "a number in quotes"},
        {PORT "' 80'" END, DIAG_NPC062, AT, "Invalid value: \" 80\""},
        {PORT "0" END, DIAG_NPC062, AT, "must be between 1 and 65535, inclusive"},
        {PORT "65536" END, DIAG_NPC062, AT, "must be between 1 and 65535, inclusive"},
        {PORT "-1" END, DIAG_NPC062, AT, "must be between 1 and 65535, inclusive"},
        {PORT "4294967376" END, DIAG_NPC062, AT, "must be between"}, /* 2^32 + 80 */
        {PORT "99999999999999999999" END, DIAG_NPC062, AT, "must be between"},
        {PORT "yes" END, DIAG_NPC054, AT, "take this for a boolean"},
        {PORT "[80]" END, DIAG_NPC060, AT, "must be a string"},
        {PORT "Web" END, DIAG_NPC062, AT, "spec.ingress[0].ports[0].port: Invalid value: \"Web\""},
        {PORT "\"\"" END, DIAG_NPC062, AT, "Invalid value: \"\""},
        {PORT "\"http\\0\"" END, DIAG_NPC002, AT, "NUL"},
        {PORT "443, endPort: 80" END, DIAG_NPC062, AT + 14, "greater than or equal to `port`"},
        {PORT "80, endPort: 65536" END, DIAG_NPC062, AT + 13, "must be between"},
        {PORT "80, endPort: \"90\"" END, DIAG_NPC060, AT + 13, "must be an integer, but is a str"},
        {PORT "80, endPort: 090" END, DIAG_NPC062, AT + 13, "plain decimal"},
        {PORT "http, endPort: 90" END, DIAG_NPC062, AT + 15, "`port` is non-numeric"},
        {"{ingress: [{ports: [{endPort: 90}]}]}", DIAG_NPC062, 31, "`port` is not specified"},
        {"{ingress: [{ports: [{protocol: tcp}]}]}", DIAG_NPC063, 32,
         "Unsupported value: \"tcp\": supported values: \"TCP\", \"UDP\", \"SCTP\""},
    };
    check_specs(cases, COUNT(cases));
#undef PORT
#undef END
}

/* threats.md 10-13 */
static void blocks(void)
{
#define BLOCK "{ingress: [{from: [{ipBlock: {cidr: "
#define END   "}}]}]}"
    enum { AT = sizeof BLOCK };
    static const struct spec_case cases[] = {
        {BLOCK "10.0.0.1" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "10.0.0.0/33" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "10.0.0.0/-1" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "fd00::/129" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "0x0a.0.0.0/8" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "10.1/8" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "fe80::1%eth0/64" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "localhost" END, DIAG_NPC062, AT, "must be a valid CIDR value"},
        {BLOCK "10.0.0.0/8, except: [10.0.0.0/8]" END, DIAG_NPC062, AT + 21, "strict subset"},
        {BLOCK "10.0.0.0/8, except: [11.0.0.0/16]" END, DIAG_NPC062, AT + 21, "strict subset"},
        {BLOCK "10.0.0.0/8, except: [fd00::/16]" END, DIAG_NPC062, AT + 21, "strict subset"},
        {BLOCK "10.0.0.0/8, except: [10.0.0.0/7]" END, DIAG_NPC062, AT + 21, "strict subset"},
        {BLOCK "10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]" END, DIAG_NPC062, AT + 20,
         "matches nothing"},
        {BLOCK "\"\"" END, DIAG_NPC061, AT, "ipBlock.cidr: Required value"},
        {BLOCK "\"::ffff:10.0.0.0/104\"" END, DIAG_NPC062, AT, "IPv4-mapped"},
        {BLOCK "\"::ffff:0:0/96\"" END, DIAG_NPC062, AT, "IPv4-mapped"},
        {"{ingress: [{from: [{ipBlock: {}}]}]}", DIAG_NPC061, 30, "ipBlock.cidr: Required value"},
        {"{ingress: [{from: [{}]}]}", DIAG_NPC061, 20, "Required value: must specify a peer"},
        {"{ingress: [{from: [{podSelector: null}]}]}", DIAG_NPC061, 20, "must specify a peer"},
    };
    check_specs(cases, COUNT(cases));
#undef BLOCK
#undef END
}

/* Their cost must not grow with the square of their number: a list like this took a gigabyte. */
static void many_excepts(void)
{
    enum { EXCEPTS = 8000, MOST_KIB = 300 * 1024 };
    struct reading r;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    reading_init(&r);
    struct buf *b = buf_new(&r.ctx.arena);
    buf_puts(b, HEAD META "spec: {ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [");
    for (unsigned i = 0; i < EXCEPTS; i++) {
        buf_printf(b, "%s10.%u.%u.1/32", i > 0 ? ", " : "", i >> 8, i & 0xff);
    }
    buf_puts(b, "]}}]}]}\n");
    reading_add(&r, K8S_YAML, buf_text(b), 0);
    CU_ASSERT(r.ok);
    CU_ASSERT(only_policy(&r)->rules[DIR_INGRESS][0].peers[0].nexcept == EXCEPTS);
    getrusage(RUSAGE_SELF, &after);
    CU_ASSERT(after.ru_maxrss - before.ru_maxrss < MOST_KIB);
    reading_free(&r);
}

static void cidrs_are_read_as_the_server_does(void)
{
    static const struct {
        const char *text, *read_as, *hint;
        bool warns;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8", "", false},
        {"10.1.2.3/24", "10.1.2.0/24", "write 10.1.2.0/24, or 10.1.2.3/32", true},
        {"010.000.001.000/24", "10.0.1.0/24", "write 10.0.1.0/24", true},
        {"10.0.0.0/08", "10.0.0.0/8", "write 10.0.0.0/8", true},
        {"FD00:0::/16", "fd00::/16", "write fd00::/16", true},
        {"fd00::1/64", "fd00::/64", "write fd00::/64, or fd00::1/128", true},
        {"::/0", "::/0", "", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        char text[400];
        snprintf(text, sizeof text,
                 HEAD META "spec: {ingress: [{from: [{ipBlock: {cidr: \"%s\"}}"
                           "]}]}\n",
                 cases[i].text);
        reading_of(&r, K8S_YAML, text);
        CU_ASSERT(r.ok);
        const struct peer *peer = only_policy(&r)->rules[DIR_INGRESS][0].peers;
        CU_ASSERT(str_is(cidr_text(&r.ctx.arena, peer->cidr), cases[i].read_as));
        const struct diag *d = find_diag(&r.ctx, DIAG_NPC313);
        CU_ASSERT((d != NULL) == cases[i].warns);
        if (d != NULL) {
            CU_ASSERT(d->severity == SEV_WARNING);
            CU_ASSERT(text_holds(d->hint, cases[i].hint));
        }
        reading_free(&r);
    }
}

static void selectors(void)
{
    static const struct spec_case cases[] = {
        {"{podSelector: {matchLabels: {a b: c}}}", DIAG_NPC062, 30,
         "spec.podSelector.matchLabels: "},
        {"{podSelector: {matchLabels: {a: b c}}}", DIAG_NPC062, 33, "spec.podSelector.matchLabels"},
        {"{podSelector: {matchExpressions: [{operator: In}]}}", DIAG_NPC061, 35,
         "spec.podSelector.matchExpressions[0].key: Required value"},
        {"{podSelector: {matchExpressions: [{key: a}]}}", DIAG_NPC062, 35,
         "not a valid selector operator"},
        {"{podSelector: {matchExpressions: [{key: a, operator: in}]}}", DIAG_NPC062, 54,
         "not a valid selector operator"},
        {"{podSelector: {matchExpressions: [{key: a, operator: In, values: []}]}}", DIAG_NPC061, 66,
         "values: Required value"},
        {"{podSelector: {matchExpressions: [{key: a, operator: NotIn}]}}", DIAG_NPC061, 35,
         "values: Required value"},
        {"{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
         DIAG_NPC064, 70, "values: Forbidden"},
        {"{podSelector: {matchExpressions: [{key: a, operator: In, values: [\"b\\0\"]}]}}",
         DIAG_NPC002, 67, "NUL"},
        {"{policyTypes: [ingress]}", DIAG_NPC063, 16, "supported values: \"Ingress\", \"Egress\""},
        {"{policyTypes: [Ingress, Egress, Ingress]}", DIAG_NPC062, 15, "more than two policyTypes"},
    };
    check_specs(cases, COUNT(cases));
}

/* threats.md 4, 16, 22; several errors of one object are seen at once */
static void bad_metadata(void)
{
    static const struct {
        const char *meta;
        enum diag_id id;
        uint32_t col;
        const char *part;
    } cases[] = {
        {"{}", DIAG_NPC061, 11, "metadata.name: Required value"},
        {"{name: \"\"}", DIAG_NPC061, 18, "metadata.name: Required value"},
        {"{generateName: x-}", DIAG_NPC061, 11, "metadata.name: Required value"},
        {"{name: Foo}", DIAG_NPC062, 18, "metadata.name: Invalid value: \"Foo\""},
        {"{name: a..b}", DIAG_NPC062, 18, "metadata.name"},
        {"{name: a/b}", DIAG_NPC062, 18, "metadata.name"},
        {"{name: -rf}", DIAG_NPC062, 18, "metadata.name"},
        {"{name: 007}", DIAG_NPC054, 18, "metadata.name"},
        {"{name: [a]}", DIAG_NPC060, 18, "metadata.name"},
        {"{name: \"a\\0b\"}", DIAG_NPC002, 18, "NUL"},
        {"{name: \"a\\n\"}", DIAG_NPC062, 18, "metadata.name"}, /* threats.md 47 */
        {"{name: a, name: b}", DIAG_NPC053, 21, "\"name\" stands twice"},
        {"{name: a, namespace: a.b}", DIAG_NPC062, 32, "metadata.namespace"},
        {"{name: a, Labels: {}}", DIAG_NPC507, 21, "(did you mean labels?)"},
        {"{name: a, labels: {a: true}}", DIAG_NPC054, 33, "metadata.labels"},
        {"{name: a, labels: {-a: b}}", DIAG_NPC062, 30, "metadata.labels"},
        {"{name: a, annotations: {a: 1}}", DIAG_NPC054, 38, "metadata.annotations.a"},
        {"{name: a, annotations: {a/b/c: x}}", DIAG_NPC062, 35, "metadata.annotations"},
        {"{name: a, finalizers: [{}]}", DIAG_NPC060, 34, "metadata.finalizers[0]"},
        {"{name: a, finalizers: [\"a b\"]}", DIAG_NPC062, 34, "metadata.finalizers[0]"},
        {"{name: a, ownerReferences: [{name: x}]}", DIAG_NPC061, 39,
         "metadata.ownerReferences[0].uid: Required value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        char text[400];
        snprintf(text, sizeof text, HEAD "metadata: %s\nspec: {ingres: []}\n", cases[i].meta);
        reading_of(&r, K8S_YAML, text);
        CU_ASSERT(!r.ok);
        CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, cases[i].id, 3, cases[i].col, cases[i].part));
        CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC507, 4, 8, "spec.ingres"));
        reading_free(&r);
    }
}

static void annotations_have_a_limit(void)
{
    for (size_t over = 0; over <= 1; over++) {
        struct reading r;
        reading_init(&r);
        r.ctx.limits.string = 1000;
        struct buf *b = buf_new(&r.ctx.arena);
        buf_puts(b, HEAD "metadata: {name: a, annotations: {a: b, k: \"");
        for (size_t i = 0; i < 997 + over; i++) {
            buf_putc(b, 'x');
        }
        buf_puts(b, "\"}}\nspec: {}\n");
        reading_add(&r, K8S_YAML, buf_text(b), 0);
        CU_ASSERT(r.ok == (over == 0));
        CU_ASSERT((find_diag(&r.ctx, DIAG_NPC065) != NULL) == (over == 1));
        reading_free(&r);
    }
}

static void json_types(void)
{
    struct reading r;
    reading_of(&r, K8S_JSON,
               "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\n"
               "\"metadata\":{\"name\":\"on\"},\n"
               "\"spec\":{\"podSelector\":{\"matchLabels\":{\"no\":\"yes\",\"b\":true}}}}");
    CU_ASSERT(!r.ok);
    CU_ASSERT(r.ctx.diags.errors == 1); /* in JSON, quoted words are strings */
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC060, 3, 54, "must be a string, but is a bool"));
    reading_free(&r);
}

UNIT_MAIN("k8s_policy", TEST(keeps_order_and_spelling), TEST(metadata), TEST(null_is_absent),
          TEST(default_types), TEST(inert_rules), TEST(unknown_fields),
          TEST(misplaced_fields_have_hints), TEST(lenient), TEST(wrong_types), TEST(ports),
          TEST(blocks), TEST(many_excepts), TEST(cidrs_are_read_as_the_server_does),
          TEST(selectors), TEST(bad_metadata), TEST(annotations_have_a_limit), TEST(json_types))
