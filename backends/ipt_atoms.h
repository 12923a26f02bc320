/*
 * Port atoms of the iptables backend: the traffic to one class, cut into parts that the same grants
 * allow, so that a packet is looked up by port once and by address once. Knows ports only.
 */
#ifndef NPC_BACKENDS_IPT_ATOMS_H
#define NPC_BACKENDS_IPT_ATOMS_H

#include "ir/addr.h"
#include "ir/ports.h"

enum { MULTIPORT_SLOTS = 15 }; /* of xt_multiport; a range takes two */

/* Every packet is in exactly one atom. A family has one ICMP: the other's number is an ordinary
 * protocol there, and belongs to `other`. */
struct atom {
    const size_t *grants; /* rising indexes into what atoms_cut() was given; none: denied */
    size_t ngrants;
    struct portset ports;
};

struct atoms {
    struct atom *v; /* in order of their lowest traffic (protocol, then key) */
    size_t n;
};

struct atoms atoms_cut(struct arena *a, enum family f, const struct portset *const *grants,
                       size_t n);

/* One match of the rules that find a packet's atom. */
struct port_match {
    enum proto proto; /* PROTO_ANY: every packet */
    bool whole;       /* all of the protocol */
    struct port_range *keys;
    size_t nkeys; /* TCP, UDP, SCTP: within MULTIPORT_SLOTS; ICMP: one type, or one type and code */
    size_t atom;
};

struct port_matches {
    struct port_match *v;
    size_t n;
};

/* The matches in order: the first that fits decides, and the last fits every packet. */
struct port_matches atoms_dispatch(struct arena *a, enum family f, const struct atoms *atoms);

/* The matches that together fit exactly these ports of TCP, UDP and SCTP (nothing else is there).
 */
struct port_matches atoms_matches(struct arena *a, struct portset ports);

#endif
