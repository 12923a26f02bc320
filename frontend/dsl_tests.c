/*
 * `test` blocks: what is expected of whom, resolved and type-checked. Whether it holds is for the
 * analysis to say.
 */
#include "frontend/dsl_resolve.h"

/* Where a workload without namespace is: the namespace of the program's policies without one. */
struct str default_ns(const struct resolver *r)
{
    return r->o->has_default_ns ? r->o->default_ns : STR("default");
}

static bool is_workload(const struct ast_set *end)
{
    return end->first->kind == ELEM_WORKLOAD;
}

static bool resolve_workload(struct resolver *r, const struct ast_set *end, const struct usage *use,
                             struct test_end *out)
{
    const struct ast_word *name = &end->first->word;
    out->workload_ns = use->ns.n > 0 ? use->ns : default_ns(r);
    out->workload = name->text;
    return check_name(r, name, "the workload", name_check_subdomain);
}

static bool resolve_end(struct resolver *r, const struct ast_set *end, const struct home *home,
                        const struct usage *use, struct peers_of *peers, struct test_end *out)
{
    *peers = (struct peers_of){0};
    out->at = end->loc.at;
    if (is_workload(end)) {
        return resolve_workload(r, end, use, out);
    }
    bool fine = peers_resolve(r, end, home, use, peers);
    out->any = peers->any;
    out->peers = peers->v;
    out->npeers = peers->n;
    return fine;
}

static bool resolve_expectation(struct resolver *r, const struct ast_item *item,
                                const struct home *home, const struct usage *use,
                                struct expectation *out)
{
    struct peers_of from, to;
    struct ports_of ports = {0};
    bool fine = resolve_end(r, item->left, home, use, &from, &out->from);
    fine &= resolve_end(r, item->right, home, use, &to, &out->to);
    fine = fine && arrow_ports(r, item, &from, &to, home, use, &ports);
    out->allow = item->action == ACT_ALLOW;
    out->any_port = ports.any;
    out->ports = ports.v;
    out->nports = ports.n;
    out->at = item->loc.at;
    return fine;
}

void tests_resolve(struct resolver *r)
{
    for
        EACH_DECL(r, d, ITEM_TEST)
        {
            const struct home home = {.ns = d->ns};
            const struct usage use = {.kind = USE_TEST, .ns = d->ns, .copy = d->copy};
            VEC(struct expectation) list = {0};
            for (const struct ast_item *i = d->item->body.list.first; i != NULL; i = i->next) {
                struct expectation e = {0};
                if (resolve_expectation(r, i, &home, &use, &e)) {
                    vec_push(r->a, &list, e);
                }
            }
            const struct test test = {d->item->name.text, d->ns, list.v, list.n, d->item->loc.at};
            vec_push(r->a, &r->p->tests, test);
        }
}
