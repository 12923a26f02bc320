/*
 * The small phrases of the language, checked and turned into the IR's: names, labels, selectors,
 * addresses, ports. Each looks at one phrase; none knows groups or policies.
 */
#include "frontend/dsl_resolve.h"

const struct selector selector_all = {0};

/* ---- names ---- */

bool check_name(struct resolver *r, const struct ast_word *w, const char *what,
                const char *(*rule)(struct str))
{
    const char *fault = rule(w->text);
    if (fault != NULL) {
        FAIL(r, NPC025, w->loc.at, "%s '" STR_FMT "' must %s", what, STR_ARG(w->text), fault);
    }
    return fault == NULL;
}

/* A letter, then letters, digits, '-', '_' and '.': no '/', which separates the namespace, and
 * nothing that could be taken for a number or an address. */
static const char *own_name_rule(struct str s)
{
    bool fine = s.n > 0;
    for (size_t i = 0; i < s.n && fine; i++) {
        unsigned char c = (unsigned char)s.p[i];
        fine = i == 0 ? ch_is_alpha(c) : ch_is_alnum(c) || c == '-' || c == '_' || c == '.';
    }
    return fine ? NULL : "start with a letter and consist of letters, digits, '-', '_' and '.'";
}

bool check_own_name(struct resolver *r, const struct ast_word *w, const char *what)
{
    return check_name(r, w, what, own_name_rule);
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ch_is_digit((unsigned char)s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static struct str skip_zeros(struct str s)
{
    while (s.n > 1 && s.p[0] == '0') {
        s = (struct str){s.p + 1, s.n - 1};
    }
    return s;
}

bool parse_number(struct resolver *r, const struct ast_word *w, const char *what, uint32_t max,
                  uint32_t *out)
{
    if (str_to_u32(w->text, max, out)) {
        return true;
    }
    struct diag *d = FAIL(r, NPC026, w->loc.at, "%s '" STR_FMT "' is no number from 0 to %u", what,
                          STR_ARG(w->text), (unsigned)max);
    HINT(r, d, "numbers are plain decimal, without leading zeros");
    return false;
}

/* ---- labels ---- */

bool add_label_value(struct resolver *r, struct label_list *to, struct label label)
{
    if (to->seen.arena == NULL) {
        strmap_init(&to->seen, r->a);
    }
    struct label *kept = ARENA_NEW(r->a, struct label);
    *kept = label;
    const struct label *first = strmap_get(&to->seen, label.key);
    if (first != NULL) {
        struct diag *d =
            FAIL(r, NPC031, label.at, "the key '" STR_FMT "' is given twice", STR_ARG(label.key));
        ALSO(r, d, first->at, "first given here");
        return false;
    }
    strmap_put(&to->seen, label.key, kept);
    vec_push(r->a, &to->list, label);
    return true;
}

bool add_label(struct resolver *r, struct label_list *to, const struct ast_item *item,
               bool is_annotation)
{
    bool fine = check_name(r, &item->name, is_annotation ? "the annotation key" : "the label key",
                           is_annotation ? name_check_annotation_key : name_check_label_key);
    if (!is_annotation) {
        fine &= check_name(r, &item->value, "the label value", name_check_label_value);
    }
    const struct label label = {item->name.text, item->value.text, item->loc.at};
    return fine && add_label_value(r, to, label);
}

struct labels labels_of(const struct label_list *from)
{
    return (struct labels){from->list.v, from->list.n};
}

/* ---- selectors ---- */

static bool fill_values(struct resolver *r, const struct ast_req *req, struct sel_req *out)
{
    bool fine = true;
    if (req->values == NULL) {
        return true;
    }
    out->nvalues = 0;
    out->values = ARENA_NEW_ARRAY(r->a, req->values->n, struct str);
    for (const struct ast_elem *e = req->values->first; e != NULL; e = e->next) {
        fine &= check_name(r, &e->word, "the label value", name_check_label_value);
        out->values[out->nvalues++] = e->word.text;
    }
    return fine;
}

/* A map of labels holds a key once, so `k=a & k=b` could not even be written in Kubernetes. */
static bool check_repeated(struct resolver *r, struct strmap *seen, struct ast_req *req)
{
    if (req->op != SEL_EQ) {
        return true;
    }
    const struct ast_req *first = strmap_put(seen, req->key.text, req);
    if (first == NULL) {
        return true;
    }
    struct diag *d = FAIL(r, NPC031, req->loc.at, "the label '" STR_FMT "' is required twice",
                          STR_ARG(req->key.text));
    ALSO(r, d, first->loc.at, "first required here");
    struct str a = first->values->first->word.text, b = req->values->first->word.text;
    if (str_eq(a, b)) {
        HINT(r, d, "leave one of them out");
    } else {
        HINT(r, d,
             "nothing has two values of one label; for either, write " STR_FMT " in {" STR_FMT
             ", " STR_FMT "}",
             STR_ARG(req->key.text), STR_ARG(a), STR_ARG(b));
    }
    return false;
}

static bool fill_selector(struct resolver *r, const struct ast_selector *s, struct selector *out)
{
    bool fine = true;
    struct strmap seen;
    strmap_init(&seen, r->a);
    out->at = s->loc.at;
    out->v = ARENA_NEW_ARRAY(r->a, s->n, struct sel_req);
    for (struct ast_req *req = s->first; req != NULL; req = req->next) {
        struct sel_req *to = &out->v[out->n++];
        *to = (struct sel_req){.op = req->op, .key = req->key.text, .at = req->loc.at};
        fine &= check_name(r, &req->key, "the label key", name_check_label_key);
        fine &= fill_values(r, req, to);
        fine &= check_repeated(r, &seen, req);
    }
    return fine;
}

const struct selector *selector_of(struct resolver *r, struct ast_selector *s)
{
    if (s->meaning == NULL && !s->bad) {
        struct selector *made = ARENA_NEW(r->a, struct selector);
        s->bad = !fill_selector(r, s, made);
        s->meaning = s->bad ? NULL : made;
    }
    return s->meaning;
}

static struct selector *one_requirement(struct resolver *r, enum sel_op op, size_t nvalues,
                                        struct span at)
{
    struct selector *s = ARENA_NEW(r->a, struct selector);
    s->n = 1;
    s->at = at;
    s->v = ARENA_NEW(r->a, struct sel_req);
    *s->v = (struct sel_req){.op = op, .key = STR(LABEL_NS_NAME), .nvalues = nvalues, .at = at};
    s->v->values = ARENA_NEW_ARRAY(r->a, nvalues, struct str);
    return s;
}

const struct selector *selector_for_ns(struct resolver *r, struct str ns, struct span at)
{
    struct selector *s = one_requirement(r, SEL_EQ, 1, at);
    s->v->values[0] = ns;
    return s;
}

/* `namespace a` is one requirement by =, `namespace {a}` one by in: two spellings in Kubernetes. */
static const struct selector *named_namespaces(struct resolver *r, const struct ast_scope *scope)
{
    bool fine = true;
    const struct ast_set *names = scope->names;
    struct selector *s =
        one_requirement(r, names->braced ? SEL_IN : SEL_EQ, names->n, scope->loc.at);
    size_t n = 0;
    for (const struct ast_elem *e = names->first; e != NULL; e = e->next) {
        fine &= check_name(r, &e->word, "the namespace", name_check_dns_label);
        s->v->values[n++] = e->word.text;
    }
    return fine ? s : NULL;
}

const struct selector *scope_of(struct resolver *r, struct ast_scope *scope)
{
    if (scope->meaning != NULL || scope->bad) {
        return scope->meaning;
    }
    switch (scope->kind) {
    case SCOPE_THIS: /* the caller's to know */
        return NULL;
    case SCOPE_NAMES:
        scope->meaning = named_namespaces(r, scope);
        break;
    case SCOPE_LABELS:
        scope->meaning = selector_of(r, scope->labels);
        break;
    case SCOPE_ALL:
        scope->meaning = &selector_all;
        break;
    }
    scope->bad = scope->meaning == NULL;
    return scope->meaning;
}

/* ---- addresses ---- */

static bool has_slash(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '/') {
            return true;
        }
    }
    return false;
}

