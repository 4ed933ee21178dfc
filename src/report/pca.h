/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WN_REPORT_PCA_H
#define WN_REPORT_PCA_H

#include <stdbool.h>
#include <stddef.h>

/* The first two principal components of the L2-normalised rows of x (count, size): out (count, 2), each axis
 * scaled to [0, 1]. Deterministic (orthogonal iteration from a fixed start). False on out of memory. */
bool pca_map(const float *x, size_t count, int size, float *out);

#endif
