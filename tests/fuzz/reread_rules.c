/*
 * Readers of npc's nft and iptables text, for the fuzz targets, by small closed grammars written
 * from the manuals of those programs: nothing else may stand in an output. They share no code with
 * what writes, and know no policy.
 */
#include "tests/fuzz/text.h"

/* ---- text in pieces ---- */

static bool is_one_of(struct piece s, const char *const *words)
{
    while (*words != NULL && !is(s, *words)) {
        words++;
    }
    return *words != NULL;
}

static bool consists_of(struct piece s, const char *alphabet)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || strchr(alphabet, s.p[i]) == NULL) {
            return false;
        }
    }
    return s.n > 0;
}

/* threats.md 26: of what is the user's only this comes into a comment, other characters as '?'. */
#define COMMENT LETTERS DIGITS " ._/:@+,()[]-?"

static bool is_number(struct piece s)
{
    return consists_of(s, DIGITS "-") && s.p[0] != '-';
}

static bool is_address(struct piece s)
{
    return consists_of(s, DIGITS "abcdef.:/-");
}

static bool is_name(struct piece s)
{
    return consists_of(s, LETTERS DIGITS "_.-") && strchr(LETTERS, s.p[0]) != NULL;
}

static bool is_string(struct piece s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' &&
           (s.n == 2 || consists_of((struct piece){s.p + 1, s.n - 2}, COMMENT));
}

static void check_line(bool ok, const char *what, struct piece line)
{
    if (!ok) {
        fprintf(stderr, "'%.*s'\n", (int)line.n, line.p);
    }
    FUZZ_CHECK(ok, what);
}

static bool next_line(struct piece *rest, struct piece *line)
{
    if (rest->n == 0) {
        return false;
    }
    const char *end = memchr(rest->p, '\n', rest->n);
    FUZZ_CHECK(end != NULL, "the last line does not end");
    *line = (struct piece){rest->p, (size_t)(end - rest->p)};
    *rest = (struct piece){end + 1, rest->n - line->n - 1};
    return true;
}

/* ---- words of a line; a quoted string is one ---- */

enum { WORDS_MOST = 512 };

struct words {
    struct piece v[WORDS_MOST];
    size_t n, at;
};

static void split(struct piece line, struct words *w)
{
    w->n = w->at = 0;
    for (size_t i = 0; i < line.n;) {
        size_t from = i;
        if (line.p[i] == '"') {
            const char *end = memchr(line.p + i + 1, '"', line.n - i - 1);
            FUZZ_CHECK(end != NULL, "a quoted string does not end on its line");
            i = (size_t)(end - line.p) + 1;
        }
        while (i < line.n && line.p[i] != ' ') {
            i++;
        }
        FUZZ_CHECK(i > from && w->n < WORDS_MOST, "two blanks, or too many words");
        w->v[w->n++] = (struct piece){line.p + from, i - from};
        i++;
    }
}

static struct piece peek(const struct words *w, size_t ahead)
{
    return w->at + ahead < w->n ? w->v[w->at + ahead] : (struct piece){"", 0};
}

static bool take(struct words *w, const char *word)
{
    bool taken = is(peek(w, 0), word);
    w->at += taken;
    return taken;
}

static bool take_if(struct words *w, bool (*fine)(struct piece s))
{
    bool taken = w->at < w->n && fine(w->v[w->at]);
    w->at += taken;
    return taken;
}

/* Takes all these words, with blanks between them, or none. */
static bool take_all(struct words *w, const char *words)
{
    size_t ahead = 0;
    while (*words != '\0') {
        size_t n = strcspn(words, " ");
        struct piece s = peek(w, ahead++);
        if (s.n != n || memcmp(s.p, words, n) != 0) {
            return false;
        }
        words += n + (words[n] == ' ');
    }
    w->at += ahead;
    return true;
}

/* A string is `S`, what is made of a hash `N`, and everything else stands for itself. */
static void put_words(FILE *out, const struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        struct piece s = w->v[i];
        if (s.p[0] == '"') {
            fputs(" S", out);
        } else if (is_hashed(s)) {
            fputs(" N", out);
        } else {
            fprintf(out, " %.*s", (int)s.n, s.p);
        }
    }
    fputc('\n', out);
}

/* ---- nft, as nft(8) says ---- */

static bool is_family(struct piece s)
{
    static const char *const families[] = {"ip", "ip6", "inet", NULL};
    return is_one_of(s, families);
}

static bool is_reference(struct piece s) /* to a set */
{
    return s.n > 1 && s.p[0] == '@' && is_name((struct piece){s.p + 1, s.n - 1});
}

