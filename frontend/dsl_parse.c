/*
 * Drives scanner and parser over one file: counts places and tokens, keeps comments, and decides
 * after a syntax error where to go on. Knows the shape of the language, not its meaning.
 */
#include "dsl.tab.h" /* first: the scanner's header wants its types */

#include "base/utf8.h"
#include "dsl.lex.h"
#include "frontend/remark.h"

/* ---- places and words ---- */

struct ast_loc parser_advance(struct parser *p, size_t n)
{
    struct ast_loc loc = {
        .at = {p->file->file, p->line, p->col, 0}, .first = p->tokens + 1, .last = p->tokens + 1};
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)p->text.p[p->offset + i];
        if (byte == '\n') {
            p->line++;
            p->col = 1;
        } else if ((byte & 0xc0) != 0x80) { /* the first byte of a code point */
            p->col++;
            loc.at.len += p->line == loc.at.line;
        }
    }
    p->offset += n;
    p->matched = n;
    loc.end_line = p->line;
    loc.end_col = p->col;
    return loc;
}

struct str parser_text(const struct parser *p, size_t n)
{
    return n == 0 ? STR("") : (struct str){p->text.p + (p->offset - n), n};
}

static void check_length(struct parser *p, const struct ast_loc *loc, size_t n, size_t most,
                         const char *what)
{
    if (n > most) {
        p->ok = false;
        diag_error(&p->c->diags, NPC003, loc->at,
                   "%s of %zu bytes is longer than the limit of %zu bytes", what, n, most);
    }
}

struct ast_word parser_word(struct parser *p, const struct ast_loc *loc, size_t n)
{
    check_length(p, loc, n, p->c->limits.word, "a word");
    return (struct ast_word){.text = parser_text(p, n), .loc = *loc};
}

