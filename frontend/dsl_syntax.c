/*
 * What to say about a syntax error: what was found, what was expected, and advice for the mistakes
 * that people make who come from YAML, from other languages, or from typing fast. Knows tokens and
 * their names only.
 */
#include "dsl.tab.h"

#include <string.h>

/* A message stays within 200 bytes, whatever was found. */
enum { FOUND_SHOWN = 40, EXPECTED_SHOWN = 120 };

static struct str clip(struct str s, size_t most)
{
    if (s.n > most) {
        s.n = most;
        while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) {
            s.n--; /* not inside a character */
        }
    }
    return s;
}

/* ---- what was expected ---- */

/* Names for groups of tokens: `text` stands for all of `covers` if all of `needs` are expected. */
static const struct token_class {
    const char *text;
    const char *needs[3];
    const char *covers; /* NULL: every word */
} classes[] = {
    {"a word", {"a word", "a long string", "npc"}, NULL},
    {"a peer",
     {"pods", "cidr", "anywhere"},
     " a word pods all namespace namespaces nodes cidr domain anywhere "},
    {"a statement",
     {"desc", "annotation", "default"},
     " desc label annotation default raw allow deny pass use "},
    {"a declaration",
     {"let", "policy", "flows"},
     " let rules policy flows workload test raw npc include import tier node namespace cluster "},
};

struct expected {
    const char *const *v;
    size_t n;
};

static bool is_expected(struct expected e, const char *name)
{
    for (size_t i = 0; i < e.n; i++) {
        if (strcmp(e.v[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool class_holds(const struct token_class *class, struct expected e)
{
    return is_expected(e, class->needs[0]) && is_expected(e, class->needs[1]) &&
           is_expected(e, class->needs[2]);
}

static bool is_keyword_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (*c < 'a' || *c > 'z') {
            return false;
        }
    }
    return true;
}

static bool class_covers(const struct token_class *class, const char *name)
{
    if (class->covers == NULL) {
        return is_keyword_name(name) || strcmp(name, "a word") == 0 ||
               strcmp(name, "a string") == 0 || strcmp(name, "a long string") == 0;
    }
    char padded[32];
    size_t n = strlen(name);
    if (n + 3 > sizeof padded) {
        return false;
    }
    memcpy(padded + 1, name, n);
    padded[0] = padded[n + 1] = ' ';
    padded[n + 2] = '\0';
    return strstr(class->covers, padded) != NULL;
}

struct listing {
    struct buf *out;
    size_t left; /* items still to come, the current one included */
    size_t shown;
};

static void list_item(struct listing *l, const char *text, bool quoted)
{
    if (l->out->n < EXPECTED_SHOWN) {
        if (l->shown > 0) {
            buf_puts(l->out, l->left == 1 ? " or " : ", ");
        }
        buf_puts(l->out, quoted ? "'" : "");
        buf_puts(l->out, text);
        buf_puts(l->out, quoted ? "'" : "");
        l->shown++;
    } else if (l->left == 1) {
        buf_puts(l->out, " or something else");
    }
    l->left--;
}

/* Which of the expected names stand for themselves, and which classes for the others. */
static struct str list_expected(struct arena *a, struct expected e)
{
    bool holds[sizeof classes / sizeof *classes];
    bool *covered = ARENA_NEW_ARRAY(a, e.n, bool);
    struct listing l = {.out = buf_new(a)};
    for (size_t c = 0; c < sizeof classes / sizeof *classes; c++) {
        holds[c] = class_holds(&classes[c], e);
        l.left += holds[c];
        for (size_t i = 0; holds[c] && i < e.n; i++) {
            covered[i] |= class_covers(&classes[c], e.v[i]);
        }
    }
    for (size_t i = 0; i < e.n; i++) {
        l.left += !covered[i];
    }
    for (size_t c = 0; c < sizeof classes / sizeof *classes; c++) {
        if (holds[c]) {
            list_item(&l, classes[c].text, false);
        }
    }
    for (size_t i = 0; i < e.n; i++) {
        if (!covered[i]) {
            list_item(&l, e.v[i], strchr(e.v[i], ' ') == NULL);
        }
    }
    return buf_text(l.out);
}

/* ---- advice ---- */

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ch_is_digit((unsigned char)s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

/* Matches a token against a pattern: its text, or one of the kinds with an @. NULL: anything. */
static bool token_is(const struct token *t, const char *pattern)
{
    static const struct {
        const char *pattern;
        int kind;
    } kinds[] = {
        {"@word", T_WORD}, {"@string", T_STRING}, {"@long-string", T_LONGSTR},
        {"@port", T_PORT}, {"@address", T_ADDR6}, {"@end", T_YYEOF},
    };
    if (pattern == NULL) {
        return true;
    }
    if (pattern[0] != '@') {
        return str_is(t->text, pattern);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].pattern, pattern) == 0) {
            return t->kind == kinds[i].kind;
        }
    }
    if (strcmp(pattern, "@number") == 0) {
        return t->kind == T_WORD && is_number(t->text);
    }
    enum proto proto; /* @protocol */
    return t->kind == T_WORD && proto_of_name(t->text, &proto);
}

/* Words of other languages. They come before misspellings: 'or' is no slip for 'on'. */
static const struct {
    const char *word, *text;
} foreign[] = {
    {"and", "there is no 'and': '&' joins labels, 'in' joins pods with their namespace"},
    {"or", "there is no 'or': put alternatives in braces: {a, b}"},
    {"not", "there is no 'not': use notin {...}, !exists or except {...}"},
};

static const char *advice_on_foreign(const struct parser *p)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (str_eq_nocase(p->now.text, str_of(foreign[i].word))) {
            return foreign[i].text;
        }
    }
    return NULL;
}

