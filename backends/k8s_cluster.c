/*
 * ClusterNetworkPolicy, policy.networking.k8s.io/v1alpha2, within the limits of its CRD. What the
 * CRD cannot say at all was refused by the driver; what is too much of it is refused here (NPC404).
 */
#include "backends/k8s.h"

#include "base/utf8.h"

enum {
    MOST_ENTRIES = 25,    /* rules of a direction, peers, protocols, networks, domainNames */
    MOST_NAME_CHARS = 100 /* of a rule's name */
};

static bool check_most(struct emit *e, struct span at, size_t n, size_t most, const char *what)
{
    if (n <= most) {
        return true;
    }
    struct diag *d = diag_error(&e->ctx->diags, NPC404, at,
                                "%zu %s, but ClusterNetworkPolicy allows %zu", n, what, most);
    diag_hint(&e->ctx->diags, d, "split it");
    return false;
}

/* {namespaces: N} or {pods: {podSelector: P, namespaceSelector: N}} */
static void write_pods(struct yaml *y, const struct selector *ns, const struct selector *pods)
{
    yaml_map(y);
    if (pods == NULL) {
        k8s_put_selector(y, "namespaces", ns);
    } else {
        yaml_key(y, "pods");
        yaml_map(y);
        k8s_put_selector(y, "podSelector", pods);
        k8s_put_selector(y, "namespaceSelector", ns);
        yaml_end(y);
    }
    yaml_end(y);
}

/* ---- peers ---- */

static bool is_listed(const struct peer *peer)
{
    return peer->kind == PEER_CIDR || peer->kind == PEER_DOMAIN;
}

static bool says_same(const struct peer *a, const struct peer *b)
{
    return a->kind == PEER_CIDR ? cidr_cmp(a->cidr, b->cidr) == 0 : str_eq(a->domain, b->domain);
}

/*
 * How many of the peers from `first` on go into one peer of the API. Neighbours that each name one
 * network (or one domain) stand in one list, because the reader splits such lists; the list is a
 * set of at most 25, so that a repeated entry or a 26th begins the next peer.
 */
static size_t peers_together(const struct peer *first, size_t n)
{
    if (!is_listed(first)) {
        return 1;
    }
    for (size_t i = 1; i < n && i < MOST_ENTRIES; i++) {
        if (first[i].kind != first->kind) {
            return i;
        }
        for (size_t j = 0; j < i; j++) {
            if (says_same(&first[i], &first[j])) {
                return i;
            }
        }
    }
    return n < MOST_ENTRIES ? n : MOST_ENTRIES;
}

static void write_list(struct yaml *y, const char *key, const struct peer *peers, size_t n)
{
    yaml_map(y);
    yaml_key(y, key);
    yaml_seq(y);
    for (size_t i = 0; i < n; i++) {
        yaml_str(y, peers[i].kind == PEER_CIDR ? cidr_text(y->out->arena, peers[i].cidr)
                                               : peers[i].domain);
    }
    yaml_end(y);
    yaml_end(y);
}

static void write_peers(struct yaml *y, const struct peer *peers, size_t n)
{
    switch (peers->kind) {
    case PEER_PODS:
        write_pods(y, peers->ns, peers->pods);
        break;
    case PEER_NODES:
        yaml_map(y);
        k8s_put_selector(y, "nodes", peers->nodes);
        yaml_end(y);
        break;
    case PEER_CIDR:
        write_list(y, "networks", peers, n);
        break;
    case PEER_DOMAIN:
        write_list(y, "domainNames", peers, n);
        break;
    }
}

/* ---- protocols ---- */

static void write_destination(struct yaml *y, const struct port *port)
{
    /* The API refuses `tcp: {}`, and a range of one. */
    bool whole = port->form == PORT_WHOLE;
    uint16_t first = whole ? 1 : port->first, last = whole ? 65535 : port->last;
    yaml_key(y, "destinationPort");
    yaml_map(y);
    if (first == last) {
        yaml_key(y, "number");
        yaml_u64(y, first);
    } else {
        yaml_key(y, "range");
        yaml_map(y);
        yaml_key(y, "start");
        yaml_u64(y, first);
        yaml_key(y, "end");
        yaml_u64(y, last);
        yaml_end(y);
    }
    yaml_end(y);
}

static void write_protocol(struct yaml *y, const struct port *port)
{
    yaml_map(y);
    if (port->form == PORT_NAMED) {
        yaml_key(y, "destinationNamedPort");
        yaml_str(y, port->name);
    } else {
        yaml_key(y, proto_name(port->proto));
        yaml_map(y);
        write_destination(y, port);
        yaml_end(y);
    }
    yaml_end(y);
}

/* ---- rules ---- */

static const char *const actions[] = {
    [ACT_ALLOW] = "Accept", [ACT_DENY] = "Deny", [ACT_PASS] = "Pass"};

static bool write_rule(struct emit *e, struct yaml *y, const struct rule *r)
{
    bool ok = check_most(e, r->at, utf8_length(r->name), MOST_NAME_CHARS,
                         "characters in the name of a rule");
    yaml_map(y);
    if (r->name.n > 0) {
        yaml_key(y, "name");
        yaml_str(y, r->name);
    }
    yaml_key(y, "action");
    yaml_cstr(y, actions[r->action]);
    yaml_key(y, r->direction == DIR_INGRESS ? "from" : "to");
    yaml_seq(y);
    size_t npeers = 0;
    for (size_t i = 0, n; i < r->npeers; i += n, npeers++) {
        n = peers_together(&r->peers[i], r->npeers - i);
        write_peers(y, &r->peers[i], n);
    }
    yaml_end(y);
    if (!r->any_port) {
        yaml_key(y, "protocols");
        yaml_seq(y);
        for (size_t i = 0; i < r->nports; i++) {
            write_protocol(y, &r->ports[i]);
        }
        yaml_end(y);
    }
    yaml_end(y);
    ok = check_most(e, r->at, npeers, MOST_ENTRIES, "peers in a rule") && ok;
    return check_most(e, r->at, r->nports, MOST_ENTRIES, "protocols in a rule") && ok;
}

static bool write_direction(struct emit *e, struct yaml *y, const struct policy *p,
                            enum direction d)
{
    if (p->nrules[d] == 0) {
        return true;
    }
    bool ok = check_most(e, p->at, p->nrules[d], MOST_ENTRIES,
                         d == DIR_INGRESS ? "ingress rules" : "egress rules");
    yaml_key(y, direction_name(d));
    yaml_seq(y);
    for (size_t i = 0; i < p->nrules[d]; i++) {
        ok = write_rule(e, y, &p->rules[d][i]) && ok;
    }
    yaml_end(y);
    return ok;
}

bool k8s_put_cluster_policy(struct emit *e, struct yaml *y, const struct policy *p)
{
    yaml_map(y);
    bool ok = k8s_head(e, y, p, "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy");
    yaml_key(y, "spec");
    yaml_map(y);
    yaml_key(y, "tier");
    yaml_cstr(y, str_is(p->tier, "baseline") ? "Baseline" : "Admin");
    yaml_key(y, "priority");
    yaml_u64(y, p->priority);
    yaml_key(y, "subject");
    write_pods(y, p->target_ns, p->target_pods);
    ok = write_direction(e, y, p, DIR_INGRESS) && ok;
    ok = write_direction(e, y, p, DIR_EGRESS) && ok;
    yaml_end(y);
    yaml_end(y);
    return ok;
}
