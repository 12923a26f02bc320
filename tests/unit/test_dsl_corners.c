/*
 * Corners of the language that no ordinary text meets: wrong names, unlikely groups, going on
 * after errors, small limits. `$` in a text marks the place of the first fault; it is not part of
 * the text.
 */
#include "dsl.h"
#include "mark.h"

#include "frontend/dsl_resolve.h"

#define NS(body)         "namespace a { " body " }\n"
#define P(rule)          "policy p for all pods { " rule " }\n"
#define C(subject, rule) "cluster policy p in tier admin priority 1 for " subject " { " rule " }\n"

struct corner {
    const char *name;
    enum diag_id id;
    const char *text;
    const char *part; /* of the message or its hint */
};

static const struct corner groups[] = {
    {"address as peer", DIAG_NPC024, P("allow from $10.0.0.1 on tcp/1"),
     "did you mean cidr 10.0.0.1/32?"},
    {"prefix with host bits as peer", DIAG_NPC024, P("allow from $10.0.0.1/8 on tcp/1"),
     "write cidr before it"},
    {"prefix as port", DIAG_NPC023, P("allow from anywhere on $10.0.0.0/8"),
     "is an address and no port"},
    {"address among ports of a group", DIAG_NPC023, "let g = anywhere on {tcp/1, $10.0.0.1}",
     "write ports as tcp/80"},
    {"prefix as peer", DIAG_NPC024, "let g = $10.0.0.0/8", "did you mean cidr 10.0.0.0/8?"},
    {"unknown name in a group", DIAG_NPC030, "let g = {tcp/1, $nosuch}", "nosuch"},
    {"bad name of any protocol", DIAG_NPC023, "let g = $any/a--b", "the port name 'a--b'"},
    {"bad quoted port", DIAG_NPC023, "let g = {tcp/1, $\"tcp/--\"}", "the port name '--'"},
    {"anywhere among others", DIAG_NPC035, "let g = ${cidr 10.0.0.0/8, anywhere}", "swallow"},
    {"anywhere by a group", DIAG_NPC035,
     "let g = anywhere\n" P("allow from {cidr 10.0.0.0/8, $g} on tcp/1"), "swallow"},
    {"anywhere by itself", DIAG_NPC035, P("allow from {cidr 10.0.0.0/8, $anywhere} on tcp/1"),
     "swallow"},
    {"nodes and ports", DIAG_NPC033, "let $g = {all nodes, tcp/1}", "mixes peers and ports"},
    {"nodes by label and ports", DIAG_NPC033, "let $g = {tcp/1, nodes a=b}", "peers and ports"},
    {"domain and ports", DIAG_NPC033, "let $g = {domain \"a.example\", any/web}",
     "peers and ports"},
    {"service and ports", DIAG_NPC033, "let s = cidr 10.0.0.0/8 on tcp/1\nlet $g = {s, tcp/2}",
     "mixes peers and ports"},
    {"label of nodes in a group", DIAG_NPC025, "let g = nodes $a/b/c = d", "the label key"},
    {"domain in a group", DIAG_NPC025, "let g = domain $\"a b\"", "the domain"},
    {"namespace in a group", DIAG_NPC025, "let g = pods a=b in namespace $Up", "the namespace"},
    {"services that differ", DIAG_NPC034,
     "let s = cidr 10.0.0.0/8 on tcp/1-5\nlet t = cidr 11.0.0.0/8 on tcp/1-6\nlet g = {s, $t}",
     "different ports"},
    {"services that differ downwards", DIAG_NPC034,
     "let s = cidr 10.0.0.0/8 on {tcp/1-6, tcp/1-5}\nlet t = cidr 11.0.0.0/8 on tcp/1-5\n"
     "let g = {s, $t}",
     "different ports"},
    {"one port, and a range of it", DIAG_NPC034,
     "let s = cidr 10.0.0.0/8 on {tcp/1, tcp/1-1}\nlet t = cidr 11.0.0.0/8 on {tcp/1-1, tcp/2}\n"
     "let g = {s, $t}",
     "different ports"},
    {"every port, and one", DIAG_NPC034,
     "let s = cidr 10.0.0.0/8 on all ports\nlet t = cidr 11.0.0.0/8 on tcp/1\nlet g = {s, $t}",
     "different ports"},
    {"unknown name as a group", DIAG_NPC030, "let g = $nosuch", "no group is called 'nosuch'"},
    {"digits as a peer", DIAG_NPC023, P("allow from $80 on tcp/1"), "did you mean tcp/80?"},
    {"any name among ports of rules", DIAG_NPC023,
     "rules r { allow to anywhere on $any/web }\n" P("use r"), "without protocol"},
    {"name of a group", DIAG_NPC025, "let $_a = tcp/1", "start with a letter"},
    {"a loop behind what is fine", DIAG_NPC032, "let a = tcp/1\nlet $b = {a, c}\nlet c = {a, b}",
     "itself by way of others"},
    {"bad group, used", DIAG_NPC023, "let g = $\"tcp/--\"\n" P("allow from anywhere on g"), "--"},
    {"name of rules", DIAG_NPC025, "rules $8a { }", "the name of rules"},
    {"hidden rules", DIAG_NPC031, "rules r { }\n" NS("rules $r { }"), "hides rules"},
    {"unknown rules in rules", DIAG_NPC030, "rules r { use $q }", "no rules are called 'q'"},
};

