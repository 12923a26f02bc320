/* Bytes of one input. Knows nothing of what they mean but for their first token. */
#include "frontend/feed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SNIFF_MOST    ((size_t)64 << 10)
#define PROGRESS_STEP ((uint64_t)64 << 10) /* some read()s of a pipe */

void feed_init(struct feed *f, struct arena *a, int fd, struct str text)
{
    *f = (struct feed){.fd = fd, .head = text, .sniffed = buf_new(a)};
}

static long read_descriptor(struct feed *f, void *buf, size_t n)
{
    if (f->fd < 0) {
        return 0;
    }
    ssize_t got;
    do {
        got = read(f->fd, buf, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        f->error = errno;
    }
    return got;
}

static void keep(struct feed *f, const void *bytes, size_t n)
{
    if (f->kept != NULL && f->kept->n < FEED_KEPT) {
        size_t room = FEED_KEPT - f->kept->n;
        buf_put(f->kept, bytes, n < room ? n : room);
    }
}

long feed_read(struct feed *f, void *buf, size_t n)
{
    long got;
    if (f->used < f->head.n) {
        size_t left = f->head.n - f->used;
        got = (long)(left < n ? left : n);
        memcpy(buf, f->head.p + f->used, (size_t)got);
        f->used += (size_t)got;
    } else {
        got = read_descriptor(f, buf, n);
    }
    if (got > 0) {
        keep(f, buf, (size_t)got);
        f->total += (uint64_t)got;
        if (f->progress != NULL && f->total - f->told >= PROGRESS_STEP) {
            f->told = f->total;
            f->progress(f->progress_arg, f);
        }
    }
    return got;
}

static long feed_read_any(void *arg, void *buf, size_t n)
{
    return feed_read(arg, buf, n);
}

struct byte_stream feed_stream(struct feed *f)
{
    return (struct byte_stream){.read = feed_read_any, .arg = f};
}

bool feed_read_all(struct feed *f, size_t max, struct buf *out)
{
    char chunk[16 << 10];
    long got;
    while ((got = feed_read(f, chunk, sizeof chunk)) > 0) {
        if ((size_t)got > max - out->n) {
            return false;
        }
        buf_put(out, chunk, (size_t)got);
    }
    return got == 0;
}

enum syntax syntax_of_name(struct str name)
{
    static const struct {
        const char *extension;
        enum syntax syntax;
    } known[] = {
        {".npc", SYNTAX_NPC},
        {".yaml", SYNTAX_YAML},
        {".yml", SYNTAX_YAML},
        {".json", SYNTAX_JSON},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (str_ends(name, known[i].extension)) {
            return known[i].syntax;
        }
    }
    return SYNTAX_UNKNOWN;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Offset of the first token: after a byte order mark, blanks and comments. */
static size_t first_token(struct str s)
{
    size_t i = str_starts(s, "\xef\xbb\xbf") ? 3 : 0;
    while (i < s.n && (is_blank(s.p[i]) || s.p[i] == '#')) {
        if (s.p[i] == '#') {
            while (i < s.n && s.p[i] != '\n') {
                i++;
            }
        } else {
            i++;
        }
    }
    return i;
}

/* SYNTAX_UNKNOWN: more bytes are needed. */
static enum syntax sniff_text(struct str s)
{
    size_t i = first_token(s);
    if (i == s.n) {
        return SYNTAX_UNKNOWN;
    }
    if (s.p[i] == '{' || s.p[i] == '[') {
        return SYNTAX_JSON;
    }
    if (!ch_is_alpha((unsigned char)s.p[i])) {
        return SYNTAX_YAML;
    }
    while (i < s.n && !is_blank(s.p[i]) && s.p[i] != ':' && s.p[i] != '{' && s.p[i] != '"') {
        i++;
    }
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t')) {
        i++; /* YAML allows blanks before the colon of a key */
    }
    if (i == s.n) {
        return SYNTAX_UNKNOWN;
    }
    return s.p[i] == ':' ? SYNTAX_YAML : SYNTAX_NPC;
}

enum syntax feed_sniff(struct feed *f)
{
    char chunk[4096];
    for (;;) {
        enum syntax syntax = sniff_text(f->head);
        if (syntax != SYNTAX_UNKNOWN) {
            return syntax;
        }
        long got = f->head.n < SNIFF_MOST ? read_descriptor(f, chunk, sizeof chunk) : 0;
        if (got <= 0) {
            return SYNTAX_YAML; /* a failed read fails again where it is reported */
        }
        buf_put(f->sniffed, chunk, (size_t)got);
        f->head = buf_text(f->sniffed);
    }
}
