/*
 * The layout and the words of npc source. The formatter of the frontend lays out what people wrote;
 * this writes what never was text, and must agree with it to the byte.
 */
#include "backends/npc_writer.h"

#include "base/ctx.h"
#include "base/utf8.h"

#include <assert.h>

enum { INDENT = 2, MOST_COLUMNS = 80, MOST_NESTED_SETS = 4 };

void npc_writer_init(struct npc_writer *w, struct arena *a, struct buf *out)
{
    *w = (struct npc_writer){.out = out, .first = true, .line = buf_new(a)};
}

/* ---- words and strings ---- */

static bool is_outer(char c)
{
    return ch_is_alnum((unsigned char)c) || c == '_';
}

/* Would be scanned as a port, which is no word. */
static bool looks_like_port(struct str s)
{
    static const char *const protocols[] = {"tcp/", "udp/", "sctp/", "icmp/", "icmp6/"};
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (str_starts(s, protocols[i])) {
            return true;
        }
    }
    return false;
}

/* [A-Za-z0-9_]([A-Za-z0-9._/-]*[A-Za-z0-9_])? */
static bool is_word(struct str s)
{
    if (s.n == 0 || s.n > limits_default.word || !is_outer(s.p[0]) || !is_outer(s.p[s.n - 1])) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!is_outer(s.p[i]) && s.p[i] != '.' && s.p[i] != '/' && s.p[i] != '-') {
            return false;
        }
    }
    return !looks_like_port(s);
}

static void put_character(struct buf *out, uint32_t c, struct str bytes)
{
    static const char plain[] = "\"\\\n\t\r", letter[] = "\"\\ntr";
    for (size_t i = 0; i < sizeof plain - 1; i++) {
        if (c == (unsigned char)plain[i]) {
            buf_putc(out, '\\');
            buf_putc(out, letter[i]);
            return;
        }
    }
    if (utf8_is_hidden(c)) {
        buf_printf(out, "\\u{%x}", (unsigned)c);
    } else {
        buf_str(out, bytes);
    }
}

void npc_string(struct npc_writer *w, struct str text)
{
    buf_putc(w->line, '"');
    while (text.n > 0) {
        uint32_t c;
        size_t n = utf8_decode(text, &c);
        assert(n > 0); /* frontends let no other bytes pass */
        if (n == 0) {
            break;
        }
        put_character(w->line, c, (struct str){text.p, n});
        text.p += n;
        text.n -= n;
    }
    buf_putc(w->line, '"');
}

void npc_word(struct npc_writer *w, struct str word)
{
    if (is_word(word)) {
        buf_str(w->line, word);
    } else {
        npc_string(w, word);
    }
}

void npc_put(struct npc_writer *w, const char *text)
{
    buf_puts(w->line, text);
}

void npc_put_str(struct npc_writer *w, struct str text)
{
    buf_str(w->line, text);
}

void npc_put_u64(struct npc_writer *w, uint64_t v)
{
    buf_u64(w->line, v);
}

/* ---- sets ---- */

static void mark(struct npc_writer *w, enum npc_mark_kind kind)
{
    size_t from = 0, column = 0;
    if (w->marks.n > 0) { /* count on from the last one */
        from = w->marks.v[w->marks.n - 1].at;
        column = w->marks.v[w->marks.n - 1].column;
    }
    struct str line = buf_text(w->line);
    column += utf8_length((struct str){line.p + from, line.n - from});
    struct npc_mark m = {kind, line.n, column};
    vec_push(w->line->arena, &w->marks, m);
}

/* The line holds the flat form; a mark stands before its text. */
void npc_open(struct npc_writer *w)
{
    mark(w, NPC_OPEN);
    buf_putc(w->line, '{');
}

void npc_next(struct npc_writer *w)
{
    mark(w, NPC_NEXT);
    buf_puts(w->line, ", ");
}

void npc_close(struct npc_writer *w)
{
    mark(w, NPC_CLOSE);
    buf_putc(w->line, '}');
}

/* ---- layout ---- */

static size_t line_columns(const struct npc_writer *w)
{
    return utf8_length(buf_text(w->line));
}

bool npc_fits(const struct npc_writer *w)
{
    return w->indent + line_columns(w) <= MOST_COLUMNS;
}

void npc_drop(struct npc_writer *w)
{
    buf_cut(w->line, 0);
    w->marks.n = 0;
}

/* The columns of the set that opens at marks[i], with what must follow it on the line: the text up
 * to the next place where a line may end, and the brace or comma there. */
static size_t set_columns(const struct npc_writer *w, size_t i)
{
    size_t depth = 0, j = i;
    for (; j < w->marks.n; j++) {
        depth += w->marks.v[j].kind == NPC_OPEN;
        depth -= w->marks.v[j].kind == NPC_CLOSE;
        if (depth == 0) {
            break;
        }
    }
    size_t end = j + 1 < w->marks.n ? w->marks.v[j + 1].column + 1 : line_columns(w);
    return end - w->marks.v[i].column;
}

struct print { /* of one statement */
    struct npc_writer *w;
    size_t from;   /* what of the line is printed */
    size_t indent; /* of the set at hand */
    size_t column;
    size_t depth;
    bool broken[MOST_NESTED_SETS];
};

/* Prints `text`, begins a new line, and skips so many bytes of the flat form. */
static void break_line(struct print *p, const char *text, size_t skip)
{
    buf_puts(p->w->out, text);
    buf_putc(p->w->out, '\n');
    buf_spaces(p->w->out, p->indent);
    p->column = p->indent;
    p->from += skip;
}

static void print_mark(struct print *p, size_t i)
{
    struct npc_mark m = p->w->marks.v[i];
    switch (m.kind) {
    case NPC_OPEN:
        assert(p->depth < MOST_NESTED_SETS);
        p->broken[p->depth] = p->column + set_columns(p->w, i) > MOST_COLUMNS;
        if (p->broken[p->depth++]) {
            p->indent += INDENT;
            break_line(p, "{", 1);
        }
        break;
    case NPC_NEXT:
        if (p->broken[p->depth - 1]) {
            break_line(p, ",", 2);
        }
        break;
    case NPC_CLOSE:
        if (p->broken[--p->depth]) {
            p->indent -= INDENT;
            break_line(p, ",", 0);
        }
        break;
    }
}

void npc_end(struct npc_writer *w)
{
    struct str line = buf_text(w->line);
    struct print p = {.w = w, .indent = w->indent, .column = w->indent};
    buf_spaces(w->out, w->indent);
    for (size_t i = 0; i < w->marks.n; i++) {
        struct str text = {line.p + p.from, w->marks.v[i].at - p.from};
        buf_str(w->out, text);
        p.column += utf8_length(text);
        p.from = w->marks.v[i].at;
        print_mark(&p, i);
    }
    buf_str(w->out, (struct str){line.p + p.from, line.n - p.from});
    buf_putc(w->out, '\n');
    npc_drop(w);
    w->first = false;
}

void npc_block(struct npc_writer *w)
{
    npc_put(w, " {");
    npc_end(w);
    w->indent += INDENT;
    w->first = true;
}

void npc_block_end(struct npc_writer *w)
{
    w->indent -= INDENT;
    if (w->first) {
        buf_cut(w->out, buf_text(w->out).n - 1); /* the line end behind { */
    } else {
        buf_spaces(w->out, w->indent);
    }
    buf_puts(w->out, "}\n");
    w->first = false;
}

void npc_item(struct npc_writer *w)
{
    buf_puts(w->out, w->first ? "" : "\n");
}
