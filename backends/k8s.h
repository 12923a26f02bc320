/* What backends share that write Kubernetes objects: k8s.c writes NetworkPolicy, k8s_cluster.c
 * ClusterNetworkPolicy, calico.c the policies of Calico; raw_yaml.c checks and copies raw text. */
#ifndef NPC_BACKENDS_K8S_H
#define NPC_BACKENDS_K8S_H

#include "backends/backend.h"
#include "backends/yaml_writer.h"

/* The key and below it a LabelSelector ({} if it is empty). */
void k8s_put_selector(struct yaml *y, const char *key, const struct selector *s);
/* The key and below it labels or annotations; nothing if there are none. */
void k8s_put_labels(struct yaml *y, const char *key, const struct labels *l);
/* Name and namespace, in the map at hand. */
void k8s_put_name(struct yaml *y, const struct policy *p);
/* The key and below it which directions the policy isolates, as policyTypes names them. */
void k8s_put_types(struct yaml *y, const char *key, const struct policy *p);
/* apiVersion, kind and metadata. False if raw text was refused. */
bool k8s_head(struct emit *e, struct yaml *y, const struct policy *p, const char *api_version,
              const char *kind);

/* A cluster policy as one document. False if a limit of the API was reported (NPC404).
 * k8s_cluster.c */
bool k8s_put_cluster_policy(struct emit *e, struct yaml *y, const struct policy *p);

/* Writes the entries of `metadata: {…}` from the raw text of a policy that is meant for k8s, into
 * the metadata map at hand. False if the text was refused (NPC042). raw_yaml.c */
bool raw_yaml_metadata(struct ctx *c, const struct policy *p, struct yaml *y);
/* Writes the documents of a top-level raw text. False if it was refused (NPC042). raw_yaml.c */
bool raw_yaml_documents(struct ctx *c, const struct raw *raw, struct yaml *y);

#endif
