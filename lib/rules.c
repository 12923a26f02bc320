/*
 * What the loader of rules asks about them: whose they are, what they do with one connection, whom
 * a change touches.
 */
#include "lib/context.h"

#include "analysis/verdict.h"

#include <string.h>

enum npc_status npc_report(struct npc *n, enum npc_severity severity, unsigned number,
                           const char *text, const char *hint)
{
    static const enum severity severities[] = {
        [NPC_INFO] = SEV_INFO, [NPC_WARNING] = SEV_WARNING, [NPC_ERROR] = SEV_ERROR};
    GUARD(n);
    for (size_t i = 0; i < DIAG_COUNT; i++) {
        if (diag_number((enum diag_id)i) == number) {
            struct diag *d = diag_report(&n->ctx.diags, severities[severity], (enum diag_id)i,
                                         (struct span){0}, "%s", text);
            if (hint != NULL) {
                diag_hint(&n->ctx.diags, d, "%s", hint);
            }
            return NPC_OK;
        }
    }
    return NPC_BAD;
}

/* The bound program behind an output; NULL if its backend does not bind. */
static const struct bound *bound_of(struct npc *n, const struct npc_output *out)
{
    const struct emit *e = out->internal;
    if (e->bound == NULL) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0}, "this backend writes no rules");
    }
    return e->bound;
}

/* ---- whose ---- */

static void add_addresses(struct npc *n, struct npc_scope *s, const struct bound *b)
{
    struct arena *a = &n->ctx.arena;
    VEC(const char *) list = {0};
    for (enum family f = 0; b->host == NULL && f < FAMILIES; f++) {
        for (size_t i = 0; i < b->local[f].n; i++) {
            vec_push(a, &list, ip_text(a, f, b->local[f].v[i]).p);
        }
    }
    for (size_t i = 0; b->host != NULL && i < b->host->naddrs; i++) {
        vec_push(a, &list, ip_text(a, b->host->addrs[i].family, b->host->addrs[i].ip).p);
    }
    s->addresses = list.v;
    s->naddresses = list.n;
}

static bool scope(struct npc *n, const struct npc_output *out, struct npc_scope *s)
{
    const struct bound *b = bound_of(n, out);
    if (b == NULL) {
        return false;
    }
    const struct bind_options *o = b->options;
    *s = (struct npc_scope){.kind = NPC_SCOPE_ALL, .name = ""};
    switch (o->scope) {
    case BIND_ALL:
        break;
    case BIND_NODE:
        s->kind = NPC_SCOPE_NODE;
        s->name = str_dup(&n->ctx.arena, o->node).p;
        break;
    case BIND_HOST:
        s->kind = NPC_SCOPE_HOST;
        s->name = str_path(&n->ctx.arena, o->host_ns, o->host).p;
        break;
    }
    add_addresses(n, s, b);
    return true;
}

enum npc_status npc_scope_of(struct npc *n, const struct npc_output *out, struct npc_scope *s)
{
    GUARD(n);
    return scope(n, out, s) ? NPC_OK : NPC_BAD;
}

/* ---- one connection ---- */

static bool read_flow(struct npc *n, const struct npc_flow *flow, struct bound_packet *p)
{
    enum family f;
    const bool read = ip_parse(str_of(flow->source), &p->family, &p->source) < IP_MAPPED &&
                      ip_parse(str_of(flow->destination), &f, &p->destination) < IP_MAPPED &&
                      proto_of_name(str_of(flow->protocol), &p->proto);
    p->key = flow->port;
    if (!read || f != p->family) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0},
                   "'%s' to '%s' by %s is no connection between two addresses of one family",
                   flow->source, flow->destination, flow->protocol);
        return false;
    }
    return true;
}

static struct str policy_names(struct npc *n, const struct target_class *t)
{
    struct buf *b = buf_new(&n->ctx.arena);
    for (size_t i = 0; t != NULL && i < t->npolicies; i++) {
        const struct policy *p = t->policies[i]->origin;
        buf_puts(b, i > 0 ? ", " : "");
        buf_str(b, p->ns);
        buf_puts(b, p->ns.n > 0 ? "/" : "");
        buf_str(b, p->name);
    }
    return str_dup(&n->ctx.arena, buf_text(b));
}

static enum npc_status admits(struct npc *n, const struct npc_output *out,
                              const struct npc_flow *flow, const char **policies)
{
    const struct bound *b = bound_of(n, out);
    struct bound_packet p = {0};
    *policies = "";
    if (b == NULL || !read_flow(n, flow, &p)) {
        return NPC_BAD;
    }
    const struct emit *e = out->internal;
    for (enum direction d = 0; d < DIRECTIONS; d++) {
        if (b->host != NULL && (d == DIR_INGRESS) != flow->inbound) {
            continue; /* a machine sees only its own side */
        }
        const struct bound_verdict v =
            bound_verdict(b, d, e->options->failsafe, e->options->nfailsafe, &p);
        if (v.answer == BOUND_DENIED) {
            *policies = policy_names(n, v.target).p;
            return NPC_NO;
        }
    }
    return NPC_OK;
}

enum npc_status npc_admits(struct npc *n, const struct npc_output *out, const struct npc_flow *flow,
                           const char **policies)
{
    GUARD(n);
    return admits(n, out, flow, policies);
}

/* ---- whom a change touches ---- */

/* What one address is allowed, as text: equal texts are equal rules. Rules for a machine look at no
 * address of its own, and are about all of them, known or not. */
