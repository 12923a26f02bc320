/*
 * Validators against references: every input is put to each of them. The references are the
 * patterns of the Kubernetes API as its sources print them (apimachinery, util/validation;
 * network-policy-api, DomainName) and of yaml.org/type, run by the C library; inet_pton(3); and
 * formulas of the RFCs taken literally.
 */
#include "base/utf8.h"
#include "ir/policy.h"
#include "ir/yamlscalar.h"
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <regex.h>

static _Noreturn void no_memory(void *arg)
{
    (void)arg;
    abort();
}

/* ---- names, by pattern ---- */

#define LABEL     "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SUBDOMAIN LABEL "(\\." LABEL ")*"
#define QUALIFIED "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

enum pattern {
    DNS_LABEL,
    DNS_SUBDOMAIN,
    LABEL_PREFIX,
    LABEL_NAME,
    LABEL_VALUE,
    PORT_CHARACTERS,
    PORT_LETTER,
    DOMAIN,
    YAML_BOOL,
    YAML_INT,
    YAML_FLOAT,
    YAML_TIMESTAMP,
    DECIMAL,
    PATTERNS
};

static const char *const patterns[PATTERNS] = {
    [DNS_LABEL] = "^" LABEL "$",
    [DNS_SUBDOMAIN] = "^" SUBDOMAIN "$",
    [LABEL_PREFIX] = "^" SUBDOMAIN "$",
    [LABEL_NAME] = "^" QUALIFIED "$",
    [LABEL_VALUE] = "^(" QUALIFIED ")?$",
    [PORT_CHARACTERS] = "^[-a-z0-9]+$",
    [PORT_LETTER] = "[a-z]",
    /* Of [A-z], a slip in the API's own text, only the underscore is taken: see ir/names.c. */
    [DOMAIN] = "^(\\*\\.)?([a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.)+"
               "[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.?$",
    [YAML_BOOL] =
        "^(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|"
        "OFF)$",
    [YAML_INT] = "^([-+]?0[bB][01_]+|[-+]?0[oO][0-7_]+|[-+]?[0-9][0-9_]*|[-+]?0[xX][0-9a-fA-F_]+|"
                 "[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+)$",
    /* yaml.org's own text also takes 1.2.3 and a lone dot; no reader does. */
    [YAML_FLOAT] = "^([-+]?([0-9][0-9_]*(\\.[0-9_]*)?|\\.[0-9][0-9_]*)([eE][-+]?[0-9][0-9_]*)?|"
                   "[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*|"
                   "[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN))$",
    [YAML_TIMESTAMP] = "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:"
                       "[0-9]{1,2}(\\.([0-9][0-9_]*)?)?([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?)?)?)?$",
    [DECIMAL] = "^(0|[1-9][0-9]*)$",
};

/* The patterns' bytes are NUL-free; a text that is not matches none of them. */
static bool matches(enum pattern p, struct str s)
{
    static regex_t compiled[PATTERNS];
    static bool done[PATTERNS];
    if (!done[p]) {
        FUZZ_CHECK(regcomp(&compiled[p], patterns[p], REG_EXTENDED | REG_NOSUB) == 0, patterns[p]);
        done[p] = true;
    }
    if (memchr(s.p, '\0', s.n) != NULL) {
        return false;
    }
    char *text = strndup(s.p, s.n);
    bool matched = regexec(&compiled[p], text, 0, NULL, 0) == 0;
    free(text);
    return matched;
}

/* IsQualifiedName() */
static bool is_qualified_name(struct str s)
{
    const char *slash = memchr(s.p, '/', s.n);
    struct str name = s;
    if (slash != NULL) {
        struct str prefix = {s.p, (size_t)(slash - s.p)};
        name = (struct str){slash + 1, s.n - prefix.n - 1};
        if (prefix.n > 253 || !matches(LABEL_PREFIX, prefix)) {
            return false;
        }
    }
    return name.n <= 63 && matches(LABEL_NAME, name);
}

