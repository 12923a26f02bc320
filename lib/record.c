/*
 * What is kept of a program beside the rules that it became, to be read again by npc alone: its
 * policies in npc's own language, which says more than any other, and less than two things. Raw
 * text for other backends has no part in rules, and neither have tests; and names of cluster
 * policies, which each API has for itself, are made unique.
 */
#include "lib/context.h"

/* Names are at most 253 bytes. */
enum { NAME_KEPT = 240 };

static struct str unique_name(struct arena *a, const struct strmap *taken, struct str name)
{
    struct str unique = name;
    const struct str kept = {name.p, name.n < NAME_KEPT ? name.n : NAME_KEPT};
    for (unsigned i = 2; strmap_get(taken, unique) != NULL; i++) {
        unique = str_printf(a, STR_FMT ".%u", STR_ARG(kept), i);
    }
    return unique;
}

static struct program bare_program(struct npc *n)
{
    struct arena *a = &n->ctx.arena;
    struct program out = n->program;
    struct strmap taken;
    out.policies.v = ARENA_NEW_ARRAY(a, out.policies.n, struct policy *);
    out.tests.n = out.raws.n = 0;
    strmap_init(&taken, a);
    for (size_t i = 0; i < out.policies.n; i++) {
        struct policy *p = ARENA_NEW(a, struct policy);
        *p = *n->program.policies.v[i];
        p->nraws = 0;
        out.policies.v[i] = p;
        if (policy_is_cluster(p)) {
            p->name = unique_name(a, &taken, p->name);
            strmap_put(&taken, p->name, p);
        }
    }
    return out;
}

static bool record(struct npc *n, const char **text, size_t *size)
{
    if (!n->usable) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0}, "there is no loaded program to record");
        return false;
    }
    const struct program bare = bare_program(n);
    struct emit e = {
        .ctx = &n->ctx, .program = &bare, .options = &n->emit, .out = buf_new(&n->ctx.arena)};
    if (!backend_run(backend_find(STR("npc")), &e)) {
        return false;
    }
    *text = buf_text(e.out).p;
    *size = buf_text(e.out).n;
    return true;
}

enum npc_status npc_record(struct npc *n, const char **text, size_t *size)
{
    GUARD(n);
    size_t first = n->ctx.diags.list.n;
    return record(n, text, size) ? NPC_OK : failure_status(n, first);
}

enum npc_status npc_add_record(struct npc *n, const char *name, const char *text, size_t size)
{
    n->ctx.limits.dsl_file = n->ctx.limits.dsl_total = SIZE_MAX;
    return npc_add_text(n, name, text, size);
}
