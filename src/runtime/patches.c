/* SPDX-License-Identifier: Apache-2.0
 * Sums of map pixels under Gaussian windows. */
#include "patches.h"

#include <math.h>
#include <string.h>

static const double deviation = 0.7 / WINNOW_EXPLAIN_SIDE; /* of the Gaussian: docs/scorers.md */

void wn_patches_clear(wn_patches *patches)
{
    memset(patches->weight, 0, sizeof patches->weight);
    for (int f = 0; f < WN_FEATURES; f++)
        if (patches->sum[f])
            memset(patches->sum[f], 0, sizeof *patches->sum[f] * WN_PATCHES * (size_t)patches->dim[f]);
}

/* Of a pixel of the window's map, for a patch: by the distance between their centres. */
static float weigh(wn_window window, int grid, int pixel, int patch)
{
    const double x = window.left + window.side * (pixel % grid + 0.5) / grid,
                 y = window.top + window.side * (pixel / grid + 0.5) / grid;
    const double across = x - (patch % WINNOW_EXPLAIN_SIDE + 0.5) / WINNOW_EXPLAIN_SIDE,
                 down = y - (patch / WINNOW_EXPLAIN_SIDE + 0.5) / WINNOW_EXPLAIN_SIDE;
    return (float)exp(-(across * across + down * down) / (2 * deviation * deviation));
}

static void add(float *sum, const float *x, float weight, int count)
{
    for (int i = 0; i < count; i++)
        sum[i] += weight * x[i];
}

void wn_patches_add(wn_patches *patches, wn_window window, int grid, const float *const map[WN_FEATURES])
{
    for (int patch = 0; patch < WN_PATCHES; patch++)
        for (int pixel = 0; pixel < grid * grid; pixel++) {
            const float weight = weigh(window, grid, pixel, patch);
            patches->weight[patch] += weight;
            for (int f = 0; f < WN_FEATURES; f++)
                if (patches->sum[f])
                    add(patches->sum[f] + (size_t)patch * (size_t)patches->dim[f],
                        map[f] + (size_t)pixel * (size_t)patches->dim[f], weight, patches->dim[f]);
        }
}

void wn_patches_mean(const wn_patches *patches, int patch, wn_feature feature, float *out)
{
    const size_t dim = (size_t)patches->dim[feature];
    for (size_t i = 0; i < dim; i++)
        out[i] = patches->sum[feature][(size_t)patch * dim + i] / patches->weight[patch];
}
