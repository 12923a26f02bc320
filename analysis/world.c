/*
 * Building a world: who the endpoints are, and which of them no policy can tell apart. Nothing here
 * knows what a rule allows.
 */
#include "analysis/world_priv.h"

#include <string.h>

/* ---- endpoints ---- */

static struct str controller_key(struct binding *b, const struct workload *w, struct str controller)
{
    buf_cut(b->key, 0);
    buf_str(b->key, w->ns);
    buf_putc(b->key, '/');
    buf_str(b->key, controller);
    return buf_text(b->key);
}

/* What stands for a template: a pod of it that is not finished, or the template of the controller
 * that made it. */
struct templates {
    struct intern with_pods, all;
};

static void index_templates(struct world *w, struct templates *t)
{
    const struct inventory *inv = &w->program->inv;
    struct binding *b = &w->parts->match;
    intern_init(&t->with_pods, b->scratch);
    intern_init(&t->all, b->scratch);
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *wl = inv->workloads.v[i];
        if (wl->kind == WL_TEMPLATE) {
            intern_add(&t->all, controller_key(b, wl, wl->owner));
        }
    }
    for (size_t i = 0; t->all.keys.n > 0 && i < inv->workloads.n; i++) {
        const struct workload *wl = inv->workloads.v[i];
        if (wl->kind != WL_TEMPLATE && !wl->finished && wl->owner.n > 0) {
            intern_add(&t->with_pods, controller_key(b, wl, wl->owner));
            intern_add(&t->with_pods, controller_key(b, wl, workload_grand_owner(b->scratch, wl)));
        }
    }
}

static bool is_covered(struct world *w, const struct templates *t, const struct workload *template)
{
    struct binding *b = &w->parts->match;
    struct str maker = workload_grand_owner(b->scratch, template);
    return intern_find(&t->with_pods, controller_key(b, template, template->owner)) != ID_NONE ||
           (maker.n > 0 && intern_find(&t->all, controller_key(b, template, maker)) != ID_NONE);
}

/* Whether policies decide about a workload. */
static bool is_subject(const struct world_options *o, const struct workload *wl)
{
    return !o->one_machine || (o->host != NULL ? wl == o->host : str_eq(wl->node, o->node));
}

static void collect_present(struct world *w)
{
    const struct inventory *inv = &w->program->inv;
    struct templates templates;
    index_templates(w, &templates);
    w->present = ARENA_NEW_ARRAY(&w->ctx->arena, inv->workloads.n, const struct workload *);
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *wl = inv->workloads.v[i];
        bool is_there = wl->kind != WL_TEMPLATE || !is_covered(w, &templates, wl);
        if (is_there && !wl->finished) {
            w->present[w->npresent++] = wl;
        }
    }
}

static void collect_endpoints(struct world *w)
{
    struct binding *b = &w->parts->match;
    collect_present(w);
    b->live = ARENA_NEW_ARRAY(b->scratch, w->npresent, struct live);
    for (size_t i = 0; i < w->npresent; i++) {
        const struct workload *wl = w->present[i];
        if (!wl->host_network) {
            b->live[b->nlive++] = (struct live){.w = wl, .local = is_subject(&w->options, wl)};
        }
    }
    w->parts->nreal = b->nlive;
}

/* ---- selectors of nodes ---- */

static uint32_t node_selector(struct world *w, const struct selector *s)
{
    struct world_parts *parts = w->parts;
    for (uint32_t i = 0; i < parts->node_selectors.n; i++) {
        if (selector_cmp(parts->node_selectors.v[i], s) == 0) {
            return i;
        }
    }
    vec_push(parts->match.scratch, &parts->node_selectors, s);
    return (uint32_t)parts->node_selectors.n - 1;
}

/* False: a rule names a domain, and who that is nobody here knows, and it matters. */
static bool collect_rules(struct world *w, enum direction d)
{
    struct world_parts *parts = w->parts;
    struct arena *a = parts->match.scratch;
    bool ok = true;
    parts->rules[d] = ARENA_NEW_ARRAY(a, parts->match.rules[d].n, struct rule_peers);
    for (size_t i = 0; i < parts->match.rules[d].n; i++) {
        const struct nrule *r = parts->match.rules[d].v[i].rule;
        struct rule_peers *out = &parts->rules[d][i];
        out->numbers[FAM_IP4] = out->numbers[FAM_IP6] = ID_NONE;
        struct id_vec nodes = {0};
        for (size_t k = 0; k < r->nclauses; k++) {
            const struct nclause *c = &r->clauses[k];
            if (c->kind == PEER_NODES) {
                vec_push(a, &nodes, node_selector(w, c->nodes));
            } else if (c->kind == PEER_DOMAIN && !w->options.without_domains) {
                diag_error(&w->ctx->diags, NPC406, c->origin->at,
                           "who reaches whom cannot be told: the addresses of " STR_FMT
                           " are not known",
                           STR_ARG(c->domain));
                ok = false;
            }
        }
        out->nodes = (struct id_list){nodes.v, ids_sort(nodes.v, nodes.n)};
    }
    return ok;
}