/* One key of a packet. */
static bool take_key(struct words *w)
{
    static const char *const keys[] = {
        "ip saddr",  "ip daddr",    "ip6 saddr",   "ip6 daddr",    "tcp dport",
        "udp dport", "sctp dport",  "udp sport",   "th dport",     "icmp type",
        "icmp code", "icmpv6 type", "icmpv6 code", "meta l4proto", "meta priority",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (take_all(w, keys[i])) {
            return true;
        }
    }
    return false;
}

static bool take_keys(struct words *w)
{
    bool ok = take_key(w);
    while (ok && take(w, ".")) {
        ok = take_key(w);
    }
    return ok;
}

/* What a rule may have before its verdict. */
static bool take_match(struct words *w)
{
    if (take_all(w, "ct state established,related") || take_all(w, "iifname \"lo\"") ||
        take_all(w, "oifname \"lo\"") || take_all(w, "meta priority set none")) {
        return true;
    }
    if (take_all(w, "meta priority set")) {
        return take_keys(w) &&
               (take(w, "|") ? take_if(w, is_address) : take(w, "map") && take_if(w, is_reference));
    }
    if (take_all(w, "limit rate")) {
        struct piece rate = peek(w, 0);
        w->at++;
        return consists_of(rate, DIGITS "/second") && take(w, "burst") && take_if(w, is_number) &&
               take(w, "packets");
    }
    if (take_all(w, "log prefix")) {
        return take_if(w, is_string);
    }
    if (!take_keys(w)) {
        return false;
    }
    if (take(w, "&")) {
        return take_if(w, is_address) && take(w, "==") && take_if(w, is_address);
    }
    take(w, "!=");
    return take_if(w, is_number) || take_if(w, is_address) || take_if(w, is_reference) ||
           (take(w, "vmap") && take_if(w, is_reference));
}

static bool take_verdict(struct words *w)
{
    static const char *const ends[] = {"accept", "drop", "return", NULL};
    if (is_one_of(peek(w, 0), ends)) {
        w->at++;
        return true;
    }
    return (take(w, "goto") || take(w, "jump")) && take_if(w, is_name);
}

static bool is_nft_rule(struct words *w)
{
    while (take_match(w)) {
    }
    take_verdict(w);
    if (take(w, "comment") && !take_if(w, is_string)) {
        return false;
    }
    return w->at == w->n && w->n > 0;
}

static bool is_value(struct piece s)
{
    return is_number(s) || is_address(s);
}

/* "KEY [. KEY]… [: VERDICT or class]", and more of them behind commas. */
static bool is_elements(struct words *w)
{
    while (w->at < w->n) {
        struct piece *s = &w->v[w->at];
        bool last = s->p[s->n - 1] == ',';
        s->n -= last;
        if (take(w, ".") || take(w, ":")) {
            continue;
        }
        if ((take(w, "goto") || take(w, "jump")) && w->at < w->n) {
            s = &w->v[w->at];
            s->n -= s->p[s->n - 1] == ',';
            if (!take_if(w, is_name)) {
                return false;
            }
        } else if (!take_if(w, is_value)) {
            return false;
        }
    }
    return w->n > 0;
}

static bool is_set_head(struct words *w)
{
    static const char *const types[] = {"ipv4_addr",   "ipv6_addr",   "inet_proto", "inet_service",
                                        "classid",     "verdict",     "icmp_type",  "icmp_code",
                                        "icmpv6_type", "icmpv6_code", ".",          ":",
                                        NULL};
    if (take(w, "type")) {
        while (w->at < w->n && is_one_of(w->v[w->at], types)) {
            w->at++;
        }
        return w->at == w->n;
    }
    return (take(w, "size") && take_if(w, is_number)) || take_all(w, "flags interval");
}

struct nft_reader {
    enum { TOP, TABLE, CHAIN, SET, SET_ELEMENTS, MORE_ELEMENTS, FEWER_ELEMENTS } where;
    struct words words;
};

static bool read_top(struct nft_reader *r)
{
    struct words *w = &r->words;
    if (take(w, "table")) {
        bool ok = take_if(w, is_family) && take(w, "npc");
        if (take(w, "{")) {
            r->where = TABLE;
            return ok;
        }
        return ok && take(w, "{}");
    }
    bool fewer = take_all(w, "delete element");
    if (fewer || take_all(w, "add element")) {
        r->where = fewer ? FEWER_ELEMENTS : MORE_ELEMENTS;
        return take_if(w, is_family) && take(w, "npc") && take_if(w, is_name) && take(w, "{");
    }
    if (take_all(w, "add chain") || take_all(w, "delete chain") || take_all(w, "flush chain") ||
        take_all(w, "delete set") || take_all(w, "flush set") || take_all(w, "delete map") ||
        take_all(w, "flush map")) {
        return take_if(w, is_family) && take(w, "npc") && take_if(w, is_name);
    }
    return (take_all(w, "add table") || take_all(w, "delete table")) && take_if(w, is_family) &&
           take(w, "npc");
}

