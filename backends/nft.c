/*
 * The nft backend: one file for `nft -f` that replaces npc's own tables in one transaction.
 *
 * A table for each family, `ip npc` and `ip6 npc` (one `inet` table costs 20-60 ns more per
 * packet). Its chains:
 *  - npc_forward: replies; then the source's egress and the destination's ingress, each by a
 *    look-up of the pod's address that leads to the chain of its class: a connection needs both;
 *  - i10.0.0.7, e10.0.0.7, ...: what the class with that lowest address allows (nft_class.c; when
 *    there are very many they end in one chain, nft_shared.c);
 *  - npc_deny: what is never filtered, then drop: only denied packets pay for looking;
 *  - npc_input, npc_output: with --host, the one class, at the hooks of the machine.
 *
 * An empty chain beside them, npc_is_HASH, says which ruleset this is (nft_delta.c).
 *
 * Replies are what conntrack calls established or related. `ct status confirmed` would be cheaper
 * for flows that are never answered, and is a bypass: a packet that came before the rules would let
 * all later ones through.
 */
#include "backends/nft_delta.h"
#include "backends/nft_priv.h"

struct job {
    struct emit *emit;
    const struct nft_tuning *tuning;
};

struct side_parts { /* of one family */
    struct nft_part of[DIRECTIONS];
};

static const char *const table_family[FAMILIES] = {"ip", "ip6"};

/* ---- header ---- */

static void put_scope(struct buf *out, const struct bind_options *o)
{
    switch (o->scope) {
    case BIND_ALL:
        buf_puts(out, "# Scope: all pods of the inventory, at the forward hook.\n");
        break;
    case BIND_NODE:
        buf_puts(out, "# Scope: the pods of node ");
        kernel_comment_filter(out, o->node);
        buf_puts(out, ", at the forward hook.\n");
        break;
    case BIND_HOST:
        buf_puts(out, "# Scope: the machine that is ");
        kernel_comment_filter(out, o->host_ns);
        buf_putc(out, '/');
        kernel_comment_filter(out, o->host);
        buf_puts(out, ", at its input and output hooks.\n");
        break;
    }
}

static void put_header(struct buf *out, const struct bind_options *o)
{
    buf_puts(out, "# Network policy, compiled by npc. Load with: nft -f FILE\n"
                  "# It replaces npc's own tables in one transaction and touches nothing else.\n");
    put_scope(out, o);
    if (o->scope != BIND_HOST) {
        buf_puts(out, "# Traffic between two pods of one bridge comes here only with br_netfilter "
                      "loaded and both\n"
                      "# net.bridge.bridge-nf-call-iptables and -ip6tables = 1. Routed pods do not "
                      "need it.\n");
    }
    /* `add` makes the `delete` safe; `inet npc` is where other layouts would stand. */
    static const char *const tables[] = {"ip npc", "ip6 npc", "inet npc"};
    buf_putc(out, '\n');
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        buf_printf(out, "add table %s\ndelete table %s\n", tables[i], tables[i]);
    }
}

/* ---- gates ---- */

enum { GATES = 4 };

struct gates {
    struct cidr v[GATES];
    size_t n;
};

/* The smallest prefix that covers both. */
static struct cidr cover(enum family f, struct ip first, struct ip last)
{
    struct cidr c = {f, first, f == FAM_IP4 ? 32 : 128};
    for (;; c.len--) {
        struct ip host = cidr_last((struct cidr){f, {0, 0}, c.len});
        c.first = (struct ip){first.hi & ~host.hi, first.lo & ~host.lo};
        if (cidr_has(c, f, last)) {
            return c;
        }
    }
}

/* Where the prefix that covers v[from] to v[to] would be cut: before the first address of its upper
 * half. */
static size_t upper_half(const struct addr_list *l, size_t from, size_t to, struct cidr c)
{
    struct ip last = cidr_last((struct cidr){c.family, c.first, (uint8_t)(c.len + 1)});
    size_t i = from;
    while (i < to && ip_cmp(l->v[i], last) <= 0) {
        i++;
    }
    return i;
}

/* Up to four disjoint prefixes that cover all addresses (never copied from a node's podCIDR: that
 * need not cover them). The widest is cut in two until it is as narrow as pods' networks are. */
