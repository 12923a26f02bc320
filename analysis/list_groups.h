/*
 * A listing as people read it: by destination, sources that have the same traffic together, and a
 * whole namespace, or everybody, by one name. Exact: a name stands for what it says, less the
 * destination itself.
 */
#ifndef NPC_ANALYSIS_LIST_GROUPS_H
#define NPC_ANALYSIS_LIST_GROUPS_H

#include "analysis/listing.h"

enum source_kind {
    SOURCE_END,       /* one endpoint */
    SOURCE_NAMESPACE, /* every workload of a namespace: at least two others than the destination */
    SOURCE_ALL        /* every workload: of at least two namespaces, or of the only one */
};

struct sender {
    enum source_kind kind;
    uint32_t end;    /* SOURCE_END; of others one of them */
    struct str ns;   /* SOURCE_NAMESPACE */
    struct str text; /* "shop/web", "every workload", "10.0.0.0/8" */
};

struct source_group { /* sources of one destination with the same traffic */
    uint32_t to;      /* endpoint */
    uint32_t ports;
    enum list_family family;
    struct sender *v;
    size_t n;
};

struct source_groups { /* by to, then by first source */
    struct source_group *v;
    size_t n;
};

/* The connections of a listing that lists pairs: `v` is listing.connections, or .exposure. */
struct source_groups list_groups(const struct listing *l, const struct list_connection *v,
                                 size_t n);

/* The name of an endpoint for people: a range that is a CIDR as that, a single address alone. */
struct str end_text(const struct listing *l, const struct list_endpoint *e);
/* The same for a range: "10.0.0.0/8", "10.0.0.7", else "first-last". */
struct str range_for_people(struct arena *a, enum family f, struct ip_range r);
/* Text in a cell of a Markdown table: what would be markup, or end the cell, is escaped. */
void list_md_cell(struct buf *out, struct str s);
/* "tcp/80, udp/53 (IPv4)" */
struct str traffic_text(const struct listing *l, uint32_t ports, enum list_family family);

#endif
