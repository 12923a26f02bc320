/*
 * Raw text for the Kubernetes backend: read event by event with libyaml, held to what every YAML
 * reader agrees on, and written again in our own style, so that no byte of it gets out unread
 * (threats.md 37). Nothing of a frontend is used: backends do not know them. Characters that are
 * not seen, some of which libyaml takes for line ends, are in no npc source.
 */
#include "backends/k8s.h"

#include "ir/yamlscalar.h"

#include <yaml.h>

enum { MOST_KEY_BYTES = 250 }; /* readers want a key within 1,024 characters of its colon */

struct event {
    enum event_kind { EV_DOCUMENT, EV_MAP, EV_SEQ, EV_END, EV_SCALAR } kind;
    struct str text; /* EV_SCALAR */
    bool is_key;
    bool is_string; /* else a number, boolean or null that all readers agree on */
    size_t line;    /* from 1 */
};

struct level { /* an open map or list */
    bool is_map;
    bool wants_key;
    struct strmap keys;
};

struct reader {
    struct ctx *ctx;
    const struct raw *raw;
    struct arena *arena; /* for this text alone */
    yaml_parser_t *parser;
    VEC(struct event) events;
    VEC(struct level) levels;
};

/* ---- refusals ---- */

static bool refuse(const struct reader *r, size_t line, const char *what, struct str name)
{
    struct str quoted = name.n > 0 ? str_printf(r->arena, " '" STR_FMT "'", STR_ARG(name)) : name;
    diag_error(&r->ctx->diags, NPC042, r->raw->at, "line %zu of the raw text: %s" STR_FMT, line,
               what, STR_ARG(quoted));
    return false;
}

/* ---- reading ---- */

/* Numbers, booleans and null, in the one spelling that JSON, YAML 1.1 and 1.2 share. */
static bool is_common_plain(struct str s)
{
    if (str_is(s, "true") || str_is(s, "false") || str_is(s, "null")) {
        return true;
    }
    size_t i = s.n > 0 && s.p[0] == '-' ? 1 : 0;
    size_t first = i;
    while (i < s.n && ch_is_digit((unsigned char)s.p[i])) {
        i++;
    }
    if (i == first || (s.p[first] == '0' && i - first > 1)) {
        return false;
    }
    if (i == s.n) {
        return true;
    }
    size_t fraction = i + 1;
    for (i = fraction; i < s.n && ch_is_digit((unsigned char)s.p[i]);) {
        i++;
    }
    return s.p[fraction - 1] == '.' && i == s.n && i > fraction;
}

static bool take_key(struct reader *r, struct level *level, struct event *ev)
{
    ev->is_key = true;
    if (!ev->is_string || ev->text.n == 0) {
        return refuse(r, ev->line, "a key must be a string: quote", ev->text);
    }
    if (ev->text.n > MOST_KEY_BYTES) {
        return refuse(r, ev->line, "a key has more than 250 bytes", STR(""));
    }
    if (strmap_put(&level->keys, ev->text, level) != NULL) {
        return refuse(r, ev->line, "this key stands twice in one mapping:", ev->text);
    }
    return true;
}

/* Where a value may stand it ends the entry; where a key must stand it must be a scalar. */
static bool place_event(struct reader *r, struct event *ev)
{
    if (r->levels.n == 0) {
        return ev->kind == EV_MAP || refuse(r, ev->line, "a document must be a mapping", STR(""));
    }
    struct level *level = &r->levels.v[r->levels.n - 1];
    if (!level->is_map) {
        return true;
    }
    level->wants_key = !level->wants_key;
    if (level->wants_key) {
        return true;
    }
    return ev->kind == EV_SCALAR ? take_key(r, level, ev)
                                 : refuse(r, ev->line, "a key must be a scalar", STR(""));
}

static bool open_level(struct reader *r, bool is_map, size_t line)
{
    struct event ev = {.kind = is_map ? EV_MAP : EV_SEQ, .line = line};
    if (!place_event(r, &ev)) {
        return false;
    }
    /* libyaml has no limit of its own, and its time is quadratic in the depth */
    size_t most = r->ctx->limits.depth < 64 ? r->ctx->limits.depth : 64;
    if (r->levels.n >= most) {
        return refuse(r, line, "nested too deeply", STR(""));
    }
    struct level level = {.is_map = is_map, .wants_key = is_map};
    strmap_init(&level.keys, r->arena);
    vec_push(r->arena, &r->levels, level);
    vec_push(r->arena, &r->events, ev);
    return true;
}

