/* SPDX-License-Identifier: Apache-2.0
 * The few vector operations that the scorers share. Sums run in 16 fixed lanes, so a score has the same bits
 * whatever the instruction set. */
#ifndef WN_VECTOR_H
#define WN_VECTOR_H

#include <math.h>
#include <string.h>

static inline float wn_dot(const float *a, const float *b, int n)
{
    enum { LANES = 16 };
    float sum[LANES] = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sum[lane] += a[i + lane] * b[i + lane];
    for (int lane = 0; i + lane < n; lane++)
        sum[lane] += a[i + lane] * b[i + lane];
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++)
            sum[lane] += sum[lane + half];
    return sum[0];
}

/* x / |x|, in place. A zero vector stays zero: it is at cosine 0 from everything. */
static inline void wn_normalise(float *x, int n)
{
    float norm = sqrtf(wn_dot(x, x, n));
    if (norm > 0)
        for (int i = 0; i < n; i++)
            x[i] /= norm;
}

#endif
