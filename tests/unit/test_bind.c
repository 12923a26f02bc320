/*
 * Binding against a naive evaluator (world.h): random small worlds, every pair of addresses, every
 * protocol, every port at which anything could change. And what binding reports.
 */
#include "bound.h"
#include "world.h"

/* ---- the verdict of the bound form ---- */

/* The layouts of kernel backends: an address that is in a class never gets to the networks. */
static bool classes_suffice(const struct bound_side *s, const struct target_class *t,
                            struct ip peer)
{
    uint32_t class = peer_class(s, peer);
    for (size_t i = 0; class != 0 && i < t->ngrants; i++) {
        const struct grant *g = t->grants[i];
        if (!g->any_peer && ipset_has(g->nets, peer) && !grant_has_class(g, class)) {
            return false;
        }
    }
    return true;
}

/* ---- comparing ---- */

/* Compares all packets between two addresses. Returns the number of wrong verdicts. */
static size_t compare_pair(const struct random_world *w, const struct bound *b,
                           const struct probes *p, struct address pod, struct address peer)
{
    size_t wrong = 0;
    const struct workload *local = naive_pod(&w->program, pod);
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < p->npackets; i++) {
            struct packet pk = p->packets[i];
            if (!foreign(pk, pod.family)) {
                bool want = naive_allows(w, (enum direction)d, local, peer, pk);
                wrong += bound_allows(b, (enum direction)d, pod, peer, pk.proto, pk.key) != want;
            }
        }
        const struct bound_side *s = &b->side[pod.family][d];
        for (size_t i = 0; i < s->ntargets; i++) {
            wrong += !classes_suffice(s, &s->targets[i], peer.ip);
        }
    }
    return wrong;
}

static size_t compare_world(const struct random_world *w, const struct bound *b,
                            const struct probes *p)
{
    size_t wrong = 0;
    for (size_t i = 0; i < p->naddrs; i++) {
        const struct workload *local = naive_pod(&w->program, p->addrs[i]);
        if (local == NULL || !in_scope(w, local)) {
            continue;
        }
        for (size_t k = 0; k < p->naddrs; k++) {
            if (p->addrs[k].family == p->addrs[i].family) {
                wrong += compare_pair(w, b, p, p->addrs[i], p->addrs[k]);
            }
        }
    }
    return wrong;
}

/* ---- what bind.h promises about the form ---- */

static bool rising(const struct addr_list *l)
{
    for (size_t i = 1; i < l->n; i++) {
        if (ip_cmp(l->v[i - 1], l->v[i]) >= 0) {
            return false;
        }
    }
    return true;
}

static bool side_is_well_formed(const struct bound_side *s, enum family f)
{
    bool ok = true;
    for (size_t i = 0; i < s->ntargets; i++) {
        const struct target_class *t = &s->targets[i];
        ok = ok && t->id == i + 1 && t->addrs.n > 0 && rising(&t->addrs) && t->npolicies > 0;
        ok = ok && t->example != NULL;
        ok = ok && (i == 0 || ip_cmp(s->targets[i - 1].addrs.v[0], t->addrs.v[0]) < 0);
        for (size_t k = 0; k < t->ngrants; k++) {
            const struct grant *g = t->grants[k];
            bool someone = g->any_peer || g->classes.n > 0 || g->nets.n > 0;
            ok = ok && someone && !portset_is_empty(g->ports);
            ok = ok && g->ports.keys[f == FAM_IP4 ? PROTO_ICMP6 : PROTO_ICMP].n == 0;
            for (size_t c = 0; c < g->classes.n; c++) {
                ok = ok && g->classes.v[c] >= 1 && g->classes.v[c] <= s->npeers;
                ok = ok && (c == 0 || g->classes.v[c - 1] < g->classes.v[c]);
            }
        }
    }
    for (size_t i = 0; i < s->npeers; i++) {
        const struct peer_class *c = &s->peers[i];
        ok = ok && c->id == i + 1 && c->addrs.n > 0 && rising(&c->addrs);
        ok = ok && (i == 0 || ip_cmp(s->peers[i - 1].addrs.v[0], c->addrs.v[0]) < 0);
    }
    return ok;
}

