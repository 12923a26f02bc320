/* npc diff: connections gained and lost between two inputs, on standard output. */
#include "cli/commands.h"
#include "cli/session.h"

#include <string.h>

static const struct option output[] = {
    {OPT_OUTPUT, "output", 'o', "text|json|md", "the format of the answer (text)"},
    {OPT_FAIL_ON, "fail-on", 0, "any|gained|lost", "what makes the exit status 1 (any)"},
    {0},
};
static const struct option_group options_output = {"Answer", output};

static const struct option with[] = {
    {OPT_LIBRARY, "with", 0, "INPUT", "read with both, such as the pods of the cluster"},
    {0},
};
static const struct option_group options_with = {"Both sides", with};

static const struct option_group *const groups[] = {
    &options_output, &options_with, &options_meaning, &options_input, &options_common, NULL};

enum { OLD, NEW, SIDES };

/* Loads both sides, so that what is wrong with either is told. */
static enum npc_status load(struct session sessions[SIDES], const struct call *call)
{
    enum npc_status worst = NPC_OK;
    for (size_t i = 0; i < SIDES; i++) {
        enum npc_status status = session_begin(&sessions[i], call);
        if (status == NPC_OK) {
            status = session_load_paths(&sessions[i], &call->operands[i], 1);
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

static bool fails(const struct call *call, bool gained, bool lost)
{
    const char *on = call->values[OPT_FAIL_ON];
    if (on == NULL || strcmp(on, "any") == 0) {
        return gained || lost;
    }
    return strcmp(on, "gained") == 0 ? gained : lost;
}

static int run(const struct call *call)
{
    const char *format = call->values[OPT_OUTPUT];
    struct session s[SIDES];
    const char *text;
    size_t size;
    bool gained = false, lost = false;
    enum npc_status status = load(s, call);
    if (status == NPC_OK) {
        status = npc_diff(s[OLD].npc, s[NEW].npc, format != NULL ? format : "text", &text, &size,
                          &gained, &lost);
        status = status == NPC_NO ? NPC_OK : status;
    }
    for (size_t i = 0; i < SIDES && status == NPC_OK; i++) {
        status = session_rehearse(&s[i]);
    }
    if (status == NPC_OK) {
        status = print_text(text, size);
    }
    for (size_t i = 0; i < SIDES; i++) {
        enum npc_status ended = (enum npc_status)session_end(&s[i], status);
        status = ended > status ? ended : status;
    }
    return status == NPC_OK && fails(call, gained, lost) ? NPC_NO : (int)status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "Show connections gained and lost between two inputs",
    .synopsis = "[-o FORMAT] [--with INPUT] [--fail-on WHAT] [options] OLD NEW",
    .about =
        "OLD and NEW are INPUTs: files, directories, or - for one of them. Ends are matched by\n"
        "name. The exit status is 1 if something was gained or lost.\n",
    .groups = groups,
    .min_operands = SIDES,
    .max_operands = SIDES,
    .operand = "OLD and NEW: a file, a directory, or -",
    .run = run,
};
