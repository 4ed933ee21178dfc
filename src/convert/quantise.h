/* SPDX-License-Identifier: Apache-2.0
 * 8-bit weights with a scale for each output channel; arithmetic stays float. */
#ifndef WN_QUANTISE_H
#define WN_QUANTISE_H

#include "graph.h"

/* Whether the node's weights go into 8 bits: those of 1x1 convolutions and of the embedding. The few of first
 * and depthwise convolutions stay floats, as rounding them costs nine tenths of what rounding all would; and
 * a scorer's small differences would not survive it. */
bool wn_node_quantised(const wn_graph *graph, const wn_node *node);

/* weight (rows, inner) -> small (rows, inner), -127 to 127, and scale[rows]: weight is about small * scale.
 */
void wn_quantise(const float *weight, size_t rows, size_t inner, int8_t *small, float *scale);

#endif
