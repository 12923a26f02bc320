/*
 * Generated names of chains and sets, and the table that keeps them apart. Knows nothing of what
 * the names are for.
 */
#include "backends/kernel_names.h"

#include <assert.h>
#include <sha2.h>
#include <string.h>

enum { SLUG_LENGTH = 7, HASH_BYTES = KERNEL_NAME_BITS / 8, LOG_BITS = 40 };

void kernel_names_init(struct kernel_names *t, struct ctx *c, unsigned bits)
{
    assert(bits >= 1 && bits <= KERNEL_NAME_BITS);
    *t = (struct kernel_names){.ctx = c, .bits = bits};
    strmap_init(&t->keys, &c->arena);
}

/* Each part after its length, so that no two lists of parts are the same bytes. */
static struct str key_of_parts(struct arena *a, const struct str *parts, size_t nparts)
{
    struct buf *b = buf_new(a);
    for (size_t i = 0; i < nparts; i++) {
        unsigned char length[8];
        for (size_t k = 0; k < sizeof length; k++) {
            length[k] = (unsigned char)((uint64_t)parts[i].n >> (56 - 8 * k));
        }
        buf_put(b, length, sizeof length);
        buf_str(b, parts[i]);
    }
    return buf_text(b);
}

/* SHA-256 of the key, cut to `bits`; the bits behind are zero. */
static void hash_key(struct str key, unsigned bits, unsigned char out[HASH_BYTES])
{
    SHA2_CTX sha;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)key.p, key.n);
    SHA256Final(digest, &sha);
    for (unsigned i = 0; i < HASH_BYTES; i++) {
        unsigned before = i * 8;
        unsigned kept = bits <= before ? 0 : bits - before >= 8 ? 8 : bits - before;
        out[i] = (unsigned char)(digest[i] & (0xff00u >> kept));
    }
}

/* RFC 4648 base32 in lower case, five bytes to eight characters. */
static void put_base32(struct buf *b, const unsigned char *bytes, size_t n)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t i = 0; i + 5 <= n; i += 5) {
        uint64_t group = 0;
        for (size_t k = 0; k < 5; k++) {
            group = group << 8 | bytes[i + k];
        }
        for (int shift = 35; shift >= 0; shift -= 5) {
            buf_putc(b, alphabet[group >> shift & 31]);
        }
    }
}

static void put_slug(struct buf *b, struct str slug)
{
    for (size_t i = 0; i < SLUG_LENGTH; i++) {
        unsigned char c = i < slug.n ? (unsigned char)slug.p[i] : '_';
        buf_putc(b, ch_is_alnum(c) ? (char)ch_lower(c) : '_');
    }
}

bool kernel_name(struct kernel_names *t, struct str slug, const struct str *parts, size_t nparts,
                 struct span at, struct str *name)
{
    struct arena *a = &t->ctx->arena;
    struct str key = key_of_parts(a, parts, nparts);
    unsigned char hash[HASH_BYTES];
    hash_key(key, t->bits, hash);

    struct buf *b = buf_new(a);
    buf_puts(b, "NPC-");
    put_slug(b, slug);
    buf_putc(b, '-');
    put_base32(b, hash, sizeof hash);
    *name = buf_text(b);
    assert(name->n == KERNEL_NAME_LENGTH);

    const struct str *other = strmap_get(&t->keys, *name);
    if (other == NULL) {
        struct str *kept = ARENA_NEW(a, struct str);
        *kept = key;
        strmap_put(&t->keys, *name, kept);
        return true;
    }
    if (str_eq(*other, key)) {
        return true;
    }
    struct diag *d = diag_error(&t->ctx->diags, NPC903, at,
                                "the generated name " STR_FMT " already belongs to another object",
                                STR_ARG(*name));
    diag_hint(&t->ctx->diags, d,
              "rename one of the policies; sharing a name would mix their rules");
    return false;
}

struct str kernel_log_class(struct arena *a, enum family f, const struct target_class *t)
{
    if (t == NULL) {
        return STR("all");
    }
    return t->addrs.n > 0 ? ip_text(a, f, t->addrs.v[0]) : STR("host");
}

struct str kernel_log_prefix(struct arena *a, enum direction d, struct str class)
{
    const struct str parts[] = {STR("log"), str_of(direction_name(d)), class};
    unsigned char hash[HASH_BYTES];
    hash_key(key_of_parts(a, parts, 3), LOG_BITS, hash);
    struct buf *b = buf_new(a);
    buf_printf(b, "npc:%c-", direction_name(d)[0]);
    put_base32(b, hash, LOG_BITS / 8);
    buf_putc(b, ' ');
    return buf_text(b);
}
