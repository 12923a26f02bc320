/*
 * JSON events from yajl, which pushes: a chunk of input becomes a queue of events, and the queue
 * is handed out before the next chunk is read. Several values after each other are several
 * documents. yajl knows offsets only, so lines and columns are counted here.
 * Knows nothing of Kubernetes.
 */
#include "frontend/clean.h"
#include "frontend/event.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum { CHUNK_BYTES = 32 * 1024 };

/* Where the check of \u escapes stands. */
enum escape_state {
    ESC_NONE,
    ESC_BEGUN, /* after a backslash */
    ESC_HEX,   /* among four digits */
    ESC_LOW,   /* after a high surrogate: a backslash must follow */
    ESC_LOW_U  /* and then a u */
};

struct json_reader {
    struct event_reader base;
    struct clean bytes;
    struct arena *arena;
    yajl_handle yajl;
    unsigned char *chunk;
    size_t nchunk;
    uint64_t consumed;  /* bytes of all chunks before this one */
    struct arena texts; /* strings of the queue that do not stand in the chunk as they are */
    VEC(struct event) queue;
    size_t next; /* of the queue */
    size_t open; /* maps and lists that are open at the end of the queue */

    size_t at; /* up to here in the chunk tokens have been seen; line and col are its place */
    uint32_t line, col;
    bool in_token; /* a token begins before `at` and has not ended */
    uint32_t token_line, token_col;
    uint64_t token_start;

    enum escape_state escape;
    unsigned digits;
    uint32_t code;
    bool has_high;
    bool ended;
    bool failed; /* and reported: the queue is still good */
};

/* ---- places ---- */

static bool is_separator(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':';
}

/* Moves over what stands between tokens, up to the next one or `limit`. Every token but the comma
 * and the colon has a callback, so that the first other byte after a token begins the next. */
static void find_token(struct json_reader *r, size_t limit)
{
    while (!r->in_token && r->at < limit) {
        unsigned char c = r->chunk[r->at];
        if (!is_separator(c)) {
            r->in_token = true;
            r->token_line = r->line;
            r->token_col = r->col;
            r->token_start = r->consumed + r->at;
            return;
        }
        r->col = c == '\n' ? 1 : r->col + 1;
        r->line += c == '\n';
        r->at++;
    }
}

static void advance_to(struct json_reader *r, size_t end)
{
    find_token(r, end);
    r->col += clean_count(r->chunk + r->at, end - r->at); /* no token holds a line end */
    r->at = end;
}

/* The place of the token that yajl has just read. */
static struct span take_token(struct json_reader *r)
{
    advance_to(r, yajl_get_bytes_consumed(r->yajl));
    r->in_token = false;
    return (struct span){.file = r->base.file,
                         .line = r->token_line,
                         .col = r->token_col,
                         .len = r->col > r->token_col ? r->col - r->token_col : 1};
}

static struct span here(const struct json_reader *r)
{
    return (struct span){.file = r->base.file, .line = r->line, .col = r->col, .len = 1};
}

/* ---- callbacks ---- */

static void push(struct json_reader *r, struct event ev)
{
    vec_push(r->arena, &r->queue, ev);
}

static struct event make_event(struct json_reader *r, enum event_kind kind)
{
    struct span at = take_token(r);
    return (struct event){
        .kind = kind, .at = at, .begin = r->token_start, .end = r->consumed + r->at};
}

static void push_boundary(struct json_reader *r, enum event_kind kind, const struct event *beside)
{
    if (r->open == 0) {
        push(r, (struct event){
                    .kind = kind, .at = beside->at, .begin = beside->begin, .end = beside->end});
    }
}

/* yajl points into the chunk where it can, and to memory of its own else. */
static struct str keep_text(struct json_reader *r, const unsigned char *text, size_t n)
{
    uintptr_t p = (uintptr_t)text, chunk = (uintptr_t)r->chunk;
    if (p < chunk || p >= chunk + r->nchunk) {
        return (struct str){arena_copy(&r->texts, text, n), n};
    }
    return (struct str){(const char *)text, n};
}

static int push_scalar(struct json_reader *r, bool plain, const unsigned char *text, size_t n)
{
    struct event ev = make_event(r, EVENT_SCALAR);
    ev.plain = plain;
    ev.text = keep_text(r, text, n);
    push_boundary(r, EVENT_DOC_START, &ev);
    push(r, ev);
    push_boundary(r, EVENT_DOC_END, &ev);
    return 1;
}

