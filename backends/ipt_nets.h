/* The shortest list of prefixes that means a set of addresses, where the longest prefix decides and
 * may say "no": what ipset's hash:net with nomatch does. */
#ifndef NPC_BACKENDS_IPT_NETS_H
#define NPC_BACKENDS_IPT_NETS_H

#include "ir/addr.h"

struct net_entry {
    struct cidr at; /* never /0, which hash:net refuses: two of /1 instead */
    bool nomatch;
};

struct net_entries {
    struct net_entry *v;
    size_t n;
};

/* A prefix comes before the prefixes inside it. */
struct net_entries nets_cover(struct arena *a, enum family f, struct ipset set);

#endif
