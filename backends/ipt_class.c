/* Lowers the grants of a target class to an atom chain per group of ports. */
#include "backends/ipt_class.h"

#include "backends/kernel_comment.h"

#include <string.h>

struct use { /* a selection in an atom */
    struct ipt_selection *selection;
    const struct grant *first;
    size_t more; /* grants of the atom that share it */
};

typedef VEC(struct use) use_vec;

struct atom_uses {
    use_vec pods, nets;
};

struct live { /* the grants of a class that its rules allow by */
    VEC(const struct grant *) grants;
    VEC(const struct ipt_peers *) peers;
    VEC(const struct portset *) ports;
};

static struct str text_ip(const struct ipt_side *s, struct ip ip)
{
    return ip_text(&s->ctx->arena, s->table->family, ip);
}

struct str ipt_class_key(const struct ipt_side *s, const struct target_class *class)
{
    return class->addrs.n > 0 ? text_ip(s, class->addrs.v[0]) : STR("host");
}

/* ---- the grants ---- */

/* The pods that the rules of the class look for. */
static struct ipt_selection *class_pods(const struct ipt_peers *p)
{
    return p->paired ? NULL : p->pods;
}

static struct live live_grants(struct ipt_side *s, const struct target_class *class)
{
    struct live live = {0};
    for (size_t i = 0; i < class->ngrants; i++) {
        const struct ipt_peers *p = ipt_peers(s, class->grants[i]);
        if (p->any || class_pods(p) != NULL || p->nets != NULL) {
            vec_push(&s->ctx->arena, &live.grants, class->grants[i]);
            vec_push(&s->ctx->arena, &live.peers, p);
            vec_push(&s->ctx->arena, &live.ports, &class->grants[i]->ports);
        }
    }
    return live;
}

/* ---- one atom ---- */

static void put_allow(const struct ipt_side *s, struct buf *body, const struct use *use)
{
    ipt_put_source(s, body, use->first, use->more);
    ipt_put_return(body);
}

static void put_deny(const struct ipt_side *s, const struct target_class *class, struct buf *body)
{
    ipt_put_comment(body, kernel_comment_isolation(s->ctx, &s->ctx->arena, class->policies[0],
                                                   s->direction, class->npolicies - 1,
                                                   KERNEL_COMMENT_IPTABLES));
    ipt_put_goto(body, s->deny);
}

/* Notes that the atom uses a selection because of g. */
static void use_selection(struct ipt_side *s, use_vec *uses, struct ipt_selection *x,
                          const struct grant *g)
{
    if (x->atom == s->atoms) {
        uses->v[x->use].more++;
        return;
    }
    x->atom = s->atoms;
    x->use = uses->n;
    x->set = (struct str){NULL, 0};
    vec_push(&s->ctx->arena, uses, (struct use){x, g, 0});
}

static struct atom_uses atom_uses(struct ipt_side *s, const struct live *live,
                                  const struct atom *atom)
{
    struct atom_uses uses = {0};
    s->atoms++;
    for (size_t i = 0; i < atom->ngrants; i++) {
        const struct grant *g = live->grants.v[atom->grants[i]];
        const struct ipt_peers *p = live->peers.v[atom->grants[i]];
        if (class_pods(p) != NULL) {
            ipt_selection_addrs(s, p->pods);
            use_selection(s, &uses.pods, p->pods, g);
        }
        if (p->nets != NULL) {
            use_selection(s, &uses.nets, p->nets, g);
        }
    }
    return uses;
}

static void put_cidrs(const struct ipt_side *s, struct buf *body, const struct use *use)
{
    for (size_t i = 0; i < use->selection->cidrs.n; i++) {
        ipt_put_cidr(body, ipt_peer_end(s), use->selection->cidrs.v[i]);
        put_allow(s, body, use);
    }
}

static bool covered_by_another(const struct atom_uses *uses, size_t i)
{
    for (size_t k = 0; k < uses->nets.n; k++) {
        if (k != i &&
            ipset_covers(uses->nets.v[k].selection->nets, uses->nets.v[i].selection->nets)) {
            return true; /* never both ways: equal selections are one use */
        }
    }
    return false;
}

static bool put_net_set(struct ipt_side *s, const struct atom_uses *uses, struct span at,
                        struct buf *body)
{
    VEC(struct ip_range) ranges = {0};
    struct use all = {NULL, uses->nets.v[0].first, uses->nets.n - 1};
    for (size_t i = 0; i < uses->nets.n; i++) {
        const struct ipset *nets = &uses->nets.v[i].selection->nets;
        for (size_t k = 0; k < nets->n; k++) {
            vec_push(&s->ctx->arena, &ranges, nets->v[k]);
        }
        all.more += uses->nets.v[i].more;
    }
    struct str set;
    if (!ipt_set_nets(s->sets, s->table->family,
                      ipset_of_ranges(&s->ctx->arena, ranges.v, ranges.n), at, &set)) {
        return false;
    }
    for (size_t i = 0; i < uses->nets.n; i++) {
        uses->nets.v[i].selection->set = set;
    }
    ipt_put_set(body, ipt_peer_end(s), set);
    put_allow(s, body, &all);
    return true;
}

