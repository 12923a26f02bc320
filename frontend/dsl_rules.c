/*
 * Rules: one at a time, and the reusable ones of `rules NAME { … }`, which may use each other.
 */
#include "frontend/dsl_resolve.h"

/* ---- one rule ---- */

/* The ports of a service were checked where it stands; who uses it is known here only. */
static bool service_fits(struct resolver *r, const struct ast_item *item,
                         const struct group *service, const struct usage *use)
{
    if (!service->any_named || allows_any_named(use)) {
        return true;
    }
    struct diag *d = refuse_any_named(r, item->loc.at, service->dep.name, use);
    ALSO(r, d, service->let->name.loc.at, "defined here");
    return false;
}

bool rule_ports(struct resolver *r, const struct ast_item *item, const struct peers_of *peers,
                const struct home *home, const struct usage *use, struct ports_of *out)
{
    struct diag *d;
    if (peers->service != NULL && item->on != NULL) {
        d = FAIL(r, NPC034, item->on->loc.at,
                 "'on' is not for the service '" STR_FMT "', which has its own ports",
                 STR_ARG(peers->service->dep.name));
        ALSO(r, d, peers->service->let->name.loc.at, "defined here");
        HINT(r, d, "leave out 'on'");
        return false;
    }
    if (peers->service != NULL) {
        *out = peers->service->ports;
        return service_fits(r, item, peers->service, use);
    }
    if (item->on == NULL) {
        d = FAIL(r, NPC034, item->loc.at, "'on' and the ports are missing");
        HINT(r, d, "write 'on tcp/80', say, or 'on all ports'");
        return false;
    }
    return ports_resolve(r, item->on, home, use, out);
}

bool rule_resolve(struct resolver *r, const struct ast_item *item, const struct home *home,
                  const struct usage *use, struct rule *out)
{
    struct peers_of peers;
    struct ports_of ports = {0};
    if (!peers_resolve(r, item->left, home, use, &peers)) {
        if (item->on != NULL) { /* its faults are seen all the same */
            ports_resolve(r, item->on, home, use, &ports);
        }
        return false;
    }
    if (!rule_ports(r, item, &peers, home, use, &ports)) {
        return false;
    }
    *out = (struct rule){.action = item->action,
                         .direction = item->direction,
                         .any_peer = peers.any,
                         .any_port = ports.any,
                         .peers = peers.v,
                         .npeers = peers.n,
                         .ports = ports.v,
                         .nports = ports.n,
                         .name = item->value.text,
                         .at = item->loc.at,
                         .end_line = item->loc.end_line,
                         .end_col = item->loc.end_col,
                         .used_at = use->by != NULL ? use->by->loc.at : (struct span){0}};
    return true;
}

/* ---- `rules` ---- */

static struct home home_of(const struct ruleset *set)
{
    struct str ns = set->dep.decl->ns;
    return (struct home){.ns = ns, .fixed = ns.n > 0};
}

static struct ruleset *find_ruleset(struct resolver *r, struct str ns, const struct ast_word *w)
{
    struct ruleset *set = (struct ruleset *)dep_lookup(r, &r->rules, ns, w->text);
    if (set == NULL) {
        struct diag *d =
            FAIL(r, NPC030, w->loc.at, "no rules are called '" STR_FMT "'", STR_ARG(w->text));
        dep_suggest(r, d, &r->ruleset_list, ns, w->text);
    }
    return set;
}

/* Counts what using a set once goes through; what it uses was counted before. */
static void count_visits(struct resolver *r, struct ruleset *set)
{
    const struct ast_item *let = set->dep.decl->item;
    bool over = false;
    set->visits = let->body.list.n;
    for (size_t i = 0; i < set->dep.needs.n; i++) {
        const struct ruleset *used = (const struct ruleset *)set->dep.needs.v[i];
        over |= __builtin_add_overflow(set->visits, used->visits, &set->visits);
        set->dep.bad |= used->dep.bad;
    }
    if (!set->dep.bad && (over || set->visits > r->c->limits.expansion)) {
        set->dep.bad = true;
        FAIL(r, NPC605, let->name.loc.at,
             "the rules '" STR_FMT "' expand to %zu%s statements; the limit is %zu",
             STR_ARG(set->dep.name), set->visits, over ? " and more" : "", r->c->limits.expansion);
    }
}

