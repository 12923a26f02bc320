/*
 * Objects that are wrong in one place: refused there, and nothing of them is kept. `$` in a text
 * marks the place; it is not part of the text.
 */
#include "mark.h"
#include "read.h"

#define OBJECT(version, kind) "apiVersion: " version "\nkind: " kind "\n"
#define META                  "metadata: {name: a}\n"
#define NAMESPACE             OBJECT("v1", "Namespace")
#define NODE                  OBJECT("v1", "Node")
#define SERVICE               OBJECT("v1", "Service")
#define POD                   OBJECT("v1", "Pod")
#define JOB                   OBJECT("batch/v1", "Job")
#define CRON                  OBJECT("batch/v1", "CronJob")
#define POLICY                OBJECT("networking.k8s.io/v1", "NetworkPolicy")
#define TIERS                 "policy.networking.k8s.io/v1alpha"
#define CLUSTER               OBJECT(TIERS "2", "ClusterNetworkPolicy")
#define ADMIN                 OBJECT(TIERS "1", "AdminNetworkPolicy")
#define BASELINE              OBJECT(TIERS "1", "BaselineAdminNetworkPolicy")
#define SUBJECT               "subject: {namespaces: {}}, "
#define INGRESS(rule)         "spec: {tier: Admin, priority: 1, " SUBJECT "ingress: [" rule "]}\n"
#define EGRESS_TO(peer)                                                                            \
    CLUSTER META "spec: {tier: Admin, priority: 1, " SUBJECT                                       \
                 "egress: [{action: Accept, to: [" peer "]}]}\n"
#define PROTOCOL(protocol)                                                                         \
    CLUSTER META INGRESS("{action: Accept, from: [{namespaces: {}}], protocols: [" protocol "]}")
#define ADMIN_PORT(port)                                                                           \
    ADMIN META "spec: {priority: 1, " SUBJECT                                                      \
               "ingress: [{action: Allow, from: [{namespaces: {}}], ports: [" port "]}]}\n"

struct refused {
    const char *name, *text;
    enum diag_id id;
    const char *part; /* of the message */
};

static const struct refused inventory[] = {
    {"namespace without metadata", "$" NAMESPACE "spec: {}\n", DIAG_NPC061, "metadata"},
    {"name of a namespace", NAMESPACE "metadata: {name: $a.b}\n", DIAG_NPC062, "metadata.name"},
    {"name of a node", NODE "metadata: {name: $Up}\n", DIAG_NPC062, "metadata.name"},
    {"namespace of a service", SERVICE "metadata: {name: a, namespace: $a.b}\n", DIAG_NPC062,
     "metadata.namespace"},
    {"status of a node", NODE META "status: {addresses: $5}\n", DIAG_NPC060, "a list"},
    {"address of no type", NODE META "status: {addresses: [${address: 192.0.2.1}]}\n", DIAG_NPC061,
     "status.addresses[0].type"},
    {"address that is missing", NODE META "status: {addresses: [${type: InternalIP}]}\n",
     DIAG_NPC061, "status.addresses[0].address"},
    {"address with leading zeros",
     NODE META "status: {addresses: [{type: InternalIP, address: $010.0.0.1}]}\n", DIAG_NPC062,
     "status.addresses[0].address"},
    {"address that is a list",
     NODE META "status: {addresses: [{type: InternalIP, address: $[]}]}\n", DIAG_NPC060,
     "status.addresses[0].address"},
    {"owner without a name", POD "metadata: {name: a, ownerReferences: [${kind: Job}]}\nspec: {}\n",
     DIAG_NPC061, "ownerReferences[0].name"},
    {"service of no map", SERVICE META "spec: $[]\n", DIAG_NPC060, "spec"},
    {"selector of a service", SERVICE META "spec: {selector: $[]}\n", DIAG_NPC060, "spec.selector"},
    {"service port without number", SERVICE META "spec: {ports: [${name: x}]}\n", DIAG_NPC061,
     "spec.ports[0].port"},
    {"service port 0", SERVICE META "spec: {ports: [{port: $0}]}\n", DIAG_NPC062,
     "spec.ports[0].port"},
    {"service port of no protocol", SERVICE META "spec: {ports: [{port: 1, protocol: $tcp}]}\n",
     DIAG_NPC063, "spec.ports[0].protocol"},
    {"target of no kind", SERVICE META "spec: {ports: [{port: 1, targetPort: $[1]}]}\n",
     DIAG_NPC060, "spec.ports[0].targetPort"},
    {"target that is no string", SERVICE META "spec: {ports: [{port: 1, targetPort: $yes}]}\n",
     DIAG_NPC054, "spec.ports[0].targetPort"},
    {"address of a service that is a list", SERVICE META "spec: {clusterIPs: [$[]]}\n", DIAG_NPC060,
     "spec.clusterIPs[0]"},
    {"address of a service", SERVICE META "spec: {clusterIP: $none}\n", DIAG_NPC062,
     "spec.clusterIP"},
};

