/*
 * The ends of a comparison: workloads, nodes and external addresses that are alike in both worlds,
 * found in each by name.
 */
#include "analysis/difference_priv.h"

/* The end of these classes; of addresses of some families, or NULL: whatever the classes have. */
static uint32_t end_of(struct diffing *x, uint32_t old, uint32_t now, const bool *has)
{
    bool ip4 = has == NULL || has[FAM_IP4], ip6 = has == NULL || has[FAM_IP6];
    uint32_t key[] = {old, now, ip4, ip6};
    uint32_t id = intern_ids(&x->end_ids, key, sizeof key / sizeof *key);
    if (id == x->ends.n) {
        vec_push(x->arena, &x->ends, (struct diff_end){.class_of = {old, now}, .has = {ip4, ip6}});
        vec_push(x->arena, &x->names, (__typeof__(*x->names.v)){0});
        vec_push(x->arena, &x->ranges, (__typeof__(*x->ranges.v)){0});
    }
    return id;
}

/* The rules of one machine know everybody else by addresses alone: what somebody else may do
 * depends on whose an address was, or is. Then it is compared by address wherever the two worlds do
 * not agree. */
static bool is_address(const struct world *w, uint32_t class_id)
{
    return w->options.one_machine &&
           (w->classes[class_id].kind == EP_NODE || w->parts->facts.v[class_id].bystander);
}

struct address_list {
    VEC(struct address) v;
};

static int address_order(const void *pa, const void *pb)
{
    const struct address *a = pa, *b = pb;
    return a->family != b->family ? (int)a->family - (int)b->family : ip_cmp(a->ip, b->ip);
}

static void add_addresses(struct diffing *x, struct address_list *l,
                          const struct endpoint_member *m)
{
    const struct addresses all = member_addresses(m);
    for (size_t i = 0; i < all.n; i++) {
        vec_push(x->arena, &l->v, all.v[i]);
    }
}

static bool are_equal(struct address_list of[AGES])
{
    bool equal = of[OLD].v.n == of[NEW].v.n;
    for (size_t age = 0; age < AGES; age++) {
        array_sort(of[age].v.v, of[age].v.n, sizeof *of[age].v.v, address_order);
    }
    for (size_t i = 0; equal && i < of[OLD].v.n; i++) {
        equal = address_order(&of[OLD].v.v[i], &of[NEW].v.v[i]) == 0;
    }
    return equal;
}

struct unit { /* an owner, or a workload that has none, in one world */
    VEC(struct place) places;
    bool alike; /* all whole, in one class */
};

struct twin { /* what the two worlds have by one name */
    struct str name;
    struct unit unit[AGES];
};

struct twins {
    struct strmap by_name;
    VEC(struct twin *) list;
};

static struct twin *twin_of(struct diffing *x, struct twins *t, struct str name)
{
    struct twin *twin = strmap_get(&t->by_name, name);
    if (twin == NULL) {
        twin = ARENA_NEW(x->arena, struct twin);
        twin->name = name;
        strmap_put(&t->by_name, name, twin);
        vec_push(x->arena, &t->list, twin);
    }
    return twin;
}

struct called { /* what a workload is listed as */
    struct str name, kind;
};

static struct called itself(struct arena *a, const struct workload *w)
{
    return (struct called){str_path(a, w->ns, w->name), workload_type(w)};
}

static struct str called_name(const struct diffing *x, struct called c, struct str name)
{
    return naming_unique(&x->naming, c.name, name, c.kind);
}

/* What the owner of a workload, or itself if it has none, is in both worlds. If several objects of
 * one world have a name, it is told apart by kind; else an owner and a workload of one name are the
 * same thing, whatever their kinds. */
static struct twin *listed_as(struct diffing *x, struct twins *t, const struct workload *w,
                              struct str owner)
{
    struct called as = owner.n == 0 ? itself(x->arena, w)
                                    : (struct called){str_path(x->arena, w->ns, owner_name(owner)),
                                                      owner_kind(owner)};
    return twin_of(x, t, called_name(x, as, as.name));
}

static void fill_class(struct diffing *x, struct twins *t, enum world_age age,
                       const struct endpoint_class *c)
{
    struct twin *twin = NULL;
    struct str ns = STR(""), owner = STR("");
    for (uint32_t i = 0; i < c->nmembers; i++) {
        const struct endpoint_member *m = &c->members[i];
        struct str own = naming_owner(&x->naming, m->workload);
        bool sibling = own.n > 0 && str_eq(own, owner) && str_eq(m->workload->ns, ns);
        twin = sibling ? twin : listed_as(x, t, m->workload, own);
        ns = m->workload->ns;
        owner = own;
        struct unit *u = &twin->unit[age];
        bool like_first = u->places.n == 0 || (u->alike && u->places.v[0].class_id == c->id);
        u->alike = like_first && m->naddrs == 0;
        vec_push(x->arena, &u->places, (struct place){c->id, i});
    }
}

