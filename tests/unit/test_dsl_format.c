/*
 * The formatter: canonical text stays as it is, everything else becomes canonical once and for all,
 * and neither a word nor a comment is lost. What is compared are the words of the text, split by a
 * reader of this file that shares nothing with the scanner.
 */
#include "dsl.h"
#include "rng.h"

/* Formats; the empty string after an error. */
static struct str formatted(struct arena *a, struct str text)
{
    struct dsl d;
    dsl_open(&d);
    struct str out = {0};
    if (dsl_read(&d, text)) {
        struct buf *b = buf_new(&d.c.arena);
        dsl_format(d.ast, b);
        out = (struct str){arena_copy(a, b->p, b->n), b->n};
    } else {
        struct str shown = dsl_shown(&d);
        printf("\n%.*s", (int)shown.n, shown.p);
    }
    dsl_close(&d);
    return out;
}

static void becomes(const char *text, const char *canonical)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct str is = formatted(&a, str_of(text));
    if (!str_is(is, canonical)) {
        printf("\n--- is\n%.*s--- wanted\n%s", (int)is.n, is.p ? is.p : "", canonical);
    }
    unit_case(str_is(is, canonical), "is formatted otherwise", text);
    unit_case(str_eq(formatted(&a, is), is), "is formatted otherwise the second time", text);
    arena_free(&a);
}

static void stays(const char *text)
{
    becomes(text, text);
}

/* ---- canonical text ---- */

static void test_statements(void)
{
    stays("npc 1\n"
          "include \"common.npc\"\n"
          "import \"cluster state.yaml\"\n"
          "tier app order 5\n"
          "node n1 { addr {10.0.0.1, fd00::1} label role=gpu }\n"
          "raw nft \"\"\"\n"
          "  as it \\ is \"\"\n"
          "\"\"\"\n"
          "rules r {\n"
          "  use s\n"
          "  deny from anywhere on all ports as \"no \\\"x\\\"\"\n"
          "}\n"
          "rules s {}\n"
          "namespace {a, b} {\n"
          "  label env = prod\n"
          "  let w = pods tier=frontend\n"
          "  policy p for pods a=b & c in {d, e} & f notin {g} & h exists & i !exists {\n"
          "    desc \"Why.\"\n"
          "    label team = payments\n"
          "    annotation x/y = \"1: 2\"\n"
          "    raw k8s \"\"\"y\"\"\"\n"
          "    default deny {ingress, egress}\n"
          "    default allow egress\n"
          "    use r\n"
          "    allow from pods a=b in this namespace on tcp/1\n"
          "    allow from all pods in namespace {x} on {tcp/http, udp/*, icmp/8.0}\n"
          "    pass to {nodes a=b, all nodes, domain \"*.x.org\", all namespaces} on w\n"
          "  }\n"
          "  flows f egress {\n"
          "    w -> dns\n"
          "    {w, anywhere} -> cidr 10.0.0.0/8 except {10.1.0.0/16} on tcp/1 as \"x\"\n"
          "  }\n"
          "  test \"t\" {\n"
          "    expect allow workload x -> w on tcp/1\n"
          "    expect deny w -> {w, a/w} on all ports\n"
          "  }\n"
          "}\n"
          "cluster policy c in tier admin priority 10 for pods a=b in namespaces c=d {\n"
          "  deny to cidr ::/0 on any/http\n"
          "}\n");
    becomes("", "");
    becomes("\n\n  # only a comment", "# only a comment\n");
}

static void test_spacing(void)
{
    becomes("policy p for all pods{default deny ingress}",
            "policy p for all pods {\n  default deny ingress\n}\n");
    becomes("let a={tcp/1,tcp/2,}", "let a = {tcp/1, tcp/2}\n");
    /* A blank line between policies; one that was written stays one. */
    becomes("policy p for all pods { }\npolicy q for all pods { }",
            "policy p for all pods {}\n\npolicy q for all pods {}\n");
    becomes("\n\nlet a = tcp/1\n\n\n\nlet b = tcp/2\nrules r { }\n",
            "let a = tcp/1\n\nlet b = tcp/2\nrules r {}\n");
    becomes("rules r {\n\n\nuse s\n\n\nuse t\n\n\n}", "rules r {\n  use s\n\n  use t\n}\n");
    becomes("# a\npolicy p for all pods { } # b\n# c\npolicy q for all pods { }",
            "# a\npolicy p for all pods {}  # b\n\n# c\npolicy q for all pods {}\n");
}

