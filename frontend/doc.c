/* Builds trees from events (see doc.h). Knows nothing of Kubernetes. */
#include "frontend/doc.h"

#include "ir/yamlscalar.h"

#include <string.h>

enum {
    ALIAS_FACTOR = 10,     /* values with aliases written out, for each that was read */
    ALIAS_NODES = 5000000, /* and at most */
    FEW_KEYS = 16          /* are compared one by one */
};

struct doc_frame {
    struct node *node;
    struct node *last;
    const struct node_key *key;  /* a map's key whose value comes next */
    const struct filter *filter; /* for its keys; a list's is that of its items */
    const struct filter *below;  /* a map's, for the value that comes next */
    struct anchor *anchor;       /* what names it, or NULL */
};

/* What an anchor names. While it is being built it cannot be used. */
struct anchor {
    const struct node *node;
    bool done;
};

bool node_is_present(const struct node *n)
{
    return n != NULL &&
           (n->kind != NODE_SCALAR || !n->plain || yaml_resolve(n->text) != YAML_SENSE_NULL);
}

const struct node *node_find(const struct node *map, struct str key)
{
    for (const struct node *n = map->first; n != NULL; n = n->next) {
        if (n->key != NULL && str_eq(n->key->text, key)) {
            return n;
        }
    }
    return NULL;
}

void doc_init(struct doc *d, struct ctx *c, struct event_reader *reader, struct arena *a,
              bool allow_aliases)
{
    *d = (struct doc){.ctx = c,
                      .reader = reader,
                      .arena = a,
                      .allow_aliases = allow_aliases,
                      .names = a,
                      .open = ARENA_NEW_ARRAY(a, c->limits.depth + 1, struct doc_frame)};
    doc_begin(d);
}

void doc_begin(struct doc *d)
{
    strmap_init(&d->anchors, d->names);
    d->before = d->reader->values;
    d->expanded = 0;
}

/* ---- events ---- */

bool doc_next(struct doc *d, struct event *ev)
{
    return event_next(d->reader, ev) && event_check(d->reader, ev);
}

/* ---- nodes ---- */

struct node *doc_map(struct doc *d, struct span at)
{
    struct node *n = ARENA_NEW(d->arena, struct node);
    *n = (struct node){.kind = NODE_MAP, .weight = 1, .at = at};
    return n;
}

/* Whether the event of a key can be one; else that is reported. */
static bool check_key_event(struct doc *d, struct event *ev)
{
    struct diags *diags = &d->ctx->diags;
    if (ev->kind != EVENT_SCALAR) {
        diag_hint(diags, diag_error(diags, NPC052, ev->at, "a key that is no plain word or string"),
                  "keys must be strings");
        return false;
    }
    if (ev->plain && str_is(ev->text, "<<")) {
        diag_hint(diags, diag_error(diags, NPC052, ev->at, "a merge key"),
                  "write out what it would bring in");
        return false;
    }
    return true;
}

static struct node_key *make_key(struct doc *d, struct event *ev)
{
    struct node_key *key = ARENA_NEW(d->arena, struct node_key);
    *key = (struct node_key){.text = str_dup(d->arena, ev->text), .at = ev->at, .plain = ev->plain};
    return key;
}

struct node_key *doc_key(struct doc *d, struct event *ev)
{
    return check_key_event(d, ev) ? make_key(d, ev) : NULL;
}

void doc_append(struct node *map, struct node **last, struct node *value,
                const struct node_key *key)
{
    value->key = key;
    map->n++;
    map->weight += value->weight;
    if (*last == NULL) {
        map->first = value;
    } else {
        (*last)->next = value;
    }
    *last = value;
}

static struct node *make_node(struct doc *d, struct event *ev)
{
    struct node *n = ARENA_NEW(d->arena, struct node);
    *n = (struct node){.kind = ev->kind == EVENT_MAP_START   ? NODE_MAP
                               : ev->kind == EVENT_SEQ_START ? NODE_SEQ
                                                             : NODE_SCALAR,
                       .plain = ev->plain,
                       .weight = 1,
                       .at = ev->at};
    if (ev->kind == EVENT_SCALAR) {
        n->text = str_dup(d->arena, ev->text);
    }
    return n;
}

/* ---- anchors ---- */

static struct anchor *define_anchor(struct doc *d, const struct event *ev, const struct node *n)
{
    struct anchor *a = ARENA_NEW(d->names, struct anchor);
    *a = (struct anchor){.node = n, .done = n->kind == NODE_SCALAR};
    strmap_put(&d->anchors, str_dup(d->names, ev->anchor), a);
    return a;
}

