/* Field paths, errors and schemas (see k8s_decode.h). Knows no kind of object. */
#include "frontend/k8s_decode.h"

#include "ir/yamlscalar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { VALUE_SHOWN = 256 }; /* bytes of a value in a message; names are at most 253 */

/* ---- field paths ---- */

static size_t path_depth(const struct path *p)
{
    size_t n = 0;
    for (; p != NULL; p = p->up) {
        n++;
    }
    return n;
}

struct str path_text(struct arena *a, const struct path *p)
{
    size_t n = path_depth(p);
    const struct path **parts = ARENA_NEW_ARRAY(a, n, const struct path *);
    for (size_t i = n; p != NULL; p = p->up) {
        parts[--i] = p;
    }
    struct buf *b = buf_new(a);
    for (size_t i = 0; i < n; i++) {
        if (parts[i]->name.n == 0) {
            buf_printf(b, "[%zu]", parts[i]->index);
        } else {
            buf_puts(b, i > 0 ? "." : "");
            buf_str(b, parts[i]->name);
        }
    }
    return buf_text(b);
}

/* ---- findings ---- */

struct diag *k8s_report(struct k8s *k, enum severity sev, enum diag_id id, struct span at,
                        const struct path *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str text = str_vprintf(k->scratch, fmt, args);
    va_end(args);
    if (sev == SEV_ERROR) {
        k->ok = false;
    }
    struct str place = path_text(k->scratch, p);
    return diag_report(&k->ctx->diags, sev, id, at, STR_FMT "%s" STR_FMT, STR_ARG(place),
                       place.n > 0 ? ": " : "", STR_ARG(text));
}

bool k8s_is_good(const struct k8s *k)
{
    return k->ctx->diags.errors == k->errors;
}

void k8s_hint(struct k8s *k, struct diag *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str text = str_vprintf(k->scratch, fmt, args);
    va_end(args);
    diag_hint(&k->ctx->diags, d, STR_FMT, STR_ARG(text));
}

struct str k8s_value(struct k8s *k, const struct node *n)
{
    if (n->kind != NODE_SCALAR) {
        return n->kind == NODE_SEQ ? STR("[…]") : STR("{…}");
    }
    struct str text = n->text;
    const char *rest = "";
    if (text.n > VALUE_SHOWN) {
        text.n = VALUE_SHOWN;
        rest = "…";
    }
    const char *quote = n->plain && !yaml_plain_is_string(n->text) ? "" : "\"";
    return str_printf(k->scratch, "%s" STR_FMT "%s%s", quote, STR_ARG(text), rest, quote);
}

void k8s_invalid(struct k8s *k, const struct node *n, const struct path *p, const char *rule)
{
    k8s_error(k, NPC062, n->at, p, "Invalid value: " STR_FMT ": must %s", STR_ARG(k8s_value(k, n)),
              rule);
}

void k8s_required(struct k8s *k, struct span at, const struct path *p)
{
    k8s_error(k, NPC061, at, p, "Required value");
}

bool k8s_check_count(struct k8s *k, const struct node *list, const struct path *p, size_t most)
{
    if (list->n <= most) {
        return true;
    }
    k8s_error(k, NPC404, list->at, p, "Too many: %" PRIu32 ": must have at most %zu items", list->n,
              most);
    return false;
}

void k8s_unsupported(struct k8s *k, const struct node *n, const struct path *p,
                     const struct str *supported, size_t count)
{
    struct buf *list = buf_new(k->scratch);
    for (size_t i = 0; i < count; i++) {
        buf_printf(list, "%s\"" STR_FMT "\"", i > 0 ? ", " : "", STR_ARG(supported[i]));
    }
    struct diag *d =
        k8s_error(k, NPC063, n->at, p, "Unsupported value: " STR_FMT ": supported values: " STR_FMT,
                  STR_ARG(k8s_value(k, n)), STR_ARG(buf_text(list)));
    struct str near = str_nearest(n->text, supported, count);
    if (near.n > 0) {
        k8s_hint(k, d, "did you mean " STR_FMT "?", STR_ARG(near));
    }
}

/* ---- types ---- */

static const char *node_type_name(const struct node *n)
{
    static const char *const names[] = {
        [NODE_SCALAR] = "a string",
        [NODE_MAP] = "a mapping",
        [NODE_SEQ] = "a list",
        [NODE_SKIPPED] = "something else",
    };
    bool plain = n->kind == NODE_SCALAR && n->plain;
    return plain ? yaml_sense_name(yaml_resolve(n->text)) : names[n->kind];
}

