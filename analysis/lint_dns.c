/*
 * Names: NPC101 dns-blocked, NPC102 dns-half, NPC103 dns-too-wide.
 *
 * The cluster's DNS is what the input shows of it, else CoreDNS as every common distribution labels
 * it. A rule that names port 53 says itself where its DNS is, and is believed, unless its peers are
 * pods of its own namespace; a rule that happens to hold port 53 must reach the cluster's.
 */
#include "analysis/lint_priv.h"

#define DNS_PORT 53

/* ---- its addresses ---- */

/* A cache on each node answers at an address of 169.254.0.0/16. */
static void add_cache(struct lint *l)
{
    struct cidr c;
    cidr_parse(STR("169.254.0.0/16"), &c, NULL);
    l->dns_at[c.family] = ipset_union(l->keep, l->dns_at[c.family], ipset_of_cidr(l->keep, c));
}

void lint_dns_init(struct lint *l)
{
    VEC(struct ip_range) found[FAMILIES] = {0};
    bool has_cache = false;
    for (size_t i = 0; i < l->w->npresent; i++) {
        const struct workload *w = l->w->present[i];
        const struct label *app = labels_find(&w->labels, STR("k8s-app"));
        if (!str_is(w->ns, "kube-system") || app == NULL) {
            continue;
        }
        has_cache |= str_is(app->value, "node-local-dns");
        for (size_t k = 0; selector_matches(l->dns_pods, &w->labels) && k < w->naddrs; k++) {
            const struct ip_range one = {w->addrs[k].ip, w->addrs[k].ip};
            vec_push(l->keep, &found[w->addrs[k].family], one);
            l->has_dns_at = true;
        }
    }
    for (size_t f = 0; f < FAMILIES && !l->w->options.ipblock_external; f++) {
        l->dns_at[f] = ipset_of_ranges(l->keep, found[f].v, found[f].n);
    }
    if (has_cache) {
        add_cache(l);
    }
}

/* Where addresses of a cluster are: a DNS may be among them. RFC 1918, 6598, 4193, 3927. */
static bool is_private(struct lint *l, const struct nrule *r)
{
    static const char *const nets[] = {"10.0.0.0/8",    "172.16.0.0/12",  "192.168.0.0/16",
                                       "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct cidr c;
        cidr_parse(str_of(nets[i]), &c, NULL);
        struct ipset meet = ipset_intersect(l->a, r->nets[c.family], ipset_of_cidr(l->a, c));
        if (meet.n > 0) {
            return true;
        }
    }
    return false;
}

/* Whether the nets of a rule may hold the DNS. That of its Service does not count where its pods'
 * are known: policies never see it (NPC309). */
static bool nets_reach(struct lint *l, const struct nrule *r)
{
    if (!l->has_dns_at) {
        return is_private(l, r);
    }
    return ipset_intersect(l->a, r->nets[FAM_IP4], l->dns_at[FAM_IP4]).n > 0 ||
           ipset_intersect(l->a, r->nets[FAM_IP6], l->dns_at[FAM_IP6]).n > 0;
}

/* ---- what a rule lets pass ---- */

/* A range that holds 53 among so many others does not name it. */
enum { NARROW = 256 };

static bool names_dns_port(const struct port *p)
{
    switch (p->form) {
    case PORT_ONE:
    case PORT_RANGE:
        return p->proto <= PROTO_UDP && p->first <= DNS_PORT && DNS_PORT <= p->last &&
               p->last - p->first < NARROW;
    case PORT_NAMED:
        return str_starts(p->name, "dns");
    case PORT_WHOLE:
        return false;
    }
    return false;
}

static bool names_dns(const struct rule *r)
{
    for (size_t i = 0; i < r->nports; i++) {
        if (names_dns_port(&r->ports[i])) {
            return true;
        }
    }
    return false;
}

static unsigned ways_of(const struct nrule *r)
{
    if (r->any_port) {
        return DNS_BOTH;
    }
    unsigned ways = (portset_has(r->ports, PROTO_UDP, DNS_PORT) ? DNS_UDP : 0) |
                    (portset_has(r->ports, PROTO_TCP, DNS_PORT) ? DNS_TCP : 0);
    for (size_t i = 0; i < r->nnames; i++) {
        if (str_starts(r->names[i].name, "dns")) {
            ways |= r->names[i].proto == PROTO_UDP   ? DNS_UDP
                    : r->names[i].proto == PROTO_TCP ? DNS_TCP
                                                     : DNS_BOTH;
        }
    }
    return ways;
}

static bool holds(struct id_list list, uint32_t id)
{
    for (size_t i = 0; i < list.n; i++) {
        if (list.v[i] == id) {
            return true;
        }
    }
    return false;
}

