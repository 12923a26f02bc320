/*
 * Sets and rules for a list of "this key may use these ports". A constant number of look-ups, but
 * for wide port ranges and ICMP types: those are one rule each while they are few.
 *
 *     KEY . tcp dport @tcp                single ports of a protocol
 *     KEY . meta l4proto @protos          whole protocols
 *     KEY @all                            all traffic
 *     tcp dport 30000-32767 KEY @tcp_30000-32767    a wide range …
 *     KEY . tcp dport @tcp_ranges         … or an interval set for many of them
 *
 * A set for each protocol and not one for all: a compare tells protocols apart for a tenth of what
 * one more field in the key costs, in the packet's time and in that of loading.
 */
#include "backends/nft_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- port sets by number ---- */

void nft_portsets_init(struct nft_portsets *s, const struct nft_part *p)
{
    *s = (struct nft_portsets){.arena = p->arena, .family = p->family, .key = buf_new(p->arena)};
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
        vec_push(s->arena, &s->items, nft_items_of(s->arena, s->family, ports));
    }
    return id;
}

struct nft_items nft_portsets_items(struct nft_portsets *s, struct portset ports)
{
    uint32_t id = nft_portsets_add(s, ports);
    return s->items.v[id];
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

/* An item that is no element of the hash of ports or protocols as it is. */
struct apart {
    struct nft_item item;
    size_t entries; /* that have it */
    bool expanded;  /* into single ports */
};

struct merge {
    struct nft_part *part;
    struct nft_portsets *ports;
    struct nft_key key;
    const struct nft_keyed *entries;
    size_t n;
    const char *verdict;
    const struct nft_origins *origins;
    VEC(struct apart) apart; /* by item, each once */
    bool ranges_in_set;
};

static const struct nft_items *items_of(const struct merge *m, size_t entry)
{
    return &m->ports->items.v[m->entries[entry].ports];
}

static int compare_apart(const void *x, const void *y)
{
    return nft_item_cmp(((const struct apart *)x)->item, ((const struct apart *)y)->item);
}

static size_t width(struct nft_item i)
{
    return (size_t)(i.last - i.first) + 1;
}

/* ---- which ranges become ports ---- */

/* Lists the items of all entries that are ranges, ICMP types and so on, and counts their entries.
 * Entries with equal port sets are counted together: there are few different ones. */
static void collect_apart(struct merge *m)
{
    struct arena *a = m->part->arena;
    size_t *uses = ARENA_NEW_ARRAY(a, m->ports->sets.n, size_t);
    for (size_t i = 0; i < m->n; i++) {
        uses[m->entries[i].ports]++;
    }
    for (size_t i = 0; i < m->ports->sets.n; i++) {
        const struct nft_items *items = &m->ports->items.v[i];
        for (size_t k = 0; uses[i] > 0 && k < items->n; k++) {
            if (items->v[k].kind != NFT_PORT && items->v[k].kind != NFT_PROTO) {
                vec_push(a, &m->apart, (struct apart){.item = items->v[k], .entries = uses[i]});
            }
        }
    }
    array_sort(m->apart.v, m->apart.n, sizeof *m->apart.v, compare_apart);
    size_t kept = 0;
    for (size_t i = 0; i < m->apart.n; i++) {
        if (kept > 0 && compare_apart(&m->apart.v[kept - 1], &m->apart.v[i]) == 0) {
            m->apart.v[kept - 1].entries += m->apart.v[i].entries;
        } else {
            m->apart.v[kept++] = m->apart.v[i];
        }
    }
    m->apart.n = kept;
}

/* Expands ranges, but for large ones and, unless there are too many, those of many elements.
 * Returns how many are left, and in *entries their entries. */
static size_t expand(struct merge *m, bool too_many, size_t *entries)
{
    const struct nft_tuning *t = m->part->tuning;
    size_t left = 0;
    *entries = 0;
    for (size_t i = 0; i < m->apart.n; i++) {
        struct apart *a = &m->apart.v[i];
        if (a->item.kind != NFT_RANGE) {
            continue;
        }
        bool few = too_many || width(a->item) * a->entries <= t->expand_elements;
        a->expanded = width(a->item) <= (few ? t->expand_most : t->small_range);
        left += !a->expanded;
        *entries += a->expanded ? 0 : a->entries;
    }
    return left;
}

/* A range is one rule and an element for each entry, or no rule and an element for each port too.
 */
static void decide_ranges(struct merge *m)
{
    const struct nft_tuning *t = m->part->tuning;
    size_t entries, left = expand(m, false, &entries);
    size_t most = entries <= t->range_elements ? t->plain_ranges : t->most_ranges;
    if (left > most) {
        left = expand(m, true, &entries);
    }
    m->ranges_in_set = left > most;
}

static bool is_expanded(const struct merge *m, struct nft_item item)
{
    if (item.kind != NFT_RANGE || m->apart.n == 0) {
        return false;
    }
    struct apart key = {.item = item};
    const struct apart *a = bsearch(&key, m->apart.v, m->apart.n, sizeof key, compare_apart);
    return a != NULL && a->expanded;
}

/* The elements that all entries will make. */
static size_t count_elements(const struct merge *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        n += items_of(m, i)->n;
    }
    for (size_t i = 0; i < m->apart.n; i++) {
        const struct apart *a = &m->apart.v[i];
        n += a->expanded ? a->entries * (width(a->item) - 1) : 0;
    }
    return n;
}

