/* SPDX-License-Identifier: Apache-2.0
 * How well scores tell normals (the positives; higher scores) from abnormals, and how sure a measured rate
 * is. */
#ifndef WN_METRICS_H
#define WN_METRICS_H

#include "../runtime/calibrate.h"

/* One point of the ROC curve: what is accepted at score >= threshold. */
typedef struct wn_roc_point {
    float threshold; /* +infinity at the first point */
    double tpr;      /* share of the normals accepted */
    double fpr;      /* share of the abnormals accepted */
} wn_roc_point;

typedef struct wn_roc {
    size_t count; /* one point per distinct score, and one before them: (0, 0) ... (1, 1) */
    wn_roc_point *point;
    double auroc;         /* P(normal > abnormal) + P(equal)/2: exact, ties counted half */
    double fpr_at_95_tpr; /* the least FPR of a threshold that accepts 95% of the normals or more */
} wn_roc;

/* Needs at least one score of each kind and no NaN. Free with wn_roc_free. */
winnow_status wn_roc_create(const float *normal, size_t normals, const float *abnormal, size_t abnormals,
                            wn_roc *roc, winnow_error *error);
void wn_roc_free(wn_roc *roc);

/* Exact (Clopper-Pearson) two-sided interval for a rate of which `hits` in `count` were seen; confidence e.g.
 * 0.95. Never too narrow. count 0 gives [0, 1]. */
typedef struct wn_interval {
    double low, high;
} wn_interval;
wn_interval wn_rate_interval(size_t hits, size_t count, double confidence);

/* One-sided two-sample Smirnov test that the scores behind p[count], p-values of a gate, lean lower than the
 * `calibrated` scores that they were taken from: D+ = sup over s of (share of the new <= s) - (share of the
 * calibration's <= s). Photos that the gate finds less normal than those it was calibrated on give small
 * p-values; leaning high only means that its promise is cautious. The p-values share one calibration set and
 * are no independent uniforms, which is why both samples count. *significance is at most a with probability
 * at most a where all scores are exchangeable; exact without ties up to 2e7 pairs, never too small beyond.
 * sources: how many of p are independent: count, or fewer where photos come in groups; 1 to count. Sorts p.
 */
double wn_smirnov_lean_low(float *p, size_t count, size_t sources, size_t calibrated, double *significance);

/* The false-reject rate that the draw of the calibration photos alone explains: the threshold is the k-th
 * lowest of their scores, so the rate behind it is Beta(k, calibrated + 1 - k); the quantile that it exceeds
 * in 2.5% of the draws. At least promise.false_reject; 1 where so few photos carry no promise. */
double wn_explained_rate(int calibrated, wn_promise promise);

#endif
