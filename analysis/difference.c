/*
 * Comparing two worlds: ends that are alike in both, every pair of them whose traffic differs, and
 * which policies made it so. Nothing here knows a format.
 */
#include "analysis/difference.h"
#include "analysis/naming.h"
#include "analysis/world_priv.h"

#include <string.h>

struct diffing {
    struct difference *out;
    struct arena *arena;
    struct naming naming;  /* of both worlds */
    struct intern end_ids; /* by classes */
    VEC(struct diff_end) ends;
    VEC(VEC(struct str)) names; /* by end */
    VEC(VEC(struct ip_range)) ranges;
    struct id_vec *of_class[AGES];     /* ends */
    VEC(struct diff_change) changes;   /* of external ends; in the end, of all */
    struct intern range_ids;           /* … by what they are alike in */
    VEC(VEC(struct ip_range)) changed; /* … and their addresses */
    VEC(struct diff_change) others;    /* of ends that all are in the inventory */
    struct strmap policies[AGES];      /* by policy_key() */
};

/* ---- ends ---- */

static uint32_t end_of(struct diffing *x, uint32_t old, uint32_t now)
{
    uint32_t key[AGES] = {old, now};
    uint32_t id = intern_ids(&x->end_ids, key, AGES);
    if (id == x->ends.n) {
        vec_push(x->arena, &x->ends, (struct diff_end){.class_of = {old, now}});
        vec_push(x->arena, &x->names, (__typeof__(*x->names.v)){0});
        vec_push(x->arena, &x->ranges, (__typeof__(*x->ranges.v)){0});
    }
    return id;
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

static void add_end(struct diffing *x, struct str name, const uint32_t class_of[AGES])
{
    uint32_t end = end_of(x, class_of[OLD], class_of[NEW]);
    vec_push(x->arena, &x->names.v[end], name);
}

struct pod { /* one workload in both worlds */
    struct called called;
    const struct workload *workload[AGES];
    struct id_vec places[AGES]; /* classes */
};

struct pods {
    struct strmap by_name;
    VEC(struct pod *) list;
};

static struct pod *pod_named(struct diffing *x, struct pods *pods, struct called c)
{
    struct str key = str_path(x->arena, c.kind, c.name);
    struct pod *p = strmap_get(&pods->by_name, key);
    if (p == NULL) {
        p = ARENA_NEW(x->arena, struct pod);
        p->called = c;
        strmap_put(&pods->by_name, key, p);
        vec_push(x->arena, &pods->list, p);
    }
    return p;
}

/* The class of one address of a pod; ID_NONE: it has no such address. */
static uint32_t class_of_address(const struct diffing *x, enum world_age age, const struct pod *p,
                                 struct address at)
{
    const struct workload *w = p->workload[age];
    for (size_t i = 0; w != NULL && i < w->naddrs; i++) {
        if (w->addrs[i].family == at.family && ip_cmp(w->addrs[i].ip, at.ip) == 0) {
            return world_find_address(x->out->world[age], at.family, at.ip);
        }
    }
    return ID_NONE;
}

struct part { /* addresses of a pod that are alike in both worlds */
    uint32_t class_of[AGES];
    VEC(struct address) addrs;
};

struct parts {
    VEC(struct part) list;
};

static void add_to_part(struct diffing *x, struct parts *parts, const struct pod *p,
                        struct address at)
{
    uint32_t old = class_of_address(x, OLD, p, at), now = class_of_address(x, NEW, p, at);
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

/* A pod whose addresses policies tell apart, in one of the worlds. */
static void add_parts(struct diffing *x, const struct pod *p)
{
    struct parts parts = {0};
    for (size_t age = 0; age < AGES; age++) {
        const struct workload *w = p->workload[age];
        for (size_t i = 0; w != NULL && i < w->naddrs; i++) {
            add_to_part(x, &parts, p, w->addrs[i]);
        }
    }
    for (size_t i = 0; i < parts.list.n; i++) {
        const struct part *part = &parts.list.v[i];
        struct endpoint_member m = {.workload = p->workload[p->workload[NEW] != NULL ? NEW : OLD],
                                    .addrs = part->addrs.v,
                                    .naddrs = part->addrs.n};
        add_end(x, called_name(x, p->called, member_name(x->arena, &m)), part->class_of);
    }
}

static void add_pod(struct diffing *x, const struct pod *p)
{
    if (p->places[OLD].n > 1 || p->places[NEW].n > 1) {
        add_parts(x, p);
        return;
    }
    uint32_t class_of[AGES];
    for (size_t age = 0; age < AGES; age++) {
        class_of[age] = p->places[age].n > 0 ? p->places[age].v[0] : ID_NONE;
    }
    add_end(x, called_name(x, p->called, p->called.name), class_of);
}

/* Pods one by one: their owner is not the same thing to all of them. */
static void add_pods(struct diffing *x, const struct twin *t)
{
    struct pods pods = {0};
    strmap_init(&pods.by_name, x->arena);
    for (size_t age = 0; age < AGES; age++) {
        for (size_t i = 0; i < t->unit[age].places.n; i++) {
            struct place at = t->unit[age].places.v[i];
            const struct workload *w =
                x->out->world[age]->classes[at.class_id].members[at.member].workload;
            struct pod *p = pod_named(x, &pods, itself(x->arena, w));
            p->workload[age] = w;
            vec_push(x->arena, &p->places[age], at.class_id);
        }
    }
    for (size_t i = 0; i < pods.list.n; i++) {
        add_pod(x, pods.list.v[i]);
    }
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
        if (alike) {
            add_end(x, t->name, class_of);
        } else {
            add_pods(x, t);
        }
    }
}

/* Addresses that are external in both worlds, cut where either cuts. */
static void add_ranges(struct diffing *x, enum family f)
{
    const struct world_parts *old = x->out->world[OLD]->parts, *now = x->out->world[NEW]->parts;
    const struct nets *a = &old->nets[f], *b = &now->nets[f];
    size_t i = 0, k = 0;
    while (i < a->atoms.n && k < b->atoms.n) {
        struct ip_range r = a->atoms.v[i].range, s = b->atoms.v[k].range;
        struct ip_range both = {ip_cmp(r.first, s.first) > 0 ? r.first : s.first,
                                ip_cmp(r.last, s.last) < 0 ? r.last : s.last};
        if (nets_has_external(a, both) && nets_has_external(b, both)) {
            uint32_t end = end_of(x, old->range_class[f].v[a->atoms.v[i].list],
                                  now->range_class[f].v[b->atoms.v[k].list]);
            x->ends.v[end].external = true;
            x->ends.v[end].family = f;
            vec_push(x->arena, &x->ranges.v[end], both);
        }
        int order = ip_cmp(r.last, s.last);
        i += order <= 0;
        k += order >= 0;
    }
}

static int name_order(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void finish_ends(struct diffing *x)
{
    for (size_t age = 0; age < AGES; age++) {
        x->of_class[age] = ARENA_NEW_ARRAY(x->arena, x->out->world[age]->nclasses, struct id_vec);
    }
    for (uint32_t i = 0; i < x->ends.n; i++) {
        struct diff_end *e = &x->ends.v[i];
        e->names = x->names.v[i].v;
        e->nnames = x->names.v[i].n;
        array_sort(e->names, e->nnames, sizeof *e->names, name_order);
        e->ranges = ipset_of_ranges(x->arena, x->ranges.v[i].v, x->ranges.v[i].n);
        for (size_t age = 0; age < AGES; age++) {
            if (e->class_of[age] != ID_NONE) {
                vec_push(x->arena, &x->of_class[age][e->class_of[age]], i);
            }
        }
    }
}

/* ---- changes ---- */

/* Everything is asked of families that the pair has; in others nothing flows. */
static struct traffic traffic_at(const struct diffing *x, enum world_age age, uint32_t from,
                                 uint32_t to)
{
    uint32_t source = x->ends.v[from].class_of[age], target = x->ends.v[to].class_of[age];
    if (source == ID_NONE || target == ID_NONE) {
        return (struct traffic){{TRAFFIC_ABSENT, TRAFFIC_ABSENT}};
    }
    return world_traffic(x->out->world[age], source, target);
}

static struct traffic less(struct traffic_table *t, struct traffic a, struct traffic b)
{
    struct traffic out;
    for (size_t f = 0; f < FAMILIES; f++) {
        uint32_t x = a.of[f] == TRAFFIC_ABSENT ? TRAFFIC_NONE : a.of[f];
        uint32_t y = b.of[f] == TRAFFIC_ABSENT ? TRAFFIC_NONE : b.of[f];
        bool absent = a.of[f] == TRAFFIC_ABSENT && b.of[f] == TRAFFIC_ABSENT;
        out.of[f] = absent ? TRAFFIC_ABSENT : traffic_subtract(t, x, y);
    }
    return out;
}

/* External ends that change alike with one other end are one change. */
static void push_range_change(struct diffing *x, struct diff_change c)
{
    bool from = x->ends.v[c.from].external;
    uint32_t other = from ? c.to : c.from, range = from ? c.from : c.to;
    uint32_t key[] = {other,
                      from,
                      x->ends.v[range].family,
                      c.gained.of[FAM_IP4],
                      c.gained.of[FAM_IP6],
                      c.lost.of[FAM_IP4],
                      c.lost.of[FAM_IP6]};
    uint32_t id = intern_ids(&x->range_ids, key, sizeof key / sizeof *key);
    if (id == x->changes.n) {
        vec_push(x->arena, &x->changes, c);
        vec_push(x->arena, &x->changed, (__typeof__(*x->changed.v)){0});
    }
    const struct ipset *s = &x->ends.v[range].ranges;
    for (size_t i = 0; i < s->n; i++) {
        vec_push(x->arena, &x->changed.v[id], s->v[i]);
    }
}

static void compare(struct diffing *x, uint32_t from, uint32_t to)
{
    const struct diff_end *a = &x->ends.v[from], *b = &x->ends.v[to];
    if (from == to && a->nnames <= 1) { /* nobody else is like it */
        return;
    }
    struct traffic old = traffic_at(x, OLD, from, to), now = traffic_at(x, NEW, from, to);
    struct diff_change c = {.from = from,
                            .to = to,
                            .gained = less(x->out->traffic, now, old),
                            .lost = less(x->out->traffic, old, now)};
    if (traffic_is_none(c.gained) && traffic_is_none(c.lost)) {
        return;
    }
    if (a->external || b->external) {
        push_range_change(x, c);
    } else {
        vec_push(x->arena, &x->others, c);
    }
}

struct walk {
    struct diffing *x;
    enum world_age age;
};

/* Pairs between which something flows now, and those between which it only did. */
static bool compare_flow(void *arg, uint32_t from, uint32_t to, struct traffic t)
{
    struct walk *w = arg;
    struct diffing *x = w->x;
    (void)t;
    const struct id_vec *sources = &x->of_class[w->age][from], *targets = &x->of_class[w->age][to];
    for (size_t i = 0; i < sources->n; i++) {
        for (size_t k = 0; k < targets->n; k++) {
            uint32_t a = sources->v[i], b = targets->v[k];
            if (w->age == NEW || traffic_is_none(traffic_at(x, NEW, a, b))) {
                compare(x, a, b);
            }
        }
    }
    return true;
}

static void compare_all(struct diffing *x)
{
    for (size_t age = 0; age < AGES; age++) {
        struct walk w = {x, (enum world_age)age};
        world_flows(x->out->world[age], compare_flow, &w);
    }
    for (size_t i = 0; i < x->changes.n; i++) {
        x->changes.v[i].ranges = ipset_of_ranges(x->arena, x->changed.v[i].v, x->changed.v[i].n);
    }
    for (size_t i = 0; i < x->others.n; i++) {
        vec_push(x->arena, &x->changes, x->others.v[i]);
    }
}

/* ---- reasons ---- */

struct reasons {
    VEC(struct diff_reason) list;
};

static void add_reason(struct diffing *x, struct reasons *r, struct diff_reason reason)
{
    for (size_t i = 0; i < r->list.n; i++) {
        if (r->list.v[i].policy == reason.policy && r->list.v[i].rule == reason.rule) {
            return;
        }
    }
    vec_push(x->arena, &r->list, reason);
}

static bool overlaps(struct traffic_table *t, struct traffic a, struct traffic b)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        bool both = a.of[f] != TRAFFIC_ABSENT && b.of[f] != TRAFFIC_ABSENT;
        if (both && traffic_intersect(t, a.of[f], b.of[f]) != TRAFFIC_NONE) {
            return true;
        }
    }
    return false;
}

