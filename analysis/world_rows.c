/*
 * What the members of a class may send or take, by the class of the peer: one row for each profile
 * (targets that the same policies decide about), made when it is first asked for.
 */
#include "analysis/world_priv.h"

#include <stdlib.h>

/* ---- profiles ---- */

struct profiling {
    struct world *world;
    struct arena *arena;
    enum direction direction;
    struct id_vec *of_matcher; /* NetworkPolicies that isolate its pods */
    struct id_vec *tiers;      /* by matcher: places in the order of cluster policies */
    struct intern keys;
    uint32_t *of_group;
};

static void index_policies(struct profiling *p)
{
    const struct world_parts *parts = p->world->parts;
    const struct binding *b = &parts->match;
    p->of_matcher = ARENA_NEW_ARRAY(p->arena, b->matchers.n, struct id_vec);
    p->tiers = ARENA_NEW_ARRAY(p->arena, b->matchers.n, struct id_vec);
    for (uint32_t i = 0; i < b->npolicies; i++) {
        const struct npolicy *policy = b->policies[i].policy;
        if (!policy_is_cluster(policy->origin) && policy->isolates[p->direction]) {
            vec_push(p->arena, &p->of_matcher[b->policies[i].target], i);
        }
    }
    for (uint32_t i = 0; i < parts->order.n; i++) {
        const struct bpolicy *policy = &b->policies[parts->order.v[i].policy];
        if (policy->nrules[p->direction] > 0) {
            vec_push(p->arena, &p->tiers[policy->target], i);
        }
    }
}

static struct id_list gather(struct profiling *p, const struct id_vec *of_matcher,
                             struct id_list matchers)
{
    struct id_vec found = {0};
    for (size_t i = 0; i < matchers.n; i++) {
        const struct id_vec *v = &of_matcher[matchers.v[i]];
        for (size_t k = 0; k < v->n; k++) {
            vec_push(p->arena, &found, v->v[k]);
        }
    }
    return (struct id_list){found.v, ids_sort(found.v, found.n)};
}

/* Appends a policy to the key of a profile, and what its named ports are on the target: on egress
 * they are the peer's. */
static void push_policy(struct profiling *p, struct id_vec *key, uint32_t policy,
                        const struct workload *target)
{
    struct binding *b = &p->world->parts->match;
    const struct bpolicy *bp = &b->policies[policy];
    vec_push(p->arena, key, policy);
    for (uint32_t i = 0; p->direction == DIR_INGRESS && i < bp->nrules[DIR_INGRESS]; i++) {
        const struct nrule *r = b->rules[DIR_INGRESS].v[bp->first_rule[DIR_INGRESS] + i].rule;
        if (r->nnames > 0) {
            vec_push(p->arena, key, bind_portset_id(b, bind_resolve(b, r, target)));
        }
    }
}

/* Places of cluster policies without those that nobody asks about a target that NetworkPolicies
 * isolate: of the tiers after them. */
static struct id_list asked_of_isolated(const struct world_parts *parts, struct id_list tiers)
{
    while (tiers.n > 0 && parts->order.v[tiers.v[tiers.n - 1]].after) {
        tiers.n--;
    }
    return tiers;
}

static uint32_t profile_of_group(struct profiling *p, const struct group *g)
{
    struct world_parts *parts = p->world->parts;
    struct id_list policies = gather(p, p->of_matcher, g->matchers);
    struct id_list tiers = gather(p, p->tiers, g->matchers);
    tiers = policies.n > 0 ? asked_of_isolated(parts, tiers) : tiers;
    struct id_vec key = {0};
    for (size_t i = 0; i < policies.n; i++) {
        push_policy(p, &key, policies.v[i], g->example);
    }
    for (size_t i = 0; i < tiers.n; i++) {
        push_policy(p, &key, parts->order.v[tiers.v[i]].policy, g->example);
    }
    uint32_t id = intern_ids(&p->keys, key.v, key.n);
    if (id == parts->profiles[p->direction].n) {
        vec_push(p->arena, &parts->profiles[p->direction],
                 (struct profile){.policies = policies, .tiers = tiers, .example = g->example});
    }
    return id;
}

