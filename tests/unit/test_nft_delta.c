/*
 * What leads from one nft file to another, and how such files are read: lines that npc did not
 * write are refused, and where a step is not to be trusted the new file is written whole. That a
 * step leaves what the new file leaves is shown in the kernel (tests/load/nft_from.py).
 */
#include "backends/nft_delta.h"
#include "compile.h"

/* ---- files to start from ---- */

#define HEAD "npc 1\nnamespace a {\n"
#define PODS                                                                                       \
    " workload db { addr 10.0.0.1 addr fd00::1 label app=db }\n"                                   \
    " workload web { addr 10.0.0.2 addr fd00::2 label app=web }\n"
#define POLICY(ports)                                                                              \
    " policy db for pods app=db { allow from pods app=web on {" ports "} }\n"                      \
    " policy web for pods app=web { default deny ingress default deny egress }\n}\n"

/* Compiles for all pods, or for the host a/db. */
static struct str rules_of(struct arena *a, const char *text, bool host)
{
    struct compiled c;
    compile_load(&c, "in.npc", str_of(text));
    struct emit_options options = {.allow_raw = true};
    if (host) {
        options.bind =
            (struct bind_options){.scope = BIND_HOST, .host_ns = STR("a"), .host = STR("db")};
    }
    struct emit e = {.ctx = &c.ctx, .program = &c.program, .options = &options, .out = c.out};
    CU_ASSERT_FATAL(c.loaded && backend_run(backend_find(STR("nft")), &e));
    struct str rules = str_dup(a, buf_text(c.out));
    compile_free(&c);
    return rules;
}

/* The text with the first `what` replaced, which must be there. */
static struct str replaced(struct arena *a, struct str text, const char *what, struct str with)
{
    const char *at = memmem(text.p, text.n, what, strlen(what));
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    size_t before = (size_t)(at - text.p), after = before + strlen(what);
    struct buf *b = buf_new(a);
    buf_put(b, text.p, before);
    buf_str(b, with);
    buf_put(b, text.p + after, text.n - after);
    return buf_text(b);
}

static void setup(struct ctx *c, struct str *old, struct str *new)
{
    ctx_init(c, unit_oom, NULL);
    *old = rules_of(&c->arena, HEAD PODS POLICY("tcp/80, tcp/81"), false);
    *new = rules_of(&c->arena, HEAD PODS POLICY("tcp/80, tcp/82"), false);
}

/* ---- reading ---- */

/* Each is one change of a file that can be read; the line is where it is noticed. */
static void refused_lines(void)
{
    static const struct {
        const char *what, *with;
    } cases[] = {
        {"\tchain npc_forward {", "\tchain npc_forward"},
        {"\tchain npc_forward {", "\tchain 1st {"},
        {"\tchain npc_forward {", "\tchain a b {"},
        {"\tchain npc_forward {", "\trule npc_forward {"},
        {"\tchain npc_forward {", "\tchain npc_deny {"},
        {"\tchain npc_forward {", "# raw text begins\n\tchain npc_forward {"},
        {"\t\ttype filter hook", "\ttype filter hook"},
        {"\t\ttype ", "\t\t\n\t\ttype "},
        {"\t\t\t10.0.0.1", "\t\t10.0.0.1"},
        {"\t\t\t10.0.0.1", "\t\t\t10.0.0.1 }; flush ruleset; #"},
        {"\t\t\t10.0.0.1", "\t\t\t\n\t\t\t10.0.0.1"},
        {"\t\t\t10.0.0.1", "\t\t\t 10.0.0.1"},
        {"\t\t\t10.0.0.1", "\t\t\t10.0.0.8,  10.0.0.1"},
        {"\t\t\t10.0.0.1", "\t\t\t10.0.0.8, \n\t\t\t10.0.0.1"},
        {"table ip npc {", "table ip other {"},
        {"table ip npc {", "table ip npc x{"},
        {"table ip npc {", "table ip npc { }"},
        {"delete table ip npc", "flush table ip npc"},
        {"add chain ip npc npc_is", "add chain ip npc one\nadd chain ip npc npc_is"},
        {"add chain ip npc npc_is", "add chain ip other npc_is"},
        {"add chain ip npc npc_is", "add chain ip npc npc is"},
        {"add chain ip npc npc_is", "# add chain ip npc npc_is"},
        {"add chain ip npc npc_is", "add element ip npc nowhere {\nadd chain ip npc npc_is"},
        {"add chain ip npc npc_is", "add element ip other self {\nadd chain ip npc npc_is"},
        {"add chain ip npc npc_is", "add element ip npc self\nadd chain ip npc npc_is"},
        {"add chain ip npc npc_is", "add element ip npc self {\nadd chain ip npc npc_is"},
    };
    struct ctx c;
    struct str old, new;
    setup(&c, &old, &new);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf *out = buf_new(&c.arena);
        struct str bad = replaced(&c.arena, old, cases[i].what, str_of(cases[i].with));
        size_t before = c.diags.list.n;
        bool refused = !nft_delta(&c, STR("old.nft"), bad, new, out) && out->n == 0 &&
                       c.diags.list.n == before + 1 && c.diags.list.v[before]->id == DIAG_NPC004;
        CU_ASSERT(refused);
        if (!refused) {
            printf("\n'%s' for '%s' is read", cases[i].with, cases[i].what);
        }
    }
    ctx_free(&c);
}

