/* What k8s_cluster.c and k8s_cluster_port.c share. */
#ifndef NPC_FRONTEND_K8S_CLUSTER_H
#define NPC_FRONTEND_K8S_CLUSTER_H

#include "frontend/k8s_object.h"

/* Decode one entry of `protocols` (v1alpha2) or `ports` (v1alpha1) and add it to out->ports, which
 * has room. An entry that matches nothing is left out, with a warning. */
void cluster_protocol(struct k8s *k, const struct node *n, const struct path *p, struct rule *out);
void admin_port(struct k8s *k, const struct node *n, const struct path *p, struct rule *out);

extern const struct schema cluster_protocol_schema, admin_port_schema;

#endif
