/*
 * Between the parts that make the data of a report (report/model.js reads it):
 *   report.c           the page, classes and flows
 *   report_why.c       policies, rules, and which of them open what
 *   report_findings.c  findings, and whom they are about
 *
 * The data is one JSON object. What is repeated is numbered: a number is an index in the list of
 * that name. Lists of classes are runs: first, how many, first, how many …
 *
 *   title       where it all was read
 *   files       paths
 *   lines       [file, line, text]
 *   namespaces  [name, labels]
 *   ports       lists of [protocol] and [protocol, first, last]
 *   policies    [name, kind, line]
 *   rules       [policy, 0 ingress or 1 egress, index, action, line]
 *   openings    lists of [rule, ports]
 *   profiles    [policies, 1 if some NetworkPolicy isolates, openings, [openings, runs], …]: what
 *               decides about a class in one direction, and what opens it to its peers: the first
 *               openings to those that no run names
 *   classes     [kind, members, profile of ingress, profile of egress, title]
 *               a member is [namespace or -1, name, kind, labels]; one that is only some of the
 *               addresses of a workload has the workload's name behind that
 *   flows       [ports, family or 0, runs of sources, runs of destinations]
 *   findings    [severity, id, slug, text, hint, line or -1, [line, text] …, policy or -1, class or
 * -1]
 */
#ifndef NPC_ANALYSIS_REPORT_PRIV_H
#define NPC_ANALYSIS_REPORT_PRIV_H

#include "analysis/listing_priv.h"
#include "analysis/world_priv.h"

struct report {
    const struct listing *l; /* LIST_CLASSES: endpoint i is class i of the page */
    const struct world *w;
    struct arena *arena;
    struct buf *out;
    struct buf *text;            /* reused */
    uint32_t *class_of;          /* by class of the world: of the page, or ID_NONE */
    uint32_t rest[FAMILIES];     /* classes of the world: the most addresses */
    struct intern namespaces;    /* names */
    struct intern ports;         /* entries, as JSON */
    struct intern traffic;       /* by family … */
    struct id_vec traffic_ports; /* … and the ports that it is */
    struct intern places;        /* file and line … */
    VEC(struct span) lines;      /* … and one place there */
    struct intern profiles;      /* direction, number in the world, families of the class … */
    struct id_vec targets;       /* … and the first class of the world that it is about */
};

/* ---- report.c ---- */

/* The number of the line of a place; ID_NONE: it has none. */
uint32_t report_line(struct report *r, struct span at);
void put_number(struct buf *out, uint32_t n); /* ID_NONE is -1 */
/* Rising numbers as runs: "first,n,first,n". */
void put_runs(struct buf *out, const uint32_t *v, size_t n);

/* The number of what flows, of both families together. */
uint32_t report_traffic(struct report *r, struct traffic t);

/* The families in which a class can be reached, as bits. */
static inline uint32_t families_of(const struct endpoint_class *c)
{
    return (uint32_t)c->has[FAM_IP4] | (uint32_t)c->has[FAM_IP6] << 1;
}
#define FAMILY_SETS 4

/* ---- report_why.c ---- */

void report_policies(struct report *r);
/* "profiles" and "openings", of the profiles that were numbered. */
void report_profiles(struct report *r);

/* ---- report_findings.c ---- */

void report_findings(struct report *r);

#endif
