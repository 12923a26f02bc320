/* Printing an answer: in a sentence with the reason as a chain, and as JSON (version 1). */
#include "analysis/explain.h"
#include "analysis/listing_priv.h"
#include "analysis/query.h"
#include "analysis/world_priv.h"

struct telling {
    const struct query_answer *answer;
    const struct world *w;
    struct arena *arena;
    struct lister lister; /* that only says traffic */
    struct buf *out;
};

static void telling_init(struct telling *t, const struct query_answer *a, struct buf *out)
{
    static const struct list_options nothing;
    *t = (struct telling){.answer = a, .w = a->world, .arena = &a->world->ctx->arena, .out = out};
    lister_init(&t->lister, a->world, &nothing);
}

static struct traffic of_family(enum family f, uint32_t id)
{
    struct traffic t = {{TRAFFIC_ABSENT, TRAFFIC_ABSENT}};
    t.of[f] = id;
    return t;
}

/* The lowest port of what is denied: one packet that does not pass. */
static uint32_t one_of(struct telling *t, enum family f, uint32_t id)
{
    struct portset s = traffic_ports(t->w->traffic, f, id);
    for (enum proto p = PROTO_TCP; p < PROTO_KEYED; p++) {
        if (s.keys[p].n > 0 && !port_ranges_are_all(s.keys[p])) {
            uint16_t first = s.keys[p].v[0].first;
            return traffic_id(t->w->traffic, f, portset_of(t->arena, p, first, first));
        }
    }
    return id; /* whole protocols: there is no lowest port that says more */
}

/* What a pair is shown for. */
static uint32_t shown_traffic(struct telling *t, const struct query_pair *p)
{
    return p == t->answer->shown ? p->allowed : one_of(t, p->family, p->denied);
}

/* ---- a sentence ---- */

static void put_pair(struct telling *t, const struct query_pair *p)
{
    bool reaches = p == t->answer->shown;
    buf_str(t->out, p->from);
    buf_puts(t->out, reaches ? " reaches " : " cannot reach ");
    buf_str(t->out, p->to);
    if (reaches || !t->answer->any_traffic) {
        buf_puts(t->out, " on ");
        traffic_print(&t->lister, of_family(p->family, shown_traffic(t, p)), t->out);
    }
    buf_puts(t->out, p->kept ? ", which always passes" : "");
    if (p->by_family) {
        buf_printf(t->out, " (%s)", family_name(p->family));
    }
}

static void put_sentence(struct telling *t)
{
    const struct query_answer *a = t->answer;
    const struct query_pair *p = a->counter != NULL ? a->counter : a->shown;
    if (a->lacks.n > 0) {
        buf_puts(t->out, "no: ");
        buf_str(t->out, a->lacks);
        buf_puts(t->out, ": there is no such connection\n");
        return;
    }
    if (p == NULL) {
        buf_puts(t->out,
                 "yes: traffic of a workload to itself, and between a node and its pods, is "
                 "never filtered\n");
        return;
    }
    switch (a->verdict) {
    case QUERY_YES:
        buf_puts(t->out, "yes: ");
        if (a->pairs > 1) {
            buf_printf(t->out, "all of %zu pairs; for example ", a->pairs);
        }
        break;
    case QUERY_NO:
        buf_puts(t->out, "no: ");
        if (a->pairs > 1) {
            buf_printf(t->out, "none of %zu pairs; for example ", a->pairs);
        }
        break;
    case QUERY_PARTLY:
        buf_puts(t->out, "not always: ");
        if (a->pairs > 1) {
            buf_printf(t->out, "%zu of %zu pairs%s; for example ", a->whole, a->pairs,
                       a->whole + a->nothing < a->pairs ? ", and others in part" : "");
        }
        break;
    }
    put_pair(t, p);
    buf_putc(t->out, '\n');
}

/* ---- the chain ---- */

static bool concerns(struct telling *t, const struct query_pair *p, struct traffic decides)
{
    uint32_t id = decides.of[p->family];
    return id != TRAFFIC_ABSENT &&
           traffic_intersect(t->w->traffic, id, shown_traffic(t, p)) != TRAFFIC_NONE;
}

