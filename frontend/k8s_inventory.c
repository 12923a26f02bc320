/* Namespaces, nodes and services (v1): read for names, labels, addresses and ports only. */
#include "frontend/k8s_object.h"

enum { PORT_MAX = 65535 };

struct object_nodes {
    const struct node *meta, *spec, *status;
};
static const struct field object_fields[] = {
    {FIELD_OF(object_nodes, "metadata", MAP, meta), .required = true},
    {FIELD_OF(object_nodes, "spec", MAP, spec)},
    {FIELD_OF(object_nodes, "status", MAP, status)},
};
static const struct schema object_schema = {SCHEMA_FIELDS(object_fields), .open = true};

static bool take_object(struct k8s *k, const struct node *object, bool namespaced,
                        struct object_nodes *o, struct k8s_meta *meta)
{
    return k8s_fields(k, object, NULL, &object_schema, o) &&
           k8s_inventory_meta(k, o->meta, PATH_FIELD(NULL, "metadata"), namespaced, meta);
}

/* ---- Namespace ---- */

/* The label that the API server sets on every namespace. */
static bool complete_labels(struct k8s *k, struct k8s_meta *meta)
{
    const struct label *given = labels_find(&meta->labels, STR(LABEL_NS_NAME));
    if (given != NULL) {
        if (str_eq(given->value, meta->name)) {
            return true;
        }
        k8s_error(k, NPC062, given->at, PATH_FIELD(NULL, "metadata.labels"),
                  "Invalid value: \"" STR_FMT "\": " LABEL_NS_NAME " is always the namespace's "
                  "name, here \"" STR_FMT "\"",
                  STR_ARG(given->value), STR_ARG(meta->name));
        return false;
    }
    struct label *v = ARENA_NEW_ARRAY(&k->ctx->arena, meta->labels.n + 1, struct label);
    for (size_t i = 0; i < meta->labels.n; i++) {
        v[i] = meta->labels.v[i];
    }
    v[meta->labels.n] =
        (struct label){.key = k8s_keep(k, STR(LABEL_NS_NAME)), .value = meta->name, .at = meta->at};
    meta->labels.v = v;
    meta->labels.n++;
    labels_sort(&meta->labels);
    return true;
}

void k8s_namespace(struct k8s *k, const struct node *object)
{
    struct object_nodes o = {0};
    struct k8s_meta meta;
    if (!take_object(k, object, false, &o, &meta)) {
        return;
    }
    const char *wrong = name_check_dns_label(meta.name);
    if (wrong != NULL) {
        k8s_invalid(k, node_find(o.meta, STR("name")), PATH_FIELD(NULL, "metadata.name"), wrong);
        return;
    }
    if (!complete_labels(k, &meta)) {
        return;
    }
    struct ns_object *ns = ARENA_NEW(&k->ctx->arena, struct ns_object);
    *ns = (struct ns_object){
        .name = meta.name, .labels = meta.labels, .declared = true, .at = meta.at};
    vec_push(&k->ctx->arena, &k->program->inv.namespaces, ns);
}

/* ---- Node ---- */

struct node_status_nodes {
    const struct node *addresses;
};
static const struct field node_status_fields[] = {
    {FIELD_OF(node_status_nodes, "addresses", SEQ, addresses)},
};
static const struct schema node_status_schema = {SCHEMA_FIELDS(node_status_fields), .open = true};

struct node_address_nodes {
    const struct node *type, *address;
};
static const struct field node_address_fields[] = {
    {FIELD_OF(node_address_nodes, "type", STRING, type), .required = true},
    {FIELD_OF(node_address_nodes, "address", STRING, address), .required = true},
};
static const struct schema node_address_schema = {SCHEMA_FIELDS(node_address_fields), .open = true};

static bool take_node_addresses(struct k8s *k, const struct node *list, const struct path *p,
                                struct node_object *out)
{
    bool ok = true;
    size_t i = 0;
    out->addrs = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct address);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(p, i++);
        struct node_address_nodes a = {0};
        if (!k8s_fields(k, n, here, &node_address_schema, &a)) {
            ok = false;
            continue;
        }
        /* the other types are host names */
        if (!str_is(a.type->text, "InternalIP") && !str_is(a.type->text, "ExternalIP")) {
            continue;
        }
        if (k8s_address(k, a.address, PATH_FIELD(here, "address"), &out->addrs[out->naddrs])) {
            out->naddrs++;
        } else {
            ok = false;
        }
    }
    return ok;
}

void k8s_node(struct k8s *k, const struct node *object)
{
    struct object_nodes o = {0};
    struct node_status_nodes s = {0};
    struct k8s_meta meta;
    const struct path *status = PATH_FIELD(NULL, "status");
    if (!take_object(k, object, false, &o, &meta) ||
        (o.status != NULL && !k8s_fields(k, o.status, status, &node_status_schema, &s))) {
        return;
    }
    struct node_object *out = ARENA_NEW(&k->ctx->arena, struct node_object);
    *out = (struct node_object){.name = meta.name, .labels = meta.labels, .at = meta.at};
    if (s.addresses == NULL ||
        take_node_addresses(k, s.addresses, PATH_FIELD(status, "addresses"), out)) {
        vec_push(&k->ctx->arena, &k->program->inv.nodes, out);
    }
}

/* ---- Service ---- */