/* Rules of one side that allow (or, of cluster policies, deny) some of the traffic. */
static size_t rules_about(struct diffing *x, enum world_age age, const struct explained_side *s,
                          struct traffic about, bool allowing, struct reasons *out)
{
    size_t found = 0;
    for (size_t i = 0; i < s->nrules; i++) {
        const struct explained_rule *r = &s->rules[i];
        bool does = (r->rule->action == ACT_ALLOW) == allowing && r->rule->action != ACT_PASS;
        if (does && overlaps(x->out->traffic, r->decides, about)) {
            add_reason(x, out, (struct diff_reason){age, r->policy, r->rule});
            found++;
        }
    }
    return found;
}

static void isolation_of(struct diffing *x, enum world_age age, const struct explained_side *s,
                         struct reasons *out)
{
    for (size_t i = 0; i < s->npolicies; i++) {
        if (s->policies[i]->isolates[s->direction]) {
            add_reason(x, out, (struct diff_reason){age, s->policies[i], NULL});
        }
    }
}

/* What one direction alone has to do with a change: `about` flows in world `has` and not in the
 * other. If no rule says so, then because in the one nothing isolates and in the other something
 * does. */
static void explain_side(struct diffing *x, const struct explanation *const e[AGES],
                         enum direction d, struct traffic about, enum world_age has,
                         struct reasons out[AGES])
{
    enum world_age lacks = has == OLD ? NEW : OLD;
    if (e[has] == NULL) {
        return;
    }
    const struct explained_side *a = &e[has]->side[d];
    if (e[lacks] == NULL) { /* an end is not there */
        rules_about(x, has, a, about, true, &out[has]);
        return;
    }
    const struct explained_side *b = &e[lacks]->side[d];
    struct traffic here = less(x->out->traffic, a->allowed, b->allowed);
    if (!overlaps(x->out->traffic, here, about)) {
        return;
    }
    size_t found = rules_about(x, has, a, about, true, &out[has]);
    found += rules_about(x, lacks, b, about, false, &out[lacks]);
    if (found == 0) {
        isolation_of(x, lacks, b, &out[lacks]);
    }
}

