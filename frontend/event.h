/*
 * YAML and JSON as one stream of events, pulled one at a time in bounded memory.
 * A reader refuses what is not clean text or not well formed; what the values mean is the caller's.
 */
#ifndef NPC_FRONTEND_EVENT_H
#define NPC_FRONTEND_EVENT_H

#include "base/ctx.h"
#include "frontend/frontend.h"

enum event_kind {
    EVENT_DOC_START,
    EVENT_DOC_END,
    EVENT_MAP_START, /* then key, value, key, value …, EVENT_MAP_END */
    EVENT_MAP_END,
    EVENT_SEQ_START,
    EVENT_SEQ_END,
    EVENT_SCALAR,
    EVENT_ALIAS, /* YAML with aliases allowed only */
    EVENT_END    /* of the stream; nothing follows */
};

struct event {
    enum event_kind kind;
    bool plain;        /* EVENT_SCALAR: without quotes, so maybe no string (ir/yamlscalar.h) */
    struct str text;   /* EVENT_SCALAR; EVENT_ALIAS: the anchor. Gone with the next event_next() */
    struct str anchor; /* what this node is anchored as, or empty */
    struct span at;
    uint64_t begin, end; /* offsets in the stream: bytes of JSON, code points of YAML */
};

struct event_reader {
    bool (*read)(struct event_reader *r, struct event *ev);
    /* For event_hurry(); NULL: each event has to be read. */
    void (*hurry)(struct event_reader *r, size_t depth);
    struct ctx *ctx;
    uint32_t file;
    size_t depth;  /* maps and lists that are open */
    size_t values; /* events so far, but for the ends of maps and lists */
    size_t before; /* values before the current object, … */
    uint64_t from; /* … and the offset where it begins */
};

/* Gives the next event. False if the input is broken or nests deeper than limits.depth: that has
 * been reported, and the reader is of no more use. */
bool event_next(struct event_reader *r, struct event *ev);
/* Passes over some of the next events (maybe none) which event_next() and event_check() have
 * nothing to say about, and leaves at least `depth` maps and lists open. */
void event_hurry(struct event_reader *r, size_t depth);

/* Starts to count for the limits of one object (limits.object_*), which begins with the event `ev`.
 */
void event_begin_object(struct event_reader *r, const struct event *ev);
/* Whether the object is within its limits up to the event read last; else that is reported. */
bool event_check(struct event_reader *r, const struct event *ev);

/* Readers live in the arena `a`, and release what they hold when it is freed. No token may be
 * longer than limits.object_bytes. */
struct event_reader *yaml_reader_open(struct ctx *c, struct arena *a, uint32_t file,
                                      struct byte_stream in, bool allow_aliases);
struct event_reader *json_reader_open(struct ctx *c, struct arena *a, uint32_t file,
                                      struct byte_stream in);

#endif
