/* What a loader of rules asks the library: scope, one connection, touched addresses, inventory. */
#include "npc/npc.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const char world[] =
    "namespace t {\n"
    "  workload web { addr 10.0.0.1 addr fd00::1 label app=web port http = tcp/8080 }\n"
    "  workload db { addr 10.0.0.2 label app=db port http = tcp/9090 }\n"
    "  policy web for pods app=web {\n"
    "    allow from pods app=db on {tcp/http, tcp/22}\n"
    "    allow to cidr 192.0.2.0/24 on tcp/443\n"
    "  }\n"
    "}\n";

static const char objects[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"k\",\"labels\":{"
    "\"team\":"
    "\"x\"}}},"
    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"},\"status\":{"
    "\"addresses\":"
    "[{\"type\":\"InternalIP\",\"address\":\"192.0.2.1\"}]}},"
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"k\","
    "\"labels\":{\"app\":\"web\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":"
    "\"ReplicaSet\",\"name\":\"p-1\",\"controller\":true}]},\"spec\":{\"nodeName\":\"n1\","
    "\"containers\":[{\"name\":\"c\",\"ports\":[{\"name\":\"http\",\"containerPort\":81}]}]},"
    "\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.1.0.1\"},{\"ip\":\"fd01::1\"}]}},"
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"h\",\"namespace\":\"k\"},"
    "\"spec\":{\"nodeName\":\"n1\",\"hostNetwork\":true,\"containers\":[]},\"status\":{\"phase\":"
    "\"Running\",\"podIPs\":[{\"ip\":\"192.0.2.1\"}]}},"
    "{\"apiVersion\":\"apps/"
    "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\",\"namespace\":"
    "\"k\"},\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"app\":\"d\"}},\"spec\":{"
    "\"containers\":[]}}}},"
    "{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"c\",\"namespace\":"
    "\"k\"},\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"app\":"
    "\"c\"}},\"spec\":{\"containers\":[]}}}}}},"
    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"name\":"
    "\"p\",\"namespace\":\"k\"},\"spec\":{\"podSelector\":{\"matchLabels\":{\"app\":\"web\"}},"
    "\"ingress\":[{\"from\":[{\"namespaceSelector\":{\"matchLabels\":{\"team\":\"x\"}}}],\"ports\":"
    "[{"
    "\"port\":\"http\"}]}]}}"
    "]}";

static void add(struct npc *n, const char *name, const char *text, size_t size)
{
    CU_ASSERT_EQUAL(npc_add_text(n, name, text, size), NPC_OK);
}

static struct npc *load(const char *text, const char *option, const char *value)
{
    struct npc *n = npc_new();
    if (option != NULL) {
        CU_ASSERT_EQUAL(npc_set(n, option, value), NPC_OK);
    }
    add(n, "in.npc", text, strlen(text));
    CU_ASSERT_EQUAL_FATAL(npc_load(n), NPC_OK);
    return n;
}

static void compile(struct npc *n, struct npc_output *out)
{
    CU_ASSERT_EQUAL_FATAL(npc_compile(n, "nft", out), NPC_OK);
}

static void test_scope(void)
{
    struct npc *n = load(world, "host", "t/web");
    struct npc_output out;
    struct npc_scope s;
    compile(n, &out);
    CU_ASSERT_EQUAL(npc_scope_of(n, &out, &s), NPC_OK);
    CU_ASSERT_EQUAL(s.kind, NPC_SCOPE_HOST);
    CU_ASSERT_STRING_EQUAL(s.name, "t/web");
    CU_ASSERT_EQUAL_FATAL(s.naddresses, 2);
    CU_ASSERT_STRING_EQUAL(s.addresses[0], "10.0.0.1");
    CU_ASSERT_STRING_EQUAL(s.addresses[1], "fd00::1");
    CU_ASSERT_EQUAL(npc_compile(n, "k8s", &out), NPC_OK);
    CU_ASSERT_EQUAL(npc_scope_of(n, &out, &s), NPC_BAD);
    npc_free(n);

    n = load(world, NULL, NULL);
    compile(n, &out);
    CU_ASSERT_EQUAL(npc_scope_of(n, &out, &s), NPC_OK);
    CU_ASSERT_EQUAL(s.kind, NPC_SCOPE_ALL);
    CU_ASSERT_EQUAL(s.naddresses, 3);
    npc_free(n);
}

static void test_admits(void)
{
    static const struct {
        const char *source, *destination;
        uint16_t port;
        bool inbound;
        enum npc_status status;
    } flows[] = {
        {"10.0.0.2", "10.0.0.1", 8080, true, NPC_OK},
        {"10.0.0.2", "10.0.0.1", 9090, true, NPC_NO}, /* the other pod's number of that name */
        {"10.0.0.3", "10.0.0.1", 8080, true, NPC_NO},
        {"10.0.0.3", "10.0.0.1", 22, true, NPC_OK}, /* failsafe */
        {"10.0.0.1", "192.0.2.7", 443, false, NPC_OK},
        {"10.0.0.1", "192.0.2.7", 22, false, NPC_NO},
        {"10.0.0.1", "198.51.100.7", 443, false, NPC_NO},
        {"fd00::2", "fd00::1", 8080, true, NPC_NO},
        {"fd00::2", "10.0.0.1", 8080, true, NPC_BAD},
        {"host", "10.0.0.1", 8080, true, NPC_BAD},
    };
    struct npc *n = load(world, "host", "t/web");
    struct npc_output out;
    compile(n, &out);
    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
        const struct npc_flow f = {flows[i].source, flows[i].destination, "tcp", flows[i].port,
                                   flows[i].inbound};
        const char *policies;
        CU_ASSERT_EQUAL(npc_admits(n, &out, &f, &policies), flows[i].status);
        CU_ASSERT_STRING_EQUAL(policies, flows[i].status == NPC_NO ? "t/web" : "");
    }
    npc_free(n);

    /* At the forward hook both ends have a say. */
    n = load(
        "namespace t { workload a { addr 10.0.0.1 label x=a } workload b { addr 10.0.0.2 label "
        "x=b } policy out for pods x=a { default deny egress } }",
        NULL, NULL);
    compile(n, &out);
    struct npc_flow f = {"10.0.0.1", "10.0.0.2", "tcp", 80, false};
    const char *policies;
    CU_ASSERT_EQUAL(npc_admits(n, &out, &f, &policies), NPC_NO);
    f = (struct npc_flow){"10.0.0.2", "10.0.0.1", "tcp", 80, false};
    CU_ASSERT_EQUAL(npc_admits(n, &out, &f, &policies), NPC_OK);
    npc_free(n);
}

