/*
 * What the iptables backend keeps of one family and direction, and whom each grant allows there:
 * every peer, pods, networks. Equal selections are one object. Knows no rules.
 */
#ifndef NPC_BACKENDS_IPT_SIDE_H
#define NPC_BACKENDS_IPT_SIDE_H

#include "backends/backend.h"
#include "backends/ipt_chains.h"
#include "backends/ipt_map.h"
#include "backends/ipt_sets.h"

/* Where one way of writing rules begins to cost more than another. An address compare costs about
 * 1 ns when it misses, a set about 120 and each prefix length of a hash:net about 15: short lists
 * are compared one by one. Tests set other values to see every layout on small input. */
struct ipt_tuning {
    unsigned name_bits;      /* see kernel_names_init() */
    size_t inline_pods;      /* addresses of one selection that are compared one by one … */
    size_t inline_pods_atom; /* … and of all selections of an atom */
    size_t inline_nets_atom; /* prefixes of an atom */
    size_t sets_atom;        /* sets that an atom asks; more become one union */
    size_t union_elements;   /* of all unions; beyond, large selections keep sets of their own */
    size_t crowd;            /* grants to pods that one class may have without pairs */
    size_t pairs_most;       /* pairs of one side: a rule takes 5 to 20 µs to load */
};
extern const struct ipt_tuning ipt_tuning_default;

/* emit() of the backend, with other values. */
bool ipt_emit(struct emit *e, const struct ipt_tuning *tuning);

/* Pods or networks. */
struct ipt_selection {
    struct id_list classes; /* pods: peer classes */
    struct addr_list addrs; /* pods: none before ipt_selection_addrs() */
    struct ipset nets;
    struct cidrs cidrs; /* of nets */
    size_t atom, use;   /* the last atom that used it, and its place there */
    struct str set;     /* the ipset that holds it in that atom, if any */
};

struct ipt_peers { /* NULL: nobody of that kind in this family */
    bool any;
    struct ipt_selection *pods; /* without those that the networks cover anyway */
    struct ipt_selection *nets;
    bool paired; /* pods are allowed by ipt_pairs.c: the rules of the class need not look */
};

struct ipt_side {
    struct ctx *ctx;
    const struct ipt_tuning *tuning;
    struct ipt_table *table;
    struct ipt_sets *sets;
    struct ipt_map *map;
    const struct bound_side *bound;
    enum direction direction;
    struct str deny;   /* the chain where denied packets go; with log each class has one */
    uint32_t log_rate; /* log lines a second of each class; 0: no log */
    const char *keeps; /* with log: rules for what is never denied */
    const struct bound *whole;
    struct strmap peers; /* pointers to grants, to struct ipt_peers */
    struct strmap pods;  /* lists of peer classes, to struct ipt_selection */
    struct strmap nets;  /* sets of ranges, to struct ipt_selection */
    size_t atoms;        /* seen so far: stamps selections */
};

/* The fields down to `deny` are the caller's. */
void ipt_side_init(struct ipt_side *s);

enum ipt_end ipt_peer_end(const struct ipt_side *s);
enum ipt_end ipt_local_end(const struct ipt_side *s);

struct ipt_peers *ipt_peers(struct ipt_side *s, const struct grant *g);

/* The addresses of some peer classes, rising. */
struct addr_list ipt_class_addrs(struct arena *a, const struct bound_side *side,
                                 struct id_list classes);
/* The same of a selection of pods, made once. */
struct addr_list ipt_selection_addrs(struct ipt_side *s, struct ipt_selection *x);

/* Sorts in place, keeps each address once. */
void ipt_addrs_sort(struct addr_list *list);
/* Exactly these addresses, as prefixes. */
struct cidrs ipt_addrs_cidrs(struct arena *a, enum family f, struct addr_list addrs);

/* Appends the comment that names the source of an allowance. */
void ipt_put_source(const struct ipt_side *s, struct buf *body, const struct grant *g, size_t more);

#endif
