/*
 * The rules of the Kubernetes API for names, labels and port names (apimachinery,
 * util/validation/validation.go) and for domain names of cluster policies. The wording is
 * Kubernetes's own, so that it looks familiar.
 */
#include "ir/policy.h"

#define SUBDOMAIN_MAX 253
#define LABEL_MAX     63
#define PORT_NAME_MAX 15

static bool is_lower_alnum(unsigned char c)
{
    return ch_is_digit(c) || (c >= 'a' && c <= 'z');
}

/* Not empty, of alphanumeric characters and, but not at the ends, of those in `inner`. */
static bool is_word(struct str s, bool (*is_alnum)(unsigned char c), const char *inner)
{
    if (s.n == 0 || !is_alnum((unsigned char)s.p[0]) || !is_alnum((unsigned char)s.p[s.n - 1])) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        bool fine = is_alnum((unsigned char)s.p[i]);
        for (const char *c = inner; *c && !fine; c++) {
            fine = s.p[i] == *c;
        }
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* Takes the text up to the first `separator`, or all of it, off *rest. Returns whether there was
 * something to take: "a." gives "a" and "". */
static bool next_part(struct str *rest, char separator, struct str *part)
{
    if (!rest->p) {
        return false;
    }
    size_t n = 0;
    while (n < rest->n && rest->p[n] != separator) {
        n++;
    }
    *part = (struct str){rest->p, n};
    bool more = n < rest->n;
    *rest = more ? (struct str){rest->p + n + 1, rest->n - n - 1} : (struct str){NULL, 0};
    return true;
}

/* Words of lower case letters, digits and '-', joined by dots. */
static bool is_subdomain(struct str s)
{
    struct str part;
    bool fine = s.n > 0;
    while (fine && next_part(&s, '.', &part)) {
        fine = is_word(part, is_lower_alnum, "-");
    }
    return fine;
}

const char *name_check_subdomain(struct str s)
{
    if (s.n > SUBDOMAIN_MAX) {
        return "be no more than 253 bytes";
    }
    return is_subdomain(s) ? NULL
                           : "consist of lower case alphanumeric characters, '-' or '.', and must "
                             "start and end with an alphanumeric character";
}

const char *name_check_dns_label(struct str s)
{
    if (s.n > LABEL_MAX) {
        return "be no more than 63 bytes";
    }
    return is_word(s, is_lower_alnum, "-")
               ? NULL
               : "consist of lower case alphanumeric characters or '-', and must start and end "
                 "with an alphanumeric character";
}

const char *name_check_label_key(struct str s)
{
    struct str rest = s, prefix = {NULL, 0}, name = {NULL, 0};
    next_part(&rest, '/', &name);
    bool has_prefix = rest.p != NULL;
    if (has_prefix) {
        prefix = name;
        next_part(&rest, '/', &name);
    }
    if (rest.p) {
        return "consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
               "an alphanumeric character, with an optional DNS subdomain prefix and '/' (e.g. "
               "'example.com/MyName')";
    }
    if (has_prefix && prefix.n == 0) {
        return "have a prefix part that is non-empty";
    }
    if (has_prefix && prefix.n > SUBDOMAIN_MAX) {
        return "have a prefix part of no more than 253 bytes";
    }
    if (has_prefix && !is_subdomain(prefix)) {
        return "have a prefix part that consists of lower case alphanumeric characters, '-' or "
               "'.', and must start and end with an alphanumeric character (e.g. 'example.com')";
    }
    if (name.n == 0) {
        return "have a name part that is non-empty";
    }
    if (name.n > LABEL_MAX) {
        return "have a name part of no more than 63 bytes";
    }
    return is_word(name, ch_is_alnum, "-_.")
               ? NULL
               : "have a name part that consists of alphanumeric characters, '-', '_' or '.', and "
                 "must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', "
                 "or '123-abc')";
}

const char *name_check_annotation_key(struct str s)
{
    char lower[SUBDOMAIN_MAX + 1 + LABEL_MAX];
    if (s.n > sizeof lower) {
        return name_check_label_key(s);
    }
    for (size_t i = 0; i < s.n; i++) {
        lower[i] = (char)ch_lower((unsigned char)s.p[i]);
    }
    return name_check_label_key((struct str){lower, s.n});
}

const char *name_check_label_value(struct str s)
{
    if (s.n > LABEL_MAX) {
        return "be no more than 63 bytes";
    }
    return s.n == 0 || is_word(s, ch_is_alnum, "-_.")
               ? NULL
               : "be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                 "must start and end with an alphanumeric character (e.g. 'MyValue', or "
                 "'my_value', or '12345')";
}

const char *name_check_port(struct str s)
{
    if (s.n > PORT_NAME_MAX) {
        return "be no more than 15 bytes";
    }
    bool letter = false, doubled = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_lower_alnum((unsigned char)s.p[i]) && s.p[i] != '-') {
            return "contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        }
        letter = letter || ch_is_alpha((unsigned char)s.p[i]);
        doubled = doubled || (i > 0 && s.p[i] == '-' && s.p[i - 1] == '-');
    }
    if (!letter) {
        return "contain at least one letter (a-z)";
    }
    if (doubled) {
        return "not contain consecutive hyphens";
    }
    return s.p[0] != '-' && s.p[s.n - 1] != '-' ? NULL : "not begin or end with a hyphen";
}

/* The class of network-policy-api is [a-zA-z0-9] here, a slip that also takes "[\]^_`". Of these
 * only the underscore is in use (_dmarc.example.com), and only it is taken. */
static bool is_domain_start(unsigned char c)
{
    return ch_is_alnum(c) || c == '_';
}

static bool is_domain_label(struct str s)
{
    return is_word(s, is_domain_start, "-") &&
           (s.n == 1 || ch_is_alnum((unsigned char)s.p[s.n - 1]));
}

const char *name_check_domain(struct str s)
{
    struct str rest = s, part;
    size_t labels = 0;
    bool fine = s.n > 0;
    while (fine && next_part(&rest, '.', &part)) {
        bool wildcard = part.p == s.p && str_is(part, "*");
        bool root = !rest.p && part.n == 0; /* "example.com." */
        fine = wildcard || root || is_domain_label(part);
        labels += !wildcard && !root;
    }
    return fine && labels >= 2 ? NULL
                               : "be at least two labels of alphanumeric characters, '-' or '_' "
                                 "joined by '.' (e.g. "
                                 "'www.example.com'), and only the first may be '*'";
}
