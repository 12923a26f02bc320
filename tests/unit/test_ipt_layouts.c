/*
 * Every way in which the iptables backend may write rules means the same: random worlds, written
 * with thresholds that force each layout in turn, run by a literal interpreter of the text
 * (ipt_sim.h) against the naive evaluator (world.h). Which layout is there is checked, too. And
 * what has no room or no name is refused, never written in part.
 */
#include "backends/ipt_side.h"
#include "ipt_sim.h"
#include "nft_world.h"

/* ---- layouts ---- */

struct ipt_layout {
    const char *name;
    struct ipt_tuning tuning;
    const char *sign; /* text that shows that some world was written so */
    size_t most_sets; /* of pods that one chain asks; 0: three at least, in some world */
};

enum { BITS = KERNEL_NAME_BITS };

static const struct ipt_layout ipt_layouts[] = {
    {"default", {BITS, 4, 32, 64, 8, 1000000, 8, 400000}, ":NPC-FORWARD ", 8},
    {"one by one", {BITS, MANY, MANY, MANY, 1, MANY, MANY, MANY}, "/32 -m comment", 1},
    {"few one by one", {BITS, 1, 1, MANY, MANY, MANY, MANY, MANY}, "--match-set NPC-ip4", MANY},
    {"sets", {BITS, 0, 0, 0, MANY, MANY, MANY, MANY}, "--match-set NPC-ip4", 0},
    {"sets of networks", {BITS, 0, 0, 0, MANY, MANY, MANY, MANY}, "--match-set NPC-net6", MANY},
    {"unions", {BITS, 0, 0, 0, 1, MANY, MANY, MANY}, "--match-set NPC-ip4", 1},
    {"a set, and the rest is one", {BITS, 0, 0, 0, 2, 7, MANY, MANY}, "--match-set NPC-ip4", 2},
    {"pairs", {BITS, 0, 0, 0, 1, MANY, 0, MANY}, "-g NPC-I-LOCAL\n", 1},
    {"pairs as far as they go", {BITS, 4, 32, 64, 8, MANY, 0, 3}, "-g NPC-E-LOCAL\n", 8},
};

/* ---- emitting ---- */

/* Binds the world for its own scope, or for one host. */
static struct emit bind_ipt(struct random_world *w, const struct workload *host, bool log)
{
    static const struct named_port ssh = {{NULL, 0}, PROTO_TCP, 22};
    struct emit_options *o = ARENA_NEW(&w->ctx.arena, struct emit_options);
    *o = (struct emit_options){.bind = w->options, .failsafe = &ssh, .nfailsafe = 1, .log = log};
    if (host != NULL) {
        o->bind.scope = BIND_HOST;
        o->bind.host_ns = host->ns;
        o->bind.host = host->name;
    }
    struct emit e = {
        .ctx = &w->ctx, .program = &w->program, .options = o, .out = buf_new(&w->ctx.arena)};
    e.bound = bind_program(&w->ctx, &w->program, &o->bind);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e.bound);
    return e;
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

static bool text_holds(struct str text, const char *sign)
{
    return text.n > 0 && memmem(text.p, text.n, sign, strlen(sign)) != NULL;
}

static size_t count_in(struct str text, const char *sign)
{
    size_t n = 0;
    while (text_holds(text, sign)) {
        sim_cut(&text, sign);
        n++;
    }
    return n;
}

/* How many sets of pods the rules of one chain look into, at most. */
static size_t most_sets(struct str rules)
{
    size_t most = 0, n = 0;
    struct str chain = {NULL, 0};
    while (rules.n > 0) {
        struct str line = ipt_sim_line(&rules), rest = line;
        ipt_sim_word(&rest);
        struct str name = ipt_sim_word(&rest);
        n = str_eq(name, chain) ? n : 0;
        n += text_holds(line, "--match-set NPC-ip");
        most = n > most ? n : most;
        chain = name;
    }
    return most;
}

static const char *const rule_files[FAMILIES] = {"rules.v4", "rules.v6"};

static void read_rules(struct random_world *w, const struct emit *e, struct ipt_sim *tables)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        tables[f] = ipt_sim_read(&w->ctx.arena, file_of(e, rule_files[f]), file_of(e, "ipsets"),
                                 (enum family)f);
    }
}

/* ---- verdicts ---- */

/* Mostly what crowds are about. */
static struct packet pick_packet(struct random_world *w, const struct probes *p)
{
    static const struct packet http = {PROTO_TCP, 80}, ssh = {PROTO_TCP, 22};
    return chance(w, 50) ? http : chance(w, 5) ? ssh : p->packets[pick(w, p->npackets)];
}

