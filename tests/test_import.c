/* SPDX-License-Identifier: Apache-2.0
 * Weights of every naming and width become the same numbers in a backbone, and train's loader reads it back.
 */
#include "convert/import.h"
#include "runtime/file.h"
#include "train/backbone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static char folder[] = "/tmp/winnow-import-XXXXXX";
static char source[64], output[64];

/* How a source file differs from torchvision's names. */
typedef struct dress {
    const char *prefix;
    bool efficientnet, flat;
    const char *head; /* of the embedding's tensors; NULL: none */
    const char *left_out;
    bool bad_variance, nan;
} dress;

static void rename_tensor(const dress *d, const char *name, char out[128])
{
    int block, layer;
    char rest[64];
    if (!strncmp(name, "embedding.", 10)) {
        snprintf(out, 128, "%s%s", d->head, name + 9);
    } else if (d->flat && sscanf(name, "features.%d.conv.%d.%63s", &block, &layer, rest) == 3) {
        /* expansion at 0, depthwise at 3, projection at 6 (block 1: 0 and 3), each with its norm behind it */
        const int projection = block > 1 ? 2 : 1, inner = layer < projection;
        const int norm = inner ? rest[0] == '1' : layer > projection;
        snprintf(out, 128, "%s%d.conv.%d.%s", d->prefix, block, 3 * (inner ? layer : projection) + norm,
                 inner ? rest + 2 : rest);
    } else if (!d->efficientnet) {
        snprintf(out, 128, "%s%s", d->prefix, name + strlen("features."));
    } else if (sscanf(name, "features.%d.conv.%d.%63s", &block, &layer, rest) == 3) {
        /* block 1 does not expand: there conv.0 is the depthwise one */
        static const char *const names[] = {"_expand_conv", "_bn0",          "_depthwise_conv",
                                            "_bn1",         "_project_conv", "_bn2"};
        const int expands = block > 1, part = layer - expands;
        int index;
        if (part < 1)
            index = 2 * (layer + !expands) + (rest[0] == '1');
        else
            index = part == 1 ? 4 : 5;
        snprintf(out, 128, "%s_blocks.%d.%s.%s", d->prefix, block - 1, names[index],
                 part < 1 ? rest + 2 : rest);
    } else {
        sscanf(name, "features.%d.%d.%63s", &block, &layer, rest);
        snprintf(out, 128, "%s%s.%s", d->prefix,
                 block ? (layer ? "_bn1" : "_conv_head") : (layer ? "_bn0" : "_conv_stem"), rest);
    }
}

typedef struct writing {
    const dress *dress;
    wn_writer *writer;
    float *data;
} writing;

static int write_tensor(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                        void *context)
{
    const writing *w = context;
    char renamed[128];
    (void)count;
    if (!w->dress->head && !strncmp(name, "embedding.", 10))
        return 0;
    rename_tensor(w->dress, name, renamed);
    if (!w->dress->left_out || strcmp(renamed, w->dress->left_out) != 0)
        wn_writer_tensor(w->writer, renamed, WN_F32, rank, shape, w->data + offset);
    return 0;
}

/* Writes random weights of the network to `source`, named as *d says; the caller frees the params. */
static wn_params write_source(const wn_network *network, const dress *d)
{
    static const float classifier[1000 * 1280];
    wn_params params;
    winnow_error error;
    assert_int_equal(wn_params_create(network, &params, &error), WINNOW_OK);
    wn_params_initialise(network, 7, &params);
    for (size_t i = network->trainable; i < network->total; i++)
        params.data[i] = 0.5f + 0.25f * (float)(i % 3);
    if (d->bad_variance)
        params.data[network->layer[5].var + 1] = -0.5f;
    if (d->nan)
        params.data[network->layer[3].weight + 2] = 0.0f / 0.0f;
    writing w = {d, wn_writer_create(), params.data};
    wn_network_tensors(network, write_tensor, &w);
    if (network->features == 1280) {
        wn_writer_tensor(w.writer, "classifier.1.weight", WN_F32, 2, (uint64_t[]){1000, 1280}, classifier);
        wn_writer_tensor(w.writer, "classifier.1.bias", WN_F32, 1, (uint64_t[]){1000}, classifier);
    }
    wn_writer_tensor(w.writer, "num_batches_tracked", WN_I64, 0, NULL, classifier);
    if (wn_writer_write(w.writer, source, &error))
        fail_msg("%s", error.message);
    wn_writer_free(w.writer);
    return params;
}