static const struct corner targets[] = {
    {"target of no group", DIAG_NPC030, NS("policy p for $web { default deny ingress }"), "web"},
    {"target of a bad group", DIAG_NPC025,
     NS("let web = pods $a/b/c = d policy p for web { default deny ingress }"), "the label key"},
    {"target of addresses", DIAG_NPC037,
     NS("let net = cidr 10.0.0.0/8 policy p for $net { default deny ingress }"),
     "not one phrase for pods"},
    {"target of a service", DIAG_NPC037,
     NS("let g = pods a=b let s = g on tcp/1 policy p for $s { default deny ingress }"),
     "not one phrase for pods"},
    {"target of namespaces", DIAG_NPC037,
     "let some = namespaces a=b\n" NS("policy p for $some { default deny ingress }"),
     "write 'for all pods'"},
    {"target elsewhere", DIAG_NPC037,
     P("default deny ingress") "policy q for $pods a=b in "
                               "namespace c { }",
     "leave out 'in ...'"},
    {"target with a bad label", DIAG_NPC025,
     "policy p for pods $a/b/c = d { default deny ingress }", "the label key"},
    {"subject of no group", DIAG_NPC030, C("$web", "deny from all namespaces on all ports"), "web"},
    {"subject with a bad namespace", DIAG_NPC025,
     C("all pods in namespace $Up", "deny from all namespaces on all ports"), "the namespace"},
    {"subject of nodes", DIAG_NPC037, C("$all nodes", "deny from all namespaces on all ports"),
     "applies to pods"},
    {"tier that is misspelt", DIAG_NPC030,
     "tier middle order 5\ncluster policy p in tier $midle priority 1 for all namespaces { }",
     "did you mean 'middle'?"},
    {"tier that is nowhere", DIAG_NPC030,
     "tier middle order 5\ncluster policy p in tier $zzzzzz priority 1 for all namespaces { }",
     "tiers are admin, baseline"},
    {"tier that is always there", DIAG_NPC031, "tier $admin order 5", "always there"},
    {"bad selector, twice", DIAG_NPC025,
     "namespace {a, b} { policy p for pods $a/b/c = d { allow from pods a/b/c = d in namespaces "
     "a/b/c = d on tcp/1 } }",
     "the label key"},
    {"bad namespace, twice", DIAG_NPC025,
     "namespace {a, b} { " P("allow from namespace $Up on tcp/1") " }", "the namespace"},
    {"bad label among good namespaces", DIAG_NPC025,
     P("allow from pods $a/b/c = d in all namespaces on tcp/1"), "the label key"},
    {"one label required twice alike", DIAG_NPC031, P("allow from pods a=b & $a=b on tcp/1"),
     "leave one of them out"},
};

