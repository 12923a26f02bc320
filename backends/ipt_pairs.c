/* Lays pairs of peer and target out as rules. Knows nothing of sets. */
#include "backends/ipt_pairs.h"

#include "backends/ipt_walk.h"

/* ---- the plan ---- */

/* ICMP and other protocols are left to the classes, which know how to say them. */
static bool ports_fit(enum family f, struct portset ports)
{
    return bind_ports_are_all(f, ports) ||
           (!ports.other && ports.keys[PROTO_ICMP].n == 0 && ports.keys[PROTO_ICMP6].n == 0);
}

/* How many peer classes a grant would be paired with. */
static size_t grant_width(struct ipt_side *s, const struct grant *g)
{
    const struct ipt_peers *p = ipt_peers(s, g);
    return p->pods != NULL && ports_fit(s->table->family, g->ports) ? p->pods->classes.n : 0;
}

/* How many pairs the grants of each width make, and whether some class has a crowd of grants. */
static bool count_pairs(struct ipt_side *s, size_t *pairs)
{
    bool crowded = false;
    for (size_t i = 0; i < s->bound->ntargets; i++) {
        const struct target_class *t = &s->bound->targets[i];
        const size_t places = ipt_addrs_cidrs(&s->ctx->arena, s->table->family, t->addrs).n;
        size_t crowd = 0;
        for (size_t k = 0; k < t->ngrants; k++) {
            size_t width = grant_width(s, t->grants[k]);
            pairs[width] += places * width;
            crowd += width > 0;
        }
        crowded |= crowd > s->tuning->crowd;
    }
    return crowded;
}

bool ipt_pairs_plan(struct ipt_side *s)
{
    size_t *pairs = ARENA_NEW_ARRAY(&s->ctx->arena, s->bound->npeers + 1, size_t);
    if (!count_pairs(s, pairs)) {
        return false;
    }
    /* A wide selection is one set that is worth its look-up: where not all can be pairs, those. */
    size_t sum = 0, widest = 0;
    while (widest < s->bound->npeers && sum + pairs[widest + 1] <= s->tuning->pairs_most) {
        sum += pairs[++widest];
    }
    for (size_t i = 0; i < s->bound->ntargets; i++) {
        const struct target_class *t = &s->bound->targets[i];
        for (size_t k = 0; k < t->ngrants; k++) {
            const size_t width = grant_width(s, t->grants[k]);
            ipt_peers(s, t->grants[k])->paired = width > 0 && width <= widest;
        }
    }
    return sum > 0;
}

/* ---- rows ---- */

struct pair {
    size_t target; /* index */
    const struct grant *grant;
};

typedef VEC(struct pair) pair_vec;

struct row {
    struct id_vec peers; /* the classes that share it */
    pair_vec pairs;      /* by target, then as the target's grants */
    struct str name;
};

/* The rules of one target in a row, each without the address. */
struct pair_rules {
    VEC(struct str) lines;
};

struct pairs {
    struct ipt_side *side;
    const struct ipt_shapes *shapes;
    const char *behind; /* a rule */
    VEC(struct row *) rows;
    struct strmap by_pairs; /* to struct row */
    struct strmap rules;    /* pairs of one target, to struct pair_rules */
};

static struct str pairs_key(const struct pair *v, size_t n)
{
    return (struct str){(const char *)v, n * sizeof *v};
}

/* The pairs of each peer class, by id. */
static pair_vec *pairs_by_peer(const struct pairs *x)
{
    struct ipt_side *s = x->side;
    pair_vec *by_peer = ARENA_NEW_ARRAY(&s->ctx->arena, s->bound->npeers + 1, pair_vec);
    for (size_t i = 0; i < s->bound->ntargets; i++) {
        const struct target_class *t = &s->bound->targets[i];
        for (size_t k = 0; k < t->ngrants; k++) {
            const struct ipt_peers *p = ipt_peers(s, t->grants[k]);
            for (size_t c = 0; p->paired && c < p->pods->classes.n; c++) {
                vec_push(&s->ctx->arena, &by_peer[p->pods->classes.v[c]],
                         (struct pair){i, t->grants[k]});
            }
        }
    }
    return by_peer;
}

static void make_rows(struct pairs *x)
{
    struct arena *a = &x->side->ctx->arena;
    const pair_vec *by_peer = pairs_by_peer(x);
    for (uint32_t id = 1; id <= x->side->bound->npeers; id++) {
        if (by_peer[id].n == 0) {
            continue;
        }
        struct str key = pairs_key(by_peer[id].v, by_peer[id].n);
        struct row *row = strmap_get(&x->by_pairs, key);
        if (row == NULL) {
            row = ARENA_NEW(a, struct row);
            row->pairs = by_peer[id];
            strmap_put(&x->by_pairs, key, row);
            vec_push(a, &x->rows, row);
        }
        vec_push(a, &row->peers, id);
    }
}

/* ---- rules ---- */

/* Without comment: there are so many that it would be most of the table, and packets read past it.
 * npc.map says where each comes from. */
