/*
 * Ports: NPC301 protocol-implied, NPC302 all-ports, NPC305 service-port, NPC306 named-port-unknown,
 * NPC307 named-port-differs, NPC308 endport-support, NPC316 icmp.
 */
#include "analysis/lint_priv.h"

void lint_implied_protocol(struct lint *l, const struct lint_at *at)
{
    if (at->port->implied) {
        struct diag *d = INFO(l, NPC301, at->place, "a port without protocol means TCP");
        HINT(l, d, "write protocol: TCP");
    }
}

void lint_all_ports(struct lint *l, const struct lint_at *at)
{
    if (lint_allows(at) && at->rule->any_port) {
        struct diag *d = INFO(l, NPC302, at->rule->at, "allows every port and protocol");
        HINT(l, d, "name the ports");
    }
}

void lint_port_support(struct lint *l, const struct lint_at *at)
{
    const struct port *p = at->port;
    bool is_range = p->form == PORT_RANGE && p->first < p->last && p->proto <= PROTO_SCTP;
    if (!is_range && p->proto != PROTO_SCTP) {
        return;
    }
    struct str cni = l->o->cni;
    struct diag *d = diag_report(
        &l->c->diags, cni.n > 0 ? SEV_WARNING : SEV_INFO, DIAG_NPC308, at->place,
        is_range ? "port ranges are ignored by some plugins (then only the first port is open)"
                 : "SCTP is ignored or refused by some plugins");
    if (cni.n > 0) {
        HINT(l, d, "make sure that " STR_FMT " enforces it%s", STR_ARG(cni),
             is_range ? ", or list the ports" : "");
    } else {
        HINT(l, d, is_range ? "list the ports, or try it in the cluster" : "try it in the cluster");
    }
}

/* ---- the pods that listen ---- */

/* The workloads whose ports a rule is about: the targets of an ingress rule, the peers of an
 * egress rule. */
static struct id_list listeners(struct lint *l, const struct lint_at *at)
{
    return at->rule->direction == DIR_INGRESS ? lint_targets(l, at->np) : lint_peers(l, at);
}

/* Whether they are all in the input. */
static bool knows_listeners(struct lint *l, const struct lint_at *at)
{
    if (l->is_whole) {
        return true;
    }
    if (at->rule->direction == DIR_INGRESS) {
        return lint_knows(l, at->np->target_ns);
    }
    for (size_t i = 0; i < at->nrule->nclauses; i++) {
        const struct nclause *c = &at->nrule->clauses[i];
        if (c->kind == PEER_PODS && !lint_knows(l, c->ns)) {
            return false;
        }
    }
    return !at->nrule->any_peer;
}

static bool declares(const struct workload *w, enum proto proto, uint16_t number)
{
    for (size_t i = 0; i < w->nports; i++) {
        if (w->ports[i].proto == proto && w->ports[i].number == number) {
            return true;
        }
    }
    return false;
}

/* Which Services lead to which groups. */
static void index_services(struct lint *l)
{
    const struct inventory *inv = &l->p->inv;
    for (uint32_t i = 0; i < inv->services.n; i++) {
        const struct service *s = inv->services.v[i];
        const struct id_vec *there = &l->spaces.v[lint_space(l, s->ns)].groups;
        for (size_t k = 0; k < there->n && lint_spend(l, 1); k++) {
            struct wgroup *g = &l->groups.v[there->v[k]];
            if (service_selects(s, g->example)) {
                vec_push(l->keep, &g->services, i);
            }
        }
    }
    l->services_indexed = true;
}

/* Where a port of a service leads on a workload; 0: nowhere. */
static uint16_t target_of(const struct service_port *p, const struct workload *w)
{
    for (size_t i = 0; p->target == 0 && i < w->nports; i++) {
        if (w->ports[i].proto == p->proto && str_eq(w->ports[i].name, p->target_name)) {
            return w->ports[i].number;
        }
    }
    return p->target;
}

/* What Services with the port of a rule do with it, at the pods that the rule is about. */
struct leads {
    bool fits;                     /* one leads to the same number */
    const struct service *service; /* the first that leads to another one, … */
    uint16_t target;               /* … which this is */
    struct id_vec spaces;          /* where there are such */
};

static void add_leads(struct lint *l, struct leads *out, const struct port *port,
                      const struct service *s, const struct wgroup *g)
{
    for (size_t i = 0; i < s->nports; i++) {
        const struct service_port *p = &s->ports[i];
        bool is_asked = p->port == port->first && p->proto == port->proto;
        uint16_t target = is_asked ? target_of(p, g->example) : 0;
        if (target == port->first) {
            out->fits = true;
        } else if (target != 0) {
            out->target = out->service == NULL ? target : out->target;
            out->service = out->service == NULL ? s : out->service;
            vec_push(l->a, &out->spaces, g->space);
        }
    }
}

static bool has_service_port(const struct inventory *inv, const struct port *port)
{
    for (size_t i = 0; i < inv->services.n; i++) {
        const struct service *s = inv->services.v[i];
        for (size_t k = 0; k < s->nports; k++) {
            if (s->ports[k].port == port->first && s->ports[k].proto == port->proto) {
                return true;
            }
        }
    }
    return false;
}

static struct leads leads_of(struct lint *l, const struct port *port, struct id_list selected)
{
    struct leads out = {0};
    if (!l->services_indexed) {
        index_services(l);
    }
    for (size_t i = 0; i < selected.n; i++) {
        const struct wgroup *g = &l->groups.v[selected.v[i]];
        for (size_t k = 0; k < g->services.n && lint_spend(l, 1); k++) {
            add_leads(l, &out, port, l->p->inv.services.v[g->services.v[k]], g);
        }
    }
    return out;
}

