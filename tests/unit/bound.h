/* What the bound form says about a packet, by its lists alone: for tests of binding. */
#ifndef NPC_TESTS_BOUND_H
#define NPC_TESTS_BOUND_H

#include "ir/bind.h"

static inline bool list_has(const struct addr_list *l, struct ip ip)
{
    for (size_t i = 0; i < l->n; i++) {
        if (ip_cmp(l->v[i], ip) == 0) {
            return true;
        }
    }
    return false;
}

static inline uint32_t peer_class(const struct bound_side *s, struct ip ip)
{
    for (size_t i = 0; i < s->npeers; i++) {
        if (list_has(&s->peers[i].addrs, ip)) {
            return s->peers[i].id;
        }
    }
    return 0;
}

static inline bool grant_has_class(const struct grant *g, uint32_t class)
{
    for (size_t i = 0; i < g->classes.n; i++) {
        if (g->classes.v[i] == class) {
            return true;
        }
    }
    return false;
}

static inline bool grants_allow(const struct bound_side *s, const struct target_class *t,
                                struct ip peer, enum proto proto, uint16_t key)
{
    uint32_t class = peer_class(s, peer);
    for (size_t i = 0; i < t->ngrants; i++) {
        const struct grant *g = t->grants[i];
        bool peers = g->any_peer || grant_has_class(g, class) || ipset_has(g->nets, peer);
        if (peers && portset_has(g->ports, proto, key)) {
            return true;
        }
    }
    return false;
}

/* Whether a connection is allowed: to the pod for ingress, from it for egress. */
static inline bool bound_allows(const struct bound *b, enum direction d, struct address pod,
                                struct address peer, enum proto proto, uint16_t key)
{
    const struct bound_side *s = &b->side[pod.family][d];
    for (size_t i = 0; i < s->ntargets; i++) {
        if (list_has(&s->targets[i].addrs, pod.ip)) {
            return grants_allow(s, &s->targets[i], peer.ip, proto, key);
        }
    }
    return true;
}

#endif
