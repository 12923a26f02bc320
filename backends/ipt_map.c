/* Writes npc.map of the iptables backend. Knows nothing of rules. */
#include "backends/ipt_map.h"

#include "backends/kernel_comment.h"
#include "backends/kernel_names.h"

#include <inttypes.h>

void ipt_map_init(struct ipt_map *m, struct ctx *c, enum family f, bool log)
{
    *m = (struct ipt_map){.ctx = c,
                          .family = f,
                          .log = log,
                          .chains = buf_new(&c->arena),
                          .rules = buf_new(&c->arena)};
    strmap_init(&m->by_grant, &c->arena);
}

static void put_joined(struct buf *b, struct arena *a, struct str x, char between, struct str y)
{
    buf_json_string(b, str_printf(a, STR_FMT "%c" STR_FMT, STR_ARG(x), between, STR_ARG(y)));
}

static void put_policy(struct buf *b, const struct npolicy *p)
{
    buf_puts(b, "{\"policy\": ");
    buf_json_string(b, kernel_policy_name(b->arena, p));
}

static void put_place(const struct ipt_map *m, struct buf *b, struct span at)
{
    if (at.file != 0) {
        buf_puts(b, ", \"at\": ");
        put_joined(b, b->arena, sources_get(&m->ctx->sources, at.file)->name, ':',
                   str_printf(b->arena, "%" PRIu32, at.line));
    }
}

/* The members of the object of a rule, which stays open. */
static void put_grant(const struct ipt_map *m, struct buf *b, const struct grant *g)
{
    put_policy(b, g->policy);
    buf_puts(b, ", \"rule\": ");
    buf_json_string(b, kernel_rule_name(b->arena, g->rule));
    put_place(m, b, g->rule->origin->at);
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
    buf_printf(m->chains, ", \"addresses\": %zu", class->addrs.n);
    if (m->log) {
        buf_puts(m->chains, ", \"log\": ");
        buf_json_string(m->chains, kernel_log_prefix(a, d, kernel_log_class(a, m->family, class)));
    }
    buf_puts(m->chains, ",\n         \"policies\": [");
    for (size_t i = 0; i < class->npolicies; i++) {
        buf_puts(m->chains, i > 0 ? ",\n                      " : "");
        put_policy(m->chains, class->policies[i]);
        put_place(m, m->chains, class->policies[i]->origin->at);
        buf_putc(m->chains, '}');
    }
    buf_puts(m->chains, "]}");
}

void ipt_map_atom(struct ipt_map *m, enum direction d, struct str chain,
                  const struct ipt_source *sources, size_t n)
{
    open_chain(m, d, chain);
    buf_puts(m->chains, ",\n         \"rules\": [");
    for (size_t i = 0; i < n; i++) {
        const struct grant *g = sources[i].grant;
        buf_puts(m->chains, i > 0 ? ",\n                   " : "");
        put_grant(m, m->chains, g);
        put_sets(m, &sources[i]);
        buf_putc(m->chains, '}');
    }
    buf_puts(m->chains, "]}");
}

/* The index of a grant in the table's rules. */
static size_t rule_index(struct ipt_map *m, const struct grant *g)
{
    struct str key = {(const char *)&g, sizeof g};
    size_t *index = strmap_get(&m->by_grant, key);
    if (index == NULL) {
        index = ARENA_NEW(m->rules->arena, size_t);
        *index = m->nrules++;
        strmap_put(&m->by_grant, str_dup(m->rules->arena, key), index);
        buf_puts(m->rules, *index > 0 ? ",\n        " : "\n        ");
        put_grant(m, m->rules, g);
        buf_putc(m->rules, '}');
    }
    return *index;
}

void ipt_map_row(struct ipt_map *m, enum direction d, struct str chain, size_t peers)
{
    open_chain(m, d, chain);
    buf_printf(m->chains, ", \"peers\": %zu,\n         \"pairs\": [", peers);
}

void ipt_map_pair(struct ipt_map *m, struct cidr local, const struct grant *const *grants, size_t n)
{
    const bool one = local.len == (local.family == FAM_IP4 ? 32 : 128);
    buf_puts(m->chains, m->chains->p[m->chains->n - 1] == '[' ? "[\"" : ", [\"");
    if (one) {
        ip_print(m->chains, local.family, local.first);
    } else {
        cidr_print(m->chains, local);
    }
    buf_putc(m->chains, '"');
    for (size_t i = 0; i < n; i++) {
        buf_printf(m->chains, ", %zu", rule_index(m, grants[i]));
    }
    buf_putc(m->chains, ']');
}

void ipt_map_row_end(struct ipt_map *m)
{
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
        buf_puts(out, "]");
        if (maps[f]->nrules > 0) {
            buf_puts(out, ",\n     \"rules\": [");
            buf_str(out, buf_text(maps[f]->rules));
            buf_puts(out, "]");
        }
        buf_puts(out, "}");
    }
    buf_puts(out, "\n  ]\n}\n");
}
