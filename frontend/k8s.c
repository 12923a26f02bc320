/*
 * Reads a stream of Kubernetes objects: documents, and lists whose items are decoded one by one as
 * they stream by, so that memory grows with what is kept and not with what is read.
 */
#include "frontend/k8s_object.h"

struct stream {
    struct k8s *k;
    struct doc doc;
    struct event_reader *reader;
    struct arena roots; /* of the document: what stands around the items of a list */
    struct arena items; /* of the item at hand, and of those that wait */

    /* the list that is being read */
    struct k8s_type list;
    bool has_items;
    VEC(const struct node *) waiting; /* items without a kind, while the list has none either */
    VEC(struct k8s_type) seen;        /* kinds of the items read while the list had none */
};

/* ---- types ---- */

static bool find_text(struct k8s *k, const struct node *object, struct str field, struct str *text,
                      struct span *at)
{
    const struct node *n = node_find(object, field);
    if (!node_is_present(n)) {
        return true;
    }
    *text = n->text;
    *at = n->at;
    return k8s_is_type(k, n, PATH_NAME(NULL, field), FIELD_STRING);
}

/* What an object says it is. False: it says it in a wrong way, which has been reported. */
static bool find_type(struct k8s *k, const struct node *object, struct k8s_type *t)
{
    *t = (struct k8s_type){.at = object->at, .api_at = object->at};
    return find_text(k, object, STR("apiVersion"), &t->api_version, &t->api_at) &&
           find_text(k, object, STR("kind"), &t->kind, &t->at);
}

static bool is_list(const struct k8s_type *t)
{
    return str_ends(t->kind, "List");
}

/* What the items of a list are: Pod for PodList, nothing for List or no list at all. */
static struct str item_kind(const struct k8s_type *list)
{
    return is_list(list) ? (struct str){list->kind.p, list->kind.n - (sizeof "List" - 1)} : STR("");
}

/* kustomize knows its own files by their names, so that they need not say what they are. */
static bool is_kustomization(const struct k8s *k, const struct k8s_type *t)
{
    static const char *const names[] = {"kustomization.yaml", "kustomization.yml", "Kustomization"};
    struct str name = sources_get(&k->ctx->sources, t->at.file)->name;
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '/') {
            name = (struct str){name.p + i, name.n - i};
            break;
        }
    }
    bool is_named = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        is_named |= str_is(name, names[i]);
    }
    return is_named && t->kind.n == 0 && t->api_version.n == 0;
}

static void require_kind(struct k8s *k, struct span at)
{
    struct diag *d = k8s_error(k, NPC061, at, PATH_FIELD(NULL, "kind"), "Required value");
    k8s_hint(k, d, "every Kubernetes object says its apiVersion and kind");
}

static void check_item_kind(struct k8s *k, const struct k8s_type *item, const struct k8s_type *list)
{
    struct str wanted = item_kind(list);
    if (wanted.n > 0 && !str_eq(wanted, item->kind)) {
        k8s_error(k, NPC062, item->at, PATH_FIELD(NULL, "kind"),
                  "Invalid value: \"" STR_FMT "\": must be \"" STR_FMT "\" in a " STR_FMT,
                  STR_ARG(item->kind), STR_ARG(wanted), STR_ARG(list->kind));
    }
}

/* ---- objects ---- */

struct pending { /* an object and the list it stands in */
    const struct node *object;
    struct k8s_type list;
};

/* The type of an object, by itself or by its list. */
static bool resolve_type(struct stream *s, const struct pending *p, struct k8s_type *t)
{
    struct k8s *k = s->k;
    if (!k8s_is_type(k, p->object, NULL, FIELD_MAP)) {
        return false;
    }
    bool is_clear = doc_check(&s->doc, p->object, false, k->scratch);
    k->ok &= is_clear;
    if (!is_clear || !find_type(k, p->object, t)) {
        return false;
    }
    if (t->kind.n == 0) {
        t->kind = item_kind(&p->list);
        t->api_version = t->api_version.n > 0 ? t->api_version : p->list.api_version;
    }
    if (p->list.kind.n == 0 && is_kustomization(k, t)) {
        k->counts->skipped++;
        return false;
    }
    if (t->kind.n == 0) {
        require_kind(k, p->object->at);
        return false;
    }
    check_item_kind(k, t, &p->list);
    return true;
}

