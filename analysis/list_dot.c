/*
 * A listing as a graph for Graphviz (dot -Tsvg): workloads in a box for each namespace, external
 * ranges as ellipses. Sources that are a whole namespace, or everybody, are one node, and of a
 * large cluster those that no policy can tell apart: what is drawn grows with what is different.
 */
#include "analysis/list_groups.h"

#define MOST_SINGLE 40 /* more workloads are drawn by class */
#define MOST_NAMES  5  /* in a node of several */
#define MOST_LABEL  28 /* longer labels of edges are cut; the tooltip has all */

/* Text as a dot string: only quotes and backslashes mean something in it. */
static void put_quoted(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n') {
            buf_puts(out, "\\n");
            continue;
        }
        if (s.p[i] == '"' || s.p[i] == '\\') {
            buf_putc(out, '\\');
        }
        buf_putc(out, s.p[i]);
    }
    buf_putc(out, '"');
}

/* ---- what is one node ---- */

struct drawing {
    const struct listing *l;
    struct buf *out;
    uint32_t *node;      /* by endpoint: the first that is drawn as the same node */
    uint32_t *count;     /* by that: how many it stands for */
    struct strmap stars; /* nodes of many sources that were declared, by their text */
};

static bool same_node(const struct listing *l, uint32_t a, uint32_t b)
{
    const struct list_endpoint *x = &l->endpoints[a], *y = &l->endpoints[b];
    return x->kind == EP_WORKLOAD && y->kind == EP_WORKLOAD && x->class_id == y->class_id &&
           str_eq(x->ns, y->ns);
}

static void choose_nodes(struct drawing *d)
{
    const struct listing *l = d->l;
    struct arena *a = &l->world->ctx->arena;
    uint32_t *of_class = ARENA_NEW_ARRAY(a, l->world->nclasses, uint32_t); /* last node + 1 */
    size_t workloads = 0;
    d->node = ARENA_NEW_ARRAY(a, l->nendpoints, uint32_t);
    d->count = ARENA_NEW_ARRAY(a, l->nendpoints, uint32_t);
    for (size_t i = 0; i < l->nendpoints; i++) {
        workloads += l->endpoints[i].kind == EP_WORKLOAD;
    }
    bool by_class = workloads > MOST_SINGLE && l->options.level != LIST_CLASSES;
    for (uint32_t i = 0; i < l->nendpoints; i++) {
        uint32_t *last = &of_class[l->endpoints[i].class_id];
        bool known = by_class && *last > 0 && same_node(l, i, *last - 1);
        d->node[i] = known ? *last - 1 : i;
        *last = d->node[i] + 1;
        d->count[d->node[i]]++;
    }
}

/* ---- nodes ---- */

/* In the box of its namespace a workload needs no namespace before its name. */
static struct str short_name(const struct listing *l, const struct list_endpoint *e)
{
    size_t skip = e->kind == EP_WORKLOAD ? e->ns.n + 1 : 0;
    struct str name = end_text(l, e);
    return (struct str){name.p + skip, name.n - skip};
}

static struct str label_of_names(const struct drawing *d, uint32_t node)
{
    const struct listing *l = d->l;
    struct buf *b = buf_new(&l->world->ctx->arena);
    size_t shown = 0, all = d->count[node];
    for (uint32_t i = node; i < l->nendpoints && shown < all && shown < MOST_NAMES; i++) {
        if (d->node[i] == node) {
            buf_puts(b, shown++ > 0 ? "\n" : "");
            buf_str(b, short_name(l, &l->endpoints[i]));
        }
    }
    if (all > shown) {
        buf_printf(b, "\nand %zu more", all - shown);
    }
    return buf_text(b);
}

static struct str label_of_members(const struct drawing *d, const struct list_endpoint *e)
{
    struct buf *b = buf_new(&d->l->world->ctx->arena);
    for (size_t i = 0; i < e->nmembers && i < MOST_NAMES; i++) {
        buf_puts(b, i > 0 ? "\n" : "");
        buf_str(b, e->members[i]);
    }
    if (e->nmembers > MOST_NAMES) {
        buf_printf(b, "\nand %zu more", e->nmembers - MOST_NAMES);
    }
    return buf_text(b);
}

static const char *style_of(const struct list_endpoint *e)
{
    switch (e->kind) {
    case EP_WORKLOAD:
        return e->isolated[DIR_INGRESS] ? "" : ", fillcolor=\"#ffe8b3\"";
    case EP_NODE:
        return ", shape=component";
    case EP_RANGE:
        return ", shape=ellipse, style=\"filled,dashed\", fillcolor=\"#eef2f7\"";
    case EP_OPEN:
        return ", style=\"rounded,filled,dashed\"";
    }
    return "";
}

static void put_node(const struct drawing *d, uint32_t node, const char *indent)
{
    const struct list_endpoint *e = &d->l->endpoints[node];
    bool class = d->l->options.level == LIST_CLASSES;
    buf_printf(d->out, "%sn%lu [label=", indent, (unsigned long)node);
    put_quoted(d->out, class ? label_of_members(d, e) : label_of_names(d, node));
    buf_printf(d->out, "%s];\n", style_of(e));
}