static const char *const type_names[] = {
    [FIELD_ANY] = "anything",    [FIELD_STRING] = "a string", [FIELD_BOOL] = "true or false",
    [FIELD_INT] = "an integer",  [FIELD_MAP] = "a mapping",   [FIELD_SEQ] = "a list",
    [FIELD_SERVER] = "anything",
};

static bool wrong_type(struct k8s *k, const struct node *n, const struct path *p,
                       enum field_type want)
{
    k8s_error(k, NPC060, n->at, p, "Invalid value: " STR_FMT ": must be %s, but is %s",
              STR_ARG(k8s_value(k, n)), type_names[want], node_type_name(n));
    return false;
}

static bool check_string(struct k8s *k, const struct node *n, const struct path *p)
{
    if (n->kind != NODE_SCALAR) {
        return wrong_type(k, n, p, FIELD_STRING);
    }
    if (!n->plain || yaml_plain_is_string(n->text)) {
        return true;
    }
    if (k->syntax == K8S_JSON) {
        return wrong_type(k, n, p, FIELD_STRING);
    }
    struct diag *d = k8s_error(k, NPC054, n->at, p,
                               "Invalid value: " STR_FMT ": must be a string, and YAML readers "
                               "take this for %s",
                               STR_ARG(k8s_value(k, n)), node_type_name(n));
    k8s_hint(k, d, "quote it: \"" STR_FMT "\"", STR_ARG(n->text));
    return false;
}

static bool is_bool(const struct node *n)
{
    return n->kind == NODE_SCALAR && n->plain &&
           (str_eq_nocase(n->text, STR("true")) || str_eq_nocase(n->text, STR("false")));
}

bool k8s_is_type(struct k8s *k, const struct node *n, const struct path *p, enum field_type type)
{
    bool fits = false;
    switch (type) {
    case FIELD_ANY:
    case FIELD_SERVER:
        return true;
    case FIELD_STRING:
        return check_string(k, n, p);
    case FIELD_BOOL:
        fits = is_bool(n);
        break;
    case FIELD_INT:
        fits = n->kind == NODE_SCALAR;
        break;
    case FIELD_MAP:
        fits = n->kind == NODE_MAP;
        break;
    case FIELD_SEQ:
        fits = n->kind == NODE_SEQ;
        break;
    }
    if (!fits) {
        wrong_type(k, n, p, type);
    }
    return fits;
}

/* [-] and digits without a leading zero: what every reader takes for the same integer. */
static bool is_canonical_integer(struct str s)
{
    if (s.n > 1 && s.p[0] == '-' && s.p[1] != '0') {
        s.p++;
        s.n--;
    }
    bool digits = s.n > 0;
    for (size_t i = 0; i < s.n; i++) {
        digits &= ch_is_digit((unsigned char)s.p[i]);
    }
    return digits && (s.n == 1 || s.p[0] != '0');
}

bool k8s_number(struct k8s *k, const struct node *n, const struct path *p, uint32_t least,
                uint32_t most, uint32_t *out)
{
    bool is_number = n->kind == NODE_SCALAR && n->plain;
    if (!is_number || (!is_canonical_integer(n->text) && yaml_resolve(n->text) != YAML_SENSE_INT)) {
        return wrong_type(k, n, p, FIELD_INT);
    }
    if (!is_canonical_integer(n->text)) {
        struct diag *d = k8s_error(k, NPC062, n->at, p,
                                   "Invalid value: " STR_FMT ": must be written in plain decimal",
                                   STR_ARG(n->text));
        k8s_hint(k, d,
                 "readers disagree on numbers with leading zeros, prefixes, signs, "
                 "underscores and colons");
        return false;
    }
    uint32_t value;
    if (!str_to_u32(n->text, most, &value) || value < least) {
        k8s_error(k, NPC062, n->at, p,
                  "Invalid value: " STR_FMT ": must be between %" PRIu32 " and %" PRIu32
                  ", inclusive",
                  STR_ARG(k8s_value(k, n)), least, most);
        return false;
    }
    *out = value;
    return true;
}

/* ---- schemas ---- */

static const struct field *find_field(const struct schema *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->fields[i].name, name)) {
            return &s->fields[i];
        }
    }
    return NULL;
}

static const struct field *find_field_nocase(const struct schema *s, struct str name)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        if (str_eq_nocase(s->fields[i].name, name)) {
            return &s->fields[i];
        }
    }
    return NULL;
}

