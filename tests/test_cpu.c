/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cpu.h"
#include "winnow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void limits_lower_but_never_raise(void **state)
{
    (void)state;
    wn_cpu detected = wn_cpu_detected();
    assert_int_equal(wn_cpu_level(), detected);
    wn_cpu_limit(WN_CPU_BASELINE);
    assert_int_equal(wn_cpu_level(), WN_CPU_BASELINE);
    wn_cpu_limit(WN_CPU_AVX2);
    assert_true(wn_cpu_level() == WN_CPU_AVX2 || wn_cpu_level() == WN_CPU_BASELINE);
    assert_true(wn_cpu_level() <= detected);
    wn_cpu_limit(WN_CPU_HIGHEST);
    assert_int_equal(wn_cpu_level(), detected);
}

static void environment_lowers_and_unknown_names_are_ignored(void **state)
{
    (void)state;
    setenv("WINNOW_CPU", "baseline", 1);
    assert_int_equal(wn_cpu_level(), WN_CPU_BASELINE);
    setenv("WINNOW_CPU", "abacus", 1);
    assert_int_equal(wn_cpu_level(), wn_cpu_detected());
    setenv("WINNOW_CPU", wn_cpu_name(wn_cpu_detected()), 1);
    assert_int_equal(wn_cpu_level(), wn_cpu_detected());
    unsetenv("WINNOW_CPU");
}

static void the_public_limit_takes_names(void **state)
{
    (void)state;
    winnow_error error = {.message = ""};
    assert_string_equal(winnow_cpu(), wn_cpu_name(wn_cpu_detected()));
    assert_int_equal(winnow_cpu_limit("baseline", &error), WINNOW_OK);
    assert_string_equal(winnow_cpu(), "baseline");
    assert_int_equal(winnow_cpu_limit("abacus", &error), WINNOW_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "'abacus'"));
    assert_string_equal(winnow_cpu(), "baseline");
    assert_int_equal(winnow_cpu_limit(NULL, NULL), WINNOW_OK);
    assert_string_equal(winnow_cpu(), wn_cpu_name(wn_cpu_detected()));
}

static void every_level_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(wn_cpu_name(WN_CPU_BASELINE), "baseline");
    assert_string_equal(wn_cpu_name(WN_CPU_AVX512VNNI), "avx512vnni");
    assert_string_equal(wn_cpu_name(WN_CPU_NEON_DOTPROD), "dotprod");
    assert_string_equal(wn_cpu_name(WN_CPU_NEON_BF16), "neonbf16");
    assert_string_equal(wn_cpu_name((wn_cpu)99), "unknown");
}

int main(void)
{
    unsetenv("WINNOW_CPU");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_lower_but_never_raise),
        cmocka_unit_test(environment_lowers_and_unknown_names_are_ignored),
        cmocka_unit_test(the_public_limit_takes_names),
        cmocka_unit_test(every_level_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
