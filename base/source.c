/*
 * Sources, the lines of sources, and the order of places.
 * Knows files only as something that can be read again; what is in them it does not know.
 */
#include "base/source.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* At most this much of one line is handed out. */
#define LINE_MAX_BYTES 4096
/* Code points before the place that an excerpt still holds. */
#define EXCERPT_BEFORE 512
/* A file is read again up to here: a diagnostic deep in a dump of gigabytes goes without its line,
 * so that showing it stays a matter of moments. */
#define REREAD_MAX ((size_t)32 << 20)

void sources_init(struct sources *s, struct arena *a)
{
    *s = (struct sources){.arena = a};
    vec_push(a, &s->list, (struct source){0}); /* file 0 is "no place" */
}

uint32_t sources_add(struct sources *s, struct str path)
{
    struct str copy = str_dup(s->arena, path);
    vec_push(s->arena, &s->list, (struct source){.path = copy, .name = copy});
    return (uint32_t)(s->list.n - 1);
}

struct source *sources_get(const struct sources *s, uint32_t file)
{
    return &s->list.v[file < s->list.n ? file : 0];
}

/* ---- one line ---- */

/* Takes the bytes of a source in pieces and keeps an excerpt of one line. */
struct line_reader {
    uint32_t line;   /* lines still to skip, plus 1 */
    uint32_t before; /* code points of the line still to skip */
    size_t fed;      /* bytes of all pieces before this one … */
    size_t begin;    /* … and before the line that was reached */
    struct str kept; /* in `room` */
    char *room;
    bool full; /* nothing more is wanted */
};

