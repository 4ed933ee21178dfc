/* SPDX-License-Identifier: Apache-2.0
 * Whole networks against PyTorch (tests/oracle/training.py), in both engines: forward in both modes, every
 * gradient, and the loss and all weights over some steps of SGD. docs/training.md says what the limits mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "pattern.h"
#include "train/model.h"

enum { BATCH = 4, INPUT = 96, EMBEDDING = 32, SAMPLES = 8, ROW = SAMPLES + 1 };

static wn_safetensors *file;

static float scaled(float base, double scale, size_t i)
{
    return (float)(base + pattern(i, 11) * scale);
}

static void fill(const wn_network *network, wn_model *model)
{
    float *data = wn_model_params(model)->data;
    for (int l = 0; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        const double deviation = sqrt(6.0 / (layer->cout * layer->kernel * layer->kernel));
        for (size_t i = layer->weight; i < layer->gamma; i++)
            data[i] = scaled(0, deviation, i);
        for (int c = 0; c < layer->cout; c++) {
            data[layer->gamma + c] = scaled(1, 0.3, layer->gamma + c);
            data[layer->beta + c] = scaled(layer->relu6 ? 2 : 0, 0.5, layer->beta + c);
            data[layer->mean + c] = scaled(0, 0.1, layer->mean + c);
            data[layer->var + c] = scaled(1, 0.3, layer->var + c);
        }
    }
    for (size_t i = network->embedding_weight; i < network->trainable; i++)
        data[i] = scaled(0, 1 / sqrt(network->features), i);
    fill_pattern(wn_model_class_vectors(model), 2 * EMBEDDING, 13);
    float *input = wn_model_input(model);
    for (int b = 0; b < BATCH; b++)
        for (int y = 0; y < INPUT; y++)
            for (int x = 0; x < INPUT; x++)
                for (int c = 0; c < 3; c++)
                    *input++ = pattern(((size_t)(b * (INPUT / 8) + y / 8) * (INPUT / 8) + x / 8) * 3 + c, 12);
}

/* Of tensor `index` in the golden table: is it within `limit` of its root mean square, or, where rounding
 * moves PyTorch's float32 further than that, within `slack` times as far as that? */
typedef struct table {
    const float *values;   /* in winnow's layout */
    const float *start;    /* subtracted, or NULL */
    float *golden, *drift; /* (tensors, ROW), (tensors) */
    float largest;         /* root mean square of all tensors */
    double limit, slack;
    int index;
    const char *what;
} table;

static void compare_samples(table *t, const char *name, size_t offset, size_t count)
{
    const float *golden = t->golden + (size_t)t->index * ROW;
    const double rms = fmax(golden[SAMPLES], 1e-4 * t->largest);
    const double allowed = fmax(t->limit, t->slack * t->drift[t->index]);
    for (int j = 0; j < SAMPLES; j++) {
        const size_t at = offset + j * count / SAMPLES;
        const double value = (double)t->values[at] - (t->start ? t->start[at] : 0);
        const double away = fabs(value - golden[j]) / rms;
        if (!(away <= allowed))
            fail_msg("%s of %s, sample %d: %g, not %g (off by %g, allowed %g)", t->what, name, j, value,
                     (double)golden[j], away, allowed);
    }
    t->index++;
}

/* The goldens' tables hold a layer's three learned tensors together, then the embedding's two, then the
 * layers' running statistics: the order of wn_params. */
static void compare_table(const wn_network *network, table *t, bool running)
{
    for (int l = 0; l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        compare_samples(t, layer->conv, layer->weight, layer->weight_count);
        compare_samples(t, layer->norm, layer->gamma, layer->cout);
        compare_samples(t, layer->norm, layer->beta, layer->cout);
    }
    compare_samples(t, "embedding.weight", network->embedding_weight, (size_t)EMBEDDING * network->features);
    compare_samples(t, "embedding.bias", network->embedding_bias, EMBEDDING);
    for (int l = 0; running && l < network->count; l++) {
        const wn_layer *layer = &network->layer[l];
        compare_samples(t, layer->norm, layer->mean, layer->cout);
        compare_samples(t, layer->norm, layer->var, layer->cout);
    }
}