static bool is_annotation_key(struct str s)
{
    char *lower = strndup(s.p, s.n);
    for (size_t i = 0; lower[i] != '\0'; i++) {
        lower[i] += lower[i] >= 'A' && lower[i] <= 'Z' ? 'a' - 'A' : 0;
    }
    bool ok = strlen(lower) == s.n && is_qualified_name((struct str){lower, s.n});
    free(lower);
    return ok;
}

/* IsValidPortName() */
static bool is_port_name(struct str s)
{
    return s.n <= 15 && matches(PORT_CHARACTERS, s) && matches(PORT_LETTER, s) &&
           memmem(s.p, s.n, "--", 2) == NULL && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static void check_names(struct str s)
{
#define SAME(check, reference) FUZZ_CHECK(((check)(s) == NULL) == (reference), #check)
    SAME(name_check_subdomain, s.n <= 253 && matches(DNS_SUBDOMAIN, s));
    SAME(name_check_dns_label, s.n <= 63 && matches(DNS_LABEL, s));
    SAME(name_check_label_key, is_qualified_name(s));
    SAME(name_check_annotation_key, is_annotation_key(s));
    SAME(name_check_label_value, s.n <= 63 && matches(LABEL_VALUE, s));
    SAME(name_check_port, is_port_name(s));
    SAME(name_check_domain, matches(DOMAIN, s));
#undef SAME
}

/* ---- YAML scalars ---- */

static void check_scalar(struct str s)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    bool special = str_is(s, "<<") || str_is(s, "=");
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        special = special || str_is(s, nulls[i]);
    }
    bool string = !special && !matches(YAML_BOOL, s) && !matches(YAML_INT, s) &&
                  !matches(YAML_FLOAT, s) && !matches(YAML_TIMESTAMP, s);
    FUZZ_CHECK(yaml_plain_is_string(s) == string, "yaml_plain_is_string");
    FUZZ_CHECK(yaml_sense_name(yaml_resolve(s)) != NULL, "yaml_sense_name");
}

/* ---- numbers and text ---- */

static void check_number(struct str s)
{
    static const uint32_t most[] = {0, 255, 65535, UINT32_MAX};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        uint32_t out = 7;
        char *text = strndup(s.p, s.n);
        errno = 0;
        unsigned long long want = strtoull(text, NULL, 10);
        bool fits = matches(DECIMAL, s) && errno == 0 && want <= most[i];
        FUZZ_CHECK(str_to_u32(s, most[i], &out) == fits, "str_to_u32");
        FUZZ_CHECK(out == (fits ? want : 7), "str_to_u32: the value");
        free(text);
    }
}

/* RFC 3629: what section 3 encodes, and nothing longer, larger or a surrogate. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : 4;
    if (length > n || (length == 4 && p[0] >> 3 != 30)) {
        return 0;
    }
    *c = length == 1 ? p[0] : p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) {
            return 0;
        }
        *c = *c << 6 | (p[i] & 0x3f);
    }
    return *c < least[length] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : length;
}

static void check_utf8(struct str s)
{
    size_t at = 0, characters = 0, bad = s.n;
    while (at < s.n) {
        uint32_t want = 0, got = 0;
        size_t n = decode((const unsigned char *)s.p + at, s.n - at, &want);
        FUZZ_CHECK(utf8_decode((struct str){s.p + at, s.n - at}, &got) == n, "utf8_decode");
        if (n > 0) {
            char out[4];
            bool bidi = (want >= 0x202a && want <= 0x202e) || (want >= 0x2066 && want <= 0x2069) ||
                        want == 0x200e || want == 0x200f || want == 0x61c;
            FUZZ_CHECK(got == want && utf8_encode(want, out) == n &&
                           memcmp(out, s.p + at, n) == 0 && utf8_is_bidi_control(got) == bidi,
                       "utf8_encode");
        }
        bad = n == 0 && bad == s.n ? at : bad;
        at += n == 0 ? 1 : n;
        characters++;
    }
    FUZZ_CHECK(utf8_check(s) == bad, "utf8_check");
    FUZZ_CHECK(utf8_length(s) == characters, "utf8_length");
    char out[4];
    uint32_t surrogate = 0xd800 + (uint32_t)(s.n & 0x7ff);
    FUZZ_CHECK(utf8_encode(surrogate, out) == 0 && utf8_encode(0x110000, out) == 0, "utf8_encode");
}

/* ---- addresses ---- */

