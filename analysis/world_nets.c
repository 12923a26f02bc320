/* CIDRs: the sets of addresses that rules name, and the addresses that none of them tells apart. */
#include "analysis/world_priv.h"
#include "ir/sweep.h"

/* `outside`: it does not match addresses of the inventory. */
static uint32_t add_set(struct world *w, struct nets *n, struct ipset s, bool outside)
{
    struct binding *b = &w->parts->match;
    buf_cut(b->key, 0);
    buf_putc(b->key, outside ? 1 : 0);
    buf_put(b->key, s.v, s.n * sizeof *s.v);
    uint32_t id = intern_add(&n->ids, buf_text(b->key));
    if (id == n->sets.n) {
        vec_push(b->scratch, &n->sets, s);
        vec_push(b->scratch, &n->outside, outside);
    }
    return id;
}

/* The addresses of pods on a host's network: their traffic is their node's, and where no Node
 * object has such an address, it is an external one, but for ipBlock. */
static struct ipset host_addresses(const struct world *w, enum family f)
{
    struct arena *a = w->parts->match.scratch;
    const struct inventory *inv = &w->program->inv;
    VEC(struct ip_range) found = {0};
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *wl = inv->workloads.v[i];
        for (size_t k = 0; wl->host_network && !wl->finished && k < wl->naddrs; k++) {
            if (wl->addrs[k].family == f) {
                vec_push(a, &found, (struct ip_range){wl->addrs[k].ip, wl->addrs[k].ip});
            }
        }
    }
    return ipset_of_ranges(a, found.v, found.n);
}

static void collect_sets(struct world *w, enum family f)
{
    struct world_parts *parts = w->parts;
    struct ipset hosts =
        w->options.ipblock_external ? host_addresses(w, f) : (struct ipset){NULL, 0};
    for (size_t d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < parts->match.rules[d].n; i++) {
            const struct brule *r = &parts->match.rules[d].v[i];
            struct ipset s = r->rule->nets[f];
            /* `networks` of a cluster policy match pods whatever ipBlock does. */
            bool outside = w->options.ipblock_external &&
                           !policy_is_cluster(parts->match.policies[r->policy].policy->origin);
            if (outside) {
                s = ipset_subtract(parts->match.scratch, s, hosts);
            }
            parts->rules[d][i].net[f] =
                s.n == 0 ? ID_NONE : add_set(w, &parts->nets[f], s, outside);
        }
    }
}

static void cut(struct world *w, enum family f)
{
    struct nets *n = &w->parts->nets[f];
    struct arena *a = w->parts->match.scratch;
    struct sweep s;
    sweep_start(&s, a, f, n->sets.v, n->sets.n);
    do {
        vec_push(a, &n->atoms, (struct atom){s.range, sweep_sets(&s)});
    } while (sweep_next(&s));
    n->lists = s.lists;
    struct id_vec whole = {0};
    for (uint32_t i = 0; i < n->sets.n; i++) {
        if (!n->outside.v[i] && ipset_is_all(n->sets.v[i], f)) {
            vec_push(a, &whole, i);
        }
    }
    n->list_unknown = intern_ids(&n->lists, whole.v, whole.n);
}

/* Of each list, the sets that match addresses of the inventory as well. */
static void index_inside(struct world *w, struct nets *n)
{
    struct arena *a = w->parts->match.scratch;
    struct id_vec kept = {0};
    size_t nlists = n->lists.keys.n; /* those added below are inside already */
    for (uint32_t list = 0; list < nlists; list++) {
        struct id_list sets = intern_list(&n->lists, list);
        kept.n = 0;
        for (size_t i = 0; i < sets.n; i++) {
            if (!n->outside.v[sets.v[i]]) {
                vec_push(a, &kept, sets.v[i]);
            }
        }
        vec_push(a, &n->inside, intern_ids(&n->lists, kept.v, kept.n));
    }
}

/* ---- the inventory's addresses ---- */

