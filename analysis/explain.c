/* Why: each rule that has a say between two classes, asked again one by one. */
#include "analysis/explain.h"
#include "analysis/world_priv.h"

struct asking {
    const struct world *world;
    struct arena *arena;
    struct explained_side *side;
    const struct explain_end *named; /* say why a rule is not about it; NULL: do not */
    struct traffic open;             /* not decided by a cluster policy yet */
    struct traffic passed;           /* sent on to the next tier */
};

/* ---- why a peer is not the other end ---- */

struct missing { /* while the peers of one rule are tried */
    const struct world *world;
    struct arena *arena;
    struct explain_end peer;
    enum family family;
    struct explained_miss best;
};

/* What no number of labels can mend: an address that is no pod, and the like. */
enum { WRONG_KIND = 1000 };

static void better(struct missing *m, unsigned count, struct str text)
{
    if (m->best.count == 0 || count < m->best.count) {
        m->best = (struct explained_miss){text, count};
    }
}

static bool holds(const struct sel_req *r, const struct labels *l)
{
    struct sel_req copy = *r;
    struct selector one = {.v = &copy, .n = 1};
    return selector_matches(&one, l);
}

/* "namespace shop is not kube-system": names of namespaces are labels, but nobody thinks so. */
static bool print_name_miss(struct buf *b, struct str who, const struct sel_req *r)
{
    if (!str_is(r->key, LABEL_NS_NAME) || (r->op != SEL_EQ && r->op != SEL_IN)) {
        return false;
    }
    buf_str(b, who);
    buf_puts(b, r->nvalues > 1 ? " is none of " : " is not ");
    for (size_t i = 0; i < r->nvalues; i++) {
        buf_puts(b, i > 0 ? ", " : "");
        buf_str(b, r->values[i]);
    }
    return true;
}

/* "X has app=web, not app=api". */
static void print_miss(struct buf *b, struct str who, const struct sel_req *r,
                       const struct labels *l)
{
    const struct label *has = labels_find(l, r->key);
    if (print_name_miss(b, who, r)) {
        return;
    }
    buf_str(b, who);
    if (has == NULL) {
        buf_puts(b, " has no label ");
        buf_str(b, r->key);
        return;
    }
    buf_printf(b, " has " STR_FMT "=" STR_FMT, STR_ARG(has->key), STR_ARG(has->value));
    struct sel_req copy = *r;
    struct selector wanted = {.v = &copy, .n = 1};
    buf_puts(b, r->op == SEL_NOTIN || r->op == SEL_ABSENT ? ", and the rule wants " : ", not ");
    selector_print(b, &wanted, 0);
}

/* Counts the requirements that do not hold, and prints each. */
static unsigned misses_of(struct buf *b, struct str who, const struct selector *s,
                          const struct labels *l, unsigned before)
{
    unsigned misses = before;
    for (size_t i = 0; i < s->n; i++) {
        if (!holds(&s->v[i], l)) {
            buf_puts(b, misses > 0 ? "; " : "");
            print_miss(b, who, &s->v[i], l);
            misses++;
        }
    }
    return misses;
}

static const struct endpoint_member *member_at(const struct world *w, struct explain_end e)
{
    return e.member != NULL ? e.member : &w->classes[e.class_id].members[0];
}

static struct ip_range range_at(const struct world *w, struct explain_end e)
{
    return e.range != NULL ? *e.range : w->classes[e.class_id].ranges.v[0];
}

static struct str end_name(struct arena *a, const struct world *w, struct explain_end e)
{
    const struct endpoint_class *c = &w->classes[e.class_id];
    if (e.name.n > 0) {
        return e.name;
    }
    switch (c->kind) {
    case EP_WORKLOAD:
    case EP_NODE:
        return member_name(a, member_at(w, e));
    case EP_OPEN:
        return c->text;
    case EP_RANGE:
        break;
    }
    return addresses_text(a, c->family, range_at(w, e));
}

