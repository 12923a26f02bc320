/*
 * The open world: which pods that are not there it asks about, and with which labels and in which
 * namespaces, beside what was worked out by hand.
 */
#include "analysis/world_priv.h"
#include "compile.h"

static void put_labels(struct buf *b, const struct labels *l)
{
    for (size_t i = 0; i < l->n; i++) {
        buf_puts(b, " ");
        buf_str(b, str_is(l->v[i].key, LABEL_NS_NAME) ? STR("name") : l->v[i].key);
        buf_puts(b, "=");
        buf_str(b, l->v[i].value);
    }
}

/* "TEXT: labels of the namespace / labels", a line for each pod that is not there. */
static void check_open(const char *text, const char *want)
{
    static const struct world_options options = {.open = true};
    struct compiled c;
    compile_load(&c, "t.npc", str_of(text));
    CU_ASSERT(c.loaded);
    const struct world *w = world_new(&c.ctx, &c.program, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    const struct binding *m = &w->parts->match;
    struct buf *got = buf_new(&c.ctx.arena);
    size_t classes = 0; /* each is one of its own, and has its name */
    for (size_t i = 0; i < w->nclasses; i++) {
        if (w->classes[i].kind == EP_OPEN) {
            CU_ASSERT_FATAL(w->parts->nreal + classes < m->nlive);
            CU_ASSERT(str_eq(w->classes[i].text, m->live[w->parts->nreal + classes++].w->name));
        }
    }
    CU_ASSERT_EQUAL(classes, m->nlive - w->parts->nreal);
    for (size_t i = w->parts->nreal; i < m->nlive; i++) {
        const struct live *l = &m->live[i];
        const struct ns_object *ns = inventory_find_ns(&m->program->inv, l->w->ns);
        CU_ASSERT(str_eq(w->parts->open[i - w->parts->nreal].text, l->w->name));
        buf_str(got, l->w->name);
        buf_puts(got, ":");
        put_labels(got, ns != NULL ? &ns->labels : m->groups.v[l->group].ns);
        buf_puts(got, " /");
        put_labels(got, &l->w->labels);
        buf_puts(got, "\n");
    }
    CU_ASSERT(str_is(buf_text(got), want));
    CU_ASSERT_PTR_NULL(inventory_find_ns(&c.program.inv, STR("*1"))); /* it stays as it was */
    if (!str_is(buf_text(got), want)) {
        printf("\n" STR_FMT "wanted:\n%s\ngot:\n" STR_FMT "\n", STR_ARG(compile_messages(&c)), want,
               STR_ARG(buf_text(got)));
    }
    compile_free(&c);
}

#define SHOP(rules)                                                                                \
    "namespace shop { workload web { addr 10.0.0.1 label app=web }\n"                              \
    "policy a for pods app=web {\n" rules "} }\n"

static void pods_of_clauses(void)
{
    check_open(SHOP("allow from pods app=x on tcp/80\n"
                    "allow from {pods app=y & tier exists, pods app=x} on tcp/81\n"
                    "allow to all pods in all namespaces on tcp/80\n"),
               "any other pod: name=*1 /\n"
               "pods app=x in namespace shop: name=shop / app=x\n"
               "pods app=y & tier exists in namespace shop: name=shop / app=y tier=any0\n"
               "all pods in all namespaces: name=*2 /\n");
    check_open(SHOP("allow from pods k notin {a, b} & k exists on tcp/80\n"
                    "allow from pods k in {any0, any1} & k notin {any0} on tcp/80\n"
                    "allow from pods k notin {any0} & k exists on tcp/80\n"
                    "allow from pods k !exists & j=1 on tcp/80\n"
                    "allow from pods k notin {any0, any1} & k exists on tcp/80\n"
                    "allow from pods k exists & k in {b, c} & k notin {b} on tcp/80\n"),
               "any other pod: name=*1 /\n"
               "pods k notin {a, b} & k exists in namespace shop: name=shop / k=any0\n"
               "pods k in {any0, any1} & k notin {any0} in namespace shop: name=shop / k=any1\n"
               "pods k notin {any0} & k exists in namespace shop: name=shop / k=any1\n"
               "pods j=1 & k !exists in namespace shop: name=shop / j=1\n"
               "pods k notin {any0, any1} & k exists in namespace shop: name=shop / k=any2\n"
               "pods k in {b, c} & k notin {b} & k exists in namespace shop: name=shop / k=c\n");
}

static void namespaces_of_clauses(void)
{
    check_open(SHOP("allow from namespace shop on tcp/80\n"
                    "allow from namespace gone on tcp/80\n"
                    "allow from namespace {gone, shop} on tcp/80\n"
                    "allow from namespaces team=x on tcp/80\n"
                    "allow from pods app=x in namespaces team exists on tcp/80\n"
                    "allow from namespaces team !exists on tcp/80\n"),
               "any other pod: name=*1 /\n"
               "all pods in namespace shop: name=shop /\n"
               "all pods in namespace gone: name=gone /\n"
               "all pods in namespaces team=x: name=*3 team=x /\n"
               "pods app=x in namespaces team exists: name=*4 team=any0 / app=x\n"
               "all pods in namespaces team !exists: name=*5 /\n");
    check_open(SHOP("allow from {pods b=1 & a=1, pods k in {b, d} & k notin {b, d} & k exists} on "
                    "tcp/80\n"
                    "allow from {pods a=1, pods app=x in namespaces team in {b, d} & team notin "
                    "{b, d}} on tcp/80\n"
                    "allow from {cidr 10.1.0.0/16, pods b=1 & a=1} on tcp/81\n"
                    "allow from namespaces a=1 on tcp/81\n"),
               "any other pod: name=*1 /\n"
               "pods a=1 & b=1 in namespace shop: name=shop / a=1 b=1\n"
               "pods a=1 in namespace shop: name=shop / a=1\n"
               "all pods in namespaces a=1: a=1 name=*2 /\n");
    check_open(SHOP("allow from namespace {absent, shop} on tcp/80\n"
                    "allow from namespace {lost, gone} on tcp/80\n"),
               "any other pod: name=*1 /\n"
               "all pods in namespace absent: name=absent /\n"
               "all pods in namespace shop: name=shop /\n"
               "all pods in namespace gone: name=gone /\n"
               "all pods in namespace lost: name=lost /\n");
    check_open(
        "namespace dev { label team=x }\n" SHOP(
            "allow from pods app=x in namespaces kubernetes.io/metadata.name in {dev, gone, "
            "shop} & team=x on tcp/80\n"
            "allow from namespaces kubernetes.io/metadata.name notin {dev} on tcp/80\n"),
        "any other pod: name=*2 /\n"
        "pods app=x in namespaces kubernetes.io/metadata.name=dev & team=x: name=dev team=x / "
        "app=x\n"
        "pods app=x in namespaces kubernetes.io/metadata.name=gone & team=x: name=gone team=x / "
        "app=x\n"
        "all pods in namespaces kubernetes.io/metadata.name notin {dev}: name=*4 /\n");
}

UNIT_MAIN("world_open", TEST(pods_of_clauses), TEST(namespaces_of_clauses))
