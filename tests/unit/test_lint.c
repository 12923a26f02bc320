/* What cannot be shown in a file of tests/lint: a program that is too large to be compared. */
#include "analysis/expect.h"
#include "analysis/lint.h"
#include "lib/check.h"
#include "tests/unit/dsl.h"

static const char program[] = "namespace n {\n"
                              "  policy p for pods a=x { allow from pods b=y on tcp/1 }\n"
                              "  policy q for pods a=x { allow from pods b=y on tcp/1 }\n"
                              "  workload w { label a = x }\n"
                              "  workload v { label b = y }\n"
                              "  test \"t\" { expect allow pods b=y -> pods a=x on tcp/1 }\n"
                              "}\n";

/* Checks the program with a budget; returns how many diagnostics of an id there are. */
static size_t count(size_t budget, enum diag_id id)
{
    struct dsl d;
    dsl_open(&d);
    d.c.limits.comparisons = budget;
    CU_ASSERT_FATAL(dsl_run(&d, program));
    const struct world_options world_options = {0};
    const struct lint_options options = {0};
    const struct world *w = world_new(&d.c, &d.p, &world_options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    struct lint_open open = {0};
    lint_program(&d.c, w, &options, &open);
    expectations_check(&d.c, w);
    suppress(&d.c, &open);
    size_t n = 0;
    for (size_t i = 0; i < d.c.diags.list.n; i++) {
        n += d.c.diags.list.v[i]->id == id;
    }
    dsl_close(&d);
    return n;
}

/* Whatever was not looked at is said, as an error: it must not pass for clean (NPC517). */
static void not_analysed(void)
{
    CU_ASSERT_EQUAL(count(1000000, DIAG_NPC517), 0);
    CU_ASSERT_EQUAL(count(1000000, DIAG_NPC203), 1);
    CU_ASSERT_EQUAL(count(0, DIAG_NPC203), 0);
    CU_ASSERT_EQUAL(count(0, DIAG_NPC517), 2); /* the lints, and the expectation */
    for (size_t budget = 0; budget < 200; budget++) {
        CU_ASSERT(count(budget, DIAG_NPC203) == 1 || count(budget, DIAG_NPC517) > 0);
    }
}

UNIT_MAIN("lint", TEST(not_analysed))
