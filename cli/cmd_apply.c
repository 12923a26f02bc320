/* npc apply, confirm, rollback, status and boot: the rules of this machine. */
#include "apply/apply.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/signals.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct option apply[] = {
    {OPT_TARGET, "target", 't', "nft|iptables", "what the rules are loaded by (nft)"},
    {OPT_CONFIRM, "confirm", 0, "SECONDS", "roll back unless npc confirm comes in time"},
    {OPT_DRY_RUN, "dry-run", 0, NULL, "check everything, show the difference, load nothing"},
    {OPT_KEEP, "keep", 0, "ADDR:PORT", "refuse rules that would make this TCP port unreachable"},
    {OPT_ALLOW_LOCKOUT, "allow-lockout", 0, NULL, "load rules that cut this session, or --keep"},
    {OPT_REPLACE, "replace", 0, NULL,
     "replace rules of another kind: node by host, nft by iptables"},
    {OPT_KILL_STATES, "kill-states", 0, NULL,
     "end connections of the pods that the change touches"},
    {OPT_VARIANT, "iptables", 0, "nft|legacy", "which iptables-restore (the one installed)"},
    {OPT_NO_REHEARSAL, "no-rehearsal", 0, NULL, "do not try the rules in a namespace of their own"},
    {OPT_WAIT, "wait", 0, "SECONDS", "how long to wait while another npc changes rules (0)"},
    {0},
};
static const struct option waiting[] = {
    {OPT_WAIT, "wait", 0, "SECONDS", "how long to wait while another npc changes rules (10)"},
    {0},
};
static const struct option rollback[] = {
    {OPT_ALLOW_LOCKOUT, "allow-lockout", 0, NULL, "go back to rules that cut this session, too"},
    {OPT_WAIT, "wait", 0, "SECONDS", "how long to wait while another npc changes rules (10)"},
    {0},
};
static const struct option status_format[] = {
    {OPT_OUTPUT, "output", 'o', "text|json", "how the answer is written (text)"},
    {0},
};
static const struct option boot[] = {
    {OPT_WAIT, "wait", 0, "SECONDS", "how long to wait while another npc changes rules (10)"},
    {OPT_BINDING, "failsafe", 0, "PORTS", "kept open if the confirmed rules are damaged (tcp/22)"},
    {0},
};
static const struct option places[] = {
    {OPT_STATE_DIR, "state-dir", 0, "DIR", "what outlives a reboot (/var/lib/npc)"},
    {OPT_RUN_DIR, "run-dir", 0, "DIR", "what does not (/run/npc)"},
    {OPT_LOADER_DIR, "loader-dir", 0, "DIR", "nft, iptables-restore, ipset (/usr/sbin, …)"},
    {OPT_UNIT_DIR, "unit-dir", 0, "DIR", "where systemd units are enabled (/etc/systemd/system)"},
    {0},
};
static const struct option_group options_apply = {"Loading", apply};
static const struct option_group options_waiting = {"Loading", waiting};
static const struct option_group options_rollback = {"Loading", rollback};
static const struct option_group options_status = {"Output", status_format};
static const struct option_group options_boot = {"Loading", boot};
static const struct option_group options_places = {"Places", places};

static const struct option_group *const apply_groups[] = {
    &options_apply, &options_binding, &options_input, &options_places, &options_common, NULL};
static const struct option_group *const short_groups[] = {&options_waiting, &options_places,
                                                          &options_common, NULL};
static const struct option_group *const status_groups[] = {&options_status, &options_places,
                                                           &options_common, NULL};
static const struct option_group *const rollback_groups[] = {&options_rollback, &options_places,
                                                             &options_common, NULL};
static const struct option_group *const boot_groups[] = {&options_boot, &options_places,
                                                         &options_common, NULL};

/* The value of an option of the library, which has checked it by then; NULL: not given. */
static const char *setting_of(const struct call *call, const char *name)
{
    for (size_t i = call->nlibrary; i-- > 0;) {
        if (strcmp(call->library[i].option->name, name) == 0) {
            return call->library[i].value;
        }
    }
    return NULL;
}

