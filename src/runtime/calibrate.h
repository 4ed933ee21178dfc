/* SPDX-License-Identifier: Apache-2.0
 * From the scores of held-out normals to a threshold with a promise, by conformal calibration.
 *
 * The scores come from gates that did not see the photo (a held-out split, or one gate per left-out group).
 * A new photo's p-value is the share of them, itself included, that look no more normal. Photos that are
 * exchangeable with the calibration photos have p <= a with probability at most a, whatever the score.
 * docs/calibration.md says what is assumed and what follows. */
#ifndef WN_CALIBRATE_H
#define WN_CALIBRATE_H

#include "error.h"

#include <stdbool.h>

/* What is asked for. */
typedef struct wn_promise {
    double false_reject; /* share of normals that may be turned away, 0 < . < 0.5 */
    double confidence;   /* 0: holds on average over calibration sets (marginal). Else, e.g. 0.95: holds with
                            this probability over the draw of the calibration set (PAC) */
} wn_promise;

enum {
    WN_CALIBRATION_KNOTS = 4096, /* most steps of the p-value function that are kept */
    WN_UNSURE_DIVISOR = 5        /* rejected, but accepted at false_reject/5: "unsure" */
};

/* Scores that differ by less, relative to 1 + |score|, are taken for equal: float32 sums in another order. */
#define WN_CALIBRATION_ROUNDING 1e-5f

/* What tells the sources of photos apart. */
typedef enum wn_source_kind {
    WN_SOURCE_UNKNOWN, /* an older gate, or an app's own names */
    WN_SOURCE_FOLDER,
    WN_SOURCE_CAMERA,
    WN_SOURCE_BURST /* in time, of photos of one camera: a session */
} wn_source_kind;

/* The p-value as a step function of the score, and the threshold. */
typedef struct wn_calibration {
    wn_promise promise;
    int count;           /* normals that it was calibrated on */
    int groups;          /* sources that they came from; 1 where unknown */
    wn_source_kind kind; /* of these: bursts where some are of the same camera */
    int cameras;         /* that bursts are of, a folder counting as one; 0 where kind is unknown */
    bool over_groups;    /* the promise is over new sources, not over new photos of the same ones */
    float threshold;     /* score >= threshold: normal */
    float unsure;        /* unsure <= score < threshold: unsure; below: abnormal. unsure <= threshold */
    float least_p;       /* p of scores below score[0] */
    int knots;           /* 1 to WN_CALIBRATION_KNOTS */
    float *score, *p; /* [knots], owned: p[j] is the p-value of score[j] <= s < score[j+1]; both ascending */
} wn_calibration;

/* The rank k (1 = lowest) of the calibration score that keeps the promise with n photos, or 0 where n cannot
 * carry it. Marginal: floor(a (n+1)). PAC: the largest k with P(Beta(k, n+1-k) <= a) >= confidence (Vovk,
 * 2012; Bates et al., arXiv 2104.08279). */
int wn_calibration_rank(int n, wn_promise promise);

/* The least number of photos that carry the promise. */
int wn_calibration_needed(wn_promise promise);

/* The least number of groups for which a marginal promise over new groups can be given. */
int wn_calibration_groups_needed(wn_promise promise);

/* Calibrates on score[count] (finite, any order). group[count] (ids >= 0, or NULL) names each photo's source:
 * with wn_calibration_groups_needed groups or more, and a marginal promise, every group weighs the same and
 * the promise is over new groups (hierarchical conformal prediction: Dunn et al., arXiv 1809.07441; Lee et
 * al., arXiv 2306.06342). Refuses with WINNOW_ERROR_DATA, and the number of photos that are needed, where
 * they are too few. Free with wn_calibration_free. */
winnow_status wn_calibrate(const float *score, const int *group, int count, wn_promise promise,
                           wn_calibration *calibration, winnow_error *error);
void wn_calibration_free(wn_calibration *calibration);

float wn_calibration_p_value(const wn_calibration *calibration, float score);
winnow_verdict wn_calibration_verdict(const wn_calibration *calibration, float score);

/* winnow_gauge, and what it measures with: the p-value of the threshold, and the step of similarity below it.
 */
typedef struct wn_gauge_scale {
    float p_value, spread;
} wn_gauge_scale;

wn_gauge_scale wn_calibration_gauge_scale(const wn_calibration *calibration);
float wn_calibration_gauge(const wn_calibration *calibration, float score, float p);

#endif
