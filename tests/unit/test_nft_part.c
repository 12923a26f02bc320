/*
 * The text of sets, chains and rules by itself: where lines and commands are cut, how large sets
 * are said to be, how ranges are spelt, and which numbers classes have.
 */
#include "backends/kernel_names.h"
#include "nft_shop.h"

/* The part of IPv4 ingress, or another family's, of an empty program. */
static void part_init(struct nft_part *p, struct compiled *c, enum family f, size_t max_elements,
                      unsigned class_bits)
{
    struct emit e = compile_bind(c, STR("npc 1\n"), STR(""), max_elements);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e.bound);
    nft_part_init(p, &e, &nft_tuning_default, f, DIR_INGRESS, class_bits);
}

static void check_text(struct str got, const char *want)
{
    CU_ASSERT(str_is(got, want));
    if (!str_is(got, want)) {
        printf("\nwanted:\n%s\ngot:\n" STR_FMT "\n", want, STR_ARG(got));
    }
}

/* ---- classes ---- */

/* Numbers stay from one version of the rules to the next, so they stay from one npc to the next. */
static void class_numbers(void)
{
    struct compiled c;
    struct nft_part p;
    static const struct {
        enum family family;
        unsigned bits;
        struct ip lowest[5];
        const char *text[5];
    } rows[] = {
        {FAM_IP4,
         32,
         {{0, 0x0a000007}, {0, 0x0a000007}, {0, 0}, {0, 1}, {0, UINT32_MAX}},
         {"a00:7", "a00:8", "0:1", "0:2", "0:3"}},
        {FAM_IP4, 32, {{0, UINT32_MAX - 1}}, {"ffff:fffe"}},
        {FAM_IP6,
         32,
         {{0xfd00000000000000, 1}, {0x20010db800000005, 0x1234}, {0, 0}},
         {"af12:d6e4", "387b:f9d2", "0:1"}},
        {FAM_IP4,
         4,
         {{0, 0x0a000001}, {0, 0x0a000002}, {0, 0x0a000001}, {0, 0}, {0, 0}},
         {"0:1", "0:8", "0:2", "0:3", "0:4"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        part_init(&p, &c, rows[i].family, 0, rows[i].bits);
        for (uint32_t k = 0; k < 5 && rows[i].text[k] != NULL; k++) {
            CU_ASSERT_EQUAL(nft_class_new(&p, rows[i].lowest[k]), k + 1);
            check_text(nft_class_text(&p, 0, k + 1), rows[i].text[k]);
        }
        compile_free(&c);
    }
}

/* With few bits each number is given once, none is 0, and with a target none is the highest. */
static void few_bits(void)
{
    enum { BITS = 30, TARGETS = 2, CLASSES = 1 << 8 };
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP6, 0, BITS);
    CU_ASSERT_EQUAL(nft_target_value(&p, (struct ip){5, 5}), 1u << BITS);
    CU_ASSERT_EQUAL(nft_target_value(&p, (struct ip){5, 5}), 2u << BITS);
    compile_free(&c);
    part_init(&p, &c, FAM_IP4, 0, 8);
    bool taken[CLASSES] = {true};
    for (uint32_t id = 1; id < CLASSES; id++) {
        CU_ASSERT_EQUAL(nft_class_new(&p, (struct ip){0, id % 9}), id);
        CU_ASSERT_FATAL(p.values.v[id] < CLASSES && !taken[p.values.v[id]]);
        taken[p.values.v[id]] = true;
    }
    check_text(nft_class_text(&p, 0x12345600, 0), "1234:5600");
    p.values.v[7] = 0x9a;
    check_text(nft_class_text(&p, 0x12345600, 7), "1234:569a");
    compile_free(&c);
}

/* ---- chains ---- */

static void which_chains_deny(void)
{
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
    nft_deny_end(&p, NULL, STR("in the hook of a machine"));
    CU_ASSERT_EQUAL(p.chains.n, 0);
    for (size_t i = 0; i < 2; i++) {
        nft_chain_begin(&p, STR("x"), NULL, STR(""));
        CU_ASSERT(!p.chains.v[i].denies);
        nft_deny_end(&p, NULL, STR(""));
        CU_ASSERT(p.chains.v[i].denies);
        nft_chain_end(&p);
    }
    compile_free(&c);
}

/* ---- elements ---- */

enum { WIDTH = 88 };

static struct str letters(struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n);
    memset(p, 'x', n);
    return (struct str){p, n};
}

static bool begins_line(struct str text, size_t at)
{
    return at > 3 && memcmp(text.p + at - 4, "\n\t\t\t", 4) == 0;
}

