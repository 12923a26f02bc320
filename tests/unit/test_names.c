/*
 * Name rules against the regular expressions that Kubernetes publishes for them (its error
 * messages, and the pattern of network-policy-api), evaluated by the C library.
 */
#include "ir/policy.h"
#include "tests/unit/rng.h"
#include "tests/unit/unit.h"

#include <regex.h>
#include <string.h>

typedef const char *(*check_fn)(struct str s);

#define SUBDOMAIN "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
#define LABEL     "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define QUALIFIED "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
/* Keys of annotations are lower-cased before they are looked at (ValidateAnnotations()). */
#define ANY_CASE                                                                                   \
    "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*"
/* [a-zA-z0-9] of network-policy-api without the four signs that only a slip lets in. */
#define DOMAIN_LABEL "[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9])?"

static const struct name_rule {
    check_fn check;
    const char *pattern;
    const char *letters; /* of random texts */
    const char *inner;   /* signs that may stand inside, though not at the ends */
} rules[] = {
    {name_check_subdomain, "^" SUBDOMAIN "$", "ab0-.A_\n", "-."},
    {name_check_dns_label, "^" LABEL "$", "ab0-.A_\n", "-"},
    {name_check_label_key, "^(" SUBDOMAIN "/)?" QUALIFIED "$", "ab0-._/A\n", "-_./"},
    {name_check_annotation_key, "^(" ANY_CASE "/)?" QUALIFIED "$", "ab0-._/A\n", "-_./"},
    {name_check_label_value, "^(" QUALIFIED ")?$", "ab0-._/A\n", "-_."},
    {name_check_port, "^[a-z0-9]([a-z0-9-]*[a-z0-9])*$", "ab01-A_", "-"},
    {name_check_domain, "^(\\*\\.)?(" DOMAIN_LABEL "\\.)+" DOMAIN_LABEL "\\.?$", "aB0-._*\n",
     "-_."},
};
#define RULES (sizeof rules / sizeof *rules)

/* What the expression alone does not say (validation.go, IsValidPortName). */
static bool port_extras(const char *text)
{
    return strpbrk(text, "abcdefghijklmnopqrstuvwxyz") && !strstr(text, "--");
}

static void names_as_regular_expressions(void)
{
    struct rng r = rng_new();
    for (size_t k = 0; k < RULES; k++) {
        regex_t re;
        CU_ASSERT_EQUAL_FATAL(regcomp(&re, rules[k].pattern, REG_EXTENDED | REG_NOSUB), 0);
        size_t fine = 0, rounds = rng_rounds(40000);
        for (size_t i = 0; i < rounds; i++) {
            char text[16];
            size_t n = rng_below(&r, 9);
            for (size_t c = 0; c < n; c++) { /* mostly of the first letters */
                size_t all = strlen(rules[k].letters);
                text[c] = rules[k].letters[rng_below(&r, rng_below(&r, 3) ? 3 : all)];
            }
            text[n] = '\0';
            bool want = regexec(&re, text, 0, NULL, 0) == 0;
            if (rules[k].check == name_check_port) {
                want = want && port_extras(text);
            }
            if ((rules[k].check((struct str){text, n}) == NULL) != want) {
                fprintf(stderr, "rule %zu: \"%s\" should be %s\n", k, text,
                        want ? "fine" : "wrong");
                CU_FAIL_FATAL("a name was misjudged");
            }
            fine += want;
        }
        CU_ASSERT(fine > rounds / 50 && fine < rounds * 49 / 50);
        regfree(&re);
    }
}

/* Every byte at the beginning, inside and at the end. T47: also behind the end, where a careless
 * expression with `$` lets a line feed through. */
static void T47_every_byte_in_every_place(void)
{
    for (size_t k = 0; k < RULES; k++) {
        bool is_domain = rules[k].check == name_check_domain;
        bool is_lower = rules[k].check == name_check_subdomain ||
                        rules[k].check == name_check_dns_label || rules[k].check == name_check_port;
        for (int c = 0; c < 256; c++) {
            bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'z';
            bool upper = c >= 'A' && c <= 'Z';
            bool word = digit || lower || (upper && !is_lower);
            bool inside = word || (c != 0 && strchr(rules[k].inner, c) != NULL);
            char first[] = {(char)c, 'a', 'a', '.', 'b'}, middle[] = {'b', '.', 'a', (char)c, 'a'},
                 last[] = {'b', '.', 'a', 'a', (char)c};
            size_t from = is_domain ? 0 : 2, n = is_domain ? 5 : 3; /* the part without dots */
            bool starts = word || (is_domain && c == '_');
            bool ends = word || (is_domain && c == '.');
            CU_ASSERT_EQUAL(!rules[k].check((struct str){first, n}), starts);
            CU_ASSERT_EQUAL(!rules[k].check((struct str){middle + from, n}), inside);
            CU_ASSERT_EQUAL(!rules[k].check((struct str){last + from, n}), ends);
        }
    }
}

