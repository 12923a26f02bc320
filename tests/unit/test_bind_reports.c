/*
 * What binding says, word for word, with its places, notes and hints: of scopes, addresses, empty
 * peers and policies without a namespace. And how it uses memory.
 */
#include "compile.h"
#include "ir/bind.h"
#include "memory.h"

#define DOC(text) "---\n{apiVersion: v1, " text "}\n"
#define POD(name, spec, status)                                                                    \
    DOC("kind: Pod, metadata: {name: " name ", namespace: a}, spec: {" spec                        \
        "containers: [{name: c}]}, status: {" status "}")
#define AT(ip)     "phase: Running, podIP: " ip
#define IN_A(body) "namespace a { " body " }\n"

/* Loads a program in npc, and objects. */
static void load_both(struct compiled *c, const char *npc, const char *yaml)
{
    ctx_init(&c->ctx, unit_oom, NULL);
    program_init(&c->program, &c->ctx);
    static const struct load_options options = {0};
    struct input in[] = {{.path = STR("t.npc"), .in_memory = true, .text = str_of(npc)},
                         {.path = STR("t.yaml"), .in_memory = true, .text = str_of(yaml)}};
    c->loaded = load_inputs(&c->ctx, &options, in, yaml[0] == '\0' ? 1 : 2, &c->program);
    c->out = buf_new(&c->ctx.arena);
}

/* "LINE error NPC602: text (hint) [LINE: note]", a line each. */
static struct str said(struct compiled *c)
{
    static const char *const severities[] = {"error", "warning", "info"};
    struct buf *b = buf_new(&c->ctx.arena);
    for (size_t i = 0; i < c->ctx.diags.list.n; i++) {
        const struct diag *d = c->ctx.diags.list.v[i];
        buf_printf(b, "%u %s NPC%03u: " STR_FMT, d->at.line, severities[d->severity],
                   diag_number(d->id), STR_ARG(d->text));
        if (d->hint.n > 0) {
            buf_printf(b, " (" STR_FMT ")", STR_ARG(d->hint));
        }
        for (size_t k = 0; k < d->notes.n; k++) {
            buf_printf(b, " [%u: " STR_FMT "]", d->notes.v[k].at.line, STR_ARG(d->notes.v[k].text));
        }
        buf_putc(b, '\n');
    }
    return buf_text(b);
}

static void check_said(const char *npc, const char *yaml, struct bind_options options, bool binds,
                       const char *want)
{
    struct compiled c;
    load_both(&c, npc, yaml);
    CU_ASSERT(c.loaded);
    const struct bound *b = c.loaded ? bind_program(&c.ctx, &c.program, &options) : NULL;
    CU_ASSERT_EQUAL(b != NULL, binds);
    struct str got = said(&c);
    CU_ASSERT(str_is(got, want));
    if (!str_is(got, want)) {
        printf("\nwanted:\n%s\ngot:\n" STR_FMT "\n", want, STR_ARG(got));
    }
    compile_free(&c);
}

static const struct bind_options all = {.scope = BIND_ALL};

static struct bind_options of_node(const char *node)
{
    return (struct bind_options){.scope = BIND_NODE, .node = str_of(node)};
}

static struct bind_options of_host(const char *host)
{
    return (struct bind_options){.scope = BIND_HOST, .host_ns = STR("a"), .host = str_of(host)};
}

/* ---- scope ---- */

static void npc902_nodes(void)
{
    static const char node[] = "node alpha { addr 192.168.0.1 }\n";
    static const char pods[] = POD("p", "nodeName: omega, ", AT("10.0.0.1"))
        POD("done", "nodeName: sigma, ", "phase: Succeeded");
    check_said(node, pods, of_node("alpha"), true, "");
    check_said(node, pods, of_node("omega"), true, ""); /* known by a pod that runs there */
    check_said(node, pods, of_node("sigma"), false,
               "0 error NPC902: no node and no pod of a node sigma is in the inventory\n");
    check_said(node, pods, of_node("alphb"), false,
               "0 error NPC902: no node and no pod of a node alphb is in the inventory "
               "(did you mean alpha?)\n");
    check_said(node, pods, of_node("omegb"), false,
               "0 error NPC902: no node and no pod of a node omegb is in the inventory "
               "(did you mean omega?)\n");
    check_said(node, pods, of_node("quite-another"), false,
               "0 error NPC902: no node and no pod of a node quite-another is in the inventory\n");
    check_said("node n { addr 192.168.0.1 }\n", POD("p", "nodeName: omega, ", AT("10.0.0.1")),
               of_node("m"), false,
               "0 error NPC902: no node and no pod of a node m is in the inventory "
               "(did you mean n?)\n");
}

