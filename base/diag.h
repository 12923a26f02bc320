/*
 * Diagnostics: collected while working, sorted and shown once at the end.
 * The ids are in base/diag.def. A function that reports an error returns false to its caller, which
 * passes it on silently.
 */
#ifndef NPC_BASE_DIAG_H
#define NPC_BASE_DIAG_H

#include "base/buf.h"
#include "base/source.h"

enum diag_id {
#define DIAG(number, slug, summary) DIAG_##number,
#include "base/diag.def"
#undef DIAG
    DIAG_COUNT
};

enum severity { SEV_ERROR, SEV_WARNING, SEV_INFO };

struct diag_note { /* a second place, such as "first defined here" */
    struct span at;
    struct str text;
};

struct diag {
    enum diag_id id;
    enum severity severity;
    struct span at;
    struct str text;
    struct str hint;   /* what to do, or empty */
    bool silenced;     /* a comment of the input allows it: shown by diags_sarif() only … */
    struct str reason; /* … with the reason that the comment gives */
    VEC(struct diag_note) notes;
};

struct diags {
    struct arena *arena;
    const struct sources *sources;
    VEC(struct diag *) list;
    size_t errors, warnings, infos;
    size_t kept;          /* most diagnostics of one severity kept; the rest are counted only */
    struct diag overflow; /* what callers get for one that is only counted */
};

void diags_init(struct diags *d, struct arena *a, const struct sources *sources);

/* Reports one finding. `fmt` is a sentence without full stop that says what was found and what was
 * expected. Never returns NULL. Bytes of input in the text may be anything: they are escaped when
 * shown. */
struct diag *diag_report(struct diags *d, enum severity sev, enum diag_id id, struct span at,
                         const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define diag_error(d, id, at, ...)   diag_report((d), SEV_ERROR, DIAG_##id, (at), __VA_ARGS__)
#define diag_warning(d, id, at, ...) diag_report((d), SEV_WARNING, DIAG_##id, (at), __VA_ARGS__)
#define diag_info(d, id, at, ...)    diag_report((d), SEV_INFO, DIAG_##id, (at), __VA_ARGS__)
/* Says what to do. */
void diag_hint(struct diags *d, struct diag *rec, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a second place. */
void diag_also(struct diags *d, struct diag *rec, struct span at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Forgets all of one kind: their severity is decided anew. */
void diags_drop(struct diags *d, enum diag_id id);
/* Makes errors of the warnings of one kind. */
void diags_raise(struct diags *d, enum diag_id id);
/* Silences one that was reported: it counts no longer. */
void diag_silence(struct diags *d, struct diag *rec, struct str reason);

const char *diag_slug(enum diag_id id);    /* "not-expressible" */
unsigned diag_number(enum diag_id id);     /* 406 */
const char *diag_summary(enum diag_id id); /* one line, for documentation */

struct diag_style {
    bool colour;
    bool json;
    bool info;   /* also show SEV_INFO */
    size_t most; /* diagnostics shown, 0: 50; the rest are counted in a last line */
};
/* Writes all diagnostics, sorted by place, then id, then text; equal ones once. Text form:
 *   file:line:col: error: text [NPC203]
 *   <source line>
 *   <caret line>
 *     hint: ...
 *     file:line:col: note: ...
 * Control bytes and invalid UTF-8 from input are shown as \x1b; tabs in the source line as one
 * blank. JSON form: one object {"version":1,"diagnostics":[...]}. */
void diags_show(const struct diags *d, const struct diag_style *style, struct buf *out);

struct diag_list {
    const struct diag **v;
    size_t n;
};
/* Those that are shown, in the order in which they are, equal ones once; the list is in `a`. */
struct diag_list diags_sorted(const struct diags *d, bool info, bool silenced, struct arena *a);

/* Writes all diagnostics as one SARIF 2.1.0 log (OASIS standard): a result for each that has a
 * place, a notification of the run for the others, silenced ones with their justification. Paths
 * are relative to where the program was run; absolute ones that lead elsewhere are file: URIs.
 * `complete`: the analysis came to its end. */
void diags_sarif(const struct diags *d, bool info, bool complete, const char *version,
                 struct buf *out);

#endif
