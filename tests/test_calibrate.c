/* SPDX-License-Identifier: Apache-2.0
 * Conformal calibration: the table of what n photos can carry, the refusals, and simulations that hold it to
 * its promise. */
#include "runtime/calibrate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* splitmix64; uniform in (0, 1). */
static double uniform(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return ((z ^ z >> 31) >> 11) * 0x1p-53 + 0x1p-54;
}

static double gaussian(uint64_t *seed)
{
    double radius = sqrt(-2 * log(uniform(seed)));
    return radius * cos(6.283185307179586 * uniform(seed));
}

/* Rank of the threshold, marginal and at 95% confidence; 0: cannot be promised. */
static void ranks_are_the_published_ones(void **state)
{
    (void)state;
    static const int photos[] = {60, 100, 200, 300, 500, 1000};
    static const struct {
        double rate;
        int marginal[6], confident[6];
    } table[] = {
        {0.01, {0, 1, 2, 3, 5, 10}, {0, 0, 0, 1, 2, 5}},
        {0.02, {1, 2, 4, 6, 10, 20}, {0, 0, 1, 2, 5, 13}},
        {0.05, {3, 5, 10, 15, 25, 50}, {1, 2, 5, 9, 17, 39}},
        {0.10, {6, 10, 20, 30, 50, 100}, {2, 5, 13, 22, 39, 85}},
    };
    for (size_t i = 0; i < LENGTH(table); i++)
        for (int j = 0; j < 6; j++) {
            assert_int_equal(wn_calibration_rank(photos[j], (wn_promise){table[i].rate, 0}),
                             table[i].marginal[j]);
            assert_int_equal(wn_calibration_rank(photos[j], (wn_promise){table[i].rate, 0.95}),
                             table[i].confident[j]);
        }
}

static void needed_is_the_least_that_is_not_refused(void **state)
{
    (void)state;
    static const struct {
        wn_promise promise;
        int needed;
    } cases[] = {{{0.05, 0}, 19},    {{0.01, 0}, 99},     {{0.02, 0}, 49},    {{0.10, 0}, 9},
                 {{0.05, 0.95}, 59}, {{0.01, 0.95}, 299}, {{0.05, 0.99}, 90}, {{0.10, 0.95}, 29}};
    float score[400];
    for (int i = 0; i < 400; i++)
        score[i] = i;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        int needed = cases[i].needed;
        assert_int_equal(wn_calibration_needed(cases[i].promise), needed);
        wn_calibration calibration;
        winnow_error error;
        assert_int_equal(wn_calibrate(score, NULL, needed, cases[i].promise, &calibration, &error),
                         WINNOW_OK);
        assert_true(calibration.threshold == -WN_CALIBRATION_ROUNDING); /* the lowest, 0, with its rounding */
        wn_calibration_free(&calibration);
        assert_int_equal(wn_calibrate(score, NULL, needed - 1, cases[i].promise, &calibration, &error),
                         WINNOW_ERROR_DATA);
        char says[40];
        snprintf(says, sizeof says, "it takes %d; add 1,", needed);
        assert_non_null(strstr(error.message, says));
        wn_calibration_free(&calibration);
    }
    assert_int_equal(wn_calibration_groups_needed((wn_promise){0.05, 0.95}), 19);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    const float good[] = {1, 2, 3, 4, 5}, bad[] = {1, 2, NAN, 4, 5};
    const wn_promise promises[] = {{0, 0}, {-1, 0}, {0.5, 0}, {NAN, 0}, {0.3, -0.1}, {0.3, 1}, {0.3, NAN}};
    wn_calibration calibration;
    winnow_error error;
    for (size_t i = 0; i < LENGTH(promises); i++)
        assert_int_equal(wn_calibrate(good, NULL, 5, promises[i], &calibration, &error),
                         WINNOW_ERROR_ARGUMENT);
    assert_int_equal(wn_calibrate(bad, NULL, 5, (wn_promise){0.3, 0}, &calibration, &error),
                     WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "score 2 "));
    assert_int_equal(wn_calibrate(good, NULL, 0, (wn_promise){0.3, 0}, &calibration, &error),
                     WINNOW_ERROR_DATA);
}

static void p_values_and_verdicts_follow_their_definition(void **state)
{
    (void)state;
    enum { N = 199 };
    float score[N];
    for (int i = 0; i < N; i++) /* 1 1 2 3 4 ... 198, shuffled */
        score[i] = fmaxf(1, (i * 53) % N);
    wn_calibration calibration;
    assert_int_equal(wn_calibrate(score, NULL, N, (wn_promise){0.05, 0}, &calibration, NULL), WINNOW_OK);
    for (float s = 0; s < 201; s += 0.5f) {
        int below = 0;
        for (int i = 0; i < N; i++)
            below += score[i] <= s;
        assert_true(wn_calibration_p_value(&calibration, s) == (float)((1 + below) / (N + 1.0)));
        winnow_verdict expected = s >= 9 ? WINNOW_NORMAL : s >= 1 ? WINNOW_UNSURE : WINNOW_ABNORMAL;
        assert_int_equal(wn_calibration_verdict(&calibration, s), expected);
        /* normal <=> p > 5%; 200 photos make 1% the second lowest, tied with the lowest. */
        assert_int_equal(expected == WINNOW_NORMAL, (1 + below) > 10);
    }
    assert_int_equal(wn_calibration_verdict(&calibration, NAN), WINNOW_ABNORMAL);
    assert_int_equal(calibration.groups, 1);
    wn_calibration_free(&calibration);
}

