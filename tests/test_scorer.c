/* SPDX-License-Identifier: Apache-2.0
 * Every scorer, and their sum, against NumPy and scikit-learn (tests/oracle/scorer.py). The samples come from
 * the same generator there and here. */
#include "golden/scorer.h"
#include "runtime/coreset.h"
#include "runtime/cross.h"
#include "runtime/half.h"
#include "runtime/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { TOTAL = 24 + 40 + 16, CLASSES = 3 };
static const int dims[WN_FEATURES] = {24, 40, 16};

typedef struct fixture {
    wn_samples samples;
    float query[GOLDEN_QUERIES][TOTAL];
    float class_vector[CLASSES][16];
    wn_class_vectors classes;
} fixture;

static uint32_t generator;

static double draw(void)
{
    generator = generator * 1664525u + 1013904223u;
    return (generator >> 8) / 16777216.0 - 0.5;
}

static void draw_vector(double *vector, int n)
{
    for (int i = 0; i < n; i++)
        vector[i] = draw();
}

static void features_of(const float *row, const float *feature[WN_FEATURES])
{
    for (int f = 0; f < WN_FEATURES; f++) {
        feature[f] = row;
        row += dims[f];
    }
}

static int create(void **state)
{
    static const int groups[][2] = {{1, 30}, {1, 90}, {1, 60}, {1, 20}, {0, 50}, {0, 100}, {0, 15}};
    static fixture data;
    double kind[2][TOTAL], level[TOTAL], noise[TOTAL];
    const float *feature[WN_FEATURES];
    generator = 1;
    wn_samples_init(&data.samples, dims);
    draw_vector(kind[0], TOTAL);
    draw_vector(kind[1], TOTAL);
    for (size_t g = 0; g < LENGTH(groups); g++) {
        draw_vector(level, TOTAL);
        for (int n = 0; n < groups[g][1]; n++) {
            float row[TOTAL];
            draw_vector(noise, TOTAL);
            for (int i = 0; i < TOTAL; i++)
                row[i] = (float)(kind[groups[g][0]][i] + 0.7 * level[i] + noise[i]);
            features_of(row, feature);
            assert_int_equal(wn_samples_add(&data.samples, feature, groups[g][0], (int)g, NULL), WINNOW_OK);
        }
    }
    for (int q = 0; q < GOLDEN_QUERIES; q++) {
        draw_vector(level, TOTAL);
        draw_vector(noise, TOTAL);
        for (int i = 0; i < TOTAL; i++)
            data.query[q][i] = (float)(kind[q % 2][i] + 0.7 * level[i] + noise[i]);
        features_of(data.query[q], feature);
        for (int f = 0; f < WN_FEATURES; f++)
            wn_normalise((float *)feature[f], dims[f]);
    }
    for (int k = 0; k < CLASSES; k++)
        for (int i = 0; i < dims[WN_EMBEDDING]; i++)
            data.class_vector[k][i] = (float)draw();
    data.classes = (wn_class_vectors){CLASSES, dims[WN_EMBEDDING], data.class_vector[0]};
    *state = &data;
    return 0;
}

static int destroy(void **state)
{
    wn_samples_free(&((fixture *)*state)->samples);
    return 0;
}

static void assert_close(const char *what, float value, float expected, float tolerance)
{
    if (!(fabsf(value - expected) <= tolerance * (1 + fabsf(expected))))
        fail_msg("%s: %.9g is not %.9g", what, value, expected);
}