static void put_rule(struct telling *t, const struct explained_rule *r)
{
    buf_puts(t->out, "    ");
    rule_print(t->out, t->w, r->policy, r->rule);
    buf_puts(t->out, ": ");
}

static bool is_target(const struct telling *t, const struct explained_side *s)
{
    return t->w->classes[s->target].kind == EP_WORKLOAD;
}

static void put_heading(struct telling *t, const struct explained_side *s, struct str name)
{
    buf_printf(t->out, "  %s of ", direction_name(s->direction));
    buf_str(t->out, name);
    if (!is_target(t, s)) {
        buf_puts(t->out, ": no policy decides about it\n");
        return;
    }
    buf_puts(t->out, s->npolicies == 0 ? ": not isolated, all is allowed\n" : ": decided by ");
    for (size_t i = 0; i < s->npolicies; i++) {
        buf_puts(t->out, i > 0 ? ", " : "");
        policy_print(t->out, t->w, s->policies[i]);
    }
    buf_puts(t->out, s->npolicies == 0 ? "" : "\n");
}

/* Rules that decide about the traffic; how many. */
static size_t put_deciding(struct telling *t, const struct explained_side *s,
                           const struct query_pair *p)
{
    static const char *const words[] = {
        [ACT_ALLOW] = "allows ", [ACT_DENY] = "denies ", [ACT_PASS] = "passes on "};
    size_t found = 0;
    for (size_t i = 0; i < s->nrules; i++) {
        const struct explained_rule *r = &s->rules[i];
        if (concerns(t, p, r->decides)) {
            put_rule(t, r);
            buf_puts(t->out, words[r->rule->action]);
            traffic_print(&t->lister, of_family(p->family, r->decides.of[p->family]), t->out);
            buf_putc(t->out, '\n');
            found += r->rule->action != ACT_PASS;
        }
    }
    return found;
}

static bool put_failsafe(struct telling *t, const struct explained_side *s,
                         const struct query_pair *p)
{
    if (!concerns(t, p, s->failsafe)) {
        return false;
    }
    buf_puts(t->out, "    failsafe ports stay open: ");
    traffic_print(&t->lister, of_family(p->family, s->failsafe.of[p->family]), t->out);
    buf_putc(t->out, '\n');
    return true;
}

/* What a side lets pass that its policies do not allow, of what the pair is shown for. */
static uint32_t kept_of(struct telling *t, const struct explained_side *s,
                        const struct query_pair *p)
{
    if (t->answer->any_traffic || s->npolicies == 0) {
        return TRAFFIC_NONE;
    }
    struct traffic_table *table = t->w->traffic;
    uint32_t kept =
        traffic_subtract(table, world_kept(t->w, p->family, s->target), s->allowed.of[p->family]);
    return traffic_intersect(table, kept, shown_traffic(t, p));
}

static bool put_kept(struct telling *t, const struct explained_side *s, const struct query_pair *p)
{
    uint32_t kept = kept_of(t, s, p);
    if (kept == TRAFFIC_NONE) {
        return false;
    }
    buf_puts(t->out, "    messages that always pass: ");
    traffic_print(&t->lister, of_family(p->family, kept), t->out);
    buf_putc(t->out, '\n');
    return true;
}

struct near { /* a rule that does not allow it */
    const struct explained_rule *rule;
    unsigned misses;
};

