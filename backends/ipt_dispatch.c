/* Lays address trees out as chains. Knows nothing of ports and peers. */
#include "backends/ipt_dispatch.h"

#include "backends/ipt_tree.h"

#include <stdlib.h>

/* What distinguishes one kind of tree from another. */
struct layout {
    struct ipt_table *table;
    enum ipt_end end; /* which address the tree looks at */
    const char *root; /* its chain: the root of the tree */
    const char *slug; /* of the chains below */
    struct span at;   /* where to report */
    void (*put_entry)(const struct layout *l, const struct tree_entry *entry, struct buf *body);
    const char *rest; /* the rule for packets that a chain does not find, or "" */
};

static bool name_node(const struct layout *l, const struct tree_node *node, struct str *name)
{
    if (node->level == 0) {
        *name = str_of(l->root);
        return true;
    }
    const struct ipt_key key = {
        .slug = str_of(l->slug),
        .parts = {STR("tree"), str_of(l->root), cidr_text(&l->table->ctx->arena, node->prefix)},
        .nparts = 3,
        .at = l->at};
    return ipt_name(l->table, &key, name);
}

static void put_node(const struct layout *l, const struct tree *tree, const struct str *names,
                     const struct tree_node *node, struct buf *body)
{
    for (size_t i = 0; i < node->n && node->nkids == 0; i++) {
        l->put_entry(l, &tree->entries[node->first + i], body);
    }
    for (size_t i = node->kids; i < node->kids + node->nkids; i++) {
        const struct tree_node *kid = &tree->nodes[i];
        if (tree_is_entry(kid)) {
            l->put_entry(l, &tree->entries[kid->first], body);
        } else {
            ipt_put_cidr(body, l->end, kid->prefix);
            ipt_put_goto(body, names[i]);
        }
    }
    buf_puts(body, l->rest);
}

/* Adds the chains of a tree; the root's rules stand behind what is in `body`. */
static bool put_tree(const struct layout *l, const struct tree *tree, struct buf *body)
{
    struct arena *a = &l->table->ctx->arena;
    struct str *names = ARENA_NEW_ARRAY(a, tree->nnodes, struct str);
    for (size_t i = 0; i < tree->nnodes; i++) {
        if (!tree_is_entry(&tree->nodes[i]) && !name_node(l, &tree->nodes[i], &names[i])) {
            return false;
        }
    }
    for (size_t i = tree->nnodes; i-- > 0;) { /* chains are printed last first */
        if (!tree_is_entry(&tree->nodes[i])) {
            struct buf *own = i == 0 ? body : buf_new(a);
            put_node(l, tree, names, &tree->nodes[i], own);
            ipt_chain_add(l->table, names[i], own);
        }
    }
    return true;
}

static int entry_order(const void *x, const void *y)
{
    const struct tree_entry *a = x, *b = y;
    return ip_cmp(a->at.first, b->at.first);
}

/* ---- dispatch ---- */

static void put_class_entry(const struct layout *l, const struct tree_entry *entry,
                            struct buf *body)
{
    const struct str *chain = entry->value;
    ipt_put_cidr(body, l->end, entry->at);
    ipt_put_goto(body, *chain);
}

static bool class_chain(struct ipt_side *s, const struct target_class *class, struct str *name)
{
    struct buf *body = buf_new(&s->ctx->arena);
    if (!ipt_class_rules(s, class, body)) {
        return false;
    }
    const struct ipt_key key = {
        .slug = class->example->name,
        .parts = {STR("class"), str_of(direction_name(s->direction)), ipt_class_key(s, class)},
        .nparts = 3,
        .at = class->policies[0]->origin->at};
    bool is_new;
    if (!ipt_chain_shared(s->table, &key, body, name, &is_new)) {
        return false;
    }
    ipt_map_class(s->map, s->direction, *name, class);
    return true;
}

static struct ipset addrs_set(struct arena *a, struct addr_list addrs)
{
    struct ip_range *ranges = ARENA_NEW_ARRAY(a, addrs.n, struct ip_range);
    for (size_t i = 0; i < addrs.n; i++) {
        ranges[i] = (struct ip_range){addrs.v[i], addrs.v[i]};
    }
    return ipset_of_ranges(a, ranges, addrs.n);
}

