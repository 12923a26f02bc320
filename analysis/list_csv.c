/*
 * A listing as CSV (RFC 4180): one line for each connection and entry of ports. Names of Kubernetes
 * hold nothing that needs quotes or that a spreadsheet takes for a formula, but names of nodes and
 * owners come from input that nobody may have checked: every field goes through put_field().
 */
#include "analysis/listing.h"

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == ',' || c < 0x20) {
            return true;
        }
    }
    return false;
}

/* A field that a spreadsheet would take for a formula gets an apostrophe, which it takes for "this
 * is text". */
static void put_field(struct buf *out, struct str s)
{
    bool formula = s.n > 0 && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '-' || s.p[0] == '@');
    bool quotes = needs_quotes(s);
    buf_puts(out, quotes ? "\"" : "");
    buf_puts(out, formula ? "'" : "");
    for (size_t i = 0; i < s.n; i++) {
        buf_puts(out, s.p[i] == '"' ? "\"" : "");
        buf_putc(out, s.p[i]);
    }
    buf_puts(out, quotes ? "\"" : "");
}

static void put_numbers(struct buf *out, const struct list_port *p)
{
    if (p->whole) {
        buf_putc(out, ',');
        return;
    }
    bool icmp = p->proto == LIST_ICMP || p->proto == LIST_ICMP6;
    bool types = icmp && (p->first & 0xff) == 0 && (p->last & 0xff) == 0xff;
    if (!icmp) {
        buf_printf(out, "%u,%u", (unsigned)p->first, (unsigned)p->last);
    } else if (types) {
        buf_printf(out, "%u,%u", p->first >> 8u, p->last >> 8u);
    } else { /* codes of one type */
        buf_printf(out, "%u.%u,%u.%u", p->first >> 8u, p->first & 0xffu, p->last >> 8u,
                   p->last & 0xffu);
    }
}

static void put_line(const struct listing *l, const struct list_connection *c,
                     const struct list_port *p, struct buf *out)
{
    put_field(out, l->endpoints[c->from].name);
    buf_putc(out, ',');
    put_field(out, l->endpoints[c->to].name);
    buf_printf(out, ",%s,%s,", list_family_name(c->family), list_proto_name(p->proto));
    put_numbers(out, p);
    buf_puts(out, "\r\n");
}

static void put_connections(const struct listing *l, const struct list_connection *v, size_t n,
                            struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct list_ports *ports = &l->ports[v[i].ports];
        for (size_t k = 0; k < ports->n; k++) {
            put_line(l, &v[i], &ports->v[k], out);
        }
    }
}

void list_csv(const struct listing *l, struct buf *out)
{
    buf_puts(out, "from,to,family,protocol,first,last\r\n");
    put_connections(l, l->connections, l->nconnections, out);
    put_connections(l, l->exposure, l->nexposure, out);
}
