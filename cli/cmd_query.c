/* npc query: whether somebody reaches somebody, by the exit status, and why. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdint.h>
#include <string.h>

static const struct option question[] = {
    {OPT_FROM, "from", 0, "END", "who sends: see below"},
    {OPT_TO, "to", 0, "END", "who receives"},
    {OPT_PORT, "port", 0, "PORT", "with what: tcp/80, udp/8000-8080, icmp/8 (anything at all)"},
    {OPT_ANY, "any", 0, NULL, "exit status 0 also if it is so for some of the pairs only"},
    {0},
};
static const struct option_group options_question = {"Question", question};

static const struct option output[] = {
    {OPT_OUTPUT, "output", 'o', "text|json", "the format of the answer (text)"},
    {OPT_EXPLAIN, "explain", 0, NULL, "the reason: policies and rules, or what each rule misses"},
    {0},
};
static const struct option_group options_output = {"Answer", output};

static const struct option_group *const groups[] = {&options_question,
                                                    &options_output,
                                                    &options_machine,
                                                    &options_meaning,
                                                    &options_input,
                                                    &options_common,
                                                    NULL};

static enum npc_status ask(struct npc *n, const void *options, const char **text, size_t *size)
{
    return npc_query(n, options, text, size);
}

static int run(const struct call *call)
{
    const char *const *values = call->values;
    if (values[OPT_FROM] == NULL || values[OPT_TO] == NULL) {
        return usage_error(call->command, "query needs --from and --to");
    }
    const struct npc_query_options options = {
        .from = values[OPT_FROM],
        .to = values[OPT_TO],
        .port = values[OPT_PORT],
        .any = values[OPT_ANY] != NULL,
        .explain = values[OPT_EXPLAIN] != NULL,
        .json = values[OPT_OUTPUT] != NULL && strcmp(values[OPT_OUTPUT], "json") == 0,
    };
    struct session s;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = session_load(&s);
    }
    return session_answer(&s, status, ask, &options);
}

const struct command command_query = {
    .name = "query",
    .summary = "Ask whether somebody reaches somebody",
    .synopsis = "--from END --to END [--port PORT] [--explain] [options] INPUT...",
    .about =
        "END is NAMESPACE, NAMESPACE/NAME of a pod or of what owns pods, node:NAME, an address\n"
        "or a CIDR. The exit status is 0 if every pair of the two ends may do all that was\n"
        "asked for, else 1.\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .operand = "an INPUT: a file, a directory, or -",
    .run = run,
};
