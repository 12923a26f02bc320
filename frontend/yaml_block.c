/*
 * Of YAML 1.1 what Kubernetes' tools write: lines `key:`, `key: scalar`, `- key: scalar` and
 * `- scalar`, in printable ASCII, scalars of one line.
 */
#include "frontend/yaml_block.h"

#include <string.h>

enum {
    MOST_OPEN = 64, /* lists and maps */
    MOST_KEY = 1000 /* a key on the line of its colon has at most 1024 characters (YAML 1.1, 7.2) */
};

struct rest_line {
    size_t column; /* of the dash if there is one, else of the key */
    bool is_item;  /* begins with "- " */
    bool has_key;
    bool is_open;  /* the key's value may follow on the next lines */
    bool is_empty; /* a list or map without anything in it stands on the line */
};

struct open_block {
    size_t column;
    bool is_list;
};

struct scan {
    struct open_block open[MOST_OPEN];
    size_t nopen, depth; /* at most depth + 1 may be open */
    bool is_awaiting;    /* the last line was a key without a value */
};

/* ---- scalars: each line has its end, '\n' ---- */

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n';
}

/* The end of a plain scalar, which is that of the line or the colon of a key; NULL: not one. */
static const char *skip_plain(const char *p)
{
    if (strchr("\n ?:,[]{}#&*!|>'\"%@`", *p) != NULL || (*p == '-' && is_blank(p[1]))) {
        return NULL;
    }
    for (; is_printable(*p); p++) {
        if (*p == ':' && is_blank(p[1])) {
            return p[-1] != ' ' ? p : NULL;
        }
        if (*p == ' ' && (p[1] == '\n' || p[1] == '#')) {
            return NULL;
        }
    }
    return *p == '\n' ? p : NULL;
}

/* Whether a line ends with the scalar that is quoted from p on. */
static bool ends_quoted(const char *p)
{
    const char quote = *p++;
    for (; is_printable(*p); p++) {
        if (quote == '"' && *p == '\\') {
            p++;
            if (strchr("nt\"\\", *p) == NULL) {
                return false;
            }
        } else if (*p == quote) {
            if (quote == '"' || p[1] != '\'') {
                return p[1] == '\n';
            }
            p++;
        }
    }
    return false;
}

/* Whether a line ends with the value that begins at p. */
static bool ends_value(const char *p, struct rest_line *l)
{
    l->is_empty = strncmp(p, "{}\n", 3) == 0 || strncmp(p, "[]\n", 3) == 0;
    if (*p == '"' || *p == '\'') {
        return ends_quoted(p);
    }
    const char *end = skip_plain(p);
    return l->is_empty || (end != NULL && *end == '\n');
}

/* ---- lines ---- */

/* Whether there is nothing unusual in a line. *l is right about how it begins in any case. */
static bool take_line(const char *begin, struct rest_line *l)
{
    const char *p = begin + strspn(begin, " ");
    *l = (struct rest_line){.column = (size_t)(p - begin), .is_item = p[0] == '-' && p[1] == ' '};
    p += l->is_item ? 2 : 0;
    const char *end = skip_plain(p);
    bool is_marker = p == begin && (*p == '-' || *p == '.'); /* `---` or `...`, maybe */
    l->has_key = end != NULL && *end == ':' && end - p <= MOST_KEY && !is_marker;
    if (!l->has_key) {
        return l->is_item && ends_value(p, l);
    }
    l->is_open = end[1] == '\n';
    return l->is_open || ends_value(end + 2, l);
}

/* Whether what begins at p, on a line of so many columns, stands behind the block. */
static bool is_behind(const struct yaml_block *block, const char *p, const struct rest_line *l)
{
    bool begins = is_printable(*p) && *p != '#'; /* and is no empty line, and no comment */
    return begins && (l->column < block->column ||
                      (l->column == block->column && block->is_list && !l->is_item));
}

/* Whether a line begins an item or key of the block itself. */
static bool is_next(const struct yaml_block *block, const struct rest_line *l)
{
    return l->column == block->column && l->is_item == block->is_list && (l->is_item || l->has_key);
}

static bool open_block(struct scan *s, size_t column, bool is_list)
{
    if (s->nopen == MOST_OPEN || s->nopen > s->depth) {
        return false;
    }
    s->open[s->nopen++] = (struct open_block){column, is_list};
    return true;
}

/* Whether a line can stand where it stands; follows what it opens and closes. */
static bool place_line(struct scan *s, const struct rest_line *l)
{
    const struct open_block *top = &s->open[s->nopen - 1];
    if (s->is_awaiting && (l->column > top->column || (l->column == top->column && l->is_item)) &&
        !open_block(s, l->column, l->is_item)) {
        return false;
    }
    /* A list may stand in the column of the key above it. */
    for (top = &s->open[s->nopen - 1];
         s->nopen > 1 &&
         (top->column > l->column || (top->column == l->column && top->is_list && !l->is_item));
         top--) {
        s->nopen--;
    }
    if (top->column != l->column || top->is_list != l->is_item ||
        (l->is_item && l->has_key && !open_block(s, l->column + 2, false))) {
        return false;
    }
    s->is_awaiting = l->is_open;
    return !l->is_empty || s->nopen <= s->depth;
}

struct yaml_rest yaml_block_rest(struct str text, size_t seen, const struct yaml_block *block)
{
    struct yaml_rest so_far = {0}, rest = {0};
    struct scan s = {.open = {{block->column, block->is_list}}, .nopen = 1, .depth = block->depth};
    const char *p = text.p, *end;
    for (; (end = memchr(p, '\n', text.n - (size_t)(p - text.p))) != NULL; p = end + 1) {
        struct rest_line l;
        bool is_usual = take_line(p, &l);
        if (is_behind(block, p + l.column, &l)) {
            return so_far;
        }
        if (is_next(block, &l)) {
            rest = so_far;
        }
        if (!is_usual || !place_line(&s, &l)) {
            return rest;
        }
        if ((size_t)(p - text.p) >= seen) {
            so_far.bytes += (size_t)(end + 1 - p);
            so_far.lines++;
            so_far.values += (size_t)l.is_item + 2 * (size_t)l.has_key;
        }
    }
    rest.is_cut = true;
    return rest;
}
