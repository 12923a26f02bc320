/*
 * Cuts traffic into port atoms by a sweep over each protocol's keys, and orders the matches that
 * find a packet's atom. Knows neither addresses nor rules.
 */
#include "backends/ipt_atoms.h"

#include <assert.h>
#include <string.h>

/* ---- the cut ---- */

typedef VEC(size_t) index_vec;

struct edge { /* a grant begins or ends to hold, at a key */
    uint32_t key;
    bool begins;
    size_t grant;
};

struct draft {         /* an atom while it is put together */
    struct str grants; /* bytes of the index array: the key that makes it one atom */
    VEC(struct port_range) keys[PROTO_KEYED];
    bool other;
};

struct cut {
    struct arena *arena;
    struct strmap by_grants; /* to struct draft */
    VEC(struct draft *) drafts;
};

static const enum proto icmp_of[FAMILIES] = {PROTO_ICMP, PROTO_ICMP6};

static bool is_keyed(enum family f, enum proto p)
{
    return (p != PROTO_ICMP && p != PROTO_ICMP6) || p == icmp_of[f];
}

static struct draft *draft_find(struct cut *cut, const index_vec *grants)
{
    struct str key = {(const char *)grants->v, grants->n * sizeof *grants->v};
    struct draft *d = strmap_get(&cut->by_grants, key);
    if (d == NULL) {
        d = ARENA_NEW(cut->arena, struct draft);
        d->grants = str_dup(cut->arena, key);
        strmap_put(&cut->by_grants, d->grants, d);
        vec_push(cut->arena, &cut->drafts, d);
    }
    return d;
}

static void draft_add(struct cut *cut, const index_vec *grants, enum proto p, uint32_t first,
                      uint32_t last)
{
    struct draft *d = draft_find(cut, grants);
    vec_push(cut->arena, &d->keys[p], (struct port_range){(uint16_t)first, (uint16_t)last});
}

static int edge_cmp(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;
    return (a->key > b->key) - (a->key < b->key);
}

/* The place of a grant in a rising list, or where it would stand. */
static size_t index_place(const index_vec *list, size_t grant)
{
    size_t lo = 0, hi = list->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (list->v[mid] < grant) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static void index_apply(struct arena *a, index_vec *list, const struct edge *e)
{
    size_t at = index_place(list, e->grant);
    if (e->begins) {
        vec_push(a, list, e->grant);
        memmove(list->v + at + 1, list->v + at, (list->n - 1 - at) * sizeof *list->v);
        list->v[at] = e->grant;
    } else {
        list->n--;
        memmove(list->v + at, list->v + at + 1, (list->n - at) * sizeof *list->v);
    }
}

static void cut_protocol(struct cut *cut, enum proto p, const struct portset *const *grants,
                         size_t n)
{
    VEC(struct edge) edges = {0};
    for (size_t i = 0; i < n; i++) {
        const struct port_ranges *keys = &grants[i]->keys[p];
        for (size_t k = 0; k < keys->n; k++) {
            vec_push(cut->arena, &edges, (struct edge){keys->v[k].first, true, i});
            vec_push(cut->arena, &edges, (struct edge){keys->v[k].last + 1u, false, i});
        }
    }
    array_sort(edges.v, edges.n, sizeof *edges.v, edge_cmp);
    index_vec active = {0};
    uint32_t from = 0;
    for (size_t i = 0; i < edges.n; i++) {
        if (edges.v[i].key > from) {
            draft_add(cut, &active, p, from, edges.v[i].key - 1);
            from = edges.v[i].key;
        }
        index_apply(cut->arena, &active, &edges.v[i]);
    }
    if (from <= UINT16_MAX) {
        draft_add(cut, &active, p, from, UINT16_MAX);
    }
}

static void cut_other(struct cut *cut, const struct portset *const *grants, size_t n)
{
    index_vec active = {0};
    for (size_t i = 0; i < n; i++) {
        if (grants[i]->other) {
            vec_push(cut->arena, &active, i);
        }
    }
    draft_find(cut, &active)->other = true;
}

static struct atom atom_of(struct arena *a, const struct draft *d)
{
    size_t n = d->grants.n / sizeof(size_t);
    size_t *grants = ARENA_NEW_ARRAY(a, n, size_t);
    if (n > 0) {
        memcpy(grants, d->grants.p, d->grants.n);
    }
    struct atom atom = {grants, n, {.other = d->other}};
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        atom.ports.keys[p] = (struct port_ranges){d->keys[p].v, d->keys[p].n};
    }
    return atom;
}

