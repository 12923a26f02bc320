/*
 * An index of pairs of selectors (of namespaces and of pods) by a label that they demand: whatever
 * covers a pair demands only labels that the pair demands, too, so that few have to be asked.
 */
#include "analysis/lint_priv.h"

const struct sel_req *selector_demand(const struct selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].op == SEL_EQ) {
            return &s->v[i];
        }
    }
    return NULL;
}

static struct str demand_key(struct lint *l, char whose, const struct sel_req *req)
{
    buf_cut(l->key, 0);
    buf_putc(l->key, whose);
    buf_str(l->key, req->key);
    buf_putc(l->key, '\0'); /* in no label */
    buf_str(l->key, req->values[0]);
    return buf_text(l->key);
}

void demands_init(struct demands *d, struct arena *a)
{
    *d = (struct demands){.arena = a};
    strmap_init(&d->by_label, a);
}

void demands_add(struct lint *l, struct demands *d, const struct selector *ns,
                 const struct selector *pods, uint32_t id)
{
    const struct sel_req *pod = selector_demand(pods), *space = selector_demand(ns);
    if (pod == NULL && space == NULL) {
        vec_push(d->arena, &d->wide, id);
        return;
    }
    struct str key = demand_key(l, pod != NULL ? 'p' : 'n', pod != NULL ? pod : space);
    struct id_vec *list = strmap_get(&d->by_label, key);
    if (list == NULL) {
        list = ARENA_NEW(d->arena, struct id_vec);
        strmap_put(&d->by_label, str_dup(d->arena, key), list);
    }
    vec_push(d->arena, list, id);
}

static bool visit(struct lint *l, const struct id_vec *list, demand_fn each, void *arg)
{
    for (size_t i = 0; list != NULL && i < list->n; i++) {
        if (!lint_spend(l, 1) || !each(arg, list->v[i])) {
            return false;
        }
    }
    return true;
}

static bool visit_demanded(struct lint *l, const struct demands *d, char whose,
                           const struct selector *s, demand_fn each, void *arg)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].op == SEL_EQ &&
            !visit(l, strmap_get(&d->by_label, demand_key(l, whose, &s->v[i])), each, arg)) {
            return false;
        }
    }
    return true;
}

void demands_visit(struct lint *l, const struct demands *d, const struct selector *ns,
                   const struct selector *pods, demand_fn each, void *arg)
{
    if (visit(l, &d->wide, each, arg) && visit_demanded(l, d, 'p', pods, each, arg)) {
        visit_demanded(l, d, 'n', ns, each, arg);
    }
}
