/*
 * NPC111 one-sided-flow: one end's policies name the other end, whose own policies do not let the
 * traffic pass. Only peers that name labels are meant: who allows a whole namespace does not expect
 * each of its pods to come.
 */
#include "analysis/lint_priv.h"

#include "analysis/explain.h"
#include "ir/tiers.h"

/* The class of the world that the workloads of a group are in; ID_NONE: they are not endpoints. */
static uint32_t class_of(struct lint *l, uint32_t group)
{
    if (l->class_of == NULL) {
        l->class_of = ARENA_NEW_ARRAY(l->keep, l->groups.n, uint32_t);
        for (size_t i = 0; i < l->groups.n; i++) {
            struct places p = world_find_workload(l->w, l->a, l->groups.v[i].example);
            l->class_of[i] = p.n > 0 ? p.v[0].class_id : ID_NONE;
        }
    }
    return l->class_of[group];
}

/* Protocols of which both ends speak alike in both families. */
static struct portset with_ports(struct portset s)
{
    struct portset keyed = portset_none;
    for (size_t p = PROTO_TCP; p <= PROTO_SCTP; p++) {
        keyed.keys[p] = s.keys[p];
    }
    return keyed;
}

struct pairing {
    struct lint *l;
    const struct lint_at *at;
    struct id_list ours, theirs;
    struct portset passes; /* what the other side lets pass, of all pairs together */
    uint32_t example[2];   /* a pair of groups … */
    enum family family;    /* … and one that they share */
    bool any;
};

static void add_pair(struct pairing *p, uint32_t ours, uint32_t theirs)
{
    struct lint *l = p->l;
    uint32_t a = class_of(l, ours), b = class_of(l, theirs);
    if (a == ID_NONE || b == ID_NONE || (ours == theirs && l->groups.v[ours].n == 1)) {
        return;
    }
    enum direction other = p->at->rule->direction == DIR_INGRESS ? DIR_EGRESS : DIR_INGRESS;
    struct traffic t = world_side(l->w, other, b, a);
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        if (t.of[f] != TRAFFIC_ABSENT) {
            struct portset s = traffic_ports(l->w->traffic, f, t.of[f]);
            p->passes = portset_union(l->a, p->passes, with_ports(s));
            if (!p->any) {
                p->any = true;
                p->example[0] = ours;
                p->example[1] = theirs;
                p->family = f;
            }
        }
    }
}

/* Traffic that the rule allows and no pair may use. All of it, if the rule names ports; where it
 * allows every port, the other side may well open only some. */
static bool find_missing(struct pairing *p, struct portset *missing)
{
    struct lint *l = p->l;
    const struct nrule *r = p->at->nrule;
    struct portset wanted = with_ports(r->any_port ? portset_all(l->a) : r->ports);
    if (r->nnames > 0) {
        wanted = with_ports(portset_all(l->a)); /* whatever they are on each pod */
    }
    bool covered = false;
    for (size_t i = 0; i < p->ours.n && !covered; i++) {
        for (size_t k = 0; k < p->theirs.n && !covered && lint_spend(l, 1); k++) {
            add_pair(p, p->ours.v[i], p->theirs.v[k]);
            covered = portset_covers(p->passes, wanted);
        }
    }
    bool is_vague = r->any_port || r->nnames > 0;
    *missing = is_vague && !portset_is_empty(p->passes) ? portset_none
                                                        : portset_subtract(l->a, wanted, p->passes);
    return p->any && !portset_is_empty(*missing);
}

/* What of it no rule denies: nobody allows that. */
static struct portset not_denied(struct lint *l, const struct explained_side *s, enum family f,
                                 struct portset missing)
{
    for (size_t i = 0; i < s->nrules; i++) {
        uint32_t id = s->rules[i].decides.of[f];
        if (s->rules[i].rule->action == ACT_DENY && id != TRAFFIC_ABSENT) {
            missing = portset_subtract(l->a, missing, traffic_ports(l->w->traffic, f, id));
        }
    }
    return missing;
}

/* Says who of the other side's does not let it pass. */
static struct decider note_decider(struct pairing *p, struct diag *d, struct portset missing)
{
    struct lint *l = p->l;
    enum direction other = p->at->rule->direction == DIR_INGRESS ? DIR_EGRESS : DIR_INGRESS;
    const struct explained_side *s = world_explain_side(
        l->w, l->a, other, class_of(l, p->example[1]), class_of(l, p->example[0]));
    struct portset rest = not_denied(l, s, p->family, missing);
    struct decider by =
        side_decider(l->w, l->a, s, p->family, portset_is_empty(rest) ? missing : rest, false);
    decider_note(l->w, d, other, by);
    return by;
}

/* The other half is a NetworkPolicy: it cannot allow what is denied before it is asked. */
static void hint(struct pairing *p, struct diag *d, struct decider by)
{
    struct lint *l = p->l;
    if (by.rule != NULL &&
        tier_order_of(l->p, by.rule->policy->origin->tier) < TIER_ORDER_NAMESPACED) {
        HINT(l, d, "no NetworkPolicy can allow what that policy denies: change one of the two");
    } else if (lint_is_npc(l, p->at->rule->at) && !p->at->policy->from_flows) {
        HINT(l, d, "add the other half, or use 'flows'");
    } else {
        HINT(l, d, "add the other half");
    }
}

static void report(struct pairing *p, const struct nclause *c, struct portset missing)
{
    struct lint *l = p->l;
    const struct nrule *r = p->at->nrule;
    struct str ours = lint_group_name(l, p->example[0]);
    struct str theirs = lint_group_name(l, p->example[1]);
    struct str ports = r->any_port || r->nnames > 0 ? ports_phrase(l->a, r->origin)
                                                    : portset_phrase(l->a, missing);
    struct diag *d =
        p->at->rule->direction == DIR_EGRESS
            ? WARN(l, NPC111, lint_place(l, c->origin->at, p->at->rule->at),
                   STR_FMT " may send to " STR_FMT " %s" STR_FMT ", but " STR_FMT
                           " does not accept it",
                   STR_ARG(ours), STR_ARG(theirs), r->any_port ? "on " : "", STR_ARG(ports),
                   STR_ARG(theirs))
            : WARN(l, NPC111, lint_place(l, c->origin->at, p->at->rule->at),
                   STR_FMT " accepts " STR_FMT " from " STR_FMT ", but " STR_FMT " may not send it",
                   STR_ARG(ours), STR_ARG(ports), STR_ARG(theirs), STR_ARG(theirs));
    hint(p, d, note_decider(p, d, missing));
}

void lint_one_sided(struct lint *l, const struct lint_at *at)
{
    if (!lint_allows(at) || policy_is_cluster(at->policy)) {
        return;
    }
    for (size_t i = 0; i < at->nrule->nclauses; i++) {
        const struct nclause *c = &at->nrule->clauses[i];
        if (c->kind != PEER_PODS || c->pods->n == 0) {
            continue;
        }
        struct pairing p = {.l = l,
                            .at = at,
                            .ours = lint_targets(l, at->np),
                            .theirs = lint_match(l, c->ns, c->pods)};
        struct portset missing;
        if (find_missing(&p, &missing)) {
            report(&p, c, missing);
        }
    }
}