/* ---- classes ---- */

struct membership {
    uint32_t class_id;
    struct endpoint_member member;
    struct id_vec *places; /* of the workload or node */
};

struct classing {
    struct world *world;
    struct arena *arena;
    struct intern ids; /* by kind, group and lists */
    VEC(struct endpoint_class) classes;
    VEC(struct membership) memberships;
    struct id_vec lists[FAMILIES]; /* of the endpoint at hand */
};

static uint32_t class_of(struct classing *c, enum endpoint_kind kind, uint32_t group,
                         const uint32_t list[FAMILIES])
{
    uint32_t key[] = {kind, group, list[FAM_IP4], list[FAM_IP6]};
    uint32_t id = intern_ids(&c->ids, key, sizeof key / sizeof *key);
    if (id == c->classes.n) {
        struct endpoint_class class = {.id = id, .kind = kind};
        struct class_facts facts = {.group = group};
        for (size_t f = 0; f < FAMILIES; f++) {
            class.has[f] = list[f] != ID_NONE;
            facts.list[f] = list[f];
        }
        vec_push(c->arena, &c->classes, class);
        vec_push(c->arena, &c->world->parts->facts, facts);
    }
    return id;
}

struct subject { /* a workload or node that gets its places */
    enum endpoint_kind kind;
    uint32_t group;
    struct endpoint_member member;
    const struct address *addrs;
    size_t naddrs;
    bool both; /* it is in both families, whichever addresses are known */
    struct id_vec *places;
};

/* The lists of CIDR sets that hold the addresses of an endpoint in a family; each once. */
static struct id_list lists_of(struct classing *c, enum family f, const struct subject *s)
{
    struct id_vec *lists = &c->lists[f];
    lists->n = 0;
    for (size_t i = 0; i < s->naddrs; i++) {
        if (s->addrs[i].family == f) {
            vec_push(c->arena, lists, nets_list_of(c->world, f, s->addrs[i].ip, true));
        }
    }
    if (lists->n == 0 && (s->naddrs == 0 || s->both)) {
        vec_push(c->arena, lists, c->world->parts->nets[f].list_unknown);
    }
    return (struct id_list){lists->v, ids_sort(lists->v, lists->n)};
}

static void join(struct classing *c, const struct subject *s, const uint32_t list[FAMILIES],
                 struct address *addrs, size_t naddrs)
{
    struct membership m = {
        .class_id = class_of(c, s->kind, s->group, list), .member = s->member, .places = s->places};
    m.member.addrs = addrs;
    m.member.naddrs = naddrs;
    vec_push(c->arena, &c->memberships, m);
}

/* The part of an endpoint whose addresses of one family are in the same CIDR sets. */
static void join_part(struct classing *c, const struct subject *s, enum family f, uint32_t list)
{
    VEC(struct address) addrs = {0};
    for (size_t i = 0; i < s->naddrs; i++) {
        if (s->addrs[i].family == f && nets_list_of(c->world, f, s->addrs[i].ip, true) == list) {
            vec_push(c->arena, &addrs, s->addrs[i]);
        }
    }
    uint32_t lists[FAMILIES] = {ID_NONE, ID_NONE};
    lists[f] = list;
    join(c, s, lists, addrs.v, addrs.n);
}

static void classify(struct classing *c, const struct subject *s)
{
    struct id_list lists[FAMILIES];
    bool whole = true;
    for (size_t f = 0; f < FAMILIES; f++) {
        lists[f] = lists_of(c, (enum family)f, s);
        whole = whole && lists[f].n <= 1;
    }
    if (whole) {
        uint32_t list[FAMILIES];
        for (size_t f = 0; f < FAMILIES; f++) {
            list[f] = lists[f].n == 1 ? lists[f].v[0] : ID_NONE;
        }
        join(c, s, list, NULL, 0);
        return;
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        for (size_t i = 0; i < lists[f].n; i++) {
            join_part(c, s, (enum family)f, lists[f].v[i]);
        }
    }
}

