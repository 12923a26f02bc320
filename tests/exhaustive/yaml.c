/* The universe and its policies as people write them for Kubernetes. Nothing of npc is known here.
 */
#include "space.h"

#include <stdarg.h>
#include <stdio.h>

struct text {
    char *out;
    size_t room, n;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->out + t->n, t->room - t->n, format, args);
    va_end(args);
    t->n += (size_t)n;
    if (n < 0 || t->n >= t->room) {
        t->n = t->room - 1; /* room is made for the longest policy; a cut one cannot be read */
    }
}

static const char *const namespace_names[NAMESPACES] = {"one", "two"};
static const char *const key_names[KEYS] = {"a", "b", "kubernetes.io/metadata.name"};
static const char *const value_names[KEYS][2] = {{"x", "\"\""}, {"x", "\"\""}, {"one", "two"}};
static const char *const protocol_names[] = {"TCP", "UDP", "SCTP"};
static const char *const port_names[NAMES] = {"web", "dns"};

/* ---- the universe ---- */

static void put_labels(struct text *t, const uint8_t *labels)
{
    put(t, "labels: {");
    const char *comma = "";
    for (size_t k = 0; k < KEYS; k++) {
        if (labels[k] != ABSENT) {
            put(t, "%s%s: %s", comma, key_names[k], value_names[k][labels[k] - 1]);
            comma = ", ";
        }
    }
    put(t, "}");
}

static void put_pod(struct text *t, size_t pod)
{
    put(t, "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p%zu\n  namespace: %s\n  ", pod + 1,
        namespace_names[pod_namespace[pod]]);
    put_labels(t, pod_labels[pod]);
    put(t, "\nspec:\n  containers:\n  - name: c\n    ports:\n");
    for (size_t i = 0; i < DECLARED; i++) {
        if (declared[i].pod == pod) {
            put(t, "    - {name: %s, protocol: %s, containerPort: %u}\n",
                port_names[declared[i].name], protocol_names[declared[i].protocol],
                declared[i].number);
        }
    }
    put(t, "status:\n  podIPs:\n  - ip: 10.0.0.%zu\n", pod);
    if (pod_has_address(pod, IPV6)) {
        put(t, pod == 0 ? "  - ip: \"fd00::\"\n" : "  - ip: \"fd00::%zu\"\n", pod);
    }
}

size_t universe_yaml(char *out, size_t room)
{
    struct text t = {out, room, 0};
    for (size_t i = 0; i < NAMESPACES; i++) {
        put(&t, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  ",
            namespace_names[i]);
        put_labels(&t, namespace_labels[i]);
        put(&t, "\n");
    }
    for (size_t i = 0; i < PODS; i++) {
        put_pod(&t, i);
    }
    return t.n;
}

/* ---- policies ---- */

static void put_expression(struct text *t, const struct requirement *r)
{
    static const char *const operators[] = {[OP_IN] = "In",
                                            [OP_NOT_IN] = "NotIn",
                                            [OP_EXISTS] = "Exists",
                                            [OP_DOES_NOT_EXIST] = "DoesNotExist"};
    put(t, "{key: %s, operator: %s", key_names[r->key], operators[r->op]);
    if (r->op == OP_IN || r->op == OP_NOT_IN) {
        const char *comma = "";
        put(t, ", values: [");
        for (size_t i = 0; i < 2; i++) {
            if (r->values >> i & 1) {
                put(t, "%s%s", comma, value_names[r->key][i]);
                comma = ", ";
            }
        }
        put(t, "]");
    }
    put(t, "}");
}

static void put_selection(struct text *t, const struct selection *s)
{
    put(t, "{");
    const char *comma = "";
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].op == OP_EQUAL) {
            put(t, "%s%s: %s", *comma == 0 ? "matchLabels: {" : comma, key_names[s->v[i].key],
                value_names[s->v[i].key][s->v[i].values >> 1]);
            comma = ", ";
        }
    }
    const char *separator = *comma == 0 ? "matchExpressions: [" : "}, matchExpressions: [";
    const char *end = *comma == 0 ? "" : "}";
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].op != OP_EQUAL) {
            put(t, "%s", separator);
            put_expression(t, &s->v[i]);
            separator = ", ";
            end = "]";
        }
    }
    put(t, "%s}", end);
}

