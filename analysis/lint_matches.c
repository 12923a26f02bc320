/*
 * Selectors and what runs: NPC205 selects-nothing, NPC207 wrong-namespace, NPC208
 * unknown-namespace, NPC212 host-network. Nothing is said about namespaces of which the input shows
 * no workload: it may be a part of a cluster only.
 */
#include "analysis/lint_priv.h"

/* ---- the nearest miss ---- */

struct miss {
    const struct sel_req *req; /* the requirement that the nearest workloads fail, … */
    struct label label;        /* … and what they have instead; no key: nothing near */
    size_t n;                  /* workloads that have it */
};

static bool one_holds(struct sel_req req, const struct labels *labels)
{
    const struct selector one = {.v = &req, .n = 1};
    return selector_matches(&one, labels);
}

/* The only requirement that the labels fail, or NULL if they fail several or none. */
static const struct sel_req *only_failed(const struct selector *s, const struct labels *labels)
{
    const struct sel_req *failed = NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (!one_holds(s->v[i], labels)) {
            if (failed != NULL) {
                return NULL;
            }
            failed = &s->v[i];
        }
    }
    return failed;
}

static bool is_named(const struct sel_req *req, struct str value)
{
    for (size_t i = 0; i < req->nvalues; i++) {
        if (str_eq(req->values[i], value)) {
            return true;
        }
    }
    return false;
}

/* How near a label is to what a requirement wants: 3: the value under another key (run=web for
 * app=web), 2: a value that looks alike, 0: not at all. */
static int nearness(const struct sel_req *req, const struct label *have)
{
    bool wants_value = req->op == SEL_EQ || req->op == SEL_IN;
    if (!wants_value) {
        return req->op == SEL_EXISTS && str_nearest(req->key, &have->key, 1).n > 0 ? 2 : 0;
    }
    if (is_named(req, have->value)) {
        return 3;
    }
    bool same_key = str_eq(req->key, have->key);
    return same_key && str_nearest(have->value, req->values, req->nvalues).n > 0 ? 2 : 0;
}

static void look_at_group(const struct wgroup *g, const struct selector *pods, struct miss *best,
                          int *best_nearness)
{
    const struct labels *labels = &g->example->labels;
    const struct sel_req *failed = only_failed(pods, labels);
    for (size_t i = 0; failed != NULL && i < labels->n; i++) {
        int near = nearness(failed, &labels->v[i]);
        if (near > *best_nearness) {
            *best_nearness = near;
            *best = (struct miss){.req = failed, .label = labels->v[i]};
        }
        bool same = best->req == failed && near == *best_nearness && near > 0 &&
                    str_eq(labels->v[i].key, best->label.key) &&
                    str_eq(labels->v[i].value, best->label.value);
        best->n += same ? g->n : 0;
    }
}

static struct miss nearest_miss(struct lint *l, const struct selector *ns,
                                const struct selector *pods)
{
    struct miss best = {0};
    int near = 0;
    for (size_t i = 0; i < l->groups.n && lint_spend(l, 1); i++) {
        const struct wgroup *g = &l->groups.v[i];
        if (selector_matches(ns, l->spaces.v[g->space].labels)) {
            look_at_group(g, pods, &best, &near);
        }
    }
    return best;
}

static void report_nothing(struct lint *l, struct span at, const char *what, struct str phrase,
                           const struct selector *ns, const struct selector *pods)
{
    struct diag *d =
        WARN(l, NPC205, at, "%s selects nothing: no workload is " STR_FMT, what, STR_ARG(phrase));
    struct miss miss = nearest_miss(l, ns, pods);
    if (miss.req != NULL) {
        HINT(l, d, "pods with " STR_FMT "=" STR_FMT " exist (%zu); did you mean those?",
             STR_ARG(miss.label.key), STR_ARG(miss.label.value), miss.n);
    }
}

/* ---- NPC205, NPC207 ---- */

