/*
 * A chain per target class, in one of three forms:
 *
 *   direct   tcp dport 80 ip saddr @addrs accept
 *            few ports and addresses: a rule for each port, over all that may use it
 *   classed  meta priority set ip saddr map @pods goto i1v
 *            meta priority . meta l4proto . th dport @ports accept
 *            the peer's class goes to a register, and hashes over classes decide
 *   host     ip saddr . meta l4proto . th dport @ports accept
 *            the same without classes: there is one target only
 *
 * Where that would be too many sets for one transaction, the second step of the classed form is one
 * for all targets (nft_shared.c).
 *
 * nft 1.0.6 cannot put the result of a map into a concatenation; hence the register. It is the
 * packet's priority and not its mark, because kube-proxy keeps state in the mark. Only first
 * packets of flows come here. No class is left in a packet that is let through: its priority is as
 * before, or none, so it cannot steer the packet into another queue. A packet that is in no map
 * never reaches a check of classes, so a priority cannot be forged.
 */
#include "backends/nft_priv.h"

#include <assert.h>
#include <string.h>

struct direct { /* a rule for an item of some grants, and the addresses of them all */
    struct nft_item item;
    struct nft_origins grants;
};

typedef VEC(struct direct) direct_vec;

struct plan {         /* how one target class is written */
    bool open;        /* some grant allows everything */
    bool direct;      /* pods by sets of addresses */
    direct_vec rules; /* those */
    bool nets_plain;  /* CIDRs by rules, else by the map of nets */
    bool any_class;   /* some grant has peer classes */
    bool any_nets;
};

struct classes {
    struct nft_part *part;
    struct nft_portsets ports;
    struct nft_nets nets;
    struct nft_shared *shared; /* NULL: each target has its own chain and sets */
    uint32_t *union_of;        /* by class: port set of the target at hand, or ID_NONE */
    const struct target_class *target;
    uint32_t value;         /* of the target, where the register has it; 0: not yet */
    bool open_shared;       /* ports of the target for any peer are in a set of all targets */
    struct nft_rules rules; /* of the target, that need no class and are not written yet */
    struct str self;        /* comment at the end of a chain */
    struct span at;         /* what NPC605 names */
};

/* ---- addresses of a grant ---- */

static int compare_ips(const void *x, const void *y)
{
    return ip_cmp(*(const struct ip *)x, *(const struct ip *)y);
}

/* Whether a rule over addresses must name this one: the grant's own CIDRs may cover it anyway. */
static bool is_needed(const struct grant *g, struct ip ip)
{
    return !ipset_has(g->nets, ip);
}

/* How many a rule must name; if they are more than `most`, one more. */
static size_t count_addresses(const struct nft_part *p, const struct grant *g, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < g->classes.n; i++) {
        const struct addr_list *l = &p->side->peers[g->classes.v[i] - 1].addrs;
        for (size_t k = 0; k < l->n && n <= most; k++) {
            n += is_needed(g, l->v[k]);
        }
    }
    return n;
}

/* ---- rules over addresses ---- */

/* The rule of the item, which is a new one if there is none yet. */
static struct direct *direct_of_item(struct arena *a, direct_vec *rules, struct nft_item item)
{
    for (size_t i = 0; i < rules->n; i++) {
        if (nft_item_cmp(rules->v[i].item, item) == 0) {
            return &rules->v[i];
        }
    }
    vec_push(a, rules, ((struct direct){.item = item}));
    return &rules->v[rules->n - 1];
}

/* The rules that the grants to pods make, in order of their first grants; if they are more than
 * `most`, one more than that. */
static direct_vec direct_of(struct classes *c, const struct target_class *t, size_t most)
{
    struct arena *a = c->part->arena;
    direct_vec rules = {0};
    for (size_t i = 0; i < t->ngrants && rules.n <= most; i++) {
        const struct grant *g = t->grants[i];
        if (g->any_peer || count_addresses(c->part, g, 0) == 0) {
            continue;
        }
        struct nft_items items = nft_portsets_items(&c->ports, g->ports);
        for (size_t k = 0; k < items.n && rules.n <= most; k++) {
            struct direct *rule = direct_of_item(a, &rules, items.v[k]);
            vec_push(a, &rule->grants, g);
        }
    }
    return rules;
}