static void npc902_hosts(void)
{
    static const char pods[] = POD("done", "", "phase: Succeeded, podIP: 10.0.0.1")
        POD("shared", "hostNetwork: true, ", AT("10.0.0.2")) POD("web", "", AT("10.0.0.3"));
    check_said("", pods, of_host("done"), false, "2 error NPC902: host a/done is finished\n");
    check_said("", pods, of_host("shared"), false,
               "4 error NPC902: host a/shared is on its node's network, where no policy applies to "
               "it\n");
    check_said("", pods, of_host("wed"), false,
               "0 error NPC902: no workload a/wed is in the inventory (did you mean a/web?)\n");
    check_said("", pods, of_host("quite-another"), false,
               "0 error NPC902: no workload a/quite-another is in the inventory\n");
    check_said("", POD("web", "", AT("10.0.0.3")), of_host("quite-another"), false,
               "0 error NPC902: no workload a/quite-another is in the inventory\n");
    check_said("", pods, of_host("web"), true,
               "6 info NPC606: a/web has no known IPv6 address: the host rules close both "
               "families\n");
}

/* ---- addresses ---- */

static void npc602_says_whose(void)
{
    check_said(
        IN_A("\nworkload one { addr 10.0.0.1 }\n"
             "workload low { addr 10.0.0.0 }\n"
             "workload two { addr 10.0.0.1 }\n"
             "workload top { addr 10.0.0.9 }"),
        "", all, false,
        "4 error NPC602: 10.0.0.1 is a/one and a/two: their policies would mix; expected one "
        "live workload for each address [2: a/one is here]\n");
}

/* All its addresses with each other, of each family by itself. */
static void T45_pairs_of_one_family(void)
{
    struct bind_options o = all;
    o.max_elements = 3;
    check_said(IN_A("workload one { addr 10.0.0.1 addr 10.0.0.2 addr fd00::1 addr fd00::2 addr "
                    "fd00::3 }"),
               "", o, false,
               "1 error NPC605: the policies expand to 4 elements or more; the limit is 3 (split "
               "the inventory by node, or raise --max-elements)\n");
}

static void npc601_after_others(void)
{
    check_said(IN_A("\nworkload aa { addr 10.0.0.1 }\nworkload vm { }"
                    "\npolicy p for all pods { default deny ingress }"),
               POD("pod", "", "phase: Pending"), all, false,
               "2 info NPC601: pod a/pod has no address yet: it gets no rules\n"
               "3 error NPC601: workload a/vm is selected by policy p and has no address; expected "
               "`addr` with at least one [4: policy p is here]\n");
    check_said(IN_A("workload vm { }") "cluster policy c in tier admin priority 1 for all "
                                       "namespaces { allow from anywhere on tcp/80 }\n",
               "", all, false,
               "1 error NPC601: workload a/vm is selected by policy c and has no address; expected "
               "`addr` with at least one [2: policy c is here]\n");
}

/* ---- empty peers and targets ---- */

static void npc603_says_what_is_not_done(void)
{
    check_said(IN_A("workload web { addr 10.0.0.1 }") "node four { addr 192.168.0.1 label v=4 }\n"
                                                      "node six { addr fd00::1 label v=6 }\n"
                                                      "cluster policy c in tier admin priority 1 "
                                                      "for all namespaces {\n"
                                                      "allow to nodes v=4 on tcp/80\n"
                                                      "allow to nodes v=6 on tcp/80\n"
                                                      "deny to nodes v=5 on tcp/80\n"
                                                      "pass to namespace b on tcp/80\n"
                                                      "allow to namespace c on tcp/80\n}\n",
               "", all, true,
               "7 warning NPC603: this peer matches no address of the inventory: it denies nothing "
               "now\n"
               "8 warning NPC603: this peer matches no address of the inventory: it passes nothing "
               "now\n"
               "9 warning NPC603: this peer matches no address of the inventory: it allows nothing "
               "now\n");
}

