/*
 * IP addresses and prefixes: reading, printing, comparing. Sets of them are in ipset.c.
 * Texts are read as Kubernetes does with its legacy parser (Go's net package before 1.17, kept by
 * the API server as ParseCIDRSloppy), and every departure from canonical text is told.
 */
#include "ir/addr.h"

#define WIDTH(f) ((f) == FAM_IP4 ? 32u : 128u)
#define GROUPS   8

const char *family_name(enum family f)
{
    static const char *const names[FAMILIES] = {"IPv4", "IPv6"};
    return names[f];
}

/* ---- numbers of 128 bits ---- */

int ip_cmp(struct ip a, struct ip b)
{
    int order = (a.hi > b.hi) - (a.hi < b.hi);
    return order != 0 ? order : (a.lo > b.lo) - (a.lo < b.lo);
}

struct ip ip_max(enum family f)
{
    return f == FAM_IP4 ? (struct ip){0, UINT32_MAX} : (struct ip){UINT64_MAX, UINT64_MAX};
}

struct ip ip_next(struct ip a)
{
    return (struct ip){a.hi + (a.lo == UINT64_MAX), a.lo + 1};
}

struct ip ip_prev(struct ip a)
{
    return (struct ip){a.hi - (a.lo == 0), a.lo - 1};
}

void ip_bytes(enum family f, struct ip a, unsigned char out[16])
{
    unsigned n = WIDTH(f) / 8;
    for (unsigned i = 0; i < n; i++) {
        unsigned shift = (n - 1 - i) * 8;
        out[i] = (unsigned char)(shift >= 64 ? a.hi >> (shift - 64) : a.lo >> shift);
    }
}

/* The number with the lowest n bits set. */
static struct ip low_bits(unsigned n)
{
    struct ip bits = {0, UINT64_MAX};
    if (n < 64) {
        bits.lo = ((uint64_t)1 << n) - 1;
    } else if (n < 128) {
        bits.hi = ((uint64_t)1 << (n - 64)) - 1;
    } else {
        bits.hi = UINT64_MAX;
    }
    return bits;
}

static struct ip host_bits(enum family f, unsigned len)
{
    return low_bits(WIDTH(f) - len);
}

static bool is_mapped(struct ip a)
{
    return a.hi == 0 && a.lo >> 32 == 0xFFFF;
}

/* ---- reading ---- */

/* A text being read; `zeros` remembers a number with leading zeros. */
struct reader {
    struct str rest;
    bool zeros;
};

static bool read_char(struct reader *r, char c)
{
    if (r->rest.n == 0 || r->rest.p[0] != c) {
        return false;
    }
    r->rest = (struct str){r->rest.p + 1, r->rest.n - 1};
    return true;
}

/* The value of a digit, or `base` if it is none. */
static unsigned digit_value(unsigned char c, unsigned base)
{
    unsigned value = base;
    if (ch_is_digit(c)) {
        value = c - '0';
    } else if (ch_is_alpha(c)) {
        value = ch_lower(c) - 'a' + 10u;
    }
    return value < base ? value : base;
}

/* A number of at most `max`; at least one digit, leading zeros as many as you like. */
static bool read_number(struct reader *r, unsigned base, uint32_t max, uint32_t *out)
{
    size_t n = 0;
    uint32_t value = 0;
    while (n < r->rest.n) {
        unsigned digit = digit_value((unsigned char)r->rest.p[n], base);
        if (digit == base) {
            break;
        }
        value = value * base + digit;
        if (value > max) { /* max is small: no overflow before it */
            return false;
        }
        n++;
    }
    if (n == 0) {
        return false;
    }
    r->zeros |= n > 1 && r->rest.p[0] == '0';
    r->rest = (struct str){r->rest.p + n, r->rest.n - n};
    *out = value;
    return true;
}

/* Four decimal octets and nothing behind them. */
static bool read_ip4(struct reader *r, struct ip *out)
{
    uint32_t address = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t octet;
        if ((i > 0 && !read_char(r, '.')) || !read_number(r, 10, 255, &octet)) {
            return false;
        }
        address = address << 8 | octet;
    }
    *out = (struct ip){0, address};
    return r->rest.n == 0;
}

struct groups { /* of an IPv6 text */
    uint16_t v[GROUPS];
    int n;
    int gap; /* before which group "::" stood; -1: nowhere */
};

