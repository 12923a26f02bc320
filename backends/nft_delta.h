/*
 * What leads from one ruleset to another, as one nft transaction: elements of sets that came or
 * went, the rules of chains that changed. Loaded over the old ruleset it leaves what loading the
 * new file leaves; over any other it fails as a whole.
 */
#ifndef NPC_BACKENDS_NFT_DELTA_H
#define NPC_BACKENDS_NFT_DELTA_H

#include "base/buf.h"
#include "base/ctx.h"

/* The name of the empty chain that marks a ruleset: by a hash (SHA-256, cut) of its text. */
struct str nft_mark(struct arena *a, struct str tables);

/* Writes to `out` what leads from the text `old` (called `name`) to `new`, both as nft.c writes
 * them; `new` itself where that is shorter, or must be. False: NPC004 was reported. */
bool nft_delta(struct ctx *c, struct str name, struct str old, struct str new, struct buf *out);

#endif
