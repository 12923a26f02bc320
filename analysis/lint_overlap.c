/*
 * What is said twice: NPC203 dead-peer, NPC314 overlap. Peers of all rules
 * of policies with one target and direction are compared; those that can cover a peer are found by
 * a label that it demands, or by a shorter prefix of its own.
 */
#include "analysis/lint_priv.h"

/* ---- ports ---- */

static bool has_name(const struct nrule *r, const struct port_name *name)
{
    for (size_t i = 0; i < r->nnames; i++) {
        const enum proto p = r->names[i].proto;
        if ((p == PROTO_ANY || p == name->proto) && str_eq(r->names[i].name, name->name)) {
            return true;
        }
    }
    return false;
}

bool lint_name_covered(const struct nrule *outer, const struct port_name *name)
{
    const enum proto p = name->proto;
    return outer->any_port || (p < PROTO_KEYED && port_ranges_are_all(outer->ports.keys[p])) ||
           has_name(outer, name);
}

bool lint_ports_cover(const struct nrule *outer, const struct nrule *inner)
{
    if (outer->any_port) {
        return true;
    }
    if (inner->any_port || !portset_covers(outer->ports, inner->ports)) {
        return false;
    }
    for (size_t i = 0; i < inner->nnames; i++) {
        if (!lint_name_covered(outer, &inner->names[i])) {
            return false;
        }
    }
    return true;
}

/* ---- NPC203: peers of one target and direction ---- */

struct item { /* one peer of one rule */
    const struct policy *policy;
    const struct nrule *rule;
    const struct peer *peer; /* NULL: anywhere */
    struct nclause clause;   /* PEER_PODS */
    struct ipset net;        /* PEER_CIDR */
};

struct items {
    struct lint *l;
    VEC(struct item) all;
    struct id_vec anywhere, others; /* others: nodes and domains */
    struct demands clauses;
    struct strmap by_prefix;
};

static void push_at(struct items *s, struct strmap *map, struct str key, uint32_t id)
{
    struct id_vec *list = strmap_get(map, key);
    if (list == NULL) {
        list = ARENA_NEW(s->l->a, struct id_vec);
        strmap_put(map, str_dup(s->l->a, key), list);
    }
    vec_push(s->l->a, list, id);
}

static struct str prefix_key(struct items *s, struct cidr c)
{
    struct buf *b = s->l->key;
    buf_cut(b, 0);
    buf_putc(b, c.family == FAM_IP4 ? '4' : '6');
    buf_putc(b, (char)c.len);
    buf_put(b, &c.first, sizeof c.first);
    return buf_text(b);
}

static void index_item(struct items *s, uint32_t id)
{
    const struct item *it = &s->all.v[id];
    if (it->peer == NULL) {
        vec_push(s->l->a, &s->anywhere, id);
    } else if (it->peer->kind == PEER_CIDR) {
        push_at(s, &s->by_prefix, prefix_key(s, it->peer->cidr), id);
    } else if (it->peer->kind == PEER_PODS) {
        demands_add(s->l, &s->clauses, it->clause.ns, it->clause.pods, id);
    } else {
        vec_push(s->l->a, &s->others, id);
    }
}

static void add_item(struct items *s, const struct npolicy *np, const struct nrule *rule,
                     const struct peer *peer)
{
    struct item it = {.policy = np->origin, .rule = rule, .peer = peer};
    if (peer != NULL && peer->kind == PEER_PODS) {
        const struct lint_at at = {.np = np, .policy = np->origin, .peer = peer};
        it.clause = lint_clause(s->l, &at);
        if (!selector_satisfiable(it.clause.ns) || !selector_satisfiable(it.clause.pods)) {
            return; /* NPC206 */
        }
    } else if (peer != NULL && peer->kind == PEER_CIDR) {
        it.net = lint_net(s->l, peer);
    }
    vec_push(s->l->a, &s->all, it);
    index_item(s, (uint32_t)(s->all.n - 1));
}

