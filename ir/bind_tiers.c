/*
 * Targets of cluster policies. Their grants are what is allowed in the end: who denies, passes or
 * allows first is decided here, so that layouts know grants only.
 *
 * The rules of the target's policies, in the order in which they are asked, are *claims*: ports of
 * some peers. Peers that the same claims name are one *cell*: peer classes, and ranges of addresses
 * that are no pod's. Each cell is decided once; then every claim grants what it allows, to the
 * cells where that is the same ports together. What it allows in every cell is granted to any peer.
 */
#include "ir/bind_priv.h"
#include "ir/sweep.h"

#include <string.h>

/* ---- order ---- */

void bind_order(struct binding *b)
{
    const struct npolicy **all = ARENA_NEW_ARRAY(b->scratch, b->npolicies, const struct npolicy *);
    for (size_t i = 0; i < b->npolicies; i++) {
        all[i] = b->policies[i].policy;
    }
    struct tier_order order = tier_order(b->scratch, b->program, all, b->npolicies);
    b->namespaced = 0;
    for (uint32_t i = 0; i < order.n; i++) {
        const struct tier_place *t = &order.v[i];
        b->policies[t->policy].block = t->tier + t->after;
        b->policies[t->policy].place = i;
        b->namespaced = t->after ? b->namespaced : t->tier + 1;
    }
    for (uint32_t i = 0; i < b->npolicies; i++) {
        if (!policy_is_cluster(all[i]->origin)) {
            b->policies[i].block = b->namespaced;
            b->policies[i].place = i;
        }
    }
}

bool bind_decides(const struct npolicy *p, enum direction d)
{
    return policy_is_cluster(p->origin) ? p->nrules[d] > 0 : p->isolates[d];
}

bool bind_has_tiers(const struct binding *b, const struct id_list *policies)
{
    for (size_t i = 0; i < policies->n; i++) {
        if (policy_is_cluster(b->policies[policies->v[i]].policy->origin)) {
            return true;
        }
    }
    return false;
}

struct ranked {
    uint32_t policy, block, place;
};

static int compare_ranked(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    int by_block = (a->block > b->block) - (a->block < b->block);
    return by_block != 0 ? by_block : (a->place > b->place) - (a->place < b->place);
}

static struct ranked *rank(const struct binding *b, struct arena *a, const struct id_list *policies)
{
    struct ranked *v = ARENA_NEW_ARRAY(a, policies->n, struct ranked);
    for (size_t i = 0; i < policies->n; i++) {
        const struct bpolicy *p = &b->policies[policies->v[i]];
        v[i] = (struct ranked){policies->v[i], p->block, p->place};
    }
    array_sort(v, policies->n, sizeof *v, compare_ranked);
    return v;
}

/* ---- what all targets of a side share ---- */

struct flattening {
    struct peer_addresses addrs;
    struct intern nets;           /* contents of nets … */
    VEC(struct ipset) sets;       /* … and the nets */
    struct intern classes;        /* lists of classes */
    struct intern ports;          /* contents of port sets … */
    VEC(struct portset) portsets; /* … and the sets */
    struct intern holes;          /* nets and classes; the number is an index in holed: */
    struct id_vec holed;          /* nets without the addresses of all other classes */
    struct intern grants;         /* by everything; the number is an index in by_id */
    struct grants by_id;
    const struct nrule **default_rule; /* by policy */
};

static struct flattening *flattening_of(struct granting *g)
{
    if (g->flattening == NULL) {
        struct binding *b = g->b;
        struct flattening *f = ARENA_NEW(b->scratch, struct flattening);
        f->addrs = bound_peer_addresses(b->scratch, g->side);
        intern_init(&f->nets, b->scratch);
        intern_init(&f->classes, b->arena); /* grants keep the lists */
        intern_init(&f->ports, b->scratch);
        intern_init(&f->holes, b->scratch);
        intern_init(&f->grants, b->scratch);
        f->default_rule = ARENA_NEW_ARRAY(b->scratch, b->npolicies, const struct nrule *);
        g->flattening = f;
    }
    return g->flattening;
}

