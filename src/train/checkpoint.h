/* SPDX-License-Identifier: Apache-2.0
 * What a training needs to go on exactly where it stopped: weights, optimizer state, the best weights so far,
 * the place in the schedule and the log, all in one safetensors file that is replaced atomically. */
#ifndef WN_CHECKPOINT_H
#define WN_CHECKPOINT_H

#include "../runtime/network.h"
#include "../runtime/safetensors.h"

/* A float32 array of the training state, by name; the memory belongs to the training. */
typedef struct wn_state_array {
    char name[64];
    int rank;
    uint64_t shape[4];
    float *data;
    size_t count;
} wn_state_array;

enum { WN_STATE_MAX = 3 * (5 * WN_MAX_LAYERS + 3) };

typedef struct wn_state {
    size_t count;
    wn_state_array array[WN_STATE_MAX];
} wn_state;

/* Adds one array; name = prefix + name. */
void wn_state_add(wn_state *state, const char *prefix, const char *name, int rank, const uint64_t *shape,
                  float *data);

/* Adds every tensor of `network` that lies in base[0, limit), named prefix + its torchvision name. */
void wn_state_add_network(wn_state *state, const char *prefix, const wn_network *network, float *base,
                          size_t limit);

/* Where the training stands. */
typedef struct wn_progress {
    int epoch;       /* epochs completed */
    int step;        /* batches completed of the epoch after those */
    double loss_sum; /* over those batches */
    int best_epoch;  /* 0: none yet */
    double best_auroc, best_fpr;
    char *fingerprint; /* settings and data, one `name=value` a line; owned, malloc'ed */
    char *log;         /* the CSV log so far; owned, malloc'ed */
} wn_progress;

void wn_progress_free(wn_progress *progress);

winnow_status wn_checkpoint_write(const char *path, const wn_state *state, const wn_progress *progress,
                                  winnow_error *error);

/* Fills the arrays of `state` (which must have been laid out for the same network) and *progress. Refuses a
 * checkpoint whose fingerprint is not `fingerprint`, naming the first setting that differs. */
winnow_status wn_checkpoint_read(const char *path, const char *fingerprint, wn_state *state,
                                 wn_progress *progress, winnow_error *error);

#endif
