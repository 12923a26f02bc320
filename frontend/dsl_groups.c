/*
 * Groups: `let NAME = …`. Declares them in their scopes, finds what each is (peers, ports, or a
 * service), and how many elements it stands for, before anything is built from them.
 */
#include "frontend/dsl_parse.h"
#include "frontend/dsl_resolve.h"

#include <assert.h>

/* ---- declaring ---- */

static struct group *group_new(struct resolver *r, const struct decl *decl)
{
    struct group *g = ARENA_NEW(r->a, struct group);
    g->let = decl->item;
    g->root = g;
    return g;
}

/* The prelude's groups give way to the program's own. */
static void declare_prelude(struct resolver *r, const struct decl *decl)
{
    const struct dep *own = strmap_get(&r->groups, decl->item->name.text);
    if (own == NULL) {
        struct group *g = group_new(r, decl);
        dep_declare(r, &r->groups, &r->group_list, &g->dep, decl);
        return;
    }
    struct diag *d =
        diag_info(&r->c->diags, NPC506, own->decl->item->name.loc.at,
                  "'" STR_FMT "' replaces the group of the prelude", STR_ARG(own->name));
    HINT(r, d, "'npc prelude' prints what it replaces");
}

/* One name means one thing in a place: a block may not hide what the top level defines. */
static void check_shadowing(struct resolver *r, const struct dep *d)
{
    const struct dep *outer = d->decl->ns.n > 0 ? strmap_get(&r->groups, d->name) : NULL;
    if (outer == NULL) {
        return;
    }
    struct diag *rec = FAIL(r, NPC031, d->decl->item->name.loc.at,
                            "'" STR_FMT "' hides a group of the top level", STR_ARG(d->name));
    if (outer->decl->prelude) {
        HINT(r, rec, "the prelude defines '" STR_FMT "'; it can be replaced at top level only",
             STR_ARG(d->name));
    } else {
        ALSO(r, rec, outer->decl->item->name.loc.at, "defined here");
    }
}

static void declare_groups(struct resolver *r)
{
    for
        EACH_DECL(r, d, ITEM_LET)
        {
            if (!d->prelude && check_own_name(r, &d->item->name, "the group")) {
                struct group *g = group_new(r, d);
                dep_declare(r, &r->groups, &r->group_list, &g->dep, d);
            }
        }
    for
        EACH_DECL(r, d, ITEM_LET)
        {
            if (d->prelude) {
                declare_prelude(r, d);
            }
        }
    for (size_t i = 0; i < r->group_list.list.n; i++) {
        check_shadowing(r, r->group_list.list.v[i]);
    }
}

/* ---- finding ---- */

struct group *group_lookup(struct resolver *r, struct str ns, struct str name)
{
    return (struct group *)dep_lookup(r, &r->groups, ns, name); /* dep is the first member */
}

/* Whether a word is an address, with or without prefix length; *prefix is it as a prefix, empty if
 * it may be read in several ways. */
static bool is_address(struct resolver *r, struct str s, struct str *prefix)
{
    struct cidr cidr = {0};
    enum ip_parse how = cidr_parse(s, &cidr, NULL);
    if (how == IP_BAD) {
        how = ip_parse(s, &cidr.family, &cidr.first);
        cidr.len = cidr.family == FAM_IP4 ? 32 : 128;
    }
    *prefix = how == IP_OK ? cidr_text(r->a, cidr) : STR("");
    return how != IP_BAD;
}

/* An address that lacks the word before it, or is where ports belong. */
static void report_address(struct resolver *r, const struct ast_word *w, struct str prefix,
                           bool among_ports)
{
    struct diag *d;
    if (among_ports) {
        d = FAIL(r, NPC023, w->loc.at, "'" STR_FMT "' is an address and no port", STR_ARG(w->text));
        HINT(r, d, "write ports as tcp/80; addresses are for from and to");
        return;
    }
    d = FAIL(r, NPC024, w->loc.at, "'" STR_FMT "' alone is no peer", STR_ARG(w->text));
    if (prefix.n > 0) {
        HINT(r, d, "did you mean cidr " STR_FMT "?", STR_ARG(prefix));
    } else {
        HINT(r, d, "write cidr before it, and the address without bits beyond its prefix length");
    }
}

/* A number or an address that lacks the word before it. */
static bool report_bare(struct resolver *r, const struct ast_word *w, bool among_ports)
{
    struct str prefix;
    if (is_address(r, w->text, &prefix)) {
        report_address(r, w, prefix, among_ports);
        return true;
    }
    if (ch_is_digit((unsigned char)w->text.p[0])) { /* no word is empty */
        struct diag *d =
            FAIL(r, NPC023, w->loc.at, "'" STR_FMT "' alone is no port", STR_ARG(w->text));
        HINT(r, d, "did you mean tcp/" STR_FMT "?", STR_ARG(w->text));
        return true;
    }
    return false;
}

