/*
 * How policies are written: NPC202 or-where-and-meant, NPC213 misleading-name, NPC503
 * no-description, NPC504 same-twice, NPC505 unused, NPC513 no-cni. NPC512 is in lint_mojibake.c.
 */
#include "analysis/lint_priv.h"

/* ---- OR where AND was meant ---- */

/* In the language OR has braces and AND has `in`: who writes one does not mean the other. */
void lint_or_for_and(struct lint *l, const struct lint_at *at)
{
    const struct rule *r = at->rule;
    if (lint_is_npc(l, r->at) || policy_is_cluster(at->policy)) {
        return;
    }
    for (size_t i = 0; i + 1 < r->npeers; i++) {
        const struct peer *a = &r->peers[i], *b = &r->peers[i + 1];
        if (a->kind != PEER_PODS || b->kind != PEER_PODS || (a->ns == NULL) == (b->ns == NULL)) {
            continue;
        }
        const struct peer *pods = a->ns == NULL ? a : b, *ns = a->ns == NULL ? b : a;
        if (pods->pods->n == 0 || ns->pods != NULL || ns->ns->n == 0) {
            continue;
        }
        struct peer both = {.kind = PEER_PODS, .pods = pods->pods, .ns = ns->ns};
        struct diag *d =
            WARN(l, NPC202, b->at,
                 "this allows " STR_FMT " here OR everything in " STR_FMT "; did you mean AND?",
                 STR_ARG(peer_phrase(l->a, pods)), STR_ARG(peer_phrase(l->a, ns)));
        HINT(l, d, "one list item with both selectors is " STR_FMT,
             STR_ARG(peer_phrase(l->a, &both)));
        return;
    }
}

/* ---- names ---- */

/* Whether a name holds a word, between its ends, dashes and dots. */
static bool has_word(struct str name, const char *word)
{
    struct str w = str_of(word);
    for (size_t i = 0; i + w.n <= name.n; i++) {
        bool begins = i == 0 || !ch_is_alnum((unsigned char)name.p[i - 1]);
        bool ends = i + w.n == name.n || !ch_is_alnum((unsigned char)name.p[i + w.n]);
        if (begins && ends && str_eq_nocase((struct str){name.p + i, w.n}, w)) {
            return true;
        }
    }
    return false;
}

/* What the name of a policy speaks of: the direction that it names, or else all that it isolates.
 */
struct spoken {
    bool of[DIRECTIONS];
    const char *what; /* "" or " ingress" */
};

static struct spoken spoken_of(const struct policy *p)
{
    const bool in = has_word(p->name, "ingress"), out = has_word(p->name, "egress");
    if (in != out) {
        return (struct spoken){{in, out}, in ? " ingress" : " egress"};
    }
    return (struct spoken){{p->isolates[DIR_INGRESS], p->isolates[DIR_EGRESS]}, ""};
}

static const struct rule *wide_rule(const struct policy *p, enum direction d)
{
    for (size_t i = 0; i < p->nrules[d]; i++) {
        const struct rule *r = &p->rules[d][i];
        if (r->any_peer && r->any_port) {
            return r;
        }
    }
    return NULL;
}

/* The first of the rules that allow all of what is spoken of, if they do; else NULL. */
static const struct rule *allows_all(const struct policy *p, const struct spoken *s)
{
    const struct rule *first = NULL;
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        const struct rule *wide = p->isolates[d] ? wide_rule(p, d) : NULL;
        if (s->of[d] && wide == NULL) {
            return NULL;
        }
        first = s->of[d] && first == NULL ? wide : first;
    }
    return first;
}

static bool allows_none(const struct policy *p, const struct spoken *s)
{
    bool any = false;
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        if (s->of[d] && (!p->isolates[d] || p->nrules[d] > 0)) {
            return false;
        }
        any |= s->of[d];
    }
    return any;
}

void lint_misleading_name(struct lint *l, const struct lint_at *at)
{
    const struct policy *p = at->policy;
    if (policy_is_cluster(p)) {
        return;
    }
    const bool says_deny = has_word(p->name, "deny"), says_allow = has_word(p->name, "allow");
    const struct spoken s = spoken_of(p);
    const struct rule *wide = allows_all(p, &s);
    if (says_deny && !says_allow && wide != NULL) {
        struct diag *d = INFO(l, NPC213, p->at, "named " STR_FMT ", but allows %s%s",
                              STR_ARG(p->name), s.what[0] == '\0' ? "everything" : "all", s.what);
        ALSO(l, d, wide->at, "by this rule");
        HINT(l, d, "an empty rule allows all; no rule at all denies");
    } else if (says_allow && !says_deny && allows_none(p, &s)) {
        struct diag *d = INFO(l, NPC213, p->at, "named " STR_FMT ", but allows %s%s",
                              STR_ARG(p->name), s.what[0] == '\0' ? "nothing" : "no", s.what);
        HINT(l, d, "a policy without rules only isolates");
    }
}