static int push_open(struct json_reader *r, enum event_kind kind)
{
    struct event ev = make_event(r, kind);
    push_boundary(r, EVENT_DOC_START, &ev);
    push(r, ev);
    r->open++;
    return 1;
}

static int push_close(struct json_reader *r, enum event_kind kind)
{
    struct event ev = make_event(r, kind);
    push(r, ev);
    r->open--;
    push_boundary(r, EVENT_DOC_END, &ev);
    return 1;
}

static int on_null(void *r)
{
    return push_scalar(r, true, (const unsigned char *)"null", 4);
}

static int on_boolean(void *r, int value)
{
    return value ? push_scalar(r, true, (const unsigned char *)"true", 4)
                 : push_scalar(r, true, (const unsigned char *)"false", 5);
}

static int on_number(void *r, const char *text, size_t n)
{
    return push_scalar(r, true, (const unsigned char *)text, n);
}

static int on_string(void *r, const unsigned char *text, size_t n)
{
    return push_scalar(r, false, text, n);
}

static int on_start_map(void *r)
{
    return push_open(r, EVENT_MAP_START);
}

static int on_end_map(void *r)
{
    return push_close(r, EVENT_MAP_END);
}

static int on_start_array(void *r)
{
    return push_open(r, EVENT_SEQ_START);
}

static int on_end_array(void *r)
{
    return push_close(r, EVENT_SEQ_END);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* numbers stay text: nothing is rounded */
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_string,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};

/* ---- escapes ---- */

static bool take_digit(struct json_reader *r, unsigned char c)
{
    unsigned char low = ch_lower(c);
    uint32_t digit = ch_is_digit(c) ? c - (uint32_t)'0' : low - (uint32_t)'a' + 10;
    if (!ch_is_digit(c) && (low < 'a' || low > 'f')) {
        r->escape = ESC_NONE; /* yajl will refuse it */
        return true;
    }
    r->code = r->code << 4 | digit;
    if (++r->digits < 4) {
        return true;
    }
    bool is_high = r->code >= 0xd800 && r->code < 0xdc00;
    bool is_low = r->code >= 0xdc00 && r->code < 0xe000;
    if (is_low != r->has_high) {
        return false;
    }
    r->has_high = is_high;
    r->escape = is_high ? ESC_LOW : ESC_NONE;
    return true;
}

static bool take_escape(struct json_reader *r, unsigned char c)
{
    switch (r->escape) {
    case ESC_NONE:
        r->escape = c == '\\' ? ESC_BEGUN : ESC_NONE;
        return true;
    case ESC_BEGUN:
    case ESC_LOW_U:
        if (c != 'u') {
            bool ok = r->escape == ESC_BEGUN;
            r->escape = ESC_NONE;
            return ok;
        }
        r->escape = ESC_HEX;
        r->digits = 0;
        r->code = 0;
        return true;
    case ESC_HEX:
        return take_digit(r, c);
    case ESC_LOW:
        r->escape = ESC_LOW_U;
        return c == '\\';
    }
    return false;
}

/* The escapes \uD800 to \uDFFF must come in pairs, high and low: half of a pair is no character,
 * and yajl puts something else in its place. */
static bool check_escapes(struct json_reader *r)
{
    for (size_t i = 0; i < r->nchunk; i++) {
        if (r->escape == ESC_NONE) {
            const unsigned char *found = memchr(r->chunk + i, '\\', r->nchunk - i);
            if (found == NULL) {
                return true;
            }
            i = (size_t)(found - r->chunk);
        }
        if (!take_escape(r, r->chunk[i])) {
            clean_advance(&r->line, &r->col, r->chunk + r->at, i - r->at);
            diag_error(&r->base.ctx->diags, NPC051, here(r),
                       "not JSON: half of a surrogate pair, which is no character");
            return false;
        }
    }
    return true;
}

/* ---- chunks ---- */

/* The token that yajl stopped in, or the end of the input. Where in a token it stopped depends on
 * how the input was cut into chunks, so the place is where the token begins. */
static struct span find_error(struct json_reader *r)
{
    size_t end = yajl_get_bytes_consumed(r->yajl);
    if (!r->ended) {
        find_token(r, end > r->nchunk ? r->nchunk : end);
    }
    if (r->in_token && !r->ended) {
        return (struct span){r->base.file, r->token_line, r->token_col, 1};
    }
    return here(r);
}