static const struct corner phrases[] = {
    {"address with leading zeros", DIAG_NPC313, "workload w { addr $010.0.0.1 }", "write 10.0.0.1"},
    {"prefix as an address", DIAG_NPC024, "workload w { addr $10.0.0.1/32 }", "not one address"},
    {"no address", DIAG_NPC024, "workload w { addr $10.0.0.256 }", "'10.0.0.256' is no address"},
    {"no prefix", DIAG_NPC024, P("allow from cidr $10.0.0.0/33 on tcp/1"),
     "no address with prefix length"},
    {"bits beyond the length", DIAG_NPC313, P("allow from cidr $10.0.0.5/8 on tcp/1"),
     "10.0.0.0/8 or 10.0.0.5/32"},
    {"bits beyond the length, IPv6", DIAG_NPC313, P("allow from cidr $2001:db8::1/64 on tcp/1"),
     "2001:db8::/64 or 2001:db8::1/128"},
    {"prefix with leading zeros", DIAG_NPC313, P("allow from cidr $010.0.0.0/8 on tcp/1"),
     "write 10.0.0.0/8"},
    {"prefix not canonical", DIAG_NPC313, P("allow from cidr $2001:DB8::/32 on tcp/1"),
     "write 2001:db8::/32"},
    {"mapped prefix", DIAG_NPC313, P("allow from cidr $::ffff:0:0/96 on tcp/1"),
     "write it as IPv4"},
    {"IPv6 not canonical", DIAG_NPC313, "workload w { addr $2001:DB8::1 }", "write 2001:db8::1"},
    {"IPv4 in IPv6", DIAG_NPC313, "workload w { addr $::ffff:1.2.3.4 }", "write it as IPv4"},
    {"port with letters", DIAG_NPC026, P("allow from anywhere on $tcp/0xf0"), "no plain decimal"},
    {"port with a point", DIAG_NPC026, P("allow from anywhere on $tcp/80.0"), "no plain decimal"},
    {"port with an exponent", DIAG_NPC026, P("allow from anywhere on $tcp/1E3"), "plain decimal"},
    {"quoted, without a slash", DIAG_NPC023, P("allow from anywhere on $\"http\""),
     "no named port"},
    {"quoted, no protocol", DIAG_NPC023, P("allow from anywhere on $\"foo/1\""), "no named port"},
    {"quoted, of ICMP", DIAG_NPC023, P("allow from anywhere on $\"icmp/1\""), "no named port"},
    {"any name in a policy", DIAG_NPC023,
     "let g = {tcp/1, any/web}\n" P("allow from anywhere on $g"), "without protocol"},
    {"port of a workload", DIAG_NPC026, "workload w { port web = $tcp/0 }", "no port"},
    {"name of a port", DIAG_NPC025, "workload w { port $Up = tcp/1 }", "the port name"},
    {"ICMP of a workload", DIAG_NPC023, "workload w { port ping = $icmp/8.0 }", "not one port"},
    {"name of a workload", DIAG_NPC025, "workload $Up { }", "the workload"},
    {"name of a node", DIAG_NPC025, "node $Up { }", "the node"},
    {"label of a namespace", DIAG_NPC025, NS("label $a/b/c = d"), "the label key"},
    {"escape without digits", DIAG_NPC022, P("desc \"$\\u{}\" default deny ingress"), "code point"},
    {"escape at the end", DIAG_NPC022, P("desc \"$\\u\" default deny ingress"), "code point"},
    {"escape without its brace", DIAG_NPC022, P("desc \"$\\u{41 \" default deny ingress"),
     "code point"},
    {"escape of no digit", DIAG_NPC022, P("desc \"$\\u{4@}\" default deny ingress"), "code point"},
};

