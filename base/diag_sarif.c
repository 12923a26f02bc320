/*
 * Diagnostics as SARIF 2.1.0, the Static Analysis Results Interchange Format (OASIS standard), for
 * code scanning services. Knows nothing of what the diagnostics are about.
 */
#include "base/diag.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static const char *const levels[] = {
    [SEV_ERROR] = "error", [SEV_WARNING] = "warning", [SEV_INFO] = "note"};

struct sarif {
    const struct diags *d;
    struct buf *out;
    struct arena *scratch;
    struct str here;  /* the working directory, with a slash at its end; empty: unknown */
    struct str *uris; /* by file, made when first asked */
    struct diag_list all;
    size_t rule_of[DIAG_COUNT]; /* index in driver.rules + 1; 0: not there */
};

static void put_key(struct sarif *w, const char *key, struct str value)
{
    buf_printf(w->out, "\"%s\":", key);
    buf_json_string(w->out, value);
}

/* "message":{"text":…} of the text and, if there is one, the hint. */
static void put_message(struct sarif *w, struct str text, struct str hint)
{
    struct str whole = hint.n == 0 ? text
                                   : str_printf(w->scratch, STR_FMT " (" STR_FMT ")", STR_ARG(text),
                                                STR_ARG(hint));
    buf_puts(w->out, "\"message\":{");
    put_key(w, "text", whole);
    buf_putc(w->out, '}');
}

/* ---- places ---- */

/* What may stand in a path of a URI without being escaped (RFC 3986, pchar and slash, but no
 * colon, which could pass for a scheme). */
static bool is_path_char(unsigned char c)
{
    return ch_is_alnum(c) || (c != 0 && strchr("-._~/!$&'()*+,;=@", c) != NULL);
}

static void put_path(struct buf *b, struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (is_path_char(c)) {
            buf_putc(b, (char)c);
        } else {
            buf_printf(b, "%%%02X", c);
        }
    }
}

static struct str working_directory(struct arena *a)
{
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == NULL || here[0] != '/') {
        return STR("");
    }
    return str_printf(a, "%s%s", here, here[1] == '\0' ? "" : "/");
}

/* An absolute path without links and dots on the way to the file, if there is such a way. */
static struct str resolved(struct arena *a, struct str path)
{
    char directory[PATH_MAX];
    size_t n = path.n;
    while (path.p[n - 1] != '/') {
        n--;
    }
    if (realpath(str_dup(a, (struct str){path.p, n}).p, directory) == NULL) {
        return path;
    }
    const char *slash = directory[1] == '\0' ? "" : "/";
    return str_printf(a, "%s%s" STR_FMT, directory, slash,
                      STR_ARG(((struct str){path.p + n, path.n - n})));
}

/* Relative to the working directory for all that is in it: code scanning takes that for the root of
 * the repository. What is elsewhere is told apart by where it is. */
static struct str make_uri(struct sarif *w, struct str path)
{
    struct buf *b = buf_new(w->scratch);
    if (str_starts(path, "/")) {
        path = resolved(w->scratch, path);
        if (w->here.n > 0 && path.n > w->here.n && str_starts(path, w->here.p)) {
            path = (struct str){path.p + w->here.n, path.n - w->here.n};
        } else {
            buf_puts(b, "file://");
        }
    }
    while (str_starts(path, "./")) {
        path = (struct str){path.p + 2, path.n - 2};
    }
    put_path(b, path);
    return buf_text(b);
}

static struct str uri_of(struct sarif *w, uint32_t file)
{
    struct str *uri = &w->uris[file];
    if (uri->p == NULL) {
        *uri = make_uri(w, sources_get(w->d->sources, file)->path);
    }
    return *uri;
}

/* {"physicalLocation":…[,"message":…]} */
static void put_location(struct sarif *w, struct span at, struct str message)
{
    buf_puts(w->out, "{\"physicalLocation\":{\"artifactLocation\":{");
    put_key(w, "uri", uri_of(w, at.file));
    /* The region is demanded by those who show results; a finding about a whole file is at its
     * first line. */
    buf_printf(w->out, "},\"region\":{\"startLine\":%u", at.line > 0 ? at.line : 1);
    if (at.line > 0 && at.col > 0) {
        buf_printf(w->out, ",\"startColumn\":%u,\"endColumn\":%u", at.col,
                   at.col + (at.len > 0 ? at.len : 1));
    }
    buf_puts(w->out, "}}");
    if (message.n > 0) {
        buf_putc(w->out, ',');
        put_message(w, message, STR(""));
    }
    buf_putc(w->out, '}');
}

