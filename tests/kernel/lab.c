/* Builds and enters the namespaces of a laboratory; see lab.h for the picture. */
#include "tests/kernel/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "netlab: %s: %s\n", what, strerror(errno));
    exit(3);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

static bool become_root(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER) != 0 || !write_file("/proc/self/setgroups", "deny")) {
        return false;
    }
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_file("/proc/self/uid_map", map)) {
        return false;
    }
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_file("/proc/self/gid_map", map);
}

static int open_ns(void)
{
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A new namespace; the thread stays in it. Links get no automatic link-local address, so that no
 * duplicate address detection delays the first packet. */
static bool new_ns(int *ns, int *nl)
{
    if (unshare(CLONE_NEWNET) != 0) {
        return false;
    }
    *ns = open_ns();
    *nl = netlink_open();
    return *ns >= 0 && *nl >= 0 && netlink_up(*nl, "lo") &&
           write_file("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
}

static bool forward(void)
{
    return write_file("/proc/sys/net/ipv4/ip_forward", "1") &&
           write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1") &&
           write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "0") &&
           write_file("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
}

/* Waits for the child and ends with its status. */
_Noreturn static void end_as(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Goes on in a child that is the first process of its namespace: with it ends every process of
 * that, and it ends with its parent. */
static bool new_processes(void)
{
    int life[2]; /* hangs up when the parent is gone */
    if (unshare(CLONE_NEWPID) != 0 || pipe(life) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child < 0) {
        return false;
    }
    if (child > 0) {
        close(life[0]);
        end_as(child);
    }
    close(life[1]);
    struct pollfd parent = {.fd = life[0]};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return false;
    }
    if (poll(&parent, 1, 0) != 0) { /* it died before it was asked to tell */
        _exit(1);
    }
    close(life[0]);
    return true;
}

bool lab_init(struct lab *l)
{
    memset(l, 0, sizeof *l);
    if (geteuid() != 0 && !become_root()) {
        return false;
    }
    if (!new_processes()) {
        return false;
    }
    return new_ns(&l->fabric_ns, &l->fabric_nl) && forward();
}

void lab_enter(const struct lab *l, int host)
{
    if (setns(host < 0 ? l->fabric_ns : l->hosts[host].ns, CLONE_NEWNET) != 0) {
        die("setns");
    }
}

int lab_find(const struct lab *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->hosts[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool lab_addr_parse(const char *text, struct lab_addr *out)
{
    memset(out, 0, sizeof *out);
    out->family = strchr(text, ':') ? AF_INET6 : AF_INET;
    out->prefix = out->family == AF_INET ? 32 : 128;
    return inet_pton(out->family, text, out->bytes) == 1;
}

/* The address of the upper end of a veth pair. The fabric's differs from the nodes': a node ignores
 * an ARP request that comes from an address of its own. */
static struct lab_addr gateway(int up, int family)
{
    struct lab_addr a;
    const char *ip4 = up < 0 ? "169.254.2.1" : "169.254.1.1";
    const char *ip6 = up < 0 ? "fe80::2" : "fe80::1";
    lab_addr_parse(family == AF_INET ? ip4 : ip6, &a);
    return a;
}

/* The link-local address of a host: who forwards must have one to ask for neighbours (RFC 4861,
 * section 7.2.2). */
static struct lab_addr link_local(int host)
{
    struct lab_addr a;
    lab_addr_parse("fe80::100:0", &a);
    a.bytes[14] = (unsigned char)(host >> 8);
    a.bytes[15] = (unsigned char)host;
    return a;
}

/* A route to every address of the family. */
static struct lab_addr everything(int family)
{
    return (struct lab_addr){.family = family};
}

static bool add_gateway(int nl, const char *link, int up)
{
    return netlink_address(nl, link, gateway(up, AF_INET)) &&
           netlink_address(nl, link, gateway(up, AF_INET6));
}

static bool same_bridge(const struct lab_host *a, const struct lab_host *b)
{
    return a != b && a->node == b->node && strcmp(a->bridge, b->bridge) == 0;
}

/* The bridge of a host, in the current namespace; made, with the gateway's addresses, for the first
 * host on it. */
static bool join_bridge(const struct lab *l, int nl, const struct lab_host *h, const char *upper)
{
    bool made = false;
    for (size_t i = 0; i < l->n; i++) {
        made = made || same_bridge(&l->hosts[i], h);
    }
    return (made || (netlink_bridge(nl, h->bridge) && netlink_up(nl, h->bridge) &&
                     add_gateway(nl, h->bridge, h->node))) &&
           netlink_enslave(nl, upper, h->bridge);
}

static bool route_all(const struct lab *l, int from, const char *link, const struct lab_host *to)
{
    lab_enter(l, from);
    for (size_t i = 0; i < to->naddrs; i++) {
        if (!netlink_route(l->hosts[from].nl, link, to->addrs[i], NULL)) {
            return false;
        }
    }
    return true;
}

/* The hosts on one bridge reach each other on the link. */
static bool meet_neighbours(const struct lab *l, int host)
{
    for (int i = 0; i < host; i++) {
        if (same_bridge(&l->hosts[i], &l->hosts[host]) &&
            (!route_all(l, host, "eth0", &l->hosts[i]) ||
             !route_all(l, i, "eth0", &l->hosts[host]))) {
            return false;
        }
    }
    return true;
}

/* Joins a new host to the namespace `up` (a node or the fabric) by a veth pair: eth0 in the host,
 * with a default route to the gateway address that the upper end, or its bridge, carries. */
static bool attach(struct lab *l, int up, int host, const char *upper)
{
    const struct lab_host *h = &l->hosts[host];
    const char *link = h->bridge[0] ? h->bridge : upper;
    int nl = up < 0 ? l->fabric_nl : l->hosts[up].nl;
    lab_enter(l, up);
    if (!netlink_veth(nl, upper, "eth0", h->ns) || !netlink_up(nl, upper) ||
        !(h->bridge[0] ? join_bridge(l, nl, h, upper) : add_gateway(nl, upper, up))) {
        return false;
    }
    for (size_t i = 0; i < h->naddrs; i++) {
        if (!netlink_route(nl, link, h->addrs[i], NULL)) {
            return false;
        }
    }
    lab_enter(l, host);
    if (!netlink_up(h->nl, "eth0") || !netlink_address(h->nl, "eth0", link_local(host))) {
        return false;
    }
    for (size_t i = 0; i < h->naddrs; i++) {
        if (!netlink_address(h->nl, "eth0", h->addrs[i])) {
            return false;
        }
    }
    for (int f = 0; f < 2; f++) {
        struct lab_addr via = gateway(up, f ? AF_INET6 : AF_INET);
        if (!netlink_route(h->nl, "eth0", everything(via.family), &via)) {
            return false;
        }
    }
    return true;
}

static int new_host(struct lab *l, const char *name, const struct lab_addr *addrs, size_t n)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->hosts = realloc(l->hosts, l->cap * sizeof *l->hosts);
        if (!l->hosts) {
            die("realloc");
        }
    }
    struct lab_host *h = &l->hosts[l->n];
    memset(h, 0, sizeof *h);
    snprintf(h->name, sizeof h->name, "%s", name);
    h->node = -1;
    h->naddrs = n > LAB_ADDRS ? LAB_ADDRS : n;
    memcpy(h->addrs, addrs, h->naddrs * sizeof *addrs);
    return new_ns(&h->ns, &h->nl) ? (int)l->n++ : -1;
}

int lab_add_node(struct lab *l, const char *name, const struct lab_addr *addrs, size_t n)
{
    char upper[16];
    int i = new_host(l, name, addrs, n);
    if (i < 0 || !forward()) {
        return -1;
    }
    l->hosts[i].is_node = true;
    snprintf(upper, sizeof upper, "node%d", i);
    return attach(l, -1, i, upper) ? i : -1;
}

int lab_add_host(struct lab *l, const char *name, int node, const char *bridge,
                 const struct lab_addr *addrs, size_t n)
{
    char upper[16];
    int i = new_host(l, name, addrs, n);
    if (i < 0) {
        return -1;
    }
    l->hosts[i].node = node;
    if (bridge) {
        snprintf(l->hosts[i].bridge, sizeof l->hosts[i].bridge, "%s", bridge);
    }
    snprintf(upper, sizeof upper, "veth%d", i);
    if (!attach(l, node, i, upper) || (bridge && !meet_neighbours(l, i))) {
        return -1;
    }
    if (node < 0) {
        return i;
    }
    snprintf(upper, sizeof upper, "node%d", node);
    lab_enter(l, -1);
    for (size_t k = 0; k < n; k++) {
        struct lab_addr none = {0};
        struct lab_addr via = none;
        for (size_t a = 0; a < l->hosts[node].naddrs; a++) {
            if (l->hosts[node].addrs[a].family == addrs[k].family) {
                via = l->hosts[node].addrs[a];
            }
        }
        if (via.family == 0 || !netlink_route(l->fabric_nl, upper, addrs[k], &via)) {
            return -1;
        }
    }
    return i;
}

int lab_run(const struct lab *l, int host, const char *command)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        lab_enter(l, host);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
