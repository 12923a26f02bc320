/*
 * Sets of (protocol, key) as sorted, disjoint, non-adjacent ranges for each protocol. One sweep
 * serves union, intersection and difference.
 */
#include "ir/ports.h"

#include <assert.h>

#define KEY_MAX 65535u

const struct portset portset_none = {.other = false};

/* ---- ranges of keys ---- */

/* Appends a range that begins behind all before it, or touches the last. */
static void ranges_add(struct port_ranges *r, uint32_t first, uint32_t last)
{
    if (r->n > 0 && r->v[r->n - 1].last + 1u == first) {
        r->v[r->n - 1].last = (uint16_t)last;
    } else {
        r->v[r->n++] = (struct port_range){(uint16_t)first, (uint16_t)last};
    }
}

static struct port_ranges ranges_one(struct arena *a, uint16_t first, uint16_t last)
{
    struct port_ranges r = {.v = ARENA_NEW(a, struct port_range)};
    if (first <= last) {
        ranges_add(&r, first, last);
    }
    return r;
}

/* What an operation keeps, by membership in x and y. Outside of both nothing is kept. */
struct operation {
    bool only_x, only_y, both;
};
static const struct operation op_union = {.only_x = true, .only_y = true, .both = true};
static const struct operation op_intersect = {.both = true};
static const struct operation op_subtract = {.only_x = true};

static bool operation_keeps(struct operation op, bool in_x, bool in_y)
{
    return in_x && in_y ? op.both : (in_x && op.only_x) || (in_y && op.only_y);
}

/* One list under the sweep. */
struct cursor {
    struct port_ranges list;
    size_t i; /* ranges before it lie behind the sweep */
};

/* Whether `at` is in the list; *end is how far that holds. */
static bool cursor_at(struct cursor *c, uint32_t at, uint32_t *end)
{
    while (c->i < c->list.n && c->list.v[c->i].last < at) {
        c->i++;
    }
    if (c->i == c->list.n) {
        *end = KEY_MAX;
        return false;
    }
    struct port_range range = c->list.v[c->i];
    bool in = range.first <= at;
    *end = in ? range.last : range.first - 1u;
    return in;
}

static struct port_ranges ranges_sweep(struct arena *a, struct port_ranges x, struct port_ranges y,
                                       struct operation op)
{
    if (x.n + y.n == 0) {
        return (struct port_ranges){NULL, 0};
    }
    struct port_ranges result = {.v = ARENA_NEW_ARRAY(a, x.n + y.n, struct port_range)};
    struct cursor cx = {.list = x}, cy = {.list = y};
    uint32_t end;
    for (uint32_t at = 0; at <= KEY_MAX; at = end + 1) {
        uint32_t end_x, end_y;
        bool in_x = cursor_at(&cx, at, &end_x);
        bool in_y = cursor_at(&cy, at, &end_y);
        end = end_x < end_y ? end_x : end_y;
        if (operation_keeps(op, in_x, in_y)) {
            ranges_add(&result, at, end);
        }
    }
    return result;
}

bool port_ranges_are_all(struct port_ranges r)
{
    return r.n == 1 && r.v[0].first == 0 && r.v[0].last == KEY_MAX;
}

uint32_t port_ranges_count(struct port_ranges r)
{
    uint32_t count = 0;
    for (size_t i = 0; i < r.n; i++) {
        count += (uint32_t)r.v[i].last - r.v[i].first + 1;
    }
    return count;
}

static int ranges_cmp(struct port_ranges x, struct port_ranges y)
{
    for (size_t i = 0; i < x.n && i < y.n; i++) {
        int order = (int)x.v[i].first - y.v[i].first;
        order = order != 0 ? order : (int)x.v[i].last - y.v[i].last;
        if (order != 0) {
            return order;
        }
    }
    return (x.n > y.n) - (x.n < y.n);
}

/* ---- sets ---- */

