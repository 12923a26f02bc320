/*
 * Options of a run, by their command-line names: one table, one setter per kind of value. The
 * command line knows which command takes which option; this file knows what their values may be.
 */
#include "lib/context.h"

typedef bool (*option_fn)(struct npc *n, struct str option, struct str value);

static bool bad_value(struct npc *n, struct str option, struct str value, const char *expected)
{
    diag_error(&n->ctx.diags, NPC901, (struct span){0}, "--" STR_FMT " cannot be '" STR_FMT "': %s",
               STR_ARG(option), STR_ARG(value), expected);
    return false;
}

static bool set_namespace(struct npc *n, struct str option, struct str value)
{
    const char *wrong = name_check_dns_label(value);
    if (wrong != NULL) {
        return bad_value(n, option, value, str_printf(&n->ctx.arena, "it must %s", wrong).p);
    }
    n->load.default_ns = value;
    n->load.has_default_ns = true;
    return true;
}

static bool set_root(struct npc *n, struct str option, struct str value)
{
    if (value.n == 0) {
        return bad_value(n, option, value, "it must name a directory");
    }
    n->load.root = value;
    return true;
}

static bool set_allow_raw(struct npc *n, struct str option, struct str value)
{
    (void)option, (void)value;
    n->load.allow_raw = true;
    return true;
}

static bool set_allow_aliases(struct npc *n, struct str option, struct str value)
{
    (void)option, (void)value;
    n->load.allow_aliases = true;
    return true;
}

static bool set_lenient(struct npc *n, struct str option, struct str value)
{
    (void)option, (void)value;
    n->load.lenient = true;
    return true;
}

static bool set_skip_kind(struct npc *n, struct str option, struct str value)
{
    if (value.n == 0) {
        return bad_value(n, option, value, "it must name a kind");
    }
    vec_push(&n->ctx.arena, &n->skip_kinds, value);
    return true;
}

static bool set_expect_count(struct npc *n, struct str option, struct str value)
{
    uint32_t count;
    if (!str_to_u32(value, UINT32_MAX, &count)) {
        return bad_value(n, option, value, "it must be a decimal number");
    }
    n->load.has_expect_count = true;
    n->load.expect_count = count;
    return true;
}

/* A number of seconds, minutes, hours or days: "90s", "7d". */
static bool set_max_age(struct npc *n, struct str option, struct str value)
{
    static const struct {
        char letter;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 60 * 60}, {'d', 24 * 60 * 60}};
    const struct str digits = {value.p, value.n > 0 ? value.n - 1 : 0};
    uint32_t number;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (value.n > 0 && value.p[value.n - 1] == units[i].letter &&
            str_to_u32(digits, UINT32_MAX, &number) && number > 0) {
            n->load.max_age = (uint64_t)number * units[i].seconds;
            return true;
        }
    }
    return bad_value(n, option, value, "it must be a time like 90s, 10m, 1h or 7d");
}

static bool scope_taken(struct npc *n, enum bind_scope wanted)
{
    if (n->emit.bind.scope == BIND_ALL || n->emit.bind.scope == wanted) {
        return false;
    }
    diag_error(&n->ctx.diags, NPC901, (struct span){0},
               "--node and --host exclude each other: rules are for the pods of a node, or for one "
               "machine");
    return true;
}

static bool set_node(struct npc *n, struct str option, struct str value)
{
    if (value.n == 0) {
        return bad_value(n, option, value, "it must name a node of the inventory");
    }
    if (scope_taken(n, BIND_NODE)) {
        return false;
    }
    n->emit.bind.scope = BIND_NODE;
    n->emit.bind.node = value;
    return true;
}

/* Splits at the first `separator`; false if there is none. */
static bool split(struct str s, char separator, struct str *before, struct str *after)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == separator) {
            *before = (struct str){s.p, i};
            *after = (struct str){s.p + i + 1, s.n - i - 1};
            return true;
        }
    }
    return false;
}

static bool set_host(struct npc *n, struct str option, struct str value)
{
    struct str ns, name;
    if (!split(value, '/', &ns, &name) || ns.n == 0 || name.n == 0) {
        return bad_value(n, option, value, "it must be NAMESPACE/NAME of a workload");
    }
    if (scope_taken(n, BIND_HOST)) {
        return false;
    }
    n->emit.bind.scope = BIND_HOST;
    n->emit.bind.host_ns = ns;
    n->emit.bind.host = name;
    return true;
}

