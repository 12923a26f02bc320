/* Builds and enters the namespaces of a laboratory; see lab.h for the picture. */
#include "tests/kernel/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

bool lab_init(struct lab *l)
{
    memset(l, 0, sizeof *l);
    l->home_ns = open_ns();
    if (geteuid() != 0 && !become_root()) {
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

/* A route to every address of the family. */
static struct lab_addr everything(int family)
{
    return (struct lab_addr){.family = family};
}

/* Joins a new host to the namespace `up` (a node or the fabric) by a veth pair: eth0 in the host,
 * with a default route to the gateway address that the upper end carries. */
static bool attach(struct lab *l, int up, int host, const char *upper)
{
    const struct lab_host *h = &l->hosts[host];
    int nl = up < 0 ? l->fabric_nl : l->hosts[up].nl;
    lab_enter(l, up);
    if (!netlink_veth(nl, upper, "eth0", h->ns) || !netlink_up(nl, upper)) {
        return false;
    }
    for (int f = 0; f < 2; f++) {
        if (!netlink_address(nl, upper, gateway(up, f ? AF_INET6 : AF_INET))) {
            return false;
        }
    }
    for (size_t i = 0; i < h->naddrs; i++) {
        if (!netlink_route(nl, upper, h->addrs[i], NULL)) {
            return false;
        }
    }
    lab_enter(l, host);
    if (!netlink_up(h->nl, "eth0")) {
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

int lab_add_host(struct lab *l, const char *name, int node, const struct lab_addr *addrs, size_t n)
{
    char upper[16];
    int i = new_host(l, name, addrs, n);
    if (i < 0) {
        return -1;
    }
    l->hosts[i].node = node;
    snprintf(upper, sizeof upper, "veth%d", i);
    if (!attach(l, node, i, upper)) {
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
