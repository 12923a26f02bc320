/*
 * Between the parts that make a listing (listing.h says what it is):
 *   listing.c         the steps, and connections of the levels that list pairs
 *   listing_ends.c    endpoints and their names
 *   listing_focus.c   which of them were asked for
 *   listing_ports.c   traffic as entries of ports
 *   listing_ranges.c  external addresses: neighbours with the same traffic are one range
 *   listing_blocks.c  connections of classes
 */
#ifndef NPC_ANALYSIS_LISTING_PRIV_H
#define NPC_ANALYSIS_LISTING_PRIV_H

#include "analysis/listing.h"
#include "analysis/naming.h"

/* ---- focus ---- */

enum end_kind { END_ANY, END_NAMESPACE, END_NAME, END_NODE, END_ADDRESS, END_WORKLOAD };

struct focus_end { /* one of --from, --to */
    enum end_kind kind;
    struct str text;     /* as given; p NULL: not given */
    struct str ns, name; /* END_NAMESPACE, END_NAME, END_NODE */
    enum family family;  /* END_ADDRESS */
    struct ip_range range;
    const struct workload *workload; /* END_WORKLOAD */
    bool found;                      /* some endpoint is it */
};

struct focus {
    struct focus_end from, to, ns, host;
    bool has_port;
    uint32_t port[FAMILIES]; /* traffic */
    bool without[FAMILIES];  /* an end is an address of the other family */
};

/* What an endpoint may be in a connection that is listed, by the focus. */
#define FOCUS_FROM 1u
#define FOCUS_TO   2u
#define FOCUS_NS   4u /* a connection needs one end with it … */
#define FOCUS_HOST 8u /* … and with it */

/* ---- the lister ---- */

struct shown {             /* a struct traffic, by enum list_family: index in listing.ports, */
    uint32_t by_family[3]; /* or ID_NONE */
};

struct range_run { /* classes of external ranges, by id, that have the same traffic */
    uint32_t first, last, traffic;
};
struct range_runs {
    VEC(struct range_run) runs;
};

struct tile { /* part of an external range */
    struct ip_range range;
    uint32_t class_id;
};

struct lister {
    const struct world *w;
    struct list_options options;
    struct arena *arena;
    struct focus focus;
    struct naming naming;
    VEC(struct list_endpoint) ends;
    VEC(unsigned char) flags; /* of ends: FOCUS_… */
    struct id_vec *of_class;  /* endpoints by class, rising; none: not listed */
    size_t fixed;             /* ends before those that are made of ranges */
    VEC(struct list_connection) connections;
    VEC(struct list_connection) exposure;
    bool too_many; /* the limit was reported */

    struct intern traffic_ids;      /* pairs of traffic numbers … */
    struct id_vec shown_by_traffic; /* … and what they are in a listing: */
    struct intern shown_ids;
    VEC(struct shown) shown;
    struct traffic last; /* the last that was asked for, and its answer */
    uint32_t last_shown;
    struct intern port_ids; /* port lists by content */
    VEC(struct list_ports) ports;

    struct range_runs *runs[DIRECTIONS]; /* by class: ranges as its peers */
    VEC(struct tile) tiles[FAMILIES];    /* with external addresses, rising */
    struct intern range_ids;             /* endpoints of ranges: by family and range */
};

/* listing.c: an empty lister. */
void lister_init(struct lister *l, const struct world *w, const struct list_options *o);

/* listing_ends.c: makes the endpoints of everything but ranges (LIST_CLASSES: of all), sorted. */
void list_ends(struct lister *l);

/* listing_focus.c: reads the focus; false if an error was reported. */
bool focus_read(struct lister *l);
/* Computes the flags of the endpoints from number `first` on. */
void focus_flags(struct lister *l, size_t first);
/* Once the flags of all fixed endpoints are there: whether every end of the focus exists; false
 * with an error. */
bool focus_check(struct lister *l);
static inline bool focus_keeps(const struct lister *l, uint32_t from, uint32_t to)
{
    unsigned f = l->flags.v[from], t = l->flags.v[to];
    return (f & FOCUS_FROM) != 0 && (t & FOCUS_TO) != 0 && ((f | t) & FOCUS_NS) != 0 &&
           ((f | t) & FOCUS_HOST) != 0;
}
/* What --port leaves of the traffic of a family. */
static inline uint32_t focus_narrow(const struct lister *l, enum family f, uint32_t traffic)
{
    return l->focus.has_port && traffic != TRAFFIC_ABSENT
               ? traffic_intersect(l->w->traffic, traffic, l->focus.port[f])
               : traffic;
}

/* listing_ports.c: index in lister.shown of what is left of some traffic by the focus. */
uint32_t list_shown(struct lister *l, struct traffic t);
bool shown_is_none(struct shown s);
/* The same itself, of any traffic; all ID_NONE if there is none. */
struct shown shown_of(struct lister *l, struct traffic t);
/* Prints traffic for people: "tcp/80, udp/53; tcp/443 (IPv6)"; nothing if there is none. */
void traffic_print(struct lister *l, struct traffic t, struct buf *out);

/* listing_ranges.c */
void ranges_prepare(struct lister *l);
/* Traffic between a class that is no range and one that is. */
void ranges_add(struct lister *l, enum direction d, uint32_t class_id, uint32_t range,
                struct traffic t);
/* Makes endpoints and connections of what was added. */
void ranges_connect(struct lister *l);
/* The addresses of a class of external ranges, neighbours merged. */
struct ipset ranges_of_class(const struct lister *l, const struct endpoint_class *c);

/* listing_blocks.c: fills l->blocks. */
void list_blocks(struct lister *l, struct listing *out);

/* listing.c: one connection, or one for each family, if the focus keeps it. */
void list_connect(struct lister *l, uint32_t from, uint32_t to, struct traffic t);

#endif
