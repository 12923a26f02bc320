/*
 * Rows: what a class may send or take, by peer, where rules of several tiers, names of ports and
 * several kinds of peers meet; worked out by hand. And what is promised about their form.
 */
#include "world_text.h"

/* ---- form ---- */

/* Entries rise, are of classes that the family has, say what the others do not; a row is made once,
 * and what it took to make it is given back. */
static void check_row(const struct world *w, enum family f, enum direction d, uint32_t profile)
{
    const struct row *row = world_row(w, f, d, profile);
    for (size_t i = 0; i < row->n; i++) {
        CU_ASSERT(i == 0 || row->v[i - 1].class_id < row->v[i].class_id);
        CU_ASSERT(w->classes[row->v[i].class_id].has[f]);
        CU_ASSERT(row->v[i].traffic != row->other);
    }
    const void *made = row->v;
    CU_ASSERT_PTR_EQUAL(world_row(w, f, d, profile)->v, made);
}

static void check_rows(const struct world *w)
{
    const struct arena *scratch = w->parts->scratch;
    CU_ASSERT_PTR_EQUAL(scratch->oom, w->ctx->arena.oom);
    const char *before = NULL;
    for (enum family f = 0; f < FAMILIES; f++) {
        for (enum direction d = 0; d < DIRECTIONS; d++) {
            for (uint32_t i = 0; i < w->parts->profiles[d].n; i++) {
                check_row(w, f, d, i);
                CU_ASSERT(before == NULL || scratch->next == before);
                before = scratch->next;
            }
        }
    }
}

/* ---- what passes ---- */

/* Of tcp/1 to tcp/9 those that pass. */
static struct str ports_to(const struct world *w, const char *from, const char *to)
{
    struct traffic t = world_traffic(w, class_at(w, from), class_at(w, to));
    enum family f = strchr(from, ':') != NULL ? FAM_IP6 : FAM_IP4;
    struct portset ports = traffic_ports(w->traffic, f, t.of[f]);
    struct buf *got = buf_new(&w->ctx->arena);
    for (uint16_t port = 1; port <= 9; port++) {
        if (portset_has(ports, PROTO_TCP, port)) {
            buf_putc(got, (char)('0' + port));
        }
    }
    return buf_text(got);
}

struct pair {
    const char *from, *to, *ports;
};

static void check_pairs(const char *text, const struct pair *pairs, size_t n)
{
    static const struct world_options plain;
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc", text, &plain);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    check_rows(w);
    for (size_t i = 0; i < n; i++) {
        struct str got = ports_to(w, pairs[i].from, pairs[i].to);
        CU_ASSERT(str_is(got, pairs[i].ports));
        if (!str_is(got, pairs[i].ports)) {
            printf("\n%s to %s: " STR_FMT "\n", pairs[i].from, pairs[i].to, STR_ARG(got));
        }
    }
    compile_free(&c);
}

#define CHECK_PAIRS(text, pairs) check_pairs(text, pairs, sizeof(pairs) / sizeof *(pairs))

/* What a tier passes on is no other rule's of the tier, but the next one's. */
static void tiers_pass_on(void)
{
    static const struct pair pairs[] = {{"10.0.0.2", "10.0.0.1", "1267"},
                                        {"10.0.0.9", "10.0.0.1", "123456789"}};
    CHECK_PAIRS(
        "tier one order 10\ntier two order 20\n"
        "namespace shop {\nworkload web { addr 10.0.0.1 label app=web }\n"
        "workload db { addr 10.0.0.2 label app=db }\n}\n"
        "cluster policy a in tier one priority 1 for pods app=web in all namespaces {\n"
        "pass from pods app=db in all namespaces on {tcp/1, tcp/2, tcp/3}\n"
        "deny from pods app=db in all namespaces on {tcp/1, tcp/2, tcp/3, tcp/4}\n}\n"
        "cluster policy b in tier two priority 1 for pods app=web in all namespaces {\n"
        "pass from pods app=db in all namespaces on {tcp/2, tcp/3}\n"
        "allow from pods app=db in all namespaces on {tcp/1, tcp/6}\n"
        "deny from pods app=db in all namespaces on {tcp/2, tcp/3, tcp/5}\n}\n"
        "cluster policy c in tier admin priority 1 for pods app=web in all namespaces {\n"
        "allow from pods app=db in all namespaces on tcp/2\n}\n"
        "cluster policy d in tier baseline priority 1 for pods app=web in all namespaces {\n"
        "deny from pods app=db in all namespaces on {tcp/2, tcp/3, tcp/8, tcp/9}\n}\n",
        pairs);
}

