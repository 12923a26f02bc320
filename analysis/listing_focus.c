/*
 * The focus of a listing: what --from, --to, --namespace and --port mean, and which endpoints they
 * are.
 */
#include "analysis/listing_priv.h"
#include "analysis/world_priv.h"

#include <string.h>

static struct diag *usage(struct lister *l, const char *text, struct str value)
{
    return diag_error(&l->w->ctx->diags, NPC901, (struct span){0}, "%s '" STR_FMT "'", text,
                      STR_ARG(value));
}

/* Splits at the first `separator`; false if there is none. */
static bool split(struct str s, char separator, struct str *before, struct str *after)
{
    const char *at = s.n > 0 ? memchr(s.p, separator, s.n) : NULL;
    if (at == NULL) {
        return false;
    }
    *before = (struct str){s.p, (size_t)(at - s.p)};
    *after = (struct str){at + 1, s.n - before->n - 1};
    return true;
}

/* ---- ends ---- */

/* An address or CIDR. Only those that Kubernetes would take as they stand: a mistyped address would
 * be looked for in vain. */
static bool read_address(struct str s, struct focus_end *out)
{
    struct cidr c;
    if (cidr_parse(s, &c, NULL) == IP_OK) {
        out->family = c.family;
        out->range = (struct ip_range){c.first, cidr_last(c)};
        return true;
    }
    enum ip_parse how = ip_parse(s, &out->family, &out->range.first);
    out->range.last = out->range.first;
    return how == IP_OK || how == IP_NOT_CANONICAL;
}

static bool read_end(struct lister *l, struct str s, struct focus_end *out)
{
    struct str before, after;
    *out = (struct focus_end){.kind = END_ANY, .text = s};
    if (s.p == NULL) {
        return true;
    }
    if (str_starts(s, "node:")) {
        out->kind = END_NODE;
        out->name = (struct str){s.p + 5, s.n - 5};
        return true;
    }
    if (read_address(s, out)) {
        out->kind = END_ADDRESS;
        return true;
    }
    if (name_check_dns_label(s) == NULL) {
        out->kind = END_NAMESPACE;
        out->ns = s;
        return true;
    }
    if (split(s, '/', &before, &after) && name_check_dns_label(before) == NULL && after.n > 0) {
        out->kind = END_NAME;
        out->ns = before;
        out->name = after;
        return true;
    }
    struct cidr masked;
    if (cidr_parse(s, &masked, NULL) == IP_HOST_BITS) {
        struct diag *d = usage(l, "host bits are set in", s);
        diag_hint(&l->w->ctx->diags, d, "write " STR_FMT, STR_ARG(cidr_text(l->arena, masked)));
        return false;
    }
    struct diag *d = usage(l, "no end of a connection looks like", s);
    diag_hint(&l->w->ctx->diags, d,
              "NAMESPACE, NAMESPACE/NAME, node:NAME, an address such as 10.0.0.1, or a CIDR");
    return false;
}

/* ---- ports ---- */

/* "80", "8000-8080", "*"; of ICMP "8", "3.4", "*". */
static bool read_keys(enum proto p, struct str s, uint32_t *first, uint32_t *last)
{
    struct str before, after;
    bool icmp = p == PROTO_ICMP || p == PROTO_ICMP6;
    *first = 0;
    *last = 65535;
    if (str_is(s, "*")) {
        return true;
    }
    if (split(s, icmp ? '.' : '-', &before, &after)) {
        uint32_t most = icmp ? 255 : 65535;
        if (!str_to_u32(before, most, first) || !str_to_u32(after, most, last)) {
            return false;
        }
        *first = icmp ? (*first << 8 | *last) : *first;
        *last = icmp ? *first : *last;
        return *first <= *last;
    }
    if (!str_to_u32(s, icmp ? 255 : 65535, first)) {
        return false;
    }
    *first = icmp ? *first << 8 : *first;
    *last = icmp ? *first | 0xff : *first;
    return true;
}

static bool read_port(struct lister *l, struct str s)
{
    struct str name, keys;
    enum proto p;
    uint32_t first, last;
    if (s.p == NULL) {
        return true;
    }
    if (!split(s, '/', &name, &keys) || !proto_of_name(name, &p) || p >= PROTO_KEYED ||
        !read_keys(p, keys, &first, &last)) {
        struct diag *d = usage(l, "--port cannot be", s);
        diag_hint(&l->w->ctx->diags, d,
                  "a protocol and a number, as policies see it on the pod: tcp/80, udp/8000-8080, "
                  "sctp/*, icmp/8");
        return false;
    }
    struct portset ports = portset_of(l->arena, p, (uint16_t)first, (uint16_t)last);
    for (size_t f = 0; f < FAMILIES; f++) {
        struct portset of_family = ports;
        of_family.keys[f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP] = (struct port_ranges){NULL, 0};
        l->focus.port[f] = traffic_id(l->w->traffic, (enum family)f, of_family);
    }
    l->focus.has_port = true;
    return true;
}

