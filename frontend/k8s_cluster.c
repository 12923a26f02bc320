/*
 * policy.networking.k8s.io: ClusterNetworkPolicy v1alpha2, and AdminNetworkPolicy and
 * BaselineAdminNetworkPolicy v1alpha1, which are read into cluster policies. Validated by the rules
 * of their CRDs (network-policy-api); fields of the experimental channel are accepted.
 */
#include "frontend/k8s_cluster.h"

#include "base/utf8.h"

enum { PRIORITY_MAX = 1000, RULE_NAME_MAX = 100, NETWORKS_MAX = 25, NETWORK_TEXT_MAX = 43 };

/* ---- schemas ---- */

struct pods_nodes {
    const struct node *pods, *ns;
};
/* In v1alpha2 an absent namespaceSelector is every namespace. */
static const struct field pods_v2_fields[] = {
    {FIELD_OF(pods_nodes, "podSelector", MAP, pods), .required = true, .below = &selector_schema},
    {FIELD_OF(pods_nodes, "namespaceSelector", MAP, ns), .below = &selector_schema},
};
static const struct schema pods_v2_schema = {SCHEMA_FIELDS(pods_v2_fields)};
static const struct field pods_v1_fields[] = {
    {FIELD_OF(pods_nodes, "podSelector", MAP, pods), .required = true, .below = &selector_schema},
    {FIELD_OF(pods_nodes, "namespaceSelector", MAP, ns), .required = true,
     .below = &selector_schema},
};
static const struct schema pods_v1_schema = {SCHEMA_FIELDS(pods_v1_fields)};

struct peer_nodes { /* a subject too */
    const struct node *ns, *pods, *networks, *nodes, *domains;
};
static const struct field egress_peer_fields[] = {
    {FIELD_OF(peer_nodes, "namespaces", MAP, ns), .below = &selector_schema},
    {FIELD_OF(peer_nodes, "pods", MAP, pods), .below = &pods_v2_schema},
    {FIELD_OF(peer_nodes, "networks", SEQ, networks)},
    {FIELD_OF(peer_nodes, "nodes", MAP, nodes), .below = &selector_schema},
    {FIELD_OF(peer_nodes, "domainNames", SEQ, domains)},
};
/* The first fields of the table are those of a subject and of an ingress peer; a baseline policy's
 * egress peer lacks the last. */
static const struct schema subject_schema = {.fields = egress_peer_fields, .n = 2};
static const struct schema ingress_peer_schema = {.fields = egress_peer_fields, .n = 2};
static const struct schema egress_peer_schema = {.fields = egress_peer_fields, .n = 5};
static const struct schema baseline_peer_schema = {.fields = egress_peer_fields, .n = 4};

struct rule_nodes {
    const struct node *name, *action, *peers, *ports;
};
#define RULE_SCHEMA(id, peers_field, peer_schema_, ports_field, port_schema_)                      \
    static const struct field id##_fields[] = {                                                    \
        {FIELD_OF(rule_nodes, "name", STRING, name)},                                              \
        {FIELD_OF(rule_nodes, "action", STRING, action), .required = true},                        \
        {FIELD_OF(rule_nodes, peers_field, SEQ, peers), .required = true, .below = &peer_schema_}, \
        {FIELD_OF(rule_nodes, ports_field, SEQ, ports), .below = &port_schema_},                   \
    };                                                                                             \
    static const struct schema id##_schema = {SCHEMA_FIELDS(id##_fields)}
RULE_SCHEMA(ingress_v2, "from", ingress_peer_schema, "protocols", cluster_protocol_schema);
RULE_SCHEMA(egress_v2, "to", egress_peer_schema, "protocols", cluster_protocol_schema);
RULE_SCHEMA(ingress_v1, "from", ingress_peer_schema, "ports", admin_port_schema);
RULE_SCHEMA(egress_v1, "to", egress_peer_schema, "ports", admin_port_schema);

struct spec_nodes {
    const struct node *tier, *priority, *subject, *rules[DIRECTIONS];
};
#define SPEC_FIELDS(in, out)                                                                       \
    {FIELD_OF(spec_nodes, "subject", MAP, subject), .required = true, .below = &subject_schema},   \
        {FIELD_OF(spec_nodes, "ingress", SEQ, rules[DIR_INGRESS]), .below = &in},                  \
    {                                                                                              \
        FIELD_OF(spec_nodes, "egress", SEQ, rules[DIR_EGRESS]), .below = &out                      \
    }
