/*
 * The Kubernetes backend: NetworkPolicy (networking.k8s.io/v1) and ClusterNetworkPolicy as YAML,
 * written from the faithful form, so that nothing is lost and nothing reordered. Rules of an inert
 * direction are written; policyTypes always is.
 */
#include "backends/k8s.h"

/* ---- selectors ---- */

static const char *const operators[] = {
    [SEL_IN] = "In", [SEL_NOTIN] = "NotIn", [SEL_EXISTS] = "Exists", [SEL_ABSENT] = "DoesNotExist"};

static void match_expression(struct yaml *y, const struct sel_req *req)
{
    yaml_map(y);
    yaml_key(y, "key");
    yaml_str(y, req->key);
    yaml_key(y, "operator");
    yaml_cstr(y, operators[req->op]);
    if (req->nvalues > 0) {
        yaml_key(y, "values");
        yaml_seq(y);
        for (size_t i = 0; i < req->nvalues; i++) {
            yaml_str(y, req->values[i]);
        }
        yaml_end(y);
    }
    yaml_end(y);
}

void k8s_put_selector(struct yaml *y, const char *key, const struct selector *s)
{
    size_t nlabels = 0;
    for (size_t i = 0; i < s->n; i++) {
        nlabels += s->v[i].op == SEL_EQ;
    }
    yaml_key(y, key);
    yaml_map(y);
    if (nlabels > 0) {
        yaml_key(y, "matchLabels");
        yaml_map(y);
        for (size_t i = 0; i < s->n; i++) {
            if (s->v[i].op == SEL_EQ) {
                yaml_key_str(y, s->v[i].key);
                yaml_str(y, s->v[i].values[0]);
            }
        }
        yaml_end(y);
    }
    if (nlabels < s->n) {
        yaml_key(y, "matchExpressions");
        yaml_seq(y);
        for (size_t i = 0; i < s->n; i++) {
            if (s->v[i].op != SEL_EQ) {
                match_expression(y, &s->v[i]);
            }
        }
        yaml_end(y);
    }
    yaml_end(y);
}

/* ---- metadata ---- */

void k8s_put_labels(struct yaml *y, const char *key, const struct labels *l)
{
    if (l->n == 0) {
        return;
    }
    yaml_key(y, key);
    yaml_map(y);
    for (size_t i = 0; i < l->n; i++) {
        yaml_key_str(y, l->v[i].key);
        yaml_str(y, l->v[i].value);
    }
    yaml_end(y);
}

void k8s_put_name(struct yaml *y, const struct policy *p)
{
    yaml_key(y, "name");
    yaml_str(y, p->name);
    if (p->ns.n > 0) {
        yaml_key(y, "namespace");
        yaml_str(y, p->ns);
    }
}

void k8s_put_types(struct yaml *y, const char *key, const struct policy *p)
{
    yaml_key(y, key);
    yaml_seq(y);
    if (p->isolates[DIR_INGRESS]) {
        yaml_cstr(y, "Ingress");
    }
    if (p->isolates[DIR_EGRESS]) {
        yaml_cstr(y, "Egress");
    }
    yaml_end(y);
}

bool k8s_head(struct emit *e, struct yaml *y, const struct policy *p, const char *api_version,
              const char *kind)
{
    yaml_key(y, "apiVersion");
    yaml_cstr(y, api_version);
    yaml_key(y, "kind");
    yaml_cstr(y, kind);
    yaml_key(y, "metadata");
    yaml_map(y);
    k8s_put_name(y, p);
    k8s_put_labels(y, "labels", &p->labels);
    k8s_put_labels(y, "annotations", &p->annotations);
    bool ok = raw_yaml_metadata(e->ctx, p, y);
    yaml_end(y);
    return ok;
}

/* ---- NetworkPolicy ---- */

static void write_ip_block(struct yaml *y, const struct peer *peer)
{
    struct arena *a = y->out->arena;
    yaml_key(y, "ipBlock");
    yaml_map(y);
    yaml_key(y, "cidr");
    yaml_str(y, cidr_text(a, peer->cidr));
    if (peer->nexcept > 0) {
        yaml_key(y, "except");
        yaml_seq(y);
        for (size_t i = 0; i < peer->nexcept; i++) {
            yaml_str(y, cidr_text(a, peer->except[i]));
        }
        yaml_end(y);
    }
    yaml_end(y);
}

