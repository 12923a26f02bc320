/* Names that several objects have, and who pods are listed as. */
#include "analysis/naming.h"
#include "unit.h"

struct given { /* a workload, in the order of an inventory */
    const char *ns, *name, *owner;
    enum workload_kind kind;
    const char *hash; /* its label pod-template-hash, or NULL */
};

static void workload_of(struct workload *w, struct label *hash, const struct given *g)
{
    *hash = (struct label){.key = STR("pod-template-hash"),
                           .value = str_of(g->hash != NULL ? g->hash : "")};
    *w = (struct workload){.kind = g->kind,
                           .ns = str_of(g->ns),
                           .name = str_of(g->name),
                           .owner = str_of(g->owner),
                           .labels = {hash, g->hash != NULL}};
}

/* "shared" names of the inventories that were added, asked for one by one. */
static bool is_shared(const struct naming *n, const char *name)
{
    struct str got = naming_unique(n, str_of(name), STR("any"), STR("Kind"));
    CU_ASSERT(str_is(got, "any") || str_is(got, "any[Kind]"));
    return str_is(got, "any[Kind]");
}

static struct naming begin(struct arena *a)
{
    struct naming n;
    arena_init(a, unit_oom, NULL);
    naming_init(&n, a);
    return n;
}

static void add(struct naming *n, const struct given *v, size_t count, bool owners)
{
    struct inventory inv;
    inventory_init(&inv, n->arena);
    for (size_t i = 0; i < count; i++) {
        struct workload *w = ARENA_NEW(n->arena, struct workload);
        workload_of(w, ARENA_NEW(n->arena, struct label), &v[i]);
        vec_push(n->arena, &inv.workloads, w);
    }
    naming_add(n, &inv, owners);
}

static void names_of_several_objects(void)
{
    static const struct given v[] = {
        {"a", "a-x", "Job/a", WL_POD, NULL}, /* two owners of one name, no object of it */
        {"a", "a-y", "ReplicaSet/a", WL_POD, NULL},
        {"a", "api", "", WL_POD, NULL}, /* and an owner that only a later pod tells of */
        {"a", "api-7-x", "ReplicaSet/api-7", WL_POD, "7"},
        {"a", "both", "DaemonSet/both", WL_TEMPLATE, NULL},
        {"a", "both", "StatefulSet/both", WL_TEMPLATE, NULL},
        {"a", "db", "StatefulSet/db", WL_TEMPLATE, NULL}, /* the same as the owner of db-0 */
        {"a", "db-0", "StatefulSet/db", WL_POD, NULL},
        {"a", "vm", "", WL_WORKLOAD, NULL},
        {"a", "zzz", "Job/aaa", WL_POD, NULL}, /* owners are not in the order of their pods */
        {"b", "a", "Job/aaa", WL_POD, NULL},   /* another one than before */
        {"b", "aaa", "", WL_POD, NULL},
        {"b", "db", "", WL_POD, NULL}, /* another namespace */
        {"b", "vm-x", "Job/vm", WL_POD, NULL},
        {"b", "zzz-x", "Job/db", WL_POD, NULL},
        {"c", "db", "", WL_WORKLOAD, NULL},
    };
    static const char *const shared[] = {"a/a", "a/api", "a/both", "b/aaa", "b/db"};
    static const char *const unique[] = {"a/db", "a/db-0", "a/vm", "a/aaa", "b/vm", "c/db"};
    struct arena a;
    struct naming n = begin(&a);
    CU_ASSERT(!is_shared(&n, "a/both"));
    add(&n, v, COUNT(v), true);
    for (size_t i = 0; i < COUNT(shared); i++) {
        CU_ASSERT(is_shared(&n, shared[i]));
    }
    for (size_t i = 0; i < COUNT(unique); i++) {
        CU_ASSERT(!is_shared(&n, unique[i]));
    }
    arena_free(&a);
}

