/*
 * Which workloads match which selectors.
 *
 * Not every workload is asked about every selector: workloads that agree on all label keys that
 * some selector mentions (and on the ports that some rule names) form a group, and a group is asked
 * about those matchers only that share a label with it. For that each matcher hangs on an anchor:
 * on each side (namespace, pod) the one requirement of kind key = value, key in (…) or key exists
 * that the fewest groups fulfil.
 */
#include "ir/bind_priv.h"

enum side { SIDE_NS, SIDE_POD };

/* ---- keys ---- */

static void key_u32(struct buf *b, uint32_t v)
{
    buf_put(b, &v, sizeof v);
}

static void key_str(struct buf *b, struct str s)
{
    key_u32(b, (uint32_t)s.n);
    buf_str(b, s);
}

static void key_selector(struct buf *b, const struct selector *s)
{
    key_u32(b, (uint32_t)s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct sel_req *r = &s->v[i];
        key_u32(b, (uint32_t)r->op);
        key_str(b, r->key);
        key_u32(b, (uint32_t)r->nvalues);
        for (size_t k = 0; k < r->nvalues; k++) {
            key_str(b, r->values[k]);
        }
    }
}

uint32_t bind_portset_id(struct binding *b, struct portset s)
{
    buf_cut(b->key, 0);
    portset_key(b->key, s);
    return intern_add(&b->portsets, buf_text(b->key));
}

struct portset bind_resolve(struct binding *b, const struct nrule *r, const struct workload *w)
{
    struct portset found = portset_none;
    for (size_t i = 0; i < r->nnames; i++) {
        for (size_t k = 0; k < w->nports; k++) {
            const struct named_port *p = &w->ports[k];
            bool same_proto = r->names[i].proto == PROTO_ANY || r->names[i].proto == p->proto;
            if (same_proto && str_eq(r->names[i].name, p->name)) {
                struct portset one = portset_of(b->arena, p->proto, p->number, p->number);
                found = portset_union(b->arena, found, one);
            }
        }
    }
    return found;
}

/* ---- matchers ---- */

static uint32_t add_matcher(struct binding *b, const struct selector *ns,
                            const struct selector *pods)
{
    buf_cut(b->key, 0);
    key_selector(b->key, ns);
    key_selector(b->key, pods);
    uint32_t id = intern_add(&b->matcher_ids, buf_text(b->key));
    if (id == b->matchers.n) {
        vec_push(b->scratch, &b->matchers, (struct matcher){.ns = ns, .pods = pods});
    }
    return id;
}

/* The matcher of each clause; ID_NONE for nodes, which are addresses only. */
static struct id_list rule_matchers(struct binding *b, const struct nrule *r)
{
    struct id_list ids = {ARENA_NEW_ARRAY(b->scratch, r->nclauses, uint32_t), r->nclauses};
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        ids.v[i] = c->kind == PEER_PODS ? add_matcher(b, c->ns, c->pods) : ID_NONE;
    }
    return ids;
}

static void add_rules(struct binding *b, uint32_t policy, enum direction d)
{
    struct bpolicy *bp = &b->policies[policy];
    const struct npolicy *p = bp->policy;
    bp->first_rule[d] = (uint32_t)b->rules[d].n;
    bp->nrules[d] = (uint32_t)p->nrules[d];
    for (size_t i = 0; i < p->nrules[d]; i++) {
        const struct nrule *r = &p->rules[d][i];
        struct brule rule = {policy, r, rule_matchers(b, r)};
        vec_push(b->scratch, &b->rules[d], rule);
        for (size_t k = 0; k < r->nnames; k++) {
            intern_add(&b->port_names, r->names[k].name);
        }
    }
}

