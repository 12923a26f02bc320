/*
 * Traffic as a listing says it: entries of ports. Knows sets of ports and families, and nothing of
 * endpoints.
 */
#include "analysis/listing_priv.h"

static const struct list_proto_text {
    const char *json, *people;
} proto_texts[] = {
    [LIST_ALL] = {"ALL", "all"},       [LIST_TCP] = {"TCP", "tcp"},
    [LIST_UDP] = {"UDP", "udp"},       [LIST_SCTP] = {"SCTP", "sctp"},
    [LIST_ICMP] = {"ICMP", "icmp"},    [LIST_ICMP6] = {"ICMPv6", "icmp6"},
    [LIST_OTHER] = {"OTHER", "other"}, [LIST_REST] = {"REST", "rest"},
};

const char *list_proto_name(enum list_proto p)
{
    return proto_texts[p].json;
}

const char *list_family_name(enum list_family f)
{
    static const char *const names[] = {
        [LIST_BOTH] = "", [LIST_IPV4] = "IPv4", [LIST_IPV6] = "IPv6"};
    return names[f];
}

/* ---- from traffic to entries ---- */

struct port_vec {
    VEC(struct list_port) list;
};

static void add_ports(struct arena *a, struct port_vec *out, enum list_proto p,
                      struct port_ranges r)
{
    if (port_ranges_are_all(r)) {
        vec_push(a, &out->list, (struct list_port){.proto = p, .whole = true});
        return;
    }
    for (size_t i = 0; i < r.n; i++) {
        vec_push(a, &out->list,
                 (struct list_port){.proto = p, .first = r.v[i].first, .last = r.v[i].last});
    }
}

/* Keys of ICMP are type << 8 | code. An entry is one or more whole types, or codes of one type. */
static void add_icmp(struct arena *a, struct port_vec *out, enum list_proto p, struct port_ranges r)
{
    if (port_ranges_are_all(r)) {
        vec_push(a, &out->list, (struct list_port){.proto = p, .whole = true});
        return;
    }
    for (size_t i = 0; i < r.n; i++) {
        uint32_t first = r.v[i].first, end = r.v[i].last + UINT32_C(1);
        while (first < end) {
            uint32_t type_end = (first & ~UINT32_C(0xff)) + 0x100;
            bool whole_types = (first & 0xff) == 0 && type_end <= end;
            uint32_t stop = whole_types ? end & ~UINT32_C(0xff) : type_end < end ? type_end : end;
            vec_push(a, &out->list,
                     (struct list_port){
                         .proto = p, .first = (uint16_t)first, .last = (uint16_t)(stop - 1)});
            first = stop;
        }
    }
}

static const enum proto icmp_of[FAMILIES] = {PROTO_ICMP, PROTO_ICMP6};

/* Entries for traffic that is the same in all families that are there (but for the name of ICMP).
 */
static struct list_ports make_ports(struct lister *l, struct traffic t)
{
    struct port_vec out = {0};
    struct portset first = portset_none;
    bool all = true, icmp_whole = true;
    for (size_t i = FAMILIES; i-- > 0;) {
        if (t.of[i] != TRAFFIC_ABSENT) {
            enum family f = (enum family)i;
            first = traffic_ports(l->w->traffic, f, t.of[i]);
            all = all && t.of[i] == TRAFFIC_ALL;
            icmp_whole = icmp_whole && port_ranges_are_all(first.keys[icmp_of[f]]);
        }
    }
    if (all) {
        vec_push(l->arena, &out.list, (struct list_port){.proto = LIST_ALL, .whole = true});
        return (struct list_ports){out.list.v, out.list.n};
    }
    add_ports(l->arena, &out, LIST_TCP, first.keys[PROTO_TCP]);
    add_ports(l->arena, &out, LIST_UDP, first.keys[PROTO_UDP]);
    add_ports(l->arena, &out, LIST_SCTP, first.keys[PROTO_SCTP]);
    for (size_t f = 0; f < FAMILIES && !(first.other && icmp_whole); f++) {
        if (t.of[f] != TRAFFIC_ABSENT) {
            struct portset s = traffic_ports(l->w->traffic, (enum family)f, t.of[f]);
            add_icmp(l->arena, &out, f == FAM_IP4 ? LIST_ICMP : LIST_ICMP6, s.keys[icmp_of[f]]);
        }
    }
    if (first.other) {
        vec_push(l->arena, &out.list,
                 (struct list_port){.proto = icmp_whole ? LIST_OTHER : LIST_REST, .whole = true});
    }
    return (struct list_ports){out.list.v, out.list.n};
}

