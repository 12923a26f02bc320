/*
 * Syntax errors: what is said, where, with which advice, and that reading goes on after them.
 */
#include "dsl.h"

#define P(rule) "policy p for all pods {\n" rule "\n}"

struct syntax_case {
    const char *text;
    unsigned line, col;
    const char *found; /* part of the message */
    const char *hint;  /* part of the hint, or NULL: none */
};

static const struct syntax_case cases[] = {
    /* From YAML and from kubectl */
    {"policy p for pods app=bookstore, role=api { }", 1, 32, "found ','",
     "use & to require both labels"},
    {P("allow from {pods app=a, role=b} on tcp/1"), 2, 29, "found '='", "use & to require both"},
    {P("allow from pods app=a, pods app=b on tcp/1"), 2, 22, "found ','", "in braces"},
    {P("allow from a, b on tcp/1"), 2, 13, "found ','", "in braces: {a, b}"},
    {P("allow from a on tcp/80, tcp/443"), 2, 23, "found ','", "{tcp/80, tcp/443}"},
    {P("ingress from a"), 2, 1, "found 'ingress'", "'allow from' is ingress"},
    {P("allow from a on port 80"), 2, 17, "found 'port'", "tcp/80"},
    /* From other languages */
    {P("allow from pods a=b and c=d on tcp/1"), 2, 21, "found 'and'", "no 'and'"},
    {P("allow from pods a=b or pods c=d on tcp/1"), 2, 21, "found 'or'", "no 'or'"},
    {P("allow from pods a!=b on tcp/1"), 2, 19, "found '='", "notin {value}"},
    {P("allow from pods a==b on tcp/1"), 2, 19, "found '='", "one '='"},
    {P("allow from a on tcp 80"), 2, 21, "found '80'", "one word: tcp/80"},
    {P("allow from a on tcp:80"), 2, 20, "found ':80'", "one word: tcp/80"},
    {P("allow from a tcp/80"), 2, 14, "found 'tcp/80'", "write 'on'"},
    {"policy p for pods tcp/80=b { }", 1, 19, "found 'tcp/80'", "needs quotes"},
    {P("allow from namespaces a=b & udp/x=c on tcp/1"), 2, 29, "found 'udp/x'", "needs quotes"},
    {P("label tcp/a = b"), 2, 7, "found 'tcp/a'", "needs quotes"},
    {"workload w { port a = 80 }", 1, 23, "found '80'", "did you mean tcp/80?"},
    {P("allow from 2001:db8::/32 on tcp/1"), 2, 12, "found '2001:db8::/32'", "write 'cidr'"},
    /* Nothing wide by omission */
    {P("allow from pods on tcp/1"), 2, 20, "found 'tcp/1'", "'pods' needs a label"},
    {P("allow from namespaces on tcp/1"), 2, 26, "found 'tcp/1'", "behind 'namespace'"},
    {P("allow from all pods on tcp/1"), 2, 21, "expected 'in'", "say whose"},
    {P("allow from {} on tcp/1"), 2, 13, "found '}'", "at least one element"},
    {P("allow from pods a in {} on tcp/1"), 2, 23, "found '}'", "at least one element"},
    {P("default deny {ingress}"), 2, 22, "found '}'", "without braces"},
    {P("default deny {}"), 2, 15, "expected 'ingress' or 'egress'", "at least one element"},
    {"policy p { }", 1, 10, "expected 'for'", "say which pods"},
    /* Misspelt */
    {P("alow from a on tcp/1"), 2, 1, "found 'alow'", "did you mean 'allow'?"},
    {P("Allow from a on tcp/1"), 2, 1, "found 'Allow'", "did you mean 'allow'?"},
    {P("allow form a on tcp/1"), 2, 7, "found 'form'", "did you mean 'from'?"},
    {P("allow from podz app=web on tcp/1"), 2, 17, "found 'app'", "'pods' instead of 'podz'"},
    {"polcy p for all pods { }", 1, 1, "found 'polcy'", "did you mean 'policy'?"},
    {P("desc hello"), 2, 6, "expected a string", "in double quotes"},
    {P("desc \"\"\"x\"\"\""), 2, 6, "found a \"\"\" string", "use \"...\""},
    {"raw k8s \"x\"", 1, 9, "found the string \"x\"", "\"\"\"...\"\"\""},
    {"let ports = tcp/1", 1, 5, "found 'ports'", "cannot name a group"},
    {"a -> b on tcp/1", 1, 1, "found 'a'", NULL},
    {P("a -> b on tcp/1"), 2, 1, "found 'a'", NULL},
    /* Braces */
    {"policy a for all pods {\npolicy b for all pods { }", 2, 1, "found 'policy'",
     "'}' missing before this?"},
    {"}", 1, 1, "found '}'", NULL},
    {"let a = {tcp/1", 1, 15, "found the end of the file", NULL},
    {"", 0, 0, NULL, NULL},
};

