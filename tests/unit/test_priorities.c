/*
 * NPC401: which two cluster policies of one priority, or of tiers of one order, can disagree about
 * a packet. Each row is one rule of each of two policies; both orders of the two say the same.
 */
#include "compile.h"

enum verdict { NOTHING, ALIKE, CLASH };

static enum verdict verdict_of(const struct compiled *c)
{
    enum verdict v = NOTHING;
    for (size_t i = 0; i < c->ctx.diags.list.n; i++) {
        const struct diag *d = c->ctx.diags.list.v[i];
        if (d->id == DIAG_NPC401) {
            CU_ASSERT_EQUAL(v, NOTHING);
            v = d->severity == SEV_WARNING ? CLASH : ALIKE;
        } else {
            CU_ASSERT(d->severity != SEV_ERROR);
        }
    }
    return v;
}

struct side {
    const char *pods; /* that it is for; NULL: all of all namespaces */
    const char *rules;
};

static void check_pair(const char *tiers, const char *const in[2], struct side x, struct side y,
                       enum verdict want)
{
    const struct side sides[] = {x, y, x};
    for (size_t k = 0; k < 2; k++) {
        struct compiled c;
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        struct buf *b = buf_new(&a);
        buf_printf(b, "npc 1\n%s\n", tiers);
        for (size_t i = 0; i < 2; i++) {
            const struct side *s = &sides[k + i];
            const char *pods = s->pods != NULL ? s->pods : "all pods in all namespaces";
            buf_printf(b, "cluster policy p%zu in tier %s priority 5 for %s {\n%s\n}\n", i, in[i],
                       pods, s->rules);
        }
        compile_load(&c, "t.npc", buf_text(b));
        CU_ASSERT(c.loaded);
        enum verdict got = verdict_of(&c);
        CU_ASSERT_EQUAL(got, want);
        if (got != want || !c.loaded) {
            struct str messages = compile_messages(&c);
            printf("\nwanted %d, got %d for:\n" STR_FMT STR_FMT "\n", want, got,
                   STR_ARG(buf_text(b)), STR_ARG(messages));
        }
        compile_free(&c);
        arena_free(&a);
    }
}

struct row {
    struct side x, y;
    enum verdict want;
};

static void check_rows(const char *tiers, const char *const in[2], const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_pair(tiers, in, rows[i].x, rows[i].y, rows[i].want);
    }
}

static const char *const one_tier[] = {"admin", "admin"};

/* ---- peers ---- */

#define PEERS(x, y, want)                                                                          \
    {                                                                                              \
        {NULL, "deny to " x " on tcp/80"}, {NULL, "allow to " y " on tcp/80"}, want                \
    }

static void peers(void)
{
    static const struct row rows[] = {
        PEERS("namespace x", "namespace x", CLASH),
        PEERS("namespace x", "namespace y", ALIKE),
        PEERS("pods a=1 in namespace x", "pods a=1 in namespace x", CLASH),
        PEERS("pods a=1 in namespace x", "pods a=2 in namespace x", ALIKE),
        PEERS("pods a=1 in namespace x", "pods b=2 in namespace x", CLASH),
        PEERS("{namespace x, namespace y}", "{namespace z, namespace w}", ALIKE),
        PEERS("{namespace x, namespace y}", "{namespace z, namespace y}", CLASH),
        PEERS("anywhere", "namespace x", CLASH),
        PEERS("anywhere", "cidr 10.0.0.0/8", CLASH),
        /* A network may hold pods, nodes, and what a name stands for. */
        PEERS("cidr 10.0.0.0/8", "namespace x", CLASH),
        PEERS("cidr 10.0.0.0/8", "all nodes", CLASH),
        PEERS("cidr 10.0.0.0/8", "domain \"a.example\"", CLASH),
        PEERS("cidr 10.0.0.0/8", "cidr 10.1.0.0/16", CLASH),
        PEERS("cidr 10.0.0.0/8", "cidr 11.0.0.0/8", ALIKE),
        PEERS("cidr 10.0.0.0/8", "cidr fd00::/8", ALIKE),
        PEERS("cidr fd00::/8", "cidr fd00:1::/32", CLASH),
        PEERS("cidr fd00::/16", "cidr fd01::/16", ALIKE),
        /* A name may stand for a node, and for what another name stands for; never for a pod. */
        PEERS("nodes role=a", "nodes role=a", CLASH),
        PEERS("nodes role=a", "nodes role=b", ALIKE),
        PEERS("nodes role=a", "nodes zone=b", CLASH),
        PEERS("nodes role=a", "domain \"a.example\"", CLASH),
        PEERS("domain \"a.example\"", "domain \"b.example\"", CLASH),
        PEERS("nodes role=a", "namespace x", ALIKE),
        PEERS("domain \"a.example\"", "namespace x", ALIKE),
    };
    check_rows("", one_tier, rows, COUNT(rows));
}

