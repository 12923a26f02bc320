/*
 * Ports as bits, where very many keys may use many ports each. The ports that anybody may use are
 * cut into atoms, which everybody may use whole or not at all; an atom is a chain and a bit:
 *
 *     map i_all_bits { type classid : classid; elements = { 82a0:8158 : 0:3, 82a0:8010 : 0:4 } }
 *     map i_all_tcp_ports { type inet_service : verdict; elements = { 80 : goto i_all_tcp_80, … } }
 *     chain i_all {
 *         tcp dport vmap @i_all_tcp_ports
 *         tcp dport 30000-32767 goto i_all_tcp_30000-32767        a wide range
 *     chain i_all_tcp_80 {
 *         meta priority set meta priority map @i_all_bits meta priority & 0:1 == 0:1 accept
 *
 * So a key is one element, whatever number of ports it may use, where nft_union.c makes one for
 * each port: about a fifth of the time to load, and of the memory of nft and of the kernel, where
 * policies are very many. A packet pays for one look-up more. Beyond MASK_BITS atoms there are
 * several maps; the port says which is asked.
 *
 * The bits take the place of the key in the register. Whatever comes afterwards cannot ask for the
 * key again.
 */
#include "backends/nft_priv.h"

#include <assert.h>
#include <string.h>

/* Of a value of the map. The highest is never set: nft has a word for the value of all bits. */
enum { MASK_BITS = 31 };

/* Each is a chain. The kernel checks the elements of a map again for each chain that asks it. */
enum { MOST_ATOMS = 1024 };

static const enum proto ported[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP};

static bool is_ported(struct nft_item item)
{
    return item.kind == NFT_PORT || item.kind == NFT_RANGE;
}

/* ---- the atoms ---- */

struct cuts {                       /* of one protocol, by port */
    bool begins[UINT16_MAX + 2];    /* an item begins there, or ended before */
    int64_t change[UINT16_MAX + 2]; /* of the number of items that have the port */
};

static void cut_items(struct cuts *cuts, enum proto proto, const struct nft_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        struct nft_item item = items->v[i];
        if (is_ported(item) && item.proto == proto) {
            cuts->begins[item.first] = cuts->begins[item.last + 1] = true;
            cuts->change[item.first]++;
            cuts->change[item.last + 1]--;
        }
    }
}

static void add_atoms(struct nft_masks *m, const struct cuts *cuts, enum proto proto)
{
    int64_t items = 0;
    for (uint32_t port = 0; port <= UINT16_MAX; port++) {
        items += cuts->change[port];
        if (items > 0 && cuts->begins[port]) {
            vec_push(m->part->arena, &m->atoms,
                     (struct nft_item){.proto = proto, .first = (uint16_t)port});
        }
        if (items > 0) {
            struct nft_item *last = &m->atoms.v[m->atoms.n - 1];
            last->last = (uint16_t)port;
            last->kind = last->first == port ? NFT_PORT : NFT_RANGE;
        }
    }
}

static void cut(struct nft_masks *m, const bool *used)
{
    struct cuts *cuts = ARENA_NEW(m->part->arena, struct cuts);
    for (size_t p = 0; p < sizeof ported / sizeof *ported; p++) {
        memset(cuts, 0, sizeof *cuts);
        for (size_t i = 0; i < m->nsets; i++) {
            if (used[i]) {
                cut_items(cuts, ported[p], &m->ports->items.v[i]);
            }
        }
        add_atoms(m, cuts, ported[p]);
    }
}

static bool is_wide(const struct nft_masks *m, struct nft_item atom)
{
    return (size_t)(atom.last - atom.first) >= m->part->tuning->mask_ports;
}

static size_t count_wide(const struct nft_masks *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->atoms.n; i++) {
        n += is_wide(m, m->atoms.v[i]);
    }
    return n;
}

/* ---- the bits ---- */