/* The number of this content. New nets and ports are copied: they come from scratch memory. */
static uint32_t nets_id(struct granting *g, struct ipset nets)
{
    struct flattening *f = g->flattening;
    struct str bytes = {(const char *)nets.v, nets.n * sizeof *nets.v};
    uint32_t id = intern_add(&f->nets, bytes);
    if (id == f->sets.n) {
        struct ipset copy = {ARENA_NEW_ARRAY(g->b->arena, nets.n, struct ip_range), nets.n};
        if (nets.n > 0) {
            memcpy(copy.v, nets.v, bytes.n);
        }
        vec_push(g->b->scratch, &f->sets, copy);
    }
    return id;
}

static uint32_t ports_id(struct granting *g, struct portset s)
{
    struct flattening *f = g->flattening;
    struct buf *key = g->b->key;
    buf_cut(key, 0);
    portset_key(key, s);
    uint32_t id = intern_add(&f->ports, buf_text(key));
    if (id == f->portsets.n) {
        struct portset copy = portset_union(g->b->arena, s, portset_none);
        vec_push(g->b->scratch, &f->portsets, copy);
    }
    return id;
}

/* ---- claims ---- */

struct claim {
    uint32_t rule;
    enum action action;
    bool any;
    struct portset ports;
    struct id_list classes;
    struct ipset nets;
};

struct block { /* a tier, or the NetworkPolicies, if they have a say */
    bool namespaced;
    uint32_t end; /* the first claim behind it */
};

struct outcome { /* what a claim, or the default, allows in a cell */
    uint32_t claim;
    bool fresh; /* some of it was not allowed before */
    struct portset ports;
};

struct cell {
    VEC(struct outcome) outcomes;
    struct id_vec shares; /* that it has */
};

struct share { /* what a claim allows to some peers, beyond what it allows to all */
    uint32_t claim;
    struct portset ports;
    struct id_vec classes;
    VEC(struct ip_range) ranges;
};

struct common {   /* what a claim allows in every cell */
    size_t cells; /* that have seen it */
    bool fresh;   /* in one of them */
    struct portset ports;
};

/* One target. */
struct flat {
    struct granting *g;
    struct arena *arena; /* freed behind the target */
    const struct target_class *target;
    struct portset traffic; /* all that there is */
    VEC(struct claim) claims;
    VEC(struct block) blocks;
    struct id_vec any;      /* claims about any peer */
    struct intern cell_ids; /* by the list of claims about its peers alone */
    VEC(struct cell) cells;
    uint32_t *cell_of;           /* by peer class; [0] is unused */
    VEC(struct ip_range) ranges; /* the whole family, cut … */
    struct id_vec range_cells;   /* … and the cell of each */
    struct common *common;       /* by claim; the last is for what nobody decided */
    struct intern share_ids;     /* claim and ports */
    VEC(struct share) shares;
    bool open;      /* everything is allowed */
    uint32_t first; /* policy */
};

static void push_claim(struct flat *t, uint32_t rule, struct portset ports, struct claim c)
{
    if (portset_is_empty(ports)) { /* a name that the target does not have */
        return;
    }
    c.rule = rule;
    c.action = t->g->b->rules[t->g->direction].v[rule].rule->action;
    c.ports = ports;
    if (c.any) {
        vec_push(t->arena, &t->any, (uint32_t)t->claims.n);
    }
    vec_push(t->arena, &t->claims, c);
}

/* The peers of a rule, and on egress those that its named ports are about: one claim for each set
 * of numbers. They all do the same, so it is no matter which of a rule's claims comes first. */
