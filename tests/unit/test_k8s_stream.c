/* Documents, lists, kinds, limits and aliases: everything around one object. */
#include "read.h"

#define POD(name)                                                                                  \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\"},\"spec\":{}}"
#define BARE_POD(name) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{}}"

struct stream_case {
    enum k8s_syntax syntax;
    const char *text;
    size_t workloads, policies, skipped;
};

/* threats.md 20 */
static void documents_and_lists(void)
{
    static const struct stream_case cases[] = {
        {K8S_YAML, "", 0, 0, 0},
        {K8S_YAML, "---\n# nothing\n---\n---\n" POD("a") "\n---\n", 1, 0, 0},
        {K8S_YAML, POD("a") "\n---\n" POD("b") "\n...\n", 2, 0, 0},
        {K8S_YAML, "kind: Secret\napiVersion: v1\ndata: {yes: no, yes: x}\n", 0, 0, 1},
        {K8S_JSON, POD("a") POD("b") "\n" POD("c"), 3, 0, 0},
        {K8S_JSON, "null", 0, 0, 0},
        {K8S_JSON, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}", 0, 0, 0},
        {K8S_JSON, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":null}", 0, 0, 0},
        {K8S_YAML, "kind: NetworkPolicyList\napiVersion: networking.k8s.io/v1\nitems: null\n", 0, 0,
         0},
        {K8S_JSON,
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a") "," POD("b") "]}", 2, 0,
         0},
        /* as kubectl prints it: the kind comes last */
        {K8S_JSON,
         "{\"apiVersion\":\"v1\",\"items\":[" POD("a") "," POD("b") "],\"kind\":\"List\"}", 2, 0,
         0},
        /* as the server gives it: items of a PodList have no kind */
        {K8S_JSON, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[" BARE_POD("a") "]}", 1,
         0, 0},
        {K8S_JSON,
         "{\"items\":[" BARE_POD("a") "," POD("b") "," BARE_POD("c") "],\"apiVersion\":\"v1\","
                                                                     "\"kind\":\"PodList\"}",
         3, 0, 0},
        {K8S_JSON,
         "{\"items\":[{\"a\":1},{\"b\":2}],\"apiVersion\":\"v1\",\"kind\":\"SecretList\"}", 0, 0,
         2},
        {K8S_JSON, "{\"items\":[{\"a\":1}],\"apiVersion\":\"x/v1\",\"kind\":\"Thing\"}", 0, 0, 1},
        {K8S_JSON,
         "{\"kind\":\"List\",\"items\":[{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":"
         "[" BARE_POD("a") "]}," POD("b") "]}",
         2, 0, 0},
        {K8S_YAML,
         "kind: NetworkPolicyList\napiVersion: networking.k8s.io/v1\nitems:\n- metadata: {name: p}"
         "\n  spec: {}\n",
         0, 1, 0},
        {K8S_YAML, "kind: Kustomization\n", 0, 0, 1},
        {K8S_YAML, "kind: WebPolicy\napiVersion: xcilium.io/v2\n", 0, 0, 1},
        {K8S_YAML, "kind: AllowList\napiVersion: x/v1\nspec: {}\n", 0, 0, 1},
    };
    static const size_t steps[] = {0, 1};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t s = 0; s < COUNT(steps); s++) {
            struct reading r;
            reading_init(&r);
            reading_add(&r, cases[i].syntax, str_of(cases[i].text), steps[s]);
            bool same = r.ok && r.program.inv.workloads.n == cases[i].workloads &&
                        r.program.policies.n == cases[i].policies &&
                        r.counts.skipped == cases[i].skipped;
            CU_ASSERT(same);
            if (!same) {
                printf("\n  %s: ok %d, %zu workloads, %zu policies, %zu skipped", cases[i].text,
                       r.ok, r.program.inv.workloads.n, r.program.policies.n, r.counts.skipped);
            }
            reading_free(&r);
        }
    }
}

struct broken_case {
    enum k8s_syntax syntax;
    const char *text;
    enum diag_id id;
    uint32_t line, col;
    const char *part;
};

static void check_broken(const struct broken_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct reading r;
        reading_of(&r, cases[i].syntax, cases[i].text);
        CU_ASSERT(!r.ok);
        CU_ASSERT(
            has_diag(&r.ctx, SEV_ERROR, cases[i].id, cases[i].line, cases[i].col, cases[i].part));
        reading_free(&r);
    }
}

