/* Ports as items of nft. Knows nothing of peers, sets and chains. */
#include "backends/nft_ports.h"

struct items {
    struct arena *arena;
    VEC(struct nft_item) list;
};

static void push(struct items *i, struct nft_item item)
{
    vec_push(i->arena, &i->list, item);
}

static enum proto icmp_of(enum family f)
{
    return f == FAM_IP4 ? PROTO_ICMP : PROTO_ICMP6;
}

static void push_ports(struct items *items, enum proto p, struct port_range r)
{
    enum nft_item_kind kind = r.first == r.last ? NFT_PORT : NFT_RANGE;
    push(items, (struct nft_item){.kind = kind, .proto = p, .first = r.first, .last = r.last});
}

static void push_icmp(struct items *items, enum proto p, unsigned type0, unsigned type1,
                      unsigned code0, unsigned code1)
{
    struct nft_item item = {.kind = NFT_ICMP, .proto = p};
    item.type[0] = (uint8_t)type0;
    item.type[1] = (uint8_t)type1;
    item.code[0] = (uint8_t)code0;
    item.code[1] = (uint8_t)code1;
    push(items, item);
}

/* A range of keys type << 8 | code is a part of its first type, whole types, a part of the last. */
static void push_icmp_keys(struct items *items, enum proto p, struct port_range r)
{
    unsigned type = r.first >> 8, last = r.last >> 8;
    if (type == last) {
        push_icmp(items, p, type, type, r.first & 255, r.last & 255);
        return;
    }
    if ((r.first & 255) != 0) {
        push_icmp(items, p, type, type, r.first & 255, 255);
        type++;
    }
    unsigned whole = (r.last & 255) == 255 ? last + 1 : last; /* the first type that is not */
    if (type < whole) {
        push_icmp(items, p, type, whole - 1, 0, 255);
    }
    if (whole == last) {
        push_icmp(items, p, last, last, 0, r.last & 255);
    }
}

int nft_item_cmp(struct nft_item x, struct nft_item y)
{
    const int a[] = {(int)x.kind, (int)x.proto, x.first,   x.last,
                     x.type[0],   x.type[1],    x.code[0], x.code[1]};
    const int b[] = {(int)y.kind, (int)y.proto, y.first,   y.last,
                     y.type[0],   y.type[1],    y.code[0], y.code[1]};
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_items(const void *x, const void *y)
{
    return nft_item_cmp(*(const struct nft_item *)x, *(const struct nft_item *)y);
}

struct nft_items nft_items_of(struct arena *a, enum family f, struct portset s)
{
    struct items items = {.arena = a};
    if (bind_ports_are_all(f, s)) {
        push(&items, (struct nft_item){.kind = NFT_ALL});
        return (struct nft_items){items.list.v, items.list.n};
    }
    for (unsigned p = 0; p < PROTO_KEYED; p++) {
        struct port_ranges r = s.keys[p];
        bool icmp = p == PROTO_ICMP || p == PROTO_ICMP6;
        if (r.n == 0 || (icmp && p != icmp_of(f))) {
            continue;
        }
        if (port_ranges_are_all(r)) {
            push(&items, (struct nft_item){.kind = NFT_PROTO, .proto = (enum proto)p});
            continue;
        }
        for (size_t i = 0; i < r.n; i++) {
            if (icmp) {
                push_icmp_keys(&items, (enum proto)p, r.v[i]);
            } else {
                push_ports(&items, (enum proto)p, r.v[i]);
            }
        }
    }
    if (s.other) {
        push(&items, (struct nft_item){.kind = NFT_OTHER});
    }
    array_sort(items.list.v, items.list.n, sizeof *items.list.v, compare_items);
    return (struct nft_items){items.list.v, items.list.n};
}

static void put_range(struct buf *b, const char *key, unsigned first, unsigned last)
{
    buf_puts(b, key);
    buf_u64(b, first);
    if (last != first) {
        buf_putc(b, '-');
        buf_u64(b, last);
    }
    buf_putc(b, ' ');
}

static void put_icmp(struct buf *b, struct nft_item item)
{
    bool v4 = item.proto == PROTO_ICMP;
    put_range(b, v4 ? "icmp type " : "icmpv6 type ", item.type[0], item.type[1]);
    if (item.code[0] != 0 || item.code[1] != 255) {
        put_range(b, v4 ? "icmp code " : "icmpv6 code ", item.code[0], item.code[1]);
    }
}

void nft_port_match(struct buf *b, const char *header, struct nft_item item)
{
    buf_puts(b, header);
    put_range(b, " dport ", item.first, item.last);
}

void nft_item_match(struct buf *b, enum family f, struct nft_item item)
{
    static const enum proto ported[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP};
    switch (item.kind) {
    case NFT_ALL:
        break;
    case NFT_PORT:
    case NFT_RANGE:
        nft_port_match(b, proto_name(item.proto), item); /* tcp, udp, sctp: keywords */
        break;
    case NFT_PROTO:
        buf_printf(b, "meta l4proto %d ", proto_number(item.proto));
        break;
    case NFT_ICMP:
        put_icmp(b, item);
        break;
    case NFT_OTHER:
        for (size_t i = 0; i < sizeof ported / sizeof *ported; i++) {
            buf_printf(b, "meta l4proto != %d ", proto_number(ported[i]));
        }
        buf_printf(b, "meta l4proto != %d ", proto_number(icmp_of(f)));
        break;
    }
}

struct str nft_item_name(struct arena *a, struct nft_item item)
{
    switch (item.kind) {
    case NFT_PORT:
        return str_printf(a, "%s_%u", proto_name(item.proto), item.first);
    case NFT_RANGE:
        return str_printf(a, "%s_%u-%u", proto_name(item.proto), item.first, item.last);
    case NFT_ICMP:
        return str_printf(a, "%s_%u-%u_%u-%u", proto_name(item.proto), item.type[0], item.type[1],
                          item.code[0], item.code[1]);
    case NFT_PROTO:
        return str_of(proto_name(item.proto));
    case NFT_OTHER:
        return STR("other");
    case NFT_ALL:
        break;
    }
    return STR("all");
}
