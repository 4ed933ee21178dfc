/* SPDX-License-Identifier: Apache-2.0
 * Live video: steady pictures keep their verdict, changes come in bounded time, noise does not flicker, and
 * none of it depends on the frame rate. */
#include "runtime/random.h"
#include "winnow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const double rates[] = {10, 24, 30, 60, 120};

static winnow_result result(winnow_verdict verdict)
{
    return (winnow_result){verdict, verdict == WINNOW_NORMAL ? 0.5f : 0.01f, 1 - (float)verdict, -1, 0};
}

static winnow_result update(winnow_stream *stream, winnow_result frame, double seconds)
{
    winnow_result shown;
    winnow_error error;
    if (winnow_stream_update(stream, &frame, seconds, &shown, &error))
        fail_msg("%s", error.message);
    return shown;
}

static winnow_verdict show(winnow_stream *stream, winnow_verdict verdict, double seconds)
{
    return update(stream, result(verdict), seconds).verdict;
}

static void steady_pictures_keep_their_verdict(void **state)
{
    (void)state;
    for (int verdict = WINNOW_NORMAL; verdict <= WINNOW_ABNORMAL; verdict++) {
        winnow_stream stream;
        winnow_stream_init(&stream);
        for (int i = 0; i < 200; i++) {
            const winnow_result shown = update(&stream, result(verdict), 1e6 + i / 30.0);
            assert_int_equal(shown.verdict, verdict);
            assert_true(fabsf(shown.similarity - (1 - (float)verdict)) < 1e-6f);
        }
    }
}

/* Seconds from the change of the picture until `wanted` is shown. */
static double delay(double rate, winnow_verdict before, winnow_verdict after, winnow_verdict wanted)
{
    winnow_stream stream;
    winnow_stream_init(&stream);
    int i = 0;
    for (; i < rate * 3; i++)
        show(&stream, before, i / rate);
    const double change = i / rate;
    for (; i < rate * 6; i++)
        if (show(&stream, after, i / rate) == wanted)
            return i / rate - change;
    return INFINITY;
}

/* The average vote is then 1 - 2 exp(-t/0.4) or its like, and crosses +-1/4 and +-3/4 at these times. */
static void changes_come_in_time_at_any_rate(void **state)
{
    (void)state;
    const struct {
        winnow_verdict before, after, wanted;
        double seconds;
    } cases[] = {
        {WINNOW_NORMAL, WINNOW_ABNORMAL, WINNOW_UNSURE, 0.4 * 0.470},
        {WINNOW_NORMAL, WINNOW_ABNORMAL, WINNOW_ABNORMAL, 0.4 * 2.079},
        {WINNOW_ABNORMAL, WINNOW_NORMAL, WINNOW_UNSURE, 0.4 * 0.470},
        {WINNOW_ABNORMAL, WINNOW_NORMAL, WINNOW_NORMAL, 0.4 * 2.079},
        {WINNOW_NORMAL, WINNOW_UNSURE, WINNOW_UNSURE, 0.4 * 1.386},
        {WINNOW_UNSURE, WINNOW_NORMAL, WINNOW_NORMAL, 0.4 * 1.386},
    };
    for (size_t c = 0; c < LENGTH(cases); c++)
        for (size_t r = 0; r < LENGTH(rates); r++) {
            const double seconds = delay(rates[r], cases[c].before, cases[c].after, cases[c].wanted);
            assert_true(fabs(seconds - cases[c].seconds) <= 1 / rates[r] + 1e-3);
        }
}

/* Frames that alternate, and frames by chance: no verdict lasts less than the dwell. */
static void nothing_flickers(void **state)
{
    (void)state;
    for (size_t r = 0; r < LENGTH(rates); r++)
        for (int percent = 0; percent <= 100; percent += 5) {
            winnow_stream stream;
            winnow_stream_init(&stream);
            wn_random random;
            wn_random_seed(&random, (uint64_t)percent, r);
            double since = 0;
            winnow_verdict last = WINNOW_NORMAL;
            for (int i = 0; i < 120 * rates[r]; i++) {
                const double now = i / rates[r];
                const winnow_verdict frame = wn_random_below(&random, 100) < (uint64_t)percent;
                const winnow_verdict shown = show(&stream, frame ? WINNOW_ABNORMAL : WINNOW_NORMAL, now);
                if (i && shown != last) {
                    assert_true(now - since >= stream.dwell);
                    since = now;
                }
                last = shown;
            }
        }
}

