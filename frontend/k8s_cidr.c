/* Addresses and CIDRs as the API server reads them. */
#include "frontend/k8s_object.h"

#include <assert.h>
#include <string.h>

static void warn_host_bits(struct k8s *k, const struct node *n, const struct path *p,
                           struct str canonical)
{
    enum family family;
    struct ip ip = {0};
    const char *slash = memchr(n->text.p, '/', n->text.n);
    assert(slash != NULL); /* it was read as a prefix */
    ip_parse((struct str){n->text.p, (size_t)(slash - n->text.p)}, &family, &ip);
    struct cidr one = {.family = family, .first = ip, .len = family == FAM_IP4 ? 32 : 128};
    struct diag *d = k8s_warning(k, NPC313, n->at, p,
                                 "\"" STR_FMT "\" has bits set beyond the prefix length: it is "
                                 "read as " STR_FMT,
                                 STR_ARG(n->text), STR_ARG(canonical));
    k8s_hint(k, d, "write " STR_FMT ", or " STR_FMT " for the one address", STR_ARG(canonical),
             STR_ARG(cidr_text(k->scratch, one)));
}

static void warn_text(struct k8s *k, const struct node *n, const struct path *p, const char *what,
                      struct str canonical)
{
    struct diag *d = k8s_warning(k, NPC313, n->at, p, "\"" STR_FMT "\" %s: it is read as " STR_FMT,
                                 STR_ARG(n->text), what, STR_ARG(canonical));
    k8s_hint(k, d, "write " STR_FMT, STR_ARG(canonical));
}

static bool refuse_mapped(struct k8s *k, const struct node *n, const struct path *p)
{
    struct diag *d = k8s_error(k, NPC062, n->at, p,
                               "Invalid value: \"" STR_FMT "\": must not be an IPv4-mapped IPv6 "
                               "address: no packet carries one, so no packet filter can mean it",
                               STR_ARG(n->text));
    k8s_hint(k, d, "write the IPv4 address");
    return false;
}

static bool refuse(struct k8s *k, const struct node *n, const struct path *p, enum cidr_rules rules)
{
    k8s_error(k, NPC062, n->at, p, "Invalid value: \"" STR_FMT "\": %s", STR_ARG(n->text),
              rules == CIDR_CEL
                  ? "Invalid CIDR format provided"
                  : "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    return false;
}

bool k8s_cidr(struct k8s *k, const struct node *n, const struct path *p, enum cidr_rules rules,
              struct cidr *out)
{
    if (!k8s_is_type(k, n, p, FIELD_STRING)) {
        return false;
    }
    bool has_host_bits = false;
    enum ip_parse how = cidr_parse(n->text, out, &has_host_bits);
    if (how == IP_BAD || (how == IP_LEADING_ZERO && rules == CIDR_CEL)) {
        return refuse(k, n, p, rules);
    }
    if (how == IP_MAPPED) {
        return refuse_mapped(k, n, p);
    }
    struct str canonical = cidr_text(k->scratch, *out);
    if (how == IP_LEADING_ZERO) {
        warn_text(k, n, p, "has leading zeros, which some readers take for octal numbers",
                  canonical);
    } else if (how == IP_NOT_CANONICAL) {
        warn_text(k, n, p, "is not in canonical form (RFC 5952)", canonical);
    }
    if (has_host_bits) {
        warn_host_bits(k, n, p, canonical);
    }
    return true;
}

bool k8s_address(struct k8s *k, const struct node *n, const struct path *p, struct address *out)
{
    assert(n->kind == NODE_SCALAR);
    enum ip_parse how = ip_parse(n->text, &out->family, &out->ip);
    if (how == IP_MAPPED) {
        return refuse_mapped(k, n, p);
    }
    if (how == IP_BAD || how == IP_LEADING_ZERO) {
        k8s_invalid(k, n, p, "be an IP address, such as 10.9.8.7 or 2001:db8::ffff");
        return false;
    }
    return true;
}