static bool put_nets(struct ipt_side *s, const struct atom_uses *uses, struct span at,
                     struct buf *body)
{
    size_t prefixes = 0;
    for (size_t i = 0; i < uses->nets.n; i++) {
        prefixes += uses->nets.v[i].selection->cidrs.n;
    }
    if (prefixes > s->tuning->inline_nets_atom) {
        return put_net_set(s, uses, at, body);
    }
    for (size_t i = 0; i < uses->nets.n; i++) {
        if (!covered_by_another(uses, i)) {
            put_cidrs(s, body, &uses->nets.v[i]);
        }
    }
    return true;
}

/* One set and rule for what some uses hold, which is in `addrs`. */
static bool put_set(struct ipt_side *s, struct addr_list addrs, const struct use *const *uses,
                    size_t n, struct buf *body)
{
    struct use all = {NULL, uses[0]->first, n - 1};
    struct str set;
    if (!ipt_set_addrs(s->sets, s->table->family, addrs, all.first->rule->origin->at, &set)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        uses[i]->selection->set = set;
        all.more += uses[i]->more;
    }
    ipt_put_set(body, ipt_peer_end(s), set);
    put_allow(s, body, &all);
    return true;
}

static size_t count_addrs(const struct use *const *uses, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += uses[i]->selection->addrs.n;
    }
    return count;
}

/* One set that holds what all the uses hold. */
static bool put_union(struct ipt_side *s, const struct use *const *uses, size_t n, struct buf *body)
{
    struct addr_list all = {NULL, 0};
    struct arena *scratch = arena_new_scratch(&s->ctx->arena);
    all.v = ARENA_NEW_ARRAY(scratch, count_addrs(uses, n), struct ip);
    for (size_t i = 0; i < n; i++) {
        const struct addr_list *addrs = &uses[i]->selection->addrs;
        memcpy(all.v + all.n, addrs->v, addrs->n * sizeof *addrs->v);
        all.n += addrs->n;
    }
    ipt_addrs_sort(&all);
    s->sets->unions += all.n;
    bool ok = put_set(s, all, uses, n, body);
    arena_free(scratch);
    return ok;
}

static int larger_first(const void *x, const void *y)
{
    const struct use *const *a = x, *const *b = y;
    size_t na = (*a)->selection->addrs.n, nb = (*b)->selection->addrs.n;
    if (na != nb) {
        return na > nb ? -1 : 1;
    }
    return *a < *b ? -1 : *a > *b; /* both in one array */
}

/* Few selections have a set each, which others share; many are one union, which is one look-up but
 * nobody else's. Where there are so many that unions explode, the largest selections, which are the
 * ones that others have too, stay sets of their own. */
static bool put_sets(struct ipt_side *s, const struct use **uses, size_t n, struct buf *body)
{
    const struct ipt_tuning *t = s->tuning;
    size_t own = n;
    if (n > t->sets_atom && s->sets->unions + count_addrs(uses, n) <= t->union_elements) {
        own = 0;
    } else if (n > t->sets_atom) {
        array_sort(uses, n, sizeof *uses, larger_first);
        own = t->sets_atom - 1;
    }
    for (size_t i = 0; i < own; i++) {
        if (!put_set(s, uses[i]->selection->addrs, uses + i, 1, body)) {
            return false;
        }
    }
    return own == n || put_union(s, uses + own, n - own, body);
}

static void put_addrs(const struct ipt_side *s, struct buf *body, const struct use *use)
{
    for (size_t i = 0; i < use->selection->addrs.n; i++) {
        ipt_put_cidr(body, ipt_peer_end(s), ipt_host(s->table->family, use->selection->addrs.v[i]));
        put_allow(s, body, use);
    }
}

static bool put_pods(struct ipt_side *s, const struct atom_uses *uses, struct buf *body)
{
    VEC(const struct use *) sets = {0};
    size_t inlined = 0;
    for (size_t i = 0; i < uses->pods.n; i++) {
        const struct use *use = &uses->pods.v[i];
        size_t n = use->selection->addrs.n;
        if (n <= s->tuning->inline_pods && inlined + n <= s->tuning->inline_pods_atom) {
            put_addrs(s, body, use);
            inlined += n;
        } else {
            vec_push(&s->ctx->arena, &sets, use);
        }
    }
    return put_sets(s, sets.v, sets.n, body);
}

/* "tcp 80": traffic that is in no other atom of the class. */
static struct str atom_key(struct ipt_side *s, const struct atom *atom)
{
    for (enum proto p = 0; p < PROTO_KEYED; p++) {
        if (atom->ports.keys[p].n > 0) {
            return str_printf(&s->ctx->arena, "%s %u", proto_name(p),
                              atom->ports.keys[p].v[0].first);
        }
    }
    return STR("other");
}

