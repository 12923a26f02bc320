/*
 * YAML events from libyaml. Refuses the parts of YAML that policy has no use for and readers
 * disagree on: tags, directives, keys that are no scalars, and anchors unless they are allowed.
 * Knows nothing of Kubernetes.
 */
#include "frontend/event.h"
#include "frontend/remark.h"
#include "frontend/yaml_bytes.h"

#include <string.h>
#include <yaml.h>

struct yaml_reader {
    struct event_reader base;
    struct yaml_bytes bytes;
    yaml_parser_t parser;
    yaml_event_t event; /* the one handed out last */
    bool has_event;
    bool allow_aliases;
    size_t since_event; /* bytes read since the last event */
    bool too_long;
    struct {
        size_t bytes; /* that libyaml does not count, */
        size_t more;  /* and those before … */
        size_t line;  /* … this line, from 0 */
    } left_out;
};

static void release(void *resource)
{
    struct yaml_reader *r = resource;
    if (r->has_event) {
        yaml_event_delete(&r->event);
    }
    yaml_parser_delete(&r->parser);
}

/* libyaml's read handler. What goes wrong is reported here, and libyaml's own words dropped. */
static int read_bytes(void *arg, unsigned char *buf, size_t n, size_t *got)
{
    struct yaml_reader *r = arg;
    *got = 0;
    if (r->since_event > r->base.ctx->limits.object_bytes) {
        r->too_long = true;
        return 0;
    }
    long result = yaml_bytes_read(&r->bytes, buf, n);
    if (result < 0) {
        return 0;
    }
    *got = (size_t)result;
    r->since_event += *got;
    return 1;
}

/* ---- places and errors ---- */

static struct span span_between(const struct yaml_reader *r, yaml_mark_t start, yaml_mark_t end)
{
    size_t len =
        end.line == start.line && end.column > start.column ? end.column - start.column : 1;
    return (struct span){.file = r->base.file,
                         .line = (uint32_t)start.line + 1,
                         .col = (uint32_t)start.column + 1,
                         .len = (uint32_t)len};
}

static struct span event_span(const struct yaml_reader *r)
{
    return span_between(r, r->event.start_mark, r->event.end_mark);
}

static bool refuse_feature(struct yaml_reader *r, const char *what, const char *hint)
{
    struct diags *d = &r->base.ctx->diags;
    diag_hint(d, diag_error(d, NPC052, event_span(r), "%s", what), "%s", hint);
    return false;
}

static bool report_syntax(struct yaml_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    struct diags *d = &r->base.ctx->diags;
    if (r->bytes.clean.failed) {
        return false;
    }
    struct span at = span_between(r, p->problem_mark, p->problem_mark);
    if (p->error == YAML_MEMORY_ERROR) {
        arena_fail(&r->base.ctx->arena);
    }
    if (r->too_long) {
        at = span_between(r, p->mark, p->mark);
        diag_error(d, NPC003, at, "one scalar is longer than %zu bytes",
                   r->base.ctx->limits.object_bytes);
        return false;
    }
    const char *problem = p->problem != NULL ? p->problem : "the text is not YAML";
    if (strcmp(problem, "found incompatible YAML document") == 0) {
        diag_hint(d, diag_error(d, NPC052, at, "a %%YAML directive of another version"),
                  "npc reads YAML 1.1 and 1.2; leave the directive out");
        return false;
    }
    struct diag *rec = diag_error(d, NPC050, at, "not YAML: %s", problem);
    if (p->context != NULL) {
        diag_also(d, rec, span_between(r, p->context_mark, p->context_mark), "%s", p->context);
    }
    return false;
}

/* ---- events ---- */

static struct str text_of(const yaml_char_t *s)
{
    return str_of((const char *)s);
}

/* Anchor and tag of a node. */
static bool take_properties(struct yaml_reader *r, struct event *ev, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    if (tag != NULL) {
        return refuse_feature(r, "a tag changes what a value is, and npc reads none",
                              "leave the tag out; quote a value that must be a string");
    }
    ev->anchor = text_of(anchor);
    if (anchor != NULL && !r->allow_aliases) {
        return refuse_feature(r, "an anchor, and aliases are not allowed",
                              "write the value out, or allow aliases with --allow-aliases");
    }
    return true;
}

static bool take_document(struct yaml_reader *r)
{
    const yaml_tag_directive_t *first = r->event.data.document_start.tag_directives.start;
    if (first != r->event.data.document_start.tag_directives.end) {
        return refuse_feature(r, "a %TAG directive", "npc reads no tags; leave it out");
    }
    return true;
}

static bool take_alias(struct yaml_reader *r, struct event *ev)
{
    ev->text = text_of(r->event.data.alias.anchor);
    return r->allow_aliases ||
           refuse_feature(r, "an alias, and aliases are not allowed",
                          "write the value out, or allow aliases with --allow-aliases");
}