/* "10.0.0.1" where a prefix belongs. */
static void no_length(struct resolver *r, const struct ast_word *w)
{
    enum family family;
    struct ip ip;
    enum ip_parse how = ip_parse(w->text, &family, &ip);
    if (how == IP_BAD) {
        struct diag *d =
            FAIL(r, NPC024, w->loc.at, "'" STR_FMT "' is no address", STR_ARG(w->text));
        HINT(r, d,
             "write addresses as numbers with a prefix length, such as 10.0.0.0/8; names are "
             "never looked up");
        return;
    }
    struct diag *d = FAIL(r, NPC024, w->loc.at, "the address " STR_FMT " has no prefix length",
                          STR_ARG(w->text));
    struct str text = ip_text(r->a, family, ip);
    HINT(r, d, "did you mean " STR_FMT "/%d?", STR_ARG(text), family == FAM_IP4 ? 32 : 128);
}

/* Both readings of 10.0.0.5/8. */
static void host_bits(struct resolver *r, const struct ast_word *w, struct cidr masked)
{
    struct str address = w->text;
    while (address.p[address.n - 1] != '/') {
        address.n--;
    }
    address.n--;
    enum family family;
    struct ip ip = {0};
    ip_parse(address, &family, &ip);
    struct str host = ip_text(r->a, masked.family, ip);
    struct str net = cidr_text(r->a, masked);
    struct diag *d = FAIL(r, NPC313, w->loc.at, STR_FMT " has bits set beyond its prefix length",
                          STR_ARG(w->text));
    HINT(r, d, "did you mean " STR_FMT " or " STR_FMT "/%d?", STR_ARG(net), STR_ARG(host),
         masked.family == FAM_IP4 ? 32 : 128);
}