static void broken_objects(void)
{
    static const struct broken_case cases[] = {
        {K8S_YAML, "- a\n", DIAG_NPC060, 1, 1, "must be a mapping, but is a list"},
        {K8S_YAML, "just text\n", DIAG_NPC060, 1, 1, "must be a mapping, but is a string"},
        {K8S_YAML, "a: b\n", DIAG_NPC061, 1, 1, "kind: Required value"},
        {K8S_YAML, "kind:\n", DIAG_NPC061, 1, 1, "kind: Required value"},
        {K8S_YAML, "kind: [Pod]\n", DIAG_NPC060, 1, 7, "kind: Invalid value"},
        {K8S_YAML, "kind: on\n", DIAG_NPC054, 1, 7, "kind: Invalid value: on"},
        {K8S_YAML, "kind: A\nkind: Pod\n", DIAG_NPC053, 2, 1, "\"kind\" stands twice"},
        {K8S_YAML, "kind: A\n\"kind\": Pod\n", DIAG_NPC053, 2, 1, "\"kind\" stands twice"},
        {K8S_YAML, "kind: A\n\"ki\\0nd\": Pod\n", DIAG_NPC002, 2, 1, "NUL"},
        {K8S_YAML, "kind: \"Pod\\0\"\n", DIAG_NPC002, 1, 7, "NUL"}, /* threats.md 17 */
        {K8S_YAML, "kind: Pod\n? [a]\n: b\n", DIAG_NPC052, 2, 3, "key"},
        {K8S_YAML, "kind: Pod\n<<: {a: b}\n", DIAG_NPC052, 2, 1, "merge key"},
        {K8S_YAML, "apiVersion: v1\nkind: Pod\n=: b\n", DIAG_NPC054, 3, 1, "the key ="},
        {K8S_JSON, "{\"items\":[" BARE_POD("a") "]}", DIAG_NPC061, 1, 1, "kind: Required value"},
        {K8S_JSON, "{\"kind\":\"List\",\"items\":[" BARE_POD("a") "]}", DIAG_NPC061, 1, 25,
         "kind: Required value"},
        {K8S_JSON, "{\"kind\":\"List\",\"items\":[null]}", DIAG_NPC060, 1, 25, "null"},
        {K8S_JSON, "{\"items\":[1],\"kind\":\"List\"}", DIAG_NPC060, 1, 11, "must be a mapping"},
        {K8S_JSON, "{\"items\":[[]],\"kind\":\"PodList\"}", DIAG_NPC060, 1, 11, "but is a list"},
        {K8S_JSON, "{\"kind\":\"List\",\"items\":{}}", DIAG_NPC060, 1, 24, "must be a list"},
        {K8S_JSON, "{\"items\":[" POD("a") ",{\"kind\":\"Secret\"}],\"kind\":\"PodList\"}",
         DIAG_NPC062, 1, 86, "must be \"Pod\" in a PodList"},
        {K8S_JSON, "{\"kind\":\"SecretList\",\"items\":[" POD("a") "]}", DIAG_NPC062, 1, 57,
         "must be \"Secret\" in a SecretList"},
        {K8S_JSON, "{\"items\":[" POD("a") "],\"kind\":\"Thing\"}", DIAG_NPC062, 1, 1,
         "a Thing is no list"},
        {K8S_JSON, "{\"items\":[" POD("a") "],\"items\":[],\"kind\":\"List\"}", DIAG_NPC053, 1, 79,
         "\"items\" stands twice"},
    };
    check_broken(cases, COUNT(cases));
}

