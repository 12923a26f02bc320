/*
 * `flows`: each arrow writes both sides, the egress of its source and the ingress of its
 * destination, into policies named FLOWS-GROUP. Only groups that are pods of a namespace of ours
 * get a policy, so that an arrow to the DNS servers can never isolate them.
 */
#include "frontend/dsl_resolve.h"

/* The policy that a group gets from one `flows`. */
struct receiver {
    struct draft draft;
    bool bad;
};

struct flows {
    struct resolver *r;
    const struct decl *decl;
    struct strmap receivers;     /* by the group's qualified name */
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

/* Whether a group gets a policy: it is pods of its own block's namespace, and that is the namespace
 * of these flows (or they stand at top level and speak for all). */
static const struct ast_elem *own_pods(const struct flows *f, const struct group *g, struct str *ns)
{
    const struct ast_elem *e = group_phrase(g, ns);
    bool own = e != NULL && e->kind != ELEM_NAMESPACES &&
               (e->scope == NULL || e->scope->kind == SCOPE_THIS);
    bool ours = f->decl->ns.n == 0 || str_eq(*ns, f->decl->ns);
    return own && ours ? e : NULL;
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
    strmap_put(&f->receivers, g->dep.full, to);
    vec_push(r->a, &f->list, to);
    return to;
}

/* The receiver for an end of a flow, or NULL if that end is a peer only. */
static struct receiver *receiver_of(struct flows *f, const struct ast_elem *word)
{
    struct str ns;
    const struct group *g =
        word->kind == ELEM_WORD ? group_lookup(f->r, f->decl->ns, word->word.text) : NULL;
    const struct ast_elem *pods = g != NULL ? own_pods(f, g, &ns) : NULL;
    if (pods == NULL) {
        return NULL;
    }
    struct receiver *known = strmap_get(&f->receivers, g->dep.full);
    return known != NULL ? known : receiver_new(f, g, word, ns, pods);
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
                                .at = flow->loc.at});
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

static bool resolve_flow(struct flows *f, const struct ast_item *flow)
{
    struct resolver *r = f->r;
    const struct home home = {.ns = f->decl->ns, .fixed = true};
    const struct usage use = {.kind = USE_POLICY, .ns = f->decl->ns, .copy = f->decl->copy};
    struct peers_of left, right;
    struct ports_of ports;
    bool fine = peers_resolve(r, flow->left, &home, &use, &left);
    fine &= peers_resolve(r, flow->right, &home, &use, &right);
    if (!fine || !arrow_ports(r, flow, &left, &right, &home, &use, &ports)) {
        return false;
    }
    if (write_side(f, flow, DIR_EGRESS, &ports) + write_side(f, flow, DIR_INGRESS, &ports) == 0) {
        struct diag *d =
            FAIL(r, NPC040, flow->loc.at, "%s of this flow gets a policy", who_writes(f));
        HINT(r, d,
             "policies are for groups declared as pods in the namespace's block: let web = "
             "pods app=web");
        return false;
    }
    return true;
}

void flows_resolve(struct resolver *r)
{
    for
        EACH_DECL(r, d, ITEM_FLOWS)
        {
            struct flows f = {.r = r, .decl = d};
            bool fine = check_name(r, &d->item->name, "the name of flows", name_check_subdomain);
            strmap_init(&f.receivers, r->a);
            for (const struct ast_item *i = d->item->body.list.first; i != NULL; i = i->next) {
                fine &= resolve_flow(&f, i);
            }
            for (size_t i = 0; fine && i < f.list.n; i++) {
                if (!f.list.v[i]->bad) {
                    draft_finish(r, &f.list.v[i]->draft);
                }
            }
        }
}