static struct str nearest_field(struct k8s *k, const struct schema *s, struct str name)
{
    struct str *names = ARENA_NEW_ARRAY(k->scratch, s->n, struct str);
    for (size_t i = 0; i < s->n; i++) {
        names[i] = s->fields[i].name;
    }
    return str_nearest(name, names, s->n);
}

/* The field of one level down or up that the writer may have meant. */
static struct str misplaced_hint(struct k8s *k, const struct schema *s, const struct path *p,
                                 struct str name)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct field *f = find_field_nocase(s->fields[i].below, name);
        if (f != NULL) {
            bool is_list = s->fields[i].type == FIELD_SEQ;
            return str_printf(k->scratch, STR_FMT " belongs under " STR_FMT ": %s" STR_FMT ": …%s",
                              STR_ARG(f->name), STR_ARG(s->fields[i].name), is_list ? "[{" : "{",
                              STR_ARG(f->name), is_list ? "}]" : "}");
        }
    }
    const struct field *f = find_field_nocase(s->up, name);
    return f == NULL ? STR("")
                     : str_printf(k->scratch, STR_FMT " belongs one level up, not under " STR_FMT,
                                  STR_ARG(f->name), STR_ARG(path_text(k->scratch, p)));
}

static bool unknown_field(struct k8s *k, const struct node *n, const struct path *p,
                          const struct schema *s)
{
    enum severity sev = k->options->lenient ? SEV_WARNING : SEV_ERROR;
    const struct path *here = PATH_NAME(p, n->key->text);
    struct str better = s->explain != NULL ? s->explain(k, n->key->text, p) : STR("");
    if (better.n > 0) {
        k8s_report(k, sev, DIAG_NPC317, n->key->at, here, "unknown field: " STR_FMT,
                   STR_ARG(better));
        return k->options->lenient;
    }
    struct str near = nearest_field(k, s, n->key->text);
    if (near.n > 0) {
        k8s_report(k, sev, DIAG_NPC507, n->key->at, here,
                   "unknown field (did you mean " STR_FMT "?)", STR_ARG(near));
        return k->options->lenient;
    }
    struct diag *d = k8s_report(k, sev, DIAG_NPC507, n->key->at, here, "unknown field");
    struct str hint = misplaced_hint(k, s, p, n->key->text);
    if (hint.n > 0) {
        k8s_hint(k, d, STR_FMT, STR_ARG(hint));
    }
    return k->options->lenient;
}

bool k8s_fields(struct k8s *k, const struct node *n, const struct path *p,
                const struct schema *schema, void *nodes)
{
    if (!k8s_is_type(k, n, p, FIELD_MAP)) {
        return false;
    }
    bool ok = true;
    for (const struct node *value = n->first; value != NULL; value = value->next) {
        const struct field *f = find_field(schema, value->key->text);
        if (f == NULL) {
            ok &= schema->open || unknown_field(k, value, p, schema);
        } else if (node_is_present(value) &&
                   k8s_is_type(k, value, PATH_NAME(p, f->name), f->type)) {
            *(const struct node **)((char *)nodes + f->slot) = value;
        } else if (node_is_present(value)) {
            ok = false;
        }
    }
    for (size_t i = 0; i < schema->n; i++) {
        const struct field *f = &schema->fields[i];
        const struct node *value = node_find(n, f->name);
        if (f->required && !node_is_present(value)) {
            k8s_required(k, n->at, PATH_NAME(p, f->name));
            ok = false;
        }
    }
    return ok;
}

static struct str field_names(struct k8s *k, const struct schema *schema)
{
    struct buf *names = buf_new(k->scratch);
    for (size_t i = 0; i < schema->n; i++) {
        buf_puts(names, i > 0 ? ", " : "");
        buf_str(names, schema->fields[i].name);
    }
    return buf_text(names);
}

bool k8s_one_of(struct k8s *k, const struct node *n, const struct path *p,
                const struct schema *schema, const void *nodes)
{
    size_t found = 0;
    for (size_t i = 0; i < schema->n; i++) {
        const char *slot = (const char *)nodes + schema->fields[i].slot;
        found += *(const struct node *const *)slot != NULL;
    }
    if (found == 0) {
        k8s_error(k, NPC061, n->at, p, "Invalid value: {}: must have exactly one of: " STR_FMT,
                  STR_ARG(field_names(k, schema)));
    } else if (found > 1) {
        k8s_error(k, NPC064, n->at, p, "Too many: %zu: must have exactly one of: " STR_FMT, found,
                  STR_ARG(field_names(k, schema)));
    }
    return found == 1;
}

struct str k8s_keep(struct k8s *k, struct str s)
{
    return strtab_intern(&k->ctx->strings, s);
}
