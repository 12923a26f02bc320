/*
 * What npc source becomes: the policy IR, tests and inventory, compared with a short text form of
 * each policy that is made here and has no other use.
 */
#include "dsl.h"

/* ---- a policy as one line ----
 *
 *   ns/name target | in: rule; rule | out: rule
 *   selectors {k=v,k in(v,w)}, absent "-"; peers pods(ns,pods) net(cidr-except) node() dom()
 */

static void put_selector(struct buf *b, const struct selector *s)
{
    static const char *const ops[] = {"=", " in ", " notin ", " exists", " absent"};
    if (s == NULL) {
        buf_puts(b, "-");
        return;
    }
    buf_putc(b, '{');
    for (size_t i = 0; i < s->n; i++) {
        const struct sel_req *req = &s->v[i];
        struct str key = str_is(req->key, LABEL_NS_NAME) ? STR("NAME") : req->key;
        buf_printf(b, "%s%.*s%s", i > 0 ? "," : "", (int)key.n, key.p, ops[req->op]);
        for (size_t v = 0; v < req->nvalues; v++) {
            buf_puts(b, v > 0 ? "+" : "");
            buf_str(b, req->values[v]);
        }
    }
    buf_putc(b, '}');
}

static void put_peer(struct buf *b, const struct peer *p)
{
    switch (p->kind) {
    case PEER_PODS:
        buf_puts(b, "pods(");
        put_selector(b, p->ns);
        buf_putc(b, ',');
        put_selector(b, p->pods);
        break;
    case PEER_CIDR:
        buf_puts(b, "net(");
        cidr_print(b, p->cidr);
        for (size_t i = 0; i < p->nexcept; i++) {
            buf_putc(b, '-');
            cidr_print(b, p->except[i]);
        }
        break;
    case PEER_NODES:
        buf_puts(b, "node(");
        put_selector(b, p->nodes);
        break;
    case PEER_DOMAIN:
        buf_puts(b, "dom(");
        buf_str(b, p->domain);
        break;
    }
    buf_putc(b, ')');
}

static void put_ports(struct buf *b, bool any, const struct port *v, size_t n)
{
    buf_puts(b, any ? " all" : "");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, " %s/", proto_name(v[i].proto));
        switch (v[i].form) {
        case PORT_ONE:
            CU_ASSERT(v[i].first == v[i].last);
            buf_u64(b, v[i].first);
            break;
        case PORT_RANGE:
            buf_printf(b, "%u-%u", v[i].first, v[i].last);
            break;
        case PORT_NAMED:
            buf_str(b, v[i].name);
            break;
        case PORT_WHOLE:
            buf_putc(b, '*');
            break;
        }
    }
}

static void put_rule(struct buf *b, const struct rule *r)
{
    buf_printf(b, " %s", action_name(r->action));
    buf_puts(b, r->any_peer ? " any" : "");
    for (size_t i = 0; i < r->npeers; i++) {
        buf_putc(b, ' ');
        put_peer(b, &r->peers[i]);
    }
    buf_puts(b, " on");
    put_ports(b, r->any_port, r->ports, r->nports);
    if (r->name.n > 0) {
        buf_printf(b, " as %.*s", (int)r->name.n, r->name.p);
    }
    buf_putc(b, ';');
}

static struct str policy_text(struct dsl *d, const struct policy *p)
{
    struct buf *b = buf_new(&d->c.arena);
    buf_printf(b, "%.*s/%.*s ", (int)p->ns.n, p->ns.p ? p->ns.p : "", (int)p->name.n, p->name.p);
    if (policy_is_cluster(p)) {
        buf_printf(b, "%.*s:%u ", (int)p->tier.n, p->tier.p, p->priority);
        put_selector(b, p->target_ns);
    }
    put_selector(b, p->target_pods);
    for (int dir = 0; dir < DIRECTIONS; dir++) {
        if (p->isolates[dir] || p->nrules[dir] > 0) {
            buf_printf(b, " | %s%s:", p->isolates[dir] || policy_is_cluster(p) ? "" : "inert ",
                       direction_name((enum direction)dir));
        }
        for (size_t i = 0; i < p->nrules[dir]; i++) {
            CU_ASSERT(p->rules[dir][i].direction == (enum direction)dir);
            put_rule(b, &p->rules[dir][i]);
        }
    }
    return buf_text(b);
}