static void not_canonical(struct resolver *r, const struct ast_word *w, const char *fault,
                          struct str canonical)
{
    struct diag *d = FAIL(r, NPC313, w->loc.at, STR_FMT " %s", STR_ARG(w->text), fault);
    HINT(r, d, "write " STR_FMT, STR_ARG(canonical));
}

/* Reports why an address or prefix is not taken; `net` is what it would be. */
static bool check_read(struct resolver *r, const struct ast_word *w, enum ip_parse how,
                       const struct cidr *net, bool is_prefix)
{
    const char *fault = "is not in canonical form";
    switch (how) {
    case IP_OK:
        return true;
    case IP_HOST_BITS:
        host_bits(r, w, *net);
        return false;
    case IP_LEADING_ZERO: /* 010.0.0.1 is 8.0.0.1 for some readers and 10.0.0.1 for others */
        fault = "has leading zeros, which programs read differently";
        break;
    case IP_NOT_CANONICAL:
        break;
    case IP_MAPPED: /* no IPv4 packet ever matches an IPv6 rule */
        FAIL(r, NPC313, w->loc.at,
             STR_FMT " is an IPv4-mapped IPv6 address, which no packet carries; write it as IPv4",
             STR_ARG(w->text));
        return false;
    case IP_BAD:
        FAIL(r, NPC024, w->loc.at, "'" STR_FMT "' is no address%s", STR_ARG(w->text),
             is_prefix ? " with prefix length" : "");
        return false;
    }
    not_canonical(r, w, fault,
                  is_prefix ? cidr_text(r->a, *net) : ip_text(r->a, net->family, net->first));
    return false;
}

bool parse_cidr(struct resolver *r, const struct ast_word *w, struct cidr *out)
{
    bool bits = false;
    if (!has_slash(w->text)) {
        no_length(r, w);
        return false;
    }
    enum ip_parse how = cidr_parse(w->text, out, &bits);
    return check_read(r, w, how, out, true);
}

bool parse_address(struct resolver *r, const struct ast_word *w, struct address *out)
{
    if (has_slash(w->text)) {
        struct diag *d = FAIL(r, NPC024, w->loc.at, "'" STR_FMT "' is a prefix, not one address",
                              STR_ARG(w->text));
        HINT(r, d, "leave out the prefix length");
        return false;
    }
    struct cidr one = {0};
    enum ip_parse how = ip_parse(w->text, &one.family, &one.first);
    *out = (struct address){.family = one.family, .ip = one.first};
    return check_read(r, w, how, &one, false);
}

static bool check_except(struct resolver *r, const struct ast_elem *e, const struct ast_word *outer,
                         struct cidr cidr, struct cidr except)
{
    const char *fault = NULL;
    if (except.family != cidr.family) {
        fault = "is of the other address family than";
    } else if (cidr_cmp(except, cidr) == 0) {
        fault = "is all of";
    } else if (!cidr_contains(cidr, except)) {
        fault = "is not inside";
    }
    if (fault != NULL) {
        struct diag *d = FAIL(r, NPC024, e->loc.at, "the exception " STR_FMT " %s " STR_FMT,
                              STR_ARG(e->word.text), fault, STR_ARG(outer->text));
        HINT(r, d, "an exception lies strictly inside its own cidr");
    }
    return fault == NULL;
}