static struct apply_places places_of(const struct call *call)
{
    return (struct apply_places){
        .state_dir = call->values[OPT_STATE_DIR],
        .run_dir = call->values[OPT_RUN_DIR],
        .loader_dir = call->values[OPT_LOADER_DIR],
        .unit_dir = call->values[OPT_UNIT_DIR],
        .failsafe = setting_of(call, "failsafe"),
    };
}

static void say(const char *line)
{
    progress_hide();
    fprintf(stderr, "%s\n", line);
}

static bool show(const char *text, size_t size)
{
    return print_text(text, size) == NPC_OK;
}

/* What is said after the rules are loaded must not need what can run out. */
static bool ready(void *session)
{
    return session_rehearse(session) == NPC_OK;
}

static const char *const setting_names[] = {"failsafe", "ipblock", "namespace"};
#define SETTINGS (sizeof setting_names / sizeof *setting_names)

/* The options that change what is allowed: kept, so that later ones can be compared. */
static size_t find_settings(const struct call *call, struct apply_setting out[SETTINGS])
{
    size_t n = 0;
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *value = setting_of(call, setting_names[i]);
        if (value != NULL) {
            out[n++] = (struct apply_setting){setting_names[i], value};
        }
    }
    return n;
}

/* Whether a person sits in front of it, whatever is read and wherever output goes. */
static bool is_at_terminal(void)
{
    const int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 || isatty(STDIN_FILENO) != 0 || isatty(STDERR_FILENO) != 0;
}

static struct apply_options options_of(const struct call *call)
{
    const char *diag = call->values[OPT_DIAG];
    const char *target = call->values[OPT_TARGET];
    return (struct apply_options){
        .target = target != NULL ? target : "nft",
        .variant = call->values[OPT_VARIANT],
        .confirm = call->values[OPT_CONFIRM],
        .wait = call->values[OPT_WAIT],
        .keep = call->several,
        .nkeep = call->nseveral,
        .dry_run = call->values[OPT_DRY_RUN] != NULL,
        .allow_lockout = call->values[OPT_ALLOW_LOCKOUT] != NULL,
        .replace = call->values[OPT_REPLACE] != NULL,
        .kill_states = call->values[OPT_KILL_STATES] != NULL,
        .no_rehearsal = call->values[OPT_NO_REHEARSAL] != NULL,
        .terminal = is_at_terminal(),
        .inputs = call->operands,
        .ninputs = call->noperands,
        .say = diag == NULL || strcmp(diag, "json") != 0 ? say : NULL,
        .show = show,
    };
}

/* Raw text could change anything, so nothing could be rolled back. */
static bool refuses_raw(const struct call *call)
{
    for (size_t i = 0; i < call->nlibrary; i++) {
        if (strcmp(call->library[i].option->name, "allow-raw") == 0) {
            usage_error(call->command, "--allow-raw: apply loads no raw text, which it could not "
                                       "take back");
            return true;
        }
    }
    return false;
}

static int run_apply(const struct call *call)
{
    if (refuses_raw(call)) {
        return NPC_BAD;
    }
    const struct apply_places where = places_of(call);
    struct apply_setting settings[SETTINGS];
    struct apply_options options = options_of(call);
    options.nsettings = find_settings(call, settings);
    options.settings = settings;
    struct session s;
    options.ready = ready;
    options.ready_arg = &s;
    struct apply *a = NULL;
    enum npc_status status = session_begin(&s, call);
    s.more = true;
    if (status == NPC_OK) {
        status = apply_open(s.npc, &where, &a);
    }
    signals_guard_apply(a);
    if (status == NPC_OK) {
        status = session_load(&s);
    }
    if (status == NPC_OK) {
        status = apply_run(a, &options);
    }
    signals_guard_apply(NULL);
    apply_close(a);
    return session_end(&s, status);
}