static void collect_matchers(struct binding *b, const struct npolicy *const *policies, size_t n)
{
    static const struct selector everything;
    b->matcher_all = add_matcher(b, &everything, &everything);
    b->policies = ARENA_NEW_ARRAY(b->scratch, n, struct bpolicy);
    b->npolicies = n;
    for (uint32_t i = 0; i < n; i++) {
        const struct npolicy *p = policies[i];
        b->policies[i].policy = p;
        b->policies[i].target = add_matcher(b, p->target_ns, p->target_pods);
        add_rules(b, i, DIR_INGRESS);
        add_rules(b, i, DIR_EGRESS);
    }
}

/* ---- atoms: what an anchor can be ---- */

/* An atom is a label, or the presence of a key, on one side. Keys that only NotIn and DoesNotExist
 * mention are atoms as well, so that every mentioned key has one. */
struct atoms {
    struct intern ids;
    uint32_t *groups; /* by atom: how many groups have it */
};

static struct str atom_key(struct buf *b, enum side side, struct str key, const struct str *value)
{
    buf_cut(b, 0);
    key_u32(b, (uint32_t)side);
    key_str(b, key);
    if (value != NULL) {
        key_str(b, *value);
    }
    return buf_text(b);
}

static void add_atoms(struct binding *b, struct atoms *atoms, enum side side,
                      const struct selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sel_req *r = &s->v[i];
        intern_add(&atoms->ids, atom_key(b->key, side, r->key, NULL));
        for (size_t k = 0; k < r->nvalues; k++) {
            intern_add(&atoms->ids, atom_key(b->key, side, r->key, &r->values[k]));
        }
    }
}

static void collect_atoms(struct binding *b, struct atoms *atoms)
{
    intern_init(&atoms->ids, b->scratch);
    for (size_t i = 0; i < b->matchers.n; i++) {
        add_atoms(b, atoms, SIDE_NS, b->matchers.v[i].ns);
        add_atoms(b, atoms, SIDE_POD, b->matchers.v[i].pods);
    }
    atoms->groups = ARENA_NEW_ARRAY(b->scratch, atoms->ids.keys.n, uint32_t);
}

/* Appends the atoms of a label set. A mentioned key with a value that no selector mentions gives
 * the atom of the key alone: such values cannot be told apart. */
static void push_atoms(struct binding *b, const struct atoms *atoms, enum side side,
                       const struct labels *l, struct id_vec *out)
{
    for (size_t i = 0; i < l->n; i++) {
        uint32_t present = intern_find(&atoms->ids, atom_key(b->key, side, l->v[i].key, NULL));
        if (present == ID_NONE) {
            continue;
        }
        vec_push(b->scratch, out, present);
        struct str key = atom_key(b->key, side, l->v[i].key, &l->v[i].value);
        uint32_t label = intern_find(&atoms->ids, key);
        if (label != ID_NONE) {
            vec_push(b->scratch, out, label);
        }
    }
}

/* ---- groups ---- */

struct group_atoms { /* of one group */
    struct id_list side[2];
};

struct grouping {
    struct atoms atoms;
    struct intern group_ids;
    VEC(struct group_atoms) of; /* by group */
    struct id_vec key;          /* reused */
};

/* The ports of a workload that some rule names, as three numbers each, sorted. */
static void push_ports(struct binding *b, const struct workload *w, struct id_vec *out)
{
    struct id_vec ports = {0};
    for (size_t i = 0; i < w->nports; i++) {
        uint32_t name = intern_find(&b->port_names, w->ports[i].name);
        if (name != ID_NONE) {
            buf_cut(b->key, 0);
            key_u32(b->key, name);
            key_u32(b->key, (uint32_t)w->ports[i].proto);
            key_u32(b->key, w->ports[i].number);
            vec_push(b->scratch, &ports, intern_add(&b->portsets, buf_text(b->key)));
        }
    }
    ports.n = ids_sort(ports.v, ports.n);
    for (size_t i = 0; i < ports.n; i++) {
        vec_push(b->scratch, out, ports.v[i]);
    }
}

