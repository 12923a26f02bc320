/* A listing as one page that draws itself: who there is, and what flows. Knows nothing of how the
 * page looks. */
#include "analysis/report_page.h"
#include "analysis/report_priv.h"

/* ---- numbers ---- */

void put_number(struct buf *out, uint32_t n)
{
    if (n == ID_NONE) {
        buf_puts(out, "-1");
    } else {
        buf_u64(out, n);
    }
}

void put_runs(struct buf *out, const uint32_t *v, size_t n)
{
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && v[end] == v[end - 1] + 1; end++) {
        }
        buf_puts(out, first > 0 ? "," : "");
        buf_u64(out, v[first]);
        buf_putc(out, ',');
        buf_u64(out, end - first);
    }
}

static void put_key(struct buf *out, const char *key)
{
    buf_printf(out, ",\n\"%s\":", key);
}

uint32_t report_line(struct report *r, struct span at)
{
    if (at.file == 0) {
        return ID_NONE;
    }
    const uint32_t key[] = {at.file, at.line};
    uint32_t id = intern_ids(&r->places, key, 2);
    if (id == r->lines.n) {
        vec_push(r->arena, &r->lines, at);
    }
    return id;
}

/* ---- ports ---- */

static void put_ports(struct buf *out, const char *protocol, struct port_ranges keys)
{
    if (port_ranges_are_all(keys)) {
        buf_printf(out, ",[\"%s\"]", protocol);
        return;
    }
    for (size_t i = 0; i < keys.n; i++) {
        buf_printf(out, ",[\"%s\",%u,%u]", protocol, (unsigned)keys.v[i].first,
                   (unsigned)keys.v[i].last);
    }
}

/* The number of the entries in r->text, each after a comma. */
static uint32_t number_ports(struct report *r)
{
    struct str text = buf_text(r->text);
    return intern_add(&r->ports, (struct str){text.p + 1, text.n > 0 ? text.n - 1 : 0});
}

static uint32_t list_ports_number(struct report *r, const struct list_ports *ports)
{
    struct port_range every = {0, UINT16_MAX};
    const struct port_ranges whole = {&every, 1};
    buf_cut(r->text, 0);
    for (size_t i = 0; i < ports->n; i++) {
        const struct list_port *p = &ports->v[i];
        struct port_range range = {p->first, p->last};
        const struct port_ranges keys = {&range, 1};
        if (p->proto == LIST_OTHER) { /* in its parts, so that all entries can be compared */
            put_ports(r->text, list_proto_name(LIST_ICMP), whole);
            put_ports(r->text, list_proto_name(LIST_ICMP6), whole);
            put_ports(r->text, list_proto_name(LIST_REST), whole);
        } else {
            put_ports(r->text, list_proto_name(p->proto), p->whole ? whole : keys);
        }
    }
    return number_ports(r);
}

/* Puts the traffic of both families together. */
static void put_traffic(struct report *r, struct traffic t)
{
    static const enum list_proto names[] = {[PROTO_TCP] = LIST_TCP,
                                            [PROTO_UDP] = LIST_UDP,
                                            [PROTO_SCTP] = LIST_SCTP,
                                            [PROTO_ICMP] = LIST_ICMP,
                                            [PROTO_ICMP6] = LIST_ICMP6};
    struct portset all = portset_none;
    bool whole = true;
    for (size_t f = 0; f < FAMILIES; f++) {
        if (t.of[f] != TRAFFIC_ABSENT) {
            struct portset s = traffic_ports(r->w->traffic, (enum family)f, t.of[f]);
            all = portset_union(r->arena, all, s);
            whole = whole && t.of[f] == TRAFFIC_ALL;
        }
    }
    if (whole) {
        buf_printf(r->text, ",[\"%s\"]", list_proto_name(LIST_ALL));
        return;
    }
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        put_ports(r->text, list_proto_name(names[p]), all.keys[p]);
    }
    if (all.other) {
        buf_printf(r->text, ",[\"%s\"]", list_proto_name(LIST_REST));
    }
}

uint32_t report_traffic(struct report *r, struct traffic t)
{
    const uint32_t key[] = {t.of[FAM_IP4], t.of[FAM_IP6]};
    uint32_t id = intern_ids(&r->traffic, key, 2);
    if (id == r->traffic_ports.n) {
        buf_cut(r->text, 0);
        put_traffic(r, t);
        vec_push(r->arena, &r->traffic_ports, number_ports(r));
    }
    return r->traffic_ports.v[id];
}

/* ---- members ---- */