/* A line that is longer than 88 bytes takes no more elements, the first line as any other. */
static void lines_are_cut(void)
{
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
    for (size_t first = WIDTH - 1; first <= WIDTH + 1; first++) {
        for (size_t second = WIDTH - 1; second <= WIDTH + 1; second++) {
            struct nft_set *s = nft_set_new(&p, "ipv4_addr");
            buf_str(nft_set_element(s), letters(p.arena, first));
            struct buf *b = nft_set_element(s);
            const size_t of_second = b->n;
            buf_str(b, letters(p.arena, second));
            nft_set_element(s);
            CU_ASSERT_EQUAL(begins_line(buf_text(b), of_second), first > WIDTH);
            CU_ASSERT_EQUAL(begins_line(buf_text(b), b->n), first <= WIDTH || second > WIDTH);
            CU_ASSERT_EQUAL(s->n, 3);
        }
    }
    compile_free(&c);
}

/* Commands of 250 elements, each with lines of its own; a set of one command stands among the
 * others. */
static void commands_are_cut(void)
{
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
    struct buf *want = buf_new(p.arena), *got = buf_new(p.arena);
    struct nft_set *s = nft_set_new(&p, "ipv4_addr");
    s->chunked = true;
    buf_puts(want, "add element ip npc long {\n\t\t\t");
    for (size_t i = 0, line = want->n; i < 2 * NFT_CHUNK + 1; i++) {
        if (i > 0 && i % NFT_CHUNK == 0) {
            buf_puts(want, "\n}\nadd element ip npc long {\n\t\t\t");
            line = want->n;
        } else if (i > 0 && want->n - line > WIDTH) {
            buf_puts(want, ",\n\t\t\t");
            line = want->n;
        } else if (i > 0) {
            buf_puts(want, ", ");
        }
        buf_printf(want, "10.0.0.%zu", i);
        buf_printf(nft_set_element(s), "10.0.0.%zu", i);
    }
    buf_puts(want, "\n}\n");
    nft_set_named(&p, s, STR("long"));
    struct nft_set *other = nft_set_new(&p, "ipv4_addr");
    buf_puts(nft_set_element(other), "10.0.0.1");
    nft_set_named(&p, other, STR("short"));
    nft_part_chunks(&p, got);
    buf_putc(want, '\0');
    check_text(buf_text(got), buf_text(want).p);
    compile_free(&c);
}

/* Room for as many again, twice that of intervals, in steps that grow with the set. */
static void rooms(void)
{
    static const struct {
        size_t n, plain, interval;
    } rows[] = {{1, 12, 12},        {4, 12, 12},       {5, 12, 24},    {9, 12, 24},
                {10, 24, 48},       {18, 24, 48},      {19, 48, 96},   {36, 48, 96},
                {37, 96, 192},      {72, 96, 192},     {73, 192, 384}, {144, 192, 384},
                {1152, 1536, 3072}, {1153, 3072, 6144}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int interval = 0; interval < 2; interval++) {
            struct compiled c;
            struct nft_part p;
            part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
            struct nft_set *s = nft_set_new(&p, "ipv4_addr");
            s->interval = interval == 1;
            s->chunked = true;
            s->n = rows[i].n;
            nft_set_named(&p, s, STR("s"));
            struct buf *got = buf_new(p.arena);
            nft_part_sets(&p, got);
            check_text(buf_text(got),
                       str_printf(p.arena, "\n\tset s {\n\t\ttype ipv4_addr\n\t\tsize %zu\n%s\t}\n",
                                  interval ? rows[i].interval : rows[i].plain,
                                  interval ? "\t\tflags interval\n" : "")
                           .p);
            compile_free(&c);
        }
    }
}

static void sets_know_their_chains(void)
{
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
    for (size_t i = 0; i < 3; i++) { /* before any chain, in the first, in the second */
        struct nft_set *s = nft_set_new(&p, "ipv4_addr");
        buf_puts(nft_set_element(s), "10.0.0.1");
        nft_set_end(&p, s, "addrs");
        nft_chain_begin(&p, STR("c"), NULL, STR("x"));
        nft_chain_end(&p);
    }
    CU_ASSERT_EQUAL_FATAL(p.sets.n, 1);
    const struct id_vec *chains = &p.sets.v[0]->chains;
    CU_ASSERT_EQUAL_FATAL(chains->n, 2);
    CU_ASSERT(chains->v[0] == 0 && chains->v[1] == 1);
    struct nft_set *s = nft_set_new(&p, "ipv4_addr");
    buf_puts(nft_set_element(s), "10.0.0.2");
    nft_set_end(&p, s, "addrs");
    CU_ASSERT_EQUAL_FATAL(s->chains.n, 1);
    CU_ASSERT_EQUAL(s->chains.v[0], 2);
    compile_free(&c);
}

