/* Names of workloads and their owners. Nothing here knows what flows. */
#include "analysis/naming.h"

void naming_init(struct naming *n, struct arena *a)
{
    *n = (struct naming){.arena = a};
    strmap_init(&n->shared, a);
}

struct str owner_kind(struct str owner)
{
    size_t i = 0;
    while (i < owner.n && owner.p[i] != '/') {
        i++;
    }
    return (struct str){owner.p, i};
}

struct str owner_name(struct str owner)
{
    size_t i = owner_kind(owner).n;
    return i < owner.n ? (struct str){owner.p + i + 1, owner.n - i - 1} : STR("");
}

struct str workload_type(const struct workload *w)
{
    switch (w->kind) {
    case WL_POD:
        return STR("Pod");
    case WL_WORKLOAD:
        return STR("workload");
    case WL_TEMPLATE:
        return owner_kind(w->owner);
    }
    return STR("");
}

/* ---- owners ---- */

/* A mirror of a static pod is owned by its node, which says nothing of what it is. That a Job is a
 * CronJob's is a guess from its name: not made here. */
static struct str find_owner(struct arena *a, const struct workload *w)
{
    struct str owner = workload_grand_owner(a, w);
    owner = str_starts(owner, "Deployment/") ? owner : w->owner;
    bool usable = w->kind == WL_POD && !str_is(owner_kind(owner), "Node") &&
                  name_check_subdomain(owner_name(owner)) == NULL;
    return usable ? owner : STR("");
}

/* Workloads mostly come beside their siblings, which have the same owner: kind, owner and labels
 * are all that tells it. */
struct str naming_owner(struct naming *n, const struct workload *w)
{
    const struct workload *last = n->last;
    if (last == NULL || w->kind != last->kind || !str_eq(w->owner, last->owner) ||
        !labels_equal(&w->labels, &last->labels)) {
        n->last_owner = find_owner(n->arena, w);
        n->last = w;
    }
    return n->last_owner;
}

/* ---- names that several objects have ---- */

struct named {
    struct str ns, name, kind;
};

static int name_order(const void *pa, const void *pb)
{
    const struct named *a = pa, *b = pb;
    int order = str_cmp(a->ns, b->ns);
    return order != 0 ? order : str_cmp(a->name, b->name);
}

struct named_list {
    VEC(struct named) list;
};

static struct named named_workload(const struct workload *w)
{
    return (struct named){w->ns, w->name, workload_type(w)};
}

/* The owners of all pods, by name; some several times. */
static struct named_list collect_owners(struct naming *n, const struct inventory *inv)
{
    struct named_list out = {0};
    struct str ns = STR(""), last = STR("");
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *w = inv->workloads.v[i];
        struct str owner = naming_owner(n, w);
        if (owner.n > 0 && !(str_eq(owner, last) && str_eq(w->ns, ns))) {
            vec_push(n->arena, &out.list,
                     (struct named){w->ns, owner_name(owner), owner_kind(owner)});
        }
        ns = w->ns;
        last = owner;
    }
    array_sort(out.list.v, out.list.n, sizeof *out.list.v, name_order);
    return out;
}

/* Of objects of one name, it is enough if neighbours in lists by name meet. */
static void note_shared(struct naming *n, const struct named *a, const struct named *b)
{
    if (name_order(a, b) == 0 && !str_eq(a->kind, b->kind)) {
        strmap_put(&n->shared, str_path(n->arena, a->ns, a->name), n);
    }
}

void naming_add(struct naming *n, const struct inventory *inv, bool owners)
{
    struct named_list owned = {0};
    if (owners) {
        owned = collect_owners(n, inv);
    }
    struct named before = {0};
    size_t next = 0;
    for (size_t i = 0; i < inv->workloads.n; i++) {
        struct named w = named_workload(inv->workloads.v[i]);
        while (next < owned.list.n && name_order(&owned.list.v[next], &w) < 0) {
            next++;
        }
        if (next < owned.list.n) {
            note_shared(n, &owned.list.v[next], &w);
        }
        note_shared(n, &before, &w);
        before = w;
    }
    for (size_t i = 1; i < owned.list.n; i++) {
        note_shared(n, &owned.list.v[i - 1], &owned.list.v[i]);
    }
}

struct str naming_unique(const struct naming *n, struct str claimed, struct str name,
                         struct str type)
{
    return strmap_get(&n->shared, claimed) != NULL
               ? str_printf(n->arena, STR_FMT "[" STR_FMT "]", STR_ARG(name), STR_ARG(type))
               : name;
}

struct str naming_member(const struct naming *n, const struct endpoint_member *m)
{
    const struct workload *w = m->workload;
    struct str name = member_name(n->arena, m);
    return w == NULL ? name
                     : naming_unique(n, str_path(n->arena, w->ns, w->name), name, workload_type(w));
}
