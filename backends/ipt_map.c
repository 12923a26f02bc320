/* Writes npc.map of the iptables backend. Knows nothing of rules. */
#include "backends/ipt_map.h"

#include "backends/kernel_comment.h"

#include <inttypes.h>

void ipt_map_init(struct ipt_map *m, struct ctx *c)
{
    *m = (struct ipt_map){.ctx = c, .chains = buf_new(&c->arena)};
}

static void put_joined(struct buf *b, struct arena *a, struct str x, char between, struct str y)
{
    buf_json_string(b, str_printf(a, STR_FMT "%c" STR_FMT, STR_ARG(x), between, STR_ARG(y)));
}

static void put_policy(struct ipt_map *m, struct arena *a, const struct npolicy *p)
{
    buf_puts(m->chains, "{\"policy\": ");
    buf_json_string(m->chains, kernel_policy_name(a, p));
}

static void put_place(struct ipt_map *m, struct arena *a, struct span at)
{
    if (at.file != 0) {
        buf_puts(m->chains, ", \"at\": ");
        put_joined(m->chains, a, sources_get(&m->ctx->sources, at.file)->name, ':',
                   str_printf(a, "%" PRIu32, at.line));
    }
}

static void put_sets(struct ipt_map *m, const struct ipt_source *source)
{
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        if (source->sets[i].n > 0) {
            buf_puts(m->chains, any ? ", " : ", \"sets\": [");
            buf_json_string(m->chains, source->sets[i]);
            any = true;
        }
    }
    buf_puts(m->chains, any ? "]" : "");
}

static void open_chain(struct ipt_map *m, enum direction d, struct str chain)
{
    buf_puts(m->chains,
             buf_text(m->chains).n > 0 ? ",\n        {\"name\": " : "\n        {\"name\": ");
    buf_json_string(m->chains, chain);
    buf_printf(m->chains, ", \"direction\": \"%s\"", direction_name(d));
}

void ipt_map_class(struct ipt_map *m, enum direction d, struct str chain,
                   const struct target_class *class)
{
    struct arena *a = m->chains->arena;
    open_chain(m, d, chain);
    buf_puts(m->chains, ", \"member\": ");
    put_joined(m->chains, a, class->example->ns, '/', class->example->name);
    buf_printf(m->chains, ", \"addresses\": %zu,\n         \"policies\": [", class->addrs.n);
    for (size_t i = 0; i < class->npolicies; i++) {
        buf_puts(m->chains, i > 0 ? ",\n                      " : "");
        put_policy(m, a, class->policies[i]);
        put_place(m, a, class->policies[i]->origin->at);
        buf_putc(m->chains, '}');
    }
    buf_puts(m->chains, "]}");
}

void ipt_map_atom(struct ipt_map *m, enum direction d, struct str chain,
                  const struct ipt_source *sources, size_t n)
{
    struct arena *a = m->chains->arena;
    open_chain(m, d, chain);
    buf_puts(m->chains, ",\n         \"rules\": [");
    for (size_t i = 0; i < n; i++) {
        const struct grant *g = sources[i].grant;
        buf_puts(m->chains, i > 0 ? ",\n                   " : "");
        put_policy(m, a, g->policy);
        buf_puts(m->chains, ", \"rule\": ");
        buf_json_string(m->chains, kernel_rule_name(a, g->rule));
        put_place(m, a, g->rule->origin->at);
        put_sets(m, &sources[i]);
        buf_putc(m->chains, '}');
    }
    buf_puts(m->chains, "]}");
}

void ipt_map_print(const struct ipt_map *const maps[FAMILIES], struct buf *out)
{
    static const char *const names[FAMILIES] = {"ip", "ip6"};
    buf_puts(out, "{\n  \"version\": 1,\n  \"tables\": [");
    for (enum family f = 0; f < FAMILIES; f++) {
        buf_printf(out, "%s\n    {\"family\": \"%s\",\n     \"chains\": [", f > 0 ? "," : "",
                   names[f]);
        buf_str(out, buf_text(maps[f]->chains));
        buf_puts(out, "]}");
    }
    buf_puts(out, "\n  ]\n}\n");
}
