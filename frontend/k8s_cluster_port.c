/* Ports of cluster policies: `protocols` of v1alpha2, `ports` of v1alpha1. */
#include "frontend/k8s_cluster.h"

enum { PORT_MAX = 65535 };

/* ---- both ---- */

struct range_nodes {
    const struct node *protocol, *start, *end;
};

static bool take_range(struct k8s *k, const struct range_nodes *r, const struct path *p,
                       uint32_t *start, uint32_t *end)
{
    bool ok = k8s_number(k, r->start, PATH_FIELD(p, "start"), 1, PORT_MAX, start);
    return k8s_number(k, r->end, PATH_FIELD(p, "end"), 1, PORT_MAX, end) && ok;
}

static bool take_name(struct k8s *k, const struct node *n, const struct path *p, struct port *out)
{
    const char *wrong = name_check_port(n->text);
    if (wrong != NULL) {
        k8s_invalid(k, n, p, wrong);
        return false;
    }
    out->form = PORT_NAMED;
    out->proto = PROTO_ANY; /* whatever the pod declares under the name */
    out->name = k8s_keep(k, n->text);
    return true;
}

static void set_range(struct port *out, uint32_t start, uint32_t end)
{
    out->form = PORT_RANGE;
    out->first = (uint16_t)start;
    out->last = (uint16_t)end;
}

/* ---- v1alpha2 ---- */

static const struct field range_v2_fields[] = {
    {FIELD_OF(range_nodes, "start", INT, start), .required = true},
    {FIELD_OF(range_nodes, "end", INT, end), .required = true},
};
static const struct schema range_v2_schema = {SCHEMA_FIELDS(range_v2_fields)};

struct destination_nodes {
    const struct node *number, *range;
};
static const struct field destination_fields[] = {
    {FIELD_OF(destination_nodes, "number", INT, number)},
    {FIELD_OF(destination_nodes, "range", MAP, range), .below = &range_v2_schema},
};
static const struct schema destination_schema = {SCHEMA_FIELDS(destination_fields)};

struct transport_nodes {
    const struct node *destination;
};
static const struct field transport_fields[] = {
    {FIELD_OF(transport_nodes, "destinationPort", MAP, destination), .below = &destination_schema},
};
static const struct schema transport_schema = {SCHEMA_FIELDS(transport_fields)};

struct protocol_nodes {
    const struct node *transport[3], *name;
};
static const struct field protocol_fields[] = {
    {FIELD_OF(protocol_nodes, "tcp", MAP, transport[PROTO_TCP]), .below = &transport_schema},
    {FIELD_OF(protocol_nodes, "udp", MAP, transport[PROTO_UDP]), .below = &transport_schema},
    {FIELD_OF(protocol_nodes, "sctp", MAP, transport[PROTO_SCTP]), .below = &transport_schema},
    {FIELD_OF(protocol_nodes, "destinationNamedPort", STRING, name)},
};
const struct schema cluster_protocol_schema = {SCHEMA_FIELDS(protocol_fields)};

static bool take_range_v2(struct k8s *k, const struct node *n, const struct path *p,
                          struct port *out)
{
    struct range_nodes r = {0};
    uint32_t start, end;
    if (!k8s_fields(k, n, p, &range_v2_schema, &r) || !take_range(k, &r, p, &start, &end)) {
        return false;
    }
    if (start >= end) {
        struct diag *d = k8s_error(k, NPC062, n->at, p,
                                   "Invalid value: {…}: Start port must be less than End port");
        if (start == end) {
            k8s_hint(k, d, "one port is destinationPort: {number: %u}", (unsigned)start);
        }
        return false;
    }
    set_range(out, start, end);
    return true;
}

static bool take_transport(struct k8s *k, const struct node *n, const struct path *p,
                           struct port *out)
{
    struct transport_nodes t = {0};
    struct destination_nodes d = {0};
    const struct path *here = PATH_FIELD(p, "destinationPort");
    if (!k8s_fields(k, n, p, &transport_schema, &t) ||
        !k8s_one_of(k, n, p, &transport_schema, &t) ||
        !k8s_fields(k, t.destination, here, &destination_schema, &d) ||
        !k8s_one_of(k, t.destination, here, &destination_schema, &d)) {
        return false;
    }
    return d.number != NULL ? k8s_port_number(k, d.number, PATH_FIELD(here, "number"), out)
                            : take_range_v2(k, d.range, PATH_FIELD(here, "range"), out);
}

