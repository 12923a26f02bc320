/*
 * Random worlds (world.h) as nft rules in every layout, run by a literal interpreter of the text
 * (nft_sim.h) and compared with the naive evaluator.
 */
#ifndef NPC_TESTS_NFT_WORLD_H
#define NPC_TESTS_NFT_WORLD_H

#include "backends/nft_priv.h"
#include "nft_sim.h"
#include "world.h"

/* ---- layouts ---- */

struct layout {
    const char *name;
    struct nft_tuning tuning;
    const char *sign; /* text that shows that some world was written so */
};

enum { MANY = 1 << 20 };

#define DIRECT(rules, addrs, rules2, addrs2)                                                       \
    {                                                                                              \
        {rules, addrs},                                                                            \
        {                                                                                          \
            rules2, addrs2                                                                         \
        }                                                                                          \
    }

static const struct layout layouts[] = {
    {"default",
     {32, 1024, 4, 24, 4, 8, 10000, 64, DIRECT(16, 1024, 4, 256), 8, 8, 300, 1 << 22, SIZE_MAX,
      200000, 32, 1 << 24},
     "\t\tth dport "},
    {"direct",
     {1, 0, 1, MANY, MANY, MANY, MANY, MANY, DIRECT(MANY, MANY, MANY, MANY), 8, MANY, MANY, MANY,
      MANY, MANY, MANY, MANY},
     "_other {"},
    {"classed, everything expanded",
     {65535, MANY, 65535, MANY, 0, MANY, MANY, MANY, DIRECT(0, 0, 0, 0), 8, 0, MANY, MANY, MANY,
      MANY, MANY, MANY},
     "_tcp meta priority set none accept"},
    {"classed, networks by map",
     {1, 0, 1, 0, 0, MANY, MANY, MANY, DIRECT(0, 0, 0, 0), 8, 0, MANY, MANY, MANY, MANY, MANY,
      MANY},
     " . meta l4proto map @i_net goto "},
    {"classed, ranges by set",
     {1, 0, 1, 0, 0, 0, 0, 0, DIRECT(0, 0, 0, 0), 8, 0, MANY, MANY, MANY, MANY, MANY, MANY},
     "_tcp_ranges meta priority set none accept"},
    {"shared",
     {32, 1024, 4, 24, 4, 8, 10000, 64, DIRECT(4, 256, 4, 256), 8, 8, 0, MANY, MANY, MANY, MANY,
      MANY},
     "meta priority . tcp dport @i_all_tcp"},
    {"shared, ranges by set",
     {1, 0, 1, 0, 0, 0, 0, 0, DIRECT(0, 0, 0, 0), 8, 0, 0, MANY, MANY, MANY, MANY, MANY},
     "meta priority . tcp dport @i_all_tcp_ranges"},
    {"by class where addresses are more than one",
     {32, 1024, 4, 24, 4, 8, 10000, 64, DIRECT(MANY, 1, MANY, 1), 8, 8, MANY, MANY, MANY, MANY,
      MANY, MANY},
     " saddr map @i_pod goto "},
    {"shared, one chain asks, open ports in a set",
     {1, 0, 1, 0, 0, 0, 0, 0, DIRECT(0, 0, 0, 0), 8, 0, 0, 0, MANY, MANY, MANY, MANY},
     "jump i_pod_class"},
    {"shared, ports as bits",
     {32, 1024, 4, 24, 4, 8, 10000, 64, DIRECT(4, 256, 4, 256), 8, 8, 0, MANY, MANY, 0, MANY, MANY},
     "map @i_all_bits meta priority & "},
    {"shared, ports as bits behind the address, open ports in a set, a rule for each port",
     {32, 1024, 4, 0, 0, 8, 10000, MANY, DIRECT(0, 0, 0, 0), 8, 8, 0, 0, 0, 0, 0, MANY},
     "map @i_all_bits meta priority & "},
    {"shared, by address, open ports in a set",
     {32, 1024, 4, 24, 0, 8, 10000, 64, DIRECT(4, 256, 4, 256), 8, 8, 0, MANY, 0, MANY, MANY, MANY},
     "\t\tip daddr . meta priority "},
};

/* ---- verdicts ---- */

/* What never is filtered: path-MTU, and neighbour discovery. */
static inline bool always_kept(struct packet pk, bool host)
{
    static const unsigned node[] = {2, 135, 136};
    static const unsigned machine[] = {130, 131, 132, 133, 134, 143};
    unsigned type = pk.key >> 8;
    bool kept = pk.proto == PROTO_ICMP && pk.key == (3 << 8 | 4);
    for (size_t i = 0; i < 3 && pk.proto == PROTO_ICMP6; i++) {
        kept = kept || type == node[i];
    }
    for (size_t i = 0; i < 6 && pk.proto == PROTO_ICMP6 && host; i++) {
        kept = kept || type == machine[i];
    }
    return kept;
}