static void classify_workloads(struct classing *c)
{
    struct world_parts *parts = c->world->parts;
    const struct binding *b = &parts->match;
    parts->places = ARENA_NEW_ARRAY(c->arena, b->nlive, struct id_vec);
    for (size_t i = 0; i < b->nlive; i++) {
        const struct workload *w = b->live[i].w;
        bool real = i < parts->nreal, host = w == c->world->options.host;
        /* One that is not there is a class of its own, so that it keeps its name. */
        bool alone = !real || host, bystander = real && !b->live[i].local;
        uint32_t group = alone       ? (uint32_t)(b->groups.n + i)
                         : bystander ? (uint32_t)(b->groups.n + b->nlive + b->live[i].group)
                                     : b->live[i].group;
        size_t first = c->classes.n;
        /* The rules of one machine never look at its own address. */
        bool machine = host && c->world->options.one_machine;
        struct subject s = {.kind = real ? EP_WORKLOAD : EP_OPEN,
                            .group = group,
                            .member = {.workload = w},
                            .addrs = w->addrs,
                            .naddrs = machine ? 0 : w->naddrs,
                            .both = host,
                            .places = &parts->places[i]};
        classify(c, &s);
        for (size_t k = first; k < c->classes.n; k++) {
            if (!real) {
                c->classes.v[k].text = parts->open[i - parts->nreal].text;
                parts->facts.v[k].ns = parts->open[i - parts->nreal].ns;
            }
            parts->facts.v[k].group = b->live[i].group;
            parts->facts.v[k].host = host;
            parts->facts.v[k].bystander = bystander;
        }
    }
}

static void classify_nodes(struct classing *c)
{
    struct world_parts *parts = c->world->parts;
    const struct inventory *inv = &c->world->program->inv;
    intern_init(&parts->node_lists, c->arena);
    parts->node_places = ARENA_NEW_ARRAY(c->arena, inv->nodes.n, struct id_vec);
    for (size_t i = 0; i < inv->nodes.n; i++) {
        const struct node_object *node = inv->nodes.v[i];
        struct id_vec matching = {0};
        for (uint32_t k = 0; k < parts->node_selectors.n; k++) {
            if (selector_matches(parts->node_selectors.v[k], &node->labels)) {
                vec_push(c->arena, &matching, k);
            }
        }
        struct subject s = {.kind = EP_NODE,
                            .group = intern_ids(&parts->node_lists, matching.v, matching.n),
                            .member = {.node = node},
                            .addrs = node->addrs,
                            .naddrs = node->naddrs,
                            .places = &parts->node_places[i]};
        classify(c, &s);
    }
}

static void classify_ranges(struct classing *c, enum family f)
{
    struct nets *n = &c->world->parts->nets[f];
    struct id_vec *of_list = &c->world->parts->range_class[f];
    VEC(VEC(struct ip_range)) ranges = {0};
    for (size_t i = 0; i < n->atoms.n; i++) {
        if (!nets_has_external(n, n->atoms.v[i].range)) {
            continue;
        }
        uint32_t list[FAMILIES] = {ID_NONE, ID_NONE};
        list[f] = n->atoms.v[i].list;
        uint32_t id = class_of(c, EP_RANGE, 0, list);
        while (of_list->n <= list[f]) {
            vec_push(c->arena, of_list, ID_NONE);
        }
        of_list->v[list[f]] = id;
        c->classes.v[id].family = f;
        while (ranges.n <= id) {
            vec_push(c->arena, &ranges, (__typeof__(*ranges.v)){0});
        }
        vec_push(c->arena, &ranges.v[id], n->atoms.v[i].range);
        c->classes.v[id].ranges = (struct ipset){ranges.v[id].v, ranges.v[id].n};
    }
}

static void distribute(struct classing *c)
{
    struct world *w = c->world;
    for (size_t i = 0; i < c->memberships.n; i++) {
        w->classes[c->memberships.v[i].class_id].nmembers++;
    }
    for (size_t i = 0; i < w->nclasses; i++) {
        struct endpoint_class *class = &w->classes[i];
        class->members = ARENA_NEW_ARRAY(c->arena, class->nmembers, struct endpoint_member);
        class->nmembers = 0;
    }
    for (size_t i = 0; i < c->memberships.n; i++) {
        const struct membership *m = &c->memberships.v[i];
        struct endpoint_class *class = &w->classes[m->class_id];
        vec_push(c->arena, m->places, m->class_id);
        vec_push(c->arena, m->places, (uint32_t) class->nmembers);
        class->members[class->nmembers++] = m->member;
    }
}

