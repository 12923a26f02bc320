/*
 * Expectations (expect.h). `expect allow` means that all of it is allowed, `expect deny` that none
 * of it is. Traffic that no policy is asked about (a workload to itself, a node to its pods) is not
 * meant. Work is done by class, and within a class by part: no policy tells members of a class
 * apart, but the expectation may, by the name of a port that is another number on each, or by
 * addresses. Only who stands for a part is looked for among its members.
 */
#include "analysis/expect.h"

#include "analysis/explain.h"
#include "analysis/naming.h"
#include "analysis/phrase.h"
#include "analysis/verdict.h"
#include "analysis/world_priv.h"

struct end_class { /* members of a class that are at an end and that are meant alike */
    uint32_t class_id;
    bool has[FAMILIES];      /* families of the addresses that are meant */
    struct portset ports;    /* of the expectation, if this is their destination */
    struct id_vec members;   /* EP_WORKLOAD, EP_NODE: by index in the class */
    struct ip_range example; /* EP_RANGE: some of the addresses that are meant */
};

struct end {
    VEC(struct end_class) classes; /* rising; the parts of one class are neighbours */
    struct intern ids;             /* of classes: their number */
    bool has_workload;
};

struct run {
    struct ctx *c;
    struct arena *a;
    const struct world *w;
    const struct naming *naming;
    const struct test *test;
    const struct expectation *x;
    struct end from, to;
    struct portset ports; /* those that are numbers, or all */
    struct buf *key;      /* reused */
    size_t pairs;         /* that may still be looked at */
    bool wanted;          /* some pair may have some of the ports */
    bool *is_named;       /* by port: some destination has one of that name */
    struct portset kept;  /* what always passes, whatever the policies say */
    /* Of that, what the expectation names by itself: nobody can deny icmp/3.4. All of ICMP may be
     * denied all the same: then what policies decide is meant. */
    struct portset named_kept;
};

/* ---- who is at an end ---- */

/* Whether an owner, "Kind/name", has a name. */
static bool owner_has_name(struct str owner, struct str name)
{
    return owner.n > name.n && owner.p[owner.n - name.n - 1] == '/' &&
           str_eq((struct str){owner.p + owner.n - name.n, name.n}, name);
}

static bool member_has_name(const struct run *r, const struct workload *w, const struct test_end *e)
{
    return str_eq(w->ns, e->workload_ns) &&
           (str_eq(w->name, e->workload) || owner_has_name(w->owner, e->workload) ||
            owner_has_name(workload_grand_owner(r->a, w), e->workload));
}

static bool pod_matches(const struct run *r, const struct workload *w, const struct peer *p)
{
    const struct ns_object *ns = inventory_find_ns(&r->w->program->inv, w->ns);
    return ns != NULL && selector_matches(p->ns, &ns->labels) &&
           (p->pods == NULL || selector_matches(p->pods, &w->labels));
}

static bool address_in(const struct peer *p, const struct address *a)
{
    bool inside = cidr_has(p->cidr, a->family, a->ip);
    for (size_t i = 0; i < p->nexcept && inside; i++) {
        inside = !cidr_has(p->except[i], a->family, a->ip);
    }
    return inside;
}

/* Whether some address of a member is one of the peer's. */
static bool member_in_cidr(const struct endpoint_member *m, const struct peer *p)
{
    struct addresses all = member_addresses(m);
    for (size_t i = 0; i < all.n; i++) {
        if (address_in(p, &all.v[i])) {
            return true;
        }
    }
    return false;
}

