/*
 * Target classes: local addresses about whose pods the same policies have a say, and that resolve
 * the named ports of those policies alike.
 */
#include "ir/bind_priv.h"

#include <string.h>

struct target_keys {
    struct id_vec *policies; /* by matcher: policies that have a say in this direction */
    uint32_t *of_group;      /* key, or ID_NONE: there are none, or UNKNOWN */
    struct intern keys;
    VEC(struct id_list) lists; /* by key: the policies */
};

#define UNKNOWN (ID_NONE - 1)

/* Nobody asks the tiers after NetworkPolicies about whom these isolate. */
static void drop_unasked(const struct binding *b, struct id_vec *policies)
{
    bool isolated = false;
    for (size_t i = 0; i < policies->n; i++) {
        isolated |= !policy_is_cluster(b->policies[policies->v[i]].policy->origin);
    }
    size_t kept = 0;
    for (size_t i = 0; i < policies->n; i++) {
        if (!isolated || b->policies[policies->v[i]].block <= b->namespaced) {
            policies->v[kept++] = policies->v[i];
        }
    }
    policies->n = kept;
}

static struct id_list policies_of(struct binding *b, const struct target_keys *t,
                                  const struct group *g)
{
    struct id_vec found = {0};
    for (size_t i = 0; i < g->matchers.n; i++) {
        const uint32_t *v = t->policies[g->matchers.v[i]].v;
        for (size_t k = 0; k < t->policies[g->matchers.v[i]].n; k++) {
            vec_push(b->scratch, &found, v[k]);
        }
    }
    drop_unasked(b, &found);
    return (struct id_list){found.v, ids_sort(found.v, found.n)};
}

/* The policies, then what their named ports are on the target. On egress a name is resolved on the
 * peer, so there it cannot tell targets apart. */
static uint32_t key_of_group(struct binding *b, struct target_keys *t, enum direction d,
                             const struct group *g)
{
    struct id_list policies = policies_of(b, t, g);
    if (policies.n == 0) {
        return ID_NONE;
    }
    struct id_vec key = {0};
    for (size_t i = 0; i < policies.n; i++) {
        const struct bpolicy *p = &b->policies[policies.v[i]];
        vec_push(b->scratch, &key, policies.v[i]);
        for (uint32_t r = 0; d == DIR_INGRESS && r < p->nrules[d]; r++) {
            const struct nrule *rule = b->rules[d].v[p->first_rule[d] + r].rule;
            if (rule->nnames > 0) {
                uint32_t ports = bind_portset_id(b, bind_resolve(b, rule, g->example));
                vec_push(b->scratch, &key, ports);
            }
        }
    }
    uint32_t id = intern_ids(&t->keys, key.v, key.n);
    if (id == t->lists.n) {
        vec_push(b->scratch, &t->lists, policies);
    }
    return id;
}

static void index_policies(struct binding *b, struct target_keys *t, enum direction d)
{
    t->policies = arena_array(b->scratch, b->matchers.n, sizeof *t->policies);
    for (uint32_t i = 0; i < b->npolicies; i++) {
        b->policies[i].active = false;
        if (bind_decides(b->policies[i].policy, d)) {
            vec_push(b->scratch, &t->policies[b->policies[i].target], i);
        }
    }
    t->of_group = ARENA_NEW_ARRAY(b->scratch, b->groups.n, uint32_t);
    for (size_t i = 0; i < b->groups.n; i++) {
        t->of_group[i] = UNKNOWN;
    }
}

static uint32_t key_of_live(struct binding *b, struct target_keys *t, enum direction d,
                            const struct live *l)
{
    uint32_t *key = &t->of_group[l->group];
    if (*key == UNKNOWN) {
        *key = key_of_group(b, t, d, &b->groups.v[l->group]);
    }
    return *key;
}

struct growing { /* a class while its addresses are collected */
    const struct workload *example;
    uint32_t key;
    VEC(struct ip) addrs;
};

/* bind_grants() gives it its number. */
static struct target_class finish_class(struct binding *b, const struct target_keys *t,
                                        const struct growing *g)
{
    struct id_list policies = t->lists.v[g->key];
    struct target_class c = {.example = g->example, .npolicies = policies.n};
    c.policies = ARENA_NEW_ARRAY(b->arena, policies.n, const struct npolicy *);
    for (size_t i = 0; i < policies.n; i++) {
        b->policies[policies.v[i]].active = true;
        c.policies[i] = b->policies[policies.v[i]].policy;
    }
    c.addrs.v = ARENA_NEW_ARRAY(b->arena, g->addrs.n, struct ip);
    c.addrs.n = g->addrs.n;
    if (g->addrs.n > 0) {
        memcpy(c.addrs.v, g->addrs.v, g->addrs.n * sizeof *c.addrs.v);
    }
    return c;
}

/* Endpoints are taken in rising order, so classes come out in the order of their lowest address. */
const struct id_list *bind_targets(struct binding *b, enum family f, enum direction d,
                                   struct bound_side *side)
{
    struct target_keys t = {0};
    index_policies(b, &t, d);
    intern_init(&t.keys, b->scratch);

    VEC(struct growing) classes = {0};
    struct id_vec class_of_key = {0};
    /* The machine is the host whatever addresses it has: its class does not wait for one. */
    if (b->options->scope == BIND_HOST) {
        uint32_t key = key_of_live(b, &t, d, &b->live[b->host]);
        if (key != ID_NONE) {
            vec_push(b->scratch, &class_of_key, 0);
            vec_push(b->scratch, &classes,
                     (struct growing){.example = b->live[b->host].w, .key = key});
        }
    }
    for (size_t i = 0; i < b->endpoints[f].n; i++) {
        const struct endpoint *e = &b->endpoints[f].v[i];
        const struct live *l = &b->live[e->live];
        uint32_t key = l->local ? key_of_live(b, &t, d, l) : ID_NONE;
        if (key == ID_NONE) {
            continue;
        }
        while (class_of_key.n <= key) {
            vec_push(b->scratch, &class_of_key, ID_NONE);
        }
        if (class_of_key.v[key] == ID_NONE) {
            class_of_key.v[key] = (uint32_t)classes.n;
            vec_push(b->scratch, &classes, (struct growing){.example = l->w, .key = key});
        }
        vec_push(b->scratch, &classes.v[class_of_key.v[key]].addrs, e->ip);
    }

    side->ntargets = classes.n;
    side->targets = ARENA_NEW_ARRAY(b->arena, classes.n, struct target_class);
    struct id_list *policies = ARENA_NEW_ARRAY(b->scratch, classes.n, struct id_list);
    for (size_t i = 0; i < classes.n; i++) {
        side->targets[i] = finish_class(b, &t, &classes.v[i]);
        policies[i] = t.lists.v[classes.v[i].key];
    }
    return policies;
}