static bool read_table(struct nft_reader *r)
{
    struct words *w = &r->words;
    if (take(w, "}")) {
        r->where = TOP;
        return true;
    }
    r->where = take(w, "chain") ? CHAIN : SET;
    return (r->where == CHAIN || take(w, "set") || take(w, "map")) && take_if(w, is_name) &&
           take(w, "{");
}

static bool read_chain(struct nft_reader *r)
{
    static const char *const hooks[] = {"forward", "input", "output", NULL};
    struct words *w = &r->words;
    if (take(w, "}")) {
        r->where = TABLE;
        return true;
    }
    if (take_all(w, "type filter hook")) {
        bool ok = is_one_of(peek(w, 0), hooks);
        w->at++;
        return ok && take_all(w, "priority 0; policy accept;");
    }
    return is_nft_rule(w);
}

static bool read_set(struct nft_reader *r)
{
    struct words *w = &r->words;
    if (take(w, "}")) {
        r->where = TABLE;
        return true;
    }
    if (take_all(w, "elements = {")) {
        r->where = SET_ELEMENTS;
        return true;
    }
    return is_set_head(w);
}

static bool read_elements(struct nft_reader *r)
{
    if (take(&r->words, "}")) {
        r->where = r->where == SET_ELEMENTS ? SET : TOP;
        return true;
    }
    return is_elements(&r->words);
}

/* Elements to delete are those of a file that may come from anywhere: nft will look at them, and
 * all that matters is that no other command comes of them. */
static bool read_fewer(struct nft_reader *r)
{
    bool ok = true;
    if (take(&r->words, "}")) {
        r->where = TOP;
        return true;
    }
    for (; ok && r->words.at < r->words.n; r->words.at++) {
        ok = consists_of(r->words.v[r->words.at], LETTERS DIGITS ":._/,-");
    }
    return ok;
}

static bool read_nft_line(struct nft_reader *r)
{
    static bool (*const readers[])(struct nft_reader * r) = {[TOP] = read_top,
                                                             [TABLE] = read_table,
                                                             [CHAIN] = read_chain,
                                                             [SET] = read_set,
                                                             [SET_ELEMENTS] = read_elements,
                                                             [MORE_ELEMENTS] = read_elements,
                                                             [FEWER_ELEMENTS] = read_fewer};
    return readers[r->where](r) && r->words.at == r->words.n;
}

char *fuzz_read_nft(const char *text, size_t size)
{
    struct piece rest = {text, size}, line;
    struct nft_reader r = {.where = TOP};
    struct shape shape;
    shape_begin(&shape);
    while (next_line(&rest, &line)) {
        while (line.n > 0 && line.p[0] == '\t') {
            line = (struct piece){line.p + 1, line.n - 1};
        }
        if (line.n > 0 && line.p[0] == '#') {
            check_line(r.where <= TABLE && consists_of(line, COMMENT "#='"), "a bad comment", line);
            fputs("#\n", shape.out);
        } else if (line.n > 0) {
            split(line, &r.words);
            check_line(read_nft_line(&r), "this line is not in the grammar of nft outputs", line);
            put_words(shape.out, &r.words);
        }
    }
    FUZZ_CHECK(r.where == TOP, "the text ends inside a table");
    return shape_end(&shape);
}

/* ---- iptables-restore and ipset restore ---- */

static bool is_own(struct piece s)
{
    return begins(s, "NPC-") && s.n <= 28 && is_name(s); /* XT_EXTENSION_MAXNAMELEN */
}

static bool is_list(struct piece s) /* of ports, or an ICMP type */
{
    return consists_of(s, DIGITS ",:/");
}

static bool is_rate(struct piece s)
{
    return consists_of(s, DIGITS "/second");
}

static bool is_protocol(struct piece s)
{
    static const char *const names[] = {"tcp", "udp", "sctp", "icmp", "ipv6-icmp", NULL};
    return is_one_of(s, names);
}

static bool is_match(struct piece s)
{
    static const char *const names[] = {"comment", "conntrack", "limit", "multiport", "set", NULL};
    return is_one_of(s, names);
}