/* Whether a member is meant by the end, and by which families: by a CIDR's own only. */
static bool member_at(const struct run *r, const struct test_end *e,
                      const struct endpoint_member *m, bool has[FAMILIES])
{
    bool meant[FAMILIES] = {false, false};
    if (m->workload != NULL && e->workload.n > 0 && member_has_name(r, m->workload, e)) {
        meant[FAM_IP4] = meant[FAM_IP6] = true;
    }
    for (size_t i = 0; i < e->npeers; i++) {
        const struct peer *p = &e->peers[i];
        bool pod = p->kind == PEER_PODS && m->workload != NULL && pod_matches(r, m->workload, p);
        bool node = p->kind == PEER_NODES && m->node != NULL &&
                    selector_matches(p->nodes, &m->node->labels);
        if (pod || node) {
            meant[FAM_IP4] = meant[FAM_IP6] = true;
        } else if (p->kind == PEER_CIDR && member_in_cidr(m, p)) {
            meant[p->cidr.family] = true;
        }
    }
    for (size_t f = 0; f < FAMILIES; f++) {
        has[f] |= meant[f];
    }
    return meant[FAM_IP4] || meant[FAM_IP6];
}

/* The addresses of a class of external ones that are meant. */
static struct ipset range_at(const struct run *r, const struct test_end *e,
                             const struct endpoint_class *c)
{
    if (e->any) {
        return c->ranges;
    }
    struct ipset meant = {0};
    for (size_t i = 0; i < e->npeers; i++) {
        const struct peer *p = &e->peers[i];
        if (p->kind != PEER_CIDR || p->cidr.family != c->family) {
            continue;
        }
        struct ipset net = ipset_of_cidr(r->a, p->cidr);
        for (size_t k = 0; k < p->nexcept; k++) {
            net = ipset_subtract(r->a, net, ipset_of_cidr(r->a, p->except[k]));
        }
        meant = ipset_union(r->a, meant, net);
    }
    return ipset_intersect(r->a, ipset_of_ranges(r->a, c->ranges.v, c->ranges.n), meant);
}

/* The ports of the expectation at a member; named ones are what they are there. */
static struct portset ports_at(const struct run *r, const struct endpoint_member *m)
{
    struct portset sum = r->ports;
    size_t n = m->workload != NULL ? m->workload->nports : 0;
    for (size_t i = 0; i < r->x->nports; i++) {
        const struct port *p = &r->x->ports[i];
        for (size_t k = 0; p->form == PORT_NAMED && k < n; k++) {
            const struct named_port *named = &m->workload->ports[k];
            if (str_eq(named->name, p->name) &&
                (p->proto == PROTO_ANY || p->proto == named->proto)) {
                struct portset one = portset_of(r->a, named->proto, named->number, named->number);
                r->is_named[i] = true;
                sum = portset_union(r->a, sum, one);
            }
        }
    }
    return sum;
}

/* The entry of an end for those of a class that are meant alike. */
static struct end_class *part_of(const struct run *r, struct end *out, struct end_class like)
{
    buf_cut(r->key, 0);
    buf_put(r->key, &like.class_id, sizeof like.class_id);
    buf_put(r->key, like.has, sizeof like.has);
    portset_key(r->key, like.ports);
    uint32_t id = intern_add(&out->ids, buf_text(r->key));
    if (id == out->classes.n) {
        vec_push(r->a, &out->classes, like);
    }
    return &out->classes.v[id];
}

static void add_range(const struct run *r, const struct test_end *e, const struct endpoint_class *c,
                      struct end *out)
{
    struct end_class part = {.class_id = c->id, .ports = r->ports};
    struct ipset meant = range_at(r, e, c);
    for (size_t i = 0; i < meant.n && !part.has[c->family]; i++) {
        part.has[c->family] =
            nets_external_part(&r->w->parts->nets[c->family], meant.v[i], &part.example);
    }
    if (part.has[c->family]) {
        part_of(r, out, part);
    }
}

