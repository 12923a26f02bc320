/* Reads the command line by the tables of options.h. Knows no command. */
#include "cli/options.h"

#include "npc/npc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options that several commands share ---- */

static const struct option common[] = {
    {OPT_DIAG, "diag", 0, "text|json", "how diagnostics are printed (text)"},
    {OPT_COLOR, "color", 0, "auto|always|never", "colour in diagnostics (auto)"},
    {OPT_VERBOSE, "verbose", 'v', NULL, "show infos too, beside errors and warnings"},
    {OPT_HELP, "help", 'h', NULL, "show this help"},
    {0},
};
const struct option_group options_common = {"General", common};

static const struct option input[] = {
    {OPT_LIBRARY, "namespace", 0, "NAME", "namespace of policies that name none"},
    {OPT_LIBRARY, "root", 0, "DIR", "include and import reach no further than DIR"},
    {OPT_LIBRARY, "allow-raw", 0, NULL, "let npc source pass raw text to a backend"},
    {OPT_LIBRARY, "allow-aliases", 0, NULL, "accept YAML anchors and aliases, within a budget"},
    {OPT_LIBRARY, "lenient", 0, NULL, "unknown fields of policies are warnings"},
    {OPT_LIBRARY, "skip-kind", 0, "KIND", "skip a KIND or KIND.GROUP of policy that is not read"},
    {OPT_LIBRARY, "expect-count", 0, "N", "fail unless the input holds N policies"},
    {OPT_LIBRARY, "max-age", 0, "TIME", "warn if what runs was written down longer ago (1h, 7d)"},
    {OPT_PROGRESS, "progress", 0, "auto|never", "progress of long work on a terminal (auto)"},
    {0},
};
const struct option_group options_input = {"Input", input};

static const struct option machine[] = {
    {OPT_LIBRARY, "host", 0, "NS/NAME",
     "only connections of this machine, with its failsafe ports"},
    {OPT_LIBRARY, "failsafe", 0, "PORTS", "kept open to a --host, or none (tcp/22)"},
    {0},
};
const struct option_group options_machine = {"Machine", machine};

static const struct option binding[] = {
    {OPT_BINDING, "node", 0, "NAME", "rules for the pods of this node"},
    {OPT_BINDING, "host", 0, "NS/NAME", "rules for the machine that is this workload"},
    {OPT_BINDING, "ipblock", 0, "any|external", "whether ipBlock matches pods' addresses (any)"},
    {OPT_BINDING, "failsafe", 0, "PORTS", "kept open to a --host, or none (tcp/22)"},
    {OPT_BINDING, "max-elements", 0, "N", "most set elements or rules (16000000)"},
    {OPT_BINDING, "log", 0, NULL, "log dropped packets"},
    {OPT_BINDING, "log-rate", 0, "N", "log lines a second for each class of pods (5)"},
    {0},
};
const struct option_group options_binding = {"Rules for a kernel", binding};

/* For commands that answer: of what is binding, the part that changes what a policy means. */
static const struct option meaning[] = {
    {OPT_LIBRARY, "ipblock", 0, "any|external", "whether ipBlock matches pods' addresses (any)"},
    {0},
};
const struct option_group options_meaning = {"Meaning", meaning};

/* ---- messages ---- */

int usage_error(const struct command *command, const char *fmt, ...)
{
    fputs("npc: error: ", stderr);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\nSee npc %s%s--help\n", command != NULL ? command->name : "",
            command != NULL ? " " : "");
    return NPC_BAD;
}

/* ---- finding rows ---- */

typedef bool (*option_test)(const struct option *o, const void *arg);

static const struct option *find_option(const struct command *command, option_test wanted,
                                        const void *arg)
{
    for (size_t g = 0; command->groups[g] != NULL; g++) {
        for (const struct option *o = command->groups[g]->options; o->name != NULL; o++) {
            if (wanted(o, arg)) {
                return o;
            }
        }
    }
    return NULL;
}

struct word {
    const char *p;
    size_t n;
};

static bool has_name(const struct option *o, const void *arg)
{
    const struct word *w = arg;
    return strlen(o->name) == w->n && memcmp(o->name, w->p, w->n) == 0;
}

static bool has_letter(const struct option *o, const void *arg)
{
    return o->letter != 0 && o->letter == *(const char *)arg;
}

#define MOST_NAMES 64 /* more options than any command has */

static int unknown_option(const struct command *command, struct word w)
{
    const char *names[MOST_NAMES];
    size_t n = 0;
    for (size_t g = 0; command->groups[g] != NULL; g++) {
        for (const struct option *o = command->groups[g]->options; o->name != NULL; o++) {
            if (n < MOST_NAMES) {
                names[n++] = o->name;
            }
        }
    }
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)w.n, w.p);
    const char *near = npc_nearest(typed, names, n);
    if (near != NULL) {
        return usage_error(command, "unknown option --%s; did you mean --%s?", typed, near);
    }
    return usage_error(command, "unknown option --%s", typed);
}

/* ---- values ---- */

/* Whether value is one of "a|b|c". */
static bool in_list(const char *list, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = list; p != NULL; p = strchr(p, '|')) {
        p += *p == '|';
        if (n == strcspn(p, "|") && memcmp(p, value, n) == 0) {
            return true;
        }
    }
    return false;
}