/* ---- rules, results, notifications ---- */

static struct str rule_id(struct sarif *w, enum diag_id id)
{
    return str_printf(w->scratch, "NPC%03u", diag_number(id));
}

/* All rules that have something to say, in order. */
static void put_rules(struct sarif *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->all.n; i++) {
        w->rule_of[w->all.v[i]->id] = 1;
    }
    for (size_t id = 0; id < DIAG_COUNT; id++) {
        if (w->rule_of[id] == 0) {
            continue;
        }
        buf_puts(w->out, n > 0 ? ",\n      {" : "\n      {");
        w->rule_of[id] = ++n;
        put_key(w, "id", rule_id(w, (enum diag_id)id));
        buf_putc(w->out, ',');
        put_key(w, "name", str_of(diag_slug((enum diag_id)id)));
        buf_puts(w->out, ",\"shortDescription\":{");
        put_key(w, "text", str_of(diag_summary((enum diag_id)id)));
        buf_puts(w->out, "}}");
    }
}

static void put_suppression(struct sarif *w, const struct diag *rec)
{
    if (rec->silenced) {
        buf_puts(w->out, ",\"suppressions\":[{\"kind\":\"inSource\",");
        put_key(w, "justification", rec->reason);
        buf_puts(w->out, "}]");
    }
}

static void put_related(struct sarif *w, const struct diag *rec)
{
    size_t n = 0;
    for (size_t i = 0; i < rec->notes.n; i++) {
        uint32_t file = rec->notes.v[i].at.file;
        if (file != 0 && !sources_get(w->d->sources, file)->built_in) {
            buf_puts(w->out, n++ > 0 ? "," : ",\"relatedLocations\":[");
            put_location(w, rec->notes.v[i].at, rec->notes.v[i].text);
        }
    }
    buf_puts(w->out, n > 0 ? "]" : "");
}

static void put_result(struct sarif *w, const struct diag *rec)
{
    buf_putc(w->out, '{');
    put_key(w, "ruleId", rule_id(w, rec->id));
    buf_printf(w->out, ",\"ruleIndex\":%zu,\"level\":\"%s\",", w->rule_of[rec->id] - 1,
               levels[rec->severity]);
    put_message(w, rec->text, rec->hint);
    buf_puts(w->out, ",\"locations\":[");
    put_location(w, rec->at, STR(""));
    buf_putc(w->out, ']');
    put_related(w, rec);
    put_suppression(w, rec);
    buf_putc(w->out, '}');
}

static void put_notification(struct sarif *w, const struct diag *rec)
{
    buf_puts(w->out, "{\"descriptor\":{");
    put_key(w, "id", rule_id(w, rec->id));
    buf_printf(w->out, ",\"index\":%zu},\"level\":\"%s\",", w->rule_of[rec->id] - 1,
               levels[rec->severity]);
    put_message(w, rec->text, rec->hint);
    buf_putc(w->out, '}');
}

static void put_list(struct sarif *w, bool with_place,
                     void (*put)(struct sarif *w, const struct diag *rec))
{
    size_t n = 0;
    for (size_t i = 0; i < w->all.n; i++) {
        if ((w->all.v[i]->at.file != 0) == with_place) {
            buf_puts(w->out, n++ > 0 ? ",\n    " : "\n    ");
            put(w, w->all.v[i]);
        }
    }
}

void diags_sarif(const struct diags *d, bool info, bool complete, const char *version,
                 struct buf *out)
{
    struct arena *scratch = arena_new_scratch(d->arena);
    struct sarif w = {.d = d, .out = out, .scratch = scratch};
    w.here = working_directory(scratch);
    w.uris = ARENA_NEW_ARRAY(scratch, d->sources->list.n, struct str);
    w.all = diags_sorted(d, info, true, scratch);
    buf_puts(out, "{\"version\":\"2.1.0\",\"$schema\":\"" SCHEMA "\",\"runs\":[{\n"
                  "  \"tool\":{\"driver\":{\"name\":\"npc\",");
    put_key(&w, "version", str_of(version));
    buf_puts(out, ",\"rules\":[");
    put_rules(&w);
    buf_puts(out, "]}},\n  \"columnKind\":\"unicodeCodePoints\",\n  \"results\":[");
    put_list(&w, true, put_result);
    buf_printf(out,
               "],\n  \"invocations\":[{\"executionSuccessful\":%s,"
               "\"toolExecutionNotifications\":[",
               complete ? "true" : "false");
    put_list(&w, false, put_notification);
    buf_puts(out, "]}]\n}]}\n");
    arena_free(scratch);
}
