/* SPDX-License-Identifier: Apache-2.0
 * What a gate remembers of photos: their features, whether they are normal, and where they came from. A gate
 * is fitted, calibrated and taught from this and from nothing else. */
#ifndef WN_SAMPLES_H
#define WN_SAMPLES_H

#include "error.h"

#include <stdbool.h>

/* What the network says of a photo. */
typedef enum wn_feature {
    WN_BOTTLENECK, /* mean over the grid of the linear bottleneck before the last 1x1 convolution: 320 */
    WN_POOLED,     /* mean over the grid of the last layer: 1280 */
    WN_EMBEDDING,  /* the trained embedding */
    WN_EARLY,      /* mean over the map of the last block at a quarter of the input's side: 24. Colour and
                      texture, which the later layers have forgotten */
    WN_MIDDLE,     /* mean over the map of the first block of the last row at a sixteenth: 96 or 112. Parts of
                      things, where the bottleneck has whole ones */
    WN_FEATURES
} wn_feature;

/* "bottleneck", "pooled", "embedding", "early", "middle". */
const char *wn_feature_name(wn_feature feature);

enum { WN_ABNORMAL = 0, WN_MAX_DIM = 8192, WN_MAX_GROUPS = 4096 };

typedef struct wn_samples {
    int count, capacity;
    int dim[WN_FEATURES];        /* 0 where the feature is not kept */
    float *feature[WN_FEATURES]; /* (count, dim), rows L2-normalised; NULL where not kept */
    int *label;                  /* [count] WN_ABNORMAL, or 1 and up: normal (its class) */
    int *group;                  /* [count] source: a camera, a folder, a burst; 0 to WN_MAX_GROUPS-1 */
    int first_learned; /* abnormals of groups from this one on are look-alikes that the gate was taught;
                          WN_MAX_GROUPS: none */
} wn_samples;

/* Empty, for features of the given lengths (0: not kept). */
void wn_samples_init(wn_samples *samples, const int dim[WN_FEATURES]);
void wn_samples_free(wn_samples *samples);

/* Appends one photo. Its features are copied, L2-normalised and rounded to half precision (in which the gate
 * file keeps them, so that a gate taught later is the same gate). Those that are not kept may be NULL.
 * Refuses NaN and infinity. */
winnow_status wn_samples_add(wn_samples *samples, const float *const feature[WN_FEATURES], int label,
                             int group, winnow_error *error);

/* How many are normal. */
int wn_samples_normals(const wn_samples *samples);

/* Keeps at most `most` normals and `most` abnormals: an even share of each group (small groups are kept
 * whole), drawn by a hash of the features, so that what stays is a random sample (calibration needs that)
 * and the same one every time. Order is kept; *boundary (NULL is allowed), a row, moves with its rows. */
winnow_status wn_samples_thin(wn_samples *samples, int most, int *boundary, winnow_error *error);

/* Keeps the rows that stays[count] marks, in their order. */
void wn_samples_keep(wn_samples *samples, const unsigned char *stays);

/* The row of samples that has the features of row `row` of other, which keeps the same ones, to the bit; -1:
 * there is none. */
int wn_samples_find(const wn_samples *samples, const wn_samples *other, int row);

/* *copy is empty before, and freed by the caller. */
winnow_status wn_samples_copy(const wn_samples *samples, wn_samples *copy, winnow_error *error);

/* Drops the rows before *boundary that have the features of a row after it, whatever the labels: what is told
 * last holds. *boundary moves with its rows; *dropped counts. */
winnow_status wn_samples_drop_known(wn_samples *samples, int *boundary, int *dropped, winnow_error *error);

#endif
