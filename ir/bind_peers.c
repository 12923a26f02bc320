/*
 * Peer classes. What a rule names as peers (its clauses and CIDRs together) is a peer set; equal
 * ones of several rules are one. An address of a pod has traits: the peer sets that it is in, and
 * for named ports on egress what the names are on that pod. Addresses with equal traits are a
 * class.
 */
#include "ir/bind_priv.h"
#include "ir/sweep.h"

#include <string.h>

struct names { /* the named ports of a rule, for one peer set */
    uint32_t id;
    const struct nrule *rule; /* one that has them */
};

struct peer_set {
    bool numeric; /* some rule wants its members whatever ports they declare */
    VEC(struct names) names;
};

struct trait {
    struct portset ports;  /* of a named trait */
    struct id_vec classes; /* rising */
};

struct ip_vec { /* a growing list */
    struct ip *v;
    size_t n, cap;
};

struct nets { /* the CIDRs of a rule and the addresses of its nodes, by content */
    struct ipset addrs;
    bool with_pods;     /* they match pods' addresses, too */
    struct id_vec sets; /* peer sets that have them */
};

struct use {            /* of one rule */
    uint32_t set;       /* peer set, or ID_NONE */
    uint32_t names_set; /* peer set for its named ports, or ID_NONE */
    uint32_t names;     /* with names_set: index in named */
};

struct peers {
    struct binding *b;
    enum family family;
    enum direction direction;
    struct use *uses;

    struct intern net_ids;
    VEC(struct nets) nets;
    size_t ranges; /* in all nets */
    struct intern set_ids;
    VEC(struct peer_set) sets;
    struct id_vec *sets_of_matcher;

    struct intern name_ids, named_ids;
    VEC(struct id_vec) named; /* by peer set and list of names: traits */
    struct intern trait_ids;
    VEC(struct trait) traits;

    struct intern class_ids; /* by the list of traits */
    VEC(struct ip_vec) classes;
    size_t memberships; /* of classes in traits: what the lists of classes cost */
};

/* ---- peer sets ---- */

/* Every address of the inventory: what ipBlock does not match when it means the outside only. */
static struct ipset inventory_addresses(struct binding *b, enum family f)
{
    VEC(struct ip_range) all = {0};
    const struct inventory *inv = &b->program->inv;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        for (size_t k = 0; !w->finished && k < w->naddrs; k++) {
            if (w->addrs[k].family == f) {
                vec_push(b->scratch, &all, (struct ip_range){w->addrs[k].ip, w->addrs[k].ip});
            }
        }
    }
    for (size_t i = 0; i < inv->nodes.n; i++) {
        const struct node_object *node = inv->nodes.v[i];
        for (size_t k = 0; k < node->naddrs; k++) {
            if (node->addrs[k].family == f) {
                vec_push(b->scratch, &all, (struct ip_range){node->addrs[k].ip, node->addrs[k].ip});
            }
        }
    }
    return ipset_of_ranges(b->scratch, all.v, all.n);
}

struct ipset bind_node_addresses(struct binding *b, const struct selector *nodes, enum family f)
{
    VEC(struct ip_range) found = {0};
    const struct inventory *inv = &b->program->inv;
    for (size_t i = 0; i < inv->nodes.n; i++) {
        const struct node_object *node = inv->nodes.v[i];
        for (size_t k = 0; selector_matches(nodes, &node->labels) && k < node->naddrs; k++) {
            if (node->addrs[k].family == f) {
                vec_push(b->scratch, &found,
                         (struct ip_range){node->addrs[k].ip, node->addrs[k].ip});
            }
        }
    }
    return ipset_of_ranges(b->arena, found.v, found.n);
}

/* The number of these addresses, less the inventory's if they are the outside only; ID_NONE if
 * none are left. */
static uint32_t nets_id(struct peers *p, struct ipset nets, const struct ipset *inventory)
{
    struct buf *key = p->b->key;
    buf_cut(key, 0);
    buf_putc(key, inventory != NULL ? 'o' : 'a');
    buf_put(key, nets.v, nets.n * sizeof *nets.v);
    uint32_t id = intern_add(&p->net_ids, buf_text(key));
    if (id == p->nets.n) {
        struct nets n = {.addrs = nets, .with_pods = inventory == NULL};
        if (inventory != NULL) {
            n.addrs = ipset_subtract(p->b->arena, nets, *inventory);
        }
        p->ranges += n.addrs.n;
        vec_push(p->b->scratch, &p->nets, n);
    }
    return p->nets.v[id].addrs.n == 0 ? ID_NONE : id;
}

