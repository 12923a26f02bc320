/*
 * The order of the commands is what the kernel demands: nothing that is referred to goes before
 * what refers to it. The old mark goes first: if it is not there, the loaded ruleset is not the old
 * one.
 *
 * Knows no policies: two texts, and the objects in them.
 */
#include "backends/nft_delta.h"

#include "backends/nft_priv.h"
#include "backends/nft_text.h"

#include <sha2.h>
#include <string.h>

enum change { /* of the old ruleset's object to the new one's */
              KEPT,
              ADDED,
              REMOVED,
              REWRITTEN, /* chain: other rules. Set: another type or size, so another set of the
                            same name */
              UPDATED    /* set: other elements */
};

struct pair { /* an object of the two rulesets */
    const struct nft_object *old, *new;
    enum change change;
    struct str_vec gone, come; /* elements of an UPDATED set */
};

struct delta {
    struct ctx *ctx;
    struct buf *out;
    const char *family;
    const struct nft_table *old, *new;
    VEC(struct pair) pairs; /* those of the new ruleset in its order, then the removed */
    bool too_hard;
};

/* ---- what changed ---- */

static bool lines_equal(const struct str_vec *x, const struct str_vec *y)
{
    bool equal = x->n == y->n;
    for (size_t i = 0; i < x->n && equal; i++) {
        equal = str_eq(x->v[i], y->v[i]);
    }
    return equal;
}

static void compare_elements(struct delta *d, struct pair *p)
{
    struct arena *a = &d->ctx->arena;
    struct str_vec old = nft_object_elements(a, p->old), new = nft_object_elements(a, p->new);
    size_t i = 0, k = 0;
    while (i < old.n || k < new.n) {
        int order = i == old.n ? 1 : k == new.n ? -1 : str_cmp(old.v[i], new.v[k]);
        if (order < 0) {
            vec_push(a, &p->gone, old.v[i]);
        } else if (order > 0) {
            vec_push(a, &p->come, new.v[k]);
        }
        i += order <= 0;
        k += order >= 0;
    }
}

static enum change change_of_set(struct delta *d, struct pair *p)
{
    if (!lines_equal(&p->old->head, &p->new->head)) {
        return REWRITTEN;
    }
    if (lines_equal(&p->old->lines, &p->new->lines)) {
        return KEPT;
    }
    if (nft_object_is_interval(p->new) && !nft_object_is_concat(p->new)) {
        d->too_hard = true; /* what nft 1.0.6 makes of a change in a plain interval set */
    }
    compare_elements(d, p);
    return p->gone.n + p->come.n > 0 ? UPDATED : KEPT;
}

static void pair_objects(struct delta *d)
{
    struct arena *a = &d->ctx->arena;
    for (size_t i = 0; i < d->new->objects.n; i++) {
        struct pair p = {.new = d->new->objects.v[i]};
        p.old = strmap_get(p.new->chain ? &d->old->chains : &d->old->sets, p.new->name);
        if (p.old == NULL) {
            p.change = ADDED;
        } else if (!p.new->chain) {
            p.change = change_of_set(d, &p);
        } else {
            bool same = lines_equal(&p.old->lines, &p.new->lines);
            p.change = same ? KEPT : REWRITTEN;
            d->too_hard = d->too_hard || !lines_equal(&p.old->head, &p.new->head);
        }
        vec_push(a, &d->pairs, p);
    }
    for (size_t i = 0; i < d->old->objects.n; i++) {
        const struct nft_object *o = d->old->objects.v[i];
        if (strmap_get(o->chain ? &d->new->chains : &d->new->sets, o->name) == NULL) {
            vec_push(a, &d->pairs, (struct pair){.old = o, .change = REMOVED});
        }
    }
}

/* Whether a rule looks into one of these sets: "@NAME" stands in it. */
static bool refers_to(struct str rule, const struct strmap *sets)
{
    for (size_t i = 0; i < rule.n && rule.p[i] != '"'; i++) {
        if (rule.p[i] == '@') {
            size_t n = i + 1;
            while (n < rule.n && rule.p[n] != ' ') {
                n++;
            }
            if (strmap_get(sets, (struct str){rule.p + i + 1, n - i - 1}) != NULL) {
                return true;
            }
            i = n;
        }
    }
    return false;
}

/* A set that is replaced must be let go of by the rules that look into it. */
static void rewrite_users(struct delta *d)
{
    struct strmap replaced;
    strmap_init(&replaced, &d->ctx->arena);
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (p->change == REWRITTEN && !p->new->chain) {
            strmap_put(&replaced, p->new->name, &d->pairs.v[i]);
        }
    }
    for (size_t i = 0; i < d->pairs.n; i++) {
        struct pair *p = &d->pairs.v[i];
        for (size_t k = 0; p->change == KEPT && p->new->chain &&k < p->new->lines.n; k++) {
            p->change = refers_to(p->new->lines.v[k], &replaced) ? REWRITTEN : KEPT;
        }
    }
}

/* ---- commands ---- */

static bool is_chain(const struct pair *p)
{
    return (p->new != NULL ? p->new : p->old)->chain;
}

static bool is_map(const struct nft_object *o)
{
    return o->head.n > 0 && memmem(o->head.v[0].p, o->head.v[0].n, " : ", 3) != NULL;
}

static void command(struct delta *d, const char *what, struct str name)
{
    buf_printf(d->out, "%s %s npc " STR_FMT "\n", what, d->family, STR_ARG(name));
}