static wn_network create(const char *architecture, float width, int embedding)
{
    wn_network network;
    winnow_error error;
    if (wn_network_create(architecture, width, 96, embedding, &network, &error))
        fail_msg("%s", error.message);
    return network;
}

/* Imports what write_source wrote, loads it for training, and compares every number. */
static void round_trip(const char *architecture, float width, const dress *d, wn_import_result *result)
{
    const wn_network network = create(architecture, width, 64);
    wn_params params = write_source(&network, d);
    winnow_error error;
    wn_backbone backbone;
    if (wn_import(source, output, NULL, "CC0-1.0", result, &error))
        fail_msg("%s width %g: %s", architecture, (double)width, error.message);
    assert_string_equal(result->identity.network.architecture->name, architecture);
    assert_float_equal(result->identity.network.width, width, 1e-6);
    assert_int_equal(result->has_embedding, d->head != NULL);
    if (wn_backbone_load(output, 128, 64, 1, &backbone, &error))
        fail_msg("%s", error.message);
    assert_int_equal(backbone.network.total, network.total);
    assert_int_equal(backbone.network.input, 128);
    for (size_t i = 0; i < network.total; i++)
        if (backbone.params.data[i] != params.data[i] &&
            (d->head || i < network.embedding_weight || i >= network.trainable))
            fail_msg("number %zu is another", i);
    assert_int_equal(backbone.preprocess.bgr, result->input.bgr);
    assert_memory_equal(backbone.preprocess.mean, result->input.mean, sizeof result->input.mean);
    assert_memory_equal(backbone.preprocess.std, result->input.std, sizeof result->input.std);
    wn_backbone_free(&backbone);
    wn_params_free(&params);
}

static void every_width_is_told_from_shapes(void **state)
{
    (void)state;
    static const float widths[] = {0.35f, 0.5f, 0.75f, 1, 1.3f, 1.4f, 1.1f};
    wn_import_result result;
    for (size_t i = 0; i < LENGTH(widths); i++)
        round_trip("mobilenet_v2", widths[i], &(dress){.prefix = "features."}, &result);
    assert_false(result.input.bgr);
    assert_float_equal(result.input.mean[0], 0.485, 1e-7);
}

static void every_prefix_is_taken_off(void **state)
{
    (void)state;
    static const dress dresses[] = {{.prefix = "module.features.", .head = "module.head"},
                                    {.prefix = "module.0.", .head = "fc"},
                                    {.prefix = ""},
                                    {.prefix = "model.backbone.features.", .head = "head.1"}};
    wn_import_result result;
    for (size_t i = 0; i < LENGTH(dresses); i++)
        round_trip("mobilenet_v2", 0.5f, &dresses[i], &result);
}

static void the_reference_is_known_by_its_sequence(void **state)
{
    (void)state;
    wn_import_result result;
    round_trip("mobilenet_v2", 1, &(dress){.prefix = "0.", .head = "3"}, &result);
    assert_true(result.input.bgr);
    assert_float_equal(result.input.mean[1], 0.5, 0);
    assert_float_equal(result.input.std[2], 0.5, 0);
}

static void flat_blocks_are_renamed(void **state)
{
    (void)state;
    wn_import_result result;
    round_trip("mobilenet_v2", 1, &(dress){.prefix = "features.", .flat = true}, &result);
    assert_string_equal(result.identity.scheme, "pytorch-mobilenet-v2");
    assert_float_equal(result.input.mean[0], 0.485, 1e-7);
    round_trip("mobilenet_v2", 0.5f, &(dress){.prefix = "module.", .flat = true, .head = "fc"}, &result);
}

static void efficientnet_is_renamed(void **state)
{
    (void)state;
    wn_import_result result;
    round_trip("efficientnet_lite0", 1, &(dress){.prefix = "", .efficientnet = true}, &result);
    assert_string_equal(result.identity.scheme, "efficientnet_pytorch");
    round_trip("efficientnet_lite0", 1, &(dress){.prefix = "module.", .efficientnet = true, .head = "fc"},
               &result);
    round_trip("efficientnet_lite0", 1, &(dress){.prefix = "features."}, &result);
}