static void T22_lengths_at_the_limit(void)
{
    static char text[400];
    memset(text, 'a', sizeof text);
    for (size_t n = 0; n < 330; n++) {
        struct str s = {text, n};
        CU_ASSERT_EQUAL(!name_check_subdomain(s), n >= 1 && n <= 253);
        CU_ASSERT_EQUAL(!name_check_dns_label(s), n >= 1 && n <= 63);
        CU_ASSERT_EQUAL(!name_check_label_key(s), n >= 1 && n <= 63);
        CU_ASSERT_EQUAL(!name_check_annotation_key(s), n >= 1 && n <= 63);
        CU_ASSERT_EQUAL(!name_check_label_value(s), n <= 63);
        CU_ASSERT_EQUAL(!name_check_port(s), n >= 1 && n <= 15);
        char key[800];
        size_t k = (size_t)snprintf(key, sizeof key, "%.*s/x", (int)n, text);
        CU_ASSERT_EQUAL(!name_check_label_key((struct str){key, k}), n >= 1 && n <= 253);
        CU_ASSERT_EQUAL(!name_check_annotation_key((struct str){key, k}), n >= 1 && n <= 253);
        k = (size_t)snprintf(key, sizeof key, "x.io/%.*s", (int)n, text);
        CU_ASSERT_EQUAL(!name_check_label_key((struct str){key, k}), n >= 1 && n <= 63);
    }
    struct str nothing = {NULL, 0};
    for (size_t k = 0; k < RULES; k++) {
        CU_ASSERT_EQUAL(rules[k].check(nothing) == NULL, rules[k].check == name_check_label_value);
    }
}

/* The wording of Kubernetes, so far as it stands behind "must". */
static void phrases_are_those_of_kubernetes(void)
{
    static const struct {
        check_fn check;
        const char *text, *phrase;
    } cases[] = {
        {name_check_subdomain, "Foo_Bar",
         "consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
         "an alphanumeric character"},
        {name_check_dns_label, "a.b",
         "consist of lower case alphanumeric characters or '-', and must start and end with an "
         "alphanumeric character"},
        {name_check_label_key, "NoUppercaseOrSpecialCharsLike=Equals",
         "have a name part that consists of alphanumeric characters, '-', '_' or '.', and"},
        {name_check_label_key, "a/b/c", "with an optional DNS subdomain prefix and '/'"},
        {name_check_label_key, "/b", "have a prefix part that is non-empty"},
        {name_check_label_key, "a/", "have a name part that is non-empty"},
        {name_check_label_key, "A_/b", "have a prefix part that consists of lower case"},
        {name_check_label_value, "b c", "be an empty string or consist of alphanumeric characters"},
        {name_check_port, "Web_1",
         "contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"},
        {name_check_port, "sixteen-letters1", "be no more than 15 bytes"},
        {name_check_port, "a--b", "not contain consecutive hyphens"},
        {name_check_port, "80", "contain at least one letter (a-z)"},
        {name_check_port, "", "contain at least one letter (a-z)"},
        {name_check_port, "a-", "not begin or end with a hyphen"},
        {name_check_domain, "localhost", "at least two labels"},
        {name_check_domain, "a.*.example.com", "only the first may be '*'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *phrase = cases[i].check(str_of(cases[i].text));
        CU_ASSERT_PTR_NOT_NULL_FATAL(phrase);
        CU_ASSERT_PTR_NOT_NULL(strstr(phrase, cases[i].phrase));
    }
}

static void T22_table(void)
{
    static const struct {
        check_fn check;
        struct str text;
        bool fine;
    } cases[] = {
        {name_check_subdomain, STR_INIT("a.b-c.d"), true},
        {name_check_subdomain, STR_INIT(".."), false},
        {name_check_subdomain, STR_INIT("a..b"), false},
        {name_check_subdomain, STR_INIT("a."), false},
        {name_check_subdomain, STR_INIT(".a"), false},
        {name_check_subdomain, STR_INIT("../x"), false},
        {name_check_subdomain, STR_INIT("-rf"), false},
        {name_check_subdomain, STR_INIT("production\0x"), false},
        {name_check_subdomain, STR_INIT("m\xC3\xBCller"), false},
        {name_check_dns_label, STR_INIT("kube-system"), true},
        {name_check_label_key, STR_INIT("kubernetes.io/metadata.name"), true},
        {name_check_label_key, STR_INIT("example.com/My_Name.1"), true},
        {name_check_label_key, STR_INIT("Example.com/x"), false},
        {name_check_label_key, STR_INIT("app "), false},
        {name_check_label_value, STR_INIT("X_y.z"), true},
        {name_check_label_value, STR_INIT("c\n"), false},
        {name_check_port, STR_INIT("fifteen-letters"), true},
        {name_check_port, STR_INIT("8080a"), true},
        {name_check_domain, STR_INIT("*.kubernetes.io"), true},
        {name_check_domain, STR_INIT("blog.kubernetes.io."), true},
        {name_check_domain, STR_INIT("_dmarc.example.com"), true},
        {name_check_domain, STR_INIT("*"), false},
        {name_check_domain, STR_INIT("*."), false},
        {name_check_domain, STR_INIT("*.com"), false},
        {name_check_domain, STR_INIT("example.com.."), false},
        {name_check_domain, STR_INIT(".example.com"), false},
        {name_check_domain, STR_INIT("www*.example.com"), false},
        {name_check_domain, STR_INIT("com."), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if ((cases[i].check(cases[i].text) == NULL) != cases[i].fine) {
            fprintf(stderr, "\"%s\"\n", cases[i].text.p);
            CU_FAIL("a name was misjudged");
        }
    }
}

UNIT_MAIN("names", TEST(names_as_regular_expressions), TEST(T47_every_byte_in_every_place),
          TEST(T22_lengths_at_the_limit), TEST(phrases_are_those_of_kubernetes), TEST(T22_table))
