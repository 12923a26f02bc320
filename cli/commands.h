/* The commands, one file each (those that only tell share cmd_info.c). main.c lists them. */
#ifndef NPC_CLI_COMMANDS_H
#define NPC_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct command command_compile, command_list, command_diff, command_query, command_why,
    command_check, command_fmt, command_prelude, command_backends, command_explain, command_apply,
    command_confirm, command_rollback, command_status, command_boot;

#endif
