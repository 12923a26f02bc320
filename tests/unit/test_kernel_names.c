/* Generated names: one form, apart by content (threats 29-31). */
#include "backends/kernel_names.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct span nowhere = {0};

static bool has_form(struct str name)
{
    bool ok = name.n == KERNEL_NAME_LENGTH && str_starts(name, "NPC-") && name.p[11] == '-';
    for (size_t i = 4; ok && i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool lower = c >= 'a' && c <= 'z';
        ok = i < 11 ? lower || ch_is_digit(c) || c == '_'
                    : i == 11 || lower || (c >= '2' && c <= '7');
    }
    return ok;
}

static struct str name_of(struct kernel_names *t, struct str slug, const struct str *parts,
                          size_t n)
{
    struct str name = {NULL, 0};
    CU_ASSERT_TRUE(kernel_name(t, slug, parts, n, nowhere, &name));
    return name;
}

static void T29_form(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names t;
    kernel_names_init(&t, &c, KERNEL_NAME_BITS);
    const struct str slugs[] = {STR("web"),
                                STR(""),
                                STR("-rf"),
                                STR("a.b/c"),
                                STR("ACCEPT"),
                                STR("9lives"),
                                STR("quote\"\n{}"),
                                STR("\xc3\xa9t\xc3\xa9"),
                                STR("a-very-long-name-of-a-policy")};
    for (size_t i = 0; i < sizeof slugs / sizeof *slugs; i++) {
        struct str name = name_of(&t, slugs[i], &slugs[i], 1);
        CU_ASSERT_TRUE(has_form(name));
    }
    ctx_free(&c);
}

/* SHA-256 of eight bytes of length and "abc", worked out with another program:
 * printf '\0\0\0\0\0\0\0\3abc' | sha256sum, first ten bytes in base32. */
static void hash_is_sha256_of_length_and_bytes(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names t;
    kernel_names_init(&t, &c, KERNEL_NAME_BITS);
    struct str part = STR("abc"), name = name_of(&t, STR("abc"), &part, 1);
    CU_ASSERT_TRUE(str_is(name, "NPC-abc____-yneuzincz6hoxcqr"));
    ctx_free(&c);
}

static void T30_length_prefix(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names t;
    kernel_names_init(&t, &c, KERNEL_NAME_BITS);
    const struct str split[][2] = {
        {STR("a"), STR("bc")}, {STR("ab"), STR("c")}, {STR("abc"), STR("")}};
    const struct str whole = STR("abc");
    struct str names[4];
    for (size_t i = 0; i < 3; i++) {
        names[i] = name_of(&t, STR("x"), split[i], 2);
    }
    names[3] = name_of(&t, STR("x"), &whole, 1);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < i; k++) {
            CU_ASSERT_FALSE(str_eq(names[i], names[k]));
        }
    }
    ctx_free(&c);
}

static void same_key_same_name(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names t;
    kernel_names_init(&t, &c, KERNEL_NAME_BITS);
    const struct str parts[] = {STR("shop"), STR("web")};
    struct str first = name_of(&t, STR("web"), parts, 2);
    CU_ASSERT_TRUE(str_eq(first, name_of(&t, STR("web"), parts, 2)));
    ctx_free(&c);
}

/* With a hash of 8 bits, 300 keys of one slug cannot all have names: the first that meets another
 * is refused, and none gets a name that is taken. */
static void T30_collision_is_an_error(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names t;
    kernel_names_init(&t, &c, 8);
    size_t refused = 0;
    VEC(struct str) given = {0};
    for (unsigned i = 0; i < 300; i++) {
        struct str key = str_printf(&c.arena, "key%u", i), name;
        if (!kernel_name(&t, STR("web"), &key, 1, nowhere, &name)) {
            refused++;
            continue;
        }
        for (size_t k = 0; k < given.n; k++) {
            CU_ASSERT_FALSE(str_eq(given.v[k], name));
        }
        vec_push(&c.arena, &given, name);
    }
    CU_ASSERT_TRUE(refused >= 300 - 256);
    CU_ASSERT_EQUAL(given.n + refused, 300);
    CU_ASSERT_EQUAL(c.diags.errors, refused);
    CU_ASSERT_EQUAL(c.diags.list.v[0]->id, DIAG_NPC903);
    ctx_free(&c);
}

/* "a.b" and "a_b" have one slug and are two names. */
static void T31_slug_decides_nothing(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct kernel_names t;
    kernel_names_init(&t, &c, KERNEL_NAME_BITS);
    struct str dot = STR("a.b"), line = STR("a_b");
    struct str x = name_of(&t, dot, &dot, 1), y = name_of(&t, line, &line, 1);
    CU_ASSERT_EQUAL(memcmp(x.p, y.p, 12), 0);
    CU_ASSERT_FALSE(str_eq(x, y));
    ctx_free(&c);
}

/* Computed by Python's hashlib and base64 from the header's words. */
static void log_prefix_is_short_and_fixed(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct ip ip = {0, 0x0a000007};
    const struct target_class class = {.addrs = {&ip, 1}}, nowhere_known = {0};
    struct str name = kernel_log_class(&c.arena, FAM_IP4, &class);
    CU_ASSERT(str_eq(name, STR("10.0.0.7")));
    struct str in = kernel_log_prefix(&c.arena, DIR_INGRESS, name);
    CU_ASSERT(str_eq(in, STR("npc:i-tnqpnf6h ")));
    CU_ASSERT(in.n <= 29); /* iptables(8): --log-prefix */
    struct str out = kernel_log_prefix(&c.arena, DIR_EGRESS, name);
    CU_ASSERT(str_starts(out, "npc:e-") && !str_eq(in, out));
    CU_ASSERT(str_eq(kernel_log_class(&c.arena, FAM_IP6, &nowhere_known), STR("host")));
    CU_ASSERT(str_eq(kernel_log_class(&c.arena, FAM_IP6, NULL), STR("all")));
    ctx_free(&c);
}

UNIT_MAIN("kernel names", TEST(T29_form), TEST(hash_is_sha256_of_length_and_bytes),
          TEST(T30_length_prefix), TEST(same_key_same_name), TEST(T30_collision_is_an_error),
          TEST(T31_slug_decides_nothing), TEST(log_prefix_is_short_and_fixed))