/* The first pod has the name, too; one has it in the other family, one has not. */
#define NAMES                                                                                      \
    "namespace shop {\n"                                                                           \
    "workload a { addr 10.0.0.1 label app=a port x=tcp/1 }\n"                                      \
    "workload b { addr 10.0.0.2 label app=b port x=tcp/2 }\n"                                      \
    "workload c { addr 10.0.0.3 label app=c }\n"                                                   \
    "workload d { addr fd00::4 label app=d port x=tcp/4 }\n"                                       \
    "workload e { addr fd00::5 label app=c }\n"

static void names_are_the_peers(void)
{
    static const struct pair pairs[] = {
        {"10.0.0.3", "10.0.0.1", "19"}, {"10.0.0.3", "10.0.0.2", "29"},
        {"10.0.0.3", "10.9.9.9", "9"},  {"fd00::5", "fd00::4", "49"},
        {"fd00::5", "fd00::9", "9"},
    };
    CHECK_PAIRS(NAMES "policy p for pods app=c { allow to anywhere on {tcp/x, tcp/9} }\n}\n",
                pairs);
    CHECK_PAIRS(NAMES "}\ncluster policy p in tier admin priority 1 for pods app=c in all "
                      "namespaces {\nallow to anywhere on {tcp/x, tcp/9}\n"
                      "deny to anywhere on tcp/1-9\n}\n",
                pairs);
}

/* Rules that are alike but for the kind of their peers, or which one. */
static void kinds_of_peers(void)
{
    static const struct pair pairs[] = {
        {"10.0.0.1", "10.0.0.9", "1"}, {"10.0.0.2", "10.0.0.9", "2"}, {"10.0.0.3", "10.0.0.9", "3"},
        {"10.8.0.1", "10.0.0.9", "4"}, {"10.8.0.2", "10.0.0.9", "5"}, {"10.8.0.3", "10.0.0.9", "6"},
        {"10.7.0.1", "10.0.0.9", "7"}, {"10.7.0.2", "10.0.0.9", ""},
    };
    CHECK_PAIRS("node n1 { addr 10.8.0.1 label n=1 }\nnode n2 { addr 10.8.0.2 label n=2 }\n"
                "node n3 { addr 10.8.0.3 label n=3 }\n"
                "namespace shop {\nworkload web { addr 10.0.0.9 label app=web }\n"
                "workload p1 { addr 10.0.0.1 label n=1 }\nworkload p2 { addr 10.0.0.2 label n=2 }\n"
                "workload p3 { addr 10.0.0.3 label n=3 }\n"
                "policy p for pods app=web {\n"
                "allow from pods n=1 on tcp/1\nallow from pods n=2 on tcp/2\n"
                "allow from pods n=3 on tcp/3\nallow from nodes n=1 on tcp/4\n"
                "allow from nodes n=2 on tcp/5\nallow from nodes n=3 on tcp/6\n"
                "allow from cidr 10.7.0.1/32 on tcp/7\n}\n}\n",
                pairs);
}

/* ---- a host ---- */

static bool count_flow(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    (void)from, (void)to, (void)t;
    ++*(size_t *)arg;
    return true;
}

/* All pairs between which something passes are found. */
static void check_flows(const struct world *w)
{
    size_t found = 0, pairs = 0;
    world_flows(w, count_flow, &found);
    for (uint32_t from = 0; from < w->nclasses; from++) {
        for (uint32_t to = 0; to < w->nclasses; to++) {
            bool pod = world_pod_of(w, from) != NULL || world_pod_of(w, to) != NULL;
            pairs += pod && !traffic_is_none(world_traffic(w, from, to));
        }
    }
    CU_ASSERT_EQUAL(found, pairs);
}

