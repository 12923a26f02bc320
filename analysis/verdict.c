/* One packet against the bound IR. Knows nothing of how a backend lays the rules out. */
#include "analysis/verdict.h"

static bool list_has(const struct addr_list *l, struct ip a)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = ip_cmp(l->v[middle], a);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* ---- what policies never decide ---- */

static const struct {
    uint16_t first, last; /* source, then destination port */
    enum family family;
    enum direction direction;
} dhcp[] = {
    {67, 68, FAM_IP4, DIR_INGRESS},
    {68, 67, FAM_IP4, DIR_EGRESS},
    {547, 546, FAM_IP6, DIR_INGRESS},
    {546, 547, FAM_IP6, DIR_EGRESS},
};

static bool is_dhcp(const struct bound_packet *p, enum direction d)
{
    for (size_t i = 0; i < sizeof dhcp / sizeof *dhcp; i++) {
        if (p->proto == PROTO_UDP && p->family == dhcp[i].family && d == dhcp[i].direction &&
            p->source_port == dhcp[i].first && p->key == dhcp[i].last) {
            return true;
        }
    }
    return false;
}

/* Messages without which a machine loses its neighbours, its router or large packets; a forwarding
 * node keeps those that cross it. */
static const struct {
    enum proto proto;
    struct port_range keys;
    bool node; /* kept at the forward hook, too */
} kept_icmp[] = {
    {PROTO_ICMP, {3 << 8 | 4, 3 << 8 | 4}, true},     /* fragmentation needed */
    {PROTO_ICMP6, {2 << 8, 2 << 8 | 255}, true},      /* packet too big */
    {PROTO_ICMP6, {130 << 8, 134 << 8 | 255}, false}, /* multicast listeners, routers */
    {PROTO_ICMP6, {135 << 8, 136 << 8 | 255}, true},  /* neighbours */
    {PROTO_ICMP6, {143 << 8, 143 << 8 | 255}, false}, /* multicast listeners */
};

static bool is_kept_icmp(const struct bound_packet *p, bool host)
{
    for (size_t i = 0; i < sizeof kept_icmp / sizeof *kept_icmp; i++) {
        const struct port_range keys = kept_icmp[i].keys;
        if ((host || kept_icmp[i].node) && p->proto == kept_icmp[i].proto && p->key >= keys.first &&
            p->key <= keys.last) {
            return true;
        }
    }
    return false;
}

struct portset ports_kept(struct arena *a, bool host)
{
    struct portset sum = portset_none;
    for (size_t i = 0; i < sizeof kept_icmp / sizeof *kept_icmp; i++) {
        if (host || kept_icmp[i].node) {
            const struct port_range keys = kept_icmp[i].keys;
            struct portset one = portset_of(a, kept_icmp[i].proto, keys.first, keys.last);
            sum = portset_union(a, sum, one);
        }
    }
    return sum;
}

/* A pod's own traffic to itself, by whichever of its addresses. */
static bool is_self(const struct bound *b, const struct bound_packet *p)
{
    for (size_t i = 0; i < b->nself[p->family]; i++) {
        const struct addr_pair *pair = &b->self[p->family][i];
        if (ip_cmp(pair->source, p->source) == 0 &&
            ip_cmp(pair->destination, p->destination) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether an address is the machine's own: what goes from one of them to another never leaves it.
 */
static bool is_own(const struct workload *host, enum family f, struct ip a)
{
    if (f == FAM_IP4 ? a.lo >> 24 == 127 : a.hi == 0 && a.lo == 1) {
        return true;
    }
    for (size_t i = 0; i < host->naddrs; i++) {
        if (host->addrs[i].family == f && ip_cmp(host->addrs[i].ip, a) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_loopback(const struct workload *host, const struct bound_packet *p)
{
    return is_own(host, p->family, p->source) && is_own(host, p->family, p->destination);
}

static bool is_failsafe(const struct named_port *ports, size_t n, const struct bound_packet *p)
{
    for (size_t i = 0; i < n; i++) {
        if (ports[i].proto == p->proto && ports[i].number == p->key) {
            return true;
        }
    }
    return false;
}

static bool is_kept(const struct bound *b, enum direction d, const struct named_port *failsafe,
                    size_t nfailsafe, const struct bound_packet *p)
{
    const bool host = b->host != NULL;
    if (is_kept_icmp(p, host)) {
        return true;
    }
    if (!host) {
        return is_self(b, p);
    }
    return is_loopback(b->host, p) || is_dhcp(p, d) ||
           (d == DIR_INGRESS && is_failsafe(failsafe, nfailsafe, p));
}

/* ---- what they decide ---- */

static const struct target_class *find_target(const struct bound_side *side, bool host,
                                              struct ip local)
{
    for (size_t i = 0; i < side->ntargets; i++) {
        if (host || list_has(&side->targets[i].addrs, local)) {
            return &side->targets[i];
        }
    }
    return NULL;
}

/* The peer class of an address; 0: none. */
static uint32_t find_peer(const struct bound_side *side, struct ip peer)
{
    for (size_t i = 0; i < side->npeers; i++) {
        if (list_has(&side->peers[i].addrs, peer)) {
            return side->peers[i].id;
        }
    }
    return 0;
}

/* An address of a class is allowed by its class alone: `nets` may cover it all the same. */
static bool grant_has_peer(const struct grant *g, uint32_t class_id, struct ip peer)
{
    if (g->any_peer) {
        return true;
    }
    if (class_id == 0) {
        return ipset_has(g->nets, peer);
    }
    for (size_t i = 0; i < g->classes.n; i++) {
        if (g->classes.v[i] == class_id) {
            return true;
        }
    }
    return false;
}

struct bound_verdict bound_verdict(const struct bound *b, enum direction d,
                                   const struct named_port *failsafe, size_t nfailsafe,
                                   const struct bound_packet *packet)
{
    const struct bound_side *side = &b->side[packet->family][d];
    const struct ip local = d == DIR_INGRESS ? packet->destination : packet->source;
    const struct ip peer = d == DIR_INGRESS ? packet->source : packet->destination;
    const struct target_class *t = find_target(side, b->host != NULL, local);
    if (t == NULL) {
        return (struct bound_verdict){.answer = BOUND_NOT_ISOLATED};
    }
    const uint32_t class_id = find_peer(side, peer);
    for (size_t i = 0; i < t->ngrants; i++) {
        if (grant_has_peer(t->grants[i], class_id, peer) &&
            portset_has(t->grants[i]->ports, packet->proto, packet->key)) {
            return (struct bound_verdict){BOUND_ALLOWED, t, t->grants[i]};
        }
    }
    if (is_kept(b, d, failsafe, nfailsafe, packet)) {
        return (struct bound_verdict){.answer = BOUND_KEPT};
    }
    return (struct bound_verdict){BOUND_DENIED, t, NULL};
}
