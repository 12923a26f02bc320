/*
 * Who is isolated: NPC104 inert-rules, NPC106 egress-only-cuts-ingress, NPC107 not-isolated, NPC108
 * no-default-deny, NPC109 cut-off, NPC110 redundant-deny.
 */
#include "analysis/lint_priv.h"

/* ---- what the text does not isolate ---- */

/* In YAML the reader has said so already, as an info for those who only translate it. */
void lint_inert_rules(struct lint *l, const struct lint_at *at)
{
    (void)at;
    diags_drop(&l->c->diags, DIAG_NPC104);
    for (size_t i = 0; i < l->npolicies; i++) {
        const struct policy *p = l->policies[i]->origin;
        for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
            if (policy_is_cluster(p) || p->isolates[d] || p->nrules[d] == 0) {
                continue;
            }
            struct diag *rec = ERR(l, NPC104, p->rules[d][0].at,
                                   "%s rules have no effect: this policy leaves %s open",
                                   direction_name(d), direction_name(d));
            if (lint_is_npc(l, p->at)) {
                HINT(l, rec, "remove the rules, or 'default allow %s'", direction_name(d));
            } else {
                HINT(l, rec, "remove the rules, or add %s to policyTypes",
                     d == DIR_INGRESS ? "Ingress" : "Egress");
            }
        }
    }
}

void lint_egress_only(struct lint *l, const struct lint_at *at)
{
    const struct policy *p = at->policy;
    if (p->ingress_implied && p->nrules[DIR_EGRESS] > 0) {
        struct diag *d = WARN(l, NPC106, p->at,
                              "this also blocks all ingress: policyTypes defaults to [Ingress, "
                              "Egress]");
        HINT(l, d, "write policyTypes: [Egress], or say that ingress is meant");
    }
}

/* ---- default deny ---- */

/* Whether the policy does nothing but isolate, in some direction. */
static bool is_pure_deny(const struct policy *p)
{
    return p->nrules[DIR_INGRESS] == 0 && p->nrules[DIR_EGRESS] == 0;
}

struct redundancy {
    struct lint *l;
    const struct policy *self;
    const struct policy *by; /* the default deny that makes it redundant, or NULL */
};

static bool denies_as_much(const struct policy *p, const struct policy *self)
{
    return p != self && is_pure_deny(p) &&
           p->isolates[DIR_INGRESS] >= self->isolates[DIR_INGRESS] &&
           p->isolates[DIR_EGRESS] >= self->isolates[DIR_EGRESS];
}

/* Of two that do the same, the one that stands first is kept. */
static bool is_older(const struct policy *a, const struct policy *b, uint32_t ia, uint32_t ib)
{
    bool equal = a->isolates[DIR_INGRESS] == b->isolates[DIR_INGRESS] &&
                 a->isolates[DIR_EGRESS] == b->isolates[DIR_EGRESS];
    return !equal || ia < ib;
}

static bool look_for_deny(void *arg, struct target *covering)
{
    struct redundancy *r = arg;
    uint32_t self = ID_NONE;
    bool same_target = false;
    for (size_t i = 0; i < covering->policies.n; i++) {
        if (r->l->policies[covering->policies.v[i]]->origin == r->self) {
            self = covering->policies.v[i];
            same_target = true;
        }
    }
    for (size_t i = 0; i < covering->policies.n && lint_spend(r->l, 1); i++) {
        const struct policy *p = r->l->policies[covering->policies.v[i]]->origin;
        if (denies_as_much(p, r->self) &&
            (!same_target || is_older(p, r->self, covering->policies.v[i], self))) {
            r->by = p;
            return false;
        }
    }
    return true;
}