static void random_worlds(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    size_t targets = 0;
    for (size_t i = rng_rounds(600); i > 0; i--) {
        struct random_world w;
        world_init(&w, &rng);
        const struct bound *b = bind_program(&w.ctx, &w.program, &w.options);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        size_t wrong = compare_world(&w, b, p);
        CU_ASSERT_EQUAL(wrong, 0);
        for (size_t f = 0; f < FAMILIES; f++) {
            for (size_t d = 0; d < DIRECTIONS; d++) {
                CU_ASSERT(side_is_well_formed(&b->side[f][d], (enum family)f));
                targets += b->side[f][d].ntargets;
            }
        }
        ctx_free(&w.ctx);
    }
    CU_ASSERT(targets > 0);
    free(p);
}

static bool has_cluster_policy(const struct random_world *w)
{
    for (size_t i = 0; i < w->program.policies.n; i++) {
        if (w->program.policies.v[i]->tier.n > 0) {
            return true;
        }
    }
    return false;
}

/* The machine of --host is a target without asking for its address, in both families. */
static void random_hosts(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    for (size_t i = rng_rounds(300); i > 0; i--) {
        struct random_world w;
        world_init(&w, &rng);
        const struct workload *host = NULL;
        for (size_t k = 0; k < w.program.inv.workloads.n; k++) {
            host = is_pod(w.program.inv.workloads.v[k]) ? w.program.inv.workloads.v[k] : host;
        }
        if (host != NULL) {
            w.options.scope = BIND_HOST;
            w.options.host_ns = host->ns;
            w.options.host = host->name;
            const struct bound *b = bind_program(&w.ctx, &w.program, &w.options);
            CU_ASSERT_PTR_NOT_NULL_FATAL(b);
            CU_ASSERT_PTR_EQUAL(b->host, host);
            size_t wrong = 0;
            for (size_t k = 0; k < p->naddrs; k++) {
                for (size_t j = 0; j < DIRECTIONS * p->npackets; j++) {
                    enum direction d = (enum direction)(j % DIRECTIONS);
                    struct packet pk = p->packets[j / DIRECTIONS];
                    const struct bound_side *s = &b->side[p->addrs[k].family][d];
                    bool got = s->ntargets == 0 ||
                               grants_allow(s, &s->targets[0], p->addrs[k].ip, pk.proto, pk.key);
                    wrong += !foreign(pk, p->addrs[k].family) &&
                             got != naive_allows(&w, d, host, p->addrs[k], pk);
                }
            }
            CU_ASSERT_EQUAL(wrong, 0);
            if (!has_cluster_policy(&w)) { /* those may leave one family open */
                CU_ASSERT_EQUAL(b->side[0][0].ntargets, b->side[1][0].ntargets);
                CU_ASSERT_EQUAL(b->side[0][1].ntargets, b->side[1][1].ntargets);
            }
        }
        ctx_free(&w.ctx);
    }
    free(p);
}

/* ---- what is reported ---- */

static size_t count_diags(const struct ctx *c, enum diag_id id, enum severity severity)
{
    size_t n = 0;
    for (size_t i = 0; i < c->diags.list.n; i++) {
        const struct diag *d = c->diags.list.v[i];
        n += d->id == id && d->severity == severity;
    }
    return n;
}

/* A world of one namespace, one policy and the workloads that the test adds. */
static void small_world(struct random_world *w, struct rng *rng)
{
    *w = (struct random_world){.rng = rng};
    ctx_init(&w->ctx, unit_oom, NULL);
    program_init(&w->program, &w->ctx);
    inventory_ns(&w->program.inv, &w->ctx.arena, ns_names[0]);
}

