/*
 * iptables: npc's chains in the tables `filter` of both families, the jumps to them from the
 * built-in chains, and the ipsets that they use.
 *
 * A family is changed by one iptables-restore --noflush, which commits once: chains that are
 * wanted, the end of those that are not, and the jumps. No line speaks of a chain of others. The
 * kernel commits each family by itself: when the second is refused, the caller goes back with both.
 */
#include "apply/ruleset_priv.h"

#include "apply/lines.h"
#include "base/vec.h"

#define EMPTY_RULES "*filter\nCOMMIT\n"
/* Seconds that legacy iptables waits for others that change the table. */
#define LOCK_WAIT "--wait=5"

struct family {
    enum part part;
    const char *command; /* what its programs begin with */
};

static const struct family families[] = {{PART_V4, "iptables"}, {PART_V6, "ip6tables"}};
#define NFAMILIES (sizeof families / sizeof *families)

struct jump {
    struct str from, to;
    uint32_t position; /* from 1, among all rules of `from` */
};

struct table { /* npc's part of one family's filter table; strings point into the text */
    VEC(struct str) chains;
    VEC(struct str) rules; /* whole lines, "-A NPC-…" */
    VEC(struct jump) jumps;
};

static const char *program(const struct kernel *k, const struct family *f, const char *verb)
{
    struct arena *a = k->loaders.arena;
    return k->variant != NULL ? str_printf(a, "%s-%s-%s", f->command, k->variant, verb).p
                              : str_printf(a, "%s-%s", f->command, verb).p;
}

/* "iptables-save v1.8.9 (nf_tables)". Before 1.8 there was one variant, and no such option. */
const char *ipt_variant(const struct kernel *k)
{
    const char *const args[] = {"--version", NULL};
    if (k->variant != NULL) {
        return k->variant;
    }
    const struct loader_run r = loader_run(&k->loaders, "iptables-save", args, STR(""));
    return !r.ok ? NULL : str_starts(line_word(r.out, 2), "(nf_tables)") ? "nft" : "legacy";
}

/* ---- reading ---- */

/* Where packets enter npc's chains. Other jumps to them are somebody else's, and stay. */
static const struct jump entries[] = {
    {STR_INIT("FORWARD"), STR_INIT("NPC-FORWARD"), 1},
    {STR_INIT("INPUT"), STR_INIT("NPC-INPUT"), 1},
    {STR_INIT("OUTPUT"), STR_INIT("NPC-OUTPUT"), 1},
};
#define NENTRIES (sizeof entries / sizeof *entries)

/* Whether a line is one of npc's own jumps, and nothing more. */
static bool is_jump(struct arena *a, struct str line, struct jump *out)
{
    for (size_t i = 0; i < NENTRIES; i++) {
        const struct jump *e = &entries[i];
        if (str_eq(line,
                   str_printf(a, "-A " STR_FMT " -j " STR_FMT, STR_ARG(e->from), STR_ARG(e->to)))) {
            *out = *e;
            return true;
        }
    }
    return false;
}

/* Takes npc's part out of what iptables-save says, or out of what table_text() wrote. */
static void table_parse(struct arena *a, struct str text, struct table *t)
{
    struct str line, chain = STR("");
    uint32_t position = 0;
    while (line_next(&text, &line)) {
        struct str name = line_word(line, 1);
        struct jump j = {0};
        if (str_starts(line, ":NPC-")) {
            struct str first = line_word(line, 0);
            vec_push(a, &t->chains, (struct str){first.p + 1, first.n - 1});
        } else if (str_starts(line, "-A NPC-")) {
            vec_push(a, &t->rules, line);
        } else if (str_starts(line, "-A ")) {
            position = str_eq(name, chain) ? position + 1 : 1;
            chain = name;
            if (is_jump(a, line, &j)) {
                j.position = position;
                vec_push(a, &t->jumps, j);
            }
        } else if (str_starts(line, "-I ") &&
                   str_to_u32(line_word(line, 2), UINT32_MAX, &j.position)) {
            j.from = name;
            j.to = line_word(line, 4);
            vec_push(a, &t->jumps, j);
        }
    }
}

static void put_rules(struct buf *out, const struct table *t)
{
    for (size_t i = 0; i < t->rules.n; i++) {
        buf_str(out, t->rules.v[i]);
        buf_putc(out, '\n');
    }
}

static void put_chains(struct buf *out, const struct table *t)
{
    for (size_t i = 0; i < t->chains.n; i++) {
        buf_printf(out, ":" STR_FMT " - [0:0]\n", STR_ARG(t->chains.v[i]));
    }
}

static void put_jumps(struct buf *out, const struct table *t)
{
    for (size_t i = 0; i < t->jumps.n; i++) {
        const struct jump *j = &t->jumps.v[i];
        buf_printf(out, "-I " STR_FMT " %u -j " STR_FMT "\n", STR_ARG(j->from), j->position,
                   STR_ARG(j->to));
    }
}

