/* Lays out one statement (see the header). One pass, with a look ahead of at most a line. */
#include "frontend/dsl_layout.h"

#include "base/utf8.h"

void layout_init(struct layout *l, struct arena *a)
{
    *l = (struct layout){.arena = a, .scratch = buf_new(a)};
}

void layout_clear(struct layout *l)
{
    l->v.n = 0;
}

void layout_text(struct layout *l, struct str text)
{
    const struct piece piece = {PIECE_TEXT, (uint32_t)utf8_length(text), text};
    vec_push(l->arena, &l->v, piece);
}

void layout_puts(struct layout *l, const char *text)
{
    layout_text(l, str_of(text));
}

void layout_mark(struct layout *l, enum piece_kind kind)
{
    vec_push(l->arena, &l->v, (struct piece){.kind = kind});
}

void layout_comment(struct layout *l, size_t at, enum piece_kind kind, struct str text)
{
    vec_push(l->arena, &l->v, (struct piece){.kind = kind});
    for (size_t i = l->v.n - 1; i > at; i--) {
        l->v.v[i] = l->v.v[i - 1];
    }
    l->v.v[at] = (struct piece){.kind = kind, .text = text};
}

/* ---- measuring ---- */

static size_t flat_width(const struct piece *p)
{
    switch (p->kind) {
    case PIECE_TEXT:
        return p->width;
    case PIECE_OPEN:
    case PIECE_CLOSE:
        return 1;
    case PIECE_NEXT:
        return 2;
    case PIECE_LEAD: /* ends the line */
    case PIECE_TRAIL:
        break;
    }
    return LAYOUT_COLUMNS + 1;
}

size_t layout_width(const struct layout *l)
{
    size_t width = 0;
    for (size_t i = 0; i < l->v.n && width <= LAYOUT_COLUMNS; i++) {
        width += flat_width(&l->v.v[i]);
    }
    return width;
}

/* Whether the set that opens at piece i, and closes somewhere, fits on the line with what must
 * follow it there: the text up to the next place where the line may be broken. */
static bool set_fits(const struct layout *l, size_t i, size_t column)
{
    size_t depth = 0;
    for (; i < l->v.n && column <= LAYOUT_COLUMNS; i++) {
        const struct piece *p = &l->v.v[i];
        column += flat_width(p);
        if (p->kind == PIECE_OPEN) {
            depth++;
        } else if (p->kind == PIECE_CLOSE && --depth == 0) {
            for (i++; i < l->v.n && l->v.v[i].kind == PIECE_TEXT; i++) {
                column += l->v.v[i].width;
            }
            bool more = i < l->v.n && l->v.v[i].kind != PIECE_TRAIL; /* a brace or comma */
            return column + more <= LAYOUT_COLUMNS;
        }
    }
    return false;
}

/* ---- printing ---- */

struct printer {
    const struct layout *l;
    struct buf *out;
    size_t indent, column;
    size_t flat;               /* nested sets of a set on one line */
    const struct piece *trail; /* a comment that waits for the comma */
};

static void put(struct printer *p, struct str text, size_t width)
{
    buf_str(p->out, text);
    p->column += width;
}

static void new_line(struct printer *p)
{
    if (p->trail != NULL) {
        buf_puts(p->out, "  ");
        buf_str(p->out, p->trail->text);
        p->trail = NULL;
    }
    buf_putc(p->out, '\n');
    buf_spaces(p->out, p->indent);
    p->column = p->indent;
}

static bool next_is(const struct printer *p, size_t i, enum piece_kind kind)
{
    return i + 1 < p->l->v.n && p->l->v.v[i + 1].kind == kind;
}

static void open_set(struct printer *p, size_t i)
{
    bool fits = p->flat > 0 || set_fits(p->l, i, p->column);
    put(p, STR("{"), 1);
    if (fits) {
        p->flat++;
        return;
    }
    p->indent += LAYOUT_INDENT;
    if (next_is(p, i, PIECE_TRAIL)) {
        p->trail = &p->l->v.v[i + 1];
    }
    new_line(p);
}

static void close_set(struct printer *p, size_t i)
{
    if (p->flat > 0) {
        p->flat--;
        put(p, STR("}"), 1);
        return;
    }
    p->indent -= LAYOUT_INDENT;
    if (p->l->v.v[i - 1].kind == PIECE_LEAD) { /* a line was begun, as if for another element */
        buf_cut(p->out, p->out->n - LAYOUT_INDENT);
        p->column = p->indent;
    } else {
        put(p, STR(","), 1); /* behind the last element too */
        new_line(p);
    }
    put(p, STR("}"), 1);
}

static void print_piece(struct printer *p, size_t i)
{
    const struct piece *piece = &p->l->v.v[i];
    switch (piece->kind) {
    case PIECE_TEXT:
        put(p, piece->text, piece->width);
        break;
    case PIECE_OPEN:
        open_set(p, i);
        break;
    case PIECE_NEXT:
        if (p->flat > 0) {
            put(p, STR(", "), 2);
        } else {
            put(p, STR(","), 1);
            new_line(p);
        }
        break;
    case PIECE_CLOSE:
        close_set(p, i);
        break;
    case PIECE_LEAD:
        put(p, piece->text, 0);
        new_line(p);
        break;
    case PIECE_TRAIL: /* behind a { it is printed already */
        p->trail = i > 0 && p->l->v.v[i - 1].kind == PIECE_OPEN ? NULL : piece;
        break;
    }
}

void layout_print(const struct layout *l, size_t indent, struct buf *out)
{
    struct printer p = {.l = l, .out = out, .indent = indent, .column = indent};
    buf_spaces(out, indent);
    for (size_t i = 0; i < l->v.n; i++) {
        print_piece(&p, i);
    }
}