/* A policy is never passed over. */
static void policy_kinds(void)
{
    static const struct broken_case cases[] = {
        {K8S_YAML, "apiVersion: networking.k8s.io/v1\nkind: networkpolicy\n", DIAG_NPC007, 2, 7,
         "networkpolicy"},
        {K8S_YAML, "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\n", DIAG_NPC007, 2, 7,
         "projectcalico.org/v3"},
        {K8S_YAML, "apiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkPolicy\n", DIAG_NPC007,
         2, 7, "GlobalNetworkPolicy"},
        {K8S_YAML, "apiVersion: cilium.io/v2\nkind: CiliumEgressGatewayPolicy\n", DIAG_NPC007, 2, 7,
         "CiliumEgressGatewayPolicy"},
        {K8S_YAML, "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicyList\nitems:\n- spec: {}\n",
         DIAG_NPC007, 4, 3, "CiliumNetworkPolicy\""},
        {K8S_YAML, "apiVersion: x.example/v1\nkind: MyNETWORKPOLICY\n", DIAG_NPC007, 2, 7, "My"},
        {K8S_YAML, "kind: NetworkPolicy\n", DIAG_NPC067, 1, 7, "apiVersion: Required value"},
        {K8S_YAML, "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\n", DIAG_NPC067, 1,
         13, "networking.k8s.io/v1beta1"},
        {K8S_YAML, "apiVersion: apps/v1\nkind: Pod\n", DIAG_NPC067, 1, 13, "npc reads Pod of"},
        {K8S_YAML, "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n", DIAG_NPC508, 1, 13,
         "no longer served"},
        {K8S_YAML, "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: ClusterNetworkPolicy\n",
         DIAG_NPC067, 1, 13, "v1alpha2"},
    };
    check_broken(cases, COUNT(cases));
}

/* The hint names the kind as --skip-kind takes it. */
static void refusal_hints(void)
{
    static const struct {
        const char *text;
        enum diag_id id;
        const char *hint;
    } cases[] = {
        {"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n", DIAG_NPC007,
         "--skip-kind CiliumNetworkPolicy.cilium.io"},
        {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\n", DIAG_NPC007,
         "--skip-kind NetworkPolicy.projectcalico.org"},
        {"apiVersion: x/v1\nkind: Policy\n", DIAG_NPC007, ""},
        {"apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\n", DIAG_NPC007,
         "did you mean NetworkPolicy?"},
        {"apiVersion: networking.k8s.io/v1\nkind: networkPolicy\n", DIAG_NPC007,
         "did you mean NetworkPolicy?"},
        {"apiVersion: v2\nkind: Pod\n", DIAG_NPC067, "--skip-kind Pod"},
        {"kind: Pod\n", DIAG_NPC067, "apiVersion: v1"},
        {"apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n", DIAG_NPC508,
         "networking.k8s.io/v1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_of(&r, K8S_YAML, cases[i].text);
        const struct diag *d = find_diag(&r.ctx, cases[i].id);
        CU_ASSERT((d != NULL) == (cases[i].hint[0] != '\0'));
        CU_ASSERT(d == NULL || text_holds(d->hint, cases[i].hint));
        reading_free(&r);
    }
}

static void read_skipping(struct reading *r, const struct str *skip, size_t nskip, struct str text)
{
    reading_init(r);
    r->options.skip_kinds = skip;
    r->options.nskip_kinds = nskip;
    reading_add(r, K8S_YAML, text, 0);
    CU_ASSERT(r->ok);
    CU_ASSERT(r->program.policies.n == 1);
}

static void skip_kind(void)
{
    static const struct str skip[] = {STR_INIT("NetworkPolicy.projectcalico.org"),
                                      STR_INIT("CiliumNetworkPolicy")};
    struct reading r;
    read_skipping(&r, skip, COUNT(skip),
                  STR("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\n---\n"
                      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n---\n"
                      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                      "metadata: {name: p}\nspec: {}\n"));
    CU_ASSERT(r.counts.skipped == 2);
    CU_ASSERT(r.counts.not_skipped == 0);
    reading_free(&r);
}

/* A name without a group means kinds of that name that are not read, and versions. */
static void skip_only_unread(void)
{
    static const struct str skip[] = {STR_INIT("NetworkPolicy"), STR_INIT("Pod"),
                                      STR_INIT("Service.serving.knative.dev"),
                                      STR_INIT("Deployment.apps")};
    struct reading r;
    read_skipping(&r, skip, COUNT(skip),
                  STR("apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\n---\n"
                      "apiVersion: networking.k8s.io/v2\nkind: NetworkPolicy\n---\n"
                      "apiVersion: v2\nkind: Pod\n---\n"
                      "apiVersion: serving.knative.dev/v1\nkind: Service\n---\n"
                      "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {}\n---\n"
                      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                      "metadata: {name: p}\nspec: {}\n---\n" POD("a")));
    CU_ASSERT(r.counts.skipped == 4);
    CU_ASSERT(r.counts.not_skipped == 2);
    CU_ASSERT(r.counts.kept_at.line == 19);
    CU_ASSERT(r.program.inv.services.n == 1);
    CU_ASSERT(r.program.inv.workloads.n == 1);
    reading_free(&r);
}

/* Parts of a name, and other groups, name nothing. */
static void skip_other_kind(void)
{
    static const struct str skip[] = {
        STR_INIT("NetworkPolic"),
        STR_INIT("NetworkPolicys"),
        STR_INIT("NetworkPolicy."),
        STR_INIT("NetworkPolicy.k8s.io"),
        STR_INIT("NetworkPolicy.networking.k8s.i"),
        STR_INIT("Network.networking.k8s.io"),
        STR_INIT("NetworkPolice.networking.k8s.io"),
    };
    struct reading r;
    read_skipping(&r, skip, COUNT(skip),
                  STR("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                      "metadata: {name: p}\nspec: {}\n---\n" POD("a")));
    CU_ASSERT(r.counts.skipped == 0);
    reading_free(&r);
}

/* After a bad object the next ones are read, so that all errors are seen at once. */
static void goes_on(void)
{
    struct reading r;
    reading_of(&r, K8S_YAML, "kind: Pod\n---\n" POD("a") "\n---\nkind: Node\n---\na: [\n");
    CU_ASSERT(!r.ok);
    CU_ASSERT(r.program.inv.workloads.n == 1);
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC067, 1, 7, "Pod"));
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC067, 5, 7, "Node"));
    CU_ASSERT(has_diag(&r.ctx, SEV_ERROR, DIAG_NPC050, 8, 1, "not YAML"));
    reading_free(&r);
}