static void claim_rule(struct flat *t, uint32_t rule)
{
    const struct granting *g = t->g;
    const struct nrule *r = g->b->rules[g->direction].v[rule].rule;
    const struct peer_rule *p = &g->peers[rule];
    struct claim all = {.any = r->any_peer, .classes = p->classes, .nets = p->nets};
    push_claim(t, rule, bind_rule_ports(g, r, t->target->example), all);
    for (size_t i = 0; i < p->nnamed; i++) {
        struct claim named = {.classes = p->named[i].classes};
        push_claim(t, rule, bind_family_ports(g->family, p->named[i].ports), named);
    }
}

static void claim_policies(struct flat *t, const struct ranked *ranked, size_t n)
{
    const struct binding *b = t->g->b;
    enum direction d = t->g->direction;
    for (size_t i = 0; i < n; i++) {
        const struct bpolicy *p = &b->policies[ranked[i].policy];
        for (uint32_t k = 0; k < p->nrules[d]; k++) {
            claim_rule(t, p->first_rule[d] + k);
        }
        if (i + 1 == n || ranked[i + 1].block != ranked[i].block) {
            struct block block = {ranked[i].block == b->namespaced, (uint32_t)t->claims.n};
            vec_push(t->arena, &t->blocks, block);
        }
    }
}

/* ---- cells ---- */

static uint32_t cell_id(struct flat *t, const uint32_t *claims, size_t n)
{
    uint32_t id = intern_ids(&t->cell_ids, claims, n);
    if (id == t->cells.n) {
        vec_push(t->arena, &t->cells, (struct cell){0});
    }
    return id;
}

static void cut_classes(struct flat *t)
{
    size_t n = t->g->side->npeers + 1;
    struct id_vec *of = ARENA_NEW_ARRAY(t->arena, n, struct id_vec);
    for (uint32_t i = 0; i < t->claims.n; i++) {
        const struct claim *c = &t->claims.v[i];
        for (size_t k = 0; !c->any && k < c->classes.n; k++) {
            vec_push(t->arena, &of[c->classes.v[k]], i);
        }
    }
    t->cell_of = ARENA_NEW_ARRAY(t->arena, n, uint32_t);
    for (size_t i = 1; i < n; i++) {
        t->cell_of[i] = cell_id(t, of[i].v, of[i].n);
    }
}

static void cut_addresses(struct flat *t)
{
    struct arena *a = t->arena;
    VEC(struct ipset) sets = {0};
    struct id_vec claim_of = {0};
    for (uint32_t i = 0; i < t->claims.n; i++) {
        if (!t->claims.v[i].any && t->claims.v[i].nets.n > 0) {
            vec_push(a, &sets, t->claims.v[i].nets);
            vec_push(a, &claim_of, i);
        }
    }
    struct sweep s;
    sweep_start(&s, a, t->g->family, sets.v, sets.n);
    struct id_vec cell_of_list = {0};
    do {
        uint32_t list = sweep_sets(&s);
        if (list == cell_of_list.n) { /* lists are numbered as they appear */
            struct id_list in = intern_list(&s.lists, list);
            uint32_t *claims = ARENA_NEW_ARRAY(a, in.n, uint32_t);
            for (size_t i = 0; i < in.n; i++) {
                claims[i] = claim_of.v[in.v[i]];
            }
            vec_push(a, &cell_of_list, cell_id(t, claims, in.n));
        }
        vec_push(a, &t->ranges, s.range);
        vec_push(a, &t->range_cells, cell_of_list.v[list]);
    } while (sweep_next(&s));
}

/* ---- decisions ---- */

/* What a claim about these ports allows. What was allowed before counts: peers that an earlier
 * claim allowed a part of it need not be told apart from the others. */
