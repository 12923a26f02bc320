/*
 * The static rules of the language over all files together: collects declarations, then runs one
 * pass for each kind. Every pass goes on after an error, so that all are seen at once.
 */
#include "frontend/dsl_resolve.h"

/* Unknown names that are looked at for a near one; each costs a look at every name. */
enum { GUESSES = 50 };

/* ---- collecting ---- */

static bool in_prelude(const struct resolver *r, uint32_t file)
{
    return file == r->prelude;
}

static void declare(struct resolver *r, const struct ast_item *item, struct str ns, bool copy)
{
    const struct decl decl = {item, ns, copy, in_prelude(r, item->loc.at.file)};
    if (!copy || charge(r, 1 + item->body.list.n, item->loc.at)) {
        vec_push(r->a, &r->decls, decl);
    }
}

/* A block declares everything in it once for each of its names; of a bad one too, so that what is
 * wrong inside is said as well. */
static void declare_block(struct resolver *r, const struct ast_item *block)
{
    struct strmap seen;
    strmap_init(&seen, r->a);
    bool copy = false;
    for (struct ast_elem *name = block->left->first; name != NULL; name = name->next) {
        check_name(r, &name->word, "the namespace", name_check_dns_label);
        const struct ast_elem *first = strmap_put(&seen, name->word.text, name);
        if (first != NULL) {
            struct diag *d =
                FAIL(r, NPC031, name->loc.at, "the namespace '" STR_FMT "' is named twice",
                     STR_ARG(name->word.text));
            ALSO(r, d, first->loc.at, "first named here");
            continue;
        }
        for (const struct ast_item *i = block->body.list.first; i != NULL && !r->exploded;
             i = i->next) {
            declare(r, i, name->word.text, copy);
        }
        copy = true;
    }
}

static void collect(struct resolver *r, const struct ast_file *f)
{
    for (const struct ast_item *i = f->items.first; i != NULL; i = i->next) {
        if (i->kind == ITEM_NAMESPACE) {
            declare_block(r, i);
        } else {
            declare(r, i, (struct str){0}, false);
        }
    }
}

static void collect_prelude(struct resolver *r)
{
    struct str text = dsl_prelude();
    bool ok;
    r->prelude = sources_add(&r->c->sources, STR("prelude"));
    sources_get(&r->c->sources, r->prelude)->text = text;
    sources_get(&r->c->sources, r->prelude)->built_in = true;
    collect(r, dsl_parse(r->c, r->prelude, text, &ok));
    r->ok &= ok;
}

/* ---- raw ---- */

bool raw_resolve(struct resolver *r, const struct ast_item *item, struct raw *out)
{
    *out = (struct raw){item->name.text, item->value.text, item->loc.at};
    if (!r->o->allow_raw) {
        struct diag *d = FAIL(r, NPC042, item->loc.at, "raw text for the backend '" STR_FMT "'",
                              STR_ARG(item->name.text));
        HINT(r, d, "npc cannot check what raw text means; --allow-raw takes it all the same");
        return false;
    }
    diag_warning(&r->c->diags, NPC509, item->loc.at,
                 "raw text for the backend '" STR_FMT "' goes out as it is",
                 STR_ARG(item->name.text));
    return true;
}

static void raws_resolve(struct resolver *r)
{
    for
        EACH_DECL(r, d, ITEM_RAW)
        {
            struct raw raw;
            if (!d->copy && raw_resolve(r, d->item, &raw)) {
                vec_push(r->a, &r->p->raws, raw);
            }
        }
}

/* ---- what nothing uses ---- */

static struct str item_key(const struct dep *d)
{
    return (struct str){(const char *)&d->decl->item, sizeof d->decl->item};
}

/* A block of several namespaces declares a name once for each: it is used if one of them is. */
static void collect_unused(struct resolver *r, const struct deps *deps, const char *what)
{
    struct strmap used;
    strmap_init(&used, r->a);
    for (size_t i = 0; i < deps->list.n; i++) {
        struct dep *d = deps->list.v[i];
        if (d->used) {
            strmap_put(&used, item_key(d), d);
        }
    }
    for (size_t i = 0; i < deps->list.n; i++) {
        const struct dep *d = deps->list.v[i];
        if (!d->decl->prelude && !d->decl->copy && strmap_get(&used, item_key(d)) == NULL) {
            const struct unused unused = {what, d->name, d->decl->item->name.loc.at};
            vec_push(r->a, &r->p->unused, unused);
        }
    }
}

/* ---- all of it ---- */

bool dsl_resolve(struct ctx *c, const struct load_options *o, struct ast_file *const *files,
                 size_t n, struct program *p)
{
    struct resolver *r = ARENA_NEW(&c->arena, struct resolver);
    *r = (struct resolver){.c = c, .a = &c->arena, .o = o, .p = p, .ok = true, .guesses = GUESSES};
    collect_prelude(r);
    for (size_t i = 0; i < n; i++) {
        collect(r, files[i]);
    }
    groups_resolve(r);
    rulesets_resolve(r);
    tiers_resolve(r);
    inventory_resolve(r);
    policies_resolve(r);
    flows_resolve(r);
    tests_resolve(r);
    raws_resolve(r);
    collect_unused(r, &r->group_list, "let");
    collect_unused(r, &r->ruleset_list, "rules");
    return r->ok;
}