struct meaning {
    const char *text;
    const char *policies[6];
};

static void check(const struct meaning *m)
{
    struct dsl d;
    dsl_open(&d);
    bool fine = dsl_run(&d, m->text);
    unit_case(fine, "was refused", m->text);
    size_t n = 0;
    for (; m->policies[n] != NULL && fine; n++) {
        unit_case(n < d.p.policies.n, "too few policies", m->text);
        if (n == d.p.policies.n) {
            break;
        }
        struct str is = policy_text(&d, d.p.policies.v[n]);
        if (!str_is(is, m->policies[n])) {
            printf("\n    is     %.*s\n    wanted %s", (int)is.n, is.p, m->policies[n]);
        }
        unit_case(str_is(is, m->policies[n]), "means something else", m->text);
    }
    unit_case(n == d.p.policies.n, "another number of policies", m->text);
    if (!fine) {
        struct str shown = dsl_shown(&d);
        printf("%.*s", (int)shown.n, shown.p);
    }
    dsl_close(&d);
}

static void check_all(const struct meaning *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check(&v[i]);
    }
}

#define CHECK(table) check_all(table, sizeof(table) / sizeof *(table))

#define P(rule) "policy p for all pods { " rule " }"
#define N(body) "namespace n { " body " }"

static void test_peers(void)
{
    static const struct meaning cases[] = {
        {P("allow from pods a=b on tcp/1"), {"/p {} | ingress: allow pods(-,{a=b}) on tcp/1;"}},
        {P("allow from all pods in this namespace on all ports"),
         {"/p {} | ingress: allow pods(-,{}) on all;"}},
        {P("allow from pods a=b in this namespace on all ports"),
         {"/p {} | ingress: allow pods(-,{a=b}) on all;"}},
        {P("allow to pods a=b in namespace x on all ports"),
         {"/p {} | egress: allow pods({NAME=x},{a=b}) on all;"}},
        {P("allow to pods a=b in namespace {x} on all ports"),
         {"/p {} | egress: allow pods({NAME in x},{a=b}) on all;"}},
        {P("allow to all pods in namespaces c exists on all ports"),
         {"/p {} | egress: allow pods({c exists},{}) on all;"}},
        {P("allow to pods a=b in all namespaces on all ports"),
         {"/p {} | egress: allow pods({},{a=b}) on all;"}},
        {P("allow to namespace x on all ports"),
         {"/p {} | egress: allow pods({NAME=x},-) on all;"}},
        {P("allow to namespace {x, y} on all ports"),
         {"/p {} | egress: allow pods({NAME in x+y},-) on all;"}},
        {P("allow to namespaces a=b & c !exists on all ports"),
         {"/p {} | egress: allow pods({a=b,c absent},-) on all;"}},
        {P("allow to all namespaces on all ports"), {"/p {} | egress: allow pods({},-) on all;"}},
        {P("allow to anywhere on all ports"), {"/p {} | egress: allow any on all;"}},
        {P("allow to pods a in {b, b} & c notin {d, \"\"} & e exists on all ports"),
         {"/p {} | egress: allow pods(-,{a in b+b,c notin d+,e exists}) on all;"}},
        {P("allow to cidr 10.0.0.0/8 except {10.1.0.0/16, 10.2.0.0/16} on all ports"),
         {"/p {} | egress: allow net(10.0.0.0/8-10.1.0.0/16-10.2.0.0/16) on all;"}},
        {P("allow to cidr ::/0 on all ports"), {"/p {} | egress: allow net(::/0) on all;"}},
        {P("allow to {nodes a=b, all nodes, domain \"*.x.org\"} on all ports"),
         {"/p {} | egress: allow node({a=b}) node({}) dom(*.x.org) on all;"}},
    };
    CHECK(cases);
}