/* A node that shares its children with what the alias names. */
static struct node *resolve_alias(struct doc *d, const struct event *ev)
{
    const struct anchor *a = strmap_get(&d->anchors, ev->text);
    if (a == NULL) {
        diag_error(&d->ctx->diags, NPC052, ev->at,
                   "the alias *" STR_FMT " names no anchor before it", STR_ARG(ev->text));
        return NULL;
    }
    if (!a->done) {
        struct diag *rec =
            diag_error(&d->ctx->diags, NPC052, ev->at,
                       "the alias *" STR_FMT " stands inside what it names", STR_ARG(ev->text));
        diag_also(&d->ctx->diags, rec, a->node->at, "the anchor is here");
        return NULL;
    }
    struct node *n = ARENA_NEW(d->arena, struct node);
    *n = *a->node;
    n->next = NULL;
    return n;
}

/* No weight is ever above d->expanded, so nothing overflows as long as each alias is checked. */
static bool check_expansion(struct doc *d, struct span at, bool is_cheap)
{
    if (!is_cheap) {
        struct diag *rec =
            diag_error(&d->ctx->diags, NPC003, at, "aliases turn %zu values into %zu",
                       d->reader->values - d->before, d->expanded);
        diag_hint(&d->ctx->diags, rec, "at most %d times as many are allowed, and at most %d",
                  ALIAS_FACTOR, ALIAS_NODES);
    }
    return is_cheap;
}

/* ---- reading ---- */

bool doc_skip(struct doc *d, const struct event *first)
{
    struct event ev = *first;
    struct event_reader *r = d->reader;
    const bool is_open = ev.kind == EVENT_MAP_START || ev.kind == EVENT_SEQ_START;
    const size_t inside = r->depth;
    if (!event_check(r, &ev)) {
        return false;
    }
    while (is_open && r->depth >= inside) {
        event_hurry(r, inside);
        if (!doc_next(d, &ev)) {
            return false;
        }
    }
    return true;
}

/* What the filter of a map says about its next key: keep with *below, or not. */
static bool is_kept(const struct filter *f, const struct node *map, struct str key,
                    const struct filter **below)
{
    *below = NULL;
    if (f == NULL) {
        return true;
    }
    for (size_t i = 0; i < f->n; i++) {
        const struct filter_item *item = &f->items[i];
        if (str_eq(item->key, key)) {
            const struct filter *narrow = item->narrow != NULL ? item->narrow(map) : NULL;
            *below = narrow != NULL ? narrow : item->below;
            return true;
        }
    }
    return false;
}

static struct node *make_trace(struct doc *d, struct span at)
{
    struct node *n = doc_map(d, at);
    n->kind = NODE_SKIPPED;
    return n;
}

/* Passes over the value of a key that the filter leaves out. */
static bool leave_out(struct doc *d, struct doc_frame *top, struct event *key)
{
    const struct node_key *kept = top->filter->drop ? NULL : make_key(d, key);
    struct event value;
    if (!event_next(d->reader, &value)) {
        return false;
    }
    if (kept != NULL) {
        doc_append(top->node, &top->last, make_trace(d, value.at), kept);
    }
    return doc_skip(d, &value);
}

/* Takes a key in a map: top->key is set if its value is to be kept. */
static bool take_key(struct doc *d, struct doc_frame *top, struct event *ev)
{
    if (!check_key_event(d, ev)) {
        return false;
    }
    if (!is_kept(top->filter, top->node, ev->text, &top->below)) {
        return leave_out(d, top, ev);
    }
    top->key = make_key(d, ev);
    return true;
}

/* Begins a value. A list or map is opened, to be filled by what follows; else *done is the node. */
static bool take_value(struct doc *d, struct event *ev, const struct filter *filter,
                       struct node **done)
{
    if (ev->kind == EVENT_ALIAS) {
        *done = resolve_alias(d, ev);
        if (*done == NULL) {
            return false;
        }
        d->expanded += (*done)->weight;
        return check_expansion(d, ev->at, d->expanded <= ALIAS_NODES);
    }
    struct node *n = make_node(d, ev);
    struct anchor *anchor = ev->anchor.n > 0 ? define_anchor(d, ev, n) : NULL;
    d->expanded++;
    if (n->kind == NODE_SCALAR) {
        *done = n;
    } else {
        d->open[d->nopen++] = (struct doc_frame){.node = n, .filter = filter, .anchor = anchor};
    }
    return true;
}

static struct node *close_value(struct doc *d)
{
    const struct doc_frame *top = &d->open[--d->nopen];
    if (top->anchor != NULL) {
        top->anchor->done = true;
    }
    return top->node;
}

/* Takes one event; *done is the value that it completes, or NULL. */
static bool take_event(struct doc *d, struct event *ev, const struct filter *filter,
                       struct node **done)
{
    *done = NULL;
    if (ev->kind == EVENT_MAP_END || ev->kind == EVENT_SEQ_END) {
        *done = close_value(d);
        return true;
    }
    if (d->nopen == 0) {
        return take_value(d, ev, d->allow_aliases ? NULL : filter, done);
    }
    struct doc_frame *top = &d->open[d->nopen - 1];
    if (top->node->kind == NODE_SEQ) {
        return take_value(d, ev, top->filter, done);
    }
    return top->key == NULL ? take_key(d, top, ev) : take_value(d, ev, top->below, done);
}

