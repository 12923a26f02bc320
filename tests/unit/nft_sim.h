/*
 * Reads an nft file as npc writes it and says what becomes of a packet: the few statements that npc
 * uses, taken literally, one word after the other. Whatever it does not know is a failed test. It
 * knows nothing of policies, classes and layouts.
 */
#ifndef NPC_TESTS_NFT_SIM_H
#define NPC_TESTS_NFT_SIM_H

#include "ir/addr.h"
#include "unit.h"

#include <string.h>

enum { SIM_FIELDS = 5, SIM_WORDS = 64, SIM_DEPTH = 16 };

struct sim_element {
    struct ip_range field[SIM_FIELDS];
    struct str value; /* of a map */
};

struct sim_set {
    struct str name;
    size_t nfields;
    VEC(struct sim_element) elements;
};

struct sim_chain {
    struct str name, hook;
    VEC(struct str) rules;
};

struct sim { /* one family's table */
    struct arena *arena;
    enum family family;
    VEC(struct sim_set) sets;
    VEC(struct sim_chain) chains;
};

struct sim_packet {
    struct ip source, destination;
    unsigned proto;        /* IANA number */
    unsigned sport, dport; /* of TCP, UDP, SCTP; what other protocols have in those bytes */
    unsigned type, code;   /* of ICMP */
    uint64_t priority;
};

static inline _Noreturn void sim_fail(const char *what, struct str text)
{
    printf("\nthe simulator does not know %s: " STR_FMT "\n", what, STR_ARG(text));
    abort();
}

/* ---- reading ---- */

static inline struct str sim_cut(struct str *s, const char *separator)
{
    size_t n = strlen(separator);
    if (s->n == 0) {
        return *s;
    }
    const char *at = memmem(s->p, s->n, separator, n);
    struct str head = at == NULL ? *s : (struct str){s->p, (size_t)(at - s->p)};
    size_t skip = at == NULL ? s->n : head.n + n;
    *s = (struct str){s->p + skip, s->n - skip};
    return head;
}

static inline struct str sim_trim(struct str s)
{
    while (s.n > 0 && strchr(" \t\n,", s.p[0]) != NULL) {
        s = (struct str){s.p + 1, s.n - 1};
    }
    while (s.n > 0 && strchr(" \t\n,", s.p[s.n - 1]) != NULL) {
        s.n--;
    }
    return s;
}

/* An address, a number, or major:minor of a class, as a number. */
static inline struct ip sim_number(struct str s, enum family f, bool class)
{
    enum family of;
    struct ip ip;
    uint32_t n = 0;
    if (class) { /* two hexadecimal halves */
        uint64_t half[2] = {0, 0};
        size_t at = 0;
        for (size_t i = 0; i < s.n; i++) {
            const char *digit = strchr("0123456789abcdef", s.p[i]);
            if (s.p[i] == ':') {
                at++;
            } else if (digit == NULL) {
                sim_fail("a class", s);
            } else {
                half[at] = half[at] << 4 | (uint64_t)(digit - "0123456789abcdef");
            }
        }
        return (struct ip){0, half[0] << 16 | half[1]};
    }
    if (str_to_u32(s, UINT32_MAX, &n)) {
        return (struct ip){0, n};
    }
    if (ip_parse(s, &of, &ip) != IP_OK || of != f) {
        sim_fail("a value", s);
    }
    return ip;
}

/* "a", "a-b" or "a/len". */
static inline struct ip_range sim_range(struct str s, enum family f)
{
    bool class = s.n > 0 && memchr(s.p, ':', s.n) != NULL && memmem(s.p, s.n, "::", 2) == NULL &&
                 s.n < 12; /* npc's tests have no full IPv6 addresses that short */
    struct cidr c;
    if (memchr(s.p, '/', s.n) != NULL) {
        if (cidr_parse(s, &c, NULL) != IP_OK || c.family != f) {
            sim_fail("a prefix", s);
        }
        return (struct ip_range){c.first, cidr_last(c)};
    }
    struct str rest = s, first = sim_cut(&rest, "-");
    struct ip_range r = {sim_number(first, f, class), {0, 0}};
    r.last = rest.n > 0 ? sim_number(rest, f, class) : r.first;
    return r;
}