static struct str policy_key(struct arena *a, const struct npolicy *p)
{
    return str_printf(a, "%d/" STR_FMT "/" STR_FMT, (int)policy_is_cluster(p->origin),
                      STR_ARG(p->origin->ns), STR_ARG(p->origin->name));
}

static void index_policies(struct diffing *x, enum world_age age)
{
    const struct world *w = x->out->world[age];
    strmap_init(&x->policies[age], x->arena);
    for (size_t i = 0; i < w->npolicies; i++) {
        struct npolicy *p = ARENA_NEW(x->arena, struct npolicy);
        *p = *w->policies[i];
        strmap_put(&x->policies[age], policy_key(x->arena, p), p);
    }
}

/* Whether the other world has not the same policy. */
static bool is_changed(struct diffing *x, const struct diff_reason *r)
{
    enum world_age other = r->age == OLD ? NEW : OLD;
    const struct npolicy *same = strmap_get(&x->policies[other], policy_key(x->arena, r->policy));
    return same == NULL || !policy_equal(same->origin, r->policy->origin);
}

/* If policies changed, those that did not are no reasons. Else the endpoints changed. */
static void keep_changed(struct diffing *x, struct reasons out[AGES])
{
    bool any = false;
    for (size_t age = 0; age < AGES; age++) {
        for (size_t i = 0; i < out[age].list.n; i++) {
            any = any || is_changed(x, &out[age].list.v[i]);
        }
    }
    for (size_t age = 0; age < AGES && any; age++) {
        size_t kept = 0;
        for (size_t i = 0; i < out[age].list.n; i++) {
            if (is_changed(x, &out[age].list.v[i])) {
                out[age].list.v[kept++] = out[age].list.v[i];
            }
        }
        out[age].list.n = kept;
    }
}

