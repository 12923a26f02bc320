/*
 * `# npc:allow NPC102 reason`, on a line of its own: silences findings of that kind in what the
 * comment is about, which the readers say (frontend/remark.h): in YAML the next line, in npc source
 * the next statement, with all that is in it, or element of a set. The reason is not for npc, but
 * whoever reads the source has a right to it.
 */
#include "lib/check.h"

#define FIRST_FINDING 100 /* below are errors of the input, which nothing can allow */
#define LAST_FINDING  699

struct allow {
    const struct remark *remark;
    enum diag_id id;
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

/* The finding of that name that can be silenced; DIAG_COUNT: there is none. */
static enum diag_id kind_of(struct str id)
{
    uint32_t number;
    if (id.n != 6 || !str_starts(id, "NPC") ||
        !str_to_u32((struct str){id.p + 3, 3}, LAST_FINDING, &number) || number < FIRST_FINDING) {
        return DIAG_COUNT;
    }
    for (size_t i = 0; i < DIAG_COUNT; i++) {
        bool is_own = i == DIAG_NPC514 || i == DIAG_NPC515 || i == DIAG_NPC517;
        if (diag_number((enum diag_id)i) == number && !is_own) {
            return (enum diag_id)i;
        }
    }
    return DIAG_COUNT;
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
    out->id = kind_of(id);
    if (out->id == DIAG_COUNT) {
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

/* ---- findings by kind and place ---- */

struct findings {
    struct diag **v;
    size_t *next; /* for each, one at or behind it that may not be silenced yet */
    size_t n;
};

static int place_cmp(const struct diag *d, uint32_t file, unsigned number, uint32_t line,
                     uint32_t col)
{
    unsigned own = diag_number(d->id);
    const uint32_t a[] = {d->at.file, own, d->at.line, d->at.col}, b[] = {file, number, line, col};
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static int diag_order(const void *pa, const void *pb)
{
    const struct diag *a = *(struct diag *const *)pa, *b = *(struct diag *const *)pb;
    return place_cmp(a, b->at.file, diag_number(b->id), b->at.line, b->at.col);
}

static struct findings findings_of(struct ctx *c)
{
    size_t n = c->diags.list.n;
    struct findings f = {.v = ARENA_NEW_ARRAY(&c->arena, n, struct diag *),
                         .next = ARENA_NEW_ARRAY(&c->arena, n + 1, size_t),
                         .n = n};
    for (size_t i = 0; i < n; i++) {
        f.v[i] = c->diags.list.v[i];
    }
    array_sort(f.v, n, sizeof *f.v, diag_order);
    for (size_t i = 0; i <= n; i++) {
        f.next[i] = i;
    }
    return f;
}

/* The first of the findings of a kind that is not before a place. */
static size_t lower_bound(const struct findings *f, const struct allow *a, uint32_t line,
                          uint32_t col)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place_cmp(f->v[middle], a->remark->at.file, diag_number(a->id), line, col) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first finding from the i-th on that no comment has been at: those that one has been at are
 * passed over, however many comments are about the same. */
static size_t first_left(struct findings *f, size_t i)
{
    while (f->next[i] != i) {
        f->next[i] = f->next[f->next[i]];
        i = f->next[i];
    }
    return i;
}

/* Silences what a comment is about; false if there is nothing. */
static bool silence(struct ctx *c, struct findings *f, const struct allow *a, size_t *silenced)
{
    const struct extent *about = &a->remark->about;
    size_t from = lower_bound(f, a, about->line, about->col);
    size_t to = lower_bound(f, a, about->end_line, about->end_col);
    for (size_t i = first_left(f, from); i < to; i = first_left(f, i)) {
        *silenced += !f->v[i]->silenced;
        diag_silence(&c->diags, f->v[i], a->reason);
        f->next[i] = i + 1;
    }
    return from < to;
}

/* Whether all findings are there to be silenced: of very many some are only counted. */
static bool are_all_kept(const struct diags *d)
{
    return d->errors <= d->kept && d->warnings <= d->kept && d->infos <= d->kept;
}

static void report_idle(struct ctx *c, const struct allow *a, const struct lint_open *open)
{
    const struct remark *r = a->remark;
    bool is_misplaced = r->about.line == 0;
    if (open->kinds[a->id] && !is_misplaced) {
        return;
    }
    struct str why;
    if (is_misplaced) {
        why = STR("it stands before no statement and no element of a set");
    } else if (sources_get(&c->sources, r->at.file)->is_npc) {
        why = STR("what it stands before has no such finding");
    } else {
        why = str_printf(&c->arena, "line %u has no such finding", (unsigned)r->about.line);
    }
    struct diag *d =
        diag_warning(&c->diags, NPC515, r->at, "npc:allow NPC%03u silences nothing: " STR_FMT,
                     diag_number(a->id), STR_ARG(why));
    diag_hint(&c->diags, d,
              is_misplaced ? "write it on a line of its own, before what it is about"
                           : "remove the comment");
}

/* Comments that follow each other line by line are about the same line. */
static void join_runs(struct sources *s)
{
    for (size_t i = s->remarks.n; i-- > 1;) {
        struct remark *r = &s->remarks.v[i - 1];
        if (r[1].at.file == r->at.file && r[1].at.line == r->about.line) {
            r->about = r[1].about;
        }
    }
}

size_t suppress(struct ctx *c, const struct lint_open *open)
{
    bool all = are_all_kept(&c->diags);
    size_t silenced = 0;
    struct findings findings = findings_of(c);
    join_runs(&c->sources);
    /* From the last one on: what is said within a block goes before what is said of the whole. */
    for (size_t i = c->sources.remarks.n; i-- > 0;) {
        struct allow a;
        if (parse(c, &c->sources.remarks.v[i], &a) && !silence(c, &findings, &a, &silenced) &&
            all) {
            report_idle(c, &a, open);
        }
    }
    return silenced;
}
