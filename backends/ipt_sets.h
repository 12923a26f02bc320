/*
 * The ipsets of the iptables backend, and the file that `ipset restore -exist` loads.
 *
 * A set's name covers its type, family, size and content, so a name means one content for ever:
 * sets of an older load that still serve the live rules are never changed under them, equal sets
 * are shared, and rules switch from old sets to new ones in one iptables-restore. Each set is
 * filled under a temporary name and swapped in, so that whatever stands under the name before (the
 * leavings of an interrupted load, say) has no say in what stands there afterwards.
 */
#ifndef NPC_BACKENDS_IPT_SETS_H
#define NPC_BACKENDS_IPT_SETS_H

#include "backends/kernel_names.h"
#include "ir/bind.h"

struct ipt_sets {
    struct ctx *ctx;
    struct kernel_names *names;
    struct strmap made; /* names that are in `out` */
    struct buf *out;
    size_t elements, most; /* over all sets */
    size_t unions;         /* elements of sets that are unions: the caller's count */
};

void ipt_sets_init(struct ipt_sets *s, struct ctx *c, struct kernel_names *names, size_t most);

/* The name of a set of addresses (hash:ip). Not empty. False: NPC605 or NPC903 was reported. */
bool ipt_set_addrs(struct ipt_sets *s, enum family f, struct addr_list addrs, struct span at,
                   struct str *name);

/* The name of a set of everything within ranges (hash:net). Not empty. */
bool ipt_set_nets(struct ipt_sets *s, enum family f, struct ipset nets, struct span at,
                  struct str *name);

#endif
