/* What YAML readers take an unquoted scalar for. Knows text only, no parser and no emitter. */
#include "ir/yamlscalar.h"

/* ---- words ---- */

struct word {
    struct str text;
    enum yaml_sense sense;
};

static const struct word words[] = {
    {STR_INIT("~"), YAML_SENSE_NULL},      {STR_INIT("null"), YAML_SENSE_NULL},
    {STR_INIT("Null"), YAML_SENSE_NULL},   {STR_INIT("NULL"), YAML_SENSE_NULL},
    {STR_INIT("y"), YAML_SENSE_BOOL},      {STR_INIT("Y"), YAML_SENSE_BOOL},
    {STR_INIT("yes"), YAML_SENSE_BOOL},    {STR_INIT("Yes"), YAML_SENSE_BOOL},
    {STR_INIT("YES"), YAML_SENSE_BOOL},    {STR_INIT("n"), YAML_SENSE_BOOL},
    {STR_INIT("N"), YAML_SENSE_BOOL},      {STR_INIT("no"), YAML_SENSE_BOOL},
    {STR_INIT("No"), YAML_SENSE_BOOL},     {STR_INIT("NO"), YAML_SENSE_BOOL},
    {STR_INIT("true"), YAML_SENSE_BOOL},   {STR_INIT("True"), YAML_SENSE_BOOL},
    {STR_INIT("TRUE"), YAML_SENSE_BOOL},   {STR_INIT("false"), YAML_SENSE_BOOL},
    {STR_INIT("False"), YAML_SENSE_BOOL},  {STR_INIT("FALSE"), YAML_SENSE_BOOL},
    {STR_INIT("on"), YAML_SENSE_BOOL},     {STR_INIT("On"), YAML_SENSE_BOOL},
    {STR_INIT("ON"), YAML_SENSE_BOOL},     {STR_INIT("off"), YAML_SENSE_BOOL},
    {STR_INIT("Off"), YAML_SENSE_BOOL},    {STR_INIT("OFF"), YAML_SENSE_BOOL},
    {STR_INIT(".nan"), YAML_SENSE_FLOAT},  {STR_INIT(".NaN"), YAML_SENSE_FLOAT},
    {STR_INIT(".NAN"), YAML_SENSE_FLOAT},  {STR_INIT(".inf"), YAML_SENSE_FLOAT},
    {STR_INIT(".Inf"), YAML_SENSE_FLOAT},  {STR_INIT(".INF"), YAML_SENSE_FLOAT},
    {STR_INIT("+.inf"), YAML_SENSE_FLOAT}, {STR_INIT("+.Inf"), YAML_SENSE_FLOAT},
    {STR_INIT("+.INF"), YAML_SENSE_FLOAT}, {STR_INIT("-.inf"), YAML_SENSE_FLOAT},
    {STR_INIT("-.Inf"), YAML_SENSE_FLOAT}, {STR_INIT("-.INF"), YAML_SENSE_FLOAT},
    {STR_INIT("<<"), YAML_SENSE_MERGE},    {STR_INIT("="), YAML_SENSE_MERGE},
};

enum { LONGEST_WORD = 5 };

static bool find_word(struct str s, enum yaml_sense *sense)
{
    if (s.n > LONGEST_WORD) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_eq(words[i].text, s)) {
            *sense = words[i].sense;
            return true;
        }
    }
    return false;
}

/* ---- a cursor over the text ---- */

struct cursor {
    struct str s;
    size_t i;
};

static bool at_end(const struct cursor *c)
{
    return c->i == c->s.n;
}

static unsigned char peek(const struct cursor *c)
{
    return at_end(c) ? '\0' : (unsigned char)c->s.p[c->i];
}

static bool take(struct cursor *c, char a, char b)
{
    if (at_end(c) || (c->s.p[c->i] != a && c->s.p[c->i] != b)) {
        return false;
    }
    c->i++;
    return true;
}

static void take_sign(struct cursor *c)
{
    take(c, '+', '-');
}

/* Takes what is_digit accepts and, from the second place on or anywhere if `loose`, underscores.
 * Returns how many bytes that were. */
static size_t take_digits(struct cursor *c, bool (*is_digit)(unsigned char), bool loose)
{
    size_t start = c->i;
    while (!at_end(c) && (is_digit(peek(c)) || (peek(c) == '_' && (loose || c->i > start)))) {
        c->i++;
    }
    return c->i - start;
}

static bool is_binary(unsigned char ch)
{
    return ch == '0' || ch == '1';
}

static bool is_octal(unsigned char ch)
{
    return ch >= '0' && ch <= '7';
}

static bool is_hex(unsigned char ch)
{
    unsigned char low = ch_lower(ch);
    return ch_is_digit(ch) || (low >= 'a' && low <= 'f');
}

/* ---- numbers ---- */

