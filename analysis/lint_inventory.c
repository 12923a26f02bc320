/*
 * What runs, as selectors see it: workloads in groups that no selector of the program tells apart,
 * and for each pair of selectors the groups that it matches. Unlike the endpoints of the world
 * these are also pods on a host's network: a policy that selects those selects something.
 */
#include "analysis/lint_priv.h"

#include <stdlib.h>

struct match {
    struct id_list groups;
};

/* ---- namespaces ---- */

static const struct labels *labels_of_ns(struct lint *l, struct str name)
{
    const struct ns_object *object = inventory_find_ns(&l->p->inv, name);
    if (object != NULL) {
        return &object->labels;
    }
    struct labels *only = ARENA_NEW(l->keep, struct labels);
    only->v = ARENA_NEW(l->keep, struct label);
    only->v[0] = (struct label){.key = STR(LABEL_NS_NAME), .value = name};
    only->n = 1;
    return only;
}

uint32_t lint_space(struct lint *l, struct str name)
{
    uint32_t id = intern_add(&l->space_ids, name);
    if (id == l->spaces.n) {
        const struct ns_object *object = inventory_find_ns(&l->p->inv, name);
        const struct wspace space = {.name = name,
                                     .labels = labels_of_ns(l, name),
                                     .declared = object != NULL && object->declared,
                                     .exists = object != NULL && object->declared};
        vec_push(l->keep, &l->spaces, space);
        demands_init(&l->spaces.v[id].by_demand, l->keep);
        l->has_namespaces |= space.declared;
    }
    return id;
}

/* ---- groups ---- */

static void note_keys(struct strmap *keys, const struct selector *s)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        strmap_put(keys, s->v[i].key, keys); /* any pointer will do */
    }
}

/* The label keys that some selector on pods looks at. */
static void relevant_keys(struct lint *l, struct strmap *keys)
{
    strmap_init(keys, l->keep);
    for (size_t i = 0; i < l->npolicies; i++) {
        const struct npolicy *np = l->policies[i];
        note_keys(keys, np->target_pods);
        for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
            for (size_t r = 0; r < np->origin->nrules[d]; r++) {
                const struct rule *rule = &np->origin->rules[d][r];
                for (size_t k = 0; k < rule->npeers; k++) {
                    note_keys(keys, rule->peers[k].pods);
                }
            }
        }
    }
}

static void put_field(struct buf *b, struct str s)
{
    buf_str(b, s);
    buf_putc(b, '\0'); /* in no name, label or port */
}

static void group_key(struct buf *b, const struct strmap *keys, const struct workload *w)
{
    buf_cut(b, 0);
    put_field(b, w->ns);
    buf_putc(b, w->host_network ? 'h' : 'p');
    for (size_t i = 0; i < w->labels.n; i++) {
        if (strmap_get(keys, w->labels.v[i].key) != NULL) {
            put_field(b, w->labels.v[i].key);
            put_field(b, w->labels.v[i].value);
        }
    }
    buf_putc(b, '\0');
    for (size_t i = 0; i < w->nports; i++) {
        put_field(b, w->ports[i].name);
        buf_printf(b, "%d/%u", (int)w->ports[i].proto, w->ports[i].number);
    }
}

static struct id_vec *list_of(struct lint *l, struct strmap *map, struct str key)
{
    struct id_vec *list = strmap_get(map, key);
    if (list == NULL) {
        list = ARENA_NEW(l->keep, struct id_vec);
        strmap_put(map, str_dup(l->keep, key), list);
    }
    return list;
}

static void label_key(struct buf *b, struct str key, struct str value)
{
    buf_cut(b, 0);
    put_field(b, key);
    buf_str(b, value);
}

static void add_group(struct lint *l, struct buf *b, uint32_t id, const struct workload *w)
{
    const struct wgroup group = {
        .example = w, .space = lint_space(l, w->ns), .host_network = w->host_network};
    vec_push(l->keep, &l->groups, group);
    vec_push(l->keep, &l->spaces.v[group.space].groups, id);
    for (size_t i = 0; i < w->labels.n; i++) {
        label_key(b, w->labels.v[i].key, w->labels.v[i].value);
        vec_push(l->keep, list_of(l, &l->groups_with, buf_text(b)), id);
    }
}

