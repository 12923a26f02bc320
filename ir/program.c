/* The whole program: what only all policies together can show. Knows no input and no output. */
#include "ir/program.h"

#include "ir/priorities.h"

#include <inttypes.h>

void program_init(struct program *p, struct ctx *c)
{
    *p = (struct program){0};
    inventory_init(&p->inv, &c->arena);
}

/* ---- order ---- */

struct slot { /* a policy, and where it stood, so that those of one place keep their order */
    struct policy *policy;
    size_t index;
    const struct sources *sources;
};

static int slot_cmp(const void *pa, const void *pb)
{
    const struct slot *a = pa, *b = pb;
    int order = span_cmp(a->sources, a->policy->at, b->policy->at);
    if (order != 0) {
        return order;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static void sort_policies(struct ctx *c, struct program *p)
{
    struct slot *slots = ARENA_NEW_ARRAY(&c->arena, p->policies.n, struct slot);
    for (size_t i = 0; i < p->policies.n; i++) {
        slots[i] = (struct slot){p->policies.v[i], i, &c->sources};
    }
    array_sort(slots, p->policies.n, sizeof *slots, slot_cmp);
    for (size_t i = 0; i < p->policies.n; i++) {
        p->policies.v[i] = slots[i].policy;
    }
}

/* ---- names ---- */

static const char *const api_words[] = {
    [API_NETWORK_POLICY] = "policy",
    [API_CLUSTER_POLICY] = "cluster policy",
    [API_ADMIN_POLICY] = "admin policy",
    [API_BASELINE_POLICY] = "baseline policy",
};

static bool report_twice(struct ctx *c, const struct policy *first, const struct policy *again,
                         bool equal)
{
    const char *slash = again->ns.n > 0 ? "/" : "";
    struct diag *d = diag_report(
        &c->diags, equal ? SEV_INFO : SEV_ERROR, DIAG_NPC502, again->at,
        "%s " STR_FMT "%s" STR_FMT " is defined twice%s", api_words[again->api], STR_ARG(again->ns),
        slash, STR_ARG(again->name),
        equal ? ", in the same words" : ": the second definition would replace the first");
    diag_also(&c->diags, d, first->at, "first defined here");
    if (!equal) {
        diag_hint(&c->diags, d, "give one of them another name, or leave it out");
    }
    return equal;
}

/* Drops repeats and reports policies that share a name and differ. */
static bool check_names(struct ctx *c, struct program *p)
{
    bool ok = true;
    size_t kept = 0;
    struct strmap by_name;
    strmap_init(&by_name, &c->arena);
    for (size_t i = 0; i < p->policies.n; i++) {
        struct policy *policy = p->policies.v[i];
        /* Neither name can hold a slash. Where a policy without namespace will land nobody knows:
         * it shares its name with others of the kind only. */
        struct str key = str_printf(&c->arena, "%d/" STR_FMT "/" STR_FMT, (int)policy->api,
                                    STR_ARG(policy->ns), STR_ARG(policy->name));
        const struct policy *first = strmap_get(&by_name, key);
        bool is_new = first == NULL;
        if (is_new) {
            strmap_put(&by_name, key, policy);
        } else {
            ok &= report_twice(c, first, policy, policy_equal(first, policy));
        }
        if (is_new) {
            p->policies.v[kept++] = policy;
        }
    }
    p->policies.n = kept;
    return ok;
}

static void note_no_namespace(struct ctx *c, const struct program *p)
{
    for (size_t i = 0; i < p->policies.n && !p->has_default_ns; i++) {
        const struct policy *policy = p->policies.v[i];
        if (policy->ns.n == 0 && !policy_is_cluster(policy)) {
            struct diag *d = diag_info(&c->diags, NPC501, policy->at,
                                       "policy " STR_FMT " has no namespace: it lands wherever "
                                       "kubectl points",
                                       STR_ARG(policy->name));
            diag_hint(&c->diags, d,
                      "npc takes it to be in \"default\"; --namespace says otherwise");
        }
    }
}

/* ---- domain names ---- */

static bool names_domain(const struct rule *r)
{
    for (size_t i = 0; i < r->npeers; i++) {
        if (r->peers[i].kind == PEER_DOMAIN) {
            return true;
        }
    }
    return false;
}

/* The API server takes them in every rule of a cluster policy; what they mean is said for those
 * that allow only. */
static void check_domains(struct ctx *c, const struct program *p)
{
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        for (size_t k = 0; k < policy->nrules[DIR_EGRESS]; k++) {
            const struct rule *r = &policy->rules[DIR_EGRESS][k];
            if (r->action != ACT_ALLOW && names_domain(r)) {
                struct diag *d =
                    diag_warning(&c->diags, NPC064, r->at,
                                 "domain names in a rule that says %s: the API supports "
                                 "them in rules that allow only",
                                 action_name(r->action));
                diag_hint(&c->diags, d,
                          "allow some domains, and deny the rest by a rule behind that");
            }
        }
    }
}

/* ---- limits ---- */

static bool check_rule_limits(struct ctx *c, const struct rule *r)
{
    size_t most = c->limits.per_rule;
    bool too_many_peers = r->npeers > most;
    if (!too_many_peers && r->nports <= most) {
        return true;
    }
    diag_error(&c->diags, NPC003, r->at, "a rule has %zu %s; the limit is %zu",
               too_many_peers ? r->npeers : r->nports, too_many_peers ? "peers" : "ports", most);
    return false;
}

bool program_is_full(const struct ctx *c, const struct program *p)
{
    const struct inventory *inv = &p->inv;
    size_t most = c->limits.workloads;
    return p->policies.n > c->limits.policies || inv->workloads.n > most ||
           inv->namespaces.n > most || inv->nodes.n > most || inv->services.n > most;
}

/* `at` is the first one that is too many; a reader may have left out what came after it. */
static bool check_most(struct ctx *c, size_t n, size_t most, const char *what, struct span at)
{
    if (n > most) {
        diag_error(&c->diags, NPC003, at, "there are more than %zu %s, which is the limit", most,
                   what);
    }
    return n <= most;
}

#define CHECK_MOST(c, list, most, what)                                                            \
    check_most(c, (list).n, most, what, (list).n > (most) ? (list).v[most]->at : (struct span){0})

static bool check_limits(struct ctx *c, const struct program *p)
{
    const struct inventory *inv = &p->inv;
    size_t most = c->limits.workloads;
    bool ok = CHECK_MOST(c, p->policies, c->limits.policies, "policies");
    ok &= CHECK_MOST(c, inv->workloads, most, "workloads");
    ok &= CHECK_MOST(c, inv->namespaces, most, "namespaces");
    ok &= CHECK_MOST(c, inv->nodes, most, "nodes");
    ok &= CHECK_MOST(c, inv->services, most, "services");
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
            for (size_t r = 0; r < policy->nrules[d]; r++) {
                ok &= check_rule_limits(c, &policy->rules[d][r]);
            }
        }
    }
    return ok;
}

