/* Why what flows may flow, for a report: policies, their rules, and which rules open a class to
 * which of its peers. */
#include "analysis/explain.h"
#include "analysis/report_priv.h"

/* ---- policies and rules ---- */

static struct str policy_name(struct arena *a, const struct policy *p)
{
    return p->ns.n > 0 ? str_path(a, p->ns, p->name) : p->name;
}

static struct str policy_kind(struct arena *a, const struct policy *p)
{
    if (!policy_is_cluster(p)) {
        return STR("NetworkPolicy");
    }
    return str_printf(a, "cluster policy, tier " STR_FMT ", priority %u", STR_ARG(p->tier),
                      (unsigned)p->priority);
}

/* The number of rule k of a policy in one direction. */
static uint32_t rule_number(const struct report *r, const struct bpolicy *p, enum direction d,
                            uint32_t k)
{
    const struct binding *b = &r->w->parts->match;
    return p->first_rule[d] + k + (d == DIR_EGRESS ? (uint32_t)b->rules[DIR_INGRESS].n : 0);
}

static void put_rules(struct report *r, enum direction d)
{
    const struct binding *b = &r->w->parts->match;
    for (uint32_t i = 0; i < b->npolicies; i++) {
        const struct bpolicy *p = &b->policies[i];
        for (uint32_t k = 0; k < p->nrules[d]; k++) {
            const struct nrule *rule = b->rules[d].v[p->first_rule[d] + k].rule;
            buf_puts(r->out, rule_number(r, p, d, k) > 0 ? ",\n" : "");
            buf_printf(r->out, "[%lu,%d,%zu,\"%s\",", (unsigned long)i, (int)d, rule->index,
                       action_name(rule->action));
            put_number(r->out, report_line(r, rule->origin->at));
            buf_putc(r->out, ']');
        }
    }
}

void report_policies(struct report *r)
{
    buf_puts(r->out, ",\n\"policies\":[");
    for (size_t i = 0; i < r->w->npolicies; i++) {
        const struct policy *p = r->w->policies[i]->origin;
        buf_puts(r->out, i > 0 ? ",\n[" : "[");
        buf_json_string(r->out, policy_name(r->arena, p));
        buf_putc(r->out, ',');
        buf_json_string(r->out, policy_kind(r->arena, p));
        buf_putc(r->out, ',');
        put_number(r->out, report_line(r, p->at));
        buf_putc(r->out, ']');
    }
    buf_puts(r->out, "],\n\"rules\":[");
    put_rules(r, DIR_INGRESS);
    put_rules(r, DIR_EGRESS);
    buf_putc(r->out, ']');
}

/* ---- what opens a class to its peers ---- */

struct opener {
    struct report *r;
    struct arena scratch;     /* for one profile */
    struct intern sets;       /* openings: rule, ports, rule, ports … */
    struct intern rules;      /* by pointer to its normal form: rule numbers in order … */
    struct id_vec numbers;    /* … and those of the page */
    enum direction direction; /* of the profile at hand */
    uint32_t target;          /* a class that has it */
    struct id_list policies;  /* that decide about it */
    unsigned char *named;     /* by class: some rule names it; all 0 between uses */
};

static void number_rules(struct opener *o, enum direction d)
{
    const struct binding *b = &o->r->w->parts->match;
    for (uint32_t i = 0; i < b->npolicies; i++) {
        const struct bpolicy *p = &b->policies[i];
        for (uint32_t k = 0; k < p->nrules[d]; k++) {
            const struct nrule *rule = b->rules[d].v[p->first_rule[d] + k].rule;
            intern_add(&o->rules, (struct str){(const char *)&rule, sizeof rule});
            vec_push(o->r->arena, &o->numbers, rule_number(o->r, p, d, k));
        }
    }
}

/* The number of the set of rules that open the target to a peer, or the peer to it. */
static uint32_t openings(struct opener *o, uint32_t peer)
{
    struct report *r = o->r;
    const struct explained_side *side =
        world_explain_side(r->w, &o->scratch, o->direction, o->target, peer);
    struct id_vec set = {0};
    for (size_t i = 0; i < side->nrules; i++) {
        const struct explained_rule *e = &side->rules[i];
        if (e->rule->action == ACT_ALLOW && !traffic_is_none(e->decides)) {
            struct str key = {(const char *)&e->rule, sizeof e->rule};
            vec_push(&o->scratch, &set, o->numbers.v[intern_find(&o->rules, key)]);
            vec_push(&o->scratch, &set, report_traffic(r, e->decides));
        }
    }
    return intern_ids(&o->sets, set.v, set.n);
}

static void name_classes(struct opener *o, struct id_list classes, struct id_vec *found)
{
    for (size_t i = 0; i < classes.n; i++) {
        uint32_t c = classes.v[i];
        if (!o->named[c] && o->r->class_of[c] != ID_NONE) {
            o->named[c] = 1;
            vec_push(&o->scratch, found, c);
        }
    }
}

/* The classes of the page about which some rule says something of its own. */
static struct id_vec named_classes(struct opener *o)
{
    const struct world *w = o->r->w;
    const struct binding *b = &w->parts->match;
    struct id_vec found = {0};
    for (size_t i = 0; i < o->policies.n; i++) {
        const struct bpolicy *p = &b->policies[o->policies.v[i]];
        for (uint32_t k = 0; k < p->nrules[o->direction]; k++) {
            uint32_t rule = p->first_rule[o->direction] + k;
            const struct nrule *n = b->rules[o->direction].v[rule].rule;
            for (size_t f = 0; f < FAMILIES && !n->any_peer; f++) {
                struct id_list peers = world_rule_peers(w, (enum family)f, o->direction, rule);
                name_classes(o, peers, &found);
            }
            /* to any peer by the name of a port: a number of each peer's own */
            bool each = n->any_peer && n->nnames > 0 && o->direction == DIR_EGRESS;
            for (uint32_t c = 0; each && c < w->nclasses; c++) {
                name_classes(o, (struct id_list){&c, world_pod_of(w, c) != NULL}, &found);
            }
        }
    }
    found.n = ids_sort(found.v, found.n);
    return found;
}

