/*
 * The smallest backend: one line for each policy. It is there to be copied;
 * docs/adding-a-backend.md walks through it.
 */
#include "backends/backend.h"

static void write_policy(struct buf *out, const struct policy *p)
{
    if (p->ns.n > 0) {
        buf_str(out, p->ns);
        buf_putc(out, '/');
    }
    buf_str(out, p->name);
    buf_puts(out, ": ");
    buf_u64(out, p->nrules[DIR_INGRESS]);
    buf_puts(out, " ingress rules, ");
    buf_u64(out, p->nrules[DIR_EGRESS]);
    buf_puts(out, " egress rules\n");
}

static bool emit_null(struct emit *e)
{
    for (size_t i = 0; i < e->program->policies.n; i++) {
        write_policy(e->out, e->program->policies.v[i]);
    }
    return true;
}

const struct backend backend_null = {
    .name = "null",
    .extension = "txt",
    .summary = "counts of rules, one line for each policy: the backend to copy",
    .features = 0,
    .emit = emit_null,
};
