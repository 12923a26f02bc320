/* The program npc: finds the command, parses its options, runs it. */
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int run_help(const struct call *call);

static const struct option_group *const no_groups[] = {&options_common, NULL};

static const struct command command_help_itself = {
    .name = "help",
    .summary = "Show the help of a command",
    .synopsis = "[COMMAND]",
    .groups = no_groups,
    .max_operands = 1,
    .run = run_help,
};

static const struct command *const commands[] = {
    &command_compile,  &command_list,    &command_query, &command_why,
    &command_diff,     &command_check,   &command_fmt,   &command_prelude,
    &command_backends, &command_explain, &command_apply, &command_confirm,
    &command_rollback, &command_status,  &command_boot,  &command_help_itself,
};
#define NCOMMANDS (sizeof commands / sizeof commands[0])

static void help_all(FILE *to)
{
    fputs("npc compiles network policy: Kubernetes YAML and the npc language, to Kubernetes,\n"
          "Calico, nftables and iptables.\n\nUsage: npc COMMAND [options] ...\n\n",
          to);
    for (size_t i = 0; i < NCOMMANDS; i++) {
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\nnpc COMMAND --help tells more, npc(1) and npc-language(5) tell all. "
          "npc --version.\n",
          to);
}

/* The command of that name, or NULL with a usage error printed. */
static const struct command *find_command(const char *name)
{
    const char *names[NCOMMANDS];
    for (size_t i = 0; i < NCOMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(name, names[i]) == 0) {
            return commands[i];
        }
    }
    const char *near = npc_nearest(name, names, NCOMMANDS);
    if (near != NULL) {
        usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, near);
    } else {
        usage_error(NULL, "unknown command '%s'", name);
    }
    return NULL;
}

static int run_help(const struct call *call)
{
    if (call->noperands == 0) {
        help_all(stdout);
        return print_text("", 0);
    }
    const struct command *command = find_command(call->operands[0]);
    if (command == NULL) {
        return NPC_BAD;
    }
    command_help(command);
    return print_text("", 0);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct call call = {.command = command};
    int status = call_parse(&call, argc, argv);
    if (status == NPC_OK) {
        if (call.values[OPT_HELP] != NULL) {
            command_help(command);
            status = print_text("", 0);
        } else {
            status = command->run(&call);
        }
    }
    call_free(&call);
    return status;
}

/* npc --version, npc --help */
static int tell_about(bool is_version, int nrest, char **rest)
{
    if (nrest > 0) {
        return usage_error(NULL, "one argument too many: '%s'", rest[0]);
    }
    if (is_version) {
        printf("npc %s\n", npc_version());
    } else {
        help_all(stdout);
    }
    return print_text("", 0);
}

int main(int argc, char **argv)
{
    /* A reader that goes away is a failed write like any other, not a sudden death. */
    signal(SIGPIPE, SIG_IGN);
    signals_catch();
    if (argc < 2) {
        help_all(stderr);
        return NPC_BAD;
    }
    const char *word = argv[1];
    bool is_version = strcmp(word, "--version") == 0;
    if (is_version || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return tell_about(is_version, argc - 2, argv + 2);
    }
    const struct command *command = find_command(word);
    return command != NULL ? run_command(command, argc - 2, argv + 2) : NPC_BAD;
}
