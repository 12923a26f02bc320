/*
 * Every allowed connection of a world, as people and other tools are told: endpoints with unique
 * names, and the connections between them. Formats (list_formats) print it; they look at nothing
 * else, but may ask the world why (explain.h).
 *
 * The three levels say the same:
 *   LIST_PODS       one endpoint for each pod or workload (for each group of its addresses, if
 *                   policies tell them apart)
 *   LIST_WORKLOADS  the pods of one owner are one endpoint, if no policy tells them apart
 *   LIST_CLASSES    all that no policy can tell apart is one endpoint, and connections are blocks
 *                   of classes: output grows with classes and policies, not with pairs
 * On the first two levels neighbouring external ranges are one endpoint where the other end has the
 * same traffic with both. So ranges of different connections may overlap, but never for one other
 * end.
 */
#ifndef NPC_ANALYSIS_LISTING_H
#define NPC_ANALYSIS_LISTING_H

#include "analysis/world.h"

enum list_level { LIST_WORKLOADS, LIST_PODS, LIST_CLASSES };

struct list_options {
    enum list_level level;
    bool nodes;    /* nodes are endpoints, too */
    bool exposure; /* of a world that is open: fills listing.exposure */
    /* Focus; a string without bytes (p NULL) is none. Ends are NAMESPACE, NAMESPACE/NAME (of a pod,
     * a workload or an owner), node:NAME, an address or a CIDR. */
    struct str from, to;
    struct str ns;               /* only connections with an end in this namespace */
    const struct workload *host; /* only connections of it, or NULL */
    struct str port; /* only connections that have some of this traffic, and of them only that */
};

/* One end of connections. */
struct list_endpoint {
    struct str name;     /* unique in the listing; on LIST_CLASSES "class 7" */
    struct str type;     /* "Pod", "Deployment", …, "workload", "Node", "range", "open" */
    struct str ns;       /* EP_WORKLOAD: that of all members, else empty */
    struct str *members; /* EP_WORKLOAD, EP_NODE: names, in inventory order; LIST_CLASSES, EP_RANGE:
                            "first-last". At least one; its own name if it is nothing more */
    const struct endpoint_member **inside; /* EP_WORKLOAD, EP_NODE: what members[i] is; else NULL */
    size_t nmembers;
    struct labels labels; /* EP_WORKLOAD, EP_NODE: those that all members share, by key */
    enum endpoint_kind kind;
    enum family family;    /* EP_RANGE */
    struct ip_range range; /* EP_RANGE, but on LIST_CLASSES */
    /* The class that it is (part of); of several ranges that are one, that of the lowest. What
     * isolates it: class_id's policies. */
    uint32_t class_id;
    uint32_t member;           /* EP_WORKLOAD, EP_NODE: of its class: its first */
    bool isolated[DIRECTIONS]; /* some NetworkPolicy isolates it */
};

/* What flows, as an entry of "ports" in JSON: sorted by protocol, then number. */
enum list_proto {
    LIST_ALL, /* all traffic of every protocol; stands alone */
    LIST_TCP,
    LIST_UDP,
    LIST_SCTP,
    LIST_ICMP, /* keys as in ir/ports.h */
    LIST_ICMP6,
    LIST_OTHER, /* all that is neither TCP, UDP nor SCTP: ICMP and the rest */
    LIST_REST   /* of that, all but ICMP: only if ICMP is not whole */
};

struct list_port {
    enum list_proto proto;
    bool whole;           /* all of the protocol: first and last mean nothing */
    uint16_t first, last; /* ICMP: one or more whole types, or codes of one type */
};

struct list_ports { /* at least one */
    struct list_port *v;
    size_t n;
};

/* The family that a connection is about: LIST_BOTH also if the ends have only one in common. A pair
 * that differs by family is two connections. */
enum list_family { LIST_BOTH, LIST_IPV4, LIST_IPV6 };

struct list_connection { /* LIST_PODS, LIST_WORKLOADS */
    uint32_t from, to;   /* endpoints; never the same */
    uint32_t ports;      /* index in listing.ports */
    enum list_family family;
};

/* LIST_CLASSES: everybody in `from` to everybody in `to`, but nobody to itself. A pair of classes
 * is in at most one block of each family. */
struct list_block {
    struct id_list from, to; /* endpoints, rising */
    uint32_t ports;
    enum list_family family;
};

struct listing {
    const struct world *world;
    struct list_options options;
    /* By kind: workloads by name, open ones, nodes, ranges (IPv4, then IPv6, by address); those
     * without connection too, but for ranges. LIST_CLASSES: in the order of world.classes. */
    struct list_endpoint *endpoints;
    size_t nendpoints;
    struct list_ports *ports;
    size_t nports;
    struct list_connection *connections; /* by from, to, family */
    size_t nconnections;
    struct list_block *blocks; /* by first of from, first of to, family */
    size_t nblocks;
    /* options.exposure: connections between EP_OPEN endpoints and the endpoints of the level. */
    struct list_connection *exposure; /* by from, to, family */
    size_t nexposure;
};

/* Makes the listing; memory is the context's of the world. NULL if an error was reported: an end of
 * the focus that is not there, or is no end (NPC901, NPC902), or more connections than the limit
 * (NPC605: LIST_CLASSES has no such limit). */
const struct listing *listing_new(const struct world *w, const struct list_options *o);

/* The name that "ports" has in JSON: "ALL", "TCP", … */
const char *list_proto_name(enum list_proto p);
/* Prints ports for people: "tcp/80, tcp/8000-8080, udp" or "all". */
void list_ports_print(struct buf *b, const struct listing *l, uint32_t ports);
/* Prints ports as the list that "ports" is in JSON. */
void list_json_ports(const struct list_ports *ports, struct buf *out);
/* "workload", "node", "range", "open" */
const char *list_kind_name(enum endpoint_kind kind);
/* "IPv4", "IPv6"; LIST_BOTH: "". */
const char *list_family_name(enum list_family f);

/* ---- formats ---- */

typedef void (*list_emit_fn)(const struct listing *l, struct buf *out);

struct list_format {
    const char *name;
    list_emit_fn emit;
    bool classes;      /* can print LIST_CLASSES */
    bool classes_only; /* … and nothing else */
    bool findings;     /* shows what check finds, too */
};
extern const struct list_format list_formats[]; /* ends with a row without name */

void list_text(const struct listing *l, struct buf *out);
void list_json(const struct listing *l, struct buf *out);
void list_csv(const struct listing *l, struct buf *out);
void list_md(const struct listing *l, struct buf *out);
void list_dot(const struct listing *l, struct buf *out);
/* One self-contained page. report*.c */
void report_html(const struct listing *l, struct buf *out);

#endif
