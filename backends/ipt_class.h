/*
 * The rules of one target class for the iptables backend:
 *
 *   class chain   finds the port atom:  -p tcp -m multiport --dports 80,443 -g ATOM … -g DENY
 *   atom chain    finds the peer:       addresses, networks, sets -j RETURN … -g DENY
 *
 * Atom chains are complete, so a packet is in one of them only, and are entered by goto: RETURN
 * leads to whoever entered the whole dispatch by a jump, past the other rules of the class. Equal
 * chains are shared. Knows nothing of dispatch, hooks and files.
 */
#ifndef NPC_BACKENDS_IPT_CLASS_H
#define NPC_BACKENDS_IPT_CLASS_H

#include "backends/ipt_chains.h"
#include "backends/ipt_map.h"
#include "backends/ipt_sets.h"

struct ipt_side { /* one family and direction */
    struct ctx *ctx;
    struct ipt_table *table;
    struct ipt_sets *sets;
    struct ipt_map *map;
    const struct bound_side *bound;
    enum direction direction;
    struct str deny;     /* the chain where denied packets go */
    struct strmap peers; /* pointers to grants, to struct grant_peers */
    struct strmap pods;  /* lists of peer classes, to struct selection */
    struct strmap nets;  /* sets of ranges, to struct selection */
    size_t atoms;        /* seen so far: stamps selections */
};

/* The fields down to `deny` are the caller's. */
void ipt_side_init(struct ipt_side *s);

/* Appends the rules of a class to `body`; its atom chains go to the table. Every packet leaves the
 * rules: by RETURN if it is allowed, else by goto to `deny`. False: an error was reported. */
bool ipt_class_rules(struct ipt_side *s, const struct target_class *class, struct buf *body);

/* The first part of the names of a class's chains: no other class of the side has it. */
struct str ipt_class_key(const struct ipt_side *s, const struct target_class *class);

#endif