static bool take_scalar(struct yaml_reader *r, struct event *ev)
{
    ev->text = (struct str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
    ev->plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!ev->plain) {
        const yaml_mark_t *end = &r->event.end_mark;
        remark_drop(r->base.ctx, ev->at,
                    (struct span){.file = r->base.file,
                                  .line = (uint32_t)end->line + 1,
                                  .col = (uint32_t)end->column + 1});
    }
    return take_properties(r, ev, r->event.data.scalar.anchor, r->event.data.scalar.tag);
}

/* Turns libyaml's event into ours. *skip: there is nothing to hand out. */
static bool translate(struct yaml_reader *r, struct event *ev, bool *skip)
{
    if (r->event.start_mark.line >= r->left_out.line) {
        r->left_out.bytes += r->left_out.more;
        r->left_out.more = 0;
    }
    *ev = (struct event){.at = event_span(r),
                         .begin = r->left_out.bytes + r->event.start_mark.index,
                         .end = r->left_out.bytes + r->event.end_mark.index};
    switch (r->event.type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
        *skip = true;
        return true;
    case YAML_STREAM_END_EVENT:
        ev->kind = EVENT_END;
        return true;
    case YAML_DOCUMENT_START_EVENT:
        ev->kind = EVENT_DOC_START;
        return take_document(r);
    case YAML_DOCUMENT_END_EVENT:
        ev->kind = EVENT_DOC_END;
        return true;
    case YAML_ALIAS_EVENT:
        ev->kind = EVENT_ALIAS;
        return take_alias(r, ev);
    case YAML_SCALAR_EVENT:
        ev->kind = EVENT_SCALAR;
        return take_scalar(r, ev);
    case YAML_SEQUENCE_START_EVENT:
        ev->kind = EVENT_SEQ_START;
        ev->at.len = 1;
        return take_properties(r, ev, r->event.data.sequence_start.anchor,
                               r->event.data.sequence_start.tag);
    case YAML_SEQUENCE_END_EVENT:
        ev->kind = EVENT_SEQ_END;
        return true;
    case YAML_MAPPING_START_EVENT:
        ev->kind = EVENT_MAP_START;
        ev->at.len = 1;
        return take_properties(r, ev, r->event.data.mapping_start.anchor,
                               r->event.data.mapping_start.tag);
    case YAML_MAPPING_END_EVENT:
        ev->kind = EVENT_MAP_END;
        return true;
    }
    return false;
}

static bool yaml_read(struct event_reader *base, struct event *ev)
{
    struct yaml_reader *r = (struct yaml_reader *)base;
    bool skip;
    do {
        if (r->has_event) {
            yaml_event_delete(&r->event);
            r->has_event = false;
        }
        if (!yaml_parser_parse(&r->parser, &r->event)) {
            return report_syntax(r);
        }
        r->has_event = true;
        r->since_event = 0;
        skip = false;
        if (!translate(r, ev, &skip)) {
            return false;
        }
    } while (skip);
    return true;
}

/* Leaves out what it can of the block that has just begun: of a dump about half. */
static void yaml_hurry(struct event_reader *base, size_t depth)
{
    struct yaml_reader *r = (struct yaml_reader *)base;
    const struct limits *most = &base->ctx->limits;
    const yaml_event_t *ev = &r->event;
    const bool is_list = ev->type == YAML_SEQUENCE_START_EVENT &&
                         ev->data.sequence_start.style == YAML_BLOCK_SEQUENCE_STYLE;
    const bool is_map = ev->type == YAML_MAPPING_START_EVENT &&
                        ev->data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE;
    if ((!is_list && !is_map) || base->depth != depth || r->allow_aliases) {
        return;
    }
    const struct yaml_block block = {ev->start_mark.column, is_list, most->depth - depth};
    struct yaml_rest rest = yaml_bytes_rest(&r->bytes, ev->start_mark.line, &block);
    if (rest.bytes == 0) {
        return;
    }
    if (base->values - base->before + YAML_WINDOW + rest.values > most->object_nodes ||
        r->left_out.bytes + ev->start_mark.index + YAML_WINDOW - base->from > most->object_bytes) {
        return; /* somewhere in it, or in what libyaml has read, the object may be too long */
    }
    yaml_bytes_leave_out(&r->bytes, &rest);
    base->values += rest.values;
    r->left_out.more = rest.bytes - rest.lines;
    r->left_out.line = r->bytes.line;
}

struct event_reader *yaml_reader_open(struct ctx *c, struct arena *a, uint32_t file,
                                      struct byte_stream in, bool allow_aliases)
{
    struct yaml_reader *r = ARENA_NEW(a, struct yaml_reader);
    r->base = (struct event_reader){.read = yaml_read, .hurry = yaml_hurry, .ctx = c, .file = file};
    r->allow_aliases = allow_aliases;
    yaml_bytes_init(&r->bytes, c, a, file, in);
    if (!yaml_parser_initialize(&r->parser)) {
        arena_fail(&c->arena);
    }
    arena_defer(a, release, r);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input(&r->parser, read_bytes, r);
    return &r->base;
}
