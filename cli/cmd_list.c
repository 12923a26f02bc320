/* npc list: every allowed connection, on standard output. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdint.h>
#include <string.h>

static const struct option output[] = {
    {OPT_OUTPUT, "output", 'o', "text|json|csv|md|dot|html", "the format of the answer (text)"},
    {OPT_PODS, "pods", 0, NULL, "list pods one by one, and not by what owns them"},
    {OPT_CLASSES, "classes", 0, NULL, "list all that no policy can tell apart once, with members"},
    {OPT_NODES, "nodes", 0, NULL, "list nodes, too"},
    {OPT_EXPOSURE, "exposure", 0, NULL, "also what is open to pods that are not in the input"},
    {0},
};
static const struct option_group options_output = {"Answer", output};

static const struct option focus[] = {
    {OPT_FROM, "from", 0, "END", "only connections from there: see npc(1)"},
    {OPT_TO, "to", 0, "END", "only connections to there"},
    {OPT_PORT, "port", 0, "PORT", "only this traffic: tcp/80, udp/8000-8080, icmp/8"},
    {0},
};
static const struct option_group options_focus = {"Focus", focus};

static const struct option_group *const groups[] = {&options_output,
                                                    &options_focus,
                                                    &options_machine,
                                                    &options_meaning,
                                                    &options_input,
                                                    &options_common,
                                                    NULL};

/* The value of --namespace, which is for the library, too: where policies are that name none. */
static const char *namespace_of(const struct call *call)
{
    const char *value = NULL;
    for (size_t i = 0; i < call->nlibrary; i++) {
        if (strcmp(call->library[i].option->name, "namespace") == 0) {
            value = call->library[i].value;
        }
    }
    return value;
}

static enum npc_status ask(struct npc *n, const void *options, const char **text, size_t *size)
{
    return npc_list(n, options, text, size);
}

static int run(const struct call *call)
{
    const char *const *values = call->values;
    if (values[OPT_PODS] != NULL && values[OPT_CLASSES] != NULL) {
        return usage_error(call->command, "--pods and --classes exclude each other");
    }
    const struct npc_list_options options = {
        .format = values[OPT_OUTPUT] != NULL ? values[OPT_OUTPUT] : "text",
        .level = values[OPT_PODS] != NULL      ? NPC_LIST_PODS
                 : values[OPT_CLASSES] != NULL ? NPC_LIST_CLASSES
                                               : NPC_LIST_WORKLOADS,
        .from = values[OPT_FROM],
        .to = values[OPT_TO],
        .ns = namespace_of(call),
        .port = values[OPT_PORT],
        .exposure = values[OPT_EXPOSURE] != NULL,
        .nodes = values[OPT_NODES] != NULL,
    };
    struct session s;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = session_load(&s);
    }
    return session_answer(&s, status, ask, &options);
}

const struct command command_list = {
    .name = "list",
    .summary = "List every allowed connection",
    .synopsis = "[-o FORMAT] [--pods | --classes] [--from END] [--to END] [options] INPUT...",
    .about =
        "END is NAMESPACE, NAMESPACE/NAME of a pod or of what owns pods, node:NAME, an address\n"
        "or a CIDR. --namespace lists only connections with an end in that namespace.\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .operand = "an INPUT: a file, a directory, or -",
    .run = run,
};