static bool take_scalar(struct reader *r, const yaml_event_t *yev)
{
    struct str text = {(const char *)yev->data.scalar.value, yev->data.scalar.length};
    struct event ev = {
        .kind = EV_SCALAR,
        .text = {arena_copy(r->arena, text.p, text.n), text.n},
        .line = yev->start_mark.line + 1,
    };
    ev.is_string = yev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || yaml_plain_is_string(text);
    if (text.n == 0 && !ev.is_string) {
        return refuse(r, ev.line, "a value is missing: write null, or ''", STR(""));
    }
    if (!ev.is_string && !is_common_plain(text)) {
        return refuse(
            r, ev.line,
            "YAML readers disagree about a plain scalar: quote it, or write it out:", text);
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\0') { /* "\0": a string of C would end here */
            return refuse(r, ev.line, "a NUL in a string", STR(""));
        }
    }
    if (!place_event(r, &ev)) {
        return false;
    }
    vec_push(r->arena, &r->events, ev);
    return true;
}

static bool take_event(struct reader *r, const yaml_event_t *yev)
{
    size_t line = yev->start_mark.line + 1;
    const char *feature = "anchors, aliases, tags and directives are not allowed";
    switch (yev->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    case YAML_DOCUMENT_START_EVENT:
        if (yev->data.document_start.version_directive != NULL ||
            yev->data.document_start.tag_directives.start !=
                yev->data.document_start.tag_directives.end) {
            return refuse(r, line, feature, STR(""));
        }
        vec_push(r->arena, &r->events, (struct event){.kind = EV_DOCUMENT, .line = line});
        return true;
    case YAML_ALIAS_EVENT:
        return refuse(r, line, feature, STR(""));
    case YAML_SCALAR_EVENT:
        if (yev->data.scalar.anchor != NULL || yev->data.scalar.tag != NULL) {
            return refuse(r, line, feature, STR(""));
        }
        return take_scalar(r, yev);
    case YAML_SEQUENCE_START_EVENT:
        if (yev->data.sequence_start.anchor != NULL || yev->data.sequence_start.tag != NULL) {
            return refuse(r, line, feature, STR(""));
        }
        return open_level(r, false, line);
    case YAML_MAPPING_START_EVENT:
        if (yev->data.mapping_start.anchor != NULL || yev->data.mapping_start.tag != NULL) {
            return refuse(r, line, feature, STR(""));
        }
        return open_level(r, true, line);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->levels.n--;
        vec_push(r->arena, &r->events, (struct event){.kind = EV_END, .line = line});
        return true;
    }
    return true;
}

static void release_parser(void *parser)
{
    yaml_parser_delete(parser);
}

static void release_event(void *event)
{
    yaml_event_delete(event);
}