static void explain_change(struct diffing *x, struct diff_change *c)
{
    const struct diff_end *a = &x->ends.v[c->from], *b = &x->ends.v[c->to];
    const struct explanation *e[AGES] = {NULL, NULL};
    for (size_t age = 0; age < AGES; age++) {
        if (a->class_of[age] != ID_NONE && b->class_of[age] != ID_NONE) {
            e[age] = world_explain(x->out->world[age], x->arena,
                                   (struct explain_end){.class_id = a->class_of[age]},
                                   (struct explain_end){.class_id = b->class_of[age]});
        }
    }
    struct reasons out[AGES] = {0};
    for (size_t d = 0; d < DIRECTIONS; d++) {
        explain_side(x, e, (enum direction)d, c->gained, NEW, out);
        explain_side(x, e, (enum direction)d, c->lost, OLD, out);
    }
    keep_changed(x, out);
    for (size_t age = 0; age < AGES; age++) {
        c->because[age] = out[age].list.v;
        c->nbecause[age] = out[age].list.n;
    }
}

/* ---- all together ---- */

/* Qsort has no argument: what changes are ordered by is put beside them. */
struct ordered {
    struct str from, to; /* empty: external addresses, which stand last */
    bool external[2];
    struct ip first;
    struct diff_change change;
};

