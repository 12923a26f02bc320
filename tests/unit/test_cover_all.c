/*
 * Containment of selectors, complete: every pair of selectors of two requirements on one key, of
 * whose two values one is the empty string, against every state that a label can have. (Keys are
 * independent: test_cover.c has two of them.)
 */
#include "ir/cover.h"
#include "unit.h"

static struct str values[] = {STR_INIT("x"), STR_INIT(""), STR_INIT("other")};

/* Absent, or one of the values; the last is in no selector and stands for all others. */
enum { STATES = 4 };

static struct labels label_state(size_t state, struct label *room)
{
    *room = (struct label){.key = STR("k")};
    if (state > 0) {
        room->value = values[state - 1];
    }
    return (struct labels){room, state > 0};
}

static const struct {
    enum sel_op op;
    size_t first, n; /* of the values */
} forms[] = {{SEL_EQ, 0, 1},    {SEL_EQ, 1, 1},    {SEL_IN, 0, 2},     {SEL_NOTIN, 0, 1},
             {SEL_NOTIN, 1, 1}, {SEL_NOTIN, 0, 2}, {SEL_EXISTS, 0, 0}, {SEL_ABSENT, 0, 0}};
enum { FORMS = sizeof forms / sizeof *forms, SELECTORS = (FORMS + 1) * (FORMS + 1) };

static const struct selector *selector_of(struct arena *a, size_t number)
{
    struct selector *s = ARENA_NEW(a, struct selector);
    s->v = ARENA_NEW_ARRAY(a, 2, struct sel_req);
    for (size_t i = 0; i < 2; i++, number /= FORMS + 1) {
        size_t form = number % (FORMS + 1);
        if (form > 0) {
            s->v[s->n++] = (struct sel_req){.op = forms[form - 1].op,
                                            .key = STR("k"),
                                            .values = values + forms[form - 1].first,
                                            .nvalues = forms[form - 1].n};
        }
    }
    return selector_normalize(a, s);
}

static void compare(const struct selector *outer, const struct selector *inner)
{
    bool covers = true, meet = false, possible = false;
    for (size_t i = 0; i < STATES; i++) {
        struct label room;
        const struct labels l = label_state(i, &room);
        bool in = selector_matches(inner, &l), out = selector_matches(outer, &l);
        covers = covers && (!in || out);
        meet = meet || (in && out);
        possible = possible || in;
    }
    CU_ASSERT_EQUAL(selector_satisfiable(inner), possible);
    CU_ASSERT_EQUAL(selector_covers(outer, inner), covers);
    CU_ASSERT_EQUAL(selectors_meet(outer, inner), meet);
}

static void every_pair(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    for (size_t i = 0; i < (size_t)SELECTORS * SELECTORS; i++) {
        compare(selector_of(&a, i % SELECTORS), selector_of(&a, i / SELECTORS));
    }
    arena_free(&a);
}

UNIT_MAIN("cover_all", TEST(every_pair))