static const struct field cluster_spec_fields[] = {
    {FIELD_OF(spec_nodes, "tier", STRING, tier), .required = true},
    {FIELD_OF(spec_nodes, "priority", INT, priority), .required = true},
    SPEC_FIELDS(ingress_v2_schema, egress_v2_schema),
};
static const struct schema cluster_spec_schema = {SCHEMA_FIELDS(cluster_spec_fields)};
static const struct field admin_spec_fields[] = {
    {FIELD_OF(spec_nodes, "priority", INT, priority), .required = true},
    SPEC_FIELDS(ingress_v1_schema, egress_v1_schema),
};
static const struct schema admin_spec_schema = {SCHEMA_FIELDS(admin_spec_fields)};
static const struct field baseline_spec_fields[] = {
    SPEC_FIELDS(ingress_v1_schema, egress_v1_schema),
};
static const struct schema baseline_spec_schema = {SCHEMA_FIELDS(baseline_spec_fields)};

#define POLICY_SCHEMA(id, spec_schema_)                                                            \
    static const struct field id##_fields[] = {                                                    \
        {FIELD_OF(policy_nodes, "apiVersion", ANY, ignored)},                                      \
        {FIELD_OF(policy_nodes, "kind", ANY, ignored)},                                            \
        {FIELD_OF(policy_nodes, "metadata", MAP, meta), .required = true},                         \
        {FIELD_OF(policy_nodes, "spec", MAP, spec), .required = true, .below = &spec_schema_},     \
        {FIELD_OF(policy_nodes, "status", SERVER, status)},                                        \
    };                                                                                             \
    static const struct schema id##_schema = {SCHEMA_FIELDS(id##_fields)}
POLICY_SCHEMA(cluster_policy, cluster_spec_schema);
POLICY_SCHEMA(admin_policy, admin_spec_schema);
POLICY_SCHEMA(baseline_policy, baseline_spec_schema);

/* ---- what differs between the three kinds ---- */

struct dialect {
    enum policy_api api;
    size_t most;               /* rules of a direction, peers and ports of a rule */
    const struct str *actions; /* in the order of enum action */
    size_t nactions;
    const struct schema *policy, *spec, *pods;
    const struct schema *rule[DIRECTIONS], *peer[DIRECTIONS];
    struct str ports_field;
    void (*take_port)(struct k8s *k, const struct node *n, const struct path *p, struct rule *out);
    bool cidr_with_names; /* some API server accepts named ports beside networks */
    const char *no_names; /* what the API says if named ports stand beside the wrong peers */
};

static const struct str cluster_actions[] = {STR_INIT("Accept"), STR_INIT("Deny"),
                                             STR_INIT("Pass")};
static const struct str admin_actions[] = {STR_INIT("Allow"), STR_INIT("Deny"), STR_INIT("Pass")};

#define NO_NAMES(peers)                                                                            \
    peers " peer cannot be set with namedPorts since there are no namedPorts for " peers

static const struct dialect cluster_dialect = {
    .api = API_CLUSTER_POLICY,
    .most = 25,
    .actions = cluster_actions,
    .nactions = 3,
    .policy = &cluster_policy_schema,
    .spec = &cluster_spec_schema,
    .pods = &pods_v2_schema,
    .rule = {&ingress_v2_schema, &egress_v2_schema},
    .peer = {&ingress_peer_schema, &egress_peer_schema},
    .ports_field = STR_INIT("protocols"),
    .take_port = cluster_protocol,
    .cidr_with_names = true, /* the standard channel does, the experimental one does not */
    .no_names = NO_NAMES("networks/nodes/domainNames"),
};
static const struct dialect admin_dialect = {
    .api = API_ADMIN_POLICY,
    .most = 100,
    .actions = admin_actions,
    .nactions = 3,
    .policy = &admin_policy_schema,
    .spec = &admin_spec_schema,
    .pods = &pods_v1_schema,
    .rule = {&ingress_v1_schema, &egress_v1_schema},
    .peer = {&ingress_peer_schema, &egress_peer_schema},
    .ports_field = STR_INIT("ports"),
    .take_port = admin_port,
    .no_names = NO_NAMES("networks/nodes/domainNames"),
};
static const struct dialect baseline_dialect = {
    .api = API_BASELINE_POLICY,
    .most = 100,
    .actions = admin_actions,
    .nactions = 2,
    .policy = &baseline_policy_schema,
    .spec = &baseline_spec_schema,
    .pods = &pods_v1_schema,
    .rule = {&ingress_v1_schema, &egress_v1_schema},
    .peer = {&ingress_peer_schema, &baseline_peer_schema},
    .ports_field = STR_INIT("ports"),
    .take_port = admin_port,
    .no_names = NO_NAMES("networks/nodes"),
};

