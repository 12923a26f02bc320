/* The diagnostics of a run as findings of a report: each with whom it is about, as its place tells.
 */
#include "analysis/report_priv.h"

/* What a place in a source belongs to: whatever begins there, or last before it. */
struct anchor {
    struct span at;
    uint32_t policy; /* ID_NONE: none */
    uint32_t class;  /* of the page; ID_NONE: none */
};

struct anchors { /* by file, line, column */
    VEC(struct anchor) list;
};

static int place_order(struct span a, struct span b)
{
    const uint32_t x[] = {a.file, a.line, a.col}, y[] = {b.file, b.line, b.col};
    for (size_t i = 0; i < 3; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

static int anchor_order(const void *pa, const void *pb)
{
    const struct anchor *a = pa, *b = pb;
    int order = place_order(a->at, b->at);
    if (order != 0) {
        return order;
    }
    return a->class < b->class ? -1 : a->class > b->class;
}

static void add_anchor(const struct report *r, struct anchors *out, struct span at, uint32_t policy,
                       uint32_t class)
{
    if (at.file != 0) {
        vec_push(r->arena, &out->list, (struct anchor){at, policy, class});
    }
}

static struct anchors find_anchors(const struct report *r)
{
    struct anchors out = {0};
    for (uint32_t i = 0; i < r->w->npolicies; i++) {
        add_anchor(r, &out, r->w->policies[i]->origin->at, i, ID_NONE);
    }
    for (uint32_t i = 0; i < r->l->nendpoints; i++) {
        const struct list_endpoint *e = &r->l->endpoints[i];
        for (size_t k = 0; e->inside != NULL && k < e->nmembers; k++) {
            const struct endpoint_member *m = e->inside[k];
            add_anchor(r, &out, m->workload != NULL ? m->workload->at : m->node->at, ID_NONE, i);
        }
    }
    const struct inventory *inv = &r->w->program->inv;
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        add_anchor(r, &out, inv->namespaces.v[i]->at, ID_NONE, ID_NONE);
    }
    for (size_t i = 0; i < inv->services.n; i++) {
        add_anchor(r, &out, inv->services.v[i]->at, ID_NONE, ID_NONE);
    }
    array_sort(out.list.v, out.list.n, sizeof *out.list.v, anchor_order);
    return out;
}

static struct anchor anchor_of(const struct anchors *a, struct span at)
{
    size_t low = 0, high = a->list.n; /* the first behind the place */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place_order(a->list.v[middle].at, at) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low > 0 && at.file != 0 && a->list.v[low - 1].at.file == at.file;
    return found ? a->list.v[low - 1] : (struct anchor){.policy = ID_NONE, .class = ID_NONE};
}

static void put_notes(struct report *r, const struct diag *d)
{
    bool first = true;
    for (size_t i = 0; i < d->notes.n; i++) {
        uint32_t line = report_line(r, d->notes.v[i].at);
        if (line != ID_NONE) {
            buf_puts(r->out, first ? "[" : ",[");
            put_number(r->out, line);
            buf_putc(r->out, ',');
            buf_json_string(r->out, d->notes.v[i].text);
            buf_putc(r->out, ']');
            first = false;
        }
    }
}

static void put_finding(struct report *r, const struct anchors *anchors, const struct diag *d)
{
    static const char *const severities[] = {
        [SEV_ERROR] = "error", [SEV_WARNING] = "warning", [SEV_INFO] = "info"};
    struct anchor about = anchor_of(anchors, d->at);
    buf_printf(r->out, "[\"%s\",\"NPC%03u\",\"%s\",", severities[d->severity], diag_number(d->id),
               diag_slug(d->id));
    buf_json_string(r->out, d->text);
    buf_putc(r->out, ',');
    buf_json_string(r->out, d->hint);
    buf_putc(r->out, ',');
    put_number(r->out, report_line(r, d->at));
    buf_puts(r->out, ",[");
    put_notes(r, d);
    buf_puts(r->out, "],");
    put_number(r->out, about.policy);
    buf_putc(r->out, ',');
    put_number(r->out, about.class);
    buf_putc(r->out, ']');
}

void report_findings(struct report *r)
{
    const struct anchors anchors = find_anchors(r);
    const struct diag_list all = diags_sorted(&r->w->ctx->diags, true, false, r->arena);
    buf_puts(r->out, ",\n\"findings\":[");
    for (size_t i = 0; i < all.n; i++) {
        buf_puts(r->out, i > 0 ? ",\n" : "");
        put_finding(r, &anchors, all.v[i]);
    }
    buf_putc(r->out, ']');
}
