/* Sends and observes packets; see probe.h. Knows nothing of policies. */
#include "tests/kernel/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DENY_MS = 300, LIMIT_MS = 5000, RESEND_MS = 400, CONNECT_MS = 2000, SAY_MS = 500 };

struct listener {
    int host, family;
    enum probe_proto proto;
    uint16_t port;
    bool silent;
    bool accepted; /* a TCP connection that was accepted: echoes */
    int fd;
};

struct sctp_init { /* RFC 9260 sections 3.1 and 3.3.2 */
    uint16_t source, dest;
    uint32_t tag, checksum;
    uint8_t type, flags;
    uint16_t length;
    uint32_t initiate_tag, window;
    uint16_t out_streams, in_streams;
    uint32_t tsn;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* CRC32c as RFC 9260 appendix A wants it; conntrack drops INITs whose checksum is wrong. */
static uint32_t crc32c(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

bool prober_init(struct prober *p, struct lab *lab)
{
    memset(p, 0, sizeof *p);
    p->lab = lab;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    /* A nonce is also the identity of an ICMP message: never repeat one of another run. */
    return p->epoll >= 0 && getrandom(&p->next_nonce, sizeof p->next_nonce, 0) > 0;
}

static socklen_t sockaddr_of(struct sockaddr_storage *s, const struct lab_addr *a, uint16_t port)
{
    memset(s, 0, sizeof *s);
    if (a->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)s;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)s;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, a->bytes, 16);
    return sizeof *in6;
}

static int open_socket(int family, enum probe_proto proto)
{
    static const int type[] = {[PROBE_TCP] = SOCK_STREAM,
                               [PROBE_UDP] = SOCK_DGRAM,
                               [PROBE_SCTP] = SOCK_RAW,
                               [PROBE_ICMP] = SOCK_RAW};
    static const int number[] = {[PROBE_TCP] = IPPROTO_TCP,
                                 [PROBE_UDP] = IPPROTO_UDP,
                                 [PROBE_SCTP] = IPPROTO_SCTP,
                                 [PROBE_ICMP] = IPPROTO_ICMP};
    int n = proto == PROBE_ICMP && family == AF_INET6 ? IPPROTO_ICMPV6 : number[proto];
    int fd = socket(family, type[proto] | SOCK_NONBLOCK | SOCK_CLOEXEC, n);
    int on = 1;
    if (fd >= 0 && family == AF_INET6 && type[proto] != SOCK_RAW) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    return fd;
}

static void watch(struct prober *p, int fd, uint32_t events, uint64_t what)
{
    struct epoll_event e = {.events = events, .data.u64 = what};
    epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e);
}

#define IS_LISTENER (1ull << 32) /* epoll data: an index, of a listener if this bit is set */
#define IS_FLOW     (1ull << 33)

static struct listener *add_listener(struct prober *p, struct listener l)
{
    if (p->nlisteners == p->cap_listeners) {
        p->cap_listeners = p->cap_listeners ? p->cap_listeners * 2 : 64;
        p->listeners = realloc(p->listeners, p->cap_listeners * sizeof *p->listeners);
        if (!p->listeners) {
            abort();
        }
    }
    p->listeners[p->nlisteners] = l;
    watch(p, l.fd, EPOLLIN, IS_LISTENER | p->nlisteners);
    return &p->listeners[p->nlisteners++];
}

bool prober_listen(struct prober *p, int host, int family, enum probe_proto proto, uint16_t port,
                   bool silent)
{
    bool raw = proto == PROBE_SCTP || proto == PROBE_ICMP;
    for (size_t i = 0; i < p->nlisteners; i++) {
        const struct listener *l = &p->listeners[i];
        if (l->host == host && l->family == family && l->proto == proto && !l->accepted &&
            (raw || l->port == port)) {
            return true;
        }
    }
    struct lab_addr any = {.family = family};
    struct sockaddr_storage s;
    socklen_t n = sockaddr_of(&s, &any, port);
    int on = 1;
    lab_enter(p->lab, host);
    int fd = open_socket(family, proto);
    if (fd < 0) {
        return false;
    }
    if (!raw && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                 bind(fd, (struct sockaddr *)&s, n) != 0)) {
        return false;
    }
    if (proto == PROBE_TCP && listen(fd, 4096) != 0) {
        return false;
    }
    add_listener(p, (struct listener){.host = host,
                                      .family = family,
                                      .proto = proto,
                                      .port = port,
                                      .silent = silent,
                                      .fd = fd});
    return true;
}