void lint_target_selects_nothing(struct lint *l, const struct lint_at *at)
{
    const struct npolicy *np = at->np;
    if (lint_knows(l, np->target_ns) && selector_satisfiable(np->target_pods) &&
        lint_match(l, np->target_ns, np->target_pods).n == 0) {
        report_nothing(l, at->policy->at,
                       str_printf(l->a, "policy " STR_FMT, STR_ARG(at->policy->name)).p,
                       lint_target_phrase(l, np), np->target_ns, np->target_pods);
    }
}

/* The namespaces of the groups: "monitoring", "a and b", "a, b and 3 more". */
static struct str names_of_spaces(struct lint *l, struct id_list groups)
{
    struct id_vec ids = {0};
    for (size_t i = 0; i < groups.n; i++) {
        vec_push(l->a, &ids, l->groups.v[groups.v[i]].space);
    }
    size_t n = ids_sort(ids.v, ids.n);
    struct str first = l->spaces.v[ids.v[0]].name;
    if (n == 1) {
        return first;
    }
    struct str second = l->spaces.v[ids.v[1]].name;
    return n == 2 ? str_printf(l->a, STR_FMT " and " STR_FMT, STR_ARG(first), STR_ARG(second))
                  : str_printf(l->a, STR_FMT ", " STR_FMT " and %zu more", STR_ARG(first),
                               STR_ARG(second), n - 2);
}

/* Whether a peer selects nothing, though something might match it. */
static bool is_nobody(struct lint *l, const struct nclause *c)
{
    return selector_satisfiable(c->ns) && selector_satisfiable(c->pods) && lint_knows(l, c->ns) &&
           lint_match(l, c->ns, c->pods).n == 0;
}

/* Who matches in other namespaces, if the peer means its own one. */
static struct id_list elsewhere(struct lint *l, const struct lint_at *at, const struct nclause *c)
{
    static const struct selector everywhere;
    bool is_own = selector_cmp(c->ns, at->np->target_ns) == 0 && !policy_is_cluster(at->policy);
    return is_own ? lint_match(l, &everywhere, c->pods) : (struct id_list){0};
}

void lint_wrong_namespace(struct lint *l, const struct lint_at *at)
{
    if (at->nrule == NULL || at->peer->kind != PEER_PODS) {
        return;
    }
    const struct nclause c = lint_clause(l, at);
    struct id_list others = elsewhere(l, at, &c);
    if (others.n == 0 || !is_nobody(l, &c)) {
        return;
    }
    struct str where = names_of_spaces(l, others);
    struct diag *d = WARN(l, NPC207, at->place,
                          STR_FMT " exists only in namespace " STR_FMT
                                  "; without a namespace this peer means its own",
                          STR_ARG(selector_phrase(l->a, c.pods)), STR_ARG(where));
    if (lint_is_npc(l, at->place)) {
        HINT(l, d, "add 'in namespace " STR_FMT "'",
             STR_ARG(l->spaces.v[l->groups.v[others.v[0]].space].name));
    } else {
        HINT(l, d, "add a namespaceSelector to the same peer: " LABEL_NS_NAME ": " STR_FMT,
             STR_ARG(l->spaces.v[l->groups.v[others.v[0]].space].name));
    }
}

void lint_peer_selects_nothing(struct lint *l, const struct lint_at *at)
{
    if (at->nrule == NULL || at->peer->kind != PEER_PODS) {
        return;
    }
    const struct nclause c = lint_clause(l, at);
    if (is_nobody(l, &c) && elsewhere(l, at, &c).n == 0) {
        report_nothing(l, at->place, "this peer", peer_phrase(l->a, at->peer), c.ns, c.pods);
    }
}

/* ---- NPC208 ---- */

