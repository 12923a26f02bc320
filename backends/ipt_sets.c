/* Names, fills and prints ipsets. Knows nothing of the rules that use them. */
#include "backends/ipt_sets.h"

#include "backends/ipt_nets.h"

#include <string.h>

/* The kernel's smallest hash; a power of two (ip_set_hash_gen.h). */
#define HASH_MIN 64u

static const char *const family_word[FAMILIES] = {"inet", "inet6"};

struct content {
    enum family family;
    const char *type;
    const char *slug;
    struct buf *lines; /* one element a line, in canonical form: equal text is equal content */
    size_t n;
};

void ipt_sets_init(struct ipt_sets *s, struct ctx *c, struct kernel_names *names, size_t most)
{
    *s = (struct ipt_sets){.ctx = c, .names = names, .out = buf_new(&c->arena), .most = most};
    strmap_init(&s->made, &c->arena);
}

static bool name_set(struct ipt_sets *s, const struct content *x, const char *role, struct span at,
                     struct str *name)
{
    const struct str parts[] = {str_of(role), str_of(x->type), str_of(family_word[x->family]),
                                str_printf(&s->ctx->arena, "%zu", x->n), buf_text(x->lines)};
    return kernel_name(s->names, str_of(x->slug), parts, sizeof parts / sizeof *parts, at, name);
}

static bool count_elements(struct ipt_sets *s, size_t n, struct span at)
{
    s->elements += n;
    if (s->elements <= s->most) {
        return true;
    }
    struct diag *d =
        diag_error(&s->ctx->diags, NPC605, at, "the ipsets need more than %zu elements", s->most);
    diag_hint(&s->ctx->diags, d, "--max-elements N allows more");
    return false;
}

static void put_create(struct buf *out, const struct content *x, struct str name)
{
    size_t buckets = HASH_MIN;
    while (buckets < x->n) {
        buckets *= 2;
    }
    buf_printf(out, "create " STR_FMT " %s family %s hashsize %zu maxelem %zu\n", STR_ARG(name),
               x->type, family_word[x->family], buckets, x->n);
}

static void put_set(struct buf *out, const struct content *x, struct str name, struct str filling)
{
    put_create(out, x, filling);
    buf_printf(out, "flush " STR_FMT "\n", STR_ARG(filling));
    struct str lines = buf_text(x->lines);
    for (size_t at = 0; at < lines.n;) {
        const char *end = memchr(lines.p + at, '\n', lines.n - at);
        size_t length = (size_t)(end - (lines.p + at)) + 1;
        buf_printf(out, "add " STR_FMT " ", STR_ARG(filling));
        buf_put(out, lines.p + at, length);
        at += length;
    }
    put_create(out, x, name);
    buf_printf(out, "swap " STR_FMT " " STR_FMT "\ndestroy " STR_FMT "\n", STR_ARG(filling),
               STR_ARG(name), STR_ARG(filling));
}

static bool make_set(struct ipt_sets *s, const struct content *x, struct span at, struct str *name)
{
    struct str filling;
    if (!name_set(s, x, "set", at, name)) {
        return false;
    }
    if (strmap_put(&s->made, *name, s) != NULL) {
        return true;
    }
    if (!name_set(s, x, "filling", at, &filling) || !count_elements(s, x->n, at)) {
        return false;
    }
    put_set(s->out, x, *name, filling);
    return true;
}

bool ipt_set_addrs(struct ipt_sets *s, enum family f, struct addr_list addrs, struct span at,
                   struct str *name)
{
    const struct content x = {f, "hash:ip", f == FAM_IP4 ? "ip4" : "ip6", buf_new(&s->ctx->arena),
                              addrs.n};
    for (size_t i = 0; i < addrs.n; i++) {
        ip_print(x.lines, f, addrs.v[i]);
        buf_putc(x.lines, '\n');
    }
    return make_set(s, &x, at, name);
}

bool ipt_set_nets(struct ipt_sets *s, enum family f, struct ipset nets, struct span at,
                  struct str *name)
{
    const struct net_entries entries = nets_cover(&s->ctx->arena, f, nets);
    const struct content x = {f, "hash:net", f == FAM_IP4 ? "net4" : "net6",
                              buf_new(&s->ctx->arena), entries.n};
    for (size_t i = 0; i < entries.n; i++) {
        cidr_print(x.lines, entries.v[i].at);
        buf_puts(x.lines, entries.v[i].nomatch ? " nomatch\n" : "\n");
    }
    return make_set(s, &x, at, name);
}