static void try_pods(struct missing *m, const struct nclause *c)
{
    struct str who = end_name(m->arena, m->world, m->peer);
    if (world_pod_of(m->world, m->peer.class_id) == NULL) {
        better(m, WRONG_KIND, str_printf(m->arena, STR_FMT " is no pod", STR_ARG(who)));
        return;
    }
    const struct group *g =
        &m->world->parts->match.groups.v[m->world->parts->facts.v[m->peer.class_id].group];
    const struct workload *pod = member_at(m->world, m->peer)->workload;
    struct buf *b = buf_new(m->arena);
    struct str ns = str_printf(m->arena, "namespace " STR_FMT, STR_ARG(pod->ns));
    unsigned misses = misses_of(b, ns, c->ns, g->ns, 0);
    misses = misses_of(b, who, c->pods, &pod->labels, misses);
    better(m, misses, buf_text(b));
}

static void try_nodes(struct missing *m, const struct nclause *c)
{
    const struct endpoint_class *class = &m->world->classes[m->peer.class_id];
    struct str who = end_name(m->arena, m->world, m->peer);
    if (class->kind != EP_NODE) {
        better(m, WRONG_KIND, str_printf(m->arena, STR_FMT " is no node", STR_ARG(who)));
        return;
    }
    struct buf *b = buf_new(m->arena);
    unsigned misses = misses_of(b, who, c->nodes, &member_at(m->world, m->peer)->node->labels, 0);
    better(m, misses, buf_text(b));
}

/* Some address of the other end, of the family of a CIDR; false if it has none that is known. */
static bool some_address(const struct world *w, struct explain_end end, enum family f,
                         struct ip *ip)
{
    const struct endpoint_class *c = &w->classes[end.class_id];
    if (c->kind == EP_RANGE) {
        *ip = range_at(w, end).first;
        return c->family == f;
    }
    struct addresses all = member_addresses(member_at(w, end));
    for (size_t i = 0; i < all.n; i++) {
        if (all.v[i].family == f) {
            *ip = all.v[i].ip;
            return true;
        }
    }
    return false;
}

static void try_cidr(struct missing *m, const struct peer *p)
{
    const struct world *w = m->world;
    struct str cidr = cidr_text(m->arena, p->cidr);
    struct ip ip;
    if (p->cidr.family != m->family) {
        better(m, WRONG_KIND,
               str_printf(m->arena, STR_FMT " holds no %s address", STR_ARG(cidr),
                          family_name(m->family)));
        return;
    }
    if (!some_address(w, m->peer, m->family, &ip)) {
        struct str who = end_name(m->arena, w, m->peer);
        better(m, WRONG_KIND,
               str_printf(m->arena, STR_FMT " has no known %s address", STR_ARG(who),
                          family_name(m->family)));
        return;
    }
    struct str text = ip_text(m->arena, m->family, ip);
    for (size_t i = 0; i < p->nexcept; i++) {
        if (cidr_has(p->except[i], m->family, ip)) {
            better(m, 1,
                   str_printf(m->arena, STR_FMT " is excepted from " STR_FMT, STR_ARG(text),
                              STR_ARG(cidr)));
            return;
        }
    }
    bool inside = cidr_has(p->cidr, m->family, ip); /* and so of the inventory */
    better(m, 2,
           str_printf(m->arena,
                      inside ? STR_FMT " is in " STR_FMT ", which is read as external addresses"
                             : STR_FMT " is not in " STR_FMT,
                      STR_ARG(text), STR_ARG(cidr)));
}

static struct explained_miss explain_miss(const struct asking *x, enum family f,
                                          const struct nrule *r)
{
    struct missing m = {.world = x->world, .arena = x->arena, .peer = *x->named, .family = f};
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        switch (c->kind) {
        case PEER_PODS:
            try_pods(&m, c);
            break;
        case PEER_NODES:
            try_nodes(&m, c);
            break;
        case PEER_CIDR:
        case PEER_DOMAIN:
            break; /* the one is below, of the other nothing is known */
        }
    }
    for (size_t i = 0; i < r->origin->npeers; i++) {
        if (r->origin->peers[i].kind == PEER_CIDR) {
            try_cidr(&m, &r->origin->peers[i]);
        }
    }
    return m.best;
}

/* ---- one direction ---- */

