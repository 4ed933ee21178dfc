/* SPDX-License-Identifier: Apache-2.0
 * The fast engine against the plain one: every network, odd sizes, every instruction set, any batch. */
#include "pattern.h"
#include "runtime/cpu.h"
#include "train/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct setting {
    const char *architecture;
    float width;
    int input, embedding, batch, classes, first_trainable;
} setting;

/* Of the models that are made. */
static float keep;
static bool bf16;

static wn_network network_of(const setting *s)
{
    wn_network network;
    winnow_error error;
    if (wn_network_create(s->architecture, s->width, s->input, s->embedding, &network, &error))
        fail_msg("%s", error.message);
    return network;
}

/* Norms that keep every value that goes through a ReLU6 far from its corners, and few near them in the last
 * layer: a channel is below 0, above 6 or in between, with all its pixels. Near a corner rounding decides,
 * and one pixel's decision shows in every gradient before it. */
static void set_norms(const wn_network *network, float *data)
{
    for (int l = 0; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        for (int c = 0; c < layer->cout; c++) {
            const size_t gamma = layer->gamma + c, beta = layer->beta + c;
            data[gamma] = 1 + 0.3f * pattern(gamma, 1);
            data[beta] = 0.2f * pattern(beta, 1);
            if (layer->relu6)
                data[beta] += layer->kind == WN_LAST ? 1.5f : c % 8 == 3 ? -4 : c % 8 == 5 ? 10 : 3;
            if (layer->relu6 && layer->kind != WN_LAST)
                data[gamma] *= 0.25f;
            data[layer->mean + c] = 0.2f * pattern(layer->mean + c, 1);
            data[layer->var + c] = 1 + 0.3f * pattern(layer->var + c, 1);
        }
    }
}

/* The pictures are patches of colour, as noise looks alike from afar. */
static wn_model *model_of(const setting *s, const wn_network *network, wn_pool *pool, bool plain)
{
    const wn_model_options options = {.batch = s->batch,
                                      .classes = s->classes,
                                      .margin = 0.5f,
                                      .scale = 16,
                                      .first_trainable = s->first_trainable,
                                      .keep = keep,
                                      .bf16 = bf16,
                                      .plain = plain};
    wn_model *model;
    winnow_error error;
    if (wn_model_create(network, &options, pool, &model, &error))
        fail_msg("%s", error.message);
    wn_params *params = wn_model_params(model);
    wn_params_initialise(network, 7, params);
    set_norms(network, params->data);
    fill_pattern(wn_model_class_vectors(model), (size_t)s->classes * s->embedding, 2);
    if (keep > 0)
        fill_pattern(wn_model_target(model), (size_t)s->batch * network->features, 5);
    float *input = wn_model_input(model);
    for (int i = 0; i < s->batch; i++)
        for (int y = 0; y < s->input; y++)
            for (int x = 0; x < s->input; x++)
                for (int c = 0; c < 3; c++, input++)
                    *input = pattern(((size_t)(i * 32 + y / 8) * 32 + x / 8) * 3 + c, 3) +
                             0.1f * pattern((size_t)(y * s->input + x) * 3 + c, 4);
    return model;
}

/* |a - b| over |b|, both measured against at least `floor` for the whole. */
static double distance(size_t count, const float *a, const float *b, double floor)
{
    double difference = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        length += (double)b[i] * b[i];
    }
    return sqrt(difference) / fmax(sqrt(length), floor);
}

typedef struct comparison {
    const float *a, *b;
    double floor, limit;
    const char *what;
} comparison;

static int compare_tensor(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                          void *context)
{
    (void)rank;
    (void)shape;
    const comparison *c = context;
    const double away = distance(count, c->a + offset, c->b + offset, c->floor);
    if (!(away < c->limit))
        fail_msg("%s of %s differs by %g", c->what, name, away);
    return 0;
}

/* Gradients come first in the block of parameters. */
static int compare_gradient(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                            void *context)
{
    return strstr(name, "running_") || strstr(name, "num_batches")
               ? 0
               : compare_tensor(name, rank, shape, offset, count, context);
}

static double length(size_t count, const float *a)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * a[i];
    return sqrt(sum);
}