/* Checks the rules of a set by themselves, whether it is used or not. */
static void check_ruleset(struct resolver *r, struct dep *d)
{
    struct ruleset *set = (struct ruleset *)d; /* its first member */
    const struct home home = home_of(set);
    const struct usage use = {.kind = USE_NONE, .copy = d->decl->copy};
    count_visits(r, set);
    for (const struct ast_item *i = d->decl->item->body.list.first; i != NULL; i = i->next) {
        struct rule rule;
        if (i->kind == ITEM_RULE && !rule_resolve(r, i, &home, &use, &rule)) {
            d->bad = true;
        }
    }
}

static void declare_ruleset(struct resolver *r, const struct decl *d)
{
    if (check_own_name(r, &d->item->name, "the name of rules")) {
        struct ruleset *set = ARENA_NEW(r->a, struct ruleset);
        dep_declare(r, &r->rules, &r->ruleset_list, &set->dep, d);
    }
}

static void check_hidden(struct resolver *r, const struct dep *d)
{
    const struct dep *outer = d->decl->ns.n > 0 ? strmap_get(&r->rules, d->name) : NULL;
    if (outer != NULL) {
        struct diag *rec = FAIL(r, NPC031, d->decl->item->name.loc.at,
                                "'" STR_FMT "' hides rules of the top level", STR_ARG(d->name));
        ALSO(r, rec, outer->decl->item->name.loc.at, "defined here");
    }
}

static void find_uses(struct resolver *r, struct dep *d)
{
    for (const struct ast_item *i = d->decl->item->body.list.first; i != NULL; i = i->next) {
        if (i->kind == ITEM_USE) {
            struct ruleset *used = find_ruleset(r, d->decl->ns, &i->name);
            if (used == NULL) {
                d->bad = true;
            } else {
                dep_need(r, d, &used->dep);
            }
        }
    }
}

void rulesets_resolve(struct resolver *r)
{
    strmap_init(&r->rules, r->a);
    for
        EACH_DECL(r, d, ITEM_RULES)
        {
            declare_ruleset(r, d);
        }
    for (size_t i = 0; i < r->ruleset_list.list.n; i++) {
        check_hidden(r, r->ruleset_list.list.v[i]);
        find_uses(r, r->ruleset_list.list.v[i]);
    }
    deps_visit(r, &r->ruleset_list, "rule set", check_ruleset);
}

/* ---- using them ---- */

struct use_frame {
    const struct ast_item *next;
    struct home home;
};

bool rules_expand(struct resolver *r, const struct ast_item *item, const struct home *home,
                  void *arg,
                  bool (*each)(void *arg, const struct ast_item *rule, const struct home *home))
{
    if (item->kind == ITEM_RULE) {
        return each(arg, item, home);
    }
    const struct ruleset *set = find_ruleset(r, home->ns, &item->name);
    if (set == NULL || set->dep.bad || !charge(r, set->visits, item->loc.at)) {
        return false;
    }
    bool fine = true;
    VEC(struct use_frame) stack = {0};
    const struct use_frame first = {set->dep.decl->item->body.list.first, home_of(set)};
    vec_push(r->a, &stack, first);
    while (stack.n > 0) {
        struct use_frame *top = &stack.v[stack.n - 1];
        const struct ast_item *i = top->next;
        if (i == NULL) {
            stack.n--;
            continue;
        }
        top->next = i->next;
        if (i->kind == ITEM_RULE) {
            fine &= each(arg, i, &top->home);
            continue;
        }
        set = find_ruleset(r, top->home.ns, &i->name); /* there: a set with a bad use is bad */
        const struct use_frame frame = {set->dep.decl->item->body.list.first, home_of(set)};
        vec_push(r->a, &stack, frame);
    }
    return fine;
}