static bool peer_covers(const struct item *outer, const struct item *inner)
{
    if (outer->peer == NULL || inner->peer == NULL) {
        return outer->peer == NULL;
    }
    if (outer->peer->kind != inner->peer->kind) {
        return false;
    }
    switch (outer->peer->kind) {
    case PEER_PODS:
        return clause_covers(&outer->clause, &inner->clause);
    case PEER_CIDR:
        return outer->peer->cidr.family == inner->peer->cidr.family &&
               ipset_covers(outer->net, inner->net);
    case PEER_NODES:
        return selector_covers(outer->peer->nodes, inner->peer->nodes);
    case PEER_DOMAIN:
        return str_eq(outer->peer->domain, inner->peer->domain);
    }
    return false;
}

static bool item_covers(const struct item *outer, const struct item *inner)
{
    return lint_ports_cover(outer->rule, inner->rule) && peer_covers(outer, inner);
}

/* Of equal items the later is dead. */
static bool kills(const struct items *s, uint32_t outer, uint32_t inner)
{
    const struct item *o = &s->all.v[outer], *i = &s->all.v[inner];
    bool cidrs_of_one_rule = o->rule == i->rule && i->peer != NULL && i->peer->kind == PEER_CIDR;
    return outer != inner && !cidrs_of_one_rule && item_covers(o, i) &&
           (outer < inner || !item_covers(i, o));
}

static uint32_t killer_among(struct items *s, const struct id_vec *list, uint32_t inner)
{
    for (size_t i = 0; list != NULL && i < list->n && lint_spend(s->l, 1); i++) {
        if (kills(s, list->v[i], inner)) {
            return list->v[i];
        }
    }
    return ID_NONE;
}

struct killing {
    const struct items *s;
    uint32_t inner, by;
};

static bool try_clause(void *arg, uint32_t outer)
{
    struct killing *k = arg;
    k->by = kills(k->s, outer, k->inner) ? outer : ID_NONE;
    return k->by == ID_NONE;
}

static uint32_t killer_by_prefix(struct items *s, uint32_t inner)
{
    const struct cidr c = s->all.v[inner].peer->cidr;
    uint32_t by = ID_NONE;
    for (uint8_t len = 0; len <= c.len && by == ID_NONE; len++) {
        struct cidr wider = cidr_shorten(c, len);
        by = killer_among(s, strmap_get(&s->by_prefix, prefix_key(s, wider)), inner);
    }
    return by;
}

static uint32_t find_killer(struct items *s, uint32_t inner)
{
    const struct item *it = &s->all.v[inner];
    uint32_t by = killer_among(s, &s->anywhere, inner);
    if (by != ID_NONE || it->peer == NULL) {
        return by;
    }
    struct killing k = {.s = s, .inner = inner, .by = ID_NONE};
    switch (it->peer->kind) {
    case PEER_PODS:
        demands_visit(s->l, &s->clauses, it->clause.ns, it->clause.pods, try_clause, &k);
        return k.by;
    case PEER_CIDR:
        return killer_by_prefix(s, inner);
    case PEER_NODES:
    case PEER_DOMAIN:
        return killer_among(s, &s->others, inner);
    }
    return ID_NONE;
}

static struct str item_phrase(struct lint *l, const struct item *it)
{
    return it->peer == NULL ? STR("anywhere") : peer_phrase(l->a, it->peer);
}

static void report_dead(struct items *s, uint32_t inner, uint32_t outer)
{
    struct lint *l = s->l;
    const struct item *i = &s->all.v[inner], *o = &s->all.v[outer];
    struct span rule = i->rule->origin->at;
    struct span at = i->peer != NULL ? lint_place(l, i->peer->at, rule) : rule;
    struct span by = o->peer != NULL ? o->peer->at : o->rule->origin->at;
    if (i->rule == o->rule && item_covers(i, o)) {
        struct diag *d = INFO(l, NPC314, at, STR_FMT " repeats", STR_ARG(item_phrase(l, i)));
        ALSO(l, d, by, "first written here");
        HINT(l, d, "remove it");
        return;
    }
    struct diag *d = WARN(l, NPC203, at, "dead code: \"" STR_FMT "\" already allows " STR_FMT,
                          STR_ARG(item_phrase(l, o)), STR_ARG(item_phrase(l, i)));
    ALSO(l, d, by, "allowed here, by policy " STR_FMT, STR_ARG(o->policy->name));
    HINT(l, d, "remove one of them");
}

