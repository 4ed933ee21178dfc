/* SPDX-License-Identifier: Apache-2.0
 * Metrics against scikit-learn and SciPy (tests/oracle/metrics.py), and what must hold of any. */
#include "golden/metrics.h"
#include "runtime/beta.h"
#include "train/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
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

static void kolmogorov_smirnov_is_scipys(void **state)
{
    (void)state;
    float p[LENGTH(golden_p_uniform)];
    double significance;
    memcpy(p, golden_p_uniform, sizeof p);
    assert_close(wn_ks_lean_low(p, LENGTH(p), &significance), golden_ks_uniform[0], 1e-7);
    assert_close(significance, golden_ks_uniform[1], 1e-6);
    memcpy(p, golden_p_low, sizeof p);
    assert_close(wn_ks_lean_low(p, LENGTH(p), &significance), golden_ks_low[0], 1e-7);
    assert_close(significance, golden_ks_low[1], 1e-6);
    for (size_t i = 0; i < LENGTH(p); i++)
        p[i] = sqrtf((i + 0.5f) / LENGTH(p)); /* leans high: nothing to warn of */
    wn_ks_lean_low(p, LENGTH(p), &significance);
    assert_true(significance > 0.9);
    wn_ks_lean_low(p, 0, &significance);
    assert_close(significance, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roc_is_scikit_learns),
        cmocka_unit_test(roc_at_its_ends),
        cmocka_unit_test(beta_is_scipys),
        cmocka_unit_test(intervals_are_clopper_pearson),
        cmocka_unit_test(kolmogorov_smirnov_is_scipys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
