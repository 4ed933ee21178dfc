/* SPDX-License-Identifier: Apache-2.0
 * An ONNX file under construction: nodes, constants, inputs and outputs in the order in which they are added.
 * All its memory is taken at the start, so that a graph can be built like a formula. */
#ifndef WN_ONNX_WRITER_H
#define WN_ONNX_WRITER_H

#include "onnx.pb-c.h"
#include "runtime/error.h"

#include <stdbool.h>

typedef struct wn_onnx wn_onnx;

/* NULL when memory runs out. Opset 13, IR version 7. */
wn_onnx *wn_onnx_create(const char *graph_name);
void wn_onnx_free(wn_onnx *onnx);

/* A copy of a formatted name that lives as long as the file: "features.0.0.weight". */
const char *wn_onnx_name(wn_onnx *onnx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A node with one output, which it is named after, and the inputs that follow, up to NULL. Returns `output`.
 * Attributes that are set afterwards are the newest node's. */
const char *wn_onnx_node(wn_onnx *onnx, const char *op, const char *output, ...) __attribute__((sentinel));
void wn_onnx_add_input(wn_onnx *onnx, const char *input); /* one more for the newest node */
void wn_onnx_add_output(wn_onnx *onnx, const char *output);
void wn_onnx_int(wn_onnx *onnx, const char *attribute, int64_t value);
void wn_onnx_ints(wn_onnx *onnx, const char *attribute, int count, const int64_t *value);

/* A constant of that type and shape; data is borrowed until the write. Returns `name`. */
const char *wn_onnx_constant(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                             const int64_t *shape, const void *data);

/* A constant of one element (rank 0), or a vector of at most 8 whole numbers; copied. Return `name`. */
const char *wn_onnx_float(wn_onnx *onnx, const char *name, float value);
const char *wn_onnx_byte(wn_onnx *onnx, const char *name, uint8_t value);
const char *wn_onnx_double(wn_onnx *onnx, const char *name, double value);
const char *wn_onnx_whole(wn_onnx *onnx, const char *name, int count, const int64_t *value);

/* Inputs and outputs of the whole. A dimension of 0 is the batch, "N"; -1 any height, -2 any width. */
void wn_onnx_input(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                   const int64_t *shape, bool image);
void wn_onnx_output(wn_onnx *onnx, const char *name, Onnx__TensorProto__DataType type, int rank,
                    const int64_t *shape);

/* metadata_props; both are borrowed. */
void wn_onnx_metadata(wn_onnx *onnx, const char *key, const char *value);

winnow_status wn_onnx_write(wn_onnx *onnx, const char *path, winnow_error *error);

#endif
