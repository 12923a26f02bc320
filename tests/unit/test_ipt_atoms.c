/* Port atoms against a bitmap: every packet in one atom, with the grants that allow it. */
#include "tests/unit/unit.h"

#include "backends/ipt_atoms.h"

enum { GRANTS = 6, KEYS = 65536 };

struct random_world {
    struct arena arena;
    uint64_t seed;
    enum family family;
    struct portset sets[GRANTS];
    const struct portset *grants[GRANTS];
    size_t n;
    struct atoms atoms;
    struct port_matches matches;
    unsigned char (*bits)[KEYS]; /* oracle: [protocol][key], a bit for each grant */
    unsigned char other;
};

static uint64_t next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void grant_range(struct random_world *w, size_t grant, enum proto p, uint16_t first,
                        uint16_t last)
{
    w->sets[grant] =
        portset_union(&w->arena, w->sets[grant], portset_of(&w->arena, p, first, last));
    for (uint32_t key = first; key <= last; key++) {
        w->bits[p][key] |= (unsigned char)(1u << grant);
    }
}

static void grant_all(struct random_world *w, size_t grant)
{
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        grant_range(w, grant, p, 0, UINT16_MAX);
    }
    w->sets[grant] = portset_all(&w->arena);
    w->other |= (unsigned char)(1u << grant);
}

static void random_range(struct random_world *w, size_t grant)
{
    enum proto p = (enum proto)(next(&w->seed) % PROTO_KEYED);
    uint16_t x = (uint16_t)next(&w->seed), y = (uint16_t)next(&w->seed);
    switch (next(&w->seed) % 6) {
    case 0:
        grant_range(w, grant, p, 0, UINT16_MAX);
        break;
    case 1:
        grant_range(w, grant, p, x < y ? x : y, x < y ? y : x);
        break;
    case 2: /* the ends, and neighbours that meet */
        grant_range(w, grant, p, 0, (uint16_t)(x % 3));
        grant_range(w, grant, p, (uint16_t)(65535 - y % 3), 65535);
        break;
    case 3: /* one ICMP type */
        grant_range(w, grant, p, (uint16_t)(x & 0xff00), (uint16_t)(x | 0xff));
        break;
    default: /* few ports, so that grants share them */
        grant_range(w, grant, p, (uint16_t)(80 + x % 8), (uint16_t)(80 + x % 8));
    }
}

static void world_init(struct random_world *w, uint64_t seed, enum family f)
{
    *w = (struct random_world){.seed = seed, .family = f};
    arena_init(&w->arena, unit_oom, NULL);
    w->bits = arena_alloc(&w->arena, (size_t)PROTO_KEYED * KEYS);
    for (size_t i = 0; i < GRANTS; i++) {
        w->sets[i] = portset_none;
        w->grants[i] = &w->sets[i];
    }
}

static void world_cut(struct random_world *w, size_t n)
{
    w->n = n;
    w->atoms = atoms_cut(&w->arena, w->family, w->grants, n);
    w->matches = atoms_dispatch(&w->arena, w->family, &w->atoms);
}

static unsigned atom_bits(const struct atom *atom)
{
    unsigned bits = 0;
    for (size_t i = 0; i < atom->ngrants; i++) {
        bits |= 1u << atom->grants[i];
    }
    return bits;
}

/* The one atom of a packet; n if there is none or more than one. */
static size_t atom_of(const struct random_world *w, enum proto p, uint16_t key)
{
    size_t found = w->atoms.n;
    for (size_t i = 0; i < w->atoms.n; i++) {
        bool in =
            p == PROTO_OTHER ? w->atoms.v[i].ports.other : portset_has(w->atoms.v[i].ports, p, key);
        if (in && found != w->atoms.n) {
            return w->atoms.n;
        }
        found = in ? i : found;
    }
    return found;
}

static size_t dispatch(const struct random_world *w, enum proto p, uint16_t key)
{
    for (size_t i = 0; i < w->matches.n; i++) {
        const struct port_match *m = &w->matches.v[i];
        bool fits = m->proto == PROTO_ANY || (m->proto == p && m->whole);
        for (size_t k = 0; k < m->nkeys && m->proto == p && !fits; k++) {
            fits = key >= m->keys[k].first && key <= m->keys[k].last;
        }
        if (fits) {
            return m->atom;
        }
    }
    return w->atoms.n;
}

static void check_packet(const struct random_world *w, enum proto p, uint16_t key, unsigned wanted)
{
    size_t atom = dispatch(w, p, key);
    if (atom == w->atoms.n || atom_bits(&w->atoms.v[atom]) != wanted) {
        CU_FAIL_FATAL("a packet is in no atom, or in one with other grants");
    }
}

