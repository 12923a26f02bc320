/*
 * Policies and cluster policies: targets, isolation, metadata, and which rules they may hold.
 */
#include "frontend/dsl_resolve.h"

#define DESCRIPTION "kubernetes.io/description"
/* The API's limit for all annotations of an object together (validation.TotalAnnotationSizeLimitB).
 */
#define ANNOTATIONS_MAX ((size_t)256 * 1024)

/* ---- drafts ---- */

struct draft draft_new(struct resolver *r, struct str ns, struct str name, struct span at)
{
    struct draft d = {.policy = ARENA_NEW(r->a, struct policy)};
    d.policy->ns = ns;
    d.policy->name = name;
    d.policy->at = at;
    return d;
}

void draft_add(struct resolver *r, struct draft *d, struct rule rule)
{
    vec_push(r->a, &d->rules[rule.direction], rule);
}

void draft_finish(struct resolver *r, struct draft *d)
{
    struct policy *p = d->policy;
    if (r->p->policies.n >= r->c->limits.policies) {
        if (r->ok) {
            FAIL(r, NPC003, p->at, "more than %zu policies, which is the limit",
                 r->c->limits.policies);
        }
        return;
    }
    for (int dir = 0; dir < DIRECTIONS; dir++) {
        p->rules[dir] = d->rules[dir].v;
        p->nrules[dir] = d->rules[dir].n;
    }
    vec_push(r->a, &r->p->policies, p);
}

/* ---- targets ---- */

static bool bad_target(struct resolver *r, const struct ast_elem *e, const char *hint)
{
    struct diag *d = FAIL(r, NPC037, e->loc.at, "a policy applies to pods of its own namespace");
    HINT(r, d, "%s", hint);
    return false;
}

static bool is_own(const struct ast_elem *e)
{
    return (e->kind == ELEM_PODS || e->kind == ELEM_ALL_PODS) &&
           (e->scope == NULL || e->scope->kind == SCOPE_THIS);
}

/* The phrase of a target, with a group replaced by what it stands for. *ns becomes the namespace of
 * the group's block. */
static const struct ast_elem *target_phrase(struct resolver *r, const struct ast_elem *e,
                                            struct str *ns)
{
    if (e->kind != ELEM_WORD) {
        return e;
    }
    const struct group *g = group_find(r, *ns, &e->word, false);
    if (g == NULL || g->kind == GROUP_BAD) {
        return NULL;
    }
    const struct ast_elem *phrase = group_phrase(g, ns);
    if (phrase == NULL) {
        struct diag *d = FAIL(r, NPC037, e->loc.at,
                              "the group '" STR_FMT "' is not one phrase for "
                              "pods",
                              STR_ARG(e->word.text));
        ALSO(r, d, g->let->name.loc.at, "defined here");
    }
    return phrase;
}

static bool resolve_target(struct resolver *r, const struct ast_elem *e, struct policy *p)
{
    struct str ns = p->ns;
    const struct ast_elem *phrase = target_phrase(r, e, &ns);
    if (phrase == NULL) {
        return false;
    }
    if (!is_own(phrase)) {
        return bad_target(r, e,
                          phrase->scope != NULL && phrase->kind != ELEM_NAMESPACES
                              ? "leave out 'in ...' and put the policy into 'namespace NAME { }'"
                              : "write 'for all pods' or 'for pods LABEL=VALUE'");
    }
    if (!str_eq(ns, p->ns)) {
        return bad_target(r, e, "this group is of another namespace");
    }
    p->target_pods = phrase->kind == ELEM_PODS ? selector_of(r, phrase->labels) : &selector_all;
    return p->target_pods != NULL;
}

static bool resolve_subject(struct resolver *r, const struct ast_elem *e, struct policy *p)
{
    struct home home = {0};
    const struct usage use = {.kind = USE_CLUSTER};
    struct peer peer;
    const struct ast_elem *phrase = target_phrase(r, e, &home.ns);
    if (phrase == NULL) {
        return false;
    }
    home.fixed = phrase != e;
    if (phrase->kind != ELEM_PODS && phrase->kind != ELEM_ALL_PODS &&
        phrase->kind != ELEM_NAMESPACES) {
        struct diag *d = FAIL(r, NPC037, e->loc.at, "a cluster policy applies to pods");
        HINT(r, d,
             "write 'for namespaces LABEL=VALUE', 'for pods LABEL=VALUE in ...' or 'for all "
             "pods in all namespaces'");
        return false;
    }
    if (!peer_literal(r, phrase, &home, &use, &peer)) {
        return false;
    }
    p->target_ns = peer.ns;
    p->target_pods = peer.pods;
    return true;
}

