/* What the targets of ruleset.h share. Each function is as its namesake there. */
#ifndef NPC_APPLY_RULESET_PRIV_H
#define NPC_APPLY_RULESET_PRIV_H

#include "apply/ruleset.h"

bool nft_read(const struct kernel *k, struct ruleset *out, struct str *why);
bool nft_holds(const struct ruleset *r);
struct ruleset nft_nothing(void);
bool nft_check(const struct kernel *k, const struct ruleset *wanted, struct str *why);
bool nft_switch(const struct kernel *k, const struct ruleset *wanted, struct str *why);

/* Which variant of iptables that is: "nft" or "legacy"; NULL: not known. */
const char *ipt_variant(const struct kernel *k);
bool ipt_read(const struct kernel *k, struct ruleset *out, struct str *why);
bool ipt_holds(const struct ruleset *r);
struct ruleset ipt_nothing(void);
bool ipt_check(const struct kernel *k, const struct ruleset *live, const struct ruleset *wanted,
               struct str *why);
bool ipt_switch(const struct kernel *k, const struct ruleset *live, const struct ruleset *wanted,
                struct str *why);

/* ipsets (ruleset_sets.c): what is there, as a script for `ipset restore -exist`. */
bool sets_read(const struct kernel *k, struct str *out, struct str *why);
/* Makes and fills all sets of the script. Sets that were there stay, also on failure. */
bool sets_load(const struct kernel *k, struct str script, struct str *why);
/* Destroys the sets of one script that are not in the other. */
bool sets_destroy(const struct kernel *k, struct str doomed, struct str kept, struct str *why);

/* Whether a chain or set of that name is npc's. */
bool name_is_own(struct str name);

#endif