/* Whether a byte begins a code point, as far as counting columns cares. */
static bool begins_code_point(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static bool line_feed(void *reader, struct str piece)
{
    struct line_reader *r = reader;
    size_t at = 0;
    while (r->line > 1 && at < piece.n) {
        const char *lf = memchr(piece.p + at, '\n', piece.n - at);
        at = lf ? (size_t)(lf - piece.p) + 1 : piece.n;
        r->line -= lf ? 1 : 0;
        r->begin = lf ? r->fed + at : r->begin;
    }
    r->fed += piece.n;
    for (; r->line == 1 && at < piece.n && !r->full; at++) {
        char c = piece.p[at];
        if (c == '\n') {
            r->full = true;
        } else if (r->before > 0 && begins_code_point(c)) {
            r->before--;
        } else if (r->kept.n > 0 || begins_code_point(c)) {
            r->room[r->kept.n++] = c;
            r->full = r->kept.n == LINE_MAX_BYTES;
        }
    }
    return !r->full;
}

/* Takes the bytes of a source in pieces; false: no more are wanted. */
typedef bool (*piece_fn)(void *reader, struct str piece);

/* Feeds the bytes from `from` to `most` of a regular file, read anew. Whatever goes wrong only
 * shortens them. */
static void feed_file(struct arena *a, struct str path, size_t from, size_t most, piece_fn feed,
                      void *reader)
{
    /* O_NONBLOCK: should the path have become a FIFO since, nobody waits for it. */
    int fd = open(str_dup(a, path).p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return;
    }
    struct stat st;
    bool more = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, (off_t)from, SEEK_SET) >= 0;
    char piece[16 * 1024];
    for (size_t done = from; more && done < most;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n > 0) {
            more = feed(reader, (struct str){piece, (size_t)n});
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    close(fd);
}

/* Up to LINE_MAX_BYTES of the line of `at`, without its first `skip` code points. */
static struct str line_read(const struct sources *s, struct span at, uint32_t skip,
                            struct source_mark *mark, struct arena *a)
{
    const struct source *source = sources_get(s, at.file);
    if (at.file == 0 || at.line == 0 || (source->text.n == 0 && !source->reopen)) {
        return (struct str){NULL, 0};
    }
    if (mark->file != at.file || mark->line > at.line) {
        *mark = (struct source_mark){.file = at.file, .line = 1};
    }
    struct line_reader r = {.line = at.line - mark->line + 1, .before = skip};
    r.room = arena_alloc(a, LINE_MAX_BYTES);
    r.kept.p = r.room;
    if (source->text.n > 0) {
        line_feed(&r, (struct str){source->text.p + mark->offset, source->text.n - mark->offset});
    } else {
        feed_file(a, source->path, mark->offset, REREAD_MAX, line_feed, &r);
    }
    mark->line = at.line - r.line + 1;
    mark->offset += r.begin;
    if (r.kept.n > 0 && r.kept.n < LINE_MAX_BYTES && r.room[r.kept.n - 1] == '\r') {
        r.kept.n--;
    }
    return r.kept;
}

struct str sources_line(const struct sources *s, struct span at, struct arena *a)
{
    return line_read(s, at, 0, &(struct source_mark){0}, a);
}

struct str sources_excerpt(const struct sources *s, struct span at, struct source_mark *mark,
                           struct arena *a, uint32_t *first_col)
{
    uint32_t skip = at.col > EXCERPT_BEFORE ? at.col - EXCERPT_BEFORE : 0;
    *first_col = skip + 1;
    return line_read(s, at, skip, mark, a);
}

/* ---- many lines ---- */

struct lines_reader { /* of one file */
    const struct span *at;
    struct str *lines;
    size_t n, next; /* places; the first whose line is not read yet */
    struct arena *arena;
    uint32_t line; /* that is being read */
    char room[LINE_MAX_BYTES];
    size_t kept;
};

static void lines_end(struct lines_reader *r)
{
    size_t n = r->kept > 0 && r->room[r->kept - 1] == '\r' ? r->kept - 1 : r->kept;
    struct str line = {NULL, 0};
    while (r->next < r->n && r->at[r->next].line == r->line) {
        line = line.p != NULL ? line : str_dup(r->arena, (struct str){r->room, n});
        r->lines[r->next++] = line;
    }
    r->kept = 0;
    r->line++;
}

static bool lines_feed(void *reader, struct str piece)
{
    struct lines_reader *r = reader;
    for (size_t at = 0; at < piece.n && r->next < r->n;) {
        const char *lf = memchr(piece.p + at, '\n', piece.n - at);
        size_t end = lf != NULL ? (size_t)(lf - piece.p) : piece.n;
        size_t room = sizeof r->room - r->kept;
        if (r->at[r->next].line == r->line) {
            size_t take = end - at < room ? end - at : room;
            memcpy(r->room + r->kept, piece.p + at, take);
            r->kept += take;
        }
        if (lf != NULL) {
            lines_end(r);
        }
        at = end + 1;
    }
    return r->next < r->n;
}

void sources_lines(const struct sources *s, const struct span *at, size_t n, struct arena *a,
                   struct str *lines)
{
    struct lines_reader *r = ARENA_NEW(a, struct lines_reader);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && at[end].file == at[first].file; end++) {
        }
        const struct source *source = sources_get(s, at[first].file);
        *r = (struct lines_reader){
            .at = at + first, .lines = lines + first, .n = end - first, .arena = a, .line = 1};
        for (size_t i = first; i < end; i++) {
            lines[i] = (struct str){NULL, 0};
        }
        if (source->text.n > 0) {
            lines_feed(r, source->text);
        } else if (source->reopen) {
            feed_file(a, source->path, 0, SIZE_MAX, lines_feed, r);
        }
        lines_end(r); /* the last may have no line end */
    }
}

/* ---- order ---- */

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

int span_cmp(const struct sources *s, struct span a, struct span b)
{
    if (a.file == 0 || b.file == 0) {
        return (a.file == 0) - (b.file == 0);
    }
    int order = 0;
    if (a.file != b.file) {
        order = str_cmp(sources_get(s, a.file)->path, sources_get(s, b.file)->path);
    }
    order = order != 0 ? order : compare_u32(a.line, b.line);
    return order != 0 ? order : compare_u32(a.col, b.col);
}