/* Go's net package before 1.17, which the API server keeps for old objects: leading zeros count for
 * nothing, anywhere. The rest is inet_pton's to judge. */
static bool strip_zeros(struct str s, char out[64])
{
    size_t n = 0;
    bool inside = false; /* a number that has begun with another digit than 0 */
    for (size_t i = 0; i < s.n; i++) {
        bool digit = s.p[i] != '\0' && strchr("0123456789abcdefABCDEF", s.p[i]) != NULL;
        bool more = i + 1 < s.n && s.p[i + 1] != '\0' &&
                    strchr("0123456789abcdefABCDEF", s.p[i + 1]) != NULL;
        inside = digit && (inside || s.p[i] != '0' || !more);
        if (digit && !inside) {
            continue;
        }
        if (s.p[i] == '\0' || n == 63) {
            return false;
        }
        out[n++] = s.p[i];
    }
    out[n] = '\0';
    return true;
}

struct reference {
    int family; /* AF_INET, AF_INET6; 0: none */
    unsigned char bytes[16];
    bool zeros; /* there were some to strip */
};

static struct reference address_reference(struct str s)
{
    struct reference r = {0};
    char text[64];
    if (!strip_zeros(s, text)) {
        return r;
    }
    r.zeros = strlen(text) != s.n;
    r.family = inet_pton(AF_INET, text, r.bytes) == 1    ? AF_INET
               : inet_pton(AF_INET6, text, r.bytes) == 1 ? AF_INET6
                                                         : 0;
    return r;
}

static bool is_mapped(const struct reference *r)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    return r->family == AF_INET6 && memcmp(r->bytes, prefix, sizeof prefix) == 0;
}

/* RFC 5952, section 4: lower case, no leading zeros, the first longest run of zeros (of two groups
 * or more) as "::". Section 5: the dotted form for the one well-known prefix, of mapped ones. */
static void canonical_ip6(const unsigned char bytes[16], char out[64])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        sprintf(out, "::ffff:%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);
        return;
    }
    int best = -1, length = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && bytes[2 * (i + n)] == 0 && bytes[2 * (i + n) + 1] == 0) {
            n++;
        }
        if (n > length) {
            best = i;
            length = n;
        }
    }
    char *p = out;
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            p += sprintf(p, "::");
            i += length - 1;
        } else {
            bool first = p == out || p[-1] == ':';
            p += sprintf(p, first ? "%x" : ":%x", bytes[2 * i] << 8 | bytes[2 * i + 1]);
        }
    }
}

static enum ip_parse how_written(struct str s, const struct reference *r)
{
    char canonical[64];
    if (r->family == 0) {
        return IP_BAD;
    }
    if (r->family == AF_INET) {
        return r->zeros ? IP_LEADING_ZERO : IP_OK;
    }
    canonical_ip6(r->bytes, canonical);
    return str_is(s, canonical) ? IP_OK : IP_NOT_CANONICAL;
}