/* A dotted quad as the last two groups. */
static bool read_quad(struct reader *r, struct groups *g)
{
    struct ip quad;
    if (g->n > GROUPS - 2 || (g->gap < 0 && g->n != GROUPS - 2) || !read_ip4(r, &quad)) {
        return false;
    }
    g->v[g->n++] = (uint16_t)(quad.lo >> 16);
    g->v[g->n++] = (uint16_t)quad.lo;
    return true;
}

/* The groups of RFC 4291, section 2.2, in all three forms, to the end of the text. */
static bool read_groups(struct reader *r, struct groups *g)
{
    if (r->rest.n >= 2 && r->rest.p[0] == ':' && r->rest.p[1] == ':') {
        g->gap = 0;
        r->rest = (struct str){r->rest.p + 2, r->rest.n - 2};
    }
    while (r->rest.n > 0 && g->n < GROUPS) {
        struct reader start = *r;
        uint32_t group;
        if (!read_number(r, 16, 0xFFFF, &group)) {
            return false;
        }
        if (r->rest.n > 0 && r->rest.p[0] == '.') { /* these were an octet's digits */
            *r = start;
            return read_quad(r, g);
        }
        g->v[g->n++] = (uint16_t)group;
        if (r->rest.n == 0) {
            break;
        }
        if (!read_char(r, ':') || r->rest.n == 0) {
            return false;
        }
        if (r->rest.p[0] == ':') {
            if (g->gap >= 0) {
                return false;
            }
            g->gap = g->n;
            read_char(r, ':');
        }
    }
    return r->rest.n == 0;
}

static bool read_ip6(struct reader *r, struct ip *out)
{
    struct groups g = {.gap = -1};
    /* "::" stands for at least one group. */
    if (!read_groups(r, &g) || (g.n == GROUPS) != (g.gap < 0)) {
        return false;
    }
    const int zeros = GROUPS - g.n; /* groups that the "::" stands for */
    uint64_t half[2] = {0};
    for (int i = 0; i < GROUPS; i++) {
        uint16_t group = 0;
        if (i < g.gap) {
            group = g.v[i];
        } else if (i >= g.gap + zeros) {
            group = g.v[i - zeros];
        }
        uint64_t *part = &half[i / 4];
        *part = *part << 16 | group;
    }
    *out = (struct ip){half[0], half[1]};
    return true;
}

/* Whether `text` is exactly how the address is printed. */
static bool is_canonical(struct str text, enum family f, struct ip a);

/* Reads an address without judging mapped ones. */
static enum ip_parse address_read(struct str text, enum family *family, struct ip *out)
{
    struct reader r = {.rest = text};
    if (read_ip4(&r, out)) {
        *family = FAM_IP4;
        return r.zeros ? IP_LEADING_ZERO : IP_OK;
    }
    r = (struct reader){.rest = text};
    if (read_ip6(&r, out)) {
        *family = FAM_IP6;
        return is_canonical(text, FAM_IP6, *out) ? IP_OK : IP_NOT_CANONICAL;
    }
    return IP_BAD;
}

enum ip_parse ip_parse(struct str text, enum family *family, struct ip *out)
{
    enum family f;
    struct ip a;
    enum ip_parse how = address_read(text, &f, &a);
    if (how == IP_BAD) {
        return IP_BAD;
    }
    *family = f;
    *out = a;
    return f == FAM_IP6 && is_mapped(a) ? IP_MAPPED : how;
}

enum ip_parse cidr_parse(struct str text, struct cidr *out, bool *host_bits_set)
{
    size_t slash = 0;
    while (slash < text.n && text.p[slash] != '/') {
        slash++;
    }
    if (slash == text.n) {
        return IP_BAD;
    }
    struct ip a;
    struct cidr c;
    enum ip_parse how = address_read((struct str){text.p, slash}, &c.family, &a);
    struct reader r = {.rest = {text.p + slash + 1, text.n - slash - 1}};
    uint32_t len;
    if (how == IP_BAD || !read_number(&r, 10, WIDTH(c.family), &len) || r.rest.n > 0) {
        return IP_BAD;
    }
    struct ip host = host_bits(c.family, len);
    c.first = (struct ip){a.hi & ~host.hi, a.lo & ~host.lo};
    c.len = (uint8_t)len;
    bool masked = ip_cmp(c.first, a) != 0;
    if (host_bits_set) {
        *host_bits_set = masked;
    }
    *out = c;
    /* Of several faults the last enumerator. */
    if (cidr_is_mapped(c)) {
        return IP_MAPPED;
    }
    if (how == IP_OK && r.zeros) {
        how = IP_LEADING_ZERO;
    }
    return how == IP_OK && masked ? IP_HOST_BITS : how;
}

