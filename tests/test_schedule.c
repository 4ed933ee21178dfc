/* SPDX-License-Identifier: Apache-2.0 */
#include "train/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void constant_stays(void **state)
{
    (void)state;
    wn_schedule schedule = {WN_SCHEDULE_CONSTANT, 0.5, 0};
    for (long step = 0; step < 10; step++)
        assert_float_equal(wn_schedule_rate(&schedule, step, 10), 0.5, 1e-7f);
}

static void warmup_rises_to_the_rate(void **state)
{
    (void)state;
    wn_schedule schedule = {WN_SCHEDULE_CONSTANT, 0.8, 4};
    assert_float_equal(wn_schedule_rate(&schedule, 0, 10), 0.2, 1e-7f);
    assert_float_equal(wn_schedule_rate(&schedule, 3, 10), 0.8, 1e-7f);
    assert_float_equal(wn_schedule_rate(&schedule, 4, 10), 0.8, 1e-7f);
}

static void cosine_falls_from_the_rate_towards_zero(void **state)
{
    (void)state;
    wn_schedule schedule = {WN_SCHEDULE_COSINE, 2, 2};
    assert_float_equal(wn_schedule_rate(&schedule, 2, 10), 2, 1e-7f);
    assert_float_equal(wn_schedule_rate(&schedule, 6, 10), 1, 1e-7f);
    for (long step = 3; step < 10; step++)
        assert_true(wn_schedule_rate(&schedule, step, 10) < wn_schedule_rate(&schedule, step - 1, 10));
    assert_true(wn_schedule_rate(&schedule, 9, 10) > 0);
}

static void a_training_shorter_than_its_warmup_is_all_warmup(void **state)
{
    (void)state;
    wn_schedule schedule = {WN_SCHEDULE_COSINE, 1, 10};
    for (long step = 0; step < 5; step++)
        assert_float_equal(wn_schedule_rate(&schedule, step, 5), (double)(step + 1) / 10, 1e-7f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(warmup_rises_to_the_rate),
        cmocka_unit_test(cosine_falls_from_the_rate_towards_zero),
        cmocka_unit_test(a_training_shorter_than_its_warmup_is_all_warmup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
