/* Phrases of the npc language, put into the statement at hand. */
#ifndef NPC_BACKENDS_NPC_PHRASES_H
#define NPC_BACKENDS_NPC_PHRASES_H

#include "backends/npc_writer.h"
#include "ir/policy.h"

/* `all namespaces`, `namespace NAME`, `namespaces SELECTOR`. */
void npc_put_namespaces(struct npc_writer *w, const struct selector *s);
/* `all pods`, `pods SELECTOR`, without what may follow `in`. */
void npc_put_pods(struct npc_writer *w, const struct selector *pods);
/* One peer, a set of them, or `anywhere`. */
void npc_put_peers(struct npc_writer *w, bool any, const struct peer *peers, size_t n);
/* ` on ` and one port, a set of them, or `all ports`. */
void npc_put_ports(struct npc_writer *w, bool any, const struct port *ports, size_t n);

#endif
