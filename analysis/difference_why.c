/*
 * Why two worlds differ: which rules and policies made the traffic of a pair of ends another.
 */
#include "analysis/difference_priv.h"

/* ---- traffic of both families ---- */

static struct traffic both(struct traffic_table *t, struct traffic a, struct traffic b,
                           uint32_t (*combine)(struct traffic_table *, uint32_t, uint32_t))
{
    struct traffic out;
    for (size_t f = 0; f < FAMILIES; f++) {
        uint32_t x = a.of[f] == TRAFFIC_ABSENT ? TRAFFIC_NONE : a.of[f];
        uint32_t y = b.of[f] == TRAFFIC_ABSENT ? TRAFFIC_NONE : b.of[f];
        bool absent = a.of[f] == TRAFFIC_ABSENT && b.of[f] == TRAFFIC_ABSENT;
        out.of[f] = absent ? TRAFFIC_ABSENT : combine(t, x, y);
    }
    return out;
}

struct traffic traffic_less(struct traffic_table *t, struct traffic a, struct traffic b)
{
    return both(t, a, b, traffic_subtract);
}

/* ---- policies ---- */

static struct str policy_key(struct arena *a, const struct npolicy *p)
{
    return str_printf(a, "%d/" STR_FMT "/" STR_FMT, (int)policy_is_cluster(p->origin),
                      STR_ARG(p->origin->ns), STR_ARG(p->origin->name));
}

void difference_policies(struct diffing *x)
{
    for (size_t age = 0; age < AGES; age++) {
        const struct world *w = x->out->world[age];
        strmap_init(&x->policies[age], x->arena);
        for (size_t i = 0; i < w->npolicies; i++) {
            struct npolicy *p = ARENA_NEW(x->arena, struct npolicy);
            *p = *w->policies[i];
            strmap_put(&x->policies[age], policy_key(x->arena, p), p);
        }
    }
}

/* Whether the other world has not the same policy. */
static bool is_changed(struct diffing *x, const struct diff_reason *r)
{
    enum world_age other = r->age == OLD ? NEW : OLD;
    const struct npolicy *same = strmap_get(&x->policies[other], policy_key(x->arena, r->policy));
    return same == NULL || !policy_equal(same->origin, r->policy->origin);
}

/* ---- one direction of a pair ---- */

struct candidate { /* a rule that decides some of what is another on its side */
    struct diff_reason reason;
    struct traffic part;
    bool changed;
};

struct why { /* of one pair; memory is the scratch's */
    struct diffing *x;
    VEC(struct candidate) rules; /* of the side and difference at hand */
    VEC(struct diff_reason) reasons;
};

static void add_reason(struct why *y, struct diff_reason reason)
{
    vec_push(y->x->scratch, &y->reasons, reason);
}

/* Rules of one side that allow (or, of cluster policies, deny) some of the traffic. */
static void rules_about(struct why *y, enum world_age age, const struct explained_side *s,
                        struct traffic about, bool allowing)
{
    for (size_t i = 0; i < s->nrules; i++) {
        const struct explained_rule *r = &s->rules[i];
        struct traffic part = both(y->x->out->traffic, r->decides, about, traffic_intersect);
        bool does = (r->rule->action == ACT_ALLOW) == allowing && r->rule->action != ACT_PASS;
        if (does && !traffic_is_none(part)) {
            struct candidate c = {.reason = {age, r->policy, r->rule}, .part = part};
            c.changed = is_changed(y->x, &c.reason);
            vec_push(y->x->scratch, &y->rules, c);
        }
    }
}

/* What rules say together: all of them, or those alone whose policies changed. */
static struct traffic said_by(const struct why *y, bool all)
{
    struct traffic sum = {{TRAFFIC_NONE, TRAFFIC_NONE}};
    for (size_t i = 0; i < y->rules.n; i++) {
        if (all || y->rules.v[i].changed) {
            sum = both(y->x->out->traffic, sum, y->rules.v[i].part, traffic_union);
        }
    }
    return sum;
}

/* What a policy that is the same in both worlds says is a reason only where none that changed says
 * it: there the endpoints changed. */
