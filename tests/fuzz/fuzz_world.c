/*
 * The input is a byte program that builds a small cluster (tests/unit/world.h): pods, nodes and
 * policies of every sort. Its rules as nft text in every layout are run by a literal interpreter,
 * the analysis is asked, and both are compared packet by packet with the naive evaluator. The
 * iptables output is read again.
 */
#include "tests/unit/nft_world.h"

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

static struct emit emit_of(struct random_world *w, struct emit_options *o)
{
    struct emit e = {
        .ctx = &w->ctx, .program = &w->program, .options = o, .out = buf_new(&w->ctx.arena)};
    return e;
}

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

static void check_outputs(struct random_world *w, const struct workload *host)
{
    static const struct named_port ssh = {{NULL, 0}, PROTO_TCP, 22};
    static const char *const names[] = {"iptables", "json", "npc", "k8s", "calico"};
    struct emit_options o = {
        .bind = w->options, .failsafe = &ssh, .nfailsafe = 1, .log = chance(w, 30)};
    if (host != NULL) {
        o.bind = (struct bind_options){.scope = BIND_HOST, .host_ns = host->ns, .host = host->name};
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct emit e = emit_of(w, &o);
        if (!backend_run(backend_find(str_of(names[i])), &e)) {
            continue;
        }
        VEC(struct npc_file) files = {0};
        for (size_t k = 0; k < e.files.n; k++) {
            struct str text = buf_text(e.files.v[k].text);
            struct npc_file file = {e.files.v[k].path.p, text.p, text.n};
            vec_push(&w->ctx.arena, &files, file);
        }
        struct str text = buf_text(e.out);
        struct npc_output out = {text.p, text.n, files.v, files.n, files.n > 0, NULL};
        free(fuzz_read_output(names[i], &out));
    }
}

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
    fill_packets(&p);
    w.rng = &probing;
    check_nft(&w, l, host, &p);
    check_outputs(&w, host);
    check_analysis(&w, &p);
    ctx_free(&w.ctx);
    return 0;
}