static int compare_end(struct str a, bool a_external, struct str b, bool b_external)
{
    return a_external != b_external ? (int)a_external - (int)b_external : str_cmp(a, b);
}

static int change_order(const void *pa, const void *pb)
{
    const struct ordered *a = pa, *b = pb;
    int order = compare_end(a->from, a->external[0], b->from, b->external[0]);
    order = order != 0 ? order : compare_end(a->to, a->external[1], b->to, b->external[1]);
    order = order != 0 ? order : ip_cmp(a->first, b->first);
    for (size_t f = 0; f < FAMILIES && order == 0; f++) { /* IPv4 before IPv6 */
        order = (int)(a->change.gained.of[f] == TRAFFIC_ABSENT) -
                (int)(b->change.gained.of[f] == TRAFFIC_ABSENT);
    }
    return order;
}

static void sort_changes(struct diffing *x)
{
    struct ordered *v = ARENA_NEW_ARRAY(x->arena, x->changes.n, struct ordered);
    for (size_t i = 0; i < x->changes.n; i++) {
        const struct diff_change *c = &x->changes.v[i];
        const struct diff_end *a = &x->ends.v[c->from], *b = &x->ends.v[c->to];
        v[i] = (struct ordered){.external = {a->external, b->external}, .change = *c};
        v[i].from = a->nnames > 0 ? a->names[0] : STR("");
        v[i].to = b->nnames > 0 ? b->names[0] : STR("");
        v[i].first = c->ranges.n > 0 ? c->ranges.v[0].first : (struct ip){0, 0};
    }
    array_sort(v, x->changes.n, sizeof *v, change_order);
    for (size_t i = 0; i < x->changes.n; i++) {
        x->changes.v[i] = v[i].change;
    }
}

const struct difference *difference_new(const struct world *old, const struct world *now)
{
    struct arena *a = &now->ctx->arena;
    struct diffing *x = ARENA_NEW(a, struct diffing);
    x->arena = a;
    x->out = ARENA_NEW(a, struct difference);
    *x->out = (struct difference){.world = {old, now}, .traffic = now->traffic};
    naming_init(&x->naming, a);
    naming_add(&x->naming, &old->program->inv, true);
    naming_add(&x->naming, &now->program->inv, true);
    intern_init(&x->end_ids, a);
    intern_init(&x->range_ids, a);
    index_policies(x, OLD);
    index_policies(x, NEW);
    add_workloads(x);
    for (size_t f = 0; f < FAMILIES; f++) {
        add_ranges(x, (enum family)f);
    }
    finish_ends(x);
    compare_all(x);
    sort_changes(x);
    for (size_t i = 0; i < x->changes.n; i++) {
        explain_change(x, &x->changes.v[i]);
    }
    x->out->ends = x->ends.v;
    x->out->nends = x->ends.n;
    x->out->changes = x->changes.v;
    x->out->nchanges = x->changes.n;
    return x->out;
}

bool difference_gains(const struct difference *d)
{
    for (size_t i = 0; i < d->nchanges; i++) {
        if (!traffic_is_none(d->changes[i].gained)) {
            return true;
        }
    }
    return false;
}

bool difference_loses(const struct difference *d)
{
    for (size_t i = 0; i < d->nchanges; i++) {
        if (!traffic_is_none(d->changes[i].lost)) {
            return true;
        }
    }
    return false;
}
