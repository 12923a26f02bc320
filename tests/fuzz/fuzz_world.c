/*
 * The input is a byte program that builds a small cluster (tests/unit/world.h): pods, nodes and
 * policies of every sort. Its rules as nft and as iptables text, in any layout, are run by literal
 * interpreters (nft_sim.h, ipt_sim.h), the analysis and the verdicts of bound rules are asked, and
 * all are compared packet by packet with the naive evaluator.
 */
#include "backends/ipt_side.h"
#include "tests/unit/ipt_sim.h"
#include "tests/unit/nft_world.h"

#include "analysis/verdict.h"
#include "analysis/world.h"
#include "tests/fuzz/fuzz.h"

enum { PAIRS = 60 };

/* Probes are drawn anew for each input, but always the same for one. */
static struct rng probe_rng(const unsigned char *data, size_t size)
{
    struct str all = {size > 0 ? (const char *)data : "", size};
    return (struct rng){.state = str_hash(all)};
}

static const struct workload *some_host(struct random_world *w)
{
    const struct inventory *inv = &w->program.inv;
    const struct workload *host = inv->workloads.n > 0 ? inv->workloads.v[0] : NULL;
    return host != NULL && is_pod(host) && chance(w, 30) ? host : NULL;
}

static struct emit_options *options_of(struct random_world *w, const struct workload *host)
{
    static const struct named_port ssh = {{NULL, 0}, PROTO_TCP, 22};
    struct emit_options *o = ARENA_NEW(&w->ctx.arena, struct emit_options);
    *o = (struct emit_options){.bind = w->options, .failsafe = &ssh, .nfailsafe = 1};
    if (host != NULL) {
        o->bind.scope = BIND_HOST;
        o->bind.host_ns = host->ns;
        o->bind.host = host->name;
    }
    return o;
}

static struct emit emit_of(struct random_world *w, const struct emit_options *o)
{
    return (struct emit){
        .ctx = &w->ctx, .program = &w->program, .options = o, .out = buf_new(&w->ctx.arena)};
}

/* ---- nft ---- */

static void check_nft(struct random_world *w, const struct layout *l, const struct workload *host,
                      const struct probes *p)
{
    struct sim tables[FAMILIES];
    struct str text = emit_world(w, &l->tuning, host);
    FUZZ_CHECK(text.n > 0, "no rules for the world");
    free(fuzz_read_nft(text.p, text.n));
    read_tables(w, text, tables);
    size_t wrong = host != NULL ? compare_host(w, tables, p, host) : compare_node(w, tables, p);
    FUZZ_CHECK(wrong == 0, l->name);
}

/* ---- iptables ---- */

static struct ipt_tuning some_tuning(struct random_world *w)
{
    static const size_t limits[] = {MANY, 0, 1, 2, 4, 8, 64};
    struct ipt_tuning t = {.name_bits = KERNEL_NAME_BITS};
    size_t *const fields[] = {&t.inline_pods, &t.inline_pods_atom, &t.inline_nets_atom,
                              &t.sets_atom,   &t.union_elements,   &t.crowd,
                              &t.pairs_most};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        *fields[i] = PICK(w, limits);
    }
    t.sets_atom += t.sets_atom == 0; /* there is one at least */
    return t;
}

static struct str file_of(const struct emit *e, const char *name)
{
    for (size_t i = 0; i < e->files.n; i++) {
        if (str_is(e->files.v[i].path, name)) {
            return buf_text(e->files.v[i].text);
        }
    }
    return STR("");
}

/* What `npc apply` asks before rules are loaded. */
static bool bound_passes(const struct emit *e, bool in, struct bound_packet packet)
{
    bool passes = true;
    for (enum direction d = 0; d < DIRECTIONS; d++) {
        bool asked = e->bound->host == NULL || (d == DIR_INGRESS) == in;
        struct bound_verdict v =
            bound_verdict(e->bound, d, e->options->failsafe, e->options->nfailsafe, &packet);
        passes &= !asked || v.answer != BOUND_DENIED;
    }
    return passes;
}

static void check_packets(struct random_world *w, const struct ipt_sim *tables,
                          const struct emit *e, const struct workload *host, const struct probes *p)
{
    for (size_t i = 0; i < 4 * PAIRS; i++) {
        enum family f = chance(w, 50) ? FAM_IP4 : FAM_IP6;
        struct address from = probe_address(w, f), to = probe_address(w, f);
        struct packet pk = p->packets[pick(w, p->npackets)];
        bool in = chance(w, 50), failsafe = in && pk.proto == PROTO_TCP && pk.key == 22;
        const char *root = host == NULL ? "NPC-FORWARD" : in ? "NPC-INPUT" : "NPC-OUTPUT";
        if (foreign(pk, f)) {
            continue;
        }
        bool want = host == NULL
                        ? naive_forwards(w, from, to, pk)
                        : failsafe || always_kept(pk, true) ||
                              naive_allows(w, in ? DIR_INGRESS : DIR_EGRESS, host, from, pk);
        struct address here = address_at(f, 0x00ffffff);
        struct address source = host != NULL && !in ? here : from;
        struct address destination = host == NULL ? to : in ? here : from;
        FUZZ_CHECK(ipt_sim_passes(&tables[f], root, sim_packet_of(source, destination, pk)) == want,
                   "iptables is wrong about a packet");
        struct bound_packet packet = {f, source.ip, destination.ip, pk.proto, 40000, pk.key};
        FUZZ_CHECK(bound_passes(e, in, packet) == want, "a verdict is wrong about a packet");
    }
}

