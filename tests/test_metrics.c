/* SPDX-License-Identifier: Apache-2.0
 * Metrics against scikit-learn and SciPy (tests/oracle/metrics.py), and what must hold of any. */
#include "golden/metrics.h"
#include "runtime/beta.h"
#include "runtime/random.h"
#include "train/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void assert_close(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g is not %.17g within %g", value, expected, tolerance);
}

static void roc_is_scikit_learns(void **state)
{
    (void)state;
    wn_roc roc;
    assert_int_equal(wn_roc_create(golden_normal, LENGTH(golden_normal), golden_abnormal,
                                   LENGTH(golden_abnormal), &roc, NULL),
                     WINNOW_OK);
    assert_close(roc.auroc, golden_auroc, 1e-14);
    assert_close(roc.fpr_at_95_tpr, golden_fpr_at_95_tpr, 1e-14);
    assert_int_equal(roc.count, LENGTH(golden_roc) + 1);
    assert_close(roc.point[0].tpr + roc.point[0].fpr, 0, 0);
    for (size_t i = 0; i < LENGTH(golden_roc); i++) {
        assert_close(roc.point[i + 1].threshold, golden_roc[i][0], 0);
        assert_close(roc.point[i + 1].tpr, golden_roc[i][1], 1e-14);
        assert_close(roc.point[i + 1].fpr, golden_roc[i][2], 1e-14);
    }
    wn_roc_free(&roc);
}

static void roc_at_its_ends(void **state)
{
    (void)state;
    const float low[] = {1, 2, 3}, high[] = {4, 5}, same[] = {2, 2, 2, 2};
    struct {
        const float *normal, *abnormal;
        size_t normals, abnormals;
        double auroc, fpr;
    } cases[] = {{high, low, 2, 3, 1, 0}, {low, high, 3, 2, 0, 1}, {same, same, 3, 4, 0.5, 1}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_roc roc;
        assert_int_equal(wn_roc_create(cases[i].normal, cases[i].normals, cases[i].abnormal,
                                       cases[i].abnormals, &roc, NULL),
                         WINNOW_OK);
        assert_close(roc.auroc, cases[i].auroc, 0);
        assert_close(roc.fpr_at_95_tpr, cases[i].fpr, 0);
        wn_roc_free(&roc);
    }
    wn_roc roc;
    winnow_error error;
    assert_int_equal(wn_roc_create(low, 3, NULL, 0, &roc, &error), WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "3 and 0"));
    wn_roc_free(&roc);
}

static void beta_is_scipys(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(golden_beta); i++) {
        double a = golden_beta[i].a, b = golden_beta[i].b, cdf = wn_beta_cdf(a, b, golden_beta[i].x);
        assert_close(cdf, golden_beta[i].cdf, 1e-10);
        assert_close(wn_beta_quantile(a, b, golden_beta[i].cdf), golden_beta[i].x, 1e-9);
    }
    assert_close(wn_beta_cdf(2, 3, 0), 0, 0);
    assert_close(wn_beta_cdf(2, 3, 1), 1, 0);
    assert_close(wn_beta_quantile(2, 3, 0), 0, 0);
    assert_close(wn_beta_quantile(2, 3, 1), 1, 0);
}

static void intervals_are_clopper_pearson(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(golden_interval); i++) {
        wn_interval interval = wn_rate_interval(golden_interval[i].hits, golden_interval[i].count, 0.95);
        assert_close(interval.low, golden_interval[i].low, 1e-9);
        assert_close(interval.high, golden_interval[i].high, 1e-9);
    }
    wn_interval nothing = wn_rate_interval(0, 0, 0.95);
    assert_close(nothing.low, 0, 0);
    assert_close(nothing.high, 1, 0);
}

static void smirnov_is_scipys(void **state)
{
    (void)state;
    float p[LENGTH(golden_p_same)];
    double significance;
    memcpy(p, golden_p_same, sizeof p);
    assert_close(wn_smirnov_lean_low(p, LENGTH(p), LENGTH(p), 60, &significance), golden_smirnov_same[0],
                 1e-6);
    assert_close(significance, golden_smirnov_same[1], 1e-10);
    memcpy(p, golden_p_low, sizeof p);
    assert_close(wn_smirnov_lean_low(p, LENGTH(p), LENGTH(p), 60, &significance), golden_smirnov_low[0],
                 1e-6);
    assert_close(significance, golden_smirnov_low[1], 1e-10);
    wn_smirnov_lean_low(p, LENGTH(p), 3, 60, &significance); /* of three sources that say little */
    assert_true(significance > 0.1);
    wn_smirnov_lean_low(p, LENGTH(p), 400000, 60, &significance); /* beyond the exact, which is below */
    assert_true(significance < golden_smirnov_low[1] && significance > 0);
    for (size_t i = 0; i < LENGTH(p); i++)
        p[i] = sqrtf((i + 0.5f) / LENGTH(p)); /* leans high: nothing to warn of */
    wn_smirnov_lean_low(p, LENGTH(p), LENGTH(p), 60, &significance);
    assert_true(significance > 0.9);
    wn_smirnov_lean_low(p, 0, 0, 60, &significance);
    assert_close(significance, 1, 0);
}

