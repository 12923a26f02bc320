/*
 * Reads `ipsets` and one `rules` file as npc writes them and says what becomes of a packet: the few
 * options that npc uses, taken literally, one word after the other. Whatever it does not know is a
 * failed test. It knows nothing of policies, classes and layouts.
 */
#ifndef NPC_TESTS_IPT_SIM_H
#define NPC_TESTS_IPT_SIM_H

#include "nft_sim.h"

enum { IPT_DEPTH = 16, IPT_STEPS = 100000 };

struct ipt_sim_member {
    struct cidr at;
    bool nomatch;
};

struct ipt_sim_set {
    struct str name;
    VEC(struct ipt_sim_member) members;
};

struct ipt_sim_chain {
    struct str name;
    VEC(struct str) rules;
};

struct ipt_sim { /* one family's filter table, and all sets */
    struct arena *arena;
    enum family family;
    struct strmap sets, chains; /* by name */
};

/* ---- reading ---- */

/* The next word, which may stand in quotes; empty at the end. */
static inline struct str ipt_sim_word(struct str *s)
{
    size_t from = 0, n;
    if (s->n > 0 && s->p[0] == '"') {
        from = 1;
        for (n = 1; n < s->n && s->p[n] != '"'; n++) {
        }
    } else {
        for (n = 0; n < s->n && s->p[n] != ' '; n++) {
        }
    }
    struct str word = {s->p + from, n - from};
    n += from;
    n += n < s->n && s->p[n] == ' ';
    *s = (struct str){s->p + n, s->n - n};
    return word;
}

static inline struct str ipt_sim_line(struct str *s)
{
    const char *end = memchr(s->p, '\n', s->n);
    struct str line = {s->p, end != NULL ? (size_t)(end - s->p) : s->n};
    *s = (struct str){s->p + line.n + (end != NULL), s->n - line.n - (end != NULL)};
    return line;
}

/* An address or a prefix. */
static inline struct cidr ipt_sim_cidr(struct str text)
{
    struct cidr c;
    bool good;
    if (memchr(text.p, '/', text.n) != NULL) {
        good = cidr_parse(text, &c, NULL) == IP_OK;
    } else {
        good = ip_parse(text, &c.family, &c.first) == IP_OK;
        c.len = good && c.family == FAM_IP6 ? 128 : 32;
    }
    if (!good) {
        sim_fail("the prefix", text);
    }
    return c;
}

static inline struct ipt_sim_set *ipt_sim_set_of(const struct ipt_sim *s, struct str name)
{
    struct ipt_sim_set *set = strmap_get(&s->sets, name);
    if (set == NULL) {
        sim_fail("the set", name);
    }
    return set;
}

static inline void ipt_sim_command(struct ipt_sim *s, struct str line)
{
    struct str rest = line, command = ipt_sim_word(&rest), name = ipt_sim_word(&rest);
    if (str_is(command, "create")) {
        if (strmap_get(&s->sets, name) == NULL) { /* -exist */
            struct ipt_sim_set *set = ARENA_NEW(s->arena, struct ipt_sim_set);
            set->name = name;
            strmap_put(&s->sets, name, set);
        }
        return;
    }
    struct ipt_sim_set *set = ipt_sim_set_of(s, name);
    if (str_is(command, "flush") || str_is(command, "destroy")) {
        set->members.n = 0;
    } else if (str_is(command, "add")) {
        struct ipt_sim_member m = {.at = ipt_sim_cidr(ipt_sim_word(&rest))};
        m.nomatch = str_is(rest, "nomatch");
        vec_push(s->arena, &set->members, m);
    } else if (str_is(command, "swap")) {
        struct ipt_sim_set *other = ipt_sim_set_of(s, rest), keep = *set;
        *set = *other;
        *other = keep;
    } else {
        sim_fail("the command", line);
    }
}

static inline void ipt_sim_table_line(struct ipt_sim *s, struct str line)
{
    struct str rest = line, first = ipt_sim_word(&rest);
    if (first.n > 0 && first.p[0] == ':') {
        struct ipt_sim_chain *c = ARENA_NEW(s->arena, struct ipt_sim_chain);
        c->name = (struct str){first.p + 1, first.n - 1};
        if (strmap_put(&s->chains, c->name, c) != NULL) {
            sim_fail("a chain twice", line);
        }
    } else if (str_is(first, "-A")) {
        struct ipt_sim_chain *c = strmap_get(&s->chains, ipt_sim_word(&rest));
        if (c == NULL) {
            sim_fail("the chain of", line);
        }
        vec_push(s->arena, &c->rules, rest);
    } else if (!str_is(line, "*filter") && !str_is(line, "COMMIT")) {
        sim_fail("the line", line);
    }
}

static inline struct ipt_sim ipt_sim_read(struct arena *a, struct str rules, struct str ipsets,
                                          enum family f)
{
    struct ipt_sim s = {.arena = a, .family = f};
    strmap_init(&s.sets, a);
    strmap_init(&s.chains, a);
    while (ipsets.n > 0) {
        struct str line = ipt_sim_line(&ipsets);
        if (line.n > 0 && line.p[0] != '#') {
            ipt_sim_command(&s, line);
        }
    }
    while (rules.n > 0) {
        struct str line = ipt_sim_line(&rules);
        if (line.n > 0 && line.p[0] != '#') {
            ipt_sim_table_line(&s, line);
        }
    }
    return s;
}

/* ---- one rule ---- */

static inline bool ipt_sim_in_cidr(const struct ipt_sim *s, struct str text, struct ip ip)
{
    struct cidr c = ipt_sim_cidr(text);
    return c.family == s->family && cidr_has(c, s->family, ip);
}

