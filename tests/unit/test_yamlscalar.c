/*
 * The sense of plain scalars. The oracle is the specifications' own expressions, for POSIX regexec:
 * yaml.org/type (1.1), and section 10.3.2 of YAML 1.2.2.
 */
#include "ir/yamlscalar.h"
#include "unit.h"

#include <regex.h>
#include <string.h>

static const char *const patterns[] = {
    [YAML_SENSE_NULL] = "^(~|null|Null|NULL|)$",
    [YAML_SENSE_BOOL] = "^(y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|"
                        "off|Off|OFF)$",
    [YAML_SENSE_INT] = "^([-+]?0[bB][0-1_]+|[-+]?0[oO][0-7_]+|[-+]?0[xX][0-9a-fA-F_]+|"
                       "[-+]?[0-9][0-9_]*|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+)$",
    [YAML_SENSE_FLOAT] = "^([-+]?(\\.[0-9][0-9_]*|[0-9][0-9_]*(\\.[0-9_]*)?)([eE][-+]?[0-9][0-9_]*)"
                         "?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*|"
                         "[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN))$",
    [YAML_SENSE_TIMESTAMP] = "^([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:"
                             "[0-9]{1,2}(\\.[0-9_]*)?([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?"
                             "[ \t]*)?)$",
    [YAML_SENSE_MERGE] = "^(<<|=)$",
};
enum { SENSES = sizeof patterns / sizeof *patterns };

static regex_t compiled[SENSES];

static bool expects(const char *text)
{
    for (size_t i = 0; i < SENSES; i++) {
        if (patterns[i] != NULL && regexec(&compiled[i], text, 0, NULL, 0) == 0) {
            return false;
        }
    }
    return true;
}

static void compile_patterns(void)
{
    for (size_t i = 0; i < SENSES; i++) {
        if (patterns[i] != NULL) {
            CU_ASSERT_FATAL(regcomp(&compiled[i], patterns[i], REG_EXTENDED | REG_NOSUB) == 0);
        }
    }
}

/* All texts of up to five characters of an alphabet that all the forms are made of. */
static void agrees_with_expressions(void)
{
    static const char alphabet[] = "0179.:-+_exoTb<";
    enum { LETTERS = sizeof alphabet - 1, LONGEST = 5 };
    size_t wrong = 0;
    compile_patterns();
    for (size_t length = 0; length <= LONGEST; length++) {
        size_t count = 1;
        for (size_t i = 0; i < length; i++) {
            count *= LETTERS;
        }
        for (size_t number = 0; number < count; number++) {
            char text[LONGEST + 1] = {0};
            size_t rest = number;
            for (size_t i = 0; i < length; i++, rest /= LETTERS) {
                text[i] = alphabet[rest % LETTERS];
            }
            if (yaml_plain_is_string((struct str){text, length}) != expects(text)) {
                wrong++;
                printf("\n  differs: '%s'", text);
            }
        }
    }
    CU_ASSERT(wrong == 0);
    for (size_t i = 0; i < SENSES; i++) {
        if (patterns[i] != NULL) {
            regfree(&compiled[i]);
        }
    }
}