static void one_bad_frame_is_not_seen(void **state)
{
    (void)state;
    for (size_t r = 1; r < LENGTH(rates); r++) {
        winnow_stream stream;
        winnow_stream_init(&stream);
        for (int i = 0; i < 60 * rates[r]; i++)
            assert_int_equal(
                show(&stream, i % (int)rates[r] == 7 ? WINNOW_ABNORMAL : WINNOW_NORMAL, i / rates[r]),
                WINNOW_NORMAL);
    }
}

/* Similarity steps from 1 to -1: the average is the analytic one, whatever the rate. */
static void averages_do_not_depend_on_the_rate(void **state)
{
    (void)state;
    for (size_t r = 0; r < LENGTH(rates); r++) {
        winnow_stream stream;
        winnow_stream_init(&stream);
        update(&stream, result(WINNOW_NORMAL), 0);
        winnow_result shown = {0};
        for (int i = 1; i <= rates[r]; i++)
            shown = update(&stream, result(WINNOW_ABNORMAL), i / rates[r]);
        assert_true(fabs(shown.similarity - (-1 + 2 * exp(-1 / 0.4))) < 1e-5);
        assert_true(fabs(shown.p_value - (0.01 + 0.49 * exp(-1 / 0.4))) < 1e-5);
    }
}

static void a_pause_starts_afresh(void **state)
{
    (void)state;
    winnow_stream stream;
    winnow_stream_init(&stream);
    for (int i = 0; i < 30; i++)
        show(&stream, WINNOW_NORMAL, i / 30.0);
    assert_int_equal(show(&stream, WINNOW_ABNORMAL, 5), WINNOW_ABNORMAL);
}

static void time_may_stand_still_but_not_run_back(void **state)
{
    (void)state;
    winnow_stream stream;
    winnow_stream_init(&stream);
    show(&stream, WINNOW_NORMAL, 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(show(&stream, WINNOW_ABNORMAL, 10 - i), WINNOW_NORMAL);
}

static void classes_change_when_they_mean_it(void **state)
{
    (void)state;
    winnow_stream stream;
    winnow_stream_init(&stream);
    winnow_result blast = result(WINNOW_NORMAL), spot = blast;
    blast.class_index = 0, blast.class_probability = 0.9f;
    spot.class_index = 1, spot.class_probability = 0.8f;
    int i = 0;
    for (; i < 60; i++)
        assert_int_equal(update(&stream, i % 10 == 9 ? spot : blast, i / 30.0).class_index, 0);
    int frames = 0;
    while (update(&stream, spot, i++ / 30.0).class_index == 0)
        frames++;
    assert_in_range(frames, 5, 15);
    assert_int_equal(update(&stream, blast, i / 30.0).class_index, 1);
}

static void refusals(void **state)
{
    (void)state;
    winnow_stream stream;
    winnow_stream_init(&stream);
    winnow_result frame = result(WINNOW_NORMAL), shown;
    winnow_error error;
    assert_int_equal(winnow_stream_update(NULL, &frame, 0, &shown, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(winnow_stream_update(&stream, NULL, 0, &shown, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(winnow_stream_update(&stream, &frame, 0, NULL, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "stream, frame or shown is NULL");
    assert_int_equal(winnow_stream_update(&stream, &frame, NAN, &shown, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "the time of a frame is not finite");
    frame.similarity = NAN;
    assert_int_equal(winnow_stream_update(&stream, &frame, 0, &shown, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "the frame's result is not one of winnow_score");
    frame = result(WINNOW_NORMAL);
    stream.smoothing = 0;
    assert_int_equal(winnow_stream_update(&stream, &frame, 0, &shown, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "a setting of the stream is outside its range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_pictures_keep_their_verdict),
        cmocka_unit_test(changes_come_in_time_at_any_rate),
        cmocka_unit_test(nothing_flickers),
        cmocka_unit_test(one_bad_frame_is_not_seen),
        cmocka_unit_test(averages_do_not_depend_on_the_rate),
        cmocka_unit_test(a_pause_starts_afresh),
        cmocka_unit_test(time_may_stand_still_but_not_run_back),
        cmocka_unit_test(classes_change_when_they_mean_it),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
