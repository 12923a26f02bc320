/*
 * Between scanner (dsl.l), grammar (dsl.y) and driver (dsl_parse.c). Private to the npc language.
 */
#ifndef NPC_FRONTEND_DSL_PARSE_H
#define NPC_FRONTEND_DSL_PARSE_H

#include "frontend/ast.h"

/* What the driver remembers of a token, for messages. `kind` is the scanner's number. */
struct token {
    int kind;
    struct str text; /* as written */
    struct ast_loc loc;
};

#define OPEN_BRACES 8 /* as many as the grammar nests, and some */

struct parser {
    struct ctx *c;
    struct ast_file *file;
    void *scanner;
    bool ok;

    /* The scanner's place. */
    struct str text;    /* what is scanned, without byte order mark */
    size_t offset;      /* behind the current token */
    size_t matched;     /* bytes of it */
    uint32_t line, col; /* likewise */
    uint32_t tokens;    /* returned so far */

    /* The driver's. */
    struct token now, before, before_that;
    struct token open[OPEN_BRACES]; /* braces not closed yet; nopen may be larger */
    size_t nopen;
    uint32_t margin;    /* column of the first token of the current line */
    uint32_t failed_at; /* token of the last syntax error */
    bool failed_again;  /* it had failed before: where it was to go on, it could not */
    bool skipping;      /* tokens are skipped until a place to go on: */
    size_t floor;       /* braces open around the list that goes on */
    bool in_set;        /* the error was inside a set, whose brace may never close */
    uint32_t indent;    /* the margin of the line with the error */
};

/* ---- driver, called by the scanner ---- */

/* Sets the place of the text just matched and goes on behind it. */
struct ast_loc parser_advance(struct parser *p, size_t n);
/* The text just matched, in the source. */
struct str parser_text(const struct parser *p, size_t n);
/* A word; reports one that is too long. */
struct ast_word parser_word(struct parser *p, const struct ast_loc *loc, size_t n);
/* A string of either form without its delimiters, decoded. */
struct ast_word parser_string(struct parser *p, const struct ast_loc *loc, size_t n);
struct ast_word parser_long_string(struct parser *p, const struct ast_loc *loc, size_t n);
/* Reports a string that does not end. */
void parser_unterminated(struct parser *p, const struct ast_loc *loc, size_t n);
/* Reports bytes that begin no token. */
void parser_junk(struct parser *p, const struct ast_loc *loc, size_t n);
void parser_comment(struct parser *p, const struct ast_loc *loc, size_t n);
_Noreturn void parser_fatal(struct parser *p);

/* ---- driver, called by the grammar ---- */

/* An empty list of statements, which remembers how many braces are open around it. */
struct ast_list parser_list(const struct parser *p);

enum resume { RESUME_HERE, RESUME_BEHIND, RESUME_END };
/* How the error production of a list goes on: at the failed token, behind it (then the next tokens
 * are skipped up to a likely place), or not at all. */
enum resume parser_resume(struct parser *p, const struct ast_list *list);

/* A syntax error at p->now. `found` and `expected` are the names of tokens as dsl.y declares them.
 */
void parser_syntax_error(struct parser *p, const char *found, const char *const *expected,
                         size_t n);
/* The parser's stack is full. */
void parser_exhausted(struct parser *p);

/* ---- syntax messages (dsl_syntax.c) ---- */

/* Says what was found and what was expected, with advice. */
void syntax_report(struct parser *p, const char *found, const char *const *names, size_t n);
/* The keyword nearest to a word, or an empty string. */
struct str syntax_nearest_keyword(struct str word);

/* ---- comments (dsl_format.c) ---- */

struct comment_about {
    const struct ast_loc *loc;       /* the statement, or the element of a set; NULL: neither */
    const struct ast_comment *first; /* of those about the same */
};
/* What each comment of a file is about, in their order: that which the formatter puts it before.
 * The file must have parsed without error. */
const struct comment_about *comments_about(const struct ast_file *f, struct arena *a);

/* ---- bytes and words ---- */

/* Checks that the text may be scanned (npc-language(5)): clean UTF-8 without characters
 * that control, reorder or are not seen. Reports what is wrong. dsl_bytes.c */
bool bytes_check(struct ctx *c, uint32_t file, struct str text);

/* Whether the scanner reads the text as one word where any word may stand; else it needs quotes.
 * dsl_words.c */
bool word_is_bare(struct str s);
/* Prints a string with its quotes, so that the scanner reads it back. */
void string_print(struct buf *out, struct str text);

#endif
