/*
 * The answers: list, query, why, diff and check over one or two small programs. The input is text:
 *
 *     -- in.npc           a file; several make one program. Files of old/ make the one before it
 *     policy …
 *     -- query FROM TO PORT
 *     -- list FROM TO NAMESPACE PORT       a dash for what is not asked
 *     -- why IN= OUT=eth0 SRC=… DST=… PROTO=…
 *
 * No program differs from itself, what one gains over another the other loses, and no answer holds
 * a byte that a terminal would obey.
 */
#include "lib/context.h"
#include "tests/fuzz/fuzz.h"

enum { COMMANDS_MOST = 8, WORDS = 4 };

enum age { NOW, OLD, PROGRAMS };

struct script {
    struct npc *program[PROGRAMS];
    size_t files[PROGRAMS];
    char *commands[COMMANDS_MOST];
    size_t ncommands;
};

/* ---- reading the script ---- */

static void add_file(struct script *s, const char *name, const char *text, size_t size)
{
    enum age p = strncmp(name, "old/", 4) == 0 ? OLD : NOW;
    npc_add_text(s->program[p], name, text, size);
    s->files[p]++;
}

static void add_section(struct script *s, char *head, const char *text, size_t size)
{
    bool command = strncmp(head, "query ", 6) == 0 || strncmp(head, "list ", 5) == 0 ||
                   strncmp(head, "why ", 4) == 0;
    if (!command) {
        add_file(s, head, text, size);
    } else if (s->ncommands < COMMANDS_MOST) {
        s->commands[s->ncommands++] = head;
    }
}

static const char *next_head(const char *p, const char *end)
{
    while (p < end && (end - p < 3 || memcmp(p, "-- ", 3) != 0)) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        p = line != NULL ? line + 1 : end;
    }
    return p;
}

/* `text` is a copy, in which heads are made strings. */
static void read_script(struct script *s, char *text, size_t size)
{
    char *end = text + size, *p = text + (next_head(text, end) - text);
    while (p < end) {
        char *head = p + 3, *line = memchr(head, '\n', (size_t)(end - head));
        char *body = line != NULL ? line + 1 : end;
        *(line != NULL ? line : end) = '\0';
        p = body + (next_head(body, end) - body);
        add_section(s, head, body, (size_t)(p - body));
    }
}

/* ---- the answers ---- */

static void check_answer(const char *format, const char *text, size_t size)
{
    bool csv = strcmp(format, "csv") == 0; /* RFC 4180: lines end in CR LF */
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool end = csv && c == '\r' && i + 1 < size && text[i + 1] == '\n';
        FUZZ_CHECK((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t' || end,
                   "a control byte in an answer");
    }
    if (strcmp(format, "json") == 0 || strcmp(format, "sarif") == 0) {
        free(fuzz_read_json(text, size));
    }
}

static void list_once(struct npc *n, const struct npc_list_options *o)
{
    const char *text;
    size_t size;
    enum npc_status status = npc_list(n, o, &text, &size);
    fuzz_diagnostics(n, status != NPC_OK);
    if (status == NPC_OK) {
        check_answer(o->format, text, size);
    }
}

static void list(struct npc *n)
{
    static const char *const formats[] = {"text", "json", "csv", "md", "dot", "html"};
    static const enum npc_list_level levels[] = {NPC_LIST_WORKLOADS, NPC_LIST_PODS,
                                                 NPC_LIST_CLASSES};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
            struct npc_list_options o = {.format = formats[f], .level = levels[l]};
            o.nodes = l == 1;
            o.exposure = l != 1;
            list_once(n, &o);
        }
    }
}

static void query_once(struct npc *n, const char *from, const char *to, const char *port)
{
    for (unsigned bits = 0; bits < 4; bits++) {
        struct npc_query_options o = {.from = from,
                                      .to = to,
                                      .port = port,
                                      .explain = bits & 1,
                                      .json = bits & 2,
                                      .any = bits & 1};
        const char *text;
        size_t size;
        enum npc_status status = npc_query(n, &o, &text, &size);
        fuzz_diagnostics(n, status == NPC_BAD);
        if (status != NPC_BAD) {
            check_answer(o.json ? "json" : "text", text, size);
        }
    }
}

static const char *name_of(struct npc *n, const struct workload *w)
{
    return str_path(&n->ctx.arena, w->ns, w->name).p;
}

/* The first workloads of the inventory, of each other. */
static void query_some(struct npc *n)
{
    enum { MOST = 3 };
    const struct inventory *inv = &n->program.inv;
    size_t count = inv->workloads.n < MOST ? inv->workloads.n : MOST;
    for (size_t i = 0; i < count * count; i++) {
        const struct workload *a = inv->workloads.v[i / count], *b = inv->workloads.v[i % count];
        query_once(n, name_of(n, a), name_of(n, b), i % 2 == 0 ? "tcp/80" : NULL);
    }
}