static void check(const struct syntax_case *t)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_read(&d, str_of(t->text));
    const struct diag *rec = dsl_diag(&d, DIAG_NPC020);
    if (t->found == NULL) {
        unit_case(fine, "was refused", t->text);
        dsl_close(&d);
        return;
    }
    unit_case(!fine && rec != NULL, "was taken", t->text);
    if (rec != NULL) {
        unit_case(rec->at.line == t->line && rec->at.col == t->col, "is elsewhere", t->text);
        unit_case(has_text(rec->text, t->found), "says something else", t->text);
        unit_case(rec->text.n <= 200, "says too much", t->text);
        unit_case(t->hint == NULL ? rec->hint.n == 0 : has_text(rec->hint, t->hint),
                  "advises something else", t->text);
        if (!has_text(rec->text, t->found) || (t->hint != NULL && !has_text(rec->hint, t->hint))) {
            struct str shown = dsl_shown(&d);
            printf("\n%.*s", (int)shown.n, shown.p);
        }
    }
    dsl_close(&d);
}

static void test_messages(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&cases[i]);
    }
}

/* Lines on which an error is reported, of any id, as a list in the order of the text. */
static struct str error_lines(struct dsl *d, const char *text)
{
    dsl_read(d, str_of(text));
    struct buf *out = buf_new(&d->c.arena);
    for (size_t i = 0; i < d->c.diags.list.n; i++) {
        buf_printf(out, "%s%u", i > 0 ? " " : "", d->c.diags.list.v[i]->at.line);
    }
    return buf_text(out);
}

static void errors_on(const char *text, const char *lines)
{
    struct dsl d;
    dsl_open(&d);
    struct str is = error_lines(&d, text);
    if (!str_is(is, lines)) {
        printf("\n    lines %.*s, wanted %s", (int)is.n, is.p, lines);
    }
    unit_case(str_is(is, lines), "reports other errors", text);
    dsl_close(&d);
}

/* One error for each bad statement, and none for the good ones between them. */
static void test_recovery(void)
{
    errors_on("policy a for all pods {\n"
              "  alow from x on tcp/1\n"
              "  allow from {x y} on tcp/1\n"
              "  allow from {x, pods} on {tcp/1}\n"
              "  allow from x on tcp/1\n"
              "  allow {\n"
              "  allow from x on tcp/1\n"
              "  }\n"
              "  desc \"x\n"
              "  desc x }\n"
              "polcy b for all pods { allow from x on tcp/1 }\n"
              "let c = {tcp/1, , tcp/2}\n"
              "namespace d {\n"
              "  policy e { allow from { x } on tcp/1 }\n"
              "  let f =\n"
              "  flows g { a -> on tcp/1\n"
              "  }\n"
              "  workload h { addr }\n"
              "  test \"i\" { expect allow a on tcp/1 }\n"
              "  rules j { allow x\n"
              "    deny }\n"
              "}\n"
              "let k = tcp/1 tcp/2\n",
              "2 3 4 6 9 10 11 12 14 16 16 18 19 20 21 23");
    /* A brace that is never closed costs the block, not the file. */
    errors_on("policy a for all pods {\n"
              "  allow from {x, y on tcp/1\n"
              "  allow from x on tcp/1\n"
              "}\n"
              "let b = = tcp/1\n",
              "2 5");
    /* Words that begin statements may stand in the skipped rest. */
    errors_on("policy a for all pods {\n"
              "  alow from pods label=policy & deny=x on tcp/1\n"
              "  alow from pods label=policy\n"
              "}\n",
              "2 3");
    errors_on("} } }\nlet a = tcp/1\n}\n", "1 3");
    /* A wrapped line is part of its statement, a misspelt one is not. */
    errors_on("policy a for all pods {\n"
              "  allow from pods a=b,\n"
              "    c=d on tcp/1\n"
              "  alow from x\n"
              "    on tcp/1\n"
              "  x -> y\n"
              "}\n",
              "2 4 6");
    errors_on("{{{{{{{{{{{{{{{{{{{{{{{{{{", "1");
    errors_on("policy a for all pods { policy b for all pods { policy c for all pods {\n", "1 2");
}

