/* Lays address trees out as chains. Knows nothing of ports and peers. */
#include "backends/ipt_dispatch.h"

#include "backends/ipt_walk.h"

const struct ipt_shapes ipt_shapes_plain = {.dispatch = {5, 8}, .self = {5, 8}};
const struct ipt_shapes ipt_shapes_paired = {
    .peers = {4, 32}, .pairs = {2, 32}, .dispatch = {2, 8}, .self = {2, 8}};

/* ---- dispatch ---- */

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

bool ipt_dispatch(struct ipt_side *s, const struct ipt_shapes *shapes, const char *root,
                  struct cidr *gate)
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
        struct cidrs cidrs = ipt_addrs_cidrs(a, s->table->family, class->addrs);
        for (size_t k = 0; k < cidrs.n; k++) {
            vec_push(a, &entries, (struct tree_entry){cidrs.v[k], chain});
        }
    }
    ipt_walk_sort(entries.v, entries.n);
    const struct tree tree = tree_build(a, entries.v, entries.n, &shapes->dispatch);
    const bool ingress = s->direction == DIR_INGRESS;
    const struct ipt_walk walk = {
        .table = s->table,
        .end = ipt_local_end(s),
        .root = str_of(root),
        .slug = ingress ? "ingress" : "egress",
        .at = s->bound->targets[0].policies[0]->origin->at,
        .put_entry = ipt_walk_goto,
        .rest = "",
    };
    *gate = tree.nodes[0].prefix;
    return ipt_walk_tree(&walk, &tree, buf_new(a));
}

/* ---- self ---- */

/* The value is the workload that has the address, or NULL. */
static void put_self_entry(const struct ipt_walk *walk, const struct tree_entry *entry,
                           struct buf *body)
{
    const struct workload *w = entry->value;
    for (size_t i = 0; w != NULL && i < w->naddrs; i++) {
        if (w->addrs[i].family == entry->at.family) {
            ipt_put_cidr(body, walk->end, entry->at);
            ipt_put_cidr(body, IPT_DEST, ipt_host(entry->at.family, w->addrs[i].ip));
            ipt_put_return(body);
        }
    }
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
    ipt_walk_sort(owned.v, owned.n);
    *n = owned.n;
    return owned.v;
}

bool ipt_self(struct ipt_table *t, const struct inventory *inv, struct addr_list addrs,
              const struct ipt_shapes *shapes, const char *root, struct buf *body)
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
    const struct ipt_walk walk = {
        .table = t,
        .end = IPT_SOURCE,
        .root = str_of(root),
        .slug = "self",
        .put_entry = put_self_entry,
        .rest = "-j DROP\n",
    };
    if (entries.n == 0) {
        buf_puts(body, walk.rest);
        ipt_chain_add(t, walk.root, body);
        return true;
    }
    const struct tree tree = tree_build(a, entries.v, entries.n, &shapes->self);
    return ipt_walk_tree(&walk, &tree, body);
}
