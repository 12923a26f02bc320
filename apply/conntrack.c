/* ctnetlink: one dump, then a deletion for each entry that matches. */
#include "apply/conntrack.h"

#include "apply/lines.h"
#include "apply/machine.h"
#include "apply/netlink.h"
#include "base/vec.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

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
