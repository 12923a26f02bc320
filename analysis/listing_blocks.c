/*
 * Connections of classes as few blocks. A row says what one class may send to all others, as runs
 * of neighbours with the same traffic. What all rows have in common is one block for all, what the
 * rows of the first half have beyond that one block for them, and so on by halves: every pair of
 * classes is in exactly one block, and output grows with what is different, not with pairs.
 */
#include "analysis/listing_priv.h"

struct run { /* endpoints first to last: index in lister.shown */
    uint32_t first, last, shown;
};

struct row {
    struct run *v;
    size_t n;
};

struct row_vec {
    VEC(struct run) runs;
};

struct node { /* several sources, and what they have in common */
    struct row row;
    size_t first, last; /* distinct rows */
};

struct key { /* of a block to be: ends of one side by number, and traffic */
    uint32_t list, shown;
};

struct half_block {
    struct key key;
    struct id_vec other; /* ends of the other side */
};

struct halves { /* by key */
    struct intern ids;
    VEC(struct half_block) list;
};

struct blocker {
    struct lister *l;
    struct arena *arena;
    uint32_t source; /* endpoint whose row is being read, or ID_NONE */
    struct row_vec row;
    struct intern row_ids;      /* rows by content … */
    VEC(struct id_vec) sources; /* … and whose they are */
    struct intern lists;        /* of endpoints */
    struct halves by_targets;
    VEC(struct list_block) blocks;
};

/* ---- rows ---- */

static void end_row(struct blocker *b)
{
    if (b->source != ID_NONE && b->row.runs.n > 0) {
        struct str bytes = {(const char *)b->row.runs.v, b->row.runs.n * sizeof(struct run)};
        uint32_t id = intern_add(&b->row_ids, bytes);
        if (id == b->sources.n) {
            vec_push(b->arena, &b->sources, (struct id_vec){0});
        }
        vec_push(b->arena, &b->sources.v[id], b->source);
    }
    b->row.runs.n = 0;
}

static bool read_pair(void *arg, uint32_t from_class, uint32_t to_class, struct traffic t)
{
    struct blocker *b = arg;
    struct lister *l = b->l;
    if (l->of_class[from_class].n == 0 || l->of_class[to_class].n == 0) {
        return true;
    }
    uint32_t from = l->of_class[from_class].v[0], to = l->of_class[to_class].v[0];
    if (l->w->classes[from_class].kind == EP_OPEN || l->w->classes[to_class].kind == EP_OPEN) {
        list_connect(l, from, to, t);
        return !l->too_many;
    }
    if (from != b->source) {
        end_row(b);
        b->source = from;
    }
    uint32_t shown = list_shown(l, t);
    if (shown_is_none(l->shown.v[shown]) || !focus_keeps(l, from, to)) {
        return true;
    }
    struct run *last = b->row.runs.n > 0 ? &b->row.runs.v[b->row.runs.n - 1] : NULL;
    if (last != NULL && last->last + 1 == to && last->shown == shown) {
        last->last = to;
    } else {
        vec_push(b->arena, &b->row.runs, (struct run){to, to, shown});
    }
    return true;
}

static struct row row_of(const struct blocker *b, uint32_t id)
{
    const struct intern_key *k = &b->row_ids.keys.v[id];
    return (struct row){(struct run *)(void *)k->p, k->n / sizeof(struct run)};
}

/* ---- what rows have in common ---- */

static void push_run(struct arena *a, struct row_vec *out, struct run r)
{
    struct run *last = out->runs.n > 0 ? &out->runs.v[out->runs.n - 1] : NULL;
    if (last != NULL && last->last + 1 == r.first && last->shown == r.shown) {
        last->last = r.last;
    } else {
        vec_push(a, &out->runs, r);
    }
}

static struct row common(struct arena *a, struct row x, struct row y)
{
    struct row_vec out = {0};
    size_t i = 0, k = 0;
    while (i < x.n && k < y.n) {
        uint32_t first = x.v[i].first > y.v[k].first ? x.v[i].first : y.v[k].first;
        uint32_t last = x.v[i].last < y.v[k].last ? x.v[i].last : y.v[k].last;
        if (first <= last && x.v[i].shown == y.v[k].shown) {
            push_run(a, &out, (struct run){first, last, x.v[i].shown});
        }
        if (x.v[i].last < y.v[k].last) {
            i++;
        } else {
            k++;
        }
    }
    return (struct row){out.runs.v, out.runs.n};
}

/* x without `part`, which is part of it. */
static struct row rest(struct arena *a, struct row x, struct row part)
{
    struct row_vec out = {0};
    size_t k = 0;
    for (size_t i = 0; i < x.n; i++) {
        uint32_t first = x.v[i].first;
        for (; k < part.n && part.v[k].first <= x.v[i].last; k++) {
            if (part.v[k].first > first) {
                push_run(a, &out, (struct run){first, part.v[k].first - 1, x.v[i].shown});
            }
            first = part.v[k].last + 1;
            if (part.v[k].last > x.v[i].last) {
                break;
            }
        }
        if (first <= x.v[i].last) {
            push_run(a, &out, (struct run){first, x.v[i].last, x.v[i].shown});
        }
    }
    return (struct row){out.runs.v, out.runs.n};
}

/* ---- blocks ---- */

static struct half_block *half(struct arena *a, struct halves *h, struct key key)
{
    uint32_t id = intern_add(&h->ids, (struct str){(const char *)&key, sizeof key});
    if (id == h->list.n) {
        vec_push(a, &h->list, (struct half_block){.key = key});
    }
    return &h->list.v[id];
}

