/*
 * The filter table of one family: chains and their rules, as text for iptables-restore --noflush.
 * Knows how rules are spelt, and nothing of policies.
 */
#ifndef NPC_BACKENDS_IPT_CHAINS_H
#define NPC_BACKENDS_IPT_CHAINS_H

#include "backends/ipt_atoms.h"
#include "backends/kernel_names.h"

struct ipt_chain {
    struct str name;
    const struct buf *body; /* the rules, one a line, without "-A NAME" */
};

struct ipt_table {
    struct ctx *ctx;
    struct kernel_names *names;
    enum family family;
    VEC(struct ipt_chain) chains;
    struct strmap by_body; /* names of the chains that may be shared */
};

void ipt_table_init(struct ipt_table *t, struct ctx *c, struct kernel_names *names, enum family f);
/* The whole table: rules of chains that were added last first, so that a chain stands before those
 * it goes to. Names are declared in falling order: for each, iptables-nft-restore (1.8) looks
 * through a sorted list of those before, which takes minutes where they are ten thousands. */
void ipt_table_print(const struct ipt_table *t, struct buf *out);

/* Adds a chain. */
void ipt_chain_add(struct ipt_table *t, struct str name, const struct buf *body);

/* What a generated name is made from: the parts must be this chain's alone. */
struct ipt_key {
    struct str slug;
    struct str parts[4];
    size_t nparts;
    struct span at; /* where to report a collision of names */
};
bool ipt_name(const struct ipt_table *t, const struct ipt_key *key, struct str *name);

/* Adds a chain under a generated name, or finds the one with the same rules; *is_new says which.
 * False: an error was reported. */
bool ipt_chain_shared(struct ipt_table *t, const struct ipt_key *key, const struct buf *body,
                      struct str *name, bool *is_new);

/* Parts of a rule; each ends with a blank but the targets, which end the line. */
enum ipt_end { IPT_SOURCE, IPT_DEST };
struct cidr ipt_host(enum family f, struct ip ip); /* the prefix of one address */
void ipt_put_cidr(struct buf *body, enum ipt_end end, struct cidr c); /* nothing for /0 */
void ipt_put_set(struct buf *body, enum ipt_end end, struct str set);
void ipt_put_match(struct buf *body, const struct port_match *m);
void ipt_put_comment(struct buf *body, struct str text); /* of the comment alphabet */
void ipt_put_return(struct buf *body);
void ipt_put_goto(struct buf *body, struct str chain);
/* A log line, at most `rate` (1 to 10000) a second, or the next lower rate that the kernel keeps;
 * nothing if that is 0. */
void ipt_put_log(struct buf *body, uint32_t rate, struct str prefix);

#endif
