/*
 * Pods (v1), and what makes pods of a template: Deployment, StatefulSet, DaemonSet, ReplicaSet
 * (apps/v1), Job and CronJob (batch/v1), ReplicationController (v1). Read for labels, addresses,
 * ports and place only; strict about these, and blind to the rest.
 */
#include "frontend/k8s_object.h"

enum { PORT_MAX = 65535 };

/* ---- containers ---- */

struct container_port_nodes {
    const struct node *number, *name, *protocol;
};
static const struct field container_port_fields[] = {
    {FIELD_OF(container_port_nodes, "containerPort", INT, number), .required = true},
    {FIELD_OF(container_port_nodes, "name", STRING, name)},
    {FIELD_OF(container_port_nodes, "protocol", STRING, protocol)},
};
static const struct schema container_port_schema = {SCHEMA_FIELDS(container_port_fields),
                                                    .open = true};

struct container_nodes {
    const struct node *ports, *restart;
};
static const struct field container_fields[] = {
    {FIELD_OF(container_nodes, "ports", SEQ, ports)},
    {FIELD_OF(container_nodes, "restartPolicy", STRING, restart)},
};
static const struct schema container_schema = {SCHEMA_FIELDS(container_fields), .open = true};

static bool take_port(struct k8s *k, const struct node *n, const struct path *p,
                      struct named_port *out)
{
    struct container_port_nodes nodes = {0};
    uint32_t number = 0;
    if (!k8s_fields(k, n, p, &container_port_schema, &nodes) ||
        !k8s_number(k, nodes.number, PATH_FIELD(p, "containerPort"), 1, PORT_MAX, &number)) {
        return false;
    }
    *out = (struct named_port){.number = (uint16_t)number};
    if (nodes.name != NULL && nodes.name->text.n > 0) {
        const char *wrong = name_check_port(nodes.name->text);
        if (wrong != NULL) {
            k8s_invalid(k, nodes.name, PATH_FIELD(p, "name"), wrong);
            return false;
        }
        out->name = k8s_keep(k, nodes.name->text);
    }
    return k8s_protocol(k, nodes.protocol, PATH_FIELD(p, "protocol"), &out->proto);
}

/* The most ports that a list of containers can have, whatever is wrong with it. */
static size_t count_ports(const struct node *containers)
{
    size_t count = 0;
    for (const struct node *c = containers != NULL ? containers->first : NULL; c != NULL;
         c = c->next) {
        for (const struct node *field = c->first; field != NULL; field = field->next) {
            count += field->n;
        }
    }
    return count;
}

/* Init containers run while the pod serves only if they restart always ("sidecars"). */
static bool take_containers(struct k8s *k, const struct node *containers, const struct path *p,
                            bool init, struct workload *out)
{
    bool ok = true;
    size_t i = 0;
    for (const struct node *n = containers != NULL ? containers->first : NULL; n != NULL;
         n = n->next) {
        const struct path *here = PATH_INDEX(p, i++);
        struct container_nodes c = {0};
        ok &= k8s_fields(k, n, here, &container_schema, &c);
        bool runs = !init || (c.restart != NULL && str_is(c.restart->text, "Always"));
        if (c.ports == NULL || !runs) {
            continue;
        }
        const struct path *ports = PATH_FIELD(here, "ports");
        size_t j = 0;
        for (const struct node *port = c.ports->first; port != NULL; port = port->next) {
            ok &= take_port(k, port, PATH_INDEX(ports, j++), &out->ports[out->nports]);
            out->nports++;
        }
    }
    return ok;
}

/* ---- the spec of a pod ---- */

struct pod_spec_nodes {
    const struct node *containers, *init_containers, *host_network, *node;
};
static const struct field pod_spec_fields[] = {
    {FIELD_OF(pod_spec_nodes, "containers", SEQ, containers)},
    {FIELD_OF(pod_spec_nodes, "initContainers", SEQ, init_containers)},
    {FIELD_OF(pod_spec_nodes, "hostNetwork", BOOL, host_network)},
    {FIELD_OF(pod_spec_nodes, "nodeName", STRING, node)},
};
static const struct schema pod_spec_schema = {SCHEMA_FIELDS(pod_spec_fields), .open = true};

