/* Reads what nft.c has written, line by line. Knows no statement of nft but the frame of the text.
 */
#include "backends/nft_text.h"

#include <string.h>

struct reader {
    struct ctx *ctx;
    struct nft_text *out;
    struct nft_table *table;   /* that is open */
    struct nft_object *object; /* that is open, in a table or as `add element` */
    bool elements;             /* … and its elements are */
};

static bool cut_prefix(struct str *s, const char *prefix)
{
    if (!str_starts(*s, prefix)) {
        return false;
    }
    *s = (struct str){s->p + strlen(prefix), s->n - strlen(prefix)};
    return true;
}

static bool cut_suffix(struct str *s, const char *suffix)
{
    if (!str_ends(*s, suffix)) {
        return false;
    }
    s->n -= strlen(suffix);
    return true;
}

/* What stands in names and elements, and in no other part of a command. */
static bool is_plain(struct str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ch_is_alnum((unsigned char)s.p[i]) && (s.p[i] == '\0' || !strchr(more, s.p[i]))) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_name(struct str s)
{
    return is_plain(s, "_.-") && ch_is_alpha((unsigned char)s.p[0]);
}

/* Whether single blanks stand between words. */
static bool is_spaced(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ' && (i == 0 || i + 1 == s.n || s.p[i - 1] == ' ')) {
            return false;
        }
    }
    return true;
}

static struct nft_table *table_of(struct reader *r, struct str *s)
{
    if (cut_prefix(s, "ip npc ")) {
        return &r->out->tables[FAM_IP4];
    }
    return cut_prefix(s, "ip6 npc ") ? &r->out->tables[FAM_IP6] : NULL;
}

/* ---- lines ---- */

static bool begin_object(struct reader *r, struct str line)
{
    bool chain = cut_prefix(&line, "\tchain ");
    if ((!chain && !cut_prefix(&line, "\tset ") && !cut_prefix(&line, "\tmap ")) ||
        !cut_suffix(&line, " {") || !is_name(line)) {
        return false;
    }
    struct nft_object *o = ARENA_NEW(&r->ctx->arena, struct nft_object);
    o->name = line;
    o->chain = chain;
    r->object = o;
    vec_push(&r->ctx->arena, &r->table->objects, o);
    return strmap_put(chain ? &r->table->chains : &r->table->sets, line, o) == NULL;
}

static bool read_head(struct reader *r, struct str line)
{
    struct nft_object *o = r->object;
    if (str_is(line, "\t}")) {
        r->object = NULL;
        return true;
    }
    if (!o->chain && str_is(line, "\t\telements = {")) {
        r->elements = true;
        return true;
    }
    if (!str_starts(line, "\t\t") || line.n < 3) {
        return false;
    }
    bool head = !o->chain || str_starts(line, "\t\ttype filter hook ");
    vec_push(&r->ctx->arena, head ? &o->head : &o->lines, line);
    return true;
}

static bool read_elements(struct reader *r, struct str line)
{
    if (str_is(line, r->table != NULL ? "\t\t}" : "}")) {
        r->elements = false;
        r->object = r->table != NULL ? r->object : NULL;
        return true;
    }
    if (!cut_prefix(&line, "\t\t\t") || !is_plain(line, ":._/ ,-") || !is_spaced(line)) {
        return false;
    }
    vec_push(&r->ctx->arena, &r->object->lines, line);
    return true;
}

static bool read_in_table(struct reader *r, struct str line)
{
    if (str_is(line, "}")) {
        r->table = NULL;
        return true;
    }
    return line.n == 0 || str_starts(line, "\t# ") || begin_object(r, line);
}

/* `add element ip npc NAME {`: more elements of a set that is there. */
static bool begin_elements(struct reader *r, struct str line)
{
    struct nft_table *t = table_of(r, &line);
    if (t == NULL || !cut_suffix(&line, " {")) {
        return false;
    }
    r->object = strmap_get(&t->sets, line);
    r->elements = true;
    return r->object != NULL;
}

