/*
 * Cluster policies: NPC401 equal-priority, NPC402 shadowed, NPC403 admin-allow, NPC405
 * internet-deny-hits-pods, NPC407 baseline-unreached, NPC408 calico-default.
 */
#include "analysis/lint_priv.h"

#include "ir/tiers.h"

#include <assert.h>

/* ---- NPC401 ---- */

static bool nets_meet(struct lint *l, const struct nrule *a, const struct nrule *b)
{
    return ipset_intersect(l->a, a->nets[FAM_IP4], b->nets[FAM_IP4]).n > 0 ||
           ipset_intersect(l->a, a->nets[FAM_IP6], b->nets[FAM_IP6]).n > 0;
}

static bool has_nets(const struct nrule *r)
{
    return r->nets[FAM_IP4].n > 0 || r->nets[FAM_IP6].n > 0;
}

static bool clauses_meet(const struct nclause *a, const struct nclause *b)
{
    if (a->kind != b->kind) {
        return a->kind != PEER_PODS && b->kind != PEER_PODS; /* a domain may be a node's address */
    }
    switch (a->kind) {
    case PEER_PODS:
        return selectors_meet(a->ns, b->ns) && selectors_meet(a->pods, b->pods);
    case PEER_NODES:
        return selectors_meet(a->nodes, b->nodes);
    case PEER_DOMAIN:
    case PEER_CIDR:
        return true;
    }
    return true;
}

/* Whether some peer can be meant by both rules. Addresses are those of pods, too. */
static bool peers_meet(struct lint *l, const struct nrule *a, const struct nrule *b)
{
    if (a->any_peer || b->any_peer || nets_meet(l, a, b) || (has_nets(a) && b->nclauses > 0) ||
        (has_nets(b) && a->nclauses > 0)) {
        return true;
    }
    for (size_t i = 0; i < a->nclauses; i++) {
        for (size_t k = 0; k < b->nclauses; k++) {
            if (clauses_meet(&a->clauses[i], &b->clauses[k])) {
                return true;
            }
        }
    }
    return false;
}

static bool ports_meet(struct lint *l, const struct nrule *a, const struct nrule *b)
{
    return a->any_port || b->any_port || a->nnames > 0 || b->nnames > 0 ||
           !portset_is_empty(portset_intersect(l->a, a->ports, b->ports));
}

/* Whether one packet can match a rule of each that do different things. */
static bool policies_clash(struct lint *l, const struct npolicy *a, const struct npolicy *b)
{
    if (!selectors_meet(a->target_ns, b->target_ns) ||
        !selectors_meet(a->target_pods, b->target_pods)) {
        return false;
    }
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        for (size_t i = 0; i < a->nrules[d]; i++) {
            for (size_t k = 0; k < b->nrules[d] && lint_spend(l, 1); k++) {
                const struct nrule *x = &a->rules[d][i], *y = &b->rules[d][k];
                if (x->action != y->action && ports_meet(l, x, y) && peers_meet(l, x, y)) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void report_equal(struct lint *l, const struct npolicy *one, const struct npolicy *other,
                         bool clash)
{
    const bool in_order = span_cmp(&l->c->sources, one->origin->at, other->origin->at) < 0;
    const struct policy *a = in_order ? one->origin : other->origin;
    const struct policy *b = in_order ? other->origin : one->origin;
    struct diag *d =
        diag_report(&l->c->diags, clash ? SEV_ERROR : SEV_INFO, DIAG_NPC401, b->at,
                    "cluster policies " STR_FMT " and " STR_FMT
                    " have the same priority %u in tier " STR_FMT ": which one wins is undefined",
                    STR_ARG(a->name), STR_ARG(b->name), (unsigned)b->priority, STR_ARG(b->tier));
    ALSO(l, d, a->at, "the other one is here");
    HINT(l, d, "give them distinct priorities");
}

/* The reader has warned of all of them; which of them can clash is found out here. */
void lint_equal_priority(struct lint *l, const struct lint_at *at)
{
    (void)at;
    diags_drop(&l->c->diags, DIAG_NPC401);
    struct tier_order order = tier_order(l->a, l->p, l->policies, l->npolicies);
    for (size_t i = 1; i < order.n; i++) {
        const struct npolicy *b = l->policies[order.v[i].policy], *first = NULL, *clash = NULL;
        for (size_t k = i; k > 0 && clash == NULL; k--) {
            const struct npolicy *a = l->policies[order.v[k - 1].policy];
            if (order.v[k - 1].tier != order.v[i].tier ||
                a->origin->priority != b->origin->priority || !lint_spend(l, 1)) {
                break;
            }
            first = a;
            clash = policies_clash(l, a, b) ? a : NULL;
        }
        if (first != NULL) {
            report_equal(l, clash != NULL ? clash : first, b, clash != NULL);
        }
    }
}

/* ---- NPC402 ---- */

/* What is left of one peer of a rule after the rules before it. */
struct rest {
    const struct nclause *clause; /* NULL: a net, or anywhere */
    bool any;
    enum family family;
    struct ipset net;
    struct portset ports;
    bool names; /* the rule has named ports, which numbers cannot cover */
};

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

/* Takes what a rule decides from the rest. True: nothing is left. */
static bool rest_subtract(struct lint *l, struct rest *rest, const struct nrule *r)
{
    if (r->any_port && rest_is_named(r, rest)) {
        return true;
    }
    if (!rest->any && rest->clause == NULL && !rest->names &&
        (r->any_port || portset_covers(r->ports, rest->ports))) {
        rest->net = ipset_subtract(l->a, rest->net, r->nets[rest->family]);
    }
    if (rest_is_named(r, rest)) {
        rest->ports = portset_subtract(l->a, rest->ports, r->ports);
    }
    bool no_net = !rest->any && rest->clause == NULL && rest->net.n == 0;
    return no_net || (!rest->names && portset_is_empty(rest->ports));
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
    struct rest rest = {.ports = r->any_port ? portset_all(l->a) : r->ports,
                        .names = r->nnames > 0};
    if (r->any_peer) {
        rest.any = true;
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

/* Whether a rule before it, for the same pods, sends on or allows what goes to pods. */
static bool spares_pods(struct lint *l, const struct npolicy *np, enum direction d, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        const struct nrule *r = &np->rules[d][i];
        if (r->action != ACT_DENY && r->any_port && names_all_pods(r)) {
            return true;
        }
    }
    for (size_t i = 0; i < l->clusters.n && lint_spend(l, 1); i++) {
        const struct npolicy *other = l->policies[l->clusters.v[i]];
        bool is_before = other != np && str_eq(other->origin->tier, np->origin->tier) &&
                         other->origin->priority < np->origin->priority &&
                         selector_covers(other->target_ns, np->target_ns) &&
                         selector_covers(other->target_pods, np->target_pods);
        for (size_t k = 0; is_before && k < other->nrules[d]; k++) {
            const struct nrule *r = &other->rules[d][k];
            if (r->action != ACT_DENY && r->any_port && names_all_pods(r)) {
                return true;
            }
        }
    }
    return false;
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
