/*
 * Names of chains and sets that are generated from input: always 28 bytes of one fixed form,
 *
 *     NPC-slugxxx-abcdefghij234567        NPC-[a-z0-9_]{7}-[a-z2-7]{16}
 *
 * which is the longest chain name that iptables takes (28; ipset: 31, nft: 255). The slug is for
 * people and says nothing; the rest is base32 of the first 80 bits of SHA-256 over the whole key.
 * Every name is kept with its key, and a second key with the same name is an error (NPC903), never
 * a merge: two policies in one chain would each get the other's rules.
 */
#ifndef NPC_BACKENDS_KERNEL_NAMES_H
#define NPC_BACKENDS_KERNEL_NAMES_H

#include "ir/bind.h"

#define KERNEL_NAME_LENGTH 28
#define KERNEL_NAME_BITS   80

struct kernel_names {
    struct ctx *ctx;
    unsigned bits; /* of the hash that are used: 1-80; tests lower it to see collisions */
    struct strmap keys;
};

/* Makes an empty table; `bits` is KERNEL_NAME_BITS but in tests. */
void kernel_names_init(struct kernel_names *t, struct ctx *c, unsigned bits);

/* The name of the object whose key is the list of `parts` ("a", "bc" and "ab", "c" are different
 * keys). `slug` may hold any bytes. The same key always gives the same name. False: another key has
 * that name already; NPC903 was reported at `at`. */
bool kernel_name(struct kernel_names *t, struct str slug, const struct str *parts, size_t nparts,
                 struct span at, struct str *name);

/*
 * The prefix of the log lines about packets that a class drops, with a blank behind it:
 *
 *     npc:i-abcdefgh        npc:[ie]-[a-z2-7]{8}
 *
 * i is ingress, e egress; the rest is base32 of the first 40 bits of SHA-256 over "log", the
 * direction and `class` (each after its length, as in names): its lowest address, "host" of a
 * machine whose address is not known, or "all" where a rule speaks for all classes. Whoever has the
 * input can make it again; NAME.map lists them. iptables takes 29 bytes, nft 127.
 */
struct str kernel_log_prefix(struct arena *a, enum direction d, struct str class);
/* The name of a class as above; NULL is all classes. */
struct str kernel_log_class(struct arena *a, enum family f, const struct target_class *t);

#endif
