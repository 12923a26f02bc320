/*
 * networking.k8s.io/v1 NetworkPolicy: decoded, defaulted and validated as the API server does it
 * (pkg/apis/networking/v1/defaults.go, validation/validation.go).
 */
#include "frontend/k8s_object.h"

/* ---- the schema ---- */

struct rule_nodes {
    const struct node *peers, *ports;
};
struct peer_nodes {
    const struct node *pods, *ns, *block;
};
struct block_nodes {
    const struct node *cidr, *except;
};
struct spec_nodes {
    const struct node *pods, *types, *rules[DIRECTIONS];
};

static const struct schema ingress_schema, egress_schema, spec_schema;

static struct str explain_under_peer(struct k8s *k, struct str name, const struct path *p)
{
    (void)p;
    return k8s_is_port_word(name)
               ? str_printf(k->scratch,
                            "\"" STR_FMT "\" under a peer: ports stand beside from or to, one "
                            "level up",
                            STR_ARG(name))
               : STR("");
}

static struct str explain_under_rule(struct k8s *k, struct str name, const struct path *p)
{
    return k8s_is_port_word(name) && !str_eq_nocase(name, STR("ports"))
               ? str_printf(k->scratch,
                            "\"" STR_FMT "\" under " STR_FMT "[%zu]: did you mean ports: [{" STR_FMT
                            ": …}]?",
                            STR_ARG(name), STR_ARG(p->up->name), p->index, STR_ARG(name))
               : STR("");
}

static struct str explain_under_spec(struct k8s *k, struct str name, const struct path *p)
{
    (void)p;
    return k8s_is_port_word(name)
               ? str_printf(k->scratch,
                            "\"" STR_FMT "\" under spec: ports belong to a rule: ingress: "
                            "[{ports: [{port: …}]}]",
                            STR_ARG(name))
               : STR("");
}

static const struct field block_fields[] = {
    {FIELD_OF(block_nodes, "cidr", STRING, cidr)},
    {FIELD_OF(block_nodes, "except", SEQ, except)},
};
static const struct schema block_schema = {SCHEMA_FIELDS(block_fields),
                                           .explain = explain_under_peer};

static const struct field peer_fields[] = {
    {FIELD_OF(peer_nodes, "podSelector", MAP, pods), .below = &selector_schema},
    {FIELD_OF(peer_nodes, "namespaceSelector", MAP, ns), .below = &selector_schema},
    {FIELD_OF(peer_nodes, "ipBlock", MAP, block), .below = &block_schema},
};
/* `up` names one direction for the hint; a wrong word is a wrong word in both. */
static const struct schema peer_schema = {SCHEMA_FIELDS(peer_fields), .up = &ingress_schema,
                                          .explain = explain_under_peer};

static const struct field ingress_fields[] = {
    {FIELD_OF(rule_nodes, "from", SEQ, peers), .below = &peer_schema},
    {FIELD_OF(rule_nodes, "ports", SEQ, ports), .below = &port_schema},
};
static const struct field egress_fields[] = {
    {FIELD_OF(rule_nodes, "to", SEQ, peers), .below = &peer_schema},
    {FIELD_OF(rule_nodes, "ports", SEQ, ports), .below = &port_schema},
};
static const struct schema ingress_schema = {SCHEMA_FIELDS(ingress_fields), .up = &spec_schema,
                                             .explain = explain_under_rule};
static const struct schema egress_schema = {SCHEMA_FIELDS(egress_fields), .up = &spec_schema,
                                            .explain = explain_under_rule};

static const struct field spec_fields[] = {
    {FIELD_OF(spec_nodes, "podSelector", MAP, pods), .below = &selector_schema},
    {FIELD_OF(spec_nodes, "policyTypes", SEQ, types)},
    {FIELD_OF(spec_nodes, "ingress", SEQ, rules[DIR_INGRESS]), .below = &ingress_schema},
    {FIELD_OF(spec_nodes, "egress", SEQ, rules[DIR_EGRESS]), .below = &egress_schema},
};
static const struct schema spec_schema = {SCHEMA_FIELDS(spec_fields),
                                          .explain = explain_under_spec};

static const struct field policy_fields[] = {
    {FIELD_OF(policy_nodes, "apiVersion", ANY, ignored)},
    {FIELD_OF(policy_nodes, "kind", ANY, ignored)},
    {FIELD_OF(policy_nodes, "metadata", MAP, meta), .required = true},
    {FIELD_OF(policy_nodes, "spec", MAP, spec), .below = &spec_schema},
    {FIELD_OF(policy_nodes, "status", SERVER, status)},
};
static const struct schema policy_schema = {SCHEMA_FIELDS(policy_fields)};

/* How the fields of a direction are called. */
static const struct {
    struct str rules, peers, type;
    const struct schema *schema;
} words[DIRECTIONS] = {
    [DIR_INGRESS] = {STR_INIT("ingress"), STR_INIT("from"), STR_INIT("Ingress"), &ingress_schema},
    [DIR_EGRESS] = {STR_INIT("egress"), STR_INIT("to"), STR_INIT("Egress"), &egress_schema},
};

