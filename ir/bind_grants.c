/* What each target class allows: one grant for each rule of its policies, or several where the
 * named ports of a rule are different numbers on different pods. */
#include "ir/bind_priv.h"

#include <string.h>

struct portset bind_family_ports(enum family f, struct portset s)
{
    s.keys[f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP] = (struct port_ranges){NULL, 0};
    return s;
}

bool bind_ports_are_all(enum family f, struct portset s)
{
    bool all = s.other;
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        bool foreign = p == (f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP);
        all = all && (foreign || port_ranges_are_all(s.keys[p]));
    }
    return all;
}

struct portset bind_rule_ports(const struct granting *g, const struct nrule *r,
                               const struct workload *target)
{
    struct portset s = r->any_port ? portset_all(g->b->arena) : r->ports;
    if (g->direction == DIR_INGRESS && !r->any_port && r->nnames > 0) {
        s = portset_union(g->b->arena, s, bind_resolve(g->b, r, target));
    }
    return bind_family_ports(g->family, s);
}

/* A grant of rule number `rule`, or NULL if it would allow nothing. */
static const struct grant *make_grant(struct granting *g, uint32_t rule, struct id_list classes,
                                      bool numeric, struct portset ports)
{
    const struct brule *br = &g->b->rules[g->direction].v[rule];
    bool any_peer = numeric && br->rule->any_peer;
    struct ipset nets = numeric ? g->peers[rule].nets : (struct ipset){NULL, 0};
    if (portset_is_empty(ports) || (!any_peer && classes.n == 0 && nets.n == 0)) {
        return NULL;
    }
    struct grant *made = ARENA_NEW(g->b->arena, struct grant);
    *made = (struct grant){.policy = g->b->policies[br->policy].policy,
                           .rule = br->rule,
                           .any_peer = any_peer,
                           .classes = classes,
                           .nets = nets,
                           .ports = ports};
    return made;
}

static void push_grant(struct granting *g, struct grants *to, const struct grant *grant)
{
    if (grant != NULL) {
        vec_push(g->b->scratch, to, grant);
    }
}

/* On egress names are resolved on the peers: bind_peers() has sorted those by their numbers. */
static const struct grants *egress_grants(struct granting *g, uint32_t rule,
                                          const struct workload *target)
{
    struct grants *list = &g->of_rule[rule];
    if (!g->made[rule]) {
        const struct peer_rule *p = &g->peers[rule];
        const struct nrule *r = g->b->rules[g->direction].v[rule].rule;
        g->made[rule] = true;
        struct portset numeric = bind_rule_ports(g, r, target);
        push_grant(g, list, make_grant(g, rule, p->classes, true, numeric));
        for (size_t i = 0; i < p->nnamed; i++) {
            struct portset ports = bind_family_ports(g->family, p->named[i].ports);
            push_grant(g, list, make_grant(g, rule, p->named[i].classes, false, ports));
        }
    }
    return list;
}

/* On ingress names are resolved on the target; its class says which pod stands for all. */
static const struct grant *ingress_grant(struct granting *g, uint32_t rule,
                                         const struct workload *target)
{
    const struct nrule *r = g->b->rules[g->direction].v[rule].rule;
    struct portset ports = bind_rule_ports(g, r, target);
    uint32_t key[2] = {rule, bind_portset_id(g->b, ports)};
    uint32_t id = intern_ids(&g->ids, key, 2);
    if (id == g->by_id.n) {
        const struct grant *made = make_grant(g, rule, g->peers[rule].classes, true, ports);
        vec_push(g->b->scratch, &g->by_id, made);
    }
    return g->by_id.v[id];
}

/* What a grant costs at least: each of its peers with each of its port ranges. (Lists in memory:
 * their product is far from the end of size_t.) */
static void count_grant(struct granting *g, const struct grant *grant)
{
    size_t ranges = grant->ports.other;
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        ranges += grant->ports.keys[p].n;
    }
    size_t peers = grant->any_peer ? 1 : grant->classes.n + grant->nets.n;
    size_t product = peers * ranges;
    g->elements += product;
    if (product > g->most) {
        g->most = product;
        g->most_of = grant->rule;
    }
}

static void grant_rules(struct granting *g, const struct bpolicy *p,
                        const struct target_class *target, struct grants *out)
{
    uint32_t first = p->first_rule[g->direction];
    for (uint32_t rule = first; rule < first + p->nrules[g->direction]; rule++) {
        if (g->direction == DIR_INGRESS) {
            push_grant(g, out, ingress_grant(g, rule, target->example));
            continue;
        }
        const struct grants *list = egress_grants(g, rule, target->example);
        for (size_t i = 0; i < list->n; i++) {
            push_grant(g, out, list->v[i]);
        }
    }
}

/* *open: all traffic of the target is allowed. */
static bool grant_target(struct granting *g, struct target_class *target,
                         const struct id_list *policies, bool *open)
{
    struct grants all = {0};
    *open = false;
    if (bind_has_tiers(g->b, policies)) {
        if (!bind_flatten(g, target, policies, &all, open)) {
            return false;
        }
    } else {
        for (size_t i = 0; i < policies->n; i++) {
            grant_rules(g, &g->b->policies[policies->v[i]], target, &all);
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        count_grant(g, all.v[i]);
    }
    target->ngrants = all.n;
    target->grants = ARENA_NEW_ARRAY(g->b->arena, all.n, const struct grant *);
    if (all.n > 0) {
        memcpy(target->grants, all.v, all.n * sizeof *all.v);
    }
    return g->elements <= g->b->max_elements ||
           bind_explodes(g->b, g->most_of->origin->at, g->elements);
}

bool bind_grants(struct binding *b, enum family f, enum direction d, const struct peer_rule *peers,
                 const struct id_list *policies, struct bound_side *side)
{
    struct granting g = {.b = b, .family = f, .direction = d, .peers = peers, .side = side};
    g.of_rule = ARENA_NEW_ARRAY(b->scratch, b->rules[d].n, struct grants);
    g.made = ARENA_NEW_ARRAY(b->scratch, b->rules[d].n, bool);
    intern_init(&g.ids, b->scratch);
    uint32_t kept = 0;
    for (size_t i = 0; i < side->ntargets; i++) {
        bool open;
        if (!grant_target(&g, &side->targets[i], &policies[i], &open)) {
            return false;
        }
        if (!open) { /* else it is as if no policy knew it */
            side->targets[kept] = side->targets[i];
            side->targets[kept].id = kept + 1;
            kept++;
        }
    }
    side->ntargets = kept;
    side->npeers = kept > 0 ? side->npeers : 0;
    return true;
}
