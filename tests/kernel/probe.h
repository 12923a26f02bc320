/*
 * Packets through a laboratory: listeners on hosts, and probes that are all under way at once, so
 * that a grid of pods takes as long as its slowest packet. One thread; sockets keep the namespace
 * that they were made in.
 */
#ifndef NPC_TESTS_PROBE_H
#define NPC_TESTS_PROBE_H

#include "tests/kernel/lab.h"

#include <stdint.h>

enum { PROBE_SIZE = 16000 };

enum probe_proto { PROBE_TCP, PROBE_UDP, PROBE_SCTP, PROBE_ICMP };

struct probe {
    int from, to; /* hosts */
    int family;
    enum probe_proto proto;
    uint16_t port;          /* ICMP: type << 8 | code */
    struct lab_addr dest;   /* an address of `to`, or one that is translated to it */
    struct lab_addr source; /* family 0: as the route has it */
    uint16_t source_port; /* 0: any. The same one again is the same flow for connection tracking */
    uint16_t size;        /* bytes of a UDP datagram, at least 4 and at most PROBE_SIZE */
    bool closed;          /* nobody listens: the answer is a refusal, which counts as arrival */
    bool expect_allow;
    bool allowed; /* it arrived (and for TCP, the handshake was completed) */
    bool done;
    int fd; /* of the sender, -1 before the start */
    uint32_t nonce;
};

struct flow { /* a connection or a socket that outlives a probe */
    char name[32];
    int from, to;
    enum probe_proto proto;
    int fd;
};

struct prober {
    struct lab *lab;
    int epoll;
    struct listener *listeners;
    size_t nlisteners, cap_listeners;
    struct probe *probes;
    size_t n, cap;
    struct flow flows[64];
    size_t nflows;
    uint32_t next_nonce;
};

bool prober_init(struct prober *p, struct lab *lab);
/* Opens a listener for one family; `silent` (UDP) never answers. False and errno on failure. */
bool prober_listen(struct prober *p, int host, int family, enum probe_proto proto, uint16_t port,
                   bool silent);
/* Queues a probe. */
void prober_add(struct prober *p, struct probe probe);
/* Sends all queued probes and waits: until every probe that should pass has passed and the others
 * had time to (at least 300 ms), 5 s at most. Sets allowed and done. */
void prober_run(struct prober *p);
/* Forgets the queued probes. */
void prober_clear(struct prober *p);

/* Opens a flow and proves that it carries data; false if it does not within 2 s. */
bool prober_open(struct prober *p, const char *name, struct probe where);
/* Sends over an open flow; true if it arrived within 500 ms. */
bool prober_say(struct prober *p, const char *name);

#endif
