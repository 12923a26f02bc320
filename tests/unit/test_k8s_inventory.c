/* Namespaces, nodes, services, pods and templates: what is kept of them. */
#include "read.h"

static bool address_is(struct ctx *c, const struct address *a, const char *text)
{
    return str_is(ip_text(&c->arena, a->family, a->ip), text);
}

static void pod(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               "apiVersion: v1\n"
               "kind: Pod\n"
               "metadata:\n"
               "  name: web-1\n"
               "  namespace: shop\n"
               "  labels: {tier: web, app: shop}\n"
               "  annotations: {x: {not: looked at}}\n"
               "  ownerReferences:\n"
               "  - {kind: Other, name: o}\n"
               "  - {kind: ReplicaSet, name: web-5d, controller: true}\n"
               "spec:\n"
               "  nodeName: n1\n"
               "  volumes: [{a: &x}]\n"
               "  containers:\n"
               "  - name: a\n"
               "    env: [{name: on, value: 1}]\n"
               "    ports:\n"
               "    - {containerPort: 8080, name: http}\n"
               "    - {containerPort: 53, protocol: UDP, hostPort: 53}\n"
               "  - {name: b}\n"
               "  initContainers:\n"
               "  - {name: once, ports: [{containerPort: 1}]}\n"
               "  - {name: sidecar, restartPolicy: Always, ports: [{containerPort: 2}]}\n"
               "status:\n"
               "  phase: Running\n"
               "  podIP: 10.0.0.1\n"
               "  podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]\n"
               "  hostIP: 192.0.2.1\n");
    CU_ASSERT(!r.ok); /* an anchor, even where nobody looks */
    reading_free(&r);
    reading_of(&r, K8S_JSON,
               "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\n"
               "\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"labels\":{\"tier\":"
               "\"web\",\"app\":\"shop\"},\"annotations\":{\"x\":{\"not\":\"looked at\"}},"
               "\"ownerReferences\":[{\"kind\":\"Other\",\"name\":\"o\"},{\"kind\":\"ReplicaSet\","
               "\"name\":\"web-5d\",\"controller\":true}]},"
               "\"spec\":{\"nodeName\":\"n1\",\"volumes\":[{}],\"containers\":[{\"env\":[1],"
               "\"ports\":[{\"containerPort\":8080,\"name\":\"http\"},{\"containerPort\":53,"
               "\"protocol\":\"UDP\"}]},{}],\"initContainers\":[{\"ports\":[{\"containerPort\":1}"
               "]},{\"restartPolicy\":\"Always\",\"ports\":[{\"containerPort\":2}]}]},"
               "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"podIPs\":[{\"ip\":"
               "\"10.0.0.1\"},{\"ip\":\"fd00::1\"}],\"hostIP\":\"192.0.2.1\"}}");
    CU_ASSERT_FATAL(r.ok && r.program.inv.workloads.n == 1);
    const struct workload *w = r.program.inv.workloads.v[0];
    CU_ASSERT(w->kind == WL_POD && str_is(w->ns, "shop") && str_is(w->name, "web-1"));
    CU_ASSERT(str_is(w->owner, "ReplicaSet/web-5d") && str_is(w->node, "n1"));
    CU_ASSERT(w->labels.n == 2 && str_is(w->labels.v[0].key, "app"));
    CU_ASSERT_FATAL(w->naddrs == 2);
    CU_ASSERT(address_is(&r.ctx, &w->addrs[0], "10.0.0.1"));
    CU_ASSERT(address_is(&r.ctx, &w->addrs[1], "fd00::1"));
    CU_ASSERT_FATAL(w->nports == 3); /* not that of the container that is gone */
    CU_ASSERT(w->ports[0].number == 8080 && w->ports[0].proto == PROTO_TCP &&
              str_is(w->ports[0].name, "http"));
    CU_ASSERT(w->ports[1].number == 53 && w->ports[1].proto == PROTO_UDP &&
              w->ports[1].name.n == 0);
    CU_ASSERT(w->ports[2].number == 2);
    CU_ASSERT(!w->host_network && !w->finished);
    CU_ASSERT(w->at.line == 2 && w->at.col == 20);
    CU_ASSERT(inventory_find_ns(&r.program.inv, STR("shop")) != NULL);
    reading_free(&r);
}

