/* SPDX-License-Identifier: Apache-2.0 */
#include "keep.h"

#include <math.h>

static double dot(int size, const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < size; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

double wn_keep_loss(int n, int size, float weight, const float *features, const float *targets,
                    float *d_features)
{
    double sum = 0;
    for (int image = 0; image < n; image++) {
        const float *f = features + (long)image * size, *t = targets + (long)image * size;
        float *d = d_features + (long)image * size;
        const double f_length = sqrt(dot(size, f, f)), t_length = sqrt(dot(size, t, t));
        const double both = f_length * t_length, cosine = both > 0 ? dot(size, f, t) / both : 0;
        /* |u - v|^2 = 2 - 2 u.v of unit vectors, and d(u.v)/df = (v - (u.v) u) / |f| */
        const double step = both > 0 ? -2 * (double)weight / n / f_length : 0;
        for (int i = 0; i < size; i++)
            d[i] = both > 0 ? (float)(step * (t[i] / t_length - cosine * f[i] / f_length)) : 0;
        sum += 2 - 2 * cosine;
    }
    return (double)weight * sum / n;
}
