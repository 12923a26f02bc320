/*
 * What rules that were bound do with one new connection's first packet: for those who ask before
 * the rules are loaded. The same meaning as the kernel backends give them, by looking it up.
 */
#ifndef NPC_ANALYSIS_VERDICT_H
#define NPC_ANALYSIS_VERDICT_H

#include "ir/bind.h"

struct bound_packet {
    enum family family;
    struct ip source, destination;
    enum proto proto;
    uint16_t source_port; /* TCP, UDP, SCTP; only DHCP depends on it */
    uint16_t key;         /* destination port, or ICMP type and code, as in ports.h */
};

enum bound_answer {
    BOUND_NOT_ISOLATED, /* no policy has a say */
    BOUND_ALLOWED,      /* some grant allows it */
    BOUND_KEPT,         /* open whatever the policies say: failsafe ports, loopback, DHCP, … */
    BOUND_DENIED
};

struct bound_verdict {
    enum bound_answer answer;
    const struct target_class *target; /* whose policies decided; NULL: BOUND_NOT_ISOLATED, KEPT */
    const struct grant *grant;         /* the first that allows it, else NULL */
};

/* The messages that always pass whatever the policies say, at the forward hook or at a machine with
 * rules of its own. (DHCP, which such a machine keeps too, is known by the port of its source.) */
struct portset ports_kept(struct arena *a, bool host);

/* The verdict of one direction. BIND_HOST: ingress is the machine's input hook and egress its
 * output hook, whatever addresses stand in the packet. Else the forward hook: ingress looks at the
 * destination, egress at the source, and a connection needs both. `failsafe` are the ports kept
 * open to a host. */
struct bound_verdict bound_verdict(const struct bound *b, enum direction d,
                                   const struct named_port *failsafe, size_t nfailsafe,
                                   const struct bound_packet *packet);

#endif