/* threats.md 7 and 8 */
static void table(void)
{
    static const struct {
        const char *text;
        enum yaml_sense sense;
    } cases[] = {
        {"", YAML_SENSE_NULL},
        {"~", YAML_SENSE_NULL},
        {"null", YAML_SENSE_NULL},
        {"nUll", YAML_SENSE_STRING},
        {"yes", YAML_SENSE_BOOL},
        {"y", YAML_SENSE_BOOL},
        {"N", YAML_SENSE_BOOL},
        {"off", YAML_SENSE_BOOL},
        {"oFF", YAML_SENSE_STRING},
        {"yess", YAML_SENSE_STRING},
        {"012", YAML_SENSE_INT},
        {"08", YAML_SENSE_INT},
        {"0o17", YAML_SENSE_INT},
        {"0x50", YAML_SENSE_INT},
        {"0b11", YAML_SENSE_INT},
        {"1_000", YAML_SENSE_INT},
        {"+80", YAML_SENSE_INT},
        {"-0", YAML_SENSE_INT},
        {"22:22", YAML_SENSE_INT},
        {"190:20:30", YAML_SENSE_INT},
        {"190:20:30.15", YAML_SENSE_FLOAT},
        {"22:61", YAML_SENSE_STRING},
        {"80.0", YAML_SENSE_FLOAT},
        {"8e1", YAML_SENSE_FLOAT},
        {"1e", YAML_SENSE_STRING},
        {".5", YAML_SENSE_FLOAT},
        {"1.", YAML_SENSE_FLOAT},
        {"685.230_15e+03", YAML_SENSE_FLOAT},
        {"-.inf", YAML_SENSE_FLOAT},
        {".NaN", YAML_SENSE_FLOAT},
        {".", YAML_SENSE_STRING},
        {"-", YAML_SENSE_STRING},
        {"1.2.3", YAML_SENSE_STRING},
        {"10.0.0.0/8", YAML_SENSE_STRING},
        {"10.0.0.1", YAML_SENSE_STRING},
        {"::/0", YAML_SENSE_STRING},
        {"2001-12-14", YAML_SENSE_TIMESTAMP},
        {"2001-1-2", YAML_SENSE_TIMESTAMP},
        {"2001-12-14t21:59:43.10-05:00", YAML_SENSE_TIMESTAMP},
        {"2001-12-14 21:59:43.10 -5", YAML_SENSE_TIMESTAMP},
        {"2001-12-15T2:59:43.1Z", YAML_SENSE_TIMESTAMP},
        {"2001-12-14T21:59:43", YAML_SENSE_TIMESTAMP},
        {"2001-12-14T21:59:43+05:30", YAML_SENSE_TIMESTAMP},
        {"2001-12-14\t1:02:03 +5", YAML_SENSE_TIMESTAMP},
        {"2001-12-14x", YAML_SENSE_STRING},
        {"2001-12", YAML_SENSE_STRING},
        {"2001-12-", YAML_SENSE_STRING},
        {"2001-x-14", YAML_SENSE_STRING},
        {"2001-12-14T", YAML_SENSE_STRING},
        {"2001-12-14T21", YAML_SENSE_STRING},
        {"2001-12-14T21:", YAML_SENSE_STRING},
        {"2001-12-14T21:59", YAML_SENSE_STRING},
        {"2001-12-14T21:59:", YAML_SENSE_STRING},
        {"2001-12-14T21:59:43x", YAML_SENSE_STRING},
        {"2001-12-14T21:59:43Zx", YAML_SENSE_STRING},
        {"2001-12-14T21:59:43+", YAML_SENSE_STRING},
        {"2001-12-14T21:59:43+05:3", YAML_SENSE_STRING},
        {"201-12-14", YAML_SENSE_STRING},
        {"<<", YAML_SENSE_MERGE},
        {"=", YAML_SENSE_MERGE},
        {"==", YAML_SENSE_STRING},
        {"007", YAML_SENSE_INT},
        {"1e5", YAML_SENSE_FLOAT},
        {"v1", YAML_SENSE_STRING},
        {"tcp", YAML_SENSE_STRING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool same = yaml_resolve(str_of(cases[i].text)) == cases[i].sense;
        CU_ASSERT(same);
        if (!same) {
            printf("\n  '%s' is taken for %s", cases[i].text,
                   yaml_sense_name(yaml_resolve(str_of(cases[i].text))));
        }
    }
}

static void looks_at_length(void)
{
    CU_ASSERT(yaml_plain_is_string(STR("no\0")));
    CU_ASSERT(yaml_plain_is_string((struct str){"12x", 3}));
    CU_ASSERT(!yaml_plain_is_string((struct str){"12x", 2}));
}

UNIT_MAIN("yamlscalar", TEST(agrees_with_expressions), TEST(table), TEST(looks_at_length))