struct node *doc_read(struct doc *d, const struct event *first, const struct filter *filter)
{
    struct event ev = *first;
    d->nopen = 0;
    if (!event_check(d->reader, &ev)) {
        return NULL;
    }
    for (;;) {
        struct node *done;
        if (!take_event(d, &ev, filter, &done)) {
            return NULL;
        }
        if (done != NULL && d->nopen == 0) {
            bool is_cheap = d->expanded <= ALIAS_FACTOR * (d->reader->values - d->before);
            return check_expansion(d, done->at, is_cheap) ? done : NULL;
        }
        if (done != NULL) {
            struct doc_frame *parent = &d->open[d->nopen - 1];
            doc_append(parent->node, &parent->last, done, parent->key);
            parent->key = NULL;
        }
        if (!doc_next(d, &ev)) {
            return NULL;
        }
    }
}

struct node *doc_read_field(struct doc *d, const struct event *first, const struct filter *filter,
                            const struct node *map, const struct node_key *key)
{
    const struct filter *below;
    if (is_kept(d->allow_aliases ? NULL : filter, map, key->text, &below)) {
        return doc_read(d, first, below);
    }
    return doc_skip(d, first) ? make_trace(d, first->at) : NULL;
}

/* ---- checks ---- */

static bool check_nul(struct doc *d, struct str text, struct span at)
{
    if (text.n == 0 || memchr(text.p, '\0', text.n) == NULL) {
        return true;
    }
    diag_error(&d->ctx->diags, NPC002, at, "a string with a NUL character");
    return false;
}

static bool check_key(struct doc *d, const struct node_key *key)
{
    bool ok = check_nul(d, key->text, key->at);
    if (!key->plain || yaml_plain_is_string(key->text)) {
        return ok;
    }
    struct diag *rec = diag_error(&d->ctx->diags, NPC054, key->at,
                                  "some YAML readers take the key " STR_FMT " for %s",
                                  STR_ARG(key->text), yaml_sense_name(yaml_resolve(key->text)));
    diag_hint(&d->ctx->diags, rec, "quote it: \"" STR_FMT "\"", STR_ARG(key->text));
    return false;
}

static bool report_twice(struct doc *d, const struct node_key *first, const struct node_key *again)
{
    struct diag *rec =
        diag_error(&d->ctx->diags, NPC053, again->at,
                   "the key \"" STR_FMT "\" stands twice in one mapping", STR_ARG(again->text));
    diag_also(&d->ctx->diags, rec, first->at, "it stands here first");
    return false;
}

static bool check_few_keys(struct doc *d, const struct node *map)
{
    bool ok = true;
    for (const struct node *n = map->first; n != NULL; n = n->next) {
        const struct node *before = map->first;
        while (before != n && !str_eq(before->key->text, n->key->text)) {
            before = before->next;
        }
        if (before != n) {
            ok = report_twice(d, before->key, n->key);
        }
    }
    return ok;
}

static bool check_many_keys(struct doc *d, const struct node *map, struct arena *a)
{
    bool ok = true;
    struct strmap seen;
    strmap_init(&seen, a);
    for (const struct node *n = map->first; n != NULL; n = n->next) {
        /* the table wants pointers to data that is not const; nothing writes through them */
        const struct node_key **slot = ARENA_NEW(a, const struct node_key *);
        *slot = n->key;
        const struct node_key **before = strmap_put(&seen, n->key->text, slot);
        if (before != NULL) {
            ok = report_twice(d, *before, n->key);
        }
    }
    return ok;
}

static bool check_map(struct doc *d, const struct node *map, struct arena *a)
{
    bool ok = map->n <= FEW_KEYS ? check_few_keys(d, map) : check_many_keys(d, map, a);
    for (const struct node *n = map->first; n != NULL; n = n->next) {
        ok &= check_key(d, n->key);
    }
    return ok;
}

static bool check_node(struct doc *d, const struct node *n, struct arena *a)
{
    switch (n->kind) {
    case NODE_SCALAR:
        return check_nul(d, n->text, n->at);
    case NODE_MAP:
        return check_map(d, n, a);
    case NODE_SEQ:
    case NODE_SKIPPED:
        return true;
    }
    return false;
}

bool doc_check(struct doc *d, const struct node *root, bool deep, struct arena *a)
{
    bool ok = check_node(d, root, a);
    VEC(const struct node *) left = {0};
    if (root->first != NULL) {
        vec_push(a, &left, root->first);
    }
    while (left.n > 0) {
        const struct node *n = left.v[--left.n];
        ok &= (!deep && n->kind != NODE_SCALAR) || check_node(d, n, a);
        if (n->next != NULL) {
            vec_push(a, &left, n->next);
        }
        if (deep && n->first != NULL) {
            vec_push(a, &left, n->first);
        }
    }
    return ok;
}