static void add_outcome(struct flat *t, struct cell *cell, const struct tier_cell *state,
                        uint32_t claim, struct portset ports)
{
    struct arena *a = t->arena;
    struct outcome o = {.claim = claim};
    o.ports = portset_intersect(a, ports, portset_union(a, state->open, state->allowed));
    o.fresh = !portset_is_empty(portset_intersect(a, ports, state->open));
    if (portset_is_empty(o.ports)) {
        return;
    }
    struct common *c = &t->common[claim];
    c->ports = c->cells == 0 ? o.ports : portset_intersect(a, c->ports, o.ports);
    c->cells++;
    c->fresh = c->fresh || o.fresh;
    vec_push(a, &cell->outcomes, o);
}

/* The claims of a cell: those about its peers, and those about any. */
static struct id_list claims_of(struct flat *t, uint32_t cell)
{
    struct id_list own = intern_list(&t->cell_ids, cell);
    uint32_t *v = ARENA_NEW_ARRAY(t->arena, own.n + t->any.n, uint32_t);
    size_t n = 0;
    for (size_t i = 0, k = 0; i < own.n || k < t->any.n;) {
        bool from_own = k == t->any.n || (i < own.n && own.v[i] < t->any.v[k]);
        v[n++] = from_own ? own.v[i++] : t->any.v[k++];
    }
    return (struct id_list){v, n};
}

static void decide(struct flat *t, uint32_t id)
{
    struct cell *cell = &t->cells.v[id];
    struct id_list claims = claims_of(t, id);
    struct tier_cell c;
    tier_cell_begin(&c, t->arena, t->traffic);
    size_t next = 0;
    for (size_t i = 0; i < t->blocks.n; i++) {
        const struct block *block = &t->blocks.v[i];
        struct portset together = portset_none; /* of NetworkPolicies */
        for (; next < claims.n && claims.v[next] < block->end; next++) {
            const struct claim *claim = &t->claims.v[claims.v[next]];
            if (claim->action == ACT_ALLOW) {
                add_outcome(t, cell, &c, claims.v[next], claim->ports);
            }
            if (block->namespaced) {
                together = portset_union(t->arena, together, claim->ports);
            } else {
                tier_cell_step(&c, claim->action, claim->ports);
            }
        }
        if (block->namespaced) {
            tier_cell_namespaced(&c, together);
        } else {
            tier_cell_end_tier(&c);
        }
    }
    add_outcome(t, cell, &c, (uint32_t)t->claims.n, t->traffic);
    t->open = t->open && bind_ports_are_all(t->g->family, tier_cell_finish(&c));
}

/* Every cell with each of its claims: what decisions cost. */
static bool decide_all(struct flat *t)
{
    struct granting *g = t->g;
    for (uint32_t i = 0; i < t->cells.n; i++) {
        g->elements += intern_list(&t->cell_ids, i).n + t->any.n;
        if (g->elements > g->b->max_elements) {
            return bind_explodes(g->b, g->b->policies[t->first].policy->origin->at, g->elements);
        }
        decide(t, i);
    }
    return true;
}

/* ---- grants ---- */

static bool is_common(const struct flat *t, uint32_t claim)
{
    const struct common *c = &t->common[claim];
    return c->fresh && c->cells == t->cells.n && !portset_is_empty(c->ports);
}

/* The share of an outcome; a new one only if it is fresh. ID_NONE if it has none. */
static uint32_t share_of(struct flat *t, const struct outcome *o)
{
    struct portset ports = o->ports;
    if (is_common(t, o->claim)) {
        ports = portset_subtract(t->arena, ports, t->common[o->claim].ports);
    }
    uint32_t key[2] = {o->claim, ports_id(t->g, ports)};
    struct str bytes = {(const char *)key, sizeof key};
    if (portset_is_empty(ports) || (!o->fresh && intern_find(&t->share_ids, bytes) == ID_NONE)) {
        return ID_NONE;
    }
    uint32_t id = intern_ids(&t->share_ids, key, 2);
    if (id == t->shares.n) {
        vec_push(t->arena, &t->shares, (struct share){.claim = o->claim, .ports = ports});
    }
    return id;
}

/* Fresh outcomes make shares. One that allows nothing new joins, if it can: then its peers need not
 * be taken out of the nets. */
