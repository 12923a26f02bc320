/* A listing for people: by destination, who reaches it and with what. */
#include "analysis/list_groups.h"

#define WIDTH       100 /* lists are wrapped here */
#define MOST_COLUMN 28  /* ports that are wider have a line of their own */

/* ---- lists that wrap ---- */

struct wrapped {
    struct buf *out;
    size_t indent, column;
    bool first;
};

/* One more item of a list. */
static void put_item(struct wrapped *w, struct str s)
{
    if (!w->first && w->column + 2 + s.n > WIDTH) {
        buf_puts(w->out, ",\n");
        buf_spaces(w->out, w->indent);
        w->column = w->indent;
    } else if (!w->first) {
        buf_puts(w->out, ", ");
        w->column += 2;
    }
    buf_str(w->out, s);
    w->column += s.n;
    w->first = false;
}

/* ---- headings ---- */

static void put_isolation(const struct list_endpoint *e, struct buf *out)
{
    if (e->kind != EP_WORKLOAD) {
        return;
    }
    bool in = e->isolated[DIR_INGRESS], eg = e->isolated[DIR_EGRESS];
    buf_puts(out, in && eg ? "  (isolated)"
                  : in     ? "  (ingress isolated)"
                  : eg     ? "  (egress isolated)"
                           : "  (not isolated)");
}

static void put_heading(const struct listing *l, const struct list_endpoint *e, struct buf *out)
{
    buf_str(out, end_text(l, e));
    put_isolation(e, out);
    buf_putc(out, '\n');
}

/* ---- groups ---- */

static size_t column_of(const struct listing *l, const struct source_groups *groups)
{
    size_t widest = 0;
    for (size_t i = 0; i < groups->n; i++) {
        size_t n = traffic_text(l, groups->v[i].ports, groups->v[i].family).n;
        widest = n > widest && n <= MOST_COLUMN ? n : widest;
    }
    return widest + 4;
}

static void put_traffic(struct str ports, size_t column, struct buf *out)
{
    buf_puts(out, "  ");
    buf_str(out, ports);
    if (ports.n + 4 > column) {
        buf_putc(out, '\n');
        buf_spaces(out, column);
    } else {
        buf_spaces(out, column - 2 - ports.n);
    }
    buf_puts(out, "from ");
}

static void put_group(const struct listing *l, const struct source_group *g, size_t column,
                      struct buf *out)
{
    put_traffic(traffic_text(l, g->ports, g->family), column, out);
    struct wrapped w = {.out = out, .indent = column + 5, .column = column + 5, .first = true};
    for (size_t i = 0; i < g->n; i++) {
        put_item(&w, g->v[i].text);
    }
    buf_putc(out, '\n');
}

/* Whether the focus asks for this workload as a destination: then it is shown even if nobody
 * reaches it. */
static bool is_shown(const struct listing *l, const struct list_endpoint *e)
{
    const struct list_options *o = &l->options;
    return e->kind == EP_WORKLOAD && o->from.p == NULL && o->to.p == NULL && o->port.p == NULL &&
           (o->ns.p == NULL || str_eq(o->ns, e->ns)) &&
           (o->host == NULL || e->inside[0]->workload == o->host);
}

static void put_pairs(const struct listing *l, const struct list_connection *v, size_t n,
                      bool everybody, struct buf *out)
{
    struct source_groups groups = list_groups(l, v, n);
    size_t column = column_of(l, &groups), next = 0;
    for (uint32_t i = 0; i < l->nendpoints; i++) {
        const struct list_endpoint *e = &l->endpoints[i];
        bool reached = next < groups.n && groups.v[next].to == i;
        if (!reached && !(everybody && is_shown(l, e))) {
            continue;
        }
        put_heading(l, e, out);
        for (; next < groups.n && groups.v[next].to == i; next++) {
            put_group(l, &groups.v[next], column, out);
        }
        if (!reached) {
            buf_puts(out, "  nothing, from nobody\n");
        }
    }
}

/* ---- classes ---- */

static struct str class_name(const struct listing *l, uint32_t id)
{
    return str_printf(&l->world->ctx->arena, "#%lu", (unsigned long)id + 1);
}

static void put_ids(const struct listing *l, struct id_list ids, size_t indent, struct buf *out)
{
    struct wrapped w = {.out = out, .indent = indent, .column = indent, .first = true};
    for (size_t i = 0; i < ids.n; i++) {
        size_t end = i; /* neighbours as "#3-#9" */
        while (end + 1 < ids.n && ids.v[end + 1] == ids.v[end] + 1) {
            end++;
        }
        struct str first = class_name(l, ids.v[i]);
        if (end > i + 1) {
            first = str_printf(&l->world->ctx->arena, STR_FMT "-" STR_FMT, STR_ARG(first),
                               STR_ARG(class_name(l, ids.v[end])));
            i = end;
        }
        put_item(&w, first);
    }
    buf_putc(out, '\n');
}

static void put_classes(const struct listing *l, struct buf *out)
{
    for (uint32_t i = 0; i < l->nendpoints; i++) {
        const struct list_endpoint *e = &l->endpoints[i];
        if (e->kind == EP_OPEN) {
            continue;
        }
        buf_str(out, class_name(l, i));
        put_isolation(e, out);
        buf_puts(out, "\n    ");
        struct wrapped w = {.out = out, .indent = 4, .column = 4, .first = true};
        for (size_t k = 0; k < e->nmembers; k++) {
            put_item(&w, e->members[k]);
        }
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < l->nblocks; i++) {
        const struct list_block *b = &l->blocks[i];
        buf_putc(out, '\n');
        buf_str(out, traffic_text(l, b->ports, b->family));
        buf_puts(out, "\n  from ");
        put_ids(l, b->from, 7, out);
        buf_puts(out, "  to   ");
        put_ids(l, b->to, 7, out);
    }
}

void list_text(const struct listing *l, struct buf *out)
{
    if (l->options.level == LIST_CLASSES) {
        put_classes(l, out);
    } else {
        put_pairs(l, l->connections, l->nconnections, true, out);
    }
    if (l->options.exposure) {
        buf_puts(out, "\nTo and from pods that are not in the input:\n\n");
        put_pairs(l, l->exposure, l->nexposure, false, out);
    }
}
