/*
 * The parts of Kubernetes objects, one function per noun. Each takes the node of the part and its
 * path, and reports what is wrong. Private to frontend/k8s*.c.
 */
#ifndef NPC_FRONTEND_K8S_OBJECT_H
#define NPC_FRONTEND_K8S_OBJECT_H

#include "frontend/k8s_decode.h"

/* ---- k8s_kind.c, k8s_filter.c ---- */

struct k8s_type { /* what an object says it is */
    struct str api_version, kind;
    struct span api_at, at; /* of the two */
};

struct k8s_kind {
    struct str api_version, name;
    void (*read)(struct k8s *k, const struct node *object);
};

/* How an object of a type is read. NULL: it is to be passed over, or it was refused. */
const struct k8s_kind *k8s_find_kind(struct k8s *k, const struct k8s_type *t);
/* What of an object is needed. */
extern const struct filter k8s_filter;

/* ---- k8s_selector.c ---- */

/* A map of label keys and values, by key. */
bool k8s_labels(struct k8s *k, const struct node *n, const struct path *p, struct labels *out);
/* A LabelSelector: matchLabels by key, then matchExpressions as written. NULL: an error was
 * reported. */
const struct selector *k8s_selector(struct k8s *k, const struct node *n, const struct path *p);
extern const struct schema selector_schema;

/* ---- k8s_cidr.c ---- */

enum cidr_rules {
    CIDR_CORE, /* as Go's net.ParseCIDR before 1.17 did: NetworkPolicy */
    CIDR_CEL   /* as isCIDR() of the API server's CEL library: no leading zeros */
};

/* A CIDR in a string node; warns (NPC313) if it is not the canonical text. */
bool k8s_cidr(struct k8s *k, const struct node *n, const struct path *p, enum cidr_rules rules,
              struct cidr *out);
/* An address of inventory, in a node that was found to be a string. */
bool k8s_address(struct k8s *k, const struct node *n, const struct path *p, struct address *out);

/* ---- k8s_port.c ---- */

/* An entry of `ports` in a NetworkPolicy, defaulted. */
bool k8s_policy_port(struct k8s *k, const struct node *n, const struct path *p, struct port *out);
extern const struct schema port_schema;
/* One port by its number, 1 to 65535. */
bool k8s_port_number(struct k8s *k, const struct node *n, const struct path *p, struct port *out);
/* "TCP", "UDP" or "SCTP"; NULL is TCP. */
bool k8s_protocol(struct k8s *k, const struct node *n, const struct path *p, enum proto *out);
/* "port", "ports", "protocol" or "endPort", in any case. */
bool k8s_is_port_word(struct str name);

/* ---- k8s_meta.c ---- */

/* Fills name, namespace, labels, annotations and raws of a policy from the object, and notes what
 * only the server writes (NPC511): `status` is the object's, or NULL. */
void k8s_policy_meta(struct k8s *k, const struct node *meta, const struct node *status,
                     struct policy *out);

struct policy_nodes { /* the parts of any policy object */
    const struct node *meta, *spec, *status;
    const struct node *ignored;
};

struct k8s_meta { /* of an object of the inventory */
    struct str name, ns;
    struct labels labels;
    struct str owner; /* the controller, "Kind/name", or empty */
    struct span at;
};
bool k8s_inventory_meta(struct k8s *k, const struct node *meta, const struct path *p,
                        bool namespaced, struct k8s_meta *out);

/* ---- k8s_raw.c ---- */

/* The metadata that npc has no words for, as canonical YAML text; empty if there is none. */
struct str k8s_raw_metadata(struct k8s *k, const struct node *finalizers,
                            const struct node *generate_name, const struct node *owners);

/* ---- objects: each adds to k->program ---- */

void k8s_network_policy(struct k8s *k, const struct node *object); /* k8s_policy.c */
void k8s_cluster_policy(struct k8s *k, const struct node *object); /* k8s_cluster.c */
void k8s_admin_policy(struct k8s *k, const struct node *object);
void k8s_baseline_policy(struct k8s *k, const struct node *object);

/* k8s_inventory.c, k8s_pod.c */
void k8s_namespace(struct k8s *k, const struct node *object);
void k8s_node(struct k8s *k, const struct node *object);
void k8s_service(struct k8s *k, const struct node *object);
void k8s_pod(struct k8s *k, const struct node *object);
void k8s_template(struct k8s *k, const struct node *object); /* Deployment and the like */
void k8s_cron_job(struct k8s *k, const struct node *object);

#endif