struct service_nodes {
    const struct node *selector, *ip, *ips, *ports;
};
static const struct field service_fields[] = {
    {FIELD_OF(service_nodes, "selector", MAP, selector)},
    {FIELD_OF(service_nodes, "clusterIP", STRING, ip)},
    {FIELD_OF(service_nodes, "clusterIPs", SEQ, ips)},
    {FIELD_OF(service_nodes, "ports", SEQ, ports)},
};
static const struct schema service_schema = {SCHEMA_FIELDS(service_fields), .open = true};

struct service_port_nodes {
    const struct node *name, *protocol, *port, *target;
};
static const struct field service_port_fields[] = {
    {FIELD_OF(service_port_nodes, "name", STRING, name)},
    {FIELD_OF(service_port_nodes, "protocol", STRING, protocol)},
    {FIELD_OF(service_port_nodes, "port", INT, port), .required = true},
    {FIELD_OF(service_port_nodes, "targetPort", ANY, target)},
};
static const struct schema service_port_schema = {SCHEMA_FIELDS(service_port_fields), .open = true};

/* A number, or the name of a container's port; by default the port itself. */
static bool take_target(struct k8s *k, const struct node *n, const struct path *p,
                        struct service_port *out)
{
    uint32_t number;
    out->target = out->port;
    if (n == NULL) {
        return true;
    }
    if (n->kind == NODE_SCALAR && (!n->plain || !str_to_u32(n->text, UINT32_MAX, &number))) {
        out->target = 0;
        out->target_name = k8s_keep(k, n->text);
        return k8s_is_type(k, n, p, FIELD_STRING);
    }
    if (!k8s_number(k, n, p, 1, PORT_MAX, &number)) {
        return false;
    }
    out->target = (uint16_t)number;
    return true;
}

static bool take_service_port(struct k8s *k, const struct node *n, const struct path *p,
                              struct service_port *out)
{
    struct service_port_nodes s = {0};
    uint32_t number;
    if (!k8s_fields(k, n, p, &service_port_schema, &s) ||
        !k8s_number(k, s.port, PATH_FIELD(p, "port"), 1, PORT_MAX, &number)) {
        return false;
    }
    *out = (struct service_port){.port = (uint16_t)number};
    out->name = s.name != NULL ? k8s_keep(k, s.name->text) : STR("");
    return k8s_protocol(k, s.protocol, PATH_FIELD(p, "protocol"), &out->proto) &&
           take_target(k, s.target, PATH_FIELD(p, "targetPort"), out);
}

static bool take_service_ports(struct k8s *k, const struct node *list, const struct path *p,
                               struct service *out)
{
    bool ok = true;
    out->ports = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct service_port);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        ok &= take_service_port(k, n, PATH_INDEX(p, out->nports), &out->ports[out->nports]);
        out->nports++;
    }
    return ok;
}

/* "None" says that the service has no address of its own; empty, that it has none yet. */
static bool take_cluster_ip(struct k8s *k, const struct node *n, const struct path *p,
                            struct service *out)
{
    struct address a;
    if (!k8s_is_type(k, n, p, FIELD_STRING)) {
        return false;
    }
    if (n->text.n == 0 || str_is(n->text, "None")) {
        out->headless |= n->text.n > 0;
        return true;
    }
    if (!k8s_address(k, n, p, &a)) {
        return false;
    }
    out->addrs[out->naddrs++] = a;
    return true;
}

/* clusterIPs begins with clusterIP, and is absent from what people write. */
static bool take_cluster_ips(struct k8s *k, const struct service_nodes *s, const struct path *p,
                             struct service *out)
{
    if (s->ips == NULL || s->ips->n == 0) {
        out->addrs = ARENA_NEW(&k->ctx->arena, struct address);
        return s->ip == NULL || take_cluster_ip(k, s->ip, PATH_FIELD(p, "clusterIP"), out);
    }
    const struct path *list = PATH_FIELD(p, "clusterIPs");
    bool ok = true;
    size_t i = 0;
    out->addrs = ARENA_NEW_ARRAY(&k->ctx->arena, s->ips->n, struct address);
    for (const struct node *n = s->ips->first; n != NULL; n = n->next) {
        ok &= take_cluster_ip(k, n, PATH_INDEX(list, i++), out);
    }
    return ok;
}

void k8s_service(struct k8s *k, const struct node *object)
{
    struct object_nodes o = {0};
    struct service_nodes s = {0};
    struct k8s_meta meta;
    const struct path *spec = PATH_FIELD(NULL, "spec");
    if (!take_object(k, object, true, &o, &meta) ||
        (o.spec != NULL && !k8s_fields(k, o.spec, spec, &service_schema, &s))) {
        return;
    }
    struct service *out = ARENA_NEW(&k->ctx->arena, struct service);
    *out = (struct service){.ns = meta.ns, .name = meta.name, .at = meta.at};
    bool ok = take_cluster_ips(k, &s, spec, out);
    if (s.selector != NULL) {
        ok &= k8s_labels(k, s.selector, PATH_FIELD(spec, "selector"), &out->selector);
    }
    if (s.ports != NULL) {
        ok &= take_service_ports(k, s.ports, PATH_FIELD(spec, "ports"), out);
    }
    if (ok) {
        vec_push(&k->ctx->arena, &k->program->inv.services, out);
    }
}