static const struct refused pods[] = {
    {"pod without metadata", "$" POD "spec: {}\n", DIAG_NPC061, "metadata"},
    {"pod without spec", "$" POD META, DIAG_NPC061, "spec"},
    {"name of a pod", POD "metadata: {name: $Up}\nspec: {}\n", DIAG_NPC062, "metadata.name"},
    {"name of a port", POD META "spec: {containers: [{ports: [{containerPort: 1, name: $Up}]}]}\n",
     DIAG_NPC062, "spec.containers[0].ports[0].name"},
    {"port of an init container",
     POD META "spec: {initContainers: [{restartPolicy: Always, ports: [{containerPort: $0}]}]}\n",
     DIAG_NPC062, "spec.initContainers[0].ports[0].containerPort"},
    {"port without a value", POD META "spec: {containers: [{ports: [{containerPort: $''}]}]}\n",
     DIAG_NPC060, "spec.containers[0].ports[0].containerPort"},
    {"port of the host that is no boolean", POD META "spec: {hostNetwork: $'true'}\n", DIAG_NPC060,
     "spec.hostNetwork"},
    {"host network that is a list", POD META "spec: {hostNetwork: $[]}\n", DIAG_NPC060,
     "spec.hostNetwork"},
    {"status that is a list", POD META "spec: {}\nstatus: $[]\n", DIAG_NPC060, "status"},
    {"phase that is a list", POD META "spec: {}\nstatus: {phase: $[]}\n", DIAG_NPC060,
     "status.phase"},
    {"address that is no map", POD META "spec: {}\nstatus: {podIPs: [$192.0.2.1]}\n", DIAG_NPC060,
     "status.podIPs[0]"},
    {"job without spec", "$" JOB META, DIAG_NPC061, "spec"},
    {"job without template", JOB META "spec: ${}\n", DIAG_NPC061, "spec.template"},
    {"name of a job", JOB "metadata: {name: $Up}\nspec: {template: {}}\n", DIAG_NPC062,
     "metadata.name"},
    {"cron job without spec", "$" CRON META, DIAG_NPC061, "spec"},
    {"cron job without template", CRON META "spec: ${}\n", DIAG_NPC061, "spec.jobTemplate"},
    {"cron job whose template is a list", CRON META "spec: {jobTemplate: {spec: $[]}}\n",
     DIAG_NPC060, "spec.jobTemplate.spec"},
};

static const struct refused policies[] = {
    {"key of an expression",
     POLICY META "spec: {podSelector: {matchExpressions: [{key: $-a, operator: Exists}]}}\n",
     DIAG_NPC062, "spec.podSelector.matchExpressions[0].key"},
    {"cidr that is a list",
     POLICY META "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: $[]}}]}]}\n",
     DIAG_NPC060, "ipBlock.cidr"},
    {"exception that is a list",
     POLICY META "spec: {podSelector: {}, ingress: "
                 "[{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [$[]]}}]}]}\n",
     DIAG_NPC060, "ipBlock.except[0]"},
    {"finalizer that is a list",
     POLICY "metadata: {name: a, finalizers: [$[]]}\nspec: {podSelector: {}}\n", DIAG_NPC060,
     "metadata.finalizers[0]"},
    {"annotation that is a list",
     POLICY "metadata: {name: a, annotations: {b: $[]}}\nspec: {podSelector: {}}\n", DIAG_NPC060,
     "metadata.annotations.b"},
    {"a policy of a group below a known one", "apiVersion: x.cilium.io/v2\nkind: $WebPolicy\n",
     DIAG_NPC007, "WebPolicy"},
    {"another group's policy", "apiVersion: $xnetworking.k8s.io/v1\nkind: NetworkPolicy\n",
     DIAG_NPC067, "NetworkPolicy"},
    {"an object of a version that is gone", "apiVersion: $extensions/v1beta1\nkind: Pod\n",
     DIAG_NPC067, "Pod"},
};

