/* Printing a difference: for people, for a pull request, and as JSON (version 1). */
#include "analysis/difference.h"
#include "analysis/list_groups.h"
#include "analysis/listing_priv.h"

struct teller {
    const struct difference *d;
    struct lister lister; /* that only says traffic */
    struct arena *arena;
};

static struct teller *teller_new(const struct difference *d)
{
    static const struct list_options nothing;
    struct teller *t = ARENA_NEW(&d->world[NEW]->ctx->arena, struct teller);
    t->d = d;
    t->arena = &d->world[NEW]->ctx->arena;
    lister_init(&t->lister, d->world[NEW], &nothing);
    return t;
}

/* ---- ends ---- */

static const struct diff_end *end_at(const struct difference *d, uint32_t end)
{
    return &d->ends[end];
}

/* Whether the i-th name of an end has nothing to do with the change: the other end is one name
 * only, and between the two nothing is filtered. */
static bool is_idle(const struct difference *d, const struct diff_change *c, uint32_t end, size_t i)
{
    bool source = end == c->from;
    const struct diff_end *other = end_at(d, source ? c->to : c->from);
    return other->nnames == 1 && difference_is_free(d, c, source ? i : 0, source ? 0 : i);
}

static void print_end(struct teller *t, const struct diff_change *c, uint32_t end,
                      const char *comma, struct buf *out)
{
    const struct diff_end *e = end_at(t->d, end);
    const char *before = "";
    for (size_t i = 0; i < e->nnames; i++) {
        if (!is_idle(t->d, c, end, i)) {
            buf_puts(out, before);
            buf_str(out, e->names[i]);
            before = comma;
        }
    }
    for (size_t i = 0; i < c->ranges.n && e->external; i++) {
        buf_puts(out, i > 0 ? comma : "");
        buf_str(out, range_for_people(t->arena, e->family, c->ranges.v[i]));
    }
}

/* ---- reasons ---- */

static void print_reason(const struct difference *d, const struct diff_reason *r, struct buf *out)
{
    const struct world *w = d->world[r->age];
    if (r->rule != NULL) {
        rule_print(out, w, r->policy, r->rule);
    } else {
        buf_puts(out, "isolated by ");
        policy_print(out, w, r->policy);
    }
}

static const char *const ages[] = {[OLD] = "was", [NEW] = "now"};

static void print_counts(const struct difference *d, struct buf *out)
{
    size_t gained = 0, lost = 0;
    for (size_t i = 0; i < d->nchanges; i++) {
        const struct diff_change *c = &d->changes[i];
        gained += traffic_is_none(c->gained) ? 0 : difference_pairs(d, c);
        lost += traffic_is_none(c->lost) ? 0 : difference_pairs(d, c);
    }
    buf_printf(out, "%zu connection%s gained, %zu lost", gained, gained == 1 ? "" : "s", lost);
}

/* ---- text ---- */

static void text_side(struct teller *t, const struct diff_change *c, bool gained, struct buf *out)
{
    struct traffic traffic = gained ? c->gained : c->lost;
    if (traffic_is_none(traffic)) {
        return;
    }
    buf_puts(out, gained ? "+ " : "- ");
    print_end(t, c, c->from, ", ", out);
    buf_puts(out, " -> ");
    print_end(t, c, c->to, ", ", out);
    buf_puts(out, ": ");
    traffic_print(&t->lister, traffic, out);
    buf_putc(out, '\n');
}

/* People are shown some of many reasons: all of one change that are no more than these, else so
 * many that it pays to say that there are more. JSON has them all. */
static size_t reasons_shown(size_t reasons)
{
    enum { MOST = 8 };
    return reasons > MOST ? MOST - 1 : reasons;
}

static void diff_text(const struct difference *d, struct buf *out)
{
    struct teller *t = teller_new(d);
    for (size_t i = 0; i < d->nchanges; i++) {
        const struct diff_change *c = &d->changes[i];
        text_side(t, c, true, out);
        text_side(t, c, false, out);
        for (size_t age = 0; age < AGES; age++) {
            size_t n = c->because.of[age].n;
            for (size_t k = 0; k < reasons_shown(n); k++) {
                buf_printf(out, "    %s: ", ages[age]);
                print_reason(d, &c->because.of[age].v[k], out);
                buf_putc(out, '\n');
            }
            if (reasons_shown(n) < n) {
                buf_printf(out, "    %s: %zu more\n", ages[age], n - reasons_shown(n));
            }
        }
    }
    print_counts(d, out);
    buf_putc(out, '\n');
}

/* ---- Markdown ---- */

static void md_ports(struct teller *t, struct traffic traffic, struct buf *out)
{
    if (!traffic_is_none(traffic)) {
        struct buf *text = buf_new(t->arena);
        traffic_print(&t->lister, traffic, text);
        list_md_cell(out, buf_text(text));
    }
}

static void md_end(struct teller *t, const struct diff_change *c, uint32_t end, struct buf *out)
{
    struct buf *text = buf_new(t->arena);
    print_end(t, c, end, ", ", text);
    list_md_cell(out, buf_text(text));
}

static void md_reasons(struct teller *t, const struct diff_change *c, struct buf *out)
{
    bool first = true;
    for (size_t age = 0; age < AGES; age++) {
        size_t n = c->because.of[age].n;
        for (size_t k = 0; k < reasons_shown(n); k++) {
            struct buf *text = buf_new(t->arena);
            print_reason(t->d, &c->because.of[age].v[k], text);
            buf_printf(out, "%s%s ", first ? "" : "<br>", ages[age]);
            list_md_cell(out, buf_text(text));
            first = false;
        }
        if (reasons_shown(n) < n) {
            buf_printf(out, "<br>%s %zu more", ages[age], n - reasons_shown(n));
        }
    }
}