static void scores_are_the_oracles(void **state)
{
    fixture *data = *state;
    wn_samples *samples = &data->samples;
    wn_folds folds;
    assert_int_equal(wn_folds_create(samples, &folds, NULL), WINNOW_OK);
    assert_true(folds.by_group);
    assert_int_equal(folds.normals, 4);
    float *score = calloc((size_t)samples->count, sizeof *score), scratch[TOTAL];
    for (size_t c = 0; c < LENGTH(golden_scores); c++) {
        wn_scorer_spec spec;
        wn_scorer scorer;
        winnow_error error;
        char text[WN_SPEC_TEXT];
        assert_int_equal(wn_spec_parse(golden_scores[c].spec, &spec, &error), WINNOW_OK);
        wn_spec_format(&spec, text);
        assert_string_equal(text, golden_scores[c].spec);
        samples->first_learned = golden_scores[c].first_learned;
        if (wn_cross_fit(&spec, samples, &folds, &data->classes, false, &scorer, score, &error))
            fail_msg("%s: %s", text, error.message);
        assert_true(wn_scorer_scratch(&scorer) <= TOTAL);
        for (int q = 0; q < GOLDEN_QUERIES; q++) {
            const float *feature[WN_FEATURES];
            features_of(data->query[q], feature);
            assert_close(text, wn_scorer_score(&scorer, feature, scratch), golden_scores[c].query[q], 2e-4f);
        }
        double sum = 0;
        float least = score[0];
        for (int i = 0; i < 200; i++) {
            sum += score[i];
            least = fminf(least, score[i]);
        }
        assert_close(text, (float)(sum / 200), golden_scores[c].mean, 2e-4f);
        assert_close(text, least, golden_scores[c].least, 2e-4f);
        wn_scorer_free(&scorer);
    }
    samples->first_learned = WN_MAX_GROUPS;
    free(score);
    wn_folds_free(&folds);
}

static void coreset_is_the_oracles(void **state)
{
    wn_samples *samples = &((fixture *)*state)->samples;
    int chosen[60], count;
    assert_int_equal(wn_coreset(samples->feature[WN_BOTTLENECK], samples->group, samples->count, dims[0], 60,
                                chosen, &count, NULL),
                     WINNOW_OK);
    assert_int_equal(count, LENGTH(golden_coreset));
    for (int i = 0; i < count; i++)
        assert_int_equal(chosen[i], golden_coreset[i]);
}

static void specs_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "no scorer ''"},
        {"knn,", "no scorer ''"},
        {"knnn:pooled", "no scorer 'knnn'"},
        {"knn:", "not at ''"},
        {"knn:pool", "not at 'pool'"},
        {"knn:pooled+", "not at ''"},
        {"knn:pooled+pooled", "not at 'pooled'"},
        {"knn:pooled:sideways", "not 'sideways'"},
        {"arcface:pooled", "embedding alone"},
        {"knn,knn,knn,knn,knn", "at most 4"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_scorer_spec spec;
        winnow_error error;
        assert_int_equal(wn_spec_parse(cases[i].text, &spec, &error), WINNOW_ERROR_ARGUMENT);
        if (!strstr(error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].text, error.message);
    }
}

static void what_cannot_be_fitted_is_refused(void **state)
{
    fixture *data = *state;
    static const struct {
        const char *spec;
        int first, count; /* of the samples: 0-199 are normal */
        const char *says;
    } cases[] = {{"relative:pooled", 0, 200, "there are 0"},
                 {"knn:pooled:centred", 0, 201, "there are 1"},
                 {"cosine:pooled", 200, 100, "no normal photos"},
                 {"mahalanobis:pooled", 7, 1, "do not vary"}};
    int rows[400];
    for (int i = 0; i < 400; i++)
        rows[i] = i;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_scorer_spec spec;
        wn_scorer scorer;
        winnow_error error;
        assert_int_equal(wn_spec_parse(cases[i].spec, &spec, NULL), WINNOW_OK);
        assert_int_equal(wn_scorer_fit(&spec, &data->samples, rows + cases[i].first, cases[i].count, NULL,
                                       NULL, &scorer, &error),
                         WINNOW_ERROR_DATA);
        if (!strstr(error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].spec, error.message);
        wn_scorer_free(&scorer);
    }
}

static void few_sources_are_left_out_in_blocks(void **state)
{
    (void)state;
    wn_samples samples;
    wn_folds folds;
    const int dim[WN_FEATURES] = {2};
    wn_samples_init(&samples, dim);
    for (int i = 0; i < 35; i++) {
        const float x[] = {1, (float)i}, *const feature[WN_FEATURES] = {x};
        assert_int_equal(wn_samples_add(&samples, feature, i % 3 > 0, i % 2, NULL), WINNOW_OK);
    }
    assert_int_equal(wn_folds_create(&samples, &folds, NULL), WINNOW_OK);
    assert_false(folds.by_group);
    assert_int_equal(folds.normals, 10);
    assert_int_equal(folds.normal_groups, 2);
    for (int i = 1, last = 0; i < 35; i++)
        if (samples.label[i]) {
            assert_in_range(folds.fold[i], last, last + 1);
            last = folds.fold[i];
        }
    wn_folds_free(&folds);
    wn_samples_free(&samples);
}