static void npc205_once_without_pods(void)
{
    check_said("npc 1\n", "", all, true, "");
    check_said(IN_A("policy p for pods x=y { allow from pods x=y on tcp/80 }"
                    " policy q for pods x=z { default deny ingress }"),
               "", all, true,
               "0 warning NPC205: the inventory holds no pod or workload that a policy could "
               "select: nothing is filtered\n");
    check_said(IN_A("policy p for pods x=y { default deny ingress }"), "", all, true,
               "0 warning NPC205: the inventory holds no pod or workload that a policy could "
               "select: nothing is filtered\n");
    check_said(
        IN_A("workload web { addr 10.0.0.1 } policy p for pods x=y { default deny ingress }"), "",
        all, true, "1 warning NPC205: policy p selects no pod or workload of the inventory\n");
}

/* ---- policies without a namespace ---- */

static void npc502_only_of_its_own(void)
{
    static const char others[] =
        "namespace default { policy p for all pods { default deny ingress } }\n"
        "namespace b { policy p for all pods { default deny egress } }\n"
        "cluster policy p in tier admin priority 1 for all namespaces {"
        " allow from anywhere on tcp/80 }\n"
        "namespace default { workload web { addr 10.0.0.1 } }\n"
        "namespace b { workload web { addr 10.0.0.2 } }\n";
    check_said(others, "", all, true, "");
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct str text = str_printf(&a, "%spolicy p for all pods { default deny egress }\n", others);
    check_said(
        text.p, "", all, false,
        "6 info NPC501: policy p has no namespace: it lands wherever kubectl points (npc takes "
        "it to be in \"default\"; --namespace says otherwise)\n"
        "6 error NPC502: policy p has no namespace, and namespace default, where it belongs "
        "then, has another one of that name (say where it belongs: in its metadata, or by "
        "--namespace) [1: the other one is here]\n");
    arena_free(&a);
}

/* ---- memory ---- */

static void count_tick(void *arg)
{
    ++*(size_t *)arg;
}

/* What binding needs besides its result comes from an arena that tells the same progress … */
static void scratch_memory_is_seen(void)
{
    struct compiled c;
    load_both(&c, IN_A("workload web { addr 10.0.0.1 }"), "");
    size_t ticks = 0, before = c.ctx.arena.total;
    while (c.ctx.arena.total == before) { /* then the result has room in one chunk */
        arena_alloc(&c.ctx.arena, 64);
    }
    before = c.ctx.arena.total;
    c.ctx.arena.tick = count_tick;
    c.ctx.arena.tick_arg = &ticks;
    CU_ASSERT_PTR_NOT_NULL(bind_program(&c.ctx, &c.program, &all));
    CU_ASSERT_EQUAL(c.ctx.arena.total, before);
    CU_ASSERT(ticks > 0);
    c.ctx.arena.tick = NULL;
    compile_free(&c);
}

/* … and is given back. */
static void scratch_memory_is_given_back(void)
{
    struct compiled c;
    load_both(&c, IN_A("workload web { addr 10.0.0.1 }"), "");
    size_t before = memory_held();
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_PTR_NOT_NULL(bind_program(&c.ctx, &c.program, &all));
    }
    CU_ASSERT(memory_held() - before < 1 << 20);
    compile_free(&c);
}

UNIT_MAIN("bind_reports", TEST(npc902_nodes), TEST(npc902_hosts), TEST(npc602_says_whose),
          TEST(T45_pairs_of_one_family), TEST(npc601_after_others),
          TEST(npc603_says_what_is_not_done), TEST(npc205_once_without_pods),
          TEST(npc502_only_of_its_own), TEST(scratch_memory_is_seen),
          TEST(scratch_memory_is_given_back))
