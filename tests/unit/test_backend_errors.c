/* What a backend cannot say: all of it is reported, each at its place, and one mistake does not
 * hide the next. */
#include "compile.h"

/* Compiles, and wants so many errors of this kind and no others. */
static void check_errors(const char *backend, struct str text, enum diag_id id, size_t n)
{
    struct compiled c;
    compile_load(&c, "in.npc", text);
    compile_run(&c, backend);
    bool good = c.loaded && !c.ok && c.ctx.diags.errors == n && count_diags(&c, id) == n;
    CU_ASSERT(good);
    if (!good) {
        printf("\nwanted %zu of NPC%03u, got:\n" STR_FMT, n, diag_number(id),
               STR_ARG(compile_messages(&c)));
    }
    compile_free(&c);
}

/* A rule with 51 ports, more than Calico takes, for pods whose selector is too long for it. */
static void put_long_rule(struct buf *b, const char *verb)
{
    buf_printf(b, "  allow %s pods ", verb);
    for (unsigned i = 0; i < 90; i++) {
        buf_printf(b, "k%u exists & ", 10 + i);
    }
    buf_puts(b, "a=b on {");
    for (unsigned i = 0; i < 51; i++) {
        buf_printf(b, "tcp/%u, ", 2 * i + 1);
    }
    buf_puts(b, "udp/53}\n");
}

static void calico_reports_all(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct buf *b = buf_new(&a);
    for (unsigned i = 0; i < 2; i++) {
        buf_printf(b, "policy p%u for pods a=b {\n", i);
        put_long_rule(b, "from");
        put_long_rule(b, "from");
        put_long_rule(b, "to");
        buf_puts(b, "  allow from pods a=b on icmp/255\n}\n");
    }
    /* in each policy three rules with two mistakes, and the type */
    check_errors("calico", buf_text(b), DIAG_NPC404, 14);
    arena_free(&a);
}

static void k8s_reports_all(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct buf *b = buf_new(&a);
    buf_puts(b, "cluster policy p in tier admin priority 1 for all pods in all namespaces {\n");
    for (unsigned i = 0; i < 26; i++) {
        buf_printf(b, "  deny from all namespaces on tcp/%u\n", 2 * i + 1);
        buf_printf(b, "  deny to all namespaces on tcp/%u\n", 2 * i + 1);
    }
    buf_puts(b, "}\n");
    check_errors("k8s", buf_text(b), DIAG_NPC404, 2);
    arena_free(&a);
    check_errors("k8s",
                 STR("policy p for all pods { default deny ingress\n"
                     "  raw k8s \"\"\"spec: {}\"\"\"\n  raw k8s \"\"\"{}\n---\n{}\"\"\" }\n"
                     "raw k8s \"\"\"[a]\"\"\"\nraw k8s \"\"\"\"\"\"\n"),
                 DIAG_NPC042, 4);
}

static void raw_reports_all(void)
{
    check_errors("json",
                 STR("policy p for all pods { default deny ingress\n"
                     "  raw nobody \"\"\"a\"\"\"\n  raw json \"\"\"a\"\"\" }\n"
                     "raw iptables \"\"\"a\"\"\"\nraw null \"\"\"a\"\"\"\n"),
                 DIAG_NPC042, 4);
    check_accepted("k8s", "in.npc",
                   STR("policy p for all pods { default deny ingress }\n"
                       "raw nft \"\"\"add table ip x\"\"\"\n"));
}

/* xt_icmp takes type 255 for any: a rule for one code of it would open all of ICMP. The whole type
 * can be said, as what is left of ICMP (tests/load/iptables.sh). */
static void iptables_has_no_codes_of_icmp_255(void)
{
    static const char *const worlds[] = {
        "namespace a { workload w { addr 10.0.0.1 label a=b }\n"
        "policy p for pods a=b { allow from anywhere on icmp/255.1 } }\n",
        "namespace a { workload w { addr 10.0.0.1 label a=b }\n"
        "policy p for pods a=b { allow to cidr 10.9.0.0/16 on icmp/255.1 } }\n",
    };
    for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++) {
        struct str text = str_of(worlds[i]);
        check_refused("iptables", "in.npc", text, DIAG_NPC406, "in.npc:2:");
        check_refused("iptables", "in.npc", text, DIAG_NPC406, "cannot say ICMP type 255");
        check_accepted("nft", "in.npc", text);
    }
    check_accepted(
        "iptables", "in.npc",
        STR("namespace a { workload w { addr 10.0.0.1 addr fd00::1 label a=b }\n"
            "policy p for pods a=b { allow from anywhere on {icmp/255, icmp6/255.1} } }\n"));
}

UNIT_MAIN("backend errors", TEST(calico_reports_all), TEST(k8s_reports_all), TEST(raw_reports_all),
          TEST(iptables_has_no_codes_of_icmp_255))
