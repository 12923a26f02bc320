/*
 * Sets and rules for a list of "this key may use these ports". A constant number of look-ups, but
 * for wide port ranges and ICMP types: those are one rule each while they are few.
 *
 *     KEY . meta l4proto . th dport @ports      single ports
 *     KEY . meta l4proto @protos                whole protocols
 *     KEY @all                                  all traffic
 *     tcp dport 30000-32767 KEY @range          a wide range …
 *     KEY . meta l4proto . th dport @ranges     … or an interval set for many of them
 *
 * `th dport` reads the same two bytes of any protocol; the protocol in the key makes the
 * difference.
 */
#include "backends/nft_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- port sets by number ---- */

void nft_portsets_init(struct nft_portsets *s, const struct nft_part *p)
{
    *s = (struct nft_portsets){.arena = p->arena,
                               .family = p->family,
                               .expand = p->tuning->expand,
                               .key = buf_new(p->arena)};
    intern_init(&s->ids, p->arena);
    intern_init(&s->unions, p->arena);
}

uint32_t nft_portsets_add(struct nft_portsets *s, struct portset ports)
{
    buf_cut(s->key, 0);
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        buf_put(s->key, &ports.keys[p].n, sizeof ports.keys[p].n);
        buf_put(s->key, ports.keys[p].v, ports.keys[p].n * sizeof *ports.keys[p].v);
    }
    buf_putc(s->key, ports.other ? 1 : 0);
    uint32_t id = intern_add(&s->ids, buf_text(s->key));
    if (id == s->sets.n) {
        vec_push(s->arena, &s->sets, ports);
        vec_push(s->arena, &s->items, nft_items_of(s->arena, s->family, ports, s->expand));
        vec_push(s->arena, &s->plain, nft_items_of(s->arena, s->family, ports, 1));
    }
    return id;
}

const struct nft_items *nft_portsets_plain(struct nft_portsets *s, struct portset ports)
{
    uint32_t id = nft_portsets_add(s, ports);
    return &s->plain.v[id];
}

uint32_t nft_portsets_union(struct nft_portsets *s, uint32_t x, uint32_t y)
{
    if (x == y || x == ID_NONE || y == ID_NONE) {
        return x == ID_NONE ? y : x;
    }
    uint32_t pair = intern_ids(&s->unions, (uint32_t[]){x, y}, 2);
    if (pair == s->union_of.n) {
        struct portset both = portset_union(s->arena, s->sets.v[x], s->sets.v[y]);
        uint32_t id = nft_portsets_add(s, both);
        vec_push(s->arena, &s->union_of, id);
    }
    return s->union_of.v[pair];
}

/* ---- the rules ---- */

struct items_vec {
    struct nft_item *v;
    size_t n, cap;
};

struct merge {
    struct nft_part *part;
    const struct nft_portsets *ports;
    struct nft_key key;
    const struct nft_keyed *entries;
    size_t n;
    const char *verdict;
    struct str comment;
    struct items_vec apart; /* items that take a rule each, sorted, once */
    bool ranges_in_set;
    size_t of_kind[NFT_OTHER + 1];
};

static const struct nft_items *items_of(const struct merge *m, size_t entry)
{
    return &m->ports->items.v[m->entries[entry].ports];
}

static int compare_items(const void *x, const void *y)
{
    return nft_item_cmp(*(const struct nft_item *)x, *(const struct nft_item *)y);
}

static bool stands_apart(struct nft_item i)
{
    return i.kind == NFT_RANGE || i.kind == NFT_ICMP || i.kind == NFT_OTHER;
}

/* Counts the elements by kind and lists the items that need a rule of their own. */
static bool count(struct merge *m, struct span at)
{
    struct arena *a = m->part->arena;
    size_t elements = 0;
    uint32_t last = ID_NONE;
    struct id_vec distinct = {0};
    for (size_t i = 0; i < m->n; i++) {
        elements += items_of(m, i)->n;
        if (m->entries[i].ports != last) {
            last = m->entries[i].ports;
            vec_push(a, &distinct, last);
        }
        for (size_t k = 0; k < items_of(m, i)->n; k++) {
            m->of_kind[items_of(m, i)->v[k].kind]++;
        }
    }
    distinct.n = ids_sort(distinct.v, distinct.n);
    for (size_t i = 0; i < distinct.n; i++) {
        const struct nft_items *items = &m->ports->items.v[distinct.v[i]];
        for (size_t k = 0; k < items->n; k++) {
            if (stands_apart(items->v[k])) {
                vec_push(a, &m->apart, items->v[k]);
            }
        }
    }
    if (m->apart.n > 1) {
        qsort(m->apart.v, m->apart.n, sizeof *m->apart.v, compare_items);
    }
    size_t kept = 0, ranges = 0;
    for (size_t i = 0; i < m->apart.n; i++) {
        if (kept == 0 || nft_item_cmp(m->apart.v[kept - 1], m->apart.v[i]) != 0) {
            ranges += m->apart.v[i].kind == NFT_RANGE;
            m->apart.v[kept++] = m->apart.v[i];
        }
    }
    m->apart.n = kept;
    const struct nft_tuning *t = m->part->tuning;
    m->ranges_in_set =
        ranges > (m->of_kind[NFT_RANGE] <= t->range_elements ? t->plain_ranges : t->most_ranges);
    return nft_part_reserve(m->part, elements, at);
}

