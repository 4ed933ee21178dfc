/* SPDX-License-Identifier: Apache-2.0
 * Logistic regression with an L2 penalty. */
#ifndef WN_LOGISTIC_H
#define WN_LOGISTIC_H

#include "error.h"

/* Rows x (n, d) of class `sign` (+1 or -1), each with a weight. Minimises
 *     |w|^2 / (2 strength) + sum of weight[i] * log(1 + exp(-sign[i] (w . x[i] + b)))
 * which is scikit-learn's LogisticRegression(C = strength, sample_weight = weight); the intercept b is not
 * penalised. w[d] receives the direction. Allocates about n + 6 d doubles. */
winnow_status wn_logistic_fit(const float *x, const float *sign, const float *weight, int n, int d,
                              double strength, float *w, winnow_error *error);

#endif
