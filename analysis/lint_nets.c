/*
 * Addresses: NPC303 from-anywhere, NPC304 half-of-the-internet, NPC309 cidr-inside-cluster, NPC311
 * metadata-open, NPC312 client-address.
 */
#include "analysis/lint_priv.h"

void lint_from_anywhere(struct lint *l, const struct lint_at *at)
{
    if (!lint_allows(at) || at->rule->direction != DIR_INGRESS) {
        return;
    }
    const struct nrule *r = at->nrule;
    if (r->any_peer || ipset_is_all(r->nets[FAM_IP4], FAM_IP4) ||
        ipset_is_all(r->nets[FAM_IP6], FAM_IP6)) {
        struct diag *d = diag_report(
            &l->c->diags, r->any_port ? SEV_WARNING : SEV_INFO, DIAG_NPC303, at->rule->at,
            "open to the world, other namespaces included%s", r->any_port ? ", on all ports" : "");
        HINT(l, d, r->any_port ? "name the peers, or at least the ports" : "name the peers");
    }
}

/* ---- families ---- */

/* The peer of a rule that is all of a family, but for its exceptions; or NULL. */
static const struct peer *whole_peer(const struct rule *r, enum family f)
{
    for (size_t i = 0; i < r->npeers; i++) {
        const struct peer *p = &r->peers[i];
        if (p->kind == PEER_CIDR && p->cidr.family == f && p->cidr.len == 0) {
            return p;
        }
    }
    return NULL;
}

/* Adds to `sum` the ports on which the policy's rules of a direction and action hold a family. */
static void add_ports(struct lint *l, struct nrule *sum, const struct npolicy *np,
                      const struct nrule *like, enum family f)
{
    VEC(struct port_name) names = {sum->names, sum->nnames, sum->nnames};
    for (size_t i = 0; i < np->nrules[like->direction] && lint_spend(l, 1); i++) {
        const struct nrule *r = &np->rules[like->direction][i];
        if (r->action != like->action || (!r->any_peer && whole_peer(r->origin, f) == NULL)) {
            continue;
        }
        sum->any_port |= r->any_port;
        sum->ports = portset_union(l->a, sum->ports, r->ports);
        for (size_t k = 0; k < r->nnames; k++) {
            vec_push(l->a, &names, r->names[k]);
        }
    }
    sum->names = names.v;
    sum->nnames = names.n;
}

struct other_half {
    struct lint *l;
    const struct nrule *rule;
    enum family family;
    struct nrule sum; /* only its ports count */
};

static bool add_target(void *arg, struct target *covering)
{
    struct other_half *o = arg;
    for (size_t i = 0; i < covering->policies.n; i++) {
        add_ports(o->l, &o->sum, o->l->policies[covering->policies.v[i]], o->rule, o->family);
    }
    return true;
}

/* Whether other rules hold the family on the same ports: of the policy and, as NetworkPolicies add
 * up, of those for the same pods. */
static bool is_elsewhere(struct lint *l, const struct lint_at *at, enum family f)
{
    struct other_half o = {.l = l, .rule = at->nrule, .family = f};
    if (policy_is_cluster(at->policy)) {
        add_ports(l, &o.sum, at->np, at->nrule, f);
    } else {
        lint_covering(l, at, add_target, &o);
    }
    return lint_ports_cover(&o.sum, at->nrule);
}

void lint_half_internet(struct lint *l, const struct lint_at *at)
{
    if (at->nrule == NULL || !l->has_family[FAM_IP4] || !l->has_family[FAM_IP6]) {
        return;
    }
    const struct peer *whole[FAMILIES] = {whole_peer(at->rule, FAM_IP4),
                                          whole_peer(at->rule, FAM_IP6)};
    if ((whole[FAM_IP4] == NULL) == (whole[FAM_IP6] == NULL)) {
        return;
    }
    const bool lacks6 = whole[FAM_IP4] != NULL;
    if (is_elsewhere(l, at, lacks6 ? FAM_IP6 : FAM_IP4)) {
        return;
    }
    struct diag *d =
        WARN(l, NPC304, lint_place(l, whole[lacks6 ? FAM_IP4 : FAM_IP6]->at, at->rule->at),
             "%s is not covered", lacks6 ? "IPv6" : "IPv4");
    HINT(l, d, "add %s%s", lacks6 ? "::/0" : "0.0.0.0/0",
         lint_is_npc(l, at->rule->at) ? ", or write 'internet' or 'anywhere'" : "");
}

/* ---- addresses of the cluster ---- */

static int inside_order(const void *pa, const void *pb)
{
    const struct lint_inside *a = pa, *b = pb;
    return ip_cmp(a->ip, b->ip);
}