static bool read_events(struct reader *r)
{
    r->parser = ARENA_NEW(r->arena, yaml_parser_t);
    if (!yaml_parser_initialize(r->parser)) {
        arena_fail(r->arena);
    }
    arena_defer(r->arena, release_parser, r->parser);
    yaml_event_t *yev = ARENA_NEW(r->arena, yaml_event_t);
    arena_defer(r->arena, release_event, yev); /* deleting a deleted event does nothing */
    yaml_parser_set_encoding(r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(r->parser, (const unsigned char *)r->raw->text.p, r->raw->text.n);
    for (;;) {
        if (!yaml_parser_parse(r->parser, yev)) {
            if (r->parser->error == YAML_MEMORY_ERROR) {
                arena_fail(r->arena);
            }
            return refuse(r, r->parser->problem_mark.line + 1,
                          "this is not YAML:", str_of(r->parser->problem));
        }
        bool at_end = yev->type == YAML_STREAM_END_EVENT;
        bool ok = take_event(r, yev);
        yaml_event_delete(yev);
        if (!ok || at_end) {
            return ok;
        }
    }
}

/* ---- writing ---- */

/* Writes one value, or one entry of a map, that begins at events[i]; returns where it ended. */
static size_t write_events(struct yaml *y, const struct event *events, size_t i)
{
    for (size_t depth = 0;; i++) {
        const struct event *ev = &events[i];
        switch (ev->kind) {
        case EV_DOCUMENT:
            break;
        case EV_MAP:
            yaml_map(y);
            depth++;
            break;
        case EV_SEQ:
            yaml_seq(y);
            depth++;
            break;
        case EV_END:
            yaml_end(y);
            depth--;
            break;
        case EV_SCALAR:
            if (ev->is_key) {
                yaml_key_str(y, ev->text);
            } else if (ev->is_string) {
                yaml_str(y, ev->text);
            } else {
                yaml_verbatim(y, ev->text);
            }
            break;
        }
        if (depth == 0 && !ev->is_key) {
            return i + 1;
        }
    }
}

/* The event after the value that begins at events[i]. */
static size_t skip_value(const struct event *events, size_t i)
{
    for (size_t depth = 0;; i++) {
        depth += events[i].kind == EV_MAP || events[i].kind == EV_SEQ;
        depth -= events[i].kind == EV_END;
        if (depth == 0) {
            return i + 1;
        }
    }
}

/* ---- `metadata: {…}` of a policy ---- */

static bool check_entry(const struct reader *r, const struct event *key, struct strmap *seen)
{
    static const char *const ours[] = {"name", "namespace", "labels", "annotations"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (str_is(key->text, ours[i])) {
            return refuse(r, key->line, "the policy itself says this:", key->text);
        }
    }
    /* the key must outlive the scratch memory of this text */
    if (strmap_put(seen, str_dup(&r->ctx->arena, key->text), seen) != NULL) {
        return refuse(r, key->line,
                      "this key stands in another raw text of the policy:", key->text);
    }
    return true;
}

/* The text must be one document {metadata: {…}}: DOCUMENT MAP key MAP … END END. Every document has
 * been seen to be a mapping. */
static bool has_metadata_shape(const struct reader *r)
{
    const struct event *ev = r->events.v;
    size_t n = r->events.n;
    bool begins =
        n > 4 && ev[2].kind == EV_SCALAR && str_is(ev[2].text, "metadata") && ev[3].kind == EV_MAP;
    return begins && skip_value(ev, 3) == n - 1;
}

static bool write_metadata(struct reader *r, struct strmap *seen, struct yaml *y)
{
    if (!has_metadata_shape(r)) {
        return refuse(r, 1, "a policy takes 'metadata:' with a mapping below it, and nothing else",
                      STR(""));
    }
    const struct event *ev = r->events.v;
    for (size_t i = 4; i + 2 < r->events.n;) {
        if (!check_entry(r, &ev[i], seen)) {
            return false;
        }
        i = write_events(y, ev, i);
    }
    return true;
}

/* ---- entry points ---- */

static void reader_init(struct reader *r, struct ctx *c, const struct raw *raw)
{
    struct arena *scratch = arena_new_scratch(&c->arena);
    *r = (struct reader){.ctx = c, .raw = raw, .arena = scratch};
}

bool raw_yaml_metadata(struct ctx *c, const struct policy *p, struct yaml *y)
{
    struct strmap seen;
    strmap_init(&seen, &c->arena);
    bool ok = true;
    for (size_t i = 0; i < p->nraws; i++) {
        if (!str_is(p->raws[i].backend, backend_k8s.name)) {
            continue;
        }
        struct reader r;
        reader_init(&r, c, &p->raws[i]);
        ok = read_events(&r) && write_metadata(&r, &seen, y) && ok;
        arena_free(r.arena);
    }
    return ok;
}

bool raw_yaml_documents(struct ctx *c, const struct raw *raw, struct yaml *y)
{
    struct reader r;
    reader_init(&r, c, raw);
    bool ok = read_events(&r);
    if (ok && r.events.n == 0) {
        ok = refuse(&r, 1, "there is no document in it", STR(""));
    }
    for (size_t i = 0; ok && i < r.events.n;) {
        yaml_document(y);
        i = write_events(y, r.events.v, i + 1); /* behind its EV_DOCUMENT */
    }
    arena_free(r.arena);
    return ok;
}