/* Also with so few photos that no p-value is below what was asked for. */
static void the_gauge_is_half_at_the_threshold(void **state)
{
    (void)state;
    float score[199];
    for (int n = 19; n <= 199; n += 180) {
        for (int i = 0; i < n; i++)
            score[i] = 3 + (float)i / (float)n;
        wn_calibration calibration;
        assert_int_equal(wn_calibrate(score, NULL, n, (wn_promise){0.05, 0}, &calibration, NULL), WINNOW_OK);
        float before = 0;
        for (float s = -2; s < 6; s += 0.01f) {
            const float gauge =
                wn_calibration_gauge(&calibration, s, wn_calibration_p_value(&calibration, s));
            assert_true(gauge >= before && gauge <= 1);
            assert_int_equal(gauge >= 0.5f, wn_calibration_verdict(&calibration, s) == WINNOW_NORMAL);
            before = gauge;
        }
        const float threshold = calibration.threshold;
        assert_float_equal(
            wn_calibration_gauge(&calibration, threshold, wn_calibration_p_value(&calibration, threshold)),
            0.5f, 1e-6f);
        assert_true(wn_calibration_gauge(&calibration, threshold - 1, 1.0f / (float)(n + 1)) < 0.1f);
        assert_true(before > 0.9f);
        wn_calibration_free(&calibration);
    }
}

/* More photos than steps are kept: p-values may only grow, by no more than a step. */
static void many_photos_are_kept_compactly(void **state)
{
    (void)state;
    enum { N = 50001 };
    float *score = malloc(N * sizeof *score);
    uint64_t seed = 5;
    for (int i = 0; i < N; i++)
        score[i] = (float)gaussian(&seed);
    wn_calibration calibration;
    assert_int_equal(wn_calibrate(score, NULL, N, (wn_promise){0.01, 0.95}, &calibration, NULL), WINNOW_OK);
    assert_int_equal(calibration.knots, WN_CALIBRATION_KNOTS);
    for (float s = -5; s < 5; s += 0.01f) {
        int below = 0;
        for (int i = 0; i < N; i++)
            below += score[i] - WN_CALIBRATION_ROUNDING * (1 + fabsf(score[i])) <= s;
        double exact = (1 + below) / (N + 1.0), p = wn_calibration_p_value(&calibration, s);
        assert_true(p >= exact - 1e-7 && p <= exact + 1.01 / WN_CALIBRATION_KNOTS);
    }
    wn_calibration_free(&calibration);
    free(score);
}

/* 1,000 random splits of one finite, skewed, tied population into calibration and new photos. */
static void promise_holds_over_random_splits(void **state)
{
    (void)state;
    enum { ALL = 460, N = 60, SPLITS = 1000 };
    float population[ALL];
    uint64_t seed = 11;
    for (int i = 0; i < ALL; i++)
        population[i] = roundf((float)exp(gaussian(&seed)) * 50) / 50;
    double rejected = 0;
    int broken = 0;
    for (int split = 0; split < SPLITS; split++) {
        for (int i = 0; i < ALL; i++) {
            int j = i + (int)(uniform(&seed) * (ALL - i));
            float swap = population[i];
            population[i] = population[j], population[j] = swap;
        }
        wn_calibration marginal, confident;
        assert_int_equal(wn_calibrate(population, NULL, N, (wn_promise){0.05, 0}, &marginal, NULL), 0);
        assert_int_equal(wn_calibrate(population, NULL, N, (wn_promise){0.05, 0.95}, &confident, NULL), 0);
        int below[2] = {0, 0};
        for (int i = N; i < ALL; i++) {
            below[0] += population[i] < marginal.threshold;
            below[1] += population[i] < confident.threshold;
            float p = wn_calibration_p_value(&marginal, population[i]);
            assert_int_equal(population[i] >= marginal.threshold, p > 0.05f);
        }
        rejected += (double)below[0] / (ALL - N) / SPLITS;
        broken += below[1] > 0.05 * (ALL - N);
        wn_calibration_free(&marginal);
        wn_calibration_free(&confident);
    }
    assert_true(rejected <= 0.05 + 0.0025); /* standard error over the splits: 0.0009 */
    assert_true(rejected >= 0.035);         /* and not by rejecting nothing */
    assert_true(broken <= SPLITS * 0.05 + 21);
    assert_true(broken >= 5);
}