static void diff_md(const struct difference *d, struct buf *out)
{
    struct teller *t = teller_new(d);
    buf_puts(out, "### Network policy: ");
    print_counts(d, out);
    buf_putc(out, '\n');
    if (d->nchanges == 0) {
        return;
    }
    buf_puts(out, "\n| from | to | gained | lost | policy |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < d->nchanges; i++) {
        const struct diff_change *c = &d->changes[i];
        buf_puts(out, "| ");
        md_end(t, c, c->from, out);
        buf_puts(out, " | ");
        md_end(t, c, c->to, out);
        buf_puts(out, " | ");
        md_ports(t, c->gained, out);
        buf_puts(out, " | ");
        md_ports(t, c->lost, out);
        buf_puts(out, " | ");
        md_reasons(t, c, out);
        buf_puts(out, " |\n");
    }
}

/* ---- JSON ---- */

struct pair {
    struct str from, to;
    const struct diff_change *change;
    const struct diff_reasons *because;
};

struct pairs {
    VEC(struct pair) list;
};

static struct str *names_of(struct teller *t, const struct diff_change *c, uint32_t end, size_t *n)
{
    const struct diff_end *e = end_at(t->d, end);
    if (!e->external) {
        *n = e->nnames;
        return e->names;
    }
    struct str *names = ARENA_NEW_ARRAY(t->arena, c->ranges.n, struct str);
    for (size_t i = 0; i < c->ranges.n; i++) {
        names[i] = range_text(t->arena, e->family, c->ranges.v[i]);
    }
    *n = c->ranges.n;
    return names;
}

static void add_pairs(struct teller *t, const struct diff_change *c, struct pairs *out)
{
    size_t nfrom, nto;
    struct str *from = names_of(t, c, c->from, &nfrom), *to = names_of(t, c, c->to, &nto);
    for (size_t i = 0; i < nfrom; i++) {
        for (size_t k = 0; k < nto; k++) {
            if (!difference_is_free(t->d, c, i, k)) {
                const struct diff_reasons *because = &c->because;
                if (c->ranges.n > 0) {
                    because = &c->of_range[end_at(t->d, c->from)->external ? i : k];
                }
                vec_push(t->arena, &out->list, (struct pair){from[i], to[k], c, because});
            }
        }
    }
}

static int pair_order(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;
    int order = str_cmp(a->from, b->from);
    return order != 0 ? order : str_cmp(a->to, b->to);
}

static void json_ports(struct teller *t, uint32_t ports, struct buf *out)
{
    static const struct list_ports nothing;
    list_json_ports(ports == ID_NONE ? &nothing : &t->lister.ports.v[ports], out);
}

static void json_reasons(const struct difference *d, const struct diff_reasons *because,
                         struct buf *out)
{
    bool first = true;
    buf_puts(out, ", \"because\": [");
    for (size_t age = 0; age < AGES; age++) {
        for (size_t k = 0; k < because->of[age].n; k++) {
            const struct diff_reason *r = &because->of[age].v[k];
            const struct world *w = d->world[age];
            struct span at = r->rule != NULL ? r->rule->origin->at : r->policy->origin->at;
            buf_printf(out, "%s{\"in\": \"%s\", \"policy\": ", first ? "" : ", ",
                       age == OLD ? "old" : "new");
            struct buf *name = buf_new(&w->ctx->arena);
            print_reason(d, r, name);
            buf_json_string(out, buf_text(name));
            const struct source *s = sources_get(&w->ctx->sources, at.file);
            if (at.file != 0 && s != NULL) {
                buf_puts(out, ", \"file\": ");
                buf_json_string(out, s->path);
                buf_printf(out, ", \"line\": %u", at.line);
            }
            buf_putc(out, '}');
            first = false;
        }
    }
    buf_putc(out, ']');
}

static void json_pair(struct teller *t, const struct pair *p, bool *first, struct buf *out)
{
    struct shown gained = shown_of(&t->lister, p->change->gained);
    struct shown lost = shown_of(&t->lister, p->change->lost);
    for (int f = LIST_BOTH; f <= LIST_IPV6; f++) {
        if (gained.by_family[f] == ID_NONE && lost.by_family[f] == ID_NONE) {
            continue;
        }
        buf_puts(out, *first ? "\n    " : ",\n    ");
        *first = false;
        buf_puts(out, "{\"from\": ");
        buf_json_string(out, p->from);
        buf_puts(out, ", \"to\": ");
        buf_json_string(out, p->to);
        if (f != LIST_BOTH) {
            buf_printf(out, ", \"family\": \"%s\"", list_family_name((enum list_family)f));
        }
        buf_puts(out, ", \"gained\": ");
        json_ports(t, gained.by_family[f], out);
        buf_puts(out, ", \"lost\": ");
        json_ports(t, lost.by_family[f], out);
        json_reasons(t->d, p->because, out);
        buf_putc(out, '}');
    }
}

static void diff_json(const struct difference *d, struct buf *out)
{
    struct teller *t = teller_new(d);
    struct pairs pairs = {0};
    for (size_t i = 0; i < d->nchanges; i++) {
        add_pairs(t, &d->changes[i], &pairs);
    }
    array_sort(pairs.list.v, pairs.list.n, sizeof *pairs.list.v, pair_order);
    buf_puts(out, "{\"version\": 1,\n  \"changes\": [");
    bool first = true;
    for (size_t i = 0; i < pairs.list.n; i++) {
        json_pair(t, &pairs.list.v[i], &first, out);
    }
    buf_puts(out, first ? "]}\n" : "\n  ]}\n");
}

const struct diff_format diff_formats[] = {
    {"text", diff_text},
    {"json", diff_json},
    {"md", diff_md},
    {0},
};