static void what_was_assumed_can_be_overruled(void **state)
{
    (void)state;
    const wn_network network = create("mobilenet_v2", 0.35f, 8);
    wn_params params = write_source(&network, &(dress){.prefix = "features."});
    const wn_input input = {true, {0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}, "as given"};
    wn_import_result result;
    wn_backbone backbone;
    winnow_error error;
    assert_int_equal(wn_import(source, output, &input, NULL, &result, &error), WINNOW_OK);
    assert_int_equal(strlen(result.sha256), 64);
    assert_int_equal(wn_backbone_load(output, 96, 8, 1, &backbone, &error), WINNOW_OK);
    assert_true(backbone.preprocess.bgr);
    assert_memory_equal(backbone.preprocess.mean, input.mean, sizeof input.mean);
    assert_memory_equal(backbone.preprocess.std, input.std, sizeof input.std);
    wn_backbone_free(&backbone);
    wn_params_free(&params);
    assert_int_equal(wn_import(output, output, NULL, NULL, &result, &error), WINNOW_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "use it as it is"));
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    static const struct {
        dress dress;
        const char *message;
    } cases[] = {
        {{.prefix = "features.", .left_out = "features.7.conv.1.1.bias"},
         "no tensor 'features.7.conv.1.1.bias', which mobilenet_v2 needs"},
        {{.prefix = "features.", .nan = true}, "not finite"},
        {{.prefix = "features.", .bad_variance = true}, "variance below 0"},
        {{.prefix = "features.", .left_out = "features.0.0.weight"}, "of no network that winnow knows"},
    };
    const wn_network network = create("mobilenet_v2", 0.5f, 8);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_params params = write_source(&network, &cases[i].dress);
        wn_import_result result;
        winnow_error error;
        unlink(output);
        assert_int_not_equal(wn_import(source, output, NULL, NULL, &result, &error), WINNOW_OK);
        if (!strstr(error.message, cases[i].message) || strncmp(error.message, source, strlen(source)) != 0)
            fail_msg("%s", error.message);
        assert_int_equal(access(output, F_OK), -1);
        wn_params_free(&params);
    }
}

/* The two files of ../shared/weights hold the same tensors. */
static void real_weights_agree(void **state)
{
    (void)state;
    const char *photos = getenv("WINNOW_DATA");
    char path[2][1024], shared[900] = SHARED;
    if (photos) /* ../shared/data/dev */
        snprintf(shared, sizeof shared, "%s/../..", photos);
    wn_backbone backbone[2];
    for (int i = 0; i < 2; i++) {
        wn_import_result result;
        winnow_error error;
        snprintf(path[i], sizeof path[i], "%s/weights/mobilenet_v2_imagenet.%s", shared,
                 i ? "safetensors" : "pth");
        if (access(path[i], R_OK)) {
            print_message("not tested: real weights, as there is no %s\n", path[i]);
            skip();
        }
        if (wn_import(path[i], output, NULL, NULL, &result, &error) ||
            wn_backbone_load(output, 128, 512, 1, &backbone[i], &error))
            fail_msg("%s", error.message);
    }
    wn_backbone bare;
    winnow_error error;
    if (wn_backbone_load(path[1], 128, 512, 1, &bare, &error))
        fail_msg("%s", error.message);
    const size_t size = bare.network.total * sizeof(float);
    assert_memory_equal(backbone[0].params.data, backbone[1].params.data, size);
    assert_memory_equal(backbone[0].params.data, bare.params.data, size);
    assert_memory_equal(&backbone[0].preprocess, &bare.preprocess, sizeof bare.preprocess);
    for (int i = 0; i < 2; i++)
        wn_backbone_free(&backbone[i]);
    wn_backbone_free(&bare);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(source, sizeof source, "%s/in.safetensors", folder);
    snprintf(output, sizeof output, "%s/out.safetensors", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(source);
    unlink(output);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_is_told_from_shapes),
        cmocka_unit_test(every_prefix_is_taken_off),
        cmocka_unit_test(the_reference_is_known_by_its_sequence),
        cmocka_unit_test(flat_blocks_are_renamed),
        cmocka_unit_test(efficientnet_is_renamed),
        cmocka_unit_test(what_was_assumed_can_be_overruled),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(real_weights_agree),
    };
    return cmocka_run_group_tests_name("import", tests, set_up, tear_down);
}