static void test_ports(void)
{
    static const struct meaning cases[] = {
        {P("allow to anywhere on {tcp/80, tcp/80-80, udp/1-65535, sctp/http, udp/*}"),
         {"/p {} | egress: allow any on tcp/80 tcp/80-80 udp/1-65535 sctp/http udp/*;"}},
        /* icmp/TYPE is every code of the type: keys TYPE * 256 + 0 to 255. */
        {P("allow to anywhere on {icmp/8, icmp6/128.0, icmp/3.4, icmp/*, icmp6/255}"),
         {"/p {} | egress: allow any on icmp/2048-2303 icmp6/32768 icmp/772 icmp/* "
          "icmp6/65280-65535;"}},
        {"let h = {any/http, tcp/1} cluster policy c in tier baseline priority 0 for all "
         "namespaces "
         "{ allow from namespace x on {h, any/dns} as \"why\" }",
         {"/c baseline:0 {}- | ingress: allow pods({NAME=x},-) on any/http tcp/1 any/dns as why;"}},
        {"let a = {tcp/1, b} let b = {tcp/2, udp/3} " P("allow to anywhere on {a, tcp/4, b}"),
         {"/p {} | egress: allow any on tcp/1 tcp/2 udp/3 tcp/4 tcp/2 udp/3;"}},
        /* 8xe1 looks like several numbers, and is none. */
        {"let a.b-c_D = tcp/8xe1 " P("allow to anywhere on a.b-c_D"),
         {"/p {} | egress: allow any on tcp/8xe1;"}},
        /* A namespace may be called as a protocol's stand-in: its groups come first. */
        {"namespace any { let w = tcp/9 } " P("allow to anywhere on any/w"),
         {"/p {} | egress: allow any on tcp/9;"}},
    };
    CHECK(cases);
}

static void test_groups(void)
{
    static const struct meaning cases[] = {
        /* Used at home a pods phrase says no namespace; used elsewhere it brings its own. */
        {"namespace a { let w = pods a=b policy p for w { allow from {w, n/v} on tcp/1 } }\n"
         "namespace n { let v = all pods in this namespace policy q for v { allow to {v, a/w} on "
         "tcp/2 } }",
         {"a/p {a=b} | ingress: allow pods(-,{a=b}) pods({NAME=n},{}) on tcp/1;",
          "n/q {} | egress: allow pods(-,{}) pods({NAME=a},{a=b}) on tcp/2;"}},
        /* By way of a group at top level, too, and for a policy without namespace. */
        {"let both = {a/w, cidr 10.0.0.0/8}\n"
         "namespace a { let w = pods a=b policy p for all pods { allow from both on tcp/1 } }\n" P(
             "allow from both on tcp/1"),
         {"a/p {} | ingress: allow pods(-,{a=b}) net(10.0.0.0/8) on tcp/1;",
          "/p {} | ingress: allow pods({NAME=a},{a=b}) net(10.0.0.0/8) on tcp/1;"}},
        {"let v = {pods a=b in namespace s, cidr 10.0.0.0/8} on {tcp/1, udp/1}\n"
         "let w = v\n" P("allow to w allow to {v, w}"),
         {"/p {} | egress: allow pods({NAME=s},{a=b}) net(10.0.0.0/8) on tcp/1 udp/1; allow "
          "pods({NAME=s},{a=b}) net(10.0.0.0/8) pods({NAME=s},{a=b}) net(10.0.0.0/8) on tcp/1 "
          "udp/1;"}},
        /* One peer's name, with ports, is a service. */
        {"let g = cidr 10.0.0.0/8 let s = g on tcp/1\n" P("allow to s"),
         {"/p {} | egress: allow net(10.0.0.0/8) on tcp/1;"}},
        /* Services go together if their ports are the same, however often and in which order. */
        {"let s = cidr 10.0.0.0/8 on {tcp/1, tcp/1, tcp/2}\n"
         "let t = cidr 11.0.0.0/8 on {tcp/2, tcp/1}\n" P("allow to {s, t}"),
         {"/p {} | egress: allow net(10.0.0.0/8) net(11.0.0.0/8) on tcp/2 tcp/1;"}},
        {"let x = anywhere " P("allow to x on tcp/1"), {"/p {} | egress: allow any on tcp/1;"}},
        {"let x = anywhere on tcp/1 " P("allow to x"), {"/p {} | egress: allow any on tcp/1;"}},
        {P("allow to dns"),
         {"/p {} | egress: allow pods({NAME=kube-system},{k8s-app=kube-dns}) on udp/53 tcp/53;"}},
        {P("allow to cloud-metadata on tcp/80"),
         {"/p {} | egress: allow net(169.254.169.254/32) net(fd00:ec2::254/128) on tcp/80;"}},
        {P("allow to private on tcp/80"),
         {"/p {} | egress: allow net(10.0.0.0/8) net(100.64.0.0/10) net(172.16.0.0/12) "
          "net(192.168.0.0/16) net(fc00::/7) on tcp/80;"}},
    };
    CHECK(cases);
    struct dsl d; /* a name of `anywhere` in braces is a set with it */
    dsl_open(&d);
    CU_ASSERT(!dsl_run(&d, "let y = {z} let z = anywhere"));
    CU_ASSERT(dsl_diag(&d, DIAG_NPC035) != NULL);
    dsl_close(&d);
}