static bool is_foreign(const struct random_world *w, enum proto p)
{
    return p == (w->family == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP);
}

static void check_world(const struct random_world *w)
{
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        for (uint32_t key = 0; key < KEYS; key++) {
            if (is_foreign(w, p)) { /* an ordinary protocol of this family */
                check_packet(w, p, (uint16_t)key, w->other);
                continue;
            }
            check_packet(w, p, (uint16_t)key, w->bits[p][key]);
            if (key % 97 == 0 || key < 100 || key > 65530) {
                CU_ASSERT_EQUAL(atom_of(w, p, (uint16_t)key), dispatch(w, p, (uint16_t)key));
            }
        }
    }
    check_packet(w, PROTO_OTHER, 0, w->other);
    CU_ASSERT_EQUAL(atom_of(w, PROTO_OTHER, 0), dispatch(w, PROTO_OTHER, 0));
}

static void check_slots(const struct random_world *w)
{
    for (size_t i = 0; i < w->matches.n; i++) {
        const struct port_match *m = &w->matches.v[i];
        size_t slots = 0;
        for (size_t k = 0; k < m->nkeys; k++) {
            slots += m->keys[k].first == m->keys[k].last ? 1 : 2;
        }
        CU_ASSERT(slots <= MULTIPORT_SLOTS);
        CU_ASSERT(m->whole == (m->nkeys == 0));
        if (!m->whole && (m->proto == PROTO_ICMP || m->proto == PROTO_ICMP6)) {
            bool type =
                (m->keys[0].first & 0xff) == 0 && m->keys[0].last == (m->keys[0].first | 0xff);
            CU_ASSERT_EQUAL(m->nkeys, 1);
            CU_ASSERT(type || m->keys[0].first == m->keys[0].last);
        }
    }
}

static void partitions_random_grants(void)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct random_world w;
        world_init(&w, seed, seed % 2 == 0 ? FAM_IP4 : FAM_IP6);
        size_t n = next(&w.seed) % (GRANTS + 1);
        for (size_t i = 0; i < n; i++) {
            if (next(&w.seed) % 5 == 0) {
                grant_all(&w, i);
            }
            for (uint64_t k = next(&w.seed) % 4; k > 0; k--) {
                random_range(&w, i);
            }
        }
        world_cut(&w, n);
        check_world(&w);
        check_slots(&w);
        arena_free(&w.arena);
    }
}

/* Nothing is granted: one atom, one match, everything denied. */
static void nothing_is_one_match(void)
{
    struct random_world w;
    world_init(&w, 1, FAM_IP4);
    world_cut(&w, 0);
    CU_ASSERT_EQUAL(w.atoms.n, 1);
    CU_ASSERT_EQUAL(w.atoms.v[0].ngrants, 0);
    CU_ASSERT_EQUAL(w.matches.n, 1);
    check_world(&w);
    arena_free(&w.arena);
}

/* All that the family has is granted: one atom, one match, everything allowed. */
static void everything_is_one_match(void)
{
    for (enum family f = 0; f < FAMILIES; f++) {
        struct random_world w;
        world_init(&w, 1, f);
        grant_all(&w, 0);
        w.sets[0].keys[f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP].n = 0;
        world_cut(&w, 1);
        CU_ASSERT_EQUAL(w.atoms.n, 1);
        CU_ASSERT_EQUAL(w.matches.n, 1);
        check_world(&w);
        arena_free(&w.arena);
    }
}

static void the_last_port_is_one_too(void)
{
    struct random_world w;
    world_init(&w, 1, FAM_IP4);
    grant_range(&w, 0, PROTO_TCP, 0, UINT16_MAX - 1);
    world_cut(&w, 1);
    check_world(&w);
    arena_free(&w.arena);
}

/* All of TCP for some, port 80 for others too: two matches for TCP, not three ranges. */
static void a_hole_costs_no_ranges(void)
{
    struct random_world w;
    world_init(&w, 1, FAM_IP4);
    grant_range(&w, 0, PROTO_TCP, 0, UINT16_MAX);
    grant_range(&w, 1, PROTO_TCP, 80, 80);
    world_cut(&w, 2);
    CU_ASSERT_EQUAL_FATAL(w.matches.n, 3);
    CU_ASSERT_EQUAL(w.matches.v[0].keys[0].first, 80);
    CU_ASSERT(w.matches.v[1].whole && w.matches.v[1].proto == PROTO_TCP);
    CU_ASSERT_EQUAL(w.matches.v[2].proto, PROTO_ANY);
    check_world(&w);
    arena_free(&w.arena);
}

