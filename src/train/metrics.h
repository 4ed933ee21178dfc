/* SPDX-License-Identifier: Apache-2.0
 * How well scores tell normals (the positives; higher scores) from abnormals, and how sure a measured rate
 * is. */
#ifndef WN_METRICS_H
#define WN_METRICS_H

#include "../runtime/error.h"

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

/* One-sided Kolmogorov-Smirnov test that p[count] (0..1) lean low: D+ = sup(share of p <= t) - t. Photos that
 * the gate finds less normal than those it was calibrated on give small p-values; leaning high only means
 * that its promise is cautious. *significance is exact for continuous uniforms (Birnbaum and Tingey, 1951).
 * Sorts p. */
double wn_ks_lean_low(float *p, size_t count, double *significance);

#endif