#define QUOTE_KEY "a label key that reads as a port needs quotes: \"tcp/80\"=value"

/* Mistakes with a known remedy; the first line that fits is given. */
static const struct advice {
    const char *found, *before, *before_that; /* patterns */
    const char *expected;                     /* one of the expected names */
    const char *text;
} advices[] = {
    {",", NULL, NULL, "&",
     "use & to require both labels: app=a & role=b; alternatives go in braces: {pods app=a, pods "
     "role=b}"},
    {"=", "@word", ",", ",", "use & to require both labels; a comma in braces means 'or'"},
    {",", "@port", NULL, NULL, "put several ports in braces: {tcp/80, tcp/443}"},
    {",", NULL, NULL, NULL, "put alternatives in braces: {a, b}"},
    {"@port", "pods", NULL, NULL, QUOTE_KEY},
    {"@port", "namespaces", NULL, NULL, QUOTE_KEY},
    {"@port", "nodes", NULL, NULL, QUOTE_KEY},
    {"@port", "&", NULL, NULL, QUOTE_KEY},
    {"@port", "label", NULL, NULL, QUOTE_KEY},
    {"@port", "annotation", NULL, NULL, QUOTE_KEY},
    {"@port", NULL, NULL, "on", "write 'on' before the ports"},
    {NULL, "@protocol", NULL, NULL, "a port is one word: tcp/80"},
    {"port", NULL, NULL, "a port", "write the port with its protocol: tcp/80"},
    {"ports", NULL, NULL, "a port", "write the ports with their protocol: {tcp/80, tcp/443}"},
    {"=", "!", NULL, NULL, "there is no '!=': use notin {value}"},
    {"=", "=", NULL, NULL, "one '=' is enough"},
    {NULL, NULL, "pods", "notin",
     "'pods' needs a label: pods app=web; every pod of the namespace is 'all pods in this "
     "namespace'"},
    {NULL, NULL, "namespaces", "notin",
     "'namespaces' needs a label: namespaces team=a; a name stands behind 'namespace'"},
    {NULL, "pods", "all", "in",
     "say whose: 'all pods in this namespace' or 'all pods in all namespaces'"},
    {"}", "ingress", "{", NULL, "one direction stands without braces"},
    {"}", "egress", "{", NULL, "one direction stands without braces"},
    {"}", "{", NULL, NULL, "a set has at least one element: nothing is implied by an empty one"},
    {"ingress", NULL, NULL, "allow", "'allow from' is ingress and 'allow to' is egress"},
    {"egress", NULL, NULL, "allow", "'allow from' is ingress and 'allow to' is egress"},
    {"{", NULL, "policy", "for", "say which pods: policy NAME for all pods { ... }"},
    {"{", NULL, NULL, "for", "say which pods: for all pods, or for pods app=web"},
    {"->", NULL, NULL, NULL, "flows stand in a block: flows NAME { a -> b on tcp/80 }"},
    {"@address", NULL, NULL, "cidr", "write 'cidr' before an address"},
    {"@long-string", NULL, NULL, "a string", "use \"...\" here"},
    {"@string", NULL, NULL, "a long string", "use \"\"\"...\"\"\" here"},
    {"@word", NULL, NULL, "a string", "put the text in double quotes"},
    {"@string", "let", NULL, NULL, "write the name without quotes"},
    {"policy", NULL, NULL, "}", "is a '}' missing before this?"},
    {"namespace", NULL, NULL, "}", "is a '}' missing before this?"},
    {"cluster", NULL, NULL, "}", "is a '}' missing before this?"},
    {"let", NULL, NULL, "}", "is a '}' missing before this?"},
    {NULL, "let", NULL, "a word", "a keyword cannot name a group"},
    {NULL, "use", NULL, "a word", "a keyword cannot name rules"},
    {NULL, "rules", NULL, "a word", "a keyword cannot name rules"},
};