/* ipset(8): the longest prefix decides. */
static inline bool ipt_sim_in_set(const struct ipt_sim *s, struct str name, struct ip ip)
{
    const struct ipt_sim_set *set = ipt_sim_set_of(s, name);
    int longest = -1;
    bool in = false;
    for (size_t i = 0; i < set->members.n; i++) {
        const struct ipt_sim_member *m = &set->members.v[i];
        if ((int)m->at.len > longest && cidr_has(m->at, s->family, ip)) {
            longest = m->at.len;
            in = !m->nomatch;
        }
    }
    return in;
}

static inline unsigned ipt_sim_number(struct str text)
{
    uint32_t n;
    if (!str_to_u32(text, 65535, &n)) {
        sim_fail("the number", text);
    }
    return n;
}

/* "80", "80:90", or a list of both. */
static inline bool ipt_sim_in_ports(struct str list, unsigned port)
{
    bool in = false;
    while (list.n > 0) {
        struct str one = sim_cut(&list, ","), first = sim_cut(&one, ":");
        unsigned low = ipt_sim_number(first), high = one.n > 0 ? ipt_sim_number(one) : low;
        in = in || (low <= port && port <= high);
    }
    return in;
}

/* "8", "8/0". */
static inline bool ipt_sim_is_type(const struct ipt_sim *s, struct str text, struct sim_packet p)
{
    struct str type = sim_cut(&text, "/");
    unsigned t = ipt_sim_number(type);
    bool any = t == 255 && s->family == FAM_IP4; /* xt_icmp */
    return any || (t == p.type && (text.n == 0 || ipt_sim_number(text) == p.code));
}

static inline bool ipt_sim_is_proto(struct str name, unsigned proto)
{
    static const struct {
        const char *name;
        unsigned number;
    } known[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"icmp", 1}, {"ipv6-icmp", 58}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_is(name, known[i].name)) {
            return proto == known[i].number;
        }
    }
    sim_fail("the protocol", name);
}

/* Whether the packet fits an option and its value. Every packet is new, and none is on loopback. */
static inline bool ipt_sim_option(const struct ipt_sim *s, struct str option, struct str *rest,
                                  struct sim_packet p)
{
    struct str value = ipt_sim_word(rest);
    if (str_is(option, "-m") || str_is(option, "--comment") || str_is(option, "--limit") ||
        str_is(option, "--limit-burst")) {
        return true;
    }
    if (str_is(option, "-i") || str_is(option, "-o") || str_is(option, "--ctstate")) {
        return false;
    }
    if (str_is(option, "-s") || str_is(option, "-d")) {
        return ipt_sim_in_cidr(s, value, str_is(option, "-s") ? p.source : p.destination);
    }
    if (str_is(option, "-p")) {
        return ipt_sim_is_proto(value, p.proto);
    }
    if (str_is(option, "--dport") || str_is(option, "--dports")) {
        return ipt_sim_in_ports(value, p.dport);
    }
    if (str_is(option, "--sport")) {
        return ipt_sim_in_ports(value, p.sport);
    }
    if (str_is(option, "--icmp-type") || str_is(option, "--icmpv6-type")) {
        return ipt_sim_is_type(s, value, p);
    }
    if (str_is(option, "--match-set")) {
        bool source = str_is(ipt_sim_word(rest), "src");
        return ipt_sim_in_set(s, value, source ? p.source : p.destination);
    }
    sim_fail("the option", option);
}

/* Whether all options fit; then *rest begins with the target. */
static inline bool ipt_sim_fits(const struct ipt_sim *s, struct str *rest, struct sim_packet p)
{
    bool fits = true;
    while (rest->n > 0 && !str_starts(*rest, "-j ") && !str_starts(*rest, "-g ")) {
        struct str option = ipt_sim_word(rest);
        fits = ipt_sim_option(s, option, rest, p) && fits;
    }
    return fits;
}

/* ---- the walk ---- */

struct ipt_sim_place {
    const struct ipt_sim_chain *chain;
    size_t rule;
};

static inline const struct ipt_sim_chain *ipt_sim_chain_of(const struct ipt_sim *s, struct str name)
{
    const struct ipt_sim_chain *c = strmap_get(&s->chains, name);
    if (c == NULL) {
        sim_fail("the chain", name);
    }
    return c;
}

/* Whether the packet comes back from the root chain. */
static inline bool ipt_sim_passes(const struct ipt_sim *s, const char *root, struct sim_packet p)
{
    struct ipt_sim_place stack[IPT_DEPTH] = {{ipt_sim_chain_of(s, str_of(root)), 0}};
    size_t depth = 0;
    for (size_t steps = 0; steps < IPT_STEPS; steps++) {
        struct ipt_sim_place *at = &stack[depth];
        struct str rest = STR("-j RETURN");
        if (at->rule < at->chain->rules.n) {
            rest = at->chain->rules.v[at->rule++];
        }
        if (!ipt_sim_fits(s, &rest, p)) {
            continue;
        }
        bool jump = str_is(ipt_sim_word(&rest), "-j");
        struct str target = ipt_sim_word(&rest);
        if (jump && str_is(target, "DROP")) {
            return false;
        }
        if (jump && str_is(target, "RETURN")) {
            if (depth-- == 0) {
                return true;
            }
        } else if (!jump || !str_is(target, "LOG")) {
            depth += jump;
            if (depth == IPT_DEPTH) {
                sim_fail("so many jumps to", target);
            }
            stack[depth] = (struct ipt_sim_place){ipt_sim_chain_of(s, target), 0};
        }
    }
    sim_fail("an end of", str_of(root));
}

#endif