static void write_peer(struct yaml *y, const struct peer *peer)
{
    yaml_map(y);
    if (peer->kind == PEER_CIDR) {
        write_ip_block(y, peer);
    }
    if (peer->pods != NULL) {
        k8s_put_selector(y, "podSelector", peer->pods);
    }
    if (peer->ns != NULL) {
        k8s_put_selector(y, "namespaceSelector", peer->ns);
    }
    yaml_end(y);
}

static void write_port(struct yaml *y, const struct port *port)
{
    yaml_map(y);
    yaml_key(y, "protocol");
    yaml_cstr(y, proto_upper(port->proto));
    switch (port->form) {
    case PORT_NAMED:
        yaml_key(y, "port");
        yaml_str(y, port->name);
        break;
    case PORT_ONE:
        yaml_key(y, "port");
        yaml_u64(y, port->first);
        break;
    case PORT_RANGE:
        yaml_key(y, "port");
        yaml_u64(y, port->first);
        yaml_key(y, "endPort");
        yaml_u64(y, port->last);
        break;
    case PORT_WHOLE:
        break;
    }
    yaml_end(y);
}

static void write_rule(struct yaml *y, const struct rule *r)
{
    yaml_map(y);
    if (!r->any_peer) {
        yaml_key(y, r->direction == DIR_INGRESS ? "from" : "to");
        yaml_seq(y);
        for (size_t i = 0; i < r->npeers; i++) {
            write_peer(y, &r->peers[i]);
        }
        yaml_end(y);
    }
    if (!r->any_port) {
        yaml_key(y, "ports");
        yaml_seq(y);
        for (size_t i = 0; i < r->nports; i++) {
            write_port(y, &r->ports[i]);
        }
        yaml_end(y);
    }
    yaml_end(y);
}

static void write_direction(struct yaml *y, const struct policy *p, enum direction d)
{
    if (p->nrules[d] == 0) {
        return;
    }
    yaml_key(y, direction_name(d));
    yaml_seq(y);
    for (size_t i = 0; i < p->nrules[d]; i++) {
        write_rule(y, &p->rules[d][i]);
    }
    yaml_end(y);
}

static bool network_policy(struct emit *e, struct yaml *y, const struct policy *p)
{
    yaml_map(y);
    bool ok = k8s_head(e, y, p, "networking.k8s.io/v1", "NetworkPolicy");
    yaml_key(y, "spec");
    yaml_map(y);
    k8s_put_selector(y, "podSelector", p->target_pods);
    k8s_put_types(y, "policyTypes", p);
    write_direction(y, p, DIR_INGRESS);
    write_direction(y, p, DIR_EGRESS);
    yaml_end(y);
    yaml_end(y);
    return ok;
}

/* ---- the backend ---- */

static bool emit_k8s(struct emit *e)
{
    const struct program *p = e->program;
    struct yaml y;
    yaml_init(&y, e->out);
    bool ok = true;
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        yaml_document(&y);
        ok = (policy_is_cluster(policy) ? k8s_put_cluster_policy(e, &y, policy)
                                        : network_policy(e, &y, policy)) &&
             ok;
    }
    for (size_t i = 0; i < p->raws.n; i++) {
        if (str_is(p->raws.v[i].backend, backend_k8s.name)) {
            ok = raw_yaml_documents(e->ctx, &p->raws.v[i], &y) && ok;
        }
    }
    return ok;
}

const struct backend backend_k8s = {
    .name = "k8s",
    .extension = "yaml",
    .summary = "Kubernetes NetworkPolicy and ClusterNetworkPolicy",
    .flags = BACKEND_RAW | BACKEND_ONE_CLUSTER_KIND,
    .features = FEAT_CLUSTER | FEAT_CLUSTER_DOMAIN,
    .emit = emit_k8s,
};