/* ---- ipBlock ---- */

static bool check_except(struct k8s *k, const struct node *n, const struct path *p,
                         const struct peer *peer, struct cidr except)
{
    if (cidr_contains(peer->cidr, except) && except.len > peer->cidr.len) {
        return true;
    }
    k8s_invalid(k, n, p, "be a strict subset of `cidr`");
    return false;
}

/* An ipBlock of which the excepts leave nothing. The API server does not look; but nobody means a
 * peer that is no one. */
static bool check_not_empty(struct k8s *k, const struct node *n, const struct path *p,
                            const struct peer *peer)
{
    struct arena *a = k->scratch;
    struct ip_range *holes = ARENA_NEW_ARRAY(a, peer->nexcept, struct ip_range);
    for (size_t i = 0; i < peer->nexcept; i++) {
        holes[i] = (struct ip_range){peer->except[i].first, cidr_last(peer->except[i])};
    }
    if (!ipset_covers(ipset_of_ranges(a, holes, peer->nexcept), ipset_of_cidr(a, peer->cidr))) {
        return true;
    }
    k8s_error(k, NPC062, n->at, p,
              "Invalid value: […]: the exceptions cover all of " STR_FMT
              ", so that the peer matches "
              "nothing",
              STR_ARG(cidr_text(a, peer->cidr)));
    return false;
}

static bool take_excepts(struct k8s *k, const struct node *list, const struct path *p,
                         struct peer *peer)
{
    struct arena *a = &k->ctx->arena;
    bool ok = true;
    size_t i = 0;
    peer->except = ARENA_NEW_ARRAY(a, list->n, struct cidr);
    peer->except_at = ARENA_NEW_ARRAY(a, list->n, struct span);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(p, i++);
        struct cidr c;
        if (!k8s_cidr(k, n, here, CIDR_CORE, &c) || !check_except(k, n, here, peer, c)) {
            ok = false;
            continue;
        }
        peer->except[peer->nexcept] = c;
        peer->except_at[peer->nexcept++] = n->at;
    }
    return ok && check_not_empty(k, list, p, peer);
}

static bool take_block(struct k8s *k, const struct node *n, const struct path *p, struct peer *peer)
{
    struct block_nodes b = {0};
    if (!k8s_fields(k, n, p, &block_schema, &b)) {
        return false;
    }
    const struct path *here = PATH_FIELD(p, "cidr");
    if (b.cidr == NULL || b.cidr->text.n == 0) {
        k8s_required(k, b.cidr != NULL ? b.cidr->at : n->at, here);
        return false;
    }
    peer->kind = PEER_CIDR;
    if (!k8s_cidr(k, b.cidr, here, CIDR_CORE, &peer->cidr)) {
        return false;
    }
    return b.except == NULL || take_excepts(k, b.except, PATH_FIELD(p, "except"), peer);
}

/* ---- peers ---- */

static bool take_peer(struct k8s *k, const struct node *n, const struct path *p, struct peer *out)
{
    struct peer_nodes nodes = {0};
    *out = (struct peer){.kind = PEER_PODS, .at = n->at};
    if (!k8s_fields(k, n, p, &peer_schema, &nodes)) {
        return false;
    }
    if (nodes.pods == NULL && nodes.ns == NULL && nodes.block == NULL) {
        struct diag *d = k8s_error(k, NPC061, n->at, p, "Required value: must specify a peer");
        k8s_hint(k, d, "a peer is a podSelector, a namespaceSelector, both, or an ipBlock");
        return false;
    }
    if (nodes.block != NULL && (nodes.pods != NULL || nodes.ns != NULL)) {
        struct diag *d = k8s_error(k, NPC064, n->at, p,
                                   "Forbidden: may not specify both ipBlock and another peer");
        k8s_hint(k, d, "make them two peers of the list");
        return false;
    }
    if (nodes.block != NULL) {
        return take_block(k, nodes.block, PATH_FIELD(p, "ipBlock"), out);
    }
    bool ok = true;
    if (nodes.pods != NULL) {
        out->pods = k8s_selector(k, nodes.pods, PATH_FIELD(p, "podSelector"));
        ok &= out->pods != NULL;
    }
    if (nodes.ns != NULL) {
        out->ns = k8s_selector(k, nodes.ns, PATH_FIELD(p, "namespaceSelector"));
        ok &= out->ns != NULL;
    }
    return ok;
}

static void take_peers(struct k8s *k, const struct node *list, const struct path *p,
                       struct rule *out)
{
    out->any_peer = list == NULL || list->n == 0;
    if (out->any_peer) {
        return;
    }
    out->peers = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct peer);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        take_peer(k, n, PATH_INDEX(p, out->npeers), &out->peers[out->npeers]);
        out->npeers++;
    }
}

/* ---- rules ---- */