/* ---- all together ---- */

/* Whatever names no namespace is where --namespace says. */
static void settle(struct program *p)
{
    for (size_t i = 0; i < p->policies.n; i++) {
        struct policy *policy = p->policies.v[i];
        if (policy->ns.n == 0 && !policy_is_cluster(policy)) {
            policy->ns = p->default_ns;
        }
    }
    for (size_t i = 0; i < p->tests.n; i++) {
        struct test *test = &p->tests.v[i];
        test->ns = test->ns.n > 0 ? test->ns : p->default_ns;
    }
}

static void name_namespaces(struct ctx *c, struct program *p)
{
    for (size_t i = 0; i < p->policies.n; i++) {
        const struct policy *policy = p->policies.v[i];
        if (!policy_is_cluster(policy)) {
            inventory_ns(&p->inv, &c->arena, policy->ns.n > 0 ? policy->ns : p->default_ns);
        }
    }
}

bool program_finish(struct ctx *c, struct program *p)
{
    if (p->has_default_ns) {
        settle(p);
    } else {
        p->default_ns = STR("default");
    }
    sort_policies(c, p);
    bool ok = check_names(c, p);
    ok &= check_limits(c, p);
    note_no_namespace(c, p);
    priorities_check(c, p);
    check_domains(c, p);
    name_namespaces(c, p);
    return inventory_finish(c, &p->inv) && ok;
}