static void put_prefix(struct text *t, const struct prefix *x)
{
    if (x->size == 0) {
        put(t, "%s", x->version == IPV4 ? "0.0.0.0/0" : "\"::/0\"");
        return;
    }
    const int host_bits = x->size == 4 ? 2 : x->size == 2 ? 1 : 0;
    if (x->version == IPV4) {
        put(t, "10.0.0.%u/%d", x->first, 32 - host_bits);
    } else if (x->first == 0) {
        put(t, "\"fd00::/%d\"", 128 - host_bits);
    } else {
        put(t, "\"fd00::%u/%d\"", x->first, 128 - host_bits);
    }
}

static void put_peer(struct text *t, const struct peer_spec *peer)
{
    if (peer->kind == BY_BLOCK) {
        put(t, "{ipBlock: {cidr: ");
        put_prefix(t, &peer->block);
        for (size_t i = 0; i < peer->nexcept; i++) {
            put(t, i == 0 ? ", except: [" : ", ");
            put_prefix(t, &peer->except[i]);
        }
        put(t, peer->nexcept > 0 ? "]}}" : "}}");
        return;
    }
    put(t, "{");
    if (peer->kind != BY_POD) {
        put(t, "namespaceSelector: ");
        put_selection(t, &peer->ns);
    }
    put(t, peer->kind == BY_BOTH ? ", " : "");
    if (peer->kind != BY_NAMESPACE) {
        put(t, "podSelector: ");
        put_selection(t, &peer->pods);
    }
    put(t, "}");
}

static void put_port(struct text *t, const struct port_spec *port)
{
    const char *comma = "";
    put(t, "{");
    if (port->protocol != NO_PROTOCOL) {
        put(t, "protocol: %s", protocol_names[port->protocol]);
        comma = ", ";
    }
    switch (port->kind) {
    case PORT_ABSENT:
        break;
    case PORT_NUMBER:
        put(t, "%sport: %u", comma, port->first);
        break;
    case PORT_SPAN:
        put(t, "%sport: %u, endPort: %u", comma, port->first, port->last);
        break;
    case PORT_NAME:
        put(t, "%sport: %s", comma, port_names[port->name]);
        break;
    }
    put(t, "}");
}

static void put_rule(struct text *t, const struct rule_spec *r, size_t way)
{
    static const char *const ends[] = {"from", "to"};
    const char *comma = "";
    put(t, "  - {");
    if (r->npeers > 0 || r->empty) {
        put(t, "%s: [", ends[way]);
        for (size_t i = 0; i < r->npeers; i++) {
            put(t, i > 0 ? ", " : "");
            put_peer(t, &r->peers[i]);
        }
        put(t, "]");
        comma = ", ";
    }
    if (r->nports > 0 || r->empty) {
        put(t, "%sports: [", comma);
        for (size_t i = 0; i < r->nports; i++) {
            put(t, i > 0 ? ", " : "");
            put_port(t, &r->ports[i]);
        }
        put(t, "]");
    }
    put(t, "}\n");
}

static void put_policy(struct text *t, const struct policy_spec *p, size_t number)
{
    static const char *const types[] = {"", "Ingress", "Egress", "Ingress, Egress"};
    static const char *const ways[] = {"ingress", "egress"};
    put(t, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n");
    put(t, "  name: policy-%zu\n  namespace: %s\nspec:\n  podSelector: ", number + 1,
        namespace_names[p->ns]);
    put_selection(t, &p->target);
    put(t, "\n");
    if (p->types != 0) {
        put(t, "  policyTypes: [%s]\n", types[p->types]);
    }
    for (size_t way = 0; way < WAYS; way++) {
        if (p->form[way] == NIL) {
            continue;
        }
        put(t, p->form[way] == EMPTY ? "  %s: []\n" : "  %s:\n", ways[way]);
        for (size_t i = 0; p->form[way] == LIST && i < p->count[way]; i++) {
            put_rule(t, &p->rules[way][i], way);
        }
    }
}

size_t program_yaml(const struct program_spec *p, char *out, size_t room)
{
    struct text t = {out, room, 0};
    for (size_t i = 0; i < p->n; i++) {
        put_policy(&t, &p->v[i], i);
    }
    return t.n;
}
