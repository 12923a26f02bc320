/*
 * The iptables backend: a directory of `ipsets`, `rules.v4`, `rules.v6` and `npc.map`.
 *
 *   NPC-FORWARD   replies RETURN; -s GATE -j NPC-E; -d GATE -j NPC-I     (pods behind this node)
 *   NPC-E, NPC-I  find the class of the packet's local address           (ipt_dispatch.c)
 *                 where classes have many grants, NPC-E-LOCAL and NPC-I-LOCAL do, and NPC-E and
 *                 NPC-I look for pairs of peer and pod first          (ipt_pairs.c)
 *   class, atom   find the port, then the peer; allow is RETURN          (ipt_class.c)
 *   NPC-DENY      what is never filtered, then DROP; with --log one for each class, which logs
 *   NPC-INPUT, NPC-OUTPUT  with --host: the rules of the one class, at the hooks
 *
 * A jump enters each direction and only gotos follow, so RETURN anywhere below leads back behind
 * that jump: after egress comes ingress, after ingress the administrator's own rules. Nothing is
 * ever accepted here.
 *
 * Loading. The files never name a built-in chain, and declare all three root chains, so that what
 * is loaded last is all that holds. iptables-restore flushes the chains that a file declares and
 * cannot know others, so chains that an older load had and this one has not stay behind: nothing
 * refers to them, but they keep their ipsets in use. Only a program that reads the live rules can
 * take them away (`npc apply` does). Sets are never changed under live rules (ipt_sets.h): load
 * the sets, switch the rules, then destroy sets that are no longer used.
 */
#include "backends/backend.h"
#include "backends/ipt_pairs.h"
#include "backends/kernel_comment.h"
#include "backends/kernel_names.h"

struct rules { /* the work on one family */
    struct emit *e;
    const struct ipt_tuning *tuning;
    struct ipt_table table;
    struct ipt_sets *sets;
    struct ipt_map map;
    const struct bound_side *sides; /* by direction */
    struct ipt_side side[DIRECTIONS];
    bool paired[DIRECTIONS];
    const struct ipt_shapes *shapes;
};

#define ESTABLISHED "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN\n"

/* ---- a node ---- */

/* Path-MTU messages for a flow that conntrack does not know, and neighbour discovery, which crosses
 * the forward hook on a bridge with br_netfilter. Only denied packets pay for looking. */
static const char *const node_keeps[FAMILIES] = {
    [FAM_IP4] = "-p icmp --icmp-type 3/4 -j RETURN\n",
    [FAM_IP6] = "-p ipv6-icmp --icmpv6-type 2 -j RETURN\n"
                "-p ipv6-icmp --icmpv6-type 135 -j RETURN\n"
                "-p ipv6-icmp --icmpv6-type 136 -j RETURN\n",
};

static struct ipt_side side_of(struct rules *r, enum direction d, const char *deny)
{
    struct ipt_side side = {
        .ctx = r->e->ctx,
        .tuning = r->tuning,
        .table = &r->table,
        .sets = r->sets,
        .map = &r->map,
        .bound = &r->sides[d],
        .direction = d,
        .deny = str_of(deny),
        .log_rate = emit_log_rate(r->e->options),
        .keeps = node_keeps[r->table.family],
        .whole = r->e->bound,
    };
    ipt_side_init(&side);
    return side;
}

static bool put_direction(struct rules *r, enum direction d, struct buf *forward)
{
    static const char *const roots[] = {[DIR_INGRESS] = "NPC-I", [DIR_EGRESS] = "NPC-E"};
    static const char *const behinds[] = {
        [DIR_INGRESS] = "NPC-I-LOCAL", [DIR_EGRESS] = "NPC-E-LOCAL"};
    const char *root = roots[d];
    if (r->sides[d].ntargets == 0) {
        return true;
    }
    struct cidr gate;
    struct ipt_side *side = &r->side[d];
    if (!ipt_dispatch(side, r->shapes, r->paired[d] ? behinds[d] : root, &gate) ||
        (r->paired[d] && !ipt_pairs(side, r->shapes, root, behinds[d]))) {
        return false;
    }
    ipt_put_cidr(forward, d == DIR_INGRESS ? IPT_DEST : IPT_SOURCE, gate);
    buf_printf(forward, "-j %s\n", root);
    return true;
}

/* Addresses that are isolated in some direction, rising: only their packets can be denied. */
static struct addr_list isolated_addrs(const struct rules *r)
{
    VEC(struct ip) list = {0};
    for (enum direction d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < r->sides[d].ntargets; i++) {
            const struct addr_list *addrs = &r->sides[d].targets[i].addrs;
            for (size_t k = 0; k < addrs->n; k++) {
                vec_push(&r->e->ctx->arena, &list, addrs->v[k]);
            }
        }
    }
    struct addr_list addrs = {list.v, list.n};
    ipt_addrs_sort(&addrs);
    return addrs;
}