/* The first workloads of the inventory, as machines with rules of their own. */
static void ask_hosts(struct npc *n)
{
    enum { MOST = 2 };
    const struct inventory *inv = &n->program.inv;
    for (size_t i = 0; i < inv->workloads.n && i < MOST; i++) {
        n->emit.bind.scope = BIND_HOST;
        n->emit.bind.host_ns = inv->workloads.v[i]->ns;
        n->emit.bind.host = inv->workloads.v[i]->name;
        list_once(n, &(struct npc_list_options){.format = "text", .level = NPC_LIST_WORKLOADS});
        list_once(n, &(struct npc_list_options){.format = "json", .level = NPC_LIST_CLASSES});
        query_some(n);
    }
    n->emit.bind.scope = BIND_ALL;
}

static void why(struct npc *n, const char *line)
{
    const char *text;
    size_t size;
    enum npc_status status = npc_why(n, line, &text, &size);
    fuzz_diagnostics(n, status == NPC_BAD);
    if (status != NPC_BAD) {
        check_answer("text", text, size);
    }
}

static void run_command(struct npc *n, char *command)
{
    char *words[WORDS] = {NULL}, *rest = command;
    if (strncmp(command, "why ", 4) == 0) {
        why(n, command + 4);
        return;
    }
    const char *verb = strsep(&rest, " ");
    for (size_t i = 0; i < WORDS; i++) {
        char *word = strsep(&rest, " ");
        words[i] = word == NULL || strcmp(word, "-") == 0 ? NULL : word;
    }
    if (strcmp(verb, "query") == 0) {
        query_once(n, words[0] != NULL ? words[0] : "", words[1] != NULL ? words[1] : "", words[2]);
        return;
    }
    struct npc_list_options o = {
        .format = "text", .from = words[0], .to = words[1], .ns = words[2], .port = words[3]};
    list_once(n, &o);
}

/* ---- differences ---- */

static bool has_said(struct npc *n)
{
    const char *text;
    size_t size;
    npc_diagnostics(n, NPC_DIAG_TEXT, true, &text, &size);
    return size > 0;
}

static enum npc_status diff(struct npc *old, struct npc *now, bool *gained, bool *lost)
{
    static const char *const formats[] = {"text", "md", "json"};
    enum npc_status status = NPC_OK;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const char *text;
        size_t size;
        status = npc_diff(old, now, formats[i], &text, &size, gained, lost);
        FUZZ_CHECK(status != NPC_BAD || has_said(old) || has_said(now), "refused without a word");
        if (status != NPC_BAD) {
            check_answer(formats[i], text, size);
        }
    }
    return status;
}

static void check_differences(struct npc *old, struct npc *now)
{
    bool gained = false, lost = false, gained_back = false, lost_back = false;
    enum npc_status there = diff(old, now, &gained, &lost);
    enum npc_status back = diff(now, old, &gained_back, &lost_back);
    FUZZ_CHECK(there == back, "two programs differ one way only");
    FUZZ_CHECK(there == NPC_BAD || (gained == lost_back && lost == gained_back),
               "what one program gains the other does not lose");
    if (there != NPC_BAD) {
        FUZZ_CHECK(diff(now, now, &gained, &lost) == NPC_OK, "a program differs from itself");
    }
}

/* ---- findings ---- */

/* Once for a context: the last question to it. */
static void check(struct npc *n, unsigned round)
{
    static const struct npc_check_options options[] = {
        {.format = "text", .info = true, .colour = false, .require_desc = true},
        {.format = "json", .info = true, .strict = true, .target = "nft", .cni = "calico"},
        {.format = "sarif", .info = true, .target = "calico", .cni = "flannel"},
    };
    const struct npc_check_options *o = &options[round % 3];
    const char *text;
    size_t size;
    enum npc_status status = npc_check(n, o, &text, &size);
    fuzz_diagnostics(n, status == NPC_BAD);
    if (status != NPC_BAD) {
        check_answer(o->format, text, size);
    }
}

static void answer(struct script *s)
{
    struct npc *now = s->program[NOW], *old = s->program[OLD];
    if (now != NULL) {
        list(now);
        ask_hosts(now);
        query_some(now);
        for (size_t i = 0; i < s->ncommands; i++) {
            run_command(now, s->commands[i]);
        }
        check_differences(old != NULL ? old : now, now);
        check(now, (unsigned)now->program.policies.n);
    }
    if (old != NULL) {
        check(old, (unsigned)old->program.policies.n + 1);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct script s = {.program = {fuzz_new(), fuzz_new()}};
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    read_script(&s, text, size);
    for (size_t p = 0; p < PROGRAMS; p++) {
        if (s.files[p] > 0) {
            s.program[p] = fuzz_load(s.program[p]);
        } else {
            npc_free(s.program[p]);
            s.program[p] = NULL;
        }
    }
    answer(&s);
    npc_free(s.program[NOW]);
    npc_free(s.program[OLD]);
    free(text);
    return 0;
}
