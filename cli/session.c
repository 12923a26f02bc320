/* The run of a command: what all commands do around their own work. */
#include "cli/session.h"

#include "cli/progress.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum npc_status session_begin(struct session *s, const struct call *call)
{
    *s = (struct session){.call = call, .npc = npc_new()};
    if (s->npc == NULL) {
        return NPC_FAULT;
    }
    signals_guard(s->npc);
    enum npc_status worst = NPC_OK;
    for (size_t i = 0; i < call->nlibrary; i++) {
        enum npc_status status =
            npc_set(s->npc, call->library[i].option->name, call->library[i].value);
        worst = status > worst ? status : worst;
    }
    return worst;
}

static bool progress_wanted(const struct call *call)
{
    const char *when = call->values[OPT_PROGRESS];
    return when == NULL || strcmp(when, "never") != 0;
}

void session_show_progress(struct session *s)
{
    if (progress_wanted(s->call)) {
        npc_set_progress(s->npc, progress_begin(&s->progress), &s->progress);
    }
}

enum npc_status session_load_paths(struct session *s, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum npc_status status = npc_add_path(s->npc, paths[i]);
        if (status != NPC_OK) {
            return status;
        }
    }
    session_show_progress(s);
    return npc_load(s->npc);
}

enum npc_status session_load(struct session *s)
{
    return session_load_paths(s, s->call->operands, s->call->noperands);
}

bool session_colour(const struct call *call, int fd)
{
    const char *when = call->values[OPT_COLOR];
    if (when != NULL && strcmp(when, "auto") != 0) {
        return strcmp(when, "always") == 0;
    }
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: set and not empty */
    const char *term = getenv("TERM");
    return isatty(fd) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static enum npc_diag_format diag_format(const struct call *call)
{
    const char *diag = call->values[OPT_DIAG];
    if (diag != NULL && strcmp(diag, "json") == 0) {
        return NPC_DIAG_JSON;
    }
    return session_colour(call, STDERR_FILENO) ? NPC_DIAG_COLOUR : NPC_DIAG_TEXT;
}

enum npc_status session_rehearse(struct session *s)
{
    bool info = s->call->values[OPT_VERBOSE] != NULL;
    return npc_diagnostics(s->npc, diag_format(s->call), info, &s->said, &s->said_size);
}

/* Not by stdio, which forgets what it has not written when a signal comes. */
static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        } else if (n == 0) {
            errno = EIO;
            return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

int session_end(struct session *s, enum npc_status status)
{
    progress_hide();
    signals_guard(NULL);
    if (s->npc == NULL) {
        fputs("npc: error: out of memory\n", stderr);
        return NPC_FAULT;
    }
    enum npc_status shown = NPC_OK;
    if (s->answered) {
        s->said_size = 0;
    } else if (status > NPC_NO || s->more || s->said == NULL) {
        /* There is more to say since the rehearsal; without memory, what was to be said then. */
        const char *said = s->said;
        size_t said_size = s->said_size;
        shown = session_rehearse(s);
        if (shown != NPC_OK && status == NPC_OK && said != NULL) {
            s->said = said;
            s->said_size = said_size;
            shown = NPC_OK;
        }
    }
    if (s->said_size > 0) {
        (void)write_all(STDERR_FILENO, s->said, s->said_size); /* whom could one tell? */
    }
    npc_free(s->npc);
    return shown > status ? shown : status;
}

enum npc_status print_text(const char *text, size_t size)
{
    progress_hide();
    /* ferror(): what was printed with printf() may have failed before. */
    if (fflush(stdout) == 0 && ferror(stdout) == 0 && write_all(STDOUT_FILENO, text, size)) {
        return NPC_OK;
    }
    if (errno != EPIPE) {
        fprintf(stderr, "npc: error: cannot write to standard output: %s\n", strerror(errno));
    }
    return NPC_FAULT;
}

int session_answer(struct session *s, enum npc_status status, answer_fn ask, const void *options)
{
    const char *text;
    size_t size;
    enum npc_status answer = NPC_OK;
    if (status == NPC_OK) {
        answer = ask(s->npc, options, &text, &size);
        status = answer == NPC_NO ? NPC_OK : answer;
    }
    if (status == NPC_OK) {
        status = session_rehearse(s);
    }
    if (status == NPC_OK) {
        status = print_text(text, size);
    }
    return session_end(s, status == NPC_OK ? answer : status);
}