struct allowance {
    bool machine; /* then `ip` means nothing */
    enum family family;
    struct ip ip;
    struct str text;
};

struct allowances {
    VEC(struct allowance) list;
};

static void put_peers(struct buf *out, enum family f, const struct bound_side *side,
                      const struct grant *g)
{
    if (g->any_peer) {
        buf_puts(out, "any");
        return;
    }
    for (size_t i = 0; i < g->classes.n; i++) {
        const struct addr_list *l = &side->peers[g->classes.v[i] - 1].addrs;
        for (size_t k = 0; k < l->n; k++) {
            ip_print(out, f, l->v[k]);
            buf_putc(out, ' ');
        }
    }
    for (size_t i = 0; i < g->nets.n; i++) {
        ip_print(out, f, g->nets.v[i].first);
        buf_putc(out, '-');
        ip_print(out, f, g->nets.v[i].last);
        buf_putc(out, ' ');
    }
}

static void put_grant_ports(struct buf *out, const struct portset *s)
{
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        for (size_t i = 0; i < s->keys[p].n; i++) {
            buf_printf(out, " %s/%u-%u", proto_name((enum proto)p), s->keys[p].v[i].first,
                       s->keys[p].v[i].last);
        }
    }
    buf_puts(out, s->other ? " other\n" : "\n");
}

static void describe(struct arena *a, const struct emit *e, enum family f, enum direction d,
                     struct allowances *out)
{
    const struct bound *b = e->bound;
    const struct bound_side *side = &b->side[f][d];
    for (size_t i = 0; i < side->ntargets; i++) {
        const struct target_class *t = &side->targets[i];
        struct buf *text = buf_new(a);
        buf_printf(text, "%s\n", direction_name(d));
        for (size_t g = 0; g < t->ngrants; g++) {
            put_peers(text, f, side, t->grants[g]);
            put_grant_ports(text, &t->grants[g]->ports);
        }
        if (b->host != NULL && d == DIR_INGRESS) {
            const struct portset failsafe = failsafe_ports(a, e->options);
            put_grant_ports(text, &failsafe);
        }
        if (b->host != NULL) {
            const struct allowance own = {.machine = true, .family = f, .text = buf_text(text)};
            vec_push(a, &out->list, own);
        }
        for (size_t k = 0; b->host == NULL && k < t->addrs.n; k++) {
            const struct allowance one = {false, f, t->addrs.v[k], buf_text(text)};
            vec_push(a, &out->list, one);
        }
    }
}

static int compare_allowances(const void *x, const void *y)
{
    const struct allowance *a = x, *b = y;
    if (a->machine != b->machine) {
        return a->machine ? 1 : -1;
    }
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    const int order = ip_cmp(a->ip, b->ip);
    return order != 0 ? order : str_cmp(a->text, b->text);
}

static struct allowances allowances_of(struct arena *a, const struct emit *e)
{
    struct allowances all = {0};
    for (enum family f = 0; f < FAMILIES; f++) {
        for (enum direction d = 0; d < DIRECTIONS; d++) {
            describe(a, e, f, d, &all);
        }
    }
    array_sort(all.list.v, all.list.n, sizeof *all.list.v, compare_allowances);
    return all;
}

struct texts {
    VEC(const char *) list;
};

static void push_once(struct arena *a, struct texts *t, const char *text)
{
    for (size_t i = 0; i < t->list.n; i++) {
        if (strcmp(t->list.v[i], text) == 0) {
            return;
        }
    }
    vec_push(a, &t->list, text);
}

/* The addresses of a machine that are known. */
static void push_host(struct arena *a, const struct bound *b, struct texts *out)
{
    for (size_t i = 0; b->host != NULL && i < b->host->naddrs; i++) {
        const struct address *own = &b->host->addrs[i];
        push_once(a, out, ip_text(a, own->family, own->ip).p);
    }
}

/* Both lists are sorted, machines last: what is not in both is touched. */
static void touched(struct npc *n, const struct emit *old, const struct emit *new,
                    const char *const **addresses, size_t *naddresses)
{
    struct arena *a = &n->ctx.arena;
    const struct allowances x = allowances_of(a, old), y = allowances_of(a, new);
    struct texts touched = {0};
    const struct allowance *last = NULL;
    for (size_t i = 0, k = 0; i < x.list.n || k < y.list.n;) {
        const int order = i == x.list.n   ? 1
                          : k == y.list.n ? -1
                                          : compare_allowances(&x.list.v[i], &y.list.v[k]);
        const struct allowance *one = order <= 0 ? &x.list.v[i] : &y.list.v[k];
        i += order <= 0;
        k += order >= 0;
        if (order != 0 && one->machine) {
            push_host(a, old->bound, &touched);
            push_host(a, new->bound, &touched);
            break;
        }
        if (order != 0 &&
            (last == NULL || last->family != one->family || ip_cmp(last->ip, one->ip) != 0)) {
            vec_push(a, &touched.list, ip_text(a, one->family, one->ip).p);
            last = one;
        }
    }
    *addresses = touched.list.v;
    *naddresses = touched.list.n;
}

enum npc_status npc_touched(struct npc *n, const struct npc_output *old,
                            const struct npc_output *now, const char *const **addresses,
                            size_t *naddresses)
{
    GUARD(n);
    if (bound_of(n, old) == NULL || bound_of(n, now) == NULL) {
        return NPC_BAD;
    }
    touched(n, old->internal, now->internal, addresses, naddresses);
    return NPC_OK;
}