static bool take_pod_spec(struct k8s *k, const struct node *n, const struct path *p,
                          struct workload *out)
{
    struct pod_spec_nodes s = {0};
    if (!k8s_fields(k, n, p, &pod_spec_schema, &s)) {
        return false;
    }
    out->host_network = s.host_network != NULL && str_eq_nocase(s.host_network->text, STR("true"));
    out->node = s.node != NULL ? k8s_keep(k, s.node->text) : STR("");
    size_t most = count_ports(s.containers) + count_ports(s.init_containers);
    out->ports = ARENA_NEW_ARRAY(&k->ctx->arena, most, struct named_port);
    bool ok = take_containers(k, s.containers, PATH_FIELD(p, "containers"), false, out);
    return take_containers(k, s.init_containers, PATH_FIELD(p, "initContainers"), true, out) && ok;
}

/* ---- the status of a pod ---- */

struct pod_status_nodes {
    const struct node *phase, *pod_ip, *pod_ips, *host_ip, *host_ips;
};
static const struct field pod_status_fields[] = {
    {FIELD_OF(pod_status_nodes, "phase", STRING, phase)},
    {FIELD_OF(pod_status_nodes, "podIP", STRING, pod_ip)},
    {FIELD_OF(pod_status_nodes, "podIPs", SEQ, pod_ips)},
    {FIELD_OF(pod_status_nodes, "hostIP", STRING, host_ip)},
    {FIELD_OF(pod_status_nodes, "hostIPs", SEQ, host_ips)},
};
static const struct schema pod_status_schema = {SCHEMA_FIELDS(pod_status_fields), .open = true};

struct ip_nodes {
    const struct node *ip;
};
static const struct field ip_fields[] = {{FIELD_OF(ip_nodes, "ip", STRING, ip)}};
static const struct schema ip_schema = {SCHEMA_FIELDS(ip_fields), .open = true};

static void add_address(struct workload *out, struct address a)
{
    for (size_t i = 0; i < out->naddrs; i++) {
        if (out->addrs[i].family == a.family && ip_cmp(out->addrs[i].ip, a.ip) == 0) {
            return;
        }
    }
    out->addrs[out->naddrs++] = a;
}

static bool take_address(struct k8s *k, const struct node *n, const struct path *p,
                         struct workload *out)
{
    struct address a;
    if (n == NULL || n->text.n == 0) {
        return true;
    }
    if (!k8s_address(k, n, p, &a)) {
        return false;
    }
    add_address(out, a);
    return true;
}

/* podIP and podIPs, or hostIP and hostIPs: the second begins with the first. */
static bool take_addresses(struct k8s *k, const struct node *one, const struct path *one_path,
                           const struct node *list, const struct path *list_path,
                           struct workload *out)
{
    bool ok = true;
    size_t i = 0;
    out->addrs = ARENA_NEW_ARRAY(&k->ctx->arena, 1 + (list != NULL ? list->n : 0), struct address);
    ok &= take_address(k, one, one_path, out);
    for (const struct node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(list_path, i++);
        struct ip_nodes nodes = {0};
        ok &= k8s_fields(k, n, here, &ip_schema, &nodes) &&
              take_address(k, nodes.ip, PATH_FIELD(here, "ip"), out);
    }
    return ok;
}

static bool take_status(struct k8s *k, const struct node *n, const struct path *p,
                        struct workload *out)
{
    struct pod_status_nodes s = {0};
    if (!k8s_fields(k, n, p, &pod_status_schema, &s)) {
        return false;
    }
    out->finished =
        s.phase != NULL && (str_is(s.phase->text, "Succeeded") || str_is(s.phase->text, "Failed"));
    bool ok = take_addresses(k, s.pod_ip, PATH_FIELD(p, "podIP"), s.pod_ips,
                             PATH_FIELD(p, "podIPs"), out);
    if (ok && out->naddrs == 0 && out->host_network) {
        ok = take_addresses(k, s.host_ip, PATH_FIELD(p, "hostIP"), s.host_ips,
                            PATH_FIELD(p, "hostIPs"), out);
    }
    return ok;
}

/* ---- objects ---- */

struct object_nodes {
    const struct node *meta, *spec, *status;
};
static const struct field pod_fields[] = {
    {FIELD_OF(object_nodes, "metadata", MAP, meta), .required = true},
    {FIELD_OF(object_nodes, "spec", MAP, spec), .required = true},
    {FIELD_OF(object_nodes, "status", MAP, status)},
};
static const struct schema pod_schema = {SCHEMA_FIELDS(pod_fields), .open = true};

static void add_workload(struct k8s *k, const struct workload *w)
{
    struct workload *kept = ARENA_NEW(&k->ctx->arena, struct workload);
    *kept = *w;
    vec_push(&k->ctx->arena, &k->program->inv.workloads, kept);
}