static inline void sim_read_elements(struct sim *t, struct sim_set *set, struct str line)
{
    for (struct str rest = sim_trim(line); rest.n > 0;) {
        struct str text = sim_cut(&rest, ", ");
        struct sim_element e = {.value = {NULL, 0}};
        e.value = text;
        struct str key = sim_trim(sim_cut(&e.value, " : "));
        e.value = sim_trim(e.value);
        set->nfields = 0;
        while (key.n > 0) {
            e.field[set->nfields++] = sim_range(sim_trim(sim_cut(&key, " . ")), t->family);
        }
        vec_push(t->arena, &set->elements, e);
    }
}

static inline struct sim_set *sim_set_of(struct sim *t, struct str name)
{
    for (size_t i = 0; i < t->sets.n; i++) {
        if (str_eq(t->sets.v[i].name, name)) {
            return &t->sets.v[i];
        }
    }
    vec_push(t->arena, &t->sets, (struct sim_set){.name = name});
    return &t->sets.v[t->sets.n - 1];
}

static inline struct sim_chain *sim_chain_of(const struct sim *t, struct str name)
{
    for (size_t i = 0; i < t->chains.n; i++) {
        if (str_eq(t->chains.v[i].name, name)) {
            return &t->chains.v[i];
        }
    }
    return NULL;
}

static inline void sim_read_line(struct sim *t, struct str line, struct sim_set **set,
                                 struct sim_chain **chain)
{
    struct str rest = sim_trim(line), word = sim_cut(&rest, " ");
    if (str_starts(line, "\t\t\t")) {
        sim_read_elements(t, *set, line);
    } else if (str_starts(line, "\t\t") && *chain != NULL && str_is(word, "type")) {
        sim_cut(&rest, "hook ");
        (*chain)->hook = sim_cut(&rest, " ");
    } else if (str_starts(line, "\t\t") && *chain != NULL) {
        vec_push(t->arena, &(*chain)->rules, sim_trim(line));
    } else if (str_starts(line, "\t") && (str_is(word, "set") || str_is(word, "map"))) {
        *set = sim_set_of(t, sim_cut(&rest, " "));
        *chain = NULL;
    } else if (str_starts(line, "\t") && str_is(word, "chain")) {
        vec_push(t->arena, &t->chains, (struct sim_chain){.name = sim_cut(&rest, " ")});
        *chain = &t->chains.v[t->chains.n - 1];
    }
}

/* Reads the table of one family out of a file. */
static inline struct sim sim_read(struct arena *a, struct str text, enum family f)
{
    struct sim t = {.arena = a, .family = f};
    struct sim_set *set = NULL;
    struct sim_chain *chain = NULL;
    const char *table = f == FAM_IP4 ? "table ip npc {" : "table ip6 npc {";
    const char *add = f == FAM_IP4 ? "add element ip npc " : "add element ip6 npc ";
    bool inside = false;
    while (text.n > 0) {
        struct str line = sim_cut(&text, "\n");
        if (str_starts(line, table)) {
            inside = !str_ends(line, "}");
        } else if (str_starts(line, add)) {
            sim_cut(&line, add);
            set = sim_set_of(&t, sim_cut(&line, " "));
            inside = true;
        } else if (str_is(line, "}")) {
            inside = false;
        } else if (inside && !str_starts(line, "\t#")) {
            sim_read_line(&t, line, &set, &chain);
        }
    }
    return t;
}

/* ---- running ---- */

struct sim_run {
    const struct sim *table;
    struct sim_packet *packet;
    struct str words[SIM_WORDS];
    size_t n, at; /* words of the rule, and where it is */
};

static inline bool sim_word(struct sim_run *r, const char *word)
{
    if (r->at < r->n && str_is(r->words[r->at], word)) {
        r->at++;
        return true;
    }
    return false;
}

