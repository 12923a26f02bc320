/* Finding the comments that npc itself reads (remark.h). Knows no YAML but lines, blanks and #. */
#include "frontend/remark.h"

#include "base/utf8.h"
#include "frontend/clean.h"

#include <string.h>

/* Comments kept in all: a hostile input may have any number, and one that is not kept silences
 * nothing. */
enum { REMARKS_MAX = 100000 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str remark_words(struct str comment)
{
    size_t i = 0;
    while (i < comment.n && (comment.p[i] == '#' || is_blank(comment.p[i]))) {
        i++;
    }
    return (struct str){comment.p + i, comment.n - i};
}

/* Whether a comment begins with npc:, or holds bytes that are not ASCII. */
static bool is_read(struct str comment)
{
    struct str words = remark_words(comment);
    if (str_starts(words, "npc:")) {
        return true;
    }
    for (size_t i = 0; i < words.n; i++) {
        if ((unsigned char)words.p[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

bool remark_add(struct ctx *c, struct remark r)
{
    if (!is_read(r.text) || c->sources.remarks.n >= REMARKS_MAX) {
        return false;
    }
    r.text = str_dup(&c->arena, r.text);
    vec_push(&c->arena, &c->sources.remarks, r);
    return true;
}

static struct extent line_behind(uint32_t line)
{
    return (struct extent){line + 1, 1, line + 2, 1};
}

/* Another comment follows on the line that the last one was about: now both are about the next. */
static void go_on(struct ctx *c, struct span at)
{
    size_t n = c->sources.remarks.n;
    struct remark *last = n > 0 ? &c->sources.remarks.v[n - 1] : NULL;
    if (last != NULL && last->at.file == at.file && last->about.line == at.line) {
        last->about = line_behind(at.line);
    }
}

void remark_scan_init(struct remark_scan *s, struct ctx *c, uint32_t file)
{
    *s = (struct remark_scan){.ctx = c, .file = file, .line = 1, .col = 1};
}

/* Ends a comment, and its line. */
static void end_comment(struct remark_scan *s)
{
    if (s->n == sizeof s->text) {
        s->n = utf8_check((struct str){s->text, s->n}); /* maybe it was cut in a character */
    }
    while (s->n > 0 && (is_blank(s->text[s->n - 1]) || s->text[s->n - 1] == '\r')) {
        s->n--;
    }
    const struct span at = {
        .file = s->file, .line = s->line, .col = s->begin, .len = s->col - s->begin};
    const struct remark r = {at, {s->text, s->n}, line_behind(s->line)};
    if (!remark_add(s->ctx, r)) {
        go_on(s->ctx, at);
    }
    s->state = SCAN_INDENT;
    s->line++;
    s->col = 1;
    s->n = 0;
}

/* Up to the end of a comment, or of the text: how much that was. */
static size_t scan_comment(struct remark_scan *s, const unsigned char *text, size_t n)
{
    const unsigned char *lf = memchr(text, '\n', n);
    size_t taken = lf != NULL ? (size_t)(lf - text) : n, room = sizeof s->text - s->n;
    memcpy(s->text + s->n, text, taken < room ? taken : room);
    s->n += taken < room ? taken : room;
    s->col += clean_count(text, taken);
    if (lf == NULL) {
        return n;
    }
    end_comment(s);
    return taken + 1;
}

/* Up to the next # that may begin a comment, or the end of the text: how much that was. */
static size_t scan_other(struct remark_scan *s, const unsigned char *text, size_t n)
{
    const unsigned char *hash = memchr(text, '#', n);
    size_t taken = hash != NULL ? (size_t)(hash - text) : n;
    const unsigned char *lf = memrchr(text, '\n', taken);
    clean_advance(&s->line, &s->col, text, taken);
    s->state = lf != NULL ? SCAN_INDENT : s->state;
    for (size_t i = lf != NULL ? (size_t)(lf + 1 - text) : 0; i < taken; i++) {
        if (!is_blank((char)text[i])) {
            s->state = SCAN_OTHER;
            break;
        }
    }
    if (hash == NULL) {
        return n;
    }
    if (s->state == SCAN_INDENT) {
        s->state = SCAN_COMMENT;
        s->begin = s->col;
        return taken; /* the comment begins with its # */
    }
    return taken + 1;
}

void remark_scan(struct remark_scan *s, const unsigned char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        i += s->state == SCAN_COMMENT ? scan_comment(s, text + i, n - i)
                                      : scan_other(s, text + i, n - i);
    }
}

static bool is_before(struct span a, struct span b)
{
    return a.line != b.line ? a.line < b.line : a.col < b.col;
}

void remark_drop(struct ctx *c, struct span begin, struct span end)
{
    struct remark *v = c->sources.remarks.v;
    size_t first = c->sources.remarks.n;
    while (first > 0 && v[first - 1].at.file == begin.file && is_before(begin, v[first - 1].at)) {
        first--;
    }
    size_t kept = first;
    for (size_t i = first; i < c->sources.remarks.n; i++) {
        if (!is_before(v[i].at, end)) {
            v[kept++] = v[i];
        }
    }
    c->sources.remarks.n = kept;
}
