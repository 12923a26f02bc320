/* The nft backend: ports and addresses as nft says them, forms of chains, raw text, the side file.
 */
#include "backends/nft_priv.h"
#include "compile.h"
#include "rng.h"

#include <jansson.h>

/* ---- ports ---- */

static bool item_has(struct nft_item i, enum family f, enum proto p, uint16_t key)
{
    switch (i.kind) {
    case NFT_ALL:
        return true;
    case NFT_PORT:
    case NFT_RANGE:
        return p == i.proto && i.first <= key && key <= i.last;
    case NFT_PROTO:
        return p == i.proto;
    case NFT_ICMP:
        return p == i.proto && i.type[0] <= key >> 8 && key >> 8 <= i.type[1] &&
               i.code[0] <= (key & 255) && (key & 255) <= i.code[1];
    case NFT_OTHER:
        return p == PROTO_OTHER;
    }
    (void)f;
    return false;
}

/* Every key of every protocol is in the items if and only if it is in the set. */
static size_t wrong_keys(struct nft_items items, struct portset s, enum family f)
{
    size_t wrong = 0;
    for (unsigned p = 0; p < PROTO_KEYED; p++) {
        for (uint32_t key = 0; key < 65536; key += p < PROTO_ICMP ? 7 : 1) {
            bool has = false, foreign = p == (f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP);
            for (size_t i = 0; i < items.n; i++) {
                has = has || item_has(items.v[i], f, (enum proto)p, (uint16_t)key);
            }
            wrong += !foreign && has != portset_has(s, (enum proto)p, (uint16_t)key);
        }
    }
    return wrong;
}

static void items_are_the_set(void)
{
    struct rng rng = rng_new();
    for (size_t round = rng_rounds(60); round > 0; round--) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        enum family f = round % 2 == 0 ? FAM_IP4 : FAM_IP6;
        struct portset s = portset_none;
        for (size_t i = rng_below(&rng, 5); i > 0; i--) {
            enum proto p = (enum proto)rng_below(&rng, PROTO_KEYED);
            uint16_t first = (uint16_t)(rng_below(&rng, 4) == 0 ? 0 : rng_next(&rng));
            uint16_t last = (uint16_t)(rng_below(&rng, 4) == 0 ? 65535 : rng_next(&rng));
            if (first <= last) {
                s = portset_union(&c.arena, s, portset_of(&c.arena, p, first, last));
            }
        }
        struct nft_items items = nft_items_of(&c.arena, f, s);
        CU_ASSERT_EQUAL(wrong_keys(items, s, f), 0);
        for (size_t i = 1; i < items.n; i++) {
            CU_ASSERT(nft_item_cmp(items.v[i - 1], items.v[i]) < 0);
        }
        ctx_free(&c);
    }
}

/* Ranges of ICMP keys that begin or end within a type, as exceptions leave them. */
static void items_of_icmp_ranges(void)
{
    static const struct port_range ranges[] = {
        {0x0805, 0x0a03}, {0x0800, 0x0a03}, {0x0805, 0x0aff}, {0x08ff, 0x0900}, {0x0800, 0x09ff},
        {0x0801, 0x0803}, {0x0000, 0x07fe}, {0xff01, 0xffff}, {0x0901, 0xffff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct ctx c;
        ctx_init(&c, unit_oom, NULL);
        struct portset s = portset_of(&c.arena, PROTO_ICMP6, ranges[i].first, ranges[i].last);
        CU_ASSERT_EQUAL(wrong_keys(nft_items_of(&c.arena, FAM_IP6, s), s, FAM_IP6), 0);
        ctx_free(&c);
    }
}

/* What an item says, in nft's words: numbers and keywords only (threats 24). */
static void T24_items_are_numbers(void)
{
    static const struct {
        struct nft_item item;
        const char *text;
    } cases[] = {
        {{.kind = NFT_ALL}, ""},
        {{.kind = NFT_PORT, .proto = PROTO_TCP, .first = 80, .last = 80}, "tcp dport 80 "},
        {{.kind = NFT_RANGE, .proto = PROTO_SCTP, .first = 1, .last = 9}, "sctp dport 1-9 "},
        {{.kind = NFT_PROTO, .proto = PROTO_UDP}, "meta l4proto 17 "},
        {{.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {8, 8}, .code = {0, 255}}, "icmp type 8 "},
        {{.kind = NFT_ICMP, .proto = PROTO_ICMP6, .type = {1, 1}, .code = {3, 4}},
         "icmpv6 type 1 icmpv6 code 3-4 "},
        {{.kind = NFT_ICMP, .proto = PROTO_ICMP, .type = {3, 5}, .code = {0, 255}},
         "icmp type 3-5 "},
        {{.kind = NFT_OTHER},
         "meta l4proto != 6 meta l4proto != 17 meta l4proto != 132 meta l4proto != 1 "},
    };
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf *b = buf_new(&c.arena);
        nft_item_match(b, FAM_IP4, cases[i].item);
        CU_ASSERT(str_is(buf_text(b), cases[i].text));
    }
    ctx_free(&c);
}

