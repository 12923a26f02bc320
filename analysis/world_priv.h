/*
 * Between the parts of a world (world.h says what it is):
 *   world.c        the steps, the classes of endpoints, where an endpoint is
 *   world_open.c   pods that are not there
 *   world_nets.c   CIDRs: which addresses no rule tells apart
 *   world_rows.c   what a class may send or take, by peer
 *   world_flows.c  every pair between which something flows
 */
#ifndef NPC_ANALYSIS_WORLD_PRIV_H
#define NPC_ANALYSIS_WORLD_PRIV_H

#include "analysis/world.h"
#include "ir/bind_priv.h"
#include "ir/tiers.h"

/* ---- addresses ---- */

struct atom { /* addresses that the same CIDR sets hold */
    struct ip_range range;
    uint32_t list; /* number of the list of sets */
};

struct owner { /* of an address of the inventory */
    struct ip ip;
    const struct node_object *node; /* NULL: a workload */
};

struct nets { /* of one family */
    struct intern ids;
    VEC(struct ipset) sets; /* by number; equal sets of several rules are one */
    VEC(bool) outside;      /* by set: it does not match addresses of the inventory */
    struct intern lists;    /* lists of sets, by number */
    VEC(struct atom) atoms; /* rising, without gaps */
    struct owner *owners;   /* every address of the inventory, rising */
    size_t nowners;
    struct id_vec inside;  /* by list: that of an inventory's address */
    uint32_t list_unknown; /* of an address of the inventory that is not known yet: the sets that
                              hold the whole family */
};

/* world_nets.c: numbers the sets of all rules, and cuts the family at them. */
void world_nets(struct world *w, enum family f);
/* The list of sets that hold an address; of_inventory: an endpoint that is no external one. */
uint32_t nets_list_of(const struct world *w, enum family f, struct ip ip, bool of_inventory);
/* The atom of an address. */
const struct atom *nets_atom(const struct nets *n, struct ip ip);
/* Whether some address of a range is nobody's of the inventory. */
bool nets_has_external(const struct nets *n, struct ip_range r);
/* Whether some address of a range is somebody's. */
bool nets_has_owner(const struct nets *n, struct ip_range r);
/* Addresses of a range that are nobody's of the inventory: all of it, or the first; false if there
 * is none. */
bool nets_external_part(const struct nets *n, struct ip_range r, struct ip_range *out);
/* A range without the addresses of the inventory at its ends; some other is in it. */
struct ip_range nets_trim(const struct nets *n, struct ip_range r);
const struct owner *nets_owner(const struct nets *n, struct ip ip);

/* ---- rules and targets ---- */

struct rule_peers {             /* what a rule names, for its direction */
    uint32_t net[FAMILIES];     /* set of nets, or ID_NONE */
    struct id_list nodes;       /* node selectors */
    uint32_t peers[FAMILIES];   /* index in world_parts.peer_lists + 1; 0: not made yet */
    uint32_t numbers[FAMILIES]; /* traffic of its numeric ports, or ID_NONE: not made yet */
};

struct profile {             /* targets that the same policies decide about, in one direction */
    struct id_list policies; /* NetworkPolicies that isolate it, by index */
    struct id_list tiers;    /* cluster policies, by place in world_parts.order */
    const struct workload *example; /* for its named ports */
    bool keeps_failsafe;            /* its rules are the host's */
    struct id_list classes;
};

struct row_entry {
    uint32_t class_id, traffic;
};
struct row { /* of one profile, direction and family */
    bool made;
    uint32_t other;      /* traffic with every class that has no entry */
    struct row_entry *v; /* rising by class; traffic is never `other` */
    size_t n;
};

struct class_facts {
    uint32_t group; /* EP_WORKLOAD, EP_OPEN: of match.groups; EP_NODE: of the lists of selectors */
    uint32_t list[FAMILIES]; /* of CIDR sets */
    bool host;               /* of world_options */
    bool bystander;          /* no policy decides about it, whichever select it */
    struct str ns;           /* EP_OPEN: open_pod's */
    uint32_t profile[DIRECTIONS];
};

struct open_pod { /* that is not there */
    struct str text;
    struct str ns; /* the name that rules give its namespace, or one that nobody can have */
};

struct world_parts {
    struct world *world;
    struct binding match;  /* selectors and groups of workloads; live: the endpoints to be */
    size_t nreal;          /* of match.live; those behind are not there (EP_OPEN) */
    struct open_pod *open; /* what those are */
    struct nets nets[FAMILIES];
    VEC(const struct selector *) node_selectors;
    struct intern node_lists; /* of selectors that match a node */
    struct rule_peers *rules[DIRECTIONS];
    struct tier_order order;

    VEC(struct class_facts) facts;       /* by class */
    struct id_vec *places;               /* by live: class, member, class, member … */
    struct id_vec *node_places;          /* by node */
    struct id_vec range_class[FAMILIES]; /* by list */

    struct id_vec *of_matcher;                /* classes */
    struct id_vec *of_net[FAMILIES];          /* classes */
    struct id_vec *of_nodes;                  /* classes by node selector */
    struct intern peer_ids[FAMILIES];         /* matchers, nets and nodes of a rule … */
    VEC(struct id_list) peer_lists[FAMILIES]; /* … and the classes that they are */

    VEC(struct profile) profiles[DIRECTIONS]; /* 0: nobody decides, everything passes */
    struct row *rows[FAMILIES][DIRECTIONS];   /* by profile */
    uint32_t kept[FAMILIES][2];               /* by whether it is a host; TRAFFIC_NONE: not made */
    uint32_t *mark;                           /* by class: bits that are all 0 between uses */
    struct arena *scratch;                    /* for making one row … */
    uint32_t *value;                          /* … and by class: TRAFFIC_NONE between rows, … */
    struct id_vec *steps;                     /* … and steps that name it: none then */
};

enum { MARK_PEER = 1, MARK_TOUCHED = 2 };

/* world_open.c: the program with the namespaces that EP_OPEN endpoints are in; appends them to
 * match.live, and what they are. */
const struct program *world_open(struct world *w);

/* world_flows.c: what always passes from and to a class, if policies decide about it. */
uint32_t world_kept(const struct world *w, enum family f, uint32_t class_id);

/* world_rows.c */
void world_rows(struct world *w); /* prepares: profiles and indexes */
const struct row *world_row(const struct world *w, enum family f, enum direction d,
                            uint32_t profile);
uint32_t row_traffic(const struct row *r, uint32_t class_id);
/* The classes that rule number `rule` of a direction names, rising; not those of any peer. */
struct id_list world_rule_peers(const struct world *w, enum family f, enum direction d,
                                uint32_t rule);
/* Its traffic, with the named ports as they are on a destination (NULL: no pod). */
uint32_t world_rule_ports(const struct world *w, enum family f, enum direction d, uint32_t rule,
                          const struct workload *destination);
/* The pod that stands for a class, or NULL. */
const struct workload *world_pod_of(const struct world *w, uint32_t class_id);

#endif
