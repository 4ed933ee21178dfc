/* SPDX-License-Identifier: Apache-2.0
 * An ONNX file as a graph to look things up in. Nothing in it is believed: names may lead nowhere or in a
 * circle, tensors may be shorter than they say. */
#ifndef WN_ONNX_MODEL_H
#define WN_ONNX_MODEL_H

#include "weights.h"

#include "onnx.pb-c.h"

typedef struct wn_onnx_model {
    const Onnx__ModelProto *proto;
    const Onnx__GraphProto *graph; /* never NULL */
    const uint8_t *bytes;          /* of the file, for positions */
    size_t size;
    winnow_error *error;
} wn_onnx_model;

/* Reads bytes[size]; everything that is made is the arena's. */
winnow_status wn_onnx_model_read(const void *bytes, size_t size, wn_arena *arena, wn_onnx_model *model,
                                 winnow_error *error);

/* The first node of that type that takes `tensor` as its first input; NULL if there is none. */
const Onnx__NodeProto *wn_onnx_consumer(const wn_onnx_model *model, const char *op, const char *tensor);

bool wn_onnx_is(const Onnx__NodeProto *node, const char *op);

/* The node's input or output number `index`, "" where it has none. */
const char *wn_onnx_input_name(const Onnx__NodeProto *node, size_t index);
const char *wn_onnx_output_name(const Onnx__NodeProto *node);

/* The constant of that name: an initializer, a Constant node, either of them behind Identity nodes. NULL if
 * it is none. */
const Onnx__TensorProto *wn_onnx_constant_named(const wn_onnx_model *model, const char *name);

/* Attributes, and small constants: `otherwise` where there is none. */
int64_t wn_onnx_int_of(const Onnx__NodeProto *node, const char *name, int64_t otherwise);
float wn_onnx_float_of(const Onnx__NodeProto *node, const char *name, float otherwise);
bool wn_onnx_text_is(const Onnx__NodeProto *node, const char *name, const char *text);

/* Writes exactly `count` whole numbers; false where the attribute, or the constant, is something else. */
bool wn_onnx_ints_of(const Onnx__NodeProto *node, const char *name, size_t count, int64_t *out);
bool wn_onnx_constant_ints(const Onnx__TensorProto *tensor, size_t count, int64_t *out);

/* Describes the tensor's numbers without copying them. Refuses what is not floating point, kept elsewhere, or
 * of another length than its shape says. */
winnow_status wn_onnx_weight(const wn_onnx_model *model, const Onnx__TensorProto *tensor, wn_weight *weight);

#endif
