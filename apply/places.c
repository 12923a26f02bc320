/*
 * Where npc's own rules may be: each loader sees and replaces only what is its own. The others'
 * rules would stay in force beside new ones, so before a load the kernel is asked, and not only
 * npc's record.
 */
#include "apply/ruleset_priv.h"

#include "apply/lines.h"
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool kernel_is_same(const struct kernel *k, enum target t, const struct kernel *l, enum target u)
{
    if (t != u || t == TARGET_NFT) {
        return t == u;
    }
    const char *v = ipt_variant(k), *w = ipt_variant(l);
    return v == NULL || w == NULL || strcmp(v, w) == 0; /* in doubt new rules are not taken away */
}

const char *place_name(const struct place *p)
{
    if (p->target == TARGET_NFT) {
        return target_names[TARGET_NFT];
    }
    const char *variant = ipt_variant(&p->kernel);
    return variant == NULL               ? target_names[TARGET_IPTABLES]
           : strcmp(variant, "nft") == 0 ? "iptables-nft"
                                         : "iptables-legacy";
}

/* Whether the tables `filter` of legacy iptables are there: a look at them would make them. */
static bool legacy_is_used(struct arena *a)
{
    static const char *const lists[] = {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct buf *text = buf_new(a);
        struct str line;
        const int fd = open(lists[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        const bool read = fd_read_all(fd, 4096, text);
        close(fd);
        struct str rest = buf_text(text);
        while (read && line_next(&rest, &line)) {
            if (str_is(line, "filter")) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a variant of iptables can be used, and by which name. */
static bool find_variant(struct kernel *k, const char *variant)
{
    struct arena *a = k->loaders.arena;
    if (strcmp(variant, "legacy") == 0 && !legacy_is_used(a)) {
        return false;
    }
    k->variant = NULL;
    const char *installed = loader_exists(&k->loaders, "iptables-save") ? ipt_variant(k) : NULL;
    if (installed != NULL && strcmp(installed, variant) == 0) {
        return true;
    }
    k->variant = variant;
    return loader_exists(&k->loaders, str_printf(a, "iptables-%s-save", variant).p);
}

/* Sets are no variant's own, and without chains they do nothing. */
static bool place_holds(const struct place *p)
{
    struct ruleset rules = p->live;
    rules.part[PART_SETS] = STR("");
    return ruleset_holds(&rules, p->target);
}

static void look_at(struct place p, const struct place *skip, struct places *out)
{
    struct str why;
    if (skip != NULL && kernel_is_same(&p.kernel, p.target, &skip->kernel, skip->target)) {
        return;
    }
    if (ruleset_read(&p.kernel, p.target, &p.live, &why) && place_holds(&p)) {
        out->list[out->n++] = p;
    }
}

void places_find(const struct kernel *k, const struct place *skip, struct places *out)
{
    static const char *const variants[] = {"nft", "legacy"};
    struct place p = {.target = TARGET_NFT, .kernel = *k};
    out->n = 0;
    if (loader_exists(&k->loaders, "nft")) {
        look_at(p, skip, out);
    }
    p.target = TARGET_IPTABLES;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        if (find_variant(&p.kernel, variants[i])) {
            look_at(p, skip, out);
        }
    }
}
