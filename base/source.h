/*
 * Sources and places in them. A place is (file, line, column, length): lines and columns count from
 * 1, a column is a Unicode code point, a line ends at LF (CR LF counts as one).
 */
#ifndef NPC_BASE_SOURCE_H
#define NPC_BASE_SOURCE_H

#include "base/str.h"
#include "base/vec.h"

struct span {
    uint32_t file; /* index in struct sources; 0 is "no place" */
    uint32_t line;
    uint32_t col;
    uint32_t len; /* code points to underline on the first line; at least 1 if known */
};

struct source {
    struct str path; /* as shown to people: how the INPUT was named, and on from there */
    struct str name; /* as outputs print it: relative to the INPUT's directory, so that the place of
                        a checkout is in no output; the path until the loader sets it */
    struct str text; /* whole text if kept (npc source, small input), else n == 0 */
    bool reopen;     /* a regular file whose lines may be read again for diagnostics */
    bool is_npc;     /* source of the npc language, and not objects */
    bool built_in;   /* the prelude: nobody's file */
};

struct extent { /* from a place to the one behind the end; zeroed: none */
    uint32_t line, col;
    uint32_t end_line, end_col;
};

struct remark { /* a comment that npc itself reads: see frontend/remark.h */
    struct span at;
    struct str text;     /* from # on */
    struct extent about; /* the part of the source that it is about */
};

struct sources {
    struct arena *arena;
    VEC(struct remark) remarks; /* in order of reading: by file, rising */
    VEC(struct source) list;    /* list.v[0] is unused */
};

void sources_init(struct sources *s, struct arena *a);
/* Registers a source and returns its file number; its name is the path. */
uint32_t sources_add(struct sources *s, struct str path);
struct source *sources_get(const struct sources *s, uint32_t file);
/* The text of one line without its line end, from kept text or by reading the file again; at most
 * 4096 bytes. Empty if it cannot be had. Memory comes from `a`. */
struct str sources_line(const struct sources *s, struct span at, struct arena *a);

struct source_mark { /* where a line begins; zeroed: nowhere */
    uint32_t file, line;
    size_t offset;
};

/* The same, but at most 4096 bytes around the place; *first_col is the column of their first code
 * point. For diagnostics in long lines (JSON). Reading begins at the mark if that comes before the
 * place, and leaves it at the line: a list of places that rise is one way through the file. */
struct str sources_excerpt(const struct sources *s, struct span at, struct source_mark *mark,
                           struct arena *a, uint32_t *first_col);

/* The same for the lines of many places, which rise by file, then line; each file is read once. */
void sources_lines(const struct sources *s, const struct span *at, size_t n, struct arena *a,
                   struct str *lines);

/* Order of places: by path bytes, line, column. No place sorts last. */
int span_cmp(const struct sources *s, struct span a, struct span b);

#endif