static bool has_class(struct id_list l, uint32_t id)
{
    size_t low = 0, high = l.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l.v[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < l.n && l.v[low] == id;
}

static void ask_rule(struct asking *x, uint32_t policy, uint32_t k)
{
    const struct world *w = x->world;
    const struct explained_side *s = x->side;
    const struct bpolicy *bp = &w->parts->match.policies[policy];
    uint32_t rule = bp->first_rule[s->direction] + k;
    const struct nrule *r = w->parts->match.rules[s->direction].v[rule].rule;
    struct explained_rule *out = &x->side->rules[x->side->nrules++];
    *out = (struct explained_rule){.policy = bp->policy, .rule = r, .at = r->origin->at};
    uint32_t destination = s->direction == DIR_INGRESS ? s->target : s->peer;
    for (size_t f = 0; f < FAMILIES; f++) {
        if (x->open.of[f] == TRAFFIC_ABSENT) {
            out->decides.of[f] = TRAFFIC_ABSENT;
            continue;
        }
        out->peer_matches[f] =
            r->any_peer ||
            has_class(world_rule_peers(w, (enum family)f, s->direction, rule), s->peer);
        if (out->peer_matches[f]) {
            out->ports.of[f] = world_rule_ports(w, (enum family)f, s->direction, rule,
                                                world_pod_of(w, destination));
            out->decides.of[f] = traffic_intersect(w->traffic, x->open.of[f], out->ports.of[f]);
        } else if (x->named != NULL) {
            out->miss[f] = explain_miss(x, (enum family)f, r);
        }
    }
}

/* After a rule of a cluster policy: what it decided is decided. */
static void take(struct asking *x)
{
    const struct explained_rule *r = &x->side->rules[x->side->nrules - 1];
    for (size_t f = 0; f < FAMILIES; f++) {
        if (x->open.of[f] != TRAFFIC_ABSENT) {
            struct traffic_table *t = x->world->traffic;
            x->open.of[f] = traffic_subtract(t, x->open.of[f], r->decides.of[f]);
            if (r->rule->action == ACT_PASS) {
                x->passed.of[f] = traffic_union(t, x->passed.of[f], r->decides.of[f]);
            }
        }
    }
}

static void end_tier(struct asking *x)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        if (x->open.of[f] != TRAFFIC_ABSENT) {
            x->open.of[f] = traffic_union(x->world->traffic, x->open.of[f], x->passed.of[f]);
        }
        x->passed.of[f] = TRAFFIC_NONE;
    }
}

static void ask_cluster(struct asking *x, const struct profile *p, bool after)
{
    const struct world_parts *parts = x->world->parts;
    uint32_t tier = ID_NONE;
    for (size_t i = 0; i < p->tiers.n; i++) {
        const struct tier_place *place = &parts->order.v[p->tiers.v[i]];
        if (place->after != after) {
            continue;
        }
        if (tier != ID_NONE && tier != place->tier) {
            end_tier(x);
        }
        tier = place->tier;
        const struct bpolicy *bp = &parts->match.policies[place->policy];
        for (uint32_t k = 0; k < bp->nrules[x->side->direction]; k++) {
            ask_rule(x, place->policy, k);
            take(x);
        }
    }
    end_tier(x);
}

static void ask_namespaced(struct asking *x, const struct profile *p)
{
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct bpolicy *bp = &x->world->parts->match.policies[p->policies.v[i]];
        for (uint32_t k = 0; k < bp->nrules[x->side->direction]; k++) {
            ask_rule(x, p->policies.v[i], k);
        }
    }
    for (size_t f = 0; f < FAMILIES && p->policies.n > 0; f++) {
        if (x->open.of[f] != TRAFFIC_ABSENT) {
            x->open.of[f] = TRAFFIC_NONE;
        }
    }
}

static void explain_side(const struct world *w, struct arena *a, enum direction d, uint32_t target,
                         uint32_t peer, const struct explain_end *named, struct explained_side *out)
{
    const struct world_parts *parts = w->parts;
    const struct profile *p = &parts->profiles[d].v[parts->facts.v[target].profile[d]];
    const struct endpoint_class *class = &w->classes[target];
    *out = (struct explained_side){.direction = d,
                                   .target = target,
                                   .peer = peer,
                                   .policies = class->policies[d],
                                   .npolicies = class->npolicies[d],
                                   .allowed = world_side(w, d, target, peer)};
    size_t n = 0;
    for (size_t i = 0; i < out->npolicies; i++) {
        n += out->policies[i]->nrules[d];
    }
    out->rules = ARENA_NEW_ARRAY(a, n, struct explained_rule);
    struct asking x = {.world = w, .arena = a, .side = out, .named = named};
    for (size_t f = 0; f < FAMILIES; f++) {
        x.open.of[f] = out->allowed.of[f] == TRAFFIC_ABSENT ? TRAFFIC_ABSENT : TRAFFIC_ALL;
        if (p->keeps_failsafe) {
            out->failsafe.of[f] = traffic_id(w->traffic, (enum family)f, w->options.failsafe);
        }
    }
    ask_cluster(&x, p, false);
    ask_namespaced(&x, p);
    ask_cluster(&x, p, true);
}

