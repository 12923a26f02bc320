/* What runs: kept in order, each object once. Knows nothing of how objects were written. */
#include "ir/program.h"

#include <string.h>

void inventory_init(struct inventory *inv, struct arena *a)
{
    *inv = (struct inventory){0};
    strmap_init(&inv->ns_by_name, a);
}

struct ns_object *inventory_ns(struct inventory *inv, struct arena *a, struct str name)
{
    struct ns_object *ns = strmap_get(&inv->ns_by_name, name);
    if (ns != NULL) {
        return ns;
    }
    ns = ARENA_NEW(a, struct ns_object);
    *ns = (struct ns_object){.name = name, .labels = {.v = ARENA_NEW(a, struct label), .n = 1}};
    ns->labels.v[0] = (struct label){.key = STR(LABEL_NS_NAME), .value = name};
    vec_push(a, &inv->namespaces, ns);
    strmap_put(&inv->ns_by_name, name, ns);
    return ns;
}

/* ---- equality ---- */

static bool addresses_equal(const struct address *a, size_t na, const struct address *b, size_t nb)
{
    for (size_t i = 0; i < na && na == nb; i++) {
        if (a[i].family != b[i].family || ip_cmp(a[i].ip, b[i].ip) != 0) {
            return false;
        }
    }
    return na == nb;
}

static bool ports_equal(const struct workload *a, const struct workload *b)
{
    for (size_t i = 0; i < a->nports && a->nports == b->nports; i++) {
        const struct named_port *x = &a->ports[i], *y = &b->ports[i];
        if (x->proto != y->proto || x->number != y->number || !str_eq(x->name, y->name)) {
            return false;
        }
    }
    return a->nports == b->nports;
}

static bool workload_equal(const void *pa, const void *pb)
{
    const struct workload *a = pa, *b = pb;
    return str_eq(a->owner, b->owner) && str_eq(a->node, b->node) &&
           a->host_network == b->host_network && a->finished == b->finished &&
           labels_equal(&a->labels, &b->labels) && ports_equal(a, b) &&
           addresses_equal(a->addrs, a->naddrs, b->addrs, b->naddrs);
}

/* A namespace that is only known by name has nothing to differ in. */
static bool ns_equal(const void *pa, const void *pb)
{
    const struct ns_object *a = pa, *b = pb;
    return !a->declared || !b->declared || labels_equal(&a->labels, &b->labels);
}

static bool node_equal(const void *pa, const void *pb)
{
    const struct node_object *a = pa, *b = pb;
    return labels_equal(&a->labels, &b->labels) &&
           addresses_equal(a->addrs, a->naddrs, b->addrs, b->naddrs);
}

static bool service_ports_equal(const struct service *a, const struct service *b)
{
    for (size_t i = 0; i < a->nports && a->nports == b->nports; i++) {
        const struct service_port *x = &a->ports[i], *y = &b->ports[i];
        if (x->proto != y->proto || x->port != y->port || x->target != y->target ||
            !str_eq(x->name, y->name) || !str_eq(x->target_name, y->target_name)) {
            return false;
        }
    }
    return a->nports == b->nports;
}

/* A manifest, to which the server will give addresses. */
static bool service_is_hint(const void *object)
{
    const struct service *s = object;
    return s->naddrs == 0 && !s->headless;
}

static bool service_equal(const void *pa, const void *pb)
{
    const struct service *a = pa, *b = pb;
    return labels_equal(&a->selector, &b->selector) && service_ports_equal(a, b) &&
           (service_is_hint(a) || service_is_hint(b) ||
            (a->headless == b->headless &&
             addresses_equal(a->addrs, a->naddrs, b->addrs, b->naddrs)));
}

/* ---- order ---- */

/* By what identifies an object: 0 means the same object. */

static int ns_order(const void *pa, const void *pb)
{
    const struct ns_object *a = pa, *b = pb;
    return str_cmp(a->name, b->name);
}

static int node_order(const void *pa, const void *pb)
{
    const struct node_object *a = pa, *b = pb;
    return str_cmp(a->name, b->name);
}

static int service_order(const void *pa, const void *pb)
{
    const struct service *a = pa, *b = pb;
    int order = str_cmp(a->ns, b->ns);
    return order != 0 ? order : str_cmp(a->name, b->name);
}

/* A Deployment and a StatefulSet may share a name; of pods and VMs there is one by each name, even
 * if one is written as a Pod and the other as a `workload`. */