static void add_members(const struct run *r, const struct test_end *e,
                        const struct endpoint_class *c, struct end *out)
{
    for (size_t i = 0; i < c->nmembers; i++) {
        const struct endpoint_member *m = &c->members[i];
        struct end_class part = {.class_id = c->id};
        if (member_at(r, e, m, part.has)) {
            part.ports = out == &r->to ? ports_at(r, m) : portset_none;
            struct end_class *mine = part_of(r, out, part);
            vec_push(r->a, &mine->members, (uint32_t)i);
            out->has_workload |= c->kind == EP_WORKLOAD;
        }
    }
}

static void find_end(const struct run *r, const struct test_end *e, struct end *out)
{
    intern_init(&out->ids, r->a);
    for (size_t i = 0; i < r->w->nclasses; i++) {
        const struct endpoint_class *c = &r->w->classes[i];
        if (c->kind == EP_RANGE) {
            add_range(r, e, c, out);
        } else {
            add_members(r, e, c, out);
        }
    }
}

/* ---- a pair ---- */

struct witness {
    const struct end_class *from, *to;
    const struct endpoint_member *a, *b; /* NULL: a range */
    struct traffic allowed;
    enum family family;
    struct portset ports; /* what is not as expected */
};

static const struct endpoint_member *member_of(const struct run *r, const struct end_class *c,
                                               size_t i)
{
    return &r->w->classes[c->class_id].members[c->members.v[i]];
}

/* Two members whose traffic policies decide about. False: there are none. */
static bool find_members(const struct run *r, struct witness *w)
{
    size_t na = w->from->members.n, nb = w->to->members.n;
    if (na == 0 || nb == 0) { /* a range has no members */
        w->a = na > 0 ? member_of(r, w->from, 0) : NULL;
        w->b = nb > 0 ? member_of(r, w->to, 0) : NULL;
        return true;
    }
    for (size_t i = 0; i < na; i++) {
        for (size_t k = 0; k < nb; k++) {
            w->a = member_of(r, w->from, i);
            w->b = member_of(r, w->to, k);
            if (!world_is_free(r->w, w->a, w->b)) {
                return true;
            }
        }
    }
    return false;
}

/* What of the expectation there can be in a family. */
static struct portset wanted_of(const struct run *r, const struct witness *w, enum family f)
{
    if (!w->from->has[f] || !w->to->has[f] || w->allowed.of[f] == TRAFFIC_ABSENT) {
        return portset_none;
    }
    return portset_intersect(r->a, w->to->ports, traffic_ports(r->w->traffic, f, TRAFFIC_ALL));
}

/* Of that, what is not as expected. */
static struct portset failing_of(const struct run *r, const struct witness *w, enum family f)
{
    struct portset wanted = wanted_of(r, w, f);
    if (portset_is_empty(wanted)) {
        return portset_none;
    }
    struct portset open = traffic_ports(r->w->traffic, f, w->allowed.of[f]);
    open = portset_union(r->a, open, r->x->allow ? r->kept : r->named_kept);
    return r->x->allow ? portset_subtract(r->a, wanted, open)
                       : portset_intersect(r->a, wanted, open);
}

/* Whether the pair, which must be decided by policy, is not as expected. */
static bool pair_fails(struct run *r, struct witness *w)
{
    w->allowed = world_traffic(r->w, w->from->class_id, w->to->class_id);
    for (enum family f = FAM_IP4; f <= FAM_IP6; f++) {
        r->wanted |= !portset_is_empty(wanted_of(r, w, f));
        w->family = f;
        w->ports = failing_of(r, w, f);
        if (!portset_is_empty(w->ports)) {
            return true;
        }
    }
    return false;
}

/* Whether a port is as expected in the other family. */
static bool differs_by_family(const struct run *r, const struct witness *w, struct portset port)
{
    enum family other = w->family == FAM_IP4 ? FAM_IP6 : FAM_IP4;
    struct portset wanted = wanted_of(r, w, other), failing = failing_of(r, w, other);
    return portset_is_empty(portset_subtract(r->a, port, wanted)) &&
           portset_is_empty(portset_intersect(r->a, port, failing));
}