static void make_classes(struct world *w)
{
    struct classing c = {.world = w, .arena = w->parts->match.scratch};
    intern_init(&c.ids, c.arena);
    classify_workloads(&c);
    classify_nodes(&c);
    for (size_t f = 0; f < FAMILIES; f++) {
        classify_ranges(&c, (enum family)f);
    }
    w->classes = c.classes.v;
    w->nclasses = c.classes.n;
    distribute(&c);
}

/* ---- the steps ---- */

static void normalize(struct world *w, struct str default_ns)
{
    const struct program *p = w->program;
    w->npolicies = p->policies.n;
    w->policies = ARENA_NEW_ARRAY(&w->ctx->arena, w->npolicies, const struct npolicy *);
    for (size_t i = 0; i < w->npolicies; i++) {
        w->policies[i] = policy_normalize(w->ctx, p->policies.v[i], default_ns);
    }
}

/* Whether a policy selects one of some workloads. */
static bool selects_any(struct binding *b, const struct npolicy *p, const struct workload *const *v,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (selector_matches(p->target_pods, &v[i]->labels) &&
            selector_matches(p->target_ns, bind_ns_labels(b, v[i]->ns))) {
            return true;
        }
    }
    return false;
}

/* Keeps the policies that select somebody about whom they may decide. Others would only cut classes
 * into smaller ones, between all of which everything flows. */
static void keep_deciding(struct world *w)
{
    struct binding *b = &w->parts->match;
    const struct workload **subjects =
        ARENA_NEW_ARRAY(b->scratch, b->nlive, const struct workload *);
    size_t nsubjects = 0, kept = 0;
    for (size_t i = 0; i < b->nlive; i++) {
        if (b->live[i].local) {
            subjects[nsubjects++] = b->live[i].w;
        }
    }
    for (size_t i = 0; i < w->npolicies; i++) {
        if (selects_any(b, w->policies[i], subjects, nsubjects)) {
            w->policies[kept++] = w->policies[i];
        }
    }
    w->npolicies = kept;
}

const struct world *world_new(struct ctx *c, const struct program *p, const struct world_options *o,
                              struct traffic_table *traffic)
{
    progress_phase(&c->progress, "analysing", NULL);
    struct str default_ns = p->has_default_ns ? p->default_ns : STR("default");
    bool ok = bind_check_homeless(c, p, default_ns);
    struct world *w = ARENA_NEW(&c->arena, struct world);
    struct world_parts *parts = ARENA_NEW(&c->arena, struct world_parts);
    *w = (struct world){.ctx = c, .program = p, .options = *o, .traffic = traffic, .parts = parts};
    if (traffic == NULL) {
        w->traffic = ARENA_NEW(&c->arena, struct traffic_table);
        traffic_init(w->traffic, &c->arena);
    }
    normalize(w, default_ns);
    bind_init(&parts->match, c, p, &c->arena);
    collect_endpoints(w);
    if (o->one_machine) {
        keep_deciding(w);
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        ok = bind_endpoints(&parts->match, (enum family)f) && ok;
    }
    if (o->open) {
        parts->match.program = world_open(w);
    }
    bind_match(&parts->match, w->policies, w->npolicies);
    for (size_t d = 0; d < DIRECTIONS; d++) {
        ok = collect_rules(w, (enum direction)d) && ok;
    }
    if (!ok) {
        return NULL;
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        world_nets(w, (enum family)f);
    }
    make_classes(w);
    world_rows(w);
    return w;
}

/* ---- places ---- */

static struct places places_of(struct arena *a, const struct id_vec *v)
{
    struct places out = {ARENA_NEW_ARRAY(a, v->n / 2, struct place), v->n / 2};
    for (size_t i = 0; i < out.n; i++) {
        out.v[i] = (struct place){v->v[2 * i], v->v[2 * i + 1]};
    }
    return out;
}