/* The policies of a class as its users see them. */
static void name_policies(struct world *w, enum direction d, struct endpoint_class *class,
                          const struct profile *p)
{
    const struct world_parts *parts = w->parts;
    size_t n = p->policies.n + p->tiers.n;
    const struct npolicy **v = ARENA_NEW_ARRAY(&w->ctx->arena, n, const struct npolicy *);
    for (size_t i = 0; i < p->policies.n; i++) {
        v[i] = w->policies[p->policies.v[i]];
    }
    for (size_t i = 0; i < p->tiers.n; i++) {
        v[p->policies.n + i] = w->policies[parts->order.v[p->tiers.v[i]].policy];
    }
    class->policies[d] = v;
    class->npolicies[d] = n;
}

/* The profile of a host that policies isolate, which is like that of its group but for the failsafe
 * ports; ID_NONE if there is none. */
static uint32_t profile_of_host(struct profiling *p)
{
    struct world_parts *parts = p->world->parts;
    for (size_t i = 0; p->direction == DIR_INGRESS && i < p->world->nclasses; i++) {
        uint32_t like = parts->facts.v[i].host ? p->of_group[parts->facts.v[i].group] : 0;
        if (like != 0) {
            struct profile own = parts->profiles[DIR_INGRESS].v[like];
            own.keeps_failsafe = true;
            vec_push(p->arena, &parts->profiles[DIR_INGRESS], own);
            return (uint32_t)parts->profiles[DIR_INGRESS].n - 1;
        }
    }
    return ID_NONE;
}

static void make_profiles(struct world *w, enum direction d)
{
    struct world_parts *parts = w->parts;
    struct profiling p = {.world = w, .arena = parts->match.scratch, .direction = d};
    index_policies(&p);
    intern_init(&p.keys, p.arena);
    intern_ids(&p.keys, NULL, 0);
    vec_push(p.arena, &parts->profiles[d], (struct profile){0});
    p.of_group = ARENA_NEW_ARRAY(p.arena, parts->match.groups.n, uint32_t);
    for (size_t i = 0; i < parts->match.groups.n; i++) {
        p.of_group[i] = profile_of_group(&p, &parts->match.groups.v[i]);
    }
    uint32_t host = profile_of_host(&p);
    struct id_vec *classes = ARENA_NEW_ARRAY(p.arena, parts->profiles[d].n, struct id_vec);
    for (uint32_t i = 0; i < w->nclasses; i++) {
        struct endpoint_class *class = &w->classes[i];
        bool target =
            (class->kind == EP_WORKLOAD || class->kind == EP_OPEN) && !parts->facts.v[i].bystander;
        uint32_t profile = target ? p.of_group[parts->facts.v[i].group] : 0;
        profile = host != ID_NONE && parts->facts.v[i].host ? host : profile;
        parts->facts.v[i].profile[d] = profile;
        vec_push(p.arena, &classes[profile], i);
        name_policies(w, d, class, &parts->profiles[d].v[profile]);
    }
    for (size_t i = 0; i < parts->profiles[d].n; i++) {
        parts->profiles[d].v[i].classes = (struct id_list){classes[i].v, classes[i].n};
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        parts->rows[f][d] = ARENA_NEW_ARRAY(p.arena, parts->profiles[d].n, struct row);
    }
}

/* ---- indexes of peers ---- */