static void test_quotes(void)
{
    becomes(
        "policy \"p\" for pods \"a\"=\"\" & b in {\"c d\", \"tcp/x\", \"in\", \"-e\", \"f\", "
        "\"icmp6/x\"} {}",
        "policy p for pods a=\"\" & b in {\"c d\", \"tcp/x\", in, \"-e\", f, \"icmp6/x\"} {}\n");
    becomes("rules r{}policy p for all pods{annotation a=\"\"\"x \"y\"\n\tz\"\"\" desc \"\"}",
            "rules r {}\npolicy p for all pods {\n  annotation a = \"x \\\"y\\\"\\n\\tz\"\n"
            "  desc \"\"\n}\n");
    /* What must not be seen in source is written as an escape; what may is not. */
    becomes("test \"\\u{202e}\\u{7}\\u{7f}\\u{85}\\u{feff}\\u{e4}\\u{1f600}\\r\" {}",
            "test \"\\u{202e}\\u{7}\\u{7f}\\u{85}\\u{feff}\xc3\xa4\xf0\x9f\x98\x80\\r\" {}\n");
}

/* ---- lines of 80 columns ---- */

static void test_sets(void)
{
    /* Exactly 80, and one more. */
    stays("let abcdefghi = {cidr 10.0.0.0/8, cidr 11.0.0.0/8, cidr 12.0.0.0/8, namespace a}\n");
    becomes("let abcdefghi = {cidr 10.0.0.0/8, cidr 11.0.0.0/8, cidr 12.0.0.0/8, namespace ab}",
            "let abcdefghi = {\n  cidr 10.0.0.0/8,\n  cidr 11.0.0.0/8,\n  cidr 12.0.0.0/8,\n"
            "  namespace ab,\n}\n");
}

static void test_long_lines(void)
{
    /* The first set that does not fit is broken; what follows may fit behind it. */
    becomes("let d = {pods dns.operator.openshift.io/daemonset-dns=default in namespace "
            "openshift-dns, cidr 169.254.20.10/32} on {udp/53, tcp/53}",
            "let d = {\n"
            "  pods dns.operator.openshift.io/daemonset-dns=default in namespace openshift-dns,\n"
            "  cidr 169.254.20.10/32,\n"
            "} on {udp/53, tcp/53}\n");
    becomes("rules r { allow to {a, b} on {tcp/1001, tcp/1002, tcp/1003, tcp/1004, tcp/1005, "
            "tcp/1006} as \"x\" }",
            "rules r {\n"
            "  allow to {a, b} on {\n"
            "    tcp/1001,\n    tcp/1002,\n    tcp/1003,\n    tcp/1004,\n    tcp/1005,\n"
            "    tcp/1006,\n"
            "  } as \"x\"\n}\n");
    /* Sets inside broken sets. */
    becomes("let i = {cidr 0.0.0.0/0 except {10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, "
            "169.254.0.0/16, 172.16.0.0/12}, cidr ::/0 except {fc00::/7, fe80::/10}}",
            "let i = {\n"
            "  cidr 0.0.0.0/0 except {\n    10.0.0.0/8,\n    100.64.0.0/10,\n    127.0.0.0/8,\n"
            "    169.254.0.0/16,\n    172.16.0.0/12,\n  },\n"
            "  cidr ::/0 except {fc00::/7, fe80::/10},\n}\n");
    /* The comma behind an element counts. */
    stays("let j = {\n"
          "  cidr 10.0.0.0/8 except {10.0.0.0/16, 10.10.0.0/16, 10.20.0.0/16, 10.3.0.0/16},\n"
          "  cidr 10.0.0.0/8 except {\n    10.0.0.0/16,\n    10.10.0.0/16,\n    10.20.0.0/16,\n"
          "    10.30.0.0/16,\n  },\n}\n");
    /* Workloads take one line, or one for each property. */
    becomes("workload w { addr {10.1.0.1, 10.1.0.2, fd00:1::1} label tier=frontend port http = "
            "tcp/80 }",
            "workload w {\n  addr {10.1.0.1, 10.1.0.2, fd00:1::1}\n  label tier=frontend\n"
            "  port http = tcp/80\n}\n");
}