/* ---- where a rule comes from ---- */

static bool overlap(unsigned first, unsigned last, unsigned other_first, unsigned other_last)
{
    return first <= other_last && other_first <= last;
}

/* Whether an item of a grant may be in a rule for items of this kind, or for `item` alone. Ports
 * and ranges of several grants may have grown together. */
static bool is_part(struct nft_item of_grant, enum nft_item_kind kind, const struct nft_item *item)
{
    bool ports = of_grant.kind == NFT_PORT || of_grant.kind == NFT_RANGE;
    if (item == NULL || item->proto != of_grant.proto) {
        return item == NULL && (of_grant.kind == kind || (ports && kind == NFT_PORT));
    }
    if (ports && (kind == NFT_RANGE || kind == NFT_PORT)) {
        return overlap(of_grant.first, of_grant.last, item->first, item->last);
    }
    return of_grant.kind == kind &&
           (kind != NFT_ICMP ||
            (overlap(of_grant.type[0], of_grant.type[1], item->type[0], item->type[1]) &&
             overlap(of_grant.code[0], of_grant.code[1], item->code[0], item->code[1])));
}

static bool contributes(struct nft_portsets *ports, const struct grant *g, enum nft_item_kind kind,
                        const struct nft_item *item)
{
    struct nft_items items = nft_portsets_items(ports, g->ports);
    for (size_t i = 0; i < items.n; i++) {
        if (is_part(items.v[i], kind, item)) {
            return true;
        }
    }
    return false;
}

struct str nft_origins_comment(const struct nft_part *p, struct nft_portsets *ports,
                               const struct nft_origins *o, enum nft_item_kind kind,
                               const struct nft_item *item)
{
    const struct grant *first = NULL;
    const struct nrule *last = NULL;
    size_t rules = 0;
    /* What has grown together into something that no grant has may come from all of them. */
    for (int all = 0; all < 2 && first == NULL; all++) {
        for (size_t i = 0; i < o->n; i++) {
            if (o->v[i]->rule != last && (all || contributes(ports, o->v[i], kind, item))) {
                first = first == NULL ? o->v[i] : first;
                last = o->v[i]->rule;
                rules++;
            }
        }
    }
    assert(first != NULL); /* what nobody grants has no rule */
    return kernel_comment_rule(p->ctx, p->arena, first->policy, first->rule, rules - 1,
                               KERNEL_COMMENT_NFT);
}

/* ---- the rules ---- */

