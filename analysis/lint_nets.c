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

void lint_half_internet(struct lint *l, const struct lint_at *at)
{
    const struct peer *whole[FAMILIES] = {0};
    if (at->nrule == NULL || !l->has_family[FAM_IP4] || !l->has_family[FAM_IP6]) {
        return;
    }
    for (size_t i = 0; i < at->rule->npeers; i++) {
        const struct peer *p = &at->rule->peers[i];
        if (p->kind == PEER_CIDR && p->cidr.len == 0) {
            whole[p->cidr.family] = p;
        }
    }
    if ((whole[FAM_IP4] == NULL) == (whole[FAM_IP6] == NULL)) {
        return;
    }
    bool lacks6 = whole[FAM_IP4] != NULL;
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
    int order = ip_cmp(a->ip, b->ip);
    return order != 0 ? order : (a->service != NULL) - (b->service != NULL);
}

static void sort_inside(struct lint *l)
{
    const struct inventory *inv = &l->p->inv;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        bool is_pod = w->kind == WL_POD && !w->host_network && !w->finished;
        for (size_t k = 0; is_pod && k < w->naddrs; k++) {
            const struct lint_inside in = {.ip = w->addrs[k].ip, .pod = w};
            vec_push(l->keep, &l->inside[w->addrs[k].family], in);
        }
    }
    for (size_t i = 0; i < inv->services.n; i++) {
        const struct service *s = inv->services.v[i];
        for (size_t k = 0; k < s->naddrs; k++) {
            const struct lint_inside in = {.ip = s->addrs[k].ip, .service = s};
            vec_push(l->keep, &l->inside[s->addrs[k].family], in);
        }
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        array_sort(l->inside[f].v, l->inside[f].n, sizeof *l->inside[f].v, inside_order);
    }
    l->inside_made = true;
}

/* The pod or Service with the lowest address in the net, or NULL. */
static const struct lint_inside *find_inside(struct lint *l, enum family f, struct ipset net)
{
    if (!l->inside_made) {
        sort_inside(l);
    }
    for (size_t i = 0; i < net.n; i++) {
        size_t low = 0, high = l->inside[f].n;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (ip_cmp(l->inside[f].v[middle].ip, net.v[i].first) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low < l->inside[f].n && ip_cmp(l->inside[f].v[low].ip, net.v[i].last) <= 0) {
            return &l->inside[f].v[low];
        }
    }
    return NULL;
}

void lint_cidr_inside(struct lint *l, const struct lint_at *at)
{
    const struct peer *p = at->peer;
    if (at->nrule == NULL || p->kind != PEER_CIDR || p->cidr.len == 0) {
        return; /* a whole family is meant to hold everything */
    }
    const struct lint_inside *in = find_inside(l, p->cidr.family, lint_net(l, p));
    struct str text = cidr_text(l->a, p->cidr);
    if (in != NULL && in->pod != NULL) {
        struct diag *d = WARN(l, NPC309, at->place,
                              STR_FMT " are pods (" STR_FMT "/" STR_FMT "): plugins differ on "
                                      "whether ipBlock matches pods, and pod addresses change",
                              STR_ARG(text), STR_ARG(in->pod->ns), STR_ARG(in->pod->name));
        HINT(l, d, "select them by labels");
    } else if (in != NULL) {
        struct diag *d = WARN(l, NPC309, at->place,
                              STR_FMT " are Services (" STR_FMT "/" STR_FMT "): their addresses "
                                      "are replaced by pods' before policy is applied",
                              STR_ARG(text), STR_ARG(in->service->ns), STR_ARG(in->service->name));
        HINT(l, d, "select their pods by labels");
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

/* Whether a cluster policy denies it to all pods before any NetworkPolicy is asked. */
static bool is_denied_before(struct lint *l, const struct metadata *m)
{
    for (size_t i = 0; i < l->clusters.n && lint_spend(l, 1); i++) {
        const struct npolicy *np = l->policies[l->clusters.v[i]];
        if (str_is(np->origin->tier, "baseline") || np->target_ns->n > 0 ||
            np->target_pods->n > 0) {
            continue;
        }
        for (size_t r = 0; r < np->nrules[DIR_EGRESS]; r++) {
            const struct nrule *rule = &np->rules[DIR_EGRESS][r];
            if (rule->action == ACT_DENY && opens_http(rule) &&
                ipset_has(rule->nets[m->family], m->ip)) {
                return true;
            }
        }
    }
    return false;
}

/* The peer that holds the address; one for that address alone means it. */
static const struct peer *find_open(struct lint *l, const struct rule *r, const struct metadata *m)
{
    for (size_t i = 0; i < r->npeers; i++) {
        const struct peer *p = &r->peers[i];
        if (p->kind == PEER_CIDR && p->cidr.len < 16 && p->cidr.family == m->family &&
            ipset_has(lint_net(l, p), m->ip)) {
            return p;
        }
    }
    return NULL;
}

void lint_metadata_open(struct lint *l, const struct lint_at *at)
{
    if (!lint_allows(at) || at->rule->direction != DIR_EGRESS || !opens_http(at->nrule)) {
        return;
    }
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        const struct peer *open = find_open(l, at->rule, &metadata[i]);
        if ((open == NULL && !at->rule->any_peer) || is_denied_before(l, &metadata[i])) {
            continue;
        }
        struct diag *d =
            WARN(l, NPC311, lint_place(l, open != NULL ? open->at : at->rule->at, at->rule->at),
                 "pods can read the cloud instance metadata, at " STR_FMT,
                 STR_ARG(ip_text(l->a, metadata[i].family, metadata[i].ip)));
        HINT(l, d,
             lint_is_npc(l, at->rule->at) ? "write 'to internet', or except it"
                                          : "add it to except");
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
