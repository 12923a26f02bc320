/* Looking for findings: which rows there are, and what each is shown. The rows are in lint_*.c. */
#include "analysis/lint_priv.h"

enum scope { PROGRAM, POLICY, RULE, PEER, PORT };
enum needs { ANY, MORE, WORKLOADS, NAMESPACES, KUBERNETES, CLUSTER, BACKEND, PLUGIN, DESC };

static const struct row {
    enum diag_id id;
    enum scope scope;
    enum needs needs;
    void (*look)(struct lint *l, const struct lint_at *at);
} rows[] = {
#define LINT(id, scope, needs, function) {DIAG_##id, scope, needs, lint_##function},
#include "analysis/lints.def"
#undef LINT
};
#define NROWS (sizeof rows / sizeof rows[0])

static bool has(const struct lint *l, enum needs needs)
{
    switch (needs) {
    case WORKLOADS:
        return l->has_workloads;
    case NAMESPACES:
        return l->has_workloads || l->has_namespaces;
    case KUBERNETES:
        return l->o->target == LINT_KUBERNETES;
    case CLUSTER:
        return l->o->target != LINT_KERNEL;
    case BACKEND:
        return l->o->target != LINT_KUBERNETES;
    case PLUGIN:
        return l->o->target != LINT_KERNEL && (l->o->cni.n == 0 || str_is(l->o->cni, "flannel"));
    case DESC:
        return l->o->want_desc;
    case ANY:
    case MORE:
        return true;
    }
    return true;
}

/* Whether no other run, which knows more or asks for something else, can find more. */
static bool finds_all(const struct lint *l, enum needs needs)
{
    bool asks_what_runs = needs == MORE || needs == WORKLOADS || needs == NAMESPACES;
    return has(l, needs) && (!asks_what_runs || (l->has_workloads && l->is_whole));
}

static void note_open(const struct lint *l, struct lint_open *open)
{
    for (size_t i = 0; i < NROWS; i++) {
        open->kinds[rows[i].id] |= !finds_all(l, rows[i].needs);
    }
    open->kinds[DIAG_NPC406] = true; /* what one backend can say another cannot */
}

static void look(struct lint *l, enum scope scope, const struct lint_at *at)
{
    for (size_t i = 0; i < NROWS; i++) {
        if (rows[i].scope == scope && has(l, rows[i].needs)) {
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

void lint_program(struct ctx *c, const struct world *w, const struct lint_options *o,
                  struct lint_open *open)
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
    note_open(l, open);
}