void lint_no_description(struct lint *l, const struct lint_at *at)
{
    static const struct str key = STR_INIT("kubernetes.io/description");
    if (labels_find(&at->policy->annotations, key) == NULL) {
        struct diag *d = WARN(l, NPC503, at->policy->at, "policy " STR_FMT " has no description",
                              STR_ARG(at->policy->name));
        HINT(l, d,
             lint_is_npc(l, at->policy->at) ? "begin its body with desc \"…\""
                                            : "add the annotation kubernetes.io/description");
    }
}

void lint_unused_names(struct lint *l, const struct lint_at *at)
{
    (void)at;
    for (size_t i = 0; i < l->p->unused.n; i++) {
        const struct unused *u = &l->p->unused.v[i];
        struct diag *d =
            WARN(l, NPC505, u->at, "%s " STR_FMT " is unused", u->what, STR_ARG(u->name));
        HINT(l, d, "remove it");
    }
}

/* ---- equal policies ---- */

static void rule_key(struct buf *b, const struct nrule *r)
{
    buf_printf(b, "%d.%d.%d.%d.", (int)r->action, (int)r->direction, r->any_peer, r->any_port);
    for (size_t i = 0; i < r->nclauses; i++) {
        const struct nclause *c = &r->clauses[i];
        buf_printf(b, "%d", (int)c->kind);
        if (c->kind == PEER_PODS) {
            selector_key(b, c->ns);
            selector_key(b, c->pods);
        } else if (c->kind == PEER_NODES) {
            selector_key(b, c->nodes);
        }
        buf_str(b, c->domain);
        buf_putc(b, '\0');
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        buf_u64(b, r->nets[f].n);
        buf_putc(b, ':');
        buf_put(b, r->nets[f].v, r->nets[f].n * sizeof *r->nets[f].v);
    }
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        buf_u64(b, r->ports.keys[p].n);
        buf_putc(b, ':');
        buf_put(b, r->ports.keys[p].v, r->ports.keys[p].n * sizeof *r->ports.keys[p].v);
    }
    buf_putc(b, r->ports.other ? '1' : '0');
    for (size_t i = 0; i < r->nnames; i++) {
        buf_printf(b, "%d" STR_FMT, (int)r->names[i].proto, STR_ARG(r->names[i].name));
        buf_putc(b, '\0');
    }
    buf_putc(b, '\2');
}

/* The bytes of what a NetworkPolicy means; order of rules does not matter to it, but whoever copies
 * a policy keeps the order. */
static struct str meaning_key(struct lint *l, const struct npolicy *np)
{
    struct buf *b = l->key;
    buf_cut(b, 0);
    selector_key(b, np->target_ns);
    selector_key(b, np->target_pods);
    for (size_t d = 0; d < DIRECTIONS; d++) {
        buf_putc(b, np->isolates[d] ? '1' : '0');
        for (size_t i = 0; i < np->nrules[d]; i++) {
            rule_key(b, &np->rules[d][i]);
        }
        buf_putc(b, '\3');
    }
    return buf_text(b);
}

void lint_same_twice(struct lint *l, const struct lint_at *at)
{
    (void)at;
    struct intern meanings;
    struct id_vec first = {0};
    intern_init(&meanings, l->a);
    for (uint32_t i = 0; i < l->npolicies; i++) {
        const struct policy *p = l->policies[i]->origin;
        bool is_deny = p->nrules[DIR_INGRESS] + p->nrules[DIR_EGRESS] == 0; /* NPC110 */
        if (policy_is_cluster(p) || is_deny) {
            continue;
        }
        uint32_t id = intern_add(&meanings, meaning_key(l, l->policies[i]));
        if (id == first.n) {
            vec_push(l->a, &first, i);
            continue;
        }
        const struct policy *same = l->policies[first.v[id]]->origin;
        struct diag *d = INFO(l, NPC504, p->at, STR_FMT " means the same as " STR_FMT,
                              STR_ARG(p->name), STR_ARG(same->name));
        ALSO(l, d, same->at, "which is here");
        HINT(l, d, "remove one of them");
    }
}

/* ---- who enforces it ---- */

void lint_no_cni(struct lint *l, const struct lint_at *at)
{
    (void)at;
    if (l->npolicies == 0) {
        return;
    }
    struct span place = l->policies[0]->origin->at;
    if (l->o->cni.n > 0) {
        struct diag *d = WARN(l, NPC513, place,
                              "flannel enforces no policy: all of this is without "
                              "effect in such a cluster");
        HINT(l, d, "run a policy engine beside it, or load rules on the nodes: npc compile -t nft");
    } else {
        INFO(l, NPC513, place, "enforced only if the cluster's CNI does (flannel does not)");
    }
}