static bool is_based(struct str s)
{
    static const struct {
        char prefix;
        bool (*is_digit)(unsigned char);
    } bases[] = {{'b', is_binary}, {'o', is_octal}, {'x', is_hex}};

    struct cursor c = {s, 0};
    take_sign(&c);
    if (!take(&c, '0', '0')) {
        return false;
    }
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        struct cursor rest = c;
        if (ch_lower(peek(&rest)) == (unsigned char)bases[i].prefix) {
            rest.i++;
            return take_digits(&rest, bases[i].is_digit, true) > 0 && at_end(&rest);
        }
    }
    return false;
}

/* Groups of one or two digits up to 59 after colons: YAML 1.1 counts them in base 60. */
static size_t take_sixties(struct cursor *c)
{
    size_t groups = 0;
    while (take(c, ':', ':')) {
        size_t start = c->i;
        while (c->i - start < 2 && ch_is_digit(peek(c))) {
            c->i++;
        }
        if (c->i == start || (c->i - start == 2 && c->s.p[start] > '5')) {
            return 0;
        }
        groups++;
    }
    return groups;
}

/* Takes an exponent if there is a whole one; false if it is begun and not finished. */
static bool take_exponent(struct cursor *c)
{
    if (!take(c, 'e', 'E')) {
        return true;
    }
    take_sign(c);
    return take_digits(c, ch_is_digit, false) > 0;
}

static enum yaml_sense resolve_number(struct str s)
{
    if (is_based(s)) {
        return YAML_SENSE_INT;
    }
    struct cursor c = {s, 0};
    take_sign(&c);
    size_t whole = take_digits(&c, ch_is_digit, false);
    if (whole > 0 && at_end(&c)) {
        return YAML_SENSE_INT;
    }
    if (whole > 0 && peek(&c) == ':') {
        if (take_sixties(&c) == 0) {
            return YAML_SENSE_STRING;
        }
        if (at_end(&c)) {
            return YAML_SENSE_INT;
        }
        if (!take(&c, '.', '.')) {
            return YAML_SENSE_STRING;
        }
        take_digits(&c, ch_is_digit, true);
        return at_end(&c) ? YAML_SENSE_FLOAT : YAML_SENSE_STRING;
    }
    size_t fraction = 0;
    if (take(&c, '.', '.')) {
        fraction = take_digits(&c, ch_is_digit, whole > 0);
    }
    bool is_float = whole + fraction > 0 && take_exponent(&c) && at_end(&c);
    return is_float ? YAML_SENSE_FLOAT : YAML_SENSE_STRING;
}

/* ---- timestamps ---- */

static bool take_count(struct cursor *c, size_t least, size_t most)
{
    size_t start = c->i;
    while (c->i - start < most && ch_is_digit(peek(c))) {
        c->i++;
    }
    return c->i - start >= least;
}

static size_t take_blanks(struct cursor *c)
{
    size_t start = c->i;
    while (take(c, ' ', '\t')) {
    }
    return c->i - start;
}

static bool take_zone(struct cursor *c)
{
    take_blanks(c);
    if (at_end(c) || take(c, 'Z', 'Z')) {
        return true;
    }
    return take(c, '+', '-') && take_count(c, 1, 2) && (!take(c, ':', ':') || take_count(c, 2, 2));
}

static bool is_timestamp(struct str s)
{
    struct cursor c = {s, 0};
    if (!take_count(&c, 4, 4) || !take(&c, '-', '-') || !take_count(&c, 1, 2) ||
        !take(&c, '-', '-') || !take_count(&c, 1, 2)) {
        return false;
    }
    if (at_end(&c)) {
        return true;
    }
    if (!take(&c, 'T', 't') && take_blanks(&c) == 0) {
        return false;
    }
    if (!take_count(&c, 1, 2) || !take(&c, ':', ':') || !take_count(&c, 1, 2) ||
        !take(&c, ':', ':') || !take_count(&c, 1, 2)) {
        return false;
    }
    if (take(&c, '.', '.')) {
        take_digits(&c, ch_is_digit, false);
    }
    return take_zone(&c) && at_end(&c);
}

/* ---- all together ---- */

enum yaml_sense yaml_resolve(struct str plain)
{
    if (plain.n == 0) {
        return YAML_SENSE_NULL;
    }
    enum yaml_sense sense;
    if (find_word(plain, &sense)) {
        return sense;
    }
    unsigned char first = (unsigned char)plain.p[0];
    if (!ch_is_digit(first) && first != '+' && first != '-' && first != '.') {
        return YAML_SENSE_STRING;
    }
    return is_timestamp(plain) ? YAML_SENSE_TIMESTAMP : resolve_number(plain);
}

bool yaml_plain_is_string(struct str plain)
{
    return yaml_resolve(plain) == YAML_SENSE_STRING;
}

const char *yaml_sense_name(enum yaml_sense s)
{
    static const char *const names[] = {
        [YAML_SENSE_STRING] = "a string",
        [YAML_SENSE_NULL] = "null",
        [YAML_SENSE_BOOL] = "a boolean",
        [YAML_SENSE_INT] = "an integer",
        [YAML_SENSE_FLOAT] = "a floating-point number",
        [YAML_SENSE_TIMESTAMP] = "a date",
        [YAML_SENSE_MERGE] = "a special YAML word",
    };
    return names[s];
}