/* How many addresses are touched, of which `first` is one; the programs are freed. */
static size_t touched_between(struct npc *old, struct npc *now, const char *first)
{
    struct npc_output before, after;
    const char *const *addresses;
    size_t n;
    compile(old, &before);
    compile(now, &after);
    CU_ASSERT_EQUAL(npc_touched(now, &before, &after, &addresses, &n), NPC_OK);
    if (first != NULL && n > 0) {
        CU_ASSERT_STRING_EQUAL(addresses[0], first);
    }
    npc_free(now);
    npc_free(old);
    return n;
}

static size_t count_touched(const char *old_text, const char *new_text, const char *first)
{
    return touched_between(load(old_text, NULL, NULL), load(new_text, NULL, NULL), first);
}

#define PODS                                                                                       \
    "namespace t { workload a { addr 10.0.0.1 label x=a } workload b { addr 10.0.0.2 label x=b "   \
    "}\n"

static void test_touched(void)
{
    static const char one[] = PODS "policy p for pods x=a { allow from pods x=b on tcp/80 } }";
    static const char port[] = PODS "policy p for pods x=a { allow from pods x=b on tcp/81 } }";
    static const char other[] = PODS "policy q for pods x=a { allow from pods x=b on tcp/80 } }";
    static const char more[] = PODS "policy p for pods x=a { allow from pods x=b on tcp/80 }\n"
                                    "policy q for pods x=b { default deny egress } }";
    static const char none[] = PODS "}";
    CU_ASSERT_EQUAL(count_touched(one, one, NULL), 0);
    CU_ASSERT_EQUAL(count_touched(one, other, NULL), 0); /* another name, the same rules */
    CU_ASSERT_EQUAL(count_touched(one, port, "10.0.0.1"), 1);
    CU_ASSERT_EQUAL(count_touched(one, more, "10.0.0.2"), 1);
    CU_ASSERT_EQUAL(count_touched(more, none, "10.0.0.1"), 2);
    CU_ASSERT_EQUAL(count_touched(none, one, "10.0.0.1"), 1);
}

/* Rules of a machine hold for all its addresses, also of a family in which none is known, and the
 * failsafe ports are among them. */