static void keep(struct call *call, const struct option *o, const char *value)
{
    if (o->key == OPT_LIBRARY || o->key == OPT_BINDING) {
        call->library[call->nlibrary++] = (struct library_option){o, value};
    } else if (o->key == OPT_WITH || o->key == OPT_KEEP) { /* no command has both */
        call->several[call->nseveral++] = value;
    }
    call->values[o->key] = value != NULL ? value : "";
}

static bool take_flag(struct call *call, const struct option *o, const char *attached)
{
    if (attached != NULL) {
        usage_error(call->command, "--%s takes no value", o->name);
        return false;
    }
    keep(call, o, NULL);
    return true;
}

/* Takes an option and its value: `attached` if not NULL, else the next argument. */
static bool take(struct call *call, const struct option *o, const char *attached, char **argv,
                 int *at)
{
    if (o->metavar == NULL) {
        return take_flag(call, o, attached);
    }
    const char *value = attached != NULL ? attached : argv[++*at];
    if (value == NULL) {
        usage_error(call->command, "--%s needs a value: %s", o->name, o->metavar);
        return false;
    }
    if (strchr(o->metavar, '|') != NULL && !in_list(o->metavar, value)) {
        usage_error(call->command, "--%s cannot be '%s': it is one of %s", o->name, value,
                    o->metavar);
        return false;
    }
    keep(call, o, value);
    return true;
}

/* --name, --name=value, --name value */
static bool parse_long(struct call *call, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const struct word w = {name, strcspn(name, "=")};
    const struct option *o = find_option(call->command, has_name, &w);
    if (o == NULL) {
        unknown_option(call->command, w);
        return false;
    }
    return take(call, o, name[w.n] == '=' ? name + w.n + 1 : NULL, argv, at);
}

/* -wv, -tnft, -t nft */
static bool parse_letters(struct call *call, char **argv, int *at)
{
    for (const char *p = argv[*at] + 1; *p != '\0'; p++) {
        const struct option *o = find_option(call->command, has_letter, p);
        if (o == NULL) {
            usage_error(call->command, "unknown option -%c", *p);
            return false;
        }
        bool wants_value = o->metavar != NULL;
        if (!take(call, o, wants_value && p[1] != '\0' ? p + 1 : NULL, argv, at)) {
            return false;
        }
        if (wants_value) {
            return true;
        }
    }
    return true;
}

static bool check_operands(const struct call *call)
{
    const struct command *command = call->command;
    if (call->noperands < command->min_operands) {
        usage_error(command, "%s needs %s", command->name, command->operand);
        return false;
    }
    if (call->noperands > command->max_operands) {
        usage_error(command, "%s: one argument too many: '%s'", command->name,
                    call->operands[command->max_operands]);
        return false;
    }
    return true;
}

/* Options that do nothing without another. */
static const struct {
    const char *name, *needs;
} dependent[] = {{"failsafe", "host"}, {"log-rate", "log"}};

static bool is_given(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->nlibrary; i++) {
        if (strcmp(call->library[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_effects(const struct call *call)
{
    for (size_t i = 0; i < sizeof dependent / sizeof *dependent; i++) {
        const char *name = dependent[i].name, *needs = dependent[i].needs;
        const struct word w = {needs, strlen(needs)};
        if (is_given(call, name) && !is_given(call, needs) &&
            find_option(call->command, has_name, &w) != NULL) {
            usage_error(call->command, "--%s has no effect without --%s", name, needs);
            return false;
        }
    }
    return true;
}

enum npc_status call_parse(struct call *call, int argc, char **argv)
{
    call->library = calloc((size_t)argc + 1, sizeof *call->library);
    call->several = calloc((size_t)argc + 1, sizeof *call->several);
    call->operands = calloc((size_t)argc + 1, sizeof *call->operands);
    if (call->library == NULL || call->several == NULL || call->operands == NULL) {
        fputs("npc: error: out of memory\n", stderr);
        return NPC_FAULT;
    }
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        bool ok = true;
        if (options_end || arg[0] != '-' || arg[1] == '\0') {
            call->operands[call->noperands++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            options_end = true;
        } else if (arg[1] == '-') {
            ok = parse_long(call, argv, &i);
        } else {
            ok = parse_letters(call, argv, &i);
        }
        if (!ok) {
            return NPC_BAD;
        }
    }
    const bool good =
        call->values[OPT_HELP] != NULL || (check_operands(call) && check_effects(call));
    return good ? NPC_OK : NPC_BAD;
}

void call_free(struct call *call)
{
    free(call->library);
    free(call->several);
    free(call->operands);
}

/* ---- help ---- */

#define HELP_COLUMN 26

static void help_option(const struct option *o)
{
    char left[64];
    int n = o->letter != 0 ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                           : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->metavar != NULL && n > 0 && (size_t)n < sizeof left) {
        snprintf(left + n, sizeof left - (size_t)n, " %s", o->metavar);
    }
    if (strlen(left) < HELP_COLUMN) {
        printf("%-*s  %s\n", HELP_COLUMN, left, o->help);
    } else {
        printf("%s\n%*s  %s\n", left, HELP_COLUMN, "", o->help);
    }
}

void command_help(const struct command *command)
{
    printf("Usage: npc %s%s%s\n\n%s.\n", command->name, command->synopsis[0] != '\0' ? " " : "",
           command->synopsis, command->summary);
    if (command->about != NULL) {
        printf("\n%s", command->about);
    }
    for (size_t g = 0; command->groups[g] != NULL; g++) {
        printf("\n%s:\n", command->groups[g]->title);
        for (const struct option *o = command->groups[g]->options; o->name != NULL; o++) {
            help_option(o);
        }
    }
}