/* The verbs that take no INPUT. They wait for a short while: who confirms in the moment in which
 * the rules are loaded is not to be refused. */
static int run_verb(const struct call *call, enum npc_status (*verb)(struct apply *a))
{
    const char *wait = call->values[OPT_WAIT] != NULL ? call->values[OPT_WAIT] : "10";
    const struct apply_places where = places_of(call);
    struct session s;
    struct apply *a = NULL;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = apply_open(s.npc, &where, &a);
    }
    signals_guard_apply(a);
    s.more = true;
    if (status == NPC_OK) {
        status = apply_lock(a, wait);
    }
    if (status == NPC_OK) {
        status = session_rehearse(&s);
    }
    if (status == NPC_OK) {
        status = verb(a);
    }
    signals_guard_apply(NULL);
    apply_close(a);
    return session_end(&s, status);
}

static int run_confirm(const struct call *call)
{
    return run_verb(call, apply_confirm);
}

static enum npc_status roll_back(struct apply *a)
{
    return apply_rollback(a, false);
}

static enum npc_status roll_back_anyway(struct apply *a)
{
    return apply_rollback(a, true);
}

static int run_rollback(const struct call *call)
{
    return run_verb(call, call->values[OPT_ALLOW_LOCKOUT] != NULL ? roll_back_anyway : roll_back);
}

static int run_boot(const struct call *call)
{
    return run_verb(call, apply_boot);
}

static int run_status(const struct call *call)
{
    const struct apply_places where = places_of(call);
    const char *format = call->values[OPT_OUTPUT];
    const char *text;
    size_t size;
    struct session s;
    struct apply *a = NULL;
    enum npc_status status = session_begin(&s, call);
    if (status == NPC_OK) {
        status = apply_open(s.npc, &where, &a);
    }
    if (status == NPC_OK) {
        text = NULL;
        status = apply_status(a, format != NULL && strcmp(format, "json") == 0, &text, &size);
        if (session_rehearse(&s) != NPC_OK || (text != NULL && print_text(text, size) != NPC_OK)) {
            status = NPC_FAULT;
        }
    }
    apply_close(a);
    return session_end(&s, status);
}

const struct command command_apply = {
    .name = "apply",
    .summary = "Load the rules of this machine, so that nobody is locked out",
    .synopsis = "[-t nft|iptables] [--node NAME | --host NS/NAME] [options] INPUT...",
    .about =
        "Compiles the INPUTs as npc compile does and puts the rules in force: all of them, in\n"
        "both families, or nothing. npc status tells what is in force.\n",
    .groups = apply_groups,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .operand = "an INPUT: a file, a directory, or -",
    .run = run_apply,
};

const struct command command_confirm = {
    .name = "confirm",
    .summary = "Keep the rules that npc apply --confirm loaded",
    .synopsis = "[options]",
    .about =
        "Over SSH it must be typed in a connection that was made after the rules were loaded:\n"
        "only that proves that they let one in.\n",
    .groups = short_groups,
    .run = run_confirm,
};

const struct command command_rollback = {
    .name = "rollback",
    .summary = "Go back to the rules that were there before",
    .synopsis = "[options]",
    .about = "Takes back what waits for npc confirm; if nothing does, goes back to what was\n"
             "confirmed before, unless that would cut the SSH session.\n",
    .groups = rollback_groups,
    .run = run_rollback,
};

const struct command command_status = {
    .name = "status",
    .summary = "Tell what rules npc apply has put in force, and whether they still are",
    .synopsis = "[-o text|json] [options]",
    .about = "Status 0: as they were loaded; 1: changed by somebody since, or none.\n",
    .groups = status_groups,
    .run = run_status,
};

const struct command command_boot = {
    .name = "boot",
    .summary = "Load the rules that were confirmed last (for the systemd unit)",
    .synopsis = "[--failsafe PORTS] [options]",
    .about = "If they are damaged, only established connections and the failsafe ports pass.\n",
    .groups = boot_groups,
    .run = run_boot,
};