/* Photos that are exchangeable with the calibration's, many times over: how often is it said that they lean
 * low, and that more of them are turned away than the draw of the calibration photos explains? `lower` shifts
 * what is judged, by standard deviations. */
typedef struct alarms {
    double at_5, at_01, beyond; /* shares of the trials: significant at 5%, at 0.1%; a rate beyond chance */
} alarms;

static alarms raise_alarms(int calibrated, int judged, wn_promise promise, double lower, int trials)
{
    float *score = calloc((size_t)calibrated, sizeof *score), *p = calloc((size_t)judged, sizeof *p);
    alarms raised = {0};
    wn_random random;
    wn_random_seed(&random, 5, (uint64_t)(calibrated * 1000 + judged));
    for (int trial = 0; trial < trials; trial++) {
        wn_calibration calibration;
        size_t rejected = 0;
        double significance;
        for (int i = 0; i < calibrated; i++)
            score[i] = (float)wn_random_normal(&random);
        assert_int_equal(wn_calibrate(score, NULL, calibrated, promise, &calibration, NULL), WINNOW_OK);
        for (int i = 0; i < judged; i++) {
            const float s = (float)(wn_random_normal(&random) - lower);
            p[i] = wn_calibration_p_value(&calibration, s);
            rejected += s < calibration.threshold;
        }
        wn_smirnov_lean_low(p, (size_t)judged, (size_t)judged, (size_t)calibrated, &significance);
        raised.at_5 += significance <= 0.05;
        raised.at_01 += significance <= 0.001;
        raised.beyond +=
            wn_rate_interval(rejected, (size_t)judged, 0.95).low > wn_explained_rate(calibrated, promise);
        wn_calibration_free(&calibration);
    }
    free(score);
    free(p);
    return (alarms){raised.at_5 / trials, raised.at_01 / trials, raised.beyond / trials};
}

static void alarms_keep_their_level(void **state)
{
    (void)state;
    static const int sizes[][2] = {{24, 500}, {60, 300}, {100, 1000}, {300, 500}, {215, 100}};
    enum { TRIALS = 600 };
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        const alarms right = raise_alarms(sizes[i][0], sizes[i][1], (wn_promise){0.05, 0}, 0, TRIALS);
        assert_true(right.at_5 < 0.05 + 3 * sqrt(0.05 * 0.95 / TRIALS));
        assert_true(right.at_5 > 0.025); /* a test that never speaks keeps every level */
        assert_true(right.at_01 < 0.001 + 3 * sqrt(0.001 / TRIALS));
        assert_true(right.beyond < 0.02);
    }
    const alarms pac = raise_alarms(100, 1000, (wn_promise){0.05, 0.95}, 0, TRIALS);
    assert_true(pac.beyond < 0.02);
    const alarms wrong = raise_alarms(100, 200, (wn_promise){0.05, 0}, 1, 100);
    assert_true(wrong.at_01 > 0.95 && wrong.beyond > 0.7);
}

static void explained_rates_are_betas(void **state)
{
    (void)state;
    assert_close(wn_explained_rate(19, (wn_promise){0.05, 0}), 1 - pow(0.025, 1 / 19.0), 1e-9);
    assert_close(wn_explained_rate(59, (wn_promise){0.05, 0.95}), 1 - pow(0.025, 1 / 59.0), 1e-9);
    assert_close(wn_explained_rate(2000, (wn_promise){0.05, 0.999}), 0.05, 0); /* it hardly ever exceeds it */
    assert_close(wn_explained_rate(10, (wn_promise){0.05, 0}), 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roc_is_scikit_learns),
        cmocka_unit_test(roc_at_its_ends),
        cmocka_unit_test(beta_is_scipys),
        cmocka_unit_test(intervals_are_clopper_pearson),
        cmocka_unit_test(smirnov_is_scipys),
        cmocka_unit_test(alarms_keep_their_level),
        cmocka_unit_test(explained_rates_are_betas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
