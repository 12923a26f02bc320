/* Object metadata (apimachinery, meta/v1 ObjectMeta and api/validation/objectmeta.go). */
#include "frontend/k8s_object.h"

#include <string.h>

#define DESCRIPTION  "kubernetes.io/description"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

struct meta_nodes {
    const struct node *name, *ns, *labels, *annotations;
    const struct node *finalizers, *generate_name, *owners;
    const struct node *server; /* some field that only the server writes */
};

static const struct field policy_meta_fields[] = {
    {FIELD_OF(meta_nodes, "name", STRING, name)},
    {FIELD_OF(meta_nodes, "namespace", STRING, ns)},
    {FIELD_OF(meta_nodes, "labels", MAP, labels)},
    {FIELD_OF(meta_nodes, "annotations", MAP, annotations)},
    {FIELD_OF(meta_nodes, "finalizers", SEQ, finalizers)},
    {FIELD_OF(meta_nodes, "generateName", STRING, generate_name)},
    {FIELD_OF(meta_nodes, "ownerReferences", SEQ, owners)},
    {FIELD_OF(meta_nodes, "creationTimestamp", SERVER, server)},
    {FIELD_OF(meta_nodes, "deletionGracePeriodSeconds", SERVER, server)},
    {FIELD_OF(meta_nodes, "deletionTimestamp", SERVER, server)},
    {FIELD_OF(meta_nodes, "generation", SERVER, server)},
    {FIELD_OF(meta_nodes, "managedFields", SERVER, server)},
    {FIELD_OF(meta_nodes, "resourceVersion", SERVER, server)},
    {FIELD_OF(meta_nodes, "selfLink", SERVER, server)},
    {FIELD_OF(meta_nodes, "uid", SERVER, server)},
};
static const struct schema policy_meta_schema = {SCHEMA_FIELDS(policy_meta_fields)};

/* ---- annotations ---- */

static bool check_annotation_key(struct k8s *k, const struct node *value, const struct path *p)
{
    struct str key = value->key->text;
    const char *wrong = name_check_annotation_key(key);
    if (wrong != NULL) {
        k8s_error(k, NPC062, value->key->at, p, "Invalid value: \"" STR_FMT "\": must %s",
                  STR_ARG(key), wrong);
    }
    return wrong == NULL;
}

/* By key, but the description comes first. */
static void sort_annotations(struct labels *l)
{
    labels_sort(l);
    size_t i = 0;
    while (i < l->n && !str_is(l->v[i].key, DESCRIPTION)) {
        i++;
    }
    if (i < l->n) {
        struct label description = l->v[i];
        memmove(l->v + 1, l->v, i * sizeof *l->v);
        l->v[0] = description;
    }
}

static void take_annotations(struct k8s *k, struct meta_nodes *m, const struct path *p,
                             struct labels *out)
{
    const struct node *n = m->annotations;
    size_t size = 0, most = k->ctx->limits.string;
    *out = (struct labels){.v = ARENA_NEW_ARRAY(&k->ctx->arena, n->n, struct label)};
    for (const struct node *value = n->first; value != NULL; value = value->next) {
        struct str key = value->key->text;
        if (!check_annotation_key(k, value, p) ||
            !k8s_is_type(k, value, PATH_NAME(p, key), FIELD_STRING)) {
            continue;
        }
        size += key.n + value->text.n;
        if (str_is(key, LAST_APPLIED)) {
            m->server = value;
            continue;
        }
        out->v[out->n++] = (struct label){
            .key = k8s_keep(k, key), .value = k8s_keep(k, value->text), .at = value->key->at};
    }
    if (size > most) {
        k8s_error(k, NPC065, n->at, p, "Too long: may not be more than %zu bytes", most);
    }
    sort_annotations(out);
}

/* ---- names ---- */

static void take_name(struct k8s *k, const struct node *meta, const struct meta_nodes *m,
                      const struct path *p, struct policy *out)
{
    const struct path *path = PATH_FIELD(p, "name");
    out->at = m->name != NULL ? m->name->at : meta->at;
    if (m->name == NULL && node_is_present(node_find(meta, STR("name")))) {
        return; /* of a wrong type, which has been reported */
    }
    if (m->name == NULL || m->name->text.n == 0) {
        struct diag *d =
            k8s_error(k, NPC061, out->at, path, "Required value: name or generateName is required");
        if (m->generate_name != NULL) {
            k8s_hint(k, d, "the server would make a name of generateName, and npc cannot");
        }
        return;
    }
    const char *wrong = name_check_subdomain(m->name->text);
    if (wrong != NULL) {
        k8s_invalid(k, m->name, path, wrong);
    }
    out->name = k8s_keep(k, m->name->text);
}

static void take_namespace(struct k8s *k, const struct node *ns, const struct path *p,
                           struct policy *out)
{
    const struct path *path = PATH_FIELD(p, "namespace");
    if (ns == NULL || ns->text.n == 0) {
        return;
    }
    if (policy_is_cluster(out)) {
        k8s_error(k, NPC064, ns->at, path, "Forbidden: not allowed on this type");
        return;
    }
    const char *wrong = name_check_dns_label(ns->text);
    if (wrong != NULL) {
        k8s_invalid(k, ns, path, wrong);
    }
    out->ns = k8s_keep(k, ns->text);
}

