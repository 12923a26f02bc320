/* One face for the targets. */
#include "apply/bundle.h"
#include "apply/ruleset_priv.h"

const char *const target_names[TARGETS] = {"nft", "iptables"};
const char *const part_names[PARTS] = {"nft", "sets", "v4", "v6"};
const char *const part_phrases[PARTS] = {"the nft tables", "the ipsets",
                                         "the IPv4 chains and jumps", "the IPv6 chains and jumps"};

bool target_find(struct str name, enum target *t)
{
    for (size_t i = 0; i < TARGETS; i++) {
        if (str_is(name, target_names[i])) {
            *t = (enum target)i;
            return true;
        }
    }
    return false;
}

bool part_is_of(enum part p, enum target t)
{
    return (p == PART_NFT) == (t == TARGET_NFT);
}

bool name_is_own(struct str name)
{
    return str_starts(name, "NPC-");
}

bool ruleset_read(const struct kernel *k, enum target t, struct ruleset *out, struct str *why)
{
    *out = (struct ruleset){0};
    return t == TARGET_NFT ? nft_read(k, out, why) : ipt_read(k, out, why);
}

bool ruleset_holds(const struct ruleset *r, enum target t)
{
    return t == TARGET_NFT ? nft_holds(r) : ipt_holds(r);
}

struct str ruleset_digest(struct arena *a, const struct ruleset *r)
{
    struct buf *all = buf_new(a);
    for (size_t i = 0; i < PARTS; i++) {
        buf_str(all, digest_text(a, r->part[i]));
    }
    return digest_text(a, buf_text(all));
}

struct ruleset ruleset_nothing(enum target t)
{
    return t == TARGET_NFT ? nft_nothing() : ipt_nothing();
}

bool ruleset_check(const struct kernel *k, enum target t, const struct ruleset *live,
                   const struct ruleset *wanted, struct str *why)
{
    return t == TARGET_NFT ? nft_check(k, wanted, why) : ipt_check(k, live, wanted, why);
}

bool ruleset_switch(const struct kernel *k, enum target t, const struct ruleset *live,
                    const struct ruleset *wanted, struct str *why)
{
    return t == TARGET_NFT ? nft_switch(k, wanted, why) : ipt_switch(k, live, wanted, why);
}