static bool some_declares(const struct lint *l, const struct port *port, struct id_list groups)
{
    for (size_t i = 0; i < groups.n; i++) {
        if (declares(l->groups.v[groups.v[i]].example, port->proto, port->first)) {
            return true;
        }
    }
    return false;
}

/* Whether such Services are in all namespaces of the pods. Else the rule means more than them:
 * 443 of whoever has it, and not the port of the one Service that happens to lead elsewhere. */
static bool are_everywhere(struct lint *l, const struct leads *leads, struct id_list selected)
{
    struct id_vec spaces = {0};
    for (size_t i = 0; i < selected.n; i++) {
        vec_push(l->a, &spaces, l->groups.v[selected.v[i]].space);
    }
    return ids_sort(spaces.v, spaces.n) == ids_sort(leads->spaces.v, leads->spaces.n);
}

void lint_service_port(struct lint *l, const struct lint_at *at)
{
    const struct port *port = at->port;
    const struct inventory *inv = &l->p->inv;
    if (at->nrule == NULL || inv->services.n == 0 || port->form == PORT_NAMED ||
        port->form == PORT_WHOLE || port->first != port->last || port->proto > PROTO_SCTP ||
        (at->nrule->any_peer && at->rule->direction == DIR_EGRESS) ||
        !lint_spend(l, inv->services.n) || !has_service_port(inv, port)) {
        return;
    }
    struct id_list selected = listeners(l, at);
    struct leads leads = leads_of(l, port, selected);
    if (leads.service == NULL || leads.fits || some_declares(l, port, selected) ||
        !knows_listeners(l, at) || !are_everywhere(l, &leads, selected)) {
        return;
    }
    struct diag *d =
        WARN(l, NPC305, at->place,
             "%u is a port of Service " STR_FMT "/" STR_FMT
             "; the pods listen on %u, and policies see the pod port",
             port->first, STR_ARG(leads.service->ns), STR_ARG(leads.service->name), leads.target);
    if (lint_is_npc(l, at->place)) {
        HINT(l, d, "write %s/%u", proto_name(port->proto), leads.target);
    } else {
        HINT(l, d, "write port: %u", leads.target);
    }
}

/* ---- named ports ---- */

static const struct named_port *find_named(const struct workload *w, const struct port *port)
{
    for (size_t i = 0; i < w->nports; i++) {
        if (str_eq(w->ports[i].name, port->name) &&
            (port->proto == PROTO_ANY || w->ports[i].proto == port->proto)) {
            return &w->ports[i];
        }
    }
    return NULL;
}

void lint_named_port(struct lint *l, const struct lint_at *at)
{
    const struct port *port = at->port;
    if (at->nrule == NULL || port->form != PORT_NAMED || !knows_listeners(l, at)) {
        return;
    }
    struct id_list selected = listeners(l, at);
    for (size_t i = 0; i < selected.n && lint_spend(l, 1); i++) {
        if (find_named(l->groups.v[selected.v[i]].example, port) != NULL) {
            return;
        }
    }
    if (selected.n > 0) {
        struct diag *d =
            WARN(l, NPC306, at->place, "no pod of the %s names a port \"" STR_FMT "\"%s",
                 at->rule->direction == DIR_INGRESS ? "target" : "peers", STR_ARG(port->name),
                 port->proto == PROTO_ANY ? "" : " of that protocol");
        HINT(l, d, "write the number");
    }
}

void lint_named_port_differs(struct lint *l, const struct lint_at *at)
{
    const struct port *port = at->port;
    if (at->nrule == NULL || port->form != PORT_NAMED) {
        return;
    }
    struct id_list selected = listeners(l, at);
    const struct named_port *first = NULL;
    uint32_t first_group = 0;
    for (size_t i = 0; i < selected.n && lint_spend(l, 1); i++) {
        const struct named_port *found = find_named(l->groups.v[selected.v[i]].example, port);
        if (found != NULL && first != NULL &&
            (found->number != first->number || found->proto != first->proto)) {
            INFO(l, NPC307, at->place, STR_FMT " is %s/%u on " STR_FMT ", %s/%u on " STR_FMT,
                 STR_ARG(port->name), proto_name(first->proto), first->number,
                 STR_ARG(lint_group_name(l, first_group)), proto_name(found->proto), found->number,
                 STR_ARG(lint_group_name(l, selected.v[i])));
            return;
        }
        first_group = first == NULL ? selected.v[i] : first_group;
        first = first == NULL ? found : first;
    }
}

/* ---- ICMP ---- */

static bool speaks_of_icmp(const struct npolicy *np)
{
    for (size_t i = 0; i < np->nrules[DIR_INGRESS]; i++) {
        const struct nrule *r = &np->rules[DIR_INGRESS][i];
        if (r->any_port || r->ports.keys[PROTO_ICMP].n > 0 || r->ports.keys[PROTO_ICMP6].n > 0) {
            return true;
        }
    }
    return false;
}

/* Once is enough: who reads it knows it of the other policies, too. */
void lint_icmp(struct lint *l, const struct lint_at *at)
{
    (void)at;
    for (size_t i = 0; i < l->npolicies; i++) {
        const struct npolicy *np = l->policies[i];
        if (!policy_is_cluster(np->origin) && np->isolates[DIR_INGRESS] && !speaks_of_icmp(np)) {
            INFO(l, NPC316, np->origin->at,
                 "ping is blocked; neighbour discovery and packet-too-big are kept by npc");
            return;
        }
    }
}