/* Numbers of classes of the page by the set of rules that opens them. */
struct peers {
    struct intern sets;
    VEC(struct id_vec) classes; /* by number in `sets` */
};

static void add_peer(struct opener *o, struct peers *p, uint32_t set, uint32_t class_id)
{
    uint32_t own = intern_ids(&p->sets, &set, 1);
    if (own == p->classes.n) {
        vec_push(&o->scratch, &p->classes, (struct id_vec){0});
    }
    vec_push(&o->scratch, &p->classes.v[own], o->r->class_of[class_id]);
}

/* Classes that no rule names are opened by the rules for any peer: alike, if they have the same
 * families. */
static void add_unnamed(struct opener *o, struct peers *p)
{
    const struct world *w = o->r->w;
    uint32_t sets[FAMILY_SETS] = {ID_NONE, ID_NONE, ID_NONE, ID_NONE};
    for (uint32_t c = 0; c < w->nclasses; c++) {
        if (!o->named[c] && o->r->class_of[c] != ID_NONE) {
            uint32_t *set = &sets[families_of(&w->classes[c])];
            *set = *set == ID_NONE ? openings(o, c) : *set;
            add_peer(o, p, *set, c);
        }
    }
}

/* The set of the most classes goes without saying. */
static uint32_t most_common(const struct peers *p)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < p->classes.n; i++) {
        best = p->classes.v[i].n > p->classes.v[best].n ? i : best;
    }
    return best;
}

static void put_peers(struct opener *o, const struct id_vec *named)
{
    struct peers p = {0};
    intern_init(&p.sets, &o->scratch);
    add_unnamed(o, &p);
    for (size_t i = 0; i < named->n; i++) {
        add_peer(o, &p, openings(o, named->v[i]), named->v[i]);
        o->named[named->v[i]] = 0;
    }
    uint32_t common = most_common(&p);
    put_number(o->r->out,
               p.classes.n > 0 ? intern_list(&p.sets, common).v[0] : intern_ids(&o->sets, NULL, 0));
    for (uint32_t i = 0; i < p.classes.n; i++) {
        if (i != common) {
            buf_puts(o->r->out, ",[");
            put_number(o->r->out, intern_list(&p.sets, i).v[0]);
            buf_puts(o->r->out, ",[");
            ids_sort(p.classes.v[i].v, p.classes.v[i].n);
            put_runs(o->r->out, p.classes.v[i].v, p.classes.v[i].n);
            buf_puts(o->r->out, "]]");
        }
    }
}

static void put_profile(struct opener *o, enum direction d, uint32_t number, uint32_t target)
{
    const struct world_parts *parts = o->r->w->parts;
    const struct profile *p = &parts->profiles[d].v[number];
    struct id_vec policies = {0};
    for (size_t i = 0; i < p->policies.n; i++) {
        vec_push(&o->scratch, &policies, p->policies.v[i]);
    }
    for (size_t i = 0; i < p->tiers.n; i++) {
        vec_push(&o->scratch, &policies, parts->order.v[p->tiers.v[i]].policy);
    }
    o->direction = d;
    o->target = target;
    o->policies = (struct id_list){policies.v, policies.n};
    buf_puts(o->r->out, "[[");
    for (size_t i = 0; i < policies.n; i++) {
        buf_puts(o->r->out, i > 0 ? "," : "");
        put_number(o->r->out, policies.v[i]);
    }
    buf_puts(o->r->out, p->policies.n > 0 ? "],1," : "],0,");
    const struct id_vec named = named_classes(o);
    put_peers(o, &named);
    buf_putc(o->r->out, ']');
}

static void put_openings(struct report *r, const struct intern *sets)
{
    for (uint32_t i = 0; i < sets->keys.n; i++) {
        struct id_list set = intern_list(sets, i);
        buf_puts(r->out, i > 0 ? ",[" : "[");
        for (size_t k = 0; k < set.n; k += 2) {
            buf_printf(r->out, "%s[%lu,%lu]", k > 0 ? "," : "", (unsigned long)set.v[k],
                       (unsigned long)set.v[k + 1]);
        }
        buf_putc(r->out, ']');
    }
}

void report_profiles(struct report *r)
{
    struct opener *o = ARENA_NEW(r->arena, struct opener);
    o->r = r;
    o->named = ARENA_NEW_ARRAY(r->arena, r->w->nclasses, unsigned char);
    intern_init(&o->sets, r->arena);
    intern_init(&o->rules, r->arena);
    arena_init_scratch(&o->scratch, r->arena);
    number_rules(o, DIR_INGRESS);
    number_rules(o, DIR_EGRESS);
    buf_puts(r->out, ",\n\"profiles\":[");
    for (uint32_t i = 0; i < r->profiles.keys.n; i++) {
        const uint32_t *key = intern_list(&r->profiles, i).v;
        buf_puts(r->out, i > 0 ? ",\n" : "");
        put_profile(o, (enum direction)key[0], key[1], r->targets.v[i]);
        arena_free(&o->scratch);
    }
    buf_puts(r->out, "],\n\"openings\":[");
    put_openings(r, &o->sets);
    buf_putc(r->out, ']');
}
