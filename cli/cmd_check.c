/* npc check: findings and tests, on standard output. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdint.h>
#include <unistd.h>

static const struct option output[] = {
    {OPT_OUTPUT, "output", 'o', "text|json|sarif", "the format of the findings (text)"},
    {OPT_STRICT, "strict", 0, NULL, "warnings fail, too"},
    {OPT_REQUIRE_DESC, "require-desc", 0, NULL, "every policy must have a description"},
    {OPT_TARGET, "target", 't', "BACKEND", "what the policies are for: a cluster, or this backend"},
    {OPT_CNI, "cni", 0, "NAME", "the network plugin that enforces them"},
    {0},
};
static const struct option_group options_output = {"Findings", output};

static const struct option_group *const groups[] = {&options_output, &options_meaning,
                                                    &options_input, &options_common, NULL};

static int run(const struct call *call)
{
    const char *const *values = call->values;
    const struct npc_check_options options = {
        .format = values[OPT_OUTPUT] != NULL ? values[OPT_OUTPUT] : "text",
        .info = values[OPT_VERBOSE] != NULL,
        .colour = session_colour(call, STDOUT_FILENO),
        .strict = values[OPT_STRICT] != NULL,
        .require_desc = values[OPT_REQUIRE_DESC] != NULL,
        .target = values[OPT_TARGET],
        .cni = values[OPT_CNI],
    };
    struct session s;
    const char *text = NULL;
    size_t size = 0;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = session_load(&s);
    }
    if (status == NPC_OK) {
        status = npc_check(s.npc, &options, &text, &size);
        s.answered = status == NPC_OK || status == NPC_NO;
    }
    if (s.answered && print_text(text, size) != NPC_OK) {
        status = NPC_FAULT;
    }
    return session_end(&s, status);
}

const struct command command_check = {
    .name = "check",
    .summary = "Look for what is most likely not meant, and run tests",
    .synopsis = "[-o text|json|sarif] [--strict] [options] INPUT...",
    .about =
        "Exit status: 0 nothing found, 1 findings (errors; with --strict warnings, too), 2 the\n"
        "input cannot be analysed. A comment on the line before silences a finding:\n"
        "\n"
        "    # npc:allow NPC302 the proxy speaks whatever its peers speak\n"
        "\n"
        "npc explain lists all findings.\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .operand = "an INPUT: a file, a directory, or -",
    .run = run,
};