static bool put_node(struct rules *r)
{
    struct arena *a = &r->e->ctx->arena;
    struct buf *forward = buf_new(a);
    struct addr_list isolated = isolated_addrs(r);
    if (isolated.n > 0) {
        buf_puts(forward, ESTABLISHED);
        r->shapes = &ipt_shapes_plain;
        for (enum direction d = 0; d < DIRECTIONS; d++) {
            r->side[d] = side_of(r, d, "NPC-DENY");
            r->paired[d] = ipt_pairs_plan(&r->side[d]);
            r->shapes = r->paired[d] ? &ipt_shapes_paired : r->shapes;
        }
        const struct ipt_deny deny = {STR("NPC-DENY"), node_keeps[r->table.family], "-j DROP\n",
                                      &r->shapes->self};
        if ((emit_log_rate(r->e->options) == 0 &&
             !ipt_self(&r->table, r->e->bound, isolated, &deny)) ||
            !put_direction(r, DIR_EGRESS, forward) || !put_direction(r, DIR_INGRESS, forward)) {
            return false;
        }
    }
    ipt_chain_add(&r->table, STR("NPC-OUTPUT"), buf_new(a));
    ipt_chain_add(&r->table, STR("NPC-INPUT"), buf_new(a));
    ipt_chain_add(&r->table, STR("NPC-FORWARD"), forward);
    return true;
}

/* ---- a host ---- */

/* DHCP and DHCPv6 in this direction. */
static const char *const host_dhcp[FAMILIES][DIRECTIONS] = {
    [FAM_IP4] = {[DIR_INGRESS] = "-p udp --sport 67 --dport 68 ",
                 [DIR_EGRESS] = "-p udp --sport 68 --dport 67 "},
    [FAM_IP6] = {[DIR_INGRESS] = "-p udp --sport 547 --dport 546 ",
                 [DIR_EGRESS] = "-p udp --sport 546 --dport 547 "},
};

struct kept_icmp {
    const char *type, *what;
};

static const struct kept_icmp host_icmp4[] = {{"3/4", "path MTU"}, {NULL, NULL}};
static const struct kept_icmp host_icmp6[] = {
    {"2", "path MTU"},
    {"130", "multicast listeners"}, /* query, report, done, report of version 2 */
    {"131", "multicast listeners"},
    {"132", "multicast listeners"},
    {"143", "multicast listeners"},
    {"133", "router discovery"},
    {"134", "router discovery"},
    {"135", "neighbour discovery"},
    {"136", "neighbour discovery"},
    {NULL, NULL},
};

static void put_keep(struct buf *body, const char *match, const char *what)
{
    buf_puts(body, match);
    ipt_put_comment(body, str_of(what));
    ipt_put_return(body);
}

static void put_failsafe(const struct rules *r, struct buf *body)
{
    const struct emit_options *o = r->e->options;
    for (size_t i = 0; i < o->nfailsafe; i++) {
        const struct named_port *p = &o->failsafe[i];
        struct port_range key = {p->number, p->number};
        ipt_put_match(body, &(struct port_match){.proto = p->proto, .keys = &key, .nkeys = 1});
        put_keep(body, "", "failsafe");
    }
}

/* What a host keeps whatever its policies say; only packets that they deny come here. */
static void put_host_deny(struct rules *r, enum direction d, struct buf *body)
{
    const struct emit_options *o = r->e->options;
    enum family f = r->table.family;
    if (d == DIR_INGRESS) {
        put_failsafe(r, body);
    }
    put_keep(body, host_dhcp[f][d], "DHCP");
    const char *match = f == FAM_IP4 ? "-p icmp --icmp-type " : "-p ipv6-icmp --icmpv6-type ";
    const struct kept_icmp *icmp = f == FAM_IP4 ? host_icmp4 : host_icmp6;
    for (; icmp->type != NULL; icmp++) {
        buf_printf(body, "%s%s ", match, icmp->type);
        put_keep(body, "", icmp->what);
    }
    ipt_put_log(body, emit_log_rate(o),
                kernel_log_prefix(body->arena, d,
                                  kernel_log_class(body->arena, f, &r->sides[d].targets[0])));
    buf_puts(body, "-j DROP\n");
}

static bool put_hook(struct rules *r, enum direction d)
{
    static const char *const roots[] = {[DIR_INGRESS] = "NPC-INPUT", [DIR_EGRESS] = "NPC-OUTPUT"};
    static const char *const denies[] = {
        [DIR_INGRESS] = "NPC-IN-DENY", [DIR_EGRESS] = "NPC-OUT-DENY"};
    struct arena *a = &r->e->ctx->arena;
    struct buf *root = buf_new(a), *deny = buf_new(a);
    if (r->sides[d].ntargets == 0) {
        ipt_chain_add(&r->table, str_of(roots[d]), root);
        return true;
    }
    struct ipt_side side = side_of(r, d, denies[d]);
    const struct target_class *class = &r->sides[d].targets[0];
    buf_puts(root, d == DIR_INGRESS ? "-i lo -j RETURN\n" : "-o lo -j RETURN\n");
    buf_puts(root, ESTABLISHED);
    if (!ipt_class_rules(&side, class, root)) {
        return false;
    }
    ipt_map_class(&r->map, d, str_of(roots[d]), class);
    put_host_deny(r, d, deny);
    ipt_chain_add(&r->table, str_of(denies[d]), deny);
    ipt_chain_add(&r->table, str_of(roots[d]), root);
    return true;
}

