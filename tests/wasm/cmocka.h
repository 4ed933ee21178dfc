/* SPDX-License-Identifier: Apache-2.0
 * As much of cmocka as test_kernels.c wants, for WebAssembly, where a test that fails ends the program. */
#ifndef WASM_CMOCKA_H
#define WASM_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

static const char *cmocka_filter;
static int cmocka_skipped;

#define cmocka_unit_test(function)                                                                           \
    {                                                                                                        \
#function, function                                                                                  \
    }
#define cmocka_set_test_filter(filter)                   (cmocka_filter = (filter))
#define cmocka_run_group_tests(tests, set_up, tear_down) cmocka_run(tests, sizeof(tests) / sizeof *(tests))
#define print_message                                    printf
#define fail_msg(...)                                    (printf(__VA_ARGS__), printf(" (%s:%d)\n", __FILE__, __LINE__), exit(1))
#define skip()                                                                                               \
    do {                                                                                                     \
        cmocka_skipped = 1;                                                                                  \
        return;                                                                                              \
    } while (0)
#define assert_true(x)     ((x) ? (void)0 : (void)fail_msg("%s does not hold", #x))
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_int_equal(a, b)                                                                               \
    ((a) == (b) ? (void)0 : (void)fail_msg("%s is %d, not %d", #a, (int)(a), (int)(b)))

static int cmocka_run(const struct CMUnitTest *tests, size_t count)
{
    int run = 0;
    for (size_t i = 0; i < count; i++) {
        if (cmocka_filter && strcmp(cmocka_filter, tests[i].name))
            continue;
        cmocka_skipped = 0;
        tests[i].run(NULL);
        run += !cmocka_skipped;
        printf("%s: %s\n", tests[i].name, cmocka_skipped ? "skipped" : "ok");
    }
    return run ? 0 : 1;
}

#endif