static table table_of(const char *architecture, const char *what, int tensors, const float *values,
                      const float *start)
{
    char name[64];
    table t = {.values = values, .start = start, .limit = 1e-3, .slack = 3, .what = what};
    snprintf(name, sizeof name, "%s.%s", architecture, what);
    t.golden = golden_floats(file, name, (size_t)tensors * ROW);
    snprintf(name, sizeof name, "%s.%s_drift", architecture, what);
    t.drift = golden_floats(file, name, tensors);
    for (int i = 0; i < tensors; i++)
        t.largest = fmaxf(t.largest, t.golden[(size_t)i * ROW + SAMPLES]);
    return t;
}

static void table_free(table *t)
{
    free(t->golden);
    free(t->drift);
}

static void assert_named(const char *architecture, const char *what, size_t count, const float *values,
                         double limit)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", architecture, what);
    assert_golden(file, name, count, values, limit);
}

static void follow(const char *architecture, int steps, bool plain)
{
    const wn_model_options options = {.batch = BATCH,
                                      .classes = 2,
                                      .margin = (float)(28.6 * 3.14159265358979 / 180),
                                      .scale = 64,
                                      .plain = plain};
    const wn_sgd sgd = {.rate = 1e-3f, .momentum = 0.9f, .weight_decay = 1e-4f, .class_rate = 1e-2f};
    const int labels[BATCH] = {0, 1, 0, 1};
    wn_network network;
    wn_model *model;
    wn_pool *pool = wn_pool_create(2);
    float embedding[BATCH * EMBEDDING], losses[32];
    assert_int_equal(wn_network_create(architecture, 0.35f, INPUT, EMBEDDING, &network, NULL), WINNOW_OK);
    assert_int_equal(wn_model_create(&network, &options, pool, &model, NULL), WINNOW_OK);
    fill(&network, model);
    const int learned = 3 * network.count + 2, all = learned + 2 * network.count;
    float *start = malloc(network.total * sizeof *start);
    memcpy(start, wn_model_params(model)->data, network.total * sizeof *start);

    wn_model_evaluate(model, BATCH, embedding, NULL, NULL);
    assert_named(architecture, "evaluated", BATCH * EMBEDDING, embedding, 1e-5);
    for (int step = 0; step < steps; step++) {
        losses[step] = wn_model_train(model, BATCH, labels);
        if (step == 0) {
            table gradients =
                table_of(architecture, "gradients", learned + 1, wn_model_gradients(model), NULL);
            compare_table(&network, &gradients, false);
            gradients.values = wn_model_class_gradients(model);
            compare_samples(&gradients, "arcface.weight", 0, 2 * EMBEDDING);
            table_free(&gradients);
        }
        wn_model_step(model, &sgd);
    }
    assert_named(architecture, "losses", steps, losses, 1e-5);
    assert_named(architecture, "vectors", 2 * EMBEDDING, wn_model_class_vectors(model), 1e-4);
    table changes = table_of(architecture, "changes", all, wn_model_params(model)->data, start);
    compare_table(&network, &changes, true);
    table_free(&changes);
    wn_model_evaluate(model, BATCH, embedding, NULL, NULL);
    assert_named(architecture, "trained", BATCH * EMBEDDING, embedding, 1e-3);
    free(start);
    wn_model_free(model);
    wn_pool_free(pool);
}

static void mobilenet_fast(void **state)
{
    (void)state;
    follow("mobilenet_v2", 20, false);
}

static void efficientnet_fast(void **state)
{
    (void)state;
    follow("efficientnet_lite0", 3, false);
}

static void mobilenet_plain(void **state)
{
    (void)state;
    follow("mobilenet_v2", 20, true);
}

static void efficientnet_plain(void **state)
{
    (void)state;
    follow("efficientnet_lite0", 3, true);
}

static int open_golden(void **state)
{
    (void)state;
    file = golden_open("training.safetensors");
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
        cmocka_unit_test(mobilenet_fast),
        cmocka_unit_test(efficientnet_fast),
        cmocka_unit_test(mobilenet_plain),
        cmocka_unit_test(efficientnet_plain),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