/* The first atom that has ports of the item, or lies behind it. */
static size_t first_atom(const struct nft_masks *m, struct nft_item item)
{
    size_t lo = 0, hi = m->atoms.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        struct nft_item at = m->atoms.v[mid];
        if (at.proto < item.proto || (at.proto == item.proto && at.last < item.first)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

struct atom_range {
    size_t from, to;
};

/* The atoms that have ports of the item; none if it is no port. */
static struct atom_range atoms_of(const struct nft_masks *m, struct nft_item item)
{
    struct atom_range r = {0, 0};
    if (is_ported(item)) {
        r.from = r.to = first_atom(m, item);
        while (r.to < m->atoms.n && m->atoms.v[r.to].proto == item.proto &&
               m->atoms.v[r.to].first <= item.last) {
            r.to++;
        }
    }
    return r;
}

static uint32_t *bits_of(const struct nft_masks *m, uint32_t ports)
{
    return m->bits + (size_t)ports * m->words;
}

static void set_bits(const struct nft_masks *m, uint32_t ports)
{
    const struct nft_items *items = &m->ports->items.v[ports];
    for (size_t i = 0; i < items->n; i++) {
        const struct atom_range atoms = atoms_of(m, items->v[i]);
        for (size_t k = atoms.from; k < atoms.to; k++) {
            bits_of(m, ports)[k / MASK_BITS] |= (uint32_t)1 << k % MASK_BITS;
        }
    }
}

/* What is no port of a port set: whole protocols, ICMP, everything. */
static uint32_t rest_of(struct nft_masks *m, uint32_t ports)
{
    struct portset rest = m->ports->sets.v[ports];
    for (size_t p = 0; p < sizeof ported / sizeof *ported; p++) {
        struct port_ranges *r = &rest.keys[ported[p]];
        *r = port_ranges_are_all(*r) ? *r : (struct port_ranges){NULL, 0};
    }
    return nft_portsets_add(m->ports, rest);
}

/* ---- whether it pays ---- */

/* Elements of the maps of bits; each word of a key that is not empty. */
static size_t count_bits(const struct nft_masks *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        for (size_t w = 0; w < m->words; w++) {
            n += bits_of(m, m->entries[i].ports)[w] != 0;
        }
    }
    return n;
}

static size_t count_ports(const struct nft_masks *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->atoms.n; i++) {
        struct nft_item atom = m->atoms.v[i];
        n += is_wide(m, atom) ? 0 : (size_t)(atom.last - atom.first) + 1;
    }
    return n;
}

bool nft_masks_plan(struct nft_masks *m, struct nft_part *p, struct nft_portsets *ports,
                    const struct nft_keyed *entries, size_t n)
{
    *m = (struct nft_masks){
        .part = p, .ports = ports, .entries = entries, .n = n, .nsets = ports->sets.n};
    const size_t keys = nft_union_elements(p, ports, entries, n), saves = p->tuning->mask_saves;
    if (keys < saves) {
        return false;
    }
    bool *used = ARENA_NEW_ARRAY(p->arena, m->nsets, bool);
    for (size_t i = 0; i < n; i++) {
        used[entries[i].ports] = true;
    }
    cut(m, used);
    if (m->atoms.n == 0 || m->atoms.n > MOST_ATOMS || count_wide(m) > p->tuning->most_ranges ||
        p->side->ntargets * count_ports(m) > p->tuning->mask_visits) {
        return false;
    }
    m->words = (m->atoms.n + MASK_BITS - 1) / MASK_BITS;
    m->bits = ARENA_NEW_ARRAY(p->arena, m->nsets * m->words, uint32_t);
    for (uint32_t i = 0; i < m->nsets; i++) {
        if (used[i]) {
            set_bits(m, i);
        }
    }
    m->elements = count_bits(m) + count_ports(m);
    m->rest = ARENA_NEW_ARRAY(p->arena, n, struct nft_keyed);
    for (size_t i = 0; i < n; i++) {
        m->rest[i] = (struct nft_keyed){entries[i].key, rest_of(m, entries[i].ports)};
    }
    size_t masked = m->elements + nft_union_elements(p, ports, m->rest, n);
    return saves == 0 || masked <= keys - saves;
}

/* ---- the rules ---- */

static struct str atom_name(const struct nft_masks *m, struct nft_item atom)
{
    return str_printf(m->part->arena, STR_FMT "_" STR_FMT, STR_ARG(m->name),
                      STR_ARG(nft_item_name(m->part->arena, atom)));
}

static struct nft_set *bits_map(const struct nft_masks *m, size_t word)
{
    struct nft_part *p = m->part;
    struct nft_set *map = nft_set_new(p, str_printf(p->arena, "%s : classid", m->key.type).p);
    map->map = true;
    for (size_t i = 0; i < m->n; i++) {
        uint32_t bits = bits_of(m, m->entries[i].ports)[word];
        if (bits != 0) {
            struct buf *b = nft_set_element(map);
            buf_str(b, m->entries[i].key);
            buf_puts(b, " : ");
            buf_str(b, nft_register_text(p->arena, bits));
        }
    }
    const char *number = word > 0 ? str_printf(p->arena, "_%zu", word + 1).p : "";
    nft_set_named(p, map, str_printf(p->arena, STR_FMT "_bits%s", STR_ARG(m->name), number));
    return map;
}