/* xt_multiport has 15 slots: 31 ports need three matches, and 8 ranges two. */
static void many_ports_are_several_matches(void)
{
    struct random_world w;
    world_init(&w, 1, FAM_IP4);
    for (uint16_t i = 0; i < 31; i++) {
        grant_range(&w, 0, PROTO_TCP, (uint16_t)(100 + 2 * i), (uint16_t)(100 + 2 * i));
    }
    for (uint16_t i = 0; i < 8; i++) {
        grant_range(&w, 0, PROTO_UDP, (uint16_t)(100 + 10 * i), (uint16_t)(105 + 10 * i));
    }
    world_cut(&w, 1);
    static const size_t nkeys[] = {15, 15, 1, 7, 1, 0};
    CU_ASSERT_EQUAL_FATAL(w.matches.n, 6);
    for (size_t i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(w.matches.v[i].nkeys, nkeys[i]);
    }
    check_world(&w);
    check_slots(&w);
    arena_free(&w.arena);
}

/* All codes of type 8 but the first, of type 9 but the last, and all of type 10, which is one
 * match. */
static void types_are_whole_or_code_by_code(void)
{
    struct random_world w;
    world_init(&w, 1, FAM_IP4);
    grant_range(&w, 0, PROTO_ICMP, 8 << 8 | 1, 9 << 8 | 254);
    grant_range(&w, 0, PROTO_ICMP, 10 << 8, 10 << 8 | 255);
    world_cut(&w, 1);
    CU_ASSERT_EQUAL(w.matches.n, 255 + 255 + 1 + 1);
    check_world(&w);
    check_slots(&w);
    arena_free(&w.arena);
}

/* iptables has no match for it. */
static void type_255_takes_the_rest(void)
{
    struct random_world w;
    world_init(&w, 3, FAM_IP4);
    grant_range(&w, 0, PROTO_ICMP, 0, 3 << 8 | 3);
    grant_range(&w, 0, PROTO_ICMP, 3 << 8 | 5, UINT16_MAX); /* all but one code of type 3 */
    world_cut(&w, 1);
    check_world(&w);
    for (size_t i = 0; i < w.matches.n; i++) {
        const struct port_match *m = &w.matches.v[i];
        CU_ASSERT(m->proto != PROTO_ICMP || m->whole || m->keys[0].first >> 8 != 255);
    }
    arena_free(&w.arena);
}

/* Whether some match fits, as xt_multiport does. */
static bool some_fits(const struct port_matches *list, enum proto p, uint32_t key)
{
    bool fits = false;
    for (size_t i = 0; i < list->n; i++) {
        const struct port_match *m = &list->v[i];
        for (size_t k = 0; k < m->nkeys && m->proto == p; k++) {
            fits |= m->keys[k].first <= key && key <= m->keys[k].last;
        }
        fits |= m->proto == p && m->whole;
    }
    return fits;
}

/* All of UDP, one port of SCTP, and more ports of TCP than a match has slots. */
static void matches_of_ports_are_exact(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct portset ports =
        portset_union(&a, portset_of(&a, PROTO_UDP, 0, 65535), portset_of(&a, PROTO_SCTP, 9, 9));
    for (uint16_t i = 0; i < 20; i++) {
        uint16_t first = (uint16_t)(100 * i + 1), last = (uint16_t)(first + i % 3);
        ports = portset_union(&a, ports, portset_of(&a, PROTO_TCP, first, last));
    }
    const struct port_matches matches = atoms_matches(&a, ports);
    for (uint32_t key = 0; key <= UINT16_MAX; key++) {
        for (enum proto p = PROTO_TCP; p <= PROTO_ICMP; p++) {
            CU_ASSERT_EQUAL(some_fits(&matches, p, key), portset_has(ports, p, (uint16_t)key));
        }
    }
    CU_ASSERT(matches.n > 3); /* TCP takes several */
    arena_free(&a);
}

UNIT_MAIN("ipt_atoms", TEST(partitions_random_grants), TEST(nothing_is_one_match),
          TEST(everything_is_one_match), TEST(the_last_port_is_one_too),
          TEST(types_are_whole_or_code_by_code), TEST(a_hole_costs_no_ranges),
          TEST(many_ports_are_several_matches), TEST(type_255_takes_the_rest),
          TEST(matches_of_ports_are_exact))
