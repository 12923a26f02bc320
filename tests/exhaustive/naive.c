/*
 * What policies mean, by the text of the Kubernetes API: every policy is asked about every packet.
 * Nothing of npc is known here.
 */
#include "space.h"

static bool requirement_holds(const struct requirement *r, const uint8_t *labels)
{
    const uint8_t label = labels[r->key];
    const bool listed = label != ABSENT && (r->values >> (label - 1) & 1);
    switch (r->op) {
    case OP_EQUAL:
    case OP_IN:
        return listed;
    case OP_NOT_IN: /* "… and also objects without the key" */
        return !listed;
    case OP_EXISTS:
        return label != ABSENT;
    case OP_DOES_NOT_EXIST:
        return label == ABSENT;
    }
    return false;
}

static bool selects(const struct selection *s, const uint8_t *labels)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!requirement_holds(&s->v[i], labels)) {
            return false;
        }
    }
    return true;
}

size_t naive_owner(size_t version, int address)
{
    for (size_t pod = 0; pod < PODS; pod++) {
        if (pod_has_address(pod, version) && (int)pod == address) {
            return pod;
        }
    }
    return PODS;
}

static bool prefix_has(const struct prefix *x, size_t version, int address)
{
    return x->version == version &&
           (x->size == 0 || (address >= x->first && address < x->first + x->size));
}

static bool block_matches(const struct peer_spec *peer, size_t version, int address)
{
    for (size_t i = 0; i < peer->nexcept; i++) {
        if (prefix_has(&peer->except[i], version, address)) {
            return false;
        }
    }
    return prefix_has(&peer->block, version, address);
}

static bool peer_matches(const struct program_spec *p, const struct policy_spec *policy,
                         const struct peer_spec *peer, size_t version, int address)
{
    const size_t pod = naive_owner(version, address);
    if (peer->kind == BY_BLOCK) {
        return block_matches(peer, version, address) && !(p->external && pod < PODS);
    }
    if (pod == PODS) {
        return false;
    }
    const bool in_namespace = peer->kind == BY_POD
                                  ? pod_namespace[pod] == policy->ns
                                  : selects(&peer->ns, namespace_labels[pod_namespace[pod]]);
    return in_namespace && (peer->kind == BY_NAMESPACE || selects(&peer->pods, pod_labels[pod]));
}

static bool port_matches(const struct port_spec *port, const struct probe *probe,
                         size_t destination)
{
    const uint8_t protocol = port->protocol == NO_PROTOCOL ? TCP : port->protocol;
    if (protocol != probe->protocol) {
        return false;
    }
    switch (port->kind) {
    case PORT_ABSENT:
        return true;
    case PORT_NUMBER:
        return probe->port == port->first;
    case PORT_SPAN:
        return probe->port >= port->first && probe->port <= port->last;
    case PORT_NAME:
        break;
    }
    for (size_t i = 0; i < DECLARED; i++) {
        const struct declared_port *d = &declared[i];
        if (d->pod == destination && d->name == port->name && d->protocol == protocol &&
            d->number == probe->port) {
            return true;
        }
    }
    return false;
}

static uint32_t ports_allowed(const struct rule_spec *rule, size_t destination)
{
    uint32_t set = 0;
    for (size_t i = 0; i < PROBES; i++) {
        bool matches = rule->nports == 0;
        for (size_t k = 0; k < rule->nports; k++) {
            matches = matches || port_matches(&rule->ports[k], &probes[i], destination);
        }
        set |= matches ? 1u << i : 0;
    }
    return set;
}

/* "If no policyTypes are specified …, they will default based on the existence of ingress or egress
 * rules; policies that contain an egress section are assumed to affect egress, and all policies …
 * are assumed to affect ingress." */
static bool affects(const struct policy_spec *p, size_t way)
{
    if (p->types != 0) {
        return p->types >> way & 1;
    }
    return way == INGRESS || p->form[EGRESS] == LIST;
}

uint32_t naive_allowed(const struct program_spec *p, size_t way, size_t pod, size_t version,
                       int peer)
{
    const uint32_t everything = (1u << PROBES) - 1;
    const size_t other = naive_owner(version, peer);
    if (other == pod) {
        return everything; /* traffic of a pod to itself is never filtered */
    }
    bool isolated = false;
    uint32_t allowed = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct policy_spec *policy = &p->v[i];
        if (policy->ns != pod_namespace[pod] || !selects(&policy->target, pod_labels[pod]) ||
            !affects(policy, way)) {
            continue;
        }
        isolated = true;
        for (size_t k = 0; policy->form[way] == LIST && k < policy->count[way]; k++) {
            const struct rule_spec *rule = &policy->rules[way][k];
            bool matches = rule->npeers == 0;
            for (size_t n = 0; n < rule->npeers; n++) {
                matches = matches || peer_matches(p, policy, &rule->peers[n], version, peer);
            }
            allowed |= matches ? ports_allowed(rule, way == INGRESS ? pod : other) : 0;
        }
    }
    return isolated ? allowed : everything;
}
