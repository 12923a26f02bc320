/*
 * Prints a syntax tree in the one canonical layout (npc-language(5)), with its comments.
 *
 * A comment belongs to the statement or the element of a set that comes next or, on the same line,
 * to the one before. One inside a statement, where the layout has no line for it, goes before the
 * statement; inside an element, before the element. All decisions depend only on the tree and on
 * what formatting leaves alone (comments and single blank lines), so that formatting twice changes
 * nothing.
 *
 * What a comment belongs to by that is also what it silences findings of (remark.h): then
 * formatting changes no finding, either.
 */
#include "frontend/dsl_layout.h"
#include "frontend/dsl_parse.h"

#define NO_ELEMENT SIZE_MAX

struct format {
    struct arena *a;
    struct buf *out;
    struct layout line; /* the statement being put together */
    size_t element;     /* piece where the element being put together begins, or NO_ELEMENT */
    VEC(const struct ast_comment *) comments;
    size_t next;                          /* of them, the first that is not printed */
    VEC(struct comment_about) abouts;     /* of those before it */
    struct comment_about about;           /* of a comment that would be next */
    VEC(const struct ast_comment *) lead; /* to go before the statement */
    size_t indent;
    uint32_t last_line; /* in the source, of what was printed last */
    bool at_start;      /* of a block: no blank line here */
    size_t run;         /* lets left in the run of aligned ones */
    size_t pad;         /* width of their names */
};

/* ---- comments ---- */

static void put_lead(struct format *f, const struct ast_comment *c)
{
    if (f->element == NO_ELEMENT) {
        vec_push(f->a, &f->lead, c);
    } else {
        layout_comment(&f->line, f->element++, PIECE_LEAD, c->text);
    }
}

/* The next comment, if it stands before a token; moves on. */
static const struct ast_comment *next_before(struct format *f, uint32_t token)
{
    if (f->next == f->comments.n || f->comments.v[f->next]->after >= token) {
        return NULL;
    }
    const struct ast_comment *c = f->comments.v[f->next++];
    if (f->about.first == NULL) {
        f->about.first = c;
    }
    vec_push(f->a, &f->abouts, f->about);
    return c;
}

/* Takes the comments before a token. */
static void comments_before(struct format *f, uint32_t token)
{
    for (const struct ast_comment *c; (c = next_before(f, token)) != NULL;) {
        put_lead(f, c);
    }
}

/* Takes the comment on the line of a token, if the next one is that. */
static const struct ast_comment *comment_behind(struct format *f, uint32_t token)
{
    if (f->next == f->comments.n || !f->comments.v[f->next]->trailing ||
        f->comments.v[f->next]->after != token) {
        return NULL;
    }
    const struct comment_about nothing = {0};
    vec_push(f->a, &f->abouts, nothing);
    return f->comments.v[f->next++];
}

/* Whether a comment stands behind token `from` or later, and before token `before`. */
static bool has_comments(const struct format *f, uint32_t from, uint32_t before)
{
    size_t low = f->next, high = f->comments.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->comments.v[middle]->after < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < f->comments.n && f->comments.v[low]->after < before;
}

/* ---- phrases ---- */

static void put_text(struct format *f, struct str text)
{
    layout_text(&f->line, text);
}

static void puts_text(struct format *f, const char *text)
{
    layout_puts(&f->line, text);
}

/* A word, or a string as the scanner reads it back. */
static void put_string(struct format *f, const struct ast_word *w)
{
    struct buf *scratch = f->line.scratch;
    buf_cut(scratch, 0);
    string_print(scratch, w->text);
    struct str printed = buf_text(scratch);
    put_text(f, (struct str){arena_copy(f->a, printed.p, printed.n), printed.n});
}

static void put_word(struct format *f, const struct ast_word *w)
{
    if (word_is_bare(w->text)) {
        put_text(f, w->text);
    } else {
        put_string(f, w);
    }
}

/* Behind an element: its comment, which may stand behind the comma. */
static void put_trail(struct format *f, uint32_t last, bool comma)
{
    const struct ast_comment *c = comment_behind(f, last);
    if (c == NULL && comma) {
        c = comment_behind(f, last + 1);
    }
    if (c != NULL) {
        layout_comment(&f->line, f->line.v.n, PIECE_TRAIL, c->text);
    }
}

typedef void (*put_element_fn)(struct format *f, const struct ast_elem *e);

