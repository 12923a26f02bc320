/*
 * The command line as tables: an option is one row, a command is a list of groups of options.
 * Parsing, help, did-you-mean and completions all read the same rows.
 */
#ifndef NPC_CLI_OPTIONS_H
#define NPC_CLI_OPTIONS_H

#include "npc/npc.h"

#include <stdbool.h>
#include <stddef.h>

enum option_key {
    OPT_LIBRARY, /* passed on to npc_set() by its name */
    OPT_BINDING, /* likewise, and only for backends that bind to the inventory */
    OPT_WITH,    /* one more INPUT; any number */
    OPT_HELP,
    OPT_DIAG,
    OPT_COLOR,
    OPT_PROGRESS,
    OPT_VERBOSE,
    OPT_TARGET,
    OPT_OUTPUT,
    OPT_WRITE,
    OPT_CHECK,
    OPT_CONFIRM,
    OPT_DRY_RUN,
    OPT_KEEP,
    OPT_ALLOW_LOCKOUT,
    OPT_REPLACE,
    OPT_KILL_STATES,
    OPT_WAIT,
    OPT_VARIANT,
    OPT_NO_REHEARSAL,
    OPT_STATE_DIR,
    OPT_RUN_DIR,
    OPT_LOADER_DIR,
    OPT_UNIT_DIR,
    OPT_PODS,
    OPT_CLASSES,
    OPT_NODES,
    OPT_EXPOSURE,
    OPT_FROM,
    OPT_TO,
    OPT_PORT,
    OPT_FAIL_ON,
    OPT_ANY,
    OPT_EXPLAIN,
    OPT_STRICT,
    OPT_REQUIRE_DESC,
    OPT_CNI,
    OPT_KEYS
};

struct option {
    enum option_key key;
    const char *name;    /* without dashes */
    char letter;         /* or 0 */
    const char *metavar; /* of the value, NULL for a flag; "a|b|c" is the closed list of values */
    const char *help;    /* one line */
};

struct option_group {
    const char *title;
    const struct option *options; /* ends with a row without name */
};

struct call;

struct command {
    const char *name;
    const char *summary;
    const char *synopsis;                     /* after "npc NAME " */
    const char *about;                        /* paragraphs for help, or NULL */
    const struct option_group *const *groups; /* ends with NULL */
    size_t min_operands, max_operands;
    const char *operand;              /* what is missing if there are too few */
    int (*run)(const struct call *c); /* returns the exit status */
};

struct library_option {
    const struct option *option;
    const char *value; /* NULL for flags */
};

struct call { /* a parsed command line */
    const struct command *command;
    const char *values[OPT_KEYS]; /* by key: the last value given, "" for a flag, NULL: not given */
    struct library_option *library; /* in order */
    size_t nlibrary;
    const char **several; /* of an option that may be given several times, in order */
    size_t nseveral;
    const char **operands;
    size_t noperands;
};

extern const struct option_group options_common, options_input, options_binding, options_meaning,
    options_machine;

/* Parses what follows the name of the command into *call, whose command is set. Unless it returns
 * NPC_OK it has printed why; call_free() either way. */
enum npc_status call_parse(struct call *call, int argc, char **argv);
void call_free(struct call *call);

/* The help of one command, on stdout. */
void command_help(const struct command *command);

/* Prints "npc: error: …" and how to get help. Returns the exit status of usage errors. */
int usage_error(const struct command *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#endif