static struct workload *small_workload(struct random_world *w, const char *name,
                                       enum workload_kind kind, int low)
{
    struct arena *a = &w->ctx.arena;
    struct workload *p = ARENA_NEW(a, struct workload);
    *p = (struct workload){.kind = kind, .ns = ns_names[0], .name = str_of(name)};
    p->addrs = ARENA_NEW(a, struct address);
    if (low >= 0) {
        p->addrs[p->naddrs++] = address_at(FAM_IP4, (unsigned)low);
    }
    vec_push(a, &w->program.inv.workloads, p);
    return p;
}

static void small_pod_at(struct random_world *w, const char *name, struct address x,
                         struct address y, struct address z)
{
    const struct address at[] = {x, y, z};
    struct workload *p = small_workload(w, name, WL_POD, -1);
    p->addrs = (struct address *)arena_copy(&w->ctx.arena, at, sizeof at);
    p->naddrs = sizeof at / sizeof *at;
}

/* Selects all pods of the namespace for ingress; one rule with one peer: pods app=p. */
static struct policy *small_policy(struct random_world *w)
{
    static const struct selector all;
    static struct str value[] = {STR_INIT("p")};
    static struct sel_req req[] = {
        {.op = SEL_EQ, .key = STR_INIT("app"), .values = value, .nvalues = 1}};
    static const struct selector app_p = {req, 1, {0}};
    struct arena *a = &w->ctx.arena;
    struct policy *p = ARENA_NEW(a, struct policy);
    struct rule *r = ARENA_NEW(a, struct rule);
    struct peer *peer = ARENA_NEW(a, struct peer);
    *peer = (struct peer){.kind = PEER_PODS, .pods = &app_p};
    *r = (struct rule){.action = ACT_ALLOW, .any_port = true, .peers = peer, .npeers = 1};
    *p = (struct policy){.ns = ns_names[0], .name = STR("p"), .target_pods = &all};
    p->isolates[DIR_INGRESS] = true;
    p->rules[DIR_INGRESS] = r;
    p->nrules[DIR_INGRESS] = 1;
    vec_push(a, &w->program.policies, p);
    return p;
}

static const struct bound *small_bind(struct random_world *w)
{
    CU_ASSERT(inventory_finish(&w->ctx, &w->program.inv));
    return bind_program(&w->ctx, &w->program, &w->options);
}

static void npc601_no_address(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_policy(&w);
    small_workload(&w, "vm", WL_WORKLOAD, -1);
    CU_ASSERT_PTR_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC601, SEV_ERROR), 1);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* a pod will get one */
    small_policy(&w);
    small_workload(&w, "pod", WL_POD, -1);
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC601, SEV_INFO), 1);
    CU_ASSERT_EQUAL(w.ctx.diags.errors, 0);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* no policy selects it: nothing is missing */
    small_workload(&w, "vm", WL_WORKLOAD, -1);
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(w.ctx.diags.list.n, 0);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* the machine is the match */
    small_policy(&w);
    small_workload(&w, "vm", WL_WORKLOAD, -1);
    w.options =
        (struct bind_options){.scope = BIND_HOST, .host_ns = ns_names[0], .host = STR("vm")};
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC606, SEV_INFO), 2);
    ctx_free(&w.ctx);
}

static void npc502_homeless(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_policy(&w)->ns = STR("");
    small_policy(&w)->ns = STR("default"); /* the same in the namespace where the first one lands */
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC502, SEV_ERROR), 0);
    w.program.policies.v[1]->isolates[DIR_EGRESS] = true;
    CU_ASSERT_PTR_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC502, SEV_ERROR), 1);
    w.program.policies.v[1]->ns = STR("elsewhere");
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    w.program.has_default_ns = true;
    w.program.default_ns = STR("elsewhere"); /* where the first one lands now */
    CU_ASSERT_PTR_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC502, SEV_ERROR), 2);
    ctx_free(&w.ctx);
}

