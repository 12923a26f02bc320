/*
 * JSON events from yajl, which pushes: some lines of a chunk of input become a queue of events, and
 * the queue is handed out before the next lines are read. Several values after each other are
 * several documents. yajl knows offsets only, so lines and columns are counted here. It looks at
 * each byte by itself, and more than half of a printed dump is indentation, so that is taken out
 * before; and so are lines of values that are passed over (json_block.h). Knows nothing of
 * Kubernetes.
 */
#include "frontend/clean.h"
#include "frontend/event.h"
#include "frontend/json_block.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum { CHUNK_BYTES = 32 * 1024, MOST_LOOKS = 2 };

/* Where the check of \u escapes stands. */
enum escape_state {
    ESC_NONE,
    ESC_BEGUN, /* after a backslash */
    ESC_HEX,   /* among four digits */
    ESC_LOW,   /* after a high surrogate: a backslash must follow */
    ESC_LOW_U  /* and then a u */
};

struct token { /* an event that was not handed out yet */
    enum event_kind kind : 8;
    bool plain;
    bool is_rest;        /* begins in an earlier chunk, at token_begin */
    uint32_t begin, end; /* in the chunk */
    struct str text;
};

struct text_line {
    uint32_t at;    /* in the chunk, where its text begins */
    uint32_t line;  /* of that, in the input */
    uint32_t col;   /* 1 and the indentation */
    uint32_t taken; /* bytes of the input that the chunk has not, up to here */
};

struct cursor { /* a place in the chunk */
    size_t at;
    uint32_t line, col;
    size_t passed; /* of the lines that begin in the chunk */
};

struct piece { /* before what yajl gets: its memory is found again wherever it fails */
    struct piece *next, **held; /* by the piece before it, or by the reader */
    max_align_t data[];
};

struct json_reader {
    struct event_reader base;
    struct clean bytes;
    struct arena *arena;
    yajl_handle yajl;
    struct piece *pieces;        /* all that yajl has */
    unsigned char *bytes_read;   /* a chunk of input, … */
    size_t nread, seen;          /* … of which so much is copied or left out … */
    unsigned char *chunk;        /* … without indentation, which yajl reads, … */
    size_t nchunk, fed;          /* … and it has read so much before */
    size_t looked;               /* bytes of it that json_block_rest() has looked at */
    unsigned char opened;        /* the brace or bracket that the last line ends with, or 0 */
    VEC(struct text_line) lines; /* that begin in the chunk */
    uint64_t consumed;           /* bytes of input before this chunk */
    struct arena texts; /* strings of the queue that do not stand in the chunk as they are */
    VEC(struct token) queue;
    size_t next; /* of the queue */
    size_t open; /* maps and lists that are open at the end of the queue */