static struct gates gates_of(enum family f, const struct addr_list *l)
{
    const uint8_t narrow = f == FAM_IP4 ? 16 : 48;
    size_t from[GATES + 1] = {0, l->n};
    struct gates g = {.n = 1};
    g.v[0] = cover(f, l->v[0], l->v[l->n - 1]);
    while (g.n < GATES) {
        size_t widest = 0;
        for (size_t i = 1; i < g.n; i++) {
            widest = g.v[i].len < g.v[widest].len ? i : widest;
        }
        if (g.v[widest].len >= narrow) {
            break;
        }
        size_t cut = upper_half(l, from[widest], from[widest + 1], g.v[widest]);
        for (size_t i = g.n; i > widest; i--) {
            from[i + 1] = from[i];
            g.v[i] = g.v[i - 1];
        }
        from[widest + 1] = cut;
        g.v[widest] = cover(f, l->v[from[widest]], l->v[cut - 1]);
        g.v[widest + 1] = cover(f, l->v[cut], l->v[from[widest + 2] - 1]);
        g.n++;
    }
    return g;
}

static int compare_ips(const void *x, const void *y)
{
    return ip_cmp(*(const struct ip *)x, *(const struct ip *)y);
}

static struct addr_list target_addresses(const struct nft_part *p)
{
    VEC(struct ip) all = {0};
    for (size_t i = 0; i < p->side->ntargets; i++) {
        const struct addr_list *l = &p->side->targets[i].addrs;
        for (size_t k = 0; k < l->n; k++) {
            vec_push(p->arena, &all, l->v[k]);
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_ips);
    return (struct addr_list){all.v, all.n};
}

/* ---- a node ---- */

static void put_established(struct buf *out)
{
    buf_puts(out, "\t\tct state established,related accept\n");
}

/* An address compare is a tenth of a look-up: most packets of other traffic end there. */
static void put_dispatch(struct buf *out, const struct nft_part *p)
{
    if (p->side->ntargets == 0) {
        return;
    }
    struct addr_list targets = target_addresses(p);
    struct gates g = gates_of(p->family, &targets);
    for (size_t i = 0; i < g.n; i++) {
        buf_puts(out, "\t\t");
        if (g.v[i].len > 0) {
            buf_printf(out, "%s ", p->local);
            nft_range_text(out, p->family, (struct ip_range){g.v[i].first, cidr_last(g.v[i])});
            buf_putc(out, ' ');
        }
        buf_printf(out, "%s vmap @" STR_FMT "\n", p->local, STR_ARG(nft_dispatch_name(p)));
    }
}

static void put_forward(struct buf *out, const struct side_parts *s)
{
    buf_puts(out, "\n\tchain npc_forward {\n"
                  "\t\ttype filter hook forward priority 0; policy accept;\n");
    put_established(out);
    put_dispatch(out, &s->of[DIR_EGRESS]);
    put_dispatch(out, &s->of[DIR_INGRESS]);
    buf_puts(out, "\t}\n");
}

/* A path-MTU message may belong to a flow that conntrack does not know; neighbour discovery crosses
 * the forward hook on a bridge with br_netfilter; a pod may reach itself through a Service. */
static const char *const node_keeps[FAMILIES] = {
    [FAM_IP4] = "\t\ticmp type 3 icmp code 4 accept\n",
    [FAM_IP6] = "\t\ticmpv6 type 2 accept\n"
                "\t\ticmpv6 type 135 accept\n"
                "\t\ticmpv6 type 136 accept\n",
};

/* With --log the drop stands behind the log, in the chain that denies. */
static void put_drop(struct buf *out, const struct emit *e)
{
    buf_puts(out, e->options->log ? "\t}\n" : "\t\tdrop\n\t}\n");
}

static void put_deny(struct buf *out, const struct emit *e, enum family f)
{
    buf_puts(out, "\n\tchain npc_deny {\n\t\tmeta priority set none\n"); /* it may be a class */
    buf_puts(out, node_keeps[f]);
    buf_printf(out, "\t\t%s saddr . %s daddr @self accept\n", table_family[f], table_family[f]);
    put_drop(out, e);
}

/* Every local pod with itself, in the part of ingress for want of a better place. */
static bool self_set(struct nft_part *p, const struct addr_pair *pairs, size_t n)
{
    struct nft_set *s =
        nft_set_new(p, str_printf(p->arena, "%s . %s", p->addr_type, p->addr_type).p);
    for (size_t i = 0; i < n; i++) {
        struct buf *b = nft_set_element(s);
        ip_print(b, p->family, pairs[i].source);
        buf_puts(b, " . ");
        ip_print(b, p->family, pairs[i].destination);
    }
    nft_set_named(p, s, STR("self"));
    return nft_part_reserve(p, n, (struct span){0});
}

static bool write_part(const struct job *j, struct nft_part *p, enum family f, enum direction d)
{
    bool too_many = true, fewer = true;
    for (size_t i = 0; i < NFT_DIRECTS && fewer; i++) {
        nft_part_init(p, j->emit, j->tuning, f, d, NFT_CLASS_BITS);
        if (p->side->ntargets == 0) {
            return true;
        }
        p->may_retry = i + 1 < NFT_DIRECTS;
        bool ok = nft_classes(p, &j->tuning->direct[i], &too_many, &fewer);
        if (ok ? !too_many : !p->may_retry) {
            p->may_retry = false;
            return ok;
        }
        fewer |= !ok;
    }
    nft_part_init(p, j->emit, j->tuning, f, d, nft_shared_bits(p));
    return nft_classes(p, NULL, &too_many, &fewer);
}

static bool write_node(const struct job *j, enum family f, struct side_parts *s, struct buf *text)
{
    bool ok = true, any = false;
    for (size_t d = 0; d < DIRECTIONS; d++) {
        ok = write_part(j, &s->of[d], f, (enum direction)d) && ok;
        any |= s->of[d].side->ntargets > 0;
    }
    if (!any) {
        return ok;
    }
    ok = ok && self_set(&s->of[DIR_INGRESS], j->emit->bound->self[f], j->emit->bound->nself[f]);
    if (ok) {
        put_forward(text, s);
        put_deny(text, j->emit, f);
    }
    return ok;
}

/* ---- a host ---- */

/* What a machine needs to have an address at all, and to hear that a packet was too big. */
static const char *const host_keeps[FAMILIES][DIRECTIONS] = {
    [FAM_IP4] = {[DIR_INGRESS] = "\t\ticmp type 3 icmp code 4 accept\n"
                                 "\t\tudp sport 67 udp dport 68 accept comment \"DHCP\"\n",
                 [DIR_EGRESS] = "\t\ticmp type 3 icmp code 4 accept\n"
                                "\t\tudp sport 68 udp dport 67 accept comment \"DHCP\"\n"},
    [FAM_IP6] = {[DIR_INGRESS] = "\t\tudp sport 547 udp dport 546 accept comment \"DHCPv6\"\n",
                 [DIR_EGRESS] = "\t\tudp sport 546 udp dport 547 accept comment \"DHCPv6\"\n"},
};

static void put_icmp6_keeps(struct buf *out)
{
    static const struct {
        unsigned type;
        const char *name;
    } keeps[] = {{2, "packet too big"},
                 {130, "MLD query"},
                 {131, "MLD report"},
                 {132, "MLD done"},
                 {133, "router solicitation"},
                 {134, "router advertisement"},
                 {135, "neighbour solicitation"},
                 {136, "neighbour advertisement"},
                 {143, "MLDv2 report"}};
    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
        buf_printf(out, "\t\ticmpv6 type %u accept comment \"%s\"\n", keeps[i].type, keeps[i].name);
    }
}