/* "a=b, c=d", until r->text is used again. */
static struct str labels_text(struct report *r, const struct labels *l)
{
    buf_cut(r->text, 0);
    for (size_t i = 0; i < l->n; i++) {
        buf_puts(r->text, i > 0 ? ", " : "");
        buf_str(r->text, l->v[i].key);
        buf_putc(r->text, '=');
        buf_str(r->text, l->v[i].value);
    }
    return buf_text(r->text);
}

/* `part_of`: the name of the workload whose addresses policies tell apart, or empty. */
static void put_member(struct report *r, uint32_t ns, struct str name, struct str kind,
                       struct str labels, struct str part_of)
{
    buf_putc(r->out, '[');
    put_number(r->out, ns);
    buf_putc(r->out, ',');
    buf_json_string(r->out, name);
    buf_putc(r->out, ',');
    buf_json_string(r->out, kind);
    buf_putc(r->out, ',');
    buf_json_string(r->out, labels);
    if (part_of.n > 0) {
        buf_putc(r->out, ',');
        buf_json_string(r->out, part_of);
    }
    buf_putc(r->out, ']');
}

static void put_workload(struct report *r, const struct list_endpoint *e)
{
    const struct workload *w = e->inside[0]->workload;
    size_t at = w->ns.n + 1; /* the name is "namespace/name" */
    struct str name = {e->name.p + at, e->name.n - at};
    struct str kind =
        e->nmembers > 1 ? str_printf(r->arena, STR_FMT ", %zu pods", STR_ARG(e->type), e->nmembers)
                        : e->type;
    put_member(r, intern_find(&r->namespaces, w->ns), name, kind, labels_text(r, &e->labels),
               e->inside[0]->naddrs > 0 ? w->name : STR(""));
}

/* A range as people write it: a CIDR, or an address, if it is one. */
static struct str range_name(struct arena *a, enum family f, struct ip_range range)
{
    if (ip_cmp(range.first, range.last) == 0) {
        return ip_text(a, f, range.first);
    }
    struct cidrs c = ipset_cidrs(a, (struct ipset){&range, 1}, f);
    return c.n == 1 ? cidr_text(a, c.v[0]) : range_text(a, f, range);
}

static double size_of(const struct endpoint_class *c)
{
    double size = 0;
    for (size_t i = 0; i < c->ranges.n; i++) {
        struct ip first = c->ranges.v[i].first, last = c->ranges.v[i].last;
        size +=
            ((double)last.hi - (double)first.hi) * 0x1p64 + ((double)last.lo - (double)first.lo);
    }
    return size;
}

/* The class with the most addresses of each family is what remains when the others are named. */
static void find_rest(struct report *r)
{
    double most[FAMILIES] = {-1, -1};
    for (size_t i = 0; i < r->l->nendpoints; i++) {
        const struct endpoint_class *c = &r->w->classes[r->l->endpoints[i].class_id];
        double size = c->kind == EP_RANGE ? size_of(c) : -1;
        if (c->kind == EP_RANGE && size > most[c->family]) {
            most[c->family] = size;
            r->rest[c->family] = c->id;
        }
    }
}

static struct str range_title(const struct report *r, const struct endpoint_class *c)
{
    struct ipset all = ipset_of_ranges(r->arena, c->ranges.v, c->ranges.n);
    if (c->id == r->rest[c->family]) {
        return str_printf(r->arena, "%s %s", ipset_is_all(all, c->family) ? "Any" : "Any other",
                          family_name(c->family));
    }
    struct str first = range_name(r->arena, c->family, all.v[0]);
    return all.n == 1 ? first : str_printf(r->arena, STR_FMT " +%zu", STR_ARG(first), all.n - 1);
}

/* ---- classes ---- */

static uint32_t profile_number(struct report *r, enum direction d, const struct endpoint_class *c)
{
    const uint32_t key[] = {d, r->w->parts->facts.v[c->id].profile[d], families_of(c)};
    uint32_t id = intern_ids(&r->profiles, key, 3);
    if (id == r->targets.n) {
        vec_push(r->arena, &r->targets, c->id);
    }
    return id;
}

static void put_members(struct report *r, const struct list_endpoint *e,
                        const struct lister *members)
{
    const struct endpoint_class *c = &r->w->classes[e->class_id];
    switch (e->kind) {
    case EP_WORKLOAD:
        for (size_t i = 0; i < members->of_class[c->id].n; i++) {
            buf_puts(r->out, i > 0 ? "," : "");
            put_workload(r, &members->ends.v[members->of_class[c->id].v[i]]);
        }
        return;
    case EP_NODE:
    case EP_RANGE:
    case EP_OPEN:
        for (size_t i = 0; i < e->nmembers; i++) {
            const struct labels none = {NULL, 0};
            const struct labels *l = e->kind == EP_NODE ? &e->inside[i]->node->labels : &none;
            buf_puts(r->out, i > 0 ? "," : "");
            put_member(r, ID_NONE, e->members[i], STR(""), labels_text(r, l), STR(""));
        }
        return;
    }
}