static int miss_order(const void *pa, const void *pb)
{
    const struct near *a = pa, *b = pb;
    if (a->misses != b->misses) {
        return a->misses < b->misses ? -1 : 1;
    }
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

static bool decides_nothing(const struct explained_rule *r, enum family f)
{
    return r->peer_matches[f] && r->decides.of[f] == TRAFFIC_NONE;
}

/* Why a rule that is about the other end does. */
static struct str nothing_decided(struct telling *t, const struct explained_rule *r,
                                  const struct query_pair *p)
{
    struct buf *b = buf_new(t->arena);
    if (r->ports.of[p->family] != TRAFFIC_NONE) {
        buf_puts(b, "only on ");
        traffic_print(&t->lister, of_family(p->family, r->ports.of[p->family]), b);
        buf_puts(b, ", which rules before it decide");
    } else if (r->rule->nnames == 0) {
        buf_printf(b, "on nothing that there is in %s", family_name(p->family));
    } else {
        buf_str(b, p->to);
        for (size_t i = 0; i < r->rule->nnames; i++) {
            const struct port_name *n = &r->rule->names[i];
            buf_printf(b, "%s%s/" STR_FMT, i == 0 ? " names no port " : ", ", proto_name(n->proto),
                       STR_ARG(n->name));
        }
    }
    return buf_text(b);
}

/* Why none of the rules that could allow it does: the nearest misses first. */
static void put_misses(struct telling *t, const struct explained_side *s,
                       const struct query_pair *p)
{
    enum { MOST = 5 };
    struct near *v = ARENA_NEW_ARRAY(t->arena, s->nrules, struct near);
    size_t n = 0;
    for (size_t i = 0; i < s->nrules; i++) {
        if (s->rules[i].rule->action == ACT_ALLOW && !concerns(t, p, s->rules[i].decides)) {
            v[n++] = (struct near){&s->rules[i], s->rules[i].miss[p->family].count};
        }
    }
    array_sort(v, n, sizeof *v, miss_order);
    buf_puts(t->out, n == 0 ? "    no rule allows anything\n" : "    no rule allows it:\n");
    for (size_t i = 0; i < n && i < MOST; i++) {
        const struct explained_rule *r = v[i].rule;
        put_rule(t, r);
        if (decides_nothing(r, p->family)) {
            buf_str(t->out, nothing_decided(t, r, p));
        } else if (r->peer_matches[p->family]) {
            buf_puts(t->out, "only on ");
            traffic_print(&t->lister, of_family(p->family, r->decides.of[p->family]), t->out);
        } else {
            buf_str(t->out, r->miss[p->family].text);
        }
        buf_putc(t->out, '\n');
    }
    if (n > MOST) {
        const size_t more = n - MOST;
        buf_printf(t->out,
                   more == 1 ? "    and %zu rule that misses more\n"
                             : "    and %zu rules that miss more\n",
                   more);
    }
}

static bool isolates(const struct explained_side *s)
{
    for (size_t i = 0; i < s->npolicies; i++) {
        if (s->policies[i]->isolates[s->direction]) {
            return true;
        }
    }
    return false;
}

static void put_side(struct telling *t, const struct explained_side *s, const struct query_pair *p,
                     struct str name)
{
    put_heading(t, s, name);
    if (s->npolicies == 0) {
        return;
    }
    const size_t deciding = put_deciding(t, s, p);
    const bool failsafe = put_failsafe(t, s, p), kept = put_kept(t, s, p);
    if (failsafe || kept || deciding > 0) {
        return;
    }
    if (isolates(s)) {
        put_misses(t, s, p);
    } else {
        buf_puts(t->out, "    no rule decides about it: allowed\n");
    }
}

static void put_chain(struct telling *t, const struct query_pair *p)
{
    const struct explanation *e = world_explain(t->w, t->arena, p->source, p->target);
    put_side(t, &e->side[DIR_EGRESS], p, p->from);
    put_side(t, &e->side[DIR_INGRESS], p, p->to);
}

void query_text(const struct query_answer *a, bool explain, struct buf *out)
{
    struct telling t;
    telling_init(&t, a, out);
    put_sentence(&t);
    if (!explain) {
        return;
    }
    if (a->counter != NULL) {
        put_chain(&t, a->counter);
    }
    if (a->shown != NULL && a->counter != NULL) {
        buf_puts(out, "but ");
        put_pair(&t, a->shown);
        buf_putc(out, '\n');
    }
    if (a->shown != NULL) {
        put_chain(&t, a->shown);
    }
}

/* ---- JSON ---- */

static void json_ports(struct telling *t, enum family f, uint32_t id)
{
    static const struct list_ports nothing;
    struct shown s = shown_of(&t->lister, of_family(f, id));
    uint32_t ports = s.by_family[LIST_BOTH];
    list_json_ports(ports == ID_NONE ? &nothing : &t->lister.ports.v[ports], t->out);
}

static void json_place(struct telling *t, struct span at)
{
    const struct source *s = sources_get(&t->w->ctx->sources, at.file);
    if (at.file != 0 && s != NULL) {
        buf_puts(t->out, ", \"file\": ");
        buf_json_string(t->out, s->path);
        buf_printf(t->out, ", \"line\": %u", at.line);
    }
}

static void json_policy(struct telling *t, const struct npolicy *p)
{
    buf_puts(t->out, "{\"policy\": ");
    buf_json_string(t->out, p->origin->name);
    if (!policy_is_cluster(p->origin)) {
        buf_puts(t->out, ", \"namespace\": ");
        buf_json_string(t->out, policy_home(p));
    }
}

static void json_rule(struct telling *t, const struct explained_rule *r, const struct query_pair *p)
{
    json_policy(t, r->policy);
    buf_printf(t->out, ", \"rule\": %zu, \"action\": \"%s\"", r->rule->index,
               action_name(r->rule->action));
    json_place(t, r->at);
    buf_printf(t->out, ", \"matches\": %s", r->peer_matches[p->family] ? "true" : "false");
    if (r->peer_matches[p->family]) {
        buf_puts(t->out, ", \"decides\": ");
        json_ports(t, p->family, r->decides.of[p->family]);
    }
    const bool nothing = decides_nothing(r, p->family);
    if (nothing || !r->peer_matches[p->family]) {
        buf_puts(t->out, ", \"misses\": ");
        buf_json_string(t->out, nothing ? nothing_decided(t, r, p) : r->miss[p->family].text);
    }
    buf_putc(t->out, '}');
}

static void json_side(struct telling *t, const struct explained_side *s, const struct query_pair *p)
{
    buf_printf(t->out, "{\"isolated\": %s, \"policies\": [", isolates(s) ? "true" : "false");
    for (size_t i = 0; i < s->npolicies; i++) {
        buf_puts(t->out, i > 0 ? ", " : "");
        json_policy(t, s->policies[i]);
        json_place(t, s->policies[i]->origin->at);
        buf_putc(t->out, '}');
    }
    buf_putc(t->out, ']');
    if (s->failsafe.of[p->family] != TRAFFIC_NONE) {
        buf_puts(t->out, ", \"failsafe\": ");
        json_ports(t, p->family, s->failsafe.of[p->family]);
    }
    uint32_t kept = kept_of(t, s, p);
    if (kept != TRAFFIC_NONE) {
        buf_puts(t->out, ", \"kept\": ");
        json_ports(t, p->family, kept);
    }
    buf_puts(t->out, ", \"rules\": [");
    for (size_t i = 0; i < s->nrules; i++) {
        buf_puts(t->out, i > 0 ? ", " : "");
        json_rule(t, &s->rules[i], p);
    }
    buf_puts(t->out, "]}");
}

static void json_pair(struct telling *t, const char *name, const struct query_pair *p, bool explain)
{
    if (p == NULL) {
        return;
    }
    buf_printf(t->out, ",\n  \"%s\": {\"from\": ", name);
    buf_json_string(t->out, p->from);
    buf_puts(t->out, ", \"to\": ");
    buf_json_string(t->out, p->to);
    buf_printf(t->out, ", \"family\": \"%s\", \"allowed\": ", family_name(p->family));
    json_ports(t, p->family, p->allowed);
    buf_puts(t->out, ", \"denied\": ");
    json_ports(t, p->family, p->denied);
    if (explain) {
        const struct explanation *e = world_explain(t->w, t->arena, p->source, p->target);
        for (size_t d = 0; d < DIRECTIONS; d++) {
            buf_printf(t->out, ",\n    \"%s\": ", direction_name((enum direction)d));
            json_side(t, &e->side[d], p);
        }
    }
    buf_putc(t->out, '}');
}

void query_json(const struct query_answer *a, bool explain, struct buf *out)
{
    static const char *const words[] = {
        [QUERY_YES] = "yes", [QUERY_PARTLY] = "partly", [QUERY_NO] = "no"};
    struct telling t;
    telling_init(&t, a, out);
    buf_printf(out,
               "{\"version\": 1, \"answer\": \"%s\", \"pairs\": %zu, \"allowed\": %zu, "
               "\"denied\": %zu",
               words[a->verdict], a->pairs, a->whole, a->nothing);
    json_pair(&t, "example", a->shown, explain);
    json_pair(&t, "counterexample", a->counter, explain);
    buf_puts(out, "}\n");
}