void prober_add(struct prober *p, struct probe probe)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->probes = realloc(p->probes, p->cap * sizeof *p->probes);
        if (!p->probes) {
            abort();
        }
    }
    probe.fd = -1;
    probe.nonce = ++p->next_nonce;
    p->probes[p->n++] = probe;
}

void prober_clear(struct prober *p)
{
    p->n = 0;
}

static void settle(struct probe *q, bool allowed)
{
    if (!q->done) {
        q->done = true;
        q->allowed = allowed;
    }
}

static void send_sctp(struct probe *q, const struct sockaddr_storage *to, socklen_t n)
{
    uint16_t source = q->source_port ? q->source_port : (uint16_t)(32768 + q->nonce % 28000);
    struct sctp_init m = {.source = htons(source),
                          .dest = htons(q->port),
                          .type = 1,
                          .length = htons(20),
                          .initiate_tag = q->nonce,
                          .window = htonl(65536),
                          .out_streams = htons(1),
                          .in_streams = htons(1),
                          .tsn = htonl(1)};
    m.checksum = crc32c((const unsigned char *)&m, sizeof m);
    sendto(q->fd, &m, sizeof m, 0, (const struct sockaddr *)to, n);
}

static void send_icmp(struct probe *q, const struct sockaddr_storage *to, socklen_t n)
{
    unsigned char m[8] = {(unsigned char)(q->port >> 8), (unsigned char)(q->port & 255)};
    memcpy(m + 4, &q->nonce, 4);
    if (q->family == AF_INET) { /* the kernel fills in the checksum of ICMPv6 only */
        uint32_t sum = 0;
        for (int i = 0; i < 8; i += 2) {
            sum += (uint32_t)m[i] << 8 | m[i + 1];
        }
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~(sum + (sum >> 16));
        m[2] = (unsigned char)(sum >> 8);
        m[3] = (unsigned char)sum;
    }
    sendto(q->fd, m, sizeof m, 0, (const struct sockaddr *)to, n);
}

static void send_udp(struct probe *q)
{
    static const unsigned char zeros[PROBE_SIZE];
    struct iovec parts[] = {{&q->nonce, sizeof q->nonce},
                            {(void *)(uintptr_t)zeros, q->size - sizeof q->nonce}};
    if (writev(q->fd, parts, 2) < 0 && errno == EPERM) {
        settle(q, false);
    }
}

/* Sends, or sends again. */
static void transmit(struct probe *q)
{
    struct sockaddr_storage to;
    bool raw = q->proto == PROBE_SCTP || q->proto == PROBE_ICMP;
    socklen_t n = sockaddr_of(&to, &q->dest, raw ? 0 : q->port);
    switch (q->proto) {
    case PROBE_TCP: /* the kernel sends SYNs again by itself */
        break;
    case PROBE_UDP:
        send_udp(q);
        break;
    case PROBE_SCTP:
        send_sctp(q, &to, n);
        break;
    case PROBE_ICMP:
        send_icmp(q, &to, n);
        break;
    }
}

