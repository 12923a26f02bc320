/* For tests of binding: a namespace of two pods, and two nodes, for policies that a test adds. */
#ifndef NPC_TESTS_SHOP_H
#define NPC_TESTS_SHOP_H

#include "bound.h"
#include "compile.h"
#include "ir/bind_priv.h"

static const char head[] = "npc 1\n"
                           "node n1 { addr 192.168.0.1 }\n"
                           "node n2 { addr 192.168.0.3 }\n"
                           "namespace shop {\n"
                           "  workload web { addr 10.0.0.1 addr fd00::1 label app=web }\n"
                           "  workload db {\n"
                           "    addr 10.0.0.2 addr fd00::2 label app=db port http=tcp/80\n"
                           "  }\n";

/* Binds what stands in namespace shop, and behind it, beside its two pods. */
static inline const struct bound *bind_shop(struct compiled *c, const char *inside,
                                            const char *behind, struct bind_options options)
{
    struct arena scratch;
    arena_init(&scratch, unit_oom, NULL);
    struct str text = str_printf(&scratch, "%s%s}\n%s", head, inside, behind);
    compile_load(c, "t.npc", text);
    if (!c->loaded) {
        printf("\n" STR_FMT "\n", STR_ARG(compile_messages(c)));
    }
    struct bind_options *kept = ARENA_NEW(&c->ctx.arena, struct bind_options);
    *kept = options;
    const struct bound *b = c->loaded ? bind_program(&c->ctx, &c->program, kept) : NULL;
    arena_free(&scratch);
    return b;
}

static inline struct address at(const char *text)
{
    struct address a;
    CU_ASSERT_FATAL(ip_parse(str_of(text), &a.family, &a.ip) == IP_OK);
    return a;
}

static inline bool is_open(const struct bound *b, enum direction d, const char *pod,
                           const char *peer, uint16_t port)
{
    return bound_allows(b, d, at(pod), at(peer), PROTO_TCP, port);
}

/* With `most` elements it is bound, with one less the limit is reported once: at that line, the
 * first of `inside` being the ninth, or at none, 0. */
static inline void check_limit(const char *inside, const char *behind, struct bind_options options,
                               size_t most, uint32_t line)
{
    struct compiled c;
    options.max_elements = most;
    CU_ASSERT_PTR_NOT_NULL(bind_shop(&c, inside, behind, options));
    compile_free(&c);
    options.max_elements = most - 1;
    CU_ASSERT_PTR_NULL(bind_shop(&c, inside, behind, options));
    CU_ASSERT_EQUAL_FATAL(count_diags(&c, DIAG_NPC605), 1);
    for (size_t i = 0; i < c.ctx.diags.list.n; i++) {
        const struct diag *d = c.ctx.diags.list.v[i];
        CU_ASSERT(d->id != DIAG_NPC605 || d->at.line == line);
    }
    compile_free(&c);
}

#endif
