/* Builds the address tree: cuts sorted entries into balanced prefixes. Knows no rules. */
#include "backends/ipt_tree.h"

#include <assert.h>

typedef VEC(struct tree_node) node_vec;

static bool ip_bit(enum family f, struct ip ip, unsigned i) /* 0 is the highest */
{
    unsigned from_low = (f == FAM_IP4 ? 32 : 128) - 1 - i;
    return (from_low >= 64 ? ip.hi >> (from_low - 64) : ip.lo >> from_low) & 1;
}

/* The longest prefix of two disjoint or equal prefixes, which differ before the end of either or
 * nowhere. */
static struct cidr common_prefix(struct cidr x, struct cidr y)
{
    uint8_t len = 0;
    while (len < x.len && ip_bit(x.family, x.first, len) == ip_bit(x.family, y.first, len)) {
        len++;
    }
    return cidr_shorten(x, len);
}

static struct tree_node node_of(const struct tree_entry *entries, size_t first, size_t n,
                                unsigned level)
{
    return (struct tree_node){.prefix = common_prefix(entries[first].at, entries[first + n - 1].at),
                              .first = first,
                              .n = n,
                              .level = level};
}

/* How many of a node's entries have a 0 in the first bit after its prefix: neither none nor all. */
static size_t entries_left(const struct tree_entry *entries, const struct tree_node *node)
{
    size_t lo = 0, hi = node->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        struct cidr at = entries[node->first + mid].at;
        if (ip_bit(at.family, at.first, node->prefix.len)) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    assert(lo > 0 && lo < node->n);
    return lo;
}

static size_t largest_part(const struct tree_node *parts, size_t n)
{
    size_t largest = 0;
    for (size_t i = 1; i < n; i++) {
        if (parts[i].n > parts[largest].n) {
            largest = i;
        }
    }
    return largest;
}

/* Cuts a node into up to `fanout` parts, rising; stops early where all parts are leaves. */
static size_t cut_node(const struct tree_entry *entries, const struct tree_node *node,
                       const struct tree_shape *shape, size_t fanout, struct tree_node *parts)
{
    size_t n = 1;
    parts[0] = *node;
    parts[0].level++;
    while (n < fanout) {
        size_t at = largest_part(parts, n);
        struct tree_node whole = parts[at];
        if (whole.n <= shape->leaf) {
            break;
        }
        size_t left = entries_left(entries, &whole);
        for (size_t i = n; i > at + 1; i--) {
            parts[i] = parts[i - 1];
        }
        parts[at] = node_of(entries, whole.first, left, whole.level);
        parts[at + 1] = node_of(entries, whole.first + left, whole.n - left, whole.level);
        n++;
    }
    return n;
}

/* The smallest fan-out with which a balanced tree has room for n entries. */
static size_t fanout_for(size_t n, const struct tree_shape *shape)
{
    for (size_t fanout = TREE_FANOUT;; fanout++) {
        size_t room = shape->leaf;
        for (unsigned level = 1; level < shape->levels && room < n; level++) {
            room *= fanout;
        }
        if (room >= n || shape->levels == 1) {
            return fanout;
        }
    }
}

struct tree tree_build(struct arena *a, const struct tree_entry *entries, size_t n,
                       const struct tree_shape *shape)
{
    assert(n > 0 && shape->levels > 0 && shape->leaf > 0);
    const size_t fanout = fanout_for(n, shape);
    struct tree_node *parts = ARENA_NEW_ARRAY(a, fanout, struct tree_node);
    node_vec nodes = {0};
    vec_push(a, &nodes, node_of(entries, 0, n, 0));
    for (size_t i = 0; i < nodes.n; i++) {
        struct tree_node *node = &nodes.v[i];
        if (node->n <= shape->leaf || node->level + 1 >= shape->levels) {
            continue;
        }
        size_t nparts = cut_node(entries, node, shape, fanout, parts);
        node->kids = nodes.n;
        node->nkids = nparts;
        for (size_t k = 0; k < nparts; k++) {
            vec_push(a, &nodes, parts[k]); /* moves nodes.v: `node` ends here */
        }
    }
    return (struct tree){entries, nodes.v, nodes.n};
}

bool tree_is_entry(const struct tree_node *node)
{
    return node->n == 1 && node->level > 0;
}
