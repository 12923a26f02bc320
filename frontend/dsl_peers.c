/*
 * Sets of peers and ports, with their groups expanded. What a phrase means depends on where it
 * stands (its home) and on who uses it. Sizes are counted before anything is built, and what one
 * group means to one namespace is built once and shared.
 */
#include "frontend/dsl_resolve.h"

bool charge(struct resolver *r, size_t n, struct span at)
{
    bool over = __builtin_add_overflow(r->expanded, n, &r->expanded) ||
                r->expanded > r->c->limits.expansion;
    if (over && !r->exploded) {
        r->exploded = true;
        struct diag *d = FAIL(r, NPC605, at,
                              "with this, groups, rules and blocks expand to %zu elements; the "
                              "limit is %zu",
                              r->expanded, r->c->limits.expansion);
        HINT(r, d, "select by label instead of listing");
    }
    return !over;
}

void used_here(struct resolver *r, struct diag *d, const struct usage *use)
{
    if (use->by != NULL) {
        ALSO(r, d, use->by->loc.at, "used here");
    }
}

/* ---- single peers ---- */

/* A pods phrase without namespace, where nothing says which one that is. */
static bool needs_scope(struct resolver *r, const struct ast_elem *e, const struct usage *use,
                        const char *why)
{
    struct diag *d = FAIL(r, NPC039, e->loc.at, "this does not say in which namespace: %s", why);
    HINT(r, d, "write 'in namespace NAME', 'in namespaces LABEL' or 'in all namespaces'");
    used_here(r, d, use);
    return false;
}

/* The namespaces of a phrase that means "this namespace"; NULL if the policy's own can be left
 * unsaid. */
static bool own_namespace(struct resolver *r, const struct ast_elem *e, const struct home *home,
                          const struct usage *use, const struct selector **out)
{
    *out = NULL;
    struct str ns = home->fixed ? home->ns : use->ns;
    if (home->fixed && ns.n == 0) {
        return needs_scope(r, e, use, "what stands at top level has none of its own");
    }
    switch (use->kind) {
    case USE_CLUSTER:
        if (!home->fixed) {
            return needs_scope(r, e, use, "a cluster policy has none of its own");
        }
        break;
    case USE_TEST:
        if (ns.n == 0) {
            return needs_scope(r, e, use, "what stands at top level has none of its own");
        }
        break;
    case USE_POLICY:
        if (!home->fixed || str_eq(ns, use->ns)) {
            return true;
        }
        break;
    case USE_NONE:
        return true;
    }
    *out = selector_for_ns(r, ns, e->loc.at);
    return true;
}

static bool pods_peer(struct resolver *r, const struct ast_elem *e, const struct home *home,
                      const struct usage *use, struct peer *out)
{
    out->kind = PEER_PODS;
    out->pods = e->kind == ELEM_PODS ? selector_of(r, e->labels) : &selector_all;
    if (e->scope == NULL || e->scope->kind == SCOPE_THIS) {
        return own_namespace(r, e, home, use, &out->ns) && out->pods != NULL;
    }
    out->ns = scope_of(r, e->scope);
    return out->ns != NULL && out->pods != NULL;
}

bool peer_literal(struct resolver *r, const struct ast_elem *e, const struct home *home,
                  const struct usage *use, struct peer *out)
{
    *out = (struct peer){.at = e->loc.at};
    switch (e->kind) {
    case ELEM_PODS:
    case ELEM_ALL_PODS:
        return pods_peer(r, e, home, use, out);
    case ELEM_NAMESPACES:
        out->kind = PEER_PODS;
        out->ns = scope_of(r, e->scope);
        return out->ns != NULL;
    case ELEM_NODES:
    case ELEM_ALL_NODES:
        out->kind = PEER_NODES;
        out->nodes = e->kind == ELEM_NODES ? selector_of(r, e->labels) : &selector_all;
        return out->nodes != NULL;
    case ELEM_CIDR:
        return parse_cidr_peer(r, e, out);
    case ELEM_DOMAIN:
        out->kind = PEER_DOMAIN;
        out->domain = e->word.text;
        return check_name(r, &e->word, "the domain", name_check_domain);
    case ELEM_WORD:
    case ELEM_PORT:
    case ELEM_QUOTED_PORT:
    case ELEM_ANYWHERE:
    case ELEM_ALL_PORTS:
    case ELEM_WORKLOAD:
        break; /* the caller's */
    }
    return false;
}