static void compare(const setting *s, int n, int threads, double limit)
{
    const wn_network network = network_of(s);
    wn_pool *pool = wn_pool_create(threads);
    wn_model *fast = model_of(s, &network, pool, false), *plain = model_of(s, &network, pool, true);
    const size_t outputs = (size_t)n * s->embedding;
    float *a = malloc(outputs * sizeof *a), *b = malloc(outputs * sizeof *b);
    float *fa = malloc((size_t)n * network.features * sizeof *fa),
          *fb = malloc((size_t)n * network.features * sizeof *fb);
    float *ba = malloc((size_t)n * network.bottleneck * sizeof *ba),
          *bb = malloc((size_t)n * network.bottleneck * sizeof *bb);
    int labels[8];
    for (int i = 0; i < n; i++)
        labels[i] = (i * 3 + 1) % s->classes;

    wn_model_evaluate(fast, n, a, fa, ba);
    wn_model_evaluate(plain, n, b, fb, bb);
    assert_true(distance(outputs, a, b, 0) < 1e-5);
    assert_true(distance((size_t)n * network.features, fa, fb, 0) < 1e-5);
    assert_true(distance((size_t)n * network.bottleneck, ba, bb, 0) < 1e-5);

    const float loss_a = wn_model_train(fast, n, labels), loss_b = wn_model_train(plain, n, labels);
    assert_true(fabsf(loss_a - loss_b) < 1e-3f * fabsf(loss_b));
    const size_t classes = (size_t)s->classes * s->embedding;
    const double whole = length(network.trainable, wn_model_gradients(plain));
    comparison gradients = {wn_model_gradients(fast), wn_model_gradients(plain), 1e-3 * whole, limit,
                            "gradient"};
    wn_network_tensors(&network, compare_gradient, &gradients);
    assert_true(distance(classes, wn_model_class_gradients(fast), wn_model_class_gradients(plain), 0) < 1e-3);
    comparison state = {wn_model_params(fast)->data, wn_model_params(plain)->data, 0, 1e-4, "value"};
    wn_network_tensors(&network, compare_tensor, &state);

    free(a);
    free(b);
    free(fa);
    free(fb);
    free(ba);
    free(bb);
    wn_model_free(fast);
    wn_model_free(plain);
    wn_pool_free(pool);
}