/* ---- ports, directions, targets ---- */

#define PORTS(x, y, want)                                                                          \
    {                                                                                              \
        {NULL, "deny to namespace x on " x}, {NULL, "allow to namespace x on " y}, want            \
    }

static void ports(void)
{
    static const struct row rows[] = {
        PORTS("tcp/80", "tcp/80", CLASH),        PORTS("tcp/80", "udp/80", ALIKE),
        PORTS("tcp/80", "tcp/81", ALIKE),        PORTS("tcp/80", "tcp/81-90", ALIKE),
        PORTS("tcp/80", "tcp/79-90", CLASH),     PORTS("all ports", "sctp/1", CLASH),
        PORTS("{tcp/1, udp/5}", "udp/5", CLASH), PORTS("any/http", "tcp/81", CLASH),
        PORTS("any/http", "any/metrics", CLASH),
    };
    check_rows("", one_tier, rows, COUNT(rows));
}

#define X "all pods in namespace x"
#define Y "all pods in namespace y"

static void targets_and_directions(void)
{
    static const struct row rows[] = {
        {{X, "deny to anywhere on all ports"}, {X, "allow to anywhere on all ports"}, CLASH},
        {{X, "deny to anywhere on all ports"}, {Y, "allow to anywhere on all ports"}, ALIKE},
        {{"pods a=1 in namespace x", "deny to anywhere on all ports"},
         {"pods a=2 in namespace x", "allow to anywhere on all ports"},
         ALIKE},
        {{"pods a=1 in namespace x", "deny to anywhere on all ports"},
         {"pods b=2 in namespace x", "allow to anywhere on all ports"},
         CLASH},
        {{X, "deny from all namespaces on all ports"},
         {X, "allow from all namespaces on all ports"},
         CLASH},
        {{X, "deny from all namespaces on all ports"},
         {X, "allow to all namespaces on all ports"},
         ALIKE},
        {{X, "deny from namespace x on all ports\nallow to namespace y on all ports"},
         {X, "deny from namespace x on all ports\ndeny to namespace y on all ports"},
         CLASH},
    };
    check_rows("", one_tier, rows, COUNT(rows));
}

/* ---- actions and tiers ---- */

#define ACTIONS(x, y, want)                                                                        \
    {                                                                                              \
        {NULL, x " from all namespaces on all ports"},                                             \
            {NULL, y " from all namespaces on all ports"}, want                                    \
    }

static void actions(void)
{
    static const struct row same[] = {
        ACTIONS("allow", "allow", ALIKE), ACTIONS("deny", "deny", ALIKE),
        ACTIONS("pass", "pass", ALIKE),   ACTIONS("allow", "deny", CLASH),
        ACTIONS("allow", "pass", CLASH),  ACTIONS("deny", "pass", CLASH),
    };
    check_rows("", one_tier, same, COUNT(same));
}

