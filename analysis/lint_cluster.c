/*
 * Cluster policies: NPC401 equal-priority, NPC402 shadowed, NPC403 admin-allow, NPC405
 * internet-deny-hits-pods, NPC407 baseline-unreached, NPC408 calico-default.
 */
#include "analysis/lint_priv.h"

#include "ir/tiers.h"

#include <assert.h>

/* ---- NPC401 ---- */

/* The reader has judged which policies can clash, and warned: the API allows it. */
void lint_equal_priority(struct lint *l, const struct lint_at *at)
{
    (void)at;
    diags_raise(&l->c->diags, DIAG_NPC401);
}

/* ---- NPC402 ---- */

/* What is left of one peer of a rule after the rules before it. */
struct rest {
    const struct nclause *clause; /* NULL: a net, or anywhere */
    bool any;
    enum family family;
    struct ipset net;
    struct nrule on; /* only its ports count; all of them are a set here, never any_port */
};

static struct rest rest_of(struct lint *l, const struct nrule *r)
{
    return (struct rest){.any = r->any_peer,
                         .on.ports = r->any_port ? portset_all(l->a) : r->ports,
                         .on.names = r->names,
                         .on.nnames = r->nnames};
}

static bool rest_is_named(const struct nrule *r, const struct rest *rest)
{
    if (r->any_peer) {
        return true;
    }
    if (rest->any) {
        return false;
    }
    if (rest->clause == NULL) {
        return ipset_covers(r->nets[rest->family], rest->net);
    }
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        if (c->kind != rest->clause->kind) {
            continue;
        }
        if (c->kind == PEER_PODS    ? clause_covers(c, rest->clause)
            : c->kind == PEER_NODES ? selector_covers(c->nodes, rest->clause->nodes)
                                    : str_eq(c->domain, rest->clause->domain)) {
            return true;
        }
    }
    return false;
}

/* Takes the ports of a rule from the rest. */
static void ports_subtract(struct lint *l, struct nrule *rest, const struct nrule *r)
{
    struct port_name *names = ARENA_NEW_ARRAY(l->a, rest->nnames, struct port_name);
    size_t n = 0;
    for (size_t i = 0; i < rest->nnames; i++) {
        if (!lint_name_covered(r, &rest->names[i])) {
            names[n++] = rest->names[i];
        }
    }
    rest->ports = portset_subtract(l->a, rest->ports, r->ports);
    rest->names = names;
    rest->nnames = n;
}

/* Takes what a rule decides from the rest. True: nothing is left. */
static bool rest_subtract(struct lint *l, struct rest *rest, const struct nrule *r)
{
    if (r->any_port && rest_is_named(r, rest)) {
        return true;
    }
    if (!rest->any && rest->clause == NULL && lint_ports_cover(r, &rest->on)) {
        rest->net = ipset_subtract(l->a, rest->net, r->nets[rest->family]);
    }
    if (rest_is_named(r, rest)) {
        ports_subtract(l, &rest->on, r);
    }
    bool no_net = !rest->any && rest->clause == NULL && rest->net.n == 0;
    return no_net || (portset_is_empty(rest->on.ports) && rest->on.nnames == 0);
}

struct earlier { /* rules that are asked before one, for all its targets */
    struct lint *l;
    VEC(const struct nrule *) rules;
};

/* Whether nothing of one peer is left; *last is the rule that took the last of it. */
static bool peer_is_shadowed(const struct earlier *e, struct rest rest, const struct nrule **last)
{
    for (size_t i = 0; i < e->rules.n && lint_spend(e->l, 1); i++) {
        if (rest_subtract(e->l, &rest, e->rules.v[i])) {
            *last = e->rules.v[i];
            return true;
        }
    }
    return false;
}

static bool rule_is_shadowed(const struct earlier *e, const struct nrule *r,
                             const struct nrule **last)
{
    struct lint *l = e->l;
    struct rest rest = rest_of(l, r);
    if (r->any_peer) {
        return peer_is_shadowed(e, rest, last);
    }
    for (size_t i = 0; i < r->nclauses; i++) {
        rest.clause = &r->clauses[i];
        if (!peer_is_shadowed(e, rest, last)) {
            return false;
        }
    }
    rest.clause = NULL;
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        rest.family = f;
        rest.net = r->nets[f];
        if (rest.net.n > 0 && !peer_is_shadowed(e, rest, last)) {
            return false;
        }
    }
    assert(*last != NULL); /* in normal form, a rule has a peer */
    return true;
}