static uint32_t group_of(struct binding *b, struct grouping *g, const struct workload *w,
                         const struct labels *ns)
{
    g->key.n = 0;
    push_atoms(b, &g->atoms, SIDE_NS, ns, &g->key);
    size_t nns = ids_sort(g->key.v, g->key.n);
    g->key.n = nns;
    push_atoms(b, &g->atoms, SIDE_POD, &w->labels, &g->key);
    size_t natoms = nns + ids_sort(g->key.v + nns, g->key.n - nns);
    g->key.n = natoms;
    vec_push(b->scratch, &g->key, ID_NONE);
    push_ports(b, w, &g->key);

    uint32_t id = intern_ids(&g->group_ids, g->key.v, g->key.n);
    if (id == b->groups.n) {
        vec_push(b->scratch, &b->groups, (struct group){.example = w, .ns = ns});
        struct group_atoms of = {{ids_copy(b->scratch, g->key.v, nns),
                                  ids_copy(b->scratch, g->key.v + nns, natoms - nns)}};
        vec_push(b->scratch, &g->of, of);
        for (size_t i = 0; i < natoms; i++) {
            g->atoms.groups[g->key.v[i]]++;
        }
    }
    b->groups.v[id].has_address |= w->naddrs > 0;
    return id;
}

const struct labels *bind_ns_labels(struct binding *b, struct str name)
{
    const struct ns_object *ns = inventory_find_ns(&b->program->inv, name);
    if (ns != NULL) {
        return &ns->labels;
    }
    struct labels *l = ARENA_NEW(b->scratch, struct labels);
    l->v = ARENA_NEW(b->scratch, struct label);
    l->v[0] = (struct label){.key = STR(LABEL_NS_NAME), .value = name};
    l->n = 1;
    return l;
}

static void collect_groups(struct binding *b, struct grouping *g)
{
    intern_init(&g->group_ids, b->scratch);
    vec_push(b->scratch, &g->key, 0); /* room from the start: parts of it are named by pointers */
    const struct labels *ns = NULL;
    for (size_t i = 0; i < b->nlive; i++) { /* they are sorted by namespace */
        const struct workload *w = b->live[i].w;
        if (ns == NULL || !str_eq(w->ns, b->live[i - 1].w->ns)) {
            ns = bind_ns_labels(b, w->ns);
        }
        b->live[i].group = group_of(b, g, w, ns);
    }
}

/* ---- anchors ---- */

struct anchors {
    struct intern pairs;         /* of an atom or ID_NONE on each side */
    VEC(struct id_vec) matchers; /* by pair */
};

/* The requirement that the fewest groups fulfil, or NULL if there is none of a positive kind. */
static const struct sel_req *anchor_req(struct binding *b, const struct atoms *atoms,
                                        enum side side, const struct selector *s)
{
    const struct sel_req *best = NULL;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < s->n; i++) {
        const struct sel_req *r = &s->v[i];
        if (r->op == SEL_NOTIN || r->op == SEL_ABSENT) {
            continue;
        }
        uint64_t groups = 0;
        if (r->op == SEL_EXISTS) {
            groups = atoms->groups[intern_find(&atoms->ids, atom_key(b->key, side, r->key, NULL))];
        }
        for (size_t k = 0; k < r->nvalues; k++) {
            struct str key = atom_key(b->key, side, r->key, &r->values[k]);
            groups += atoms->groups[intern_find(&atoms->ids, key)];
        }
        if (groups < least) {
            least = groups;
            best = r;
        }
    }
    return best;
}

/* The atoms that fulfil a requirement; {ID_NONE} for none, which every group has. */
static struct id_list anchor_atoms(struct binding *b, const struct atoms *atoms, enum side side,
                                   const struct sel_req *r)
{
    size_t n = r == NULL || r->nvalues == 0 ? 1 : r->nvalues;
    struct id_list l = {ARENA_NEW_ARRAY(b->scratch, n, uint32_t), n};
    l.v[0] = ID_NONE;
    if (r != NULL && r->op == SEL_EXISTS) {
        l.v[0] = intern_find(&atoms->ids, atom_key(b->key, side, r->key, NULL));
    } else if (r != NULL) {
        for (size_t k = 0; k < n; k++) {
            l.v[k] = intern_find(&atoms->ids, atom_key(b->key, side, r->key, &r->values[k]));
        }
    }
    return (struct id_list){l.v, ids_sort(l.v, l.n)};
}

