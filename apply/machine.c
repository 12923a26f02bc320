/* Asks the kernel by netlink and /proc/sys, which show the network namespace that we are in. */
#include "apply/machine.h"

#include "apply/lines.h"
#include "apply/netlink.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

bool machine_address_read(const char *text, struct machine_address *out)
{
    *out = (struct machine_address){.family = AF_INET, .n = 4};
    if (inet_pton(AF_INET, text, out->bytes) == 1) {
        return true;
    }
    *out = (struct machine_address){.family = AF_INET6, .n = 16};
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}

struct str address_lines(struct arena *a, const char *const *addresses, size_t n)
{
    struct buf *b = buf_new(a);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s\n", addresses[i]);
    }
    return buf_text(b);
}

static const void *address_bytes(const struct sockaddr *s)
{
    return s->sa_family == AF_INET
               ? (const void *)&((const struct sockaddr_in *)(const void *)s)->sin_addr
               : &((const struct sockaddr_in6 *)(const void *)s)->sin6_addr;
}

static bool is_address(const struct sockaddr *s, const struct machine_address *a)
{
    return s != NULL && s->sa_family == a->family && memcmp(address_bytes(s), a->bytes, a->n) == 0;
}

bool machine_has(const char *address, bool *has)
{
    struct machine_address a;
    struct ifaddrs *all;
    *has = false;
    if (!machine_address_read(address, &a)) {
        return true;
    }
    if (getifaddrs(&all) != 0) {
        return false;
    }
    for (const struct ifaddrs *i = all; i != NULL && !*has; i = i->ifa_next) {
        *has = is_address(i->ifa_addr, &a);
    }
    freeifaddrs(all);
    return true;
}

/* 127.0.0.0/8 and ::1. An interface named lo may have addresses that others reach, too. */
static bool is_loopback(const struct sockaddr *s)
{
    const unsigned char *p = address_bytes(s);
    return s->sa_family == AF_INET ? p[0] == IN_LOOPBACKNET
                                   : memcmp(p, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

struct str machine_addresses(struct arena *a)
{
    struct buf *b = buf_new(a);
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) {
        return buf_text(b);
    }
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        const struct sockaddr *s = i->ifa_addr;
        const bool ip = s != NULL && (s->sa_family == AF_INET || s->sa_family == AF_INET6);
        if (ip && !is_loopback(s) &&
            inet_ntop(s->sa_family, address_bytes(s), text, sizeof text) != NULL) {
            buf_printf(b, "%s\n", text);
        }
    }
    freeifaddrs(all);
    return buf_text(b);
}

/* ---- bridges ---- */

struct route {
    uint32_t interface; /* 0: none */
};

static void take_route(void *arg, const struct nlmsghdr *answer)
{
    struct route *r = arg;
    const struct netlink_value all = netlink_attributes(answer, sizeof(struct rtmsg));
    const struct netlink_value out = netlink_find(all, RTA_OIF);
    if (out.p != NULL && out.n == sizeof r->interface) {
        memcpy(&r->interface, out.p, sizeof r->interface);
    }
}

struct link {
    bool bridge;
    char name[64];
};

static void take_link(void *arg, const struct nlmsghdr *answer)
{
    struct link *l = arg;
    const struct netlink_value all = netlink_attributes(answer, sizeof(struct ifinfomsg));
    const struct netlink_value name = netlink_find(all, IFLA_IFNAME);
    const struct netlink_value kind =
        netlink_find(netlink_find(all, IFLA_LINKINFO), IFLA_INFO_KIND);
    l->bridge =
        kind.p != NULL && kind.n == sizeof "bridge" && memcmp(kind.p, "bridge", kind.n) == 0;
    if (name.p != NULL && name.n < sizeof l->name) {
        memcpy(l->name, name.p, name.n);
    }
}

/* The interface that packets to an address leave through. */
static bool find_link(struct arena *a, struct netlink *n, const struct machine_address *to,
                      struct link *l)
{
    const struct rtmsg ask = {.rtm_family = (unsigned char)to->family,
                              .rtm_dst_len = (unsigned char)(8 * to->n)};
    struct netlink_message m = netlink_begin(a, RTM_GETROUTE, NLM_F_ACK, &ask, sizeof ask);
    netlink_attribute(&m, RTA_DST, to->bytes, to->n);
    struct route r = {0};
    if (!netlink_talk(n, &m, take_route, &r) || r.interface == 0) {
        return false;
    }
    const struct ifinfomsg which = {.ifi_index = (int)r.interface};
    m = netlink_begin(a, RTM_GETLINK, NLM_F_ACK, &which, sizeof which);
    return netlink_talk(n, &m, take_link, l);
}

static bool is_on(struct arena *a, const char *setting)
{
    const char *path = str_printf(a, "/proc/sys/net/bridge/%s", setting).p;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char c = '0';
    const bool on = fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
    if (fd >= 0) {
        close(fd);
    }
    return on;
}

/* Whether packets to an address leave through a bridge; its name is put in `l`. */
static bool is_bridged(struct arena *a, struct netlink *n, struct str address, struct link *l)
{
    struct machine_address to;
    *l = (struct link){0};
    return machine_address_read(str_dup(a, address).p, &to) && find_link(a, n, &to, l) && l->bridge;
}

struct str machine_unseen(struct arena *a, struct str addresses, const char **bridge)
{
    struct str found = STR(""), line;
    struct arena scratch;
    struct netlink n;
    const bool seen = is_on(a, "bridge-nf-call-iptables") && is_on(a, "bridge-nf-call-ip6tables");
    if (seen || addresses.n == 0 || !netlink_open(a, &n, NETLINK_ROUTE)) {
        return found;
    }
    while (found.n == 0 && line_next(&addresses, &line)) {
        struct link l;
        arena_init(&scratch, a->oom, a->oom_arg);
        if (is_bridged(&scratch, &n, line, &l)) {
            *bridge = str_dup(a, str_of(l.name)).p;
            found = line;
        }
        arena_free(&scratch);
    }
    netlink_close(&n);
    return found;
}