static void pod_states(void)
{
    static const struct {
        const char *rest;
        bool host_network, finished;
        const char *address;
    } cases[] = {
        {"spec: {hostNetwork: true}, status: {podIP: 192.0.2.1, hostIP: 192.0.2.1}", true, false,
         "192.0.2.1"},
        {"spec: {hostNetwork: true}, status: {hostIP: 192.0.2.1, hostIPs: [{ip: 192.0.2.1}]}", true,
         false, "192.0.2.1"},
        {"spec: {hostNetwork: false}, status: {phase: Succeeded, hostIP: 192.0.2.1}", false, true,
         NULL},
        {"spec: {}, status: {phase: Failed, podIP: ''}", false, true, NULL},
        {"spec: {}, status: {phase: Pending}", false, false, NULL},
        {"spec: {}", false, false, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        char text[400];
        snprintf(text, sizeof text, "{apiVersion: v1, kind: Pod, metadata: {name: a}, %s}\n",
                 cases[i].rest);
        reading_of(&r, K8S_YAML, text);
        CU_ASSERT_FATAL(r.ok && r.program.inv.workloads.n == 1);
        const struct workload *w = r.program.inv.workloads.v[0];
        CU_ASSERT(str_is(w->ns, "default"));
        CU_ASSERT(w->host_network == cases[i].host_network && w->finished == cases[i].finished);
        CU_ASSERT(w->naddrs == (cases[i].address != NULL ? 1 : 0));
        CU_ASSERT(w->naddrs == 0 || address_is(&r.ctx, w->addrs, cases[i].address));
        reading_free(&r);
    }
}

static void templates(void)
{
    static const char *const kinds[][2] = {
        {"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"},
        {"apps/v1", "ReplicaSet"}, {"batch/v1", "Job"},        {"v1", "ReplicationController"},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct reading r;
        char text[600], owner[80];
        snprintf(text, sizeof text,
                 "apiVersion: %s\nkind: %s\nmetadata: {name: web, namespace: shop, labels: {of: it}"
                 "}\nspec: {selector: {}, template: {metadata: {labels: {app: web}}, spec: "
                 "{hostNetwork: true, containers: [{ports: [{containerPort: 80}]}]}}}\n",
                 kinds[i][0], kinds[i][1]);
        snprintf(owner, sizeof owner, "%s/web", kinds[i][1]);
        reading_of(&r, K8S_YAML, text);
        CU_ASSERT_FATAL(r.ok && r.program.inv.workloads.n == 1);
        const struct workload *w = r.program.inv.workloads.v[0];
        CU_ASSERT(w->kind == WL_TEMPLATE && str_is(w->name, "web") && str_is(w->owner, owner));
        CU_ASSERT(w->labels.n == 1 && str_is(w->labels.v[0].value, "web"));
        CU_ASSERT(w->nports == 1 && w->naddrs == 0 && w->host_network);
        reading_free(&r);
    }
}

static void cron_job(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: x, "
               "jobTemplate: {spec: {template: {metadata: {labels: {app: c}}, spec: {}}}}}\n");
    CU_ASSERT_FATAL(r.ok && r.program.inv.workloads.n == 1);
    CU_ASSERT(str_is(r.program.inv.workloads.v[0]->owner, "CronJob/c"));
    CU_ASSERT(r.program.inv.workloads.v[0]->labels.n == 1);
    reading_free(&r);
}

/* In a list without kinds of its own the owner is told by the list. */
static void template_in_list(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- {metadata: {name: d}, spec: "
               "{template: {spec: {}}}}\n");
    CU_ASSERT_FATAL(r.ok && r.program.inv.workloads.n == 1);
    CU_ASSERT(str_is(r.program.inv.workloads.v[0]->owner, "Deployment/d"));
    reading_free(&r);
}

static void namespaces(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML,
               "apiVersion: v1\nkind: NamespaceList\nitems:\n"
               "- metadata: {name: b, labels: {team: x}}\n"
               "- metadata: {name: a, labels: {kubernetes.io/metadata.name: a}}\n"
               "- metadata: {name: c}\n");
    CU_ASSERT_FATAL(r.ok && r.program.inv.namespaces.n == 3);
    for (size_t i = 0; i < 3; i++) {
        const struct ns_object *ns = r.program.inv.namespaces.v[i];
        CU_ASSERT(ns->name.p[0] == "abc"[i] && ns->declared);
        const struct label *l = labels_find(&ns->labels, STR(LABEL_NS_NAME));
        CU_ASSERT_FATAL(l != NULL);
        CU_ASSERT(str_eq(l->value, ns->name));
    }
    CU_ASSERT(r.program.inv.namespaces.v[1]->labels.n == 2);
    reading_free(&r);
}