static void add_rules(struct earlier *e, const struct npolicy *np, enum direction d)
{
    for (size_t i = 0; i < np->nrules[d]; i++) {
        vec_push(e->l->a, &e->rules, &np->rules[d][i]);
    }
}

struct shadows {
    struct lint *l;
    struct demands before; /* the policies of the tier that were gone through, by target */
    const struct npolicy *np;
    struct id_vec covering; /* of them: those whose target covers that of np */
};

static bool take_covering(void *arg, uint32_t before)
{
    struct shadows *s = arg;
    const struct npolicy *other = s->l->policies[before];
    if (selector_covers(other->target_ns, s->np->target_ns) &&
        selector_covers(other->target_pods, s->np->target_pods)) {
        vec_push(s->l->a, &s->covering, before);
    }
    return true;
}

static void check_shadows(const struct shadows *s, enum direction d)
{
    struct lint *l = s->l;
    struct earlier e = {.l = l};
    for (size_t i = 0; s->np->nrules[d] > 0 && i < s->covering.n; i++) {
        add_rules(&e, l->policies[s->covering.v[i]], d);
    }
    for (size_t i = 0; i < s->np->nrules[d]; i++) {
        const struct nrule *r = &s->np->rules[d][i], *last = NULL;
        if (rule_is_shadowed(&e, r, &last)) {
            struct diag *rec = WARN(l, NPC402, r->origin->at,
                                    "never reached: earlier rules match everything it does");
            ALSO(l, rec, last->origin->at, "one of them is here");
            HINT(l, rec, "remove it, or put it first");
        }
        vec_push(l->a, &e.rules, r);
    }
}

/* Which of the rules before one comes first does not matter: what all of them leave is the same. */
void lint_shadowed(struct lint *l, const struct lint_at *at)
{
    (void)at;
    struct tier_order order = tier_order(l->a, l->p, l->policies, l->npolicies);
    struct shadows s = {.l = l};
    for (size_t i = 0; i < order.n; i++) {
        if (i == 0 || order.v[i].tier != order.v[i - 1].tier) {
            demands_init(&s.before, l->a);
        }
        s.np = l->policies[order.v[i].policy];
        s.covering = (struct id_vec){0};
        demands_visit(l, &s.before, s.np->target_ns, s.np->target_pods, take_covering, &s);
        check_shadows(&s, DIR_INGRESS);
        check_shadows(&s, DIR_EGRESS);
        demands_add(l, &s.before, s.np->target_ns, s.np->target_pods, order.v[i].policy);
    }
}

/* ---- NPC403 ---- */

static bool is_all_pods(const struct nclause *c)
{
    return c->kind == PEER_PODS && c->ns->n == 0 && c->pods->n == 0;
}

static bool names_all_pods(const struct nrule *r)
{
    for (size_t i = 0; i < r->nclauses; i++) {
        if (is_all_pods(&r->clauses[i])) {
            return true;
        }
    }
    return r->any_peer;
}

void lint_admin_allow(struct lint *l, const struct lint_at *at)
{
    if (policy_is_cluster(at->policy) && str_is(at->policy->tier, "admin") && lint_allows(at) &&
        (at->rule->any_port || names_all_pods(at->nrule))) {
        struct diag *d = WARN(l, NPC403, at->rule->at, "teams cannot override this allow of %s",
                              at->rule->any_port ? "all ports" : "all pods");
        HINT(l, d, "use pass, which leaves the decision to their policies");
    }
}

/* ---- NPC405 ---- */

static bool is_internet_deny(const struct nrule *r)
{
    return r->action == ACT_DENY &&
           (ipset_is_all(r->nets[FAM_IP4], FAM_IP4) || ipset_is_all(r->nets[FAM_IP6], FAM_IP6));
}