/* Policies in a namespace do not make it. */
static void note_existing(struct lint *l)
{
    const struct inventory *inv = &l->p->inv;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        l->spaces.v[lint_space(l, inv->workloads.v[i]->ns)].exists = true;
    }
    for (size_t i = 0; i < inv->services.n; i++) {
        l->spaces.v[lint_space(l, inv->services.v[i]->ns)].exists = true;
    }
}

/* Whether what runs is said by nothing but the language: such an inventory is made for npc. */
static bool is_all_npc(const struct lint *l)
{
    const struct inventory *inv = &l->p->inv;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        if (inv->workloads.v[i]->kind != WL_WORKLOAD) {
            return false;
        }
    }
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        const struct ns_object *ns = inv->namespaces.v[i];
        if (ns->declared && !lint_is_npc(l, ns->at)) {
            return false;
        }
    }
    return true;
}

/* Objects of Kubernetes may be those of one team, unless what every cluster has is among them. */
static bool is_whole(const struct lint *l)
{
    uint32_t system = intern_find(&l->space_ids, STR("kube-system"));
    return l->p->inv.nodes.n > 0 || (system != ID_NONE && l->spaces.v[system].exists) ||
           is_all_npc(l);
}

void lint_inventory(struct lint *l)
{
    const struct inventory *inv = &l->p->inv;
    struct buf *b = l->key = buf_new(l->keep);
    struct strmap keys;
    struct intern ids;
    intern_init(&l->space_ids, l->keep);
    intern_init(&ids, l->keep);
    strmap_init(&l->matches, l->keep);
    strmap_init(&l->groups_with, l->keep);
    relevant_keys(l, &keys);
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        lint_space(l, inv->namespaces.v[i]->name);
    }
    note_existing(l);
    l->is_whole = is_whole(l);
    for (size_t i = 0; i < l->w->npresent; i++) {
        const struct workload *w = l->w->present[i];
        group_key(b, &keys, w);
        uint32_t id = intern_add(&ids, buf_text(b));
        if (id == l->groups.n) {
            add_group(l, b, id, w);
        }
        struct wgroup *g = &l->groups.v[id];
        g->n++;
        g->example = w->kind != WL_TEMPLATE && g->example->kind == WL_TEMPLATE ? w : g->example;
        for (size_t k = 0; k < w->naddrs; k++) {
            l->has_family[w->addrs[k].family] = true;
        }
    }
    l->has_workloads = l->w->npresent > 0;
}

struct str lint_group_name(struct lint *l, uint32_t group)
{
    const struct workload *w = l->groups.v[group].example;
    return str_path(l->keep, w->ns, w->name);
}

/* ---- who matches ---- */

void selector_key(struct buf *b, const struct selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        put_field(b, s->v[i].key);
        buf_printf(b, "%d", (int)s->v[i].op);
        for (size_t k = 0; k < s->v[i].nvalues; k++) {
            put_field(b, s->v[i].values[k]);
        }
        buf_putc(b, '\0');
    }
    buf_putc(b, '\1'); /* in no label */
}

/* The groups among which all that match are: the fewest that are easily had. */
static struct id_list candidates(struct lint *l, struct buf *b, const struct selector *ns,
                                 const struct selector *pods, bool *all)
{
    const struct sel_req *names = selector_ns_names(ns), *label = selector_demand(pods);
    const struct id_vec *best = NULL;
    static const struct id_vec nothing;
    if (label != NULL) {
        label_key(b, label->key, label->values[0]);
        best = strmap_get(&l->groups_with, buf_text(b));
        best = best != NULL ? best : &nothing;
    }
    if (names != NULL && names->nvalues == 1) {
        uint32_t id = intern_find(&l->space_ids, names->values[0]);
        const struct id_vec *there = id != ID_NONE ? &l->spaces.v[id].groups : &nothing;
        best = best == NULL || there->n < best->n ? there : best;
    }
    *all = best == NULL;
    return *all ? (struct id_list){.n = l->groups.n} : (struct id_list){best->v, best->n};
}

