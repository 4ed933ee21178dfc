/* SPDX-License-Identifier: Apache-2.0
 * The network as ONE table of inverted-residual rows, expanded to a list of convolutions. Training,
 * inference, import and export all read this list; nothing else knows what MobileNetV2 or EfficientNet-Lite0
 * looks like. */
#ifndef WN_NETWORK_H
#define WN_NETWORK_H

#include "error.h"

#include <stdbool.h>

/* One row of the table: `repeats` inverted residuals; the first has `stride`, the others 1. */
typedef struct wn_row {
    int kernel, repeats, stride, expansion, channels;
} wn_row;

typedef enum wn_padding {
    WN_PADDING_SYMMETRIC, /* (kernel-1)/2 on every side: PyTorch */
    WN_PADDING_SAME       /* TensorFlow: total max((ceil(in/s)-1)*s + k - in, 0), the smaller half before */
} wn_padding;

typedef struct wn_architecture {
    const char *name;         /* "mobilenet_v2", "efficientnet_lite0" */
    int stem, head;           /* channels of the first 3x3 s2 and of the last 1x1 convolution, at width 1 */
    bool scale_stem_and_head; /* with the width multiplier? (head only above 1: MobileNetV2) */
    wn_padding padding;
    float norm_epsilon, norm_momentum; /* momentum as PyTorch's: new = (1-m)*old + m*batch */
    int row_count;
    wn_row row[8];
} wn_architecture;

/* NULL if there is none of that name. */
const wn_architecture *wn_architecture_find(const char *name);
const wn_architecture *wn_architecture_at(int index); /* NULL past the end */

/* Output channels of the first layer at that width, as wn_network_create makes it. */
int wn_stem_channels(const wn_architecture *architecture, float width);

typedef enum wn_layer_kind { WN_STEM, WN_EXPAND, WN_DEPTHWISE, WN_PROJECT, WN_LAST } wn_layer_kind;

/* One convolution with its batch norm and activation: y = act(norm(conv(x))) [+ output of layer `residual`].
 * Its input is the output of the layer before it (the image for layer 0), shape (N, in, in, cin); output (N,
 * out, out, cout). Offsets index wn_params.data. Layouts are PyTorch's: 1x1 weight (cout, cin); depthwise
 * (cout, kernel, kernel); stem (cout, 3, kernel, kernel). */
typedef struct wn_layer {
    wn_layer_kind kind;
    int kernel, stride, pad_before, pad_after;
    int cin, cout, in, out;
    bool relu6;   /* else linear */
    int residual; /* index of the layer whose output is added, or -1 */
    int row;      /* of its output channel 0 among those of all layers */
    size_t weight, gamma, beta, mean, var;
    size_t weight_count;
    char conv[32],
        norm[32]; /* tensor name prefixes: "features.2.conv.0.0" (+ ".weight"), "features.2.conv.0.1" (+
                     ".weight", ".bias", ".running_mean", ".running_var") */
} wn_layer;

enum { WN_MAX_LAYERS = 96 };

typedef struct wn_network {
    const wn_architecture *architecture;
    float width;    /* 0.35 to 1.4 */
    int input;      /* side of the square input, 96 to 224 */
    int embedding;  /* length of the embedding, 8 to 2048 */
    int count;      /* of layers */
    int bottleneck; /* channels of the linear bottleneck before the last 1x1 (layer count-2): 320 */
    int early;      /* the layer that ends the last block at a quarter of the input's side: 24 channels */
    int middle;     /* that which ends the first block of the last row at a sixteenth: 96 or 112 channels */
    int features;   /* channels of the last layer: 1280 */
    int grid;       /* side of the last map: 4 at 128x128 */
    size_t embedding_weight, embedding_bias; /* offsets: (embedding, features), (embedding) */
    size_t trainable; /* params.data[0, trainable) are learned; the rest, up to total, are running means and
                         variances */
    size_t total;
    int rows; /* output channels of all layers; those of the embedding come last */
    wn_layer layer[WN_MAX_LAYERS];
} wn_network;

/* Expands the table. Refuses parameters outside their ranges. */
winnow_status wn_network_create(const char *architecture, float width, int input, int embedding,
                                wn_network *network, winnow_error *error);

/* Multiply-adds for one image. */
uint64_t wn_network_macs(const wn_network *network);

/* All weights in one block, 64-byte aligned. */
typedef struct wn_params {
    float *data;   /* [network.total] */
    float *scale;  /* [network.rows], where the weights were bytes (gate_bytes.h): of each; else NULL */
    int8_t *bytes; /* [network.total], then: those bytes, at the offsets of what they stand for in data */
} wn_params;

winnow_status wn_params_create(const wn_network *network, wn_params *params,
                               winnow_error *error); /* zeroed */
void wn_params_free(wn_params *params);

/* A fresh start: convolutions kaiming_normal fan_out, norms 1/0 (running 0/1), embedding as torch.nn.Linear
 * (uniform +-1/sqrt(features)). */
void wn_params_initialise(const wn_network *network, uint64_t seed, wn_params *params);

/* Calls visit for every tensor in file order, e.g. ("features.0.0.weight", 4, {32,3,3,3}, offset, context).
 * Stops at, and returns, the first non-zero. */
typedef int (*wn_tensor_visitor)(const char *name, int rank, const uint64_t *shape, size_t offset,
                                 size_t count, void *context);
int wn_network_tensors(const wn_network *network, wn_tensor_visitor visit, void *context);

#endif