static void put_classes(struct report *r, const struct lister *members)
{
    put_key(r->out, "classes");
    for (size_t i = 0; i < r->l->nendpoints; i++) {
        const struct list_endpoint *e = &r->l->endpoints[i];
        const struct endpoint_class *c = &r->w->classes[e->class_id];
        buf_puts(r->out, i > 0 ? ",\n" : "[");
        buf_printf(r->out, "[\"%s\",[", list_kind_name(e->kind));
        put_members(r, e, members);
        buf_puts(r->out, "],");
        put_number(r->out, profile_number(r, DIR_INGRESS, c));
        buf_putc(r->out, ',');
        put_number(r->out, profile_number(r, DIR_EGRESS, c));
        buf_putc(r->out, ',');
        buf_json_string(r->out, c->kind == EP_RANGE ? range_title(r, c) : STR(""));
        buf_putc(r->out, ']');
    }
    buf_puts(r->out, r->l->nendpoints > 0 ? "]" : "[]");
}

static void put_namespaces(struct report *r)
{
    const struct inventory *inv = &r->w->program->inv;
    put_key(r->out, "namespaces");
    buf_putc(r->out, '[');
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        const struct ns_object *ns = inv->namespaces.v[i];
        intern_add(&r->namespaces, ns->name);
        buf_puts(r->out, i > 0 ? ",[" : "[");
        buf_json_string(r->out, ns->name);
        buf_putc(r->out, ',');
        buf_json_string(r->out, labels_text(r, &ns->labels));
        buf_putc(r->out, ']');
    }
    buf_putc(r->out, ']');
}

/* ---- flows ---- */

static void put_flow(struct report *r, bool first, uint32_t ports, enum list_family family,
                     struct id_list from, struct id_list to)
{
    static const unsigned numbers[] = {[LIST_BOTH] = 0, [LIST_IPV4] = 4, [LIST_IPV6] = 6};
    buf_puts(r->out, first ? "[" : ",[");
    put_number(r->out, list_ports_number(r, &r->l->ports[ports]));
    buf_printf(r->out, ",%u,[", numbers[family]);
    put_runs(r->out, from.v, from.n);
    buf_puts(r->out, "],[");
    put_runs(r->out, to.v, to.n);
    buf_puts(r->out, "]]");
}

static void put_flows(struct report *r)
{
    const struct listing *l = r->l;
    put_key(r->out, "flows");
    buf_putc(r->out, '[');
    for (size_t i = 0; i < l->nblocks; i++) {
        const struct list_block *b = &l->blocks[i];
        put_flow(r, i == 0, b->ports, b->family, b->from, b->to);
    }
    for (size_t i = 0; i < l->nexposure; i++) {
        struct list_connection c = l->exposure[i];
        put_flow(r, l->nblocks + i == 0, c.ports, c.family, (struct id_list){&c.from, 1},
                 (struct id_list){&c.to, 1});
    }
    buf_putc(r->out, ']');
}

/* ---- what was numbered ---- */

static int line_order(const void *pa, const void *pb)
{
    const struct span *a = pa, *b = pb;
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    return a->line < b->line ? -1 : a->line > b->line;
}

/* "lines" and "files". The lines are read in the order of the files, and put in that of numbers. */
static void put_lines(struct report *r)
{
    size_t n = r->lines.n;
    struct span *at = ARENA_NEW_ARRAY(r->arena, n, struct span);
    struct str *read = ARENA_NEW_ARRAY(r->arena, n, struct str);
    struct str *texts = ARENA_NEW_ARRAY(r->arena, n, struct str);
    struct intern files;
    intern_init(&files, r->arena);
    for (size_t i = 0; i < n; i++) {
        at[i] = r->lines.v[i];
    }
    array_sort(at, n, sizeof *at, line_order);
    sources_lines(&r->w->ctx->sources, at, n, r->arena, read);
    for (size_t i = 0; i < n; i++) {
        const uint32_t key[] = {at[i].file, at[i].line};
        texts[intern_ids(&r->places, key, 2)] = read[i];
    }
    put_key(r->out, "lines");
    for (size_t i = 0; i < n; i++) {
        const struct span *line = &r->lines.v[i];
        buf_puts(r->out, i > 0 ? ",\n[" : "[[");
        put_number(r->out, intern_ids(&files, &line->file, 1));
        buf_printf(r->out, ",%u,", line->line);
        buf_json_string(r->out, texts[i]);
        buf_putc(r->out, ']');
    }
    buf_puts(r->out, n > 0 ? "]" : "[]");
    put_key(r->out, "files");
    buf_putc(r->out, '[');
    for (uint32_t i = 0; i < files.keys.n; i++) {
        uint32_t file = intern_list(&files, i).v[0];
        buf_puts(r->out, i > 0 ? "," : "");
        buf_json_string(r->out, sources_get(&r->w->ctx->sources, file)->path);
    }
    buf_putc(r->out, ']');
}