/* ---- addresses ---- */

static void ranges_as_text(void)
{
    static const struct {
        enum family f;
        const char *first, *last, *text;
    } cases[] = {
        {FAM_IP4, "10.0.0.1", "10.0.0.1", "10.0.0.1"},
        {FAM_IP4, "10.0.0.0", "10.0.0.255", "10.0.0.0/24"},
        {FAM_IP4, "10.0.0.1", "10.0.0.3", "10.0.0.1-10.0.0.3"},
        {FAM_IP4, "10.0.0.2", "10.0.0.5", "10.0.0.2-10.0.0.5"},
        {FAM_IP4, "10.0.0.8", "10.0.0.23", "10.0.0.8-10.0.0.23"},
        {FAM_IP4, "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
        {FAM_IP4, "255.255.255.254", "255.255.255.255", "255.255.255.254/31"},
        {FAM_IP6, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
        {FAM_IP6, "fd00::", "fd00::ffff:ffff:ffff:ffff", "fd00::/64"},
        {FAM_IP6, "fd00::1", "fd00::2", "fd00::1-fd00::2"},
    };
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum family f;
        struct ip_range r;
        CU_ASSERT(ip_parse(str_of(cases[i].first), &f, &r.first) == IP_OK && f == cases[i].f);
        CU_ASSERT(ip_parse(str_of(cases[i].last), &f, &r.last) == IP_OK && f == cases[i].f);
        struct buf *b = buf_new(&c.arena);
        nft_range_text(b, f, r);
        CU_ASSERT(str_is(buf_text(b), cases[i].text));
    }
    ctx_free(&c);
}

static void addresses_in_names(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    CU_ASSERT(str_is(nft_address_name(&c.arena, FAM_IP4, (struct ip){0, 0x0a000007}), "10.0.0.7"));
    const struct ip v6 = {0xfd00000000000000u, 0};
    CU_ASSERT(str_is(nft_address_name(&c.arena, FAM_IP6, v6), "fd00--"));
    ctx_free(&c);
}

/* ---- gates ---- */

/* Compiles one pod per address, all isolated, and returns the lines of the forward chain. */
static struct str gate_lines(struct compiled *c, const char *const *addrs, size_t n)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct buf *b = buf_new(&scratch);
    buf_puts(b, "namespace a {\n policy p for all pods { default deny ingress }\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, " workload w%zu { addr %s }\n", i, addrs[i]);
    }
    buf_puts(b, "}\n");
    compile_load(c, "in.npc", buf_text(b));
    compile_run(c, "nft");
    CU_ASSERT(c->ok);
    struct buf *lines = buf_new(&c->ctx.arena);
    struct str out = buf_text(c->out), line;
    while (out.n > 0) {
        const char *end = memchr(out.p, '\n', out.n);
        line = (struct str){out.p, end == NULL ? out.n : (size_t)(end - out.p)};
        out = (struct str){out.p + line.n, out.n - line.n};
        out = out.n > 0 ? (struct str){out.p + 1, out.n - 1} : out;
        if (str_starts(line, "\t\t") && str_ends(line, " vmap @ing")) {
            buf_put(lines, line.p + 2, line.n - 2 - strlen(" vmap @ing"));
            buf_putc(lines, '\n');
        }
    }
    arena_free(&scratch);
    return buf_text(lines);
}