static size_t wrong_on_node(struct random_world *w, const struct ipt_sim *tables,
                            const struct probes *p)
{
    size_t wrong = 0;
    for (size_t i = 0; i < 400; i++) {
        enum family f = chance(w, 50) ? FAM_IP4 : FAM_IP6;
        struct address from = probe_address(w, f), to = probe_address(w, f);
        struct packet pk = pick_packet(w, p);
        if (!foreign(pk, f)) {
            struct sim_packet packet = sim_packet_of(from, to, pk);
            bool got = ipt_sim_passes(&tables[f], "NPC-FORWARD", packet);
            wrong += got != naive_forwards(w, from, to, pk);
        }
    }
    return wrong;
}

static size_t wrong_on_host(struct random_world *w, const struct ipt_sim *tables,
                            const struct probes *p, const struct workload *host)
{
    size_t wrong = 0;
    for (size_t i = 0; i < 400; i++) {
        enum family f = chance(w, 50) ? FAM_IP4 : FAM_IP6;
        struct address peer = probe_address(w, f), here = address_at(f, 0x00ffffff);
        bool in = chance(w, 50);
        struct packet pk = pick_packet(w, p);
        if (foreign(pk, f)) {
            continue;
        }
        bool failsafe = in && pk.proto == PROTO_TCP && pk.key == 22;
        bool want = failsafe || always_kept(pk, true) ||
                    naive_allows(w, in ? DIR_INGRESS : DIR_EGRESS, host, peer, pk);
        struct sim_packet packet =
            in ? sim_packet_of(peer, here, pk) : sim_packet_of(here, peer, pk);
        wrong += ipt_sim_passes(&tables[f], in ? "NPC-INPUT" : "NPC-OUTPUT", packet) != want;
    }
    return wrong;
}

/* A policy for a whole namespace, with many selections of pods at one port. */
static void add_crowd(struct random_world *w, struct str ns)
{
    enum { RULES = 6 };
    static const struct selector everything;
    struct arena *a = &w->ctx.arena;
    struct policy *p = ARENA_NEW(a, struct policy);
    p->ns = ns;
    p->name = STR("crowd");
    p->target_pods = &everything;
    for (size_t d = 0; d < DIRECTIONS; d++) {
        p->isolates[d] = true;
        p->rules[d] = ARENA_NEW_ARRAY(a, RULES, struct rule);
        p->nrules[d] = RULES;
        for (size_t i = 0; i < RULES; i++) {
            struct peer *peer = ARENA_NEW(a, struct peer);
            *peer = (struct peer){
                .kind = PEER_PODS, .ns = &everything, .pods = random_selector(w, false)};
            struct port *port = ARENA_NEW(a, struct port);
            *port = (struct port){.form = PORT_ONE, .proto = PROTO_TCP, .first = 80, .last = 80};
            p->rules[d][i] = (struct rule){.action = ACT_ALLOW,
                                           .direction = (enum direction)d,
                                           .peers = peer,
                                           .npeers = 1,
                                           .ports = port,
                                           .nports = 1};
        }
    }
    vec_push(a, &w->program.policies, p);
}

static void make_world(struct random_world *w, struct rng *rng)
{
    world_init(w, rng);
    for (unsigned i = 0; i < 4; i++) {
        add_policy(w, 20 + i, false);
    }
    for (size_t i = 0; i < 3 && chance(w, 60); i++) {
        add_crowd(w, ns_names[i]);
    }
}

static const struct workload *last_pod(const struct random_world *w)
{
    const struct workload *pod = NULL;
    for (size_t i = 0; i < w->program.inv.workloads.n; i++) {
        const struct workload *x = w->program.inv.workloads.v[i];
        pod = is_pod(x) ? x : pod;
    }
    return pod;
}

struct seen {
    size_t wrong, signs, three_sets, too_many_sets;
};

static void try_world(struct random_world *w, const struct ipt_layout *l,
                      const struct workload *host, bool log, struct seen *seen)
{
    struct probes p;
    fill_packets(&p);
    struct emit e = bind_ipt(w, host, log);
    CU_ASSERT_FATAL(ipt_emit(&e, &l->tuning));
    for (size_t f = 0; f < FAMILIES; f++) {
        struct str rules = file_of(&e, rule_files[f]);
        seen->signs += text_holds(rules, l->sign);
        seen->three_sets += most_sets(rules) >= 3;
        seen->too_many_sets += l->most_sets > 0 && most_sets(rules) > l->most_sets;
    }
    struct ipt_sim tables[FAMILIES];
    read_rules(w, &e, tables);
    seen->wrong += host != NULL ? wrong_on_host(w, tables, &p, host) : wrong_on_node(w, tables, &p);
}

