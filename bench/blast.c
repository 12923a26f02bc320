/*
 * Sends packets through the forward hook of several network namespaces, in turns, and says what
 * each cost. It knows nothing of rules and layouts: run (Python) prepares the namespaces.
 *
 *     blast MODE FLOWS BURST ROUNDS NAMESPACE...
 *
 * MODE     hot   first packets of new connections; of the flows few are frequent (Zipf)
 *          cold  the same, each flow as likely as another
 *          old   packets of connections that have seen a reply
 *          drop  as cold; nothing may get through
 *          tcp   connections between the namespaces NAMESPACE-c and NAMESPACE-s: connect, request,
 *                response, close
 * FLOWS    a file: lines of "SOURCE DESTINATION PROTOCOL PORT", addresses of one family
 * BURST    packets (connections) of one namespace until it is the next one's turn
 * NAMESPACE in /run/netns: the router. Packets are sent by the device eth0 of NAMESPACE-c, whose
 *          other end is in the router; all devices have one MAC address and know no ARP.
 *
 * Prints a line for each namespace and round: NAMESPACE NANOSECONDS-PER-PACKET ACCEPTED, where
 * ACCEPTED is the number of connections that conntrack has confirmed. Time is the processor time of
 * the one thread: a packet goes all its way through veth pairs and the router in the context of its
 * sender, so other work on the machine does not count (but it does disturb caches).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PACKET_MOST = 96,
    ETHER = 14,
    NAMESPACES_MOST = 16,
    SOURCE_PORT = 20000,
    SOURCE_PORTS = 40000
};
enum mode { HOT, COLD, OLD, DROP, TCP, MODES };
static const char *const mode_names[MODES] = {"hot", "cold", "old", "drop", "tcp"};

struct flow {
    int family, proto;
    uint16_t port;
    unsigned char source[16], destination[16];
    unsigned char packet[PACKET_MOST];
    size_t size, transport; /* of the packet; where the transport header begins */
    uint32_t used;          /* packets so far: gives the source port */
    size_t server; /* TCP: the flow whose listener takes its connections: the first of its end */
    int listener[NAMESPACES_MOST];
};

struct place { /* one namespace */
    const char *name;
    int ns, client, server; /* namespaces */
    int device, conntrack;  /* sockets: eth0 of the client, conntrack of the router */
};

struct blast {
    enum mode mode;
    struct flow *flows;
    size_t nflows, burst, rounds;
    struct place places[NAMESPACES_MOST];
    size_t nplaces;
    uint32_t *order; /* of a burst: which flows */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- packets ---- */

static uint16_t checksum(const unsigned char *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void put16(unsigned char *p, unsigned v)
{
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
}

/* Transport checksums stay zero: the namespaces do not verify them (nf_conntrack_checksum = 0). */
static void make_packet(struct flow *f)
{
    static const unsigned char mac[6] = {2, 0, 0, 0, 0, 1}; /* of every device */
    unsigned char *p = f->packet + ETHER;
    memset(f->packet, 0, sizeof f->packet);
    memcpy(f->packet, mac, 6);
    memcpy(f->packet + 6, mac, 6);
    put16(f->packet + 12, f->family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
    size_t transport = f->proto == IPPROTO_TCP ? 20 : 12; /* UDP with four bytes of payload */
    f->transport = ETHER + (f->family == AF_INET ? 20 : 40);
    f->size = f->transport + transport;
    if (f->family == AF_INET) {
        p[0] = 0x45;
        put16(p + 2, (unsigned)(20 + transport));
        p[8] = 64;
        p[9] = (unsigned char)f->proto;
        memcpy(p + 12, f->source, 4);
        memcpy(p + 16, f->destination, 4);
        put16(p + 10, checksum(p, 20));
    } else {
        p[0] = 0x60;
        put16(p + 4, (unsigned)transport);
        p[6] = (unsigned char)f->proto;
        p[7] = 64;
        memcpy(p + 8, f->source, 16);
        memcpy(p + 24, f->destination, 16);
    }
    unsigned char *t = f->packet + f->transport;
    put16(t + 2, f->port);
    if (f->proto == IPPROTO_TCP) {
        t[12] = 5 << 4;
        t[13] = 2; /* SYN */
        put16(t + 14, 65535);
    } else {
        put16(t + 4, 12);
    }
}

static void set_source_port(struct flow *f, uint32_t n)
{
    put16(f->packet + f->transport, SOURCE_PORT + n % SOURCE_PORTS);
}

static void send_packet(int device, const unsigned char *p, size_t n)
{
    if (send(device, p, n, 0) != (ssize_t)n) {
        die("send");
    }
}

/* The packet that answers: ends exchanged. For TCP the connection opens in three. */
static void send_reply(int device, const struct flow *f)
{
    struct flow back = *f;
    memcpy(back.source, f->destination, 16);
    memcpy(back.destination, f->source, 16);
    make_packet(&back);
    unsigned char *t = back.packet + back.transport;
    memcpy(t, f->packet + f->transport + 2, 2);
    memcpy(t + 2, f->packet + f->transport, 2);
    if (f->proto == IPPROTO_TCP) {
        t[11] = 1;  /* acknowledges sequence 0 */
        t[13] = 18; /* SYN, ACK */
    }
    send_packet(device, back.packet, back.size);
}

static void make_old(struct flow *f)
{
    unsigned char *t = f->packet + f->transport;
    if (f->proto == IPPROTO_TCP) {
        t[13] = 16; /* ACK */
        t[7] = 1;
        t[11] = 1;
    }
}

/* ---- namespaces ---- */

static int open_namespace(const char *name, const char *suffix)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s%s", strchr(name, '/') == NULL ? "/run/netns/" : "", name,
             suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        die(path);
    }
    return fd;
}

static void enter(int ns)
{
    if (setns(ns, CLONE_NEWNET) != 0) {
        die("setns");
    }
}

static int open_device(void)
{
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("eth0")};
    int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* 0: it receives nothing */
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0) {
        die("packet socket");
    }
    return fd;
}