static void keep_reasons(struct why *y)
{
    struct traffic covered = said_by(y, false);
    for (size_t i = 0; i < y->rules.n; i++) {
        const struct candidate *c = &y->rules.v[i];
        struct traffic more = traffic_less(y->x->out->traffic, c->part, covered);
        if (c->changed || !traffic_is_none(more)) {
            add_reason(y, c->reason);
        }
    }
}

static void isolation_of(struct why *y, enum world_age age, const struct explained_side *s)
{
    for (size_t i = 0; i < s->npolicies; i++) {
        if (s->policies[i]->isolates[s->direction]) {
            add_reason(y, (struct diff_reason){age, s->policies[i], NULL});
        }
    }
}

/* What one direction alone has to do with a change: `about` flows in world `has` and not in the
 * other. What no rule says is so because in the one nothing isolates and in the other something
 * does. */
static void explain_side(struct why *y, const struct explained_side *const s[AGES],
                         struct traffic about, enum world_age has)
{
    struct traffic_table *t = y->x->out->traffic;
    enum world_age lacks = has == OLD ? NEW : OLD;
    if (s[has] == NULL) {
        return;
    }
    y->rules.n = 0;
    if (s[lacks] != NULL) { /* both ends are there */
        struct traffic here = traffic_less(t, s[has]->allowed, s[lacks]->allowed);
        about = both(t, about, here, traffic_intersect);
        rules_about(y, lacks, s[lacks], about, false);
    }
    rules_about(y, has, s[has], about, true);
    keep_reasons(y);
    if (s[lacks] != NULL && !traffic_is_none(traffic_less(t, about, said_by(y, true)))) {
        isolation_of(y, lacks, s[lacks]);
    }
}

/* ---- changes ---- */

/* Why the traffic between two ends is what it is in a change of theirs. */
static void explain_pair(struct why *y, const struct diff_change *c, uint32_t from, uint32_t to)
{
    const struct diffing *x = y->x;
    const struct diff_end *a = &x->ends.v[from], *b = &x->ends.v[to];
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        const struct diff_end *target = d == DIR_EGRESS ? a : b, *peer = d == DIR_EGRESS ? b : a;
        const struct explained_side *s[AGES] = {NULL, NULL};
        for (size_t age = 0; age < AGES; age++) {
            if (target->class_of[age] != ID_NONE && peer->class_of[age] != ID_NONE) {
                s[age] = world_explain_side(x->out->world[age], y->x->scratch, d,
                                            target->class_of[age], peer->class_of[age]);
            }
        }
        explain_side(y, s, c->gained, NEW);
        explain_side(y, s, c->lost, OLD);
    }
}

static void add_because(struct diffing *x, struct diff_reasons *out, const struct why *y)
{
    for (size_t i = 0; i < y->reasons.n; i++) {
        const struct diff_reason *r = &y->reasons.v[i];
        bool known = false;
        for (size_t k = 0; k < out->of[r->age].n && !known; k++) {
            const struct diff_reason *other = &out->of[r->age].v[k];
            known = other->policy == r->policy && other->rule == r->rule;
        }
        if (!known) {
            vec_push(x->arena, &out->of[r->age], *r);
        }
    }
}

void difference_explain(struct diffing *x, struct diff_change *c)
{
    struct why y = {.x = x};
    explain_pair(&y, c, c->from, c->to);
    add_because(x, &c->because, &y);
    arena_reset(x->scratch);
}

/* The range of a change that holds one of those that it is made of. */
static size_t range_with(const struct diff_change *c, struct ip_range part)
{
    size_t low = 0, high = c->ranges.n;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_cmp(c->ranges.v[middle].first, part.first) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void difference_explain_ranges(struct diffing *x, struct diff_change *c, const struct id_vec *ends)
{
    bool from = x->ends.v[c->from].external;
    c->of_range = ARENA_NEW_ARRAY(x->arena, c->ranges.n, struct diff_reasons);
    for (size_t i = 0; i < ends->n; i++) {
        uint32_t end = ends->v[i];
        struct why y = {.x = x};
        explain_pair(&y, c, from ? end : c->from, from ? c->to : end);
        add_because(x, &c->because, &y);
        for (size_t k = 0; k < x->ends.v[end].ranges.n; k++) {
            add_because(x, &c->of_range[range_with(c, x->ends.v[end].ranges.v[k])], &y);
        }
        arena_reset(x->scratch);
    }
}
