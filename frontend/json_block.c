/*
 * Of JSON what Kubernetes' tools print: a line for each key, scalar, and beginning or end of a list
 * or map; `"key": scalar,`, `"key": {`, `scalar`, `],` and so on, in printable ASCII.
 */
#include "frontend/json_block.h"

#include <string.h>

enum { MOST_OPEN = 64 }; /* lists and maps */

enum item { /* what a line is, but for key and comma */
            ITEM_UNUSUAL,
            ITEM_SCALAR,
            ITEM_EMPTY, /* list or map */
            ITEM_OPEN_LIST,
            ITEM_OPEN_MAP,
            ITEM_CLOSE
};

struct scan {
    bool is_list[MOST_OPEN];
    size_t nopen, depth; /* at most depth + 1 may be open */
    bool begins;         /* the container has no item yet, … */
    bool has_comma;      /* … or its last item has a comma */
};

size_t json_blanks(const char *text)
{
    static const char eight[JSON_BEHIND + 1] = "        ";
    const char *p = text;
    while (memcmp(p, eight, JSON_BEHIND) == 0) { /* compilers make one comparison of it */
        p += JSON_BEHIND;
    }
    while (*p == ' ') {
        p++;
    }
    return (size_t)(p - text);
}

/* ---- values ---- */

/* The end of the string that begins at p; NULL: nothing that is usual. */
static const char *skip_string(const char *p)
{
    for (p++; *p != '"'; p++) {
        if (*p < ' ' || *p > '~') {
            return NULL;
        }
        if (*p == '\\') {
            p++;
            if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL) {
                return NULL;
            }
        }
    }
    return p + 1;
}

static const char *skip_word(const char *p)
{
    static const struct str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strncmp(p, words[i].p, words[i].n) == 0) {
            return p + words[i].n;
        }
    }
    return NULL;
}

/* A whole number. */
static const char *skip_number(const char *p)
{
    p += *p == '-';
    if (*p == '0') {
        return p + 1;
    }
    const char *digits = p;
    while (*p >= '0' && *p <= '9') {
        p++;
    }
    return p > digits ? p : NULL;
}

static const char *skip_scalar(const char *p)
{
    if (*p == '"') {
        return skip_string(p);
    }
    return *p == '-' || (*p >= '0' && *p <= '9') ? skip_number(p) : skip_word(p);
}

/* ---- lines ---- */

/* The value of an item; *p moves to its end. */
static enum item take_value(const char **p)
{
    const char open = **p, next = (*p)[1];
    bool is_list = open == '[';
    if ((is_list || open == '{') && next == '\n') {
        *p += 1;
        return is_list ? ITEM_OPEN_LIST : ITEM_OPEN_MAP;
    }
    if ((is_list && next == ']') || (open == '{' && next == '}')) {
        *p += 2;
        return ITEM_EMPTY;
    }
    const char *end = skip_scalar(*p);
    if (end == NULL) {
        return ITEM_UNUSUAL;
    }
    *p = end;
    return ITEM_SCALAR;
}

/* What the line is that begins at *at, in a list or a map; *at moves to its end. */
static enum item take_line(const char **at, bool in_list, bool *has_comma)
{
    enum item item;
    const char *p = *at;
    if (*p == (in_list ? ']' : '}')) {
        item = ITEM_CLOSE;
        p++;
    } else {
        if (!in_list) {
            p = *p == '"' ? skip_string(p) : NULL;
            if (p == NULL || p[0] != ':' || p[1] != ' ') {
                return ITEM_UNUSUAL;
            }
            p += 2;
        }
        item = take_value(&p);
    }
    *has_comma = *p == ',';
    *at = p + *has_comma;
    return **at == '\n' ? item : ITEM_UNUSUAL;
}

/* Follows what an item opens and closes. False: it cannot stand where it stands, or is too deep. */
static bool place_item(struct scan *s, enum item item, bool has_comma)
{
    bool closes = item == ITEM_CLOSE;
    bool opens = item == ITEM_OPEN_LIST || item == ITEM_OPEN_MAP;
    if (item == ITEM_UNUSUAL || (!s->begins && s->has_comma == closes)) {
        return false;
    }
    if ((opens || item == ITEM_EMPTY) && s->nopen > s->depth) {
        return false;
    }
    if (opens) {
        s->is_list[s->nopen] = item == ITEM_OPEN_LIST;
    }
    s->nopen += opens;
    s->nopen -= closes;
    s->begins = opens;
    s->has_comma = has_comma;
    return true;
}

/* Whether an item of a list or a map begins at p, whatever becomes of it. */
static bool begins_item(const char *p, bool in_list)
{
    return *p == '"' || (in_list && *p != '\0' && strchr("{[-0123456789tfn", *p) != NULL);
}

struct json_rest json_block_rest(const char *text, const struct json_block *block)
{
    struct json_rest so_far = {0}, rest = {0};
    struct scan s = {.is_list = {block->is_list},
                     .nopen = 1,
                     .depth = block->depth < MOST_OPEN ? block->depth : MOST_OPEN - 1,
                     .begins = true};
    for (const char *p = text;;) {
        bool has_comma = false, in_list = s.is_list[s.nopen - 1];
        p += json_blanks(p);
        if (s.nopen == 1 && s.has_comma && begins_item(p, in_list)) {
            rest = so_far;
        }
        enum item item = take_line(&p, in_list, &has_comma);
        if (!place_item(&s, item, has_comma)) {
            rest.looked = (size_t)(p - text) + strcspn(p, "\n"); /* at most */
            return rest;
        }
        if (s.nopen == 0) {
            so_far.looked = (size_t)(p - text);
            return so_far;
        }
        p++;
        so_far.bytes = (size_t)(p - text);
        so_far.lines++;
        so_far.values += item == ITEM_CLOSE ? 0 : in_list ? 1 : 2;
    }
}