static void test_lets(void)
{
    stays("let office   = {cidr 203.0.113.0/24, cidr 198.51.100.0/25}\n"
          "let web      = {tcp/80, tcp/443}\n"
          "let partners = {office, cidr 192.0.2.0/24}\n");
    /* A blank line, another statement, or a let over several lines ends the run. */
    stays("let a = tcp/1\n\nlet bb = tcp/2\nlet c  = tcp/3\nrules r {}\nlet dddd = tcp/4\n");
    stays("let a  = tcp/1  # x\nlet bb = tcp/2\n# y\nlet ccc = tcp/3\n");
    becomes("let a=tcp/1 let b={tcp/1,\n# x\ntcp/2} let longer=tcp/3 let d=tcp/4",
            "let a = tcp/1\nlet b = {\n  tcp/1,\n  # x\n  tcp/2,\n}\nlet longer = tcp/3\n"
            "let d      = tcp/4\n");
    /* Not aligned where that would not fit. */
    stays("let a = {cidr 10.0.0.0/8, cidr 11.0.0.0/8, cidr 12.0.0.0/8, cidr 13.0.0.0/8}\n"
          "let long-name = tcp/1\n");
}

static void test_comments(void)
{
    stays("# of the file\n"
          "\n"
          "# of the policy\n"
          "policy p for all pods {  # behind the brace\n"
          "  # of the rule\n"
          "  allow from {  # behind that brace\n"
          "    # of a\n"
          "    a,  # behind a\n"
          "    # of b\n"
          "    b,\n"
          "    # behind all\n"
          "  } on tcp/1  # behind the rule\n"
          "  # at the end\n"
          "}  # behind the policy\n"
          "rules r {\n"
          "  # nothing\n"
          "}\n"
          "\n"
          "# the end\n");
    /* Where the layout has no line for a comment it moves up to the statement or the element. */
    becomes("policy # a\np for # b\nall pods {\nallow # c\nfrom # d\nx on # e\ntcp/1 # f\n}",
            "# a\n# b\npolicy p for all pods {\n  # c\n  # d\n  # e\n  allow from x on tcp/1  # f\n"
            "}\n");
    becomes("let a = {pods # a\nx=y # b\n, # c\ncidr # d\n::/0 }",
            "let a = {\n  # a\n  pods x=y,  # b\n  # c\n  # d\n  cidr ::/0,\n}\n");
    becomes("workload w { addr 10.0.0.1 # a\n}", "workload w {\n  addr 10.0.0.1  # a\n}\n");
    becomes("let a = tcp/1 #x \t \r\n", "let a = tcp/1  #x\n");
}

static void test_prelude(void)
{
    stays(dsl_prelude().p);
}

/* ---- no word and no comment is lost ---- */

static size_t token_length(const char *p, const char *end)
{
    static const char single[] = "{},&=!";
    const char *start = p;
    if (end - p >= 3 && memcmp(p, "\"\"\"", 3) == 0) {
        for (p += 3; memcmp(p, "\"\"\"", 3) != 0; p++) {
        }
        return (size_t)(p + 3 - start);
    }
    if (*p == '"') {
        for (p++; *p != '"'; p++) {
            p += *p == '\\';
        }
        return (size_t)(p + 1 - start);
    }
    if (*p == '#') {
        for (; p < end && *p != '\n'; p++) {
        }
        for (; p[-1] == ' '; p--) {
        }
        return (size_t)(p - start);
    }
    if (strchr(single, *p) != NULL) {
        return 1;
    }
    for (; p < end && strchr(" \t\n#\"", *p) == NULL && strchr(single, *p) == NULL; p++) {
    }
    return (size_t)(p - start);
}

struct tokens {
    VEC(struct str) words, comments;
};

static void split(struct arena *a, struct str text, struct tokens *out)
{
    const char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        if (*p == ' ' || *p == '\n' || *p == '\t') {
            p++;
            continue;
        }
        struct str token = {p, token_length(p, end)};
        p += token.n;
        if (token.p[0] == '#') {
            vec_push(a, &out->comments, token);
            continue;
        }
        bool closes = token.p[0] == '}' && out->words.n > 0;
        if (closes && str_is(out->words.v[out->words.n - 1], ",")) {
            out->words.n--; /* the comma behind the last element is the formatter's */
        }
        vec_push(a, &out->words, token);
    }
}

static int text_order(const void *pa, const void *pb)
{
    const struct str *a = pa, *b = pb;
    return str_cmp(*a, *b);
}

static bool same_texts(struct str *x, size_t nx, struct str *y, size_t ny)
{
    bool same = nx == ny;
    for (size_t i = 0; i < nx && same; i++) {
        same = str_eq(x[i], y[i]);
    }
    return same;
}