static const struct workload *workload_at(const struct diffing *x, enum world_age age,
                                          struct place at)
{
    return x->out->world[age]->classes[at.class_id].members[at.member].workload;
}

/* What a node is listed as; nothing for none. */
static struct str node_called(struct diffing *x, struct str node)
{
    return node.n == 0 ? node : str_printf(x->arena, "node:" STR_FMT, STR_ARG(node));
}

static void add_end(struct diffing *x, struct str name, struct str home,
                    const uint32_t class_of[AGES], const bool *has)
{
    uint32_t end = end_of(x, class_of[OLD], class_of[NEW], has);
    vec_push(x->arena, &x->names.v[end], (struct named){name, home});
}

struct single { /* one workload, or one node, in both worlds */
    struct called called;
    struct endpoint_member who[AGES]; /* nobody: it is not there */
    struct id_vec places[AGES];       /* classes */
    bool by_address;                  /* is_address() in both */
};

struct singles {
    struct strmap by_name;
    VEC(struct single *) list;
};

static struct single *single_named(struct diffing *x, struct singles *all, struct called c)
{
    struct str key = str_path(x->arena, c.kind, c.name);
    struct single *s = strmap_get(&all->by_name, key);
    if (s == NULL) {
        s = ARENA_NEW(x->arena, struct single);
        s->called = c;
        strmap_put(&all->by_name, key, s);
        vec_push(x->arena, &all->list, s);
    }
    return s;
}

static bool has_address(const struct single *s, enum world_age age, struct address at)
{
    struct addresses all = member_addresses(&s->who[age]);
    for (size_t i = 0; i < all.n; i++) {
        if (all.v[i].family == at.family && ip_cmp(all.v[i].ip, at.ip) == 0) {
            return true;
        }
    }
    return false;
}

/* The class of one address; ID_NONE: it has no such address, and it is somebody by name. */
static uint32_t class_of_address(const struct diffing *x, enum world_age age,
                                 const struct single *s, struct address at)
{
    return has_address(s, age, at) || s->by_address
               ? world_find_address(x->out->world[age], at.family, at.ip)
               : ID_NONE;
}

struct part { /* addresses that are alike in both worlds */
    uint32_t class_of[AGES];
    VEC(struct address) addrs;
};

struct parts {
    VEC(struct part) list;
};

static void add_to_part(struct diffing *x, struct parts *parts, const struct single *s,
                        struct address at)
{
    uint32_t old = class_of_address(x, OLD, s, at), now = class_of_address(x, NEW, s, at);
    for (size_t i = 0; i < parts->list.n; i++) {
        struct part *part = &parts->list.v[i];
        if (part->class_of[OLD] == old && part->class_of[NEW] == now) {
            for (size_t k = 0; k < part->addrs.n; k++) {
                if (part->addrs.v[k].family == at.family &&
                    ip_cmp(part->addrs.v[k].ip, at.ip) == 0) {
                    return; /* both worlds have it */
                }
            }
            vec_push(x->arena, &part->addrs, at);
            return;
        }
    }
    struct part part = {.class_of = {old, now}};
    vec_push(x->arena, &part.addrs, at);
    vec_push(x->arena, &parts->list, part);
}

/* The node that a workload is at home on in both worlds, or in the one that has it. */
static struct str home_of(struct diffing *x, const struct workload *old, const struct workload *now)
{
    struct str was = old != NULL ? world_home(x->out->world[OLD], old) : STR("");
    struct str is = now != NULL ? world_home(x->out->world[NEW], now) : STR("");
    bool moved = old != NULL && now != NULL && !str_eq(was, is);
    return moved ? STR("") : node_called(x, now != NULL ? is : was);
}

/* Whether somebody else has an address now, and is compared by it. */
static bool is_given_away(const struct diffing *x, const struct single *s, struct address at)
{
    return s->by_address && !has_address(s, NEW, at) &&
           nets_owner(&x->out->world[NEW]->parts->nets[at.family], at.ip) != NULL;
}

/* Something whose addresses policies tell apart, in one of the worlds; or the worlds' machine. */
static void add_parts(struct diffing *x, const struct single *s, struct str home)
{
    struct parts parts = {0};
    for (size_t age = 0; age < AGES; age++) {
        struct addresses all = member_addresses(&s->who[age]);
        for (size_t i = 0; i < all.n; i++) {
            if (!is_given_away(x, s, all.v[i])) {
                add_to_part(x, &parts, s, all.v[i]);
            }
        }
    }
    for (size_t i = 0; i < parts.list.n; i++) {
        const struct part *part = &parts.list.v[i];
        struct endpoint_member m = s->who[s->places[NEW].n > 0 ? NEW : OLD];
        m.addrs = part->addrs.v;
        m.naddrs = part->addrs.n;
        bool has[FAMILIES] = {false, false};
        for (size_t k = 0; k < m.naddrs; k++) {
            has[m.addrs[k].family] = true;
        }
        struct str name = called_name(x, s->called, member_name(x->arena, &m));
        add_end(x, name, home, part->class_of, has);
    }
}

