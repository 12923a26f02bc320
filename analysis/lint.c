/* Looking for findings: which rows there are, and what each is shown. The rows are in lint_*.c. */
#include "analysis/lint_priv.h"

enum scope { PROGRAM, POLICY, RULE, PEER, PORT };
enum needs { ANY, WORKLOADS };

static const struct row {
    enum scope scope;
    enum needs needs;
    void (*look)(struct lint *l, const struct lint_at *at);
} rows[] = {
#define LINT(id, scope, needs, function) {scope, needs, lint_##function},
#include "analysis/lints.def"
#undef LINT
};
#define NROWS (sizeof rows / sizeof rows[0])

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

/* ---- the walk ---- */

static void look(struct lint *l, enum scope scope, const struct lint_at *at)
{
    for (size_t i = 0; i < NROWS; i++) {
        if (rows[i].scope == scope && (rows[i].needs == ANY || l->has_workloads)) {
            rows[i].look(l, at);
        }
    }
}

/* The normalized form of the rule that stands at `index`, or NULL. */
static const struct nrule *find_nrule(const struct npolicy *np, enum direction d, size_t index)
{
    size_t low = 0, high = np->nrules[d];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (np->rules[d][middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < np->nrules[d] && np->rules[d][low].index == index ? &np->rules[d][low] : NULL;
}

static void look_at_rule(struct lint *l, struct lint_at at)
{
    at.place = at.rule->at;
    look(l, RULE, &at);
    for (size_t i = 0; i < at.rule->npeers; i++) {
        at.peer = &at.rule->peers[i];
        at.place = lint_place(l, at.peer->at, at.rule->at);
        look(l, PEER, &at);
    }
    at.peer = NULL;
    for (size_t i = 0; i < at.rule->nports; i++) {
        at.port = &at.rule->ports[i];
        at.place = lint_place(l, at.port->at, at.rule->at);
        look(l, PORT, &at);
    }
}

static void look_at_policy(struct lint *l, uint32_t index)
{
    const struct npolicy *np = l->policies[index];
    struct lint_at at = {.index = index, .np = np, .policy = np->origin};
    at.place = at.policy->at;
    look(l, POLICY, &at);
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        for (size_t i = 0; i < np->origin->nrules[d]; i++) {
            at.rule = &np->origin->rules[d][i];
            at.nrule = find_nrule(np, d, i);
            look_at_rule(l, at);
        }
    }
}

void lint_program(struct ctx *c, const struct world *w, const struct lint_options *o)
{
    struct lint *l = ARENA_NEW(&c->arena, struct lint);
    *l = (struct lint){.c = c,
                       .keep = &c->arena,
                       .a = ARENA_NEW(&c->arena, struct arena),
                       .p = w->program,
                       .w = w,
                       .o = o,
                       .policies = w->policies,
                       .npolicies = w->npolicies,
                       .budget = c->limits.comparisons};
    arena_init_scratch(l->a, &c->arena);
    lint_inventory(l);
    lint_targets_init(l);
    look(l, PROGRAM, NULL);
    for (uint32_t i = 0; i < l->npolicies; i++) {
        look_at_policy(l, i);
        lint_tidy(l);
    }
    arena_free(l->a);
}