static void put_elements(struct format *f, const struct ast_set *set, put_element_fn put)
{
    for (const struct ast_elem *e = set->first; e != NULL; e = e->next) {
        f->element = f->line.v.n;
        f->about = (struct comment_about){.loc = &e->loc};
        comments_before(f, e->loc.first);
        put(f, e);
        comments_before(f, e->loc.last); /* inside the element */
        bool comma = e->next != NULL || e->loc.last + 1 < set->loc.last;
        put_trail(f, e->loc.last, comma);
        if (e->next != NULL) {
            layout_mark(&f->line, PIECE_NEXT);
        }
    }
}

static void put_set(struct format *f, const struct ast_set *set, put_element_fn put)
{
    if (!set->braced) {
        put(f, set->first);
        return;
    }
    comments_before(f, set->loc.first);
    layout_mark(&f->line, PIECE_OPEN);
    put_trail(f, set->loc.first, false);
    size_t outer = f->element;
    struct comment_about about = f->about;
    put_elements(f, set, put);
    if (has_comments(f, 0, set->loc.last)) { /* behind the last element */
        layout_mark(&f->line, PIECE_NEXT);
        f->element = f->line.v.n;
        f->about = (struct comment_about){0};
        comments_before(f, set->loc.last);
    }
    f->element = outer;
    f->about = about;
    layout_mark(&f->line, PIECE_CLOSE);
}

static void put_plain(struct format *f, const struct ast_elem *e)
{
    put_text(f, e->word.text); /* an address, direction or group is a word as it is */
}

static void put_name(struct format *f, const struct ast_elem *e)
{
    put_word(f, &e->word);
}

static void put_requirement(struct format *f, const struct ast_req *req)
{
    put_word(f, &req->key);
    switch (req->op) {
    case SEL_EQ:
        puts_text(f, "=");
        put_name(f, req->values->first);
        break;
    case SEL_IN:
        puts_text(f, " in ");
        put_set(f, req->values, put_name);
        break;
    case SEL_NOTIN:
        puts_text(f, " notin ");
        put_set(f, req->values, put_name);
        break;
    case SEL_EXISTS:
        puts_text(f, " exists");
        break;
    case SEL_ABSENT:
        puts_text(f, " !exists");
        break;
    }
}

static void put_selector(struct format *f, const struct ast_selector *s)
{
    for (const struct ast_req *req = s->first; req != NULL; req = req->next) {
        put_requirement(f, req);
        puts_text(f, req->next != NULL ? " & " : "");
    }
}

static void put_scope(struct format *f, const struct ast_scope *scope)
{
    switch (scope->kind) {
    case SCOPE_THIS:
        puts_text(f, "this namespace");
        break;
    case SCOPE_NAMES:
        puts_text(f, "namespace ");
        put_set(f, scope->names, put_name);
        break;
    case SCOPE_LABELS:
        puts_text(f, "namespaces ");
        put_selector(f, scope->labels);
        break;
    case SCOPE_ALL:
        puts_text(f, "all namespaces");
        break;
    }
}

static void put_in(struct format *f, const struct ast_scope *scope)
{
    if (scope != NULL) {
        puts_text(f, " in ");
        put_scope(f, scope);
    }
}

static void put_element(struct format *f, const struct ast_elem *e)
{
    switch (e->kind) {
    case ELEM_WORD:
    case ELEM_PORT:
        put_plain(f, e);
        break;
    case ELEM_QUOTED_PORT:
        put_string(f, &e->word);
        break;
    case ELEM_PODS:
        puts_text(f, "pods ");
        put_selector(f, e->labels);
        put_in(f, e->scope);
        break;
    case ELEM_ALL_PODS:
        puts_text(f, "all pods");
        put_in(f, e->scope);
        break;
    case ELEM_NAMESPACES:
        put_scope(f, e->scope);
        break;
    case ELEM_NODES:
        puts_text(f, "nodes ");
        put_selector(f, e->labels);
        break;
    case ELEM_ALL_NODES:
        puts_text(f, "all nodes");
        break;
    case ELEM_CIDR:
        puts_text(f, "cidr ");
        put_plain(f, e);
        if (e->except != NULL) {
            puts_text(f, " except ");
            put_set(f, e->except, put_plain);
        }
        break;
    case ELEM_DOMAIN:
        puts_text(f, "domain ");
        put_string(f, &e->word);
        break;
    case ELEM_ANYWHERE:
        puts_text(f, "anywhere");
        break;
    case ELEM_ALL_PORTS:
        puts_text(f, "all ports");
        break;
    case ELEM_WORKLOAD:
        puts_text(f, "workload ");
        put_word(f, &e->word);
        break;
    }
}