/* The gates cover every target and are as narrow as four prefixes can be without effort. */
static void gates(void)
{
    static const struct {
        const char *addrs[5];
        size_t n;
        const char *want;
    } cases[] = {
        {{"10.0.0.1"}, 1, "ip daddr 10.0.0.1 ip daddr\n"},
        {{"10.0.0.1", "10.0.0.6"}, 2, "ip daddr 10.0.0.0/29 ip daddr\n"},
        {{"10.0.0.1", "192.168.0.1"},
         2,
         "ip daddr 10.0.0.1 ip daddr\nip daddr 192.168.0.1 ip daddr\n"},
        {{"10.0.0.1", "10.0.0.2", "11.0.0.1", "172.16.0.1", "192.168.0.1"},
         5,
         "ip daddr 10.0.0.0/30 ip daddr\nip daddr 11.0.0.1 ip daddr\n"
         "ip daddr 172.16.0.1 ip daddr\nip daddr 192.168.0.1 ip daddr\n"},
        {{"1.0.0.1", "2.0.0.1", "3.0.0.1", "4.0.0.1", "200.0.0.1"},
         5,
         "ip daddr 1.0.0.1 ip daddr\nip daddr 2.0.0.0/7 ip daddr\n"
         "ip daddr 4.0.0.1 ip daddr\nip daddr 200.0.0.1 ip daddr\n"},
        {{"fd00::1", "fd00::2"}, 2, "ip6 daddr fd00::/126 ip6 daddr\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c;
        struct str got = gate_lines(&c, cases[i].addrs, cases[i].n);
        CU_ASSERT(str_is(got, cases[i].want));
        if (!str_is(got, cases[i].want)) {
            printf("\ngates of case %zu:\n" STR_FMT, i, STR_ARG(got));
        }
        compile_free(&c);
    }
}

/* ---- chains ---- */

static void check_holds(struct str out, const char *part)
{
    CU_ASSERT(str_holds(out, part));
    if (!str_holds(out, part)) {
        printf("\nwanted:\n%s\nin:\n" STR_FMT "\n", part, STR_ARG(out));
    }
}

#define WORLD                                                                                      \
    "namespace a {\n"                                                                              \
    " workload web1 { addr {10.0.0.1, fd00::1} label app = web }\n"                                \
    " workload web2 { addr 10.0.0.2 label app = web }\n"                                           \
    " workload db { addr 10.0.0.3 label app = db port pg = tcp/5432 }\n"

/* Few rules over few addresses are said directly, the port first. */
static void direct_form(void)
{
    struct compiled c;
    compile_load(&c, "in.npc",
                 STR(WORLD " policy db for pods app=db {\n"
                           "  allow from pods app=web on tcp/pg\n"
                           "  allow from cidr 10.0.0.0/30 on udp/1-9\n"
                           "  allow from anywhere on icmp/8 } }"));
    compile_run(&c, "nft");
    CU_ASSERT_FATAL(c.ok);
    struct str out = buf_text(c.out);
    check_holds(out,
                "\tset i10.0.0.3_addrs {\n\t\ttype ipv4_addr\n\t\tsize 12\n\t\telements = {\n\t\t\t"
                "10.0.0.1, 10.0.0.2\n");
    check_holds(
        out,
        "\t# ingress to a/db\n\tchain i10.0.0.3 {\n"
        "\t\ticmp type 8 accept comment \"a/db ingress[2] in.npc:8\"\n"
        "\t\ttcp dport 5432 ip saddr @i10.0.0.3_addrs accept comment \"a/db ingress[0] in.npc:6\"\n"
        "\t\tudp dport 1-9 ip saddr 10.0.0.0/30 accept comment \"a/db ingress[1] in.npc:7\"\n"
        "\t\tgoto npc_deny comment \"a/db isolates ingress in.npc:5\"\n\t}\n");
    compile_free(&c);
}

/* More rules go through the peer's class; it is taken back before a packet passes. */
static void classed_form(void)
{
    struct compiled c;
    compile_load(&c, "in.npc",
                 STR(WORLD
                     " policy db for pods app=db {\n"
                     "  allow from pods app=web on {tcp/1, tcp/3, tcp/5, tcp/7, tcp/9, tcp/11, "
                     "tcp/13, tcp/15, tcp/17, tcp/19, tcp/21, tcp/23, tcp/25, tcp/27, tcp/29, "
                     "udp/*, tcp/1000-2000} } }"));
    compile_run(&c, "nft");
    CU_ASSERT_FATAL(c.ok);
    struct str out = buf_text(c.out);
    check_holds(out,
                "\tmap i_pod {\n\t\ttype ipv4_addr : classid\n\t\tsize 12\n\t\telements = {\n\t\t\t"
                "10.0.0.1 : a00:1, 10.0.0.2 : a00:1\n");
    check_holds(out,
                "\tchain i10.0.0.3 {\n\t\tmeta priority set ip saddr map @i_pod goto i10.0.0.3_v\n"
                "\t\tgoto npc_deny comment \"a/db isolates ingress in.npc:5\"\n\t}\n");
    check_holds(out,
                "\tchain i10.0.0.3_v {\n"
                "\t\tmeta priority . tcp dport @i10.0.0.3_tcp meta priority set none accept "
                "comment \"a/db ingress[0] in.npc:6\"\n"
                "\t\tmeta priority . meta l4proto @i10.0.0.3_protos meta priority set none accept "
                "comment \"a/db ingress[0] in.npc:6\"\n"
                "\t\ttcp dport 1000-2000 meta priority a00:1 meta priority set none accept "
                "comment \"a/db ingress[0] in.npc:6\"\n"
                "\t\tgoto npc_deny comment \"a/db isolates ingress in.npc:5\"\n\t}\n");
    check_holds(out, "\t\t\ta00:1 . 1, a00:1 . 3, a00:1 . 5, a00:1 . 7, a00:1 . 9, ");
    compile_free(&c);
}

/* Threats 33: a rule for nobody is no rule, and the target is closed all the same. */
static void T33_nobody_is_let_in(void)
{
    struct compiled c;
    compile_load(&c, "in.npc",
                 STR(WORLD " policy db for pods app=db { allow from pods app=nobody on tcp/1 } }"));
    compile_run(&c, "nft");
    CU_ASSERT_FATAL(c.ok);
    check_holds(buf_text(c.out),
                "\tchain i10.0.0.3 {\n\t\tgoto npc_deny comment \"a/db isolates ingress "
                "in.npc:5\"\n\t}\n");
    CU_ASSERT(!str_holds(buf_text(c.out), "elements = {\n\t\t\t\n"));
    compile_free(&c);
}

/* ---- the side file ---- */

static void side_file_is_json(void)
{
    static const struct emit_options options = {.allow_raw = true};
    struct compiled c;
    compile_load(&c, "x\"y\\.npc",
                 STR(WORLD " policy db for pods app=db { allow from pods app=web on tcp/pg } }"));
    CU_ASSERT_FATAL(c.loaded);
    struct emit e = {.ctx = &c.ctx, .program = &c.program, .options = &options, .out = c.out};
    CU_ASSERT_FATAL(backend_run(&backend_nft, &e));
    CU_ASSERT_EQUAL_FATAL(e.files.n, 1);
    CU_ASSERT(str_is(e.files.v[0].path, ".map"));
    struct str text = buf_text(e.files.v[0].text);
    json_t *map = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    json_t *table = json_array_get(json_object_get(map, "tables"), 0);
    json_t *chain = json_array_get(json_object_get(table, "chains"), 0);
    json_t *rule = json_array_get(json_object_get(chain, "rules"), 0);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(map, "version")), 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(table, "family")), "ip");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(chain, "member")), "a/db");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(rule, "rule")), "ingress[0]");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(rule, "at")), "x\"y\\.npc:5");
    json_decref(map);
    compile_free(&c);
}

