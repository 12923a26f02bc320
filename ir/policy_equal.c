/* Whether two policies are the same in their faithful form: in everything but places. */
#include "ir/program.h"

static bool strs_equal(const struct str *a, size_t na, const struct str *b, size_t nb)
{
    for (size_t i = 0; i < na && na == nb; i++) {
        if (!str_eq(a[i], b[i])) {
            return false;
        }
    }
    return na == nb;
}

static bool req_equal(const struct sel_req *a, const struct sel_req *b)
{
    return a->op == b->op && str_eq(a->key, b->key) &&
           strs_equal(a->values, a->nvalues, b->values, b->nvalues);
}

/* NULL, the absent selector, equals only NULL. */
static bool selector_equal(const struct selector *a, const struct selector *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    for (size_t i = 0; i < a->n && a->n == b->n; i++) {
        if (!req_equal(&a->v[i], &b->v[i])) {
            return false;
        }
    }
    return a->n == b->n;
}

static bool cidr_equal(struct cidr a, struct cidr b)
{
    return cidr_cmp(a, b) == 0;
}

static bool cidr_peer_equal(const struct peer *a, const struct peer *b)
{
    for (size_t i = 0; i < a->nexcept && a->nexcept == b->nexcept; i++) {
        if (!cidr_equal(a->except[i], b->except[i])) {
            return false;
        }
    }
    return a->nexcept == b->nexcept && cidr_equal(a->cidr, b->cidr);
}

static bool peer_equal(const struct peer *a, const struct peer *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case PEER_PODS:
        return selector_equal(a->ns, b->ns) && selector_equal(a->pods, b->pods);
    case PEER_CIDR:
        return cidr_peer_equal(a, b);
    case PEER_NODES:
        return selector_equal(a->nodes, b->nodes);
    case PEER_DOMAIN:
        return str_eq(a->domain, b->domain);
    }
    return false;
}

static bool port_equal(const struct port *a, const struct port *b)
{
    if (a->proto != b->proto || a->form != b->form) {
        return false;
    }
    switch (a->form) {
    case PORT_ONE:
    case PORT_RANGE:
        return a->first == b->first && a->last == b->last;
    case PORT_NAMED:
        return str_eq(a->name, b->name);
    case PORT_WHOLE:
        return true;
    }
    return false;
}

static bool rule_equal(const struct rule *a, const struct rule *b)
{
    if (a->action != b->action || a->any_peer != b->any_peer || a->any_port != b->any_port ||
        a->npeers != b->npeers || a->nports != b->nports || !str_eq(a->name, b->name)) {
        return false;
    }
    for (size_t i = 0; i < a->npeers; i++) {
        if (!peer_equal(&a->peers[i], &b->peers[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->nports; i++) {
        if (!port_equal(&a->ports[i], &b->ports[i])) {
            return false;
        }
    }
    return true;
}

static bool rules_equal(const struct policy *a, const struct policy *b, enum direction d)
{
    for (size_t i = 0; i < a->nrules[d] && a->nrules[d] == b->nrules[d]; i++) {
        if (!rule_equal(&a->rules[d][i], &b->rules[d][i])) {
            return false;
        }
    }
    return a->nrules[d] == b->nrules[d] && a->isolates[d] == b->isolates[d];
}

static bool raws_equal(const struct policy *a, const struct policy *b)
{
    for (size_t i = 0; i < a->nraws && a->nraws == b->nraws; i++) {
        if (!str_eq(a->raws[i].backend, b->raws[i].backend) ||
            !str_eq(a->raws[i].text, b->raws[i].text)) {
            return false;
        }
    }
    return a->nraws == b->nraws;
}

bool policy_equal(const struct policy *a, const struct policy *b)
{
    return a->api == b->api && str_eq(a->name, b->name) && str_eq(a->tier, b->tier) &&
           a->priority == b->priority && labels_equal(&a->labels, &b->labels) &&
           labels_equal(&a->annotations, &b->annotations) && raws_equal(a, b) &&
           selector_equal(a->target_ns, b->target_ns) &&
           selector_equal(a->target_pods, b->target_pods) && rules_equal(a, b, DIR_INGRESS) &&
           rules_equal(a, b, DIR_EGRESS);
}
