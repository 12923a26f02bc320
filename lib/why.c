/*
 * Why a packet was dropped, from the line that the kernel logged about it (LOG of iptables, log of
 * nftables: both write the format of the kernel's nf_log_syslog). The line is read here; the answer
 * is a query's.
 */
#include "analysis/query.h"
#include "lib/context.h"

struct logged {
    struct str source, destination, protocol, port, type, code;
    struct str rule; /* what npc's prefix says of it: "i-…", "e-…" */
};

static const struct {
    struct str key;
    size_t member;
} fields[] = {
    {STR_INIT("SRC="), offsetof(struct logged, source)},
    {STR_INIT("DST="), offsetof(struct logged, destination)},
    {STR_INIT("PROTO="), offsetof(struct logged, protocol)},
    {STR_INIT("DPT="), offsetof(struct logged, port)},
    {STR_INIT("TYPE="), offsetof(struct logged, type)},
    {STR_INIT("CODE="), offsetof(struct logged, code)},
    {STR_INIT("npc:"), offsetof(struct logged, rule)},
};

static void take_word(struct logged *l, struct str word)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct str *value = (struct str *)((char *)l + fields[i].member);
        if (value->p == NULL && str_starts(word, fields[i].key.p)) {
            *value = (struct str){word.p + fields[i].key.n, word.n - fields[i].key.n};
        }
    }
}

/* Behind '[' an ICMP error quotes the packet that it is about. */
static struct logged read_line(struct str line)
{
    struct logged l = {0};
    for (size_t i = 0; i < line.n;) {
        size_t end = i;
        while (end < line.n && line.p[end] != ' ' && line.p[end] != '\n') {
            end++;
        }
        if (line.p[i] == '[' && l.source.p != NULL) {
            break;
        }
        take_word(&l, (struct str){line.p + i, end - i});
        i = end + 1;
    }
    return l;
}

/* A name, or a number: the kernel has no word for SCTP. (UDP-Lite, which it names, is not UDP.)
 * ICMP of the other family is a number, and nothing but another protocol. */
static bool read_protocol(struct str s, enum proto *p, bool *by_number)
{
    uint32_t number;
    *by_number = str_to_u32(s, UINT8_MAX, &number);
    for (enum proto i = PROTO_TCP; i < PROTO_KEYED; i++) {
        bool is_icmp = i == PROTO_ICMP || i == PROTO_ICMP6;
        if (*by_number ? !is_icmp && proto_number(i) == (int)number
                       : str_eq_nocase(s, str_of(proto_name(i)))) {
            *p = i;
            return true;
        }
    }
    *p = str_eq_nocase(s, STR("icmpv6")) ? PROTO_ICMP6 : PROTO_OTHER;
    return s.n > 0;
}

/* The kernel does not look into what it has no word for: any port is meant then. */
static bool read_port(struct str s, bool by_number, uint32_t *first, uint32_t *last)
{
    if (by_number && s.p == NULL) {
        *first = 0;
        *last = UINT16_MAX;
        return true;
    }
    bool ok = str_to_u32(s, UINT16_MAX, first);
    *last = *first;
    return ok;
}

static bool read_ports(struct npc *n, const struct logged *l, struct portset *ports)
{
    enum proto p;
    bool by_number;
    uint32_t first = 0, last = 0, type = 0, code = 0;
    if (!read_protocol(l->protocol, &p, &by_number)) {
        return false;
    }
    switch (p) {
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_SCTP:
        if (!read_port(l->port, by_number, &first, &last)) {
            return false;
        }
        break;
    case PROTO_ICMP:
    case PROTO_ICMP6:
        if (!str_to_u32(l->type, UINT8_MAX, &type) || !str_to_u32(l->code, UINT8_MAX, &code)) {
            return false;
        }
        first = last = type << 8 | code;
        break;
    case PROTO_OTHER:
    case PROTO_ANY:
        break;
    }
    *ports = portset_of(&n->ctx.arena, p, (uint16_t)first, (uint16_t)last);
    return true;
}

static enum npc_status no_line(struct npc *n)
{
    struct diag *d = diag_error(&n->ctx.diags, NPC901, (struct span){0},
                                "this is not what the kernel logs about a packet");
    diag_hint(&n->ctx.diags, d, "expected SRC=… DST=… PROTO=…, and DPT=… or TYPE=… CODE=…");
    return NPC_BAD;
}

static enum npc_status why(struct npc *n, struct str line, const char **text, size_t *size)
{
    size_t first = n->ctx.diags.list.n;
    struct logged l = read_line(line);
    struct portset ports;
    if (l.source.n == 0 || l.destination.n == 0 || !read_ports(n, &l, &ports)) {
        return no_line(n);
    }
    struct world_options options;
    const struct world *w =
        answer_world_options(n, &options) ? world_new(&n->ctx, &n->program, &options, NULL) : NULL;
    /* What a machine's input hook sees came to the machine, by whichever address: one that the
     * inventory does not know, broadcast, multicast. */
    const bool machine = w != NULL && w->options.host != NULL;
    const struct query q = {.from = l.source,
                            .to = l.destination,
                            .ports = &ports,
                            .from_host = machine && str_starts(l.rule, "e-"),
                            .to_host = machine && str_starts(l.rule, "i-")};
    const struct query_answer *a = w != NULL ? query_ask(w, &q) : NULL;
    if (a == NULL) {
        return failure_status(n, first);
    }
    if (a->lacks.n > 0) {
        return no_line(n); /* addresses of two families, or ICMP of the other */
    }
    struct buf *out = buf_new(&n->ctx.arena);
    query_text(a, true, out);
    *text = buf_text(out).p;
    *size = buf_text(out).n;
    return a->verdict == QUERY_YES ? NPC_NO : NPC_OK;
}

enum npc_status npc_why(struct npc *n, const char *line, const char **text, size_t *size)
{
    GUARD(n);
    if (!n->usable) {
        diag_error(&n->ctx.diags, NPC901, (struct span){0}, "there is no loaded program to ask");
        return NPC_BAD;
    }
    return why(n, str_of(line), text, size);
}
