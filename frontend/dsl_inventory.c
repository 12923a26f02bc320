/* What runs, as far as npc source says it: workloads, nodes, labels of namespaces; and tiers. */
#include "frontend/dsl_resolve.h"

#include <string.h>

/* ---- properties of workloads and nodes ---- */

struct props {
    struct label_list labels;
    VEC(struct address) addrs;
    VEC(struct named_port) ports;
    struct strmap port_names;
};

static bool add_addresses(struct resolver *r, struct props *to, const struct ast_set *set)
{
    bool fine = true;
    for (const struct ast_elem *e = set->first; e != NULL; e = e->next) {
        struct address address;
        if (parse_address(r, &e->word, &address)) {
            vec_push(r->a, &to->addrs, address);
        } else {
            fine = false;
        }
    }
    return fine;
}

static bool add_port(struct resolver *r, struct props *to, struct ast_item *item)
{
    struct port port;
    bool fine = check_name(r, &item->name, "the port name", name_check_port);
    if (!parse_port(r, &item->value, &port)) {
        return false;
    }
    bool has_number = port.form == PORT_ONE && port.proto <= PROTO_SCTP;
    if (!has_number) {
        struct diag *d =
            FAIL(r, NPC023, item->value.loc.at, "'" STR_FMT "' is not one port of TCP, UDP or SCTP",
                 STR_ARG(item->value.text));
        HINT(r, d, "write: port " STR_FMT " = tcp/8080", STR_ARG(item->name.text));
    }
    /* Kubernetes takes a name once for each protocol. */
    struct str key =
        str_printf(r->a, "%s/" STR_FMT, proto_name(port.proto), STR_ARG(item->name.text));
    const struct ast_item *first = strmap_put(&to->port_names, key, item);
    if (first != NULL) {
        struct diag *d = FAIL(r, NPC031, item->loc.at, "the port '" STR_FMT "' is given twice",
                              STR_ARG(item->name.text));
        ALSO(r, d, first->loc.at, "first given here");
    }
    const struct named_port named = {item->name.text, port.proto, port.first};
    vec_push(r->a, &to->ports, named);
    return fine && has_number && first == NULL;
}

static bool read_props(struct resolver *r, const struct ast_item *item, struct props *to)
{
    bool fine = true;
    strmap_init(&to->port_names, r->a);
    for (struct ast_item *i = item->body.list.first; i != NULL; i = i->next) {
        if (i->kind == ITEM_ADDR) {
            fine &= add_addresses(r, to, i->left);
        } else if (i->kind == ITEM_LABEL) {
            fine &= add_label(r, &to->labels, i, false);
        } else {
            fine &= add_port(r, to, i);
        }
    }
    return fine;
}

/* ---- workloads and nodes ---- */

static void resolve_workload(struct resolver *r, const struct decl *d)
{
    const struct ast_item *item = d->item;
    struct props props = {0};
    bool fine = check_name(r, &item->name, "the workload", name_check_subdomain);
    fine &= read_props(r, item, &props);
    if (!fine) {
        return;
    }
    if (r->p->inv.workloads.n >= r->c->limits.workloads) {
        FAIL(r, NPC003, item->name.loc.at, "more than %zu workloads, which is the limit",
             r->c->limits.workloads);
        return;
    }
    struct workload *w = ARENA_NEW(r->a, struct workload);
    *w = (struct workload){.kind = WL_WORKLOAD,
                           .ns = d->ns.n > 0 ? d->ns : default_ns(r),
                           .name = item->name.text,
                           .labels = labels_of(&props.labels),
                           .addrs = props.addrs.v,
                           .naddrs = props.addrs.n,
                           .ports = props.ports.v,
                           .nports = props.ports.n,
                           .homeless = d->ns.n == 0 && !r->o->has_default_ns,
                           .at = item->name.loc.at};
    labels_sort(&w->labels);
    inventory_ns(&r->p->inv, r->a, w->ns);
    vec_push(r->a, &r->p->inv.workloads, w);
}