static void test_open_brace_is_named(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT(
        !dsl_read(&d, STR("namespace a {\n policy b for all pods {\n  default deny ingress\n")));
    const struct diag *rec = dsl_diag(&d, DIAG_NPC020);
    CU_ASSERT_FATAL(rec != NULL && rec->notes.n == 1);
    CU_ASSERT(rec->notes.v[0].at.line == 2 && rec->notes.v[0].at.col == 24);
    dsl_close(&d);
}

/* Every keyword is a name, a key and a value, and none is a group. */
static void test_keywords(void)
{
    static const char *const words[] = {
        "npc",        "include", "import",  "let",        "rules",  "use",      "namespace",
        "namespaces", "policy",  "cluster", "tier",       "order",  "priority", "for",
        "all",        "pods",    "nodes",   "cidr",       "domain", "anywhere", "this",
        "in",         "ingress", "egress",  "notin",      "exists", "except",   "allow",
        "deny",       "pass",    "from",    "to",         "on",     "ports",    "as",
        "default",    "desc",    "label",   "annotation", "flows",  "workload", "node",
        "addr",       "port",    "test",    "expect",     "raw"};
    CU_ASSERT(sizeof words / sizeof *words == 47);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct dsl d;
        dsl_open(&d);
        const char *w = words[i];
        struct str text = str_printf(
            &d.c.arena,
            "namespace {%s, x-%s} { policy %s for pods %s=%s & a in {%s, b} { label %s=%s allow "
            "from "
            "pods %s exists & x=%s in namespace %s on tcp/1 } workload %s { port %s = tcp/1 } }",
            w, w, w, w, w, w, w, w, w, w, w, w, strlen(w) > 15 ? "x" : w);
        unit_case(dsl_run(&d, text.p), "is not legal as name, key and value", w);
        dsl_close(&d);
        dsl_open(&d);
        unit_case(!dsl_run(&d, str_printf(&d.c.arena, "let %s = tcp/1", w).p),
                  "was taken for the name of a group", w);
        dsl_close(&d);
    }
}

/* What is shown of a token is cut, also inside a character. */
static void T42_messages_are_bounded(void)
{
    struct dsl d;
    dsl_open(&d);
    struct buf *text = buf_new(&d.c.arena);
    buf_puts(text, "let \"");
    for (int i = 0; i < 1000; i++) {
        buf_puts(text, "\xe2\x82\xac");
    }
    buf_puts(text, "\"\nlet = ");
    for (int i = 0; i < 1000; i++) {
        buf_putc(text, 'x');
    }
    CU_ASSERT(!dsl_read(&d, buf_text(text)));
    CU_ASSERT(d.c.diags.list.n >= 2);
    for (size_t i = 0; i < d.c.diags.list.n; i++) {
        CU_ASSERT(d.c.diags.list.v[i]->text.n <= 200);
        CU_ASSERT(utf8_check(d.c.diags.list.v[i]->text) == d.c.diags.list.v[i]->text.n);
    }
    dsl_close(&d);
}

UNIT_MAIN("dsl_syntax", TEST(test_messages), TEST(test_recovery), TEST(test_open_brace_is_named),
          TEST(test_keywords), TEST(T42_messages_are_bounded))
