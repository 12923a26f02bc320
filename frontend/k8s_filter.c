/*
 * What of an object is built in memory: what some decoder reads, and a trace of every other field
 * that a policy would have to refuse. A Pod as the API server prints it is mostly something else.
 */
#include "frontend/k8s_object.h"

#define FILTER(list) .items = (list), .n = sizeof(list) / sizeof *(list)

/* ---- pods ---- */

static const struct filter_item container_port_items[] = {
    {.key = STR_INIT("containerPort")}, {.key = STR_INIT("name")}, {.key = STR_INIT("protocol")}};
static const struct filter container_port = {FILTER(container_port_items), .drop = true};

static const struct filter_item container_items[] = {
    {.key = STR_INIT("ports"), .below = &container_port}, {.key = STR_INIT("restartPolicy")}};
static const struct filter container = {FILTER(container_items), .drop = true};

static const struct filter_item pod_spec_items[] = {
    {.key = STR_INIT("containers"), .below = &container},
    {.key = STR_INIT("initContainers"), .below = &container},
    {.key = STR_INIT("hostNetwork")},
    {.key = STR_INIT("nodeName")}};
static const struct filter pod_spec = {FILTER(pod_spec_items), .drop = true};

/* ---- pod templates ---- */

static const struct filter_item template_meta_items[] = {{.key = STR_INIT("labels")}};
static const struct filter template_meta = {FILTER(template_meta_items), .drop = true};

static const struct filter_item template_items[] = {
    {.key = STR_INIT("metadata"), .below = &template_meta},
    {.key = STR_INIT("spec"), .below = &pod_spec}};
static const struct filter template = {FILTER(template_items), .drop = true};

static const struct filter_item job_spec_items[] = {
    {.key = STR_INIT("template"), .below = &template}};
static const struct filter job_spec = {FILTER(job_spec_items), .drop = true};

static const struct filter_item job_template_items[] = {
    {.key = STR_INIT("spec"), .below = &job_spec}};
static const struct filter job_template = {FILTER(job_template_items), .drop = true};

/* ---- pods, where the kind stands before all that depends on it ---- */

/* As the API server writes them. Nothing in their spec has to be refused, so what is not read
 * leaves no trace there: that would be most of what is built of a dump. */
static const struct filter_item owner_items[] = {
    {.key = STR_INIT("kind")}, {.key = STR_INIT("name")}, {.key = STR_INIT("controller")}};
static const struct filter owner = {FILTER(owner_items), .drop = true};

static const struct filter_item pod_meta_items[] = {
    {.key = STR_INIT("name")},
    {.key = STR_INIT("namespace")},
    {.key = STR_INIT("labels")},
    {.key = STR_INIT("ownerReferences"), .below = &owner}};
static const struct filter pod_meta = {FILTER(pod_meta_items)};

static bool is_pod(const struct node *object)
{
    const struct node *kind = node_find(object, STR("kind"));
    return kind != NULL && kind->kind == NODE_SCALAR && str_is(kind->text, "Pod");
}

static const struct filter *narrow_meta(const struct node *object)
{
    return is_pod(object) ? &pod_meta : NULL;
}

static const struct filter *narrow_spec(const struct node *object)
{
    return is_pod(object) ? &pod_spec : NULL;
}

/* ---- any object ---- */

static const struct filter_item status_items[] = {
    {.key = STR_INIT("phase")},  {.key = STR_INIT("podIP")},   {.key = STR_INIT("podIPs")},
    {.key = STR_INIT("hostIP")}, {.key = STR_INIT("hostIPs")}, {.key = STR_INIT("addresses")}};
static const struct filter status = {FILTER(status_items), .drop = true};

static const struct filter_item meta_items[] = {
    {.key = STR_INIT("name")},        {.key = STR_INIT("generateName")},
    {.key = STR_INIT("namespace")},   {.key = STR_INIT("labels")},
    {.key = STR_INIT("annotations")}, {.key = STR_INIT("ownerReferences")},
    {.key = STR_INIT("finalizers")},  {.key = STR_INIT("creationTimestamp")}};
static const struct filter meta = {FILTER(meta_items)};

/* One table for all kinds: the kind may stand last. */
static const struct filter_item spec_items[] = {
    /* policies */
    {.key = STR_INIT("podSelector")},
    {.key = STR_INIT("policyTypes")},
    {.key = STR_INIT("ingress")},
    {.key = STR_INIT("egress")},
    {.key = STR_INIT("tier")},
    {.key = STR_INIT("priority")},
    {.key = STR_INIT("subject")},
    /* pods and what makes them */
    {.key = STR_INIT("containers"), .below = &container},
    {.key = STR_INIT("initContainers"), .below = &container},
    {.key = STR_INIT("hostNetwork")},
    {.key = STR_INIT("nodeName")},
    {.key = STR_INIT("template"), .below = &template},
    {.key = STR_INIT("jobTemplate"), .below = &job_template},
    /* services */
    {.key = STR_INIT("selector")},
    {.key = STR_INIT("clusterIP")},
    {.key = STR_INIT("clusterIPs")},
    {.key = STR_INIT("ports")},
};
static const struct filter spec = {FILTER(spec_items)};

static const struct filter_item object_items[] = {
    {.key = STR_INIT("apiVersion")},
    {.key = STR_INIT("kind")},
    {.key = STR_INIT("metadata"), .below = &meta, .narrow = narrow_meta},
    {.key = STR_INIT("spec"), .below = &spec, .narrow = narrow_spec},
    {.key = STR_INIT("status"), .below = &status},
    {.key = STR_INIT("items"), .below = &k8s_filter},
};
const struct filter k8s_filter = {FILTER(object_items)};
