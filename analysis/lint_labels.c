/*
 * Selectors by themselves: NPC201 namespace-label-assumed, NPC204 notin-unlabelled, NPC206
 * contradiction, NPC210 ephemeral-label, NPC211 self-assignable.
 */
#include "analysis/lint_priv.h"

/* ---- every selector of the program, as written ---- */

enum about { ABOUT_PODS, ABOUT_NAMESPACES, ABOUT_NODES };

typedef void (*selector_fn)(struct lint *l, const struct selector *s, enum about about);

static void visit(struct lint *l, const struct selector *s, enum about about, selector_fn each)
{
    if (s != NULL) {
        each(l, s, about);
    }
}

static void each_selector(struct lint *l, selector_fn each)
{
    for (size_t i = 0; i < l->npolicies; i++) {
        const struct policy *p = l->policies[i]->origin;
        visit(l, p->target_ns, ABOUT_NAMESPACES, each);
        visit(l, p->target_pods, ABOUT_PODS, each);
        for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
            for (size_t r = 0; r < p->nrules[d]; r++) {
                for (size_t k = 0; k < p->rules[d][r].npeers; k++) {
                    const struct peer *peer = &p->rules[d][r].peers[k];
                    visit(l, peer->ns, ABOUT_NAMESPACES, each);
                    visit(l, peer->pods, ABOUT_PODS, each);
                    visit(l, peer->nodes, ABOUT_NODES, each);
                }
            }
        }
    }
}

/* ---- labels of namespaces ---- */

/* Labels that people take every namespace to have. */
static bool is_assumed(struct str key)
{
    static const char *const keys[] = {"name", "namespace", "kube-system"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (str_is(key, keys[i])) {
            return true;
        }
    }
    return false;
}

/* Whether some namespace of the input satisfies a requirement, and whether one has the key. */
static void ask_namespaces(const struct lint *l, struct sel_req req, bool *satisfied, bool *has_key)
{
    const struct selector one = {.v = &req, .n = 1};
    *satisfied = *has_key = false;
    for (size_t i = 0; i < l->spaces.n && !(*satisfied && *has_key); i++) {
        const struct wspace *s = &l->spaces.v[i];
        *satisfied |= s->declared && selector_matches(&one, s->labels);
        *has_key |= s->declared && labels_find(s->labels, req.key) != NULL;
    }
}

static struct str req_phrase(struct lint *l, const struct sel_req *req)
{
    struct sel_req one = *req;
    const struct selector s = {.v = &one, .n = 1};
    return selector_phrase(l->a, &s);
}

static void check_assumed(struct lint *l, const struct selector *s, enum about about)
{
    bool knows_all = l->has_namespaces && l->is_whole; /* else some other namespace may have it */
    for (size_t i = 0; about == ABOUT_NAMESPACES && i < s->n; i++) {
        const struct sel_req *req = &s->v[i];
        bool demands = req->op == SEL_EQ || req->op == SEL_IN || req->op == SEL_EXISTS;
        if (!demands || str_is(req->key, LABEL_NS_NAME)) {
            continue;
        }
        bool satisfied = false, has_key = false;
        if (l->has_namespaces && lint_spend(l, l->spaces.n)) {
            ask_namespaces(l, *req, &satisfied, &has_key);
        }
        if (satisfied || !(is_assumed(req->key) || (knows_all && !has_key))) {
            continue;
        }
        struct diag *d =
            diag_report(&l->c->diags, knows_all ? SEV_ERROR : SEV_WARNING, DIAG_NPC201, req->at,
                        "no namespace %s " STR_FMT "%s",
                        knows_all ? "of the input has the label" : "has the label",
                        STR_ARG(req_phrase(l, req)), knows_all ? "" : " unless someone set it");
        bool is_name = req->nvalues == 1 && name_check_dns_label(req->values[0]) == NULL &&
                       (str_is(req->key, "name") || str_is(req->key, "namespace"));
        struct str name = is_name                           ? req->values[0]
                          : str_is(req->key, "kube-system") ? STR("kube-system")
                                                            : STR("NAME");
        if (lint_is_npc(l, req->at)) {
            HINT(l, d, "write 'namespace " STR_FMT "'", STR_ARG(name));
        } else {
            HINT(l, d, "the API server sets " LABEL_NS_NAME ": " STR_FMT, STR_ARG(name));
        }
    }
}