struct places world_find_workload(const struct world *w, struct arena *a, const struct workload *wl)
{
    const struct binding *b = &w->parts->match;
    size_t low = 0, high = w->parts->nreal;
    while (low < high) { /* live workloads stand as in the inventory */
        size_t middle = low + (high - low) / 2;
        const struct workload *at = b->live[middle].w;
        int order = str_cmp(at->ns, wl->ns);
        order = order != 0 ? order : str_cmp(at->name, wl->name);
        order = order != 0 ? order : (int)(at->kind == WL_TEMPLATE) - (wl->kind == WL_TEMPLATE);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < w->parts->nreal && str_eq(b->live[low].w->ns, wl->ns) &&
           str_eq(b->live[low].w->name, wl->name);
         low++) {
        if (b->live[low].w == wl) {
            return places_of(a, &w->parts->places[low]);
        }
    }
    return (struct places){NULL, 0};
}

struct places world_find_node(const struct world *w, struct arena *a, const struct node_object *n)
{
    const struct inventory *inv = &w->program->inv;
    for (size_t i = 0; i < inv->nodes.n; i++) {
        if (inv->nodes.v[i] == n) {
            return places_of(a, &w->parts->node_places[i]);
        }
    }
    return (struct places){NULL, 0};
}

/* Of several places, the one of an address. */
static uint32_t place_of_address(const struct world *w, enum family f, struct ip ip,
                                 const struct id_vec *places)
{
    uint32_t list = nets_list_of(w, f, ip, true);
    for (size_t i = 0; i < places->n; i += 2) {
        if (w->parts->facts.v[places->v[i]].list[f] == list) {
            return places->v[i];
        }
    }
    return ID_NONE;
}

uint32_t world_find_address(const struct world *w, enum family f, struct ip ip)
{
    const struct world_parts *parts = w->parts;
    const struct owner *owner = nets_owner(&parts->nets[f], ip);
    if (owner == NULL) {
        uint32_t list = nets_atom(&parts->nets[f], ip)->list;
        return parts->range_class[f].v[list];
    }
    for (size_t i = 0; owner->node != NULL && i < w->program->inv.nodes.n; i++) {
        if (w->program->inv.nodes.v[i] == owner->node) {
            return place_of_address(w, f, ip, &parts->node_places[i]);
        }
    }
    size_t low = 0, high = parts->match.endpoints[f].n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_cmp(parts->match.endpoints[f].v[middle].ip, ip) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == parts->match.endpoints[f].n) {
        return ID_NONE;
    }
    const struct endpoint *e = &parts->match.endpoints[f].v[low];
    return ip_cmp(e->ip, ip) == 0 ? place_of_address(w, f, ip, &parts->places[e->live]) : ID_NONE;
}

struct str world_home(const struct world *w, const struct workload *wl)
{
    return wl == w->options.host ? STR("") : wl->node;
}

bool world_is_free(const struct world *world, const struct endpoint_member *a,
                   const struct endpoint_member *b)
{
    if (a->workload != NULL && b->workload != NULL) {
        return a->workload == b->workload;
    }
    const struct workload *w = a->workload != NULL ? a->workload : b->workload;
    const struct node_object *n = a->node != NULL ? a->node : b->node;
    return w != NULL && n != NULL && str_eq(world_home(world, w), n->name);
}

/* ---- names ---- */

struct addresses member_addresses(const struct endpoint_member *m)
{
    return m->naddrs > 0         ? (struct addresses){m->addrs, m->naddrs}
           : m->workload != NULL ? (struct addresses){m->workload->addrs, m->workload->naddrs}
           : m->node != NULL     ? (struct addresses){m->node->addrs, m->node->naddrs}
                                 : (struct addresses){NULL, 0};
}

struct str member_name(struct arena *a, const struct endpoint_member *m)
{
    if (m->workload == NULL && m->node == NULL) {
        return STR("");
    }
    struct buf *b = buf_new(a);
    if (m->workload != NULL) {
        buf_str(b, m->workload->ns);
        buf_putc(b, '/');
        buf_str(b, m->workload->name);
    } else {
        buf_puts(b, "node:");
        buf_str(b, m->node->name);
    }
    for (size_t i = 0; i < m->naddrs; i++) {
        buf_puts(b, i == 0 ? "[" : " ");
        ip_print(b, m->addrs[i].family, m->addrs[i].ip);
    }
    buf_puts(b, m->naddrs > 0 ? "]" : "");
    return buf_text(b);
}

struct str range_text(struct arena *a, enum family f, struct ip_range r)
{
    struct buf *b = buf_new(a);
    ip_print(b, f, r.first);
    buf_putc(b, '-');
    ip_print(b, f, r.last);
    return buf_text(b);
}

struct str addresses_text(struct arena *a, enum family f, struct ip_range r)
{
    return ip_cmp(r.first, r.last) == 0 ? ip_text(a, f, r.first) : range_text(a, f, r);
}
