/* The window between clean bytes and the parser (see yaml_bytes.h). */
#include "frontend/yaml_bytes.h"

#include <string.h>

enum { LEAST_READ = 8 }; /* as clean_read() wants it */

void yaml_bytes_init(struct yaml_bytes *b, struct ctx *c, struct arena *a, uint32_t file,
                     struct byte_stream in)
{
    *b = (struct yaml_bytes){.window = ARENA_NEW_ARRAY(a, YAML_WINDOW, unsigned char)};
    clean_init(&b->clean, c, file, K8S_YAML, in);
    remark_scan_init(&b->remarks, c, file);
}

/* Reads on, and forgets what stands before `keep`, which was given. False if there is no room. */
static bool read_on(struct yaml_bytes *b, size_t keep, long *got)
{
    if (YAML_WINDOW - (b->n - keep) < LEAST_READ) {
        return false;
    }
    memmove(b->window, b->window + keep, b->n - keep);
    b->n -= keep;
    b->given -= keep;
    b->from = b->from > keep ? b->from - keep : 0;
    unsigned char *end = b->window + b->n;
    *got = clean_read(&b->clean, end, YAML_WINDOW - b->n);
    if (*got > 0) {
        clean_advance(&b->clean.line, &b->clean.col, end, (size_t)*got);
        remark_scan(&b->remarks, end, (size_t)*got);
        b->n += (size_t)*got;
    }
    b->ended = *got == 0;
    return true;
}

/* The line end before a line, which tells that it is the beginning of one. */
static size_t before(size_t line)
{
    return line > 0 ? line - 1 : 0;
}

/* ---- to the parser ---- */

static long give_blank(struct yaml_bytes *b, unsigned char *buf, size_t n)
{
    size_t got = b->blank < n ? b->blank : n;
    memset(buf, '\n', got);
    b->blank -= got;
    return (long)got;
}

/* The whole lines that can be given next, at most n bytes of them: up to the first line of a block,
 * which is that behind a key. When the parser asks for more, all has been asked about the block. */
static size_t count_piece(struct yaml_bytes *b, size_t n)
{
    const unsigned char *begin = b->window + b->given, *p = begin, *line_end;
    size_t left = b->n - b->given < n ? b->n - b->given : n;
    bool is_first = false;
    while (!is_first && (line_end = memchr(p, '\n', left - (size_t)(p - begin))) != NULL) {
        is_first = b->is_behind_key;
        b->is_behind_key = line_end > p && line_end[-1] == ':';
        b->line++;
        p = line_end + 1;
    }
    return (size_t)(p - begin);
}

long yaml_bytes_read(struct yaml_bytes *b, unsigned char *buf, size_t n)
{
    if (b->blank > 0) {
        return give_blank(b, buf, n);
    }
    size_t piece = count_piece(b, n);
    for (long got; piece == 0 && b->n - b->given < n && !b->ended; piece = count_piece(b, n)) {
        if (!read_on(b, before(b->from), &got) && !read_on(b, b->given, &got)) {
            break;
        }
        if (got < 0) {
            return -1;
        }
    }
    if (piece == 0) { /* a long line, or the last one without an end */
        piece = b->n - b->given < n ? b->n - b->given : n;
    }
    memcpy(buf, b->window + b->given, piece);
    b->from = b->given;
    b->given += piece;
    return (long)piece;
}

/* ---- leaving out ---- */

/* Where a line begins that was given or is the next one. False if that is not in the window. */
static bool find_line(const struct yaml_bytes *b, size_t line, size_t *out)
{
    size_t at = b->given;
    for (size_t l = b->line; l > line && at > 0; l--) {
        const unsigned char *end = memrchr(b->window, '\n', at - 1);
        at = end != NULL ? (size_t)(end + 1 - b->window) : 0;
    }
    *out = at;
    return at > 0 && b->window[at - 1] == '\n' && b->window[b->given - 1] == '\n';
}

static struct yaml_rest rest_from(const struct yaml_bytes *b, size_t at,
                                  const struct yaml_block *block)
{
    struct str text = {(const char *)b->window + at, b->n - at};
    return yaml_block_rest(text, b->given - at, block);
}

struct yaml_rest yaml_bytes_rest(struct yaml_bytes *b, size_t line, const struct yaml_block *block)
{
    struct yaml_rest rest = {0};
    size_t at;
    long got;
    if (!find_line(b, line, &at)) {
        return rest;
    }
    rest = rest_from(b, at, block);
    if (rest.is_cut && !b->ended && read_on(b, before(at), &got)) {
        rest = rest_from(b, 1, block);
    }
    return rest;
}

void yaml_bytes_leave_out(struct yaml_bytes *b, const struct yaml_rest *rest)
{
    b->given += rest->bytes;
    b->line += rest->lines;
    b->blank = rest->lines;
    b->from = b->given;
    b->is_behind_key = false;
}