static void put_on(struct format *f, const struct ast_item *item)
{
    if (item->on != NULL) {
        puts_text(f, " on ");
        put_set(f, item->on, put_element);
    }
}

static void put_as(struct format *f, const struct ast_item *item)
{
    if (item->value.loc.first > 0) {
        puts_text(f, " as ");
        put_string(f, &item->value);
    }
}

static void put_arrow(struct format *f, const struct ast_item *item)
{
    put_set(f, item->left, put_element);
    puts_text(f, " -> ");
    put_set(f, item->right, put_element);
    put_on(f, item);
}

/* ---- statements ---- */

static void put_raw(struct format *f, const struct ast_item *item)
{
    puts_text(f, "raw ");
    put_text(f, item->name.text);
    puts_text(f, " \"\"\"");
    put_text(f, item->value.text);
    puts_text(f, "\"\"\"");
}

static void put_pair(struct format *f, const char *keyword, const struct ast_item *item,
                     const char *sign)
{
    puts_text(f, keyword);
    put_word(f, &item->name);
    puts_text(f, sign);
    put_word(f, &item->value);
}

static void put_let(struct format *f, const struct ast_item *item)
{
    puts_text(f, "let ");
    put_text(f, item->name.text);
    for (size_t n = item->name.text.n; n < f->pad; n++) {
        puts_text(f, " ");
    }
    puts_text(f, " = ");
    put_set(f, item->left, put_element);
    put_on(f, item);
}

static void put_rule(struct format *f, const struct ast_item *item)
{
    puts_text(f, action_name(item->action));
    puts_text(f, item->direction == DIR_INGRESS ? " from " : " to ");
    put_set(f, item->left, put_element);
    put_on(f, item);
    put_as(f, item);
}

static void put_target(struct format *f, const struct ast_item *item)
{
    puts_text(f, " for ");
    put_element(f, item->target);
}

static void put_sides(struct format *f, const struct ast_item *item)
{
    switch (item->sides) {
    case SIDES_BOTH:
        break;
    case SIDES_INGRESS:
        puts_text(f, " ingress");
        break;
    case SIDES_EGRESS:
        puts_text(f, " egress");
        break;
    }
}

static void put_named(struct format *f, const char *keyword, const struct ast_item *item)
{
    puts_text(f, keyword);
    put_word(f, &item->name);
}

static void put_cluster(struct format *f, const struct ast_item *item)
{
    put_named(f, "cluster policy ", item);
    puts_text(f, " in tier ");
    put_word(f, &item->tier);
    puts_text(f, " priority ");
    put_text(f, item->value.text);
    put_target(f, item);
}

static bool holds_properties(enum ast_kind parent)
{
    return parent == ITEM_WORKLOAD || parent == ITEM_NODE;
}

