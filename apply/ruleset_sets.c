/*
 * ipsets. A set that is read becomes what the iptables backend writes: filled under another name,
 * then swapped in, so that nobody ever sees it half filled.
 */
#include "apply/ruleset_priv.h"

#include "apply/lines.h"
#include "base/vec.h"

#define FILLING "NPC-filling" /* no name of the backend's: those end in a hash */

struct line { /* of `ipset save` */
    struct str set;
    bool create;
    struct str text; /* behind the name, without what differs by chance */
};

struct line_list {
    VEC(struct line) list;
};

/* Hash size and seed grow and are drawn as they come; the rest is what was asked for. */
static struct str options_kept(struct arena *a, struct str words)
{
    static const char *const dropped[] = {"hashsize", "initval", "bucketsize"};
    struct buf *b = buf_new(a);
    struct str word;
    while (word_next(&words, &word)) {
        bool drop = false;
        for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
            drop = drop || str_is(word, dropped[i]);
        }
        if (drop) {
            word_next(&words, &word);
            continue;
        }
        buf_putc(b, ' ');
        buf_str(b, word);
    }
    return buf_text(b);
}

static void collect(struct arena *a, struct str saved, struct line_list *out)
{
    struct str line;
    while (line_next(&saved, &line)) {
        struct str rest = line, verb, set;
        if (!word_next(&rest, &verb) || !word_next(&rest, &set) || !name_is_own(set)) {
            continue;
        }
        const bool create = str_is(verb, "create");
        vec_push(a, &out->list, (struct line){set, create, create ? options_kept(a, rest) : rest});
    }
}

static int compare(const void *x, const void *y)
{
    const struct line *a = x, *b = y;
    const int by_set = str_cmp(a->set, b->set);
    if (by_set != 0) {
        return by_set;
    }
    return a->create != b->create ? (a->create ? -1 : 1) : str_cmp(a->text, b->text);
}

static void put_end(struct buf *out, const struct line *create)
{
    buf_printf(out,
               "create " STR_FMT STR_FMT "\nswap " FILLING " " STR_FMT "\ndestroy " FILLING "\n",
               STR_ARG(create->set), STR_ARG(create->text), STR_ARG(create->set));
}

bool sets_read(const struct kernel *k, struct str *out, struct str *why)
{
    const char *const args[] = {"save", NULL};
    const struct loader_run r = loader_run(&k->loaders, "ipset", args, STR(""));
    if (!r.ok) {
        *why = r.why;
        return false;
    }
    struct line_list lines = {0};
    collect(k->loaders.arena, r.out, &lines);
    array_sort(lines.list.v, lines.list.n, sizeof *lines.list.v, compare);
    struct buf *text = buf_new(k->loaders.arena);
    const struct line *open = NULL; /* the set that is being filled */
    for (size_t i = 0; i < lines.list.n; i++) {
        const struct line *l = &lines.list.v[i];
        if (!l->create) {
            buf_printf(text, "add " FILLING STR_FMT "\n", STR_ARG(l->text));
            continue;
        }
        if (open != NULL) {
            put_end(text, open);
        }
        buf_printf(text, "create " FILLING STR_FMT "\nflush " FILLING "\n", STR_ARG(l->text));
        open = l;
    }
    if (open != NULL) {
        put_end(text, open);
    }
    *out = buf_text(text);
    return true;
}

static bool restore(const struct kernel *k, struct str script, struct str *why)
{
    const char *const args[] = {"restore", "-exist", NULL};
    const struct loader_run r = loader_run(&k->loaders, "ipset", args, script);
    *why = r.why;
    return r.ok;
}

bool sets_load(const struct kernel *k, struct str script, struct str *why)
{
    return script.n == 0 || restore(k, script, why);
}

/* The next set that a script swaps in. */
static bool next_set(struct str *rest, struct str *set)
{
    struct str line;
    while (line_next(rest, &line)) {
        if (str_starts(line, "swap ")) {
            *set = line_word(line, 2);
            return true;
        }
    }
    return false;
}

bool sets_destroy(const struct kernel *k, struct str doomed, struct str kept, struct str *why)
{
    struct arena *a = k->loaders.arena;
    struct strmap stay;
    struct str set;
    strmap_init(&stay, a);
    while (next_set(&kept, &set)) {
        strmap_put(&stay, set, a);
    }
    struct buf *script = buf_new(a);
    while (next_set(&doomed, &set)) {
        if (strmap_get(&stay, set) == NULL) {
            buf_printf(script, "destroy " STR_FMT "\n", STR_ARG(set));
        }
    }
    return script->n == 0 || restore(k, buf_text(script), why);
}