static void every_network_and_width(void **state)
{
    (void)state;
    const setting settings[] = {
        {"mobilenet_v2", 1.0f, 96, 64, 2, 2, 0},       {"mobilenet_v2", 0.35f, 97, 10, 3, 2, 0},
        {"mobilenet_v2", 0.75f, 101, 16, 2, 3, 0},     {"mobilenet_v2", 1.4f, 96, 32, 2, 2, 0},
        {"efficientnet_lite0", 1.0f, 97, 64, 2, 2, 0}, {"efficientnet_lite0", 0.35f, 104, 8, 2, 2, 0},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        compare(&settings[i], settings[i].batch, 2, 2e-3);
}

/* False where the machine lacks it. */
static bool limited_to(wn_cpu level)
{
    wn_cpu_limit(level);
    return wn_cpu_level() == level;
}

static void every_instruction_set(void **state)
{
    (void)state;
    const setting settings[] = {{"mobilenet_v2", 0.5f, 97, 24, 2, 2, 0},
                                {"efficientnet_lite0", 0.5f, 96, 24, 2, 2, 0}};
    for (wn_cpu level = WN_CPU_BASELINE; level <= WN_CPU_AVX512; level++) {
        if (!limited_to(level)) {
            print_message("not tested: %s, which this machine lacks\n", wn_cpu_name(level));
            continue;
        }
        for (size_t i = 0; i < 2; i++)
            compare(&settings[i], settings[i].batch, 1, 2e-3);
    }
    wn_cpu_limit(WN_CPU_HIGHEST);
}

/* A batch whose features are also kept near some others. */
static void kept_features(void **state)
{
    (void)state;
    const setting s = {"mobilenet_v2", 0.35f, 97, 16, 4, 2, 33};
    keep = 20;
    compare(&s, 4, 2, 2e-3);
    keep = 0;
}

/* |a - b| against |b - c|, where c is what b would be without rounding. */
typedef struct rounding {
    const float *a, *b, *c;
    double floor;
} rounding;

static int compare_rounded(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                           void *context)
{
    (void)rank;
    (void)shape;
    const rounding *r = context;
    if (strstr(name, "running_") || strstr(name, "num_batches"))
        return 0;
    const double away = distance(count, r->a + offset, r->b + offset, r->floor),
                 own = distance(count, r->b + offset, r->c + offset, r->floor);
    if (!(away < 2 * own + 0.03))
        fail_msg("gradient of %s differs by %g, rounding alone by %g", name, away, own);
    return 0;
}

/* Stored in 16 bits: as far from the plain engine with the same rounding as that is from itself without, at
 * the most. Which side of a middle a value falls on, and with it a corner of a ReLU6, is chance in either. */
static void compare_bf16(const setting *s, int threads)
{
    const wn_network network = network_of(s);
    wn_pool *pool = wn_pool_create(threads);
    const int labels[8] = {0, 1, 1, 0, 1, 0, 0, 1};
    wn_model *model[3];
    float loss[3];
    for (int i = 0; i < 3; i++) {
        bf16 = i < 2;
        model[i] = model_of(s, &network, pool, i > 0);
        loss[i] = wn_model_train(model[i], s->batch, labels);
    }
    bf16 = false;
    assert_true(loss[0] != loss[2]);
    assert_true(fabsf(loss[0] - loss[1]) < 1e-2f * loss[1]);
    assert_true(fabsf(loss[0] - loss[2]) < 1e-2f * loss[2]);
    const float *gradients = wn_model_gradients(model[2]);
    rounding r = {wn_model_gradients(model[0]), wn_model_gradients(model[1]), gradients,
                  1e-3 * length(network.trainable, gradients)};
    wn_network_tensors(&network, compare_rounded, &r);
    for (int i = 0; i < 3; i++)
        wn_model_free(model[i]);
    wn_pool_free(pool);
}

static void values_in_16_bits(void **state)
{
    (void)state;
    const setting settings[] = {{"mobilenet_v2", 0.35f, 96, 16, 8, 2, 0},
                                {"mobilenet_v2", 0.5f, 97, 16, 8, 2, 33},
                                {"mobilenet_v2", 1.4f, 96, 16, 4, 2, 0},
                                {"efficientnet_lite0", 0.5f, 97, 24, 8, 2, 0}};
    for (wn_cpu level = WN_CPU_BASELINE; level <= WN_CPU_AVX512 && limited_to(level); level++)
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
            compare_bf16(&settings[i], 2);
    wn_cpu_limit(WN_CPU_HIGHEST);
}

static void every_batch_and_thread_count(void **state)
{
    (void)state;
    const setting s = {"mobilenet_v2", 0.35f, 96, 16, 5, 4, 0};
    for (int n = 1; n <= 5; n++)
        compare(&s, n, n % 3 + 1, 2e-3);
    compare(&s, 2, 4, 2e-3);
}

static void every_freezing_point(void **state)
{
    (void)state;
    const wn_network network = network_of(&(setting){"mobilenet_v2", 0.35f, 97, 16, 2, 2, 0});
    const int points[] = {1, 2, 3, 4, 5, 6, 7, 20, 33, network.count - 1, network.count};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        compare(&(setting){"mobilenet_v2", 0.35f, 97, 16, 4, 2, points[i]}, 4, 2, 3e-2);
}

/* Several steps twice: the same bits. Frozen weights and norms do not move. */
static void training_repeats_itself_and_leaves_the_frozen_alone(void **state)
{
    (void)state;
    const setting s = {"mobilenet_v2", 0.35f, 96, 16, 4, 2, 17};
    const wn_network network = network_of(&s);
    const wn_sgd sgd = {.rate = 1e-3f,
                        .momentum = 0.9f,
                        .weight_decay = 1e-4f,
                        .decay_all = true,
                        .class_rate = 1e-2f,
                        .class_momentum = 0.5f};
    const int labels[] = {0, 1, 1, 0};
    wn_pool *pool = wn_pool_create(3);
    wn_model *model[2];
    float *start = malloc(network.total * sizeof *start);
    for (int i = 0; i < 2; i++) {
        model[i] = model_of(&s, &network, pool, false);
        memcpy(start, wn_model_params(model[i])->data, network.total * sizeof *start);
        for (int step = 0; step < 4; step++) {
            wn_model_train(model[i], 4 - step % 2, labels);
            wn_model_step(model[i], &sgd);
        }
    }
    const float *a = wn_model_params(model[0])->data, *b = wn_model_params(model[1])->data;
    assert_memory_equal(a, b, network.total * sizeof *a);
    assert_memory_equal(wn_model_class_vectors(model[0]), wn_model_class_vectors(model[1]),
                        2 * 16 * sizeof *a);
    for (int l = 0; l < network.count; l++) {
        const wn_layer *layer = &network.layer[l];
        const bool frozen = l < s.first_trainable;
        assert_int_equal(frozen,
                         !memcmp(a + layer->weight, start + layer->weight, layer->weight_count * sizeof *a));
        assert_int_equal(frozen, !memcmp(a + layer->beta, start + layer->beta, layer->cout * sizeof *a));
        assert_int_equal(frozen, !memcmp(a + layer->var, start + layer->var, layer->cout * sizeof *a));
    }
    free(start);
    wn_model_free(model[0]);
    wn_model_free(model[1]);
    wn_pool_free(pool);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    const wn_network network = network_of(&(setting){"mobilenet_v2", 0.35f, 96, 16, 2, 2, 0});
    const wn_model_options good = {.batch = 2, .classes = 2, .margin = 0.5f, .scale = 64};
    wn_pool *pool = wn_pool_create(1);
    for (int i = 0; i < 7; i++) {
        wn_model_options o = good;
        i == 0   ? (void)(o.batch = 0)
        : i == 1 ? (void)(o.batch = 1 << 20)
        : i == 2 ? (void)(o.classes = 1)
        : i == 3 ? (void)(o.margin = NAN)
        : i == 4 ? (void)(o.scale = 0)
        : i == 5 ? (void)(o.first_trainable = -1)
                 : (void)(o.first_trainable = network.count + 1);
        wn_model *model = NULL;
        winnow_error error;
        assert_int_equal(wn_model_create(&network, &o, pool, &model, &error), WINNOW_ERROR_ARGUMENT);
        assert_null(model);
    }
    wn_model_free(NULL);
    wn_pool_free(pool);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]); /* where all would take too long: on an emulated processor */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_and_width),
        cmocka_unit_test(every_instruction_set),
        cmocka_unit_test(kept_features),
        cmocka_unit_test(values_in_16_bits),
        cmocka_unit_test(every_batch_and_thread_count),
        cmocka_unit_test(every_freezing_point),
        cmocka_unit_test(training_repeats_itself_and_leaves_the_frozen_alone),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