static void share_outcomes(struct flat *t, bool fresh)
{
    for (size_t i = 0; i < t->cells.n; i++) {
        struct cell *cell = &t->cells.v[i];
        for (size_t k = 0; k < cell->outcomes.n; k++) {
            const struct outcome *o = &cell->outcomes.v[k];
            uint32_t share = o->fresh == fresh ? share_of(t, o) : ID_NONE;
            if (share != ID_NONE) {
                vec_push(t->arena, &cell->shares, share);
            }
        }
    }
}

static void fill_shares(struct flat *t)
{
    share_outcomes(t, true);
    share_outcomes(t, false);
    for (uint32_t id = 1; id <= t->g->side->npeers; id++) {
        const struct cell *cell = &t->cells.v[t->cell_of[id]];
        for (size_t k = 0; k < cell->shares.n; k++) {
            vec_push(t->arena, &t->shares.v[cell->shares.v[k]].classes, id);
        }
    }
    for (size_t i = 0; i < t->ranges.n; i++) {
        const struct cell *cell = &t->cells.v[t->range_cells.v[i]];
        for (size_t k = 0; k < cell->shares.n; k++) {
            vec_push(t->arena, &t->shares.v[cell->shares.v[k]].ranges, t->ranges.v[i]);
        }
    }
}

/* The addresses in these nets whose class is not in the list. */
static struct ipset strangers(const struct flat *t, struct ipset nets, struct id_list classes)
{
    const struct flattening *f = t->g->flattening;
    bool *listed = ARENA_NEW_ARRAY(t->arena, t->g->side->npeers + 1, bool);
    for (size_t i = 0; i < classes.n; i++) {
        listed[classes.v[i]] = true;
    }
    VEC(struct ip_range) found = {0};
    for (size_t i = 0, net = 0; i < f->addrs.n && net < nets.n; i++) {
        const struct peer_address *at = &f->addrs.v[i];
        while (net < nets.n && ip_cmp(nets.v[net].last, at->ip) < 0) {
            net++;
        }
        if (!listed[at->class] && net < nets.n && ip_cmp(nets.v[net].first, at->ip) <= 0) {
            vec_push(t->arena, &found, (struct ip_range){at->ip, at->ip});
        }
    }
    return ipset_of_ranges(t->arena, found.v, found.n);
}

/* The nets of a share: addresses of pods only where their class is in the share, too. */
static uint32_t share_nets(struct flat *t, const struct share *share, uint32_t classes)
{
    struct flattening *f = t->g->flattening;
    struct ipset nets = ipset_of_ranges(t->arena, share->ranges.v, share->ranges.n);
    uint32_t id = nets_id(t->g, nets);
    if (nets.n == 0 || share->classes.n == t->g->side->npeers) {
        return id;
    }
    uint32_t hole = intern_ids(&f->holes, (uint32_t[]){id, classes}, 2);
    if (hole == f->holed.n) {
        struct id_list listed = {share->classes.v, share->classes.n};
        struct ipset rest = ipset_subtract(t->arena, nets, strangers(t, nets, listed));
        vec_push(t->g->b->scratch, &f->holed, nets_id(t->g, rest));
    }
    return f->holed.v[hole];
}

/* The rule of what is allowed because no rule decided. */
static const struct nrule *default_rule(struct flat *t)
{
    struct binding *b = t->g->b;
    const struct nrule **made = &t->g->flattening->default_rule[t->first];
    if (*made == NULL) {
        struct rule *origin = ARENA_NEW(b->arena, struct rule);
        struct nrule *r = ARENA_NEW(b->arena, struct nrule);
        origin->direction = t->g->direction;
        origin->at = b->policies[t->first].policy->origin->at;
        *r = (struct nrule){.direction = t->g->direction,
                            .any_peer = true,
                            .any_port = true,
                            .origin = origin,
                            .index = GRANT_BY_DEFAULT};
        *made = r;
    }
    return *made;
}