static inline bool naive_forwards(const struct random_world *w, struct address from,
                                  struct address to, struct packet pk)
{
    const struct workload *a = naive_pod(&w->program, from), *b = naive_pod(&w->program, to);
    a = a != NULL && in_scope(w, a) ? a : NULL;
    b = b != NULL && in_scope(w, b) ? b : NULL;
    if (always_kept(pk, false) || (a != NULL && a == b)) {
        return true;
    }
    return (a == NULL || naive_allows(w, DIR_EGRESS, a, to, pk)) &&
           (b == NULL || naive_allows(w, DIR_INGRESS, b, from, pk));
}

static inline struct sim_packet sim_packet_of(struct address from, struct address to,
                                              struct packet pk)
{
    int number = proto_number(pk.proto);
    struct sim_packet p = {
        .source = from.ip, .destination = to.ip, .sport = 40000, .dport = pk.key};
    p.proto = number < 0 ? 253 : (unsigned)number;
    if (pk.proto == PROTO_ICMP || pk.proto == PROTO_ICMP6 || pk.proto == PROTO_OTHER) {
        p.dport = 80; /* other bytes stand where ports do */
    }
    p.type = pk.key >> 8;
    p.code = pk.key & 255;
    return p;
}

static inline struct address probe_address(struct random_world *w, enum family f)
{
    const struct inventory *inv = &w->program.inv;
    for (size_t tries = 0; tries < 8 && inv->workloads.n > 0; tries++) {
        const struct workload *p = inv->workloads.v[pick(w, inv->workloads.n)];
        if (is_pod(p) && p->naddrs > 0 && p->addrs[0].family == f && chance(w, 70)) {
            return p->addrs[0];
        }
    }
    return address_at(f, (unsigned)pick(w, 32) + (chance(w, 10) ? 0x01000000u : 0));
}

static inline size_t compare_node(struct random_world *w, const struct sim *tables,
                                  const struct probes *p)
{
    size_t wrong = 0;
    for (size_t i = 0; i < 400; i++) {
        enum family f = chance(w, 50) ? FAM_IP4 : FAM_IP6;
        struct address from = probe_address(w, f), to = probe_address(w, f);
        struct packet pk = p->packets[pick(w, p->npackets)];
        if (!foreign(pk, f)) {
            bool got = sim_passes(&tables[f], "forward", sim_packet_of(from, to, pk));
            wrong += got != naive_forwards(w, from, to, pk);
        }
    }
    return wrong;
}

static inline size_t compare_host(struct random_world *w, const struct sim *tables,
                                  const struct probes *p, const struct workload *host)
{
    size_t wrong = 0;
    for (size_t i = 0; i < 400; i++) {
        enum family f = chance(w, 50) ? FAM_IP4 : FAM_IP6;
        struct address peer = probe_address(w, f), here = address_at(f, 0x00ffffff);
        enum direction d = chance(w, 50) ? DIR_INGRESS : DIR_EGRESS;
        struct packet pk = p->packets[pick(w, p->npackets)];
        if (chance(w, 5)) {
            pk = (struct packet){PROTO_TCP, 22};
        }
        if (foreign(pk, f)) {
            continue;
        }
        bool failsafe = d == DIR_INGRESS && pk.proto == PROTO_TCP && pk.key == 22;
        bool want = failsafe || always_kept(pk, true) || naive_allows(w, d, host, peer, pk);
        struct sim_packet sp =
            d == DIR_INGRESS ? sim_packet_of(peer, here, pk) : sim_packet_of(here, peer, pk);
        wrong += sim_passes(&tables[f], d == DIR_INGRESS ? "input" : "output", sp) != want;
    }
    return wrong;
}

/* The rules in one layout, for the scope of the world or one host; empty if there are none. */
static inline struct str emit_world(struct random_world *w, const struct nft_tuning *tuning,
                                    const struct workload *host)
{
    static const struct named_port ssh = {{NULL, 0}, PROTO_TCP, 22};
    struct emit_options *options = ARENA_NEW(&w->ctx.arena, struct emit_options);
    *options = (struct emit_options){.bind = w->options, .failsafe = &ssh, .nfailsafe = 1};
    if (host != NULL) {
        options->bind.scope = BIND_HOST;
        options->bind.host_ns = host->ns;
        options->bind.host = host->name;
    }
    struct emit e = {
        .ctx = &w->ctx, .program = &w->program, .options = options, .out = buf_new(&w->ctx.arena)};
    e.bound = bind_program(&w->ctx, &w->program, &options->bind);
    bool ok = e.bound != NULL && nft_emit(&e, tuning);
    return ok && e.files.n == 1 ? buf_text(e.out) : (struct str){NULL, 0};
}

static inline void read_tables(struct random_world *w, struct str text, struct sim *tables)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        tables[f] = sim_read(&w->ctx.arena, text, (enum family)f);
    }
}

static inline void fill_packets(struct probes *p)
{
    static const uint16_t kept[] = {2, 128, 130, 131, 132, 133, 134, 135, 136, 137, 143};
    fill_probes(p);
    p->packets[p->npackets++] = (struct packet){PROTO_ICMP, 3 << 8 | 4};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        p->packets[p->npackets++] = (struct packet){PROTO_ICMP6, (uint16_t)(kept[i] << 8)};
    }
}

#endif
