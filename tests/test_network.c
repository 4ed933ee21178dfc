/* SPDX-License-Identifier: Apache-2.0
 * The network table against torchvision (tests/oracle/network.py) and against published counts. */
#include "golden/network.h"
#include "runtime/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static wn_network create(const char *name, float width, int input, int embedding)
{
    wn_network network;
    winnow_error error;
    if (wn_network_create(name, width, input, embedding, &network, &error))
        fail_msg("%s", error.message);
    return network;
}

/* Visits tensors in step with the golden list, and marks every float that one of them covers. */
typedef struct visit_check {
    const wn_network *network;
    size_t index;
    char *covered;
} visit_check;

static int check_tensor(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                        void *context)
{
    visit_check *check = context;
    uint64_t product = 1;
    if (check->index < LENGTH(golden_tensors)) {
        assert_string_equal(name, golden_tensors[check->index].name);
        assert_int_equal(rank, golden_tensors[check->index].rank);
        for (int i = 0; i < rank; i++)
            assert_int_equal(shape[i], golden_tensors[check->index].shape[i]);
    } else {
        assert_string_equal(name,
                            check->index == LENGTH(golden_tensors) ? "embedding.weight" : "embedding.bias");
    }
    for (int i = 0; i < rank; i++)
        product *= shape[i];
    assert_int_equal(count, product);
    assert_true(offset + count <= check->network->total);
    const bool statistic = strstr(name, "running") != NULL;
    assert_true(statistic ? offset >= check->network->trainable
                          : offset + count <= check->network->trainable);
    for (size_t i = offset; i < offset + count; i++)
        assert_int_equal(check->covered[i]++, 0);
    check->index++;
    return 0;
}

static void tensors_are_torchvisions(void **state)
{
    (void)state;
    const wn_network network = create("mobilenet_v2", 1, 128, 512);
    visit_check check = {&network, 0, calloc(network.total, 1)};
    assert_int_equal(wn_network_tensors(&network, check_tensor, &check), 0);
    assert_int_equal(check.index, LENGTH(golden_tensors) + 2);
    assert_null(memchr(check.covered, 0, network.total));
    free(check.covered);
}

static int stop_at_running_mean(const char *name, int rank, const uint64_t *shape, size_t offset,
                                size_t count, void *context)
{
    (void)rank, (void)shape, (void)offset, (void)count;
    ++*(int *)context;
    return strstr(name, "running_mean") ? 7 : 0;
}

static void a_visit_stops_when_told(void **state)
{
    (void)state;
    const wn_network network = create("mobilenet_v2", 1, 128, 512);
    int calls = 0;
    assert_int_equal(wn_network_tensors(&network, stop_at_running_mean, &calls), 7);
    assert_int_equal(calls, 4);
}

static void widths_are_torchvisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(golden_widths); i++) {
        const wn_network network = create("mobilenet_v2", golden_widths[i].width, 96, 8);
        assert_int_equal(network.features, golden_widths[i].features);
        assert_int_equal(network.trainable,
                         (size_t)golden_widths[i].parameters + 8 * ((size_t)network.features + 1));
    }
}

static void costs_are_the_published_ones(void **state)
{
    (void)state;
    wn_network network = create("mobilenet_v2", 1, 128, 512);
    assert_int_equal(wn_network_macs(&network), 98449408);
    assert_int_equal(network.trainable, 2879744);
    assert_int_equal(network.count, 52);
    assert_int_equal(network.bottleneck, 320);
    assert_int_equal(network.grid, 4);
    /* EfficientNet-Lite0 has 4,652,008 parameters with its classifier of 1,281,000. */
    network = create("efficientnet_lite0", 1, 224, 512);
    assert_int_equal(network.embedding_weight, 4652008 - 1281000);
    assert_int_equal(network.count, 49);
    assert_int_equal(network.bottleneck, 320);
    assert_int_equal(network.features, 1280);
    assert_int_equal(network.grid, 7);
}

