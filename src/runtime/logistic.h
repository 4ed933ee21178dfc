/* SPDX-License-Identifier: Apache-2.0
 * Logistic regression with an L2 penalty. */
#ifndef WN_LOGISTIC_H
#define WN_LOGISTIC_H

#include "error.h"

/* What a fit leaves for fits to nearly the same rows (one source fewer, a few photos more), which it makes
 * three times as fast; their minimum is the same. {0} before the first. */
typedef struct wn_logistic {
    float *w;         /* [d + 1] the minimum, b last; owns the others too */
    float *mean;      /* [d] of the rows, weighted by curvature */
    float *lower;     /* (d, d) Cholesky factor of the Hessian at w, without b */
    double curvature; /* its sum over the rows */
} wn_logistic;

void wn_logistic_free(wn_logistic *known);

/* Rows x (n, d) of class `sign` (+1 or -1), each with a weight. Minimises
 *     |w|^2 / (2 strength) + sum of weight[i] * log(1 + exp(-sign[i] (w . x[i] + b)))
 * which is scikit-learn's LogisticRegression(C = strength, sample_weight = weight); the intercept b is not
 * penalised. w[d] receives the direction. known: NULL, or of an earlier fit with the same d and strength, or
 * {0}, which this fit fills; freed by the caller. Allocates about n + 7 d doubles, and, to fill `known`,
 * n d + d^2 floats. */
winnow_status wn_logistic_fit(const float *x, const float *sign, const float *weight, int n, int d,
                              double strength, wn_logistic *known, float *w, winnow_error *error);

#endif