static struct str set_of(const struct ipt_selection *x)
{
    return x != NULL ? x->set : (struct str){NULL, 0};
}

static void map_atom(const struct ipt_side *s, const struct live *live, const struct atom *atom,
                     struct str chain)
{
    struct ipt_source *sources = ARENA_NEW_ARRAY(&s->ctx->arena, atom->ngrants, struct ipt_source);
    for (size_t i = 0; i < atom->ngrants; i++) {
        const struct ipt_peers *p = live->peers.v[atom->grants[i]];
        sources[i] = (struct ipt_source){live->grants.v[atom->grants[i]],
                                         {set_of(class_pods(p)), set_of(p->nets)}};
    }
    ipt_map_atom(s->map, s->direction, chain, sources, atom->ngrants);
}

static bool atom_chain(struct ipt_side *s, const struct target_class *class,
                       const struct live *live, const struct atom *atom, struct str *name)
{
    struct arena *a = &s->ctx->arena;
    struct buf *body = buf_new(a);
    const struct atom_uses uses = atom_uses(s, live, atom);
    const struct grant *first = live->grants.v[atom->grants[0]];
    struct span at = first->rule->origin->at;
    if (!put_nets(s, &uses, at, body) || !put_pods(s, &uses, body)) {
        return false;
    }
    put_deny(s, class, body);
    const struct ipt_key key = {.slug = first->policy->origin->name,
                                .parts = {STR("atom"), str_of(direction_name(s->direction)),
                                          ipt_class_key(s, class), atom_key(s, atom)},
                                .nparts = 4,
                                .at = at};
    bool is_new;
    if (!ipt_chain_shared(s->table, &key, body, name, &is_new)) {
        return false;
    }
    if (is_new) {
        map_atom(s, live, atom, *name);
    }
    return true;
}

/* The grants of an atom that allow every peer: the first, and how many more. */
static const struct grant *any_peer(const struct live *live, const struct atom *atom, size_t *more)
{
    const struct grant *first = NULL;
    *more = 0;
    for (size_t i = 0; i < atom->ngrants; i++) {
        if (live->peers.v[atom->grants[i]]->any) {
            *more += first != NULL;
            first = first != NULL ? first : live->grants.v[atom->grants[i]];
        }
    }
    return first;
}

/* What is done with an atom's packets: comment and target of a rule. */
static bool atom_target(struct ipt_side *s, const struct target_class *class,
                        const struct live *live, const struct atom *atom, struct buf *target)
{
    size_t more;
    const struct grant *any = any_peer(live, atom, &more);
    if (any != NULL) {
        ipt_put_source(s, target, any, more);
        ipt_put_return(target);
        return true;
    }
    if (atom->ngrants == 0) {
        put_deny(s, class, target);
        return true;
    }
    struct str chain;
    if (!atom_chain(s, class, live, atom, &chain)) {
        return false;
    }
    ipt_put_goto(target, chain);
    return true;
}

/* ---- the class ---- */

/* xt_icmp takes type 255 for "any": it would allow all of ICMP. */
static bool check_icmp(struct ipt_side *s, const struct live *live, const struct atom *atom,
                       const struct port_match *m)
{
    if (m->proto != PROTO_ICMP || m->whole || m->keys[0].first >> 8 != 255) {
        return true;
    }
    struct span at = {0};
    for (size_t i = 0; i < atom->ngrants && at.file == 0; i++) {
        const struct grant *g = live->grants.v[atom->grants[i]];
        at = port_ranges_are_all(g->ports.keys[PROTO_ICMP]) ? at : g->rule->origin->at;
    }
    struct diag *d =
        diag_error(&s->ctx->diags, NPC406, at, "the iptables backend cannot say ICMP type 255");
    diag_hint(&s->ctx->diags, d, "iptables takes it for every type; the nft backend can say it");
    return false;
}

bool ipt_class_rules(struct ipt_side *s, const struct target_class *class, struct buf *body)
{
    struct arena *a = &s->ctx->arena;
    const struct live live = live_grants(s, class);
    const struct atoms atoms = atoms_cut(a, s->table->family, live.ports.v, live.ports.n);
    struct buf **targets = ARENA_NEW_ARRAY(a, atoms.n, struct buf *);
    for (size_t i = atoms.n; i-- > 0;) { /* chains are printed last first */
        targets[i] = buf_new(a);
        if (!atom_target(s, class, &live, &atoms.v[i], targets[i])) {
            return false;
        }
    }
    const struct port_matches matches = atoms_dispatch(a, s->table->family, &atoms);
    for (size_t i = 0; i < matches.n; i++) {
        const struct port_match *m = &matches.v[i];
        if (!check_icmp(s, &live, &atoms.v[m->atom], m)) {
            return false;
        }
        ipt_put_match(body, m);
        buf_str(body, buf_text(targets[m->atom]));
    }
    return true;
}