static bool is_same_origins(const struct nft_origins *x, const struct nft_origins *y)
{
    return x->n == y->n && memcmp(x->v, y->v, x->n * sizeof *x->v) == 0;
}

/* Whether their sets have few enough elements, and not many more than sets of classes would have;
 * rules of the same grants share a set. */
static bool is_small(const struct nft_part *p, const direct_vec *rules, size_t most)
{
    const struct nft_tuning *t = p->tuning;
    size_t n = 0, classes = 0;
    for (size_t i = 0; i < rules->n; i++) {
        const struct nft_origins *o = &rules->v[i].grants;
        bool shared = false;
        for (size_t k = 0; k < i; k++) {
            shared |= is_same_origins(&rules->v[k].grants, o);
        }
        for (size_t k = 0; k < o->n && n <= most; k++) {
            n += shared ? 0 : count_addresses(p, o->v[k], most);
            classes += o->v[k]->classes.n;
        }
    }
    return n <= most && (n <= t->direct[NFT_DIRECTS - 1].addrs || n / t->direct_spread <= classes);
}

/* ---- the plan ---- */

/* The grants of a target to any peer. */
static struct nft_origins open_grants(const struct classes *c)
{
    struct nft_origins o = {0};
    for (size_t i = 0; i < c->target->ngrants; i++) {
        if (c->target->grants[i]->any_peer) {
            vec_push(c->part->arena, &o, c->target->grants[i]);
        }
    }
    return o;
}

/* Those to some peers; the ones to CIDRs alone only if the CIDRs are looked up with the rest. */
static struct nft_origins peer_grants(const struct classes *c, bool with_nets)
{
    struct nft_origins o = {0};
    for (size_t i = 0; i < c->target->ngrants; i++) {
        const struct grant *g = c->target->grants[i];
        if (!g->any_peer && (g->classes.n > 0 || with_nets)) {
            vec_push(c->part->arena, &o, g);
        }
    }
    return o;
}

/* direct: up to where it pays to write pods so; NULL: never. */
static struct plan make_plan(struct classes *c, const struct target_class *t,
                             const struct nft_direct *direct)
{
    const struct nft_part *p = c->part;
    size_t nets = 0;
    struct plan plan = {0};
    for (size_t i = 0; i < t->ngrants; i++) {
        const struct grant *g = t->grants[i];
        if (g->any_peer) {
            plan.open |= bind_ports_are_all(p->family, g->ports);
            continue;
        }
        plan.any_class |= g->classes.n > 0;
        plan.any_nets |= g->nets.n > 0;
        nets += nft_portsets_items(&c->ports, g->ports).n * g->nets.n;
    }
    plan.nets_plain = nets <= p->tuning->plain_nets;
    /* Without a class, pods and CIDRs are told apart by rules alone. */
    if (direct != NULL && (p->host || plan.nets_plain)) {
        plan.rules = direct_of(c, t, direct->rules);
        plan.direct =
            plan.rules.n <= direct->rules && (p->host || is_small(p, &plan.rules, direct->addrs));
    }
    return plan;
}

static bool asks_pods(struct plan plan)
{
    return plan.any_class && !plan.open && !plan.direct;
}

static bool asks_nets(struct plan plan)
{
    return plan.any_nets && !plan.open && !plan.nets_plain;
}

/* ---- rules that need no class ---- */

static void plain_rule(struct classes *c, const struct grant *g, struct nft_item item,
                       const struct ip_range *net)
{
    const struct nft_part *p = c->part;
    vec_push(p->arena, &c->rules,
             ((struct nft_item_rule){.item = item, .net = net, .comment = nft_comment(p, g)}));
}

static void net_rules(struct classes *c)
{
    for (size_t i = 0; i < c->target->ngrants; i++) {
        const struct grant *g = c->target->grants[i];
        struct nft_items items = nft_portsets_items(&c->ports, g->ports);
        for (size_t k = 0; !g->any_peer && k < g->nets.n; k++) {
            for (size_t j = 0; j < items.n; j++) {
                plain_rule(c, g, items.v[j], &g->nets.v[k]);
            }
        }
    }
}

