/* npc diff: connections gained and lost between two inputs, on standard output. */
#include "cli/commands.h"
#include "cli/once.h"
#include "cli/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct option output[] = {
    {OPT_OUTPUT, "output", 'o', "text|json|md", "the format of the answer (text)"},
    {OPT_FAIL_ON, "fail-on", 0, "any|gained|lost", "what makes the exit status 1 (any)"},
    {0},
};
static const struct option_group options_output = {"Answer", output};

static const struct option with[] = {
    {OPT_WITH, "with", 0, "INPUT", "read with both, such as the pods of the cluster"},
    {0},
};
static const struct option_group options_with = {"Both sides", with};

static const struct option_group *const groups[] = {
    &options_output, &options_with, &options_meaning, &options_input, &options_common, NULL};

enum { OLD, NEW, SIDES };

/* ---- what is read ---- */

/* Of one side: less is read before a thread has begun. */
#define LARGE ((off_t)1 << 20)

static bool is_large(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 &&
           (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size >= LARGE));
}

static bool are_large(const struct call *call)
{
    bool any = false;
    for (size_t i = 0; i < call->nseveral; i++) {
        any |= is_large(call->several[i]);
    }
    return any || (is_large(call->operands[OLD]) && is_large(call->operands[NEW]));
}

/* One more INPUT for both sides; *kept is what lives until both are freed. */
static enum npc_status add_with(struct session sessions[SIDES], const char *path, struct once *kept)
{
    const bool once = is_read_once(path);
    enum npc_status status = once ? once_read(kept, path) : NPC_OK;
    for (size_t i = 0; i < SIDES && status == NPC_OK; i++) {
        status = once ? npc_lend_text(sessions[i].npc, kept->name, kept->text, kept->size)
                      : npc_add_path(sessions[i].npc, path);
    }
    return status;
}

static enum npc_status add_inputs(struct session sessions[SIDES], const struct call *call,
                                  struct once *kept)
{
    enum npc_status status = NPC_OK;
    for (size_t i = 0; i < SIDES && status == NPC_OK; i++) {
        status = npc_add_path(sessions[i].npc, call->operands[i]);
    }
    for (size_t i = 0; i < call->nseveral && status == NPC_OK; i++) {
        status = add_with(sessions, call->several[i], &kept[i]);
    }
    return status;
}

static const char *input(const struct call *call, size_t i)
{
    return i < SIDES ? call->operands[i] : call->several[i - SIDES];
}

static bool check_inputs(const struct call *call)
{
    for (size_t i = 0; i < SIDES + call->nseveral; i++) {
        for (size_t k = 0; k < i; k++) {
            if (are_one_stream(input(call, k), input(call, i))) {
                usage_error(call->command, "'%s' can be read only once, and is given twice",
                            input(call, i));
                return false;
            }
        }
        if (input(call, i)[0] == '\0') {
            usage_error(call->command, "an INPUT cannot be ''");
            return false;
        }
    }
    return true;
}

/* ---- reading ---- */

struct reading {
    struct npc *npc;
    enum npc_status status;
};

static void *read_side(void *arg)
{
    struct reading *r = arg;
    r->status = npc_load(r->npc);
    return NULL;
}

/* Loads both sides, so that what is wrong with either is told; large ones at the same time, while
 * the progress shown is that of the new one. */
static enum npc_status load(struct session sessions[SIDES], bool at_once)
{
    struct reading old = {.npc = sessions[OLD].npc}, new = {.npc = sessions[NEW].npc};
    pthread_t thread;
    at_once = at_once && pthread_create(&thread, NULL, read_side, &old) == 0;
    if (!at_once) {
        session_show_progress(&sessions[OLD]);
        read_side(&old);
    }
    session_show_progress(&sessions[NEW]);
    read_side(&new);
    if (at_once) {
        pthread_join(thread, NULL);
        session_show_progress(&sessions[OLD]);
    }
    return old.status > new.status ? old.status : new.status;
}

/* ---- the command ---- */

static bool fails(const struct call *call, bool gained, bool lost)
{
    const char *on = call->values[OPT_FAIL_ON];
    if (on == NULL || strcmp(on, "any") == 0) {
        return gained || lost;
    }
    return strcmp(on, "gained") == 0 ? gained : lost;
}

static enum npc_status answer(struct session s[SIDES], const struct call *call, bool *failed)
{
    const char *format = call->values[OPT_OUTPUT];
    const char *text;
    size_t size;
    bool gained = false, lost = false;
    enum npc_status status = npc_diff(s[OLD].npc, s[NEW].npc, format != NULL ? format : "text",
                                      &text, &size, &gained, &lost);
    status = status == NPC_NO ? NPC_OK : status;
    for (size_t i = 0; i < SIDES && status == NPC_OK; i++) {
        status = session_rehearse(&s[i]);
    }
    *failed = fails(call, gained, lost);
    return status == NPC_OK ? print_text(text, size) : status;
}

/* Whether both sides have the same to say, as about what was read with both. */
static bool say_the_same(struct session s[SIDES])
{
    for (size_t i = 0; i < SIDES; i++) {
        if (s[i].said == NULL && session_rehearse(&s[i]) != NPC_OK) {
            return false;
        }
    }
    return s[OLD].said_size > 0 && s[OLD].said_size == s[NEW].said_size &&
           memcmp(s[OLD].said, s[NEW].said, s[OLD].said_size) == 0;
}

static enum npc_status compare(struct session s[SIDES], size_t *begun, const struct call *call,
                               struct once *kept, bool *failed)
{
    enum npc_status status = NPC_OK;
    while (*begun < SIDES && status == NPC_OK) {
        status = session_begin(&s[(*begun)++], call);
    }
    if (status == NPC_OK) {
        status = add_inputs(s, call, kept);
    }
    if (status == NPC_OK) {
        status = load(s, are_large(call));
    }
    return status == NPC_OK ? answer(s, call, failed) : status;
}

static int run(const struct call *call)
{
    if (!check_inputs(call)) {
        return NPC_BAD;
    }
    struct once *kept = calloc(call->nseveral > 0 ? call->nseveral : 1, sizeof *kept);
    if (kept == NULL) {
        fputs("npc: error: out of memory\n", stderr);
        return NPC_FAULT;
    }
    struct session s[SIDES];
    size_t begun = 0;
    bool failed = false;
    enum npc_status status = compare(s, &begun, call, kept, &failed);
    if (begun == SIDES && s[NEW].npc != NULL && say_the_same(s)) {
        s[NEW].answered = true;
    }
    for (size_t i = 0; i < begun; i++) {
        enum npc_status ended = (enum npc_status)session_end(&s[i], status);
        status = ended > status ? ended : status;
    }
    for (size_t i = 0; i < call->nseveral; i++) {
        free(kept[i].text);
    }
    free(kept);
    return status == NPC_OK && failed ? NPC_NO : (int)status;
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