static void bind_source(const struct probe *q)
{
    struct lab_addr any = {.family = q->family};
    struct sockaddr_storage s;
    socklen_t n = sockaddr_of(&s, q->source.family ? &q->source : &any, q->source_port);
    int on = 1;
    if ((q->source_port != 0 || q->source.family != 0) &&
        (setsockopt(q->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
         bind(q->fd, (struct sockaddr *)&s, n) != 0)) {
        fprintf(stderr, "netlab: no such source, port %u: %s\n", q->source_port, strerror(errno));
        exit(2);
    }
}

static void start(struct prober *p, size_t i)
{
    struct probe *q = &p->probes[i];
    struct sockaddr_storage to;
    socklen_t n = sockaddr_of(&to, &q->dest, q->port);
    lab_enter(p->lab, q->from);
    q->fd = open_socket(q->family, q->proto);
    if (q->fd < 0) {
        fprintf(stderr, "netlab: socket: %s\n", strerror(errno));
        exit(3);
    }
    if (q->proto == PROBE_TCP || q->proto == PROBE_UDP) {
        bind_source(q);
        watch(p, q->fd, q->proto == PROBE_TCP ? EPOLLOUT : EPOLLIN, i);
        if (connect(q->fd, (struct sockaddr *)&to, n) != 0 && errno != EINPROGRESS) {
            settle(q, false);
        }
    }
    transmit(q);
}

static struct probe *by_nonce(struct prober *p, uint32_t nonce)
{
    uint32_t first = p->n ? p->probes[0].nonce : 0;
    uint32_t i = nonce - first; /* nonces of one run follow each other */
    return i < p->n && p->probes[i].nonce == nonce ? &p->probes[i] : NULL;
}

/* A datagram arrived at a listener: the probe with that nonce got through. */
static void arrived(struct prober *p, const struct listener *l, uint32_t nonce)
{
    struct probe *q = by_nonce(p, nonce);
    if (q && q->to == l->host && q->proto == l->proto) {
        settle(q, true);
    }
}

static void read_raw(struct prober *p, const struct listener *l)
{
    unsigned char m[2048];
    ssize_t n = recv(l->fd, m, sizeof m, 0);
    size_t skip = l->family == AF_INET && n > 0 ? (size_t)(m[0] & 15) * 4 : 0;
    uint32_t nonce;
    if (l->proto == PROBE_SCTP && n >= (ssize_t)(skip + sizeof(struct sctp_init))) {
        memcpy(&nonce, m + skip + offsetof(struct sctp_init, initiate_tag), 4);
        arrived(p, l, nonce);
    } else if (l->proto == PROBE_ICMP && n >= (ssize_t)(skip + 8)) {
        memcpy(&nonce, m + skip + 4, 4);
        const struct probe *q = by_nonce(p, nonce);
        if (q && (m[skip] << 8 | m[skip + 1]) == q->port) {
            arrived(p, l, nonce);
        }
    }
}

static void on_listener(struct prober *p, size_t i)
{
    struct listener *l = &p->listeners[i];
    struct sockaddr_storage from;
    socklen_t n = sizeof from;
    uint32_t nonce;
    if (l->proto == PROBE_TCP && !l->accepted) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct listener peer = *l;
            peer.fd = fd;
            peer.accepted = true;
            add_listener(p, peer);
        }
    } else if (l->proto == PROBE_TCP) {
        ssize_t got = recv(l->fd, &nonce, sizeof nonce, 0);
        if (got == sizeof nonce) {
            send(l->fd, &nonce, sizeof nonce, MSG_NOSIGNAL);
        } else if (got == 0 || (got < 0 && errno != EAGAIN)) {
            close(l->fd); /* which also ends the watch */
            l->fd = -1;
        }
    } else if (l->proto == PROBE_UDP) {
        if (recvfrom(l->fd, &nonce, sizeof nonce, 0, (struct sockaddr *)&from, &n) ==
            sizeof nonce) {
            arrived(p, l, nonce);
            if (!l->silent) {
                sendto(l->fd, &nonce, sizeof nonce, 0, (struct sockaddr *)&from, n);
            }
        }
    } else {
        read_raw(p, l);
    }
}

static void on_probe(struct prober *p, size_t i)
{
    struct probe *q = &p->probes[i];
    int error = 0;
    socklen_t n = sizeof error;
    uint32_t nonce;
    getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (q->proto == PROBE_TCP) {
        settle(q, q->closed ? error == ECONNREFUSED : error == 0);
        close(q->fd);
        q->fd = -1;
        return;
    }
    while (recv(q->fd, &nonce, sizeof nonce, 0) >= 0) {
    }
    if (error == ECONNREFUSED) { /* where somebody listens, a rule on the way refused it */
        settle(q, q->closed);
    }
}