static bool put_host(struct rules *r)
{
    if (!put_hook(r, DIR_EGRESS) || !put_hook(r, DIR_INGRESS)) {
        return false;
    }
    ipt_chain_add(&r->table, STR("NPC-FORWARD"), buf_new(&r->e->ctx->arena));
    return true;
}

/* ---- files ---- */

static const char load_by_hand[] =
    "# Load the sets first, then both families:\n"
    "#   ipset restore -exist < ipsets\n"
    "#   iptables-restore -w --noflush < rules.v4\n"
    "#   ip6tables-restore -w --noflush < rules.v6\n"
    "# Loading again, or loading another version over this one, is fine. Nothing here jumps to "
    "these\n"
    "# chains; send packets to them, once, before any rule that accepts (ip6tables alike):\n";
static const char jump_of_node[] =
    "#   iptables -w -C FORWARD -j NPC-FORWARD || iptables -w -I FORWARD -j NPC-FORWARD\n"
    "# Packets between two pods on one bridge come here only with br_netfilter loaded and\n"
    "# net.bridge.bridge-nf-call-iptables = net.bridge.bridge-nf-call-ip6tables = 1.\n";
static const char jump_of_host[] =
    "#   iptables -w -C INPUT -j NPC-INPUT || iptables -w -I INPUT -j NPC-INPUT\n"
    "#   iptables -w -C OUTPUT -j NPC-OUTPUT || iptables -w -I OUTPUT -j NPC-OUTPUT\n";
static const char stale_chains[] =
    "# Chains of an older version that this one lacks stay behind unused, with their sets: remove\n"
    "# them with iptables -F and -X, then the sets with ipset destroy.\n";

static const char *const scope_text[] = {
    [BIND_ALL] = "all pods",
    [BIND_NODE] = "the pods of node ",
    [BIND_HOST] = "the host that is ",
};

static void put_header(const struct emit *e, struct buf *out, const char *what)
{
    const struct bind_options *o = &e->options->bind;
    buf_printf(out, "# npc: %s for %s", what, scope_text[o->scope]);
    kernel_comment_filter(out, o->scope == BIND_NODE ? o->node : o->host_ns);
    if (o->scope == BIND_HOST) {
        buf_putc(out, '/');
        kernel_comment_filter(out, o->host);
    }
    buf_putc(out, '\n');
    buf_puts(out, load_by_hand);
    buf_puts(out, o->scope == BIND_HOST ? jump_of_host : jump_of_node);
    buf_puts(out, stale_chains);
}

static struct buf *add_file(struct emit *e, const char *name)
{
    struct buf *text = buf_new(&e->ctx->arena);
    vec_push(&e->ctx->arena, &e->files, (struct out_file){str_of(name), text});
    return text;
}

static void put_table(const struct emit *e, const struct ipt_table *t, struct buf *out)
{
    put_header(e, out, t->family == FAM_IP4 ? "IPv4 rules" : "IPv6 rules");
    ipt_table_print(t, out);
}

bool ipt_emit(struct emit *e, const struct ipt_tuning *tuning)
{
    const struct bind_options *o = &e->options->bind;
    struct kernel_names names;
    struct ipt_sets sets;
    struct rules families[FAMILIES];
    kernel_names_init(&names, e->ctx, tuning->name_bits);
    ipt_sets_init(&sets, e->ctx, &names,
                  o->max_elements != 0 ? o->max_elements : e->ctx->limits.elements);
    for (enum family f = 0; f < FAMILIES; f++) {
        families[f] =
            (struct rules){.e = e, .tuning = tuning, .sets = &sets, .sides = e->bound->side[f]};
        ipt_map_init(&families[f].map, e->ctx, f, e->options->log);
        ipt_table_init(&families[f].table, e->ctx, &names, f);
        if (!(o->scope == BIND_HOST ? put_host : put_node)(&families[f])) {
            return false;
        }
    }
    struct buf *file = add_file(e, "ipsets");
    put_header(e, file, "ipsets");
    buf_str(file, buf_text(sets.out));
    put_table(e, &families[FAM_IP4].table, add_file(e, "rules.v4"));
    put_table(e, &families[FAM_IP6].table, add_file(e, "rules.v6"));
    const struct ipt_map *const maps[] = {&families[FAM_IP4].map, &families[FAM_IP6].map};
    ipt_map_print(maps, add_file(e, "npc.map"));
    return true;
}

static bool iptables_emit(struct emit *e)
{
    return ipt_emit(e, &ipt_tuning_default);
}

const struct backend backend_iptables = {
    .name = "iptables",
    .extension = "iptables",
    .summary = "ipsets and iptables-restore files, IPv4 and IPv6",
    .flags = BACKEND_BINDS | BACKEND_DIRECTORY,
    .features = FEATURES_BOUND,
    .emit = iptables_emit,
};