static void resolve_node(struct resolver *r, const struct decl *d)
{
    const struct ast_item *item = d->item;
    struct props props = {0};
    bool fine = check_name(r, &item->name, "the node", name_check_subdomain);
    fine &= read_props(r, item, &props);
    if (props.ports.n > 0) {
        FAIL(r, NPC041, item->name.loc.at, "the node '" STR_FMT "' has a port; only workloads have",
             STR_ARG(item->name.text));
        return;
    }
    if (!fine) {
        return;
    }
    struct node_object *n = ARENA_NEW(r->a, struct node_object);
    *n = (struct node_object){.name = item->name.text,
                              .labels = labels_of(&props.labels),
                              .addrs = props.addrs.v,
                              .naddrs = props.addrs.n,
                              .at = item->name.loc.at};
    labels_sort(&n->labels);
    vec_push(r->a, &r->p->inv.nodes, n);
}

/* ---- labels of namespaces ---- */

static void add_ns_label(struct resolver *r, struct ns_object *ns, struct label label)
{
    const struct label *first = labels_find(&ns->labels, label.key);
    if (first == NULL) {
        struct labels *l = &ns->labels;
        if ((l->n & (l->n - 1)) == 0) { /* the room is the next power of two */
            struct label *all = ARENA_NEW_ARRAY(r->a, 2 * l->n, struct label);
            memcpy(all, l->v, l->n * sizeof *all);
            l->v = all;
        }
        l->v[l->n++] = label;
    } else if (!str_eq(first->value, label.value)) {
        struct diag *d = FAIL(r, NPC068, label.at,
                              "the namespace '" STR_FMT "' has the label '" STR_FMT
                              "' with another value, '" STR_FMT "'",
                              STR_ARG(ns->name), STR_ARG(label.key), STR_ARG(first->value));
        if (first->at.line > 0) {
            ALSO(r, d, first->at, "given here");
        }
    }
}

static void resolve_ns_label(struct resolver *r, const struct decl *d)
{
    struct label_list one = {0};
    if (!add_label(r, &one, d->item, false)) {
        return;
    }
    struct ns_object *ns = inventory_ns(&r->p->inv, r->a, d->ns);
    ns->declared = true;
    if (ns->at.line == 0) {
        ns->at = d->item->loc.at;
    }
    add_ns_label(r, ns, one.list.v[0]);
}

void inventory_resolve(struct resolver *r)
{
    for
        EACH_DECL(r, d, ITEM_LABEL)
        {
            resolve_ns_label(r, d);
        }
    for (size_t i = 0; i < r->p->inv.namespaces.n; i++) {
        labels_sort(&r->p->inv.namespaces.v[i]->labels);
    }
    for
        EACH_DECL(r, d, ITEM_WORKLOAD)
        {
            resolve_workload(r, d);
        }
    for
        EACH_DECL(r, d, ITEM_NODE)
        {
            resolve_node(r, d);
        }
}

/* ---- tiers ---- */

void tiers_resolve(struct resolver *r)
{
    strmap_init(&r->tiers, r->a);
    for
        EACH_DECL(r, d, ITEM_TIER)
        {
            const struct ast_word *name = &d->item->name;
            struct tier tier = {.name = name->text, .at = name->loc.at};
            bool fine = check_name(r, name, "the tier", name_check_dns_label);
            fine &= parse_number(r, &d->item->value, "the order", UINT32_MAX, &tier.order);
            struct ast_word *first = strmap_get(&r->tiers, name->text);
            if (first != NULL || str_is(name->text, "admin") || str_is(name->text, "baseline")) {
                struct diag *rec =
                    FAIL(r, NPC031, name->loc.at, "the tier '" STR_FMT "' %s", STR_ARG(name->text),
                         first != NULL ? "is defined twice" : "is always there");
                if (first != NULL) {
                    ALSO(r, rec, first->loc.at, "first defined here");
                }
                continue;
            }
            struct ast_word *kept = ARENA_NEW(r->a, struct ast_word);
            *kept = *name;
            strmap_put(&r->tiers, name->text, kept);
            if (fine) {
                vec_push(r->a, &r->p->tiers, tier);
            }
        }
}