/* The statement, or what stands before the { of a block. */
static void put_statement(struct format *f, const struct ast_item *item, enum ast_kind parent)
{
    switch (item->kind) {
    case ITEM_VERSION:
        puts_text(f, "npc ");
        put_text(f, item->value.text);
        break;
    case ITEM_INCLUDE:
        puts_text(f, "include ");
        put_string(f, &item->value);
        break;
    case ITEM_IMPORT:
        puts_text(f, "import ");
        put_string(f, &item->value);
        break;
    case ITEM_TIER:
        put_named(f, "tier ", item);
        puts_text(f, " order ");
        put_text(f, item->value.text);
        break;
    case ITEM_NODE:
        put_named(f, "node ", item);
        break;
    case ITEM_NAMESPACE:
        puts_text(f, "namespace ");
        put_set(f, item->left, put_name);
        break;
    case ITEM_CLUSTER:
        put_cluster(f, item);
        break;
    case ITEM_LET:
        put_let(f, item);
        break;
    case ITEM_RULES:
        put_named(f, "rules ", item);
        break;
    case ITEM_POLICY:
        put_named(f, "policy ", item);
        put_target(f, item);
        break;
    case ITEM_FLOWS:
        put_named(f, "flows ", item);
        put_sides(f, item);
        break;
    case ITEM_WORKLOAD:
        put_named(f, "workload ", item);
        break;
    case ITEM_TEST:
        puts_text(f, "test ");
        put_string(f, &item->name);
        break;
    case ITEM_RAW:
        put_raw(f, item);
        break;
    case ITEM_DESC:
        puts_text(f, "desc ");
        put_string(f, &item->value);
        break;
    case ITEM_LABEL:
        put_pair(f, "label ", item, holds_properties(parent) ? "=" : " = ");
        break;
    case ITEM_ANNOTATION:
        put_pair(f, "annotation ", item, " = ");
        break;
    case ITEM_DEFAULT_DENY:
        puts_text(f, "default deny ");
        put_set(f, item->left, put_plain);
        break;
    case ITEM_DEFAULT_ALLOW:
        puts_text(f, "default allow ");
        put_set(f, item->left, put_plain);
        break;
    case ITEM_RULE:
        put_rule(f, item);
        break;
    case ITEM_USE:
        puts_text(f, "use ");
        put_text(f, item->name.text);
        break;
    case ITEM_FLOW:
        put_arrow(f, item);
        put_as(f, item);
        break;
    case ITEM_EXPECT:
        puts_text(f, item->action == ACT_ALLOW ? "expect allow " : "expect deny ");
        put_arrow(f, item);
        break;
    case ITEM_ADDR:
        puts_text(f, "addr ");
        put_set(f, item->left, put_plain);
        break;
    case ITEM_PORT:
        puts_text(f, "port ");
        put_word(f, &item->name);
        puts_text(f, " = ");
        put_text(f, item->value.text);
        break;
    }
}

/* ---- runs of lets ----
 *
 * Lets that follow each other line by line, and take one line each, have their = in one column, if
 * all of them fit so.
 */

static bool set_has_comments(const struct format *f, const struct ast_set *set)
{
    return set != NULL && set->braced && has_comments(f, set->loc.first, set->loc.last);
}

/* Columns of a let on one line without padding; more than LAYOUT_COLUMNS if it takes several. */
static size_t let_width(struct format *f, const struct ast_item *let)
{
    if (set_has_comments(f, let->left) || set_has_comments(f, let->on)) {
        return LAYOUT_COLUMNS + 1;
    }
    size_t next = f->next;
    f->next = f->comments.n; /* none, for now */
    f->pad = 0;
    put_let(f, let);
    f->next = next;
    size_t width = layout_width(&f->line) + f->indent;
    layout_clear(&f->line);
    return width;
}

static bool follows(const struct format *f, const struct ast_item *next,
                    const struct ast_item *before)
{
    return next != NULL && next->kind == ITEM_LET &&
           next->loc.at.line <= before->loc.end_line + 1 &&
           !has_comments(f, next->loc.first, next->loc.last);
}

/* Finds the run that a let begins and the width of its names. */
static void measure_run(struct format *f, const struct ast_item *let)
{
    size_t run = 0, pad = 0, rest = 0;
    for (const struct ast_item *before = NULL; before == NULL || follows(f, let, before);
         before = let, let = let->next, run++) {
        size_t width = let_width(f, let), name = let->name.text.n;
        if (width > LAYOUT_COLUMNS) {
            break;
        }
        pad = name > pad ? name : pad;
        rest = width - name > rest ? width - name : rest;
    }
    f->run = run > 0 ? run : 1;
    f->pad = rest + pad <= LAYOUT_COLUMNS ? pad : 0;
}

/* ---- lines and blocks ---- */

static void blank_line_before(struct format *f, uint32_t line, bool wanted)
{
    if (!f->at_start && (wanted || line > f->last_line + 1)) {
        buf_putc(f->out, '\n');
    }
    f->at_start = false;
}

static void print_comment(struct format *f, const struct ast_comment *c)
{
    buf_spaces(f->out, f->indent);
    buf_str(f->out, c->text);
    buf_putc(f->out, '\n');
}

/* Comments on lines of their own that stand before a token. */
static void print_comments_before(struct format *f, uint32_t token, bool *blank)
{
    for (const struct ast_comment *c; (c = next_before(f, token)) != NULL;) {
        blank_line_before(f, c->line, *blank);
        *blank = false;
        print_comment(f, c);
        f->last_line = c->line;
    }
}

static void print_trail(struct format *f, uint32_t token)
{
    const struct ast_comment *c = comment_behind(f, token);
    if (c != NULL) {
        buf_puts(f->out, "  ");
        buf_str(f->out, c->text);
    }
    buf_putc(f->out, '\n');
}