static void node_and_service(void)
{
    struct reading r;
    reading_of(
        &r, K8S_YAML,
        "apiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {zone: z}}\n"
        "spec: {podCIDR: 10.0.0.0/24}\nstatus: {addresses: [{type: Hostname, address: n1}, "
        "{type: InternalIP, address: 192.0.2.1}, {type: ExternalIP, address: '2001:db8::1'}"
        "]}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ns}\nspec: {selector: "
        "{app: web}, clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd00::1'], ports: "
        "[{name: a, port: 80, targetPort: http}, {port: 53, protocol: UDP}, {port: 443, "
        "targetPort: 8443}]}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: headless}\nspec: {clusterIP: None}\n");
    CU_ASSERT_FATAL(r.ok && r.program.inv.nodes.n == 1 && r.program.inv.services.n == 2);
    const struct node_object *n = inventory_find_node(&r.program.inv, STR("n1"));
    CU_ASSERT_FATAL(n != NULL && n->naddrs == 2);
    CU_ASSERT(address_is(&r.ctx, &n->addrs[1], "2001:db8::1") && n->labels.n == 1);
    CU_ASSERT(r.program.inv.services.v[0]->naddrs == 0);
    const struct service *s = r.program.inv.services.v[1];
    CU_ASSERT_FATAL(s->naddrs == 2 && s->nports == 3 && s->selector.n == 1);
    CU_ASSERT(s->ports[0].target == 0 && str_is(s->ports[0].target_name, "http"));
    CU_ASSERT(s->ports[1].target == 53 && s->ports[1].proto == PROTO_UDP);
    CU_ASSERT(s->ports[2].port == 443 && s->ports[2].target == 8443);
    reading_free(&r);
}

/* Strict about what is used, and only about that. */
static void refusals(void)
{
    static const struct {
        const char *text;
        enum diag_id id;
        uint32_t col;
        const char *part;
    } cases[] = {
        {"{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {v: 1}}, spec: {}}", DIAG_NPC054,
         61, "metadata.labels"},
        {"{apiVersion: v1, kind: Pod, metadata: {labels: {}}, spec: {}}", DIAG_NPC061, 39,
         "metadata.name: Required value"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}}", DIAG_NPC061, 1, "spec: Required"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}, status: {podIP: 10.0.0.256}}",
         DIAG_NPC062, 76, "status.podIP"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}, status: {podIP: localhost}}",
         DIAG_NPC062, 76, "status.podIP"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}, status: {podIPs: [{ip: "
         "'::ffff:10.0.0.1'}]}}",
         DIAG_NPC062, 83, "status.podIPs[0].ip"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: on}}", DIAG_NPC060,
         70, "spec.hostNetwork: Invalid value: on: must be true or false"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{ports: "
         "[{containerPort: 0}]}]}}",
         DIAG_NPC062, 95, "spec.containers[0].ports[0].containerPort"},
        {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{ports: [{name: x}"
         "]}]}}",
         DIAG_NPC061, 79, "containerPort: Required"},
        {"{apiVersion: v1, kind: Namespace, metadata: {name: a.b}}", DIAG_NPC062, 52,
         "metadata.name"},
        {"{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: "
         "{kubernetes.io/metadata.name: b}}}",
         DIAG_NPC062, 64, "always the namespace's name"},
        {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {}}", DIAG_NPC061, 68,
         "spec.template: Required value"},
        {"{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {}}}",
         DIAG_NPC061, 80, "spec.jobTemplate.spec: Required value"},
        {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: "
         "{labels: {a: 1}}, spec: {}}}}",
         DIAG_NPC054, 103, "spec.template.metadata.labels"},
        {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {a: b c}, ports: "
         "[{port: 1}]}}",
         DIAG_NPC062, 75, "spec.selector"},
        {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: x}}", DIAG_NPC062,
         72, "spec.clusterIP"},
        {"{apiVersion: v1, kind: Node, metadata: {name: a}, status: {addresses: [{type: "
         "InternalIP, address: x}, {type: InternalIP, address: 10.0.0.1}]}}",
         DIAG_NPC062, 100, "status.addresses[0].address"},
        {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 1, "
         "targetPort: 65536}]}}",
         DIAG_NPC062, 91, "spec.ports[0].targetPort"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_of(&r, K8S_YAML, cases[i].text);
        CU_ASSERT(!r.ok);
        CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, cases[i].id, 1, cases[i].col, cases[i].part));
        const struct inventory *inv = &r.program.inv;
        CU_ASSERT(inv->workloads.n + inv->services.n + inv->nodes.n + inv->namespaces.n == 0);
        reading_free(&r);
    }
}

UNIT_MAIN("k8s_inventory", TEST(pod), TEST(pod_states), TEST(templates), TEST(cron_job),
          TEST(template_in_list), TEST(namespaces), TEST(node_and_service), TEST(refusals))