/* A machine keeps its failsafe ports open, and nobody else does who is like it. */
static void a_host_keeps_its_ports(void)
{
    static const char *const at[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
    for (size_t host = 0; host < 3; host++) {
        struct compiled c;
        compile_load(&c, "t.npc",
                     STR("namespace shop {\nworkload a { addr 10.0.0.1 label app=a }\n"
                         "workload b { addr 10.0.0.2 label app=b }\n"
                         "workload c { addr 10.0.0.3 label app=b }\n"
                         "policy p for pods app=a { allow from anywhere on tcp/9 }\n"
                         "policy q for pods app=b {\nallow from anywhere on tcp/1\n"
                         "allow from pods app=a on tcp/3\ndefault deny egress\n}\n}\n"));
        CU_ASSERT_FATAL(c.loaded);
        const struct world_options options = {.host = c.program.inv.workloads.v[host],
                                              .failsafe =
                                                  portset_of(&c.ctx.arena, PROTO_TCP, 2, 2)};
        const struct world *w = world_new(&c.ctx, &c.program, &options, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(w);
        check_rows(w);
        check_flows(w);
        CU_ASSERT(str_is(ports_to(w, "10.9.9.9", at[0]), host == 0 ? "29" : "9"));
        for (size_t i = 1; i < 3; i++) {
            CU_ASSERT(str_is(ports_to(w, "10.9.9.9", at[i]), i == host ? "12" : "1"));
            CU_ASSERT(str_is(ports_to(w, at[0], at[i]), i == host ? "123" : "13"));
            CU_ASSERT(str_is(ports_to(w, at[i], "10.9.9.9"), ""));
        }
        CU_ASSERT_EQUAL(w->classes[class_at(w, at[host])].nmembers, 1);
        compile_free(&c);
    }
}

/* ---- profiles ---- */

/* Who decides about a class is a matter of each direction. */
static void deciders(void)
{
    static const struct world_options plain;
    struct compiled c;
    const struct world *w = world_of(&c, "t.npc",
                                     "namespace shop { workload web { addr 10.0.0.1 } }\n"
                                     "cluster policy p in tier admin priority 1 for all namespaces"
                                     " { allow from anywhere on tcp/1 }\n",
                                     &plain);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    const struct endpoint_class *web = &w->classes[class_at(w, "10.0.0.1")];
    CU_ASSERT_EQUAL(web->npolicies[DIR_INGRESS], 1);
    CU_ASSERT_EQUAL(web->npolicies[DIR_EGRESS], 0);
    compile_free(&c);
}

/* Whom NetworkPolicies isolate, no tier after them is asked about. */
static void deciders_of_the_isolated(void)
{
    static const struct world_options plain;
    struct compiled c;
    const struct world *w =
        world_of(&c, "t.npc",
                 "tier late order 2000000\n"
                 "namespace shop { workload web { addr 10.0.0.1 label app=web }\n"
                 "  workload db { addr 10.0.0.2 }\n"
                 "  policy own for pods app=web { default deny ingress } }\n"
                 "cluster policy a in tier admin priority 1 for all namespaces"
                 " { allow from anywhere on tcp/1 }\n"
                 "cluster policy b in tier baseline priority 1 for all namespaces"
                 " { allow from anywhere on tcp/2 allow to anywhere on tcp/2 }\n"
                 "cluster policy c in tier late priority 1 for all namespaces"
                 " { allow from anywhere on tcp/3 allow to anywhere on tcp/3 }\n",
                 &plain);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    static const struct {
        const char *address, *names[DIRECTIONS]; /* each of one letter; NetworkPolicies first */
    } rows[] = {{"10.0.0.1", {"oa", "cb"}}, {"10.0.0.2", {"acb", "cb"}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct endpoint_class *class = &w->classes[class_at(w, rows[i].address)];
        for (size_t d = 0; d < DIRECTIONS; d++) {
            CU_ASSERT_EQUAL_FATAL(class->npolicies[d], strlen(rows[i].names[d]));
            for (size_t k = 0; k < class->npolicies[d]; k++) {
                CU_ASSERT_EQUAL(class->policies[d][k]->origin->name.p[0], rows[i].names[d][k]);
            }
        }
    }
    compile_free(&c);
}

UNIT_MAIN("world_rows", TEST(tiers_pass_on), TEST(names_are_the_peers), TEST(kinds_of_peers),
          TEST(a_host_keeps_its_ports), TEST(deciders), TEST(deciders_of_the_isolated))
