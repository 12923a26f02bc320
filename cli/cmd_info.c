/* The commands that only tell: prelude, backends, explain. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdio.h>
#include <string.h>

static const struct option_group *const groups[] = {&options_common, NULL};

static int run_prelude(const struct call *call)
{
    (void)call;
    const char *text = npc_prelude();
    return print_text(text, strlen(text));
}

const struct command command_prelude = {
    .name = "prelude",
    .summary = "Print the groups that every npc file knows",
    .synopsis = "",
    .groups = groups,
    .run = run_prelude,
};

static int run_backends(const struct call *call)
{
    (void)call;
    struct npc_backend_info b;
    for (size_t i = 0; npc_backend(i, &b); i++) {
        printf("%-10s %-5s %s\n", b.name, b.directory ? "dir" : b.extension, b.summary);
    }
    return print_text("", 0);
}

const struct command command_backends = {
    .name = "backends",
    .summary = "List what compile -t can write",
    .synopsis = "",
    .groups = groups,
    .run = run_backends,
};

/* Whether `word` names the finding: NPC406, npc406, 406 or its slug. */
static bool names_finding(const char *word, const struct npc_finding_info *f)
{
    char number[16];
    snprintf(number, sizeof number, "NPC%03u", f->number);
    const char *digits = number + strlen("NPC");
    return strcmp(word, number) == 0 || strcmp(word, digits) == 0 || strcmp(word, f->slug) == 0 ||
           (strncmp(word, "npc", 3) == 0 && strcmp(word + 3, digits) == 0);
}

static int run_explain(const struct call *call)
{
    bool found = false;
    struct npc_finding_info f;
    for (size_t i = 0; npc_finding(i, &f); i++) {
        if (call->noperands == 0 || names_finding(call->operands[0], &f)) {
            found = true;
            printf("NPC%03u %s: %s\n", f.number, f.slug, f.summary);
        }
    }
    if (!found) {
        return usage_error(call->command, "no diagnostic is called '%s'", call->operands[0]);
    }
    return print_text("", 0);
}

const struct command command_explain = {
    .name = "explain",
    .summary = "Say what a diagnostic means, or list all of them",
    .synopsis = "[NPC406]",
    .groups = groups,
    .max_operands = 1,
    .run = run_explain,
};
