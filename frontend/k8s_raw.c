/*
 * Metadata that the policy IR has no words for, as YAML text for the Kubernetes backend: block
 * style, keys by name, one spelling for one value.
 */
#include "frontend/k8s_object.h"

#include "base/utf8.h"
#include "ir/yamlscalar.h"

#include <inttypes.h>

/* Letters first, then only what has no meaning in YAML, at any place. */
static bool is_safe_plain(struct str s)
{
    if (s.n == 0 || !ch_is_alpha((unsigned char)s.p[0]) || !yaml_plain_is_string(s)) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!ch_is_alnum(c) && c != '.' && c != '_' && c != '/' && c != '-') {
            return false;
        }
    }
    return true;
}

/* In double quotes, with everything but printable ASCII as an escape. */
static void put_quoted(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    while (s.n > 0) {
        uint32_t c;
        size_t n = utf8_decode(s, &c); /* the input was checked: never 0 */
        if (c == '"' || c == '\\') {
            buf_printf(b, "\\%c", (int)c);
        } else if (c >= 0x20 && c < 0x7f) {
            buf_putc(b, (char)c);
        } else {
            buf_printf(b, "\\U%08" PRIX32, c);
        }
        s.p += n;
        s.n -= n;
    }
    buf_putc(b, '"');
}

static void put_scalar(struct buf *b, const struct node *n)
{
    if (n->plain && !yaml_plain_is_string(n->text)) {
        buf_puts(b,
                 str_eq_nocase(n->text, STR("true")) ? "true" : "false"); /* the only type here */
    } else if (is_safe_plain(n->text)) {
        buf_str(b, n->text);
    } else {
        put_quoted(b, n->text);
    }
    buf_putc(b, '\n');
}

/* ---- owner references ---- */

struct owner_nodes {
    const struct node *by_name[6]; /* in the order of the fields below, which is by name */
};

static const struct field owner_fields[] = {
    {FIELD_OF(owner_nodes, "apiVersion", STRING, by_name[0]), .required = true},
    {FIELD_OF(owner_nodes, "blockOwnerDeletion", BOOL, by_name[1])},
    {FIELD_OF(owner_nodes, "controller", BOOL, by_name[2])},
    {FIELD_OF(owner_nodes, "kind", STRING, by_name[3]), .required = true},
    {FIELD_OF(owner_nodes, "name", STRING, by_name[4]), .required = true},
    {FIELD_OF(owner_nodes, "uid", STRING, by_name[5]), .required = true},
};
static const struct schema owner_schema = {SCHEMA_FIELDS(owner_fields)};

static void put_owners(struct k8s *k, struct buf *b, const struct node *owners)
{
    const struct path *list = PATH_NAME(PATH_FIELD(NULL, "metadata"), owners->key->text);
    size_t i = 0;
    for (const struct node *n = owners->first; n != NULL; n = n->next) {
        struct owner_nodes o = {0};
        k8s_fields(k, n, PATH_INDEX(list, i++), &owner_schema, &o);
        const char *before = "  - ";
        for (size_t f = 0; f < owner_schema.n; f++) {
            if (o.by_name[f] != NULL) {
                buf_printf(b, "%s" STR_FMT ": ", before, STR_ARG(owner_fields[f].name));
                put_scalar(b, o.by_name[f]);
                before = "    ";
            }
        }
    }
}

static void put_finalizers(struct k8s *k, struct buf *b, const struct node *finalizers)
{
    const struct path *list = PATH_NAME(PATH_FIELD(NULL, "metadata"), finalizers->key->text);
    size_t i = 0;
    for (const struct node *n = finalizers->first; n != NULL; n = n->next) {
        const struct path *p = PATH_INDEX(list, i++);
        if (!k8s_is_type(k, n, p, FIELD_STRING)) {
            continue;
        }
        const char *wrong = name_check_label_key(n->text);
        if (wrong != NULL) {
            k8s_invalid(k, n, p, wrong);
        }
        buf_puts(b, "  - ");
        put_scalar(b, n);
    }
}

struct str k8s_raw_metadata(struct k8s *k, const struct node *finalizers,
                            const struct node *generate_name, const struct node *owners)
{
    struct buf *b = buf_new(k->scratch);
    if (finalizers != NULL && finalizers->n > 0) {
        buf_puts(b, "  finalizers:\n");
        put_finalizers(k, b, finalizers);
    }
    if (generate_name != NULL && generate_name->text.n > 0) {
        buf_puts(b, "  generateName: ");
        put_scalar(b, generate_name);
    }
    if (owners != NULL && owners->n > 0) {
        buf_puts(b, "  ownerReferences:\n");
        put_owners(k, b, owners);
    }
    struct str fields = buf_text(b);
    return fields.n == 0 ? fields
                         : str_printf(&k->ctx->arena, "metadata:\n" STR_FMT, STR_ARG(fields));
}