static uint32_t list_id(struct blocker *b, struct id_vec *v)
{
    size_t n = ids_sort(v->v, v->n);
    return intern_ids(&b->lists, v->v, n);
}

static int run_order(const void *pa, const void *pb)
{
    const struct run *a = pa, *b = pb;
    if (a->shown != b->shown) {
        return a->shown < b->shown ? -1 : 1;
    }
    return a->first < b->first ? -1 : a->first > b->first;
}

/* The sources of some distinct rows may send what a row says. */
static void emit(struct blocker *b, const struct node *n, struct row row)
{
    if (row.n == 0) {
        return;
    }
    array_sort(row.v, row.n, sizeof *row.v, run_order);
    for (size_t i = 0; i < row.n;) {
        uint32_t shown = row.v[i].shown;
        struct id_vec targets = {0};
        for (; i < row.n && row.v[i].shown == shown; i++) {
            for (uint32_t t = row.v[i].first; t <= row.v[i].last; t++) {
                vec_push(b->arena, &targets, t);
            }
        }
        struct half_block *h =
            half(b->arena, &b->by_targets, (struct key){list_id(b, &targets), shown});
        for (size_t r = n->first; r <= n->last; r++) {
            for (size_t k = 0; k < b->sources.v[r].n; k++) {
                vec_push(b->arena, &h->other, b->sources.v[r].v[k]);
            }
        }
    }
}

/* Joins neighbouring nodes in pairs until one is left. */
static void emit_all(struct blocker *b)
{
    size_t n = b->sources.n;
    struct node *nodes = ARENA_NEW_ARRAY(b->arena, n, struct node);
    for (uint32_t i = 0; i < n; i++) {
        nodes[i] = (struct node){row_of(b, i), i, i};
    }
    while (n > 1) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i += 2) {
            struct node joined = nodes[i];
            if (i + 1 < n) {
                const struct node *other = &nodes[i + 1];
                joined.row = common(b->arena, nodes[i].row, other->row);
                joined.last = other->last;
                emit(b, &nodes[i], rest(b->arena, nodes[i].row, joined.row));
                emit(b, other, rest(b->arena, other->row, joined.row));
            }
            nodes[kept++] = joined;
        }
        n = kept;
    }
    if (n == 1) {
        emit(b, &nodes[0], rest(b->arena, nodes[0].row, (struct row){NULL, 0}));
    }
}

/* A class of one member has no connection with itself: a block that would say only that of a class
 * does not name it. */
static void drop_alone(const struct lister *l, struct id_list *one, struct id_list *other)
{
    if (one->n != 1 || l->ends.v[one->v[0]].nmembers != 1) {
        return;
    }
    size_t kept = 0;
    uint32_t *v = ARENA_NEW_ARRAY(l->arena, other->n, uint32_t);
    for (size_t i = 0; i < other->n; i++) {
        if (other->v[i] != one->v[0]) {
            v[kept++] = other->v[i];
        }
    }
    *other = (struct id_list){v, kept};
}

static void add_block(struct blocker *b, struct id_list from, struct id_list to, uint32_t shown)
{
    drop_alone(b->l, &from, &to);
    drop_alone(b->l, &to, &from);
    if (from.n == 0 || to.n == 0) {
        return;
    }
    for (int f = LIST_BOTH; f <= LIST_IPV6; f++) {
        uint32_t ports = b->l->shown.v[shown].by_family[f];
        if (ports != ID_NONE) {
            vec_push(b->arena, &b->blocks,
                     (struct list_block){from, to, ports, (enum list_family)f});
        }
    }
}

/* Blocks that differ in their targets only are one. */
static void merge(struct blocker *b)
{
    struct halves by_sources = {0};
    intern_init(&by_sources.ids, b->arena);
    for (size_t i = 0; i < b->by_targets.list.n; i++) {
        struct half_block *h = &b->by_targets.list.v[i];
        struct id_list targets = intern_list(&b->lists, h->key.list);
        struct key key = {list_id(b, &h->other), h->key.shown};
        struct half_block *joined = half(b->arena, &by_sources, key);
        for (size_t k = 0; k < targets.n; k++) {
            vec_push(b->arena, &joined->other, targets.v[k]);
        }
    }
    for (size_t i = 0; i < by_sources.list.n; i++) {
        struct half_block *h = &by_sources.list.v[i];
        struct id_list from = intern_list(&b->lists, h->key.list);
        struct id_list to = intern_list(&b->lists, list_id(b, &h->other));
        add_block(b, from, to, h->key.shown);
    }
}

static int lists_cmp(struct id_list a, struct id_list b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        if (a.v[i] != b.v[i]) {
            return a.v[i] < b.v[i] ? -1 : 1;
        }
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static int block_order(const void *pa, const void *pb)
{
    const struct list_block *a = pa, *b = pb;
    int order = lists_cmp(a->from, b->from);
    order = order != 0 ? order : lists_cmp(a->to, b->to);
    return order != 0 ? order : (int)a->family - (int)b->family;
}

void list_blocks(struct lister *l, struct listing *out)
{
    struct blocker b = {.l = l, .arena = l->arena, .source = ID_NONE};
    intern_init(&b.row_ids, b.arena);
    intern_init(&b.lists, b.arena);
    intern_init(&b.by_targets.ids, b.arena);
    world_flows(l->w, read_pair, &b);
    end_row(&b);
    emit_all(&b);
    merge(&b);
    array_sort(b.blocks.v, b.blocks.n, sizeof *b.blocks.v, block_order);
    out->blocks = b.blocks.v;
    out->nblocks = b.blocks.n;
}
