/*
 * The side file FILE.map: where every chain and set of an nft output comes from, as JSON.
 *
 *     {"version": 1,
 *      "tables": [
 *        {"family": "ip",
 *         "chains": [{"name": "i10.0.0.7", "direction": "ingress", "member": "shop/web-1",
 * "addresses": 3, "policies": [{"policy": "shop/web", "at": "web.yaml:4"}], "rules": [{"policy":
 * "shop/web", "rule": "ingress[0]", "at": "web.yaml:12"}]}], "sets": [{"name": "i10.0.0.7_addrs",
 * "type": "ipv4_addr", "elements": 7, "chains":
 * ["i10.0.0.7"]}]}]}
 *
 * A chain has the policies that isolate its class and the rules that it allows by; a chain for all
 * classes ("member": null) has no lists: those of all are in it. With --log a chain that denies has
 * the prefix of its log lines ("log"). A set names the chains that use it. Places are FILE:LINE as
 * in the rules' comments, unfiltered.
 */
#include "backends/nft_priv.h"

#include "backends/kernel_names.h"

struct writer {
    const struct emit *emit;
    struct buf *out;
};

static void put_string(struct writer *w, const char *key, struct str value)
{
    buf_printf(w->out, "\"%s\": ", key);
    buf_json_string(w->out, value);
}

static void put_policy(struct writer *w, const struct npolicy *p)
{
    put_string(w, "policy", kernel_policy_name(&w->emit->ctx->arena, p));
}

static void put_place(struct writer *w, struct span at)
{
    const struct ctx *c = w->emit->ctx;
    if (at.file != 0) {
        struct str name = sources_get(&c->sources, at.file)->name;
        buf_puts(w->out, ", ");
        put_string(w, "at",
                   str_printf(&w->emit->ctx->arena, STR_FMT ":%u", STR_ARG(name), at.line));
    }
    buf_putc(w->out, '}');
}

static void put_policies(struct writer *w, const struct target_class *t)
{
    buf_puts(w->out, ",\n         \"policies\": [");
    for (size_t i = 0; i < t->npolicies; i++) {
        buf_puts(w->out, i > 0 ? ",\n                      {" : "{");
        put_policy(w, t->policies[i]);
        put_place(w, t->policies[i]->origin->at);
    }
    buf_puts(w->out, "]");
}

static void put_rules(struct writer *w, const struct target_class *t)
{
    buf_puts(w->out, ",\n         \"rules\": [");
    for (size_t i = 0; i < t->ngrants; i++) {
        const struct grant *g = t->grants[i];
        buf_puts(w->out, i > 0 ? ",\n                   {" : "{");
        put_policy(w, g->policy);
        buf_puts(w->out, ", ");
        put_string(w, "rule", kernel_rule_name(&w->emit->ctx->arena, g->rule));
        put_place(w, g->rule->origin->at);
    }
    buf_puts(w->out, "]");
}

static void put_chain(struct writer *w, const struct nft_part *p, const struct nft_chain *c)
{
    struct arena *a = &w->emit->ctx->arena;
    const struct target_class *t = c->class;
    buf_puts(w->out, "        {");
    put_string(w, "name", c->name);
    buf_printf(w->out, ", \"direction\": \"%s\", ", direction_name(p->direction));
    if (t != NULL) {
        const struct workload *m = t->example;
        put_string(w, "member", str_path(a, m->ns, m->name));
        buf_printf(w->out, ", \"addresses\": %zu", t->addrs.n);
    } else {
        buf_puts(w->out, "\"member\": null");
    }
    if (w->emit->options->log && c->denies) {
        buf_puts(w->out, ", \"log\": ");
        buf_json_string(w->out,
                        kernel_log_prefix(a, p->direction, kernel_log_class(a, p->family, t)));
    }
    if (t != NULL) {
        put_policies(w, t);
        put_rules(w, t);
    }
    buf_putc(w->out, '}');
}

static void put_set(struct writer *w, const struct nft_part *p, const struct nft_set *s)
{
    buf_puts(w->out, "        {");
    put_string(w, "name", s->name);
    buf_puts(w->out, ", ");
    put_string(w, "type", s->type);
    buf_printf(w->out, ", \"elements\": %zu, \"chains\": [", s->n);
    for (size_t i = 0; i < s->chains.n; i++) {
        bool repeated = i > 0 && s->chains.v[i - 1] == s->chains.v[i];
        buf_puts(w->out, i > 0 && !repeated ? ", " : "");
        if (!repeated) {
            buf_json_string(w->out, p->chains.v[s->chains.v[i]].name);
        }
    }
    buf_puts(w->out, "]}");
}

static void put_table(struct writer *w, const struct nft_part *const *parts)
{
    const char *sep = "";
    buf_printf(w->out, "    {\"family\": \"%s\",\n     \"chains\": [",
               parts[0]->family == FAM_IP4 ? "ip" : "ip6");
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < parts[d]->chains.n; i++) {
            buf_printf(w->out, "%s\n", sep);
            put_chain(w, parts[d], &parts[d]->chains.v[i]);
            sep = ",";
        }
    }
    buf_puts(w->out, "],\n     \"sets\": [");
    sep = "";
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < parts[d]->sets.n; i++) {
            buf_printf(w->out, "%s\n", sep);
            put_set(w, parts[d], parts[d]->sets.v[i]);
            sep = ",";
        }
    }
    buf_puts(w->out, "]}");
}

void nft_map_write(const struct emit *e, const struct nft_part *const *parts, size_t n,
                   struct buf *out)
{
    struct writer w = {e, out};
    buf_puts(out, "{\n  \"version\": 1,\n  \"tables\": [\n");
    for (size_t i = 0; i < n; i += DIRECTIONS) {
        buf_puts(out, i > 0 ? ",\n" : "");
        put_table(&w, &parts[i]);
    }
    buf_puts(out, "\n  ]\n}\n");
}
