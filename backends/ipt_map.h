/*
 * npc.map of the iptables backend: JSON that leads from each generated chain back to the policies,
 * rules and lines that it comes from, without the cuts that comments need.
 */
#ifndef NPC_BACKENDS_IPT_MAP_H
#define NPC_BACKENDS_IPT_MAP_H

#include "ir/bind.h"

struct ipt_map {
    const struct ctx *ctx;
    struct buf *chains; /* JSON objects, one a line */
};

void ipt_map_init(struct ipt_map *m, struct ctx *c);

/* The chain that holds the rules of a class. */
void ipt_map_class(struct ipt_map *m, enum family f, enum direction d, struct str chain,
                   const struct target_class *class);

/* A chain that allows what some grants of a class allow: those with the given indexes. */
void ipt_map_atom(struct ipt_map *m, enum family f, enum direction d, struct str chain,
                  const struct grant *const *grants, const size_t *picked, size_t npicked);

/* The whole file. */
void ipt_map_print(const struct ipt_map *m, struct buf *out);

#endif