static void index_class(struct world *w, uint32_t id)
{
    struct world_parts *parts = w->parts;
    struct arena *a = parts->match.scratch;
    const struct class_facts *facts = &parts->facts.v[id];
    const struct endpoint_class *class = &w->classes[id];
    if (class->kind == EP_WORKLOAD || class->kind == EP_OPEN) {
        struct id_list matchers = parts->match.groups.v[facts->group].matchers;
        for (size_t i = 0; i < matchers.n; i++) {
            vec_push(a, &parts->of_matcher[matchers.v[i]], id);
        }
    }
    if (class->kind == EP_NODE) {
        struct id_list selectors = intern_list(&parts->node_lists, facts->group);
        for (size_t i = 0; i < selectors.n; i++) {
            vec_push(a, &parts->of_nodes[selectors.v[i]], id);
        }
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        if (class->has[f]) {
            struct id_list sets = intern_list(&parts->nets[f].lists, facts->list[f]);
            for (size_t i = 0; i < sets.n; i++) {
                vec_push(a, &parts->of_net[f][sets.v[i]], id);
            }
        }
    }
}

void world_rows(struct world *w)
{
    struct world_parts *parts = w->parts;
    struct arena *a = parts->match.scratch;
    parts->order = tier_order(a, w->program, w->policies, w->npolicies);
    make_profiles(w, DIR_INGRESS);
    make_profiles(w, DIR_EGRESS);
    parts->of_matcher = ARENA_NEW_ARRAY(a, parts->match.matchers.n, struct id_vec);
    parts->of_nodes = ARENA_NEW_ARRAY(a, parts->node_selectors.n, struct id_vec);
    for (size_t f = 0; f < FAMILIES; f++) {
        parts->of_net[f] = ARENA_NEW_ARRAY(a, parts->nets[f].sets.n, struct id_vec);
        intern_init(&parts->peer_ids[f], a);
    }
    for (uint32_t i = 0; i < w->nclasses; i++) {
        index_class(w, i);
    }
    parts->mark = ARENA_NEW_ARRAY(a, w->nclasses, uint32_t);
    parts->value = ARENA_NEW_ARRAY(a, w->nclasses, uint32_t);
    parts->steps = ARENA_NEW_ARRAY(a, w->nclasses, struct id_vec);
    parts->scratch = arena_new_scratch(a);
}

/* ---- the peers of a rule ---- */

static void push_classes(const struct world *w, enum family f, const struct id_vec *v,
                         struct id_vec *out)
{
    struct world_parts *parts = w->parts;
    for (size_t i = 0; i < v->n; i++) {
        if (w->classes[v->v[i]].has[f] && (parts->mark[v->v[i]] & MARK_PEER) == 0) {
            parts->mark[v->v[i]] |= MARK_PEER;
            vec_push(parts->match.scratch, out, v->v[i]);
        }
    }
}

struct id_list world_rule_peers(const struct world *w, enum family f, enum direction d,
                                uint32_t rule)
{
    struct world_parts *parts = w->parts;
    struct arena *a = parts->match.scratch;
    struct rule_peers *peers = &parts->rules[d][rule];
    if (peers->peers[f] == 0) {
        /* The matchers have ID_NONE for each selector of nodes: it is told where those begin. */
        struct id_list matchers = parts->match.rules[d].v[rule].matchers;
        struct id_vec key = {0};
        vec_push(a, &key, peers->net[f]);
        for (size_t i = 0; i < matchers.n; i++) {
            vec_push(a, &key, matchers.v[i]);
        }
        for (size_t i = 0; i < peers->nodes.n; i++) {
            vec_push(a, &key, peers->nodes.v[i]);
        }
        peers->peers[f] = intern_ids(&parts->peer_ids[f], key.v, key.n) + 1;
    }
    if (peers->peers[f] > parts->peer_lists[f].n) {
        struct id_list matchers = parts->match.rules[d].v[rule].matchers;
        struct id_vec found = {0};
        for (size_t i = 0; i < matchers.n; i++) {
            if (matchers.v[i] != ID_NONE) {
                push_classes(w, f, &parts->of_matcher[matchers.v[i]], &found);
            }
        }
        for (size_t i = 0; i < peers->nodes.n; i++) {
            push_classes(w, f, &parts->of_nodes[peers->nodes.v[i]], &found);
        }
        if (peers->net[f] != ID_NONE) {
            push_classes(w, f, &parts->of_net[f][peers->net[f]], &found);
        }
        for (size_t i = 0; i < found.n; i++) {
            parts->mark[found.v[i]] &= ~(uint32_t)MARK_PEER;
        }
        struct id_list list = {found.v, ids_sort(found.v, found.n)};
        vec_push(a, &parts->peer_lists[f], list);
    }
    return parts->peer_lists[f].v[peers->peers[f] - 1];
}

