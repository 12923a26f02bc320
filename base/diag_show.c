/*
 * Showing diagnostics: which ones, in what order, as text or as JSON.
 * Text from input is made harmless for a terminal here and nowhere else (threats.md 36).
 */
#include "base/diag.h"
#include "base/utf8.h"

#include <stdlib.h>

#define MOST_DEFAULT 50
/* Columns of a source line that are shown at most, and how many of them before the place. */
#define WINDOW        160
#define WINDOW_BEFORE 60
#define ELLIPSIS      "..."

#define SEVERITIES 3
static const struct severity_style {
    const char *name, *colour;
} severities[SEVERITIES] = {
    [SEV_ERROR] = {"error", "\x1b[1;31m"},
    [SEV_WARNING] = {"warning", "\x1b[1;35m"},
    [SEV_INFO] = {"info", "\x1b[1;36m"},
};
#define COLOUR_PLACE "\x1b[1m"
#define COLOUR_CARET "\x1b[1;32m"
#define COLOUR_OFF   "\x1b[0m"

/* ---- which, and in what order ---- */

struct selection { /* as struct diag_list */
    const struct diag **v;
    size_t n;
    size_t hidden[SEVERITIES]; /* not in v: over the limit, or only counted */
};

static int diag_cmp(const void *pa, const void *pb, void *sources)
{
    const struct diag *a = *(const struct diag *const *)pa;
    const struct diag *b = *(const struct diag *const *)pb;
    int order = span_cmp(sources, a->at, b->at);
    order = order != 0 ? order : (a->id > b->id) - (a->id < b->id);
    order = order != 0 ? order : (a->severity > b->severity) - (a->severity < b->severity);
    order = order != 0 ? order : str_cmp(a->text, b->text);
    return order != 0 ? order : str_cmp(a->hint, b->hint);
}

struct diag_list diags_sorted(const struct diags *d, bool info, bool silenced, struct arena *a)
{
    struct diag_list all = {.v = ARENA_NEW_ARRAY(a, d->list.n, const struct diag *)};
    for (size_t i = 0; i < d->list.n; i++) {
        const struct diag *rec = d->list.v[i];
        if ((info || rec->severity != SEV_INFO) && (silenced || !rec->silenced)) {
            all.v[all.n++] = rec;
        }
    }
    struct sources view = *d->sources; /* qsort_r takes no const argument */
    if (all.n > 1) {
        qsort_r(all.v, all.n, sizeof(struct diag *), diag_cmp, &view);
    }
    size_t unique = 0;
    for (size_t i = 0; i < all.n; i++) {
        if (unique == 0 || diag_cmp(&all.v[unique - 1], &all.v[i], &view) != 0) {
            all.v[unique++] = all.v[i];
        }
    }
    all.n = unique;
    return all;
}

/* Leaves at most `most`: an error is never hidden behind warnings, nor a warning behind infos. */
static void selection_limit(struct selection *sel, size_t most)
{
    size_t room[SEVERITIES], count[SEVERITIES] = {0};
    for (size_t i = 0; i < sel->n; i++) {
        count[sel->v[i]->severity]++;
    }
    for (size_t s = 0; s < SEVERITIES; s++) {
        room[s] = count[s] < most ? count[s] : most;
        most -= room[s];
        sel->hidden[s] += count[s] - room[s];
    }
    size_t left = 0;
    for (size_t i = 0; i < sel->n; i++) {
        if (room[sel->v[i]->severity] > 0) {
            room[sel->v[i]->severity]--;
            sel->v[left++] = sel->v[i];
        }
    }
    sel->n = left;
}

static struct selection selection_make(const struct diags *d, const struct diag_style *style,
                                       struct arena *scratch)
{
    size_t kept = d->kept;
    struct selection sel = {.hidden = {
                                [SEV_ERROR] = d->errors > kept ? d->errors - kept : 0,
                                [SEV_WARNING] = d->warnings > kept ? d->warnings - kept : 0,
                            }};
    struct diag_list sorted = diags_sorted(d, style->info, false, scratch);
    sel.v = sorted.v;
    sel.n = sorted.n;
    size_t most = style->most;
    if (most == 0) {
        most = style->json ? SIZE_MAX : MOST_DEFAULT; /* programs want them all */
    }
    selection_limit(&sel, most);
    return sel;
}

/* ---- text ---- */