static void try_ipt_layout(const struct ipt_layout *l, bool hosts)
{
    struct rng rng = rng_new();
    struct seen seen = {0};
    for (size_t round = rng_rounds(100); round > 0; round--) {
        struct random_world w;
        make_world(&w, &rng);
        const struct workload *host = hosts ? last_pod(&w) : NULL;
        if (!hosts || host != NULL) {
            try_world(&w, l, host, round % 2 == 0, &seen);
        }
        ctx_free(&w.ctx);
    }
    bool shown = hosts || (seen.signs > 0 && (l->most_sets > 0 || seen.three_sets > 0));
    if (seen.wrong > 0 || seen.too_many_sets > 0 || !shown) {
        printf("\nlayout '%s': %zu wrong verdicts, signs in %zu tables, too many sets in %zu\n",
               l->name, seen.wrong, seen.signs, seen.too_many_sets);
    }
    CU_ASSERT_EQUAL(seen.wrong, 0);
    CU_ASSERT_EQUAL(seen.too_many_sets, 0);
    CU_ASSERT(shown);
}

static void node_layouts(void)
{
    for (size_t i = 0; i < sizeof ipt_layouts / sizeof *ipt_layouts; i++) {
        try_ipt_layout(&ipt_layouts[i], false);
    }
}

static void host_layouts(void)
{
    for (size_t i = 0; i < sizeof ipt_layouts / sizeof *ipt_layouts; i++) {
        try_ipt_layout(&ipt_layouts[i], true);
    }
}

/* ---- no room, no name ---- */

static size_t count_id(const struct random_world *w, enum diag_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < w->ctx.diags.list.n; i++) {
        n += w->ctx.diags.list.v[i]->id == id;
    }
    return n;
}

/* A refusal says why, once, and writes nothing. */
static bool is_refused(const struct random_world *w, const struct emit *e, enum diag_id id,
                       size_t before)
{
    return e->files.n == 0 && count_id(w, id) == before + 1;
}

/* Two things of one name are refused wherever they meet; else the rules are right (threats 31). */
static void T31_short_names(void)
{
    struct rng rng = rng_new();
    struct probes p;
    fill_packets(&p);
    size_t refused = 0, written = 0;
    for (size_t round = rng_rounds(400); round > 0; round--) {
        struct random_world w;
        make_world(&w, &rng);
        const struct workload *host = chance(&w, 30) ? last_pod(&w) : NULL;
        struct ipt_tuning tuning = ipt_layouts[pick(&w, 9)].tuning;
        tuning.name_bits = 1 + (unsigned)pick(&w, 12);
        struct emit e = bind_ipt(&w, host, chance(&w, 50));
        if (!ipt_emit(&e, &tuning)) {
            CU_ASSERT(is_refused(&w, &e, DIAG_NPC903, 0));
            refused++;
        } else {
            struct ipt_sim tables[FAMILIES];
            read_rules(&w, &e, tables);
            CU_ASSERT_EQUAL(host != NULL ? wrong_on_host(&w, tables, &p, host)
                                         : wrong_on_node(&w, tables, &p),
                            0);
            written++;
        }
        ctx_free(&w.ctx);
    }
    CU_ASSERT(refused > 0 && written > 0);
}

/* One element less than the sets have is refused, just as many are not. */
static void T45_sets_in_the_limit(void)
{
    struct rng rng = rng_new();
    size_t tried = 0;
    for (size_t round = rng_rounds(60); round > 0; round--) {
        struct random_world w;
        make_world(&w, &rng);
        const struct workload *host = chance(&w, 30) ? last_pod(&w) : NULL;
        const struct ipt_tuning *tuning = &ipt_layouts[3 + pick(&w, 6)].tuning;
        struct emit whole = bind_ipt(&w, host, false);
        CU_ASSERT_FATAL(ipt_emit(&whole, tuning));
        struct str sets = file_of(&whole, "ipsets");
        size_t elements = count_in(sets, "\nadd ");
        struct emit_options limited = *whole.options;
        for (size_t limit = 1; limit <= elements; limit++) {
            struct emit e = {.ctx = &w.ctx,
                             .program = &w.program,
                             .bound = whole.bound,
                             .options = &limited,
                             .out = buf_new(&w.ctx.arena)};
            limited.bind.max_elements = limit;
            size_t before = count_id(&w, DIAG_NPC605);
            bool ok = ipt_emit(&e, tuning);
            CU_ASSERT_EQUAL(ok, limit == elements);
            CU_ASSERT(ok ? str_eq(file_of(&e, "ipsets"), sets)
                         : is_refused(&w, &e, DIAG_NPC605, before));
            tried++;
        }
        ctx_free(&w.ctx);
    }
    CU_ASSERT(tried > 0);
}

/* The table above names the fields by place: this is their order. */
static void default_layout_is_the_default(void)
{
    CU_ASSERT_EQUAL(ipt_layouts[0].tuning.name_bits, ipt_tuning_default.name_bits);
    CU_ASSERT_EQUAL(memcmp(&ipt_layouts[0].tuning.inline_pods, &ipt_tuning_default.inline_pods,
                           sizeof ipt_tuning_default - offsetof(struct ipt_tuning, inline_pods)),
                    0);
}

UNIT_MAIN("iptables layouts", TEST(default_layout_is_the_default), TEST(node_layouts),
          TEST(host_layouts), TEST(T31_short_names), TEST(T45_sets_in_the_limit))