/* ---- the ports of a rule ---- */

static uint32_t rule_numbers(const struct world *w, enum family f, enum direction d, uint32_t rule)
{
    uint32_t *numbers = &w->parts->rules[d][rule].numbers[f];
    if (*numbers == ID_NONE) {
        const struct nrule *r = w->parts->match.rules[d].v[rule].rule;
        *numbers = r->any_port ? TRAFFIC_ALL : traffic_id(w->traffic, f, r->ports);
    }
    return *numbers;
}

uint32_t world_rule_ports(const struct world *w, enum family f, enum direction d, uint32_t rule,
                          const struct workload *destination)
{
    struct binding *b = &w->parts->match;
    const struct nrule *r = b->rules[d].v[rule].rule;
    uint32_t ports = rule_numbers(w, f, d, rule);
    if (r->nnames > 0 && !r->any_port && destination != NULL) {
        uint32_t named = traffic_id(w->traffic, f, bind_resolve(b, r, destination));
        ports = traffic_union(w->traffic, ports, named);
    }
    return ports;
}

const struct workload *world_pod_of(const struct world *w, uint32_t class_id)
{
    const struct endpoint_class *class = &w->classes[class_id];
    bool is_pod = class->kind == EP_WORKLOAD || class->kind == EP_OPEN;
    return is_pod ? class->members[0].workload : NULL;
}

/* ---- rows ---- */

struct rowing {
    const struct world *world;
    struct arena *arena;
    enum family family;
    enum direction direction;
    const struct profile *profile;
    uint32_t *value; /* by class, what NetworkPolicies allow it alone */
    struct id_vec touched;
    uint32_t other;
};

static bool names_peers(const struct rowing *r, uint32_t rule)
{
    const struct nrule *n = r->world->parts->match.rules[r->direction].v[rule].rule;
    return r->direction == DIR_EGRESS && n->nnames > 0 && !n->any_port;
}

static void touch(struct rowing *r, uint32_t class_id)
{
    uint32_t *mark = &r->world->parts->mark[class_id];
    if ((*mark & MARK_TOUCHED) == 0) {
        *mark |= MARK_TOUCHED;
        vec_push(r->arena, &r->touched, class_id);
    }
}

static void allow(struct rowing *r, uint32_t class_id, uint32_t ports)
{
    touch(r, class_id);
    r->value[class_id] = traffic_union(r->world->traffic, r->value[class_id], ports);
}

static uint32_t ports_for(const struct rowing *r, uint32_t rule, uint32_t peer)
{
    const struct workload *destination =
        r->direction == DIR_INGRESS ? r->profile->example : world_pod_of(r->world, peer);
    return world_rule_ports(r->world, r->family, r->direction, rule, destination);
}

static void add_rule(struct rowing *r, uint32_t rule)
{
    const struct world *w = r->world;
    const struct nrule *n = w->parts->match.rules[r->direction].v[rule].rule;
    if (n->any_peer) {
        const struct workload *target = r->direction == DIR_INGRESS ? r->profile->example : NULL;
        uint32_t ports = world_rule_ports(w, r->family, r->direction, rule, target);
        r->other = traffic_union(w->traffic, r->other, ports);
        for (uint32_t c = 0; names_peers(r, rule) && c < w->nclasses; c++) {
            if (w->classes[c].has[r->family] && world_pod_of(w, c) != NULL) {
                allow(r, c, ports_for(r, rule, c));
            }
        }
        return;
    }
    struct id_list peers = world_rule_peers(w, r->family, r->direction, rule);
    for (size_t i = 0; i < peers.n; i++) {
        allow(r, peers.v[i], ports_for(r, rule, peers.v[i]));
    }
}