static void test_blocks(void)
{
    static const struct meaning cases[] = {
        {"namespace {a, b} { let w = pods a=b policy p for w { allow from {w, c/v} on tcp/1 } }\n"
         "namespace c { let v = pods c=d policy q for v { allow to {a/w, b/w} on tcp/2 } }",
         {"a/p {a=b} | ingress: allow pods(-,{a=b}) pods({NAME=c},{c=d}) on tcp/1;",
          "b/p {a=b} | ingress: allow pods(-,{a=b}) pods({NAME=c},{c=d}) on tcp/1;",
          "c/q {c=d} | egress: allow pods({NAME=a},{a=b}) pods({NAME=b},{a=b}) on tcp/2;"}},
        /* Two blocks of one namespace share its names. */
        {"namespace a { policy p for w { default deny ingress } } namespace a { let w = pods a=b }",
         {"a/p {a=b} | ingress:"}},
    };
    CHECK(cases);
}

static void test_isolation(void)
{
    static const struct meaning cases[] = {
        {P("default deny {ingress, egress}"), {"/p {} | ingress: | egress:"}},
        {P("default deny {egress, ingress,}"), {"/p {} | ingress: | egress:"}},
        {P("default deny ingress allow to anywhere on tcp/1"),
         {"/p {} | ingress: | egress: allow any on tcp/1;"}},
        {P("default deny ingress default allow egress allow to anywhere on tcp/1"),
         {"/p {} | ingress: | inert egress: allow any on tcp/1;"}},
        {P("allow from anywhere on tcp/1"), {"/p {} | ingress: allow any on tcp/1;"}},
    };
    CHECK(cases);
}