struct portset portset_all(struct arena *a)
{
    struct portset s = {.other = true};
    for (int p = 0; p < PROTO_KEYED; p++) {
        s.keys[p] = ranges_one(a, 0, KEY_MAX);
    }
    return s;
}

struct portset portset_of(struct arena *a, enum proto p, uint16_t first, uint16_t last)
{
    assert(p != PROTO_ANY); /* only a protocol of named ports, which have no number yet */
    struct portset s = portset_none;
    if (p < PROTO_KEYED) {
        s.keys[p] = ranges_one(a, first, last);
    } else {
        s.other = p == PROTO_OTHER;
    }
    return s;
}

static struct portset portset_sweep(struct arena *a, struct portset x, struct portset y,
                                    struct operation op)
{
    struct portset s = {.other = operation_keeps(op, x.other, y.other)};
    for (int p = 0; p < PROTO_KEYED; p++) {
        s.keys[p] = ranges_sweep(a, x.keys[p], y.keys[p], op);
    }
    return s;
}

struct portset portset_union(struct arena *a, struct portset x, struct portset y)
{
    return portset_sweep(a, x, y, op_union);
}

struct portset portset_intersect(struct arena *a, struct portset x, struct portset y)
{
    return portset_sweep(a, x, y, op_intersect);
}

struct portset portset_subtract(struct arena *a, struct portset x, struct portset y)
{
    return portset_sweep(a, x, y, op_subtract);
}

bool portset_is_empty(struct portset s)
{
    for (int p = 0; p < PROTO_KEYED; p++) {
        if (s.keys[p].n > 0) {
            return false;
        }
    }
    return !s.other;
}

bool portset_is_all(struct portset s)
{
    for (int p = 0; p < PROTO_KEYED; p++) {
        if (!port_ranges_are_all(s.keys[p])) {
            return false;
        }
    }
    return s.other;
}

bool portset_eq(struct portset x, struct portset y)
{
    return portset_cmp(x, y) == 0;
}

int portset_cmp(struct portset x, struct portset y)
{
    for (int p = 0; p < PROTO_KEYED; p++) {
        int order = ranges_cmp(x.keys[p], y.keys[p]);
        if (order != 0) {
            return order;
        }
    }
    return (int)x.other - (int)y.other;
}

void portset_key(struct buf *b, struct portset s)
{
    for (int p = 0; p < PROTO_KEYED; p++) {
        uint32_t n = (uint32_t)s.keys[p].n;
        buf_put(b, &n, sizeof n);
        buf_put(b, s.keys[p].v, n * sizeof *s.keys[p].v);
    }
    buf_putc(b, s.other ? 1 : 0);
}

bool portset_has(struct portset s, enum proto p, uint16_t key)
{
    if (p >= PROTO_KEYED) {
        return p == PROTO_OTHER && s.other;
    }
    struct cursor c = {.list = s.keys[p]};
    uint32_t end;
    return cursor_at(&c, key, &end);
}

/* ---- protocols ---- */

static const struct proto_info {
    const char *name, *upper;
    int number; /* IANA "Protocol Numbers" */
} protos[] = {
    [PROTO_TCP] = {"tcp", "TCP", 6},        [PROTO_UDP] = {"udp", "UDP", 17},
    [PROTO_SCTP] = {"sctp", "SCTP", 132},   [PROTO_ICMP] = {"icmp", "ICMP", 1},
    [PROTO_ICMP6] = {"icmp6", "ICMP6", 58}, [PROTO_OTHER] = {"other", "OTHER", -1},
    [PROTO_ANY] = {"any", "ANY", -1},
};

const char *proto_name(enum proto p)
{
    return protos[p].name;
}

const char *proto_upper(enum proto p)
{
    return protos[p].upper;
}

int proto_number(enum proto p)
{
    return protos[p].number;
}

bool proto_of_name(struct str name, enum proto *p)
{
    for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
        if (str_is(name, protos[i].name)) {
            *p = (enum proto)i;
            return true;
        }
    }
    return false;
}
