/* SPDX-License-Identifier: Apache-2.0
 * Weights as other programs store them: named tensors, whatever the file around them. Nothing is copied or
 * computed until wn_weight_floats asks for one tensor, so a hostile file cannot make a small one grow. */
#ifndef WN_WEIGHTS_H
#define WN_WEIGHTS_H

#include "../runtime/preprocess.h"
#include "../runtime/safetensors.h"
#include "arena.h"

typedef struct wn_weight {
    const char *name;
    wn_dtype dtype;
    int rank;
    uint64_t shape[WN_MAX_RANK],
        stride[WN_MAX_RANK]; /* strides in elements; every element lies in the file */
    const uint8_t *data;     /* of any alignment */
    uint64_t where;          /* byte position of data in the file */
} wn_weight;

/* How a convolution is used, where the file says so. */
typedef struct wn_wiring {
    const char *name;
    int stride, pad_before, pad_after;
    bool same;     /* TensorFlow's SAME padding, instead of pads */
    bool relu6;    /* follows; else nothing does */
    int residual;  /* index of the convolution whose block's output is added; -1: none */
    float epsilon; /* of its norm; 0 where that is folded */
} wn_wiring;

typedef struct wn_weights {
    const char *format; /* "PyTorch", "safetensors", "ONNX"; static */
    wn_weight *item;
    size_t count, capacity;
    const wn_wiring *wiring; /* [wiring_count] of the convolutions in order, or NULL */
    int wiring_count;
    bool has_input; /* the file says what the network expects: bgr, mean and std of `input` */
    wn_preprocess input;
    wn_arena memory; /* holds names and items */
} wn_weights;

/* Reads the weights in bytes[size], which must outlive *weights. The kind of file is told by its content: a
 * PyTorch checkpoint (ZIP or legacy), safetensors or ONNX. Tensors come in file order. Free with
 * wn_weights_free; nothing is left to free on failure. */
winnow_status wn_weights_parse(const void *bytes, size_t size, wn_weights *weights, winnow_error *error);
void wn_weights_free(wn_weights *weights);

/* NULL if there is none of that name. */
const wn_weight *wn_weights_find(const wn_weights *weights, const char *name);

bool wn_weight_has_shape(const wn_weight *weight, int rank, const uint64_t *shape);

/* Writes every number, the last dimension varying fastest, to out[product of shape]. Refuses whole numbers,
 * NaN and infinity. */
winnow_status wn_weight_floats(const wn_weight *weight, float *out, winnow_error *error);

/* ---- for the readers ---- */

/* Appends a weight, contiguous until the reader says otherwise; NULL when memory runs out. */
wn_weight *wn_weights_add(wn_weights *weights, const char *name, wn_dtype dtype, int rank,
                          const uint64_t *shape);

/* The number of elements from the first to the last that the shape and strides reach, both included; 0 where
 * a dimension is 0. False where it does not fit 63 bits. */
bool wn_weight_span(const wn_weight *weight, uint64_t *span);

#endif
