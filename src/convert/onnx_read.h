/* SPDX-License-Identifier: Apache-2.0
 * Weights out of an ONNX file: matched by the graph, so that names do not matter. From the first 3x3
 * convolution of three channels at stride 2 the chain of convolutions is followed, with its norms (folded or
 * not), ReLU6 and shortcuts; the tensors get torchvision's names by their place in it. */
#ifndef WN_ONNX_READ_H
#define WN_ONNX_READ_H

#include "weights.h"

/* Whether bytes[size] begins like one. */
bool wn_onnx_recognise(const void *bytes, size_t size);

/* Appends the chain's tensors to *weights (zeroed before), whose memory holds their data, and fills its
 * wiring. On failure *weights holds some of them and is still to be freed. */
winnow_status wn_onnx_parse(const void *bytes, size_t size, wn_weights *weights, winnow_error *error);

#endif
