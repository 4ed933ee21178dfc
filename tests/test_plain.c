/* SPDX-License-Identifier: Apache-2.0
 * Every plain layer against PyTorch (tests/oracle/layers.py): forward to 1e-5, gradients to 1e-5 too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "golden/keep.h"
#include "pattern.h"
#include "train/arcface.h"
#include "train/keep.h"
#include "train/layers_plain.h"

enum { MOST = 4096 };

static wn_safetensors *file;

static float *patterned(size_t count, uint32_t seed, float scale)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = scale * pattern(i, seed);
    return values;
}

static void check(const char *prefix, const char *name, size_t count, const float *values)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    assert_golden(file, full, count, values, 1e-5);
}

static void convolutions(void **state)
{
    (void)state;
    const struct {
        const char *name;
        wn_layer layer;
    } cases[] = {
        {"stem",
         {.kind = WN_STEM,
          .in = 9,
          .cin = 3,
          .cout = 8,
          .kernel = 3,
          .stride = 2,
          .pad_before = 1,
          .pad_after = 1}},
        {"stem_same",
         {.kind = WN_STEM, .in = 10, .cin = 3, .cout = 8, .kernel = 3, .stride = 2, .pad_after = 1}},
        {"pointwise", {.kind = WN_EXPAND, .in = 5, .cin = 16, .cout = 24, .kernel = 1, .stride = 1}},
        {"depthwise_3_1",
         {.kind = WN_DEPTHWISE,
          .in = 5,
          .cin = 8,
          .cout = 8,
          .kernel = 3,
          .stride = 1,
          .pad_before = 1,
          .pad_after = 1}},
        {"depthwise_3_2",
         {.kind = WN_DEPTHWISE,
          .in = 7,
          .cin = 8,
          .cout = 8,
          .kernel = 3,
          .stride = 2,
          .pad_before = 1,
          .pad_after = 1}},
        {"depthwise_3_2_even",
         {.kind = WN_DEPTHWISE,
          .in = 6,
          .cin = 8,
          .cout = 8,
          .kernel = 3,
          .stride = 2,
          .pad_before = 1,
          .pad_after = 1}},
        {"depthwise_3_2_same",
         {.kind = WN_DEPTHWISE, .in = 6, .cin = 8, .cout = 8, .kernel = 3, .stride = 2, .pad_after = 1}},
        {"depthwise_5_1",
         {.kind = WN_DEPTHWISE,
          .in = 6,
          .cin = 8,
          .cout = 8,
          .kernel = 5,
          .stride = 1,
          .pad_before = 2,
          .pad_after = 2}},
        {"depthwise_5_2_same",
         {.kind = WN_DEPTHWISE,
          .in = 8,
          .cin = 8,
          .cout = 8,
          .kernel = 5,
          .stride = 2,
          .pad_before = 1,
          .pad_after = 2}},
        {"depthwise_5_2_odd",
         {.kind = WN_DEPTHWISE,
          .in = 7,
          .cin = 8,
          .cout = 8,
          .kernel = 5,
          .stride = 2,
          .pad_before = 2,
          .pad_after = 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_layer layer = cases[i].layer;
        const int n = 2;
        layer.out = (layer.in + layer.pad_before + layer.pad_after - layer.kernel) / layer.stride + 1;
        layer.weight_count =
            (size_t)layer.cout * layer.kernel * layer.kernel * (layer.kind == WN_DEPTHWISE ? 1 : layer.cin);
        const size_t inputs = (size_t)n * layer.in * layer.in * layer.cin;
        const size_t outputs = (size_t)n * layer.out * layer.out * layer.cout;
        float *x = patterned(inputs, 1, 1), *w = patterned(layer.weight_count, 2, 1),
              *dy = patterned(outputs, 3, 1);
        float y[MOST], dx[MOST], dw[MOST];
        assert_true(inputs <= MOST && outputs <= MOST && layer.weight_count <= MOST);
        wn_plain_convolution(n, &layer, x, w, y);
        check(cases[i].name, "y", outputs, y);
        wn_plain_convolution_backward(n, &layer, x, w, dy, layer.kind == WN_STEM ? NULL : dx, dw);
        check(cases[i].name, "dw", layer.weight_count, dw);
        if (layer.kind != WN_STEM)
            check(cases[i].name, "dx", inputs, dx);
        free(x);
        free(w);
        free(dy);
    }
}

/* The goldens' inputs are NCHW patterns of 2 images, 8 channels, 5x5. */
static void to_nhwc(uint32_t seed, float scale, float *to)
{
    for (int b = 0; b < 2; b++)
        for (int c = 0; c < 8; c++)
            for (int p = 0; p < 25; p++)
                to[(b * 25 + p) * 8 + c] = scale * pattern((size_t)(b * 8 + c) * 25 + p, seed);
}