/* Equal grants of several targets are one. */
static void push_grant(struct flat *t, struct grants *out, const struct share *share, bool any)
{
    struct binding *b = t->g->b;
    struct flattening *f = t->g->flattening;
    bool is_default = share->claim == t->claims.n;
    uint32_t rule = is_default ? t->first : t->claims.v[share->claim].rule;
    uint32_t classes = intern_ids(&f->classes, share->classes.v, share->classes.n);
    uint32_t nets = share_nets(t, share, classes), ports = ports_id(t->g, share->ports);
    uint32_t key[6] = {is_default, rule, any, classes, nets, ports};
    uint32_t id = intern_ids(&f->grants, key, 6);
    if (id == f->by_id.n) {
        struct grant *made = ARENA_NEW(b->arena, struct grant);
        uint32_t policy = is_default ? t->first : b->rules[t->g->direction].v[rule].policy;
        made->policy = b->policies[policy].policy;
        made->rule = is_default ? default_rule(t) : b->rules[t->g->direction].v[rule].rule;
        made->any_peer = any;
        made->classes = intern_list(&f->classes, classes);
        made->nets = f->sets.v[nets];
        made->ports = f->portsets.v[ports];
        vec_push(b->scratch, &f->by_id, made);
    }
    const struct grant *grant = f->by_id.v[id];
    if (grant->any_peer || grant->classes.n > 0 || grant->nets.n > 0) {
        vec_push(b->scratch, out, grant);
    }
}

static void push_grants(struct flat *t, struct grants *out)
{
    size_t n = t->claims.n + 1;
    struct id_vec *of_claim = ARENA_NEW_ARRAY(t->arena, n, struct id_vec);
    for (uint32_t i = 0; i < t->shares.n; i++) {
        vec_push(t->arena, &of_claim[t->shares.v[i].claim], i);
    }
    for (uint32_t claim = 0; claim < n; claim++) {
        if (is_common(t, claim)) {
            struct share everyone = {.claim = claim, .ports = t->common[claim].ports};
            push_grant(t, out, &everyone, true);
        }
        for (size_t k = 0; k < of_claim[claim].n; k++) {
            push_grant(t, out, &t->shares.v[of_claim[claim].v[k]], false);
        }
    }
}

/* ---- one target ---- */

static void order_policies(struct binding *b, struct target_class *target,
                           const struct ranked *ranked, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        target->policies[i] = b->policies[ranked[i].policy].policy;
    }
}

/* The policy that is asked first of those that are cluster policies. */
static uint32_t first_cluster_policy(const struct binding *b, const struct ranked *ranked)
{
    size_t i = 0;
    while (!policy_is_cluster(b->policies[ranked[i].policy].policy->origin)) {
        i++;
    }
    return ranked[i].policy;
}

bool bind_flatten(struct granting *g, struct target_class *target, const struct id_list *policies,
                  struct grants *out, bool *open)
{
    struct binding *b = g->b;
    flattening_of(g);
    struct arena *arena = arena_new_scratch(b->scratch);
    const struct ranked *ranked = rank(b, arena, policies);
    struct flat t = {.g = g, .arena = arena, .target = target, .open = true};
    t.traffic = bind_family_ports(g->family, portset_all(arena));
    t.first = first_cluster_policy(b, ranked);
    intern_init(&t.cell_ids, arena);
    intern_init(&t.share_ids, arena);
    order_policies(b, target, ranked, policies->n);
    claim_policies(&t, ranked, policies->n);
    cut_classes(&t);
    cut_addresses(&t);
    t.common = ARENA_NEW_ARRAY(arena, t.claims.n + 1, struct common);
    bool ok = decide_all(&t);
    *open = t.open;
    if (ok && !t.open) {
        fill_shares(&t);
        push_grants(&t, out);
    }
    arena_free(arena);
    return ok;
}