static bool report_syntax(struct json_reader *r)
{
    unsigned char *text = yajl_get_error(r->yajl, 0, NULL, 0);
    struct str problem = str_of((const char *)text);
    while (problem.n > 0 && (problem.p[problem.n - 1] == '\n' || problem.p[problem.n - 1] == '.')) {
        problem.n--;
    }
    diag_error(&r->base.ctx->diags, NPC051, find_error(r), "not JSON: " STR_FMT, STR_ARG(problem));
    yajl_free_error(r->yajl, text);
    return false;
}

static bool check_token_length(struct json_reader *r)
{
    size_t most = r->base.ctx->limits.object_bytes;
    if (r->in_token && r->consumed + r->nchunk - r->token_start > most) {
        struct span at = {r->base.file, r->token_line, r->token_col, 1};
        diag_error(&r->base.ctx->diags, NPC003, at, "one scalar is longer than %zu bytes", most);
        return false;
    }
    return true;
}

/* After a whole value yajl does not mind the beginning of a string as the last thing. */
static bool check_last_token(struct json_reader *r)
{
    if (r->in_token) {
        diag_error(&r->base.ctx->diags, NPC051, here(r), "not JSON: a string that does not end");
    }
    return !r->in_token;
}

/* Reads the next chunk and queues its events. */
static bool parse_chunk(struct json_reader *r)
{
    arena_free(&r->texts);
    r->queue.n = r->next = 0;
    r->consumed += r->nchunk;
    r->at = 0;
    long got = clean_read(&r->bytes, r->chunk, CHUNK_BYTES);
    if (got < 0) {
        return false;
    }
    if (got == 0) {
        /* yajl ends by a blank of its own: a number that ends with the input is read then */
        r->ended = true;
        r->chunk[0] = ' ';
        r->nchunk = 1;
        if (yajl_complete_parse(r->yajl) != yajl_status_ok) {
            return report_syntax(r);
        }
        return check_last_token(r);
    }
    r->nchunk = (size_t)got;
    if (!check_escapes(r)) {
        return false;
    }
    if (yajl_parse(r->yajl, r->chunk, r->nchunk) != yajl_status_ok) {
        return report_syntax(r);
    }
    advance_to(r, r->nchunk);
    return check_token_length(r);
}

static bool json_read(struct event_reader *base, struct event *ev)
{
    struct json_reader *r = (struct json_reader *)base;
    while (r->next == r->queue.n) {
        if (r->failed) {
            return false;
        }
        if (r->ended) {
            *ev = (struct event){.kind = EVENT_END, .at = here(r)};
            return true;
        }
        r->failed = !parse_chunk(r);
    }
    *ev = r->queue.v[r->next++];
    return true;
}

/* ---- memory ---- */

/* yajl does not look whether it got memory. */
static void *yajl_take(void *arg, size_t n)
{
    struct json_reader *r = arg;
    void *p = malloc(n);
    if (p == NULL) {
        arena_fail(r->arena);
    }
    return p;
}

static void *yajl_retake(void *arg, void *old, size_t n)
{
    struct json_reader *r = arg;
    void *p = realloc(old, n);
    if (p == NULL) {
        arena_fail(r->arena);
    }
    return p;
}

static void yajl_give(void *arg, void *p)
{
    (void)arg;
    free(p);
}

static void release(void *handle)
{
    yajl_free(handle);
}

struct event_reader *json_reader_open(struct ctx *c, struct arena *a, uint32_t file,
                                      struct byte_stream in)
{
    struct json_reader *r = ARENA_NEW(a, struct json_reader);
    r->base = (struct event_reader){.read = json_read, .ctx = c, .file = file};
    r->arena = a;
    r->line = r->col = 1;
    r->chunk = ARENA_NEW_ARRAY(a, CHUNK_BYTES, unsigned char);
    arena_init_scratch(&r->texts, a);
    clean_init(&r->bytes, c, file, K8S_JSON, in);
    yajl_alloc_funcs memory = {
        .malloc = yajl_take, .realloc = yajl_retake, .free = yajl_give, .ctx = r};
    r->yajl = yajl_alloc(&callbacks, &memory, r);
    arena_defer(a, release, r->yajl);
    yajl_config(r->yajl, yajl_allow_multiple_values, 1);
    yajl_config(r->yajl, yajl_dont_validate_strings, 1); /* struct clean has done that */
    return &r->base;
}