/* A small class at the end of the folder is in every block, not in one that leaves it out whole. */
static void blocks_hold_of_every_class(void **state)
{
    (void)state;
    static const int size[] = {60, 60, 12};
    wn_samples samples;
    wn_folds folds;
    const int dim[WN_FEATURES] = {2};
    int seen[3][WN_MOST_FOLDS] = {{0}};
    wn_samples_init(&samples, dim);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < size[c]; i++) {
            const float x[] = {1, (float)i}, *const feature[WN_FEATURES] = {x};
            assert_int_equal(wn_samples_add(&samples, feature, 1 + c, 0, NULL), WINNOW_OK);
        }
    assert_int_equal(wn_folds_create(&samples, &folds, NULL), WINNOW_OK);
    assert_int_equal(folds.normals, WN_MOST_FOLDS);
    for (int i = 0; i < samples.count; i++)
        seen[samples.label[i] - 1][folds.fold[i]]++;
    for (int c = 0; c < 3; c++)
        for (int f = 0; f < WN_MOST_FOLDS; f++)
            assert_in_range(seen[c][f], size[c] / 10, (size[c] + 9) / 10);
    wn_folds_free(&folds);
    wn_samples_free(&samples);
}

/* Thirty sources share ten folds, whole, and about evenly. */
static void many_sources_share_folds(void **state)
{
    (void)state;
    wn_samples samples;
    wn_folds folds;
    const int dim[WN_FEATURES] = {2};
    int of_group[30], load[WN_MOST_FOLDS] = {0};
    wn_samples_init(&samples, dim);
    memset(of_group, -1, sizeof of_group);
    for (int i = 0; i < 30 * 29; i++)
        if (i / 30 <= i % 30) {
            const float x[] = {1, (float)i}, *const feature[WN_FEATURES] = {x};
            assert_int_equal(wn_samples_add(&samples, feature, 1, i % 30, NULL), WINNOW_OK);
        }
    assert_int_equal(wn_folds_create(&samples, &folds, NULL), WINNOW_OK);
    assert_int_equal(folds.normals, WN_MOST_FOLDS);
    for (int i = 0; i < samples.count; i++) {
        int group = samples.group[i];
        assert_true(of_group[group] < 0 || of_group[group] == folds.fold[i]);
        of_group[group] = folds.fold[i];
        load[folds.fold[i]]++;
    }
    for (int f = 0; f < WN_MOST_FOLDS; f++)
        assert_in_range(load[f], samples.count / 10 - 5, samples.count / 10 + 5);
    wn_folds_free(&folds);
    wn_samples_free(&samples);
}

static void thinning_is_fair_and_stable(void **state)
{
    fixture *data = *state;
    wn_samples copy;
    wn_samples_init(&copy, dims);
    for (int i = 0; i < data->samples.count; i++) {
        const float *feature[WN_FEATURES];
        for (int f = 0; f < WN_FEATURES; f++)
            feature[f] = dims[f] ? data->samples.feature[f] + i * dims[f] : NULL;
        assert_int_equal(wn_samples_add(&copy, feature, data->samples.label[i], data->samples.group[i], NULL),
                         0);
    }
    assert_int_equal(wn_samples_thin(&copy, 100, NULL, NULL), WINNOW_OK);
    int size[7] = {0};
    for (int i = 0; i < copy.count; i++)
        size[copy.group[i]]++;
    const int expected[7] = {26, 26, 26, 20, 42, 42, 15};
    for (int g = 0; g < 7; g++)
        assert_int_equal(size[g], expected[g]);
    int before = copy.count;
    assert_int_equal(wn_samples_thin(&copy, 100, NULL, NULL), WINNOW_OK);
    assert_int_equal(copy.count, before);
    wn_samples_free(&copy);
}