/* A draw of G groups of unlike sizes whose levels differ more than their photos do, and one new group. */
static double rejected_of_new_group(int groups, bool by_group, uint64_t *seed)
{
    enum { MOST = 40, LARGEST = 60 };
    float score[MOST * LARGEST];
    int group[MOST * LARGEST], count = 0;
    for (int g = 0; g < groups; g++) {
        double level = 2 * gaussian(seed);
        int size = 10 + (int)(uniform(seed) * (LARGEST - 10));
        for (int i = 0; i < size; i++, count++) {
            score[count] = (float)(level + gaussian(seed));
            group[count] = g;
        }
    }
    wn_calibration calibration;
    assert_int_equal(
        wn_calibrate(score, by_group ? group : NULL, count, (wn_promise){0.05, 0}, &calibration, NULL),
        WINNOW_OK);
    assert_int_equal(calibration.over_groups, by_group);
    double level = 2 * gaussian(seed);
    double rejected = 0.5 * erfc((level - calibration.threshold) / sqrt(2));
    wn_calibration_free(&calibration);
    return rejected;
}

static void promise_holds_over_new_groups(void **state)
{
    (void)state;
    enum { DRAWS = 1000 };
    uint64_t seed = 3;
    double by_group = 0, pooled = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        by_group += rejected_of_new_group(24, true, &seed) / DRAWS;
        pooled += rejected_of_new_group(24, false, &seed) / DRAWS;
    }
    assert_true(by_group <= 0.05 + 0.008); /* standard error: 0.004 */
    assert_true(by_group > 0.005);
    assert_true(pooled > by_group); /* photos pooled as if they were independent promise too much */
}

static void few_groups_promise_over_photos_only(void **state)
{
    (void)state;
    float score[90];
    int group[90];
    for (int i = 0; i < 90; i++)
        score[i] = i, group[i] = i % 18;
    wn_calibration calibration;
    assert_int_equal(wn_calibrate(score, group, 90, (wn_promise){0.05, 0}, &calibration, NULL), WINNOW_OK);
    assert_int_equal(calibration.groups, 18);
    assert_false(calibration.over_groups);
    wn_calibration_free(&calibration);
}

/* What is asked for instead can be asked for. */
static void a_refusal_asks_for_what_can_be_had(void **state)
{
    (void)state;
    const float score[] = {1, 2, 3, 4};
    for (int count = 0; count <= 4; count++) {
        wn_calibration calibration;
        winnow_error error;
        assert_int_equal(wn_calibrate(score, NULL, count, (wn_promise){0.05, 0}, &calibration, &error),
                         WINNOW_ERROR_DATA);
        assert_int_equal(strstr(error.message, "or ask for") != NULL, count > 1);
        assert_null(strstr(error.message, "100%"));
    }
}

/* What docs/calibration.md says of the verdicts: with a confidence some photos of p <= a are accepted, and
 * without one none; "unsure" needs 99 photos or more at 5% to lie where it says, and 20 to be there at all.
 */
static void verdicts_and_p_values(void **state)
{
    (void)state;
    static const struct {
        int count;
        double confidence;
        int accepted, unsure, abnormal; /* of the calibration photos with p <= 5%; and of all */
    } cases[] = {
        {19, 0, 0, 0, 0}, {40, 0, 0, 1, 0}, {99, 0, 0, 4, 0}, {999, 0, 0, 40, 9}, {115, 0.95, 3, 1, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        float score[1000];
        wn_calibration calibration;
        int accepted = 0, verdicts[3] = {0};
        for (int i = 0; i < cases[c].count; i++)
            score[i] = (float)i;
        assert_int_equal(wn_calibrate(score, NULL, cases[c].count, (wn_promise){0.05, cases[c].confidence},
                                      &calibration, NULL),
                         WINNOW_OK);
        for (int i = 0; i < cases[c].count; i++) {
            const winnow_verdict verdict = wn_calibration_verdict(&calibration, score[i]);
            accepted +=
                verdict == WINNOW_NORMAL && (double)wn_calibration_p_value(&calibration, score[i]) <= 0.05;
            verdicts[verdict]++;
        }
        assert_int_equal(accepted, cases[c].accepted);
        assert_int_equal(verdicts[WINNOW_UNSURE], cases[c].unsure);
        assert_int_equal(verdicts[WINNOW_ABNORMAL], cases[c].abnormal);
        assert_int_equal(wn_calibration_verdict(&calibration, -1), WINNOW_ABNORMAL);
        wn_calibration_free(&calibration);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_the_published_ones),
        cmocka_unit_test(needed_is_the_least_that_is_not_refused),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(p_values_and_verdicts_follow_their_definition),
        cmocka_unit_test(the_gauge_is_half_at_the_threshold),
        cmocka_unit_test(many_photos_are_kept_compactly),
        cmocka_unit_test(promise_holds_over_random_splits),
        cmocka_unit_test(promise_holds_over_new_groups),
        cmocka_unit_test(few_groups_promise_over_photos_only),
        cmocka_unit_test(a_refusal_asks_for_what_can_be_had),
        cmocka_unit_test(verdicts_and_p_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
