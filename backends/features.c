/*
 * Which constructs a policy needs: the one place that knows what features.def counts as what. It
 * must not know what any backend can say.
 */
#include "backends/backend.h"

struct walk {
    bool cluster;
    const struct rule *rule; /* at hand, or NULL */
    feature_fn found;
    void *arg;
};

static void need(const struct walk *w, enum feature f, struct span at)
{
    w->found(w->arg, f, at, w->rule);
}

static void peer_features(const struct walk *w, const struct rule *r, const struct peer *peer)
{
    if (w->cluster) {
        if (peer->kind == PEER_DOMAIN) {
            need(w, FEAT_CLUSTER_DOMAIN, peer->at);
        }
        if (r->direction == DIR_INGRESS && peer->kind != PEER_PODS) {
            need(w, FEAT_CLUSTER_INGRESS_NET, peer->at);
        }
        if (peer->kind == PEER_CIDR && peer->nexcept > 0) {
            need(w, FEAT_CLUSTER_EXCEPT, peer->except_at != NULL ? peer->except_at[0] : peer->at);
        }
    } else if (peer->kind == PEER_NODES) {
        need(w, FEAT_NODES, peer->at);
    } else if (peer->kind == PEER_DOMAIN) {
        need(w, FEAT_DOMAIN, peer->at);
    }
}

static void port_features(const struct walk *w, const struct port *port)
{
    if (port->proto == PROTO_ICMP || port->proto == PROTO_ICMP6) {
        need(w, w->cluster ? FEAT_CLUSTER_ICMP : FEAT_ICMP, port->at);
    }
    if (port->form != PORT_NAMED) {
        return;
    }
    if (w->cluster && port->proto != PROTO_ANY) {
        need(w, FEAT_CLUSTER_NAMED_PROTO, port->at);
    } else if (!w->cluster && port->proto == PROTO_ANY) {
        need(w, FEAT_NAMED_ANY, port->at);
    }
}

/* Whether some peer names no ports, so that the API takes no named port beside it. Beside networks
 * its standard channel does. */
static bool has_nameless_peer(const struct rule *r)
{
    for (size_t i = 0; i < r->npeers; i++) {
        if (r->peers[i].kind == PEER_NODES || r->peers[i].kind == PEER_DOMAIN) {
            return true;
        }
    }
    return false;
}

static void rule_features(const struct walk *w, const struct rule *r)
{
    bool nameless = w->cluster && has_nameless_peer(r);
    if (!w->cluster && r->name.n > 0) {
        need(w, FEAT_RULE_NAME, r->at);
    }
    if (w->cluster && r->any_peer) {
        need(w, FEAT_CLUSTER_ANYWHERE, r->at);
    }
    for (size_t i = 0; i < r->npeers; i++) {
        peer_features(w, r, &r->peers[i]);
    }
    for (size_t i = 0; i < r->nports; i++) {
        port_features(w, &r->ports[i]);
        if (nameless && r->ports[i].form == PORT_NAMED) {
            need(w, FEAT_CLUSTER_NAMED_NO_POD, r->ports[i].at);
        }
    }
}

static bool stands_before(struct span a, struct span b)
{
    if (a.file != b.file) {
        return a.file < b.file;
    }
    return a.line != b.line ? a.line < b.line : a.col < b.col;
}

void policy_features(const struct policy *p, feature_fn found, void *arg)
{
    struct walk w = {.cluster = policy_is_cluster(p), .found = found, .arg = arg};
    if (w.cluster) {
        need(&w, FEAT_CLUSTER, p->at);
        if (!str_is(p->tier, "admin") && !str_is(p->tier, "baseline")) {
            need(&w, FEAT_CLUSTER_TIER, p->at);
        }
    }
    /* The directions are two lists, but the writer sees one text: merge by place. */
    const struct rule *in = p->rules[DIR_INGRESS], *eg = p->rules[DIR_EGRESS];
    size_t nin = p->nrules[DIR_INGRESS], neg = p->nrules[DIR_EGRESS];
    for (size_t i = 0, j = 0; i < nin || j < neg;) {
        bool take_egress = i == nin || (j < neg && stands_before(eg[j].at, in[i].at));
        w.rule = take_egress ? &eg[j++] : &in[i++];
        rule_features(&w, w.rule);
    }
}

void program_features(const struct program *p, feature_fn found, void *arg)
{
    for (size_t i = 0; i < p->policies.n; i++) {
        policy_features(p->policies.v[i], found, arg);
    }
}

const char *feature_text(enum feature f)
{
    static const struct {
        unsigned feature;
        const char *text;
    } texts[] = {
#define FEATURE(id, bit, text) {FEAT_##id, text},
#include "backends/features.def"
#undef FEATURE
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].feature == f) {
            return texts[i].text;
        }
    }
    return "this";
}
