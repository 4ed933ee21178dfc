/* SPDX-License-Identifier: Apache-2.0
 * The gate's resize as ONNX nodes. */
#ifndef WN_ONNX_RESIZE_H
#define WN_ONNX_RESIZE_H

#include "onnx_writer.h"
#include "runtime/preprocess.h"

/* Adds the nodes from the bytes `image` (N, height, width, 3) to the returned floats 0..255 of whole levels
 * (N, 3, size, size). half[size] (i + 1/2, filled here) must live until the write. */
const char *wn_onnx_resize(wn_onnx *onnx, const wn_preprocess *preprocess, const char *image, double *half);

#endif
