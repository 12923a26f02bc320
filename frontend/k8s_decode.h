/*
 * What decoding Kubernetes objects is made of: field paths, errors in the API server's words, and
 * schemas, tables that say which fields an object has. Private to frontend/k8s*.c.
 */
#ifndef NPC_FRONTEND_K8S_DECODE_H
#define NPC_FRONTEND_K8S_DECODE_H

#include "frontend/doc.h"

struct k8s { /* the reading of one stream */
    struct ctx *ctx;
    const struct load_options *options;
    struct program *program;
    struct k8s_counts *counts;
    enum k8s_syntax syntax;
    struct str kind;       /* of the object at hand */
    size_t errors;         /* that were reported before it */
    struct arena *scratch; /* lives as long as the object at hand */
    bool ok;               /* no error was reported for this stream */
};

/* ---- field paths ---- */

/* spec.ingress[0].from[1]: each part on the stack of the function that looks at it. */
struct path {
    const struct path *up; /* NULL: the object itself */
    struct str name;       /* a field, or empty for an index */
    size_t index;
};

#define PATH_FIELD(parent, field) (&(const struct path){.up = (parent), .name = STR_INIT(field)})
#define PATH_NAME(parent, text)   (&(const struct path){.up = (parent), .name = (text)})
#define PATH_INDEX(parent, i)     (&(const struct path){.up = (parent), .index = (i)})

struct str path_text(struct arena *a, const struct path *p);

/* ---- findings ---- */

/* Reports "PATH: text". An error makes k->ok false. */
struct diag *k8s_report(struct k8s *k, enum severity sev, enum diag_id id, struct span at,
                        const struct path *p, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
#define k8s_error(k, id, at, p, ...) k8s_report((k), SEV_ERROR, DIAG_##id, (at), (p), __VA_ARGS__)
#define k8s_warning(k, id, at, p, ...)                                                             \
    k8s_report((k), SEV_WARNING, DIAG_##id, (at), (p), __VA_ARGS__)
#define k8s_info(k, id, at, p, ...) k8s_report((k), SEV_INFO, DIAG_##id, (at), (p), __VA_ARGS__)
void k8s_hint(struct k8s *k, struct diag *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* PATH: Invalid value: VALUE: must RULE */
void k8s_invalid(struct k8s *k, const struct node *n, const struct path *p, const char *rule);
/* PATH: Required value */
void k8s_required(struct k8s *k, struct span at, const struct path *p);
/* PATH: Too many: N: must have at most MOST items. Returns whether that is so. */
bool k8s_check_count(struct k8s *k, const struct node *list, const struct path *p, size_t most);
/* PATH: Unsupported value: VALUE: supported values: … */
void k8s_unsupported(struct k8s *k, const struct node *n, const struct path *p,
                     const struct str *supported, size_t count);
/* The value as messages show it: strings quoted, long ones cut. */
struct str k8s_value(struct k8s *k, const struct node *n);

/* Whether nothing was wrong with the object at hand so far. */
bool k8s_is_good(const struct k8s *k);

/* ---- schemas ---- */

enum field_type {
    FIELD_ANY,
    FIELD_STRING, /* a string that is one to every reader */
    FIELD_BOOL,
    FIELD_INT, /* any scalar that is a number; the caller reads it with k8s_number() */
    FIELD_MAP,
    FIELD_SEQ,
    FIELD_SERVER /* only the server writes it: dropped, and noted with NPC511 */
};

struct field {
    struct str name;
    enum field_type type;
    size_t slot; /* where in the struct of nodes the value goes; FIELD_SERVER: unused */
    bool required;
    const struct schema *below; /* of a map, or of the maps in a list; for hints only */
};

struct schema {
    const struct field *fields;
    size_t n;
    bool open;               /* unknown fields are ignored: an object that npc only looks at */
    const struct schema *up; /* of the map that this one stands in, or NULL; for hints only */
    /* What is meant by an unknown field that looks like ports at a wrong level (NPC317), or empty.
     * NULL: nothing. */
    struct str (*explain)(struct k8s *k, struct str name, const struct path *p);
};

/* {FIELD_OF(struct_of_nodes, "name", TYPE, member), .required = true} */
#define FIELD_OF(owner, json_name, kind, member)                                                   \
    .name = STR_INIT(json_name), .type = FIELD_##kind, .slot = offsetof(struct owner, member)
#define SCHEMA_FIELDS(array) .fields = (array), .n = sizeof(array) / sizeof *(array)

/*
 * Puts the values of a map's fields into `nodes`, a struct of const struct node pointers: NULL for
 * what is absent or null. Reports unknown fields (NPC507), wrong types (NPC060, NPC054) and
 * required fields that are missing (NPC061). False if `n` is no map, which has been reported, or
 * something in it was wrong; `nodes` then holds what was right.
 */
bool k8s_fields(struct k8s *k, const struct node *n, const struct path *p,
                const struct schema *schema, void *nodes);

/* Whether exactly one field of a map is there; if not that has been reported. `nodes` is what
 * k8s_fields() gave. */
bool k8s_one_of(struct k8s *k, const struct node *n, const struct path *p,
                const struct schema *schema, const void *nodes);

/* Whether a node is of a type; if not that has been reported. */
bool k8s_is_type(struct k8s *k, const struct node *n, const struct path *p, enum field_type type);
/* A scalar as a whole number of least to most; an error is reported. */
bool k8s_number(struct k8s *k, const struct node *n, const struct path *p, uint32_t least,
                uint32_t most, uint32_t *out);
/* A string that lives as long as the context, shared with its equals. */
struct str k8s_keep(struct k8s *k, struct str s);

#endif
