/* Writes npc.map of the iptables backend. Knows nothing of rules. */
#include "backends/ipt_map.h"

#include <inttypes.h>

static const char *const family_name[FAMILIES] = {"IPv4", "IPv6"};

void ipt_map_init(struct ipt_map *m, struct ctx *c)
{
    *m = (struct ipt_map){.ctx = c, .chains = buf_new(&c->arena)};
}

static void put_policy_fields(const struct ctx *c, struct buf *b, const struct npolicy *p,
                              struct span at)
{
    buf_puts(b, "\"namespace\": ");
    buf_json_string(b, p->origin->ns);
    buf_puts(b, ", \"policy\": ");
    buf_json_string(b, p->origin->name);
    if (at.file != 0) {
        buf_puts(b, ", \"file\": ");
        buf_json_string(b, sources_get(&c->sources, at.file)->path);
        buf_printf(b, ", \"line\": %" PRIu32, at.line);
    }
}

static void open_chain(struct ipt_map *m, enum family f, enum direction d, struct str chain)
{
    struct buf *b = m->chains;
    buf_puts(b, buf_text(b).n > 0 ? ",\n    {\"chain\": " : "\n    {\"chain\": ");
    buf_json_string(b, chain);
    buf_printf(b, ", \"family\": \"%s\", \"direction\": \"%s\"", family_name[f], direction_name(d));
}

void ipt_map_class(struct ipt_map *m, enum family f, enum direction d, struct str chain,
                   const struct target_class *class)
{
    struct buf *b = m->chains;
    open_chain(m, f, d, chain);
    buf_puts(b, ", \"addresses\": [");
    for (size_t i = 0; i < class->addrs.n; i++) {
        buf_puts(b, i > 0 ? ", \"" : "\"");
        ip_print(b, f, class->addrs.v[i]);
        buf_putc(b, '"');
    }
    buf_puts(b, "],\n     \"isolated\": [");
    for (size_t i = 0; i < class->npolicies; i++) {
        buf_puts(b, i > 0 ? ",\n       {" : "\n       {");
        put_policy_fields(m->ctx, b, class->policies[i], class->policies[i]->origin->at);
        buf_putc(b, '}');
    }
    buf_puts(b, "]}");
}

void ipt_map_atom(struct ipt_map *m, enum family f, enum direction d, struct str chain,
                  const struct grant *const *grants, const size_t *picked, size_t npicked)
{
    struct buf *b = m->chains;
    open_chain(m, f, d, chain);
    buf_puts(b, ", \"allows\": [");
    for (size_t i = 0; i < npicked; i++) {
        const struct grant *g = grants[picked[i]];
        buf_puts(b, i > 0 ? ",\n       {" : "\n       {");
        put_policy_fields(m->ctx, b, g->policy, g->rule->origin->at);
        buf_printf(b, ", \"rule\": %zu}", g->rule->index);
    }
    buf_puts(b, "]}");
}

void ipt_map_print(const struct ipt_map *m, struct buf *out)
{
    buf_puts(out, "{\"version\": 1, \"target\": \"iptables\",\n  \"chains\": [");
    buf_str(out, buf_text(m->chains));
    buf_puts(out, "]}\n");
}