static void norm_and_relu6(void **state)
{
    (void)state;
    enum { CHANNELS = 8, ROWS = 50, COUNT = CHANNELS * ROWS };
    float x[COUNT], dy[COUNT], y[COUNT], active[COUNT], dx[COUNT];
    float mean[CHANNELS], var[CHANNELS], dgamma[CHANNELS], dbeta[CHANNELS], running[CHANNELS];
    to_nhwc(1, 2, x);
    to_nhwc(6, 1, dy);
    float *gamma = patterned(CHANNELS, 2, 4), *beta = patterned(CHANNELS, 3, 2);
    wn_plain_moments(ROWS, CHANNELS, x, mean, var);
    wn_plain_normalise(ROWS, CHANNELS, x, mean, var, 1e-5f, gamma, beta, y);
    wn_plain_relu6(COUNT, y, active);
    check("norm", "y", COUNT, active);
    wn_plain_relu6_backward(COUNT, y, dy, dy);
    wn_plain_normalise_backward(ROWS, CHANNELS, x, mean, var, 1e-5f, gamma, dy, dx, dgamma, dbeta);
    check("norm", "dx", COUNT, dx);
    check("norm", "dgamma", CHANNELS, dgamma);
    check("norm", "dbeta", CHANNELS, dbeta);
    for (int c = 0; c < CHANNELS; c++)
        running[c] = 0.9f * pattern(c, 4) + 0.1f * mean[c];
    check("norm", "running_mean", CHANNELS, running);
    for (int c = 0; c < CHANNELS; c++)
        running[c] = 0.9f * (1 + 0.5f * pattern(c, 5)) + 0.1f * var[c] * ROWS / (ROWS - 1);
    check("norm", "running_var", CHANNELS, running);
    for (int c = 0; c < CHANNELS; c++) {
        mean[c] = pattern(c, 4);
        var[c] = 1 + 0.5f * pattern(c, 5);
    }
    wn_plain_normalise(ROWS, CHANNELS, x, mean, var, 1e-5f, gamma, beta, y);
    check("norm", "evaluated", COUNT, y);
    free(gamma);
    free(beta);
}

static void pooling_and_embedding(void **state)
{
    (void)state;
    enum { N = 3, POSITIONS = 4, CHANNELS = 16, SIZE = 8 };
    float *x = patterned(N * POSITIONS * CHANNELS, 1, 1), *w = patterned(SIZE * CHANNELS, 2, 1);
    float *b = patterned(SIZE, 3, 1), *dy = patterned(N * SIZE, 4, 1);
    float pooled[N * CHANNELS], y[N * SIZE], dpooled[N * CHANNELS], dx[N * POSITIONS * CHANNELS];
    float dw[SIZE * CHANNELS], db[SIZE];
    wn_plain_mean(N, POSITIONS, CHANNELS, x, pooled);
    wn_plain_linear(N, CHANNELS, SIZE, pooled, w, b, y);
    check("head", "y", N * SIZE, y);
    wn_plain_linear_backward(N, CHANNELS, SIZE, pooled, w, dy, dpooled, dw, db);
    wn_plain_mean_backward(N, POSITIONS, CHANNELS, dpooled, dx);
    check("head", "dx", N * POSITIONS * CHANNELS, dx);
    check("head", "dw", SIZE * CHANNELS, dw);
    check("head", "db", SIZE, db);
    free(x);
    free(w);
    free(b);
    free(dy);
}