static void put_host_deny(struct buf *out, const struct emit *e, enum family f, enum direction d)
{
    buf_printf(out, "\n\tchain npc_deny_%s {\n", d == DIR_INGRESS ? "in" : "out");
    if (f == FAM_IP6) {
        put_icmp6_keeps(out);
    }
    buf_puts(out, host_keeps[f][d]);
    for (size_t i = 0; d == DIR_INGRESS && i < e->options->nfailsafe; i++) {
        const struct named_port *p = &e->options->failsafe[i];
        struct nft_item item = {
            .kind = NFT_PORT, .proto = p->proto, .first = p->number, .last = p->number};
        buf_puts(out, "\t\t");
        nft_item_match(out, f, item);
        buf_puts(out, "accept comment \"failsafe\"\n");
    }
    put_drop(out, e);
}

/* The hook is the match, whatever addresses the machine has. */
static bool write_hook(const struct job *j, enum family f, enum direction d, struct nft_part *p)
{
    static const char *const hook[DIRECTIONS] = {"input", "output"};
    static const char *const device[DIRECTIONS] = {"iifname", "oifname"};
    nft_part_init(p, j->emit, j->tuning, f, d, NFT_CLASS_BITS);
    if (p->side->ntargets == 0) {
        return true;
    }
    const struct target_class *t = &p->side->targets[0];
    nft_chain_begin(p, str_printf(p->arena, "npc_%s", hook[d]), t, (struct str){NULL, 0});
    buf_printf(p->text, "\t\ttype filter hook %s priority 0; policy accept;\n", hook[d]);
    buf_printf(p->text, "\t\t%s \"lo\" accept\n", device[d]);
    put_established(p->text);
    bool ok = nft_host_rules(p, t);
    nft_chain_end(p);
    put_host_deny(p->text, j->emit, f, d);
    return ok;
}