/* The index of such entries in the listing; ID_NONE if there are none. */
static uint32_t ports_index(struct lister *l, struct traffic t)
{
    if (traffic_is_none(t)) {
        return ID_NONE;
    }
    struct list_ports p = make_ports(l, t);
    uint32_t *key = ARENA_NEW_ARRAY(l->arena, 3 * p.n, uint32_t);
    for (size_t i = 0; i < p.n; i++) {
        key[3 * i] = p.v[i].proto;
        key[3 * i + 1] = p.v[i].whole;
        key[3 * i + 2] = (uint32_t)p.v[i].first << 16 | p.v[i].last;
    }
    uint32_t id = intern_ids(&l->port_ids, key, 3 * p.n);
    if (id == l->ports.n) {
        vec_push(l->arena, &l->ports, p);
    }
    return id;
}

/* Of a pair that differs by family, the one that is asked for is shown as it always is. */
static struct shown make_shown(struct lister *l, struct traffic t)
{
    bool asked = false;
    for (size_t f = 0; f < FAMILIES; f++) {
        t.of[f] = focus_narrow(l, (enum family)f, t.of[f]);
        asked = asked || (t.of[f] != TRAFFIC_ABSENT && !l->focus.without[f]);
    }
    if (!asked) {
        return (struct shown){{ID_NONE, ID_NONE, ID_NONE}};
    }
    if (!traffic_differs_by_family(l->w->traffic, t)) {
        return (struct shown){{ports_index(l, t), ID_NONE, ID_NONE}};
    }
    const struct traffic only[FAMILIES] = {{{t.of[FAM_IP4], TRAFFIC_ABSENT}},
                                           {{TRAFFIC_ABSENT, t.of[FAM_IP6]}}};
    uint32_t ip4 = ports_index(l, only[FAM_IP4]), ip6 = ports_index(l, only[FAM_IP6]);
    return (struct shown){{ID_NONE, l->focus.without[FAM_IP4] ? ID_NONE : ip4,
                           l->focus.without[FAM_IP6] ? ID_NONE : ip6}};
}

uint32_t list_shown(struct lister *l, struct traffic t)
{
    if (l->shown.n > 0 && t.of[0] == l->last.of[0] && t.of[1] == l->last.of[1]) {
        return l->last_shown;
    }
    uint32_t id = intern_ids(&l->traffic_ids, t.of, FAMILIES);
    if (id == l->shown_by_traffic.n) {
        struct shown s = make_shown(l, t);
        uint32_t index = intern_ids(&l->shown_ids, s.by_family, 3);
        if (index == l->shown.n) {
            vec_push(l->arena, &l->shown, s);
        }
        vec_push(l->arena, &l->shown_by_traffic, index);
    }
    l->last = t;
    l->last_shown = l->shown_by_traffic.v[id];
    return l->last_shown;
}

bool shown_is_none(struct shown s)
{
    return s.by_family[LIST_BOTH] == ID_NONE && s.by_family[LIST_IPV4] == ID_NONE &&
           s.by_family[LIST_IPV6] == ID_NONE;
}

/* ---- for people ---- */

static void print_icmp(struct buf *b, const struct list_port *p)
{
    unsigned first = p->first >> 8, last = p->last >> 8;
    buf_u64(b, first);
    if ((p->first & 0xff) == 0 && (p->last & 0xff) == 0xff) {
        if (first != last) {
            buf_printf(b, "-%u", last);
        }
        return;
    }
    buf_printf(b, ".%u", p->first & 0xffu);
    if (p->first != p->last) {
        buf_printf(b, "-%u", p->last & 0xffu);
    }
}

static void print_port(struct buf *b, const struct list_port *p)
{
    buf_puts(b, proto_texts[p->proto].people);
    if (p->whole) {
        return;
    }
    buf_putc(b, '/');
    if (p->proto == LIST_ICMP || p->proto == LIST_ICMP6) {
        print_icmp(b, p);
        return;
    }
    buf_u64(b, p->first);
    if (p->first != p->last) {
        buf_printf(b, "-%u", (unsigned)p->last);
    }
}

void list_ports_print(struct buf *b, const struct listing *l, uint32_t ports)
{
    const struct list_ports *p = &l->ports[ports];
    for (size_t i = 0; i < p->n; i++) {
        buf_puts(b, i > 0 ? ", " : "");
        print_port(b, &p->v[i]);
    }
}

struct shown shown_of(struct lister *l, struct traffic t)
{
    if (traffic_is_none(t)) {
        return (struct shown){{ID_NONE, ID_NONE, ID_NONE}};
    }
    uint32_t i = list_shown(l, t);
    return l->shown.v[i];
}

void traffic_print(struct lister *l, struct traffic t, struct buf *out)
{
    struct shown s = shown_of(l, t);
    struct listing said = {.world = l->w, .ports = l->ports.v, .nports = l->ports.n};
    bool first = true;
    for (int f = LIST_BOTH; f <= LIST_IPV6; f++) {
        if (s.by_family[f] != ID_NONE) {
            buf_puts(out, first ? "" : "; ");
            list_ports_print(out, &said, s.by_family[f]);
            if (f != LIST_BOTH) {
                buf_printf(out, " (%s)", list_family_name((enum list_family)f));
            }
            first = false;
        }
    }
}