static void check_corners(const struct corner *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct dsl d;
        uint32_t line, col;
        dsl_open(&d);
        bool fine = dsl_run(&d, unmark(cases[i].text, &d.c.arena, &line, &col));
        const struct diag *rec = dsl_diag(&d, cases[i].id);
        unit_case(!fine && rec != NULL && rec->at.line == line && rec->at.col == col,
                  "not refused at its place", cases[i].name);
        unit_case(rec != NULL &&
                      (has_text(rec->text, cases[i].part) || has_text(rec->hint, cases[i].part)),
                  "other words", cases[i].name);
        if (fine || rec == NULL || rec->at.col != col) {
            struct str shown = dsl_shown(&d);
            printf("%.*s", (int)shown.n, shown.p);
        }
        dsl_close(&d);
    }
}

#define TABLE(test, table)                                                                         \
    static void test(void)                                                                         \
    {                                                                                              \
        check_corners(table, sizeof(table) / sizeof *(table));                                     \
    }
TABLE(test_groups, groups)
TABLE(test_targets, targets)
TABLE(test_phrases, phrases)

/* ---- flows ---- */

/* Which policies a text makes: "NS/NAME:DIRECTIONS" with i and e, in their order. */
static void check_policies(const char *text, const char *want)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_run(&d, text);
    struct buf *out = buf_new(&d.c.arena);
    for (size_t i = 0; i < d.p.policies.n; i++) {
        const struct policy *p = d.p.policies.v[i];
        buf_printf(out, "%s" STR_FMT "/" STR_FMT ":%s%s", i > 0 ? " " : "", STR_ARG(p->ns),
                   STR_ARG(p->name), p->isolates[DIR_INGRESS] ? "i" : "",
                   p->isolates[DIR_EGRESS] ? "e" : "");
    }
    unit_case(fine && str_is(buf_text(out), want), buf_text(out).n > 0 ? buf_text(out).p : "none",
              text);
    dsl_close(&d);
}

/* A group gets a policy if it is pods of its own block's namespace, however it says so. */
static void test_flow_ends(void)
{
    check_policies(NS("let w = pods a=b let x = all pods in this namespace "
                      "flows f { w -> x on tcp/1 }"),
                   "a/f-w:e a/f-x:i");
    check_policies(NS("let w = pods a=b in this namespace let x = pods a=b in namespace c "
                      "flows f { w -> x on tcp/1 }"),
                   "a/f-w:e");
    check_policies(NS("let w = pods a=b let x = namespaces c=d flows f { x -> w on tcp/1 }"),
                   "a/f-w:i");
    check_policies(NS("let w = pods a=b let x = pods c=d flows f egress { w -> x on tcp/1 }"),
                   "a/f-w:e");
    check_policies(NS("let w = pods a=b let x = pods c=d flows f ingress { w -> x on tcp/1 }"),
                   "a/f-x:i");
}

