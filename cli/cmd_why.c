/* npc why: which policy dropped the packet of a line in the kernel's log. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdint.h>

static const struct option_group *const groups[] = {&options_meaning, &options_input,
                                                    &options_common, NULL};

static int run(const struct call *call)
{
    struct session s;
    const char *text;
    size_t size;
    enum npc_status answer = NPC_OK, status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = session_load_paths(&s, call->operands + 1, call->noperands - 1);
    }
    if (status == NPC_OK) {
        answer = npc_why(s.npc, call->operands[0], &text, &size);
        status = answer == NPC_NO ? NPC_OK : answer;
    }
    if (status == NPC_OK) {
        status = session_rehearse(&s);
    }
    if (status == NPC_OK) {
        status = print_text(text, size);
    }
    return session_end(&s, status == NPC_OK ? answer : status);
}

const struct command command_why = {
    .name = "why",
    .summary = "Explain which policy dropped a packet that the kernel logged",
    .synopsis = "[options] LINE INPUT...",
    .about =
        "LINE is a line of the kernel's log, as rules that were compiled with --log write it.\n"
        "The exit status is 0 if a policy of the INPUTs drops the packet, and 1 if not.\n",
    .groups = groups,
    .min_operands = 2,
    .max_operands = SIZE_MAX,
    .operand = "a line of the kernel's log, and an INPUT",
    .run = run,
};