/* Rows that are kept at half precision are up to 5e-4 longer or shorter than 1; no cosine may exceed 1 for
 * it. */
static void kept_features_score_as_unit_vectors(void **state)
{
    (void)state;
    const int dim[WN_FEATURES] = {[WN_EMBEDDING] = 4};
    wn_samples samples;
    wn_scorer_spec spec;
    wn_scorer scorer;
    float scratch[4];
    double worst = 0;
    wn_samples_init(&samples, dim);
    for (int i = 0; i < 50; i++) {
        const float x[] = {1, 0.37f + 0.001f * (float)i, 0.61f, 0.11f};
        const float *const feature[WN_FEATURES] = {[WN_EMBEDDING] = x};
        assert_int_equal(wn_samples_add(&samples, feature, 1, 0, NULL), WINNOW_OK);
    }
    assert_int_equal(wn_spec_parse("cosine:embedding", &spec, NULL), WINNOW_OK);
    for (int i = 0; i < samples.count; i++) {
        const float *const feature[WN_FEATURES] = {[WN_EMBEDDING] = samples.feature[WN_EMBEDDING] + i * 4};
        assert_int_equal(wn_scorer_fit(&spec, &samples, &i, 1, NULL, NULL, &scorer, NULL), WINNOW_OK);
        worst = fmax(worst, fabs((double)wn_scorer_score(&scorer, feature, scratch) - 1));
        wn_scorer_free(&scorer);
    }
    assert_true(worst < 3e-7);
    wn_samples_free(&samples);
}

static void samples_refuse_nonsense(void **state)
{
    (void)state;
    wn_samples samples;
    winnow_error error;
    const int dim[WN_FEATURES] = {0, 3};
    const float good[] = {1, 2, 3}, nan[] = {1, NAN, 3}, infinite[] = {1, INFINITY, 3};
    const float *const a[WN_FEATURES] = {NULL, good}, *const b[WN_FEATURES] = {NULL, nan},
                       *const c[WN_FEATURES] = {NULL, infinite};
    wn_samples_init(&samples, dim);
    assert_int_equal(wn_samples_add(&samples, a, 1, 0, &error), WINNOW_OK);
    assert_int_equal(wn_samples_add(&samples, b, 1, 0, &error), WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "pooled feature of photo 1"));
    assert_int_equal(wn_samples_add(&samples, c, 1, 0, &error), WINNOW_ERROR_DATA);
    assert_int_equal(wn_samples_add(&samples, a, -1, 0, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(wn_samples_add(&samples, a, 1, WN_MAX_GROUPS, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(samples.count, 1);
    wn_samples_free(&samples);
}

static void halves_survive_the_round_trip(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        float value = wn_half_to_float((uint16_t)half);
        if (isnan(value))
            assert_true(isnan(wn_half_to_float(wn_half_from_float(value))));
        else
            assert_int_equal(wn_half_from_float(value), half);
    }
    assert_true(wn_half_to_float(0x3555) == 0.333251953125f);
    assert_int_equal(wn_half_from_float(1 + 0x1p-11f), 0x3c00); /* ties go to even */
    assert_int_equal(wn_half_from_float(1 + 3 * 0x1p-11f), 0x3c02);
    assert_int_equal(wn_half_from_float(65520), 0x7c00);
    assert_int_equal(wn_half_from_float(0x1p-25f), 0);
    assert_int_equal(wn_half_from_float(0x1.8p-25f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_the_oracles),
        cmocka_unit_test(coreset_is_the_oracles),
        cmocka_unit_test(specs_that_mean_nothing_are_refused),
        cmocka_unit_test(what_cannot_be_fitted_is_refused),
        cmocka_unit_test(few_sources_are_left_out_in_blocks),
        cmocka_unit_test(blocks_hold_of_every_class),
        cmocka_unit_test(many_sources_share_folds),
        cmocka_unit_test(thinning_is_fair_and_stable),
        cmocka_unit_test(kept_features_score_as_unit_vectors),
        cmocka_unit_test(samples_refuse_nonsense),
        cmocka_unit_test(halves_survive_the_round_trip),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
