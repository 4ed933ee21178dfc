/* SPDX-License-Identifier: Apache-2.0
 * A pretrained backbone: convolution weights and norms from a safetensors file with torchvision's names, such
 * as `winnow import` writes, and what its input must look like. */
#ifndef WN_BACKBONE_H
#define WN_BACKBONE_H

#include "../runtime/network.h"
#include "../runtime/preprocess.h"

typedef struct wn_backbone {
    wn_network network;
    wn_params params; /* all of the network's; the embedding, unless the file has one of this size, freshly
                         drawn from the seed */
    wn_preprocess preprocess; /* size, channel order, mean and std; fit stretch, triangle filter */
    char name[64];            /* "mobilenet_v2 1.0" */
    bool folded;              /* its norms were folded into the convolutions: good for frozen use alone */
    char hash[17];            /* 16 hexadecimal digits of the XXH3-64 of the weights, for provenance */
} wn_backbone;

/* Reads `path` for square inputs of side `input` and embeddings of length `embedding`. A file without
 * winnow's metadata is taken for torchvision's MobileNetV2 (RGB, mean .485 .456 .406, std .229 .224 .225);
 * its width follows from the shapes. Free with wn_backbone_free. */
winnow_status wn_backbone_load(const char *path, int input, int embedding, uint64_t seed,
                               wn_backbone *backbone, winnow_error *error);
void wn_backbone_free(wn_backbone *backbone);

/* The backbone to start from where none is named: mobilenet_v2.safetensors, or else
 * efficientnet_lite0.safetensors, of the folder backbones/ in $WINNOW_HOME, or $XDG_DATA_HOME/winnow, or
 * ~/.local/share/winnow. Writes the path to path[size]; true if there is a file, else the path is where
 * `winnow backbone get` will put one. */
bool wn_backbone_default(char *path, size_t size);

#endif
