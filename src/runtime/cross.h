/* SPDX-License-Identifier: Apache-2.0
 * Scores of photos by gates that never saw them, which is what calibration and the choice of a scorer need.
 *
 * Normals are left out a source at a time where three sources or more share them well enough
 * (docs/calibration.md; a random split promises 5% and rejects 13-44% on a camera it never saw), else in
 * blocks of neighbours, of each class alike, so that the frames of a burst stay together: a source of nearly
 * all photos, judged by a gate made of the few others, would set a threshold that lets everything pass.
 * Abnormals likewise, in turns of their own, from two sources on; but look-alikes that the gate was taught in
 * blocks, whatever their sources: a gate of none of them has another scale. */
#ifndef WN_CROSS_H
#define WN_CROSS_H

#include "calibrate.h"
#include "scorer.h"

enum {
    WN_MOST_FOLDS = 10, /* more sources than that are left out several at a time */
    WN_TAUGHT_FOLDS = 5 /* of the look-alikes that the gate was taught */
};

typedef struct wn_folds {
    int normals, abnormals; /* folds of each kind; ids count from 0 in both */
    int normal_groups;      /* sources of the normals */
    bool by_group;          /* the normals' folds are whole sources */
    int *fold;              /* [samples.count], owned */
} wn_folds;

winnow_status wn_folds_create(const wn_samples *samples, wn_folds *folds, winnow_error *error);
void wn_folds_free(wn_folds *folds);

/* Fits to all samples, and scores each sample by a gate that was fitted without its fold:
 * score[samples.count]. Several parts are standardised by the mean and deviation of these scores over the
 * normals. Abnormals are scored only if asked (it doubles the time); else score is 0 for them. NaN for a
 * look-alike that was taught alone. */
winnow_status wn_cross_fit(const wn_scorer_spec *spec, const wn_samples *samples, const wn_folds *folds,
                           const wn_class_vectors *classes, bool abnormals, wn_scorer *scorer, float *score,
                           winnow_error *error);

/* Scores each sample, abnormals too, by a gate of that spec that was fitted without its fold: as scores of
 * the gate whose scorer `scale` is, so that its thresholds can judge them. Standardised by themselves they
 * may have another centre and spread: where that gate was fitted to other photos, or remembers but a part of
 * them. */
winnow_status wn_cross_score(const wn_scorer_spec *spec, const wn_scorer *scale, const wn_samples *samples,
                             const wn_class_vectors *classes, float *score, winnow_error *error);

/* Calibration on the out-of-fold scores of the normals. */
winnow_status wn_cross_calibrate(const wn_samples *samples, const wn_folds *folds, const float *score,
                                 wn_promise promise, wn_calibration *calibration, winnow_error *error);

#endif