void parser_comment(struct parser *p, const struct ast_loc *loc, size_t n)
{
    struct str text = parser_text(p, n);
    while (text.n > 1 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t' ||
                          text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    struct ast_comment *comment = ARENA_NEW(&p->c->arena, struct ast_comment);
    *comment =
        (struct ast_comment){.text = text,
                             .line = loc->at.line,
                             .col = loc->at.col,
                             .after = p->tokens,
                             .trailing = p->tokens > 0 && p->now.loc.end_line == loc->at.line};
    struct ast_file *f = p->file;
    if (f->last_comment == NULL) {
        f->comments = comment;
    } else {
        f->last_comment->next = comment;
    }
    f->last_comment = comment;
}

_Noreturn void parser_fatal(struct parser *p)
{
    arena_fail(&p->c->arena); /* flex has no other reason */
}

/* ---- going on after an error ----
 *
 * The parser drops what it has of the statement and goes on where the next one begins: at a '}'
 * that closes the block, or at a line that begins with the keyword of a statement, or with a word
 * that is not indented more than the line with the error (a misspelt keyword, most likely). Braces
 * opened on the way are skipped whole. Newlines mean nothing in the language, but people start
 * lines with statements.
 */

static bool begins_statement(int kind)
{
    switch (kind) {
    case T_NPC:
    case T_INCLUDE:
    case T_IMPORT:
    case T_TIER:
    case T_NODE:
    case T_NAMESPACE:
    case T_CLUSTER:
    case T_LET:
    case T_RULES:
    case T_POLICY:
    case T_FLOWS:
    case T_WORKLOAD:
    case T_TEST:
    case T_RAW:
    case T_DESC:
    case T_LABEL:
    case T_ANNOTATION:
    case T_DEFAULT:
    case T_ALLOW:
    case T_DENY:
    case T_PASS:
    case T_USE:
    case T_EXPECT:
    case T_ADDR:
    case T_PORTKW:
        return true;
    default:
        return false;
    }
}

static bool begins_line(const struct parser *p)
{
    return p->now.loc.at.line > p->before.loc.end_line;
}

/* Whether the token just read is a likely place to go on. */
static bool resumes(const struct parser *p)
{
    switch (p->now.kind) {
    case T_YYEOF:
        return true;
    case T_RBRACE:
        return p->nopen < p->floor; /* the one that closes the block */
    case T_WORD:
        return p->nopen == p->floor && begins_line(p) && p->margin <= p->indent;
    default:
        return (p->nopen == p->floor || p->in_set) && begins_line(p) &&
               begins_statement(p->now.kind);
    }
}

/* Which braces are open, for the message at the end of the file. */
static void watch_braces(struct parser *p)
{
    if (p->now.kind == T_LBRACE) {
        if (p->nopen < OPEN_BRACES) {
            p->open[p->nopen] = p->now;
        }
        p->nopen++;
    } else if (p->now.kind == T_RBRACE && p->nopen > 0) {
        p->nopen--;
    }
}

int dsl_yylex(DSL_YYSTYPE *value, DSL_YYLTYPE *loc, struct parser *p)
{
    bool at_end = p->tokens > 0 && p->now.kind == T_YYEOF;
    do {
        int kind = at_end ? T_YYEOF : dsl_scan(value, loc, p->scanner);
        if (kind == T_YYEOF) { /* nothing was matched, so no place was set */
            *loc = parser_advance(p, 0);
            loc->at.len = 1;
        }
        p->before_that = p->before;
        p->before = p->now;
        p->now = (struct token){.kind = kind, .loc = *loc, .text = parser_text(p, p->matched)};
        p->tokens++;
        p->margin = begins_line(p) ? loc->at.col : p->margin;
        watch_braces(p);
    } while (p->skipping && !resumes(p));
    if (p->skipping) {
        p->skipping = false;
        p->nopen = p->now.kind == T_RBRACE ? p->floor - 1 : p->floor;
    }
    return p->now.kind;
}

void parser_syntax_error(struct parser *p, const char *found, const char *const *expected, size_t n)
{
    p->ok = false;
    p->failed_again = p->failed_at == p->now.loc.first;
    p->failed_at = p->now.loc.first;
    if (!p->failed_again) {
        syntax_report(p, found, expected, n);
    }
}

struct ast_list parser_list(const struct parser *p)
{
    return (struct ast_list){.floor = p->nopen};
}

enum resume parser_resume(struct parser *p, const struct ast_list *list)
{
    p->floor = list->floor;
    p->in_set = false;
    p->indent = p->margin;
    if (p->now.kind == T_YYEOF) {
        return RESUME_END;
    }
    if (!p->failed_again && resumes(p)) {
        return RESUME_HERE;
    }
    p->in_set = p->nopen > p->floor && p->now.kind != T_LBRACE;
    p->skipping = true;
    return RESUME_BEHIND;
}

void parser_exhausted(struct parser *p)
{
    p->ok = false;
    diag_error(&p->c->diags, NPC003, p->now.loc.at, "the parser's stack is full");
}

/* ---- a file ---- */

static void scan_and_parse(struct parser *p)
{
    dsl_flexlex_init_extra(p, &p->scanner);
    dsl_flex_scan_bytes(p->text.p, (int)p->text.n, p->scanner);
    p->ok &= dsl_yyparse(p) == 0;
}

/* `npc 1`: this compiler knows one version. */
static void check_version(struct parser *p, const struct ast_item *item)
{
    if (!str_is(item->value.text, "1")) {
        p->ok = false;
        struct diag *d = diag_error(&p->c->diags, NPC027, item->value.loc.at,
                                    "language version '" STR_FMT "'; this npc knows version 1",
                                    STR_ARG(item->value.text));
        diag_hint(&p->c->diags, d, "write: npc 1");
    } else if (item != p->file->items.first) {
        p->ok = false;
        diag_error(&p->c->diags, NPC041, item->loc.at,
                   "the language version stands behind other statements");
        /* Nothing before it could have relied on it. */
    }
}

static void check_items(struct parser *p)
{
    for (const struct ast_item *i = p->file->items.first; i != NULL; i = i->next) {
        if (i->kind == ITEM_VERSION) {
            check_version(p, i);
        } else if (i->kind == ITEM_INCLUDE || i->kind == ITEM_IMPORT) {
            const struct ast_import import = {
                .is_import = i->kind == ITEM_IMPORT, .path = i->value.text, .at = i->value.loc.at};
            vec_push(&p->c->arena, &p->file->imports, import);
        }
    }
}

struct ast_file *dsl_parse(struct ctx *c, uint32_t file, struct str text, bool *ok)
{
    struct ast_file *f = ARENA_NEW(&c->arena, struct ast_file);
    f->file = file;
    *ok = bytes_check(c, file, text);
    if (!*ok) {
        return f;
    }
    if (str_starts(text, "\xef\xbb\xbf")) {
        text = (struct str){text.p + 3, text.n - 3};
    }
    struct parser *p = ARENA_NEW(&c->arena, struct parser);
    *p = (struct parser){.c = c, .file = f, .ok = true, .text = text, .line = 1, .col = 1};
    scan_and_parse(p);
    check_items(p);
    *ok = p->ok;
    return f;
}

size_t dsl_imports(const struct ast_file *f, const struct ast_import **list)
{
    *list = f->imports.v;
    return f->imports.n;
}

/* ---- remarks ---- */

/* Whether a comment may be one that silences: only then it matters what comments are about. */
static bool may_silence(const struct ast_file *f)
{
    for (const struct ast_comment *i = f->comments; i != NULL; i = i->next) {
        if (str_starts(remark_words(i->text), "npc:")) {
            return true;
        }
    }
    return false;
}

/* From the first comment of a statement or element, if that stands before it, to its end. */
static struct extent extent_of(const struct comment_about *about)
{
    const struct ast_loc *loc = about->loc;
    const struct ast_comment *first = about->first;
    struct extent e = {loc->at.line, loc->at.col, loc->end_line, loc->end_col};
    if (first->after < loc->first) {
        e.line = first->line;
        e.col = first->col;
    }
    return e;
}

void dsl_remarks(struct ctx *c, const struct ast_file *f)
{
    struct arena *scratch = arena_new_scratch(&c->arena);
    const struct comment_about *about = may_silence(f) ? comments_about(f, scratch) : NULL;
    size_t n = 0;
    for (const struct ast_comment *i = f->comments; i != NULL; i = i->next, n++) {
        struct remark r = {.at = {.file = f->file,
                                  .line = i->line,
                                  .col = i->col,
                                  .len = (uint32_t)utf8_length(i->text)},
                           .text = i->text};
        if (about != NULL && about[n].loc != NULL) {
            r.about = extent_of(&about[n]);
        }
        remark_add(c, r);
    }
    arena_free(scratch);
}