static void check_direction(struct lint *l, const struct target *t, enum direction d)
{
    size_t n = 0;
    for (size_t i = 0; i < t->policies.n; i++) {
        const struct npolicy *np = l->policies[t->policies.v[i]];
        for (size_t r = 0; r < np->nrules[d]; r++) {
            n += np->rules[d][r].any_peer ? 1 : np->rules[d][r].origin->npeers;
        }
    }
    if (n < 2) {
        return;
    }
    struct items s = {.l = l};
    demands_init(&s.clauses, l->a);
    strmap_init(&s.by_prefix, l->a);
    for (size_t i = 0; i < t->policies.n; i++) {
        const struct npolicy *np = l->policies[t->policies.v[i]];
        for (size_t r = 0; r < np->nrules[d]; r++) {
            const struct nrule *rule = &np->rules[d][r];
            if (rule->any_peer) {
                add_item(&s, np, rule, NULL);
            }
            for (size_t k = 0; k < rule->origin->npeers; k++) {
                add_item(&s, np, rule, &rule->origin->peers[k]);
            }
        }
    }
    for (uint32_t i = 0; i < s.all.n; i++) {
        uint32_t by = find_killer(&s, i);
        if (by != ID_NONE) {
            report_dead(&s, i, by);
        }
    }
}

void lint_dead_peers(struct lint *l, const struct lint_at *at)
{
    (void)at;
    for (size_t i = 0; i < l->targets.n; i++) {
        check_direction(l, &l->targets.v[i], DIR_INGRESS);
        check_direction(l, &l->targets.v[i], DIR_EGRESS);
        lint_tidy(l);
    }
}

/* ---- NPC314: addresses of one rule ---- */

static int peer_order(const void *pa, const void *pb)
{
    const struct peer *a = *(const struct peer *const *)pa, *b = *(const struct peer *const *)pb;
    int order = cidr_cmp(a->cidr, b->cidr);
    return order != 0 ? order : (a > b) - (a < b); /* as they stand in the rule */
}

static void report_overlap(struct lint *l, const struct rule *r, const struct peer *outer,
                           const struct peer *inner)
{
    struct ipset o = lint_net(l, outer), i = lint_net(l, inner);
    if (ipset_intersect(l->a, o, i).n == 0) {
        return; /* it fills a hole */
    }
    bool covered = ipset_covers(o, i), equal = cidr_cmp(outer->cidr, inner->cidr) == 0;
    struct diag *d = INFO(l, NPC314, lint_place(l, inner->at, r->at), STR_FMT " %s " STR_FMT,
                          STR_ARG(cidr_text(l->a, inner->cidr)),
                          !covered ? "overlaps"
                          : equal  ? "repeats"
                                   : "is inside",
                          STR_ARG(cidr_text(l->a, outer->cidr)));
    ALSO(l, d, outer->at, "which is here");
    HINT(l, d, covered ? "remove it" : "an exception is of its own cidr only");
}

void lint_overlapping_cidrs(struct lint *l, const struct lint_at *at)
{
    size_t n = 0, depth = 0;
    const struct peer **cidrs = ARENA_NEW_ARRAY(l->a, at->rule->npeers, const struct peer *);
    const struct peer *stack[130]; /* prefixes that hold each other: at most one of each length … */
    for (size_t i = 0; i < at->rule->npeers; i++) {
        if (at->rule->peers[i].kind == PEER_CIDR) {
            cidrs[n++] = &at->rule->peers[i];
        }
    }
    array_sort(cidrs, n, sizeof *cidrs, peer_order);
    for (size_t i = 0; i < n; i++) {
        while (depth > 0 && !cidr_contains(stack[depth - 1]->cidr, cidrs[i]->cidr)) {
            depth--;
        }
        if (depth > 0) {
            report_overlap(l, at->rule, stack[depth - 1], cidrs[i]);
        }
        /* … repeats apart, which hold nothing that the first does not. */
        if (depth == 0 || cidr_cmp(stack[depth - 1]->cidr, cidrs[i]->cidr) != 0) {
            stack[depth++] = cidrs[i];
        }
    }
}
