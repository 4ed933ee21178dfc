/* SPDX-License-Identifier: Apache-2.0
 * Multinomial logistic regression with an L2 penalty, and the temperature that makes its probabilities
 * honest. */
#ifndef WN_SOFTMAX_H
#define WN_SOFTMAX_H

#include "../runtime/error.h"

/* Rows x (n, d) of class label[n] (0 to classes-1, each there at least once), each with a weight. Minimises
 *     sum |w_c|^2 / (2 strength) + sum of weight[i] * -log softmax(W x[i] + b)[label[i]]
 * which is scikit-learn's LogisticRegression(C = strength); the intercepts are not penalised. w: (classes, d
 * + 1), the intercept last. Truncated Newton, as src/runtime/logistic.c. */
winnow_status wn_softmax_fit(const float *x, const int *label, const float *weight, int n, int d, int classes,
                             double strength, float *w, winnow_error *error);

/* The T > 0 (0.05 to 20) for which softmax(logit / T) is most likely to give the labels (Guo et al., arXiv
 * 1706.04599). logit (n, classes); rows with label -1 do not count. 1 where there are none. */
double wn_softmax_temperature(const float *logit, const int *label, int n, int classes);

/* Index of the greatest logit, and its probability at a temperature. */
int wn_softmax_best(const float *logit, int classes, double temperature, float *probability);

#endif