static void check_address(struct str s, struct arena *a)
{
    struct reference r = address_reference(s);
    enum ip_parse want = is_mapped(&r) ? IP_MAPPED : how_written(s, &r);
    enum family f = FAM_IP4;
    struct ip ip = {0, 0};
    FUZZ_CHECK(ip_parse(s, &f, &ip) == want, "ip_parse");
    if (r.family == 0) {
        return;
    }
    unsigned char bytes[16];
    char text[64];
    FUZZ_CHECK((f == FAM_IP4) == (r.family == AF_INET), "ip_parse: the family");
    ip_bytes(f, ip, bytes);
    FUZZ_CHECK(memcmp(bytes, r.bytes, f == FAM_IP4 ? 4 : 16) == 0, "ip_parse: the address");
    if (f == FAM_IP4) {
        inet_ntop(AF_INET, r.bytes, text, sizeof text);
    } else {
        canonical_ip6(r.bytes, text);
    }
    FUZZ_CHECK(str_is(ip_text(a, f, ip), text), "ip_text");
}

static bool bit(const unsigned char *bytes, unsigned i)
{
    return bytes[i / 8] >> (7 - i % 8) & 1;
}

static void check_prefix(struct str s, struct arena *a)
{
    const char *slash = memchr(s.p, '/', s.n);
    struct str front = {s.p, slash != NULL ? (size_t)(slash - s.p) : 0};
    struct reference r = address_reference(front);
    unsigned top = r.family == AF_INET ? 32 : 128, length = 0;
    bool zeros = false, ok = slash != NULL && r.family != 0 && slash + 1 < s.p + s.n;
    for (const char *p = slash; ok && ++p < s.p + s.n;) {
        zeros = zeros || (*p == '0' && p == slash + 1 && p + 1 < s.p + s.n);
        length = length * 10 + (unsigned)(*p - '0');
        ok = *p >= '0' && *p <= '9' && length <= top;
    }
    bool host = false;
    for (unsigned i = length; ok && i < top; i++) {
        host = host || bit(r.bytes, i);
        r.bytes[i / 8] &= (unsigned char)~(0x80 >> i % 8);
    }
    enum ip_parse want = IP_BAD;
    if (ok) {
        struct reference whole = address_reference(front); /* with its host bits */
        want = how_written(front, &whole);
        want = zeros && want == IP_OK ? IP_LEADING_ZERO : want;
        want = host && want == IP_OK ? IP_HOST_BITS : want;
        /* Nothing but mapped addresses: the prefix is at least the 96 bits of theirs. */
        want = is_mapped(&r) && length >= 96 ? IP_MAPPED : want;
    }
    struct cidr c = {0};
    bool host_bits = false;
    enum ip_parse got = cidr_parse(s, &c, &host_bits);
    if (got != want) {
        fprintf(stderr, "'%.*s': %d, wanted %d\n", (int)s.n, s.p, (int)got, (int)want);
    }
    FUZZ_CHECK(got == want, "cidr_parse");
    if (!ok) {
        return;
    }
    unsigned char bytes[16];
    ip_bytes(c.family, c.first, bytes);
    FUZZ_CHECK(c.len == length && memcmp(bytes, r.bytes, top / 8) == 0, "cidr_parse: the prefix");
    FUZZ_CHECK(host_bits == host, "cidr_parse: host bits");
    ip_bytes(c.family, cidr_last(c), bytes);
    for (unsigned i = 0; i < top; i++) {
        FUZZ_CHECK(bit(bytes, i) == (i < length ? bit(r.bytes, i) : true), "cidr_last");
    }
    struct cidr again;
    FUZZ_CHECK(cidr_parse(cidr_text(a, c), &again, NULL) ==
                       (is_mapped(&r) && length >= 96 ? IP_MAPPED : IP_OK) &&
                   cidr_cmp(c, again) == 0,
               "cidr_text");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size > 300) {
        return 0;
    }
    struct str s = {size > 0 ? (const char *)data : "", size};
    struct arena a;
    arena_init(&a, no_memory, NULL);
    check_names(s);
    check_scalar(s);
    check_number(s);
    check_utf8(s);
    check_address(s, &a);
    check_prefix(s, &a);
    arena_free(&a);
    return 0;
}
