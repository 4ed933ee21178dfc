/* SPDX-License-Identifier: Apache-2.0 */
#include "backbone.h"

#include "../runtime/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f};
static const float imagenet_std[3] = {0.229f, 0.224f, 0.225f};

/* ---- metadata ---- */

static bool read_three(const char *text, float out[3])
{
    char rest;
    return sscanf(text, "%f , %f , %f%c", &out[0], &out[1], &out[2], &rest) == 3 && isfinite(out[0]) &&
           isfinite(out[1]) && isfinite(out[2]);
}

static winnow_status read_preprocess(const wn_safetensors *file, const char *path, int input,
                                     wn_preprocess *preprocess, winnow_error *error)
{
    *preprocess = (wn_preprocess){.size = input, .fit = WN_FIT_STRETCH, .resample = WN_RESAMPLE_TRIANGLE};
    memcpy(preprocess->mean, imagenet_mean, sizeof imagenet_mean);
    memcpy(preprocess->std, imagenet_std, sizeof imagenet_std);
    const char *mean = wn_safetensors_metadata(file, "winnow.mean");
    const char *std = wn_safetensors_metadata(file, "winnow.std");
    const char *channels = wn_safetensors_metadata(file, "winnow.channels");
    if (mean && !read_three(mean, preprocess->mean))
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s: winnow.mean is not three numbers", path);
    if (std && (!read_three(std, preprocess->std) ||
                fminf(fminf(preprocess->std[0], preprocess->std[1]), preprocess->std[2]) <= 0))
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s: winnow.std is not three numbers above 0", path);
    if (channels && strcmp(channels, "rgb") != 0 && strcmp(channels, "bgr") != 0)
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s: winnow.channels is neither rgb nor bgr", path);
    preprocess->bgr = channels && !strcmp(channels, "bgr");
    return WINNOW_OK;
}

/* ---- weights ---- */

typedef struct loading {
    const wn_safetensors *file;
    const char *path;
    float *data;
    winnow_status status;
    winnow_error *error;
} loading;

static bool same_shape(const wn_tensor *tensor, int rank, const uint64_t *shape)
{
    bool same = tensor->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = tensor->shape[i] == shape[i];
    return same;
}

static int load_tensor(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count,
                       void *context)
{
    loading *l = context;
    const wn_tensor *tensor = wn_safetensors_find(l->file, name);
    const bool embedding = !strncmp(name, "embedding.", 10);
    if (embedding && (!tensor || !same_shape(tensor, rank, shape)))
        return 0; /* stays freshly drawn */
    if (!tensor)
        l->status = wn_fail(l->error, WINNOW_ERROR_FORMAT, -1,
                            "%s: no tensor %s; is it a backbone? `winnow import` makes one", l->path, name);
    else if (!same_shape(tensor, rank, shape))
        l->status = wn_fail(l->error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                            "%s: tensor %s has another shape than the network's", l->path, name);
    else
        l->status = wn_safetensors_floats(l->file, name, count, l->data + offset, l->error);
    return l->status != WINNOW_OK;
}

/* The width multiplier: what the file says, or the one whose first and last convolutions have the shapes at
 * hand. */
static winnow_status find_network(const wn_safetensors *file, const char *path, int input, int embedding,
                                  wn_network *network, winnow_error *error)
{
    static const float widths[] = {1, 0.35f, 0.5f, 0.75f, 1.3f, 1.4f};
    const char *architecture = wn_safetensors_metadata(file, "winnow.network");
    const char *width = wn_safetensors_metadata(file, "winnow.width");
    if (width)
        return wn_network_create(architecture ? architecture : "mobilenet_v2", strtof(width, NULL), input,
                                 embedding, network, error);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        winnow_status status = wn_network_create("mobilenet_v2", widths[i], input, embedding, network, error);
        if (status)
            return status;
        char name[64];
        const wn_layer *last = &network->layer[network->count - 1],
                       *middle = &network->layer[network->count / 2];
        snprintf(name, sizeof name, "%s.weight", last->conv);
        const wn_tensor *tensor = wn_safetensors_find(file, name);
        if (!tensor || tensor->rank != 4 || tensor->shape[0] != (uint64_t)last->cout ||
            tensor->shape[1] != (uint64_t)last->cin)
            continue;
        snprintf(name, sizeof name, "%s.weight", middle->conv);
        tensor = wn_safetensors_find(file, name);
        if (tensor && tensor->rank == 4 && tensor->shape[0] == (uint64_t)middle->cout)
            return WINNOW_OK;
    }
    return wn_fail(
        error, WINNOW_ERROR_FORMAT, -1,
        "%s: not a MobileNetV2 with torchvision's tensor names; `winnow import` makes one of other files",
        path);
}

winnow_status wn_backbone_load(const char *path, int input, int embedding, uint64_t seed,
                               wn_backbone *backbone, winnow_error *error)
{
    *backbone = (wn_backbone){0};
    wn_safetensors *file = NULL;
    winnow_status status = wn_safetensors_read(path, &file, error);
    if (!status)
        status = find_network(file, path, input, embedding, &backbone->network, error);
    if (!status)
        status = read_preprocess(file, path, input, &backbone->preprocess, error);
    if (!status)
        status = wn_params_create(&backbone->network, &backbone->params, error);
    if (!status) {
        wn_params_initialise(&backbone->network, seed, &backbone->params);
        loading l = {.file = file, .path = path, .data = backbone->params.data, .error = error};
        wn_network_tensors(&backbone->network, load_tensor, &l);
        status = l.status;
    }
    if (!status) {
        const wn_network *network = &backbone->network;
        snprintf(backbone->name, sizeof backbone->name, "%s %.3g", network->architecture->name,
                 (double)network->width);
        snprintf(backbone->hash, sizeof backbone->hash, "%016llx",
                 (unsigned long long)XXH3_64bits(backbone->params.data,
                                                 network->embedding_weight * sizeof(float)));
    } else {
        wn_backbone_free(backbone);
    }
    wn_safetensors_free(file);
    return status;
}

void wn_backbone_free(wn_backbone *backbone)
{
    wn_params_free(&backbone->params);
}

bool wn_backbone_default(char *path, size_t size)
{
    const char *home = getenv("WINNOW_HOME"), *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
    const char *base = home && *home ? home : data && *data ? data : user && *user ? user : "";
    const char *below = home && *home ? "" : data && *data ? "/winnow" : "/.local/share/winnow";
    struct stat info;
    snprintf(path, size, "%s%s/backbones/efficientnet_lite0.safetensors", base, below);
    return !stat(path, &info) && S_ISREG(info.st_mode);
}