static void test_rules_and_use(void)
{
    static const struct meaning cases[] = {
        {"rules r { allow from anywhere on tcp/1 use s allow from anywhere on tcp/4 }\n"
         "rules s { allow from anywhere on tcp/2 allow to anywhere on tcp/3 }\n" P(
             "allow from anywhere on tcp/5 use r use s"),
         {"/p {} | ingress: allow any on tcp/5; allow any on tcp/1; allow any on tcp/2; allow any "
          "on "
          "tcp/4; allow any on tcp/2; | egress: allow any on tcp/3; allow any on tcp/3;"}},
        /* Rules at top level mean the namespace of who uses them; in a block, the block's. */
        {"rules r { allow from pods a=b on tcp/1 }\n"
         "namespace x { rules s { allow from pods c=d on tcp/2 } policy p for all pods { use r use "
         "s } }\n"
         "namespace y { policy q for all pods { use r use x/s } }",
         {"x/p {} | ingress: allow pods(-,{a=b}) on tcp/1; allow pods(-,{c=d}) on tcp/2;",
          "y/q {} | ingress: allow pods(-,{a=b}) on tcp/1; allow pods({NAME=x},{c=d}) on tcp/2;"}},
        /* What only cluster policies know may stand in rules for them. */
        {"rules r { allow from namespace x on any/web }\n"
         "cluster policy c in tier admin priority 1 for all namespaces { use r }",
         {"/c admin:1 {}- | ingress: allow pods({NAME=x},-) on any/web;"}},
    };
    CHECK(cases);
}

static void test_flows(void)
{
    static const struct meaning cases[] = {
        {N("let w = pods a=b let v = pods c=d\n"
           "flows f { anywhere -> v on tcp/1\nw -> v on tcp/2 as \"x\"\n{w, v} -> dns }"),
         {"n/f-v {c=d} | ingress: allow any on tcp/1; allow pods(-,{a=b}) on tcp/2 as x; | egress: "
          "allow pods({NAME=kube-system},{k8s-app=kube-dns}) on udp/53 tcp/53;",
          "n/f-w {a=b} | egress: allow pods(-,{c=d}) on tcp/2 as x; allow "
          "pods({NAME=kube-system},{k8s-app=kube-dns}) on udp/53 tcp/53;"}},
        {N("let w = pods a=b flows f ingress { w -> w on tcp/1 }"),
         {"n/f-w {a=b} | ingress: allow pods(-,{a=b}) on tcp/1;"}},
        {N("let w = pods a=b flows f egress { w -> w on tcp/1 }"),
         {"n/f-w {a=b} | egress: allow pods(-,{a=b}) on tcp/1;"}},
        {N("let w = pods a=b flows f { w -> w on tcp/1 }"),
         {"n/f-w {a=b} | ingress: allow pods(-,{a=b}) on tcp/1; | egress: allow pods(-,{a=b}) on "
          "tcp/1;"}},
        /* Both sides, wherever the flows stand; "this namespace" is theirs. */
        {"namespace m { let x = pods e=f }\n" N(
             "let w = pods a=b flows f { w -> m/x on tcp/1\npods c=d -> m/x on tcp/2 }"),
         {"n/f-w {a=b} | egress: allow pods({NAME=m},{e=f}) on tcp/1;",
          "m/f-x {e=f} | ingress: allow pods({NAME=n},{a=b}) on tcp/1; allow "
          "pods({NAME=n},{c=d}) on tcp/2;"}},
        /* Flows of one name add to one policy. */
        {"namespace m { let x = pods e=f flows f { x -> dns } }\n"
         "namespace {n, o} { let w = pods a=b flows f { m/x -> w on tcp/1 } }",
         {"m/f-x {e=f} | egress: allow pods({NAME=kube-system},{k8s-app=kube-dns}) on udp/53 "
          "tcp/53; allow pods({NAME=n},{a=b}) on tcp/1; allow pods({NAME=o},{a=b}) on tcp/1;",
          "n/f-w {a=b} | ingress: allow pods({NAME=m},{e=f}) on tcp/1;",
          "o/f-w {a=b} | ingress: allow pods({NAME=m},{e=f}) on tcp/1;"}},
        /* At top level, flows speak for the blocks that they name. */
        {"namespace m { let x = pods e=f }\n" N(
             "let w = pods a=b") "\nflows f { n/w -> m/x on tcp/1 }",
         {"n/f-w {a=b} | egress: allow pods({NAME=m},{e=f}) on tcp/1;",
          "m/f-x {e=f} | ingress: allow pods({NAME=n},{a=b}) on tcp/1;"}},
    };
    CHECK(cases);
}