static bool is_by_address(const struct diffing *x, const struct single *s)
{
    bool all = true;
    for (size_t age = 0; age < AGES; age++) {
        for (size_t i = 0; i < s->places[age].n; i++) {
            all = all && is_address(x->out->world[age], s->places[age].v[i]);
        }
    }
    return all;
}

static void add_single(struct diffing *x, struct single *s)
{
    struct str home = home_of(x, s->who[OLD].workload, s->who[NEW].workload);
    struct address_list of[AGES] = {0}; /* if they matter */
    s->by_address = is_by_address(x, s);
    for (size_t age = 0; s->by_address && age < AGES; age++) {
        add_addresses(x, &of[age], &s->who[age]);
    }
    const bool differ = !are_equal(of);
    if (s->by_address && of[OLD].v.n == 0 && !differ) {
        return; /* rules are about nobody without addresses */
    }
    if (s->places[OLD].n > 1 || s->places[NEW].n > 1 || differ) {
        add_parts(x, s, home);
        return;
    }
    uint32_t class_of[AGES];
    for (size_t age = 0; age < AGES; age++) {
        class_of[age] = s->places[age].n > 0 ? s->places[age].v[0] : ID_NONE;
    }
    add_end(x, called_name(x, s->called, s->called.name), home, class_of, NULL);
}

/* Pods one by one: their owner is not the same thing to all of them. */
static void add_pods(struct diffing *x, const struct twin *t)
{
    struct singles pods = {0};
    strmap_init(&pods.by_name, x->arena);
    for (size_t age = 0; age < AGES; age++) {
        for (size_t i = 0; i < t->unit[age].places.n; i++) {
            struct place at = t->unit[age].places.v[i];
            const struct workload *w = workload_at(x, (enum world_age)age, at);
            struct single *p = single_named(x, &pods, itself(x->arena, w));
            p->who[age].workload = w;
            vec_push(x->arena, &p->places[age], at.class_id);
        }
    }
    for (size_t i = 0; i < pods.list.n; i++) {
        add_single(x, pods.list.v[i]);
    }
}

static void add_nodes(struct diffing *x)
{
    struct singles nodes = {0};
    strmap_init(&nodes.by_name, x->arena);
    for (size_t age = 0; age < AGES; age++) {
        const struct world *w = x->out->world[age];
        for (uint32_t i = 0; i < w->nclasses; i++) {
            const struct endpoint_class *c = &w->classes[i];
            for (size_t k = 0; c->kind == EP_NODE && k < c->nmembers; k++) {
                const struct node_object *node = c->members[k].node;
                struct called called = {node_called(x, node->name), STR("Node")};
                struct single *s = single_named(x, &nodes, called);
                s->who[age].node = node;
                vec_push(x->arena, &s->places[age], i);
            }
        }
    }
    for (size_t i = 0; i < nodes.list.n; i++) {
        add_single(x, nodes.list.v[i]);
    }
}

/* The node that everybody of a name runs on, in both worlds. */
static struct str home_of_all(struct diffing *x, const struct unit unit[AGES])
{
    struct str home = STR("");
    bool begun = false;
    for (size_t age = 0; age < AGES; age++) {
        for (size_t i = 0; i < unit[age].places.n; i++) {
            const struct workload *w = workload_at(x, (enum world_age)age, unit[age].places.v[i]);
            struct str own = world_home(x->out->world[age], w);
            if (begun && !str_eq(own, home)) {
                return STR("");
            }
            home = own;
            begun = true;
        }
    }
    return node_called(x, home);
}

/* Whether everybody of a name is known by addresses, and those are others, or none. */
static bool is_moved(struct diffing *x, const struct unit unit[AGES])
{
    struct address_list of[AGES] = {0};
    for (size_t age = 0; age < AGES; age++) {
        const struct world *w = x->out->world[age];
        for (size_t i = 0; i < unit[age].places.n; i++) {
            const struct place at = unit[age].places.v[i];
            if (!is_address(w, at.class_id)) {
                return false;
            }
            add_addresses(x, &of[age], &w->classes[at.class_id].members[at.member]);
        }
    }
    return !are_equal(of) || of[OLD].v.n == 0;
}

