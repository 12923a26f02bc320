/*
 * IP addresses, prefixes, and exact sets of addresses.
 * A set is a sorted list of disjoint, non-adjacent closed ranges of one family.
 */
#ifndef NPC_IR_ADDR_H
#define NPC_IR_ADDR_H

#include "base/buf.h"
#include "base/str.h"
#include "base/vec.h"

enum family { FAM_IP4, FAM_IP6 };
#define FAMILIES 2
const char *family_name(enum family f); /* "IPv4", "IPv6" */

/* An address as a 128-bit number. IPv4 addresses have hi == 0 and lo < 2^32. */
struct ip {
    uint64_t hi, lo;
};

struct cidr {
    enum family family;
    struct ip first; /* host bits are zero */
    uint8_t len;     /* 0-32 or 0-128 */
};

struct ip_range {
    struct ip first, last;
};

struct ipset { /* one family */
    struct ip_range *v;
    size_t n;
};

int ip_cmp(struct ip a, struct ip b);
struct ip ip_max(enum family f);
struct ip ip_next(struct ip a); /* wraps at the top */
struct ip ip_prev(struct ip a);
/* The addresses that two ranges of a family share; false if there are none. */
static inline bool ip_range_common(struct ip_range a, struct ip_range b, struct ip_range *out)
{
    out->first = ip_cmp(a.first, b.first) > 0 ? a.first : b.first;
    out->last = ip_cmp(a.last, b.last) < 0 ? a.last : b.last;
    return ip_cmp(out->first, out->last) <= 0;
}
/* The address as 4 or 16 bytes in network order. */
void ip_bytes(enum family f, struct ip a, unsigned char out[16]);

/* How a text was read. The faults are ordered: of several that apply the last is given. */
enum ip_parse {
    IP_OK,            /* canonical */
    IP_HOST_BITS,     /* bits beyond the prefix; *out is masked */
    IP_LEADING_ZERO,  /* leading zeros in an octet or the length, read as decimal */
    IP_NOT_CANONICAL, /* IPv6 not in RFC 5952 form */
    IP_MAPPED,        /* IPv4-mapped IPv6 or a prefix that covers only such; *out is set */
    IP_BAD            /* no address; *out is untouched */
};

/* Reads "a.b.c.d" or RFC 4291 text without zone. When several faults apply the later enumerator of
 * LEADING_ZERO and NOT_CANONICAL cannot meet (one is IPv4, one IPv6). */
enum ip_parse ip_parse(struct str text, enum family *family, struct ip *out);
/* Reads "address/len". Reading rules are those of the Kubernetes API server with its legacy parser
 * (Go's net.ParseCIDR before 1.17: leading zeros are decimal), so that a caller that wants strict
 * text refuses everything but IP_OK. If both apply, LEADING_ZERO / NOT_CANONICAL wins over
 * HOST_BITS in the return value and *host_bits (may be NULL) says whether host bits were set. */
enum ip_parse cidr_parse(struct str text, struct cidr *out, bool *host_bits);

/* Prints in canonical form (RFC 5952 for IPv6); "a/len". */
void ip_print(struct buf *b, enum family f, struct ip a);
void cidr_print(struct buf *b, struct cidr c);
struct str ip_text(struct arena *a, enum family f, struct ip ip);
struct str cidr_text(struct arena *a, struct cidr c);

int cidr_cmp(struct cidr a, struct cidr b); /* family, first, then shorter prefix first */
struct ip cidr_last(struct cidr c);
bool cidr_contains(struct cidr outer, struct cidr inner); /* equal counts */
bool cidr_has(struct cidr c, enum family f, struct ip a);
/* The prefix of that length, at most c.len, which c is in. */
struct cidr cidr_shorten(struct cidr c, uint8_t len);
/* True if every address of c is IPv4-mapped IPv6 (::ffff:0:0/96) or the prefix is inside
 * ::ffff:0:0/96. */
bool cidr_is_mapped(struct cidr c);

/* Sets. Results are in normal form and live in the arena; arguments are in normal form. */
struct ipset ipset_of_ranges(struct arena *a, const struct ip_range *ranges, size_t n); /* any */
struct ipset ipset_of_cidr(struct arena *a, struct cidr c);
struct ipset ipset_all(struct arena *a, enum family f);
struct ipset ipset_union(struct arena *a, struct ipset x, struct ipset y);
struct ipset ipset_intersect(struct arena *a, struct ipset x, struct ipset y);
struct ipset ipset_subtract(struct arena *a, struct ipset x, struct ipset y);
bool ipset_has(struct ipset s, struct ip a); /* binary search */
bool ipset_eq(struct ipset x, struct ipset y);
bool ipset_is_all(struct ipset s, enum family f);
bool ipset_covers(struct ipset outer, struct ipset inner);

struct cidrs {
    struct cidr *v;
    size_t n;
};
/* The shortest list of prefixes that is exactly the set, rising. */
struct cidrs ipset_cidrs(struct arena *a, struct ipset s, enum family f);

#endif
