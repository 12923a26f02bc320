/* Sets of ports by number, and operations on numbers that are done once each. */
#include "analysis/traffic.h"

enum operation { OP_UNION, OP_INTERSECT, OP_SUBTRACT };

/* A copy: the set that was given may be in scratch memory. */
static struct portset keep(struct arena *a, struct portset s)
{
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        struct port_ranges *r = &s.keys[p];
        if (r->n > 0) {
            r->v = (struct port_range *)(void *)arena_copy(a, r->v, r->n * sizeof *r->v);
        }
    }
    return s;
}

static uint32_t add(struct traffic_table *t, struct portset s)
{
    buf_cut(t->key, 0);
    portset_key(t->key, s);
    uint32_t id = intern_add(&t->ids, buf_text(t->key));
    if (id == t->sets.n) {
        vec_push(t->arena, &t->sets, keep(t->arena, s));
    }
    return id;
}

void traffic_init(struct traffic_table *t, struct arena *a)
{
    *t = (struct traffic_table){.arena = a, .key = buf_new(a)};
    intern_init(&t->ids, a);
    intern_init(&t->done, a);
    add(t, portset_none);
    struct portset all = portset_all(a);
    all.keys[PROTO_ICMP6] = (struct port_ranges){NULL, 0};
    add(t, all);
}

uint32_t traffic_id(struct traffic_table *t, enum family f, struct portset s)
{
    if (f == FAM_IP6) {
        s.keys[PROTO_ICMP] = s.keys[PROTO_ICMP6];
    }
    s.keys[PROTO_ICMP6] = (struct port_ranges){NULL, 0};
    return add(t, s);
}

struct portset traffic_ports(const struct traffic_table *t, enum family f, uint32_t id)
{
    struct portset s = t->sets.v[id];
    if (f == FAM_IP6) {
        s.keys[PROTO_ICMP6] = s.keys[PROTO_ICMP];
        s.keys[PROTO_ICMP] = (struct port_ranges){NULL, 0};
    }
    return s;
}

static struct portset operate(struct arena *a, enum operation op, struct portset x,
                              struct portset y)
{
    switch (op) {
    case OP_UNION:
        return portset_union(a, x, y);
    case OP_INTERSECT:
        return portset_intersect(a, x, y);
    case OP_SUBTRACT:
        return portset_subtract(a, x, y);
    }
    return portset_none;
}

static uint32_t once(struct traffic_table *t, enum operation op, uint32_t x, uint32_t y)
{
    uint32_t key[3] = {op, x, y};
    uint32_t id = intern_ids(&t->done, key, 3);
    if (id == t->results.n) {
        uint32_t result = add(t, operate(t->arena, op, t->sets.v[x], t->sets.v[y]));
        vec_push(t->arena, &t->results, result);
    }
    return t->results.v[id];
}

/* Both operations give the same either way round. */
static uint32_t once_sorted(struct traffic_table *t, enum operation op, uint32_t x, uint32_t y)
{
    return x < y ? once(t, op, x, y) : once(t, op, y, x);
}

uint32_t traffic_union(struct traffic_table *t, uint32_t x, uint32_t y)
{
    if (x == y || y == TRAFFIC_NONE || x == TRAFFIC_ALL) {
        return x;
    }
    return x == TRAFFIC_NONE || y == TRAFFIC_ALL ? y : once_sorted(t, OP_UNION, x, y);
}

uint32_t traffic_intersect(struct traffic_table *t, uint32_t x, uint32_t y)
{
    if (x == y || x == TRAFFIC_NONE || y == TRAFFIC_ALL) {
        return x;
    }
    return y == TRAFFIC_NONE || x == TRAFFIC_ALL ? y : once_sorted(t, OP_INTERSECT, x, y);
}

uint32_t traffic_subtract(struct traffic_table *t, uint32_t x, uint32_t y)
{
    if (x == y || x == TRAFFIC_NONE || y == TRAFFIC_ALL) {
        return TRAFFIC_NONE;
    }
    return y == TRAFFIC_NONE ? x : once(t, OP_SUBTRACT, x, y);
}

bool traffic_is_none(struct traffic t)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        if (t.of[f] != TRAFFIC_NONE && t.of[f] != TRAFFIC_ABSENT) {
            return false;
        }
    }
    return true;
}

bool traffic_differs_by_family(const struct traffic_table *t, struct traffic x)
{
    uint32_t ip4 = x.of[FAM_IP4], ip6 = x.of[FAM_IP6];
    if (ip4 == TRAFFIC_ABSENT || ip6 == TRAFFIC_ABSENT) {
        return false;
    }
    struct port_ranges icmp = t->sets.v[ip4].keys[PROTO_ICMP];
    return ip4 != ip6 || (icmp.n > 0 && !port_ranges_are_all(icmp));
}