static bool set_ipblock(struct npc *n, struct str option, struct str value)
{
    if (!str_is(value, "any") && !str_is(value, "external")) {
        return bad_value(n, option, value, "it must be any or external");
    }
    n->emit.bind.ipblock_external = str_is(value, "external");
    return true;
}

/* One port of --failsafe: "tcp/22". Only protocols with ports: an ICMP type cannot lock out. */
static bool failsafe_port(struct str text, struct named_port *out)
{
    struct str proto, number;
    uint32_t port;
    if (!split(text, '/', &proto, &number) || !proto_of_name(proto, &out->proto) ||
        out->proto > PROTO_SCTP || !str_to_u32(number, 65535, &port) || port == 0) {
        return false;
    }
    out->number = (uint16_t)port;
    return true;
}

static bool set_failsafe(struct npc *n, struct str option, struct str value)
{
    VEC(struct named_port) ports = {0};
    struct str rest = value, first;
    bool more = !str_is(value, "none");
    while (more) {
        struct named_port port = {0};
        struct str all = rest;
        more = split(all, ',', &first, &rest);
        if (!failsafe_port(more ? first : all, &port)) {
            return bad_value(n, option, value,
                             "it must be none, or ports like tcp/22 with commas between them");
        }
        vec_push(&n->ctx.arena, &ports, port);
    }
    n->emit.failsafe = ports.v;
    n->emit.nfailsafe = ports.n;
    return true;
}

static bool set_max_elements(struct npc *n, struct str option, struct str value)
{
    uint32_t most;
    if (!str_to_u32(value, UINT32_MAX, &most) || most == 0) {
        return bad_value(n, option, value, "it must be a positive decimal number");
    }
    n->emit.bind.max_elements = most;
    return true;
}

static bool set_from(struct npc *n, struct str option, struct str value)
{
    enum { MOST = 1 << 30 };
    if (value.n == 0) {
        return bad_value(n, option, value, "it must name a file");
    }
    n->emit.from_name = value;
    return file_read(n, str_dup(&n->ctx.arena, value).p, MOST, &n->emit.from);
}

static bool set_log(struct npc *n, struct str option, struct str value)
{
    (void)option, (void)value;
    n->emit.log = true;
    return true;
}

/* xt_limit counts in ten thousandths of a second. */
static bool set_log_rate(struct npc *n, struct str option, struct str value)
{
    if (!str_to_u32(value, 10000, &n->emit.log_rate) || n->emit.log_rate == 0) {
        return bad_value(n, option, value, "it must be a number from 1 to 10000");
    }
    return true;
}

static const struct option {
    struct str name;
    bool flag; /* takes no value */
    option_fn set;
} options[] = {
    {STR_INIT("namespace"), false, set_namespace},
    {STR_INIT("root"), false, set_root},
    {STR_INIT("allow-raw"), true, set_allow_raw},
    {STR_INIT("allow-aliases"), true, set_allow_aliases},
    {STR_INIT("lenient"), true, set_lenient},
    {STR_INIT("skip-kind"), false, set_skip_kind},
    {STR_INIT("expect-count"), false, set_expect_count},
    {STR_INIT("max-age"), false, set_max_age},
    {STR_INIT("node"), false, set_node},
    {STR_INIT("host"), false, set_host},
    {STR_INIT("ipblock"), false, set_ipblock},
    {STR_INIT("failsafe"), false, set_failsafe},
    {STR_INIT("max-elements"), false, set_max_elements},
    {STR_INIT("log"), true, set_log},
    {STR_INIT("log-rate"), false, set_log_rate},
    {STR_INIT("from"), false, set_from},
};
#define NOPTIONS (sizeof options / sizeof options[0])

bool option_set(struct npc *n, struct str option, const char *value)
{
    for (size_t i = 0; i < NOPTIONS; i++) {
        if (!str_eq(option, options[i].name)) {
            continue;
        }
        if (options[i].flag != (value == NULL)) {
            diag_error(&n->ctx.diags, NPC901, (struct span){0}, "--" STR_FMT " takes %s value",
                       STR_ARG(option), options[i].flag ? "no" : "a");
            return false;
        }
        return options[i].set(n, option, str_dup(&n->ctx.arena, str_of(value)));
    }
    diag_error(&n->ctx.diags, NPC901, (struct span){0}, "no option is called '--" STR_FMT "'",
               STR_ARG(option));
    return false;
}
