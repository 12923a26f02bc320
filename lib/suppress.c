/*
 * `# npc:allow NPC102 reason`, on a line of its own: silences findings of that kind on the next
 * line that is not such a comment. The reason is not for npc, but whoever reads the source has a
 * right to it.
 */
#include "lib/check.h"

#define FIRST_FINDING 100 /* below are errors of the input, which nothing can allow */
#define LAST_FINDING  699

struct allow {
    const struct remark *remark;
    uint32_t line; /* that it is about */
    unsigned number;
    struct str reason;
};

struct words { /* what is left of a comment */
    struct str rest;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str next_word(struct words *w)
{
    struct str s = w->rest;
    while (s.n > 0 && is_blank(*s.p)) {
        s = (struct str){s.p + 1, s.n - 1};
    }
    size_t n = 0;
    while (n < s.n && !is_blank(s.p[n])) {
        n++;
    }
    w->rest = (struct str){s.p + n, s.n - n};
    return (struct str){s.p, n};
}

static struct words words_of(const struct remark *r)
{
    struct words w = {r->text};
    while (w.rest.n > 0 && *w.rest.p == '#') {
        w.rest = (struct str){w.rest.p + 1, w.rest.n - 1};
    }
    return w;
}

/* Whether the reason says anything: a letter or digit of whatever script. */
static bool says_something(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (ch_is_alnum((unsigned char)s.p[i]) || (unsigned char)s.p[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

/* The number of a finding that can be silenced; 0: there is none of that name. */
static unsigned number_of(struct str id)
{
    uint32_t number;
    if (id.n != 6 || !str_starts(id, "NPC") ||
        !str_to_u32((struct str){id.p + 3, 3}, LAST_FINDING, &number) || number < FIRST_FINDING) {
        return 0;
    }
    for (size_t i = 0; i < DIAG_COUNT; i++) {
        bool is_own = i == DIAG_NPC514 || i == DIAG_NPC515 || i == DIAG_NPC517;
        if (diag_number((enum diag_id)i) == number && !is_own) {
            return number;
        }
    }
    return 0;
}

static bool refuse(struct ctx *c, const struct remark *r, struct str text)
{
    struct diag *d = diag_error(&c->diags, NPC514, r->at, STR_FMT, STR_ARG(text));
    diag_hint(&c->diags, d, "write '# npc:allow NPC102 reason', the line before the finding's");
    return false;
}

/* Reads one comment; false if it allows nothing. */
static bool parse(struct ctx *c, const struct remark *r, struct allow *out)
{
    static const struct str keyword = STR_INIT("npc:allow");
    struct words w = words_of(r);
    struct str first = next_word(&w);
    if (!str_eq(first, keyword)) {
        return str_nearest(first, &keyword, 1).n > 0 &&
               refuse(c, r,
                      str_printf(&c->arena,
                                 "'" STR_FMT "' is no word for npc; did you mean npc:allow?",
                                 STR_ARG(first)));
    }
    struct str id = next_word(&w);
    out->number = number_of(id);
    if (out->number == 0) {
        return refuse(
            c, r, str_printf(&c->arena, "npc:allow names no finding: '" STR_FMT "'", STR_ARG(id)));
    }
    while (w.rest.n > 0 && is_blank(*w.rest.p)) {
        w.rest = (struct str){w.rest.p + 1, w.rest.n - 1};
    }
    if (!says_something(w.rest)) {
        return refuse(c, r,
                      str_printf(&c->arena, "npc:allow " STR_FMT " gives no reason", STR_ARG(id)));
    }
    out->remark = r;
    out->reason = w.rest;
    return true;
}

/* ---- findings by place ---- */

static int place_cmp(const struct diag *d, uint32_t file, uint32_t line, unsigned number)
{
    if (d->at.file != file) {
        return d->at.file < file ? -1 : 1;
    }
    if (d->at.line != line) {
        return d->at.line < line ? -1 : 1;
    }
    unsigned own = diag_number(d->id);
    return (own > number) - (own < number);
}

static int diag_order(const void *pa, const void *pb)
{
    const struct diag *a = *(struct diag *const *)pa, *b = *(struct diag *const *)pb;
    return place_cmp(a, b->at.file, b->at.line, diag_number(b->id));
}

/* The first of the sorted findings that is not before a place. */
static size_t lower_bound(struct diag *const *v, size_t n, const struct allow *a)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place_cmp(v[middle], a->remark->at.file, a->line, a->number) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The line that the i-th comment is about: comments that follow each other are about one line. */
static uint32_t line_after(const struct sources *s, size_t i)
{
    while (i + 1 < s->remarks.n && s->remarks.v[i + 1].at.file == s->remarks.v[i].at.file &&
           s->remarks.v[i + 1].at.line == s->remarks.v[i].at.line + 1) {
        i++;
    }
    return s->remarks.v[i].at.line + 1;
}

/* Whether all findings are there to be silenced: of very many some are only counted. */
static bool are_all_kept(const struct diags *d)
{
    return d->errors <= d->kept && d->warnings <= d->kept && d->infos <= d->kept;
}

size_t suppress(struct ctx *c)
{
    bool all = are_all_kept(&c->diags);
    size_t n = c->diags.list.n, silenced = 0;
    struct diag **sorted = ARENA_NEW_ARRAY(&c->arena, n, struct diag *);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = c->diags.list.v[i];
    }
    array_sort(sorted, n, sizeof *sorted, diag_order);
    for (size_t i = 0; i < c->sources.remarks.n; i++) {
        struct allow a;
        if (!parse(c, &c->sources.remarks.v[i], &a)) {
            continue;
        }
        a.line = line_after(&c->sources, i);
        size_t at = lower_bound(sorted, n, &a), first = at;
        for (; at < n && place_cmp(sorted[at], a.remark->at.file, a.line, a.number) == 0; at++) {
            silenced += !sorted[at]->silenced;
            diag_silence(&c->diags, sorted[at], a.reason);
        }
        if (at == first && all) {
            struct diag *d = diag_warning(&c->diags, NPC515, a.remark->at,
                                          "npc:allow NPC%03u silences nothing: line %u has no such "
                                          "finding",
                                          a.number, a.line);
            diag_hint(&c->diags, d, "remove the comment");
        }
    }
    return silenced;
}