/* ---- walking a set with its groups ---- */

struct frame {
    const struct ast_elem *next;
    struct home home;
};

struct walk {
    struct resolver *r;
    VEC(struct frame) stack;
};

static void walk_into(struct walk *w, const struct ast_set *set, struct home home)
{
    const struct frame frame = {set->first, home};
    vec_push(w->r->a, &w->stack, frame);
}

/* The next element that is no group, with its home; NULL at the end. The sizes were counted before,
 * and groups that only rename are skipped, so this takes as many steps as there are elements. */
static const struct ast_elem *walk_next(struct walk *w, struct home *home)
{
    while (w->stack.n > 0) {
        struct frame *top = &w->stack.v[w->stack.n - 1];
        const struct ast_elem *e = top->next;
        if (e == NULL) {
            w->stack.n--;
            continue;
        }
        *home = top->home;
        top->next = e->next;
        const struct group *g =
            e->kind == ELEM_WORD ? group_lookup(w->r, home->ns, e->word.text) : NULL;
        if (g == NULL) {
            return e;
        }
        walk_into(w, g->root->let->left, (struct home){.ns = g->root->dep.decl->ns, .fixed = true});
    }
    return NULL;
}

/* ---- peers ---- */

static bool build_peers(struct resolver *r, const struct ast_set *set, const struct home *home,
                        const struct usage *use, size_t count, struct peers_of *out)
{
    bool fine = true;
    struct walk w = {.r = r};
    struct home at;
    walk_into(&w, set, *home);
    out->v = ARENA_NEW_ARRAY(r->a, count, struct peer);
    out->n = 0;
    for (const struct ast_elem *e; (e = walk_next(&w, &at)) != NULL;) {
        fine &= peer_literal(r, e, &at, use, &out->v[out->n++]);
    }
    return fine;
}

/* What a group means to this user; built once for users that see it alike. */
static bool group_peers(struct resolver *r, struct group *g, const struct usage *use,
                        struct span at, struct peers_of *out)
{
    bool always = use->kind != USE_POLICY;
    bool same = !g->local || (always == g->peers_always && str_eq(use->ns, g->peers_ns));
    if (!g->peers_made || !same) {
        const struct home home = {.ns = g->dep.decl->ns, .fixed = true};
        if (!charge(r, g->count, at) ||
            !build_peers(r, g->let->left, &home, use, g->count, &g->peers)) {
            return false;
        }
        g->peers_made = true;
        g->peers_always = always;
        g->peers_ns = use->ns;
    }
    out->v = g->peers.v;
    out->n = g->peers.n;
    return true;
}

/* What the elements of a set are, before they are built. */
struct census {
    size_t count;                 /* elements in all */
    size_t written;               /* of them, those that stand in the set itself */
    struct group *only;           /* the last group */
    const struct ast_elem *plain; /* the first peer without ports of its own */
};

/* `anywhere`, or a group that is, stands alone. */
static bool check_alone(struct resolver *r, const struct ast_set *set, const struct ast_elem *e)
{
    if (set->braced) {
        struct diag *d =
            FAIL(r, NPC035, e->loc.at, "'anywhere' in a set would swallow the rest of it");
        HINT(r, d, "'anywhere' stands alone, without braces");
    }
    return !set->braced;
}

static bool take_service(struct resolver *r, const struct ast_elem *e, const struct group *g,
                         struct peers_of *out)
{
    if (out->service == NULL || ports_same(r, &out->service->ports, &g->ports)) {
        out->service = g;
        return true;
    }
    struct diag *d = FAIL(r, NPC034, e->loc.at,
                          "two services with different ports: '" STR_FMT "' and '" STR_FMT "'",
                          STR_ARG(out->service->dep.name), STR_ARG(e->word.text));
    HINT(r, d, "write two rules");
    return false;
}

