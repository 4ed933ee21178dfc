/* SPDX-License-Identifier: Apache-2.0
 * Built-in pictures: the same every time, of every size, and not to be told apart by their colours. */
#include "synth/synth.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 48, BYTES = SIDE * SIDE * 3 };

static uint64_t hash(const uint8_t *bytes, size_t count)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        h = (h ^ bytes[i]) * 1099511628211u;
    return h;
}

static uint64_t scene_hash(synth_kind kind, uint64_t place, uint64_t seed)
{
    uint8_t rgb[BYTES];
    assert_int_equal(synth_scene_at(kind, place, seed, SIDE, SIDE, rgb, NULL), WINNOW_OK);
    return hash(rgb, BYTES);
}

static void test_same_arguments_same_picture(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    uint64_t first[COUNT];
    for (int i = 0; i < COUNT; i++)
        first[i] = scene_hash((synth_kind)(i % 3), (uint64_t)i % 5, (uint64_t)i);
    for (int i = COUNT - 1; i >= 0; i--)
        assert_true(first[i] == scene_hash((synth_kind)(i % 3), (uint64_t)i % 5, (uint64_t)i));
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
}

static void test_kind_place_and_seed_matter(void **state)
{
    (void)state;
    uint64_t base = scene_hash(SYNTH_NORMAL, 1, 7);
    assert_true(base != scene_hash(SYNTH_LOOKALIKE, 1, 7));
    assert_true(base != scene_hash(SYNTH_OTHER, 1, 7));
    assert_true(base != scene_hash(SYNTH_NORMAL, 2, 7));
    assert_true(base != scene_hash(SYNTH_NORMAL, 1, 8));
    assert_true(base != scene_hash(SYNTH_NORMAL, 1, 7 | (uint64_t)1 << 63));
}

static void test_every_shape_is_filled(void **state)
{
    (void)state;
    static const int sizes[][2] = {{32, 32}, {32, 200}, {333, 64}, {127, 129}, {640, 480}};
    for (int kind = 0; kind < SYNTH_KINDS; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            int w = sizes[i][0], h = sizes[i][1];
            size_t count = (size_t)w * (size_t)h * 3;
            uint8_t *rgb = malloc(count + 1);
            assert_non_null(rgb);
            rgb[count] = 0xa5;
            assert_int_equal(synth_scene((synth_kind)kind, i, w, h, rgb, NULL), WINNOW_OK);
            assert_int_equal(rgb[count], 0xa5);
            /* There is a picture in every corner: noise at least. */
            int differ = 0;
            for (size_t k = count - 30; k + 3 < count; k++)
                differ += rgb[k] != rgb[k + 3];
            assert_true(differ > 0);
            free(rgb);
        }
}

static void test_bad_arguments(void **state)
{
    (void)state;
    uint8_t rgb[BYTES];
    winnow_error error;
    assert_int_equal(synth_scene((synth_kind)3, 1, SIDE, SIDE, rgb, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(synth_scene(SYNTH_NORMAL, 1, SIDE, SIDE, NULL, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(synth_scene(SYNTH_NORMAL, 1, 31, SIDE, rgb, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(synth_scene(SYNTH_NORMAL, 1, SIDE, 4097, rgb, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "synth: 48x4097: expected sides of 32 to 4096 pixels");
}

/* ---- a classifier that sees colours alone: logistic regression on a histogram of 4 x 4 x 4 colours ---- */

enum { PICTURES = 400, BINS = 64, FEATURES = BINS + 1 };

static float features[SYNTH_KINDS + 1][PICTURES][FEATURES];

static void histogram(const uint8_t *rgb, float *out)
{
    memset(out, 0, FEATURES * sizeof *out);
    for (int i = 0; i < BYTES; i += 3)
        out[rgb[i] / 64 * 16 + rgb[i + 1] / 64 * 4 + rgb[i + 2] / 64] += 1;
    for (int i = 0; i < BINS; i++)
        out[i] = sqrtf(out[i] / (SIDE * SIDE));
    out[BINS] = 1;
}

static int set_up_features(void **state)
{
    (void)state;
    uint8_t rgb[BYTES];
    for (int kind = 0; kind < SYNTH_KINDS; kind++)
        for (int i = 0; i < PICTURES; i++) {
            if (synth_scene((synth_kind)kind, (uint64_t)i, SIDE, SIDE, rgb, NULL))
                return -1;
            histogram(rgb, features[kind][i]);
            if (kind == SYNTH_NORMAL) { /* the control: the same pictures, tinted */
                for (int k = 1; k < BYTES; k += 3)
                    rgb[k] = (uint8_t)(rgb[k] < 215 ? rgb[k] + 40 : 255);
                histogram(rgb, features[SYNTH_KINDS][i]);
            }
        }
    return 0;
}

static double dot(const float *w, const float *x)
{
    double sum = 0;
    for (int i = 0; i < FEATURES; i++)
        sum += (double)w[i] * (double)x[i];
    return sum;
}

static void fit(int a, int b, float *w)
{
    memset(w, 0, FEATURES * sizeof *w);
    for (int step = 0; step < 1500; step++) {
        double gradient[FEATURES] = {0};
        for (int i = 0; i < PICTURES / 2; i++)
            for (int side = 0; side < 2; side++) {
                const float *x = features[side ? b : a][i];
                double miss = (side ? 0 : 1) - 1 / (1 + exp(-dot(w, x)));
                for (int k = 0; k < FEATURES; k++)
                    gradient[k] += miss * (double)x[k];
            }
        for (int k = 0; k < FEATURES; k++)
            w[k] += (float)(4.0 * gradient[k] / PICTURES - 1e-3 * (double)w[k]);
    }
}

/* AUROC of kind a against b, on the half that was not fitted. */
static double colour_auroc(int a, int b)
{
    float w[FEATURES];
    fit(a, b, w);
    double wins = 0;
    for (int i = PICTURES / 2; i < PICTURES; i++)
        for (int j = PICTURES / 2; j < PICTURES; j++) {
            double p = dot(w, features[a][i]), q = dot(w, features[b][j]);
            wins += p > q ? 1 : p == q ? 0.5 : 0;
        }
    return wins / (PICTURES / 2) / (PICTURES / 2);
}

static void test_colours_do_not_tell_kinds_apart(void **state)
{
    (void)state;
    double control = colour_auroc(SYNTH_NORMAL, SYNTH_KINDS);
    double lookalike = colour_auroc(SYNTH_NORMAL, SYNTH_LOOKALIKE),
           other = colour_auroc(SYNTH_NORMAL, SYNTH_OTHER);
    print_message("AUROC of colours alone: lookalike %.3f, other %.3f, tinted %.3f\n", lookalike, other,
                  control);
    assert_true(control > 0.8); /* else the classifier is blind and the next lines say nothing */
    assert_true(lookalike < 0.7);
    assert_true(other < 0.8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_arguments_same_picture),
        cmocka_unit_test(test_kind_place_and_seed_matter),
        cmocka_unit_test(test_every_shape_is_filled),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test_setup(test_colours_do_not_tell_kinds_apart, set_up_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
