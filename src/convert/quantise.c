/* SPDX-License-Identifier: Apache-2.0 */
#include "quantise.h"

#include <math.h>

bool wn_node_quantised(const wn_graph *graph, const wn_node *node)
{
    if (node->op == WN_OP_CONVOLVE)
        return node->layer->kernel == 1;
    return node->op == WN_OP_DENSE && graph->node[node->input[0]].op == WN_OP_MEAN;
}

void wn_quantise(const float *weight, size_t rows, size_t inner, int8_t *small, float *scale)
{
    for (size_t c = 0; c < rows; c++, weight += inner, small += inner) {
        float most = 0;
        for (size_t k = 0; k < inner; k++)
            most = fmaxf(most, fabsf(weight[k]));
        scale[c] = most > 0 ? most / 127 : 1;
        for (size_t k = 0; k < inner; k++)
            small[k] = (int8_t)lrintf(weight[k] / scale[c]);
    }
}