/* ---- raw text ---- */

static void raw_is_appended(void)
{
    struct compiled c;
    compile_load(&c, "in.npc",
                 STR("raw nft \"\"\"\n# a } in a comment, and \"\nadd table ip x\n"
                     "table ip x { chain c { ip saddr 1.2.3.4 drop comment \"flush } delete\"; } "
                     "}\n\"\"\"\n"));
    compile_run(&c, "nft");
    CU_ASSERT_FATAL(c.ok);
    check_holds(buf_text(c.out),
                "\n# raw text begins\n# a } in a comment, and \"\nadd table ip x\n");
    CU_ASSERT(str_ends(buf_text(c.out), "delete\"; } }\n# raw text ends\n"));
    compile_free(&c);
}

/* Whatever it looks like, it stands on lines of its own. */
static void raw_on_its_own_lines(void)
{
    static const char *const texts[] = {
        "",
        "add table ip x",
        "add table ip x # no line ends here",
        "# nothing but a comment",
        "\nadd set ip x a_b-c.d { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }\n",
        "create table ip x; add chain ip x c",
        "table ip x {\n  chain c { iifname \"eth0\" log prefix \"a b\" drop; };\n}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct compiled c;
        ctx_init(&c.ctx, unit_oom, NULL);
        struct buf *in = buf_new(&c.ctx.arena);
        buf_printf(in, "raw nft \"\"\"%s\"\"\"\n", texts[i]);
        struct ctx keep = c.ctx;
        compile_load(&c, "in.npc", buf_text(in));
        compile_run(&c, "nft");
        CU_ASSERT(c.ok);
        struct str out = buf_text(c.out);
        const char *at = memmem(out.p, out.n, "\n# raw text begins\n", 19);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        size_t skip = 19 - (texts[i][0] == '\n'), n = strlen(texts[i]);
        struct str rest = {at + skip, out.n - (size_t)(at - out.p) - skip};
        CU_ASSERT(str_starts(rest, texts[i]));
        bool ended = n > 0 && texts[i][n - 1] == '\n';
        CU_ASSERT(str_is((struct str){rest.p + n, rest.n - n},
                         ended ? "# raw text ends\n" : "\n# raw text ends\n"));
        compile_free(&c);
        ctx_free(&keep);
    }
}