/* Between tiers a pass only goes on. */
static void tiers_of_one_order(void)
{
    static const char *const in[] = {"gold", "blue"};
    static const struct row rows[] = {
        ACTIONS("allow", "allow", NOTHING),
        ACTIONS("deny", "deny", NOTHING),
        ACTIONS("allow", "deny", CLASH),
        ACTIONS("allow", "pass", NOTHING),
        ACTIONS("deny", "pass", NOTHING),
        {{NULL, "allow from namespace x on all ports\npass from namespace y on all ports"},
         {NULL, "deny from namespace y on all ports\npass from namespace x on all ports"},
         NOTHING},
        {{NULL, "allow from namespace x on all ports\npass from namespace y on all ports"},
         {NULL, "deny from namespace x on all ports\npass from namespace x on all ports"},
         CLASH},
        {{X, "allow from all namespaces on all ports"},
         {Y, "deny from all namespaces on all ports"},
         NOTHING},
    };
    check_rows("tier gold order 500\ntier blue order 500", in, rows, COUNT(rows));
    check_rows("tier gold order 500\ntier blue order 501", in,
               &(struct row)ACTIONS("allow", "deny", NOTHING), 1);
}

/* ---- the budget ---- */

static const char *many_rules(struct arena *a, size_t n)
{
    struct buf *b = buf_new(a);
    for (size_t i = 1; i <= n; i++) {
        buf_printf(b, "allow to namespace x on tcp/%zu ", i);
    }
    buf_putc(b, '\0');
    return buf_text(b).p;
}

/* One comparison for two policies and one for each pair of rules: 2^22 are made. Whoever has more
 * is told that they may clash. */
static void a_limit_of_comparisons(void)
{
    for (size_t n = 2047; n <= 2048; n++) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        const struct side x = {NULL, many_rules(&a, n)};
        const struct side y = {
            NULL, str_printf(&a, "%s deny to namespace x on udp/2", many_rules(&a, 2048)).p};
        check_pair("", one_tier, x, y, n == 2047 ? ALIKE : CLASH);
        arena_free(&a);
    }
}

static const char *many_peers(struct arena *a, const char *action, size_t from, size_t n)
{
    struct buf *b = buf_new(a);
    buf_printf(b, "%s to {", action);
    for (size_t i = from; i < from + n; i++) {
        buf_printf(b, "%snamespace x%zu", i > from ? ", " : "", i);
    }
    buf_puts(b, "} on tcp/1");
    buf_putc(b, '\0');
    return buf_text(b).p;
}

/* The same for peers of two rules. */
static void a_limit_of_peers(void)
{
    for (size_t n = 2047; n <= 2048; n++) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        const struct side x = {NULL, many_peers(&a, "allow", 0, n)};
        const struct side y = {NULL, many_peers(&a, "deny", n, 2048)};
        check_pair("", one_tier, x, y, n == 2047 ? ALIKE : CLASH);
        arena_free(&a);
    }
}

/* ---- more than two ---- */

struct line {
    const char *tier;
    unsigned priority;
    const char *rule; /* on all ports */
};

/* Policies up to one without a tier, a line each from the sixth on, and what is said: "LINE-LINE"
 * of the two, with "?" behind it where it is an info. */