static struct ipset nets_of(const struct peers *p, uint32_t id)
{
    return id == ID_NONE ? (struct ipset){NULL, 0} : p->nets.v[id].addrs;
}

/* What a rule matches by address. Where ipBlock means the outside only, `networks` of a cluster
 * policy still mean pods, too, as its API says. */
static uint32_t rule_nets(struct peers *p, const struct brule *br, const struct ipset *inventory)
{
    struct binding *b = p->b;
    bool is_cluster = policy_is_cluster(b->policies[br->policy].policy->origin);
    uint32_t id = nets_id(p, br->rule->nets[p->family], is_cluster ? NULL : inventory);
    for (size_t i = 0; i < br->rule->nclauses; i++) {
        const struct nclause *c = &br->rule->clauses[i];
        if (c->kind == PEER_NODES) {
            struct ipset nodes = bind_node_addresses(b, c->nodes, p->family);
            id = nets_id(p, ipset_union(b->arena, nets_of(p, id), nodes), NULL);
        }
    }
    return id;
}

/* The peer set of these clauses and nets; ID_NONE if it names nothing. */
static uint32_t set_id(struct peers *p, struct id_list clauses, uint32_t nets)
{
    struct arena *a = p->b->scratch;
    struct id_vec key = {0};
    for (size_t i = 0; i < clauses.n; i++) {
        if (clauses.v[i] != ID_NONE) {
            vec_push(a, &key, clauses.v[i]);
        }
    }
    size_t nmatchers = key.n = ids_sort(key.v, key.n);
    vec_push(a, &key, nets);
    if (nmatchers == 0 && nets == ID_NONE) {
        return ID_NONE;
    }
    uint32_t id = intern_ids(&p->set_ids, key.v, key.n);
    if (id < p->sets.n) {
        return id;
    }
    vec_push(a, &p->sets, (struct peer_set){0});
    for (size_t i = 0; i < nmatchers; i++) {
        vec_push(a, &p->sets_of_matcher[key.v[i]], id);
    }
    if (nets != ID_NONE) {
        vec_push(a, &p->nets.v[nets].sets, id);
    }
    return id;
}

static uint32_t names_id(struct peers *p, const struct nrule *r)
{
    struct buf *key = p->b->key;
    buf_cut(key, 0);
    for (size_t i = 0; i < r->nnames; i++) {
        uint32_t head[2] = {(uint32_t)r->names[i].proto, (uint32_t)r->names[i].name.n};
        buf_put(key, head, sizeof head);
        buf_str(key, r->names[i].name);
    }
    return intern_add(&p->name_ids, buf_text(key));
}

static void use_names(struct peers *p, struct use *u, const struct nrule *r)
{
    if (u->names_set == ID_NONE) {
        return;
    }
    uint32_t names = names_id(p, r);
    uint32_t id = intern_ids(&p->named_ids, (uint32_t[]){u->names_set, names}, 2);
    if (id == p->named.n) {
        vec_push(p->b->scratch, &p->named, (struct id_vec){0});
        vec_push(p->b->scratch, &p->sets.v[u->names_set].names, (struct names){id, r});
    }
    u->names = id;
}

/* Whether a rule lets its peers do anything that their own ports do not decide. */
static bool is_numeric(const struct peers *p, const struct nrule *r)
{
    bool named = p->direction == DIR_INGRESS && r->nnames > 0; /* resolved on the target */
    return r->any_port || named || !portset_is_empty(bind_family_ports(p->family, r->ports));
}

static void use_rule(struct peers *p, const struct brule *br, struct use *u, uint32_t nets)
{
    const struct nrule *r = br->rule;
    uint32_t set = r->any_peer ? ID_NONE : set_id(p, br->matchers, nets);
    *u = (struct use){ID_NONE, ID_NONE, ID_NONE};
    if (set != ID_NONE && is_numeric(p, r)) {
        u->set = set;
        p->sets.v[set].numeric = true;
    }
    if (p->direction == DIR_EGRESS && !r->any_port && r->nnames > 0) {
        struct id_list everyone = {&p->b->matcher_all, 1};
        u->names_set = r->any_peer ? set_id(p, everyone, ID_NONE) : set;
        use_names(p, u, r);
    }
}

/* ---- classes ---- */

static void push_all(struct arena *a, struct id_vec *to, const struct id_vec *from)
{
    for (size_t i = 0; i < from->n; i++) {
        vec_push(a, to, from->v[i]);
    }
}