/* What another backend is to say is none of nft's business. */
static void raw_of_others(void)
{
    check_accepted("nft", "in.npc",
                   STR("namespace a { policy p for all pods { raw k8s \"\"\"metadata: {}\"\"\"\n"
                       "default deny ingress } }"));
}

static void npc042_raw_refused(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"flush ruleset", "flush"},
        {"add table ip x\nflush table ip x", "line 2: flush"},
        {"delete table ip x", "delete"},
        {"destroy table ip x", "destroy"},
        {"include \"/etc/x\"\n", "include"},
        {"add rule ip npc i1 accept", "npc"},
        {"table ip npc { }", "npc"},
        {"table ip x { chain c { jump npc; } }", "npc"},
        {"list ruleset", "begins no statement"},
        {"add table ip x; reset counters", "begins no statement"},
        {"replace rule ip x c handle 4 drop", "begins no statement"},
        {"table ip x {", "a brace is not closed"},
        {"table ip x { } }", "a closing brace too many"},
        {"table ip x { chain c { drop comment \"a\n\"; } }", "does not end on its line"},
        {"table ip x { chain c { drop comment \"a", "does not end on its line"},
        {"add table ip np\\\nc", "is not allowed"},
        {"add table ip $x", "is not allowed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        struct str text = str_printf(&a, "raw nft \"\"\"%s\"\"\"\n", cases[i].text);
        check_refused("nft", "in.npc", text, DIAG_NPC042, cases[i].why);
        arena_free(&a);
    }
    check_refused("nft", "in.npc",
                  STR("namespace a { policy p for all pods { raw nft \"\"\"add table ip x\"\"\"\n"
                      "default deny ingress } }"),
                  DIAG_NPC042, "top level");
}

static void npc605_too_large(void)
{
    struct compiled c;
    compile_load(&c, "in.npc",
                 STR(WORLD " policy db for pods app=db {\n"
                           "  allow from pods app=web on {tcp/1, tcp/3, tcp/5, tcp/7, tcp/9} } }"));
    struct emit_options options = {.bind = {.max_elements = 6}};
    struct emit e = {.ctx = &c.ctx, .program = &c.program, .options = &options, .out = c.out};
    /* one target, a set of two peers for five ports, three pods with themselves: 6 */
    CU_ASSERT(backend_run(&backend_nft, &e));
    options.bind.max_elements = 5;
    CU_ASSERT(!backend_run(&backend_nft, &e));
    CU_ASSERT(count_diags(&c, DIAG_NPC605) > 0);
    compile_free(&c);
}

UNIT_MAIN("nft", TEST(items_are_the_set), TEST(items_of_icmp_ranges), TEST(T24_items_are_numbers),
          TEST(ranges_as_text), TEST(addresses_in_names), TEST(gates), TEST(direct_form),
          TEST(classed_form), TEST(T33_nobody_is_let_in), TEST(side_file_is_json),
          TEST(raw_is_appended), TEST(raw_on_its_own_lines), TEST(raw_of_others),
          TEST(npc042_raw_refused), TEST(npc605_too_large))
