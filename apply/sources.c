/*
 * Policies as npc source and the inventory as JSON are both inputs of npc again. The copy is
 * compact (a cluster's dump is mostly other things), the same for all kinds of input, and does not
 * depend on files that may have changed since.
 */
#include "apply/sources.h"

#include "apply/lines.h"
#include "apply/machine.h"

#include <string.h>

enum npc_status sources_put(struct job *j)
{
    struct arena *m = &j->a->arena;
    const char *policies, *inventory;
    size_t policies_size, size;
    enum npc_status status = npc_record(j->a->npc, &policies, &policies_size);
    if (status == NPC_OK) {
        status = npc_inventory(j->a->npc, &inventory, &size);
    }
    if (status != NPC_OK) {
        return status;
    }
    struct buf *settings = buf_new(m);
    for (size_t i = 0; i < j->o->nsettings; i++) {
        buf_printf(settings, "%s %s\n", j->o->settings[i].option, j->o->settings[i].value);
    }
    bundle_put(m, &j->bundle, "settings", buf_text(settings));
    bundle_put(m, &j->bundle, "policies", (struct str){policies, policies_size});
    bundle_put(m, &j->bundle, "inventory", (struct str){inventory, size});
    return NPC_OK;
}

static bool add(struct npc *n, const struct bundle *b, bool policies)
{
    const struct str own = bundle_get(b, "policies"), inventory = bundle_get(b, "inventory");
    return (!policies || npc_add_record(n, "policies.npc", own.p, own.n) == NPC_OK) &&
           npc_add_text(n, "inventory.json", inventory.p, inventory.n) == NPC_OK;
}

static bool set_all(struct arena *a, struct npc *n, struct str settings)
{
    struct str line, option;
    bool ok = true;
    while (line_next(&settings, &line)) {
        struct str value = line;
        word_next(&value, &option);
        const char *text = str_dup(a, line_word(value, 0)).p;
        ok = ok && npc_set(n, str_dup(a, option).p, text) == NPC_OK;
    }
    return ok;
}

/* Ends if that program met the end of memory. */
static void check_memory(struct job *j, struct npc *n)
{
    const char *text;
    size_t size;
    if (n == NULL || npc_diagnostics(n, NPC_DIAG_TEXT, false, &text, &size) == NPC_FAULT) {
        npc_free(n);
        arena_fail(&j->a->arena);
    }
}

/* "host NAMESPACE/NAME", "node NAME", "all pods": how rules are compiled. */
static bool set_scope(struct arena *a, struct npc *n, struct str scope)
{
    const struct str kind = line_word(scope, 0), name = line_word(scope, 1);
    return str_is(kind, "all") || npc_set(n, str_dup(a, kind).p, str_dup(a, name).p) == NPC_OK;
}

/* NULL: it cannot be read. */
static struct npc *open_bundle(struct job *j, const struct bundle *b, bool policies)
{
    struct npc *n = npc_new();
    check_memory(j, n);
    const bool loaded = set_all(&j->a->arena, n, bundle_get(b, "settings")) &&
                        set_scope(&j->a->arena, n, bundle_get(b, "scope")) && add(n, b, policies) &&
                        npc_load(n) == NPC_OK;
    check_memory(j, n);
    if (!loaded) {
        npc_free(n);
        return NULL;
    }
    return n;
}

struct npc *sources_open(struct job *j)
{
    return open_bundle(j, &j->bundle, true);
}

/* The program in force; without one, the new inventory without policies. */
static struct npc *open_old(struct job *j)
{
    return open_bundle(j, j->has_old ? &j->old.bundle : &j->bundle, j->has_old);
}

enum npc_status sources_difference(struct job *j, const char **text, size_t *size)
{
    bool gained, lost;
    struct npc *old = open_old(j);
    if (old == NULL) {
        tell(j->a, NPC_ERROR, 709, "without --dry-run the new rules load all the same",
             "the policies in force cannot be read again: what would change is not known");
        return NPC_FAULT;
    }
    const enum npc_status status = npc_diff(old, j->a->npc, "text", text, size, &gained, &lost);
    if (status == NPC_OK || status == NPC_NO) {
        const struct str kept = {arena_copy(&j->a->arena, *text, *size), *size};
        *text = kept.p;
    }
    check_memory(j, old);
    npc_free(old);
    return status == NPC_NO ? NPC_OK : status;
}

/* ---- touched ---- */

struct str sources_touched(struct job *j, const struct npc_output *out,
                           const struct npc_scope *scope)
{
    struct arena *m = &j->a->arena;
    struct npc *old = j->has_old ? open_old(j) : NULL;
    if (j->has_old && old == NULL) {
        tell(j->a, NPC_WARNING, 709, NULL,
             "the policies in force cannot be read again: all connections count as touched");
    }
    struct npc_output before;
    const char *const *addresses = scope->addresses;
    size_t n = scope->naddresses;
    if (old != NULL && npc_compile(old, target_names[j->old.target], &before) == NPC_OK) {
        /* If it fails, all stay touched. */
        (void)npc_touched(j->a->npc, &before, out, &addresses, &n);
    }
    struct str lines = address_lines(m, addresses, n);
    if (scope->kind == NPC_SCOPE_HOST && n > 0) {
        /* The inventory need not know all of them, nor an interface have each. */
        const struct str own = machine_addresses(m);
        lines = str_printf(m, STR_FMT STR_FMT, STR_ARG(lines), STR_ARG(own));
    }
    npc_free(old);
    return lines;
}