/* More elements of a set may follow in commands of their own, as they do where sets are large. */
static void elements_behind_tables(void)
{
    struct ctx c;
    struct str old, new;
    setup(&c, &old, &new);
    struct str more = replaced(&c.arena, old, "add chain ip npc npc_is",
                               STR("add element ip npc self {\n\t\t\t10.9.0.1 . 10.9.0.1\n}\n"
                                   "add chain ip npc npc_is"));
    struct buf *out = buf_new(&c.arena);
    CU_ASSERT(nft_delta(&c, STR("old.nft"), more, new, out));
    CU_ASSERT(str_holds(buf_text(out), "delete element ip npc self {\n\t10.9.0.1 . 10.9.0.1\n}\n"));
    ctx_free(&c);
}

/* ---- steps ---- */

/* Elements that only stand in other lines are no change. */
static void layout_is_no_change(void)
{
    struct ctx c;
    struct str old, new;
    setup(&c, &old, &new);
    struct str spread =
        replaced(&c.arena, old, ", 10.0.0.2 . 10.0.0.2", STR(",\n\t\t\t10.0.0.2 . 10.0.0.2"));
    struct buf *out = buf_new(&c.arena);
    CU_ASSERT(nft_delta(&c, STR("old.nft"), spread, old, out));
    CU_ASSERT(buf_text(out).n < old.n);
    CU_ASSERT(!str_holds(buf_text(out), " element "));
    CU_ASSERT(!str_holds(buf_text(out), "flush"));
    ctx_free(&c);
}

static struct str many_pods(struct arena *a, unsigned n)
{
    struct buf *text = buf_new(a);
    buf_puts(text, HEAD);
    for (unsigned i = 0; i < n; i++) {
        buf_printf(text, " workload w%u { addr 10.1.%u.%u label app=web }\n", i, i / 200, i % 200);
    }
    buf_puts(text, POLICY("tcp/80"));
    return rules_of(a, str_dup(a, buf_text(text)).p, false);
}

/* Twenty elements of a set that came: eight on a line, each once. (Sizes of sets have steps: with
 * 290 pods and with 310 it is the same.) */
static void many_elements(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct str old = many_pods(&c.arena, 290), new = many_pods(&c.arena, 310);
    struct buf *out = buf_new(&c.arena);
    CU_ASSERT(nft_delta(&c, STR("old.nft"), old, new, out));
    struct str step = buf_text(out);
    const char *add = memmem(step.p, step.n, "add element ip npc self {\n", 26);
    CU_ASSERT_PTR_NOT_NULL_FATAL(add);
    size_t lines = 0;
    for (const char *at = add + 26; at < step.p + step.n && *at != '}'; at++) {
        lines += *at == '\n';
    }
    CU_ASSERT_EQUAL(lines, 3);
    for (unsigned i = 90; i < 110; i++) {
        CU_ASSERT(str_holds(step, str_printf(&c.arena, "10.1.1.%u . 10.1.1.%u", i, i).p));
    }
    CU_ASSERT(!str_holds(step, "10.1.1.89 . "));
    ctx_free(&c);
}

static void check_whole(struct ctx *c, struct str old, struct str new)
{
    struct buf *out = buf_new(&c->arena);
    CU_ASSERT(nft_delta(c, STR("old.nft"), old, new, out));
    CU_ASSERT(str_eq(buf_text(out), new));
}

#define NETS(last)                                                                                 \
    HEAD " workload db { addr 10.0.0.1 label app=db }\n"                                           \
         " policy db for pods app=db {\n"                                                          \
         "  allow from {cidr 10.1.0.0/16, cidr 10.3.0.0/16, cidr 10.5.0.0/16, cidr 10.7.0.0/16,\n" \
         "    cidr 10.9.0.0/16, cidr 10.11.0.0/16, cidr 10.13.0.0/16, cidr 10.15.0.0/16,\n"        \
         "    cidr " last "} on {tcp/1, tcp/3, tcp/5, tcp/7}\n }\n}\n"

static void whole_files(void)
{
    struct ctx c;
    struct str old, new;
    setup(&c, &old, &new);
    /* what a user adds is not known, before and after */
    struct str raw = rules_of(
        &c.arena, HEAD PODS POLICY("tcp/80") "raw nft \"\"\"add table ip x\"\"\"\n", false);
    check_whole(&c, raw, new);
    check_whole(&c, old, raw);
    check_whole(&c, raw, raw);
    /* a base chain cannot be changed in place */
    check_whole(&c, replaced(&c.arena, old, "priority 0;", STR("priority 5;")), new);
    /* what nft 1.0.6 makes of a change in a set of ranges only */
    old = rules_of(&c.arena, NETS("10.17.0.0/16"), true);
    new = rules_of(&c.arena, NETS("10.17.0.0/17"), true);
    CU_ASSERT(str_holds(old, "flags interval") && !str_holds(old, "ipv4_addr . "));
    check_whole(&c, old, new);
    ctx_free(&c);
}

UNIT_MAIN("nft delta", TEST(refused_lines), TEST(elements_behind_tables), TEST(layout_is_no_change),
          TEST(many_elements), TEST(whole_files))
