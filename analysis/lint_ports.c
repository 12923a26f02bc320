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
    if (l->o->target != LINT_KUBERNETES || (!is_range && p->proto != PROTO_SCTP)) {
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

static bool declares(const struct workload *w, enum proto proto, uint16_t number)
{
    for (size_t i = 0; i < w->nports; i++) {
        if (w->ports[i].proto == proto && w->ports[i].number == number) {
            return true;
        }
    }
    return false;
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

static bool misses(struct lint *l, const struct lint_at *at, const struct service *s,
                   const struct service_port *p, struct id_list selected)
{
    const struct port *port = at->port;
    if (p->port != port->first || p->proto != port->proto) {
        return false;
    }
    for (size_t i = 0; i < selected.n && lint_spend(l, 1); i++) {
        const struct workload *w = l->groups.v[selected.v[i]].example;
        uint16_t target = service_selects(s, w) ? target_of(p, w) : 0;
        if (target != 0 && target != port->first) {
            struct diag *d =
                WARN(l, NPC305, at->place,
                     "%u is a port of Service " STR_FMT "/" STR_FMT "; the pods listen on %u, and "
                     "policies see the pod port",
                     port->first, STR_ARG(s->ns), STR_ARG(s->name), target);
            HINT(l, d, "write %s/%u", proto_name(port->proto), target);
            return true;
        }
    }
    return false;
}

void lint_service_port(struct lint *l, const struct lint_at *at)
{
    const struct inventory *inv = &l->p->inv;
    const struct port *port = at->port;
    if (at->nrule == NULL || inv->services.n == 0 || port->form == PORT_NAMED ||
        port->form == PORT_WHOLE || port->first != port->last || port->proto > PROTO_SCTP ||
        !lint_spend(l, inv->services.n)) {
        return;
    }
    struct id_list selected = {0};
    bool is_known = false;
    for (size_t i = 0; i < inv->services.n; i++) {
        const struct service *s = inv->services.v[i];
        for (size_t k = 0; k < s->nports; k++) {
            if (s->ports[k].port != port->first || s->ports[k].proto != port->proto) {
                continue;
            }
            selected = is_known ? selected : listeners(l, at);
            for (size_t g = 0; !is_known && g < selected.n; g++) {
                if (declares(l->groups.v[selected.v[g]].example, port->proto, port->first)) {
                    return;
                }
            }
            is_known = true;
            if (misses(l, at, s, &s->ports[k], selected)) {
                return;
            }
        }
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
    if (selected.n > 0 && first == NULL) {
        struct diag *d =
            WARN(l, NPC306, at->place, "no pod of the %s names a port \"" STR_FMT "\"%s",
                 at->rule->direction == DIR_INGRESS ? "target" : "peers", STR_ARG(port->name),
                 port->proto == PROTO_ANY ? "" : " of that protocol");
        HINT(l, d, "write the number");
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
    for (size_t i = 0; l->o->target != LINT_KUBERNETES && i < l->npolicies; i++) {
        const struct npolicy *np = l->policies[i];
        if (!policy_is_cluster(np->origin) && np->isolates[DIR_INGRESS] && !speaks_of_icmp(np)) {
            INFO(l, NPC316, np->origin->at,
                 "ping is blocked; neighbour discovery and packet-too-big are kept by npc");
            return;
        }
    }
}
