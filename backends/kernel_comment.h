/*
 * Comments in kernel rules: where a rule comes from, in an alphabet that can end no quote, line or
 * comment in any loader (nft has no escape for a quote, iptables-restore is line based).
 *
 *     NAMESPACE/NAME ingress[0] FILE:LINE          of a cluster policy without NAMESPACE/
 */
#ifndef NPC_BACKENDS_KERNEL_COMMENT_H
#define NPC_BACKENDS_KERNEL_COMMENT_H

#include "base/ctx.h"
#include "ir/bind.h"

#define KERNEL_COMMENT_NFT      128 /* nft refuses 129 bytes */
#define KERNEL_COMMENT_IPTABLES 255 /* longer ones are cut by the kernel without a word */

/* Appends s in the alphabet [A-Za-z0-9 ._/:@+,()[]-]; every other character becomes one '?'. */
void kernel_comment_filter(struct buf *b, struct str s);

/* "NAMESPACE/NAME" of a policy, its own namespace or the one that stands in for it; "NAME" of a
 * cluster policy. */
struct str kernel_policy_name(struct arena *a, const struct npolicy *p);

/* "egress[0]", or "egress by default" of what cluster policies do not decide. */
struct str kernel_rule_name(struct arena *a, const struct nrule *r);

/* The comment of what one rule of a policy allows, at most `max` bytes, cut from the end. `more` is
 * how many further rules share the set or rule: "… +3" is kept when the text is cut. */
struct str kernel_comment_rule(const struct ctx *c, struct arena *a, const struct npolicy *p,
                               const struct nrule *r, size_t more, size_t max);

/* The comment of the end of a class, where everything else is denied:
 * "NAMESPACE/NAME isolates ingress FILE:LINE", with the same count and cut. A cluster policy
 * "decides ingress". */
struct str kernel_comment_isolation(const struct ctx *c, struct arena *a, const struct npolicy *p,
                                    enum direction d, size_t more, size_t max);

#endif