static void npc602_shared_address(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_workload(&w, "one", WL_POD, 1);
    small_workload(&w, "two", WL_POD, 1);
    CU_ASSERT_PTR_NULL(small_bind(&w));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC602, SEV_ERROR), 1);
    CU_ASSERT_EQUAL(w.ctx.diags.list.v[0]->notes.n, 1);
    ctx_free(&w.ctx);

    small_world(&w, NULL); /* finished and host-network pods share addresses all the time */
    small_workload(&w, "one", WL_POD, 1);
    small_workload(&w, "two", WL_POD, 1)->finished = true;
    small_workload(&w, "three", WL_POD, 1)->host_network = true;
    small_workload(&w, "four", WL_POD, 1)->host_network = true;
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    ctx_free(&w.ctx);
}

/* Threats 33: nobody is let in, and the target stays isolated. */
static void T33_npc603_empty_peer(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_policy(&w);
    small_workload(&w, "one", WL_POD, 1);
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC603, SEV_WARNING), 1);
    CU_ASSERT_EQUAL_FATAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].targets[0].ngrants, 0);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_EGRESS].ntargets, 0);
    ctx_free(&w.ctx);
}

static void T33_npc205_empty_target(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_policy(&w)->ns = ns_names[1];
    small_workload(&w, "one", WL_POD, 1);
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC205, SEV_WARNING), 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 0);
    ctx_free(&w.ctx);
}

/* The limit counts what the rules expand to: one class of pods, any peer, a hundred ports. */
static void T45_npc605_explosion(void)
{
    struct random_world w;
    small_world(&w, NULL);
    struct policy *p = small_policy(&w);
    struct arena *a = &w.ctx.arena;
    struct rule *r = &p->rules[DIR_INGRESS][0];
    r->any_port = false;
    r->ports = ARENA_NEW_ARRAY(a, 100, struct port);
    for (uint16_t i = 0; i < 100; i++) {
        r->ports[i] = (struct port){.proto = PROTO_TCP, .first = (uint16_t)(2 * i + 1)};
        r->ports[i].last = r->ports[i].first;
    }
    r->nports = 100;
    r->npeers = 0;
    r->any_peer = true;
    for (int i = 0; i < 3; i++) {
        small_workload(&w, str_printf(a, "pod%d", i).p, WL_POD, i);
    }
    w.options.max_elements = 100;
    CU_ASSERT_PTR_NOT_NULL(small_bind(&w));
    w.options.max_elements = 99;
    CU_ASSERT_PTR_NULL(bind_program(&w.ctx, &w.program, &w.options));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC605, SEV_ERROR), 1);
    ctx_free(&w.ctx);
}

/* With room for fewer elements nothing is bound, and the reason given once; with enough it is bound
 * as ever. */
static void T45_bound_or_refused(void)
{
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    size_t refused = 0;
    for (size_t i = rng_rounds(100); i > 0; i--) {
        struct random_world w;
        world_init(&w, &rng);
        const struct bound *b = NULL;
        for (size_t limit = 1; b == NULL; limit++) {
            w.options.max_elements = limit;
            size_t before = count_diags(&w.ctx, DIAG_NPC605, SEV_ERROR);
            b = bind_program(&w.ctx, &w.program, &w.options);
            size_t reported = count_diags(&w.ctx, DIAG_NPC605, SEV_ERROR) - before;
            CU_ASSERT_EQUAL(reported, b == NULL);
            refused += b == NULL;
        }
        CU_ASSERT_EQUAL(compare_world(&w, b, p), 0);
        ctx_free(&w.ctx);
    }
    CU_ASSERT(refused > 0);
    free(p);
}

