/*
 * npc.map of the iptables backend: where every chain and set comes from, as JSON, without the cuts
 * that comments need.
 *
 *     {"version": 1,
 *      "tables": [
 *        {"family": "ip",
 *         "chains": [
 *           {"name": "NPC-web_1__-…", "direction": "ingress", "member": "shop/web-1", "addresses":
 * 3, "policies": [{"policy": "shop/web", "at": "web.yaml:4"}]},
 *           {"name": "NPC-web____-…", "direction": "ingress",
 *            "rules": [{"policy": "shop/web", "rule": "ingress[0]", "at": "web.yaml:12",
 *                       "sets": ["NPC-ip4____-…"]}]},
 *           {"name": "NPC-peer___-…", "direction": "ingress", "peers": 10,
 *            "pairs": [["10.0.0.5", 0, 1]]}],
 *        "rules": [{"policy": "shop/web", "rule": "ingress[1]", "at": "web.yaml:20"}]}]}
 *
 * The chain of a class has its first member, how many addresses, with --log the prefix of its log
 * lines ("log": "npc:i-abcdefgh "), and the policies that isolate it;
 * a chain that finds peers has all rules that it allows by, each with the ipsets that hold its
 * peers. Equal classes share a chain, which then stands there once for each. The chain of peers
 * that may reach the same has how many addresses they are, and for each local address, or prefix of
 * several, the rules that allow them to reach it, as indexes into the table's list of rules.
 */
#ifndef NPC_BACKENDS_IPT_MAP_H
#define NPC_BACKENDS_IPT_MAP_H

#include "ir/bind.h"

struct ipt_map { /* of one family */
    const struct ctx *ctx;
    enum family family;
    bool log;
    struct buf *chains; /* JSON objects */
    struct buf *rules;  /* the same, of the rules that pairs are allowed by */
    struct strmap by_grant;
    size_t nrules;
};

struct ipt_source { /* why a chain allows something */
    const struct grant *grant;
    struct str sets[2]; /* of pods, of networks; empty: compared one by one */
};

/* `log`: with --log, classes have the prefix of their log lines. */
void ipt_map_init(struct ipt_map *m, struct ctx *c, enum family f, bool log);

/* The chain that holds the rules of a class. */
void ipt_map_class(struct ipt_map *m, enum direction d, struct str chain,
                   const struct target_class *class);

/* A chain that finds peers. */
void ipt_map_atom(struct ipt_map *m, enum direction d, struct str chain,
                  const struct ipt_source *sources, size_t n);

/* A chain of pairs: ipt_map_row(), then ipt_map_pair() for each prefix with the grants that allow
 * it, then ipt_map_row_end(). */
void ipt_map_row(struct ipt_map *m, enum direction d, struct str chain, size_t peers);
void ipt_map_pair(struct ipt_map *m, struct cidr local, const struct grant *const *grants,
                  size_t n);
void ipt_map_row_end(struct ipt_map *m);

/* The whole file, from the maps of both families. */
void ipt_map_print(const struct ipt_map *const maps[FAMILIES], struct buf *out);

#endif