/* Exceptions that together cover everything leave a peer that matches nothing. */
static bool check_remainder(struct resolver *r, const struct ast_elem *e, const struct peer *peer)
{
    VEC(struct ip_range) ranges = {0};
    for (size_t i = 0; i < peer->nexcept; i++) {
        const struct ip_range range = {peer->except[i].first, cidr_last(peer->except[i])};
        vec_push(r->a, &ranges, range);
    }
    struct ipset gone = ipset_of_ranges(r->a, ranges.v, ranges.n);
    if (ipset_covers(gone, ipset_of_cidr(r->a, peer->cidr))) {
        FAIL(r, NPC024, e->loc.at, "the exceptions cover all of " STR_FMT ": this matches nothing",
             STR_ARG(e->word.text));
        return false;
    }
    return true;
}

bool parse_cidr_peer(struct resolver *r, const struct ast_elem *e, struct peer *out)
{
    out->kind = PEER_CIDR;
    bool fine = parse_cidr(r, &e->word, &out->cidr), outer = fine;
    if (e->except == NULL) {
        return fine;
    }
    out->except = ARENA_NEW_ARRAY(r->a, e->except->n, struct cidr);
    out->except_at = ARENA_NEW_ARRAY(r->a, e->except->n, struct span);
    for (const struct ast_elem *x = e->except->first; x != NULL; x = x->next) {
        struct cidr *to = &out->except[out->nexcept];
        out->except_at[out->nexcept++] = x->loc.at;
        fine &=
            parse_cidr(r, &x->word, to) && (!outer || check_except(r, x, &e->word, out->cidr, *to));
    }
    return fine && check_remainder(r, e, out);
}

/* ---- ports ---- */

static bool split(struct str s, char at, struct str *before, struct str *behind)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == at) {
            *before = (struct str){s.p, i};
            *behind = (struct str){s.p + i + 1, s.n - i - 1};
            return true;
        }
    }
    return false;
}

