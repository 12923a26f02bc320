/* Policies in words (phrase.h). What is input here is escaped when a diagnostic is shown. */
#include "analysis/phrase.h"

enum { MOST_SHOWN = 4 }; /* of a list, before it ends in "…" */

static void put_selector(struct buf *b, const struct selector *s)
{
    selector_print(b, s, MOST_SHOWN);
    buf_puts(b, s->n == 0 ? "{}" : "");
}

struct str selector_phrase(struct arena *a, const struct selector *s)
{
    struct buf *b = buf_new(a);
    put_selector(b, s);
    return buf_text(b);
}

static void put_namespaces(struct buf *b, const struct selector *ns)
{
    const struct sel_req *names = selector_ns_names(ns);
    if (ns->n == 0) {
        buf_puts(b, "all namespaces");
    } else if (names != NULL) {
        buf_puts(b, names->nvalues == 1 ? "namespace " : "namespace {");
        selector_print_values(b, names, MOST_SHOWN);
        buf_puts(b, names->nvalues == 1 ? "" : "}");
    } else {
        buf_puts(b, "namespaces ");
        put_selector(b, ns);
    }
}

static void put_pods(struct buf *b, const struct peer *p)
{
    if (p->pods == NULL) {
        put_namespaces(b, p->ns);
        return;
    }
    if (p->pods->n == 0) {
        buf_puts(b, "all pods");
    } else {
        buf_puts(b, "pods ");
        put_selector(b, p->pods);
    }
    if (p->ns != NULL) {
        buf_puts(b, " in ");
        put_namespaces(b, p->ns);
    } else if (p->pods->n == 0) {
        buf_puts(b, " in this namespace");
    }
}

static void put_cidr(struct buf *b, const struct peer *p)
{
    buf_puts(b, "cidr ");
    cidr_print(b, p->cidr);
    for (size_t i = 0; i < p->nexcept && i < MOST_SHOWN; i++) {
        buf_puts(b, i == 0 ? " except {" : ", ");
        cidr_print(b, p->except[i]);
    }
    buf_puts(b, p->nexcept > MOST_SHOWN ? ", …}" : p->nexcept > 0 ? "}" : "");
}

struct str peer_phrase(struct arena *a, const struct peer *p)
{
    struct buf *b = buf_new(a);
    switch (p->kind) {
    case PEER_PODS:
        put_pods(b, p);
        break;
    case PEER_CIDR:
        put_cidr(b, p);
        break;
    case PEER_NODES:
        buf_puts(b, p->nodes->n == 0 ? "all nodes" : "nodes ");
        if (p->nodes->n > 0) {
            put_selector(b, p->nodes);
        }
        break;
    case PEER_DOMAIN:
        buf_puts(b, "domain ");
        buf_str(b, p->domain);
        break;
    }
    return buf_text(b);
}

static void put_keys(struct buf *b, enum proto proto, uint16_t first, uint16_t last)
{
    bool is_icmp = proto == PROTO_ICMP || proto == PROTO_ICMP6;
    buf_printf(b, "%s/", proto_name(proto));
    if (first == 0 && last == UINT16_MAX) {
        buf_putc(b, '*');
    } else if (is_icmp && first == last) {
        buf_printf(b, "%d.%d", first >> 8, first & 0xff);
    } else if (is_icmp) {
        buf_printf(b, "%d", first >> 8);
    } else if (first == last) {
        buf_printf(b, "%d", first);
    } else {
        buf_printf(b, "%d-%d", first, last);
    }
}

static void put_port(struct buf *b, const struct port *p)
{
    if (p->form == PORT_NAMED) {
        buf_printf(b, "%s/" STR_FMT, proto_name(p->proto), STR_ARG(p->name));
    } else if (p->form == PORT_WHOLE) {
        put_keys(b, p->proto, 0, UINT16_MAX);
    } else {
        put_keys(b, p->proto, p->first, p->last);
    }
}

struct str port_phrase(struct arena *a, const struct port *p)
{
    struct buf *b = buf_new(a);
    put_port(b, p);
    return buf_text(b);
}

struct str ports_phrase(struct arena *a, const struct rule *r)
{
    struct buf *b = buf_new(a);
    buf_puts(b, r->any_port ? "all ports" : "");
    for (size_t i = 0; i < r->nports && i < MOST_SHOWN; i++) {
        buf_puts(b, i > 0 ? ", " : "");
        put_port(b, &r->ports[i]);
    }
    buf_puts(b, r->nports > MOST_SHOWN ? ", …" : "");
    return buf_text(b);
}

struct str portset_phrase(struct arena *a, struct portset s)
{
    struct buf *b = buf_new(a);
    if (portset_is_all(s)) {
        return STR("all ports");
    }
    size_t shown = 0;
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        for (size_t i = 0; i < s.keys[p].n; i++) {
            if (shown++ == MOST_SHOWN) {
                buf_puts(b, ", …");
                return buf_text(b);
            }
            buf_puts(b, shown > 1 ? ", " : "");
            put_keys(b, (enum proto)p, s.keys[p].v[i].first, s.keys[p].v[i].last);
        }
    }
    if (s.other) {
        buf_puts(b, shown > 0 ? ", other protocols" : "other protocols");
    }
    return buf_text(b);
}

struct str policy_phrase(struct arena *a, const struct policy *p)
{
    return p->ns.n > 0 ? str_path(a, p->ns, p->name) : p->name;
}
