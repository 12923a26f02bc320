/*
 * Sets of addresses as sorted, disjoint, non-adjacent ranges. One sweep serves union, intersection
 * and difference, in time linear in the ranges.
 */
#include "ir/addr.h"

#define TOP ((struct ip){UINT64_MAX, UINT64_MAX})

/* Appends a range that begins behind all before it, or touches or overlaps the last. */
static void ranges_add(struct ipset *s, struct ip first, struct ip last)
{
    struct ip_range *tail = s->n > 0 ? &s->v[s->n - 1] : NULL;
    if (tail && (ip_cmp(first, tail->last) <= 0 || ip_cmp(first, ip_next(tail->last)) == 0)) {
        if (ip_cmp(last, tail->last) > 0) {
            tail->last = last;
        }
        return;
    }
    s->v[s->n++] = (struct ip_range){first, last};
}

static int range_cmp(const void *pa, const void *pb)
{
    const struct ip_range *a = pa, *b = pb;
    int order = ip_cmp(a->first, b->first);
    return order != 0 ? order : ip_cmp(a->last, b->last);
}

struct ipset ipset_of_ranges(struct arena *a, const struct ip_range *ranges, size_t n)
{
    struct ip_range *sorted = ARENA_NEW_ARRAY(a, n, struct ip_range);
    size_t count = 0;
    bool rising = true;
    for (size_t i = 0; i < n; i++) {
        if (ip_cmp(ranges[i].first, ranges[i].last) > 0) {
            continue; /* holds nothing */
        }
        rising = rising && (count == 0 || range_cmp(&sorted[count - 1], &ranges[i]) <= 0);
        sorted[count++] = ranges[i];
    }
    if (!rising) {
        array_sort(sorted, count, sizeof *sorted, range_cmp);
    }
    struct ipset s = {.v = sorted}; /* in place: never writes ahead of what it reads */
    for (size_t i = 0; i < count; i++) {
        ranges_add(&s, sorted[i].first, sorted[i].last);
    }
    return s;
}

struct ipset ipset_of_cidr(struct arena *a, struct cidr c)
{
    struct ip_range range = {c.first, cidr_last(c)};
    return ipset_of_ranges(a, &range, 1);
}

struct ipset ipset_all(struct arena *a, enum family f)
{
    struct ip_range range = {{0, 0}, ip_max(f)};
    return ipset_of_ranges(a, &range, 1);
}

/* ---- the sweep ---- */

/* Which addresses an operation keeps, by membership in x and y. Outside of both nothing is kept. */
struct operation {
    bool only_x, only_y, both;
};

/* One set under the sweep. */
struct cursor {
    struct ipset set;
    size_t i; /* ranges before it lie behind the sweep */
};

/* Whether `at` is in the set; *end is how far that holds. */
static bool cursor_at(struct cursor *c, struct ip at, struct ip *end)
{
    while (c->i < c->set.n && ip_cmp(c->set.v[c->i].last, at) < 0) {
        c->i++;
    }
    if (c->i == c->set.n) {
        *end = TOP;
        return false;
    }
    const struct ip_range *range = &c->set.v[c->i];
    bool in = ip_cmp(range->first, at) <= 0;
    *end = in ? range->last : ip_prev(range->first);
    return in;
}

static struct ipset sweep(struct arena *a, struct ipset x, struct ipset y, struct operation op)
{
    /* Every kept range begins where a range of x begins, or where one of y begins or ends. */
    struct ipset result = {.v = ARENA_NEW_ARRAY(a, x.n + y.n, struct ip_range)};
    struct cursor cx = {.set = x}, cy = {.set = y};
    struct ip at = {0, 0}, end;
    do {
        struct ip end_x, end_y;
        bool in_x = cursor_at(&cx, at, &end_x);
        bool in_y = cursor_at(&cy, at, &end_y);
        end = ip_cmp(end_x, end_y) < 0 ? end_x : end_y;
        if (in_x && in_y ? op.both : (in_x && op.only_x) || (in_y && op.only_y)) {
            ranges_add(&result, at, end);
        }
        at = ip_next(end);
    } while (ip_cmp(end, TOP) != 0);
    return result;
}

struct ipset ipset_union(struct arena *a, struct ipset x, struct ipset y)
{
    if (x.n == 0 || y.n == 0) { /* sets are never changed: the other one will do */
        return x.n > 0 ? x : y;
    }
    return sweep(a, x, y, (struct operation){.only_x = true, .only_y = true, .both = true});
}

struct ipset ipset_intersect(struct arena *a, struct ipset x, struct ipset y)
{
    return sweep(a, x, y, (struct operation){.both = true});
}

struct ipset ipset_subtract(struct arena *a, struct ipset x, struct ipset y)
{
    return sweep(a, x, y, (struct operation){.only_x = true});
}

/* ---- questions ---- */

bool ipset_has(struct ipset s, struct ip a)
{
    size_t low = 0, high = s.n; /* the first range that ends at or behind a */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_cmp(s.v[middle].last, a) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < s.n && ip_cmp(s.v[low].first, a) <= 0;
}

bool ipset_eq(struct ipset x, struct ipset y)
{
    if (x.n != y.n) {
        return false;
    }
    for (size_t i = 0; i < x.n; i++) {
        if (range_cmp(&x.v[i], &y.v[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool ipset_is_all(struct ipset s, enum family f)
{
    return s.n == 1 && ip_cmp(s.v[0].first, (struct ip){0, 0}) == 0 &&
           ip_cmp(s.v[0].last, ip_max(f)) == 0;
}

bool ipset_covers(struct ipset outer, struct ipset inner)
{
    size_t o = 0;
    for (size_t i = 0; i < inner.n; i++) {
        while (o < outer.n && ip_cmp(outer.v[o].last, inner.v[i].first) < 0) {
            o++;
        }
        /* Ranges of a normal form do not touch, so one must hold all of it. */
        if (o == outer.n || ip_cmp(outer.v[o].first, inner.v[i].first) > 0 ||
            ip_cmp(outer.v[o].last, inner.v[i].last) < 0) {
            return false;
        }
    }
    return true;
}

/* ---- prefixes ---- */

/* The shortest prefix that begins at `first` and does not pass `last`. */
static struct cidr cidr_largest(enum family f, struct ip first, struct ip last)
{
    struct cidr best = {.family = f, .first = first, .len = f == FAM_IP4 ? 32 : 128};
    while (best.len > 0) {
        struct cidr wider = best;
        wider.len--;
        /* Its first address must still be `first`: the bit that it frees must be zero there. */
        unsigned bit = (f == FAM_IP4 ? 31u : 127u) - wider.len;
        uint64_t word = bit >= 64 ? first.hi : first.lo;
        if ((word >> (bit % 64) & 1) != 0 || ip_cmp(cidr_last(wider), last) > 0) {
            break;
        }
        best = wider;
    }
    return best;
}

struct cidrs ipset_cidrs(struct arena *a, struct ipset s, enum family f)
{
    VEC(struct cidr) list = {0};
    for (size_t i = 0; i < s.n; i++) {
        struct ip at = s.v[i].first;
        for (;;) {
            struct cidr c = cidr_largest(f, at, s.v[i].last);
            vec_push(a, &list, c);
            struct ip end = cidr_last(c);
            if (ip_cmp(end, s.v[i].last) == 0) {
                break;
            }
            at = ip_next(end);
        }
    }
    return (struct cidrs){list.v, list.n};
}
