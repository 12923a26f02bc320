/* Which kinds npc reads, which it must refuse, and which it may pass over. */
#include "frontend/k8s_object.h"

/* ---- kinds that are read ---- */

#define NETWORKING "networking.k8s.io/v1"
#define POLICY_V1  "policy.networking.k8s.io/v1alpha1"
#define POLICY_V2  "policy.networking.k8s.io/v1alpha2"

static const struct k8s_kind kinds[] = {
    {STR_INIT(NETWORKING), STR_INIT("NetworkPolicy"), k8s_network_policy},
    {STR_INIT(POLICY_V2), STR_INIT("ClusterNetworkPolicy"), k8s_cluster_policy},
    {STR_INIT(POLICY_V1), STR_INIT("AdminNetworkPolicy"), k8s_admin_policy},
    {STR_INIT(POLICY_V1), STR_INIT("BaselineAdminNetworkPolicy"), k8s_baseline_policy},
    {STR_INIT("v1"), STR_INIT("Namespace"), k8s_namespace},
    {STR_INIT("v1"), STR_INIT("Node"), k8s_node},
    {STR_INIT("v1"), STR_INIT("Service"), k8s_service},
    {STR_INIT("v1"), STR_INIT("Pod"), k8s_pod},
    {STR_INIT("v1"), STR_INIT("ReplicationController"), k8s_template},
    {STR_INIT("apps/v1"), STR_INIT("Deployment"), k8s_template},
    {STR_INIT("apps/v1"), STR_INIT("StatefulSet"), k8s_template},
    {STR_INIT("apps/v1"), STR_INIT("DaemonSet"), k8s_template},
    {STR_INIT("apps/v1"), STR_INIT("ReplicaSet"), k8s_template},
    {STR_INIT("batch/v1"), STR_INIT("Job"), k8s_template},
    {STR_INIT("batch/v1"), STR_INIT("CronJob"), k8s_cron_job},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct k8s_kind *find_kind(struct str name)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (str_eq(kinds[i].name, name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- kinds that must not be passed over ---- */

/* Groups whose kinds that end in Policy say which packets pass. */
static const struct str policy_groups[] = {STR_INIT("projectcalico.org"), STR_INIT("cilium.io"),
                                           STR_INIT("antrea.io"), STR_INIT("networking.k8s.io")};

static struct str group_of(struct str api_version)
{
    for (size_t i = 0; i < api_version.n; i++) {
        if (api_version.p[i] == '/') {
            return (struct str){api_version.p, i};
        }
    }
    return STR(""); /* the core group */
}

/* Whether a group is `domain` or ends in ".domain". */
static bool is_below(struct str group, struct str domain)
{
    if (group.n < domain.n) {
        return false;
    }
    struct str end = {group.p + group.n - domain.n, domain.n};
    return str_eq_nocase(end, domain) && (group.n == domain.n || end.p[-1] == '.');
}

static bool contains_nocase(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++) {
        if (str_eq_nocase((struct str){s.p + i, part.n}, part)) {
            return true;
        }
    }
    return false;
}

/* The kinds of policy that npc reads, for what is nearly one of them. */
static const struct str policy_names[] = {
    STR_INIT("NetworkPolicy"), STR_INIT("ClusterNetworkPolicy"), STR_INIT("AdminNetworkPolicy"),
    STR_INIT("BaselineAdminNetworkPolicy")};
enum { POLICY_NAMES = sizeof policy_names / sizeof *policy_names };

static bool is_policy_kind(struct str group, struct str kind)
{
    if (contains_nocase(kind, STR("networkpolicy")) ||
        str_nearest(kind, policy_names, POLICY_NAMES).n > 0) {
        return true;
    }
    if (!str_ends(kind, "Policy")) {
        return false;
    }
    for (size_t i = 0; i < sizeof policy_groups / sizeof *policy_groups; i++) {
        if (is_below(group, policy_groups[i])) {
            return true;
        }
    }
    return false;
}

/* ---- which it is ---- */

/* --skip-kind names a kind, or KIND.GROUP as kubectl does. */
static bool is_named(const struct k8s_type *t, struct str name)
{
    struct str kind = t->kind, group = group_of(t->api_version);
    if (name.n <= kind.n || name.p[kind.n] != '.') {
        return str_eq(name, kind);
    }
    struct str rest = {name.p + kind.n + 1, name.n - kind.n - 1};
    return str_eq((struct str){name.p, kind.n}, kind) && str_eq(rest, group);
}

static bool is_skipped(const struct k8s *k, const struct k8s_type *t)
{
    for (size_t i = 0; i < k->options->nskip_kinds; i++) {
        if (is_named(t, k->options->skip_kinds[i])) {
            return true;
        }
    }
    return false;
}

static void suggest_skipping(struct k8s *k, struct diag *d, const struct k8s_type *t)
{
    struct str group = group_of(t->api_version);
    k8s_hint(k, d, "to leave such objects out on purpose: --skip-kind " STR_FMT "%s" STR_FMT,
             STR_ARG(t->kind), group.n > 0 ? "." : "", STR_ARG(group));
}

static void refuse_version(struct k8s *k, const struct k8s_type *t, const struct k8s_kind *known)
{
    const struct path *p = PATH_FIELD(NULL, "apiVersion");
    if (t->api_version.n == 0) {
        struct diag *d = k8s_error(k, NPC067, t->at, p, "Required value: a " STR_FMT " has one",
                                   STR_ARG(t->kind));
        k8s_hint(k, d, "apiVersion: " STR_FMT, STR_ARG(known->api_version));
        return;
    }
    if (str_is(t->api_version, "extensions/v1beta1") && str_is(t->kind, "NetworkPolicy")) {
        struct diag *d =
            k8s_error(k, NPC508, t->api_at, p,
                      "extensions/v1beta1 is no longer served (since Kubernetes 1.16)");
        k8s_hint(k, d, "write apiVersion: " NETWORKING "; the fields are the same");
        return;
    }
    struct diag *d =
        k8s_error(k, NPC067, t->api_at, p,
                  "Unsupported value: \"" STR_FMT "\": npc reads " STR_FMT " of \"" STR_FMT "\"",
                  STR_ARG(t->api_version), STR_ARG(t->kind), STR_ARG(known->api_version));
    suggest_skipping(k, d, t);
}

static void refuse_policy(struct k8s *k, const struct k8s_type *t)
{
    struct diag *d = k8s_error(k, NPC007, t->at, PATH_FIELD(NULL, "kind"),
                               "\"" STR_FMT "\" of \"" STR_FMT "\" may carry policy, and npc does "
                               "not read it",
                               STR_ARG(t->kind), STR_ARG(t->api_version));
    struct str near = str_nearest(t->kind, policy_names, POLICY_NAMES);
    if (near.n > 0 && !str_eq(near, t->kind)) {
        k8s_hint(k, d, "did you mean " STR_FMT "?", STR_ARG(near));
    } else {
        suggest_skipping(k, d, t);
    }
}

const struct k8s_kind *k8s_find_kind(struct k8s *k, const struct k8s_type *t)
{
    const struct k8s_kind *known = find_kind(t->kind);
    const bool is_read = known != NULL && str_eq(known->api_version, t->api_version);
    const bool skip = is_skipped(k, t);
    if (skip && is_read && k->counts->not_skipped++ == 0) {
        k->counts->kept_at = t->at;
    }
    if (is_read) {
        return known;
    }
    if (skip) {
        k->counts->skipped++;
        return NULL;
    }
    bool is_foreign = is_policy_kind(group_of(t->api_version), t->kind) && t->api_version.n > 0 &&
                      !is_below(group_of(t->api_version), STR("k8s.io")) &&
                      !str_is(group_of(t->api_version), "extensions");
    if (known != NULL && !is_foreign) {
        refuse_version(k, t, known);
    } else if (is_policy_kind(group_of(t->api_version), t->kind)) {
        refuse_policy(k, t);
    } else {
        k->counts->skipped++;
    }
    return NULL;
}
