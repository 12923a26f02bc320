/* Lays address trees out as chains. Knows nothing of ports and peers. */
#include "backends/ipt_dispatch.h"

#include "backends/ipt_walk.h"

const struct ipt_shapes ipt_shapes_plain = {.dispatch = {5, 8}, .self = {5, 8}};
const struct ipt_shapes ipt_shapes_paired = {
    .peers = {4, 32}, .pairs = {2, 32}, .dispatch = {2, 8}, .self = {2, 8}};

/* ---- self ---- */

struct self_pairs {
    const struct addr_pair *v;
    size_t n;
};

static void put_self_entry(const struct ipt_walk *walk, const struct tree_entry *entry,
                           struct buf *body)
{
    const struct self_pairs *pairs = entry->value;
    for (size_t i = 0; i < pairs->n; i++) {
        ipt_put_cidr(body, walk->end, entry->at);
        ipt_put_cidr(body, IPT_DEST, ipt_host(entry->at.family, pairs->v[i].destination));
        ipt_put_return(body);
    }
}

static struct self_pairs *pairs_of(struct arena *a, const struct bound *b, enum family f,
                                   struct ip source)
{
    size_t lo = 0, hi = b->nself[f];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ip_cmp(b->self[f][mid].source, source) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    struct self_pairs *pairs = ARENA_NEW(a, struct self_pairs);
    pairs->v = b->self[f] + lo;
    while (lo < b->nself[f] && ip_cmp(b->self[f][lo].source, source) == 0) {
        pairs->n++;
        lo++;
    }
    return pairs;
}

bool ipt_self(struct ipt_table *t, const struct bound *b, struct addr_list addrs,
              const struct ipt_deny *deny)
{
    struct arena *a = &t->ctx->arena;
    VEC(struct tree_entry) entries = {0};
    for (size_t i = 0; i < addrs.n; i++) {
        const struct self_pairs *pairs = pairs_of(a, b, t->family, addrs.v[i]);
        vec_push(a, &entries, (struct tree_entry){ipt_host(t->family, addrs.v[i]), pairs});
    }
    const struct ipt_walk walk = {
        .table = t,
        .end = IPT_SOURCE,
        .root = deny->root,
        .slug = "self",
        .put_entry = put_self_entry,
        .rest = deny->end,
    };
    struct buf *body = buf_new(a);
    buf_puts(body, deny->keeps);
    const struct tree tree = tree_build(a, entries.v, entries.n, deny->shape);
    return ipt_walk_tree(&walk, &tree, body);
}

/* ---- dispatch ---- */

/* With log each class ends in a chain of its own, whose log lines say which it is. */
static bool class_deny(struct ipt_side *s, const struct ipt_shapes *shapes,
                       const struct target_class *class)
{
    struct arena *a = &s->ctx->arena;
    const struct str id = kernel_log_class(a, s->table->family, class);
    const struct ipt_key key = {.slug = class->example->name,
                                .parts = {STR("deny"), str_of(direction_name(s->direction)), id},
                                .nparts = 3,
                                .at = class->policies[0]->origin->at};
    if (!ipt_name(s->table, &key, &s->deny)) {
        return false;
    }
    struct buf *end = buf_new(a);
    ipt_put_log(end, s->log_rate, kernel_log_prefix(a, s->direction, id));
    buf_puts(end, "-j DROP\n");
    const struct ipt_deny deny = {s->deny, s->keeps,
                                  str_printf(a, STR_FMT, STR_ARG(buf_text(end))).p, &shapes->self};
    return ipt_self(s->table, s->whole, class->addrs, &deny);
}

static bool class_chain(struct ipt_side *s, const struct ipt_shapes *shapes,
                        const struct target_class *class, struct str *name)
{
    if (s->log_rate > 0 && !class_deny(s, shapes, class)) {
        return false;
    }
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
        if (!class_chain(s, shapes, class, chain)) {
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
