/* Parts of policies in the words of the language, for messages: short, and never ambiguous. */
#ifndef NPC_ANALYSIS_PHRASE_H
#define NPC_ANALYSIS_PHRASE_H

#include "ir/policy.h"

/* "app=web & tier in {a, b}"; "{}" if it is empty. A long list of values ends in "…". */
struct str selector_phrase(struct arena *a, const struct selector *s);
/* "pods app=web in namespaces team=x", "all pods in this namespace", "cidr 10.0.0.0/8 except
 * {10.1.0.0/16}", … */
struct str peer_phrase(struct arena *a, const struct peer *p);
/* "tcp/80", "tcp/8000-8080", "udp/ *" without the blank, "tcp/http" */
struct str port_phrase(struct arena *a, const struct port *p);
/* "all ports", or the ports with commas. */
struct str ports_phrase(struct arena *a, const struct rule *r);
/* The same for a set: "tcp/80, udp/53, …". */
struct str portset_phrase(struct arena *a, struct portset s);
/* "shop/deny-all" of a namespaced policy, "no-metadata" of a cluster policy. */
struct str policy_phrase(struct arena *a, const struct policy *p);

#endif