static const struct str rules_fields[] = {STR_INIT("ingress"), STR_INIT("egress")};
static const struct str peers_fields[] = {STR_INIT("from"), STR_INIT("to")};

/* ---- subjects and peers of pods ---- */

/* {podSelector: …, namespaceSelector: …} */
static void take_pods(struct k8s *k, const struct node *n, const struct path *p,
                      const struct dialect *d, const struct selector **ns,
                      const struct selector **pods)
{
    struct pods_nodes nodes = {0};
    k8s_fields(k, n, p, d->pods, &nodes);
    if (nodes.pods != NULL) {
        *pods = k8s_selector(k, nodes.pods, PATH_FIELD(p, "podSelector"));
    }
    if (nodes.ns != NULL) {
        *ns = k8s_selector(k, nodes.ns, PATH_FIELD(p, "namespaceSelector"));
    } else {
        struct selector *every = ARENA_NEW(&k->ctx->arena, struct selector);
        every->at = n->at;
        *ns = every;
    }
}

static void take_subject(struct k8s *k, const struct node *n, const struct path *p,
                         const struct dialect *d, struct policy *out)
{
    struct peer_nodes nodes = {0};
    if (!k8s_fields(k, n, p, &subject_schema, &nodes) ||
        !k8s_one_of(k, n, p, &subject_schema, &nodes)) {
        return;
    }
    if (nodes.ns != NULL) {
        out->target_ns = k8s_selector(k, nodes.ns, PATH_FIELD(p, "namespaces"));
    } else {
        take_pods(k, nodes.pods, PATH_FIELD(p, "pods"), d, &out->target_ns, &out->target_pods);
    }
}

/* ---- other peers ---- */

struct peers { /* grows: one list of networks is several peers */
    VEC(struct peer) list;
    bool has_cidr, has_nodes, has_domain;
};

static bool check_length(struct k8s *k, const struct node *list, const struct path *p, size_t most)
{
    if (list->n == 0) {
        k8s_error(k, NPC062, list->at, p, "Invalid value: []: should have at least 1 items");
        return false;
    }
    return k8s_check_count(k, list, p, most);
}

/* Lists of strings that the CRD calls sets. */
static bool check_unique(struct k8s *k, const struct node *list, const struct node *n,
                         const struct path *p)
{
    for (const struct node *before = list->first; before != n; before = before->next) {
        if (before->kind == NODE_SCALAR && str_eq(before->text, n->text)) {
            struct diag *d = k8s_error(k, NPC066, n->at, p, "Duplicate value: \"" STR_FMT "\"",
                                       STR_ARG(n->text));
            diag_also(&k->ctx->diags, d, before->at, "it stands here first");
            return false;
        }
    }
    return true;
}

static void take_networks(struct k8s *k, const struct node *list, const struct path *p,
                          struct peers *out)
{
    size_t i = 0;
    out->has_cidr = true;
    if (!check_length(k, list, p, NETWORKS_MAX)) {
        return;
    }
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(p, i++);
        struct peer peer = {.kind = PEER_CIDR, .at = n->at};
        if (!k8s_is_type(k, n, here, FIELD_STRING)) {
            continue;
        }
        if (n->text.n > NETWORK_TEXT_MAX) {
            k8s_error(k, NPC065, n->at, here, "Too long: may not be more than %d bytes",
                      NETWORK_TEXT_MAX);
        } else if (check_unique(k, list, n, here) && k8s_cidr(k, n, here, CIDR_CEL, &peer.cidr)) {
            vec_push(&k->ctx->arena, &out->list, peer);
        }
    }
}

static void take_domains(struct k8s *k, const struct node *list, const struct path *p,
                         struct peers *out)
{
    size_t i = 0;
    out->has_domain = true;
    if (!check_length(k, list, p, NETWORKS_MAX)) {
        return;
    }
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(p, i++);
        if (!k8s_is_type(k, n, here, FIELD_STRING) || !check_unique(k, list, n, here)) {
            continue;
        }
        const char *wrong = name_check_domain(n->text);
        if (wrong != NULL) {
            k8s_invalid(k, n, here, wrong);
            continue;
        }
        struct peer peer = {.kind = PEER_DOMAIN, .domain = k8s_keep(k, n->text), .at = n->at};
        vec_push(&k->ctx->arena, &out->list, peer);
    }
}

