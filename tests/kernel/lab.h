/*
 * A cluster made of network namespaces, all owned by one process, which is the first of a process
 * namespace: when it ends, however it ends, the kernel ends every command that it started and
 * removes every namespace, link and rule.
 *
 *     fabric --- node --- pod, pod, …
 *        \------ node --- pod, …
 *         \----- host              (outside the cluster, or a machine of its own)
 *
 * Nodes route between the pods behind their veth pairs and the fabric; the fabric routes between
 * nodes and hosts. No address is shared, nothing is translated, no packet leaves.
 */
#ifndef NPC_TESTS_LAB_H
#define NPC_TESTS_LAB_H

#include "tests/kernel/netlink.h"

#include <stddef.h>

#define LAB_ADDRS 4

struct lab_host { /* a pod, a node or a host */
    char name[128];
    int ns; /* descriptor of its namespace */
    int nl; /* routing socket in it */
    struct lab_addr addrs[LAB_ADDRS];
    size_t naddrs;
    bool is_node;
    int node;        /* index of its node, or -1 */
    char bridge[16]; /* the bridge of that node that it hangs on, or empty: routed */
};

struct lab {
    struct lab_host *hosts;
    size_t n, cap;
    int fabric_ns, fabric_nl;
};

/* Enters new user (unless root), process and network namespaces. False and errno if that is not
 * possible. Returns in a child; the caller's process waits for it and ends as it ends. */
bool lab_init(struct lab *l);
/* Adds a node, attached to the fabric. Returns its index or -1. */
int lab_add_node(struct lab *l, const char *name, const struct lab_addr *addrs, size_t n);
/* Adds a pod behind a node, or a host on the fabric (node -1). With the name of a bridge, which is
 * made when it is first named, the pod hangs on that and reaches the others on it without routing;
 * NULL is none. */
int lab_add_host(struct lab *l, const char *name, int node, const char *bridge,
                 const struct lab_addr *addrs, size_t n);
/* The host of that name, or -1. */
int lab_find(const struct lab *l, const char *name);
/* Moves this thread into the namespace of a host (-1: the fabric). Exits on failure. */
void lab_enter(const struct lab *l, int host);
/* Runs a shell command inside the namespace of a host; its exit status, or -1. */
int lab_run(const struct lab *l, int host, const char *command);
/* Reads "10.0.0.1" or "fd00::1"; the prefix is the whole address. */
bool lab_addr_parse(const char *text, struct lab_addr *out);

#endif
