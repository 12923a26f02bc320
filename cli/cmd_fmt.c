/* npc fmt: npc source in its one layout. */
#include "cli/commands.h"
#include "cli/session.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option layout[] = {
    {OPT_WRITE, "write", 'w', NULL, "rewrite the files that are not formatted"},
    {OPT_CHECK, "check", 0, NULL, "name the files that are not formatted; status 1 if any"},
    {0},
};
static const struct option_group options_layout = {"Format", layout};
static const struct option_group *const groups[] = {&options_layout, &options_common, NULL};

struct text {
    const char *path; /* "-": standard input */
    const char *before, *after;
    size_t before_size, after_size;
};

static bool is_formatted(const struct text *t)
{
    return t->before_size == t->after_size && memcmp(t->before, t->after, t->after_size) == 0;
}

static const char *shown(const struct text *t)
{
    return strcmp(t->path, "-") == 0 ? "<stdin>" : t->path;
}

/* Formats every file, also after an error in one: all errors are shown. */
static enum npc_status format_all(struct npc *n, struct text *texts, size_t ntexts)
{
    enum npc_status worst = NPC_OK;
    for (size_t i = 0; i < ntexts; i++) {
        struct text *t = &texts[i];
        enum npc_status status = npc_read_file(n, t->path, &t->before, &t->before_size);
        if (status == NPC_OK) {
            status = npc_format(n, shown(t), t->before, t->before_size, &t->after, &t->after_size);
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

static enum npc_status check_all(const struct text *texts, size_t n)
{
    enum npc_status status = NPC_OK;
    for (size_t i = 0; i < n; i++) {
        if (!is_formatted(&texts[i])) {
            status = NPC_NO;
            printf("%s\n", shown(&texts[i]));
        }
    }
    return print_text("", 0) == NPC_OK ? status : NPC_FAULT;
}

static enum npc_status write_all(struct npc *n, const struct text *texts, size_t ntexts)
{
    enum npc_status status = NPC_OK;
    for (size_t i = 0; i < ntexts && status == NPC_OK; i++) {
        if (!is_formatted(&texts[i])) {
            status = npc_write_file(n, texts[i].path, texts[i].after, texts[i].after_size);
        }
    }
    return status;
}

static enum npc_status print_all(const struct text *texts, size_t n)
{
    enum npc_status status = NPC_OK;
    for (size_t i = 0; i < n && status == NPC_OK; i++) {
        status = print_text(texts[i].after, texts[i].after_size);
    }
    return status;
}

static enum npc_status format(struct session *s, struct text *texts, size_t n)
{
    enum npc_status status = format_all(s->npc, texts, n);
    if (status == NPC_OK) {
        status = session_rehearse(s);
    }
    if (status != NPC_OK) {
        return status;
    }
    if (s->call->values[OPT_CHECK] != NULL) {
        return check_all(texts, n);
    }
    if (s->call->values[OPT_WRITE] != NULL) {
        return write_all(s->npc, texts, n);
    }
    return print_all(texts, n);
}

static bool check_call(const struct call *call)
{
    bool write = call->values[OPT_WRITE] != NULL;
    if (write && call->values[OPT_CHECK] != NULL) {
        usage_error(call->command, "--write and --check exclude each other");
        return false;
    }
    for (size_t i = 0; write && i < call->noperands; i++) {
        if (strcmp(call->operands[i], "-") == 0) {
            usage_error(call->command, "--write cannot rewrite standard input");
            return false;
        }
    }
    if (write && call->noperands == 0) {
        usage_error(call->command, "--write needs a FILE");
        return false;
    }
    return true;
}

static int run(const struct call *call)
{
    if (!check_call(call)) {
        return NPC_BAD;
    }
    size_t n = call->noperands > 0 ? call->noperands : 1;
    struct text *texts = calloc(n, sizeof *texts);
    struct session s;
    enum npc_status status = session_begin(&s, call);
    if (texts == NULL) {
        fputs("npc: error: out of memory\n", stderr);
        status = NPC_FAULT;
    }
    if (status == NPC_OK) {
        for (size_t i = 0; i < n; i++) {
            texts[i].path = call->noperands > 0 ? call->operands[i] : "-";
        }
        status = format(&s, texts, n);
    }
    free(texts);
    return session_end(&s, status);
}

const struct command command_fmt = {
    .name = "fmt",
    .summary = "Format npc source",
    .synopsis = "[-w | --check] [FILE.npc...]",
    .about = "Without a FILE, or for -, standard input is formatted. The result goes to standard\n"
             "output unless -w or --check says otherwise. The meaning never changes.\n",
    .groups = groups,
    .min_operands = 0,
    .max_operands = SIZE_MAX,
    .run = run,
};