static void take_peer(struct k8s *k, const struct node *n, const struct path *p,
                      const struct dialect *d, enum direction dir, struct peers *out)
{
    struct peer_nodes nodes = {0};
    if (!k8s_fields(k, n, p, d->peer[dir], &nodes) || !k8s_one_of(k, n, p, d->peer[dir], &nodes)) {
        return;
    }
    if (nodes.networks != NULL) {
        take_networks(k, nodes.networks, PATH_FIELD(p, "networks"), out);
        return;
    }
    if (nodes.domains != NULL) {
        take_domains(k, nodes.domains, PATH_FIELD(p, "domainNames"), out);
        return;
    }
    struct peer peer = {.kind = PEER_PODS, .at = n->at};
    if (nodes.ns != NULL) {
        peer.ns = k8s_selector(k, nodes.ns, PATH_FIELD(p, "namespaces"));
    } else if (nodes.pods != NULL) {
        take_pods(k, nodes.pods, PATH_FIELD(p, "pods"), d, &peer.ns, &peer.pods);
    } else {
        peer.kind = PEER_NODES;
        peer.nodes = k8s_selector(k, nodes.nodes, PATH_FIELD(p, "nodes"));
        out->has_nodes = true;
    }
    vec_push(&k->ctx->arena, &out->list, peer);
}

/* ---- rules ---- */

static void take_action(struct k8s *k, const struct node *n, const struct path *p,
                        const struct dialect *d, struct rule *out)
{
    for (size_t i = 0; i < d->nactions; i++) {
        if (str_eq(d->actions[i], n->text)) {
            out->action = (enum action)i;
            return;
        }
    }
    k8s_unsupported(k, n, p, d->actions, d->nactions);
}

static void take_rule_name(struct k8s *k, const struct node *n, const struct path *p,
                           struct rule *out)
{
    if (utf8_length(n->text) > RULE_NAME_MAX) {
        k8s_error(k, NPC065, n->at, p, "Too long: may not be more than %d characters",
                  RULE_NAME_MAX);
    }
    out->name = k8s_keep(k, n->text);
}

static bool has_named_port(const struct rule *r)
{
    for (size_t i = 0; i < r->nports; i++) {
        if (r->ports[i].form == PORT_NAMED) {
            return true;
        }
    }
    return false;
}

/* Only pods name their ports. */
static void check_names(struct k8s *k, const struct node *n, const struct path *p,
                        const struct dialect *d, const struct peers *peers, const struct rule *r)
{
    bool nameless =
        peers->has_nodes || peers->has_domain || (peers->has_cidr && !d->cidr_with_names);
    if (nameless && has_named_port(r)) {
        k8s_error(k, NPC064, n->at, p, "Invalid value: {…}: %s", d->no_names);
    }
}

static void take_peers(struct k8s *k, const struct node *list, const struct path *p,
                       const struct dialect *d, struct peers *peers, struct rule *out)
{
    if (!check_length(k, list, p, d->most)) {
        return;
    }
    size_t i = 0;
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        take_peer(k, n, PATH_INDEX(p, i++), d, out->direction, peers);
    }
    out->peers = peers->list.v;
    out->npeers = peers->list.n;
}

static void take_ports(struct k8s *k, const struct node *list, const struct path *p,
                       const struct dialect *d, struct rule *out)
{
    out->any_port = list == NULL;
    if (list == NULL || !check_length(k, list, p, d->most)) {
        return;
    }
    size_t i = 0;
    out->ports = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct port);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        d->take_port(k, n, PATH_INDEX(p, i++), out);
    }
}