/* Endpoints are sorted by name, so that those of one namespace are neighbours; classes are not. */
static void put_nodes(const struct drawing *d)
{
    const struct listing *l = d->l;
    struct str ns = STR("");
    for (uint32_t i = 0; i < l->nendpoints; i++) {
        const struct list_endpoint *e = &l->endpoints[i];
        bool boxed = e->kind == EP_WORKLOAD && l->options.level != LIST_CLASSES;
        if (ns.n > 0 && !(boxed && str_eq(ns, e->ns))) {
            buf_puts(d->out, "  }\n");
            ns = STR("");
        }
        if (boxed && ns.n == 0) {
            buf_printf(d->out, "  subgraph cluster_%lu {\n    label=", (unsigned long)i);
            put_quoted(d->out, e->ns);
            buf_puts(d->out, ";\n");
            ns = e->ns;
        }
        if (d->node[i] == i && (e->kind != EP_OPEN || l->options.exposure)) {
            put_node(d, i, boxed ? "    " : "  ");
        }
    }
    buf_puts(d->out, ns.n > 0 ? "  }\n" : "");
}

/* ---- edges ---- */

static void put_label(const struct drawing *d, uint32_t ports, enum list_family family)
{
    struct str whole = traffic_text(d->l, ports, family), text = whole;
    if (whole.n > MOST_LABEL) {
        size_t cut = MOST_LABEL;
        while (cut > 0 && whole.p[cut] != ',') {
            cut--;
        }
        text = str_printf(&d->l->world->ctx->arena, "%.*s, …", (int)cut, whole.p);
    }
    buf_puts(d->out, " [label=");
    put_quoted(d->out, text);
    if (whole.n > MOST_LABEL) {
        buf_puts(d->out, ", tooltip=");
        put_quoted(d->out, whole);
    }
    buf_puts(d->out, "]");
}

static void put_source(struct drawing *d, const struct sender *s)
{
    if (s->kind == SOURCE_END) {
        buf_printf(d->out, "n%lu", (unsigned long)d->node[s->end]);
        return;
    }
    put_quoted(d->out, s->text);
}

static void declare_source(struct drawing *d, const struct sender *s)
{
    if (s->kind == SOURCE_END || strmap_put(&d->stars, s->text, d) != NULL) {
        return;
    }
    buf_puts(d->out, "  ");
    put_quoted(d->out, s->text);
    buf_puts(d->out, " [shape=folder];\n");
}

/* Of sources that are one node, only the first is drawn. */
static void put_group(struct drawing *d, const struct source_group *g, uint32_t *drawn,
                      uint32_t mark)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct sender *s = &g->v[i];
        if (s->kind == SOURCE_END && drawn[d->node[s->end]] == mark) {
            continue;
        }
        if (s->kind == SOURCE_END) {
            drawn[d->node[s->end]] = mark;
        }
        declare_source(d, s);
        buf_puts(d->out, "  ");
        put_source(d, s);
        buf_printf(d->out, " -> n%lu", (unsigned long)g->to);
        put_label(d, g->ports, g->family);
        buf_puts(d->out, ";\n");
    }
}

static void put_pairs(struct drawing *d, const struct list_connection *v, size_t n)
{
    struct source_groups groups = list_groups(d->l, v, n);
    uint32_t *drawn = ARENA_NEW_ARRAY(&d->l->world->ctx->arena, d->l->nendpoints, uint32_t);
    for (uint32_t i = 0; i < groups.n; i++) {
        if (d->node[groups.v[i].to] == groups.v[i].to) {
            put_group(d, &groups.v[i], drawn, i + 1);
        }
    }
}

static void put_ids(struct drawing *d, struct id_list ids)
{
    buf_putc(d->out, '{');
    for (size_t i = 0; i < ids.n; i++) {
        buf_printf(d->out, i > 0 ? " n%lu" : "n%lu", (unsigned long)ids.v[i]);
    }
    buf_putc(d->out, '}');
}

/* Many to many by way of a point: as many edges as ends, and not as pairs. */
static void put_block(struct drawing *d, size_t number, const struct list_block *b)
{
    bool point = b->from.n > 1 && b->to.n > 1;
    buf_puts(d->out, "  ");
    put_ids(d, b->from);
    buf_puts(d->out, " -> ");
    if (point) {
        buf_printf(d->out, "b%zu [arrowhead=none];\n  b%zu [shape=point];\n  b%zu -> ", number,
                   number, number);
    }
    put_ids(d, b->to);
    put_label(d, b->ports, b->family);
    buf_puts(d->out, ";\n");
}

void list_dot(const struct listing *l, struct buf *out)
{
    struct drawing d = {.l = l, .out = out};
    strmap_init(&d.stars, &l->world->ctx->arena);
    choose_nodes(&d);
    buf_puts(out, "digraph npc {\n"
                  "  rankdir=LR; nodesep=0.35; ranksep=0.9;\n"
                  "  label=\"Shaded: no policy isolates its ingress\";\n"
                  "  fontname=\"Helvetica\"; fontsize=11;\n"
                  "  node [shape=box, style=\"rounded,filled\", fillcolor=white,"
                  " fontname=\"Helvetica\", fontsize=11];\n"
                  "  edge [fontname=\"Helvetica\", fontsize=9, color=\"#5a6b7d\"];\n");
    put_nodes(&d);
    if (l->options.level == LIST_CLASSES) {
        for (size_t i = 0; i < l->nblocks; i++) {
            put_block(&d, i, &l->blocks[i]);
        }
    } else {
        put_pairs(&d, l->connections, l->nconnections);
    }
    put_pairs(&d, l->exposure, l->nexposure);
    buf_puts(out, "}\n");
}
