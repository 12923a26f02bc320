/* The frame of a CUnit program: `UNIT_MAIN("noun", TEST(name), …)`. */
#ifndef NPC_TESTS_UNIT_H
#define NPC_TESTS_UNIT_H

#include "base/ctx.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define TEST(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

/* Memory exhausted in a test is a failure of the test program. */
static inline void unit_oom(void *arg)
{
    (void)arg;
    fputs("out of memory\n", stderr);
    abort();
}

static inline int unit_run(const char *suite_name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{suite_name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE); /* a line for each test, for scripts/test.sh */
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(suite_name, ...)                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        CU_TestInfo tests[] = {__VA_ARGS__, CU_TEST_INFO_NULL};                                    \
        return unit_run(suite_name, tests);                                                        \
    }

#endif