bool ipt_dispatch(struct ipt_side *s, const char *root, struct cidr *gate)
{
    struct arena *a = &s->ctx->arena;
    VEC(struct tree_entry) entries = {0};
    for (size_t i = s->bound->ntargets; i-- > 0;) { /* chains are printed last first */
        const struct target_class *class = &s->bound->targets[i];
        struct str *chain = ARENA_NEW(a, struct str);
        if (!class_chain(s, class, chain)) {
            return false;
        }
        /* Neighbours of one class share a rule. */
        struct cidrs cidrs = ipset_cidrs(a, addrs_set(a, class->addrs), s->table->family);
        for (size_t k = 0; k < cidrs.n; k++) {
            vec_push(a, &entries, (struct tree_entry){cidrs.v[k], chain});
        }
    }
    qsort(entries.v, entries.n, sizeof *entries.v, entry_order);
    const struct tree tree = tree_build(a, entries.v, entries.n, DISPATCH_LEVELS);
    const bool ingress = s->direction == DIR_INGRESS;
    const struct layout layout = {
        .table = s->table,
        .end = ingress ? IPT_DEST : IPT_SOURCE,
        .root = root,
        .slug = ingress ? "ingress" : "egress",
        .at = s->bound->targets[0].policies[0]->origin->at,
        .put_entry = put_class_entry,
        .rest = "",
    };
    *gate = tree.nodes[0].prefix;
    return put_tree(&layout, &tree, buf_new(a));
}

/* ---- self ---- */

/* The value is the workload that has the address, or NULL. */
static void put_self_entry(const struct layout *l, const struct tree_entry *entry, struct buf *body)
{
    const struct workload *w = entry->value;
    for (size_t i = 0; w != NULL && i < w->naddrs; i++) {
        if (w->addrs[i].family == entry->at.family) {
            ipt_put_cidr(body, IPT_SOURCE, entry->at);
            ipt_put_cidr(body, IPT_DEST, ipt_host(entry->at.family, w->addrs[i].ip));
            ipt_put_return(body);
        }
    }
    (void)l;
}

static bool has_addresses(const struct workload *w)
{
    return w->kind != WL_TEMPLATE && !w->finished && !w->host_network;
}

/* Every address of the family that belongs to a workload, rising. */
static struct tree_entry *owned_addrs(struct arena *a, const struct inventory *inv, enum family f,
                                      size_t *n)
{
    VEC(struct tree_entry) owned = {0};
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        for (size_t k = 0; k < w->naddrs && has_addresses(w); k++) {
            if (w->addrs[k].family == f) {
                vec_push(a, &owned, (struct tree_entry){ipt_host(f, w->addrs[k].ip), w});
            }
        }
    }
    if (owned.n > 0) {
        qsort(owned.v, owned.n, sizeof *owned.v, entry_order);
    }
    *n = owned.n;
    return owned.v;
}

bool ipt_self(struct ipt_table *t, const struct inventory *inv, struct addr_list addrs,
              const char *root, struct buf *body)
{
    struct arena *a = &t->ctx->arena;
    size_t nowned;
    const struct tree_entry *owned = owned_addrs(a, inv, t->family, &nowned);
    VEC(struct tree_entry) entries = {0};
    for (size_t i = 0, k = 0; i < addrs.n && k < nowned;) {
        int order = ip_cmp(owned[k].at.first, addrs.v[i]);
        if (order == 0) {
            vec_push(a, &entries, owned[k]);
        }
        i += order >= 0;
        k += order <= 0;
    }
    const struct layout layout = {
        .table = t,
        .end = IPT_SOURCE,
        .root = root,
        .slug = "self",
        .put_entry = put_self_entry,
        .rest = "-j DROP\n",
    };
    if (entries.n == 0) {
        buf_puts(body, layout.rest);
        ipt_chain_add(t, str_of(root), body);
        return true;
    }
    const struct tree tree = tree_build(a, entries.v, entries.n, SELF_LEVELS);
    return put_tree(&layout, &tree, body);
}