/* A group of own pods that gets no policy is told of, once, and only if its side was wanted. */
static void test_half_flows(void)
{
#define HALF(flows)                                                                                \
    NS("let w = pods a=b let s = {pods a=c, pods a=d} let v = pods a=e on tcp/1 " flows)
    static const struct {
        const char *text;
        size_t warnings;
        const char *part;
    } cases[] = {
        {HALF("flows f { w -> s on tcp/1 }"), 1, "no ingress is written for 's'"},
        {HALF("flows f { s -> w on tcp/1 }"), 1, "no egress is written for 's'"},
        {HALF("flows f { w -> v }"), 1, "no ingress is written for 'v'"},
        {HALF("flows f { w -> {v, v} }"), 2, "no ingress is written for 'v'"},
        {"namespace {a, b} { let w = pods a=b let s = {w, w} flows f { w -> s on tcp/1 } }", 1, ""},
        {HALF("flows f egress { w -> s on tcp/1 }"), 0, ""},
        {HALF("flows f { w -> pods a=x on tcp/1\nw -> dns }"), 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dsl d;
        dsl_open(&d);
        bool fine = dsl_run(&d, cases[i].text);
        const struct diag *rec = dsl_diag(&d, DIAG_NPC040);
        size_t n = 0;
        for (size_t k = 0; k < d.c.diags.list.n; k++) {
            n += d.c.diags.list.v[k]->id == DIAG_NPC040;
        }
        fine = fine && n == cases[i].warnings &&
               (n == 0 || (rec->severity == SEV_WARNING && has_text(rec->text, cases[i].part)));
        unit_case(fine, "other warnings", cases[i].text);
        dsl_close(&d);
    }
#undef HALF
}

static void test_bad_flows(void)
{
    static const struct {
        const char *text;
        enum diag_id id;
        const char *part;
    } cases[] = {
        {NS("let w = pods a=b flows f egress { namespace x -> w on tcp/1 }"), DIAG_NPC040,
         "no left end of this flow"},
        {NS("let w = pods a=b flows f ingress { w -> namespace x on tcp/1 }"), DIAG_NPC040,
         "no right end of this flow"},
        {NS("let w = pods a=b flows f { w -> nosuch on tcp/1 }"), DIAG_NPC030, "nosuch"},
        {NS("let w = pods a=b flows f { w -> namespace Up on tcp/1 }"), DIAG_NPC025, "namespace"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dsl d;
        dsl_open(&d);
        CU_ASSERT(!dsl_run(&d, cases[i].text));
        const struct diag *rec = dsl_diag(&d, cases[i].id);
        unit_case(rec != NULL && has_text(rec->text, cases[i].part), "not refused", cases[i].text);
        CU_ASSERT(d.p.policies.n == 0);
        dsl_close(&d);
    }
}

/* ---- small limits ---- */

#define SIX(rule) rule rule rule rule rule rule

struct small_case {
    const char *text;
    size_t most; /* that expand, without an error; one less is one */
};

/* What a text expands to, counted by hand: what is copied, not what is written once. */
static void test_expansion(void)
{
    static const struct small_case cases[] = {
        /* the second namespace's copies: the item with its one rule, and the peers and ports of
         * that rule */
        {"namespace {a, b} { policy p for all pods { allow from {namespace x, namespace y} on "
         "{tcp/1, tcp/2, tcp/3} } }",
         2 + 2 + 3},
        /* a group is built once for all who see it alike */
        {"let g = {cidr 10.0.0.0/8, cidr 11.0.0.0/8, cidr 12.0.0.0/8} let q = {tcp/1, tcp/2, "
         "tcp/3, tcp/4} " P("allow from g on q allow to g on q"),
         3 + 4},
        {"let g = {cidr 10.0.0.0/8, cidr 11.0.0.0/8, cidr 12.0.0.0/8} let h = {cidr 13.0.0.0/8, "
         "cidr "
         "14.0.0.0/8, cidr 15.0.0.0/8} " P("allow from g on tcp/1 allow from h on tcp/1"),
         3 + 3},
        /* rules: what a use goes through */
        {"rules r { " SIX("allow from namespace x on tcp/1 ") "} " P("use r"), 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t less = 0; less < 2; less++) {
            struct dsl d;
            dsl_open(&d);
            d.c.limits.expansion = cases[i].most - less;
            bool fine = dsl_run(&d, cases[i].text);
            unit_case(fine == (less == 0), less == 0 ? "refused" : "not refused", cases[i].text);
            CU_ASSERT((dsl_diag(&d, DIAG_NPC605) != NULL) == (less == 1));
            dsl_close(&d);
        }
    }
}

/* What is too much is said once, and nothing more is copied. */
static void test_too_much(void)
{
    struct dsl d;
    dsl_open(&d);
    d.c.limits.expansion = 5;
    CU_ASSERT_FALSE(
        dsl_run(&d, "namespace {a, b, c} {\n"
                    "policy p for all pods { default deny ingress default deny egress }\n"
                    "policy q for all pods { default deny ingress default deny egress }\n"
                    "policy r for all pods { default deny ingress default deny egress }\n}"));
    CU_ASSERT_EQUAL(d.c.diags.errors, 1);
    const struct diag *rec = dsl_diag(&d, DIAG_NPC605);
    CU_ASSERT_FATAL(rec != NULL);
    CU_ASSERT_EQUAL(rec->at.line, 3); /* p is copied for b, q is too much */
    CU_ASSERT(has_text(rec->text, "expand to 6 elements; the limit is 5"));
    dsl_close(&d);
}

/* Each guess at a name looks at all names, so their number is bounded; that of the errors is not.
 */
static void test_guesses(void)
{
    struct dsl d;
    dsl_open(&d);
    struct buf *text = buf_new(&d.c.arena);
    buf_puts(text, "let backend = cidr 10.0.0.0/8\npolicy p for all pods {\n");
    for (size_t i = 0; i < 60; i++) {
        buf_puts(text, "allow from backand on tcp/1\n");
    }
    buf_puts(text, "}\n");
    CU_ASSERT_FALSE(dsl_run(&d, str_dup(&d.c.arena, buf_text(text)).p));
    size_t unknown = 0, guessed = 0;
    for (size_t i = 0; i < d.c.diags.list.n; i++) {
        const struct diag *rec = d.c.diags.list.v[i];
        unknown += rec->id == DIAG_NPC030;
        guessed += has_text(rec->hint, "did you mean 'backend'?");
        CU_ASSERT(guessed == unknown || rec->hint.n == 0);
    }
    CU_ASSERT_EQUAL(unknown, 60);
    CU_ASSERT_EQUAL(guessed, 50);
    dsl_close(&d);
}

/* ---- going on after an error ---- */

/* Every statement's keyword at the start of a line ends the skipping: what is wrong behind it is
 * said too. */
static void test_resumes(void)
{
    static const char *const keywords[] = {
        "npc",  "include", "import", "tier",  "node",  "namespace", "cluster",
        "let",  "rules",   "policy", "flows", "raw",   "workload",  "test",
        "desc", "label",   "deny",   "pass",  "allow", "default",   "annotation",
        "use",  "expect",  "addr",   "port",
    };
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        struct dsl d;
        char text[80];
        dsl_open(&d);
        snprintf(text, sizeof text, "let = tcp/1\n   %s = =\n", keywords[i]);
        CU_ASSERT(!dsl_read(&d, str_of(text)));
        unit_case(d.c.diags.list.n == 2 && d.c.diags.list.v[1]->at.line == 2,
                  "the second line was skipped", keywords[i]);
        dsl_close(&d);
    }
    struct dsl d; /* and an indented word that is none does not */
    dsl_open(&d);
    CU_ASSERT(!dsl_read(&d, STR("let = tcp/1\n   from = =\n")));
    CU_ASSERT(d.c.diags.list.n == 1);
    dsl_close(&d);
}

/* `in this namespace` is its user's to say. */
static void test_scope(void)
{
    struct ast_scope here = {.kind = SCOPE_THIS};
    CU_ASSERT_PTR_NULL(scope_of(NULL, &here));
}

UNIT_MAIN("dsl_corners", TEST(test_groups), TEST(test_targets), TEST(test_phrases),
          TEST(test_flow_ends), TEST(test_half_flows), TEST(test_bad_flows), TEST(test_expansion),
          TEST(test_too_much), TEST(test_guesses), TEST(test_resumes), TEST(test_scope))