/* Every layer fits the one before it, and padding makes the window of the last output end inside. */
static void shapes_fit(void **state)
{
    (void)state;
    const float widths[] = {0.35f, 0.5f, 1, 1.4f};
    for (int a = 0; wn_architecture_at(a); a++)
        for (int input = 96; input <= 224; input++)
            for (size_t w = 0; w < LENGTH(widths); w++) {
                const wn_network network = create(wn_architecture_at(a)->name, widths[w], input, 512);
                for (int i = 0; i < network.count; i++) {
                    const wn_layer *l = &network.layer[i], *before = i ? l - 1 : NULL;
                    assert_int_equal(l->cin, before ? before->cout : 3);
                    assert_int_equal(l->in, before ? before->out : input);
                    assert_int_equal(l->out, (l->in + l->stride - 1) / l->stride);
                    const int last_end = (l->out - 1) * l->stride + l->kernel;
                    assert_true(last_end <= l->pad_before + l->in + l->pad_after);
                    assert_true(l->pad_after - l->pad_before <= 1 && l->pad_before <= l->pad_after);
                    assert_int_equal(l->cout % 8, 0);
                    if (l->residual >= 0) {
                        assert_int_equal(network.layer[l->residual].cout, l->cout);
                        assert_int_equal(network.layer[l->residual].out, l->out);
                        assert_false(l->relu6);
                    }
                }
            }
}

static void same_padding_is_tensorflows(void **state)
{
    (void)state;
    const wn_network network = create("efficientnet_lite0", 1, 224, 512);
    assert_int_equal(network.layer[0].pad_before, 0); /* even input, 3x3 s2: all of it after */
    assert_int_equal(network.layer[0].pad_after, 1);
    for (int i = 0; i < network.count; i++)
        if (network.layer[i].kernel == 5) {
            const bool halves = network.layer[i].stride == 2;
            assert_int_equal(network.layer[i].pad_before, halves ? 1 : 2);
            assert_int_equal(network.layer[i].pad_after, 2);
        }
    const wn_network odd = create("efficientnet_lite0", 1, 225 - 2, 512);
    assert_int_equal(odd.layer[0].pad_before, 1);
    assert_int_equal(odd.layer[0].pad_after, 1);
}

/* The end of the block that leaves a quarter of the side, whatever the size. */
static void the_early_layer_is_the_last_at_a_quarter(void **state)
{
    (void)state;
    const char *const names[] = {"mobilenet_v2", "efficientnet_lite0"};
    for (size_t n = 0; n < LENGTH(names); n++)
        for (int input = 96; input <= 224; input += input == 128 ? 1 : 4) {
            const wn_network network = create(names[n], 1, input, 512);
            const wn_layer *layer = &network.layer[network.early];
            assert_string_equal(layer->conv, "features.3.conv.2");
            assert_int_equal(layer->kind, WN_PROJECT);
            assert_int_equal(layer->cout, 24);
            assert_int_equal(layer->out, (input + 3) / 4);
        }
}

/* The end of the first block of the last row at a sixteenth. */
static void the_middle_layer_begins_the_last_row_at_a_sixteenth(void **state)
{
    (void)state;
    const struct {
        const char *name, *conv;
        int channels;
    } cases[] = {{"mobilenet_v2", "features.11.conv.2", 96},
                 {"efficientnet_lite0", "features.9.conv.2", 112}};
    for (size_t n = 0; n < LENGTH(cases); n++)
        for (int input = 96; input <= 224; input += input == 128 ? 1 : 4) {
            const wn_network network = create(cases[n].name, 1, input, 512);
            const wn_layer *layer = &network.layer[network.middle];
            assert_string_equal(layer->conv, cases[n].conv);
            assert_int_equal(layer->cout, cases[n].channels);
            assert_int_equal(layer->out, (input + 15) / 16);
        }
}

