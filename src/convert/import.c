/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"

#include "../runtime/file.h"
#include "../runtime/metadata.h"

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 30 };

/* ---- the network's input ---- */

static const wn_input imagenet = {
    false, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, "what PyTorch's MobileNetV2 is trained with"};

/* (byte - 127) / 128: docs/backbones.md tells how this was found. */
static const wn_input efficientnet_lite = {false,
                                           {127 / 255.f, 127 / 255.f, 127 / 255.f},
                                           {128 / 255.f, 128 / 255.f, 128 / 255.f},
                                           "what Google's EfficientNet-Lite was trained with"};

static const wn_input reference = {true,
                                   {0.5f, 0.5f, 0.5f},
                                   {0.5f, 0.5f, 0.5f},
                                   "what a Sequential(features, pool, flatten, linear) was trained with"};

static wn_input known_input(const wn_weights *weights, const wn_identity *identity)
{
    if (weights->has_input) {
        wn_input said = {.bgr = weights->input.bgr, .origin = "as the file says"};
        memcpy(said.mean, weights->input.mean, sizeof said.mean);
        memcpy(said.std, weights->input.std, sizeof said.std);
        return said;
    }
    if (!strcmp(identity->network.architecture->name, "efficientnet_lite0"))
        return efficientnet_lite;
    const size_t length = strlen(identity->prefix);
    const bool sequential = length >= 2 && !strcmp(identity->prefix + length - 2, "0.");
    return sequential && identity->embedding ? reference : imagenet;
}

/* ---- writing ---- */

typedef struct putting {
    wn_writer *writer;
    const float *data;
    bool embedding;
} putting;

static int put_tensor(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                      void *context)
{
    (void)count;
    const putting *p = context;
    if (p->embedding || strncmp(name, "embedding.", strlen("embedding.")) != 0)
        wn_writer_tensor(p->writer, name, WN_F32, rank, shape, p->data + offset);
    return 0;
}

static winnow_status write_backbone(const char *output, const wn_params *params, const char *source,
                                    const char *licence, const wn_import_result *result, winnow_error *error)
{
    const wn_network *network = &result->identity.network;
    wn_writer *writer = wn_writer_create();
    if (!writer)
        return wn_fail_memory(error);
    const wn_input *input = &result->input;
    wn_preprocess preprocess = {.bgr = input->bgr};
    memcpy(preprocess.mean, input->mean, sizeof input->mean);
    memcpy(preprocess.std, input->std, sizeof input->std);
    const char *name = strrchr(source, '/');
    wn_writer_metadata(writer, "winnow.kind", "backbone");
    wn_writer_metadata(writer, "winnow.architecture", network->architecture->name);
    wn_metadata_put_number(writer, "winnow.width", network->width);
    wn_metadata_put_input(writer, &preprocess);
    wn_writer_metadata(writer, "winnow.source", name ? name + 1 : source);
    wn_writer_metadata(writer, "winnow.source.sha256", result->sha256);
    if (result->folded)
        wn_writer_metadata(writer, "winnow.norms", "folded");
    if (licence)
        wn_writer_metadata(writer, "winnow.licence", licence);
    putting p = {writer, params->data, result->has_embedding};
    wn_network_tensors(network, put_tensor, &p);
    winnow_status status = wn_writer_write(writer, output, error);
    wn_writer_free(writer);
    return status;
}

/* ---- the import ---- */

static winnow_status take_params(wn_weights *weights, wn_import_result *result, wn_params *params,
                                 winnow_error *error)
{
    wn_identity *identity = &result->identity;
    winnow_status status = wn_identify(weights, identity, error);
    if (!status)
        status = wn_params_create(&identity->network, params, error);
    if (!status)
        status = wn_identity_params(weights, identity, params, error);
    if (status)
        return status;
    result->format = weights->format;
    result->has_embedding = identity->embedding;
    result->folded = weights->wiring && weights->wiring[0].epsilon == 0;
    result->input = known_input(weights, identity);
    return WINNOW_OK;
}

winnow_status wn_import_read(const void *bytes, size_t size, wn_import_result *result, wn_params *params,
                             winnow_error *error)
{
    wn_weights weights;
    *result = (wn_import_result){0};
    *params = (wn_params){0};
    winnow_status status = wn_weights_parse(bytes, size, &weights, error);
    if (status)
        return status;
    status = take_params(&weights, result, params, error);
    if (status)
        wn_params_free(params);
    wn_weights_free(&weights);
    return status;
}

winnow_status wn_import(const char *path, const char *output, const wn_input *input, const char *licence,
                        wn_import_result *result, winnow_error *error)
{
    void *bytes;
    size_t size;
    wn_params params;
    *result = (wn_import_result){0};
    winnow_status status = wn_read_file(path, LARGEST_FILE, &bytes, &size, error);
    if (status)
        return status;
    status = wn_import_read(bytes, size, result, &params, error);
    if (!status) {
        SHA256Data(bytes, size, result->sha256);
        if (input)
            result->input = *input;
        status = write_backbone(output, &params, path, licence, result, error);
        wn_params_free(&params);
    } else {
        status = wn_fail_prefix(error, status, path);
    }
    free(bytes);
    return status;
}
