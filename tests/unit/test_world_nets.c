/* Whose an address is, by ranges that cross every border: of the owners, and of 64 bits. */
#include "analysis/world_priv.h"
#include "unit.h"

/* Addresses in a row: the last of 64 bits, and the first beyond. */
enum { ADDRESSES = 9 };

static struct ip address(int i)
{
    return i < 4 ? (struct ip){5, UINT64_MAX - 3 + (uint64_t)i} : (struct ip){6, (uint64_t)i - 4};
}

/* Every set of owners, every range. */
static void ranges_have_owners(void)
{
    static const struct node_object node = {.name = STR_INIT("n")};
    for (unsigned owned = 0; owned < 1u << ADDRESSES; owned++) {
        struct owner *owners = calloc(ADDRESSES, sizeof *owners);
        struct nets n = {.owners = owners};
        for (int i = 0; i < ADDRESSES; i++) {
            if (owned >> i & 1) {
                owners[n.nowners++] = (struct owner){address(i), i % 2 ? &node : NULL};
            }
        }
        for (int i = 0; i < ADDRESSES; i++) {
            const struct owner *o = nets_owner(&n, address(i));
            CU_ASSERT_EQUAL(o != NULL, owned >> i & 1);
            CU_ASSERT(o == NULL || (ip_cmp(o->ip, address(i)) == 0 && !o->node == !(i % 2)));
            for (int k = i; k < ADDRESSES; k++) {
                unsigned all = (1u << (k - i + 1)) - 1, inside = owned >> i & all;
                struct ip_range r = {address(i), address(k)};
                CU_ASSERT_EQUAL(nets_has_owner(&n, r), inside != 0);
                CU_ASSERT_EQUAL(nets_has_external(&n, r), inside != all);
            }
        }
        free(owners);
    }
}

/* Ranges as wide as families are: as many owners as the lower half of the width says. */
static void wide_ranges_have_strangers(void)
{
    struct owner owners[] = {{{0, 0}, NULL}, {{0, 1}, NULL}, {{7, 3}, NULL}};
    struct nets n = {.owners = owners, .nowners = 3};
    static const struct ip_range wide[] = {
        {{0, 0}, {1, 0}},
        {{0, 0}, {1, 1}},
        {{0, 1}, {7, 3}},
        {{0, 3}, {7, 3}},
        {{0, 0}, {UINT64_MAX, UINT64_MAX}},
        {{7, 2}, {8, 1}},
    };
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        CU_ASSERT(nets_has_external(&n, wide[i]));
    }
}

static void atoms_hold_their_addresses(void)
{
    struct atom atoms[] = {
        {{{0, 0}, {5, UINT64_MAX - 1}}, 0},
        {{{5, UINT64_MAX}, {5, UINT64_MAX}}, 1},
        {{{6, 0}, {6, 2}}, 2},
        {{{6, 3}, {UINT64_MAX, UINT64_MAX}}, 3},
    };
    for (size_t count = 1; count <= 4; count++) {
        struct nets n = {.atoms = {atoms, count, count}};
        for (int i = 0; i < ADDRESSES; i++) {
            size_t want = i < 3 ? 0 : i < 4 ? 1 : i < 7 ? 2 : 3;
            if (want < count) {
                CU_ASSERT_PTR_EQUAL(nets_atom(&n, address(i)), &atoms[want]);
            }
        }
    }
}

UNIT_MAIN("world_nets", TEST(ranges_have_owners), TEST(wide_ranges_have_strangers),
          TEST(atoms_hold_their_addresses))
