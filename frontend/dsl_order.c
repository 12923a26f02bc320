/*
 * Named declarations that need each other: finding them, an order in which each comes after what it
 * needs, and cycles. Without recursion, because a chain may be as long as a file. Knows nothing of
 * what is declared.
 */
#include "frontend/dsl_resolve.h"

#include <assert.h>

struct str qualify(struct resolver *r, struct str ns, struct str name)
{
    return ns.n == 0 ? name : str_path(r->a, ns, name);
}

bool dep_declare(struct resolver *r, struct strmap *in, struct deps *list, struct dep *d,
                 const struct decl *decl)
{
    d->decl = decl;
    d->name = decl->item->name.text;
    d->full = qualify(r, decl->ns, d->name);
    const struct dep *first = strmap_get(in, d->full);
    if (first != NULL) {
        struct diag *rec = FAIL(r, NPC031, decl->item->name.loc.at,
                                "'" STR_FMT "' is defined twice", STR_ARG(d->full));
        ALSO(r, rec, first->decl->item->name.loc.at, "first defined here");
        return false;
    }
    strmap_put(in, d->full, d);
    vec_push(r->a, &list->list, d);
    return true;
}

struct dep *dep_lookup(struct resolver *r, const struct strmap *in, struct str ns, struct str name)
{
    struct dep *own = ns.n > 0 ? strmap_get(in, qualify(r, ns, name)) : NULL;
    struct dep *found = own != NULL ? own : strmap_get(in, name);
    if (found != NULL) {
        found->used = true;
    }
    return found;
}

bool dep_suggest(struct resolver *r, struct diag *d, const struct deps *among, struct str ns,
                 struct str word)
{
    if (r->guesses == 0) {
        return true; /* each guess looks at every name */
    }
    r->guesses--;
    VEC(struct str) names = {0};
    for (size_t i = 0; i < among->list.n; i++) {
        const struct dep *to = among->list.v[i];
        if (str_eq(to->name, word)) { /* in another namespace */
            HINT(r, d, "did you mean '" STR_FMT "'?", STR_ARG(to->full));
            return true;
        }
        vec_push(r->a, &names, str_eq(to->decl->ns, ns) ? to->name : to->full);
    }
    struct str near = str_nearest(word, names.v, names.n);
    if (near.n > 0) {
        HINT(r, d, "did you mean '" STR_FMT "'?", STR_ARG(near));
    }
    return near.n > 0;
}

void dep_need(struct resolver *r, struct dep *user, struct dep *needed)
{
    vec_push(r->a, &user->needs, needed);
    vec_push(r->a, &needed->users, user);
    user->waits++;
}

/* ---- cycles ---- */

enum { NOTES_SHOWN = 8 };

/* What d, which could not be visited, waits for. */
static struct dep *next_undone(const struct dep *d)
{
    size_t i = 0;
    while (d->needs.v[i]->done) {
        i++;
        assert(i < d->needs.n);
    }
    return d->needs.v[i];
}

static void report_cycle(struct resolver *r, const struct dep *start, const char *what)
{
    struct diag *d = FAIL(r, NPC032, start->decl->item->name.loc.at,
                          "the %s '" STR_FMT "' contains %s", what, STR_ARG(start->full),
                          next_undone(start) == start ? "itself" : "itself by way of others");
    size_t shown = 0;
    for (const struct dep *at = next_undone(start); at != start && shown < NOTES_SHOWN;
         at = next_undone(at), shown++) {
        ALSO(r, d, at->decl->item->name.loc.at, "by way of '" STR_FMT "'", STR_ARG(at->full));
    }
}

/* From each that could not be visited, follows one need after the other: that must end in a cycle,
 * or where an earlier walk went. */
static void report_cycles(struct resolver *r, const struct deps *list, const char *what)
{
    for (size_t i = 0; i < list->list.n; i++) {
        struct dep *at = list->list.v[i];
        if (at->done) {
            continue;
        }
        for (; at->walk == 0; at = next_undone(at)) {
            at->walk = i + 1;
        }
        if (at->walk == i + 1) {
            report_cycle(r, at, what);
        }
    }
}

void deps_visit(struct resolver *r, struct deps *list, const char *what,
                void (*visit)(struct resolver *r, struct dep *d))
{
    VEC(struct dep *) ready = {0};
    for (size_t i = 0; i < list->list.n; i++) {
        if (list->list.v[i]->waits == 0) {
            vec_push(r->a, &ready, list->list.v[i]);
        }
    }
    for (size_t i = 0; i < ready.n; i++) {
        struct dep *d = ready.v[i];
        visit(r, d);
        d->done = true;
        for (size_t k = 0; k < d->users.n; k++) {
            if (--d->users.v[k]->waits == 0) {
                vec_push(r->a, &ready, d->users.v[k]);
            }
        }
    }
    if (ready.n < list->list.n) {
        report_cycles(r, list, what);
        for (size_t i = 0; i < list->list.n; i++) {
            list->list.v[i]->bad |= !list->list.v[i]->done;
        }
    }
}
