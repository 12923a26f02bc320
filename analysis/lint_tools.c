/* What the rows of lint ask about the thing at hand, and what they spend. */
#include "analysis/lint_priv.h"

bool lint_spend(struct lint *l, size_t n)
{
    if (l->budget >= n) {
        l->budget -= n;
        return true;
    }
    l->budget = 0;
    if (!l->out_of_budget) {
        l->out_of_budget = true;
        struct diag *d = ERR(l, NPC517, l->policies[0]->origin->at,
                             "the policies are too many, or too alike, to compare them all: some "
                             "findings were not looked for");
        HINT(l, d, "check fewer namespaces at once");
    }
    return false;
}

#define TIDY_BYTES ((size_t)4 << 20)

void lint_tidy(struct lint *l)
{
    if (l->a->total > TIDY_BYTES) {
        arena_free(l->a);
    }
}

struct span lint_place(const struct lint *l, struct span at, struct span user)
{
    return sources_get(&l->c->sources, at.file)->built_in ? user : at;
}

bool lint_is_npc(const struct lint *l, struct span at)
{
    return sources_get(&l->c->sources, at.file)->is_npc;
}

struct nclause lint_clause(struct lint *l, const struct lint_at *at)
{
    struct nclause clause = {.kind = PEER_PODS, .origin = at->peer};
    clause.ns = at->peer->ns != NULL ? selector_normalize(l->a, at->peer->ns) : at->np->target_ns;
    clause.pods = selector_normalize(l->a, at->peer->pods);
    return clause;
}

struct ipset lint_net(struct lint *l, const struct peer *p)
{
    struct ip_range *holes = ARENA_NEW_ARRAY(l->a, p->nexcept, struct ip_range);
    for (size_t i = 0; i < p->nexcept; i++) {
        holes[i] = (struct ip_range){p->except[i].first, cidr_last(p->except[i])};
    }
    return ipset_subtract(l->a, ipset_of_cidr(l->a, p->cidr),
                          ipset_of_ranges(l->a, holes, p->nexcept));
}

bool lint_allows(const struct lint_at *at)
{
    return at->nrule != NULL && at->rule->action == ACT_ALLOW;
}

struct str lint_target_phrase(struct lint *l, const struct npolicy *np)
{
    struct peer target = {.kind = PEER_PODS, .ns = np->target_ns, .pods = np->target_pods};
    return peer_phrase(l->a, &target);
}
