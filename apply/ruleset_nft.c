/*
 * nft: the tables `npc` of any family, listed and loaded as text. One `nft -f` is one transaction
 * of the kernel, which keeps the old tables whole when it refuses.
 */
#include "apply/ruleset_priv.h"

#include "apply/lines.h"

#define HEADER                                                                                     \
    "add table ip npc\ndelete table ip npc\n"                                                      \
    "add table ip6 npc\ndelete table ip6 npc\n"                                                    \
    "add table inet npc\ndelete table inet npc\n"

/* Numbers instead of names, and without the state of counters and limits: the text is compared. */
static bool list(const struct kernel *k, const char *family, struct buf *out, struct str *why)
{
    const char *const args[] = {"-s", "-nn", "-y", "list", "table", family, "npc", NULL};
    const struct loader_run r = loader_run(&k->loaders, "nft", args, STR(""));
    buf_str(out, r.out);
    *why = r.why;
    return r.ok;
}

bool nft_read(const struct kernel *k, struct ruleset *out, struct str *why)
{
    const char *const args[] = {"list", "tables", NULL};
    const struct loader_run r = loader_run(&k->loaders, "nft", args, STR(""));
    if (!r.ok) {
        *why = r.why;
        return false;
    }
    static const char *const families[] = {"ip", "ip6", "inet"};
    struct buf *text = buf_new(k->loaders.arena);
    buf_puts(text, HEADER);
    struct str rest = r.out, line;
    while (line_next(&rest, &line)) {
        for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
            const struct str own = str_printf(k->loaders.arena, "table %s npc", families[i]);
            if (str_eq(line, own) && !list(k, families[i], text, why)) {
                return false;
            }
        }
    }
    out->part[PART_NFT] = buf_text(text);
    return true;
}

bool nft_holds(const struct ruleset *r)
{
    return r->part[PART_NFT].n > sizeof HEADER - 1;
}

struct ruleset nft_nothing(void)
{
    return (struct ruleset){.part = {[PART_NFT] = STR(HEADER)}};
}

bool nft_check(const struct kernel *k, const struct ruleset *wanted, struct str *why)
{
    const char *const args[] = {"-c", "-f", "-", NULL};
    const struct loader_run r = loader_run(&k->loaders, "nft", args, wanted->part[PART_NFT]);
    *why = r.why;
    return r.ok;
}

bool nft_switch(const struct kernel *k, const struct ruleset *wanted, struct str *why)
{
    const char *const args[] = {"-f", "-", NULL};
    const struct loader_run r = loader_run(&k->loaders, "nft", args, wanted->part[PART_NFT]);
    *why = r.why;
    return r.ok;
}