static void report_unknown(struct resolver *r, struct str ns, const struct ast_word *w,
                           bool among_ports)
{
    if (report_bare(r, w, among_ports)) {
        return;
    }
    struct diag *d =
        FAIL(r, NPC030, w->loc.at, "no group is called '" STR_FMT "'", STR_ARG(w->text));
    if (!dep_suggest(r, d, &r->group_list, ns, w->text)) {
        struct str noun = syntax_nearest_keyword(w->text);
        if (noun.n > 0) {
            HINT(r, d, "did you mean '" STR_FMT "'?", STR_ARG(noun));
        }
    }
}

struct group *group_find(struct resolver *r, struct str ns, const struct ast_word *w,
                         bool among_ports)
{
    struct group *g = group_lookup(r, ns, w->text);
    if (g == NULL) {
        report_unknown(r, ns, w, among_ports);
    }
    return g;
}

/* ---- what a group is ---- */

/* What the elements of a value are, taken together. */
struct content {
    bool bad, any, local, any_named;
    const struct ast_elem *peer, *port, *service; /* the first of each */
    const struct group *first_service;
    size_t count;
    bool overflow;
};

static void count_elements(struct content *c, size_t n)
{
    c->overflow |= __builtin_add_overflow(c->count, n, &c->count);
}

static void look_at_services(struct resolver *r, struct content *c, const struct ast_elem *e,
                             const struct group *g)
{
    if (c->first_service == NULL) {
        c->service = e;
        c->first_service = g;
    } else if (!ports_same(r, &c->first_service->ports, &g->ports)) {
        struct diag *d =
            FAIL(r, NPC034, e->loc.at,
                 "two services with different ports in one set: '" STR_FMT "' and '" STR_FMT "'",
                 STR_ARG(c->service->word.text), STR_ARG(e->word.text));
        HINT(r, d, "use them in rules of their own");
        c->bad = true;
    }
}

static void look_at_group(struct resolver *r, struct content *c, const struct ast_elem *e,
                          const struct group *g)
{
    switch (g->kind) {
    case GROUP_BAD:
        c->bad = true;
        return;
    case GROUP_PEERS:
        c->peer = c->peer ? c->peer : e;
        break;
    case GROUP_PORTS:
        c->port = c->port ? c->port : e;
        break;
    case GROUP_SERVICE:
        look_at_services(r, c, e, g);
        break;
    }
    c->any |= g->any;
    c->local |= g->local;
    c->any_named |= g->any_named;
    count_elements(c, g->count);
}

static void look_at_word(struct resolver *r, struct content *c, const struct ast_elem *e,
                         struct str ns)
{
    struct port port;
    const struct group *g = group_lookup(r, ns, e->word.text);
    if (g != NULL) {
        look_at_group(r, c, e, g);
    } else if (is_any_named(e->word.text)) {
        c->bad |= !parse_port(r, &e->word, &port);
        c->port = c->port ? c->port : e;
        c->any_named = true;
        count_elements(c, 1);
    } else {
        c->bad = true; /* reported when the needs were found */
    }
}

static void look_at_element(struct resolver *r, struct content *c, const struct ast_elem *e,
                            const struct home *home)
{
    const struct usage use = {.kind = USE_NONE};
    struct peer peer;
    struct port port;
    switch (e->kind) {
    case ELEM_WORD:
        look_at_word(r, c, e, home->ns);
        break;
    case ELEM_PORT:
    case ELEM_QUOTED_PORT:
        c->bad |= !parse_port_element(r, e, &port);
        c->port = c->port ? c->port : e;
        count_elements(c, 1);
        break;
    case ELEM_ANYWHERE:
        c->any = true;
        c->peer = c->peer ? c->peer : e;
        break;
    case ELEM_PODS:
    case ELEM_ALL_PODS:
        c->local |= e->scope == NULL || e->scope->kind == SCOPE_THIS;
        /* fall through */
    case ELEM_NAMESPACES:
    case ELEM_NODES:
    case ELEM_ALL_NODES:
    case ELEM_CIDR:
    case ELEM_DOMAIN:
        c->bad |= !peer_literal(r, e, home, &use, &peer);
        c->peer = c->peer ? c->peer : e;
        count_elements(c, 1);
        break;
    case ELEM_ALL_PORTS:
    case ELEM_WORKLOAD: /* not in values */
        break;
    }
}

static bool mixed(struct resolver *r, const struct group *g, const struct ast_elem *a,
                  const struct ast_elem *b, const char *what)
{
    struct diag *d = FAIL(r, NPC033, g->let->name.loc.at, "the group '" STR_FMT "' mixes %s",
                          STR_ARG(g->dep.name), what);
    ALSO(r, d, a->loc.at, "one here");
    ALSO(r, d, b->loc.at, "the other here");
    HINT(r, d, "a group is peers, or ports, or peers 'on' ports");
    return false;
}