/* ---- bodies ---- */

struct body {
    struct resolver *r;
    struct draft draft;
    struct usage use;
    struct label_list labels, annotations;
    VEC(struct raw) raws;
    const struct ast_item *deny[DIRECTIONS], *allow[DIRECTIONS]; /* `default` */
};

static bool is_cluster(const struct body *b)
{
    return b->use.kind == USE_CLUSTER;
}

static bool allow_only(const struct body *b, const struct ast_item *item)
{
    struct resolver *r = b->r;
    struct diag *d =
        FAIL(r, NPC036, item->loc.at, "'%s' in a policy of a namespace", action_name(item->action));
    HINT(r, d, "a NetworkPolicy cannot deny; leave the rule out, or use a cluster policy");
    used_here(r, d, &b->use);
    return false;
}

static bool add_rule(void *arg, const struct ast_item *item, const struct home *home)
{
    struct body *b = arg;
    struct rule rule;
    if (item->action != ACT_ALLOW && !is_cluster(b)) {
        return allow_only(b, item);
    }
    if (!rule_resolve(b->r, item, home, &b->use, &rule)) {
        return false;
    }
    draft_add(b->r, &b->draft, rule);
    return true;
}

static bool add_default(struct body *b, const struct ast_item *item)
{
    struct resolver *r = b->r;
    if (is_cluster(b)) {
        struct diag *d = FAIL(r, NPC041, item->loc.at, "'default' in a cluster policy");
        HINT(r, d, "cluster policies do not isolate: write 'deny' rules");
        return false;
    }
    bool denies = item->kind == ITEM_DEFAULT_DENY;
    for (const struct ast_elem *e = item->left->first; e != NULL; e = e->next) {
        enum direction dir = str_is(e->word.text, "ingress") ? DIR_INGRESS : DIR_EGRESS;
        *(denies ? &b->deny[dir] : &b->allow[dir]) = item;
    }
    return true;
}

static bool add_description(struct body *b, const struct ast_item *item)
{
    const struct label label = {STR(DESCRIPTION), item->value.text, item->loc.at};
    return add_label_value(b->r, &b->annotations, label);
}

static bool add_raw(struct body *b, const struct ast_item *item)
{
    struct raw raw;
    bool fine = raw_resolve(b->r, item, &raw);
    vec_push(b->r->a, &b->raws, raw);
    return fine;
}

static bool add_statement(struct body *b, const struct ast_item *item)
{
    const struct home home = {.ns = b->use.ns};
    switch (item->kind) {
    case ITEM_DESC:
        return add_description(b, item);
    case ITEM_LABEL:
        return add_label(b->r, &b->labels, item, false);
    case ITEM_ANNOTATION:
        return add_label(b->r, &b->annotations, item, true);
    case ITEM_DEFAULT_DENY:
    case ITEM_DEFAULT_ALLOW:
        return add_default(b, item);
    case ITEM_RAW:
        return add_raw(b, item);
    case ITEM_RULE:
    case ITEM_USE:
        b->use.by = item->kind == ITEM_USE ? item : NULL;
        return rules_expand(b->r, item, &home, b, add_rule);
    case ITEM_VERSION:
    case ITEM_INCLUDE:
    case ITEM_IMPORT:
    case ITEM_TIER:
    case ITEM_NODE:
    case ITEM_NAMESPACE:
    case ITEM_CLUSTER:
    case ITEM_LET:
    case ITEM_RULES:
    case ITEM_POLICY:
    case ITEM_FLOWS:
    case ITEM_WORKLOAD:
    case ITEM_TEST:
    case ITEM_FLOW:
    case ITEM_EXPECT:
    case ITEM_ADDR:
    case ITEM_PORT:
        break; /* not in bodies, by the grammar */
    }
    return false;
}

/* ---- isolation ---- */

static bool contradicts(struct resolver *r, const struct body *b, enum direction dir)
{
    if (b->deny[dir] == NULL || b->allow[dir] == NULL) {
        return false;
    }
    struct diag *d = FAIL(r, NPC038, b->allow[dir]->loc.at,
                          "the default for %s is both allow and "
                          "deny",
                          direction_name(dir));
    ALSO(r, d, b->deny[dir]->loc.at, "denied here");
    return true;
}