static void add_workloads(struct diffing *x)
{
    struct twins twins = {0};
    strmap_init(&twins.by_name, x->arena);
    for (size_t age = 0; age < AGES; age++) {
        const struct world *w = x->out->world[age];
        for (size_t i = 0; i < w->nclasses; i++) {
            if (w->classes[i].kind == EP_WORKLOAD) {
                fill_class(x, &twins, (enum world_age)age, &w->classes[i]);
            }
        }
    }
    for (size_t i = 0; i < twins.list.n; i++) {
        const struct twin *t = twins.list.v[i];
        uint32_t class_of[AGES];
        bool alike = true;
        for (size_t age = 0; age < AGES; age++) {
            const struct unit *u = &t->unit[age];
            alike = alike && (u->places.n == 0 || u->alike);
            class_of[age] = u->places.n > 0 ? u->places.v[0].class_id : ID_NONE;
        }
        if (alike && !is_moved(x, t->unit)) {
            add_end(x, t->name, home_of_all(x, t->unit), class_of, NULL);
        } else {
            add_pods(x, t);
        }
    }
}

/* The addresses of both inventories. */
static void join_owners(struct diffing *x, enum family f)
{
    const struct nets *a = &x->out->world[OLD]->parts->nets[f],
                      *b = &x->out->world[NEW]->parts->nets[f];
    struct owner *all = ARENA_NEW_ARRAY(x->arena, a->nowners + b->nowners, struct owner);
    size_t i = 0, k = 0, n = 0;
    while (i < a->nowners || k < b->nowners) {
        int order = i == a->nowners   ? 1
                    : k == b->nowners ? -1
                                      : ip_cmp(a->owners[i].ip, b->owners[k].ip);
        all[n++] = order <= 0 ? a->owners[i] : b->owners[k];
        i += order <= 0;
        k += order >= 0;
    }
    x->known[f] = (struct nets){.owners = all, .nowners = n};
}

/* Addresses that are external in both worlds, cut where either cuts. */
static void add_ranges(struct diffing *x, enum family f)
{
    const struct world_parts *old = x->out->world[OLD]->parts, *now = x->out->world[NEW]->parts;
    const struct nets *a = &old->nets[f], *b = &now->nets[f];
    size_t i = 0, k = 0;
    while (i < a->atoms.n && k < b->atoms.n) {
        struct ip_range r = a->atoms.v[i].range, s = b->atoms.v[k].range, both;
        if (ip_range_common(r, s, &both) && nets_has_external(&x->known[f], both)) {
            uint32_t end = end_of(x, old->range_class[f].v[a->atoms.v[i].list],
                                  now->range_class[f].v[b->atoms.v[k].list], NULL);
            x->ends.v[end].external = true;
            x->ends.v[end].family = f;
            vec_push(x->arena, &x->ranges.v[end], nets_trim(&x->known[f], both));
        }
        int order = ip_cmp(r.last, s.last);
        i += order <= 0;
        k += order >= 0;
    }
}

static int name_order(const void *a, const void *b)
{
    return str_cmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static void finish_names(struct diffing *x, struct diff_end *e, struct named *v, size_t n)
{
    array_sort(v, n, sizeof *v, name_order);
    e->names = ARENA_NEW_ARRAY(x->arena, n, struct str);
    e->homes = ARENA_NEW_ARRAY(x->arena, n, struct str);
    e->nnames = n;
    for (size_t i = 0; i < n; i++) {
        e->names[i] = v[i].name;
        e->homes[i] = v[i].home;
    }
}

static void finish_ends(struct diffing *x)
{
    for (size_t age = 0; age < AGES; age++) {
        x->of_class[age] = ARENA_NEW_ARRAY(x->arena, x->out->world[age]->nclasses, struct id_vec);
    }
    for (uint32_t i = 0; i < x->ends.n; i++) {
        struct diff_end *e = &x->ends.v[i];
        finish_names(x, e, x->names.v[i].v, x->names.v[i].n);
        e->ranges = ipset_of_ranges(x->arena, x->ranges.v[i].v, x->ranges.v[i].n);
        for (size_t age = 0; age < AGES; age++) {
            if (e->class_of[age] != ID_NONE) {
                e->nodes = x->out->world[age]->classes[e->class_of[age]].kind == EP_NODE;
                vec_push(x->arena, &x->of_class[age][e->class_of[age]], i);
            }
        }
    }
}

void difference_ends(struct diffing *x)
{
    naming_init(&x->naming, x->arena);
    naming_add(&x->naming, &x->out->world[OLD]->program->inv, true);
    naming_add(&x->naming, &x->out->world[NEW]->program->inv, true);
    intern_init(&x->end_ids, x->arena);
    add_workloads(x);
    add_nodes(x);
    for (size_t f = 0; f < FAMILIES; f++) {
        join_owners(x, (enum family)f);
        add_ranges(x, (enum family)f);
    }
    finish_ends(x);
}