static void put_elements(struct delta *d, const char *what, const struct nft_object *set,
                         const struct str_vec *elements, bool keys)
{
    enum { PER_LINE = 8 };
    /* nft 1.0.6 swaps the bytes of one element in each netlink message twice: see NFT_CHUNK. */
    size_t most = nft_object_is_interval(set) ? NFT_CHUNK : SIZE_MAX;
    for (size_t i = 0; i < elements->n; i++) {
        if (i % most == 0) {
            buf_puts(d->out, i > 0 ? "\n}\n" : "");
            buf_printf(d->out, "%s element %s npc " STR_FMT " {\n\t", what, d->family,
                       STR_ARG(set->name));
        } else {
            buf_puts(d->out, i % PER_LINE == 0 ? ",\n\t" : ", ");
        }
        buf_str(d->out, keys ? nft_element_key(elements->v[i]) : elements->v[i]);
    }
    buf_puts(d->out, elements->n > 0 ? "\n}\n" : "");
}

/* Rules and elements let go of what they refer to. */
static void let_go(struct delta *d)
{
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (is_chain(p) && (p->change == REWRITTEN || p->change == REMOVED)) {
            command(d, "flush chain", p->old->name);
        }
    }
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (p->change != UPDATED) {
            continue;
        }
        if (nft_object_is_interval(p->new)) {
            command(d, is_map(p->new) ? "flush map" : "flush set", p->new->name);
        } else {
            put_elements(d, "delete", p->new, &p->gone, true);
        }
    }
}

static void remove_objects(struct delta *d)
{
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (!is_chain(p) && (p->change == REWRITTEN || p->change == REMOVED)) {
            command(d, is_map(p->old) ? "delete map" : "delete set", p->old->name);
        }
    }
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (is_chain(p) && p->change == REMOVED) {
            command(d, "delete chain", p->old->name);
        }
    }
}

static void put_lines(struct buf *out, const struct str_vec *lines, const char *indent)
{
    for (size_t i = 0; i < lines->n; i++) {
        buf_puts(out, indent);
        buf_str(out, lines->v[i]);
        buf_putc(out, '\n');
    }
}

static void put_object(struct delta *d, const struct nft_object *o)
{
    buf_printf(d->out, "\t%s " STR_FMT " {\n",
               o->chain    ? "chain"
               : is_map(o) ? "map"
                           : "set",
               STR_ARG(o->name));
    put_lines(d->out, &o->head, "");
    if (o->chain) {
        put_lines(d->out, &o->lines, "");
    } else if (!nft_object_is_interval(o)) {
        buf_puts(d->out, "\t\telements = {\n");
        put_lines(d->out, &o->lines, "\t\t\t");
        buf_puts(d->out, "\t\t}\n");
    }
    buf_puts(d->out, "\t}\n");
}

static void add_objects(struct delta *d)
{
    buf_printf(d->out, "table %s npc {\n", d->family);
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (p->change == ADDED || p->change == REWRITTEN) {
            put_object(d, p->new);
        }
    }
    buf_puts(d->out, "}\n");
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct pair *p = &d->pairs.v[i];
        if (is_chain(p) || p->change == REMOVED || p->change == KEPT) {
            continue;
        }
        if (nft_object_is_interval(p->new)) {
            struct str_vec all = nft_object_elements(&d->ctx->arena, p->new);
            put_elements(d, "add", p->new, &all, false);
        } else if (p->change == UPDATED) {
            put_elements(d, "add", p->new, &p->come, false);
        }
    }
}

/* ---- the whole ---- */

struct str nft_mark(struct arena *a, struct str tables)
{
    enum { BYTES = 8 };
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA2_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)tables.p, tables.n);
    SHA256Final(hash, &sha);
    struct buf *b = buf_new(a);
    buf_puts(b, "npc_is_");
    for (size_t i = 0; i < BYTES; i++) {
        buf_printf(b, "%02x", hash[i]);
    }
    return buf_text(b);
}

static const char header[] =
    "# Network policy, compiled by npc: what changes between two rulesets. Load with: nft -f FILE\n"
    "# If the loaded ruleset is not the old one of the two, all of it fails: load the new one "
    "whole.\n";

static void write_delta(struct ctx *c, const struct nft_text *old, const struct nft_text *new,
                        struct buf *out, bool *too_hard)
{
    static const char *const families[FAMILIES] = {"ip", "ip6"};
    buf_puts(out, header);
    for (size_t f = 0; f < FAMILIES; f++) {
        struct delta d = {.ctx = c,
                          .out = out,
                          .family = families[f],
                          .old = &old->tables[f],
                          .new = &new->tables[f]};
        buf_putc(out, '\n');
        command(&d, "delete chain", d.old->mark);
        pair_objects(&d);
        rewrite_users(&d);
        let_go(&d);
        remove_objects(&d);
        add_objects(&d);
        command(&d, "add chain", d.new->mark);
        *too_hard = *too_hard || d.too_hard;
    }
}

bool nft_delta(struct ctx *c, struct str name, struct str old, struct str new, struct buf *out)
{
    struct nft_text from, to;
    bool too_hard = false;
    size_t begin = out->n;
    if (!nft_text_read(c, name, old, &from) || !nft_text_read(c, STR("the new rules"), new, &to)) {
        return false;
    }
    if (!from.raw && !to.raw) {
        write_delta(c, &from, &to, out, &too_hard);
    }
    if (from.raw || to.raw || too_hard || out->n - begin > new.n) {
        buf_cut(out, begin);
        buf_str(out, new);
    }
    return true;
}
