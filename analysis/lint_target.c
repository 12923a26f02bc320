/*
 * NetworkPolicies by namespace and target, so that those whose target covers another's are found
 * without looking at all of them: whoever covers a target demands only labels that it demands too.
 */
#include "analysis/lint_priv.h"

static const struct selector everywhere; /* all are of one namespace */

static void index_target(struct lint *l, uint32_t space, uint32_t target)
{
    struct wspace *s = &l->spaces.v[space];
    vec_push(l->keep, &s->targets, target);
    demands_add(l, &s->by_demand, &everywhere, l->targets.v[target].selector, target);
}

static unsigned dns_of_policy(struct lint *l, uint32_t index)
{
    const struct npolicy *np = l->policies[index];
    struct lint_at at = {.index = index, .np = np, .policy = np->origin};
    unsigned dns = 0;
    for (size_t i = 0; i < np->nrules[DIR_EGRESS] && dns != DNS_BOTH; i++) {
        at.nrule = &np->rules[DIR_EGRESS][i];
        at.rule = at.nrule->origin;
        dns |= lint_dns_of(l, &at);
    }
    return dns;
}

static const struct selector *one_label(struct lint *l, struct str key, struct str value)
{
    struct selector *s = ARENA_NEW(l->keep, struct selector);
    s->v = ARENA_NEW(l->keep, struct sel_req);
    s->n = 1;
    s->v[0] = (struct sel_req){
        .op = SEL_EQ, .key = key, .values = ARENA_NEW(l->keep, struct str), .nvalues = 1};
    s->v[0].values[0] = value;
    return s;
}

void lint_targets_init(struct lint *l)
{
    l->dns_ns = one_label(l, STR(LABEL_NS_NAME), STR("kube-system"));
    l->dns_pods = one_label(l, STR("k8s-app"), STR("kube-dns"));
    lint_dns_init(l);
    struct intern ids;
    intern_init(&ids, l->keep);
    l->target_of = ARENA_NEW_ARRAY(l->keep, l->npolicies, uint32_t);
    for (uint32_t i = 0; i < l->npolicies; i++) {
        const struct npolicy *np = l->policies[i];
        l->target_of[i] = ID_NONE;
        if (policy_is_cluster(np->origin)) {
            vec_push(l->keep, &l->clusters, i);
            continue;
        }
        uint32_t space = lint_space(l, np->target_ns->v[0].values[0]);
        buf_cut(l->key, 0);
        buf_put(l->key, &space, sizeof space);
        selector_key(l->key, np->target_pods);
        uint32_t id = intern_add(&ids, buf_text(l->key));
        if (id == l->targets.n) {
            const struct target target = {.selector = np->target_pods};
            vec_push(l->keep, &l->targets, target);
            index_target(l, space, id);
        }
        l->target_of[i] = id;
        vec_push(l->keep, &l->targets.v[id].policies, i);
        l->targets.v[id].dns |= dns_of_policy(l, i);
    }
}

struct covering {
    struct lint *l;
    const struct selector *inner;
    target_fn each;
    void *arg;
};

static bool visit(void *arg, uint32_t target)
{
    const struct covering *c = arg;
    struct target *outer = &c->l->targets.v[target];
    return !selector_covers(outer->selector, c->inner) || c->each(c->arg, outer);
}

void lint_covering(struct lint *l, const struct lint_at *at, target_fn each, void *arg)
{
    struct covering c = {l, at->np->target_pods, each, arg};
    const struct wspace *s = &l->spaces.v[lint_space(l, at->np->target_ns->v[0].values[0])];
    demands_visit(l, &s->by_demand, &everywhere, c.inner, visit, &c);
}
