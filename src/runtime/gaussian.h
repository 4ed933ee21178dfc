/* SPDX-License-Identifier: Apache-2.0
 * Means and covariances of feature vectors that are often fewer than their dimensions. Matrices are dense,
 * row-major float32; symmetric ones keep both halves. */
#ifndef WN_GAUSSIAN_H
#define WN_GAUSSIAN_H

#include "error.h"

/* mean[d] = sum of weight[i] * rows[i]; weights sum to 1. */
void wn_weighted_mean(const float *rows, const float *weight, int n, int d, float *mean);

/* Adds to covariance (d, d) the sum over i of share * weight[i] * (rows[i] - mean)(rows[i] - mean)^T, and to
 * *fourth_moment what Ledoit-Wolf shrinkage needs: the sum of (share * weight[i] * |rows[i] - mean|^2)^2.
 * Allocates n*d floats. */
winnow_status wn_add_covariance(const float *rows, const float *weight, int n, int d, const float *mean,
                                float share, float *covariance, double *fourth_moment, winnow_error *error);

/* (1 - shrinkage) * covariance + shrinkage * (mean variance) * identity, in place. */
void wn_shrink(float *covariance, int d, double shrinkage);

/* The shrinkage of Ledoit and Wolf (2004), as scikit-learn's ledoit_wolf(assume_centered=True) has it, for n
 * samples with this empirical covariance and fourth moment. */
double wn_ledoit_wolf(const float *covariance, int n, int d, double fourth_moment);

/* covariance = L L^T; L replaces the lower half, the upper is zeroed. DATA error where it is not positive
 * definite. */
winnow_status wn_cholesky(float *covariance, int d, winnow_error *error);

/* Solves L L^T x = b in place. */
void wn_cholesky_solve(const float *lower, int d, float *b);

/* The inverse of a lower triangular matrix; allocates d*d floats. */
winnow_status wn_lower_inverse(float *lower, int d, winnow_error *error);

#endif