static void test_touched_host(void)
{
#define MACHINE "namespace t { workload m { addr 10.0.0.1 label x=m }\n"
    static const char both[] =
        MACHINE "policy p for pods x=m { allow from {cidr 10.0.0.0/8, cidr ::/0} on tcp/80 } }";
    static const char only4[] =
        MACHINE "policy p for pods x=m { allow from cidr 10.0.0.0/8 on tcp/80 } }";
    static const char none[] = MACHINE "}";
    static const struct {
        const char *old, *now, *old_failsafe, *failsafe;
        size_t touched;
    } cases[] = {
        {both, both, "tcp/22", "tcp/22", 0}, {both, only4, "tcp/22", "tcp/22", 1},
        {both, both, "tcp/22", "none", 1},   {both, both, "tcp/22,udp/9", "udp/9,tcp/22", 0},
        {none, none, "tcp/22", "none", 0},   {none, only4, "tcp/22", "tcp/22", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct npc *old = load(cases[i].old, "host", "t/m"),
                   *now = load(cases[i].now, "host", "t/m");
        CU_ASSERT_EQUAL(npc_set(old, "failsafe", cases[i].old_failsafe), NPC_OK);
        CU_ASSERT_EQUAL(npc_set(now, "failsafe", cases[i].failsafe), NPC_OK);
        CU_ASSERT_EQUAL(touched_between(old, now, "10.0.0.1"), cases[i].touched);
    }
}

/* Rules less their comments, which name the file, and the mark, which is a hash of all of it. */
static struct str bare(struct arena *a, const struct npc_output *out)
{
    struct buf *b = buf_new(a);
    const char *mark = memmem(out->text, out->size, "\n# Which ruleset", 16);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mark);
    for (size_t i = 0; i < (size_t)(mark - out->text); i++) {
        static const char comment[] = " comment \"";
        if (out->size - i > sizeof comment &&
            memcmp(out->text + i, comment, sizeof comment - 1) == 0) {
            i += sizeof comment - 1;
            while (out->text[i] != '"') {
                i++;
            }
        } else {
            buf_putc(b, out->text[i]);
        }
    }
    return buf_text(b);
}

/* The policies as npc source and the inventory as JSON make the rules that their inputs made, and
 * the same connections. */
static void test_inventory(void)
{
    struct npc *n = npc_new(), *again = npc_new();
    struct npc_output policies, rules, same;
    const char *inventory, *text;
    size_t size, text_size;
    bool gained, lost;
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    add(n, "in.npc", world, sizeof world - 1);
    add(n, "in.json", objects, sizeof objects - 1);
    CU_ASSERT_EQUAL_FATAL(npc_load(n), NPC_OK);
    compile(n, &rules);
    CU_ASSERT_EQUAL_FATAL(npc_compile(n, "npc", &policies), NPC_OK);
    CU_ASSERT_EQUAL_FATAL(npc_inventory(n, &inventory, &size), NPC_OK);
    add(again, "p.npc", policies.text, policies.size);
    add(again, "i.json", inventory, size);
    CU_ASSERT_EQUAL_FATAL(npc_load(again), NPC_OK);
    compile(again, &same);
    CU_ASSERT(str_eq(bare(&a, &rules), bare(&a, &same)));
    CU_ASSERT_EQUAL(npc_diff(n, again, "text", &text, &text_size, &gained, &lost), NPC_OK);
    static const char *const kept[] = {"\"team\":\"x\"", "\"kind\":\"CronJob\"", "192.0.2.1",
                                       "\"hostNetwork\":true", "\"name\":\"p-1\""};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        CU_ASSERT_PTR_NOT_NULL(memmem(inventory, size, kept[i], strlen(kept[i])));
    }
    npc_free(again);
    npc_free(n);
    arena_free(&a);
}

/* The difference of one program's rules to another's. */
static bool differs(struct npc *old, struct npc *now, const char *want)
{
    const char *text = "";
    size_t size;
    bool gained, lost;
    const enum npc_status status = npc_diff(old, now, "text", &text, &size, &gained, &lost);
    CU_ASSERT_EQUAL(status, gained || lost ? NPC_NO : NPC_OK);
    const bool as_wanted = want == NULL || strncmp(text, want, strlen(want)) == 0;
    if (!as_wanted) {
        printf("%s", text);
    }
    CU_ASSERT(as_wanted);
    npc_free(old);
    npc_free(now);
    return status == NPC_NO;
}

/* Of a scope, what its rules would do: no other machine's, in both families, with the failsafe
 * ports. */