/* ---- policies ---- */

static void take_raw(struct k8s *k, const struct meta_nodes *m, struct policy *out)
{
    struct str text = k8s_raw_metadata(k, m->finalizers, m->generate_name, m->owners);
    if (text.n > 0) {
        const struct node *first = m->finalizers != NULL      ? m->finalizers
                                   : m->generate_name != NULL ? m->generate_name
                                                              : m->owners;
        out->raws = ARENA_NEW(&k->ctx->arena, struct raw);
        out->raws[0] = (struct raw){.backend = STR("k8s"), .text = text, .at = first->key->at};
        out->nraws = 1;
    }
}

static void note_server_fields(struct k8s *k, const struct node *field)
{
    if (field != NULL) {
        k8s_info(k, NPC511, field->key->at, NULL,
                 "\"" STR_FMT "\" and the like, which only the server writes, were dropped",
                 STR_ARG(field->key->text));
    }
}

void k8s_policy_meta(struct k8s *k, const struct node *meta, const struct node *status,
                     struct policy *out)
{
    const struct path *p = PATH_FIELD(NULL, "metadata");
    struct meta_nodes m = {0};
    k8s_fields(k, meta, p, &policy_meta_schema, &m);
    take_name(k, meta, &m, p, out);
    take_namespace(k, m.ns, p, out);
    if (m.labels != NULL) {
        k8s_labels(k, m.labels, PATH_FIELD(p, "labels"), &out->labels);
    }
    if (m.annotations != NULL) {
        take_annotations(k, &m, PATH_FIELD(p, "annotations"), &out->annotations);
    }
    take_raw(k, &m, out);
    note_server_fields(k, m.server != NULL ? m.server : status);
}

/* ---- inventory ---- */

static const struct field inventory_meta_fields[] = {
    {FIELD_OF(meta_nodes, "name", STRING, name), .required = true},
    {FIELD_OF(meta_nodes, "namespace", STRING, ns)},
    {FIELD_OF(meta_nodes, "labels", MAP, labels)},
    {FIELD_OF(meta_nodes, "ownerReferences", SEQ, owners)},
};
static const struct schema inventory_meta_schema = {SCHEMA_FIELDS(inventory_meta_fields),
                                                    .open = true};

struct controller_nodes {
    const struct node *kind, *name, *controller;
};

static const struct field controller_fields[] = {
    {FIELD_OF(controller_nodes, "kind", STRING, kind), .required = true},
    {FIELD_OF(controller_nodes, "name", STRING, name), .required = true},
    {FIELD_OF(controller_nodes, "controller", BOOL, controller)},
};
static const struct schema controller_schema = {SCHEMA_FIELDS(controller_fields), .open = true};

/* "Kind/name" of the owner that controls the object, or empty. */
static bool find_controller(struct k8s *k, const struct node *owners, const struct path *p,
                            struct str *out)
{
    size_t i = 0;
    for (const struct node *n = owners->first; n != NULL; n = n->next) {
        struct controller_nodes c = {0};
        if (!k8s_fields(k, n, PATH_INDEX(p, i++), &controller_schema, &c)) {
            return false;
        }
        if (c.controller != NULL && str_eq_nocase(c.controller->text, STR("true"))) {
            *out = k8s_keep(k, str_path(k->scratch, c.kind->text, c.name->text));
        }
    }
    return true;
}

static bool check_name(struct k8s *k, const struct node *n, const struct path *p,
                       const char *(*check)(struct str))
{
    const char *wrong = check(n->text);
    if (wrong != NULL) {
        k8s_invalid(k, n, p, wrong);
    }
    return wrong == NULL;
}

bool k8s_inventory_meta(struct k8s *k, const struct node *meta, const struct path *p,
                        bool namespaced, struct k8s_meta *out)
{
    struct meta_nodes m = {0};
    *out = (struct k8s_meta){0};
    bool ok = k8s_fields(k, meta, p, &inventory_meta_schema, &m);
    if (m.name != NULL) {
        ok &= check_name(k, m.name, PATH_FIELD(p, "name"), name_check_subdomain);
        /* not k8s_keep(): hardly any two are equal, and a table of all costs more than it saves */
        out->name = str_dup(&k->ctx->arena, m.name->text);
        out->at = m.name->at;
    }
    bool has_ns = m.ns != NULL && m.ns->text.n > 0;
    if (namespaced && has_ns) {
        ok &= check_name(k, m.ns, PATH_FIELD(p, "namespace"), name_check_dns_label);
        out->ns = k8s_keep(k, m.ns->text);
    } else if (namespaced) {
        out->ns = k->options->has_default_ns ? k->options->default_ns : STR("default");
    }
    if (m.labels != NULL) {
        ok &= k8s_labels(k, m.labels, PATH_FIELD(p, "labels"), &out->labels);
    }
    if (m.owners != NULL) {
        ok &= find_controller(k, m.owners, PATH_FIELD(p, "ownerReferences"), &out->owner);
    }
    return ok;
}