bool focus_read(struct lister *l)
{
    const struct list_options *o = &l->options;
    bool ok = read_end(l, o->from, &l->focus.from);
    ok = read_end(l, o->to, &l->focus.to) && ok;
    if (o->ns.p != NULL) {
        l->focus.ns = (struct focus_end){.kind = END_NAMESPACE, .text = o->ns, .ns = o->ns};
    }
    if (o->host != NULL) {
        l->focus.host = (struct focus_end){.kind = END_WORKLOAD, .workload = o->host};
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        l->focus.without[f] = (l->focus.from.kind == END_ADDRESS && l->focus.from.family != f) ||
                              (l->focus.to.kind == END_ADDRESS && l->focus.to.family != f);
    }
    l->options.nodes = o->nodes || l->focus.from.kind == END_NODE || l->focus.to.kind == END_NODE;
    return read_port(l, o->port) && ok;
}

/* ---- matching ---- */

static bool has_address(const struct focus_end *f, const struct address *addrs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (addrs[i].family == f->family && ip_cmp(f->range.first, addrs[i].ip) <= 0 &&
            ip_cmp(addrs[i].ip, f->range.last) <= 0) {
            return true;
        }
    }
    return false;
}

static bool member_is(struct lister *l, const struct focus_end *f, const struct endpoint_member *m)
{
    const struct workload *w = m->workload;
    switch (f->kind) {
    case END_ANY:
        return true;
    case END_NAMESPACE:
        return w != NULL && str_eq(w->ns, f->ns);
    case END_NAME:
        if (w == NULL || !str_eq(w->ns, f->ns)) {
            return false;
        }
        struct str kind, name;
        return str_eq(w->name, f->name) ||
               (split(naming_owner(&l->naming, w), '/', &kind, &name) && str_eq(name, f->name));
    case END_WORKLOAD:
        return w == f->workload;
    case END_NODE:
        return m->node != NULL && str_eq(m->node->name, f->name);
    case END_ADDRESS:
        if (m->naddrs > 0) {
            return has_address(f, m->addrs, m->naddrs);
        }
        return w != NULL ? has_address(f, w->addrs, w->naddrs)
                         : has_address(f, m->node->addrs, m->node->naddrs);
    }
    return false;
}

/* Whether external addresses are asked for. The inventory's between them are none: whoever asks for
 * such a one asks for who has it. */
static bool range_is(const struct lister *l, const struct focus_end *f,
                     const struct list_endpoint *e)
{
    if (f->kind != END_ADDRESS || f->family != e->family) {
        return false;
    }
    const struct ipset one = {.v = (struct ip_range[]){e->range}, .n = 1};
    const struct ipset all =
        l->options.level == LIST_CLASSES ? l->w->classes[e->class_id].ranges : one;
    struct ip_range asked;
    for (size_t i = 0; i < all.n; i++) {
        if (ip_range_common(f->range, all.v[i], &asked) &&
            nets_has_external(&l->w->parts->nets[e->family], asked)) {
            return true;
        }
    }
    return false;
}

/* Whether it is a pod that is not there, in a namespace that is asked for, which may not be there
 * either. */
static bool open_is(const struct lister *l, const struct focus_end *f,
                    const struct list_endpoint *e)
{
    return f->kind == END_NAMESPACE && str_eq(l->w->parts->facts.v[e->class_id].ns, f->ns);
}

static bool end_is(struct lister *l, const struct focus_end *f, const struct list_endpoint *e)
{
    if (f->kind == END_ANY) {
        return true;
    }
    if (e->kind == EP_RANGE) {
        return range_is(l, f, e);
    }
    if (e->kind == EP_OPEN) {
        return open_is(l, f, e);
    }
    if (str_eq(e->name, f->text)) { /* with what tells it apart: "shop/web[Pod]" */
        return true;
    }
    for (size_t i = 0; e->inside != NULL && i < e->nmembers; i++) {
        if (member_is(l, f, e->inside[i]) || str_eq(e->members[i], f->text)) {
            return true;
        }
    }
    return false;
}

