/* A listing as Markdown tables, for a pull request. */
#include "analysis/list_groups.h"

void list_md_cell(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20) {
            buf_putc(out, ' ');
            continue;
        }
        if (c != ' ' && c != '/' && c != '.' && c != ':' && c != ',' && c != '-' && c != '=' &&
            !ch_is_alnum(c) && c < 0x80) {
            buf_putc(out, '\\');
        }
        buf_putc(out, (char)c);
    }
}

static void put_rows(const struct listing *l, const struct list_connection *v, size_t n,
                     struct buf *out)
{
    struct source_groups groups = list_groups(l, v, n);
    uint32_t before = ID_NONE;
    buf_puts(out, "| to | ports | from |\n|---|---|---|\n");
    for (size_t i = 0; i < groups.n; i++) {
        const struct source_group *g = &groups.v[i];
        buf_puts(out, "| ");
        if (g->to != before) {
            list_md_cell(out, end_text(l, &l->endpoints[g->to]));
            buf_putc(out, ' ');
        }
        buf_puts(out, "| ");
        list_md_cell(out, traffic_text(l, g->ports, g->family));
        buf_puts(out, " | ");
        for (size_t k = 0; k < g->n; k++) {
            buf_puts(out, k > 0 ? ", " : "");
            list_md_cell(out, g->v[k].text);
        }
        buf_puts(out, " |\n");
        before = g->to;
    }
}

void list_md(const struct listing *l, struct buf *out)
{
    put_rows(l, l->connections, l->nconnections, out);
    if (l->options.exposure) {
        buf_puts(out, "\nTo and from pods that are not in the input:\n\n");
        put_rows(l, l->exposure, l->nexposure, out);
    }
}