struct shower {
    const struct diags *d;
    const struct diag_style *style;
    struct buf *out;
    struct arena *scratch;
    struct source_mark mark; /* the line shown last */
};

static void put_colour(const struct shower *w, const char *colour)
{
    if (w->style->colour) {
        buf_puts(w->out, colour);
    }
}

/* "file:line:col: ", as much of it as is known. */
static void put_place(const struct shower *w, struct span at)
{
    put_colour(w, COLOUR_PLACE);
    if (at.file == 0) {
        buf_puts(w->out, "npc");
    } else {
        buf_shown(w->out, sources_get(w->d->sources, at.file)->path);
    }
    if (at.file != 0 && at.line > 0) {
        buf_putc(w->out, ':');
        buf_u64(w->out, at.line);
        if (at.col > 0) {
            buf_putc(w->out, ':');
            buf_u64(w->out, at.col);
        }
    }
    buf_puts(w->out, ": ");
    put_colour(w, COLOUR_OFF);
}

/* One code point of a source line as shown. Wide characters count as one column: npc's own words
 * are ASCII, and a caret that is a little off is no harm. */
struct cell {
    struct str text;
    size_t width;
};

struct cells {
    struct cell *v;
    size_t n;
};

static struct cells line_cells(struct arena *a, struct str line)
{
    struct cells cells = {.v = ARENA_NEW_ARRAY(a, line.n, struct cell)};
    for (size_t at = 0; at < line.n;) {
        struct str rest = {line.p + at, line.n - at};
        struct cell *cell = &cells.v[cells.n++];
        if (rest.p[0] == '\t') {
            *cell = (struct cell){STR(" "), 1};
            at += 1;
            continue;
        }
        struct buf *shown = buf_new(a);
        at += buf_shown_char(shown, rest);
        cell->text = buf_text(shown);
        cell->width = utf8_length(cell->text);
    }
    return cells;
}

/* The cells [first, last) that are shown so that cell `place` is among them. */
static void window_find(struct cells cells, size_t place, size_t *first, size_t *last)
{
    size_t total = 0;
    for (size_t i = 0; i < cells.n; i++) {
        total += cells.v[i].width;
    }
    *first = 0;
    if (total > WINDOW) {
        *first = place < cells.n ? place : cells.n;
        size_t before = 0;
        while (*first > 0 && before + cells.v[*first - 1].width <= WINDOW_BEFORE) {
            before += cells.v[--*first].width;
        }
    }
    size_t width = 0;
    *last = *first;
    while (*last < cells.n && width + cells.v[*last].width <= WINDOW) {
        width += cells.v[(*last)++].width;
    }
}

/* The source line and the line with the caret. Nothing if the line cannot be had. */
static void put_source(struct shower *w, struct span at)
{
    uint32_t first_col;
    struct str line = sources_excerpt(w->d->sources, at, &w->mark, w->scratch, &first_col);
    if (line.n == 0 || at.col < first_col) {
        return;
    }
    struct cells cells = line_cells(w->scratch, line);
    size_t place = at.col - first_col; /* may be just behind the end: "expected '}'" */
    place = place < cells.n ? place : cells.n;
    size_t first, last;
    window_find(cells, place, &first, &last);

    bool cut_before = first > 0 || first_col > 1;
    buf_puts(w->out, cut_before ? ELLIPSIS : "");
    size_t indent = cut_before ? sizeof ELLIPSIS - 1 : 0;
    size_t marked = 0; /* columns under the place, behind its first */
    for (size_t i = first; i < last; i++) {
        buf_str(w->out, cells.v[i].text);
        if (i < place) {
            indent += cells.v[i].width;
        } else if (i - place < (at.len > 0 ? at.len : 1)) {
            marked += cells.v[i].width;
        }
    }
    buf_puts(w->out, last < cells.n ? ELLIPSIS "\n" : "\n");
    buf_spaces(w->out, indent);
    put_colour(w, COLOUR_CARET);
    buf_putc(w->out, '^');
    for (; marked > 1; marked--) {
        buf_putc(w->out, '~');
    }
    put_colour(w, COLOUR_OFF);
    buf_putc(w->out, '\n');
}