void k8s_pod(struct k8s *k, const struct node *object)
{
    struct object_nodes o = {0};
    struct k8s_meta meta;
    if (!k8s_fields(k, object, NULL, &pod_schema, &o) ||
        !k8s_inventory_meta(k, o.meta, PATH_FIELD(NULL, "metadata"), true, &meta)) {
        return;
    }
    struct workload w = {.kind = WL_POD,
                         .ns = meta.ns,
                         .name = meta.name,
                         .owner = meta.owner,
                         .labels = meta.labels,
                         .at = meta.at};
    bool ok = take_pod_spec(k, o.spec, PATH_FIELD(NULL, "spec"), &w);
    if (o.status != NULL) {
        ok &= take_status(k, o.status, PATH_FIELD(NULL, "status"), &w);
    }
    if (ok) {
        add_workload(k, &w);
    }
}

/* ---- pod templates ---- */

struct template_nodes {
    const struct node *meta, *spec, *template;
};
static const struct field template_fields[] = {
    {FIELD_OF(template_nodes, "metadata", MAP, meta)},
    {FIELD_OF(template_nodes, "spec", MAP, spec)},
};
static const struct schema template_schema = {SCHEMA_FIELDS(template_fields), .open = true};

static const struct field holder_fields[] = {
    {FIELD_OF(template_nodes, "template", MAP, template), .required = true},
};
static const struct schema holder_schema = {SCHEMA_FIELDS(holder_fields), .open = true};

static const struct field cron_fields[] = {
    {FIELD_OF(template_nodes, "jobTemplate", MAP, template), .required = true},
};
static const struct schema cron_schema = {SCHEMA_FIELDS(cron_fields), .open = true};

struct template_meta_nodes {
    const struct node *labels;
};
static const struct field template_meta_fields[] = {
    {FIELD_OF(template_meta_nodes, "labels", MAP, labels)},
};
static const struct schema template_meta_schema = {SCHEMA_FIELDS(template_meta_fields),
                                                   .open = true};

static bool take_template(struct k8s *k, const struct node *n, const struct path *p,
                          struct workload *out)
{
    struct template_nodes t = {0};
    struct template_meta_nodes m = {0};
    const struct path *meta = PATH_FIELD(p, "metadata");
    bool ok = k8s_fields(k, n, p, &template_schema, &t);
    if (t.meta != NULL) {
        ok &= k8s_fields(k, t.meta, meta, &template_meta_schema, &m);
    }
    if (m.labels != NULL) {
        ok &= k8s_labels(k, m.labels, PATH_FIELD(meta, "labels"), &out->labels);
    }
    if (t.spec != NULL) {
        ok &= take_pod_spec(k, t.spec, PATH_FIELD(p, "spec"), out);
    }
    return ok;
}

/* Adds the workload that a template stands for; `spec` is the map with the field `template`. */
static void take_holder(struct k8s *k, const struct node *meta_node, const struct node *spec,
                        const struct path *p)
{
    struct template_nodes t = {0};
    struct k8s_meta meta;
    if (!k8s_inventory_meta(k, meta_node, PATH_FIELD(NULL, "metadata"), true, &meta) ||
        !k8s_fields(k, spec, p, &holder_schema, &t)) {
        return;
    }
    struct workload w = {.kind = WL_TEMPLATE, .ns = meta.ns, .name = meta.name, .at = meta.at};
    w.owner = k8s_keep(k, str_path(k->scratch, k->kind, meta.name));
    if (take_template(k, t.template, PATH_FIELD(p, "template"), &w)) {
        add_workload(k, &w);
    }
}

void k8s_template(struct k8s *k, const struct node *object)
{
    struct object_nodes o = {0};
    if (k8s_fields(k, object, NULL, &pod_schema, &o)) {
        take_holder(k, o.meta, o.spec, PATH_FIELD(NULL, "spec"));
    }
}

void k8s_cron_job(struct k8s *k, const struct node *object)
{
    struct object_nodes o = {0};
    struct template_nodes cron = {0}, job = {0};
    const struct path *spec = PATH_FIELD(NULL, "spec");
    const struct path *job_template = PATH_FIELD(spec, "jobTemplate");
    if (!k8s_fields(k, object, NULL, &pod_schema, &o) ||
        !k8s_fields(k, o.spec, spec, &cron_schema, &cron) ||
        !k8s_fields(k, cron.template, job_template, &template_schema, &job)) {
        return;
    }
    if (job.spec == NULL) {
        k8s_required(k, cron.template->at, PATH_FIELD(job_template, "spec"));
        return;
    }
    take_holder(k, o.meta, job.spec, PATH_FIELD(job_template, "spec"));
}