static void test_cluster(void)
{
    static const struct meaning cases[] = {
        {"cluster policy c in tier admin priority 7 for namespaces a=b { deny to cidr 10.0.0.0/8 "
         "on "
         "all ports pass from all namespaces on tcp/1 }",
         {"/c admin:7 {a=b}- | ingress: pass pods({},-) on tcp/1; | egress: deny net(10.0.0.0/8) "
          "on "
          "all;"}},
        {"namespace n { let w = pods a=b } cluster policy c in tier admin priority 7 for n/w { "
         "deny "
         "from n/w on tcp/1 }",
         {"/c admin:7 {NAME=n}{a=b} | ingress: deny pods({NAME=n},{a=b}) on tcp/1;"}},
        {"cluster policy c in tier t priority 7 for all pods in all namespaces { } tier t order 3",
         {"/c t:7 {}{}"}},
    };
    CHECK(cases);
}

static void test_metadata(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT_FATAL(dsl_run(&d, P("annotation z/y = \"1\" desc \"why\" label b = c label a = \"\" "
                                  "annotation x = \"\" default deny ingress")));
    const struct policy *p = d.p.policies.v[0];
    CU_ASSERT_FATAL(p->annotations.n == 3 && p->labels.n == 2);
    CU_ASSERT(str_is(p->annotations.v[0].key, "kubernetes.io/description"));
    CU_ASSERT(str_is(p->annotations.v[0].value, "why"));
    CU_ASSERT(str_is(p->annotations.v[1].key, "z/y") && str_is(p->annotations.v[2].key, "x"));
    CU_ASSERT(str_is(p->labels.v[0].key, "b") && str_is(p->labels.v[1].key, "a"));
    CU_ASSERT(p->at.line == 1 && p->at.col == 8);
    dsl_close(&d);
}

/* Text for the whole output, in a block of two namespaces: it is there once. */
static void test_raw(void)
{
    struct dsl d;
    dsl_open(&d);
    d.o.allow_raw = true;
    CU_ASSERT(dsl_run(&d, "namespace {a, b} { raw nft \"\"\"x\"\"\" }"));
    CU_ASSERT_FATAL(d.p.raws.n == 1);
    CU_ASSERT(str_is(d.p.raws.v[0].text, "x"));
    dsl_close(&d);
}

static void test_inventory(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT_FATAL(dsl_run(
        &d, "node n2 { addr 10.9.0.2 } node n1 { label z=y label a=b }\n"
            "workload top { addr 10.0.0.9 }\n"
            "namespace {b, a} { label env = prod workload w { addr {10.0.0.1, fd00::1} label z=1 "
            "label a=2 port http = tcp/80 port http = udp/80 } }"));
    const struct inventory *inv = &d.p.inv;
    CU_ASSERT_FATAL(inv->workloads.n == 3 && inv->nodes.n == 2 && inv->namespaces.n >= 2);
    const struct workload *w = inventory_find_workload(inv, STR("a"), STR("w"));
    CU_ASSERT_FATAL(w != NULL && w->naddrs == 2 && w->nports == 2 && w->labels.n == 2);
    CU_ASSERT(w->kind == WL_WORKLOAD && str_is(w->labels.v[0].key, "a"));
    CU_ASSERT(w->addrs[0].family == FAM_IP4 && w->addrs[0].ip.lo == 0x0a000001);
    CU_ASSERT(w->addrs[1].family == FAM_IP6 && w->addrs[1].ip.hi == 0xfd00ull << 48);
    CU_ASSERT(w->ports[1].proto == PROTO_UDP && w->ports[1].number == 80);
    CU_ASSERT(inventory_find_workload(inv, STR("b"), STR("w")) != NULL);
    CU_ASSERT(inventory_find_workload(inv, STR("default"), STR("top")) != NULL);
    const struct ns_object *ns = inventory_find_ns(inv, STR("b"));
    CU_ASSERT_FATAL(ns != NULL && ns->declared);
    CU_ASSERT(labels_find(&ns->labels, STR("env")) != NULL);
    CU_ASSERT(labels_find(&ns->labels, STR(LABEL_NS_NAME)) != NULL);
    const struct node_object *n = inventory_find_node(inv, STR("n1"));
    CU_ASSERT_FATAL(n != NULL && n->labels.n == 2);
    CU_ASSERT(str_is(n->labels.v[0].key, "a"));
    dsl_close(&d);
}

