/* Builds the syntax tree. Knows no rule of the language beyond its shape. */
#include "frontend/ast.h"

struct ast_loc ast_loc_join(const struct ast_loc *rhs, size_t n)
{
    if (n == 0) { /* nothing was written: an empty extent behind what stands before */
        struct ast_loc none = rhs[0];
        none.first = none.last = 0;
        return none;
    }
    struct ast_loc all = {0};
    for (size_t i = 1; i <= n; i++) {
        const struct ast_loc *part = &rhs[i];
        if (part->first == 0) {
            continue;
        }
        if (all.first == 0) {
            all = *part;
            continue;
        }
        all.last = part->last;
        all.end_line = part->end_line;
        all.end_col = part->end_col;
        if (part->at.line == all.at.line) {
            all.at.len = part->at.col + part->at.len - all.at.col;
        }
    }
    return all.first == 0 ? rhs[1] : all;
}

struct ast_list ast_list_add(struct ast_list list, struct ast_item *item)
{
    if (item == NULL) {
        return list;
    }
    if (list.last == NULL) {
        list.first = item;
    } else {
        list.last->next = item;
    }
    list.last = item;
    list.n++;
    return list;
}

struct ast_body ast_body(struct ast_list list, struct ast_loc open, struct ast_loc close)
{
    const struct ast_loc parts[] = {open, open, close};
    return (struct ast_body){.list = list, .loc = ast_loc_join(parts, 2)};
}

struct ast_item *ast_item(struct arena *a, struct ast_loc loc, struct ast_item parts)
{
    struct ast_item *item = ARENA_NEW(a, struct ast_item);
    *item = parts;
    item->loc = loc;
    return item;
}

struct ast_elem *ast_elem(struct arena *a, struct ast_loc loc, struct ast_elem parts)
{
    struct ast_elem *e = ARENA_NEW(a, struct ast_elem);
    *e = parts;
    e->loc = loc;
    return e;
}

struct ast_set *ast_set_new(struct arena *a, struct ast_elem *e)
{
    struct ast_set *set = ARENA_NEW(a, struct ast_set);
    *set = (struct ast_set){.first = e, .last = e, .n = 1, .loc = e->loc};
    return set;
}

struct ast_set *ast_set_add(struct ast_set *set, struct ast_elem *e)
{
    set->last->next = e;
    set->last = e;
    set->n++;
    return set;
}

struct ast_set *ast_set_brace(struct ast_set *set, struct ast_loc loc)
{
    set->braced = true;
    set->loc = loc;
    return set;
}

struct ast_selector *ast_selector_new(struct arena *a, struct ast_req *req)
{
    struct ast_selector *s = ARENA_NEW(a, struct ast_selector);
    *s = (struct ast_selector){.first = req, .last = req, .n = 1, .loc = req->loc};
    return s;
}

struct ast_selector *ast_selector_add(struct ast_selector *s, struct ast_req *req)
{
    const struct ast_loc parts[] = {s->loc, s->loc, req->loc};
    s->loc = ast_loc_join(parts, 2);
    s->last->next = req;
    s->last = req;
    s->n++;
    return s;
}

struct ast_req *ast_req(struct arena *a, struct ast_loc loc, struct ast_req parts)
{
    struct ast_req *req = ARENA_NEW(a, struct ast_req);
    *req = parts;
    req->loc = loc;
    return req;
}

struct ast_scope *ast_scope(struct arena *a, struct ast_loc loc, struct ast_scope parts)
{
    struct ast_scope *scope = ARENA_NEW(a, struct ast_scope);
    *scope = parts;
    scope->loc = loc;
    return scope;
}