static bool is_states(struct piece s)
{
    return is(s, "ESTABLISHED,RELATED");
}

static bool is_device(struct piece s)
{
    return is(s, "lo");
}

static bool is_side(struct piece s)
{
    return is(s, "src") || is(s, "dst");
}

static bool is_jump(struct piece s)
{
    static const char *const names[] = {"RETURN", "DROP", "LOG", NULL};
    return is_one_of(s, names) || is_own(s);
}

static const struct option {
    const char *name;
    bool (*value)(struct piece s);
    bool (*second)(struct piece s);
    bool last; /* nothing but --log-prefix may follow */
} options[] = {
    {"-s", is_address, NULL, false},
    {"-d", is_address, NULL, false},
    {"-p", is_protocol, NULL, false},
    {"-i", is_device, NULL, false},
    {"-o", is_device, NULL, false},
    {"-m", is_match, NULL, false},
    {"--dport", is_list, NULL, false},
    {"--sport", is_list, NULL, false},
    {"--dports", is_list, NULL, false},
    {"--icmp-type", is_list, NULL, false},
    {"--icmpv6-type", is_list, NULL, false},
    {"--ctstate", is_states, NULL, false},
    {"--match-set", is_own, is_side, false},
    {"--comment", is_string, NULL, false},
    {"--limit", is_rate, NULL, false},
    {"--limit-burst", is_number, NULL, false},
    {"-j", is_jump, NULL, true},
    {"-g", is_own, NULL, true},
    {"--log-prefix", is_string, NULL, true},
};

static bool take_option(struct words *w, bool *ended)
{
    take(w, "!");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct option *o = &options[i];
        if (take(w, o->name)) {
            bool ok = !*ended || strcmp(o->name, "--log-prefix") == 0;
            *ended = o->last;
            return ok && take_if(w, o->value) && (o->second == NULL || take_if(w, o->second));
        }
    }
    return false;
}

static bool is_rules_line(struct words *w)
{
    if (take(w, "*filter") || take(w, "COMMIT")) {
        return true;
    }
    if (peek(w, 0).n > 1 && peek(w, 0).p[0] == ':') {
        struct piece name = {peek(w, 0).p + 1, peek(w, 0).n - 1};
        w->v[0] = name;
        w->at++;
        return is_own(name) && take_all(w, "- [0:0]");
    }
    bool ended = false, ok = take(w, "-A") && take_if(w, is_own);
    while (ok && w->at < w->n) {
        ok = take_option(w, &ended);
    }
    return ok && ended;
}

static bool is_ipset_line(struct words *w)
{
    static const char *const types[] = {"hash:net", "hash:ip", NULL};
    if (take(w, "create")) {
        bool ok = take_if(w, is_own) && is_one_of(peek(w, 0), types);
        w->at++;
        return ok && take(w, "family") && (take(w, "inet") || take(w, "inet6")) &&
               take(w, "hashsize") && take_if(w, is_number) && take(w, "maxelem") &&
               take_if(w, is_number);
    }
    if (take(w, "add")) {
        bool ok = take_if(w, is_own) && take_if(w, is_address);
        take(w, "nomatch");
        return ok;
    }
    if (take(w, "swap")) {
        return take_if(w, is_own) && take_if(w, is_own);
    }
    return (take(w, "flush") || take(w, "destroy")) && take_if(w, is_own);
}

char *fuzz_read_iptables(const char *text, size_t size)
{
    struct piece rest = {text, size}, line;
    struct shape shape;
    struct words w;
    size_t chains = 0;
    bool sets = memmem(text, size, "\n*filter\n", 9) == NULL, committed = sets;
    shape_begin(&shape);
    while (next_line(&rest, &line)) {
        if (line.n > 0 && line.p[0] == '#') {
            check_line(consists_of(line, COMMENT "#<|=;"), "a bad comment", line);
            continue;
        }
        split(line, &w);
        bool ok = sets ? is_ipset_line(&w) : is_rules_line(&w);
        check_line(ok && w.at == w.n && (sets || !committed),
                   "this line is not in the grammar of iptables outputs", line);
        committed = committed || is(line, "COMMIT");
        if (line.n > 0 && line.p[0] == ':' && is_hashed(w.v[0])) {
            chains++; /* they are sorted by their hashes, and their order means nothing */
        } else {
            put_words(shape.out, &w);
        }
    }
    FUZZ_CHECK(committed, "there is no COMMIT");
    fprintf(shape.out, "%zu\n", chains);
    return shape_end(&shape);
}
