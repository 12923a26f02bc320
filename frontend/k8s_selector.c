/* Labels and label selectors (apimachinery, meta/v1 LabelSelector). */
#include "frontend/k8s_object.h"

static bool check_key(struct k8s *k, const struct node *value, const struct path *p)
{
    const char *wrong = name_check_label_key(value->key->text);
    if (wrong == NULL) {
        return true;
    }
    k8s_error(k, NPC062, value->key->at, p, "Invalid value: \"" STR_FMT "\": must %s",
              STR_ARG(value->key->text), wrong);
    return false;
}

/* A label value as the API allows it; `n` may also be an item of `values`. */
static bool check_value(struct k8s *k, const struct node *n, const struct path *p)
{
    if (!k8s_is_type(k, n, p, FIELD_STRING)) {
        return false;
    }
    const char *wrong = name_check_label_value(n->text);
    if (wrong != NULL) {
        k8s_invalid(k, n, p, wrong);
    }
    return wrong == NULL;
}

bool k8s_labels(struct k8s *k, const struct node *n, const struct path *p, struct labels *out)
{
    bool ok = true;
    *out = (struct labels){.v = ARENA_NEW_ARRAY(&k->ctx->arena, n->n, struct label)};
    for (const struct node *value = n->first; value != NULL; value = value->next) {
        ok &= check_key(k, value, p);
        if (!check_value(k, value, p)) {
            ok = false;
            continue;
        }
        out->v[out->n++] = (struct label){.key = k8s_keep(k, value->key->text),
                                          .value = k8s_keep(k, value->text),
                                          .at = value->key->at};
    }
    labels_sort(out);
    return ok;
}

/* ---- expressions ---- */

struct expression_nodes {
    const struct node *key, *op, *values;
};

static const struct field expression_fields[] = {
    {FIELD_OF(expression_nodes, "key", STRING, key), .required = true},
    {FIELD_OF(expression_nodes, "operator", STRING, op)},
    {FIELD_OF(expression_nodes, "values", SEQ, values)},
};
static const struct schema expression_schema = {SCHEMA_FIELDS(expression_fields),
                                                .up = &selector_schema};

struct selector_nodes {
    const struct node *match_labels, *match_expressions;
};

static const struct field selector_fields[] = {
    {FIELD_OF(selector_nodes, "matchLabels", MAP, match_labels)},
    {FIELD_OF(selector_nodes, "matchExpressions", SEQ, match_expressions),
     .below = &expression_schema},
};
const struct schema selector_schema = {SCHEMA_FIELDS(selector_fields)};

static const struct {
    struct str name;
    enum sel_op op;
    bool takes_values;
} operators[] = {
    {STR_INIT("In"), SEL_IN, true},
    {STR_INIT("NotIn"), SEL_NOTIN, true},
    {STR_INIT("Exists"), SEL_EXISTS, false},
    {STR_INIT("DoesNotExist"), SEL_ABSENT, false},
};
enum { OPERATORS = sizeof operators / sizeof *operators };

static bool unknown_operator(struct k8s *k, const struct node *op, struct span at,
                             const struct path *p)
{
    struct str text = op != NULL ? op->text : STR("");
    struct diag *d =
        k8s_error(k, NPC062, op != NULL ? op->at : at, PATH_FIELD(p, "operator"),
                  "Invalid value: \"" STR_FMT "\": not a valid selector operator", STR_ARG(text));
    k8s_hint(k, d, "operators are In, NotIn, Exists and DoesNotExist");
    return false;
}

static bool take_values(struct k8s *k, const struct node *values, const struct path *p,
                        struct sel_req *req)
{
    bool ok = true;
    size_t i = 0;
    req->values = ARENA_NEW_ARRAY(&k->ctx->arena, values->n, struct str);
    for (const struct node *v = values->first; v != NULL; v = v->next) {
        if (check_value(k, v, PATH_INDEX(p, i++))) {
            req->values[req->nvalues++] = k8s_keep(k, v->text);
        } else {
            ok = false;
        }
    }
    return ok;
}

static bool take_operator(struct k8s *k, const struct node *n, const struct expression_nodes *e,
                          const struct path *p, struct sel_req *req)
{
    size_t i = 0;
    while (e->op != NULL && i < OPERATORS && !str_eq(operators[i].name, e->op->text)) {
        i++;
    }
    if (e->op == NULL || i == OPERATORS) {
        return unknown_operator(k, e->op, n->at, p);
    }
    req->op = operators[i].op;
    const struct path *values = PATH_FIELD(p, "values");
    bool has_values = e->values != NULL && e->values->n > 0;
    if (operators[i].takes_values && !has_values) {
        k8s_error(k, NPC061, e->values != NULL ? e->values->at : n->at, values,
                  "Required value: must be specified when `operator` is 'In' or 'NotIn'");
        return false;
    }
    if (!operators[i].takes_values && has_values) {
        k8s_error(k, NPC064, e->values->at, values,
                  "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        return false;
    }
    return !has_values || take_values(k, e->values, values, req);
}

static bool take_expression(struct k8s *k, const struct node *n, const struct path *p,
                            struct sel_req *req)
{
    struct expression_nodes e = {0};
    if (!k8s_fields(k, n, p, &expression_schema, &e)) {
        return false;
    }
    *req = (struct sel_req){.key = k8s_keep(k, e.key->text), .at = n->at};
    bool ok = true;
    const char *wrong = name_check_label_key(e.key->text);
    if (wrong != NULL) {
        k8s_invalid(k, e.key, PATH_FIELD(p, "key"), wrong);
        ok = false;
    }
    return take_operator(k, n, &e, p, req) && ok;
}

/* ---- selectors ---- */

static void add_labels(struct k8s *k, const struct labels *labels, struct selector *s)
{
    for (size_t i = 0; i < labels->n; i++) {
        const struct label *l = &labels->v[i];
        struct str *value = ARENA_NEW(&k->ctx->arena, struct str);
        *value = l->value;
        s->v[s->n++] = (struct sel_req){
            .op = SEL_EQ, .key = l->key, .values = value, .nvalues = 1, .at = l->at};
    }
}

const struct selector *k8s_selector(struct k8s *k, const struct node *n, const struct path *p)
{
    struct selector_nodes s = {0};
    bool ok = k8s_fields(k, n, p, &selector_schema, &s);
    size_t most = (s.match_labels != NULL ? s.match_labels->n : 0) +
                  (s.match_expressions != NULL ? s.match_expressions->n : 0);
    struct selector *out = ARENA_NEW(&k->ctx->arena, struct selector);
    *out =
        (struct selector){.v = ARENA_NEW_ARRAY(&k->ctx->arena, most, struct sel_req), .at = n->at};
    if (s.match_labels != NULL) {
        struct labels labels;
        ok &= k8s_labels(k, s.match_labels, PATH_FIELD(p, "matchLabels"), &labels);
        add_labels(k, &labels, out);
    }
    const struct path *list = PATH_FIELD(p, "matchExpressions");
    size_t i = 0;
    for (const struct node *e = s.match_expressions != NULL ? s.match_expressions->first : NULL;
         e != NULL; e = e->next) {
        ok &= take_expression(k, e, PATH_INDEX(list, i++), &out->v[out->n]);
        out->n++;
    }
    return ok ? out : NULL;
}