void lint_redundant_deny(struct lint *l, const struct lint_at *at)
{
    if (policy_is_cluster(at->policy) || !is_pure_deny(at->policy)) {
        return;
    }
    struct redundancy r = {.l = l, .self = at->policy};
    lint_covering(l, at, look_for_deny, &r);
    if (r.by != NULL) {
        struct diag *d = INFO(l, NPC110, at->policy->at, STR_FMT " is already covered by " STR_FMT,
                              STR_ARG(at->policy->name), STR_ARG(r.by->name));
        ALSO(l, d, r.by->at, "which is here");
        HINT(l, d, "remove one of them");
    }
}

/* Whether a tier after NetworkPolicies denies a whole direction to all pods of the namespace. */
static bool has_baseline_deny(struct lint *l, const struct wspace *s, enum direction d)
{
    for (size_t i = 0; i < l->clusters.n && lint_spend(l, 1); i++) {
        const struct npolicy *np = l->policies[l->clusters.v[i]];
        if (!str_is(np->origin->tier, "baseline") || np->target_pods->n > 0 ||
            !selector_matches(np->target_ns, s->labels)) {
            continue;
        }
        for (size_t r = 0; r < np->nrules[d]; r++) {
            const struct nrule *rule = &np->rules[d][r];
            bool everyone = rule->any_peer;
            for (size_t k = 0; k < rule->nclauses; k++) {
                const struct nclause *c = &rule->clauses[k];
                everyone |= c->kind == PEER_PODS && c->ns->n == 0 && c->pods->n == 0;
            }
            if (rule->action == ACT_DENY && rule->any_port && everyone) {
                return true;
            }
        }
    }
    return false;
}

/* What the policies of a namespace isolate: some pods, all pods. */
struct isolation {
    bool some[DIRECTIONS], all[DIRECTIONS];
    const struct policy *first;
    bool is_npc;
};

static struct isolation isolation_of(const struct lint *l, const struct wspace *s)
{
    struct isolation out = {0};
    uint32_t first = UINT32_MAX;
    for (size_t i = 0; i < s->targets.n; i++) {
        const struct target *t = &l->targets.v[s->targets.v[i]];
        for (size_t k = 0; k < t->policies.n; k++) {
            const struct policy *p = l->policies[t->policies.v[k]]->origin;
            for (size_t d = 0; d < DIRECTIONS; d++) {
                out.some[d] |= p->isolates[d];
                out.all[d] |= p->isolates[d] && t->selector->n == 0;
            }
            if (t->policies.v[k] < first) {
                first = t->policies.v[k];
                out.first = p;
            }
        }
    }
    out.is_npc = out.first != NULL && out.first->ns.n > 0 && lint_is_npc(l, out.first->at);
    return out;
}

/*
 * A policy alone in YAML may be one of many of its namespace, so that without anything else of the
 * namespace this is only worth an info; in source of the language, and beside the objects of a
 * cluster, the input is all there is.
 */
static void check_space(struct lint *l, const struct wspace *s)
{
    struct isolation is = isolation_of(l, s);
    bool open[DIRECTIONS];
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        open[d] = is.some[d] && !is.all[d] && !has_baseline_deny(l, s, d);
    }
    if (!open[DIR_INGRESS] && !open[DIR_EGRESS]) {
        return;
    }
    bool is_whole = is.is_npc || s->declared || s->groups.n > 0;
    struct diag *d = diag_report(
        &l->c->diags, is_whole ? SEV_WARNING : SEV_INFO, DIAG_NPC108, is.first->at,
        "namespace " STR_FMT ": pods outside the selectors of its policies are wide open for %s",
        STR_ARG(s->name),
        !open[DIR_EGRESS]    ? "ingress"
        : !open[DIR_INGRESS] ? "egress"
                             : "ingress and egress");
    HINT(l, d, "%s",
         lint_is_npc(l, is.first->at)
             ? "policy default-deny for all pods { default deny {ingress, egress} }"
             : "add a policy with podSelector: {} and both policyTypes, without rules");
}

