/*
 * npc's own part of the kernel's rules, for one target: read, loaded, taken away. All texts are in
 * the form that the loaders take, so that what was read can be loaded again, and two of them are
 * equal if and only if the kernel holds the same.
 */
#ifndef NPC_APPLY_RULESET_H
#define NPC_APPLY_RULESET_H

#include "apply/loader.h"
#include "base/buf.h"

enum target { TARGET_NFT, TARGET_IPTABLES };
#define TARGETS 2
extern const char *const target_names[TARGETS]; /* "nft", "iptables" */
bool target_find(struct str name, enum target *t);

enum part {
    PART_NFT,  /* the tables `npc`, for nft -f */
    PART_SETS, /* ipsets, for ipset restore -exist; each is filled aside and swapped in */
    PART_V4,   /* chains and the jumps to them, for iptables-restore --noflush */
    PART_V6,   /* likewise for ip6tables-restore */
};
#define PARTS 4
extern const char *const part_names[PARTS]; /* of entries of a bundle: "nft", "sets", "v4", "v6" */
extern const char *const part_phrases[PARTS]; /* as people read them: "nft tables", … */

struct ruleset {
    struct str part[PARTS]; /* those of other targets are empty */
};

struct kernel { /* how to get at it */
    struct loaders loaders;
    const char *variant; /* of iptables: "nft", "legacy"; NULL: as installed */
};

/* Whether a part belongs to a target. */
bool part_is_of(enum part p, enum target t);

/* What the kernel holds now. The parts of nothing at all are not empty texts: loading them takes
 * away what is there. False with a line in *why. */
bool ruleset_read(const struct kernel *k, enum target t, struct ruleset *out, struct str *why);

/* Whether two ways to load are one: then each sees, and replaces, what the other loaded. */
bool kernel_is_same(const struct kernel *k, enum target t, const struct kernel *l, enum target u);

/* Where rules of npc's may be. */
struct place {
    enum target target;
    struct kernel kernel;
    struct ruleset live; /* what was read there */
};
#define PLACES 3 /* nft, and both variants of iptables */
struct places {
    struct place list[PLACES];
    size_t n;
};
/* Its loader, for people: "nft", "iptables-legacy". */
const char *place_name(const struct place *p);
/* Finds the places that hold rules of npc's, whoever loaded them, apart from that of `skip` (NULL:
 * all). What is not installed, or cannot be read, holds none. */
void places_find(const struct kernel *k, const struct place *skip, struct places *out);

/* A hash of all parts: equal for equal rules. */
struct str ruleset_digest(struct arena *a, const struct ruleset *r);

/* Whether a ruleset that was read holds anything. */
bool ruleset_holds(const struct ruleset *r, enum target t);

/* The ruleset of nothing: loading it takes all of npc's away. */
struct ruleset ruleset_nothing(enum target t);

/* The loaders' own check, without loading. A check that passes is no load that passes. */
bool ruleset_check(const struct kernel *k, enum target t, const struct ruleset *live,
                   const struct ruleset *wanted, struct str *why);

/* From what is there (as it was read just now) to `wanted`. On failure each family holds the one or
 * the other whole: the caller goes back, by another switch. False with a line in *why. */
bool ruleset_switch(const struct kernel *k, enum target t, const struct ruleset *live,
                    const struct ruleset *wanted, struct str *why);

/* The rules of one family of iptables, with the jumps to them: first in the built-in chains that a
 * host, or a node, needs. */
struct str ruleset_with_jumps(struct arena *a, struct str rules, bool host);
/* The same rules with their jumps first, wherever they were. */
struct str ruleset_jumps_first(struct arena *a, struct str rules);
/* The same rules without the jumps to them. */
struct str ruleset_without_jumps(struct arena *a, struct str rules);

#endif
