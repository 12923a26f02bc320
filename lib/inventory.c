/*
 * The inventory of a program as Kubernetes objects in one JSON list: an INPUT that means the same
 * to policies. Services, which no policy looks at, are left out.
 */
#include "lib/context.h"

struct writer {
    struct buf *out;
    bool first; /* no object has been written yet */
};

static void put_key(struct buf *out, const char *key)
{
    buf_printf(out, "\"%s\":", key);
}

static void put_text(struct buf *out, const char *key, struct str text)
{
    put_key(out, key);
    buf_json_string(out, text);
}

static void put_labels(struct buf *out, const struct labels *l)
{
    buf_puts(out, ",\"labels\":{");
    for (size_t i = 0; i < l->n; i++) {
        buf_puts(out, i > 0 ? "," : "");
        buf_json_string(out, l->v[i].key);
        buf_putc(out, ':');
        buf_json_string(out, l->v[i].value);
    }
    buf_putc(out, '}');
}

static void begin(struct writer *w, const char *api, struct str kind, struct str name)
{
    buf_puts(w->out, w->first ? "\n" : ",\n");
    w->first = false;
    buf_printf(w->out, "{\"apiVersion\":\"%s\",", api);
    put_text(w->out, "kind", kind);
    buf_puts(w->out, ",\"metadata\":{");
    put_text(w->out, "name", name);
}

static void put_namespace(struct writer *w, const struct ns_object *ns)
{
    if (ns->declared) {
        begin(w, "v1", STR("Namespace"), ns->name);
        put_labels(w->out, &ns->labels);
        buf_puts(w->out, "}}");
    }
}

static void put_addresses(struct buf *out, const struct address *v, size_t n, const char *before,
                          const char *after)
{
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, i > 0 ? "," : "");
        buf_puts(out, before);
        ip_print(out, v[i].family, v[i].ip);
        buf_puts(out, after);
    }
}

static void put_node(struct writer *w, const struct node_object *n)
{
    begin(w, "v1", STR("Node"), n->name);
    put_labels(w->out, &n->labels);
    buf_puts(w->out, "},\"status\":{\"addresses\":[");
    put_addresses(w->out, n->addrs, n->naddrs, "{\"type\":\"InternalIP\",\"address\":\"", "\"}");
    buf_puts(w->out, "]}}");
}

/* "Deployment/web", as the inventory keeps it. */
static bool split_owner(struct str owner, struct str *kind, struct str *name)
{
    size_t slash = 0;
    while (slash < owner.n && owner.p[slash] != '/') {
        slash++;
    }
    if (slash == owner.n) {
        return false;
    }
    *kind = (struct str){owner.p, slash};
    *name = (struct str){owner.p + slash + 1, owner.n - slash - 1};
    return true;
}

static void put_owner(struct buf *out, struct str owner)
{
    struct str kind, name;
    if (!split_owner(owner, &kind, &name)) {
        return;
    }
    buf_puts(out, ",\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"controller\":true,");
    put_text(out, "kind", kind);
    buf_putc(out, ',');
    put_text(out, "name", name);
    buf_puts(out, "}]");
}

static void put_ports(struct buf *out, const struct workload *wl)
{
    buf_puts(out, "\"containers\":[{\"name\":\"c\",\"ports\":[");
    for (size_t i = 0; i < wl->nports; i++) {
        const struct named_port *p = &wl->ports[i];
        buf_printf(out, "%s{\"containerPort\":%u,\"protocol\":\"%s\"", i > 0 ? "," : "", p->number,
                   proto_upper(p->proto));
        if (p->name.n > 0) {
            buf_putc(out, ',');
            put_text(out, "name", p->name);
        }
        buf_putc(out, '}');
    }
    buf_puts(out, "]}]");
}

/* Where a kind keeps its pod template. */
static const struct template_kind {
    const char *kind, *api, *before, *after;
} template_kinds[] = {
    {"CronJob", "batch/v1", "\"jobTemplate\":{\"spec\":{", "}}"},
    {"Job", "batch/v1", "", ""},
    {"ReplicationController", "v1", "", ""},
    {NULL, "apps/v1", "", ""}, /* Deployment, StatefulSet, DaemonSet, ReplicaSet */
};

static const struct template_kind *find_kind(struct str kind)
{
    const struct template_kind *k = template_kinds;
    while (k->kind != NULL && !str_is(kind, k->kind)) {
        k++;
    }
    return k;
}

static void put_template(struct writer *w, const struct workload *wl)
{
    struct str kind, name;
    if (!split_owner(wl->owner, &kind, &name)) {
        return;
    }
    const struct template_kind *k = find_kind(kind);
    begin(w, k->api, kind, name);
    buf_putc(w->out, ',');
    put_text(w->out, "namespace", wl->ns);
    buf_printf(w->out, "},\"spec\":{%s\"template\":{\"metadata\":{\"name\":\"t\"", k->before);
    put_labels(w->out, &wl->labels);
    buf_printf(w->out, "},\"spec\":{\"hostNetwork\":%s,", wl->host_network ? "true" : "false");
    put_ports(w->out, wl);
    buf_printf(w->out, "}}%s}}", k->after);
}

static void put_workload(struct writer *w, const struct workload *wl)
{
    begin(w, "v1", STR("Pod"), wl->name);
    buf_putc(w->out, ',');
    put_text(w->out, "namespace", wl->ns);
    put_labels(w->out, &wl->labels);
    put_owner(w->out, wl->owner);
    buf_puts(w->out, "},\"spec\":{");
    put_text(w->out, "nodeName", wl->node);
    buf_printf(w->out, ",\"hostNetwork\":%s,", wl->host_network ? "true" : "false");
    put_ports(w->out, wl);
    buf_printf(w->out, "},\"status\":{\"phase\":\"%s\",\"podIPs\":[",
               wl->finished ? "Succeeded" : "Running");
    put_addresses(w->out, wl->addrs, wl->naddrs, "{\"ip\":\"", "\"}");
    buf_puts(w->out, "]}}");
}

static struct str inventory_text(struct npc *n)
{
    const struct inventory *inv = &n->program.inv;
    struct writer w = {buf_new(&n->ctx.arena), true};
    buf_puts(w.out, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
    for (size_t i = 0; i < inv->namespaces.n; i++) {
        put_namespace(&w, inv->namespaces.v[i]);
    }
    for (size_t i = 0; i < inv->nodes.n; i++) {
        put_node(&w, inv->nodes.v[i]);
    }
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *wl = inv->workloads.v[i];
        if (wl->kind == WL_TEMPLATE) {
            put_template(&w, wl);
        } else {
            put_workload(&w, wl);
        }
    }
    buf_puts(w.out, "\n]}\n");
    return buf_text(w.out);
}

enum npc_status npc_inventory(struct npc *n, const char **text, size_t *size)
{
    GUARD(n);
    struct str s = inventory_text(n);
    *text = s.p;
    *size = s.n;
    return NPC_OK;
}
