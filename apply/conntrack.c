/* ctnetlink: one dump, then a deletion for each entry that matches. */
#include "apply/conntrack.h"

#include "apply/lines.h"
#include "apply/machine.h"
#include "apply/netlink.h"
#include "base/vec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE(message) ((uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | (message)))

struct entry { /* what names it: the original direction, its zone, its id */
    unsigned char family;
    struct str tuple, zone, id;
};

struct search {
    struct arena *arena;
    struct strmap wanted; /* addresses as bytes: 4 or 16 */
    VEC(struct entry) found;
};

static struct str keep(struct arena *a, struct netlink_value v)
{
    return v.p != NULL ? (struct str){arena_copy(a, v.p, v.n), v.n} : STR("");
}

static bool is_wanted(const struct search *s, struct netlink_value addresses)
{
    static const uint16_t types[] = {CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct netlink_value v = netlink_find(addresses, types[i]);
        if (v.p != NULL && strmap_get(&s->wanted, (struct str){(const char *)v.p, v.n}) != NULL) {
            return true;
        }
    }
    return false;
}

static void take(void *arg, const struct nlmsghdr *answer)
{
    struct search *s = arg;
    const struct nfgenmsg *g = netlink_payload(answer);
    const struct netlink_value all = netlink_attributes(answer, sizeof *g);
    const struct netlink_value there = netlink_find(all, CTA_TUPLE_ORIG);
    const struct netlink_value back = netlink_find(all, CTA_TUPLE_REPLY);
    if (is_wanted(s, netlink_find(there, CTA_TUPLE_IP)) ||
        is_wanted(s, netlink_find(back, CTA_TUPLE_IP))) {
        const struct entry e = {g->nfgen_family, keep(s->arena, there),
                                keep(s->arena, netlink_find(all, CTA_ZONE)),
                                keep(s->arena, netlink_find(all, CTA_ID))};
        vec_push(s->arena, &s->found, e);
    }
}

static void want(struct search *s, struct str addresses)
{
    struct str line;
    strmap_init(&s->wanted, s->arena);
    while (line_next(&addresses, &line)) {
        struct machine_address *m = ARENA_NEW(s->arena, struct machine_address);
        if (machine_address_read(str_dup(s->arena, line).p, m)) {
            strmap_put(&s->wanted, (struct str){(const char *)m->bytes, m->n}, m);
        }
    }
}

static bool delete_entry(struct arena *a, struct netlink *n, const struct entry *e)
{
    const struct nfgenmsg g = {.nfgen_family = e->family, .version = NFNETLINK_V0};
    struct netlink_message m =
        netlink_begin(a, TYPE(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, &g, sizeof g);
    netlink_attribute(&m, CTA_TUPLE_ORIG | NLA_F_NESTED, e->tuple.p, e->tuple.n);
    if (e->zone.n > 0) {
        netlink_attribute(&m, CTA_ZONE, e->zone.p, e->zone.n);
    }
    if (e->id.n > 0) {
        netlink_attribute(&m, CTA_ID, e->id.p, e->id.n);
    }
    /* One that has ended by itself since is as good. */
    return netlink_talk(n, &m, NULL, NULL) || errno == ENOENT;
}

bool conntrack_delete(struct arena *a, struct str addresses, size_t *deleted)
{
    struct search s = {.arena = a};
    struct netlink n;
    *deleted = 0;
    want(&s, addresses);
    if (!netlink_open(a, &n, NETLINK_NETFILTER)) {
        return false;
    }
    const struct nfgenmsg g = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
    struct netlink_message m = netlink_begin(a, TYPE(IPCTNL_MSG_CT_GET), NLM_F_DUMP, &g, sizeof g);
    bool ok = netlink_talk(&n, &m, take, &s);
    for (size_t i = 0; ok && i < s.found.n; i++) {
        ok = delete_entry(a, &n, &s.found.v[i]);
        *deleted += ok;
    }
    netlink_close(&n);
    return ok;
}

/* ---- one connection ---- */

/* An attribute that holds others, which were made apart, as a message without header. */
static void put_nested(struct netlink_message *m, uint16_t type,
                       const struct netlink_message *inside)
{
    const struct str bytes = buf_text(inside->bytes);
    netlink_attribute(m, (uint16_t)(type | NLA_F_NESTED), bytes.p, bytes.n);
}

/* What packets from one end to the other have; false if the ends are not of one family. */
static bool put_tuple(struct arena *a, const struct tcp_end *from, const struct tcp_end *to,
                      struct netlink_message *m)
{
    struct machine_address source, destination;
    if (!machine_address_read(from->address, &source) ||
        !machine_address_read(to->address, &destination) || source.family != destination.family) {
        return false;
    }
    const bool v6 = source.family == AF_INET6;
    const uint8_t protocol = IPPROTO_TCP;
    const uint16_t source_port = htons(from->port), destination_port = htons(to->port);
    struct netlink_message tuple = {buf_new(a)}, ip = {buf_new(a)}, ports = {buf_new(a)};
    netlink_attribute(&ip, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, source.bytes, source.n);
    netlink_attribute(&ip, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, destination.bytes, destination.n);
    netlink_attribute(&ports, CTA_PROTO_NUM, &protocol, sizeof protocol);
    netlink_attribute(&ports, CTA_PROTO_SRC_PORT, &source_port, sizeof source_port);
    netlink_attribute(&ports, CTA_PROTO_DST_PORT, &destination_port, sizeof destination_port);
    put_nested(&tuple, CTA_TUPLE_IP, &ip);
    put_nested(&tuple, CTA_TUPLE_PROTO, &ports);
    put_nested(m, CTA_TUPLE_ORIG, &tuple);
    return true;
}

static void take_status(void *arg, const struct nlmsghdr *answer)
{
    uint32_t *status = arg;
    const struct netlink_value all = netlink_attributes(answer, sizeof(struct nfgenmsg));
    const struct netlink_value v = netlink_find(all, CTA_STATUS);
    if (v.p != NULL && v.n == sizeof *status) {
        memcpy(status, v.p, sizeof *status);
        *status = ntohl(*status);
    }
}

bool conntrack_knows(struct arena *a, const struct tcp_end *here, const struct tcp_end *there)
{
    struct netlink n;
    uint32_t status = 0;
    const unsigned char family = strchr(here->address, ':') != NULL ? AF_INET6 : AF_INET;
    const struct nfgenmsg g = {.nfgen_family = family, .version = NFNETLINK_V0};
    struct netlink_message m = netlink_begin(a, TYPE(IPCTNL_MSG_CT_GET), NLM_F_ACK, &g, sizeof g);
    /* From here to there: the kernel finds an entry by either of its directions, and this one is
     * what the socket has, also if the other was translated on its way in. */
    if (!put_tuple(a, here, there, &m) || !netlink_open(a, &n, NETLINK_NETFILTER)) {
        return false;
    }
    const bool found = netlink_talk(&n, &m, take_status, &status);
    netlink_close(&n);
    return found && (status & IPS_SEEN_REPLY) != 0;
}

bool conntrack_is_loose(void)
{
    char c = '1'; /* the kernel's default, also before it has loaded the module */
    const int fd = open("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", O_RDONLY | O_CLOEXEC);
    const bool loose = fd < 0 || read(fd, &c, 1) != 1 || c != '0';
    if (fd >= 0) {
        close(fd);
    }
    return loose;
}