/* The parts of a concatenation that are there, joined: "ip saddr . meta l4proto . th dport". */
static const char *joined(struct arena *a, const char *key, const char *rest)
{
    const char *dot = key[0] != '\0' && rest[0] != '\0' ? " . " : "";
    return str_printf(a, "%s%s%s", key, dot, rest).p;
}

static void put_element(struct buf *b, const struct nft_keyed *e, struct nft_item item)
{
    buf_str(b, e->key);
    const char *dot = e->key.n > 0 ? " . " : "";
    switch (item.kind) {
    case NFT_PORT:
        buf_printf(b, "%s%d . %u", dot, proto_number(item.proto), item.first);
        break;
    case NFT_RANGE:
        buf_printf(b, "%s%d . %u-%u", dot, proto_number(item.proto), item.first, item.last);
        break;
    case NFT_PROTO:
        buf_printf(b, "%s%d", dot, proto_number(item.proto));
        break;
    case NFT_ALL:
    case NFT_ICMP:
    case NFT_OTHER:
        break;
    }
}

/* One set over all entries that have items of a kind, and its rule. */
static void kind_rule(struct merge *m, enum nft_item_kind kind, const char *set_kind,
                      const char *expr, const char *type)
{
    struct arena *a = m->part->arena;
    if (m->of_kind[kind] == 0) {
        return;
    }
    struct nft_set *s = nft_set_new(m->part, joined(a, m->key.type, type));
    s->interval = kind == NFT_RANGE;
    /* nft 1.0.6 swaps the bytes of one element in each netlink message twice: see NFT_CHUNK. */
    s->chunked = s->interval && m->key.host_endian;
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < items_of(m, i)->n; k++) {
            if (items_of(m, i)->v[k].kind == kind) {
                put_element(nft_set_element(s), &m->entries[i], items_of(m, i)->v[k]);
            }
        }
    }
    struct str name = nft_set_end(m->part, s, set_kind);
    struct buf *b = nft_rule(m->part);
    buf_printf(b, "%s @" STR_FMT " ", joined(a, m->key.expr, expr), STR_ARG(name));
    nft_rule_end(m->part, m->verdict, m->comment);
}

static bool has_item(const struct merge *m, size_t entry, struct nft_item item)
{
    const struct nft_items *items = items_of(m, entry);
    for (size_t k = 0; k < items->n; k++) {
        if (nft_item_cmp(items->v[k], item) == 0) {
            return true;
        }
    }
    return false;
}

/* The keys that have an item: one plain key is compared, several are looked up. */
static void key_match(struct merge *m, struct nft_item item, const char *set_kind, struct buf *b)
{
    struct nft_set *s = nft_set_new(m->part, m->key.type);
    struct str last = {NULL, 0};
    for (size_t i = 0; i < m->n; i++) {
        if (has_item(m, i, item)) {
            last = m->entries[i].key;
            buf_str(nft_set_element(s), last);
        }
    }
    bool plain = strstr(m->key.expr, " . ") == NULL;
    if (s->n == 1 && plain) {
        buf_printf(b, "%s " STR_FMT " ", m->key.expr, STR_ARG(last));
        return;
    }
    struct str name = nft_set_end(m->part, s, set_kind);
    buf_printf(b, "%s @" STR_FMT " ", m->key.expr, STR_ARG(name));
}

/* A rule for one item: the match of its ports, then the keys that have it. */
static void item_rule(struct merge *m, struct nft_item item, const char *set_kind)
{
    struct buf *b = nft_rule(m->part);
    nft_item_match(b, m->part->family, item);
    if (m->key.expr[0] != '\0') {
        key_match(m, item, set_kind, b);
    }
    nft_rule_end(m->part, m->verdict, m->comment);
}

bool nft_union(struct nft_part *p, struct nft_portsets *ports, struct nft_key key,
               const struct nft_keyed *entries, size_t n, const char *verdict, struct str comment,
               struct span at)
{
    struct merge m = {.part = p,
                      .ports = ports,
                      .key = key,
                      .entries = entries,
                      .n = n,
                      .verdict = verdict,
                      .comment = comment};
    if (!count(&m, at)) {
        return false;
    }
    kind_rule(&m, NFT_PORT, "ports", "meta l4proto . th dport", "inet_proto . inet_service");
    kind_rule(&m, NFT_PROTO, "protos", "meta l4proto", "inet_proto");
    if (m.of_kind[NFT_ALL] > 0) {
        item_rule(&m, (struct nft_item){.kind = NFT_ALL}, "all");
    }
    for (size_t i = 0; i < m.apart.n; i++) {
        if (m.apart.v[i].kind != NFT_RANGE || !m.ranges_in_set) {
            item_rule(&m, m.apart.v[i], "some");
        }
    }
    if (m.ranges_in_set) {
        kind_rule(&m, NFT_RANGE, "ranges", "meta l4proto . th dport", "inet_proto . inet_service");
    }
    return true;
}