/* ---- limits ---- */

/* An object of n values and keys: 7 that stand around a list of strings. */
static struct str secret_of(struct ctx *c, size_t n)
{
    struct buf *b = buf_new(&c->arena);
    buf_puts(b, "{\"kind\":\"Secret\",\"spec\":{\"podSelector\":[");
    for (size_t i = 7; i < n; i++) {
        buf_puts(b, i > 7 ? ",\"\"" : "\"\"");
    }
    buf_puts(b, "]}}");
    return buf_text(b);
}

static void check_limits(bool bytes, size_t values, size_t over, bool is_item)
{
    struct reading r;
    reading_init(&r);
    struct str text = secret_of(&r.ctx, values);
    r.ctx.limits.object_bytes = bytes ? text.n - over : SIZE_MAX;
    r.ctx.limits.object_nodes = bytes ? SIZE_MAX : values - over;
    if (is_item) {
        text =
            str_printf(&r.ctx.arena, "{\"items\":[" STR_FMT "],\"kind\":\"List\"}", STR_ARG(text));
    }
    reading_add(&r, K8S_JSON, text, 0);
    CU_ASSERT(r.ok == (over == 0));
    CU_ASSERT((find_diag(&r.ctx, DIAG_NPC003) != NULL) == (over == 1));
    reading_free(&r);
}

static void object_limits(void)
{
    for (size_t over = 0; over <= 1; over++) {
        check_limits(true, 1000, over, false);
        check_limits(true, 1000, over, true);
        check_limits(false, 1000, over, false);
        check_limits(false, 1000, over, true);
    }
}

/* The limits are for one object: a stream of many has none. */
static void stream_has_no_limit(void)
{
    struct reading r;
    reading_init(&r);
    r.ctx.limits.object_bytes = 200;
    r.ctx.limits.object_nodes = 50;
    struct buf *b = buf_new(&r.ctx.arena);
    buf_puts(b, "{\"apiVersion\":\"v1\",\"items\":[");
    for (size_t i = 0; i < 3000; i++) {
        buf_printf(b, "%s{\"kind\":\"Secret\",\"data\":{\"n\":%zu}}", i > 0 ? "," : "", i);
    }
    buf_puts(b, "],\"kind\":\"List\"}");
    reading_add(&r, K8S_JSON, buf_text(b), 0);
    CU_ASSERT(r.ok);
    CU_ASSERT(r.counts.skipped == 3000);
    reading_free(&r);
}