/* Lists of values on both sides, so long that not each pair of values is looked up. */
static void long_lists_of_values(void)
{
    enum { VALUES = 9 };
    struct rng rng = rng_new();
    struct probes *p = malloc(sizeof *p);
    fill_probes(p);
    for (size_t i = rng_rounds(30); i > 0; i--) {
        struct random_world w;
        world_init(&w, &rng);
        struct arena *a = &w.ctx.arena;
        struct str *namespaces = ARENA_NEW_ARRAY(a, VALUES, struct str);
        struct str *apps = ARENA_NEW_ARRAY(a, VALUES, struct str);
        for (size_t k = 0; k < VALUES; k++) {
            bool other = k >= 2 || chance(&w, 30);
            namespaces[k] = other ? str_printf(a, "ns%zu", k) : ns_names[k];
            apps[k] = other ? str_printf(a, "app%zu", k) : values[k];
        }
        struct sel_req in_ns = {SEL_IN, STR(LABEL_NS_NAME), namespaces, VALUES, {0}};
        struct sel_req in_app = {SEL_IN, keys[0], apps, VALUES, {0}};
        struct selector ns = {.v = &in_ns, .n = 1}, pods = {.v = &in_app, .n = 1};
        struct peer peer = {.kind = PEER_PODS, .ns = &ns, .pods = &pods};
        struct rule rule = {.direction = DIR_INGRESS, .peers = &peer, .npeers = 1};
        rule.any_port = true;
        static const struct selector everything;
        for (size_t k = 0; k < 3; k++) {
            struct policy *policy = ARENA_NEW(a, struct policy);
            *policy = (struct policy){.ns = ns_names[k], .name = STR("wide")};
            policy->target_pods = &everything;
            policy->isolates[DIR_INGRESS] = true;
            policy->rules[DIR_INGRESS] = &rule;
            policy->nrules[DIR_INGRESS] = 1;
            vec_push(a, &w.program.policies, policy);
        }
        const struct bound *b = bind_program(&w.ctx, &w.program, &w.options);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT_EQUAL(compare_world(&w, b, p), 0);
        ctx_free(&w.ctx);
    }
    free(p);
}

/* A pod that names an address twice has it once, whoever has those beside it. */
static void address_twice(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_pod_at(&w, "low", address_at(FAM_IP4, 1), address_at(FAM_IP4, 2), address_at(FAM_IP4, 1));
    small_pod_at(&w, "one", address_at(FAM_IP4, 3), address_at(FAM_IP4, 3), address_at(FAM_IP4, 3));
    small_workload(&w, "top", WL_POD, 9);
    small_policy(&w);
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC602, SEV_ERROR), 0);
    CU_ASSERT_EQUAL(b->local[FAM_IP4].n, 4);
    CU_ASSERT_EQUAL(b->nself[FAM_IP4], 6);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].ntargets, 1);
    CU_ASSERT_EQUAL(b->side[FAM_IP4][DIR_INGRESS].targets[0].addrs.n, 4);
    ctx_free(&w.ctx);
}

/* Rules with the same peers whose names differ in the protocol, the length or the letters only:
 * each is resolved by itself on the destination (docs/semantics.md, 6). */
