/* Runs the library over text in memory. Knows no syntax. */
#include "lib/context.h"
#include "tests/fuzz/fuzz.h"

struct npc *fuzz_new(void)
{
    struct npc *n = npc_new();
    FUZZ_CHECK(n != NULL, "no memory");
    npc_set(n, "allow-raw", NULL);
    return n;
}

void fuzz_diagnostics(struct npc *n, bool demanded)
{
    static const enum npc_diag_format formats[] = {NPC_DIAG_TEXT, NPC_DIAG_JSON};
    for (size_t f = 0; f < 2; f++) {
        const char *said;
        size_t length;
        FUZZ_CHECK(npc_diagnostics(n, formats[f], true, &said, &length) == NPC_OK,
                   "no diagnostics");
        FUZZ_CHECK(length > 0 || !demanded, "refused without a word");
        for (size_t i = 0; i < length; i++) {
            unsigned char c = (unsigned char)said[i];
            FUZZ_CHECK((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t',
                       "a control byte in a diagnostic");
        }
        if (formats[f] == NPC_DIAG_JSON) {
            free(fuzz_read_json(said, length));
        }
    }
}

struct npc *fuzz_load(struct npc *n)
{
    if (npc_load(n) == NPC_OK) {
        fuzz_diagnostics(n, false);
        return n;
    }
    fuzz_diagnostics(n, true);
    npc_free(n);
    return NULL;
}

struct npc *fuzz_load_text(const char *name, const char *text, size_t size)
{
    struct npc *n = fuzz_new();
    npc_add_text(n, name, text, size);
    return fuzz_load(n);
}

struct npc *fuzz_load_file(const char *name, const char *text, size_t size)
{
    enum { LENIENT = 1, ALIASES = 2, NAMESPACE = 4, EXTERNAL = 8, LOG = 16 };
    size_t ends = 0;
    while (ends < size && text[size - 1 - ends] == '\n') {
        ends++;
    }
    unsigned bits = ends > 0 ? (unsigned)ends - 1 : 0;
    struct npc *n = fuzz_new();
    if (bits & LENIENT) {
        npc_set(n, "lenient", NULL);
        npc_set(n, "skip-kind", "CiliumNetworkPolicy");
    }
    if (bits & ALIASES) {
        npc_set(n, "allow-aliases", NULL);
    }
    if (bits & NAMESPACE) {
        npc_set(n, "namespace", "somewhere");
    }
    if (bits & EXTERNAL) {
        npc_set(n, "ipblock", "external");
    }
    if (bits & LOG) {
        npc_set(n, "log", NULL);
    }
    npc_add_text(n, name, text, size);
    return fuzz_load(n);
}

bool fuzz_compile(struct npc *n, const char *backend, struct npc_output *out)
{
    bool ok = npc_compile(n, backend, out) == NPC_OK;
    fuzz_diagnostics(n, !ok);
    return ok;
}

/* Raw text is the user's own; outputs with it are read by nobody here. */
static bool has_raw(const struct npc *n)
{
    bool raw = n->program.raws.n > 0;
    for (size_t i = 0; i < n->program.policies.n; i++) {
        raw = raw || n->program.policies.v[i]->nraws > 0;
    }
    return raw;
}

static void compile_all(struct npc *n, bool kernel_only)
{
    struct npc_backend_info info;
    struct npc_output out;
    for (size_t i = 0; npc_backend(i, &info); i++) {
        if ((info.binds || !kernel_only) && fuzz_compile(n, info.name, &out) && !has_raw(n)) {
            free(fuzz_read_output(info.name, &out));
        }
    }
}

void fuzz_all_backends(struct npc *n)
{
    const struct inventory *inv = &n->program.inv;
    compile_all(n, false);
    if (inv->nodes.n > 0) {
        struct str name = inv->nodes.v[0]->name;
        n->emit.bind.scope = BIND_NODE;
        n->emit.bind.node = name;
        compile_all(n, true);
    }
    if (inv->workloads.n > 0) {
        const struct workload *w = inv->workloads.v[inv->workloads.n - 1];
        n->emit.bind.scope = BIND_HOST;
        n->emit.bind.host_ns = w->ns;
        n->emit.bind.host = w->name;
        compile_all(n, true);
    }
    n->emit.bind.scope = BIND_ALL;
}

static bool equal(const struct npc_output *a, const struct npc_output *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* Whether two programs have the same normalized policies. */
static bool same_meaning(struct npc *a, struct npc *b)
{
    struct npc_output x, y;
    FUZZ_CHECK(fuzz_compile(a, "json", &x) && fuzz_compile(b, "json", &y), "no JSON");
    char *p = fuzz_read_meaning(x.text, x.size), *q = fuzz_read_meaning(y.text, y.size);
    bool same = strcmp(p, q) == 0;
    free(p);
    free(q);
    return same;
}

/* The output of a backend, read under a name, means the same; compiled again it is the same
 * text, or becomes so: the order of labels is kept as written in the language only. */
static void check_reading(struct npc *first, const char *backend, const char *name)
{
    struct npc_output out, again;
    if (!fuzz_compile(first, backend, &out)) {
        return;
    }
    struct npc *second = fuzz_load_text(name, out.text, out.size);
    FUZZ_CHECK(second != NULL, "an output is refused as input");
    FUZZ_CHECK(same_meaning(first, second), "an output, read again, is another meaning");
    FUZZ_CHECK(fuzz_compile(second, backend, &out), "an output is not compiled again");
    struct npc *third = fuzz_load_text(name, out.text, out.size);
    FUZZ_CHECK(third != NULL && fuzz_compile(third, backend, &again) && equal(&out, &again),
               "an output, compiled again, is another");
    npc_free(third);
    npc_free(second);
}

void fuzz_round_trip(struct npc *first)
{
    struct npc_output source;
    const char *formatted;
    size_t length;
    if (!has_raw(first)) {
        check_reading(first, "k8s", "again.yaml");
    }
    check_reading(first, "npc", "again.npc");
    if (fuzz_compile(first, "npc", &source)) {
        FUZZ_CHECK(npc_format(first, "again.npc", source.text, source.size, &formatted, &length) ==
                       NPC_OK,
                   "the decompiled text is not formatted");
        FUZZ_CHECK(length == source.size && memcmp(formatted, source.text, length) == 0,
                   "the formatter changes decompiled text");
    }
}
