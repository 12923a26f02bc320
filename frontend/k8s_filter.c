/*
 * What of an object is built in memory: what some decoder reads, and a trace of every other field
 * that a policy would have to refuse. A Pod as the API server prints it is mostly something else.
 */
#include "frontend/k8s_object.h"

#define FILTER(list) .items = (list), .n = sizeof(list) / sizeof *(list)

/* ---- pods ---- */

static const struct filter_item container_port_items[] = {
    {STR_INIT("containerPort"), NULL}, {STR_INIT("name"), NULL}, {STR_INIT("protocol"), NULL}};
static const struct filter container_port = {FILTER(container_port_items), .drop = true};

static const struct filter_item container_items[] = {{STR_INIT("ports"), &container_port},
                                                     {STR_INIT("restartPolicy"), NULL}};
static const struct filter container = {FILTER(container_items), .drop = true};

static const struct filter_item pod_spec_items[] = {{STR_INIT("containers"), &container},
                                                    {STR_INIT("initContainers"), &container},
                                                    {STR_INIT("hostNetwork"), NULL},
                                                    {STR_INIT("nodeName"), NULL}};
static const struct filter pod_spec = {FILTER(pod_spec_items), .drop = true};

/* ---- pod templates ---- */

static const struct filter_item template_meta_items[] = {{STR_INIT("labels"), NULL}};
static const struct filter template_meta = {FILTER(template_meta_items), .drop = true};

static const struct filter_item template_items[] = {{STR_INIT("metadata"), &template_meta},
                                                    {STR_INIT("spec"), &pod_spec}};
static const struct filter template = {FILTER(template_items), .drop = true};

static const struct filter_item job_spec_items[] = {{STR_INIT("template"), &template}};
static const struct filter job_spec = {FILTER(job_spec_items), .drop = true};

static const struct filter_item job_template_items[] = {{STR_INIT("spec"), &job_spec}};
static const struct filter job_template = {FILTER(job_template_items), .drop = true};

/* ---- any object ---- */

static const struct filter_item status_items[] = {
    {STR_INIT("phase"), NULL},  {STR_INIT("podIP"), NULL},   {STR_INIT("podIPs"), NULL},
    {STR_INIT("hostIP"), NULL}, {STR_INIT("hostIPs"), NULL}, {STR_INIT("addresses"), NULL}};
static const struct filter status = {FILTER(status_items), .drop = true};

static const struct filter_item meta_items[] = {
    {STR_INIT("name"), NULL},        {STR_INIT("generateName"), NULL},
    {STR_INIT("namespace"), NULL},   {STR_INIT("labels"), NULL},
    {STR_INIT("annotations"), NULL}, {STR_INIT("ownerReferences"), NULL},
    {STR_INIT("finalizers"), NULL},  {STR_INIT("creationTimestamp"), NULL}};
static const struct filter meta = {FILTER(meta_items)};

/* One table for all kinds: the kind may stand last. */
static const struct filter_item spec_items[] = {
    /* policies */
    {STR_INIT("podSelector"), NULL},
    {STR_INIT("policyTypes"), NULL},
    {STR_INIT("ingress"), NULL},
    {STR_INIT("egress"), NULL},
    {STR_INIT("tier"), NULL},
    {STR_INIT("priority"), NULL},
    {STR_INIT("subject"), NULL},
    /* pods and what makes them */
    {STR_INIT("containers"), &container},
    {STR_INIT("initContainers"), &container},
    {STR_INIT("hostNetwork"), NULL},
    {STR_INIT("nodeName"), NULL},
    {STR_INIT("template"), &template},
    {STR_INIT("jobTemplate"), &job_template},
    /* services */
    {STR_INIT("selector"), NULL},
    {STR_INIT("clusterIP"), NULL},
    {STR_INIT("clusterIPs"), NULL},
    {STR_INIT("ports"), NULL},
};
static const struct filter spec = {FILTER(spec_items)};

static const struct filter_item object_items[] = {
    {STR_INIT("apiVersion"), NULL}, {STR_INIT("kind"), NULL},      {STR_INIT("metadata"), &meta},
    {STR_INIT("spec"), &spec},      {STR_INIT("status"), &status}, {STR_INIT("items"), &k8s_filter},
};
const struct filter k8s_filter = {FILTER(object_items)};
