/*
 * Collecting diagnostics. How they are shown is in diag_show.c.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory stays bounded however many findings a hostile input has (threats.md I5). */
#define KEPT_DEFAULT 10000
/* A longer text loses its middle: it quotes a monster, and its end says what was expected. */
#define TEXT_MAX  1000
#define TEXT_TAIL 400

void diags_init(struct diags *d, struct arena *a, const struct sources *sources)
{
    *d = (struct diags){.arena = a, .sources = sources, .kept = KEPT_DEFAULT};
}

static bool continues_code_point(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Copies the text without its middle, cut between code points; returns the length of the copy. */
static size_t text_without_middle(char *cut, const char *text, size_t n)
{
    static const char gap[] = " ... ";
    size_t head = TEXT_MAX - TEXT_TAIL, tail = n - TEXT_TAIL;
    while (head > 0 && continues_code_point(text[head])) {
        head--;
    }
    while (tail < n && continues_code_point(text[tail])) {
        tail++;
    }
    memcpy(cut, text, head);
    memcpy(cut + head, gap, sizeof gap - 1);
    memcpy(cut + head + sizeof gap - 1, text + tail, n - tail);
    return head + sizeof gap - 1 + (n - tail);
}

static struct str text_format(struct arena *a, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
static struct str text_format(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0) { /* more than INT_MAX bytes */
        va_end(again);
        arena_fail(a);
    }
    if (n <= TEXT_MAX) {
        char *text = arena_alloc(a, (size_t)n + 1);
        vsnprintf(text, (size_t)n + 1, fmt, again);
        va_end(again);
        return (struct str){text, (size_t)n};
    }
    char *whole = malloc((size_t)n + 1); /* not in the arena, where it would stay */
    if (!whole) {
        va_end(again);
        arena_fail(a);
    }
    vsnprintf(whole, (size_t)n + 1, fmt, again);
    va_end(again);
    char cut[TEXT_MAX + 8];
    size_t kept = text_without_middle(cut, whole, (size_t)n);
    free(whole);
    return str_dup(a, (struct str){cut, kept});
}

static size_t *counter_of(struct diags *d, enum severity sev)
{
    switch (sev) {
    case SEV_ERROR:
        return &d->errors;
    case SEV_WARNING:
        return &d->warnings;
    case SEV_INFO:
        return &d->infos;
    }
    return &d->errors;
}

struct diag *diag_report(struct diags *d, enum severity sev, enum diag_id id, struct span at,
                         const char *fmt, ...)
{
    size_t *count = counter_of(d, sev);
    if ((*count)++ >= d->kept) {
        return &d->overflow;
    }
    struct diag *rec = ARENA_NEW(d->arena, struct diag);
    rec->id = id;
    rec->severity = sev;
    rec->at = at;
    va_list args;
    va_start(args, fmt);
    rec->text = text_format(d->arena, fmt, args);
    va_end(args);
    vec_push(d->arena, &d->list, rec);
    return rec;
}

void diags_drop(struct diags *d, enum diag_id id)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->list.n; i++) {
        struct diag *rec = d->list.v[i];
        if (rec->id != id) {
            d->list.v[kept++] = rec;
        } else if (!rec->silenced) {
            --*counter_of(d, rec->severity);
        }
    }
    d->list.n = kept;
}

void diags_raise(struct diags *d, enum diag_id id)
{
    for (size_t i = 0; i < d->list.n; i++) {
        struct diag *rec = d->list.v[i];
        if (rec->id == id && rec->severity == SEV_WARNING && !rec->silenced) {
            --*counter_of(d, rec->severity);
            rec->severity = SEV_ERROR;
            ++*counter_of(d, rec->severity);
        }
    }
}

void diag_silence(struct diags *d, struct diag *rec, struct str reason)
{
    if (rec != &d->overflow && !rec->silenced) {
        --*counter_of(d, rec->severity);
        rec->silenced = true;
        rec->reason = reason;
    }
}

void diag_hint(struct diags *d, struct diag *rec, const char *fmt, ...)
{
    if (rec == &d->overflow) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    rec->hint = text_format(d->arena, fmt, args);
    va_end(args);
}

void diag_also(struct diags *d, struct diag *rec, struct span at, const char *fmt, ...)
{
    if (rec == &d->overflow) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    struct diag_note note = {.at = at, .text = text_format(d->arena, fmt, args)};
    va_end(args);
    vec_push(d->arena, &rec->notes, note);
}

/* ---- the table ---- */

static const struct diag_info {
    const char *name; /* "NPC406" */
    const char *slug, *summary;
} infos[DIAG_COUNT] = {
#define DIAG(number, slug, summary) {#number, slug, summary},
#include "base/diag.def"
#undef DIAG
};

const char *diag_slug(enum diag_id id)
{
    return infos[id].slug;
}

unsigned diag_number(enum diag_id id)
{
    const char *digits = infos[id].name + 3;
    return (unsigned)(digits[0] - '0') * 100 + (unsigned)(digits[1] - '0') * 10 +
           (unsigned)(digits[2] - '0');
}

const char *diag_summary(enum diag_id id)
{
    return infos[id].summary;
}