static void add_inside(struct lint *l, enum lint_holder kind, struct address a,
                       struct lint_inside in)
{
    in.ip = a.ip;
    vec_push(l->keep, &l->inside[kind][a.family], in);
}

static void sort_inside(struct lint *l)
{
    const struct inventory *inv = &l->p->inv;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        bool is_pod = w->kind == WL_POD && !w->host_network && !w->finished;
        for (size_t k = 0; is_pod && k < w->naddrs; k++) {
            add_inside(l, HOLDER_POD, w->addrs[k],
                       (struct lint_inside){.ns = w->ns, .name = w->name, .at = w->at});
        }
    }
    for (size_t i = 0; i < inv->services.n; i++) {
        const struct service *s = inv->services.v[i];
        for (size_t k = 0; k < s->naddrs; k++) {
            add_inside(l, HOLDER_SERVICE, s->addrs[k],
                       (struct lint_inside){.ns = s->ns, .name = s->name, .at = s->at});
        }
    }
    for (size_t k = 0; k < LINT_HOLDERS; k++) {
        for (size_t f = 0; f < FAMILIES; f++) {
            array_sort(l->inside[k][f].v, l->inside[k][f].n, sizeof *l->inside[k][f].v,
                       inside_order);
        }
    }
    l->inside_made = true;
}

/* The one with the lowest address in the net, or NULL. */
static const struct lint_inside *find_inside(struct lint *l, enum lint_holder kind, enum family f,
                                             struct ipset net)
{
    if (!l->inside_made) {
        sort_inside(l);
    }
    const struct lint_inside *v = l->inside[kind][f].v;
    const size_t n = l->inside[kind][f].n;
    for (size_t i = 0; i < net.n; i++) {
        size_t low = 0, high = n;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (ip_cmp(v[middle].ip, net.v[i].first) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low < n && ip_cmp(v[low].ip, net.v[i].last) <= 0) {
            return &v[low];
        }
    }
    return NULL;
}

/* What happens to a packet for a Service before any policy is asked. */
#define REWRITTEN "whose addresses are replaced by pods' before policy is applied"

static void report_pods(struct lint *l, const struct lint_at *at, const struct lint_inside *pod,
                        const struct lint_inside *service)
{
    struct diag *d = WARN(
        l, NPC309, at->place,
        STR_FMT " holds addresses of pods (" STR_FMT "/" STR_FMT "): %s, and pod addresses change",
        STR_ARG(cidr_text(l->a, at->peer->cidr)), STR_ARG(pod->ns), STR_ARG(pod->name),
        policy_is_cluster(at->policy) ? "networks match pods, too"
                                      : "plugins differ on whether ipBlock matches pods");
    if (service != NULL) {
        ALSO(l, d, service->at, "it holds Services, too (" STR_FMT "/" STR_FMT "), " REWRITTEN,
             STR_ARG(service->ns), STR_ARG(service->name));
    }
    HINT(l, d, "select them by labels");
}

static void report_services(struct lint *l, const struct lint_at *at, const struct lint_inside *in)
{
    struct diag *d =
        WARN(l, NPC309, at->place,
             STR_FMT " holds addresses of Services (" STR_FMT "/" STR_FMT "), " REWRITTEN,
             STR_ARG(cidr_text(l->a, at->peer->cidr)), STR_ARG(in->ns), STR_ARG(in->name));
    HINT(l, d, "select their pods by labels");
}

void lint_cidr_inside(struct lint *l, const struct lint_at *at)
{
    const struct peer *p = at->peer;
    if (at->nrule == NULL || p->kind != PEER_CIDR || p->cidr.len == 0) {
        return; /* a whole family is meant to hold everything */
    }
    const struct ipset net = lint_net(l, p);
    const struct lint_inside *pod = find_inside(l, HOLDER_POD, p->cidr.family, net);
    const struct lint_inside *service = NULL; /* no packet comes from the address of one */
    if (at->rule->direction == DIR_EGRESS) {
        service = find_inside(l, HOLDER_SERVICE, p->cidr.family, net);
    }
    if (pod != NULL) {
        report_pods(l, at, pod, service);
    } else if (service != NULL) {
        report_services(l, at, service);
    }
}

/* ---- cloud metadata ---- */

static const struct metadata {
    enum family family;
    struct ip ip;
} metadata[] = {
    {FAM_IP4, {0, 0xA9FEA9FE}},                 /* 169.254.169.254 */
    {FAM_IP6, {0xFD000EC200000000ull, 0x0254}}, /* fd00:ec2::254 */
};

