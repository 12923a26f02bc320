/*
 * The syntax tree of npc source: what was written and where, nothing about what it means.
 *
 * Lists are linked, because a list of a million two-byte words must not cost a doubling array. The
 * tree holds every word decoded; how it was quoted is the formatter's decision. Comments hang
 * beside the tree, each with the number of the token before it.
 */
#ifndef NPC_FRONTEND_AST_H
#define NPC_FRONTEND_AST_H

#include "frontend/frontend.h"

/* The extent of a node. Tokens are numbered from 1 in each file; first == 0: the node is not there.
 */
struct ast_loc {
    struct span at;
    uint32_t end_line;    /* line of the last byte */
    uint32_t end_col;     /* column behind it */
    uint32_t first, last; /* tokens */
};

struct ast_word { /* a name, key, value, address, port or string, decoded */
    struct str text;
    struct ast_loc loc;
};

/* ---- phrases ---- */

struct ast_req { /* key=value, key in {…}, … */
    enum sel_op op;
    struct ast_word key;
    struct ast_set *values; /* SEL_EQ: one, without braces; NULL for EXISTS and ABSENT */
    struct ast_loc loc;
    struct ast_req *next;
};

struct ast_selector { /* joined by & */
    struct ast_req *first, *last;
    size_t n;
    struct ast_loc loc;
    const struct selector *meaning; /* set once by resolve */
    bool bad;                       /* resolve reported an error in it */
};

enum ast_scope_kind {
    SCOPE_THIS,   /* this namespace */
    SCOPE_NAMES,  /* namespace NAME, namespace {…} */
    SCOPE_LABELS, /* namespaces SELECTOR */
    SCOPE_ALL     /* all namespaces */
};

struct ast_scope { /* what follows `in`, or a phrase of its own */
    enum ast_scope_kind kind;
    struct ast_set *names;
    struct ast_selector *labels;
    struct ast_loc loc;
    const struct selector *meaning; /* as in ast_selector */
    bool bad;
};

enum ast_elem_kind {
    ELEM_WORD, /* a group; or a plain word in lists of names, values, addresses, directions */
    ELEM_PORT, /* tcp/80 */
    ELEM_QUOTED_PORT, /* "tcp/0x50": a port name, even where it reads as a number */
    ELEM_PODS,        /* pods SELECTOR [in SCOPE] */
    ELEM_ALL_PODS,    /* all pods [in SCOPE]; without scope only as a target */
    ELEM_NAMESPACES,  /* SCOPE alone */
    ELEM_NODES,       /* nodes SELECTOR */
    ELEM_ALL_NODES,
    ELEM_CIDR,   /* cidr WORD [except {…}] */
    ELEM_DOMAIN, /* domain STRING */
    ELEM_ANYWHERE,
    ELEM_ALL_PORTS,
    ELEM_WORKLOAD /* workload NAME, as an end of an expectation */
};

struct ast_elem {
    enum ast_elem_kind kind;
    struct ast_word word; /* WORD, PORT, CIDR, DOMAIN, WORKLOAD */
    struct ast_selector *labels;
    struct ast_scope *scope;
    struct ast_set *except;
    struct ast_loc loc;
    struct ast_elem *next;
};

struct ast_set { /* one element, or several in braces: always "any of" */
    bool braced;
    struct ast_elem *first, *last;
    size_t n;
    struct ast_loc loc;
};

/* ---- statements ---- */

enum ast_kind {                     /* fields used, beside loc                     */
                ITEM_VERSION,       /* value                                       */
                ITEM_INCLUDE,       /* value                                       */
                ITEM_IMPORT,        /* value                                       */
                ITEM_TIER,          /* name, value: the order                      */
                ITEM_NODE,          /* name, body: ADDR, LABEL, PORT               */
                ITEM_NAMESPACE,     /* left: names, body                           */
                ITEM_CLUSTER,       /* name, tier, value: priority, target, body   */
                ITEM_LET,           /* name, left: the value, on                   */
                ITEM_RULES,         /* name, body: RULE, USE                       */
                ITEM_POLICY,        /* name, target, body                          */
                ITEM_FLOWS,         /* name, sides, body: FLOW                     */
                ITEM_WORKLOAD,      /* name, body: ADDR, LABEL, PORT               */
                ITEM_TEST,          /* name, body: EXPECT                          */
                ITEM_RAW,           /* name: the backend, value: the text          */
                ITEM_DESC,          /* value                                       */
                ITEM_LABEL,         /* name: the key, value                        */
                ITEM_ANNOTATION,    /* name: the key, value                        */
                ITEM_DEFAULT_DENY,  /* left: directions                            */
                ITEM_DEFAULT_ALLOW, /* left: directions                            */
                ITEM_RULE,          /* action, direction, left: peers, on, value: as */
                ITEM_USE,           /* name                                        */
                ITEM_FLOW,          /* left, right, on, value: as                  */
                ITEM_EXPECT,        /* action, left, right, on                     */
                ITEM_ADDR,          /* left: addresses                             */
                ITEM_PORT           /* name, value: the port                       */
};

enum ast_sides { SIDES_BOTH, SIDES_INGRESS, SIDES_EGRESS };

struct ast_list {
    struct ast_item *first, *last;
    size_t n;
    size_t floor; /* braces open around it: the parser's, to go on after an error */
};

struct ast_body {
    struct ast_list list;
    struct ast_loc loc; /* from { to } */
};

struct ast_item {
    enum ast_kind kind;
    enum action action;
    enum direction direction;
    enum ast_sides sides;
    struct ast_word name, value, tier;
    struct ast_elem *target;
    struct ast_set *left, *right, *on;
    struct ast_body body;
    struct ast_loc loc;
    struct ast_item *next;
};

/* ---- files ---- */

struct ast_comment {
    struct str text; /* from # on, without blanks at the end */
    uint32_t line, col;
    uint32_t after; /* number of the token before it, 0: none */
    bool trailing;  /* on the line where that token ends */
    struct ast_comment *next;
};

struct ast_file {
    uint32_t file;
    struct ast_list items;
    struct ast_comment *comments, *last_comment;
    VEC(struct ast_import) imports;
};

/* ---- builders, one for each kind of grammar action ---- */

/* The extent of n adjacent parts; rhs[0] is used if there are none. */
struct ast_loc ast_loc_join(const struct ast_loc *rhs, size_t n);

struct ast_list ast_list_add(struct ast_list list, struct ast_item *item); /* NULL: none */
struct ast_body ast_body(struct ast_list list, struct ast_loc open, struct ast_loc close);
struct ast_item *ast_item(struct arena *a, struct ast_loc loc, struct ast_item parts);

struct ast_elem *ast_elem(struct arena *a, struct ast_loc loc, struct ast_elem parts);
struct ast_set *ast_set_new(struct arena *a, struct ast_elem *e);
struct ast_set *ast_set_add(struct ast_set *set, struct ast_elem *e);
struct ast_set *ast_set_brace(struct ast_set *set, struct ast_loc loc);

struct ast_selector *ast_selector_new(struct arena *a, struct ast_req *req);
struct ast_selector *ast_selector_add(struct ast_selector *s, struct ast_req *req);
struct ast_req *ast_req(struct arena *a, struct ast_loc loc, struct ast_req parts);
struct ast_scope *ast_scope(struct arena *a, struct ast_loc loc, struct ast_scope parts);

#endif