static bool take_group(struct resolver *r, const struct ast_set *set, const struct ast_elem *e,
                       const struct home *home, struct census *c, struct peers_of *out)
{
    struct group *g = group_find(r, home->ns, &e->word, false);
    if (g == NULL) {
        return false;
    }
    c->only = g;
    c->count += g->count; /* each at most the limit, and there are few enough */
    out->any |= g->any;
    switch (g->kind) {
    case GROUP_BAD:
        return false; /* reported at the group */
    case GROUP_PORTS: {
        struct diag *d =
            FAIL(r, NPC033, e->loc.at, "'" STR_FMT "' is a group of ports, not of peers",
                 STR_ARG(e->word.text));
        ALSO(r, d, g->let->name.loc.at, "defined here");
        return false;
    }
    case GROUP_PEERS:
        c->plain = e;
        break;
    case GROUP_SERVICE:
        if (!take_service(r, e, g, out)) {
            return false;
        }
        break;
    }
    return !g->any || check_alone(r, set, e);
}

static bool take_census(struct resolver *r, const struct ast_set *set, const struct home *home,
                        struct census *c, struct peers_of *out)
{
    bool fine = true;
    for (const struct ast_elem *e = set->first; e != NULL; e = e->next) {
        if (e->kind == ELEM_WORD) {
            fine &= take_group(r, set, e, home, c, out);
            continue;
        }
        c->plain = e;
        if (e->kind == ELEM_ANYWHERE) {
            out->any = true;
            fine &= check_alone(r, set, e);
        } else {
            c->count++;
            c->written++;
        }
    }
    if (fine && out->service != NULL && c->plain != NULL) {
        struct diag *d = FAIL(r, NPC034, c->plain->loc.at,
                              "this peer needs 'on', but the service '" STR_FMT
                              "' in the same set has its own ports",
                              STR_ARG(out->service->dep.name));
        HINT(r, d, "write two rules");
        return false;
    }
    return fine;
}

static bool check_per_rule(struct resolver *r, const struct ast_set *set, size_t n,
                           const char *what)
{
    if (n > r->c->limits.per_rule) {
        FAIL(r, NPC003, set->loc.at, "%zu %s in one rule; the limit is %zu", n, what,
             r->c->limits.per_rule);
        return false;
    }
    return true;
}

bool peers_resolve(struct resolver *r, const struct ast_set *set, const struct home *home,
                   const struct usage *use, struct peers_of *out)
{
    struct census c = {0};
    *out = (struct peers_of){0};
    if (!take_census(r, set, home, &c, out) || !check_per_rule(r, set, c.count, "peers")) {
        return false;
    }
    if (out->any) {
        return true;
    }
    if (set->n == 1 && c.only != NULL) {
        return group_peers(r, c.only, use, set->loc.at, out);
    }
    size_t more = use->copy ? c.count : c.count - c.written;
    return charge(r, more, set->loc.at) && build_peers(r, set, home, use, c.count, out);
}

/* ---- ports ---- */

bool is_any_named(struct str word)
{
    return str_starts(word, "any/");
}

bool allows_any_named(const struct usage *use)
{
    return use->kind == USE_CLUSTER || use->kind == USE_NONE; /* judged where it is used */
}

struct diag *refuse_any_named(struct resolver *r, struct span at, struct str name,
                              const struct usage *use)
{
    struct diag *d =
        FAIL(r, NPC023, at, "'" STR_FMT "': a port name without protocol is for cluster policies",
             STR_ARG(name));
    HINT(r, d, "write tcp/NAME or udp/NAME");
    used_here(r, d, use);
    return d;
}

/* How many ports an element of a set is; false after reporting. */
static bool count_ports(struct resolver *r, const struct ast_elem *e, const struct home *home,
                        const struct usage *use, size_t *n)
{
    const struct group *g = e->kind == ELEM_WORD ? group_lookup(r, home->ns, e->word.text) : NULL;
    bool any_named = g != NULL ? g->any_named : is_any_named(e->word.text);
    if (e->kind == ELEM_WORD && g == NULL && !any_named) {
        group_find(r, home->ns, &e->word, true);
        return false;
    }
    if (g != NULL && g->kind == GROUP_BAD) {
        return false;
    }
    if (g != NULL && g->kind != GROUP_PORTS) {
        struct diag *d =
            FAIL(r, NPC033, e->loc.at, "'" STR_FMT "' is a group of peers, not of ports",
                 STR_ARG(e->word.text));
        ALSO(r, d, g->let->name.loc.at, "defined here");
        return false;
    }
    if (any_named && !allows_any_named(use)) {
        refuse_any_named(r, e->loc.at, e->word.text, use);
        return false;
    }
    *n += g != NULL ? g->count : 1;
    return true;
}