static void check_iptables(struct random_world *w, const struct ipt_tuning *tuning,
                           const struct workload *host, const struct probes *p)
{
    static const char *const names[FAMILIES] = {"rules.v4", "rules.v6"};
    const struct emit_options *o = options_of(w, host);
    struct emit e = emit_of(w, o);
    struct ipt_sim tables[FAMILIES];
    e.bound = bind_program(&w->ctx, &w->program, &o->bind);
    FUZZ_CHECK(e.bound != NULL, "the world is not bound");
    if (!ipt_emit(&e, tuning)) {
        FUZZ_CHECK(w->ctx.diags.errors > 0, "refused without a word");
        return;
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        struct str rules = file_of(&e, names[f]);
        free(fuzz_read_iptables(rules.p, rules.n));
        tables[f] = ipt_sim_read(&w->ctx.arena, rules, file_of(&e, "ipsets"), (enum family)f);
    }
    check_packets(w, tables, &e, host, p);
}

/* ---- options, and outputs that only text is known of ---- */

static void read_output(struct random_world *w, const char *backend, const struct emit *e)
{
    VEC(struct npc_file) files = {0};
    for (size_t k = 0; k < e->files.n; k++) {
        struct str text = buf_text(e->files.v[k].text);
        struct npc_file file = {e->files.v[k].path.p, text.p, text.n};
        vec_push(&w->ctx.arena, &files, file);
    }
    struct str text = buf_text(e->out);
    bool directory = (backend_find(str_of(backend))->flags & BACKEND_DIRECTORY) != 0;
    struct npc_output out = {text.p, text.n, files.v, files.n, directory, NULL};
    free(fuzz_read_output(backend, &out));
}

/* Options that the binding may refuse: a node or a machine that is not there or not fit, a limit.
 */
static struct emit_options *some_options(struct random_world *w)
{
    static const struct str some_nodes[] = {STR_INIT("n1"), STR_INIT("n2"), STR_INIT("n11")};
    static const size_t limits[] = {0, 1, 30, 500};
    const struct inventory *inv = &w->program.inv;
    struct emit_options *o = options_of(w, NULL);
    o->bind.scope = (enum bind_scope)pick(w, 3);
    o->bind.node = PICK(w, some_nodes);
    o->bind.max_elements = PICK(w, limits);
    o->bind.host_ns = ns_names[0];
    o->bind.host = STR("p0");
    if (inv->workloads.n > 0 && chance(w, 70)) {
        const struct workload *host = inv->workloads.v[pick(w, inv->workloads.n)];
        o->bind.host_ns = host->ns;
        o->bind.host = host->name;
    }
    o->log = chance(w, 50);
    return o;
}

static void check_outputs(struct random_world *w, const struct emit_options *o)
{
    static const char *const names[] = {"nft", "iptables", "json", "npc", "k8s", "calico"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct emit e = emit_of(w, o);
        size_t before = w->ctx.diags.errors;
        if (backend_run(backend_find(str_of(names[i])), &e)) {
            read_output(w, names[i], &e);
        } else {
            FUZZ_CHECK(w->ctx.diags.errors > before, "refused without a word");
        }
    }
}

/* ---- the analysis ---- */

static bool naive_passes(const struct random_world *w, struct address from, struct address to,
                         struct packet pk)
{
    const struct workload *source = naive_pod(&w->program, from);
    const struct workload *destination = naive_pod(&w->program, to);
    return (source == NULL || naive_allows(w, DIR_EGRESS, source, to, pk)) &&
           (destination == NULL || naive_allows(w, DIR_INGRESS, destination, from, pk));
}

static void check_analysis(struct random_world *w, const struct probes *p)
{
    const struct world_options o = {.ipblock_external = w->options.ipblock_external};
    const struct world *world = world_new(&w->ctx, &w->program, &o, NULL);
    FUZZ_CHECK(world != NULL, "no world");
    for (size_t i = 0; i < PAIRS; i++) {
        enum family f = chance(w, 50) ? FAM_IP4 : FAM_IP6;
        struct address from = probe_address(w, f), to = probe_address(w, f);
        uint32_t source = world_find_address(world, f, from.ip);
        uint32_t destination = world_find_address(world, f, to.ip);
        struct packet pk = p->packets[pick(w, p->npackets)];
        bool pod = naive_pod(&w->program, from) != NULL || naive_pod(&w->program, to) != NULL;
        if (!pod || source == ID_NONE || destination == ID_NONE || foreign(pk, f)) {
            continue;
        }
        struct traffic t = world_traffic(world, source, destination);
        bool got = portset_has(traffic_ports(world->traffic, f, t.of[f]), pk.proto, pk.key);
        FUZZ_CHECK(got == naive_passes(w, from, to, pk), "the analysis is wrong about a packet");
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct rng choices = rng_of_bytes(data, size), probing = probe_rng(data, size);
    struct random_world w;
    struct probes p;
    if (size < 8) {
        return 0;
    }
    world_init(&w, &choices);
    for (unsigned i = (unsigned)pick(&w, 5); i > 0; i--) {
        add_policy(&w, 20 + i, false);
    }
    const struct layout *l = &layouts[pick(&w, sizeof layouts / sizeof *layouts)];
    const struct workload *host = some_host(&w);
    const struct ipt_tuning tuning = some_tuning(&w);
    const struct emit_options *options = some_options(&w);
    fill_packets(&p);
    w.rng = &probing;
    check_nft(&w, l, host, &p);
    check_analysis(&w, &p);
    check_iptables(&w, &tuning, host, &p);
    check_outputs(&w, options);
    ctx_free(&w.ctx);
    return 0;
}