/* Whether a clause may match the pods of the cluster's DNS. */
static bool clause_reaches(struct lint *l, const struct nclause *c)
{
    struct id_list known = lint_match(l, l->dns_ns, l->dns_pods);
    if (known.n > 0) {
        struct id_list matched = lint_match(l, c->ns, c->pods);
        for (size_t i = 0; i < known.n; i++) {
            if (holds(matched, known.v[i])) {
                return true;
            }
        }
        return false;
    }
    uint32_t space = intern_find(&l->space_ids, STR("kube-system"));
    bool is_declared = space != ID_NONE && l->spaces.v[space].declared;
    return (is_declared ? selector_matches(c->ns, l->spaces.v[space].labels)
                        : selectors_meet(c->ns, l->dns_ns)) &&
           selectors_meet(c->pods, l->dns_pods);
}

static bool mentions_dns(const struct selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->v[i].nvalues; k++) {
            struct str value = s->v[i].values[k];
            for (size_t at = 0; at + 3 <= value.n; at++) {
                if (str_eq_nocase((struct str){value.p + at, 3}, STR("dns"))) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Whether the peers of a rule that names port 53 can be a DNS. */
static bool peers_can_be_dns(const struct lint_at *at, const struct nclause *c)
{
    bool is_own = c->ns == at->np->target_ns || selector_cmp(c->ns, at->np->target_ns) == 0;
    return !is_own || mentions_dns(c->pods);
}

unsigned lint_dns_of(struct lint *l, const struct lint_at *at)
{
    const struct nrule *r = at->nrule;
    unsigned ways = r->action == ACT_ALLOW ? ways_of(r) : 0;
    if (ways == 0 || r->any_peer) {
        return ways;
    }
    bool named = names_dns(at->rule);
    bool has_nets = r->nets[FAM_IP4].n > 0 || r->nets[FAM_IP6].n > 0;
    if (has_nets && (named || nets_reach(l, r))) {
        return ways;
    }
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        bool can_be = c->kind == PEER_PODS
                          ? clause_reaches(l, c) || (named && peers_can_be_dns(at, c))
                          : c->kind != PEER_DOMAIN || named; /* nodes may be the DNS */
        if (can_be) {
            return ways;
        }
    }
    return 0;
}

/* ---- what the pods of a policy may use ---- */

struct dns_sum {
    unsigned ways;
};

static bool add_ways(void *arg, struct target *covering)
{
    struct dns_sum *sum = arg;
    sum->ways |= covering->dns;
    return sum->ways != DNS_BOTH;
}

/* What rules of tiers before NetworkPolicies let all these pods use. */
static unsigned ways_of_tiers(struct lint *l, const struct npolicy *np)
{
    unsigned ways = 0;
    const struct labels *ns = l->spaces.v[lint_space(l, np->target_ns->v[0].values[0])].labels;
    for (size_t i = 0; i < l->clusters.n; i++) {
        const struct npolicy *cluster = l->policies[l->clusters.v[i]];
        if (!lint_spend(l, 1) || str_is(cluster->origin->tier, "baseline") ||
            !selector_matches(cluster->target_ns, ns) ||
            !selector_covers(cluster->target_pods, np->target_pods)) {
            continue;
        }
        struct lint_at at = {.index = l->clusters.v[i], .np = cluster, .policy = cluster->origin};
        for (size_t r = 0; r < cluster->nrules[DIR_EGRESS]; r++) {
            at.nrule = &cluster->rules[DIR_EGRESS][r];
            at.rule = at.nrule->origin;
            ways |= lint_dns_of(l, &at);
        }
    }
    return ways;
}

/* What all pods of a policy may use, whatever other labels they have. */
static unsigned ways_of_target(struct lint *l, const struct lint_at *at)
{
    struct dns_sum sum = {ways_of_tiers(l, at->np)};
    lint_covering(l, at, add_ways, &sum);
    return sum.ways;
}

/* What one group of workloads may use: the union over the policies that select it. */
static unsigned ways_of_group(struct lint *l, uint32_t group)
{
    const struct wgroup *g = &l->groups.v[group];
    const struct wspace *s = &l->spaces.v[g->space];
    unsigned ways = 0;
    for (size_t i = 0; i < s->targets.n && ways != DNS_BOTH && lint_spend(l, 1); i++) {
        const struct target *t = &l->targets.v[s->targets.v[i]];
        if (t->dns != 0 && selector_matches(t->selector, &g->example->labels)) {
            ways |= t->dns;
        }
    }
    return ways;
}

/* The same for pods of which the policy is known to select some: what the one that may use least
 * may use. *nobody: it selects none. */
static unsigned ways_of_selected(struct lint *l, const struct lint_at *at, bool *nobody)
{
    struct id_list selected = lint_targets(l, at->np);
    unsigned least = DNS_BOTH;
    *nobody = selected.n == 0;
    for (size_t i = 0; i < selected.n && least != 0; i++) {
        least &= ways_of_group(l, selected.v[i]);
    }
    return least;
}

static unsigned ways_of_policy(struct lint *l, const struct lint_at *at)
{
    unsigned ways = ways_of_target(l, at);
    if (ways == DNS_BOTH || !lint_knows(l, at->np->target_ns)) {
        return ways;
    }
    bool nobody;
    unsigned of_selected = ways_of_selected(l, at, &nobody);
    return nobody ? DNS_BOTH : ways | of_selected; /* nobody: NPC205 has said what is wrong */
}

/* Whether some other policy of the namespace allows the DNS for some of the same pods. */
static bool has_complement(struct lint *l, const struct lint_at *at)
{
    const struct wspace *s = &l->spaces.v[lint_space(l, at->np->target_ns->v[0].values[0])];
    for (size_t i = 0; i < s->targets.n && lint_spend(l, 1); i++) {
        const struct target *t = &l->targets.v[s->targets.v[i]];
        if (t->dns != 0 && selectors_meet(t->selector, at->np->target_pods)) {
            return true;
        }
    }
    return false;
}

/* Whether the policy is for the pods of the DNS: they ask others. */
static bool is_for_dns(const struct lint *l, const struct npolicy *np)
{
    return selector_covers(l->dns_ns, np->target_ns) &&
           selector_covers(l->dns_pods, np->target_pods);
}

static bool restricts_egress(const struct lint *l, const struct lint_at *at)
{
    return !policy_is_cluster(at->policy) && at->policy->isolates[DIR_EGRESS] &&
           selector_satisfiable(at->np->target_pods) && !is_for_dns(l, at->np);
}

void lint_dns_blocked(struct lint *l, const struct lint_at *at)
{
    if (!restricts_egress(l, at) || ways_of_policy(l, at) != 0) {
        return;
    }
    bool is_pure = at->policy->nrules[DIR_EGRESS] == 0;
    struct diag *d = diag_report(
        &l->c->diags, is_pure && has_complement(l, at) ? SEV_INFO : SEV_WARNING, DIAG_NPC101,
        at->policy->at,
        STR_FMT ": egress is restricted, but nothing allows DNS; name lookups will time out",
        STR_ARG(lint_target_phrase(l, at->np)));
    if (lint_is_npc(l, at->policy->at)) {
        HINT(l, d, "add 'allow to dns'");
    } else {
        HINT(l, d, "allow UDP and TCP port 53 to pods k8s-app=kube-dns in namespace kube-system");
    }
}

/* The rule of a policy that allows the DNS. */
static const struct rule *dns_rule(struct lint *l, struct lint_at at)
{
    for (size_t i = 0; i < at.np->nrules[DIR_EGRESS]; i++) {
        at.nrule = &at.np->rules[DIR_EGRESS][i];
        at.rule = at.nrule->origin;
        if (lint_dns_of(l, &at) != 0) {
            return at.rule;
        }
    }
    return NULL;
}

void lint_dns_half(struct lint *l, const struct lint_at *at)
{
    const struct rule *rule = restricts_egress(l, at) ? dns_rule(l, *at) : NULL;
    if (rule == NULL) {
        return;
    }
    unsigned ways = ways_of_policy(l, at);
    if (ways != DNS_UDP && ways != DNS_TCP) {
        return;
    }
    struct diag *d = WARN(
        l, NPC102, rule->at,
        ways == DNS_UDP ? "DNS is allowed on UDP only; answers over 512 bytes and retries use TCP"
                        : "DNS is allowed on TCP only; almost all lookups begin with UDP");
    HINT(l, d,
         lint_is_npc(l, rule->at) ? "write 'on {udp/53, tcp/53}', or 'allow to dns'"
                                  : "list port 53 twice: protocol UDP and TCP");
}

/* ---- too wide ---- */

static bool is_everyone(const struct peer *p)
{
    switch (p->kind) {
    case PEER_PODS:
        return p->ns != NULL && p->ns->n == 0 && (p->pods == NULL || p->pods->n == 0);
    case PEER_CIDR:
        return p->cidr.len == 0 && p->nexcept == 0;
    case PEER_NODES:
    case PEER_DOMAIN:
        return false;
    }
    return false;
}

void lint_dns_too_wide(struct lint *l, const struct lint_at *at)
{
    if (!lint_allows(at) || at->rule->direction != DIR_EGRESS || !names_dns(at->rule)) {
        return;
    }
    const struct peer *wide = NULL;
    for (size_t i = 0; i < at->rule->npeers && wide == NULL; i++) {
        wide = is_everyone(&at->rule->peers[i]) ? &at->rule->peers[i] : NULL;
    }
    if (wide == NULL && !at->rule->any_peer) {
        return;
    }
    struct span place = lint_place(l, wide != NULL ? wide->at : at->rule->at, at->rule->at);
    struct diag *d =
        WARN(l, NPC103, place, "port 53 is open to every %s, a tunnel for data",
             wide != NULL && wide->kind == PEER_PODS ? "pod in the cluster" : "address");
    HINT(l, d,
         lint_is_npc(l, place) ? "write 'allow to dns'"
                               : "name the pods k8s-app=kube-dns in namespace kube-system");
}