static bool classify_service(struct resolver *r, struct group *g, const struct content *c)
{
    const struct home home = {.ns = g->dep.decl->ns, .fixed = true};
    const struct usage use = {.kind = USE_NONE}; /* any/NAME is judged where the group is used */
    struct diag *d;
    if (c->port != NULL) {
        d = FAIL(r, NPC033, c->port->loc.at, "ports where the peers of a service belong");
        HINT(r, d, "write peers before 'on' and ports behind it");
        return false;
    }
    if (c->first_service != NULL) {
        d = FAIL(r, NPC034, c->service->loc.at, "'" STR_FMT "' has its own ports",
                 STR_ARG(c->service->word.text));
        HINT(r, d, "leave out 'on'");
        return false;
    }
    g->kind = GROUP_SERVICE;
    bool fine = ports_resolve(r, g->let->on, &home, &use, &g->ports);
    for (size_t i = 0; i < g->ports.n; i++) {
        g->any_named |= g->ports.v[i].proto == PROTO_ANY;
    }
    return fine;
}

static bool classify(struct resolver *r, struct group *g, const struct content *c)
{
    if (g->let->on != NULL) {
        return classify_service(r, g, c);
    }
    if (c->port != NULL && (c->peer != NULL || c->service != NULL)) {
        return mixed(r, g, c->peer != NULL ? c->peer : c->service, c->port, "peers and ports");
    }
    if (c->service != NULL && c->peer != NULL) {
        return mixed(r, g, c->service, c->peer, "services and peers without ports");
    }
    if (c->service != NULL) {
        g->ports = c->first_service->ports;
    }
    g->kind = c->port != NULL ? GROUP_PORTS : c->service != NULL ? GROUP_SERVICE : GROUP_PEERS;
    return true;
}

static bool check_size(struct resolver *r, const struct group *g, const struct content *c)
{
    if (!c->overflow && c->count <= r->c->limits.expansion) {
        return true;
    }
    struct diag *d;
    if (c->overflow) {
        d = FAIL(r, NPC605, g->let->name.loc.at, "the group '" STR_FMT "' expands beyond counting",
                 STR_ARG(g->dep.name));
    } else {
        d = FAIL(r, NPC605, g->let->name.loc.at,
                 "the group '" STR_FMT "' expands to %zu elements; the limit is %zu",
                 STR_ARG(g->dep.name), c->count, r->c->limits.expansion);
    }
    HINT(r, d, "a set needs each of its groups once");
    return false;
}

static bool check_anywhere(struct resolver *r, const struct group *g, const struct content *c)
{
    if (!c->any || !g->let->left->braced) {
        return true;
    }
    struct diag *d =
        FAIL(r, NPC035, g->let->left->loc.at, "'anywhere' in a set would swallow the rest of it");
    HINT(r, d, "'anywhere' stands alone, without braces");
    return false;
}

/* `let a = b` is b under another name: a long chain of those must not be walked at every use. */
static const struct group *find_root(struct resolver *r, const struct group *g)
{
    const struct ast_set *value = g->let->left;
    assert(value->first != NULL); /* by the grammar */
    if (value->n > 1 || value->first->kind != ELEM_WORD || g->let->on != NULL) {
        return g;
    }
    const struct group *to = group_lookup(r, g->dep.decl->ns, value->first->word.text);
    return to != NULL ? to->root : g;
}

static void check_group(struct resolver *r, struct dep *d)
{
    struct group *g = (struct group *)d; /* its first member */
    const struct home home = {.ns = d->decl->ns, .fixed = true};
    struct content c = {0};
    for (const struct ast_elem *e = g->let->left->first; e != NULL; e = e->next) {
        look_at_element(r, &c, e, &home);
    }
    bool fine =
        !d->bad && !c.bad && check_anywhere(r, g, &c) && check_size(r, g, &c) && classify(r, g, &c);
    if (!fine) {
        g->kind = GROUP_BAD;
        return;
    }
    g->any = c.any;
    g->local = c.local;
    g->any_named |= c.any_named;
    g->count = c.count;
    g->root = find_root(r, g);
}

/* ---- the pass ---- */

static void find_needs(struct resolver *r, struct group *g, const struct ast_set *set)
{
    for (const struct ast_elem *e = set != NULL ? set->first : NULL; e != NULL; e = e->next) {
        if (e->kind != ELEM_WORD) {
            continue;
        }
        struct group *to = group_lookup(r, g->dep.decl->ns, e->word.text);
        if (to != NULL) {
            dep_need(r, &g->dep, &to->dep);
        } else if (!is_any_named(e->word.text)) {
            report_unknown(r, g->dep.decl->ns, &e->word, set == g->let->on);
            g->dep.bad = true;
        }
    }
}

void groups_resolve(struct resolver *r)
{
    strmap_init(&r->groups, r->a);
    declare_groups(r);
    for (size_t i = 0; i < r->group_list.list.n; i++) {
        struct group *g = (struct group *)r->group_list.list.v[i];
        find_needs(r, g, g->let->left);
        find_needs(r, g, g->let->on);
    }
    deps_visit(r, &r->group_list, "group", check_group);
}

const struct ast_elem *group_phrase(const struct group *g, struct str *ns)
{
    const struct ast_set *value = g->root->let->left;
    const struct ast_elem *e = value->first;
    *ns = g->root->dep.decl->ns;
    bool phrase = e->kind == ELEM_PODS || e->kind == ELEM_ALL_PODS || e->kind == ELEM_NAMESPACES;
    return g->root->kind == GROUP_PEERS && value->n == 1 && phrase ? e : NULL;
}
