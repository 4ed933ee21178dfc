/* SPDX-License-Identifier: Apache-2.0
 * Features of many photos at once: decode, preprocess, one forward pass, on all cores. What a frozen backbone
 * trains on, and what the scorers are fitted to. */
#ifndef WN_FEATURE_SET_H
#define WN_FEATURE_SET_H

#include "../runtime/plan.h"
#include "../runtime/preprocess.h"
#include "pool.h"

#include <stdbool.h>

/* Row-major matrices of the photos that could be read; row i belongs to photo index[i] of the list that was
 * asked for. */
typedef struct wn_feature_set {
    size_t count;
    size_t *index;
    int bottleneck_size, features_size, early_size, middle_size;
    float *bottleneck; /* (count, bottleneck_size) mean over the grid of the linear bottleneck */
    float *features;   /* (count, features_size) mean over the grid of the last layer */
    float *early;      /* (count, early_size) mean over the map of layer network.early */
    float *middle;     /* (count, middle_size) mean over that of network.middle */
} wn_feature_set;

typedef struct wn_feature_options {
    const wn_network *network;
    const wn_plan *plan;
    const wn_preprocess *preprocess;
    wn_pool *pool;
    /* One line for each photo that cannot be read; called from the calling thread, in order. May be NULL. */
    void (*bad)(void *context, size_t index, const char *line);
    /* Called from time to time by worker threads, one at a time. May be NULL. */
    void (*progress)(void *context, size_t done, size_t count);
    void *context;
    const volatile int
        *stop; /* non-zero: give up soon with WINNOW_ERROR_ARGUMENT "interrupted"; may be NULL */
} wn_feature_options;

/* Free the result with wn_feature_set_free, also after a failure. */
winnow_status wn_features_compute(const wn_feature_options *options, const char *const *path, size_t count,
                                  wn_feature_set *set, winnow_error *error);
void wn_feature_set_free(wn_feature_set *set);

#endif