/* What NetworkPolicies allow: the union. */
static void add_policies(struct rowing *r)
{
    for (size_t i = 0; i < r->profile->policies.n; i++) {
        const struct bpolicy *p = &r->world->parts->match.policies[r->profile->policies.v[i]];
        for (uint32_t k = 0; k < p->nrules[r->direction]; k++) {
            add_rule(r, p->first_rule[r->direction] + k);
        }
    }
}

/* ---- cluster policies ---- */

struct step { /* a rule of a cluster policy */
    uint32_t rule, tier;
    bool any_peer;
};

struct tiering {
    struct rowing *row;
    VEC(struct step) steps; /* in order */
    struct intern cells;    /* steps with their ports, and what NetworkPolicies allow … */
    struct id_vec results;  /* … and what comes of them */
    struct id_vec key;      /* reused */
};

static void add_steps(struct tiering *t)
{
    struct rowing *r = t->row;
    const struct world_parts *parts = r->world->parts;
    for (size_t i = 0; i < r->profile->tiers.n; i++) {
        const struct tier_place *place = &parts->order.v[r->profile->tiers.v[i]];
        const struct bpolicy *p = &parts->match.policies[place->policy];
        for (uint32_t k = 0; k < p->nrules[r->direction]; k++) {
            uint32_t rule = p->first_rule[r->direction] + k;
            bool any = parts->match.rules[r->direction].v[rule].rule->any_peer;
            vec_push(r->arena, &t->steps, (struct step){rule, place->tier, any});
        }
    }
}

static void mark_peers(struct tiering *t)
{
    struct rowing *r = t->row;
    const struct world *w = r->world;
    for (uint32_t i = 0; i < t->steps.n; i++) {
        const struct step *s = &t->steps.v[i];
        if (s->any_peer) {
            for (uint32_t c = 0; names_peers(r, s->rule) && c < w->nclasses; c++) {
                if (w->classes[c].has[r->family] && world_pod_of(w, c) != NULL) {
                    touch(r, c); /* the ports are its own */
                }
            }
            continue;
        }
        struct id_list peers = world_rule_peers(w, r->family, r->direction, s->rule);
        for (size_t k = 0; k < peers.n; k++) {
            touch(r, peers.v[k]);
            vec_push(r->arena, &w->parts->steps[peers.v[k]], i);
        }
    }
}

static uint32_t decide(struct tiering *t, const uint32_t *key, size_t nsteps, uint32_t namespaced)
{
    struct rowing *r = t->row;
    const struct world *w = r->world;
    struct tier_cell c;
    tier_cell_begin(&c, r->arena, traffic_ports(w->traffic, r->family, TRAFFIC_ALL));
    for (size_t i = 0; i < nsteps; i++) {
        const struct step *step = &t->steps.v[key[2 * i]];
        if (i > 0 && step->tier != t->steps.v[key[2 * i - 2]].tier) {
            tier_cell_end_tier(&c);
        }
        const struct nrule *rule = w->parts->match.rules[r->direction].v[step->rule].rule;
        tier_cell_step(&c, rule->action, traffic_ports(w->traffic, r->family, key[2 * i + 1]));
    }
    tier_cell_end_tier(&c);
    if (r->profile->policies.n > 0) { /* then no tier after them is asked */
        tier_cell_namespaced(&c, traffic_ports(w->traffic, r->family, namespaced));
    }
    return traffic_id(w->traffic, r->family, tier_cell_finish(&c));
}