static void test_diff_of_scope(void)
{
#define HOSTS                                                                                      \
    "namespace t { workload m { addr 10.0.0.1 label x=m } workload o { addr 10.0.0.2 label x=o "   \
    "}\n"
    static const char one[] = HOSTS "policy p for pods x=m { allow from cidr ::/0 on tcp/80 } }";
    static const char four[] = HOSTS "policy p for pods x=m { default deny ingress } }";
    static const char more[] = HOSTS "policy p for pods x=m { allow from cidr ::/0 on tcp/80 }\n"
                                     "policy q for pods x=o { default deny {ingress, egress} } }";
    static const char none[] = HOSTS "}";
    CU_ASSERT(!differs(load(one, "host", "t/m"), load(more, "host", "t/m"), NULL));
    CU_ASSERT(differs(load(one, NULL, NULL), load(more, NULL, NULL), NULL));
    CU_ASSERT(
        differs(load(one, "host", "t/m"), load(four, "host", "t/m"), "- ::/0 -> t/m: tcp/80"));
    CU_ASSERT(differs(load(none, "host", "t/m"), load(four, "host", "t/m"),
                      "- t/o -> t/m: tcp/0-21, tcp/23-65535, udp, sctp, other\n"));
    struct npc *open = load(four, "host", "t/m"), *closed = load(four, "host", "t/m");
    CU_ASSERT_EQUAL(npc_set(closed, "failsafe", "none"), NPC_OK);
    CU_ASSERT(differs(open, closed, "- t/o -> t/m: tcp/22\n"));
}

/* A policy that selects pods of two nodes has a say about those of one. */
static void test_diff_of_node(void)
{
    static const char pods[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"k\","
        "\"labels\":{\"x\":\"y\"}},\"spec\":{\"nodeName\":\"n1\",\"containers\":[]},\"status\":{"
        "\"phase\":\"Running\",\"podIP\":\"10.1.0.1\"}},"
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\",\"namespace\":\"k\","
        "\"labels\":{\"x\":\"y\"}},\"spec\":{\"nodeName\":\"n2\",\"containers\":[]},\"status\":{"
        "\"phase\":\"Running\",\"podIP\":\"10.1.0.2\"}}";
    static const char policy[] =
        ",{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{"
        "\"name\":\"p\",\"namespace\":\"k\"},\"spec\":{\"podSelector\":{}}}";
    struct npc *sides[2];
    for (size_t i = 0; i < 2; i++) {
        sides[i] = npc_new();
        CU_ASSERT_EQUAL(npc_set(sides[i], "node", "n1"), NPC_OK);
        char text[sizeof pods + sizeof policy + 2];
        const int n = snprintf(text, sizeof text, "%s%s]}", pods, i == 0 ? "" : policy);
        add(sides[i], "in.json", text, (size_t)n);
        CU_ASSERT_EQUAL_FATAL(npc_load(sides[i]), NPC_OK);
    }
    CU_ASSERT(differs(sides[0], sides[1],
                      "- k/b -> k/a: all\n    now: isolated by k/p in.json:1\n"
                      "- 0.0.0.0/0 -> k/a: all\n    now: isolated by k/p in.json:1\n"
                      "0 connections gained, 2 lost\n"));
}

static void test_report(void)
{
    struct npc *n = npc_new();
    const char *text;
    size_t size;
    CU_ASSERT_EQUAL(npc_report(n, NPC_ERROR, 604, "cut %s", "do so"), NPC_OK);
    CU_ASSERT_EQUAL(npc_report(n, NPC_WARNING, 708, "drift", NULL), NPC_OK);
    CU_ASSERT_EQUAL(npc_report(n, NPC_ERROR, 12345, "x", NULL), NPC_BAD);
    CU_ASSERT_EQUAL(npc_diagnostics(n, NPC_DIAG_TEXT, false, &text, &size), NPC_OK);
    CU_ASSERT_PTR_NOT_NULL(memmem(text, size, "error: cut %s [NPC604]\n  hint: do so\n", 36));
    CU_ASSERT_PTR_NOT_NULL(memmem(text, size, "warning: drift [NPC708]\n", 24));
    npc_free(n);
}

UNIT_MAIN("rules", TEST(test_scope), TEST(test_admits), TEST(test_touched), TEST(test_touched_host),
          TEST(test_inventory), TEST(test_diff_of_scope), TEST(test_diff_of_node),
          TEST(test_report))