/* ---- printing ---- */

/* The longest text is "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff". */
#define IP_TEXT_MAX 39

struct text {
    char p[IP_TEXT_MAX];
    size_t n;
};

static void text_put(struct text *t, char c)
{
    t->p[t->n++] = c;
}

static void text_number(struct text *t, unsigned value, unsigned base)
{
    char digits[4]; /* of 65535 in hexadecimal, of 255 in decimal */
    size_t n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    while (n > 0) {
        text_put(t, digits[--n]);
    }
}

static void text_ip4(struct text *t, uint32_t a)
{
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        if (shift < 32) {
            text_put(t, '.');
        }
        text_number(t, a >> (shift - 8) & 0xFF, 10);
    }
}

/* RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as "::", the
 * first of equally long ones. */
static void text_ip6(struct text *t, struct ip a)
{
    unsigned groups[GROUPS];
    for (unsigned i = 0; i < GROUPS; i++) {
        uint64_t half = i < 4 ? a.hi : a.lo;
        groups[i] = half >> (3 - i % 4) * 16 & 0xFFFF;
    }
    unsigned gap = GROUPS, gap_len = 1;
    for (unsigned i = 0, run = 0; i < GROUPS; i++) {
        run = groups[i] == 0 ? run + 1 : 0;
        if (run > gap_len) {
            gap_len = run;
            gap = i + 1 - run;
        }
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        if (i == gap) {
            text_put(t, ':');
            text_put(t, ':');
            i += gap_len - 1;
            continue;
        }
        if (i > 0 && i != gap + gap_len) {
            text_put(t, ':');
        }
        text_number(t, groups[i], 16);
    }
}

static struct text ip_to_text(enum family f, struct ip a)
{
    struct text t = {.n = 0};
    if (f == FAM_IP4) {
        text_ip4(&t, (uint32_t)a.lo);
    } else if (is_mapped(a)) { /* RFC 5952, section 5 */
        for (const char *c = "::ffff:"; *c; c++) {
            text_put(&t, *c);
        }
        text_ip4(&t, (uint32_t)a.lo);
    } else {
        text_ip6(&t, a);
    }
    return t;
}

static bool is_canonical(struct str text, enum family f, struct ip a)
{
    struct text t = ip_to_text(f, a);
    return str_eq(text, (struct str){t.p, t.n});
}

void ip_print(struct buf *b, enum family f, struct ip a)
{
    struct text t = ip_to_text(f, a);
    buf_put(b, t.p, t.n);
}

void cidr_print(struct buf *b, struct cidr c)
{
    ip_print(b, c.family, c.first);
    buf_putc(b, '/');
    buf_u64(b, c.len);
}

struct str ip_text(struct arena *a, enum family f, struct ip ip)
{
    struct text t = ip_to_text(f, ip);
    return str_dup(a, (struct str){t.p, t.n});
}

struct str cidr_text(struct arena *a, struct cidr c)
{
    struct text t = ip_to_text(c.family, c.first);
    return str_printf(a, "%.*s/%u", (int)t.n, t.p, (unsigned)c.len);
}

/* ---- prefixes ---- */

int cidr_cmp(struct cidr a, struct cidr b)
{
    int order = (a.family > b.family) - (a.family < b.family);
    order = order != 0 ? order : ip_cmp(a.first, b.first);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct ip cidr_last(struct cidr c)
{
    struct ip host = host_bits(c.family, c.len);
    return (struct ip){c.first.hi | host.hi, c.first.lo | host.lo};
}

struct cidr cidr_shorten(struct cidr c, uint8_t len)
{
    struct ip host = host_bits(c.family, len);
    return (struct cidr){c.family, {c.first.hi & ~host.hi, c.first.lo & ~host.lo}, len};
}

bool cidr_contains(struct cidr outer, struct cidr inner)
{
    return outer.len <= inner.len && cidr_has(outer, inner.family, inner.first);
}

bool cidr_has(struct cidr c, enum family f, struct ip a)
{
    return c.family == f && ip_cmp(c.first, a) <= 0 && ip_cmp(a, cidr_last(c)) <= 0;
}

bool cidr_is_mapped(struct cidr c)
{
    return c.family == FAM_IP6 && c.len >= 96 && is_mapped(c.first);
}