void cluster_protocol(struct k8s *k, const struct node *n, const struct path *p, struct rule *out)
{
    struct protocol_nodes nodes = {0};
    struct port port = {.at = n->at};
    if (!k8s_fields(k, n, p, &cluster_protocol_schema, &nodes) ||
        !k8s_one_of(k, n, p, &cluster_protocol_schema, &nodes)) {
        return;
    }
    if (nodes.name != NULL) {
        take_name(k, nodes.name, PATH_FIELD(p, "destinationNamedPort"), &port);
    }
    for (size_t i = 0; i < sizeof nodes.transport / sizeof *nodes.transport; i++) {
        if (nodes.transport[i] != NULL) {
            port.proto = (enum proto)i;
            take_transport(k, nodes.transport[i], PATH_NAME(p, protocol_fields[i].name), &port);
        }
    }
    out->ports[out->nports++] = port;
}

/* ---- v1alpha1 ---- */

static const struct field range_v1_fields[] = {
    {FIELD_OF(range_nodes, "protocol", STRING, protocol)},
    {FIELD_OF(range_nodes, "start", INT, start), .required = true},
    {FIELD_OF(range_nodes, "end", INT, end), .required = true},
};
static const struct schema range_v1_schema = {SCHEMA_FIELDS(range_v1_fields)};

struct number_nodes {
    const struct node *protocol, *port;
};
static const struct field number_fields[] = {
    {FIELD_OF(number_nodes, "protocol", STRING, protocol)},
    {FIELD_OF(number_nodes, "port", INT, port), .required = true},
};
static const struct schema number_schema = {SCHEMA_FIELDS(number_fields)};

struct admin_port_nodes {
    const struct node *number, *name, *range;
};
static const struct field admin_port_fields[] = {
    {FIELD_OF(admin_port_nodes, "portNumber", MAP, number), .below = &number_schema},
    {FIELD_OF(admin_port_nodes, "namedPort", STRING, name)},
    {FIELD_OF(admin_port_nodes, "portRange", MAP, range), .below = &range_v1_schema},
};
const struct schema admin_port_schema = {SCHEMA_FIELDS(admin_port_fields)};

static bool take_number_v1(struct k8s *k, const struct node *n, const struct path *p,
                           struct port *out)
{
    struct number_nodes nodes = {0};
    return k8s_fields(k, n, p, &number_schema, &nodes) &&
           k8s_protocol(k, nodes.protocol, PATH_FIELD(p, "protocol"), &out->proto) &&
           k8s_port_number(k, nodes.port, PATH_FIELD(p, "port"), out);
}

/* The API takes a range from high to low; it matches nothing. False also then, with a warning. */
static bool take_range_v1(struct k8s *k, const struct node *n, const struct path *p,
                          struct port *out)
{
    struct range_nodes r = {0};
    uint32_t start, end;
    if (!k8s_fields(k, n, p, &range_v1_schema, &r) ||
        !k8s_protocol(k, r.protocol, PATH_FIELD(p, "protocol"), &out->proto) ||
        !take_range(k, &r, p, &start, &end)) {
        return false;
    }
    if (start > end) {
        struct diag *d = k8s_warning(k, NPC062, n->at, p,
                                     "start %u is above end %u: the range matches nothing, and is "
                                     "left out",
                                     (unsigned)start, (unsigned)end);
        k8s_hint(k, d, "write start: %u and end: %u", (unsigned)end, (unsigned)start);
        return false;
    }
    set_range(out, start, end);
    out->form = start == end ? PORT_ONE : PORT_RANGE; /* cluster policies have no other 80-80 */
    return true;
}

void admin_port(struct k8s *k, const struct node *n, const struct path *p, struct rule *out)
{
    struct admin_port_nodes nodes = {0};
    struct port port = {.at = n->at};
    if (!k8s_fields(k, n, p, &admin_port_schema, &nodes) ||
        !k8s_one_of(k, n, p, &admin_port_schema, &nodes)) {
        return;
    }
    bool matches;
    if (nodes.number != NULL) {
        matches = take_number_v1(k, nodes.number, PATH_FIELD(p, "portNumber"), &port);
    } else if (nodes.name != NULL) {
        matches = take_name(k, nodes.name, PATH_FIELD(p, "namedPort"), &port);
    } else {
        matches = take_range_v1(k, nodes.range, PATH_FIELD(p, "portRange"), &port);
    }
    if (matches) {
        out->ports[out->nports++] = port;
    }
}