static const char *find_advice(const struct parser *p, struct expected e)
{
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        const struct advice *a = &advices[i];
        if (token_is(&p->now, a->found) && token_is(&p->before, a->before) &&
            token_is(&p->before_that, a->before_that) &&
            (a->expected == NULL || is_expected(e, a->expected))) {
            return a->text;
        }
    }
    return NULL;
}

/* The expected keyword nearest to the word found. */
static struct str nearest_expected(const struct parser *p, struct expected e)
{
    struct str *candidates = ARENA_NEW_ARRAY(&p->c->arena, e.n, struct str);
    size_t n = 0;
    for (size_t i = 0; i < e.n; i++) {
        if (is_keyword_name(e.v[i])) {
            candidates[n++] = str_of(e.v[i]);
        }
    }
    return str_nearest(p->now.text, candidates, n);
}

struct str syntax_nearest_keyword(struct str word)
{
    static const struct str nouns[] = {
        STR_INIT("pods"),  STR_INIT("all"),  STR_INIT("namespace"), STR_INIT("namespaces"),
        STR_INIT("nodes"), STR_INIT("cidr"), STR_INIT("domain"),    STR_INIT("anywhere")};
    return str_nearest(word, nouns, sizeof nouns / sizeof *nouns);
}

static void advise(struct parser *p, struct diag *d, struct expected e)
{
    struct diags *diags = &p->c->diags;
    const char *text = advice_on_foreign(p);
    if (text != NULL) {
        diag_hint(diags, d, "%s", text);
        return;
    }
    if (token_is(&p->now, "@number") && is_expected(e, "a port")) {
        diag_hint(diags, d, "did you mean tcp/" STR_FMT "?", STR_ARG(clip(p->now.text, 5)));
        return;
    }
    struct str near = p->now.kind == T_WORD ? nearest_expected(p, e) : (struct str){0};
    if (near.n > 0) {
        diag_hint(diags, d, "did you mean '" STR_FMT "'?", STR_ARG(near));
        return;
    }
    text = find_advice(p, e);
    if (text != NULL) {
        diag_hint(diags, d, "%s", text);
        return;
    }
    near = p->before.kind == T_WORD ? syntax_nearest_keyword(p->before.text) : (struct str){0};
    if (near.n > 0) { /* a misspelt noun was taken for the name of a group */
        diag_hint(diags, d, "did you mean '" STR_FMT "' instead of '" STR_FMT "'?", STR_ARG(near),
                  STR_ARG(p->before.text));
    }
}

/* ---- the message ---- */

