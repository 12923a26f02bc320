/*
 * Readers of npc's outputs, for the fuzz targets: of nft and iptables text by small closed grammars
 * written from the manuals of those programs, of YAML by libyaml, of JSON by jansson, of the
 * language by its tokens. They share no code with what writes, and know no policy.
 */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <yaml.h>

/* ---- shapes, and text in pieces ---- */

struct shape {
    char *text;
    size_t size;
    FILE *out;
};

static void shape_begin(struct shape *s)
{
    s->out = open_memstream(&s->text, &s->size);
    FUZZ_CHECK(s->out != NULL, "no memory");
}

static char *shape_end(struct shape *s)
{
    FUZZ_CHECK(fclose(s->out) == 0, "no memory");
    return s->text;
}

struct piece { /* of a text */
    const char *p;
    size_t n;
};

static bool is(struct piece s, const char *word)
{
    return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

static bool is_one_of(struct piece s, const char *const *words)
{
    while (*words != NULL && !is(s, *words)) {
        words++;
    }
    return *words != NULL;
}

static bool begins(struct piece s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
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

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
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
static bool is_hashed(struct piece s)
{
    enum { SLUG = 7, HASH = 16 };
    return (begins(s, "npc_is_") && s.n == 7 + HASH) ||
           (begins(s, "NPC-") && s.n == 4 + SLUG + 1 + HASH && s.p[4 + SLUG] == '-');
}

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
        return take_keys(w) && take(w, "map") && take_if(w, is_reference);
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
    static const char *const names[] = {"src",         "dst",         "src,dst",     "dst,src",
                                        "src,src",     "dst,dst",     "src,dst,dst", "src,dst,src",
                                        "dst,dst,src", "dst,src,src", NULL};
    return is_one_of(s, names) || consists_of(s, "srcdt,");
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
    static const char *const types[] = {"hash:net",
                                        "hash:ip",
                                        "hash:ip,port",
                                        "hash:net,port",
                                        "hash:net,net",
                                        "hash:ip,port,ip",
                                        "bitmap:port",
                                        "hash:ip,port,net",
                                        "hash:ip,mark",
                                        "hash:net,port,net",
                                        NULL};
    if (take(w, "create")) {
        bool ok = take_if(w, is_own) && is_one_of(peek(w, 0), types);
        w->at++;
        return ok && take(w, "family") && (take(w, "inet") || take(w, "inet6")) &&
               take(w, "hashsize") && take_if(w, is_number) && take(w, "maxelem") &&
               take_if(w, is_number);
    }
    if (take(w, "add")) {
        bool ok = take_if(w, is_own) && consists_of(peek(w, 0), DIGITS "abcdef.:/-,tcpuds");
        w->at++;
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

/* ---- YAML ---- */

char *fuzz_read_yaml(const char *text, size_t size)
{
    struct shape shape;
    yaml_parser_t parser;
    yaml_event_t event;
    bool end = false;
    shape_begin(&shape);
    FUZZ_CHECK(yaml_parser_initialize(&parser) == 1, "no memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    while (!end) {
        FUZZ_CHECK(yaml_parser_parse(&parser, &event) == 1, "the output is not YAML");
        fprintf(shape.out, "%d", (int)event.type);
        if (event.type == YAML_SCALAR_EVENT) {
            fputc(' ', shape.out);
            fwrite(event.data.scalar.value, 1, event.data.scalar.length, shape.out);
        }
        FUZZ_CHECK(event.type != YAML_ALIAS_EVENT, "an alias in the output");
        fputc('\n', shape.out);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return shape_end(&shape);
}

/* ---- JSON ---- */

/* `made` says whether strings may be names that npc has made of a hash. */
static void put_json(FILE *out, const json_t *j, bool made)
{
    size_t i;
    const char *key;
    const json_t *value;
    json_t *object = json_incref((json_t *)(uintptr_t)j); /* iterators want it so */
    if (json_is_string(j)) {
        struct piece s = {json_string_value(j), json_string_length(j)};
        bool hashed = made && is_hashed(s);
        fputc('"', out);
        fwrite(hashed ? "N" : s.p, 1, hashed ? 1 : s.n, out);
    } else if (json_is_array(j)) {
        fputc('[', out);
        json_array_foreach(object, i, value)
        {
            put_json(out, value, made);
        }
        fputc(']', out);
    } else if (json_is_object(j)) {
        fputc('{', out);
        json_object_foreach(object, key, value)
        {
            fprintf(out, "%s:", key);
            put_json(out, value,
                     made && (strcmp(key, "policy") != 0 && strcmp(key, "member") != 0));
        }
        fputc('}', out);
    } else if (json_is_integer(j)) {
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    } else {
        fputs(json_is_true(j) ? "true" : json_is_false(j) ? "false" : "null", out);
    }
    fputc('\n', out);
    json_decref(object);
}

static char *read_json(const char *text, size_t size, bool made)
{
    struct shape shape;
    json_error_t error;
    json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    FUZZ_CHECK(j != NULL, "the output is not JSON");
    shape_begin(&shape);
    put_json(shape.out, j, made);
    json_decref(j);
    return shape_end(&shape);
}

char *fuzz_read_json(const char *text, size_t size)
{
    return read_json(text, size, false);
}

/* What is left of -t json without places and the faithful form, with sorted keys. The kind goes,
 * too: a BaselineAdminNetworkPolicy is written as the ClusterNetworkPolicy that it means. */
char *fuzz_read_meaning(const char *text, size_t size)
{
    static const char *const dropped[] = {"at", "kind", "target", "isolates", "rules", "raw"};
    size_t i;
    json_t *policy, *j = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *policies = json_object_get(j, "policies");
    FUZZ_CHECK(json_is_array(policies), "no policies in -t json");
    json_array_foreach(policies, i, policy)
    {
        FUZZ_CHECK(json_object_get(policy, "normalized") != NULL, "a policy without normal form");
        for (size_t k = 0; k < sizeof dropped / sizeof *dropped; k++) {
            json_object_del(policy, dropped[k]);
        }
    }
    char *meaning = json_dumps(policies, JSON_SORT_KEYS | JSON_COMPACT);
    FUZZ_CHECK(meaning != NULL, "no memory");
    json_decref(j);
    return meaning;
}

/* ---- the npc language ---- */

static void put_utf8(FILE *out, unsigned long c)
{
    if (c < 0x80) {
        fputc((int)c, out);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    fputc((int)((0xff00u >> (more + 1) & 0xff) | c >> 6 * more), out);
    while (more-- > 0) {
        fputc((int)(0x80 | (c >> 6 * more & 0x3f)), out);
    }
}

/* Reads "…" with its escapes; returns how long it is. */
static size_t put_string(FILE *out, struct piece s)
{
    size_t i = 1;
    while (i < s.n && s.p[i] != '"') {
        FUZZ_CHECK((unsigned char)s.p[i] >= 0x20, "a control byte in a string");
        if (s.p[i] != '\\') {
            fputc(s.p[i++], out);
            continue;
        }
        FUZZ_CHECK(i + 1 < s.n, "a string does not end");
        char c = s.p[i + 1];
        i += 2;
        if (c == 'u') {
            char *end;
            put_utf8(out, strtoul(s.p + i + 1, &end, 16));
            FUZZ_CHECK(s.p[i] == '{' && *end == '}', "a bad escape");
            i = (size_t)(end - s.p) + 1;
        } else {
            FUZZ_CHECK(strchr("\"\\ntr", c) != NULL && c != '\0', "a bad escape");
            fputc(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c, out);
        }
    }
    FUZZ_CHECK(i < s.n, "a string does not end");
    return i + 1;
}

/* A word and a string of the same text are the same token here: names are quoted as needed. */
char *fuzz_read_npc(const char *text, size_t size)
{
    struct piece s = {text, size};
    struct shape shape;
    shape_begin(&shape);
    while (s.n > 0) {
        size_t n = 1;
        if (s.p[0] == '#') {
            const char *end = memchr(s.p, '\n', s.n);
            FUZZ_CHECK(end != NULL, "a comment does not end");
            n = (size_t)(end - s.p);
        } else if (begins(s, "\"\"\"")) {
            const char *end = memmem(s.p + 3, s.n - 3, "\"\"\"", 3);
            FUZZ_CHECK(end != NULL, "a long string does not end");
            n = (size_t)(end - s.p) + 3;
            fwrite(s.p + 3, 1, n - 6, shape.out);
            fputc('\n', shape.out);
        } else if (s.p[0] == '"') {
            n = put_string(shape.out, s);
            fputc('\n', shape.out);
        } else if (s.p[0] == ',') {
            n = 1; /* stands between items of one line, and not between lines */
        } else if (strchr("{}&=!", s.p[0]) != NULL && s.p[0] != '\0') {
            fprintf(shape.out, "%c\n", s.p[0]);
        } else if (s.p[0] != ' ' && s.p[0] != '\n') {
            n = strspn(s.p, LETTERS DIGITS "_.:/*->");
            FUZZ_CHECK(n > 0, "a character that is in no token of the language");
            fprintf(shape.out, "%.*s\n", (int)n, s.p);
        }
        s = (struct piece){s.p + n, s.n - n};
    }
    return shape_end(&shape);
}

/* ---- all of a backend ---- */

static char *read_file(const char *backend, const char *path, const char *text, size_t size)
{
    static const struct {
        const char *backend;
        char *(*read)(const char *text, size_t size);
    } readers[] = {{"k8s", fuzz_read_yaml}, {"calico", fuzz_read_yaml},
                   {"npc", fuzz_read_npc},  {"json", fuzz_read_json},
                   {"nft", fuzz_read_nft},  {"iptables", fuzz_read_iptables}};
    size_t n = strlen(path);
    if (n >= 4 && strcmp(path + n - 4, ".map") == 0) {
        return read_json(text, size, true);
    }
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        if (strcmp(readers[i].backend, backend) == 0) {
            return readers[i].read(text, size);
        }
    }
    return strndup(text, size);
}

char *fuzz_read_output(const char *backend, const struct npc_output *out)
{
    struct shape shape;
    shape_begin(&shape);
    if (!out->directory) {
        char *text = read_file(backend, "", out->text, out->size);
        fputs(text, shape.out);
        free(text);
    }
    for (size_t i = 0; i < out->nfiles; i++) {
        char *text = read_file(backend, out->files[i].path, out->files[i].text, out->files[i].size);
        fprintf(shape.out, "%s\n%s", out->files[i].path, text);
        free(text);
    }
    return shape_end(&shape);
}