static bool group_matches(const struct lint *l, uint32_t group, const struct selector *ns,
                          const struct selector *pods)
{
    const struct wgroup *g = &l->groups.v[group];
    return selector_matches(ns, l->spaces.v[g->space].labels) &&
           selector_matches(pods, &g->example->labels);
}

struct id_list lint_match(struct lint *l, const struct selector *ns, const struct selector *pods)
{
    struct buf *b = l->key;
    buf_cut(b, 0);
    selector_key(b, ns);
    selector_key(b, pods);
    struct match *m = strmap_get(&l->matches, buf_text(b));
    if (m != NULL) {
        return m->groups;
    }
    struct str key = str_dup(l->keep, buf_text(b));
    bool all;
    struct id_list among = candidates(l, b, ns, pods, &all);
    struct id_vec found = {0};
    for (size_t i = 0; i < among.n; i++) {
        uint32_t group = all ? (uint32_t)i : among.v[i];
        if (group_matches(l, group, ns, pods)) {
            vec_push(l->keep, &found, group);
        }
    }
    m = ARENA_NEW(l->keep, struct match);
    m->groups = (struct id_list){found.v, found.n};
    strmap_put(&l->matches, key, m);
    return m->groups;
}

static struct id_list without_hosts(struct lint *l, struct id_list from)
{
    struct id_vec kept = {0};
    for (size_t i = 0; i < from.n; i++) {
        if (!l->groups.v[from.v[i]].host_network) {
            vec_push(l->a, &kept, from.v[i]);
        }
    }
    return (struct id_list){kept.v, kept.n};
}

struct id_list lint_targets(struct lint *l, const struct npolicy *np)
{
    return without_hosts(l, lint_match(l, np->target_ns, np->target_pods));
}

struct id_list lint_peers(struct lint *l, const struct lint_at *at)
{
    static const struct selector everything;
    struct id_vec all = {0};
    if (at->nrule == NULL) {
        return (struct id_list){0};
    }
    if (at->nrule->any_peer) {
        return without_hosts(l, lint_match(l, &everything, &everything));
    }
    for (size_t i = 0; i < at->nrule->nclauses; i++) {
        const struct nclause *clause = &at->nrule->clauses[i];
        if (clause->kind != PEER_PODS) {
            continue;
        }
        struct id_list some = lint_match(l, clause->ns, clause->pods);
        for (size_t k = 0; k < some.n; k++) {
            vec_push(l->a, &all, some.v[k]);
        }
    }
    return without_hosts(l, (struct id_list){all.v, ids_sort(all.v, all.n)});
}

static bool has_workloads(const struct lint *l, struct str name)
{
    uint32_t id = intern_find(&l->space_ids, name);
    return id != ID_NONE && l->spaces.v[id].groups.n > 0;
}

/* Whether a selector names the namespaces that it may match, and workloads of all are in the input.
 */
static bool is_confined(const struct lint *l, const struct selector *ns)
{
    for (size_t i = 0; i < ns->n; i++) {
        const struct sel_req *req = &ns->v[i];
        bool all = (req->op == SEL_EQ || req->op == SEL_IN) && str_is(req->key, LABEL_NS_NAME);
        for (size_t k = 0; all && k < req->nvalues; k++) {
            all = has_workloads(l, req->values[k]);
        }
        if (all) {
            return true;
        }
    }
    return false;
}

bool lint_knows(struct lint *l, const struct selector *ns)
{
    const struct sel_req *names = selector_ns_names(ns);
    if (names != NULL && names->nvalues == 1) {
        return has_workloads(l, names->values[0]);
    }
    if (!l->is_whole && !is_confined(l, ns)) {
        return false;
    }
    for (size_t i = 0; i < l->spaces.n; i++) {
        if (l->spaces.v[i].groups.n > 0 && selector_matches(ns, l->spaces.v[i].labels)) {
            return true;
        }
    }
    return false;
}