static void put_diag(struct shower *w, const struct diag *rec)
{
    const struct severity_style *severity = &severities[rec->severity];
    put_place(w, rec->at);
    put_colour(w, severity->colour);
    buf_printf(w->out, "%s: ", severity->name);
    put_colour(w, COLOUR_OFF);
    buf_shown(w->out, rec->text);
    buf_printf(w->out, " [NPC%03u]\n", diag_number(rec->id));
    put_source(w, rec->at);
    if (rec->hint.n > 0) {
        buf_puts(w->out, "  hint: ");
        buf_shown(w->out, rec->hint);
        buf_putc(w->out, '\n');
    }
    for (size_t i = 0; i < rec->notes.n; i++) {
        buf_puts(w->out, "  ");
        put_place(w, rec->notes.v[i].at);
        buf_puts(w->out, "note: ");
        buf_shown(w->out, rec->notes.v[i].text);
        buf_putc(w->out, '\n');
    }
}

/* "3 more errors and 1 warning not shown": infos are not worth a word. */
static void put_hidden(struct buf *out, const size_t hidden[SEVERITIES])
{
    size_t errors = hidden[SEV_ERROR], warnings = hidden[SEV_WARNING];
    if (errors > 0) {
        buf_printf(out, "%zu more error%s", errors, errors == 1 ? "" : "s");
    }
    if (warnings > 0) {
        buf_printf(out, "%s%zu %swarning%s", errors > 0 ? " and " : "", warnings,
                   errors > 0 ? "" : "more ", warnings == 1 ? "" : "s");
    }
    if (errors > 0 || warnings > 0) {
        buf_puts(out, " not shown\n");
    }
}

/* ---- JSON ---- */

static void json_string(struct buf *out, const char *key, struct str value)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_string(out, value);
}

static void json_number(struct buf *out, const char *key, uint64_t value)
{
    buf_printf(out, ",\"%s\":", key);
    buf_u64(out, value);
}

/* The place: only what is known. */
static void json_place(const struct shower *w, struct span at)
{
    if (at.file == 0) {
        return;
    }
    json_string(w->out, "file", sources_get(w->d->sources, at.file)->path);
    if (at.line > 0) {
        json_number(w->out, "line", at.line);
    }
    if (at.line > 0 && at.col > 0) {
        json_number(w->out, "column", at.col);
        json_number(w->out, "length", at.len > 0 ? at.len : 1);
    }
}

static void json_diag(const struct shower *w, const struct diag *rec)
{
    struct buf *out = w->out;
    buf_printf(out, "{\"id\":\"NPC%03u\",\"name\":\"%s\",\"severity\":\"%s\"", diag_number(rec->id),
               diag_slug(rec->id), severities[rec->severity].name);
    json_place(w, rec->at);
    json_string(out, "message", rec->text);
    if (rec->hint.n > 0) {
        json_string(out, "hint", rec->hint);
    }
    buf_puts(out, ",\"notes\":[");
    for (size_t i = 0; i < rec->notes.n; i++) {
        buf_puts(out, i > 0 ? ",{\"message\":" : "{\"message\":");
        buf_json_string(out, rec->notes.v[i].text);
        json_place(w, rec->notes.v[i].at);
        buf_putc(out, '}');
    }
    buf_puts(out, "]}");
}

static void json_all(const struct shower *w, const struct selection *sel)
{
    buf_puts(w->out, "{\"version\":1,\"diagnostics\":[");
    for (size_t i = 0; i < sel->n; i++) {
        buf_puts(w->out, i > 0 ? ",\n" : "\n");
        json_diag(w, sel->v[i]);
    }
    buf_puts(w->out, sel->n > 0 ? "\n]" : "]");
    if (sel->hidden[SEV_ERROR] > 0 || sel->hidden[SEV_WARNING] > 0) {
        buf_printf(w->out, ",\"notShown\":{\"errors\":%zu,\"warnings\":%zu}",
                   sel->hidden[SEV_ERROR], sel->hidden[SEV_WARNING]);
    }
    buf_puts(w->out, "}\n");
}

void diags_show(const struct diags *d, const struct diag_style *style, struct buf *out)
{
    struct arena *scratch = arena_new_scratch(d->arena);
    struct shower w = {.d = d, .style = style, .out = out, .scratch = scratch};
    struct selection sel = selection_make(d, style, scratch);
    if (style->json) {
        json_all(&w, &sel);
    } else {
        for (size_t i = 0; i < sel.n; i++) {
            put_diag(&w, sel.v[i]);
        }
        put_hidden(out, sel.hidden);
    }
    arena_free(scratch);
}