static void take_ports(struct k8s *k, const struct node *list, const struct path *p,
                       struct rule *out)
{
    out->any_port = list == NULL || list->n == 0;
    if (out->any_port) {
        return;
    }
    out->ports = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct port);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        k8s_policy_port(k, n, PATH_INDEX(p, out->nports), &out->ports[out->nports]);
        out->nports++;
    }
}

static void take_rules(struct k8s *k, const struct node *list, const struct path *p,
                       enum direction d, struct policy *out)
{
    const struct path *rules = PATH_NAME(p, words[d].rules);
    if (list == NULL) {
        return;
    }
    out->rules[d] = ARENA_NEW_ARRAY(&k->ctx->arena, list->n, struct rule);
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(rules, out->nrules[d]);
        struct rule *rule = &out->rules[d][out->nrules[d]++];
        struct rule_nodes nodes = {0};
        *rule = (struct rule){.action = ACT_ALLOW, .direction = d, .at = n->at};
        k8s_fields(k, n, here, words[d].schema, &nodes);
        take_peers(k, nodes.peers, PATH_NAME(here, words[d].peers), rule);
        take_ports(k, nodes.ports, PATH_FIELD(here, "ports"), rule);
    }
}

/* ---- policyTypes ---- */

static void take_types(struct k8s *k, const struct node *list, const struct path *p,
                       struct policy *out)
{
    static const struct str names[] = {STR_INIT("Ingress"), STR_INIT("Egress")};
    if (list->n > DIRECTIONS) {
        k8s_error(k, NPC062, list->at, p,
                  "Invalid value: […]: may not specify more than two policyTypes");
    }
    size_t i = 0;
    for (const struct node *n = list->first; n != NULL; n = n->next) {
        const struct path *here = PATH_INDEX(p, i++);
        if (!k8s_is_type(k, n, here, FIELD_STRING)) {
            continue;
        }
        if (str_eq(n->text, words[DIR_INGRESS].type)) {
            out->isolates[DIR_INGRESS] = true;
        } else if (str_eq(n->text, words[DIR_EGRESS].type)) {
            out->isolates[DIR_EGRESS] = true;
        } else {
            k8s_unsupported(k, n, here, names, DIRECTIONS);
        }
    }
}

static void default_types(struct k8s *k, struct policy *out, struct span at)
{
    out->isolates[DIR_INGRESS] = true;
    out->isolates[DIR_EGRESS] = out->nrules[DIR_EGRESS] > 0;
    k8s_info(k, NPC105, at, PATH_FIELD(NULL, "spec"),
             "policyTypes is missing; the API will use [%s]",
             out->isolates[DIR_EGRESS] ? "Ingress, Egress" : "Ingress");
}

static void note_inert_rules(struct k8s *k, const struct policy *p)
{
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        if (!p->isolates[d] && p->nrules[d] > 0) {
            k8s_info(k, NPC104, p->rules[d][0].at, PATH_FIELD(NULL, "spec"),
                     "%s rules have no effect: this policy leaves %s open", direction_name(d),
                     direction_name(d));
        }
    }
}

/* ---- the policy ---- */

static void take_target(struct k8s *k, const struct node *pods, struct span at,
                        const struct path *p, struct policy *out)
{
    const struct path *here = PATH_FIELD(p, "podSelector");
    if (pods != NULL) {
        out->target_pods = k8s_selector(k, pods, here);
    } else {
        struct selector *all = ARENA_NEW(&k->ctx->arena, struct selector);
        all->at = at;
        out->target_pods = all;
    }
    if (out->target_pods != NULL && out->target_pods->n == 0) {
        k8s_info(k, NPC209, out->target_pods->at, here, "applies to every pod of the namespace");
    }
}

static void take_spec(struct k8s *k, const struct node *spec, struct span at, struct policy *out)
{
    const struct path *p = PATH_FIELD(NULL, "spec");
    struct spec_nodes nodes = {0};
    if (spec != NULL) {
        at = spec->at;
        k8s_fields(k, spec, p, &spec_schema, &nodes);
    }
    take_target(k, nodes.pods, at, p, out);
    for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
        take_rules(k, nodes.rules[d], p, d, out);
    }
    if (nodes.types != NULL && nodes.types->n > 0) {
        take_types(k, nodes.types, PATH_FIELD(p, "policyTypes"), out);
    } else {
        out->ingress_implied = nodes.rules[DIR_INGRESS] == NULL;
        default_types(k, out, nodes.types != NULL ? nodes.types->at : at);
    }
}

void k8s_network_policy(struct k8s *k, const struct node *object)
{
    struct policy_nodes parts = {0};
    struct policy *out = ARENA_NEW(&k->ctx->arena, struct policy);
    out->api = API_NETWORK_POLICY;
    k8s_fields(k, object, NULL, &policy_schema, &parts);
    if (parts.meta != NULL) {
        k8s_policy_meta(k, parts.meta, parts.status, out);
    }
    take_spec(k, parts.spec, object->at, out);
    if (k8s_is_good(k)) {
        note_inert_rules(k, out);
        vec_push(&k->ctx->arena, &k->program->policies, out);
    }
}
