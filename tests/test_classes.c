/* SPDX-License-Identifier: Apache-2.0
 * The diagnosis: its regression against conditions that its optimum must meet, its temperature, its tally. */
#include "../src/runtime/logistic.h"
#include "../src/runtime/random.h"
#include "../src/train/class_fit.h"
#include "../src/train/diagnosis.h"
#include "../src/train/softmax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 240, D = 12, K = 4 };

typedef struct blobs {
    float x[N * D], weight[N];
    int label[N];
} blobs;

/* Points around one centre a class, which overlap. */
static void draw(blobs *b, int classes)
{
    wn_random random;
    wn_random_seed(&random, 7, 1);
    for (int i = 0; i < N; i++) {
        b->label[i] = i % classes;
        b->weight[i] = 0.5f + (float)(i % 3);
        for (int j = 0; j < D; j++)
            b->x[i * D + j] = (float)(wn_random_normal(&random) + (j % classes == b->label[i] ? 1.2 : 0));
    }
}

/* At the minimum the gradient is zero: computed here in the plainest way. */
static void test_the_gradient_vanishes(void **state)
{
    (void)state;
    const double strength = 0.7;
    blobs *b = malloc(sizeof *b);
    float w[K * (D + 1)];
    double gradient[K * (D + 1)] = {0}, largest = 0;
    draw(b, K);
    assert_int_equal(wn_softmax_fit(b->x, b->label, b->weight, N, D, K, strength, w, NULL), WINNOW_OK);
    for (int i = 0; i < N; i++) {
        double p[K], sum = 0;
        for (int c = 0; c < K; c++) {
            double logit = w[c * (D + 1) + D];
            for (int j = 0; j < D; j++)
                logit += (double)w[c * (D + 1) + j] * b->x[i * D + j];
            sum += p[c] = exp(logit);
        }
        for (int c = 0; c < K; c++)
            for (int j = 0; j <= D; j++)
                gradient[c * (D + 1) + j] +=
                    b->weight[i] * (p[c] / sum - (c == b->label[i])) * (j < D ? b->x[i * D + j] : 1);
    }
    for (int k = 0; k < K * (D + 1); k++) {
        if (k % (D + 1) != D)
            gradient[k] += w[k] / strength;
        largest = fmax(largest, fabs(gradient[k]));
    }
    assert_true(largest < 0.01);
    free(b);
}

/* Two classes are logistic regression: w = w_1 - w_0, at half the penalty. */
static void test_two_classes_are_logistic(void **state)
{
    (void)state;
    blobs *b = malloc(sizeof *b);
    float w[2 * (D + 1)], binary[D], sign[N];
    draw(b, 2);
    for (int i = 0; i < N; i++)
        sign[i] = b->label[i] ? 1 : -1;
    assert_int_equal(wn_softmax_fit(b->x, b->label, b->weight, N, D, 2, 0.5, w, NULL), WINNOW_OK);
    assert_int_equal(wn_logistic_fit(b->x, sign, b->weight, N, D, 1.0, NULL, binary, NULL), WINNOW_OK);
    for (int j = 0; j < D; j++)
        assert_true(fabsf(w[D + 1 + j] - w[j] - binary[j]) < 1e-3f);
    free(b);
}

/* A fit that knows one of nearly the same rows ends where one that knows nothing does. */
static void test_a_known_fit_changes_nothing(void **state)
{
    (void)state;
    const int fewer = N * 4 / 5;
    blobs *b = malloc(sizeof *b);
    float alone[D], after[D], sign[N], most = 0;
    wn_logistic known = {0};
    draw(b, 2);
    for (int i = 0; i < N; i++)
        sign[i] = b->label[i] ? 1 : -1;
    assert_int_equal(wn_logistic_fit(b->x, sign, b->weight, N, D, 1.0, &known, after, NULL), WINNOW_OK);
    assert_memory_equal(known.w, after, sizeof after);
    assert_int_equal(wn_logistic_fit(b->x, sign, b->weight, fewer, D, 1.0, &known, after, NULL), WINNOW_OK);
    assert_int_equal(wn_logistic_fit(b->x, sign, b->weight, fewer, D, 1.0, NULL, alone, NULL), WINNOW_OK);
    for (int j = 0; j < D; j++) {
        assert_true(fabsf(after[j] - alone[j]) < 1e-4f);
        most = fmaxf(most, fabsf(known.w[j] - alone[j]));
    }
    assert_true(most > 1e-3f); /* its own minimum, not the known one */
    wn_logistic_free(&known);
    free(b);
}

