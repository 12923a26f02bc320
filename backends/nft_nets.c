/*
 * CIDRs as classes: all address sets of a part are cut into ranges that none of them can tell apart
 * further, and ranges in the same sets share a class, numbered behind the peer classes. One map
 * leads from an address to its class; the rest is as for pods.
 */
#include "backends/nft_priv.h"

#include "ir/sweep.h"

void nft_nets_init(struct nft_nets *n, struct nft_part *p)
{
    *n = (struct nft_nets){.part = p};
    intern_init(&n->ids, p->arena);
}

static struct str bytes_of(struct ipset nets)
{
    return (struct str){(const char *)nets.v, nets.n * sizeof *nets.v};
}

uint32_t nft_nets_add(struct nft_nets *n, struct ipset nets)
{
    uint32_t id = intern_add(&n->ids, bytes_of(nets));
    if (id == n->sets.n) {
        vec_push(n->part->arena, &n->sets, nets);
    }
    return id;
}

struct id_list nft_nets_classes(const struct nft_nets *n, struct ipset nets)
{
    const struct id_vec *classes = &n->classes[intern_find(&n->ids, bytes_of(nets))];
    return (struct id_list){classes->v, classes->n};
}

/* The class of a list of sets; new ones are entered with every set of the list. */
static uint32_t class_of_list(struct nft_nets *n, const struct sweep *s, struct id_vec *class_of,
                              uint32_t list)
{
    struct arena *a = n->part->arena;
    while (class_of->n <= list) {
        vec_push(a, class_of, ID_NONE);
    }
    if (class_of->v[list] == ID_NONE) {
        class_of->v[list] = nft_class_new(n->part, s->range.first);
        n->nclasses++;
        struct id_list sets = intern_list(&s->lists, list);
        for (size_t i = 0; i < sets.n; i++) {
            vec_push(a, &n->classes[sets.v[i]], class_of->v[list]);
        }
    }
    return class_of->v[list];
}

/* The protocol in the key is always any: it makes the kernel take pipapo, which finds an address
 * among thousands of ranges three times faster than its tree. */
bool nft_nets_build(struct nft_nets *n, struct str map_name)
{
    struct nft_part *p = n->part;
    struct arena *a = p->arena;
    n->classes = ARENA_NEW_ARRAY(a, n->sets.n, struct id_vec);
    struct nft_set *map =
        nft_set_new(p, str_printf(a, "%s . inet_proto : classid", p->addr_type).p);
    map->map = true;
    map->interval = true;

    struct sweep s;
    sweep_start(&s, a, p->family, n->sets.v, n->sets.n);
    struct id_vec class_of = {0};
    do {
        uint32_t list = sweep_sets(&s);
        struct id_list sets = intern_list(&s.lists, list);
        if (sets.n == 0) {
            continue;
        }
        if (!nft_part_reserve(p, sets.n + 1, (struct span){0})) {
            return false;
        }
        struct buf *b = nft_set_element(map);
        nft_range_text(b, p->family, s.range);
        buf_puts(b, " . 0-255 : ");
        buf_str(b, nft_class_text(p, 0, class_of_list(n, &s, &class_of, list)));
    } while (sweep_next(&s));
    nft_set_named(p, map, map_name);
    return true;
}
