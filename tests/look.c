/* SPDX-License-Identifier: Apache-2.0
 * usage: look GATE | look BACKBONE SIDE
 *
 * What the network of a file sees, for tests that compare it with other programs'. Reads pictures from stdin,
 * each an int32 width, an int32 height and width * height * 3 bytes of RGB; writes for each the side * side *
 * 3 bytes that the network is given, then its pooled features and its bottleneck's as float32. Ends with the
 * input. */
#include "runtime/gate_file.h"
#include "train/backbone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct look {
    wn_preprocess preprocess;
    wn_plan *plan;
    int features, bottleneck; /* lengths */
    uint8_t *square;          /* (side, side, 3) */
    float *input, *found;     /* (side, side, 3); [features + bottleneck] */
    void *scratch;
} look;

static void *memory(size_t size)
{
    void *result = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!result)
        exit(3);
    return result;
}

static winnow_status open_gate(look *l, const char *path, wn_network *network, winnow_error *error)
{
    wn_gate_file file = {0};
    winnow_status status = wn_gate_file_read(path, false, &file, error);
    if (!status)
        status = wn_gate_file_plan(&file, &l->plan, error);
    l->preprocess = file.preprocess;
    *network = file.network;
    wn_gate_file_free(&file);
    return status;
}

static winnow_status open_backbone(look *l, const char *path, int side, wn_network *network,
                                   winnow_error *error)
{
    wn_backbone backbone;
    winnow_status status = wn_backbone_load(path, side, 8, 1, &backbone, error);
    if (status)
        return status;
    status = wn_plan_create(&backbone.network, &backbone.params, WN_PRECISION_FP32, &l->plan, error);
    l->preprocess = backbone.preprocess;
    *network = backbone.network;
    wn_backbone_free(&backbone);
    return status;
}

static winnow_status see(const look *l, const uint8_t *rgb, int width, int height, winnow_error *error)
{
    const winnow_image image = {.plane = {rgb},
                                .stride = {(ptrdiff_t)width * 3},
                                .width = width,
                                .height = height,
                                .format = WINNOW_RGB};
    const size_t size = wn_preprocess_scratch(&l->preprocess, width, height);
    void *scratch = memory(size);
    winnow_status status = wn_preprocess_bytes(&l->preprocess, &image, l->square, scratch, size, error);
    free(scratch);
    if (status)
        return status;
    const wn_outputs outputs = {.features = l->found, .bottleneck = l->found + l->features};
    wn_preprocess_normalise(&l->preprocess, l->square, l->input);
    wn_plan_run(l->plan, 1, l->input, &outputs, l->scratch);
    return WINNOW_OK;
}

static winnow_status see_all(const look *l, winnow_error *error)
{
    const size_t pixels = (size_t)l->preprocess.size * (size_t)l->preprocess.size * 3;
    const size_t count = (size_t)l->features + (size_t)l->bottleneck;
    int32_t head[2];
    winnow_status status = WINNOW_OK;
    while (!status && fread(head, sizeof head, 1, stdin) == 1) {
        const size_t bytes = (size_t)head[0] * (size_t)head[1] * 3;
        uint8_t *rgb = memory(bytes);
        if (fread(rgb, 1, bytes, stdin) != bytes)
            status = wn_fail(error, WINNOW_ERROR_IO, -1, "stdin ends within a picture");
        if (!status)
            status = see(l, rgb, head[0], head[1], error);
        free(rgb);
        if (!status && (fwrite(l->square, 1, pixels, stdout) != pixels ||
                        fwrite(l->found, sizeof *l->found, count, stdout) != count))
            status = wn_fail(error, WINNOW_ERROR_IO, -1, "stdout cannot be written");
    }
    return status;
}

int main(int argc, char **argv)
{
    look l = {0};
    wn_network network = {0};
    winnow_error error = {WINNOW_ERROR_ARGUMENT, -1, "usage: look GATE | look BACKBONE SIDE"};
    winnow_status status = argc == 2   ? open_gate(&l, argv[1], &network, &error)
                           : argc == 3 ? open_backbone(&l, argv[1], atoi(argv[2]), &network, &error)
                                       : error.code;
    if (!status) {
        const size_t pixels = (size_t)l.preprocess.size * (size_t)l.preprocess.size * 3;
        l.features = network.features;
        l.bottleneck = network.bottleneck;
        l.square = memory(pixels);
        l.input = memory(pixels * sizeof *l.input);
        l.found = memory(((size_t)l.features + (size_t)l.bottleneck) * sizeof *l.found);
        l.scratch = memory(wn_plan_scratch(l.plan, 1));
        status = see_all(&l, &error);
    }
    if (status)
        fprintf(stderr, "%s\n", error.message);
    wn_plan_free(l.plan);
    free(l.square);
    free(l.input);
    free(l.found);
    free(l.scratch);
    return status ? 2 : 0;
}
