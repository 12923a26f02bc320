/* For tests of parts of the iptables backend: one side of a program, and the table that rules are
 * put in. */
#ifndef NPC_TESTS_IPT_BENCH_H
#define NPC_TESTS_IPT_BENCH_H

#include "backends/ipt_side.h"
#include "compile.h"
#include "ipt_sim.h"

struct bench {
    struct compiled c;
    struct emit emit;
    struct kernel_names names;
    struct ipt_sets sets;
    struct ipt_map map;
    struct ipt_table table;
    struct ipt_side side;
};

/* Of a program, the IPv4 side of its ingress. */
static inline void bench_init(struct bench *b, const char *policies,
                              const struct ipt_tuning *tuning, uint32_t log_rate)
{
    struct str text = str_of(policies);
    *b = (struct bench){0};
    b->emit = compile_bind(&b->c, text, STR(""), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->emit.bound);
    kernel_names_init(&b->names, &b->c.ctx, KERNEL_NAME_BITS);
    ipt_sets_init(&b->sets, &b->c.ctx, &b->names, SIZE_MAX);
    ipt_map_init(&b->map, &b->c.ctx, FAM_IP4, log_rate > 0);
    ipt_table_init(&b->table, &b->c.ctx, &b->names, FAM_IP4);
    b->side = (struct ipt_side){.ctx = &b->c.ctx,
                                .tuning = tuning,
                                .table = &b->table,
                                .sets = &b->sets,
                                .map = &b->map,
                                .bound = &b->emit.bound->side[FAM_IP4][DIR_INGRESS],
                                .direction = DIR_INGRESS,
                                .deny = STR("DENY"),
                                .log_rate = log_rate,
                                .keeps = "-p icmp -j RETURN\n",
                                .whole = b->emit.bound};
    ipt_side_init(&b->side);
}

/* Every name with this slug becomes somebody else's; returns how many errors that made. */
static inline size_t bench_take_names(struct bench *b, struct str slug)
{
    b->names.bits = 1;
    for (uint64_t i = 0; i < 8; i++) {
        const struct str other = {(const char *)&i, sizeof i};
        struct str name;
        kernel_name(&b->names, slug, &other, 1, (struct span){0}, &name);
    }
    return b->c.ctx.diags.errors;
}

/* The rules of the chain that this key names; empty if there is none. */
static inline struct str bench_chain(struct bench *b, struct str slug, const char *kind,
                                     struct str id)
{
    const struct str parts[] = {str_of(kind), str_of(direction_name(b->side.direction)), id};
    struct str name;
    CU_ASSERT(kernel_name(&b->names, slug, parts, 3, (struct span){0}, &name));
    for (size_t i = 0; i < b->table.chains.n; i++) {
        if (str_eq(b->table.chains.v[i].name, name)) {
            return buf_text(b->table.chains.v[i].body);
        }
    }
    return STR("");
}

static inline struct str bench_text(struct bench *b)
{
    struct buf *text = buf_new(&b->c.ctx.arena);
    ipt_table_print(&b->table, text);
    return buf_text(text);
}

static inline struct ipt_sim bench_rules(struct bench *b)
{
    return ipt_sim_read(&b->c.ctx.arena, bench_text(b), buf_text(b->sets.out), FAM_IP4);
}

#endif