static void put_port_lists(struct report *r)
{
    put_key(r->out, "ports");
    buf_putc(r->out, '[');
    for (size_t i = 0; i < r->ports.keys.n; i++) {
        buf_puts(r->out, i > 0 ? ",[" : "[");
        buf_str(r->out, (struct str){r->ports.keys.v[i].p, r->ports.keys.v[i].n});
        buf_putc(r->out, ']');
    }
    buf_putc(r->out, ']');
}

/* What was read: the first names, and how many more. The prelude is no input. */
static void put_title(struct report *r)
{
    enum { MOST = 3 };
    const struct sources *s = &r->w->ctx->sources;
    size_t n = 0;
    buf_cut(r->text, 0);
    for (size_t i = 1; i < s->list.n; i++) {
        bool input = s->list.v[i].reopen || !str_is(s->list.v[i].path, "prelude");
        if (input && n < MOST) {
            buf_puts(r->text, n > 0 ? ", " : "");
            buf_str(r->text, s->list.v[i].path);
        }
        n += input;
    }
    if (n > MOST) {
        buf_printf(r->text, " and %zu more", n - MOST);
    }
    buf_puts(r->out, "{\"version\":1,\"title\":");
    buf_json_string(r->out, buf_text(r->text));
}

/* ---- the page ---- */

/* JSON inside of a script element: no byte of it can end the element, or be taken for markup. The
 * characters are found in strings only, and mean the same when escaped. */
static void put_island(struct buf *out, struct str json)
{
    size_t done = 0;
    for (size_t i = 0; i < json.n; i++) {
        unsigned char c = (unsigned char)json.p[i];
        /* U+2028 and U+2029 end lines of JavaScript */
        bool separator = c == 0xe2 && i + 2 < json.n && (unsigned char)json.p[i + 1] == 0x80 &&
                         ((unsigned char)json.p[i + 2] | 1) == 0xa9;
        if (c == '<' || c == '>' || c == '&' || separator) {
            buf_put(out, json.p + done, i - done);
            unsigned code = separator ? 0x2000 | ((unsigned char)json.p[i + 2] & 0x3f) : c;
            buf_printf(out, "\\u%04x", code);
            i += separator ? 2 : 0;
            done = i + 1;
        }
    }
    buf_put(out, json.p + done, json.n - done);
}

static struct str report_data(const struct listing *l)
{
    struct arena *a = &l->world->ctx->arena;
    struct report r = {.l = l, .w = l->world, .arena = a, .out = buf_new(a), .text = buf_new(a)};
    intern_init(&r.namespaces, a);
    intern_init(&r.ports, a);
    intern_init(&r.traffic, a);
    intern_init(&r.places, a);
    intern_init(&r.profiles, a);
    r.class_of = ARENA_NEW_ARRAY(a, r.w->nclasses, uint32_t);
    for (size_t i = 0; i < r.w->nclasses; i++) {
        r.class_of[i] = ID_NONE;
    }
    for (uint32_t i = 0; i < l->nendpoints; i++) {
        r.class_of[l->endpoints[i].class_id] = i;
    }
    /* What `list` calls workloads are the members of the classes. */
    const struct list_options by_owner = {.level = LIST_WORKLOADS, .nodes = l->options.nodes};
    struct lister members;
    lister_init(&members, r.w, &by_owner);
    list_ends(&members);
    find_rest(&r);
    put_title(&r);
    put_namespaces(&r);
    put_classes(&r, &members);
    put_flows(&r);
    report_policies(&r);
    report_profiles(&r);
    report_findings(&r);
    put_port_lists(&r);
    put_lines(&r);
    buf_puts(r.out, "}");
    return buf_text(r.out);
}

void report_html(const struct listing *l, struct buf *out)
{
    buf_put(out, report_page_head, report_page_head_size);
    put_island(out, report_data(l));
    buf_put(out, report_page_tail, report_page_tail_size);
}
