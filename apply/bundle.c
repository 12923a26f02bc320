/* Named texts with a hash, to bytes and back. Knows no file and no rules. */
#include "apply/bundle.h"

#include <sha2.h>
#include <string.h>

static const char first_line[] = "npc bundle 1\n";
static const char hash_name[] = "sha256";
#define HASH_LENGTH 64

void bundle_put(struct arena *a, struct bundle *b, const char *name, struct str text)
{
    vec_push(a, &b->list, (struct bundle_entry){str_of(name), text});
}

static struct bundle_entry *find(const struct bundle *b, const char *name)
{
    for (size_t i = 0; i < b->list.n; i++) {
        if (str_is(b->list.v[i].name, name)) {
            return &b->list.v[i];
        }
    }
    return NULL;
}

void bundle_set(struct arena *a, struct bundle *b, const char *name, struct str text)
{
    struct bundle_entry *e = find(b, name);
    if (e != NULL) {
        e->text = text;
    } else {
        bundle_put(a, b, name, text);
    }
}

struct str bundle_get(const struct bundle *b, const char *name)
{
    const struct bundle_entry *e = find(b, name);
    return e != NULL ? e->text : STR("");
}

bool bundle_has(const struct bundle *b, const char *name)
{
    return find(b, name) != NULL;
}

struct str digest_text(struct arena *a, struct str bytes)
{
    static const char hex[] = "0123456789abcdef";
    SHA2_CTX sha;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)bytes.p, bytes.n);
    SHA256Final(digest, &sha);
    char text[HASH_LENGTH];
    for (size_t i = 0; i < sizeof digest; i++) {
        text[2 * i] = hex[digest[i] >> 4];
        text[2 * i + 1] = hex[digest[i] & 15];
    }
    return (struct str){arena_copy(a, text, sizeof text), sizeof text};
}

static void put_entry(struct buf *out, struct str name, struct str text)
{
    buf_str(out, name);
    buf_putc(out, ' ');
    buf_u64(out, text.n);
    buf_putc(out, '\n');
    buf_str(out, text);
    buf_putc(out, '\n');
}

struct str bundle_write(struct arena *a, const struct bundle *b)
{
    struct buf *out = buf_new(a);
    buf_puts(out, first_line);
    for (size_t i = 0; i < b->list.n; i++) {
        put_entry(out, b->list.v[i].name, b->list.v[i].text);
    }
    put_entry(out, str_of(hash_name), digest_text(a, buf_text(out)));
    return buf_text(out);
}

/* Takes one entry off the front of *rest. */
static bool take_entry(struct str *rest, struct bundle_entry *e)
{
    const char *line_end = memchr(rest->p, '\n', rest->n);
    if (line_end == NULL) {
        return false;
    }
    const size_t line = (size_t)(line_end - rest->p);
    const char *blank = memchr(rest->p, ' ', line);
    uint32_t length;
    if (blank == NULL) {
        return false;
    }
    const size_t name = (size_t)(blank - rest->p);
    if (!str_to_u32((struct str){blank + 1, line - name - 1}, UINT32_MAX, &length) ||
        rest->n - line - 1 < (size_t)length + 1 || line_end[1 + (size_t)length] != '\n') {
        return false;
    }
    *e = (struct bundle_entry){{rest->p, name}, {line_end + 1, length}};
    const size_t used = line + 1 + (size_t)length + 1;
    *rest = (struct str){rest->p + used, rest->n - used};
    return true;
}

bool bundle_read(struct arena *a, struct str bytes, struct bundle *b)
{
    *b = (struct bundle){0};
    if (!str_starts(bytes, first_line)) {
        return false;
    }
    const size_t skip = sizeof first_line - 1;
    struct str rest = {bytes.p + skip, bytes.n - skip};
    while (rest.n > 0) {
        const size_t before = bytes.n - rest.n;
        struct bundle_entry e;
        if (!take_entry(&rest, &e)) {
            return false;
        }
        if (str_is(e.name, hash_name)) {
            return rest.n == 0 && str_eq(e.text, digest_text(a, (struct str){bytes.p, before}));
        }
        vec_push(a, &b->list, e);
    }
    return false;
}