/* False: the rule matches nothing (its ports were left out, with a warning). */
static bool take_rule(struct k8s *k, const struct node *n, const struct path *p,
                      const struct dialect *d, struct rule *out)
{
    struct rule_nodes nodes = {0};
    struct peers peers = {0};
    k8s_fields(k, n, p, d->rule[out->direction], &nodes);
    if (nodes.name != NULL) {
        take_rule_name(k, nodes.name, PATH_FIELD(p, "name"), out);
    }
    if (nodes.action != NULL) {
        take_action(k, nodes.action, PATH_FIELD(p, "action"), d, out);
    }
    if (nodes.peers != NULL) {
        take_peers(k, nodes.peers, PATH_NAME(p, peers_fields[out->direction]), d, &peers, out);
    }
    take_ports(k, nodes.ports, PATH_NAME(p, d->ports_field), d, out);
    check_names(k, n, p, d, &peers, out);
    return out->any_port || out->nports > 0;
}

static void take_rules(struct k8s *k, const struct node *list, const struct path *p,
                       const struct dialect *d, enum direction dir, struct policy *out)
{
    const struct path *rules = PATH_NAME(p, rules_fields[dir]);
    if (list == NULL || !k8s_check_count(k, list, rules, d->most)) {
        return;
    }
    size_t i = 0;
    out->rules[dir] = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct rule);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        struct rule rule = {.direction = dir, .at = n->at};
        if (take_rule(k, n, PATH_INDEX(rules, i++), d, &rule)) {
            out->rules[dir][out->nrules[dir]++] = rule;
        }
    }
}

/* ---- policies ---- */

static void take_tier(struct k8s *k, const struct node *n, const struct path *p, struct policy *out)
{
    static const struct str tiers[] = {STR_INIT("Admin"), STR_INIT("Baseline")};
    if (str_eq(n->text, tiers[0])) {
        out->tier = STR("admin");
    } else if (str_eq(n->text, tiers[1])) {
        out->tier = STR("baseline");
    } else {
        k8s_unsupported(k, n, p, tiers, 2);
    }
}

static void take_spec(struct k8s *k, const struct node *spec, const struct dialect *d,
                      struct policy *out)
{
    const struct path *p = PATH_FIELD(NULL, "spec");
    struct spec_nodes nodes = {0};
    k8s_fields(k, spec, p, d->spec, &nodes);
    if (nodes.tier != NULL) {
        take_tier(k, nodes.tier, PATH_FIELD(p, "tier"), out);
    }
    if (nodes.priority != NULL) {
        k8s_number(k, nodes.priority, PATH_FIELD(p, "priority"), 0, PRIORITY_MAX, &out->priority);
    }
    if (nodes.subject != NULL) {
        take_subject(k, nodes.subject, PATH_FIELD(p, "subject"), d, out);
    }
    for (enum direction dir = DIR_INGRESS; dir <= DIR_EGRESS; dir++) {
        take_rules(k, nodes.rules[dir], p, d, dir, out);
    }
}

static void read_policy(struct k8s *k, const struct node *object, const struct dialect *d,
                        struct str tier)
{
    struct policy_nodes parts = {0};
    struct policy *out = ARENA_NEW(&k->ctx->arena, struct policy);
    out->api = d->api;
    out->tier = tier;
    k8s_fields(k, object, NULL, d->policy, &parts);
    if (parts.meta != NULL) {
        k8s_policy_meta(k, parts.meta, parts.status, out);
    }
    if (parts.spec != NULL) {
        take_spec(k, parts.spec, d, out);
    }
    if (d->api == API_BASELINE_POLICY && out->name.n > 0 && !str_is(out->name, "default")) {
        k8s_error(k, NPC062, out->at, NULL,
                  "Invalid value: \"" STR_FMT "\": Only one baseline admin network policy with "
                  "metadata.name=\"default\" can be created in the cluster",
                  STR_ARG(out->name));
    }
    if (k8s_is_good(k)) {
        vec_push(&k->ctx->arena, &k->program->policies, out);
    }
}

static void note_old_api(struct k8s *k, const struct node *object)
{
    k8s_info(k, NPC508, object->at, PATH_FIELD(NULL, "apiVersion"),
             STR_FMT " v1alpha1 has given way to ClusterNetworkPolicy v1alpha2, which npc writes",
             STR_ARG(k->kind));
}

void k8s_cluster_policy(struct k8s *k, const struct node *object)
{
    read_policy(k, object, &cluster_dialect, STR(""));
}

void k8s_admin_policy(struct k8s *k, const struct node *object)
{
    note_old_api(k, object);
    read_policy(k, object, &admin_dialect, STR("admin"));
}

void k8s_baseline_policy(struct k8s *k, const struct node *object)
{
    note_old_api(k, object);
    read_policy(k, object, &baseline_dialect, STR("baseline"));
}