/* Where pods stand one by one, owners have no names. */
static void without_owners(void)
{
    static const struct given v[] = {{"a", "both", "DaemonSet/both", WL_TEMPLATE, NULL},
                                     {"a", "both", "StatefulSet/both", WL_TEMPLATE, NULL},
                                     {"a", "web", "", WL_POD, NULL},
                                     {"a", "web-x", "ReplicaSet/web", WL_POD, NULL}};
    struct arena a;
    struct naming n = begin(&a);
    add(&n, v, COUNT(v), false);
    CU_ASSERT(is_shared(&n, "a/both") && !is_shared(&n, "a/web"));
    arena_free(&a);
}

/* Of two inventories each is looked at by itself: a Pod that becomes a Deployment keeps its name.
 */
static void two_inventories(void)
{
    static const struct given old[] = {{"a", "web", "", WL_POD, NULL}},
                              now[] = {{"a", "api", "", WL_POD, NULL},
                                       {"a", "api-x", "ReplicaSet/api", WL_POD, NULL},
                                       {"a", "web-x", "ReplicaSet/web", WL_POD, NULL}};
    struct arena a;
    struct naming n = begin(&a);
    add(&n, old, COUNT(old), true);
    add(&n, now, COUNT(now), true);
    CU_ASSERT(is_shared(&n, "a/api") && !is_shared(&n, "a/web"));
    arena_free(&a);
}

/* In this order: what is kept of the workload before must not be taken for another one's. */
static void owners(void)
{
    static const struct {
        struct given given;
        const char *want;
    } cases[] = {
        {{"a", "x", "ReplicaSet/web-5", WL_POD, "5"}, "Deployment/web"},
        {{"a", "y", "ReplicaSet/web-5", WL_POD, "5"}, "Deployment/web"},
        {{"a", "z", "ReplicaSet/web-5", WL_POD, "6"}, "ReplicaSet/web-5"},
        {{"a", "z", "ReplicaSet/web-5", WL_TEMPLATE, "6"}, ""},
        {{"a", "z", "ReplicaSet/api-6", WL_POD, "6"}, "Deployment/api"},
        {{"a", "z", "ReplicaSet/api-6", WL_POD, NULL}, "ReplicaSet/api-6"},
        {{"a", "z", "", WL_POD, NULL}, ""},
        {{"a", "z", "Node/n1", WL_POD, NULL}, ""},
        {{"a", "z", "Job/backup-1", WL_POD, NULL}, "Job/backup-1"},
        {{"a", "z", "Job/-", WL_POD, NULL}, ""},
        {{"a", "z", "Job", WL_POD, NULL}, ""},
        {{"a", "z", "", WL_WORKLOAD, NULL}, ""},
    };
    struct arena a;
    struct naming n = begin(&a);
    struct workload w[COUNT(cases)];
    struct label hash[COUNT(cases)];
    for (size_t i = 0; i < COUNT(cases); i++) {
        workload_of(&w[i], &hash[i], &cases[i].given);
        CU_ASSERT(str_is(naming_owner(&n, &w[i]), cases[i].want));
    }
    arena_free(&a);
}

static void parts_of_an_owner(void)
{
    CU_ASSERT(str_is(owner_kind(STR("Deployment/web")), "Deployment"));
    CU_ASSERT(str_is(owner_name(STR("Deployment/web")), "web"));
    CU_ASSERT(str_is(owner_kind(STR("web")), "web") && owner_name(STR("web")).n == 0);
    CU_ASSERT(owner_kind(STR("")).n == 0 && owner_name(STR("")).n == 0);
    static const struct workload pod = {.kind = WL_POD}, vm = {.kind = WL_WORKLOAD};
    CU_ASSERT(str_is(workload_type(&pod), "Pod") && str_is(workload_type(&vm), "workload"));
}

UNIT_MAIN("naming", TEST(names_of_several_objects), TEST(without_owners), TEST(two_inventories),
          TEST(owners), TEST(parts_of_an_owner))
