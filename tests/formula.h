/* SPDX-License-Identifier: Apache-2.0
 * Weights and pictures from a formula that tests/oracle/plan.py knows too: goldens need no files of weights.
 */
#ifndef FORMULA_H
#define FORMULA_H

#include "runtime/network.h"

#include <math.h>
#include <string.h>

/* Value `index` of stream `stream`: uniform in [-1, 1), a multiple of 2^-23. */
static inline float formula(uint32_t stream, uint32_t index)
{
    uint32_t x = stream * 0x9e3779b1u + index;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return (float)((x ^ (x >> 16)) >> 8) / 8388608.0f - 1;
}

typedef struct formula_state {
    float *data;
    uint32_t stream;
} formula_state;

/* Tensor number s takes stream s: (u is its uniform value)  weights u sqrt(6 / inputs of one output), norms'
 * scale 1 + u/4, shift and mean u/4, variance 1 + u/2. */
static inline int formula_tensor(const char *name, int rank, const uint64_t *shape, size_t offset,
                                 size_t count, void *context)
{
    formula_state *state = context;
    uint64_t inputs = 1;
    for (int i = 1; i < rank; i++)
        inputs *= shape[i];
    for (size_t i = 0; i < count; i++) {
        const double u = formula(state->stream, (uint32_t)i);
        double value = u / 4;
        if (rank > 1)
            value = u * sqrt(6.0 / (double)inputs);
        else if (strstr(name, "running_var"))
            value = 1 + u / 2;
        else if (strstr(name, ".weight"))
            value = 1 + u / 4;
        state->data[offset + i] = (float)value;
    }
    state->stream++;
    return 0;
}

static inline void formula_params(const wn_network *network, wn_params *params)
{
    formula_state state = {params->data, 0};
    wn_network_tensors(network, formula_tensor, &state);
}

/* Picture number `picture`: stream 1000 + picture, in the order (row, column, colour). */
static inline void formula_image(int input, uint32_t picture, float *image)
{
    for (uint32_t i = 0; i < (uint32_t)(input * input * 3); i++)
        image[i] = formula(1000 + picture, i);
}

#endif
