/*
 * The phrases of the npc language, from the faithful IR: selectors, peers, ports. Statements and
 * blocks are npc.c's.
 */
#include "backends/npc_phrases.h"

/* ---- selectors ---- */

static void put_words(struct npc_writer *w, const struct str *words, size_t n)
{
    npc_open(w);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            npc_next(w);
        }
        npc_word(w, words[i]);
    }
    npc_close(w);
}

static void put_req(struct npc_writer *w, const struct sel_req *req)
{
    npc_word(w, req->key);
    switch (req->op) {
    case SEL_EQ:
        npc_put(w, "=");
        npc_word(w, req->values[0]);
        break;
    case SEL_IN:
        npc_put(w, " in ");
        put_words(w, req->values, req->nvalues);
        break;
    case SEL_NOTIN:
        npc_put(w, " notin ");
        put_words(w, req->values, req->nvalues);
        break;
    case SEL_EXISTS:
        npc_put(w, " exists");
        break;
    case SEL_ABSENT:
        npc_put(w, " !exists");
        break;
    }
}

static void put_selector(struct npc_writer *w, const struct selector *s)
{
    for (size_t i = 0; i < s->n; i++) {
        npc_put(w, i > 0 ? " & " : "");
        put_req(w, &s->v[i]);
    }
}

/* The requirement that `namespace NAME` and `namespace {…}` stand for, if the selector is just that
 * and its values can be names: a label value need not be one. */
static const struct sel_req *ns_by_name(const struct selector *s)
{
    const struct sel_req *req = selector_ns_names(s);
    for (size_t i = 0; req != NULL && i < req->nvalues; i++) {
        if (name_check_dns_label(req->values[i]) != NULL) {
            return NULL;
        }
    }
    return req;
}

void npc_put_namespaces(struct npc_writer *w, const struct selector *s)
{
    const struct sel_req *by_name = ns_by_name(s);
    if (s->n == 0) {
        npc_put(w, "all namespaces");
    } else if (by_name == NULL) {
        npc_put(w, "namespaces ");
        put_selector(w, s);
    } else if (by_name->op == SEL_EQ) {
        npc_put(w, "namespace ");
        npc_word(w, by_name->values[0]);
    } else {
        npc_put(w, "namespace ");
        put_words(w, by_name->values, by_name->nvalues);
    }
}

void npc_put_pods(struct npc_writer *w, const struct selector *pods)
{
    npc_put(w, pods->n == 0 ? "all pods" : "pods ");
    put_selector(w, pods);
}

/* ---- peers and ports ---- */

static void put_cidr(struct npc_writer *w, const struct peer *peer)
{
    struct arena *a = w->line->arena;
    npc_put(w, "cidr ");
    npc_put_str(w, cidr_text(a, peer->cidr));
    if (peer->nexcept == 0) {
        return;
    }
    npc_put(w, " except ");
    npc_open(w);
    for (size_t i = 0; i < peer->nexcept; i++) {
        if (i > 0) {
            npc_next(w);
        }
        npc_put_str(w, cidr_text(a, peer->except[i]));
    }
    npc_close(w);
}

static void put_peer(struct npc_writer *w, const struct peer *peer)
{
    switch (peer->kind) {
    case PEER_PODS:
        if (peer->pods == NULL) {
            npc_put_namespaces(w, peer->ns);
            break;
        }
        npc_put_pods(w, peer->pods);
        if (peer->ns != NULL) {
            npc_put(w, " in ");
            npc_put_namespaces(w, peer->ns);
        } else if (peer->pods->n == 0) {
            npc_put(w, " in this namespace");
        }
        break;
    case PEER_CIDR:
        put_cidr(w, peer);
        break;
    case PEER_NODES:
        npc_put(w, peer->nodes->n == 0 ? "all nodes" : "nodes ");
        put_selector(w, peer->nodes);
        break;
    case PEER_DOMAIN:
        npc_put(w, "domain ");
        npc_string(w, peer->domain);
        break;
    }
}

void npc_put_peers(struct npc_writer *w, bool any, const struct peer *peers, size_t n)
{
    if (any) {
        npc_put(w, "anywhere");
        return;
    }
    if (n == 1) {
        put_peer(w, peers);
        return;
    }
    npc_open(w);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            npc_next(w);
        }
        put_peer(w, &peers[i]);
    }
    npc_close(w);
}

static void put_icmp(struct npc_writer *w, const struct port *port)
{
    npc_put_u64(w, port->first >> 8);
    if (port->form == PORT_ONE) {
        npc_put(w, ".");
        npc_put_u64(w, port->first & 0xff);
    }
}

/* ---- port names that read as numbers ----
 *
 * Kubernetes takes 0x50 and 1e3 for names of ports. The language wants them in quotes, because some
 * program would take them for numbers.
 */

static bool all_digits(struct str s, bool hex)
{
    for (size_t i = 0; i < s.n; i++) {
        bool hex_letter = hex && s.p[i] >= 'a' && s.p[i] <= 'f';
        if (!ch_is_digit((unsigned char)s.p[i]) && !hex_letter) {
            return false;
        }
    }
    return s.n > 0;
}

/* The two parts around the first such character; false if there is none. */
static bool cut_at(struct str s, char c, struct str *before, struct str *behind)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == c) {
            *before = (struct str){s.p, i};
            *behind = (struct str){s.p + i + 1, s.n - i - 1};
            return true;
        }
    }
    return false;
}

/* 80, 0x50, 0o17, 0b1, 1e3: names of ports are lower case. */
static bool reads_as_number(struct str s)
{
    struct str before, behind;
    if (str_starts(s, "0x") || str_starts(s, "0o") || str_starts(s, "0b")) {
        return all_digits((struct str){s.p + 2, s.n - 2}, s.p[1] == 'x');
    }
    if (cut_at(s, 'e', &before, &behind)) {
        return all_digits(before, false) && all_digits(behind, false);
    }
    return all_digits(s, false);
}

static bool name_needs_quotes(const struct port *port)
{
    struct str low, high;
    if (port->form != PORT_NAMED || port->proto == PROTO_ANY) {
        return false; /* any/NAME is always a name */
    }
    bool range =
        cut_at(port->name, '-', &low, &high) && reads_as_number(low) && reads_as_number(high);
    return range || reads_as_number(port->name);
}

static void put_port(struct npc_writer *w, const struct port *port)
{
    bool icmp = port->proto == PROTO_ICMP || port->proto == PROTO_ICMP6;
    const char *quote = name_needs_quotes(port) ? "\"" : "";
    npc_put(w, quote);
    npc_put(w, proto_name(port->proto));
    npc_put(w, "/");
    switch (port->form) {
    case PORT_ONE:
    case PORT_RANGE:
        if (icmp) {
            put_icmp(w, port);
            break;
        }
        npc_put_u64(w, port->first);
        if (port->form == PORT_RANGE) {
            npc_put(w, "-");
            npc_put_u64(w, port->last);
        }
        break;
    case PORT_NAMED:
        npc_put_str(w, port->name);
        break;
    case PORT_WHOLE:
        npc_put(w, "*");
        break;
    }
    npc_put(w, quote);
}

void npc_put_ports(struct npc_writer *w, bool any, const struct port *ports, size_t n)
{
    npc_put(w, " on ");
    if (any) {
        npc_put(w, "all ports");
        return;
    }
    if (n == 1) {
        put_port(w, ports);
        return;
    }
    npc_open(w);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            npc_next(w);
        }
        put_port(w, &ports[i]);
    }
    npc_close(w);
}
