/*
 * `flows`: each arrow writes both sides, the egress of its source and the ingress of its
 * destination, into policies named FLOWS-GROUP, in the namespaces of the groups. Only groups that a
 * block declares as its own pods get a policy, so that an arrow to the DNS servers can never
 * isolate them.
 */
#include "frontend/dsl_resolve.h"

/* The policy that a group gets from all `flows` of one name: those of several namespaces, or of the
 * copies of a block, may have arrows to one group. */
struct receiver {
    struct draft draft;
    bool bad;
};

struct flows {
    struct resolver *r;
    const struct decl *decl;     /* the `flows` at hand */
    struct strmap receivers;     /* by the name of the flows and the group's qualified name */
    VEC(struct receiver *) list; /* in order of first appearance */
};

static bool writes(const struct flows *f, enum direction dir)
{
    switch (f->decl->item->sides) {
    case SIDES_BOTH:
        return true;
    case SIDES_INGRESS:
        return dir == DIR_INGRESS;
    case SIDES_EGRESS:
        return dir == DIR_EGRESS;
    }
    return false;
}

/* The phrase of a group that gets a policy: pods of its own block's namespace. Else NULL. */
static const struct ast_elem *own_pods(const struct group *g, struct str *ns)
{
    const struct ast_elem *e = group_phrase(g, ns);
    bool own = e != NULL && e->kind != ELEM_NAMESPACES &&
               (e->scope == NULL || e->scope->kind == SCOPE_THIS);
    return own ? e : NULL;
}

static const struct group *group_at(const struct flows *f, const struct ast_elem *end)
{
    return end->kind == ELEM_WORD ? group_lookup(f->r, f->decl->ns, end->word.text) : NULL;
}

static struct receiver *receiver_new(struct flows *f, const struct group *g,
                                     const struct ast_elem *word, struct str ns,
                                     const struct ast_elem *pods)
{
    struct resolver *r = f->r;
    struct receiver *to = ARENA_NEW(r->a, struct receiver);
    struct ast_word name = {.loc = word->loc};
    name.text = str_printf(r->a, STR_FMT "-" STR_FMT, STR_ARG(f->decl->item->name.text),
                           STR_ARG(g->dep.name));
    /* At its first appearance: places order policies. */
    to->draft = draft_new(r, ns, name.text, word->loc.at);
    struct policy *p = to->draft.policy;
    p->from_flows = true;
    p->target_pods = pods->kind == ELEM_PODS ? selector_of(r, pods->labels) : &selector_all;
    to->bad = !check_name(r, &name, "the policy name", name_check_subdomain);
    vec_push(r->a, &f->list, to);
    return to;
}

/* The receiver for an end of a flow, or NULL if that end is a peer only. */
static struct receiver *receiver_of(struct flows *f, const struct ast_elem *end)
{
    struct str ns;
    const struct group *g = group_at(f, end);
    const struct ast_elem *pods = g != NULL ? own_pods(g, &ns) : NULL;
    if (pods == NULL) {
        return NULL;
    }
    struct str key = qualify(f->r, f->decl->item->name.text, g->dep.full);
    struct receiver *to = strmap_get(&f->receivers, key);
    if (to == NULL) {
        to = receiver_new(f, g, end, ns, pods);
        strmap_put(&f->receivers, key, to);
    }
    return to;
}

/* Writes one side: a rule in the policy of each group at this end. Returns how many. */
static size_t write_side(struct flows *f, const struct ast_item *flow, enum direction dir,
                         const struct ports_of *ports)
{
    struct resolver *r = f->r;
    const struct home home = {.ns = f->decl->ns, .fixed = true};
    const struct ast_set *here = dir == DIR_EGRESS ? flow->left : flow->right;
    const struct ast_set *there = dir == DIR_EGRESS ? flow->right : flow->left;
    size_t written = 0;
    for (const struct ast_elem *e = here->first; e != NULL && writes(f, dir); e = e->next) {
        struct receiver *to = receiver_of(f, e);
        if (to == NULL) {
            continue;
        }
        struct peers_of peers;
        const struct usage use = {
            .kind = USE_POLICY, .ns = to->draft.policy->ns, .copy = f->decl->copy || written > 0};
        written++;
        if (!peers_resolve(r, there, &home, &use, &peers)) {
            to->bad = true;
            continue;
        }
        draft_add(r, &to->draft,
                  (struct rule){.direction = dir,
                                .any_peer = peers.any,
                                .any_port = ports->any,
                                .peers = peers.v,
                                .npeers = peers.n,
                                .ports = ports->v,
                                .nports = ports->n,
                                .name = flow->value.text,
                                .at = flow->loc.at,
                                .end_line = flow->loc.end_line,
                                .end_col = flow->loc.end_col});
        to->draft.policy->isolates[dir] = true;
    }
    return written;
}