/* Whether rules before it, for the same pods, decide about all pods on its ports. */
static bool spares_pods(struct lint *l, const struct npolicy *np, enum direction d, size_t index)
{
    static const struct selector all = {0};
    static const struct nclause pods = {.kind = PEER_PODS, .ns = &all, .pods = &all};
    struct earlier e = {.l = l};
    for (size_t i = 0; i < l->clusters.n && lint_spend(l, 1); i++) {
        const struct npolicy *other = l->policies[l->clusters.v[i]];
        if (other != np && str_eq(other->origin->tier, np->origin->tier) &&
            other->origin->priority < np->origin->priority &&
            selector_covers(other->target_ns, np->target_ns) &&
            selector_covers(other->target_pods, np->target_pods)) {
            add_rules(&e, other, d);
        }
    }
    for (size_t i = 0; i < index; i++) {
        vec_push(l->a, &e.rules, &np->rules[d][i]);
    }
    const struct nrule *last;
    struct rest rest = rest_of(l, &np->rules[d][index]);
    rest.clause = &pods;
    return peer_is_shadowed(&e, rest, &last);
}

void lint_internet_deny(struct lint *l, const struct lint_at *at)
{
    if (!policy_is_cluster(at->policy)) {
        return;
    }
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        for (size_t i = 0; i < at->np->nrules[d]; i++) {
            const struct nrule *r = &at->np->rules[d][i];
            if (is_internet_deny(r) && !spares_pods(l, at->np, d, i)) {
                struct diag *rec = WARN(l, NPC405, r->origin->at,
                                        "matches traffic from pod to pod, too: addresses of pods "
                                        "are addresses");
                HINT(l, rec, "put a pass %s all namespaces before it",
                     d == DIR_INGRESS ? "from" : "to");
            }
        }
    }
}

/* ---- NPC407 ---- */

static bool is_asked(const struct endpoint_class *c, const struct npolicy *np, enum direction d)
{
    bool found = false;
    for (size_t i = 0; i < c->npolicies[d]; i++) {
        found |= c->policies[d][i] == np;
    }
    return found;
}

/* Whether a policy selects the members of a class, be it asked about them or not. */
static bool is_selected(const struct lint *l, const struct endpoint_class *c,
                        const struct npolicy *np)
{
    const struct workload *w = c->members[0].workload;
    const struct ns_object *ns = inventory_find_ns(&l->p->inv, w->ns);
    return ns != NULL && selector_matches(np->target_ns, &ns->labels) &&
           selector_matches(np->target_pods, &w->labels);
}

void lint_baseline_unreached(struct lint *l, const struct lint_at *at)
{
    if (!policy_is_cluster(at->policy) || !str_is(at->policy->tier, "baseline")) {
        return;
    }
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        bool asked = false, selects = false;
        for (size_t i = 0; at->np->nrules[d] > 0 && i < l->w->nclasses && !asked; i++) {
            const struct endpoint_class *c = &l->w->classes[i];
            if (c->kind == EP_WORKLOAD && lint_spend(l, 1 + c->npolicies[d])) {
                asked = is_asked(c, at->np, d);
                selects = selects || is_selected(l, c, at->np);
            }
        }
        if (selects && !asked) {
            struct diag *rec = INFO(l, NPC407, at->policy->at,
                                    "never consulted for %s of these pods: NetworkPolicies isolate "
                                    "all of them",
                                    direction_name(d));
            HINT(l, rec, "the baseline tier is for pods without NetworkPolicy");
        }
    }
}

/* ---- NPC408 ---- */

void lint_calico_default(struct lint *l, const struct lint_at *at)
{
    (void)at;
    for (size_t i = 0; i < l->p->tiers.n; i++) {
        const struct tier *t = &l->p->tiers.v[i];
        struct diag *d = diag_report(
            &l->c->diags, l->o->target == LINT_CALICO ? SEV_WARNING : SEV_INFO, DIAG_NPC408, t->at,
            "tier " STR_FMT
            ": Calico denies by default what no rule of a tier decides, for pods selected in it",
            STR_ARG(t->name));
        HINT(l, d, "give its Tier object defaultAction: Pass, which is what npc means");
    }
}