static void names_of_the_same_peers(void)
{
    static const struct named_port on_server[] = {
        {.name = STR_INIT("web"), .proto = PROTO_TCP, .number = 80},
        {.name = STR_INIT("web"), .proto = PROTO_UDP, .number = 53},
        {.name = STR_INIT("webs"), .proto = PROTO_TCP, .number = 443},
    };
    static const struct {
        enum proto proto[2];
        const char *name[2];
        bool open[3]; /* as the ports of the server stand */
    } rows[] = {
        {{PROTO_TCP, PROTO_UDP}, {"web", "web"}, {true, true, false}},
        {{PROTO_UDP, PROTO_TCP}, {"web", "web"}, {true, true, false}},
        {{PROTO_TCP, PROTO_TCP}, {"web", "webs"}, {true, false, true}},
        {{PROTO_UDP, PROTO_TCP}, {"webs", "webs"}, {false, false, true}},
        {{PROTO_TCP, PROTO_TCP}, {"we", "webs"}, {false, false, true}},
        {{PROTO_TCP, PROTO_TCP}, {"tls", "web"}, {true, false, false}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct random_world w;
        small_world(&w, NULL);
        small_workload(&w, "client", WL_POD, 1);
        struct workload *server = small_workload(&w, "server", WL_POD, 2);
        struct arena *a = &w.ctx.arena;
        server->ports = (struct named_port *)arena_copy(a, on_server, sizeof on_server);
        server->nports = 3;
        static const struct selector all;
        struct peer peer = {.kind = PEER_PODS, .pods = &all};
        struct port ports[2];
        struct rule rules[2];
        for (size_t k = 0; k < 2; k++) {
            ports[k] = (struct port){
                .proto = rows[i].proto[k], .form = PORT_NAMED, .name = str_of(rows[i].name[k])};
            rules[k] = (struct rule){.action = ACT_ALLOW,
                                     .direction = DIR_EGRESS,
                                     .peers = &peer,
                                     .npeers = 1,
                                     .ports = &ports[k],
                                     .nports = 1};
        }
        struct policy *p = small_policy(&w);
        p->isolates[DIR_INGRESS] = false;
        p->isolates[DIR_EGRESS] = true;
        p->rules[DIR_EGRESS] = rules;
        p->nrules[DIR_EGRESS] = 2;
        const struct bound *b = small_bind(&w);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        for (size_t k = 0; k < 3; k++) {
            bool open = bound_allows(b, DIR_EGRESS, address_at(FAM_IP4, 1), address_at(FAM_IP4, 2),
                                     on_server[k].proto, on_server[k].number);
            CU_ASSERT_EQUAL(open, rows[i].open[k]);
        }
        ctx_free(&w.ctx);
    }
}

static void npc902_scope(void)
{
    static const struct bind_options wrong[] = {
        {.scope = BIND_NODE, .node = STR_INIT("n9")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("nobody")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("shared")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("done")},
        {.scope = BIND_HOST, .host_ns = STR_INIT("a"), .host = STR_INIT("template")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct random_world w;
        small_world(&w, NULL);
        small_workload(&w, "one", WL_POD, 1)->node = nodes[0];
        small_workload(&w, "shared", WL_POD, 2)->host_network = true;
        small_workload(&w, "done", WL_POD, 3)->finished = true;
        small_workload(&w, "template", WL_TEMPLATE, -1);
        w.options = wrong[i];
        CU_ASSERT_PTR_NULL(small_bind(&w));
        CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC902, SEV_ERROR), 1);
        ctx_free(&w.ctx);
    }
}

/* A pod reaches each of its addresses from each of them. */
static void self_pairs(void)
{
    struct random_world w;
    small_world(&w, NULL);
    small_pod_at(&w, "one", address_at(FAM_IP4, 7), address_at(FAM_IP4, 3), address_at(FAM_IP6, 3));
    const struct bound *b = small_bind(&w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(b->nself[FAM_IP4], 4);
    CU_ASSERT_EQUAL(b->nself[FAM_IP6], 1);
    CU_ASSERT(ip_cmp(b->self[FAM_IP4][1].source, address_at(FAM_IP4, 3).ip) == 0);
    CU_ASSERT(ip_cmp(b->self[FAM_IP4][1].destination, address_at(FAM_IP4, 7).ip) == 0);
    w.options.max_elements = 4;
    CU_ASSERT_PTR_NOT_NULL(bind_program(&w.ctx, &w.program, &w.options));
    w.options.max_elements = 3; /* they grow with the square of the addresses */
    CU_ASSERT_PTR_NULL(bind_program(&w.ctx, &w.program, &w.options));
    CU_ASSERT_EQUAL(count_diags(&w.ctx, DIAG_NPC605, SEV_ERROR), 1);
    ctx_free(&w.ctx);
}

UNIT_MAIN("bind", TEST(random_worlds), TEST(random_hosts), TEST(npc601_no_address),
          TEST(npc502_homeless), TEST(npc602_shared_address), TEST(T33_npc603_empty_peer),
          TEST(T33_npc205_empty_target), TEST(T45_npc605_explosion), TEST(npc902_scope),
          TEST(T45_bound_or_refused), TEST(long_lists_of_values), TEST(address_twice),
          TEST(self_pairs), TEST(names_of_the_same_peers))