static const struct refused tiers[] = {
    {"cluster policy without metadata",
     "$" CLUSTER "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}\n", DIAG_NPC061,
     "metadata"},
    {"baseline policy without a name",
     BASELINE "metadata: ${}\nspec: {subject: {namespaces: {}}}\n", DIAG_NPC061, "metadata.name"},
    {"network that is a list", EGRESS_TO("{networks: [$[], 10.0.0.0/8]}"), DIAG_NPC060,
     "networks[0]"},
    {"domain that is a list", EGRESS_TO("{domainNames: [$[], a.example]}"), DIAG_NPC060,
     "domainNames[0]"},
    {"domain twice", EGRESS_TO("{domainNames: [a.example, $a.example]}"), DIAG_NPC066,
     "domainNames[1]"},
    {"network twice", EGRESS_TO("{networks: ['::/0', $'::/0']}"), DIAG_NPC066, "networks[1]"},
    {"no domains", EGRESS_TO("{domainNames: $[]}"), DIAG_NPC062, "domainNames"},
    {"no such port name", PROTOCOL("{destinationNamedPort: $Up}"), DIAG_NPC062,
     "protocols[0].destinationNamedPort"},
    {"protocol of no kind", PROTOCOL("$[]"), DIAG_NPC060, "protocols[0]"},
    {"two protocols", PROTOCOL("${tcp: {destinationPort: {number: 1}}, destinationNamedPort: a}"),
     DIAG_NPC064, "protocols[0]"},
    {"transport of no kind", PROTOCOL("{tcp: $[]}"), DIAG_NPC060, "protocols[0].tcp"},
    {"transport of any port", PROTOCOL("{tcp: ${}}"), DIAG_NPC061, "protocols[0].tcp"},
    {"unknown field of a transport", PROTOCOL("{tcp: {$port: 1}}"), DIAG_NPC507,
     "protocols[0].tcp"},
    {"destination of no kind", PROTOCOL("{udp: {destinationPort: $80}}"), DIAG_NPC060,
     "destinationPort"},
    {"number of no kind", PROTOCOL("{udp: {destinationPort: {number: $[]}}}"), DIAG_NPC060,
     "destinationPort.number"},
    {"port 0", PROTOCOL("{sctp: {destinationPort: {number: $0}}}"), DIAG_NPC062,
     "destinationPort.number"},
    {"range without end", PROTOCOL("{tcp: {destinationPort: {range: ${start: 1}}}}"), DIAG_NPC061,
     "destinationPort.range.end"},
    {"range from 0", PROTOCOL("{tcp: {destinationPort: {range: {start: $0, end: 5}}}}"),
     DIAG_NPC062, "destinationPort.range.start"},
    {"range beyond 65535", PROTOCOL("{tcp: {destinationPort: {range: {start: 1, end: $65536}}}}"),
     DIAG_NPC062, "destinationPort.range.end"},
    {"v1alpha1: number without port", ADMIN_PORT("{portNumber: ${protocol: TCP}}"), DIAG_NPC061,
     "portNumber.port"},
    {"v1alpha1: no protocol", ADMIN_PORT("{portNumber: {protocol: $ICMP, port: 1}}"), DIAG_NPC063,
     "portNumber.protocol"},
    {"v1alpha1: port 0", ADMIN_PORT("{portNumber: {protocol: TCP, port: $0}}"), DIAG_NPC062,
     "portNumber.port"},
    {"v1alpha1: port of no kind", ADMIN_PORT("$[]"), DIAG_NPC060, "ports[0]"},
    {"v1alpha1: two kinds of port", ADMIN_PORT("${namedPort: a, portNumber: {port: 1}}"),
     DIAG_NPC064, "ports[0]"},
    {"v1alpha1: no such port name", ADMIN_PORT("{namedPort: $Up}"), DIAG_NPC062, "namedPort"},
    {"v1alpha1: range without end", ADMIN_PORT("{portRange: ${protocol: TCP, start: 1}}"),
     DIAG_NPC061, "portRange.end"},
    {"v1alpha1: range of no protocol",
     ADMIN_PORT("{portRange: {protocol: $any, start: 1, end: 2}}"), DIAG_NPC063,
     "portRange.protocol"},
    {"v1alpha1: range to 0", ADMIN_PORT("{portRange: {protocol: TCP, start: 1, end: $0}}"),
     DIAG_NPC062, "portRange.end"},
};

static void check_refused(const struct refused *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct reading r;
        uint32_t line, col;
        reading_init(&r);
        reading_add(&r, K8S_YAML, str_of(unmark(cases[i].text, &r.ctx.arena, &line, &col)), 0);
        bool refused = !r.ok && r.program.policies.n == 0 && r.program.inv.workloads.n == 0 &&
                       r.program.inv.nodes.n == 0 && r.program.inv.services.n == 0 &&
                       has_diag(&r.ctx, SEV_ERROR, cases[i].id, line, col, cases[i].part);
        CU_ASSERT(refused);
        if (!refused) {
            printf("  in: %s\n", cases[i].name);
        }
        reading_free(&r);
    }
}

static void refused_inventory(void)
{
    check_refused(inventory, COUNT(inventory));
}

static void refused_pods(void)
{
    check_refused(pods, COUNT(pods));
}

static void refused_policies(void)
{
    check_refused(policies, COUNT(policies));
}

static void refused_tiers(void)
{
    check_refused(tiers, COUNT(tiers));
}

