/* Containment of selectors and of port sets (cover.h). Knows no inventory. */
#include "ir/cover.h"

/* What a label set may hold for one key. */
struct state {
    bool present;
    bool fresh; /* a value that no requirement names */
    struct str value;
};

static bool names(const struct sel_req *req, struct str value)
{
    for (size_t i = 0; i < req->nvalues; i++) {
        if (str_eq(req->values[i], value)) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct sel_req *req, const struct state *s)
{
    switch (req->op) {
    case SEL_EQ:
    case SEL_IN:
        return s->present && !s->fresh && names(req, s->value);
    case SEL_NOTIN:
        return !s->present || s->fresh || !names(req, s->value);
    case SEL_EXISTS:
        return s->present;
    case SEL_ABSENT:
        return !s->present;
    }
    return false;
}

struct slice { /* requirements on one key */
    const struct sel_req *v;
    size_t n;
};

static struct slice slice_of(const struct selector *s, struct str key)
{
    struct slice out = {0};
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->v[i].key, key)) {
            out.v = out.n == 0 ? &s->v[i] : out.v; /* sorted by key: they are neighbours */
            out.n++;
        }
    }
    return out;
}

static bool all_take(struct slice s, const struct state *state)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!takes(&s.v[i], state)) {
            return false;
        }
    }
    return true;
}

/* What is asked about one key: a state that both slices take, and that `but` does not (NULL: any).
 */
struct question {
    struct slice a, b;
    const struct sel_req *but;
};

static bool answers(const struct question *q, const struct state *s)
{
    return all_take(q->a, s) && all_take(q->b, s) && (q->but == NULL || !takes(q->but, s));
}

static bool named_value_answers(const struct question *q, const struct sel_req *req)
{
    for (size_t i = 0; i < req->nvalues; i++) {
        const struct state s = {.present = true, .value = req->values[i]};
        if (answers(q, &s)) {
            return true;
        }
    }
    return false;
}

static bool has_answer(const struct question *q)
{
    const struct state absent = {0}, fresh = {.present = true, .fresh = true};
    if (answers(q, &absent) || answers(q, &fresh)) {
        return true;
    }
    for (size_t i = 0; i < q->a.n; i++) {
        if (named_value_answers(q, &q->a.v[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < q->b.n; i++) {
        if (named_value_answers(q, &q->b.v[i])) {
            return true;
        }
    }
    return q->but != NULL && named_value_answers(q, q->but);
}

bool selector_implies(const struct selector *s, const struct sel_req *req)
{
    const struct question q = {.a = slice_of(s, req->key), .but = req};
    return !has_answer(&q);
}

bool selector_covers(const struct selector *outer, const struct selector *inner)
{
    if (!selector_satisfiable(inner)) {
        return true;
    }
    for (size_t i = 0; i < outer->n; i++) {
        if (!selector_implies(inner, &outer->v[i])) {
            return false;
        }
    }
    return true;
}

bool selectors_meet(const struct selector *a, const struct selector *b)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct question q = {.a = slice_of(a, a->v[i].key), .b = slice_of(b, a->v[i].key)};
        if (!has_answer(&q)) {
            return false;
        }
    }
    return selector_satisfiable(b); /* the keys that only b names */
}

bool clause_covers(const struct nclause *outer, const struct nclause *inner)
{
    return (selector_covers(outer->ns, inner->ns) && selector_covers(outer->pods, inner->pods)) ||
           !selector_satisfiable(inner->ns) || !selector_satisfiable(inner->pods);
}

static bool ranges_cover(struct port_ranges outer, struct port_ranges inner)
{
    size_t o = 0;
    for (size_t i = 0; i < inner.n; i++) {
        while (o < outer.n && outer.v[o].last < inner.v[i].first) {
            o++;
        }
        if (o == outer.n || outer.v[o].first > inner.v[i].first ||
            outer.v[o].last < inner.v[i].last) {
            return false;
        }
    }
    return true;
}

bool portset_covers(struct portset outer, struct portset inner)
{
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        if (!ranges_cover(outer.keys[p], inner.keys[p])) {
            return false;
        }
    }
    return outer.other || !inner.other;
}