static void decode(struct stream *s, const struct node *object, const struct k8s_type *t)
{
    const struct k8s_kind *kind = k8s_find_kind(s->k, t);
    if (kind == NULL) {
        return;
    }
    s->k->kind = kind->name;
    s->k->errors = s->k->ctx->diags.errors;
    s->k->ok &= doc_check(&s->doc, object, true, s->k->scratch);
    kind->read(s->k, object);
}

/* Decodes an object that is wholly in memory, and the lists inside lists. */
static void take_object(struct stream *s, const struct node *object, const struct k8s_type *list)
{
    VEC(struct pending) left = {0};
    vec_push(s->k->scratch, &left, (struct pending){object, *list});
    while (left.n > 0) {
        struct pending p = left.v[--left.n];
        struct k8s_type type;
        if (!resolve_type(s, &p, &type)) {
            continue;
        }
        const struct node *items = node_find(p.object, STR("items"));
        if (!is_list(&type) || items == NULL) {
            decode(s, p.object, &type);
        } else if (!node_is_present(items)) {
            continue; /* how Go writes an empty list of a type */
        } else if (k8s_is_type(s->k, items, PATH_FIELD(NULL, "items"), FIELD_SEQ)) {
            for (const struct node *n = items->first; n != NULL; n = n->next) {
                vec_push(s->k->scratch, &left, (struct pending){n, type});
            }
        }
    }
}

/* ---- the items of a list ---- */

static void release_items(struct stream *s)
{
    if (s->waiting.n == 0 && s->doc.anchors.n == 0) {
        arena_reset(&s->items);
    }
}

/* Takes one item while the list's own kind may not be known yet. */
static void take_item(struct stream *s, const struct node *item)
{
    bool is_open = s->list.kind.n == 0;
    struct k8s_type type = {0};
    if (!is_open || item->kind != NODE_MAP) {
        take_object(s, item, &s->list);
        return;
    }
    if (!find_type(s->k, item, &type)) {
        return;
    }
    if (type.kind.n == 0) {
        vec_push(&s->roots, &s->waiting, item);
        return;
    }
    if (s->seen.n == 0 || !str_eq(s->seen.v[s->seen.n - 1].kind, type.kind)) {
        type.kind = k8s_keep(s->k, type.kind);
        type.api_version = k8s_keep(s->k, type.api_version);
        vec_push(&s->roots, &s->seen, type);
    }
    take_object(s, item, &s->list);
}

/* A stream may have no end: past a limit, which program_finish() reports, nothing more is read. */
static bool is_full(const struct stream *s)
{
    return program_is_full(s->k->ctx, s->k->program);
}

static bool read_items(struct stream *s)
{
    struct event ev;
    s->doc.arena = s->k->scratch = &s->items;
    for (;;) {
        if (!event_next(s->reader, &ev)) {
            return false;
        }
        if (ev.kind == EVENT_SEQ_END) {
            break;
        }
        event_begin_object(s->reader, &ev);
        const struct node *item = doc_read(&s->doc, &ev, &k8s_filter);
        if (item == NULL) {
            return false;
        }
        take_item(s, item);
        release_items(s);
        if (is_full(s)) {
            return false;
        }
    }
    s->doc.arena = s->k->scratch = &s->roots;
    event_begin_object(s->reader, &ev);
    return true;
}

/* The list's kind is known now, or will never be: looks at what came before it. */
static void finish_list(struct stream *s, const struct node *root)
{
    struct k8s *k = s->k;
    if (!doc_check(&s->doc, root, false, k->scratch)) {
        k->ok = false;
        return;
    }
    if (!find_type(k, root, &s->list)) {
        return;
    }
    if (s->list.kind.n == 0) {
        require_kind(k, root->at);
        return;
    }
    if (!is_list(&s->list)) {
        decode(s, root, &s->list);
        if (s->seen.n > 0) {
            k8s_error(k, NPC062, root->at, PATH_FIELD(NULL, "items"),
                      "Forbidden: a " STR_FMT " is no list, and cannot hold objects",
                      STR_ARG(s->list.kind));
        }
        return;
    }
    for (size_t i = 0; i < s->seen.n; i++) {
        check_item_kind(k, &s->seen.v[i], &s->list);
    }
    for (size_t i = 0; i < s->waiting.n; i++) {
        take_object(s, s->waiting.v[i], &s->list);
    }
}