static void hang(struct binding *b, struct anchors *a, uint32_t ns, uint32_t pod, uint32_t matcher)
{
    uint32_t pair = intern_ids(&a->pairs, (uint32_t[]){ns, pod}, 2);
    if (pair == a->matchers.n) {
        vec_push(b->scratch, &a->matchers, (struct id_vec){0});
    }
    vec_push(b->scratch, &a->matchers.v[pair], matcher);
}

static void hang_matcher(struct binding *b, const struct atoms *atoms, struct anchors *a,
                         uint32_t id)
{
    enum { MANY = 64 }; /* pairs beyond which one side must do */
    const struct matcher *m = &b->matchers.v[id];
    const struct sel_req *ns_req = anchor_req(b, atoms, SIDE_NS, m->ns);
    struct id_list ns = anchor_atoms(b, atoms, SIDE_NS, ns_req);
    struct id_list pod = anchor_atoms(b, atoms, SIDE_POD, anchor_req(b, atoms, SIDE_POD, m->pods));
    if (ns.n > 1 && pod.n > 1 && ns.n * pod.n > MANY) {
        ns = anchor_atoms(b, atoms, SIDE_NS, NULL);
    }
    for (size_t i = 0; i < ns.n; i++) {
        for (size_t k = 0; k < pod.n; k++) {
            hang(b, a, ns.v[i], pod.v[k], id);
        }
    }
}

static void try_pair(struct binding *b, const struct anchors *a, const struct group *g, uint32_t ns,
                     uint32_t pod, struct id_vec *out)
{
    uint32_t pair[2] = {ns, pod};
    uint32_t id = intern_find(&a->pairs, (struct str){(const char *)pair, sizeof pair});
    if (id == ID_NONE) {
        return;
    }
    const struct id_vec *hung = &a->matchers.v[id];
    for (size_t i = 0; i < hung->n; i++) {
        const struct matcher *m = &b->matchers.v[hung->v[i]];
        if (selector_matches(m->ns, g->ns) && selector_matches(m->pods, &g->example->labels)) {
            vec_push(b->scratch, out, hung->v[i]);
        }
    }
}

/* One label set fulfils a requirement by one atom only, so each matcher is tried once. */
static void match_group(struct binding *b, const struct anchors *a, const struct group_atoms *of,
                        struct group *g, struct id_vec *found)
{
    found->n = 0;
    for (size_t i = 0; i <= of->side[SIDE_NS].n; i++) {
        uint32_t ns = i == 0 ? ID_NONE : of->side[SIDE_NS].v[i - 1];
        for (size_t k = 0; k <= of->side[SIDE_POD].n; k++) {
            uint32_t pod = k == 0 ? ID_NONE : of->side[SIDE_POD].v[k - 1];
            try_pair(b, a, g, ns, pod, found);
        }
    }
    g->matchers = ids_copy(b->scratch, found->v, ids_sort(found->v, found->n));
    for (size_t i = 0; i < g->matchers.n; i++) {
        struct matcher *m = &b->matchers.v[g->matchers.v[i]];
        m->selects = true;
        m->reaches |= g->has_address;
    }
}

void bind_match(struct binding *b, const struct npolicy *const *policies, size_t n)
{
    collect_matchers(b, policies, n);
    struct grouping grouping = {0};
    collect_atoms(b, &grouping.atoms);
    collect_groups(b, &grouping);

    struct anchors anchors = {0};
    intern_init(&anchors.pairs, b->scratch);
    for (uint32_t i = 0; i < b->matchers.n; i++) {
        hang_matcher(b, &grouping.atoms, &anchors, i);
    }
    struct id_vec found = {0};
    for (size_t i = 0; i < b->groups.n; i++) {
        match_group(b, &anchors, &grouping.of.v[i], &b->groups.v[i], &found);
    }
}