static bool write_host(const struct job *j, enum family f, struct side_parts *s)
{
    bool ok = true;
    for (size_t d = 0; d < DIRECTIONS; d++) {
        ok = write_hook(j, f, (enum direction)d, &s->of[d]) && ok;
    }
    return ok;
}

/* ---- the file ---- */

static bool write_table(const struct job *j, enum family f, struct side_parts *s)
{
    const struct emit *e = j->emit;
    struct buf *text = buf_new(&e->ctx->arena); /* hooks and deny */
    bool host = e->bound->host != NULL;
    if (!(host ? write_host(j, f, s) : write_node(j, f, s, text))) {
        return false;
    }
    struct buf *out = e->out;
    buf_printf(out, "\ntable %s npc {", table_family[f]);
    for (size_t d = 0; d < DIRECTIONS; d++) {
        nft_part_sets(&s->of[d], out);
    }
    buf_str(out, buf_text(text));
    for (size_t d = 0; d < DIRECTIONS; d++) {
        buf_str(out, buf_text(s->of[d].text));
    }
    buf_puts(out, "}\n");
    for (size_t d = 0; d < DIRECTIONS; d++) {
        nft_part_chunks(&s->of[d], out);
    }
    return true;
}

static void put_marks(struct arena *a, struct buf *out, struct str tables)
{
    struct str mark = nft_mark(a, tables);
    buf_puts(out, "\n# Which ruleset this is: what npc compile --from writes fits no other.\n");
    for (size_t f = 0; f < FAMILIES; f++) {
        buf_printf(out, "add chain %s npc " STR_FMT "\n", table_family[f], STR_ARG(mark));
    }
}

/* Puts what leads there from an earlier output in the place of the whole. */
static bool write_delta(struct emit *e)
{
    struct str whole = buf_text(e->out);
    e->out = buf_new(&e->ctx->arena);
    return nft_delta(e->ctx, e->options->from_name, e->options->from, whole, e->out);
}

bool nft_emit(struct emit *e, const struct nft_tuning *tuning)
{
    const struct job job = {e, tuning};
    struct arena *a = &e->ctx->arena;
    struct side_parts *parts = ARENA_NEW_ARRAY(a, FAMILIES, struct side_parts);
    const struct nft_part *list[FAMILIES * DIRECTIONS];
    put_header(e->out, &e->options->bind);
    size_t begin = e->out->n;
    bool ok = true;
    for (size_t f = 0; f < FAMILIES; f++) {
        ok = write_table(&job, (enum family)f, &parts[f]) && ok;
        for (size_t d = 0; d < DIRECTIONS; d++) {
            list[f * DIRECTIONS + d] = &parts[f].of[d];
        }
    }
    struct str text = buf_text(e->out);
    put_marks(a, e->out, (struct str){text.p + begin, text.n - begin});
    if (!nft_raw_write(e, e->out) || !ok) {
        return false;
    }
    if (e->options->from.p != NULL && !write_delta(e)) {
        return false;
    }
    struct out_file map = {STR(".map"), buf_new(a)};
    nft_map_write(e, list, sizeof list / sizeof *list, map.text);
    vec_push(a, &e->files, map);
    return true;
}

static bool emit_nft(struct emit *e)
{
    return nft_emit(e, &nft_tuning_default);
}

const struct backend backend_nft = {
    .name = "nft",
    .extension = "nft",
    .summary = "nftables rules for the pods of a node or for one host, for nft -f",
    .flags = BACKEND_BINDS | BACKEND_RAW | BACKEND_FROM,
    .features = FEATURES_BOUND,
    .emit = emit_nft,
};
