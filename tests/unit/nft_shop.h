/* For tests of the nft backend: policies of a small namespace, written with any thresholds. */
#ifndef NPC_TESTS_NFT_SHOP_H
#define NPC_TESTS_NFT_SHOP_H

#include "backends/nft_priv.h"
#include "compile.h"

static const char head[] = "npc 1\n"
                           "namespace shop {\n"
                           "workload web { addr 10.0.0.1 label app=web }\n"
                           "workload db1 { addr 10.0.0.2 label app=db label n=1 }\n"
                           "workload db2 { addr 10.0.0.3 label app=db label n=2 }\n"
                           "workload db3 { addr 10.0.0.4 label app=db label n=1 }\n";

struct output {
    struct compiled c;
    bool ok;
    struct str text, map; /* map: the side file, if there is one */
};

enum { MANY = 1 << 20 };

/* Nothing is expanded, and everything is as plain as can be. */
static const struct nft_tuning plain = {
    .expand_most = 1,
    .small_range = 1,
    .plain_nets = MANY,
    .plain_open = MANY,
    .plain_ranges = MANY,
    .range_elements = MANY,
    .most_ranges = MANY,
    .direct = {{MANY, MANY}, {MANY, MANY}},
    .direct_spread = 1,
    .host_rules = MANY,
    .part_sets = MANY,
    .map_checks = MANY,
    .register_targets = MANY,
    .mask_saves = MANY,
    .mask_ports = MANY,
    .mask_visits = MANY,
};

/* Emits policies of namespace shop; for the machine shop/web if `host`. */
static inline void emit_shop(struct output *o, const char *policies,
                             const struct nft_tuning *tuning, bool host, size_t limit)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct str source = str_printf(&scratch, "%s%s}\n", head, policies);
    struct emit e = compile_bind(&o->c, source, host ? STR("web") : STR(""), limit);
    arena_free(&scratch);
    o->ok = e.bound != NULL && nft_emit(&e, tuning);
    o->text = buf_text(o->c.out);
    o->map = e.files.n > 0 ? buf_text(e.files.v[0].text) : (struct str){NULL, 0};
}

static inline void output_free(struct output *o)
{
    compile_free(&o->c);
}

static inline void check_holds(const struct output *o, const char *part, bool want)
{
    bool holds = str_holds(o->text, part);
    CU_ASSERT_EQUAL(holds, want);
    if (holds != want) {
        printf("\n%s: %s\nin:\n" STR_FMT "\n", want ? "missing" : "too much", part,
               STR_ARG(o->text));
    }
}

/* Whether the text holds each of the parts, or none of them. */
static inline void check_parts(const struct nft_tuning *t, const char *policies,
                               const char *const *parts, size_t n, bool want)
{
    struct output o;
    emit_shop(&o, policies, t, false, 0);
    CU_ASSERT(o.ok);
    for (size_t i = 0; i < n; i++) {
        check_holds(&o, parts[i], want);
    }
    output_free(&o);
}

#define CHECK_WITH(tuning, policies, want, ...)                                                    \
    do {                                                                                           \
        static const char *const parts[] = {__VA_ARGS__};                                          \
        const struct nft_tuning with = tuning;                                                     \
        check_parts(&with, policies, parts, COUNT(parts), want);                                   \
    } while (0)

/* `most` elements are there; with `few` it is said at that line that they are too many. */
static inline void check_limit(const char *policies, const struct nft_tuning *t, bool host,
                               size_t most, size_t few, uint32_t line)
{
    struct output o;
    emit_shop(&o, policies, t, host, most);
    CU_ASSERT(o.ok);
    output_free(&o);
    emit_shop(&o, policies, t, host, few);
    CU_ASSERT(!o.ok);
    CU_ASSERT_EQUAL_FATAL(count_diags(&o.c, DIAG_NPC605), 1);
    for (size_t i = 0; i < o.c.ctx.diags.list.n; i++) {
        const struct diag *d = o.c.ctx.diags.list.v[i];
        CU_ASSERT(d->id != DIAG_NPC605 || d->at.line == line);
    }
    output_free(&o);
}

#endif
