/*
 * The text of -t nft read again: sets with their elements, chains with their rules. It may come
 * from outside, so nothing that is no line of npc's passes, and names and elements hold only what
 * can stand in a command.
 */
#ifndef NPC_BACKENDS_NFT_TEXT_H
#define NPC_BACKENDS_NFT_TEXT_H

#include "base/ctx.h"
#include "base/str.h"
#include "base/vec.h"
#include "ir/addr.h"

struct str_vec {
    struct str *v;
    size_t n, cap;
};

struct nft_object { /* a set, a map or a chain */
    struct str name;
    bool chain;
    struct str_vec head;  /* lines: type, size and flags; the hook of a base chain */
    struct str_vec lines; /* of elements, or rules */
};

struct nft_table {
    VEC(struct nft_object *) objects; /* in the order of the text */
    struct strmap sets, chains;       /* by name */
    struct str mark;                  /* the chain that tells this ruleset from others */
};

struct nft_text {
    struct nft_table tables[FAMILIES];
    bool raw; /* text of the user's own follows: what it adds is not known */
};

/* Reads `text`, which is called `name`. False: NPC004 was reported. The result refers to text. */
bool nft_text_read(struct ctx *c, struct str name, struct str text, struct nft_text *out);

/* Whether a set is looked up by ranges; whether it has several fields. */
bool nft_object_is_interval(const struct nft_object *o);
bool nft_object_is_concat(const struct nft_object *o);

/* The elements of a set, one by one and sorted; not to be changed. */
struct str_vec nft_object_elements(struct arena *a, const struct nft_object *o);
/* The key of an element, without the value of a map. */
struct str nft_element_key(struct str element);

#endif
