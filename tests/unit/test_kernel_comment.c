/* Comments of kernel rules (threats 26-28). */
#include "backends/kernel_comment.h"
#include "unit.h"

#include <string.h>

static bool is_clean(struct str s)
{
    static const char marks[] = " ._/:@+,()[]-?";
    for (size_t i = 0; i < s.n; i++) {
        if (!ch_is_alnum((unsigned char)s.p[i]) &&
            memchr(marks, s.p[i], sizeof marks - 1) == NULL) {
            return false;
        }
    }
    return true;
}

/* Every byte, alone and in a text, comes out clean; what is allowed comes out as it is. */
static void T26_every_byte(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    for (unsigned i = 0; i < 256; i++) {
        char text[3] = {'a', (char)i, 'b'};
        struct buf *b = buf_new(&c.arena);
        kernel_comment_filter(b, (struct str){text, 3});
        struct str got = buf_text(b);
        CU_ASSERT(is_clean(got));
        CU_ASSERT(got.n == 3 && got.p[0] == 'a' && got.p[2] == 'b');
        bool plain = ch_is_alnum((unsigned char)i) || (i > 0 && strchr(" ._/:@+,()[]-", (int)i));
        CU_ASSERT_EQUAL(got.p[1], plain ? (char)i : '?');
    }
    ctx_free(&c);
}

static void T26_one_mark_for_one_character(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    static const struct {
        const char *in, *out;
    } cases[] = {{"x\"; accept comment \"y", "x?? accept comment ?y"},
                 {"caf\xc3\xa9", "caf?"},
                 {"\xe2\x80\xae", "?"},
                 {"\xf0\x9f\x98\x80!", "??"},
                 {"\xff\xfe", "??"},
                 {"a\nb\tc", "a?b?c"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf *b = buf_new(&c.arena);
        kernel_comment_filter(b, str_of(cases[i].in));
        CU_ASSERT(str_is(buf_text(b), cases[i].out));
    }
    ctx_free(&c);
}

struct parts {
    struct policy policy;
    struct rule rule;
    struct npolicy npolicy;
    struct nrule nrule;
    struct selector ns;
};

/* The third egress rule of policy NAME in namespace "shop", in the file `path`, line 7. */
static void make_parts(struct parts *p, struct ctx *c, const char *path, struct str name)
{
    uint32_t file = sources_add(&c->sources, str_of(path));
    *p = (struct parts){.policy = {.ns = STR("shop"), .name = name}};
    p->rule.at = p->policy.at = (struct span){file, 7, 1, 1};
    p->npolicy = (struct npolicy){.origin = &p->policy, .target_ns = &p->ns};
    p->nrule = (struct nrule){.direction = DIR_EGRESS, .origin = &p->rule, .index = 2};
}

static void says_where_it_comes_from(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct parts p;
    make_parts(&p, &c, "net/web.yaml", STR("web"));
    struct str one = kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 0, 128);
    CU_ASSERT(str_is(one, "shop/web egress[2] net/web.yaml:7"));
    struct str some = kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 3, 128);
    CU_ASSERT(str_is(some, "shop/web egress[2] net/web.yaml:7 +3"));
    struct str end = kernel_comment_isolation(&c, &c.arena, &p.npolicy, DIR_INGRESS, 0, 128);
    CU_ASSERT(str_is(end, "shop/web isolates ingress net/web.yaml:7"));
    p.rule.at = (struct span){0};
    one = kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 0, 128);
    CU_ASSERT(str_is(one, "shop/web egress[2]"));
    ctx_free(&c);
}

/* It has no namespace, and does not isolate; what it leaves open no rule of it allows. */
static void cluster_policy(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct parts p;
    make_parts(&p, &c, "a.yaml", STR("admin"));
    p.policy.ns = (struct str){NULL, 0};
    p.policy.api = API_CLUSTER_POLICY;
    struct str one = kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 1, 128);
    CU_ASSERT(str_is(one, "admin egress[2] a.yaml:7 +1"));
    p.nrule.index = GRANT_BY_DEFAULT;
    one = kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 0, 128);
    CU_ASSERT(str_is(one, "admin egress by default a.yaml:7"));
    struct str end = kernel_comment_isolation(&c, &c.arena, &p.npolicy, DIR_EGRESS, 2, 128);
    CU_ASSERT(str_is(end, "admin decides egress a.yaml:7 +2"));
    ctx_free(&c);
}

/* nft refuses 129 bytes, and the kernel cuts an iptables comment at 255; the count survives. */
static void T28_length(void)
{
    static const size_t limits[] = {KERNEL_COMMENT_NFT, KERNEL_COMMENT_IPTABLES};
    char path[400];
    for (size_t k = 0; k < 2; k++) {
        for (size_t n = 1; n < sizeof path; n++) {
            struct ctx c;
            ctx_init(&c, unit_oom, NULL);
            memset(path, 'f', sizeof path);
            path[n - 1] = '\0';
            struct parts p;
            make_parts(&p, &c, path, STR("web"));
            size_t whole = strlen("shop/web egress[2] ") + n - 1 + strlen(":7");
            struct str one = kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 0, limits[k]);
            CU_ASSERT_EQUAL(one.n, whole < limits[k] ? whole : limits[k]);
            struct str some =
                kernel_comment_rule(&c, &c.arena, &p.npolicy, &p.nrule, 12, limits[k]);
            CU_ASSERT_EQUAL(some.n, whole + 4 < limits[k] ? whole + 4 : limits[k]);
            CU_ASSERT(str_ends(some, " +12"));
            ctx_free(&c);
        }
    }
}

UNIT_MAIN("kernel comments", TEST(T26_every_byte), TEST(T26_one_mark_for_one_character),
          TEST(says_where_it_comes_from), TEST(cluster_policy), TEST(T28_length))