void focus_flags(struct lister *l, size_t first)
{
    static const unsigned char flag[] = {FOCUS_FROM, FOCUS_TO, FOCUS_NS, FOCUS_HOST};
    struct focus_end *ends[] = {&l->focus.from, &l->focus.to, &l->focus.ns, &l->focus.host};
    for (size_t i = first; i < l->ends.n; i++) {
        unsigned char flags = 0;
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
            if (end_is(l, ends[k], &l->ends.v[i])) {
                flags |= flag[k];
                ends[k]->found = true;
            }
        }
        vec_push(l->arena, &l->flags, flags);
    }
}

/* ---- ends that are not there ---- */

struct names {
    VEC(struct str) list;
};

static bool not_found(struct lister *l, const char *what, struct str text,
                      const struct names *candidates)
{
    struct diags *diags = &l->w->ctx->diags;
    struct diag *d = diag_error(diags, NPC902, (struct span){0}, "no %s is called '" STR_FMT "'",
                                what, STR_ARG(text));
    struct str near = str_nearest(text, candidates->list.v, candidates->list.n);
    if (near.n > 0) {
        diag_hint(diags, d, "did you mean '" STR_FMT "'?", STR_ARG(near));
    }
    return false;
}

static bool check_namespace(struct lister *l, const struct focus_end *f)
{
    const struct inventory *inv = &l->w->program->inv;
    struct names names = {0};
    if (f->found || inventory_find_ns(inv, f->ns) != NULL) {
        return true;
    }
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        vec_push(l->arena, &names.list, inv->namespaces.v[i]->name);
    }
    return not_found(l, "namespace", f->ns, &names);
}

static bool check_node(struct lister *l, const struct focus_end *f)
{
    const struct inventory *inv = &l->w->program->inv;
    struct names names = {0};
    for (size_t i = 0; i < inv->nodes.n; i++) {
        vec_push(l->arena, &names.list, inv->nodes.v[i]->name);
    }
    return f->found || not_found(l, "node", f->name, &names);
}

/* Whose the traffic of a pod on a host's network is: its node's, or, where there is no such object,
 * an external address's. */
static void hint_host(struct lister *l, struct diag *d, const struct workload *w)
{
    struct diags *diags = &l->w->ctx->diags;
    if (w->finished) {
        return;
    }
    if (inventory_find_node(&l->w->program->inv, w->node) != NULL) {
        diag_hint(diags, d, "its traffic is that of node:" STR_FMT, STR_ARG(w->node));
    } else if (w->naddrs > 0) {
        struct str ip = ip_text(l->arena, w->addrs[0].family, w->addrs[0].ip);
        diag_hint(diags, d, "its traffic is that of " STR_FMT, STR_ARG(ip));
    }
}

/* A workload that is there but has no traffic of its own, or is none. */
static bool check_no_end(struct lister *l, const struct focus_end *f)
{
    const struct workload *w = inventory_find_workload(&l->w->program->inv, f->ns, f->name);
    if (w == NULL || !(w->host_network || w->finished)) {
        return true;
    }
    struct diags *diags = &l->w->ctx->diags;
    struct diag *d = diag_error(diags, NPC902, (struct span){0},
                                "'" STR_FMT "' has no connections of its own: %s", STR_ARG(f->text),
                                w->finished ? "it has ended" : "it is on its node's network");
    hint_host(l, d, w);
    return false;
}

static bool check_name(struct lister *l, const struct focus_end *f)
{
    if (f->found) {
        return true;
    }
    if (!check_no_end(l, f)) {
        return false;
    }
    struct names names = {0};
    for (size_t i = 0; i < l->fixed; i++) {
        const struct list_endpoint *e = &l->ends.v[i];
        vec_push(l->arena, &names.list, e->name);
        for (size_t k = 0; e->kind == EP_WORKLOAD && k < e->nmembers; k++) {
            vec_push(l->arena, &names.list, member_name(l->arena, e->inside[k]));
        }
    }
    return not_found(l, "pod or workload", f->text, &names);
}

static bool check_end(struct lister *l, const struct focus_end *f)
{
    switch (f->kind) {
    case END_NAMESPACE:
        return check_namespace(l, f);
    case END_NAME:
        return check_name(l, f);
    case END_NODE:
        return check_node(l, f);
    case END_ANY:
    case END_ADDRESS:
    case END_WORKLOAD:
        return true;
    }
    return true;
}

bool focus_check(struct lister *l)
{
    bool ok = check_end(l, &l->focus.from);
    ok = check_end(l, &l->focus.to) && ok;
    return check_end(l, &l->focus.ns) && ok;
}