static void test_default_namespace(void)
{
    struct dsl d;
    dsl_open(&d);
    d.o.has_default_ns = true;
    d.o.default_ns = STR("shop");
    CU_ASSERT(dsl_run(&d, "workload top { } test \"t\" { expect deny workload top -> anywhere on "
                          "all ports }"));
    CU_ASSERT(inventory_find_workload(&d.p.inv, STR("shop"), STR("top")) != NULL);
    CU_ASSERT_FATAL(d.p.tests.n == 1 && d.p.tests.v[0].n == 1);
    CU_ASSERT(str_is(d.p.tests.v[0].v[0].from.workload_ns, "shop"));
    dsl_close(&d);
}

static void test_tests(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT_FATAL(dsl_run(
        &d, N("let w = pods a=b test \"t\" { expect allow {w, pods c=d} -> cidr 10.0.0.0/8 on "
              "{tcp/1, udp/*} expect deny anywhere -> workload x on all ports expect allow w -> "
              "dns }")));
    CU_ASSERT_FATAL(d.p.tests.n == 1);
    const struct test *t = &d.p.tests.v[0];
    CU_ASSERT_FATAL(t->n == 3);
    CU_ASSERT(str_is(t->name, "t") && str_is(t->ns, "n"));
    const struct expectation *e = t->v;
    CU_ASSERT(e[0].allow && !e[0].any_port && e[0].nports == 2);
    CU_ASSERT_FATAL(e[0].from.npeers == 2 && e[0].to.npeers == 1);
    for (size_t i = 0; i < 2; i++) { /* pods of a test always say their namespace */
        const struct selector *ns = e[0].from.peers[i].ns;
        CU_ASSERT_FATAL(ns != NULL && ns->n == 1);
        CU_ASSERT(ns->v[0].op == SEL_EQ && str_is(ns->v[0].values[0], "n"));
    }
    CU_ASSERT(!e[1].allow && e[1].any_port && e[1].from.any && !e[1].to.any);
    CU_ASSERT(str_is(e[1].to.workload, "x") && str_is(e[1].to.workload_ns, "n"));
    CU_ASSERT(e[2].nports == 2 && e[2].to.npeers == 1);
    dsl_close(&d);
}

/* What a group means is kept for its next user, but only for one that sees it alike. */
static void test_group_seen_by_a_test(void)
{
    struct dsl d;
    dsl_open(&d);
    CU_ASSERT_FATAL(
        dsl_run(&d, N("let w = pods a=b policy p for all pods { allow from w on tcp/1 } "
                      "test \"t\" { expect allow w -> w on tcp/1 } "
                      "policy q for all pods { allow from w on tcp/1 }")));
    const struct expectation *e = d.p.tests.v[0].v;
    CU_ASSERT(e->from.peers[0].ns != NULL && e->to.peers[0].ns != NULL);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT(d.p.policies.v[i]->rules[DIR_INGRESS][0].peers[0].ns == NULL);
    }
    dsl_close(&d);
}

UNIT_MAIN("dsl_meaning", TEST(test_peers), TEST(test_ports), TEST(test_groups), TEST(test_blocks),
          TEST(test_isolation), TEST(test_rules_and_use), TEST(test_flows), TEST(test_cluster),
          TEST(test_metadata), TEST(test_raw), TEST(test_inventory), TEST(test_default_namespace),
          TEST(test_tests), TEST(test_group_seen_by_a_test))