const struct explained_side *world_explain_side(const struct world *w, struct arena *a,
                                                enum direction d, uint32_t target, uint32_t peer)
{
    struct explained_side *side = ARENA_NEW(a, struct explained_side);
    explain_side(w, a, d, target, peer, NULL, side);
    return side;
}

const struct explanation *world_explain(const struct world *w, struct arena *a,
                                        struct explain_end from, struct explain_end to)
{
    struct explanation *e = ARENA_NEW(a, struct explanation);
    explain_side(w, a, DIR_EGRESS, from.class_id, to.class_id, &to, &e->side[DIR_EGRESS]);
    explain_side(w, a, DIR_INGRESS, to.class_id, from.class_id, &from, &e->side[DIR_INGRESS]);
    e->allowed = world_traffic(w, from.class_id, to.class_id);
    return e;
}

/* ---- who decides ---- */

static bool decides(const struct world *w, struct arena *a, const struct explained_rule *r,
                    enum family f, struct portset ports)
{
    uint32_t id = r->decides.of[f];
    return id != TRAFFIC_ABSENT && id != TRAFFIC_NONE &&
           !portset_is_empty(portset_intersect(a, traffic_ports(w->traffic, f, id), ports));
}

struct decider side_decider(const struct world *w, struct arena *a, const struct explained_side *s,
                            enum family f, struct portset ports, bool is_open)
{
    struct decider by = {0};
    enum action action = is_open ? ACT_ALLOW : ACT_DENY; /* a pass leaves it to others */
    for (size_t i = 0; i < s->nrules && by.rule == NULL; i++) {
        const struct explained_rule *r = &s->rules[i];
        by.rule = r->rule->action == action && decides(w, a, r, f, ports) ? r : NULL;
    }
    /* Namespaced policies stand first, and only they isolate. */
    if (by.rule == NULL && !is_open && s->npolicies > 0) {
        by.isolates = s->policies[0];
    }
    return by;
}

void decider_note(const struct world *w, struct diag *d, enum direction dir, struct decider by)
{
    struct diags *diags = &w->ctx->diags;
    if (by.rule != NULL) {
        const bool allows = by.rule->rule->action == ACT_ALLOW;
        const struct policy *p = by.rule->policy->origin;
        diag_also(diags, d, by.rule->at, "%s is %s here, by policy " STR_FMT, direction_name(dir),
                  allows ? "allowed" : "denied", STR_ARG(p->name));
    } else if (by.isolates != NULL) {
        const struct policy *p = by.isolates->origin;
        diag_also(diags, d, p->at, "isolated for %s by policy " STR_FMT ", and no rule allows it",
                  direction_name(dir), STR_ARG(p->name));
    }
}

/* ---- names of rules ---- */

static void print_place(struct buf *b, const struct world *w, struct span at)
{
    const struct source *s = sources_get(&w->ctx->sources, at.file);
    if (at.file != 0 && s != NULL) {
        buf_putc(b, ' ');
        buf_shown(b, s->path);
        buf_printf(b, ":%u", at.line);
    }
}

struct str policy_home(const struct npolicy *p)
{
    return selector_ns_names(p->target_ns)->values[0];
}

static void print_name(struct buf *b, const struct npolicy *p)
{
    if (!policy_is_cluster(p->origin)) {
        buf_str(b, policy_home(p));
        buf_putc(b, '/');
    }
    buf_str(b, p->origin->name);
}

void policy_print(struct buf *b, const struct world *w, const struct npolicy *p)
{
    print_name(b, p);
    print_place(b, w, p->origin->at);
}

void rule_print(struct buf *b, const struct world *w, const struct npolicy *p,
                const struct nrule *r)
{
    print_name(b, p);
    buf_printf(b, " %s[%zu]", direction_name(r->direction), r->index);
    if (r->origin->name.n > 0) {
        buf_puts(b, " \"");
        buf_shown(b, r->origin->name);
        buf_putc(b, '"');
    }
    print_place(b, w, r->origin->at);
}