/* Handles what is ready, waiting at most `ms`. */
static void turn(struct prober *p, int ms)
{
    struct epoll_event e[256];
    int n = epoll_wait(p->epoll, e, 256, ms);
    for (int i = 0; i < n; i++) {
        if (e[i].data.u64 & IS_LISTENER) {
            on_listener(p, (size_t)(e[i].data.u64 & 0xffffffffu));
        } else if (!(e[i].data.u64 & IS_FLOW)) {
            on_probe(p, (size_t)e[i].data.u64);
        }
    }
}

static bool waiting_for_allowed(const struct prober *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->probes[i].expect_allow && !p->probes[i].done) {
            return true;
        }
    }
    return false;
}

void prober_run(struct prober *p)
{
    for (size_t i = 0; i < p->n; i++) {
        start(p, i);
        turn(p, 0);
    }
    uint64_t begin = now_ms();
    uint64_t resend = begin + RESEND_MS;
    for (;;) {
        uint64_t t = now_ms();
        bool waiting = waiting_for_allowed(p);
        if (t - begin >= LIMIT_MS || (!waiting && t - begin >= DENY_MS)) {
            break;
        }
        if (waiting && t >= resend) {
            resend = t + RESEND_MS;
            for (size_t i = 0; i < p->n; i++) {
                if (!p->probes[i].done) {
                    transmit(&p->probes[i]);
                }
            }
        }
        turn(p, 10);
    }
    for (size_t i = 0; i < p->n; i++) {
        settle(&p->probes[i], false);
        if (p->probes[i].fd >= 0) {
            close(p->probes[i].fd);
            p->probes[i].fd = -1;
        }
    }
}

static struct flow *find_flow(struct prober *p, const char *name)
{
    for (size_t i = 0; i < p->nflows; i++) {
        if (strcmp(p->flows[i].name, name) == 0) {
            return &p->flows[i];
        }
    }
    return NULL;
}

bool prober_say(struct prober *p, const char *name)
{
    struct flow *f = find_flow(p, name);
    uint32_t nonce = ++p->next_nonce;
    uint64_t begin = now_ms();
    if (!f) {
        fprintf(stderr, "netlab: no flow %s\n", name);
        exit(2);
    }
    /* The arrival of a datagram is seen at the listener, as for a probe; TCP answers. */
    struct probe q = {.from = f->from, .to = f->to, .proto = f->proto, .fd = f->fd, .nonce = nonce};
    struct probe *saved = p->probes;
    size_t saved_n = p->n;
    p->probes = &q;
    p->n = 1;
    bool sent = send(f->fd, &nonce, sizeof nonce, MSG_NOSIGNAL) == sizeof nonce;
    while (sent && !q.done && now_ms() - begin < SAY_MS) {
        uint32_t got = 0;
        turn(p, 5);
        /* What was said before may be answered late. */
        if (f->proto == PROBE_TCP && recv(f->fd, &got, sizeof got, 0) == sizeof got &&
            got == nonce) {
            settle(&q, true);
        }
    }
    p->probes = saved;
    p->n = saved_n;
    return q.allowed;
}

bool prober_open(struct prober *p, const char *name, struct probe where)
{
    if (p->nflows == sizeof p->flows / sizeof p->flows[0]) {
        return false;
    }
    struct sockaddr_storage to;
    socklen_t n = sockaddr_of(&to, &where.dest, where.port);
    lab_enter(p->lab, where.from);
    int fd = open_socket(where.family, where.proto);
    int error = 0;
    if (fd < 0 || (connect(fd, (struct sockaddr *)&to, n) != 0 && errno != EINPROGRESS)) {
        return false;
    }
    struct epoll_event e = {.events = EPOLLOUT};
    int ready = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(ready, EPOLL_CTL_ADD, fd, &e);
    bool ok = epoll_wait(ready, &e, 1, CONNECT_MS) == 1;
    close(ready);
    n = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (!ok || error != 0) {
        close(fd);
        return false;
    }
    struct flow *f = &p->flows[p->nflows++];
    snprintf(f->name, sizeof f->name, "%s", name);
    f->from = where.from;
    f->to = where.to;
    f->proto = where.proto;
    f->fd = fd;
    return prober_say(p, name);
}