void lint_no_default_deny(struct lint *l, const struct lint_at *at)
{
    (void)at;
    for (size_t i = 0; i < l->spaces.n; i++) {
        check_space(l, &l->spaces.v[i]);
    }
}

/* ---- workloads ---- */

/* Pods of one controller are one workload to people: only the first of them is named. */
static bool is_first(struct strmap *seen, struct lint *l, const struct workload *w)
{
    struct str name = w->owner.n > 0 ? w->owner : w->name;
    struct str key = str_path(l->a, w->ns, name);
    if (strmap_get(seen, key) != NULL) {
        return false;
    }
    strmap_put(seen, key, seen); /* any pointer will do */
    return true;
}

void lint_not_isolated(struct lint *l, const struct lint_at *at)
{
    (void)at;
    struct strmap seen;
    strmap_init(&seen, l->a);
    for (size_t i = 0; i < l->w->nclasses; i++) {
        const struct endpoint_class *c = &l->w->classes[i];
        bool in = c->npolicies[DIR_INGRESS] == 0, out = c->npolicies[DIR_EGRESS] == 0;
        for (size_t k = 0; c->kind == EP_WORKLOAD && (in || out) && k < c->nmembers; k++) {
            const struct workload *w = c->members[k].workload;
            if (!is_first(&seen, l, w)) {
                continue;
            }
            struct diag *d = INFO(l, NPC107, w->at,
                                  STR_FMT "/" STR_FMT ": no policy selects it%s; all %s is allowed",
                                  STR_ARG(w->ns), STR_ARG(w->name),
                                  in && out ? ""
                                  : in      ? " for ingress"
                                            : " for egress",
                                  in && out ? "traffic"
                                  : in      ? "ingress"
                                            : "egress");
            HINT(l, d, "add a default deny for the namespace");
        }
    }
}

/* Whether nobody of the inventory and no address can match the rule. */
static bool is_dead(struct lint *l, const struct nrule *r)
{
    if (r->any_peer || r->nets[FAM_IP4].n > 0 || r->nets[FAM_IP6].n > 0) {
        return false;
    }
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        if (c->kind != PEER_PODS || !lint_knows(l, c->ns) || lint_match(l, c->ns, c->pods).n > 0) {
            return false;
        }
    }
    return true;
}

/* Whether all policies of a class let nothing pass, and some of them means to. */
static bool is_cut_off(struct lint *l, const struct endpoint_class *c, enum direction d)
{
    size_t rules = 0;
    for (size_t i = 0; i < c->npolicies[d]; i++) {
        const struct npolicy *np = c->policies[d][i];
        if (policy_is_cluster(np->origin)) {
            return false; /* what it passes on is not ours to follow */
        }
        for (size_t r = 0; r < np->nrules[d]; r++, rules++) {
            if (!is_dead(l, &np->rules[d][r])) {
                return false;
            }
        }
        rules += np->target_pods->n > 0; /* a deny for these pods, and for no default */
    }
    return rules > 0;
}

void lint_cut_off(struct lint *l, const struct lint_at *at)
{
    (void)at;
    struct strmap seen[DIRECTIONS];
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        strmap_init(&seen[d], l->a);
        for (size_t i = 0; i < l->w->nclasses; i++) {
            const struct endpoint_class *c = &l->w->classes[i];
            if (c->kind != EP_WORKLOAD || !is_cut_off(l, c, d)) {
                continue;
            }
            const struct workload *w = c->members[0].workload;
            if (is_first(&seen[d], l, w)) {
                struct diag *rec = INFO(l, NPC109, c->policies[d][0]->origin->at,
                                        STR_FMT "/" STR_FMT " cannot %s anything", STR_ARG(w->ns),
                                        STR_ARG(w->name), d == DIR_INGRESS ? "receive" : "send");
                ALSO(l, rec, w->at, "the workload");
                HINT(l, rec, "check labels and ports of the rules that are meant for it");
            }
        }
    }
}
