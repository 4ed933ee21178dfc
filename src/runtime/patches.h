/* SPDX-License-Identifier: Apache-2.0
 * The features of parts of a picture, for a scorer that was made for those of whole ones: means of the maps
 * that the network pools, each pixel of which weighs by its nearness to the patch's centre. Maps may come
 * from several passes over windows of the picture. */
#ifndef WN_PATCHES_H
#define WN_PATCHES_H

#include "preprocess.h"
#include "samples.h"

enum { WN_PATCHES = WINNOW_EXPLAIN_SIDE * WINNOW_EXPLAIN_SIDE };

/* Memory is the caller's; NULL where a feature is not wanted. */
typedef struct wn_patches {
    int dim[WN_FEATURES];
    float *sum[WN_FEATURES];  /* (patches, dim) */
    float weight[WN_PATCHES]; /* of what was summed */
} wn_patches;

void wn_patches_clear(wn_patches *patches);

/* Adds the maps of a window: map[f] is (grid, grid, dim), or NULL. */
void wn_patches_add(wn_patches *patches, wn_window window, int grid, const float *const map[WN_FEATURES]);

/* The mean over a patch -> out[dim], not normalised. */
void wn_patches_mean(const wn_patches *patches, int patch, wn_feature feature, float *out);

#endif
