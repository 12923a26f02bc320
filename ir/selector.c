/* Labels, the selectors that match them, and the small words of the policy IR. */
#include "ir/policy.h"

const struct label *labels_find(const struct labels *l, struct str key)
{
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->v[i].key, key)) {
            return &l->v[i];
        }
    }
    return NULL;
}

static int label_cmp(const void *pa, const void *pb)
{
    const struct label *a = pa, *b = pb;
    return str_cmp(a->key, b->key);
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++) {
        const struct label *other = labels_find(b, a->v[i].key);
        if (other == NULL || !str_eq(other->value, a->v[i].value)) {
            return false;
        }
    }
    return a->n == b->n;
}

void labels_sort(struct labels *l)
{
    array_sort(l->v, l->n, sizeof *l->v, label_cmp);
}

static bool has_value(const struct sel_req *req, struct str value)
{
    for (size_t i = 0; i < req->nvalues; i++) {
        if (str_eq(req->values[i], value)) {
            return true;
        }
    }
    return false;
}

static bool requirement_holds(const struct sel_req *req, const struct labels *l)
{
    const struct label *label = labels_find(l, req->key);
    switch (req->op) {
    case SEL_EQ: /* `k=""` needs the key all the same */
    case SEL_IN:
        return label && has_value(req, label->value);
    case SEL_NOTIN: /* also without the key, as Kubernetes has it */
        return !label || !has_value(req, label->value);
    case SEL_EXISTS:
        return label;
    case SEL_ABSENT:
        return !label;
    }
    return false;
}

bool selector_matches(const struct selector *s, const struct labels *l)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!requirement_holds(&s->v[i], l)) {
            return false;
        }
    }
    return true;
}

const struct sel_req *selector_ns_names(const struct selector *s)
{
    if (!s || s->n != 1 || !str_is(s->v[0].key, LABEL_NS_NAME)) {
        return NULL;
    }
    enum sel_op op = s->v[0].op;
    return op == SEL_EQ || op == SEL_IN ? &s->v[0] : NULL;
}

const char *direction_name(enum direction d)
{
    static const char *const names[] = {[DIR_INGRESS] = "ingress", [DIR_EGRESS] = "egress"};
    return names[d];
}

const char *action_name(enum action a)
{
    static const char *const names[] = {
        [ACT_ALLOW] = "allow", [ACT_DENY] = "deny", [ACT_PASS] = "pass"};
    return names[a];
}

bool policy_is_cluster(const struct policy *p)
{
    switch (p->api) {
    case API_NETWORK_POLICY:
        return false;
    case API_CLUSTER_POLICY:
    case API_ADMIN_POLICY:
    case API_BASELINE_POLICY:
        return true;
    }
    return false;
}

/* ---- for people ---- */

void selector_print_values(struct buf *b, const struct sel_req *r, size_t most)
{
    for (size_t i = 0; i < r->nvalues; i++) {
        buf_puts(b, i > 0 ? ", " : "");
        if (most > 0 && i == most) {
            buf_puts(b, "…");
            return;
        }
        buf_str(b, r->values[i].n > 0 ? r->values[i] : STR("\"\""));
    }
}

static void print_requirement(struct buf *b, const struct sel_req *r, size_t most)
{
    buf_str(b, r->key);
    switch (r->op) {
    case SEL_EQ:
        buf_putc(b, '=');
        selector_print_values(b, r, most);
        break;
    case SEL_IN:
    case SEL_NOTIN:
        buf_puts(b, r->op == SEL_IN ? " in {" : " notin {");
        selector_print_values(b, r, most);
        buf_putc(b, '}');
        break;
    case SEL_EXISTS:
        buf_puts(b, " exists");
        break;
    case SEL_ABSENT:
        buf_puts(b, " !exists");
        break;
    }
}

void selector_print(struct buf *b, const struct selector *s, size_t most)
{
    for (size_t i = 0; i < s->n; i++) {
        buf_puts(b, i > 0 ? " & " : "");
        print_requirement(b, &s->v[i], most);
    }
}
