/* npc compile: INPUTs in, one backend's output out. */
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/session.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

static const struct option output[] = {
    {OPT_TARGET, "target", 't', "BACKEND", "what to write (k8s); npc backends lists them"},
    {OPT_OUTPUT, "output", 'o', "PATH", "file, or directory, to write instead of stdout"},
    {OPT_BINDING, "from", 0, "FILE", "nft: write only what changes since this output"},
    {0},
};
static const struct option_group options_output = {"Output", output};

static const struct option_group *const groups[] = {&options_output, &options_binding,
                                                    &options_input, &options_common, NULL};

#define MOST_BACKENDS 64

/* Finds the backend of -t; false if a usage error was printed. */
static bool find_backend(const struct call *call, struct npc_backend_info *info)
{
    const char *wanted = call->values[OPT_TARGET] != NULL ? call->values[OPT_TARGET] : "k8s";
    const char *names[MOST_BACKENDS];
    size_t n = 0;
    for (size_t i = 0; n < MOST_BACKENDS && npc_backend(i, info); i++) {
        if (strcmp(info->name, wanted) == 0) {
            return true;
        }
        names[n++] = info->name;
    }
    const char *near = npc_nearest(wanted, names, n);
    if (near != NULL) {
        usage_error(call->command, "no backend is called '%s'; did you mean '%s'?", wanted, near);
    } else {
        usage_error(call->command, "no backend is called '%s'; npc backends lists them", wanted);
    }
    return false;
}

/* Refuses what would be without effect, or cannot be done. */
static bool check_call(const struct call *call, const struct npc_backend_info *backend)
{
    const char *path = call->values[OPT_OUTPUT];
    if (backend->directory && (path == NULL || strcmp(path, "-") == 0)) {
        usage_error(call->command, "-t %s writes several files: name a directory with -o",
                    backend->name);
        return false;
    }
    for (size_t i = 0; i < call->nlibrary; i++) {
        const struct option *o = call->library[i].option;
        if (o->key == OPT_BINDING && !backend->binds) {
            usage_error(call->command,
                        "--%s has no effect with -t %s, which does not look at addresses", o->name,
                        backend->name);
            return false;
        }
    }
    return true;
}

static enum npc_status write_output(struct npc *n, const char *path, const struct npc_output *out)
{
    if (path == NULL || strcmp(path, "-") == 0) {
        progress_hide();
        return npc_write_fd(n, STDOUT_FILENO, out);
    }
    return npc_write_path(n, path, out);
}

static int run(const struct call *call)
{
    struct npc_backend_info backend;
    if (!find_backend(call, &backend) || !check_call(call, &backend)) {
        return NPC_BAD;
    }
    struct session s;
    struct npc_output out;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = session_load(&s);
    }
    if (status == NPC_OK) {
        status = npc_compile(s.npc, backend.name, &out);
    }
    if (status == NPC_OK) {
        status = session_rehearse(&s);
    }
    if (status == NPC_OK) {
        status = write_output(s.npc, call->values[OPT_OUTPUT], &out);
    }
    return session_end(&s, status);
}

const struct command command_compile = {
    .name = "compile",
    .summary = "Compile network policy",
    .synopsis = "[-t BACKEND] [-o PATH] [options] INPUT...",
    .about = "INPUT is a file, a directory, which is searched for .npc, .yaml, .yml and .json, or\n"
             "- for standard input. All INPUTs together are one program, in any order.\n",
    .groups = groups,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .operand = "an INPUT: a file, a directory, or -",
    .run = run,
};