/* ---- reporting ---- */

static struct str end_name(const struct run *r, const struct endpoint_member *m,
                           const struct end_class *c, enum family f)
{
    return m != NULL ? naming_member(r->naming, m) : addresses_text(r->a, f, c->example);
}

/* The lowest of the ports, as a set. */
static struct portset one_of(struct arena *a, struct portset s)
{
    for (size_t p = 0; p < PROTO_KEYED; p++) {
        if (s.keys[p].n > 0) {
            uint16_t first = s.keys[p].v[0].first;
            bool whole = port_ranges_are_all(s.keys[p]);
            return portset_of(a, (enum proto)p, first, whole ? UINT16_MAX : first);
        }
    }
    return s;
}

/* Which rule of one side decided, or that none did. */
static void blame_side(const struct run *r, struct diag *d, const struct witness *w,
                       enum direction dir, struct portset port)
{
    const struct end_class *target = dir == DIR_EGRESS ? w->from : w->to;
    const struct end_class *peer = dir == DIR_EGRESS ? w->to : w->from;
    const struct endpoint_member *m = dir == DIR_EGRESS ? w->a : w->b;
    if (m == NULL || m->workload == NULL) {
        return; /* nobody decides for an address or a node */
    }
    const struct explained_side *s =
        world_explain_side(r->w, r->a, dir, target->class_id, peer->class_id);
    struct portset open = s->allowed.of[w->family] == TRAFFIC_ABSENT
                              ? portset_none
                              : traffic_ports(r->w->traffic, w->family, s->allowed.of[w->family]);
    bool is_open = !portset_is_empty(portset_intersect(r->a, open, port));
    if (is_open == r->x->allow) {
        return; /* this side is as expected */
    }
    struct decider by = side_decider(r->w, r->a, s, w->family, port, is_open);
    decider_note(r->w, d, dir, by);
    if (is_open && by.rule == NULL) {
        diag_also(&r->c->diags, d, m->workload->at, "no policy isolates it for %s",
                  direction_name(dir));
    }
}

static void report_failure(const struct run *r, const struct witness *w)
{
    struct portset port = one_of(r->a, w->ports);
    struct str from = end_name(r, w->a, w->from, w->family);
    struct str to = end_name(r, w->b, w->to, w->family);
    struct buf *where = buf_new(r->a);
    if (differs_by_family(r, w, port)) {
        buf_printf(where, " (%s)", family_name(w->family));
    }
    struct diag *d = diag_error(
        &r->c->diags, NPC516, r->x->at,
        "test \"" STR_FMT "\" fails: " STR_FMT " %s " STR_FMT " on " STR_FMT STR_FMT,
        STR_ARG(r->test->name), STR_ARG(from), r->x->allow ? "cannot reach" : "can reach",
        STR_ARG(to), STR_ARG(portset_phrase(r->a, port)), STR_ARG(buf_text(where)));
    blame_side(r, d, w, DIR_EGRESS, port);
    blame_side(r, d, w, DIR_INGRESS, port);
    if (portset_is_empty(portset_subtract(r->a, port, r->kept))) {
        diag_hint(&r->c->diags, d,
                  "path-MTU messages and neighbour discovery pass whatever policies say");
    }
}

static void report_vacuous(const struct run *r, const struct test_end *e, const char *what)
{
    struct diag *d = diag_error(&r->c->diags, NPC510, e != NULL ? e->at : r->x->at,
                                "no workload matches%s: the test \"" STR_FMT "\" proves nothing",
                                what, STR_ARG(r->test->name));
    diag_hint(&r->c->diags, d, "give the test workloads, by `workload` lines or by an import");
}

/* ---- all expectations ---- */

static bool is_vacuous(const struct run *r)
{
    if (r->from.classes.n == 0 || (!r->from.has_workload && !r->to.has_workload)) {
        report_vacuous(r, &r->x->from, "");
        return true;
    }
    if (r->to.classes.n == 0) {
        report_vacuous(r, &r->x->to, "");
        return true;
    }
    return false;
}

