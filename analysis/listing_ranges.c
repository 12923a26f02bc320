/*
 * External addresses in a listing. A world cuts them wherever some policy tells neighbours apart;
 * for one other end most of the cuts mean nothing, so neighbours with the same traffic are one
 * range. What lies between two of them and is nobody's external address does not separate them, and
 * a range begins and ends with an external address: so it is the same however policies are spelled.
 */
#include "analysis/listing_priv.h"
#include "analysis/world_priv.h"

/* ---- tiles ---- */

static int tile_order(const void *pa, const void *pb)
{
    const struct tile *a = pa, *b = pb;
    return ip_cmp(a->range.first, b->range.first);
}

void ranges_prepare(struct lister *l)
{
    for (size_t d = 0; d < DIRECTIONS; d++) {
        l->runs[d] = ARENA_NEW_ARRAY(l->arena, l->w->nclasses, struct range_runs);
    }
    intern_init(&l->range_ids, l->arena);
    for (uint32_t i = 0; i < l->w->nclasses; i++) {
        const struct endpoint_class *c = &l->w->classes[i];
        for (size_t k = 0; c->kind == EP_RANGE && k < c->ranges.n; k++) {
            struct ip_range range = nets_trim(&l->w->parts->nets[c->family], c->ranges.v[k]);
            vec_push(l->arena, &l->tiles[c->family], (struct tile){range, i});
        }
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        array_sort(l->tiles[f].v, l->tiles[f].n, sizeof(struct tile), tile_order);
    }
}

/* The number of the first tile that does not begin before an address. */
static size_t tile_at(const struct tile *tiles, size_t n, struct ip first)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_cmp(tiles[middle].range.first, first) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct ipset ranges_of_class(const struct lister *l, const struct endpoint_class *c)
{
    struct ipset out = {ARENA_NEW_ARRAY(l->arena, c->ranges.n, struct ip_range), 0};
    const struct tile *tiles = l->tiles[c->family].v;
    size_t before = SIZE_MAX;
    for (size_t i = 0; i < c->ranges.n; i++) {
        size_t at = tile_at(tiles, l->tiles[c->family].n, c->ranges.v[i].first);
        if (i > 0 && at == before + 1) {
            out.v[out.n - 1].last = tiles[at].range.last;
        } else {
            out.v[out.n++] = tiles[at].range;
        }
        before = at;
    }
    return out;
}

/* ---- runs of classes ---- */

void ranges_add(struct lister *l, enum direction d, uint32_t class_id, uint32_t range,
                struct traffic t)
{
    struct range_runs *r = &l->runs[d][class_id];
    enum family f = l->w->classes[range].family;
    uint32_t traffic = focus_narrow(l, f, t.of[f]);
    if (traffic == TRAFFIC_NONE || traffic == TRAFFIC_ABSENT) {
        return;
    }
    struct range_run *last = r->runs.n > 0 ? &r->runs.v[r->runs.n - 1] : NULL;
    if (last != NULL && last->last + 1 == range && last->traffic == traffic &&
        l->w->classes[last->last].family == f) {
        last->last = range;
        return;
    }
    vec_push(l->arena, &r->runs, (struct range_run){range, range, traffic});
}

/* ---- endpoints and connections ---- */

static uint32_t range_end(struct lister *l, enum family f, struct ip_range r, uint32_t class_id)
{
    uint64_t key[] = {f, r.first.hi, r.first.lo, r.last.hi, r.last.lo};
    uint32_t id = intern_add(&l->range_ids, (struct str){(const char *)key, sizeof key});
    if (l->fixed + id == l->ends.n) {
        struct list_endpoint e = {.name = range_text(l->arena, f, r),
                                  .type = STR("range"),
                                  .kind = EP_RANGE,
                                  .family = f,
                                  .range = r,
                                  .class_id = class_id,
                                  .nmembers = 1};
        e.members = ARENA_NEW(l->arena, struct str);
        e.members[0] = e.name;
        vec_push(l->arena, &l->ends, e);
        focus_flags(l, l->fixed + id);
    }
    return (uint32_t)l->fixed + id;
}

struct side { /* one class and direction: its traffic with ranges */
    uint32_t class_id;
    enum direction direction;
    const uint32_t *traffic; /* by class */
};

static void connect_range(struct lister *l, const struct side *s, enum family f, struct tile whole)
{
    uint32_t range = range_end(l, f, whole.range, whole.class_id);
    struct traffic t = {{TRAFFIC_ABSENT, TRAFFIC_ABSENT}};
    t.of[f] = s->traffic[whole.class_id];
    const struct id_vec *ends = &l->of_class[s->class_id];
    for (size_t i = 0; i < ends->n; i++) {
        if (s->direction == DIR_EGRESS) {
            list_connect(l, ends->v[i], range, t);
        } else {
            list_connect(l, range, ends->v[i], t);
        }
    }
}

static void connect_family(struct lister *l, const struct side *s, enum family f)
{
    struct tile whole = {.class_id = ID_NONE}; /* what is being put together */
    for (size_t i = 0; i < l->tiles[f].n; i++) {
        const struct tile *t = &l->tiles[f].v[i];
        uint32_t traffic = s->traffic[t->class_id];
        bool open = whole.class_id != ID_NONE;
        if (open && traffic == s->traffic[whole.class_id]) {
            whole.range.last = t->range.last;
            continue;
        }
        if (open) {
            connect_range(l, s, f, whole);
        }
        whole = *t;
        whole.class_id = traffic != TRAFFIC_NONE ? t->class_id : ID_NONE;
    }
    if (whole.class_id != ID_NONE) {
        connect_range(l, s, f, whole);
    }
}

static void fill(uint32_t *traffic, const struct range_runs *r, bool clear)
{
    for (size_t i = 0; i < r->runs.n; i++) {
        for (uint32_t c = r->runs.v[i].first; c <= r->runs.v[i].last; c++) {
            traffic[c] = clear ? TRAFFIC_NONE : r->runs.v[i].traffic;
        }
    }
}

void ranges_connect(struct lister *l)
{
    uint32_t *traffic = ARENA_NEW_ARRAY(l->arena, l->w->nclasses, uint32_t); /* TRAFFIC_NONE */
    for (uint32_t c = 0; c < l->w->nclasses; c++) {
        for (size_t d = 0; d < DIRECTIONS && l->of_class[c].n > 0; d++) {
            const struct range_runs *r = &l->runs[d][c];
            struct side s = {c, (enum direction)d, traffic};
            fill(traffic, r, false);
            for (size_t f = 0; f < FAMILIES && r->runs.n > 0; f++) {
                connect_family(l, &s, (enum family)f);
            }
            fill(traffic, r, true);
        }
    }
}