/* Everything that the grammar has, in words that formatting leaves as they are. */
static const char everything[] =
    "npc 1 include \"a b\" import \"x.yaml\" tier t order 5 node n1 { addr { 10.0.0.1 , fd00::1 } "
    "label a = b } node n2 { } let o = { cidr 1.0.0.0/8 , cidr 2.0.0.0/8 except { 2.1.0.0/16 , "
    "2.2.0.0/16 } } let w = { tcp/80 , tcp/443 } let v = pods app = vault in namespace s on "
    "tcp/8200 "
    "let longer-one = { pods app in { a , b } & t notin { x , \"y z\" , \"\" } in namespaces team "
    "exists & prod ! exists , o } on { w , icmp/8 , \"tcp/0x50\" } rules r { allow to dns use s "
    "deny from "
    "anywhere "
    "on all ports as \"no\" } rules s { } raw k8s \"\"\"x\ny\"\"\" namespace { a , b } { label env "
    "= "
    "prod let f = pods tier = frontend let bb = all pods in this namespace policy p for pods tier "
    "= "
    "frontend { desc \"What \\u{202e} \\\"the\\\"\\n\" label team = x annotation e/x = \"a: b\" "
    "raw "
    "k8s \"\"\"q\"\"\" default deny { ingress , egress } default allow egress use r allow from { "
    "pods "
    "app = a in this namespace , namespace { x , y } , all namespaces , namespaces team = a , "
    "domain "
    "\"*.example.com\" , nodes role = gpu , all nodes } on { tcp/1 , w } as \"why\" pass to all "
    "pods "
    "in all namespaces on tcp/* } policy q for f { } flows app egress { anywhere -> f on tcp/80 as "
    "\"x\" { f , bb } -> dns } flows app2 { } workload fe1 { addr { 10.1.0.1 , fd00::1 } label "
    "tier "
    "= frontend port pg = tcp/5432 port longer-name = udp/53 } test \"edges\" { expect allow "
    "anywhere "
    "-> f on tcp/80 expect deny workload fe1 -> workload fe2 on all ports } } cluster policy no in "
    "tier admin priority 10 for all pods in all namespaces { deny to cidr 169.254.169.254/32 on "
    "all "
    "ports allow from pods a = b in namespace k on any/http }";

/* The words with blanks, lines and numbered comments between them. */
static struct str scattered(struct arena *a, struct rng *r, const struct tokens *t)
{
    struct buf *b = buf_new(a);
    size_t comments = rng_below(r, 3) * 4, lines = 2 + rng_below(r, 30);
    unsigned number = 0;
    for (size_t i = 0; i < t->words.n; i++) {
        buf_str(b, t->words.v[i]);
        buf_putc(b, ' ');
        while (comments > 0 && rng_below(r, 100) < comments) {
            buf_printf(b, "# %u  \n", number++);
        }
        for (size_t n = rng_below(r, lines); n < 3; n++) {
            buf_putc(b, '\n');
        }
    }
    return buf_text(b);
}

static void test_nothing_is_lost(void)
{
    struct arena a, one;
    struct rng r = rng_new();
    struct tokens all = {0};
    arena_init(&a, unit_oom, NULL);
    arena_init(&one, unit_oom, NULL);
    split(&a, STR(everything), &all);
    for (size_t i = 0; i < rng_rounds(2000); i++) {
        struct tokens before = {0}, after = {0};
        struct str text = scattered(&one, &r, &all);
        struct str once = formatted(&one, text), twice = formatted(&one, once);
        split(&one, text, &before);
        split(&one, once, &after);
        bool words = same_texts(before.words.v, before.words.n, after.words.v, after.words.n);
        if (before.comments.n > 0 && after.comments.n > 0) { /* their order may change */
            qsort(before.comments.v, before.comments.n, sizeof(struct str), text_order);
            qsort(after.comments.v, after.comments.n, sizeof(struct str), text_order);
        }
        bool comments =
            same_texts(before.comments.v, before.comments.n, after.comments.v, after.comments.n);
        CU_ASSERT(once.n > 0);
        CU_ASSERT(words);
        CU_ASSERT(comments);
        CU_ASSERT(str_eq(once, twice));
        if (!words || !comments || !str_eq(once, twice)) {
            printf("\n--- text\n%.*s\n--- once\n%.*s", (int)text.n, text.p, (int)once.n, once.p);
            break;
        }
        arena_free(&one);
    }
    arena_free(&one);
    arena_free(&a);
}

UNIT_MAIN("dsl_format", TEST(test_statements), TEST(test_spacing), TEST(test_quotes),
          TEST(test_sets), TEST(test_long_lines), TEST(test_lets), TEST(test_comments),
          TEST(test_prelude), TEST(test_nothing_is_lost))
