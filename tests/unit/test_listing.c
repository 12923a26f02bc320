/* Listings that no input of the golden cases makes: limits, and names that a format must escape. */
#include "analysis/listing.h"
#include "compile.h"

static const char two_pods[] = "namespace a {\n"
                               "  workload one { addr 10.0.0.1 }\n"
                               "  workload two { addr 10.0.0.2 }\n"
                               "}\n";

static const struct listing *list(struct compiled *c, const struct list_options *o)
{
    static const struct world_options options = {.open = false};
    const struct world *w = world_new(&c->ctx, &c->program, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    return listing_new(w, o);
}

/* One to two and back, and each from and to all IPv4 addresses: six connections. */
static void test_limit(void)
{
    static const struct list_options pods = {.level = LIST_PODS}, classes = {.level = LIST_CLASSES};
    struct compiled c;
    compile_load(&c, "a.npc", str_of(two_pods));
    CU_ASSERT(c.loaded);
    c.ctx.limits.elements = 6;
    const struct listing *l = list(&c, &pods);
    CU_ASSERT(l != NULL && l->nconnections == 6);
    c.ctx.limits.elements = 5;
    CU_ASSERT_PTR_NULL(list(&c, &pods));
    CU_ASSERT_EQUAL(count_diags(&c, DIAG_NPC605), 1);
    l = list(&c, &classes);
    CU_ASSERT(l != NULL && l->nblocks > 0);
    compile_free(&c);
}

/* A listing of one connection between two ends with these names. */
static const char *emitted(struct compiled *c, list_emit_fn emit, const char *from, const char *to)
{
    static const struct list_options options = {.level = LIST_PODS};
    static struct list_connection one = {.from = 0, .to = 1};
    struct listing l = *list(c, &options);
    l.endpoints[0].name = str_of(from);
    l.endpoints[1].name = str_of(to);
    l.connections = &one;
    l.nconnections = 1;
    struct buf *out = buf_new(&c->ctx.arena);
    emit(&l, out);
    return str_dup(&c->ctx.arena, buf_text(out)).p;
}

static void check_emitted(list_emit_fn emit, const char *from, const char *to, const char *wanted)
{
    struct compiled c;
    compile_load(&c, "a.npc", str_of(two_pods));
    const char *text = emitted(&c, emit, from, to);
    bool found = strstr(text, wanted) != NULL;
    CU_ASSERT(found);
    if (!found) {
        printf("\nno %s in:\n%s\n", wanted, text);
    }
    compile_free(&c);
}

static void test_csv(void)
{
    check_emitted(list_csv, "a/one", "a/two", "\r\na/one,a/two,,ALL,,\r\n");
    check_emitted(list_csv, "x,\"y\"", "two\nlines", "\"x,\"\"y\"\"\",\"two\nlines\",,ALL,,\r\n");
    check_emitted(list_csv, "=1+1", "@x", "'=1+1,'@x,,ALL,,\r\n");
    check_emitted(list_csv, "+1", "-1,2", "'+1,\"'-1,2\",,ALL,,\r\n");
}

static void test_escapes(void)
{
    check_emitted(list_json, "a\"b\\", "c\n", "{\"from\": \"a\\\"b\\\\\", \"to\": \"c\\n\", ");
    check_emitted(list_md, "a|b", "<b>*c*\n", "| \\<b\\>\\*c\\*  | all | a\\|b |\n");
    check_emitted(list_dot, "a/q\"\\", "a/r\n", "label=\"q\\\"\\\\\"");
    check_emitted(list_dot, "a/q\"\\", "a/r\n", "label=\"r\\n\"");
}

UNIT_MAIN("listing", TEST(test_limit), TEST(test_csv), TEST(test_escapes))