static uint32_t trait_id(struct peers *p, uint32_t set, uint32_t named, struct portset ports)
{
    uint32_t key[3] = {set, named, named == ID_NONE ? 0 : bind_portset_id(p->b, ports)};
    uint32_t id = intern_ids(&p->trait_ids, key, 3);
    if (id == p->traits.n) {
        vec_push(p->b->scratch, &p->traits, (struct trait){.ports = ports});
        if (named != ID_NONE) {
            vec_push(p->b->scratch, &p->named.v[named], id);
        }
    }
    return id;
}

/* The traits of the members of a group at addresses that are in these nets. */
static struct id_list traits_of(struct peers *p, const struct group *g, struct id_list nets)
{
    struct arena *a = p->b->scratch;
    struct id_vec sets = {0}, traits = {0};
    for (size_t i = 0; i < g->matchers.n; i++) {
        push_all(a, &sets, &p->sets_of_matcher[g->matchers.v[i]]);
    }
    for (size_t i = 0; i < nets.n; i++) {
        push_all(a, &sets, &p->nets.v[nets.v[i]].sets);
    }
    sets.n = ids_sort(sets.v, sets.n);
    for (size_t i = 0; i < sets.n; i++) {
        const struct peer_set *set = &p->sets.v[sets.v[i]];
        if (set->numeric) {
            vec_push(a, &traits, trait_id(p, sets.v[i], ID_NONE, portset_none));
        }
        for (size_t k = 0; k < set->names.n; k++) {
            struct portset ports = bind_resolve(p->b, set->names.v[k].rule, g->example);
            if (!portset_is_empty(ports)) {
                vec_push(a, &traits, trait_id(p, sets.v[i], set->names.v[k].id, ports));
            }
        }
    }
    return (struct id_list){traits.v, ids_sort(traits.v, traits.n)};
}

/* The class with these traits; ID_NONE if there are none. */
static uint32_t class_of(struct peers *p, struct id_list traits)
{
    if (traits.n == 0) {
        return ID_NONE;
    }
    uint32_t id = intern_ids(&p->class_ids, traits.v, traits.n);
    if (id == p->classes.n) {
        vec_push(p->b->scratch, &p->classes, (struct ip_vec){0});
        p->memberships += traits.n;
        for (size_t i = 0; i < traits.n; i++) {
            vec_push(p->b->scratch, &p->traits.v[traits.v[i]].classes, id + 1);
        }
    }
    return id;
}

/* Nets that mean the outside only hold no address of a pod. */
static void start_sweep(struct peers *p, struct sweep *s)
{
    struct ipset *sets = ARENA_NEW_ARRAY(p->b->scratch, p->nets.n, struct ipset);
    for (size_t i = 0; i < p->nets.n; i++) {
        sets[i] = p->nets.v[i].with_pods ? p->nets.v[i].addrs : (struct ipset){NULL, 0};
    }
    sweep_start(s, p->b->scratch, p->family, sets, p->nets.n);
}

/* Puts every address into its class, in rising order, so that classes come out in the order of
 * their lowest address. False if there would be too many to list. */
static bool classify(struct peers *p)
{
    struct binding *b = p->b;
    struct sweep sweep;
    start_sweep(p, &sweep);
    struct intern pairs; /* group and nets: what decides the class */
    intern_init(&pairs, b->scratch);
    struct id_vec class_of_pair = {0};
    for (size_t i = 0; i < b->endpoints[p->family].n; i++) {
        const struct endpoint *e = &b->endpoints[p->family].v[i];
        while (ip_cmp(sweep.range.last, e->ip) < 0) {
            sweep_next(&sweep);
        }
        uint32_t group = b->live[e->live].group, nets = sweep_sets(&sweep);
        uint32_t pair = intern_ids(&pairs, (uint32_t[]){group, nets}, 2);
        if (pair == class_of_pair.n) {
            struct id_list in = intern_list(&sweep.lists, nets);
            vec_push(b->scratch, &class_of_pair,
                     class_of(p, traits_of(p, &b->groups.v[group], in)));
            if (p->memberships > b->max_elements) {
                return bind_explodes(b, (struct span){0}, p->memberships);
            }
        }
        if (class_of_pair.v[pair] != ID_NONE) {
            vec_push(b->scratch, &p->classes.v[class_of_pair.v[pair]], e->ip);
        }
    }
    return true;
}

/* ---- the result ---- */

