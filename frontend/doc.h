/*
 * One object as a tree: maps, lists and scalars with their places, built from events. The tree
 * keeps duplicate keys and knows no types; doc_check() finds what no reader should have to guess.
 */
#ifndef NPC_FRONTEND_DOC_H
#define NPC_FRONTEND_DOC_H

#include "frontend/event.h"

enum node_kind {
    NODE_SCALAR,
    NODE_MAP,
    NODE_SEQ,
    NODE_SKIPPED /* a value that the filter left out */
};

struct node_key {
    struct str text;
    struct span at;
    bool plain;
};

struct node {
    enum node_kind kind;
    bool plain;                 /* NODE_SCALAR: without quotes */
    uint32_t n;                 /* children */
    size_t weight;              /* nodes of the tree below and this one, aliases written out */
    struct str text;            /* NODE_SCALAR */
    struct span at;             /* of the value */
    const struct node_key *key; /* the key it stands under, or NULL in a list */
    const struct node *first;   /* child */
    const struct node *next;    /* sibling */
};

/* Whether a value is there and is not null. */
bool node_is_present(const struct node *n);
/* The child under a key (the first, if a key stands twice), or NULL. */
const struct node *node_find(const struct node *map, struct str key);

/*
 * What of a tree to build: a filter speaks about the keys of one map; a list hands it on to its
 * items. NULL keeps everything.
 */
struct filter_item {
    struct str key;
    const struct filter *below; /* for the value; NULL: all of it */
    /* A narrower one for what stands in the map before the key, or NULL. */
    const struct filter *(*narrow)(const struct node *map);
};

struct filter {
    const struct filter_item *items;
    size_t n;
    bool drop; /* other keys: leave no trace; else a NODE_SKIPPED stands in their place */
};

struct doc { /* the building of one document */
    struct ctx *ctx;
    struct event_reader *reader;
    struct arena *arena;    /* for nodes: may be changed between values */
    bool allow_aliases;     /* then filters are not used: an anchor may stand anywhere */
    struct strmap anchors;  /* of this document */
    struct arena *names;    /* for the anchors' table */
    size_t before;          /* the reader's values before this document */
    size_t expanded;        /* values of the document, aliases written out */
    struct doc_frame *open; /* the maps and lists that are being built */
    size_t nopen;
};

void doc_init(struct doc *d, struct ctx *c, struct event_reader *reader, struct arena *a,
              bool allow_aliases);
/* Forgets the anchors: a new document begins. */
void doc_begin(struct doc *d);

/* Gives the next event, if the object is within its limits. */
bool doc_next(struct doc *d, struct event *ev);
/* Builds the value that begins with the event `first`. NULL if an error was reported. */
struct node *doc_read(struct doc *d, const struct event *first, const struct filter *filter);
/* The same for the value of a key of `map`, as the filter of that has it. */
struct node *doc_read_field(struct doc *d, const struct event *first, const struct filter *filter,
                            const struct node *map, const struct node_key *key);
/* Passes over the value that begins with `first` and builds nothing. */
bool doc_skip(struct doc *d, const struct event *first);
/* An empty map at a place, to be filled by doc_append(). */
struct node *doc_map(struct doc *d, struct span at);
/* The event of a key as a key; NULL if it cannot be one, which has been reported. */
struct node_key *doc_key(struct doc *d, struct event *ev);
/* Puts a value under a key of a map; *last is the map's last child, NULL at first. */
void doc_append(struct node *map, struct node **last, struct node *value,
                const struct node_key *key);

/* Reports keys that stand twice (NPC053), unquoted keys that some readers take for no string
 * (NPC054) and NUL characters, in the whole tree or, if !deep, in the root's keys and scalars only.
 * `a` is for scratch. */
bool doc_check(struct doc *d, const struct node *root, bool deep, struct arena *a);

#endif
