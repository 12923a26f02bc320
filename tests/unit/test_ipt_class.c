/*
 * How an atom chain finds the peers of a target class, to the last address, network and set that a
 * threshold allows; and what its comments and the side file say. That all ways mean the same is
 * test_ipt_layouts.c's.
 */
#include "backends/ipt_side.h"
#include "backends/kernel_names.h"
#include "compile.h"
#include "memory.h"

static const char head[] = "npc 1\n"
                           "namespace shop {\n"
                           "workload web { addr 10.0.0.1 label app=web }\n"
                           "workload db1 { addr 10.0.0.2 label app=db label n=1 }\n"
                           "workload db2 { addr 10.0.0.3 label app=db label n=2 }\n"
                           "workload db3 { addr 10.0.0.4 label app=db label n=1 }\n"
                           "workload db4 { addr 10.0.0.5 label app=db label n=3 }\n";

struct output {
    struct compiled c;
    bool ok;
    struct str rules, sets, map;
};

enum { MANY = 1 << 20 };

static void emit_shop(struct output *o, const char *policies, const struct ipt_tuning *tuning,
                      bool host)
{
    *o = (struct output){0};
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct str source = str_printf(&scratch, "%s%s}\n", head, policies);
    struct emit e = compile_bind(&o->c, source, host ? STR("web") : STR(""), 0);
    arena_free(&scratch);
    o->ok = e.bound != NULL && ipt_emit(&e, tuning);
    for (size_t i = 0; i < e.files.n; i++) {
        struct str text = buf_text(e.files.v[i].text);
        if (str_is(e.files.v[i].path, "rules.v4")) {
            o->rules = text;
        } else if (str_is(e.files.v[i].path, "ipsets")) {
            o->sets = text;
        } else if (!str_is(e.files.v[i].path, "rules.v6")) {
            o->map = text;
        }
    }
}

/* ---- rules, read back ---- */

static struct str next_line(struct str *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    struct str line = {text->p, (size_t)(end - text->p)};
    *text = (struct str){end + 1, text->n - line.n - 1};
    return line;
}

/* What stands between two words of a line, or nothing. */
static struct str between(struct str line, const char *before, const char *behind)
{
    const char *p = memmem(line.p, line.n, before, strlen(before));
    if (p == NULL) {
        return (struct str){NULL, 0};
    }
    p += strlen(before);
    const char *end = memmem(p, (size_t)(line.p + line.n - p), behind, strlen(behind));
    return end != NULL ? (struct str){p, (size_t)(end - p)} : (struct str){NULL, 0};
}

static bool begins(struct str line, struct str with)
{
    return line.n >= with.n && memcmp(line.p, with.p, with.n) == 0;
}

/* "{10.0.0.2 10.0.0.4}": a set is filled under another name, and swapped. */
static void put_members(struct buf *b, struct str sets, struct str name)
{
    struct str filled = {NULL, 0};
    for (struct str rest = sets; rest.n > 0;) {
        struct str line = next_line(&rest);
        struct str other = between(line, "swap ", " ");
        if (other.n > 0 && str_eq((struct str){line.p + line.n - name.n, name.n}, name)) {
            filled = other;
        }
    }
    buf_putc(b, '{');
    while (sets.n > 0) {
        struct str line = next_line(&sets);
        if (filled.n > 0 && str_eq(between(line, "add ", " "), filled)) {
            buf_puts(b, buf_text(b).p[buf_text(b).n - 1] == '{' ? "" : " ");
            buf_str(b, (struct str){line.p + 5 + filled.n, line.n - 5 - filled.n});
        }
    }
    buf_putc(b, '}');
}

/* The rules of atom chains of a policy: "PEERS COMMENT" without the policy's name, a line each, a
 * blank line between chains. */
static struct str atoms_of(struct output *o, const char *policy)
{
    struct buf *b = buf_new(&o->c.ctx.arena);
    struct str chain = {NULL, 0};
    struct str wanted = str_printf(&o->c.ctx.arena, "NPC-%s_", policy);
    for (struct str rest = o->rules; rest.n > 0;) {
        struct str line = next_line(&rest);
        struct str name = between(line, "-A ", " ");
        struct str set = between(line, "--match-set ", " ");
        if (!begins(name, wanted) || !str_holds(line, "-j RETURN")) {
            continue;
        }
        buf_puts(b, chain.n > 0 && !str_eq(name, chain) ? "\n" : "");
        chain = name;
        if (set.n > 0) {
            put_members(b, o->sets, set);
        } else {
            buf_str(b, between(line, "-s ", " "));
        }
        buf_putc(b, ' ');
        buf_str(b, between(line, "ingress", "\""));
        buf_putc(b, '\n');
    }
    return buf_text(b);
}