struct atoms atoms_cut(struct arena *a, enum family f, const struct portset *const *grants,
                       size_t n)
{
    struct cut cut = {.arena = a};
    strmap_init(&cut.by_grants, a);
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        if (is_keyed(f, p)) {
            cut_protocol(&cut, p, grants, n);
        }
    }
    cut_other(&cut, grants, n);
    struct atoms atoms = {ARENA_NEW_ARRAY(a, cut.drafts.n, struct atom), cut.drafts.n};
    for (size_t i = 0; i < cut.drafts.n; i++) {
        atoms.v[i] = atom_of(a, cut.drafts.v[i]);
    }
    return atoms;
}

/* ---- the matches ---- */

struct dispatch {
    struct arena *arena;
    VEC(struct port_match) list;
};

static void put_match(struct dispatch *d, enum proto p, const struct port_range *keys, size_t n,
                      size_t atom)
{
    struct port_match m = {.proto = p, .whole = n == 0, .nkeys = n, .atom = atom};
    m.keys = ARENA_NEW_ARRAY(d->arena, n, struct port_range);
    for (size_t i = 0; i < n; i++) {
        m.keys[i] = keys[i];
    }
    vec_push(d->arena, &d->list, m);
}

/* As few matches as the slots allow. */
static void put_ports(struct dispatch *d, enum proto p, struct port_ranges keys, size_t atom)
{
    size_t first = 0, slots = 0;
    for (size_t i = 0; i < keys.n; i++) {
        size_t need = keys.v[i].first == keys.v[i].last ? 1 : 2;
        if (slots + need > MULTIPORT_SLOTS) {
            put_match(d, p, keys.v + first, i - first, atom);
            first = i;
            slots = 0;
        }
        slots += need;
    }
    put_match(d, p, keys.v + first, keys.n - first, atom);
}

/* iptables takes one type, or one type and one code. */
static void put_types(struct dispatch *d, enum proto p, struct port_ranges keys, size_t atom)
{
    for (size_t i = 0; i < keys.n; i++) {
        for (uint32_t key = keys.v[i].first; key <= keys.v[i].last;) {
            bool whole_type = (key & 0xff) == 0 && (key | 0xff) <= keys.v[i].last;
            uint32_t last = whole_type ? key | 0xff : key;
            put_match(d, p, &(struct port_range){(uint16_t)key, (uint16_t)last}, 1, atom);
            key = last + 1;
        }
    }
}

/* The atom that takes what no explicit match of the protocol takes: the one behind all protocols if
 * it has a part here, for that needs no match at all; else the one with the most ranges. Of ICMP it
 * is the one of type 255, which cannot be matched: xt_icmp takes it for every type. */
static size_t default_atom(const struct atoms *atoms, enum proto p, size_t last)
{
    for (size_t i = 0; p == PROTO_ICMP && i < atoms->n; i++) {
        if (portset_has(atoms->v[i].ports, p, 255 << 8)) {
            return i;
        }
    }
    if (atoms->v[last].ports.keys[p].n > 0) {
        return last;
    }
    size_t best = 0;
    for (size_t i = 1; i < atoms->n; i++) {
        if (atoms->v[i].ports.keys[p].n > atoms->v[best].ports.keys[p].n) {
            best = i;
        }
    }
    return best;
}

struct port_matches atoms_dispatch(struct arena *a, enum family f, const struct atoms *atoms)
{
    struct dispatch d = {.arena = a};
    size_t last = 0;
    while (!atoms->v[last].ports.other) {
        last++;
    }
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        if (!is_keyed(f, p)) {
            continue;
        }
        size_t rest = default_atom(atoms, p, last);
        for (size_t i = 0; i < atoms->n; i++) {
            if (i == rest || atoms->v[i].ports.keys[p].n == 0) {
                continue;
            }
            (p == icmp_of[f] ? put_types : put_ports)(&d, p, atoms->v[i].ports.keys[p], i);
        }
        if (rest != last) {
            put_match(&d, p, NULL, 0, rest);
        }
    }
    put_match(&d, PROTO_ANY, NULL, 0, last);
    return (struct port_matches){d.list.v, d.list.n};
}

struct port_matches atoms_matches(struct arena *a, struct portset ports)
{
    struct dispatch d = {.arena = a};
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        if (port_ranges_are_all(ports.keys[p])) {
            put_match(&d, p, NULL, 0, 0);
        } else if (ports.keys[p].n > 0) {
            put_ports(&d, p, ports.keys[p], 0);
        }
    }
    return (struct port_matches){d.list.v, d.list.n};
}
