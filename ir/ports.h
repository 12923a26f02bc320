/*
 * Traffic by protocol and port, as exact sets.
 *
 * A packet is (class of protocol, 16-bit key): the key is the destination port for TCP, UDP and
 * SCTP, and type << 8 | code for ICMP and ICMPv6. PROTO_OTHER is everything else and has no key.
 */
#ifndef NPC_IR_PORTS_H
#define NPC_IR_PORTS_H

#include "base/buf.h"
#include "base/vec.h"

enum proto {
    PROTO_TCP,
    PROTO_UDP,
    PROTO_SCTP,
    PROTO_ICMP,
    PROTO_ICMP6,
    PROTO_OTHER,
    PROTO_ANY /* only as the protocol of a named port: "any/NAME" */
};
#define PROTO_KEYED 5 /* TCP..ICMP6 have keys */

struct port_range {
    uint16_t first, last;
};

/* Keys of one protocol: sorted, disjoint, not adjacent. All of a protocol is 0-65535. */
struct port_ranges {
    struct port_range *v;
    size_t n;
};

struct portset {
    struct port_ranges keys[PROTO_KEYED];
    bool other; /* protocols that are none of the five */
};

extern const struct portset portset_none;
struct portset portset_all(struct arena *a);
/* None if first > last. */
struct portset portset_of(struct arena *a, enum proto p, uint16_t first, uint16_t last);
struct portset portset_union(struct arena *a, struct portset x, struct portset y);
struct portset portset_intersect(struct arena *a, struct portset x, struct portset y);
struct portset portset_subtract(struct arena *a, struct portset x, struct portset y);
bool portset_is_empty(struct portset s);
bool portset_is_all(struct portset s);
bool portset_eq(struct portset x, struct portset y);
int portset_cmp(struct portset x, struct portset y); /* some total order */
bool portset_has(struct portset s, enum proto p, uint16_t key);
bool port_ranges_are_all(struct port_ranges r);
/* Appends bytes that are equal for equal sets only: for tables by content. */
void portset_key(struct buf *b, struct portset s);
/* Keys in a list of ranges (0 to 65536). */
uint32_t port_ranges_count(struct port_ranges r);

const char *proto_name(enum proto p);  /* "tcp", "udp", "sctp", "icmp", "icmp6", "other", "any" */
const char *proto_upper(enum proto p); /* "TCP", … as Kubernetes writes them */
/* IANA protocol number; PROTO_OTHER and PROTO_ANY have none (-1). */
int proto_number(enum proto p);
bool proto_of_name(struct str name, enum proto *p); /* exact lower case */

#endif