/* Whether a namespace is there: the input says so, or it is one that every cluster has. */
static bool is_known(const struct lint *l, struct str name)
{
    static const char *const built_in[] = {"default", "kube-system", "kube-public",
                                           "kube-node-lease"};
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        if (str_is(name, built_in[i])) {
            return true;
        }
    }
    uint32_t id = intern_find(&l->space_ids, name);
    return id != ID_NONE && l->spaces.v[id].exists;
}

static struct str nearest_space(struct lint *l, struct str name)
{
    VEC(struct str) names = {0};
    for (size_t i = 0; i < l->spaces.n && lint_spend(l, 1); i++) {
        if (is_known(l, l->spaces.v[i].name)) {
            vec_push(l->a, &names, l->spaces.v[i].name);
        }
    }
    return str_nearest(name, names.v, names.n);
}

/* A part of a cluster has no namespaces of others: there only a name that looks like one of those
 * that are there is worth a word. */
static void check_name(struct lint *l, struct str name, struct span at, const char *but)
{
    if (is_known(l, name)) {
        return;
    }
    struct str near = nearest_space(l, name);
    if (near.n == 0 && !l->is_whole) {
        return;
    }
    struct diag *d =
        WARN(l, NPC208, at, "no namespace " STR_FMT " is in the input%s", STR_ARG(name), but);
    if (near.n > 0) {
        HINT(l, d, "did you mean " STR_FMT "?", STR_ARG(near));
    }
}

static void check_names(struct lint *l, const struct selector *s)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        const struct sel_req *req = &s->v[i];
        bool demands = req->op == SEL_EQ || req->op == SEL_IN;
        for (size_t k = 0; demands && str_is(req->key, LABEL_NS_NAME) && k < req->nvalues; k++) {
            check_name(l, req->values[k], req->at, "");
        }
    }
}

/* Once for all policies of a namespace: it may be one that is yet to be made. */
static void check_homes(struct lint *l)
{
    for (size_t i = 0; i < l->spaces.n; i++) {
        const struct wspace *s = &l->spaces.v[i];
        if (s->targets.n > 0) {
            uint32_t first = l->targets.v[s->targets.v[0]].policies.v[0];
            check_name(l, s->name, l->policies[first]->origin->at, ", only policies for it");
        }
    }
}

void lint_unknown_namespaces(struct lint *l, const struct lint_at *at)
{
    (void)at;
    check_homes(l);
    for (size_t i = 0; i < l->npolicies; i++) {
        const struct policy *p = l->policies[i]->origin;
        check_names(l, p->target_ns);
        for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
            for (size_t r = 0; r < p->nrules[d]; r++) {
                for (size_t k = 0; k < p->rules[d][r].npeers; k++) {
                    check_names(l, p->rules[d][r].peers[k].ns);
                }
            }
        }
    }
}

/* ---- NPC212 ---- */

static void check_hosts(struct lint *l, struct span at, struct id_list selected)
{
    for (size_t i = 0; i < selected.n; i++) {
        const struct wgroup *g = &l->groups.v[selected.v[i]];
        if (g->host_network) {
            struct diag *d =
                WARN(l, NPC212, at,
                     "selects " STR_FMT ", which is on the host's network: policies do not apply "
                     "to it, and its traffic comes from the node's address",
                     STR_ARG(lint_group_name(l, selected.v[i])));
            ALSO(l, d, g->example->at, "the workload");
            HINT(l, d, "name the addresses of the nodes by a cidr");
            return;
        }
    }
}

void lint_host_network_target(struct lint *l, const struct lint_at *at)
{
    check_hosts(l, at->policy->at, lint_match(l, at->np->target_ns, at->np->target_pods));
}

/* Peers that name no label mean "all pods", and nobody counts those on a host among them. */
void lint_host_network_peer(struct lint *l, const struct lint_at *at)
{
    if (at->nrule != NULL && at->peer->kind == PEER_PODS && at->peer->pods != NULL &&
        at->peer->pods->n > 0) {
        const struct nclause c = lint_clause(l, at);
        check_hosts(l, at->place, lint_match(l, c.ns, c.pods));
    }
}