void lint_assumed_labels(struct lint *l, const struct lint_at *at)
{
    (void)at;
    each_selector(l, check_assumed);
}

/* ---- requirements ---- */

static bool is_demanded(const struct selector *s, struct str key)
{
    for (size_t i = 0; i < s->n; i++) {
        bool demands = s->v[i].op == SEL_EQ || s->v[i].op == SEL_IN || s->v[i].op == SEL_EXISTS;
        if (demands && str_eq(s->v[i].key, key)) {
            return true;
        }
    }
    return false;
}

static void check_notin(struct lint *l, const struct selector *s, enum about about)
{
    static const char *const nouns[] = {
        [ABOUT_PODS] = "pods", [ABOUT_NAMESPACES] = "namespaces", [ABOUT_NODES] = "nodes"};
    for (size_t i = 0; i < s->n; i++) {
        const struct sel_req *req = &s->v[i];
        bool is_always_there = about == ABOUT_NAMESPACES && str_is(req->key, LABEL_NS_NAME);
        if (req->op == SEL_NOTIN && !is_always_there && !is_demanded(s, req->key)) {
            struct diag *d = INFO(l, NPC204, req->at, "also matches %s that have no label " STR_FMT,
                                  nouns[about], STR_ARG(req->key));
            HINT(l, d,
                 lint_is_npc(l, req->at) ? "add '& " STR_FMT " exists'"
                                         : "add {key: " STR_FMT ", operator: Exists}",
                 STR_ARG(req->key));
        }
    }
}

void lint_notin_unlabelled(struct lint *l, const struct lint_at *at)
{
    (void)at;
    each_selector(l, check_notin);
}

/* Labels that controllers set, and change with every rollout or replica. */
static bool is_ephemeral(struct str key)
{
    static const char *const keys[] = {"pod-template-hash",
                                       "controller-revision-hash",
                                       "pod-template-generation",
                                       "controller-uid",
                                       "batch.kubernetes.io/controller-uid",
                                       "job-name",
                                       "statefulset.kubernetes.io/pod-name",
                                       "batch.kubernetes.io/job-name"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (str_is(key, keys[i])) {
            return true;
        }
    }
    return false;
}

static void check_ephemeral(struct lint *l, const struct selector *s, enum about about)
{
    for (size_t i = 0; about == ABOUT_PODS && i < s->n; i++) {
        if (is_ephemeral(s->v[i].key)) {
            struct diag *d = WARN(l, NPC210, s->v[i].at,
                                  STR_FMT ": this label changes with every rollout, replica or run",
                                  STR_ARG(s->v[i].key));
            HINT(l, d, "select on a label of the pod template");
        }
    }
}

void lint_ephemeral_labels(struct lint *l, const struct lint_at *at)
{
    (void)at;
    each_selector(l, check_ephemeral);
}

/* ---- nothing can match ---- */

static void check_contradiction(struct lint *l, const struct selector *s, enum about about)
{
    static const char *const nouns[] = {
        [ABOUT_PODS] = "pod", [ABOUT_NAMESPACES] = "namespace", [ABOUT_NODES] = "node"};
    if (!selector_satisfiable(selector_normalize(l->a, s))) {
        ERR(l, NPC206, s->at, "no %s can match " STR_FMT, nouns[about],
            STR_ARG(selector_phrase(l->a, s)));
    }
}

void lint_contradictions(struct lint *l, const struct lint_at *at)
{
    (void)at;
    each_selector(l, check_contradiction);
}

/* ---- labels that anybody may set ---- */

void lint_self_assignable(struct lint *l, const struct lint_at *at)
{
    const struct peer *p = at->peer;
    if (lint_allows(at) && p->kind == PEER_PODS && p->ns != NULL && p->ns->n == 0 &&
        p->pods != NULL && p->pods->n > 0) {
        struct diag *d = WARN(l, NPC211, at->place,
                              "anyone who can create a pod in any namespace can give it " STR_FMT,
                              STR_ARG(selector_phrase(l->a, p->pods)));
        HINT(l, d, "name the namespace, too");
    }
}
