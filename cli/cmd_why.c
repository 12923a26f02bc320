/* npc why: which policy dropped the packet of a line in the kernel's log. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdint.h>

static const struct option_group *const groups[] = {&options_machine, &options_meaning,
                                                    &options_input, &options_common, NULL};

static enum npc_status ask(struct npc *n, const void *options, const char **text, size_t *size)
{
    return npc_why(n, options, text, size);
}

static int run(const struct call *call)
{
    struct session s;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = session_load_paths(&s, call->operands + 1, call->noperands - 1);
    }
    return session_answer(&s, status, ask, call->operands[0]);
}

const struct command command_why = {
    .name = "why",
    .summary = "Explain which policy dropped a packet that the kernel logged",
    .synopsis = "[options] LINE INPUT...",
    .about =
        "LINE is a line of the kernel's log, as rules that were compiled with --log write it.\n"
        "The exit status is 0 if a policy of the INPUTs drops the packet, or may (the kernel does\n"
        "not log the ports of SCTP), and 1 if not.\n",
    .groups = groups,
    .min_operands = 2,
    .max_operands = SIZE_MAX,
    .operand = "a line of the kernel's log, and an INPUT",
    .run = run,
};