static void open_place(struct place *p)
{
    p->ns = open_namespace(p->name, "");
    p->client = open_namespace(p->name, "-c");
    p->server = open_namespace(p->name, "-s");
    enter(p->ns);
    p->conntrack = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (p->conntrack < 0) {
        die("netlink");
    }
    enter(p->client);
    p->device = open_device();
}

/* Deletes all connections, so that the table is as full for each ruleset. */
static void forget_connections(const struct place *p)
{
    struct {
        struct nlmsghdr h;
        struct nfgenmsg g;
    } m = {.h = {.nlmsg_len = sizeof m,
                 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
           .g = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0}};
    char answer[256];
    if (send(p->conntrack, &m, sizeof m, 0) < 0 ||
        recv(p->conntrack, answer, sizeof answer, 0) < 0) {
        die("flush of conntrack");
    }
}

static unsigned long count_connections(const struct place *p)
{
    enter(p->ns);
    FILE *f = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
    unsigned long n;
    if (f == NULL || fscanf(f, "%lu", &n) != 1) {
        die("nf_conntrack_count");
    }
    fclose(f);
    return n;
}

/* ---- the order of a burst ---- */

static uint32_t random32(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Zipf's law by its inverse: the k-th flow has a share of 1 / k. */
static void make_order(struct blast *b)
{
    uint64_t state = 1;
    double *sums = calloc(b->nflows, sizeof *sums), sum = 0;
    b->order = calloc(b->burst, sizeof *b->order);
    for (size_t i = 0; i < b->nflows; i++) {
        sums[i] = sum += b->mode == HOT ? 1.0 / (double)(i + 1) : 1.0;
    }
    for (size_t i = 0; i < b->burst; i++) {
        double at = sum * random32(&state) / 2147483648.0;
        size_t low = 0, high = b->nflows - 1;
        while (low < high) {
            size_t mid = (low + high) / 2;
            if (sums[mid] <= at) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        b->order[i] = (uint32_t)low;
    }
    free(sums);
}

/* ---- measuring ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double send_new(struct blast *b, const struct place *p)
{
    for (size_t i = 0; i < b->nflows; i++) {
        b->flows[i].used = 0;
    }
    double start = now();
    for (size_t i = 0; i < b->burst; i++) {
        struct flow *f = &b->flows[b->order[i]];
        set_source_port(f, f->used++);
        send_packet(p->device, f->packet, f->size);
    }
    return now() - start;
}

/* Opens a connection of each flow, then sends on them. */
static double send_old(struct blast *b, const struct place *p)
{
    for (size_t i = 0; i < b->nflows; i++) {
        struct flow *f = &b->flows[i];
        make_packet(f);
        set_source_port(f, 0);
        send_packet(p->device, f->packet, f->size);
        send_reply(p->device, f);
        make_old(f);
    }
    double start = now();
    for (size_t i = 0; i < b->burst; i++) {
        const struct flow *f = &b->flows[b->order[i]];
        send_packet(p->device, f->packet, f->size);
    }
    return now() - start;
}

/* ---- TCP ---- */

static socklen_t address_of(const struct flow *f, const unsigned char *bytes, uint16_t port,
                            struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (f->family == AF_INET) {
        struct sockaddr_in *a = (struct sockaddr_in *)out;
        a->sin_family = AF_INET;
        a->sin_port = htons(port);
        memcpy(&a->sin_addr, bytes, 4);
        return sizeof *a;
    }
    struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;
    a->sin6_family = AF_INET6;
    a->sin6_port = htons(port);
    memcpy(&a->sin6_addr, bytes, 16);
    return sizeof *a;
}

static void listen_all(struct blast *b, size_t place)
{
    enter(b->places[place].server);
    for (size_t i = 0; i < b->nflows; i++) {
        struct flow *f = &b->flows[i];
        struct sockaddr_storage a;
        if (f->server != i) {
            continue;
        }
        socklen_t n = address_of(f, f->destination, f->port, &a);
        int one = 1, fd = socket(f->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 64) != 0) {
            die("listen");
        }
        f->listener[place] = fd;
    }
}

static void exchange(int client, int server)
{
    char text[128] = "request";
    if (send(client, text, 100, 0) != 100 || recv(server, text, sizeof text, 0) != 100 ||
        send(server, text, 128, 0) != 128 || recv(client, text, sizeof text, 0) != 128) {
        die("exchange");
    }
    close(client);
    if (recv(server, text, sizeof text, 0) != 0) {
        die("end of connection");
    }
    close(server);
}

static double connect_all(struct blast *b, size_t place)
{
    enter(b->places[place].client);
    double start = now();
    for (size_t i = 0; i < b->burst; i++) {
        const struct flow *f = &b->flows[b->order[i]];
        struct sockaddr_storage a;
        int one = 1, fd = socket(f->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, IPPROTO_IP, 24, &one, sizeof one); /* IP_BIND_ADDRESS_NO_PORT */
        socklen_t n = address_of(f, f->source, 0, &a);
        if (bind(fd, (struct sockaddr *)&a, n) != 0) {
            die("bind");
        }
        n = address_of(f, f->destination, f->port, &a);
        if (connect(fd, (struct sockaddr *)&a, n) != 0) {
            die("connect");
        }
        int peer = accept4(b->flows[f->server].listener[place], NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0) {
            die("accept");
        }
        exchange(fd, peer);
    }
    return now() - start;
}

/* ---- the run ---- */

static void measure(struct blast *b, size_t i, size_t round)
{
    const struct place *p = &b->places[i];
    double cost = 0;
    switch (b->mode) {
    case HOT:
    case COLD:
    case DROP:
        cost = send_new(b, p);
        break;
    case OLD:
        cost = send_old(b, p);
        break;
    case TCP:
        cost = connect_all(b, i);
        break;
    case MODES:
        break;
    }
    unsigned long accepted = count_connections(p);
    forget_connections(p);
    if (round > 0) { /* the first one warms up */
        printf("%s %.1f %lu\n", p->name, cost / (double)b->burst, accepted);
    }
}

static bool same_end(const struct flow *x, const struct flow *y)
{
    return x->port == y->port && memcmp(x->destination, y->destination, sizeof x->destination) == 0;
}

static void read_flows(struct blast *b, const char *path)
{
    FILE *file = fopen(path, "re");
    char source[64], destination[64], proto[8];
    unsigned port;
    size_t room = 0;
    if (file == NULL) {
        die(path);
    }
    while (fscanf(file, "%63s %63s %7s %u", source, destination, proto, &port) == 4) {
        if (b->nflows == room) {
            room = 2 * room + 256;
            b->flows = realloc(b->flows, room * sizeof *b->flows);
        }
        struct flow *f = &b->flows[b->nflows++];
        *f = (struct flow){.family = strchr(source, ':') != NULL ? AF_INET6 : AF_INET,
                           .proto = strcmp(proto, "TCP") == 0 ? IPPROTO_TCP : IPPROTO_UDP,
                           .port = (uint16_t)port};
        if (inet_pton(f->family, source, f->source) != 1 ||
            inet_pton(f->family, destination, f->destination) != 1) {
            die(source);
        }
        make_packet(f);
        for (f->server = 0; b->mode == TCP && !same_end(f, &b->flows[f->server]);) {
            f->server++;
        }
    }
    fclose(file);
    if (b->nflows == 0) {
        die("no flows");
    }
}

int main(int argc, char **argv)
{
    struct blast b = {.mode = MODES};
    for (size_t i = 0; argc > 5 && i < MODES; i++) {
        if (strcmp(argv[1], mode_names[i]) == 0) {
            b.mode = (enum mode)i;
        }
    }
    if (b.mode == MODES || argc - 5 > NAMESPACES_MOST) {
        fprintf(stderr, "usage: blast MODE FLOWS BURST ROUNDS NAMESPACE...\n");
        return 2;
    }
    read_flows(&b, argv[2]);
    b.burst = strtoul(argv[3], NULL, 10);
    b.rounds = strtoul(argv[4], NULL, 10);
    b.nplaces = (size_t)argc - 5;
    make_order(&b);
    const struct rlimit files = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_NOFILE, &files);
    for (size_t i = 0; i < b.nplaces; i++) {
        b.places[i].name = argv[5 + i];
        open_place(&b.places[i]);
        forget_connections(&b.places[i]);
        if (b.mode == TCP) {
            listen_all(&b, i);
        }
    }
    for (size_t round = 0; round <= b.rounds; round++) {
        for (size_t i = 0; i < b.nplaces; i++) { /* each round begins with another */
            measure(&b, (i + round) % b.nplaces, round);
        }
    }
    return 0;
}