static size_t count_in(struct str text, const char *part)
{
    size_t n = 0;
    const char *p;
    while ((p = memmem(text.p, text.n, part, strlen(part))) != NULL) {
        text = (struct str){p + 1, (size_t)(text.p + text.n - p - 1)};
        n++;
    }
    return n;
}

/* ---- peers of an atom ---- */

#define WEB(rules)  "policy a for pods app=web {\n" rules "}\n"
#define DB          "allow from pods app=db on tcp/80\n" /* four addresses */
#define ONES        "allow from pods n=1 on tcp/80\n"    /* two of them */
#define TWO         "allow from pods n=2 on tcp/80\n"
#define THREE       "allow from pods n=3 on tcp/80\n"
#define NET(cidr)   "allow from cidr " cidr " on tcp/80\n"
#define ON_UDP(who) "allow from pods " who " on udp/80\n"
/* inline_pods, inline_pods_atom, inline_nets_atom, sets_atom, union_elements */
#define TUNE(p, pa, na, s, u)                                                                      \
    {                                                                                              \
        KERNEL_NAME_BITS, p, pa, na, s, u, MANY, MANY                                              \
    }

struct row {
    const char *policies;
    struct ipt_tuning tuning;
    const char *want;
    size_t sets; /* that rules of the side file name */
};