static bool collect_uses(struct peers *p, struct peer_rule *rules)
{
    struct binding *b = p->b;
    bool outside_only = b->options->ipblock_external;
    struct ipset inventory = {NULL, 0};
    if (outside_only) {
        inventory = inventory_addresses(b, p->family);
    }
    for (size_t i = 0; i < b->rules[p->direction].n; i++) {
        const struct brule *br = &b->rules[p->direction].v[i];
        p->uses[i] = (struct use){ID_NONE, ID_NONE, ID_NONE};
        if (!b->policies[br->policy].active) {
            continue;
        }
        uint32_t nets = rule_nets(p, br, outside_only ? &inventory : NULL);
        use_rule(p, br, &p->uses[i], nets);
        rules[i].nets = nets_of(p, nets);
        if (p->ranges > b->max_elements) {
            return bind_explodes(b, br->rule->origin->at, p->ranges);
        }
    }
    return true;
}

/* Lists of classes are shared by all rules with the same peers. */
static void share_lists(struct peers *p, struct peer_rule *rules)
{
    struct arena *a = p->b->arena;
    struct id_list *of_trait = ARENA_NEW_ARRAY(a, p->traits.n, struct id_list);
    for (size_t i = 0; i < p->traits.n; i++) {
        of_trait[i] = ids_copy(a, p->traits.v[i].classes.v, p->traits.v[i].classes.n);
    }
    for (size_t i = 0; i < p->b->rules[p->direction].n; i++) {
        const struct use *u = &p->uses[i];
        if (u->set != ID_NONE) {
            uint32_t key[3] = {u->set, ID_NONE, 0};
            uint32_t trait =
                intern_find(&p->trait_ids, (struct str){(const char *)key, sizeof key});
            rules[i].classes = trait == ID_NONE ? (struct id_list){NULL, 0} : of_trait[trait];
        }
        if (u->names != ID_NONE) {
            const struct id_vec *traits = &p->named.v[u->names];
            rules[i].named = ARENA_NEW_ARRAY(a, traits->n, struct peer_named);
            rules[i].nnamed = traits->n;
            for (size_t k = 0; k < traits->n; k++) {
                rules[i].named[k] =
                    (struct peer_named){p->traits.v[traits->v[k]].ports, of_trait[traits->v[k]]};
            }
        }
    }
}

static void finish_classes(struct peers *p, struct bound_side *side)
{
    struct arena *a = p->b->arena;
    side->npeers = p->classes.n;
    side->peers = ARENA_NEW_ARRAY(a, p->classes.n, struct peer_class);
    for (uint32_t i = 0; i < p->classes.n; i++) {
        size_t n = p->classes.v[i].n;
        side->peers[i].id = i + 1;
        side->peers[i].addrs = (struct addr_list){ARENA_NEW_ARRAY(a, n, struct ip), n};
        memcpy(side->peers[i].addrs.v, p->classes.v[i].v, n * sizeof(struct ip));
    }
}

static int compare_addresses(const void *x, const void *y)
{
    return ip_cmp(((const struct peer_address *)x)->ip, ((const struct peer_address *)y)->ip);
}

struct peer_addresses bound_peer_addresses(struct arena *a, const struct bound_side *side)
{
    VEC(struct peer_address) all = {0};
    for (size_t i = 0; i < side->npeers; i++) {
        const struct peer_class *c = &side->peers[i];
        for (size_t k = 0; k < c->addrs.n; k++) {
            vec_push(a, &all, (struct peer_address){c->addrs.v[k], c->id});
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_addresses);
    return (struct peer_addresses){all.v, all.n};
}

struct peer_rule *bind_peers(struct binding *b, enum family f, enum direction d,
                             struct bound_side *side)
{
    struct arena *a = b->scratch;
    struct peer_rule *rules = ARENA_NEW_ARRAY(a, b->rules[d].n, struct peer_rule);

    struct peers p = {.b = b, .family = f, .direction = d};
    p.uses = ARENA_NEW_ARRAY(a, b->rules[d].n, struct use);
    p.sets_of_matcher = ARENA_NEW_ARRAY(a, b->matchers.n, struct id_vec);
    struct intern *tables[] = {&p.net_ids,   &p.set_ids,   &p.name_ids,
                               &p.named_ids, &p.trait_ids, &p.class_ids};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        intern_init(tables[i], a);
    }
    if (!collect_uses(&p, rules) || !classify(&p)) {
        return NULL;
    }
    share_lists(&p, rules);
    finish_classes(&p, side);
    return rules;
}