/* Logits that were multiplied by 3 are undone by a temperature of 3 times the right one. */
static void test_temperature(void **state)
{
    (void)state;
    enum { M = 20000 };
    float *logit = malloc(M * K * sizeof *logit), *thrice = malloc(M * K * sizeof *thrice);
    int *label = malloc(M * sizeof *label);
    wn_random random;
    wn_random_seed(&random, 3, 1);
    for (int i = 0; i < M; i++) {
        double p[K], sum = 0, at = wn_random_range(&random, 0, 1);
        for (int c = 0; c < K; c++) {
            logit[i * K + c] = (float)(1.5 * wn_random_normal(&random));
            thrice[i * K + c] = 3 * logit[i * K + c];
            sum += p[c] = exp((double)logit[i * K + c]);
        }
        for (label[i] = 0; label[i] < K - 1 && at > p[label[i]] / sum; label[i]++)
            at -= p[label[i]] / sum;
    }
    assert_true(fabs(wn_softmax_temperature(logit, label, M, K) - 1) < 0.05);
    assert_true(fabs(wn_softmax_temperature(thrice, label, M, K) - 3) < 0.15);
    memset(label, -1, M * sizeof *label);
    assert_true(wn_softmax_temperature(logit, label, M, K) == 1);
    free(logit);
    free(thrice);
    free(label);
}

static void test_best(void **state)
{
    (void)state;
    const float logit[] = {1, 3, -INFINITY, 2};
    float probability;
    assert_int_equal(wn_softmax_best(logit, 4, 1, &probability), 1);
    assert_true(fabs((double)probability - 1 / (1 + exp(-2) + exp(-1))) < 1e-6);
}

static void test_diagnosis(void **state)
{
    (void)state;
    const wn_answer answer[] = {
        {0, 0, 0.95f, true},   {0, 1, 0.95f, true},  {1, 1, 0.6f, false}, {1, 0, 0.9f, false},
        {-1, 1, 0.99f, false}, {-1, 0, 0.92f, true}, {-1, 0, 0.5f, true},
    };
    wn_diagnosis d;
    assert_int_equal(wn_diagnosis_measure(answer, 7, 2, 0.9, &d, NULL), WINNOW_OK);
    assert_int_equal(d.normals, 4);
    assert_int_equal(d.right, 2);
    assert_int_equal(d.passed, 2);
    assert_int_equal(d.passed_right, 1);
    assert_int_equal(wn_diagnosis_all_wrong(&d, 0), 5);
    assert_int_equal(wn_diagnosis_all_wrong(&d, 1), 3);
    assert_int_equal(d.abnormal_wrong[0], 2);
    assert_int_equal(d.abnormal_wrong[1], 1);
    assert_int_equal(wn_diagnosis_wrong(&d, 0), 3); /* 0.9 as a float is below 0.9 */
    assert_int_equal(wn_diagnosis_wrong(&d, 1), 2);
    assert_true(fabs(wn_diagnosis_taken_away(&d) - 1.0 / 3) < 1e-9);
    const wn_class_counts one = wn_diagnosis_class(&d, 1);
    assert_int_equal(one.photos, 2);
    assert_int_equal(one.answers, 2);
    assert_int_equal(one.right, 1);
    wn_diagnosis_free(&d);
}

/* Three sources, each with both classes but the last, which alone has a third: its photos cannot be judged.
 */
static void test_sources_are_left_out(void **state)
{
    (void)state;
    wn_gate_file gate = {.class_feature = WN_BOTTLENECK};
    const int dim[WN_FEATURES] = {[WN_BOTTLENECK] = D};
    wn_class_fit_result result;
    wn_random random;
    wn_random_seed(&random, 5, 1);
    wn_samples_init(&gate.memory, dim);
    for (int g = 0; g < 3; g++) {
        char name[8];
        snprintf(name, sizeof name, "s%d", g);
        assert_int_equal(wn_gate_file_group(&gate, name), g);
        assert_int_equal(wn_gate_file_add_class(&gate, name, NULL), WINNOW_OK);
    }
    for (int i = 0; i < 180; i++) {
        const int group = i / 60, class = group == 2 && i % 3 == 2 ? 2 : i % 2;
        float x[D];
        for (int j = 0; j < D; j++)
            x[j] = (float)(wn_random_normal(&random) * 0.3 + (j == class ? 2 : 0));
        const float *feature[WN_FEATURES] = {[WN_BOTTLENECK] = x};
        assert_int_equal(wn_samples_add(&gate.memory, feature, 1 + class, group, NULL), WINNOW_OK);
    }
    assert_int_equal(wn_class_fit(&gate, -1, &result, NULL), WINNOW_OK);
    int right = 0, judged = 0;
    for (int i = 0; i < 180; i++) {
        assert_int_equal(result.answer[i] < 0, gate.memory.label[i] == 3);
        judged += result.answer[i] >= 0;
        right += result.answer[i] == gate.memory.label[i] - 1;
    }
    assert_true(right > 0.95 * judged);
    assert_int_equal(gate.class_weight.rows, 3);
    assert_int_equal(gate.class_weight.cols, D);
    assert_true(result.temperature > 0.04 && result.temperature < 5);
    wn_class_fit_result_free(&result);
    wn_gate_file_free(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_gradient_vanishes),
        cmocka_unit_test(test_two_classes_are_logistic),
        cmocka_unit_test(test_a_known_fit_changes_nothing),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_diagnosis),
        cmocka_unit_test(test_sources_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