/* The target's value in a register that it shares; 0: it has none. */
static uint32_t target_value(struct classes *c)
{
    if (c->value == 0 && c->shared != NULL && !c->shared->by_address) {
        c->value = nft_target_value(c->part, c->target->addrs.v[0]);
    }
    return c->value;
}

/* Grants to any peer: a rule each while they are few, else a set of ports, which targets may share.
 * Not if everything is allowed: that is one rule. */
static bool open_rules(struct classes *c, bool everything)
{
    struct nft_part *p = c->part;
    struct nft_origins open = open_grants(c);
    size_t rules = 0;
    struct nft_keyed all = {.ports = ID_NONE};
    for (size_t i = 0; i < open.n; i++) {
        uint32_t ports = nft_portsets_add(&c->ports, open.v[i]->ports);
        rules += c->ports.items.v[ports].n;
        all.ports = nft_portsets_union(&c->ports, all.ports, ports);
    }
    if (rules > p->tuning->plain_open && c->shared != NULL && !everything) {
        nft_shared_open(c->shared, c->target, &open, all.ports);
        c->open_shared = true;
        return true;
    }
    if (rules > p->tuning->plain_open) {
        struct nft_key none = {.expr = "", .type = ""};
        return nft_union(p, &c->ports, none, &all, 1, p->allow, &open, c->at);
    }
    for (size_t i = 0; i < open.n; i++) {
        struct nft_items items = nft_portsets_items(&c->ports, open.v[i]->ports);
        for (size_t k = 0; k < items.n; k++) {
            plain_rule(c, open.v[i], items.v[k], NULL);
        }
    }
    return true;
}

struct class_grant {
    uint32_t class;
    const struct grant *grant;
};

static int compare_class_grants(const void *x, const void *y)
{
    uint32_t a = ((const struct class_grant *)x)->class;
    uint32_t b = ((const struct class_grant *)y)->class;
    return (a > b) - (a < b);
}