/* Memory grows with what is kept: nothing, here. */
static void skipped_is_not_kept(void)
{
    size_t taken[2];
    for (size_t round = 0; round < 2; round++) {
        struct reading r;
        reading_init(&r);
        struct arena text_memory;
        arena_init(&text_memory, unit_oom, NULL);
        struct buf *b = buf_new(&text_memory);
        buf_puts(b, "{\"items\":[");
        for (size_t i = 0; i < (round == 0 ? 1000 : 20000); i++) {
            buf_printf(b, "%s{\"kind\":\"Secret\",\"spec\":{\"x\":[1,2,3,\"%060zu\"]}}",
                       i > 0 ? "," : "", i);
        }
        buf_puts(b, "],\"kind\":\"List\"}");
        reading_add(&r, K8S_JSON, buf_text(b), 0);
        CU_ASSERT(r.ok);
        taken[round] = r.ctx.arena.total;
        reading_free(&r);
        arena_free(&text_memory);
    }
    CU_ASSERT(taken[0] == taken[1]);
}

/* ---- aliases (threats.md 1) ---- */

static void aliases(void)
{
    struct reading r;
    reading_init(&r);
    r.options.allow_aliases = true;
    reading_add(&r, K8S_YAML,
                STR("apiVersion: v1\nkind: List\nitems:\n"
                    "- apiVersion: v1\n  kind: Pod\n  metadata: {name: a, labels: &l {app: x}}\n"
                    "  spec: &s {containers: [{ports: [{containerPort: 80}]}]}\n"
                    "- apiVersion: v1\n  kind: Pod\n  metadata: {name: b, labels: *l}\n"
                    "  spec: *s\n"),
                0);
    CU_ASSERT(r.ok);
    CU_ASSERT_FATAL(r.program.inv.workloads.n == 2);
    const struct workload *w = r.program.inv.workloads.v[1];
    CU_ASSERT(w->labels.n == 1 && str_is(w->labels.v[0].value, "x"));
    CU_ASSERT(w->nports == 1 && w->ports[0].number == 80);
    reading_free(&r);
}

static void bad_aliases(void)
{
    static const struct {
        const char *text;
        enum diag_id id;
        uint32_t line, col;
        const char *part;
    } cases[] = {
        {"a: &a [*a]\n", DIAG_NPC052, 1, 8, "inside what it names"},
        {"a: &a {b: {c: *a}}\n", DIAG_NPC052, 1, 15, "inside what it names"},
        {"a: *b\nb: &b 1\n", DIAG_NPC052, 1, 4, "names no anchor"},
        {"a: &a 1\n---\nb: *a\n", DIAG_NPC052, 3, 4, "names no anchor"},
        {"a: &a x\n*a : y\n", DIAG_NPC052, 2, 1, "key"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_init(&r);
        r.options.allow_aliases = true;
        reading_add(&r, K8S_YAML, str_of(cases[i].text), 0);
        CU_ASSERT(!r.ok);
        CU_ASSERT(
            has_diag(&r.ctx, SEV_ERROR, cases[i].id, cases[i].line, cases[i].col, cases[i].part));
        reading_free(&r);
    }
}

/* `lists` of nine aliases each: 9 to the power of `lists` leaves. */
static struct str bomb(struct ctx *c, unsigned lists)
{
    struct buf *b = buf_new(&c->arena);
    buf_puts(b, "kind: Secret\na0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (unsigned i = 1; i < lists; i++) {
        buf_printf(b, "a%u: &a%u [*a%u", i, i, i - 1);
        for (unsigned j = 1; j < 9; j++) {
            buf_printf(b, ",*a%u", i - 1);
        }
        buf_puts(b, "]\n");
    }
    return buf_text(b);
}

static void alias_bomb(void)
{
    for (unsigned lists = 9; lists <= 40; lists += 31) {
        struct reading r;
        reading_init(&r);
        r.options.allow_aliases = true;
        reading_add(&r, K8S_YAML, bomb(&r.ctx, lists), 0);
        CU_ASSERT(!r.ok);
        CU_ASSERT(find_diag(&r.ctx, DIAG_NPC003) != NULL);
        CU_ASSERT(r.ctx.arena.total < (size_t)1 << 20);
        reading_free(&r);
    }
}

UNIT_MAIN("k8s_stream", TEST(documents_and_lists), TEST(broken_objects), TEST(policy_kinds),
          TEST(refusal_hints), TEST(skip_kind), TEST(skip_only_unread), TEST(skip_other_kind),
          TEST(goes_on), TEST(object_limits), TEST(stream_has_no_limit), TEST(skipped_is_not_kept),
          TEST(aliases), TEST(bad_aliases), TEST(alias_bomb))
