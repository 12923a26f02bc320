/* Netlink by hand: a few requests are not worth a library. Knows no family of messages. */
#include "apply/netlink.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_SIZE ((size_t)64 << 10) /* the kernel sends at most 32 KiB at once */

bool netlink_open(struct arena *a, struct netlink *n, int protocol)
{
    n->answers = arena_alloc(a, ANSWER_SIZE);
    n->sequence = 0;
    n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    return n->fd >= 0;
}

void netlink_close(struct netlink *n)
{
    close(n->fd);
}

static void pad(struct buf *b)
{
    while (b->n % NLMSG_ALIGNTO != 0) {
        buf_putc(b, '\0');
    }
}

struct netlink_message netlink_begin(struct arena *a, uint16_t type, uint16_t flags,
                                     const void *header, size_t size)
{
    const struct nlmsghdr h = {.nlmsg_type = type,
                               .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST)};
    struct netlink_message m = {buf_new(a)};
    buf_put(m.bytes, &h, sizeof h);
    buf_put(m.bytes, header, size);
    pad(m.bytes);
    return m;
}

void netlink_attribute(struct netlink_message *m, uint16_t type, const void *value, size_t size)
{
    const struct nlattr attribute = {(uint16_t)(sizeof attribute + size), type};
    buf_put(m->bytes, &attribute, sizeof attribute);
    buf_put(m->bytes, value, size);
    pad(m->bytes);
}

const void *netlink_payload(const struct nlmsghdr *answer)
{
    return (const unsigned char *)answer + NLMSG_HDRLEN;
}

static bool send_message(struct netlink *n, struct netlink_message *m)
{
    const uint32_t length = (uint32_t)m->bytes->n;
    n->sequence++;
    memcpy(m->bytes->p + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof length);
    memcpy(m->bytes->p + offsetof(struct nlmsghdr, nlmsg_seq), &n->sequence, sizeof n->sequence);
    return send(n->fd, m->bytes->p, m->bytes->n, 0) == (ssize_t)m->bytes->n;
}

enum answer { ANSWER_MORE, ANSWER_DONE, ANSWER_REFUSED };

static enum answer take(const struct netlink *n, const struct nlmsghdr *h, netlink_fn each,
                        void *arg)
{
    if (h->nlmsg_seq != n->sequence) {
        return ANSWER_MORE;
    }
    if (h->nlmsg_type == NLMSG_DONE) {
        return ANSWER_DONE;
    }
    if (h->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = netlink_payload(h);
        errno = -e->error;
        return e->error == 0 ? ANSWER_DONE : ANSWER_REFUSED;
    }
    if (each != NULL) {
        each(arg, h);
    }
    return ANSWER_MORE;
}

bool netlink_talk(struct netlink *n, struct netlink_message *m, netlink_fn each, void *arg)
{
    if (!send_message(n, m)) {
        return false;
    }
    for (;;) {
        ssize_t got = recv(n->fd, n->answers, ANSWER_SIZE, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        size_t left = (size_t)got;
        for (struct nlmsghdr *h = n->answers; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            const enum answer a = take(n, h, each, arg);
            if (a != ANSWER_MORE) {
                return a == ANSWER_DONE;
            }
        }
    }
}

struct netlink_value netlink_find(struct netlink_value attributes, uint16_t type)
{
    while (attributes.n >= sizeof(struct nlattr)) {
        struct nlattr a;
        memcpy(&a, attributes.p, sizeof a);
        if (a.nla_len < sizeof a || a.nla_len > attributes.n) {
            break;
        }
        if ((a.nla_type & NLA_TYPE_MASK) == type) {
            return (struct netlink_value){attributes.p + sizeof a, a.nla_len - sizeof a};
        }
        const size_t used = NLA_ALIGN(a.nla_len);
        if (used >= attributes.n) {
            break;
        }
        attributes = (struct netlink_value){attributes.p + used, attributes.n - used};
    }
    return (struct netlink_value){NULL, 0};
}

struct netlink_value netlink_attributes(const struct nlmsghdr *answer, size_t size)
{
    const size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(size));
    if (answer->nlmsg_len < skip) {
        return (struct netlink_value){NULL, 0};
    }
    return (struct netlink_value){(const unsigned char *)answer + skip, answer->nlmsg_len - skip};
}