/* The addresses that some of its grants need, rising. A class has no address of another's. */
static struct addr_list direct_addresses(const struct nft_part *p, const struct direct *rule)
{
    VEC(struct class_grant) all = {0};
    for (size_t i = 0; i < rule->grants.n; i++) {
        const struct grant *g = rule->grants.v[i];
        for (size_t k = 0; k < g->classes.n; k++) {
            vec_push(p->arena, &all, (struct class_grant){g->classes.v[k], g});
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_class_grants);
    VEC(struct ip) out = {0};
    for (size_t i = 0, end; i < all.n; i = end) {
        for (end = i; end < all.n && all.v[end].class == all.v[i].class; end++) {
        }
        const struct addr_list *l = &p->side->peers[all.v[i].class - 1].addrs;
        for (size_t k = 0; k < l->n; k++) {
            bool needed = false;
            for (size_t g = i; g < end && !needed; g++) {
                needed = is_needed(all.v[g].grant, l->v[k]);
            }
            if (needed) {
                vec_push(p->arena, &out, l->v[k]);
            }
        }
    }
    array_sort(out.v, out.n, sizeof *out.v, compare_ips);
    return (struct addr_list){out.v, out.n};
}

/* The port first: a compare, where the address is a hash look-up. */
static void direct_rules(struct classes *c, const direct_vec *rules)
{
    const struct nft_part *p = c->part;
    for (size_t i = 0; i < rules->n; i++) {
        const struct direct *rule = &rules->v[i];
        struct nft_item_rule r = {.item = rule->item,
                                  .addrs = direct_addresses(p, rule),
                                  .at = rule->grants.v[0]->rule->origin->at};
        r.comment = nft_origins_comment(p, &c->ports, &rule->grants, r.item.kind, &r.item);
        vec_push(p->arena, &c->rules, r);
    }
}

/* ---- rules over classes ---- */

const struct nft_key nft_class_key = {
    .expr = "meta priority", .type = "classid", .host_endian = true};

const char *nft_class_allow(const struct nft_part *p)
{
    return str_printf(p->arena, "meta priority set none %s", p->allow).p;
}

static void unite(struct classes *c, struct id_vec *touched, struct id_list classes, uint32_t ports)
{
    for (size_t i = 0; i < classes.n; i++) {
        uint32_t class = classes.v[i];
        if (c->union_of[class] == ID_NONE) {
            vec_push(c->part->arena, touched, class);
        }
        c->union_of[class] = nft_portsets_union(&c->ports, c->union_of[class], ports);
    }
}

/* What each class may use on the target; the classes rising. */
static struct id_list unite_grants(struct classes *c, bool with_nets)
{
    struct id_vec touched = {0};
    for (size_t i = 0; i < c->target->ngrants; i++) {
        const struct grant *g = c->target->grants[i];
        if (g->any_peer) {
            continue; /* stands before the maps */
        }
        uint32_t ports = nft_portsets_add(&c->ports, g->ports);
        unite(c, &touched, g->classes, ports);
        if (with_nets && g->nets.n > 0) {
            unite(c, &touched, nft_nets_classes(&c->nets, g->nets), ports);
        }
    }
    return (struct id_list){touched.v, ids_sort(touched.v, touched.n)};
}

static struct nft_keyed *class_entries(struct classes *c, struct id_list classes, uint32_t target)
{
    struct nft_keyed *entries = ARENA_NEW_ARRAY(c->part->arena, classes.n, struct nft_keyed);
    assert(classes.v != NULL || classes.n == 0);
    for (size_t i = 0; i < classes.n; i++) {
        uint32_t class = classes.v[i];
        entries[i].key = nft_class_text(c->part, target, class);
        entries[i].ports = c->union_of[class];
        c->union_of[class] = ID_NONE;
    }
    return entries;
}

static void deny_rule(struct classes *c)
{
    if (c->open_shared) {
        nft_shared_goto_open(c->shared);
    } else {
        nft_deny_end(c->part, c->target, c->self);
    }
}

/* The chain that decides by class; entered by goto only. */
static bool verdict_chain(struct classes *c, struct str name, bool with_nets)
{
    struct nft_part *p = c->part;
    struct id_list classes = unite_grants(c, with_nets);
    struct nft_origins origins = peer_grants(c, with_nets);
    nft_chain_begin(p, name, c->target, (struct str){NULL, 0});
    bool ok = nft_union(p, &c->ports, nft_class_key, class_entries(c, classes, 0), classes.n,
                        nft_class_allow(p), &origins, c->at);
    deny_rule(c);
    nft_chain_end(p);
    return ok;
}

/* The same for the chain of all targets. */
static bool share(struct classes *c, bool with_nets)
{
    struct id_list classes = unite_grants(c, with_nets);
    struct nft_origins origins = peer_grants(c, with_nets);
    return nft_shared_add(c->shared, c->target, &origins, class_entries(c, classes, c->value),
                          classes.n);
}

/* ---- chains ---- */

static struct str about_class(const struct classes *c)
{
    struct nft_part *p = c->part;
    const struct target_class *t = c->target;
    struct buf *b = buf_new(p->arena);
    buf_puts(b, direction_name(p->direction));
    buf_puts(b, p->direction == DIR_INGRESS ? " to " : " from ");
    kernel_comment_filter(b, t->example->ns);
    buf_putc(b, '/');
    kernel_comment_filter(b, t->example->name);
    if (t->addrs.n > 1) {
        buf_printf(b, " and %zu more address%s", t->addrs.n - 1, t->addrs.n > 2 ? "es" : "");
    }
    return buf_text(b);
}

static void set_target(struct classes *c, const struct target_class *t)
{
    const struct nft_part *p = c->part;
    c->target = t;
    c->value = 0;
    c->open_shared = false;
    c->self = kernel_comment_isolation(p->ctx, p->arena, t->policies[0], p->direction,
                                       t->npolicies - 1, KERNEL_COMMENT_NFT);
    c->at = t->policies[0]->origin->at;
}

const char *const nft_map_names[NFT_MAPS] = {"pod", "net"};

void nft_map_look_up(struct buf *b, const struct nft_part *p, enum nft_map map)
{
    buf_printf(b, "meta priority set %s%s map @%s_%s", p->peer,
               map == NFT_MAP_NETS ? " . meta l4proto" : "", p->prefix, nft_map_names[map]);
}

/* Enters the peer's class, and the chain that decides by it. */
static void map_rule(struct classes *c, enum nft_map map, struct str chain)
{
    struct nft_part *p = c->part;
    struct buf *b = nft_rule(p);
    if (c->shared != NULL) {
        c->shared->map[map].is_asked = true;
    }
    if (c->shared != NULL && c->shared->map[map].by_one) {
        buf_printf(b, "jump " STR_FMT, STR_ARG(nft_shared_asking(p, map)));
        nft_rule_end(p, "", (struct str){NULL, 0});
        nft_rule(p);
        buf_puts(b, "meta priority != 0:0 ");
    } else {
        nft_map_look_up(b, p, map);
        buf_putc(b, ' ');
    }
    uint32_t target = target_value(c);
    if (target != 0) {
        buf_printf(b, "meta priority set meta priority | " STR_FMT " ",
                   STR_ARG(nft_class_text(p, target, 0)));
    }
    buf_printf(b, "goto " STR_FMT, STR_ARG(chain));
    nft_rule_end(p, "", (struct str){NULL, 0});
}

/* Writes the rules that wait. */
static bool put_rules(struct classes *c)
{
    bool ok = nft_rules_put(c->part, &c->rules);
    c->rules.n = 0;
    return ok;
}

/* Those, and the end of the chain. */
static bool end_rules(struct classes *c, bool open)
{
    bool ok = true;
    if (open) {
        ok = put_rules(c);
    } else if (c->open_shared) {
        ok = put_rules(c);
        deny_rule(c);
    } else {
        ok = nft_rules_put_all(c->part, &c->rules, c->target, c->self);
        c->rules.n = 0;
    }
    return ok;
}

static bool class_chain(struct classes *c, const struct target_class *t, struct plan plan)
{
    struct nft_part *p = c->part;
    set_target(c, t);
    struct str name = nft_target_name(p, t);
    struct str verdict =
        c->shared != NULL ? nft_shared_name(p) : str_printf(p->arena, STR_FMT "_v", STR_ARG(name));
    bool by_pod = asks_pods(plan), by_net = asks_nets(plan);

    p->owner = name;
    nft_chain_begin(p, name, t, about_class(c));
    bool ok = open_rules(c, plan.open);
    if (!plan.open && plan.direct) {
        direct_rules(c, &plan.rules);
    }
    if (by_pod) {
        ok = ok && put_rules(c);
        map_rule(c, NFT_MAP_PODS, verdict);
    }
    if (!plan.open && plan.nets_plain) {
        net_rules(c);
    }
    if (by_net) {
        ok = ok && put_rules(c);
        map_rule(c, NFT_MAP_NETS, verdict);
    }
    ok = ok && end_rules(c, plan.open);
    nft_chain_end(p);
    if (!ok || (!by_pod && !by_net)) {
        return ok;
    }
    return c->shared != NULL ? share(c, by_net) : verdict_chain(c, verdict, by_net);
}

/* ---- dispatch ---- */

struct dispatch { /* a target's address and its chain */
    struct ip ip;
    struct str chain;
};

static int compare_dispatch(const void *x, const void *y)
{
    return ip_cmp(((const struct dispatch *)x)->ip, ((const struct dispatch *)y)->ip);
}

/* The map from a target's address to the chain of its class. Ingress is the last decision and goes
 * there for good; egress comes back where it allows. */
static bool dispatch_map(struct nft_part *p)
{
    VEC(struct dispatch) all = {0};
    for (size_t i = 0; i < p->side->ntargets; i++) {
        const struct target_class *t = &p->side->targets[i];
        struct str chain = nft_target_name(p, t);
        for (size_t k = 0; k < t->addrs.n; k++) {
            vec_push(p->arena, &all, (struct dispatch){t->addrs.v[k], chain});
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_dispatch);
    struct nft_set *map = nft_set_new(p, str_printf(p->arena, "%s : verdict", p->addr_type).p);
    map->map = true;
    for (size_t i = 0; i < all.n; i++) {
        struct buf *b = nft_set_element(map);
        ip_print(b, p->family, all.v[i].ip);
        buf_printf(b, " : %s " STR_FMT, p->direction == DIR_INGRESS ? "goto" : "jump",
                   STR_ARG(all.v[i].chain));
    }
    nft_set_named(p, map, nft_dispatch_name(p));
    return nft_part_reserve(p, all.n, (struct span){0});
}

bool nft_pod_map(struct nft_part *p, struct str name)
{
    struct peer_addresses all = bound_peer_addresses(p->arena, p->side);
    struct nft_set *map = nft_set_new(p, str_printf(p->arena, "%s : classid", p->addr_type).p);
    map->map = true;
    for (size_t i = 0; i < all.n; i++) {
        struct buf *b = nft_set_element(map);
        ip_print(b, p->family, all.v[i].ip);
        buf_puts(b, " : ");
        buf_str(b, nft_class_text(p, 0, all.v[i].class));
    }
    nft_set_named(p, map, name);
    return nft_part_reserve(p, all.n, (struct span){0});
}

/* ---- entry points ---- */

static void classes_init(struct classes *c, struct nft_part *p)
{
    *c = (struct classes){.part = p};
    nft_portsets_init(&c->ports, p);
    nft_nets_init(&c->nets, p);
}

/* When all classes are numbered. */
static void unions_init(struct classes *c)
{
    size_t n = c->part->side->npeers + c->nets.nclasses + 1;
    c->union_of = ARENA_NEW_ARRAY(c->part->arena, n, uint32_t);
    memset(c->union_of, 0xff, n * sizeof *c->union_of); /* ID_NONE */
}

/* Which CIDRs go to the map: it is one for all targets. */
static bool build_nets(struct classes *c, const struct plan *plans)
{
    const struct bound_side *side = c->part->side;
    for (size_t i = 0; i < side->ntargets; i++) {
        const struct target_class *t = &side->targets[i];
        for (size_t k = 0; asks_nets(plans[i]) && k < t->ngrants; k++) {
            if (!t->grants[k]->any_peer && t->grants[k]->nets.n > 0) {
                nft_nets_add(&c->nets, t->grants[k]->nets);
            }
        }
    }
    return nft_nets_build(&c->nets, nft_part_name(c->part, nft_map_names[NFT_MAP_NETS]));
}

/* Writes the maps that are asked: by so many chains each. */
static bool write_maps(struct classes *c, const struct plan *plans, const size_t *askers)
{
    struct nft_part *p = c->part;
    for (enum nft_map m = 0; m < NFT_MAPS; m++) {
        if (askers[m] == 0) {
            continue;
        }
        if (!(m == NFT_MAP_NETS ? build_nets(c, plans)
                                : nft_pod_map(p, nft_part_name(p, nft_map_names[m])))) {
            return false;
        }
        if (c->shared != NULL) {
            size_t elements = p->sets.v[p->sets.n - 1]->n;
            c->shared->map[m].by_one = elements > p->tuning->map_checks / askers[m];
        }
    }
    return true;
}

bool nft_classes(struct nft_part *p, const struct nft_direct *direct, bool *too_many, bool *fewer)
{
    const bool shared = direct == NULL;
    struct classes c;
    struct nft_shared all;
    classes_init(&c, p);
    if (shared) {
        nft_shared_init(&all, p);
        c.shared = &all;
    }
    const struct bound_side *side = p->side;
    struct plan *plans = ARENA_NEW_ARRAY(p->arena, side->ntargets, struct plan);
    size_t askers[NFT_MAPS] = {0};
    *fewer = false;
    for (size_t i = 0; i < side->ntargets; i++) {
        plans[i] = make_plan(&c, &side->targets[i], direct);
        askers[NFT_MAP_PODS] += asks_pods(plans[i]);
        askers[NFT_MAP_NETS] += asks_nets(plans[i]);
        *fewer |= plans[i].any_class && plans[i].direct;
    }
    bool ok = dispatch_map(p) && write_maps(&c, plans, askers);
    unions_init(&c);
    size_t most = shared ? SIZE_MAX : p->tuning->part_sets;
    for (size_t i = 0; i < side->ntargets && ok && p->sets.n <= most; i++) {
        ok = class_chain(&c, &side->targets[i], plans[i]);
    }
    *too_many = p->sets.n > most;
    return ok && (!shared || nft_shared_end(&all, &c.ports));
}

/* ---- hosts ---- */

struct item_nets { /* the networks that may use an item */
    struct nft_item item;
    struct ipset nets;
};

static int compare_item_nets(const void *x, const void *y)
{
    return nft_item_cmp(((const struct item_nets *)x)->item, ((const struct item_nets *)y)->item);
}

static bool put_net_set(struct classes *c, struct buf *b, struct ipset nets)
{
    struct nft_part *p = c->part;
    if (ipset_is_all(nets, p->family)) {
        return true;
    }
    struct nft_set *s = nft_set_new(p, p->addr_type);
    s->interval = true;
    for (size_t i = 0; i < nets.n; i++) {
        nft_range_text(nft_set_element(s), p->family, nets.v[i]);
    }
    struct str name = nft_set_end(p, s, "nets");
    buf_printf(b, "%s @" STR_FMT " ", p->peer, STR_ARG(name));
    return nft_part_reserve(p, nets.n, c->at);
}

/* Many CIDRs on a host: an interval set for each item. */
static bool net_set_rules(struct classes *c)
{
    struct nft_part *p = c->part;
    VEC(struct item_nets) all = {0};
    struct nft_origins origins = {0};
    for (size_t i = 0; i < c->target->ngrants; i++) {
        const struct grant *g = c->target->grants[i];
        if (g->any_peer || g->nets.n == 0) {
            continue;
        }
        vec_push(p->arena, &origins, g);
        struct nft_items items = nft_portsets_items(&c->ports, g->ports);
        for (size_t k = 0; k < items.n; k++) {
            vec_push(p->arena, &all, (struct item_nets){items.v[k], g->nets});
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_item_nets);
    bool ok = true;
    for (size_t i = 0; i < all.n;) {
        struct ipset nets = {NULL, 0};
        size_t k = i;
        for (; k < all.n && compare_item_nets(&all.v[i], &all.v[k]) == 0; k++) {
            nets = ipset_union(p->arena, nets, all.v[k].nets);
        }
        struct buf *b = nft_rule(p);
        nft_item_match(b, p->family, all.v[i].item);
        ok = put_net_set(c, b, nets) && ok;
        nft_rule_end(
            p, p->allow,
            nft_origins_comment(p, &c->ports, &origins, all.v[i].item.kind, &all.v[i].item));
        i = k;
    }
    return ok;
}

struct host_entry {
    struct ip ip;
    uint32_t ports;
};

static int compare_host_entries(const void *x, const void *y)
{
    return ip_cmp(((const struct host_entry *)x)->ip, ((const struct host_entry *)y)->ip);
}

/* Many pods or ports on a host: hashes over the peer's address. */
static bool address_rules(struct classes *c)
{
    struct nft_part *p = c->part;
    struct id_list classes = unite_grants(c, false);
    VEC(struct host_entry) all = {0};
    for (size_t i = 0; i < classes.n; i++) {
        const struct addr_list *l = &p->side->peers[classes.v[i] - 1].addrs;
        for (size_t k = 0; k < l->n; k++) {
            vec_push(p->arena, &all, (struct host_entry){l->v[k], c->union_of[classes.v[i]]});
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_host_entries);
    struct nft_keyed *entries = ARENA_NEW_ARRAY(p->arena, all.n, struct nft_keyed);
    for (size_t i = 0; i < all.n; i++) {
        entries[i] = (struct nft_keyed){ip_text(p->arena, p->family, all.v[i].ip), all.v[i].ports};
    }
    struct nft_key key = {.expr = p->peer, .type = p->addr_type};
    struct nft_origins origins = peer_grants(c, false);
    return nft_union(p, &c->ports, key, entries, all.n, p->allow, &origins, c->at);
}

bool nft_host_rules(struct nft_part *p, const struct target_class *t)
{
    struct classes c;
    classes_init(&c, p);
    set_target(&c, t);
    const struct nft_direct direct = {.rules = p->tuning->host_rules, .addrs = SIZE_MAX};
    struct plan plan = make_plan(&c, t, &direct);
    unions_init(&c);

    bool ok = open_rules(&c, plan.open);
    if (!plan.open) {
        if (plan.direct) {
            direct_rules(&c, &plan.rules);
        } else {
            ok = ok && put_rules(&c) && address_rules(&c);
        }
        if (plan.nets_plain) {
            net_rules(&c);
        } else {
            ok = ok && put_rules(&c) && net_set_rules(&c);
        }
    }
    return ok && end_rules(&c, plan.open);
}