static int workload_order(const void *pa, const void *pb)
{
    const struct workload *a = pa, *b = pb;
    int order = str_cmp(a->ns, b->ns);
    if (order == 0) {
        order = str_cmp(a->name, b->name);
    }
    bool a_template = a->kind == WL_TEMPLATE, b_template = b->kind == WL_TEMPLATE;
    if (order == 0) {
        order = (int)a_template - (int)b_template;
    }
    return order == 0 && a_template ? str_cmp(a->owner, b->owner) : order;
}

/* ---- each object once ---- */

/* What the four lists have in common. */
struct object_kind {
    int (*order)(const void *a, const void *b);
    bool (*equal)(const void *a, const void *b);
    bool (*is_hint)(const void *object); /* another one of that name replaces it; or NULL */
    struct str (*describe)(struct arena *a, const void *object, struct span *at);
};

static struct str describe_ns(struct arena *a, const void *object, struct span *at)
{
    const struct ns_object *ns = object;
    *at = ns->at;
    return str_printf(a, "namespace " STR_FMT, STR_ARG(ns->name));
}

static struct str describe_node(struct arena *a, const void *object, struct span *at)
{
    const struct node_object *node = object;
    *at = node->at;
    return str_printf(a, "node " STR_FMT, STR_ARG(node->name));
}

static struct str describe_service(struct arena *a, const void *object, struct span *at)
{
    const struct service *s = object;
    *at = s->at;
    return str_printf(a, "service " STR_FMT "/" STR_FMT, STR_ARG(s->ns), STR_ARG(s->name));
}

static struct str describe_workload(struct arena *a, const void *object, struct span *at)
{
    const struct workload *w = object;
    *at = w->at;
    if (w->kind == WL_TEMPLATE) {
        return str_printf(a, STR_FMT " in namespace " STR_FMT, STR_ARG(w->owner), STR_ARG(w->ns));
    }
    return str_printf(a, "%s " STR_FMT "/" STR_FMT, w->kind == WL_POD ? "pod" : "workload",
                      STR_ARG(w->ns), STR_ARG(w->name));
}

static bool ns_is_hint(const void *object)
{
    const struct ns_object *ns = object;
    return !ns->declared;
}

static const struct object_kind ns_kind = {ns_order, ns_equal, ns_is_hint, describe_ns};
static const struct object_kind node_kind = {node_order, node_equal, NULL, describe_node};
static const struct object_kind service_kind = {service_order, service_equal, service_is_hint,
                                                describe_service};
static const struct object_kind workload_kind = {workload_order, workload_equal, NULL,
                                                 describe_workload};

/* An object and where it stood in the list, so that equals keep their order. */
struct slot {
    void *object;
    size_t index;
    const struct object_kind *kind;
};

