/*
 * Covers a set of addresses by prefixes with exceptions. Every prefix that is partly in the set is
 * a node; a node costs what its halves cost, for either answer that it may inherit from above, and
 * may change the answer for one entry more. The cheapest choice is exact and shortest (the idea of
 * Draves et al., "Constructing Optimal IP Routing Tables", 1999, for two answers).
 */
#include "backends/ipt_nets.h"

struct net_node {
    struct cidr at;
    size_t from, to;  /* the ranges of the set that touch it */
    size_t half[2];   /* nodes, if not full and not empty */
    bool leaf, full;  /* a leaf is all in the set, or all out of it */
    uint32_t cost[2]; /* entries needed below, when out (0) or in (1) is inherited */
};

typedef VEC(struct net_node) node_vec;

static struct cidr cidr_half(struct cidr c, unsigned upper)
{
    unsigned from_low = (c.family == FAM_IP4 ? 32 : 128) - 1 - c.len;
    c.len++;
    if (from_low >= 64) {
        c.first.hi |= (uint64_t)upper << (from_low - 64);
    } else {
        c.first.lo |= (uint64_t)upper << from_low;
    }
    return c;
}

static struct net_node node_of(struct ipset set, struct cidr at, size_t from, size_t to)
{
    struct ip last = cidr_last(at);
    while (from < to && ip_cmp(set.v[from].last, at.first) < 0) {
        from++;
    }
    while (from < to && ip_cmp(set.v[to - 1].first, last) > 0) {
        to--;
    }
    bool empty = from == to;
    bool full =
        !empty && ip_cmp(set.v[from].first, at.first) <= 0 && ip_cmp(set.v[from].last, last) >= 0;
    return (struct net_node){.at = at, .from = from, .to = to, .leaf = empty || full, .full = full};
}

static uint32_t cost_of(const node_vec *nodes, const struct net_node *n, unsigned inherited)
{
    return nodes->v[n->half[0]].cost[inherited] + nodes->v[n->half[1]].cost[inherited];
}

/* Halves come behind their node: going backwards, they are done before it. */
static void find_costs(node_vec *nodes)
{
    for (size_t i = nodes->n; i-- > 0;) {
        struct net_node *n = &nodes->v[i];
        for (unsigned inherited = 0; inherited < 2; inherited++) {
            if (n->leaf) {
                n->cost[inherited] = n->full != (inherited == 1);
                continue;
            }
            uint32_t keep = cost_of(nodes, n, inherited);
            uint32_t change = cost_of(nodes, n, 1 - inherited) + 1;
            /* The whole space has no entry of its own. */
            n->cost[inherited] = change < keep && n->at.len > 0 ? change : keep;
        }
    }
}

struct step {
    size_t node;
    unsigned inherited;
};

struct net_entries nets_cover(struct arena *a, enum family f, struct ipset set)
{
    struct arena *scratch = arena_new_scratch(a);
    node_vec nodes = {0};
    vec_push(scratch, &nodes, node_of(set, (struct cidr){.family = f}, 0, set.n));
    nodes.v[0].leaf = false;
    for (size_t i = 0; i < nodes.n; i++) {
        if (nodes.v[i].leaf) {
            continue;
        }
        for (unsigned upper = 0; upper < 2; upper++) {
            struct net_node whole = nodes.v[i];
            nodes.v[i].half[upper] = nodes.n;
            vec_push(scratch, &nodes,
                     node_of(set, cidr_half(whole.at, upper), whole.from, whole.to));
        }
    }
    find_costs(&nodes);

    VEC(struct net_entry) entries = {0};
    VEC(struct step) todo = {0};
    vec_push(scratch, &todo, (struct step){0, 0});
    while (todo.n > 0) {
        struct step s = todo.v[--todo.n];
        const struct net_node *n = &nodes.v[s.node];
        bool changes = n->leaf ? n->full != (s.inherited == 1)
                               : n->cost[s.inherited] < cost_of(&nodes, n, s.inherited);
        if (changes) {
            s.inherited = 1 - s.inherited;
            vec_push(a, &entries, (struct net_entry){n->at, s.inherited == 0});
        }
        if (!n->leaf) {
            vec_push(scratch, &todo, (struct step){n->half[1], s.inherited});
            vec_push(scratch, &todo, (struct step){n->half[0], s.inherited});
        }
    }
    arena_free(scratch);
    return (struct net_entries){entries.v, entries.n};
}
