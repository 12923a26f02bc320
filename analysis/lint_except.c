/*
 * NPC310 except-reopened: an exception that other rules for the same pods allow. Prefixes hold each
 * other or are apart, so that those that meet an exception are its own shorter prefixes, and what
 * stands between its first and last address.
 */
#include "analysis/lint_priv.h"

struct net_entry { /* one cidr of one rule */
    const struct nrule *rule;
    const struct peer *peer;
};

struct net_index {              /* of the policies of one target, in one direction */
    VEC(struct net_entry) nets; /* by family, first address, length */
    VEC(const struct nrule *) anywhere;
};

static int entry_order(const void *pa, const void *pb)
{
    const struct net_entry *a = pa, *b = pb;
    return cidr_cmp(a->peer->cidr, b->peer->cidr);
}

static const struct net_index *index_of(struct lint *l, struct target *t, enum direction d)
{
    if (t->nets[d] != NULL) {
        return t->nets[d];
    }
    struct net_index *x = ARENA_NEW(l->keep, struct net_index);
    for (size_t i = 0; i < t->policies.n; i++) {
        const struct npolicy *np = l->policies[t->policies.v[i]];
        for (size_t r = 0; r < np->nrules[d]; r++) {
            const struct nrule *rule = &np->rules[d][r];
            if (rule->any_peer) {
                vec_push(l->keep, &x->anywhere, rule);
            }
            for (size_t k = 0; k < rule->origin->npeers; k++) {
                const struct net_entry entry = {rule, &rule->origin->peers[k]};
                if (entry.peer->kind == PEER_CIDR) {
                    vec_push(l->keep, &x->nets, entry);
                }
            }
        }
    }
    array_sort(x->nets.v, x->nets.n, sizeof *x->nets.v, entry_order);
    return t->nets[d] = x;
}

struct reopening {
    struct lint *l;
    const struct lint_at *at;
    struct cidr except;
    struct ipset open; /* what other rules let pass on all ports of this one */
};

static void add_entry(struct reopening *r, const struct net_entry *e)
{
    if (lint_ports_cover(e->rule, r->at->nrule)) {
        struct ipset net = lint_net(r->l, e->peer);
        r->open = ipset_union(r->l->a, r->open, net);
    }
}

/* The first entry whose cidr is not before this one. */
static size_t lower_bound(const struct net_index *x, struct cidr c)
{
    size_t low = 0, high = x->nets.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cidr_cmp(x->nets.v[middle].peer->cidr, c) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void add_wider(struct reopening *r, const struct net_index *x)
{
    for (uint8_t len = 0; len < r->except.len; len++) {
        struct cidr wider = cidr_shorten(r->except, len);
        for (size_t i = lower_bound(x, wider);
             i < x->nets.n && cidr_cmp(x->nets.v[i].peer->cidr, wider) == 0 && lint_spend(r->l, 1);
             i++) {
            add_entry(r, &x->nets.v[i]);
        }
    }
}

static void add_inner(struct reopening *r, const struct net_index *x)
{
    for (size_t i = lower_bound(x, r->except); i < x->nets.n && lint_spend(r->l, 1); i++) {
        if (!cidr_contains(r->except, x->nets.v[i].peer->cidr)) {
            return;
        }
        add_entry(r, &x->nets.v[i]);
    }
}

static bool add_target(void *arg, struct target *covering)
{
    struct reopening *r = arg;
    const struct net_index *x = index_of(r->l, covering, r->at->rule->direction);
    for (size_t i = 0; i < x->anywhere.n && lint_spend(r->l, 1); i++) {
        if (lint_ports_cover(x->anywhere.v[i], r->at->nrule)) {
            r->open = ipset_all(r->l->a, r->except.family);
            return false;
        }
    }
    add_wider(r, x);
    add_inner(r, x);
    return true;
}

void lint_reopened_excepts(struct lint *l, const struct lint_at *at)
{
    const struct peer *p = at->peer;
    if (at->nrule == NULL || policy_is_cluster(at->policy) || p->kind != PEER_CIDR) {
        return;
    }
    for (size_t i = 0; i < p->nexcept; i++) {
        struct reopening r = {.l = l, .at = at, .except = p->except[i]};
        lint_covering(l, at, add_target, &r);
        if (ipset_covers(r.open, ipset_of_cidr(l->a, r.except))) {
            struct diag *d = WARN(l, NPC310, lint_place(l, p->except_at[i], at->place),
                                  "except " STR_FMT " has no effect: other peers or rules for the "
                                  "same pods allow it",
                                  STR_ARG(cidr_text(l->a, r.except)));
            HINT(l, d, "an exception belongs to its own cidr only");
        }
    }
}
