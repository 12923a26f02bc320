/* Writes chains and rules of one family's filter table. */
#include "backends/ipt_chains.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define LIMIT_SCALE 10000 /* XT_LIMIT_SCALE of the kernel */
#define MOST_BURST  10000 /* that iptables accepts */

void ipt_table_init(struct ipt_table *t, struct ctx *c, struct kernel_names *names, enum family f)
{
    *t = (struct ipt_table){.ctx = c, .names = names, .family = f};
    strmap_init(&t->by_body, &c->arena);
}

static void print_rules(const struct ipt_chain *chain, struct buf *out)
{
    struct str lines = buf_text(chain->body);
    for (size_t at = 0; at < lines.n;) {
        const char *end = memchr(lines.p + at, '\n', lines.n - at);
        size_t length = (size_t)(end - (lines.p + at)) + 1;
        buf_printf(out, "-A " STR_FMT " ", STR_ARG(chain->name));
        buf_put(out, lines.p + at, length);
        at += length;
    }
}

static int name_falling(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)y, *(const struct str *)x);
}

static void print_names(const struct ipt_table *t, struct buf *out)
{
    struct str *names = ARENA_NEW_ARRAY(&t->ctx->arena, t->chains.n, struct str);
    for (size_t i = 0; i < t->chains.n; i++) {
        names[i] = t->chains.v[i].name;
    }
    array_sort(names, t->chains.n, sizeof *names, name_falling);
    for (size_t i = 0; i < t->chains.n; i++) {
        buf_printf(out, ":" STR_FMT " - [0:0]\n", STR_ARG(names[i]));
    }
}

void ipt_table_print(const struct ipt_table *t, struct buf *out)
{
    buf_puts(out, "*filter\n");
    print_names(t, out);
    for (size_t i = t->chains.n; i-- > 0;) {
        print_rules(&t->chains.v[i], out);
    }
    buf_puts(out, "COMMIT\n");
}

void ipt_chain_add(struct ipt_table *t, struct str name, const struct buf *body)
{
    vec_push(&t->ctx->arena, &t->chains, (struct ipt_chain){name, body});
}

bool ipt_name(const struct ipt_table *t, const struct ipt_key *key, struct str *name)
{
    return kernel_name(t->names, key->slug, key->parts, key->nparts, key->at, name);
}

bool ipt_chain_shared(struct ipt_table *t, const struct ipt_key *key, const struct buf *body,
                      struct str *name, bool *is_new)
{
    const struct str *known = strmap_get(&t->by_body, buf_text(body));
    *is_new = known == NULL;
    if (known != NULL) {
        *name = *known;
        return true;
    }
    if (!ipt_name(t, key, name)) {
        return false;
    }
    struct str *kept = ARENA_NEW(&t->ctx->arena, struct str);
    *kept = *name;
    strmap_put(&t->by_body, buf_text(body), kept);
    ipt_chain_add(t, *name, body);
    return true;
}

struct cidr ipt_host(enum family f, struct ip ip)
{
    return (struct cidr){f, ip, f == FAM_IP4 ? 32 : 128};
}

void ipt_put_cidr(struct buf *body, enum ipt_end end, struct cidr c)
{
    if (c.len > 0) {
        buf_puts(body, end == IPT_SOURCE ? "-s " : "-d ");
        cidr_print(body, c);
        buf_putc(body, ' ');
    }
}

void ipt_put_set(struct buf *body, enum ipt_end end, struct str set)
{
    buf_printf(body, "-m set --match-set " STR_FMT " %s ", STR_ARG(set),
               end == IPT_SOURCE ? "src" : "dst");
}

static void put_range(struct buf *body, struct port_range r)
{
    buf_u64(body, r.first);
    if (r.last != r.first) {
        buf_putc(body, ':');
        buf_u64(body, r.last);
    }
}

/* One type, or one type and code. */
static void put_icmp(struct buf *body, const char *option, struct port_range r)
{
    buf_printf(body, "%s %u", option, r.first >> 8);
    if (r.first == r.last) {
        buf_printf(body, "/%u", r.first & 0xff);
    }
    buf_putc(body, ' ');
}

static void put_ports(struct buf *body, const struct port_match *m)
{
    if (m->nkeys == 1) {
        buf_puts(body, "--dport ");
    } else {
        buf_puts(body, "-m multiport --dports ");
    }
    for (size_t i = 0; i < m->nkeys; i++) {
        buf_puts(body, i > 0 ? "," : "");
        put_range(body, m->keys[i]);
    }
    buf_putc(body, ' ');
}

void ipt_put_match(struct buf *body, const struct port_match *m)
{
    static const char *const protocols[] = {
        [PROTO_TCP] = "-p tcp ",   [PROTO_UDP] = "-p udp ",         [PROTO_SCTP] = "-p sctp ",
        [PROTO_ICMP] = "-p icmp ", [PROTO_ICMP6] = "-p ipv6-icmp ", [PROTO_OTHER] = "",
        [PROTO_ANY] = "",
    };
    buf_puts(body, protocols[m->proto]);
    if (m->whole) {
        return;
    }
    switch (m->proto) {
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_SCTP:
        put_ports(body, m);
        break;
    case PROTO_ICMP:
        put_icmp(body, "--icmp-type", m->keys[0]);
        break;
    case PROTO_ICMP6:
        put_icmp(body, "--icmpv6-type", m->keys[0]);
        break;
    case PROTO_OTHER:
    case PROTO_ANY:
        assert(false && "no keys");
    }
}

void ipt_put_comment(struct buf *body, struct str text)
{
    buf_printf(body, "-m comment --comment \"" STR_FMT "\" ", STR_ARG(text));
}

void ipt_put_return(struct buf *body)
{
    buf_puts(body, "-j RETURN\n");
}

void ipt_put_goto(struct buf *body, struct str chain)
{
    buf_printf(body, "-g " STR_FMT "\n", STR_ARG(chain));
}

/* The limit match keeps how many ten thousandths of a second are between two lines, rounded down:
 * 3334 a second would be 5000. The highest rate that is not more and is kept as it is written. */
static uint32_t kept_rate(uint32_t rate)
{
    const uint32_t between = LIMIT_SCALE / (rate + 1) + 1;
    return LIMIT_SCALE / between;
}

void ipt_put_log(struct buf *body, uint32_t rate, struct str prefix)
{
    if (rate > 0) {
        const uint32_t kept = kept_rate(rate);
        const uint32_t burst = 2 * kept < MOST_BURST ? 2 * kept : MOST_BURST;
        buf_printf(body,
                   "-m limit --limit %" PRIu32 "/second --limit-burst %" PRIu32
                   " -j LOG --log-prefix \"" STR_FMT "\"\n",
                   kept, burst, STR_ARG(prefix));
    }
}