/* The statement that was put together, with the comments that were found inside it. */
static void print_line(struct format *f)
{
    for (size_t i = 0; i < f->lead.n; i++) {
        print_comment(f, f->lead.v[i]);
    }
    f->lead.n = 0;
    layout_print(&f->line, f->indent, f->out);
    layout_clear(&f->line);
}

/* A block whose statements go on the line of its name, if that is how it is written. */
static bool put_one_line_block(struct format *f, const struct ast_item *item)
{
    const struct ast_body *body = &item->body;
    if (has_comments(f, body->loc.first, body->loc.last)) {
        return false;
    }
    if (body->list.n == 0) {
        puts_text(f, " {}");
        return true;
    }
    if (!holds_properties(item->kind)) {
        return false;
    }
    size_t header = f->line.v.n;
    puts_text(f, " { ");
    for (const struct ast_item *i = body->list.first; i != NULL; i = i->next) {
        put_statement(f, i, item->kind);
        puts_text(f, " ");
    }
    puts_text(f, "}");
    if (layout_width(&f->line) + f->indent > LAYOUT_COLUMNS) {
        f->line.v.n = header;
        return false;
    }
    return true;
}

/* Puts the header together; whether the block goes on below it. */
static bool begin_item(struct format *f, const struct ast_item *item, enum ast_kind parent)
{
    bool is_block = item->body.loc.first > 0;
    if (item->kind == ITEM_LET) {
        if (f->run == 0) {
            measure_run(f, item);
        }
        f->run--;
    }
    put_statement(f, item, parent);
    comments_before(f, is_block ? item->body.loc.first : item->loc.last);
    if (!is_block || put_one_line_block(f, item)) {
        return false;
    }
    puts_text(f, " {");
    return true;
}

static bool is_policy(const struct ast_item *item)
{
    return item != NULL && (item->kind == ITEM_POLICY || item->kind == ITEM_CLUSTER);
}

/* The comments of a block behind its last statement. */
static void end_list(struct format *f, uint32_t token)
{
    bool blank = false;
    f->about = (struct comment_about){0};
    print_comments_before(f, token, &blank);
}

/* Everything of a statement but what is in its block; whether there is a block. */
static bool print_item(struct format *f, const struct ast_item *item, const struct ast_item *before,
                       enum ast_kind parent)
{
    bool blank = is_policy(item) && is_policy(before);
    f->about = (struct comment_about){.loc = &item->loc};
    print_comments_before(f, item->loc.first, &blank);
    blank_line_before(f, item->loc.at.line, blank);
    bool goes_on = begin_item(f, item, parent);
    print_line(f);
    print_trail(f, goes_on ? item->body.loc.first : item->loc.last);
    f->last_line = goes_on ? item->body.loc.at.line : item->loc.end_line;
    return goes_on;
}

/* Blocks nest two deep, by the grammar: this is no recursion over input. */
static void print_block(struct format *f, const struct ast_item *block)
{
    f->indent += LAYOUT_INDENT;
    f->at_start = true;
    const struct ast_item *before = NULL;
    for (const struct ast_item *i = block->body.list.first; i != NULL; before = i, i = i->next) {
        if (print_item(f, i, before, block->kind)) {
            print_block(f, i);
        }
    }
    end_list(f, block->body.loc.last);
    f->indent -= LAYOUT_INDENT;
    f->at_start = false;
    buf_spaces(f->out, f->indent);
    buf_putc(f->out, '}');
    print_trail(f, block->body.loc.last);
    f->last_line = block->body.loc.end_line;
}

static struct format format(const struct ast_file *file, struct buf *out)
{
    struct format f = {.a = out->arena, .out = out, .element = NO_ELEMENT, .at_start = true};
    layout_init(&f.line, out->arena);
    for (const struct ast_comment *c = file->comments; c != NULL; c = c->next) {
        vec_push(f.a, &f.comments, c);
    }
    const struct ast_item *before = NULL;
    for (const struct ast_item *i = file->items.first; i != NULL; before = i, i = i->next) {
        if (print_item(&f, i, before, ITEM_NAMESPACE)) {
            print_block(&f, i);
        }
    }
    end_list(&f, UINT32_MAX);
    return f;
}

void dsl_format(const struct ast_file *file, struct buf *out)
{
    format(file, out);
}

const struct comment_about *comments_about(const struct ast_file *file, struct arena *a)
{
    return format(file, buf_new(a)).abouts.v;
}
