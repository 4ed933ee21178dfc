/* SPDX-License-Identifier: Apache-2.0 */
#include "backbone.h"

#include "../runtime/metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

/* What PyTorch's MobileNetV2 is trained with. */
static const wn_preprocess torchvision = {.mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};

/* Whether the file is one of winnow's, and says what its network is. */
static bool is_ours(const wn_safetensors *file)
{
    return wn_safetensors_metadata(file, "winnow.kind");
}

static winnow_status read_preprocess(const wn_safetensors *file, int input, wn_preprocess *preprocess,
                                     winnow_error *error)
{
    *preprocess = torchvision;
    preprocess->size = input;
    return is_ours(file) ? wn_metadata_input(file, preprocess, error) : WINNOW_OK;
}

/* ---- weights ---- */

typedef struct loading {
    const wn_safetensors *file;
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
                            "no tensor %s; is it a backbone? `winnow import` makes one", name);
    else if (!same_shape(tensor, rank, shape))
        l->status = wn_fail(l->error, WINNOW_ERROR_FORMAT, (int64_t)tensor->offset,
                            "tensor %s has another shape than the network's", name);
    else
        l->status = wn_safetensors_floats(l->file, name, count, l->data + offset, l->error);
    return l->status != WINNOW_OK;
}

/* The architecture and width that the file says. */
static winnow_status read_network(const wn_safetensors *file, int input, int embedding, wn_network *network,
                                  winnow_error *error)
{
    const char *architecture;
    double width;
    winnow_status status = wn_metadata_text(file, "winnow.architecture", &architecture, error);
    if (!status)
        status = wn_metadata_number(file, "winnow.width", 0.35, 1.4, &width, error);
    return status ? status : wn_network_create(architecture, (float)width, input, embedding, network, error);
}

/* MobileNetV2 with the width whose middle and last convolutions have the shapes at hand. */
static winnow_status guess_network(const wn_safetensors *file, int input, int embedding, wn_network *network,
                                   winnow_error *error)
{
    static const float widths[] = {1, 0.35f, 0.5f, 0.75f, 1.3f, 1.4f};
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
        "not a MobileNetV2 with torchvision's tensor names; `winnow import` makes one of other files");
}

/* Everything, before the file's name is put in front of what went wrong. */
static winnow_status load(const wn_safetensors *file, int input, int embedding, uint64_t seed,
                          wn_backbone *backbone, winnow_error *error)
{
    const char *precision = wn_safetensors_metadata(file, "winnow.precision");
    if (precision && !strcmp(precision, "int8"))
        return wn_fail(
            error, WINNOW_ERROR_UNSUPPORTED, -1,
            "a gate of `winnow quantize` cannot be trained from: give the one that it was made of");
    winnow_status status =
        (is_ours(file) ? read_network : guess_network)(file, input, embedding, &backbone->network, error);
    if (!status)
        status = read_preprocess(file, input, &backbone->preprocess, error);
    if (!status)
        status = wn_params_create(&backbone->network, &backbone->params, error);
    if (status)
        return status;
    wn_params_initialise(&backbone->network, seed, &backbone->params);
    loading l = {.file = file, .data = backbone->params.data, .error = error};
    wn_network_tensors(&backbone->network, load_tensor, &l);
    const char *norms = wn_safetensors_metadata(file, "winnow.norms");
    backbone->folded = norms && !strcmp(norms, "folded");
    return l.status;
}

winnow_status wn_backbone_load(const char *path, int input, int embedding, uint64_t seed,
                               wn_backbone *backbone, winnow_error *error)
{
    *backbone = (wn_backbone){0};
    wn_safetensors *file = NULL;
    winnow_status status = wn_safetensors_read(path, &file, error);
    if (status)
        return status;
    status = load(file, input, embedding, seed, backbone, error);
    wn_safetensors_free(file);
    if (status) {
        wn_backbone_free(backbone);
        return wn_fail_prefix(error, status, path);
    }
    const wn_network *network = &backbone->network;
    snprintf(backbone->name, sizeof backbone->name, "%s %.3g", network->architecture->name,
             (double)network->width);
    snprintf(
        backbone->hash, sizeof backbone->hash, "%016llx",
        (unsigned long long)XXH3_64bits(backbone->params.data, network->embedding_weight * sizeof(float)));
    return WINNOW_OK;
}

void wn_backbone_free(wn_backbone *backbone)
{
    wn_params_free(&backbone->params);
}

static bool is_there(const char *folder, const char *network, char *path, size_t size)
{
    struct stat info;
    snprintf(path, size, "%s/%s.safetensors", folder, network);
    return !stat(path, &info) && S_ISREG(info.st_mode);
}

bool wn_backbone_default(char *path, size_t size)
{
    char folder[4096];
    const char *home = getenv("WINNOW_HOME"), *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
    const char *base = home && *home ? home : data && *data ? data : user && *user ? user : "";
    const char *below = home && *home ? "" : data && *data ? "/winnow" : "/.local/share/winnow";
    snprintf(folder, sizeof folder, "%s%s/backbones", base, below);
    return is_there(folder, "mobilenet_v2", path, size) ||
           is_there(folder, "efficientnet_lite0", path, size) || is_there(folder, "mobilenet_v2", path, size);
}
