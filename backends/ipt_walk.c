/* Writes the chains of an address tree. */
#include "backends/ipt_walk.h"

static bool name_node(const struct ipt_walk *w, const struct tree_node *node, struct str *name)
{
    if (node->level == 0) {
        *name = w->root;
        return true;
    }
    const struct ipt_key key = {
        .slug = str_of(w->slug),
        .parts = {STR("tree"), w->root, cidr_text(&w->table->ctx->arena, node->prefix)},
        .nparts = 3,
        .at = w->at};
    return ipt_name(w->table, &key, name);
}

static void put_node(const struct ipt_walk *w, const struct tree *tree, const struct str *names,
                     const struct tree_node *node, struct buf *body)
{
    for (size_t i = 0; i < node->n && node->nkids == 0; i++) {
        w->put_entry(w, &tree->entries[node->first + i], body);
    }
    for (size_t i = node->kids; i < node->kids + node->nkids; i++) {
        const struct tree_node *kid = &tree->nodes[i];
        if (tree_is_entry(kid)) {
            w->put_entry(w, &tree->entries[kid->first], body);
        } else {
            ipt_put_cidr(body, w->end, kid->prefix);
            ipt_put_goto(body, names[i]);
        }
    }
    buf_puts(body, w->rest);
}

bool ipt_walk_tree(const struct ipt_walk *w, const struct tree *tree, struct buf *body)
{
    struct arena *a = &w->table->ctx->arena;
    struct str *names = ARENA_NEW_ARRAY(a, tree->nnodes, struct str);
    for (size_t i = 0; i < tree->nnodes; i++) {
        if (!tree_is_entry(&tree->nodes[i]) && !name_node(w, &tree->nodes[i], &names[i])) {
            return false;
        }
    }
    for (size_t i = tree->nnodes; i-- > 0;) { /* chains are printed last first */
        if (!tree_is_entry(&tree->nodes[i])) {
            struct buf *own = i == 0 ? body : buf_new(a);
            put_node(w, tree, names, &tree->nodes[i], own);
            ipt_chain_add(w->table, names[i], own);
        }
    }
    return true;
}

static int entry_order(const void *x, const void *y)
{
    const struct tree_entry *a = x, *b = y;
    return ip_cmp(a->at.first, b->at.first);
}

void ipt_walk_sort(struct tree_entry *entries, size_t n)
{
    array_sort(entries, n, sizeof *entries, entry_order);
}

void ipt_walk_goto(const struct ipt_walk *w, const struct tree_entry *entry, struct buf *body)
{
    const struct str *chain = entry->value;
    ipt_put_cidr(body, w->end, entry->at);
    ipt_put_goto(body, *chain);
}