    struct cursor shown;  /* the place of the event handed out last, or the chunk's beginning */
    size_t token_end;     /* of the last token of the chunk */
    bool in_token;        /* a token began in an earlier chunk and has not ended … */
    uint64_t token_begin; /* … and this is, or was, where */
    uint32_t token_line, token_col;

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

/* Where the first token at or behind an offset of the chunk begins, or `limit`. Every token but the
 * comma and the colon has a callback, so that the first other byte behind a token begins the next.
 */
static size_t find_token(const struct json_reader *r, size_t at, size_t limit)
{
    while (at < limit && is_separator(r->chunk[at])) {
        at++;
    }
    return at;
}

static uint32_t count_columns(const struct json_reader *r, size_t begin, size_t end)
{
    return r->bytes.ascii ? (uint32_t)(end - begin) : clean_count(r->chunk + begin, end - begin);
}

/* Moves the cursor on. In its place: a copy of what has just been written in pieces would wait for
 * each of them. */
static void move(const struct json_reader *r, struct cursor *c, size_t to)
{
    size_t passed = c->passed;
    while (passed < r->lines.n && r->lines.v[passed].at <= to) {
        passed++;
    }
    if (passed > c->passed) {
        c->line = r->lines.v[passed - 1].line;
        c->passed = passed;
        c->at = r->lines.v[passed - 1].at;
        c->col = r->lines.v[passed - 1].col;
    }
    c->col += count_columns(r, c->at, to);
    c->at = to;
}

/* In the input, of a place in the chunk that is not before the cursor, nor in a later line. */
static uint64_t offset_of(const struct json_reader *r, const struct cursor *c, size_t at)
{
    return r->consumed + at + (c->passed > 0 ? r->lines.v[c->passed - 1].taken : 0);
}

static struct span place_shown(const struct json_reader *r)
{
    return (struct span){r->base.file, r->shown.line, r->shown.col, 1};
}

/* The place of an offset of the chunk that is not before what was shown last. */
static struct span place_of(const struct json_reader *r, size_t at)
{
    struct cursor c = r->shown;
    move(r, &c, at);
    return (struct span){r->base.file, c.line, c.col, 1};
}

/* The place of the beginning of the token that has not ended. */
static struct span place_of_token(const struct json_reader *r)
{
    return (struct span){r->base.file, r->token_line, r->token_col, 1};
}

/* Makes the event of a token, with its place. They come in order, so the cursor only moves on. */
static void make_event(struct json_reader *r, const struct token *t, struct event *ev)
{
    struct cursor *c = &r->shown;
    if (!t->is_rest) {
        move(r, c, t->begin);
    }
    /* from the cursor to the token's end there is no line end */
    uint32_t begin = t->is_rest ? r->token_col : c->col;
    uint32_t end = c->col + count_columns(r, c->at, t->end);
    *ev = (struct event){
        .kind = t->kind,
        .plain = t->plain,
        .text = t->text,
        .at = {.file = r->base.file,
               .line = t->is_rest ? r->token_line : c->line,
               .col = begin,
               .len = end > begin ? end - begin : 1},
        .begin = t->is_rest ? r->token_begin : offset_of(r, c, t->begin),
        .end = offset_of(r, c, t->end),
    };
}

/* ---- callbacks ---- */

/* The offset in the chunk of the end of the token that yajl calls about. */
static size_t end_of_token(const struct json_reader *r)
{
    return r->fed + yajl_get_bytes_consumed(r->yajl);
}

/* Queues an event about chunk[begin..end), written in its place as the cursor is. */
static void queue(struct json_reader *r, enum event_kind kind, bool plain, struct str text,
                  size_t begin, size_t end)
{
    vec_push(r->arena, &r->queue,
             (struct token){.kind = kind,
                            .plain = plain,
                            .is_rest = r->in_token,
                            .begin = (uint32_t)(r->in_token ? 0 : begin),
                            .end = (uint32_t)end,
                            .text = text});
}

static void begin_token(struct json_reader *r, size_t begin, size_t end)
{
    if (r->open == 0) {
        queue(r, EVENT_DOC_START, false, (struct str){NULL, 0}, begin, end);
    }
}

static int end_token(struct json_reader *r, size_t begin, size_t end)
{
    if (r->open == 0) {
        queue(r, EVENT_DOC_END, false, (struct str){NULL, 0}, begin, end);
    }
    r->in_token = false;
    r->token_end = end;
    return 1;
}

static int push_scalar(struct json_reader *r, bool plain, struct str text, size_t begin, size_t end)
{
    begin_token(r, begin, end);
    queue(r, EVENT_SCALAR, plain, text, begin, end);
    return end_token(r, begin, end);
}

static int push_open(struct json_reader *r, enum event_kind kind)
{
    size_t end = end_of_token(r);
    begin_token(r, end - 1, end);
    queue(r, kind, false, (struct str){NULL, 0}, end - 1, end);
    r->open++;
    return end_token(r, end - 1, end);
}

static int push_close(struct json_reader *r, enum event_kind kind)
{
    size_t end = end_of_token(r);
    queue(r, kind, false, (struct str){NULL, 0}, end - 1, end);
    r->open--;
    return end_token(r, end - 1, end);
}

static int push_word(struct json_reader *r, struct str word)
{
    size_t end = end_of_token(r);
    return push_scalar(r, true, word, end - word.n, end);
}

/* Text in so many quotes at either end. yajl points into the chunk where it can, and else, because
 * of escapes or the end of a chunk, to memory of its own. */
static int push_text(struct json_reader *r, bool plain, const void *text, size_t n, size_t quote)
{
    uintptr_t p = (uintptr_t)text, chunk = (uintptr_t)r->chunk;
    if (p >= chunk && p < chunk + r->nchunk) {
        size_t begin = p - chunk;
        return push_scalar(r, plain, (struct str){text, n}, begin - quote, begin + n + quote);
    }
    size_t end = end_of_token(r);
    struct str copy = {arena_copy(&r->texts, text, n), n};
    return push_scalar(r, plain, copy, find_token(r, r->token_end, end), end);
}

static int on_null(void *r)
{
    return push_word(r, STR("null"));
}

static int on_boolean(void *r, int value)
{
    return push_word(r, value ? STR("true") : STR("false"));
}

static int on_number(void *r, const char *text, size_t n)
{
    return push_text(r, true, text, n, 0);
}

static int on_string(void *r, const unsigned char *text, size_t n)
{
    return push_text(r, false, text, n, 1);
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
    for (size_t i = r->fed; i < r->nchunk; i++) {
        if (r->escape == ESC_NONE) {
            const unsigned char *found = memchr(r->chunk + i, '\\', r->nchunk - i);
            if (found == NULL) {
                return true;
            }
            i = (size_t)(found - r->chunk);
        }
        if (!take_escape(r, r->chunk[i])) {
            diag_error(&r->base.ctx->diags, NPC051, place_of(r, i),
                       "not JSON: half of a surrogate pair, which is no character");
            return false;
        }
    }
    return true;
}

/* ---- chunks ---- */

/* The token that yajl stopped in, or the end of the input. Where in a token it stopped depends on
 * how the input was cut into chunks, so the place is where the token begins. */
static struct span find_error(const struct json_reader *r)
{
    if (r->ended) {
        return place_shown(r);
    }
    if (r->in_token) {
        return place_of_token(r);
    }
    size_t end = end_of_token(r);
    size_t begin = find_token(r, r->token_end, end < r->nchunk ? end : r->nchunk);
    return place_of(r, begin);
}

static bool report_syntax(const struct json_reader *r)
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

static bool check_token_length(const struct json_reader *r)
{
    size_t most = r->base.ctx->limits.object_bytes;
    if (r->in_token && r->consumed - r->token_begin > most) {
        diag_error(&r->base.ctx->diags, NPC003, place_of_token(r),
                   "one scalar is longer than %zu bytes", most);
        return false;
    }
    return true;
}

/* After a whole value yajl does not mind the beginning of a string as the last thing. */
static bool check_last_token(const struct json_reader *r)
{
    if (r->in_token) {
        diag_error(&r->base.ctx->diags, NPC051, place_shown(r),
                   "not JSON: a string that does not end");
    }
    return !r->in_token;
}

static const char *text_ahead(const struct json_reader *r)
{
    return (const char *)r->bytes_read + r->seen;
}

/* Begins the line that lies ahead, by taking its indentation. */
static struct text_line begin_line(struct json_reader *r, uint32_t line)
{
    size_t blanks = json_blanks(text_ahead(r));
    r->seen += blanks;
    return (struct text_line){.at = (uint32_t)r->nchunk,
                              .line = line,
                              .col = (uint32_t)blanks + 1,
                              .taken = (uint32_t)(r->seen - r->nchunk)};
}

/* Takes the indentation out of the lines up to the first that ends with the beginning of a list or
 * map, or of all. What is not clean JSON stays so: a line end in a string is none. */
static void take_lines(struct json_reader *r)
{
    r->opened = 0;
    while (r->seen < r->nread && r->opened == 0) {
        const unsigned char *p = r->bytes_read + r->seen;
        const unsigned char *lf = memchr(p, '\n', r->nread - r->seen);
        size_t n = lf != NULL ? (size_t)(lf + 1 - p) : r->nread - r->seen;
        memcpy(r->chunk + r->nchunk, p, n);
        r->nchunk += n;
        r->seen += n;
        if (lf != NULL) {
            uint32_t line = r->lines.n > 0 ? r->lines.v[r->lines.n - 1].line : r->bytes.line;
            vec_push(r->arena, &r->lines, begin_line(r, line + 1));
            r->opened = n > 1 && (lf[-1] == '{' || lf[-1] == '[') ? lf[-1] : 0;
        }
    }
}

/* Leaves the chunk, whose events are all handed out: remembers the place of its end, and of the
 * token that goes on behind it. */
static void end_chunk(struct json_reader *r)
{
    size_t begin = r->in_token ? r->nchunk : find_token(r, r->token_end, r->nchunk);
    if (begin < r->nchunk) {
        move(r, &r->shown, begin);
        r->in_token = true;
        r->token_begin = offset_of(r, &r->shown, begin);
        r->token_line = r->shown.line;
        r->token_col = r->shown.col;
    }
    move(r, &r->shown, r->nchunk);
    r->bytes.line = r->shown.line;
    r->bytes.col = r->shown.col;
    r->shown.at = r->shown.passed = r->token_end = 0;
    r->consumed += r->nread;
    r->nread = r->seen = r->nchunk = r->fed = r->looked = r->lines.n = 0;
    r->opened = 0;
}

/* Queues the events of some lines more. */
static bool parse_lines(struct json_reader *r)
{
    r->queue.n = r->next = 0;
    r->fed = r->nchunk;
    take_lines(r);
    if (!check_escapes(r)) {
        return false;
    }
    return yajl_parse(r->yajl, r->chunk + r->fed, r->nchunk - r->fed) == yajl_status_ok ||
           report_syntax(r);
}

/* Queues the events of the end: of a number that ends with the input, too, because yajl ends by a
 * blank of its own. */
static bool parse_end(struct json_reader *r)
{
    r->ended = true;
    r->queue.n = r->next = 0;
    r->chunk[0] = ' ';
    r->nchunk = 1;
    if (yajl_complete_parse(r->yajl) != yajl_status_ok) {
        return report_syntax(r);
    }
    return check_last_token(r);
}

/* Reads the next chunk and queues its first events. */
static bool parse_chunk(struct json_reader *r)
{
    arena_reset(&r->texts);
    end_chunk(r);
    if (!check_token_length(r)) {
        return false;
    }
    long got = clean_read(&r->bytes, r->bytes_read, CHUNK_BYTES);
    if (got <= 0) {
        return got == 0 && parse_end(r);
    }
    r->nread = (size_t)got;
    memset(r->bytes_read + r->nread, 0, JSON_BEHIND);
    return parse_lines(r);
}

static bool json_read(struct event_reader *base, struct event *ev)
{
    struct json_reader *r = (struct json_reader *)base;
    while (r->next == r->queue.n) {
        if (r->failed) {
            return false;
        }
        if (r->ended) {
            *ev = (struct event){.kind = EVENT_END, .at = place_shown(r)};
            return true;
        }
        r->failed = r->seen < r->nread ? !parse_lines(r) : !parse_chunk(r);
    }
    make_event(r, &r->queue.v[r->next++], ev);
    return true;
}

/* Whether lines may be left out: a list or map begins with them. Blocks in each other are looked at
 * again and again where little can be left out, but only so often. */
static bool may_leave_out(const struct json_reader *r)
{
    return r->opened != 0 && !r->failed && r->looked <= MOST_LOOKS * r->nread;
}

/* Leaves out what it can of the list or map that has just begun: of a dump more than half. */
static void leave_out(struct json_reader *r)
{
    struct event_reader *base = &r->base;
    const struct limits *most = &base->ctx->limits;
    const struct json_block block = {r->opened == '[', most->depth - base->depth};
    struct json_rest rest = json_block_rest(text_ahead(r), &block);
    r->looked += rest.looked;
    if (rest.lines > 0 && base->values - base->before + rest.values <= most->object_nodes) {
        struct text_line *ahead = &r->lines.v[r->lines.n - 1];
        r->seen += rest.bytes;
        *ahead = begin_line(r, ahead->line + (uint32_t)rest.lines);
        base->values += rest.values;
    }
    r->opened = 0;
}

/* Goes through what is queued of a value that is passed over. Nine tenths of a dump are. */
static void json_hurry(struct event_reader *base, size_t depth)
{
    struct json_reader *r = (struct json_reader *)base;
    const struct limits *most = &base->ctx->limits;
    if (r->consumed + r->nread - base->from > most->object_bytes) {
        return; /* somewhere in this chunk the object may be too long */
    }
    size_t open = base->depth, values = base->values, i = r->next;
    for (; i < r->queue.n; i++) {
        const struct token *t = &r->queue.v[i];
        bool is_end = t->kind == EVENT_MAP_END || t->kind == EVENT_SEQ_END;
        if ((is_end && open == depth) || (t->kind != EVENT_SCALAR && open == most->depth) ||
            values - base->before >= most->object_nodes) {
            break;
        }
        open = is_end ? open - 1 : open + (t->kind != EVENT_SCALAR);
        values += !is_end;
    }
    base->depth = open;
    base->values = values;
    r->next = i;
    if (i == r->queue.n && may_leave_out(r)) {
        leave_out(r);
    }
}

/* ---- memory ---- */

static struct piece *piece_of(void *data)
{
    return (struct piece *)((char *)data - offsetof(struct piece, data));
}

static void piece_hook(struct json_reader *r, struct piece *piece)
{
    piece->next = r->pieces;
    piece->held = &r->pieces;
    if (piece->next != NULL) {
        piece->next->held = &piece->next;
    }
    r->pieces = piece;
}

static void piece_unhook(struct piece *piece)
{
    *piece->held = piece->next;
    if (piece->next != NULL) {
        piece->next->held = piece->held;
    }
}

/* Memory for yajl, which does not look whether it got it. */
static void *yajl_retake(void *arg, void *old, size_t n)
{
    struct json_reader *r = arg;
    struct piece *piece = old != NULL ? piece_of(old) : NULL;
    if (piece != NULL) {
        piece_unhook(piece);
    }
    struct piece *moved = n <= SIZE_MAX - sizeof *piece ? realloc(piece, sizeof *piece + n) : NULL;
    if (moved == NULL) {
        free(piece);
        arena_fail(r->arena);
    }
    piece_hook(r, moved);
    return moved->data;
}

static void *yajl_take(void *arg, size_t n)
{
    return yajl_retake(arg, NULL, n);
}

static void yajl_give(void *arg, void *p)
{
    (void)arg;
    if (p != NULL) {
        struct piece *piece = piece_of(p);
        piece_unhook(piece);
        free(piece);
    }
}

/* As yajl_free() does, and also where yajl_alloc() did not come to its end. */
static void release(void *reader)
{
    const struct json_reader *r = reader;
    for (struct piece *piece = r->pieces, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
}

struct event_reader *json_reader_open(struct ctx *c, struct arena *a, uint32_t file,
                                      struct byte_stream in)
{
    struct json_reader *r = ARENA_NEW(a, struct json_reader);
    r->base = (struct event_reader){.read = json_read, .hurry = json_hurry, .ctx = c, .file = file};
    r->arena = a;
    r->shown = (struct cursor){.line = 1, .col = 1};
    r->bytes_read = ARENA_NEW_ARRAY(a, CHUNK_BYTES + JSON_BEHIND, unsigned char);
    r->chunk = ARENA_NEW_ARRAY(a, CHUNK_BYTES, unsigned char);
    arena_init_scratch(&r->texts, a);
    clean_init(&r->bytes, c, file, K8S_JSON, in);
    yajl_alloc_funcs memory = {
        .malloc = yajl_take, .realloc = yajl_retake, .free = yajl_give, .ctx = r};
    arena_defer(a, release, r);
    r->yajl = yajl_alloc(&callbacks, &memory, r);
    yajl_config(r->yajl, yajl_allow_multiple_values, 1);
    yajl_config(r->yajl, yajl_dont_validate_strings, 1); /* struct clean has done that */
    return &r->base;
}
