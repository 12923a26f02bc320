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
 * so that showing 50 of them stays a matter of moments. */
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
    struct str kept; /* in `room` */
    char *room;
    bool full; /* nothing more is wanted */
};

/* Whether a byte begins a code point, as far as counting columns cares. */
static bool begins_code_point(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static void line_feed(struct line_reader *r, struct str piece)
{
    size_t at = 0;
    while (r->line > 1 && at < piece.n) {
        const char *lf = memchr(piece.p + at, '\n', piece.n - at);
        at = lf ? (size_t)(lf - piece.p) + 1 : piece.n;
        r->line -= lf ? 1 : 0;
    }
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
}

/* Feeds a regular file, read anew. Whatever goes wrong only shortens the line. */
static void line_feed_file(struct line_reader *r, struct arena *a, struct str path)
{
    /* O_NONBLOCK: should the path have become a FIFO since, nobody waits for it. */
    int fd = open(str_dup(a, path).p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return;
    }
    struct stat st;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    char piece[16 * 1024];
    for (size_t done = 0; regular && !r->full && done < REREAD_MAX;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n > 0) {
            line_feed(r, (struct str){piece, (size_t)n});
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    close(fd);
}

/* Up to LINE_MAX_BYTES of the line of `at`, without its first `skip` code points. */
static struct str line_read(const struct sources *s, struct span at, uint32_t skip, struct arena *a)
{
    const struct source *source = sources_get(s, at.file);
    if (at.file == 0 || at.line == 0 || (source->text.n == 0 && !source->reopen)) {
        return (struct str){NULL, 0};
    }
    struct line_reader r = {.line = at.line, .before = skip};
    r.room = arena_alloc(a, LINE_MAX_BYTES);
    r.kept.p = r.room;
    if (source->text.n > 0) {
        line_feed(&r, source->text);
    } else {
        line_feed_file(&r, a, source->path);
    }
    if (r.kept.n > 0 && r.kept.n < LINE_MAX_BYTES && r.room[r.kept.n - 1] == '\r') {
        r.kept.n--;
    }
    return r.kept;
}

struct str sources_line(const struct sources *s, struct span at, struct arena *a)
{
    return line_read(s, at, 0, a);
}

struct str sources_excerpt(const struct sources *s, struct span at, struct arena *a,
                           uint32_t *first_col)
{
    uint32_t skip = at.col > EXCERPT_BEFORE ? at.col - EXCERPT_BEFORE : 0;
    *first_col = skip + 1;
    return line_read(s, at, skip, a);
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