/* ---- documents ---- */

/* Reads the value of a key of a document, which is put under it. */
static bool read_field(struct stream *s, struct node *root, struct node **last,
                       const struct node_key *key)
{
    struct event ev;
    if (!event_next(s->reader, &ev)) {
        return false;
    }
    bool is_items = str_is(key->text, "items") && ev.kind == EVENT_SEQ_START && ev.anchor.n == 0;
    if (is_items && !s->has_items && (s->list.kind.n == 0 || is_list(&s->list))) {
        s->has_items = true;
        struct node *trace = doc_map(&s->doc, ev.at);
        trace->kind = NODE_SKIPPED;
        doc_append(root, last, trace, key);
        return read_items(s);
    }
    struct node *value = doc_read_field(&s->doc, &ev, &k8s_filter, root, key);
    if (value == NULL) {
        return false;
    }
    doc_append(root, last, value, key);
    if (value->kind == NODE_SCALAR && str_is(key->text, "kind") && s->list.kind.n == 0) {
        s->list.kind = value->text;
    }
    if (value->kind == NODE_SCALAR && str_is(key->text, "apiVersion")) {
        s->list.api_version = value->text;
    }
    return true;
}

static bool read_object(struct stream *s, const struct event *start)
{
    struct event ev;
    struct node *root = doc_map(&s->doc, start->at), *last = NULL;
    event_begin_object(s->reader, start);
    for (;;) {
        if (!doc_next(&s->doc, &ev)) {
            return false;
        }
        if (ev.kind == EVENT_MAP_END) {
            break;
        }
        const struct node_key *key = doc_key(&s->doc, &ev);
        if (key == NULL || !read_field(s, root, &last, key)) {
            return false;
        }
    }
    if (s->has_items) {
        finish_list(s, root);
    } else {
        take_object(s, root, &(struct k8s_type){0});
    }
    return true;
}

static bool read_document(struct stream *s)
{
    struct event ev;
    doc_begin(&s->doc);
    s->doc.arena = s->k->scratch = &s->roots;
    s->list = (struct k8s_type){0};
    s->has_items = false;
    s->waiting.n = s->waiting.cap = s->seen.n = s->seen.cap = 0;
    if (!event_next(s->reader, &ev)) {
        return false;
    }
    if (ev.kind == EVENT_MAP_START) {
        return read_object(s, &ev);
    }
    event_begin_object(s->reader, &ev);
    const struct node *n = doc_read(&s->doc, &ev, &k8s_filter);
    if (n == NULL) {
        return false;
    }
    if (node_is_present(n)) {
        k8s_is_type(s->k, n, NULL, FIELD_MAP);
    }
    return true;
}

static bool read_stream(struct stream *s)
{
    struct event ev;
    for (;;) {
        if (!event_next(s->reader, &ev)) {
            return false;
        }
        if (ev.kind == EVENT_END) {
            return true;
        }
        if (ev.kind == EVENT_DOC_START && !read_document(s)) {
            return false;
        }
        if (ev.kind == EVENT_DOC_END) {
            arena_reset(&s->items);
            arena_reset(&s->roots);
        }
        if (is_full(s)) {
            return false;
        }
    }
}

bool k8s_read(struct ctx *c, const struct load_options *o, uint32_t file, enum k8s_syntax syntax,
              struct byte_stream in, struct program *p, struct k8s_counts *counts)
{
    /* not on the stack: it is freed after a jump out of here, too */
    struct arena *own = arena_new_scratch(&c->arena);
    struct k8s k = {
        .ctx = c, .options = o, .program = p, .counts = counts, .syntax = syntax, .ok = true};
    struct stream *s = ARENA_NEW(own, struct stream);
    s->k = &k;
    arena_init_scratch(&s->roots, own);
    arena_init_scratch(&s->items, own);
    s->reader = syntax == K8S_JSON ? json_reader_open(c, own, file, in)
                                   : yaml_reader_open(c, own, file, in, o->allow_aliases);
    doc_init(&s->doc, c, s->reader, own, o->allow_aliases);
    bool ok = read_stream(s) || is_full(s);
    arena_free(own);
    return ok && k.ok;
}