/* Reads an expression and its value in the packet. False: the packet has no such thing. */
static inline bool sim_value(struct sim_run *r, struct ip *value)
{
    static const struct {
        const char *word, *field;
        unsigned proto;
    } table[] = {{"tcp", "dport", 6},    {"udp", "dport", 17},  {"sctp", "dport", 132},
                 {"udp", "sport", 17},   {"icmp", "type", 1},   {"icmp", "code", 1},
                 {"icmpv6", "type", 58}, {"icmpv6", "code", 58}};
    const struct sim_packet *p = r->packet;
    bool v4 = r->table->family == FAM_IP4;
    struct str word = r->words[r->at++], field = r->words[r->at++];
    *value = (struct ip){0, 0};
    if (str_is(word, v4 ? "ip" : "ip6")) {
        *value = str_is(field, "saddr") ? p->source : p->destination;
        return str_is(field, "saddr") || str_is(field, "daddr");
    }
    if (str_is(word, "meta") && str_is(field, "priority")) {
        value->lo = p->priority;
        return true;
    }
    if (str_is(word, "meta") && str_is(field, "l4proto")) {
        value->lo = p->proto;
        return true;
    }
    if (str_is(word, "th") && str_is(field, "dport")) {
        value->lo = p->dport;
        return true;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (str_is(word, table[i].word) && str_is(field, table[i].field)) {
            bool icmp = p->proto == 1 || p->proto == 58;
            value->lo = str_is(field, "sport")   ? p->sport
                        : str_is(field, "dport") ? p->dport
                        : str_is(field, "type")  ? p->type
                                                 : p->code;
            return p->proto == table[i].proto && (icmp || !str_is(word, "icmp"));
        }
    }
    sim_fail("an expression", word);
}

static inline const struct sim_element *sim_find(const struct sim *t, struct str name,
                                                 const struct ip *key, size_t n)
{
    const struct sim_set *set = NULL;
    for (size_t i = 0; i < t->sets.n; i++) {
        set = str_eq(t->sets.v[i].name, name) ? &t->sets.v[i] : set;
    }
    if (set == NULL || set->nfields != n) {
        sim_fail("a set of that shape", name);
    }
    for (size_t i = 0; i < set->elements.n; i++) {
        const struct sim_element *e = &set->elements.v[i];
        bool in = true;
        for (size_t k = 0; k < n; k++) {
            in = in && ip_cmp(e->field[k].first, key[k]) <= 0 &&
                 ip_cmp(key[k], e->field[k].last) <= 0;
        }
        if (in) {
            return e;
        }
    }
    return NULL;
}

/* Reads "expression [. expression]…"; returns the number of values, 0 if the packet lacks one. */
static inline size_t sim_key(struct sim_run *r, struct ip *key)
{
    size_t n = 0;
    bool has = true;
    do {
        has = sim_value(r, &key[n++]) && has;
    } while (sim_word(r, "."));
    return has ? n : 0;
}

static inline struct str sim_name(struct sim_run *r)
{
    struct str s = r->words[r->at++];
    return (struct str){s.p + 1, s.n - 1}; /* without the @ */
}

static inline bool sim_is_verdict(struct str word)
{
    return str_is(word, "accept") || str_is(word, "drop") || str_is(word, "return") ||
           str_is(word, "goto") || str_is(word, "jump");
}

