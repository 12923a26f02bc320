/* How rules of iptables are spelt, word for word; and that equal chains are one. */
#include "backends/ipt_chains.h"
#include "unit.h"

static void check(struct buf *b, const char *want)
{
    CU_ASSERT(str_is(buf_text(b), want));
    if (!str_is(buf_text(b), want)) {
        printf("\nwanted: %s\ngot: " STR_FMT "\n", want, STR_ARG(buf_text(b)));
    }
    buf_cut(b, 0);
}

static void check_match(struct buf *b, enum proto proto, bool whole, struct port_range *keys,
                        size_t n, const char *want)
{
    const struct port_match m = {.proto = proto, .whole = whole, .keys = keys, .nkeys = n};
    ipt_put_match(b, &m);
    check(b, want);
}

static void matches(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct buf *b = buf_new(&a);
    struct port_range ports[] = {{80, 80}, {90, 99}};
    struct port_range type[] = {{8 << 8, 8 << 8 | 255}}, code[] = {{3 << 8 | 4, 3 << 8 | 4}};
    struct port_range last[] = {{254 << 8 | 255, 254 << 8 | 255}};
    check_match(b, PROTO_TCP, false, ports, 1, "-p tcp --dport 80 ");
    check_match(b, PROTO_UDP, false, ports + 1, 1, "-p udp --dport 90:99 ");
    check_match(b, PROTO_SCTP, false, ports, 2, "-p sctp -m multiport --dports 80,90:99 ");
    check_match(b, PROTO_TCP, true, NULL, 0, "-p tcp ");
    check_match(b, PROTO_ICMP, false, type, 1, "-p icmp --icmp-type 8 ");
    check_match(b, PROTO_ICMP, false, code, 1, "-p icmp --icmp-type 3/4 ");
    check_match(b, PROTO_ICMP, false, last, 1, "-p icmp --icmp-type 254/255 ");
    check_match(b, PROTO_ICMP6, false, type, 1, "-p ipv6-icmp --icmpv6-type 8 ");
    check_match(b, PROTO_ICMP6, false, code, 1, "-p ipv6-icmp --icmpv6-type 3/4 ");
    check_match(b, PROTO_ICMP6, true, NULL, 0, "-p ipv6-icmp ");
    check_match(b, PROTO_ANY, true, NULL, 0, "");
    arena_free(&a);
}

static void parts(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct buf *b = buf_new(&a);
    const struct ip ip = {0, 0x0a000001};
    ipt_put_cidr(b, IPT_SOURCE, ipt_host(FAM_IP4, ip));
    check(b, "-s 10.0.0.1/32 ");
    ipt_put_cidr(b, IPT_DEST, ipt_host(FAM_IP6, (struct ip){0xfd00000000000000, 1}));
    check(b, "-d fd00::1/128 ");
    ipt_put_cidr(b, IPT_DEST, (struct cidr){.family = FAM_IP4, .len = 0});
    check(b, "");
    ipt_put_cidr(b, IPT_DEST, (struct cidr){.family = FAM_IP4, .len = 1});
    check(b, "-d 0.0.0.0/1 ");
    ipt_put_set(b, IPT_SOURCE, STR("s"));
    ipt_put_set(b, IPT_DEST, STR("d"));
    check(b, "-m set --match-set s src -m set --match-set d dst ");
    ipt_put_comment(b, STR("c"));
    ipt_put_goto(b, STR("x"));
    ipt_put_return(b);
    check(b, "-m comment --comment \"c\" -g x\n-j RETURN\n");
    ipt_put_log(b, 0, STR("p"));
    check(b, "");
    ipt_put_log(b, 1, STR("p"));
    check(b, "-m limit --limit 1/second --limit-burst 2 -j LOG --log-prefix \"p\"\n");
    ipt_put_log(b, 7, STR("p"));
    check(b, "-m limit --limit 7/second --limit-burst 14 -j LOG --log-prefix \"p\"\n");
    ipt_put_log(b, 150, STR("p")); /* 66 ten thousandths would be 151 a second */
    check(b, "-m limit --limit 149/second --limit-burst 298 -j LOG --log-prefix \"p\"\n");
    ipt_put_log(b, 3334, STR("p"));
    check(b, "-m limit --limit 3333/second --limit-burst 6666 -j LOG --log-prefix \"p\"\n");
    ipt_put_log(b, 9999, STR("p"));
    check(b, "-m limit --limit 5000/second --limit-burst 10000 -j LOG --log-prefix \"p\"\n");
    ipt_put_log(b, 10000, STR("p")); /* a burst of more is refused by iptables */
    check(b, "-m limit --limit 10000/second --limit-burst 10000 -j LOG --log-prefix \"p\"\n");
    arena_free(&a);
}

static struct buf *body_of(struct ctx *c, const char *text)
{
    struct buf *b = buf_new(&c->arena);
    buf_puts(b, text);
    return b;
}

static void table_begin(struct ctx *c, struct kernel_names *names, struct ipt_table *t)
{
    ctx_init(c, unit_oom, NULL);
    kernel_names_init(names, c, KERNEL_NAME_BITS);
    ipt_table_init(t, c, names, FAM_IP4);
}

/* Names are declared falling; rules of the last chain stand first. */
static void tables(void)
{
    struct ctx c;
    struct kernel_names names;
    struct ipt_table t;
    table_begin(&c, &names, &t);
    ipt_chain_add(&t, STR("B"), body_of(&c, "-j RETURN\n-j DROP\n"));
    ipt_chain_add(&t, STR("C"), body_of(&c, ""));
    ipt_chain_add(&t, STR("A"), body_of(&c, "-g B\n"));
    struct buf *b = buf_new(&c.arena);
    ipt_table_print(&t, b);
    check(b,
          "*filter\n:C - [0:0]\n:B - [0:0]\n:A - [0:0]\n-A A -g B\n-A B -j RETURN\n-A B -j DROP\n"
          "COMMIT\n");
    ctx_free(&c);
}

static void equal_chains_are_one(void)
{
    struct ctx c;
    struct kernel_names names;
    struct ipt_table t;
    table_begin(&c, &names, &t);
    struct str first, again, other;
    bool is_new = false;
    struct ipt_key key = {.slug = STR("p"), .parts = {STR("x"), STR("y")}, .nparts = 2};
    CU_ASSERT(ipt_chain_shared(&t, &key, body_of(&c, "-j RETURN\n"), &first, &is_new));
    CU_ASSERT(is_new);
    key.parts[1] = STR("z");
    CU_ASSERT(ipt_chain_shared(&t, &key, body_of(&c, "-j RETURN\n"), &again, &is_new));
    CU_ASSERT(!is_new);
    CU_ASSERT(str_eq(first, again));
    CU_ASSERT(ipt_chain_shared(&t, &key, body_of(&c, "-j DROP\n"), &other, &is_new));
    CU_ASSERT(is_new);
    CU_ASSERT(!str_eq(first, other));
    CU_ASSERT_EQUAL(t.chains.n, 2);
    ctx_free(&c);
}

UNIT_MAIN("ipt_chains", TEST(matches), TEST(parts), TEST(tables), TEST(equal_chains_are_one))