static bool all_of(struct str s, bool (*is)(unsigned char))
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is((unsigned char)s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_hex(unsigned char c)
{
    return ch_is_digit(c) || (ch_lower(c) >= 'a' && ch_lower(c) <= 'f');
}

static bool is_digit_or_underscore(unsigned char c)
{
    return ch_is_digit(c) || c == '_' || c == '.';
}

/* Text that some program takes for a number: 080, 0x50, 0o17, 1_000, 80.0, 1e3. Some of it would be
 * a legal port name, but nobody means that. */
static bool looks_numeric(struct str s)
{
    struct str tail = s.n > 2 ? (struct str){s.p + 2, s.n - 2} : (struct str){0};
    unsigned char base = s.n > 2 ? ch_lower((unsigned char)s.p[1]) : 0;
    struct str mantissa, exponent;
    if (s.n == 0 || !ch_is_digit((unsigned char)s.p[0])) {
        return false;
    }
    if (s.p[0] == '0' &&
        (base == 'x' ? all_of(tail, is_hex) : (base == 'o' || base == 'b') && is_digits(tail))) {
        return true;
    }
    if ((split(s, 'e', &mantissa, &exponent) || split(s, 'E', &mantissa, &exponent)) &&
        all_of(mantissa, is_digit_or_underscore)) {
        return is_digits(exponent);
    }
    return all_of(s, is_digit_or_underscore);
}

static bool bad_number(struct resolver *r, const struct ast_word *w, struct str number)
{
    struct diag *d;
    if (!is_digits(number)) {
        d = FAIL(r, NPC026, w->loc.at, "'" STR_FMT "' is no plain decimal number", STR_ARG(number));
        HINT(r, d, "a port is written tcp/80; one of this name, \"" STR_FMT "\"", STR_ARG(w->text));
    } else if (number.n > 1 && number.p[0] == '0') {
        struct str plain = skip_zeros(number);
        d = FAIL(r, NPC026, w->loc.at, "'" STR_FMT "' has a leading zero", STR_ARG(number));
        HINT(r, d, "did you mean " STR_FMT "?", STR_ARG(plain));
    } else {
        FAIL(r, NPC026, w->loc.at, "'" STR_FMT "' is no port from 1 to 65535", STR_ARG(number));
    }
    return false;
}

static bool port_number(struct resolver *r, const struct ast_word *w, struct str text,
                        uint16_t *out)
{
    uint32_t number;
    if (!str_to_u32(text, UINT16_MAX, &number) || number == 0) {
        return bad_number(r, w, text);
    }
    *out = (uint16_t)number;
    return true;
}

static bool port_range(struct resolver *r, const struct ast_word *w, struct str low,
                       struct str high, struct port *out)
{
    out->form = PORT_RANGE;
    if (!port_number(r, w, low, &out->first) || !port_number(r, w, high, &out->last)) {
        return false;
    }
    if (out->first > out->last) {
        struct diag *d =
            FAIL(r, NPC023, w->loc.at, "the range " STR_FMT " runs downwards", STR_ARG(w->text));
        HINT(r, d, "did you mean %s/%u-%u?", proto_name(out->proto), out->last, out->first);
        return false;
    }
    return true;
}

static bool port_named(struct resolver *r, const struct ast_word *w, struct str name,
                       struct port *out)
{
    out->form = PORT_NAMED;
    out->name = name;
    const char *fault = name_check_port(name);
    if (fault != NULL) {
        FAIL(r, NPC023, w->loc.at, "the port name '" STR_FMT "' must %s", STR_ARG(name), fault);
    }
    return fault == NULL;
}

/* icmp/TYPE and icmp/TYPE.CODE; keys as in ir/ports.h. */
static bool port_icmp(struct resolver *r, const struct ast_word *w, struct str rest,
                      struct port *out)
{
    struct str type_text = rest, code_text;
    bool has_code = split(rest, '.', &type_text, &code_text);
    uint32_t type, code = 0;
    if (!str_to_u32(type_text, 255, &type) || (has_code && !str_to_u32(code_text, 255, &code))) {
        const char *proto = proto_name(out->proto);
        struct diag *d =
            FAIL(r, NPC023, w->loc.at, "'" STR_FMT "' is no ICMP type or type.code", STR_ARG(rest));
        HINT(r, d, "write %s/TYPE, %s/TYPE.CODE or %s/*, with numbers from 0 to 255", proto, proto,
             proto);
        return false;
    }
    out->form = has_code ? PORT_ONE : PORT_RANGE;
    out->first = (uint16_t)(type << 8 | code);
    out->last = has_code ? out->first : (uint16_t)(type << 8 | 255);
    return true;
}

static bool is_icmp(enum proto proto)
{
    return proto == PROTO_ICMP || proto == PROTO_ICMP6;
}

static bool port_form(struct resolver *r, const struct ast_word *w, struct str rest,
                      struct port *out)
{
    struct str low, high;
    if (rest.n == 0) {
        struct diag *d =
            FAIL(r, NPC023, w->loc.at, "'" STR_FMT "' names no port", STR_ARG(w->text));
        HINT(r, d, "every port of the protocol is " STR_FMT "*", STR_ARG(w->text));
        return false;
    }
    if (out->proto == PROTO_ANY) {
        return port_named(r, w, rest, out);
    }
    if (str_is(rest, "*")) {
        out->form = PORT_WHOLE;
        return true;
    }
    if (is_icmp(out->proto)) {
        return port_icmp(r, w, rest, out);
    }
    if (split(rest, '-', &low, &high) && looks_numeric(low) && looks_numeric(high)) {
        return port_range(r, w, low, high, out);
    }
    if (looks_numeric(rest)) {
        out->form = PORT_ONE;
        bool fine = port_number(r, w, rest, &out->first);
        out->last = out->first;
        return fine;
    }
    return port_named(r, w, rest, out);
}

/* Quoted, "tcp/NAME" is always a name, so that every name that Kubernetes knows can be said.
 * Without quotes the scanner sees to it that a protocol is there. */
static bool port_of(struct resolver *r, const struct ast_word *w, bool quoted, struct port *out)
{
    struct str proto, rest;
    *out = (struct port){.at = w->loc.at};
    if (!split(w->text, '/', &proto, &rest) || !proto_of_name(proto, &out->proto) ||
        (quoted && out->proto > PROTO_SCTP)) {
        struct diag *d = FAIL(r, NPC023, w->loc.at, "a string that is no named port");
        HINT(r, d,
             "ports are written tcp/80 or tcp/http; quotes are for names that read as numbers, as "
             "in \"tcp/0x50\"");
        return false;
    }
    return quoted ? port_named(r, w, rest, out) : port_form(r, w, rest, out);
}

bool parse_port(struct resolver *r, const struct ast_word *w, struct port *out)
{
    return port_of(r, w, false, out);
}

bool parse_port_element(struct resolver *r, const struct ast_elem *e, struct port *out)
{
    return port_of(r, &e->word, e->kind == ELEM_QUOTED_PORT, out);
}
