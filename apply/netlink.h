/* Requests to the kernel over netlink sockets, as far as npc apply needs them. */
#ifndef NPC_APPLY_NETLINK_H
#define NPC_APPLY_NETLINK_H

#include "base/buf.h"

#include <linux/netlink.h>

struct netlink {
    int fd;
    uint32_t sequence;
    void *answers; /* room for what the kernel sends at once */
};

/* Opens a socket of the protocol (NETLINK_ROUTE, NETLINK_NETFILTER); false and errno. */
bool netlink_open(struct arena *a, struct netlink *n, int protocol);
void netlink_close(struct netlink *n);

/* A message that is being made. */
struct netlink_message {
    struct buf *bytes;
};
/* Begins one: type and flags of the header, then the family's own header. */
struct netlink_message netlink_begin(struct arena *a, uint16_t type, uint16_t flags,
                                     const void *header, size_t size);
void netlink_attribute(struct netlink_message *m, uint16_t type, const void *value, size_t size);

/* Called for each answer. */
typedef void (*netlink_fn)(void *arg, const struct nlmsghdr *answer);
/* Sends and reads answers to their end (flags: NLM_F_DUMP, or NLM_F_ACK). False and errno: the
 * kernel's, if it refused. `each` may be NULL. */
bool netlink_talk(struct netlink *n, struct netlink_message *m, netlink_fn each, void *arg);

struct netlink_value {
    const unsigned char *p; /* NULL: there is no such attribute */
    size_t n;
};
/* Finds an attribute in a run of them. */
struct netlink_value netlink_find(struct netlink_value attributes, uint16_t type);
/* What stands behind the header of an answer: the family's own header. */
const void *netlink_payload(const struct nlmsghdr *answer);
/* The attributes of an answer, behind the family's header of `size` bytes. */
struct netlink_value netlink_attributes(const struct nlmsghdr *answer, size_t size);

#endif