static int compare_owners(const void *x, const void *y)
{
    const struct owner *a = x, *b = y;
    int order = ip_cmp(a->ip, b->ip);
    /* If a pod has a node's address, the node stands first. */
    return order != 0 ? order : (a->node == NULL) - (b->node == NULL);
}

static void collect_owners(struct world *w, enum family f)
{
    const struct inventory *inv = &w->program->inv;
    struct arena *a = w->parts->match.scratch;
    VEC(struct owner) all = {0};
    for (size_t i = 0; i < inv->workloads.n; i++) {
        const struct workload *wl = inv->workloads.v[i];
        for (size_t k = 0; !wl->finished && !wl->host_network && k < wl->naddrs; k++) {
            if (wl->addrs[k].family == f) {
                vec_push(a, &all, (struct owner){wl->addrs[k].ip, NULL});
            }
        }
    }
    for (size_t i = 0; i < inv->nodes.n; i++) {
        const struct node_object *node = inv->nodes.v[i];
        for (size_t k = 0; k < node->naddrs; k++) {
            if (node->addrs[k].family == f) {
                vec_push(a, &all, (struct owner){node->addrs[k].ip, node});
            }
        }
    }
    array_sort(all.v, all.n, sizeof *all.v, compare_owners);
    struct nets *n = &w->parts->nets[f];
    for (size_t i = 0; i < all.n; i++) {
        if (i == 0 || ip_cmp(all.v[i].ip, all.v[n->nowners - 1].ip) != 0) {
            all.v[n->nowners++] = all.v[i];
        }
    }
    n->owners = all.v;
}

void world_nets(struct world *w, enum family f)
{
    struct nets *n = &w->parts->nets[f];
    intern_init(&n->ids, w->parts->match.scratch);
    collect_sets(w, f);
    cut(w, f);
    index_inside(w, n);
    collect_owners(w, f);
}

/* ---- questions ---- */

const struct atom *nets_atom(const struct nets *n, struct ip ip)
{
    size_t low = 0, high = n->atoms.n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_cmp(n->atoms.v[middle].range.last, ip) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &n->atoms.v[low];
}

uint32_t nets_list_of(const struct world *w, enum family f, struct ip ip, bool of_inventory)
{
    const struct nets *n = &w->parts->nets[f];
    uint32_t list = nets_atom(n, ip)->list;
    return of_inventory ? n->inside.v[list] : list;
}

/* The first owner whose address is not below. */
static size_t owner_from(const struct nets *n, struct ip ip)
{
    size_t low = 0, high = n->nowners;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_cmp(n->owners[middle].ip, ip) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct owner *nets_owner(const struct nets *n, struct ip ip)
{
    size_t i = owner_from(n, ip);
    return i < n->nowners && ip_cmp(n->owners[i].ip, ip) == 0 ? &n->owners[i] : NULL;
}

bool nets_has_owner(const struct nets *n, struct ip_range r)
{
    size_t i = owner_from(n, r.first);
    return i < n->nowners && ip_cmp(n->owners[i].ip, r.last) <= 0;
}

bool nets_has_external(const struct nets *n, struct ip_range r)
{
    size_t end = owner_from(n, r.last);
    end += end < n->nowners && ip_cmp(n->owners[end].ip, r.last) == 0;
    uint64_t owned = end - owner_from(n, r.first);
    uint64_t low = r.last.lo - r.first.lo;
    uint64_t high = r.last.hi - r.first.hi - (r.last.lo < r.first.lo);
    return high != 0 || owned == 0 || low != owned - 1;
}

bool nets_external_part(const struct nets *n, struct ip_range r, struct ip_range *out)
{
    if (!nets_has_external(n, r)) {
        return false;
    }
    *out = nets_trim(n, r);
    if (nets_has_owner(n, r)) {
        out->last = out->first;
    }
    return true;
}

struct ip_range nets_trim(const struct nets *n, struct ip_range r)
{
    while (nets_owner(n, r.first) != NULL) {
        r.first = ip_next(r.first);
    }
    while (nets_owner(n, r.last) != NULL) {
        r.last = ip_prev(r.last);
    }
    return r;
}