static int compare_strings(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

struct placed_rule {
    struct str chain, line;
    size_t at;
};

static int compare_rules(const void *x, const void *y)
{
    const struct placed_rule *a = x, *b = y;
    const int by_chain = str_cmp(a->chain, b->chain);
    return by_chain != 0 ? by_chain : (a->at > b->at) - (a->at < b->at);
}

/* The order of chains is the kernel's and means nothing; that of rules in a chain does. */
static void table_sort(struct arena *a, struct table *t)
{
    array_sort(t->chains.v, t->chains.n, sizeof *t->chains.v, compare_strings);
    struct placed_rule *rules = ARENA_NEW_ARRAY(a, t->rules.n, struct placed_rule);
    for (size_t i = 0; i < t->rules.n; i++) {
        rules[i] = (struct placed_rule){line_word(t->rules.v[i], 1), t->rules.v[i], i};
    }
    array_sort(rules, t->rules.n, sizeof *rules, compare_rules);
    for (size_t i = 0; i < t->rules.n; i++) {
        t->rules.v[i] = rules[i].line;
    }
}

static struct str table_text(struct arena *a, struct table *t)
{
    struct buf *out = buf_new(a);
    table_sort(a, t);
    buf_puts(out, "*filter\n");
    put_chains(out, t);
    put_rules(out, t);
    put_jumps(out, t);
    buf_puts(out, "COMMIT\n");
    return buf_text(out);
}

static bool read_family(const struct kernel *k, const struct family *f, struct ruleset *out,
                        struct str *why)
{
    const char *const args[] = {"-t", "filter", NULL};
    const struct loader_run r = loader_run(&k->loaders, program(k, f, "save"), args, STR(""));
    if (!r.ok) {
        *why = r.why;
        return false;
    }
    struct table t = {0};
    table_parse(k->loaders.arena, r.out, &t);
    out->part[f->part] = table_text(k->loaders.arena, &t);
    return true;
}

bool ipt_read(const struct kernel *k, struct ruleset *out, struct str *why)
{
    return sets_read(k, &out->part[PART_SETS], why) && read_family(k, &families[0], out, why) &&
           read_family(k, &families[1], out, why);
}

bool ipt_holds(const struct ruleset *r)
{
    return !str_is(r->part[PART_V4], EMPTY_RULES) || !str_is(r->part[PART_V6], EMPTY_RULES) ||
           r->part[PART_SETS].n > 0;
}

struct ruleset ipt_nothing(void)
{
    return (struct ruleset){.part = {[PART_V4] = STR(EMPTY_RULES), [PART_V6] = STR(EMPTY_RULES)}};
}

/* ---- changing ---- */

/* The commands that lead from one table to the other, in one transaction. */
static struct str transition(struct arena *a, struct str live, struct str wanted)
{
    struct table from = {0}, to = {0};
    struct strmap stay;
    struct buf *out = buf_new(a);
    table_parse(a, live, &from);
    table_parse(a, wanted, &to);
    strmap_init(&stay, a);
    buf_puts(out, "*filter\n");
    put_chains(out, &to); /* makes it, or empties it */
    for (size_t i = 0; i < to.chains.n; i++) {
        strmap_put(&stay, to.chains.v[i], a);
    }
    for (size_t i = 0; i < from.jumps.n; i++) {
        const struct jump *j = &from.jumps.v[i];
        buf_printf(out, "-D " STR_FMT " -j " STR_FMT "\n", STR_ARG(j->from), STR_ARG(j->to));
    }
    put_rules(out, &to);
    static const char *const ends[] = {"-F ", "-X "}; /* all emptied first: they name each other */
    for (size_t e = 0; e < 2; e++) {
        for (size_t i = 0; i < from.chains.n; i++) {
            if (strmap_get(&stay, from.chains.v[i]) == NULL) {
                buf_printf(out, "%s" STR_FMT "\n", ends[e], STR_ARG(from.chains.v[i]));
            }
        }
    }
    put_jumps(out, &to);
    buf_puts(out, "COMMIT\n");
    return buf_text(out);
}

static bool restore(const struct kernel *k, const struct family *f, const char *how,
                    const struct ruleset *live, const struct ruleset *wanted, struct str *why)
{
    const char *const args[] = {"--noflush", LOCK_WAIT, how, NULL};
    const struct str text =
        transition(k->loaders.arena, live->part[f->part], wanted->part[f->part]);
    const struct loader_run r = loader_run(&k->loaders, program(k, f, "restore"), args, text);
    *why = r.why;
    return r.ok;
}

/* Rules name sets, so the sets must be there for the check already: that is a rehearsal's work. */
bool ipt_check(const struct kernel *k, const struct ruleset *live, const struct ruleset *wanted,
               struct str *why)
{
    if (wanted->part[PART_SETS].n > 0) {
        return true;
    }
    return restore(k, &families[0], "--test", live, wanted, why) &&
           restore(k, &families[1], "--test", live, wanted, why);
}

bool ipt_switch(const struct kernel *k, const struct ruleset *live, const struct ruleset *wanted,
                struct str *why)
{
    const struct str have = live->part[PART_SETS], want = wanted->part[PART_SETS];
    struct str ignored;
    if (!sets_load(k, want, why) || !restore(k, &families[0], NULL, live, wanted, why) ||
        !restore(k, &families[1], NULL, live, wanted, why)) {
        /* What was made of the new sets goes again, as far as it was made. */
        struct str made;
        if (sets_read(k, &made, &ignored)) {
            sets_destroy(k, made, have, &ignored);
        }
        return false;
    }
    return sets_destroy(k, have, want, why);
}

struct str ruleset_with_jumps(struct arena *a, struct str rules, bool host)
{
    struct table t = {0};
    table_parse(a, rules, &t);
    for (size_t i = 0; i < NENTRIES; i++) {
        if (str_is(entries[i].from, "FORWARD") != host) {
            vec_push(a, &t.jumps, entries[i]);
        }
    }
    return table_text(a, &t);
}

struct str ruleset_jumps_first(struct arena *a, struct str rules)
{
    struct table t = {0};
    table_parse(a, rules, &t);
    for (size_t i = 0; i < t.jumps.n; i++) {
        t.jumps.v[i].position = 1;
    }
    return table_text(a, &t);
}

struct str ruleset_without_jumps(struct arena *a, struct str rules)
{
    struct table t = {0};
    table_parse(a, rules, &t);
    t.jumps.n = 0;
    return table_text(a, &t);
}