static void ports_map(struct nft_masks *m, enum proto proto)
{
    struct nft_part *p = m->part;
    struct nft_set *map = nft_set_new(p, "inet_service : verdict");
    map->map = true;
    for (size_t i = 0; i < m->atoms.n; i++) {
        struct nft_item atom = m->atoms.v[i];
        if (atom.proto != proto || is_wide(m, atom)) {
            continue;
        }
        const struct str chain = atom_name(m, atom);
        for (uint32_t port = atom.first; port <= atom.last; port++) {
            buf_printf(nft_set_element(map), "%u : goto " STR_FMT, port, STR_ARG(chain));
        }
    }
    if (map->n > 0) {
        struct str name =
            nft_set_end(p, map, str_printf(p->arena, "%s_ports", proto_name(proto)).p);
        buf_printf(nft_rule(p), "%s dport vmap @" STR_FMT, proto_name(proto), STR_ARG(name));
        nft_rule_end(p, "", (struct str){NULL, 0});
    }
}

bool nft_masks_rules(struct nft_masks *m, struct str name, struct nft_key key, const char *verdict,
                     const struct nft_origins *origins, struct span at)
{
    struct nft_part *p = m->part;
    m->name = name;
    m->key = key;
    m->verdict = verdict;
    m->origins = origins;
    if (!nft_part_reserve(p, m->elements, at) ||
        !nft_union(p, m->ports, key, m->rest, m->n, verdict, origins, at)) {
        return false;
    }
    m->maps = ARENA_NEW_ARRAY(p->arena, m->words, struct nft_set *);
    for (size_t w = 0; w < m->words; w++) {
        m->maps[w] = bits_map(m, w);
    }
    for (size_t i = 0; i < sizeof ported / sizeof *ported; i++) {
        ports_map(m, ported[i]);
    }
    for (size_t i = 0; i < m->atoms.n; i++) {
        struct nft_item atom = m->atoms.v[i];
        if (is_wide(m, atom)) {
            struct buf *b = nft_rule(p);
            nft_item_match(b, p->family, atom);
            buf_printf(b, "goto " STR_FMT, STR_ARG(atom_name(m, atom)));
            nft_rule_end(p, "", (struct str){NULL, 0});
        }
    }
    return true;
}

struct atom_source { /* where what an atom allows comes from */
    const struct grant *first;
    const struct nrule *last;
    size_t rules;
};

/* Ports of several grants may have grown together into one atom. */
static void add_source(const struct nft_masks *m, struct atom_source *sources,
                       const struct grant *g)
{
    const struct nft_items items = nft_portsets_items(m->ports, g->ports);
    for (size_t i = 0; i < items.n; i++) {
        const struct atom_range atoms = atoms_of(m, items.v[i]);
        for (size_t k = atoms.from; k < atoms.to; k++) {
            struct atom_source *s = &sources[k];
            s->first = s->first == NULL ? g : s->first;
            s->rules += s->last != g->rule;
            s->last = g->rule;
        }
    }
}

static void atom_chain(const struct nft_masks *m, size_t atom, const struct atom_source *source,
                       struct str denied)
{
    struct nft_part *p = m->part;
    struct nft_set *map = m->maps[atom / MASK_BITS];
    const struct str bit = nft_register_text(p->arena, (uint32_t)1 << atom % MASK_BITS);
    nft_chain_begin(p, atom_name(m, m->atoms.v[atom]), NULL, (struct str){NULL, 0});
    nft_set_used(p, map);
    buf_printf(nft_rule(p),
               "meta priority set %s map @" STR_FMT " meta priority & " STR_FMT " == " STR_FMT " ",
               m->key.expr, STR_ARG(map->name), STR_ARG(bit), STR_ARG(bit));
    assert(source->first != NULL); /* what nobody grants is no atom */
    nft_rule_end(p, m->verdict,
                 kernel_comment_rule(p->ctx, p->arena, source->first->policy, source->first->rule,
                                     source->rules - 1, KERNEL_COMMENT_NFT));
    buf_printf(nft_rule(p), "goto " STR_FMT, STR_ARG(denied));
    nft_rule_end(p, "", (struct str){NULL, 0});
    nft_chain_end(p);
}

void nft_masks_chains(const struct nft_masks *m, struct str denied)
{
    struct atom_source *sources = ARENA_NEW_ARRAY(m->part->arena, m->atoms.n, struct atom_source);
    for (size_t i = 0; i < m->origins->n; i++) {
        add_source(m, sources, m->origins->v[i]);
    }
    for (size_t i = 0; i < m->atoms.n; i++) {
        atom_chain(m, i, &sources[i], denied);
    }
}
