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

#include "backends/ipt_side.h"

/* Appends the rules of a class to `body`; its atom chains go to the table. Every packet leaves the
 * rules: by RETURN if it is allowed, else by goto to `deny`. False: an error was reported. */
bool ipt_class_rules(struct ipt_side *s, const struct target_class *class, struct buf *body);

/* The first part of the names of a class's chains: no other class of the side has it. */
struct str ipt_class_key(const struct ipt_side *s, const struct target_class *class);

#endif
