/*
 * Rules that ask for a port and a peer, one after the other, as a list that is written at the end:
 *
 *   meta l4proto != 6 goto i10.0.0.7_other
 *   th dport 80 ip saddr @i10.0.0.7_addrs accept
 *   th dport 5432 ip saddr 10.1.0.0/24 accept
 *
 * "tcp dport 80" asks for the protocol and for the port. Where most rules of a chain are about
 * ports of one protocol, it is asked once, and what else there is stands in a chain of its own. The
 * kernel knows no protocol of an IPv6 packet whose headers it cannot read: such a packet passes the
 * first rule and matches no port behind it, so whatever is about all traffic stands in both chains.
 */
#include "backends/nft_priv.h"

static bool is_of_port(struct nft_item item)
{
    return item.kind == NFT_PORT || item.kind == NFT_RANGE;
}

/* Whether only this protocol has such traffic. */
static bool is_only_of(struct nft_item item, enum proto proto)
{
    return (is_of_port(item) || item.kind == NFT_PROTO) && item.proto == proto;
}

static bool put_addresses(struct nft_part *p, struct buf *b, const struct nft_item_rule *r)
{
    const struct addr_list *addrs = &r->addrs;
    if (addrs->n == 1) {
        nft_range_match(b, p, (struct ip_range){addrs->v[0], addrs->v[0]});
        return true;
    }
    const size_t sets = p->sets.n;
    struct nft_set *s = nft_set_new(p, p->addr_type);
    for (size_t i = 0; i < addrs->n; i++) {
        ip_print(nft_set_element(s), p->family, addrs->v[i]);
    }
    struct str name = nft_set_end(p, s, "addrs");
    buf_printf(b, "%s @" STR_FMT " ", p->peer, STR_ARG(name));
    return p->sets.n == sets || nft_part_reserve(p, addrs->n, r->at);
}

/* by_port: the protocol is known. */
static bool put_rule(struct nft_part *p, const struct nft_item_rule *r, bool by_port)
{
    struct buf *b = nft_rule(p);
    bool ok = true;
    if (by_port) {
        nft_port_match(b, "th", r->item);
    } else {
        nft_item_match(b, p->family, r->item);
    }
    if (r->addrs.n > 0) {
        ok = put_addresses(p, b, r);
    } else if (r->net != NULL) {
        nft_range_match(b, p, *r->net);
    }
    nft_rule_end(p, p->allow, r->comment);
    return ok;
}

bool nft_rules_put(struct nft_part *p, const struct nft_rules *rules)
{
    bool ok = true;
    for (size_t i = 0; i < rules->n && ok; i++) {
        ok = put_rule(p, &rules->v[i], false);
    }
    return ok;
}

/* The protocol that most rules ask for beside a port; PROTO_ANY if few do: two rules are read more
 * easily as they are, and a packet pays as much for one that it does not need. */
static enum proto most_asked(const struct nft_rules *rules)
{
    size_t asked[PROTO_ANY] = {0}, most = 2;
    enum proto found = PROTO_ANY;
    for (size_t i = 0; i < rules->n; i++) {
        asked[rules->v[i].item.proto] += is_of_port(rules->v[i].item);
    }
    for (enum proto k = 0; k < PROTO_ANY; k++) {
        if (asked[k] > most) {
            most = asked[k];
            found = k;
        }
    }
    return found;
}

bool nft_rules_put_all(struct nft_part *p, const struct nft_rules *rules,
                       const struct target_class *t, struct str comment)
{
    const enum proto proto = most_asked(rules);
    if (proto == PROTO_ANY) {
        bool ok = nft_rules_put(p, rules);
        nft_deny_end(p, t, comment);
        return ok;
    }
    struct nft_rules other = {0};
    for (size_t i = 0; i < rules->n; i++) {
        if (!is_only_of(rules->v[i].item, proto)) {
            vec_push(p->arena, &other, rules->v[i]);
        }
    }
    struct buf *b = nft_rule(p);
    buf_printf(b, "meta l4proto != %d ", proto_number(proto));
    const bool apart = other.n > 0 || p->log_rate > 0; /* that takes more than one rule */
    const struct str chain = p->chains.v[p->chains.n - 1].name;
    const struct str rest = str_printf(p->arena, STR_FMT "_other", STR_ARG(chain));
    if (apart) {
        buf_printf(b, "goto " STR_FMT, STR_ARG(rest));
        nft_rule_end(p, "", (struct str){NULL, 0});
    } else {
        nft_rule_end(p, p->deny, comment);
    }
    bool ok = true;
    for (size_t i = 0; i < rules->n && ok; i++) {
        const struct nft_item_rule *r = &rules->v[i];
        if (is_only_of(r->item, proto) || r->item.kind == NFT_ALL) {
            ok = put_rule(p, r, is_of_port(r->item));
        }
    }
    nft_deny_end(p, t, comment);
    if (apart && ok) {
        nft_chain_end(p);
        nft_chain_begin(p, rest, t, (struct str){NULL, 0});
        ok = nft_rules_put(p, &other);
        nft_deny_end(p, t, comment);
    }
    return ok;
}
