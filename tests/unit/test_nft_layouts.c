/*
 * Every way in which the nft backend may write rules means the same: random worlds, written with
 * thresholds that force each layout in turn, run by a literal interpreter of the text (nft_sim.h)
 * against the naive evaluator (world.h). Which layout is there is checked, too.
 */
#include "nft_world.h"

static void more_policies(struct random_world *w)
{
    for (unsigned i = 0; i < 4; i++) {
        add_policy(w, 20 + i, false);
    }
}

static void try_layout(const struct layout *l, bool hosts)
{
    struct rng rng = rng_new();
    struct probes p;
    fill_packets(&p);
    size_t wrong = 0, shown = 0, most = 100;
    /* with little effort at least until the layout was seen */
    for (size_t round = 0; round < (hosts || shown > 0 ? rng_rounds(most) : most); round++) {
        struct random_world w;
        struct sim tables[FAMILIES];
        world_init(&w, &rng);
        more_policies(&w);
        const struct workload *host = NULL;
        for (size_t i = 0; i < w.program.inv.workloads.n && hosts; i++) {
            const struct workload *x = w.program.inv.workloads.v[i];
            host = is_pod(x) ? x : host;
        }
        if (!hosts || host != NULL) {
            struct str text = emit_world(&w, &l->tuning, host);
            CU_ASSERT_FATAL(text.n > 0);
            shown += memmem(text.p, text.n, l->sign, strlen(l->sign)) != NULL;
            read_tables(&w, text, tables);
            wrong += hosts ? compare_host(&w, tables, &p, host) : compare_node(&w, tables, &p);
        }
        ctx_free(&w.ctx);
    }
    if (wrong > 0 || (!hosts && shown == 0)) {
        printf("\nlayout '%s': %zu wrong verdicts, seen in %zu worlds\n", l->name, wrong, shown);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(hosts || shown > 0);
}

static void node_layouts(void)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        try_layout(&layouts[i], false);
    }
}

static void host_layouts(void)
{
    for (size_t i = 0; i < 5; i++) {
        try_layout(&layouts[i], true);
    }
}

/* With room for fewer elements the file is refused, and the reason given, once for each part that
 * has no room; with enough it is the same to the byte (threats 45). */
static void T45_same_or_refused(void)
{
    struct rng rng = rng_new();
    struct emit_options limited;
    size_t refused = 0;
    for (size_t round = rng_rounds(40); round > 0; round--) {
        struct random_world w;
        world_init(&w, &rng);
        more_policies(&w);
        const struct nft_tuning *tuning =
            &layouts[round % (sizeof layouts / sizeof *layouts)].tuning;
        struct emit whole = {.ctx = &w.ctx, .program = &w.program, .options = &limited};
        limited = (struct emit_options){.bind = w.options};
        for (size_t i = 0; i < w.program.inv.workloads.n && round % 3 == 0; i++) {
            const struct workload *x = w.program.inv.workloads.v[i];
            if (is_pod(x)) {
                limited.bind.scope = BIND_HOST;
                limited.bind.host_ns = x->ns;
                limited.bind.host = x->name;
            }
        }
        struct bind_options unlimited = limited.bind;
        whole.bound = bind_program(&w.ctx, &w.program, &unlimited);
        whole.out = buf_new(&w.ctx.arena);
        CU_ASSERT_FATAL(whole.bound != NULL && nft_emit(&whole, tuning));
        bool fits = false;
        for (size_t limit = 1; !fits; limit += 1 + limit / 2) {
            struct emit e = whole;
            e.out = buf_new(&w.ctx.arena);
            e.files.n = 0;
            limited.bind.max_elements = limit;
            size_t before = w.ctx.diags.list.n;
            fits = nft_emit(&e, tuning);
            bool reported = w.ctx.diags.list.n > before;
            for (size_t i = before; i < w.ctx.diags.list.n; i++) {
                reported = reported && w.ctx.diags.list.v[i]->id == DIAG_NPC605;
            }
            CU_ASSERT(fits ? str_eq(buf_text(e.out), buf_text(whole.out)) : reported);
            refused += !fits;
        }
        ctx_free(&w.ctx);
    }
    CU_ASSERT(refused > 0);
}

/* The table above names the fields by place: this is their order. */
static void default_layout_is_the_default(void)
{
    CU_ASSERT_EQUAL(memcmp(&layouts[0].tuning, &nft_tuning_default, sizeof nft_tuning_default), 0);
}

UNIT_MAIN("nft layouts", TEST(default_layout_is_the_default), TEST(node_layouts),
          TEST(host_layouts), TEST(T45_same_or_refused))