/* What passes after all tiers, for a class or (ID_NONE) for those that no rule names. */
static uint32_t settle(struct tiering *t, uint32_t class_id)
{
    struct rowing *r = t->row;
    static const struct id_vec nothing;
    const struct id_vec *own = class_id == ID_NONE ? &nothing : &r->world->parts->steps[class_id];
    t->key.n = 0;
    size_t next = 0;
    for (uint32_t i = 0; i < t->steps.n; i++) {
        bool named = next < own->n && own->v[next] == i;
        next += named;
        if (named || t->steps.v[i].any_peer) {
            const struct workload *peer =
                class_id == ID_NONE ? NULL : world_pod_of(r->world, class_id);
            const struct workload *destination =
                r->direction == DIR_INGRESS ? r->profile->example : peer;
            vec_push(r->arena, &t->key, i);
            vec_push(r->arena, &t->key,
                     world_rule_ports(r->world, r->family, r->direction, t->steps.v[i].rule,
                                      destination));
        }
    }
    size_t nsteps = t->key.n / 2;
    uint32_t namespaced = r->other;
    if (class_id != ID_NONE) {
        namespaced = traffic_union(r->world->traffic, namespaced, r->value[class_id]);
    }
    vec_push(r->arena, &t->key, namespaced);
    uint32_t id = intern_ids(&t->cells, t->key.v, t->key.n);
    if (id == t->results.n) {
        vec_push(r->arena, &t->results, decide(t, t->key.v, nsteps, namespaced));
    }
    return t->results.v[id];
}

static void add_tiers(struct rowing *r)
{
    struct tiering t = {.row = r};
    intern_init(&t.cells, r->arena);
    add_steps(&t);
    mark_peers(&t);
    uint32_t other = settle(&t, ID_NONE);
    for (size_t i = 0; i < r->touched.n; i++) {
        r->value[r->touched.v[i]] = settle(&t, r->touched.v[i]);
    }
    r->other = other;
}

/* ---- all together ---- */

static void keep_failsafe(struct rowing *r)
{
    struct traffic_table *t = r->world->traffic;
    uint32_t ports = traffic_id(t, r->family, r->world->options.failsafe);
    r->other = traffic_union(t, r->other, ports);
    for (size_t i = 0; i < r->touched.n; i++) {
        uint32_t *value = &r->value[r->touched.v[i]];
        *value = traffic_union(t, *value, ports);
    }
}

static void finish_row(struct rowing *r, struct row *out)
{
    const struct world *w = r->world;
    r->touched.n = ids_sort(r->touched.v, r->touched.n);
    *out = (struct row){.made = true, .other = r->other};
    out->v = ARENA_NEW_ARRAY(w->parts->match.scratch, r->touched.n, struct row_entry);
    for (size_t i = 0; i < r->touched.n; i++) {
        uint32_t c = r->touched.v[i];
        if (r->value[c] != r->other) {
            out->v[out->n++] = (struct row_entry){c, r->value[c]};
        }
        w->parts->mark[c] &= ~(uint32_t)MARK_TOUCHED;
        r->value[c] = TRAFFIC_NONE;
        w->parts->steps[c] = (struct id_vec){0};
    }
}

static void make_row(const struct world *w, struct arena *scratch, enum family f, enum direction d,
                     uint32_t profile)
{
    struct rowing r = {.world = w,
                       .arena = scratch,
                       .family = f,
                       .direction = d,
                       .profile = &w->parts->profiles[d].v[profile],
                       .value = w->parts->value,
                       .other = TRAFFIC_NONE};
    add_policies(&r);
    if (r.profile->tiers.n > 0) {
        add_tiers(&r);
    } else if (r.profile->policies.n == 0) {
        r.other = TRAFFIC_ALL;
    } else {
        for (size_t i = 0; i < r.touched.n; i++) {
            uint32_t *value = &r.value[r.touched.v[i]];
            *value = traffic_union(w->traffic, *value, r.other);
        }
    }
    if (r.profile->keeps_failsafe) {
        keep_failsafe(&r);
    }
    finish_row(&r, &w->parts->rows[f][d][profile]);
}

const struct row *world_row(const struct world *w, enum family f, enum direction d,
                            uint32_t profile)
{
    struct row *row = &w->parts->rows[f][d][profile];
    if (!row->made) {
        make_row(w, w->parts->scratch, f, d, profile);
        arena_reset(w->parts->scratch);
    }
    return row;
}

uint32_t row_traffic(const struct row *r, uint32_t class_id)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->v[middle].class_id < class_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->n && r->v[low].class_id == class_id ? r->v[low].traffic : r->other;
}