/* ---- what only looks wrong ---- */

static void empty_and_absent(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               SERVICE "metadata: {name: bare, namespace: ''}\n"
                       "---\n" SERVICE "metadata: {name: headless}\n"
                       "spec: {clusterIP: '192.0.2.9', clusterIPs: []}\n"
                       "---\n" SERVICE "metadata: {name: waiting}\nspec: {clusterIPs: ['', None],"
                       " ports: [{port: 1, targetPort: '80'}, {port: 2}]}\n"
                       "---\n" POD "metadata: {name: p, ownerReferences: [{kind: Job, name: j, "
                       "controller: false}]}\n"
                       "spec: {containers: [{ports: [{containerPort: 1, name: ''}]}],\n"
                       "  initContainers: [{restartPolicy: Never, ports: [{containerPort: 2}]}]}\n"
                       "---\n" POLICY "metadata: {name: closed, namespace: ''}\n"
                       "spec: {podSelector: {}}\n");
    CU_ASSERT_FATAL(r.ok && r.program.inv.services.n == 3 && r.program.inv.workloads.n == 1);
    struct service *const *s = r.program.inv.services.v;
    CU_ASSERT(str_is(s[0]->ns, "default") && s[0]->naddrs == 0 && s[0]->nports == 0);
    CU_ASSERT(s[1]->naddrs == 1);
    CU_ASSERT(s[2]->naddrs == 0);
    CU_ASSERT_FATAL(s[2]->nports == 2);
    /* IntOrString: a string is a name, whatever it looks like */
    CU_ASSERT(s[2]->ports[0].target == 0 && str_is(s[2]->ports[0].target_name, "80"));
    CU_ASSERT(s[2]->ports[1].target == 2);
    const struct workload *w = r.program.inv.workloads.v[0];
    CU_ASSERT(w->owner.n == 0 && w->nports == 1 && w->ports[0].name.n == 0);
    CU_ASSERT_FATAL(r.program.policies.n == 1);
    CU_ASSERT(r.program.policies.v[0]->ns.n == 0); /* who emits it says which */
    reading_free(&r);
}

static void default_namespace(void)
{
    struct reading r;
    reading_init(&r);
    r.options.has_default_ns = true;
    r.options.default_ns = STR("shop");
    reading_add(&r, K8S_YAML, STR(SERVICE META "---\n" POD META "spec: {}\n"), 0);
    CU_ASSERT_FATAL(r.ok && r.program.inv.services.n == 1 && r.program.inv.workloads.n == 1);
    CU_ASSERT(str_is(r.program.inv.services.v[0]->ns, "shop"));
    CU_ASSERT(str_is(r.program.inv.workloads.v[0]->ns, "shop"));
    reading_free(&r);
}

/* Metadata without a place in the IR is kept as YAML, and reads as the same values. */
static void raw_metadata(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               POLICY "metadata:\n"
                      "  name: a\n"
                      "  generateName: \"q\\\"b\\\\ t\\u00e9\\t\"\n"
                      "  finalizers: ['true', x.io/under_score-1]\n"
                      "  ownerReferences:\n"
                      "  - {apiVersion: v1, kind: Pod, name: 'true', uid: a:b, controller: False,\n"
                      "     blockOwnerDeletion: true}\n"
                      "spec: {podSelector: {}}\n"
                      "---\n" POLICY "metadata: {name: b, finalizers: [], generateName: '', "
                      "ownerReferences: []}\n"
                      "spec: {podSelector: {}}\n");
    CU_ASSERT_FATAL(r.ok && r.program.policies.n == 2);
    CU_ASSERT_FATAL(r.program.policies.v[0]->nraws == 1);
    CU_ASSERT(r.program.policies.v[1]->nraws == 0);
    struct str text = r.program.policies.v[0]->raws[0].text;
    const char *want = "metadata:\n"
                       "  finalizers:\n"
                       "  - \"true\"\n"
                       "  - x.io/under_score-1\n"
                       "  generateName: \"q\\\"b\\\\ t\\U000000E9\\U00000009\"\n"
                       "  ownerReferences:\n"
                       "  - apiVersion: v1\n"
                       "    blockOwnerDeletion: true\n"
                       "    controller: false\n"
                       "    kind: Pod\n"
                       "    name: \"true\"\n"
                       "    uid: \"a:b\"\n";
    CU_ASSERT(str_is(text, want));
    if (!str_is(text, want)) {
        printf("\n" STR_FMT, STR_ARG(text));
    }
    reading_free(&r);
}

UNIT_MAIN("k8s_refusals", TEST(refused_inventory), TEST(refused_pods), TEST(refused_policies),
          TEST(refused_tiers), TEST(empty_and_absent), TEST(default_namespace), TEST(raw_metadata))