static void check_lines(const struct line *lines, const char *want)
{
    struct compiled c;
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct buf *text = buf_new(&a), *got = buf_new(&a);
    buf_puts(text, "npc 1\ntier blue order 500\ntier copper order 600\ntier gold order 500\n"
                   "tier main order 500\n");
    for (size_t i = 0; lines[i].tier != NULL; i++) {
        buf_printf(text,
                   "cluster policy p%zu in tier %s priority %u for all pods in all namespaces { %s "
                   "on all ports }\n",
                   i, lines[i].tier, lines[i].priority, lines[i].rule);
    }
    compile_load(&c, "t.npc", buf_text(text));
    CU_ASSERT(c.loaded);
    for (size_t i = 0; i < c.ctx.diags.list.n; i++) {
        const struct diag *d = c.ctx.diags.list.v[i];
        if (d->id == DIAG_NPC401) {
            buf_printf(got, "%u-%u%s ", d->at.line, d->notes.v[0].at.line,
                       d->severity == SEV_INFO ? "?" : "");
        }
    }
    CU_ASSERT(str_is(buf_text(got), want));
    if (!str_is(buf_text(got), want)) {
        printf("\nwanted %s, got " STR_FMT "for:\n" STR_FMT "\n", want, STR_ARG(buf_text(got)),
               STR_ARG(buf_text(text)));
    }
    compile_free(&c);
    arena_free(&a);
}

#define DENY_X  "deny to namespace x"
#define ALLOW_X "allow to namespace x"
#define DENY_Z  "deny to namespace z"
#define ALLOW_Z "allow to namespace z"
#define PASS_X  "pass to namespace x"

static void who_is_compared(void)
{
    static const struct {
        struct line lines[7];
        const char *want;
    } rows[] = {
        /* Those of one tier and priority, wherever they stand. */
        {{{"admin", 5, DENY_X},
          {"baseline", 5, ALLOW_X},
          {"admin", 6, ALLOW_X},
          {"admin", 5, ALLOW_X},
          {"baseline", 5, ALLOW_X},
          {"admin", 6, DENY_X}},
         "9-6 11-8 10-7? "},
        /* The nearest before that it clashes with, else the first. */
        {{{"admin", 5, DENY_X},
          {"admin", 5, DENY_X},
          {"admin", 5, ALLOW_Z},
          {"admin", 5, ALLOW_X},
          {"admin", 5, ALLOW_Z}},
         "7-6? 8-6? 9-7 10-6? "},
        /* Tiers of one order, whatever lies between their names. */
        {{{"gold", 5, ALLOW_X}, {"copper", 5, DENY_X}, {"blue", 5, DENY_X}}, "8-6 "},
        {{{"gold", 5, DENY_X}, {"blue", 5, DENY_Z}, {"gold", 5, ALLOW_X}}, "8-6 "},
        /* Each with the first that it clashes with, of any of the other tiers. */
        {{{"blue", 5, ALLOW_X}, {"gold", 5, DENY_X}, {"main", 5, DENY_X}}, "7-6 8-6 "},
        {{{"blue", 5, ALLOW_X}, {"gold", 5, PASS_X}, {"main", 5, DENY_X}}, "8-6 "},
        {{{"blue", 5, DENY_X}, {"blue", 6, DENY_X}, {"gold", 5, ALLOW_X}}, "8-6 "},
        {{{"blue", 5, DENY_X}, {"gold", 5, DENY_Z}, {"gold", 6, ALLOW_X}}, "8-6 "},
        /* Not with those of its own tier, of which the priority says who is first. */
        {{{"blue", 5, DENY_Z}, {"gold", 5, DENY_X}, {"gold", 6, ALLOW_X}}, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_lines(rows[i].lines, rows[i].want);
    }
}

/* Once the limit is reached, the same is said of all that follow, whatever they do. */
static void after_the_limit(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    const char *const many = many_rules(&a, 2048);
    check_lines((struct line[]){{"admin", 5, str_printf(&a, "%s " ALLOW_X, many).p},
                                {"admin", 5, str_printf(&a, "%s " DENY_Z, many).p},
                                {"admin", 6, "deny from namespace x"},
                                {"admin", 6, ALLOW_X},
                                {0}},
                "7-6 9-8 ");
    arena_free(&a);
}

UNIT_MAIN("priorities", TEST(peers), TEST(ports), TEST(targets_and_directions), TEST(actions),
          TEST(tiers_of_one_order), TEST(a_limit_of_comparisons), TEST(a_limit_of_peers),
          TEST(who_is_compared), TEST(after_the_limit))