static const char *who_writes(const struct flows *f)
{
    switch (f->decl->item->sides) {
    case SIDES_BOTH:
        return "neither end";
    case SIDES_INGRESS:
        return "no right end";
    case SIDES_EGRESS:
        return "no left end";
    }
    return "";
}

bool arrow_ports(struct resolver *r, const struct ast_item *item, const struct peers_of *left,
                 const struct peers_of *right, const struct home *home, const struct usage *use,
                 struct ports_of *out)
{
    if (left->service == NULL) {
        return rule_ports(r, item, right, home, use, out);
    }
    struct diag *d =
        FAIL(r, NPC034, item->left->loc.at, "the service '" STR_FMT "' on the left of '->'",
             STR_ARG(left->service->dep.name));
    HINT(r, d, "a service is where traffic goes: its ports are those it listens on");
    return false;
}

/* Says of groups that hold pods of a block, and are peers all the same, that half of the arrow is
 * not written. */
static void warn_of_halves(struct flows *f, const struct ast_item *flow, enum direction dir)
{
    struct resolver *r = f->r;
    const struct ast_set *here = dir == DIR_EGRESS ? flow->left : flow->right;
    for (const struct ast_elem *e = here->first; e != NULL && writes(f, dir); e = e->next) {
        struct str ns;
        const struct group *g = group_at(f, e);
        if (g == NULL || !g->local || own_pods(g, &ns) != NULL || f->decl->copy) {
            continue;
        }
        const bool service = g->kind == GROUP_SERVICE;
        struct diag *d = diag_warning(
            &r->c->diags, NPC040, e->loc.at, "no %s is written for '" STR_FMT "': %s",
            direction_name(dir), STR_ARG(e->word.text),
            service ? "a service is a peer only" : "a policy is for one phrase, and this is a set");
        ALSO(r, d, g->let->name.loc.at, "defined here");
        HINT(r, d,
             service ? "name its pods without ports, and write those behind 'on'"
                     : "name each phrase of the set by itself, and write these names here");
    }
}

static void resolve_flow(struct flows *f, const struct ast_item *flow)
{
    struct resolver *r = f->r;
    const struct home home = {.ns = f->decl->ns, .fixed = true};
    const struct usage use = {.kind = USE_POLICY, .ns = f->decl->ns, .copy = f->decl->copy};
    struct peers_of left, right;
    struct ports_of ports;
    bool fine = peers_resolve(r, flow->left, &home, &use, &left);
    fine &= peers_resolve(r, flow->right, &home, &use, &right);
    if (!fine || !arrow_ports(r, flow, &left, &right, &home, &use, &ports)) {
        return;
    }
    if (write_side(f, flow, DIR_EGRESS, &ports) + write_side(f, flow, DIR_INGRESS, &ports) == 0) {
        struct diag *d =
            FAIL(r, NPC040, flow->loc.at, "%s of this flow gets a policy", who_writes(f));
        HINT(r, d,
             "policies are for groups declared as pods in the namespace's block: let web = "
             "pods app=web");
        return;
    }
    warn_of_halves(f, flow, DIR_EGRESS);
    warn_of_halves(f, flow, DIR_INGRESS);
}

void flows_resolve(struct resolver *r)
{
    struct flows f = {.r = r};
    strmap_init(&f.receivers, r->a);
    for
        EACH_DECL(r, d, ITEM_FLOWS)
        {
            f.decl = d;
            check_name(r, &d->item->name, "the name of flows", name_check_subdomain);
            for (const struct ast_item *i = d->item->body.list.first; i != NULL; i = i->next) {
                resolve_flow(&f, i);
            }
        }
    for (size_t i = 0; i < f.list.n; i++) {
        if (!f.list.v[i]->bad) {
            draft_finish(r, &f.list.v[i]->draft);
        }
    }
}