static bool build_ports(struct resolver *r, const struct ast_set *set, const struct home *home,
                        size_t count, struct ports_of *out)
{
    bool fine = true;
    struct walk w = {.r = r};
    struct home at;
    walk_into(&w, set, *home);
    out->v = ARENA_NEW_ARRAY(r->a, count, struct port);
    out->n = 0;
    for (const struct ast_elem *e; (e = walk_next(&w, &at)) != NULL;) {
        fine &= parse_port_element(r, e, &out->v[out->n++]);
    }
    return fine;
}

static bool group_ports(struct resolver *r, struct group *g, struct span at, struct ports_of *out)
{
    const struct home home = {.ns = g->dep.decl->ns, .fixed = true};
    if (!g->ports_made) {
        g->ports_made =
            charge(r, g->count, at) && build_ports(r, g->let->left, &home, g->count, &g->ports);
    }
    *out = g->ports;
    return g->ports_made;
}

bool ports_resolve(struct resolver *r, const struct ast_set *set, const struct home *home,
                   const struct usage *use, struct ports_of *out)
{
    *out = (struct ports_of){0};
    if (set->first->kind == ELEM_ALL_PORTS) {
        out->any = true;
        return true;
    }
    bool fine = true;
    size_t count = 0;
    for (const struct ast_elem *e = set->first; e != NULL; e = e->next) {
        fine &= count_ports(r, e, home, use, &count);
    }
    if (!fine || !check_per_rule(r, set, count, "ports")) {
        return false;
    }
    struct group *only = set->n == 1 && set->first->kind == ELEM_WORD
                             ? group_lookup(r, home->ns, set->first->word.text)
                             : NULL;
    if (only != NULL) {
        return group_ports(r, only, set->loc.at, out);
    }
    size_t more = use->copy ? count : count > set->n ? count - set->n : 0;
    return charge(r, more, set->loc.at) && build_ports(r, set, home, count, out);
}

/* ---- comparing ---- */

static int port_order(const void *pa, const void *pb)
{
    const struct port *a = pa, *b = pb;
    if (a->proto != b->proto) {
        return a->proto < b->proto ? -1 : 1;
    }
    if (a->form != b->form) {
        return a->form < b->form ? -1 : 1;
    }
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    if (a->last != b->last) {
        return a->last < b->last ? -1 : 1;
    }
    return str_cmp(a->name, b->name);
}

/* Sorted, equal ones once. */
static struct ports_of sorted_ports(struct resolver *r, const struct ports_of *of)
{
    struct ports_of out = {.any = of->any, .v = ARENA_NEW_ARRAY(r->a, of->n, struct port)};
    if (of->n == 0) {
        return out;
    }
    struct port *all = ARENA_NEW_ARRAY(r->a, of->n, struct port);
    for (size_t i = 0; i < of->n; i++) {
        all[i] = of->v[i];
    }
    array_sort(all, of->n, sizeof *all, port_order);
    for (size_t i = 0; i < of->n; i++) {
        if (i == 0 || port_order(&all[i - 1], &all[i]) != 0) {
            out.v[out.n++] = all[i];
        }
    }
    return out;
}

bool ports_same(struct resolver *r, const struct ports_of *x, const struct ports_of *y)
{
    if (x->v == y->v && x->n == y->n) {
        return x->any == y->any;
    }
    struct ports_of a = sorted_ports(r, x), b = sorted_ports(r, y);
    bool same = a.any == b.any && a.n == b.n;
    for (size_t i = 0; i < a.n && same; i++) {
        same = port_order(&a.v[i], &b.v[i]) == 0;
    }
    return same;
}