/* The service speaks HTTP on port 80. */
static bool opens_http(const struct nrule *r)
{
    return r->any_port || portset_has(r->ports, PROTO_TCP, 80);
}

/* Whether one of a policy's first n egress rules denies it. */
static bool denies_metadata(const struct npolicy *np, size_t n, const struct metadata *m)
{
    for (size_t i = 0; i < n; i++) {
        const struct nrule *r = &np->rules[DIR_EGRESS][i];
        if (r->action == ACT_DENY && opens_http(r) && ipset_has(r->nets[m->family], m->ip)) {
            return true;
        }
    }
    return false;
}

/* Whether the same cluster policy denies it before the rule, or one does to all pods before any
 * NetworkPolicy is asked. */
static bool is_denied_before(struct lint *l, const struct lint_at *at, const struct metadata *m)
{
    if (policy_is_cluster(at->policy) &&
        denies_metadata(at->np, (size_t)(at->nrule - at->np->rules[DIR_EGRESS]), m)) {
        return true;
    }
    for (size_t i = 0; i < l->clusters.n && lint_spend(l, 1); i++) {
        const struct npolicy *np = l->policies[l->clusters.v[i]];
        if (np != at->np && !str_is(np->origin->tier, "baseline") && np->target_ns->n == 0 &&
            np->target_pods->n == 0 && denies_metadata(np, np->nrules[DIR_EGRESS], m)) {
            return true;
        }
    }
    return false;
}

/* The peer that holds the address; one for that address alone means it. */
static const struct peer *find_open(struct lint *l, const struct rule *r, const struct metadata *m)
{
    for (size_t i = 0; i < r->npeers; i++) {
        const struct peer *p = &r->peers[i];
        if (p->kind == PEER_CIDR && p->cidr.family == m->family &&
            ip_cmp(p->cidr.first, cidr_last(p->cidr)) < 0 && ipset_has(lint_net(l, p), m->ip)) {
            return p;
        }
    }
    return NULL;
}

static const char *metadata_hint(struct lint *l, const struct lint_at *at)
{
    if (policy_is_cluster(at->policy)) {
        return "deny it in a rule before";
    }
    if (lint_is_npc(l, at->rule->at)) {
        return "write 'to internet', or except it";
    }
    return at->rule->any_peer ? "name the peers: an ipBlock may except it" : "add it to except";
}

/* Where the inventory has addresses, those of the other family alone reach nothing of this one. */
static bool has_no_way(const struct lint *l, enum family f)
{
    return !l->has_family[f] && l->has_family[f == FAM_IP4 ? FAM_IP6 : FAM_IP4];
}

void lint_metadata_open(struct lint *l, const struct lint_at *at)
{
    if (!lint_allows(at) || at->rule->direction != DIR_EGRESS || !opens_http(at->nrule)) {
        return;
    }
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        const struct peer *open = find_open(l, at->rule, &metadata[i]);
        if ((open == NULL && !at->rule->any_peer) || has_no_way(l, metadata[i].family) ||
            is_denied_before(l, at, &metadata[i])) {
            continue;
        }
        struct diag *d =
            WARN(l, NPC311, lint_place(l, open != NULL ? open->at : at->rule->at, at->rule->at),
                 "pods can read the cloud instance metadata, at " STR_FMT,
                 STR_ARG(ip_text(l->a, metadata[i].family, metadata[i].ip)));
        HINT(l, d, "%s", metadata_hint(l, at));
        return;
    }
}

/* ---- clients ---- */

static bool is_private(struct cidr c)
{
    /* RFC 1918, 6598, 3927, 1122 loopback; 4193, 4291 link-local and loopback */
    static const char *const nets[] = {"10.0.0.0/8",    "172.16.0.0/12",  "192.168.0.0/16",
                                       "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
                                       "fc00::/7",      "fe80::/10",      "::1/128"};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct cidr n;
        cidr_parse(str_of(nets[i]), &n, NULL);
        if (n.family == c.family && cidr_contains(n, c)) {
            return true;
        }
    }
    return false;
}

void lint_client_address(struct lint *l, const struct lint_at *at)
{
    const struct peer *p = at->peer;
    if (lint_allows(at) && at->rule->direction == DIR_INGRESS && p->kind == PEER_CIDR &&
        p->cidr.len > 0 && !is_private(p->cidr)) {
        struct diag *d = INFO(l, NPC312, at->place,
                              "behind a load balancer or NodePort the source may be a node, and "
                              "no client of " STR_FMT,
                              STR_ARG(cidr_text(l->a, p->cidr)));
        HINT(l, d, "externalTrafficPolicy: Local keeps the client's address");
    }
}