static const struct pair_rules *rules_of(struct pairs *x, const struct pair *pairs, size_t n)
{
    struct arena *a = &x->side->ctx->arena;
    struct str key = pairs_key(pairs, n);
    struct pair_rules *rules = strmap_get(&x->rules, key);
    if (rules != NULL) {
        return rules;
    }
    rules = ARENA_NEW(a, struct pair_rules);
    strmap_put(&x->rules, key, rules);
    struct portset ports = pairs[0].grant->ports;
    for (size_t i = 1; i < n; i++) {
        ports = portset_union(a, ports, pairs[i].grant->ports);
    }
    if (bind_ports_are_all(x->side->table->family, ports)) {
        vec_push(a, &rules->lines, STR("-j RETURN\n"));
        return rules;
    }
    const struct port_matches matches = atoms_matches(a, ports);
    for (size_t i = 0; i < matches.n; i++) {
        struct buf *line = buf_new(a);
        ipt_put_match(line, &matches.v[i]);
        ipt_put_return(line);
        vec_push(a, &rules->lines, buf_text(line));
    }
    return rules;
}

static void put_pair(const struct ipt_walk *w, const struct tree_entry *entry, struct buf *body)
{
    const struct pair_rules *rules = entry->value;
    for (size_t i = 0; i < rules->lines.n; i++) {
        ipt_put_cidr(body, w->end, entry->at);
        buf_str(body, rules->lines.v[i]);
    }
}

static struct span row_place(const struct row *row)
{
    return row->pairs.v[0].grant->rule->origin->at;
}

static struct addr_list row_addrs(const struct pairs *x, const struct row *row)
{
    const struct id_list peers = {row->peers.v, row->peers.n};
    return ipt_class_addrs(&x->side->ctx->arena, x->side->bound, peers);
}

static bool name_row(const struct pairs *x, struct row *row)
{
    const struct ipt_side *s = x->side;
    const struct ip first = s->bound->peers[row->peers.v[0] - 1].addrs.v[0];
    const struct ipt_key key = {.slug = STR("peer"),
                                .parts = {STR("row"), str_of(direction_name(s->direction)),
                                          ip_text(&s->ctx->arena, s->table->family, first)},
                                .nparts = 3,
                                .at = row_place(row)};
    return ipt_name(s->table, &key, &row->name);
}

/* The targets of a row: what its tree looks for; also to the map. */
static struct tree row_tree(struct pairs *x, const struct row *row)
{
    const struct ipt_side *s = x->side;
    struct arena *a = &s->ctx->arena;
    VEC(struct tree_entry) entries = {0};
    VEC(const struct grant *) grants = {0};
    for (size_t i = 0, end; i < row->pairs.n; i = end) {
        const size_t target = row->pairs.v[i].target;
        grants.n = 0;
        for (end = i; end < row->pairs.n && row->pairs.v[end].target == target; end++) {
            vec_push(a, &grants, row->pairs.v[end].grant);
        }
        const struct pair_rules *rules = rules_of(x, row->pairs.v + i, end - i);
        const struct cidrs places =
            ipt_addrs_cidrs(a, s->table->family, s->bound->targets[target].addrs);
        for (size_t k = 0; k < places.n; k++) {
            vec_push(a, &entries, (struct tree_entry){places.v[k], rules});
            ipt_map_pair(s->map, places.v[k], grants.v, grants.n);
        }
    }
    ipt_walk_sort(entries.v, entries.n);
    return tree_build(a, entries.v, entries.n, &x->shapes->pairs);
}

static bool put_row(struct pairs *x, struct row *row)
{
    struct ipt_side *s = x->side;
    if (!name_row(x, row)) {
        return false;
    }
    ipt_map_row(s->map, s->direction, row->name, row_addrs(x, row).n);
    const struct tree tree = row_tree(x, row);
    ipt_map_row_end(s->map);
    const struct ipt_walk walk = {.table = s->table,
                                  .end = ipt_local_end(s),
                                  .root = row->name,
                                  .slug = "local",
                                  .at = row_place(row),
                                  .put_entry = put_pair,
                                  .rest = x->behind};
    return ipt_walk_tree(&walk, &tree, buf_new(&s->ctx->arena));
}

/* From the addresses of peers to their rows. */
static bool put_root(const struct pairs *x, const char *root)
{
    struct ipt_side *s = x->side;
    struct arena *a = &s->ctx->arena;
    VEC(struct tree_entry) entries = {0};
    for (size_t i = 0; i < x->rows.n; i++) {
        const struct cidrs cidrs = ipt_addrs_cidrs(a, s->table->family, row_addrs(x, x->rows.v[i]));
        for (size_t k = 0; k < cidrs.n; k++) {
            vec_push(a, &entries, (struct tree_entry){cidrs.v[k], &x->rows.v[i]->name});
        }
    }
    ipt_walk_sort(entries.v, entries.n);
    const struct tree tree = tree_build(a, entries.v, entries.n, &x->shapes->peers);
    const struct ipt_walk walk = {.table = s->table,
                                  .end = ipt_peer_end(s),
                                  .root = str_of(root),
                                  .slug = "peers",
                                  .at = row_place(x->rows.v[0]),
                                  .put_entry = ipt_walk_goto,
                                  .rest = x->behind};
    return ipt_walk_tree(&walk, &tree, buf_new(a));
}

bool ipt_pairs(struct ipt_side *s, const struct ipt_shapes *shapes, const char *root,
               const char *behind)
{
    struct arena *a = &s->ctx->arena;
    struct pairs x = {.side = s, .shapes = shapes, .behind = str_printf(a, "-g %s\n", behind).p};
    strmap_init(&x.by_pairs, a);
    strmap_init(&x.rules, a);
    make_rows(&x);
    for (size_t i = x.rows.n; i-- > 0;) { /* chains are printed last first */
        if (!put_row(&x, x.rows.v[i])) {
            return false;
        }
    }
    return put_root(&x, root);
}
