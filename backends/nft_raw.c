/*
 * `raw nft """…"""` at top level: text for the end of the file, held to what cannot harm npc's own
 * tables. It is not parsed: nft does that when it loads the file, as part of the same transaction.
 *
 * Every statement must begin with `add`, `create` or `table`; braces and quotes must close; and
 * the words flush, delete, destroy, include and npc must not stand in it (outside strings and
 * comments). Loading the file twice applies the text twice: what may not be there twice should
 * stand in a table of its own that the text adds and fills.
 */
#include "backends/nft_priv.h"

struct scan {
    struct ctx *ctx;
    const struct raw *raw;
    size_t pos;
    size_t depth;   /* of braces */
    bool statement; /* the next word begins a statement */
};

static bool refuse(const struct scan *s, const char *what, struct str word)
{
    size_t line = 1;
    for (size_t i = 0; i < s->pos; i++) {
        line += s->raw->text.p[i] == '\n';
    }
    diag_error(&s->ctx->diags, NPC042, s->raw->at,
               "raw nft text, line %zu: " STR_FMT "%s; expected `add`, `create` and `table` "
               "statements beside the table npc",
               line, STR_ARG(word), what);
    return false;
}

static bool is_word(char c)
{
    return ch_is_alnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == '/';
}

static bool check_word(struct scan *s, struct str word)
{
    static const char *const banned[] = {"flush", "delete", "destroy", "include", "npc"};
    static const char *const first[] = {"add", "create", "table"};
    for (size_t i = 0; i < sizeof banned / sizeof *banned; i++) {
        if (str_is(word, banned[i])) {
            return refuse(s, " is not allowed", word);
        }
    }
    bool known = !s->statement || s->depth > 0;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        known |= str_is(word, first[i]);
    }
    s->statement = false;
    return known || refuse(s, " begins no statement that is allowed", word);
}

static bool scan_word(struct scan *s)
{
    struct str text = s->raw->text, word = {text.p + s->pos, 0};
    while (s->pos + word.n < text.n && is_word(text.p[s->pos + word.n])) {
        word.n++;
    }
    bool ok = check_word(s, word);
    s->pos += word.n;
    return ok;
}

static bool scan_string(struct scan *s)
{
    struct str text = s->raw->text;
    size_t end = s->pos + 1;
    while (end < text.n && text.p[end] != '"' && text.p[end] != '\n') {
        end++;
    }
    if (end == text.n || text.p[end] == '\n') {
        return refuse(s, "a string does not end on its line", (struct str){NULL, 0});
    }
    s->pos = end + 1;
    return true;
}

static void scan_comment(struct scan *s)
{
    while (s->pos < s->raw->text.n && s->raw->text.p[s->pos] != '\n') {
        s->pos++;
    }
}

static bool scan_mark(struct scan *s, char c)
{
    if (c == '{') {
        s->depth++;
    } else if (c == '}' && s->depth-- == 0) {
        return refuse(s, "a closing brace too many", (struct str){NULL, 0});
    }
    if (s->depth == 0 && (c == '\n' || c == ';')) {
        s->statement = true;
    }
    if (c == '\\' || c == '$') { /* continued lines and variables hide words */
        return refuse(s, " is not allowed", (struct str){&s->raw->text.p[s->pos], 1});
    }
    s->pos++;
    return true;
}

static bool check_raw(struct ctx *c, const struct raw *raw)
{
    struct scan s = {.ctx = c, .raw = raw, .statement = true};
    while (s.pos < raw->text.n) {
        char ch = raw->text.p[s.pos];
        bool ok = true;
        if (ch == '#') {
            scan_comment(&s);
        } else if (ch == '"') {
            ok = scan_string(&s);
        } else {
            ok = is_word(ch) ? scan_word(&s) : scan_mark(&s, ch);
        }
        if (!ok) {
            return false;
        }
    }
    return s.depth == 0 || refuse(&s, "a brace is not closed", (struct str){NULL, 0});
}

/* Inside a policy there is no place in the rules that it could stand for. */
static bool refuse_policy_raws(const struct emit *e)
{
    bool ok = true;
    for (size_t i = 0; i < e->program->policies.n; i++) {
        const struct policy *p = e->program->policies.v[i];
        for (size_t k = 0; k < p->nraws; k++) {
            if (str_is(p->raws[k].backend, backend_nft.name)) {
                struct diag *d =
                    diag_error(&e->ctx->diags, NPC042, p->raws[k].at,
                               "raw nft text inside a policy; expected it at top level");
                diag_hint(&e->ctx->diags, d, "move the raw statement out of the policy");
                ok = false;
            }
        }
    }
    return ok;
}

bool nft_raw_write(const struct emit *e, struct buf *out)
{
    bool ok = refuse_policy_raws(e);
    for (size_t i = 0; i < e->program->raws.n; i++) {
        const struct raw *raw = &e->program->raws.v[i];
        if (!str_is(raw->backend, backend_nft.name)) {
            continue;
        }
        if (!check_raw(e->ctx, raw)) {
            ok = false;
            continue;
        }
        buf_puts(out, "\n# raw text begins");
        buf_puts(out, raw->text.n > 0 && raw->text.p[0] == '\n' ? "" : "\n");
        buf_str(out, raw->text);
        buf_puts(out, raw->text.n > 0 && raw->text.p[raw->text.n - 1] == '\n' ? "" : "\n");
        buf_puts(out, "# raw text ends\n");
    }
    return ok;
}