static void arcface_at(int classes)
{
    enum { N = 6, SIZE = 16 };
    const wn_arcface loss = {SIZE, classes, (float)(28.6 * 3.14159265358979323846 / 180), 64};
    const int labels[N] = {0, 1, classes - 1, 1, 0, 1};
    float *e = patterned(N * SIZE, 7, 1), *v = patterned((size_t)classes * SIZE, 8, 1);
    float de[N * SIZE], dv[8 * SIZE], value;
    char name[32];
    for (int i = 0; i < SIZE; i++) {
        e[3 * SIZE + i] = 2 * v[SIZE + i];
        e[4 * SIZE + i] = -3 * v[i];
        e[5 * SIZE + i] = -v[SIZE + i] + 0.1f * pattern(i, 9);
    }
    void *scratch = malloc(wn_arcface_scratch(&loss));
    value = (float)wn_arcface_loss(&loss, N, e, v, labels, de, dv, scratch);
    snprintf(name, sizeof name, "arcface_%d", classes);
    check(name, "loss", 1, &value);
    check(name, "de", N * SIZE, de);
    check(name, "dv", (size_t)classes * SIZE, dv);
    free(scratch);
    free(e);
    free(v);
}

static void arcface(void **state)
{
    (void)state;
    arcface_at(2);
    arcface_at(5);
}

/* A zero embedding has no direction: whatever its label, it gives no gradient, and no NaN. */
/* Values and gradient of PyTorch (tests/oracle/keep.py); a feature without direction has no gradient. */
static void kept_features(void **state)
{
    (void)state;
    enum { COUNT = KEEP_N * KEEP_SIZE };
    float *features = patterned(COUNT, 1, 1), *targets = patterned(COUNT, 2, 1), gradient[COUNT];
    double loss = wn_keep_loss(KEEP_N, KEEP_SIZE, keep_weight, features, targets, gradient);
    assert_true(fabs(loss - keep_loss) < 1e-6 * keep_loss);
    for (int i = 0; i < COUNT; i++)
        assert_true(fabsf(gradient[i] - keep_gradient[i]) < 1e-6f);
    memset(features, 0, KEEP_SIZE * sizeof *features);
    loss = wn_keep_loss(1, KEEP_SIZE, keep_weight, features, targets, gradient);
    assert_true(loss == 2 * keep_weight);
    for (int i = 0; i < KEEP_SIZE; i++)
        assert_true(gradient[i] == 0);
    free(features);
    free(targets);
}

static void arcface_of_nothing(void **state)
{
    (void)state;
    const wn_arcface loss = {4, 2, 0.5f, 64};
    const float e[4] = {0}, v[8] = {1, 2, 3, 4, 0, 0, 0, 0};
    const int label = 0;
    float de[4], dv[8];
    double scratch[10];
    assert_true(sizeof scratch >= wn_arcface_scratch(&loss));
    assert_true(isfinite(wn_arcface_loss(&loss, 1, e, v, &label, de, dv, scratch)));
    for (int i = 0; i < 8; i++)
        assert_true(dv[i] == 0 && de[i % 4] == 0);
}

static int open_golden(void **state)
{
    (void)state;
    file = golden_open("layers.safetensors");
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    wn_safetensors_free(file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),          cmocka_unit_test(norm_and_relu6),
        cmocka_unit_test(pooling_and_embedding), cmocka_unit_test(arcface),
        cmocka_unit_test(arcface_of_nothing),    cmocka_unit_test(kept_features),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