static bool read_mark(struct reader *r, struct str line)
{
    struct nft_table *t = table_of(r, &line);
    if (t == NULL || t->mark.n > 0 || !is_name(line)) {
        return false;
    }
    t->mark = line;
    return true;
}

static bool read_at_top(struct reader *r, struct str line)
{
    if (cut_prefix(&line, "table ")) {
        bool empty = cut_suffix(&line, "}");
        struct nft_table *t = table_of(r, &line);
        r->table = empty ? NULL : t;
        return t != NULL && str_is(line, "{");
    }
    if (cut_prefix(&line, "add element ")) {
        return begin_elements(r, line);
    }
    if (cut_prefix(&line, "add chain ")) {
        return read_mark(r, line);
    }
    return line.n == 0 || line.p[0] == '#' || str_starts(line, "add table ") ||
           str_starts(line, "delete table ");
}

static bool read_line(struct reader *r, struct str line)
{
    if (r->elements) {
        return read_elements(r, line);
    }
    if (r->object != NULL) {
        return read_head(r, line);
    }
    return r->table != NULL ? read_in_table(r, line) : read_at_top(r, line);
}

/* ---- the text ---- */

static bool refuse(struct reader *r, struct str name, size_t line)
{
    struct diags *d = &r->ctx->diags;
    struct diag *rec = diag_error(d, NPC004, (struct span){0},
                                  "'" STR_FMT "', line %zu, is not as npc compile -t nft writes it",
                                  STR_ARG(name), line);
    diag_hint(d, rec, "give --from the file that is loaded now, or compile without --from");
    return false;
}

bool nft_text_read(struct ctx *c, struct str name, struct str text, struct nft_text *out)
{
    *out = (struct nft_text){0};
    for (size_t f = 0; f < FAMILIES; f++) {
        strmap_init(&out->tables[f].sets, &c->arena);
        strmap_init(&out->tables[f].chains, &c->arena);
    }
    struct reader r = {.ctx = c, .out = out};
    size_t number = 1;
    for (size_t at = 0; at < text.n; number++) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        struct str line = {text.p + at, end != NULL ? (size_t)(end - text.p) - at : text.n - at};
        at += line.n + 1;
        if (r.table == NULL && r.object == NULL && str_is(line, "# raw text begins")) {
            out->raw = true;
            break;
        }
        if (!read_line(&r, line)) {
            return refuse(&r, name, number);
        }
    }
    bool whole = r.table == NULL && r.object == NULL;
    for (size_t f = 0; f < FAMILIES; f++) {
        whole = whole && out->tables[f].mark.n > 0;
    }
    return whole || refuse(&r, name, number);
}

/* ---- sets ---- */

bool nft_object_is_interval(const struct nft_object *o)
{
    for (size_t i = 0; i < o->head.n; i++) {
        if (str_is(o->head.v[i], "\t\tflags interval")) {
            return true;
        }
    }
    return false;
}

bool nft_object_is_concat(const struct nft_object *o)
{
    return o->head.n > 0 && memmem(o->head.v[0].p, o->head.v[0].n, " . ", 3) != NULL;
}

static int compare_strings(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

struct str_vec nft_object_elements(struct arena *a, const struct nft_object *o)
{
    struct str_vec all = {0};
    for (size_t i = 0; i < o->lines.n; i++) {
        struct str rest = o->lines.v[i];
        while (rest.n > 0) {
            const char *comma = memchr(rest.p, ',', rest.n);
            size_t n = comma != NULL ? (size_t)(comma - rest.p) : rest.n;
            if (n > 0) {
                vec_push(a, &all, (struct str){rest.p, n});
            }
            size_t skip = n;
            while (skip < rest.n && (rest.p[skip] == ',' || rest.p[skip] == ' ')) {
                skip++;
            }
            rest = (struct str){rest.p + skip, rest.n - skip};
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_strings);
    return all;
}

struct str nft_element_key(struct str element)
{
    const char *colon = memmem(element.p, element.n, " : ", 3);
    return colon == NULL ? element : (struct str){element.p, (size_t)(colon - element.p)};
}