static void T45_elements_in_the_limit(void)
{
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP4, 5, NFT_CLASS_BITS);
    CU_ASSERT(nft_part_reserve(&p, 2, (struct span){0}));
    CU_ASSERT(nft_part_reserve(&p, 3, (struct span){0}));
    CU_ASSERT(!nft_part_reserve(&p, 1, (struct span){0}));
    check_text(compile_messages(&c),
               "npc: error: the rules expand to 6 set elements or more; the limit is 5 [NPC605]\n"
               "  hint: compile for one node (--node), or raise --max-elements\n");
    compile_free(&c);
}

/* ---- rules ---- */

static void chains_and_rules(void)
{
    struct compiled c;
    struct nft_part p;
    part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
    nft_chain_begin(&p, STR("c"), NULL, STR("x"));
    nft_rule(&p);
    nft_rule_end(&p, "accept", STR("y"));
    nft_rule(&p);
    nft_rule_end(&p, "return", STR(""));
    nft_deny_end(&p, NULL, STR("z"));
    nft_chain_end(&p);
    nft_chain_begin(&p, STR("d"), NULL, STR(""));
    check_text(buf_text(p.text), "\n\t# x\n\tchain c {\n\t\taccept comment \"y\"\n\t\treturn\n"
                                 "\t\tgoto npc_deny comment \"z\"\n\t}\n\n\tchain d {\n");
    compile_free(&c);
}

static void rates_of_logs(void)
{
    for (uint32_t rate = 1; rate < 4; rate++) {
        struct compiled c;
        struct nft_part p;
        part_init(&p, &c, FAM_IP4, 0, NFT_CLASS_BITS);
        p.log_rate = rate;
        nft_deny_end(&p, NULL, STR(""));
        struct str prefix = kernel_log_prefix(p.arena, DIR_INGRESS, STR("all"));
        check_text(buf_text(p.text),
                   str_printf(p.arena,
                              "\t\tgoto npc_deny\n\t\tlimit rate %u/second burst %u packets log "
                              "prefix \"" STR_FMT "\"\n\t\tdrop\n",
                              (unsigned)rate, 2 * (unsigned)rate, STR_ARG(prefix))
                       .p);
        compile_free(&c);
    }
}

static void ranges(void)
{
    static const struct {
        enum family family;
        struct ip_range range;
        const char *text;
    } rows[] = {
        {FAM_IP4, {{0, 0}, {0, UINT32_MAX}}, ""},
        {FAM_IP4, {{0, 0}, {0, 0x7fffffff}}, "ip saddr 0.0.0.0/1 "},
        {FAM_IP4, {{0, 1}, {0, UINT32_MAX}}, "ip saddr 0.0.0.1-255.255.255.255 "},
        {FAM_IP4, {{0, 0}, {0, UINT32_MAX - 1}}, "ip saddr 0.0.0.0-255.255.255.254 "},
        {FAM_IP4, {{0, 5}, {0, 5}}, "ip saddr 0.0.0.5 "},
        {FAM_IP4, {{0, 4}, {0, 5}}, "ip saddr 0.0.0.4/31 "},
        {FAM_IP4, {{0, 5}, {0, 6}}, "ip saddr 0.0.0.5-0.0.0.6 "},
        {FAM_IP4, {{0, 6}, {0, 9}}, "ip saddr 0.0.0.6-0.0.0.9 "},
        {FAM_IP6, {{0, 0}, {UINT64_MAX, UINT64_MAX}}, ""},
        {FAM_IP6, {{4, 0}, {5, UINT64_MAX}}, "ip6 saddr 0:0:0:4::/63 "},
        {FAM_IP6, {{5, 0}, {6, UINT64_MAX}}, "ip6 saddr 0:0:0:5::-::6:ffff:ffff:ffff:ffff "},
        {FAM_IP6, {{5, 0}, {5, 0}}, "ip6 saddr 0:0:0:5:: "},
        {FAM_IP6, {{5, 8}, {5, 9}}, "ip6 saddr ::5:0:0:0:8/127 "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct compiled c;
        struct nft_part p;
        part_init(&p, &c, rows[i].family, 0, NFT_CLASS_BITS);
        struct buf *got = buf_new(p.arena);
        nft_range_match(got, &p, rows[i].range);
        check_text(buf_text(got), rows[i].text);
        compile_free(&c);
    }
}

UNIT_MAIN("nft_part", TEST(class_numbers), TEST(few_bits), TEST(which_chains_deny),
          TEST(lines_are_cut), TEST(commands_are_cut), TEST(rooms), TEST(sets_know_their_chains),
          TEST(T45_elements_in_the_limit), TEST(chains_and_rules), TEST(rates_of_logs),
          TEST(ranges))
