/*
 * A listing as JSON, version 1. Other tools read it: what stands here does not change without
 * another version. docs/list-json.md describes it.
 */
#include "analysis/listing.h"

/* ---- ports ---- */

static void put_icmp(struct buf *out, const struct list_port *p)
{
    unsigned type = p->first >> 8, last_type = p->last >> 8;
    unsigned code = p->first & 0xff, last_code = p->last & 0xff;
    buf_printf(out, ", \"type\": %u", type);
    if (type != last_type) {
        buf_printf(out, ", \"endType\": %u", last_type);
    } else if (code != 0 || last_code != 0xff) {
        buf_printf(out, ", \"code\": %u", code);
        if (code != last_code) {
            buf_printf(out, ", \"endCode\": %u", last_code);
        }
    }
}

static void put_port(struct buf *out, const struct list_port *p)
{
    buf_printf(out, "{\"protocol\": \"%s\"", list_proto_name(p->proto));
    if (p->whole) {
        /* only a protocol: all of it */
    } else if (p->proto == LIST_ICMP || p->proto == LIST_ICMP6) {
        put_icmp(out, p);
    } else {
        buf_printf(out, ", \"port\": %u", (unsigned)p->first);
        if (p->first != p->last) {
            buf_printf(out, ", \"endPort\": %u", (unsigned)p->last);
        }
    }
    buf_putc(out, '}');
}

void list_json_ports(const struct list_ports *ports, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < ports->n; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        put_port(out, &ports->v[i]);
    }
    buf_putc(out, ']');
}

/* The end of a connection, whose ends are written: its family if it is about one, its ports. */
static void put_rest(const struct listing *l, enum list_family family, uint32_t ports,
                     struct buf *out)
{
    if (family != LIST_BOTH) {
        buf_printf(out, ", \"family\": \"%s\"", list_family_name(family));
    }
    buf_puts(out, ", \"ports\": ");
    list_json_ports(&l->ports[ports], out);
    buf_putc(out, '}');
}

/* ---- lists of connections ---- */

static void put_comma(struct buf *out, size_t i)
{
    buf_puts(out, i > 0 ? ",\n    " : "\n    ");
}

static void put_connections(const struct listing *l, const struct list_connection *v, size_t n,
                            struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        put_comma(out, i);
        buf_puts(out, "{\"from\": ");
        buf_json_string(out, l->endpoints[v[i].from].name);
        buf_puts(out, ", \"to\": ");
        buf_json_string(out, l->endpoints[v[i].to].name);
        put_rest(l, v[i].family, v[i].ports, out);
    }
}

/* ---- classes ---- */

static void put_ids(struct id_list ids, struct buf *out)
{
    for (size_t i = 0; i < ids.n; i++) {
        buf_printf(out, i > 0 ? ", %lu" : "%lu", (unsigned long)ids.v[i] + 1);
    }
}

static void put_blocks(const struct listing *l, struct buf *out)
{
    for (size_t i = 0; i < l->nblocks; i++) {
        const struct list_block *b = &l->blocks[i];
        put_comma(out, i);
        buf_puts(out, "{\"from\": [");
        put_ids(b->from, out);
        buf_puts(out, "], \"to\": [");
        put_ids(b->to, out);
        buf_putc(out, ']');
        put_rest(l, b->family, b->ports, out);
    }
}

const char *list_kind_name(enum endpoint_kind kind)
{
    switch (kind) {
    case EP_WORKLOAD:
        return "workload";
    case EP_NODE:
        return "node";
    case EP_RANGE:
        return "range";
    case EP_OPEN:
        return "open";
    }
    return "";
}

static void put_isolated(const struct list_endpoint *e, struct buf *out)
{
    bool first = true;
    buf_puts(out, ", \"isolated\": [");
    for (size_t d = 0; d < DIRECTIONS; d++) {
        if (e->isolated[d]) {
            buf_printf(out, "%s\"%s\"", first ? "" : ", ", direction_name((enum direction)d));
            first = false;
        }
    }
    buf_putc(out, ']');
}

static void put_class(const struct list_endpoint *e, size_t id, struct buf *out)
{
    buf_printf(out, "{\"id\": %zu, \"kind\": \"%s\"", id, list_kind_name(e->kind));
    if (e->kind == EP_WORKLOAD) {
        put_isolated(e, out);
    }
    buf_puts(out, ", \"members\": [");
    for (size_t i = 0; i < e->nmembers; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        buf_json_string(out, e->members[i]);
    }
    buf_puts(out, "]}");
}

static void put_classes(const struct listing *l, struct buf *out)
{
    bool first = true;
    buf_puts(out, "\n \"classes\": [");
    for (size_t i = 0; i < l->nendpoints; i++) {
        if (l->endpoints[i].kind != EP_OPEN) {
            put_comma(out, first ? 0 : i);
            put_class(&l->endpoints[i], i + 1, out);
            first = false;
        }
    }
    buf_puts(out, "],");
}

void list_json(const struct listing *l, struct buf *out)
{
    buf_puts(out, "{\"version\": 1,");
    if (l->options.level == LIST_CLASSES) {
        put_classes(l, out);
    }
    buf_puts(out, "\n \"connections\": [");
    if (l->options.level == LIST_CLASSES) {
        put_blocks(l, out);
    } else {
        put_connections(l, l->connections, l->nconnections, out);
    }
    if (l->options.exposure) {
        buf_puts(out, "],\n \"exposure\": [");
        put_connections(l, l->exposure, l->nexposure, out);
    }
    buf_puts(out, "]}\n");
}