static int slot_cmp(const void *pa, const void *pb)
{
    const struct slot *a = pa, *b = pb;
    int order = a->kind->order(a->object, b->object);
    if (order != 0) {
        return order;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static bool report_different(struct ctx *c, const struct object_kind *kind, const void *first,
                             const void *again)
{
    struct span first_at, again_at;
    kind->describe(&c->arena, first, &first_at);
    struct str what = kind->describe(&c->arena, again, &again_at);
    struct diag *d = diag_error(&c->diags, NPC068, again_at,
                                STR_FMT " is given twice, with different content", STR_ARG(what));
    diag_also(&c->diags, d, first_at, "it is given here first");
    diag_hint(&c->diags, d, "leave one of them out");
    return false;
}

/* Sorts and drops repeats; reports those that differ. Returns how many are left. */
static size_t unite(struct ctx *c, const struct object_kind *kind, struct slot *slots, size_t n,
                    bool *ok)
{
    size_t kept = 0;
    array_sort(slots, n, sizeof *slots, slot_cmp);
    for (size_t i = 0; i < n; i++) {
        struct slot *last = kept > 0 ? &slots[kept - 1] : NULL;
        if (last == NULL || kind->order(last->object, slots[i].object) != 0) {
            slots[kept++] = slots[i];
        } else if (!kind->equal(last->object, slots[i].object)) {
            *ok = report_different(c, kind, last->object, slots[i].object);
        } else if (kind->is_hint != NULL && kind->is_hint(last->object)) {
            *last = slots[i];
        }
    }
    return kept;
}

/* The lists hold pointers of different types: they go through slots one by one. */
#define UNITE(c, vec, object_kind, ok)                                                             \
    do {                                                                                           \
        struct slot *slots = ARENA_NEW_ARRAY(&(c)->arena, (vec)->n, struct slot);                  \
        for (size_t i = 0; i < (vec)->n; i++) {                                                    \
            slots[i] = (struct slot){(vec)->v[i], i, &(object_kind)};                              \
        }                                                                                          \
        (vec)->n = unite((c), &(object_kind), slots, (vec)->n, (ok));                              \
        for (size_t i = 0; i < (vec)->n; i++) {                                                    \
            (vec)->v[i] = slots[i].object;                                                         \
        }                                                                                          \
    } while (0)

/* Every namespace in which something runs is a namespace. */
static void name_namespaces(struct ctx *c, struct inventory *inv)
{
    for (size_t i = 0; i < inv->workloads.n; i++) {
        inventory_ns(inv, &c->arena, inv->workloads.v[i]->ns);
    }
    for (size_t i = 0; i < inv->services.n; i++) {
        inventory_ns(inv, &c->arena, inv->services.v[i]->ns);
    }
}

bool inventory_finish(struct ctx *c, struct inventory *inv)
{
    bool ok = true;
    name_namespaces(c, inv);
    UNITE(c, &inv->namespaces, ns_kind, &ok);
    UNITE(c, &inv->workloads, workload_kind, &ok);
    UNITE(c, &inv->nodes, node_kind, &ok);
    UNITE(c, &inv->services, service_kind, &ok);
    strmap_init(&inv->ns_by_name, &c->arena);
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        strmap_put(&inv->ns_by_name, inv->namespaces.v[i]->name, inv->namespaces.v[i]);
    }
    return ok;
}

/* ---- look-ups ---- */

const struct ns_object *inventory_find_ns(const struct inventory *inv, struct str name)
{
    return strmap_get(&inv->ns_by_name, name);
}

const struct node_object *inventory_find_node(const struct inventory *inv, struct str name)
{
    const struct node_object key = {.name = name};
    size_t low = 0, high = inv->nodes.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = node_order(&key, inv->nodes.v[middle]);
        if (order == 0) {
            return inv->nodes.v[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* A pod or `workload` of that name if there is one, else a template. */
const struct workload *inventory_find_workload(const struct inventory *inv, struct str ns,
                                               struct str name)
{
    size_t low = 0, high = inv->workloads.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct workload *w = inv->workloads.v[middle];
        int order = str_cmp(w->ns, ns);
        order = order != 0 ? order : str_cmp(w->name, name);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct workload *first = low < inv->workloads.n ? inv->workloads.v[low] : NULL;
    return first != NULL && str_eq(first->ns, ns) && str_eq(first->name, name) ? first : NULL;
}

/* Whether owner is KIND "/" NAME "-" TAIL; the last '-' counts. */
static bool split_owner(struct str owner, struct str kind, struct str *name, struct str *tail)
{
    size_t dash = owner.n;
    while (dash > 0 && owner.p[dash - 1] != '-') {
        dash--;
    }
    size_t start = kind.n + 1;
    if (dash < start + 2 || memcmp(owner.p, kind.p, kind.n) != 0 || owner.p[kind.n] != '/') {
        return false;
    }
    *name = (struct str){owner.p + start, dash - 1 - start};
    *tail = (struct str){owner.p + dash, owner.n - dash};
    return true;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ch_is_digit((unsigned char)s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

struct str workload_grand_owner(struct arena *a, const struct workload *w)
{
    struct str name, tail;
    if (split_owner(w->owner, STR("ReplicaSet"), &name, &tail)) {
        const struct label *hash = labels_find(&w->labels, STR("pod-template-hash"));
        if (hash != NULL && str_eq(hash->value, tail)) {
            return str_path(a, STR("Deployment"), name);
        }
    }
    if (split_owner(w->owner, STR("Job"), &name, &tail) && is_number(tail)) {
        return str_path(a, STR("CronJob"), name);
    }
    return STR("");
}

bool service_selects(const struct service *s, const struct workload *w)
{
    if (!str_eq(s->ns, w->ns) || s->selector.n == 0) {
        return false;
    }
    for (size_t i = 0; i < s->selector.n; i++) {
        const struct label *have = labels_find(&w->labels, s->selector.v[i].key);
        if (have == NULL || !str_eq(have->value, s->selector.v[i].value)) {
            return false;
        }
    }
    return true;
}
