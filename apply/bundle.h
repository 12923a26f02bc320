/*
 * A file of npc apply's own: named texts, and a hash of all of them at its end, so that a file that
 * was cut short or changed is never taken for what was written.
 *
 *     npc bundle 1
 *     NAME LENGTH
 *     LENGTH bytes
 *     ...
 *     sha256 64
 *     the hash of everything before this entry, in hexadecimal
 */
#ifndef NPC_APPLY_BUNDLE_H
#define NPC_APPLY_BUNDLE_H

#include "base/buf.h"
#include "base/vec.h"

struct bundle_entry {
    struct str name, text;
};

struct bundle {
    VEC(struct bundle_entry) list; /* in order; a name stands once */
};

/* Adds a text under a name of lower-case letters, digits and '-'. The text is not copied. */
void bundle_put(struct arena *a, struct bundle *b, const char *name, struct str text);
/* The same, in place of what the name has, if it is there. */
void bundle_set(struct arena *a, struct bundle *b, const char *name, struct str text);
/* The text of that name; empty if there is none. */
struct str bundle_get(const struct bundle *b, const char *name);
bool bundle_has(const struct bundle *b, const char *name);

/* The bytes of the file. */
struct str bundle_write(struct arena *a, const struct bundle *b);
/* Reads them; texts point into `bytes`. False if they are not what bundle_write() made. */
bool bundle_read(struct arena *a, struct str bytes, struct bundle *b);

/* SHA-256 in hexadecimal. */
struct str digest_text(struct arena *a, struct str bytes);

#endif