/* One match or statement. False: the packet does not pass. A verdict of a map goes to *verdict. */
static inline bool sim_step(struct sim_run *r, struct str *verdict)
{
    struct ip key[SIM_FIELDS];
    const struct sim_element *e;
    if (sim_word(r, "ct")) { /* state established,related: every packet here is a first one */
        r->at += 2;
        return false;
    }
    if (sim_word(r, "iifname") || sim_word(r, "oifname")) {
        r->at++; /* "lo" */
        return false;
    }
    if (r->n - r->at >= 3 && str_is(r->words[r->at], "meta") &&
        str_is(r->words[r->at + 2], "set")) {
        r->at += 3;
        if (sim_word(r, "none")) {
            r->packet->priority = 0;
            return true;
        }
        if (r->n - r->at >= 4 && str_is(r->words[r->at + 2], "|")) {
            r->at += 3; /* meta priority | */
            r->packet->priority |= sim_number(r->words[r->at++], r->table->family, true).lo;
            return true;
        }
        size_t n = sim_key(r, key);
        r->at++; /* map */
        e = sim_find(r->table, sim_name(r), key, n);
        r->packet->priority = e == NULL ? 0 : sim_number(e->value, r->table->family, true).lo;
        return e != NULL;
    }
    size_t n = sim_key(r, key);
    if (sim_word(r, "vmap")) {
        struct str name = sim_name(r);
        e = n > 0 ? sim_find(r->table, name, key, n) : NULL;
        *verdict = e == NULL ? *verdict : e->value;
        return e != NULL;
    }
    if (sim_word(r, "!=")) {
        struct ip_range range = sim_range(r->words[r->at++], r->table->family);
        return ip_cmp(key[0], range.first) != 0;
    }
    if (sim_word(r, "&")) { /* MASK == VALUE */
        uint64_t mask = sim_number(r->words[r->at++], r->table->family, true).lo;
        if (n != 1 || !sim_word(r, "==")) {
            sim_fail("a test of bits", r->words[r->at]);
        }
        return (key[0].lo & mask) == sim_number(r->words[r->at++], r->table->family, true).lo;
    }
    if (r->words[r->at].p[0] == '@') {
        struct str name = sim_name(r);
        return n > 0 && sim_find(r->table, name, key, n) != NULL;
    }
    struct ip_range range = sim_range(r->words[r->at++], r->table->family);
    return n == 1 && ip_cmp(range.first, key[0]) <= 0 && ip_cmp(key[0], range.last) <= 0;
}

/* The verdict of a rule, as "goto i1" or "accept"; empty if the packet does not match. */
static inline struct str sim_rule(const struct sim *t, struct str rule, struct sim_packet *p)
{
    struct sim_run r = {.table = t, .packet = p};
    struct str text = sim_cut(&rule, " comment "), verdict = {NULL, 0};
    while (text.n > 0) {
        r.words[r.n++] = sim_cut(&text, " ");
    }
    while (r.at < r.n && !sim_is_verdict(r.words[r.at])) {
        if (!sim_step(&r, &verdict)) {
            return (struct str){NULL, 0};
        }
    }
    if (r.at < r.n) {
        struct str last = r.words[r.n - 1];
        verdict = (struct str){r.words[r.at].p, (size_t)(last.p + last.n - r.words[r.at].p)};
    }
    return verdict;
}

/* Whether a packet passes the hook. A family without such a hook lets it pass. */
static inline bool sim_passes(const struct sim *t, const char *hook, struct sim_packet p)
{
    struct place {
        const struct sim_chain *chain;
        size_t rule;
    } stack[SIM_DEPTH];
    size_t depth = 0;
    struct place now = {NULL, 0};
    for (size_t i = 0; i < t->chains.n; i++) {
        now.chain = str_is(t->chains.v[i].hook, hook) ? &t->chains.v[i] : now.chain;
    }
    while (now.chain != NULL) {
        struct str verdict = {NULL, 0};
        if (now.rule < now.chain->rules.n) {
            verdict = sim_rule(t, now.chain->rules.v[now.rule++], &p);
        } else {
            verdict = STR("return");
        }
        struct str rest = verdict, word = sim_cut(&rest, " ");
        if (str_is(word, "accept") || str_is(word, "drop")) {
            return str_is(word, "accept");
        }
        if (str_is(word, "return")) {
            now = depth > 0 ? stack[--depth] : (struct place){NULL, 0};
        } else if (str_is(word, "jump") || str_is(word, "goto")) {
            if (str_is(word, "jump") && depth < SIM_DEPTH) {
                stack[depth++] = now;
            }
            now = (struct place){sim_chain_of(t, rest), 0};
            if (now.chain == NULL) {
                sim_fail("a chain", rest);
            }
        } else if (word.n > 0) {
            sim_fail("a verdict", verdict);
        }
    }
    return true;
}

#endif