static void end_rule(struct merge *m, enum nft_item_kind kind, const struct nft_item *item)
{
    nft_rule_end(m->part, m->verdict,
                 nft_origins_comment(m->part, m->ports, m->origins, kind, item));
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
        buf_puts(b, dot);
        buf_u64(b, item.first);
        break;
    case NFT_RANGE:
        buf_printf(b, "%s%u-%u", dot, item.first, item.last);
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

static void put_elements(const struct merge *m, struct nft_set *s, const struct nft_keyed *e,
                         struct nft_item item)
{
    if (!is_expanded(m, item)) {
        put_element(nft_set_element(s), e, item);
        return;
    }
    struct nft_item one = {.kind = NFT_PORT, .proto = item.proto};
    for (uint32_t port = item.first; port <= item.last; port++) {
        one.first = one.last = (uint16_t)port;
        put_element(nft_set_element(s), e, one);
    }
}

/* What the items of one set have in common, and what the set is. */
struct kind {
    enum nft_item_kind kind;
    enum proto proto; /* of ports and ranges */
    const char *name, *expr, *type;
};

static bool is_of_kind(const struct merge *m, const struct kind *k, struct nft_item item)
{
    enum nft_item_kind kind = is_expanded(m, item) ? NFT_PORT : item.kind;
    return kind == k->kind && (kind == NFT_PROTO || item.proto == k->proto);
}

/* One set over all entries that have items of a kind, and its rule. */
static void kind_rule(struct merge *m, const struct kind *kind)
{
    struct arena *a = m->part->arena;
    struct nft_set *s = nft_set_new(m->part, joined(a, m->key.type, kind->type));
    s->interval = kind->kind == NFT_RANGE;
    /* nft 1.0.6 swaps the bytes of one element in each netlink message twice: see NFT_CHUNK. */
    s->chunked = s->interval && m->key.host_endian;
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < items_of(m, i)->n; k++) {
            struct nft_item item = items_of(m, i)->v[k];
            if (is_of_kind(m, kind, item)) {
                put_elements(m, s, &m->entries[i], item);
            }
        }
    }
    if (s->n == 0) {
        return;
    }
    struct str name = nft_set_end(m->part, s, kind->name);
    struct buf *b = nft_rule(m->part);
    buf_printf(b, "%s @" STR_FMT " ", joined(a, m->key.expr, kind->expr), STR_ARG(name));
    struct nft_item any = {.proto = kind->proto, .first = 0, .last = UINT16_MAX};
    end_rule(m, kind->kind, kind->kind == NFT_PROTO ? NULL : &any);
}

static void ports_rules(struct merge *m, enum nft_item_kind kind)
{
    static const struct kind kinds[] = {
        {NFT_PORT, PROTO_TCP, "tcp", "tcp dport", "inet_service"},
        {NFT_PORT, PROTO_UDP, "udp", "udp dport", "inet_service"},
        {NFT_PORT, PROTO_SCTP, "sctp", "sctp dport", "inet_service"},
        {NFT_PROTO, PROTO_OTHER, "protos", "meta l4proto", "inet_proto"},
        {NFT_RANGE, PROTO_TCP, "tcp_ranges", "tcp dport", "inet_service"},
        {NFT_RANGE, PROTO_UDP, "udp_ranges", "udp dport", "inet_service"},
        {NFT_RANGE, PROTO_SCTP, "sctp_ranges", "sctp dport", "inet_service"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].kind == kind) {
            kind_rule(m, &kinds[i]);
        }
    }
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
static void key_match(struct merge *m, struct nft_item item, struct buf *b)
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
    struct str name = nft_set_end(m->part, s, nft_item_name(m->part->arena, item).p);
    buf_printf(b, "%s @" STR_FMT " ", m->key.expr, STR_ARG(name));
}

/* A rule for one item: the match of its ports, then the keys that have it. */
static void item_rule(struct merge *m, struct nft_item item)
{
    struct buf *b = nft_rule(m->part);
    nft_item_match(b, m->part->family, item);
    if (m->key.expr[0] != '\0') {
        key_match(m, item, b);
    }
    end_rule(m, item.kind, &item);
}

static struct merge merge_of(struct nft_part *p, struct nft_portsets *ports,
                             const struct nft_keyed *entries, size_t n)
{
    struct merge m = {.part = p, .ports = ports, .entries = entries, .n = n};
    collect_apart(&m);
    decide_ranges(&m);
    return m;
}

size_t nft_union_elements(struct nft_part *p, struct nft_portsets *ports,
                          const struct nft_keyed *entries, size_t n)
{
    const struct merge m = merge_of(p, ports, entries, n);
    return count_elements(&m);
}

bool nft_union(struct nft_part *p, struct nft_portsets *ports, struct nft_key key,
               const struct nft_keyed *entries, size_t n, const char *verdict,
               const struct nft_origins *origins, struct span at)
{
    struct merge m = merge_of(p, ports, entries, n);
    m.key = key;
    m.verdict = verdict;
    m.origins = origins;
    if (!nft_part_reserve(p, count_elements(&m), at)) {
        return false;
    }
    ports_rules(&m, NFT_PORT);
    ports_rules(&m, NFT_PROTO);
    for (size_t i = 0; i < m.apart.n; i++) {
        const struct apart *a = &m.apart.v[i];
        if (a->item.kind != NFT_RANGE || (!a->expanded && !m.ranges_in_set)) {
            item_rule(&m, a->item);
        }
    }
    if (m.ranges_in_set) {
        ports_rules(&m, NFT_RANGE);
    }
    return true;
}
