/* rtnetlink by hand: one request, one acknowledgement. Knows nothing of pods. */
#include "tests/kernel/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    union {
        struct nlmsghdr head;
        char bytes[1024];
    } m;
};

int netlink_open(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static void *tail(struct request *r)
{
    return r->m.bytes + NLMSG_ALIGN(r->m.head.nlmsg_len);
}

static void start(struct request *r, unsigned short type, unsigned short flags, const void *body,
                  size_t n)
{
    memset(r, 0, sizeof *r);
    r->m.head.nlmsg_len = NLMSG_LENGTH(0);
    r->m.head.nlmsg_type = type;
    r->m.head.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    memcpy(tail(r), body, n);
    r->m.head.nlmsg_len = (unsigned)NLMSG_LENGTH(n);
}

static struct rtattr *attr(struct request *r, unsigned short type, const void *data, size_t n)
{
    struct rtattr *a = tail(r);
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(n);
    if (n > 0) {
        memcpy(RTA_DATA(a), data, n);
    }
    r->m.head.nlmsg_len = NLMSG_ALIGN(r->m.head.nlmsg_len) + (unsigned)RTA_ALIGN(a->rta_len);
    return a;
}

static void attr_string(struct request *r, unsigned short type, const char *s)
{
    attr(r, type, s, strlen(s) + 1);
}

static void attr_end(struct request *r, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((char *)tail(r) - (char *)nest);
}

static bool ask(int nl, struct request *r)
{
    char answer[4096];
    if (send(nl, r, r->m.head.nlmsg_len, 0) < 0) {
        return false;
    }
    ssize_t n = recv(nl, answer, sizeof answer, 0);
    struct nlmsghdr *head = (struct nlmsghdr *)(void *)answer;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR) {
        errno = EPROTO;
        return false;
    }
    const struct nlmsgerr *err = NLMSG_DATA(head);
    errno = -err->error;
    return err->error == 0;
}

bool netlink_veth(int nl, const char *name, const char *peer, int peer_ns)
{
    struct request r;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    attr_string(&r, IFLA_IFNAME, name);
    struct rtattr *info = attr(&r, IFLA_LINKINFO, NULL, 0);
    attr_string(&r, IFLA_INFO_KIND, "veth");
    struct rtattr *data = attr(&r, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = attr(&r, VETH_INFO_PEER, &link, sizeof link);
    attr_string(&r, IFLA_IFNAME, peer);
    attr(&r, IFLA_NET_NS_FD, &peer_ns, sizeof peer_ns);
    attr_end(&r, other);
    attr_end(&r, data);
    attr_end(&r, info);
    return ask(nl, &r);
}

bool netlink_bridge(int nl, const char *name)
{
    struct request r;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    attr_string(&r, IFLA_IFNAME, name);
    struct rtattr *info = attr(&r, IFLA_LINKINFO, NULL, 0);
    attr_string(&r, IFLA_INFO_KIND, "bridge");
    attr_end(&r, info);
    return ask(nl, &r);
}

static bool set_link(int nl, const char *name, unsigned flags, const unsigned *master)
{
    struct request r;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC,
                             .ifi_index = (int)if_nametoindex(name),
                             .ifi_flags = flags,
                             .ifi_change = flags};
    start(&r, RTM_NEWLINK, 0, &link, sizeof link);
    if (master) {
        attr(&r, IFLA_MASTER, master, sizeof *master);
    }
    return link.ifi_index != 0 && ask(nl, &r);
}

bool netlink_up(int nl, const char *name)
{
    return set_link(nl, name, IFF_UP, NULL);
}

bool netlink_enslave(int nl, const char *name, const char *bridge)
{
    unsigned master = if_nametoindex(bridge);
    return master != 0 && set_link(nl, name, 0, &master);
}

static size_t address_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

bool netlink_address(int nl, const char *name, struct lab_addr a)
{
    struct request r;
    struct ifaddrmsg msg = {.ifa_family = (unsigned char)a.family,
                            .ifa_prefixlen = (unsigned char)a.prefix,
                            .ifa_flags = IFA_F_NODAD,
                            .ifa_index = if_nametoindex(name)};
    start(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &msg, sizeof msg);
    attr(&r, IFA_LOCAL, a.bytes, address_size(a.family));
    attr(&r, IFA_ADDRESS, a.bytes, address_size(a.family));
    return ask(nl, &r);
}

bool netlink_route(int nl, const char *name, struct lab_addr to, const struct lab_addr *via)
{
    struct request r;
    unsigned index = if_nametoindex(name);
    struct rtmsg msg = {.rtm_family = (unsigned char)to.family,
                        .rtm_dst_len = (unsigned char)to.prefix,
                        .rtm_table = RT_TABLE_MAIN,
                        .rtm_protocol = RTPROT_STATIC,
                        .rtm_scope = via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                        .rtm_type = RTN_UNICAST,
                        .rtm_flags = via ? RTNH_F_ONLINK : 0};
    start(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &msg, sizeof msg);
    attr(&r, RTA_DST, to.bytes, address_size(to.family));
    attr(&r, RTA_OIF, &index, sizeof index);
    if (via) {
        attr(&r, RTA_GATEWAY, via->bytes, address_size(via->family));
    }
    return ask(nl, &r);
}
