/*
 * Writes YAML in the one style of npc: block style, two spaces, lists not indented under their key,
 * nothing folded, and strings quoted wherever some reader of YAML 1.1 or 1.2 would see something
 * else. `{}` and `[]` stand for what is empty.
 *
 *     yaml_map(y);
 *     yaml_key(y, "names");     names:
 *     yaml_seq(y);              - web
 *     yaml_str(y, STR("web"));  - 'on'
 *     yaml_str(y, STR("on"));
 *     yaml_end(y);
 *     yaml_end(y);
 */
#ifndef NPC_BACKENDS_YAML_WRITER_H
#define NPC_BACKENDS_YAML_WRITER_H

#include "base/buf.h"

#define YAML_MOST_DEPTH 80 /* more than any document of npc, and than raw text may have */

struct yaml {
    struct buf *out;
    enum yaml_place {
        YAML_LINE_START, /* the next thing begins a line */
        YAML_AFTER_KEY,  /* "key:" is written: a scalar follows on the line, a map or list below */
        YAML_AFTER_DASH  /* "- " is written: whatever follows begins on the line */
    } place;
    size_t depth;
    struct yaml_level {
        bool is_seq, is_empty;
        size_t indent;
    } levels[YAML_MOST_DEPTH];
};

/* Starts a stream of documents at the end of `out`. */
void yaml_init(struct yaml *y, struct buf *out);
/* Begins a document: "---" stands between two, and not before the first. */
void yaml_document(struct yaml *y);

/* A map or a list, as a document, the value of the last key, or an item of the list at hand. */
void yaml_map(struct yaml *y);
void yaml_seq(struct yaml *y);
void yaml_end(struct yaml *y);

/* A key of the map at hand; its value must follow. */
void yaml_key(struct yaml *y, const char *key);
void yaml_key_str(struct yaml *y, struct str key);
/* A scalar, as the value of the last key or an item of the list at hand. */
void yaml_str(struct yaml *y, struct str s);
void yaml_cstr(struct yaml *y, const char *s);
void yaml_u64(struct yaml *y, uint64_t v);
/* A scalar that is written as it is: the caller knows that all readers agree on it. */
void yaml_verbatim(struct yaml *y, struct str s);

enum yaml_style { YAML_PLAIN, YAML_SINGLE, YAML_DOUBLE };
/* How a string must be written so that every reader gives back just this string. */
enum yaml_style yaml_style_of(struct str s);

#endif