static void refusals(void **state)
{
    (void)state;
    const struct {
        const char *name;
        float width;
        int input, embedding;
        winnow_status status;
        const char *message;
    } cases[] = {
        {"resnet", 1, 128, 512, WINNOW_ERROR_UNSUPPORTED,
         "unknown network 'resnet' (known: mobilenet_v2, efficientnet_lite0)"},
        {NULL, 1, 128, 512, WINNOW_ERROR_UNSUPPORTED,
         "unknown network '' (known: mobilenet_v2, efficientnet_lite0)"},
        {"mobilenet_v2", 0.34f, 128, 512, WINNOW_ERROR_ARGUMENT,
         "width multiplier 0.34 is outside 0.35 to 1.4"},
        {"mobilenet_v2", NAN, 128, 512, WINNOW_ERROR_ARGUMENT, "width multiplier nan is outside 0.35 to 1.4"},
        {"mobilenet_v2", 1, 95, 512, WINNOW_ERROR_ARGUMENT, "input size 95 is outside 96 to 224"},
        {"mobilenet_v2", 1, 225, 512, WINNOW_ERROR_ARGUMENT, "input size 225 is outside 96 to 224"},
        {"mobilenet_v2", 1, 128, 7, WINNOW_ERROR_ARGUMENT, "embedding size 7 is outside 8 to 2048"},
        {"mobilenet_v2", 1, 128, 2049, WINNOW_ERROR_ARGUMENT, "embedding size 2049 is outside 8 to 2048"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_network network;
        winnow_error error;
        assert_int_equal(wn_network_create(cases[i].name, cases[i].width, cases[i].input, cases[i].embedding,
                                           &network, &error),
                         cases[i].status);
        assert_string_equal(error.message, cases[i].message);
    }
}

static double deviation(const float *values, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
    }
    return sqrt(squares / (double)count - sum / (double)count * (sum / (double)count));
}

static void a_fresh_start_is_pytorchs(void **state)
{
    (void)state;
    const wn_network network = create("mobilenet_v2", 1, 128, 512);
    wn_params params, again;
    assert_int_equal(wn_params_create(&network, &params, NULL), WINNOW_OK);
    assert_int_equal(wn_params_create(&network, &again, NULL), WINNOW_OK);
    assert_int_equal((uintptr_t)params.data % 64, 0);
    wn_params_initialise(&network, 5, &params);
    for (int i = 0; i < network.count; i++) {
        const wn_layer *l = &network.layer[i];
        const double expected = sqrt(2.0 / (l->cout * l->kernel * l->kernel));
        const double spread = deviation(params.data + l->weight, l->weight_count);
        assert_true(fabs(spread / expected - 1) < 4 / sqrt(2.0 * (double)l->weight_count));
        assert_true(params.data[l->gamma] == 1 && params.data[l->beta] == 0);
        assert_true(params.data[l->mean] == 0 && params.data[l->var + l->cout - 1] == 1);
    }
    const double bound = 1 / sqrt(1280);
    const double spread = deviation(params.data + network.embedding_weight, 512 * 1280);
    assert_true(fabs(spread / (bound / sqrt(3)) - 1) < 0.005);
    for (size_t i = network.embedding_weight; i < network.trainable; i++)
        assert_true(fabs(params.data[i]) <= bound);

    wn_params_initialise(&network, 5, &again);
    assert_memory_equal(params.data, again.data, network.total * sizeof(float));
    wn_params_initialise(&network, 6, &again);
    assert_true(memcmp(params.data, again.data, network.total * sizeof(float)) != 0);
    wn_params_free(&params);
    wn_params_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_torchvisions),
        cmocka_unit_test(a_visit_stops_when_told),
        cmocka_unit_test(widths_are_torchvisions),
        cmocka_unit_test(costs_are_the_published_ones),
        cmocka_unit_test(shapes_fit),
        cmocka_unit_test(same_padding_is_tensorflows),
        cmocka_unit_test(the_early_layer_is_the_last_at_a_quarter),
        cmocka_unit_test(the_middle_layer_begins_the_last_row_at_a_sixteenth),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_fresh_start_is_pytorchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