static bool spend(struct run *r)
{
    if (r->pairs > 0) {
        r->pairs--;
        return true;
    }
    diag_error(&r->c->diags, NPC517, r->x->at,
               "the expectation is about more pairs than can be looked at: it was not decided");
    return false;
}

/* Reports the first pair that is not as expected. */
static void check_pairs(struct run *r)
{
    size_t decided = 0;
    for (size_t i = 0; i < r->from.classes.n; i++) {
        for (size_t k = 0; k < r->to.classes.n; k++) {
            struct witness w = {.from = &r->from.classes.v[i], .to = &r->to.classes.v[k]};
            bool has_workload = r->w->classes[w.from->class_id].kind == EP_WORKLOAD ||
                                r->w->classes[w.to->class_id].kind == EP_WORKLOAD;
            if (!has_workload) {
                continue; /* nobody's policy decides */
            }
            if (!spend(r)) {
                return;
            }
            if (!find_members(r, &w)) {
                continue;
            }
            decided++;
            if (pair_fails(r, &w)) {
                report_failure(r, &w);
                return;
            }
        }
    }
    if (decided == 0 || !r->wanted) {
        report_vacuous(r, NULL, decided == 0 ? " but itself" : " a port of that name or family");
        return;
    }
    for (size_t i = 0; i < r->x->nports; i++) {
        const struct port *p = &r->x->ports[i];
        if (p->form == PORT_NAMED && !r->is_named[i]) {
            struct str name =
                str_printf(r->a, " the port %s/" STR_FMT, proto_name(p->proto), STR_ARG(p->name));
            report_vacuous(r, NULL, name.p);
        }
    }
}

static void check_expectation(struct run *r)
{
    r->from = r->to = (struct end){0};
    r->ports = r->x->any_port ? portset_all(r->a) : portset_none;
    r->key = buf_new(r->a);
    r->wanted = false;
    r->is_named = ARENA_NEW_ARRAY(r->a, r->x->nports, bool);
    r->kept = ports_kept(r->a, false);
    r->named_kept = portset_none;
    for (size_t i = 0; i < r->x->nports; i++) {
        const struct port *p = &r->x->ports[i];
        if (p->form != PORT_NAMED) {
            bool whole = p->form == PORT_WHOLE;
            struct portset one =
                portset_of(r->a, p->proto, whole ? 0 : p->first, whole ? UINT16_MAX : p->last);
            r->ports = portset_union(r->a, r->ports, one);
            if (portset_is_empty(portset_subtract(r->a, one, r->kept))) {
                r->named_kept = portset_union(r->a, r->named_kept, one);
            }
        }
    }
    find_end(r, &r->x->from, &r->from);
    find_end(r, &r->x->to, &r->to);
    if (!is_vacuous(r)) {
        check_pairs(r);
    }
}

void expectations_check(struct ctx *c, const struct world *w)
{
    struct arena *scratch = ARENA_NEW(&c->arena, struct arena);
    struct naming naming;
    struct run r = {
        .c = c, .a = scratch, .w = w, .naming = &naming, .pairs = c->limits.comparisons};
    naming_init(&naming, &c->arena);
    naming_add(&naming, &w->program->inv, false);
    for (size_t i = 0; i < w->program->tests.n; i++) {
        r.test = &w->program->tests.v[i];
        for (size_t k = 0; k < r.test->n; k++) {
            arena_init_scratch(scratch, &c->arena);
            r.x = &r.test->v[k];
            check_expectation(&r);
            arena_free(scratch);
        }
        if (r.test->n == 0) {
            diag_error(&c->diags, NPC510, r.test->at, "the test \"" STR_FMT "\" expects nothing",
                       STR_ARG(r.test->name));
        }
    }
}