static struct str describe_found(const struct parser *p, const char *name)
{
    struct arena *a = &p->c->arena;
    switch (p->now.kind) {
    case T_YYEOF:
        return str_of(name);
    case T_LONGSTR:
        return STR("a \"\"\" string");
    case T_STRING:
        return str_printf(a, "the string " STR_FMT, STR_ARG(clip(p->now.text, FOUND_SHOWN)));
    default:
        return str_printf(a, "'" STR_FMT "'", STR_ARG(clip(p->now.text, FOUND_SHOWN)));
    }
}

void syntax_report(struct parser *p, const char *found, const char *const *names, size_t n)
{
    if (p->now.kind == T_BAD) {
        return; /* the scanner said what is wrong */
    }
    struct expected e = {names, n};
    struct str what = describe_found(p, found), list = list_expected(&p->c->arena, e);
    struct diag *d =
        diag_error(&p->c->diags, NPC020, p->now.loc.at, "found " STR_FMT ", expected " STR_FMT,
                   STR_ARG(what), STR_ARG(list));
    advise(p, d, e);
    if (p->now.kind == T_YYEOF && p->nopen > 0) {
        size_t innermost = p->nopen < OPEN_BRACES ? p->nopen : OPEN_BRACES;
        diag_also(&p->c->diags, d, p->open[innermost - 1].loc.at, "this '{' is not closed");
    }
}

/* ---- the scanner's messages ---- */

static const struct {
    const char *bytes; /* any of these first */
    const char *text;
} junk_advice[] = {
    {":", "labels are written key=value"},
    {";", "statements need no ';'"},
    {"/", "comments start with #"},
    {"'`", "strings are written in double quotes"},
    {"()[]", "sets are written in braces: {a, b}"},
    {"*", "say it in words: 'all ports', 'all pods in ...', 'anywhere'; tcp/* is a whole protocol"},
    {"|", "alternatives go in braces: {a, b}"},
    {"$@", "groups are named without a sign"},
    {"%", "an address has no zone here"},
    {"<>", "a flow is written a -> b"},
    {"\\", "escapes stand in strings"},
    {"-.+", "a word begins and ends with a letter, a digit or '_'; anything else needs quotes"},
};

static const char *advice_on_junk(struct str text)
{
    if (text.n > 1 && ch_is_digit((unsigned char)text.p[1])) {
        return "numbers are plain decimal, without sign";
    }
    for (size_t i = 0; i < sizeof junk_advice / sizeof *junk_advice; i++) {
        if (strchr(junk_advice[i].bytes, text.p[0]) != NULL) {
            return junk_advice[i].text;
        }
    }
    return "words outside A-Z a-z 0-9 . _ / - need quotes";
}

void parser_junk(struct parser *p, const struct ast_loc *loc, size_t n)
{
    p->ok = false;
    if (p->skipping) {
        return; /* part of a statement that was reported */
    }
    struct str text = clip(parser_text(p, n), FOUND_SHOWN);
    bool number = text.n > 1 && ch_is_digit((unsigned char)text.p[1]);
    struct diag *d = diag_report(&p->c->diags, SEV_ERROR, number ? DIAG_NPC026 : DIAG_NPC021,
                                 loc->at, "'" STR_FMT "' begins no word", STR_ARG(text));
    diag_hint(&p->c->diags, d, "%s", advice_on_junk(text));
}

void parser_unterminated(struct parser *p, const struct ast_loc *loc, size_t n)
{
    p->ok = false;
    if (p->skipping) {
        return;
    }
    struct span quote = loc->at;
    bool is_long = str_starts(parser_text(p, n), "\"\"\"");
    quote.len = is_long ? 3 : 1;
    struct diag *d = is_long ? diag_error(&p->c->diags, NPC022, quote,
                                          "a \"\"\" string that starts here has no end")
                             : diag_error(&p->c->diags, NPC022, quote,
                                          "a string that starts here does not end on its line");
    diag_hint(&p->c->diags, d,
              is_long ? "close it with \"\"\"" : "close it with \"; a line end is written \\n");
}
