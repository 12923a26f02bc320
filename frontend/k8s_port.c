/* Ports of NetworkPolicies (core validation: validation.go, ValidateNetworkPolicyPort). */
#include "frontend/k8s_object.h"

#include "ir/yamlscalar.h"

#include <inttypes.h>

enum { PORT_MAX = 65535 };

struct port_nodes {
    const struct node *protocol, *port, *end_port;
};

static const struct field port_fields[] = {
    {FIELD_OF(port_nodes, "protocol", STRING, protocol)},
    {FIELD_OF(port_nodes, "port", ANY, port)},
    {FIELD_OF(port_nodes, "endPort", INT, end_port)},
};
const struct schema port_schema = {SCHEMA_FIELDS(port_fields)};

bool k8s_is_port_word(struct str name)
{
    static const struct str words[] = {STR_INIT("port"), STR_INIT("ports"), STR_INIT("protocol"),
                                       STR_INIT("endPort")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_eq_nocase(name, words[i])) {
            return true;
        }
    }
    return false;
}

bool k8s_protocol(struct k8s *k, const struct node *n, const struct path *p, enum proto *out)
{
    static const struct str names[] = {STR_INIT("TCP"), STR_INIT("UDP"), STR_INIT("SCTP")};
    static const enum proto protos[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP};

    *out = PROTO_TCP;
    for (size_t i = 0; n != NULL && i < sizeof names / sizeof *names; i++) {
        if (str_eq(names[i], n->text)) {
            *out = protos[i];
            return true;
        }
    }
    if (n != NULL) {
        k8s_unsupported(k, n, p, names, sizeof names / sizeof *names);
    }
    return n == NULL;
}

static bool refuse_quoted_number(struct k8s *k, const struct node *n, const struct path *p,
                                 const char *rule)
{
    struct diag *d = k8s_error(k, NPC315, n->at, p,
                               "Invalid value: \"" STR_FMT "\": a number in quotes is a port name, "
                               "and an invalid one: must %s",
                               STR_ARG(n->text), rule);
    k8s_hint(k, d, "write the number without quotes: " STR_FMT, STR_ARG(n->text));
    return false;
}

static bool take_name(struct k8s *k, const struct node *n, const struct path *p, struct port *out)
{
    if (!k8s_is_type(k, n, p, FIELD_STRING)) {
        return false;
    }
    uint32_t number;
    const char *wrong = name_check_port(n->text);
    if (wrong != NULL && str_to_u32(n->text, PORT_MAX, &number)) {
        return refuse_quoted_number(k, n, p, wrong);
    }
    if (wrong != NULL) {
        k8s_invalid(k, n, p, wrong);
        return false;
    }
    out->form = PORT_NAMED;
    out->name = k8s_keep(k, n->text);
    return true;
}

/* Whether the writer meant a number: what YAML takes for one, in whatever spelling. */
static bool looks_numeric(const struct node *n)
{
    enum yaml_sense sense = yaml_resolve(n->text);
    return n->kind == NODE_SCALAR && n->plain &&
           (sense == YAML_SENSE_INT || sense == YAML_SENSE_FLOAT);
}

bool k8s_port_number(struct k8s *k, const struct node *n, const struct path *p, struct port *out)
{
    uint32_t number;
    if (!k8s_number(k, n, p, 1, PORT_MAX, &number)) {
        return false;
    }
    out->form = PORT_ONE;
    out->first = out->last = (uint16_t)number;
    return true;
}

static bool take_port(struct k8s *k, const struct node *n, const struct path *p, struct port *out)
{
    return looks_numeric(n) ? k8s_port_number(k, n, p, out) : take_name(k, n, p, out);
}

static bool refuse_end(struct k8s *k, const struct node *n, const struct path *p, const char *why)
{
    k8s_error(k, NPC062, n->at, p, "Invalid value: " STR_FMT ": %s", STR_ARG(k8s_value(k, n)), why);
    return false;
}

static bool take_end(struct k8s *k, const struct node *n, const struct path *p, struct port *out)
{
    if (out->form == PORT_WHOLE) {
        return refuse_end(k, n, p, "may not be specified when `port` is not specified");
    }
    if (out->form == PORT_NAMED) {
        return refuse_end(k, n, p, "may not be specified when `port` is non-numeric");
    }
    uint32_t number;
    if (!k8s_number(k, n, p, 1, PORT_MAX, &number)) {
        return false;
    }
    if (number < out->first) {
        return refuse_end(k, n, p, "must be greater than or equal to `port`");
    }
    out->form = PORT_RANGE;
    out->last = (uint16_t)number;
    return true;
}

bool k8s_policy_port(struct k8s *k, const struct node *n, const struct path *p, struct port *out)
{
    struct port_nodes nodes = {0};
    *out = (struct port){.form = PORT_WHOLE, .last = PORT_MAX, .at = n->at};
    bool ok = k8s_fields(k, n, p, &port_schema, &nodes);
    ok &= k8s_protocol(k, nodes.protocol, PATH_FIELD(p, "protocol"), &out->proto);
    out->implied = nodes.protocol == NULL;
    if (nodes.port != NULL && !take_port(k, nodes.port, PATH_FIELD(p, "port"), out)) {
        return false; /* and nothing can be said about endPort */
    }
    if (nodes.end_port != NULL) {
        ok &= take_end(k, nodes.end_port, PATH_FIELD(p, "endPort"), out);
    }
    return ok;
}