static void atoms_find_their_peers(void)
{
    static const struct row rows[] = {
        /* One by one, each and all together; then sets. */
        {WEB(DB ONES), TUNE(4, 6, 0, 9, 0),
         "10.0.0.2/32 [0] t.npc:9\n10.0.0.3/32 [0] t.npc:9\n10.0.0.4/32 [0] t.npc:9\n"
         "10.0.0.5/32 [0] t.npc:9\n10.0.0.2/32 [1] t.npc:10\n10.0.0.4/32 [1] t.npc:10\n",
         0},
        {WEB(DB ONES), TUNE(4, 5, 0, 9, 0),
         "10.0.0.2/32 [0] t.npc:9\n10.0.0.3/32 [0] t.npc:9\n10.0.0.4/32 [0] t.npc:9\n"
         "10.0.0.5/32 [0] t.npc:9\n{10.0.0.2 10.0.0.4} [1] t.npc:10\n",
         1},
        {WEB(DB ONES), TUNE(3, 9, 0, 9, 0),
         "10.0.0.2/32 [1] t.npc:10\n10.0.0.4/32 [1] t.npc:10\n"
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [0] t.npc:9\n",
         1},
        /* In one chain by a set, in another one by one. */
        {WEB(ONES "allow from pods app=db on tcp/81\nallow from pods n=1 on tcp/81\n"),
         TUNE(4, 4, 0, 9, 0),
         "10.0.0.2/32 [0] t.npc:9\n10.0.0.4/32 [0] t.npc:9\n\n"
         "10.0.0.2/32 [1] t.npc:10\n10.0.0.3/32 [1] t.npc:10\n10.0.0.4/32 [1] t.npc:10\n"
         "10.0.0.5/32 [1] t.npc:10\n{10.0.0.2 10.0.0.4} [2] t.npc:11\n",
         1},
        /* The same peers of several rules are looked for once. */
        {WEB(ONES DB DB), TUNE(0, 0, 0, 9, 0),
         "{10.0.0.2 10.0.0.4} [0] t.npc:9\n"
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [1] t.npc:10 +1\n",
         3},
        /* Networks: prefix by prefix, without what others hold; or one set. */
        {WEB(NET("10.1.0.0/24") NET("10.3.0.0/24")), TUNE(0, 0, 2, 9, 0),
         "10.1.0.0/24 [0] t.npc:9\n10.3.0.0/24 [1] t.npc:10\n", 0},
        {WEB(NET("10.1.0.0/24") NET("10.3.0.0/24")), TUNE(0, 0, 1, 9, 0),
         "{10.1.0.0/24 10.3.0.0/24} [0] t.npc:9 +1\n", 2},
        {WEB(NET("10.1.0.0/24") NET("10.1.0.0/24") NET("10.3.0.0/24")), TUNE(0, 0, 0, 9, 0),
         "{10.1.0.0/24 10.3.0.0/24} [0] t.npc:9 +2\n", 3},
        {WEB(NET("10.1.0.0/16") NET("10.1.2.0/24")), TUNE(0, 0, 2, 9, 0),
         "10.1.0.0/16 [0] t.npc:9\n", 0},
        {WEB(NET("10.1.2.0/24") NET("10.1.0.0/16")), TUNE(0, 0, 2, 9, 0),
         "10.1.0.0/16 [1] t.npc:10\n", 0},
        /* As many sets as may be; one more, and they are one. */
        {WEB(DB ONES), TUNE(0, 0, 0, 2, 99),
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [0] t.npc:9\n{10.0.0.2 10.0.0.4} [1] t.npc:10\n",
         2},
        {WEB(ONES DB), TUNE(0, 0, 0, 2, 99),
         "{10.0.0.2 10.0.0.4} [0] t.npc:9\n{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [1] t.npc:10\n",
         2},
        {WEB(DB DB ONES), TUNE(0, 0, 0, 1, 99),
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [0] t.npc:9 +2\n", 3},
        {WEB(ONES TWO DB), TUNE(0, 0, 0, 2, 7),
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [0] t.npc:9 +2\n", 3},
        /* Where unions are too large the largest stay by themselves. */
        {WEB(TWO ONES DB), TUNE(0, 0, 0, 2, 6),
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [2] t.npc:11\n"
         "{10.0.0.2 10.0.0.3 10.0.0.4} [1] t.npc:10 +1\n",
         3},
        {WEB(THREE TWO ONES), TUNE(0, 0, 0, 2, 0),
         "{10.0.0.2 10.0.0.4} [2] t.npc:11\n{10.0.0.3 10.0.0.5} [0] t.npc:9 +1\n", 3},
        /* All unions together: the four addresses of the chain that is made first, of UDP, and what
         * the sets of the other have, seven. */
        {WEB(TWO ONES DB ON_UDP("n=2") ON_UDP("n=1") ON_UDP("app=db")), TUNE(0, 0, 0, 2, 11),
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [0] t.npc:9 +2\n\n"
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [3] t.npc:12 +2\n",
         6},
        {WEB(TWO ONES DB ON_UDP("n=2") ON_UDP("n=1") ON_UDP("app=db")), TUNE(0, 0, 0, 2, 10),
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [2] t.npc:11\n"
         "{10.0.0.2 10.0.0.3 10.0.0.4} [1] t.npc:10 +1\n\n"
         "{10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5} [3] t.npc:12 +2\n",
         6},
        /* What is no protocol that has ports. */
        {WEB("allow from pods n=1 on all ports\n"
             "allow from anywhere on {tcp/*, udp/*, sctp/*, icmp/*}\n"),
         TUNE(9, 9, 9, 9, 0), "10.0.0.2/32 [0] t.npc:9\n10.0.0.4/32 [0] t.npc:9\n", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct output o;
        emit_shop(&o, rows[i].policies, &rows[i].tuning, false);
        CU_ASSERT(o.ok);
        struct str got = atoms_of(&o, "a");
        size_t sets = count_in(o.map, "\"sets\"");
        CU_ASSERT(str_is(got, rows[i].want));
        CU_ASSERT_EQUAL(sets, rows[i].sets);
        if (!str_is(got, rows[i].want) || sets != rows[i].sets) {
            printf("\nrow %zu, wanted, with %zu sets:\n%s\ngot, with %zu:\n" STR_FMT "\n", i,
                   rows[i].sets, rows[i].want, sets, STR_ARG(got));
        }
        compile_free(&o.c);
    }
}

/* ---- chains ---- */

static void check_holds(struct str text, const char *part)
{
    CU_ASSERT(str_holds(text, part));
    if (!str_holds(text, part)) {
        printf("\nmissing: %s\nin:\n" STR_FMT "\n", part, STR_ARG(text));
    }
}

static const struct ipt_tuning one_by_one = TUNE(9, 99, 99, 9, 0);

static void comments_say_whose_rules_they_are(void)
{
    struct output o;
    emit_shop(&o,
              "policy a for pods app=web {\nallow from anywhere on tcp/80\n"
              "allow from anywhere on tcp/80\nallow from anywhere on {tcp/80, tcp/90}\n}\n"
              "policy b for pods app=web { default deny ingress }\n",
              &one_by_one, false);
    CU_ASSERT(o.ok);
    check_holds(o.rules,
                "--dport 80 -m comment --comment \"shop/a ingress[0] t.npc:9 +2\" -j RETURN\n");
    check_holds(o.rules,
                "--dport 90 -m comment --comment \"shop/a ingress[2] t.npc:11\" -j RETURN\n");
    check_holds(o.rules,
                " -m comment --comment \"shop/a isolates ingress t.npc:8 +1\" -g NPC-DENY\n");
    compile_free(&o.c);
    emit_shop(&o, WEB(DB), &one_by_one, false);
    CU_ASSERT(o.ok);
    check_holds(o.rules, " -m comment --comment \"shop/a isolates ingress t.npc:8\" -g NPC-DENY\n");
    compile_free(&o.c);
}

/* A chain is called after the first policy and the lowest address of its class, and is there once
 * for all classes that would have the same. */
static void chains_are_told_apart_and_shared(void)
{
    struct output o;
    emit_shop(&o,
              "policy a for all pods { allow from pods n=1 on tcp/80 }\n"
              "policy b for pods app=web { allow from anywhere on udp/90 }\n"
              "policy c for pods n=3 { allow from pods n=3 on tcp/80 }\n"
              "policy d for pods n=2 { allow from anywhere on udp/80 }\n",
              &one_by_one, false);
    CU_ASSERT(o.ok);
    struct str got = atoms_of(&o, "a");
    CU_ASSERT_EQUAL(count_in(got, "10.0.0.2/32 [0]"), 3);
    CU_ASSERT_EQUAL(count_in(got, "10.0.0.5/32 [0]"), 1);
    CU_ASSERT_EQUAL(count_in(o.map, "\"rule\": \"ingress[0]\""), 3 + 1);
    compile_free(&o.c);
    emit_shop(&o, WEB(DB "allow from cidr fd00::/8 on tcp/80\n"), &one_by_one, true);
    CU_ASSERT(o.ok); /* the host has no IPv6 address */
    compile_free(&o.c);
}

/* An atom is called after its policy, its class and its lowest port. */
static void names_of_atoms(void)
{
    struct output o;
    emit_shop(&o, WEB("allow from pods n=1 on tcp/80-89\n"), &one_by_one, false);
    CU_ASSERT(o.ok);
    struct kernel_names names;
    kernel_names_init(&names, &o.c.ctx, KERNEL_NAME_BITS);
    const struct str parts[] = {STR("atom"), STR("ingress"), STR("10.0.0.1"), STR("tcp 80")};
    struct str name;
    CU_ASSERT(kernel_name(&names, STR("a"), parts, 4, (struct span){0}, &name));
    check_holds(o.rules, str_printf(&o.c.ctx.arena, ":" STR_FMT " ", STR_ARG(name)).p);
    compile_free(&o.c);
}

static void npc406_says_where(void)
{
    static const struct {
        const char *policies;
        uint32_t line;
    } rows[] = {
        {WEB("allow from anywhere on icmp/255.1\n"), 9},
        {WEB("allow from pods n=1 on icmp/*\nallow from pods n=2 on icmp/255.1\n"), 10},
        {WEB("allow from pods n=2 on icmp/255.3\nallow from pods n=1 on icmp/255.3\n"), 9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct output o;
        emit_shop(&o, rows[i].policies, &one_by_one, false);
        CU_ASSERT(!o.ok);
        CU_ASSERT_EQUAL_FATAL(count_diags(&o.c, DIAG_NPC406), 1);
        const struct diag *d = o.c.ctx.diags.list.v[o.c.ctx.diags.list.n - 1];
        CU_ASSERT_EQUAL(d->at.line, rows[i].line);
        CU_ASSERT(str_is(d->hint, "iptables takes it for every type; the nft backend can say it"));
        compile_free(&o.c);
    }
}

/* What it takes to join pods, or networks, in one set is given back before the next one. */
static void sets_one_by_one(void)
{
    enum { PORTS = 60 };
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    for (size_t nets = 0; nets < 2; nets++) {
        struct buf *text = buf_new(&scratch);
        buf_printf(text, "%spolicy a for pods app=web {\n", head);
        for (size_t i = 0; i < PORTS; i++) {
            if (nets == 1) {
                buf_printf(text, "allow from cidr 10.%zu.0.0/16 on tcp/%zu\n", i + 1, i + 1);
            } else {
                buf_printf(text,
                           "allow from pods n=1 on tcp/%zu\nallow from pods app=db on tcp/%zu\n",
                           i + 1, i + 1);
            }
        }
        buf_puts(text, "}\n}\n");
        struct compiled c;
        struct emit e = compile_bind(&c, buf_text(text), STR(""), 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(e.bound);
        static const struct ipt_tuning sets = TUNE(0, 0, 0, 1, MANY);
        struct memory m;
        memory_watch(&m, &c.ctx.arena);
        CU_ASSERT(ipt_emit(&e, &sets));
        memory_check(&m, PORTS);
        compile_free(&c);
    }
    arena_free(&scratch);
}

UNIT_MAIN("ipt_class", TEST(atoms_find_their_peers), TEST(comments_say_whose_rules_they_are),
          TEST(chains_are_told_apart_and_shared), TEST(names_of_atoms), TEST(npc406_says_where),
          TEST(sets_one_by_one))