/* Directions with rules, and those of `default deny`, without those of `default allow`. */
static bool find_isolation(struct resolver *r, const struct body *b)
{
    struct policy *p = b->draft.policy;
    bool any = false;
    for (int dir = 0; dir < DIRECTIONS; dir++) {
        if (contradicts(r, b, (enum direction)dir)) {
            return false;
        }
        p->isolates[dir] =
            b->deny[dir] != NULL || (b->draft.rules[dir].n > 0 && b->allow[dir] == NULL);
        any |= p->isolates[dir];
    }
    if (!any) {
        struct diag *d = FAIL(r, NPC038, p->at, "the policy '" STR_FMT "' isolates no direction",
                              STR_ARG(p->name));
        HINT(r, d, "write rules, or 'default deny ingress' to allow nothing");
    }
    return any;
}

/* ---- metadata ---- */

/* The description goes first, the others stay in written order. */
static struct labels order_annotations(const struct label_list *from)
{
    struct labels all = labels_of(from);
    for (size_t i = 0; i < all.n; i++) {
        if (str_is(all.v[i].key, DESCRIPTION)) {
            struct label description = all.v[i];
            for (; i > 0; i--) {
                all.v[i] = all.v[i - 1];
            }
            all.v[0] = description;
            break;
        }
    }
    return all;
}

static bool check_annotations(struct resolver *r, const struct policy *p)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->annotations.n; i++) {
        bytes += p->annotations.v[i].key.n + p->annotations.v[i].value.n;
    }
    if (bytes > ANNOTATIONS_MAX) {
        FAIL(r, NPC065, p->at, "annotations of %zu bytes; the API allows %zu", bytes,
             ANNOTATIONS_MAX);
    }
    return bytes <= ANNOTATIONS_MAX;
}

static bool fill_body(struct body *b, const struct ast_item *item)
{
    bool fine = true;
    for (const struct ast_item *i = item->body.list.first; i != NULL; i = i->next) {
        fine &= add_statement(b, i);
    }
    struct policy *p = b->draft.policy;
    p->labels = labels_of(&b->labels);
    p->annotations = order_annotations(&b->annotations);
    p->raws = b->raws.v;
    p->nraws = b->raws.n;
    return fine & check_annotations(b->r, p);
}

/* ---- the pass ---- */

static void resolve_policy(struct resolver *r, const struct decl *d)
{
    const struct ast_item *item = d->item;
    struct body b = {.r = r, .use = {.kind = USE_POLICY, .ns = d->ns, .copy = d->copy}};
    b.draft = draft_new(r, d->ns, item->name.text, item->name.loc.at);
    bool fine = check_name(r, &item->name, "the policy name", name_check_subdomain);
    fine &= resolve_target(r, item->target, b.draft.policy);
    fine &= fill_body(&b, item);
    if (fine && find_isolation(r, &b)) {
        draft_finish(r, &b.draft);
    }
}

static bool find_tier(struct resolver *r, const struct ast_word *w)
{
    if (str_is(w->text, "admin") || str_is(w->text, "baseline") ||
        strmap_get(&r->tiers, w->text) != NULL) {
        return true;
    }
    VEC(struct str) names = {0};
    vec_push(r->a, &names, STR("admin"));
    vec_push(r->a, &names, STR("baseline"));
    for (size_t i = 0; i < r->p->tiers.n; i++) {
        vec_push(r->a, &names, r->p->tiers.v[i].name);
    }
    struct diag *d =
        FAIL(r, NPC030, w->loc.at, "no tier is called '" STR_FMT "'", STR_ARG(w->text));
    struct str near = str_nearest(w->text, names.v, names.n);
    if (near.n > 0) {
        HINT(r, d, "did you mean '" STR_FMT "'?", STR_ARG(near));
    } else {
        HINT(r, d, "tiers are admin, baseline, and those declared by 'tier NAME order N'");
    }
    return false;
}

static void resolve_cluster(struct resolver *r, const struct decl *d)
{
    const struct ast_item *item = d->item;
    struct body b = {.r = r, .use = {.kind = USE_CLUSTER}};
    b.draft = draft_new(r, (struct str){0}, item->name.text, item->name.loc.at);
    struct policy *p = b.draft.policy;
    p->api = API_CLUSTER_POLICY;
    p->tier = item->tier.text;
    bool fine = check_name(r, &item->name, "the policy name", name_check_subdomain);
    fine &= find_tier(r, &item->tier);
    fine &= parse_number(r, &item->value, "the priority", 1000, &p->priority);
    fine &= resolve_subject(r, item->target, p);
    fine &= fill_body(&b, item);
    if (fine) {
        draft_finish(r, &b.draft);
    }
}

void policies_resolve(struct resolver *r)
{
    for
        EACH_DECL(r, d, ITEM_POLICY)
        {
            resolve_policy(r, d);
        }
    for
        EACH_DECL(r, d, ITEM_CLUSTER)
        {
            resolve_cluster(r, d);
        }
}
